"""The kernels of random values against their array forms, on a GPU so small that its threads go round several times."""

from typing import Any

import numpy as np
import pytest
from on_host import everywhere, needs_compiler

from conformance import standin
from conformance.standin import kernels
from refnet._kernels.philox import Draw, function, multiply_add
from refnet.random import philox_values
from refnet.random.philox import Launch, Philox, words
from refnet.random.philox_fma import fma
from refnet.random.philox_permutation import _shuffle_islands
from refnet.random.philox_words import in_vectors, strided

pytestmark = needs_compiler

SMALL = Launch(2, 512)  # 1,024 threads
SEED = 2**63 + 12345
F32, F64 = np.float32, np.float64

EXACT = {
    "words of 32 bits": philox_values.WORD32,
    "words of 64 bits": philox_values.WORD64,
    "uniform float32": philox_values.UNIT32,
    "uniform float64": philox_values.UNIT64,
    "uniform between bounds": philox_values.uniform_values(F32(-0.3), F32(2.7), F32(2.4)),
    "uniform between float64 bounds": philox_values.uniform_values(F64(-0.3), F64(2.7), F64(2.4)),
    "uniform where all is the upper end": philox_values.uniform_values(F32(1e8), F32(2), F32(1e8)),
}
NORMAL = {
    "normal float32": philox_values.normal_values(F32(0), F32(1)),
    "normal float64": philox_values.normal_values(F64(0), F64(1)),
}
SIZES = [1, 255, 1024, 1025, 4096, 4097, 10_001]


def engines(offset: int = 1 << 34) -> tuple[Philox, Philox]:
    """The same stream in numpy and by kernels, at an offset whose counters go beyond 32 bits."""
    both = [Philox(SEED, launch=SMALL, xp=xp) for xp in (np, standin.cupy())]
    for engine in both:
        engine.offset = offset - 16
    return both[0], both[1]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", EXACT)
def test_values_and_places(name: str, n: int) -> None:
    arrays, by_kernel = engines()
    expected, got = (strided(engine, n, 4, EXACT[name]) for engine in (arrays, by_kernel))
    assert got.dtype == expected.dtype and np.array_equal(got.get(), expected)
    assert arrays.offset == by_kernel.offset


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", NORMAL)
def test_normals(name: str, n: int) -> None:
    """The same up to the last places of the logarithm, sine and cosine of either library."""
    expected, got = (strided(engine, n, 4, NORMAL[name]) for engine in engines())
    assert np.abs(got.get() - expected).max() <= 16 * np.finfo(expected.dtype).eps


@pytest.mark.parametrize("n, vector", [(8, 8), (16_400, 8), (4, 4), (12_300, 4), (2, 2), (5002, 2), (999, 1)])
@pytest.mark.parametrize("kind", [F32, F64])
def test_dropout(n: int, vector: int, kind: Any) -> None:
    value = philox_values.dropout_values(kind(0.7), kind(1) / kind(0.7))
    expected, got = (in_vectors(engine, n, vector, value) for engine in engines())
    assert got.dtype == expected.dtype == kind and np.array_equal(got.get(), expected)


@pytest.mark.parametrize(
    "n, threads, vector", [(1, 256, 1), (2049, 1024, 1), (5000, 1024, 2), (8, 256, 8), (9000, 512, 8)]
)
@pytest.mark.parametrize("kind", ["f", "d"])
def test_in_any_order_and_in_bounds(kind: str, n: int, threads: int, vector: int) -> None:
    for name in ("uniform", "normal", "words") if vector == 1 else ():
        everywhere(lambda xp, name=name: getattr(Draw(xp, SEED, 4, n, threads), name)(kind))
    assert everywhere(lambda xp: Draw(xp, SEED, 4, n, threads, vector).dropout(kind, 0.5, 2.0)).shape == (n,)


def test_words_by_thread() -> None:
    assert np.array_equal(words(standin.cupy(), SEED, 8, 3, 700).get(), words(np, SEED, 8, 3, 700))


@pytest.mark.parametrize("order", [range, kernels.reversed_order])
def test_islands(order: Any) -> None:
    rng = np.random.default_rng(0)
    keys = np.sort(rng.integers(0, 900, 2000).astype(np.uint64))
    arrays, by_kernel = engines()
    cupy = standin.cupy()
    expected = _shuffle_islands(arrays, keys, np.arange(2000))
    with kernels.order(blocks=order, threads=order):
        got = _shuffle_islands(by_kernel, cupy.asarray(keys), cupy.arange(2000))
    longest = int(np.unique(keys, return_counts=True)[1].max())
    assert 5 < longest <= 8, "islands as long as the array form knows"
    assert np.array_equal(got.get(), expected) and arrays.offset == by_kernel.offset


@pytest.mark.parametrize("kind", [F32, F64])
def test_multiply_add_has_one_rounding(kind: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=5000).astype(kind)
    for scale, shift in ((1.7, -0.3), (-1e-8, 1.0), (3.0, 1e-20), (1.0, 0.0)):
        scale, shift = float(kind(scale)), float(kind(shift))
        got = multiply_add(standin.cupy(), standin.cupy().asarray(x), scale, shift).get()
        assert np.array_equal(got, fma(np, x, scale, shift))


@pytest.mark.parametrize("name, right", [("logarithm", np.log), ("exponential", np.exp), ("tangent", np.tan)])
@pytest.mark.parametrize("kind", [F32, F64])
def test_functions(name: str, right: Any, kind: Any) -> None:
    x = np.linspace(0.01, 1.5, 3000).astype(kind).reshape(30, 100)
    got = function(standin.cupy(), name, standin.cupy().asarray(x)).get()
    assert np.allclose(got, right(x), rtol=4 * np.finfo(kind).eps, atol=4 * np.finfo(kind).eps)
