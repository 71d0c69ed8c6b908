"""Implementations under test: adapters that give them one shape (`protocol.Candidate`)."""

import importlib
from typing import Any

from conformance.candidates.protocol import Candidate as Candidate
from conformance.candidates.protocol import Raised as Raised
from conformance.candidates.protocol import Result as Result
from conformance.candidates.protocol import Value as Value


def load(name: str, device: str = "cpu") -> Candidate:
    """The candidate that a user calls `name`.

    `refnet`; `torch`, `torch:threads=2`, `torch:mkldnn=off`, `torch:channels-last`; `package.module`, a module of plain
    functions; `package.module:attribute`, a Candidate or a function without arguments that returns one.

    Raises ValueError or ImportError when there is no such thing.
    """
    if name == "torch" or name.startswith("torch:"):
        return importlib.import_module("conformance.candidates.torch").load(name, device)  # type: ignore[no-any-return]  # a name from a string
    if name == "refnet":
        return importlib.import_module("conformance.candidates.refnet").load(device)  # type: ignore[no-any-return]  # a name from a string
    path, _, attribute = name.partition(":")
    module = importlib.import_module(path)
    if attribute:
        found: Any = getattr(module, attribute)
        return found() if isinstance(found, type) or not hasattr(found, "run") else found  # type: ignore[no-any-return]  # a name from a string
    return importlib.import_module("conformance.candidates.functions").Functions(module, name)  # type: ignore[no-any-return]  # a name from a string
