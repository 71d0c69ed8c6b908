"""Products: matmul and its special cases, sums of products, tensordot.

One primitive, `matrix_product`, multiplies stacks of matrices. Its gradients are products of the same kind with a
factor transposed, so it is closed under gradients; everything else is composed of it, views and sums.

Letters: B the batch, (n, k) @ (k, m) -> (n, m).
"""

import math
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._kernels.conv import channel_sums
from refnet._ops import shape
from refnet._ops._accumulate import tree_sum
from refnet._ops._args import expect_tensor, into, type_name
from refnet._ops._dims import dim_of
from refnet._ops.pointwise import where
from refnet._tape import Primitive
from refnet._threads import get_num_threads, share
from refnet._workspace import empty

Array = Any

_C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int",
    "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
}  # fmt: skip


@Primitive
def matrix_product(xp: Any, x: Array, y: Array) -> Array:
    """out = x @ y over stacks of matrices        dL/dx = g @ y^T        dL/dy = x^T @ g

    (..., n, k) @ (..., k, m) -> (..., n, m). Half types are multiplied and added in float32.
    """
    compute = _dtype.opmath(x.dtype)
    product = gemm(xp, x.astype(compute, copy=False), y.astype(compute, copy=False))
    return xp.asarray(product, dtype=x.dtype, order="C" if x.ndim > 2 or y.ndim > 2 else None)  # stacks are row-major


matrix_product.vjp(x=lambda g, y: matrix_product(g, y.mT), y=lambda g, x: matrix_product(x.mT, g))


@Primitive
def affine(xp: Any, x: Array, w: Array, b: Array = None) -> Array:
    """out = x w^T + b, (N, in), (out, in), (out,) -> (N, out)        dL/dx = g w    dL/dw = g^T x    dL/db = sum_n g[n]"""
    out = gemm(xp, x, w.T)
    if b is not None:
        out += b
    return out


affine.vjp(
    x=lambda g, w: matrix_product(g, w),
    w=lambda g, x: matrix_product(g.mT, x),
    b=lambda g: g.sum(0),
)


@affine.directly
def affine_gradients(xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array) -> list[Array | None]:
    """The three gradients, each one GEMM or sum."""
    return [
        gemm(xp, g, w) if wanted[0] else None,
        gemm(xp, g.T, x) if wanted[1] else None,
        tree_sum(xp, g, (0,)).reshape(-1) if wanted[2] else None,
    ]


@affine.directly_on_gpu
def _affine_gradients_on_gpu(xp: Any, g: Array, wanted: tuple[bool, ...], x: Array, w: Array) -> Any:
    found = affine_gradients(xp, g, (*wanted[:2], False), x, w)
    if wanted[2]:
        found[2] = channel_sums(xp, g)
    return NotImplemented if found[2] is NotImplemented else found


def gemm(xp: Any, x: Array, y: Array) -> Array:
    """x @ y over stacks of matrices of one type; an outer product, a sum of one term, is no work for BLAS."""
    if x.shape[-1] == 1:
        return x * y
    x, y = _for_blas(xp, x), _for_blas(xp, y)
    terms = x.size * y.shape[-1]
    if terms < _THREADED or x.ndim != 2 or y.ndim != 2 or not isinstance(x, numpy.ndarray):
        return xp.matmul(x, y)
    count = min(_PANELS, max(1, terms // _WORTH))
    if count == 1 and get_num_threads() == 1:
        return numpy.matmul(x, y, out=empty(xp, (x.shape[0], y.shape[1]), x.dtype))
    out = empty(xp, (x.shape[0], y.shape[1]), x.dtype)
    tall = x.shape[0] >= y.shape[1]
    step = -(-max(out.shape) // count)

    def panel(number: int) -> None:
        part = slice(number * step, (number + 1) * step)
        if tall:
            numpy.matmul(x[part], y, out=out[part])
        else:
            numpy.matmul(x, y[:, part], out=out[:, part])

    share(panel, count, product=True)
    return out


_THREADED = 1 << 18  # multiply-adds from which on OpenBLAS uses threads of its own
_WORTH = 1 << 24  # multiply-adds worth handing to another thread
_PANELS = 4  # at most: the parts do not depend on the number of threads


def _for_blas(xp: Any, x: Array) -> Array:
    """x with rows or columns that lie densely, as BLAS wants them.

    numpy multiplies other layouts by a plain loop, a hundred times slower.
    """
    if x.flags.c_contiguous or x.flags.f_contiguous:
        return x
    if x.size == 0 or x.itemsize in (abs(x.strides[-1]), abs(x.strides[-2])):
        rows, columns = x.strides[-2:]
        if (
            rows >= 0
            and columns >= 0
            and not (rows == 0 and x.shape[-2] > 1)
            and not (columns == 0 and x.shape[-1] > 1)
        ):
            return x
    return xp.ascontiguousarray(x)


def _refuse_bool(x: Any, kernel: str) -> None:
    check(x.dtype is not _dtype.bool_, lambda: f"\"{kernel}\" not implemented for 'Bool'", NotImplementedError)


def _check_two(a: Any, b: Any, name: str, first: str = "input", second: str = "other") -> None:
    expect_tensor(a, name, first, 1)
    expect_tensor(b, name, second, 2)


def mm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The product of two matrices: (n, k) @ (k, m) -> (n, m).

    >>> import refnet
    >>> refnet.mm(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([[1], [1]]))
    tensor([[3],
            [7]])
    """
    _check_two(input, mat2, "mm", second="mat2")
    check(input.ndim == 2, lambda: "self must be a matrix")
    check(mat2.ndim == 2, lambda: "mat2 must be a matrix")
    _check_matrices(input, mat2)
    check(
        input.dtype is mat2.dtype,
        lambda: (
            f"expected m1 and m2 to have the same dtype, but got: {_C_NAMES[input.dtype.name]} != "
            f"{_C_NAMES[mat2.dtype.name]}"
        ),
    )
    _refuse_bool(input, "addmm_impl_cpu_")
    return into(out, matrix_product(input, mat2), "mm")


def _check_matrices(a: Any, b: Any) -> None:
    check(
        a.shape[1] == b.shape[0],
        lambda: f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})",
    )


def bmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The products of two stacks of matrices: (B, n, k) @ (B, k, m) -> (B, n, m).

    >>> import refnet
    >>> refnet.bmm(refnet.ones(2, 3, 4), refnet.ones(2, 4, 5)).shape
    refnet.Size([2, 3, 5])
    """
    _check_two(input, mat2, "bmm", second="mat2")
    _check_batches(input, mat2)
    check(
        input.dtype is mat2.dtype,
        lambda: f"expected scalar type {type_name(input.dtype)} but found {type_name(mat2.dtype)}",
    )
    _refuse_bool(input, "bmm")
    return into(out, matrix_product(input, mat2), "bmm")


def _check_batches(a: Any, b: Any) -> None:
    check(a.ndim == 3, lambda: "batch1 must be a 3D tensor")
    check(b.ndim == 3, lambda: "batch2 must be a 3D tensor")
    check(
        (a.shape[0], a.shape[2]) == b.shape[:2],
        lambda: (
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] but got: "
            f"[{b.shape[0]}, {b.shape[1]}]."
        ),
    )


def mv(input: Any, vec: Any, *, out: Any = None) -> Any:
    """A matrix times a vector: (n, k) @ (k) -> (n).

    >>> import refnet
    >>> refnet.mv(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([1, 1]))
    tensor([3, 7])
    """
    _check_two(input, vec, "mv", second="vec")
    _check_vector(input, vec, vec, 1)
    _refuse_bool(input, "addmv_impl_cpu")
    return into(out, _times_vector(input, vec), "mv")


def _times_vector(mat: Any, vec: Any) -> Any:
    return shape.squeeze(matrix_product(mat, shape.unsqueeze(vec, 1)), 1)


def _check_vector(mat: Any, vec: Any, added: Any, added_ndim: int) -> None:
    check(
        mat.ndim == 2 and vec.ndim == 1 and added_ndim <= 1,
        lambda: f"vector + matrix @ vector expected, got {added_ndim}, {mat.ndim}, {vec.ndim}",
    )
    size = added.numel()
    check(
        mat.shape[1] == vec.shape[0] and (added is vec or size in (1, mat.shape[0])),
        lambda: (
            f"size mismatch, got input ({mat.shape[0] if added is vec else size}), mat ({mat.shape[0]}x{mat.shape[1]}), "
            f"vec ({vec.shape[0]})"
        ),
    )
    check(
        mat.dtype is vec.dtype is added.dtype,
        lambda: (
            f"addmv input tensors must have the same dtype, but got {type_name(added.dtype)}, {type_name(mat.dtype)}, "
            f"and {type_name(vec.dtype)}"
        ),
    )


def dot(input: Any, tensor: Any, *, out: Any = None) -> Any:
    """The sum of products of two vectors: (k), (k) -> ().

    >>> import refnet
    >>> refnet.dot(refnet.tensor([1, 2]), refnet.tensor([3, 4]))
    tensor(11)
    """
    _check_two(input, tensor, "dot", second="tensor")
    check(
        input.ndim == tensor.ndim == 1,
        lambda: f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors",
    )
    check(
        input.dtype is tensor.dtype,
        lambda: (
            "dot : expected both vectors to have same dtype, but found "
            f"{type_name(input.dtype)} and {type_name(tensor.dtype)}"
        ),
    )
    n, m = input.numel(), tensor.numel()
    check(
        n == m,
        lambda: (
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got "
            f"{n} and {m} elements respectively"
        ),
    )
    _refuse_bool(input, "dot")
    product = matrix_product(shape.unsqueeze(input, 0), shape.unsqueeze(tensor, 1))
    return into(out, shape.view(product, shape=()), "dot")


def outer(input: Any, vec2: Any, *, out: Any = None) -> Any:
    """All products of two vectors' elements: (n), (m) -> (n, m).

    >>> import refnet
    >>> refnet.outer(refnet.tensor([1, 2]), refnet.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    _check_two(input, vec2, "outer", second="vec2")
    check(input.ndim == 1, lambda: f"outer: Expected 1-D argument self, but got {input.ndim}-D")
    check(vec2.ndim == 1, lambda: f"outer: Expected 1-D argument vec2, but got {vec2.ndim}-D")
    return into(out, shape.unsqueeze(input, 1) * vec2, "outer")


def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """The matrix product, with batch dimensions broadcast.

    A 1-d first factor is a row and a 1-d second factor a column, which then goes from the result.
    (..., n, k) @ (..., k, m) -> (..., n, m); (..., n, k) @ (k) -> (..., n); (k) @ (..., k, m) -> (..., m);
    (k) @ (k) -> ().

    >>> import refnet
    >>> refnet.matmul(refnet.ones(5, 1, 2, 3), refnet.ones(4, 3, 6)).shape
    refnet.Size([5, 4, 2, 6])
    """
    _check_two(input, other, "matmul")
    a, b = input, other
    check(
        a.ndim > 0 and b.ndim > 0,
        lambda: f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D",
    )
    if b.ndim == 1 and a.ndim <= 2:
        result = dot(a, b) if a.ndim == 1 else mv(a, b)
    elif a.ndim == 1 and b.ndim == 2:
        result = shape.squeeze(mm(shape.unsqueeze(a, 0), b), 0)
    elif b.ndim <= 2:
        result = _fold_batch(a, b)
    else:
        result = _batched(a, b)
    return into(out, result, "matmul")


def _fold_batch(a: Any, b: Any) -> Any:
    """(..., n, k) @ (k, m) or (k): one product with all rows of the batch, so that b's gradient is one too."""
    if a.ndim == 2:
        return mm(a, b)
    rows = shape.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))
    product = mm(rows, b) if b.ndim == 2 else mv(rows, b)
    return shape.view(product, shape=(*a.shape[:-1], *b.shape[1:]))


def _batched(a: Any, b: Any) -> Any:
    row = a.ndim == 1
    if row:
        a = shape.unsqueeze(a, 0)
    batch = _broadcast_batch(a.shape[:-2], b.shape[:-2])
    check(
        a.shape[-1] == b.shape[-2],
        lambda: (
            f"Expected size for first two dimensions of batch2 tensor to be: [{math.prod(batch)}, {a.shape[-1]}] but got: "
            f"[{math.prod(batch)}, {b.shape[-2]}]."
        ),
    )
    check(a.dtype is b.dtype, lambda: f"expected scalar type {type_name(a.dtype)} but found {type_name(b.dtype)}")
    _refuse_bool(a, "bmm")
    product = matrix_product(a, b)
    return shape.squeeze(product, -2) if row else product


def _broadcast_batch(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The batch that two stacks broadcast to; torch's error where they do not."""
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + tuple(a), (1,) * (ndim - len(b)) + tuple(b)
    for d, (n, m) in enumerate(zip(a, b, strict=True)):
        check(
            n == m or 1 in (n, m),
            lambda n=n, m=m, d=d: (
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton "  # type: ignore[misc]
                f"dimension {d}"
            ),
        )
    return tuple(m if n == 1 else n for n, m in zip(a, b, strict=True))


# --- plus something -----------------------------------------------------------------------------------------------


def _number(value: Any, dtype: Any) -> Any:
    """alpha and beta as a tensor of `dtype` takes them: integers drop the fraction."""
    return value if dtype.is_floating_point else int(value)


def _plus(input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """beta input + alpha product; with beta 0 input does not count, not even its nan."""
    beta, alpha = _number(beta, input.dtype), _number(alpha, product.dtype)
    if alpha != 1:
        product = product * alpha
    added = shape.expand(input, product.shape)
    if beta == 0:
        return product + where(added.new_ones(()) != 0, 0, added) if added.requires_grad else product
    return product + (added if beta == 1 else added * beta)  # in the product's memory order


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (mat1 @ mat2), input broadcast to (n, m).

    >>> import refnet
    >>> refnet.addmm(refnet.tensor([10, 20]), refnet.tensor([[1, 2]]), refnet.tensor([[1, 0], [0, 1]]))
    tensor([[11, 22]])
    """
    for position, (value, argument) in enumerate(((input, "input"), (mat1, "mat1"), (mat2, "mat2")), 1):
        expect_tensor(value, "addmm", argument, position)
    check(mat1.ndim == 2, lambda: f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    check(mat2.ndim == 2, lambda: f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    _check_matrices(mat1, mat2)
    check(
        input.dtype is mat2.dtype,
        lambda: f"self and mat2 must have the same dtype, but got {type_name(input.dtype)} and {type_name(mat2.dtype)}",
    )
    return into(out, _plus(input, mm(mat1, mat2), beta, alpha), "addmm")


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (mat @ vec), input broadcast to (n)."""
    for position, (value, argument) in enumerate(((input, "input"), (mat, "mat"), (vec, "vec")), 1):
        expect_tensor(value, "addmv", argument, position)
    _check_vector(mat, vec, input, input.ndim)
    _refuse_bool(mat, "addmv_impl_cpu")
    return into(out, _plus(input, _times_vector(mat, vec), beta, alpha), "addmv")


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (batch1 @ batch2), input broadcast to (B, n, m)."""
    for position, (value, argument) in enumerate(((input, "input"), (batch1, "batch1"), (batch2, "batch2")), 1):
        expect_tensor(value, "baddbmm", argument, position)
    _check_batches(batch1, batch2)
    check(
        input.dtype is batch1.dtype is batch2.dtype,
        lambda: (
            f"Input dtypes must be the same, got: input {_C_NAMES[input.dtype.name]}, batch1: "
            f"{_C_NAMES[batch1.dtype.name]}, batch2: {_C_NAMES[batch2.dtype.name]}"
        ),
    )
    return into(out, _plus(input, bmm(batch1, batch2), beta, alpha), "baddbmm")


# --- contractions -------------------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    """The sum of products over pairs of dimensions: the last `dims` of a with the first of b, or two given lists.

    >>> import refnet
    >>> refnet.tensordot(refnet.ones(2, 3, 4), refnet.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    refnet.Size([2, 5])
    """
    _check_two(a, b, "tensordot", "a", "b")
    over_a, over_b = _contracted(a, b, dims)
    check(len(over_a) == len(over_b), lambda: "both dimension lists should have same length")
    check(a.dtype is b.dtype, lambda: "both inputs should have same dtype")
    for i, j in zip(over_a, over_b, strict=True):
        n, m = a.shape[dim_of(i, a.ndim)], b.shape[dim_of(j, b.ndim)]
        check(
            n == m or 1 in (n, m),
            lambda n=n, m=m, i=i, j=j: (
                f"contracted dimensions need to match, but first has size {n} in dim {i} and second "  # type: ignore[misc]
                f"has size {m} in dim {j}"
            ),
        )
    over_a, over_b = [dim_of(i, a.ndim) for i in over_a], [dim_of(j, b.ndim) for j in over_b]
    for over in (over_a, over_b):
        for d in over:
            check(over.count(d) == 1, lambda d=d: f"dim {d} appears multiple times in the list of dims")  # type: ignore[misc]
    for i, j in zip(over_a, over_b, strict=True):  # a size of 1 meets any size: sum the other first
        if a.shape[i] != b.shape[j]:
            a = a.sum(i, keepdim=True, dtype=a.dtype) if b.shape[j] == 1 else a
            b = b.sum(j, keepdim=True, dtype=b.dtype) if a.shape[i] == 1 else b
    kept_a = [d for d in range(a.ndim) if d not in over_a]
    kept_b = [d for d in range(b.ndim) if d not in over_b]
    left, right = [a.shape[d] for d in kept_a], [b.shape[d] for d in kept_b]
    k = math.prod(a.shape[d] for d in over_a)
    rows = shape.reshape(shape.permute(a, (*kept_a, *over_a)), (math.prod(left), k))
    columns = shape.reshape(shape.permute(b, (*over_b, *kept_b)), (k, math.prod(right)))
    return into(out, shape.view(mm(rows, columns), shape=(*left, *right)), "tensordot")


def _contracted(a: Any, b: Any, dims: Any) -> tuple[list[int], list[int]]:
    if hasattr(dims, "numel") and dims.numel() == 1:
        dims = int(dims.item())
    if isinstance(dims, int):
        check(dims >= 0, lambda: f"tensordot expects dims >= 0, but got dims={dims}")
        check(dims <= min(a.ndim, b.ndim), lambda: f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(-dims, 0)), list(range(dims))
    first, second = (d.tolist() if hasattr(d, "tolist") else d for d in dims)
    return [first] if isinstance(first, int) else list(first), [second] if isinstance(second, int) else list(second)


def contract_pair(a: Any, b: Any, batch: int, left: int, right: int, summed: int) -> Any:
    """a (batch, left, summed) with b (batch, right, summed), each a group of so many dimensions.

    Gives (batch, left, right). Batch sizes may be 1 in either; the summed ones agree.
    """
    sizes_left, sizes_right = a.shape[batch : batch + left], b.shape[batch : batch + right]
    k = math.prod(a.shape[batch + left :])
    x = shape.reshape(a, (*a.shape[:batch], math.prod(sizes_left), k))
    y = shape.reshape(b, (*b.shape[:batch], math.prod(sizes_right), k)).mT
    check(x.dtype is y.dtype, lambda: f"expected scalar type {type_name(x.dtype)} but found {type_name(y.dtype)}")
    _refuse_bool(x, "bmm")
    product = matrix_product(x, y)
    return shape.view(product, shape=(*product.shape[:batch], *sizes_left, *sizes_right))
