"""The order of data, bit for bit: samplers, random_split and DataLoader take torch's words from the same generators."""

import itertools
from typing import Any

from conformance.cases import BITS, Case, args, normal, ops, probabilities, refuses
from conformance.variant import EXPONENTIAL, INTEGERS

DRAWN = frozenset({BITS})
LIKE = normal(1).fixed()
EPOCHS = 2


def generator_of(torch: Any, own: bool) -> Any:
    """A generator beside the default one, or None."""
    return torch.Generator().manual_seed(21) if own else None


def state_of(torch: Any, generator: Any) -> Any:
    """The state of a generator, None being the default one."""
    return (generator or torch.default_generator).get_state()


def sampled(torch: Any, like: Any, *, sampler: str, own: bool, batch: int = 0, **options: Any) -> dict[str, Any]:
    """Two epochs of a sampler, the state after each of them, and what an epoch that is broken off leaves."""
    generator = generator_of(torch, own)
    made = getattr(torch.utils.data, sampler)(**options, generator=generator)
    if batch:
        made = torch.utils.data.BatchSampler(made, batch, drop_last=batch % 2 == 1)
    results: dict[str, Any] = {"length": len(made)}
    for epoch in range(EPOCHS):
        results[f"epoch {epoch}"] = [list(made), state_of(torch, generator)]
    results["begun"] = [list(itertools.islice(iter(made), 2)), state_of(torch, generator)]
    return results | {"next": torch.rand(2, generator=generator, device="cpu")}


def weighted(torch: Any, weights: Any, *, count: int, replacement: bool, own: bool) -> dict[str, Any]:
    """WeightedRandomSampler, two epochs; weights as a tensor and as numbers."""
    weights = weights.cpu()  # where the generator is, also when the rest is on a GPU
    generator = generator_of(torch, own)
    results: dict[str, Any] = {}
    for name, given in (("tensor", weights), ("numbers", weights.tolist())):
        made = torch.utils.data.WeightedRandomSampler(given, count, replacement, generator=generator)
        results[name] = [list(made), list(made), state_of(torch, generator)]
    return results


def split(torch: Any, like: Any, *, lengths: list[float], count: int, own: bool) -> dict[str, Any]:
    """random_split into parts, by numbers of samples or fractions, twice."""
    generator = generator_of(torch, own)
    options = {"generator": generator} if own else {}
    results: dict[str, Any] = {}
    for turn in range(2):
        parts = torch.utils.data.random_split(range(count), lengths, **options)
        results[f"{turn}"] = [[list(part.indices) for part in parts], [list(part) for part in parts]]
        results[f"{turn} state"] = state_of(torch, generator)
    return results


def dataset(torch: Any, count: int) -> Any:
    """Numbered samples."""
    return torch.utils.data.TensorDataset(torch.arange(count), torch.arange(2 * count).reshape(count, 2))


def loaded(torch: Any, like: Any, *, count: int, own: bool, workers: int = 0, **options: Any) -> dict[str, Any]:
    """Two epochs of a DataLoader: batches, and the states of both generators at the start, after a batch and at the end.

    A process of the harness may not start processes. Where a loader wants to, it loads by itself instead: what it takes
    from the generators is the same.
    """
    try:
        return _epochs(torch, count, own, workers > 0, {"num_workers": workers, **options})
    except AssertionError:
        return _epochs(torch, count, own, workers > 0, {"num_workers": 0, **options})


def _epochs(torch: Any, count: int, own: bool, ahead: bool, options: dict[str, Any]) -> dict[str, Any]:
    """`ahead`: workers have begun further batches whenever one is looked at, so nothing is said in the midst of an epoch."""
    torch.default_generator.manual_seed(31)
    generator = generator_of(torch, own)
    made = torch.utils.data.DataLoader(dataset(torch, count), generator=generator, **options)
    results: dict[str, Any] = {"length": len(made)}
    for epoch in range(EPOCHS):
        batches = iter(made)
        begins = state_of(torch, generator)
        first = next(batches, None)
        if not ahead:
            results[f"epoch {epoch} begins"] = begins
            results[f"epoch {epoch} after a batch"] = [state_of(torch, generator), torch.get_rng_state()]
        results[f"epoch {epoch}"] = [first, *batches]
        results[f"epoch {epoch} ends"] = [state_of(torch, generator), torch.get_rng_state()]
    if not ahead:
        batches = iter(made)
        results["broken off"] = [next(batches, None), state_of(torch, generator), torch.get_rng_state()]
    return results | {
        "next": torch.rand(2, generator=generator, device="cpu"),
        "next of all": torch.rand(2, device="cpu"),
    }


def loaded_by(torch: Any, like: Any, *, count: int, replacement: bool, own: bool) -> dict[str, Any]:
    """A DataLoader whose sampler draws from a generator of its own, which is not the loader's; a generator shared."""
    data, generator, other = dataset(torch, count), generator_of(torch, own), torch.Generator().manual_seed(22)
    sampler = torch.utils.data.RandomSampler(data, replacement, generator=other)
    made = torch.utils.data.DataLoader(data, batch_size=3, sampler=sampler, generator=generator)
    shared = torch.utils.data.DataLoader(data, batch_size=2, sampler=sampler, generator=other)
    return {
        "epochs": [list(made), list(made)],
        "states": [state_of(torch, generator), other.get_state()],
        "shared": [list(shared), other.get_state(), torch.get_rng_state()],
    }


def drawing(torch: Any, like: Any, *, own: bool, shuffle: bool) -> dict[str, Any]:
    """Samples that draw themselves, between the draws of the loader: masks, noise, as augmentations do."""

    class Noisy(torch.utils.data.Dataset):  # type: ignore[misc]  # a namespace under test
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            return torch.randn(2, device="cpu"), torch.empty(3, device="cpu").bernoulli_(0.5), index

    generator = generator_of(torch, own)
    made = torch.utils.data.DataLoader(Noisy(), batch_size=3, shuffle=shuffle, generator=generator)
    return {"epochs": [list(made), list(made)], "states": [state_of(torch, generator), torch.get_rng_state()]}


def streamed(torch: Any, like: Any, *, own: bool) -> dict[str, Any]:
    """An iterable dataset: nothing to shuffle, and still one number is drawn for the workers."""

    class Counting(torch.utils.data.IterableDataset):  # type: ignore[misc]  # a namespace under test
        def __iter__(self) -> Any:
            return iter(range(5))

    generator = generator_of(torch, own)
    made = torch.utils.data.DataLoader(Counting(), batch_size=2, generator=generator)
    return {"epochs": [list(made), list(made)], "states": [state_of(torch, generator), torch.get_rng_state()]}


def refused(torch: Any, like: Any, *, how: str) -> Any:
    """What samplers do not take."""
    data = torch.utils.data
    calls: dict[str, Any] = {
        "replacement": lambda: data.RandomSampler(range(3), replacement=1),
        "num_samples": lambda: data.RandomSampler(range(3), num_samples=0),
        "nothing": lambda: data.RandomSampler([]),
        "weights": lambda: data.WeightedRandomSampler([[1.0]], 2),
        "weighted num_samples": lambda: data.WeightedRandomSampler([1.0], 0),
        "batch_size": lambda: data.BatchSampler(range(3), 0, False),
        "drop_last": lambda: data.BatchSampler(range(3), 1, 1),
        "lengths": lambda: data.random_split(range(4), [1, 2]),
        "fractions": lambda: data.random_split(range(4), [0.5, -0.5, 1.0]),
        "shuffle and sampler": lambda: data.DataLoader(range(4), shuffle=True, sampler=range(4)),
    }
    return calls[how]()


def cases() -> list[Case]:
    """Samplers, splits and loaders, from both generators."""
    both = (False, True)
    sizes = (1, 2, 7, 32, 33, 100)
    random = [args(LIKE, sampler="RandomSampler", own=own, data_source=range(n)) for own in both for n in sizes]
    random += [
        args(LIKE, sampler="RandomSampler", own=own, data_source=range(n), replacement=replacement, num_samples=m)
        for own in both
        for replacement in both
        for n, m in ((5, 3), (5, 5), (5, 12), (3, 32), (3, 65))
    ]
    random += [args(LIKE, sampler="SubsetRandomSampler", own=own, indices=[3, 1, 4, 15, 9, 2]) for own in both]
    random += [
        args(LIKE, sampler="RandomSampler", own=own, batch=b, data_source=range(8)) for own in both for b in (3, 4)
    ]
    found = ops("sampler", random, program=sampled, checks=DRAWN)
    for replacement in both:
        rows = [
            args(probabilities(6, dim=0).fixed(), count=count, replacement=replacement, own=own)
            for own in both
            for count in (1, 2, 6)
        ]
        streams = () if replacement else (EXPONENTIAL,)
        found += ops("weighted sampler", rows, program=weighted, dtypes=("float64",), checks=DRAWN, streams=streams)
    lengths: tuple[list[float], ...] = ([7, 3], [10], [0, 4, 6], [0.5, 0.5], [0.33, 0.33, 0.34])
    parts = [args(LIKE, lengths=lengths_, count=10, own=own) for own in both for lengths_ in lengths]
    found += ops("random_split", parts, program=split, checks=DRAWN)
    loaders = [
        args(LIKE, count=count, own=own, batch_size=batch, shuffle=shuffle, drop_last=drop_last)
        for own in both
        for shuffle in both
        for count, batch, drop_last in ((10, 3, False), (10, 3, True), (4, 4, False), (1, 2, False))
    ]
    loaders += [args(LIKE, count=6, own=own, batch_size=None) for own in both]
    loaders += [args(LIKE, count=9, own=own, workers=2, batch_size=2, shuffle=s) for own in both for s in both]
    wide = (INTEGERS,)  # base_seed is a number of 63 bits
    found += ops("DataLoader", loaders, program=loaded, checks=DRAWN, streams=wide)
    rows = [args(LIKE, count=7, replacement=replacement, own=own) for own in both for replacement in both]
    found += ops("DataLoader by a sampler", rows, program=loaded_by, checks=DRAWN, streams=wide)
    rows = [args(LIKE, own=own, shuffle=shuffle) for own in both for shuffle in both]
    found += ops("DataLoader of samples that draw", rows, program=drawing, checks=DRAWN, streams=wide)
    found += ops(
        "DataLoader of a stream", [args(LIKE, own=own) for own in both], program=streamed, checks=DRAWN, streams=wide
    )
    hows = (
        "replacement", "num_samples", "nothing", "weights", "weighted num_samples", "batch_size", "drop_last",
        "lengths", "fractions", "shuffle and sampler",
    )  # fmt: skip
    return found + refuses("data", [args(LIKE, how=how) for how in hows], program=refused)


CASES = cases()
