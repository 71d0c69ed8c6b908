"""By position: subscripts and assignment, gather and scatter, slices by number, masks, sorting."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    MEMORY_FORMAT,
    SECOND,
    SIZES,
    TRANSPOSED,
    Case,
    Draw,
    args,
    booleans,
    distinct,
    integers,
    normal,
    ops,
    refuses,
    special,
    tied,
    values,
)

# Repeated rows would name a place twice (which value stays is open) or make ties.
KEEPING = (TRANSPOSED, GAPPED)
# The strides of what torch sorted follow its kernel, which sorts a copy in place.
SORTED = CHECKS - {MEMORY_FORMAT}


def at(data: Any, dtype: str = "") -> Draw:
    """Positions as int64, or a mask, as written."""
    first = data
    while isinstance(first, list) and first:
        first = first[0]
    return values(data, dtype or ("bool" if isinstance(first, bool) else "int64"))


# --- gather and scatter ----------------------------------------------------------------------------------------------


def along() -> list[Case]:
    """Positions along one dimension, repeated and not."""
    cases = ops(
        "gather", [args(normal(3, 5), 1, integers(3, 7, high=5)), args(normal(5, 3), 0, integers(2, 3, high=5))]
    )
    cases += ops(
        "gather",
        [args(normal(3, 4, 5), 2, integers(2, 3, 6, high=5)), args(normal(3, 4, 5), -2, integers(3, 2, 5, high=4))],
    )
    cases += ops(
        "gather",
        [
            args(normal(), 0, at(0)),
            args(normal(), 0, at([0])),
            args(normal(5), 0, at(3)),
            args(normal(3, 4), 0, at([[0, 1, 2, 0]], "int32")),
        ],
    )
    cases += ops("gather", [args(normal(3, 5), 1, integers(3, 4, high=5))], dtypes=FLOATS[1:])
    cases += ops("gather", [args(normal(3, 5), 1, integers(3, 4, high=5))], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    unique = at([[0, 2, 3], [1, 3, 0]])
    cases += ops(
        "scatter", [args(normal(2, 4), 1, unique, normal(2, 3)), args(normal(2, 4), 1, unique, 2.5)], layouts=KEEPING
    )
    cases += ops(
        "scatter", [args(normal(3, 2), 0, at([[2, 0]]), normal(1, 2)), args(normal(), 0, at(0), normal())], layouts=()
    )
    cases += ops(
        "scatter",
        [args(normal(2, 4), 1, unique, value=-1.5), args(normal(2, 4), 1, unique, src=normal(2, 3))],
        layouts=KEEPING,
    )
    cases += ops("scatter", [args(normal(2, 4), 1, unique, normal(3, 5).fixed())], layouts=KEEPING)
    cases += ops("scatter", [args(normal(2, 4), 1, unique, normal(2, 3))], dtypes=FLOATS[1:], layouts=KEEPING)
    for how in ("add", "multiply"):  # torch has no derivative of these
        rows = [args(normal(2, 4), 1, unique, normal(2, 3), reduce=how), args(normal(2, 4), 1, unique, 3.0, reduce=how)]
        cases += ops("scatter", rows, checks=FORWARD, layouts=KEEPING)
    cases += ops(
        "scatter_add",
        [
            args(normal(3, 5), 1, integers(3, 7, high=5), normal(3, 7)),
            args(normal(3, 2), 0, at([[0, 2], [1, 1]]), normal(2, 2)),
        ],
    )
    cases += ops("scatter_add", [args(normal(3, 5), 1, integers(3, 7, high=5), normal(3, 7))], dtypes=FLOATS[1:])
    cases += ops(
        "scatter_add",
        [args(normal(3, 5), 1, integers(3, 7, high=5), normal(3, 7))],
        dtypes=("int64", "int32"),
        checks=FORWARD,
    )
    cases += ops(
        "take",
        [
            args(normal(3, 4), at([[0, 11, 5], [-1, -12, 5]])),
            args(normal(), at([0, 0])),
            args(normal(3, 4), integers(17, high=12)),
        ],
    )
    cases += ops(
        "take_along_dim", [args(normal(3, 4), integers(3, 2, high=4), 1), args(normal(1, 4), integers(3, 4, high=1), 0)]
    )
    cases += ops("take_along_dim", [args(normal(3, 4), integers(1, 2, high=4), dim=1)])
    # Flat positions: torch cannot flatten a transpose here.
    cases += ops("take_along_dim", [args(normal(3, 4), integers(5, high=12))], layouts=(GAPPED,))
    return cases


# --- slices by number --------------------------------------------------------------------------------------------------


def slices() -> list[Case]:
    """Whole slices, repeated and not."""
    cases = ops("index_select", [args(normal(3, 4, 5), d, at([2, 0, 2, 1])) for d in (0, 1, -1)])
    cases += ops(
        "index_select",
        [args(normal(3, 4), 0, at(1)), args(normal(), 0, at([0])), args(normal(3, 4), 1, at([], "int64"))],
    )
    cases += ops(
        "index_select", [args(normal(65, 3), 0, integers(size, high=65)) for size in SIZES], checks=CHECKS - {SECOND}
    )
    cases += ops("index_select", [args(normal(3, 4), 1, at([2, 0], "int32"))], dtypes=FLOATS)
    cases += ops("index_select", [args(normal(3, 4), 1, at([2, 0]))], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    cases += ops(
        "index_add",
        [args(normal(3, 4), 0, at([0, 2, 0]), normal(3, 4)), args(normal(3, 4), 1, at([3]), normal(3, 1), alpha=-2)],
    )
    cases += ops("index_add", [args(normal(3, 4), 0, at([0, 0]), normal(2, 4), alpha=3)], dtypes=FLOATS[1:])
    cases += ops(
        "index_copy",
        [args(normal(3, 4), 0, at([2, 0]), normal(2, 4)), args(normal(3, 4), 1, at([1]), normal(3, 1))],
        layouts=KEEPING,
    )
    cases += ops(
        "index_fill",
        [
            args(normal(3, 4), 0, at([2, -3]), 1.5),
            args(normal(3, 4), 1, at([1, 1]), normal()),
            args(normal(3, 4), 1, at(2), -1),
        ],
    )
    cases += ops(
        "index_put",
        [args(normal(3, 4), (at([0, 2]), at([1, 3])), normal(2)), args(normal(3, 4), (at([0, 2]),), normal(4))],
        layouts=KEEPING,
    )
    cases += ops(
        "index_put",
        [
            args(normal(3, 4), (at([0, 0]), at([1, 1])), normal(2), accumulate=True),
            args(normal(3, 4), [at([1, 1])], normal(), True),
        ],
    )
    return cases


# --- masks ----------------------------------------------------------------------------------------------------------------


def masks() -> list[Case]:
    """Chosen by a mask that broadcasts."""
    cases = ops(
        "masked_fill",
        [
            args(normal(3, 4), booleans(3, 4), 1.5),
            args(normal(3, 4), booleans(4), normal()),
            args(normal(4), booleans(3, 1), -float("inf")),
        ],
    )
    cases += ops("masked_fill", [args(normal(3, 4), booleans(3, 4), 2)], dtypes=FLOATS[1:])
    cases += ops("masked_fill", [args(normal(3, 4), booleans(3, 4), 2.5)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    # the mask decides the shape, and an expanded mask is another mask
    cases += ops(
        "masked_select",
        [
            args(normal(3, 4), booleans(3, 4)),
            args(normal(3, 4), at([True, False, False, True])),
            args(normal(4), booleans(3, 1)),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "masked_select", [args(normal(), at(True, "bool")), args(normal(3), at([False, False, False]))], layouts=()
    )
    cases += ops(
        "masked_scatter",
        [
            args(normal(3, 4), booleans(3, 4), normal(12)),
            args(normal(3, 4), at([True, False, False, True]), normal(2, 4)),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "nonzero",
        [args(tied(3, 4)), args(tied(3, 4), as_tuple=True), args(tied(17)), args(normal()), args(normal(0))],
        checks=FORWARD - {MEMORY_FORMAT},
    )
    cases += ops("nonzero", [args(tied(5, 7))], dtypes=(*FLOATS[1:], "int64", "bool"), checks=FORWARD - {MEMORY_FORMAT})
    cases += ops(
        "nn.functional.one_hot",
        [args(integers(3, 4, high=5), 5), args(at([0, 2, 1])), args(at(2)), args(at([], "int64"), 3)],
        checks=FORWARD,
    )
    return cases


# --- order ------------------------------------------------------------------------------------------------------------------


def order() -> list[Case]:
    """Sorted and selected; nan is the largest; the order of ties is fixed only where torch promises it."""
    cases: list[Case] = []
    rows = [
        args(distinct(3, 5)),
        args(distinct(3, 5), 0),
        args(distinct(3, 5), dim=1, descending=True),
        args(normal()),
        args(normal(0)),
    ]
    cases += ops("sort", rows, layouts=KEEPING, checks=SORTED)
    cases += ops("sort", [args(distinct(size)) for size in SIZES], layouts=KEEPING, checks=SORTED - {SECOND})
    cases += ops(
        "sort",
        [args(tied(3, 17), dim=1, stable=True), args(tied(3, 17), dim=1, descending=True, stable=True)],
        layouts=KEEPING,
        checks=SORTED,
    )
    cases += ops("sort", [args(special(), stable=True), args(special(), descending=True, stable=True)], checks=FORWARD)
    cases += ops("sort", [args(distinct(3, 5), 0)], dtypes=FLOATS[1:], layouts=KEEPING, checks=SORTED)
    cases += ops("sort", [args(normal(33), stable=True)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    cases += ops(
        "argsort",
        [args(distinct(3, 5)), args(distinct(3, 5), 0, True), args(tied(3, 17), stable=True)],
        checks=FORWARD - {MEMORY_FORMAT},
        layouts=KEEPING,
    )
    rows = [
        args(distinct(3, 7), 3),
        args(distinct(3, 7), 2, dim=0),
        args(distinct(3, 7), 3, largest=False),
        args(distinct(3, 7), 0),
        args(normal(), 1),
    ]
    cases += ops("topk", [*rows, args(distinct(3, 7), 7, 1, True, True)], layouts=KEEPING, checks=SORTED)
    cases += ops("topk", [args(distinct(65), 5)], dtypes=(*FLOATS[1:],), layouts=KEEPING, checks=SORTED)
    cases += ops(
        "topk",
        [
            args(values([3.0, float("nan"), 2.0, -float("inf")]), k, largest=large)
            for k in (2, 4)
            for large in (True, False)
        ],
        checks=FORWARD,
    )
    return cases


# --- subscripts ---------------------------------------------------------------------------------------------------------


def basic(torch: Any, x: Any) -> Any:
    """Ints, slices, None and Ellipsis."""
    return [
        x[0], x[-1], x[1, 2], x[1, 2, 3], x[1:], x[:-1], x[::2], x[:, 1:3, ::3], x[..., 1], x[1, ..., ::2], x[None, 1],
        x[:, None], x[..., None], x[:, :0], x[()], x[...], x[5:], x[-5:1], x[0:1, -1:],
    ]  # fmt: skip


def advanced(torch: Any, x: Any, i: Any, j: Any, mask: Any) -> Any:
    """Tensors, lists, bools and masks, alone and among slices; an int beside them does not move dimensions."""
    return [
        x[i], x[:, j], x[i, j], x[i, :, j], x[0, :, j], x[:, i, 0], x[..., j], x[i, None, j], x[i[:, None], j],
        x[[0, 1]], x[:, [0, 0, 2]], x[[1, 0], [2, 0]], x[mask], x[:, mask[0]], x[mask, 1:], x[True], x[None, [1]],
        x[[]], x[x > 0], x[i.int()], x[i[0]], x[i[0], j], x[0, mask[0]],
    ]  # fmt: skip


def assign(torch: Any, x: Any, v: Any, i: Any, mask: Any) -> Any:
    """Written to in every way, in turn; each earlier value is overwritten in part."""
    y = x * 1
    y[0] = v
    y[1, 1:] = 2.5
    y[:, i] = v[0]
    y[i[1], [0, 2]] = v[0, 1] * v[1, 0]
    y[mask] = -1.5
    y[..., -1] = y[..., 0]
    y[y > 2] = v.sum()
    y[None, 0, 1] = v[1]
    return y


def assign_to_views(torch: Any, x: Any, v: Any) -> Any:
    """A write through one view shows in the others and in the gradients."""
    y = x * 1
    row, column = y[1], y[:, 2]
    row[1:] = v
    column[[0, 0]] = v[0]
    return [y, row, column, y.sum()]


PROGRAMS = [
    *ops("basic subscripts", [args(normal(3, 4, 5))], program=basic, checks=CHECKS - {MEMORY_FORMAT}),
    *ops(
        "advanced subscripts",
        [args(normal(2, 3, 4), at([1, 0]), at([2, 2]), at([[True, False, True], [False, True, True]]))],
        program=advanced,
        checks=CHECKS - {MEMORY_FORMAT},
        layouts=KEEPING,
    ),
    *ops(
        "subscript assignment",
        [args(normal(2, 3, 4), normal(3, 4), at([2, 0]), at([[True, False, True], [False, False, True]]))],
        program=assign,
        layouts=KEEPING,
    ),
    *ops(
        "assignment through views",
        [args(normal(3, 4), normal(3))],
        program=assign_to_views,
        checks=CHECKS - {MEMORY_FORMAT},
        layouts=KEEPING,
    ),
]


def refused_subscript(torch: Any, x: Any, key: Any) -> Any:
    """A subscript that is out of place."""
    return x[key]


def refused_assignment(torch: Any, x: Any, key: Any, value: Any) -> Any:
    """A value that does not fit."""
    x[key] = value
    return x


KEYS: list[Any] = [
    5,
    -3,
    (0, 0, 0, 0),
    (0, 5),
    slice(None, None, -1),
    slice(None, None, 0),
    1.0,
    ([0, 1], [0, 1, 2]),
    [0, 7],
    [-1, -3],
]
ERRORS = [
    *refuses("refused subscript", [args(normal(2, 3, 4), key) for key in KEYS], program=refused_subscript),
    *refuses("refused subscript", [args(normal(), 0), args(normal(2, 3), at([1, 0], "int16")), args(normal(2, 3), normal(2))], program=refused_subscript),
    *refuses("refused subscript", [args(normal(2, 3), at([True, False, True])), args(normal(0), [0])], program=refused_subscript),
    *refuses("refused assignment", [args(normal(5), [0, 1], normal(3)), args(normal(5), slice(0, 2), normal(3))], program=refused_assignment),
    *refuses("refused assignment", [args(normal(5), [0, 1], normal(2).to("float64")), args(normal(5), 0, [1]).naming("assign")], program=refused_assignment),
    *refuses("refused assignment", [args(normal(5), [0, 9], 1.0), args(normal(5), 9, 1.0)], program=refused_assignment),
    *refuses("gather", [args(normal(3, 4), 1, at([[0], [4], [1]])), args(normal(3, 4), 0, at([0, 1])), args(normal(3, 4), 2, at([[0]]))]),
    *refuses("gather", [args(normal(3, 4), 0, integers(1, 5, high=3)), args(normal(3, 4), 0, at([[0]], "int16"))]),
    *refuses("scatter", [args(normal(3, 4), 0, at([[5]]), 1.0), args(normal(3, 4), 0, at([[0]]), normal(1, 1).to("float64"))]),
    *refuses("scatter", [args(normal(3, 4), 0, at([[0, 1]]), normal(1, 1)), args(normal(3, 4), 0, at([[0]]), 1.0, reduce="mean")]),
    *refuses("scatter_add", [args(normal(3, 4), 0, at([[0]]), normal(1, 1).to("float64")), args(normal(3, 4), 0, integers(1, 6, high=3), normal(1, 6))]),
    *refuses("index_select", [args(normal(3, 4), 0, at([0, 3])), args(normal(3, 4), 0, at([[0]])), args(normal(3, 4), 0, normal(1)), args(normal(3, 4), 2, at([0]))]),
    *refuses("index_add", [args(normal(3, 4), 0, at([0, 0]), normal(3, 4)), args(normal(3, 4), 0, at([0, 0]), normal(2, 3)), args(normal(3, 4), 0, at([5]), normal(1, 4))]),
    *refuses("index_copy", [args(normal(3, 4), 0, at([9]), normal(1, 4)), args(normal(3, 4), 0, at([1]), normal(2, 4)), args(normal(3, 4), 0, at([1]), normal(1, 4).to("float64"))]),
    *refuses("index_fill", [args(normal(3, 4), 0, at([9]), 1), args(normal(3, 4), 0, at([0]), normal(1)), args(normal(3, 4), 0, at([[0]]), 1)]),
    *refuses("index_put", [args(normal(3, 4), (at([9]),), normal()), args(normal(3, 4), (at([0]), at([1])), normal(3)), args(normal(3, 4), at([0]), normal())]),
    *refuses("masked_fill", [args(normal(3, 4), booleans(3), 0), args(normal(3, 4), integers(3, 4, high=2), 0), args(normal(3), booleans(3), normal(1))]),
    *refuses("masked_select", [args(normal(3, 4), normal(3, 4)), args(normal(3, 4), booleans(3))]),
    *refuses("masked_scatter", [args(normal(3), at([True, True, True]), normal(2)), args(normal(3), booleans(3), normal(3).to("float64"))]),
    *refuses("take", [args(normal(3, 4), at([12])), args(normal(3), at([0], "int32")), args(normal(0), at([0]))]),
    *refuses("take_along_dim", [args(normal(3, 4), at([0]), 1), args(normal(3, 4), at([[0]], "int32"), 1)]),
    *refuses("nn.functional.one_hot", [args(at([0, 2]), 2), args(at([-1])), args(normal(2)), args(at([], "int64"))]),
    *refuses("sort", [args(normal(3), 1)]),
    *refuses("topk", [args(normal(3), 4), args(normal(3), -1), args(normal(3), 1, 2), args(booleans(3), 1)]),
]  # fmt: skip

CASES = [*along(), *slices(), *masks(), *order(), *PROGRAMS, *ERRORS]
