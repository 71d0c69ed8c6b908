"""Losses beside torch: reductions, weights, shapes, types, special values, errors, warnings."""

import warnings
from math import inf, nan

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet


def names(library):
    f = library.nn.functional
    x = library.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])
    p = f.softmax(x, 1)
    return {
        "x": x,
        "p": p,
        "y": library.tensor([[0.25, 1.0, 0.5], [0.75, 0.0, 0.5]]),
        "t": library.tensor([0, 2]),
        "x3": library.arange(24.0).reshape(2, 3, 4),
        "x4": library.arange(120.0).reshape(2, 3, 4, 5) / 7,
        "x5": library.arange(48.0).reshape(2, 3, 2, 2, 2),
        "one": library.ones(3),
        "w": library.tensor([1.0, 2.0, 3.0]),
        "wg": library.ones(3, requires_grad=True),
        "zeros": library.zeros,
        "ones": library.ones,
        "full": library.full,
    }


CLASSES = [  # {} stands for nll_loss and for cross_entropy
    "F.{}(x,T([0,3]))",
    "F.{}(x,T([0,-1]))",
    "F.{}(x,T([-100,-100]))",
    "F.{}(x,T([-100,-100]),reduction='sum')",
    "F.{}(x,T([-100,-100]),reduction='none')",
    "F.{}(x,T([1,0]),ignore_index=1)",
    "F.{}(x,T([1,7]),ignore_index=7)",
    "F.{}(x,T([1,0]),w,ignore_index=1)",
    "F.{}(x,T([0,2,1]))",
    "F.{}(x,T([0.0,2.0]))",
    "F.{}(x,t.int())",
    "F.{}(x,t.to(torch.uint8))",
    "F.{}(x,t.to(torch.uint8),ignore_index=2)",
    "F.{}(x,t.short())",
    "F.{}(x,t.bool())",
    "F.{}(x,t,one[:2])",
    "F.{}(x,t,one.double())",
    "F.{}(x,t,one[None])",
    "F.{}(x[0],T(1))",
    "F.{}(x[0],T(1),w)",
    "F.{}(x[0],T(1),ignore_index=1)",
    "F.{}(x[0],T(1),ignore_index=1,reduction='none')",
    "F.{}(x[0],T(1),reduction='none')",
    "F.{}(x[0],T([1]))",
    "F.{}(x[0],T([1]),reduction='none')",
    "F.{}(x[0],T([1,2]))",
    "F.{}(x[0],T(3))",
    "F.{}(x,T(0))",
    "F.{}(x,zeros(2,2).long())",
    "F.{}(x,zeros(2,1).long())",
    "F.{}(x3,zeros(2,4).long(),w)",
    "F.{}(x3,zeros(2,4).long(),reduction='none')",
    "F.{}(x3,zeros(2,5).long())",
    "F.{}(x3,zeros(2).long())",
    "F.{}(x3,zeros(3,4).long())",
    "F.{}(x4,zeros(2,4,5).long()+2)",
    "F.{}(x4,zeros(2,5,4).long())",
    "F.{}(x4,zeros(2,5).long())",
    "F.{}(x4,zeros(3,4,5).long())",
    "F.{}(x4,zeros(2,4,5).long()+3)",
    "F.{}(x5,zeros(2,2,2,2).long(),w,reduction='sum')",
    "F.{}(x5,zeros(2,2,2,3).long())",
    "F.{}(x5,zeros(2,2,2,2).long()+3)",
    "F.{}(x,t,reduction='avg')",
    "F.{}(x,t,reduction='elementwise_mean')",
    "F.{}(x,t,reduce=False)",
    "F.{}(x,t,size_average=False)",
    "F.{}(x,t,size_average=False,reduce=False)",
    "F.{}(zeros(0,3),zeros(0).long())",
    "F.{}(zeros(0,3),zeros(0).long(),reduction='none')",
    "F.{}(zeros(0,3),zeros(0).long(),reduction='sum')",
    "F.{}(zeros(0,3,2,2),zeros(0,2,2).long())",
    "F.{}(x.half(),t)",
    "F.{}(x.bfloat16(),t)",
    "F.{}(x,t,T([0.0,1.0,0.0]))",
    "F.{}(x,t,wg)",
    "F.{}(x,None)",
    "F.{}([1.0],t)",
    "F.{}(x,t,[1.0,1.0,1.0])",
]
OTHERS = [
    "F.nll_loss(x[0,0],T(0))",
    "F.nll_loss(x.long(),t)",
    "F.nll_loss(T([[-inf,0.0],[nan,1.0]]),T([0,1]),reduction='none')",
    "F.nll_loss(T([[-inf,0.0],[nan,1.0]]),T([-100,-100]),reduction='none')",
    "F.nll_loss(full((30000,2),-5.0).half(),zeros(30000).long())",
    "F.nll_loss(full((70000,2),-1.0).bfloat16(),zeros(70000).long())",
    "F.cross_entropy(x.long(),t)",
    "F.cross_entropy(x[0,0],T(0))",
    "F.cross_entropy(x[0,0],p[0,0])",
    "F.cross_entropy(x,p)",
    "F.cross_entropy(x,p[:1])",
    "F.cross_entropy(x,p,ignore_index=1)",
    "F.cross_entropy(x,p,ignore_index=-5)",
    "F.cross_entropy(x,p.double())",
    "F.cross_entropy(x.half(),p).dtype",
    "F.cross_entropy(x.long(),p)",
    "F.cross_entropy(x,p,w)",
    "F.cross_entropy(x,p,w,label_smoothing=0.3)",
    "F.cross_entropy(x,p,w[:2])",
    "F.cross_entropy(x,zeros(2,3).long())",
    "F.cross_entropy(x,t,label_smoothing=-0.1)",
    "F.cross_entropy(x,t,label_smoothing=1.1)",
    "F.cross_entropy(x,p,label_smoothing=-0.1)",
    "F.cross_entropy(x,p,label_smoothing=1.1)",
    "F.cross_entropy(x,T([0,3]),label_smoothing=0.1)",
    "F.cross_entropy(x,T([0,1]),label_smoothing=0.1,ignore_index=1,reduction='none')",
    "F.cross_entropy(x,T([0,1]),w,label_smoothing=0.1,ignore_index=1)",
    "F.cross_entropy(x,T([1,1]),label_smoothing=0.1,ignore_index=1)",
    "F.cross_entropy(x[0],T(1),w,label_smoothing=0.1)",
    "F.cross_entropy(x,t,wg,label_smoothing=0.1)",
    "F.cross_entropy(x[0],p[0])",
    "F.cross_entropy(x[0],p[0],reduction='none')",
    "F.cross_entropy(x3,x3.abs())",
    "F.cross_entropy(x3,x3.abs(),w,reduction='none')",
    "F.cross_entropy(zeros(0,3),zeros(0,3))",
    "F.cross_entropy(zeros(0,3),zeros(0,3),reduction='none')",
    "F.mse_loss(x,y[:1])",
    "F.mse_loss(x,y[:,:2])",
    "F.mse_loss(x,y.double())",
    "F.mse_loss(x.half(),y)",
    "F.mse_loss(x.long(),y.long())",
    "F.mse_loss(x>0,y>0)",
    "F.mse_loss(x,y.long())",
    "F.mse_loss(x.long(),y,reduction='none')",
    "F.mse_loss(full((30000,),5.0).half(),zeros(30000).half())",
    "F.l1_loss(x.long(),y.long())",
    "F.l1_loss(x.long(),y.long(),reduction='none')",
    "F.l1_loss(x.long(),y.long(),reduction='sum')",
    "F.smooth_l1_loss(x.long(),y.long())",
    "F.smooth_l1_loss(x,y,beta=0)",
    "F.smooth_l1_loss(x,y,beta=2)",
    "F.smooth_l1_loss(x,y,beta=-1.0)",
    "F.smooth_l1_loss(x,y,beta=inf)",
    "F.smooth_l1_loss(x,y.double())",
    "F.huber_loss(x,y,delta=0.0)",
    "F.huber_loss(x,y,delta=-1)",
    "F.huber_loss(x,y,delta=2)",
    "F.huber_loss(x,y.double())",
    "F.huber_loss(x,y.double(),reduction='none')",
    "F.huber_loss(x.half(),y)",
    "F.huber_loss(x.long(),y,reduction='none')",
    "F.huber_loss(x,y.long())",
    "F.binary_cross_entropy(p,y[:1])",
    "F.binary_cross_entropy(p,y,w)",
    "F.binary_cross_entropy(p,y,w,reduction='none')",
    "F.binary_cross_entropy(p,y,ones(2,1))",
    "F.binary_cross_entropy(p,y,ones(4,2,3),reduction='none')",
    "F.binary_cross_entropy(p,y,w.double())",
    "F.binary_cross_entropy(p,y,reduce=False)",
    "F.binary_cross_entropy(p,y,reduction='avg')",
    "F.binary_cross_entropy(p,y.double())",
    "F.binary_cross_entropy(p.half(),y)",
    "F.binary_cross_entropy(p,y.long())",
    "F.binary_cross_entropy(p.long(),y.long())",
    "F.binary_cross_entropy(p.half(),y.half())",
    "F.binary_cross_entropy(p*3,y)",
    "F.binary_cross_entropy(p,y*3)",
    "F.binary_cross_entropy(p*nan,y)",
    "F.binary_cross_entropy(p[:0],y[:0])",
    "F.binary_cross_entropy(p,y,wg)",
    "F.binary_cross_entropy(T([0.0,1.0,0.0,1.0,0.5]),T([0.0,1.0,1.0,0.0,0.3]),reduction='none')",
    "F.binary_cross_entropy_with_logits(x,y[:1])",
    "F.binary_cross_entropy_with_logits(x,y,ones(2))",
    "F.binary_cross_entropy_with_logits(x,y,w,reduction='none')",
    "F.binary_cross_entropy_with_logits(x,y,ones(4,2,3),reduction='none')",
    "F.binary_cross_entropy_with_logits(x,y,pos_weight=w,reduction='none')",
    "F.binary_cross_entropy_with_logits(x,y,pos_weight=ones(4,2,3),reduction='none')",
    "F.binary_cross_entropy_with_logits(x,y,w.double())",
    "F.binary_cross_entropy_with_logits(x,y,pos_weight=w.double())",
    "F.binary_cross_entropy_with_logits(x.half(),y).dtype",
    "F.binary_cross_entropy_with_logits(x,y.half()).dtype",
    "F.binary_cross_entropy_with_logits(x.double(),y)",
    "F.binary_cross_entropy_with_logits(x,y.double())",
    "F.binary_cross_entropy_with_logits(x,y.long())",
    "F.binary_cross_entropy_with_logits(x.long(),y)",
    "F.binary_cross_entropy_with_logits(x.long(),y.long())",
    "F.binary_cross_entropy_with_logits(x[:0],y[:0])",
    "F.binary_cross_entropy_with_logits(x,y,wg)",
    "F.binary_cross_entropy_with_logits(x,y,pos_weight=wg)",
    "F.binary_cross_entropy_with_logits(T([inf,-inf,nan,0.0,1000.0,-1000.0]),T([1.0,0.0,0.0,0.0,0.5,0.5]),reduction='none')",
]
for _name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    OTHERS += [
        f"F.{_name}(x,y,reduction='avg')",
        f"F.{_name}(x,y,reduction='elementwise_mean')",
        f"F.{_name}(x,y,reduction='none')",
        f"F.{_name}(x,y,reduction='sum')",
        f"F.{_name}(x[:0],y[:0])",
        f"F.{_name}(x[0,0],y[0,0])",
        f"F.{_name}(x.half(),y.half())",
        f"F.{_name}(x,y[:1],reduction='none')",
        f"F.{_name}(x,y[:,:2])",
    ]
    if _name != "smooth_l1_loss":
        OTHERS += [
            f"F.{_name}(x,y,weight=one.expand(2,3)*2)",
            f"F.{_name}(x,y,weight=one.expand(2,3)*2,reduction='sum')",
            f"F.{_name}(x,y,weight=w)",
            f"F.{_name}(x,y,weight=one.expand(2,3),reduction='elementwise_mean')",
            f"F.{_name}(x,y[:1],weight=one.expand(2,3),reduction='none')",
        ]
    if _name != "huber_loss":
        OTHERS += [f"F.{_name}(x,y,size_average=True)", f"F.{_name}(x,y,reduce=False)"]


@pytest.mark.parametrize(
    "source", [row.format(name) for row in CLASSES for name in ("nll_loss", "cross_entropy")] + OTHERS
)
def test_same(source):
    check_same(source, names, within=True)


SAME_TYPE = [  # in other words
    "F.l1_loss(x>0,y>0)",
    "F.binary_cross_entropy(p,y,ones(2))",
    "F.binary_cross_entropy_with_logits(x,y,pos_weight=ones(2))",
    "F.nll_loss(x4,zeros(2,4,5).long(),ones(4))",
]


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


ELEMENTWISE = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {},
    "smooth_l1_loss narrow": {"beta": 0.5},
    "huber_loss": {},
    "huber_loss narrow": {"delta": 0.5},
}


@pytest.mark.parametrize("cotangent", [1.0, inf])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gradient_at_kinks_and_special_values(name, cotangent):
    x = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, inf, -inf, nan, inf]
    y = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, inf]
    found = []
    for library in (torch, refnet):
        a, b = (library.tensor(v, requires_grad=True) for v in (x, y))
        function = getattr(library.nn.functional, name.partition(" ")[0])
        loss = function(a, b, reduction="none", **ELEMENTWISE[name])
        gradients = library.autograd.grad(loss, (a, b), library.full_like(loss, cotangent))
        found.append([v.detach().numpy() for v in (loss, *gradients)])
    for expected, got in zip(*found, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", [*ELEMENTWISE, "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_derivatives(name, reduction, rng):
    """Both arguments, to second order."""
    options = ELEMENTWISE.get(name, {})
    x, y = rng.uniform(0.1, 0.9, (3, 4)), rng.uniform(0.1, 0.9, (3, 4))
    if name in ELEMENTWISE:
        y = y + rng.choice([-1.3, -0.2, 0.2, 1.3], (3, 4))

    def loss(library, a, b):
        return getattr(library.nn.functional, name.partition(" ")[0])(a, b, reduction=reduction, **options)

    check_gradients(loss, x, y)


@pytest.mark.parametrize("order", [1, 2])
def test_binary_cross_entropy_at_the_edges(order):
    """The gradient's denominator is limited to 1e-12: finite at 0 and 1, in both orders."""
    found = []
    for library in (torch, refnet):
        p = library.tensor([0.0, 1.0, 0.0, 1.0, 0.5, 1e-13], requires_grad=True)
        y = library.tensor([0.0, 1.0, 1.0, 0.0, 0.3, 0.5])
        loss = library.nn.functional.binary_cross_entropy(p, y, reduction="sum")
        g = library.autograd.grad(loss, p, create_graph=True)[0]
        if order == 2:
            g = library.autograd.grad(g.sum(), p)[0]
        found.append(g.detach().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy", "smoothed", "probabilities"])
def test_classification_derivatives(name, weighted, reduction, rng):
    x, w = rng.standard_normal((4, 3, 2)), np.array([0.5, 1.0, 2.0])
    target = np.array([[0, 2], [-100, 1], [1, 1], [2, 0]])
    soft = rng.dirichlet(np.ones(3), (4, 2)).transpose(0, 2, 1).copy()

    def loss(library, x, target):
        f = library.nn.functional
        options = {"reduction": reduction, "weight": library.tensor(w) if weighted else None}
        if name == "nll_loss":
            return f.nll_loss(x, target, **options)
        return f.cross_entropy(x, target, label_smoothing=0.0 if name == "cross_entropy" else 0.3, **options)

    if name == "probabilities":
        check_gradients(loss, x, soft)
    else:
        check_gradients(loss, x, indices=(target,))


def test_weight_of_probabilities_has_a_gradient(rng):
    x, y, w = rng.standard_normal((4, 3)), rng.dirichlet(np.ones(3), 4), np.array([0.5, 1.0, 2.0])
    check_gradients(lambda library, x, y, w: library.nn.functional.cross_entropy(x, y, w), x, y, w)


def test_weight_without_gradient_mode():
    """A weight that requires a gradient is refused only where one would be computed."""
    x, w = refnet.zeros(2, 3), refnet.ones(3, requires_grad=True)
    with refnet.no_grad():
        assert refnet.nn.functional.nll_loss(x, refnet.tensor([0, 1]), w).item() == 0


DEPRECATED = [
    ({"size_average": True}, "please use reduction='mean'"),
    ({"size_average": False}, "please use reduction='sum'"),
    ({"reduce": False}, "please use reduction='none'"),
    ({"reduction": "elementwise_mean"}, "reduction='elementwise_mean' is deprecated"),
]


@pytest.mark.parametrize(("options", "message"), DEPRECATED)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy"])
def test_deprecated_arguments_warn(name, options, message):
    x = refnet.tensor([0.25, 0.5])
    with pytest.warns(UserWarning, match=message):
        getattr(refnet.nn.functional, name)(x, x, **options)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_differing_shapes_warn_in_torchs_words(name):
    messages = []
    for library in (torch, refnet):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(library.nn.functional, name)(library.ones(2, 3), library.ones(1, 3))
        assert [w.filename for w in caught] == [__file__]
        messages.append(str(caught[0].message).replace("refnet.", "torch."))
    assert messages[0] == messages[1]
