"""How a script speaks to a candidate: what it imports, and how it calls an operation."""

from dataclasses import dataclass

from conformance.candidates import Candidate, mirrors_torch
from conformance.candidates.functions import Functions, short_name
from conformance.candidates.namespace import Namespace
from conformance.case import Operation
from conformance.repro.sources import CannotWrite

_SETTINGS = {  # of torch's own variants
    "torch:mkldnn=off": "torch.backends.mkldnn.set_flags(False)\ntorch.backends.nnpack.set_flags(False)",
    "torch:threads=2": "torch.set_num_threads(2)",
}


@dataclass(frozen=True)
class Side:
    """The candidate in a script."""

    imports: str  # defines `candidate`
    namespace: str  # what its tensors come from
    call: str  # the operation itself, as an expression in `torch`, the namespace of the moment
    settings: str = ""  # executed before the candidate runs
    functions: bool = False  # plain functions over numpy arrays


def side_of(name: str, candidate: Candidate, operation: Operation) -> Side:
    """The candidate that a user calls `name`. CannotWrite when only its adapter can speak to it."""
    path, _, attribute = name.partition(":")
    native = f"torch.{operation.name}"
    if path == "torch":
        if name != "torch" and name not in _SETTINGS:
            raise CannotWrite(f"{name} is torch in a form that only its adapter makes")
        return Side("candidate = torch", "candidate", native, _SETTINGS.get(name, ""))
    if isinstance(candidate, Functions):
        return Side(f"import {path} as candidate", "candidate", f"candidate.{short_name(operation)}", functions=True)
    attribute, _, _ = attribute.partition("=")
    whole = f"from {path} import {attribute} as candidate" if attribute else f"import {path} as candidate"
    if hasattr(candidate, "function"):  # of torch tensors
        return Side(whole, "torch", "candidate")
    if not isinstance(candidate, Namespace):
        raise CannotWrite(f"{name} has an adapter of its own, which needs the harness")
    if not attribute or type(candidate) is Namespace:
        made = (
            "" if mirrors_torch(candidate.torch) and _is_it(path, attribute, candidate) else "\ncandidate = candidate()"
        )
        return Side(whole + made, "candidate", native)
    made = f"{whole}\n\nadapter = candidate() if callable(candidate) else candidate\ncandidate = adapter.torch"
    return Side(made, "candidate", f"adapter.resolve({operation.name!r})")


def _is_it(path: str, attribute: str, candidate: Namespace) -> bool:
    """Whether the attribute is the namespace itself, and not a function that makes it."""
    import importlib

    module = importlib.import_module(path)
    return (getattr(module, attribute) if attribute else module) is candidate.torch
