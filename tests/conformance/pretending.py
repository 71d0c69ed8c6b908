"""torch on the CPU that says it is on a GPU: it has a generator of its own there, and can lose the GPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from planted import Planted

LOST = "CUDA error: an illegal memory access was encountered"
GENERATOR = torch.Generator()  # of the "GPU"


class Pretending(Planted):
    """Every operation is torch's on the CPU, but for the faults."""

    def __init__(self, name: str = "pretending", **faults: Callable[..., Any]) -> None:
        super().__init__(**faults)
        self.name, self.device = name, "cuda"
        self.dead = False

    def to_tensor(self, array: Any) -> Any:
        return self.from_array(array)

    def seed(self) -> None:
        super().seed()
        GENERATOR.manual_seed(0)

    def device_stream(self) -> Any:
        return GENERATOR.get_state().numpy().copy()

    @contextmanager
    def placed(self) -> Iterator[None]:
        yield

    def synchronize(self) -> None:
        if self.dead:
            raise RuntimeError(LOST)

    def release(self) -> None:
        self.synchronize()

    def loses(self, *_: Any, **__: Any) -> Any:
        """A kernel that writes where nothing is: no later call succeeds."""
        self.dead = True
        raise RuntimeError(LOST)


def losing() -> Pretending:
    """A GPU that is lost in sin."""
    made = Pretending()
    made.faults["sin"] = made.loses
    return made


def _dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if not training:
        return x
    keep = torch.rand(x.shape, generator=GENERATOR) >= p
    return x * keep / (1 - p)


def drawing() -> Pretending:
    """Dropout from the GPU's generator."""
    return Pretending(nn__functional__dropout=_dropout)


def redrawing() -> Pretending:
    """As `drawing`, but every second number is thrown away."""

    def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        torch.rand(x.shape, generator=GENERATOR)
        return _dropout(x, p, training, inplace)

    return Pretending(nn__functional__dropout=dropout)


def careless() -> Pretending:
    """It looks at no number of an index, and at no shape of a linear layer."""
    return Pretending(
        nn__functional__embedding=lambda *args, **kwargs: torch.zeros(3, 4),
        nn__functional__linear=lambda *args, **kwargs: torch.zeros(3, 4),
    )
