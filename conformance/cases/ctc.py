"""CTC: every form of its arguments, repeated labels, empty and impossible targets, and its layer."""

from typing import Any

from conformance.cases import (
    CHECKS,
    LAYOUTS,
    SECOND,
    TRANSPOSED,
    args,
    integers,
    normal,
    ops,
    refuses,
    values,
)

CTC = "nn.functional.ctc_loss"
REDUCTIONS = ("none", "mean", "sum")
LABELS = values([[1, 2, 3], [2, 2, 1]], "int64")  # the second repeats a label, which needs a blank in between
FLAT = values([1, 2, 3, 2, 2], "int64")


def normalized(torch: Any, scores: Any, *rest: Any, layer: bool = False, **options: Any) -> Any:
    """The loss of log_softmax(scores), as a network has it."""
    log_p = scores.log_softmax(-1)
    if layer:
        built = torch.nn.CTCLoss(**options)
        return built(log_p, *rest), repr(built)
    return torch.nn.functional.ctc_loss(log_p, *rest, **options)


def twice(torch: Any, scores: Any, *rest: Any) -> Any:
    """The derivative of the gradient."""
    scores = scores.detach().requires_grad_()
    loss = torch.nn.functional.ctc_loss(scores.log_softmax(-1), *rest)
    (gradient,) = torch.autograd.grad(loss, scores, create_graph=True)
    return torch.autograd.grad(gradient.sum(), scores)


def lengths(*counts: int) -> Any:
    """Lengths as a tensor."""
    return values(list(counts), "int64")


ROWS = [
    *[args(normal(6, 2, 4), LABELS, (6, 6), (3, 3), reduction=how) for how in REDUCTIONS],
    args(normal(6, 2, 4), LABELS, (5, 6), (2, 3), reduction="none"),
    args(normal(6, 2, 4), LABELS, lengths(6, 5), lengths(3, 1)),
    args(normal(6, 2, 4), LABELS.to("int32"), lengths(6, 5).to("int32"), lengths(3, 2).to("int32"), reduction="sum"),
    args(normal(6, 2, 4), values([[1, 2, 0], [2, 2, 1]], "int64"), (6, 6), (3, 3), 3),
    args(normal(6, 2, 4), LABELS, (6, 6), (0, 1), reduction="none"),
    args(normal(6, 4), values([1, 2], "int64"), (6,), (2,)),
    args(normal(6, 4), values([1, 2], "int64"), values(6, "int64"), values(2, "int64"), reduction="none"),
    args(normal(1, 1, 2), values([[1]], "int64"), (1,), (1,)),
    args(normal(3, 1, 3), integers(1, 0, high=3), (3,), (0,)),
    args(normal(6, 2, 4, scale=200), LABELS, (6, 6), (3, 3), reduction="none"),  # sums that need their greatest term
    args(normal(12, 3, 8), integers(3, 5, low=1, high=8), (12, 12, 12), (5, 5, 5)),
]
# Too few frames for the target: p = 0. Without frames, only the empty target is possible.
IMPOSSIBLE = [
    args(normal(4, 2, 4), LABELS, (4, 3), (3, 3), reduction=how, zero_infinity=zero)
    for how in ("none", "sum")
    for zero in (False, True)
]
IMPOSSIBLE += [args(normal(4, 2, 4), LABELS, (0, 4), (0, 2), reduction="none")]
IMPOSSIBLE += [args(normal(4, 2, 4), LABELS, (4, 0), (1, 2), reduction="none", zero_infinity=True)]
FORBIDDEN = args(  # probabilities of 0, some on the way
    values([[[0.0, float("-inf"), float("-inf")]], [[-0.5, -1.0, float("-inf")]]]),
    values([[1]], "int64"),
    (2,),
    (1,),
)
FIRST = CHECKS - {SECOND}  # torch has no second order

CASES = [
    *ops("CTC of scores", ROWS, program=normalized, checks=FIRST),
    # Not GAPPED: torch counts the offsets of concatenated targets in labels and reads them as if in strides.
    *ops(
        "CTC of scores",
        [args(normal(6, 2, 4), FLAT, [6, 6], [3, 2], reduction="none")],
        program=normalized,
        checks=FIRST,
        layouts=(TRANSPOSED,),
    ),
    *ops("CTC of scores", ROWS[1:2], program=normalized, dtypes=("float64",), checks=FIRST),
    *ops("CTC of scores", IMPOSSIBLE, program=normalized, exact=True, checks=FIRST),
    *ops(
        "CTC of scores",
        [
            args(normal(6, 2, 4), LABELS, (6, 6), (3, 3), layer=True),
            args(normal(6, 2, 4), LABELS, (6, 4), (3, 3), layer=True, reduction="sum", zero_infinity=True),
        ],
        program=normalized,
        checks=FIRST - {LAYOUTS},
    ),
    # What is no logarithm of probabilities: the gradient is what it would be if it were.
    *ops(CTC, [args(normal(5, 2, 4), LABELS, (5, 5), (2, 3), reduction="none")], checks=FIRST),
    *ops(CTC, [FORBIDDEN], exact=True, checks=FIRST - {LAYOUTS}),
    *refuses(
        CTC,
        [
            args(normal(6, 2, 4), LABELS, (6,), (3, 3)),
            args(normal(6, 2, 4), LABELS, (6, 6), (3,)),
            args(normal(6, 2, 4), LABELS, (6, 7), (3, 3)),
            args(normal(6, 2, 4), LABELS, (6, -1), (3, 3)),
            args(normal(6, 2, 4), LABELS, (6, 6), (3, -2)),
            args(normal(6, 2, 4), LABELS, (6, 6), (3, 4)),
            args(normal(6, 2, 4), FLAT, (6, 6), (3, 3)),
            args(normal(6, 2, 4), integers(1, 3, high=4), (6, 6), (3, 3)),
            args(normal(6, 2, 4), integers(1, 1, 3, high=4), (6, 6), (3, 3)),
            args(normal(6, 2, 4), LABELS, (6, 6), (3, 3), blank=4),
            args(normal(6, 2, 4), LABELS, (6, 6), (3, 3), blank=-1),
            args(normal(6, 2, 4), LABELS, normal(2).fixed(), lengths(3, 3)),
            args(normal(6, 2, 4), LABELS, lengths(6, 6), normal(2).fixed()),
            args(normal(6, 2, 4), LABELS, lengths(6, 6), (3, 3)).naming("combination"),
            args(normal(6, 2, 4), LABELS, (6, 6), (3, 3), reduction="average"),
            args(normal(6, 2, 4).to("float16"), LABELS, (6, 6), (3, 3)),
            args(normal(0, 2, 4), LABELS, (0, 0), (3, 3)),
            args(normal(6), LABELS, (6,), (3,)),
        ],
    ),
    *refuses("second order of CTC", [args(normal(6, 2, 4), LABELS, (6, 6), (3, 3))], program=twice),
]
