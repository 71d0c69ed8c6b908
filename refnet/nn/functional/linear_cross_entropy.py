"""A linear map and the cross-entropy of its scores in one function."""

import math
import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops import linear_cross_entropy as operation
from refnet._ops._args import expect_tensor, type_name
from refnet.nn.functional._arguments import expect_optional_tensor
from refnet.nn.functional.linear import linear
from refnet.nn.functional.loss import cross_entropy

_REDUCTIONS = ("none", "mean", "sum")


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    input (N, D) or (D,), linear_weight (C, D) or, for scores (N, C, d1, ...), (C, d1, ..., D); linear_bias has its shape
    without D. See `cross_entropy` for the rest; `ignore_index` counts as -100 where it is None.

    With `options`, a `refnet.nn.LinearCrossEntropyOptions`, the scores are computed some rows at a time, and once more
    for the gradient, so that (N, C) numbers are never held. That is for class indices and a weight (C, D), without
    smoothing; other calls are warned of, and computed without. There is no second order then.

    >>> import refnet
    >>> x, w = refnet.ones(1, 2), refnet.zeros(4, 2)
    >>> refnet.nn.functional.linear_cross_entropy(x, w, refnet.tensor([3]))
    tensor(1.3863)
    """
    name = "linear_cross_entropy"
    expect_tensor(input, name)
    expect_tensor(linear_weight, name, "linear_weight", 2)
    expect_tensor(target, name, "target", 3)
    expect_optional_tensor(linear_bias, name, "linear_bias", 4)
    expect_optional_tensor(weight, name, "weight", 5)
    check(input.ndim in (1, 2), lambda: f"expected input with dimensionality 1 or 2, got {input.ndim}")
    check(
        linear_weight.ndim >= 2,
        lambda: f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}",
    )
    check(
        input.shape[-1] == linear_weight.shape[-1],
        lambda: (
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        ),
    )
    classes, *places, features = linear_weight.shape
    check(
        linear_bias is None or tuple(linear_bias.shape) == (classes, *places),
        lambda: f"expected linear_bias shape {(classes, *places)}, got {tuple(linear_bias.shape)}",
    )
    check(
        not places or input.ndim == 2,
        lambda: (
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        ),
    )
    shape = (*input.shape[:-1], classes, *places)
    check(
        tuple(target.shape) != shape or ignore_index is None,
        lambda: "ignore_index cannot be specified when target contains probabilities",
    )
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if reduction in _REDUCTIONS and not label_smoothing and target.dtype is _dtype.int64 and not places:
            if shape[0]:  # a batch
                return _by_rows(input, linear_weight, target, linear_bias, weight, reduction, ignored, options)
        else:
            warnings.warn(
                "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
                f"label_smoothing == 0, target.dtype == int64, out_features == (). Got reduction={reduction!r}, "
                f"label_smoothing={label_smoothing}, target.dtype={target.dtype}, out_features={tuple(places)}.",
                UserWarning,
                stacklevel=2,
            )
    rows = math.prod(places, start=classes)
    bias = None if linear_bias is None else linear_bias.reshape(rows)
    scores = linear(input, linear_weight.reshape(rows, features), bias).reshape(shape)
    return cross_entropy(
        scores, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


def _by_rows(
    input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, reduction: str, ignored: int, options: Any
) -> Any:
    """The loss without holding all scores."""
    xp = input.device.xp
    x, y = (input, target) if input.ndim == 2 else (input.unsqueeze(0), target.unsqueeze(0))
    classes, features = linear_weight.shape
    rows = x.shape[0]
    check(
        x.dtype is linear_weight.dtype,
        lambda: f"expected m1 and m2 to have the same dtype, but got: {x.dtype} != {linear_weight.dtype}",
    )
    check(
        x.is_floating_point(),
        lambda: f"\"linear_cross_entropy\" not implemented for '{type_name(x.dtype)}'",
        NotImplementedError,
    )
    check(
        tuple(y.shape) == (rows,), lambda: f"expected target shape {(rows,)} with class indices, got {tuple(y.shape)}"
    )
    check(
        weight is None or tuple(weight.shape) == (classes,),
        lambda: (
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            f"of shape: {list(weight.shape)}"
        ),
    )
    kept = y._array != ignored
    labels = xp.where(kept, y._array, 0)
    wrong = (labels < 0) | (labels >= classes)
    check(
        not on_host(wrong) or not wrong.any(),
        lambda: f"index {int(labels[wrong][0])} is out of bounds for dimension 1 with size {classes} (target)",
    )
    factor = kept.astype("float64")
    if weight is not None:
        factor = xp.where(kept, weight._array[labels].astype("float64"), 0)
    if reduction == "mean":
        total = factor.sum()
        factor = factor / total if not on_host(total) or total else xp.full(rows, xp.nan)  # on a GPU 0 / 0 is nan
    loss = operation.linear_cross_entropy(
        x,
        linear_weight,
        bias if bias is None else bias.to(x.dtype),
        target=labels,
        factor=factor,
        rows_at_once=options._rows_at_once(rows, features, classes, x.dtype, x.device),
        summed=reduction != "none",
    )
    return loss.squeeze(0) if reduction == "none" and input.ndim == 1 else loss
