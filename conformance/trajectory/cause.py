"""From the tensors that left the envelope first, what is most likely wrong."""

from collections.abc import Sequence

from conformance.trajectory.envelope import Row
from conformance.trajectory.run import BATCH, BUFFER, EVALUATION, GENERATOR, GRADIENT, LOSS, OPTIMIZER, PARAMETER, RATE

GRADUALLY = "left gradually"  # why leaving is not excused: no step stands out


def likely(leaving: Sequence[Row], rows: Sequence[Row], again: str = "") -> str:
    """The cause that the tensors outside in one step point to, in the order in which a step computes them."""
    kinds = {row.kind for row in leaving}
    first = leaving[0]
    step = first.step
    if BATCH in kinds:
        if first.problem.startswith("shape"):
            return f"the batch of step {step} has another size: the last partial batch, or the batch size"
        return f"other examples from step {step} on: the shuffle draws otherwise, or in another order"
    if RATE in kinds:
        return f"the schedule of the learning rate, after step {step}"
    if GENERATOR in kinds:
        return f"random numbers are drawn otherwise in step {step}: a mask, the initial weights or the shuffle"
    if again == GRADUALLY:
        return (
            "every step is right to rounding, but their errors add up in one direction: look at constants and at sums"
        )
    if kinds == {EVALUATION} and first.problem in ("missing", "should not be there"):
        return f"the epoch ends at another step than {step}: the last partial batch, or the batch size"
    if first.problem == "missing" or first.problem.startswith(("shape", "dtype", "should not")):
        return f"{first.kind} {first.tensor}: {first.problem}"
    if LOSS in kinds:
        return _forward(leaving, step)
    if GRADIENT in kinds:
        return _backward([row for row in leaving if row.kind == GRADIENT], rows)
    if OPTIMIZER in kinds:
        return f"loss and gradients are torch's: the optimizer's rule, where it keeps {first.tensor.rpartition(' ')[2]}"
    if PARAMETER in kinds:
        return "loss, gradients and the optimizer's state are torch's: the optimizer's update of the parameter"
    if BUFFER in kinds:
        return f"loss, gradients and parameters are torch's: how the buffer {first.tensor} is updated"
    if EVALUATION in kinds:
        return "training is torch's and evaluation is not: what a layer does after eval()"
    return "unknown"


def _forward(leaving: Sequence[Row], step: int) -> str:
    buffers = [row.tensor for row in leaving if row.kind == BUFFER]
    if step == 1:
        start = "the forward pass or the initial weights"
        if buffers:
            return f"{start}, up to the layer of the buffer {buffers[0]}"
        return f"{start} (behind the layers with buffers), or the loss: no earlier step has moved anything"
    what = f", up to the layer of the buffer {buffers[0]}" if buffers else ""
    return f"the forward pass of step {step}{what}: all that the step before left was torch's"


def _backward(wrong: Sequence[Row], rows: Sequence[Row]) -> str:
    gradients = [row for row in rows if row.kind == GRADIENT]
    count = f"{len(wrong)} of {len(gradients)} gradients are outside"
    if wrong[0].tensor == gradients[0].tensor and 2 * len(wrong) > len(gradients) > 1:
        also = ", or gradients are not zeroed" if wrong[0].step > 1 else ""
        return f"the loss is torch's and its gradient is not, from {wrong[0].tensor} at the end of the model on{also} ({count})"
    return f"the loss is torch's: the backward pass goes wrong at {wrong[0].tensor}, the first in its order ({count})"
