"""Diagonals, windows and other views: read, as copies, and written into a copy of what they look at."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    LAYOUTS,
    TRANSPOSED,
    Case,
    args,
    named,
    normal,
    ops,
    refuses,
)

KEEPING = (TRANSPOSED, GAPPED)
# What a view's strides are depends on those of the input.
VIEW = CHECKS - {LAYOUTS}

OFFSETS = [args(normal(4, 6), k) for k in (0, 1, 5, 6, 9, -1, -3, -5)]
PLANES = [args(normal(2, 3, 4), 0, 1, 2), args(normal(2, 3, 4), 1, 2, 0), args(normal(2, 3, 4), -1, -1, -3)]


def diagonals() -> list[Case]:
    """Read, and made into matrices."""
    cases = ops("diagonal", OFFSETS + PLANES + [args(normal(0, 3)), args(normal(1, 1))])
    cases += ops("diagonal_copy", OFFSETS[:3] + PLANES)
    cases += ops("diag", [*OFFSETS[:4], args(normal(3)), args(normal(3), 2), args(normal(3), -1), args(normal(0))])
    cases += ops("diag", OFFSETS[:1], dtypes=FLOATS[1:])
    cases += ops("diag", OFFSETS[:1], dtypes=INTEGERS, checks=FORWARD)
    cases += ops(
        "diag_embed",
        [args(normal(2, 3)), args(normal(2, 3), 1), args(normal(2, 3), -2, 0, 2), args(normal(3), 0, -1, -2)],
    )
    cases += ops("diagflat", [args(normal(2, 2)), args(normal(3), 1), args(normal(), -1)])
    cases += ops("trace", [args(normal(3, 5)), args(normal(5, 3)), args(normal(1, 1)), args(normal(40, 40))])
    cases += ops("trace", [args(normal(3, 3))], dtypes=INTEGERS, checks=FORWARD)
    cases += refuses("diagonal", [args(normal(2, 3), 0, 1, 1), args(normal(2, 3), 0, 0, 2), args(normal(3))])
    cases += refuses("diag", [args(normal(2, 2, 2)), args(normal())])
    cases += refuses("diag_embed", [args(normal(2), 0, 1, 1), args(normal(2), 0, 0, 2)])
    cases += refuses("trace", [args(normal(3)), args(normal(2, 2, 2))])
    positions = [args(3, 4), args(4, 3, 1), args(4, 3, -2), args(3, 3, 5), args(0, 3), args(3, 3, dtype=named("int32"))]
    for name in ("tril_indices", "triu_indices"):
        cases += ops(name, positions, checks=FORWARD)
        cases += refuses(name, [args(-1, 3), args(3, -2)])
    return cases


def windows() -> list[Case]:
    """Tensor.unfold: overlapping and gapped windows, along any dimension."""
    rows = [
        args(normal(7), 0, 3, 1),
        args(normal(7), 0, 3, 2),
        args(normal(7), 0, 2, 3),
        args(normal(3, 5), 0, 2, 1),
        args(normal(2, 5, 3), -2, 5, 1),
        args(normal(3), 0, 1, 1),
        args(normal(), 0, 1, 1),
    ]
    cases = ops("Tensor.unfold", rows, checks=VIEW) + ops("unfold_copy", rows[:5])
    cases += ops("Tensor.unfold", rows[1:2], dtypes=FLOATS[1:], checks=VIEW)
    cases += ops("Tensor.unfold", [args(normal(3), 0, 0, 1), args(normal(), 0, 0, 1)], checks=FORWARD - {LAYOUTS})
    cases += refuses("Tensor.unfold", [args(normal(), 0, 2, 1), args(normal(3), 0, -1, 1)])
    cases += refuses("Tensor.unfold", [args(normal(3), 0, 4, 1), args(normal(3), 0, 2, 0), args(normal(3), 1, 2, 1)])
    return cases


def as_copies() -> list[Case]:
    """What a view shows, in memory of its own."""
    x = normal(2, 3, 4)
    cases = ops("expand_copy", [args(normal(3, 1), (2, 3, 4)), args(normal(3, 1), (-1, 2))])
    cases += ops("permute_copy", [args(x, (2, 0, 1))]) + ops("transpose_copy", [args(x, 0, 2)])
    cases += ops("t_copy", [args(normal(2, 3)), args(normal(3))]) + ops("view_copy", [args(x, (4, 6)), args(x, (-1,))])
    cases += ops("squeeze_copy", [args(normal(1, 3, 1)), args(normal(1, 3, 1), 0), args(normal(1, 3, 1), (0, 2))])
    cases += ops("unsqueeze_copy", [args(x, 0), args(x, -1)]) + ops("alias_copy", [args(x)])
    cases += ops("narrow_copy", [args(x, 1, 1, 2), args(x, -1, -3, 2)]) + ops("unbind_copy", [args(x), args(x, 1)])
    cases += ops("split_with_sizes_copy", [args(x, [1, 3], 2)]) + ops("select_copy", [args(x, 1, -1)])
    cases += ops("as_strided_copy", [args(normal(9), (3, 4), (1, 2))], checks=VIEW)
    cases += refuses("narrow_copy", [args(x, 3, 0, 0), args(x, 0, 0, 3), args(x, 0, 5, 1)])
    return cases


def replaced() -> list[Case]:
    """A view of a copy, written."""
    cases = ops("diagonal_scatter", [args(normal(3, 4), normal(3)), args(normal(3, 4), normal(2), -1)])
    cases += ops("diagonal_scatter", [args(normal(2, 3, 4), normal(4, 2), 1, 0, 1), args(normal(2, 2), normal(0), 4)])
    cases += ops("select_scatter", [args(normal(3, 4), normal(4), 0, 1), args(normal(3, 4), normal(3), 1, -1)])
    cases += ops(
        "slice_scatter",
        [
            args(normal(5, 2), normal(2, 2), 0, 1, 3),
            args(normal(2, 6), normal(2, 3), 1, 0, None, 2),
            args(normal(4), normal(4)),
            args(normal(4), normal(1), start=-1),
            args(normal(4), normal(0), 0, 3, 1),
        ],
    )
    cases += ops("slice_scatter", [args(normal(5), normal(2), 0, 1, 3)], dtypes=FLOATS[1:])
    # Of input's gradient torch keeps what is overwritten and drops the rest, the other way round: values only.
    strided = [args(normal(9), normal(2, 3), (2, 3), (3, 1)), args(normal(3, 3), normal(2), (2,), (4,), 1)]
    cases += ops("as_strided_scatter", strided, checks=FORWARD - {LAYOUTS})
    cases += refuses(
        "as_strided_scatter", [args(normal(4), normal(3), (2,), (1,)), args(normal(4), normal(3), (3,), (2,))]
    )
    cases += refuses("select_scatter", [args(normal(3, 4), normal(3), 0, 1), args(normal(3), normal(), 0, 3)])
    cases += refuses("diagonal_scatter", [args(normal(3, 3), normal(2))])
    cases += refuses("slice_scatter", [args(normal(4), normal(2), 0, 0, 3), args(normal(4), normal(2), 0, 0, 2, 0)])
    return cases


def _written_through(torch: Any, x: Any, *, view: str, given: tuple[Any, ...]) -> Any:
    """A write through a view changes the base; gradients follow."""
    base = x * 1
    seen = getattr(base, view)(*given)
    seen.mul_(3)
    return {"base": base, "view": seen, "version": base._version, "shares": seen.data_ptr() >= base.data_ptr()}


def writes() -> list[Case]:
    """Views share memory and count versions."""
    rows = [
        args(normal(3, 4), view="diagonal", given=(1,)),
        args(normal(6), view="unfold", given=(0, 2, 3)),
    ]
    return ops("written through a view", rows, program=_written_through, layouts=KEEPING)


def _resized(torch: Any, x: Any, *, size: tuple[int, ...]) -> Any:
    """The memory of a tensor under another size."""
    y = x.detach().clone()
    before = y._version
    z = y.resize_(size)
    return {"values": y, "same": z is y, "strides": y.stride(), "version": y._version - before}


def _made(torch: Any, x: Any) -> Any:
    """What has given strides and no numbers: sizes and strides only."""
    strided = torch.empty_strided((2, 3), (1, 2), dtype=x.dtype)
    permuted = torch.empty_permuted((2, 3, 4), (0, 2, 1), dtype=x.dtype)
    like = x.new_empty_strided((2, 2), (1, 2))
    smaller = x.detach().clone().resize_as_(torch.zeros(2, 2))
    return {
        "strided": (strided.shape, strided.stride()),
        "permuted": (permuted.shape, permuted.stride()),
        "like": (like.shape, like.stride()),
        "smaller": smaller,
        "number": torch.scalar_tensor(3),
        "H": x.H,
        "mH": x.mH,
    }


CASES = [
    *diagonals(),
    *windows(),
    *as_copies(),
    *replaced(),
    *writes(),
    *ops(
        "resize",
        [args(normal(6), size=(2, 3)), args(normal(3, 4), size=(5,)), args(normal(4), size=())],
        program=_resized,
        checks=FORWARD - {LAYOUTS},
    ),
    *ops("of given strides", [args(normal(3, 4))], program=_made, checks=FORWARD - {LAYOUTS}),
]
