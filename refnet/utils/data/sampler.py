"""Samplers: the order in which a DataLoader takes samples. Their draws are torch's, from the same generator state."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from refnet._check import check
from refnet._dtype import float64, int64
from refnet._tape import TensorBase
from refnet.creation import as_tensor, empty
from refnet.random import Generator, multinomial, randint, randperm

T_co = TypeVar("T_co", covariant=True)
_BLOCK = 32  # indices drawn at a time with replacement; part of the stream, as the last block may be shorter


class Sampler(Generic[T_co]):
    """An order of indices, or of lists of indices: subclasses define ``__iter__`` and, if they know it, ``__len__``.

    There is no default ``__len__``: ``list(sampler)`` would take its failure for an error of the sampler.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., len(data_source) - 1.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Without replacement: permutations one after the other until `num_samples` indices are given (the last one is drawn
    even where none of it is used). With replacement: independent uniform indices. Without a `generator`, one number
    of the default generator seeds a private one, anew in every iteration.

    Raises TypeError for a `replacement` that is no bool, ValueError for a `num_samples` that is no positive int.

    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        check(
            isinstance(replacement, bool),
            lambda: f"replacement should be a boolean value, but got replacement={replacement}",
            TypeError,
        )
        _check_positive("num_samples", self.num_samples, allow_bool=True)

    @property
    def num_samples(self) -> int:
        """The number of indices of one iteration; follows the data source's length unless it was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        generator = private_generator() if self.generator is None else self.generator
        if self.replacement:
            for _ in range(self.num_samples // _BLOCK):
                yield from randint(n, (_BLOCK,), generator=generator, device=generator.device).tolist()
            last = self.num_samples % _BLOCK
            yield from randint(n, (last,), generator=generator, device=generator.device).tolist()
        else:
            for _ in range(self.num_samples // n):
                yield from permutation(n, generator)
            yield from permutation(n, generator)[: self.num_samples % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once; one permutation is drawn from `generator` (None: the default)."""

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in permutation(len(self.indices), self.generator):
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices from 0 to len(weights) - 1, index i with a probability proportional to weights[i].

    Raises ValueError for weights that are not one-dimensional, a `num_samples` that is no positive int and a
    `replacement` that is no bool.

    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 2))
    [1, 1]
    """

    weights: Any
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_positive("num_samples", num_samples)
        _check_bool("replacement", replacement)
        where = weights.device if isinstance(weights, TensorBase) else _device_of(generator)
        self.weights = as_tensor(weights, dtype=float64, device=where)
        check(
            self.weights.ndim == 1,
            lambda: f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}",
            ValueError,
        )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        chosen = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from chosen.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`; the last is shorter, or left out with `drop_last`.

    Raises ValueError for a `batch_size` that is no positive int and a `drop_last` that is no bool.

    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]  # a sampler without a length has no number of batches
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def draw_seed(generator: Generator | None) -> int:
    """One int64 from `generator` (None: the CPU's default generator), as ``random_()`` fills it."""
    return int(empty((), dtype=int64, device=_device_of(generator)).random_(generator=generator).item())


def permutation(n: int, generator: Generator | None) -> list[int]:
    """The numbers 0 to n - 1 in an order drawn from `generator` (None: the CPU's default generator)."""
    order: list[int] = randperm(n, generator=generator, device=_device_of(generator)).tolist()
    return order


def _device_of(generator: Generator | None) -> Any:
    """Where an order is drawn: on the CPU, also while tensors are made on a GPU; a GPU's generator draws there."""
    return "cpu" if generator is None else generator.device


def private_generator() -> Generator:
    """A new generator, seeded by one draw from the default generator."""
    generator = Generator()
    generator.manual_seed(draw_seed(None))
    return generator


def _check_positive(name: str, value: Any, allow_bool: bool = False) -> None:
    check(
        isinstance(value, int) and (allow_bool or not isinstance(value, bool)) and value > 0,
        lambda: f"{name} should be a positive integer value, but got {name}={value}",
        ValueError,
    )


def _check_bool(name: str, value: Any) -> None:
    check(isinstance(value, bool), lambda: f"{name} should be a boolean value, but got {name}={value}", ValueError)
