"""How far vectors are apart, and how alike their directions are."""

import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._dims import dim_of
from refnet._ops.index import check_broadcast
from refnet._ops.reduce import vector_norm
from refnet._tape import set_grad
from refnet.nn.functional._arguments import expect_bool, expect_real


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim` of their common shape.

    The gradient is that of x1 . x2 / (|x1| |x2|) also where eps stands in for a norm, as in torch.

    >>> import refnet
    >>> refnet.nn.functional.cosine_similarity(refnet.tensor([1.0, 0.0]), refnet.tensor([1.0, 1.0]), dim=0)
    tensor(0.7071)
    """
    name = "cosine_similarity"
    expect_tensor(x1, name, "x1")
    expect_tensor(x2, name, "x2", 2)
    expect_real(eps, name, "eps", 4)
    common = _dtype.promote_types(x1.dtype, x2.dtype)
    check(
        common.is_floating_point,
        lambda: f"expected common dtype to be floating point, yet common dtype is {type_name(common)}",
    )
    check_broadcast(tuple(x1.shape), tuple(x2.shape))
    shape = x1.device.xp.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    dim = dim_of(dim, len(shape))
    units = []
    for x in (x1, x2):
        x = x.to(common).expand(shape)
        norm = vector_norm(x, 2, dim, keepdim=True).clone()
        with set_grad(False):  # the values only
            norm.clamp_(min=eps)
        units.append(x / norm)
    return (units[0] * units[1]).sum(dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension, the two broadcast: (N, D), (N, D) -> (N).

    >>> import refnet
    >>> refnet.nn.functional.pairwise_distance(refnet.tensor([[0.0, 0.0]]), refnet.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    name = "pairwise_distance"
    expect_tensor(x1, name, "x1")
    expect_tensor(x2, name, "x2", 2)
    expect_bool(keepdim, name, "keepdim", 5)
    return vector_norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm of x_i - x_j for every pair i < j of rows of input (N, D): (N (N - 1) / 2).

    >>> import refnet
    >>> refnet.nn.functional.pdist(refnet.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    expect_tensor(input, "pdist")
    check(input.ndim == 2, lambda: f"pdist only supports 2D tensors, got: {input.ndim}D")
    check(input.is_floating_point(), lambda: f"pdist only supports floating-point dtypes, got {type_name(input.dtype)}")
    check(p >= 0 or math.isnan(p), lambda: f"pdist only supports non-negative p values, got {p}")
    check(
        input.itemsize > 2 or not input.numel() or input.shape[0] < 2,
        lambda: f"\"pdist\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    first, second = input.device.xp.triu_indices(input.shape[0], 1)
    return _norms(input[first] - input[second], p)


def _norms(difference: Any, p: float) -> Any:
    """The p-norm along the last dimension."""
    if p == 0:  # how many differ; the gradient is 0, where that of a norm is none
        return difference.abs().ceil().clamp_max(1.0).sum(-1)
    return vector_norm(difference, p, -1)


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norm of x1_i - x2_j for all pairs of rows: (..., P, M), (..., R, M) -> (..., P, R).

    The differences are taken whatever `compute_mode` says: it names faster and less accurate ways.

    >>> import refnet
    >>> refnet.cdist(refnet.tensor([[0.0, 0.0], [3.0, 0.0]]), refnet.tensor([[3.0, 4.0]]))
    tensor([[5.],
            [4.]])
    """
    for position, (name, x) in enumerate((("x1", x1), ("x2", x2)), 1):
        expect_tensor(x, "cdist", name, position)
        check(
            x.is_floating_point(),
            lambda position=position, x=x: (  # type: ignore[misc]
                f"cdist only supports floating-point dtypes, X{position} got: {type_name(x.dtype)}"
            ),
        )
        check(
            x.ndim >= 2,
            lambda position=position, x=x: (  # type: ignore[misc]
                f"cdist only supports at least 2D tensors, X{position} got: {x.ndim}D"
            ),
        )
    check(
        x1.shape[-1] == x2.shape[-1],
        lambda: f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}",
    )
    check(
        x1.dtype is x2.dtype and (x1.itemsize > 2 or not x1.numel()),
        lambda: f"\"cdist\" not implemented for '{type_name(x1.dtype)}' and '{type_name(x2.dtype)}'",
        NotImplementedError,
    )
    check(p >= 0, lambda: f"cdist only supports non-negative p values, got {p}")
    modes = (None, *_MODES)
    check(compute_mode in modes, lambda: f"{compute_mode} is not a valid value for compute_mode", ValueError)
    check_broadcast(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    return _norms(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)
