"""Convolution and pooling of images that lie batch last, cut into as many slices and pieces as there can be."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest

import refnet
from refnet._ops import conv_rows, pool_rows
from refnet._ops.conv import conv
from refnet.nn import functional

CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((8, 1, 9, 8), (3, 1, 5, 5), {"padding": 2}),
    ((9, 3, 7, 8), (4, 3, 3, 2), {"padding": (0, 1)}),
    ((8, 6, 14, 14), (16, 6, 5, 5), {}),
    ((10, 2, 6, 9), (5, 2, 3, 3), {"dilation": (1, 2), "padding": (2, 1)}),
]
POOLS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": (2, 3)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 1},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything in the smallest slices and pieces, by two threads."""
    for module, name in [(conv_rows, "_WORK"), (conv_rows, "_COPIED"), (conv_rows, "_FOLDED"), (pool_rows, "_AT_ONCE")]:
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(conv_rows, "_UNPACKED", 500)
    monkeypatch.setattr(conv_rows, "_SHORT", 8)
    conv_rows._pieces.cache_clear()
    before = refnet.get_num_threads()
    refnet.set_num_threads(2)
    yield
    refnet.set_num_threads(before)
    conv_rows._pieces.cache_clear()


def drawn(*shapes: tuple[int, ...]) -> list[Any]:
    generator = numpy.random.default_rng(1)
    return [refnet.tensor(generator.standard_normal(shape), requires_grad=True) for shape in shapes]


def computed(operands: list[Any], then: Any, geometry: dict[str, Any], *, held: bool) -> list[Any]:
    """Result and gradients of a convolution, whose images lie batch last or not, and what comes then."""
    for operand in operands:
        operand.grad = None
    y = functional.conv2d(*operands, **geometry)
    assert (y._batch_last is not None) is held
    out = then(y)
    out.backward(refnet.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape))
    return [out.detach().numpy(), *[operand.grad.numpy() for operand in operands]]


def compare(operands: list[Any], then: Any, geometry: dict[str, Any]) -> None:
    found = computed(operands, then, geometry, held=True)
    with conv.using("row_major"):
        expected = computed(operands, then, geometry, held=False)
    for one, other in zip(found, expected, strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("x", "w", "geometry"), CONVOLUTIONS, ids=str)
def test_slices_and_pieces_of_a_convolution_are_the_whole(
    x: tuple[int, ...], w: tuple[int, ...], geometry: dict[str, Any]
) -> None:
    compare(drawn(x, w, w[:1]), lambda y: y.tanh(), geometry)


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("pool", [functional.max_pool2d, functional.avg_pool2d])
def test_slices_of_a_pool_are_the_whole(pool: Any, options: dict[str, Any]) -> None:
    compare(drawn((8, 3, 9, 8), (4, 3, 3, 3), (4,)), lambda y: pool(y, **options), {"padding": 1})


def test_rows_are_cut_so_that_no_product_is_large() -> None:
    assert conv_rows._pieces(7, 64) == 1  # 448 multiply-adds in one
    assert conv_rows._pieces(50, 64) == 8  # 7 would be enough, but do not divide 64
    assert conv_rows._pieces(100, 64) == 1  # pieces would be too short


def test_what_one_thread_reads_another_may_read_too() -> None:
    (x, w) = drawn((8, 3, 9, 8), (4, 3, 3, 3))
    y = functional.conv2d(x, w)
    assert y._batch_last is not None
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: y.detach().numpy(), range(8)))
    assert y._batch_last is None
    assert all(numpy.shares_memory(array, found[0]) for array in found)


def test_strides_of_one_element_an_image_are_the_known_ones() -> None:
    y = functional.max_pool2d(functional.conv2d(*drawn((8, 3, 9, 9), (1, 3, 3, 3))), 7)
    assert y.shape == (8, 1, 1, 1)
    assert y.stride() == (1, 1, 1, 1)


BROADCAST = [(8,), (7,), (1,), (), (4, 1, 1), (2, 1, 4, 7, 8), (1, 4, 7, 8), (8, 1, 7, 8)]


@pytest.mark.parametrize("shape", BROADCAST, ids=str)
def test_other_operands_are_broadcast_as_ever(shape: tuple[int, ...]) -> None:
    x, w, other = drawn((8, 3, 9, 10), (4, 3, 3, 3), shape)
    results = []
    for variant in ("default", "row_major"):
        with conv.using(variant):
            y = functional.conv2d(x, w)
            try:
                results.append([refnet.autograd.grad((y * other).square().sum(), (x, w, other)), (other - y).stride()])
            except RuntimeError as error:
                results.append(str(error))
    if isinstance(results[1], str):
        assert results[0] == results[1]
    else:
        assert results[0][1] == results[1][1]
        for one, other in zip(results[0][0], results[1][0], strict=True):
            numpy.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12, atol=1e-12)


def test_data_that_is_replaced_or_written_is_what_counts() -> None:
    x, w = drawn((8, 3, 9, 9), (4, 3, 3, 3))
    y = functional.conv2d(x, w)
    y.data = refnet.ones(2, 3, dtype=y.dtype)
    assert y.shape == (2, 3)
    assert (y.relu() == 1).all()
    z = functional.conv2d(x, w).sigmoid()
    z.data.zero_()  # unknown to the graph, which saved the result: its gradient is that of zeros
    z.sum().backward()
    assert (x.grad == 0).all()
