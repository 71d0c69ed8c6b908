"""What the harness asks of an implementation under test, and what it gets back."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from conformance.case import GRADIENT, OUTPUT, SECOND, Operation, Sample
from conformance.draw import Array
from conformance.gpus import lost


@dataclass(frozen=True)
class Value:
    """One result: an array with its strides, or a plain Python value. None means: this candidate cannot tell."""

    name: str
    array: Array | None
    strides: tuple[int, ...] | None = None  # in elements
    requires_grad: bool | None = None
    plain: Any = None  # where array is None


@dataclass(frozen=True)
class Raised:
    """An exception, without the frames and tensors that it holds."""

    kind: str
    message: str
    trace: str
    unsupported: str = ""  # why this says "not there" rather than "wrong"

    @property
    def lost(self) -> bool:
        """Whether the process has lost its GPU with it: see `gpus.lost`."""
        return lost(f"{self.kind}: {self.message}")

    @classmethod
    def of(cls, error: BaseException, unsupported: str = "") -> "Raised":
        """From a caught exception."""
        return cls(type(error).__name__, str(error), "".join(traceback.format_exception(error)[-4:]), unsupported)


@dataclass
class Result:
    """What came of one run. A stage that raised is in `raised`, and the stages after it are None."""

    outputs: list[Value] = field(default_factory=list)
    gradients: dict[str, Array | None] | None = None  # by input name; None: no gradient reached it
    second: dict[str, Array | None] | None = None  # by input name, and "cotangent i"
    after: tuple[Array, ...] = ()  # the inputs as the call left them
    stream: Array | None = None  # at order 0, the state that the call left the default generator in
    device_stream: Array | None = None  # likewise of the generator of a GPU
    drew_on_device: bool = False  # whether the run took numbers from that generator
    raised: dict[str, Raised] = field(default_factory=dict)  # by stage: output, gradient, second-order

    def arrays(self) -> dict[tuple[str, str], Array | None]:
        """Every floating tensor that the verdict is about, by (check, name)."""
        found: dict[tuple[str, str], Array | None] = {(OUTPUT, value.name): value.array for value in self.outputs}
        found |= {(GRADIENT, name): array for name, array in (self.gradients or {}).items()}
        return found | {(SECOND, name): array for name, array in (self.second or {}).items()}


class Candidate(Protocol):
    """An implementation under test."""

    name: str
    limits: tuple[str, ...]  # what it cannot be asked, in words for the report

    def supports(self, operation: Operation, sample: Sample) -> str:
        """Why it cannot run this; "" when it can."""
        ...

    def run(
        self,
        operation: Operation,
        sample: Sample,
        order: int = 0,
        cotangents: Sequence[Array | None] = (),
        directions: Sequence[Array] = (),
    ) -> Result:
        """Run the operation; from order 1 on its inputs require gradients, which are taken under `cotangents`.

        `cotangents` has one array per array among the outputs, None where there is nothing to differentiate; without
        any, no gradient is taken. Order 2 adds the second order.
        `directions` (order 2) has one per differentiable input, in order, then one per cotangent that is not None.
        Exceptions are part of the result.
        """
        ...
