"""Losses: every argument, every reduction, and what they refuse."""

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


CASES = [*classification(), *regression(), *binary()]
