"""Strides, views, bases and copies."""

from typing import Any

from conformance.standin.assumptions.listing import assume, over, raises, same


@assume(metadata=True)
def flags(cupy: Any) -> None:
    """Flags have no writeable: there are no read-only arrays."""
    array = over(cupy, (4, 3))
    same((array.flags.c_contiguous, array.flags.f_contiguous, array.flags.owndata), (True, False, True))
    raises(AttributeError, lambda: array.flags.writeable)
    same(cupy.broadcast_to(array, (2, 4, 3)).strides, (0, 12, 4))


@assume(metadata=True)
def base(cupy: Any) -> None:
    """Base is the array that owns the memory, and None for an array made over a pointer."""
    array = over(cupy, (4, 3))
    same(array.base is None, True)
    for seen in (array[1:], array[1:][1:], array.T, array.reshape(12), array[0, 0], array.view("int32")):
        same(seen.base is array, True)
    same(cupy.ndarray((2,), "float32", array.data + 4).base is None, True)


@assume(metadata=True)
def data(cupy: Any) -> None:
    """Data is a pointer that can be added to; a view's is moved."""
    array = over(cupy, (4, 3))
    same(array[2].data.ptr - array.data.ptr, 24)
    same((array.data + 8).ptr - array.data.ptr, 8)
    same(array[::-1].data.ptr - array.data.ptr, 36)


@assume(metadata=True)
def strides(cupy: Any) -> None:
    """Ndarray over a pointer takes strides."""
    same(over(cupy, (3, 2), strides=(4, 12)).strides, (4, 12))


@assume(metadata=True)
def as_strided(cupy: Any) -> None:
    """as_strided makes a view that has no base."""
    array = over(cupy, (4, 3))
    seen = cupy.lib.stride_tricks.as_strided(array, (2, 2), (4, 4))
    same((seen.base is None, seen.strides, seen.data.ptr), (True, (4, 4), array.data.ptr))


@assume()
def strides_need_memory(cupy: Any) -> None:
    """Strides need a pointer."""
    raises(ValueError, lambda: cupy.ndarray((3, 2), "float32", None, (4, 12)), "memptr")


@assume(metadata=True)
def views(cupy: Any) -> None:
    """Reshape, transpose, expand_dims, moveaxis, swapaxes, squeeze, diagonal and slices are views."""
    array = over(cupy, (4, 3, 1))
    for seen in (
        array.reshape(3, 4),
        array.transpose(2, 0, 1),
        cupy.expand_dims(array, 0),
        cupy.moveaxis(array, 0, 1),
        array.swapaxes(0, 2),
        array.squeeze(),
        array[:, :, 0].diagonal(),
        cupy.flip(array, 0),
        array[::2, None],
        array.ravel(),
        cupy.broadcast_to(array, (2, 4, 3, 1)),
    ):
        same(seen.base is array, True)


@assume(metadata=True)
def set_shape(cupy: Any) -> None:
    """The shape may be set, where no copy is needed."""
    array = over(cupy, (4, 3))
    array.shape = (2, 6)
    same(array.strides, (24, 4))


@assume(metadata=True)
def views_of_types(cupy: Any) -> None:
    """A view of another item size needs contiguous memory, and one dimension at least."""
    array = over(cupy, (4, 4))
    same(array.view("uint8").shape, (4, 16))
    raises(ValueError, lambda: over(cupy, (4, 3)).view("float64"))
    raises(ValueError, lambda: array[0, 0].view("int8"))


@assume()
def results_c_contiguous(cupy: Any) -> None:
    """Elementwise results are C-contiguous, whatever the strides of the operands."""
    turned = cupy.ones((2, 3, 4), "float32").transpose(2, 0, 1)
    for result in (turned + 1, cupy.exp(turned), turned * turned, cupy.where(turned > 0, turned, 0), -turned):
        same(result.flags.c_contiguous, True)


@assume()
def copies_and_strides(cupy: Any) -> None:
    """Astype and the *_like functions keep strides, copy() does not and copy(order='K') does."""
    turned = cupy.ones((2, 3, 4), "float32").transpose(2, 0, 1)
    same(turned.astype("float64").strides, (8, 96, 32))
    same(cupy.empty_like(turned).strides, turned.strides)
    same(cupy.zeros_like(turned).strides, turned.strides)
    same(turned.copy().flags.c_contiguous, True)
    same(turned.copy(order="K").strides, turned.strides)
    same(cupy.copy(turned).strides, turned.strides)


@assume()
def contiguous(cupy: Any) -> None:
    """Ascontiguousarray gives at least one dimension."""
    same(cupy.ascontiguousarray(cupy.zeros(())).shape, (1,))


@assume()
def layout_of_sorts(cupy: Any) -> None:
    """Indices from argsort along another dimension than the last are a view that is not contiguous."""
    array = cupy.asarray([[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    found = cupy.argsort(array, axis=0)
    same(found.strides, (8, 24))
    same(found.get().tolist(), [[1, 0], [2, 1], [0, 2]])
    raises(NotImplementedError, lambda: array.T.sort(), "non-contiguous")
    raises(ValueError, lambda: cupy.sort(array, kind="quicksort"), "stable")


@assume()
def layout_of_matrices(cupy: Any) -> None:
    """Single matrices from eigh and solve are column-major, stacks from inv C-contiguous."""
    array = cupy.asarray([[2.0, 1.0], [1.0, 3.0]])
    for result in (cupy.linalg.eigh(array)[1], cupy.linalg.solve(array, array)):
        same(result.flags.f_contiguous, True)
    stack = array + cupy.zeros((2, 1, 1))
    same(cupy.linalg.inv(stack).flags.c_contiguous, True)
