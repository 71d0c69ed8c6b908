"""Views and rearrangements: what shares memory, what is copied, and where gradients go."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    INTEGERS,
    LAYOUTS,
    MEMORY_FORMAT,
    TRANSPOSED,
    Case,
    args,
    named,
    normal,
    ops,
    refuses,
)

KEEPING = (TRANSPOSED, GAPPED)
# Whether a view is possible, and which strides it has, depends on the strides of the input.
VIEW = CHECKS - {LAYOUTS}


def views() -> list[Case]:
    """The same memory in another shape or with other strides."""
    cases = ops(
        "Tensor.view", [args(normal(2, 6), *s) for s in ((3, 4), (-1,), (2, 3, 2), (12, 1), (4, -1))], checks=VIEW
    )
    cases += ops(
        "Tensor.view",
        [args(normal(2, 6), (3, 4)), args(normal(0, 3), 3, 0), args(normal(), 1, 1)],
        checks=VIEW,
    )
    cases += ops("reshape", [args(normal(2, 6), s) for s in ((3, 4), (-1,), (2, 3, 2), [12], (1, -1, 2))])
    cases += ops(
        "Tensor.reshape",
        [args(normal(2, 3, 4), 6, 4), args(normal(2, 3, 4), -1, 3)],
        checks=VIEW,
    )
    cases += ops(
        "flatten",
        [
            args(normal(2, 3, 4)),
            args(normal(2, 3, 4), 1),
            args(normal(2, 3, 4), 0, 1),
            args(normal(2, 3, 4), -2, -1),
            args(normal()),
        ],
    )
    cases += ops(
        "unflatten",
        [args(normal(2, 12), 1, (3, 4)), args(normal(2, 12), -1, (2, -1, 3)), args(normal(6, 2), 0, (3, 2))],
    )
    cases += ops(
        "squeeze",
        [
            args(normal(1, 3, 1)),
            args(normal(1, 3, 1), 0),
            args(normal(1, 3, 1), 1),
            args(normal(1, 3, 1), (0, 2)),
            args(normal(1, 3, 1), -1),
        ],
    )
    cases += ops("unsqueeze", [args(normal(2, 3), d) for d in (0, 1, 2, -1, -3)])
    cases += ops(
        "permute", [args(normal(2, 3, 4), dims) for dims in ((2, 0, 1), (0, 2, 1), (-1, 0, 1), (2, 1, 0), (0, 1, 2))]
    )
    cases += ops(
        "transpose",
        [args(normal(2, 3, 4), 0, 2), args(normal(2, 3, 4), -1, -2), args(normal(2, 3), 0, 0), args(normal(), 0, -1)],
    )
    cases += ops("t", [args(normal(2, 3)), args(normal(4)), args(normal())])
    cases += ops(
        "movedim", [args(normal(2, 3, 4), 0, 2), args(normal(2, 3, 4), (0, 1), (2, 0)), args(normal(2, 3, 4), -1, 0)]
    )
    cases += ops(
        "Tensor.expand",
        [
            args(normal(3, 1), 3, 4),
            args(normal(3, 1), 2, -1, 4),
            args(normal(1), 3, 4),
            args(normal(), 2, 3),
            args(normal(2, 3), 2, 3),
        ],
        checks=VIEW,
    )
    cases += ops("broadcast_to", [args(normal(3, 1), (2, 3, 4)), args(normal(4), (3, 4))], checks=VIEW)
    cases += ops("narrow", [args(normal(5, 4), 0, 1, 3), args(normal(5, 4), 1, -2, 2), args(normal(5, 4), -1, 0, 0)])
    cases += ops("select", [args(normal(5, 4), 0, 2), args(normal(5, 4), 1, -1), args(normal(4), 0, 3)])
    cases += ops("unbind", [args(normal(3, 4)), args(normal(3, 4), 1), args(normal(3, 4), dim=-1)])
    cases += ops(
        "split",
        [
            args(normal(7, 2), 3),
            args(normal(2, 7), 3, dim=1),
            args(normal(7, 2), [2, 5]),
            args(normal(2, 6), [1, 2, 3], -1),
        ],
    )
    cases += ops("chunk", [args(normal(7, 2), 3), args(normal(2, 7), 4, dim=1), args(normal(6), 2), args(normal(3), 5)])
    cases += ops("chunk", [args(normal(0, 3), 2), args(normal(3, 0), 3, 1)])
    windows = [
        args(normal(9), (3, 4), (1, 2)),
        args(normal(12), (2, 3), (3, 1), 2),
        args(normal(3, 4), (2, 2), (1, 4)),
        args(normal(6), (2,), (0,)),
    ]
    cases += ops("as_strided", windows, checks=VIEW)
    return cases


def copies() -> list[Case]:
    """The same numbers elsewhere: joined, repeated, padded, reversed, converted."""
    cases = ops(
        "cat",
        [
            args([normal(2, 3), normal(4, 3)]),
            args((normal(2, 3), normal(2, 1), normal(2, 4)), 1),
            args([normal(2, 3), normal(2, 3)], dim=-1),
        ],
    )
    cases += ops(
        "cat",
        [args([normal(0).fixed(), normal(2, 3)]), args([normal(3)]), args([normal(2, 0), normal(2, 3)], 1)],
        layouts=KEEPING,
    )
    for other in ("float64", "float16", "bfloat16", "int64", "bool"):
        cases += ops(
            "cat",
            [args([normal(3), normal(4).to(other)]), args([normal(3).to(other), normal(2)])],
            checks=CHECKS - {LAYOUTS},
            label=other,
        )
    cases += ops("cat", [args([normal(3, 2), normal(3, 2)], 1)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    cases += ops(
        "stack",
        [
            args([normal(2, 3), normal(2, 3)]),
            args([normal(2, 3), normal(2, 3)], 1),
            args([normal(2, 3), normal(2, 3)], dim=-1),
            args([normal(), normal()]),
        ],
    )
    cases += ops(
        "Tensor.repeat",
        [
            args(normal(2, 3), 2, 1),
            args(normal(2, 3), 2, 1, 3),
            args(normal(), 3),
            args(normal(2, 3), 1, 1),
        ],
    )
    cases += ops("tile", [args(normal(2, 3), (2,)), args(normal(2, 3), (2, 1, 3)), args(normal(3), (2, 2))])
    cases += ops(
        "flip",
        [
            args(normal(2, 3, 4), (0,)),
            args(normal(2, 3, 4), (1, -1)),
            args(normal(2, 3, 4), [0, 1, 2]),
            args(normal(3), (0,)),
        ],
    )
    cases += ops(
        "roll",
        [
            args(normal(2, 5), 2),
            args(normal(2, 5), 2, 1),
            args(normal(2, 5), (1, -2), (0, 1)),
            args(normal(2, 5), shifts=-7, dims=-1),
        ],
    )
    cases += ops(
        "triu", [args(normal(4, 5)), args(normal(4, 5), 1), args(normal(2, 4, 3), diagonal=-1), args(normal(3, 3), 7)]
    )
    cases += ops(
        "tril", [args(normal(4, 5)), args(normal(4, 5), -1), args(normal(2, 4, 3), diagonal=1), args(normal(3, 3), -7)]
    )
    cases += ops(
        "nn.functional.pad",
        [args(normal(2, 3, 4), p) for p in ((1, 2), (1, 0, 0, 2), (-1, 2), (0, 0, -1, -1), (1, 1, 1, 1, 1, 1))],
    )
    cases += ops(
        "nn.functional.pad", [args(normal(2, 3), (1, 2), "constant", 2.5), args(normal(3), (2, 1), value=-1.0)]
    )
    for name in ("Tensor.clone", "Tensor.contiguous"):
        cases += ops(name, [args(normal(2, 3)), args(normal(2, 3, 4, 5)), args(normal())])
    cases += ops("Tensor.contiguous", [args(normal(2, 3, 4, 5), memory_format=named("channels_last"))])
    cases += ops("Tensor.to", [args(normal(2, 3, 4, 5), memory_format=named("channels_last"))])
    for kind in ("float64", "float32", "float16", "bfloat16"):
        cases += ops("Tensor.to", [args(normal(3, 4), named(kind))], dtypes=FLOATS, label="and back")
    return cases


# --- programs: one memory, seen twice ------------------------------------------------------------------------------


def strides_of(torch: Any, x: Any) -> Any:
    """Shape, strides, offset and contiguity of every kind of view."""
    seen = [
        x,
        x.T,
        x[1:],
        x[:, ::2],
        x[1],
        x[:, 1],
        x.unsqueeze(1),
        x.expand(2, *x.shape),
        x.t().contiguous(),
        x.reshape(-1),
    ]
    seen += [x.view(2, 2, 3), x.narrow(1, 1, 2), x.transpose(0, 1)[1:]]
    return [
        (tuple(v.shape), tuple(v.stride()), v.storage_offset(), v.is_contiguous(), v.dim(), v.numel()) for v in seen
    ]


def shared_memory(torch: Any, x: Any) -> Any:
    """A write through a view is seen by its base and by every other view."""
    y = x.clone()
    row, turned, flat = y[1], y.t(), y.view(-1)
    flat[0] = 7.0
    row.mul_(2)
    turned[2].add_(1)
    y.narrow(0, 0, 1).zero_()
    return [y, row, turned, flat]


def gradient_through_views(torch: Any, x: Any) -> Any:
    """In-place writes to views of a non-leaf are differentiated as if out of place."""
    y = x * 2
    a, b = y[:, :2], y.narrow(1, 2, 2)
    a.mul_(x[:, :2])
    b[0] = a[1] * 3
    y.t()[1].tanh_()
    return [y, a * b, y.reshape(-1)[::3]]


def reversible(torch: Any, x: Any) -> Any:
    """Rearranged and arranged back."""
    there = x.permute(2, 0, 1).reshape(4, -1).t().unflatten(0, (2, 3))
    back = there.flatten(0, 1).t().reshape(4, 2, 3).permute(1, 2, 0)
    return [there, back, back - x]


PROGRAMS = [
    *ops("strides of views", [args(normal(4, 3))], program=strides_of, checks=FORWARD - {LAYOUTS}),
    *ops("one memory", [args(normal(3, 4))], program=shared_memory, checks=FORWARD - {LAYOUTS}),
    *ops(
        "gradients through written views",
        [args(normal(3, 4))],
        program=gradient_through_views,
        layouts=KEEPING,
        checks=CHECKS - {MEMORY_FORMAT},
    ),
    *ops("there and back", [args(normal(2, 3, 4))], program=reversible, checks=CHECKS - {MEMORY_FORMAT}),
]


def turned_view(torch: Any, x: Any) -> Any:
    """Strides that do not allow the shape."""
    return x.t().view(-1)


ERRORS = [
    *refuses("view of a transpose", [args(normal(2, 3))], program=turned_view),
    *refuses(
        "Tensor.view",
        [args(normal(2, 3), 4, 2), args(normal(2, 3), -1, -1), args(normal(2, 3), -1, 4), args(normal(0), -1, 0)],
    ),
    *refuses("reshape", [args(normal(2, 3), (4, 2)), args(normal(2, 3), (-1, 5))]),
    *refuses("flatten", [args(normal(2, 3, 4), 2, 1), args(normal(2, 3), 0, 3)]),
    *refuses("unflatten", [args(normal(2, 12), 1, (5, 2)), args(normal(2, 12), 3, (3, 4))]),
    *refuses("squeeze", [args(normal(1, 3), 2)]),
    *refuses("unsqueeze", [args(normal(2), 3)]),
    *refuses("permute", [args(normal(2, 3), (0, 0)), args(normal(2, 3), (0, 1, 2)), args(normal(2, 3), (0, 2))]),
    *refuses("transpose", [args(normal(2, 3), 0, 2)]),
    *refuses("t", [args(normal(2, 3, 4))]),
    *refuses("movedim", [args(normal(2, 3, 4), (0, 1), (2,))]),
    *refuses("Tensor.expand", [args(normal(3, 2), 3, 4), args(normal(3, 2), 4), args(normal(3), -1, 3)]),
    *refuses("narrow", [args(normal(5), 0, 3, 3), args(normal(5), 0, 0, -1), args(normal(), 0, 0, 1)]),
    *refuses("select", [args(normal(5, 4), 0, 5), args(normal(), 0, 0)]),
    *refuses("split", [args(normal(5), [2, 2]), args(normal(5), -1), args(normal(5), 0)]),
    *refuses("chunk", [args(normal(5), 0), args(normal(), 2)]),
    *refuses(
        "as_strided", [args(normal(4), (3, 3), (2, 1)), args(normal(4), (2,), (1, 1)), args(normal(4), (2,), (-1,))]
    ),
    *refuses(
        "cat",
        [
            args([normal(2, 3), normal(2, 4)]),
            args([normal(2, 3), normal(2)]),
            args([]),
            args([normal(), normal()]),
            args([normal(2)], 1),
        ],
    ),
    *refuses("stack", [args([normal(2), normal(3)]), args([])]),
    *refuses("Tensor.repeat", [args(normal(2, 3), 2), args(normal(2), -1).naming("negative")]),
    *refuses("roll", [args(normal(2, 3), (1, 2), (0,)), args(normal(2, 3), 1, 2)]),
    *refuses("flip", [args(normal(2, 3), (0, 0)), args(normal(2, 3), (2,))]),
    *refuses("triu", [args(normal(3))]),
]

CASES = [*views(), *copies(), *PROGRAMS, *ERRORS]
