"""The Mersenne Twister MT19937 as torch's CPU generator runs it: its words, and its state as 5,056 bytes.

torch seeds the engine by the 2002 `init_genrand`, as numpy's legacy `RandomState` does, and numpy makes words by the
thousand in compiled code; so numpy's engine does the work here, and this file knows what torch adds: the layout of
the state, and a normal value that may wait in it for the next draw.

Reference: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998.
"""

import threading
from typing import Any

import numpy

from refnet._check import check
from refnet._recording.active import opaque

Words = Any  # a one-dimensional numpy array of unsigned integers

KEY = 624  # 32-bit words in the engine's state

# One C struct, little endian. `left` words can still be taken before the key is renewed; the next one is key[next].
_LAYOUT = numpy.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal", "float_normal", "has_float_normal"],
        "formats": ["<u8", "<i4", "<i4", "<u8", f"({KEY},)<u8", "<f8", "<i4", "<f4", "?"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)
STATE_BYTES = _LAYOUT.itemsize


class MT19937:
    """A stream of 32-bit words from a 64-bit seed, of which the engine takes the lower half.

    - seed: the 64 bits it was seeded with.
    - normal: the second value of the last pair of normals, if nobody has taken it yet.

    >>> engine = MT19937(5489)
    >>> engine.words32(2)
    array([3499211612,  581869302], dtype=uint32)
    """

    def __init__(self, seed: int) -> None:
        self._random = numpy.random.RandomState()
        self._bits: Any = self._random._bit_generator
        self.lock = threading.RLock()  # held by draws that also use `normal`
        self.reseed(seed)

    @opaque
    def reseed(self, seed: int) -> None:
        """Start the stream of `seed` over."""
        self.seed = seed
        self.normal: float | None = None
        self._float_normal: float | None = None  # no draw uses it; kept so that states pass through unchanged
        self._fresh = True  # torch writes next = 0 until the first word is taken
        self._random.seed(seed & 0xFFFFFFFF)

    @opaque
    def words32(self, n: int) -> Words:
        """The next n words, uint32."""
        self._fresh = self._fresh and n == 0
        return self._bits.random_raw(n).astype(numpy.uint32)

    @opaque
    def words64(self, n: int) -> Words:
        """The next n pairs of words, uint64: the first of a pair is the upper half."""
        self._fresh = self._fresh and n == 0
        return self._random.randint(0, 1 << 64, n, dtype=numpy.uint64)

    @opaque
    def state(self) -> bytes:
        """The state as torch writes it."""
        engine = self._bits.state["state"]
        record = numpy.zeros((), _LAYOUT)
        record["seed"], record["seeded"], record["key"] = self.seed, 1, engine["key"]
        record["left"] = KEY + 1 - engine["pos"]
        record["next"] = 0 if self._fresh else engine["pos"]
        if self.normal is not None:
            record["normal"], record["has_normal"] = self.normal, 1
        if self._float_normal is not None:
            record["float_normal"], record["has_float_normal"] = self._float_normal, True
        return record.tobytes()

    @opaque
    def restore(self, state: bytes) -> None:
        """Go on from a state that `state`, or torch, wrote. RuntimeError for bytes that are none."""
        check(
            len(state) == STATE_BYTES,
            lambda: (
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size to be "
                f"{len(state)}"
            ),
        )
        record = numpy.frombuffer(state, _LAYOUT)[0]
        left, position = int(record["left"]), int(record["next"])
        check(record["seeded"] == 1 and 0 < left <= KEY and position <= KEY, lambda: "Invalid mt19937 state")
        engine = {"key": record["key"].astype(numpy.uint32), "pos": KEY if left == 1 else position}
        self._bits.state = {"bit_generator": "MT19937", "state": engine}
        self.seed = int(record["seed"])
        self._fresh = left == 1 and position == 0
        self.normal = float(record["normal"]) if record["has_normal"] else None
        self._float_normal = float(record["float_normal"]) if record["has_float_normal"] else None
