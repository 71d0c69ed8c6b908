"""Cross-entropy of linear scores: some rows at a time gives what the whole gives, in less memory."""

import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet

F = refnet.nn.functional


def names(library):
    return {
        "x": library.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]]),
        "w": library.arange(12.0).reshape(4, 3) / 9,
        "t": library.tensor([0, 3]),
        "O": library.nn.LinearCrossEntropyOptions,
        "zeros": library.zeros,
        "ones": library.ones,
    }


SAME = [
    "F.linear_cross_entropy(x,w,t)",
    "F.linear_cross_entropy(x,w,t,ignore_index=3,reduction='none')",
    "F.linear_cross_entropy(x,w,t,options=O(batch_chunk_size=1))",
    "F.linear_cross_entropy(x,w,t,options=O(batch_chunk_size=1),reduction='none').shape",
    "F.linear_cross_entropy(x[0],w,t[0],options=O(),reduction='none').shape",
    "F.linear_cross_entropy(x,w,t*0-100,options=O())",
    "F.linear_cross_entropy(x,w,t*0-100,options=O(),reduction='none')",
    "F.linear_cross_entropy(x[:0],w,t[:0],options=O())",
    "F.linear_cross_entropy(x[:0],w,t[:0],options=O(),reduction='sum')",
    "F.linear_cross_entropy(x,w.double(),t,options=O())",
    "F.linear_cross_entropy(x[None],w,t)",
    "F.linear_cross_entropy(x,w[0],t)",
    "F.linear_cross_entropy(x,w[:,:2],t)",
    "F.linear_cross_entropy(x,w,t,linear_bias=zeros(3))",
    "F.linear_cross_entropy(x[0],w[:,None],t)",
    "F.linear_cross_entropy(x,w,ones(2,4),ignore_index=1)",
    "F.linear_cross_entropy(x,w,t+1)",
    "F.linear_cross_entropy(x,w,t+1,options=O())",
    "O()",
    "O(batch_chunk_size=3,acc_policy='compact')",
    "O(batch_chunk_size=0)",
    "O(batch_chunk_size=1.5)",
    "O(acc_policy='best')",
    "O(chunking_method='aspect_ratio:0')",
    "O(chunking_method='halves')",
    "F.linear_cross_entropy(x,w,t,options=O(batch_chunk_size=2,chunking_method='aspect_ratio:2'))",
    "F.linear_cross_entropy(x,w,t,options=O(acc_dtype=torch.float64))",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, message="double" not in source and "float64" not in source, within=True)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_derivatives(reduction, rng):
    """Of the input, the weight and the bias, to second order."""
    x, w, b = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
    target = np.array([0, 3, -100, 1, 1])

    def loss(library, x, w, b, y):
        return library.nn.functional.linear_cross_entropy(x, w, y, linear_bias=b, reduction=reduction)

    check_gradients(loss, x, w, b, indices=(target,))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("size", [1, 3, 9])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_by_rows_is_the_whole(reduction, size, dtype, rng):
    arrays = rng.standard_normal((7, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
    x, w, b = (refnet.tensor(a, dtype=getattr(refnet, dtype), requires_grad=True) for a in arrays)
    y, weight = refnet.tensor([0, 3, -100, 1, 1, 2, 0]), refnet.tensor([1.0, 2.0, 0.5, 3.0], dtype=x.dtype)
    found = []
    for options in (None, refnet.nn.LinearCrossEntropyOptions(batch_chunk_size=size)):
        loss = F.linear_cross_entropy(x, w, y, linear_bias=b, weight=weight, reduction=reduction, options=options)
        cotangent = (refnet.arange(loss.numel()) + 1.0).reshape(loss.shape).to(loss.dtype)
        gradients = refnet.autograd.grad(loss, (x, w, b), cotangent)
        found.append([v.detach().double().numpy() for v in (loss, *gradients)])
    tolerance = {"float64": 1e-12, "float16": 1e-2, "bfloat16": 8e-2}[dtype]
    for whole, by_rows in zip(*found, strict=True):
        np.testing.assert_allclose(by_rows, whole, rtol=tolerance, atol=tolerance)


def test_by_rows_holds_few_scores(rng):
    """A batch whose scores take 16 MB in less than a third of that, forward and backward."""
    x = refnet.tensor(rng.standard_normal((1024, 16)), dtype=refnet.float32, requires_grad=True)
    w = refnet.tensor(rng.standard_normal((4096, 16)), dtype=refnet.float32, requires_grad=True)
    y = refnet.tensor(rng.integers(0, 4096, 1024))
    peaks = []
    for options in (None, refnet.nn.LinearCrossEntropyOptions()):
        tracemalloc.start()
        F.linear_cross_entropy(x, w, y, options=options).backward()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 5e6 < peaks[0]


def test_backward_may_run_twice_but_not_be_differentiated():
    x, w = refnet.ones(2, 3, requires_grad=True), refnet.ones(4, 3)
    loss = F.linear_cross_entropy(x, w, refnet.tensor([0, 1]), options=refnet.nn.LinearCrossEntropyOptions())
    first = refnet.autograd.grad(loss, x, retain_graph=True)[0]
    g = refnet.autograd.grad(loss, x, create_graph=True)[0]
    assert first.tolist() == g.tolist()
    with pytest.raises(RuntimeError, match="without gradients of gradients; options=None has them"):
        g.sum().backward()


def test_options_that_do_not_apply_are_warned_of():
    messages = []
    for library in (torch, refnet):
        x, w, y = library.ones(2, 3), library.ones(4, 3), library.tensor([0, 1])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            options = library.nn.LinearCrossEntropyOptions()
            library.nn.functional.linear_cross_entropy(x, w, y, options=options, label_smoothing=0.1)
        assert [w.filename for w in caught] == [__file__]
        messages.append(str(caught[0].message).partition(" Got ")[0])
    assert messages[0] == messages[1]
