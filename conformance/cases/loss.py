"""Losses: every argument, every reduction, and what they refuse."""

import warnings
from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    SECOND,
    SIZES,
    TRANSPOSED,
    args,
    away_from,
    filled,
    integers,
    normal,
    ops,
    positive,
    probabilities,
    refuses,
    uniform,
    values,
)

F = "nn.functional."
REDUCTIONS = ("none", "mean", "sum")
STRIDED = (TRANSPOSED, GAPPED)
IGNORED = values([2, -100, 0, 1, -100], "int64")


def classes(*shape: int, of: int) -> Any:
    """Class indices."""
    return integers(*shape, high=of)


def classification() -> list[Any]:
    """nll_loss and cross_entropy with class indices."""
    cases = []
    for name in ("nll_loss", "cross_entropy"):
        rows = [args(normal(5, 3), classes(5, of=3), reduction=how) for how in REDUCTIONS]
        rows += [args(normal(5, 3), classes(5, of=3), positive(3).fixed(), reduction=how) for how in REDUCTIONS]
        rows += [args(normal(5, 3), IGNORED, reduction=how) for how in REDUCTIONS]
        rows += [args(normal(5, 3), IGNORED, positive(3).fixed()), args(normal(5, 3), classes(5, of=3), ignore_index=1)]
        rows += [
            args(normal(2, 3, 4), classes(2, 4, of=3)),
            args(normal(2, 3, 2, 2), classes(2, 2, 2, of=3), positive(3).fixed()),
        ]
        rows += [args(normal(2, 3, 4), classes(2, 4, of=3), reduction="none"), args(normal(3), classes(of=3))]
        rows += [args(normal(3), classes(of=3), positive(3).fixed()), args(normal(1, 1), classes(1, of=1))]
        rows += [args(normal(n, 4), classes(n, of=4)) for n in SIZES[:8]]
        cases += ops(F + name, rows, layouts=STRIDED)
        cases += ops(F + name, rows[:1] + rows[4:5], dtypes=FLOATS[1:], layouts=STRIDED)
        cases += ops(
            F + name, [args(normal(4, 70), classes(4, of=70)), args(normal(2, 3), classes(2, of=3).to("uint8"))]
        )
        cases += ops(F + name, [args(normal(0, 3), classes(0, of=3), reduction=how) for how in ("none", "sum")])
        cases += refuses(
            F + name,
            [
                args(normal(2, 3), values([0, 3], "int64")),
                args(normal(2, 3), values([0, -1], "int64")),
                args(normal(2, 3), classes(3, of=3)),
                args(normal(2, 3), normal(2)),
                args(normal(2, 3), classes(2, of=3).to("int32")),
                args(normal(2, 3), classes(2, of=3), normal(2)),
                args(normal(2, 3), classes(2, of=3), normal(3).to("float64")),
                args(normal(2, 3), classes(2, 2, of=3)),
                args(normal(2, 3, 4), classes(2, 5, of=3)),
                args(normal(2, 3), classes(2, of=3), reduction="average"),
            ],
        )
    smoothed = [
        args(normal(5, 3), classes(5, of=3), label_smoothing=e, reduction=how) for e in (0.1, 1.0) for how in REDUCTIONS
    ]
    smoothed += [
        args(normal(5, 3), IGNORED, positive(3).fixed(), label_smoothing=0.2, reduction=how) for how in REDUCTIONS
    ]
    smoothed += [
        args(normal(2, 3, 4), classes(2, 4, of=3), positive(3).fixed(), label_smoothing=0.2),
        args(normal(3), classes(of=3), label_smoothing=0.1),
    ]
    cases += ops(F + "cross_entropy", smoothed, layouts=STRIDED)
    soft = [args(normal(5, 3), probabilities(5, 3), reduction=how) for how in REDUCTIONS]
    soft += [
        args(normal(5, 3), probabilities(5, 3), positive(3), label_smoothing=0.1, reduction=how) for how in REDUCTIONS
    ]
    soft += [args(normal(2, 3, 4), probabilities(2, 3, 4)), args(normal(3), probabilities(3, dim=0))]
    cases += ops(F + "cross_entropy", soft, layouts=STRIDED)
    cases += refuses(
        F + "cross_entropy",
        [
            args(normal(2, 3), classes(2, of=3), label_smoothing=1.5),
            args(normal(2, 3), probabilities(2, 3), ignore_index=1),
            args(normal(2, 3), probabilities(2, 3), normal(2)),
            args(normal(2, 3), classes(2, 3, of=3)),
        ],
    )
    return cases


def regression() -> list[Any]:
    """mse, l1, smooth l1 and Huber; targets away from the kink where x = y."""
    cases = []
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        rows = [args(normal(3, 4), normal(3, 4, offset=3), reduction=how) for how in REDUCTIONS]
        rows += [args(normal(n), normal(n, offset=3)) for n in SIZES]
        rows += [args(normal(), normal(offset=3)), args(normal(3, 4, scale=0.1), normal(3, 4, scale=0.1, offset=0.4))]
        cases += ops(F + name, rows)
        cases += ops(F + name, rows[:2], dtypes=FLOATS[1:])
        cases += refuses(
            F + name, [args(normal(2, 3), normal(2, 3), reduction="average"), args(normal(2, 3), normal(2, 2))]
        )
    weighted = [args(normal(3, 4), normal(3, 4, offset=3), weight=positive(3, 4), reduction=how) for how in REDUCTIONS]
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        cases += ops(F + name, weighted)
        cases += refuses(F + name, [args(normal(2, 3), normal(2, 3), weight=normal(3))])
    cases += ops(F + "smooth_l1_loss", [args(normal(9), normal(9, offset=3), beta=b) for b in (0.0, 0.5, 2.0)])
    cases += ops(F + "huber_loss", [args(normal(9), normal(9, offset=3), delta=d) for d in (0.5, 2.0)])
    cases += refuses(F + "huber_loss", [args(normal(3), normal(3), delta=0.0)])
    cases += refuses(F + "smooth_l1_loss", [args(normal(3), normal(3), beta=-1.0)])
    return cases


def binary() -> list[Any]:
    """Binary cross-entropy of probabilities and of logits."""
    name = F + "binary_cross_entropy"
    inner, target = uniform(3, 4, low=0.05, high=0.95), uniform(3, 4)
    rows = [args(inner, target, reduction=how) for how in REDUCTIONS]
    rows += [
        args(inner, target, weight=positive(3, 4).fixed()),
        args(inner, target, weight=positive(4).fixed(), reduction="none"),
    ]
    rows += [args(uniform(n, low=0.05, high=0.95), uniform(n)) for n in SIZES[:8]]
    cases = ops(name, rows, checks=CHECKS - {SECOND})
    cases += ops(name, rows[:1], dtypes=FLOATS[1:2], checks=CHECKS - {SECOND})
    edges = values([0.0, 1.0, 0.0, 1.0, 0.5])
    cases += ops(
        name, [args(edges, values([0.0, 1.0, 1.0, 0.0, 0.3]).fixed(), reduction="none")], checks=FORWARD | {"gradient"}
    )
    cases += refuses(
        name,
        [
            args(normal(2, 3, offset=9), uniform(2, 3)),
            args(uniform(2, 3), normal(2, 3, offset=9)),
            args(uniform(2, 3), uniform(1, 3)),
            args(uniform(2, 3), uniform(2, 3).to("float64")),
            args(uniform(2, 3), uniform(2, 3), reduction="average"),
        ],
    )
    name += "_with_logits"
    rows = [args(normal(3, 4), target, reduction=how) for how in REDUCTIONS]
    rows += [
        args(normal(3, 4), target, positive(3, 4).fixed()),
        args(normal(3, 4), target, pos_weight=positive(4).fixed()),
    ]
    rows += [args(normal(3, 4), target, positive(4).fixed(), pos_weight=positive(4).fixed(), reduction="none")]
    rows += [args(away_from(n), uniform(n)) for n in SIZES]
    cases += ops(name, rows)
    cases += ops(name, rows[:1], dtypes=FLOATS[1:])
    cases += refuses(
        name,
        [
            args(normal(2, 3), uniform(1, 3)),
            args(normal(2, 3), uniform(2, 3), pos_weight=positive(2)),
            args(normal(2, 3), uniform(2, 3), reduction="average"),
        ],
    )
    return cases


# --- deprecated arguments and other warnings -------------------------------------------------------------------------


def warned(torch: Any, *operands: Any, function: str, **parameters: Any) -> Any:
    """The loss, and the kinds of warnings that came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = getattr(torch.nn.functional, function)(*operands, **parameters)
    return out, [warning.category.__name__ for warning in caught]


FLAGS = [(None, False), (False, None), (True, None), (None, True), (False, True), (True, False), (False, False)]
OPERANDS: dict[str, list[Any]] = {
    "mse_loss": [normal(3, 4), normal(3, 4)],
    "l1_loss": [normal(3, 4), normal(3, 4, offset=3)],
    "smooth_l1_loss": [normal(3, 4), normal(3, 4, offset=3)],
    "binary_cross_entropy": [uniform(3, 4, low=0.05, high=0.95), uniform(3, 4)],
    "binary_cross_entropy_with_logits": [normal(3, 4), uniform(3, 4)],
    "nll_loss": [normal(5, 3), classes(5, of=3)],
    "cross_entropy": [normal(5, 3), classes(5, of=3)],
}
POSITIONAL = ("mse_loss", "l1_loss", "smooth_l1_loss")  # size_average and reduce come right after the operands
WARNED = [
    case
    for name, operands in OPERANDS.items()
    for case in ops(
        "loss with a warning",
        [args(*operands, function=name, size_average=average, reduce=reduce) for average, reduce in FLAGS]
        + [args(*operands, function=name, reduction="elementwise_mean")]
        + [args(*operands, function=name, size_average=True, reduction="sum")]
        + [args(*operands, average, reduce, function=name) for average, reduce in FLAGS if name in POSITIONAL],
        program=warned,
        checks=CHECKS - {SECOND},
        layouts=(),
    )
]
WEIGHTED_WARNINGS = [
    case
    for name in ("mse_loss", "l1_loss")
    for case in ops(
        "loss with a warning",
        [
            args(*OPERANDS[name], function=name, weight=positive(3, 4), **flags)
            for flags in (
                {"size_average": False},
                {"reduce": False},
                {"reduce": True, "reduction": "elementwise_mean"},
                {"size_average": True, "reduction": "elementwise_mean"},
            )
        ],
        program=warned,
        checks=CHECKS - {SECOND},
        layouts=(),
    )
]
# Operands of different shapes are broadcast, with a warning.
BROADCAST = [
    case
    for name in (*POSITIONAL, "huber_loss")
    for case in ops(
        "loss with a warning",
        [
            args(normal(3, 4), normal(4, offset=3), function=name),
            args(normal(4), normal(3, 1, offset=3), function=name),
        ],
        program=warned,
        checks=CHECKS - {SECOND},
        layouts=(),
    )
]

# --- edges ------------------------------------------------------------------------------------------------------------

SINGLE = [
    # One class, and a target that is ignored; a vector with a target of one element.
    *ops(F + "nll_loss", [args(normal(2, 1), values([0, -100], "int64"))], layouts=()),
    *ops(F + "nll_loss", [args(normal(2, 1), values([0, -100], "int64"), positive(1).fixed())], layouts=()),
    *ops(F + "cross_entropy", [args(normal(2, 1), values([0, -100], "int64"), label_smoothing=0.1)], layouts=()),
    *ops(
        F + "cross_entropy",
        [args(normal(2, 1), values([0, -100], "int64"), positive(1).fixed(), label_smoothing=0.1)],
        layouts=(),
    ),
    # torch has no gradient for a target of one element.
    *ops(
        F + "nll_loss",
        [args(normal(3), values([1], "int64"), reduction=how) for how in REDUCTIONS],
        checks=FORWARD,
        layouts=(),
        label="target of one element",
    ),
    *ops(F + "nll_loss", [args(normal(2, 3, 2), classes(2, 2, of=3), ignore_index=0)], layouts=()),
    *ops(F + "nll_loss", [args(normal(2, 3, 2, 2, 2), classes(2, 2, 2, 2, of=3))], layouts=()),
    *ops(F + "cross_entropy", [args(normal(3), classes(of=3), positive(3).fixed(), label_smoothing=0.1)], layouts=()),
    *ops(F + "cross_entropy", [args(normal(3), probabilities(3, dim=0), positive(3))], layouts=()),
    *ops(F + "cross_entropy", [args(normal(2, 3, 4), probabilities(2, 3, 4), positive(3))], layouts=()),
    *ops(F + "cross_entropy", [args(normal(2, 3, 4, 2), probabilities(2, 3, 4, 2), positive(3))], layouts=()),
    *ops(F + "cross_entropy", [args(normal(4, 3), probabilities(4, 3), reduction="none", label_smoothing=0.3)]),
    *ops(
        F + "cross_entropy",
        [args(normal(3, 1), filled(3, 1, value=1.0)), args(normal(3, 1), classes(3, of=1))],
        layouts=(),
    ),
    *ops(F + "cross_entropy", [args(normal(2, 3), probabilities(2, 3), ignore_index=-1)], layouts=()),
    # No rows: 0 / 0.
    *ops(F + "cross_entropy", [args(normal(0, 3), normal(0, 3))], checks=FORWARD, layouts=(), exact=True),
]

# The slope of huber and smooth l1 changes at |x - y| = delta.
AT_THE_KINK = [
    case
    for name, width in (("huber_loss", "delta"), ("smooth_l1_loss", "beta"))
    for case in ops(
        F + name,
        [args(values([0.5, -0.5, 0.25, 1.0, 0.0]), filled(5, value=0.0), **{width: 0.5}, reduction="none")],
        exact=True,
        checks=CHECKS - {SECOND},
        layouts=(),
    )
]

MIXED_TYPES = [
    case
    for name in (*POSITIONAL, "huber_loss")
    for case in ops(F + name, [args(normal(3, 4), values([[1, 2, 3, 4]] * 3, "int64"))], checks=FORWARD, layouts=())
]
MIXED_TYPES += ops(F + "mse_loss", [args(values([1, 2, 3], "int64"), normal(3))], checks=FORWARD, layouts=())
MIXED_TYPES += ops(F + "l1_loss", [args(normal(3), normal(3), reduction="sum")], dtypes=("int64",), checks=FORWARD)
MIXED_TYPES += ops(F + "smooth_l1_loss", [args(values([1, 2, 3], "int64"), normal(3))], checks=FORWARD, layouts=())
MIXED_TYPES += ops(
    F + "binary_cross_entropy_with_logits",
    [args(normal(3).to("float64"), uniform(3).to("float32"))],
    checks=FORWARD,
    layouts=(),
)

NAME = F + "binary_cross_entropy"
TWICE = ops(NAME, [args(uniform(5, low=0.05, high=0.95), uniform(5), reduction=how) for how in REDUCTIONS], layouts=())
WEIGHTS = [
    *ops(NAME, [args(uniform(3, 4), uniform(3, 4), positive(*shape).fixed()) for shape in ((1, 4), (3, 1), (1,))]),
    *ops(NAME, [args(values([0.0, 1.0, 0.5]), values([1.0, 0.0, 0.0]))], checks=FORWARD),
    *ops(
        NAME + "_with_logits",
        [args(normal(3, 4), uniform(3, 4), pos_weight=positive(*shape).fixed()) for shape in ((1,), (3, 1), (3, 4))]
        + [args(normal(3, 4), uniform(3, 4), positive(*shape).fixed()) for shape in ((1,), (3, 1))],
    ),
]


def constant_weight(torch: Any, x: Any, y: Any, weight: Any, *, function: str, name: str) -> Any:
    """A weight that requires a gradient, where the loss has none for it."""
    return getattr(torch.nn.functional, function)(x, y, **{name: weight.requires_grad_()})


def not_tensors() -> list[Any]:
    """Something else in the place of a tensor, where torch itself says so (elsewhere its wrappers fall over)."""
    cases = []
    for name in ("nll_loss", "cross_entropy"):
        x, y = OPERANDS[name]
        cases += refuses(F + name, [args(x, [1.0, 2.0]), args([1.0, 2.0], y), args(x, y, [1.0, 2.0])])
    name = F + "binary_cross_entropy_with_logits"
    x, y = OPERANDS["binary_cross_entropy_with_logits"]
    return cases + refuses(name, [args(x, y, [1.0, 2.0]), args(x, y, pos_weight=[1.0])])


REFUSED = [
    *not_tensors(),
    *refuses(F + "nll_loss", [args(normal(), classes(of=1)), args(normal(2), classes(2, of=2))]),
    *refuses(F + "nll_loss", [args(normal(2, 3).to("int64"), classes(2, of=3)).naming("nll_loss", "Long")]),
    *refuses(F + "nll_loss", [args(normal(2, 3), classes(of=3)), args(normal(1, 3), classes(of=3))]),
    *refuses(F + "nll_loss", [args(normal(2, 3, 4, 4), classes(2, 4, of=3)), args(normal(2, 3, 4), classes(2, of=3))]),
    *refuses(F + "nll_loss", [args(normal(2, 3, 4, 5), classes(2, 5, 4, of=3))]),
    *refuses(F + "cross_entropy", [args(normal(2, 3), probabilities(2, 3), ignore_index=0)]),
    *refuses(F + "cross_entropy", [args(normal(), normal()), args(normal(), classes(of=1))]),
    *[
        case
        for name in ("mse_loss", "l1_loss")
        for case in refuses(
            F + name, [args(normal(2, 3), normal(2, 3), weight=positive(2, 3), reduction="elementwise_mean")]
        )
    ],
    *refuses(F + "huber_loss", [args(normal(3), normal(3), reduction="elementwise_mean", weight=positive(3))]),
    *refuses(F + "mse_loss", [args(normal(3), normal(3)).naming("mse", "Long")], dtype="int64"),
    *refuses(F + "smooth_l1_loss", [args(normal(3), normal(3)).naming("smooth_l1", "Long")], dtype="int64"),
    *refuses(F + "huber_loss", [args(normal(3), normal(3)).naming("huber", "Long")], dtype="int64"),
    *refuses(F + "huber_loss", [args(normal(3), normal(3).to("float32"))], dtype="int64"),
    *refuses(NAME, [args(uniform(3), uniform(3)).naming("binary_cross_entropy", "Long")], dtype="int64"),
    *refuses(NAME, [args(values([0.5, -0.1]), uniform(2)), args(values([1.5, 0.5]), uniform(2))]),
    *refuses(NAME, [args(uniform(2), values([0.5, -0.1])), args(uniform(2), values([1.5, 0.5]))]),
    *refuses(
        NAME,
        [
            args(uniform(2, 3), uniform(2, 3), positive(2)).naming("broadcast", "2"),
            args(uniform(2, 3), uniform(2, 3), positive(5, 2, 3)),
        ],
    ),
    *refuses(
        NAME + "_with_logits",
        [
            args(normal(2, 3).to("int32"), uniform(2, 3)).naming("log_sigmoid", "Int"),
            args(normal(2, 3), uniform(2, 3).to("int32")),
            args(normal(2, 3), uniform(2, 3), pos_weight=positive(5, 2, 3)),
            args(normal(2, 3), uniform(2, 3), positive(5, 2, 3)),
        ],
    ),
    *refuses(
        "loss with a weight that requires a gradient",
        [
            args(normal(5, 3), classes(5, of=3), positive(3), function="nll_loss", name="weight"),
            args(uniform(3), uniform(3), positive(3), function="binary_cross_entropy", name="weight"),
            args(normal(3), uniform(3), positive(3), function="binary_cross_entropy_with_logits", name="weight"),
            args(normal(3), uniform(3), positive(3), function="binary_cross_entropy_with_logits", name="pos_weight"),
        ],
        program=constant_weight,
    ),
]

CASES = [*classification(), *regression(), *binary(), *WARNED, *WEIGHTED_WARNINGS, *BROADCAST, *SINGLE, *AT_THE_KINK]
CASES += [*MIXED_TYPES, *TWICE, *WEIGHTS, *REFUSED]
