"""The gradient of an embedding by a kernel against the array form."""

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import embedding as kernels
from refnet._ops import embedding as op

pytestmark = needs_compiler


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "shape", "width"), [(5, (7,), 3), (4, (3, 20), 300), (9, (1,), 1), (3, (0,), 4)])
@pytest.mark.parametrize("shared", [True, False])
def test_rows(rows: int, shape: tuple[int, ...], width: int, shared: bool, kind: str) -> None:
    rng = np.random.default_rng(5)
    index, g = rng.integers(0, rows, shape), drawn(*shape, width, dtype=kind)
    share = rng.choice([0.0, 0.25, 1.0], shape) if shared else None
    if shared and g.size:
        g[share == 0] = np.nan  # where nothing is shared, nothing is added
    expected = op.add_rows.forward(np, g, index=index, share=share, rows=rows)
    found = everywhere(
        lambda xp: kernels.add_rows(
            xp, xp.array(g), index=xp.array(index), share=None if share is None else xp.array(share), rows=rows
        )
    )
    assert_close(found, expected, 8, scale=max(1.0, float(np.nanmax(np.abs(expected), initial=0))))


def test_a_row_that_there_is_not_gets_nothing() -> None:
    found = everywhere(
        lambda xp: kernels.add_rows(
            xp, xp.array(np.ones((4, 2))), index=xp.array(np.array([0, 7, -1, 0])), share=None, rows=3
        )
    )
    assert found.tolist() == [[2, 2], [0, 0], [0, 0]]


def test_other_types_are_left_to_the_array_form() -> None:
    xp = HostModule()
    g = xp.array(drawn(3, 2))
    assert kernels.add_rows(xp, g, index=xp.array(np.zeros(3, "int32")), share=None, rows=2) is NotImplemented
    assert kernels.add_rows(xp, g.astype("float16"), index=xp.array(np.zeros(3, "int64")), share=None, rows=2) is (
        NotImplemented
    )
