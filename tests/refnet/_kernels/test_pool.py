"""Pools by kernels against the array forms: winners, ties and nan too."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import pool as kernels
from refnet._ops import pool as op
from refnet._ops.index import put

pytestmark = needs_compiler

#: shape, kernel, stride, padding, dilation, ceil_mode
MAXIMA: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]] = [
    ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 9, 7), (3, 2), (2, 1), (1, 1), (1, 1), False),
    ((1, 2, 9, 11), (3, 3), (2, 3), (1, 0), (2, 3), True),
    ((3, 2, 10), (4,), (3,), (2,), (1,), True),
    ((1, 2, 5, 6, 4), (2, 3, 2), (1, 2, 2), (1, 1, 0), (1, 1, 1), False),
    ((2, 7), (3,), (1,), (0,), (2,), False),
]


def places(shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> tuple[int, ...]:
    numbers = zip(shape[-len(kernel) :], kernel, stride, padding, dilation, strict=True)
    return tuple(op.pooled_size(*each, ceil_mode) for each in numbers)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("special", [False, True], ids=["numbers", "ties and nan"])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "dilation", "ceil_mode"), MAXIMA)
def test_maximum(
    shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, special: bool, kind: str
) -> None:
    x = drawn(*shape, dtype=kind)
    if special:
        x = np.random.default_rng(2).choice(np.array([0, -0.0, 1, -np.inf, np.inf, np.nan, -1], kind), shape)
        x[0] = np.where(np.isnan(x[0]), -np.inf, x[0])
        x.reshape(-1)[: x.shape[-1]] = -np.inf
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    geometry["places"] = places(shape, *geometry.values(), ceil_mode)
    index = op.winners(np, x, *geometry.values())
    full = index + op.plane_starts(np, shape, len(kernel))

    def forward(xp: HostModule) -> list[Any]:
        found = xp.empty(index.shape, "int64")
        return [kernels.max_pool(xp, xp.array(x), index=found, **geometry), found]

    out, found = everywhere(forward)
    np.testing.assert_array_equal(found, index)
    np.testing.assert_array_equal(out, x.reshape(-1)[full])
    assert (np.signbit(out) == np.signbit(x.reshape(-1)[full]))[~np.isnan(out)].all()
    g = drawn(*index.shape, dtype=kind, seed=3)
    ours = everywhere(
        lambda xp: kernels.max_pool_gradient(xp, xp.array(g), (True,), shape, xp.array(index), *geometry.values())
    )
    assert_close(ours[0], put.forward(np, g, index=full, shape=shape), 4)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "ceil_mode"),
    [row[:4] + row[5:] for row in MAXIMA if set(row[4]) == {1}] + [((2, 1, 28, 28), (28, 28), (28, 28), (0, 0), False)],
)
def test_mean(
    shape: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_padding: bool, kind: str
) -> None:
    x = drawn(*shape, dtype=kind)
    geometry = {"kernel": kernel, "stride": stride, "padding": padding}
    geometry["places"] = places(shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    divisor = op.divisor(np, shape[-len(kernel) :], kernel, stride, padding, geometry["places"], count_padding)
    expected = op.window_mean.forward(np, x.astype("float64"), **geometry, divisor=divisor)

    def there(xp: HostModule) -> Any:
        return xp.array(divisor) if isinstance(divisor, np.ndarray) else divisor

    out = everywhere(lambda xp: kernels.window_mean(xp, xp.array(x), **geometry, divisor=there(xp)))
    assert_close(out, expected.astype(kind), 8)
    g = drawn(*expected.shape, dtype=kind, seed=4)
    ours = everywhere(
        lambda xp: kernels.window_mean_gradient(xp, xp.array(g), (True,), shape, *geometry.values(), there(xp))
    )
    assert_close(ours[0], op.window_share.forward(np, g, shape=shape, **geometry, divisor=divisor), 4)


def test_other_layouts_are_copied_and_other_types_left_to_the_array_form() -> None:
    xp = HostModule()
    x = xp.array(drawn(1, 2, 4, 4))
    geometry = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "places": (2, 2)}
    turned = kernels.window_mean(xp, xp.array(x.swapaxes(2, 3)), **geometry, divisor=4)
    np.testing.assert_array_equal(kernels.window_mean(xp, x.swapaxes(2, 3), **geometry, divisor=4), turned)
    assert kernels.window_mean(xp, x.astype("int64"), **geometry, divisor=4) is NotImplemented
    assert kernels.window_mean(xp, x.astype("float16"), **geometry, divisor=4) is NotImplemented
