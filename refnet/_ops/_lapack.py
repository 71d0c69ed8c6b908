"""What the linear algebra shares: torch's checks and errors, and LAPACK's routines over stacks of matrices.

Arrays are (..., m, n). numpy (or cupy) has routines for whole stacks; what it lacks is scipy's, one matrix at a time.
LAPACK reports through `info`, 0 for success: torch's errors say which matrix failed, and where.
"""

import warnings
from collections import namedtuple
from importlib import import_module
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import to_numpy
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._arrays import errors_raised, solve
from refnet._tape import wrap

Array = Any


class _LinAlgError(RuntimeError):
    """A decomposition or solution that does not exist for these numbers; torch's name for it, underscore included."""


LinAlgError = _LinAlgError


def returned(name: str, *fields: str) -> Any:
    """A named tuple of results, shown as torch shows its own."""
    made = namedtuple(name, fields)  # type: ignore[misc]

    def show(self: Any) -> str:
        return f"refnet.return_types.{name}(\n" + ",\n".join(f"{f}={getattr(self, f)!r}" for f in fields) + ")"

    made.__repr__ = show  # type: ignore[method-assign]
    return made


# --- checks -------------------------------------------------------------------------------------------------------


def expect_matrices(a: Any, name: str, argument: str = "A") -> None:
    """Raise torch's error unless `a` is a stack of matrices."""
    expect_tensor(a, name.replace(".", "_"), argument)
    check(a.ndim >= 2, lambda: f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def expect_square(a: Any, name: str) -> None:
    """Raise torch's error unless `a` is a stack of square matrices."""
    expect_matrices(a, name)
    check_square(a, name)


def check_square(a: Any, name: str) -> None:
    """Raise torch's error unless the last two sizes of `a` are equal."""
    rows, columns = a.shape[-2:]
    check(
        rows == columns,
        lambda: f"{name}: A must be batches of square matrices, but they are {rows} by {columns} matrices",
    )


def expect_floating(a: Any, name: str, kernel: str | None = None) -> None:
    """Raise torch's error unless `a` is float32 or float64: of LAPACK's types, those that there are.

    `kernel` is what torch's error for the half types names; without one, torch speaks of low precision.
    """
    check(
        a.dtype.is_floating_point,
        lambda: f"{name}: Expected a floating point or complex tensor as input. Got {type_name(a.dtype)}",
    )
    if kernel is None:
        check(a.itemsize >= 4, lambda: f"{name}: Low precision dtypes not supported. Got {type_name(a.dtype)}")
    else:
        expect_kernel(a, kernel)


def expect_kernel(a: Any, kernel: str) -> None:
    """Raise torch's error for a kernel that there is not: for integers and half types."""
    check(
        a.dtype in (_dtype.float32, _dtype.float64),
        lambda: f"\"{kernel}\" not implemented for '{type_name(a.dtype)}'",
        NotImplementedError,
    )


def at_batch(info: Array, name: str) -> tuple[str, int] | None:
    """The start of torch's message for the first matrix that failed, and its `info`; None where none did."""
    bad = numpy.flatnonzero(numpy.asarray(info.get() if hasattr(info, "get") else info))
    if not len(bad):
        return None
    first = int(bad[0])
    where = f"{name}: " if info.ndim == 0 else f"{name}: (Batch element {first}): "
    return where, int(info.reshape(-1)[first])


# --- memory -------------------------------------------------------------------------------------------------------


def column_major(xp: Any, a: Array) -> Array:
    """The same matrices with their columns dense in memory, as LAPACK leaves its results."""
    return xp.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)


def identity(like: Any, rows: int, columns: int | None = None) -> Any:
    """The identity matrix of this size as a tensor of the type of `like`, beside it."""
    return wrap(like.device.xp.eye(rows, columns, dtype=like.dtype.numpy), like.device)


def _routine(family: str, name: str, a: Array) -> Any:
    """A routine of scipy's LAPACK or BLAS for the type of `a`."""
    if family == "lapack":
        return import_module("scipy.linalg.lapack").get_lapack_funcs((name,), (a,))[0]
    return import_module("scipy.linalg.blas").get_blas_funcs((name,), (a,))[0]


# --- routines over stacks -----------------------------------------------------------------------------------------


def factor_lu(xp: Any, a: Array) -> tuple[Array, Array, Array]:
    """getrf: L and U in one array, pivots counted from 1, and per matrix the first zero of U's diagonal (or 0).

    (..., m, n) -> (..., m, n), (..., min(m, n)), (...)
    """
    *batch, m, n = a.shape
    packed = column_major(xp, a).copy(order="K")
    pivots = xp.empty((*batch, min(m, n)), xp.int32)
    info = xp.zeros(tuple(batch), xp.int32)
    if a.size == 0:
        pivots[...] = xp.arange(1, min(m, n) + 1)
        return packed, pivots, info
    for index in numpy.ndindex(*batch):
        if xp is numpy:
            packed[index], swaps, info[index] = _routine("lapack", "getrf", a)(a[index])
        else:
            factor = import_module("cupyx.scipy.linalg").lu_factor
            with warnings.catch_warnings(action="ignore"):  # of singular matrices: `info` says so
                packed[index], swaps = factor(a[index], check_finite=False)
        pivots[index] = swaps + 1
    if xp is not numpy:
        zero = xp.diagonal(packed, axis1=-2, axis2=-1) == 0
        info = xp.where(zero.any(-1), xp.argmax(zero, -1) + 1, 0).astype(xp.int32)
    return packed, pivots, info


def solve_triangle(xp: Any, a: Array, b: Array, *, upper: bool, unit: bool) -> Array:
    """trsm: x with a x = b, for triangular a. (..., n, n), (..., n, k) -> (..., n, k), batches broadcast.

    Where the diagonal has a zero the result is not finite.
    """
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    n, k = b.shape[-2:]
    x = column_major(xp, xp.broadcast_to(b, (*batch, n, k))).copy(order="K")
    if x.size == 0:
        return x
    a = xp.broadcast_to(a, (*batch, n, n))
    for index in numpy.ndindex(*batch):
        if xp is numpy:
            x[index] = _routine("blas", "trsm", a)(1.0, a[index], x[index], lower=not upper, diag=unit)
        else:
            solve = import_module("cupyx.scipy.linalg").solve_triangular
            x[index] = solve(a[index], x[index], lower=not upper, unit_diagonal=unit, check_finite=False)
    return x


def factor_cholesky(xp: Any, a: Array, *, upper: bool) -> tuple[Array, Array]:
    """potrf: the triangle whose square is `a`, of which only that triangle is read, and the order that failed (or 0)."""
    info = xp.zeros(a.shape[:-2], xp.int32)
    lower = a.swapaxes(-1, -2) if upper else a
    try:
        with errors_raised(xp):
            factor = xp.linalg.cholesky(lower)
    except numpy.linalg.LinAlgError:
        if xp is not numpy:  # to find out which matrix failed, and where, the host does them again
            found = factor_cholesky(numpy, to_numpy(a), upper=upper)
            return column_major(xp, xp.asarray(found[0])), xp.asarray(found[1])
        factor = xp.tril(lower)
        for index in numpy.ndindex(*a.shape[:-2]):
            factor[index], info[index] = _routine("lapack", "potrf", a)(lower[index], lower=True, clean=True)
    return column_major(xp, factor.swapaxes(-1, -2) if upper else factor), info


def solve_general(xp: Any, a: Array, b: Array) -> tuple[Array, Array]:
    """gesv: x with a x = b, and per matrix of a the first zero pivot (or 0). Where there is one, x is nan.

    (..., n, n), (..., n, k) -> (..., n, k), batches broadcast.
    """
    info = xp.zeros(a.shape[:-2], xp.int32)
    try:
        return column_major(xp, solve(xp, a, b)), info
    except numpy.linalg.LinAlgError:
        info = factor_lu(xp, a)[2]
        regular = xp.where((info == 0)[..., None, None], a, xp.eye(a.shape[-1], dtype=a.dtype))
        solution = solve(xp, regular, b, regular=True)
        x = xp.where((info == 0)[..., None, None], solution, xp.nan).astype(a.dtype, copy=False)
        return column_major(xp, x), info


def invert(xp: Any, a: Array) -> tuple[Array, Array]:
    """The inverses, and per matrix the first zero pivot (or 0). Where there is one, the inverse is nan."""
    info = xp.zeros(a.shape[:-2], xp.int32)
    try:
        with errors_raised(xp):
            return column_major(xp, xp.linalg.inv(a)), info
    except numpy.linalg.LinAlgError:
        return solve_general(xp, a, xp.broadcast_to(xp.eye(a.shape[-1], dtype=a.dtype), a.shape))
