"""Reductions over the elements that a mask is True for.

`dim` is one dimension, several, or None for all. Where nothing is left, the result is the identity of the operation (0
of a sum), nan for a mean, a median and a variance.
"""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.pointwise import logaddexp as _logaddexp
from refnet._ops.pointwise import maximum
from refnet._ops.reduce import vector_norm
from refnet.masked._fill import dims_reduced, filled, full_mask, highest, lowest


def _added_in(input: Any, dtype: Any) -> Any:
    """The type of a sum or a product: integers are added as int64 unless `dtype` says otherwise."""
    if dtype is not None:
        return dtype
    return input.dtype if input.is_floating_point() else _dtype.int64


def sum(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The sum of the elements that the mask is True for.

    >>> import refnet
    >>> refnet.masked.sum(refnet.tensor([1.0, 2.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(5.)
    """
    x = filled(input, mask, 0, "masked.sum")
    return x.sum(dims_reduced(dim, input.ndim), keepdim=bool(keepdim), dtype=_added_in(input, dtype))


def prod(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The product of the elements that the mask is True for.

    >>> import refnet
    >>> refnet.masked.prod(refnet.tensor([3.0, 0.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(12.)
    """
    x = filled(input, mask, 1, "masked.prod").to(_added_in(input, dtype))
    for d in reversed(dims_reduced(dim, input.ndim)):
        x = x.prod(d, keepdim=bool(keepdim))
    return x


def amax(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The largest of the elements that the mask is True for; equal ones share the gradient.

    >>> import refnet
    >>> refnet.masked.amax(refnet.tensor([1.0, 5.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(4.)
    """
    expect_tensor(input, "masked.amax")
    x = filled(input, mask, lowest(input), "masked.amax")
    return x.amax(dims_reduced(dim, input.ndim), keepdim=bool(keepdim)).to(dtype or input.dtype)


def amin(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The smallest of the elements that the mask is True for; equal ones share the gradient."""
    expect_tensor(input, "masked.amin")
    x = filled(input, mask, highest(input), "masked.amin")
    return x.amin(dims_reduced(dim, input.ndim), keepdim=bool(keepdim)).to(dtype or input.dtype)


def argmax(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The position of the largest of the elements that the mask is True for, in the type of input, as in torch.

    >>> import refnet
    >>> refnet.masked.argmax(refnet.tensor([1.0, 5.0, 4.0]), 0, mask=refnet.tensor([True, False, True]))
    tensor(2.)
    """
    expect_tensor(input, "masked.argmax")
    return filled(input, mask, lowest(input), "masked.argmax").argmax(dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The position of the smallest of the elements that the mask is True for, in the type of input, as in torch."""
    expect_tensor(input, "masked.argmin")
    return filled(input, mask, highest(input), "masked.argmin").argmin(dim, bool(keepdim)).to(dtype or input.dtype)


def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """log sum exp(x) over the elements that the mask is True for; integers are taken as floats."""
    expect_tensor(input, "masked.logsumexp")
    x = filled(input, mask, lowest(input), "masked.logsumexp")
    return x.logsumexp(dims_reduced(dim, input.ndim), keepdim=keepdim).to(dtype or input.dtype)


def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """log(exp(input) + exp(other)), each without what its mask leaves out.

    >>> import refnet
    >>> x = refnet.zeros(2)
    >>> refnet.masked.logaddexp(x, x, other_mask=refnet.tensor([True, False]))
    tensor([0.6931, 0.0000])
    """
    name = "masked.logaddexp"
    expect_tensor(input, name)
    expect_tensor(other, name, "other", 2)
    first, second = filled(input, input_mask, lowest(input), name), filled(other, other_mask, lowest(other), name)
    return _logaddexp(first, second).to(dtype or input.dtype)


def norm(
    input: Any, ord: float = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The p-norm, p = ord, of the elements that the mask is True for.

    >>> import refnet
    >>> refnet.masked.norm(refnet.tensor([3.0, 1.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(5.)
    """
    x = filled(input, mask, math.inf if ord == -math.inf else 0, "masked.norm")
    return vector_norm(x, ord, dims_reduced(dim, input.ndim), keepdim=bool(keepdim), dtype=dtype or input.dtype)


# --- averages -----------------------------------------------------------------------------------------------------


def _count(input: Any, dim: Any, keepdim: bool, mask: Any) -> Any:
    """How many elements count, as int64."""
    mask = input.new_ones((), dtype=_dtype.bool_) if mask is None else mask
    return full_mask(input, mask).sum(dims_reduced(dim, input.ndim), keepdim=bool(keepdim))


def mean(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The mean of the elements that the mask is True for. ValueError for integers without a floating `dtype`.

    >>> import refnet
    >>> refnet.masked.mean(refnet.tensor([1.0, 5.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(2.5000)
    """
    expect_tensor(input, "masked.mean")
    chosen = dtype or input.dtype
    check(
        chosen.is_floating_point,
        lambda: (
            f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a "
            f"floating point or complex dtype. Got: {chosen}"
        ),
        ValueError,
    )
    total = sum(input, dim, keepdim=keepdim, dtype=chosen, mask=mask)
    return total / _count(input, dim, keepdim, mask)


def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The lower median of the elements that the mask is True for; nan is left out too.

    ValueError where nothing is left of a row of integers.

    >>> import refnet
    >>> refnet.masked.median(refnet.tensor([1.0, 5.0, 4.0]), mask=refnet.tensor([True, False, True]))
    tensor(1.)
    """
    expect_tensor(input, "masked.median")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    x = input if input.is_floating_point() else input.to(_dtype.float32)
    out = filled(x, mask, math.nan, "masked.median").nanmedian(d, keepdim).values
    if x is input:
        return out
    check(
        not bool(out.isnan().any().item()),
        lambda: "masked median expects no fully masked out rows if dtype is not floating point",
        ValueError,
    )
    return out.to(dtype or input.dtype)


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """sum (x - mean)^2 / max(n - correction, 0) over the n elements that the mask is True for.

    `correction` is 1 unless it is said, or 0 with `unbiased` False.

    >>> import refnet
    >>> refnet.masked.var(refnet.tensor([1.0, 50.0, 3.0]), mask=refnet.tensor([True, False, True]))
    tensor(2.)
    """
    expect_tensor(input, "masked.var")
    check(
        unbiased is None or correction is None,
        lambda: f"Only one of unbiased and correction may be given, got {unbiased} and {correction}",
        AssertionError,
    )
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    chosen = dtype or (input.dtype if input.is_floating_point() else _dtype.float32)
    computed = chosen if chosen.is_floating_point else _dtype.float32
    count = _count(input, dim, True, mask)
    away = input - sum(input, dim, keepdim=True, dtype=chosen, mask=mask) / count
    total = sum(away * away, dim, keepdim=keepdim, dtype=computed, mask=mask)
    freedom = count.reshape(total.shape)
    if correction != 0:
        freedom = freedom.to(computed) - correction
        freedom = maximum(freedom, freedom.new_zeros(()))
    return (total / freedom).to(chosen)


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """The square root of `var`."""
    return var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask).sqrt()
