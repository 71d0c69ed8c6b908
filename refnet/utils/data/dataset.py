"""Datasets: anything with ``dataset[index]`` (map-style) or ``iter(dataset)`` (iterable-style), and how to combine them.

A map-style dataset may also have ``__getitems__(indices)``, which returns the list of samples of a batch at once; the
DataLoader then uses that.
"""

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from refnet._check import check
from refnet.utils.data.sampler import permutation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map-style dataset: subclasses define ``__getitem__`` and, for most samplers, ``__len__``.

    ``a + b`` is a `ConcatDataset`.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__ to be used as a map-style dataset.")

    def __add__(self, other: "Dataset[Any]") -> "Dataset[Any]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A dataset that is read in its own order: subclasses define ``__iter__``.

    With ``num_workers > 0`` every worker iterates over its own shallow copy of the dataset. To share out the work,
    look at `get_worker_info` in ``__iter__`` or change the copy's attributes in the DataLoader's ``worker_init_fn``.
    ``a + b`` is a `ChainDataset`.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__ to be used as an iterable dataset.")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Sample i is the tuple of the i-th slices of some tensors along their first dimension.

    Raises AssertionError if the first sizes differ.

    >>> import refnet
    >>> dataset = TensorDataset(refnet.tensor([[1, 2], [3, 4]]), refnet.tensor([0, 1]))
    >>> dataset[1]
    (tensor([3, 4]), tensor(1))
    """

    tensors: tuple[Any, ...]

    def __init__(self, *tensors: Any) -> None:
        sizes = [tensor.size(0) for tensor in tensors]
        check(
            all(size == sizes[0] for size in sizes),
            lambda: f"Size mismatch between tensors: first dimensions are {sizes}",
            AssertionError,
        )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


class StackDataset(Dataset[Any]):
    """Several datasets side by side: sample i is the tuple, or the dict by keyword, of their i-th samples.

    Raises ValueError for no dataset, for positional and keyword datasets together, and for differing lengths.

    >>> StackDataset(image=[10, 11], label=[0, 1])[1]
    {'image': 11, 'label': 1}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check(
            not (args and kwargs),
            lambda: (
                "StackDataset(): got positional and keyword datasets; expected one kind, positional for tuple "
                "samples or keyword for dict samples"
            ),
            ValueError,
        )
        check(args or kwargs, lambda: "At least one dataset should be passed", ValueError)
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        check(
            all(length == lengths[0] for length in lengths),
            lambda: f"Size mismatch between datasets: lengths are {lengths}",
            ValueError,
        )
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple([dataset[index] for dataset in self.datasets])

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_samples(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*[_samples(dataset, indices) for dataset in self.datasets], strict=True))

    def __len__(self) -> int:
        return self._length


def _samples(dataset: Any, indices: list[Any]) -> list[Any]:
    """The samples at `indices`, at once if the dataset can."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[index] for index in indices]
    samples: list[Any] = dataset.__getitems__(indices)
    check(
        len(samples) == len(indices),
        lambda: f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(samples)}",
        ValueError,
    )
    return samples


class ConcatDataset(Dataset[T_co]):
    """Map-style datasets one after the other.

    Raises AssertionError for no dataset or an `IterableDataset` among them.

    >>> joined = ConcatDataset([[1, 2], [3]])
    >>> len(joined), joined[2], joined[-3]
    (3, 3, 1)
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        check(self.datasets, lambda: "datasets should not be an empty iterable", AssertionError)
        check(
            not any(isinstance(dataset, IterableDataset) for dataset in self.datasets),
            lambda: "ConcatDataset does not support IterableDataset",
            AssertionError,
        )
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The running sum of lengths."""
        return list(itertools.accumulate(len(item) for item in sequence))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        check(
            idx >= -len(self),
            lambda: f"absolute value of index should not exceed dataset length: got {idx} for {len(self)} samples",
            ValueError,
        )
        position = idx + len(self) if idx < 0 else idx
        which = bisect.bisect_right(self.cumulative_sizes, position)
        before = self.cumulative_sizes[which - 1] if which else 0
        sample: T_co = self.datasets[which][position - before]
        return sample


class ChainDataset(IterableDataset[T_co]):
    """Iterable datasets one after the other, opened as they are reached.

    Raises AssertionError at the first dataset that is not an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}")
            yield dataset

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`, in that order.

    A subclass that overrides ``__getitem__`` must override ``__getitems__`` too, because the DataLoader uses the
    latter; NotImplementedError otherwise.

    >>> Subset(["a", "b", "c"], [2, 0])[0]
    'c'
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        check(
            kind.__getitem__ is Subset.__getitem__ or kind.__getitems__ is not Subset.__getitems__,
            lambda: (
                f"{kind.__name__} overrides __getitem__ but not __getitems__, which the DataLoader calls; "
                "define it too, for example: return [self[index] for index in indices]"
            ),
            NotImplementedError,
        )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        chosen = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            samples: list[T_co] = self.dataset.__getitems__(chosen)
            return samples
        return [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Any = None) -> list[Subset[Any]]:
    """Split a dataset at random into disjoint subsets of given lengths.

    `lengths` are counts that add up to ``len(dataset)``, or fractions that add up to 1: then each subset gets the
    floor of its share and the rest is dealt out one by one from the first subset on. One permutation is drawn from
    `generator` (the default generator if None).

    Raises ValueError for counts with another sum and for fractions outside 0 to 1; warns of an empty share.

    >>> [len(part) for part in random_split(range(10), [0.25, 0.75])]
    [3, 7]
    """
    counts: list[Any] = list(lengths)
    total = sum(counts)
    if math.isclose(total, 1) and total <= 1:
        counts = _counts_of_fractions(counts, len(dataset))
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    check(
        sum(counts) == len(dataset),
        lambda: (
            "Sum of input lengths does not equal the length of the input dataset! "
            f"Got {sum(counts)} for {len(dataset)} samples"
        ),
        ValueError,
    )
    order = permutation(len(dataset), generator)
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _counts_of_fractions(fractions: Sequence[float], n: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: got {fraction}")
    counts = [math.floor(n * fraction) for fraction in fractions]
    for i in range(n - sum(counts)):
        counts[i % len(counts)] += 1
    return counts
