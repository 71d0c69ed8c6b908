"""Names that are missing, and arguments that are."""

from importlib import import_module
from typing import Any

from conformance.standin.assumptions.listing import assume, raises, same


@assume(metadata=True)
def missing_names(cupy: Any) -> None:
    """These names are missing."""
    for name in ("errstate", "geterr", "longdouble", "float128", "object_", "nditer"):
        raises(AttributeError, lambda name=name: getattr(cupy, name))  # type: ignore[misc]


@assume(metadata=True)
def errstate(cupy: Any) -> None:
    """Errors of linear algebra are governed by cupyx.errstate, and ignored by default."""
    cupyx = import_module("cupyx")
    same(cupyx.geterr()["linalg"], "ignore")
    with cupyx.errstate(linalg="raise"):
        same(cupyx.geterr()["linalg"], "raise")
    same(cupyx.geterr()["linalg"], "ignore")


@assume()
def no_initial(cupy: Any) -> None:
    """Reductions have neither initial nor where."""
    array = cupy.ones(3)
    for name in ("sum", "prod", "max", "min", "any", "all", "mean"):
        raises(TypeError, lambda name=name: getattr(cupy, name)(array, initial=1))  # type: ignore[misc]
        raises(TypeError, lambda name=name: getattr(array, name)(where=array))  # type: ignore[misc]


@assume()
def no_where(cupy: Any) -> None:
    """Ufuncs have no where."""
    array = cupy.ones(3)
    raises(TypeError, lambda: cupy.add(array, array, where=array > 0), "Wrong arguments")
    raises(TypeError, lambda: cupy.exp(array, order="F"), "Wrong arguments")


@assume()
def few_reductions(cupy: Any) -> None:
    """Reduce and accumulate exist for add and multiply alone."""
    array = cupy.arange(1, 4, dtype="float32")
    same(cupy.add.reduce(array).item(), 6.0)
    same(cupy.multiply.accumulate(array).get().tolist(), [1.0, 2.0, 6.0])
    for name in ("maximum", "minimum", "logaddexp", "logical_or"):
        raises(NotImplementedError, lambda name=name: getattr(cupy, name).reduce(array))  # type: ignore[misc]
        raises(NotImplementedError, lambda name=name: getattr(cupy, name).accumulate(array))  # type: ignore[misc]


@assume()
def atomics(cupy: Any) -> None:
    """Ufunc.at exists where there is an atomic instruction: not for multiply, not for int16."""
    indices = cupy.asarray([0, 0, 1])
    array = cupy.zeros(2, "float32")
    cupy.add.at(array, indices, cupy.ones(3, "float32"))
    same(array.get().tolist(), [2.0, 1.0])
    raises(NotImplementedError, lambda: cupy.multiply.at(array, indices, cupy.ones(3, "float32")))
    raises(TypeError, lambda: cupy.add.at(cupy.zeros(2, "int16"), indices, cupy.ones(3, "int16")), "only supports")
    raises(TypeError, lambda: cupy.maximum.at(cupy.zeros(2, "int16"), indices, cupy.ones(3, "int16")), "only supports")


@assume()
def where_condition(cupy: Any) -> None:
    """Where wants an array for its condition."""
    array = cupy.ones(3)
    raises(AttributeError, lambda: cupy.where(True, array, array))
    same(cupy.where(array > 2, array, 5.0).get().tolist(), [5.0] * 3)


@assume()
def host_arguments(cupy: Any) -> None:
    """Arange takes no arrays, lexsort one array."""
    raises(Exception, lambda: cupy.lexsort((cupy.arange(3), cupy.arange(3))))
    same(cupy.lexsort(cupy.asarray([[1, 2, 3], [3, 1, 2]])).get().tolist(), [1, 2, 0])


@assume()
def no_lists(cupy: Any) -> None:
    """Functions want arrays: no list to sum or to concatenate, no number to search for, no array to repeat by."""
    array = cupy.arange(3)
    raises((TypeError, AttributeError), lambda: cupy.sum([1.0]))
    raises((TypeError, AttributeError), lambda: cupy.concatenate([array, [1, 2]]))
    raises((TypeError, AttributeError, NotImplementedError), lambda: cupy.searchsorted(array, 1))
    raises(ValueError, lambda: cupy.repeat(array, cupy.asarray([1, 2, 3])))
    same(cupy.repeat(array, [1, 2, 0]).get().tolist(), [0, 1, 1])
