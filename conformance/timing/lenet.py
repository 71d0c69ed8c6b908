"""LeNet-5 on Fashion-MNIST images: a training step (SGD with momentum, dropout, batch norm), and inference.

With one image batch norm after conv3 sees a single value a channel, which training refuses; it is left out at that
size, in every library.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from conformance.case import OUTPUT, Case, Operation, args
from conformance.cases.lenet import parameters
from conformance.images import fashion_images, fashion_labels
from conformance.timing.gpu import captured
from conformance.timing.row import BOTH_CAPTURED, CAPTURED, CAPTURED_INFERENCE, INFERENCE, LENET, STEP, Row, Setup
from conformance.trajectory.recipes import lenet5

BATCHES = (1, 8, 64, 256)
SETTINGS = {"lr": 0.01, "momentum": 0.9}
FLOPS = 2.0 * (6 * 784 * 25 + 16 * 100 * 150 + 120 * 400 + 120 * 84 + 84 * 10)  # of an image's forward pass
MEMORY_AT = 256  # the batch whose peak memory is measured
WARMUP = 3  # calls before the one from which on a captured step is replayed
OTHERS = 256  # the check runs on images from this one on; timed are the first


def model(torch: Any, batch: int, vector: Any = None, **options: Any) -> Any:
    """The network for batches of a size; with the parameters in `vector`, where they are given."""
    made = lenet5(torch, **options)
    if vector is not None:
        made = made.to(vector.dtype)
        start = 0
        with torch.no_grad():
            for parameter in made.parameters():
                end = start + parameter.numel()
                parameter.copy_(vector[start:end].view_as(parameter))
                start = end
        torch.manual_seed(27)  # the same masks, whatever initializing drew
    if batch == 1:
        made.norm3 = torch.nn.Identity()
    return made


class Step:
    """A training step: forward, loss, backward, update."""

    def __init__(self, torch: Any, model: Any, images: Any, labels: Any) -> None:
        self.model, self.images, self.labels = model, images, labels
        self.optimizer = torch.optim.SGD(model.parameters(), **SETTINGS)
        self.cross_entropy = torch.nn.functional.cross_entropy

    def __call__(self) -> Any:
        return self.on(self.images, self.labels)

    def on(self, images: Any, labels: Any) -> Any:
        """The step on any batch."""
        self.optimizer.zero_grad()
        loss = self.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss


class Inference:
    """Logits in evaluation mode, without a graph."""

    def __init__(self, torch: Any, model: Any, images: Any) -> None:
        self.no_grad, self.model, self.images = torch.no_grad, model.eval(), images

    def __call__(self) -> Any:
        return self.on(self.images)

    def on(self, images: Any) -> Any:
        """The logits of any batch."""
        with self.no_grad():
            return self.model(images)


def step(torch: Any, tensors: Any) -> Step:
    """What is timed of training."""
    images, labels = tensors
    return Step(torch, model(torch, len(images)), images, labels)


def captured_step(torch: Any, tensors: Any) -> Any:
    """The step recorded, on a GPU as a graph of kernels. NotImplementedError for a library that records none here."""
    return _recorded(torch, step(torch, tensors).on, *tensors)


def captured_inference(torch: Any, tensors: Any) -> Any:
    """Inference, recorded in the same way."""
    return _recorded(torch, inference(torch, tensors).on, tensors[0])


def _recorded(torch: Any, run: Any, *tensors: Any) -> Any:
    try:
        if tensors[0].device.type != "cpu":
            return captured(torch, run, *tensors)
        noted = torch.captured_step(run, *tensors, warmup=WARMUP)
        for _ in range(WARMUP + 1):
            noted(*tensors)
        return lambda: noted(*tensors)
    except (AttributeError, RuntimeError) as error:
        raise NotImplementedError(
            f"no graphs of kernels, nor another record of a step: {type(error).__name__}: {error}"
        ) from error


def replayed(torch: Any, images: Any, labels: Any, vector: Any) -> dict[str, Any]:
    """Five steps from given parameters without dropout, the last two of them replayed where a library records steps."""
    made = model(torch, len(images), vector, dropout=0.0)
    run = Step(torch, made, images, labels).on
    where = torch if images.device.type == "cpu" else torch.cuda
    if hasattr(where, "captured_step"):
        run = where.captured_step(run, images, labels, warmup=2)
    losses = [run(images, labels).detach().clone() for _ in range(5)]
    return {"loss": torch.stack(losses)} | {name: tensor.detach() for name, tensor in made.state_dict().items()}


def replayed_logits(torch: Any, images: Any, labels: Any, vector: Any) -> dict[str, Any]:
    """Logits after two steps, by a replay where a library records steps."""
    made = model(torch, len(images), vector)
    run = Step(torch, made, images, labels)
    run(), run()
    infer = Inference(torch, made, images).on
    if hasattr(torch, "captured_step"):
        infer = torch.captured_step(infer, images, warmup=1)
    return {"logits": [infer(images) for _ in range(4)][-1]}


def replayed_rows(batches: Sequence[int] = BATCHES) -> Iterator[Row]:
    """On the CPU: the candidate's recorded step, and its recorded inference, beside torch's eager ones."""
    kinds: dict[str, tuple[str, Setup, Setup, Any]] = {
        STEP: (CAPTURED, captured_step, step, replayed),
        INFERENCE: (CAPTURED_INFERENCE, captured_inference, inference, replayed_logits),
    }
    for row in rows(batches):
        what, setup, baseline, program = kinds[row.what]
        checked = replace(row.case, operation=Operation(f"LeNet-5 {what}", program))
        yield replace(row, what=what, setup=setup, baseline=baseline, checked=checked, memory=False)


def captured_rows(batches: Sequence[int] = BATCHES) -> Iterator[Row]:
    """On a GPU: the candidate's recorded step beside torch's eager one, and beside torch's recorded one."""
    for row in rows(batches):
        if row.what == STEP:
            operation = Operation(f"LeNet-5 {CAPTURED}", replayed)
            made = replace(row, setup=captured_step, checked=replace(row.case, operation=operation), memory=False)
            yield replace(made, what=CAPTURED, baseline=step)
            yield replace(made, what=BOTH_CAPTURED)


def inference(torch: Any, tensors: Any) -> Inference:
    """What is timed of inference; the running statistics are of one batch, so that they are not 0 and 1."""
    images, labels = tensors
    made = model(torch, len(images))
    Step(torch, made, images, labels)()
    return Inference(torch, made, images)


def trained(torch: Any, images: Any, labels: Any, vector: Any) -> dict[str, Any]:
    """Two steps from given parameters: both losses, and the state after them."""
    made = model(torch, len(images), vector)
    run = Step(torch, made, images, labels)
    losses = [run().detach(), run().detach()]
    return {"loss": torch.stack(losses)} | {name: tensor.detach() for name, tensor in made.state_dict().items()}


def inferred(torch: Any, images: Any, labels: Any, vector: Any) -> dict[str, Any]:
    """Logits after two steps."""
    made = model(torch, len(images), vector)
    run = Step(torch, made, images, labels)
    run(), run()
    return {"logits": Inference(torch, made, images)()}


def rows(batches: Sequence[int] = BATCHES) -> Iterator[Row]:
    """Training steps, then inference, at each batch size."""
    kinds = ((STEP, step, trained, 3), (INFERENCE, inference, inferred, 1))
    for what, setup, program, times in kinds:
        for n in batches:
            operation = Operation(f"LeNet-5 {what}", program)
            others = args(fashion_images(n, OTHERS), fashion_labels(n, OTHERS), parameters(True))
            yield Row(
                f"LeNet-5 batch {n}",
                what,
                LENET,
                operation,
                args(fashion_images(n), fashion_labels(n)),
                times * n * FLOPS,
                args(fashion_images(1), fashion_labels(1)),
                setup=setup,
                checked=Case(operation, others, "float32", frozenset({OUTPUT}), (), label="timed"),
                memory=n == MEMORY_AT,
                axes={"batch": n},
            )
