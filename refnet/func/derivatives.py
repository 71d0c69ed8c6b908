"""Derivatives of functions of tensors: `grad`, `vjp`, `jvp`. They nest: the derivative is a function to differentiate."""

from collections.abc import Callable, Iterator
from typing import Any

from refnet import autograd
from refnet._check import check
from refnet._tape import TensorBase, edge_of, is_grad_enabled, set_grad
from refnet.creation import zeros_like

Function = Callable[..., Any]


def grad(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """The gradient of `func`, which returns a 0-d tensor, with respect to the arguments numbered `argnums`.

    With `has_aux` func returns (result, anything), and the gradient comes with that: (gradient, anything).

    >>> import refnet
    >>> grad(grad(lambda x: x**3))(refnet.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """As `grad`, with the value: (gradient, value), or with `has_aux` (gradient, (value, anything))."""

    def both(*args: Any, **kwargs: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for number in numbers:
            check(
                -len(args) <= number < len(args),
                lambda number=number: f"Got argnum={number}, but only {len(args)} positional inputs",  # type: ignore[misc]
            )
        numbers = tuple([number % len(args) for number in numbers])
        level = _Level()
        with set_grad(True):
            inner = [_track(arg, level) if position in numbers else arg for position, arg in enumerate(args)]
            result = func(*inner, **kwargs)
            if has_aux:
                check(
                    isinstance(result, tuple) and len(result) == 2,
                    lambda: (
                        "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux"
                    ),
                )
            value, aux = result if has_aux else (result, None)
            check(
                isinstance(value, TensorBase),
                lambda: f"grad_and_value(f)(*args): expected f(*args) to return a tensor, got {type(value)}",
            )
            check(
                len(value.shape) == 0,
                lambda: (
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{len(value.shape)} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                ),
            )
            wanted = [tensor for number in numbers for tensor in _leaves(inner[number])]
            found = iter(_pulled([value], wanted, None))
        level.active = False
        nested = tuple([_rebuilt(inner[number], found) for number in numbers])
        gradient = _outside(nested[0] if isinstance(argnums, int) else nested)
        value = _outside(value)
        return gradient, (value, _outside(aux)) if has_aux else value

    return both


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """func(*primals), and a function from cotangents of that to those of the primals, a tuple.

    With `has_aux` func returns (result, anything), and so does vjp: (result, function, anything).

    >>> import refnet
    >>> out, pull = vjp(lambda x: x * x, refnet.tensor([1.0, 3.0]))
    >>> out, pull(refnet.tensor([1.0, 1.0]))
    (tensor([1., 9.]), (tensor([2., 6.]),))
    """
    level = _Level()
    with set_grad(True):
        inner = [_track(primal, level) for primal in primals]
        result = func(*inner)
    level.active = False
    result, aux = result if has_aux else (result, None)

    def pull(cotangents: Any) -> Any:
        outputs, seeds = list(_leaves(result)), list(_leaves(cotangents))
        check(
            len(outputs) == len(seeds),
            lambda: (
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function: "
                f"{len(seeds)} tensors for {len(outputs)}"
            ),
        )
        wanted = [tensor for primal in inner for tensor in _leaves(primal)]
        found = iter(_pulled(outputs, wanted, seeds))
        return tuple([_outside(_rebuilt(primal, found)) for primal in inner])

    value = _outside(result)
    return (value, pull, _outside(aux)) if has_aux else (value, pull)


def jvp(func: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False) -> Any:
    """func(*primals), and its derivative in the direction `tangents`.

    The gradient of <u, func(primals)> is linear in u; its own gradient with respect to u, under the tangents, is J t.

    >>> import refnet
    >>> jvp(lambda x: x.exp(), (refnet.tensor(0.0),), (refnet.tensor(2.0),))
    (tensor(1.), tensor(2.))
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        check(isinstance(value, tuple), lambda name=name: f"jvp(f, primals, tangents): Expected {name} to be a tuple.")  # type: ignore[misc]
    level = _Level()
    with set_grad(True):
        inner = [_track(primal, level) for primal in primals]
        result = func(*inner)
        result, aux = result if has_aux else (result, None)
        outputs = list(_leaves(result))
        seeds = [_leaf(zeros_like(out), level) for out in outputs]
        wanted = [tensor for primal in inner for tensor in _leaves(primal)]
        pulled = _pulled(outputs, wanted, seeds)
        directions = [tensor for tangent in tangents for tensor in _leaves(tangent)]
        found = _pulled(pulled, seeds, directions)
    level.active = False
    value, pushed = _outside(result), _outside(_rebuilt(result, iter(found)))
    return (value, pushed, _outside(aux)) if has_aux else (value, pushed)


# --- nests of tensors ---------------------------------------------------------------------------------------------------


def _leaves(value: Any) -> Iterator[Any]:
    """The tensors in a nest of tuples, lists and dicts."""
    if isinstance(value, TensorBase):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)


def _rebuilt(like: Any, tensors: Iterator[Any]) -> Any:
    """The nest `like`, with its tensors replaced in order."""
    if isinstance(like, TensorBase):
        return next(tensors)
    if isinstance(like, dict):
        return {key: _rebuilt(item, tensors) for key, item in like.items()}
    if isinstance(like, list | tuple):
        return type(like)([_rebuilt(item, tensors) for item in like])
    return like


class _Level:
    """One derivative being taken. The leaves that it makes lead nowhere once it is done."""

    active = True


def _track(value: Any, level: _Level) -> Any:
    """The nest with every tensor as one to differentiate by: a view of it where it has a history, else a leaf."""
    return _rebuilt(value, (x.view_as(x) if x.requires_grad else _leaf(x, level) for x in _leaves(value)))


def _leaf(tensor: Any, level: _Level) -> Any:
    leaf = tensor.detach().requires_grad_(tensor.is_floating_point())
    leaf._level = level
    return leaf


def _outside(value: Any) -> Any:
    """The nest as it is seen outside: without history, unless that leads to a leaf of the user or of an outer level."""
    tensors = (x if is_grad_enabled() and _leads_outside(x) else x.detach() for x in _leaves(value))
    return _rebuilt(value, tensors)


def _leads_outside(tensor: Any) -> bool:
    pending: list[Any] = [edge_of(tensor)]
    seen: set[int] = set()
    while pending:
        edge = pending.pop()
        if edge is None or id(edge) in seen:
            continue
        seen.add(id(edge))
        if not isinstance(edge, TensorBase):
            pending.extend(edge.edges)
        elif not hasattr(edge, "_level") or edge._level.active:
            return True
    return False


def _pulled(outputs: list[Any], inputs: list[Any], seeds: Any) -> list[Any]:
    """Gradients that can be differentiated again; zeros where the outputs do not depend on an input."""
    kept = [(out, None if seeds is None else seeds[i]) for i, out in enumerate(outputs) if out.requires_grad]
    if not kept:
        return [zeros_like(x) for x in inputs]
    with set_grad(True):
        found = autograd.grad(
            [out for out, _ in kept],
            inputs,
            None if seeds is None else [seed for _, seed in kept],
            create_graph=True,
            allow_unused=True,
        )
    return [zeros_like(x) if gradient is None else gradient for gradient, x in zip(found, inputs, strict=True)]
