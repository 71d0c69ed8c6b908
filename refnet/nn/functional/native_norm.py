"""Normalizations together with the moments that they used: torch.native_layer_norm and its like.

Each gives (out, mean, 1 / sqrt(var + eps)). The moments of layer and batch norm have no gradient, as in torch.
"""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.reduce import var_mean
from refnet._tape import set_grad
from refnet.nn.functional._arguments import widened
from refnet.nn.functional.layer_norm import group_norm, layer_norm
from refnet.nn.functional.normalization import batch_norm

Normalized = tuple[Any, Any, Any]


def _moments(x: Any, dims: tuple[int, ...], eps: float, dtype: Any, keepdim: bool) -> tuple[Any, Any]:
    """mean and 1 / sqrt(var + eps), the variance the biased one."""
    variance, mean = var_mean(widened(x), dims, correction=0, keepdim=keepdim)
    return mean.to(dtype), (variance + eps).rsqrt().to(dtype)


def _dtype_of_moments(input: Any, *parameters: Any) -> Any:
    """The type of the parameters, which may be float32 beside a half input; else that of the input."""
    return next((p.dtype for p in parameters if p is not None), input.dtype)


def native_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Normalized:
    """`nn.functional.layer_norm`, and the moments of every row: sizes 1 where input is normalized.

    >>> import refnet
    >>> refnet.native_layer_norm(refnet.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    with set_grad(False):
        return out, *_moments(input, dims, eps, _dtype_of_moments(input, weight, bias), keepdim=True)


def native_group_norm(
    input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> Normalized:
    """`nn.functional.group_norm` of (N, C, ...) with H W = HxW elements a channel, and the moments (N, group).

    >>> import refnet
    >>> refnet.native_group_norm(refnet.tensor([[1.0, 3.0]]), None, None, 1, 2, 1, 1, 0.0)[1:]
    (tensor([[2.]]), tensor([[1.]]))
    """
    expect_tensor(input, "native_group_norm")
    check(group > 0, lambda: f"Expected num groups to be greater than 0, got {group}")
    check(
        input.numel() == N * C * HxW,
        lambda: f"Expected input to have N C HxW = {N} {C} {HxW} elements, but got input of shape {list(input.shape)}",
    )
    check(
        C % group == 0,
        lambda: (
            f"Expected number of channels in input to be divisible by num_groups, but got C={C} and num_groups={group}"
        ),
    )
    groups = input.reshape(N, group, math.prod((C // group, HxW)))
    moments = _moments(groups, (2,), eps, _dtype_of_moments(input, weight, bias), keepdim=False)
    return group_norm(input, group, weight, bias, eps), *moments


def native_batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> Normalized:
    """`nn.functional.batch_norm`, and in training the moments (C,) of the batch; in evaluation nothing, (0,), in place.

    >>> import refnet
    >>> refnet.native_batch_norm(refnet.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-5)[1]
    tensor([2.])
    """
    out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    dtype = _dtype_of_moments(input, weight, bias)
    if not training:
        nothing = input.new_empty((0,), dtype=_dtype.check_dtype(dtype, "native_batch_norm"))
        return out, nothing, nothing.clone()
    with set_grad(False):
        dims = tuple(d for d in range(input.ndim) if d != 1)
        return out, *_moments(input, dims, eps, dtype, keepdim=False)
