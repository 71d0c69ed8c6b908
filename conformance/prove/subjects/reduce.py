"""Reductions: sums in other orders, variances by other formulas, ties, and zeros among factors."""

import functools
from typing import Any

import numpy

from conformance.case import OUTPUT, Arguments, args
from conformance.draw import HALVES, distinct, filled, normal, positive, tied, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import (
    by_numpy,
    flushing,
    inside,
    reversed_order,
    tf32,
)

NAN = float("nan")
INF = float("inf")


def along(make: Make) -> list[Arguments]:
    """Rows over one dimension, short and long."""
    return [args(make(3, 4), 1), args(make(1, 2), 1), args(make(33, 3), 0), args(make(2, 1025), 1), args(make(4099), 0)]


# --- sums -------------------------------------------------------------------------------------------------------------


def pairwise(torch: Any, x: Any, dim: int) -> Any:
    """Neighbours are added until one is left."""
    while x.shape[dim] > 1:
        n = x.shape[dim]
        even = x.narrow(dim, 0, n // 2) + x.narrow(dim, n // 2, n // 2)
        x = torch.cat([even, x.narrow(dim, n - 1, 1)], dim) if n % 2 else even
    return x.squeeze(dim)


def sequential(torch: Any, x: Any, dim: int) -> Any:
    """One running total."""
    return torch.cumsum(x, dim).select(dim, -1)


def chunked(torch: Any, x: Any, dim: int, *, size: int) -> Any:
    """Running totals of chunks, then the running total of those."""
    parts = [sequential(torch, part, dim) for part in x.split(size, dim)]
    return sequential(torch, torch.stack(parts, dim), dim)


def lanes(torch: Any, x: Any, dim: int, *, width: int = 8, tail: bool = True) -> Any:
    """`width` running totals side by side, as a vector unit keeps them, then the tail; `tail` False drops it."""
    n = x.shape[dim]
    whole = n // width * width
    total = x.narrow(dim, whole, n - whole if tail else 0).sum(dim)
    if whole:
        total = total + x.narrow(dim, 0, whole).unflatten(dim, (-1, width)).cumsum(dim).select(dim, -1).sum(dim)
    return total


def compensated(torch: Any, x: Any, dim: int) -> Any:
    """Kahan's: what an addition loses is subtracted from the next term."""
    x = x.movedim(dim, 0)
    total, lost = torch.zeros_like(x[0]), torch.zeros_like(x[0])
    for term in x.unbind(0):
        corrected = term - lost
        larger = total + corrected
        lost = (larger - total) - corrected
        total = larger
    return total


def by_product(torch: Any, x: Any, dim: int) -> Any:
    """A product with a vector of ones, as by a BLAS."""
    return x.movedim(dim, -1) @ torch.ones(x.shape[dim], dtype=x.dtype)


def half_total(torch: Any, x: Any, dim: int, *, dtype: str) -> Any:
    """Running totals kept in a half type."""
    return torch.cumsum(x.to(getattr(torch, dtype)), dim).select(dim, -1).to(x.dtype)


def one_short(torch: Any, x: Any, dim: int) -> Any:
    """The last term is left out."""
    return x.narrow(dim, 0, x.shape[dim] - 1).sum(dim)


def rounded_each_time(torch: Any, x: Any, dim: int) -> Any:
    """One running total, rounded to the type of the terms at every step."""
    return functools.reduce(torch.add, x.unbind(dim))


def tf32_sum(torch: Any, x: Any, dim: int) -> Any:
    """Terms as TensorFloat-32: a product with ones on tensor cores."""
    return tf32(torch, x).sum(dim)


def _spread(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    return g.unsqueeze(dim).expand_as(x)


def _spread_averaged(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """The gradient of a mean."""
    return g.unsqueeze(dim).expand_as(x) / x.shape[dim]


def other_axis(torch: Any, x: Any, dim: int, keepdim: bool) -> Any:
    """Over the other of two dimensions; on a square nobody sees it by the shape."""
    return x.sum(1 - dim, keepdim=True).movedim(0, 1)


# --- mean, variance, deviation ----------------------------------------------------------------------------------------


def mean(torch: Any, x: Any, dim: int, *, less: int = 0) -> Any:
    """The sum over n, or wrongly over n - 1."""
    return x.sum(dim) / max(x.shape[dim] - less, 1)


def mean_by_reciprocal(torch: Any, x: Any, dim: int) -> Any:
    """The sum of x (1 / n)."""
    return (x * (1.0 / x.shape[dim])).sum(dim)


def variance(torch: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """sum (x - mean)^2 / (n - correction)."""
    d = x - x.mean(dim, keepdim=True)
    return (d * d).sum(dim) / max(x.shape[dim] - correction, 0)


def variance_by_squares(torch: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """(mean x^2 - mean^2) n / (n - correction): cancels beside a large mean."""
    n = x.shape[dim]
    return ((x * x).mean(dim) - x.mean(dim) ** 2) * n / (n - correction)


def variance_shifted(torch: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """The sum of squares about the first element, corrected for the distance to the mean."""
    n = x.shape[dim]
    d = x - x.narrow(dim, 0, 1).detach()
    return ((d * d).sum(dim) - d.sum(dim) ** 2 / n) / (n - correction)


def variance_running(torch: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """Welford's: the mean and the sum of squares are updated term by term."""
    x = x.movedim(dim, 0)
    centre, total = torch.zeros_like(x[0]), torch.zeros_like(x[0])
    for count, term in enumerate(x.unbind(0), 1):
        step = term - centre
        centre = centre + step / count
        total = total + step * (term - centre)
    return total / max(x.shape[0] - correction, 0)


def variance_of_pairs(torch: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """(count, mean, sum of squares) of halves, merged in a tree (Chan, Golub and LeVeque)."""

    def merge(part: Any) -> tuple[int, Any, Any]:
        n = part.shape[0]
        if n == 1:
            return 1, part[0], torch.zeros_like(part[0])
        (a, mean_a, square_a), (b, mean_b, square_b) = merge(part[: n // 2]), merge(part[n // 2 :])
        step = mean_b - mean_a
        return n, mean_a + step * (b / n), square_a + square_b + step * step * (a * b / n)

    _, _, total = merge(x.movedim(dim, 0))
    return total / max(x.shape[dim] - correction, 0)


def _variance_gradient(torch: Any, g: Any, out: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """2 g (x - mean) / (n - correction)."""
    scale = 2 / (x.shape[dim] - correction)
    return scale * g.unsqueeze(dim) * (x - x.mean(dim, keepdim=True))


def _variance_gradient_uncentred(torch: Any, g: Any, out: Any, x: Any, dim: int, *, correction: float = 1) -> Any:
    """The mean is left out."""
    return 2 / (x.shape[dim] - correction) * g.unsqueeze(dim) * x


def deviation(torch: Any, x: Any, dim: int, *, correction: float = 1, epsilon: float = 0.0) -> Any:
    """sqrt(variance + epsilon)."""
    return torch.sqrt(variance(torch, x, dim, correction=correction) + epsilon)


def _deviation_gradient(
    torch: Any, g: Any, out: Any, x: Any, dim: int, *, correction: float = 1, at_zero: float = 0.0
) -> Any:
    """g (x - mean) / ((n - correction) std), 0 where std = 0; `at_zero` NaN forgets that."""
    ratio = torch.where(out == 0, at_zero, g / (out * (x.shape[dim] - correction)))
    return ratio.unsqueeze(dim) * (x - x.mean(dim, keepdim=True))


# --- products ---------------------------------------------------------------------------------------------------------


def product(torch: Any, x: Any, dim: int) -> Any:
    """Factor by factor."""
    out = torch.ones_like(x.select(dim, 0))
    for factor in x.unbind(dim):
        out = out * factor
    return out


def product_by_logarithm(torch: Any, x: Any, dim: int) -> Any:
    """The sign, and exp of the sum of log |x|: loses digits as the logarithms add up."""
    return torch.sign(x).prod(dim) * torch.exp(torch.log(x.abs()).sum(dim))


def _product_gradient_by_division(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """g prod / x: NaN at a zero factor."""
    return (g * out).unsqueeze(dim) / x


# --- extremes ---------------------------------------------------------------------------------------------------------


def _shared(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """Winners share the gradient."""
    winners = (x == out.unsqueeze(dim)).to(x.dtype)
    return winners / winners.sum(dim, keepdim=True) * g.unsqueeze(dim)


def _to_every_winner(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """Every winner gets all of it."""
    return torch.where(x == out.unsqueeze(dim), g.unsqueeze(dim), 0.0)


def _to_first(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """The first winner gets all of it."""
    first = (x == out.unsqueeze(dim)).to(torch.uint8).argmax(dim, keepdim=True)
    return torch.zeros_like(x).scatter(dim, first, g.unsqueeze(dim))


def largest_by_sorting(torch: Any, x: Any, dim: int) -> Any:
    """The last when sorted; NaN sorts last."""
    return torch.sort(x, dim).values.select(dim, -1)


def largest_without_nan(torch: Any, x: Any, dim: int) -> Any:
    """NaN never wins a comparison."""
    return torch.where(torch.isnan(x), -INF, x).amax(dim)


def largest_from_zero(torch: Any, x: Any, dim: int) -> Any:
    """The search starts from 0."""
    return x.amax(dim).clamp(min=0)


def last_winner(torch: Any, x: Any, dim: int) -> Any:
    """The index of the last of equal maxima, and the gradient there."""
    index = x.shape[dim] - 1 - x.flip(dim).argmax(dim)
    return x.gather(dim, index.unsqueeze(dim)).squeeze(dim), index


def stable_winner(torch: Any, x: Any, dim: int) -> Any:
    """The first of equal maxima."""
    index = (x == x.amax(dim, keepdim=True)).to(torch.uint8).argmax(dim)
    return x.gather(dim, index.unsqueeze(dim)).squeeze(dim), index


def upper_median(torch: Any, x: Any) -> Any:
    """The upper of the two middle elements."""
    return torch.sort(x.flatten()).values[x.numel() // 2]


def middle_median(torch: Any, x: Any) -> Any:
    """The mean of the two middle elements."""
    ordered = torch.sort(x.flatten()).values
    return (ordered[(x.numel() - 1) // 2] + ordered[x.numel() // 2]) / 2


def lower_median(torch: Any, x: Any) -> Any:
    """The lower of the two middle elements."""
    return torch.sort(x.flatten(), stable=True).values[(x.numel() - 1) // 2]


# --- norms and logsumexp ----------------------------------------------------------------------------------------------


def norm(torch: Any, x: Any, p: float, dim: int, *, epsilon: float = 0.0) -> Any:
    """sqrt(sum x^2 + epsilon)."""
    return torch.sqrt((x * x).sum(dim) + epsilon)


def norm_scaled(torch: Any, x: Any, p: float, dim: int) -> Any:
    """m sqrt(sum (x / m)^2) with m = max |x|: nothing overflows."""
    m = x.abs().amax(dim, keepdim=True)
    m = torch.where(m == 0, 1.0, m)
    return m.squeeze(dim) * torch.sqrt(((x / m) ** 2).sum(dim))


def norm_sequential(torch: Any, x: Any, p: float, dim: int) -> Any:
    """One running total of squares."""
    return torch.sqrt(sequential(torch, x * x, dim))


def norm_squared(torch: Any, x: Any, p: float, dim: int) -> Any:
    """The root is forgotten."""
    return (x * x).sum(dim)


def _norm_gradient(torch: Any, g: Any, out: Any, x: Any, p: float, dim: int, *, at_zero: float = 0.0) -> Any:
    """g x / norm, 0 where the norm is 0; `at_zero` NaN forgets that."""
    share = x / out.unsqueeze(dim)
    return g.unsqueeze(dim) * torch.where(out.unsqueeze(dim) == 0, at_zero, share)


def normalize(torch: Any, x: Any, *, dim: int = 1, epsilon: str = "at least") -> Any:
    """x / max(norm, 1e-12); spoiled: the epsilon "added", or added "inside" the root."""
    square = (x * x).sum(dim, keepdim=True)
    if epsilon == "inside":
        return x / torch.sqrt(square + 1e-12)
    norm = torch.sqrt(square)
    return x / (norm + 1e-12 if epsilon == "added" else norm.clamp(min=1e-12))


def logsumexp(torch: Any, x: Any, dim: int, *, finite_shift: bool = True) -> Any:
    """m + log sum exp(x - m) with m = max x, 0 if that is infinite: `finite_shift` False has inf - inf there."""
    m = x.amax(dim, keepdim=True).detach()
    m = torch.where(m.isinf(), 0.0, m) if finite_shift else m
    return m.squeeze(dim) + torch.log(torch.exp(x - m).sum(dim))


def logsumexp_by_log1p(torch: Any, x: Any, dim: int) -> Any:
    """m + log1p of the sum without its largest term."""
    m, index = x.max(dim, keepdim=True)
    others = torch.exp(x - m).scatter(dim, index, torch.zeros_like(m))
    return m.squeeze(dim) + torch.log1p(others.sum(dim))


def logsumexp_running(torch: Any, x: Any, dim: int) -> Any:
    """logaddexp term by term."""
    terms = x.unbind(dim)
    return functools.reduce(torch.logaddexp, terms[1:], terms[0])


def _logsumexp_gradient(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    return g.unsqueeze(dim) * torch.exp(x - out.unsqueeze(dim))


def logsumexp_naive(torch: Any, x: Any, dim: int) -> Any:
    """log sum exp x: overflows."""
    return torch.log(torch.exp(x).sum(dim))


def count_in_bytes(torch: Any, x: Any) -> Any:
    """A count kept in eight bits."""
    return (x != 0).sum(dtype=torch.uint8).to(torch.int64)


def nansum(torch: Any, x: Any, dim: int) -> Any:
    """NaN counts as 0."""
    return torch.where(torch.isnan(x), 0.0, x).sum(dim)


def nansum_of_number(torch: Any, x: Any, dim: int) -> Any:
    """Infinities are replaced as well."""
    return torch.nan_to_num(x).sum(dim)


def _largest(torch: Any, x: Any, dim: int) -> Any:
    return x.amax(dim)


def _sum(torch: Any, x: Any, dim: int) -> Any:
    return x.sum(dim)


REORDERED: dict[str, Implementation] = {
    "pairwise": pairwise,
    "sequential": sequential,
    "chunks of 128": functools.partial(chunked, size=128),
    "eight lanes": lanes,
    "reversed order": reversed_order(_sum),
    "product with ones": by_product,
    "float64 inside": inside(_sum, "float64"),
    "numpy": with_gradient(by_numpy(numpy.sum), _spread),
}

SUBJECTS = [
    Subject(
        "sum",
        along,
        legitimate=REORDERED | {"flushed": flushing(_sum, inputs=True)},
        faults={
            "one term short": one_short,
            "tail dropped": functools.partial(lanes, tail=False),
            "float16 total": functools.partial(half_total, dtype="float16"),
            "bfloat16 total": functools.partial(half_total, dtype="bfloat16"),
            "TF32 terms": tf32_sum,
            "gradient averaged": with_gradient(_sum, _spread_averaged),
            "cotangent ignored": altered(_sum, cotangent=ones),
            "gradient off by 1e-5": altered(_sum, times(1 + 1e-5)),
        },
    ),
    Subject(
        "sum",
        lambda make: [args(make(3, 65), 1)],
        legitimate={"Kahan": with_gradient(compensated, _spread)},
    ),
    Subject(
        "sum",
        along,
        legitimate={"numpy": with_gradient(by_numpy(numpy.sum), _spread)},
        faults={"float32 inside": inside(_sum, "float32")},
        dtypes=("float64",),
        regimes=("normal", "positive", "offset"),
    ),
    Subject(
        "sum",
        lambda make: [args(make(3, 4), 1), args(make(2, 257), 1), args(make(2, 1025), 1)],
        legitimate={
            "float32 inside": inside(_sum, "float32"),
            "pairwise in float32": inside(pairwise, "float32"),
            "sequential in float32": inside(sequential, "float32"),
        },
        faults={"total in a half type": rounded_each_time, "one term short": one_short},
        dtypes=HALVES,
        regimes=("normal", "positive", "ties"),  # what half types hold
    ),
    Subject(
        "sum",
        lambda make: [args(make(4, 4), 0, True)],
        faults={
            "other axis": other_axis,
            "keepdim ignored": lambda torch, x, dim, keepdim: x.sum(dim),
            "float64 result": lambda torch, x, dim, keepdim: x.double().sum(dim, keepdim),
            "gradient lost": lambda torch, x, dim, keepdim: x.detach().sum(dim, keepdim),
        },
    ),
    Subject(
        "sum",
        lambda make: [args(values([2**30] * 5, "int32"), 0), args(values([100] * 9, "int8"), 0)],
        legitimate={"int64": lambda torch, x, dim: x.long().sum(dim)},
        faults={
            "wraps": lambda torch, x, dim: x.sum(dim, dtype=x.dtype).long(),
            "int32": lambda torch, x, dim: x.sum(dim).int(),
        },
        checks=frozenset({OUTPUT}),
        regimes=("normal",),
    ),
    Subject(
        "mean",
        along,
        legitimate={
            "sum over n": mean,
            "times 1 / n": mean_by_reciprocal,
            "float64 inside": inside(mean, "float64"),
            "numpy": with_gradient(by_numpy(numpy.mean), _spread_averaged),
        },
        faults={"over n - 1": functools.partial(mean, less=1), "gradient not divided": with_gradient(mean, _spread)},
    ),
    Subject(
        "var",
        lambda make: [args(make(3, 4), 1), args(make(33, 3), 0), args(make(2, 257), 1), args(make(5), 0, correction=0)],
        legitimate={
            "two passes": variance,
            "Welford": with_gradient(variance_running, _variance_gradient),
            "merged halves": with_gradient(variance_of_pairs, _variance_gradient),
            "float64 inside": inside(variance, "float64"),
            "reversed order": reversed_order(variance),
        },
        faults={
            "correction ignored": lambda torch, x, dim, correction=1: variance(torch, x, dim, correction=0),
            "always corrected": lambda torch, x, dim, correction=1: variance(torch, x, dim, correction=1),
            "by squares": variance_by_squares,
            "gradient uncentred": with_gradient(variance, _variance_gradient_uncentred),
            "float16 inside": inside(variance, "float16"),
        },
    ),
    Subject(
        "var",
        lambda make: [args(make(3, 4), 1), args(make(33, 3), 0), args(make(2, 257), 1)],
        # where the first element is about as large as the rest it is a good shift; elsewhere nothing is new
        legitimate={"about the first": with_gradient(variance_shifted, _variance_gradient)},
        regimes=("normal", "positive", "offset"),
    ),
    Subject(
        "var",
        lambda make: [args(make(3, 4), 1), args(make(33, 3), 0), args(make(2, 257), 1)],
        legitimate={"two passes": variance, "Welford": with_gradient(variance_running, _variance_gradient)},
        faults={"float32 inside": inside(variance, "float32"), "by squares": variance_by_squares},
        dtypes=("float64",),
        regimes=("normal", "positive", "offset", "ties"),
    ),
    Subject(
        "std",
        lambda make: [
            args(make(3, 4), 1),
            args(make(33, 3), 0),
            args(filled(3, 4, value=2.5), 1),
            args(make(2, 257), 1),
        ],
        legitimate={"float64 inside": inside(with_gradient(deviation, _deviation_gradient), "float64")},
        faults={
            "epsilon inside": with_gradient(functools.partial(deviation, epsilon=1e-5), _deviation_gradient),
            "biased": with_gradient(functools.partial(deviation, correction=0), _deviation_gradient),
            "NaN gradient without deviation": with_gradient(
                deviation, functools.partial(_deviation_gradient, at_zero=NAN)
            ),
        },
    ),
    Subject(
        "std",
        lambda make: [args(make(3, 4), 1), args(make(33, 3), 0), args(make(2, 257), 1)],
        legitimate={"root of two passes": with_gradient(deviation, _deviation_gradient)},
        regimes=("normal", "positive", "offset", "huge", "ties"),  # not tiny or subnormal: the squares underflow
    ),
    Subject(
        "prod",
        lambda make: [args(make(3, 4), 1), args(make(5, 2), 0), args(positive(3, 33), 1)],
        legitimate={
            "factor by factor": product,
            "reversed": reversed_order(product),
            "float64 inside": inside(product, "float64"),
        },
        faults={
            "gradient by division": with_gradient(product, _product_gradient_by_division),
            "through logarithms": product_by_logarithm,
            "gradient's sign": altered(product, times(-1)),
        },
        regimes=("normal", "positive", "offset", "ties"),
    ),
    Subject(
        "amax",
        lambda make: [
            args(make(3, 4), 1),
            args(make(33), 0),
            args(tied(5, 7), 1),
            args(values([[NAN, 1.0], [-2.0, -3.0]]), 1),
        ],
        legitimate={
            "shared by hand": with_gradient(largest_by_sorting, _shared),
            "reversed order": reversed_order(_largest),
        },
        faults={
            "tie to the first": with_gradient(largest_by_sorting, _to_first),
            "tie to every winner": with_gradient(largest_by_sorting, _to_every_winner),
            "tie to the last": largest_by_sorting,
            "NaN ignored": largest_without_nan,
            "starts from zero": largest_from_zero,
        },
    ),
    Subject(
        "max",
        lambda make: [args(make(3, 4), 1), args(tied(5, 7), 1), args(distinct(33), 0)],
        legitimate={"first winner": stable_winner},
        faults={"last winner": last_winner},
    ),
    Subject(
        "argmax",
        lambda make: [args(make(33), 0), args(tied(5, 7), 1), args(values([[NAN, 1.0, 2.0], [3.0, NAN, 1.0]]), 1)],
        legitimate={"first winner": lambda torch, x, dim: x.max(dim).indices},
        faults={
            "int32": lambda torch, x, dim: x.argmax(dim).int(),
            "last winner": lambda torch, x, dim: x.shape[dim] - 1 - x.flip(dim).argmax(dim),
            "NaN ignored": lambda torch, x, dim: torch.where(x.isnan(), -INF, x).argmax(dim),
        },
        checks=frozenset({OUTPUT}),
    ),
    Subject(
        "median",
        lambda make: [args(make(4)), args(make(33)), args(make(3, 4))],
        legitimate={"sorted": lower_median},
        faults={"upper": upper_median, "mean of the middle": middle_median},
        regimes=(
            "normal",
            "positive",
            "offset",
            "tiny",
            "huge",
            "subnormal",
        ),  # at ties torch chooses a winner of its own
    ),
    Subject(
        "norm",
        lambda make: [args(make(3, 4), 2, 1), args(make(2, 1025), 2, 1), args(filled(2, 3, value=0.0), 2, 1)],
        legitimate={
            "scaled": with_gradient(norm_scaled, _norm_gradient),
            "float64 inside": inside(with_gradient(norm, _norm_gradient), "float64"),
        },
        faults={
            "no root": norm_squared,
            "NaN gradient at zero": with_gradient(norm_scaled, functools.partial(_norm_gradient, at_zero=NAN)),
            "epsilon inside": with_gradient(functools.partial(norm, epsilon=1e-12), _norm_gradient),
            "float16 inside": inside(with_gradient(norm, _norm_gradient), "float16"),
        },
    ),
    Subject(
        "norm",
        lambda make: [args(make(3, 4), 2, 1), args(make(2, 1025), 2, 1)],
        # not tiny or subnormal: the squares underflow
        legitimate={
            "root of the sum": with_gradient(norm, _norm_gradient),
            "sequential": with_gradient(norm_sequential, _norm_gradient),
        },
        regimes=("normal", "positive", "offset", "huge", "ties"),
    ),
    Subject(
        "nn.functional.normalize",
        lambda make: [args(make(3, 4)), args(normal(3, 4, scale=1e-12)), args(make(2, 257))],
        legitimate={"written out": normalize, "float64 inside": inside(normalize, "float64")},
        faults={
            "epsilon added": functools.partial(normalize, epsilon="added"),
            "epsilon inside the root": functools.partial(normalize, epsilon="inside"),
        },
        regimes=("normal", "positive", "offset", "huge"),  # not ties: a zero row has no gradient by autograd
    ),
    Subject(
        "logsumexp",
        lambda make: [args(make(3, 4), 1), args(make(1, 2), 1), args(make(2, 257), 1)],
        legitimate={
            "shifted": with_gradient(logsumexp, _logsumexp_gradient),
            "by log1p": with_gradient(logsumexp_by_log1p, _logsumexp_gradient),
            "running": with_gradient(logsumexp_running, _logsumexp_gradient),
            "float64 inside": inside(logsumexp, "float64"),
        },
        faults={"naive": logsumexp_naive, "gradient off by 1e-3": altered(logsumexp, times(1 + 1e-3))},
    ),
    Subject(
        "logsumexp",
        lambda make: [args(values([[-INF, -INF, -INF], [-INF, 0.0, 1.0], [INF, 0.0, -INF]]).fixed(), 1)],
        legitimate={"shifted": logsumexp, "running": logsumexp_running},
        faults={"infinite shift": functools.partial(logsumexp, finite_shift=False)},
        regimes=("normal",),
    ),
    Subject(
        "nansum",
        lambda make: [args(make(3, 4), 1), args(values([[NAN, 1.0, INF], [NAN, 2.0, 1.0]]), 1)],
        legitimate={"replaced": nansum},
        faults={"infinities replaced": nansum_of_number, "NaN kept": _sum},
    ),
    Subject(
        "count_nonzero",
        lambda make: [args(make(300)), args(make(1))],
        faults={"eight bits": count_in_bytes, "negative numbers missed": lambda torch, x: (x > 0).sum()},
        checks=frozenset({OUTPUT}),
    ),
]
