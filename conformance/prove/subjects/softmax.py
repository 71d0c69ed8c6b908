"""softmax, log_softmax and softmin."""

import functools
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import HALVES, normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import inside, tf32

REGIMES = ("normal", "positive", "offset", "tiny", "ties", "subnormal")  # huge: one winner takes all
LARGE = values([[1000.0, 0.0, -1000.0], [-1e30, -1e30, -1e30], [88.0, 89.0, 90.0]])


def rows(make: Make) -> list[Arguments]:
    """Short, long, and scores too large for exp."""
    return [args(make(3, 5), 1), args(make(1, 2), 1), args(make(33), 0), args(make(2, 1025), 1), args(LARGE, 1)]


# --- softmax ----------------------------------------------------------------------------------------------------------


def shifted(torch: Any, x: Any, dim: int) -> Any:
    """exp(x - max) over its sum, as every library does it."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def through_log(torch: Any, x: Any, dim: int) -> Any:
    """exp(x - logsumexp x)."""
    return torch.exp(x - torch.logsumexp(x, dim, keepdim=True))


def by_powers_of_two(torch: Any, x: Any, dim: int) -> Any:
    """2^((x - max) / log 2) times the reciprocal of its sum, as fused attention kernels do it."""
    e = torch.exp2((x - x.amax(dim, keepdim=True)) * 1.4426950408889634)
    return e * (1 / e.sum(dim, keepdim=True))


def online(torch: Any, x: Any, dim: int, *, block: int = 32) -> Any:
    """Block by block: the sum so far is rescaled whenever the maximum grows."""
    largest = x.narrow(dim, 0, 1)
    total = torch.zeros_like(largest)
    for part in x.split(block, dim):
        new = torch.maximum(largest, part.amax(dim, keepdim=True))
        total = total * torch.exp(largest - new) + torch.exp(part - new).sum(dim, keepdim=True)
        largest = new
    return torch.exp(x - largest) / total


def sequential(torch: Any, x: Any, dim: int) -> Any:
    """The sum is one running total."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.cumsum(dim).narrow(dim, x.shape[dim] - 1, 1)


def unshifted(torch: Any, x: Any, dim: int) -> Any:
    """No shift: exp overflows."""
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


def shifted_over_all(torch: Any, x: Any, dim: int) -> Any:
    """One shift for the whole tensor: other rows underflow."""
    e = torch.exp(x - x.max())
    return e / e.sum(dim, keepdim=True)


def one_term_short(torch: Any, x: Any, dim: int) -> Any:
    """The last term is left out of the sum."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.narrow(dim, 0, max(e.shape[dim] - 1, 1)).sum(dim, keepdim=True)


def epsilon_below(torch: Any, x: Any, dim: int) -> Any:
    """An epsilon in the denominator."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / (e.sum(dim, keepdim=True) + 1e-5)


def total_in_half(torch: Any, x: Any, dim: int) -> Any:
    """The sum is kept in float16."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.half().sum(dim, keepdim=True).to(x.dtype)


def rounded_scores(torch: Any, x: Any, dim: int) -> Any:
    """Scores as TensorFloat-32."""
    return shifted(torch, tf32(torch, x), dim)


def _softmax_gradient(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """p (g - sum g p)."""
    return out * (g - (g * out).sum(dim, keepdim=True))


def _distributed(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """p g - p sum g p, the same written out."""
    return out * g - out * (g * out).sum(dim, keepdim=True)


def _without_the_sum(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    return g * out


def _diagonal(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    """Only the diagonal of the Jacobian, as for a sigmoid."""
    return g * out * (1 - out)


# --- log_softmax ------------------------------------------------------------------------------------------------------


def log_shifted(torch: Any, x: Any, dim: int) -> Any:
    """s - log sum exp s with s = x - max."""
    s = x - x.amax(dim, keepdim=True)
    return s - torch.log(torch.exp(s).sum(dim, keepdim=True))


def log_online(torch: Any, x: Any, dim: int) -> Any:
    """x - max - log of a running total."""
    s = x - x.amax(dim, keepdim=True)
    return s - torch.log(torch.exp(s).cumsum(dim).narrow(dim, x.shape[dim] - 1, 1))


def log_of_softmax(torch: Any, x: Any, dim: int) -> Any:
    """log(softmax x): minus infinity where the probability underflows."""
    return torch.log(shifted(torch, x, dim))


def log_unshifted(torch: Any, x: Any, dim: int) -> Any:
    """x - log sum exp x: overflows."""
    return x - torch.log(torch.exp(x).sum(dim, keepdim=True))


def log_with_epsilon(torch: Any, x: Any, dim: int) -> Any:
    """log(softmax x + epsilon)."""
    return torch.log(shifted(torch, x, dim) + 1e-8)


def _log_gradient(torch: Any, g: Any, out: Any, x: Any, dim: int, *, total: bool = True) -> Any:
    """g - p sum g; `total` False takes g - p g."""
    return g - torch.exp(out) * (g.sum(dim, keepdim=True) if total else g)


SUBJECTS = [
    Subject(
        "softmax",
        rows,
        legitimate={
            "shifted": with_gradient(shifted, _softmax_gradient),
            "distributed gradient": with_gradient(shifted, _distributed),
            "powers of two": with_gradient(by_powers_of_two, _softmax_gradient),
            "online": with_gradient(online, _softmax_gradient),
            "sequential": with_gradient(sequential, _softmax_gradient),
            "float64 inside": inside(shifted, "float64"),
        },
        faults={
            "unshifted": with_gradient(unshifted, _softmax_gradient),
            "shifted over all": with_gradient(shifted_over_all, _softmax_gradient),
            "one term short": one_term_short,
            "epsilon below": epsilon_below,
            "float16 inside": inside(shifted, "float16"),
            "float16 total": with_gradient(total_in_half, _softmax_gradient),
            "TF32 scores": with_gradient(rounded_scores, _softmax_gradient),
            "gradient without the sum": with_gradient(shifted, _without_the_sum),
            "gradient of the diagonal": with_gradient(shifted, _diagonal),
            "cotangent ignored": altered(shifted, cotangent=ones),
        },
        regimes=REGIMES,
    ),
    Subject(
        "softmax",
        lambda make: rows(make)[:4],  # not 1e30: there log sum exp x is no larger than x
        legitimate={"through logsumexp": with_gradient(through_log, _softmax_gradient)},
        regimes=REGIMES,
    ),
    Subject(
        "softmax",
        lambda make: rows(make)[:4],
        legitimate={
            "shifted": with_gradient(shifted, _softmax_gradient),
            "powers of two": with_gradient(by_powers_of_two, _softmax_gradient),
            "online": with_gradient(online, _softmax_gradient),
        },
        faults={
            "float32 inside": inside(shifted, "float32"),
            "epsilon below": with_gradient(epsilon_below, _softmax_gradient),
        },
        dtypes=("float64",),
        regimes=("normal", "positive", "offset", "ties"),
    ),
    Subject(
        "softmax",
        lambda make: rows(make)[:4],
        legitimate={
            "float32 inside": inside(with_gradient(shifted, _softmax_gradient), "float32"),
            "online in float32": inside(with_gradient(online, _softmax_gradient), "float32"),
        },
        faults={
            "one term short": inside(one_term_short, "float32"),
            "gradient without the sum": with_gradient(shifted, _without_the_sum),
        },
        dtypes=HALVES,
        regimes=("normal", "positive", "ties"),  # what half types hold
    ),
    Subject(
        "log_softmax",
        rows,
        legitimate={
            "shifted": with_gradient(log_shifted, _log_gradient),
            "running total": with_gradient(log_online, _log_gradient),
            "float64 inside": inside(with_gradient(log_shifted, _log_gradient), "float64"),
        },
        faults={
            "log of softmax": with_gradient(log_of_softmax, _log_gradient),
            "unshifted": with_gradient(log_unshifted, _log_gradient),
            "epsilon inside": with_gradient(log_with_epsilon, _log_gradient),
            "gradient without the total": with_gradient(log_shifted, functools.partial(_log_gradient, total=False)),
            "gradient off by 1e-3": altered(log_shifted, times(1 + 1e-3)),
        },
        regimes=REGIMES,
    ),
    Subject(
        "nn.functional.softmin",
        lambda make: [args(make(3, 5), 1), args(normal(33, scale=10), 0)],
        legitimate={"softmax of -x": lambda torch, x, dim: shifted(torch, -x, dim)},
        faults={"softmax of x": shifted},
        regimes=REGIMES,
    ),
]
