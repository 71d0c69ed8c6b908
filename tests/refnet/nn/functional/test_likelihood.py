"""Likelihoods beside torch: edges of their domains, types, errors, warnings."""

import warnings
from math import inf, nan

import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet


def names(library):
    x = library.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])
    return {
        "x": x,
        "y": library.tensor([[0.25, 1.0, 0.5], [0.75, 0.0, 0.5]]),
        "v": library.tensor([[0.25, 1.0, 0.5], [0.75, 1e-9, 0.5]]),
        "i": library.tensor([[1, 2, 3], [0, 5, 1]]),
        "ones": library.ones,
        "zeros": library.zeros,
    }


SAME = [
    "F.kl_div(x,y)",
    "F.kl_div(x,y,reduction='batchmean')",
    "F.kl_div(x,y,size_average=True,reduction='batchmean')",
    "F.kl_div(x,y,reduce=False)",
    "F.kl_div(x,y,reduction='elementwise_mean')",
    "F.kl_div(x,y,reduction='avg')",
    "F.kl_div(x,-y,reduction='none')",
    "F.kl_div(T([0.0,inf,-inf,nan]),T([0.0,0.0,1.0,1.0]),reduction='none')",
    "F.kl_div(x[0,0],y[0,0],reduction='batchmean')",
    "F.kl_div(x,y.double(),reduction='none').dtype",
    "F.kl_div(x.half(),y,reduction='none').dtype",
    "F.kl_div(i,i,reduction='none')",
    "F.kl_div(x,y[:,:2],reduction='none')",
    "F.kl_div(1.0,y,reduction='none')",
    "F.gaussian_nll_loss(x,y,v,reduction='none')",
    "F.gaussian_nll_loss(x,y,v,full=True)",
    "F.gaussian_nll_loss(x,y,v[:,:1])",
    "F.gaussian_nll_loss(x,y,v[:1])",
    "F.gaussian_nll_loss(x,y,v[:,0])",
    "F.gaussian_nll_loss(x,y,v[0])",
    "F.gaussian_nll_loss(x,y,v[0,0])",
    "F.gaussian_nll_loss(x,y,2.0)",
    "F.gaussian_nll_loss(x,y,-2.0)",
    "F.gaussian_nll_loss(x,y,-v)",
    "F.gaussian_nll_loss(x,y,v*0)",
    "F.gaussian_nll_loss(x,y,v*nan)",
    "F.gaussian_nll_loss(x,y,v,reduction='elementwise_mean')",
    "F.gaussian_nll_loss(x,y[:1],v[:1].expand(2,3))",
    "F.gaussian_nll_loss(x.half(),y.half(),v.half()).dtype",
    "F.poisson_nll_loss(x,y)",
    "F.poisson_nll_loss(x,i,full=True,reduction='none')",
    "F.poisson_nll_loss(x.half(),i,full=True,reduction='none').dtype",
    "F.poisson_nll_loss(i,i,full=True,reduction='none')",
    "F.poisson_nll_loss(i,i,log_input=False)",
    "F.poisson_nll_loss(x,y,log_input=False,eps=2.0,reduction='none')",
    "F.poisson_nll_loss(x,y,log_input=False,reduction='none')",
    "F.poisson_nll_loss(x,y,size_average=False)",
    "F.poisson_nll_loss(x,y,reduction='elementwise_mean')",
    "F.poisson_nll_loss(x,y[:,:2])",
    "F.poisson_nll_loss(zeros(0),zeros(0))",
    "F.poisson_nll_loss(zeros(0),zeros(0),reduction='sum')",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


@pytest.mark.parametrize("source", ["F.gaussian_nll_loss(x,y,2)", "F.gaussian_nll_loss(i,i,i)"])
def test_same_type(source):
    check_same(source, names, message=False)


LOSSES = {
    "kl_div": ({"reduction": "sum"}, {"reduction": "none", "log_target": True}, {"reduction": "batchmean"}),
    "gaussian_nll_loss": ({}, {"full": True, "eps": 0.4, "reduction": "none"}),
    "poisson_nll_loss": ({}, {"full": True, "reduction": "none"}, {"log_input": False, "eps": 0.3}),
}


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, each in LOSSES.items() for options in each])
def test_derivatives(name, options, rng):
    """Of every operand, to second order."""
    count = 3 if name == "gaussian_nll_loss" else 2
    arrays = [rng.uniform(0.2, 3.0, (3, 4)) for _ in range(count)]
    check_gradients(lambda library, *given: getattr(library.nn.functional, name)(*given, **options), *arrays)


def test_a_variance_below_eps_has_its_own_gradient():
    found = []
    for library in (torch, refnet):
        v = library.tensor([1e-9, 0.5], requires_grad=True)
        library.nn.functional.gaussian_nll_loss(library.ones(2), library.zeros(2), v).backward()
        found.append(v.grad.tolist())
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize(
    ("target", "reduction"), [([0.0, 0.5], "mean"), ([0.0, 0.5], "sum"), ([-1.0, nan], "none"), ([inf, 1.0], "none")]
)
def test_divergence_at_the_edges(target, reduction):
    """The gradient of a target of 0 is nan in torch."""
    found = []
    for library in (torch, refnet):
        x, y = (library.tensor(v, requires_grad=True) for v in ([0.3, -1.0], target))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            loss = library.nn.functional.kl_div(x, y, reduction=reduction)
        loss.sum().backward()
        found.append([*x.grad.tolist(), *y.grad.tolist(), *loss.detach().reshape(-1).tolist()])
    assert found[1] == pytest.approx(found[0], nan_ok=True)


@pytest.mark.parametrize("options", [{}, {"reduction": "batchmean"}, {"size_average": True}, {"reduce": False}])
def test_divergence_warns_as_torch_does(options):
    messages = []
    for library in (torch, refnet):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            library.nn.functional.kl_div(library.ones(2), library.ones(2), **options)
        messages.append([str(w.message).replace(" ", "") for w in caught])
    assert messages[0] == messages[1]
