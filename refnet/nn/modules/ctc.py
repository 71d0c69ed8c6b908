"""The loss of sequences without alignment as a layer."""

from typing import Any

from refnet.nn.functional.ctc import ctc_loss
from refnet.nn.modules.loss import _Loss


class CTCLoss(_Loss):
    """-log of the probability that frames spell the target: see `refnet.nn.functional.ctc_loss`.

    >>> import refnet
    >>> log_p = refnet.zeros(2, 1, 3).log_softmax(2)
    >>> refnet.nn.CTCLoss()(log_p, refnet.tensor([[1]]), (2,), (1,))
    tensor(1.0986)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
