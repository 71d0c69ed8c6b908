"""Functions along one dimension that skip the elements that a mask is False for, and give as many as they got."""

from typing import Any

from refnet._ops._args import expect_tensor
from refnet._ops.pointwise import maximum
from refnet._ops.softmax import log_softmax as _log_softmax
from refnet._ops.softmax import softmax as _softmax
from refnet.masked._fill import dims_reduced, filled, highest, lowest
from refnet.masked.reductions import norm


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """exp(x_i) / sum exp(x_j) over the j that the mask is True for; 0 for the others, nan where none is left.

    >>> import refnet
    >>> refnet.masked.softmax(refnet.tensor([1.0, 9.0, 1.0]), 0, mask=refnet.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    expect_tensor(input, "masked.softmax")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    return _softmax(filled(input, mask, lowest(input), "masked.softmax"), d, dtype=dtype or input.dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """log of `softmax`: -inf for the elements that are left out."""
    expect_tensor(input, "masked.log_softmax")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    return _log_softmax(filled(input, mask, lowest(input), "masked.log_softmax"), d, dtype=dtype or input.dtype)


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """softmax of -x."""
    expect_tensor(input, "masked.softmin")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    return _softmax(-filled(input, mask, highest(input), "masked.softmin"), d, dtype=dtype or input.dtype)


def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """x / max(|x|, eps), |x| the p-norm, p = ord, over the elements that the mask is True for; 0 for the others.

    >>> import refnet
    >>> refnet.masked.normalize(refnet.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=refnet.tensor([True, False, True]))
    tensor([0.6000, 0.0000, 0.8000])
    """
    x = filled(input, mask, 0, "masked.normalize")
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return x / maximum(length, length.new_tensor(eps))


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The running sum along `dim`, to which what the mask leaves out adds nothing.

    >>> import refnet
    >>> refnet.masked.cumsum(refnet.tensor([1.0, 9.0, 1.0]), 0, mask=refnet.tensor([True, False, True]))
    tensor([1., 1., 2.])
    """
    expect_tensor(input, "masked.cumsum")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    return filled(input, mask, 0, "masked.cumsum").cumsum(d, dtype=dtype or input.dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """The running product along `dim`, which what the mask leaves out does not change."""
    expect_tensor(input, "masked.cumprod")
    (d,) = dims_reduced(dim, input.ndim)[:1] or (0,)
    return filled(input, mask, 1, "masked.cumprod").cumprod(d, dtype=dtype or input.dtype)
