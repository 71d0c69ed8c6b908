"""Statistics that are compositions: nanmean, cov, corrcoef, dist, renorm."""

import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import reduce, shape
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops.diagonal import diagonal
from refnet._ops.matmul import matmul
from refnet._ops.pointwise import clamp, isnan, sqrt, where


def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """The mean over `dim` of the elements that are not nan; nan where there are none.

    >>> import refnet
    >>> refnet.nanmean(refnet.tensor([1.0, float("nan"), 3.0]))
    tensor(2.)
    """
    expect_tensor(input, "nanmean")
    check(
        input.dtype.is_floating_point,
        lambda: f"nanmean(): expected input to have floating point or complex dtype but got {type_name(input.dtype)}",
    )
    numbers = reduce.sum(~isnan(input.detach()), dim, keepdim)
    return into(out, reduce.nansum(input, dim, keepdim, dtype=dtype) / numbers, "nanmean")


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of input - other, which are broadcast.

    >>> import refnet
    >>> refnet.dist(refnet.tensor([0.0, 3.0]), refnet.tensor([4.0, 0.0]))
    tensor(5.)
    """
    expect_tensor(input, "dist")
    expect_tensor(other, "dist", "other", 2)
    return reduce.vector_norm(input - other, p)


def renorm(input: Any, p: float, dim: int, maxnorm: float, *, out: Any = None) -> Any:
    """input with every slice along `dim` whose p-norm is above maxnorm scaled down to it.

    >>> import refnet
    >>> refnet.renorm(refnet.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    expect_tensor(input, "renorm")
    check(p > 0, lambda: f"renorm: non-positive-norm not supported, got {p}")
    check(maxnorm >= 0, lambda: f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    check(input.ndim > 1, lambda: f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    d = dim_of(dim, input.ndim)
    rest = [e for e in range(input.ndim) if e != d]
    # In float32 for the half types, as torch does; the tiny number keeps a slice of zeros what it is.
    wide = input.to(_dtype.from_numpy(_dtype.opmath(input._array.dtype)))
    norm = reduce.vector_norm(wide, p, rest, True)
    factor = where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)
    return into(out, (input * factor.to(input.dtype)).contiguous(), "renorm")


# --- covariance ---------------------------------------------------------------------------------------------------


def _check_weights(weights: Any, count: int, which: str, integral: bool) -> None:
    check(
        weights.ndim <= 1,
        lambda: (
            f"cov(): expected {which} to have one or fewer dimensions but got {which} with {weights.ndim} dimensions"
        ),
    )
    check(
        weights.dtype.is_floating_point is not integral and weights.dtype is not _dtype.bool_,
        lambda: (
            f"cov(): expected {which} to have {'integral' if integral else 'floating point'} dtype but got {which} with "
            f"{type_name(weights.dtype)} dtype"
        ),
    )
    check(
        weights.numel() == count,
        lambda: (
            f"cov(): expected {which} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        ),
    )
    check(
        weights.numel() == 0 or float(weights._array.min()) >= 0,
        lambda: f"cov(): {which} cannot be negative",
    )


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance matrix of the rows of input; its columns are the observations.

    C = (x - m) diag(w) (x - m)^T / (sum w - correction), m the weighted mean. `fweights` are how often an observation
    is repeated, `aweights` its importance (sum w - correction sum(w a) / sum w then stands below).

    >>> import refnet
    >>> refnet.cov(refnet.tensor([[0.0, 2.0], [1.0, 5.0]]))
    tensor([[2., 4.],
            [4., 8.]])
    """
    expect_tensor(input, "cov")
    check(
        input.ndim <= 2,
        lambda: f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions",
    )
    check(input.dtype is not _dtype.bool_, lambda: "cov(): bool dtype is not supported for input")
    x = input if input.ndim == 2 else input.reshape(1, -1)
    observations = x.shape[1]
    weights = None
    if fweights is not None:
        _check_weights(fweights, observations, "fweights", integral=True)
        weights = fweights
    if aweights is not None:
        _check_weights(aweights, observations, "aweights", integral=False)
        weights = aweights if weights is None else weights * aweights
    total: Any = observations if weights is None else weights.sum()
    check(
        weights is None or float(total.item()) != 0,
        lambda: "cov(): weights sum to zero, can't be normalized",
        ZeroDivisionError,
    )
    mean = (x if weights is None else x * weights).sum(1) / total
    if weights is not None and aweights is not None and correction != 0:
        freedom = total - correction * (weights * aweights).sum() / total
    else:
        freedom = total - correction
    if float(freedom if weights is None else freedom.item()) <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            UserWarning,
            stacklevel=2,
        )
        freedom = 0
    x = x - shape.unsqueeze(mean, 1)
    product = matmul(x, (x if weights is None else x * weights).t())
    return shape.squeeze(product / freedom)


def corrcoef(input: Any) -> Any:
    """The correlation of the rows of input: their covariance over both standard deviations, within [-1, 1].

    >>> import refnet
    >>> refnet.corrcoef(refnet.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    expect_tensor(input, "corrcoef")
    check(
        input.ndim <= 2,
        lambda: (
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        ),
    )
    covariance = cov(input)
    if not covariance.ndim:
        return covariance / covariance
    deviation = sqrt(diagonal(covariance))
    return clamp(covariance / shape.unsqueeze(deviation, 1) / shape.unsqueeze(deviation, 0), -1, 1)
