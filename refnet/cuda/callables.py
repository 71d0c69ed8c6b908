"""`make_graphed_callables`: functions and modules whose forward and backward are a graph each."""

from typing import Any

from refnet import autograd
from refnet._check import check
from refnet._tape import TensorBase
from refnet.creation import empty_like
from refnet.cuda.devices import synchronize
from refnet.cuda.graphs import CUDAGraph, graph, room
from refnet.cuda.pools import GraphPool, graph_pool_handle
from refnet.cuda.streams import Stream, current_stream, stream
from refnet.nn.modules.module import Module


def make_graphed_callables(
    callables: Any,
    sample_args: tuple[Any, ...],
    num_warmup_iters: int = 3,
    allow_unused_input: bool = False,
    pool: Any = None,
) -> Any:
    """`callables`, a function or module or a tuple of them, as ones whose forward and backward are graphs.

    They take part in a program that is otherwise as it was: the optimizer's step, the loss, whatever waits for the GPU
    stay outside. To have all of a step in one graph see `captured_step`.

    - sample_args: for each callable a tuple of tensors on the GPU, of the shapes and `requires_grad` that calls will
      have. Results are a tensor or a tuple of tensors.
    - num_warmup_iters: runs before the recording, which neither train nor count; buffers that a forward updates, as
      batch norm's, do change.
    - allow_unused_input: let inputs, and parameters, have no influence on the results.

    A module is changed in place: its `forward` runs the graph in the mode (`train` or `eval`) that it was recorded in,
    and what it was otherwise. Results are overwritten by the next call. Callables in a tuple are to be called in that
    order, and their backwards in the reverse one: they share memory.

    >>> import refnet
    >>> layer = refnet.nn.Linear(3, 2).cuda()
    >>> layer = make_graphed_callables(layer, (refnet.zeros(4, 3, device="cuda"),))
    >>> layer(refnet.ones(4, 3, device="cuda")).sum().backward()
    >>> layer.bias.grad
    tensor([4., 4.], device='cuda:0')
    """
    several = isinstance(callables, tuple)
    functions = callables if several else (callables,)
    samples = sample_args if several else (sample_args,)
    check(
        len(functions) == len(samples), lambda: f"got {len(functions)} callables and {len(samples)} tuples of samples"
    )
    for function, sample in zip(functions, samples, strict=True):
        _check_sample(function, sample)
    index = samples[0][0].get_device()
    side, pool = Stream(index), graph_pool_handle() if pool is None else pool
    parts = [_Part(f, s, allow_unused_input) for f, s in zip(functions, samples, strict=True)]
    synchronize(index)
    with stream(side), pool.in_use():
        for part in parts:
            for _ in range(num_warmup_iters):
                part.run()
        pool.reserve(room(pool.total_bytes()))
    for part in parts:
        part.record_forward(pool, side)
    for part in reversed(parts):
        part.record_backward(pool, side)
    current_stream(index).wait_stream(side)
    graphed = tuple(part.attached() for part in parts)
    return graphed if several else graphed[0]


def _check_sample(function: Any, sample: Any) -> None:
    check(
        isinstance(sample, tuple) and len(sample) > 0 and all(_on_gpu(x) for x in sample),
        lambda: (
            "In the beta API, sample_args for each callable must contain only Tensors. Other types are not allowed. "
            "(They must be on a GPU.)"
        ),
    )
    if isinstance(function, Module):
        check(
            not function._forward_pre_hooks and not function._forward_hooks and not function._backward_hooks,
            lambda: (
                "Modules must not have hooks registered at the time they are passed. However, registering hooks on "
                "modules after passing them through make_graphed_callables is allowed."
            ),
        )
        check(
            all(not buffer.requires_grad for buffer in function.buffers()),
            lambda: (
                "In any :class:`~torch.nn.Module` passed to :func:`~make_graphed_callables`, only parameters may be "
                "trainable. All buffers must have ``requires_grad=False``."
            ),
        )


def _on_gpu(x: Any) -> bool:
    return isinstance(x, TensorBase) and x.device.type == "cuda"


class _Part:
    """One callable: its inputs and parameters, which its graphs read, and what they write."""

    def __init__(self, function: Any, sample: tuple[Any, ...], allow_unused: bool) -> None:
        self.function, self.arguments, self.allow_unused = function, sample, allow_unused
        self.parameters = tuple(function.parameters()) if isinstance(function, Module) else ()
        self.inputs = (*sample, *self.parameters)
        self.wanted = tuple(x for x in self.inputs if x.requires_grad)
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        self.results: tuple[Any, ...] = ()
        self.single = True
        self.cotangents: tuple[Any, ...] = ()
        self.gradients: tuple[Any, ...] = ()

    def _compute(self) -> tuple[Any, ...]:
        results = self.function(*self.arguments)
        self.single = not isinstance(results, tuple)
        return (results,) if self.single else results

    def _pull(self, results: tuple[Any, ...], cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        roots = [(y, g) for y, g in zip(results, cotangents, strict=True) if g is not None]
        if not roots or not self.wanted:
            return ()
        outputs, gradients = zip(*roots, strict=True)
        return autograd.grad(outputs, self.wanted, gradients, allow_unused=self.allow_unused)

    @staticmethod
    def _room_for(results: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(empty_like(y.detach()) if y.requires_grad else None for y in results)

    def run(self) -> None:
        """Both, as they are."""
        results = self._compute()
        self._pull(results, self._room_for(results))

    def record_forward(self, pool: GraphPool, side: Stream) -> None:
        """The graph from inputs to results."""
        with graph(self.forward, pool=pool, stream=side):
            self.results = self._compute()

    def record_backward(self, pool: GraphPool, side: Stream) -> None:
        """The graph from the results' gradients to the inputs'."""
        with stream(side), pool.in_use():
            self.cotangents = self._room_for(self.results)
        with graph(self.backward, pool=pool, stream=side):
            self.gradients = self._pull(self.results, self.cotangents)
        self.results = tuple(y.detach() for y in self.results)

    def attached(self) -> Any:
        """The callable: a function, or the module with a forward of its own."""
        if not isinstance(self.function, Module):
            return self._call
        module, recorded, original = self.function, self.function.training, self.function.forward

        def forward(*arguments: Any) -> Any:
            return self._call(*arguments) if module.training == recorded else original(*arguments)

        module.forward = forward  # type: ignore[method-assign]
        return module

    def _call(self, *arguments: Any) -> Any:
        results = _Graphed.apply(self, *arguments, *self.parameters)
        return results[0] if self.single else results


class _Graphed(autograd.Function):
    """A call: the forward's graph now, the backward's in the sweep."""

    @staticmethod
    def forward(ctx: Any, part: _Part, *inputs: Any) -> Any:
        ctx.part = part
        for own, given in zip(part.arguments, inputs, strict=False):
            if own.data_ptr() != given.data_ptr():
                own.detach().copy_(given.detach())
        part.forward.replay()
        return tuple(y.detach() for y in part.results)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        part = ctx.part
        for own, given in zip(part.cotangents, gradients, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        part.backward.replay()
        found = iter(part.gradients)
        return (None, *[_detached(next(found, None)) if x.requires_grad else None for x in part.inputs])


def _detached(gradient: Any) -> Any:
    return None if gradient is None else gradient.detach()
