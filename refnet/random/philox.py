"""Philox4x32-10 as torch's CUDA generator runs it: the words, which thread gets which, and the state of 16 bytes.

Philox is a keyed bijection of 128-bit counters, so its words need no sequence: the word of any counter can be had at
once. torch gives every thread of a GPU a stream of its own,

    key = seed,  counter = (offset / 4 + call, thread)  (each 64 bits: lower and upper word),

of four words a call. A fill of n values starts T = 256 min(SMs * (threads per SM // 256), ceil(n / 256)) threads, in
blocks of 256; how the words fall on the n elements is for `philox_words` to say, and the offset then moves on by four
for each call that a thread made. So the values depend on the seed, on all draws before, and, beyond as many elements as
the GPU runs threads, on the model of the GPU.

Everything is integer arithmetic: on arrays here, and in one kernel on a GPU (`_kernels/philox`), with equal results.

Reference: J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import struct
import threading
from typing import Any, NamedTuple

from refnet._check import check
from refnet._device import device as Device
from refnet._kernels.philox import Draw, has_kernels

Array = Any

STATE_BYTES = 16  # the seed, 64 bits, and the offset, 64 bits
BLOCK = 256  # threads in a block of every fill
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW_32 = 0xFFFFFFFF


def philox(counter: tuple[Array, Array, Array, Array], key: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """The bijection: the four words of counters whose four words are arrays of uint64 below 2^32, under one key.

    >>> import numpy
    >>> zero = numpy.zeros(1, numpy.uint64)
    >>> [hex(int(word[0])) for word in philox((zero, zero, zero, zero), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    a, b, c, d = counter
    first, second = key
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]  # 64-bit products, whose halves are used apart
        a, b, c, d = (right >> 32) ^ b ^ first, right & _LOW_32, (left >> 32) ^ d ^ second, left & _LOW_32
        first, second = (first + _KEY_STEPS[0]) & _LOW_32, (second + _KEY_STEPS[1]) & _LOW_32
    return a, b, c, d


def words(xp: Any, seed: Any, offset: Any, calls: int, threads: int) -> Array:
    """What `threads` threads get in `calls` calls from an offset that is a multiple of 4; (calls, threads, 4), uint32.

    Seed and offset are ints, or on a GPU 0-d arrays.

    >>> import numpy
    >>> words(numpy, 0, 0, 1, 2)[0, :, 0]
    array([1713891541, 2219120097], dtype=uint32)
    """
    if has_kernels(xp):
        return Draw(xp, seed, offset, 4 * calls * threads, threads, 4).words("f").reshape(calls, threads, 4)
    call = xp.arange(calls, dtype=xp.uint64)[:, None] + xp.uint64(offset // 4)
    thread = xp.arange(threads, dtype=xp.uint64)[None, :]
    nothing = xp.zeros((calls, threads), xp.uint64)
    counter = (call & _LOW_32) + nothing, (call >> 32) + nothing, (thread & _LOW_32) + nothing, (thread >> 32) + nothing
    return xp.stack(philox(counter, (seed & _LOW_32, seed >> 32)), axis=-1).astype(xp.uint32)


class Launch(NamedTuple):
    """What of a GPU model decides how its threads share a fill.

    - multiprocessors: how many it has (H200 and H100 SXM: 132, A100: 108, V100: 80, T4: 40);
    - threads_each: the most threads that one of them keeps at a time (2048; 1536 on consumer GPUs since Ampere; T4: 1024).

    >>> Launch(108, 2048).threads(1000), Launch(108, 2048).threads(10**6)
    (1024, 221184)
    """

    multiprocessors: int
    threads_each: int

    def threads(self, n: int) -> int:
        """How many threads share a fill of n > 0 elements: whole blocks, at most what the GPU runs at a time."""
        return BLOCK * min(self.multiprocessors * (self.threads_each // BLOCK), -(-n // BLOCK))


class Philox:
    """The stream of one GPU: a seed, and the offset from which the next draw's threads count.

    - xp, launch: the array module to compute with, and the GPU's properties; by default, those of GPU `index`, asked for
      at the first draw;
    - captured: where the key and offsets come from while a graph is captured (`refnet.cuda.CUDAGraph`), else None.

    >>> import numpy
    >>> engine = Philox(0, launch=Launch(108, 2048), xp=numpy)
    >>> engine.take(10), engine.take(1), engine.offset
    (0, 12, 16)
    """

    capturing = False  # whether a graph is being captured, by whichever generators
    captured: Any = None  # what counts this one's draws then

    def __init__(self, seed: int, index: int | None = None, *, launch: Launch | None = None, xp: Any = None) -> None:
        self.index = 0 if index is None else index
        self.captured: Any = None
        self.lock = threading.RLock()
        self._launch = launch
        self._xp = xp
        self.reseed(seed)

    @property
    def xp(self) -> Any:
        """The array module that computes the draws, on this GPU from now on."""
        return Device("cuda", self.index).xp if self._xp is None else self._xp

    @property
    def launch(self) -> Launch:
        """The properties of the GPU."""
        if self._launch is None:
            attributes = self.xp.cuda.Device(self.index).attributes
            self._launch = Launch(attributes["MultiProcessorCount"], attributes["MaxThreadsPerMultiProcessor"])
        return self._launch

    def reseed(self, seed: int) -> None:
        """Start the stream of `seed` over."""
        self.seed, self.offset = seed, 0

    @property
    def key(self) -> Any:
        """The seed for a draw: an int, or while a graph is captured a 0-d array on the GPU: a replay may have another."""
        return self.seed if self.captured is None else self.captured.seed

    def take(self, count: int) -> Any:
        """The offset for a draw in which a thread may use `count` words; the next draw starts behind them, at a multiple of 4.

        While a graph is captured, a 0-d array on the GPU: a replay has another offset.
        """
        if self.captured is not None:
            return self.captured.take(count)
        check(
            not Philox.capturing,
            lambda: (
                "Attempt to increase offset for a CUDA generator not in capture mode: its draws would be the same at "
                "every replay. Use the default generator, or CUDAGraph.register_generator_state before the capture"
            ),
        )
        with self.lock:
            offset = self.offset
            self.offset = (offset + -(-count // 4) * 4) % (1 << 64)
        return offset

    def state(self) -> bytes:
        """The state as torch writes it."""
        return struct.pack("<QQ", self.seed, self.offset)

    def restore(self, state: bytes) -> None:
        """Go on from a state that `state`, or torch, wrote: 16 bytes, or 8 for a seed without an offset."""
        check(
            len(state) in (STATE_BYTES, STATE_BYTES // 2),
            lambda: f"RNG state is wrong size: expected {STATE_BYTES} bytes, got {len(state)}",
        )
        seed, offset = struct.unpack("<QQ", state.ljust(STATE_BYTES, b"\0"))
        check(offset % 4 == 0, lambda: f"offset must be a multiple of 4, got {offset}")
        self.seed, self.offset = seed, offset
