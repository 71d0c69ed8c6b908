"""Views and rearrangements: values, strides, offsets, errors and gradients beside torch's."""

import numpy as np
import pytest
from beside_torch import check_gradients, check_same

import refnet

rng = np.random.default_rng(0)


def names(library):
    return {
        "x": library.arange(24.0).reshape(2, 3, 4),
        "m": library.arange(6.0).reshape(2, 3),
        "v": library.arange(5.0),
        "z": library.tensor(3.0),
        "e": library.zeros(0, 3),
        "ones": library.ones(1, 3, 1),
        "i": library.arange(6).reshape(2, 3),
        "tensor_strides": lambda t: (tuple(t.shape), tuple(t.stride()), t.storage_offset(), t.is_contiguous()),
    }


SAME = [
    "x.view(6,4)", "x.view(-1)", "x.view((4,6))", "x.view(2,-1,2)", "x.view(5,5)", "x.view(-1,-1)", "x.view(-1,7)",
    "x.transpose(0,1).view(-1)", "x.transpose(0,1).reshape(-1)", "e.view(3,0)", "e.view(-1,0)", "e.reshape(-1,3)",
    "torch.reshape(m,(3,-1))", "torch.reshape(m,(4,2))", "x.reshape(4,3,-1)", "x[:, :2].reshape(2,8)", "z.reshape(1,1)",
    "torch.flatten(x)", "torch.flatten(x,1)", "torch.flatten(x,0,1)", "torch.flatten(x,-2,-1)", "torch.flatten(x,2,1)",
    "torch.flatten(z)", "torch.flatten(x,3)", "torch.unflatten(x,2,(2,2))", "torch.unflatten(x,-1,(-1,2))",
    "torch.unflatten(x,1,(2,2))", "torch.unflatten(x,3,(2,2))",
    "ones.squeeze()", "ones.squeeze(0)", "ones.squeeze(1)", "ones.squeeze((0,2))", "ones.squeeze(-1)", "ones.squeeze(3)",
    "z.squeeze()", "m.unsqueeze(0)", "m.unsqueeze(1)", "m.unsqueeze(-1)", "m.unsqueeze(3)", "z.unsqueeze(0)",
    "x.permute(2,0,1)", "x.permute((0,2,1))", "torch.permute(x,(-1,0,1))", "x.permute(0,0,1)", "x.permute(0,1,3)",
    "x.transpose(0,2)", "x.transpose(-1,-2)", "x.transpose(0,3)", "z.transpose(0,-1)", "m.t()", "v.t()", "x.t()",
    "m.T", "x.mT", "torch.movedim(x,0,2)", "torch.movedim(x,(0,1),(2,0))", "torch.movedim(x,-1,0)", "torch.swapaxes(x,0,1)",
    "m.unsqueeze(0).expand(4,2,3)", "v.expand(2,-1)", "v.expand(2,5)", "m.expand(2,4)", "v.expand(-1,5)", "z.expand(2,2)",
    "torch.broadcast_to(v,(2,5))", "m.expand_as(x[:,:2,:3])", "m.repeat(2,1)", "m.repeat(2,1,3)", "m.repeat(0,1)", "m.repeat(2)",
    "z.repeat(3)", "torch.tile(m,(2,))", "torch.tile(m,(2,1,3))",
    "torch.narrow(x,1,1,2)", "torch.narrow(x,-1,-2,2)", "torch.narrow(x,1,2,2)", "torch.narrow(x,0,0,-1)", "torch.narrow(z,0,0,1)",
    "torch.select(x,1,2)", "torch.select(x,0,-1)", "torch.select(x,0,2)", "torch.select(z,0,0)", "torch.unbind(m)", "m.unbind(1)",
    "torch.unbind(z)", "torch.split(v,2)", "torch.split(x,3,2)", "torch.split(v,[1,4])", "torch.split(v,[1,1])", "torch.split(v,-1)",
    "torch.split(v,0)", "torch.chunk(v,2)", "torch.chunk(v,7)", "torch.chunk(x,2,-1)", "torch.chunk(v,0)",
    "torch.as_strided(v,(2,2),(2,1))", "torch.as_strided(m,(2,2),(1,2),1)", "torch.as_strided(v,(3,3),(2,1))",
    "torch.as_strided(v,(2,),(-1,))", "torch.as_strided(v,(2,),(1,1))",
    "torch.cat([m,m])", "torch.cat([m,m],1)", "torch.cat([m,m],-1)", "torch.cat([m,i])", "torch.cat([i,m.half()])",
    "torch.cat([torch.zeros(0),m])", "torch.cat([m,v])", "torch.cat([m,m.t()])", "torch.cat([])", "torch.cat([z,z])", "torch.cat([v],1)",
    "torch.cat([m,e])", "torch.stack([m,m])", "torch.stack([m,m],1)", "torch.stack([m,m],-1)", "torch.stack([m,v])", "torch.stack([z,z])",
    "torch.flip(x,(0,))", "torch.flip(x,(1,-1))", "x.flip(2)", "x.flip(0,0)", "x.flip(3)", "torch.roll(m,1)", "torch.roll(m,1,1)",
    "torch.roll(m,(1,-1),(0,1))", "torch.roll(m,(1,2),(0,))", "torch.roll(m,1,2)", "torch.triu(m)", "torch.triu(m,1)", "torch.tril(x,-1)",
    "torch.tril(m,1)", "torch.tril(v)", "x.contiguous()", "x.transpose(0,1).contiguous()", "x.transpose(0,1).clone()",
    "x[:, ::2].clone()", "x.transpose(0,1).to(torch.float64)",
]  # fmt: skip
SAME += [
    f"tensor_strides({view})"
    for view in ("x[1:]", "x[:, 1:, ::2]", "x[..., 1]", "x.permute(2,0,1)[1:]", "x.view(6,4)[2:]", "x[1, 2]", "x[1, 2, 3]", "x.unbind(1)[2]",
                 "x.split(2, 2)[1]", "m.t()[1:]", "x.narrow(2, 1, 2)", "x.expand(5,2,3,4)[1:]", "z.expand(3)", "x.as_strided((2, 2), (1, 2), 3)",
                 "x.transpose(0, 2).reshape(4, 6)", "x.reshape(2, 12)[:, 3:]", "x[:, None]", "m[None, :, 1:]")
]  # fmt: skip


# These messages say what was got, too; those of expand name no C++ type.
OWN_WORDS = ("x.permute(0,0,1)", "torch.as_strided(v,(3,3),(2,1))", "torch.as_strided(v,(2,),(1,1))")


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, message=source not in OWN_WORDS and "expand" not in source)


def normal(*shape):
    return rng.standard_normal(shape)


CALLS = {
    "view": lambda t, x: x.view(6, 4),
    "reshape of a transpose": lambda t, x: x.transpose(0, 1).reshape(6, 4),
    "flatten": lambda t, x: x.flatten(1),
    "permute": lambda t, x: x.permute(2, 0, 1),
    "transpose": lambda t, x: x.transpose(0, -1),
    "movedim": lambda t, x: t.movedim(x, 0, 2),
    "squeeze, unsqueeze": lambda t, x: x.unsqueeze(1).squeeze(1).unsqueeze(-1),
    "expand": lambda t, x: x.unsqueeze(0).expand(5, 2, 3, 4),
    "expand of a size 1": lambda t, x: x[:, :1].expand(2, 6, 4),
    "repeat": lambda t, x: x.repeat(2, 1, 3),
    "narrow": lambda t, x: x.narrow(1, 1, 2),
    "select": lambda t, x: x.select(2, -1),
    "unbind": lambda t, x: x.unbind(1)[2] * x.unbind(1)[0],
    "split": lambda t, x: t.cat(x.split([1, 3], 2)[::-1], 2),
    "as_strided": lambda t, x: x.as_strided((3, 4), (2, 1)),
    "as_strided, overlapping": lambda t, x: x.as_strided((5, 3), (1, 1), 2),
    "as_strided of a view": lambda t, x: x[1].as_strided((2, 2), (3, 2), 13),
    "cat": lambda t, x: t.cat([x, x * x, x[:1]]),
    "cat of types": lambda t, x: t.cat([x.float(), x]),
    "stack": lambda t, x: t.stack([x, x * 2], 1),
    "flip": lambda t, x: x.flip(0, 2),
    "roll": lambda t, x: x.roll((1, -2), (0, 2)),
    "roll, flat": lambda t, x: x.roll(5),
    "triu": lambda t, x: x.triu(1),
    "tril": lambda t, x: x.tril(-1),
    "contiguous": lambda t, x: x.permute(2, 0, 1).contiguous(),
    "clone": lambda t, x: x.clone(),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    check_gradients(lambda t, x: CALLS[name](t, x * x), normal(2, 3, 4))


@pytest.mark.parametrize(
    "view",
    ["x[1]", "x.t()", "x.view(-1)", "x.narrow(0, 1, 1)", "x.unbind(0)[1]", "x.expand(1, 2, 3)[0]", "x.split(1)[1]"],
)
def test_a_view_shares_memory(view):
    x = refnet.zeros(2, 3)
    eval(view).add_(1)
    assert x[1].sum().item() == 3


def test_written_views_are_differentiated():
    def program(t, x):
        y = x * 2
        a, b = y.view(6, 4)[:3], y.view(6, 4).narrow(0, 3, 3)
        a.mul_(x.view(6, 4)[3:])
        y.transpose(0, 2)[1].tanh_()
        return y * b.sum() + a.sum()

    check_gradients(program, normal(2, 3, 4))
