"""Captured steps: trainings and inference by `captured_step`, where a library has it, beside the steps themselves."""

from collections.abc import Callable
from typing import Any

from conformance.cases import FORWARD, LAYOUTS, REPEAT, args, normal, ops

PLAIN = FORWARD - {LAYOUTS, REPEAT}
STEPS = 6


def captured(torch: Any, step: Callable[..., Any], *inputs: Any, warmup: int = 2) -> Callable[..., Any]:
    """The step captured on the CPU, or as it is: on a GPU, where optimizers would have to be told, or without such a function."""
    capture = getattr(torch, "captured_step", None)
    return step if capture is None or inputs[0].device.type != "cpu" else capture(step, *inputs, warmup=warmup)


def network(torch: Any, layers: str) -> Any:
    """A small network of these layers for images (N, 2, 8, 8), with weights that need no random numbers."""
    nn = torch.nn
    made = {
        "conv": lambda: [nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2)],
        "max": lambda: [nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)],
        "linear": lambda: [nn.Linear(128, 5), nn.GELU(), nn.Linear(5, 4)],
    }
    parts = [nn.Flatten()] if layers == "linear" else []
    model = nn.Sequential(*parts, *made[layers](), *([] if parts else [nn.Flatten(), nn.LazyLinear(4)]))
    model(torch.zeros(2, 2, 8, 8))
    with torch.no_grad():
        for parameter in model.parameters():
            numbers = torch.arange(parameter.numel(), dtype=parameter.dtype)
            parameter.copy_((torch.sin(numbers * 3 + 1) * 0.25).reshape(parameter.shape))
    return model


def trained(torch: Any, x: Any, *, layers: str, optimizer: str, rate: float, halve: str = "", **options: Any) -> Any:
    """Losses and the state of a model after some steps; the learning rate is halved on the way, as a number or a tensor."""
    model = network(torch, layers)
    lr: Any = torch.tensor(rate) if halve == "tensor" else rate
    used = getattr(torch.optim, optimizer)(model.parameters(), lr=lr, **options)

    def step(images: Any, labels: Any) -> Any:
        used.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        used.step()
        return loss

    labels = torch.arange(len(x)) % 4
    run = captured(torch, step, x, labels)
    losses = []
    for number in range(STEPS):
        if halve and number == STEPS - 1:
            used.param_groups[0]["lr"] = lr.mul_(0.5) if halve == "tensor" else lr / 2
        losses.append(run(x * (1 + number), (labels + number) % 4).detach().clone())
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    return losses, [value.detach().clone() for value in model.state_dict().values()], gradients


def inferred(torch: Any, x: Any, *, layers: str) -> Any:
    """What a model in evaluation mode says to several inputs."""
    model = network(torch, layers).eval()

    def logits(images: Any) -> Any:
        with torch.no_grad():
            return {"logits": model(images), "class": model(images).argmax(1)}

    run = captured(torch, logits, x)
    return [{name: value.clone() for name, value in run(x * scale).items()} for scale in (1, 2, 3, -1)]


def computed(torch: Any, x: Any, y: Any) -> Any:
    """Views, writes in place, indices and reductions, captured with their gradients."""

    def step(a: Any, b: Any) -> Any:
        a = a.detach().requires_grad_()
        z = (a @ b.t()).softmax(-1)
        z = torch.cat([z[1:], z[:1] * 2]).clone()
        z[0] += b.sum(1)
        z[:, torch.tensor([0, 2])] *= 3
        best, where = z.max(1)
        value = (z.sort(-1).values * best.unsqueeze(1)).cumsum(0).sum()
        return z.detach(), where, torch.autograd.grad(value, a)[0]

    run = captured(torch, step, x, y)
    return [[value.clone() for value in run(x * scale, y + scale)] for scale in (1, 2, 3, 4)]


TRAININGS = [
    args(normal(4, 2, 8, 8), layers="conv", optimizer="SGD", rate=0.05, momentum=0.9),
    args(normal(4, 2, 8, 8), layers="max", optimizer="SGD", rate=0.05, halve="number", weight_decay=0.01),
    args(normal(4, 2, 8, 8), layers="linear", optimizer="SGD", rate=0.05, halve="tensor", momentum=0.5, nesterov=True),
    args(normal(4, 2, 8, 8), layers="conv", optimizer="Adam", rate=0.01),
    args(normal(4, 2, 8, 8), layers="linear", optimizer="AdamW", rate=0.01, halve="number", amsgrad=True),
]

CASES = [
    *ops("captured training", TRAININGS, program=trained, checks=PLAIN, layouts=()),
    *ops(
        "captured inference",
        [args(normal(3, 2, 8, 8), layers=layers) for layers in ("conv", "max", "linear")],
        program=inferred,
        checks=PLAIN,
        layouts=(),
    ),
    *ops("captured computation", [args(normal(4, 3), normal(4, 3))], program=computed, checks=PLAIN, layouts=()),
]
