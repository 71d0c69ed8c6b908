"""The same training in another library: was it the same, and what came out?

`Evidence` watches one run from inside: its initial weights, every batch that goes into the model, and every dropout
mask. `Comparison` sets two runs beside each other. What random numbers decide must be equal bit for bit; what
arithmetic decides may differ by rounding, which grows as training goes on.
"""

import hashlib
import importlib
from dataclasses import dataclass
from typing import Any

import numpy

from refnet._check import check
from refnet.train import checkpoint as checkpoints
from refnet.train.curves import Curves

NEEDED = (
    "Tensor",
    "as_tensor",
    "from_numpy",
    "get_rng_state",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "randperm",
    "set_rng_state",
    "utils",
)


def library_named(name: str) -> Any:
    """The module of that name, if it has torch's names; ModuleNotFoundError or ValueError otherwise."""
    library = importlib.import_module(name)
    missing = [needed for needed in NEEDED if not hasattr(library, needed)]
    check(
        not missing,
        lambda: f"expected a library with torch's names; {name} has no {', '.join(missing)}",
        ValueError,
    )
    return library


class Evidence:
    """Digests of what random numbers decide in a run, epoch by epoch; a part of the run's checkpoints.

    - initial: by name, of the weights the model had when this was made.
    - epochs: after each `end_epoch`, a dict with "batches" and "masks". Each digest covers its whole epoch: it is the
      SHA-256 of the digest before and the bytes that came since.
    """

    def __init__(self, model: Any, library: Any) -> None:
        state = checkpoints.to_saved(model.state_dict(), library)
        self.initial = {name: checkpoints.digest(value) for name, value in state.items()}
        self.epochs: list[dict[str, str]] = []
        self._running = {"batches": "", "masks": ""}
        model.register_forward_pre_hook(self._see_batch)
        for module in model.modules():
            if isinstance(module, library.nn.Dropout) and module.p > 0:
                module.register_forward_hook(self._see_mask)

    def end_epoch(self) -> None:
        """Keep the digests of this epoch and begin new ones."""
        self.epochs.append(dict(self._running))
        self._running = {"batches": "", "masks": ""}

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far."""
        return {"epochs": [dict(epoch) for epoch in self.epochs], "running": dict(self._running)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.epochs, self._running = state["epochs"], state["running"]

    def _see_batch(self, module: Any, inputs: tuple[Any, ...]) -> None:
        if module.training:
            self._add("batches", inputs[0].detach().numpy())

    def _see_mask(self, module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        if module.training:
            self._add("masks", numpy.packbits(output.detach().numpy() == 0))

    def _add(self, kind: str, array: Any) -> None:
        before = self._running[kind].encode()
        self._running[kind] = hashlib.sha256(before + numpy.ascontiguousarray(array).tobytes()).hexdigest()


@dataclass
class Side:
    """One of the two runs."""

    name: str
    evidence: Evidence
    curves: Curves
    best_epoch: int


@dataclass
class Comparison:
    """Two runs beside each other."""

    ours: Side
    theirs: Side

    @property
    def epochs(self) -> int:
        """How many epochs both trained."""
        return min(len(self.ours.curves), len(self.theirs.curves))

    def differences(self) -> list[str]:
        """What should be equal bit for bit and is not."""
        found = []
        weights = self._different_weights()
        if weights:
            found.append(f"the initial weights {', '.join(weights)}")
        for kind, values in self._per_epoch().items():
            epochs = [str(number) for number, (a, b) in enumerate(values, 1) if a != b]
            if epochs:
                found.append(f"the {kind} of epoch {', '.join(epochs)}")
        return found

    def table(self) -> str:
        """A Markdown table: what is equal, how far apart loss and accuracy are, and the speed."""
        weights = self._different_weights()
        count = len(self.ours.evidence.initial)
        rows = [("", self.ours.name, self.theirs.name, "")]
        rows.append(("initial weights", "", "", _equal(count - len(weights), count, "tensors")))
        for kind, values in self._per_epoch().items():
            equal = sum(a == b for a, b in values)
            rows.append((kind.replace("generator", "generator after each epoch"), "", "", _equal(equal, self.epochs)))
        quantities = [c for c in self.ours.curves.columns if c not in ("epoch", "step", "lr", "generator")]
        for quantity in quantities:
            a, b = (side.curves[quantity][self.epochs - 1] for side in (self.ours, self.theirs))
            if a is not None and b is not None:
                title = quantity.replace("_", " ") if quantity[:5] == "test_" else f"training {quantity}"
                rows.append((f"{title}, epoch {self.epochs}", f"{a:.5f}", f"{b:.5f}", _apart(quantity, a, b)))
        for quantity in (c for c in quantities if c[:5] == "test_" and c != "test_loss"):
            a, b = (side.curves[quantity][side.best_epoch - 1] for side in (self.ours, self.theirs))
            title = f"{quantity.replace('_', ' ')}, best model"
            rows.append((title, f"{a:.5f}", f"{b:.5f}", _apart(quantity, a, b)))
        a, b = (side.curves.images_per_second or 0.0 for side in (self.ours, self.theirs))
        rows.append(("images/s in training", f"{a:,.0f}", f"{b:,.0f}", f"{a / b:.2f} x" if b else ""))
        return _markdown(rows)

    def _different_weights(self) -> list[str]:
        a, b = self.ours.evidence.initial, self.theirs.evidence.initial
        return [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]

    def _per_epoch(self) -> dict[str, list[tuple[str, str]]]:
        """Pairs of digests for every epoch both trained, by what they are of."""
        a, b = self.ours, self.theirs
        pairs = {
            kind: [(x[kind], y[kind]) for x, y in zip(a.evidence.epochs, b.evidence.epochs, strict=False)]
            for kind in ("batches", "masks")
        }
        if not any(x for x, _ in pairs["masks"]):
            del pairs["masks"]  # nothing was dropped
        generators = zip(a.curves["generator"], b.curves["generator"], strict=False)
        return {**pairs, "generator": list(generators)}


def _equal(equal: int, count: int, unit: str = "epochs") -> str:
    return (
        f"equal bit for bit ({count} {unit})" if equal == count else f"DIFFERENT in {count - equal} of {count} {unit}"
    )


def _apart(quantity: str, a: float, b: float) -> str:
    if quantity.endswith("accuracy"):
        return f"{100 * (a - b):+.2f} points"
    return f"{a - b:+.1e}"


def _markdown(rows: list[tuple[str, str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "| "
        + " | ".join(
            text.ljust(width) if i in (0, 3) else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (w + 1) + (":" if i in (1, 2) else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
