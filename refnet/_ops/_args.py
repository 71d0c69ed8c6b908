"""What the functions over primitives share: argument checks, `out=`, results with named fields."""

import math
from typing import Any, NamedTuple

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._ops._pointwise import write_out
from refnet._tape import TensorBase, different_devices


class _Missing:
    """Stands for an argument that was not given, where None is a value."""

    def __repr__(self) -> str:
        return "<not given>"


MISSING: Any = _Missing()

_TORCH_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
}  # fmt: skip

_C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
}  # fmt: skip
_FIXED_WIDTH = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int64": "int64_t"}


def type_name(dtype: Any) -> str:
    """A dtype as torch's messages spell it: "Float", "Long"."""
    return _TORCH_NAMES[dtype.name]


def c_name(dtype: Any) -> str:
    """A dtype as other messages of torch's spell it: "float", "long int"."""
    return _C_NAMES[dtype.name]


def expect_tensor(value: Any, name: str, argument: str = "input", position: int = 1) -> None:
    """Raise torch's TypeError unless `value` is a tensor."""
    if not isinstance(value, TensorBase):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )


def expect_one_device(name: str, first: TensorBase, *others: Any) -> None:
    """Raise torch's RuntimeError for a tensor among the others (None: left out) on another device than the first."""
    for other in others:
        if isinstance(other, TensorBase) and other.device is not first.device:
            raise different_devices(name, [first.device, other.device])


def number(value: Any, name: str, argument: str, position: int) -> Any:
    """`value` as a Python number; torch's TypeError for what is none. A 0-d tensor without history counts as one."""
    if isinstance(value, TensorBase) and not value.shape and not value.requires_grad:  # type: ignore[attr-defined]
        return value.item()  # type: ignore[attr-defined]
    check(
        isinstance(value, int | float | numpy.number),
        lambda: f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}",
        TypeError,
    )
    return value


def expect_floating(input: Any, name: str, kernel: str) -> None:
    """A floating tensor, or torch's TypeError or NotImplementedError, which names its kernel."""
    expect_tensor(input, name)
    check(
        input.is_floating_point(),
        lambda: f"\"{kernel}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )


def in_type(kind: Any, value: Any) -> Any:
    """The number `value` as one of the dtype `kind`; RuntimeError where it does not fit, as torch has it.

    For whole numbers fractions are cut off, and an unsigned type takes a negative integer modulo its range.
    """
    if kind.is_floating_point:
        limit = _dtype.finfo(kind).max
        fits = not limit < abs(value) < math.inf  # nan and infinities pass
    else:
        limits = _dtype.iinfo(kind)
        low = -limits.max if limits.min == 0 and isinstance(value, int) else limits.min
        fits = low <= value <= limits.max
    check(
        fits,
        lambda: (
            f"value cannot be converted to type {_FIXED_WIDTH.get(kind.name, c_name(kind))} without overflow: {value} for "
            f"{kind}"
        ),
    )
    if kind.is_floating_point:
        return value
    return int(value) % (limits.max + 1) if limits.min == 0 else int(value)


def into(out: Any, result: Any, name: str) -> Any:
    """The result, written into `out` where one was given."""
    return result if out is None else write_out(result, out, name)


class Values(NamedTuple):
    """What max, min, sort and topk along a dimension return: the values and where they were."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"refnet.return_types(\nvalues={self.values!r},\nindices={self.indices!r})"


class Extremes(NamedTuple):
    """What aminmax returns."""

    min: Any
    max: Any

    def __repr__(self) -> str:
        return f"refnet.return_types(\nmin={self.min!r},\nmax={self.max!r})"


def values_into(out: Any, result: Values, name: str) -> Values:
    """Write both fields into the pair of tensors given as ``out=``."""
    if out is None:
        return result
    check(
        isinstance(out, list | tuple) and len(out) == 2,
        lambda: f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}",
        TypeError,
    )
    return Values(into(out[0], result.values, name), into(out[1], result.indices, name))
