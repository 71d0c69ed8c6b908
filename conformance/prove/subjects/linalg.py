"""Linear algebra: other ways to the same numbers, and what ports of the gradients forget."""

import functools
from typing import Any

import numpy

from conformance.case import Arguments, args
from conformance.draw import Array, drawn, normal
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, with_gradient


def _regular(rng: Any, _: str) -> Array:
    return rng.standard_normal((4, 4)) / 2 + 3 * numpy.eye(4)


def _definite(rng: Any, _: str) -> Array:
    a = rng.standard_normal((4, 4))
    return a @ a.T + 2 * numpy.eye(4)


REGULAR, DEFINITE = drawn("regular[4,4]", _regular), drawn("definite[4,4]", _definite)


def matrices(make: Make) -> list[Arguments]:
    """A regular matrix."""
    return [args(REGULAR)]


# --- inv ------------------------------------------------------------------------------------------------------------


def _inv(torch: Any, a: Any) -> Any:
    return torch.linalg.inv(a)


def by_solving(torch: Any, a: Any) -> Any:
    """The solutions of A X = I."""
    return torch.linalg.solve(a, torch.eye(a.shape[-1], dtype=a.dtype))


def by_singular_values(torch: Any, a: Any) -> Any:
    """V S^-1 U^T, at float64: small elements lose what large ones keep."""
    u, s, vh = torch.linalg.svd(a.double())
    return (vh.mT @ (u / s).mT).to(a.dtype)


def by_newton(torch: Any, a: Any, *, steps: int = 30) -> Any:
    """X (2 I - A X), from a start that converges; three steps are too few."""
    x = a.mT / (a.abs().sum(-1).max() * a.abs().sum(-2).max())
    for _ in range(steps):
        x = x @ (2 * torch.eye(a.shape[-1], dtype=a.dtype) - a @ x)
    return x


def transposed(torch: Any, a: Any) -> Any:
    """The inverse of the transpose."""
    return torch.linalg.inv(a.mT)


def _inverse_rule(torch: Any, g: Any, out: Any, a: Any, *, turned: bool = True, sign: int = -1) -> Any:
    """-A^-T g A^-T; ports leave out the transposes or the sign."""
    out = out.mT if turned else out
    return sign * (out @ g @ out)


# --- det ------------------------------------------------------------------------------------------------------------


def by_elimination(torch: Any, a: Any) -> Any:
    """The product of U's diagonal, with the sign of the exchanges."""
    lu, pivots = torch.linalg.lu_factor(a)
    exchanges = int((pivots != torch.arange(1, a.shape[-1] + 1)).sum())
    return lu.diagonal().prod() * (-1) ** exchanges


def without_exchanges(torch: Any, a: Any) -> Any:
    """The product of U's diagonal: the sign is a matter of luck."""
    return -torch.linalg.lu_factor(a)[0].diagonal().prod().abs()


# --- cholesky -------------------------------------------------------------------------------------------------------


def by_columns(torch: Any, a: Any) -> Any:
    """Column by column, as the textbook has it."""
    n = a.shape[-1]
    columns: list[Any] = []
    for j in range(n):
        left = a[:, j] - sum((c * c[j] for c in columns), torch.zeros_like(a[:, j]))
        mask = (torch.arange(n) >= j).to(a.dtype)
        columns.append(mask * left / left[j].sqrt())
    return torch.stack(columns, -1)


def _cholesky_rule(torch: Any, g: Any, out: Any, a: Any, *, halved: bool = True, symmetric: bool = True) -> Any:
    """L^-T phi(L^T g) L^-1, phi with half the diagonal, made symmetric."""
    phi = (out.mT @ g).tril()
    if halved:
        phi = phi - torch.diag_embed(phi.diagonal()) / 2
    inverse = torch.linalg.inv(out)
    share = inverse.mT @ phi @ inverse
    return (share + share.mT) / 2 if symmetric else share


def _cholesky(torch: Any, a: Any) -> Any:
    return torch.linalg.cholesky(a)


def with_upper(torch: Any, a: Any) -> Any:
    """The upper triangle."""
    return torch.linalg.cholesky(a).mT


# --- solve ----------------------------------------------------------------------------------------------------------


def by_inverse(torch: Any, a: Any, b: Any) -> Any:
    """A^-1 B at float64."""
    return (torch.linalg.inv(a.double()) @ b.double()).to(a.dtype)


def from_the_right(torch: Any, a: Any, b: Any) -> Any:
    """The solution of A^T X = B."""
    return torch.linalg.solve(a.mT, b)


SUBJECTS = [
    Subject(
        "linalg.inv",
        matrices,
        legitimate={"by solving": by_solving, "by singular values": by_singular_values, "by Newton": by_newton},
        faults={
            "of the transpose": transposed,
            "three steps": functools.partial(by_newton, steps=3),
            "gradient not transposed": with_gradient(_inv, functools.partial(_inverse_rule, turned=False)),
            "gradient's sign": with_gradient(_inv, functools.partial(_inverse_rule, sign=1)),
        },
        regimes=("normal",),
    ),
    Subject(
        "linalg.det",
        matrices,
        legitimate={"by elimination": by_elimination},
        faults={"exchanges forgotten": without_exchanges},
        regimes=("normal",),
    ),
    Subject(
        "linalg.cholesky",
        lambda make: [args(DEFINITE)],
        legitimate={"one rule": with_gradient(_cholesky, _cholesky_rule)},
        faults={
            "upper": with_upper,
            "diagonal not halved": with_gradient(_cholesky, functools.partial(_cholesky_rule, halved=False)),
            "gradient not symmetric": with_gradient(_cholesky, functools.partial(_cholesky_rule, symmetric=False)),
            "unread triangle": by_columns,
        },
        regimes=("normal",),
    ),
    Subject(
        "linalg.solve",
        lambda make: [args(REGULAR, normal(4, 2))],
        legitimate={"by the inverse": by_inverse},
        faults={"of the transpose": from_the_right},
        regimes=("normal",),
    ),
]
