"""Clip gradients in place, by their norm or by their value."""

import math
import types
import warnings
from collections.abc import Iterable
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._tape import TensorBase, mode, set_grad, wrap
from refnet.creation import tensor
from refnet.tensor import Tensor

Array = Any


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale the gradients of `parameters`, as one vector g, by min(1, max_norm / (|g|_p + 1e-6)).

    - norm_type: the p of the norm; `math.inf` (or "inf") for the largest magnitude.
    - error_if_nonfinite: RuntimeError where the norm is infinite or nan, rather than scaling by it.
    - foreach: accepted; there is one implementation.

    Returns the norm before clipping.

    >>> import refnet
    >>> w = refnet.zeros(2, requires_grad=True)
    >>> w.grad = refnet.tensor([3.0, 4.0])
    >>> clip_grad_norm_(w, max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    if isinstance(parameters, types.GeneratorType) and not listed:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm([p.grad for p in listed if p.grad is not None], norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """`clip_grad_norm_` under its deprecated name: it warns with a FutureWarning."""
    warnings.warn(
        "`refnet.nn.utils.clip_grad_norm` is now deprecated in favor of `refnet.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """The p-norm of all tensors as one vector, a 0-d tensor; 0 for no tensors.

    Raises RuntimeError for a norm that is not finite if `error_if_nonfinite`.
    """
    listed = _listed(tensors)
    p = float(norm_type)
    if not listed:
        return tensor(0.0)
    dtype = listed[0].dtype
    for t in listed:
        dtype = _dtype.promote_types(dtype, t.dtype)
    device = listed[0].device
    norms = [wrap(t.device.xp.asarray(_norm(t.device.xp, t._array, p)), t.device).to(device)._array for t in listed]
    xp = device.xp
    total = _norm(xp, xp.asarray([norm.astype(_dtype.opmath(dtype.numpy)) for norm in norms]), p).astype(dtype.numpy)
    check(
        not error_if_nonfinite or math.isfinite(float(total)),
        lambda: (
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        ),
    )
    return wrap(xp.asarray(total), device)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of `parameters` by min(1, max_norm / (total_norm + 1e-6)), where the norm is known."""
    with set_grad(False):
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for parameter in _listed(parameters):
            if parameter.grad is not None:
                parameter.grad.mul_(factor.to(parameter.grad.device))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients of `parameters` to [-clip_value, clip_value].

    >>> import refnet
    >>> w = refnet.zeros(2, requires_grad=True)
    >>> w.grad = refnet.tensor([-3.0, 0.5])
    >>> clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([-1.0000,  0.5000])
    """
    bound = float(clip_value)
    with set_grad(False):
        for parameter in _listed(parameters):
            if parameter.grad is not None:
                parameter.grad.clamp_(min=-bound, max=bound)


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _norm(xp: Any, array: Array, p: float) -> Array:
    """(sum |x|^p)^(1/p), or its limit at 0 and at the infinities, of a whole array; rounded once in half types."""
    result = mode.quiet.run(_wide_norm, xp, array.astype(_dtype.opmath(array.dtype)), p)
    return result.astype(array.dtype)


def _wide_norm(xp: Any, array: Array, p: float) -> Array:
    magnitude = xp.abs(array).reshape(-1)
    if p == 0:
        return (magnitude != 0).sum().astype(array.dtype)
    if math.isinf(p):
        if p > 0 and not magnitude.size:
            return xp.zeros((), array.dtype)
        return magnitude.max() if p > 0 else magnitude.min()
    if p == 1:
        return magnitude.sum()
    if p == 2:
        return xp.sqrt((magnitude * magnitude).sum())
    return (magnitude**p).sum() ** (1 / p)
