"""Padding: constant, reflecting, replicating and circular, over one to three dimensions, cropping included."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    MEMORY_FORMAT,
    args,
    booleans,
    normal,
    ops,
    refuses,
    values,
)

NAME = "nn.functional.pad"
BORDERS = ("reflect", "replicate", "circular")
FULL = CHECKS - {MEMORY_FORMAT}  # torch's memory format of a padded tensor depends on the kernel that the mode takes

# shape, pads from the last dimension to the first
SIDES = [
    ((1, 5), (2, 1)),
    ((2, 3, 5), (2, 1)),
    ((2, 3, 5), (0, 3)),
    ((2, 3, 5), (4, 0)),
    ((2, 3, 5), (-1, 2)),
    ((2, 3, 5), (2, -2)),
    ((3, 4, 5), (1, 2, 3, 0)),
    ((2, 3, 4, 5), (2, 1, 1, 3)),
    ((2, 1, 4, 5), (-1, 2, 0, -1)),
    ((2, 3, 4, 5), (1, 2, 2, 3, 1, 0)),
    ((1, 2, 3, 4, 5), (1, 0, 2, 1, 2, 1)),
]
# Only these modes may go beyond the size of the input, or as far as it.
FAR = [((2, 3, 4), (6, 9)), ((1, 2, 3, 4), (5, 4, 3, 7)), ((1, 1, 2, 2, 2), (3, 2, 3, 4, 5, 3))]
WHOLE = [((2, 3, 4), (4, 4)), ((1, 2, 3, 4), (4, 0, 3, 3))]
CONSTANT = [
    args(normal(3), (1, 2)),
    args(normal(2, 3), (1, 2), "constant", 1.5),
    args(normal(2, 3), (1, 0, 0, 2), value=-2.0),
    args(normal(2, 3), (-1, 2, 1, -1)),
    args(normal(2, 3, 4), (1, 1, 2, 2, 3, 3), value=0.5),
    args(normal(2, 3, 4), (0, 0)),
    args(normal(2, 3, 4), ()),
    args(normal(2, 3, 4, 5), (1, 2, 0, 1)),
    args(normal(2, 0), (1, 1)),
    args(normal(2, 3), (-3, 0)),
    args(normal(2, 3, 2, 2, 2), (1, 0, 1, 0, 0, 1)),
    args(normal(2, 3), [1, 2]),
]

CASES = [
    *ops(NAME, CONSTANT, checks=FULL, label="constant"),
    *ops(NAME, CONSTANT[1:4], dtypes=FLOATS[1:], checks=FULL, label="constant"),
    *ops(
        NAME,
        [args(normal(2, 3), (1, 2), value=3), args(normal(2, 3), (-1, 1))],
        dtypes=("int64", "uint8"),
        checks=FORWARD,
    ),
    *ops(NAME, [args(booleans(2, 3), (1, 2)), args(booleans(2, 3), (1, 2), value=True)], checks=FORWARD),
    *[
        case
        for mode in BORDERS
        for case in ops(NAME, [args(normal(*shape), pads, mode=mode) for shape, pads in SIDES], checks=FULL)
    ],
    *ops(NAME, [args(normal(*shape), pads, mode="replicate") for shape, pads in FAR], checks=FULL),
    *ops(NAME, [args(normal(*shape), pads, mode="circular") for shape, pads in WHOLE], checks=FULL),
    *[
        case
        for mode in BORDERS
        for case in ops(NAME, [args(normal(2, 3, 5), (2, 1), mode=mode)], dtypes=FLOATS[1:], checks=FULL)
    ],
    *ops(NAME, [args(normal(2, 3, 5), (2, 1), mode=mode, value=0) for mode in ("reflect", "circular")], checks=FULL),
    *ops(
        NAME,
        [args(normal(1, 4, 5), (1, 1), mode="circular"), args(values([[1, 2, 3]]), (2, 2), mode="circular")],
        dtypes=("int64",),
        checks=FORWARD,
    ),
    *ops(NAME, [args(normal(0, 3, 5), (1, 1), mode=mode) for mode in BORDERS], checks=FORWARD, layouts=()),
    *ops(NAME, [args(normal(0, 3, 4, 5), (1, 1, 1, 1), mode=mode) for mode in BORDERS], checks=FORWARD, layouts=()),
    *refuses(
        NAME,
        [
            args(normal(2, 3), (1, 2, 3)),
            args(normal(3), (1, 2, 3, 4)),
            args(normal(2, 3), (-2, -2)),
            args(normal(2, 3), (-4, 0)),
            args(normal(2, 3, 4), (1, 1), mode="mirror"),
            args(normal(2, 3, 4), (1, 1), mode="reflect", value=1.0),
            args(normal(2, 3, 4), (4, 0), mode="reflect"),
            args(normal(2, 3, 4), (0, 4), mode="reflect"),
            args(normal(2, 3, 4), (0, 5), mode="circular"),
            args(normal(2, 3, 4), (5, 0), mode="circular"),
            args(normal(3), (1, 1), mode="reflect").naming("padding"),
            args(normal(2, 2, 2, 3), (1, 1), mode="replicate").naming("padding"),
            args(normal(2, 3, 4), (1, 1, 1, 1, 1, 1), mode="circular").naming("padding"),
            args(normal(2, 3, 4, 5), (1, 1, 3, 4), mode="reflect"),
            args(normal(2, 3, 4, 5), (1, 1, 4, 3), mode="reflect"),
        ],
    ),
]
