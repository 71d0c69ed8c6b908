"""grid_sample and affine_grid beside torch: positions, borders, derivatives to second order."""

import numpy as np
import pytest
import torch
from beside_torch import check_gradients

import refnet

PADDINGS = ("zeros", "border", "reflection")
CASES = [
    (mode, padding, aligned, dims)
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in PADDINGS
    for aligned in (False, True)
    for dims in (2, 3)
    if not (mode == "bicubic" and dims == 3)
]


@pytest.mark.parametrize(("mode", "padding", "aligned", "dims"), CASES)
def test_the_elements_are_torchs(mode, padding, aligned, dims) -> None:
    """Many points in float32, a third of them on or beside whole and half positions."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 2, 9, 7, 8)[: dims + 2]).astype("float32")
    grid = rng.uniform(-1.5, 1.5, (1, *(30, 20, 10)[:dims], dims)).astype("float32")
    grid[:, ::3] = np.round(grid[:, ::3] * 18) / 18
    found = [
        library.nn.functional.grid_sample(library.tensor(x), library.tensor(grid), mode, padding, aligned).numpy()
        for library in (torch, refnet)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize(("mode", "padding", "aligned", "dims"), [case for case in CASES if case[0] != "nearest"])
def test_derivatives_are_torchs(mode, padding, aligned, dims) -> None:
    rng = np.random.default_rng(1)
    x, grid = rng.standard_normal((1, 2, 3, 4, 3)[: dims + 2]), rng.uniform(-1.4, 1.4, (1, *(2,) * (dims - 1), 3, dims))

    def sampled(library, x, grid):
        return library.nn.functional.grid_sample(x, grid, mode, padding, aligned)

    check_gradients(sampled, x, grid)


def test_the_nearest_element_leaves_the_grid_a_gradient_of_zero() -> None:
    grid = refnet.zeros(1, 2, 2, 2, requires_grad=True)
    out = refnet.nn.functional.grid_sample(refnet.ones(1, 1, 3, 3), grid, "nearest", align_corners=False)
    out.sum().backward()
    np.testing.assert_array_equal(grid.grad.numpy(), np.zeros((1, 2, 2, 2)))


@pytest.mark.parametrize("function", ["grid_sample", "affine_grid"])
def test_the_default_of_align_corners_warns(function) -> None:
    arguments = {
        "grid_sample": (refnet.ones(1, 1, 3, 3), refnet.zeros(1, 1, 1, 2)),
        "affine_grid": (refnet.ones(1, 2, 3), (1, 1, 2, 2)),
    }
    with pytest.warns(UserWarning, match="align_corners=False since 1.3.0"):
        getattr(refnet.nn.functional, function)(*arguments[function])


def test_a_grid_of_one_point_warns_where_corners_are_aligned() -> None:
    with pytest.warns(UserWarning, match="unit-size grids"):
        grid = refnet.nn.functional.affine_grid(refnet.ones(1, 2, 3), (1, 1, 1, 2), align_corners=True)
    np.testing.assert_array_equal(grid.numpy(), [[[[0.0, 0.0], [2.0, 2.0]]]])


@pytest.mark.parametrize(("name", "dims"), [("grid_sampler", 2), ("grid_sampler_2d", 2), ("grid_sampler_3d", 3)])
@pytest.mark.parametrize(("mode", "padding"), [(0, 1), (1, 2)])
def test_numbers_for_words(name, dims, mode, padding) -> None:
    rng = np.random.default_rng(2)
    x, grid = rng.standard_normal((1, 2, *(4,) * dims)), rng.uniform(-1.5, 1.5, (1, *(3,) * dims, dims))
    theirs, ours = (
        getattr(library, name)(library.tensor(x), library.tensor(grid), mode, padding, False).numpy()
        for library in (torch, refnet)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    with pytest.raises(TypeError, match="interpolation_mode"):
        getattr(refnet, name)(refnet.tensor(x), refnet.tensor(grid), 3, 0, False)
