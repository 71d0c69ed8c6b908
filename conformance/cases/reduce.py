"""Reductions: sums and their like, extremes, norms, running sums, over every choice of dimensions."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    LAYOUTS,
    SECOND,
    SIZES,
    TRANSPOSED,
    Arguments,
    Case,
    Draw,
    args,
    away_from,
    booleans,
    distinct,
    filled,
    named,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
    values,
)

INF = float("inf")
# Repeated rows have no variance and no single winner: strides that keep the numbers.
KEEPING = (TRANSPOSED, GAPPED)
# Long, or not smooth, or through a narrower type on the way to a wider result: first order only.
FIRST = CHECKS - {SECOND}

DIMS: list[dict[str, Any]] = [{}, {"dim": None}, {"dim": 0}, {"dim": -1}, {"dim": (0, 2)}, {"dim": [1, -1]}]
DIMS += [
    {"dim": (0, 1, 2)},
    {"dim": 1, "keepdim": True},
    {"dim": (0, -1), "keepdim": True},
    {"dim": None, "keepdim": True},
]
ONE_DIM = [how for how in DIMS if isinstance(how.get("dim"), int)]
SMOOTH = ("sum", "mean", "var", "std", "nansum")


def over(how: list[dict[str, Any]], draw: Draw) -> list[Arguments]:
    """One row for each choice of dimensions."""
    return [args(draw, **choice) for choice in how]


def sums() -> list[Case]:
    """Sum, mean, variance and deviation: dimensions, vector widths, long runs, nothing at all, special values."""
    cases: list[Case] = []
    for name in SMOOTH:
        layouts = KEEPING if name in ("var", "std") else (*KEEPING, "expanded", "channels-last")
        cases += ops(name, over(DIMS, normal(3, 4, 5)), layouts=layouts)
        cases += ops(name, [args(normal(size)) for size in SIZES[1:]], layouts=layouts)
        cases += ops(name, over([{"dim": 1}, {"dim": (0, 2)}], normal(3, 4, 5)), dtypes=FLOATS[1:], layouts=layouts)
        cases += ops(name, [args(normal(2, 3, 4, 5), dim=(0, 2, 3))], layouts=layouts)
        long = [args(positive(30_000)), args(positive(2_049, 3), dim=0), args(positive(5, 1_025, 2), dim=1)]
        long += [args(positive(65, 2, 65), dim=(0, 2)), args(normal(4_097, offset=100))]
        cases += ops(name, long, checks=FIRST)
        cases += ops(name, [args(positive(2_049, 3), dim=0)], dtypes=FLOATS[2:], checks=FIRST)
        cases += ops(name, [args(special()), args(values([1.0, INF])), args(values([INF, -INF]))], checks=FORWARD)
    for name in ("sum", "mean", "nansum"):
        cases += ops(name, [args(normal(), **how) for how in DIMS[:4]])
        cases += ops(name, [args(normal(0)), args(normal(2, 0), dim=1), args(normal(2, 0), dim=0)])
        cases += ops(
            name, [args(normal(3, 4), dim=1, dtype=named(kind)) for kind in ("float64", "float16")], checks=FIRST
        )
        cases += ops(
            name,
            [args(normal(3, 4), dim=0, dtype=named("float32"))],
            dtypes=("int64", "float16", "float64"),
            checks=FORWARD,
        )
    cases += ops("nansum", [args(values([[1.0, float("nan"), 3.0], [float("nan"), 2.0, 1.0]]), dim=1)], layouts=())
    for name in ("sum", "prod"):
        cases += ops(name, [args(normal(3, 4), dim=0), args(normal(9))], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
        cases += ops(
            name,
            [args(normal(3, 4), dtype=named(kind)) for kind in ("int64", "bool", "uint8")],
            dtypes=("int32",),
            checks=FORWARD,
        )
    return cases


def variances() -> list[Case]:
    """Every way to say the divisor, and little variance beside a large mean."""
    cases: list[Case] = []
    for name in ("var", "std", "var_mean", "std_mean"):
        rows = [args(normal(5, 3), dim=0, correction=c) for c in (0, 1, 2, 0.5)]
        rows += [args(normal(5, 3), False), args(normal(5, 3), 0, False), args(normal(5, 3), 1, True, True)]
        rows += [args(normal(5, 3), unbiased=False), args(normal(2, 3, 4), dim=(0, -1), keepdim=True)]
        cases += ops(name, rows, layouts=KEEPING)
        cases += ops(name, [args(normal(3, 4), dim=1)], dtypes=FLOATS[1:], layouts=KEEPING)
        cases += ops(name, [args(normal(1_000, offset=1_000)), args(normal(2, 3), dim=0, correction=2)], checks=FORWARD)
    cases += ops("std", [args(filled(4, 3, value=2.5), dim=0)], checks=FIRST, label="no deviation")
    return cases


def products() -> list[Case]:
    """Products, with none, one and many zeros among the factors."""
    cases = ops(
        "prod", [args(away_from(3, 4)), *over(ONE_DIM, away_from(3, 4, 2)), args(normal()), args(normal(), dim=0)]
    )
    cases += ops("prod", [args(positive(size)) for size in SIZES], checks=FIRST)
    cases += ops("prod", [args(away_from(3, 4), dim=1)], dtypes=FLOATS[1:])
    cases += ops("prod", [args(normal(0)), args(normal(2, 0), dim=1)], checks=FORWARD)
    for zeros in ([[0.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[0.0, 0.0, 3.0], [4.0, 0.0, 6.0]]):
        rows = [args(values(zeros)), args(values(zeros), dim=1), args(values(zeros), dim=0, keepdim=True)]
        cases += ops("prod", rows, checks=FIRST, layouts=KEEPING)
        cases += ops("prod", rows[1:], checks=CHECKS, layouts=KEEPING, dtypes=("float64",))
    return cases


def running() -> list[Case]:
    """Sums and products along one dimension."""
    cases: list[Case] = []
    for name in ("cumsum", "cumprod"):
        draw = normal if name == "cumsum" else away_from
        cases += ops(name, [args(draw(3, 4, 2), dim=d) for d in (0, 1, -1)])
        cases += ops(name, [args(draw(), dim=0), args(draw(0), dim=0), args(draw(2, 0), dim=1)])
        cases += ops(name, [args(draw(3, 5), dim=1)], dtypes=FLOATS[1:])
        cases += ops(
            name, [args(draw(3, 4), dim=0, dtype=named("float64"))], dtypes=("float32", "float16"), checks=FIRST
        )
        cases += ops(name, [args(draw(3, 4), dim=0)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    cases += ops("cumsum", [args(positive(size), dim=0) for size in SIZES], checks=FIRST)
    cases += ops("cumsum", [args(positive(5_000), dim=0)], dtypes=FLOATS, checks=FIRST)
    cases += ops(
        "cumprod", [args(values([[0.5, 0.0, 2.0, 3.0], [1.0, 2.0, 0.0, 0.0]]), dim=d) for d in (0, 1)], layouts=KEEPING
    )
    return cases


def extremes() -> list[Case]:
    """Largest and smallest: one winner, many ties, nan, nothing; the three forms of max and min."""
    cases: list[Case] = []
    for name in ("amax", "amin"):
        cases += ops(name, over(DIMS[2:9], distinct(3, 4, 5)), layouts=KEEPING)
        cases += ops(name, [args(distinct(size)) for size in SIZES], layouts=KEEPING)
        cases += ops(
            name, [args(tied(5, 7), dim=1), args(tied(5, 7), dim=(0, 1)), args(tied(33))], exact=True, checks=FIRST
        )
        cases += ops(name, [args(distinct(3, 4), dim=1)], dtypes=FLOATS[1:], layouts=KEEPING)
        cases += ops(name, [args(normal(3, 4), dim=1)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
        cases += ops(name, [args(special()), args(special(2), dim=0)], checks=FORWARD, exact=True)
        cases += ops(name, [args(normal()), args(normal(2, 0), dim=0)], layouts=())
    for name in ("max", "min"):
        cases += ops(name, over(ONE_DIM, distinct(3, 4, 5)), layouts=KEEPING)
        cases += ops(name, [args(distinct(size)) for size in SIZES], layouts=KEEPING)
        cases += ops(name, [args(tied(33)), args(tied(5, 7), dim=1), args(tied(5, 7), dim=0, keepdim=True)], exact=True)
        cases += ops(name, [args(distinct(3, 4)), args(distinct(3, 4), dim=1)], dtypes=FLOATS[1:], layouts=KEEPING)
        cases += ops(name, [args(normal(3, 4)), args(normal(3, 4), dim=1)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
        cases += ops(name, [args(special()), args(special(2), dim=0)], checks=FORWARD, exact=True)
        cases += ops(name, [args(normal()), args(normal(), dim=0), args(normal(2, 0), dim=0)], layouts=())
        cases += ops(name, [args(distinct(3, 4), normal(4))])
        nan = values([[1.0, float("nan"), 3.0], [float("nan"), 5.0, float("nan")]])
        cases += ops(name, [args(nan), args(nan, dim=1)], checks=FIRST, layouts=KEEPING, exact=True, label="nan")
    cases += ops("aminmax", [args(distinct(3, 4)), args(distinct(3, 4), dim=1, keepdim=True)], layouts=KEEPING)
    for name in ("argmax", "argmin"):
        rows = [
            args(distinct(3, 4, 5)),
            *over([{"dim": 0}, {"dim": -1}, {"dim": 1, "keepdim": True}], distinct(3, 4, 5)),
        ]
        rows += [
            args(tied(5, 7)),
            args(tied(5, 7), dim=0),
            args(special()),
            args(normal()),
            args(normal(3, 4), keepdim=True),
        ]
        cases += ops(name, rows, checks=FORWARD)
        cases += ops(name, [args(distinct(5, 7), dim=1)], dtypes=(*FLOATS[1:], *INTEGERS), checks=FORWARD)
    for name in ("all", "any"):
        rows = [
            args(tied(3, 4), **how) for how in [*DIMS[:4], {"dim": (0, 1)}, {"dim": 1, "keepdim": True}, {"dim": ()}]
        ]
        rows += [
            args(booleans(5, 7), dim=0),
            args(normal(0)),
            args(normal(2, 0), dim=1),
            args(values([float("nan"), 0.0])),
        ]
        cases += ops(name, rows, checks=FORWARD)
        cases += ops(name, [args(tied(3, 4), dim=1)], dtypes=(*FLOATS[1:], "int64", "int32"), checks=FORWARD)
        cases += ops(name, [args(values([[0, 1], [2, 3]], "uint8"), dim=1)], checks=FORWARD)
    cases += ops(
        "count_nonzero", [args(tied(3, 4)), args(tied(3, 4), dim=0), args(tied(3, 4), dim=(0, 1))], checks=FORWARD
    )
    return cases


def norms() -> list[Case]:
    """Norms of every order, and log of a sum of exponentials."""
    cases: list[Case] = []
    for p in (0.5, 1, 1.5, 2, 2.5, 3, -1):
        checks = FIRST if p == 1 else CHECKS  # the norm of order 1 is straight
        cases += ops("norm", [args(away_from(3, 4), p, 1), args(away_from(3, 4), p)], checks=checks)
        cases += ops("linalg.vector_norm", [args(away_from(2, 3, 4), p, dim=(0, 2), keepdim=True)], checks=checks)
    for p in (INF, -INF):  # a second derivative is 0 everywhere that it exists
        cases += ops("norm", [args(distinct(3, 4), p, 1), args(distinct(3, 4), p)], checks=FIRST, layouts=KEEPING)
        cases += ops("norm", [args(tied(3, 7), p, 1)], checks=FIRST, layouts=KEEPING)
    cases += ops(
        "norm",
        [args(tied(3, 4), 0, 1), args(normal(3, 4)), args(normal(3, 4), "fro"), args(normal(7), keepdim=True)],
        checks=FIRST,
    )
    cases += ops("norm", [args(normal(3, 4), 2, 0)], dtypes=FLOATS[1:])
    cases += ops("norm", [args(filled(3, 2, value=0.0), p, 0) for p in (1, 2, 3)], checks=FIRST)
    cases += ops("norm", [args(normal(size)) for size in SIZES], checks=FIRST)
    cases += ops(
        "norm",
        [args(normal(30_000)), args(normal(2_049, 3), 2, 0), args(normal(2_049, 3), 1, 0)],
        checks=FIRST,
    )
    cases += ops(
        "linalg.vector_norm", [args(normal(3, 4), dtype=named("float64"))], dtypes=("float32", "float16"), checks=FIRST
    )
    cases += ops("logsumexp", over(DIMS[2:9], normal(3, 4, 5)))
    cases += ops("logsumexp", [args(normal(size, scale=5), dim=0) for size in SIZES], checks=FIRST)
    cases += ops(
        "logsumexp",
        [args(normal(3, 4, offset=500), dim=1), args(normal(3, 4, offset=-500), dim=1), args(normal(), dim=0)],
    )
    cases += ops("logsumexp", [args(normal(3, 4), dim=1)], dtypes=FLOATS[1:])
    cases += ops("logsumexp", [args(normal(3, 4), dim=1)], dtypes=("int64", "bool"), checks=FORWARD)
    cases += ops(
        "logsumexp",
        [args(values([[-INF, -INF], [INF, 1.0], [-INF, 2.0]]), dim=1), args(normal(0), dim=0)],
        checks=FORWARD,
    )
    cases += ops(
        "Tensor.sum_to_size", [args(normal(2, 3, 4), *size) for size in ((3, 1), (1, 3, 4), (4,), (1,), (2, 3, 4))]
    )
    return cases


NAN = float("nan")
RAGGED = values([[1000.0, 0.0, -1000.0], [-500.0, -501.0, -2000.0], [0.0, 0.5, 90.0]])
EVEN_FIELD = values([[2.0, -2.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0]])


def edges() -> list[Case]:
    """Bools, numbers without dimensions, nothing at all, zeros, and values far apart."""
    cases: list[Case] = []
    rows = [
        args(booleans(3, 4), dim=d, keepdim=k, dtype=named("bool")) for d, k in ((0, False), (1, True), ((0, 1), False))
    ]
    cases += ops("sum", rows, checks=FORWARD)
    mask = values([[1, 0, 1], [1, 1, 1], [0, 0, 0]], "bool")
    cases += ops(
        "prod", [args(mask, dim=d, keepdim=k, dtype=named("bool")) for d, k in ((0, False), (1, True))], checks=FORWARD
    )
    cases += ops("nansum", [args(normal(3, 4), keepdim=True)])
    for name in ("prod", "max", "min"):
        cases += ops(name, [args(distinct(3, 4), 1, False), args(distinct(3, 4), 1, True)], layouts=KEEPING)
    cases += ops("prod", [args(away_from(3, 4), 1, dtype=named("float64"))], checks=FIRST, layouts=())
    for name in ("sum", "mean", "amax", "amin", "var", "logsumexp", "norm"):
        along = None if name == "norm" else 0
        cases += ops(name, [args(normal(), keepdim=True, dim=along)], checks=FORWARD if name == "var" else FIRST)
    for name in ("mean", "var_mean", "std_mean", "var", "std"):
        cases += ops(name, [args(normal(0, 3), dim=0), args(normal(3, 0), dim=1)], checks=FORWARD, layouts=())
        cases += ops(name, [args(normal(2, 0, 3), dim=0)], checks=FIRST, layouts=())
    # As many values as are taken off, or fewer: the divisor is 0, never negative.
    for name in ("var", "std", "var_mean", "std_mean"):
        rows = [args(normal(2, 3), dim=0, correction=c) for c in (2, 3)] + [args(normal(1, 3), dim=0)]
        cases += ops(name, rows, checks=FIRST, layouts=(), label="no degrees of freedom")
        cases += ops(name, [args(normal(5, 3), dim=0, correction=None)], layouts=KEEPING)
        cases += ops(
            name,
            [args(normal(2, 3), dim=0), args(normal(1, 3), dim=0, correction=0)],
            checks=FIRST,
            layouts=(),
            label="two",
        )
        cases += ops(
            name, [args(normal(1, 3), dim=0, correction=1.5)], checks=FORWARD, layouts=(), label="half a degree"
        )
    cases += ops("std_mean", [args(filled(4, 3, value=2.5), dim=0)], checks=FIRST, layouts=())
    cases += ops("var", [args(filled(4, 3, value=2.5), dim=0)], checks=FIRST, layouts=(), label="no deviation")
    cases += ops("var", [args(normal(1_000, 2, offset=1e6), dim=0)], dtypes=("float64",), checks=FIRST)
    cases += ops(
        "logsumexp", [args(RAGGED, dim=1), args(RAGGED, dim=0), args(RAGGED, dim=1, keepdim=True)], layouts=KEEPING
    )
    cases += ops(
        "logsumexp", [args(values([-INF, 1.0]), dim=0), args(values([-INF, -INF]), dim=0)], checks=FIRST, layouts=()
    )
    cases += ops("logsumexp", [args(normal(2, 0), dim=1), args(normal(2, 0), dim=0)], checks=FORWARD, layouts=())
    # Norms of lines with zeros, of nothing, and of the orders where the formula changes.
    for p in (0.5, 1, 1.5, 2, 2.5, 3):
        cases += ops("norm", [args(EVEN_FIELD, p, 1), args(EVEN_FIELD, p, 0, True)], checks=FIRST, layouts=())
    for p in (INF, -INF, 0, -1, -2):
        cases += ops(
            "norm", [args(away_from(3, 4), p, 1, True), args(away_from(4, 3), p)], checks=FIRST, layouts=KEEPING
        )
        cases += ops("linalg.vector_norm", [args(away_from(2, 3, 4), p, dim=(0, 2))], checks=FIRST, layouts=())
    for p in (0, 0.5, 1, 2, 3):
        cases += ops(
            "linalg.vector_norm", [args(normal(0), p), args(normal(2, 0), p, dim=1)], checks=FORWARD, layouts=()
        )
    cases += ops(
        "linalg.vector_norm", [args(normal(0, 3), p, dim=1) for p in (INF, -INF, -1)], checks=FORWARD, layouts=()
    )
    cases += ops("linalg.vector_norm", [args(normal(), p, dim=0) for p in (INF, -1, 2)], checks=FIRST, layouts=())
    cases += ops("norm", [args(normal(3, 4), None), args(normal(3, 4), 2, 1, dtype=named("float64"))], checks=FIRST)
    cases += ops("norm", [args(normal(3, 4), "fro", 1), args(normal(3, 4), None, 1)], checks=FIRST, layouts=())
    # Reductions whose length is no multiple of anything, contiguous or strided.
    for shape, dim in (((257, 3), 0), ((3, 257), 1), ((17, 2, 19), (0, 2)), ((5, 1, 33), (1, 2)), ((129,), 0)):
        cases += ops("sum", [args(normal(*shape), dim=dim)], checks=FIRST)
        cases += ops("amax", [args(distinct(*shape), dim=dim)], checks=FIRST, layouts=KEEPING)
        cases += ops("mean", [args(normal(*shape), dim=dim)], dtypes=("float16", "float64"), checks=FIRST)
    cases += ops("cumsum", [args(normal(3, 4), dim=1, dtype=named("int64"))], dtypes=("int32", "bool"), checks=FORWARD)
    for zeros in ([0.0], [[0.0], [2.0]], [[1.0, 0.0, 1.0]], [[1.0, 1.0], [2.0, 3.0]]):
        cases += ops("cumprod", [args(values(zeros), dim=0), args(values(zeros), dim=-1)], layouts=())
        cases += ops("prod", [args(values(zeros)), args(values(zeros), dim=-1)], checks=FIRST, layouts=())
    cases += ops(
        "cumprod", [args(values(0.0), dim=0), args(values([[0.0, 2.0], [3.0, 0.0], [1.0, 4.0]]), dim=0)], layouts=()
    )
    cases += ops(
        "cumprod",
        [args(values([[[1.0, 0.0], [2.0, 3.0]], [[0.0, 1.0], [4.0, 5.0]]]), dim=d) for d in (0, 1, 2)],
        layouts=(),
    )
    for name in ("argmax", "argmin", "max", "min"):
        cases += ops(name, [args(values(3.0), 0), args(values(3.0), -1, True)], checks=FORWARD, layouts=())
    cases += ops(
        "aminmax", [args(values(3.0), dim=0), args(values(3.0)), args(normal(0, 3), dim=1)], checks=FORWARD, layouts=()
    )
    cases += ops("aminmax", [args(normal(1, 3), dim=0), args(normal(1))], checks=FORWARD, layouts=())
    for name in ("amax", "amin"):
        cases += ops(
            name, [args(distinct(3, 4), ()), args(distinct(3, 4), []), args(normal(0, 3), 1)], checks=FIRST, layouts=()
        )
    for name in ("all", "any", "sum", "mean"):
        cases += ops(name, [args(tied(2, 3, 4), dim=(0, 2), keepdim=True)], checks=FORWARD)
    cases += ops(
        "Tensor.sum_to_size", [args(normal(2, 3, 4, 5), *size) for size in ((1, 4, 1), (3, 1, 5), (1, 3, 1, 5))]
    )
    cases += ops("Tensor.sum_to_size", [args(normal(2, 3), [1, 3])], layouts=(), label="sizes in a list")
    return cases


def into_out(torch: Any, x: Any) -> Any:
    """`out=` is written, resized where it is empty, and decides the type where none is given."""
    long = torch.zeros(4, dtype=torch.float64)
    return [
        torch.sum(x, 0, out=long),
        torch.mean(x, 1, out=torch.empty(0, dtype=x.dtype)),
        torch.amax(x, 0, out=torch.empty(4, dtype=x.dtype)),
        *torch.max(x, dim=0, out=(torch.empty(4, dtype=x.dtype), torch.empty(4, dtype=torch.int64))),
        torch.argmax(x, 1, out=torch.empty(3, dtype=torch.int64)),
        torch.cumsum(x, 0, out=torch.empty(3, 4, dtype=x.dtype)),
        torch.norm(x, 2, 0, out=torch.empty(4, dtype=x.dtype)),
        long,
    ]


def named_fields(torch: Any, x: Any) -> Any:
    """The results of max and min have names."""
    found = torch.max(x, 1)
    low = x.min(0, keepdim=True)
    return [found.values, found.indices, low.values, low.indices, torch.aminmax(x).min, torch.aminmax(x, dim=0).max]


PROGRAMS = [
    *ops("out= of reductions", [args(distinct(3, 4).fixed())], program=into_out, checks=FORWARD - {LAYOUTS}),
    *ops("named fields", [args(distinct(3, 4))], program=named_fields, layouts=KEEPING),
]

ERRORS = [
    *refuses("mean", [args(normal(3), keepdim=True).naming("keepdim")]),
    *refuses("mean", [args(normal(3), dtype=named("int64")).naming("Optional dtype", "Long")], label="optional"),
    *refuses("mean", [args(normal(3)).naming("Input dtype", "Long")], dtype="int64"),
    *refuses("prod", [args(normal(3), keepdim=True).naming("prod")]),
    *refuses("max", [args(normal(3), keepdim=True).naming("max"), args(normal(2), normal(3))]),
    *refuses("max", [args(normal(0), dim=0)]),
    *refuses("var", [args(normal(3)).naming("std and var only support")], dtype="int64"),
    *refuses("std", [args(normal(3)).naming("std and var only support")], dtype="int64"),
    *refuses("std_mean", [args(normal(3)).naming("std_mean only support")], dtype="int64"),
    *refuses("argmin", [args(normal(0)).naming("argmin"), args(normal(2, 0), dim=1).naming("argmin")]),
    *refuses("amax", [args(normal(0, 3), dim=0), args(normal(0, 3), dim=()), args(normal(0, 3), dim=(0, 1))]),
    *refuses("linalg.vector_norm", [args(normal(0), p) for p in (INF, -INF, -1)]),
    *refuses("linalg.vector_norm", [args(normal(0, 2), INF, dim=()), args(normal(2, 0), -INF, dim=(0, 1))]),
    *refuses(
        "linalg.vector_norm", [args(normal(2, 0, 3), INF, dim=1), args(normal(3).to("float64"), dtype=named("float32"))]
    ),
    *refuses("Tensor.sum_to_size", [args(normal(2, 3), 4, 2, 3), args(normal(2, 3), 2, 2)]),
    *refuses("aminmax", [args(normal(3, 0), dim=1), args(normal(0, 3), dim=0), args(normal(3), dim=1)]),
    *refuses(
        "sum",
        [
            args(normal(3, 4), dim=2),
            args(normal(3, 4), dim=(0, 0)),
            args(normal(3), dim=(0, -1)),
            args(normal(), dim=1),
        ],
    ),
    *refuses("sum", [args(normal(3), dim="x").naming("dim"), args(normal(3), dim=1.0).naming("dim")]),
    *refuses("sum", [args(normal(3), keepdim=True).naming("keepdim"), args(3)]),
    *refuses("mean", [args(normal(3).to("int64")), args(booleans(3)), args(normal(3), dtype=named("int64"))]),
    *refuses("prod", [args(normal(3, 4), dim=(0, 1)).naming("prod"), args(normal(3, 4), dim=5)]),
    *refuses(
        "var",
        [
            args(normal(3).to("int64")),
            args(normal(3), unbiased=True, correction=1).naming("var"),
            args(normal(3), dim=1),
        ],
    ),
    *refuses("var_mean", [args(normal(3).to("int64"))]),
    *refuses(
        "max",
        [
            args(normal(0)),
            args(normal(2, 0), dim=1),
            args(normal(3), dim=2),
            args(normal(3, 4), dim=(0, 1)).naming("max"),
        ],
    ),
    *refuses("min", [args(normal(0)), args(normal(0), dim=0)]),
    *refuses(
        "amax", [args(normal(0)), args(normal(2, 0), dim=1), args(normal(3, 4), dim=(1, 1)), args(normal(3), dim=1)]
    ),
    *refuses("argmax", [args(normal(0)), args(normal(2, 0), dim=1), args(booleans(3)), args(normal(3), dim=3)]),
    *refuses("aminmax", [args(normal(0)), args(normal(2, 0), dim=1)]),
    *refuses("all", [args(normal(3), dim=1), args(normal(3, 4), dim=(0, 0))]),
    *refuses("cumsum", [args(normal(3, 4), dim=2), args(normal(3)).naming("dim")]),
    *refuses("logsumexp", [args(normal(3), dim=1), args(normal(3)).naming("dim"), args(normal(3), dim=None)]),
    *refuses("norm", [args(normal(3).to("int64")), args(normal(3, 4), "x"), args(normal(0), INF)]),
    *refuses(
        "linalg.vector_norm",
        [args(normal(3), "a"), args(normal(2, 0), INF, dim=1), args(normal(3), dtype=named("float16"))],
    ),
    *refuses("linalg.vector_norm", [args(normal(3), dtype=named("int64"))]),
    *refuses("Tensor.sum_to_size", [args(normal(2, 3), 2), args(normal(3), 1, 1, 3)]),
]

CASES = [*sums(), *variances(), *products(), *running(), *extremes(), *norms(), *edges(), *PROGRAMS, *ERRORS]
