"""LeNet-5 on real Fashion-MNIST images: logits, loss, every gradient and buffer, and training step by step."""

import math
from typing import Any

import numpy

from conformance.cases import OUTPUT, REPEAT, UNCHANGED, Arguments, Case, Draw, args, drawn, ops
from conformance.draw import Array
from conformance.images import fashion_images, fashion_labels

# Name and weight shape of every layer: (outputs, inputs, kernel height, kernel width), or (maps,) of a normalization.
LAYERS = {
    "conv1": (6, 1, 5, 5),
    "norm1": (6,),
    "conv2": (16, 6, 5, 5),
    "norm2": (16,),
    "conv3": (120, 16, 5, 5),
    "norm3": (120,),
    "fc1": (84, 120),
    "fc2": (10, 84),
}


def lenet5(torch: Any, *, pool: str, batch_norm: bool, dropout: float, dtype: Any) -> Any:
    """The model, written against torch's namespace."""
    nn = torch.nn

    class LeNet5(nn.Module):  # type: ignore[misc,name-defined]  # torch is Any here
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
            self.norm1 = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
            self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
            self.norm2 = nn.BatchNorm2d(16) if batch_norm else nn.Identity()
            self.conv3 = nn.Conv2d(16, 120, kernel_size=5)
            self.norm3 = nn.BatchNorm2d(120) if batch_norm else nn.Identity()
            self.pool = nn.MaxPool2d(2) if pool == "max" else nn.AvgPool2d(2)
            self.fc1 = nn.Linear(120, 84)
            self.dropout = nn.Dropout(dropout)
            self.fc2 = nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = self.pool(torch.tanh(self.norm1(self.conv1(x))))
            x = self.pool(torch.tanh(self.norm2(self.conv2(x))))
            x = torch.tanh(self.norm3(self.conv3(x))).flatten(1)
            return self.fc2(torch.tanh(self.dropout(self.fc1(x))))

    return LeNet5().to(dtype)


def parameters(batch_norm: bool) -> Draw:
    """All parameters in one vector, in the model's order.

    Weights are Xavier-uniform, the model's start. Biases, scales and shifts are off their starting values 0, 1 and 0,
    so that each of them counts.
    """

    def make(rng: numpy.random.Generator, _: str) -> Array:
        pieces = []
        for shape in LAYERS.values():
            if len(shape) > 1:
                fans = (shape[0] + shape[1]) * math.prod(shape[2:])
                bound = math.sqrt(6 / fans)
                pieces.append(rng.uniform(-bound, bound, math.prod(shape)))
            elif batch_norm:
                pieces.append(rng.normal(1.0, 0.1, shape))
            else:
                continue
            pieces.append(rng.normal(0.0, 0.1, shape[0]))
        return numpy.concatenate(pieces)

    return drawn("parameters", make).fixed()


def filled(torch: Any, dtype: Any, vector: Any, **options: Any) -> Any:
    """The model with the given parameters, ready to draw dropout masks."""
    model = lenet5(torch, dtype=dtype, **options)
    with torch.no_grad():
        start = 0
        for parameter in model.parameters():
            end = start + parameter.numel()
            parameter.copy_(vector[start:end].view_as(parameter))
            start = end
    torch.manual_seed(27)  # the same masks whatever initializing the layers drew
    return model


def evaluated(
    torch: Any, images: Any, labels: Any, vector: Any, *, training: bool, pool: str, **options: Any
) -> dict[str, Any]:
    """One forward and backward: logits, loss, the gradient of every parameter and of the images, and the buffers."""
    model = filled(torch, images.dtype, vector, pool=pool, **options)
    if not training:
        with torch.no_grad():
            model(images)  # evaluation then normalizes by running statistics that are not 0 and 1
    model.train(training)
    pixels = images.detach().clone().requires_grad_()
    logits = model(pixels)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    result = {"logits": logits.detach(), "loss": loss.detach()}
    if pool == "avg":  # a flat background ties in max pooling, and rounding decides which pixel gets the gradient
        result["gradient of images"] = pixels.grad
    result |= {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}
    return result | {name: buffer.detach() for name, buffer in model.named_buffers()}


def trained(
    torch: Any,
    images: Any,
    labels: Any,
    vector: Any,
    *,
    optimizer: str,
    batch: int,
    settings: dict[str, Any],
    **options: Any,
) -> dict[str, Any]:
    """A step per batch: the loss before every step, and the parameters and buffers at the end."""
    model = filled(torch, images.dtype, vector, **options)
    # A bias before batch norm has a gradient of rounding errors only. Adam would scale them up to full steps.
    idle = {"conv1.bias", "conv2.bias", "conv3.bias"} if options["batch_norm"] and optimizer != "SGD" else set()
    moved = [parameter for name, parameter in model.named_parameters() if name not in idle]
    made = getattr(torch.optim, optimizer)(moved, **settings)
    losses = []
    for start in range(0, len(images), batch):
        made.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images[start : start + batch]), labels[start : start + batch])
        loss.backward()
        made.step()
        losses.append(loss.detach())
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    return {"loss": torch.stack(losses)} | state


def row(count: int, *, batch_norm: bool, **options: Any) -> Arguments:
    """The first images of the sample, drawn parameters, and the options of a program."""
    return args(fashion_images(count), fashion_labels(count), parameters(batch_norm), batch_norm=batch_norm, **options)


BATCH, STEPS = 16, 8
OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}),
    # some weights see flat background only: at the usual eps of 1e-8 Adam would scale their rounding errors up to steps
    ("Adam", {"lr": 1e-3, "eps": 1e-4}),
)
# float32 only: the oracle is no more precise than a float64 candidate, whose errors add up over a whole model.
# Layouts are the layers' own concern; the gradients are compared as outputs, since the program runs backward itself.
ONCE = {OUTPUT, REPEAT, UNCHANGED}

EVALUATED = [
    row(8, batch_norm=batch_norm, pool=pool, dropout=dropout, training=training)
    for pool in ("avg", "max")
    for batch_norm, dropout, training in ((True, 0.3, True), (True, 0.3, False), (False, 0.0, True))
]
TRAINED = [
    row(
        BATCH * STEPS,
        batch_norm=True,
        pool="avg",
        dropout=dropout,
        optimizer=optimizer,
        batch=BATCH,
        settings=settings,
    )
    for optimizer, settings in OPTIMIZERS
    for dropout in (0.0, 0.3)
]

CASES: list[Case] = [
    *ops("lenet5", EVALUATED, program=evaluated, checks=ONCE),
    *ops("lenet5 training", TRAINED, program=trained, checks=ONCE, timeout=300),
]
