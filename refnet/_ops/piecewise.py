"""Piecewise: maxima, minima, limits, choices and rounding. A rule says what happens at kinks and ties."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._arrays import as_array
from refnet._ops._pointwise import Pointwise, explain_shapes, maybe_out
from refnet._tape import TensorBase

Array = Any


@Pointwise
def maximum(xp: Any, x: Array, y: Array) -> Array:
    """out = max(x, y), nan if either is        dL/dx = g where x > y, g / 2 at ties; dL/dy likewise"""
    return xp.maximum(x, y)


maximum.tensors = (0, 1)
maximum.vjp(
    x=lambda g, x, y: where(x < y, 0, where(x == y, g / 2, g)),
    y=lambda g, x, y: where(y < x, 0, where(x == y, g / 2, g)),
)


@Pointwise
def minimum(xp: Any, x: Array, y: Array) -> Array:
    """out = min(x, y), nan if either is        dL/dx = g where x < y, g / 2 at ties; dL/dy likewise"""
    return xp.minimum(x, y)


minimum.tensors = (0, 1)
minimum.vjp(
    x=lambda g, x, y: where(x > y, 0, where(x == y, g / 2, g)),
    y=lambda g, x, y: where(y > x, 0, where(x == y, g / 2, g)),
)


@Pointwise
def fmax(xp: Any, x: Array, y: Array) -> Array:
    """out = max(x, y), the number where one is nan        dL/dx = g where x >= y or y is nan; dL/dy = g elsewhere"""
    return xp.fmax(x, y)


@Pointwise
def fmin(xp: Any, x: Array, y: Array) -> Array:
    """out = min(x, y), the number where one is nan        dL/dx = g where x <= y or y is nan; dL/dy = g elsewhere"""
    return xp.fmin(x, y)


fmax.tensors = (0, 1)
fmax.vjp(
    x=lambda g, x, y: where((x >= y) | y.isnan(), g, 0),
    y=lambda g, x, y: where((x >= y) | y.isnan(), 0, g),
)
fmin.tensors = (0, 1)
fmin.vjp(
    x=lambda g, x, y: where((x <= y) | y.isnan(), g, 0),
    y=lambda g, x, y: where((x <= y) | y.isnan(), 0, g),
)


@Pointwise
def clamp_min(xp: Any, x: Array, low: Array) -> Array:
    """out = max(x, low)        dL/dx = g where x >= low        dL/dlow = g where x < low"""
    return xp.maximum(low, x)


clamp_min.tensors = (0,)
clamp_min.vjp(x=lambda g, x, low: where(x >= low, g, 0), low=lambda g, x, low: where(x < low, g, 0))


@Pointwise
def clamp_max(xp: Any, x: Array, high: Array) -> Array:
    """out = min(x, high)        dL/dx = g where x <= high        dL/dhigh = g where x > high"""
    return xp.minimum(high, x)


clamp_max.tensors = (0,)
clamp_max.vjp(x=lambda g, x, high: where(x <= high, g, 0), high=lambda g, x, high: where(x > high, g, 0))


@Pointwise
def clamp_both(xp: Any, x: Array, low: Array, high: Array) -> Array:
    """out = min(max(x, low), high)        dL/dx = g where low <= x <= high

    dL/dlow = g where x < low < high        dL/dhigh = g where x > high or high < low
    """
    return xp.minimum(high, xp.maximum(low, x))


clamp_both.tensors = (0,)
clamp_both.vjp(
    x=lambda g, x, low, high: where((x >= low) & (x <= high), g, 0),
    low=lambda g, x, low, high: where((x < low) & (low < high), g, 0),
    high=lambda g, x, low, high: where((x > high) | (high < low), g, 0),
)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """input limited to [min, max]; each bound is a number, a tensor or None, but not both None.

    >>> import refnet
    >>> refnet.clamp(refnet.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    check(
        min is not None or max is not None,
        lambda: "torch.clamp: At least one of 'min' or 'max' must not be None",
    )
    if max is None:
        return clamp_min(input, min, out=out)
    if min is None:
        return clamp_max(input, max, out=out)
    return clamp_both(input, min, max, out=out)


class _Where(Pointwise):
    """`where` promotes only its two values; the condition stays bool."""

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        condition, *values = inputs
        check(
            isinstance(condition, TensorBase) and condition._array.dtype.kind == "b",
            lambda: (
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{getattr(condition, 'dtype', type(condition).__name__)}"
            ),
        )
        result = self.result_type(tuple(values))
        arrays = [as_array(xp, v._array if isinstance(v, TensorBase) else v, result) for v in values]
        try:
            return self.compute(xp, [condition._array, *arrays], params)
        except ValueError as error:
            explain_shapes(self.__name__, inputs, error)

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        return _dtype.result_type(*inputs).numpy


@_Where
def _select(xp: Any, condition: Array, x: Array, y: Array) -> Array:
    """out = x where condition, else y        dL/dx = g where condition, else 0; dL/dy the reverse"""
    return xp.where(condition, x, y).astype(x.dtype, copy=False)  # cupy has no loop for bfloat16


_select.vjp(
    x=lambda g, condition: where(condition, g, 0),
    y=lambda g, condition: where(condition, 0, g),
)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """input where condition is true, else other, broadcast together.

    With the condition alone, the indices of its true elements, a tuple of one tensor per dimension.

    >>> import refnet
    >>> refnet.where(refnet.tensor([True, False]), refnet.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return _select(condition, input, other, out=out)


# --- rounding -----------------------------------------------------------------------------------------------------


@Pointwise
def floor(xp: Any, x: Array) -> Array:
    """out = the largest integer not above x        dL/dx = 0"""
    return xp.floor(x) if x.dtype.kind == "f" else x.copy()


@Pointwise
def ceil(xp: Any, x: Array) -> Array:
    """out = the smallest integer not below x        dL/dx = 0"""
    return xp.ceil(x) if x.dtype.kind == "f" else x.copy()


@Pointwise
def trunc(xp: Any, x: Array) -> Array:
    """out = x without its fraction        dL/dx = 0"""
    return xp.trunc(x) if x.dtype.kind == "f" else x.copy()


@Pointwise
def round(xp: Any, x: Array, *, decimals: int = 0) -> Array:
    """out = the nearest integer (to `decimals` places), halves to even        dL/dx = 0"""
    if x.dtype.kind != "f":
        return x.copy()
    if decimals == 0:
        return xp.rint(x)
    scale = x.dtype.type(10.0 ** (decimals if decimals > 0 else -decimals))
    return xp.rint(x * scale) / scale if decimals > 0 else xp.rint(x / scale) * scale


for _step in (floor, ceil, trunc, round):
    _step.vjp(x=lambda g: g.new_zeros(g.shape))


# --- infinities and nan -------------------------------------------------------------------------------------------


@Pointwise
def _replace_special(xp: Any, x: Array, *, nan: float, posinf: float, neginf: float) -> Array:
    """out = x, with nan and the infinities replaced        dL/dx = g where x is finite, g 0 elsewhere"""
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_replace_special.vjp(x=lambda g, x: g * x.isfinite())


def nan_to_num(input: Any, nan: Any = None, posinf: Any = None, neginf: Any = None, *, out: Any = None) -> Any:
    """input with nan replaced by `nan` (0), and the infinities by `posinf`, `neginf` (the type's extremes).

    >>> import refnet
    >>> refnet.nan_to_num(refnet.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    if not input.is_floating_point():
        return maybe_out(input.clone(), out, "nan_to_num")
    limits = _dtype.finfo(input.dtype)
    values = {
        "nan": 0.0 if nan is None else nan,
        "posinf": limits.max if posinf is None else posinf,
        "neginf": limits.min if neginf is None else neginf,
    }
    return _replace_special(input, out=out, **values)
