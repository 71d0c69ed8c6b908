"""Diagonals, windows, stacks, pieces, order statistics, searches: values, strides and errors beside torch's."""

import pytest
from beside_torch import check_same

import refnet


def names(library):
    def program(function):
        return function(library)

    return {
        "x": library.arange(24.0).reshape(2, 3, 4),
        "m": library.arange(6.0).reshape(2, 3),
        "v": library.arange(5.0),
        "z": library.tensor(3.0),
        "e": library.zeros(0, 3),
        "i": library.tensor([[3, 1, 2], [1, 1, 0]]),
        "program": program,
        "seen": lambda t: (tuple(t.shape), tuple(t.stride()), t.storage_offset()),
    }


SAME = [
    "torch.diagonal(m)", "torch.diagonal(x,1,0,2)", "seen(torch.diagonal(x,-1,1,2))", "seen(torch.diagonal(m,7))",
    "torch.diagonal(m,0,0,0)", "torch.diagonal(v)", "torch.diag(v,-1)", "torch.diag(x)", "torch.diagflat(m,1)",
    "torch.diag_embed(m,1,0,1)", "torch.trace(m)", "torch.trace(i)", "torch.trace(v)",
    "torch.tril_indices(3,4,-1)", "torch.triu_indices(3,4,1,dtype=torch.int32)", "torch.tril_indices(-1,2)",
    "seen(x.unfold(1,2,1))", "seen(x.unfold(-1,3,2))", "v.unfold(0,6,1)", "v.unfold(0,-1,1)", "v.unfold(0,2,0)", "z.unfold(0,1,1)",
    "seen(z.unfold(0,0,1))", "torch.hstack((v,v))", "torch.hstack([z,z])", "torch.vstack((v,v))", "torch.dstack((m,m))",
    "torch.column_stack((v,v))", "torch.hstack([])", "torch.vstack((m,v))", "torch.atleast_1d(z)", "torch.atleast_2d(z,v)",
    "torch.atleast_3d([v,m])", "torch.atleast_3d(v).shape", "torch.block_diag(m,z,v)", "torch.block_diag()", "torch.block_diag(x)",
    "torch.broadcast_shapes((2,1),(3,))", "torch.broadcast_shapes((2,),(3,))", "torch.broadcast_shapes((-1,))", "torch.broadcast_shapes()",
    "[seen(t) for t in torch.broadcast_tensors(m, v[:3], z)]", "torch.broadcast_tensors(m,v)",
    "torch.meshgrid(v,v[:2],indexing='ij')", "[seen(t) for t in torch.meshgrid(v,v[:2],z,indexing='xy')]",
    "torch.meshgrid(v,v.long(),indexing='ij')", "torch.meshgrid(v,v,indexing='no')", "torch.cartesian_prod(v,v[:2])", "torch.cartesian_prod(v)",
    "torch.cartesian_prod(m)", "torch.combinations(v,2)", "torch.combinations(v[:3],2,True)", "torch.combinations(v,0)", "torch.combinations(m)",
    "torch.tensor_split(v,3)", "torch.tensor_split(v,(4,2))", "torch.tensor_split(v,0)", "torch.tensor_split(z,1)", "[seen(t) for t in torch.hsplit(x,3)]",
    "torch.hsplit(v,2)", "torch.vsplit(v,2)", "torch.dsplit(m,1)", "torch.dsplit(x,2)", "torch.split_with_sizes(v,[2,2])",
    "torch.narrow_copy(m,1,1,2)", "torch.narrow_copy(z,0,0,0)", "torch.diagonal_scatter(m,v[:2])", "torch.select_scatter(m,v,0,1)",
    "torch.slice_scatter(m,m[:1],0,1,2)", "torch.slice_scatter(v,v,0,1,3)", "torch.rot90(m)", "torch.rot90(m,2)", "torch.rot90(x,-1,(1,2))",
    "seen(torch.rot90(m))", "torch.rot90(v)", "torch.rot90(m,1,(0,0))", "torch.fliplr(m)", "torch.fliplr(v)", "torch.flipud(z)",
    "torch.repeat_interleave(m,2)", "torch.repeat_interleave(m,T([1,2]),0)", "torch.repeat_interleave(T([1,2]))", "torch.repeat_interleave(m,-1)",
    "torch.repeat_interleave(m,T([1,2,3]),0)", "torch.repeat_interleave(m,T([-1,2]),0)", "m.repeat_interleave(2,dim=1)",
    "torch.kthvalue(v,2)", "torch.kthvalue(v,0)", "torch.kthvalue(e,1,0)", "torch.median(m)", "torch.median(m,1)", "torch.median(e)",
    "torch.median(e,0)", "torch.median(T([1.,nan]))", "torch.median(T([1.,nan]),0)", "torch.nanmedian(T([1.,nan]),0)", "torch.median(T([True]))",
    "torch.mode(i)", "torch.mode(i,0,True)", "torch.mode(e,0)", "torch.quantile(m,0.3)", "torch.quantile(m,T([0.1,0.9]),1,True)",
    "torch.quantile(m,1.1)", "torch.quantile(i,0.5)", "torch.quantile(e,0.5)", "torch.nanquantile(T([1.,nan,3.]),0.5)",
    "torch.quantile(m,0.5,interpolation='nearest')", "torch.msort(i)", "torch.unique(i)", "torch.unique(i,return_inverse=True)",
    "torch.unique(i,dim=1)", "torch.unique(z,dim=0)", "torch.unique(e,dim=1)", "torch.unique_consecutive(i)", "torch.cummax(i,1)",
    "torch.cummin(T([1.,nan,0.]),0)", "torch.logcumsumexp(v,0)", "torch.searchsorted(v,T([2.,9.]))", "torch.searchsorted(v,2,right=True)",
    "torch.searchsorted(v,T([2.5]),out_int32=True)", "torch.searchsorted(z,v)", "torch.bucketize(m,v)", "torch.bucketize(m,m)",
    "torch.isin(i,T([1,3]))", "torch.isin(1,i)", "torch.bincount(T([1,1,3]))", "torch.bincount(T([1,1,3]),T([1.,2.,3.]))",
    "torch.bincount(T([-1]))", "torch.bincount(i)", "torch.histc(v,3)", "torch.histc(v,0)", "torch.argwhere(i)",
    "torch.nonzero_static(i,size=2)", "torch.unravel_index(T([3,5]),(2,3))", "torch.diff(v)", "torch.diff(i,dim=0)", "torch.diff(z)",
    "torch.diff(T([True,False]))", "torch.gradient(v)", "torch.gradient(v,spacing=2.)", "torch.gradient(T([1.]))", "torch.trapezoid(v)",
    "torch.trapezoid(m,dx=2)", "torch.cumulative_trapezoid(m,dim=0)", "torch.trapezoid(z)", "torch.isclose(v,v+1e-9)", "torch.allclose(v,v)",
    "torch.equal(v,v.long())", "torch.equal(v,m)", "torch.isclose(v,v.long())", "torch.cov(m)", "torch.corrcoef(m)", "torch.nanmean(T([1.,nan]))",
    "torch.nanmean(i)", "torch.dist(v,v+1,1)", "torch.renorm(m,2,0,1.)", "torch.renorm(v,2,0,1.)", "torch.put(m,T([5]),T([9.]))",
    "torch.put(m,T([7]),T([9.]))", "torch.scatter_reduce(v,0,T([0,0]),T([5.,6.]),'amax')", "torch.scatter_reduce(v,0,T([0,0]),T([5.,6.]),'no')",
    "torch.index_reduce(v,0,T([0,0]),T([5.,6.]),'prod')", "torch.index_reduce(v,0,T([0,0]),T([5.,6.]),'sum')",
    "torch.scalar_tensor(3)", "torch.fill(v,2)", "torch.fill(v,v)", "m.H", "x.H", "x.mH.shape", "v.mH", "m.adjoint()",
    "seen(torch.empty_strided((2,3),(1,2)))", "seen(torch.empty_permuted((2,3,4),(0,2,1)))", "torch.empty_permuted((2,),(1,))",
    "torch.empty_strided((2,),(1,2))", "seen(v.new_empty_strided((2,2),(1,2)))", "v.clone().resize_(2,2)", "seen(v[1:].clone().resize_(3))",
    "v.clone().requires_grad_().resize_(2)", "v.clone().resize_(-1)", "seen(x.clone().resize_as_(m))",
    "torch.ravel(m)", "torch.swapdims(m,0,1)", "torch.row_stack((v,v))", "torch.constant_pad_nd(m,(1,0),2.)", "torch.narrow(v,0,T(1),2)",
    "torch.logspace(0,3,4,dtype=torch.int64)", "torch.linspace(4.3,-3,5,dtype=torch.int32)", "torch.arange(0.,5.5,2,dtype=torch.int64)",
    "torch.linspace(0,3,-1)", "torch.full((2,),-5,dtype=torch.uint8)",
]  # fmt: skip


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, message=False)


VIEWS = {
    "diagonal": lambda t: t.diagonal(1),
    "unfold": lambda t: t.unfold(1, 2, 2),
    "hsplit": lambda t: t.hsplit(2)[1],
    "tensor_split": lambda t: t.tensor_split(2)[0],
    "atleast_3d": lambda t: refnet.atleast_3d(t),
    "H": lambda t: t.H,
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_versions(name):
    base = refnet.zeros(4, 4)
    view = VIEWS[name](base)
    assert view._is_view()
    view.add_(1)
    assert base.sum().item() == view.numel()
    assert base._version == view._version == 1


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_through_a_view_is_differentiated(name):
    x = refnet.ones(4, 4, requires_grad=True)
    base = x * 1
    VIEWS[name](base).mul_(3)
    base.sum().backward()
    assert x.grad.sum().item() == 16 + 2 * VIEWS[name](x.detach()).numel()


def test_a_base_written_over_is_refused():
    base = refnet.ones(3, 3, requires_grad=True) * 1
    squared = base.diagonal() * base.diagonal()
    base.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squared.sum().backward()


@pytest.mark.parametrize("copy", ["diagonal_copy", "unbind_copy", "t_copy", "alias_copy", "squeeze_copy"])
def test_copies_have_memory_of_their_own(copy):
    base = refnet.zeros(3, 3)
    made = getattr(refnet, copy)(base)
    for part in made if isinstance(made, tuple) else (made,):
        assert not part._is_view()
        part.add_(1)
    assert base.sum().item() == 0
