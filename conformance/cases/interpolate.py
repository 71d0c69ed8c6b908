"""Resizing: every mode of interpolate in one to three dimensions, its old names, and its layers.

Sizes are chosen so that float32 positions come near whole numbers, where the rounding of torch's formula decides which
element is read: 34 to 51, 2 to 41, and scales just above 1, which keep the size and yet move the positions.
"""

from typing import Any

from conformance.cases import CHECKS, FLOATS, FORWARD, SECOND, args, integers, normal, ops, refuses, values

NAME = "nn.functional.interpolate"
SEQUENCE, IMAGE, VOLUME = (2, 3, 5), (2, 3, 5, 4), (1, 2, 3, 4, 5)
SHAPES = (SEQUENCE, IMAGE, VOLUME)
LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
NAN, INF = float("nan"), float("inf")


def to(*shape: int, **options: Any) -> Any:
    """A row: numbers of a shape, resized."""
    return args(normal(*shape), **options)


NEAREST = [
    to(*shape, mode=mode, **target)
    for shape in SHAPES
    for mode in ("nearest", "nearest-exact")
    for target in ({"size": 7}, {"size": 2}, {"scale_factor": 2}, {"scale_factor": 1.7})
]
NEAREST += [
    to(1, 2, 34, size=51, mode="nearest-exact"),
    to(1, 1, 2, size=41, mode="nearest-exact"),
    to(1, 1, 20, scale_factor=1.02),
    to(1, 1, 20, scale_factor=1.02, recompute_scale_factor=True),
    to(1, 1, 1, 20, scale_factor=(1, 1.02)),
    to(1, 1, 1, 20, scale_factor=(1, 1.02), mode="nearest-exact"),
    to(1, 1, 1, 28, scale_factor=(1, 2.0185)),
    to(1, 1, 1, 28, scale_factor=(1, 2.0185), mode="nearest-exact"),
    to(1, 5, 8, 9, size=(3, 140)),  # torch's kernel for large images
    to(1, 1, 2, 20, scale_factor=(65.0, 1.02)),
    to(1, 1, 2, 20, scale_factor=(65.0, 1.02), mode="nearest-exact"),
    to(1, 2, 1, 3, 20, scale_factor=(1, 2, 1.02)),
    to(1, 1, 3, scale_factor=[2.5]),
    to(0, 2, 3, 4, size=(2, 2)),
]

WEIGHTED = [
    to(*shape, mode=LINEAR[len(shape)], **target, **options)
    for shape in SHAPES
    for target in ({"size": 7}, {"size": 2}, {"scale_factor": 1.7})
    for options in ({}, {"align_corners": True})
]
WEIGHTED += [
    to(*IMAGE, mode="bicubic", **target, **options)
    for target in ({"size": (7, 9)}, {"size": (2, 3)}, {"scale_factor": (1.7, 0.6)})
    for options in ({}, {"align_corners": True})
]
WEIGHTED += [
    to(1, 2, 34, size=51, mode="linear"),
    to(1, 2, 12, scale_factor=1.02, mode="linear"),
    to(1, 1, 12, 12, scale_factor=1.02, mode="bicubic"),
    to(2, 3, 5, 5, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True),
    to(1, 1, 1, 1, size=(3, 2), mode="bicubic"),
    to(1, 1, 1, 1, size=(3, 2), mode="bilinear", align_corners=True),
    to(2, 3, 4, 4, size=(1, 1), mode="bilinear", align_corners=True),
    to(0, 2, 3, 4, size=(2, 2), mode="bilinear"),
]
WEIGHTED += [to(*shape, mode="area", **target) for shape in SHAPES for target in ({"size": 2}, {"scale_factor": 1.5})]

SMOOTHED = [
    to(*shape, mode=mode, antialias=True, **target)
    for mode in ("bilinear", "bicubic", "lanczos")
    for shape, target in (
        ((2, 3, 9, 11), {"size": (4, 3)}),
        ((1, 4, 7, 5), {"size": (9, 5)}),
        ((1, 2, 12, 13), {"scale_factor": (0.3, 1.7)}),
    )
]
SMOOTHED += [
    to(2, 3, 9, 11, mode=mode, size=(4, 13), antialias=True, align_corners=True) for mode in ("bilinear", "bicubic")
]

# Whole numbers: torch computes with weights of 16 bits, row by row.
BYTES = [
    args(integers(*shape, high=256).to("uint8"), mode=mode, antialias=antialias, **target)
    for mode, antialias in (
        ("nearest", False), ("nearest-exact", False), ("bilinear", False), ("bilinear", True), ("bicubic", False),
        ("bicubic", True), ("lanczos", True),
    )
    for shape, target in (
        ((1, 3, 7, 9), {"size": (4, 12)}),
        ((2, 5, 8, 5), {"scale_factor": (2.3, 0.7)}),
    )
]  # fmt: skip
BYTES += [
    args(integers(1, 3, 7, 9, high=256).to("uint8"), mode="bilinear", size=(12, 9), align_corners=True),
    args(values([[[[0, 255, 0, 255, 255, 0]]]]), mode="bicubic", size=(1, 13)),
]
BYTES += [
    args(integers(1, 2, 5, high=256).to("uint8"), scale_factor=1.7),
    args(integers(1, 1, 2, 3, 4, high=256).to("uint8"), size=(3, 2, 5)),
]

EXACT = [
    args(values([[[[1.0, NAN, INF, -0.0, -INF]]]]), size=(2, 9), mode=mode)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")
]
EXACT += [
    args(values([[[[1.0, 2.0, 3.0, INF, 5.0, 6.0, 7.0, 8.0, 9.0]]]]), size=(1, 4), mode="bilinear", antialias=True)
]
# At float64 a hair below whole positions, which torch rounds to float32 before it takes the floor.
HAIR = [
    to(1, 2, 4, scale_factor=3.000000003, mode="linear"),
    to(1, 1, 4, 4, scale_factor=3.000000003, mode="bicubic"),
    to(1, 1, 4, scale_factor=3.000000003, mode="nearest-exact"),
]

X3, X4, X5 = normal(*SEQUENCE), normal(*IMAGE), normal(*VOLUME)
REFUSED = [
    args(X4),
    args(X4, size=2, scale_factor=2),
    args(X4, size=(2,)),
    args(X4, size=(2.5, 3)),
    args(X4, size=2.5).naming("float"),
    args(X4, size="a").naming("str"),
    args(X4, size=(0, 2)),
    args(X4, size=(-1, 2), mode="bilinear"),
    args(X4, scale_factor=0.1),
    args(X4, scale_factor=-1.0),
    args(X4, scale_factor=(2,)),
    args(X4, scale_factor="a").naming("str"),
    args(X4, size=2, recompute_scale_factor=True),
    args(X4, size=2, align_corners=True),
    args(X4, size=2, align_corners=1, mode="bicubic").naming("int"),
    args(X4, size=2, mode="linear"),
    args(X4, size=2, mode="trilinear"),
    args(X3, size=2, mode="bilinear"),
    args(X3, size=2, mode="bicubic"),
    args(X3, size=2, mode="trilinear"),
    args(X5, size=2, mode="linear"),
    args(X5, size=2, mode="bilinear"),
    args(X5, size=2, mode="lanczos", antialias=True),
    args(X4, size=2, mode="cubic"),
    args(normal(2, 3), size=2),
    args(normal(1, 0, 4, 5), size=2),
    args(normal(1, 2, 0, 5), size=2, mode="bilinear"),
    args(normal(1, 0, 5), size=2, mode="linear"),
    args(X4, size=2, mode="lanczos"),
    args(X4, size=2, mode="lanczos", antialias=True, align_corners=True),
    args(X4, size=2, antialias=True),
    args(X3, size=2, mode="linear", antialias=True),
    args(X4.to("int32"), size=2).naming("Int"),
    args(X4.to("int64"), size=2, mode="bicubic").naming("Long"),
    args(X3.to("uint8"), size=2, mode="linear").naming("Byte"),
    args(X5.to("uint8"), size=2, mode="trilinear").naming("Byte"),
    args(X4.to("float16"), size=2, mode="bilinear", antialias=True).naming("Half"),
    args(X4.to("uint8"), size=2, mode="area").naming("Byte"),
    args([1.0], size=2),
]


def layer(torch: Any, x: Any, *, kind: str, **options: Any) -> Any:
    """A layer, its settings and its text."""
    made = getattr(torch.nn, kind)(**options)
    return made(x), [made.name, made.size, made.scale_factor, made.mode, made.align_corners], repr(made)


LAYERS = [
    args(X3, kind="Upsample", scale_factor=2),
    args(X4, kind="Upsample", size=(4, 7), mode="bilinear", align_corners=True),
    args(X4, kind="Upsample", scale_factor=(2, 1.5), mode="bicubic", recompute_scale_factor=True),
    args(X4, kind="UpsamplingNearest2d", scale_factor=(2, 3)),
    args(X4, kind="UpsamplingBilinear2d", size=6),
]


def older(torch: Any, x: Any, *, name: str, **options: Any) -> Any:
    """A function by its old name, and what it warns of."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = getattr(torch.nn.functional, name)(x, **options)
    return out, [f"{entry.category.__name__}: {entry.message}" for entry in caught]


OLDER = [
    args(X4, name="upsample", scale_factor=2, mode="bilinear"),
    args(X4, name="upsample_nearest", size=3),
    args(X4, name="upsample_bilinear", size=7),
]

CASES = [
    *ops(NAME, NEAREST),
    *ops(NAME, WEIGHTED),
    *ops(NAME, SMOOTHED),
    *ops(NAME, [NEAREST[0], NEAREST[9], *WEIGHTED[:14:3], *WEIGHTED[18:24:2]], dtypes=FLOATS[1:], layouts=()),
    *ops(NAME, [*SMOOTHED[::3], *HAIR], dtypes=("float64",), layouts=()),
    *ops(NAME, BYTES, dtypes=("uint8",), checks=FORWARD),
    *ops(NAME, EXACT, exact=True, layouts=(), checks=CHECKS - {SECOND}),
    *ops("resizing layer", LAYERS, program=layer, layouts=()),
    *ops("resizing by its old name", OLDER, program=older, layouts=()),
    *refuses(NAME, REFUSED),
]
