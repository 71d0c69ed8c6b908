"""Margin losses of one right class, of several, and of two classes."""

from typing import Any

from refnet._device import on_host
from refnet._ops.pointwise import Pointwise, where
from refnet._tape import Primitive, wrap

Array = Any


@Primitive
def multi_margin(xp: Any, x: Array, *, right: Array, factor: Array | None, margin: float, p: int) -> Array:
    """out[n] = f[n] sum over c != y_n of z[n,c] / C        z[n,c] = max(0, margin - x[n,y_n] + x[n,c])^p, p 1 or 2

    dL/dx[n,c] = g[n] f[n] p z[n,c]^(1 - 1/p) / C where z > 0; dL/dx[n,y_n] is minus the sum of those.

    x (N, C); classes y and factors f (N,), 1 if there are none.
    """
    excess = x.dtype.type(margin) - xp.take_along_axis(x, right[:, None], 1) + x
    terms = xp.where(_wrong(xp, x, right) & (excess > 0), excess**p, x.dtype.type(0))
    total = terms.sum(1, dtype="float64") / x.shape[1]
    return (total if factor is None else total * factor).astype(x.dtype)


def _wrong(xp: Any, x: Array, right: Array) -> Array:
    return xp.arange(x.shape[1]) != right[:, None]


def _multi_margin_rule(g: Any, x: Any, right: Array, factor: Array | None, margin: float, p: int) -> Any:
    xp, device, kind = x.device.xp, x.device, x._array.dtype
    excess = margin - x.gather(1, wrap(right[:, None], device)) + x
    wrong = _wrong(xp, x._array, right)
    violated = wrong & (excess._array > 0)
    slope = wrap(violated.astype(kind), device) if p == 1 else where(wrap(violated, device), excess, 0) * 2
    slope = slope - wrap((~wrong).astype(kind), device) * slope.sum(1, keepdim=True)
    share = xp.ones(1) if factor is None else factor[:, None]
    return g.unsqueeze(1) * (slope * wrap((share / x.shape[1]).astype(kind), device))


multi_margin.vjp(x=_multi_margin_rule)


@Primitive
def multilabel_margin(xp: Any, x: Array, *, labels: Array) -> Array:
    """out[n] = sum over k, c of max(0, 1 - x[n,y_nk] + x[n,c]) / C, for right classes y_nk and wrong classes c

    dL/dx = g[n] slope[n,c], with the slope constant between kinks: for a wrong class the number of right ones whose
    margin it violates, for a right class minus the number of wrong ones that violate its, over C.

    x (N, C); labels (N, C) are class indices up to the first -1. One pass for each place in the list, of (N, C).
    """
    total = xp.zeros(x.shape[0])
    for _, _, excess in _violations(xp, x, labels):
        total += excess.sum(1, dtype="float64")
    return (total / x.shape[1]).astype(x.dtype)


def _violations(xp: Any, x: Array, labels: Array) -> Any:
    """For each place k: which rows list a class there, its index (N, 1), and by how much others violate its margin."""
    listed = (labels >= 0).cumprod(1).astype(bool)  # up to the first -1
    right = xp.zeros((x.shape[0], x.shape[1] + 1), bool)  # the last column is for what is not listed
    right[xp.arange(len(x))[:, None], xp.where(listed, labels, x.shape[1])] = True
    right = right[:, :-1]
    longest = int(listed.sum(1).max()) if on_host(listed) and listed.size else labels.shape[1]
    for k in range(longest):
        index = xp.where(listed[:, k], labels[:, k], 0)[:, None]
        excess = x.dtype.type(1) - xp.take_along_axis(x, index, 1) + x
        yield listed[:, k], index, xp.where(listed[:, k, None] & ~right & (excess > 0), excess, x.dtype.type(0))


def _rule(g: Any, x: Any, labels: Array) -> Any:
    xp, slope = x.device.xp, x.device.xp.zeros(x.shape)
    rows = xp.arange(len(labels))
    for _, index, excess in _violations(xp, x._array, labels):
        violated = excess > 0
        slope += violated
        slope[rows, index[:, 0]] -= violated.sum(1)
    return g.unsqueeze(1) * wrap((slope / max(x.shape[1], 1)).astype(x._array.dtype), x.device)


multilabel_margin.vjp(x=_rule)


@Pointwise
def soft_hinge(xp: Any, u: Array, z: Array) -> Array:
    """out = log(1 + z) for z = e^u, which has no gradient of its own        dL/du = g z / (1 + z)

    z is given as rounded to the type of u, so that half types overflow where torch's do. The quotient comes before the
    product with g: g / (1 + z) would be lost among the subnormal numbers of float16.
    """
    return xp.log1p(z)


@Pointwise
def soft_step(xp: Any, u: Array, z: Array) -> Array:
    """out = z / (1 + z) for z = e^u, which has no gradient of its own      dL/du = g out / (1 + z)

    Written out, because the rule of the quotient takes two numbers from each other that are nearly 1 where z is large.
    """
    return z / (z + 1)


soft_hinge.vjp(u=lambda g, u: g * soft_step(u, u.detach().exp()))
soft_step.vjp(u=lambda g, u: g * (soft_step(u, u.detach().exp()) / (u.exp() + 1)))
