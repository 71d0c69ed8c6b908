"""Tables of taps: which elements a place of the output reads, bit for bit as torch's kernels choose them."""

import numpy as np
import pytest
import torch

import refnet
from refnet._ops.interpolate import FILTERS, Taps, cubic_taps, filter_taps, linear_taps, spacing
from refnet.autograd import gradcheck, gradgradcheck

KINDS = [("float32", torch.float32), ("float64", torch.float64)]
# Positions near whole numbers, scales that keep a size, sizes up to torch's kernel for large images.
SIZES = [
    (n, m, None)
    for n, m in ((1, 7), (7, 1), (34, 51), (2, 41), (2, 47), (2, 55), (24, 79), (30, 58), (8, 55), (9, 200))
]
SIZES += [
    (n, int(n * s), s) for n, s in ((20, 1.02), (29, 1.02), (12, 1.7), (39, 3.44), (28, 2.0185), (100, 1.5), (13, 0.3))
]


def dense(taps: Taps, size: int) -> np.ndarray:
    """The taps as a matrix (size, places)."""
    matrix = np.zeros((size, taps.index.shape[1]))
    for k, row in enumerate(taps.index):
        use = np.arange(len(row)) if taps.count is None else np.flatnonzero(taps.count > k)
        weight = np.ones(len(row)) if taps.weight is None else taps.weight[k]
        np.add.at(matrix, (row[use], use), weight[use])
    return matrix


def by_torch(size: int, places: int, scale: float | None, kind: torch.dtype, mode: str, **options: bool) -> np.ndarray:
    """The same matrix out of torch: what unit vectors become."""
    unit = torch.eye(size, dtype=kind)[None, :, None]
    target = {"size": (1, places)} if scale is None else {"scale_factor": (1, scale)}
    if mode == "linear":
        unit, target = unit[:, :, 0], {"size": places} if scale is None else {"scale_factor": scale}
    out = torch.nn.functional.interpolate(unit, mode=mode, **target, **options)
    return out.reshape(size, places).double().numpy()


@pytest.mark.parametrize(("kind", "theirs"), KINDS, ids=["float32", "float64"])
@pytest.mark.parametrize(("size", "places", "scale"), SIZES)
@pytest.mark.parametrize("aligned", [False, True])
def test_weights_are_torchs_to_the_bit(kind, theirs, size, places, scale, aligned) -> None:
    at = spacing(size, places, scale, aligned, kind)
    linear = by_torch(size, places, scale, theirs, "linear", align_corners=aligned)
    np.testing.assert_array_equal(dense(linear_taps(at), size).astype(kind), linear)
    cubic = by_torch(size, places, scale, theirs, "bicubic", align_corners=aligned)
    at_most = 2 * np.finfo(kind).eps  # taps beyond the border meet on one element, added in torch's order or another
    np.testing.assert_allclose(dense(cubic_taps(at), size), cubic, rtol=0, atol=at_most)


@pytest.mark.parametrize(("kind", "theirs"), KINDS, ids=["float32", "float64"])
@pytest.mark.parametrize("mode", list(FILTERS))
@pytest.mark.parametrize(("size", "places"), [(30, 11), (11, 30), (37, 23), (5, 1)])
def test_filters_are_torchs(kind, theirs, mode, size, places) -> None:
    found = dense(filter_taps(spacing(size, places, None, False, kind), *FILTERS[mode]), size)
    expected = by_torch(size, places, None, theirs, mode, antialias=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * np.finfo(kind).eps)
    np.testing.assert_allclose(found.sum(0), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_nearest_element_is_torchs(kind, mode, dims, channels_last) -> None:
    """Forward and backward seek by different roundings, and kernels differ by rank, size and memory format."""
    for size, places, scale in SIZES:
        target = (
            {"size": (1,) * (dims - 1) + (places,)} if scale is None else {"scale_factor": (1,) * (dims - 1) + (scale,)}
        )
        found = []
        for library in (torch, refnet):
            x = library.arange(size, dtype=getattr(library, kind)).reshape(1, 1, *(1,) * (dims - 1), size)
            x = x.expand(1, 4, *x.shape[2:]).contiguous()
            if channels_last and dims > 1:
                x = x.contiguous(memory_format=library.channels_last if dims == 2 else library.channels_last_3d)
            x.requires_grad_()
            out = library.nn.functional.interpolate(x, mode=mode, **target)
            out.sum().backward()
            strides = [step for step, n in zip(out.stride(), out.shape, strict=True) if n > 1]
            found.append((out.detach().numpy(), x.grad.numpy(), strides))
        for ours, expected in zip(found[1], found[0], strict=True):
            np.testing.assert_array_equal(ours, expected, err_msg=f"{size} -> {places}, scale {scale}")


def test_bytes_are_torchs() -> None:
    rng = np.random.default_rng(0)
    options = [("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True), ("lanczos", True)]
    for channels, size, target in ((3, (9, 14), (5, 23)), (1, (6, 6), (6, 17)), (5, (13, 8), (20, 3))):
        x = rng.integers(0, 256, (2, channels, *size), dtype=np.uint8)
        for mode, antialias in options:
            ours, theirs = (
                library.nn.functional.interpolate(library.tensor(x), target, mode=mode, antialias=antialias).numpy()
                for library in (refnet, torch)
            )
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{mode} {antialias} {x.shape}")


@pytest.mark.parametrize(
    "options",
    [{"mode": "bilinear"}, {"mode": "bicubic", "align_corners": True}, {"mode": "bilinear", "antialias": True}],
    ids=str,
)
def test_derivatives(options) -> None:
    x = refnet.tensor(np.random.default_rng(0).standard_normal((1, 2, 4, 5)), requires_grad=True)

    def resized(x):
        return refnet.nn.functional.interpolate(x, size=(3, 7), **options)

    assert gradcheck(resized, (x,))
    assert gradgradcheck(resized, (x,))


def test_a_table_is_the_transpose_of_its_transpose() -> None:
    taps = filter_taps(spacing(9, 4, None, False, "float64"), *FILTERS["bicubic"])
    np.testing.assert_array_equal(dense(taps.transposed(9), 4), dense(taps, 9).T)
    np.testing.assert_array_equal(dense(taps.transposed(9).transposed(4), 9), dense(taps, 9))
