"""Encodings of class indices, rows of a table, and bags of rows."""

import warnings
from typing import Any

from refnet import _dtype, creation
from refnet._check import check, typename
from refnet._device import on_host
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops._arrays import counts
from refnet._ops.embedding import add_rows, winners
from refnet._ops.embedding import embedding as _rows
from refnet._ops.index import gathered
from refnet._ops.index import one_hot as one_hot
from refnet._ops.piecewise import where
from refnet._ops.reduce import vector_norm
from refnet._tape import set_grad, wrap
from refnet.nn.functional._arguments import expect_optional_tensor, widened

__all__ = ["embedding", "embedding_bag", "one_hot"]

_SPARSE = (
    "{}(): sparse=True asks for a sparse gradient, and there are no sparse tensors here; expected sparse=False, which "
    "gives the same numbers as a dense gradient"
)


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of weight (V, d) that input (...) names: (..., d).

    - padding_idx: this row gets no gradient.
    - max_norm: rows that are used and whose `norm_type`-norm is larger are first scaled to it, in `weight` itself.
    - scale_grad_by_freq: every use of a row counts one over the number of uses in its gradient.
    - sparse: refused with NotImplementedError.

    IndexError for an index that names no row.

    >>> import refnet
    >>> refnet.nn.functional.embedding(refnet.tensor([1, 1, 0]), refnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [3., 4.],
            [1., 2.]])
    """
    expect_tensor(weight, "embedding", "weight")
    expect_tensor(input, "embedding", "indices", 2)
    expect_one_device("embedding", weight, input)
    check(not sparse, lambda: _SPARSE.format("embedding"), NotImplementedError)
    if padding_idx is not None:
        padding_idx = _padding_row(
            padding_idx, weight.shape[0], AssertionError, "Padding_idx must be within num_embeddings"
        )
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    check(weight.ndim == 2, lambda: "'weight' must be 2-D")
    _expect_positions(input, 1, "indices", "embedding")
    index, rows = input._array, weight.shape[0]
    check(_in_range(index, rows), lambda: "index out of range in self", IndexError)
    return _rows(weight, index=index, share=_share(index, rows, padding_idx, scale_grad_by_freq, weight))


def _padding_row(padding_idx: int, rows: int, error: type[Exception], message: str) -> int:
    check(-rows <= padding_idx < rows, lambda: message, error)
    return padding_idx % rows


def _expect_positions(value: Any, position: int, argument: str, name: str) -> None:
    check(
        value.dtype in (_dtype.int32, _dtype.int64),
        lambda: (
            f"Expected tensor for argument #{position} '{argument}' to have one of the following scalar types: Long, Int; "
            f"but got torch.{type_name(value.dtype)}Tensor instead (while checking arguments for {name})"
        ),
    )


def _in_range(index: Any, rows: int) -> bool:
    return not on_host(index) or index.size == 0 or (int(index.min()) >= 0 and int(index.max()) < rows)


def _share(index: Any, rows: int, padding: int | None, by_frequency: bool, weight: Any) -> Any:
    """How much each use of a row counts in the row's gradient; None where all count fully."""
    if padding is None and not by_frequency:
        return None
    xp = weight.device.xp
    share = xp.ones(index.shape)
    if by_frequency:
        share /= counts(xp, index.reshape(-1), rows)[index]
    return share if padding is None else xp.where(index == padding, 0.0, share)


def _renorm(weight: Any, input: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that `input` names to at most `max_norm`, in place and unrecorded."""
    rows = weight.shape[0]
    index = input._array.reshape(-1)
    check(
        _in_range(index, rows),
        lambda: (
            f"select(): index {int(index[(index < 0) | (index >= rows)][0])} out of range for tensor of size "
            f"{list(weight.shape)} at dimension 0"
        ),
        IndexError,
    )
    check(
        weight.is_floating_point(),
        lambda: (
            f"norm(): input dtype should be either floating point or complex. Got {type_name(weight.dtype)} instead."
        ),
    )
    with set_grad(False):
        used = wrap(weight.device.xp.unique(index), weight.device)
        chosen = weight.detach()[used]
        norms = vector_norm(chosen, norm_type, -1, keepdim=True).double()
        factor = max_norm / (norms + 1e-7)
        weight[used] = (chosen * factor.to(weight.dtype)).where(norms > max_norm, chosen)


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sums, means or maxima of the rows of weight (V, d) over bags of indices: (B, d); zeros for an empty bag.

    Bags are the rows of input (B, n), or input (n,) cut at `offsets` (B,), where each bag begins (with
    `include_last_offset` (B + 1,), the last of them where the last bag ends).

    - mode: "sum", "mean" or "max"; at a tie the first row takes the gradient.
    - per_sample_weights: for "sum", a factor for each index.
    - padding_idx: indices that count in no bag, neither in sums nor in the number that a mean divides by.
    - max_norm, norm_type, scale_grad_by_freq: as in `embedding`; "max" refuses the last.
    - sparse: refused with NotImplementedError.

    >>> import refnet
    >>> table = refnet.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> refnet.nn.functional.embedding_bag(refnet.tensor([0, 2, 1]), table, refnet.tensor([0, 2]))
    tensor([[3., 4.],
            [3., 4.]])
    """
    name = "embedding_bag"
    expect_tensor(input, name)
    expect_tensor(weight, name, "weight", 2)
    expect_optional_tensor(offsets, name, "offsets", 3)
    expect_optional_tensor(per_sample_weights, name, "per_sample_weights", 9)
    expect_one_device(name, weight, input, offsets, per_sample_weights)
    if weight.dtype is _dtype.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    check(
        per_sample_weights is None or input.shape == per_sample_weights.shape,
        lambda: (
            f"{name}: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        ),
        ValueError,
    )
    check(
        weight.ndim == 2,
        lambda: f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}",
        ValueError,
    )
    if input.ndim == 2:
        check(
            offsets is None,
            lambda: (
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {typename(offsets)}"
            ),
            ValueError,
        )
        check(
            input.dtype is not _dtype.bool_,
            lambda: f"\"arange_cpu\" not implemented for 'Bool' ({name}: bags of equal length)",
            NotImplementedError,
        )
        bags, length = input.shape
        _expect_positions(input, 1, "indices", name)
        offsets = creation.arange(bags, dtype=_dtype.int64, device=input.device) * length
        include_last_offset = False
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    _check_bags(input, offsets, mode, scale_grad_by_freq, sparse)
    if input.dtype is not offsets.dtype:
        common = _dtype.promote_types(input.dtype, offsets.dtype)
        input, offsets = input.to(common), offsets.to(common)
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    check(
        per_sample_weights is None or mode == "sum",
        lambda: (
            f"{name}: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')."
        ),
        NotImplementedError,
    )
    _check_types(input, weight, offsets, per_sample_weights)
    rows = weight.shape[0]
    index = input._array.astype("int64", copy=False)
    xp = weight.device.xp
    ends = _ends(xp, index.size, offsets._array.astype("int64", copy=False), include_last_offset)
    check(
        _in_range(index, rows),
        lambda: (
            f"Index {int(xp.flatnonzero((index < 0) | (index >= rows))[0])} of input takes value "
            f"{int(index[(index < 0) | (index >= rows)][0])} which is not in the valid range [0, {rows})"
        ),
    )
    bags = len(ends)
    if not bags:
        index = index[:0]
        per_sample_weights = None
    bag = xp.searchsorted(ends, xp.arange(index.size), side="right")
    share = _share(index, rows, None, scale_grad_by_freq, weight)
    if padding_idx is not None:
        padding_idx = _padding_row(
            padding_idx,
            rows,
            RuntimeError,
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got {padding_idx}",
        )
        kept = index != padding_idx
        index, bag, share = index[kept], bag[kept], None if share is None else share[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights[wrap(kept, weight.device)]
    found = _rows(weight, index=index, share=share)
    if mode == "max":
        return _maxima(found, bag, bags)
    found = widened(found)  # the half types are rounded once, at the end
    if per_sample_weights is not None:
        found = found * widened(per_sample_weights).unsqueeze(-1)
    total = add_rows(found, index=bag, share=None, rows=bags)
    if mode == "mean":
        size = xp.maximum(counts(xp, bag, bags), 1)[:, None]
        total = total / wrap(size.astype(total._array.dtype), weight.device)
    return total.to(weight.dtype)


def _check_bags(input: Any, offsets: Any, mode: str, scale_grad_by_freq: bool, sparse: bool) -> None:
    check(
        input.ndim == 1,
        lambda: f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}",
        ValueError,
    )
    check(offsets is not None, lambda: "offsets has to be a 1D Tensor but got None", ValueError)
    check(offsets.ndim == 1, lambda: "offsets has to be a 1D Tensor", ValueError)
    check(mode in ("sum", "mean", "max"), lambda: "mode has to be one of sum, mean or max", ValueError)
    check(
        not (mode == "max" and scale_grad_by_freq),
        lambda: "max mode does not support scaling the gradient by the frequency",
        ValueError,
    )
    check(not (mode == "max" and sparse), lambda: "max mode does not support sparse weights", ValueError)
    check(not sparse, lambda: _SPARSE.format("embedding_bag"), NotImplementedError)


def _check_types(input: Any, weight: Any, offsets: Any, per_sample_weights: Any) -> None:
    _expect_positions(input, 1, "indices", "embedding_bag")
    _expect_positions(offsets, 1, "indices", "embedding_bag")
    check(
        weight.is_floating_point(),
        lambda: (
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, "
            f"Double; but got torch.{type_name(weight.dtype)}Tensor instead (while checking arguments for embedding_bag)"
        ),
    )
    check(
        per_sample_weights is None or per_sample_weights.dtype is weight.dtype,
        lambda: (
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type torch.{type_name(weight.dtype)}Tensor does not equal "
            f"torch.{type_name(per_sample_weights.dtype)}Tensor (while checking arguments for embedding_bag)"
        ),
    )


def _ends(xp: Any, n: int, offsets: Any, include_last: bool) -> Any:
    """Where each bag ends; the last one takes all that is left."""
    check(
        len(offsets) > 0 or not include_last,
        lambda: "include_last_offset: number of offset should be at least 1",
    )
    if len(offsets) and on_host(offsets):
        check(
            offsets[0] == 0,
            lambda: (
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
                f"got {int(offsets[0])}"
            ),
        )
        check(
            offsets[-1] <= n,
            lambda: f"offsets[-1] can not be greater than input's length {n} but got offsets[-1] of {int(offsets[-1])}",
        )
        check(
            bool((offsets[1:] >= offsets[:-1]).all()),
            lambda: f"offsets must not fall: expected each at least as large as the one before, got {offsets.tolist()}",
        )
    starts = offsets[:-1] if include_last else offsets
    return xp.concatenate([starts[1:], xp.full(min(len(starts), 1), n)])


def _maxima(rows: Any, bag: Any, bags: int) -> Any:
    """The maximum of each bag's rows, column by column; zeros for an empty bag."""
    xp = rows.device.xp
    if not rows.shape[0]:
        return add_rows(rows, index=bag, share=None, rows=bags)
    place = winners(xp, rows._array, bag, bags)
    found = gathered(rows, dim=0, index=xp.minimum(place, rows.shape[0] - 1))
    return where(wrap(place < rows.shape[0], rows.device), found, 0.0)
