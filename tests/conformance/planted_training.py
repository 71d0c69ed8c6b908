"""Candidates for training, as a user names them on the command line."""

from typing import Any

from conformance.candidates.torch import Torch
from conformance.prove.subject import Overlay


class Wrong(Torch):
    """Its loss is wrong."""

    def __init__(self) -> None:
        super().__init__("wrong")
        torch = self.torch
        self.torch = Overlay(torch, "nn.CrossEntropyLoss", lambda: torch.nn.CrossEntropyLoss(label_smoothing=0.1))


class Without(Torch):
    """It has no LSTM."""

    def __init__(self) -> None:
        super().__init__("without")
        self.torch = Overlay(self.torch, "nn.LSTM", _refused)


def _refused(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("no LSTM here")
