"""Products and einsum: results, errors and gradients beside torch's."""

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet

rng = np.random.default_rng(0)


def names(library):
    return {
        "x": library.arange(6.0).reshape(2, 3),
        "e": library.zeros(0),
        "e2": library.zeros(2, 0),
        "z": library.tensor(3.0),
        "b": library.tensor([[True, False], [True, True]]),
        "i": library.arange(6).reshape(2, 3),
    }


SAME = [
    "torch.matmul(x,x)",
    "torch.matmul(x,z)",
    "torch.matmul(x,torch.ones(3))",
    "torch.matmul(torch.ones(2),x)",
    "torch.matmul(torch.ones(3),x)",
    "torch.matmul(x,torch.ones(2))",
    "torch.matmul(torch.ones(3),torch.ones(3))",
    "torch.matmul(torch.ones(3),torch.ones(4))",
    "torch.matmul(torch.ones(2,1,4,3),torch.ones(5,3,2)).shape",
    "torch.matmul(torch.ones(2,4,3),torch.ones(3,3,2))",
    "torch.matmul(torch.ones(2,4,3),torch.ones(2,4,2))",
    "torch.matmul(torch.ones(2,4,3),torch.ones(4,2))",
    "torch.matmul(torch.ones(2,4,3),torch.ones(4))",
    "torch.matmul(torch.ones(4),torch.ones(2,3,2))",
    "torch.matmul(torch.ones(3),torch.ones(2,3,2)).shape",
    "torch.matmul(torch.ones(2,4,3),torch.ones(3)).shape",
    "torch.matmul(x,x.T.double())",
    "torch.matmul(torch.ones(2,2,2),torch.ones(2,2,2).double())",
    "torch.matmul(x,T([1,2,3]))",
    "torch.matmul(i,i.T)",
    "torch.matmul(b,b)",
    "torch.bmm(b[None],b[None])",
    "torch.dot(b[0],b[0])",
    "torch.mv(b,b[0])",
    "torch.matmul(e2,torch.zeros(0,3))",
    "torch.matmul(x,3)",
    "torch.mm(x,x)",
    "torch.mm(x,torch.ones(3))",
    "torch.mm(x,x.T,out=torch.zeros(2,2))",
    "torch.mm(x,x.T.half())",
    "torch.mm(x,x.T.long())",
    "torch.bmm(x,x)",
    "torch.bmm(x[None],x)",
    "torch.bmm(x[None],x[None])",
    "torch.bmm(torch.ones(2,3,4),torch.ones(3,4,5))",
    "torch.bmm(torch.ones(2,3,4),torch.ones(2,4,5).double())",
    "torch.mv(x,torch.ones(2))",
    "torch.mv(x,x)",
    "torch.mv(x,torch.ones(3).double())",
    "torch.dot(x,x)",
    "torch.dot(torch.ones(2),torch.ones(3))",
    "torch.dot(torch.ones(2),torch.ones(2).double())",
    "torch.dot(T([1,2]),T([3,4]))",
    "torch.dot(e,e)",
    "torch.outer(torch.ones(2),torch.ones(3))",
    "torch.outer(x,torch.ones(3))",
    "torch.outer(torch.ones(2),T([1,2]))",
    "torch.outer(torch.ones(2),x)",
    "torch.addmm(torch.ones(2),x,x.T)",
    "torch.addmm(torch.ones(3),x,x.T)",
    "torch.addmm(torch.ones(2,1),x,x.T,beta=0,alpha=2)",
    "torch.addmm(T([nan,nan]),x,x.T,beta=0)",
    "torch.addmm(z,x,x.T)",
    "torch.addmm(torch.ones(2),x,x)",
    "torch.addmm(torch.ones(2).double(),x,x.T)",
    "torch.addmm(torch.ones(2),x,x.T.double())",
    "torch.addmm(T([1,1]),i,i.T,alpha=1.5)",
    "torch.addmm(T([1,1]),i,i.T,alpha=2)",
    "torch.addmv(torch.ones(2),x,torch.ones(3),beta=2,alpha=3)",
    "torch.addmv(torch.ones(3),x,torch.ones(3))",
    "torch.addmv(torch.ones(2),x,torch.ones(2))",
    "torch.baddbmm(torch.ones(2),x[None],x.T[None])",
    "torch.baddbmm(torch.ones(3),x[None],x.T[None])",
    "torch.baddbmm(torch.ones(2),x[None],x.T[None],beta=0,alpha=0)",
    "torch.baddbmm(torch.ones(2).double(),x[None],x.T[None])",
    "torch.baddbmm(torch.ones(2),x,x.T[None])",
    "torch.tensordot(x,x,2)",
    "torch.tensordot(x,x,1)",
    "torch.tensordot(x,x,0).shape",
    "torch.tensordot(x,x,([1],[1]))",
    "torch.tensordot(x,x,([1],[0]))",
    "torch.tensordot(x,x,-1)",
    "torch.tensordot(x,x,3)",
    "torch.tensordot(x,x,([0,1],[0]))",
    "torch.tensordot(x,x,([0,0],[0,1]))",
    "torch.tensordot(x,x.double(),2)",
    "torch.einsum('ij,kj->ik',x,x)",
    "torch.einsum('ij,kj',x,x)",
    "torch.einsum('ii->i',b)",
    "torch.einsum('ii->i',x)",
    "torch.einsum('ii',torch.ones(3,3))",
    "torch.einsum('ij->',x)",
    "torch.einsum('i,j',torch.ones(2),torch.ones(3))",
    "torch.einsum('...ij,...jk->...ik',torch.ones(2,1,3,4),torch.ones(5,4,2)).shape",
    "torch.einsum('ij,jk',x,x)",
    "torch.einsum('ij->k',x)",
    "torch.einsum('ij->ii',x)",
    "torch.einsum('ijk',x)",
    "torch.einsum('i',x)",
    "torch.einsum('ij,ij',x)",
    "torch.einsum('i1',x)",
    "torch.einsum('ij',x,x)",
    "torch.einsum('ij-i',x)",
    "torch.einsum('i..j',x)",
    "torch.einsum('ij->i...',x)",
    "torch.einsum('...->...',x).shape",
    "torch.einsum('ba',x)",
    "torch.einsum(' i j -> j i ',x)",
    "torch.einsum('ij,jk,kl->il',x,x.T,x)",
    "torch.einsum('ij,j->ij',x,torch.ones(1))",
    "torch.einsum('ij,ij->j',x,i)",
    "torch.einsum('ij',[x])",
    "torch.einsum('ijAb->bAij',torch.ones(2,3,4,5)).shape",
    "torch.einsum('bA',x).shape",
    "torch.einsum('...a->a...',torch.ones(2,3,4)).shape",
    "torch.einsum('a...',torch.ones(2,3,4)).shape",
    "torch.einsum('',z)",
    "torch.einsum(',',z,z)",
]

# The exception is torch's; its words name a C++ type, or come in another order.
SAME_TYPE = [
    "torch.addmm(torch.ones(1,2,2),x,x.T)",
    "torch.baddbmm(torch.ones(2),x[None],x[None])",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names)


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


def normal(*shape):
    return rng.standard_normal(shape)


SHAPES = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)), ((6, 5, 2, 3), (3,)), ((6, 5, 2, 3), (3, 4)), ((3,), (6, 5, 3, 2)), ((0, 3), (3, 2)),
    ((2, 0), (0, 3)), ((4, 2, 0), (4, 0, 3)), ((0, 2, 3), (3,)), ((1, 1), (1, 1)), ((2, 1, 3), (1, 3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matmul_gradients(shapes):
    check_gradients(lambda t, x, y: t.matmul(x, y), *[normal(*s) for s in shapes])


PRODUCTS = {
    "mm": (lambda t, x, y: t.mm(x, y), (2, 3), (3, 2)),
    "mm of views": (lambda t, x, y: t.mm(x.T, y[::2]), (2, 3), (4, 5)),
    "mm of gaps": (lambda t, x, y: t.mm(x[::2, ::2], y[::3, 1::2]), (4, 6), (9, 5)),
    "bmm": (lambda t, x, y: t.bmm(x, y), (2, 2, 3), (2, 3, 2)),
    "bmm of expanded": (lambda t, x, y: t.bmm(x.expand(4, 2, 3), y), (1, 2, 3), (4, 3, 2)),
    "mv": (lambda t, x, y: t.mv(x, y), (2, 3), (3,)),
    "dot": (lambda t, x, y: t.dot(x, y), (3,), (3,)),
    "outer": (lambda t, x, y: t.outer(x, y), (2,), (3,)),
    "addmv": (lambda t, i, x, y: t.addmv(i, x, y, beta=0.5, alpha=2), (4,), (4, 3), (3,)),
    "baddbmm": (lambda t, i, x, y: t.baddbmm(i, x, y, beta=0.5, alpha=2), (4, 2), (5, 4, 3), (5, 3, 2)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y, 2), (2, 3, 4), (3, 4, 5)),
    "tensordot over nothing": (lambda t, x, y: t.tensordot(x, y, 0), (2, 3), (4,)),
    "tensordot of lists": (lambda t, x, y: t.tensordot(x, y, ([0, 2], [1, 0])), (2, 3, 4), (4, 2, 5)),
    "tensordot, size 1": (lambda t, x, y: t.tensordot(x, y, ([0], [1])), (1, 3), (4, 2)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_gradients(name):
    function, *shapes = PRODUCTS[name]
    check_gradients(function, *[normal(*s) for s in shapes])


@pytest.mark.parametrize("shape", [(2,), (1,), (4, 1), (4, 2), ()], ids=str)
@pytest.mark.parametrize("scales", [{}, {"beta": 0.5, "alpha": 2}, {"beta": 0}, {"alpha": 0}], ids=str)
def test_addmm_gradients(shape, scales):
    check_gradients(lambda t, i, x, y: t.addmm(i, x, y, **scales), normal(*shape), normal(4, 3), normal(3, 2))


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,kj", (2, 3), (4, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("i,j", (2,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("ij,ij->i", (2, 3), (2, 3)), ("ij,ij", (2, 3), (2, 3)), ("ij,j->ij", (2, 3), (1,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)),
    ("ij,jk->i", (2, 3), (3, 4)), ("i,i->", (3,), (3,)), ("ij,ij->j", (2, 1), (2, 3)), ("i,ij", (1,), (4, 2)),
    ("...,...->...", (2, 3), (3,)), ("a...b->b...a", (2, 3, 4)), (",ij", (), (2, 3)),
    ("iijj->ij", (2, 2, 3, 3)), ("ij...,jk...->ik...", (2, 3, 2), (3, 4, 2)), ("...i->...", (2, 3, 4)),
    ("ijk,ilm,njm,nlk,abc->", (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
def test_einsum_gradients(equation, shapes):
    # torch's memory order depends on the path it takes through the operands
    check_gradients(lambda t, *x: t.einsum(equation, *x), *[normal(*s) for s in shapes], strides=False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"])
def test_types(dtype):
    x, y = rng.integers(0, 6, (7, 65)), rng.integers(0, 6, (65, 5))
    ours = refnet.mm(refnet.tensor(x, dtype=getattr(refnet, dtype)), refnet.tensor(y, dtype=getattr(refnet, dtype)))
    theirs = torch.mm(torch.tensor(x, dtype=getattr(torch, dtype)), torch.tensor(y, dtype=getattr(torch, dtype)))
    assert ours.dtype is getattr(refnet, dtype)
    assert np.array_equal(ours.double().numpy(), theirs.double().numpy())


def test_layouts_give_the_same_product():
    x, y = rng.standard_normal((6, 8, 10)), rng.standard_normal((6, 10, 4))
    expected = x @ y
    a, b = refnet.tensor(x), refnet.tensor(y)
    seen = {
        "transposed": (a.transpose(1, 2).contiguous().transpose(1, 2), b.transpose(1, 2).contiguous().transpose(1, 2)),
        "gapped": (refnet.tensor(np.repeat(x, 2, 2))[:, :, ::2], refnet.tensor(np.repeat(y, 3, 1))[:, ::3]),
        "batch last": (
            a.permute(1, 2, 0).contiguous().permute(2, 0, 1),
            b.permute(2, 1, 0).contiguous().permute(2, 1, 0),
        ),
    }
    for name, (left, right) in seen.items():
        np.testing.assert_allclose(refnet.matmul(left, right).numpy(), expected, rtol=1e-13, err_msg=name)
    row = a[:1, :1, :].expand(6, 8, 10)
    np.testing.assert_allclose(refnet.matmul(row, b).numpy(), row.numpy() @ y, rtol=1e-13)
