"""Elementwise operations, with broadcasting and torch's type promotion.

Operands are tensors or Python numbers. Three kinds differ in the type of the result: `Pointwise` gives the promoted
type, `Floating` turns integers into the default floating type first, `Comparison` gives bool. float16 and bfloat16
are computed in float32 and rounded once, as torch does.

Rules leave broadcasting and promotion alone: the backward sweep undoes both (`_tape._fit`).
"""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._tape import Primitive, TensorBase
from refnet._threads import share

Array = Any


class Pointwise(Primitive):
    """An elementwise primitive: promotes its operands, then computes in the promoted type.

    Called with torch's keywords too: ``input=`` and ``other=`` for the operands, ``out=`` for where to write.
    """

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        if params:
            inputs = (*inputs, *(params.pop(name) for name in ("input", "other") if name in params))
            out = params.pop("out", None)
            if out is not None:
                return write_out(self(*inputs, **params), out, self.__name__)
        if len(inputs) != len(self.inputs):
            raise TypeError(f"{self.__name__}() takes {len(self.inputs)} operands but {len(inputs)} were given")
        return super().__call__(*inputs, **params)

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = self.result_type(inputs)
        compute = result if result in _WIDE else _dtype.opmath(result)
        arrays = []
        for x in inputs:
            if isinstance(x, TensorBase):
                array = x._array
                arrays.append(array if array.dtype is compute else _cast(array, compute))
            else:
                arrays.append(_number(x, compute))
        try:
            out = self.compute(xp, arrays, params)
        except ValueError as error:
            _explain_shapes(self.__name__, inputs, error)
        if compute is not result and out.dtype is compute:
            out = out.astype(result)
        return _in_first_layout(xp, arrays, out) if len(arrays) > 1 and out.ndim > 1 else out

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        """The numpy type of the result: that of the tensors where all agree and no number outranks it."""
        common = None
        number = 0  # the highest category among the Python numbers
        for x in inputs:
            if isinstance(x, TensorBase):
                if common is None:
                    common = x._array.dtype
                elif common is not x._array.dtype:
                    return _dtype.result_type(*inputs).numpy
            else:
                number = max(number, _CATEGORY_OF_NUMBER.get(type(x), 3))
        if common is None or number > _CATEGORY_OF_KIND[common.kind]:
            return _dtype.result_type(*inputs).numpy
        return common


def _in_first_layout(xp: Any, arrays: list[Any], out: Array) -> Array:
    """`out` in the memory order of the first operand of its shape: torch's choice where operands disagree."""
    shape, strides = out.shape, out.strides
    for a in arrays:
        if getattr(a, "strides", strides) != strides or getattr(a, "shape", shape) != shape:
            break
    else:
        return out  # all lie in one way, and out as they do
    full = [a for a in arrays if getattr(a, "shape", None) == out.shape and 0 not in a.strides]
    if not full or full[0].strides == out.strides or all(a.strides == full[0].strides for a in full):
        return out
    ordered = xp.empty_like(full[0], dtype=out.dtype)
    ordered[...] = out
    return ordered


def by_blocks(xp: Any, function: Any, x: Array, *others: Array) -> Array:
    """function(x, ...) of arrays that lie alike, in blocks that stay in the cache from one step of it to the next.

    Threads share the blocks. Small arrays, and those that do not lie alike, are computed as a whole.
    """
    alike = all(a.shape == x.shape and a.dtype == x.dtype and a.flags.c_contiguous for a in (x, *others))
    if x.size < 2 * _BLOCK or not alike:
        return function(x, *others).astype(x.dtype, copy=False)
    out = xp.empty(x.shape, x.dtype)
    flat = [a.reshape(-1) for a in (out, x, *others)]

    def work(block: int) -> None:
        into, *parts = (a[block * _BLOCK : (block + 1) * _BLOCK] for a in flat)
        into[...] = function(*parts)

    share(work, -(-x.size // _BLOCK))
    return out


_BLOCK = 1 << 14  # elements
_BOOL = numpy.dtype(bool)
_WIDE = (numpy.dtype("float32"), numpy.dtype("float64"))  # computed in as they are
_CATEGORY_OF_NUMBER = {bool: 0, int: 1, float: 2}
_CATEGORY_OF_KIND = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}  # bfloat16 is of kind V


class Floating(Pointwise):
    """An elementwise primitive whose result is floating: integers become the default dtype."""

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        result = super().result_type(inputs)
        return result if result.kind in "fV" else _dtype.get_default_dtype().numpy


class Comparison(Pointwise):
    """An elementwise primitive that promotes its operands and gives bool; it has no gradient."""


def _cast(array: Array, compute: Any) -> Array:
    """A copy in another type; what is expanded becomes row-major, as in torch."""
    return array.astype(compute, order="C" if 0 in array.strides else "K")


def _number(x: Any, compute: Any) -> Any:
    """A Python number as the kernel wants it: weak, so that the array's type decides."""
    if isinstance(x, numpy.generic):
        x = x.item()
    if compute.kind in "iu" and not isinstance(x, bool):
        check(
            -(2**63) <= x < 2**64,
            lambda: f"value cannot be converted to type int64_t without overflow: {x}",
            OverflowError,
        )
        return int(numpy.int64((x + 2**63) % 2**64 - 2**63).astype(compute))  # wraps, as torch's does
    return float(x) if compute.kind == "f" else x


def _explain_shapes(name: str, inputs: tuple[Any, ...], error: Exception) -> None:
    """Say in torch's words which dimension does not broadcast."""
    shapes = [x.shape for x in inputs if isinstance(x, TensorBase)]
    for position, a in enumerate(shapes):
        for b in shapes[position + 1 :]:
            for back in range(1, min(len(a), len(b)) + 1):
                if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
                    raise RuntimeError(
                        f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) at "
                        f"non-singleton dimension {max(len(a), len(b)) - back} ({name}: {list(a)} and {list(b)})"
                    ) from error
    raise error


def write_out(result: Any, out: Any, name: str) -> Any:
    """Write a result into the tensor given as ``out=``, resized to fit when it is empty."""
    check(
        isinstance(out, TensorBase),
        lambda: f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}",
        TypeError,
    )
    check(
        not (result.requires_grad or out.requires_grad),
        lambda: (
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        ),
    )
    check(
        _dtype.can_cast(result.dtype, out.dtype),
        lambda: f"{name}(): result type {result.dtype} can't be cast to the desired output type {out.dtype}",
    )
    if out.shape != result.shape:
        check(
            out.numel() == 0,
            lambda: f"{name}(): out has shape {list(out.shape)}, but the result has shape {list(result.shape)}",
        )
        out._array = result._array.astype(out._array.dtype)
        out._version_cell[0] += 1
        return out
    return out.copy_(result)


# --- arithmetic ---------------------------------------------------------------------------------------------------


@Pointwise
def add(xp: Any, x: Array, y: Array, *, alpha: Any = 1) -> Array:
    """out = x + alpha y        dL/dx = g        dL/dy = alpha g"""
    if alpha == 1:
        return xp.add(x, y)
    _check_alpha(xp, x, y, alpha)
    return xp.add(x, y * alpha)


add.vjp(x=lambda g: g, y=lambda g, alpha: g if alpha == 1 else g * alpha)
add.direct(x=lambda xp, g: g, y=lambda xp, g, alpha: g if alpha == 1 else g * alpha)


class _Subtraction(Pointwise):
    """`sub` takes no bool, be it a tensor or a Python number, whatever the other operand is."""

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        for x in inputs:
            check(
                not isinstance(x, bool) and getattr(x, "dtype", None) is not _dtype.bool_,
                lambda: (
                    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
                    "a mask, use the `~` or `logical_not()` operator instead."
                ),
            )
        return super().run(xp, inputs, params)


@_Subtraction
def sub(xp: Any, x: Array, y: Array, *, alpha: Any = 1) -> Array:
    """out = x - alpha y        dL/dx = g        dL/dy = -alpha g"""
    _check_alpha(xp, x, y, alpha)
    return xp.subtract(x, y if alpha == 1 else y * alpha)


def _check_alpha(xp: Any, x: Array, y: Array, alpha: Any) -> None:
    check(
        not isinstance(alpha, float) or xp.result_type(x, y).kind == "f",
        lambda: "For integral input tensors, argument alpha must not be a floating point number.",
    )


sub.vjp(x=lambda g: g, y=lambda g, alpha: g * -alpha)
sub.direct(x=lambda xp, g: g, y=lambda xp, g, alpha: g * -alpha)


@Pointwise
def mul(xp: Any, x: Array, y: Array) -> Array:
    """out = x y        dL/dx = g y        dL/dy = g x"""
    return xp.multiply(x, y)


mul.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)
mul.direct(x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)


@Floating
def true_divide(xp: Any, x: Array, y: Array) -> Array:
    """out = x / y        dL/dx = g / y        dL/dy = -g (x / y) / y"""
    return xp.true_divide(x, y)


true_divide.vjp(x=lambda g, y: g / y, y=lambda g, x, y: -g * ((x / y) / y))
true_divide.direct(x=lambda xp, g, y: g / y, y=lambda xp, g, x, y: -g * ((x / y) / y))


@Pointwise
def floor_divide(xp: Any, x: Array, y: Array) -> Array:
    """out = floor(x / y); no gradient. A zero integer divisor raises RuntimeError."""
    _check_divisor(y)
    return xp.floor_divide(x, y)


@Pointwise
def trunc_divide(xp: Any, x: Array, y: Array) -> Array:
    """out = x / y rounded towards zero; no gradient."""
    _check_divisor(y)
    if xp.result_type(x, y).kind == "f":
        return xp.trunc(xp.true_divide(x, y))
    quotient = xp.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x))


def _check_divisor(y: Array) -> None:
    integer = y.dtype.kind in "iu" if hasattr(y, "dtype") else isinstance(y, int)
    check(not integer or numpy.all(y != 0), lambda: "ZeroDivisionError")


floor_divide.vjp(x=lambda g: g.new_zeros(g.shape), y=lambda g: g.new_zeros(g.shape))
trunc_divide.vjp(x=lambda g: g.new_zeros(g.shape), y=lambda g: g.new_zeros(g.shape))


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """input / other, rounded as asked: None (true division), "trunc" (towards zero) or "floor".

    True division of integers gives the default dtype; the rounded forms keep the promoted type.

    >>> import refnet
    >>> refnet.div(refnet.tensor([-7, 7]), 2), refnet.div(refnet.tensor([-7, 7]), 2, rounding_mode="trunc")
    (tensor([-3.5000,  3.5000]), tensor([-3,  3]))
    """
    kinds = {None: true_divide, "trunc": trunc_divide, "floor": floor_divide}
    check(
        rounding_mode in kinds,
        lambda: (
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '" + str(rounding_mode) + "'"
        ),
    )
    return kinds[rounding_mode](input, other, out=out)


@Pointwise
def remainder(xp: Any, x: Array, y: Array) -> Array:
    """out = x - y floor(x / y), with the sign of y        dL/dx = g        dL/dy = -g floor(x / y)"""
    _check_divisor(y)
    return xp.remainder(x, y)


remainder.vjp(x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y))


@Pointwise
def fmod(xp: Any, x: Array, y: Array) -> Array:
    """out = x - y trunc(x / y), with the sign of x        dL/dx = g        dL/dy = -g trunc(x / y)"""
    _check_divisor(y)
    return xp.fmod(x, y)


fmod.vjp(x=lambda g: g, y=lambda g, x, y: -g * trunc_divide(x, y))


@Pointwise
def neg(xp: Any, x: Array) -> Array:
    """out = -x        dL/dx = -g"""
    check(
        x.dtype.kind != "b",
        lambda: (
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        ),
    )
    return xp.negative(x)


neg.vjp(x=lambda g: -g)
neg.direct(x=lambda xp, g: -g)


@Pointwise
def power(xp: Any, x: Array, y: Array) -> Array:
    """out = x ^ y        dL/dx = g y x^(y-1), 0 where y = 0        dL/dy = g out log x, 0 where x = 0 and y >= 0"""
    integer = xp.result_type(x, y).kind in "iu"
    check(
        not integer or isinstance(y, int) is False or y >= 0,
        lambda: "Integers to negative integer powers are not allowed.",
    )
    if integer and hasattr(y, "dtype"):
        negative = y < 0  # 1 / x^|y|, truncated, as torch computes it
        magnitude = xp.power(x, xp.abs(y))
        return xp.where(negative, (magnitude == 1) * 1 + (magnitude == -1) * -1, magnitude).astype(magnitude.dtype)
    if not hasattr(x, "dtype"):
        return xp.ascontiguousarray(xp.power(x, y))  # row-major also for a transposed y, as torch's is
    return x**y if isinstance(y, int | float) else xp.power(x, y)


def _power_base(g: Any, x: Any, y: Any) -> Any:
    if isinstance(y, TensorBase):
        return where(eq(y, 0), 0.0, g * (y * power(x, sub(y, 1))))
    return g.new_zeros(g.shape) if y == 0 else g * (power(x, y - 1) * y)


def _power_exponent(g: Any, x: Any, y: Any, out: Any) -> Any:
    if isinstance(x, TensorBase):
        return g * where(logical_and(eq(x, 0), ge(y, 0)), 0.0, out * log(x))
    return where(y >= 0, 0.0, g * (out * -math.inf)) if x == 0 else g * (out * math.log(x) if x > 0 else out * math.nan)


power.vjp(x=_power_base, y=_power_exponent)


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """input ^ exponent, elementwise; either may be a number.

    >>> import refnet
    >>> refnet.pow(2.0, refnet.tensor([1.0, 2.0, 3.0]))
    tensor([2., 4., 8.])
    """
    return power(input, exponent, out=out)


@Pointwise
def abs(xp: Any, x: Array) -> Array:
    """out = |x|        dL/dx = g sign(x)"""
    return xp.absolute(x)


abs.vjp(x=lambda g, x: g * x.sign())


@Pointwise
def sign(xp: Any, x: Array) -> Array:
    """out = -1, 0 or 1; 0 for nan        dL/dx = 0"""
    if x.dtype.kind == "b":
        return x.copy()
    signs = xp.sign(x)
    return xp.where(xp.isnan(signs), signs.dtype.type(0), signs) if x.dtype.kind == "f" else signs


sign.vjp(x=lambda g: g.new_zeros(g.shape))


@Floating
def reciprocal(xp: Any, x: Array) -> Array:
    """out = 1 / x        dL/dx = -g out^2"""
    return xp.true_divide(1.0, x)


reciprocal.vjp(x=lambda g, out: -g * (out * out))


@Pointwise
def square(xp: Any, x: Array) -> Array:
    """out = x^2        dL/dx = 2 g x"""
    return xp.multiply(x, x)


square.vjp(x=lambda g, x: g * (x * 2))


# --- exponentials, roots, trigonometry ----------------------------------------------------------------------------


@Floating
def sqrt(xp: Any, x: Array) -> Array:
    """out = sqrt(x)        dL/dx = g / (2 out)"""
    return xp.sqrt(x)


sqrt.vjp(x=lambda g, out: g / (out * 2))


@Floating
def rsqrt(xp: Any, x: Array) -> Array:
    """out = 1 / sqrt(x)        dL/dx = -g out^3 / 2"""
    return xp.true_divide(1.0, xp.sqrt(x))


rsqrt.vjp(x=lambda g, out: g * (out * out * out) * -0.5)


@Floating
def exp(xp: Any, x: Array) -> Array:
    """out = e^x        dL/dx = g out"""
    return xp.exp(x)


exp.vjp(x=lambda g, out: g * out)


@Floating
def exp2(xp: Any, x: Array) -> Array:
    """out = 2^x        dL/dx = g out ln 2"""
    return xp.exp2(x)


exp2.vjp(x=lambda g, out: g * out * math.log(2))


@Floating
def expm1(xp: Any, x: Array) -> Array:
    """out = e^x - 1        dL/dx = g (out + 1)"""
    return xp.expm1(x)


expm1.vjp(x=lambda g, out: g * (out + 1))


@Floating
def log(xp: Any, x: Array) -> Array:
    """out = ln x        dL/dx = g / x"""
    return xp.log(x)


log.vjp(x=lambda g, x: g / x)


@Floating
def log1p(xp: Any, x: Array) -> Array:
    """out = ln(1 + x)        dL/dx = g / (1 + x)"""
    return xp.log1p(x)


log1p.vjp(x=lambda g, x: g / (x + 1))


@Floating
def log2(xp: Any, x: Array) -> Array:
    """out = log2 x        dL/dx = g / (x ln 2)"""
    return xp.log2(x)


log2.vjp(x=lambda g, x: g / (x * math.log(2)))


@Floating
def log10(xp: Any, x: Array) -> Array:
    """out = log10 x        dL/dx = g / (x ln 10)"""
    return xp.log10(x)


log10.vjp(x=lambda g, x: g / (x * math.log(10)))


@Floating
def sin(xp: Any, x: Array) -> Array:
    """out = sin x        dL/dx = g cos x"""
    return xp.sin(x)


sin.vjp(x=lambda g, x: g * x.cos())


@Floating
def cos(xp: Any, x: Array) -> Array:
    """out = cos x        dL/dx = -g sin x"""
    return xp.cos(x)


cos.vjp(x=lambda g, x: g * -sin(x))


@Floating
def tan(xp: Any, x: Array) -> Array:
    """out = tan x        dL/dx = g (1 + out^2)"""
    return xp.tan(x)


tan.vjp(x=lambda g, out: g * (out * out + 1))


@Floating
def asin(xp: Any, x: Array) -> Array:
    """out = arcsin x        dL/dx = g / sqrt(1 - x^2)"""
    return xp.arcsin(x)


asin.vjp(x=lambda g, x: g * rsqrt(1 - x * x))


@Floating
def acos(xp: Any, x: Array) -> Array:
    """out = arccos x        dL/dx = -g / sqrt(1 - x^2)"""
    return xp.arccos(x)


acos.vjp(x=lambda g, x: g * -rsqrt(1 - x * x))


@Floating
def atan(xp: Any, x: Array) -> Array:
    """out = arctan x        dL/dx = g / (1 + x^2)"""
    return xp.arctan(x)


atan.vjp(x=lambda g, x: g / (x * x + 1))


@Floating
def atan2(xp: Any, y: Array, x: Array) -> Array:
    """out = the angle of (x, y)        dL/dy = g x / (x^2 + y^2)        dL/dx = -g y / (x^2 + y^2)"""
    return xp.arctan2(y, x)


def _angle_share(g: Any, numerator: Any, x: Any, y: Any) -> Any:
    square_norm = x * x + y * y
    return where(square_norm == 0, 0, g * (numerator / square_norm))  # torch: 0 at the origin


atan2.vjp(y=lambda g, y, x: _angle_share(g, x, x, y), x=lambda g, y, x: _angle_share(g, -y, x, y))


@Floating
def sinh(xp: Any, x: Array) -> Array:
    """out = (e^x - e^-x) / 2        dL/dx = g cosh x"""
    return xp.sinh(x)


@Floating
def cosh(xp: Any, x: Array) -> Array:
    """out = (e^x + e^-x) / 2        dL/dx = g sinh x"""
    return xp.cosh(x)


sinh.vjp(x=lambda g, x: g * x.cosh())
cosh.vjp(x=lambda g, x: g * sinh(x))


@Floating
def asinh(xp: Any, x: Array) -> Array:
    """out = arsinh x        dL/dx = g / sqrt(x^2 + 1)"""
    return xp.arcsinh(x)


asinh.vjp(x=lambda g, x: g * rsqrt(x * x + 1))


@Floating
def acosh(xp: Any, x: Array) -> Array:
    """out = arcosh x        dL/dx = g / sqrt(x^2 - 1)"""
    return xp.arccosh(x)


acosh.vjp(x=lambda g, x: g * rsqrt(x * x - 1))


@Floating
def atanh(xp: Any, x: Array) -> Array:
    """out = artanh x        dL/dx = g / (1 - x^2)"""
    return xp.arctanh(x)


atanh.vjp(x=lambda g, x: g / (1 - x * x))


@Floating
def hypot(xp: Any, x: Array, y: Array) -> Array:
    """out = sqrt(x^2 + y^2)        dL/dx = g x / out        dL/dy = g y / out"""
    return xp.hypot(x, y)


hypot.vjp(x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out))


@Floating
def logaddexp(xp: Any, x: Array, y: Array) -> Array:
    """out = ln(e^x + e^y)        dL/dx = g / (1 + e^(y - x))        dL/dy = g / (1 + e^(x - y))"""
    return xp.logaddexp(x, y)


logaddexp.vjp(x=lambda g, x, y: g / (exp(y - x) + 1), y=lambda g, x, y: g / (exp(x - y) + 1))


@Floating
def tanh(xp: Any, x: Array) -> Array:
    """out = tanh x        dL/dx = g (1 - out^2)

    float32 by way of float64: numpy's own is off by up to 1.3 ulp (torch's by half of one), which 1 - out^2 magnifies.
    """
    wide = {"dtype": "float64"} if x.dtype == "float32" else {}
    return by_blocks(xp, lambda x: xp.tanh(x, **wide), x)


tanh.vjp(x=lambda g, out: g * (1 - out * out))
tanh.direct(x=lambda xp, g, out: by_blocks(xp, lambda g, out: (1 - out * out) * g, g, out))


@Floating
def sigmoid(xp: Any, x: Array) -> Array:
    """out = 1 / (1 + e^-x)        dL/dx = g out sigmoid(-x), where 1 - out would cancel"""
    return by_blocks(xp, lambda x: xp.true_divide(1.0, xp.exp(-x) + 1), x)


sigmoid.vjp(x=lambda g, x, out: g * (out * (-x).sigmoid()))
sigmoid.direct(x=lambda xp, g, x, out: by_blocks(xp, lambda g, x, out: out / (xp.exp(x) + 1) * g, g, x, out))


# --- piecewise: kinks and ties ------------------------------------------------------------------------------------


@Pointwise
def relu(xp: Any, x: Array) -> Array:
    """out = max(x, 0), nan kept        dL/dx = 0 where out <= 0, else g (0 at exactly 0, also for g = inf)"""
    check(x.dtype.kind != "b", lambda: "Boolean inputs not supported for relu")
    return xp.maximum(x.dtype.type(0), x)  # of equal operands the second: relu(-0) = -0


relu.vjp(x=lambda g, out: where(out <= 0, 0, g))
relu.direct(x=lambda xp, g, out: xp.where(out <= 0, g.dtype.type(0), g))


@Pointwise
def maximum(xp: Any, x: Array, y: Array) -> Array:
    """out = max(x, y), nan if either is        dL/dx = g where x > y, g / 2 at ties; dL/dy likewise"""
    return xp.maximum(x, y)


maximum.vjp(
    x=lambda g, x, y: where(x < y, 0, where(x == y, g / 2, g)),
    y=lambda g, x, y: where(y < x, 0, where(x == y, g / 2, g)),
)


@Pointwise
def minimum(xp: Any, x: Array, y: Array) -> Array:
    """out = min(x, y), nan if either is        dL/dx = g where x < y, g / 2 at ties; dL/dy likewise"""
    return xp.minimum(x, y)


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


fmax.vjp(
    x=lambda g, x, y: where((x >= y) | y.isnan(), g, 0),
    y=lambda g, x, y: where((x >= y) | y.isnan(), 0, g),
)
fmin.vjp(
    x=lambda g, x, y: where((x <= y) | y.isnan(), g, 0),
    y=lambda g, x, y: where((x <= y) | y.isnan(), 0, g),
)


@Pointwise
def clamp_min(xp: Any, x: Array, low: Array) -> Array:
    """out = max(x, low)        dL/dx = g where x >= low        dL/dlow = g where x < low"""
    return xp.maximum(low, x)


clamp_min.vjp(x=lambda g, x, low: where(x >= low, g, 0), low=lambda g, x, low: where(x < low, g, 0))


@Pointwise
def clamp_max(xp: Any, x: Array, high: Array) -> Array:
    """out = min(x, high)        dL/dx = g where x <= high        dL/dhigh = g where x > high"""
    return xp.minimum(high, x)


clamp_max.vjp(x=lambda g, x, high: where(x <= high, g, 0), high=lambda g, x, high: where(x > high, g, 0))


@Pointwise
def clamp_both(xp: Any, x: Array, low: Array, high: Array) -> Array:
    """out = min(max(x, low), high)        dL/dx = g where low <= x <= high

    dL/dlow = g where x < low < high        dL/dhigh = g where x > high or high < low
    """
    return xp.minimum(high, xp.maximum(low, x))


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
        arrays = [xp.asarray(v._array if isinstance(v, TensorBase) else v, dtype=result) for v in values]
        try:
            return self.compute(xp, [condition._array, *arrays], params)
        except ValueError as error:
            _explain_shapes(self.__name__, inputs, error)

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        return _dtype.result_type(*inputs).numpy


@_Where
def _select(xp: Any, condition: Array, x: Array, y: Array) -> Array:
    """out = x where condition, else y        dL/dx = g where condition, else 0; dL/dy the reverse"""
    return xp.where(condition, x, y)


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


# --- comparison and logic -----------------------------------------------------------------------------------------


@Comparison
def eq(xp: Any, x: Array, y: Array) -> Array:
    """out = (x == y)"""
    return xp.equal(x, y)


@Comparison
def ne(xp: Any, x: Array, y: Array) -> Array:
    """out = (x != y)"""
    return xp.not_equal(x, y)


@Comparison
def lt(xp: Any, x: Array, y: Array) -> Array:
    """out = (x < y)"""
    return xp.less(x, y)


@Comparison
def le(xp: Any, x: Array, y: Array) -> Array:
    """out = (x <= y)"""
    return xp.less_equal(x, y)


@Comparison
def gt(xp: Any, x: Array, y: Array) -> Array:
    """out = (x > y)"""
    return xp.greater(x, y)


@Comparison
def ge(xp: Any, x: Array, y: Array) -> Array:
    """out = (x >= y)"""
    return xp.greater_equal(x, y)


@Comparison
def logical_and(xp: Any, x: Array, y: Array) -> Array:
    """out = x != 0 and y != 0"""
    return xp.logical_and(x, y)


@Comparison
def logical_or(xp: Any, x: Array, y: Array) -> Array:
    """out = x != 0 or y != 0"""
    return xp.logical_or(x, y)


@Comparison
def logical_xor(xp: Any, x: Array, y: Array) -> Array:
    """out = exactly one of x, y is nonzero"""
    return xp.logical_xor(x, y)


@Comparison
def logical_not(xp: Any, x: Array) -> Array:
    """out = (x == 0)"""
    return xp.logical_not(x)


@Comparison
def isnan(xp: Any, x: Array) -> Array:
    """out = x is not a number"""
    return xp.isnan(x)


@Comparison
def isinf(xp: Any, x: Array) -> Array:
    """out = x is an infinity of either sign"""
    return xp.isinf(x)


@Comparison
def signbit(xp: Any, x: Array) -> Array:
    """out = the sign bit is set; also of -0 and nan"""
    return xp.signbit(x) if x.dtype.kind == "f" else x < 0


@Comparison
def isfinite(xp: Any, x: Array) -> Array:
    """out = x is neither nan nor an infinity"""
    return xp.isfinite(x)


class Bitwise(Pointwise):
    """An elementwise primitive on integers and bools only."""

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = _dtype.from_numpy(self.result_type(inputs))
        check(
            not result.is_floating_point,
            lambda: f"{self.__name__}(): not implemented for {result}; expected integers or bools",
            NotImplementedError,
        )
        return super().run(xp, inputs, params)


@Bitwise
def bitwise_and(xp: Any, x: Array, y: Array) -> Array:
    """out = x & y, bit by bit"""
    return xp.bitwise_and(x, y)


@Bitwise
def bitwise_or(xp: Any, x: Array, y: Array) -> Array:
    """out = x | y, bit by bit"""
    return xp.bitwise_or(x, y)


@Bitwise
def bitwise_xor(xp: Any, x: Array, y: Array) -> Array:
    """out = x ^ y, bit by bit"""
    return xp.bitwise_xor(x, y)


@Bitwise
def bitwise_not(xp: Any, x: Array) -> Array:
    """out = ~x, bit by bit (logical not for bool)"""
    return xp.invert(x)


@Bitwise
def bitwise_left_shift(xp: Any, x: Array, y: Array) -> Array:
    """out = x 2^y, bits beyond the type lost"""
    return xp.left_shift(x, y)


@Bitwise
def bitwise_right_shift(xp: Any, x: Array, y: Array) -> Array:
    """out = floor(x / 2^y)"""
    return xp.right_shift(x, y)


# --- composites ---------------------------------------------------------------------------------------------------


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha input."""
    return sub(other, input, alpha=alpha)


def frac(input: Any, *, out: Any = None) -> Any:
    """input less its integer part, with input's sign."""
    return sub(input, trunc(input), out=out)


def positive(input: Any) -> Any:
    """input itself. RuntimeError for bool."""
    check(input._array.dtype.kind != "b", lambda: "The `+` operator, on a bool tensor is not supported.")
    return input


def deg2rad(input: Any, *, out: Any = None) -> Any:
    """Degrees to radians: input pi / 180."""
    return mul(input, math.pi / 180, out=out)


def rad2deg(input: Any, *, out: Any = None) -> Any:
    """Radians to degrees: input 180 / pi."""
    return mul(input, 180 / math.pi, out=out)


def lerp(input: Any, end: Any, weight: Any, *, out: Any = None) -> Any:
    """input + weight (end - input), counted from the nearer end, as torch does, so that weight 1 gives end exactly.

    >>> import refnet
    >>> refnet.lerp(refnet.tensor([1.0, 2.0]), refnet.tensor([3.0, 6.0]), 0.5)
    tensor([2., 4.])
    """
    span = sub(end, input)
    if isinstance(weight, TensorBase):
        near = lt(abs(weight), 0.5)
        from_start, from_end = add(input, mul(weight, span)), sub(end, mul(span, rsub(weight, 1)))
        return _maybe_out(where(near, from_start, from_end), out, "lerp")
    result = input + weight * span if -0.5 < weight < 0.5 else end - span * (1 - weight)
    return _maybe_out(result, out, "lerp")


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    """input + value tensor1 tensor2."""
    return add(input, mul(mul(tensor1, value), tensor2), out=out)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    """input + value tensor1 / tensor2; RuntimeError for integers."""
    check(
        tensor1.is_floating_point() or tensor2.is_floating_point(),
        lambda: (
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
            "division of tensor1 and tensor2."
        ),
    )
    return add(input, true_divide(mul(tensor1, value), tensor2), out=out)


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
        return _maybe_out(input.clone(), out, "nan_to_num")
    limits = _dtype.finfo(input.dtype)
    values = {
        "nan": 0.0 if nan is None else nan,
        "posinf": limits.max if posinf is None else posinf,
        "neginf": limits.min if neginf is None else neginf,
    }
    return _replace_special(input, out=out, **values)


def logit(input: Any, eps: Any = None, *, out: Any = None) -> Any:
    """ln(x / (1 - x)), with x first limited to [eps, 1 - eps] if eps is given."""
    x = input if eps is None else clamp(input, eps, 1 - eps)
    return log(true_divide(x, rsub(x, 1)), out=out)


def _maybe_out(result: Any, out: Any, name: str) -> Any:
    return result if out is None else write_out(result, out, name)
