"""`Generator`, the default one, and the functions that seed, save and restore it."""

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from refnet import _gpu, _tape
from refnet._check import check
from refnet._device import cpu, gpu_index, to_numpy
from refnet._device import device as Device
from refnet.random.mt19937 import MT19937
from refnet.random.philox import Philox

DEFAULT_SEED = 67280421310721  # torch's, a prime


class Generator:
    """A source of random numbers with a state of its own; torch's stream of its device, bit for bit.

    Two generators with the same seed, one here and one in torch, give the same numbers, and states can be handed from
    one to the other at any point.

    - device: "cpu", or a GPU, whose tensors the generator then fills.
    - engine: the stream of words the distributions draw from: `MT19937`, or `Philox` for a GPU.

    >>> import refnet
    >>> g = refnet.Generator().manual_seed(0)
    >>> refnet.rand(3, generator=g)
    tensor([0.4963, 0.7682, 0.0885])
    """

    engine: MT19937 | Philox

    def __init__(self, device: Any = "cpu") -> None:
        where = Device("cpu" if device is None else device)
        if where is cpu:
            self.device = cpu
            self.engine = MT19937(DEFAULT_SEED)
        else:
            self.device = Device("cuda", _gpu.current() if where.index is None else where.index)
            self.engine = Philox(DEFAULT_SEED, self.device.index)

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
        """The state that torch's `set_state` takes as well, a uint8 tensor on the CPU: of 5,056 bytes, for a GPU of 16."""
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
        return Generator(self.device).set_state(self.get_state())

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, state: "Generator") -> "Generator":
        """Go on from the state of another generator. Returns self."""
        return self.set_state(state.get_state())

    def _philox(self) -> Philox:
        engine = self.engine
        if isinstance(engine, Philox):
            return engine
        raise RuntimeError("CPU Generator does not use offset")

    def get_offset(self) -> int:
        """How many words of its stream each thread of the GPU has left behind; RuntimeError for a generator of the CPU."""
        return self._philox().offset

    def set_offset(self, offset: int) -> "Generator":
        """Go on from an offset, a multiple of 4. Returns self. RuntimeError for a generator of the CPU."""
        engine = self._philox()
        check(offset % 4 == 0 and 0 <= offset < 1 << 64, lambda: f"offset must be a multiple of 4, got {offset}")
        with engine.lock:
            engine.offset = int(offset)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (str(self.device),), self.engine.state()

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


# --- the default generators of GPUs -------------------------------------------------------------------------------

_gpu_generators: dict[int, Generator] = {}  # by the number of the GPU, made when first asked for
_gpu_seed = DEFAULT_SEED  # of those not made yet
_from_cpu = threading.local()  # .depth: how many `draws_from_cpu` blocks this thread is in


def gpu_generator(index: int | None = None) -> Generator:
    """The default generator of a GPU; of the current one for None."""
    index = _gpu.current() if index is None else index
    if index not in _gpu_generators:
        _gpu_generators[index] = Generator(Device("cuda", index)).manual_seed(_gpu_seed)
    return _gpu_generators[index]


def seed_gpus(seed: int) -> None:
    """Seed the default generators of all GPUs, those not yet asked for included."""
    global _gpu_seed
    _gpu_seed = seed % (1 << 64)
    for generator in _gpu_generators.values():
        generator.manual_seed(seed)


@contextmanager
def draws_from_cpu() -> Iterator[None]:
    """In the block, let tensors on a GPU be filled, and dropout masks be drawn, by generators of the CPU.

    Training on a GPU then has the weights and masks of the same training on the CPU, bit for bit, so that the two can be
    compared; a draw is made on the host and copied to the GPU. It holds for the thread that enters the block.
    """
    _from_cpu.depth = getattr(_from_cpu, "depth", 0) + 1
    try:
        yield
    finally:
        _from_cpu.depth -= 1


def engine_of(generator: Any, where: str, array: Any = None) -> MT19937 | Philox:
    """The engine that fills `array` (None: one in host memory): of a generator argument, for None of a default one.

    TypeError for what is no generator; RuntimeError for a generator of the other kind of device.
    """
    on_host = array is None or isinstance(array, numpy.ndarray) or getattr(_from_cpu, "depth", 0) > 0
    if generator is None:
        return default_generator.engine if on_host else gpu_generator(array.device.id).engine
    check(
        isinstance(generator, Generator),
        lambda: f"{where}(): argument 'generator' must be refnet.Generator, not {type(generator).__name__}",
        TypeError,
    )
    expected = "cpu" if on_host else "cuda"
    check(
        generator.device.type == expected,
        lambda: f"Expected a '{expected}' device type for generator but found '{generator.device.type}'",
    )
    return generator.engine  # type: ignore[no-any-return]


def philox_of(array: Any) -> Philox | None:
    """The default stream that fills `array` on its GPU; None where it is filled from the stream of the CPU."""
    if isinstance(array, numpy.ndarray) or getattr(_from_cpu, "depth", 0) > 0:
        return None
    return gpu_generator(array.device.id).engine  # type: ignore[return-value]


# --- all devices --------------------------------------------------------------------------------------------------


def manual_seed(seed: Any) -> Generator:
    """Seed the default generators, of the CPU and of all GPUs, with int(seed); returns that of the CPU.

    >>> manual_seed(0).initial_seed()
    0
    """
    seed = int(seed)
    default_generator.manual_seed(seed)
    seed_gpus(seed)
    return default_generator


def seed() -> int:
    """Seed the default generators from the operating system's source of randomness, all alike; returns the seed."""
    chosen = default_generator.seed()
    seed_gpus(chosen)
    return chosen


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
    """Put the default generators back, on leaving the block, into the states they had on entering.

    devices: the GPUs whose generators are put back, as numbers or devices; all, for None.

    >>> before = get_rng_state()
    >>> with fork_rng():
    ...     _ = manual_seed(7)
    >>> (get_rng_state() == before).all().item()
    True
    """
    global _gpu_seed
    if not enabled or device_type == "meta":
        yield
        return
    state = default_generator.engine.state()
    chosen = None if devices is None else [gpu_index(device) for device in devices]
    seed_before = _gpu_seed
    before = {index: gpu_generator(index).engine.state() for index in (_gpu_generators if chosen is None else chosen)}
    try:
        yield
    finally:
        default_generator.engine.restore(state)
        if chosen is None:  # generators made in the block stand, after it, where they would have started
            _gpu_seed = seed_before
            for index in _gpu_generators.keys() - before.keys():
                _gpu_generators[index].manual_seed(seed_before)
        for index, gpu_state in before.items():
            gpu_generator(index).engine.restore(gpu_state)
