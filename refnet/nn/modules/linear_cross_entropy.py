"""A linear layer with the cross-entropy of its scores, and how to compute it without holding them all."""

import math
from dataclasses import dataclass
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet.nn.functional.linear_cross_entropy import linear_cross_entropy
from refnet.nn.modules.linear import Linear
from refnet.nn.modules.loss import _WeightedLoss

_POLICIES = ("auto", "accurate", "balanced", "compact")
_HALVES = (_dtype.float16, _dtype.bfloat16)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How `refnet.nn.functional.linear_cross_entropy` computes scores some rows at a time. The fields are torch's.

    `batch_chunk_size` is the number of rows at a time (all rows if None), or `chunking_method` finds it:
    "aspect_ratio:k" for a k-th of the rows whose (rows, C) scores are as large as the input (N, D); "auto" is one of
    these, unless a size is given.

    Two fields change nothing here. Sums are in `acc_dtype` float32 for half types and in the input's type otherwise, and
    no gradients are kept, whatever the `acc_policy`; backward computes them anew, hence may run twice without
    `allow_retain_graph`.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        check(self.acc_policy in _POLICIES, lambda: f"invalid acc_policy: {self.acc_policy!r}", ValueError)
        if self.chunking_method not in (None, "auto"):
            name, colon, factor = str(self.chunking_method).partition(":")
            check(
                name == "aspect_ratio" and (not colon or (factor.isdigit() and int(factor) > 0)),
                lambda: f"invalid chunking_method: {self.chunking_method!r}",
                ValueError,
            )
        size = self.batch_chunk_size
        check(
            size is None or (isinstance(size, int) and size > 0),
            lambda: f"batch_chunk_size must be positive int or None, got {size!r}",
            ValueError,
        )
        check(
            self.acc_dtype in (None, *_HALVES, _dtype.float32, _dtype.float64),
            lambda: (
                "acc_dtype must be one of {None, float16, bfloat16, float32, float64}, got "
                f"{self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            ),
            ValueError,
        )

    def _rows_at_once(self, rows: int, features: int, classes: int, dtype: Any, device: Any) -> int:
        """How many of the rows to compute at a time. ValueError where the fields disagree."""
        check(
            self.acc_dtype in (None, dtype) or (dtype in _HALVES and self.acc_dtype is _dtype.float32),
            lambda: (
                f"linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got {self.acc_dtype} "
                f"acc_dtype and {dtype} inputs."
            ),
        )
        given, method = self.batch_chunk_size, self.chunking_method
        if method == "auto":
            on_cpu = device.type == "cpu" and dtype in _HALVES
            method = None if given is not None else "aspect_ratio" if on_cpu else "aspect_ratio:2"
        if method is None:
            return rows if given is None else min(given, rows)
        share = int(method.partition(":")[2] or 1)
        alike = -(-rows // max(1, -(-classes // max(features, 1))))  # as many scores as numbers in the input
        found = min((1 << (alike - 1).bit_length()) // share, rows)
        check(
            given in (None, found),
            lambda: (
                f"batch_chunk_size (={given}) and chunking_method ('{method}') give different chunk sizes ({given} vs "
                f"{found}); pass only one."
            ),
            ValueError,
        )
        return max(1, found)


class LinearCrossEntropyLoss(_WeightedLoss):
    """cross_entropy(x W^T + b, y): see `refnet.nn.functional.linear_cross_entropy`.

    W (C d1 ... , D) and b, if there is one, are those of the layer's `linear`.

    >>> import refnet
    >>> loss = refnet.nn.LinearCrossEntropyLoss(2, 4)
    >>> loss(refnet.zeros(3, 2), refnet.tensor([0, 1, 3])).detach()
    tensor(1.3863)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        check(
            weight is None or tuple(weight.shape) == (num_classes,),
            lambda: f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}",
        )
        check(
            0 <= label_smoothing <= 1,
            lambda: f"expected label_smoothing to be in range [0, 1], got {label_smoothing}",
        )
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Any, target: Any) -> Any:
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
