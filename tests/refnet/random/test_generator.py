"""The generator is torch's: seeds, states, words, errors; states go from one to the other mid-stream."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import refnet
from refnet.random.mt19937 import MT19937


def state(generator: Any) -> bytes:
    found = generator.get_state()
    return bytes(found.numpy())


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -1, -(2**63), 67280421310721])
def test_seed_gives_torchs_state(seed: int) -> None:
    theirs, ours = torch.Generator().manual_seed(seed), refnet.Generator().manual_seed(seed)
    assert ours.initial_seed() == theirs.initial_seed()
    assert state(ours) == state(theirs)


def test_fresh_generators_and_default_agree() -> None:
    assert state(refnet.Generator()) == state(torch.Generator())
    assert refnet.manual_seed("12") is refnet.default_generator
    assert refnet.initial_seed() == 12


DRAWS = {
    "nothing": lambda T, g: T.rand(0, generator=g),
    "one word": lambda T, g: T.rand(1, generator=g),
    "a cached normal": lambda T, g: T.randn(3, generator=g),
    "a block": lambda T, g: T.randn(17, generator=g),
    "the whole key": lambda T, g: T.rand(624, generator=g),
    "one less than the key": lambda T, g: T.rand(623, generator=g),
    "words of 64 bits": lambda T, g: T.rand(1001, generator=g, dtype=T.float64),
}


@pytest.mark.parametrize("first", DRAWS)
@pytest.mark.parametrize("second", DRAWS)
def test_states_are_exchanged_both_ways(first: str, second: str) -> None:
    theirs, ours = torch.Generator().manual_seed(7), refnet.Generator().manual_seed(7)
    DRAWS[first](torch, theirs), DRAWS[first](refnet, ours)
    assert state(ours) == state(theirs)
    to_torch, to_refnet = torch.Generator(), refnet.Generator()
    to_torch.set_state(torch.from_numpy(ours.get_state().numpy()))
    to_refnet.set_state(refnet.from_numpy(theirs.get_state().numpy()))
    expected, got = DRAWS[second](torch, to_torch), DRAWS[second](refnet, to_refnet)
    assert expected.numpy().tobytes() == got.numpy().tobytes()
    assert state(to_refnet) == state(to_torch)


def test_words() -> None:
    one, other = MT19937(5), MT19937(5)
    words = one.words32(2000).astype(np.uint64)
    pairs = other.words64(1000)
    assert (pairs == (words[0::2] << np.uint64(32) | words[1::2])).all()
    assert one.state() == other.state()


def test_copies_go_on_alike() -> None:
    g = refnet.Generator().manual_seed(1)
    refnet.randn(3, generator=g)
    copies = [g.clone_state(), pickle.loads(pickle.dumps(g)), refnet.Generator().set_state(g.get_state())]
    expected = refnet.randn(5, generator=g).tolist()
    for copy in copies:
        assert refnet.randn(5, generator=copy).tolist() == expected


def test_fork_rng_restores() -> None:
    refnet.manual_seed(3)
    refnet.randn(1)
    before = bytes(refnet.get_rng_state().numpy())
    with pytest.raises(KeyError), refnet.random.fork_rng():
        refnet.randn(5)
        raise KeyError
    assert bytes(refnet.get_rng_state().numpy()) == before
    with refnet.random.fork_rng(enabled=False):
        refnet.randn(5)
    assert bytes(refnet.get_rng_state().numpy()) != before


def test_seed_is_nondeterministic() -> None:
    g = refnet.Generator()
    seeds = {g.seed() for _ in range(4)}
    assert len(seeds) == 4
    assert g.initial_seed() in seeds
    assert refnet.seed() == refnet.initial_seed()


ERRORS = {
    "seed too large": lambda T: T.manual_seed(2**64),
    "seed too small": lambda T: T.manual_seed(-(2**63) - 1),
    "seed of None": lambda T: T.manual_seed(None),
    "float seed": lambda T: T.Generator().manual_seed(1.5),
    "bool seed": lambda T: T.Generator().manual_seed(True),
    "unknown device": lambda T: T.Generator("abacus"),
    "state of wrong size": lambda T: T.Generator().set_state(T.zeros(10, dtype=T.uint8)),
    "legacy state": lambda T: T.Generator().set_state(T.Generator().get_state()[:5048]),
    "state of zeros": lambda T: T.Generator().set_state(T.zeros(5056, dtype=T.uint8)),
    "state of wrong type": lambda T: T.Generator().set_state(T.zeros(5056)),
    "state that is no tensor": lambda T: T.Generator().set_state(3),
    "gapped state": lambda T: T.Generator().set_state(T.zeros(2 * 5056, dtype=T.uint8)[::2]),
    "rng state of wrong type": lambda T: T.set_rng_state(T.zeros(10)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case: str) -> None:
    with pytest.raises(Exception) as expected:
        ERRORS[case](torch)
    with pytest.raises(expected.type):
        ERRORS[case](refnet)
