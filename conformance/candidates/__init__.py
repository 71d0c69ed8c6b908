"""Implementations under test: adapters that give them one shape (`protocol.Candidate`)."""

import importlib
import inspect
from typing import Any

from conformance.candidates.protocol import Candidate as Candidate
from conformance.candidates.protocol import Raised as Raised
from conformance.candidates.protocol import Result as Result
from conformance.candidates.protocol import Value as Value


def load(name: str, device: str = "cpu") -> Candidate:
    """The candidate that a user calls `name`.

    `refnet`; `refnet:cupy=stand-in`, which runs its GPU code without a GPU;
    `torch`, `torch:channels-last`, `torch:compile`; on the CPU `torch:threads=2`, `torch:mkldnn=off`; on a GPU
    `torch:cudnn=off`, `torch:tf32`;

    `package.module`
        a module of plain functions over numpy arrays, or one that mirrors torch (it has `Tensor` and `from_numpy`).
    `package.module:attribute`
        a Candidate, or a namespace that mirrors torch, or a function without arguments that returns one of them.
    `package.module:function=nn.functional.conv2d`
        a function of torch tensors that stands for that operation (`=...` may be left out where it has torch's name).

    Raises ValueError or ImportError when there is no such thing.
    """
    if name == "torch" or name.startswith("torch:"):
        return importlib.import_module("conformance.candidates.torch").load(name, device)  # type: ignore[no-any-return]  # a name from a string
    if name == "refnet" or name.startswith("refnet:cupy="):
        return importlib.import_module("conformance.candidates.refnet").load(device, name)  # type: ignore[no-any-return]  # a name from a string
    path, _, attribute = name.partition(":")
    module = importlib.import_module(path)
    if attribute:
        return _of_attribute(module, attribute, name, device)
    if mirrors_torch(module):
        return _namespace(module, name, device)
    return importlib.import_module("conformance.candidates.functions").Functions(module, name)  # type: ignore[no-any-return]  # a name from a string


def mirrors_torch(found: Any) -> bool:
    """Whether this is a namespace with torch's names."""
    return all(hasattr(found, name) for name in ("Tensor", "from_numpy"))


def _of_attribute(module: Any, attribute: str, name: str, device: str) -> Candidate:
    attribute, _, operation = attribute.partition("=")
    if not hasattr(module, attribute):
        raise ValueError(f"{module.__name__} has no {attribute}")
    found = getattr(module, attribute)
    if operation or _takes_arguments(found):
        called = importlib.import_module("conformance.candidates.called").Called
        return called(found, operation or attribute, name, device)  # type: ignore[no-any-return]  # a name from a string
    made = found() if isinstance(found, type) or not (hasattr(found, "run") or mirrors_torch(found)) else found
    if mirrors_torch(made):
        return _namespace(made, name, device)
    if not (hasattr(made, "run") and hasattr(made, "supports")):
        raise ValueError(
            f"{name} is a {type(made).__name__}, but should be a Candidate, a namespace that mirrors torch, a function "
            "that returns one, or a function of torch tensors"
        )
    return made  # type: ignore[no-any-return]  # looked at above


def _takes_arguments(found: Any) -> bool:
    """Whether it is a function (or a layer) that has to be given something: not a Candidate, not what makes one."""
    if hasattr(found, "run") or mirrors_torch(found) or not callable(found):
        return False
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # a builtin: torch's own functions have no signature
        return True
    return any(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


def _namespace(found: Any, name: str, device: str) -> Candidate:
    return importlib.import_module("conformance.candidates.namespace").Namespace(found, name, device)  # type: ignore[no-any-return]  # a name from a string
