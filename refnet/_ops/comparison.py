"""Comparison, logic and bits: elementwise, with bool or integer results; none has a gradient."""

from typing import Any

from refnet._ops._pointwise import Bitwise, Comparison

Array = Any


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


for _relation in (eq, ne, lt, le, gt, ge):
    _relation.tensors = (0,)
for _connective in (logical_and, logical_or, logical_xor):
    _connective.tensors = (0, 1)


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
