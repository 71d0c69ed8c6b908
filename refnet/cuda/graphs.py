"""Captured graphs: work on a GPU that is recorded once and then launched as a whole.

A small training step is a few hundred kernels, and Python takes longer to launch each than the GPU to run it. A stream
that captures does not run what is queued, it notes it down: each kernel, its grid, and its arguments, which are numbers
and addresses. The graph is then launched in one call, as often as wanted, without Python. From that follows what can be
captured, and how a replay behaves:

- Addresses are fixed. New input is copied into the tensors that were input at capture, results appear in those that were
  results. Temporaries lie in the graph's own pool (`refnet.cuda.pools`).
- Numbers are frozen. A learning rate that was a Python number, a branch that was taken, a shape, a count of steps: each
  replay has those of the capture. What is to change must be in a tensor on the GPU: ``lr=refnet.tensor(0.1,
  device="cuda")``, and optimizers with ``capturable=True``, which count their steps there.
- The host is absent. What needs a value from the GPU (``item()``, ``if loss > 1``, printing, indexing with a mask) cannot
  be captured, and neither can a copy from host memory: a replay would read what that memory holds by then.
- Random numbers are new at every replay: while it captures, the default generator of the GPU counts its draws from a
  number in GPU memory, which each replay sets to where the generator stands, and then moves on.
- New memory cannot be had: cudaMalloc is refused. So the pool is filled before, by running the same work a few times,
  which also compiles the kernels and creates the libraries' handles.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from refnet import _gpu
from refnet._check import check
from refnet.cuda.devices import synchronize
from refnet.cuda.memory import empty_cache
from refnet.cuda.pools import GraphPool, give_up
from refnet.cuda.streams import Stream, StreamContext, current_stream
from refnet.random.generator import gpu_generator
from refnet.random.philox import Philox

_MODES = {
    "global": "streamCaptureModeGlobal",
    "thread_local": "streamCaptureModeThreadLocal",
    "relaxed": "streamCaptureModeRelaxed",
}


def is_current_stream_capturing() -> bool:
    """Whether what is queued now is captured rather than run; False without a GPU."""
    return _gpu.is_loaded() and bool(current_stream().native.is_capturing())


class CapturedOffset:
    """Seed and offset of a generator as captured draws see them: numbers on the GPU, the offset plus what was taken since."""

    def __init__(self, engine: Philox) -> None:
        self.engine = engine
        self.seed = engine.xp.empty((), "uint64")  # written by a replay, on its stream
        self.base = engine.xp.empty((), "uint64")
        self.taken = 0

    def prepare(self) -> None:
        """Load the kernel that `take` launches: a capture permits no kernel to be loaded."""
        _ = self.engine.xp.zeros((), "uint64") + self.engine.xp.uint64(0)

    def take(self, count: int) -> Any:
        """The offset for a draw in which a thread may use `count` words: a 0-d array."""
        offset = self.base + self.engine.xp.uint64(self.taken)
        self.taken += -(-count // 4) * 4
        return offset

    def replay(self) -> None:
        """Set the numbers to where the generator stands, and move that on."""
        with self.engine.lock:
            self.seed.fill(self.engine.xp.uint64(self.engine.seed))
            self.base.fill(self.engine.xp.uint64(self.engine.offset))
            self.engine.offset = (self.engine.offset + self.taken) % (1 << 64)


class CUDAGraph:
    """A recording of work on a GPU.

    ``capture_begin()`` and ``capture_end()`` enclose what is recorded, on a stream that is not the default one; `graph`
    does so with a ``with`` block. ``replay()`` runs it on the current stream.

    - keep_graph: accepted; the runnable form is made at once.
    """

    def __init__(self, keep_graph: bool = False) -> None:
        self._graph: Any = None
        self._pool: GraphPool | None = None
        self._shared = False
        self._stream: Stream | None = None
        self._allocator: Any = None
        self._engines: list[Philox] = []  # of generators beside the default one
        self._offsets: list[CapturedOffset] = []

    def register_generator_state(self, generator: Any) -> None:
        """Let the capture draw from a generator of a GPU beside the default one; before it begins."""
        check(
            isinstance(generator.engine, Philox),
            lambda: f"register_generator_state: expected a generator of a GPU, got one on {generator.device}",
        )
        self._engines.append(generator.engine)

    def capture_begin(
        self, pool: Any = None, capture_error_mode: str = "global", check_input_liveness: bool = False
    ) -> None:
        """Record from now on what this thread queues on the current stream.

        - pool: a pool to share, of `graph_pool_handle` or another graph's `pool()`; a new one for None, which first
          takes as much memory as the default pool has free: what the runs before the capture needed and freed.
        - capture_error_mode: which calls of the runtime spoil the capture: unsafe ones (cudaMalloc) of any thread
          ("global"), or of this one ("thread_local"), or none ("relaxed": then the pool may grow).
        - check_input_liveness: accepted, without effect.

        RuntimeError on a default stream, or if this graph holds a recording already.
        """
        check(
            capture_error_mode in _MODES,
            lambda: (
                f"Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got {capture_error_mode}"
            ),
        )
        check(
            self._graph is None and self._stream is None,
            lambda: (
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new instance."
            ),
        )
        module, stream = _gpu.cupy(), current_stream()
        check(
            stream.cuda_stream not in (0, module.cuda.runtime.streamLegacy, module.cuda.runtime.streamPerThread),
            lambda: (
                "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay them "
                "on the default stream.)"
            ),
        )
        index = stream.device_index
        _gpu.enter(index)
        self._shared = pool is not None
        self._pool = GraphPool(index) if pool is None else pool
        if not self._shared:
            self._pool.reserve(room(_freed(index)))
        self._offsets = [CapturedOffset(engine) for engine in (_engine_of(index), *self._engines)]
        for offset in self._offsets:
            offset.prepare()
        self._allocator = self._pool.in_use()
        self._allocator.__enter__()
        try:
            stream.native.begin_capture(getattr(module.cuda.runtime, _MODES[capture_error_mode]))
        except BaseException:
            self._allocator.__exit__(None, None, None)
            raise
        self._stream, Philox.capturing = stream, True
        for offset in self._offsets:
            offset.engine.captured = offset

    def capture_end(self) -> None:
        """Stop recording. RuntimeError if something that cannot be recorded was tried; the graph is then empty."""
        check(self._stream is not None, lambda: "capture_end() without capture_begin()")
        stream, self._stream = self._stream, None
        Philox.capturing = False
        for offset in self._offsets:
            offset.engine.captured = None
        self._allocator.__exit__(None, None, None)
        _gpu.enter(stream.device_index)  # type: ignore[union-attr]
        self._graph = stream.native.end_capture()  # type: ignore[union-attr]

    def abandon(self) -> None:
        """Stop recording after an error, which is the one to report; the graph is empty."""
        with suppress(RuntimeError):  # what went wrong has spoiled the capture
            self.capture_end()
        self.reset()

    def replay(self) -> None:
        """Run what was recorded, on the current stream. RuntimeError for an empty graph."""
        check(
            self._graph is not None,
            lambda: "Called CUDAGraph::replay without a preceding successful capture.",
        )
        _gpu.enter(self._pool.index)  # type: ignore[union-attr]
        for offset in self._offsets:
            if offset.taken:
                offset.replay()
        self._graph.launch()

    def reset(self) -> None:
        """Forget the recording. Its pool goes when the last tensor in it does."""
        self._graph = None
        if self._pool is not None and not self._shared:
            give_up(self._pool)
        self._pool, self._offsets = None, []

    def pool(self) -> GraphPool:
        """The pool, to capture another graph in it."""
        check(self._pool is not None, lambda: "CUDAGraph.pool(): nothing was captured")
        return self._pool  # type: ignore[return-value]

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:  # modules are gone by then
        if not over() and getattr(self, "_graph", None) is not None:
            self.reset()


def _engine_of(index: int) -> Any:
    """The stream of random numbers that draws on a GPU come from."""
    return gpu_generator(index).engine


def _freed(index: int) -> int:
    """Bytes that the default pool holds and nothing uses."""
    with _gpu.cupy().cuda.Device(index):
        return int(_gpu.cupy().get_default_memory_pool().free_bytes())


def room(nbytes: int) -> int:
    """What to have ready where that many bytes were enough before: a quarter more, for gaps between blocks."""
    return nbytes + nbytes // 4 + (1 << 20)


class graph:
    """Record the work of a ``with`` block into a `CUDAGraph`, on a stream of its own.

    Run the work a few times before, on a stream other than the default one, so that all memory has been needed once
    and all kernels are compiled.

    >>> import refnet
    >>> x, side, recorded = refnet.ones(3, device="cuda"), Stream(), CUDAGraph()
    >>> side.wait_stream(current_stream())
    >>> with StreamContext(side):
    ...     y = 2 * x
    >>> current_stream().wait_stream(side)
    >>> with graph(recorded):
    ...     y = 2 * x
    >>> _ = x.fill_(5)
    >>> recorded.replay()
    >>> y
    tensor([10., 10., 10.], device='cuda:0')

    - stream: where to record; without, one that is kept for this. pool, capture_error_mode, check_input_liveness: see
      `CUDAGraph.capture_begin`. enable_annotations: accepted, without effect.
    """

    default_capture_stream: ClassVar[dict[int, Stream]] = {}

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: Any = None,
        stream: Stream | None = None,
        capture_error_mode: str = "global",
        enable_annotations: bool = False,
        check_input_liveness: bool = False,
    ) -> None:
        index = _gpu.current()
        _gpu.cupy()
        if stream is None:
            if index not in self.default_capture_stream:
                self.default_capture_stream[index] = Stream(index)
            stream = self.default_capture_stream[index]
        self.cuda_graph, self.capture_stream = cuda_graph, stream
        self.pool, self.capture_error_mode = pool, capture_error_mode
        self._context = StreamContext(stream)

    def __enter__(self) -> None:
        synchronize(self.capture_stream.device)
        gc.collect()
        own = None
        if self.pool is None:  # what the default pool has free goes back to the GPU, and the graph's takes as much
            own = GraphPool(self.capture_stream.device_index)
            freed = _freed(own.index)
            empty_cache()
        self._context.__enter__()
        try:
            if own is not None:
                own.reserve(room(freed))
            self.cuda_graph.capture_begin(own or self.pool, self.capture_error_mode)
        except BaseException:
            self._context.__exit__()
            raise
        self.cuda_graph._shared = self.pool is not None

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                self.cuda_graph.capture_end()
            else:
                self.cuda_graph.abandon()
        finally:
            self._context.__exit__()
