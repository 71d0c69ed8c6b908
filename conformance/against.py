"""What a candidate is held against: the reference at the case's dtype, and torch at float64, each on a device.

By default the reference is torch on the candidate's own device, and the oracle is torch at float64 on the CPU: what is
true does not depend on a device, and one implementation of it fewer has to be trusted. Another reference compares two
devices, or two implementations, under the same verdict:

    --device cuda                              torch CUDA as the reference
    --device cuda --reference torch@cpu        torch on the CPU, where torch has no CUDA
    --device cuda --reference refnet@cpu       the candidate's own numbers on the CPU: a comparison of two devices

Refusals are held against torch on the CPU wherever the candidate runs. A number that is out of range (an index, a
class) ends the process on a GPU, where on the CPU torch raises.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.gpus import CPU, kind


@dataclass(frozen=True)
class Against:
    """The choice, as a command line makes it. `reference` is NAME or NAME@DEVICE; "" is torch on the candidate's device."""

    device: str = CPU
    reference: str = ""
    oracle: str = CPU

    @property
    def name(self) -> str:
        """Who the reference is."""
        return self.reference.partition("@")[0] or "torch"

    @property
    def where(self) -> str:
        """The reference's device."""
        return self.reference.partition("@")[2] or self.device

    @property
    def across(self) -> bool:
        """Whether the candidate and the reference run on devices of different kinds."""
        return kind(self.where) != kind(self.device)

    @property
    def plain(self) -> bool:
        """Whether everything is as it is without a word about devices: torch, and all on the CPU."""
        return (self.name, self.where, self.device, self.oracle) == ("torch", CPU, CPU, CPU)

    def facts(self) -> dict[str, str]:
        """What records depend on beside the candidate; nothing where all is plain."""
        if self.plain:
            return {}
        return {"reference": f"{self.name}@{self.where}", "oracle": self.oracle}

    @property
    def words(self) -> list[str]:
        """The options of a command line that choose it.

        >>> Against("cuda", "refnet@cpu").words
        ['--device', 'cuda', '--reference', 'refnet@cpu']
        """
        options = (
            ("--device", self.device, CPU),
            ("--reference", self.reference, ""),
            ("--oracle-device", self.oracle, CPU),
        )
        return [word for name, value, usual in options if value != usual for word in (name, value)]

    @classmethod
    def of(cls, identity: Mapping[str, str]) -> "Against":
        """What a run with this identity was held against: the inverse of `facts`, with the device."""
        device, reference = identity.get("device", CPU), identity.get("reference", "")
        return cls(device, "" if reference == f"torch@{device}" else reference, identity.get("oracle", CPU))

    @cached_property
    def key(self) -> str:
        """What scales of error depend on beside the case: who was probed, where, and on which GPU."""
        if self.plain:
            return ""
        torch: Any = importlib.import_module("conformance.candidates.torch")
        gpus = {device: torch.facts(device) for device in (self.where, self.oracle)}
        identity = importlib.import_module("conformance.identity").identity
        who = {} if self.name == "torch" else identity(self.name, self.where)
        return repr((self.facts(), gpus, who))

    @cached_property
    def sides(self) -> "Sides":
        """The libraries, loaded at the first question. Raises ValueError or ImportError where one cannot be had."""
        torch: Any = importlib.import_module("conformance.candidates.torch")
        load = importlib.import_module("conformance.candidates").load
        here = torch.Torch("torch reference") if self.name == "torch" and self.where == CPU else None
        reference = here or load(self.name, self.where)
        if not hasattr(reference, "torch"):
            raise ValueError(f"--reference {self.reference}: a reference needs torch's namespace, not plain functions")
        oracle = torch.Oracle(torch.ready(self.oracle))
        return Sides(reference, oracle, here or torch.Torch("torch on the CPU"), torch.Torch("torch on meta", "meta"))


@dataclass(frozen=True)
class Sides:
    """Who answers: at the case's dtype, at float64, about refusals, and about refusals that need no numbers."""

    reference: Any
    oracle: Any
    refusing: Any
    shapes: Any


_CHOSEN = [Against()]  # of this process: a worker has one for its whole life


def use(against: Against, *, fixed_order: bool = True) -> None:
    """Hold every comparison of this process against these from now on.

    On a GPU torch is told to add in a fixed order, unless its speed is what is looked at.
    """
    _CHOSEN[0] = against
    if fixed_order and {kind(against.device), kind(against.where), kind(against.oracle)} != {CPU}:
        importlib.import_module("conformance.candidates.torch").reproducible()


def chosen() -> Against:
    """What comparisons of this process are held against."""
    return _CHOSEN[0]
