"""Arithmetic: sums, products, quotients and remainders, signs, and what is put together from them."""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops._pointwise import Floating, Pointwise, maybe_out
from refnet._ops.comparison import lt
from refnet._ops.piecewise import trunc, where
from refnet._tape import TensorBase

Array = Any


@Pointwise
def add(xp: Any, x: Array, y: Array, *, alpha: Any = 1) -> Array:
    """out = x + alpha y        dL/dx = g        dL/dy = alpha g"""
    if alpha == 1:
        return xp.add(x, y)
    _check_alpha(xp, x, y, alpha)
    return xp.add(x, _scaled(xp, x, y, alpha))


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
    return xp.subtract(x, y if alpha == 1 else _scaled(xp, x, y, alpha))


def _scaled(xp: Any, x: Array, y: Array, alpha: Any) -> Array:
    """alpha y, in an integer type wrapped around as torch's is."""
    kind = xp.result_type(x, y)
    if kind.kind not in "iu":
        return y * alpha
    number = isinstance(y, int)
    factor = numpy.int64(y * int(alpha) if number else int(alpha)).astype(kind)
    return factor if number else y * factor


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
    check(not integer or (hasattr(y, "dtype") and not on_host(y)) or numpy.all(y != 0), lambda: "ZeroDivisionError")


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


fmod.tensors = (0,)
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


class _Square(Pointwise):
    """Of bools the square is int64, as of `x ** 2`."""

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        result = super().result_type(inputs)
        return numpy.dtype("int64") if result.kind == "b" else result


@_Square
def square(xp: Any, x: Array) -> Array:
    """out = x^2        dL/dx = 2 g x"""
    return xp.multiply(x, x)


square.vjp(x=lambda g, x: g * (x * 2))


# --- composites ---------------------------------------------------------------------------------------------------


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha input."""
    check(
        isinstance(input, TensorBase),
        lambda: f"rsub(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}",
        TypeError,
    )
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
        return maybe_out(where(near, from_start, from_end), out, "lerp")
    result = input + weight * span if -0.5 < weight < 0.5 else end - span * (1 - weight)
    return maybe_out(result, out, "lerp")


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
