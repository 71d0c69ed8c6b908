"""The order of data: torch's samplers and loaders, written again, rightly and wrongly."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from conformance.case import Arguments, args
from conformance.cases import data as of_data
from conformance.cases.data import DRAWN, LIKE
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, as_class


def random_sampler(how: str) -> Callable[[Any], Any]:
    """RandomSampler: whole permutations, and one more of which the rest of the samples is taken, if only none."""

    def make(torch: Any) -> Any:
        class Sampler(torch.utils.data.RandomSampler):  # type: ignore[misc]  # torch's class is not typed
            def __init__(self, *positional: Any, **options: Any) -> None:
                super().__init__(*positional, **options)
                self.kept = self.private() if how == "seeded once" and self.generator is None else None

            def private(self) -> Any:
                seed = int(torch.empty((), dtype=torch.int64).random_().item())
                return torch.Generator().manual_seed(seed % 2**31 if how == "31 bits" else seed)

            def __iter__(self) -> Iterator[int]:
                n, generator = len(self.data_source), self.generator or self.kept
                if generator is None and how != "default generator":
                    generator = self.private()
                for _ in range(self.num_samples // n):
                    yield from torch.randperm(n, generator=generator).tolist()
                rest = self.num_samples % n
                if rest or how != "no second draw":
                    last = torch.randperm(n, generator=generator).tolist()
                    yield from last[-rest:] if how == "the last of them" and rest else last[:rest]

        return Sampler

    return make


def with_replacement(how: str) -> Callable[[Any], Any]:
    """RandomSampler with replacement: 32 indices at a time."""

    def make(torch: Any) -> Any:
        class Sampler(torch.utils.data.RandomSampler):  # type: ignore[misc]  # torch's class is not typed
            def __iter__(self) -> Iterator[int]:
                n = len(self.data_source)
                if how == "one by one":
                    for _ in range(self.num_samples):
                        yield torch.randint(n, (1,), generator=self.generator).item()
                    return
                block = 64 if how == "64 at a time" else 32
                for start in range(0, self.num_samples, block):
                    size = block if how == "whole blocks" else min(block, self.num_samples - start)
                    drawn = torch.randint(n, (size,), generator=self.generator).tolist()
                    yield from drawn[: self.num_samples - start]

        return Sampler

    return make


def random_split(torch: Any, data: Any, lengths: Any, generator: Any = None, *, how: str = "right") -> list[Any]:
    """One permutation, cut; fractions are rounded down and what is left goes round; spoiled: to the first, sorted, the default."""
    n = len(data)
    if all(isinstance(length, float) for length in lengths):
        counts = [int(n * fraction) for fraction in lengths]
        for i in range(n - sum(counts)):
            counts[0 if how == "left to the first" else i % len(counts)] += 1
    else:
        counts = list(lengths)
    chosen = None if how == "default generator" else generator
    order = torch.randperm(n, generator=chosen).tolist()
    parts = []
    for count in counts:
        part, order = order[:count], order[count:]
        parts.append(torch.utils.data.Subset(data, sorted(part) if how == "sorted" else part))
    return parts


def loader(how: str) -> Callable[[Any], Any]:
    """DataLoader without workers: a number drawn for the workers by every iter(), then what the sampler draws."""

    def make(torch: Any) -> Any:
        class Loader(torch.utils.data.DataLoader):  # type: ignore[misc]  # torch's class is not typed
            def __iter__(self) -> Iterator[Any]:
                if how != "no base seed":
                    source = None if how == "base seed by default" else self.generator
                    torch.empty((), dtype=torch.int64).random_(generator=source)
                if how == "shuffled at once":
                    return iter([self.collate_fn([self.dataset[i] for i in batch]) for batch in self.batch_sampler])
                return self.batches()

            def batches(self) -> Iterator[Any]:
                for batch in self.batch_sampler:
                    yield self.collate_fn([self.dataset[i] for i in batch])

        return Loader

    return make


def rows(*choices: dict[str, Any]) -> Callable[[Make], list[Arguments]]:
    """One row for each choice of options."""
    return lambda make: [args(LIKE, **choice) for choice in choices]


def subject(operation: str, program: Any, replaces: str, made: Any, **options: Any) -> Subject:
    """A subject of the order of data."""
    return Subject(operation, made, program=program, replaces=replaces, checks=DRAWN, regimes=("normal",), **options)


SHUFFLED = [{"count": 10, "own": own, "batch_size": 3, "shuffle": True} for own in (False, True)]
SAMPLED = [{"sampler": "RandomSampler", "own": own, "data_source": range(7)} for own in (False, True)]
MORE = [{**row, "num_samples": 17} for row in SAMPLED]
REPLACED = [{**row, "replacement": True, "num_samples": 65} for row in SAMPLED[1:]]
FRACTIONS = [{"lengths": [0.33, 0.33, 0.34], "count": 11, "own": own} for own in (False, True)]

SUBJECTS = [
    subject(
        "sampler", of_data.sampled, "utils.data.RandomSampler", rows(*SAMPLED, *MORE),
        legitimate={"written again": as_class(random_sampler("right"))},
        faults={
            name: as_class(random_sampler(name))
            for name in ("no second draw", "the last of them", "seeded once", "31 bits", "default generator")
        },
    ),
    subject(
        "sampler", of_data.sampled, "utils.data.RandomSampler", rows(*REPLACED),
        legitimate={"written again": as_class(with_replacement("right"))},
        faults={name: as_class(with_replacement(name)) for name in ("64 at a time", "whole blocks")},
    ),
    subject(
        "random_split", of_data.split, "utils.data.random_split", rows(*FRACTIONS),
        legitimate={"written again": random_split},
        faults={
            name: functools.partial(random_split, how=name)
            for name in ("left to the first", "sorted", "default generator")
        },
    ),
    subject(
        "DataLoader", of_data.loaded, "utils.data.DataLoader", rows(*SHUFFLED),
        legitimate={"written again": as_class(loader("right"))},
        faults={
            name: as_class(loader(name)) for name in ("no base seed", "base seed by default", "shuffled at once")
        },
    ),
]  # fmt: skip
