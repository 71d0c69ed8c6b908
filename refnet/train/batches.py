"""Where batches come from: arrays in memory, a Dataset, or a DataLoader; each can start an epoch in its middle."""

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy

from refnet._check import check, typename

Batch = tuple[Any, ...]  # the model's inputs, and the targets last


class Batches(Protocol):
    """One pass after the other over the data."""

    def start(self, skip: int = 0) -> Iterator[Any]:
        """A pass from its batch number `skip` on; what is random about the order is drawn before this returns."""
        ...

    def __len__(self) -> int:
        """Batches in a pass; TypeError if nobody knows."""
        ...

    @property
    def generators(self) -> list[Any]:
        """The generators of its own that it draws from."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """What tells this data from other data."""
        ...


class ArrayBatches:
    """Rows of X with their y, in a new random order in every pass (`shuffle`) or as they stand.

    The order is ``randperm(len(X))`` of the library's default generator. The last batch has the rows that are left.
    """

    def __init__(self, library: Any, X: Any, y: Any, batch_size: int, shuffle: bool) -> None:
        self.X, self.y = library.as_tensor(X), library.as_tensor(y)
        check(
            self.X.ndim > 0 and self.y.ndim > 0 and len(self.X) == len(self.y) > 0,
            lambda: (
                "expected as many inputs as targets, at least one; got inputs of shape "
                f"{list(self.X.shape)} and targets of shape {list(self.y.shape)}"
            ),
            ValueError,
        )
        check_positive("batch_size", batch_size)
        self._library, self.batch_size, self._shuffle = library, batch_size, shuffle

    def start(self, skip: int = 0) -> Iterator[Batch]:
        starts = range(skip * self.batch_size, len(self.X), self.batch_size)
        if not self._shuffle:
            return ((self.X[i : i + self.batch_size], self.y[i : i + self.batch_size]) for i in starts)
        order = self._library.randperm(len(self.X))
        rows = (order[i : i + self.batch_size] for i in starts)
        return ((self.X[chosen], self.y[chosen]) for chosen in rows)

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch_size)

    @property
    def generators(self) -> list[Any]:
        return []

    def fingerprint(self) -> dict[str, Any]:
        checksum = 0
        for tensor in (self.X, self.y):
            array: Any = numpy.ascontiguousarray(tensor.detach().cpu().numpy())
            checksum = zlib.crc32(array.reshape(-1).view(numpy.uint8), checksum)
        return {"samples": len(self.X), "batches": len(self), "crc32": f"{checksum:08x}"}


class LoaderBatches:
    """The batches of a DataLoader.

    A pass that starts in its middle fetches and drops the batches before: what datasets, samplers and workers draw on
    the way is drawn as in a whole pass.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def start(self, skip: int = 0) -> Iterator[Any]:
        batches = iter(self.loader)
        for done in range(skip):
            if next(batches, None) is None:
                raise ValueError(f"the loader gave {done} batches where an earlier pass had given {skip}")
        return batches  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def generators(self) -> list[Any]:
        batch_sampler = getattr(self.loader, "batch_sampler", None)
        samplers = (getattr(self.loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
        found: list[Any] = []
        for holder in (self.loader, *samplers):
            generator = getattr(holder, "generator", None)
            if generator is not None and all(generator is not other for other in found):
                found.append(generator)
        return found

    def fingerprint(self) -> dict[str, Any]:
        return {"samples": _length(getattr(self.loader, "dataset", None)), "batches": _length(self.loader)}


def batches_of(library: Any, X: Any, y: Any, batch_size: int, workers: int, *, shuffle: bool) -> Batches:
    """The batches of arrays (X, y), of a Dataset X, or of a DataLoader X, which brings its own size and order.

    - shuffle: a new order in every pass, for arrays and map-style datasets.
    - workers: `num_workers` of the DataLoader that is made for a dataset; arrays are cut by the trainer itself, unless
      there are workers.

    Raises TypeError and ValueError for what is none of these.
    """
    data = library.utils.data
    check(
        not isinstance(workers, bool) and isinstance(workers, int) and workers >= 0,
        lambda: f"workers: expected 0 or a positive number, got {workers!r}",
        ValueError,
    )
    if isinstance(X, data.DataLoader):
        check(y is None, lambda: "a DataLoader brings its targets: expected no y beside it", ValueError)
        return LoaderBatches(X)
    if y is not None:
        arrays = ArrayBatches(library, X, y, batch_size, shuffle)
        if workers == 0:
            return arrays
        X = data.TensorDataset(arrays.X, arrays.y)
    check_positive("batch_size", batch_size)
    check(
        isinstance(X, data.Dataset) or (hasattr(X, "__getitem__") and not hasattr(X, "shape")),
        lambda: f"expected arrays X and y, a Dataset, or a DataLoader; got {typename(X)} without y",
        TypeError,
    )
    shuffle = shuffle and not isinstance(X, data.IterableDataset)
    return LoaderBatches(data.DataLoader(X, batch_size=batch_size, shuffle=shuffle, num_workers=workers))


def inputs_and_target(batch: Any, device: Any = None) -> tuple[list[Any], Any]:
    """The parts of a batch, moved to `device` if there is one: all but the last go into the model."""
    check(
        isinstance(batch, tuple | list) and len(batch) >= 2,
        lambda: f"expected a batch (input, target) or (inputs..., target), got {typename(batch)}",
        TypeError,
    )
    if device is not None:
        batch = [part.to(device, non_blocking=True) if hasattr(part, "to") else part for part in batch]
    *inputs, target = batch
    return inputs, target


def check_positive(name: str, value: Any) -> None:
    """ValueError unless `value` is a positive int."""
    check(
        isinstance(value, int) and not isinstance(value, bool) and value > 0,
        lambda: f"{name}: expected a positive whole number, got {value!r}",
        ValueError,
    )


def length_of(batches: Batches) -> int | None:
    """Batches in a pass, None if nobody knows."""
    return _length(batches)


def _length(sized: Any) -> int | None:
    try:
        return len(sized)
    except TypeError:
        return None
