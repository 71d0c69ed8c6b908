"""Margin losses, and losses of pairs and triplets, beside torch: kinks, types, shapes, errors."""

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet


def names(library):
    x = library.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])
    return {
        "x": x,
        "y": library.tensor([[0.25, 1.0, 0.5], [0.75, 0.0, 0.5]]),
        "s": library.tensor([1.0, -1.0]),
        "t": library.tensor([0, 2]),
        "l": library.tensor([[2, -1, 0], [0, 1, -1]]),
        "i": library.tensor([[1, 2, 3], [0, 5, 1]]),
        "w": library.tensor([1.0, 2.0, 3.0]),
        "wg": library.ones(3, requires_grad=True),
        "ones": library.ones,
        "zeros": library.zeros,
    }


SAME = [
    "F.multi_margin_loss(x,t)",
    "F.multi_margin_loss(x,t,p=2,margin=0.5,weight=w,reduction='none')",
    "F.multi_margin_loss(x[0],T(1))",
    "F.multi_margin_loss(x[0],T(1),reduction='none')",
    "F.multi_margin_loss(x[0],T([1]),reduction='none')",
    "F.multi_margin_loss(x[0,0],T(0))",
    "F.multi_margin_loss(x,T([0,3]))",
    "F.multi_margin_loss(x,T([0,-1]))",
    "F.multi_margin_loss(x,T([0]))",
    "F.multi_margin_loss(x,t[None])",
    "F.multi_margin_loss(x,t.int())",
    "F.multi_margin_loss(x,t,p=3)",
    "F.multi_margin_loss(x,t,weight=w[:2])",
    "F.multi_margin_loss(x,t,weight=w[None])",
    "F.multi_margin_loss(x,t,weight=w.double())",
    "F.multi_margin_loss(x,t,weight=wg)",
    "F.multi_margin_loss(x.half(),t)",
    "F.multi_margin_loss(x.long(),t)",
    "F.multi_margin_loss(x[None],t)",
    "F.multi_margin_loss(zeros(2,0),t)",
    "F.multi_margin_loss(zeros(0,3),zeros(0).long(),reduction='none')",
    "F.multi_margin_loss(T([[nan,1.0,inf]]),T([1]))",
    "F.multi_margin_loss(x,t,reduction='avg')",
    "F.multi_margin_loss(x,t,size_average=False)",
    "F.multilabel_margin_loss(x,l)",
    "F.multilabel_margin_loss(x,l,reduction='none')",
    "F.multilabel_margin_loss(x[0],l[0],reduction='none')",
    "F.multilabel_margin_loss(x[0,0],T(0))",
    "F.multilabel_margin_loss(x,-zeros(2,3).long()-1)",
    "F.multilabel_margin_loss(x,l[:,:2])",
    "F.multilabel_margin_loss(x,l[0])",
    "F.multilabel_margin_loss(x,l+1)",
    "F.multilabel_margin_loss(x,l-1)",
    "F.multilabel_margin_loss(x,l.int())",
    "F.multilabel_margin_loss(x.half(),l)",
    "F.multilabel_margin_loss(zeros(2,0),zeros(2,0).long())",
    "F.multilabel_soft_margin_loss(x,y)",
    "F.multilabel_soft_margin_loss(x,y,w,reduction='none')",
    "F.multilabel_soft_margin_loss(x,t[:,None])",
    "F.multilabel_soft_margin_loss(x[0,0],y[0,0])",
    "F.multilabel_soft_margin_loss(x,y,reduction='elementwise_mean')",
    "F.multilabel_soft_margin_loss(i,i)",
    "F.soft_margin_loss(x,y)",
    "F.soft_margin_loss(x,y[0],reduction='none')",
    "F.soft_margin_loss(x[0],y)",
    "F.soft_margin_loss(x,y.double(),reduction='none')",
    "F.soft_margin_loss(x.half(),y,reduction='none').dtype",
    "F.soft_margin_loss(i,i)",
    "F.soft_margin_loss(x,i)",
    "F.soft_margin_loss(w,wg)",
    "F.soft_margin_loss(T([-200.0,200.0,inf,-inf,nan]),ones(5),reduction='none')",
    "F.soft_margin_loss(T([-12.0,12.0]).half(),ones(2).half(),reduction='none')",
    "F.hinge_embedding_loss(x[0],T([1,-1,0]),reduction='none')",
    "F.hinge_embedding_loss(i,i,reduction='none')",
    "F.hinge_embedding_loss(i,i,margin=1.5,reduction='sum')",
    "F.hinge_embedding_loss(i,i)",
    "F.hinge_embedding_loss(x,s)",
    "F.cosine_embedding_loss(x,y,s,reduction='none')",
    "F.cosine_embedding_loss(x*0,y,s,reduction='none')",
    "F.cosine_embedding_loss(x[0],y[0],T(-1),margin=-2)",
    "F.cosine_embedding_loss(x,y,s[:,None])",
    "F.cosine_embedding_loss(x,y[0],s)",
    "F.cosine_embedding_loss(x,y,s[0])",
    "F.cosine_embedding_loss(i,i,t)",
    "F.cosine_embedding_loss(x>0,y>0,s)",
    "F.margin_ranking_loss(x,y,y)",
    "F.margin_ranking_loss(i,i,i,margin=2)",
    "F.margin_ranking_loss(i,i,i,reduction='none').dtype",
    "F.margin_ranking_loss(x,y,s)",
    "F.margin_ranking_loss(x,y,y[:,:2])",
    "F.triplet_margin_loss(x,y,x)",
    "F.triplet_margin_loss(x,y,x,p=1,swap=True,reduction='none')",
    "F.triplet_margin_loss(i,i,i)",
    "F.triplet_margin_loss(x,y,x[0])",
    "F.triplet_margin_loss(x,y,x,margin=0)",
    "F.triplet_margin_loss(x,y,x,reduction='avg')",
    "F.triplet_margin_loss(x[0,0],x[0,1],x[0,2])",
    "F.triplet_margin_with_distance_loss(x,y,x)",
    "F.triplet_margin_with_distance_loss(x,y,x,distance_function=lambda a,b:(a-b).abs().sum(-1),reduction='none')",
    "F.triplet_margin_with_distance_loss(x,y,x[0])",
    "F.triplet_margin_with_distance_loss(x,y,x,margin=-1)",
    "F.triplet_margin_with_distance_loss(x,y,x,reduction='elementwise_mean')",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


SECOND_ORDER = {
    "multilabel_soft_margin_loss": 2,
    "soft_margin_loss": 1,
    "cosine_embedding_loss": 2,
    "margin_ranking_loss": 2,
    "triplet_margin_loss": 3,
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_derivatives(name, rng):
    arrays = [rng.uniform(0.2, 3.0, (3, 4)) for _ in range(SECOND_ORDER[name])]
    target = rng.choice([-1.0, 1.0], (3, 4))

    def loss(library, *given):
        function = getattr(library.nn.functional, name)
        if name == "soft_margin_loss":
            return function(*given, library.tensor(target))
        if name == "cosine_embedding_loss":
            return function(*given, library.tensor([1, -1, 1]), margin=-1.0)
        if name == "margin_ranking_loss":
            return function(*given, library.tensor(target), margin=9.0)
        return function(*given, margin=9.0) if name == "triplet_margin_loss" else function(*given)

    check_gradients(loss, *arrays)


@pytest.mark.parametrize("p", [1, 2])
def test_margins_have_a_second_order(p, rng):
    """torch has none; here the rules are checked against differences."""
    x = refnet.tensor(rng.standard_normal((3, 4)), requires_grad=True)
    y, w = refnet.tensor([0, 3, 1]), refnet.tensor(rng.uniform(0.5, 2.0, 4))
    assert refnet.autograd.gradgradcheck(lambda x: refnet.nn.functional.multi_margin_loss(x, y, p=p, weight=w), (x,))


@pytest.mark.parametrize("cotangent", [1.0, -1.0])
@pytest.mark.parametrize("name", ["multi_margin_loss", "multilabel_margin_loss", "hinge_embedding_loss"])
def test_gradient_at_kinks(name, cotangent):
    """A margin that is just kept has no gradient, except where torch's clamp has one."""
    targets = {"multi_margin_loss": [0, 1], "multilabel_margin_loss": [[0, -1, 0], [1, 2, -1]]}
    found = []
    for library in (torch, refnet):
        x = library.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]], requires_grad=True)
        target = library.tensor(targets.get(name, [1, -1, -1]))
        loss = getattr(library.nn.functional, name)(x, target, reduction="sum")
        found.append(library.autograd.grad(loss, x, library.tensor(cotangent))[0].numpy())
    np.testing.assert_array_equal(found[1], found[0])
    assert (np.signbit(found[1]) == np.signbit(found[0])).all()
