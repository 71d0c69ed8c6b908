"""batch_norm beside torch: shapes, types, running statistics, errors, derivatives."""

import numpy as np
import pytest
import torch
from beside_torch import check_gradients, check_same

import refnet


def names(library):
    x = library.tensor([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0], [1.0, 1.0, 0.0], [-0.5, 2.5, 4.0]])
    return {
        "B": library.nn.functional.batch_norm,
        "x": x,
        "h": x.half(),
        "m": library.zeros(3),
        "v": library.ones(3) * 2,
        "w": library.tensor([1.0, 2.0, 3.0]),
        "mg": library.zeros(3, requires_grad=True),
        "vg": library.ones(3, requires_grad=True),
        "zeros": library.zeros,
        "ones": library.ones,
        "moved": moved,
    }


def moved(function, x, mean, variance, **options):
    """The result and the statistics after it."""
    return function(x, mean, variance, training=True, **options), mean, variance


SAME = [
    "B(x,m,v)",
    "B(x,m,v,w,w)",
    "B(x,m,v,None,w,eps=0.5)",
    "B(x,m,v,eps=0.0)",
    "B(x,None,None,training=True)",
    "moved(B,x,m,v)",
    "moved(B,x,m,v,momentum=0.0)",
    "moved(B,x,m,v,momentum=1)",
    "moved(B,x.t()[None],zeros(3),ones(3),momentum=0.2)",
    "moved(B,x.t()[None][:,:,:2],zeros(3),ones(3),momentum=0.3,eps=0.1)",
    "moved(B,x[:0],m,v)",
    "moved(B,h,m,v)",
    "B(h,m.half(),v.half(),training=True).dtype",
    "moved(B,x.bfloat16(),m,v)",
    "B(x[:0],m,v)",
    "B(zeros(4,0),None,None,training=True)",
    "B(zeros(4,0),zeros(0),ones(0),training=True)",
    "B(x[:1],m,v,training=True)",
    "B(zeros(1,3,1,1),m,v,training=True)",
    "B(zeros(1,3,1,1),m,v)",
    "B(x[0],m,v,training=True)",
    "B(x[0],m,v)",
    "B(x[0],None,None,training=True)",
    "B(x[0,0],m,v,training=True)",
    "B(x,None,None)",
    "B(x,m,None)",
    "B(x,None,v)",
    "B(x,m,None,training=True)",
    "B(x,None,v,training=True)",
    "B(x,m[:2],v)",
    "B(x,m,v[:2])",
    "B(x,m,v,ones(2))",
    "B(x,m,v,None,ones(2))",
    "B(x,m,v,ones(1,3),training=True)",
    "B(x,m,v,training=True,eps=0.0)",
    "B(x,m,v,eps=-1.0)",
    "B(x,m,v,training=True,momentum=None)",
    "B(x.long(),m,v,training=True)",
    "B(x.long(),m,v)",
    "B([1.0],m,v)",
    "B(h,None,None,w,None,training=True)",
    "B(h,None,None,w.half(),w.half(),training=True).dtype",
    "B(h,None,None,w.half(),w,training=True)",
    "B(h,None,None,w,w.half(),training=True)",
    "B(h,m,v,w.half(),None,training=True)",
    "B(h,m.half(),v.half(),w,w,training=True)",
    "B(h,m.half(),v)",
    "B(h,m.half(),v,training=True)",
    "B(h,m.half(),v.half(),w)",
    "B(h,m,v,w.double())",
    "B(h,m.double(),v.double())",
    "B(x.bfloat16(),m.half(),v.half(),training=True)",
    "B(x,m.double(),v.double(),training=True)",
    "B(x,m.double(),v)",
    "B(x,m,v,w.double(),training=True)",
    "B(x,m.long(),v.long())",
    "B(x.double(),m,v)",
    "B(x,m.half(),v.half(),training=True)",
    "B(x,mg,v)",
    "B(x,m,vg)",
    "B(x,mg,vg,training=True)",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 2, 2)])
def test_derivatives(shape, training, rng):
    """Input, weight and bias, to second order; eps large enough to count."""
    mean, variance = rng.standard_normal(3), rng.uniform(0.5, 2, 3)

    def normalized(library, x, weight, bias):
        running = library.tensor(mean), library.tensor(variance)
        return library.nn.functional.batch_norm(x, *running, weight, bias, training, 0.1, 0.1)

    check_gradients(normalized, rng.standard_normal(shape), rng.standard_normal(3), rng.standard_normal(3))


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_stays(training, rng):
    """The result lies in memory as torch's does."""
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    strides = []
    for library in (torch, refnet):
        laid = library.from_numpy(x).to(memory_format=library.channels_last)
        running = library.zeros(3), library.ones(3)
        strides.append(library.nn.functional.batch_norm(laid, *running, training=training).stride())
    assert strides[0] == strides[1]


def test_large_offset_keeps_its_variance():
    """Deviations are taken before squaring: a mean of 10^4 costs nothing."""
    x = refnet.tensor([[10000.0], [10001.0], [10002.0], [10003.0]])
    out = refnet.nn.functional.batch_norm(x, None, None, training=True)
    expected = torch.batch_norm(torch.arange(4.0).double()[:, None], None, None, None, None, True, 0.1, 1e-5, False)
    np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-6)


def test_running_statistics_are_buffers_not_history():
    mean, variance = refnet.zeros(1), refnet.ones(1)
    versions = mean._version, variance._version
    x = refnet.tensor([[1.0], [3.0]], requires_grad=True)
    refnet.nn.functional.batch_norm(x, mean, variance, training=True).sum().backward()
    assert (mean._version, variance._version) > versions
    assert not mean.requires_grad and not variance.requires_grad
