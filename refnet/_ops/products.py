"""Products of vectors and matrices beside matmul: inner, along a dimension, cross, Kronecker, and added to something."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops.arithmetic import mul
from refnet._ops.matmul import bmm, dot, tensordot


def inner(input: Any, other: Any, *, out: Any = None) -> Any:
    """The sum of products over the last dimensions: (..., k), (*, k) -> (..., *). With a 0-d factor, the plain product.

    >>> import refnet
    >>> refnet.inner(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([1, 1]))
    tensor([3, 7])
    """
    expect_tensor(input, "inner")
    expect_tensor(other, "inner", "other", 2)
    if input.ndim == 0 or other.ndim == 0:
        return mul(input, other, out=out)
    check(
        input.shape[-1] == other.shape[-1],
        lambda: (
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        ),
    )
    return tensordot(input, other, ([-1], [-1]), out=out)


def vdot(input: Any, other: Any, *, out: Any = None) -> Any:
    """The sum of products of two vectors; for real numbers the same as dot."""
    expect_tensor(other, "vdot", "other", 2)
    return dot(input, other, out=out)


def vecdot(x: Any, y: Any, *, dim: int = -1, out: Any = None) -> Any:
    """The sum of products along one dimension, the others broadcast.

    >>> import refnet
    >>> refnet.linalg.vecdot(refnet.tensor([[1.0, 2.0], [3.0, 4.0]]), refnet.ones(2))
    tensor([3., 7.])
    """
    name = "linalg.vecdot"
    expect_tensor(x, "linalg_vecdot", "x")
    expect_tensor(y, "linalg_vecdot", "y", 2)
    check(
        x.is_floating_point(),
        lambda: f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x.dtype)}",
    )
    check(
        x.dtype is y.dtype,
        lambda: (
            f"{name}: Expected x and y to have the same dtype, but found x of type {type_name(x.dtype)} and y of type "
            f"{type_name(y.dtype)} instead"
        ),
    )
    return into(out, (x * y).sum(dim), name)


def cross(input: Any, other: Any, *, dim: int = -1, out: Any = None) -> Any:
    """The vector product along a dimension of size 3: out_i = x_(i+1) y_(i+2) - x_(i+2) y_(i+1), indices modulo 3.

    >>> import refnet
    >>> refnet.linalg.cross(refnet.tensor([1.0, 0.0, 0.0]), refnet.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    name = "linalg.cross"
    expect_tensor(input, "linalg_cross")
    expect_tensor(other, "linalg_cross", "other", 2)
    check(
        input.ndim == other.ndim,
        lambda: f"{name}: inputs must have the same number of dimensions, got {input.ndim} and {other.ndim}.",
    )
    d = dim_of(dim, input.ndim)
    check(
        input.shape[d] == other.shape[d] == 3,
        lambda: f"{name}: inputs dimension {dim} must have length 3. Got {input.shape[d]} and {other.shape[d]}",
    )
    check(
        input.dtype is other.dtype,
        lambda: f"expected scalar type {type_name(input.dtype)} but found {type_name(other.dtype)}",
    )
    return into(out, input.roll(-1, d) * other.roll(-2, d) - input.roll(-2, d) * other.roll(-1, d), name)


def legacy_cross(input: Any, other: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """`linalg.cross`, along the first dimension of size 3 where `dim` is not given."""
    if dim is None:
        expect_tensor(input, "cross")
        check(
            3 in input.shape,
            lambda: f"no dimension of size 3 in input, got shape {list(input.shape)}",
        )
        dim = input.shape.index(3)
    return cross(input, other, dim=dim, out=out)


def kron(input: Any, other: Any, *, out: Any = None) -> Any:
    """The Kronecker product: every element of input times the whole of other, in blocks.

    >>> import refnet
    >>> refnet.kron(refnet.tensor([[1, 2]]), refnet.tensor([[1], [1]]))
    tensor([[1, 2],
            [1, 2]])
    """
    expect_tensor(input, "kron")
    expect_tensor(other, "kron", "other", 2)
    ndim = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (ndim - input.ndim) + tuple(input.shape))
    b = other.reshape((1,) * (ndim - other.ndim) + tuple(other.shape))
    outer = a[(slice(None), None) * ndim] * b[(None, slice(None)) * ndim]
    return into(out, outer.reshape(tuple(n * m for n, m in zip(a.shape, b.shape, strict=True))), "kron")


# --- plus something -----------------------------------------------------------------------------------------------


def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (vec1 outer vec2), input broadcast to (n, m).

    >>> import refnet
    >>> refnet.addr(refnet.zeros(2, 2), refnet.tensor([1.0, 2.0]), refnet.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for position, (x, name) in enumerate(((input, "input"), (vec1, "vec1"), (vec2, "vec2")), 1):
        expect_tensor(x, "addr", name, position)
    for x, name in ((vec1, "vec1"), (vec2, "vec2")):
        check(x.ndim == 1, lambda x=x, name=name: f"addr: Expected 1-D argument {name}, but got {x.ndim}-D")  # type: ignore[misc]
    whole = not any(x.is_floating_point() for x in (input, vec1, vec2))
    for factor, name in ((beta, "beta"), (alpha, "alpha")):
        check(
            not (whole and isinstance(factor, float)),
            lambda name=name: f"For integral input tensors, argument {name} must not be a floating point number.",  # type: ignore[misc]
        )
    product = vec1.unsqueeze(1) * vec2
    if _dtype.result_type(input, product) is _dtype.bool_:  # any number but 0 is true, a sum is "or"
        return into(out, (_scaled(input, product.shape, 1) & bool(beta)) | (product & bool(alpha)), "addr")
    product = product if alpha == 1 else product * alpha
    return into(out, _scaled(input, product.shape, beta) + product, "addr")


def _scaled(input: Any, shape: tuple[int, ...], beta: Any) -> Any:
    """beta input, broadcast to `shape`; with beta 0 not even its nan counts, and it gets a gradient of zeros."""
    added = input.expand(shape)
    if beta == 0:
        return added.masked_fill(added.new_ones((), dtype=_dtype.bool_), 0)
    return added if beta == 1 else added * beta


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha times the sum over the batch of batch1 @ batch2, input broadcast to (n, m).

    >>> import refnet
    >>> refnet.addbmm(refnet.zeros(2, 2), refnet.ones(3, 2, 4), refnet.ones(3, 4, 2))
    tensor([[12., 12.],
            [12., 12.]])
    """
    for position, (x, name) in enumerate(((input, "input"), (batch1, "batch1"), (batch2, "batch2")), 1):
        expect_tensor(x, "addbmm", name, position)
    check(batch1.ndim == 3, lambda: "batch1 must be a 3D tensor")
    check(batch2.ndim == 3, lambda: "batch2 must be a 3D tensor")
    check(
        batch1.shape[0] == batch2.shape[0],
        lambda: f"batch1 and batch2 must have same number of batches, got {batch1.shape[0]} and {batch2.shape[0]}",
    )
    product = bmm(batch1, batch2).sum(0, dtype=batch1.dtype)
    if not product.is_floating_point():  # integers drop the fraction
        beta, alpha = int(beta), int(alpha)
    product = product if alpha == 1 else product * alpha
    return into(out, product + _scaled(input, product.shape, beta), "addbmm")
