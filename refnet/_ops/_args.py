"""What the functions over primitives share: argument checks, `out=`, results with named fields."""

from typing import Any, NamedTuple

from refnet._check import check
from refnet._ops.pointwise import write_out
from refnet._tape import TensorBase


class _Missing:
    """Stands for an argument that was not given, where None is a value."""

    def __repr__(self) -> str:
        return "<not given>"


MISSING: Any = _Missing()

_TORCH_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
}  # fmt: skip


def type_name(dtype: Any) -> str:
    """A dtype as torch's messages spell it: "Float", "Long"."""
    return _TORCH_NAMES[dtype.name]


def expect_tensor(value: Any, name: str, argument: str = "input", position: int = 1) -> None:
    """Raise torch's TypeError unless `value` is a tensor."""
    check(
        isinstance(value, TensorBase),
        lambda: f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}",
        TypeError,
    )


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
