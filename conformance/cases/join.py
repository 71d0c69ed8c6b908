"""Tensors side by side, against each other, and in pieces."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    INTEGERS,
    LAYOUTS,
    Arguments,
    Case,
    args,
    booleans,
    integers,
    normal,
    ops,
    refuses,
    values,
)

# What is not copied keeps the strides of the input.
VIEW = CHECKS - {LAYOUTS}


def stacks() -> list[Case]:
    """hstack and its like: numbers, vectors, matrices and beyond."""
    numbers, vectors = [normal(), normal()], [normal(3), normal(3)]
    matrices, blocks = [normal(2, 3), normal(2, 3)], [normal(2, 3, 2), normal(2, 3, 2)]
    cases: list[Case] = []
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        cases += ops(name, [args(each) for each in (numbers, vectors, matrices, blocks)])
        cases += refuses(name, [args([normal(2, 3), normal(3, 4, 5)]), args([])])
    cases += ops("hstack", [args([normal(2), normal(3)]), args([normal(2, 3), normal(2, 1)])])
    cases += ops("hstack", [args([normal(2), integers(3, high=5)])], dtypes=FLOATS[1:])
    cases += ops("column_stack", [args([normal(2), normal(2, 3)])])
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        cases += ops(name, [args(normal()), args(normal(3)), args(normal(2, 3)), args(normal(2, 3, 2))], checks=VIEW)
        cases += ops(name, [args(normal(), normal(2)), args((normal(), normal(2)))], checks=VIEW)
    cases += ops(
        "block_diag",
        [
            args(normal(2, 3), normal(1, 2)),
            args(normal(), normal(3), normal(2, 1)),
            args(normal(2, 2)),
            args(normal(0, 2), normal(1, 1)),
            args(normal(2), integers(2, 2, high=5)),
        ],
    )
    cases += refuses("block_diag", [args(normal(2, 2, 2))])
    return cases


def against() -> list[Case]:
    """Every element of one with every element of the others."""
    cases = ops(
        "broadcast_tensors", [args(normal(2, 1), normal(3)), args(normal(), normal(2)), args(normal(2))], checks=VIEW
    )
    cases += refuses("broadcast_tensors", [args(normal(2), normal(3))])
    cases += ops(
        "broadcast_shapes", [args((2, 1), (3,)), args((), (2,)), args(3, (2, 3)), args((0,), (1,))], checks=FORWARD
    )
    cases += refuses("broadcast_shapes", [args((2,), (3,))])
    for indexing in ("ij", "xy"):
        cases += ops("meshgrid", _grids(indexing), checks=VIEW)
    cases += refuses(
        "meshgrid", [args(normal(2, 2), indexing="ij").naming("0D", "1D"), args(normal(2), normal(2), indexing="ab")]
    )
    cases += ops("cartesian_prod", [args(normal(2), normal(3)), args(normal(3)), args(normal(2), normal(1), normal(2))])
    cases += refuses("cartesian_prod", [args(normal(2, 2))])
    cases += ops(
        "combinations",
        [args(normal(4)), args(normal(4), 3), args(normal(3), 2, True), args(normal(3), 1), args(normal(2), 3)],
    )
    cases += ops("combinations", [args(normal(3), 0)], checks=FORWARD)  # of nothing, nothing has a gradient
    cases += refuses("combinations", [args(normal(2, 2)), args(normal(2), -1)])
    return cases


def _grids(indexing: str) -> list[Arguments]:
    return [
        args(normal(2), normal(3), indexing=indexing),
        args(normal(2), normal(), normal(4), indexing=indexing),
        args(normal(3), indexing=indexing),
        args([normal(2), normal(1)], indexing=indexing),
    ]


def pieces() -> list[Case]:
    """Cut into equal parts, or where one says."""
    cases = ops(
        "tensor_split",
        [
            args(normal(7), 3),
            args(normal(2, 7), (1, 4), 1),
            args(normal(5), (4, 2)),
            args(normal(5), (-2, 9)),
            args(normal(2), 4),
            args(normal(6), values([2, 3], "int64")),
            args(normal(6), values(4, "int64")),
        ],
        checks=VIEW,
    )
    cases += refuses("tensor_split", [args(normal(), 2), args(normal(3), 0), args(normal(3), -1)])
    cases += ops("hsplit", [args(normal(2, 6), 3), args(normal(6), 2), args(normal(2, 6), (1, 4))], checks=VIEW)
    cases += ops("vsplit", [args(normal(6, 2), 3), args(normal(4, 2), (1, 2))], checks=VIEW)
    cases += ops("dsplit", [args(normal(2, 1, 6), 3), args(normal(2, 1, 4), (1, 2))], checks=VIEW)
    cases += refuses("hsplit", [args(normal(2, 5), 2), args(normal(), 2), args(normal(2, 4), 0)])
    cases += refuses("vsplit", [args(normal(5, 2), 2), args(normal(4), 2)])
    cases += refuses("dsplit", [args(normal(2, 2, 5), 2), args(normal(2, 4), 2)])
    cases += ops("split_with_sizes", [args(normal(5, 2), [2, 3]), args(normal(2, 5), [1, 0, 4], 1)], checks=VIEW)
    cases += refuses("split_with_sizes", [args(normal(5), [2, 2]), args(normal(5), [-1, 6])])
    cases += ops("unsafe_split", [args(normal(5, 2), 2), args(normal(2, 5), 3, 1)], checks=VIEW)
    cases += ops("unsafe_chunk", [args(normal(5, 2), 2), args(normal(2, 5), 3, 1)], checks=VIEW)
    return cases


def turned() -> list[Case]:
    """Reversed, turned, repeated."""
    cases = ops("fliplr", [args(normal(2, 3)), args(normal(2, 3, 2))]) + ops(
        "flipud", [args(normal(3)), args(normal(3, 2))]
    )
    cases += refuses("fliplr", [args(normal(3))]) + refuses("flipud", [args(normal())])
    cases += ops("rot90", [args(normal(2, 3), k) for k in (-1, 0, 1, 2, 3, 5)])
    cases += ops("rot90", [args(normal(2, 3, 4), 1, (1, 2)), args(normal(2, 3, 4), 3, (-1, 0))])
    cases += refuses(
        "rot90",
        [args(normal(3)), args(normal(2, 2), 1, (0, 0)), args(normal(2, 2), 1, (0, 3)), args(normal(2, 2), 1, (0,))],
    )
    cases += ops(
        "repeat_interleave",
        [
            args(normal(3), 2),
            args(normal(2, 3), 2, 0),
            args(normal(2, 3), values([2, 0, 1], "int64"), 1),
            args(normal(2, 3), values([3], "int64"), -1),
            args(normal(2, 2), values([1, 0, 2, 1], "int64")),
            args(normal(), 3),
            args(normal(3), 0),
            args(normal(2), values([2, 1], "int64"), 0, output_size=3),
        ],
    )
    cases += ops("repeat_interleave", [args(values([2, 0, 3], "int64"))], dtypes=("int64",), checks=FORWARD)
    cases += ops("repeat_interleave", [args(normal(3), 2)], dtypes=INTEGERS, checks=FORWARD)
    cases += refuses(
        "repeat_interleave",
        [
            args(normal(3), -1),
            args(normal(3), values([1, 2], "int64"), 0),
            args(normal(2), values([1, -2], "int64"), 0),
            args(normal(2), normal(2), 0),
        ],
    )
    cases += ops("fill", [args(normal(2, 3), 2.5), args(normal(3), normal()), args(normal(3), 7)])
    cases += ops("fill", [args(booleans(3), True)], dtypes=("bool",), checks=FORWARD)
    cases += ops("constant_pad_nd", [args(normal(2, 3), (1, 2)), args(normal(2, 3), (0, -1, 1, 0), 2.5)])
    cases += refuses(
        "constant_pad_nd", [args(normal(2), (1,)), args(normal(2), (1, 1, 1, 1)), args(normal(2), (-3, 0))]
    )
    return cases


CASES = [*stacks(), *against(), *pieces(), *turned()]
