"""Variations that fit any operation: an implementation in, another one out.

Faults first: what ports and generated kernels get wrong whatever they compute. Then what a library may do without being
wrong: another order of the batch, a wider type inside, subnormal numbers flushed to zero.
"""

from typing import Any

import numpy

from conformance.prove.subject import Implementation

# --- faults ---------------------------------------------------------------------------------------------------------


def tail_dropped(implementation: Implementation, width: int = 8) -> Implementation:
    """Elementwise; the last n mod `width` elements are never written: they stay zero."""

    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        out = implementation(torch, x, *args, **kwargs)
        written = torch.arange(out.numel()).reshape(out.shape) < out.numel() // width * width
        return torch.where(written, out, torch.zeros_like(out))

    return call


def tail_in_half(implementation: Implementation, width: int = 8) -> Implementation:
    """Elementwise; the last n mod `width` elements pass through float16."""

    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        out = implementation(torch, x, *args, **kwargs)
        vectorized = torch.arange(out.numel()).reshape(out.shape) < out.numel() // width * width
        return torch.where(vectorized, out, out.half().to(out.dtype))

    return call


def reused_buffer(implementation: Implementation) -> Implementation:
    """Every call writes to the memory that the last call of this shape returned."""
    buffers: dict[Any, Any] = {}

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        out = implementation(torch, *args, **kwargs).detach()
        return buffers.setdefault((out.shape, out.dtype), out).copy_(out)

    return call


def remembered(implementation: Implementation) -> Implementation:
    """A cache that knows its arguments by shape alone: later calls get the first one's result."""
    results: dict[Any, Any] = {}

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        out = implementation(torch, *args, **kwargs).detach()
        return results.setdefault((out.shape, out.dtype), out).clone()

    return call


def tf32(torch: Any, x: Any) -> Any:
    """float32 numbers with the 10 fraction bits of TensorFloat-32, rounded to nearest; the gradient passes."""
    bits = (x.detach().view(torch.int32) + 0x1000) & ~0x1FFF
    return x + (bits.view(torch.float32) - x.detach())


# --- legitimate (with a narrower type: faults) -------------------------------------------------------------------------


def inside(implementation: Implementation, dtype: str) -> Implementation:
    """Computed in another type, then rounded to the type of the first argument."""

    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        def cast(value: Any) -> Any:
            floating = isinstance(value, torch.Tensor) and value.is_floating_point()
            return value.to(getattr(torch, dtype)) if floating else value

        others = [cast(value) for value in args]
        return implementation(torch, cast(x), *others, **{k: cast(v) for k, v in kwargs.items()}).to(x.dtype)

    return call


def reversed_batch(implementation: Implementation) -> Implementation:
    """The rows of the first argument in opposite order, and the results put back."""

    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        return implementation(torch, x.flip(0), *args, **kwargs).flip(0)

    return call


def reversed_order(implementation: Implementation) -> Implementation:
    """A reduction over `dim` that takes the same terms from last to first."""

    def call(torch: Any, x: Any, dim: int, *args: Any, **kwargs: Any) -> Any:
        return implementation(torch, x.flip(dim), dim, *args, **kwargs)

    return call


def flushing(implementation: Implementation, *, inputs: bool = False) -> Implementation:
    """Subnormal results (with `inputs`, the first argument's too) become zero, as vector units do with FTZ and DAZ set."""

    def flush(torch: Any, x: Any) -> Any:
        return torch.where(x.abs() < torch.finfo(x.dtype).smallest_normal, 0.0 * x, x)  # zeros keep their sign

    def call(torch: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        def both(g: Any) -> Any:
            return flush(torch, g)

        given = _passing(torch, both, both if inputs else None)(x)
        return _passing(torch, None, both)(implementation(torch, given, *args, **kwargs))

    return call


def _passing(torch: Any, backward: Any, forward: Any = None) -> Any:
    """The identity (or `forward`) whose gradient is `backward(g)` (or g)."""

    class Passing(torch.autograd.Function):  # type: ignore[misc]  # torch's class is not typed
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.view_as(x) if forward is None else forward(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g if backward is None else backward(g)

    return Passing.apply


def by_numpy(function: Any) -> Implementation:
    """A function of numpy's on the same memory, for `with_gradient`."""

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        def array(value: Any) -> Any:
            return value.detach().numpy() if isinstance(value, torch.Tensor) else value

        result = function(*[array(value) for value in args], **{k: array(v) for k, v in kwargs.items()})
        return torch.from_numpy(numpy.array(result, dtype=array(args[0]).dtype))

    return call
