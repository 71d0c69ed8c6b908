"""Sequences of different lengths: padded to one length, or packed without padding, and back.

Letters: N sequences, T the length of the longest, * any further dimensions. Packed, the rows that are alive at step 0
come first, then those of step 1, and so on, the longest sequence first in each, which is the order in which a
recurrent layer reads them.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._memory_format import contiguous_format
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.index import fancy_index, fancy_set
from refnet._ops.shape import cat
from refnet._tape import TensorBase, wrap
from refnet.creation import as_tensor, full


class PackedSequence_(NamedTuple):  # the name that torch gives it
    """The fields of a `PackedSequence`."""

    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(PackedSequence_):
    """Sequences without padding: made by `pack_padded_sequence` and `pack_sequence`, read by recurrent layers.

    - data: (rows, *), the rows of step 0, then those of step 1, and so on.
    - batch_sizes: (T,) int64 on the CPU, how many rows each step has; they never grow.
    - sorted_indices: which of the given sequences stands first, second, ... here; None if none moved.
    - unsorted_indices: where each of the given sequences stands here; made from sorted_indices if left out.
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> Self:
        if batch_sizes is None:
            check(
                isinstance(data, list | tuple) and len(data) == 2,
                lambda: f"Expected data to be a list or tuple of length 2, got {type(data).__name__}",
                AssertionError,
            )
            data, batch_sizes = data
        check(
            batch_sizes.device.type == "cpu",
            lambda: (
                f"batch_sizes should always be on CPU, got {batch_sizes.device}. Instances of PackedSequence should never "
                "be created manually. They should be instantiated by functions like pack_sequence and "
                "pack_padded_sequences in nn.utils.rnn."
            ),
            ValueError,
        )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _changed(self, convert: Callable[[Any], Any]) -> Self:
        """With `data` converted, and the permutations on its device."""
        data = convert(self.data)
        if data is self.data:
            return self
        moved = [None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *moved)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """`data` converted as by `Tensor.to`; self where nothing changes."""
        return self._changed(lambda data: data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """On a GPU."""
        return self._changed(lambda data: data.cuda(*args, **kwargs))

    def cpu(self) -> Self:
        """On the CPU."""
        return self._changed(lambda data: data.cpu())

    def double(self) -> Self:
        """As float64."""
        return self.to(_dtype.float64)

    def float(self) -> Self:
        """As float32."""
        return self.to(_dtype.float32)

    def half(self) -> Self:
        """As float16."""
        return self.to(_dtype.float16)

    def long(self) -> Self:
        """As int64."""
        return self.to(_dtype.int64)

    def int(self) -> Self:
        """As int32."""
        return self.to(_dtype.int32)

    def short(self) -> Self:
        """As int16."""
        return self.to(_dtype.int16)

    def char(self) -> Self:
        """As int8."""
        return self.to(_dtype.int8)

    def byte(self) -> Self:
        """As uint8."""
        return self.to(_dtype.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a GPU."""
        return bool(self.data.is_cuda)


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes another one; None for None.

    >>> import refnet
    >>> invert_permutation(refnet.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    xp = permutation.device.xp
    inverse = xp.empty_like(permutation._array)
    inverse[permutation._array] = xp.arange(len(inverse))
    return wrap(inverse, permutation.device)


def _as_lengths(lengths: Any) -> Any:
    """Lengths as a tensor: where they are, and of numbers on the CPU, also while tensors are made on a GPU."""
    return lengths if isinstance(lengths, TensorBase) else as_tensor(lengths, device="cpu")


# --- packed -------------------------------------------------------------------------------------------------------


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The first lengths[n] elements of every sequence of a padded batch (T, N, *), or (N, T, *) with `batch_first`.

    Longest first: in any other order RuntimeError, unless `enforce_sorted` is False, which has them sorted here.

    >>> import refnet
    >>> pack_padded_sequence(refnet.tensor([[1, 4], [2, 5], [3, 0]]), [3, 2]).data
    tensor([1, 4, 2, 5, 3])
    """
    expect_tensor(input, "pack_padded_sequence")
    lengths = _as_lengths(lengths).to(_dtype.int64)
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    check(input.numel() > 0, lambda: f"Cannot pack empty tensors: got input of shape {list(input.shape)}")
    check(
        lengths.ndim == 1 and lengths.device.type == "cpu",
        lambda: (
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D {lengths.device.type} "
            f"{type_name(lengths.dtype)} tensor"
        ),
    )
    x = input.transpose(0, 1) if batch_first else input
    check(
        x.ndim >= 2,
        lambda: f"Dimension out of range: input must have at least 2 dimensions, got {x.ndim}",
        IndexError,
    )
    longest, batch = x.shape[:2]
    counts = [int(n) for n in lengths.tolist()]
    check(
        len(counts) == batch,
        lambda: f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={batch})",
    )
    check(
        all(a >= b for a, b in itertools.pairwise(counts)),
        lambda: (
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do "
            f"not need ONNX exportability. Got lengths {counts}"
        ),
    )
    check(
        counts[-1] > 0,
        lambda: (
            f"Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: {counts[-1]}"
        ),
    )
    sizes = [sum(n > t for n in counts) for t in range(counts[0])]
    places = _places(input.device.xp, sizes[:longest], batch)
    data = fancy_index(x.reshape(longest * batch, *x.shape[2:]), key=(places,))
    return PackedSequence(data, as_tensor(sizes, device="cpu"), sorted_indices)


def _places(xp: Any, sizes: Sequence[int], batch: int) -> Any:
    """Where the packed rows stand among the T N rows of a padded batch, time first."""
    return xp.asarray(numpy.concatenate([t * batch + numpy.arange(n) for t, n in enumerate(sizes)]))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """(padded batch (T, N, *), lengths (N,)) of packed sequences, in the order they were packed from.

    (N, T, *) with `batch_first`; `total_length` makes T longer than the longest sequence; ValueError for a shorter one.

    >>> import refnet
    >>> packed = pack_padded_sequence(refnet.tensor([[1, 4], [2, 5], [3, 0]]), [3, 2])
    >>> pad_packed_sequence(packed, batch_first=True, padding_value=-1)
    (tensor([[ 1,  2,  3],
            [ 4,  5, -1]]), tensor([3, 2]))
    """
    data, sizes = sequence.data, [int(n) for n in sequence.batch_sizes.tolist()]
    check(
        total_length is None or total_length >= len(sizes),
        lambda: (
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {len(sizes)}"
        ),
        ValueError,
    )
    steps, batch = total_length or len(sizes), sizes[0]
    places = _places(data.device.xp, sizes, batch)
    rest = tuple(data.shape[1:])
    padded = _spread(data, places, steps * batch, padding_value).reshape(steps, batch, *rest)
    if batch_first:
        padded = padded.transpose(0, 1)
    lengths = as_tensor([sum(n > row for n in sizes) for row in range(batch)], device="cpu")
    if sequence.unsorted_indices is None:
        return padded, lengths
    order = sequence.unsorted_indices
    return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]


def _spread(rows: Any, places: Any, count: int, value: float) -> Any:
    """`count` rows of `value`, with the given rows at their places."""
    empty = full((count, *rows.shape[1:]), _like(rows, value), dtype=rows.dtype, device=rows.device)
    return fancy_set(empty, rows, key=(places,), accumulate=False)


def _like(rows: Any, value: float) -> Any:
    """A padding value as the dtype of rows holds it: integers drop the fraction."""
    return value if rows.is_floating_point() else int(value)


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_n, *) packed; see `pack_padded_sequence`.

    >>> import refnet
    >>> pack_sequence([refnet.tensor([1, 2, 3]), refnet.tensor([4, 5])]).batch_sizes
    tensor([2, 2, 1])
    """
    lengths = [int(sequence.size(0)) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences (L_n, *) that were packed, in the order they were packed from.

    >>> import refnet
    >>> unpack_sequence(pack_sequence([refnet.tensor([1, 2, 3]), refnet.tensor([4, 5])]))
    [tensor([1, 2, 3]), tensor([4, 5])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


# --- padded -------------------------------------------------------------------------------------------------------


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (L_n, *) as one batch (T, N, *), or (N, T, *) with `batch_first`, padded on one side.

    >>> import refnet
    >>> pad_sequence([refnet.tensor([1, 2, 3]), refnet.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    check(
        isinstance(sequences, Iterable),
        lambda: f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}",
    )
    given = list(sequences)
    check(len(given) > 0, lambda: "received an empty list of sequences")
    check(
        padding_side in ("left", "right"),
        lambda: f"Expected padding_side to be one of left or right, but got {padding_side}.",
    )
    for n, sequence in enumerate(given):
        check(
            isinstance(sequence, TensorBase),
            lambda n=n, sequence=sequence: (  # type: ignore[misc]
                f"expected Tensor as element {n} in argument 0, but got {type(sequence).__name__}"
            ),
            TypeError,
        )
        check(
            sequence.ndim > 0,
            lambda n=n: f"pad_sequence: expected sequences of at least 1 dimension, got 0 in number {n}",  # type: ignore[misc]
        )
    first, batch = given[0], len(given)
    lengths = [sequence.shape[0] for sequence in given]
    steps, rest = max(lengths), first.shape[1:]
    times = [numpy.arange(n) + (steps - n if padding_side == "left" else 0) for n in lengths]
    found = numpy.concatenate([n * steps + t if batch_first else t * batch + n for n, t in enumerate(times)])
    places = first.device.xp.asarray(found)
    rows = cat([sequence.to(first.dtype).expand(n, *rest) for sequence, n in zip(given, lengths, strict=True)])
    shape = (batch, steps) if batch_first else (steps, batch)
    return _spread(rows, places, batch * steps, padding_value).reshape(*shape, *rest)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The first lengths[n] elements of every sequence of a padded batch (T, N, *), or (N, T, *) with `batch_first`.

    >>> import refnet
    >>> unpad_sequence(refnet.tensor([[1, 4], [2, 0]]), refnet.tensor([2, 1]))
    [tensor([1, 2]), tensor([4])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    counts = _as_lengths(lengths).tolist()
    check(
        len(counts) == len(rows),
        lambda: (
            f"unpad_sequence: zip() argument 2 is shorter or longer than argument 1: {len(counts)} lengths, {len(rows)} rows"
        ),
        ValueError,
    )
    return [row[: int(n)].clone(memory_format=contiguous_format) for row, n in zip(rows, counts, strict=True)]
