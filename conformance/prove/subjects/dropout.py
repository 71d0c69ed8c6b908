"""Dropout: torch's own masks from the same seed, used wrongly."""

import functools
from typing import Any

from conformance.case import Arguments, args
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, with_gradient
from conformance.prove.wrappers import inside

F = "nn.functional."
TAME = ("normal", "positive", "tiny", "huge", "ties", "subnormal")


def rows(make: Make) -> list[Arguments]:
    """Training at several probabilities, and evaluation."""
    training = [args(make(33), p, True) for p in (0.5, 0.2, 0.0, 1.0)]
    return [*training, args(make(3, 341), 0.3, True), args(make(33), 0.5, False)]


def kept(torch: Any, x: Any, p: float) -> Any:
    """1 with probability 1 - p, else 0."""
    return torch.empty_like(x.detach()).bernoulli_(1 - p)


def dropout(torch: Any, x: Any, p: float, training: bool, *, scale: str = "1/q", swapped: bool = False) -> Any:
    """x m / q with q = 1 - p; spoiled: not scaled, scaled by p, or p taken for q."""
    if not training:
        return x * 1
    m = kept(torch, x, 1 - p if swapped else p)
    return x * m * {"1/q": 1 / (1 - p) if p < 1 else 0.0, "1": 1.0, "1/p": 1 / p if p else 0.0, "q": 1 - p}[scale]


def dropout_by_choice(torch: Any, x: Any, p: float, training: bool) -> Any:
    """x / q where kept, else 0."""
    return torch.where(kept(torch, x, p) > 0, x / (1 - p), 0.0) if training else x * 1


def dropout_scaled_mask(torch: Any, x: Any, p: float, training: bool) -> Any:
    """x (m / q), with m / q kept for the gradient; at p = 1 zeros."""
    if not training:
        return x * 1
    m = kept(torch, x, p)
    return x * (m / (1 - p) if p < 1 else m)


def dropout_divided(torch: Any, x: Any, p: float, training: bool) -> Any:
    """x m / q also at p = 1: 0 / 0."""
    return x * kept(torch, x, p) / (1 - p) if training else x * 1


def dropout_always(torch: Any, x: Any, p: float, training: bool) -> Any:
    """Evaluation drops too."""
    return dropout(torch, x, p, True)


def dropout_at_evaluation(torch: Any, x: Any, p: float, training: bool) -> Any:
    """Scaled by q at evaluation and not in training, as in the first paper."""
    return dropout(torch, x, p, True, scale="1") if training else x * (1 - p)


def dropout_one_row(torch: Any, x: Any, p: float, training: bool) -> Any:
    """All rows share one mask."""
    if not training:
        return x * 1
    return x * kept(torch, x[:1] if x.dim() > 1 else x, p) * (1 / (1 - p) if p < 1 else 0.0)


def _fresh_mask(torch: Any, g: Any, out: Any, x: Any, p: float, training: bool) -> Any:
    """The gradient draws a mask of its own."""
    return dropout(torch, g, p, training)


def _no_mask(torch: Any, g: Any, out: Any, x: Any, p: float, training: bool) -> Any:
    """The gradient passes everywhere."""
    return g


def reseeded(torch: Any, x: Any, p: float, training: bool) -> Any:
    """Every call starts the generator over: the same mask each time."""
    torch.manual_seed(0)
    return dropout(torch, x, p, training)


def one_word_more(torch: Any, x: Any, p: float, training: bool) -> Any:
    """A draw too many before the mask."""
    torch.rand(1)
    return dropout(torch, x, p, training)


def twice(torch: Any, x: Any, *, p: float) -> Any:
    """Two calls from one seed."""
    apply = torch.nn.functional.dropout
    return apply(x, p, True), apply(x, p, True)


def alpha_dropout(torch: Any, x: Any, p: float, training: bool, *, shifted: bool = True, scaled: bool = True) -> Any:
    """a (x m + s (1 - m)) + b with s = -1.7581 = -alpha scale of selu, a = (q (1 + p s^2))^(-1/2), b = -a p s.

    Mean 0 and variance 1 stay. Spoiled: b left out, or a.
    """
    if not training:
        return x * 1
    s = -1.7580993408473766
    m = kept(torch, x, p)
    a = ((1 - p) * (1 + p * s * s)) ** -0.5 if scaled else 1.0
    return a * (x * m + s * (1 - m)) + (-a * p * s if shifted else 0.0)


def channels(torch: Any, x: Any, p: float, training: bool, *, elements: bool = False) -> Any:
    """One number per sample and channel; `elements` draws one per element."""
    m = kept(torch, x if elements else x[:, :, :1, :1], p)
    return x * m / (1 - p)


SUBJECTS = [
    Subject(
        F + "dropout",
        rows,
        legitimate={
            "scaled": dropout,
            "scaled mask": dropout_scaled_mask,
            "float64 inside": inside(dropout, "float64"),
        },
        faults={
            "not scaled": functools.partial(dropout, scale="1"),
            "scaled by p": functools.partial(dropout, scale="1/p"),
            "scaled by q": functools.partial(dropout, scale="q"),
            "p taken for q": functools.partial(dropout, swapped=True),
            "NaN at p = 1": dropout_divided,
            "drops at evaluation": dropout_always,
            "scaled at evaluation": dropout_at_evaluation,
            "one mask for all rows": dropout_one_row,
            "gradient of another mask": with_gradient(dropout, _fresh_mask),
            "gradient of no mask": with_gradient(dropout, _no_mask),
            "cotangent ignored": altered(dropout, cotangent=ones),
            "a draw too many": one_word_more,
        },
        regimes=TAME,
    ),
    Subject(
        F + "dropout",
        lambda make: rows(make)[:3],  # p = 1 is a case of its own
        legitimate={"by choice": dropout_by_choice},
        regimes=TAME,
    ),
    Subject(
        "dropout twice",
        lambda make: [args(make(33), p=0.5)],
        program=twice,
        replaces=F + "dropout",
        legitimate={"scaled": dropout},
        faults={"the same mask every call": reseeded},
        regimes=TAME,
    ),
    Subject(
        F + "alpha_dropout",
        lambda make: [args(make(33), 0.5, True), args(make(5), 0.2, True), args(make(5), 0.2, False)],
        legitimate={"written out": alpha_dropout},
        faults={
            "mean shifted": functools.partial(alpha_dropout, shifted=False),
            "variance shrunk": functools.partial(alpha_dropout, scaled=False),
        },
        regimes=("normal", "positive", "huge", "ties"),
    ),
    Subject(
        F + "dropout2d",
        lambda make: [args(make(2, 3, 4, 5), 0.5, True), args(make(3, 7, 2, 2), 0.2, True)],
        legitimate={"by channel": channels},
        faults={"by element": functools.partial(channels, elements=True)},
        regimes=TAME,
    ),
]
