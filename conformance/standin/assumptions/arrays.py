"""An array of the device is not numpy's, and does not mix with it."""

from typing import Any

import numpy

from conformance.standin.assumptions.listing import assume, over, raises, same


@assume(metadata=True)
def own_class(cupy: Any) -> None:
    """Cupy.ndarray is not a subclass of numpy.ndarray."""
    same(issubclass(cupy.ndarray, numpy.ndarray), False)


@assume(metadata=True)
def no_implicit_conversion(cupy: Any) -> None:
    """Numpy.asarray of a device array raises TypeError."""
    raises(TypeError, lambda: numpy.asarray(over(cupy, (3,))), "Implicit conversion to a NumPy array is not allowed")


@assume(metadata=True)
def no_index(cupy: Any) -> None:
    """A device array is no index and no integer: list[array], range(array) raise TypeError."""
    raises(TypeError, lambda: [1, 2][over(cupy, (), "int64")])
    raises(TypeError, lambda: range(over(cupy, (), "int64")))


@assume(metadata=True)
def bare(cupy: Any) -> None:
    """A device array cannot be hashed, has no ctypes and takes no new attributes."""
    array = over(cupy, (3,))
    raises(TypeError, lambda: hash(array), "unhashable")
    raises(AttributeError, lambda: array.ctypes)
    raises(AttributeError, lambda: setattr(array, "name", 1))
    raises(AttributeError, lambda: setattr(array, "strides", (1,)))


@assume()
def no_mixing(cupy: Any) -> None:
    """Numpy arrays do not mix with device arrays, in operators, ufuncs and functions."""
    array, host = cupy.ones(3, "float32"), numpy.ones(3, "float32")
    for call in (
        lambda: array + host,
        lambda: host + array,
        lambda: cupy.add(array, host),
        lambda: numpy.add(array, host),
    ):
        raises(TypeError, call, "Unsupported type")
    raises((TypeError, AttributeError), lambda: cupy.concatenate([array, host]))
    raises((TypeError, AttributeError), lambda: cupy.matmul(array, host))
    raises(ValueError, lambda: array.__setitem__(slice(0, 2), host[:2]), "fill")
    raises(ValueError, lambda: array.__setitem__(slice(None), host), "fill")


@assume()
def scalars_mix(cupy: Any) -> None:
    """Python and numpy scalars do mix."""
    array = cupy.ones(3, "float32")
    same((array + 1).get().tolist(), [2.0] * 3)
    same((numpy.float32(2) * array).get().tolist(), [2.0] * 3)
    same((array * True).dtype, numpy.dtype("float32"))


@assume()
def numpy_dispatches(cupy: Any) -> None:
    """Numpy's ufuncs and functions on device arrays are cupy's."""
    array = cupy.arange(3, dtype="float32")
    same(type(numpy.exp(array)), cupy.ndarray)
    same(type(numpy.sum(array)), cupy.ndarray)
    same(type(numpy.concatenate([array, array])), cupy.ndarray)


@assume()
def no_scalars(cupy: Any) -> None:
    """Results always have dimensions: sums, elements and 0-d results are arrays."""
    array = cupy.arange(6, dtype="float32").reshape(2, 3)
    for result in (array.sum(), array[1, 2], array.max(), cupy.exp(array[0, 0]), array.mean(), cupy.argmax(array)):
        same(type(result), cupy.ndarray)
        same(result.shape, ())


@assume()
def item(cupy: Any) -> None:
    """Item() takes no index, and needs one element."""
    array = cupy.arange(3)
    same(array[1].item(), 1)
    raises(TypeError, lambda: array.item(1))
    raises(ValueError, array.item, "size 1")
