"""Softmax and cross entropy by kernels against the array forms."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import softmax as kernels
from refnet._ops import loss, softmax

pytestmark = needs_compiler

#: shape and dimension: rows for a thread, for a block, side by side, one, of one element
ROWS = [
    ((5, 10), 1),
    ((7, 300), 1),
    ((3, 70, 5), 1),
    ((2, 3, 4, 5), 1),
    ((2, 80, 300), 1),
    ((33,), 0),
    ((4, 1), 1),
    ((9, 6), 0),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "dim"), ROWS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows(name: str, shape: tuple[int, ...], dim: int, kind: str) -> None:
    op = getattr(softmax, f"_{name}")
    x, g = 3 * drawn(*shape, dtype=kind), drawn(*shape, dtype=kind, seed=1)
    out = op.forward(np, x, dim=dim)
    assert_close(everywhere(lambda xp: op.gpu(xp, xp.array(x), dim=dim)), out, 8)
    found = everywhere(lambda xp: op.gpu_joint[0](xp, xp.array(g), (True,), xp.array(out), dim))
    assert_close(found[0], op.kernels[0][0](np, g, out, dim), 4, scale=np.abs(g).sum() / shape[dim])


EXTREMES = [
    [0.0, np.inf, 1.0],
    [np.nan, 0.0, 1.0],
    [-np.inf] * 3,
    [-np.inf, 0.0, 1.0],
    [1e30, -1e30, 0.0],
    [1000.0, 0.0, 999.0],
]


@pytest.mark.parametrize("width", [1, 100], ids=["threads", "blocks"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_extremes(name: str, width: int) -> None:
    op = getattr(softmax, f"_{name}")
    x = np.repeat(np.array(EXTREMES, "float32"), width, axis=1)
    with np.errstate(all="ignore"):
        expected = op.forward(np, x, dim=1)
    for ours, theirs in zip(everywhere(lambda xp: op.gpu(xp, xp.array(x), dim=1)), expected, strict=True):
        assert_close(ours, theirs, 4)


def test_empty_rows() -> None:
    for shape in ((0, 3), (3, 0)):
        assert everywhere(lambda xp, shape=shape: kernels.softmax(xp, xp.empty(shape), dim=1)).shape == shape


def test_other_layouts_are_copied_and_other_types_left_to_the_array_form() -> None:
    x = drawn(4, 6)
    out = everywhere(lambda xp: kernels.softmax(xp, xp.array(x).T[::2], dim=1))
    assert_close(out, softmax._softmax.forward(np, x.T[::2], dim=1), 8)
    xp = HostModule()
    assert kernels.softmax(xp, xp.array(x).astype("float16"), dim=1) is NotImplemented
    assert kernels.softmax_gradient(xp, xp.array(x), (True,), xp.array(x.astype("float32")), 1) is NotImplemented


#: shape, ignored rows, a factor for each, what the sum is divided by (None: no sum)
LOSSES: list[tuple[tuple[int, ...], int, bool, Any]] = [
    ((6, 10), 0, False, 6.0),
    ((6, 10), 2, True, "counted"),
    ((6, 10), 1, True, None),
    ((5, 200), 1, False, "counted"),
    ((5, 200), 1, True, None),
    ((3, 7, 4, 5), 3, True, 1.0),
    ((3, 70, 300), 3, False, None),
    ((2100, 3), 3, True, "counted"),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "ignored", "weighted", "divisor"), LOSSES)
def test_cross_entropy(shape: tuple[int, ...], ignored: int, weighted: bool, divisor: Any, kind: str) -> None:
    rng = np.random.default_rng(3)
    x = 3 * drawn(*shape, dtype=kind)
    rows = shape[:1] + shape[2:]
    index = rng.integers(0, shape[1], rows)
    kept = np.ones(rows, bool)
    kept.reshape(-1)[:ignored] = False
    factor = np.where(kept, rng.uniform(0.5, 2, rows), 0).astype(kind) if weighted else None
    counted = np.array(kept.sum() + 0.25) if divisor == "counted" else None
    parameters = {"index": index, "kept": kept, "factor": factor, "divisor": divisor if counted is None else counted}
    expected = loss.cross_entropy.forward(np, x, **parameters)
    g = np.asarray(drawn(*expected.shape, dtype=kind, seed=4))

    def device(xp: HostModule) -> dict[str, Any]:
        return {k: xp.array(v) if isinstance(v, np.ndarray) else v for k, v in parameters.items()}

    ours = everywhere(lambda xp: kernels.cross_entropy(xp, xp.array(x), **device(xp)))
    assert_close(ours, expected, 8)
    slope = everywhere(lambda xp: kernels.cross_entropy_gradient(xp, xp.array(g), (True,), xp.array(x), **device(xp)))
    assert_close(slope[0], loss.cross_entropy_gradient(np, g, (True,), x, **parameters)[0], 8)


def test_a_class_that_there_is_not_gives_nan() -> None:
    """A kernel cannot raise, and must not read beside the row."""
    for classes in (3, 100):
        index = np.array([0, classes, -1])
        kept = np.array([True, True, True])
        x = drawn(3, classes)
        found = everywhere(
            lambda xp, x=x, index=index, kept=kept: kernels.cross_entropy(
                xp, xp.array(x), index=xp.array(index), kept=xp.array(kept), factor=None, divisor=None
            )
        )
        assert np.isnan(found).tolist() == [False, True, True]
