"""`backward` and `grad`: from what users ask for to `_tape.run_backward`."""

from collections.abc import Sequence
from typing import Any

from refnet import _tape
from refnet._check import check
from refnet._tape import TensorBase


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `grad` of every leaf (or of `inputs` only) the gradient of sum_k <grad_tensors[k], tensors[k]>.

    `grad_tensors` may be omitted for tensors of one element: it is 1. RuntimeError for a tensor that does not require
    a gradient, for a missing or misshapen gradient, and for a graph whose saved tensors were freed.

    >>> import refnet
    >>> x = refnet.tensor([1.0, 2.0], requires_grad=True)
    >>> refnet.autograd.backward([(x * x).sum()])
    >>> x.grad
    tensor([2., 4.])
    """
    roots = _roots(_sequence(tensors), _sequence(grad_tensors))
    wanted = None if inputs is None else _sequence(inputs)
    check(wanted is None or len(wanted) > 0, lambda: "`inputs` argument to `backward()` cannot be empty.")
    for t in wanted or ():
        check(t.requires_grad, lambda: "One of the differentiated Tensors does not require grad")
    _tape.run_backward(roots, accumulate=wanted, create_graph=create_graph, retain_graph=retain_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of sum_k <grad_outputs[k], outputs[k]> with respect to `inputs`, as a tuple; no `grad` changes.

    An input that the outputs do not depend on is a RuntimeError, or None with `allow_unused`, or zeros with
    `materialize_grads`. With `create_graph` the gradients can be differentiated again.

    >>> import refnet
    >>> x = refnet.tensor(3.0, requires_grad=True)
    >>> (first,) = refnet.autograd.grad(x**3, x, create_graph=True)
    >>> first.item(), refnet.autograd.grad(first, x)[0].item()
    (27.0, 18.0)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    check(only_inputs, lambda: "only_inputs argument is deprecated: got False, expected True", ValueError)
    if is_grads_batched:
        rows = [
            grad(outputs, inputs, row, True, create_graph, True, allow_unused, False, materialize_grads)
            for row in zip(*[g.unbind(0) for g in _sequence(grad_outputs)], strict=True)
        ]
        from refnet._ops.shape import stack

        return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))
    check(len(inputs) > 0, lambda: "grad requires non-empty inputs.", ValueError)
    for t in inputs:
        check(t.requires_grad, lambda: "One of the differentiated Tensors does not require grad")
    found = _tape.run_backward(
        _roots(outputs, _sequence(grad_outputs)),
        captures=inputs,
        create_graph=create_graph,
        retain_graph=retain_graph,
    )
    if materialize_grads:
        return tuple(t.new_zeros(t.shape) if g is None else g for t, g in zip(inputs, found, strict=True))
    check(
        allow_unused or all(g is not None for g in found),
        lambda: (
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
            "this is the desired behavior."
        ),
    )
    return tuple(found)


def _sequence(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) or not isinstance(value, TensorBase) else (value,)


def _roots(outputs: Sequence[Any], gradients: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Pair every output's edge with its gradient, checked, or with 1."""
    if not gradients:
        gradients = (None,) * len(outputs)
    check(len(gradients) == len(outputs), lambda: f"got {len(outputs)} tensors and {len(gradients)} gradients")
    roots = []
    for position, (out, g) in enumerate(zip(outputs, gradients, strict=True)):
        if g is None:
            check(
                not out.requires_grad or out.numel() == 1,
                lambda: "grad can be implicitly created only for scalar outputs",
            )
            check(
                out.requires_grad,
                lambda position=position: (
                    f"element {position} of tensors does not require grad and does not have a grad_fn"
                ),  # type: ignore[misc]
            )
            g = out.new_ones(out.shape)
        elif g._array.shape != out._array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{position}] has a shape of {g.shape} and output[{position}] has a shape of "
                f"{out.shape}."
            )
        elif not out._requires_grad and not out.requires_grad:
            raise RuntimeError(f"element {position} of tensors does not require grad and does not have a grad_fn")
        elif g.device is not out.device:
            raise RuntimeError(
                f"invalid gradient at index {position} - expected device {out.device} but got {g.device}"
            )
        same = g._array.dtype is out._array.dtype
        roots.append((_tape.edge_of(out), g if same or g.dtype is out.dtype else g.to(out.dtype)))
    return roots
