"""How much memory is in use, by what cupy's pool says of itself.

Tensors get their memory from a pool (cupy's default one; a captured graph has one of its own), which keeps what is
freed for later. The pool tells what is in use now and what it holds, for each GPU. It keeps no record of the past: the
peak of what it held is followed here, that of what was in use nobody knows.
"""

import collections
import weakref
from typing import Any

from refnet import _gpu
from refnet._device import gpu_index
from refnet.cuda.devices import present

_own_pools: "weakref.WeakSet[Any]" = weakref.WeakSet()  # pools of captured graphs; `graphs` adds them
_held_at_most: dict[int, int] = collections.defaultdict(int)  # bytes, since the last reset, when a pool was emptied


def follow(pool: Any) -> None:
    """Count a further pool."""
    _own_pools.add(pool)


def _pools() -> list[Any]:
    return [_gpu.cupy().get_default_memory_pool(), *[pool.native for pool in list(_own_pools)]]


def _total(what: str, device: Any) -> int:
    if not _gpu.is_loaded():
        return 0
    with _gpu.cupy().cuda.Device(present(device)):
        return sum(int(getattr(pool, what)()) for pool in _pools())


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors on a GPU occupy, rounded up by the pool; 0 before anything used a GPU.

    >>> import refnet
    >>> before = memory_allocated()
    >>> x = refnet.zeros(1000, device="cuda")
    >>> memory_allocated() - before
    4096
    """
    return _total("used_bytes", device)


def memory_reserved(device: Any = None) -> int:
    """Bytes that the pools have taken from a GPU, free ones included."""
    return _total("total_bytes", device)


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the pools held, since the start or `reset_peak_memory_stats`.

    A pool only grows until it is emptied, so this is exact as long as `empty_cache` is what empties it. cupy also does
    when a GPU has no memory left, unseen.
    """
    return max(memory_reserved(device), _held_at_most[gpu_index(device)])


def max_memory_allocated(device: Any = None) -> int:
    """No less than the most bytes that tensors occupied: cupy's pool keeps no peak of that, so it is what it held.

    The same as `max_memory_reserved`, an upper bound.
    """
    return max_memory_reserved(device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the maxima start anew from now."""
    _held_at_most[gpu_index(device)] = 0


def reset_max_memory_allocated(device: Any = None) -> None:
    """The same as `reset_peak_memory_stats`."""
    reset_peak_memory_stats(device)


def empty_cache() -> None:
    """Give what the default pool holds and no tensor uses back to the current GPU, for other programs to use.

    Pools of graphs keep theirs: a graph replays on it.
    """
    if not _gpu.is_loaded():
        return
    index = _gpu.current()
    _held_at_most[index] = max_memory_reserved(index)
    with _gpu.cupy().cuda.Device(index):
        _gpu.cupy().get_default_memory_pool().free_all_blocks()
        _gpu.cupy().get_default_pinned_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of a GPU, as the driver counts them for all programs."""
    with _gpu.cupy().cuda.Device(present(device)) as there:
        free, total = there.mem_info
    return int(free), int(total)


def memory_stats(device: Any = None) -> "collections.OrderedDict[str, int]":
    """What there is of torch's statistics: bytes in use and held, and the peak of those held; empty before a GPU is used.

    Everything else that torch lists (counts of allocations, retries, fragments) cupy's pool does not count.
    """
    if not _gpu.is_loaded():
        return collections.OrderedDict()
    held = memory_reserved(device)
    return collections.OrderedDict(
        [
            ("allocated_bytes.all.current", memory_allocated(device)),
            ("inactive_split_bytes.all.current", _total("free_bytes", device)),
            ("reserved_bytes.all.current", held),
            ("reserved_bytes.all.peak", max(held, max_memory_reserved(device))),
        ]
    )


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let the default pool take at most this part of a GPU's memory; more is an out-of-memory error."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    with _gpu.cupy().cuda.Device(present(device)):
        _gpu.cupy().get_default_memory_pool().set_limit(fraction=fraction)
