"""Tensors one after another: cat and stack."""

from collections.abc import Sequence
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import into
from refnet._ops._dims import dim_of
from refnet._ops.views import narrow, unsqueeze
from refnet._tape import Primitive, TensorBase

Array = Any


class _Join(Primitive):
    """`cat` takes any number of tensors: its inputs are variadic, and the rule of each is a slice of g."""

    def _record(self, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        starts = [0]
        for x in inputs:
            starts.append(starts[-1] + (0 if _passed_over(x, inputs) else x.shape[params["dim"]]))
        while len(self.rules) < len(inputs):
            n = len(self.rules)
            self.rules[n] = (
                (lambda g, dim, starts, passed_over, n=n: _share(g, dim, starts[n], starts[n + 1], n in passed_over)),
                ("dim", "starts", "passed_over"),
                False,
            )
            self.inputs = (*self.inputs, f"x{n}")
        passed_over = {n for n, x in enumerate(inputs) if _passed_over(x, inputs)}
        super()._record(inputs, {**params, "starts": starts, "passed_over": passed_over}, out)


def _passed_over(x: Any, among: Sequence[Any]) -> bool:
    """Whether x is an empty vector beside tensors that are not: it takes no part, whatever their sizes."""
    return x.shape == (0,) and any(y.shape != (0,) for y in among)


def _share(g: Any, dim: int, start: int, stop: int, passed_over: bool) -> Any:
    return g.new_zeros((0,)) if passed_over else narrow(g, dim, start, stop - start)


@_Join
def _join(xp: Any, *arrays: Array, dim: int) -> Array:
    """out = the arrays one after another along `dim`        dL/dx_n = the slice of g that x_n became"""
    arrays = tuple(x for x in arrays if not _passed_over(x, arrays))
    out = xp.concatenate(arrays, axis=dim)
    channels_last = out.ndim in (4, 5) and all(xp.moveaxis(x, 1, -1).flags.c_contiguous for x in arrays)
    return out if channels_last else xp.ascontiguousarray(out)


def cat(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """The tensors one after another along `dim`. Their other sizes must agree; 1-d empty tensors are passed over.

    >>> import refnet
    >>> refnet.cat([refnet.tensor([1, 2]), refnet.tensor([3.5])])
    tensor([1.0000, 2.0000, 3.5000])
    """
    check(
        isinstance(tensors, list | tuple),
        lambda: f"cat(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}",
        TypeError,
    )
    check(len(tensors) > 0, lambda: "torch.cat(): expected a non-empty list of Tensors", ValueError)
    for position, x in enumerate(tensors):
        check(
            isinstance(x, TensorBase),
            lambda x=x, position=position: (
                f"expected Tensor as element {position} in argument 0, but got {type(x).__name__}"
            ),  # type: ignore[misc]
            TypeError,
        )
        check(
            len(x.shape) > 0,
            lambda position=position: f"zero-dimensional tensor (at position {position}) cannot be concatenated",  # type: ignore[misc]
        )
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors[:1])
    first = kept[0]
    d = dim_of(dim, first.ndim)
    for position, x in enumerate(kept):
        check(
            x.ndim == first.ndim,
            lambda x=x: f"Tensors must have same number of dimensions: got {first.ndim} and {x.ndim}",  # type: ignore[misc]
        )
        for e, (n, m) in enumerate(zip(first.shape, x.shape, strict=True)):
            check(
                n == m or e == d,
                lambda n=n, m=m, position=position: (
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} "  # type: ignore[misc]
                    f"but got size {m} for tensor number {position} in the list."
                ),
            )
    common = _dtype.result_type(*tensors)
    result = _join(*[x.to(common) for x in tensors], dim=d)
    return into(out, result, "cat")


def stack(tensors: Sequence[Any], dim: int = 0, *, out: Any = None) -> Any:
    """Tensors of one shape, along a new dimension `dim`."""
    check(len(tensors) > 0, lambda: "stack expects a non-empty TensorList")
    first = tensors[0]
    for position, x in enumerate(tensors):
        check(
            x.shape == first.shape,
            lambda x=x, position=position: (
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 "  # type: ignore[misc]
                f"and {list(x.shape)} at entry {position}"
            ),
        )
    d = dim_of(dim, first.ndim + 1)
    return cat([unsqueeze(x, d) for x in tensors], d, out=out)
