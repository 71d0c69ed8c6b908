"""float16 and bfloat16 are rounded when all is added up, not before: what cancels leaves what is exact."""

from collections.abc import Callable
from typing import Any

import pytest

import refnet
from refnet.nn import functional

# 2049 and 2079 are numbers of neither type; what is left of them after the last addition is one of both. torch has the
# same, but for the transposed convolution in float16, where it rounds first.
LEFT: dict[str, tuple[Callable[[Any], Any], float]] = {
    "linear": (lambda t: functional.linear(t([[1.0, 1.0]]), t([[2048.0, 1.0]]), t([-2048.0])), 1.0),
    "linear of three dimensions": (
        lambda t: functional.linear(t([[[1.0, 1.0]]]), t([[2048.0, 1.0]]), t([-2048.0])),
        1.0,
    ),
    "conv1d": (lambda t: functional.conv1d(t([[[1.0], [1.0]]]), t([[[2048.0], [1.0]]]), t([-2048.0])), 1.0),
    "conv_transpose1d": (
        lambda t: functional.conv_transpose1d(t([[[1.0], [1.0]]]), t([[[2048.0]], [[1.0]]]), t([-2048.0])),
        1.0,
    ),
    "embedding_bag": (
        lambda t: functional.embedding_bag(
            refnet.tensor([0, 1]),
            t([[33.0], [2048.0]]),
            refnet.tensor([0]),
            mode="sum",
            per_sample_weights=t([63.0, -1.0]),
        ),
        31.0,
    ),
    "glu": (lambda t: functional.glu(t([16384.0, -18.0])), 2.0**14 / (1 + 65659969.137)),  # a gate below float16
}


@pytest.mark.parametrize("kind", [refnet.float16, refnet.bfloat16], ids=str)
@pytest.mark.parametrize("name", LEFT)
def test_rounded_once(name: str, kind: Any) -> None:
    call, left = LEFT[name]
    out = call(lambda data: refnet.tensor(data, dtype=kind))
    assert out.dtype is kind
    assert out.item() == pytest.approx(left, rel=2.0**-8)
