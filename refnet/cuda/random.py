"""The default generators of GPUs: one for each, seeded alike by `refnet.manual_seed`."""

from collections.abc import Iterable
from typing import Any

from refnet import _gpu
from refnet._device import gpu_index
from refnet.random.generator import gpu_generator, seed_gpus


def manual_seed(seed: int) -> None:
    """Seed the generator of the current GPU; nothing happens where there is none."""
    if _gpu.count():
        gpu_generator(_gpu.current()).manual_seed(int(seed))


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs, those that are first used later too."""
    seed_gpus(int(seed))


def seed() -> None:
    """Seed the generator of the current GPU from the operating system's source of randomness."""
    if _gpu.count():
        gpu_generator(_gpu.current()).seed()


def seed_all() -> None:
    """Seed the generators of all GPUs, alike, from the operating system's source of randomness."""
    if _gpu.count():
        seed_gpus(gpu_generator(0).seed())


def initial_seed() -> int:
    """The seed that the generator of the current GPU started from."""
    return gpu_generator(current_or_raise()).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of the generator of a GPU: a uint8 tensor on the CPU, of 16 bytes.

    >>> import refnet
    >>> state = get_rng_state()
    >>> x = refnet.rand(3, device="cuda")
    >>> set_rng_state(state)
    >>> refnet.rand(3, device="cuda").equal(x)
    True
    """
    current_or_raise()
    return gpu_generator(gpu_index(device)).get_state()


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all GPUs."""
    return [gpu_generator(index).get_state() for index in range(_gpu.count())]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the generator of a GPU; nothing happens where there is none."""
    if _gpu.count():
        gpu_generator(gpu_index(device)).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Set the states of the generators of all GPUs."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)


def current_or_raise() -> int:
    """The current GPU; RuntimeError without one."""
    _gpu.cupy()
    return _gpu.current()
