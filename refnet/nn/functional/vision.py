"""Images rearranged and sampled: pixel and channel shuffles, fold and unfold, affine_grid and grid_sample."""

import math
import warnings
from typing import Any

from refnet._check import check
from refnet._memory_format import contiguous_format, suggested
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops.fold import block_places, columns, images
from refnet._ops.grid_sample import sample
from refnet._ops.shape import cat
from refnet.creation import linspace, ones, zeros
from refnet.nn.functional._arguments import expect_floating

Ints = tuple[int, ...]


# --- shuffles -----------------------------------------------------------------------------------------------------


def _factor(input: Any, value: Any, name: str, argument: str) -> int:
    expect_tensor(input, name)
    check(
        hasattr(value, "__index__"),
        lambda: f"{name}(): argument '{argument}' (position 2) must be int, not {type(value).__name__}",
        TypeError,
    )
    return int(value.__index__())


def _image_factor(input: Any, value: Any, name: str, argument: str) -> int:
    factor = _factor(input, value, name, argument)
    check(
        input.ndim >= 3,
        lambda: f"{name} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)",
    )
    check(factor > 0, lambda: f"{name} expects a positive {argument}, but got {factor}")
    return factor


def _copied(rearranged: Any, *size: int) -> Any:
    """The elements in row-major order, in memory of their own: also where no element moved, as in a shuffle by 1."""
    return rearranged.clone(memory_format=contiguous_format).reshape(size)


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """(.., C r^2, H, W) -> (.., C, H r, W r): channel (c, i, j) becomes element (i, j) of each r x r block.

    >>> import refnet
    >>> refnet.nn.functional.pixel_shuffle(refnet.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = _image_factor(input, upscale_factor, "pixel_shuffle", "upscale_factor")
    *lead, channels, h, w = input.shape
    check(
        channels % (r * r) == 0,
        lambda: (
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        ),
    )
    n, c = len(lead), channels // (r * r)
    blocks = input.reshape(*lead, c, r, r, h, w)
    out = blocks.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (.., C, r, r, H, W) -> (.., C, H, r, W, r)
    return _copied(out, *lead, c, h * r, w * r)


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """(.., C, H r, W r) -> (.., C r^2, H, W): undoes `pixel_shuffle`.

    >>> import refnet
    >>> refnet.nn.functional.pixel_unshuffle(refnet.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = _image_factor(input, downscale_factor, "pixel_unshuffle", "downscale_factor")
    *lead, channels, h, w = input.shape
    for what, size, d in (("height", h, -2), ("width", w, -1)):
        check(
            size % r == 0,
            lambda what=what, size=size, d=d: (
                f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but input.size({d})={size} is not "  # type: ignore[misc]
                f"divisible by {r}"
            ),
        )
    n = len(lead)
    blocks = input.reshape(*lead, channels, h // r, r, w // r, r)
    out = blocks.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (.., C, H, r, W, r) -> (.., C, r, r, H, W)
    return _copied(out, *lead, channels * r * r, h // r, w // r)


def channel_shuffle(input: Any, groups: int) -> Any:
    """(N, g C, ..) with its channels, in g groups of C, dealt out again: the first of each group, the second, ...

    >>> import refnet
    >>> refnet.nn.functional.channel_shuffle(refnet.arange(6.0).reshape(1, 6, 1), 2).flatten()
    tensor([0., 3., 1., 4., 2., 5.])
    """
    groups = _factor(input, groups, "channel_shuffle", "groups")
    check(
        input.ndim > 2,
        lambda: f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}",
    )
    n, channels, *rest = input.shape
    check(groups > 0, lambda: f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    check(
        channels % groups == 0,
        lambda: f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups.",
    )
    out = _copied(input.reshape(n, groups, channels // groups, *rest).transpose(1, 2), *input.shape)
    return out.contiguous(memory_format=suggested(input))


# --- sliding blocks -----------------------------------------------------------------------------------------------


def _pair(value: Any, what: str, name: str) -> Ints:
    values = tuple(value) if isinstance(value, list | tuple) else (value, value)
    for position, v in enumerate(values):
        check(
            hasattr(v, "__index__") and not isinstance(v, bool),
            lambda position=position, v=v: (
                f"{name}(): argument '{what}' must be tuple of ints, but found element of type {type(v).__name__} "  # type: ignore[misc]
                f"at pos {position}"
            ),
            TypeError,
        )
    check(len(values) == 2, lambda: f"It is expected {what} equals to 2, but got size {len(values)}")
    return tuple(int(v) for v in values)


def _blocks(kernel_size: Any, dilation: Any, padding: Any, stride: Any, name: str) -> dict[str, Ints]:
    """Kernel, dilation, padding and stride as pairs, with torch's checks."""
    kernel, dilations = _pair(kernel_size, "kernel_size", name), _pair(dilation, "dilation", name)
    pads, strides = _pair(padding, "padding", name), _pair(stride, "stride", name)
    for what, values, letters, least, words in (
        ("kernel size", kernel, "kernel", 1, "greater than zero"),
        ("dilation", dilations, "dilation", 1, "greater than zero"),
        ("padding", pads, "pad", 0, "non-negative"),
        ("stride", strides, "stride", 1, "greater than zero"),
    ):
        check(
            min(values) >= least,
            lambda what=what, values=values, letters=letters, words=words: (
                f"{what} should be {words}, but got {letters}_height: {values[0]} {letters}_width: {values[1]}"  # type: ignore[misc]
            ),
        )
    return {"kernel": kernel, "dilation": dilations, "padding": pads, "stride": strides}


def _check_block_dtype(input: Any, kernel: str) -> None:
    check(
        input.is_floating_point() or input.dtype.name == "bool",
        lambda: f"\"{kernel}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The sliding blocks of images (N, C, H, W) or (C, H, W) as columns: (N, C K, L).

    Block l starts at the l-th place, row by row; its K elements are x[c, i s + k d - p], 0 in the padding.

    >>> import refnet
    >>> refnet.nn.functional.unfold(refnet.arange(9.0).reshape(1, 3, 3), 2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    expect_tensor(input, "im2col")
    geometry = _blocks(kernel_size, dilation, padding, stride, "im2col")
    check(
        input.ndim > 2,
        lambda: (
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got {input.ndim})"
        ),
        IndexError,
    )
    check(
        input.ndim in (3, 4) and 0 not in input.shape[input.ndim == 4 :],
        lambda: (
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(input.shape)}"
        ),
    )
    sizes = tuple(input.shape[-2:])
    places = block_places(sizes, **geometry)
    check(
        min(places) > 0,
        lambda: (
            f"Given input with spatial size {sizes}, "
            + ", ".join(f"{what}={value}" for what, value in _shown(geometry).items())
            + f", calculated shape of the array of sliding blocks as {places}, but its components must be at least one."
        ),
    )
    _check_block_dtype(input, "im2col_out_cpu")
    return columns(input, **geometry) if input.ndim == 4 else columns(input.unsqueeze(0), **geometry).squeeze(0)


def _shown(geometry: dict[str, Ints]) -> dict[str, Ints]:
    """As torch's messages name them."""
    return {"kernel_size" if what == "kernel" else what: value for what, value in geometry.items()}


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Images of `output_size` from columns (N, C K, L) or (C K, L), overlapping blocks added up: the adjoint of `unfold`.

    >>> import refnet
    >>> refnet.nn.functional.fold(refnet.ones(4, 4), (3, 3), 2)
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]])
    """
    expect_tensor(input, "col2im")
    sizes = _pair(output_size, "output_size", "col2im")
    geometry = _blocks(kernel_size, dilation, padding, stride, "col2im")
    check(
        input.ndim in (2, 3) and 0 not in input.shape[input.ndim == 3 :],
        lambda: (
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, "
            f"but got: {list(input.shape)}"
        ),
    )
    rows, blocks = input.shape[-2:]
    check(
        rows % math.prod(geometry["kernel"]) == 0,
        lambda: (
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={geometry['kernel']}."
        ),
    )
    places = block_places(sizes, **geometry)
    check(
        min(places) > 0 and math.prod(places) == blocks,
        lambda: (
            f"Given output_size={sizes}, "
            + ", ".join(f"{what}={value}" for what, value in _shown(geometry).items())
            + f", expected size of input's dimension 2 to match the calculated number of sliding blocks {places[0]} * "
            f"{places[1]} = {math.prod(places)}, but got input.size(2)={blocks}."
        ),
    )
    _check_block_dtype(input, "col2im_out_cpu")
    if input.ndim == 3:
        return images(input, sizes=sizes, **geometry)
    return images(input.unsqueeze(0), sizes=sizes, **geometry).squeeze(0)


# --- grids --------------------------------------------------------------------------------------------------------


def _aligned(align_corners: Any, name: str, position: int) -> bool:
    """`align_corners`, False where it was left out: with torch's warning."""
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            UserWarning,
            stacklevel=3,
        )
        return False
    check(
        isinstance(align_corners, bool),
        lambda: (
            f"{name}(): argument 'align_corners' (position {position}) must be bool, not {type(align_corners).__name__}"
        ),
        TypeError,
    )
    return bool(align_corners)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """The grid of an affine map: grid[n, i, j] = theta[n] (x_j, y_i, 1), for theta (N, 2, 3) and `size` (N, C, H, W).

    In three dimensions theta is (N, 3, 4), `size` (N, C, D, H, W) and the vector (x, y, z, 1). Coordinates run over the
    centers of the elements of -1 .. 1, or with `align_corners` from -1 to 1 themselves; a single element is at 0.

    >>> import refnet
    >>> theta = refnet.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> refnet.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    aligned = _aligned(align_corners, "affine_grid_generator", 3)
    check(
        hasattr(theta, "is_floating_point"),
        lambda: f"'{type(theta).__name__}' object has no attribute 'is_floating_point'",
        AttributeError,
    )
    check(
        theta.is_floating_point(),
        lambda: f"Expected theta to have floating point type, but got {theta.dtype}",
        ValueError,
    )
    check(
        len(size) in (4, 5),
        lambda: (
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        ),
        NotImplementedError,
    )
    n = len(size) - 2
    check(
        theta.ndim == 3 and tuple(theta.shape[1:]) == (n, n + 1),
        lambda: (
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. "
            f"Got {theta.shape} of theta."
        ),
        ValueError,
    )
    if aligned and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is "
            "not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            UserWarning,
            stacklevel=2,
        )
    else:
        check(min(size) > 0, lambda: f"Expected non-zero, positive output size. Got {size}", ValueError)
    for position, value in enumerate(size):
        check(
            hasattr(value, "__index__"),
            lambda position=position, value=value: (
                f"affine_grid_generator(): argument 'size' must be tuple of ints, but got {type(value).__name__} "  # type: ignore[misc]
                f"at pos {position}"
            ),
            TypeError,
        )
    batch, spatial = int(size[0]), tuple(map(int, size[2:]))
    options = {"dtype": theta.dtype, "device": theta.device}
    axes = []
    for d, places in enumerate(spatial):
        along = linspace(-1, 1, places, **options) if places > 1 else zeros(places, **options)
        if not aligned and places > 1:
            along = along * (places - 1) / places
        axes.append(along.reshape(*(places if e == d else 1 for e in range(n)), 1).expand(*spatial, 1))
    base = cat([*reversed(axes), ones(*spatial, 1, **options)], -1)  # (*S, n + 1), x first
    points = base.reshape(1, -1, n + 1).expand(batch, -1, -1)
    return points.bmm(theta.transpose(1, 2)).reshape(batch, *spatial, n)


_SAMPLE_MODES, _SAMPLE_PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """input (N, C, H, W) at the points grid (N, H', W', 2), which are (x, y) in -1 .. 1: (N, C, H', W').

    Of a volume (N, C, D, H, W) at (N, D', H', W', 3), points (x, y, z). -1 and 1 are the outer edges of the border
    elements, or with `align_corners` their centers. `mode`: "bilinear" between the neighbours, "nearest", or "bicubic"
    (images only). Beyond the border `padding_mode` gives "zeros", the "border" element, or a "reflection".

    >>> import refnet
    >>> image = refnet.tensor([[[[0.0, 10.0], [20.0, 30.0]]]])
    >>> grid = refnet.tensor([[[[-1.0, -1.0], [0.0, 0.0], [1.0, 0.5]]]])
    >>> refnet.nn.functional.grid_sample(image, grid, align_corners=True)
    tensor([[[[ 0., 15., 25.]]]])
    """
    check(
        mode in _SAMPLE_MODES,
        lambda: (
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        ),
        ValueError,
    )
    check(
        padding_mode in _SAMPLE_PADDINGS,
        lambda: (
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        ),
        ValueError,
    )
    aligned = _aligned(align_corners, "grid_sampler", 5)
    expect_tensor(input, "grid_sampler")
    expect_tensor(grid, "grid_sampler", "grid", 2)
    expect_one_device("grid_sampler", input, grid)
    _check_grid(input, grid, mode)
    return sample(input, grid, mode, padding_mode, aligned)


def _check_grid(input: Any, grid: Any, mode: str) -> None:
    shape, places = list(input.shape), list(grid.shape)
    both = f"input with sizes {shape} and grid with sizes {places}"
    check(
        shape[:1] == places[:1],
        lambda: f"grid_sampler(): expected grid and input to have same batch size, but got {both}",
    )
    check(
        len(shape) != len(places) or places[-1] == len(shape) - 2,
        lambda: f"grid_sampler(): expected grid to have size {len(shape) - 2} in last dimension, but got {both}",
    )
    for d, size in enumerate(shape[2:], 2):
        check(
            size > 0,
            lambda d=d: (
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "  # type: ignore[misc]
                f"{shape} with dimension {d} being empty"
            ),
        )
    check(
        len(shape) in (4, 5) and len(places) == len(shape),
        lambda: f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got {both}",
    )
    check(
        mode != "bicubic" or len(shape) == 4,
        lambda: f"grid_sampler(): bicubic interpolation only supports 4D input, but got {both}",
    )
    kernel = "grid_sampler_2d_cpu_kernel_impl" if len(shape) == 4 else "grid_sampler3d_cpu"
    expect_floating(input, "grid_sampler", kernel)
    check(
        grid.dtype is input.dtype,
        lambda: f"expected scalar type {type_name(input.dtype)} but found {type_name(grid.dtype)}",
    )


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`grid_sample` with numbers for words: modes bilinear, nearest, bicubic; paddings zeros, border, reflection.

    >>> import refnet
    >>> refnet.grid_sampler(refnet.ones(1, 1, 2, 2), refnet.zeros(1, 1, 1, 2), 0, 0, False)
    tensor([[[[1.]]]])
    """
    return _sampler("grid_sampler", input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_2d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`grid_sampler` of images (N, C, H, W)."""
    return _sampler("grid_sampler_2d", input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """`grid_sampler` of volumes (N, C, D, H, W)."""
    return _sampler("grid_sampler_3d", input, grid, interpolation_mode, padding_mode, align_corners)


def _sampler(name: str, input: Any, grid: Any, mode: int, padding: int, align_corners: bool) -> Any:
    for what, value, names in (
        ("interpolation_mode", mode, _SAMPLE_MODES),
        ("padding_mode", padding, _SAMPLE_PADDINGS),
    ):
        check(
            isinstance(value, int) and 0 <= value < len(names),
            lambda what=what, value=value, names=names: (
                f"{name}(): argument '{what}' must be an int of 0 to {len(names) - 1}, for {', '.join(names)}, "  # type: ignore[misc]
                f"but got {value!r}"
            ),
            TypeError,
        )
    expect_tensor(input, name)
    rank = {"grid_sampler_2d": 4, "grid_sampler_3d": 5}.get(name, input.ndim)
    check(input.ndim == rank, lambda: f"{name}(): expected {rank}D input, but got input with sizes {list(input.shape)}")
    return grid_sample(input, grid, _SAMPLE_MODES[mode], _SAMPLE_PADDINGS[padding], align_corners)


def affine_grid_generator(theta: Any, size: Any, align_corners: bool) -> Any:
    """`affine_grid` under the name that torch gives it outside of nn.functional."""
    return affine_grid(theta, size, align_corners)
