"""Types of results."""

from typing import Any

import numpy

from conformance.standin.assumptions.listing import assume, raises, same


@assume()
def weak_numbers(cupy: Any) -> None:
    """A Python number takes the type of the array, unless it is of a higher kind."""
    for kind, number, expected in (
        ("float32", 2, "float32"),
        ("float32", 2.5, "float32"),
        ("float16", 2.5, "float16"),
        ("int8", 2, "int8"),
        ("int32", 2.5, "float64"),
        ("bool", 2, "int64"),
        ("bool", 2.5, "float64"),
        ("uint8", True, "uint8"),
    ):
        same((cupy.ones(3, kind) + number).dtype, numpy.dtype(expected), f"{kind} + {number!r}")


@assume()
def loops(cupy: Any) -> None:
    """The loop of a ufunc is the first to whose types the operands can be cast."""
    for name, kind, expected in (
        ("exp", "int8", "float16"),
        ("exp", "int32", "float64"),
        ("sqrt", "bool", "float16"),
        ("true_divide", "int32", "float64"),
        ("sign", "float16", "float16"),
    ):
        function = getattr(cupy, name)
        array = cupy.ones(3, kind)
        result = function(array, array) if function.nin == 2 else function(array)
        same(result.dtype, numpy.dtype(expected), f"{name}({kind})")


@assume()
def types_of_reductions(cupy: Any) -> None:
    """Sums of small integers are int64, means of integers float64, of halves half."""
    same(cupy.ones(3, "int8").sum().dtype, numpy.dtype("int64"))
    same(cupy.ones(3, "bool").sum().dtype, numpy.dtype("int64"))
    same(cupy.ones(3, "uint8").sum().dtype, numpy.dtype("uint64"))
    same(cupy.ones(3, "int32").mean().dtype, numpy.dtype("float64"))
    same(cupy.ones(3, "float16").mean().dtype, numpy.dtype("float16"))
    same(cupy.ones(3, "float16").sum().dtype, numpy.dtype("float16"))


@assume()
def types_of_indices(cupy: Any) -> None:
    """Comparisons give bool, argmax and nonzero int64."""
    array = cupy.arange(3, dtype="float32")
    same((array > 1).dtype, numpy.dtype("bool"))
    same(cupy.argmax(array).dtype, numpy.dtype("int64"))
    same(cupy.argsort(array).dtype, numpy.dtype("int64"))
    same(cupy.nonzero(array)[0].dtype, numpy.dtype("int64"))


@assume()
def outputs(cupy: Any) -> None:
    """An out= of the wrong shape is a ValueError, of a type that cannot hold the result a TypeError."""
    array = cupy.ones(3, "float32")
    raises(ValueError, lambda: cupy.exp(array, out=cupy.empty(4, "float32")))
    raises(TypeError, lambda: cupy.exp(array, out=cupy.empty(3, "int32")))
    out = cupy.empty(3, "float64")
    same(cupy.add(array, array, out=out) is out, True)
    same(out.get().tolist(), [2.0] * 3)
