"""Rules on bare arrays, beside the rules in Tensor algebra: the same gradients, recorded or not."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import refnet
from refnet import _ops
from refnet._ops import conv, gelu, loss, matmul, max_pool, pointwise, pool, shape, softmax
from refnet._ops.batch_norm import batch_norm
from refnet._ops.layer_norm import layer_norm
from refnet._ops.linear_cross_entropy import linear_cross_entropy
from refnet._tape import Primitive


def drawn(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).normal(size=shape) + 0.1
    return refnet.tensor(values, requires_grad=True)


X, Y, ROW, BIAS = drawn(3, 4), drawn(3, 4, seed=1), drawn(4, seed=2), drawn(3, seed=3)
IMAGES, FILTERS = drawn(2, 2, 6, 4), drawn(3, 2, 3, 3, seed=1)
BATCH, SCALE, SHIFT = drawn(5, 4, 3), drawn(4, seed=1), drawn(4, seed=2)


def moments() -> Any:
    return np.empty((2, 4))


def convolved(*operands: Any, **geometry: Any) -> Any:
    return conv.conv(*operands, **{"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1} | geometry)


def chunked(*operands: Any) -> Any:
    parameters = {"target": np.array([2, 0, 1]), "factor": np.array([1.0, 0.0, 0.5])}
    return linear_cross_entropy(*operands, **parameters, rows_at_once=2, summed=True)


def entropy(x: Any, classes: Any, **options: Any) -> Any:
    return refnet.nn.functional.cross_entropy(x, refnet.tensor(classes), **options)


CALLS: list[tuple[Primitive, Callable[[], Any], tuple[Any, ...]]] = [
    (pointwise.add, lambda: pointwise.add(X, ROW, alpha=2.5), (X, ROW)),
    (pointwise.sub, lambda: pointwise.sub(X, Y, alpha=-3), (X, Y)),
    (pointwise.mul, lambda: X * ROW, (X, ROW)),
    (pointwise.mul, lambda: X * 3, (X,)),
    (pointwise.mul, lambda: X * refnet.tensor([1, 2, 3, 4]), (X,)),
    (pointwise.mul, lambda: drawn() * drawn(), (X,)),
    (pointwise.true_divide, lambda: X / Y, (X, Y)),
    (pointwise.neg, lambda: -X, (X,)),
    (pointwise.tanh, lambda: X.tanh(), (X,)),
    (pointwise.sigmoid, lambda: X.sigmoid(), (X,)),
    (pointwise.relu, lambda: X.relu(), (X,)),
    (gelu.gelu, lambda: gelu.gelu(X), (X,)),
    (gelu.gelu, lambda: refnet.nn.functional.gelu(X), (X,)),
    (matmul.affine, lambda: matmul.affine(X, Y, drawn(3, seed=3)), (X, Y)),
    (matmul.affine, lambda: matmul.affine(X, Y.detach(), BIAS), (X, BIAS)),
    (batch_norm, lambda: batch_norm(BATCH, SCALE, SHIFT, eps=1e-5, moments=moments()), (BATCH, SCALE, SHIFT)),
    (batch_norm, lambda: batch_norm(BATCH, eps=1e-2, moments=moments()), (BATCH,)),
    (batch_norm, lambda: batch_norm(BATCH.detach(), SCALE.detach(), SHIFT, eps=1e-2, moments=moments()), (SHIFT,)),
    (layer_norm, lambda: layer_norm(X, ROW, SHIFT, eps=0.1, moments=np.empty((2, 3))), (X, ROW, SHIFT)),
    (layer_norm, lambda: layer_norm(X, eps=0.1, moments=np.empty((2, 3))), (X,)),
    (conv.conv, lambda: convolved(IMAGES, FILTERS, BIAS, padding=(1, 1)), (IMAGES, FILTERS, BIAS)),
    (conv.conv, lambda: convolved(IMAGES, FILTERS.detach(), stride=(2, 1)), (IMAGES,)),
    (conv.conv, lambda: convolved(IMAGES, drawn(3, 2, 6, 4), BIAS), (IMAGES, BIAS)),
    (conv.conv, lambda: convolved(IMAGES, drawn(4, 1, 3, 2), groups=2, dilation=(2, 1)), (IMAGES,)),
    (pool.window_mean, lambda: refnet.nn.functional.avg_pool2d(IMAGES, 2), (IMAGES,)),
    (max_pool.window_maxima, lambda: refnet.nn.functional.max_pool2d(IMAGES, 3, 2, 1, ceil_mode=True), (IMAGES,)),
    (max_pool.window_maxima, lambda: refnet.nn.functional.max_pool1d(X, 2, 1, dilation=2), (X,)),
    (pool.window_mean, lambda: refnet.nn.functional.avg_pool2d(IMAGES, 3, 2, 1, count_include_pad=False), (IMAGES,)),
    (linear_cross_entropy, lambda: chunked(X, Y), (X, Y)),
    (linear_cross_entropy, lambda: chunked(X, Y, BIAS), (X, Y, BIAS)),
    (shape.view, lambda: X.view(2, 6), (X,)),
    (softmax._softmax, lambda: refnet.softmax(BATCH, 1), (BATCH,)),
    (softmax._softmax, lambda: refnet.softmax(X, 1), (X,)),
    (softmax._log_softmax, lambda: refnet.log_softmax(BATCH, 1), (BATCH,)),
    (softmax._log_softmax, lambda: refnet.log_softmax(X, 1), (X,)),
    (softmax.masked_softmax, lambda: softmax.masked_softmax(X, dim=1), (X,)),
    (loss.cross_entropy, lambda: entropy(X, [2, 0, 3]), (X,)),
    (loss.cross_entropy, lambda: entropy(X, [2, -1, 3], ignore_index=-1, weight=SCALE.detach()), (X,)),
    (loss.cross_entropy, lambda: entropy(BATCH.mT, [[2, 0, 1, 1]] * 5, reduction="none"), (BATCH,)),
]


def test_every_direct_rule_is_tried() -> None:
    modules = [importlib.import_module(f"refnet._ops.{found.name}") for found in pkgutil.iter_modules(_ops.__path__)]
    primitives = {op for module in modules for op in vars(module).values() if isinstance(op, Primitive)}
    assert {op for op in primitives if op.kernels or op.joint} == {op for op, _, _ in CALLS}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize(
    ("op", "call", "inputs"), CALLS, ids=[f"{k} {op.__name__}" for k, (op, _, _) in enumerate(CALLS)]
)
def test_direct_rules_are_the_rules(op: Primitive, call: Callable[[], Any], inputs: tuple[Any, ...], kind: str) -> None:
    out = call().to(getattr(refnet, kind))
    g = drawn(*out.shape, seed=7).detach().to(out.dtype)
    unused = {"allow_unused": True, "retain_graph": True}
    recorded = refnet.autograd.grad(out, inputs, g, create_graph=True, **unused)
    direct = refnet.autograd.grad(out, inputs, g, **unused)
    for theirs, ours in zip(recorded, direct, strict=True):
        assert (theirs is None) == (ours is None)
        if ours is not None:
            assert ours.dtype is theirs.dtype and ours.shape == theirs.shape and not ours.requires_grad
            np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_half_types_go_by_the_recorded_rules() -> None:
    x = refnet.tensor([0.3, 2.0], dtype=refnet.bfloat16, requires_grad=True)
    x.tanh().sum().backward()
    (recorded,) = refnet.autograd.grad(x.tanh().sum(), x, create_graph=True)
    assert (x.grad == recorded).all()


def test_infinite_gradients_stay_out_of_what_relu_masks() -> None:
    x = refnet.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    x.relu().backward(refnet.tensor([float("inf")] * 3))
    assert x.grad.tolist() == [0.0, 0.0, float("inf")]
