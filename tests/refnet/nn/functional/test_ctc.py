"""CTC beside torch and beside an enumeration of all paths: argument forms, impossible targets, errors, no second order."""

from itertools import groupby, product
from math import inf

import numpy as np
import pytest
import torch
from beside_torch import check_same

import refnet


def names(library):
    x = (library.arange(40.0).reshape(5, 2, 4) * 7 % 11 / 5).log_softmax(2)
    return {
        "x": x,
        "t": library.tensor([[1, 2], [2, 2]]),
        "flat": library.tensor([1, 2, 3]),
        "L": lambda *n: library.tensor(n),
        "zeros": library.zeros,
    }


SAME = [
    "F.ctc_loss(x,t.int(),L(5,5).int(),L(2,2).int())",
    "F.ctc_loss(x,t.float(),(5,5),(2,2))",
    "F.ctc_loss(x,flat,(5,5),(2,1),reduction='none').shape",
    "F.ctc_loss(x,t,(0,5),(0,0),reduction='none')[0]",
    "F.ctc_loss(x,t,(0,5),(1,0),reduction='mean')",
    "F.ctc_loss(x,t,(1,5),(2,2),reduction='none')[0]",
    "F.ctc_loss(x,t,(1,1),(2,2),reduction='none',zero_infinity=True)",
    "F.ctc_loss(x[:,0],t[0],(5,),(2,),reduction='none').shape",
    "F.ctc_loss(x[:,0],t[0],T(5),T(2)).shape",
    "F.ctc_loss(x[:,0],t[:1],T(5),T(2)).shape",
    "F.ctc_loss(x,t,L(5,5),[2,2])",
    "F.ctc_loss(x,t,[5,5],L(2,2))",
    "F.ctc_loss(x,t,[5.0,5.0],[2,2])",
    "F.ctc_loss(x,t,5,2)",
    "F.ctc_loss(x,[[1,2],[2,2]],(5,5),(2,2))",
    "F.ctc_loss(x,t,L(5.0,5.0),L(2,2))",
    "F.ctc_loss(x,t,L(5,5),L(2.0,2.0))",
    "F.ctc_loss(x,t,(5,),(2,2))",
    "F.ctc_loss(x,t,(5,5),(2,))",
    "F.ctc_loss(x,t,(5,5),(2,2),blank=4)",
    "F.ctc_loss(x,t,(5,5),(2,2),blank=-1)",
    "F.ctc_loss(x.half(),t,(5,5),(2,2))",
    "F.ctc_loss(x.long(),t,(5,5),(2,2))",
    "F.ctc_loss(x,t,(5,5),(2,2),reduction='avg')",
    "F.ctc_loss(x[:0],t,(0,0),(2,2))",
]


SAME_TYPE = [  # torch adds which of its own functions was checking
    "F.ctc_loss(x,t,(5,6),(2,2))",
    "F.ctc_loss(x,t,(5,-1),(2,2))",
    "F.ctc_loss(x,t,(5,5),(2,-2))",
    "F.ctc_loss(x,t,(5,5),(2,3))",
    "F.ctc_loss(x,flat,(5,5),(2,2))",
    "F.ctc_loss(x,t[:1],(5,5),(2,1))",
    "F.ctc_loss(x,t[None],(5,5),(2,1))",
    "F.ctc_loss(x[:,0,0],t,(5,),(2,))",
]


@pytest.mark.parametrize("source", SAME + SAME_TYPE)
def test_same(source):
    check_same(source, names, message=source in SAME, within=True)


def every_path(p, target, blank):
    """The sum of the probabilities of all paths that spell the target; p (T, C)."""
    total = 0.0
    for path in product(range(p.shape[1]), repeat=len(p)):
        if [c for c, _ in groupby(path) if c != blank] == list(target):
            total += np.prod(p[np.arange(len(p)), path])
    return total


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [(), (1,), (1, 1), (1, 3), (3, 1, 3), (3, 3, 3)])
def test_every_path(target, blank, rng):
    """Of no normalized numbers either."""
    log_p = rng.standard_normal((5, 4))
    loss = refnet.nn.functional.ctc_loss(
        refnet.tensor(log_p),
        refnet.tensor(target, dtype=refnet.int64),
        (5,),
        (len(target),),
        blank=blank,
        reduction="none",
    )
    np.testing.assert_allclose(loss.item(), -np.log(every_path(np.exp(log_p), target, blank)), rtol=1e-12)


def test_gradient_is_that_of_scores(rng):
    scores = refnet.tensor(rng.standard_normal((6, 2, 4)), requires_grad=True)
    labels = refnet.tensor([[1, 2, 2], [3, 1, 0]])

    def loss(scores):
        return refnet.nn.functional.ctc_loss(scores.log_softmax(2), labels, (6, 4), (3, 2), reduction="none")

    assert refnet.autograd.gradcheck(loss, (scores,))


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("frames", [(3, 5), (0, 5), (1, 1)])
def test_gradient_of_impossible_targets(zero_infinity, frames, rng):
    """Frames beyond the end get 0; an infinite loss gives nan, or 0 where it is to be zero."""
    scores, found = rng.standard_normal((5, 2, 4)), []
    for library in (torch, refnet):
        log_p = library.tensor(scores).log_softmax(2).requires_grad_()
        loss = library.nn.functional.ctc_loss(
            log_p, library.tensor([[1, 1], [2, 3]]), frames, (2, 2), reduction="none", zero_infinity=zero_infinity
        )
        found.append([loss.detach().numpy(), library.autograd.grad(loss.sum(), log_p)[0].numpy()])
    for expected, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_long_sequences_do_not_underflow():
    log_p = refnet.full((400, 1, 30), -9.0)
    loss = refnet.nn.functional.ctc_loss(log_p, refnet.ones((1, 150), dtype=refnet.int64), (400,), (150,))
    assert 0 < loss.item() < inf


def test_padding_may_be_anything_and_labels_may_not():
    log_p = refnet.zeros(4, 1, 3).log_softmax(2)
    padded = refnet.nn.functional.ctc_loss(log_p, refnet.tensor([[1, 99, -7]]), (4,), (1,))
    assert padded.item() == refnet.nn.functional.ctc_loss(log_p, refnet.tensor([[1]]), (4,), (1,)).item()
    with pytest.raises(RuntimeError, match="targets must be classes 0 to 2, but got 1 to 99"):
        refnet.nn.functional.ctc_loss(log_p, refnet.tensor([[1, 99]]), (4,), (2,))


def test_no_second_order():
    for library in (torch, refnet):
        log_p = library.zeros(4, 1, 3).log_softmax(2).requires_grad_()
        loss = library.nn.functional.ctc_loss(log_p, library.tensor([[1]]), (4,), (1,))
        g = library.autograd.grad(loss, log_p, create_graph=True)[0]
        with pytest.raises(RuntimeError, match="derivative for .* is not implemented"):
            g.sum().backward()
