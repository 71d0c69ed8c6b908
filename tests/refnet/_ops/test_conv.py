"""Convolution: every variant computes the same, the three primitives are each other's adjoints, layout, errors."""

import itertools
import math

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet
from refnet._ops import conv_depthwise
from refnet._ops.conv import columns, conv, conv_input, conv_weight, fold

# x, w, stride, padding, dilation, groups
SHAPES = [
    ((2, 3, 9), (4, 3, 3), (2,), (1,), (2,), 1),
    ((2, 4, 6, 7), (6, 2, 3, 2), (1, 2), (2, 0), (1, 2), 2),
    ((2, 4, 6, 5), (4, 4, 3, 3), (1, 1), (1, 1), (1, 1), 1),  # input gradient by the turned kernel
    ((2, 4, 6, 5), (2, 4, 3, 3), (1, 1), (3, 0), (1, 1), 1),  # more padding than the kernel reaches: by fold
    ((3, 4, 7, 5), (4, 1, 3, 3), (1, 1), (1, 1), (1, 1), 4),  # depthwise
    ((3, 4, 7, 5), (8, 1, 3, 3), (2, 2), (1, 1), (1, 1), 4),
    ((5, 3, 16, 15), (3, 1, 3, 2), (1, 1), (2, 1), (1, 1), 3),  # depthwise, of channels that are worth a product each
    ((3, 10, 19, 19), (10, 1, 2, 5), (1, 1), (0, 0), (1, 1), 10),
    ((2, 3, 4, 5), (5, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 12, 11), (5, 3, 5, 5), (1, 1), (2, 2), (1, 1), 1),  # windows enough for a GEMM an image
    ((1, 2, 4, 3, 5), (2, 2, 2, 3, 2), (2, 1, 1), (1, 1, 0), (1, 1, 2), 1),
    ((0, 3, 6, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 6, 6), (0, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
]
NAMES = ("stride", "padding", "dilation", "groups")


def drawn(*shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("row", SHAPES, ids=str)
def test_every_variant_is_the_definition(row):
    x, w, b = drawn(row[0], row[1], row[1][:1])
    parameters = dict(zip(NAMES, row[2:], strict=True))
    expected = conv.variants["naive"](np, x, w, b, **parameters)
    assert set(conv.variants) == {"default", "naive", "im2col", "array", "row_major"}
    for name, kernel in conv.variants.items():
        np.testing.assert_allclose(kernel(np, x, w, b, **parameters), expected, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("row", SHAPES, ids=str)
def test_adjoints(row):
    """<g, conv(x, w)> = <conv_input(g, w), x> = <conv_weight(g, x), w>."""
    x, w = drawn(row[0], row[1])
    parameters = dict(zip(NAMES, row[2:], strict=True))
    out = conv.forward(np, x, w, **parameters)
    (g,) = drawn(out.shape)
    back = conv_input.forward(np, g, w, shape=x.shape, **parameters)
    share = conv_weight.forward(np, g, x, shape=w.shape, **parameters)
    assert (back.shape, share.shape) == (x.shape, w.shape)
    assert np.vdot(back, x) == pytest.approx(np.vdot(g, out), abs=1e-9)
    assert np.vdot(share, w) == pytest.approx(np.vdot(g, out), abs=1e-9)


@pytest.mark.parametrize("block", [1, 1 << 17])
def test_depthwise_by_rows_of_images(monkeypatch, block):
    """In parts of one image, and with an infinity that the zeros around the other factor must not touch."""
    monkeypatch.setattr(conv_depthwise, "_BLOCK", block)
    x, w, g = drawn((9, 2, 12, 13), (2, 1, 3, 3), (9, 2, 12, 13), dtype="float32")
    x[2, 1, 3, 4] = math.inf
    parameters = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 2}
    assert conv_depthwise.suits(np, x.shape, w.shape, (1, 1), (1, 1), 2)
    with np.errstate(invalid="ignore"):
        found = conv.forward(np, x, w, **parameters), conv_weight.forward(np, g, x, shape=w.shape, **parameters)
        out = conv.variants["im2col"](np, x, w, **parameters)
    np.testing.assert_allclose(found[0], out, rtol=1e-5, atol=1e-5)
    theirs = torch.nn.grad.conv2d_weight(torch.tensor(x), w.shape, torch.tensor(g), padding=1, groups=2)
    np.testing.assert_allclose(found[1], theirs.numpy(), rtol=1e-4, atol=1e-4)


def test_columns_are_the_windows_and_fold_their_adjoint():
    sizes, kernel, stride, padding, dilation = (7, 6), (3, 2), (2, 1), (1, 2), (1, 3)
    (x,) = drawn((2, 4, *sizes))
    cols = columns(np, x, kernel, stride, padding, dilation, 2)
    image = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)))
    places = (4, 7)
    assert cols.shape == (2, 2, 2 * math.prod(kernel), math.prod(places))
    seen = cols.reshape(2, 4, *kernel, *places)
    for k0, k1, i0, i1 in itertools.product(*map(range, (*kernel, *places))):
        np.testing.assert_array_equal(seen[:, :, k0, k1, i0, i1], image[:, :, i0 * 2 + k0, i1 + 3 * k1])
    (g,) = drawn(cols.shape)
    back = fold(np, g, x.shape, places, kernel, stride, padding, dilation)
    assert np.vdot(back, x) == pytest.approx(np.vdot(g, cols))


@pytest.mark.parametrize("few", [0, 10**9], ids=["GEMM an image", "one GEMM"])
@pytest.mark.parametrize("chunk", [1, 10**9], ids=["image by image", "all images"])
def test_schedules_agree(monkeypatch, few, chunk):
    """How images are put together into GEMMs changes nothing but rounding."""
    module = __import__("refnet._ops.conv", fromlist=["conv"])
    x, w = drawn((5, 4, 6, 7), (6, 2, 3, 3))
    parameters = {"stride": (1, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 2}
    out = conv.forward(np, x, w, **parameters)
    (g,) = drawn(out.shape)
    share = conv_weight.forward(np, g, x, shape=w.shape, **parameters)
    monkeypatch.setattr(module, "_FEW", few)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    np.testing.assert_allclose(conv.forward(np, x, w, **parameters), out, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        conv_weight.forward(np, g, x, shape=w.shape, **parameters), share, rtol=1e-12, atol=1e-12
    )


def test_variant_by_scope():
    """The chosen variant runs, in this scope only."""
    x, w = refnet.ones(1, 1, 4, 4), refnet.ones(1, 1, 3, 3)
    called = []
    naive = conv.variants["naive"]
    conv.variants["naive"] = lambda *args, **parameters: called.append(1) or naive(*args, **parameters)
    try:
        with refnet.backends.conv2d.using("naive"):
            inside = refnet.nn.functional.conv2d(x, w)
        outside = refnet.nn.functional.conv2d(x, w)
    finally:
        conv.variants["naive"] = naive
    assert called == [1]
    assert inside.tolist() == outside.tolist()
    with pytest.raises(ValueError, match="naive"), refnet.backends.conv2d.using("winograd"):
        pass


@pytest.mark.parametrize("variant", ["default", "naive", "im2col"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_rounded_once(variant, dtype):
    """Sums of 1,152 products: the float32 sum, rounded once, bias included."""
    kind = getattr(torch, dtype)
    x, w, b = (torch.tensor(a).to(kind) for a in drawn((1, 128, 3, 3), (2, 128, 3, 3), (2,)))
    expected = torch.nn.functional.conv2d(x.double(), w.double(), b.double()).to(kind)
    with refnet.backends.conv.using(variant):
        got = refnet.nn.functional.conv2d(
            *(refnet.tensor(a.double().numpy(), dtype=getattr(refnet, dtype)) for a in (x, w, b))
        )
    np.testing.assert_allclose(
        got.double().numpy(), expected.double().numpy(), rtol=2e-3 if dtype == "float16" else 8e-3
    )


GRADIENTS = [
    (lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, stride=2, padding=1), (2, 3, 5, 6), (4, 3, 3, 2), (4,)),
    (lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, padding="same", groups=2), (2, 4, 5, 4), (4, 2, 3, 3), (4,)),
    (lambda t, x, w, b: t.nn.functional.conv1d(x, w, b, dilation=2), (3, 7), (4, 3, 3), (4,)),
    (lambda t, x, w, b: t.nn.functional.conv3d(x, w, b, padding=1), (1, 2, 3, 2, 3), (2, 2, 2, 2, 3), (2,)),
    (
        lambda t, x, w, b: t.nn.functional.conv_transpose2d(x, w, b, 2, 1, 1, groups=2),
        (2, 4, 3, 2),
        (4, 2, 3, 3),
        (4,),
    ),
]


@pytest.mark.parametrize("number", range(len(GRADIENTS)))
def test_gradients_beside_torch(number):
    function, *shapes = GRADIENTS[number]
    check_gradients(function, *drawn(*shapes))


def test_third_order():
    """conv, conv_input and conv_weight are closed under gradients: the third derivative of sum(conv^2)."""
    x, w = drawn((1, 2, 4, 4), (2, 2, 3, 3))
    found = []
    for library in (torch, refnet):
        a, b = library.tensor(x, requires_grad=True), library.tensor(w, requires_grad=True)
        total = (library.nn.functional.conv2d(a, b, padding=1) ** 2).sum()
        for _ in range(2):
            first, second = library.autograd.grad(total, (a, b), create_graph=True)
            total = (first**2).sum() + (second**2).sum()
        found.append([g.detach().numpy() for g in library.autograd.grad(total, (a, b))])
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_no_gradient_that_nobody_needs():
    """A frozen kernel: its gradient is not computed, and the input is not kept."""
    x, w = refnet.ones(1, 1, 4, 4, requires_grad=True), refnet.ones(1, 1, 3, 3)
    out = refnet.nn.functional.conv2d(x, w)
    assert "x" not in out.grad_fn.saved
    assert "w" in out.grad_fn.saved
    out.sum().backward()
    assert w.grad is None


def names(library):
    return {"x": library.ones(2, 4, 5, 5), "w": library.ones(6, 4, 3, 3), "v": library.ones(4, 3, 3, 3)}


SAME = [
    "F.conv2d(x, w)",
    "F.conv2d(x, w, padding='same').sum()",
    "F.conv2d(x.to(memory_format=torch.channels_last), w).stride()",
    "F.conv2d(x, w.to(memory_format=torch.channels_last)).stride()",
    "F.conv2d(x[:0], w).shape",
    "F.conv2d(x[0], w).shape",
    "F.conv2d(x.long(), w.long(), torch.ones(6).long()).sum()",
    "F.conv2d(x, w[:, :3])",
    "F.conv2d(x, w, torch.ones(5))",
    "F.conv2d(x, w, stride=0)",
    "F.conv2d(x, w, padding=-1)",
    "F.conv2d(x, w, padding='full')",
    "F.conv2d(x, w, padding='same', stride=2)",
    "F.conv2d(x, w, dilation=3)",
    "F.conv2d(x, w, groups=0)",
    "F.conv2d(x, w, groups=4)",
    "F.conv2d(x, w, groups=7)",
    "F.conv2d(x, w.double())",
    "F.conv2d(x.view(-1), w)",
    "F.conv_transpose2d(x, v).shape",
    "F.conv_transpose2d(x, v, stride=2, output_padding=1).shape",
    "F.conv_transpose2d(x, v, output_padding=1)",
    "F.conv_transpose2d(x, w)",
    "F.conv_transpose2d(x, v, torch.ones(4))",
]


@pytest.mark.parametrize("source", SAME)
def test_same_as_torch(source):
    check_same(source, names, message=False)
