"""What this machine can do, measured in the same run: its rate of matrix products and of copying.

A rate is the best that numpy's and torch's own routines reach on float32, of several samples: a speed limit, which noise
only lowers. Copies count the bytes read and the bytes written.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from conformance.timing.measure import Clock, Side, sample

EDGE = 1024  # of the square matrices: 2 n^3 operations on 12 n^2 bytes
GPU_EDGE = 8192
GPU_COPIED = 1 << 30
COPIED = 64 << 20  # bytes: beyond any cache
SAMPLES = 7


@dataclass(frozen=True)
class Rates:
    """The machine's speed limits at a number of threads."""

    threads: int
    gflops: float
    gbytes_s: float

    def best(self, other: "Rates") -> "Rates":
        """The higher of each, of two measurements."""
        return Rates(self.threads, max(self.gflops, other.gflops), max(self.gbytes_s, other.gbytes_s))


def rates(
    torch: Any, threads: int, *, edge: int = EDGE, copied: int = COPIED, clock: Clock = time.perf_counter
) -> Rates:
    """The rates now. `torch` is torch's namespace."""
    a = numpy.random.default_rng(0).standard_normal((edge, edge), dtype=numpy.float32)
    product, product_t, a_t = numpy.empty_like(a), torch.empty(edge, edge), torch.from_numpy(a)
    source = numpy.ones(copied // 4, numpy.float32)
    target, source_t = numpy.empty_like(source), torch.from_numpy(source)
    target_t = torch.empty_like(source_t)
    target[:], target_t[:] = 0, 0  # the first touch of memory is no copy

    def best(*calls: Callable[[], Any]) -> float:
        return min(sample(Side("", call), 1, clock) for _ in range(SAMPLES) for call in calls)

    multiplying = best(lambda: numpy.matmul(a, a, out=product), lambda: torch.mm(a_t, a_t, out=product_t))
    copying = best(lambda: numpy.copyto(target, source), lambda: target_t.copy_(source_t))
    return Rates(threads, 2e-9 * edge**3 / multiplying, 2e-9 * copied / copying)


def gpu_rates(torch: Any, device: str, *, clock: Clock, edge: int = GPU_EDGE, copied: int = GPU_COPIED) -> Rates:
    """The rates of a GPU now: float32 without TF32, and memory to memory on the device."""
    a = torch.randn(edge, edge, device=device)
    source = torch.ones(copied // 4, device=device)
    product, target = torch.empty_like(a), torch.zeros_like(source)

    def best(call: Callable[[], Any]) -> float:
        return min(sample(Side("", call), 3, clock) for _ in range(SAMPLES))

    multiplying = best(lambda: torch.mm(a, a, out=product))
    copying = best(lambda: target.copy_(source))
    return Rates(1, 2e-9 * edge**3 / multiplying, 2e-9 * copied / copying)
