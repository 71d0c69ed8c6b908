"""Losses of classification by margins as layers; each forward is one call of the function of the same name."""

from typing import Any

from refnet._check import check
from refnet.nn.functional import margin as functions
from refnet.nn.modules.loss import _Loss, _WeightedLoss


class MultiMarginLoss(_WeightedLoss):
    """max(0, margin - x[y] + x[c])^p over the wrong classes c: see `refnet.nn.functional.multi_margin_loss`."""

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        check(p in (1, 2), lambda: "only p == 1 and p == 2 supported", ValueError)
        check(
            weight is None or weight.ndim == 1,
            lambda: f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.ndim}D instead",
            ValueError,
        )
        self.p, self.margin = p, margin

    def forward(self, input: Any, target: Any) -> Any:
        return functions.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    """max(0, 1 - x[y] + x[c]) over right classes y, wrong ones c: see `refnet.nn.functional.multilabel_margin_loss`."""

    def forward(self, input: Any, target: Any) -> Any:
        return functions.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross-entropy of logits, the mean over classes: see `refnet.nn.functional.multilabel_soft_margin_loss`."""

    def forward(self, input: Any, target: Any) -> Any:
        return functions.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y x)): see `refnet.nn.functional.soft_margin_loss`.

    >>> import refnet
    >>> refnet.nn.SoftMarginLoss(reduction="sum")(refnet.zeros(2), refnet.tensor([1.0, -1.0]))
    tensor(1.3863)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return functions.soft_margin_loss(input, target, reduction=self.reduction)
