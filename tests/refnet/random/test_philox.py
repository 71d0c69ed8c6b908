"""torch's CUDA streams: Philox's published vectors, values that torch printed on GPUs, and kernels written out as loops."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import refnet
from refnet.random import philox_draws as draws
from refnet.random.philox import Launch, Philox, philox, words
from refnet.random.philox_permutation import _shuffle_islands
from refnet.random.philox_values import UNIT32, UNIT64, WORD32, WORD64
from refnet.random.philox_words import in_fours, in_vectors, pieces, strided

F32, F64, F16 = (np.dtype(name) for name in ("float32", "float64", "float16"))
I64 = np.dtype("int64")
SMALL = Launch(2, 512)  # 1,024 threads at most, so that short fills wrap around
A100, A4000, A6000 = Launch(108, 2048), Launch(48, 1536), Launch(84, 1536)
H100, K80, P100 = Launch(132, 2048), Launch(13, 2048), Launch(56, 2048)


def engine(seed: int, launch: Launch = A100) -> Philox:
    return Philox(seed, launch=launch, xp=np)


# --- words ----------------------------------------------------------------------------------------------------------

# The known-answer vectors of Random123 (D. E. Shaw Research), kat_vectors, philox4x32 10: zeros, ones, digits of pi.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("counter, key, expected", KNOWN_ANSWERS)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    a, b, c, d = (np.array([word], np.uint64) for word in counter)
    assert tuple(int(word[0]) for word in philox((a, b, c, d), key)) == expected


def test_counter_takes_offset_and_thread_beyond_32_bits() -> None:
    seed, offset = (3 << 40) + 5, (1 << 36) - 4  # the second call carries into the upper word
    drawn = words(np, seed, offset, 2, 3)
    for call in range(2):
        for thread in range(3):
            counter = offset // 4 + call
            one = [np.array([w], np.uint64) for w in (counter % 2**32, counter >> 32, thread, 0)]
            expected = philox((one[0], one[1], one[2], one[3]), (seed % 2**32, seed >> 32))
            assert [int(w) for w in drawn[call, thread]] == [int(w[0]) for w in expected]


# --- values that torch printed on GPUs ------------------------------------------------------------------------------


def filled(name: str, seed: int, launch: Launch, n: int, *numbers: float) -> Any:
    return getattr(draws, name)(engine(seed, launch), n, F32, *numbers)


def ends(seed: int, launch: Launch, n: int) -> Any:
    """The first three and the last three of n normal values: the first call of each thread, and, by its offset, the last."""
    a_call = 4 * launch.threads(n)
    whole = (n - 1) // a_call
    stream = engine(seed, launch)
    stream.take(4 * whole)
    last = draws.normal(stream, n - whole * a_call, F32)
    assert launch.threads(last.size) == launch.threads(n)
    return np.concatenate([filled("normal", seed, launch, a_call // 4)[:3], last[-3:]])


# Printed with four digits. Where no GPU is named, the fill is smaller than any GPU's number of threads.
PUBLISHED: list[tuple[str, Callable[[], Any], list[float]]] = [
    (
        "manual_seed(0); rand(5, 7, device='cuda'): open-mmlab/mmdetection3d, tests of SSD3DHead",
        lambda: filled("uniform", 0, A100, 35),
        [
            *(0.3990, 0.5167, 0.0249, 0.9401, 0.9459, 0.7967, 0.4150, 0.8203, 0.2290, 0.9096, 0.1183, 0.0752),
            *(0.4092, 0.9601, 0.2093, 0.1940, 0.8909, 0.4387, 0.3570, 0.5454, 0.8299, 0.2099, 0.7684, 0.4290),
            *(0.2117, 0.6606, 0.1654, 0.4250, 0.9927, 0.6964, 0.2472, 0.7028, 0.7494, 0.9303, 0.0494),
        ],
    ),
    (
        "manual_seed(42); rand(3, 4, device='cuda'): a published course's notebook, in several public copies",
        lambda: filled("uniform", 42, A100, 12),
        [0.6130, 0.0101, 0.3984, 0.0403, 0.1563, 0.4825, 0.7362, 0.4060, 0.5189, 0.2867, 0.2416, 0.9228],
    ),
    (
        "manual_seed(0); randn(8, 8, device='cuda'), torch 2.2: a public tutorial on Triton kernels for LoRA",
        lambda: filled("normal", 0, A100, 64)[:32],
        [
            *(-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631, -1.6711),
            *(2.2655, 0.3117, -0.1842, 1.2866, 1.1820, -0.1271, 1.2169, 1.4353, 1.0605, -0.4941, -1.4244, -0.7244),
            *(-1.2973, 0.0697, -0.0074, 1.8969, 0.6878, -0.0779, -0.8373, 1.3506, -0.2879),
        ],
    ),
    (
        "manual_seed(10); randn(3, device='cuda'), torch 1.11: pytorch/pytorch issue 79496",
        lambda: filled("normal", 10, A100, 3),
        [-0.1029, 1.6810, -0.2708],
    ),
    (
        "Generator('cuda:0').manual_seed(43); empty(1, 3, 128, 128).normal_()[..., 0, 0], RTX A6000: issue 62467",
        lambda: filled("normal", 43, A6000, 3 * 128 * 128)[:: 128 * 128],
        [1.9983, 0.8704, 2.1127],
    ),
    (
        "manual_seed(14); FloatTensor(1000, 100).normal_(5, 5**.5), torch 2.0, RTX A4000, the ends: issue 97097",
        lambda: filled("normal", 14, A4000, 100_000, 5, 5**0.5).reshape(1000, 100)[
            [0, 0, 0, -1, -1, -1], [0, 1, 2, -3, -2, -1]
        ],
        [2.8731, 5.2727, 2.9889, 8.2207, 6.5395, 4.2604],
    ),
    (
        "Generator('cuda').manual_seed(1); randn(1, 49 * 12 * 112 * 144), torch 2.5, H100, the ends: issue 143086",
        lambda: ends(1, H100, 49 * 12 * 112 * 144),
        [-0.2963, 2.6764, -0.1408, -0.6970, -0.7780, 0.3267],
    ),
    (
        "the same on an A100",
        lambda: ends(1, A100, 49 * 12 * 112 * 144),
        [-0.2963, 2.6764, -0.1408, 0.1549, -0.6797, -0.1656],
    ),
]


@pytest.mark.parametrize("draw, expected", [row[1:] for row in PUBLISHED], ids=[row[0] for row in PUBLISHED])
def test_published_values(draw: Callable[[], Any], expected: list[float]) -> None:
    assert np.abs(draw().astype(np.float64) - expected).max() <= 0.5001e-4


def test_second_draw_goes_on_behind_the_first() -> None:
    """manual_seed(0); rand(10, device='cuda') twice: values in public code that was written around them.

    The second one is also the bias of Linear(1, 1) made on a GPU after manual_seed(42), as 2 u - 1 (torch 2.1:
    mrdbourke/pytorch-deep-learning, issue 759).
    """
    stream = engine(0)
    draws.uniform(stream, 10, F32)
    expected = [0.9722, 0.7910, 0.4690, 0.3300, 0.3345, 0.3783, 0.7640, 0.6405, 0.1103, 0.3594]
    assert np.abs(draws.uniform(stream, 10, F32) - expected).max() <= 0.5001e-4
    stream = engine(42)
    layer = [float(draws.uniform(stream, 1, F32, -1, 1)[0]) for _ in ("weight", "bias")]
    assert layer == pytest.approx([0.2259, 0.9754], abs=0.5001e-4)


@pytest.mark.parametrize("launch, total", [(P100, 999_826), (K80, 999_100)])
def test_published_sums_of_dropout(launch: Launch, total: int) -> None:
    """manual_seed(0); Dropout(0.5)(ones(1000, 1000)).sum() on a P100 and on a K80: pytorch/pytorch issue 25690.

    That was torch 1.2, whose fused kernel took one element at a time.
    """
    kept = in_vectors(engine(0, launch), 10**6, 1, UNIT32) < np.float32(0.5)
    assert 2 * int(kept.sum()) == total


# --- the state ------------------------------------------------------------------------------------------------------


def test_state_is_seed_and_offset() -> None:
    stream = engine(2**64 - 2)
    stream.take(9)
    assert stream.state() == (2**64 - 2).to_bytes(8, "little") + (12).to_bytes(8, "little")
    other = engine(0)
    other.restore(stream.state())
    assert (other.seed, other.offset) == (2**64 - 2, 12)
    other.restore((5).to_bytes(8, "little"))  # torch takes a seed alone
    assert (other.seed, other.offset) == (5, 0)
    for wrong, message in (
        (b"", "wrong size"),
        (bytes(17), "wrong size"),
        (bytes(8) + b"\6" + bytes(7), "multiple of 4"),
    ):
        with pytest.raises(RuntimeError, match=message):
            other.restore(wrong)


def test_generators_need_no_gpu_until_they_draw() -> None:
    generator = refnet.Generator(device="cuda:1").manual_seed(5)
    assert str(generator.device) == "cuda:1" and generator.get_offset() == 0 and generator.initial_seed() == 5
    assert generator.get_state().shape == (16,) and generator.get_state().device.type == "cpu"
    with refnet.random.fork_rng():
        refnet.manual_seed(5)


# --- kernels as loops -----------------------------------------------------------------------------------------------


def thread_words(seed: int, offset: int, thread: int) -> Iterator[list[int]]:
    """The calls of one thread."""
    call = 0
    while True:
        counter = offset // 4 + call
        one = [np.array([w], np.uint64) for w in (counter % 2**32, counter >> 32, thread, 0)]
        yield [int(w[0]) for w in philox((one[0], one[1], one[2], one[3]), (seed % 2**32, seed >> 32))]
        call += 1


def looped(seed: int, offset: int, n: int, threads: int, each: int) -> dict[int, list[int]]:
    """A fill by a loop that strides over the grid: the words of each element of some threads."""
    found = {}
    for thread in (0, 1, threads // 2, threads - 1):
        calls = thread_words(seed, offset, thread)
        for start in range(thread, math.ceil(n / (threads * each)) * threads * each, threads * each):
            drawn = next(calls)
            for k in range(each):
                if start + k * threads < n:
                    found[start + k * threads] = drawn[k * 4 // each : (k + 1) * 4 // each]
    return found


@pytest.mark.parametrize("n", [1, 255, 257, 1024, 1025, 4096, 4097, 12_345])
@pytest.mark.parametrize("each", [4, 2])
def test_fills_stride_over_the_grid(n: int, each: int) -> None:
    stream, threads = engine(7, SMALL), min(1024, 256 * math.ceil(n / 256))
    stream.take(8)
    got = strided(stream, n, 4, WORD32 if each == 4 else WORD64)
    for i, taken in looped(7, 8, n, threads, each).items():
        assert int(got[i]) == (taken[0] if each == 4 else taken[0] << 32 | taken[1])
    assert stream.offset == 8 + 4 * ((n - 1) // (threads * each) + 1)


@pytest.mark.parametrize(
    "n, vector", [(8, 8), (4096, 8), (40_000, 8), (12, 4), (4100, 4), (30_000, 4), (2, 2), (9002, 2)]
)
def test_dropout_takes_neighbours(n: int, vector: int) -> None:
    stream, threads = engine(7, SMALL), min(1024, 256 * math.ceil(n / 256))
    got = in_vectors(stream, n, vector, WORD32)
    for thread in (0, 1, threads - 1):
        calls = thread_words(7, 0, thread)
        for start in range(thread * vector, n, threads * vector):
            drawn = [word for _ in range(math.ceil(vector / 4)) for word in next(calls)][:vector]
            assert [int(word) for word in got[start : start + vector]] == drawn
    assert stream.offset == 4 * ((n - 1) // (threads * 4) + 1)


def test_fours() -> None:
    stream = engine(3, SMALL)
    got = in_fours(stream, 10)
    expected = [w for thread in range(3) for w in next(thread_words(3, 0, thread))][:10]
    assert np.array_equal(got, UNIT32.of_words(np, np.array(expected, np.uint32)))
    assert stream.offset == 12  # torch asks for 10


def test_fills_beyond_2_gib_are_halved() -> None:
    """The fill itself takes its words, which nobody uses, and then each piece that 32-bit integers address."""
    threads = A100.threads(1 << 30)
    whole, half, quarter = (4 * ((n - 1) // (threads * 4) + 1) for n in (1 << 30, 1 << 29, 1 << 28))
    assert pieces(engine(0), 1 << 29, 4, 4) == [(0, 1 << 29)]
    assert pieces(engine(0), 1 << 30, 4, 4) == [(whole, 1 << 29), (whole + half, 1 << 29)]
    odd = pieces(engine(0), (1 << 29) + 1, 4, 4)
    assert [size for _, size in odd] == [1 << 28, (1 << 28) + 1] and odd[1][0] - odd[0][0] == quarter
    found = pieces(engine(0), 1 << 30, 8, 4)
    assert found == [(whole + i * quarter, 1 << 28) for i in range(4)]


# --- values ---------------------------------------------------------------------------------------------------------


def test_uniform_values_at_the_ends() -> None:
    top = np.full((1, 4), 0xFFFFFFFF, np.uint32)
    low = np.zeros((1, 4), np.uint32)
    assert UNIT32.of_words(np, top)[0, 0] == 1 and UNIT32.of_words(np, low)[0, 0] == np.float32(2.0**-33)
    assert UNIT64.of_words(np, low)[0, 0] == 2.0**-54
    assert 0 < UNIT64.of_words(np, top)[0, 0] <= 1


@pytest.mark.parametrize("dtype", [F16, F32, F64])
def test_uniform_reaches_low_and_not_high(dtype: Any) -> None:
    values = draws.uniform(engine(1), 200_000, dtype, -1, 1)
    assert values.min() >= -1 and values.max() < 1
    assert abs(float(values.astype(np.float64).mean())) < 0.01
    if dtype == F16:  # 1 comes up often in half precision, and turns into -1
        assert (values == -1).sum() > 10


MOMENTS: list[tuple[str, tuple[Any, ...], float, float]] = [
    ("normal", (1.0, 2.0), 1, 4),
    ("exponential", (0.5,), 2, 4),
    ("log_normal", (0.0, 0.5), math.exp(0.125), (math.exp(0.25) - 1) * math.exp(0.25)),
    ("geometric", (0.25,), 4, 12),
]


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("name, numbers, mean, variance", MOMENTS)
def test_moments(name: str, numbers: tuple[Any, ...], mean: float, variance: float, dtype: Any) -> None:
    values = getattr(draws, name)(engine(5), 200_000, dtype, *numbers).astype(np.float64)
    assert values.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / 200_000))
    assert values.var() == pytest.approx(variance, rel=0.05)


def test_cauchy_quartiles_and_integers() -> None:
    quartiles = np.quantile(draws.cauchy(engine(5), 200_000, F32, 1.0, 2.0), [0.25, 0.5, 0.75])
    assert quartiles == pytest.approx([-1, 1, 3], abs=0.05)
    narrow = draws.integers(engine(5), 50_000, I64, -3, 10)
    assert set(narrow.tolist()) == set(range(-3, 7))
    wide = draws.integers(engine(5), 50_000, I64, -5, 1 << 40)
    assert wide.min() >= -5 and wide.max() < (1 << 40) - 5 and wide.max() > 1 << 39
    words64 = strided(engine(5), 100, 8, WORD64)
    assert np.array_equal(draws.integers(engine(5), 100, I64, 0, 1 << 64), words64.view(np.int64))
    assert draws.bits(engine(5), 1000, np.dtype(bool)).mean() == pytest.approx(0.5, abs=0.1)
    assert draws.bits(engine(5), 1000, F16).max() <= 2048


@pytest.mark.parametrize("rate", [0.0, 0.5, 9.0, 63.0, 64.0, 300.0, 4000.0, 5000.0])
def test_poisson(rate: float) -> None:
    stream = engine(3)
    values = draws.poisson(stream, np.full(50_000, rate))
    assert values.mean() == pytest.approx(rate, abs=5 * math.sqrt(rate / 50_000))
    assert values.var() == pytest.approx(rate, rel=0.05)
    assert stream.offset == 20


@pytest.mark.parametrize(
    "n, p", [(5, 0.3), (100, 0.05), (100, 0.6), (1000, 0.99), (10_000, 0.5), (10, 0), (10, 1), (0, 0.4)]
)
def test_binomial(n: int, p: float) -> None:
    stream = engine(3)
    values = draws.binomial(stream, np.full(50_000, n, np.float32), np.full(50_000, p, np.float32))
    variance = n * p * (1 - p)
    assert values.mean() == pytest.approx(n * p, abs=5 * math.sqrt(variance / 50_000) + 1e-9)
    assert values.var() == pytest.approx(variance, rel=0.05)
    assert values.min() >= 0 and values.max() <= n and stream.offset == 44


def test_multinomial() -> None:
    weights = np.array([[0, 1, 2, 0, 5, 0], [1, 0, 0, 0, 0, 1]], np.float32)
    stream = engine(3)
    drawn = draws.multinomial(stream, weights, 50_000, True)
    for row, shares in zip(drawn, weights / weights.sum(axis=1, keepdims=True), strict=True):
        assert np.bincount(row, minlength=6) / 50_000 == pytest.approx(shares, abs=0.01)
    assert stream.offset == 4
    assert sorted(draws.multinomial(engine(3), weights, 2, False)[1].tolist()) == [0, 5]


def test_multinomial_words() -> None:
    """Sample s of row d takes the first word of thread d X + s, X a multiple of 128."""
    drawn = draws.multinomial(engine(9), np.ones((3, 4), np.float32), 130, True)
    u = UNIT32.of_words(np, words(np, 9, 0, 1, 3 * 256))[0, :, 0].reshape(3, 256)[:, :130]
    assert np.array_equal(drawn, np.ceil(u * 4).astype(np.int64) - 1)


# --- permutations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1000, 50_000])
def test_permutation_is_one(n: int) -> None:
    stream = engine(11, SMALL)
    assert np.array_equal(np.sort(draws.permutation(stream, n)), np.arange(n))


def test_permutations_of_three_are_equally_likely() -> None:
    """With three keys of five bits, one permutation in eleven has an island, whose shuffle makes up for the sort."""
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(3000):
        found = tuple(draws.permutation(engine(seed, SMALL), 3).tolist())
        counts[found] = counts.get(found, 0) + 1
    assert len(counts) == 6 and min(counts.values()) > 420 and max(counts.values()) < 580


def test_islands_are_shuffled_by_their_first_thread() -> None:
    keys = np.array([1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5], np.uint64)
    values = np.arange(100, 115)
    stream = engine(5, SMALL)
    stream.take(4)
    got = _shuffle_islands(stream, keys, values)
    expected = values.tolist()
    for first, size in ((0, 2), (3, 8), (12, 3)):
        calls = thread_words(5, 4, first)
        taken = [word for _ in range(2) for word in next(calls)]
        for step, i in enumerate(range(size - 1, 0, -1)):
            other = taken[step] % (i + 1)
            expected[first + i], expected[first + other] = expected[first + other], expected[first + i]
    assert got.tolist() == expected and stream.offset == 4 + 16
