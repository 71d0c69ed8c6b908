"""Element types and torch's promotion rules.

Types have a category: bool < integer < floating. The type of a result comes from the operands in three groups of
falling rank (tensors with dimensions, 0-d tensors, Python numbers): a lower group counts only where its category is
higher than that of the groups above. A Python float stands for the default dtype, a Python int for int64.
"""

import functools
from typing import Any

import ml_dtypes
import numpy

from refnet._check import check

check(
    numpy.lib.NumpyVersion(numpy.__version__) >= "2.1.0",
    lambda: f"refnet needs numpy 2.1 or newer; numpy {numpy.__version__} is installed",
    ImportError,
)


class dtype:
    """An element type. There is one object of each, so they compare by identity.

    >>> float32.itemsize, float32.is_floating_point, float32
    (4, True, refnet.float32)
    """

    __slots__ = ("_rank", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, numpy_type: Any, rank: int) -> None:
        self.name = name
        self.numpy = numpy.dtype(numpy_type)
        self.itemsize: int = self.numpy.itemsize
        self.is_floating_point = rank >= _FLOATING
        self.is_signed = name not in ("bool", "uint8")
        self._rank = rank

    is_complex = False

    def __repr__(self) -> str:
        return f"refnet.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return by_name, (self.name,)


_FLOATING = 10  # the first rank that is a floating type

bool_ = dtype("bool", numpy.bool_, 0)
uint8 = dtype("uint8", numpy.uint8, 1)
int8 = dtype("int8", numpy.int8, 1)
int16 = dtype("int16", numpy.int16, 2)
int32 = dtype("int32", numpy.int32, 3)
int64 = dtype("int64", numpy.int64, 4)
float16 = dtype("float16", numpy.float16, 10)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, 10)
float32 = dtype("float32", numpy.float32, 11)
float64 = dtype("float64", numpy.float64, 12)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
FLOATING = (float16, bfloat16, float32, float64)
HALF = frozenset((float16.numpy, bfloat16.numpy))
_of_numpy = {d.numpy: d for d in ALL}
_of_name = {d.name: d for d in ALL}
_default = float32


def by_name(name: str) -> dtype:
    """The dtype of a name such as "float32"; KeyError for another."""
    return _of_name[name]


def from_numpy(numpy_type: Any) -> dtype:
    """The refnet dtype of a numpy dtype (native byte order).

    Raises TypeError for a type that tensors do not have (strings, objects, unsigned integers beyond 8 bits, ...).
    """
    try:
        return _of_numpy[numpy_type]
    except KeyError:
        raise TypeError(
            f"can't convert an array of numpy type {numpy_type}. The only supported types are: "
            + ", ".join(d.name for d in reversed(ALL))
        ) from None


def check_dtype(value: Any, where: str) -> dtype:
    """`value` if it is a refnet dtype; a TypeError that says what it is otherwise."""
    if isinstance(value, dtype):
        return value
    raise TypeError(f"{where}(): argument 'dtype' must be refnet.dtype, not {type(value).__name__}")


def get_default_dtype() -> dtype:
    """The type that Python floats become: float32 unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d`, a floating type, the type of tensors made from Python floats."""
    global _default
    check(
        check_dtype(d, "set_default_dtype").is_floating_point,
        lambda: f"only floating-point types are supported as the default type, got {d}",
        TypeError,
    )
    _default = d


@functools.cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that holds both, in torch's table.

    >>> promote_types(uint8, int8), promote_types(float16, bfloat16), promote_types(int64, float16)
    (refnet.int16, refnet.float32, refnet.float16)
    """
    if a is b:
        return a
    if a._rank == b._rank:  # uint8 and int8, float16 and bfloat16
        return int16 if a._rank < _FLOATING else float32
    return a if a._rank > b._rank else b


def category(d: dtype) -> int:
    """0 for bool, 1 for the integers, 2 for the floating types."""
    return (d._rank > 0) + (d._rank >= _FLOATING)


def of_scalar(value: Any) -> dtype:
    """The type a Python (or numpy) number stands for."""
    if value is True or value is False:
        return bool_
    kind = type(value)
    if kind is int:
        return int64
    if kind is float:
        return _default
    return _of_scalar_slow(value)


def _of_scalar_slow(value: Any) -> dtype:
    if isinstance(value, numpy.bool_ | bool):
        return bool_
    if isinstance(value, int | numpy.integer):
        return int64
    if isinstance(value, float | numpy.floating):
        return _default
    raise TypeError(f"expected a Tensor or a number, got {type(value).__name__}")


def result_type(*operands: Any) -> dtype:
    """The type that an arithmetic operation on tensors and Python numbers gives.

    >>> import refnet
    >>> refnet.result_type(refnet.ones(2, dtype=refnet.int32), 1.5)
    refnet.float32
    >>> refnet.result_type(refnet.ones(2, dtype=refnet.float16), refnet.tensor(1.5, dtype=refnet.float64))
    refnet.float16
    """
    groups: list[dtype | None] = [None, None, None]  # dimensioned, 0-d, Python numbers
    for x in operands:
        array = getattr(x, "_array", None)
        rank, d = (2, of_scalar(x)) if array is None else (array.ndim == 0, _of_numpy[array.dtype])
        seen = groups[rank]
        groups[rank] = d if seen is None else promote_types(seen, d)
    result: dtype | None = None
    for lower in groups:
        if result is None:
            result = lower
        elif lower is not None and category(lower) > category(result):
            result = promote_types(result, lower)
    check(result is not None, lambda: "result_type(): expected at least one operand", ValueError)
    return result  # type: ignore[return-value]  # the check above


def can_cast(source: dtype, target: dtype) -> bool:
    """Whether torch lets a result of type `source` be written into a tensor of type `target`.

    >>> can_cast(float64, float32), can_cast(float32, int64), can_cast(int64, bool_)
    (True, False, False)
    """
    return category(target) >= category(source)


def opmath(numpy_type: Any) -> Any:
    """The numpy type in which a kernel computes: float32 for the half types, else the type itself."""
    return float32.numpy if numpy_type in HALF else numpy_type


class finfo:
    """Limits of a floating type: bits, eps, max, min, tiny, smallest_normal, resolution, dtype.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, d: dtype | None = None) -> None:
        d = _default if d is None else d
        check(d.is_floating_point, lambda: f"finfo() requires a floating point input type, got {d}", TypeError)
        limits = ml_dtypes.finfo(d.numpy)
        self.bits: int = limits.bits
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = float(limits.resolution)
        self.dtype = d.name

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny", "dtype")
        return "finfo(" + ", ".join(f"{n}={getattr(self, n)}" for n in names) + ")"


class iinfo:
    """Limits of an integer type: bits, max, min, dtype.

    >>> iinfo(int8).max
    127
    """

    def __init__(self, d: dtype) -> None:
        check(category(d) == 1, lambda: f"iinfo() requires an integer input type, got {d}", TypeError)
        limits = numpy.iinfo(d.numpy)
        self.bits, self.max, self.min, self.dtype = limits.bits, int(limits.max), int(limits.min), d.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
