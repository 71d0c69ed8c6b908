"""Batch normalization, in training and evaluation."""

from typing import Any

from conformance.cases import (
    CHANNELS_LAST,
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    LAYOUTS,
    SECOND,
    SIZES,
    TRANSPOSED,
    Draw,
    args,
    normal,
    ops,
    positive,
    refuses,
)

NAME = "nn.functional.batch_norm"
# Repeated rows have no variance: there a gradient is rounding only.
STRIDED = (TRANSPOSED, GAPPED, CHANNELS_LAST)


def running(channels: int) -> tuple[Draw, Draw]:
    """A running mean and variance, which training moves."""
    return normal(channels).fixed(), positive(channels).fixed()


SHAPES = ((4, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 2, 2))
TRAINING = [args(normal(*s), *running(3), positive(3), normal(3), training=True) for s in SHAPES]
TRAINING += [args(normal(*s), None, None, training=True) for s in SHAPES[:2]]
TRAINING += [args(normal(4, 3, 5), *running(3), training=True, momentum=m, eps=e) for m, e in ((0.0, 1e-3), (1.0, 0.1))]
TRAINING += [
    args(normal(4, 3), *running(3), positive(3), None, training=True),
    args(normal(2, 1), *running(1), training=True),
]
TRAINING += [args(normal(n, 2), *running(2), positive(2), normal(2), training=True) for n in SIZES[1:10]]
TRAINING += [args(normal(8, 2, offset=30), *running(2), training=True)]
EVALUATION = [args(normal(*s), *running(3), positive(3), normal(3)) for s in SHAPES]
EVALUATION += [args(normal(1, 3), *running(3)), args(normal(4, 3), *running(3), positive(3), None, eps=0.1)]

ERRORS = [
    *refuses(
        NAME,
        [
            args(normal(4, 3), None, None).naming("running_mean", "evaluation"),
            args(normal(4, 3), normal(3), None).naming("running_var", "evaluation"),
            args(normal(1, 3), None, None, training=True),
            args(normal(4, 3), None, None, normal(2), training=True),
            args(normal(4, 3), None, None, normal(3), normal(2), training=True),
            args(normal(4, 3), normal(2), positive(3)),
            args(normal(4, 3), None, None, training=True, eps=-1.0),
            args(normal(4, 3).to("int64"), normal(3), positive(3)).naming("batch_norm"),
        ],
    )
]

EDGES = [
    args(normal(4, 3), *running(3), eps=0.0),
    args(normal(0, 3), *running(3)),
    args(normal(0, 3), *running(3), positive(3), normal(3)),
    args(normal(2, 3, 0), *running(3)),
    args(normal(3, 2, 4), *running(2), positive(2), normal(2), training=True),
    args(normal(4, 1), None, None, training=True),
    args(normal(0), normal(0).fixed(), normal(0).fixed()),
]
# Nothing is computed of an empty input: its type, and that of the statistics, may be any.
EMPTY = [
    args(normal(0, 3).to("int64"), *running(3)),
    args(normal(0, 3).to("bool"), None, None, training=True),
    args(normal(0).fixed(), normal(0).to("float64").fixed(), normal(0).to("int64")),
]
# Statistics and parameters at float32 beside an input of a half type.
MIXED = [
    args(normal(4, 3), *(draw.to("float32") for draw in (*running(3), positive(3), normal(3))), training=flag)
    for flag in (False, True)
]

ERRORS += refuses(
    NAME,
    [
        args(normal(4, 3).to("int16"), *running(3)).naming("batch_norm"),
        args(normal(4, 3), [1.0] * 3, None),
        args(normal(4, 3), *running(3), [1.0] * 3),
        args(normal(4, 3), *running(3), training=True, momentum=None).naming("momentum"),
        args(normal(4, 3), normal(3), None, training=True).naming("running_mean"),
        args(normal(4, 3), None, normal(3), training=True).naming("running_mean"),
        args(normal(4, 3), *running(3), eps=-0.5),
        args(normal(4, 3), None, None, training=True, eps=0.0),
        args(normal(), *running(1)),
        args(normal(), None, None, training=True),
        args(normal(3), *running(3)),
        args(normal(5), None, None, training=True),
        args(normal(1, 3, 1), None, None, training=True),
        args(normal(4, 3), normal(3).to("float64"), positive(3).to("float64")),
        args(normal(4, 3), *running(3), positive(3).to("float64"), normal(3).to("float64")),
        args(normal(4, 3).to("float16"), normal(3).to("float32"), positive(3).to("float16")),
        args(normal(4, 3).to("float16"), normal(3).to("float64"), positive(3).to("float64")),
    ],
    label="edge",
)


def with_gradient(torch: Any, x: Any, mean: Any, variance: Any, *, which: str) -> Any:
    """A running statistic that requires a gradient: in training it is not differentiated."""
    (mean if which == "mean" else variance).requires_grad_()
    return torch.nn.functional.batch_norm(x, mean, variance, training=True)


def moved_twice(torch: Any, x: Any, mean: Any, variance: Any) -> Any:
    """The running statistics after two batches, and that moving them records no history."""
    out = torch.nn.functional.batch_norm(x, mean, variance, training=True, momentum=0.3)
    torch.nn.functional.batch_norm(out * 2, mean, variance, training=True, momentum=0.3)
    return mean, variance, mean.requires_grad, variance.requires_grad


STATISTICS = [
    *refuses(
        "batch norm with a running statistic that requires a gradient",
        [args(normal(4, 3), *running(3), which=which).naming("requires_grad") for which in ("mean", "variance")],
        program=with_gradient,
    ),
    *ops("batch norm twice", [args(normal(4, 3), *running(3))], program=moved_twice, layouts=()),
]


def layer(torch: Any, x: Any, *, kind: str, **options: Any) -> Any:
    """Three steps of a layer in training, then evaluation, and its buffers."""
    made = getattr(torch.nn, kind)(x.shape[1], **options).to(x.dtype)
    first, second = made(x), made(x * 2 + 1)
    made.eval()
    buffers = [buffer.detach() for buffer in made.buffers()]
    return [first, second, made(x), *buffers]


LAYERS = [
    *ops(
        "batch norm layer",
        [
            args(normal(4, 3), kind="BatchNorm1d"),
            args(normal(4, 3, 5), kind="BatchNorm1d", momentum=None),
            args(normal(2, 3, 4, 5), kind="BatchNorm2d", affine=False),
            args(normal(2, 3, 4, 5), kind="BatchNorm2d", track_running_stats=False),
            args(normal(2, 3, 2, 2, 2), kind="BatchNorm3d", eps=0.1, momentum=0.3),
        ],
        program=layer,
        layouts=(),
    )
]

CASES = [
    *ops(NAME, TRAINING, layouts=STRIDED, checks=CHECKS),
    *ops(NAME, EVALUATION, layouts=STRIDED),
    *ops(NAME, TRAINING[:3] + EVALUATION[:3], dtypes=FLOATS[1:], layouts=()),
    *ops(NAME, EDGES, layouts=STRIDED[:2]),
    *ops(NAME, EMPTY, checks=FORWARD - {LAYOUTS}, label="of any type"),
    *ops(NAME, MIXED, dtypes=FLOATS[2:], layouts=(), checks=CHECKS - {SECOND}),
    *LAYERS,
    *STATISTICS,
    *ERRORS,
]
