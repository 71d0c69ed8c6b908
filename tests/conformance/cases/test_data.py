"""The order of data with torch's real worker processes, which a process of the harness may not start."""

import multiprocessing
from typing import Any

import numpy
import pytest
import torch

import refnet
from conformance.cases.data import EPOCHS, loaded


def plain(value: Any) -> Any:
    """Tensors of either library as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.numpy().tolist() if isinstance(value, torch.Tensor | refnet.Tensor) else value


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_two_workers_take_the_same_words(own: bool, shuffle: bool) -> None:
    """Batches and states of both epochs; and the main process takes as much from its generators without workers."""
    options = {"count": 9, "own": own, "batch_size": 2, "shuffle": shuffle}
    theirs = plain(loaded(torch, torch.zeros(1), workers=2, **options))
    ours = plain(loaded(refnet, refnet.zeros(1), workers=2, **options))
    assert ours == theirs
    alone = plain(loaded(torch, torch.zeros(1), **options))
    assert [alone[f"epoch {e}"] for e in range(EPOCHS)] == [theirs[f"epoch {e}"] for e in range(EPOCHS)]
    assert alone[f"epoch {EPOCHS - 1} ends"] == theirs[f"epoch {EPOCHS - 1} ends"]


def in_a_daemon(queue: Any) -> None:
    options = {"count": 5, "own": True, "batch_size": 2, "shuffle": True}
    queue.put(plain(loaded(torch, torch.zeros(1), workers=2, **options))["epoch 0"])


def test_a_process_of_the_harness_loads_by_itself() -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=in_a_daemon, args=(queue,), daemon=True)
    process.start()
    found = queue.get(timeout=60)
    process.join(10)
    numbers = [number for batch in found for number in batch[0]]
    assert sorted(numbers) == list(range(5)) and numpy.diff(numbers).tolist() != [1] * 4
