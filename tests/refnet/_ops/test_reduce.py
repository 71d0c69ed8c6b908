"""Reductions, extremes and scans: results, errors and gradients beside torch's; accuracy beside the exact sum."""

import math
from math import inf, nan

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet

rng = np.random.default_rng(0)


def names(library):
    x = library.arange(6.0).reshape(2, 3)
    return {
        "x": x,
        "h": x.half(),
        "e": library.zeros(0),
        "e2": library.zeros(2, 0),
        "z": library.tensor(3.0),
        "b": library.tensor([[True, False], [True, True]]),
        "i": library.arange(6).reshape(2, 3),
    }


SAME = [
    "torch.sum(x,())",
    "torch.sum(x,[])",
    "torch.mean(x,())",
    "torch.sum(x,(0,0))",
    "torch.sum(x,2)",
    "torch.sum(x,(0,-1),True)",
    "torch.sum(z,0)",
    "torch.sum(z,1)",
    "torch.sum(z,(0,-1))",
    "torch.sum(b)",
    "torch.sum(b,0)",
    "torch.sum(i,dtype=torch.float16)",
    "torch.sum(x,dtype=torch.int64)",
    "torch.sum(x,dtype=torch.bool)",
    "torch.sum(x,keepdim=True)",
    "torch.sum(x,None,True)",
    "torch.sum(x,0,out=torch.zeros(3,dtype=torch.int64))",
    "torch.sum(x,'a')",
    "torch.sum(x,1.0)",
    "torch.sum(x,(0.5,))",
    "torch.sum(3)",
    "torch.sum(torch.ones(2,3,4).permute(2,0,1),0)",
    "torch.sum(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.sum(torch.ones(2,3,4,5).permute(0,2,3,1),0,keepdim=True)",
    "torch.amax(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.max(torch.ones(2,3,4,5).permute(3,2,0,1),0).values",
    "torch.max(torch.ones(2,3,4,5).permute(3,2,0,1),0).indices",
    "torch.argmax(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.cumsum(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.logsumexp(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.all(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.prod(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.norm(torch.ones(2,3,4,5).permute(3,2,0,1),2,0)",
    "torch.mean(torch.ones(2,3,4,5).permute(3,2,0,1),0)",
    "torch.mean(i)",
    "torch.mean(b)",
    "torch.mean(i,0)",
    "torch.mean(i,dtype=torch.float32)",
    "torch.mean(x,dtype=torch.int64)",
    "torch.mean(e)",
    "torch.mean(e2,1)",
    "torch.mean(e2,0)",
    "torch.prod(x,(0,1))",
    "torch.prod(b)",
    "torch.prod(i,0)",
    "torch.prod(e)",
    "torch.prod(x,0,True)",
    "torch.prod(x,dim=None)",
    "torch.prod(x,keepdim=True)",
    "torch.nansum(T([1.,nan]))",
    "torch.nansum(b)",
    "torch.nansum(i)",
    "torch.var(x)",
    "torch.var(x,False)",
    "torch.var(x,unbiased=False)",
    "torch.var(x,0,False)",
    "torch.var(x,0,unbiased=False,keepdim=True)",
    "torch.var(x,0,correction=0)",
    "torch.var(x,0,correction=0.5)",
    "torch.var(x,dim=(0,1),correction=10)",
    "torch.var(x,0,correction=2)",
    "torch.var(x,0,True,True)",
    "torch.var(x,correction=None)",
    "torch.var(x,unbiased=True,correction=1)",
    "torch.var(i)",
    "torch.var(z)",
    "torch.var(e)",
    "torch.var(e,0)",
    "torch.var(e2,0)",
    "torch.var(x,())",
    "torch.std(x,[])",
    "torch.std(i)",
    "torch.var_mean(i)",
    "torch.var_mean(x,0)",
    "torch.var_mean(x,False)",
    "torch.std_mean(x,0,keepdim=True)",
    "torch.var(b)",
    "torch.max(x)",
    "torch.max(e)",
    "torch.max(e,0)",
    "torch.max(e2,0)",
    "torch.max(e2,1)",
    "torch.max(e2)",
    "torch.max(x,0)",
    "torch.max(x,0,True)",
    "torch.max(x,(0,1))",
    "torch.max(x,2)",
    "torch.max(x,x+1)",
    "torch.max(x,i)",
    "torch.max(b)",
    "torch.max(b,0)",
    "torch.max(z,0)",
    "torch.max(z,1)",
    "torch.max(T([1.,nan,2.,nan]),0)",
    "torch.max(T([1.,2.,2.]),0)",
    "torch.max(x,keepdim=True)",
    "torch.max(x,dim=0,out=(torch.empty(3),torch.empty(3,dtype=torch.int64)))",
    "torch.max(x,1.5)",
    "torch.max(x,None)",
    "torch.max(x,dim=None)",
    "torch.amax(x)",
    "torch.amax(x,())",
    "torch.amax(x,(0,1))",
    "torch.amax(e)",
    "torch.amax(e2,1)",
    "torch.amax(e2,0)",
    "torch.amax(b,0)",
    "torch.amax(x,(0,0))",
    "torch.amax(z,0)",
    "torch.amax(x,0,out=torch.empty(0))",
    "torch.amax(x,0,out=torch.empty(3,dtype=torch.float64))",
    "torch.aminmax(x)",
    "torch.aminmax(x,dim=0,keepdim=True)",
    "torch.aminmax(e)",
    "torch.aminmax(e2,dim=1)",
    "torch.argmax(x)",
    "torch.argmax(x,keepdim=True)",
    "torch.argmax(x,0,True)",
    "torch.argmax(x,dim=None,keepdim=True)",
    "torch.argmax(b)",
    "torch.argmax(e)",
    "torch.argmax(e2,1)",
    "torch.argmax(e2,0)",
    "torch.argmax(z)",
    "torch.argmax(z,0)",
    "torch.argmax(z,1)",
    "torch.argmax(T([1.,nan,nan]))",
    "torch.argmin(T([1.,1.,nan]))",
    "torch.argmax(x,2)",
    "torch.all(x)",
    "torch.all(x,0)",
    "torch.all(x,(0,1))",
    "torch.all(x,())",
    "torch.all(x,dim=())",
    "torch.any(x,dim=())",
    "torch.all(x,dim=[],keepdim=True)",
    "torch.all(x,dim=None,keepdim=True)",
    "torch.all(T([0,1],dtype=torch.uint8))",
    "torch.any(T([0,1],dtype=torch.uint8),0)",
    "torch.all(e)",
    "torch.any(e)",
    "torch.all(x,2)",
    "torch.all(x,(0,0))",
    "torch.all(T([nan]))",
    "torch.any(x,1,True)",
    "torch.cumsum(x,0)",
    "torch.cumsum(i,0,dtype=torch.float16)",
    "torch.cumsum(b,0)",
    "torch.cumsum(z,0)",
    "torch.cumsum(z,1)",
    "torch.cumsum(x,2)",
    "torch.cumsum(x,0,out=torch.zeros(2,3,dtype=torch.int64))",
    "torch.cumprod(b,0)",
    "torch.cumprod(x,dim=-1)",
    "torch.logsumexp(x,0)",
    "torch.logsumexp(x,(0,1))",
    "torch.logsumexp(i,0)",
    "torch.logsumexp(e,0)",
    "torch.logsumexp(T([-inf,-inf]),0)",
    "torch.logsumexp(T([inf,1.]),0)",
    "torch.logsumexp(T([inf,-inf]),0)",
    "torch.logsumexp(T([nan,-inf]),0)",
    "torch.logsumexp(z,0)",
    "torch.logsumexp(b,0)",
    "torch.norm(x)",
    "torch.norm(x,1)",
    "torch.norm(x,inf,0)",
    "torch.norm(x,-inf)",
    "torch.norm(x,0)",
    "torch.norm(x,3,(0,1),True)",
    "torch.norm(x,'fro')",
    "torch.norm(x,'fro',0)",
    "torch.norm(x,'x')",
    "torch.norm(x,2,dim=(0,1))",
    "torch.norm(x,2,dim=())",
    "torch.norm(i)",
    "torch.norm(i,dtype=torch.float32)",
    "torch.norm(x,dtype=torch.float64)",
    "torch.norm(x.double(),dtype=torch.float32)",
    "torch.norm(x,keepdim=True)",
    "torch.norm(x,None)",
    "torch.norm(x,inf,(0,1))",
    "torch.norm(e)",
    "torch.norm(e,inf)",
    "torch.norm(e,-1)",
    "torch.norm(x,out=torch.zeros(()))",
    "torch.norm(z,2,0)",
    "torch.linalg.vector_norm(x)",
    "torch.linalg.vector_norm(x,inf,dim=(0,1),keepdim=True)",
    "torch.linalg.vector_norm(i)",
    "torch.linalg.vector_norm(x,dtype=torch.float16)",
    "torch.linalg.vector_norm(h,dtype=torch.float32)",
    "torch.linalg.vector_norm(x,dtype=torch.int64)",
    "torch.linalg.vector_norm(x,dim=())",
    "torch.linalg.vector_norm(x,dim=[])",
    "torch.linalg.vector_norm(x,0)",
    "torch.linalg.vector_norm(x,-2)",
    "torch.linalg.vector_norm(x,0.5,dim=0)",
    "torch.linalg.vector_norm(e,inf)",
    "torch.linalg.vector_norm(e2,inf,dim=0)",
    "torch.linalg.vector_norm(e,-1)",
    "torch.linalg.vector_norm(x,'a')",
    "torch.linalg.vector_norm(T([nan,1.]),inf)",
    "torch.count_nonzero(x)",
    "torch.count_nonzero(x,0)",
    "torch.count_nonzero(x,(0,1))",
    "torch.count_nonzero(x,())",
    "torch.count_nonzero(x,3)",
    "torch.count_nonzero(x,dim=0,keepdim=True)",
    "x.sum_to_size(1,3)",
    "x.sum_to_size((3,))",
    "x.sum_to_size(2)",
    "x.sum_to_size(())",
]

# The exception is torch's; the words are better, or Python's own.
SAME_TYPE = [
    "torch.aminmax(x,dim=(0,1))",
    "torch.cumsum(x)",
    "torch.logsumexp(x)",
    "torch.linalg.vector_norm(e2,inf,dim=1)",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names)


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


def normal(*shape):
    return rng.standard_normal(shape)


TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
ONE_ZERO, ZEROS = normal(3, 4), normal(3, 4)
ONE_ZERO[0, 1] = ZEROS[0, 1] = ZEROS[0, 2] = ZEROS[2, 0] = 0
WITH_NAN, WITH_INF = normal(2, 3), normal(2, 3)
WITH_NAN[0, 1], WITH_INF[0] = nan, -inf
HOW = [{}, {"dim": 0}, {"dim": (0, 2)}, {"dim": [-1]}, {"dim": None}, {"dim": 1, "keepdim": True}]
HOW += [{"dim": (0, 1), "keepdim": True}]
ONE_DIM = [how for how in HOW if isinstance(how.get("dim"), int)]
OVER = {
    "sum": HOW, "mean": HOW, "var": HOW, "std": HOW, "amax": HOW[1:4] + HOW[5:], "amin": HOW[1:4] + HOW[5:],
    "logsumexp": HOW[1:4] + HOW[5:], "prod": [{}, *ONE_DIM], "cumsum": ONE_DIM[:1], "cumprod": ONE_DIM[:1],
    "nansum": HOW, "norm": HOW,
}  # fmt: skip


@pytest.mark.parametrize(("name", "how"), [(n, how) for n, hows in OVER.items() for how in hows], ids=str)
def test_gradients(name, how):
    check_gradients(lambda t, x: getattr(t, name)(x, **how), normal(2, 3, 4))


@pytest.mark.parametrize("x", [normal(3, 4), np.zeros((2, 3)), ZEROS], ids=["normal", "all zero", "some zeros"])
@pytest.mark.parametrize("p", [0, 1, 2, 3, inf])
def test_gradients_of_norms(p, x):
    check_gradients(lambda t, x: t.norm(x, p, 1), x)


@pytest.mark.parametrize("p", [0.5, 1.5, 2.5, -1, -inf])
def test_gradients_of_other_norms(p):
    check_gradients(lambda t, x: t.linalg.vector_norm(x, p, dim=(0, 1), keepdim=True), normal(3, 4))


POINTS = {
    "prod, a zero": (lambda t, x: t.prod(x), ONE_ZERO),
    "prod over dim, a zero": (lambda t, x: t.prod(x, 1), ONE_ZERO),
    "prod over dim, two zeros": (lambda t, x: t.prod(x, 1), ZEROS),
    "prod keepdim, zeros": (lambda t, x: t.prod(x, 0, True), ZEROS),
    "prod of nothing but 0": (lambda t, x: t.prod(x), np.array(0.0)),
    "cumprod, zeros": (lambda t, x: t.cumprod(x, 1), ZEROS),
    "cumprod over 0, zeros": (lambda t, x: t.cumprod(x, 0), ZEROS),
    "cumsum 0-d": (lambda t, x: t.cumsum(x, 0), np.array(2.0)),
    "nansum": (lambda t, x: t.nansum(x, 1), WITH_NAN),
    "logsumexp of -inf": (lambda t, x: t.logsumexp(x, 1), WITH_INF),
    "max, ties": (lambda t, x: t.max(x), TIES),
    "min, ties": (lambda t, x: t.min(x), TIES),
    "max, nan": (lambda t, x: t.max(x), WITH_NAN),
    "max over dim, ties": (lambda t, x: t.max(x, 1)[0], TIES),
    "min over dim keepdim, ties": (lambda t, x: t.min(x, 1, True)[0], TIES),
    "amax, ties": (lambda t, x: t.amax(x, 1), TIES),
    "amax over all, ties": (lambda t, x: t.amax(x, (0, 1)), TIES),
    "amax, nan": (lambda t, x: t.amax(x, 1), WITH_NAN),
    "amin, ties": (lambda t, x: t.amin(x, 0, True), TIES),
    "aminmax": (lambda t, x: t.aminmax(x, dim=1)[0] * 2 + t.aminmax(x, dim=1)[1], TIES),
    "max 0-d": (lambda t, x: t.max(x, 0)[0], np.array(2.0)),
    "var_mean": (lambda t, x: t.var_mean(x, 1)[0] + 2 * t.var_mean(x, 1)[1], normal(3, 4)),
    "var of var_mean": (lambda t, x: t.var_mean(x, 1)[0], normal(3, 4)),
    "mean of var_mean": (lambda t, x: t.var_mean(x, 1, keepdim=True)[1], normal(3, 4)),
    "std_mean": (lambda t, x: t.std_mean(x, 1)[0] + 2 * t.std_mean(x, 1)[1], normal(3, 4)),
    "std of a constant": (lambda t, x: t.std(x, 0), np.ones((3, 2))),
    "sum_to_size": (lambda t, x: x.sum_to_size(3, 1), normal(2, 3, 4)),
    "sum_to_size of all": (lambda t, x: x.sum_to_size(()), normal(2, 3, 4)),
    "sum of nothing": (lambda t, x: t.sum(x, 1), normal(2, 0)),
    "mean of nothing": (lambda t, x: t.mean(x, 1), normal(2, 0)),
}


@pytest.mark.parametrize("name", POINTS)
def test_gradients_at(name):
    function, x = POINTS[name]
    check_gradients(function, x)


@pytest.mark.parametrize("correction", [0, 1, 2, 3, 5, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_gradients_with_correction(name, correction):
    check_gradients(lambda t, x: getattr(t, name)(x, 0, correction=correction), normal(3, 2))


# --- accuracy: never further from the exact result than torch, but for a last bit ---------------------------------

LAYOUTS = {
    "rows": ((100_003,), (0,)),
    "columns": ((20_001, 5), (0,)),
    "wide columns": ((4_099, 33), (0,)),
    "middle": ((7, 3_001, 11), (1,)),
    "outer two": ((61, 67, 9), (0, 1)),
    "all but channels": ((32, 5, 17, 17), (0, 2, 3)),
    "everything": ((51, 53, 7), (0, 1, 2)),
}


def worst(got, exact):
    return float(np.max(np.abs(np.asarray(got, dtype=np.float64) - exact) / np.abs(exact)))


@pytest.mark.parametrize("turned", [False, True], ids=["contiguous", "turned"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_are_as_accurate_as_torchs(layout, turned):
    shape, dims = LAYOUTS[layout]
    x = (np.random.default_rng(3).random(shape) + 1).astype(np.float32)
    if turned:
        x, dims = x.transpose(), tuple(len(shape) - 1 - d for d in dims)
    exact = np.sum(x.astype(np.longdouble), axis=dims)
    eps = 2.0**-24
    for function, target in ((refnet.sum, exact), (refnet.mean, exact / math.prod(x.shape[d] for d in dims))):
        ours = worst(function(refnet.from_numpy(x), dims).numpy(), target)
        theirs = worst(getattr(torch, function.__name__)(torch.from_numpy(x), dims).numpy(), target)
        assert ours <= max(theirs, 4 * eps), f"{function.__name__}: {ours / eps} ulp, torch {theirs / eps}"


@pytest.mark.parametrize("name", ["var", "std", "cumsum", "norm", "logsumexp"])
def test_float32_results_are_correctly_rounded_or_nearly(name):
    x = (np.random.default_rng(4).random(50_000) + 100).astype(np.float32)
    call = {"cumsum": lambda t, x: t.cumsum(x, 0), "logsumexp": lambda t, x: t.logsumexp(x, 0)}
    run = call.get(name, lambda t, x: getattr(t, name)(x))
    exact = run(torch, torch.from_numpy(x).double()).numpy()
    assert worst(run(refnet, refnet.from_numpy(x)).numpy(), exact) < 2.0**-23


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var", "std", "norm", "amax", "logsumexp", "cumsum"])
def test_half_types_round_once(name, dtype):
    values = np.linspace(0.9, 1.1, 96).reshape(8, 12)
    ours = getattr(refnet, name)(refnet.tensor(values, dtype=getattr(refnet, dtype)), 1)
    theirs = getattr(torch, name)(torch.tensor(values, dtype=getattr(torch, dtype)), 1)
    wide = getattr(torch, name)(torch.tensor(values, dtype=getattr(torch, dtype)).double(), 1)
    assert ours.dtype is getattr(refnet, dtype)
    exact = wide.to(getattr(torch, dtype)).double().numpy()
    got = ours.double().numpy()
    assert np.array_equal(got, exact) or np.array_equal(got, theirs.double().numpy())


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "bool"])
@pytest.mark.parametrize("name", ["sum", "prod", "amax", "all", "any", "cumsum", "count_nonzero"])
def test_integers(name, dtype):
    values = np.array([[0, 1, 2], [3, 4, 5]])
    ours = getattr(refnet, name)(refnet.tensor(values, dtype=getattr(refnet, dtype)), 1)
    theirs = getattr(torch, name)(torch.tensor(values, dtype=getattr(torch, dtype)), 1)
    assert repr(ours).replace("refnet.", "torch.") == repr(theirs)


def test_inputs_are_left_alone_and_results_own_their_memory():
    x = refnet.tensor(normal(4, 1, 3))
    before = x.clone()
    for name in ("sum", "mean", "prod", "amax", "cumsum", "norm"):
        how = {"p": 2, "dim": 1} if name == "norm" else {"dim": 1}
        out = getattr(refnet, name)(x, **how)
        out.add_(1)
        assert (x == before).all(), name
