"""Pooling in one, two and three dimensions: maximum, mean, power mean, adaptive forms, and unpooling."""

import functools
import math
from typing import Any

from refnet._check import check
from refnet._device import on_host
from refnet._memory_format import contiguous_format, suggested
from refnet._ops import max_pool, pool
from refnet._ops import pool_rows as _pool_rows  # noqa: F401  # registers its kernels
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops.pointwise import abs as absolute
from refnet._ops.pointwise import relu, sign
from refnet._tape import TensorBase

Ints = tuple[int, ...]

_INTS = {1: "one int", 2: "two ints", 3: "three ints"}


def _sizes(value: Any, n: int, what: str, name: str) -> Ints:
    """An int, or a sequence of 1 or n ints, as n ints."""
    if type(value) is int:
        return (value,) * n
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    for v in values:
        check(
            isinstance(v, int),
            lambda v=v: f"{name}(): argument '{what}' must be tuple of ints, not {type(v).__name__}",  # type: ignore[misc]
            TypeError,
        )
    check(
        len(values) in (1, n),
        lambda: f"{name}: {what} must either be a single int, or a tuple of {_INTS[n]}, got {values}",
    )
    return values * n if len(values) == 1 else values


def _check_rank(input: Any, n: int, name: str) -> None:
    expect_tensor(input, name)
    check(
        input.ndim in (n + 1, n + 2),
        lambda: (
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, non-empty "
            f"otherwise, but got:{list(input.shape)} (Expected {n + 1} to {n + 2} dimensions, but got {input.ndim}-dimensional "
            f"tensor for argument #1; Dimension out of range: expected [{-input.ndim}, {input.ndim - 1}], got {-n - 1})"
        ),
        IndexError if name == "avg_pool2d" and input.ndim < 3 else RuntimeError,  # torch's avg_pool2d, too
    )


def _check_elements(shape: Ints, n: int, name: str) -> None:
    check(
        0 not in shape[-n - 1 :],
        lambda: (
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, "
            f"but got:{list(shape)}"
        ),
    )


def _check_kind(input: Any, name: str) -> None:
    check(input._held.dtype.kind != "b", lambda: f"\"{name}\" not implemented for 'Bool'", NotImplementedError)


def _geometry(
    input: Any, n: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, name: str
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Kernel, stride, padding, dilation and output size, checked as torch checks them."""
    kernel = _sizes(kernel_size, n, "kernel_size", name)
    given = stride is not None and not (isinstance(stride, list | tuple) and not stride)
    strides = _sizes(stride, n, "stride", name) if given else kernel
    pads, dilations = _sizes(padding, n, "padding", name), _sizes(dilation, n, "dilation", name)
    _check_rank(input, n, name)
    places = _places(input._held.shape, kernel, strides, pads, dilations, bool(ceil_mode), name)
    _check_kind(input, name)
    return kernel, strides, pads, dilations, places


@functools.lru_cache(maxsize=1024)
def _places(shape: Ints, kernel: Ints, strides: Ints, pads: Ints, dilations: Ints, ceil_mode: bool, name: str) -> Ints:
    """The output size for an input of `shape`, once the geometry has passed torch's checks."""
    n = len(kernel)
    image = shape[-n - 1 :]  # its channels first
    check(
        all(s != 0 for s in strides),
        lambda: f"stride should not be zero ({name}: got kernel_size={kernel}, stride={strides})",
    )
    check(
        all(k > 0 for k in kernel) and all(s > 0 for s in strides),
        lambda: f"{name}() kernel_size and stride must be greater than zero, but got {kernel} and {strides}",
    )
    check(all(p >= 0 for p in pads), lambda: f"pad must be non-negative, but got pad: {min(pads)}")
    check(
        all(d > 0 for d in dilations),
        lambda: f"dilation should be greater than zero, but got {name} dilation: {dilations}",
    )
    for k, p, d in zip(kernel, pads, dilations, strict=True):
        check(
            p <= ((k - 1) * d + 1) // 2,
            lambda k=k, p=p, d=d: (
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "  # type: ignore[misc]
                f"dilation={d} ({name}() padding should be at most half of kernel size)"
            ),
        )
    _check_elements(shape, n, name)
    places = tuple(
        pool.pooled_size(*numbers, ceil_mode)
        for numbers in zip(image[1:], kernel, strides, pads, dilations, strict=True)
    )
    check(
        all(m > 0 for m in places),
        lambda: (
            f"{name}: Given input size: ({'x'.join(map(str, image))}). Calculated output size: "
            f"({'x'.join(map(str, (image[0], *places)))}). Output size is too small: {min(places)}"
        ),
    )
    return places


def _like_input(out: Any, input: Any, volumes: bool = False) -> Any:
    """`out` in the memory format that torch gives it; most of torch's kernels for volumes give row-major results."""
    return out.contiguous(memory_format=suggested(input) if input.ndim < 5 or volumes else contiguous_format)


# --- maximum ------------------------------------------------------------------------------------------------------


def _max_pool(
    n: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name = f"max_pool{n}d"
    kernel, strides, pads, dilations, places = _geometry(
        input, n, kernel_size, stride, padding, dilation, ceil_mode, name
    )
    if not return_indices and on_host(input._held):
        out = max_pool.pooled(input, kernel, strides, pads, dilations, places)
        return _like_input(out, input, volumes=True)
    out, indices = pool.max_windows(input, kernel, strides, pads, dilations, places)
    out = _like_input(out, input, volumes=True)
    return (out, _like_input(indices, input, volumes=True)) if return_indices else out


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window: out[.., i] = max_k x[.., i s + k d - p], for input (N, C, L) or (C, L).

    `stride` defaults to the kernel size; padding counts as -inf and is at most half the kernel. The first of equal
    maxima gets the gradient; nan wins. With `return_indices` also the winners' positions in L.

    >>> import refnet
    >>> refnet.nn.functional.max_pool1d(refnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of an image (N, C, H, W) or (C, H, W); see `max_pool1d`.

    Indices count the plane's elements row by row, as `max_unpool2d` takes them.

    >>> import refnet
    >>> refnet.nn.functional.max_pool2d(refnet.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of a volume (N, C, D, H, W) or (C, D, H, W); see `max_pool1d`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _adaptive_places(input: Any, n: int, output_size: Any, name: str) -> Ints:
    """The output size, None standing for the input's."""
    several = isinstance(output_size, list | tuple)
    expect_tensor(input, name)
    check(
        n == 1 or not several or input.ndim > len(output_size),
        lambda: (
            f"Input dimension should be at least {len(output_size) + 1} ({name}: got an input of {input.ndim} dimensions)"
        ),
        ValueError,
    )
    _check_rank_adaptive(input, n, name)
    values = tuple(output_size) if several else (output_size,) * n
    wanted = "one int" if n == 1 else str(n)
    check(
        len(values) == n,
        lambda: (
            f"{name}: output_size must be {wanted}; argument 'output_size' should contain {_INTS[n]} (got {len(values)})"
        ),
    )
    sizes = input.shape[input.ndim - n :]
    places = tuple(size if m is None else m for size, m in zip(sizes, values, strict=True))
    check(all(m >= 0 for m in places), lambda: _negative_places(input, places, name))
    return places


def _negative_places(input: Any, places: Ints, name: str) -> str:
    as_image = (1, *places) if len(places) == 1 else places  # torch pools sequences as images of height 1
    if "avg" in name:
        return (
            f"{name}: elements of output_size must be greater than or equal to 0 but received {list(as_image)}: Trying to "
            "create tensor with negative dimension"
        )
    shape = [*input.shape[: input.ndim - len(places)], *as_image]
    return f"{name}: Trying to create tensor with negative dimension {min(places)}: {shape}"


def _check_rank_adaptive(input: Any, n: int, name: str) -> None:
    check(
        input.ndim in (n + 1, n + 2),
        lambda: (
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)} (Expected {n + 1} to {n + 2} "
            f"dimensions, but got {input.ndim}-dimensional tensor)"
        ),
    )
    for d in range(input.ndim - n, input.ndim):
        check(
            input.shape[d] > 0,
            lambda d=d: (
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "  # type: ignore[misc]
                f"{list(input.shape)} with dimension {d} being empty"
            ),
        )


def _adaptive_max(n: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    places = _adaptive_places(input, n, output_size, f"adaptive_max_pool{n}d")
    index = pool.adaptive_winners(input.device.xp, input._array, places)
    out, indices = pool.take_winners(input, index, n)
    if n == 2:
        out, indices = _like_input(out, input), _like_input(indices, input)
    return (out, indices) if return_indices else out


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of `output_size` windows: window i runs from floor(i L / m) to ceil((i + 1) L / m).

    >>> import refnet
    >>> refnet.nn.functional.adaptive_max_pool1d(refnet.tensor([[1.0, 5.0, 2.0, 4.0, 3.0]]), 3)
    tensor([[5., 5., 4.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of H' x W' windows (an int for both, None to keep a size); see `adaptive_max_pool1d`."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of D' x H' x W' windows (an int for all, None to keep a size); see `adaptive_max_pool1d`."""
    return _adaptive_max(3, input, output_size, return_indices)


# --- unpooling ----------------------------------------------------------------------------------------------------


def _unpool(n: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    name = f"max_unpool{n}d"
    kernel = _sizes(kernel_size, n, "kernel_size", name)
    strides = kernel if stride is None else _sizes(stride, n, "stride", name)
    pads = _sizes(padding, n, "padding", name)
    expect_tensor(input, name)
    expect_one_device(name, input, indices)
    default = tuple((m - 1) * s + k - 2 * p for m, s, k, p in zip(input.shape[-n:], strides, kernel, pads, strict=True))
    sizes = default if output_size is None else _unpooled_size(tuple(output_size), default, strides, n)
    check(
        isinstance(indices, TensorBase) and indices.dtype.name == "int64",
        lambda: (
            "elements in indices should be type int64 but got: "
            + (type_name(indices.dtype) if isinstance(indices, TensorBase) else type(indices).__name__)
        ),
    )

    def shown(x: Any) -> list[int]:  # torch unpools sequences as images of width 1
        return [*x.shape, 1] if n == 1 else list(x.shape)

    check(
        indices.shape == input.shape,
        lambda: (
            f"Expected shape of indices to be same as that of the input tensor ({shown(input)}) but got indices "
            f"tensor with shape: {shown(indices)}"
        ),
    )
    _check_rank(input, n, name)
    _check_elements(input._array.shape, n, name)
    _check_kind(input, name)
    xp = input.device.xp
    lead = input.shape[: input.ndim - n]
    volume = math.prod(sizes)
    outside = (indices._array < 0) | (indices._array >= volume)
    check(
        not on_host(outside) or not outside.any(),
        lambda: (
            f"Found an invalid max index: {int(indices._array[outside][0])} (output volumes are of size "
            f"{'x'.join(map(str, sizes))})"
        ),
    )
    offsets = (xp.arange(math.prod(lead)) * volume).reshape(*lead, *(1,) * n)
    out = pool.unpool(input, index=indices._array + offsets, shape=(*lead, *sizes))
    return _like_input(out, input) if n == 2 else out


def _unpooled_size(given: Ints, default: Ints, strides: Ints, n: int) -> Ints:
    check(
        len(given) in (n, n + 2),
        lambda: (
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(given)}'"
        ),
        ValueError,
    )
    sizes = given[-n:]
    for d, (size, usual, s) in enumerate(zip(sizes, default, strides, strict=True)):
        check(
            usual - s < size < usual + s,
            lambda d=d, usual=usual, s=s: (
                f'invalid output_size "{sizes}" (dim {d} must be between {usual - s} and {usual + s})'
            ),  # type: ignore[misc]
            ValueError,
        )
    return sizes


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with the maxima `input` back at the positions `indices` that `max_pool1d(return_indices=True)` gave.

    >>> import refnet
    >>> F = refnet.nn.functional
    >>> out, where = F.max_pool1d(refnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
    >>> F.max_unpool1d(out, where, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """The inverse of `max_pool2d` up to zeros; `output_size` chooses among the sizes that pool to the same."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """The inverse of `max_pool3d` up to zeros; see `max_unpool2d`."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# --- mean ---------------------------------------------------------------------------------------------------------


def _avg_pool(
    n: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    name = f"avg_pool{n}d"
    kernel, strides, pads, _, places = _geometry(input, n, kernel_size, stride, padding, 1, ceil_mode, name)
    check(divisor_override != 0, lambda: "divisor must be not zero")
    divisor: Any = divisor_override
    if divisor is None:
        sizes = input._held.shape[input.ndim - n :]
        divisor = pool.divisor(input.device.xp, sizes, kernel, strides, pads, places, bool(count_include_pad))
    check(
        input.is_floating_point() or input.dtype.name == "int64",
        lambda: f"\"{name}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    out = pool.window_mean(input, kernel=kernel, stride=strides, padding=pads, places=places, divisor=divisor)
    return _like_input(out, input) if n == 2 else out


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of (N, C, L) or (C, L); padding counts as zeros, or not at all.

    >>> import refnet
    >>> refnet.nn.functional.avg_pool1d(refnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window of an image: its sum, by the number of elements or by `divisor_override`."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window of a volume; see `avg_pool2d`."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _adaptive_avg(n: int, input: Any, output_size: Any) -> Any:
    name = f"adaptive_avg_pool{n}d"
    places = _adaptive_places(input, n, output_size, name)
    check(
        input.is_floating_point(),
        lambda: f"\"{name}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    out = pool.adaptive_mean(input, places=places)
    return _like_input(out, input) if n == 2 else out


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """The means of `output_size` windows: window i runs from floor(i L / m) to ceil((i + 1) L / m).

    >>> import refnet
    >>> refnet.nn.functional.adaptive_avg_pool1d(refnet.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The means of H' x W' windows (an int for both, None to keep a size); see `adaptive_avg_pool1d`."""
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The means of D' x H' x W' windows (an int for all, None to keep a size); see `adaptive_avg_pool1d`."""
    return _adaptive_avg(3, input, output_size)


# --- power mean ---------------------------------------------------------------------------------------------------


def _lp_pool(n: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    kernel = _sizes(kernel_size, n, "kernel_size", f"lp_pool{n}d")
    mean = _avg_pool(n, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)
    return (sign(mean) * relu(absolute(mean))).mul(math.prod(kernel)).pow(1.0 / norm_type)


def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x^p over the window)^(1/p), with p = `norm_type`.

    >>> import refnet
    >>> refnet.nn.functional.lp_pool1d(refnet.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x^p over each window of an image)^(1/p); see `lp_pool1d`."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x^p over each window of a volume)^(1/p); see `lp_pool1d`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
