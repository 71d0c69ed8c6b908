"""Pruning: masks of ones and zeros over parameters, computed once and multiplied in before every forward.

A pruned parameter ``weight`` becomes ``weight_orig``, with a buffer ``weight_mask``; a hook sets ``weight`` to their
product. Pruning again makes a further mask for what is left; the hook is then a `PruningContainer` of all methods.

As in torch this module is not part of `nn.utils` until it is imported.
"""

from collections.abc import Iterable
from typing import Any

from refnet._check import check
from refnet.creation import ones_like
from refnet.nn.modules.module import Module
from refnet.nn.utils._pruning import Amount, hooks_on
from refnet.nn.utils._pruning import BasePruningMethod as BasePruningMethod
from refnet.nn.utils._pruning import CustomFromMask as CustomFromMask
from refnet.nn.utils._pruning import Identity as Identity
from refnet.nn.utils._pruning import L1Unstructured as L1Unstructured
from refnet.nn.utils._pruning import LnStructured as LnStructured
from refnet.nn.utils._pruning import PruningContainer as PruningContainer
from refnet.nn.utils._pruning import RandomStructured as RandomStructured
from refnet.nn.utils._pruning import RandomUnstructured as RandomUnstructured
from refnet.nn.utils.convert_parameters import parameters_to_vector


def identity(module: Module, name: str) -> Module:
    """Give a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prune `amount` elements of a parameter (a number, or a share of all) at random; returns the module.

    >>> import refnet
    >>> layer = random_unstructured(refnet.nn.Linear(2, 3), "weight", amount=1)
    >>> int((layer.weight == 0).sum()), list(layer.state_dict())
    (1, ['bias', 'weight_orig', 'weight_mask'])
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Amount, importance_scores: Any = None) -> Module:
    """Prune the `amount` elements of least magnitude, or of least score; returns the module."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prune `amount` slices along `dim` at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount: Amount, n: Any, dim: int, importance_scores: Any = None) -> Module:
    """Prune the `amount` slices along `dim` of least norm of order n; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Any) -> Module:
    """Prune by a mask of ones and zeros; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: type[BasePruningMethod], importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune several parameters, pairs (module, name), as if they were one; `kwargs` are the method's, as its amount.

    importance_scores: a dict from such pairs to scores. TypeError for a method that is not "unstructured".
    """
    check(
        isinstance(parameters, Iterable),
        lambda: "global_unstructured(): parameters is not an Iterable",
        TypeError,
    )
    given = {} if importance_scores is None else importance_scores
    check(
        isinstance(given, dict),
        lambda: "global_unstructured(): importance_scores must be of type dict",
        TypeError,
    )
    pairs = [(module, name, getattr(module, name)) for module, name in parameters]
    scores = parameters_to_vector([given.get((module, name), tensor) for module, name, tensor in pairs])
    masks = parameters_to_vector([getattr(module, name + "_mask", ones_like(t)) for module, name, t in pairs])
    method = pruning_method(**kwargs)
    check(
        method.PRUNING_TYPE == "unstructured",
        lambda: (
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        ),
        TypeError,
    )
    method._tensor_name = "all"
    mask = PruningContainer(method).compute_mask(scores, masks)
    start = 0
    for module, name, tensor in pairs:
        end = start + tensor.numel()
        custom_from_mask(module, name, mask[start:end].view_as(tensor))
        start = end


def remove(module: Module, name: str) -> Module:
    """Make the pruned tensor the parameter, without hook and mask; ValueError where it is not pruned."""
    for position in hooks_on(module, name):
        hook: Any = module._forward_pre_hooks.pop(position).function
        hook.remove(module)
        return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether any parameter of the module, or of one below it, is pruned."""
    return any(isinstance(e.function, BasePruningMethod) for m in module.modules() for e in m._forward_pre_hooks)
