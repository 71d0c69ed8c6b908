"""Reductions: sum, mean, prod, var, std, logsumexp, norm, all, any, and their like.

Dimensions are given as one int, several, or None for all; each may count from the end. A kernel takes them as `dims`,
a tuple from the front, and leaves them with size 1 where `keepdim`. Half types are accumulated in float32. Sums are
trees (`_accumulate`); var and norm work in float64, as torch's do, since they subtract or square first.
"""

import builtins
import math
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops import shape
from refnet._ops._accumulate import tree_product, tree_sum, without
from refnet._ops._args import MISSING, expect_tensor, into, type_name
from refnet._ops._dims import Shape, dims_of
from refnet._ops.extrema import all as all  # noqa: A004
from refnet._ops.extrema import amax as amax
from refnet._ops.extrema import amin as amin
from refnet._ops.extrema import aminmax as aminmax
from refnet._ops.extrema import any as any  # noqa: A004
from refnet._ops.extrema import argmax as argmax
from refnet._ops.extrema import argmin as argmin
from refnet._ops.extrema import max as max  # noqa: A004
from refnet._ops.extrema import min as min  # noqa: A004
from refnet._ops.pointwise import abs as absolute
from refnet._ops.pointwise import exp, isnan, power, sign, where
from refnet._ops.scan import cumprod as cumprod
from refnet._ops.scan import cumsum as cumsum
from refnet._tape import Primitive

Array = Any


def restore(g: Any, dims: Shape, keepdim: bool, ndim: int) -> Any:
    """A reduced tensor with its reduced dimensions back, of size 1."""
    if keepdim or not dims:
        return g
    return shape.basic_index(g, key=tuple(None if d in dims else slice(None) for d in range(ndim)))


def _spread(g: Any, x_shape: Shape, dims: Shape, keepdim: bool) -> Any:
    return shape.broadcast(restore(g, dims, keepdim, len(x_shape)), shape=x_shape)


def count(sizes: Shape, dims: Shape) -> int:
    """How many elements are reduced to one."""
    return math.prod(sizes[d] for d in dims)


def _converted(input: Any, dtype: Any, out: Any, name: str) -> Any:
    """input in the type to accumulate and return: `dtype`, or that of `out`, or int64 for integers and bools."""
    expect_tensor(input, name)
    if dtype is not None:
        return input.to(_dtype.check_dtype(dtype, name))
    if out is not None:
        return input.to(out.dtype)
    return input if input.dtype.is_floating_point else input.to(_dtype.int64)


def _refuse_keepdim_alone(dim: Any, keepdim: bool, name: str) -> None:
    check(
        dim is not MISSING or not keepdim,
        lambda: (
            f"{name}() received an invalid combination of arguments: keepdim needs dim; pass dim=None to reduce all"
        ),
        TypeError,
    )


# --- sum, mean, product -------------------------------------------------------------------------------------------


@Primitive
def _sum(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = sum of x over dims        dL/dx = g, spread over dims"""
    if x.dtype == bool:
        return xp.any(x, axis=dims, keepdims=keepdim)
    wide = x.astype(_dtype.opmath(x.dtype), copy=False)
    return without(tree_sum(xp, wide, dims), dims, keepdim).astype(x.dtype, copy=False)


_sum.vjp(x=_spread)


def sum(input: Any, dim: Any = MISSING, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """The sum of input over `dim` (one, several, or all), accumulated and returned in `dtype`.

    Integers and bools are added as int64. An empty sum is 0.

    >>> import refnet
    >>> refnet.sum(refnet.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    _refuse_keepdim_alone(dim, keepdim, "sum")
    input = _converted(input, dtype, out, "sum")
    dims = dims_of(None if dim is MISSING else dim, input.ndim)
    return into(out, _sum(input, dims=dims, keepdim=keepdim), "sum")


@Primitive
def _without_nan(xp: Any, x: Array) -> Array:
    """out = 0 where x is nan, else x        dL/dx = g, 0 where x is nan and g finite"""
    return xp.where(x != x, x.dtype.type(0), x).astype(x.dtype, copy=False)  # cupy has no loop for bfloat16


_without_nan.vjp(x=lambda g, x: g * (x == x))


def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """The sum of input over `dim` with nan counted as 0, also in the gradient.

    >>> import refnet
    >>> refnet.nansum(refnet.tensor([1.0, float("nan")]))
    tensor(1.)
    """
    expect_tensor(input, "nansum")
    if input.dtype.is_floating_point:
        input = _without_nan(input)
    return sum(input, dim, keepdim, dtype=dtype, out=out)


@Primitive
def _mean(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = sum of x over dims / n        dL/dx = g / n, spread over dims"""
    wide = x.astype(_dtype.opmath(x.dtype), copy=False)
    total = without(tree_sum(xp, wide, dims), dims, keepdim)
    return (total / total.dtype.type(count(x.shape, dims))).astype(x.dtype, copy=False)


_mean.vjp(
    x=lambda g, x_shape, dims, keepdim: _spread(g, x_shape, dims, keepdim) / builtins.max(count(x_shape, dims), 1)
)


def mean(input: Any, dim: Any = MISSING, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """The mean of input over `dim` (one, several, or all); nan for an empty one.

    RuntimeError for integers without a floating `dtype`.

    >>> import refnet
    >>> refnet.mean(refnet.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    _refuse_keepdim_alone(dim, keepdim, "mean")
    expect_tensor(input, "mean")
    wanted = dtype if dtype is not None else out.dtype if out is not None else input.dtype
    which = "Input" if dtype is None else "Optional"
    check(
        wanted.is_floating_point,
        lambda: (
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            f"Got: {type_name(wanted)}"
        ),
    )
    dims = dims_of(None if dim is MISSING else dim, input.ndim)
    return into(out, _mean(input.to(wanted), dims=dims, keepdim=keepdim), "mean")


@Primitive
def _prod(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = product of x over dims        dL/dx_i = g times the product of the others"""
    if x.dtype == bool:
        return xp.all(x, axis=dims, keepdims=keepdim)
    wide = x.astype(_dtype.opmath(x.dtype), copy=not dims)  # the product over no dimension is x itself: a copy
    return without(tree_product(xp, wide, dims), dims, keepdim).astype(x.dtype, copy=False)


def _prod_rule(g: Any, x: Any, out: Any, dims: Shape, keepdim: bool) -> Any:
    if not x.ndim:
        return g
    g, out = restore(g, dims, keepdim, x.ndim), restore(out, dims, keepdim, x.ndim)
    if x.device.type == "cpu" and not (x == 0).any().item():  # a GPU is not waited for
        return g * (out / x)
    # With zeros among the factors: the product of what comes before times the product of what comes after.
    order = (*(d for d in range(x.ndim) if d not in dims), *dims)
    kept = tuple(x.shape[d] for d in order[: x.ndim - len(dims)])
    rows = shape.permute(x, order).reshape(*kept, -1)
    others = _exclusive(rows) * shape.flip(_exclusive(shape.flip(rows, -1)), -1)
    back = tuple(order.index(d) for d in range(x.ndim))
    return g * shape.permute(others.reshape(tuple(x.shape[d] for d in order)), back)


def _exclusive(rows: Any) -> Any:
    """Along the last dimension, the product of all that comes before each element."""
    ones = rows.new_ones((*rows.shape[:-1], 1))
    return cumprod(shape.cat([ones, shape.narrow(rows, -1, 0, rows.shape[-1] - 1)], -1), -1)


_prod.vjp(x=_prod_rule)


def prod(input: Any, dim: Any = MISSING, keepdim: Any = MISSING, *, dtype: Any = None, out: Any = None) -> Any:
    """The product of input over `dim`, one dimension, or over all. Integers are multiplied as int64.

    >>> import refnet
    >>> refnet.prod(refnet.tensor([[1, 2], [3, 4]]), 1)
    tensor([ 2, 12])
    """
    check(
        (dim is MISSING and keepdim is MISSING) or hasattr(dim, "__index__"),
        lambda: f"prod() received an invalid combination of arguments: dim must be one int, got {dim!r}",
        TypeError,
    )
    input = _converted(input, dtype, out, "prod")
    dims = dims_of(None if dim is MISSING else dim, input.ndim)
    return into(out, _prod(input, dims=dims, keepdim=keepdim is not MISSING and bool(keepdim)), "prod")


def sum_to_size(input: Any, size: Shape) -> Any:
    """input summed over the dimensions in which it was broadcast from `size`.

    >>> import refnet
    >>> refnet.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    size, have = tuple(size), input.shape
    lead = len(have) - len(size)
    check(
        lead >= 0 and builtins.all(n in (1, m) for n, m in zip(size, have[lead:], strict=True)),
        lambda: f"size {{{list(size)}}} is not expandable to size {{{list(have)}}}.",
    )
    dims = tuple(range(lead)) + tuple(lead + d for d, n in enumerate(size) if n == 1 != have[lead + d])
    if not dims and have:
        return input
    if not input.dtype.is_floating_point:
        input = input.to(_dtype.int64)
    summed = _sum(input, dims=dims, keepdim=True)
    return shape.view(summed, shape=size) if lead else summed


def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements along `dim` are not 0, as int64.

    >>> import refnet
    >>> refnet.count_nonzero(refnet.tensor([[0, 1], [2, 3]]), dim=0)
    tensor([1, 2])
    """
    expect_tensor(input, "count_nonzero")
    return sum(input != 0, dim)


# --- variance -----------------------------------------------------------------------------------------------------


@Primitive
def _var(xp: Any, x: Array, *, dims: Shape, keepdim: bool, correction: float) -> Array:
    """out = sum of (x - mean)^2 over dims / (n - correction)        dL/dx = 2 g (x - mean) / (n - correction)"""
    return without(_moments(xp, x, dims, correction)[0], dims, keepdim).astype(x.dtype)


@Primitive
def _std(xp: Any, x: Array, *, dims: Shape, keepdim: bool, correction: float) -> Array:
    """out = sqrt(var)        dL/dx = g / (2 out) through var, 0 where out = 0"""
    return without(xp.sqrt(_moments(xp, x, dims, correction)[0]), dims, keepdim).astype(x.dtype)


@Primitive
def _var_mean(xp: Any, x: Array, *, dims: Shape, keepdim: bool, correction: float) -> tuple[Array, Array]:
    """out = (var, mean), each to the last bit        dL/dx = the sum of their rules"""
    return tuple(without(m, dims, keepdim).astype(x.dtype) for m in _moments(xp, x, dims, correction))


def _moments(xp: Any, x: Array, dims: Shape, correction: float) -> tuple[Array, Array]:
    """Variance and mean in float64. Two passes; the sum of the deviations, 0 but for rounding, corrects the second."""
    wide = x.astype(xp.float64, copy=False)
    n = xp.float64(count(x.shape, dims))
    mean = tree_sum(xp, wide, dims) / n
    deviation = wide - mean
    drift = tree_sum(xp, deviation, dims)
    squares = tree_sum(xp, deviation * deviation, dims) - drift * drift / n
    freedom = n - correction
    return xp.maximum(squares, 0) / (freedom if freedom > 0 else xp.float64(0)), mean


@Primitive
def _centred(xp: Any, x: Array, *, dims: Shape) -> Array:
    """out = x - mean of x over dims, in float64        dL/dx = g - mean of g over dims"""
    wide = x.astype(xp.float64, copy=False)
    return (wide - tree_sum(xp, wide, dims) / xp.float64(count(x.shape, dims))).astype(x.dtype)


_centred.vjp(x=lambda g, dims: _centred(g, dims=dims))


def _var_rule(g: Any, x: Any, dims: Shape, keepdim: bool, correction: float) -> Any:
    freedom = count(x.shape, dims) - correction
    scale = 2 / freedom if freedom else math.inf
    return restore(g, dims, keepdim, x.ndim) * scale * _centred(x, dims=dims)


def _std_rule(g: Any, x: Any, out: Any, dims: Shape, keepdim: bool, correction: float) -> Any:
    return _var_rule(where(out == 0, 0.0, g / (out * 2)), x, dims, keepdim, correction)


def _var_mean_rule(g: Any, x: Any, dims: Shape, keepdim: bool, correction: float) -> Any:
    of_var, of_mean = g
    parts = []
    if of_var is not None:
        parts.append(_var_rule(of_var, x, dims, keepdim, correction))
    if of_mean is not None:
        parts.append(_spread(of_mean, x.shape, dims, keepdim) / builtins.max(count(x.shape, dims), 1))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


_var.vjp(x=_var_rule)
_std.vjp(x=_std_rule)
_var_mean.vjp(x=_var_mean_rule)


def _degrees(input: Any, dim: Any, unbiased: Any, correction: Any, name: str) -> tuple[Shape, float]:
    """The dimensions and the correction, from torch's three ways to call these: var(x, unbiased), var(x, dim,
    unbiased), var(x, dim, correction=).
    """
    expect_tensor(input, name)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    check(
        unbiased is None or correction is MISSING,
        lambda: f"{name}() received an invalid combination of arguments: give unbiased or correction, not both",
        TypeError,
    )
    subject = "std and var" if name in ("var", "std") else name
    check(input.dtype.is_floating_point, lambda: f"{subject} only support floating point and complex dtypes")
    if correction is MISSING or correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dims_of(dim, input.ndim), correction


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = MISSING,
    out: Any = None,
) -> Any:
    """The variance over `dim`: squared deviations from the mean, summed, divided by n - correction.

    The correction is 1 (Bessel's) unless given; `unbiased=False` is correction 0. Where n <= correction the result is
    nan or inf.

    >>> import refnet
    >>> refnet.var(refnet.tensor([1.0, 2.0, 4.0]), correction=0)
    tensor(1.5556)
    """
    dims, correction = _degrees(input, dim, unbiased, correction, "var")
    return into(out, _var(input, dims=dims, keepdim=keepdim, correction=correction), "var")


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = MISSING,
    out: Any = None,
) -> Any:
    """The standard deviation over `dim`, the square root of `var`; its gradient is 0 where it is 0.

    >>> import refnet
    >>> refnet.std(refnet.tensor([1.0, 2.0, 4.0]))
    tensor(1.5275)
    """
    dims, correction = _degrees(input, dim, unbiased, correction, "std")
    return into(out, _std(input, dims=dims, keepdim=keepdim, correction=correction), "std")


def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = MISSING
) -> tuple[Any, Any]:
    """The variance and the mean over `dim`."""
    dims, correction = _degrees(input, dim, unbiased, correction, "var_mean")
    return _var_mean(input, dims=dims, keepdim=keepdim, correction=correction)  # type: ignore[no-any-return]


def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = MISSING
) -> tuple[Any, Any]:
    """The standard deviation and the mean over `dim`."""
    dims, correction = _degrees(input, dim, unbiased, correction, "std_mean")
    return _std(input, dims=dims, keepdim=keepdim, correction=correction), _var_mean(
        input, dims=dims, keepdim=keepdim, correction=correction
    )[1]


# --- logsumexp and norms ------------------------------------------------------------------------------------------


@Primitive
def _logsumexp(xp: Any, x: Array, *, dims: Shape, keepdim: bool) -> Array:
    """out = log sum e^x over dims, shifted by the largest x        dL/dx = g e^(x - out)"""
    wide = x.astype(_dtype.opmath(x.dtype), copy=False)
    if x.size:
        largest = xp.max(wide, axis=dims, keepdims=True)
        largest = xp.where(xp.isinf(largest), wide.dtype.type(0), largest)
        total = xp.log(tree_sum(xp, xp.exp(wide - largest), dims)) + largest
    else:
        total = xp.log(tree_sum(xp, wide, dims))
    return without(total, dims, keepdim).astype(x.dtype, copy=False)


def _logsumexp_rule(g: Any, x: Any, out: Any, dims: Shape, keepdim: bool) -> Any:
    return restore(g, dims, keepdim, x.ndim) * exp(x - restore(out, dims, keepdim, x.ndim))


_logsumexp.vjp(x=_logsumexp_rule)


def logsumexp(input: Any, dim: Any, keepdim: bool = False, *, out: Any = None) -> Any:
    """log(sum of e^input) over `dim`, without overflow; -inf for an empty sum.

    >>> import refnet
    >>> refnet.logsumexp(refnet.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    expect_tensor(input, "logsumexp")
    check(
        dim is not None,
        lambda: "logsumexp(): argument 'dim' (position 2) must be tuple of ints, not NoneType",
        TypeError,
    )
    if not input.dtype.is_floating_point:
        input = input.to(_dtype.get_default_dtype())
    dims = dims_of(dim, input.ndim)
    return into(out, _logsumexp(input, dims=dims, keepdim=keepdim), "logsumexp")


@Primitive
def _vector_norm(xp: Any, x: Array, *, ord: float, dims: Shape, keepdim: bool) -> Array:
    """out = (sum |x|^p over dims)^(1/p); the largest or smallest |x| for p = inf, -inf; how many are not 0 for p = 0

    dL/dx = g sign(x) (|x| / out)^(p-1), 0 where out = 0; for p = inf, -inf g is shared among the ties; none for p = 0
    """
    wide = x.astype(xp.float64, copy=False)
    if ord == 2:
        norm = xp.sqrt(tree_sum(xp, wide * wide, dims))
    elif ord == 0:
        norm = tree_sum(xp, (wide != 0).astype(xp.float64), dims)
    elif ord == 1:
        norm = tree_sum(xp, xp.abs(wide), dims)
    elif math.isinf(ord):
        norm = (xp.max if ord > 0 else xp.min)(xp.abs(wide), axis=dims, keepdims=True)
    else:
        norm = tree_sum(xp, xp.abs(wide) ** ord, dims) ** (1 / ord)
    return without(norm, dims, keepdim).astype(x.dtype, copy=False)


def _norm_rule(g: Any, x: Any, out: Any, ord: float, dims: Shape, keepdim: bool) -> Any:
    g, norm = restore(g, dims, keepdim, x.ndim), restore(out, dims, keepdim, x.ndim)
    if ord == 0:
        return None
    if ord == 1:
        return g * sign(x)
    if ord == 2:
        return g * where(norm == 0, 0.0, x / norm)
    if math.isinf(ord):
        ties = (absolute(x) == norm) | isnan(x)
        return sign(x) * (where(ties, g, 0.0) / sum(ties, list(dims), True))
    if ord < 1:
        return where(x == 0, 0.0, sign(x) * power(absolute(x), ord - 1)) * g * power(norm, 1 - ord)
    scaled = sign(x) * power(absolute(x), ord - 1) if ord < 2 else x * power(absolute(x), ord - 2)
    return scaled * where(norm == 0, 0.0, g / power(norm, ord - 1))


_vector_norm.vjp(x=_norm_rule)


def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """(sum of |x|^ord over `dim`)^(1/ord), of x seen as a flat vector where `dim` is None.

    ord inf and -inf give the largest and the smallest |x|, 0 the number of elements that are not 0. `dtype`, which
    must not be narrower than that of x, converts x first.

    >>> import refnet
    >>> refnet.linalg.vector_norm(refnet.tensor([3.0, -4.0]))
    tensor(5.)
    """
    name = "linalg.vector_norm"
    expect_tensor(x, "linalg_vector_norm", "x")
    check(
        isinstance(ord, int | float),
        lambda: f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}",
        TypeError,
    )
    check(
        x.dtype.is_floating_point,
        lambda: f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x.dtype)}",
    )
    if dtype is not None:
        check(
            dtype.is_floating_point,
            lambda: f"{name}: dtype should be floating point or complex, but got {type_name(dtype)}",
        )
        check(
            _dtype.promote_types(x.dtype, dtype) is dtype,
            lambda: (
                f"{name}: the dtype of the input ({type_name(x.dtype)}) should be convertible without narrowing to the "
                f"specified dtype ({type_name(dtype)})"
            ),
        )
        x = x.to(dtype)
    dims = dims_of(dim, x.ndim)
    if ord < 0 or ord == math.inf:
        shown = f"{ord:g}"
        check(
            x.numel() > 0 or dim not in (None, (), []),
            lambda: (
                f"{name} cannot compute the {shown} norm on an empty tensor because the operation does not have an "
                "identity"
            ),
        )
        for d in dims:
            check(
                x.ndim == 0 or x.shape[d] > 0,
                lambda d=d: (
                    f"{name} cannot compute the {shown} norm on the dimension {d} because this dimension is empty "  # type: ignore[misc]
                    "and the operation does not have an identity"
                ),
            )
    return into(out, _vector_norm(x, ord=float(ord), dims=dims, keepdim=keepdim), name)
