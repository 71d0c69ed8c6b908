"""softmax and log_softmax."""

from typing import Any

from conformance.case import args
from conformance.prove.subject import Subject, with_gradient


def shifted(torch: Any, x: Any, dim: int) -> Any:
    """exp(x - max) over its sum, as every library does it."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def through_log(torch: Any, x: Any, dim: int) -> Any:
    """exp(x - logsumexp x)."""
    return torch.exp(x - torch.logsumexp(x, dim, keepdim=True))


def one_term_short(torch: Any, x: Any, dim: int) -> Any:
    """The last term is left out of the sum."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.narrow(dim, 0, max(e.shape[dim] - 1, 1)).sum(dim, keepdim=True)


def epsilon_below(torch: Any, x: Any, dim: int) -> Any:
    """An epsilon in the denominator."""
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / (e.sum(dim, keepdim=True) + 1e-5)


def half_inside(torch: Any, x: Any, dim: int) -> Any:
    """Computed in float16."""
    return torch.softmax(x.half(), dim).to(x.dtype)


def _without_the_sum(torch: Any, g: Any, out: Any, x: Any, dim: int) -> Any:
    return g * out


SUBJECTS = [
    Subject(
        "softmax",
        lambda make: [args(make(3, 5), 1), args(make(33), 0), args(make(2, 1025), 1)],
        legitimate={"shifted": shifted, "through logsumexp": through_log},
        faults={
            "one term short": one_term_short,
            "epsilon below": epsilon_below,
            "float16 inside": half_inside,
            "gradient without the sum": with_gradient(shifted, _without_the_sum),
        },
        regimes=("normal", "positive", "tiny", "ties", "subnormal"),
    )
]
