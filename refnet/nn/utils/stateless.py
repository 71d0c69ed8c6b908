"""Call a module with other tensors in the place of its parameters and buffers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from refnet._check import check
from refnet._tape import TensorBase
from refnet.nn.modules.module import Module

__all__ = ["functional_call"]

_MISSING = object()  # stands for the tensor of a name that a module lacks


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`refnet.func.functional_call`, under its deprecated name: it warns with a FutureWarning."""
    warnings.warn(
        "`refnet.nn.utils.stateless.functional_call` is deprecated, please use `refnet.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module, tensors: dict[str, Any], args: Any, kwargs: dict[str, Any] | None, tie_weights: bool, strict: bool
) -> Any:
    """``module(*args, **kwargs)`` with `tensors`, by dotted name, in the place of its own.

    A buffer that forward puts another tensor in comes back in `tensors`.
    """
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, tensors, tie_weights, strict):
        return module(*given, **(kwargs or {}))


@contextmanager
def _swapped(module: Module, tensors: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    wanted = _with_tied(module, tensors) if tie_weights else tensors
    if strict:
        _check_names(module, wanted)
    before: dict[str, Any] = {}
    try:
        for name, tensor in wanted.items():
            before[name] = _swap(module, name, tensor)
        yield
    finally:
        after = {name: _swap(module, name, tensor) for name, tensor in before.items()}
        tensors.update({name: after[name] for name in tensors if name in after})


def _named(module: Module) -> dict[str, Any]:
    """All parameters and buffers; one that has several names comes under each."""
    parameters = module.named_parameters(remove_duplicate=False)
    return dict([*parameters, *module._named_members(lambda m: m._buffers.items(), remove_duplicate=False)])


def _with_tied(module: Module, tensors: dict[str, Any]) -> dict[str, Any]:
    """`tensors`, and under all names of a shared tensor what is given for one of them."""
    names_of: dict[int, list[str]] = {}
    for name, tensor in _named(module).items():
        names_of.setdefault(id(tensor), []).append(name)
    complete = dict(tensors)
    for names in names_of.values():
        given = [name for name in names if name in tensors]
        if len(names) > 1 and given:
            check(
                len({id(tensors[name]) for name in given}) == 1,
                lambda names=names: (  # type: ignore[misc]
                    f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                    "tie_weights=False"
                ),
                ValueError,
            )
            complete.update(dict.fromkeys(names, tensors[given[0]]))
    return complete


def _check_names(module: Module, tensors: dict[str, Any]) -> None:
    known = _named(module).keys()
    wrong = {"Unexpected": sorted(tensors.keys() - known), "Missing": sorted(known - tensors.keys())}
    errors = [f"{kind} key(s): {', '.join(map(repr, names))}." for kind, names in wrong.items() if names]
    check(
        not errors,
        lambda: f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(errors),
    )


def _swap(module: Module, name: str, tensor: Any) -> Any:
    """Put a tensor (or nothing) under a dotted name; what was there."""
    path, _, last = name.rpartition(".")
    owner: Any = module.get_submodule(path)
    check(
        tensor is None or tensor is _MISSING or isinstance(tensor, TensorBase),
        lambda: f"{tensor} is not an instance of refnet.Tensor",
        TypeError,
    )
    for table in (owner._parameters, owner._buffers):
        if last in table:
            before = table[last]
            table[last] = tensor
            return before
    before = getattr(owner, last, _MISSING)
    check(
        before is None or before is _MISSING or isinstance(before, TensorBase),
        lambda: f"attribute `{last}`: {before} is not an instance of refnet.Tensor",
        TypeError,
    )
    if tensor is not _MISSING:
        object.__setattr__(owner, last, tensor)
    elif before is not _MISSING:
        object.__delattr__(owner, last)
    return before
