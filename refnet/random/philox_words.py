"""Which of a draw's words go to which element: the ways in which torch's CUDA kernels share n elements among threads.

T is the number of threads, `Launch.threads(n)`. In a call a thread gets four 32-bit words, from which it makes four
values, or two of 64 bits. Element i counts in the order of memory, unless a draw says otherwise.

| kernels                                      | thread         | call                  | value of the call |
|----------------------------------------------|----------------|-----------------------|-------------------|
| fills, k values a call (`strided`)           | i mod T        | i // kT               | (i // T) mod k    |
| dropout, V elements at a time (`in_vectors`) | (i // V) mod T | of ceil(V/4): i // VT | i mod V, 4 a call |
| bernoulli(tensor) (`in_fours`)               | i // 4         | 0                     | i mod 4           |
"""

from typing import Any

from refnet._kernels.philox import Draw, has_kernels
from refnet.random.philox import Philox, words
from refnet.random.philox_values import UNIT32, Value

Array = Any

_INDEX_32_MAX = (1 << 31) - 1  # a kernel addresses bytes with 32-bit integers


def calls_of(n: int, threads: int, each: int) -> int:
    """How often each of the threads calls for words to fill n > 0 elements, `each` with a call."""
    return (n - 1) // (threads * each) + 1


def strided(engine: Philox, n: int, itemsize: int, value: Value) -> Array:
    """A value for each of n > 0 elements of `itemsize` bytes, which threads take in strides.

    A fill that 32-bit integers cannot address moves the offset, and is then halved until they can, piece by piece.
    """
    parts = [_strided(engine, offset, size, value) for offset, size in pieces(engine, n, itemsize, value.each)]
    return parts[0] if len(parts) == 1 else engine.xp.concatenate(parts)


def pieces(engine: Philox, n: int, itemsize: int, each: int) -> list[tuple[Any, int]]:
    """The offset and the size of each piece of a fill."""
    found = [(_take(engine, n, each), n)]
    sizes = _halved(n, itemsize)
    return found if len(sizes) == 1 else [(_take(engine, size, each), size) for size in sizes]


def _take(engine: Philox, n: int, each: int) -> Any:
    return engine.take(4 * calls_of(n, engine.launch.threads(n), each))


def _halved(n: int, itemsize: int) -> list[int]:
    if (n - 1) * itemsize < _INDEX_32_MAX:
        return [n]
    return _halved(n // 2, itemsize) + _halved(n - n // 2, itemsize)


def _strided(engine: Philox, offset: Any, n: int, value: Value) -> Array:
    xp, threads = engine.xp, engine.launch.threads(n)
    if has_kernels(xp):
        return value.by_kernel(Draw(xp, engine.key, offset, n, threads))
    values = value.of_words(xp, words(xp, engine.key, offset, calls_of(n, threads, value.each), threads))
    return values.transpose(0, 2, 1).reshape(-1)[:n]  # (call, thread, value) -> (call, value, thread)


def in_vectors(engine: Philox, n: int, vector: int, value: Value) -> Array:
    """A value for each of n > 0 elements, of which a thread takes `vector` neighbours at a time, four with a call.

    vector: 1, which is `strided`, or 2, 4 or 8, of which n is a multiple. With 2, half of a call's values are not used.
    """
    xp, threads = engine.xp, engine.launch.threads(n)
    offset = _take(engine, n, 4)
    if vector == 1:
        return _strided(engine, offset, n, value)
    if has_kernels(xp):
        return value.by_kernel(Draw(xp, engine.key, offset, n, threads, vector))
    rounds, calls = calls_of(n, threads, vector), -(-vector // 4)
    values = value.of_words(xp, words(xp, engine.key, offset, rounds * calls, threads))
    values = values.reshape(rounds, calls, threads, 4)[..., :vector]
    return values.transpose(0, 2, 1, 3).reshape(-1)[:n]  # (round, thread, call, value)


def in_fours(engine: Philox, n: int) -> Array:
    """A uniform value of float32 for each of n > 0 elements, four neighbours to a thread, in one call."""
    drawn = words(engine.xp, engine.key, engine.take(10), 1, -(-n // 4))
    return UNIT32.of_words(engine.xp, drawn).reshape(-1)[:n]
