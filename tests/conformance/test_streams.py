"""The generator's state, read and written without torch, against torch's own."""

import numpy
import pytest
import torch

from conformance.streams import BYTES, Stream, is_state, parted

SEEDS = (0, 1, 2**32 - 1, 2**32 + 5, 2**64 - 1)


def state_of(generator: torch.Generator) -> numpy.ndarray:
    return generator.get_state().numpy()


@pytest.mark.parametrize("seed", SEEDS)
def test_states_are_torchs_bytes(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    assert Stream.of_seed(seed).state.tobytes() == state_of(generator).tobytes()
    for draw, taken in ((7, 16), (1000, 1016), (3, 1020), (1, 1024)):  # the last one leaves a value waiting
        _ = (torch.rand if draw == 1000 else torch.randn)(draw, generator=generator)
        stream = Stream.of_state(state_of(generator))
        assert stream.taken == taken and stream.state.tobytes() == state_of(generator).tobytes()
    assert stream.normal is not None and stream.seed == seed


def test_words_are_torchs() -> None:
    generator = torch.Generator().manual_seed(3)
    start = Stream.of_state(state_of(generator))
    short, after = start.words32(700)
    uniforms = torch.rand(700, generator=generator).double().numpy()
    assert ((short & numpy.uint64(2**24 - 1)) * 2.0**-24 == uniforms).all()
    assert after.state.tobytes() == state_of(generator).tobytes()
    long, last = after.words64(5)
    assert (
        (long & numpy.uint64(2**53 - 1)) * 2.0**-53 == torch.rand(5, dtype=torch.float64, generator=generator).numpy()
    ).all()
    assert last.state.tobytes() == state_of(generator).tobytes()


def test_a_state_has_its_length() -> None:
    with pytest.raises(ValueError, match=rf"{BYTES} bytes, got 7"):
        Stream.of_state(numpy.zeros(7, numpy.uint8))
    assert is_state(Stream.of_seed(0).state) and not is_state(numpy.zeros(BYTES, numpy.int8))


def test_what_parts_two_streams() -> None:
    start = Stream.of_seed(4)
    _, ahead = start.words32(5)
    waiting = Stream(start.seed, start.key, start.position, 0.5, start.fresh)
    stranger = Stream(start.seed, numpy.arange(624, dtype=numpy.uint32), 9)
    assert parted(start.state, Stream.of_seed(4).state) == ""
    assert parted(start.state, Stream.of_seed(5).state) == "the seed is 4, in torch 5"
    assert parted(ahead.state, start.state) == "5 words were taken since the seed, in torch 0"
    assert parted(start.state, waiting.state) == "for the next draw no normal value waits, in torch 0.5 waits"
    assert parted(stranger.state, start.state).startswith("an unknown number of words")
    odd = start.state
    odd[-1] = 1
    assert parted(odd, start.state) == "the same words were taken, but the states' bytes differ"
