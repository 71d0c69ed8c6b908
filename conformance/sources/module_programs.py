"""What is done with a sample of the module database: programs that torch and the candidate run alike.

A module is made from the sample's constructor arguments and given its state by `load_state_dict`: both sides compute
with the same numbers, however they draw their initial ones.
"""

import functools
from collections.abc import Iterator
from typing import Any

from conformance.case import Named
from conformance.sources.op_names import Built

Arguments = tuple[tuple[Any, ...], dict[str, Any]]  # positional, by keyword


class Packed(tuple[Any, ...]):
    """The parts of a PackedSequence: data, batch sizes, and the two permutations or None."""

    __slots__ = ()


def forward(
    torch: Any, *, module: Any, made_with: Arguments, state: dict[str, Any], given: Arguments, training: bool
) -> Any:
    """The module's result, and its buffers afterwards. Gradients reach the tensors of `state` as they do parameters."""
    layer = converted(torch, built(torch, module, made_with), state, given)
    layer.load_state_dict(state)
    layer.train(training)
    stand_in(layer, state)
    result = called(torch, layer, given)
    if isinstance(result, torch.nn.utils.rnn.PackedSequence):
        result = list(result)
    buffers = {name: buffer.detach().clone() for name, buffer in layer.named_buffers()}
    return {"result": result, **buffers} if buffers else result


def described(
    torch: Any, *, module: Any, made_with: Arguments, state: dict[str, Any], given: Arguments
) -> dict[str, Any]:
    """What a new module prints and lists, the numbers it starts with, and its state after a round trip."""
    layer = converted(torch, built(torch, module, made_with), state, given)
    found: dict[str, Any] = {"text": text(torch, layer), "training": layer.training}
    if lazy(layer):
        found["names before"] = list(layer.state_dict())
        called(torch, layer, given)
        found["text after"] = text(torch, layer)
    found["parameters"] = str([(name, list(p.shape), p.requires_grad) for name, p in layer.named_parameters()])
    found["buffers"] = str([(name, list(buffer.shape)) for name, buffer in layer.named_buffers()])
    found["modules"] = str([(name, type(part).__name__) for name, part in layer.named_modules()])
    found |= {f"initial {name}": tensor.detach().clone() for name, tensor in layer.state_dict().items()}
    found["keys"] = str(layer.load_state_dict(state))
    other = converted(torch, built(torch, module, made_with), state, given)
    other.load_state_dict(layer.state_dict())
    found |= {f"loaded {name}": tensor.detach() for name, tensor in other.state_dict().items()}
    return found


def refused(torch: Any, *, module: Any, made_with: Arguments, given: Arguments, fails_when_called: bool) -> Any:
    """A module that cannot be made so, or cannot be called so."""
    layer = built(torch, module, made_with)
    return called(torch, layer, given) if fails_when_called else None


# --- parts ---------------------------------------------------------------------------------------------------------


def built(torch: Any, module: Any, made_with: Arguments) -> Any:
    """The module, from its constructor's arguments."""
    args, keywords = made_with
    return module(*(made(torch, value) for value in args), **{k: made(torch, v) for k, v in keywords.items()})


def converted(torch: Any, layer: Any, *trees: Any) -> Any:
    """The module at the dtype of the first floating tensor there is."""
    dtypes = [leaf.dtype for leaf in leaves(trees) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    return layer.to(dtypes[0]) if dtypes else layer


def leaves(tree: Any) -> Iterator[Any]:
    """What stands in tuples, lists and dicts, in order."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from leaves(item)
    else:
        yield tree


def called(torch: Any, layer: Any, given: Arguments) -> Any:
    """The module's result."""
    args, keywords = given
    return layer(*(made(torch, value) for value in args), **{k: made(torch, v) for k, v in keywords.items()})


def made(torch: Any, value: Any) -> Any:
    """An argument, with the objects that only the namespace can make."""

    def resolve(path: str) -> Any:
        return functools.reduce(getattr, path.split("."), torch)

    if isinstance(value, Built):
        return resolve(value.name)(**{key: made(torch, part) for key, part in value.keywords})
    if isinstance(value, Named):  # inside what is built: others are found before the program is called
        return resolve(value.name)
    return torch.nn.utils.rnn.PackedSequence(*value) if isinstance(value, Packed) else value


def stand_in(layer: Any, state: dict[str, Any]) -> None:
    """Put the tensors of `state` in place of the parameters, as attributes: their gradients are asked for."""
    for name in [name for name, _ in layer.named_parameters()]:
        path, _, leaf = name.rpartition(".")
        owner = layer.get_submodule(path)
        delattr(owner, leaf)
        setattr(owner, leaf, state[name])


def lazy(layer: Any) -> bool:
    """Whether the module waits for its first input."""
    return hasattr(layer, "has_uninitialized_params") and bool(layer.has_uninitialized_params())


def text(torch: Any, layer: Any) -> str:
    """The module's repr without the namespace's name."""
    return repr(layer).replace(f"{torch.__name__}.", "")
