"""Products: matmul in every combination of ranks, its special cases, and contractions by name."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    LAYOUTS,
    MEMORY_FORMAT,
    SECOND,
    SIZES,
    TRANSPOSED,
    Case,
    args,
    booleans,
    filled,
    normal,
    ops,
    positive,
    refuses,
    values,
)

RANKS = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)), ((2, 5, 2, 3), (3,)), ((2, 5, 2, 3), (3, 4)), ((3,), (2, 5, 3, 2)),
    ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((4, 2, 0), (4, 0, 3)), ((0, 2, 3), (3,)), ((1, 1), (1, 1)),
]  # fmt: skip


def products() -> list[Case]:
    """matmul by rank, by size, by type, and with sums long enough that their order shows."""
    cases = ops("matmul", [args(normal(*a), normal(*b)) for a, b in RANKS])
    cases += ops("matmul", [args(normal(3, size), normal(size, 2)) for size in SIZES])
    cases += ops("matmul", [args(normal(size, 5), normal(5, size)) for size in SIZES[:-2]], checks=CHECKS - {SECOND})
    cases += ops(
        "matmul", [args(normal(4, 5), normal(5, 3)), args(normal(2, 4, 5), normal(2, 5, 3))], dtypes=FLOATS[1:]
    )
    cases += ops("matmul", [args(normal(4, 5), normal(5)), args(normal(5), normal(5))], dtypes=FLOATS[1:])
    long = [args(positive(2, 5_000), positive(5_000, 3)), args(normal(2, 3_000, offset=5), normal(3_000))]
    cases += ops("matmul", long, checks=CHECKS - {SECOND})
    # torch sums a strided dot product one by one
    cases += ops("matmul", [args(positive(10_000), positive(10_000))], checks=CHECKS - {SECOND}, layouts=())
    cases += ops("matmul", [args(positive(2, 2_049), positive(2_049, 3))], dtypes=FLOATS[2:], checks=CHECKS - {SECOND})
    cases += ops("matmul", [args(normal(3, 17), normal(17, 2))], dtypes=INTEGERS, checks=FORWARD)
    cases += ops("matmul", [args(values([[1.0, float("inf")], [float("nan"), 2.0]]), normal(2, 2))], checks=FORWARD)
    cases += ops(
        "mm", [args(normal(3, 4), normal(4, 2)), args(normal(1, 1), normal(1, 65)), args(normal(0, 2), normal(2, 0))]
    )
    cases += ops("bmm", [args(normal(3, 4, 5), normal(3, 5, 2)), args(normal(0, 4, 5), normal(0, 5, 2))])
    cases += ops("mv", [args(normal(3, 4), normal(4)), args(normal(3, 0), normal(0))])
    cases += ops("dot", [args(normal(size), normal(size)) for size in (0, *SIZES)])
    cases += ops("outer", [args(normal(3), normal(4)), args(normal(0), normal(4))])
    for name, a, b in (
        ("mm", (3, 9), (9, 2)),
        ("bmm", (2, 3, 9), (2, 9, 2)),
        ("mv", (3, 9), (9,)),
        ("dot", (9,), (9,)),
        ("outer", (3,), (4,)),
    ):
        cases += ops(name, [args(normal(*a), normal(*b))], dtypes=FLOATS[1:])
        cases += ops(name, [args(normal(*a), normal(*b))], dtypes=("int64", "int32"), checks=FORWARD)
    return cases


SCALES: list[dict[str, Any]] = [
    {},
    {"beta": 0.5, "alpha": 2},
    {"beta": 0},
    {"alpha": 0},
    {"beta": -1.5},
    {"alpha": 0.3},
]


def plus() -> list[Case]:
    """Products added to something that broadcasts, with factors."""
    cases = ops("addmm", [args(normal(*s), normal(4, 3), normal(3, 2)) for s in ((2,), (1,), (4, 1), (4, 2), ())])
    cases += ops("addmm", [args(normal(2), normal(4, 3), normal(3, 2), **scales) for scales in SCALES[1:]])
    cases += ops("addmm", [args(normal(2), normal(4, 3), normal(3, 2), beta=0.5, alpha=2)], dtypes=FLOATS[1:])
    cases += ops(
        "addmm",
        [args(normal(2), normal(4, 3), normal(3, 2), beta=2, alpha=3)],
        dtypes=("int64", "int32"),
        checks=FORWARD,
    )
    cases += ops(
        "addmm", [args(filled(2, value=float("nan")), normal(4, 3), normal(3, 2), beta=0)], checks=FORWARD, label="nan"
    )
    cases += ops("addmv", [args(normal(4), normal(4, 3), normal(3), **scales) for scales in SCALES])
    cases += ops("addmv", [args(normal(1), normal(4, 3), normal(3))])
    cases += ops(
        "baddbmm",
        [args(normal(*s), normal(5, 4, 3), normal(5, 3, 2)) for s in ((2,), (4, 2), (5, 4, 2), (5, 1, 1), ())],
    )
    cases += ops("baddbmm", [args(normal(4, 2), normal(5, 4, 3), normal(5, 3, 2), **scales) for scales in SCALES[1:]])
    return cases


DOTS: list[tuple[tuple[int, ...], tuple[int, ...], Any]] = [
    ((2, 3, 4), (3, 4, 5), 2), ((2, 3), (4,), 0), ((2, 3, 4), (4, 2, 5), ([0, 2], [1, 0])), ((3,), (3,), 1),
    ((2, 3), (2, 3), 2), ((1, 3), (4, 2), ([0], [1])), ((2, 3, 4), (4, 3), ([-1, 1], [0, -1])),
]  # fmt: skip
EQUATIONS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,kj", [(2, 3), (4, 3)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]),
    ("iij->j", [(3, 3, 2)]), ("ij->", [(2, 3)]), ("ij->j", [(2, 3)]), ("ba", [(2, 3)]), ("bA", [(2, 3)]),
    ("i,j", [(2,), (3,)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
    ("ij,ij->i", [(2, 3), (2, 3)]), ("ij,ij", [(2, 3), (2, 3)]), ("ij,j->ij", [(2, 3), (1,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]), ("bn,anm,bm->ba", [(2, 3), (5, 3, 4), (2, 4)]),
    ("ij,jk->i", [(2, 3), (3, 4)]), ("ij,ij->j", [(2, 1), (2, 3)]), ("...,...->...", [(2, 3), (3,)]),
    ("a...b->b...a", [(2, 3, 4)]), (",ij", [(), (2, 3)]), ("iijj->ij", [(2, 2, 3, 3)]), ("...i->...", [(2, 3, 4)]),
    (" i j -> j i ", [(2, 3)]), ("ij->i...", [(2, 3)]),
]  # fmt: skip


def contractions() -> list[Case]:
    """tensordot by number and by lists, einsum by letters, ellipsis, diagonals, broadcast sizes."""
    cases = ops("tensordot", [args(normal(*a), normal(*b), dims=dims) for a, b, dims in DOTS])
    cases += ops("tensordot", [args(normal(2, 3), normal(3, 4), 1)], dtypes=FLOATS[1:])
    # torch's strides tell which way it took through the operands
    checks = CHECKS - {MEMORY_FORMAT}
    cases += ops("einsum", [args(e, *[normal(*s) for s in shapes]) for e, shapes in EQUATIONS], checks=checks)
    cases += ops("einsum", [args("bij,bjk->bik", normal(2, 3, 9), normal(2, 9, 2))], dtypes=FLOATS[1:], checks=checks)
    cases += ops("einsum", [args("ij,jk", [normal(2, 3), normal(3, 4)])], checks=checks, label="operands in a list")
    return cases


def operators(torch: Any, x: Any, y: Any) -> Any:
    """The operator and the methods."""
    return [x @ y, x.matmul(y), x.mm(y), y.T @ x.T, x.mv(y[:, 0]), x[0].dot(y[:, 1]), x[:, 0].outer(y[0]), x.T.mm(x)]


def of_views(torch: Any, x: Any, y: Any) -> Any:
    """Factors that are slices and transposes of something larger."""
    a, b = x[::2, 1::2], y[1::3]
    return [a @ b, b.T @ a.T, x.T[1::2].T @ b, a.unsqueeze(0).expand(3, -1, -1) @ b, a @ b.flip(1)]


def into_out(torch: Any, x: Any, y: Any) -> Any:
    """`out=` of every product."""
    return [
        torch.mm(x, y, out=torch.empty(3, 3, dtype=x.dtype)),
        torch.matmul(x, y, out=torch.empty(0, dtype=x.dtype)),
        torch.mv(x, y[:, 0], out=torch.empty(3, dtype=x.dtype)),
        torch.addmm(x[:, :3], x, y, out=torch.empty(3, 3, dtype=x.dtype)),
    ]


PROGRAMS = [
    *ops("matmul by operator and method", [args(normal(3, 4), normal(4, 3))], program=operators),
    *ops("matmul of views", [args(normal(4, 6), normal(9, 5))], program=of_views, layouts=(TRANSPOSED, GAPPED)),
    *ops(
        "out= of products",
        [args(normal(3, 4).fixed(), normal(4, 3).fixed())],
        program=into_out,
        checks=FORWARD - {LAYOUTS},
    ),
]

ERRORS = [
    *refuses(
        "matmul", [args(normal(2, 3), normal(4, 5)), args(normal(3), normal(2, 3)), args(normal(2, 3), normal(2))]
    ),
    *refuses(
        "matmul", [args(normal(2, 3), normal()), args(normal(3), normal(4)), args(normal(2, 4, 3), normal(3, 3, 2))]
    ),
    *refuses(
        "matmul",
        [args(normal(2, 4, 3), normal(2, 4, 2)), args(normal(2, 4, 3), normal(4, 2)), args(normal(2, 4, 3), normal(4))],
    ),
    *refuses("matmul", [args(normal(4), normal(2, 3, 2)), args(normal(2, 3), 3), args(booleans(2, 2), booleans(2, 2))]),
    *refuses(
        "matmul", [args(normal(2, 3), normal(3, 2).to("float64")), args(normal(2, 2, 3), normal(2, 3, 2).to("float64"))]
    ),
    *refuses(
        "mm",
        [args(normal(2, 3), normal(3)), args(normal(2, 3), normal(2, 3)), args(normal(2, 3), normal(3, 2).to("int64"))],
    ),
    *refuses(
        "bmm",
        [args(normal(2, 3), normal(2, 3)), args(normal(1, 2, 3), normal(2, 3)), args(normal(2, 3, 4), normal(3, 4, 5))],
    ),
    *refuses(
        "mv",
        [args(normal(2, 3), normal(2)), args(normal(2, 3), normal(2, 3)), args(normal(2, 3), normal(3).to("float64"))],
    ),
    *refuses(
        "dot", [args(normal(2, 3), normal(2, 3)), args(normal(2), normal(3)), args(normal(2), normal(2).to("float64"))]
    ),
    *refuses("outer", [args(normal(2, 3), normal(3)), args(normal(3), normal(2, 3))]),
    *refuses("addmm", [args(normal(3), normal(4, 3), normal(3, 2)), args(normal(2), normal(4, 3), normal(4, 3))]),
    *refuses(
        "addmm", [args(normal(2).to("float64"), normal(4, 3), normal(3, 2)), args(normal(2), normal(4), normal(3, 2))]
    ),
    *refuses("addmv", [args(normal(3), normal(2, 3), normal(3)), args(normal(2), normal(2, 3), normal(2))]),
    *refuses(
        "baddbmm", [args(normal(3), normal(1, 2, 3), normal(1, 3, 2)), args(normal(2), normal(2, 3), normal(1, 3, 2))]
    ),
    *refuses(
        "tensordot",
        [args(normal(2, 3), normal(2, 3), 1), args(normal(2, 3), normal(2, 3), -1), args(normal(2), normal(2), 2)],
    ),
    *refuses(
        "tensordot", [args(normal(2, 3), normal(2, 3), ([0, 1], [0])), args(normal(2), normal(2).to("float64"), 1)]
    ),
    *refuses(
        "einsum", [args("ij,jk", normal(2, 3), normal(2, 3)), args("ij->k", normal(2, 3)), args("ij->ii", normal(2, 3))]
    ),
    *refuses(
        "einsum", [args("ijk", normal(2, 3)), args("ij,ij", normal(2, 3)), args("ij", normal(2, 3), normal(2, 3))]
    ),
    *refuses("einsum", [args("i1", normal(2, 3)), args("i..j", normal(2, 3)), args("ii->i", normal(2, 3))]),
]

SQUARE = booleans(2, 2)
STACK = booleans(1, 2, 2)
# An argument that is no tensor, at every place; bools; other dtypes and other dimensions at every place.
ERRORS += [
    *refuses("mm", [args([1.0], normal(2, 2)), args(normal(2, 2), [1.0]), args(normal(2), normal(2, 3))]),
    *refuses("bmm", [args([1.0], normal(1, 2, 2)), args(normal(1, 2, 2), [1.0]), args(normal(1, 2, 3), normal(3, 2))]),
    *refuses("bmm", [args(normal(2, 3), normal(1, 3, 2)), args(normal(1, 2, 3), normal(1, 3, 2).to("float64"))]),
    *refuses("mv", [args([1.0], normal(2)), args(normal(2, 2), [1.0]), args(normal(2), normal(2))]),
    *refuses("dot", [args([1.0], normal(1)), args(normal(1), [1.0]), args(normal(1, 1), normal(1))]),
    *refuses("outer", [args([1.0], normal(1)), args(normal(1), [1.0]), args(normal(1, 1), normal(1))]),
    *refuses(
        "matmul", [args([1.0], normal(1)), args(normal(1), [1.0]), args(normal(), normal(2)), args(normal(), normal())]
    ),
    *refuses("addmm", [args(normal(2), [1.0], normal(3, 2)), args(normal(2), normal(4, 3), [1.0])]),
    *refuses("addmm", [args([1.0], normal(4, 3), normal(3, 2)), args(normal(2), normal(4, 3), normal(3))]),
    *refuses("addmm", [args(normal(2), normal(4, 3), normal(3, 2).to("float64"))]),
    *refuses("addmv", [args([1.0], normal(2, 3), normal(3)), args(normal(2), [1.0], normal(3))]),
    *refuses("addmv", [args(normal(2), normal(2, 3), [1.0]), args(normal(2, 2), normal(2, 3), normal(3))]),
    *refuses("addmv", [args(normal(2), normal(3), normal(3)), args(normal(2), normal(2, 3), normal(3, 1))]),
    *refuses(
        "addmv", [args(normal(4), normal(2, 3), normal(3)), args(normal(2).to("float64"), normal(2, 3), normal(3))]
    ),
    *refuses("baddbmm", [args(normal(2), [1.0], normal(1, 3, 2)), args(normal(2), normal(1, 2, 3), [1.0])]),
    *refuses("baddbmm", [args(normal(2), normal(1, 2, 3), normal(1, 2, 2))]),
    *refuses(
        "baddbmm",
        [
            args(normal(2).to("float64"), normal(1, 2, 3), normal(1, 3, 2)),
            args(normal(2), normal(1, 2, 3).to("float64"), normal(1, 3, 2)),
        ],
    ),
    *refuses("mm", [args(SQUARE, SQUARE).naming("Bool")]),
    *refuses("bmm", [args(STACK, STACK).naming("Bool")]),
    *refuses("mv", [args(SQUARE, booleans(2)).naming("Bool")]),
    *refuses("dot", [args(booleans(2), booleans(2)).naming("Bool")]),
    *refuses("addmm", [args(SQUARE, SQUARE, SQUARE).naming("Bool")]),
    *refuses("addmv", [args(booleans(2), SQUARE, booleans(2)).naming("Bool")]),
    *refuses("baddbmm", [args(STACK, STACK, STACK).naming("Bool")]),
    *refuses(
        "matmul",
        [args(booleans(2), booleans(2)).naming("Bool"), args(booleans(2, 2, 2), booleans(2, 2, 2)).naming("Bool")],
    ),
    *refuses(
        "einsum",
        [args("ij,jk->ik", SQUARE, SQUARE).naming("Bool"), args("ij,jk", normal(2, 3), normal(3, 4).to("float64"))],
    ),
    *refuses(
        "einsum",
        [
            args("i->i").naming("operand"),
            args("ij,jk", normal(2, 3), [1.0]).naming("list"),
            args(3, normal(2)).naming("str"),
        ],
    ),
    *refuses("einsum", [args("i,j->i1", normal(2), normal(3)).naming("invalid subscript")]),
    *refuses(
        "tensordot",
        [args(normal(2, 2), normal(2, 2), ([0, 0], [0, 1])), args(normal(2, 2), normal(2, 2), ([0, 1], [1, 1]))],
    ),
    *refuses("tensordot", [args(normal(2, 3), normal(3), 2), args(normal(3), normal(2, 3), 2)]),
    *refuses("tensordot", [args(SQUARE, SQUARE, 1).naming("Bool")]),
]


def contracted_by_tensor(torch: Any, x: Any, y: Any) -> Any:
    """Dimensions given as tensors."""
    return [
        torch.tensordot(x, y, torch.tensor(1)),
        torch.tensordot(x, y, torch.tensor([2])),
        torch.tensordot(x, y, torch.tensor([[0], [1]])),
        torch.tensordot(x, y, ([1, 0], [0, 1])),
        torch.tensordot(x, y, ([-1], [0])),
    ]


EDGES = [
    *ops("tensordot by tensor", [args(normal(3, 3), normal(3, 3))], program=contracted_by_tensor, layouts=()),
    # A size of 1 meets any size.
    *ops("tensordot", [args(normal(2, 1), normal(3, 4), 1), args(normal(2, 3), normal(1, 4), 1)]),
    *ops("tensordot", [args(normal(2, 1, 4), normal(3, 4, 5), ([1, 2], [0, 1])), args(normal(2, 3), normal(3, 2), 0)]),
    *ops("tensordot", [args(normal(2, 3), normal(2, 3)), args(normal(2, 3, 4), normal(3, 4))]),
    *ops(
        "einsum",
        [
            args("ij,jk->ik", normal(2, 1), normal(3, 4)),
            args("ij,jk->ik", normal(2, 3), normal(1, 4)),
            args("bij,bjk->bik", normal(1, 2, 3), normal(4, 3, 2)),
            args("bij,bjk->bik", normal(4, 2, 3), normal(1, 3, 2)),
            args("ij,ij->", normal(2, 3), normal(2, 1)),
            args("ij,jk,kl->il", normal(2, 1), normal(3, 4), normal(1, 2)),
            args("ii->", normal(3, 3)),
            args("...i->i", normal(2, 3)),
            args("i->...i", normal(2)),
            args("...ij,...jk->...ik", normal(2, 1, 2, 3), normal(4, 3, 2)),
            args("...ij->...i", normal(2, 3, 4)),
            args("i...->...", normal(3, 4)),
            args(" i j , j k -> k i ", normal(2, 3), normal(3, 4)),
            args("Ab,bC->AC", normal(2, 3), normal(3, 4)),
        ],
        checks=CHECKS - {MEMORY_FORMAT},
        label="edge",
    ),
    *ops("matmul", [args(normal(1, 3), normal(3, 1)), args(normal(3, 1), normal(1, 4))]),
    *ops("matmul", [args(normal(0, 2), normal(2, 3)), args(normal(2, 3), normal(3, 0))]),
    *ops("matmul", [args(normal(1, 2, 3), normal(4, 3, 2)), args(normal(5, 1, 2, 3), normal(4, 3, 2))]),
    *ops("matmul", [args(normal(2, 3, 4, 5), normal(5)), args(normal(4), normal(2, 3, 4, 5))]),
    *ops("mm", [args(normal(1, 5), normal(5, 3)), args(normal(4, 5), normal(5, 1))], dtypes=("float16", "float32")),
    *ops("addmm", [args(normal(2), normal(4, 3), normal(3, 2), beta=b, alpha=a) for a, b in ((1, 0), (0, 1), (2, -1))]),
    *ops("addmv", [args(normal(4), normal(4, 3), normal(3), beta=b) for b in (1, 2)]),
    *ops("addmv", [args(normal(), normal(4, 3), normal(3))]),
    *ops("baddbmm", [args(normal(2, 4, 2), normal(2, 4, 3), normal(2, 3, 2), beta=b) for b in (0, 1, 2)]),
    # beta 0 leaves out what would be nan.
    *ops(
        "addmm",
        [args(values([float("nan"), float("inf")]), normal(4, 3), normal(3, 2), beta=0)],
        checks=FORWARD,
        layouts=(),
    ),
]


def strided_factors(torch: Any, x: Any, y: Any) -> Any:
    """Factors with strides that no BLAS takes as they are: steps, flips, one row repeated, diagonals."""
    return [
        x[:, ::2] @ y[::2],
        x[::2, ::3] @ y[::3, ::2],
        x.flip(0) @ y.flip(1),
        x[:1].expand(3, -1) @ y,
        x[:, :1].expand(-1, 6) @ y,
        x @ y[:1].expand(6, -1),
        x @ y[:, :1].expand(-1, 2),
        x[1:2] @ y[:, 1:2],
        x.T[::2].T @ y[::2],
        x.reshape(2, 2, 6)[:, 1] @ y,
        x.unsqueeze(1)[:, :, ::2] @ y[::2],
        x[:0] @ y,
    ]


STRIDED = ops(
    "matmul of strided factors",
    [args(normal(4, 6), normal(6, 4))],
    program=strided_factors,
    layouts=(TRANSPOSED, GAPPED),
)

CASES = [*products(), *plus(), *contractions(), *PROGRAMS, *EDGES, *STRIDED, *ERRORS]
