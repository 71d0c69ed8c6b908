"""Linear algebra: solutions, factorisations, spectra, norms; stacks, both triangles, wide and tall.

Singular and eigenvectors are defined up to sign: the cases take what the sign does not touch. Float64 cases take few
rows: torch float64 is its own oracle there.
"""

from typing import Any

from conformance.cases import (
    CHECKS,
    FORWARD,
    GAPPED,
    LAYOUTS,
    MEMORY_FORMAT,
    REPEAT,
    SECOND,
    TRANSPOSED,
    Case,
    Draw,
    args,
    drawn,
    filled,
    normal,
    ops,
    positive,
    refuses,
    values,
)
from conformance.draw import Array

SINGULAR = values([[1.0, 2.0], [2.0, 4.0]])
# Repeated rows (the expanded layout) make matrices singular.
# torch's strides follow LAPACK's, which sees some stacks of vectors as the columns of one matrix.
SOLVED = CHECKS - {MEMORY_FORMAT}
REGULAR: dict[str, Any] = {"layouts": (TRANSPOSED, GAPPED), "checks": SOLVED}
PLAIN: dict[str, Any] = {"layouts": (GAPPED,), "checks": SOLVED}
DOUBLE: dict[str, Any] = {"dtypes": ("float64",), "layouts": ()}


def regular(*shape: int) -> Draw:
    """Square matrices far from singular."""
    return drawn(
        f"regular{list(shape)}".replace(" ", ""), lambda rng, _: rng.standard_normal(shape) / 2 + 3 * _eye(shape)
    )


def _eye(shape: tuple[int, ...]) -> Array:
    import numpy

    return numpy.eye(shape[-2], shape[-1])


def spread(*shape: int) -> Draw:
    """Matrices whose singular values are far apart: 1, 2, 3, ..., turned by two rotations."""

    def make(rng: Any, _: str) -> Array:
        import numpy

        k = min(shape[-2:])
        u, _s, vh = numpy.linalg.svd(rng.standard_normal(shape), full_matrices=False)
        return (u * numpy.arange(1.0, k + 1)) @ vh

    return drawn(f"spread{list(shape)}".replace(" ", ""), make)


def definite(*shape: int) -> Draw:
    """Symmetric positive-definite matrices with eigenvalues 1, 2, 3, ..."""

    def make(rng: Any, _: str) -> Array:
        import numpy

        q = numpy.linalg.qr(rng.standard_normal(shape))[0]
        a = (q * numpy.arange(1.0, shape[-1] + 1)) @ q.swapaxes(-1, -2)
        return (a + a.swapaxes(-1, -2)) / 2

    return drawn(f"definite{list(shape)}".replace(" ", ""), make)


# --- programs: what signs and the unread triangle do not touch -----------------------------------------------------


def eigen(torch: Any, a: Any, uplo: str) -> Any:
    """Eigenvalues, and squares of the eigenvectors' elements."""
    w, v = torch.linalg.eigh(a, UPLO=uplo)
    return [w, v * v]


def singular(torch: Any, a: Any, full: bool) -> Any:
    """Singular values, squares of the vectors' elements, and the matrix put together again."""
    u, s, vh = torch.linalg.svd(a, full_matrices=full)
    k = s.shape[-1]
    return [s, u[..., :k] ** 2, vh[..., :k, :] ** 2, (u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :]]


def older_singular(torch: Any, a: Any) -> Any:
    """The older name, which gives V rather than its transpose."""
    u, s, v = torch.svd(a)
    return [s, (u * s) @ v.mT]


def packed(torch: Any, a: Any, b: Any) -> Any:
    """A decomposition, what it unpacks to, and a solution by it."""
    lu, pivots = torch.linalg.lu_factor(a)
    p, lower, upper = torch.lu_unpack(lu, pivots)
    return [lu, pivots, p, lower, upper, torch.linalg.lu_solve(lu, pivots, b), torch.lu_solve(b, lu, pivots)]


# --- cases ----------------------------------------------------------------------------------------------------------


def systems() -> list[Case]:
    """solve, inv, triangular systems, tensors as matrices."""
    cases = ops("linalg.solve", [args(regular(3, 3), normal(3)), args(regular(3, 3), normal(3, 2))], **REGULAR)
    cases += ops(
        "linalg.solve", [args(regular(2, 3, 3), normal(2, 3)), args(regular(3, 3), normal(2, 3, 2))], **REGULAR
    )
    cases += ops("linalg.solve", [args(regular(3, 3), normal(2, 3), left=False)], **REGULAR)
    cases += ops("linalg.solve", [args(regular(4, 4), normal(4, 2))], **DOUBLE)
    cases += ops("linalg.solve_ex", [args(regular(2, 3, 3), normal(2, 3, 1))], **REGULAR)
    cases += ops("linalg.inv", [args(regular(3, 3)), args(regular(2, 2, 2)), args(regular(1, 1))], **REGULAR)
    cases += ops("linalg.inv", [args(regular(4, 4))], **DOUBLE)
    cases += ops("linalg.inv_ex", [args(regular(2, 3, 3))], **REGULAR)
    cases += ops("inverse", [args(regular(3, 3))], **REGULAR)
    for upper in (True, False):
        cases += ops("linalg.solve_triangular", [args(regular(3, 3), normal(3, 2), upper=upper)], **REGULAR)
        row = args(regular(2, 3, 3), normal(2, 3), upper=upper, left=False, unitriangular=upper)
        cases += ops("linalg.solve_triangular", [row], **REGULAR)
    cases += ops("triangular_solve", [args(normal(3, 2), regular(3, 3), False, True)], **REGULAR)
    cases += ops("linalg.tensorinv", [args(regular(4, 4).fixed(), ind=1)], checks=FORWARD, layouts=())
    cases += ops("linalg.tensorsolve", [args(regular(6, 6), normal(6))], **REGULAR)
    cases += refuses(
        "linalg.solve", [args(SINGULAR, normal(2)), args(regular(3, 3), normal(2)), args(normal(2, 3), normal(2))]
    )
    cases += refuses("linalg.solve", [args(regular(2, 2), normal(2).to("float64")), args(regular(2, 2), normal())])
    cases += refuses(
        "linalg.inv",
        [args(filled(2, 2, value=0)), args(normal(2, 3)), args(normal(3)), args(values([[1]]).to("int64"))],
    )
    cases += refuses("linalg.inv", [args(values([[[1.0]], [[0.0]]])), args(regular(2, 2).to("float16"))])
    cases += refuses(
        "linalg.solve_triangular",
        [args(normal(2, 3), normal(2, 1), upper=True), args(regular(2, 2), normal(3, 1), upper=True)],
    )
    cases += refuses("linalg.tensorinv", [args(normal(2, 3), ind=1), args(normal(2, 2), ind=0)])
    cases += refuses("linalg.tensorsolve", [args(normal(2, 3), normal(2))])
    return cases


def determinants() -> list[Case]:
    """det of regular and singular matrices, its logarithm."""
    cases = ops("linalg.det", [args(regular(3, 3)), args(regular(2, 2, 2)), args(regular(1, 1))], **REGULAR)
    cases += ops("linalg.det", [args(regular(4, 4))], **DOUBLE)
    cases += ops("det", [args(SINGULAR)], checks=FORWARD)  # what rounding leaves of its pivot decides the gradient
    cases += ops("det", [args(values([[2.0, 0.0], [0.0, 0.0]]))], checks=CHECKS - {SECOND, LAYOUTS})
    for name in ("linalg.slogdet", "slogdet", "logdet"):
        cases += ops(name, [args(regular(3, 3)), args(regular(2, 2, 2))], **REGULAR)
    cases += ops("logdet", [args(values([[0.0, 1.0], [1.0, 0.0]]))], checks=FORWARD, layouts=())
    for name in ("linalg.det", "linalg.slogdet", "logdet"):
        cases += refuses(name, [args(normal(2, 3)), args(normal(3)), args(values([[1]]).to("int64"))])
    return cases


def factors() -> list[Case]:
    """Cholesky, LU, QR."""
    cases = ops(
        "linalg.cholesky", [args(definite(3, 3)), args(definite(2, 2, 2)), args(definite(3, 3), upper=True)], **PLAIN
    )
    cases += ops("linalg.cholesky", [args(definite(4, 4))], **DOUBLE)
    cases += ops("linalg.cholesky_ex", [args(definite(2, 3, 3))], **PLAIN)
    cases += ops("cholesky", [args(definite(3, 3), True)], **PLAIN)
    cases += ops("cholesky_solve", [args(normal(3, 2), regular(3, 3), upper) for upper in (False, True)], **REGULAR)
    cases += ops("cholesky_inverse", [args(regular(3, 3)), args(regular(2, 2, 2), upper=True)], **REGULAR)
    cases += refuses(
        "linalg.cholesky", [args(SINGULAR), args(values([[[1.0]], [[-1.0]]])), args(normal(2, 3)), args(normal(3))]
    )
    cases += refuses(
        "cholesky_solve",
        [args(normal(3), regular(3, 3)), args(normal(2, 1), regular(3, 3)), args(normal(3, 1), normal(3, 2))],
    )
    cases += refuses("cholesky_inverse", [args(filled(2, 2, value=0)), args(normal(2, 3))])
    for name in ("linalg.lu_factor", "linalg.lu", "linalg.lu_factor_ex"):
        cases += ops(name, [args(spread(3, 3)), args(spread(4, 2))], **PLAIN)
        # Of a wide matrix the second order has zeros in torch that are sums of terms which cancel
        cases += ops(name, [args(spread(2, 2, 4))], checks=SOLVED - {SECOND}, layouts=(GAPPED,))
    cases += ops("LU, unpacked and used", [args(regular(2, 3, 3), normal(2, 3, 2))], program=packed, **PLAIN)
    cases += ops("linalg.lu_factor", [args(spread(4, 4))], **DOUBLE)
    cases += refuses(
        "linalg.lu_factor", [args(filled(2, 2, value=0)), args(normal(3)), args(normal(2, 2), pivot=False)]
    )
    for rows in ((3, 3), (4, 2), (2, 4), (2, 3, 2)):
        cases += ops("linalg.qr", [args(spread(*rows))], **PLAIN)
    cases += ops("linalg.qr", [args(spread(2, 3), "complete"), args(spread(3, 2).fixed(), "complete")], **PLAIN)
    cases += ops("linalg.qr", [args(spread(3, 2).fixed(), "r")], checks=FORWARD, layouts=())
    cases += ops("qr", [args(spread(3, 2))], **PLAIN)
    cases += refuses("linalg.qr", [args(normal(3)), args(normal(2, 2), "bad"), args(normal(2, 2).to("float16"))])
    return cases


def spectra() -> list[Case]:
    """Eigenvalues, singular values, what is made of them."""
    cases = ops("eigh", [args(definite(3, 3), "L"), args(definite(2, 4, 4), "U")], program=eigen, **PLAIN)
    cases += ops("eigh", [args(definite(4, 4), "L")], program=eigen, **DOUBLE)
    cases += ops("linalg.eigvalsh", [args(definite(3, 3)), args(definite(2, 2, 2), "U")], **PLAIN)
    cases += ops(
        "svd",
        [args(spread(3, 3), False), args(spread(4, 2), False), args(spread(2, 4), True)],
        program=singular,
        **PLAIN,
    )
    cases += ops("svd", [args(spread(2, 4, 3), False)], program=singular, **DOUBLE)
    cases += ops("torch.svd", [args(spread(4, 3))], program=older_singular, **PLAIN)
    cases += ops("linalg.svdvals", [args(spread(3, 4)), args(spread(2, 3, 2))], **PLAIN)
    cases += ops("linalg.pinv", [args(spread(3, 3)), args(spread(4, 2)), args(spread(2, 2, 3))], **PLAIN)
    cases += ops(
        "linalg.pinv",
        [args(definite(3, 3), hermitian=True), args(spread(3, 3), rtol=0.5)],
        checks=SOLVED - {SECOND},
        layouts=(GAPPED,),
    )
    cases += ops("pinverse", [args(spread(4, 2))], **PLAIN)
    cases += ops(
        "linalg.matrix_rank",
        [args(SINGULAR), args(spread(3, 2)), args(spread(3, 3), atol=1.5)],
        checks=FORWARD,
        layouts=(),
    )
    cases += ops(
        "linalg.matrix_rank",
        [args(spread(3, 3), rtol=0.5), args(definite(3, 3), hermitian=True)],
        checks=FORWARD,
        layouts=(),
    )
    # torch's own bits depend on how its memory is aligned
    solved = SOLVED - {SECOND, REPEAT}
    for driver in ("gelsy", "gelsd", "gels"):
        row = args(spread(4, 2), normal(4, 3), driver=driver)
        cases += ops("linalg.lstsq", [row], checks=solved, layouts=(GAPPED,))
    rows = [args(spread(2, 4), normal(2, 1)), args(spread(2, 3, 2), normal(2, 3))]
    cases += ops("linalg.lstsq", rows, checks=solved, layouts=(GAPPED,))
    cases += refuses("linalg.eigh", [args(normal(2, 3)), args(normal(2, 2), "X"), args(values([[1]]).to("int64"))])
    cases += refuses(
        "linalg.svd", [args(normal(3)), args(values([[1]]).to("int64")), args(filled(2, 2, value=float("nan")))]
    )
    cases += refuses("linalg.pinv", [args(normal(3)), args(values([[1]]).to("int64"))])
    cases += refuses("linalg.lstsq", [args(normal(3, 2), normal(2, 2)), args(normal(3, 2), normal(3, 2), driver="bad")])
    return cases


def norms() -> list[Case]:
    """Norms of matrices in every order, condition numbers."""
    cases: list[Case] = []
    for order in ("fro", "nuc", 2, -2, 1, -1, float("inf"), float("-inf")):
        cases += ops("linalg.matrix_norm", [args(spread(3, 4), order)], layouts=(TRANSPOSED,))
        cases += ops(
            "linalg.norm", [args(spread(2, 3, 3), order, (-2, -1), True)], checks=CHECKS - {SECOND}, layouts=()
        )
        # torch's backward fails for the other orders: it writes into what it saved
        with_gradient = order in (2, -2)
        checks = CHECKS - {SECOND} if with_gradient else FORWARD
        cases += ops("linalg.cond", [args(spread(3, 3), order)], checks=checks, layouts=())
    cases += ops("linalg.norm", [args(normal(3, 4)), args(normal(3), 3), args(normal(3, 4), 1, 1)])
    cases += ops("linalg.matrix_norm", [args(spread(3, 2, 3), 2, (0, 2))], layouts=())
    cases += ops("norm", [args(spread(3, 4), "nuc"), args(spread(2, 3, 3), "nuc", (1, 2))], layouts=())
    cases += refuses(
        "linalg.matrix_norm",
        [args(normal(3)), args(normal(2, 2), "bad"), args(normal(2, 2), 3), args(normal(2, 2), 2, (0, 0))],
    )
    cases += refuses("linalg.norm", [args(normal(2, 2, 2), 2), args(normal(2, 2), 2, (0, 1, 0))])
    cases += refuses("linalg.cond", [args(normal(2, 3), 1), args(normal(2, 2), "bad"), args(normal(3))])
    return cases


def products() -> list[Case]:
    """Powers, exponentials, products of many, and of vectors."""
    cases = ops("linalg.matrix_power", [args(regular(3, 3), n) for n in (0, 1, 2, 3, 5, -1, -2)], **REGULAR)
    cases += ops("linalg.matrix_power", [args(normal(2, 2), 3)], dtypes=("int64",), checks=FORWARD)
    cases += ops("matrix_exp", [args(normal(3, 3)), args(normal(2, 4, 4, scale=3)), args(normal(1, 1))])
    cases += ops("matrix_exp", [args(normal(3, 3, scale=4))], dtypes=("float64", "float16"), checks=CHECKS - {SECOND})
    cases += ops(
        "linalg.multi_dot",
        [args([normal(2, 3), normal(3, 4), normal(4, 2)]), args([normal(3), normal(3, 2), normal(2)])],
    )
    cases += ops("linalg.vander", [args(normal(4)), args(normal(2, 3), N=5)])
    cases += ops("linalg.vander", [args(normal(3))], dtypes=("int64", "int32"), checks=FORWARD)
    cases += ops("linalg.vecdot", [args(normal(3, 4), normal(4)), args(normal(3, 4), normal(3, 4), dim=0)])
    cases += ops("linalg.cross", [args(normal(4, 3), normal(4, 3)), args(normal(3, 4), normal(3, 1), dim=0)])
    cases += ops("cross", [args(normal(4, 3), normal(4, 3), 1)])
    # From transposed factors torch's kron has strides of its own, or fails
    cases += ops(
        "kron",
        [args(normal(2, 3), normal(3, 2)), args(normal(), normal(2)), args(normal(3), normal(2, 2))],
        layouts=(GAPPED,),
    )
    cases += ops(
        "kron",
        [args(normal(2, 3), normal(3, 2))],
        dtypes=("float64", "float16", "bfloat16", "int64"),
        layouts=(GAPPED,),
        checks=FORWARD,
    )
    cases += ops("inner", [args(normal(2, 3), normal(4, 3)), args(normal(3), normal(3)), args(normal(), normal(2))])
    cases += ops("vdot", [args(normal(5), normal(5))])
    cases += ops(
        "addr", [args(normal(2, 3), normal(2), normal(3)), args(normal(3), normal(2), normal(3), beta=0.5, alpha=2)]
    )
    cases += ops("addbmm", [args(normal(3, 2), normal(5, 3, 4), normal(5, 4, 2), beta=0.5, alpha=2)])
    for name in ("linalg.vecdot", "linalg.cross", "inner"):
        cases += ops(name, [args(normal(2, 3), positive(2, 3))], dtypes=("float64", "float16", "bfloat16"))
    for name in ("inner", "linalg.cross", "addr"):
        rows = [args(normal(2, 3), normal(2), normal(3))] if name == "addr" else [args(normal(2, 3), normal(2, 3))]
        cases += ops(name, rows, dtypes=("int64",), checks=FORWARD)
    cases += refuses(
        "linalg.matrix_power", [args(normal(2, 3), 2), args(filled(2, 2, value=0), -1), args(normal(2, 2), 1.5)]
    )
    cases += refuses(
        "linalg.multi_dot",
        [args([normal(2, 2)]), args([normal(2, 3), normal(2, 3)]), args([normal(2, 2), normal(2), normal(2, 2)])],
    )
    cases += refuses("linalg.cross", [args(normal(2, 4), normal(2, 4)), args(normal(3), normal(2, 3))])
    cases += refuses("linalg.vecdot", [args(normal(2, 3), normal(2, 4)), args(normal(3), normal(3).to("float64"))])
    cases += refuses("inner", [args(normal(2, 3), normal(2, 4))])
    cases += refuses("addr", [args(normal(2, 3), normal(2), normal(2)), args(normal(2, 3), normal(2, 1), normal(3))])
    cases += refuses("matrix_exp", [args(normal(2, 3)), args(normal(3)), args(values([[1]]).to("int64"))])
    return cases


CASES = [*systems(), *determinants(), *factors(), *spectra(), *norms(), *products()]
