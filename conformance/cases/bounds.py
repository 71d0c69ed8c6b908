"""The first and the last place of everything that is counted: positions, dimensions, sizes, and one beyond each."""

from dataclasses import replace
from typing import Any

from conformance.cases import (
    CHECKS,
    FORWARD,
    GAPPED,
    MEMORY_FORMAT,
    SECOND,
    TRANSPOSED,
    Case,
    Draw,
    args,
    booleans,
    distinct,
    normal,
    ops,
    refuses,
    values,
)
from conformance.cases.index import refused_assignment, refused_subscript

KEEPING = (TRANSPOSED, GAPPED)
X = normal(3, 4)


def at(data: Any, dtype: str = "int64") -> Draw:
    """Positions as written."""
    return values(data, dtype)


FIRST_LAST = at([[0, 3], [3, 0], [0, 0]])  # along the columns of X
ONE = at([0, 2])  # rows of X


def positions() -> list[Case]:
    """First and last places, from both ends, of zero, one and several dimensions; nothing at all."""
    cases = ops("gather", [args(X, 1, FIRST_LAST), args(X, -1, FIRST_LAST), args(X, 0, at([[2, 0, 2, 0]]))])
    cases += ops(
        "gather",
        [args(X, 0, at([[], [], []])), args(normal(), 0, at([])), args(normal(0, 4), 1, at([[]]).to("int64"))],
        checks=FORWARD,
        layouts=(),
    )
    cases += ops(
        "gather",
        [args(normal(), -1, at(0)), args(normal(3), 0, at(2)), args(normal(2, 3, 4), 1, at([[[0, 2]], [[2, 1]]]))],
        layouts=(),
    )
    cases += ops(
        "scatter",
        [args(X, 0, at([[2, 0, 2, 0]]), normal(1, 4))],
        layouts=KEEPING,
    )
    cases += ops(
        "scatter",
        [
            args(X, 1, at([[3], [0], [1]]), normal(3, 4).fixed()),
            args(normal(), 0, at([0]), 2.0),
            args(normal(), 0, at(0), 2.0),
        ],
        layouts=(),
    )
    cases += ops(
        "scatter",
        [
            args(X, 1, FIRST_LAST, 0.0, reduce="add"),
            args(X, 1, at([[0, 3], [3, 0], [1, 2]]), normal(3, 2), reduce="multiply"),
        ],
        checks=FORWARD,
        layouts=KEEPING,
    )
    cases += ops(
        "scatter",
        [args(normal(3, 4), 1, FIRST_LAST, 2), args(normal(3, 4), 1, FIRST_LAST, 2, reduce="multiply")],
        dtypes=("int64", "float16"),
        checks=FORWARD,
        layouts=(),
    )
    cases += ops(
        "scatter_add",
        [
            args(X, 1, FIRST_LAST, normal(3, 2)),
            args(normal(), 0, at(0), normal()),
        ],
    )
    cases += ops("scatter_add", [args(booleans(3, 4), 1, FIRST_LAST, booleans(3, 2))], checks=FORWARD, layouts=())
    cases += ops(
        "index_select",
        [
            args(X, 0, at([2, 0, 2])),
            args(X, -1, at([3, 0])),
            args(X, 1, at(2)),
            args(X, 0, at([])),
            args(normal(), 0, at([0])),
            args(X, 0, at([0, 1], "int32")),
        ],
    )
    cases += ops(
        "index_add",
        [
            args(X, 0, at([2, 2, 0]), normal(3, 4)),
            args(X, 1, at([3]), normal(3, 1), alpha=-2),
            args(X, 1, at(3), normal(3, 1)),
            args(normal(5), 0, at([4, 0]), normal(2), alpha=1),
        ],
    )
    cases += ops(
        "index_add",
        [
            args(normal(), 0, at(0), normal()),
            args(X, 0, at([0, 1], "int32"), normal(2, 4)),
            args(X, 0, at([]), normal(0, 4)),
        ],
        layouts=(),
    )
    cases += ops(
        "index_add", [args(normal(5), 0, at([4, 4]), normal(2), alpha=3)], dtypes=("int64", "int32"), checks=FORWARD
    )
    cases += ops(
        "index_copy",
        [
            args(X, 0, at([2, 0]), normal(2, 4)),
            args(X, 1, at([3]), normal(3, 1)),
            args(normal(5), 0, at(4), normal(1)),
            args(X, 0, at([]), normal(0, 4)),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "index_copy",
        [
            args(normal(), 0, at(0), normal()),
            args(normal(5), 0, at(4), normal()),
        ],
        layouts=(),
    )
    cases += ops(
        "index_fill",
        [
            args(X, 0, at([2, -3]), 1.5),
            args(X, 1, at(0), 2.0),
            args(normal(), 0, at([0]), 3.0),
            args(X, 0, at([]), 3.0),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "index_put",
        [
            args(X, (at([2, 0]), at([3, 0])), normal(2)),
            args(X, (at([2, 0]),), normal(4)),
            args(X, (at([-1]), at([-4])), normal()),
            args(X, (at([[0, 1], [2, 0]]), at([1])), normal(2, 2)),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "index_put",
        [args(X, (at([2, 2]), at([3, 3])), normal(2), accumulate=True), args(X, (at([2, 2]),), normal(2, 4), True)],
        layouts=KEEPING,
    )
    cases += ops("index_put", [args(X, (values([[True, False, True, False]] * 3, "bool"),), normal())], layouts=KEEPING)
    cases += ops(
        "masked_fill",
        [
            args(X, booleans(3, 4), 2.0),
            args(X, booleans(4), normal()),
            args(X, booleans(3, 1), 0),
            args(normal(), booleans(), 1.0),
            args(X, booleans(), -1.0),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "masked_fill",
        [args(normal(5), booleans(5), 1.5), args(normal(5), booleans(5), True)],
        dtypes=("float16", "float64"),
        checks=FORWARD,
    )
    cases += ops("masked_fill", [args(normal(5), booleans(5), 7)], dtypes=("int64", "uint8"), checks=FORWARD)
    mask = values([[True, False, True, True], [False] * 4, [True] * 4], "bool")
    cases += ops(
        "masked_select",
        [
            args(X, mask),
            args(normal(4), mask),
            args(X, values([True, False, False, True], "bool")),
            args(X, values([[False] * 4] * 3, "bool")),
            args(normal(), values(True, "bool")),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "masked_scatter",
        [
            args(X, mask, normal(7)),
            args(X, mask, normal(3, 4)),
            args(X, values([True, False, False, True], "bool"), normal(6)),
            args(normal(2), values([False, False], "bool"), normal(0)),
        ],
        layouts=KEEPING,
    )
    cases += ops("take", [args(X, at([0, 11, -12, -1])), args(X, at([])), args(X, at(11)), args(normal(), at(-1))])
    cases += ops(
        "take_along_dim",
        [
            args(X, at([[0], [3], [1]]), 1),
            args(X, at([[2, 0, 1, 2]]), 0),
            args(X, at([[3]]), 1),
            args(normal(2, 1, 3), at([[[0, 2]], [[1, 1]]]), 2),
        ],
    )
    cases += ops("take_along_dim", [args(X, at([0, 11, 11])), args(normal(), at([0]))], layouts=())
    cases += ops(
        "nn.functional.one_hot",
        [
            args(at([0, 2, 1])),
            args(at([[0], [3]]), 5),
            args(at(2)),
            args(at([0, 2]), 3),
            args(at([]), 4),
            args(at([[]]), 1),
        ],
        checks=FORWARD,
    )
    cases += ops(
        "nonzero",
        [args(values([[0, 1, 0], [2, 0, 3]])), args(values([0.0, 0.0])), args(values(3.0)), args(values(0.0))],
        checks=FORWARD - {MEMORY_FORMAT},
    )
    cases += ops(
        "nonzero",
        [args(values([[0, 1, 0], [2, 0, 3]]), as_tuple=True), args(values(3.0), as_tuple=True)],
        checks=FORWARD - {MEMORY_FORMAT},
    )
    cases += ops(
        "sort",
        [args(distinct(1)), args(distinct(1, 4), 0), args(distinct(2, 3), -2, descending=True), args(normal(0))],
        checks=CHECKS - {MEMORY_FORMAT},
        layouts=(),
    )
    cases += ops("sort", [args(normal(), 0), args(normal(), -1, True)], checks=FORWARD - {MEMORY_FORMAT}, layouts=())
    cases += ops(
        "argsort",
        [args(distinct(5)), args(distinct(3, 4), 0), args(distinct(3, 4), 1, True), args(values(1.0))],
        checks=FORWARD - {MEMORY_FORMAT},
        layouts=KEEPING,
    )
    cases += ops(
        "topk",
        [
            args(distinct(5), 0),
            args(distinct(5), 5),
            args(distinct(5, 3), 2, 0),
            args(distinct(5), 1, -1, False),
            args(values(1.0), 1),
            args(values(1.0), 0),
        ],
        checks=CHECKS - {MEMORY_FORMAT, SECOND},
        layouts=(),
    )
    return cases


def beyond() -> list[Case]:
    """One beyond either end, a wrong dtype, a wrong number of dimensions, no tensor at all."""
    other = at([0], "int16")
    cases = refuses(
        "gather",
        [
            args(X, 1, at([[4]])),
            args(X, 1, at([[-1]])),
            args(X, 0, at([[3]])),
            args(X, 1, [0]),
            args(X, 1, normal(1, 1)),
            args(X, -3, at([[0]])),
            args(X, 0, at([[[0]]])),
        ],
    )
    cases += refuses(
        "gather",
        [
            args(normal(), 0, at(1)),
            args(X, 1, at([[0]] * 4)),
            args(normal(2, 3, 4), 1, at([[[0]]] * 3)),
        ],
    )
    cases += refuses(
        "scatter",
        [
            args(X, 1, at([[4]]), 1.0),
            args(X, 1, at([[-1]]), 1.0),
            args(X, 1, [0], 1.0).naming("scatter"),
            args(X, 1, other, 1.0),
            args(X, 1, at([0]), 1.0),
        ],
    )
    cases += refuses(
        "scatter",
        [
            args(X, 1, at([[0]] * 4), 1.0),
            args(X, 1, at([[0, 1]]), normal(1, 1)),
            args(X, 1, at([[0]])).naming("scatter"),
        ],
    )
    cases += refuses(
        "scatter_add",
        [
            args(X, 1, at([[4]]), normal(1, 1)),
            args(X, 1, at([[-1]]), normal(1, 1)),
            args(X, 1, [0], normal(1, 1)),
            args(X, 1, at([[0]]), [1.0]),
            args(X, 0, at([[0, 1]]), normal(1, 1)),
        ],
    )
    cases += refuses(
        "index_select",
        [
            args(X, 0, at([3])),
            args(X, 0, at([-1])),
            args(X, 0, [0]),
            args(X, 0, at([0], "int16")),
            args(X, -3, at([0])),
            args(normal(), 0, at([0, 0])),
            args(X, 0, at([0, 3, 1])),
            args(X, 0, at([1, -1, 0])),
        ],
    )
    cases += refuses(
        "index_add",
        [
            args(X, 0, at([3]), normal(1, 4)),
            args(X, 0, at([-1]), normal(1, 4)),
            args(X, 0, [0], normal(1, 4)),
            args(X, 0, at([0]), [1.0]),
            args(X, 0, at([[0]]), normal(1, 4)),
            args(X, 0, at([0], "int16"), normal(1, 4)),
        ],
    )
    cases += refuses(
        "index_add",
        [
            args(X, 0, at([0]), normal(1, 4).to("float64")),
            args(X, 0, at([0]), normal(2, 4)),
            args(X, 0, at([0]), normal(1, 3)),
            args(X, 0, at([0, 1]), normal(2)),
            args(X, 2, at([0]), normal(1, 4)),
            args(X, 1, at([0]), normal(3)),
        ],
    )
    cases += refuses(
        "index_copy",
        [
            args(X, 0, at([3]), normal(1, 4)),
            args(X, 0, at([-1]), normal(1, 4)),
            args(X, 0, [0], normal(1, 4)),
            args(X, 0, at([0]), [1.0]),
            args(X, 0, at([[0]]), normal(1, 4)),
            args(X, 0, at([0], "int32"), normal(1, 4)),
        ],
    )
    cases += refuses(
        "index_copy",
        [
            args(X, 0, at([0]), normal(1, 3)),
            args(X, 0, at([0, 1]), normal(1, 4)),
            args(X, 2, at([0]), normal(1, 4)),
        ],
    )
    cases += refuses(
        "index_fill",
        [
            args(X, 0, at([3]), 1.0),
            args(X, 0, at([-4]), 1.0),
            args(X, 0, [0], 1.0).naming("index_fill"),
            args(X, 0, at([0], "int32"), 1.0),
            args(X, 2, at([0]), 1.0),
        ],
    )
    cases += refuses(
        "index_put",
        [
            args(X, (at([3]),), normal()),
            args(X, (at([-4]),), normal()),
            args(X, (at([0]),), [1.0]),
            args(X, (at([0]),), normal(1).to("float64")),
            args(X, (at([0, 1]),), normal(3, 4)),
        ],
    )
    cases += refuses(
        "index_put",
        [
            args(X, ([0],), normal()).naming("list"),
            args(X, (normal(1),), normal()),
            args(X, (booleans(4),), normal()),
        ],
    )
    cases += refuses(
        "masked_fill",
        [
            args(X, [True], 1.0).naming("masked_fill"),
            args(X, booleans(3, 5), 1.0),
            args(X, booleans(3, 4), normal(1)),
            args(X, normal(3, 4), 1.0),
        ],
    )
    cases += refuses("masked_fill", [args(normal(3), booleans(3), 1e6)], dtype="float16")
    cases += refuses("masked_select", [args(X, [True]), args(X, at([[1, 0, 1, 0]] * 3)), args(X, booleans(3, 5))])
    cases += refuses(
        "masked_scatter",
        [
            args(normal(3), values([True] * 3, "bool"), normal(2)),
            args(X, booleans(3, 5), normal(12)),
            args(X, at([[1, 0, 1, 0]] * 3), normal(12)),
        ],
    )
    cases += refuses(
        "take",
        [
            args(X, at([12])),
            args(X, at([-13])),
            args(X, [0]),
            args(X, at([0], "int16")),
            args(X, normal(1)),
            args(normal(0), at([0])),
        ],
    )
    cases += refuses(
        "take_along_dim",
        [
            args(X, at([[0]]), 2),
            args(X, at([[0, 0, 0]]), 0),
            args(X, [0], 1),
            args(X, at([[0]], "int16"), 1),
        ],
    )
    cases += refuses(
        "nn.functional.one_hot",
        [args(at([-1]), 3), args(at([3]), 3), args(at([0]), 0), args(at([0], "int32")), args(at([]))],
    )
    cases += refuses("sort", [args(X, 2), args(X, -3)]) + refuses("argsort", [args(X, 2), args(X, -3)])
    cases += refuses("topk", [args(X, 5), args(X, 4, 0), args(X, -1), args(X, 1, 2), args(values(1.0), 2)])
    return cases


# --- shapes -----------------------------------------------------------------------------------------------------------

VIEW = CHECKS - {MEMORY_FORMAT}


def shapes() -> list[Case]:
    """Dimensions counted from both ends, sizes of zero and one, inferred sizes."""
    y = normal(2, 3, 4)
    cases = ops(
        "flatten",
        [args(y), args(y, 1), args(y, 0, 1), args(y, -2, -1), args(y, 1, 1), args(normal()), args(normal(2, 0, 3), 1)],
        layouts=(),
    )
    cases += ops(
        "unflatten",
        [
            args(normal(2, 12), 1, (3, -1)),
            args(normal(2, 12), -1, (-1, 2, 3)),
            args(normal(2, 12), 0, (1, 2)),
            args(normal(0, 4), 0, (0, 3)),
            args(normal(4), 0, (4,)),
        ],
        layouts=(),
    )
    cases += ops(
        "reshape",
        [
            args(y, (-1,)),
            args(y, (4, -1)),
            args(y, (2, -1, 2, 2)),
            args(normal(0), (0, 3)),
            args(normal(0, 3), (-1, 3)),
            args(normal(1), ()),
            args(normal(), (1, 1)),
            args(y, (2, 3, 4)),
        ],
        checks=VIEW,
        layouts=KEEPING,
    )
    cases += ops(
        "Tensor.view",
        [
            args(y, -1),
            args(y, 6, -1),
            args(normal(0, 3), 3, 0),
            args(normal(0, 2), -1, 2),
            args(y, (4, 6)),
            args(y, [24]),
        ],
        layouts=(),
    )
    cases += ops(
        "squeeze",
        [
            args(normal(1, 3, 1)),
            args(normal(1, 3, 1), 0),
            args(normal(1, 3, 1), -1),
            args(normal(1, 3, 1), 1),
            args(normal(1, 3, 1), (0, 2)),
            args(normal(1, 3, 1), (0, 1)),
            args(normal()),
            args(normal(), 0),
            args(normal(1), -1),
        ],
    )
    cases += ops("unsqueeze", [args(y, 0), args(y, 3), args(y, -1), args(y, -4), args(normal(), 0), args(normal(), -1)])
    cases += ops(
        "permute",
        [
            args(y, (2, 0, 1)),
            args(y, (1, 2, 0)),
            args(y, (-1, 0, 1)),
            args(normal(), ()),
            args(normal(2, 3, 4, 5), (3, 1, 0, 2)),
        ],
    )
    cases += ops(
        "transpose",
        [
            args(y, 0, 2),
            args(y, -1, 0),
            args(y, 1, 1),
            args(normal(), 0, -1),
            args(normal(3), 0, 0),
            args(normal(2, 3, 4, 5), 1, 3),
        ],
    )
    cases += ops("t", [args(X), args(normal(3)), args(normal())])
    cases += ops(
        "movedim",
        [
            args(y, 0, 2),
            args(y, -1, 0),
            args(y, (0, 1), (2, 0)),
            args(y, 1, 1),
            args(normal(2, 3, 4, 5), (3, 0), (0, 1)),
            args(normal(), 0, 0),
        ],
    )
    cases += ops(
        "Tensor.expand",
        [
            args(normal(1, 3), 2, 3),
            args(normal(1, 3), 2, -1),
            args(normal(3), 2, 1, 3),
            args(normal(1, 1), 0, 4),
            args(normal(), 2),
            args(normal(1), 1),
            args(normal(2, 1), 2, 0),
            args(normal(1, 3), (4, -1, 3)),
        ],
        layouts=(),
    )
    cases += ops(
        "broadcast_to", [args(normal(1, 3), (2, 3)), args(normal(), (2, 2)), args(normal(3, 1), (2, 3, 4))], layouts=()
    )
    cases += ops(
        "narrow",
        [args(y, 0, 0, 2), args(y, 1, -2, 2), args(y, 2, 3, 1), args(y, 2, 4, 0), args(y, -1, -4, 4), args(y, 1, 1, 0)],
    )
    cases += ops("select", [args(y, 0, 1), args(y, 1, -3), args(y, 2, 3), args(y, -1, 0), args(normal(3), 0, 2)])
    cases += ops(
        "split",
        [args(y, 3, 2), args(y, 4, 2), args(y, 9, 2), args(y, [1, 0, 2], 1), args(normal(0), 2), args(normal(0), 0)],
    )
    cases += ops("chunk", [args(y, 2, 2), args(y, 3, 2), args(y, 4, -1), args(y, 7, 2)])
    cases += ops("unbind", [args(y), args(y, 1), args(y, -1), args(normal(3)), args(normal(0, 2))])
    cases += ops(
        "Tensor.repeat",
        [args(X, 1, 2), args(X, 2, 3, 1), args(normal(), 2, 2), args(X, 0, 2), args(X, (2, 1)), args(normal(1), 1)],
    )
    cases += ops("tile", [args(X, (2,)), args(X, ()), args(normal(), (3,)), args(X, (0, 2)), args(X, (1, 1, 2))])
    cases += ops(
        "flip", [args(y, (-1,)), args(y, (0, 2)), args(y, ()), args(normal(0, 3), (0,)), args(normal(1), (0,))]
    )
    cases += ops(
        "roll",
        [
            args(y, 1),
            args(y, 0, 0),
            args(y, 5, 1),
            args(y, -1, -1),
            args(y, (1, 2), (2, 0)),
            args(y, (1, 1), (0, 0)),
            args(normal(0), 2),
            args(normal(3), 4),
        ],
    )
    for name in ("triu", "tril"):
        cases += ops(name, [args(normal(3, 3), d) for d in (0, 1, -1, 2, -2, 3, -3, 4)])
        cases += ops(name, [args(normal(2, 2, 3)), args(normal(0, 3)), args(normal(1, 4), 1), args(normal(4, 1), -1)])
    cases += ops(
        "cat",
        [
            args([X, X], -2),
            args([X, X], -1),
            args([normal(1), normal(2), normal(3)]),
            args([normal(0, 3), normal(2, 3)]),
            args([X]),
        ],
        layouts=KEEPING,
    )
    cases += ops(
        "stack", [args([X, X], 2), args([X, X], -3), args([X, X, X], -1), args([X]), args([normal(0), normal(0)])]
    )
    cases += ops(
        "as_strided",
        [
            args(normal(12), (3, 4), (4, 1)),
            args(normal(12), (2, 2), (1, 3), 5),
            args(normal(12), (3,), (0,)),
            args(normal(12), (), ()),
            args(normal(12), (2,), (11,)),
            args(normal(3, 4), (4,), (3,), 2),
            args(normal(12), (0, 5), (1, 1)),
        ],
        checks=VIEW,
        layouts=(),
    )
    return cases


def wrong_shapes() -> list[Case]:
    """One dimension too many, one size off, dimensions named twice."""
    y = normal(2, 3, 4)
    cases = refuses("flatten", [args(y, 3), args(y, -4), args(y, 1, 0)])
    cases += refuses(
        "unflatten",
        [
            args(normal(2, 12), 1, ()),
            args(normal(2, 12), 1, (-1, -1)),
            args(normal(2, 12), 1, (5, -1)),
            args(normal(2, 12), 1, (3, 5)),
            args(normal(2, 0), 1, (0, -1)),
            args(normal(2, 12), -3, (3, 4)),
        ],
    )
    cases += refuses(
        "reshape",
        [
            args(y, (5, 5)),
            args(y, (-1, -1)),
            args(y, (-2, 12)),
            args(y, (0, -1)),
            args(normal(0), (-1, 0)),
            args(y, (5, -1)),
            args(normal(0), (1, 2)),
            args(normal(), (2,)),
        ],
    )
    cases += refuses("Tensor.view", [args(y, 5, 5), args(y, -2, -12), args(y, 1.5).naming("view"), args(y, -1, 7)])
    cases += refuses("squeeze", [args(y, 3), args(y, -4), args(y, (0, 0)), args(normal(), -2)])
    cases += refuses("unsqueeze", [args(y, 4), args(y, -5), args(normal(), -2)])
    cases += refuses("permute", [args(y, (0, 1)), args(y, (0, 1, 3)), args(y, (0, 1, 1)), args(y, (0, -3, 1))])
    cases += refuses("transpose", [args(y, 0, 3), args(y, -4, 0), args(normal(), 0, 1), args(normal(3), 0, 1)])
    cases += refuses("movedim", [args(y, 0, 3), args(y, (0,), (1, 2))])
    cases += refuses(
        "Tensor.expand",
        [
            args(y, 2, 3),
            args(y, 2, 3, 5),
            args(y, 2, 4, 4),
            args(normal(3), -1, 3),
            args(X, 2, -1, -1, 4),
        ],
    )
    cases += refuses(
        "narrow",
        [
            args(y, 0, 3, 0),
            args(y, 0, -3, 1),
            args(y, 0, 0, 3),
            args(y, 0, 2, 1),
            args(y, 3, 0, 1),
            args(y, 0, 0, -1),
            args(y, 0, -1, 2),
        ],
    )
    cases += refuses("select", [args(y, 0, 2), args(y, 0, -3), args(y, 3, 0), args(y, -4, 0)])
    cases += refuses(
        "split",
        [args(y, [2, 3], 2), args(y, [5, -1], 2), args(y, -1, 2), args(y, 0, 2), args(y, 1, 3)],
    )
    cases += refuses("chunk", [args(y, 0), args(y, -1), args(y, 2, 3)]) + refuses(
        "unbind", [args(y, 3), args(normal(), 0)]
    )
    cases += refuses("Tensor.repeat", [args(X, 2), args(X, 2, -1).naming("negative")])
    cases += refuses("flip", [args(y, (3,)), args(y, (-4,)), args(y, (0, -3))])
    cases += refuses("roll", [args(y, 1, 3), args(y, (1, 2), (0,)), args(y, (1, 2)), args(y, 1, (0, 1))])
    cases += refuses(
        "cat",
        [
            args([X, normal(4, 3)]),
            args([X, normal(3, 4, 1)]),
            args([X, X], 2),
            args([X, X], -3),
            args([X, [1.0]]).naming("list"),
            args([normal(1), normal()]),
        ],
    )
    cases += refuses("stack", [args([X, normal(4, 3)]), args([X, X], 3), args([X, X], -4)])
    cases += refuses(
        "as_strided",
        [
            args(normal(12), (3, 4), (4, 2)),
            args(normal(12), (2,), (12,)),
            args(normal(12), (2, 2), (1,)),
            args(normal(12), (1,), (1,), 12),
            args(normal(12), (2,), (-1,)),
        ],
    )
    return refuses("triu", [args(normal(3)), args(normal())]) + refuses("t", [args(y)]) + cases


# --- subscripts -------------------------------------------------------------------------------------------------------


def first_and_last(torch: Any, x: Any) -> Any:
    """Subscripts at both ends, past them where a slice allows it, and in every spelling."""
    i, scalar, mask = torch.tensor([1, 0]), torch.tensor(1), torch.tensor([True, False])
    return [
        x[-2], x[1], x[:, -3], x[:, 2], x[..., -4], x[..., 3], x[-9:9], x[2:], x[:-2], x[1:1], x[::3], x[1::2, ::2],
        x[scalar], x[scalar, 1], x[scalar, i], x[i, scalar], x[i, ..., 0], x[0, i], x[0, :, i], x[:, 0, i], x[..., i, 0],
        x[mask], x[mask, 0], x[mask, :, i[:1]], x[:, torch.tensor([True, False, True])], x[True], x[False], x[None], x[..., None],
        x[i[None]], x[i, i], x[i, i, i], x[(1,)], x[(0, 2, 3)], x[[1]], x[[True, False]], x[[[0, 1]]], x[range(2)],
        x[torch.tensor([], dtype=torch.int64)], x[torch.tensor(1, dtype=torch.int32)], x[i.to(torch.int32)],
        x[torch.tensor(True)], x[None, i, None], x[:, :, torch.tensor([[0], [3]])], x[slice(scalar, None)],
    ]  # fmt: skip


def assigned(torch: Any, x: Any, v: Any) -> Any:
    """Assignment at both ends, of numbers, of smaller tensors, of tensors with ones in front."""
    y = x * 1
    i = torch.tensor([1, 0])
    y[-1, -1, -1] = 5.0
    y[0] = v[None]
    y[:, 1] = v[0]
    y[i, 2] = v[1, :1]
    y[..., i] = v[0, :1][None, None]
    y[torch.tensor([True, False]), 0] = v[2]
    y[1, [0, 2], 3] = v[0, 0]
    y[y < -1] = 0.25
    y[True, 1, 1, 1] = 3
    y[1:1] = 9.0
    return y


SUBSCRIPTS = [
    *ops(
        "first and last",
        [args(normal(2, 3, 4))],
        program=first_and_last,
        checks=CHECKS - {MEMORY_FORMAT},
        layouts=KEEPING,
    ),
    *ops("assigned", [args(normal(2, 3, 4), normal(3, 4))], program=assigned, layouts=KEEPING),
]


Y = normal(2, 3, 4)
REFUSED = [
    *refuses(
        "refused subscript",
        [
            args(Y, 2), args(Y, -3), args(Y, (0, 3)), args(Y, (0, 0, -5)), args(Y, (0, 0, 0, 0)),
            args(Y, at([2])), args(Y, at([-3])), args(Y, values([True, False, True], "bool")),
            args(Y, values([[True] * 4] * 2, "bool")), args(Y, "a").naming("str"), args(Y, slice(0, 2, -2)), args(Y, slice(None, None, 0)),
            args(Y, slice(0.5, None)).naming("slice"), args(Y, slice(None, 1.5)).naming("slice"), args(Y, 1.0).naming("float"),
            args(Y, (at([0, 1]), at([0, 1, 2]))), args(normal(), 0), args(normal(), at([0])),
        ],
        program=refused_subscript,
    ),
    *refuses(
        "refused assignment",
        [
            args(Y, 2, 1.0), args(Y, 0, normal(4, 4)), args(Y, 0, normal(2, 3, 4)), args(Y, at([0, 1]), normal(3, 3, 4)),
            args(Y, (0, 0), normal(3)), args(Y, values([[True] * 4] * 2, "bool"), 1.0), args(Y, at([2]), 1.0),
        ],
        program=refused_assignment,
    ),
]  # fmt: skip

# The label tells them from the cases of the families, some of which have the same arguments.
CASES = [
    replace(case, label=f"{case.label} at the bounds".strip())
    for case in (*positions(), *beyond(), *shapes(), *wrong_shapes(), *SUBSCRIPTS, *REFUSED)
]
