"""The verdict for anybody's arrays."""

from typing import Any

import numpy
import pytest
import torch

from conformance import assert_conforms, judge

F = torch.nn.functional
RNG = numpy.random.default_rng(0)
X = RNG.standard_normal((4, 6)).astype("float32")
W = RNG.standard_normal((5, 6)).astype("float32")
B = RNG.standard_normal(5).astype("float32")
G = RNG.standard_normal((4, 5)).astype("float32")


@pytest.mark.parametrize("reference", ["nn.functional.linear", "torch.nn.functional.linear", F.linear])
def test_a_reference_is_a_name_or_a_function(reference: Any) -> None:
    assert_conforms(X @ W.T + B, reference, (X, W, B))
    with pytest.raises(AssertionError, match="linear: FAIL: bound"):
        assert_conforms(X @ W.T + B * numpy.float32(1.01), reference, (X, W, B))


def test_a_function_of_torch_is_known_by_name() -> None:
    """Its cause is looked for as in `conform run`; a function of that name that is not torch's has no formula."""
    centred = X - X.mean(-1, keepdims=True)
    wrong = centred / (numpy.sqrt((centred**2).mean(-1, keepdims=True)) + numpy.float32(0.1))
    assert "eps outside the root" in judge(wrong, F.layer_norm, (X, (6,)), {"eps": 0.1}).cause

    def layer_norm(x: Any, size: Any) -> Any:
        return F.layer_norm(x, size)

    verdict = judge(wrong, layer_norm, (X, (6,)))
    assert not verdict.ok and "not found" not in verdict.cause


def test_inputs_may_be_tensors_and_parameters_go_by_name() -> None:
    assert_conforms(torch.tensor(X).softmax(1), "softmax", torch.tensor(X), {"dim": 1})
    assert_conforms((X @ W.T), F.linear, (X, torch.tensor(W)), {"bias": None})
    half = torch.tensor(X).bfloat16()
    assert_conforms(half.tanh(), torch.tanh, half)


def test_gradients_are_judged_under_a_cotangent() -> None:
    assert_conforms(G.T @ X, F.linear, (X, W, B), gradient=1, cotangent=G)
    assert_conforms(G.sum(0), F.linear, (X, W), {"bias": B}, gradient="bias", cotangent=G)
    verdict = judge(G.mean(0), F.linear, (X, W, B), gradient=2, cotangent=G)
    assert not verdict.ok and "4" in verdict.cause  # the batch size


def test_several_outputs() -> None:
    mean, std = X.std(ddof=1), X.mean()
    assert_conforms(mean, torch.std_mean, X, output=0)
    assert_conforms(std, torch.std_mean, X, output=1)
    with pytest.raises(ValueError, match="2 tensors"):
        judge(mean, torch.std_mean, X)
    with pytest.raises(ValueError, match="output=2"):
        judge(mean, torch.std_mean, X, output=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: judge(G, F.linear, (X, W), gradient=1), "cotangent"),
        (lambda: judge(G, F.linear, (X, W), gradient=5, cotangent=G), "gradient=5"),
        (lambda: judge(G, F.linear, (X, W), gradient=0, cotangent=G[:1]), "cotangent"),
        (lambda: judge(G, F.linear, (X, W[:, :3])), "torch refuses"),
        (lambda: judge(X, "no_such_function", X), "no_such_function"),
        (lambda: judge(X, torch.sign, X, gradient=0, cotangent=(X, X)), "2 cotangents"),
        (lambda: assert_conforms(X, torch.tanh, X, grade="C"), "grade"),
    ],
)
def test_questions_without_sense(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_grades() -> None:
    x = RNG.uniform(0.5, 1.0, (3, 4096)).astype("float32")
    one_by_one = numpy.cumsum(x, axis=1)[:, -1]
    verdict = judge(one_by_one, "sum", x, {"dim": 1})
    assert verdict.ok
    if verdict.grade == "within-bound":
        with pytest.raises(AssertionError, match="grade A"):
            assert_conforms(one_by_one, "sum", x, {"dim": 1}, grade="A")


def test_a_verdict_prints_its_evidence() -> None:
    wrong = numpy.tanh(X)
    wrong[2, 3] += 0.25
    text = str(judge(wrong, "tanh", X))
    for part in ("FAIL", "1 of 24 elements", "[2, 3]", "torch", "oracle", "z =", "allowed", "closer to the truth"):
        assert part in text


def test_arrays_stand_in_lists_and_scalars_are_arrays() -> None:
    assert_conforms(numpy.concatenate([X, X]), "cat", ([X, X],))
    assert_conforms(numpy.tanh(numpy.float32(0.3)), "tanh", numpy.float32(0.3))


def test_references_that_look_alike_have_scales_of_their_own() -> None:
    """The first one cancels, and would excuse anything."""
    y = RNG.uniform(1, 2, 64).astype("float32")
    wrong = (numpy.cumsum(y.astype(float)) * 1.0001).astype("float32")

    def cancelling(k: float) -> Any:
        return lambda a: torch.cumsum(a * k, 0) - torch.cumsum(a * (k - 1), 0)

    judge(wrong, cancelling(1e4), y)
    assert not judge(wrong, cancelling(1.0), y).ok
