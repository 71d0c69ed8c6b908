"""Distances and similarities of vectors, the bilinear map, and their layers."""

from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    FLOATS,
    LAYOUTS,
    SECOND,
    args,
    integers,
    named,
    normal,
    ops,
    refuses,
    values,
)
from conformance.variant import UNIFORM

BILINEAR, COSINE = "nn.functional.bilinear", "nn.functional.cosine_similarity"
PAIRS, ALL_PAIRS = "nn.functional.pairwise_distance", "nn.functional.pdist"

MAPS = [
    args(normal(2, 3), normal(2, 4), normal(5, 3, 4)),
    args(normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5)),
    args(normal(2, 3, 2), normal(2, 3, 4), normal(2, 2, 4), normal(2)),
    args(normal(3), normal(4), normal(2, 3, 4), bias=normal(2)),
    args(normal(0, 3), normal(0, 4), normal(5, 3, 4), normal(5)),
    args(normal(1, 1), normal(1, 1), normal(1, 1, 1)),
    args(normal(3, 9), normal(3, 17), normal(7, 9, 17), None),
]
UNMAPPED = [
    args(normal(2, 3), normal(3, 4), normal(5, 3, 4)),
    args(normal(2, 4), normal(2, 4), normal(5, 3, 4)),
    args(normal(2, 3), normal(2, 3), normal(5, 3, 4)),
    args(normal(2, 3), normal(4), normal(5, 3, 4)),
    args(normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(4)),
    args(normal(2, 3), normal(2, 4), normal(5, 3)),
    args(normal(2, 3), normal(2, 4).to("float64"), normal(5, 3, 4)),
    args(normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5).to("float64")),
]
COSINES = [
    args(normal(3, 4), normal(3, 4)),
    args(normal(3, 4), normal(3, 4), 0),
    args(normal(2, 3, 4), normal(3, 4), dim=-1),
    args(normal(3, 1, 4), normal(2, 4), dim=2, eps=0.5),
    args(normal(5), normal(5), dim=0),
    args(normal(2, 33), normal(1, 33)),
    args(normal(2, 3, scale=1e-3), normal(2, 3), eps=1.0),
    args(normal(3), integers(3, low=1, high=9), dim=0),
    args(normal(2, 0), normal(2, 0)),
]
DISTANCES = [
    args(normal(3, 4), normal(3, 4)),
    args(normal(3, 4), normal(3, 4), 1.0),
    args(normal(3, 4), normal(3, 4), p=3.0, keepdim=True),
    args(normal(3, 4), normal(4), float("inf")),
    args(normal(4), normal(3, 4), 2.0, 0.25),
    args(normal(5), normal(5)),
    args(normal(5), normal(5), keepdim=True),
    args(normal(2, 3, 4), normal(3, 4), 0.5),
    args(normal(3, 4), normal(3, 4), 1.5, 0.0),
    args(normal(3, 4), normal(3, 4).to("float64")),
    args(normal(2, 33), normal(2, 33)),
    args(normal(2, 0), normal(2, 0)),
]
PDISTS = [
    args(normal(4, 3)),
    args(normal(4, 3), 1.0),
    args(normal(3, 5), p=3.0),
    args(normal(4, 3), float("inf")),
    args(normal(5, 33)),
    args(normal(1, 3)),
]


def made(torch: Any, *, arguments: tuple[Any, ...], dtype: Any = None, **options: Any) -> dict[str, Any]:
    """A bilinear layer as it is made."""
    torch.manual_seed(3)
    layer = torch.nn.Bilinear(*arguments, dtype=dtype, **options)
    found: dict[str, Any] = {name: value.detach() for name, value in layer.named_parameters()}
    return found | {"text": repr(layer), "state": list(layer.state_dict()), "next": torch.rand(3)}


def layer(torch: Any, x: Any, y: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer without a state of its own, or with its first parameters as float32 draws them."""
    torch.manual_seed(3)
    drawn = {"dtype": torch.float32} if kind == "Bilinear" else {}  # the same weights at every precision
    built = getattr(torch.nn, kind)(*arguments, **drawn, **options).to(x.dtype)
    return built(x, y), repr(built), list(built.state_dict())


LAYERS = [
    args(normal(2, 3), normal(2, 4), kind="Bilinear", arguments=(3, 4, 5)),
    args(normal(2, 2, 3), normal(2, 2, 4), kind="Bilinear", arguments=(3, 4, 5), bias=False),
    args(normal(3, 4), normal(3, 4), kind="CosineSimilarity"),
    args(normal(3, 4), normal(3, 4), kind="CosineSimilarity", dim=0, eps=0.5),
    args(normal(3, 4), normal(3, 4), kind="PairwiseDistance"),
    args(normal(3, 4), normal(3, 4), kind="PairwiseDistance", arguments=(1.0, 0.5, True)),
]

CASES = [
    *ops(BILINEAR, MAPS),
    *ops(BILINEAR, MAPS[1:2], dtypes=FLOATS[1:]),
    *refuses(BILINEAR, UNMAPPED),
    *ops(COSINE, COSINES),
    *ops(COSINE, COSINES[:1], dtypes=FLOATS[1:]),
    # Vectors shorter than eps: the values are cut off, the gradient is not.
    *ops(COSINE, [args(values([[1e-9, 0.0]]), values([[1.0, 2.0]]))], dtypes=FLOATS[:2], checks=CHECKS - {SECOND}),
    *refuses(
        COSINE,
        [
            args(normal(3), normal(3)),
            args(normal(2, 3), normal(2, 4)),
            args(integers(3, high=9), integers(3, high=9), 0),
            args(normal(2, 3), normal(2, 3), 2),
            args([1.0], normal(3)),
        ],
    ),
    *ops(PAIRS, DISTANCES),
    *ops(PAIRS, DISTANCES[:1], dtypes=FLOATS[1:]),
    *refuses(PAIRS, [args(normal(2, 3), normal(2, 4)), args([1.0], normal(3))]),
    # torch has no second order of pdist.
    *ops(ALL_PAIRS, PDISTS, checks=CHECKS - {SECOND}),
    *ops(ALL_PAIRS, PDISTS[:1], dtypes=("float64",), checks=CHECKS - {SECOND}),
    *ops(ALL_PAIRS, [args(values([[1.0, 2.0], [1.0, 3.0], [float("nan"), 2.0]]), 0.0)], checks=CHECKS - {SECOND}),
    *refuses(ALL_PAIRS, [args(normal(3, 4))], dtype="float16"),
    *refuses(ALL_PAIRS, [args(normal(3)), args(integers(4, 3, high=9)), args(normal(4, 3), -1.0)]),
    # Nor of cdist.
    *ops(
        "cdist",
        [
            args(normal(4, 3), normal(5, 3)),
            args(normal(2, 4, 3), normal(5, 3), 1.0),
            args(normal(4, 3), normal(2, 1, 5, 3), 3.0),
            args(normal(4, 3), normal(5, 3), float("inf")),
            args(normal(4, 3), normal(5, 3), 0.0),
            args(values([[1.0, 2.0], [0.0, 0.0]]), values([[1.0, 2.0], [1.0, 0.0]])),
            args(normal(30, 3), normal(28, 3), compute_mode="donot_use_mm_for_euclid_dist"),
        ],
        checks=CHECKS - {SECOND},
        layouts=(),
    ),
    *refuses(
        "cdist",
        [args(normal(4, 3), normal(4, 2)), args(normal(3), normal(4, 3)), args(normal(4, 3), normal(4, 3), -1.0)],
    ),
    *ops("layer of two inputs", LAYERS, program=layer, checks=CHECKS - {LAYOUTS}),
    *ops(
        "bilinear made",
        [
            args(arguments=(3, 4, 5)),
            args(arguments=(9, 2, 4), bias=False),
            args(arguments=(2, 3, 1), dtype=named("float64")),
        ],
        program=made,
        checks={BITS},
        streams=(UNIFORM,),
    ),
    *refuses("bilinear made", [args(arguments=(0, 3, 4))], program=made),
]
