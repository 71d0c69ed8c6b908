"""Modules as functions of their parameters and buffers."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from refnet._check import check
from refnet._ops.shape import stack
from refnet.nn.modules.module import Module
from refnet.nn.utils.stateless import call_with


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Any] | Sequence[dict[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with these tensors, by dotted name, in the place of its own.

    - tie_weights: what is given for one name of a shared tensor counts for all its names.
    - strict: RuntimeError unless all names of the module are given, and no others.

    Gradients flow to the given tensors. Where forward writes to a buffer, the given one is written to.

    >>> import refnet
    >>> layer = refnet.nn.Linear(2, 1)
    >>> given = {"weight": refnet.ones(1, 2), "bias": refnet.zeros(1)}
    >>> functional_call(layer, given, refnet.tensor([3.0, 4.0]))
    tensor([7.])
    """
    dicts = parameter_and_buffer_dicts
    if isinstance(dicts, dict):
        return call_with(module, dicts, args, kwargs, tie_weights, strict)
    check(
        isinstance(dicts, Sequence),
        lambda: f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}",
        ValueError,
    )
    check(
        all(isinstance(d, dict) for d in dicts),
        lambda: "Expected all elements of parameter_and_buffer_dicts to be dictionaries",
        ValueError,
    )
    repeated = [name for name, count in Counter(name for d in dicts for name in d).items() if count > 1]
    check(
        not repeated,
        lambda: f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous",
        ValueError,
    )
    merged = {name: tensor for d in dicts for name, tensor in d.items()}
    return call_with(module, merged, args, kwargs, tie_weights, strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several models of one kind, each stacked along a new first dimension.

    The stacked parameters are leaves that require gradients where the models' do. RuntimeError where the models differ
    in class or mode.
    """
    check(len(models) > 0, lambda: "stack_module_state: Expected at least one model, got 0.")
    check(
        len({model.training for model in models}) == 1,
        lambda: "stack_module_state: Expected all models to have the same training/eval mode.",
    )
    check(
        len({type(model) for model in models}) == 1,
        lambda: "stack_module_state: Expected all models to be of the same class.",
    )
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(states: list[Any]) -> dict[str, Any]:
    return {name: _leaf([state[name] for state in states], name) for name in states[0]}


def _leaf(tensors: list[Any], name: str) -> Any:
    wanted = {tensor.requires_grad for tensor in tensors}
    check(len(wanted) == 1, lambda: f"Expected {name} from each model to have the same .requires_grad")
    return stack(tensors).detach().requires_grad_(wanted.pop())
