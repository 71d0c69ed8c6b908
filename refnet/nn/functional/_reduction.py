"""The `reduction` argument of losses, its deprecated predecessors, and what it does."""

import warnings
from typing import Any

from refnet._check import check

_REDUCTIONS = ("none", "mean", "sum", "elementwise_mean")


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction asked for, the deprecated `size_average` and `reduce` overriding it with a warning."""
    if size_average is not None or reduce is not None:
        averaged = size_average is None or size_average
        reduction = "none" if reduce is False else "mean" if averaged else "sum"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            UserWarning,
            stacklevel=3,
        )
    check(reduction in _REDUCTIONS, lambda: f"{reduction} is not a valid value for reduction", ValueError)
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            UserWarning,
            stacklevel=3,
        )
        return "mean"
    return reduction


def reduced(loss: Any, reduction: str) -> Any:
    """The elementwise loss, its mean, or its sum."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
