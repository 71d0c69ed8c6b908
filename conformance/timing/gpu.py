"""Timing on a GPU: its own clock, a cache that holds nothing, inputs that change from call to call.

A call returns when its kernels are queued, not when they have run, so the clock is an event in the stream: a time stamp
that the GPU takes when it comes there. Both libraries queue on the legacy default stream, which waits for all ordinary
streams; two neighbouring samples never overlap.

What a kernel reads may still be in the L2 cache from the call before, which no training step would find there: inputs
rotate through copies that together are larger than the cache, and a sample begins with a cache full of something else.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from conformance.gpus import Gpu
from conformance.timing.measure import Call

LEAST = 2e-3  # seconds of a sample: the way from an event to the first launch, some 5 us, is a quarter of a percent
RENEWED = 1.0  # seconds: event times are single precision, which is fine enough over such a span
COPIES = 32  # at most: what is so small is bound by launches, whatever the cache does
DEFAULT_L2 = 64 << 20  # bytes, where the driver does not tell


class Clock:
    """Seconds on the GPU since the clock was made; reading it waits for everything that was queued."""

    def __init__(self, torch: Any) -> None:
        """`torch` is torch's namespace: its events see what any library does on the device."""
        self._event: Callable[[], Any] = lambda: torch.cuda.Event(enable_timing=True)
        self._wait = torch.cuda.synchronize
        self._base, self._offset = self._marked(), 0.0

    def _marked(self) -> Any:
        event = self._event()
        event.record()
        self._wait()
        return event

    def __call__(self) -> float:
        event = self._marked()
        passed = self._base.elapsed_time(event) * 1e-3
        if passed > RENEWED:
            self._base, self._offset = event, self._offset + passed
            return self._offset
        return float(self._offset + passed)


class Flush:
    """A context that begins with an L2 cache full of zeros: sides are sampled inside it."""

    def __init__(self, torch: Any, device: str) -> None:
        self._memory = torch.empty(2 * l2_bytes(torch, device), dtype=torch.uint8, device=device)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._memory.zero_()
        yield


def l2_bytes(torch: Any, device: str) -> int:
    """The size of the GPU's L2 cache."""
    properties = torch.cuda.get_device_properties(device)
    return int(getattr(properties, "L2_cache_size", 0)) or DEFAULT_L2


def copies(nbytes: int, cache: int) -> int:
    """How many copies of inputs of a size rotate, so that a call finds nothing of its own in the cache.

    >>> copies(48 << 20, 50 << 20), copies(64, 50 << 20), copies(1 << 30, 50 << 20)
    (4, 32, 2)
    """
    return min(COPIES, max(2, 1 + -(-2 * cache // max(nbytes, 1))))


def rotating(calls: Sequence[Call]) -> Call:
    """One call after the other, for ever.

    >>> call = rotating([lambda: 1, lambda: 2])
    >>> call(), call(), call()
    (1, 2, 1)
    """
    if len(calls) == 1:
        return calls[0]
    following = cycle(calls).__next__

    def call() -> Any:
        return following()()

    return call


def captured(library: Any, step: Callable[..., Any], *inputs: Any, before: int = 3) -> Call:
    """A step on these inputs, recorded once as a graph of kernels and from then on replayed.

    A call copies the inputs to where the graph reads them, as a training does with every batch. A library that has
    `cuda.captured_step` records in its own way; others as torch's documentation shows it: `before` steps on a stream
    beside, where workspaces are chosen and memory is taken, then one that is recorded. AttributeError for a library that
    has no graphs.
    """
    cuda = library.cuda
    if hasattr(cuda, "captured_step"):
        recorded = cuda.captured_step(step, *inputs, warmup=before)
        for _ in range(before + 1):
            recorded(*inputs)
        return lambda: recorded(*inputs)
    kept = [tensor.clone() for tensor in inputs]
    beside = cuda.Stream()
    beside.wait_stream(cuda.current_stream())
    with cuda.stream(beside):
        for _ in range(before):
            step(*kept)
    cuda.current_stream().wait_stream(beside)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        step(*kept)

    def replayed() -> None:
        for there, given in zip(kept, inputs, strict=True):
            there.copy_(given)
        graph.replay()

    return replayed


def peak_mib(library: Any, run: Call) -> float:
    """MiB of the GPU that a library's pool held at most while `run` ran, above what it held before.

    That is what other programs cannot have; how much of it tensors used, only some pools know. AttributeError for a
    library that does not tell.
    """
    cuda = library.cuda
    cuda.synchronize()
    cuda.empty_cache()
    before = cuda.memory_reserved()
    cuda.reset_peak_memory_stats()
    run()
    cuda.synchronize()
    return float(cuda.max_memory_reserved() - before) / 2**20


def in_words(seen: Sequence[Gpu]) -> str:
    """The state of GPUs in a line."""
    return "; ".join(
        f"{gpu.name}: SM {gpu.sm_mhz:.0f} MHz, memory {gpu.memory_mhz:.0f} MHz, {gpu.celsius:.0f} C, {gpu.watts:.0f} W"
        for gpu in seen
    )
