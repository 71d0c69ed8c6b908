"""Reading, writing and sorting by position: results, errors and gradients beside torch's."""

import numpy as np
import pytest
from beside_torch import check_gradients, check_same

import refnet

rng = np.random.default_rng(0)


def names(library):
    return {
        "x": library.arange(12.0).reshape(3, 4),
        "v": library.arange(5.0),
        "ix": library.tensor([[0, 1, 2, 0]]),
        "e": library.zeros(0),
        "e2": library.zeros(2, 0),
        "z": library.tensor(3.0),
        "b": library.tensor([[True, False], [True, True]]),
        "i": library.arange(6).reshape(2, 3),
    }


def names_of_subscripts(library):
    return names(library) | {
        "x": library.arange(24.0).reshape(2, 3, 4),
        "m": library.arange(6.0).reshape(2, 3),
        "ix": library.tensor([[0, 1], [1, 0]]),
    }


SAME = [
    "torch.gather(x,0,ix)",
    "torch.gather(x,1,T([[0],[3],[1]]))",
    "torch.gather(x,1,T([[0],[4],[1]]))",
    "torch.gather(x,1,T([[0],[-1],[1]]))",
    "torch.gather(x,0,T([0,1]))",
    "torch.gather(x,0,ix.int())",
    "torch.gather(x,0,ix.short())",
    "torch.gather(x,2,ix)",
    "torch.gather(x,0,torch.zeros(1,5,dtype=torch.int64))",
    "torch.gather(x,0,torch.zeros(0,dtype=torch.int64))",
    "torch.gather(z,0,T(0))",
    "torch.gather(z,0,T([0]))",
    "torch.gather(v,0,T(3))",
    "torch.gather(x,0,ix,sparse_grad=True)",
    "torch.scatter(x,0,ix,9.)",
    "torch.scatter(x,0,ix,torch.ones(1,4))",
    "torch.scatter(x,0,ix,torch.ones(1,3))",
    "torch.scatter(x,0,ix,torch.ones(2,5)*7)",
    "torch.scatter(x,0,ix,torch.ones(1,4).double())",
    "torch.scatter(x,0,ix,5,reduce='multiply')",
    "torch.scatter(x,0,ix,torch.ones(1,4)*2,reduce='add')",
    "torch.scatter(x,0,ix,torch.ones(1,4)*2,reduce='foo')",
    "torch.scatter(x,0,ix+5,1.)",
    "torch.scatter(x,0,ix-1,1.)",
    "torch.scatter(x,0,ix.int(),1.)",
    "torch.scatter(x,0,ix.short(),1.)",
    "torch.scatter(x,0,torch.zeros(1,6,dtype=torch.int64),1.)",
    "torch.scatter(x,0,torch.zeros(4,4,dtype=torch.int64),1.)",
    "torch.scatter(x,0,torch.zeros(0,dtype=torch.int64),1.)",
    "torch.scatter(z,0,T(0),1.)",
    "torch.scatter(i,1,T([[0]]),1.5)",
    "torch.scatter_add(x,0,ix,torch.ones(1,4))",
    "torch.scatter_add(x,0,ix,torch.ones(1,4).double())",
    "torch.scatter_add(x,0,ix,torch.ones(1,3))",
    "torch.scatter_add(b,0,T([[0]]),T([[True]]))",
    "torch.index_select(x,0,T([0,2]))",
    "torch.index_select(x,1,T([0,2],dtype=torch.int32))",
    "torch.index_select(x,0,T([0,3]))",
    "torch.index_select(x,0,T([-1]))",
    "torch.index_select(x,0,T([[0]]))",
    "torch.index_select(x,0,T(1))",
    "torch.index_select(x,0,T([1.]))",
    "torch.index_select(z,0,T([0]))",
    "torch.index_select(z,0,T(0))",
    "torch.index_select(z,0,T([0,0]))",
    "torch.index_select(x,2,T([0]))",
    "torch.index_select(x,0,T([],dtype=torch.int64)).shape",
    "torch.index_add(x,0,T([0,0]),torch.ones(2,4))",
    "torch.index_add(x,0,T([0,0]),torch.ones(2,4),alpha=3)",
    "torch.index_add(x,0,T([0,0]),torch.ones(3,4))",
    "torch.index_add(x,0,T([0,0]),torch.ones(2,3))",
    "torch.index_add(x,0,T([0,5]),torch.ones(2,4))",
    "torch.index_add(x,0,T([[0]]),torch.ones(1,4))",
    "torch.index_add(x,0,T([0.]),torch.ones(1,4))",
    "torch.index_add(x,0,T([0]),torch.ones(1,4).double())",
    "torch.index_add(x,0,T(0),torch.ones(4))",
    "torch.index_add(x,0,T(0),torch.ones(1,4))",
    "torch.index_add(i,0,T([0]),torch.ones(1,3,dtype=torch.int64),alpha=1.5)",
    "torch.index_copy(x,0,T([1,0]),torch.ones(2,4))",
    "torch.index_copy(x,0,T([1,0]),torch.ones(2,3))",
    "torch.index_copy(x,0,T([1]),torch.ones(2,4))",
    "torch.index_copy(x,0,T([9]),torch.ones(1,4))",
    "torch.index_copy(x,0,T([1],dtype=torch.int32),torch.ones(1,4))",
    "torch.index_copy(x,0,T([1]),torch.ones(1,4).double())",
    "torch.index_copy(x,0,T([[1]]),torch.ones(1,4))",
    "torch.index_copy(x,0,T(1),torch.ones(1,4))",
    "torch.index_copy(x,0,T([1]),T(1.))",
    "torch.index_fill(x,0,T([1]),7)",
    "torch.index_fill(x,0,T([1]),T(7.))",
    "torch.index_fill(x,0,T([1]),T([7.]))",
    "torch.index_fill(x,0,T([1],dtype=torch.int32),7)",
    "torch.index_fill(x,0,T([9]),7)",
    "torch.index_fill(x,0,T([-1]),7)",
    "torch.index_fill(x,0,T([[1]]),7)",
    "torch.index_fill(x,0,T(1),7)",
    "torch.index_fill(i,0,T([1]),1.5)",
    "torch.index_put(x,(T([0,1]),),T(5.))",
    "torch.index_put(x,(T([0,0]),T([1,1])),T([1.,2.]),accumulate=True)",
    "torch.index_put(x,(T([0,0]),T([1,1])),T([1.,2.,3.]))",
    "torch.index_put(x,(T([0,0]),),T([1,2]))",
    "torch.index_put(x,[None,T([0,0])],T(5.))",
    "torch.index_put(x,(x>5,),T(5.))",
    "torch.index_put(x,(T([9]),),T(5.))",
    "torch.index_put(x,T([0]),T(5.))",
    "torch.masked_fill(x,x>5,0)",
    "torch.masked_fill(x,x>5,T(0.))",
    "torch.masked_fill(x,x>5,T([0.]))",
    "torch.masked_fill(x,x.long(),0)",
    "torch.masked_fill(x,T([True,False]),0)",
    "torch.masked_fill(x[0],x>5,0)",
    "torch.masked_fill(i,i>2,1.5)",
    "torch.masked_fill(i,i>2,T(1.5))",
    "torch.masked_fill(b,b,3)",
    "torch.masked_select(x,x>5)",
    "torch.masked_select(x,T([True,False,False,True]))",
    "torch.masked_select(x,x)",
    "torch.masked_select(x,T([True,False]))",
    "torch.masked_select(z,T(True))",
    "torch.masked_scatter(x,x>5,torch.arange(20.))",
    "torch.masked_scatter(x,x>5,torch.arange(2.))",
    "torch.masked_scatter(x,x,torch.arange(20.))",
    "torch.nonzero(x>8)",
    "torch.nonzero(x>8,as_tuple=True)",
    "torch.nonzero(z)",
    "torch.nonzero(z,as_tuple=True)",
    "torch.take(x,T([[0,5],[-1,3]]))",
    "torch.take(x,T([12]))",
    "torch.take(x,T([-13]))",
    "torch.take(x,T([0],dtype=torch.int32))",
    "torch.take(z,T(0))",
    "torch.take(e,T([0]))",
    "torch.take_along_dim(x,T([[0],[1],[2]]),1)",
    "torch.take_along_dim(x,T([[0,1]]),1)",
    "torch.take_along_dim(x,T([5,3]))",
    "torch.take_along_dim(x,T([0]),1)",
    "torch.take_along_dim(x,T([[0]],dtype=torch.int32),1)",
    "torch.take_along_dim(x,T([[7]]),1)",
    "F.one_hot(T([0,2,1]))",
    "F.one_hot(T([0,2,1]),5)",
    "F.one_hot(T([0,2,1]),2)",
    "F.one_hot(T([0,-2]))",
    "F.one_hot(T([0.,2]))",
    "F.one_hot(T(2))",
    "F.one_hot(T([],dtype=torch.int64))",
    "F.one_hot(T([],dtype=torch.int64),3)",
    "F.one_hot(T([1],dtype=torch.int32))",
    "F.one_hot(T([1]),0)",
    "F.one_hot(T([1]),-2)",
    "torch.sort(T([3.,1.,2.]))",
    "torch.sort(T([3.,nan,2.,-inf]))",
    "torch.sort(T([3.,nan,2.,-inf]),descending=True)",
    "torch.sort(T([1.,1.,0.,1.]),descending=True)",
    "torch.sort(T([1.,1.,0.,1.]),descending=True,stable=True)",
    "torch.sort(x,0,True)",
    "torch.sort(x,dim=0,descending=True,stable=True)",
    "torch.sort(z)",
    "torch.sort(x,2)",
    "torch.sort(b,1)",
    "torch.sort(T([-0.,0.,-0.]))",
    "torch.argsort(x,0,True)",
    "torch.argsort(x,stable=True)",
    "torch.topk(T([3.,1.,2.]),2)",
    "torch.topk(T([3.,1.,2.]),2,largest=False)",
    "torch.topk(T([3.,1.,2.]),2,largest=False,sorted=False)",
    "torch.topk(T([3.,nan,2.]),2)",
    "torch.topk(T([3.,nan,2.]),3,largest=False)",
    "torch.topk(x,5)",
    "torch.topk(x,-1)",
    "torch.topk(x,2,0)",
    "torch.topk(x,2,dim=2)",
    "torch.topk(z,1)",
    "torch.topk(z,0)",
    "torch.topk(x,0)",
    "torch.topk(b,1)",
]

# The exception is torch's and the words say more; or strides of nothing, or the order of ties, which torch leaves open.
SAME_TYPE = [
    "torch.scatter(x,0,ix,torch.ones(4))",
    "torch.masked_fill(x.half(),x>5,1e6)",
    "torch.masked_scatter(x,x>5,torch.arange(20))",
    "torch.nonzero(T(0.))",
    "torch.nonzero(e)",
    "torch.topk(T([1.,1.,1.,2.,2.]),3)",
]

SUBSCRIPTS = [
    "x[0]",
    "x[5]",
    "x[-3]",
    "x[0,0,0,0]",
    "x[0,5]",
    "x[::-1]",
    "x[::0]",
    "x[1.0]",
    "x[0:2.5]",
    "x[...,...]",
    "x[...,None].shape",
    "x[None,...,0].shape",
    "x[True].shape",
    "x[False].shape",
    "x[True,0].shape",
    "x[0,True].shape",
    "x[T(True)].shape",
    "x[T(1)].shape",
    "x[T(1,dtype=torch.int32)].shape",
    "x[T(1.0)]",
    "x[np.int64(1)].shape",
    "x[np.array(1)].shape",
    "x[np.array([1,0])].shape",
    "x[np.array([True,False])].shape",
    "x[[0,1]].shape",
    "x[[True,False]].shape",
    "x[[[0,1],[1,0]]].shape",
    "x[[0,1],[1,0]].shape",
    "x[[slice(None),0]].shape",
    "x[[0,slice(None)]]",
    "x[[T(0),T(1)]].shape",
    "x[[T([0]),T([1])]].shape",
    "x[[[0],[1]],].shape",
    "x[[]].shape",
    "x[()].shape",
    "x[(),].shape",
    "x[[],[]].shape",
    "x[T([])].shape",
    "x[T([],dtype=torch.int64)].shape",
    "x[0,:,[1,2]].shape",
    "x[[0,1],:,[1,2]].shape",
    "x[:,[0,1],[1,2]].shape",
    "x[[0],...,[1]].shape",
    "x[[0,1],[0,1,2]]",
    "x[[0,7]]",
    "x[[-1,-3]]",
    "x[T([1.5])]",
    "x[m>2]",
    "x[m>2].shape",
    "x[:,T([True,False,True])].shape",
    "x[T([True,False,True])]",
    "x[T([[True,False],[True,False]])]",
    "x[:,T([[True,False],[True,False]])]",
    "x[T([1,0],dtype=torch.int8)].shape",
    "x[T([1,0],dtype=torch.int16)].shape",
    "x[T([1,0],dtype=torch.int32)].shape",
    "x[ix,T([0,2])].shape",
    "x[None,[0,1]].shape",
    "x[[0,1],None].shape",
    "x[[0,1],None,[1,2]].shape",
    "x[T([True,False]),[1,2]].shape",
    "x[range(2)].shape",
    "x[0][1][2]",
    "z[0]",
    "z[...]",
    "z[[0]]",
    "z[True]",
    "z[T(True)]",
    "z[()]",
    "v[T([[0,1],[2,3]])]",
    "v[1:3]",
    "v[10:]",
    "v[3:1]",
    "v[-2:]",
    "v[T(1):T(3)]",
    "v[np.int64(1):]",
    "v[None:None:2]",
    "v[:,0]",
    "v[(1,)]",
    "v[{}]",
    "v[1,2]",
    "v[T([0]),T([0])]",
    "torch.zeros(0)[[0]]",
    "torch.zeros(0)[0]",
    "torch.zeros(0,3)[:,[]].shape",
    "torch.zeros(0,3)[[],[]].shape",
    "torch.zeros(0,3)[[]].shape",
    "assigned(x,0,1.).sum()",
    "assigned(v,[0,1],T([7.,8.]))",
    "assigned(v,[0,1],T([7,8]))",
    "assigned(v,[0,1],T([7.,8.,9.]))",
    "assigned(v,slice(0,2),T([7.,8.,9.]))",
    "assigned(v,slice(0,2),T([[7.,8.]]))",
    "assigned(v,[0,1],T([[7.,8.]]))",
    "assigned(v,v>2,T([7.,8.]))",
    "assigned(v,v>2,T([7.,8.,9.]))",
    "assigned(v,v>2,3)",
    "assigned(v,v>2,T(3.))",
    "assigned(v,v>2,T([3.]))",
    "assigned(v,v>2,True)",
    "assigned(v,[0,0],T([1.,2.]))",
    "assigned(v,[0,9],1.)",
    "assigned(v,0,T([1.]))",
    "assigned(v,True,5)",
    "assigned(v,False,5)",
    "assigned(v,None,5)",
    "assigned(v,[0,1],T([7.,8.]).double())",
    "assigned(T([1,2,3]),[0,1],T([7.5,8.]))",
    "assigned(T([1,2,3]),0,1.5)",
    "assigned(T([1,2,3]),[0,1],1.5)",
    "assigned(T([1,2,3]),T([True,False,True]),1.5)",
    "assigned(m,(slice(None),[0,2]),T([9.,8.]))",
    "assigned(m,([0,1],slice(None)),T([9.,8.,7.]))",
    "assigned(m,T([True,False]),T([9.,8.,7.]))",
    "assigned(m,T([True,False]),T([9.,8.]))",
    "assigned(m,m>2,T([]))",
    "assigned(v,v>7,T([]))",
    "assigned(v,v>7,T([1.]))",
    "assigned(v,v>7,T([1.,2.]))",
    "assigned(v,slice(None,None,-1),1)",
]

# The exception is torch's; its words name a C++ type.
SUBSCRIPTS_TYPE = [
    "x['a']",
    "x[m>2,[1,2]]",
    "assigned(v,slice(0,2),T([[7.,8.],[7.,8.]]))",
    "assigned(v,0,[1])",
    "assigned(v,0,'a')",
    "assigned(v,[0,1],[5.,6.])",
    "assigned(v,slice(0,2),[5.,6.])",
    "assigned(v,0,T([1.,2.]))",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names)


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


@pytest.mark.parametrize("source", SUBSCRIPTS)
def test_subscripts(source):
    check_same(source, names_of_subscripts)


@pytest.mark.parametrize("source", SUBSCRIPTS_TYPE)
def test_subscripts_type(source):
    check_same(source, names_of_subscripts, message=False)


def normal(*shape):
    return rng.standard_normal(shape)


SQUARE = np.array([[0, 2], [1, 1]])
WIDE = np.array([[0, 2, 3], [1, 3, 0]])
TWICE = np.array([2, 0, 2])
ROW = np.array([True, False, True])
TABLE = np.array([[True, False, True], [False, False, False]])
CALLS = {
    "gather": (lambda t, x, i: t.gather(x, 1, i), [normal(2, 3)], [SQUARE]),
    "gather over 0": (lambda t, x, i: t.gather(x, 0, i), [normal(3, 2)], [SQUARE]),
    "gather, small index": (lambda t, x, i: t.gather(x, 2, i), [normal(3, 3, 4)], [np.array([[[0, 3, 3]]])]),
    "gather 0-d": (lambda t, x, i: t.gather(x, 0, i), [np.array(2.0)], [np.array(0)]),
    "scatter": (lambda t, x, s, i: t.scatter(x, 1, i, s), [normal(2, 4), normal(2, 3)], [WIDE]),
    "scatter a number": (lambda t, x, i: t.scatter(x, 0, i, 2.5), [normal(3, 2)], [SQUARE]),
    "scatter_add": (lambda t, x, s, i: t.scatter_add(x, 0, i, s), [normal(3, 2), normal(2, 2)], [SQUARE]),
    "scatter_add 0-d": (lambda t, x, s, i: t.scatter_add(x, 0, i, s), [np.array(1.0), np.array(2.0)], [np.array(0)]),
    "index_select": (lambda t, x, i: t.index_select(x, 1, i), [normal(2, 3)], [TWICE]),
    "index_select over 0": (lambda t, x, i: t.index_select(x, 0, i), [normal(3, 2, 2)], [TWICE]),
    "index_add": (lambda t, x, s, i: t.index_add(x, 1, i, s, alpha=3), [normal(2, 3), normal(2, 3)], [TWICE]),
    "index_copy": (lambda t, x, s, i: t.index_copy(x, 0, i, s), [normal(3, 2), normal(2, 2)], [np.array([2, 0])]),
    "index_fill": (lambda t, x, v, i: t.index_fill(x, 1, i, v), [normal(2, 3), np.array(1.0)], [TWICE]),
    "index_put": (lambda t, x, v, i, j: t.index_put(x, (i, j), v), [normal(3, 4), normal(2)], [TWICE[:2], TWICE[1:]]),
    "index_put, accumulating": (
        lambda t, x, v, i: t.index_put(x, (i, i), v, True),
        [normal(3, 4), normal(1)],
        [np.array([1, 1])],
    ),
    "masked_fill": (lambda t, x, v, m: t.masked_fill(x, m, v), [normal(2, 3), np.array(1.0)], [ROW]),
    "masked_fill, broadcast": (lambda t, x, m: t.masked_fill(x, m, 2), [normal(3)], [TABLE]),
    "masked_select": (lambda t, x, m: t.masked_select(x, m), [normal(2, 3)], [ROW]),
    "masked_select, broadcast": (lambda t, x, m: t.masked_select(x, m), [normal(3)], [TABLE]),
    "masked_scatter": (lambda t, x, s, m: t.masked_scatter(x, m, s), [normal(2, 3), normal(5)], [ROW]),
    "take": (lambda t, x, i: t.take(x, i), [normal(2, 3)], [np.array([[0, 5, 5], [-1, 2, 0]])]),
    "take_along_dim": (lambda t, x, i: t.take_along_dim(x, i, 1), [normal(2, 3)], [np.array([[2, 0]])]),
    "take_along_dim, flat": (lambda t, x, i: t.take_along_dim(x, i), [normal(2, 3)], [np.array([5, 0])]),
    "sort": (lambda t, x: t.sort(x, 0)[0], [normal(4, 3)], []),
    "sort, falling": (lambda t, x: t.sort(x, 1, True)[0], [normal(4, 3)], []),
    "topk": (lambda t, x: t.topk(x, 2, 0)[0], [normal(4, 3)], []),
    "topk of the smallest": (lambda t, x: t.topk(x, 2, 1, False)[0], [normal(4, 3)], []),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    function, arrays, indices = CALLS[name]
    check_gradients(function, *arrays, indices=tuple(indices))


KEYS = {
    "0": 0, "..., 1": (..., 1), "1:": slice(1, None), "::2": slice(None, None, 2), "[0, 1]": [0, 1], "[0, 0]": [0, 0],
    ":, [2, 0]": (slice(None), [2, 0]), "0, :, [1, 2]": (0, slice(None), [1, 2]),
    "[0, 1], :, [1, 2]": ([0, 1], slice(None), [1, 2]), "[[0, 1], [1, 0]], [1, 2]": ([[0, 1], [1, 0]], [1, 2]),
    "True": True, "0, 1, 2": (0, 1, 2), ":, mask": (slice(None), [True, False, True]), "-1, ..., ::3": (-1, ..., slice(0, None, 3)),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_gradients_of_subscripts(key):
    check_gradients(lambda t, x: x[key] * x[key], normal(2, 3, 4))


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_gradients_of_assignment(key):
    def assign(t, x, value):
        copy = x * x
        copy[key] = value * value
        return copy

    check_gradients(assign, normal(2, 3, 4), np.array(2.0))


def test_gradients_of_assignment_in_rows():
    def assign(t, x, values):
        copy = x * x
        copy[:, [0, 2]] = values * values
        copy[copy > 1] = 0.5
        return copy * values.sum()

    check_gradients(assign, normal(2, 3), normal(2, 2))


@pytest.mark.parametrize("key", [0, (0, 1), (..., 2), slice(1, None), None, (slice(None), 0), ()], ids=str)
def test_basic_subscripts_are_views(key):
    x, expected = refnet.zeros(2, 3), np.zeros((2, 3))
    view = x[key]
    view += 1
    expected[key] += 1
    assert np.array_equal(x.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_repeated_additions_round_once(dtype):
    many = refnet.full((4096,), 0.25, dtype=getattr(refnet, dtype))
    index = refnet.zeros(4096, dtype=refnet.int64)
    for total in (
        refnet.index_add(refnet.zeros(1, dtype=many.dtype), 0, index, many),
        refnet.scatter_add(refnet.zeros(1, dtype=many.dtype), 0, index, many),
    ):
        assert total.item() == 1024.0
