"""Losses: what is averaged over what, and what becomes of large scores."""

import functools
import math
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import integers, normal, positive, probabilities, uniform, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import inside

F = "nn.functional."
IGNORED = values([2, -100, 0, 1, -100], "int64")


def reduced(loss: Any, reduction: str) -> Any:
    """The mean, the sum, or every element."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


# --- regression -------------------------------------------------------------------------------------------------------


def pairs(make: Make) -> list[Arguments]:
    """Predictions and targets."""
    rows = [args(make(1), make(1)), args(make(33), make(33), reduction="none"), args(make(3, 341), make(3, 341))]
    return [*rows, args(make(5, 3), make(5, 3), reduction="sum"), args(make(5, 3), make(5, 3))]


def squared(torch: Any, x: Any, y: Any, *, reduction: str = "mean", factor: float = 1.0) -> Any:
    """(x - y)^2; as people derive it, with a factor 1/2."""
    return reduced(factor * (x - y) ** 2, reduction)


def squared_by_products(torch: Any, x: Any, y: Any, *, reduction: str = "mean") -> Any:
    """d d with d = x - y, summed column by column."""
    d = x - y
    terms = d * d
    if reduction == "none":
        return terms
    total = torch.stack([column.sum() for column in terms.reshape(terms.shape[0], -1).unbind(-1)]).sum()
    return total / terms.numel() if reduction == "mean" else total


def squared_expanded(torch: Any, x: Any, y: Any, *, reduction: str = "mean") -> Any:
    """x^2 - 2 x y + y^2: cancels where x is near y."""
    return reduced(x * x - 2 * x * y + y * y, reduction)


def squared_over_batch(torch: Any, x: Any, y: Any, *, reduction: str = "mean") -> Any:
    """The mean over the batch of sums, not over all elements."""
    total = squared(torch, x, y, reduction="none" if reduction == "none" else "sum")
    return total / x.shape[0] if reduction == "mean" else total


def absolute(torch: Any, x: Any, y: Any, *, reduction: str = "mean") -> Any:
    """|x - y|."""
    return reduced((x - y).abs(), reduction)


def absolute_one_sided(torch: Any, x: Any, y: Any, *, reduction: str = "mean") -> Any:
    """x - y where x >= y: the gradient at x = y is 1, not 0."""
    return reduced(torch.where(x >= y, x - y, y - x), reduction)


def smooth(torch: Any, x: Any, y: Any, *, reduction: str = "mean", beta: float = 1.0, scale: Any = None) -> Any:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; `scale` of beta makes it Huber's."""
    d = (x - y).abs()
    loss = torch.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)
    return reduced(loss * (1.0 if scale is None else scale), reduction)


def smooth_without_half(torch: Any, x: Any, y: Any, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """|d| without the beta / 2 that makes it continuous."""
    d = (x - y).abs()
    return reduced(torch.where(d < beta, 0.5 * d * d / beta, d), reduction)


def huber(torch: Any, x: Any, y: Any, *, reduction: str = "mean", delta: float = 1.0) -> Any:
    """m (d - m / 2) with m = min(|d|, delta): both branches in one formula."""
    d = (x - y).abs()
    m = d.clamp(max=delta)
    return reduced(m * (d - 0.5 * m), reduction)


def _huber_gradient(
    torch: Any, g: Any, out: Any, x: Any, y: Any, *, reduction: str = "mean", delta: float = 1.0
) -> Any:
    """g clip(x - y, -delta, delta), over n for a mean."""
    gx = g * (x - y).clamp(-delta, delta) / (x.numel() if reduction == "mean" else 1)
    return gx, -gx


def huber_as_smooth(torch: Any, x: Any, y: Any, *, reduction: str = "mean", delta: float = 1.0) -> Any:
    """The smooth L1 loss: it lacks a factor delta."""
    return smooth(torch, x, y, reduction=reduction, beta=delta)


# --- classification ---------------------------------------------------------------------------------------------------


def class_rows(make: Make) -> list[Arguments]:
    """Scores and classes: all reductions, weights, ignored targets, positions."""
    rows = [args(make(5, 3), integers(5, high=3), reduction=how) for how in ("mean", "sum", "none")]
    rows += [args(make(5, 3), integers(5, high=3), positive(3).fixed()), args(make(5, 3), IGNORED)]
    rows += [args(make(2, 3, 4), integers(2, 4, high=3)), args(make(2, 1025), integers(2, high=1025))]
    return [*rows, args(make(1, 2), integers(1, high=2)), args(make(5, 3), IGNORED, positive(3).fixed())]


def smoothed_rows(make: Make) -> list[Arguments]:
    """Scores and classes with label smoothing."""
    rows = [args(make(5, 3), integers(5, high=3), label_smoothing=e) for e in (0.1, 1.0)]
    rows += [args(make(5, 3), integers(5, high=3), positive(3).fixed(), label_smoothing=0.2)]
    return [
        *rows,
        args(make(5, 3), IGNORED, label_smoothing=0.2),
        args(make(2, 65), integers(2, high=65), label_smoothing=0.1),
    ]


def log_softmax(torch: Any, x: Any) -> Any:
    """s - log sum exp s with s = x - max, over the classes (dimension 1)."""
    s = x - x.amax(1, keepdim=True).detach()
    return s - torch.log(torch.exp(s).sum(1, keepdim=True))


def log_softmax_unshifted(torch: Any, x: Any) -> Any:
    """x - log sum exp x: overflows."""
    return x - torch.log(torch.exp(x).sum(1, keepdim=True))


def log_of_softmax(torch: Any, x: Any) -> Any:
    """log(softmax x): minus infinity for an unlikely class."""
    return torch.log(torch.softmax(x, 1))


def log_softmax_by_logsumexp(torch: Any, x: Any) -> Any:
    """x - logsumexp x."""
    return x - torch.logsumexp(x, 1, keepdim=True)


def likelihood(
    torch: Any,
    log_p: Any,
    target: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    divisor: str = "weights",
) -> Any:
    """-w_y log p_y, and its mean over the weights of the targets that are not ignored.

    `divisor` spoils the mean: over all "targets", over those that are "kept" whatever their weight, over the "batch".
    """
    kept = target != ignore_index
    y = torch.where(kept, target, 0)
    w = torch.ones_like(log_p[0, :, ..., 0] if log_p.dim() > 2 else log_p[0]) if weight is None else weight
    w = torch.where(kept, w.flatten()[y], 0.0)
    loss = -w * log_p.gather(1, y.unsqueeze(1)).squeeze(1)
    if reduction != "mean":
        return reduced(loss, reduction)
    count = {"weights": w.sum(), "targets": target.numel(), "kept": kept.sum(), "batch": target.shape[0]}[divisor]
    return loss.sum() / count


def cross_entropy(
    torch: Any, x: Any, target: Any, weight: Any = None, *, logarithm: Any = log_softmax, **how: Any
) -> Any:
    """The negative log-likelihood of log softmax x."""
    return likelihood(torch, logarithm(torch, x), target, weight, **how)


def smoothed(
    torch: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    label_smoothing: float,
    others: bool = False,
    weighted: bool = True,
    ignored: bool = True,
) -> Any:
    """(1 - e) times the loss of the target plus e / C times that of all classes, over the targets' weights.

    Spoiled: `others` spreads e over the other C - 1 classes; `weighted` False leaves the weights out of the spread
    part; `ignored` False lets ignored targets count in it.
    """
    log_p = log_softmax(torch, x)
    kept = target != -100
    y = torch.where(kept, target, 0)
    ones = torch.ones_like(log_p[0])
    w = ones if weight is None else weight
    norm = torch.where(kept, w[y], 0.0).sum()
    hit = torch.where(kept, -w[y] * log_p.gather(1, y[:, None])[:, 0], 0.0)
    every = -(log_p * (w if weighted else ones)).sum(1)
    every = torch.where(kept, every, 0.0) if ignored else every
    classes, e = x.shape[1], label_smoothing
    if others:
        return ((1 - e) * hit + e / (classes - 1) * (every - hit)).sum() / norm
    return ((1 - e) * hit + e / classes * every).sum() / norm


def cross_entropy_soft(torch: Any, x: Any, target: Any, *, divide: str = "batch") -> Any:
    """-sum p log softmax x, over the batch; `divide` "elements" spoils the mean."""
    loss = -(target * log_softmax(torch, x)).sum()
    return loss / (x.shape[0] if divide == "batch" else x.numel())


# --- binary and divergence --------------------------------------------------------------------------------------------


def binary(torch: Any, p: Any, y: Any, *, reduction: str = "mean", epsilon: float = 0.0, clamped: bool = True) -> Any:
    """-y log p - (1 - y) log(1 - p), logarithms no less than -100; `epsilon` inside, or no clamp, spoil it."""
    least = -100.0 if clamped else -math.inf
    log_p, log_q = torch.log(p + epsilon).clamp(min=least), torch.log1p(-p + epsilon).clamp(min=least)
    return reduced(-(y * log_p + (1 - y) * log_q), reduction)


def _binary_gradient(torch: Any, g: Any, out: Any, p: Any, y: Any, *, reduction: str = "mean") -> Any:
    """g (p - y) / (p (1 - p))."""
    gp = g * (p - y) / ((1 - p) * p).clamp(min=1e-12)
    return gp / (p.numel() if reduction == "mean" else 1), None


def binary_of_logits(torch: Any, x: Any, y: Any, *, pos_weight: Any = None, weighted: bool = True) -> Any:
    """(1 - y) x + (1 + (w - 1) y) softplus(-x), with softplus(-x) = max(-x, 0) + log1p(exp(-|x|))."""
    w = 1 if pos_weight is None or not weighted else 1 + (pos_weight - 1) * y
    return ((1 - y) * x + w * ((-x).clamp(min=0) + torch.log1p(torch.exp(-x.abs())))).mean()


def _logits_gradient(torch: Any, g: Any, out: Any, x: Any, y: Any, *, pos_weight: Any = None) -> Any:
    """g ((1 + (w - 1) y) sigmoid(x) - w y) / n."""
    w = 1 if pos_weight is None else pos_weight
    return g * ((1 + (w - 1) * y) * torch.sigmoid(x) - w * y) / x.numel(), None


def binary_through_sigmoid(torch: Any, x: Any, y: Any, *, pos_weight: Any = None) -> Any:
    """The probability first, then its logarithm: large scores give infinity."""
    p = torch.sigmoid(x)
    return -(y * torch.log(p) * (1 if pos_weight is None else pos_weight) + (1 - y) * torch.log(1 - p)).mean()


def divergence(torch: Any, log_q: Any, p: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """p (log p - log q), 0 where p = 0; "batchmean" divides by the batch."""
    log_p = p if log_target else torch.log(p)
    loss = torch.exp(p) * (p - log_q) if log_target else torch.where(p > 0, p * (log_p - log_q), 0.0)
    return loss.sum() / p.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


def divergence_naive(torch: Any, log_q: Any, p: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """0 log 0 is NaN."""
    loss = torch.exp(p) * (p - log_q) if log_target else p * (torch.log(p) - log_q)
    return loss.sum() / p.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


def divergence_averaged(torch: Any, log_q: Any, p: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """Takes "batchmean" for the mean over all elements."""
    how = "mean" if reduction == "batchmean" else reduction
    return divergence(torch, log_q, p, reduction=how, log_target=log_target)


def divergence_reversed(torch: Any, log_q: Any, p: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """The other direction: q (log q - log p)."""
    q = torch.exp(log_q)
    log_p = p if log_target else torch.log(p)
    loss = q * (log_q - log_p)
    return loss.sum() / p.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


def _logarithm(logarithm: Any) -> Any:
    return functools.partial(cross_entropy, logarithm=logarithm)


SUBJECTS = [
    Subject(
        F + "mse_loss",
        pairs,
        legitimate={
            "written out": squared,
            "column by column": squared_by_products,
            "float64 inside": inside(squared, "float64"),
        },
        faults={
            "half": functools.partial(squared, factor=0.5),
            "mean over the batch": squared_over_batch,
            "expanded": squared_expanded,
            "gradient without the two": altered(squared, times(0.5)),
            "cotangent ignored": altered(squared, cotangent=ones),
            "bfloat16 inside": inside(squared, "bfloat16"),
        },
    ),
    Subject(
        F + "mse_loss",
        pairs,
        legitimate={"written out": squared, "column by column": squared_by_products},
        faults={"float32 inside": inside(squared, "float32")},
        dtypes=("float64",),
        regimes=("normal", "positive", "ties"),
    ),
    Subject(
        F + "l1_loss",
        pairs,
        legitimate={"written out": absolute, "float64 inside": inside(absolute, "float64")},
        faults={"gradient at the kink": absolute_one_sided, "gradient's sign": altered(absolute, times(-1))},
    ),
    Subject(
        F + "smooth_l1_loss",
        lambda make: [*pairs(make), args(make(9), make(9), beta=0.5)],
        legitimate={"written out": smooth},
        faults={
            "jump": smooth_without_half,
            "Huber's scale": lambda torch, x, y, **how: smooth(torch, x, y, scale=how.get("beta", 1.0), **how),
        },
    ),
    Subject(
        F + "huber_loss",
        lambda make: [*pairs(make), args(make(9), make(9), delta=2.0)],
        legitimate={"one formula": with_gradient(huber, _huber_gradient)},
        faults={"smooth L1": huber_as_smooth},
    ),
    Subject(
        F + "cross_entropy",
        class_rows,
        legitimate={
            "shifted": cross_entropy,
            "through logsumexp": _logarithm(log_softmax_by_logsumexp),
            "float64 inside": inside(cross_entropy, "float64"),
        },
        faults={
            "unshifted": _logarithm(log_softmax_unshifted),
            "log of softmax": _logarithm(log_of_softmax),
            "ignored targets counted": functools.partial(cross_entropy, divisor="targets"),
            "weights not in the mean": functools.partial(cross_entropy, divisor="kept"),
            "mean over the batch": functools.partial(cross_entropy, divisor="batch"),
            "gradient off by 1e-3": altered(cross_entropy, times(1 + 1e-3)),
            "float16 inside": inside(cross_entropy, "float16"),
        },
    ),
    Subject(
        F + "cross_entropy",
        smoothed_rows,
        legitimate={"written out": smoothed, "float64 inside": inside(smoothed, "float64")},
        faults={
            "spread over the other classes": functools.partial(smoothed, others=True),
            "spread part without weights": functools.partial(smoothed, weighted=False),
            "ignored targets in the spread part": functools.partial(smoothed, ignored=False),
        },
    ),
    Subject(
        F + "cross_entropy",
        lambda make: [args(make(5, 3), probabilities(5, 3)), args(make(2, 65), probabilities(2, 65))],
        legitimate={"written out": cross_entropy_soft},
        faults={"mean over elements": functools.partial(cross_entropy_soft, divide="elements")},
    ),
    Subject(
        F + "nll_loss",
        class_rows,
        legitimate={"gathered": likelihood, "float64 inside": inside(likelihood, "float64")},
        faults={
            "sign": lambda torch, *a, **how: -likelihood(torch, *a, **how),
            "ignored targets counted": functools.partial(likelihood, divisor="targets"),
            "weights not in the mean": functools.partial(likelihood, divisor="kept"),
        },
    ),
    Subject(
        F + "binary_cross_entropy",
        lambda make: [
            args(uniform(3, 4, low=0.05, high=0.95), uniform(3, 4).fixed()),
            args(values([0.0, 1.0, 0.0, 1.0, 0.5]), values([0.0, 1.0, 1.0, 0.0, 0.3]).fixed(), reduction="none"),
            args(uniform(33, low=1e-6, high=1e-5), uniform(33).fixed(), reduction="sum"),
        ],
        legitimate={"written out": with_gradient(binary, _binary_gradient)},
        faults={
            "epsilon inside": with_gradient(functools.partial(binary, epsilon=1e-7), _binary_gradient),
            "not clamped": with_gradient(functools.partial(binary, clamped=False), _binary_gradient),
        },
        regimes=("normal",),  # probabilities have a regime of their own
    ),
    Subject(
        F + "binary_cross_entropy_with_logits",
        lambda make: [
            args(make(3, 4), uniform(3, 4).fixed()),
            args(make(3, 4), uniform(3, 4).fixed(), pos_weight=positive(4).fixed()),
            args(normal(33, scale=50), uniform(33).fixed()),
        ],
        legitimate={"through softplus": with_gradient(binary_of_logits, _logits_gradient)},
        faults={
            "through sigmoid": binary_through_sigmoid,
            "weight of positives ignored": functools.partial(binary_of_logits, weighted=False),
        },
    ),
    Subject(
        F + "kl_div",
        lambda make: [
            args(make(5, 3), probabilities(5, 3).fixed(), reduction="batchmean"),
            args(make(5, 3), normal(5, 3, scale=0.5).fixed(), reduction="batchmean", log_target=True),
            args(make(33), values([0.0, 0.5, 0.5] * 11).fixed(), reduction="none"),
        ],
        legitimate={"written out": divergence, "float64 inside": inside(divergence, "float64")},
        faults={
            "mean over elements": divergence_averaged,
            "other direction": divergence_reversed,
            "NaN at zero": divergence_naive,
        },
        regimes=("normal", "positive", "offset", "ties"),
    ),
]
