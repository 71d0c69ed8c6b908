"""`Generator`, the default one, and the functions that seed, save and restore it."""

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from refnet import _tape
from refnet._check import check
from refnet._device import cpu, to_numpy
from refnet._device import device as Device
from refnet.random.mt19937 import MT19937

DEFAULT_SEED = 67280421310721  # torch's, a prime


class Generator:
    """A source of random numbers with a state of its own; torch's CPU stream, bit for bit.

    Two generators with the same seed, one here and one in torch, give the same numbers, and states can be handed from
    one to the other at any point.

    - device: "cpu". Tensors on a GPU are filled from a CPU generator too, so that both devices get the same values.
    - engine: the stream of words the distributions draw from.

    Raises RuntimeError for another device.

    >>> import refnet
    >>> g = refnet.Generator().manual_seed(0)
    >>> refnet.rand(3, generator=g)
    tensor([0.4963, 0.7682, 0.0885])
    """

    def __init__(self, device: Any = "cpu") -> None:
        kind = device if isinstance(device, Device) else str(device or "cpu").partition(":")[0]
        check(
            kind in (cpu, "cpu"),
            lambda: (
                f"Generator(): no generator for device {device}; refnet draws on the cpu, for tensors of every device"
            ),
        )
        self.device = cpu
        self.engine = MT19937(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream of `seed` over; a negative seed stands for 2^64 + seed. Returns self.

        RuntimeError for what is no int, ValueError for an int outside [-2^63, 2^64).
        """
        check(
            type(seed) is int or isinstance(seed, numpy.integer),
            lambda: f"manual_seed expected a long, but got {type(seed).__name__}",
        )
        seed = int(seed)
        check(-(1 << 63) <= seed < 1 << 64, lambda: f"Overflow when unpacking long long: seed {seed}", ValueError)
        with self.engine.lock:
            self.engine.reseed(seed % (1 << 64))
        return self

    def seed(self) -> int:
        """Seed from the operating system's source of randomness; returns the seed."""
        self.manual_seed(secrets.randbits(64))
        return self.initial_seed()

    def initial_seed(self) -> int:
        """The seed the stream started from."""
        return self.engine.seed

    def get_state(self) -> Any:
        """The state, a uint8 tensor of 5,056 bytes that torch's `set_state` takes as well."""
        with self.engine.lock:
            state = self.engine.state()
        return _tape.wrap(numpy.frombuffer(state, numpy.uint8).copy(), cpu)

    def set_state(self, new_state: Any) -> "Generator":
        """Go on from a state that `get_state`, here or in torch, gave. Returns self.

        TypeError for anything but a uint8 tensor; RuntimeError for a gapped one or one that is no state.
        """
        check(
            isinstance(new_state, _tape.TensorBase),
            lambda: f"expected a refnet.ByteTensor, but got {type(new_state).__name__}",
            TypeError,
        )
        array = new_state._array
        check(
            array.dtype == numpy.uint8,
            lambda: f"RNG state must be a refnet.ByteTensor, got {new_state.dtype}",
            TypeError,
        )
        check(array.flags.c_contiguous, lambda: "RNG state must be contiguous")
        with self.engine.lock:
            self.engine.restore(to_numpy(array).tobytes())
        return self

    def clone_state(self) -> "Generator":
        """Another generator in the same state."""
        return Generator().set_state(self.get_state())

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, state: "Generator") -> "Generator":
        """Go on from the state of another generator. Returns self."""
        return self.set_state(state.get_state())

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (), self.engine.state()

    def __setstate__(self, state: bytes) -> None:
        self.engine.restore(state)

    def __repr__(self) -> str:
        return f"<refnet.Generator on {self.device}, seed {self.initial_seed()}>"


class _DefaultGenerator(Generator):
    """The generator of draws that name none.

    A DataLoader's worker thread has a stream of its own under this name, as torch's worker processes do: what a dataset
    draws there depends on the worker's seed only, and leaves the stream of the training alone.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        super().__init__()

    @property
    def engine(self) -> MT19937:
        """The stream of this thread."""
        own: MT19937 = getattr(self._own, "engine", self._shared)
        return own

    @engine.setter
    def engine(self, engine: MT19937) -> None:
        self._shared = engine

    def use_own_stream(self, seed: int) -> None:
        """Let the draws of this thread, from now on, come from a stream of its own that starts from `seed`."""
        self._own.engine = MT19937(seed)


default_generator = _DefaultGenerator()


def engine_of(generator: Any, where: str) -> MT19937:
    """The engine of a generator argument, the default one's for None; TypeError for anything else."""
    if generator is None:
        return default_generator.engine
    check(
        isinstance(generator, Generator),
        lambda: f"{where}(): argument 'generator' must be refnet.Generator, not {type(generator).__name__}",
        TypeError,
    )
    return generator.engine  # type: ignore[no-any-return]


def manual_seed(seed: Any) -> Generator:
    """Seed the default generator with int(seed) and return it.

    >>> manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system's source of randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Set the state of the default generator."""
    default_generator.set_state(new_state)


def thread_safe_generator() -> Generator | None:
    """A generator that a transform may use in any worker of a DataLoader: None, which stands for the default one.

    That one gives each worker thread a stream of its own.
    """
    return None


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str | None = None
) -> Iterator[None]:
    """Put the default generator back, on leaving the block, into the state it had on entering.

    `devices` and `device_type` are taken for torch's sake: all devices draw from the one CPU stream.

    >>> before = get_rng_state()
    >>> with fork_rng():
    ...     _ = manual_seed(7)
    >>> (get_rng_state() == before).all().item()
    True
    """
    if not enabled or device_type == "meta":
        yield
        return
    state = default_generator.engine.state()
    try:
        yield
    finally:
        default_generator.engine.restore(state)
