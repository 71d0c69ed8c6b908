"""The table of single operations: forward, and forward with backward, at sizes that networks use.

Floating-point operations are counted as usual: a multiply-add is two, and backward of a bilinear map costs twice its
forward. Pointwise operations and reductions are bound by memory or by call overhead; for them only bytes are counted.
"""

import math
from collections.abc import Iterator
from typing import Any

from conformance.case import Arguments, Operation, args
from conformance.draw import Draw, integers, normal, positive
from conformance.timing.row import BOTH, FORWARD, OPERATIONS, STEP, Row

F = "nn.functional."


def pair(
    name: str,
    operation: str,
    arguments: Arguments,
    smallest: Arguments | None = None,
    *,
    flops: float = math.nan,
    group: str = OPERATIONS,
    **more: Any,
) -> list[Row]:
    """The rows of an operation: forward, and forward with backward (three times the operations)."""
    called = Operation(operation)
    return [
        Row(name, what, group, called, arguments, times * flops, smallest, **more)
        for what, times in ((FORWARD, 1), (BOTH, 3))
    ]


def convolution(
    n: int,
    c: int,
    size: int,
    o: int,
    k: int,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    name: str = "",
    **more: Any,
) -> list[Row]:
    """conv2d of (n, c, size, size) with o kernels of k x k, and a bias."""
    out = (size + 2 * padding - k) // stride + 1
    settings = {"stride": stride, "padding": padding, "groups": groups}
    settings = {key: value for key, value in settings.items() if value != (0 if key == "padding" else 1)}
    words = "".join(f" {key} {value}" for key, value in settings.items())
    return pair(
        name or f"conv2d {n}x{c}x{size}x{size} {o} of {k}x{k}{words}",
        F + "conv2d",
        args(normal(n, c, size, size), normal(o, c // groups, k, k), normal(o), **settings),
        args(normal(1, 1, 1, 1), normal(1, 1, 1, 1), normal(1)),
        flops=2.0 * n * o * out * out * (c // groups) * k * k,
        **more,
    )


def product(m: int, k: int, n: int) -> list[Row]:
    """(m, k) @ (k, n)."""
    return pair(
        f"matmul {m}x{k}x{n}",
        "matmul",
        args(normal(m, k), normal(k, n)),
        args(normal(1, 1), normal(1, 1)),
        flops=2.0 * m * k * n,
    )


def linear(n: int, inputs: int, outputs: int) -> list[Row]:
    """x W^T + b."""
    return pair(
        f"linear {n}x{inputs}-{outputs}",
        F + "linear",
        args(normal(n, inputs), normal(outputs, inputs), normal(outputs)),
        args(normal(1, 1), normal(1, 1), normal(1)),
        flops=2.0 * n * inputs * outputs,
    )


def pointwise(name: str, *shape: int) -> list[Row]:
    """An elementwise function."""
    return pair(f"{name} {_by(shape)}", F + name, args(normal(*shape)), args(normal(1)))


def pooling(kind: str, kernel: int, stride: int, *shape: int) -> list[Row]:
    """max_pool2d or avg_pool2d."""
    return pair(
        f"{kind} {_by(shape)} {kernel}x{kernel} stride {stride}",
        F + kind,
        args(normal(*shape), kernel, stride),
        args(normal(1, 1, 1, 1), 1, 1),
    )


def normalization(n: int, c: int, size: int) -> list[Row]:
    """batch_norm in training: statistics of the batch, running averages updated."""

    def arguments(n: int, c: int, size: int) -> Arguments:
        buffers = normal(c).fixed(), positive(c).fixed()
        return args(normal(n, c, size, size), *buffers, normal(c), normal(c), training=True)

    return pair(
        f"batch_norm {n}x{c}x{size}x{size} training", F + "batch_norm", arguments(n, c, size), arguments(2, 1, 1)
    )


def loss(n: int, classes: int) -> list[Row]:
    """cross_entropy over classes, and the log_softmax in it."""

    def target(n: int, classes: int) -> Draw:
        return integers(n, high=classes)

    return [
        *pair(
            f"cross_entropy {n}x{classes}",
            F + "cross_entropy",
            args(normal(n, classes), target(n, classes)),
            args(normal(1, 2), target(1, 2)),
        ),
        *pair(f"log_softmax {n}x{classes}", F + "log_softmax", args(normal(n, classes), -1), args(normal(1, 2), -1)),
    ]


Shapes = tuple[tuple[int, ...], ...]


def adam(name: str, shapes: Shapes) -> Row:
    """One step of Adam over parameters of these shapes, whose gradients stay."""
    return Row(
        f"Adam {name}",
        STEP,
        OPERATIONS,
        Operation("three steps of Adam", _stepped),
        _parameters_and_gradients(shapes),
        smallest=_parameters_and_gradients(((1,),)),
        setup=lambda torch, tensors: _adam(torch, tensors)[1].step,
    )


def _parameters_and_gradients(shapes: Shapes) -> Arguments:
    return args(*(normal(*shape).fixed() for shape in (*shapes, *shapes)))


def _adam(torch: Any, tensors: Any) -> tuple[list[Any], Any]:
    """Parameters, and their optimizer; the second half of the tensors are the gradients."""
    half = len(tensors) // 2
    parameters = [torch.nn.Parameter(tensor.clone()) for tensor in tensors[:half]]
    for parameter, gradient in zip(parameters, tensors[half:], strict=True):
        parameter.grad = gradient
    return parameters, torch.optim.Adam(parameters)


def _stepped(torch: Any, *tensors: Any) -> list[Any]:
    """The parameters after three steps."""
    parameters, optimizer = _adam(torch, tensors)
    for _ in range(3):
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


LENET_SHAPES = (
    *((6, 1, 5, 5), (6,), (6,), (6,), (16, 6, 5, 5), (16,), (16,), (16,)),
    *((120, 16, 5, 5), (120,), (120,), (120,), (84, 120), (84,), (10, 84), (10,)),
)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def table() -> Iterator[Row]:
    """All rows."""
    yield from product(512, 1024, 1024)
    yield from product(64, 576, 3136)
    yield from product(6, 400, 6400)
    yield from convolution(8, 64, 56, 64, 1)
    yield from convolution(8, 64, 56, 64, 3, padding=1)
    yield from convolution(8, 128, 28, 128, 3, stride=2, padding=1)
    yield from convolution(64, 1, 32, 6, 5)
    yield from convolution(64, 6, 14, 16, 5)
    yield from convolution(8, 64, 56, 64, 3, padding=1, groups=64)
    yield from pooling("max_pool2d", 2, 2, 64, 6, 28, 28)
    yield from pooling("max_pool2d", 3, 2, 8, 64, 56, 56)
    yield from pooling("avg_pool2d", 2, 2, 64, 6, 28, 28)
    yield from normalization(64, 6, 28)
    yield from normalization(8, 64, 56)
    yield from pair(
        "layer_norm 512x768",
        F + "layer_norm",
        args(normal(512, 768), (768,), normal(768), normal(768)),
        args(normal(1, 2), (2,), normal(2), normal(2)),
    )
    yield from linear(64, 120, 84)
    yield from linear(512, 1024, 1024)
    for name in ("relu", "tanh", "sigmoid", "gelu"):
        yield from pointwise(name, 64, 84)
        yield from pointwise(name, 8, 64, 56, 56)  # 1.6 million
    yield from loss(64, 10)
    yield from loss(256, 1000)
    yield adam("LeNet-5", LENET_SHAPES)
    yield adam("2.1 M parameters", ((1024, 1024), (1024,), (1024, 1024), (1024,)))
