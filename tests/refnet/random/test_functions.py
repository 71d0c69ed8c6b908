"""Random functions and in-place fills do what torch's do: values, strides, type, generator state, warnings, errors.

Each row is an expression, evaluated with T as torch and as refnet, from the same seed.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import refnet

NEW = """
T.rand(3,4)
T.randn(3,4)
T.randn(30,4)
T.rand(3,4,dtype=T.float64)
T.rand(3,4,dtype=T.int64)
T.randn(3,4,dtype=T.int64)
T.rand(-1)
T.rand()
T.rand(2.5)
T.rand(True)
T.rand(size=(2,3))
T.rand(3,out=T.empty(2))
T.rand(2,3,out=T.empty(3,3).t())
T.rand(3,3,out=T.empty(3,3).t())
T.rand(3,3,out=T.empty(3,6)[:,::2])
T.rand(3,out=T.empty(3,dtype=T.float64),dtype=T.float32)
T.rand(3,out=T.empty(3,requires_grad=True))
T.rand(3,generator=5)
T.rand(3,generator=T.Generator().manual_seed(3))
T.randint(5,(3,))
T.randint(2,5,(3,),dtype=T.uint8)
T.randint(low=2,high=5,size=(3,))
T.randint(5,5,(3,))
T.randint(5)
T.randint(5,3)
T.randint()
T.randint(1,2,3,4)
T.randint(True,(2,))
T.randint(0,5,(2,-1))
T.randint(1.5,(3,))
T.randint(2**63,(3,))
T.randint(0,300,(3,),dtype=T.uint8)
T.randint(0,5,(3,),out=T.empty(3,dtype=T.float32))
T.randint(0,5,(3,),requires_grad=True)
T.randint_like(T.empty(3),5)
T.randint_like(T.empty(3,3),T.tensor(3))
T.randint_like(T.empty(3,3))
T.randint_like(T.empty(3,3),1.5)
T.randint_like(T.empty(3,5).t(),2,5,dtype=T.int64)
T.rand_like(T.empty(3,4).t())
T.rand_like(T.empty(3,6)[:,::2].t())
T.rand_like(T.empty(3,4).t(),memory_format=T.contiguous_format)
T.rand_like(T.empty(2,3,4,5),memory_format=T.channels_last)
T.randn_like(T.empty(2,3,4,5),memory_format=T.channels_last)
T.rand_like(3)
T.randperm(10)
T.randperm(0)
T.randperm(1)
T.randperm(-1)
T.randperm(1000,dtype=T.int32)
T.randperm(100,dtype=T.bfloat16)
T.randperm(2050,dtype=T.float16)
T.randperm(257,dtype=T.uint8)
T.randperm(3,dtype=T.bool)
T.randperm(5.)
T.randperm(True)
T.randperm(20,out=T.empty(2,dtype=T.int32))
T.bernoulli(T.tensor([.2,.5,.7]))
T.bernoulli(T.rand(5,6).t())
T.bernoulli(T.rand(5,6).t(),.3)
T.bernoulli(T.tensor([1,0,1]),0.5)
T.bernoulli(T.tensor([1,0,1]))
T.bernoulli(T.tensor([2.]))
T.bernoulli(T.tensor([.2]),2)
T.bernoulli(T.tensor([.2,.5,.7]),out=T.empty(5,dtype=T.int64))
T.bernoulli(5)
T.bernoulli(T.rand(3),'a')
T.normal(0.,1.,(3,))
T.normal(1,2,(30,))
T.normal(0,1)
T.normal(T.rand(40),T.rand(40))
T.normal(T.rand(40),2)
T.normal(T.rand(40))
T.normal(3,T.rand(40))
T.normal(T.rand(4,1),T.rand(3))
T.normal(T.rand(40),T.rand(40,dtype=T.float64))
T.normal(T.rand(40).to(T.bfloat16),T.rand(40).to(T.bfloat16))
T.normal(T.rand(40),-T.rand(40))
T.normal(T.rand(2),T.rand(3))
T.normal(T.rand(40),-1.)
T.normal(T.tensor([0,1]),1.)
T.normal(0.,-1.,(3,))
T.normal(0.,1.,3)
T.normal(0.,1.,(3,),dtype=T.int64)
T.normal(0.,1.,(3,),out=T.empty(5))
T.multinomial(T.tensor([1.,2,3]),2)
T.multinomial(T.rand(4,9),5)
T.multinomial(T.rand(4,9),1)
T.multinomial(T.rand(4,9).t(),1)
T.multinomial(T.rand(4,9).t(),3)
T.multinomial(T.rand(4,9),50,True)
T.multinomial(T.rand(4,9,dtype=T.float64),50,True)
T.multinomial(T.rand(0,3),2)
T.multinomial(T.tensor([1.,2,3]),4)
T.multinomial(T.tensor([1.,2,3]),0)
T.multinomial(T.tensor([1,2,3]),1)
T.multinomial(T.tensor([1.,-2,3]),1)
T.multinomial(T.tensor([1.,-2,3]),2,True)
T.multinomial(T.tensor([1.,float('inf'),3]),2,True)
T.multinomial(T.tensor([0.,0,0]),2)
T.multinomial(T.rand(2,3,4),2)
T.multinomial(T.rand(2,3),2,out=T.empty(2))
T.multinomial(T.rand(2,3),2,out=T.empty(5,dtype=T.int64))
T.multinomial(T.rand(2,3),2.)
T.multinomial(T.empty(3,0),1)
""".strip().splitlines()

LAYOUTS = """
T.empty(40,dtype=T.KIND)
T.empty(8,5,dtype=T.KIND).t()
T.empty(8,10,dtype=T.KIND)[:,::2]
T.empty(8,10,dtype=T.KIND)[:,::2].t()
T.empty(2,3,4,5,dtype=T.KIND).permute(0,3,1,2)
T.empty(2,3,8,5,dtype=T.KIND)[:,:,::2].permute(2,0,3,1)
T.empty(3,1,20,dtype=T.KIND)[:,:,::3].transpose(1,2)
T.empty(0,dtype=T.KIND)
T.empty((),dtype=T.KIND)
""".strip().splitlines()
FLOATING_FILLS = ("uniform_(-1,2)", "normal_(1,3)", "exponential_(2)")
FILLS = ("random_()", "random_(0,2)", "bernoulli_()", "bernoulli_(.3)")
FLOATING = ("float32", "float64", "float16", "bfloat16")

ARGUMENTS = """
T.empty(20,3).uniform_(1,0)
T.empty(20,3).uniform_(-1e300,1e300)
T.empty(20,3).uniform_(-3e38,3e38)
T.empty(20,3).uniform_(generator=5)
T.empty(20,3).uniform_("a")
T.empty(20,3).uniform_(T.tensor(0.),T.tensor(2.))
T.empty(20,3).normal_("a")
T.empty(20,3).normal_(0,-1)
T.empty(20,3).normal_(0,float("nan"))
T.empty(20,3).bernoulli_(2)
T.empty(20,3).bernoulli_("a")
T.empty(20,3).bernoulli_(T.tensor([.1,.2,.3]))
T.empty(20,3).bernoulli_(T.tensor(.3))
T.empty(20,3).bernoulli_(T.rand(4))
T.empty(20,3).bernoulli_(T.rand(20,1,dtype=T.float64))
T.empty(20,3).bernoulli_(T.tensor([1,0,1]))
T.empty(20,3).bernoulli_(T.tensor(2.))
T.empty(20,3).exponential_(0)
T.empty(20,3).exponential_("a")
T.empty(20,3).exponential_(float("inf"))
T.empty(20,3).random_(5,5)
T.empty(20,3).random_(None)
T.empty(20,3).random_("a")
T.empty(20,3).random_(5)
T.empty(20,3).random_(to=5)
T.empty(20,3).random_(5,None)
T.empty(20,3).random_(-5,None)
T.empty(20,3).random_(-2**63,None)
T.empty(20,3).random_(2**24+1,2**24+3)
T.empty(20,3).random_(2**24+5,2**63-1)
T.empty(20,3).random_(1.5)
T.empty(20,3).random_(0,2**24+3)
T.empty(20,3).random_(-2**30,2**30)
T.empty(20,3).random_(2**63)
T.empty(20,3).requires_grad_().uniform_()
T.empty(20,3).expand(2,20,3).normal_()
T.empty(20,dtype=T.float16).random_(0,4096)
T.empty(20,dtype=T.float16).random_(-3001,4097)
T.empty(20,dtype=T.float16).random_(3000,None)
T.empty(20,dtype=T.float16).random_(0,70000)
T.empty(20,dtype=T.bfloat16).random_(0,300)
T.empty(20,dtype=T.bfloat16).random_(-2**40-7,2**50+3)
T.empty(20,dtype=T.bfloat16).random_(257,None)
T.empty(20,dtype=T.uint8).random_(0,257)
T.empty(20,dtype=T.uint8).random_(-1,5)
T.empty(20,dtype=T.uint8).random_(7,None)
T.empty(20,dtype=T.uint8).random_(256,None)
T.empty(20,dtype=T.int8).random_(-128,None)
T.empty(20,dtype=T.int16).random_(-2**15,2**15)
T.empty(20,dtype=T.int32).random_(-2**31,2**31)
T.empty(20,dtype=T.bool).random_(0,3)
T.empty(20,dtype=T.bool).random_(0,None)
T.empty(20,dtype=T.bool).random_(-2**63,None)
T.empty(20,dtype=T.int64).random_(-2**63,None)
T.empty(20,dtype=T.float64).random_(-2**63,2**63-1)
T.empty(20,dtype=T.float64).random_(2**53+1,2**63-1)
T.empty(20,dtype=T.int64).uniform_()
T.empty(20,dtype=T.int64).normal_()
T.empty(20,dtype=T.int64).exponential_()
T.empty(20,dtype=T.float16).uniform_(0,1e5)
""".strip().splitlines()


def outcome(T: Any, row: str) -> Any:
    """What an expression gives and how it leaves the generator, in terms that both libraries share."""
    T.manual_seed(5)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            made = eval(row, {"T": T})
        except Exception as error:
            return type(error)
    kind = str(made.dtype).split(".")[1]
    values = (
        made.detach()._array
        if T is refnet
        else made.detach().contiguous().view(-1).view(torch.uint8).numpy()
        if made.numel()
        else np.empty(0)
    )
    state = bytes(T.get_rng_state().numpy())
    return tuple(made.shape), made.stride(), kind, made.requires_grad, len(seen), values.tobytes(), state


@pytest.mark.parametrize("row", [*NEW, *ARGUMENTS])
def test_rows_agree_with_torch(row: str) -> None:
    assert outcome(refnet, row) == outcome(torch, row)


@pytest.mark.parametrize("kind", [*FLOATING, "int64", "uint8", "bool"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fills_follow_the_memory(kind: str, layout: str) -> None:
    for fill in (*FILLS, *(FLOATING_FILLS if kind in FLOATING else ())):
        row = f"{layout.replace('KIND', kind)}.{fill}"
        assert outcome(refnet, row) == outcome(torch, row), row


@pytest.mark.parametrize("fill", ["uniform_", "normal_", "bernoulli_", "exponential_", "random_"])
def test_fills_tick_the_version_and_cut_the_history(fill: str) -> None:
    for T in (torch, refnet):
        leaf = T.ones(4, requires_grad=True)
        x = leaf * 2
        before = x._version
        assert getattr(x, fill)() is x
        assert x._version == before + 1
        x.sum().backward()
        assert leaf.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize("row", ["T.bernoulli(x)", "T.normal(x, 1.0)", "T.normal(0.0, x)", "T.normal(x, x)"])
def test_draws_have_zero_gradients(row: str) -> None:
    for T in (torch, refnet):
        x = T.full((3,), 0.5, requires_grad=True)
        eval(row, {"T": T, "x": x}).sum().backward()
        assert x.grad.tolist() == [0.0] * 3
