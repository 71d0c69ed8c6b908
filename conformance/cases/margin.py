"""Losses of classification by margins, and their layers."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    GAPPED,
    LAYOUTS,
    SECOND,
    SIZES,
    TRANSPOSED,
    args,
    integers,
    normal,
    ops,
    positive,
    refuses,
    uniform,
    values,
)

F = "nn.functional."
ONE, SEVERAL = F + "multi_margin_loss", F + "multilabel_margin_loss"
SIGMOID, LOGISTIC = F + "multilabel_soft_margin_loss", F + "soft_margin_loss"
REDUCTIONS = ("none", "mean", "sum")
CLASSES = integers(5, high=4)
LABELS = values([[2, -1, 0, 1], [0, 3, 1, -1], [-1, 0, 1, 2], [3, 2, 1, 0], [1, 1, -1, 0]], "int64")  # -1 ends a list
SIGNS = values([1.0, -1.0, 1.0, -1.0]).fixed()

ONES = [
    *[args(normal(5, 4), CLASSES, reduction=how) for how in REDUCTIONS],
    *[args(normal(5, 4), CLASSES, p=2, reduction=how) for how in REDUCTIONS],
    args(normal(5, 4), CLASSES, 1, 0.3, positive(4).fixed()),
    args(normal(5, 4), CLASSES, p=2, margin=2.0, weight=positive(4).fixed(), reduction="none"),
    args(normal(4), values(2, "int64"), reduction="none"),
    args(normal(4), values([2], "int64"), reduction="none"),
    args(normal(1, 1), values([0], "int64")),
    args(normal(0, 4), integers(0, high=4), reduction="none"),
    args(normal(2, 65), integers(2, high=65)),
]
SEVERALS = [
    *[args(normal(5, 4), LABELS, reduction=how) for how in REDUCTIONS],
    args(normal(4), values([2, 0, -1, 3], "int64"), reduction="none"),
    args(normal(4), values([-1, 0, 1, 2], "int64")),
    args(normal(1, 1), values([[0]], "int64")),
    args(normal(0, 4), integers(0, 4, high=4), reduction="none"),
    args(normal(3, 17), integers(3, 17, high=17)),
]
SIGMOIDS = [
    *[args(normal(5, 4), uniform(5, 4), reduction=how) for how in REDUCTIONS],
    args(normal(5, 4), uniform(5, 4), positive(4), reduction="none"),
    args(normal(2, 3, 4), uniform(2, 3, 4), positive(2, 3, 4)),
    args(normal(4), integers(4, high=2)),
    args(normal(2, 33), uniform(2, 33)),
]
LOGISTICS = [
    *[args(normal(3, 4), SIGNS, reduction=how) for how in REDUCTIONS],
    args(normal(3, 4), normal(3, 4).fixed(), reduction="none"),
    args(normal(3, 4), values([1, -1, 1, -1], "int64")),
    args(normal(), values(-1.0).fixed()),
    *[args(normal(n), normal(n).fixed()) for n in SIZES[:6]],
]


def layer(torch: Any, *operands: Any, kind: str, weighted: bool = False, **options: Any) -> Any:
    """A loss as a layer, what it is printed as and what it keeps; the last operand is its weight if it is `weighted`."""
    if weighted:
        *operands, options["weight"] = operands  # type: ignore[assignment]
    built = getattr(torch.nn, kind)(**options)
    return built(*operands), repr(built), list(built.state_dict())


LAYERS = [
    args(normal(5, 4), CLASSES, kind="MultiMarginLoss"),
    args(normal(5, 4), CLASSES, positive(4).fixed(), kind="MultiMarginLoss", weighted=True, p=2, margin=0.5),
    args(normal(5, 4), LABELS, kind="MultiLabelMarginLoss", reduction="none"),
    args(normal(5, 4), uniform(5, 4), kind="MultiLabelSoftMarginLoss"),
    args(normal(5, 4), uniform(5, 4), positive(4).fixed(), kind="MultiLabelSoftMarginLoss", weighted=True),
    args(normal(5, 4), SIGNS, kind="SoftMarginLoss", reduction="sum"),
]
STRIDED = (TRANSPOSED, GAPPED)  # not EXPANDED: scores that are all the same lie on no kink, but their gradients cancel
FIRST = CHECKS - {SECOND}  # torch has no second order

CASES = [
    *ops(ONE, ONES, checks=FIRST, layouts=STRIDED),
    *ops(ONE, ONES[1:2] + ONES[7:8], dtypes=("float64",), checks=FIRST, layouts=STRIDED),
    # At the margin the loss is 0, and so is its gradient.
    *ops(ONE, [args(values([[1.0, 0.0, 2.0]]), values([0], "int64"), p=p) for p in (1, 2)], exact=True, checks=FIRST),
    *refuses(
        ONE,
        [
            args(normal(3, 4), integers(3, high=4), p=3),
            args(normal(3, 4), integers(3, high=4), reduction="average"),
            args(normal(3, 4), values([0, 1, 4], "int64")),
            args(normal(3, 4), values([0, 1, -1], "int64")),
            args(normal(3, 4), integers(2, high=4)),
            args(normal(3, 4), integers(1, 3, high=4)),
            args(normal(3, 4), normal(3)),
            args(normal(3, 4), integers(3, high=4).to("int32")),
            args(normal(3, 4), integers(3, high=4), weight=normal(3)),
            args(normal(3, 4), integers(3, high=4), weight=normal(3, 4)),
            args(normal(3, 4), integers(3, high=4), weight=normal(4).to("float64").fixed()),
            args(normal(2, 3, 4), integers(2, high=4)),
            args(normal(3, 0), integers(3, high=4)),
            args(normal(3, 4).to("float16"), integers(3, high=4)),
            args(integers(3, 4, high=9), integers(3, high=4)),
        ],
    ),
    *ops(SEVERAL, SEVERALS, checks=FIRST, layouts=STRIDED),
    *ops(SEVERAL, SEVERALS[1:2], dtypes=("float64",), checks=FIRST, layouts=STRIDED),
    *ops(SEVERAL, [args(values([1.0, 0.0, 2.0]), values([0, -1, 0], "int64"))], exact=True, checks=FIRST),
    *refuses(
        SEVERAL,
        [
            args(normal(3, 4), integers(3, 2, high=4)),
            args(normal(3, 4), integers(3, high=4)),
            args(normal(4), values([0, 7, -1, 1], "int64")),
            args(normal(4), values([0, -2, -1, 1], "int64")),
            args(normal(3, 4), normal(3, 4)),
            args(normal(2, 3, 4), integers(2, 3, 4, high=4)),
            args(normal(3, 4).to("float16"), integers(3, 4, high=4)),
            args(normal(3, 4), integers(3, 4, high=4), reduction="average"),
        ],
    ),
    *ops(SIGMOID, SIGMOIDS),
    *ops(SIGMOID, SIGMOIDS[1:2], dtypes=FLOATS[1:]),
    *refuses(
        SIGMOID,
        [
            args(normal(3, 4), uniform(3, 4), reduction="average"),
            args(normal(3, 4), uniform(3)),
            args(normal(), uniform()),
            args(integers(3, 4, high=9), uniform(3, 4)),
        ],
    ),
    *ops(LOGISTIC, LOGISTICS),
    *ops(LOGISTIC, LOGISTICS[1:2], dtypes=FLOATS[1:]),
    *ops(LOGISTIC, [args(normal(3), values([1.0, -1.0, 1.0], "float64").fixed(), reduction="none")]),
    # e^200 is beyond float32: torch's loss is infinite there, and its gradient nan.
    *ops(
        LOGISTIC,
        [args(values([-200.0, 200.0]), values([1.0, 1.0]).fixed(), reduction="none")],
        exact=True,
        checks=FIRST,
    ),
    *refuses(
        LOGISTIC,
        [
            args(normal(3, 4), normal(3).fixed()),
            args(normal(4), normal(3, 4).fixed()),
            args(integers(3, high=9), integers(3, high=2)),
            args(normal(3), normal(3).fixed(), reduction="average"),
            args(normal(3), 1.0),
        ],
    ),
    *ops("margin loss as a layer", LAYERS, program=layer, checks=FIRST - {LAYOUTS}),
    *refuses(
        "margin loss as a layer",
        [
            args(kind="MultiMarginLoss", p=3),
            args(normal(2, 3), kind="MultiMarginLoss", weighted=True),
        ],
        program=layer,
    ),
]
