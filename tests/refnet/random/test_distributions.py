"""Array-level draws are torch's, bit for bit, words and all: interleaved over seeds, sizes and types."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import refnet
from refnet.random import _cephes, _fma, _permutation
from refnet.random import distributions as D
from refnet.random.mt19937 import MT19937

SIZES = (0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 100, 1000, 4097)
FLOATING = ("float32", "float64", "float16", "bfloat16")
ALL = (*FLOATING, "int64", "int32", "int16", "int8", "uint8", "bool")

Draw = tuple[tuple[str, ...], Callable[[Any, Any], Any], Callable[[MT19937, int, Any], Any]]
DRAWS: dict[str, Draw] = {
    "uniform": (FLOATING, lambda t, g: t.uniform_(generator=g), D.uniform),
    "uniform(-.3, 1.7)": (
        FLOATING,
        lambda t, g: t.uniform_(-0.3, 1.7, generator=g),
        lambda e, n, d: D.uniform(e, n, d, -0.3, 1.7),
    ),
    "uniform(2, 2.01)": (
        FLOATING,
        lambda t, g: t.uniform_(2, 2.01, generator=g),
        lambda e, n, d: D.uniform(e, n, d, 2, 2.01),
    ),
    "uniform(0, 4)": (FLOATING, lambda t, g: t.uniform_(0, 4, generator=g), lambda e, n, d: D.uniform(e, n, d, 0, 4)),
    "uniform(-1, 1)": (
        FLOATING,
        lambda t, g: t.uniform_(-1, 1, generator=g),
        lambda e, n, d: D.uniform(e, n, d, -1, 1),
    ),
    "uniform(3, 3)": (FLOATING, lambda t, g: t.uniform_(3, 3, generator=g), lambda e, n, d: D.uniform(e, n, d, 3, 3)),
    "normal": (FLOATING, lambda t, g: t.normal_(generator=g), D.normal),
    "normal(.7, 3.3)": (
        FLOATING,
        lambda t, g: t.normal_(0.7, 3.3, generator=g),
        lambda e, n, d: D.normal(e, n, d, 0.7, 3.3),
    ),
    "normal(0, .02)": (
        FLOATING,
        lambda t, g: t.normal_(0, 0.02, generator=g),
        lambda e, n, d: D.normal(e, n, d, 0, 0.02),
    ),
    "normal(1, 0)": (FLOATING, lambda t, g: t.normal_(1, 0, generator=g), lambda e, n, d: D.normal(e, n, d, 1, 0)),
    "exponential": (FLOATING, lambda t, g: t.exponential_(generator=g), D.exponential),
    "exponential(3.7)": (
        FLOATING,
        lambda t, g: t.exponential_(3.7, generator=g),
        lambda e, n, d: D.exponential(e, n, d, 3.7),
    ),
    "cauchy": (FLOATING, lambda t, g: t.cauchy_(generator=g), D.cauchy),
    "cauchy(-.7, 2.3)": (
        FLOATING,
        lambda t, g: t.cauchy_(-0.7, 2.3, generator=g),
        lambda e, n, d: D.cauchy(e, n, d, -0.7, 2.3),
    ),
    "log_normal": (FLOATING, lambda t, g: t.log_normal_(generator=g), D.log_normal),
    "log_normal(300, 200)": (
        FLOATING,
        lambda t, g: t.log_normal_(300, 200, generator=g),
        lambda e, n, d: D.log_normal(e, n, d, 300, 200),
    ),
    "geometric(.3)": (
        ALL[:-1],
        lambda t, g: t.geometric_(0.3, generator=g),
        lambda e, n, d: D.geometric(e, n, d, 0.3),
    ),
    "geometric(1e-4)": (
        ALL[:-1],
        lambda t, g: t.geometric_(1e-4, generator=g),
        lambda e, n, d: D.geometric(e, n, d, 1e-4),
    ),
    "geometric(1e-30)": (
        ALL[:-1],
        lambda t, g: t.geometric_(1e-30, generator=g),
        lambda e, n, d: D.geometric(e, n, d, 1e-30),
    ),
    "bernoulli(.37)": (
        ALL,
        lambda t, g: t.bernoulli_(0.37, generator=g),
        lambda e, n, d: D.bernoulli(e, n, 0.37).astype(d),
    ),
    "bernoulli(1)": (ALL, lambda t, g: t.bernoulli_(1, generator=g), lambda e, n, d: D.bernoulli(e, n, 1).astype(d)),
    "bits": (ALL, lambda t, g: t.random_(generator=g), D.bits),
    "integers(0, 2)": (ALL, lambda t, g: t.random_(0, 2, generator=g), lambda e, n, d: D.integers(e, n, d, 0, 2)),
    "permutation": (("int64",), lambda t, g: torch.randperm(len(t), generator=g), lambda e, n, d: D.permutation(e, n)),
}
for low, high in ((-7, 100), (0, 2**28 - 1), (0, 2**28), (5, 2**28 + 5), (-(2**40), 2**50), (-(2**63), 2**63 - 1)):
    DRAWS[f"integers({low}, {high})"] = (
        ("int64",),
        lambda t, g, low=low, high=high: t.random_(low, high, generator=g),
        lambda e, n, d, low=low, high=high: D.integers(e, n, d, low, high - low),
    )


def numpy_type(name: str) -> Any:
    return refnet._dtype.by_name(name).numpy


def raw(tensor: Any) -> bytes:
    return bytes(tensor.contiguous().flatten().view(torch.uint8).numpy()) if tensor.numel() else b""


@pytest.mark.parametrize(("draw", "kind"), [(draw, kind) for draw, row in DRAWS.items() for kind in row[0]])
@pytest.mark.filterwarnings("ignore:overflow")
def test_draws_are_torchs(draw: str, kind: str) -> None:
    _, theirs, ours = DRAWS[draw]
    for seed in (0, 7919, 2**40 + 3):
        g, engine = torch.Generator().manual_seed(seed), MT19937(seed % 2**64)
        for n in SIZES:
            expected = theirs(torch.empty(n, dtype=getattr(torch, kind)), g)
            got = ours(engine, n, numpy_type(kind))
            assert got.dtype == numpy_type(kind)
            assert got.tobytes() == raw(expected), (seed, n)
            assert engine.state() == bytes(g.get_state().numpy()), (seed, n)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:overflow")
def test_draws_interleave(kind: str) -> None:
    names = [name for name, row in DRAWS.items() if kind in row[0]]
    order = np.random.default_rng(0)
    g, engine = torch.Generator().manual_seed(1), MT19937(1)
    for _ in range(300):
        name, n = names[order.integers(len(names))], int(order.integers(40))
        expected = DRAWS[name][1](torch.empty(n, dtype=getattr(torch, kind)), g)
        assert DRAWS[name][2](engine, n, numpy_type(kind)).tobytes() == raw(expected), name
    assert engine.state() == bytes(g.get_state().numpy())


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_counts_are_torchs(kind: str) -> None:
    choose = np.random.default_rng(0)
    for seed in range(12):
        g, engine = torch.Generator().manual_seed(seed), MT19937(seed)
        rates = np.concatenate([choose.random(40) * 12, choose.random(40) * 100, 10 ** (choose.random(20) * 20), [0]])
        rates = choose.permutation(rates).astype(kind)
        expected = torch.poisson(torch.from_numpy(rates), generator=g).numpy()
        assert (D.poisson(engine, rates).astype(kind) == expected).all(), seed
        trials = np.floor(10 ** (choose.random(120) * 6)).astype(kind)
        p = choose.random(120).astype(kind) ** 3
        p[::7] = 1 - p[::7] * np.asarray(0.1, kind)
        p[::31] = 0
        expected = torch.binomial(torch.from_numpy(trials), torch.from_numpy(p), generator=g).numpy()
        assert (D.binomial(engine, trials, p) == expected).all(), seed
        assert engine.state() == bytes(g.get_state().numpy()), seed


@pytest.mark.parametrize("n", [20, 200_001])
def test_permutation_of_any_length(n: int) -> None:
    for seed in range(40 if n < 100 else 2):
        expected = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        assert (D.permutation(MT19937(seed), n) == expected.numpy()).all()


def test_normal_of_a_million_float32() -> None:
    expected = torch.empty(1 << 20).normal_(generator=torch.Generator().manual_seed(3)).numpy()
    assert D.normal(MT19937(3), 1 << 20, np.dtype("f4")).tobytes() == expected.tobytes()


def test_filling_in_chunks_is_filling_at_once() -> None:
    n = 2 * D.CHUNK + 1237
    for fill in (
        "uniform_(-1, 2)",
        "bernoulli_(.3)",
        "exponential_(2)",
        "random_(7)",
        "normal_(1, 2)",
        "geometric_(.4)",
    ):
        for kind in (*FLOATING, "int64"):
            if kind == "int64" and fill[0] in "uen":
                continue
            filled = []
            for T in (refnet, torch):
                T.manual_seed(4)
                x = T.empty(7, n // 7 + 1, dtype=getattr(T, kind)).t()
                eval(f"x.{fill}", {"x": x})
                filled.append(np.ascontiguousarray(x._array).tobytes() if T is refnet else raw(x))
            assert filled[0] == filled[1], (fill, kind)
            assert bytes(refnet.get_rng_state().numpy()) == bytes(torch.get_rng_state().numpy())


@pytest.mark.parametrize("n", [1, 2, 3, 17, 300, 5000, 70_001])
def test_shuffling_at_once_is_the_loop(n: int) -> None:
    choose = np.random.default_rng(n)
    for _ in range(20 if n <= 300 else 2):
        target = choose.integers(np.arange(n), n)
        assert (_permutation.shuffled_at_once(target) == _permutation.shuffled_by_loop(target)).all()


def contracted(y: Any, x: Any, c: Any) -> Any:
    """R(y x + c) for float32 values, by way of float64."""
    return (np.asarray(y, np.float64) * np.asarray(x, np.float64) + np.asarray(c, np.float64)).astype(np.float32)


def test_logarithm_and_angle_are_their_formulas() -> None:
    """Each step as torch's compiled code takes it, without the shortcuts for exact products."""
    f4 = np.float32
    u = np.arange(1, 1 << 24, 41, dtype=f4) * f4(2.0**-24)
    m, e = np.frexp(u)
    low = m < f4(0.707106781186547524)
    e, x = (e - low).astype(f4), np.where(low, m + m, m) - f4(1)
    z, y = contracted(x, x, 0), np.full_like(x, _cephes._LOG[0])
    for c in _cephes._LOG[1:]:
        y = contracted(y, x, c)
    y = contracted(contracted(y, x, 0), z, contracted(e, _cephes._LN2_LOW, 0))
    y = contracted(z, f4(-0.5), y)
    expected = contracted(e, _cephes._LN2_HIGH, x + y)
    assert _cephes.log(u).tobytes() == expected.tobytes()

    t = u * f4(2 * np.pi)
    j = (t * _cephes._FOUR_BY_PI).astype(np.int32) + 1 & ~1
    x = t
    for part in (_cephes._PI_BY_4_HIGH, _cephes._PI_BY_4_MIDDLE, _cephes._PI_BY_4_LOW):
        x = contracted(j, part, x)
    z = contracted(x, x, 0)
    cos, sin = np.full_like(z, _cephes._COS[0]), np.full_like(z, _cephes._SIN[0])
    for c, s in zip(_cephes._COS[1:], _cephes._SIN[1:], strict=True):
        cos, sin = contracted(cos, z, c), contracted(sin, z, s)
    cos = contracted(contracted(cos, z, 0), z, -0.5 * z.astype(float)) + f4(1)
    sin = contracted(contracted(sin, z, 0), x, x)
    turned = j & 2 != 0
    sines = np.where(turned, cos, sin) * np.where(j & 4, f4(-1), f4(1))
    cosines = np.where(turned, sin, cos) * np.where(j - 2 & 4, f4(1), f4(-1))
    for got, expected in zip(_cephes.sincos(t), (sines, cosines), strict=True):
        assert got.tobytes() == expected.tobytes()


def test_uniforms_that_need_no_care_are_rounded_once() -> None:
    for low, high in ((-0.1, 0.1), (0.3, 0.35), (-7.0, 100.0), (2.0**-24, 1.0), (7.99, 9.0)):
        a, b = np.float32(low), np.float32(high)
        u = D.unit(MT19937(1), 50_000, np.dtype("f4"))
        expected = _fma.fma32(u, b - a, a)
        got = D.uniform(MT19937(1), 50_000, np.dtype("f4"), low, high)
        assert (np.where(expected == b, a, expected) == got).all()


def test_logarithm_and_angle_are_accurate() -> None:
    u = np.arange(1, 1 << 24, 37, dtype=np.float32) * np.float32(2.0**-24)
    assert np.abs(_cephes.log(u) / np.log(u.astype(float)) - 1).max() < 2.0**-22
    t = (u * np.float32(2 * np.pi)).astype(np.float32)
    for got, exact in zip(_cephes.sincos(t), (np.sin(t.astype(float)), np.cos(t.astype(float))), strict=True):
        assert np.abs(got - exact).max() < 2.0**-22


def test_fused_multiply_add_rounds_once() -> None:
    from fractions import Fraction

    rng = np.random.default_rng(0)
    for kind, fma in (("f4", _fma.fma32), ("f8", _fma.fma64)):
        x = rng.random(300).astype(kind)
        for scale, shift in ((2.0, -1.0), (0.1, 0.7), (3e-5, 1.0), (1e3, -1e-3), (2.0**-20, 1.0)):
            a, b = np.array([scale, shift], kind)
            got = fma(x, a, b)
            for value, result in zip(x.tolist(), got.tolist(), strict=True):
                exact = Fraction(value) * Fraction(float(a)) + Fraction(float(b))
                near = [
                    result,
                    *(float(np.nextafter(np.array(result, kind), np.array(s * np.inf, kind))) for s in (-1, 1)),
                ]
                gaps = [abs(Fraction(v) - exact) for v in near]
                assert gaps[0] == min(gaps)


@pytest.mark.parametrize("kind", FLOATING)
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.77])
@pytest.mark.parametrize(("shape", "dims"), [((7,), (0,)), ((4, 5, 6), (0, 1, 2)), ((4, 5, 6), (2, 0, 1))])
def test_dropout_noise_is_torchs(kind: str, p: float, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    expected = torch.dropout(torch.ones(shape, dtype=getattr(torch, kind)).permute(dims), p, True)
    like = np.empty(shape, numpy_type(kind)).transpose(dims)
    got = D.dropout_noise(refnet.Generator().manual_seed(3), like, p)
    assert got.dtype == numpy_type(kind)
    assert tuple(s // got.itemsize for s in got.strides) == expected.stride()
    assert np.ascontiguousarray(got).tobytes() == raw(expected)
