"""The operators of an array: each is a ufunc of the stand-in's `cupy`."""

from typing import Any

import numpy

from conformance.standin.names import named

_SCALARS = (int, float, complex, bool, numpy.generic)


class Operators:
    """What `ndarray` inherits."""

    __slots__ = ()

    def __neg__(self) -> Any:
        return named("negative")(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return named("absolute")(self)

    def __invert__(self) -> Any:
        return named("invert")(self)

    def __add__(self, other: Any) -> Any:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary("true_divide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _binary("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _binary("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return _binary("remainder", self, other)

    def __rmod__(self, other: Any) -> Any:
        return _binary("remainder", other, self)

    def __divmod__(self, other: Any) -> Any:
        return _binary("divmod", self, other)

    def __pow__(self, other: Any) -> Any:
        return _binary("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _binary("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _binary("matmul", other, self)

    def __lshift__(self, other: Any) -> Any:
        return _binary("left_shift", self, other)

    def __rlshift__(self, other: Any) -> Any:
        return _binary("left_shift", other, self)

    def __rshift__(self, other: Any) -> Any:
        return _binary("right_shift", self, other)

    def __rrshift__(self, other: Any) -> Any:
        return _binary("right_shift", other, self)

    def __and__(self, other: Any) -> Any:
        return _binary("bitwise_and", self, other)

    def __rand__(self, other: Any) -> Any:
        return _binary("bitwise_and", other, self)

    def __or__(self, other: Any) -> Any:
        return _binary("bitwise_or", self, other)

    def __ror__(self, other: Any) -> Any:
        return _binary("bitwise_or", other, self)

    def __xor__(self, other: Any) -> Any:
        return _binary("bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return _binary("bitwise_xor", other, self)

    def __lt__(self, other: Any) -> Any:
        return _binary("less", self, other)

    def __le__(self, other: Any) -> Any:
        return _binary("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return _binary("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return _binary("greater_equal", self, other)

    def __eq__(self, other: Any) -> Any:
        return _binary("equal", self, other)

    def __ne__(self, other: Any) -> Any:
        return _binary("not_equal", self, other)

    def __iadd__(self, other: Any) -> Any:
        return named("add")(self, other, self)

    def __isub__(self, other: Any) -> Any:
        return named("subtract")(self, other, self)

    def __imul__(self, other: Any) -> Any:
        return named("multiply")(self, other, self)

    def __itruediv__(self, other: Any) -> Any:
        return named("true_divide")(self, other, self)

    def __ifloordiv__(self, other: Any) -> Any:
        return named("floor_divide")(self, other, self)

    def __imod__(self, other: Any) -> Any:
        return named("remainder")(self, other, self)

    def __ipow__(self, other: Any) -> Any:
        return named("power")(self, other, self)

    def __ilshift__(self, other: Any) -> Any:
        return named("left_shift")(self, other, self)

    def __irshift__(self, other: Any) -> Any:
        return named("right_shift")(self, other, self)

    def __iand__(self, other: Any) -> Any:
        return named("bitwise_and")(self, other, self)

    def __ior__(self, other: Any) -> Any:
        return named("bitwise_or")(self, other, self)

    def __ixor__(self, other: Any) -> Any:
        return named("bitwise_xor")(self, other, self)


_COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


def _binary(name: str, x: Any, y: Any) -> Any:
    """An operator; what is neither an array nor a number gets its turn."""
    for operand in (x, y):
        if isinstance(operand, (Operators, *_SCALARS)):
            continue
        if isinstance(operand, numpy.ndarray):
            if operand.ndim == 0 and name in _COMPARISONS:
                return named(name)(x.item() if operand is x else x, y.item() if operand is y else y)
            raise TypeError(f"Unsupported type {type(operand)}")
        return NotImplemented
    return named(name)(x, y)
