"""Elements by index, index array and mask."""

from typing import Any

from conformance.standin.assumptions.listing import assume, raises, same, stand_in


@assume()
def integer_out_of_range(cupy: Any) -> None:
    """An integer out of range raises IndexError."""
    array = cupy.arange(3)
    raises(IndexError, lambda: array[3], "out of bounds")


@assume()
def array_out_of_range(cupy: Any) -> None:
    """An index array out of range does not raise: it wraps around (the stand-in raises, so as not to be silent)."""
    array, indices = cupy.arange(3), cupy.asarray([1, 3])
    if stand_in(cupy):
        raises(RuntimeError, lambda: array[indices], "wraps")
        raises(RuntimeError, lambda: cupy.take(array, indices), "wraps")
        return
    same(array[indices].get().tolist(), [1, 0])
    same(cupy.take(array, indices).get().tolist(), [1, 0])


@assume()
def index_types(cupy: Any) -> None:
    """Index arrays must be integer or boolean; lists work, and are copied to the device."""
    array = cupy.arange(3)
    raises(IndexError, lambda: array[cupy.asarray([0.0])])
    same(array[[2, 0]].get().tolist(), [2, 0])


@assume()
def masks(cupy: Any) -> None:
    """A mask selects and sets."""
    array = cupy.arange(4)
    same(array[array > 1].get().tolist(), [2, 3])
    array[array > 1] = 0
    same(array.get().tolist(), [0, 1, 0, 0])


@assume()
def unsafe_assignment(cupy: Any) -> None:
    """Assigned values are cast to the type of the array without a word."""
    array = cupy.zeros(2, "int32")
    array[:] = cupy.asarray([1.7, -1.7])
    same(array.get().tolist(), [1, -1])
