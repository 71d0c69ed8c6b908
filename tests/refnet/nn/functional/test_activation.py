"""Activations and softmax beside torch: values, gradients at kinks and special values, arguments, errors, warnings."""

import warnings
from math import inf, nan

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet
from refnet._ops import softmax as softmax_ops

# Enough copies to fill torch's vector loops: its scalar tails give nan another gradient.
KINKS = 16 * [-inf, -100.0, -88.0, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 21.0, 100.0, inf, nan]
FUNCTIONS = {
    "relu": (),
    "relu6": (),
    "leaky_relu": (),
    "leaky_relu negative": (-0.5,),
    "hardtanh": (),
    "hardtanh narrow": (-0.5, 0.5),
    "threshold": (0.5, -2.0),
    "elu": (),
    "elu negative": (-0.5,),
    "silu": (),
    "softplus": (),
    "softplus negative": (-2, 1),
    "logsigmoid": (),
}


def names(library):
    x = library.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0]])
    return {"x": x, "i": x.long(), "u": x.abs().to(library.uint8), "b": x > 0, "h": x.half(), "z": library.tensor(2.0)}


def at_kinks(library, name, arguments, cotangent):
    x = library.tensor(KINKS, requires_grad=True)
    out = getattr(library.nn.functional, name.partition(" ")[0])(x, *arguments)
    first = library.autograd.grad(out, x, library.full_like(out, cotangent), create_graph=True)[0]
    return out.detach().numpy(), first.detach().numpy()


@pytest.mark.parametrize("cotangent", [1.0, inf])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_kinks_and_special_values(name, cotangent):
    """Each element is of torch's class (nan, infinity, signed zero) and within a few ulp, so is its gradient."""
    theirs, ours = (at_kinks(library, name, FUNCTIONS[name], cotangent) for library in (torch, refnet))
    for what, expected, got in zip(("out", "gradient"), theirs, ours, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-44, err_msg=what)
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]), err_msg=f"zeros of {what}")


SMOOTH = [[-2.5, -0.7, 0.3], [0.8, 1.7, 4.2]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name):
    arguments = FUNCTIONS[name]
    check_gradients(lambda library, x: getattr(library.nn.functional, name.partition(" ")[0])(x, *arguments), SMOOTH)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_derivatives(name, dim):
    check_gradients(lambda library, x: getattr(library.nn.functional, name)(x, dim), SMOOTH)


SAME = [
    "F.relu(i)",
    "F.relu(b)",
    "F.relu([1.0])",
    "F.relu6(i)",
    "F.relu6(u)",
    "F.relu6(b)",
    "F.relu6(None)",
    "F.leaky_relu(i)",
    "F.leaky_relu(b)",
    "F.leaky_relu(x,'a')",
    "F.leaky_relu(x,None)",
    "F.leaky_relu(x,T(0.5))",
    "F.leaky_relu(x,T(0.5,requires_grad=True))",
    "F.leaky_relu(x,negative_slope=0.2)",
    "F.leaky_relu(2.0)",
    "F.hardtanh(i)",
    "F.hardtanh(i,-1.5,1.5)",
    "F.hardtanh(u)",
    "F.hardtanh(u,0,2)",
    "F.hardtanh(b)",
    "F.hardtanh(x,1,-1)",
    "F.hardtanh(x,0.5,0.5)",
    "F.hardtanh(x,T(-0.5),0.5)",
    "F.threshold(i,1,7)",
    "F.threshold(i,1.5,7.5)",
    "F.threshold(i,-1.5,7)",
    "F.threshold(b,0,1)",
    "F.threshold(x,'a',1)",
    "F.threshold(x,1,None)",
    "F.elu(i)",
    "F.elu(b)",
    "F.elu(x,None)",
    "F.elu(x,2)",
    "F.silu(i)",
    "F.silu(None)",
    "F.softplus(i)",
    "F.softplus(x,0)",
    "F.softplus(x,'a')",
    "F.softplus(x,1,'a')",
    "F.softplus(x,beta=2,threshold=1)",
    "F.logsigmoid(i)",
    "F.logsigmoid([1.0])",
    "F.tanh(i)",
    "F.sigmoid(b)",
    "F.silu(h)",
    "F.elu(h)",
    "F.softplus(h)",
    "F.softmax(x)",
    "F.softmax(x,2)",
    "F.softmax(x,-3)",
    "F.softmax(i,0)",
    "F.softmax(i,0,dtype=torch.float64)",
    "F.softmax(x,0,dtype=torch.int64)",
    "F.softmax(h,0,dtype=torch.float32)",
    "F.softmax(x.double(),0,dtype=torch.float16)",
    "F.softmax(b,0)",
    "F.softmax(z,0)",
    "F.softmax(z,1)",
    "F.softmax(x[:0],0)",
    "F.softmax(x[:,:0],1)",
    "F.softmax(x.t(),0)",
    "F.log_softmax(x)",
    "F.log_softmax(i,0)",
    "F.log_softmax(i,1)",
    "F.log_softmax(z,-1)",
    "F.softmin(x,1)",
    "F.softmin(x)",
    "F.softmin(i,0)",
    "F.softmin(h,0,dtype=torch.float32)",
    "F.softmax(T([[-inf,-inf],[inf,1.0],[nan,0.0],[-inf,0.0]]),1)",
    "F.log_softmax(T([[-inf,-inf],[inf,1.0],[nan,0.0],[-inf,0.0]]),1)",
    "torch.softmax(x,1)",
    "torch.log_softmax(x,0)",
    "x.softmax(0)",
    "x.log_softmax(1)",
    "torch.relu_(x.clone())",
    "torch.threshold(x,0.5,2)",
    "F.leaky_relu_(T([-1.0],requires_grad=True),0.1)",
    "F.relu_(T([-1.0],requires_grad=True))",
    "F.hardtanh_(i.clone(),-1,1)",
    "F.elu_(x.clone(),0.5)",
    "F.threshold_(x.clone(),0.5,2.0)",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


SAME_TYPE = [  # in other words
    "F.softmax(x,0.5)",
]


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "hardtanh", "elu", "silu"])
def test_in_place_returns_its_argument(name):
    x = refnet.tensor([-1.5, 0.5, 8.0])
    function = getattr(refnet.nn.functional, name)
    expected = function(x)
    version = x._version
    assert function(x, inplace=True) is x
    assert x._version > version
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize(("shape", "dim"), [((), 0), ((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_implicit_dimension_warns(name, shape, dim):
    function = getattr(refnet.nn.functional, name)
    x = refnet.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated") as caught:
        out = function(x)
    assert caught[0].filename == __file__
    assert out.tolist() == function(x, dim).tolist()


@pytest.mark.parametrize("primitive", [softmax_ops._softmax, softmax_ops._log_softmax])
def test_composite_variant_agrees(primitive, rng):
    x = refnet.from_numpy(rng.standard_normal((4, 6)))
    expected = primitive(x, dim=1).numpy()
    with primitive.using("composite"):
        np.testing.assert_allclose(primitive(x, dim=1).numpy(), expected, rtol=1e-14)


def test_long_softmax_is_accurate(rng):
    """Along an outer dimension too, the sum of many terms loses little."""
    x = rng.standard_normal((100_000, 2)).astype(np.float32)
    exact = torch.log_softmax(torch.from_numpy(x).double(), 0).numpy()
    error = np.abs(refnet.nn.functional.log_softmax(refnet.from_numpy(x), 0).numpy() - exact)
    assert error.max() < 2 * np.spacing(np.float32(16))


def test_half_types_round_once(rng):
    for dtype in ("float16", "bfloat16"):
        x = torch.from_numpy(rng.standard_normal((7, 33))).to(getattr(torch, dtype))
        ours = refnet.tensor(x.double().tolist(), dtype=getattr(refnet, dtype))
        got = refnet.nn.functional.softmax(ours, 1).double().numpy()
        exact = torch.softmax(x.double(), 1).to(x.dtype).double().numpy()
        step = np.abs(exact) * float(torch.finfo(x.dtype).eps)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (np.abs(got - exact) <= step).all()
            assert (got == exact).mean() > 0.99
