"""The verdict on arrays, without running anything."""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy
import pytest

from conformance.decide import decide
from conformance.layout import arrange, memory_format
from conformance.messages import missing
from conformance.moves import move_by_steps, move_inside_rounding
from conformance.scale import Scale, branches, find_jumps, isolated, naive_sum_error, normwise, slope_of
from conformance.verdict import Closeness, Residue, unlike_rounding

T = numpy.random.default_rng(0).standard_normal(33)
R = T.astype("float32")
TINY = float(numpy.finfo("float32").tiny)


def test_grades() -> None:
    exact = R.astype("float64")
    assert decide(R, R, exact).grade == "exact"
    assert decide(R, R, T).grade == "correctly-rounded"
    assert decide(numpy.nextafter(R, numpy.float32(9)), R, T).grade == "as-good-as-torch"


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
    verdict = decide(candidate, R, T)
    assert not verdict.ok and verdict.category == category


def test_the_worst_element_is_the_evidence() -> None:
    wrong = R.copy()
    wrong[[3, 20]] += numpy.float32([0.01, 0.5])
    verdict = decide(wrong, R, T)
    assert verdict.failing == 2 and verdict.index in ((3,), (20,))
    assert verdict.index is not None
    assert (verdict.candidate, verdict.torch, verdict.oracle) == tuple(float(a[verdict.index]) for a in (wrong, R, T))


class Asked:
    """Probes that write down what they were asked, in order."""

    def __init__(self, scale: Scale, terms: list[Any] | None = None, digits: Any = None) -> None:
        self.given, self.sums, self.better, self.asked = scale, terms or [], digits, ""

    def scale(self) -> Scale:
        self.asked += "s"
        return self.given

    def terms(self, place: int) -> list[Any]:
        self.asked += "t"
        return self.sums

    def touched(self, place: int) -> bool:
        return any(part.any() for part in self.sums)

    def one_by_one(self) -> None:
        self.asked += "o"

    def digits(self, places: Sequence[int]) -> Any:
        self.asked += "d"
        return None if self.better is None else (self.better[list(places)], numpy.zeros(len(places)))


def scales(error: float = 0.0, conditioning: float = 0.0, jumps: Any = (), n: int = 33) -> Scale:
    return Scale(numpy.full(n, error), numpy.full(n, conditioning), jumps=dict(jumps))


def test_each_probe_is_asked_only_when_nothing_cheaper_settles() -> None:
    near, far = R + numpy.float32(1e-3), R + numpy.float32(0.1)
    for candidate, probes, grade, asked in [
        (R, Asked(scales(1e-3)), "correctly-rounded", ""),
        (near, Asked(scales(1e-3)), "as-good-as-torch", "s"),
        (far, Asked(scales(1e-3)), "FAIL", "sdto"),
    ]:
        verdict = decide(candidate, R, T, probes)
        assert verdict.grade == grade
        assert "".join(dict.fromkeys(probes.asked)) == asked
        assert verdict.probed == bool(asked)


def test_within_bound_when_the_conditioning_explains_it() -> None:
    noise = numpy.random.default_rng(1).standard_normal(33) * 1e-4
    verdict = decide((T + noise).astype("float32"), R, T, Asked(scales(conditioning=1e-4)))
    assert (verdict.grade, verdict.category) == ("within-bound", "ill-conditioned")
    assert verdict.ok and verdict.z > 8


def test_within_bound_when_adding_one_by_one_explains_it() -> None:
    terms = numpy.random.default_rng(1).standard_normal(4096) * 100
    q = naive_sum_error(terms, numpy.dtype("float32"))
    assert 1e-5 < q < 1e-1
    noise = numpy.random.default_rng(2).standard_normal(33) * q
    candidate = (T + noise).astype("float32")
    assert decide(candidate, R, T, Asked(scales(1e-9), [terms])).grade == "within-bound"
    assert decide(candidate, R, T, Asked(scales(1e-9))).category in ("bound", "normwise")


@pytest.mark.parametrize(
    ("change", "category"),
    [
        (lambda t, k: t * (1 + 1e-5), "systematic"),
        (lambda t, k: t + numpy.where(k == 7, 5e-4, 0.0), "isolated"),
    ],
)
def test_an_excess_that_is_not_like_rounding_is_refused(change: Any, category: str) -> None:
    candidate = change(T, numpy.arange(33)).astype("float32")
    verdict = decide(candidate, R, T, Asked(scales(conditioning=1e-4)))
    assert (verdict.grade, verdict.category) == ("FAIL", category)


def test_at_a_jump_one_branch_must_be_matched() -> None:
    """E and D hold the jump from -1 to 1; half way between them matches nothing."""
    truth = numpy.concatenate([[1.0], T[1:]])
    reference = truth.astype("float32")
    values = numpy.asarray([-1.0] * 5 + [1.0] * 12)
    probes = Asked(scales(1.0, 1.0, jumps={0: values}))
    for value, grade in ((-1.0, "as-good-as-torch"), (1.0, "correctly-rounded"), (0.0, "FAIL"), (0.5, "FAIL")):
        candidate = reference.copy()
        candidate[0] = value
        verdict = decide(candidate, reference, truth, probes)
        assert verdict.grade == grade, value
        assert verdict.category == {"FAIL": "discontinuity", "as-good-as-torch": "discontinuity"}.get(grade, "")


def test_jumps_are_told_from_noise() -> None:
    rng = numpy.random.default_rng(0)
    for noise in (rng.standard_normal, rng.random, lambda n: rng.standard_t(3, n)):
        assert not find_jumps([1.0 + 1e-6 * noise(2000) for _ in range(19)], 2.0**-24)
    three = numpy.repeat([0.0, 1.0, 2.0], 6) + 1e-9 * rng.random(18)
    assert [len(branch) for branch in branches(numpy.sort(three), 2.0**-24)] == [6, 6, 6]


def test_an_oracle_with_more_digits_has_the_last_word() -> None:
    """float64 cancelled: the candidate is right, the oracle is not; and the other way round it stays wrong."""
    right = T.copy()
    wrong_oracle = T + numpy.where(numpy.arange(33) == 3, 0.01, 0.0)
    assert decide(R, R, wrong_oracle, Asked(scales(1e-9), digits=right)).ok
    assert not decide(R + numpy.float32(0.02), R, wrong_oracle, Asked(scales(1e-9), digits=right)).ok


def test_overflow_is_excused_only_where_the_order_of_a_sum_decides() -> None:
    one, inf = numpy.float32([1.0]), numpy.float32([numpy.inf])
    assert (
        decide(inf, one, numpy.ones(1), Asked(scales(n=1), [numpy.asarray([3e38, -3e38, 1.0])])).category
        == "overflow-prone"
    )
    assert not decide(inf, one, numpy.ones(1), Asked(scales(n=1), [numpy.asarray([3e30, -3e30, 1.0])])).ok
    assert not decide(one, inf, numpy.full(1, 1e39), Asked(scales(n=1), [numpy.asarray([3e38, 3e38])])).ok


def test_normwise_looks_at_numbers_of_like_size() -> None:
    truth = numpy.asarray([1.0, 0.5, 1e-3, 1e-9])
    error = numpy.asarray([0.0, 0.0, 1e-7, 0.0])
    assert normwise(error, truth, error > 0, 2.0**-24, 8.0)  # 1e-3 beside 1
    error = numpy.asarray([0.0, 0.0, 0.0, 1e-7])
    assert not normwise(error, truth, error > 0, 2.0**-24, 8.0)  # 1e-9 is nobody's neighbour


def test_systematic_and_isolated() -> None:
    rng = numpy.random.default_rng(0)
    t, bound = rng.standard_normal(64), numpy.full(64, 1e-5)
    noise = bound * rng.standard_normal(64)
    assert unlike_rounding([Residue(noise, t, bound, 1e-6)]) == ""
    assert unlike_rounding([Residue(noise + 3e-5 * t, t, bound, 1e-6)]) == "systematic"
    assert unlike_rounding([Residue(noise + 3e-5 * t, t, bound, 1e-5)]) == ""  # rounding explains such a factor
    ones = [Residue(noise[k : k + 1] + 3e-5 * t[k : k + 1], t[k : k + 1], bound[:1], 1e-6) for k in range(64)]
    assert unlike_rounding(ones[:8]) == "" and unlike_rounding(ones) == "systematic"
    assert slope_of(3e-5 * t, t)[0] == pytest.approx(3e-5)
    z = numpy.abs(rng.standard_normal(64))
    assert not isolated(z, 8.0) and isolated(numpy.append(z, 40.0), 8.0)


def test_who_is_closer() -> None:
    verdict = decide(R, numpy.nextafter(R, numpy.float32(9)), T)
    assert verdict.closeness.who == "candidate" and verdict.closeness.closer > 0.9
    assert Closeness(rms_z=1.0, torch_rms_z=1.4).who == "tied"


def test_integers_are_exact() -> None:
    a = numpy.arange(5)
    verdict = decide(a + (a == 3), a, a)
    assert verdict.category == "integer" and verdict.index == (3,)
    assert decide(a > 2, a > 2, a > 2).grade == "exact"


@pytest.mark.parametrize(("value", "ok"), [(0.0, True), (1e-40, False), (1e-12, False)])
def test_zero_without_noise_is_exactly_zero(value: float, ok: bool) -> None:
    zero, candidate = numpy.zeros(3, "float32"), numpy.asarray([0, value, 0], "float32")
    verdict = decide(candidate, zero, zero.astype("float64"))
    assert verdict.ok == ok and (ok or verdict.category == "structural-zero")


def test_a_zero_by_cancellation_is_none_by_construction() -> None:
    """Terms 1 and -1 give an exact zero; another order of a longer sum need not."""
    truth = numpy.concatenate([[0.0], T[1:]])
    candidate = truth.astype("float32")
    candidate[0] = 1e-7
    terms = [numpy.asarray([1.0, -1.0, 1.0, -1.0])]
    assert decide(candidate, truth.astype("float32"), truth, Asked(scales(), terms)).ok
    assert decide(candidate, truth.astype("float32"), truth, Asked(scales())).category == "structural-zero"
    candidate[0] = 1e-3
    assert not decide(candidate, truth.astype("float32"), truth, Asked(scales(), terms)).ok


def test_flushed_subnormals_pass_at_float32_and_fail_at_float16() -> None:
    truth = numpy.asarray([TINY / 4, 1.0])
    assert decide(numpy.float32([0, 1]), truth.astype("float32"), truth).ok
    half = numpy.asarray([2.0**-16, 1.0])
    assert not decide(numpy.float16([0, 1]), half.astype("float16"), half).ok


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
    assert decide(*arrays, numpy.asarray([truth])).ok == ok


def test_signed_zeros_count_only_where_semantics_are_exact() -> None:
    minus, plus = numpy.float32([-0.0]), numpy.float32([0.0])
    assert decide(minus, plus, numpy.zeros(1)).ok
    assert not decide(minus, plus, numpy.zeros(1), exact=True).ok


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
def test_each_dtype_has_its_own_unit(dtype: Any) -> None:
    truth = numpy.linspace(1, 2, 17)
    rounded = truth.astype(dtype)
    eps = float(ml_dtypes.finfo(rounded.dtype).eps)
    off = (rounded.astype("float64") * (1 + 32 * eps)).astype(dtype)
    assert decide(rounded, rounded, truth).ok
    assert decide(off, rounded, truth).category == "bound"


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
