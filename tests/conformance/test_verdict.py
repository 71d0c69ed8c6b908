"""The verdict on arrays, without running anything."""

from typing import Any

import ml_dtypes
import numpy
import pytest

from conformance import judge
from conformance.layout import arrange, memory_format
from conformance.messages import missing
from conformance.oracle import move_by_steps, move_inside_rounding
from conformance.verdict import Scale

T = numpy.random.default_rng(0).standard_normal(33)
R = T.astype("float32")
TINY = float(numpy.finfo("float32").tiny)


def test_grades() -> None:
    exact = R.astype("float64")
    assert judge(R, R, exact).grade == "exact"
    assert judge(R, R, T).grade == "correctly-rounded"
    assert judge(numpy.nextafter(R, numpy.float32(9)), R, T).grade == "as-good-as-torch"


@pytest.mark.parametrize(
    ("candidate", "category"),
    [
        (R[:-1], "shape"),
        (R.astype("float64"), "dtype"),
        (R * numpy.float32(1.001), "bound"),
        (numpy.where(T > 1, numpy.float32("nan"), R), "non-finite"),
        (numpy.where(numpy.arange(33) == 5, numpy.finfo("float32").max, R).astype("float32"), "bound"),
    ],
)
def test_failures(candidate: Any, category: str) -> None:
    verdict = judge(candidate, R, T)
    assert not verdict.ok and verdict.category == category


def test_the_worst_element_is_the_evidence() -> None:
    wrong = R.copy()
    wrong[[3, 20]] += numpy.float32([0.01, 0.5])
    verdict = judge(wrong, R, T)
    assert verdict.failing == 2 and verdict.index in ((3,), (20,))
    assert verdict.index is not None
    assert (verdict.candidate, verdict.torch, verdict.oracle) == tuple(float(a[verdict.index]) for a in (wrong, R, T))


def test_probes_are_asked_for_only_when_an_element_does_not_settle() -> None:
    asked = []

    def scale() -> Scale:
        asked.append(True)
        return Scale(numpy.full(33, 1e-3), numpy.zeros(33))

    assert judge(R, R, T, scale).ok and not asked
    off = R + numpy.float32(1e-3)
    verdict = judge(off, R, T, scale)
    assert verdict.ok and verdict.probed and asked == [True]
    assert not judge(R + numpy.float32(0.1), R, T, scale).ok


def test_integers_are_exact() -> None:
    a = numpy.arange(5)
    verdict = judge(a + (a == 3), a, a)
    assert verdict.category == "integer" and verdict.index == (3,)
    assert judge(a > 2, a > 2, a > 2).grade == "exact"


@pytest.mark.parametrize(("value", "ok"), [(0.0, True), (1e-40, False), (1e-12, False)])
def test_zero_without_noise_is_exactly_zero(value: float, ok: bool) -> None:
    zero, candidate = numpy.zeros(3, "float32"), numpy.asarray([0, value, 0], "float32")
    verdict = judge(candidate, zero, zero.astype("float64"))
    assert verdict.ok == ok and (ok or verdict.category == "structural-zero")


def test_flushed_subnormals_pass_at_float32_and_fail_at_float16() -> None:
    truth = numpy.asarray([TINY / 4, 1.0])
    assert judge(numpy.float32([0, 1]), truth.astype("float32"), truth).ok
    half = numpy.asarray([2.0**-16, 1.0])
    assert not judge(numpy.float16([0, 1]), half.astype("float16"), half).ok


@pytest.mark.parametrize(
    ("candidate", "reference", "truth", "ok"),
    [
        (numpy.inf, numpy.inf, 1e39, True),
        (3.4028235e38, numpy.inf, 1e39, False),  # the largest number is not infinity
        (-numpy.inf, numpy.inf, 1e39, False),
        (numpy.nan, numpy.nan, numpy.nan, True),
        (0.0, numpy.nan, numpy.nan, False),
        (numpy.inf, 1.0, 1.0, False),
    ],
)
def test_classes_of_what_is_not_finite(candidate: float, reference: float, truth: float, ok: bool) -> None:
    arrays = [numpy.asarray([value], "float32") for value in (candidate, reference)]
    assert judge(*arrays, numpy.asarray([truth])).ok == ok


def test_signed_zeros_count_only_where_semantics_are_exact() -> None:
    minus, plus = numpy.float32([-0.0]), numpy.float32([0.0])
    assert judge(minus, plus, numpy.zeros(1)).ok
    assert not judge(minus, plus, numpy.zeros(1), exact=True).ok


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
def test_each_dtype_has_its_own_unit(dtype: Any) -> None:
    truth = numpy.linspace(1, 2, 17)
    rounded = truth.astype(dtype)
    eps = float(ml_dtypes.finfo(rounded.dtype).eps)
    off = (rounded.astype("float64") * (1 + 32 * eps)).astype(dtype)
    assert judge(rounded, rounded, truth).ok
    assert judge(off, rounded, truth).category == "bound"


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
def test_moves_keep_ties_signs_and_zeros(dtype: Any) -> None:
    x = numpy.asarray([1.5, -1.5, 0.0, -0.0, 1.5, 3.25, numpy.inf, numpy.nan]).astype(dtype)
    for seed in range(1, 5):
        steps = move_by_steps(x, seed)
        assert steps.dtype == x.dtype
        assert steps[0] == -steps[1] == steps[4]
        assert steps[2] == 0 and numpy.signbit(steps[3]) and numpy.isinf(steps[6]) and numpy.isnan(steps[7])
        inside = move_inside_rounding(x, seed)
        assert inside.dtype == numpy.float64 and inside[0] == -inside[1]
        if x.dtype != numpy.float64:
            assert (inside[:6].astype(dtype) == x[:6]).all()


def test_a_scalar_moves_too() -> None:
    assert move_by_steps(numpy.asarray(1.5, "float32"), 3).shape == ()
    assert move_inside_rounding(numpy.asarray(1.5, "float32"), 3).shape == ()


@pytest.mark.parametrize("layout", ["", "transposed", "gapped", "channels-last"])
@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4, 5), (2, 3, 2, 3, 2), (0, 3)])
@pytest.mark.parametrize("dtype", ["float32", ml_dtypes.bfloat16, "int64", "bool"])
def test_layouts_keep_the_numbers(layout: str, shape: tuple[int, ...], dtype: Any) -> None:
    x = numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    arranged = arrange(x, layout)
    assert (arranged.array == x).all() and arranged.array.dtype == x.dtype
    assert x.size == 0 or not numpy.shares_memory(arranged.array, x)


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((2, 3), (3, 1), "contiguous"),
        ((2, 3), (1, 2), "other strides"),
        ((2, 3, 4, 5), (60, 1, 15, 3), "channels-last"),
        ((2, 1, 4, 5), (20, 1, 5, 1), "contiguous and channels-last"),
        ((0, 3), (9, 9), "contiguous"),
    ],
)
def test_memory_formats(shape: tuple[int, ...], strides: tuple[int, ...], expected: str) -> None:
    assert memory_format(shape, strides) == expected


@pytest.mark.parametrize(
    ("torch", "mine", "lacks"),
    [
        ("size of tensor a (4) must match b (5)", "add: size 4 and size 5 do not match", []),
        ("size of tensor a (4) must match b (5)", "add: size 4 does not match", ["5"]),
        ("expected Float but found Long", "matmul: got float32 and int64, both found wanting", []),
        ("expected Float but found Long", "matmul: found float32 only", ["int64"]),
        ("dimension out of range (got 1.0)", "dimension 1 out of range", []),
    ],
)
def test_messages_name_the_same_cause(torch: str, mine: str, lacks: list[str]) -> None:
    assert missing(torch, mine) == lacks


def test_keywords_replace_what_torch_says() -> None:
    assert missing("whatever 17", "groups must divide channels", ("groups", "Channels")) == []
    assert missing("whatever", "bad", ("groups",)) == ["groups"]
