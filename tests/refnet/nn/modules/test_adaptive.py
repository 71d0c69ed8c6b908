"""The adaptive softmax beside torch: state, results, errors."""

import numpy as np
import pytest
import torch

import refnet


def layer(library, **options):
    library.manual_seed(0)
    return library.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, **options)


@pytest.mark.parametrize("bias", [False, True])
def test_same_state_and_results(bias, rng):
    """A state that torch made; both results, all probabilities, and predictions in and out of the head."""
    theirs, ours = layer(torch, head_bias=bias), layer(refnet, head_bias=bias)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: refnet.tensor(v.numpy() * 9) for k, v in theirs.state_dict().items()})
    theirs.load_state_dict({k: v * 9 for k, v in theirs.state_dict().items()})
    x, y = rng.standard_normal((20, 8)).astype("float32"), rng.integers(0, 12, 20)
    for call in ("forward", "log_prob", "predict"):
        found = []
        for library, built in ((torch, theirs), (refnet, ours)):
            given = (library.tensor(x), library.tensor(y)) if call == "forward" else (library.tensor(x),)
            result = getattr(built, call)(*given)
            results = result if call == "forward" else (result,)
            found.append([v.detach().numpy() for v in results])
        for expected, got in zip(*found, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_results_have_names():
    x, y = refnet.zeros(2, 8), refnet.tensor([0, 9])
    found = layer(refnet)(x, y)
    assert found._fields == layer(torch)(torch.zeros(2, 8), torch.tensor([0, 9]))._fields
    assert found.loss.item() == pytest.approx(-found.output.mean().item())


def test_predict_is_the_most_probable(rng):
    built = layer(refnet)
    x = refnet.tensor(rng.standard_normal((30, 8)) * 9, dtype=refnet.float32)
    assert built.predict(x).tolist() == built.log_prob(x).argmax(1).tolist()
