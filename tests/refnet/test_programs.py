"""Small programs run with torch and with refnet: the same values, types, leaves, flags, or the same exception."""

import numpy as np
import pytest
import torch

import refnet

PROGRAMS = {}


def program(function):
    """Add a function of the library to the table."""
    PROGRAMS[function.__name__] = function
    return function


def described(value):
    """What is compared of a result: tensors by shape, dtype, flags and values, the rest as it is."""
    if isinstance(value, list | tuple):
        return [d for item in value for d in described(item)]
    if isinstance(value, refnet.Tensor | torch.Tensor):
        kind = str(value.dtype).rpartition(".")[2]
        return [(tuple(value.shape), kind, value.requires_grad, value.is_leaf), np.array(value.detach().tolist(), "f8")]
    return [value]


def outcome(library, function):
    """The results, or the type of the exception."""
    try:
        return described(function(library))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return type(error).__name__


def leaf(lib, *v):
    return lib.tensor(list(v), dtype=lib.float64, requires_grad=True)


@program
def view_of_view(lib):
    a = leaf(lib, 1.0, 2.0, 3.0, 4.0)
    b = a * 1
    v = b[1:]
    w = v[1:]
    w.mul_(3)
    v.add_(1)
    b.mul_(2)
    (b * b).sum().backward()
    return a.grad, b, v, w


@program
def zero_nonleaf(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 2
    b.zero_()
    return b, lib.autograd.grad((b * a).sum(), a)


@program
def copy_const(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 2
    b.copy_(lib.tensor([5.0, 6.0], dtype=lib.float64))
    return b, lib.autograd.grad(b.sum(), a, allow_unused=True)


@program
def into_plain(lib):
    a = leaf(lib, 1.0, 2.0)
    b = lib.zeros(3, dtype=lib.float64)
    b[1:] = a
    return b, lib.autograd.grad((b * b).sum(), a)


@program
def into_plain_scalar(lib):
    a = leaf(lib, 1.0, 2.0)
    b = lib.zeros(2, 2, dtype=lib.float64)
    b[0] = a
    b[1, 1] = a[0] * a[1]
    b[:, 0] = 7
    return b, lib.autograd.grad((b * b).sum(), a)


@program
def fillt(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 1
    b.fill_(a[0])
    return b, lib.autograd.grad(b.sum(), a)


@program
def leaf_view(lib):
    a = leaf(lib, 1.0, 2.0)
    a[0] = 3


@program
def leaf_nograd(lib):
    a = leaf(lib, 1.0, 2.0)
    with lib.no_grad():
        a[0] = 3
        a.mul_(2)
    return a, a._version


@program
def nograd_view(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 1
    with lib.no_grad():
        v = b[:1]
    v.mul_(2)


@program
def expanded_write(lib):
    lib.zeros(1).expand(3).add_(1)


@program
def dtype_inplace(lib):
    lib.ones(2, dtype=lib.int64).add_(1.5)


@program
def dtype_inplace2(lib):
    return lib.ones(2, dtype=lib.int64).mul_(lib.tensor(3))


@program
def shape_inplace(lib):
    lib.ones(2).add_(lib.ones(3, 2))


@program
def detach_share(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 1
    d = b.detach()
    d.add_(1)
    return b, d, b._version


@program
def data_noshare(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a.exp()
    b.data.add_(1)
    b.sum().backward()
    return a.grad, b._version


@program
def detach_detect(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a.exp()
    b.detach().add_(1)
    b.sum().backward()


@program
def requires_int(lib):
    lib.ones(2, dtype=lib.int64).requires_grad_()


@program
def nonleaf_false(lib):
    (leaf(lib, 1.0) * 2).requires_grad_(False)


@program
def multi_backward(lib):
    a = leaf(lib, 1.0, 2.0)
    lib.autograd.backward([a.sum(), (a * a)], [None, lib.ones(2, dtype=lib.float64)])
    return a.grad


@program
def nonscalar(lib):
    leaf(lib, 1.0, 2.0).mul(2).backward()


@program
def wrongshape(lib):
    leaf(lib, 1.0, 2.0).mul(2).backward(lib.ones(3, dtype=lib.float64))


@program
def norequire(lib):
    lib.ones(1).backward()


@program
def inputs_only(lib):
    a = leaf(lib, 1.0, 2.0)
    b = leaf(lib, 3.0, 4.0)
    (a * b).sum().backward(inputs=[a])
    return a.grad, b.grad


@program
def retain_nonleaf(lib):
    a = leaf(lib, 1.0, 2.0)
    b = a * 2
    b.retain_grad()
    (b * b).sum().backward()
    return b.grad, a.grad


@program
def same_twice(lib):
    a = leaf(lib, 1.0, 2.0)
    (a * a + a).sum().backward()
    (a * 3).sum().backward()
    return a.grad


@program
def pow_grads(lib):
    x = lib.tensor([0.0, 0.0, 1.0, -2.0, 3.0], dtype=lib.float64, requires_grad=True)
    y = lib.tensor([0.0, 2.0, 3.0, 2.0, 0.0], dtype=lib.float64, requires_grad=True)
    o = x**y
    return o, lib.autograd.grad(o.sum(), (x, y))


@program
def pow_scalar(lib):
    x = lib.tensor([0.0, 1.0, -2.0, 3.0], dtype=lib.float64, requires_grad=True)
    return [(x**k, lib.autograd.grad((x**k).sum(), x)) for k in (0, 1, 2, 3, 0.5, -1, -2, 2.5)]


@program
def rpow(lib):
    x = lib.tensor([0.0, 1.0, -2.0, 3.0], dtype=lib.float64, requires_grad=True)
    return [(k**x, lib.autograd.grad((k**x).sum(), x)) for k in (2, 0.5, 0, 1)]


@program
def intpow(lib):
    return [lib.tensor([0, 1, -2, 3]) ** k for k in (0, 1, 2, 3)], lib.tensor([1, -1, 2, 3]) ** lib.tensor(
        [-1, -3, -2, 2]
    )


@program
def intpowneg(lib):
    return lib.tensor([1, 2]) ** -1


@program
def idiv(lib):
    a = lib.tensor([-7, 7, -8, 8, 0])
    return (
        [lib.div(a, k, rounding_mode=m) for k in (2, -2, 3, -3) for m in ("floor", "trunc")],
        a // 3,
        a % 3,
        a % -3,
        lib.fmod(a, 3),
        lib.fmod(a, -3),
        a / 2,
    )


@program
def fdiv(lib):
    a = lib.tensor([-7.5, 7.5, 0.0, -0.0, float("inf"), float("nan"), 1.0])
    b = lib.tensor([2.0, -2.0, 1.0, 0.0, 2.0, 1.0, 0.0])
    return [
        str(v)
        for o in (
            lib.div(a, b, rounding_mode="floor"),
            lib.div(a, b, rounding_mode="trunc"),
            a % b,
            lib.fmod(a, b),
            a // b,
        )
        for v in o.tolist()
    ]


@program
def zerodiv(lib):
    return lib.tensor([1, 2]) // 0


@program
def zeromod(lib):
    return lib.tensor([1, 2]) % 0


@program
def overflow8(lib):
    return lib.ones(2, dtype=lib.int8) + 300


@program
def wrap8(lib):
    return lib.full((2,), 100, dtype=lib.int8) + 100


@program
def boolneg(lib):
    return -lib.tensor([True])


@program
def boolsub(lib):
    return lib.tensor([True]) - lib.tensor([True])


@program
def boolsum(lib):
    return (
        lib.tensor([True, True]) + lib.tensor([True, False]),
        lib.tensor([True]) * lib.tensor([True]),
        lib.tensor([True]) + 1,
    )


@program
def special(lib):
    x = lib.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-40], requires_grad=True)
    outs = []
    for f in (
        "relu",
        "abs",
        "sign",
        "sqrt",
        "rsqrt",
        "exp",
        "log",
        "tanh",
        "sigmoid",
        "square",
        "reciprocal",
        "log1p",
        "expm1",
        "floor",
        "round",
    ):
        o = getattr(x, f)()
        g = lib.autograd.grad(o.sum(), x)
        outs.append([f] + [str(v) for v in o.detach().tolist()] + [str(v) for v in g[0].tolist()])
    return sum(outs, [])


@program
def maxties(lib):
    x = lib.tensor([1.0, 2.0, float("nan"), 3.0], requires_grad=True)
    y = lib.tensor([1.0, 3.0, 1.0, 2.0], requires_grad=True)
    r = []
    for f in (lib.maximum, lib.minimum, lib.fmax, lib.fmin):
        o = f(x, y)
        r += [str(v) for t in (o.detach(),) + lib.autograd.grad(o.sum(), (x, y)) for v in t.tolist()]
    return r


@program
def clamps(lib):
    x = lib.tensor([-2.0, 0.0, 1.0, float("nan"), 5.0], requires_grad=True)
    r = []
    for kw in ({"min": 0.0}, {"max": 1.0}, {"min": 0.0, "max": 1.0}, {"min": 2.0, "max": 1.0}):
        o = lib.clamp(x, **kw)
        r += [str(v) for t in (o.detach(),) + lib.autograd.grad(o.sum(), (x,)) for v in t.tolist()]
    return r


@program
def whereb(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    o = lib.where(x > 1.5, x * 2, 0.0)
    return o, lib.autograd.grad(o.sum(), x)


@program
def wheredt(lib):
    return lib.where(lib.tensor([True, False]), 1, 2.5), lib.where(lib.tensor([True, False]), lib.tensor([1, 2]), 2.5)


@program
def wherebad(lib):
    return lib.where(lib.tensor([1.0, 0.0]), lib.ones(2), lib.ones(2))


@program
def tensors(lib):
    return (
        lib.tensor([1, 2.5]),
        lib.tensor([True, False]),
        lib.tensor([True, 2]),
        lib.tensor([]),
        lib.tensor([[]]),
        lib.tensor([[1, 2], [3, 4]]),
        lib.tensor(3),
        lib.tensor([lib.tensor(1.0), lib.tensor(2.0)]),
        lib.tensor(np.arange(3.0)),
        lib.tensor([np.float32(1)]),
        lib.tensor([np.int32(1)]),
        lib.tensor(np.float64(1)),
        lib.tensor([np.ones(2), np.zeros(2)]),
    )


@program
def ragged(lib):
    return lib.tensor([[1, 2], [3]])


@program
def strs(lib):
    return lib.tensor("a")


@program
def strs2(lib):
    return lib.tensor(["a"])


@program
def bigint(lib):
    return lib.tensor(2**70)


@program
def creat(lib):
    return (
        lib.arange(5),
        lib.arange(1, 2.5, 0.5),
        lib.arange(5, 0, -2),
        lib.arange(0.0, 1.0, 0.3),
        lib.linspace(0, 1, 5),
        lib.linspace(3, -2, 7),
        lib.linspace(0, 1, 1),
        lib.eye(2, 3),
        lib.full((2,), 1.5),
        lib.full((2,), True),
        lib.full((2,), 3),
        lib.zeros(2, 3),
        lib.ones((2,)),
        lib.zeros_like(lib.ones(2, dtype=lib.int32)),
        lib.full_like(lib.ones(2), 3),
        lib.logspace(0, 2, 3),
    )


@program
def arangebad(lib):
    return lib.arange(0, 5, -1)


@program
def negsize(lib):
    return lib.zeros(-1)


@program
def step0(lib):
    return lib.arange(0, 5, 0)


@program
def expandbad(lib):
    return lib.ones(2, 3).expand(4, 3)


@program
def expandbad2(lib):
    return lib.ones(2, 3).expand(3)


@program
def viewbad(lib):
    return lib.ones(2, 3).t().view(6)


@program
def viewbad2(lib):
    return lib.ones(2, 3).view(-1, -1)


@program
def permbad(lib):
    return lib.ones(2, 3).permute(0)


@program
def permbad2(lib):
    return lib.ones(2, 3).permute(0, 0)


@program
def dimbad(lib):
    return lib.ones(2, 3).transpose(0, 2)


@program
def catbad(lib):
    return lib.cat([lib.ones(2, 3), lib.ones(2, 4)])


@program
def cat0(lib):
    return lib.cat([lib.ones(0), lib.ones(2, 3)]), lib.cat([lib.ones(2, dtype=lib.int32), lib.ones(2)])


@program
def catempty(lib):
    return lib.cat([])


@program
def stackbad(lib):
    return lib.stack([lib.ones(2), lib.ones(3)])


@program
def splits(lib):
    x = lib.arange(10.0)
    return x.split(3), x.split([4, 6]), x.chunk(3), x.chunk(4), x.unbind()[:2], x.narrow(0, 2, 3), x.select(0, -1)


@program
def splitbad(lib):
    return lib.arange(10).split([4, 5])


@program
def iteml(lib):
    return lib.ones(2).item()


@program
def booll(lib):
    return bool(lib.ones(2))


@program
def bool0(lib):
    return bool(lib.ones(0))


@program
def len0(lib):
    return len(lib.tensor(1.0))


@program
def ops0(lib):
    x = lib.tensor(3.0)
    return x**2, float(x), int(x), x + 1, [1, 2, 3][lib.tensor(1)], x == None, x != None


@program
def idxerr(lib):
    return [1, 2][lib.tensor(1.0)]


@program
def none_add(lib):
    return lib.ones(2) + None


@program
def str_add(lib):
    return lib.ones(2) + "a"


@program
def halfs(lib):
    x = lib.tensor([1.1, 2.2, 3.3], dtype=lib.bfloat16)
    h = lib.tensor([1.1, 2.2, 3.3], dtype=lib.float16)
    return x * 0.1, x + h, h * 0.1, x.tanh(), h.exp(), x / 3, x * x + x, h.sum(), x.mean(), (x > 1), x.to(lib.float32)


@program
def halfgrad(lib):
    x = lib.tensor([1.1, 2.2, 3.3], dtype=lib.bfloat16, requires_grad=True)
    y = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    o = (x * y).tanh()
    return o, lib.autograd.grad(o.sum(), (x, y))


@program
def promgrad(lib):
    x = lib.tensor([1.0, 2.0], dtype=lib.float32, requires_grad=True)
    y = lib.tensor([[1.0], [2.0]], dtype=lib.float64, requires_grad=True)
    o = x * y
    return o, lib.autograd.grad(o.sum(), (x, y))


@program
def strided(lib):
    x = leaf(lib, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    y = x.as_strided((3, 2), (1, 2), 1)
    return y, lib.autograd.grad((y * y).sum(), x)


@program
def strided_b(lib):
    return lib.arange(6.0).as_strided((3, 3), (2, 1))


@program
def strided_v(lib):
    x = leaf(lib, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    y = (x * 1).view(2, 3).t().as_strided((2, 2), (1, 3))
    return y, lib.autograd.grad((y * y).sum(), x)


@program
def out_arg(lib):
    o = lib.empty(2)
    r = lib.add(lib.ones(2), lib.ones(2), out=o)
    return o, r is o


@program
def out_bad(lib):
    return lib.add(lib.ones(2), 1.5, out=lib.empty(2, dtype=lib.int64))


@program
def fn_dirty(lib):
    class F(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    a = leaf(lib, 1.0, 2.0)
    b = a * 1
    y = F.apply(b)
    return y is b, y, lib.autograd.grad((y * y).sum(), a)


@program
def fn_nondiff(lib):
    class F(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            m = x > 1
            ctx.mark_non_differentiable(m)
            y = x * 2
            z = x * 3
            ctx.save_for_backward(x, y)
            return m, y, z

        @staticmethod
        def backward(ctx, gm, gy, gz):
            x, y = ctx.saved_tensors
            return gy * y + gz * x

    a = leaf(lib, 1.0, 2.0)
    m, y, z = F.apply(a)
    (g,) = lib.autograd.grad(y.sum(), a, create_graph=True)
    return m, y, z, g, lib.autograd.grad(g.sum(), a)


@program
def fn_wrong(lib):
    class F(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    a = leaf(lib, 1.0, 2.0)
    F.apply(a, a).sum().backward()


@program
def inf_mode(lib):
    with lib.inference_mode():
        x = lib.ones(2)
    y = x + 1
    return y.is_inference(), x.is_inference(), y


@program
def setreq(lib):
    x = lib.ones(2)
    x.requires_grad = True
    y = x * 2
    return y.requires_grad, x.is_leaf, y.is_leaf


@program
def lerps(lib):
    a = leaf(lib, 1.0, 2.0)
    b = leaf(lib, 3.0, 5.0)
    o = lib.lerp(a, b, 0.3)
    return o, lib.autograd.grad(o.sum(), (a, b))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    theirs, ours = outcome(torch, PROGRAMS[name]), outcome(refnet, PROGRAMS[name])
    if isinstance(theirs, str) or isinstance(ours, str):
        assert ours == theirs
        return
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=3e-7, atol=1e-6)
        else:
            assert a == b
