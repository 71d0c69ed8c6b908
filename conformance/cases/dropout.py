"""Dropout: torch's masks, bit for bit, from the same seed."""

import warnings
from typing import Any

from conformance.cases import CHECKS, FLOATS, REPEAT, Case, args, normal, ops, refuses
from conformance.variant import BERNOULLI

MASKS = (BERNOULLI,)  # where torch draws them in another way, there is nothing to compare with

SHAPES = {
    "dropout": ((7,), (3, 5), (1025,), (0, 3)),
    "alpha_dropout": ((7,), (33, 5)),
    "dropout1d": ((3, 5), (2, 3, 5)),
    "dropout2d": ((2, 3, 4, 5),),
    "dropout3d": ((3, 2, 2, 2), (2, 3, 2, 2, 2)),
    "feature_alpha_dropout": ((2, 3, 4), (2, 3, 4, 5)),
}


def twice(torch: Any, x: Any, *, function: str, p: float, training: bool) -> Any:
    """Two masks from one seed, and whole numbers after them: they show how many words were drawn, at every precision."""
    torch.manual_seed(5)
    apply = getattr(torch.nn.functional, function)
    return apply(x, p, training), apply(x, p, training), torch.randint(1 << 24, (3,))


def in_place(torch: Any, x: Any, *, function: str) -> Any:
    """Dropout that overwrites a non-leaf."""
    torch.manual_seed(6)
    z = x * 1
    return getattr(torch.nn.functional, function)(z, 0.4, True, True), z


def cases() -> list[Case]:
    """Every function, probability and shape, in training and evaluation."""
    found: list[Case] = []
    for name, shapes in SHAPES.items():
        rows = [
            args(normal(*shape), function=name, p=p, training=training)
            for shape in shapes
            for p, training in ((0.5, True), (0.2, True), (0.0, True), (1.0, True), (0.5, False))
        ]
        # A mask follows the order of memory: other strides mean another mask, in torch as well.
        found += ops("dropout twice", rows, program=twice, streams=MASKS, layouts=(), checks=CHECKS - {REPEAT})
        found += ops("dropout twice", rows[:1], program=twice, streams=MASKS, layouts=(), dtypes=FLOATS[2:])
        found += ops(
            "dropout in place",
            [args(normal(*shapes[-1], scale=2), function=name)],
            program=in_place,
            streams=MASKS,
            layouts=(),
        )
        found += refuses(f"nn.functional.{name}", [args(normal(2, 3, 4), 1.5), args(normal(2, 3, 4), -0.1)])
    found += refuses("nn.functional.dropout1d", [args(normal(2, 3, 4, 5))])
    found += refuses("nn.functional.dropout", [args(normal(4).to("int64"))])
    return found


def by_default(torch: Any, x: Any, *, function: str, **options: Any) -> Any:
    """A function with what it takes when nothing is said, and the kinds of its warnings."""
    torch.manual_seed(7)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = getattr(torch.nn.functional, function)(x * 1, **options)
    return out, [warning.category.__name__ for warning in caught], torch.randint(1 << 24, (3,))


RANKS = {
    "dropout": ((6,), (2, 3)), "alpha_dropout": ((6,), (2, 3)), "dropout1d": ((3, 5), (2, 3, 5)),
    "dropout2d": ((3, 4), (3, 4, 5), (2, 3, 4, 5), (2, 3, 4, 5, 2)), "feature_alpha_dropout": ((2, 3), (2, 3, 4)),
    "dropout3d": ((3, 2, 2), (3, 2, 2, 2), (2, 3, 2, 2, 2), (1, 2, 3, 2, 2, 2)),
}  # fmt: skip
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"training": True}, {"p": 0.3}, {"p": 0.0, "training": True}, {"p": 1.0, "training": True},
    {"inplace": True, "training": True}, {"p": 1.0, "training": True, "inplace": True}, {"training": False, "inplace": True},
)  # fmt: skip


def more() -> list[Case]:
    """Ranks that warn, arguments left out, nothing to drop, in place with every outcome."""
    found: list[Case] = []
    for name, shapes in RANKS.items():
        rows = [args(normal(*shape), function=name, **options) for shape in shapes for options in OPTIONS]
        found += ops(
            "dropout by default", rows, program=by_default, streams=MASKS, layouts=(), checks=CHECKS - {REPEAT}
        )
        found += refuses(f"nn.functional.{name}", [args(normal(2, 3, 4), 1.0005), args(normal(2, 3, 4), float("nan"))])
        found += refuses(f"nn.functional.{name}", [args(normal(2, 3, 4), -0.0005)], label="just below")
    found += ops(
        "dropout by default",
        [args(normal(0, 3), function=n, training=True) for n in ("dropout", "alpha_dropout")],
        program=by_default,
        streams=MASKS,
        layouts=(),
    )
    found += refuses("nn.functional.feature_alpha_dropout", [args(normal(3), 0.5, True)])
    found += refuses("nn.functional.dropout1d", [args(normal(3)), args(normal(2, 2, 2, 2))], label="rank")
    return found


CASES = [*cases(), *more()]
