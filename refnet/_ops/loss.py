"""Losses that are primitives: their gradient is not the derivative of their formula, or must be finite where it is."""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._device import on_host
from refnet._kernels import softmax as kernels
from refnet._kernels.elementwise import elementwise, gradients
from refnet._ops.activation import hardtanh, log_sigmoid
from refnet._ops.pointwise import Pointwise, sigmoid
from refnet._ops.softmax import exponentials, log_softmax_array, room_for_powers, softmax, sums_along
from refnet._tape import Primitive, mode
from refnet._workspace import empty

Array = Any
Ints = tuple[int, ...]


@Pointwise
def binary_cross_entropy(xp: Any, p: Array, y: Array) -> Array:
    """out = (y - 1) max(log(1 - p), -100) - y max(log p, -100)

    dL/dp = `binary_cross_entropy_share` of g
    dL/dy = g (log(1 - p) - log p)
    """
    floor = p.dtype.type(-100)
    return (y - 1) * xp.maximum(xp.log1p(-p), floor) - y * xp.maximum(xp.log(p), floor)


@Pointwise
def binary_cross_entropy_share(xp: Any, g: Array, p: Array, y: Array) -> Array:
    """out = g (p - y) / max((1 - p) p, 1e-12): finite at p = 0 and p = 1

    dL/dg = h (p - y) / q        dL/dp = h g (p^2 - 2 p y + y) / q^2        dL/dy = -h g / q

    with q = (p + 1e-12) (1 - p + 1e-12): torch's rules, which are not those of the formula where it is cut off.
    """
    return g * ((p - y) / xp.maximum((1 - p) * p, p.dtype.type(1e-12)))


def _spread(p: Any) -> Any:
    return (p + 1e-12) * (1 - p + 1e-12)


binary_cross_entropy_share.vjp(
    g=lambda h, p, y: h * ((p - y) / _spread(p)),
    p=lambda h, g, p, y: h * g * ((p * p - (p * y) * 2 + y) / _spread(p).square()),
    y=lambda h, g, p: -h * g / _spread(p),
)
binary_cross_entropy.vjp(
    p=lambda g, p, y: binary_cross_entropy_share(g, p, y),
    y=lambda g, p: g * ((-p).log1p() - p.log()),
)
binary_cross_entropy.on_gpu(lambda xp, p, y: elementwise(xp, "binary_cross_entropy_forward", p, y))
binary_cross_entropy_share.on_gpu(lambda xp, g, p, y: elementwise(xp, "binary_cross_entropy_share_forward", g, p, y))


@Pointwise
def binary_cross_entropy_with_logits(xp: Any, x: Array, y: Array, q: Array) -> Array:
    """out = (1 - y) x + ((q - 1) y + 1) ln(1 + e^-x), without overflow

    dL/dx = g (((q - 1) y + 1) s(x) - q y), s the sigmoid: one cancellation where the formula's derivative has several
    dL/dy = g ((q - 1) ln(1 + e^-x) - x)        q, the weight of positives, is a constant
    """
    softplus = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, x.dtype.type(0))  # ln(1 + e^-x)
    return (1 - y) * x + ((q - 1) * y + 1) * softplus


binary_cross_entropy_with_logits.vjp(
    x=lambda g, x, y, q: g * (((q - 1) * y + 1) * sigmoid(x) - q * y),
    y=lambda g, x, q: g * ((1 - q) * log_sigmoid(x) - x),
)


@Pointwise
def smooth_l1(xp: Any, x: Array, y: Array, *, beta: float) -> Array:
    """out = d^2 / (2 beta) where |d| < beta, else |d| - beta / 2        d = x - y

    dL/dx = -dL/dy = g d / beta, d limited to +-beta
    """
    distance = xp.abs(x - y)
    kind = distance.dtype.type
    return xp.where(distance < beta, distance * distance * kind(0.5) / kind(beta), distance - kind(0.5 * beta))


smooth_l1.vjp(
    x=lambda g, x, y, beta: g * (_limited(x - y, beta) / beta),
    y=lambda g, x, y, beta: g * (_limited(y - x, beta) / beta),
)
smooth_l1.on_gpu(lambda xp, x, y, beta: elementwise(xp, "smooth_l1_forward", x, y, numbers=(beta,)))
smooth_l1.directly_on_gpu(lambda xp, g, wanted, x, y, beta: _both(xp, "smooth_l1_backward", wanted, g, x, y, beta))


@Pointwise
def huber(xp: Any, x: Array, y: Array, *, delta: float) -> Array:
    """out = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)        d = x - y

    dL/dx = -dL/dy = g d, d limited to +-delta
    """
    distance = xp.abs(x - y)
    kind = distance.dtype.type
    linear = (distance - kind(0.5 * delta)) * kind(delta)
    return xp.where(distance <= delta, distance * distance * kind(0.5), linear)


huber.vjp(
    x=lambda g, x, y, delta: g * _limited(x - y, delta),
    y=lambda g, x, y, delta: g * _limited(y - x, delta),
)
huber.on_gpu(lambda xp, x, y, delta: elementwise(xp, "huber_forward", x, y, numbers=(delta,)))
huber.directly_on_gpu(lambda xp, g, wanted, x, y, delta: _both(xp, "huber_backward", wanted, g, x, y, delta))


def _limited(d: Any, bound: float) -> Any:
    """d limited to +-bound, nan kept; its own gradient is 0 from the bounds on, where nothing more is gained."""
    return hardtanh(d, low=-bound, high=bound)


def _both(xp: Any, name: str, wanted: tuple[bool, ...], g: Array, x: Array, y: Array, width: float) -> Any:
    """The gradients of x and of y, which differ in their sign, by a kernel."""
    calls = [(name, g, x, y, (width, sign)) if want else None for want, sign in zip(wanted, (1.0, -1.0), strict=True)]
    return gradients(xp, *calls)


# --- negative log-likelihood ------------------------------------------------------------------------------------------


@Primitive
def picked(
    xp: Any, x: Array, *, index: Array, kept: Array | None, factor: Array | None, divisor: Array | None
) -> Array:
    """out[n,*] = -factor[n,*] x[n,index[n,*],*] where kept, else 0        dL/dx = picked_share(g)

    x (N, C, *), the others (N, *); without a factor it is 1, and kept None is all of them. With a divisor (of no
    dimensions) out is the sum of that divided by it.
    """
    found = -x.reshape(-1).take(_places(xp, x.shape, index)).astype(_dtype.opmath(x.dtype), copy=False)
    return _weighed(xp, found, kept, factor, divisor, x.dtype)


def _places(xp: Any, shape: Ints, index: Array) -> Array:
    """The positions in x (N, C, *), laid out row by row, of x[n,index[n,*],*]."""
    n, c, each = shape[0], shape[1], math.prod(shape[2:])
    first = xp.arange(0, n * c * each, c * each) if n * c * each else xp.zeros(n, "int64")
    if each == 1:
        return first.reshape(index.shape) + index
    return (first[:, None] + xp.arange(each)).reshape(index.shape) + index * each


def _weighed(
    xp: Any, found: Array, kept: Array | None, factor: Array | None, divisor: Array | None, dtype: Any
) -> Array:
    """The terms of a loss, weighed, 0 where not kept, and reduced if there is a divisor."""
    if factor is not None:
        found *= factor
    if kept is not None:
        found = xp.where(kept, found, found.dtype.type(0))
    if divisor is not None:
        total = xp.add.reduce(found, axis=None, dtype="float64")
        found = total.astype(dtype) / divisor  # float16 overflows here, as in torch
    return xp.asarray(found, dtype=dtype, order="C")


@Primitive
def picked_share(
    xp: Any, g: Array, *, shape: Ints, index: Array, kept: Array | None, factor: Array | None, divisor: Array | None
) -> Array:
    """The adjoint of `picked`: -g factor where an element was picked, else 0        dL/dg = picked(h)"""
    out = xp.zeros(shape, g.dtype)
    out.reshape(-1)[_places(xp, shape, index)] = _shares(xp, g, kept, factor, divisor).astype(g.dtype, copy=False)
    return out


def _shares(xp: Any, g: Array, kept: Array | None, factor: Array | None, divisor: Array | None) -> Array:
    """What of g each picked element gets, (N, *)."""
    share = -g.astype(_dtype.opmath(g.dtype), copy=False)
    if divisor is not None:
        share = share / divisor
    if factor is not None:
        share = share * factor
    return share if kept is None else xp.where(kept, share, share.dtype.type(0))


picked.vjp(x=lambda g, x_shape, **p: picked_share(g, shape=x_shape, **p))
picked_share.vjp(g=lambda h, shape, **p: picked(h, **p))


@Primitive
def cross_entropy(
    xp: Any,
    x: Array,
    *,
    index: Array,
    kept: Array | None,
    factor: Array | None,
    divisor: Array | None,
    powers: Array | None = None,
) -> Array:
    """`picked` of the log-softmax of x along dimension 1        dL/dx = s - softmax(x) sum_c s_c, s = picked_share(g)

    The softmax, but for the factor that makes its sum 1, is left in `powers`, where that is given: backward would have
    to compute it again.
    """
    shifted, _, sums = exponentials(xp, x, 1, powers)
    found = xp.log(sums)[:, 0] - shifted.reshape(-1).take(_places(xp, x.shape, index))
    return _weighed(xp, found, kept, factor, divisor, x.dtype)


@cross_entropy.variant
def cross_entropy_composite(xp: Any, x: Array, *, powers: Array | None = None, **parameters: Any) -> Array:
    """The definition."""
    log_p = log_softmax_array(xp, x, dim=1)
    if powers is not None:
        powers[...] = xp.exp(log_p)
    return picked.forward(xp, log_p, **parameters)


def room(x: Any) -> Array | None:
    """Where `cross_entropy` of a tensor x leaves what its gradient needs; None where there will be none, or on a GPU."""
    array = x._array
    return room_for_powers(numpy, array, 1) if mode.grad and x.requires_grad and on_host(array) else None


def _cross_entropy_rule(g: Any, x: Any, x_shape: Ints, index: Array, kept: Array, factor: Array, divisor: Array) -> Any:
    share = picked_share(g, shape=x_shape, index=index, kept=kept, factor=factor, divisor=divisor)
    return share - softmax(x, 1) * share.sum(1, keepdim=True)


cross_entropy.vjp(x=_cross_entropy_rule)


@cross_entropy.directly
def cross_entropy_gradient(
    xp: Any,
    g: Array,
    wanted: tuple[bool, ...],
    x: Array,
    index: Array,
    kept: Array | None,
    factor: Array | None,
    divisor: Array | None,
    powers: Array | None = None,
) -> list[Array]:
    """The softmax times what all elements picked have of g; then the share of each is taken from it."""
    if powers is None:
        _, powers, sums = exponentials(xp, x, 1)
        powers = out = xp.ascontiguousarray(powers)
    else:  # they stay, for another backward
        sums, out = sums_along(xp, powers, 1), empty(xp, x.shape, x.dtype)
    share = _shares(xp, g, kept, factor, divisor).astype(x.dtype, copy=False)
    scale = -(share[:, None] if share.ndim else share) / sums  # one number for all where the loss is their mean
    xp.multiply(powers, scale, out=out)
    out.reshape(-1)[_places(xp, x.shape, index)] += share
    return [out]


cross_entropy.on_gpu(lambda xp, x, powers=None, **parameters: kernels.cross_entropy(xp, x, **parameters))
cross_entropy.directly_on_gpu(kernels.cross_entropy_gradient)
