"""Losses that are negative log-likelihoods or divergences, as layers; each forward is one call of its function."""

from typing import Any

from refnet.nn.functional import likelihood as functions
from refnet.nn.modules.loss import _Loss


class KLDivLoss(_Loss):
    """y (log y - x) for log-probabilities x: see `refnet.nn.functional.kl_div`.

    >>> import refnet
    >>> loss = refnet.nn.KLDivLoss(reduction="batchmean", log_target=True)
    >>> loss(refnet.tensor([[-1.0, -2.0]]), refnet.tensor([[-1.0, -2.0]]))
    tensor(0.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        return functions.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class GaussianNLLLoss(_Loss):
    """(log v + (y - x)^2 / v) / 2: see `refnet.nn.functional.gaussian_nll_loss`."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return functions.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class PoissonNLLLoss(_Loss):
    """e^x - y x for counts y: see `refnet.nn.functional.poisson_nll_loss`."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Any, target: Any) -> Any:
        return functions.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )
