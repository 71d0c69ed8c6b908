"""Convolutions by kernels against the array forms: directly, and by columns and a GEMM."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import conv as kernels
from refnet._ops import conv as op

pytestmark = needs_compiler

#: x, w, stride, padding, dilation, groups
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], int]] = [
    ((3, 1, 9, 8), (6, 1, 5, 5), (1, 1), (2, 2), (1, 1), 1),
    ((2, 3, 7, 6), (4, 3, 3, 2), (2, 3), (1, 0), (1, 1), 1),
    ((2, 4, 9, 9), (6, 2, 3, 3), (2, 2), (1, 2), (2, 3), 2),
    ((2, 6, 8), (12, 1, 3), (1,), (1,), (1,), 6),
    ((2, 6, 11), (6, 1, 4), (3,), (2,), (2,), 6),
    ((2, 2, 5, 4, 6), (3, 2, 2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
    ((3, 4, 5, 5), (7, 4, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    ((2, 2, 6, 6), (3, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((1, 1, 4), (1, 1, 2), (4,), (3,), (5,), 1),
    ((2, 2, 10), (2, 2, 3), (4,), (0,), (2,), 1),
]


@pytest.fixture(params=["directly", "columns", "little workspace"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the kernels go about it."""
    monkeypatch.setattr(kernels, "_DIRECT", 1 << 24 if request.param == "directly" else 0)
    monkeypatch.setattr(kernels, "_NARROW", 1 << 24 if request.param == "directly" else 0)
    if request.param == "little workspace":
        monkeypatch.setattr(kernels, "WORKSPACE", 1)
    return str(request.param)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("x_shape", "w_shape", "stride", "padding", "dilation", "groups"), CONVOLUTIONS)
def test_convolution(
    way: str, x_shape: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int, kind: str
) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w, b = drawn(*x_shape, dtype=kind), drawn(*w_shape, dtype=kind, seed=1), drawn(w_shape[0], dtype=kind, seed=2)
    expected = op.conv.variants["naive"](np, x, w, b, **options)
    g = drawn(*expected.shape, dtype=kind, seed=3)
    assert_close(
        everywhere(lambda xp: kernels.conv(xp, xp.array(x), xp.array(w), xp.array(b), **options)), expected, 16
    )
    without = everywhere(lambda xp: kernels.conv(xp, xp.array(x), xp.array(w), **options))
    assert_close(without, op.conv.variants["naive"](np, x, w, **options), 16)
    found = everywhere(
        lambda xp: kernels.conv_gradients(
            xp, xp.array(g), (True, True, True), xp.array(x), x_shape, xp.array(w), w_shape, *options.values()
        )
    )
    wide = [a.astype("float64") for a in (g, x, w)]
    reference = [
        op.conv_input.forward(np, wide[0], wide[2], shape=x_shape, **options),
        op.conv_weight.forward(np, wide[0], wide[1], shape=w_shape, **options),
        wide[0].sum((0, *range(2, g.ndim))),
    ]
    for ours, theirs in zip(found, reference, strict=True):
        assert_close(ours, theirs.astype(kind), 16, scale=max(1.0, float(np.abs(theirs).max())))


def test_the_bias_of_many_places_is_summed_in_parts() -> None:
    g = drawn(3, 2, 70, 50, dtype="float32")
    assert_close(
        everywhere(lambda xp: kernels.channel_sums(xp, xp.array(g))),
        g.astype("float64").sum((0, 2, 3)).astype("float32"),
        1,
    )
    rows = drawn(7, 5)
    assert_close(everywhere(lambda xp: kernels.channel_sums(xp, xp.array(rows))), rows.sum(0), 2)


def test_what_is_not_handled_is_left_to_the_array_form() -> None:
    xp = HostModule()
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    x, w = xp.array(drawn(2, 3, 5, 5)), xp.array(drawn(4, 3, 3, 3))
    turned = np.ascontiguousarray(x.transpose(0, 1, 3, 2))
    np.testing.assert_array_equal(
        kernels.conv(xp, x.transpose(0, 1, 3, 2), w, **options), kernels.conv(xp, xp.array(turned), w, **options)
    )
    assert kernels.conv(xp, x, w.astype("float32"), **options) is NotImplemented
    assert kernels.conv(xp, x.astype("float16"), w.astype("float16"), **options) is NotImplemented
    assert kernels.conv(xp, x[:0], w, **options) is NotImplemented
    assert kernels.channel_sums(xp, x[:0]) is NotImplemented


def test_one_missing_gradient_is_not_computed() -> None:
    xp = HostModule()
    x, w, g = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3), drawn(2, 4, 3, 3)
    arrays = (xp.array(x), x.shape, xp.array(w), w.shape)
    found = kernels.conv_gradients(xp, xp.array(g), (False, True, False), *arrays, (1, 1), (0, 0), (1, 1), 1)
    assert [share is None for share in found] == [True, False, True]
