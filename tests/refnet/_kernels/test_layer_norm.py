"""Layer normalization by kernels against the array form."""

from typing import Any

import numpy as np
import pytest
from on_host import HostModule, assert_close, drawn, everywhere, needs_compiler

from refnet._kernels import layer_norm as kernels
from refnet._ops import layer_norm as op

pytestmark = needs_compiler


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 8), (3, 300), (200, 7), (1, 64), (2, 65), (70, 260)])
@pytest.mark.parametrize("scaled", [True, False])
def test_rows(shape: tuple[int, int], kind: str, scaled: bool) -> None:
    x, g = 2 * drawn(*shape, dtype=kind) + 3, drawn(*shape, dtype=kind, seed=1)
    w, b = (drawn(shape[1], dtype=kind, seed=s) if scaled else None for s in (2, 3))
    moments = np.empty((2, shape[0]))
    wide = [None if a is None else a.astype("float64") for a in (x, w, b, g)]
    expected = op.layer_norm.forward(np, *wide[:3], eps=1e-5, moments=moments)

    def device(xp: HostModule, a: Any) -> Any:
        return None if a is None else xp.array(a)

    def forward(xp: HostModule) -> list[Any]:
        found = xp.empty((2, shape[0]))
        return [kernels.layer_norm(xp, device(xp, x), device(xp, w), device(xp, b), eps=1e-5, moments=found), found]

    out, found = everywhere(forward)
    assert_close(out, expected.astype(kind), 32)
    np.testing.assert_allclose(found, moments, rtol=1e-12)
    wanted = (True, True, True)
    reference = op.layer_norm_gradients(np, wide[3], wanted, wide[0], wide[1], 1e-5, moments)
    ours = everywhere(
        lambda xp: kernels.layer_norm_gradients(
            xp, xp.array(g), wanted, xp.array(x), device(xp, w), 1e-5, xp.array(moments)
        )
    )
    for found, truth in zip(ours, reference, strict=True):
        assert_close(found, truth.astype(kind), 64, scale=max(1.0, float(np.abs(truth).max())))


def test_only_what_is_wanted() -> None:
    xp = HostModule()
    x, moments = xp.array(drawn(4, 6)), xp.array(np.abs(drawn(2, 4)))
    found = kernels.layer_norm_gradients(xp, x, (False, True, False), x, None, 1e-5, moments)
    assert [share is None for share in found] == [True, False, True]
    found = kernels.layer_norm_gradients(xp, x, (True, False, False), x, None, 1e-5, moments)
    assert [share is None for share in found] == [False, True, True]
