"""Pooling: windows, edges, ties and nan; adaptive forms; unpooling; layers; and what is refused."""

from typing import Any

from conformance.cases import (
    ALL_LAYOUTS,
    CHECKS,
    EXPANDED,
    FLOATS,
    FORWARD,
    GAPPED,
    HALVES,
    SECOND,
    SIZES,
    TRANSPOSED,
    Arguments,
    Case,
    args,
    away_from,
    booleans,
    distinct,
    filled,
    integers,
    normal,
    ops,
    positive,
    refuses,
    tied,
    values,
)

INF, NAN = float("inf"), float("nan")

# Arguments that every windowed pool takes: shape, kernel, the rest.
Row = tuple[tuple[int, ...], Any, dict[str, Any]]
WINDOWS: dict[int, list[Row]] = {
    1: [
        ((2, 3, 9), 2, {}), ((2, 3, 9), 3, {"stride": 2}), ((2, 3, 9), (3,), {"stride": (1,), "padding": (1,)}),
        ((2, 3, 10), 3, {"ceil_mode": True}), ((2, 3, 10), 4, {"stride": 3, "padding": 2, "ceil_mode": True}),
        ((3, 9), 3, {"padding": 1}), ((0, 3, 9), 2, {}), ((1, 1, 1), 1, {}), ((2, 3, 9), 2, {"stride": 4}),
        ((2, 3, 5), 5, {}), ((2, 3, 4), 2, {"stride": 3, "padding": 1, "ceil_mode": True}),
    ],
    2: [
        ((2, 3, 6, 8), 2, {}), ((2, 3, 7, 8), 3, {"stride": 2, "padding": 1}), ((2, 3, 7, 8), (3, 2), {"stride": (1, 2)}),
        ((2, 3, 7, 8), (2, 3), {"padding": (1, 0), "stride": 1}), ((2, 3, 7, 8), 3, {"ceil_mode": True}),
        ((2, 3, 7, 8), [3, 4], {"stride": [2, 3], "padding": [1, 2], "ceil_mode": True}), ((3, 7, 8), 2, {}),
        ((3, 7, 8), 2, {"stride": 3, "padding": 1, "ceil_mode": True}), ((0, 3, 7, 8), 2, {}), ((1, 1, 1, 1), 1, {}),
        ((2, 3, 5, 4), (5, 4), {}), ((2, 3, 7, 7), 2, {"stride": 3}), ((2, 3, 7, 8), 3, {"stride": 1, "padding": 1}),
    ],
    3: [
        ((2, 2, 4, 6, 4), 2, {}), ((2, 2, 5, 4, 6), 3, {"stride": 2, "padding": 1}),
        ((1, 2, 5, 4, 6), (2, 3, 2), {"stride": (1, 2, 3), "ceil_mode": True}), ((2, 4, 6, 4), 2, {"padding": 1}),
        ((0, 2, 4, 6, 4), 2, {}), ((1, 1, 4, 5, 4), (3, 2, 3), {"stride": 2, "padding": (1, 0, 1), "ceil_mode": True}),
    ],
}  # fmt: skip
LAYOUTS_OF = {1: ALL_LAYOUTS, 2: ALL_LAYOUTS, 3: (TRANSPOSED, GAPPED, EXPANDED)}
DILATED: dict[int, list[Row]] = {
    1: [((2, 3, 9), 3, {"dilation": 3}), ((2, 3, 9), 3, {"dilation": 2, "padding": 1, "stride": 2, "ceil_mode": True})],
    2: [((2, 3, 7, 8), 3, {"dilation": (3, 2)}), ((2, 3, 7, 8), 2, {"dilation": 3, "padding": 1, "ceil_mode": True})],
    3: [((1, 2, 5, 4, 6), 2, {"dilation": (3, 2, 1), "stride": 1, "padding": 1})],
}
ADAPTIVE: dict[int, list[tuple[tuple[int, ...], Any]]] = {
    1: [((2, 3, 9), 1), ((2, 3, 9), 3), ((2, 3, 9), 4), ((2, 3, 5), 8), ((3, 9), (2,)), ((0, 3, 9), 4), ((2, 3, 9), 9)],
    2: [
        ((2, 3, 7, 8), 1), ((2, 3, 6, 8), (3, 4)), ((2, 3, 7, 8), (3, 5)), ((2, 3, 5, 4), (8, 7)), ((2, 3, 7, 8), (None, 3)),
        ((2, 3, 7, 8), (2, None)), ((3, 7, 8), 3), ((0, 3, 7, 8), 3), ((2, 3, 7, 8), (7, 1)), ((2, 3, 1, 1), 2),
    ],
    3: [((2, 2, 4, 6, 4), 2), ((2, 2, 5, 4, 6), (3, 1, 4)), ((2, 5, 4, 6), (None, 2, 5)), ((1, 2, 3, 2, 3), 4)],
}  # fmt: skip


def found(torch: Any, x: Any, *, function: str, **arguments: Any) -> Any:
    """Maxima and their positions."""
    return getattr(torch.nn.functional, function)(x, return_indices=True, **arguments)


def maxima() -> list[Case]:
    """max_pool and adaptive_max_pool: maxima, positions, gradients."""
    cases: list[Case] = []
    for n in (1, 2, 3):
        name = f"nn.functional.max_pool{n}d"
        rows = [args(distinct(*x), k, **options) for x, k, options in WINDOWS[n] + DILATED[n]]
        # torch refuses a volume without a batch that happens to be channels-last as an image
        layouts = LAYOUTS_OF[n]
        cases += ops(name, rows, layouts=layouts)
        # Tensors of a handful of levels: at half precision and for the positions, whoever comes first wins.
        with_index = [
            args(tied(*x), function=f"max_pool{n}d", kernel_size=k, **options)
            for x, k, options in WINDOWS[n] + DILATED[n]
        ]
        cases += ops("max pool with positions", with_index, program=found, layouts=layouts)
        few = [args(tied(*x), k, **options) for x, k, options in WINDOWS[n][:3] + DILATED[n][:1]]
        cases += ops(name, few, dtypes=FLOATS[1:])
        adaptive = [args(distinct(*x), size) for x, size in ADAPTIVE[n]]
        cases += ops(f"nn.functional.adaptive_max_pool{n}d", adaptive)
        positions = [args(tied(*x), function=f"adaptive_max_pool{n}d", output_size=size) for x, size in ADAPTIVE[n]]
        cases += ops("max pool with positions", positions, program=found)
        cases += ops(
            f"nn.functional.adaptive_max_pool{n}d", [args(tied(*x), m) for x, m in ADAPTIVE[n][:3]], dtypes=FLOATS[1:]
        )
    widths = [args(tied(1, 2, size), 3, 2, 1) for size in SIZES]
    cases += ops("nn.functional.max_pool1d", widths)
    channels = [args(tied(2, size, 6, 5), 2) for size in SIZES[:-2]]
    channels += [args(tied(1, 2, 5, size), 3, 1, 1) for size in SIZES]
    cases += ops("nn.functional.max_pool2d", channels, checks=CHECKS - {SECOND})
    whole = [args(normal(2, 3, 7, 8), 3, 2, 1)]
    return cases + ops(
        "nn.functional.max_pool2d", whole, dtypes=("int64", "int32", "int16", "int8", "uint8"), checks=FORWARD
    )


def exact() -> list[Case]:
    """nan wins (the last one takes the gradient), the first of equal maxima wins, all -inf, signed zeros."""
    plane = [
        [NAN, 1.0, NAN, 2.0, 1.0, 1.0], [3.0, NAN, 0.0, NAN, 1.0, 1.0], [INF, INF, -INF, -INF, 0.0, -0.0],
        [INF, 1.0, -INF, -INF, -0.0, 0.0], [NAN, INF, INF, NAN, -INF, NAN], [-0.0, 0.0, 5.0, 5.0, NAN, -INF],
    ]  # fmt: skip
    image = values([plane, plane[::-1]])
    cases: list[Case] = []
    arguments: list[tuple[Any, dict[str, Any]]] = [
        (2, {}), (3, {"stride": 1}), (3, {"stride": 2, "padding": 1}), (2, {"dilation": 2, "stride": 1}),
        (3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    ]  # fmt: skip
    rows = [args(image, function="max_pool2d", kernel_size=k, **options) for k, options in arguments]
    rows += [args(image, function="adaptive_max_pool2d", output_size=size) for size in (1, 2, 4, 6)]
    lowest = filled(1, 2, 4, 4, value=-INF)
    rows += [args(lowest, function="max_pool2d", kernel_size=k, padding=1) for k in (2, 3)]
    rows += [
        args(lowest, function="max_pool2d", kernel_size=2, dilation=2, padding=1),
        args(lowest, function="adaptive_max_pool2d", output_size=3),
    ]
    cases += ops(
        "max pool with positions",
        rows,
        program=found,
        exact=True,
        dtypes=("float32", "float16"),
        layouts=(TRANSPOSED,),
        checks=CHECKS - {SECOND},
    )
    line = values([[NAN, 1.0, NAN, 2.0, INF, INF, -INF, -INF, -0.0, 0.0, 0.0, -0.0]])
    cases += ops(
        "nn.functional.max_pool1d",
        [args(line, 2), args(line, 3, 1), args(line, 4, 2, 1)],
        exact=True,
        checks=CHECKS - {SECOND},
    )
    volume = values([[[[NAN, 1.0, 2.0], [3.0, NAN, 0.0]], [[INF, INF, NAN], [-0.0, 0.0, -INF]]]])
    cases += ops(
        "nn.functional.max_pool3d",
        [args(volume, 2), args(volume, 2, 1)],
        exact=True,
        layouts=LAYOUTS_OF[3],
        checks=CHECKS - {SECOND},
    )
    means = [args(image, k, **{k: v for k, v in o.items() if k != "dilation"}) for k, o in arguments[:3]]
    cases += ops("nn.functional.avg_pool2d", means, exact=True, checks=FORWARD)
    return cases + ops(
        "nn.functional.adaptive_avg_pool2d", [args(image, m) for m in (1, 2, 4)], exact=True, checks=FORWARD
    )


def means() -> list[Case]:
    """avg_pool, adaptive_avg_pool, lp_pool."""
    cases: list[Case] = []
    for n in (1, 2, 3):
        name = f"nn.functional.avg_pool{n}d"
        rows = [args(normal(*x), k, **options) for x, k, options in WINDOWS[n]]
        rows += [
            args(normal(*x), k, **options, count_include_pad=False)
            for x, k, options in WINDOWS[n]
            if "padding" in options
        ]
        if n > 1:
            rows += [args(normal(*x), k, **options, divisor_override=3) for x, k, options in WINDOWS[n][1:4]]
            rows += [
                args(normal(*x), k, **options, divisor_override=-2, count_include_pad=False)
                for x, k, options in WINDOWS[n][:1]
            ]
        cases += ops(name, rows)
        cases += ops(name, rows[1:4], dtypes=FLOATS[1:] if n < 3 else ("float64",))  # torch has no avg_pool3d of halves
        adaptive = [args(normal(*x), size) for x, size in ADAPTIVE[n]]
        cases += ops(f"nn.functional.adaptive_avg_pool{n}d", adaptive)
        cases += ops(f"nn.functional.adaptive_avg_pool{n}d", adaptive[:3], dtypes=FLOATS[1:])
        shape = (2, 3, 7, 6, 5)[: n + 2]
        powers: list[Arguments] = [
            args(positive(*shape), 2, 2),
            args(positive(*shape), 3.0, 3, stride=2),
            args(positive(*shape), 1, 2, ceil_mode=True),
            args(positive(*shape), 1.5, (3, 2, 2)[:n] if n > 1 else 3, stride=(2, 1, 1)[:n] if n > 1 else 2),
            args(away_from(*shape), 2, 2),
            args(positive(*shape[1:]), 2, 3, 1),
        ]
        cases += ops(f"nn.functional.lp_pool{n}d", powers)
        cases += ops(f"nn.functional.lp_pool{n}d", powers[:1], dtypes=("float64",))
    cases += ops("nn.functional.avg_pool1d", [args(normal(1, 2, size), 3, 2, 1) for size in SIZES])
    wide = [args(normal(1, 2, 5, size), 3, 1, 1) for size in SIZES] + [
        args(normal(2, size, 6, 5), 2) for size in SIZES[:-2]
    ]
    wide += [args(positive(1, 1, 40, 40), 33, 1)]
    cases += ops("nn.functional.avg_pool2d", wide, checks=CHECKS - {SECOND})
    long = [args(positive(1, 2, 60, 60), 1), args(normal(1, 2, 60, 60, offset=5), (1, 7))]
    cases += ops("nn.functional.adaptive_avg_pool2d", long, checks=CHECKS - {SECOND})
    halves = [args(positive(1, 2, 30, 30), 15)]
    return cases + ops("nn.functional.avg_pool2d", halves, dtypes=HALVES, checks=CHECKS - {SECOND})


def back(torch: Any, x: Any, *, n: int, kernel: Any, stride: Any = None, padding: Any = 0, size: Any = None) -> Any:
    """Pool, then put the maxima back."""
    F = torch.nn.functional
    out, indices = getattr(F, f"max_pool{n}d")(x, kernel, stride, padding, return_indices=True)
    return getattr(F, f"max_unpool{n}d")(out, indices, kernel, stride, padding, output_size=size)


def scattered(torch: Any, x: Any, indices: Any, *, n: int, kernel: Any, size: Any = None) -> Any:
    """Positions given by hand."""
    return getattr(torch.nn.functional, f"max_unpool{n}d")(x, indices, kernel, output_size=size)


def unpooling() -> list[Case]:
    """max_unpool with the positions of a max_pool, in every size that pools to the same."""
    rows = [
        args(distinct(2, 3, 8), n=1, kernel=2), args(distinct(2, 3, 9), n=1, kernel=2, size=[9]),
        args(distinct(3, 9), n=1, kernel=3, stride=2, padding=1), args(distinct(2, 3, 9), n=1, kernel=2, size=(2, 3, 9)),
        args(distinct(2, 3, 6, 8), n=2, kernel=2), args(distinct(2, 3, 7, 9), n=2, kernel=2, size=(7, 9)),
        args(distinct(2, 3, 7, 9), n=2, kernel=(3, 2), stride=(2, 2), size=(2, 3, 7, 9)), args(distinct(3, 6, 8), n=2, kernel=2),
        args(distinct(2, 2, 4, 6, 4), n=3, kernel=2),
    ]  # fmt: skip
    cases = ops("unpooled maxima", rows, program=back)
    unbatched = [args(distinct(2, 4, 6, 4), n=3, kernel=(2, 3, 2))]
    cases += ops("unpooled maxima", unbatched, program=back, layouts=LAYOUTS_OF[3])
    # torch forgets the second order of an empty batch
    cases += ops("unpooled maxima", [args(distinct(0, 3, 6, 8), n=2, kernel=2)], program=back, checks=CHECKS - {SECOND})
    few = [args(tied(2, 3, 6, 8), n=2, kernel=2)]
    cases += ops("unpooled maxima", few, program=back, dtypes=FLOATS[1:3])
    index = values([[[[0, 3], [8, 15]]]], "int64")
    return cases + ops(
        "positions by hand", [args(normal(1, 1, 2, 2), index, n=2, kernel=2)], program=scattered, layouts=()
    )


def layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A pooling layer: its printed form and its result."""
    made = getattr(torch.nn, kind)(*arguments, **options)
    return made(x), repr(made)


def around(torch: Any, x: Any, *, n: int, kernel: Any, **options: Any) -> Any:
    """A MaxPool and its MaxUnpool."""
    pool = getattr(torch.nn, f"MaxPool{n}d")(kernel, return_indices=True, **options)
    unpool = getattr(torch.nn, f"MaxUnpool{n}d")(kernel, **options)
    out, indices = pool(x)
    return unpool(out, indices), unpool(out, indices, output_size=x.shape), repr(pool), repr(unpool)


def layers() -> list[Case]:
    """Every layer, with its arguments by position and by name."""
    rows: list[Arguments] = []
    pairs: list[Arguments] = []
    for n in (1, 2, 3):
        x = distinct(*(2, 3, 6, 5, 6)[: n + 2])
        rows += [
            args(x, kind=f"MaxPool{n}d", arguments=(2,)),
            args(x, kind=f"MaxPool{n}d", arguments=(3, 2, 1, 1, True, True)),
            args(x, kind=f"MaxPool{n}d", kernel_size=2, dilation=2, stride=1),
            args(x, kind=f"AvgPool{n}d", arguments=(2,)),
            args(x, kind=f"AvgPool{n}d", arguments=(3, 2, 1, True, False)),
            args(x, kind=f"AdaptiveAvgPool{n}d", arguments=(2,)),
            args(x, kind=f"AdaptiveMaxPool{n}d", arguments=(3,)),
            args(x, kind=f"AdaptiveMaxPool{n}d", arguments=((3, 2, 4)[:n], True)),
            args(positive(*(2, 3, 6, 5, 6)[: n + 2]), kind=f"LPPool{n}d", arguments=(2, 3, 1, True)),
        ]
        if n > 1:
            rows += [
                args(x, kind=f"AvgPool{n}d", arguments=((2, 3, 2)[:n],), divisor_override=5),
                args(x, kind=f"AdaptiveAvgPool{n}d", arguments=((None, 3, 2)[:n],)),
            ]
        pairs += [args(distinct(*(2, 3, 6, 4, 6)[: n + 2]), n=n, kernel=2)]
        pairs += [args(distinct(*(2, 3, 7, 5, 7)[: n + 2]), n=n, kernel=3, stride=2)]
    return ops("pooling layer", rows, program=layer) + ops("pooling and unpooling layers", pairs, program=around)


IMAGE = normal(2, 3, 6, 6)
INDEX = values([[[[0, 3], [8, 16]]]], "int64")
ERRORS = [
    *refuses(
        "nn.functional.max_pool2d",
        [
            args(IMAGE, 2, padding=2), args(IMAGE, 2, padding=-1), args(IMAGE, 2, stride=0), args(IMAGE, 7),
            args(IMAGE, 0).naming("stride"), args(IMAGE, 2, dilation=0), args(IMAGE, (2, 2, 2)), args(IMAGE, 2, stride=(1, 1, 1)),
            args(IMAGE, 2, padding=(1, 1, 1)), args(IMAGE, 2, dilation=(1, 1, 1)), args(normal(6, 6), 2),
            args(normal(1, 2, 3, 6, 6), 2), args(normal(2, 0, 6, 6), 2), args(normal(2, 3, 0, 6), 2),
            args(IMAGE, 2.5).naming("kernel_size", "int"), args(3, 2).naming("Tensor"),
        ],
    ),
    *refuses("nn.functional.max_pool1d", [args(normal(6), 2), args(normal(2, 3, 6), 7), args(normal(2, 3, 6), 2, padding=2), args(normal(2, 3, 6), 2, stride=0).naming("stride")]),
    *refuses("nn.functional.max_pool3d", [args(IMAGE, 7), args(normal(3, 6, 6), 2), args(normal(2, 3, 6, 6, 6), 2, padding=2)]),
    *refuses(
        "nn.functional.avg_pool2d",
        [
            args(IMAGE, 2, padding=2), args(IMAGE, 7), args(IMAGE, 2, stride=0), args(IMAGE, (2, 2, 2)),
            args(IMAGE, 2, divisor_override=0), args(normal(6, 6), 2), args(normal(2, 0, 6, 6), 2),
            args(IMAGE.to("int32"), 2),
        ],
    ),
    *refuses("nn.functional.avg_pool1d", [args(normal(6), 2), args(normal(2, 3, 6), 7), args(normal(2, 3, 6), 2, padding=2)]),
    *refuses("nn.functional.avg_pool3d", [args(normal(3, 6, 6), 2), args(normal(2, 3, 6, 6, 6), 2, divisor_override=0)]),
    *refuses("nn.functional.adaptive_avg_pool2d", [args(IMAGE, (2, 2, 2)), args(normal(6, 6), 2), args(IMAGE, -1), args(normal(2, 3, 0, 6), 2), args(IMAGE.to("int64"), 2)]),
    *refuses("nn.functional.adaptive_avg_pool1d", [args(normal(6), 2), args(normal(2, 3, 6), (2, 2))]),
    *refuses("nn.functional.adaptive_max_pool2d", [args(IMAGE, (2, 2, 2)), args(normal(6, 6), 2), args(normal(2, 3, 0, 6), 2)]),
    *refuses("nn.functional.adaptive_max_pool1d", [args(normal(6), 2)]),
    *refuses(
        "positions by hand",
        [
            args(normal(1, 1, 2, 2), INDEX, n=2, kernel=2),
            args(normal(1, 1, 2, 2), INDEX.to("int32"), n=2, kernel=2),
            args(normal(1, 1, 2, 3), INDEX, n=2, kernel=2),
            args(normal(1, 1, 2, 2), INDEX, n=2, kernel=2, size=(7, 4)),
            args(normal(1, 1, 2, 2), INDEX, n=2, kernel=2, size=(5,)),
        ],
        program=scattered,
    ),
]  # fmt: skip

# Faults in one dimension only.
VOLUME = normal(2, 3, 6, 6, 6)
ERRORS += [
    *refuses(
        "nn.functional.max_pool2d",
        [
            args(IMAGE, 2, stride=(0, 1)),
            args(IMAGE, 2, stride=(1, 0)), args(IMAGE, 2, stride=(1, -1)).naming("stride"),
            args(IMAGE, 2, padding=(0, -1)), args(IMAGE, 2, padding=(-1, 0)), args(IMAGE, 2, dilation=(1, 0)),
            args(IMAGE, (2, 4), padding=(2, 2)), args(IMAGE, (4, 2), padding=(2, 2)), args(IMAGE, 3, padding=2),
            args(IMAGE, (7, 2)), args(IMAGE, (2, 7)), args(normal(2, 3, 6, 0), 2), args(normal(3, 0, 6), 2),
            args(normal(0, 6, 6), 2), args(booleans(1, 4, 4), 2).naming("Bool"), args(IMAGE, -2).naming("kernel"), args(IMAGE, (2, -2)).naming("kernel"), args(IMAGE, (0, 2), stride=1), args(IMAGE, (2, 0), stride=1),
        ],
        label="in part",
    ),
    *refuses("nn.functional.max_pool1d", [args(normal(2, 0, 6), 2), args(normal(2, 3, 0), 2), args(normal(1, 2, 3, 6), 2)]),
    *refuses("nn.functional.max_pool3d", [args(VOLUME, (2, 2, 7)), args(VOLUME, (7, 2, 2)), args(normal(2, 3, 6, 6, 0), 2)]),
    *refuses("nn.functional.max_pool3d", [args(VOLUME, (2, 2)), args(normal(1, 2, 3, 6, 6, 6), 2)]),
    *refuses(
        "nn.functional.avg_pool2d",
        [
            args(IMAGE, 2, stride=(0, 1)), args(IMAGE, 2, stride=(1, 0)),
            args(IMAGE, 2, padding=(0, -1)), args(IMAGE, (2, 4), padding=(2, 2)), args(IMAGE, 3, padding=2),
            args(IMAGE, (7, 2)), args(IMAGE, (2, 7)), args(normal(2, 3, 6, 0), 2), args(booleans(1, 4, 4), 2).naming("Bool"),
        ],
        label="in part",
    ),
    *refuses("nn.functional.adaptive_avg_pool2d", [args(IMAGE, (2, -1)), args(IMAGE, (-1, 2)), args(normal(2, 3, 6, 0), 2)]),
    *refuses("nn.functional.adaptive_avg_pool2d", [args(normal(2, 0, 6), (2, 2)), args(normal(1, 2, 3, 6, 6), 2)]),
    *refuses("nn.functional.adaptive_max_pool2d", [args(normal(2, 3, 6, 0), 2), args(normal(1, 2, 3, 6, 6), 2)]),
    *refuses("nn.functional.adaptive_avg_pool3d", [args(VOLUME, (2, 2)), args(normal(3, 6, 6), 2)]),
    *refuses("nn.functional.adaptive_max_pool3d", [args(VOLUME, (2, 2)), args(normal(3, 6, 6), 2)]),
    *refuses("nn.functional.adaptive_max_pool1d", [args(normal(2, 3, 6), (2, 2)), args(normal(2, 3, 0), 2)]),
    # Which of several mistakes is named, and inputs with fewer dimensions than the sizes given.
    *refuses("nn.functional.max_pool2d", [args(normal(0, 1, 9), 2, 5, -1), args(normal(0, 1, 9), 2, 5, 4)]),
    *refuses("nn.functional.avg_pool2d", [args(normal(0, 1, 9), 2, 5, -1), args(normal(0, 1, 9), 2, 5, 4)]),
    *refuses("nn.functional.avg_pool3d", [args(normal(0, 1, 9, 9), 2, 5, -1)]),
    *[
        case
        for kind in ("avg", "max")
        for case in [
            *refuses(f"nn.functional.adaptive_{kind}_pool1d", [args(normal(2, 3, 6), -1)], label="negative"),
            *refuses(f"nn.functional.adaptive_{kind}_pool2d", [args(normal(2, 2), (2, 2)), args(normal(2, 2, 6), (-1, 3))]),
            *refuses(f"nn.functional.adaptive_{kind}_pool3d", [args(normal(2, 2, 2), (2, 2, 2))]),
        ]
    ],
    *refuses("nn.functional.max_unpool1d", [args(normal(2, 4), integers(2, 3, high=4), 2)]),
    *refuses(
        "positions by hand",
        [
            args(normal(1, 1, 2, 2), values([[[[0, 3], [8, -1]]]], "int64"), n=2, kernel=2),
            args(normal(2, 2), values([[0, 3], [8, 5]], "int64"), n=2, kernel=2),
            args(normal(1, 1, 2, 2), values([[[[0, 3], [8, 5]]]], "int64"), n=2, kernel=2, size=(6, 4)),
            args(normal(1, 1, 2, 2), values([[[[0, 3], [8, 5]]]], "int64"), n=2, kernel=2, size=(2, 4)),
            args(normal(1, 1, 2, 2), values([[[[0, 3], [8, 5]]]], "int64"), n=2, kernel=2, size=(4, 6)),
        ],
        program=scattered,
        label="in part",
    ),
]  # fmt: skip

# Ties, nan and infinities, and dimensions that differ in every parameter.
ODD = [[1.0, 1.0, float("nan"), 0.0, 2.0], [2.0, 0.0, 2.0, float("inf"), 2.0], [float("-inf"), -1.0, 0.0, 2.0, 1.0]]
FIRST_WINS = [[3.0, 3.0, 3.0, 1.0], [3.0, 3.0, 1.0, 1.0], [0.0, -0.0, 0.0, -0.0]]
UNEVEN = [
    args(distinct(2, 3, 7, 9), (3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1)),
    args(distinct(2, 3, 7, 9), (2, 4), stride=(1, 2), padding=(0, 2), dilation=(3, 1), ceil_mode=True),
    args(distinct(2, 3, 9, 7), (2, 3), stride=(3, 1), padding=(1, 1), dilation=(1, 2), ceil_mode=True),
    args(distinct(3, 7, 9), (3, 2), padding=(1, 1)),
    args(distinct(2, 3, 6, 6), 2, []),
    args(distinct(2, 3, 6, 6), (2, 3), None),
    args(distinct(0, 3, 6, 6), 2),
    args(distinct(2, 3, 5, 5), 5, 1, 2),
    args(distinct(2, 3, 5, 5), 4, 3, 2, 1, True),
]
UNEVEN_MEANS = [
    args(normal(2, 3, 7, 9), (3, 2), stride=(2, 3), padding=(1, 0)),
    args(normal(2, 3, 7, 9), (2, 4), stride=(1, 3), padding=(1, 2), ceil_mode=True),
    args(normal(2, 3, 7, 9), (2, 4), stride=(1, 3), padding=(1, 2), ceil_mode=True, count_include_pad=False),
    args(normal(2, 3, 9, 7), (4, 2), stride=(3, 1), padding=(2, 0), divisor_override=3),
    args(normal(3, 7, 9), (3, 2), padding=(0, 1), count_include_pad=False),
    args(normal(0, 3, 6, 6), 2),
]


def without_options() -> list[Case]:
    """Every function with nothing but what it needs, and with one option at a time."""
    cases: list[Case] = []
    for n in (1, 2, 3):
        x = distinct(*(2, 2, 6, 5, 6)[: n + 2])
        rows = [args(x, 2), args(x, 3, stride=2), args(x, 3, padding=1), args(x, 3, 2, ceil_mode=True)]
        means = [*rows, args(x, 3, padding=1, count_include_pad=False)]
        cases += ops(f"nn.functional.avg_pool{n}d", means, checks=CHECKS - {SECOND}, layouts=(), label="one option")
        rows += [args(x, 2, dilation=2), args(x, 2, return_indices=True)]
        cases += ops(f"nn.functional.max_pool{n}d", rows, checks=CHECKS - {SECOND}, layouts=(), label="one option")
        sizes = [args(x, 2), args(x, 3), args(x, 1), args(x, (6, 5, 6)[:n]), args(x, (2, None, 3)[:n])]
        cases += ops(f"nn.functional.adaptive_avg_pool{n}d", [*sizes[:4], args(x, 7)], layouts=(), label="one option")
        cases += ops(f"nn.functional.adaptive_max_pool{n}d", [*sizes[:4], args(x, 7)], layouts=(), label="one option")
        cases += ops(
            f"nn.functional.adaptive_max_pool{n}d", [args(x, 2, return_indices=True)], layouts=(), label="both"
        )
        cases += ops(f"nn.functional.adaptive_max_pool{n}d", [args(x, 2, True)], layouts=(), label="both by position")
        if n > 1:
            cases += ops(f"nn.functional.adaptive_avg_pool{n}d", sizes[4:], layouts=(), label="one option")
        whole = positive(*(2, 2, 6, 5, 6)[: n + 2])
        rows = [args(whole, 2, 3), args(whole, 2, 3, 2), args(whole, 2, 3, 2, True), args(whole, 3, 2)]
        cases += ops(f"nn.functional.lp_pool{n}d", rows, checks=CHECKS - {SECOND}, layouts=(), label="one option")
    return cases


MORE = [
    *without_options(),
    *ops("nn.functional.max_pool2d", UNEVEN, label="uneven", layouts=(TRANSPOSED,)),
    *ops("nn.functional.max_pool2d", [args(distinct(2, 3, 7, 9), (3, 2), stride=(2, 3), return_indices=True)]),
    *ops("nn.functional.avg_pool2d", UNEVEN_MEANS, label="uneven", layouts=(TRANSPOSED,)),
    *ops(
        "nn.functional.max_pool2d",
        [args(values([[data]]), 2, 1, 1, return_indices=True) for data in (ODD, FIRST_WINS)],
        checks=CHECKS - {SECOND},
        exact=True,
        layouts=(),
        label="ties and nan",
    ),
    *ops(
        "nn.functional.adaptive_max_pool2d",
        [args(values([[data]]), size, return_indices=True) for data in (ODD, FIRST_WINS) for size in (2, (3, 2))],
        checks=CHECKS - {SECOND},
        exact=True,
        layouts=(),
        label="ties and nan",
    ),
    *ops(
        "nn.functional.max_pool2d",
        [args(normal(1, 2, 5, 5), 2, 1, 1, 1, False, True)],
        dtypes=("int64", "uint8"),
        checks=FORWARD,
    ),
    *ops("nn.functional.avg_pool2d", [args(normal(1, 2, 6, 6), 2, 2)], dtypes=("int64",), checks=FORWARD),
]

CASES = [*maxima(), *exact(), *means(), *unpooling(), *layers(), *MORE, *ERRORS]
