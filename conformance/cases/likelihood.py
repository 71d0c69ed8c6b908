"""Losses that are negative log-likelihoods or divergences, and their layers."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    LAYOUTS,
    SECOND,
    SIZES,
    args,
    integers,
    normal,
    ops,
    positive,
    probabilities,
    refuses,
    values,
)

F = "nn.functional."
KL, GAUSSIAN, POISSON = F + "kl_div", F + "gaussian_nll_loss", F + "poisson_nll_loss"
REDUCTIONS = ("none", "mean", "sum")
COUNTS = integers(3, 4, low=2, high=9)

DIVERGENCES = [
    *[args(normal(3, 4), probabilities(3, 4), reduction=how) for how in (*REDUCTIONS, "batchmean")],
    *[args(normal(3, 4), normal(3, 4), reduction=how, log_target=True) for how in (*REDUCTIONS, "batchmean")],
    args(normal(3, 4), probabilities(4, dim=0), reduction="sum"),
    args(normal(), positive(), reduction="batchmean"),
    args(normal(3, 4), probabilities(3, 4), None, None, "none", False),
    args(normal(0, 4), probabilities(0, 4), reduction="sum"),
    *[args(normal(n), positive(n), reduction="sum") for n in SIZES[:6]],
]
NORMAL = [
    *[args(normal(3, 4), normal(3, 4), positive(3, 4), reduction=how) for how in REDUCTIONS],
    args(normal(3, 4), normal(3, 4), positive(3, 4), full=True),
    args(normal(3, 4), normal(3, 4), positive(3, 1), reduction="none"),
    args(normal(3, 4), normal(3, 4), positive(3), reduction="none"),
    args(normal(3, 4), normal(3, 4), positive(1, 4), True, 1e-3, "sum"),
    args(normal(3, 4), normal(3, 4), 0.5),
    args(normal(3, 4), normal(4), positive(3, 4)),
    args(normal(3, 4), normal(3, 4), positive(3, 4), eps=1.0, reduction="none"),  # eps in the place of most variances
    *[args(normal(n), normal(n), positive(n)) for n in SIZES[:6]],
]
POISSONS = [
    *[args(normal(3, 4), COUNTS, reduction=how) for how in REDUCTIONS],
    args(normal(3, 4), COUNTS, full=True, reduction="none"),
    args(positive(3, 4), COUNTS, log_input=False),
    args(positive(3, 4), COUNTS, False, True, None, 0.5, None, "none"),
    args(normal(3, 4), positive(3, 4), full=True, reduction="none"),
    args(normal(5), values([0, 1, 2, 0, 7], "int64"), full=True, reduction="none"),
    args(normal(3, 4), positive(4), reduction="none"),
    args(normal(), positive()),
]


def layer(torch: Any, *operands: Any, kind: str, **options: Any) -> Any:
    """A loss as a layer, and what it is printed as."""
    built = getattr(torch.nn, kind)(**options)
    return built(*operands), repr(built), list(built.state_dict())


LAYERS = [
    args(normal(3, 4), probabilities(3, 4), kind="KLDivLoss"),
    args(normal(3, 4), normal(3, 4), kind="KLDivLoss", reduction="batchmean", log_target=True),
    args(normal(3, 4), normal(3, 4), positive(3, 4), kind="GaussianNLLLoss"),
    args(normal(3, 4), normal(3, 4), positive(3), kind="GaussianNLLLoss", full=True, eps=0.5, reduction="sum"),
    args(normal(3, 4), COUNTS, kind="PoissonNLLLoss"),
    args(positive(3, 4), COUNTS, kind="PoissonNLLLoss", log_input=False, full=True, eps=0.5, reduction="none"),
]

CASES = [
    *ops(KL, DIVERGENCES),
    *ops(KL, [DIVERGENCES[0], DIVERGENCES[3], DIVERGENCES[4]], dtypes=FLOATS[1:]),
    *ops(
        KL,
        [
            args(values([0.5, -1.0, 2.0]), values([0.0, 0.0, 1.0]).fixed(), reduction="none"),
            args(values([0.0, 1.0]), values([-1.0, 2.0]).fixed(), reduction="none"),
        ],
        exact=True,
        checks=CHECKS - {SECOND},  # of a bare line there is none
    ),
    *refuses(
        KL,
        [
            args(normal(3, 4), probabilities(3, 4), reduction="average"),
            args(normal(3, 4), normal(3)),
            args(integers(3, high=4), integers(3, high=4)),
            args([1.0], normal(3)),
        ],
    ),
    *ops(GAUSSIAN, NORMAL),
    *ops(GAUSSIAN, [NORMAL[1], NORMAL[6]], dtypes=FLOATS[1:]),
    *refuses(
        GAUSSIAN,
        [
            args(normal(3), normal(3), normal(3, offset=-9)),
            args(normal(3), normal(3), -1.0),
            args(normal(3, 4), normal(3, 4), positive(4)),
            args(normal(3, 4), normal(3, 4), positive()),
            args(normal(3), normal(3), positive(3), reduction="average"),
            args(normal(3), normal(4), positive(3)),
        ],
    ),
    *ops(POISSON, POISSONS),
    *ops(POISSON, [POISSONS[6], POISSONS[8]], dtypes=FLOATS[1:]),
    # log y! of integers is computed in float32, whatever the type of x.
    *ops(POISSON, POISSONS[3:4], dtypes=("float16",)),
    *ops(POISSON, [args(integers(3, high=4), integers(3, low=1, high=9), full=True)], dtypes=("int64", "uint8")),
    *refuses(
        POISSON,
        [
            args(normal(3), positive(3), reduction="average"),
            args(normal(3), positive(3), reduction="elementwise_mean"),
            args(normal(3), positive(4)),
            args(normal(3), 1.0),
        ],
    ),
    *ops("likelihood as a layer", LAYERS, program=layer, checks=CHECKS - {LAYOUTS}),
]
