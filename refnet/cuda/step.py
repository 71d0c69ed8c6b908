"""A training step as one launch: `captured_step`."""

from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._recording.results import without_history
from refnet._tape import TensorBase
from refnet.creation import empty_like
from refnet.cuda.graphs import CUDAGraph, room
from refnet.cuda.pools import GraphPool
from refnet.cuda.streams import Stream, current_stream, stream


def captured_step(step: Callable[..., Any], *sample_inputs: Any, warmup: int = 3) -> "CapturedStep":
    """``step`` as a function that computes the same, and from the call after ``warmup`` on is one launch of a graph.

    Every call is a step, the first ones too: they run `step` as it is, on a stream and in a pool of their own, and so
    train, compile the kernels and fill the pool. The next call records `step` (which runs nothing) and replays it, like
    all calls after it. A training that uses it goes the same way as one that does not.

    - step: takes tensors on a GPU, returns tensors in any nesting of tuples, lists and dicts (or None). Typically
      it is the forward, the backward and the optimizer's step::

          def step(images, labels):
              optimizer.zero_grad()
              loss = F.cross_entropy(model(images), labels)
              loss.backward()
              optimizer.step()
              return loss

    - sample_inputs: tensors on one GPU, of the shapes and dtypes that calls will have. Their values are not used.
    - warmup: calls before the one that records; at least 1. What the recording launches must have been launched in
      them, since it can load no kernel, and optimizers begin their state in the first: so 2, unless the step is known.

    Inputs of a call are copied to where the graph reads them, from any device. Results are without history, and from
    the recording on always the same tensors: the next call overwrites them, so copy what is to be kept.

    What is frozen at the recording, because a graph knows tensors only: learning rates, momenta and any other Python
    number, branches, shapes, the mode (`train` or `eval`) of modules. So let optimizers that count steps have
    ``capturable=True``, and a learning rate that is to change be a tensor on the GPU, written in place. Draws are new
    at every call, dropout's too; they must come from the GPU's default generator. Nothing in `step` may wait for the
    GPU: `item`, printing, a condition on a tensor, and copies from the host are refused while it is recorded.

    >>> import refnet
    >>> w = refnet.zeros(2, device="cuda", requires_grad=True)
    >>> optimizer = refnet.optim.SGD([w], lr=0.5)
    >>> def step(x):
    ...     optimizer.zero_grad()
    ...     loss = (w - x).square().sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> x = refnet.ones(2, device="cuda")
    >>> captured = captured_step(step, x, warmup=2)
    >>> losses = [captured(x).item() for _ in range(3)]
    >>> losses, captured.recorded
    ([2.0, 0.0, 0.0], True)
    """
    return CapturedStep(step, sample_inputs, warmup)


class CapturedStep:
    """What `captured_step` returns."""

    def __init__(self, step: Callable[..., Any], sample_inputs: tuple[Any, ...], warmup: int = 3) -> None:
        check(
            len(sample_inputs) > 0,
            lambda: "captured_step() needs sample inputs: one tensor for each argument",
            ValueError,
        )
        check(warmup >= 1, lambda: f"captured_step() needs a call before it records; got warmup={warmup}", ValueError)
        for position, sample in enumerate(sample_inputs):
            check(
                isinstance(sample, TensorBase) and sample.device.type == "cuda",
                lambda position=position, sample=sample: (  # type: ignore[misc]
                    f"captured_step(): sample input {position} must be a tensor on a GPU, got "
                    f"{f'one on {sample.device}' if isinstance(sample, TensorBase) else type(sample).__name__}"
                ),
                TypeError,
            )
        index = sample_inputs[0].get_device()
        check(
            all(sample.get_device() == index for sample in sample_inputs),
            lambda: f"captured_step() records on one GPU, got inputs on {[str(x.device) for x in sample_inputs]}",
        )
        self._step, self._left = step, warmup
        self._stream = Stream(index)
        self._pool = GraphPool(index)
        self._graph = CUDAGraph()
        self._results: Any = None
        self._recorded = False
        with stream(self._stream), self._pool.in_use():
            self._inputs = tuple([empty_like(sample) for sample in sample_inputs])
        current_stream(index).wait_stream(self._stream)

    @property
    def recorded(self) -> bool:
        """Whether calls are replays by now."""
        return self._recorded

    @property
    def graph(self) -> CUDAGraph:
        """The recording; empty until it is made."""
        return self._graph

    def __call__(self, *inputs: Any) -> Any:
        self._take(inputs)
        if self._left > 0:
            self._left -= 1
            return self._run_once()
        if not self._recorded:
            self._record()
        self._graph.replay()
        return self._results

    def _take(self, inputs: tuple[Any, ...]) -> None:
        """Copy the inputs of a call to where the step reads them."""
        check(
            len(inputs) == len(self._inputs),
            lambda: f"captured step: expected {len(self._inputs)} inputs, got {len(inputs)}",
            TypeError,
        )
        for position, (own, given) in enumerate(zip(self._inputs, inputs, strict=True)):
            check(
                isinstance(given, TensorBase) and given.shape == own.shape and given.dtype is own.dtype,
                lambda position=position, own=own, given=given: (  # type: ignore[misc]
                    f"captured step: input {position} must be a tensor like its sample, {own.dtype} of shape "
                    f"{list(own.shape)}; got "
                    f"{f'{given.dtype} of shape {list(given.shape)}' if isinstance(given, TensorBase) else type(given).__name__}"
                ),
                ValueError,
            )
            if given is not own:
                own.copy_(given.detach().to(own.device, non_blocking=True))

    def _run_once(self) -> Any:
        """The step as it is, on the stream that will record it."""
        before = current_stream(self._stream.device)
        self._stream.wait_stream(before)
        with stream(self._stream), self._pool.in_use():
            results = without_history(self._step(*self._inputs))
        before.wait_stream(self._stream)
        return results

    def _record(self) -> None:
        before = current_stream(self._stream.device)
        self._stream.wait_stream(before)
        with stream(self._stream):
            self._pool.reserve(room(self._pool.total_bytes()) - self._pool.total_bytes())
            # The mode of this thread only: another may be loading data meanwhile.
            self._graph.capture_begin(self._pool, capture_error_mode="thread_local")
            try:
                self._results = without_history(self._step(*self._inputs))
            except BaseException:
                self._graph.abandon()
                raise
            self._graph.capture_end()
        before.wait_stream(self._stream)
        self._recorded = True
