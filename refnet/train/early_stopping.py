"""When to stop: the test loss rises."""

import math
from dataclasses import dataclass
from typing import Any, Self

from refnet._check import check


@dataclass
class EarlyStopping:
    """Watches the test loss from evaluation to evaluation.

    The loss *rises* at an evaluation if it is not smaller than the smallest of all evaluations before: a loss that is
    equal to it rises, and so does NaN. The first evaluation rises only if its loss is NaN or infinite. Training stops
    once the loss has risen at `patience` evaluations in a row; None never stops.

    >>> stopping = EarlyStopping(patience=2)
    >>> [stopping.improves(loss, epoch) for epoch, loss in enumerate([0.5, 0.4, 0.45, 0.39, 0.39, 0.41], 1)]
    [True, True, False, True, False, False]
    >>> stopping.stops, stopping.best_loss, stopping.best_epoch
    (True, 0.39, 4)
    """

    patience: int | None = 1
    best_loss: float = math.inf
    best_epoch: int = 0
    rises: int = 0

    def __post_init__(self) -> None:
        check(
            self.patience is None or self.patience >= 1,
            lambda: f"patience: expected a positive number of evaluations, or None never to stop; got {self.patience}",
            ValueError,
        )

    def improves(self, loss: float, epoch: int) -> bool:
        """Take note of the test loss after `epoch`: whether it is the smallest so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.rises = loss, epoch, 0
            return True
        self.rises += 1
        return False

    @property
    def stops(self) -> bool:
        """Whether the loss has risen often enough."""
        return self.patience is not None and self.rises >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What was seen; `patience` is a choice, not a state."""
        return {"best_loss": self.best_loss, "best_epoch": self.best_epoch, "rises": self.rises}

    def load_state_dict(self, state: dict[str, Any]) -> Self:
        """Take over what `state_dict` gave. Returns self."""
        self.best_loss, self.best_epoch, self.rises = state["best_loss"], state["best_epoch"], state["rises"]
        return self
