"""torch's CPU generator seen from outside: what its state says, and where two streams part.

The state is one C struct of 5,056 bytes, little endian, around a Mersenne Twister MT19937. A normal drawn in pairs may
leave its second value in the state for the next draw. numpy's MT19937 makes the same words from the same key, so a
stream can be read, taken further and written back without torch.

w32 is one word of the engine, w64 = first << 32 | second.
"""

from dataclasses import dataclass, replace

import numpy

from conformance.draw import Array

KEY = 624  # 32-bit words in the engine's state
SEARCHED = 4096  # renewals of the key after which the number of words taken is no longer looked for

_LAYOUT = numpy.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal", "float_normal", "has_float_normal"],
        "formats": ["<u8", "<i4", "<i4", "<u8", f"({KEY},)<u8", "<f8", "<i4", "<f4", "?"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)
BYTES = _LAYOUT.itemsize


@dataclass(frozen=True)
class Stream:
    """A place in a stream: the engine's key, how many of its words are taken, and the normal value that waits."""

    seed: int
    key: Array
    position: int  # words of the key that are taken: 624 when the next word needs a new key
    normal: float | None = None
    fresh: bool = False  # seeded, and nothing drawn yet: torch writes it in its own way

    @classmethod
    def of_seed(cls, seed: int) -> "Stream":
        """The start of a seed's stream; the engine sees its lower 32 bits."""
        state = numpy.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=False)["state"]
        return cls(seed % (1 << 64), state["key"], KEY, fresh=True)

    @classmethod
    def of_state(cls, state: bytes | Array) -> "Stream":
        """From the bytes of `get_state`. ValueError for bytes that are no state."""
        raw = numpy.frombuffer(state, numpy.uint8).tobytes()
        if len(raw) != BYTES:
            raise ValueError(f"a generator's state has {BYTES} bytes, got {len(raw)}")
        record = numpy.frombuffer(raw, _LAYOUT)[0]
        spent = int(record["left"]) == 1
        position = KEY if spent else int(record["next"])
        normal = float(record["normal"]) if record["has_normal"] else None
        fresh = spent and int(record["next"]) == 0
        return cls(int(record["seed"]), record["key"].astype(numpy.uint32), position, normal, fresh)

    @property
    def state(self) -> Array:
        """The bytes of `get_state`, uint8."""
        record = numpy.zeros((), _LAYOUT)
        record["seed"], record["seeded"], record["key"] = self.seed, 1, self.key
        record["left"], record["next"] = KEY + 1 - self.position, 0 if self.fresh else self.position
        if self.normal is not None:
            record["normal"], record["has_normal"] = self.normal, 1
        return numpy.frombuffer(record.tobytes(), numpy.uint8).copy()

    def words32(self, n: int) -> tuple[Array, "Stream"]:
        """The next n words, as uint64, and the stream after them."""
        engine = numpy.random.MT19937(0)
        engine.state = {"bit_generator": "MT19937", "state": {"key": self.key, "pos": self.position}}
        words = numpy.asarray(engine.random_raw(n), numpy.uint64)
        left = engine.state["state"]
        return words, replace(self, key=left["key"], position=int(left["pos"]), fresh=self.fresh and n == 0)

    def words64(self, n: int) -> tuple[Array, "Stream"]:
        """The next n pairs of words, uint64, and the stream after them."""
        words, after = self.words32(2 * n)
        return words[0::2] << numpy.uint64(32) | words[1::2], after

    @property
    def taken(self) -> int | None:
        """How many words were taken since the seed; None where that is not found out (a key from elsewhere)."""
        start = Stream.of_seed(self.seed)
        engine = numpy.random.MT19937(0)
        engine.state = {"bit_generator": "MT19937", "state": {"key": start.key, "pos": KEY}}
        for renewals in range(SEARCHED):
            if numpy.array_equal(engine.state["state"]["key"], self.key):
                return (renewals - 1) * KEY + self.position
            engine.random_raw(KEY)
        return None


def is_state(array: Array) -> bool:
    """Whether an array looks like a generator's state."""
    return bool(array.dtype == numpy.uint8 and array.shape == (BYTES,))


def parted(mine: Array, theirs: Array) -> str:
    """In what two states differ, in words; "" when they are the same bytes."""
    if mine.tobytes() == theirs.tobytes():
        return ""
    ours, torch = Stream.of_state(mine), Stream.of_state(theirs)
    if ours.seed != torch.seed:
        return f"the seed is {ours.seed}, in torch {torch.seed}"
    if not numpy.array_equal(ours.key, torch.key) or ours.position != torch.position:
        counts = ["an unknown number of" if s.taken is None else str(s.taken) for s in (ours, torch)]
        return f"{counts[0]} words were taken since the seed, in torch {counts[1]}"
    if ours.normal != torch.normal:
        waiting = ["no normal value waits" if s.normal is None else f"{s.normal!r} waits" for s in (ours, torch)]
        return f"for the next draw {waiting[0]}, in torch {waiting[1]}"
    return "the same words were taken, but the states' bytes differ"
