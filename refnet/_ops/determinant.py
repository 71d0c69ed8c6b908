"""Determinants and their logarithms, of square matrices or stacks of them."""

import math
from typing import Any

from refnet._ops._args import into
from refnet._ops._arrays import determinant
from refnet._ops._lapack import expect_floating, expect_square, identity, returned
from refnet._ops.piecewise import where
from refnet._ops.solve import solution
from refnet._ops.spectral import cofactors
from refnet._tape import Primitive

Array = Any

Slogdet = returned("linalg_slogdet", "sign", "logabsdet")
LegacySlogdet = returned("slogdet", "sign", "logabsdet")


@Primitive
def _det(xp: Any, x: Array) -> Array:
    """out = det x        dL/dx = g out x^-T, and where x is singular g times the matrix of cofactors"""
    return xp.asarray(determinant(xp, x), x.dtype)


def _diagonal_of(values: Any, n: int) -> Any:
    """values (...) -> (..., n, n), each value all along a diagonal."""
    return values.unsqueeze(-1).unsqueeze(-1) * identity(values, n)


def _det_rule(g: Any, x: Any, out: Any) -> Any:
    if x.shape[-1] == 1:  # the determinant is the element
        return g.unsqueeze(-1).unsqueeze(-1)
    if bool((out == 0).any()):
        return g.unsqueeze(-1).unsqueeze(-1) * cofactors(x)
    return solution(x.mT, _diagonal_of(g * out, x.shape[-1]))


_det.vjp(x=_det_rule)


@Primitive
def _slogdet(xp: Any, x: Array) -> tuple[Array, Array]:
    """sign, logabsdet: det x = sign e^logabsdet        dL/dx = g of the logarithm, times x^-T"""
    sign, logarithm = xp.linalg.slogdet(x)
    return xp.asarray(sign, x.dtype), xp.asarray(logarithm, x.dtype)


def _slogdet_rule(g: Any, x: Any) -> Any:
    if g[1] is None:
        return x.new_zeros(x.shape)
    return solution(x.mT, _diagonal_of(g[1], x.shape[-1]))


_slogdet.vjp(x=_slogdet_rule)


def det(A: Any, *, out: Any = None) -> Any:
    """The determinant of a square matrix, or of each of a stack.

    >>> import refnet
    >>> refnet.linalg.det(refnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    name = "linalg.det"
    expect_square(A, name)
    expect_floating(A, name, "lu_cpu")
    return into(out, _det(A), name)


def slogdet(A: Any, *, out: Any = None) -> Any:
    """The sign of the determinant and the logarithm of its absolute value; (0, -inf) for a singular matrix.

    >>> import refnet
    >>> refnet.linalg.slogdet(refnet.tensor([[0.0, 2.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    return _slogdet_as(Slogdet, "linalg.slogdet", A, out)


def legacy_slogdet(input: Any, *, out: Any = None) -> Any:
    """`linalg.slogdet` under its older name."""
    return _slogdet_as(LegacySlogdet, "slogdet", input, out)


def _slogdet_as(kind: Any, name: str, a: Any, out: Any) -> Any:
    expect_square(a, name)
    expect_floating(a, name)
    sign, logarithm = _slogdet(a)
    return kind(sign, logarithm) if out is None else kind(into(out[0], sign, name), into(out[1], logarithm, name))


def logdet(input: Any) -> Any:
    """The logarithm of the determinant: -inf for a singular matrix, nan where the determinant is negative."""
    expect_square(input, "logdet")
    expect_floating(input, "logdet")
    sign, logarithm = _slogdet(input)
    return logarithm + where(sign.detach() < 0, math.nan, sign.new_zeros(()))
