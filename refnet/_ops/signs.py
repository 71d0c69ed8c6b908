"""Signs: of one number given to another, steps, and which infinity it is; what torch defines on complex numbers too.

There are no complex tensors. The functions that concern them are here as far as they say something about real ones.
"""

import math
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops._pointwise import Comparison, Floating, Pointwise
from refnet._ops.arithmetic import sign
from refnet._ops.piecewise import where
from refnet._tape import TensorBase

Array = Any

sgn = sign  # of a real number


@Floating
def copysign(xp: Any, x: Array, y: Array) -> Array:
    """out = |x| with the sign of y        dL/dx = g out / x, 0 where x = 0        dL/dy = 0

    >>> import refnet
    >>> refnet.copysign(refnet.tensor([1.0, -2.0]), refnet.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    return xp.copysign(x, y)


copysign.tensors = (0,)
copysign.vjp(x=lambda g, x, out: g * where(x == 0, 0.0, out / x), y=lambda g: g.new_zeros(g.shape))


@Pointwise
def _heaviside(xp: Any, x: Array, values: Array) -> Array:
    """out = 0 where x < 0 or is nan, `values` where x = 0, 1 where x > 0"""
    return xp.where(x == 0, values, (x > 0).astype(x.dtype))


def _no_heaviside_rule(g: Any) -> Any:
    check(False, lambda: "derivative for aten::heaviside is not implemented")


_heaviside.vjp(x=_no_heaviside_rule, values=_no_heaviside_rule)


def heaviside(input: Any, values: Any, *, out: Any = None) -> Any:
    """The step function: 0 below 0, 1 above, and `values` at 0.

    >>> import refnet
    >>> refnet.heaviside(refnet.tensor([-1.5, 0.0, 2.0]), refnet.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    expect_tensor(input, "heaviside")
    expect_tensor(values, "heaviside", "values", 2)
    check(
        input.dtype is values.dtype,
        lambda: (
            f"heaviside is not yet implemented for tensors with different dtypes, got {input.dtype} and {values.dtype}"
        ),
    )
    return _heaviside(input, values, out=out)


@Comparison
def isposinf(xp: Any, x: Array) -> Array:
    """out = x is +inf"""
    return xp.equal(x, xp.inf) if x.dtype.kind == "f" else xp.zeros_like(x, bool)


@Comparison
def isneginf(xp: Any, x: Array) -> Array:
    """out = x is -inf"""
    return xp.equal(x, -xp.inf) if x.dtype.kind == "f" else xp.zeros_like(x, bool)


@Comparison
def isreal(xp: Any, x: Array) -> Array:
    """out = the imaginary part is 0: always, as there are no complex tensors"""
    return xp.ones_like(x, bool)


@Floating
def angle(xp: Any, x: Array) -> Array:
    """out = pi where x < 0, else 0, nan where x is        dL/dx = 0

    >>> import refnet
    >>> refnet.angle(refnet.tensor([-2.0, 3.0]))
    tensor([3.1416, 0.0000])
    """
    return xp.where(xp.isnan(x), x, xp.where(x < 0, x.dtype.type(math.pi), x.dtype.type(0)))


angle.vjp(x=lambda g: g.new_zeros(g.shape))


def real(input: Any) -> Any:
    """The real part: input itself."""
    expect_tensor(input, "real")
    return input


def imag(input: Any) -> Any:
    """Refused: only complex tensors have an imaginary part, and there are none."""
    expect_tensor(input, "imag")
    check(False, lambda: f"imag is not implemented for tensors with non-complex dtypes, got {input.dtype}.")


def conj(input: Any) -> Any:
    """The complex conjugate: input itself."""
    expect_tensor(input, "conj")
    return input


def conj_physical(input: Any, *, out: Any = None) -> Any:
    """The complex conjugate: input itself, or its values in `out`."""
    expect_tensor(input, "conj_physical")
    return input if out is None else out.copy_(input)


def resolve_conj(input: Any) -> Any:
    """input itself: there are no conjugates that are only marked as such."""
    expect_tensor(input, "resolve_conj")
    return input


def resolve_neg(input: Any) -> Any:
    """input itself: there are no negatives that are only marked as such."""
    expect_tensor(input, "resolve_neg")
    return input


def is_complex(input: TensorBase) -> bool:
    """False: there are no complex tensors."""
    expect_tensor(input, "is_complex")
    return False


def no_complex(name: str) -> Any:
    """Refuse a conversion to complex numbers."""
    raise NotImplementedError(f"{name}(): there are no complex tensors; expected a conversion to a real dtype")
