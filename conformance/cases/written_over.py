"""Results that are written over: allowed where the gradient does not need them, refused where it does.

Torch decides which: `F.relu_(batch_norm(x))` is common, `tanh(x).add_(1)` an error.
"""

import functools
from typing import Any

from conformance.cases import CHECKS, SECOND, args, normal, ops, positive, refuses


def written_over(torch: Any, *operands: Any, function: str, **parameters: Any) -> Any:
    """A result with 1 added in place."""
    call = functools.reduce(getattr, function.split("."), torch)
    return call(*operands, **parameters).add_(1)


def gradient(torch: Any, *operands: Any, function: str, **parameters: Any) -> Any:
    """The gradient through a result that was written over."""
    first = operands[0].detach().clone().requires_grad_()
    out = written_over(torch, first, *operands[1:], function=function, **parameters)
    return torch.autograd.grad(out.sum(), first)


X, P, IMAGE = normal(2, 3, 5), positive(2, 3, 5), normal(2, 3, 6, 6)
F = "nn.functional."
ALLOWED = [
    args(IMAGE, None, None, function=F + "batch_norm", training=True),
    args(IMAGE, None, None, normal(3), normal(3), function=F + "batch_norm", training=True),
    args(IMAGE, normal(3).fixed(), positive(3).fixed(), normal(3), function=F + "batch_norm"),
    args(IMAGE, function=F + "instance_norm"),
    args(X, (5,), function=F + "layer_norm"),
    args(X, (5,), normal(5), normal(5), function=F + "layer_norm"),
    args(X, (5,), function=F + "rms_norm"),
    args(X, 3, function=F + "group_norm"),
    args(X, 2, function=F + "local_response_norm"),
    args(X, function=F + "normalize"),
    args(IMAGE, normal(4, 3, 3, 3), normal(4), function=F + "conv2d"),
    args(IMAGE, normal(3, 2, 3, 3), function=F + "conv_transpose2d"),
    args(X, normal(4, 5), normal(4), function=F + "linear"),
    args(X, normal(2, 3, 5), normal(2, 5, 5), function=F + "bilinear"),
    args(X, normal(2, 5, 3), function="matmul"),
    args(X, 2.5, function="mul"),
    args(X, normal(5), function="mul"),
    args(X, P, function="div"),
    args(P, 2.5, function="pow"),
    args(P, function="log"),
    args(X, function="sin"),
    args(X, function="erf"),
    *[
        args(X, function=F + name)
        for name in ("gelu", "silu", "mish", "softsign", "softplus", "logsigmoid", "hardswish")
    ],
    args(IMAGE, 2, function=F + "max_pool2d"),
    args(IMAGE, 2, function=F + "avg_pool2d"),
    args(X, (1, 1), function=F + "pad"),
    args(X, -1.0, 1.0, function="clamp"),
    args(X, normal(2, 3, 5), function="maximum"),
    args(X, -1, function="var"),
    args(X, -1, function="cumsum"),
    args(X, normal(2, 3, 5), function=F + "mse_loss", reduction="none"),
    args(X, X, X, function=F + "scaled_dot_product_attention"),
]
NEEDED = [
    *[args(P, function=name) for name in ("exp", "sqrt", "rsqrt", "tanh", "sigmoid", "reciprocal")],
    args(X, -1, function="softmax"),
    args(X, -1, function="log_softmax"),
    args(X, function="relu"),
    args(X, normal(2, 3, 5), function=F + "pairwise_distance"),
]

CASES = [
    *ops("written over", ALLOWED, program=written_over, layouts=(), checks=CHECKS - {SECOND}),
    *refuses(
        "gradient of what was written over",
        [row.naming("modified by an inplace operation") for row in NEEDED],
        program=gradient,
    ),
]
