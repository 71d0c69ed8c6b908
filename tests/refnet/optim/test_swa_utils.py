"""Averages of models: states and text are torch's, and averages agree with it."""

from typing import Any

import numpy
import pytest
import torch

import refnet

ROUNDING = 16 * 2.0**-24


def network(t: Any, number: int) -> Any:
    model = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4))
    with t.no_grad():
        for k, weight in enumerate(model.parameters()):
            weight.copy_((t.arange(float(weight.numel())) * (number + 1.5) + k).sin().reshape(tuple(weight.shape)))
    model[1].running_mean.fill_(float(number))
    return model


AVERAGES: dict[str, tuple[str, tuple[Any, ...], bool]] = {
    "mean": ("", (), False),
    "mean of lists": ("get_swa_multi_avg_fn", (), False),
    "exponential": ("get_ema_avg_fn", (0.75,), False),
    "exponential of lists": ("get_ema_multi_avg_fn", (0.25,), False),
    "buffers too": ("get_ema_multi_avg_fn", (0.75,), True),
}


def averaged(t: Any, kind: str) -> Any:
    name, arguments, buffers = AVERAGES[kind]
    made = (
        {("multi_avg_fn" if "multi" in name else "avg_fn"): getattr(t.optim.swa_utils, name)(*arguments)}
        if name
        else {}
    )
    average = t.optim.swa_utils.AveragedModel(network(t, 0), use_buffers=buffers, **made)
    for number in range(4):
        average.update_parameters(network(t, number))
    batches = [t.linspace(-1, 1, 12).reshape(4, 3) * (number + 1) for number in range(3)]
    state = {name: value.tolist() for name, value in average.state_dict().items()}
    t.optim.swa_utils.update_bn([(batch, 0) for batch in batches], average)
    return state, {name: value.tolist() for name, value in average.state_dict().items()}, repr(average)


@pytest.mark.parametrize("kind", AVERAGES)
def test_average(kind: str) -> None:
    ours, theirs = averaged(refnet, kind), averaged(torch, kind)
    assert ours[2] == theirs[2]
    for mine, expected in zip(ours[:2], theirs[:2], strict=True):
        assert list(mine) == list(expected)
        for name, value in expected.items():
            numpy.testing.assert_allclose(mine[name], value, rtol=ROUNDING, atol=ROUNDING, err_msg=name)


def test_the_model_is_not_touched() -> None:
    model = network(refnet, 1)
    before = [weight.detach().clone() for weight in model.parameters()]
    average = refnet.optim.swa_utils.AveragedModel(model)
    average.update_parameters(network(refnet, 2))
    assert all((a == b).all() for a, b in zip(model.parameters(), before, strict=True))
    assert int(average.n_averaged) == 1


@pytest.mark.parametrize("decay", [-0.5, 1.5])
def test_decay_out_of_range(decay: float) -> None:
    for t in (torch, refnet):
        for name in ("get_ema_avg_fn", "get_ema_multi_avg_fn"):
            with pytest.raises(ValueError, match=f"Invalid decay value {decay} provided"):
                getattr(t.optim.swa_utils, name)(decay)


def test_all_of_torchs_names_are_here() -> None:
    assert set(refnet.optim.swa_utils.__all__) == set(torch.optim.swa_utils.__all__)
