"""Dropout beside torch, mask by mask; arguments, in-place forms, warnings, errors, gradients."""

import warnings

import numpy as np
import pytest
import torch
from beside_torch import check_same

import refnet

FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


def names(library):
    library.manual_seed(3)
    return {"x": library.ones(4, 3), "i": library.ones(4).long(), "ones": library.ones, "zeros": library.zeros}


SAME = [
    f"F.{name}({rest})"
    for name in FUNCTIONS
    for rest in (
        "x,1.5,True",
        "x,-0.1,True",
        "x,float('nan'),True",
        "x,'a',True",
        "x,None,True",
        "i.reshape(4,1),0.5,True",
        "i.reshape(2,2),0.0,True",
        "ones(2,2,2),0.5,True",
        "ones(2,2,2,2),0.5,True",
        "ones(2,2,2,2,2),0.5,True",
        "ones(2,2),0.5,True",
        "ones(2),0.5,True",
        "ones(()),0.5,True",
        "ones(2,2,2,2,2,2),0.5,True",
        "zeros(0,3),0.5,True",
        "x.t(),0.5,True",
        "x*float('inf'),1.0,True",
        "ones(2,3,1,2,requires_grad=True),0.5,True,True",
        "ones(2,3,1,2,requires_grad=True),0.5,False,True",
    )
]
SAME += ["F.dropout([1.0])", "F.alpha_dropout(None)"]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_masks_are_torchs(name, p, dtype, seed):
    """Values, and the generator after them, bit for bit."""
    shape = {"dropout1d": (5, 7, 3), "dropout2d": (5, 7, 2, 3), "dropout3d": (5, 7, 2, 3, 1)}.get(name, (5, 33))
    found = []
    for library in (torch, refnet):
        library.manual_seed(seed)
        x = (library.arange(int(np.prod(shape))) - 50).to(getattr(library, dtype)).reshape(shape)
        out = getattr(library.nn.functional, name)(x, p, True)
        found.append((out.double().numpy(), library.rand(3).numpy()))
    if "alpha" in name:  # three roundings after the mask
        step = 4 * float(torch.finfo(getattr(torch, dtype)).eps)
        np.testing.assert_allclose(found[1][0], found[0][0], rtol=step, atol=step)
    else:
        np.testing.assert_array_equal(found[1][0], found[0][0])
    np.testing.assert_array_equal(found[1][1], found[0][1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_place_is_the_same_tensor(name):
    """The same mask as out of place, in the argument itself, in training and in evaluation."""
    shape = {"dropout1d": (7, 3), "dropout3d": (7, 2, 3, 1)}.get(name, (5, 7, 2, 3))
    function = getattr(refnet.nn.functional, name)
    x = refnet.arange(float(np.prod(shape))).reshape(shape)
    refnet.manual_seed(1)
    expected = function(x, 0.4, True)
    refnet.manual_seed(1)
    assert function(x, 0.4, True, True) is x
    assert tuple(x.shape) == shape
    assert x.tolist() == expected.tolist()
    assert function(x, 0.4, False, True) is x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_is_the_mask(name):
    shape = {"dropout1d": (5, 7, 3), "dropout2d": (5, 7, 2, 3), "dropout3d": (5, 7, 2, 3, 1)}.get(name, (5, 7))
    found = []
    for library in (torch, refnet):
        library.manual_seed(2)
        x = library.ones(shape, dtype=library.float64, requires_grad=True)
        out = getattr(library.nn.functional, name)(x, 0.3, True)
        found.append(library.autograd.grad(out, x, library.ones_like(out) * 3)[0].numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-15)


@pytest.mark.parametrize("ndim", range(7))
@pytest.mark.parametrize("name", ["dropout2d", "dropout3d"])
def test_warnings_are_torchs(name, ndim):
    messages = []
    for library in (torch, refnet):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                getattr(library.nn.functional, name)(library.ones([2] * ndim))
            except RuntimeError as error:
                messages.append(str(error))
        messages.append([str(w.message) for w in caught])
        assert all(w.filename == __file__ for w in caught)
    assert messages[: len(messages) // 2] == messages[len(messages) // 2 :]
