"""Which of torch's random streams the installed torch has: releases, builds and processors draw a few things differently.

Short seeded draws tell the variants apart, one *aspect* at a time. What is compared bit for bit names the aspects that
it hangs on (`Case.streams`); where the installed torch draws one of them in another way than torch 2.13 does on a
processor with AVX2, a candidate that does not draw in just that way is not judged by it.

w32 is one 32-bit word of the generator, w64 = first << 32 | second.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from conformance.draw import Array
from conformance.streams import Stream

REFERENCE = "as torch 2.13 with AVX2"
UNKNOWN = "in a way that is not known"

SEED = 2147483647
COUNT = 48  # a draw of the probe
WORDS, UNIFORM, INTEGERS, BERNOULLI = "words", "uniform", "integers", "bernoulli"
NORMAL, PAIRS, EXPONENTIAL, TRUNCATED = "normal", "normal pairs", "exponential", "truncated normal"


@dataclass(frozen=True)
class Aspect:
    """Something that torch's variants draw differently.

    `draw(torch, generator)` gives numbers whose bits tell them apart; `known` has what the variants give from the same
    stream, the reference first. A name may stand there twice.
    """

    name: str
    draw: Callable[[Any, Any], Any]
    known: Sequence[tuple[str, Callable[[Stream], Array]]]

    @property
    def reference(self) -> str:
        """The variant that candidates are held to."""
        return self.known[0][0]

    def variant(self, torch: Any) -> str:
        """Which variant this namespace is; UNKNOWN also where it cannot draw this."""
        try:
            found = self.drawn(torch)
        except Exception:  # whatever is missing or refused: it is none of the variants
            return UNKNOWN
        for name, expected in self.known:
            wanted = expected(Stream.of_seed(SEED))
            if wanted.dtype == found.dtype and wanted.tobytes() == found.tobytes():
                return name
        return UNKNOWN

    def drawn(self, torch: Any) -> Array:
        """The numbers, from a generator of their own."""
        generator = torch.Generator()
        generator.manual_seed(SEED)
        return self.draw(torch, generator).detach().numpy()

    def alike(self, torch: Any, candidate: Any) -> bool:
        """Whether the candidate gives the very numbers that torch gives."""
        try:
            return bool(self.drawn(torch).tobytes() == self.drawn(candidate).tobytes())
        except Exception:  # a candidate that cannot draw it is not alike
            return False


# --- what the variants give -----------------------------------------------------------------------------------------


def _unit32(stream: Stream) -> Array:
    """(w32 mod 2^24) 2^-24, float32."""
    words, _ = stream.words32(COUNT)
    return ((words & numpy.uint64(0xFFFFFF)) * 2.0**-24).astype(numpy.float32)


def _unit64(stream: Stream) -> Array:
    """(w64 mod 2^53) 2^-53, float64."""
    words, _ = stream.words64(COUNT)
    return (words & numpy.uint64((1 << 53) - 1)) * 2.0**-53


_LOW, _HIGH = numpy.float32(-1.3), numpy.float32(1.8)


def _once_rounded(stream: Stream) -> Array:
    """x (b - a) + a with one rounding (the product is exact in float64)."""
    exact = _unit32(stream).astype(numpy.float64) * float(_HIGH - _LOW) + float(_LOW)
    return exact.astype(numpy.float32)


def _twice_rounded(stream: Stream) -> Array:
    """x (b - a) + a, product and sum rounded."""
    return _unit32(stream) * (_HIGH - _LOW) + _LOW


_RANGE = 3 << 28  # between the two thresholds


def _wide(stream: Stream) -> Array:
    """w64 mod the range: two words already from 2^28 on."""
    return (stream.words64(COUNT)[0] % numpy.uint64(_RANGE)).astype(numpy.int64)


def _narrow(stream: Stream) -> Array:
    """w32 mod the range: two words from 2^32 on only."""
    return (stream.words32(COUNT)[0] % numpy.uint64(_RANGE)).astype(numpy.int64)


_P = 0.4


def _by_twister(stream: Stream) -> Array:
    """w64 mod 2^53 < p 2^53."""
    return (_unit64(stream) < _P).astype(numpy.float32)


def _by_mcg31(skipped: int) -> Callable[[Stream], Array]:
    """MKL's generator MCG31m1, seeded with one w32: x <- 1132489760 x mod (2^31 - 1), x / (2^31 - 1) < p."""

    def draw(stream: Stream) -> Array:
        modulus = (1 << 31) - 1
        x = int(stream.words32(1)[0][0]) % modulus or 1
        values = []
        for _ in range(COUNT + skipped):
            values.append(x)
            x = x * 1132489760 % modulus
        return numpy.array([x / modulus < _P for x in values[skipped:]], numpy.float32)

    return draw


def _by_log1p(stream: Stream) -> Array:
    """-log1p(-u) / rate in float64, rounded once."""
    return numpy.array([-1 / 1.3 * math.log1p(-u) for u in _unit64(stream).tolist()], numpy.float32)


def _recorded(text: str, dtype: str) -> Callable[[Stream], Array]:
    """Numbers that were seen: their formula is a whole library of elementary functions."""
    return lambda _: numpy.frombuffer(bytes.fromhex(text), dtype)


def _taken(count: int) -> Callable[[Stream], Array]:
    """The state after so many words."""
    return lambda stream: stream.words32(count)[1].state


# --- what is drawn --------------------------------------------------------------------------------------------------


def _uniform(torch: Any, generator: Any) -> Any:
    return torch.Tensor.uniform_(torch.empty(COUNT), float(_LOW), float(_HIGH), generator=generator)


def _bernoulli(torch: Any, generator: Any) -> Any:
    return torch.Tensor.bernoulli_(torch.empty(COUNT), _P, generator=generator)


def _exponential(torch: Any, generator: Any) -> Any:
    return torch.Tensor.exponential_(torch.empty(COUNT), 1.3, generator=generator)


def _truncated(torch: Any, generator: Any) -> Any:
    """The state after one value that is kept at the first attempt: a pair of normals takes four words, a uniform one."""
    torch.nn.init.trunc_normal_(torch.empty(1), 0.0, 1.0, -30.0, 30.0, generator=generator)
    state = generator.get_state()
    state[5024:] = 0  # but for the normal that waits
    return state


ASPECTS = (
    Aspect(WORDS, lambda torch, g: torch.rand(COUNT, generator=g), (("by MT19937", _unit32),)),
    Aspect(
        UNIFORM,
        _uniform,
        (("with multiply-add contraction", _once_rounded), ("without multiply-add contraction", _twice_rounded)),
    ),
    Aspect(
        INTEGERS,
        lambda torch, g: torch.randint(_RANGE, (COUNT,), generator=g),
        (("two words from 2^28 on", _wide), ("two words from 2^32 on (older torch)", _narrow)),
    ),
    Aspect(
        BERNOULLI,
        _bernoulli,
        (
            ("by 53 bits of two words", _by_twister),
            ("by MKL's MCG31 (torch <= 2.6 on Intel)", _by_mcg31(0)),
            ("by MKL's MCG31 (torch <= 2.6 on Intel)", _by_mcg31(1)),
        ),
    ),
    Aspect(
        NORMAL,
        lambda torch, g: torch.randn(16, generator=g),
        (
            (
                "with multiply-add contraction",
                _recorded(
                    "519fc83fc2fc72beae55e0bc57e68cbf0e5f923e96d6f2bc0906c6bf33da1a3f2912a23d6e95673f1948f1be2b6d493f"
                    "a028a8be44aeddbe33bcaf3f4abc3b40",
                    "float32",
                ),
            ),
            (
                "by scalar functions (no AVX2)",
                _recorded(
                    "519fc83fbdfc72be2656e0bc56e68cbf0a5f923e05d7f2bc0a06c6bf33da1a3f2912a23d6e95673f1848f1be2f6d493f"
                    "a528a8be44aeddbe32bcaf3f4abc3b40",
                    "float32",
                ),
            ),
        ),
    ),
    Aspect(
        PAIRS,
        lambda torch, g: torch.Tensor.normal_(torch.empty(15, dtype=torch.float64), 0.3, 1.7, generator=g),
        (
            (
                "with multiply-add contraction",
                _recorded(
                    "7ded3cec2fdbf5bf3732f532902504c03c7549c4ebf5c93f9b9b417e8ae2d1bf4ff0f888d1f20e40b2ae1077732efd3f"
                    "87ab44d26afbeb3f4545c4bccb0cacbf84d406ed50bef4bf87f445f7c552fbbfc717387a9895e8bfd33f079a11edf5bf"
                    "03430bb7acfa0440a1ad6ef13c8ce2bff71364f0757a0240",
                    "float64",
                ),
            ),
            (
                "without multiply-add contraction",
                _recorded(
                    "7ded3cec2fdbf5bf3732f532902504c03c7549c4ebf5c93f9b9b417e8ae2d1bf4ef0f888d1f20e40b2ae1077732efd3f"
                    "88ab44d26afbeb3f4845c4bccb0cacbf83d406ed50bef4bf87f445f7c552fbbfc617387a9895e8bfd33f079a11edf5bf"
                    "03430bb7acfa0440a2ad6ef13c8ce2bff71364f0757a0240",
                    "float64",
                ),
            ),
        ),
    ),
    Aspect(EXPONENTIAL, _exponential, (("by log1p in float64", _by_log1p),)),
    Aspect(TRUNCATED, _truncated, (("by rejection", _taken(4)), ("by erfinv (torch < 2.12)", _taken(1)))),
)
NAMES = tuple(aspect.name for aspect in ASPECTS)


# --- the verdict ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def variants(torch: Any) -> dict[str, str]:
    """The variant of every aspect: a name of `Aspect.known`, or UNKNOWN. The default generator is left alone."""
    return {aspect.name: aspect.variant(torch) for aspect in ASPECTS}


def described(found: dict[str, str]) -> str:
    """Variants in one line: the reference, and what differs from it."""
    other = [f"{aspect.name} {found[aspect.name]}" for aspect in ASPECTS if found[aspect.name] != aspect.reference]
    return f"{REFERENCE}, except {'; '.join(other)}" if other else REFERENCE


def incomparable(streams: Iterable[str], torch: Any, candidate: Any) -> str:
    """Why draws that hang on these aspects cannot be judged by the installed torch; "" when they can.

    `torch` and `candidate` are namespaces. Where torch is not the reference, the candidate has to draw just as it does.
    """
    wanted = set(streams)
    for aspect in ASPECTS:
        found = variants(torch)[aspect.name]
        if aspect.name in wanted and found != aspect.reference and not aspect.alike(torch, candidate):
            return f"the installed torch draws {aspect.name} {found}, not {aspect.reference}: nothing to compare with"
    return ""
