"""Numbers where cupy's kernels and numpy's differ, and where they must not."""

from importlib import import_module
from typing import Any

import numpy

from conformance.standin.assumptions.listing import FalseAssumption, assume, raises, same


@assume()
def division_by_zero(cupy: Any) -> None:
    """Division by zero: integers give 0, floating numbers infinity, without a warning."""
    ones, zeros = cupy.ones(2, "int32"), cupy.zeros(2, "int32")
    same((ones // zeros).get().tolist(), [0, 0])
    same((ones % zeros).get().tolist(), [0, 0])
    same(cupy.fmod(ones, zeros).get().tolist(), [0, 0])
    same((cupy.ones(1, "float32") / 0.0).get().tolist(), [float("inf")])


@assume()
def integer_powers(cupy: Any) -> None:
    """Integers to negative powers are 0, but for 1 and -1; the reciprocal of the integer 0 is 0."""
    found = cupy.power(cupy.asarray([2, 1, -1, 3]), cupy.asarray([-1, -2, -3, 2]))
    same(found.get().tolist(), [0, 1, -1, 9])
    same(cupy.reciprocal(cupy.asarray([0, 1, 2])).get().tolist(), [0, 1, 0])


@assume()
def casts(cupy: Any) -> None:
    """NaN becomes 0 as an int32, infinities the extremes."""
    values = cupy.asarray(numpy.array([numpy.nan, numpy.inf, -numpy.inf, 1e10, 2.9, -2.9], "float32"))
    limits = numpy.iinfo("int32")
    same(values.astype("int32").get().tolist(), [0, limits.max, limits.min, limits.max, 2, -2])


@assume()
def remainders(cupy: Any) -> None:
    """Remainder of floating numbers is x - floor(x / y) y, which loses digits."""
    x, y = numpy.float32(1e8), numpy.float32(0.3)
    expected = numpy.float32(x - numpy.floor(x / y) * y)
    found = cupy.remainder(cupy.full(1, x, "float32"), cupy.full(1, y, "float32")).get()[0]
    if abs(float(found) - float(expected)) > 8.0:  # a fused multiply-add moves it by less than an ulp of x
        raise FalseAssumption(f"got {found}, but expected about {expected}")
    if 0 <= float(found) < float(y) and abs(float(found) - float(numpy.remainder(x, y))) < 1e-6:
        raise FalseAssumption(f"got {found}, the exact remainder")


@assume()
def nans(cupy: Any) -> None:
    """Maximum and minimum keep NaN, fmax and fmin do not, and so do max() and min()."""
    array = cupy.asarray([1.0, numpy.nan, 2.0])
    same(numpy.isnan(cupy.maximum(array, 0.0).get()).tolist(), [False, True, False])
    same(cupy.fmax(array, 0.0).get().tolist(), [1.0, 0.0, 2.0])
    same(bool(numpy.isnan(array.max().get())), True)
    same(bool(numpy.isnan(array.min().get())), True)
    same(cupy.argmax(array).item(), 1)


@assume()
def sign_of_nan(cupy: Any) -> None:
    """The sign of NaN is 0."""
    same(cupy.sign(cupy.asarray([numpy.nan, -2.0, -0.0])).get().tolist(), [0.0, -1.0, 0.0])


@assume()
def sorting(cupy: Any) -> None:
    """NaN is sorted last, argsort is stable."""
    array = cupy.asarray([numpy.nan, 2.0, 1.0])
    same(numpy.isnan(cupy.sort(array).get()).tolist(), [False, False, True])
    same(cupy.argsort(cupy.asarray([1, 0, 1, 0, 1])).get().tolist(), [1, 3, 0, 2, 4])


@assume()
def ties(cupy: Any) -> None:
    """Argmax and argmin take the first of equal elements."""
    array = cupy.asarray([1.0, 3.0, 3.0, 1.0])
    same((cupy.argmax(array).item(), cupy.argmin(array).item()), (1, 0))


@assume()
def rounding(cupy: Any) -> None:
    """Rint and around round half to even, astype truncates."""
    array = cupy.asarray([0.5, 1.5, 2.5, -0.5])
    same(cupy.rint(array).get().tolist(), [0.0, 2.0, 2.0, -0.0])
    same(cupy.around(array).get().tolist(), [0.0, 2.0, 2.0, -0.0])


@assume()
def clipping(cupy: Any) -> None:
    """Where the bounds of clip cross, the upper one wins; NaN stays."""
    same(cupy.clip(cupy.asarray([0.0, 5.0]), 3.0, 1.0).get().tolist(), [1.0, 1.0])
    same(bool(numpy.isnan(cupy.clip(cupy.asarray([numpy.nan]), 0.0, 1.0).get()[0])), True)


@assume()
def stacks(cupy: Any) -> None:
    """Linear algebra takes stacks: matmul, solve, inv, qr, svd, eigh, cholesky, slogdet."""
    array = cupy.eye(3) + cupy.zeros((2, 3, 3))
    same(cupy.matmul(array, array).shape, (2, 3, 3))
    same(cupy.linalg.solve(array, array).shape, (2, 3, 3))
    same(cupy.linalg.inv(array).shape, (2, 3, 3))
    same(cupy.linalg.qr(array)[0].shape, (2, 3, 3))
    same(cupy.linalg.svd(array)[1].shape, (2, 3))
    same(cupy.linalg.eigh(array)[0].shape, (2, 3))
    same(cupy.linalg.cholesky(array).shape, (2, 3, 3))
    same(cupy.linalg.slogdet(array)[1].shape, (2,))


@assume()
def singular(cupy: Any) -> None:
    """A singular matrix raises LinAlgError under cupyx.errstate(linalg='raise')."""
    with import_module("cupyx").errstate(linalg="raise"):
        raises(numpy.linalg.LinAlgError, lambda: cupy.linalg.inv(cupy.zeros((2, 2))))


@assume()
def matmul_out(cupy: Any) -> None:
    """Matmul takes out=."""
    a, out = cupy.ones((2, 3), "float32"), cupy.empty((2, 2), "float32")
    cupy.matmul(a, a.T, out=out)
    same(out.get().tolist(), [[3.0, 3.0], [3.0, 3.0]])


@assume()
def searches(cupy: Any) -> None:
    """Take_along_axis, unravel_index, searchsorted, bincount, unique and isin are there, and agree with numpy's."""
    values = numpy.array([[3, 1, 2], [0, 2, 2]])
    array = cupy.asarray(values)
    order = cupy.argsort(array, axis=1)
    same(cupy.take_along_axis(array, order, 1).get().tolist(), numpy.sort(values, 1).tolist())
    same(cupy.searchsorted(cupy.asarray([1, 3]), cupy.asarray([1, 2])).get().tolist(), [0, 1])
    same(cupy.bincount(array.ravel()).get().tolist(), numpy.bincount(values.ravel()).tolist())
    same(cupy.unique(array).get().tolist(), [0, 1, 2, 3])
    same([i.item() for i in cupy.unravel_index(cupy.asarray([4]), (2, 3))], [1, 1])


@assume()
def scans(cupy: Any) -> None:
    """Cumsum, flip, roll, tril and repeat agree with numpy's."""
    values = numpy.arange(6.0).reshape(2, 3)
    array = cupy.asarray(values)
    for name, arguments in (("cumsum", (1,)), ("flip", (1,)), ("roll", (1, 1)), ("tril", ()), ("repeat", (2, 1))):
        same(
            getattr(cupy, name)(array, *arguments).get().tolist(),
            getattr(numpy, name)(values, *arguments).tolist(),
            name,
        )


@assume()
def garbage(cupy: Any) -> None:
    """New memory is not zeroed: a freed block of the pool is handed out with its contents."""
    full = cupy.full(1 << 12, 7.0, "float32")
    del full
    again = cupy.empty(1 << 12, "float32")
    same(bool((again.get() == 0).all()), False)
