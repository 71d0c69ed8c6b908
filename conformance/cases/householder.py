"""Reflections and what is made of them, decompositions of low rank, and histograms with their edges."""

from typing import Any

from conformance.cases import CHECKS, FORWARD, SECOND, args, normal, ops, positive, refuses, uniform, values


def _low_rank(name: str) -> Any:
    """The product of the factors, which signs do not change, of a matrix whose rank is small."""

    def program(torch: Any, a: Any, b: Any, **options: Any) -> Any:
        u, s, v = getattr(torch, name)(a @ b.mT, **options)
        return s, (u * s.unsqueeze(-2)) @ v.mT

    return program


EDGES = values([-1.0, 0.0, 0.25, 1.0])

CASES = [
    *ops("geqrf", [args(normal(4, 3)), args(normal(2, 3, 4))], checks=FORWARD, layouts=()),
    *ops(
        "linalg.householder_product", [args(normal(5, 4), uniform(3)), args(normal(2, 4, 4), uniform(2, 4))], layouts=()
    ),
    *ops("orgqr", [args(normal(4, 3), uniform(3))], layouts=()),
    *ops(
        "ormqr",
        [
            args(normal(4, 3), uniform(3), normal(4, 2)),
            args(normal(4, 3), uniform(3), normal(4, 2), transpose=True),
            args(normal(4, 3), uniform(3), normal(2, 4), left=False),
            args(normal(2, 4, 3), uniform(2, 3), normal(2, 2, 4), left=False, transpose=True),
        ],
        layouts=(),
    ),
    *refuses("linalg.householder_product", [args(normal(3, 4), uniform(3)), args(normal(4, 3), uniform(4))]),
    *refuses("ormqr", [args(normal(3), uniform(3), normal(3, 3)), args(normal(4, 3), uniform(2), normal(4, 2))]),
    *ops("svd_lowrank", [args(normal(7, 2), normal(5, 2), q=2)], program=_low_rank("svd_lowrank"), layouts=()),
    *ops(
        "pca_lowrank",
        [args(normal(4, 1), normal(6, 1), q=2)],
        program=_low_rank("pca_lowrank"),
        checks=CHECKS - {SECOND},
        layouts=(),
    ),
    *ops(
        "histogram",
        [
            args(normal(50), 7),
            args(normal(50), EDGES),
            args(normal(50), 5, range=(-1.0, 2.0), weight=positive(50), density=True),
            args(values([0.0, 1.0, 2.0, 3.0]), 3),
            args(values([2.0, 2.0]), 2),
        ],
        checks=FORWARD,
        layouts=(),
    ),
    *ops(
        "histogramdd",
        [args(normal(30, 2), [3, 4]), args(normal(30, 2), [EDGES, EDGES], density=True)],
        checks=FORWARD,
        layouts=(),
    ),
    *refuses("histogram", [args(normal(5), 0), args(normal(5), 3, range=(2.0, 1.0))]),
    *refuses("histogramdd", [args(normal(5, 2), [3])]),
]
