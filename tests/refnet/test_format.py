"""Printing, character for character as torch prints."""

from math import inf, nan

import numpy as np
import pytest
import torch

import refnet

rng = np.random.default_rng(0)

VALUES = {
    "scalar": 3.14159, "whole scalar": 3.0, "negative scalar": -2.5, "nan scalar": nan, "int scalar": 7, "bool scalar": True,
    "large scalar": 1e10, "tiny scalar": 1e-10, "zero": 0.0, "minus zero": -0.0,
    "two": [1.0, 2.5], "whole": [1.0, 2.0, -3.0], "mixed signs": [1.5, -2.25, 10.0],
    "with nan": [1.0, nan, 2.0], "with inf": [1.5, inf, -inf], "only nan": [nan, nan], "only inf": [inf, -inf, nan],
    "whole with inf": [1.0, inf, 100.0], "zeros": [0.0, 0.0], "minus zeros": [-0.0, 0.0, 1.5],
    "wide range": [1e-3, 1.0, 1e3], "range of 1000": [1.0, 1000.0], "range beyond 1000": [1.0, 1001.0],
    "large whole": [1.0, 2e8], "1e8": [1e8, 1e8], "beyond 1e8": [1.5e8], "1e-4": [1e-4], "below 1e-4": [0.9e-4],
    "large fractions": [123456.789, 0.5e3 + 0.25], "nan in a wide range": [nan, 1e-6, 1.0, inf],
    "ints": [1, -20, 300], "wide ints": [[1, 1000000], [-5, 2]], "bools": [[True, False], [False, True]],
    "empty": [], "empty ints": np.zeros((0,), np.int64), "empty matrix": np.zeros((0, 3), np.float32),
    "empty bools": np.zeros((2, 0), bool), "empty 3-d ints": np.zeros((2, 0, 3), np.int64),
    "matrix": rng.standard_normal((2, 3)), "3-d": rng.standard_normal((2, 3, 2)), "4-d": rng.standard_normal((2, 1, 2, 2)),
    "long row": rng.standard_normal(50), "long ints": np.arange(100), "wide row": rng.standard_normal(20) * 1e5,
    "1000": np.arange(1000), "1001": np.arange(1001), "summary": rng.standard_normal((40, 50)),
    "summary of rows": rng.standard_normal((1001, 2)), "summary of columns": rng.standard_normal((2, 1001)),
    "summary 3-d": rng.standard_normal((3, 20, 30)), "summary 4-d": np.arange(8 * 8 * 8 * 8).reshape(8, 8, 8, 8),
    "summary hides the large": np.concatenate([np.ones(600), [1e9], np.ones(600)]), "summary of 6": np.ones((6, 400)),
}  # fmt: skip
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")


def pair(name, dtype):
    """The same tensor in both libraries; None where the values do not suit the dtype."""
    array = np.asarray(VALUES[name])
    exact = array.dtype.kind in "biu"
    floating = dtype in DTYPES[:4]
    if not floating and (not exact or (dtype == "uint8" and array.size and (array.min() < 0 or array.max() > 255))):
        return None
    with np.errstate(over="ignore"):  # 1e10 is inf as float16
        return tuple(library.tensor(array, dtype=getattr(library, dtype)) for library in (refnet, torch))


ROWS = [(name, dtype) for name in VALUES for dtype in DTYPES if pair(name, dtype) is not None]


@pytest.mark.parametrize(("name", "dtype"), ROWS)
def test_repr(name, dtype):
    ours, theirs = pair(name, dtype)
    assert repr(ours).replace("refnet.", "torch.") == repr(theirs)
    assert str(ours) == repr(ours)


@pytest.mark.parametrize("shape", [(), (3,), (2, 40), (40, 40)], ids=str)
def test_requires_grad_and_history(shape):
    array = rng.standard_normal(shape)
    texts = []
    for library in (refnet, torch):
        x = library.tensor(array, dtype=library.float64, requires_grad=True)
        texts.append([repr(x), repr(x.tanh()), repr(x.float().tanh()), repr(x.detach())])
    assert [t.replace("refnet.", "torch.") for t in texts[0]] == texts[1]


def test_what_is_obvious_follows_the_default_dtype():
    refnet.set_default_dtype(refnet.float64)
    try:
        assert repr(refnet.tensor([1.5])) == "tensor([1.5000])"
        assert repr(refnet.ones(1, dtype=refnet.float32)) == "tensor([1.], dtype=refnet.float32)"
    finally:
        refnet.set_default_dtype(refnet.float32)


OPTIONS = [
    {"precision": 2}, {"precision": 8}, {"threshold": 10}, {"threshold": 10, "edgeitems": 1}, {"linewidth": 40},
    {"sci_mode": True}, {"sci_mode": False}, {"profile": "short"}, {"profile": "full"}, {"profile": "short", "precision": 6},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "name", ["scalar", "whole", "wide range", "matrix", "long row", "summary of rows", "ints", "3-d", "with inf"]
)
def test_options(name, options):
    ours, theirs = pair(name, "int64" if name == "ints" else "float32")
    for library in (refnet, torch):
        library.set_printoptions(**options)
    try:
        assert repr(ours) == repr(theirs)
    finally:
        for library in (refnet, torch):
            library.set_printoptions(profile="default")


def test_refuses_an_unknown_profile():
    with pytest.raises(ValueError, match="short"):
        refnet.set_printoptions(profile="tiny")
