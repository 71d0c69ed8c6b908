"""Whether tensors are equal, or as good as equal: equal, isclose, allclose."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, type_name


def equal(input: Any, other: Any) -> bool:
    """Whether the two have the same shape and the same elements; nan equals nothing.

    >>> import refnet
    >>> refnet.equal(refnet.tensor([1, 2]), refnet.tensor([1, 2]))
    True
    """
    expect_tensor(input, "equal")
    expect_tensor(other, "equal", "other", 2)
    return input.shape == other.shape and bool((input == other)._array.all())


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """|input - other| <= atol + rtol |other|, elementwise; equal infinities are close, nan only with `equal_nan`.

    >>> import refnet
    >>> refnet.isclose(refnet.tensor([1.0, 2.0]), refnet.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    expect_tensor(input, "isclose")
    expect_tensor(other, "isclose", "other", 2)
    check(
        input.dtype is other.dtype,
        lambda: f"{type_name(input.dtype)} did not match {type_name(other.dtype)}",
    )
    check(rtol >= 0, lambda: f"rtol must be greater than or equal to zero, but got {rtol}")
    check(atol >= 0, lambda: f"atol must be greater than or equal to zero, but got {atol}")
    x, y = input.detach(), other.detach()
    close = x == y
    if equal_nan and x.dtype.is_floating_point:
        close = close | ((x != x) & (y != y))
    if rtol == 0 and atol == 0:
        return close
    if not x.dtype.is_floating_point:  # where the difference and the tolerance would overflow
        x, y = x.to(_dtype.get_default_dtype()), y.to(_dtype.get_default_dtype())
    allowed, actual = (y * rtol).abs() + atol, (x - y).abs()
    return close | ((actual < math.inf) & (actual <= allowed))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as `isclose` has it.

    >>> import refnet
    >>> refnet.allclose(refnet.tensor([1.0]), refnet.tensor([1.0 + 1e-7]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())
