"""Cross-entropy of linear scores: as a whole, some rows at a time, and as a layer."""

from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    FLOATS,
    GAPPED,
    LAYOUTS,
    SECOND,
    TRANSPOSED,
    args,
    integers,
    named,
    normal,
    ops,
    positive,
    probabilities,
    refuses,
    values,
)
from conformance.variant import UNIFORM

NAME = "nn.functional.linear_cross_entropy"
REDUCTIONS = ("none", "mean", "sum")
CLASSES = integers(5, high=4)
IGNORED = values([2, -100, 0, 1, -100], "int64")

WHOLE = [
    *[args(normal(5, 3), normal(4, 3), CLASSES, reduction=how) for how in REDUCTIONS],
    args(normal(5, 3), normal(4, 3), IGNORED, linear_bias=normal(4), weight=positive(4).fixed()),
    args(normal(5, 3), normal(4, 3), CLASSES, linear_bias=normal(4), ignore_index=1, reduction="none"),
    args(normal(5, 3), normal(4, 3), CLASSES, label_smoothing=0.2),
    args(normal(5, 3), normal(4, 3), probabilities(5, 4), reduction="sum"),
    args(normal(3), normal(4, 3), values(2, "int64")),
    args(normal(5, 3), normal(4, 2, 3), integers(5, 2, high=4), linear_bias=normal(4, 2), reduction="none"),
    args(normal(5, 3), normal(4, 2, 3), integers(5, 2, high=4), weight=positive(4).fixed()),
]
REFUSED = [
    args(normal(2, 3, 3), normal(2, 3), integers(2, high=2)),
    args(normal(2, 3), normal(3), integers(2, high=2)),
    args(normal(2, 3), normal(2, 4), integers(2, high=2)),
    args(normal(2, 3), normal(2, 3), integers(2, high=2), linear_bias=normal(3)),
    args(normal(3), normal(2, 4, 3), integers(2, high=2)),
    args(normal(2, 3), normal(2, 3), probabilities(2, 2), ignore_index=0),
    args(normal(2, 3), normal(2, 3), values([0, 2], "int64")),
    args(normal(2, 3), normal(2, 3), integers(3, high=2)),
    args(normal(2, 3), normal(2, 3), integers(2, high=2), reduction="average"),
]


def by_rows(
    torch: Any, x: Any, w: Any, y: Any, *, settings: tuple[Any, ...] = (), size: Any = 2, **options: Any
) -> Any:
    """Some rows at a time. `settings` are pairs of further options."""
    chosen = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=size, **dict(settings))
    return torch.nn.functional.linear_cross_entropy(x, w, y, options=chosen, **options)


ROWS = [
    *[args(normal(5, 3), normal(4, 3), CLASSES, reduction=how) for how in REDUCTIONS],
    args(normal(5, 3), normal(4, 3), CLASSES, linear_bias=normal(4), size=None),
    args(normal(5, 3), normal(4, 3), IGNORED, linear_bias=normal(4), weight=positive(4).fixed()),
    args(normal(5, 3), normal(4, 3), IGNORED, linear_bias=normal(4), weight=positive(4).fixed(), reduction="none"),
    args(normal(5, 3), normal(4, 3), CLASSES, ignore_index=1, reduction="sum", size=3),
    args(normal(3), normal(4, 3), values(2, "int64"), reduction="none"),
    args(normal(5, 3), normal(4, 3), CLASSES, size=None, settings=(("chunking_method", "aspect_ratio:2"),)),
    args(normal(5, 3), normal(4, 3), CLASSES, size=9, settings=(("chunking_method", None), ("acc_policy", "accurate"))),
]
BEYOND = [  # computed as a whole, with a warning
    args(normal(5, 3), normal(4, 3), CLASSES, label_smoothing=0.2),
    args(normal(5, 3), normal(4, 3), probabilities(5, 4)),
    args(normal(5, 3), normal(4, 2, 3), integers(5, 2, high=4)),
]
WRONG = [
    args(normal(5, 3), normal(4, 3), CLASSES, size=0),
    args(normal(5, 3), normal(4, 3), CLASSES, settings=(("chunking_method", "halves"),)),
    args(normal(5, 3), normal(4, 3), CLASSES, settings=(("acc_policy", "exact"),)),
    args(normal(5, 3), normal(9, 3), CLASSES, size=3, settings=(("chunking_method", "aspect_ratio"),)),
    args(normal(5, 3), normal(4, 3), CLASSES, settings=(("acc_dtype", named("float64")),)),
    args(normal(5, 3), normal(4, 3), values([0, 1, 2, 3, 4], "int64")),
]


def layer(torch: Any, x: Any, y: Any, *, arguments: tuple[int, ...], **options: Any) -> Any:
    """The layer with its first parameters as float32 draws them."""
    torch.manual_seed(3)
    built = torch.nn.LinearCrossEntropyLoss(*arguments, dtype=torch.float32, **options).to(x.dtype)
    return built(x, y), repr(built), list(built.state_dict())


def made(torch: Any, *, arguments: tuple[int, ...], **options: Any) -> dict[str, Any]:
    """The layer as it is made."""
    torch.manual_seed(3)
    built = torch.nn.LinearCrossEntropyLoss(*arguments, **options)
    found: dict[str, Any] = {name: value.detach() for name, value in built.named_parameters()}
    return found | {"text": repr(built), "next": torch.rand(3)}


STRIDED = (TRANSPOSED, GAPPED)

CASES = [
    *ops(NAME, WHOLE, layouts=STRIDED),
    *ops(NAME, WHOLE[1:2], dtypes=FLOATS[1:], layouts=STRIDED),
    *refuses(NAME, REFUSED),
    # torch has no second order of them, and its chunks of a transposed input lose more accuracy than others.
    *ops("linear cross-entropy by rows", ROWS, program=by_rows, checks=CHECKS - {SECOND, LAYOUTS}),
    *ops(
        "linear cross-entropy by rows", ROWS[1:2], program=by_rows, dtypes=FLOATS[1:], checks=CHECKS - {SECOND, LAYOUTS}
    ),
    *ops("linear cross-entropy by rows", BEYOND, program=by_rows, checks=CHECKS - {LAYOUTS}),
    *refuses("linear cross-entropy by rows", WRONG, program=by_rows),
    *ops(
        "linear cross-entropy as a layer",
        [
            args(normal(5, 3), CLASSES, arguments=(3, 4)),
            args(normal(5, 3), CLASSES, arguments=(3, 4), bias=True, ignore_index=1, label_smoothing=0.1),
            args(normal(5, 3), integers(5, 2, high=4), arguments=(3, 4), out_features=(2,), reduction="none"),
        ],
        program=layer,
        checks=CHECKS - {LAYOUTS},
    ),
    *ops(
        "linear cross-entropy made",
        [args(arguments=(3, 4)), args(arguments=(3, 4), bias=True, out_features=(2,))],
        program=made,
        checks={BITS},
        streams=(UNIFORM,),
    ),
    *refuses("linear cross-entropy made", [args(arguments=(3, 4), label_smoothing=1.5)], program=made),
]
