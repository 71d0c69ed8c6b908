"""Elementwise kernels against the array forms, and their slopes against the gradient rules."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._device import cpu
from refnet._kernels.elementwise import elementwise
from refnet._ops import activation, exponential, loss
from refnet._ops.gelu import gelu, gelu_tanh
from refnet._tape import Primitive, mode, wrap

pytestmark = needs_compiler
EDGES = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    2.0,
    3.0,
    -3.0,
    1e-30,
    -1e-30,
    20.0,
    -20.0,
    89.0,
    -104.0,
    np.inf,
    -np.inf,
    np.nan,
]

#: (operation, parameters, ulp of the result's magnitude element by element)
ONE: list[tuple[Primitive, dict[str, float], float]] = [
    (exponential.tanh, {}, 2),
    (exponential.sigmoid, {}, 2),
    (activation.relu, {}, 0),
    (activation.leaky_relu, {"slope": 0.01}, 0),
    (activation.hardtanh, {"low": -1.0, "high": 2.0}, 0),
    (activation.threshold, {"limit": 0.5, "value": -7.0}, 0),
    (activation.elu, {"alpha": 1.5, "scale": 1.05, "input_scale": 0.7}, 4),
    (activation.logistic, {}, 4),
    (activation.softplus, {"beta": 1.5, "limit": 20.0}, 4),
    (activation.log_sigmoid, {}, 4),
    (activation.silu, {}, 4),
    (activation.hardsigmoid, {}, 1),
    (activation.hardswish, {}, 1),
    (activation.hardshrink, {"limit": 0.5}, 0),
    (activation.softshrink, {"limit": 0.5}, 0),
    (gelu, {}, 64),  # e^(-x^2 / 2) far out: half an ulp of x is many of the result
    (gelu_tanh, {}, 64),
    (activation.mish, {}, 8),
]
TWO: list[tuple[Primitive, dict[str, float], float]] = [
    (activation.gated, {}, 4),
    (loss.smooth_l1, {"beta": 0.7}, 2),
    (loss.huber, {"delta": 0.7}, 2),
]


def by_element(ours: Any, theirs: Any, ulps: float) -> None:
    """Each element to so many ulp of its own, or of the smallest normal number."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    flipped = (ours == 0) & (theirs == 0) & (np.signbit(ours) != np.signbit(theirs))
    info = np.finfo(theirs.dtype)
    with np.errstate(all="ignore"):
        off = np.abs(ours.astype("longdouble") - theirs) / (info.eps * np.maximum(np.abs(theirs), info.tiny))
    wrong = flipped | (~same & ~(off <= ulps))
    assert not wrong.any(), (
        f"at {np.argwhere(wrong)[:4].tolist()}: {ours[wrong][:4]} for {theirs[wrong][:4]}, {off[wrong][:4]} ulp"
    )


def operands(kind: str, count: int) -> list[Any]:
    values = np.concatenate([np.linspace(-8, 8, 801), EDGES]).astype(kind)
    return [values, np.roll(values, 7)][:count]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("op", "parameters", "ulps"), ONE + TWO, ids=[op.__name__ for op, _, _ in ONE + TWO])
def test_forward(op: Primitive, parameters: dict[str, float], ulps: float, kind: str) -> None:
    values = operands(kind, len(op.inputs))
    simple = op.variants.get("exact", op.forward)
    expected = mode.quiet.run(simple, np, *values, **parameters)
    by_element(everywhere(lambda xp: op.gpu(xp, *map(xp.array, values), **parameters)), expected, ulps)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("op", "parameters", "ulps"), ONE + TWO, ids=[op.__name__ for op, _, _ in ONE + TWO])
def test_backward(op: Primitive, parameters: dict[str, float], ulps: float, kind: str) -> None:
    """Against the rule in Tensor algebra, for gradients that are finite and where it is finite, which is what it is for."""
    values = operands(kind, len(op.inputs))
    g = np.random.default_rng(1).normal(size=values[0].shape).astype(kind)
    tensors = [wrap(x, cpu) for x in values]
    out = mode.quiet.run(op.forward, np, *values, **parameters)
    saved = {**dict(zip(op.inputs, tensors, strict=True)), "out": wrap(out, cpu), **parameters}
    wanted = (True,) * len(op.inputs)
    kernel, needs = op.gpu_joint

    def run(xp: Any) -> Any:
        arrays = [xp.array(saved[n]._array) if hasattr(saved[n], "_array") else saved[n] for n in needs]
        return kernel(xp, xp.array(g), wanted, *arrays)

    for position, found in enumerate(everywhere(run)):
        rule, names, _ = op.rules[position]
        with np.errstate(all="ignore"):
            expected = rule(wrap(g, cpu), *[saved[n] for n in names])._array
        finite = np.isfinite(expected)
        assert_close(np.asarray(found)[finite], expected[finite], max(ulps, 4))
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_what_is_not_handled_is_left_to_the_array_form() -> None:
    xp = HostModule()
    x = xp.array(drawn(4, 6))
    for refused in (x[:, ::2], x.T, x.astype("float16"), x.astype("int64")):
        assert elementwise(xp, "tanh_forward", refused) is NotImplemented
    assert elementwise(xp, "gated_forward", x, x[:1]) is NotImplemented
    assert elementwise(xp, "gated_forward", x, x.astype("float32")) is NotImplemented
    assert elementwise(xp, "gated_forward", x, 1.0) is NotImplemented


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (257,), (3, 5, 7)])
def test_shapes(shape: tuple[int, ...]) -> None:
    x = np.asarray(drawn(*shape))
    assert_close(everywhere(lambda xp: elementwise(xp, "tanh_forward", xp.array(x))), np.tanh(x), 2)
