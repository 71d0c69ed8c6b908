"""tinygrad: the whole step in a TinyJit, whose kernels are launched again from the third call on."""

import importlib.util
import os
import shutil
from typing import Any

import numpy

from conformance.timing import lenet
from conformance.timing.measure import Call
from conformance.timing.others import agree
from conformance.timing.others.weights import given
from conformance.timing.row import STEP

DROPPED = 0.3
RECORDED = 3  # calls after which the jit replays


def missing(threads: int) -> str:
    """Why it cannot run here; "" when it can."""
    if importlib.util.find_spec("tinygrad") is None:
        return "tinygrad is not installed"
    if shutil.which(os.environ.get("CC", "clang")) is None and "DEV" not in os.environ:
        return "tinygrad needs clang to compile for a processor, and it is not installed"
    return ""


def build(torch: Any, batch: int, what: str) -> Call:
    """A step or inference, with the jit warm."""
    from tinygrad import Context, Tensor, TinyJit, nn

    start = given(torch, batch)
    images, labels = Tensor(start.images).realize(), Tensor(start.labels.astype(numpy.int32)).realize()
    layers = {
        "conv1": nn.Conv2d(1, 6, 5, padding=2),
        "conv2": nn.Conv2d(6, 16, 5),
        "conv3": nn.Conv2d(16, 120, 5),
        "fc1": nn.Linear(120, 84),
        "fc2": nn.Linear(84, 10),
    } | {
        name: nn.BatchNorm(size) for name, size in (("norm1", 6), ("norm2", 16), ("norm3", 120)) if name in start.norms
    }

    def tensor_of(path: str) -> Any:
        layer, _, attribute = path.partition(".")
        return getattr(layers[layer], attribute)

    for path, value in (start.parameters | start.buffers).items():
        tensor_of(path).assign(Tensor(value)).realize()

    def forward(x: Any) -> Any:
        for name in ("1", "2", "3"):
            x = layers[f"conv{name}"](x)
            x = (layers[f"norm{name}"](x) if f"norm{name}" in layers else x).tanh()
            if name != "3":
                x = x.avg_pool2d(2)
        return layers["fc2"](layers["fc1"](x.flatten(1)).dropout(DROPPED).tanh())

    agree("tinygrad", forward(images).numpy(), start.logits)
    if what != STEP:
        infer = TinyJit(lambda x: forward(x).realize())
        return _recorded(lambda: infer(images).numpy())
    optimizer = nn.optim.SGD([tensor_of(path) for path in start.parameters], **lenet.SETTINGS)

    def training() -> Any:
        """The mode has two names, by release."""
        return Tensor.train() if hasattr(Tensor, "train") else Context(TRAINING=1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = forward(x).sparse_categorical_crossentropy(y).backward()
        return loss.realize(*optimizer.schedule_step())

    compiled = TinyJit(step)

    def call() -> Any:
        with training():
            return compiled(images, labels).item()

    return _recorded(call)


def _recorded(call: Call) -> Call:
    for _ in range(RECORDED):
        call()
    return call
