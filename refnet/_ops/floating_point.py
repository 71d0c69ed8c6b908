"""Functions of the floating-point format, and of integers' divisors."""

import math
from typing import Any, NamedTuple

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, into
from refnet._ops._limited import Integral, Unconverted
from refnet._ops._pointwise import Floating, explain_shapes
from refnet._ops.exponential import exp2, power
from refnet._tape import Primitive, TensorBase

Array = Any


class _InItsType(Unconverted):
    """Computed in the type itself: a half type has neighbours of its own."""

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = self.result_type(inputs)
        if result.itemsize > 2:
            return super().run(xp, inputs, params)
        try:
            return self.compute(xp, [x._array.astype(result, copy=False) for x in inputs], params)
        except ValueError as error:
            explain_shapes(self.__name__, inputs, error)


@_InItsType
def nextafter(xp: Any, x: Array, y: Array) -> Array:
    """out = the number next to x in the direction of y        dL/dx = g, 0 where y = x        dL/dy = 0

    >>> import refnet
    >>> refnet.nextafter(refnet.tensor([1.0]), refnet.tensor([2.0])) > 1
    tensor([True])
    """
    return xp.nextafter(x, y)


nextafter.vjp(x=lambda g, x, y: g * (x != y), y=lambda g: g.new_zeros(g.shape))


class Frexp(NamedTuple):
    """What frexp returns."""

    mantissa: Any
    exponent: Any

    def __repr__(self) -> str:
        return f"refnet.return_types.frexp(\nmantissa={self.mantissa!r},\nexponent={self.exponent!r})"


@Primitive
def _frexp(xp: Any, x: Array) -> tuple[Array, Array]:
    """x = mantissa 2^exponent, 1/2 <= |mantissa| < 1        dL/dx = g of the mantissa / 2^exponent"""
    order: Any = "C" if 0 in x.strides else "K"
    mantissa, exponent = xp.frexp(x.astype(_dtype.opmath(x.dtype), order=order, copy=False))
    return xp.asarray(mantissa, x.dtype), xp.asarray(exponent, xp.int32)


_frexp.vjp(x=lambda g, out: g[0] / exp2(out[1]))


def frexp(input: Any, *, out: Any = None) -> Frexp:
    """input as mantissa 2^exponent: a mantissa in [1/2, 1) and an int32 exponent.

    >>> import refnet
    >>> refnet.frexp(refnet.tensor([1.0, 6.0])).exponent
    tensor([1, 3], dtype=refnet.int32)
    """
    expect_tensor(input, "frexp")
    check(
        input.is_floating_point(),
        lambda: f"torch.frexp() only supports floating-point dtypes, got {input.dtype}",
    )
    mantissa, exponent = _frexp(input)
    if out is not None:
        return Frexp(into(out[0], mantissa, "frexp"), into(out[1], exponent, "frexp"))
    return Frexp(mantissa, exponent)


@Floating
def ldexp(xp: Any, x: Array, y: Array) -> Array:
    """out = x 2^y        dL/dx = g 2^y        dL/dy = g out ln 2

    By two factors: 2^y alone may overflow where the product does not.

    >>> import refnet
    >>> refnet.ldexp(refnet.tensor([1.0, 3.0]), refnet.tensor([4, -1]))
    tensor([16.0000,  1.5000])
    """
    half = xp.trunc(y / 2)
    return x * xp.exp2(half) * xp.exp2(y - half)


ldexp.tensors = (0, 1)
ldexp.vjp(x=lambda g, y: g * power(2.0, y), y=lambda g, out: g * out * math.log(2))


def float_power(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """input ^ exponent, computed and returned in float64 whatever the types.

    >>> import refnet
    >>> refnet.float_power(refnet.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=refnet.float64)
    """
    double: list[Any] = [x.double() if isinstance(x, TensorBase) else x for x in (input, exponent)]  # type: ignore[attr-defined]
    check(
        any(isinstance(x, TensorBase) for x in double),
        lambda: (
            "float_power(): expected a Tensor as input or exponent, got "
            f"{type(input).__name__} and {type(exponent).__name__}"
        ),
        TypeError,
    )
    if out is not None:
        check(
            out.dtype is _dtype.float64,
            lambda: (
                f"the output given to float_power has dtype {out.dtype} but the operation's result requires dtype Double"
            ),
        )
    return power(*double, out=out)


@Integral
def gcd(xp: Any, x: Array, y: Array) -> Array:
    """out = the greatest common divisor, 0 of two zeros

    >>> import refnet
    >>> refnet.gcd(refnet.tensor([12, 5]), refnet.tensor([18, 0]))
    tensor([6, 5])
    """
    return xp.gcd(x, y)


@Integral
def lcm(xp: Any, x: Array, y: Array) -> Array:
    """out = the least common multiple, 0 where either is"""
    return xp.lcm(x, y)
