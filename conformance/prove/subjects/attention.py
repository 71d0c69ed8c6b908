"""Attention: the scaled dot product and the heads around it, rrelu's draws, the Gumbel softmax and fractional pools.

What draws is proven with torch's own generator: the same numbers, used wrongly.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from conformance.case import GRADIENT, OUTPUT, Arguments, args
from conformance.draw import Draw, drawn, normal, uniform
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, with_gradient

F = "nn.functional."
# The products of queries and keys overflow or vanish with the rest, and then all weights are equal.
TAME = ("normal", "positive", "ties")

# --- scaled dot product -----------------------------------------------------------------------------------------------


def causal(torch: Any, scores: Any, diagonal: int = 0) -> Any:
    """-inf beyond the diagonal."""
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(diagonal)
    return scores.masked_fill(~seen, -math.inf)


def attention(
    torch: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None, *,
    factor: Callable[[int], float] = lambda size: size**-0.5, mask_first: bool = False, diagonal: int = 0, dim: int = -1,
    inverted: bool = False, by: Any = None,
) -> Any:  # fmt: skip
    """softmax(q k^T s + mask) v; spoiled: another s, the mask scaled too, the diagonal or the dimension wrong."""
    s = factor(q.shape[-1]) if scale is None else scale
    scores = q @ k.transpose(-2, -1)
    scores = scores if mask_first else scores * s
    if is_causal:
        scores = causal(torch, scores, diagonal)
    if attn_mask is not None:
        if attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(attn_mask if inverted else ~attn_mask, -math.inf)
        else:
            scores = scores + attn_mask
    return (by or torch.softmax)(scores * s if mask_first else scores, dim) @ v


def scaled_before(
    torch: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: Any = None
) -> Any:
    """Queries and keys each by the root of the scale."""
    root = math.sqrt(q.shape[-1] ** -0.5 if scale is None else scale)
    return attention(torch, q * root, k * root, v, attn_mask, is_causal, 1.0)


def online(
    torch: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: Any = None
) -> Any:
    """Key by key, with a running maximum and sum, as one-pass kernels do."""
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    scores = causal(torch, scores) if is_causal else scores
    if attn_mask is not None:
        masked = attn_mask.dtype is torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if masked else scores + attn_mask
    best = scores[..., :1]
    total, out = torch.ones_like(best), v[..., :1, :].expand(*best.shape[:-1], v.shape[-1])
    for j in range(1, k.shape[-2]):
        here = scores[..., j : j + 1]
        top = torch.maximum(best, here).detach()
        before, now = torch.exp(best - top), torch.exp(here - top)
        out = out * before + v[..., j : j + 1, :] * now
        total, best = total * before + now, top
    return out / total


def gradient_through_scores(
    torch: Any, g: Any, _: Any, q: Any, k: Any, v: Any, *rest: Any, centred: bool = True
) -> Any:
    """The gradient by formula; spoiled: without the row sums that the softmax subtracts."""
    with torch.enable_grad():
        s = q.shape[-1] ** -0.5
        weights = torch.softmax(q @ k.transpose(-2, -1) * s, -1).detach()
    of_weights = g @ v.transpose(-2, -1)
    of_scores = weights * (of_weights - (of_weights * weights).sum(-1, keepdim=True) * centred) * s
    return of_scores @ k, of_scores.transpose(-2, -1) @ q, weights.transpose(-2, -1) @ g


def visible(*shape: int) -> Draw:
    """True where a key takes part; the first always does."""

    def make(rng: Any, _: str) -> Any:
        mask = rng.integers(0, 2, shape)
        mask[..., 0] = 1
        return mask

    return drawn(f"visible{list(shape)}", make, "bool")


def _rows(make: Make) -> list[Arguments]:
    qkv = make(2, 3, 4), make(2, 5, 4), normal(2, 5, 6)
    return [
        args(make(2, 1), make(2, 1), normal(2, 3)),
        args(*qkv),
        args(*qkv, is_causal=True),
        args(*qkv, visible(3, 5)),
        args(*qkv, normal(3, 5)),
        args(make(2, 7, 3), make(2, 4, 3), normal(2, 4, 5), None, True, 0.7),
    ]


def _sdpa_rows(make: Make) -> list[Arguments]:
    """With torch's keywords: the program below gives them names."""
    return _rows(make)


def sdpa(torch: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: Any = None) -> Any:
    """The operation under its short list of arguments."""
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(q, k, v, attn_mask=attn_mask, is_causal=is_causal, scale=scale)


def named(implementation: Implementation) -> Implementation:
    """An implementation that is called with torch's keywords."""

    def call(torch: Any, *given: Any, **options: Any) -> Any:
        return implementation(torch, *given, **options)

    return call


FAULTS: dict[str, Implementation] = {
    "not scaled": functools.partial(attention, factor=lambda size: 1.0),
    "scaled by 1 / d": functools.partial(attention, factor=lambda size: 1 / (size + 1)),
    "mask before the scale": functools.partial(attention, mask_first=True),
    "causal mask without its diagonal": functools.partial(attention, diagonal=1),
    "mask inverted": functools.partial(attention, inverted=True),
    "softmax over the queries": functools.partial(attention, dim=-2),
    "cotangent ignored": altered(attention, cotangent=ones),
    "gradient of keys doubled": altered(attention, None, lambda g: g * 2),
}

# --- many heads -------------------------------------------------------------------------------------------------------


def heads(
    torch: Any, query: Any, key: Any, value: Any, embed: int, count: int, weight: Any, bias: Any, out_weight: Any,
    out_bias: Any, *, average: bool = True, interleaved: bool = False, swapped: bool = False, summed: bool = False,
    head_scale: bool = True, transposed: bool = False,
) -> Any:  # fmt: skip
    """Attention of `count` heads on (L, N, E) and its mean weights; spoiled: heads mixed, k for v, the sum for the mean."""
    length, batch, _ = query.shape
    size = embed // count
    w, b = weight.chunk(3), bias.chunk(3)
    order = (0, 2, 1) if swapped else (0, 1, 2)
    projected = [torch.nn.functional.linear(x, w[i], b[i]) for x, i in zip((query, key, value), order, strict=True)]

    def split(x: Any) -> Any:
        if interleaved:
            return x.reshape(x.shape[0], batch, size, count).permute(1, 3, 0, 2)
        return x.reshape(x.shape[0], batch, count, size).permute(1, 2, 0, 3)

    q, k, v = map(split, projected)
    weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(size if head_scale else embed), -1)
    out = (weights @ v).permute(2, 0, 1, 3).reshape(length, batch, embed)
    if transposed:
        out = (weights @ v).permute(2, 0, 3, 1).reshape(length, batch, embed)
    out = torch.nn.functional.linear(out, out_weight, out_bias)
    return out, weights.sum(1) if summed else weights.mean(1) if average else weights[:, 0]


def heads_program(
    torch: Any,
    query: Any,
    key: Any,
    value: Any,
    embed: int,
    count: int,
    weight: Any,
    bias: Any,
    out_weight: Any,
    out_bias: Any,
) -> Any:
    """`multi_head_attention_forward` with a short list of arguments."""
    return torch.nn.functional.multi_head_attention_forward(
        query, key, value, embed, count, weight, bias, None, None, False, 0.0, out_weight, out_bias
    )


def as_torch(implementation: Implementation) -> Implementation:
    """`heads` with the arguments of `multi_head_attention_forward`."""

    def call(torch: Any, *given: Any, **_: Any) -> Any:
        query, key, value, embed, count, weight, bias = given[:7]
        return implementation(torch, query, key, value, embed, count, weight, bias, *given[11:13])

    return call


def _head_rows(make: Make) -> list[Arguments]:
    def row(length: int, source: int, batch: int, embed: int, count: int) -> Arguments:
        return args(
            make(length, batch, embed), normal(source, batch, embed), normal(source, batch, embed), embed, count,
            normal(3 * embed, embed, scale=0.5), normal(3 * embed), normal(embed, embed), normal(embed),
        )  # fmt: skip

    return [row(1, 2, 1, 2, 2), row(3, 4, 2, 6, 2), row(5, 3, 2, 8, 4)]


# --- draws ------------------------------------------------------------------------------------------------------------


def rrelu(
    torch: Any, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, *, everywhere: bool = False,
    range_of: Callable[[float, float], tuple[float, float]] = lambda low, high: (low, high), mean_slope: bool = False,
    inclusive: bool = True,
) -> Any:  # fmt: skip
    """x r where x <= 0, r uniform; spoiled: another range, a draw for every x, the mean of the range for the gradient."""
    low, high = range_of(lower, upper)
    if not training:
        return torch.where(x > 0, x, x * ((low + high) / 2))
    drawn_for = torch.ones_like(x, dtype=torch.bool) if everywhere else (x <= 0 if inclusive else x < 0)
    kind = torch.float64 if x.dtype is torch.float64 else torch.float32
    a, b = (float(torch.tensor(bound, dtype=kind)) for bound in (low, high))
    noise = torch.ones_like(x.detach())
    draws = torch.rand(int(drawn_for.sum()), dtype=torch.float64) * (b - a) + a
    noise[drawn_for] = draws.to(kind).to(x.dtype)
    noise = torch.where(x > 0, 1.0, noise)
    if mean_slope:
        slope = torch.where(x > 0, 1.0, (low + high) / 2)
        return (x * noise).detach() + x * slope - (x * slope).detach()
    return x * noise


def _rrelu_rows(make: Make) -> list[Arguments]:
    return [
        args(make(33), training=True),
        args(make(4, 9), 0.1, 0.6, True),
        args(make(65)),
        args(make(17), -0.5, 0.5, True),
    ]


def gumbel(
    torch: Any, x: Any, tau: float = 1.0, hard: bool = False, dim: int = -1, *, sign: float = -1.0, tempered: bool = True,
    through: bool = True,
) -> Any:  # fmt: skip
    """softmax((x - ln e) / tau); spoiled: + ln e, the noise not tempered, no gradient through the one-hot vector."""
    noise = sign * torch.empty_like(x.detach()).exponential_().log()
    soft = torch.softmax((x + noise) / tau if tempered else x / tau + noise, dim)
    if not hard:
        return soft
    one = torch.zeros_like(x).scatter_(dim, soft.argmax(dim, keepdim=True), 1.0)
    return one - soft.detach() + soft if through else one + 0 * soft


def fractional_pool(
    torch: Any, x: Any, kernel: int, output_size: int, _random_samples: Any, *, turned: bool = False, anchored: bool = True,
    rounded: bool = True,
) -> Any:  # fmt: skip
    """Max pooling where windows start at floor((i + u) a) - floor(u a); spoiled: samples exchanged, no offset, end open."""
    n, c, height, width = x.shape

    def starts(u: Any, size: int) -> list[int]:
        alpha = (size - kernel) / (output_size - 1) if output_size > 1 else 0.0
        found = [int((i + u) * alpha) - (int(u * alpha) if rounded else 0) for i in range(output_size)]
        return [*found[:-1], size - kernel] if anchored else [min(s, size - kernel) for s in found]

    rows = []
    for i in range(n):
        for j in range(c):
            u = [float(v) for v in _random_samples[i, j]]
            across, down = starts(u[1 if turned else 0], width), starts(u[0 if turned else 1], height)
            windows = [x[i, j, a : a + kernel, b : b + kernel].max() for a in down for b in across]
            rows.append(torch.stack(windows))
    return torch.stack(rows).reshape(n, c, output_size, output_size)


def _pool_rows(make: Make) -> list[Arguments]:
    return [
        args(make(2, 2, 7, 9), 2, output_size=4, _random_samples=uniform(2, 2, 2).fixed()),
        args(make(1, 3, 11, 8), 3, output_size=3, _random_samples=uniform(1, 3, 2).fixed()),
        args(make(1, 1, 5, 5), 2, output_size=1, _random_samples=uniform(1, 1, 2).fixed()),
    ]


# --- the error function -----------------------------------------------------------------------------------------------


def erf_short(torch: Any, x: Any) -> Any:
    """Abramowitz and Stegun 7.1.26: seven digits after the point."""
    t = 1 / (1 + 0.3275911 * x.abs())
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return torch.sign(x) * (1 - series * torch.exp(-x * x))


def erfc_by_erf(torch: Any, x: Any) -> Any:
    """1 - erf x, which keeps nothing of the tail."""
    return 1 - torch.erf(x)


SUBJECTS = [
    Subject(
        "attention",
        _sdpa_rows,
        {
            "by formula": named(attention),
            "scaled before": named(scaled_before),
            "key by key": named(online),
        },
        {name: named(fault) for name, fault in FAULTS.items()},
        regimes=TAME,
        program=sdpa,
        replaces=F + "scaled_dot_product_attention",
        checks=frozenset({OUTPUT, GRADIENT}),
    ),
    Subject(
        F + "scaled_dot_product_attention",
        lambda make: [args(make(2, 3, 4), make(2, 5, 4), normal(2, 5, 6))],
        {"gradient by formula": with_gradient(attention, gradient_through_scores)},
        {"scores not centred": with_gradient(attention, functools.partial(gradient_through_scores, centred=False))},
        regimes=TAME,
    ),
    Subject(
        "attention of many heads",
        _head_rows,
        {"head by head": as_torch(heads)},
        {
            "weights of the first head": as_torch(functools.partial(heads, average=False)),
            "weights summed": as_torch(functools.partial(heads, summed=True)),
            "heads interleaved": as_torch(functools.partial(heads, interleaved=True)),
            "keys for values": as_torch(functools.partial(heads, swapped=True)),
            "scaled by the whole embedding": as_torch(functools.partial(heads, head_scale=False)),
            "heads joined the wrong way": as_torch(functools.partial(heads, transposed=True)),
        },
        regimes=("normal", "positive"),
        program=heads_program,
        replaces=F + "multi_head_attention_forward",
    ),
    Subject(
        F + "rrelu",
        _rrelu_rows,
        {"by noise": rrelu},
        {
            "range exchanged for +-1": functools.partial(rrelu, range_of=lambda low, high: (-high, high)),
            "lower bound 0": functools.partial(rrelu, range_of=lambda low, high: (0.0, high)),
            "a draw for every element": functools.partial(rrelu, everywhere=True),
            "mean slope in the gradient": functools.partial(rrelu, mean_slope=True),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "gumbel_softmax",
        lambda make: [args(make(3, 5)), args(make(2, 7), tau=0.5), args(make(4, 3), tau=2.0, hard=True)],
        {"by definition": gumbel},
        {
            "noise of the other sign": functools.partial(gumbel, sign=1.0),
            "noise not tempered": functools.partial(gumbel, tempered=False),
            "no gradient when hard": functools.partial(gumbel, through=False),
        },
        regimes=("normal",),
    ),
    Subject(
        F + "fractional_max_pool2d",
        _pool_rows,
        {"window by window": fractional_pool},
        {
            "samples exchanged": functools.partial(fractional_pool, turned=True),
            "last window not at the end": functools.partial(fractional_pool, anchored=False),
            "offset not taken off": functools.partial(fractional_pool, rounded=False),
        },
        regimes=("normal",),
        dtypes=("float64",),
    ),
    Subject(
        "erf",
        lambda make: [args(make(33)), args(uniform(65, low=-3.0, high=3.0))],
        {"1 - erfc": lambda torch, x: torch.where(x.abs() < 0.5, torch.erf(x), 1 - torch.erfc(x))},
        {"seven digits": erf_short},
        regimes=("normal",),
        dtypes=("float32", "float64"),
    ),
    Subject(
        "erfc",
        lambda make: [args(make(33)), args(uniform(65, low=3.0, high=6.0))],
        {"by erf and by tail": lambda torch, x: torch.where(x < 0.4, 1 - torch.erf(x), torch.erfc(x))},
        {"1 - erf": erfc_by_erf},
        regimes=("normal",),
    ),
]
