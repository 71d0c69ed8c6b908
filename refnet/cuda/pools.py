"""Memory pools of captured graphs.

A graph is replayed on the addresses it was captured with, so nothing else may use that memory as long as the graph
exists. It therefore gets its memory from a pool of its own: what the captured work frees goes back to that pool, where
only later work of the same capture finds it, in the order that replays repeat.

cupy's pool owns the memory of the arrays it gave out: were it to go, they would look at memory that is somebody
else's. So a pool lives on, after its graph, until nothing in it is used any more.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from refnet import _gpu
from refnet.cuda.memory import follow

_given_up: list["GraphPool"] = []  # pools of graphs that are gone, whose tensors are not
_lock = threading.Lock()


class GraphPool:
    """The memory of one captured graph, or of several that are never replayed at the same time."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.native = _gpu.cupy().cuda.MemoryPool()
        follow(self)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let this thread's arrays come from the pool, inside a ``with`` block."""
        with _gpu.cupy().cuda.using_allocator(self.native.malloc):
            yield

    def reserve(self, nbytes: int) -> None:
        """Take memory from the GPU, in one block, for the current stream; later requests are cut from it."""
        if nbytes > 0:
            _gpu.enter(self.index)
            self.native.malloc(nbytes)  # the pointer goes at once, and the block is free

    def _bytes(self, what: str) -> int:
        with _gpu.cupy().cuda.Device(self.index):
            return int(getattr(self.native, what)())

    def used_bytes(self) -> int:
        """Bytes that tensors have."""
        return self._bytes("used_bytes")

    def total_bytes(self) -> int:
        """Bytes taken from the GPU."""
        return self._bytes("total_bytes")


def give_up(pool: GraphPool) -> None:
    """Let a pool go as soon as no tensor is in it."""
    with _lock:
        _given_up[:] = [other for other in [*_given_up, pool] if other.used_bytes() > 0]


def graph_pool_handle() -> GraphPool:
    """A pool on the current GPU, for several graphs to share: ``graph(g, pool=handle)``.

    Graphs that share one must be replayed in the order of capture, and not at the same time: each overwrites what the
    ones before it left, except what is still held.
    """
    _gpu.cupy()
    return GraphPool(_gpu.current())
