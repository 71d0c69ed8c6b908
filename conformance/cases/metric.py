"""Losses of metric learning, and their layers."""

from typing import Any

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    GAPPED,
    LAYOUTS,
    SECOND,
    SIZES,
    TRANSPOSED,
    args,
    integers,
    normal,
    ops,
    refuses,
    values,
)

F = "nn.functional."
HINGE, COSINE, RANKING = F + "hinge_embedding_loss", F + "cosine_embedding_loss", F + "margin_ranking_loss"
TRIPLET, DISTANCE = F + "triplet_margin_loss", F + "triplet_margin_with_distance_loss"
REDUCTIONS = ("none", "mean", "sum")


PAIRS = values([1, -1, 1, -1, 0], "int64")
HINGES = [
    *[args(normal(3, 4), values([[1, -1, 1, -1]] * 3, "int64"), reduction=how) for how in REDUCTIONS],
    args(normal(5), PAIRS, 2.0, reduction="none"),
    args(normal(5), PAIRS, margin=0.1, reduction="none"),
    args(normal(5), values([1.0, -1.0, 0.5, -1.0, 1.0]).fixed()),
    args(normal(3, 4), values([1, -1, 1, -1], "int64")),
    args(normal(0), values([], "int64"), reduction="sum"),
]
COSINES = [
    *[args(normal(5, 4), normal(5, 4), PAIRS, reduction=how) for how in REDUCTIONS],
    args(normal(5, 4), normal(5, 4), PAIRS, 0.3, reduction="none"),
    args(normal(4), normal(4), values(-1, "int64"), margin=-0.5),
    args(normal(4), normal(4), values(1, "int64"), reduction="none"),
    args(normal(2, 33), normal(2, 33), values([1.0, -1.0]).fixed()),
]
RANKINGS = [
    *[args(normal(5), normal(5), PAIRS, reduction=how) for how in REDUCTIONS],
    args(normal(5), normal(5), PAIRS, 0.5, reduction="none"),
    args(normal(3, 4), normal(3, 1), values([[1.0, -1.0, 1.0, -1.0]]).fixed(), margin=1.5, reduction="none"),
    args(normal(), normal(), values(1.0).fixed(), margin=9.0),
    *[args(normal(n), normal(n), normal(n), margin=9.0) for n in SIZES[:4]],
]
TRIPLETS = [
    *[args(normal(5, 4), normal(5, 4), normal(5, 4), reduction=how) for how in REDUCTIONS],
    args(normal(5, 4), normal(5, 4), normal(5, 4), 2.5, 1.0, 0.1, True, reduction="none"),
    args(normal(5, 4), normal(5, 4), normal(5, 4), swap=True, margin=3.0, reduction="none"),
    args(normal(5, 4), normal(5, 4), normal(1, 4), p=3.0, margin=2.0),
    args(normal(4), normal(4), normal(4), margin=5.0),
    args(normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 4), margin=4.0, reduction="none"),
]


def manhattan(torch: Any, *operands: Any, layer: bool = False, **options: Any) -> Any:
    """The triplet loss with a distance of one's own."""

    def distance(x: Any, y: Any) -> Any:
        return (x - y).abs().sum(-1)

    if layer:
        return torch.nn.TripletMarginWithDistanceLoss(distance_function=distance, **options)(*operands)
    return torch.nn.functional.triplet_margin_with_distance_loss(*operands, distance_function=distance, **options)


def layer(torch: Any, *operands: Any, kind: str, **options: Any) -> Any:
    """A loss as a layer, and what it is printed as."""
    built = getattr(torch.nn, kind)(**options)
    return built(*operands), repr(built), list(built.state_dict())


THREE = [normal(5, 4), normal(5, 4), normal(5, 4)]
LAYERS = [
    args(normal(5), PAIRS, kind="HingeEmbeddingLoss"),
    args(normal(5), PAIRS, kind="HingeEmbeddingLoss", margin=2.0, reduction="none"),
    args(normal(5, 4), normal(5, 4), PAIRS, kind="CosineEmbeddingLoss"),
    args(normal(5, 4), normal(5, 4), PAIRS, kind="CosineEmbeddingLoss", margin=0.3, reduction="sum"),
    args(normal(5), normal(5), PAIRS, kind="MarginRankingLoss"),
    args(normal(5), normal(5), PAIRS, kind="MarginRankingLoss", margin=0.5, reduction="none"),
    args(*THREE, kind="TripletMarginLoss"),
    args(*THREE, kind="TripletMarginLoss", margin=2.0, p=1.0, eps=0.1, swap=True, reduction="none"),
    args(*THREE, kind="TripletMarginWithDistanceLoss"),
    args(*THREE, kind="TripletMarginWithDistanceLoss", margin=2.0, swap=True, reduction="none"),
]
LINEAR = CHECKS - {SECOND}  # piecewise linear: no second order
STRIDED = (TRANSPOSED, GAPPED)  # not EXPANDED: rows that are all the same have ties, where gradients have kinks

CASES = [
    *ops(HINGE, HINGES, checks=LINEAR),
    *ops(HINGE, [HINGES[1], HINGES[4]], dtypes=FLOATS[1:], checks=LINEAR),
    *ops(HINGE, [args(integers(5, low=-9, high=9), PAIRS, 1.5, reduction="sum")], dtypes=("int64",), checks=FORWARD),
    *ops(
        HINGE,
        [args(values([1.0, 0.0, -0.0]), values([-1, -1, 1], "int64"), reduction="none")],
        exact=True,
        checks=LINEAR,
    ),
    *refuses(
        HINGE,
        [
            args(normal(3, 4), normal(3)),
            args(normal(3), normal(3), reduction="average"),
            args([1.0], normal(1)),
            args(normal(1), 1.0),
        ],
    ),
    *ops(COSINE, COSINES),
    *ops(COSINE, COSINES[1:2], dtypes=FLOATS[1:]),
    *ops(
        COSINE,
        [args(integers(2, 4, low=1, high=9), integers(2, 4, low=1, high=9), values([1, -1], "int64"))],
        dtypes=("int64", "uint8"),
        checks=FORWARD,
    ),
    *refuses(
        COSINE,
        [
            args(normal(3, 4), normal(3, 4), integers(3, 1, high=2)),
            args(normal(3, 4), normal(4), integers(3, high=2)),
            args(normal(3, 4), normal(3, 4), values(1, "int64")),
            args(normal(3, 4), normal(3, 4), integers(2, high=2)),
            args(normal(3, 4), normal(3, 4), integers(3, high=2), reduction="average"),
        ],
    ),
    *ops(RANKING, RANKINGS, layouts=STRIDED),
    *ops(RANKING, RANKINGS[1:2], dtypes=FLOATS[1:], layouts=STRIDED),
    *ops(
        RANKING,
        [args(integers(5, high=9), integers(5, high=9), integers(5, low=1, high=2), margin=2)],
        dtypes=("int64", "uint8"),
        checks=FORWARD,
    ),
    *refuses(
        RANKING,
        [
            args(normal(3, 4), normal(3, 4), integers(3, high=2)),
            args(normal(3, 4), normal(3, 4), integers(3, 2, high=2)),
            args(normal(3), normal(3), integers(3, high=2), reduction="average"),
        ],
    ),
    *ops(TRIPLET, TRIPLETS, layouts=STRIDED),
    *ops(TRIPLET, TRIPLETS[1:2], dtypes=FLOATS[1:], layouts=STRIDED),
    *refuses(
        TRIPLET,
        [
            args(normal(3, 4), normal(3, 4), normal(4)),
            args(normal(3, 4), normal(3, 4), normal(3, 5)),
            args(*THREE, margin=0.0),
            args(*THREE, reduction="average"),
        ],
    ),
    *ops(DISTANCE, [args(*THREE), args(*THREE, margin=3.0, swap=True, reduction="none")], layouts=STRIDED),
    *ops(
        "triplet of Manhattan distances",
        [args(*THREE, margin=3.0), args(*THREE, layer=True, margin=4.0, swap=True, reduction="sum")],
        program=manhattan,
        checks=LINEAR - {LAYOUTS},
    ),
    *refuses(
        DISTANCE,
        [args(normal(3, 4), normal(3, 4), normal(4)), args(*THREE, margin=-1.0), args(*THREE, reduction="average")],
    ),
    *ops("metric loss as a layer", LAYERS, program=layer, checks=LINEAR - {LAYOUTS}),
    *refuses(
        "metric loss as a layer",
        [args(kind="TripletMarginLoss", margin=0.0), args(kind="TripletMarginWithDistanceLoss", margin=-1.0)],
        program=layer,
    ),
]
