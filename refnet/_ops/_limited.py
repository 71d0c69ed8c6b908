"""Kinds of elementwise primitives that torch has for some types only."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import type_name
from refnet._ops._pointwise import Floating, Pointwise

Array = Any


def refuse_type(name: str, dtype: Any) -> None:
    """Raise torch's error for a kernel that there is not."""
    raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(dtype)}'")


class Full(Floating):
    """A floating primitive without half types: integers become the default dtype."""

    def run(self, xp: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Array:
        result = _dtype.from_numpy(self.result_type(inputs))
        if result.itemsize < 4:
            refuse_type(self.__name__, result)
        return super().run(xp, inputs, params)


class Unconverted(Pointwise):
    """A primitive of floating tensors: integers are refused rather than turned into floats."""

    tensors = (0, 1)

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        result = super().result_type(inputs)
        if result.kind not in "fV":
            refuse_type(self.__name__, _dtype.from_numpy(result))
        return result


class Integral(Pointwise):
    """A primitive of integer tensors: floats and bools are refused."""

    tensors = (0, 1)

    def result_type(self, inputs: tuple[Any, ...]) -> Any:
        result = super().result_type(inputs)
        if result.kind not in "iu":
            refuse_type(self.__name__, _dtype.from_numpy(result))
        return result


def no_rule(name: str) -> Any:
    """The rule of an input that torch does not differentiate: as there, the error comes when it is asked for."""

    def refuse(g: Any) -> Any:
        check(False, lambda: f"the derivative for '{name}' is not implemented.", NotImplementedError)

    return refuse
