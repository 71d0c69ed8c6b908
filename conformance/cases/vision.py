"""Images rearranged and sampled: shuffles, fold and unfold, affine_grid, grid_sample, and the layers of these.

Grids are away from whole positions, where gradients jump; the jumps themselves have rows without gradients.
"""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    HALVES,
    MEMORY_FORMAT,
    SECOND,
    TRANSPOSED,
    Draw,
    args,
    booleans,
    normal,
    ops,
    refuses,
    uniform,
    values,
)

NAN, INF = float("nan"), float("inf")

# --- shuffles -----------------------------------------------------------------------------------------------------

SHUFFLE, UNSHUFFLE = "nn.functional.pixel_shuffle", "nn.functional.pixel_unshuffle"
CHANNELS = "nn.functional.channel_shuffle"
FORMAT_FREE = CHECKS - {MEMORY_FORMAT}  # torch's shuffled pixels have the memory format of whichever kernel copied them
SHUFFLED = [
    *ops(
        SHUFFLE,
        [args(normal(2, 8, 3, 2), 2), args(normal(9, 2, 3), 3)],
        checks=FORMAT_FREE,
    ),
    *ops(SHUFFLE, [args(normal(0, 8, 3, 2), 2)], checks=FORWARD - {MEMORY_FORMAT}),
    *ops(SHUFFLE, [args(normal(1, 4, 2, 2), 2)], dtypes=("int64", "uint8"), checks=FORWARD - {MEMORY_FORMAT}),
    *ops(
        UNSHUFFLE,
        [args(normal(2, 2, 6, 4), 2), args(normal(1, 6, 3), 3)],
        checks=FORMAT_FREE,
    ),
    # torch's kernel has no channels-last volumes.
    *ops(SHUFFLE, [args(normal(2, 3, 4, 2, 2), 1)], checks=FORMAT_FREE, layouts=(TRANSPOSED, GAPPED)),
    *ops(UNSHUFFLE, [args(normal(2, 3, 2, 4, 2), 2)], checks=FORMAT_FREE, layouts=(TRANSPOSED, GAPPED)),
    *ops(UNSHUFFLE, [args(booleans(1, 4, 2), 2)], checks=FORWARD - {MEMORY_FORMAT}),
    *ops(CHANNELS, [args(normal(2, 6, 3, 2), 2), args(normal(2, 6, 3), 3), args(normal(1, 4, 2, 2, 2), 4)]),
    *ops(
        CHANNELS,
        [args(normal(2, 6, 2), 3), args(normal(2, 4, 2), 1)],
        dtypes=("int32",),
        checks=FORWARD,
    ),
    *ops("pixel_shuffle", [args(normal(4, 2, 3), 2)], checks=FORMAT_FREE, layouts=()),
    *ops("pixel_unshuffle", [args(normal(1, 4, 2), 2)], checks=FORMAT_FREE, layouts=()),
    *ops("channel_shuffle", [args(normal(1, 4, 2), 2)], layouts=()),
    *refuses(SHUFFLE, [args(normal(1, 3, 4, 4), 2), args(normal(4, 4), 2), args(normal(4, 2, 2), 0)]),
    *refuses(SHUFFLE, [args(normal(4, 2, 2), -2), args(normal(4, 2, 2), 2.0).naming("int", "float")]),
    *refuses(
        UNSHUFFLE, [args(normal(1, 3, 4), 2), args(normal(1, 4, 3), 2), args(normal(4), 2), args(normal(1, 4, 4), 0)]
    ),
    *refuses(CHANNELS, [args(normal(2, 3, 4), 2), args(normal(2, 4), 2), args(normal(2, 4, 4), 0)]),
]

# --- sliding blocks -----------------------------------------------------------------------------------------------

UNFOLD, FOLD = "nn.functional.unfold", "nn.functional.fold"
IMAGE = normal(2, 3, 5, 6)
GEOMETRIES = [
    ((2, 2), 1, 0, 1),
    ((3, 2), 1, (1, 0), 2),
    (2, (2, 3), 1, (1, 2)),
    (1, 1, 0, (2, 1)),
    ((5, 6), 1, 0, 1),
]
# What fold takes back: the output's size, and as many columns as there are places.
FOLDED = [
    args(normal(2, 12, 20), (5, 6), (2, 2)),
    args(normal(2, 12, 9), (5, 6), (3, 2), padding=(1, 0), stride=2),
    args(normal(12, 15), (5, 6), 2, (2, 3), 1, (1, 2)),
    args(normal(1, 4, 9), 6, 2, 1, 0, 2),
]
BLOCKS = [
    *ops(UNFOLD, [args(IMAGE, kernel, d, p, s) for kernel, d, p, s in GEOMETRIES]),
    *ops(UNFOLD, [args(normal(3, 5, 6), 2), args(normal(0, 3, 4, 4), 2), args(normal(1, 1, 1, 2), (2, 3), 1, (2, 3))]),
    *ops(UNFOLD, [args(IMAGE, (3, 2), 1, (1, 0), 2)], dtypes=FLOATS[1:], layouts=()),
    *ops(UNFOLD, [args(booleans(1, 2, 3, 3), 2)], checks=FORWARD),
    *ops(FOLD, [*FOLDED, args(normal(0, 4, 9), (4, 4), 2)]),
    *ops(FOLD, FOLDED[1:2], dtypes=FLOATS[1:], layouts=()),
    *ops(FOLD, [args(booleans(1, 4, 9), (4, 4), 2)], checks=FORWARD),
    *refuses(
        UNFOLD,
        [
            args(IMAGE, (6, 7)),
            args(IMAGE, 0),
            args(IMAGE, 2, 0),
            args(IMAGE, 2, padding=-1),
            args(IMAGE, 2, stride=0),
            args(IMAGE, (2, 2, 2)),
            args(IMAGE, 2.5).naming("float"),
            args(normal(3, 4), 2).naming("Dimension"),
            args(normal(1, 2, 3, 4, 5), 2),
            args(normal(1, 0, 4, 4), 2),
            args(IMAGE.to("int64"), 2).naming("Long"),
            args([1.0], 2),
        ],
    ),
    *refuses(
        FOLD,
        [
            args(normal(2, 12, 20), (4, 6), 2),
            args(normal(2, 11, 20), (5, 6), 2),
            args(normal(2, 12, 20), (5, 6), 0),
            args(normal(2, 12, 20), (5, 6), 2, stride=0),
            args(normal(2, 12, 20), (5, 6), 2, dilation=0),
            args(normal(2, 12, 20), (5, 6), 2, padding=-1),
            args(normal(2, 12, 20), (5,), 2),
            args(normal(2, 12, 20), (1, 1), 2),
            args(normal(2, 12, 0), (5, 6), 2),
            args(normal(1, 2, 12, 20), (5, 6), 2),
            args(normal(2, 12, 20).to("int64"), (5, 6), 2).naming("Long"),
        ],
    ),
]

# --- grids --------------------------------------------------------------------------------------------------------

AFFINE, SAMPLE = "nn.functional.affine_grid", "nn.functional.grid_sample"
THETA, THETA3 = normal(2, 2, 3), normal(2, 3, 4)
GRIDS = [
    *ops(
        AFFINE,
        [
            args(theta, size, align_corners=aligned)
            for aligned in (False, True)
            for theta, size in ((THETA, (2, 1, 3, 4)), (THETA, (2, 3, 1, 5)), (THETA3, (2, 1, 2, 3, 4)))
            if not (aligned and 1 in size[2:])  # torch warns
        ],
    ),
    *ops(AFFINE, [args(THETA, (2, 1, 3, 4), align_corners=True)], dtypes=FLOATS[1:], layouts=()),
    *ops("affine_grid_generator", [args(THETA, (2, 1, 3, 4), True)], layouts=()),
    *refuses(
        AFFINE,
        [
            args(THETA, (2, 1, 3), align_corners=False),
            args(THETA, (2, 1, 0, 4), align_corners=False),
            args(THETA, (2, 1, -1, 4), align_corners=False),
            args(THETA, (2, 1, 3, 4, 5), align_corners=False),
            args(normal(2, 3), (2, 1, 3, 4), align_corners=False),
            args(THETA, (3, 1, 3, 4), align_corners=False).naming("3", "2"),
            args(THETA, (2, 1, 3, 4.0), align_corners=False).naming("float"),
            args(THETA, (2, 1, 3, 4), align_corners=1),
            args(THETA.to("int64"), (2, 1, 3, 4), align_corners=False).naming("int64"),
        ],
    ),
]

PADDINGS = ("zeros", "border", "reflection")
SMALL, VOLUME = normal(2, 3, 4, 5), normal(1, 2, 3, 4, 5)


def points(*shape: int) -> Draw:
    """Coordinates inside and outside of the input."""
    return uniform(*shape, low=-1.6, high=1.6)


SAMPLED = [
    args(SMALL, points(2, 4, 3, 2), mode=mode, padding_mode=padding, align_corners=aligned)
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in PADDINGS
    for aligned in (False, True)
]
VOLUMES = [
    args(VOLUME, points(1, 2, 3, 2, 3), mode=mode, padding_mode=padding, align_corners=aligned)
    for mode in ("bilinear", "nearest")
    for padding in PADDINGS
    for aligned in (False, True)
]
FEW = [
    args(normal(1, 2, 1, 1), points(1, 2, 3, 2), align_corners=aligned, padding_mode=padding)
    for aligned, padding in ((False, "zeros"), (True, "border"), (False, "reflection"))
]
FAR = [
    args(SMALL, uniform(2, 3, 4, 2, low=-7, high=7), padding_mode="reflection", align_corners=aligned, mode=mode)
    for aligned in (False, True)
    for mode in ("bilinear", "bicubic")
]
# Whole and half positions, and what is no number; gradients jump there.
EDGES = values(
    [[[[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [-0.5, 0.5], [0.25, -0.75], [NAN, 0.0], [0.0, INF], [-INF, NAN]]]]
)
EDGES3 = values([[[[[-1.0, -1.0, 0.0], [1.0, 1.0, -0.5], [0.25, 0.0, 0.0], [NAN, 0.0, 0.5], [0.0, INF, NAN]]]]])
EXACT = [
    args(normal(1, 1, 4, 4), EDGES, mode=mode, padding_mode=padding, align_corners=aligned)
    for mode in ("bilinear", "nearest")
    for padding in PADDINGS
    for aligned in (False, True)
]
EXACT += [
    args(normal(1, 1, 4, 4, 4), EDGES3, mode=mode, padding_mode=padding, align_corners=True)
    for mode in ("bilinear", "nearest")
    for padding in PADDINGS
]
SAMPLES = [
    *ops(SAMPLE, SAMPLED),
    *ops(SAMPLE, [*SAMPLED[:6:2], SAMPLED[7], SAMPLED[15]], dtypes=("float64",), layouts=()),
    # torch's second order of half types fails in its own scatter.
    *ops(SAMPLE, [*SAMPLED[:6:2], SAMPLED[7], SAMPLED[15]], dtypes=HALVES, layouts=(), checks=CHECKS - {SECOND}),
    *ops(SAMPLE, VOLUMES),
    *ops(SAMPLE, VOLUMES[1::4], dtypes=("float64",), layouts=()),
    *ops(SAMPLE, VOLUMES[1::4], dtypes=HALVES, layouts=(), checks=CHECKS - {SECOND}),
    *ops(SAMPLE, FEW),
    *ops("grid_sampler", [args(SMALL, points(2, 3, 2, 2), 1, 2, False)], layouts=()),
    *ops("grid_sampler_2d", [args(SMALL, points(2, 3, 2, 2), 2, 1, True)], layouts=()),
    *ops("grid_sampler_3d", [args(VOLUME, points(1, 2, 2, 3, 3), 0, 0, False)], layouts=()),
    *ops(SAMPLE, FAR, checks=CHECKS - {SECOND}),
    *ops(SAMPLE, EXACT, exact=True, checks=FORWARD, layouts=()),
    *ops(SAMPLE, [args(normal(0, 2, 3, 3), points(0, 2, 2, 2), align_corners=True)], checks=FORWARD),
    *ops(SAMPLE, [args(normal(2, 3, 4, 5), points(2, 0, 3, 2), align_corners=True)], checks=FORWARD),
    *refuses(
        SAMPLE,
        [
            args(SMALL, points(2, 3, 4, 2), mode="linear"),
            args(SMALL, points(2, 3, 4, 2), padding_mode="wrap"),
            args(SMALL, points(2, 3, 4, 2), align_corners=1),
            args(SMALL, points(3, 3, 4, 2), align_corners=False),
            args(SMALL, points(2, 3, 4, 3), align_corners=False),
            args(SMALL, points(2, 3, 4, 4, 3), align_corners=False),
            args(SMALL, points(2, 3, 2), align_corners=False),
            args(normal(2, 3), points(2, 2), align_corners=False).naming("2"),
            args(normal(2, 3, 0, 5), points(2, 3, 4, 2), align_corners=False),
            args(VOLUME, points(1, 2, 3, 2, 3), mode="bicubic", align_corners=False),
            args(SMALL, points(2, 3, 4, 2).to("float64"), align_corners=False),
            args(SMALL.to("int64"), points(2, 3, 4, 2).to("int64"), align_corners=False).naming("Long"),
            args(SMALL, [1.0], align_corners=False),
        ],
    ),
]

# --- layers -------------------------------------------------------------------------------------------------------


def layer(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer, its text and its state."""
    made = getattr(torch.nn, kind)(*arguments, **options)
    return made(x), repr(made), list(made.state_dict())


LAYERS = [
    args(normal(1, 4, 2, 3), kind="PixelShuffle", arguments=(2,)),
    args(normal(1, 1, 4, 6), kind="PixelUnshuffle", arguments=(2,)),
    args(normal(1, 6, 2, 2), kind="ChannelShuffle", arguments=(3,)),
    args(IMAGE, kind="Unfold", arguments=(2,)),
    args(IMAGE, kind="Unfold", arguments=((3, 2),), dilation=1, padding=(1, 0), stride=2),
    args(normal(2, 12, 20), kind="Fold", arguments=((5, 6), 2)),
    args(normal(2, 12, 9), kind="Fold", arguments=((5, 6), (3, 2)), padding=(1, 0), stride=2),
]

# A layer pads the last one to three dimensions, of one input or of a batch.
SIDES = {1: (2, (1, 2)), 2: (1, (1, 0, 2, 1)), 3: (1, (1, 0, 2, 1, 0, 1))}
BATCH = (2, 3, 4, 5, 4)
PADS = [
    args(normal(*BATCH[: n + 2 - unbatched]), kind=f"{kind}Pad{n}d", arguments=(sides, *value))
    for kind, value in (("Zero", ()), ("Constant", (1.5,)), ("Reflection", ()), ("Replication", ()), ("Circular", ()))
    for n in (1, 2, 3)
    for unbatched, sides in enumerate(SIDES[n])
]
REFUSED_PADS = [
    args(normal(2, 3, 4, 5, 4, 2), kind="CircularPad2d", arguments=(1,)),
    args(normal(3), kind="CircularPad1d", arguments=(1,)),
    args(normal(2, 3, 4), kind="CircularPad3d", arguments=(1,)),
    args(normal(1, 2, 3), kind="ReflectionPad1d", arguments=(3,)),
    args(normal(1, 2, 3), kind="ConstantPad1d", arguments=(1,)).naming("value"),
]
CHANNEL_NORMS = [
    args(normal(2, channels, 3, 2), kind="CrossMapLRN2d", arguments=(size,), alpha=0.5, k=1.5)
    for channels, size in ((3, 5), (8, 3), (7, 4), (4, 1))
]

CASES = [
    *SHUFFLED,
    *BLOCKS,
    *GRIDS,
    *SAMPLES,
    *ops("layer of images", LAYERS, program=layer, checks=FORMAT_FREE, layouts=()),
    *ops("layer of borders", PADS, program=layer, checks=FORMAT_FREE - {SECOND}, layouts=()),
    *refuses("layer of borders", REFUSED_PADS, program=layer),
    # The gradient of torch's own layer is no derivative: it fails torch.autograd.gradcheck.
    *ops("layer of channel norms", CHANNEL_NORMS, program=layer, checks=FORWARD, layouts=()),
    *refuses("layer of channel norms", [args(normal(2, 3, 4), kind="CrossMapLRN2d", arguments=(3,))], program=layer),
]
