"""Matrix products by groups: many experts, each with its own share of the rows (mixture of experts)."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.cat import cat, stack
from refnet._ops.matmul import bmm, matmul
from refnet.nn.functional._arguments import expect_optional_tensor

_KINDS = (_dtype.float32, _dtype.bfloat16, _dtype.float16)


def grouped_mm(mat_a: Any, mat_b: Any, *, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Any:
    """A product for each of G groups; `offs` (G,), int32, says where each group ends along what is cut into groups.

    - (M, K) by (G, K, N): the rows of mat_a are cut, (M, N);
    - (G, M, K) by (K, N): the columns of mat_b are cut, (M, N);
    - (M, K) by (K, N): the inner dimension is cut, (G, M, N);
    - (G, M, K) by (G, K, N), without `offs`: (G, M, N).

    What lies behind the last group gives zeros. `bias` and another `out_dtype` are refused, as torch refuses them; its
    demand that rows begin at multiples of 16 bytes is not made here.

    >>> import refnet
    >>> a, b = refnet.ones(3, 2), refnet.tensor([1.0, 10.0]).reshape(2, 1, 1).expand(2, 2, 1)
    >>> refnet.nn.functional.grouped_mm(a, b, offs=refnet.tensor([1, 3], dtype=refnet.int32)).flatten()
    tensor([ 2., 20., 20.])
    """
    _check_matrices(mat_a, mat_b, offs, bias, out_dtype)
    if offs is None:
        return bmm(mat_a, mat_b)
    if mat_a.ndim == mat_b.ndim:  # the inner dimension
        return stack([matmul(mat_a[:, span], mat_b[span]) for span in _spans(offs, mat_a.shape[1])])
    if mat_b.ndim == 3:
        dim, whole = 0, mat_a.shape[0]
        parts = [matmul(mat_a[span], mat_b[g]) for g, span in enumerate(_spans(offs, whole))]
    else:
        dim, whole = 1, mat_b.shape[1]
        parts = [matmul(mat_a[g], mat_b[:, span]) for g, span in enumerate(_spans(offs, whole))]
    rest = [mat_a.shape[-2], mat_b.shape[-1]]
    rest[dim] = whole - sum(part.shape[dim] for part in parts)
    return cat([*parts, parts[0].new_zeros(rest)], dim)


def _spans(offs: Any, whole: int) -> list[slice]:
    """What each group covers of `whole`."""
    ends = [min(end, whole) for end in offs.tolist()]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _check_matrices(mat_a: Any, mat_b: Any, offs: Any, bias: Any, out_dtype: Any) -> None:
    name = "grouped_mm"
    expect_tensor(mat_a, name, "mat_a")
    expect_tensor(mat_b, name, "mat_b", 2)
    expect_optional_tensor(offs, name, "offs", 3)
    for what, matrix in (("mat_a", mat_a), ("mat_b", mat_b)):
        check(
            matrix.dtype in _KINDS,
            lambda what=what, matrix=matrix: (  # type: ignore[misc]
                f"Expected {what} to be Float32, BFloat16 or Float16 matrix, got {type_name(matrix.dtype)}"
            ),
        )
    for what, matrix in (("mat_a", mat_a), ("mat_b", mat_b)):
        check(
            matrix.ndim in (2, 3),
            lambda what=what, matrix=matrix: f"{what} has to be 2 or 3d, got {matrix.ndim}d",  # type: ignore[misc]
        )
    if mat_a.ndim == mat_b.ndim == 3:
        check(
            mat_a.shape[0] == mat_b.shape[0],
            lambda: f"batched dimension has to match: got {mat_a.shape[0]} and {mat_b.shape[0]}",
        )
    check(
        mat_a.shape[-1] == mat_b.shape[-2],
        lambda: f"contraction dimension of mat_a and mat_b must match: got {mat_a.shape[-1]} and {mat_b.shape[-2]}",
    )
    check(
        (offs is None) == (mat_a.ndim == mat_b.ndim == 3),
        lambda: "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d",
    )
    check(mat_a.dtype is mat_b.dtype, lambda: f"mat_a and mat_b must have one dtype: {mat_a.dtype}, {mat_b.dtype}")
    check(bias is None, lambda: "Bias not supported yet")
    check(
        out_dtype in (None, mat_a.dtype),
        lambda: f"Grouped gemm output dtype must match `mat_a` dtype: got {out_dtype} and {mat_a.dtype}",
    )
    if offs is not None:
        _check_offsets(offs, mat_a, mat_b)


def _check_offsets(offs: Any, mat_a: Any, mat_b: Any) -> None:
    check(offs.ndim == 1, lambda: f"offs has to be 1D, got {offs.ndim}D")
    check(offs.dtype is _dtype.int32, lambda: f"Offsets have to be int32, got {offs.dtype}")
    for matrix in (mat_a, mat_b):
        check(
            matrix.ndim == 2 or matrix.shape[0] == offs.shape[0],
            lambda matrix=matrix: (  # type: ignore[misc]
                f"matrix batch sizes have to match: got {matrix.shape[0]} matrices and {offs.shape[0]} offsets"
            ),
        )
    ends = offs.tolist()
    check(len(ends) > 0, lambda: "offs must name at least one group")
    check(
        all(before <= after for before, after in zip([0, *ends], ends, strict=False)),
        lambda: f"offs must not fall: expected each at least as large as the one before, got {ends}",
    )
