"""Resizing images, sequences and volumes: interpolate in all of torch's modes, and the older names for two of them."""

import math
import warnings
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._memory_format import contiguous_format, suggested, suggests_channels_last
from refnet._ops._args import type_name
from refnet._ops.interpolate import (
    FILTERS,
    Taps,
    cubic_taps,
    filter_taps,
    linear_taps,
    nearest_taps,
    nearest_taps_by_position,
    resample,
    resample_bytes,
    spacing,
)
from refnet._tape import TensorBase
from refnet.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

Scales = tuple[float | None, ...]
Sizes = tuple[int, ...]

_UNALIGNED = ("nearest", "nearest-exact", "area")
_OF_RANK = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4, "lanczos": 4}  # the other modes take 3D to 5D
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


# --- arguments ----------------------------------------------------------------------------------------------------


def _kernel(mode: str, dims: int, antialias: bool) -> str:
    """torch's name for the function behind a mode, which its errors give."""
    if mode.startswith("nearest"):
        return f"upsample_nearest{dims}d" if mode == "nearest" else f"_upsample_nearest_exact{dims}d"
    return f"_upsample_{mode}{dims}d_aa" if antialias else f"upsample_{mode}{dims}d"


def _refuse_arguments(name: str, what: str, got: Any) -> None:
    kinds = [type(value).__name__ for value in got]
    raise TypeError(
        f"{name}() received an invalid combination of arguments: '{what}' must be a tuple of "
        f"{'ints' if what == 'output_size' else 'floats'}, but got {kinds}"
    )


def _is_size(value: Any) -> bool:
    if isinstance(value, TensorBase):
        return not value.shape and not value.dtype.is_floating_point
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _each(input: Any, size: Any, scale_factor: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """Size or scale, whichever was given, for every dimension."""
    dims = input.dim() - 2
    spatial = list(input.shape[2:])
    check(
        size is None or scale_factor is None, lambda: "only one of size or scale_factor should be defined", ValueError
    )
    if size is not None:
        if not isinstance(size, list | tuple):
            return (size,) * dims, None
        check(
            len(size) == dims,
            lambda: (
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
                f"of {spatial} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format "
                "and output size in (o1, o2, ...,oK) format."
            ),
            ValueError,
        )
        check(
            all(_is_size(n) or isinstance(n, bool) for n in size),
            lambda: (
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
                f"with types {[type(n) for n in size]}"
            ),
            TypeError,
        )
        return tuple(size), None
    check(scale_factor is not None, lambda: "either size or scale_factor should be defined", ValueError)
    if not isinstance(scale_factor, list | tuple):
        return None, (scale_factor,) * dims
    check(
        len(scale_factor) == dims,
        lambda: (
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {spatial} and scale_factor of shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
            "format and scale_factor in (s1, s2, ...,sK) format."
        ),
        ValueError,
    )
    return None, tuple(scale_factor)


def _check_mode(input: Any, mode: str, antialias: bool, align_corners: bool) -> None:
    rank = input.dim()
    check(
        not antialias or (mode in FILTERS and rank == 4),
        lambda: (
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input, "
            f"but got mode {mode!r} and a {rank}-D tensor"
        ),
        ValueError,
    )
    if rank == 4 and mode == "lanczos":
        check(not align_corners, lambda: "Lanczos mode does not support align_corners=True", ValueError)
        check(antialias, lambda: "Lanczos mode requires antialias=True", ValueError)
    if mode in ("linear", "bilinear", "trilinear") and rank in (3, 4, 5):
        check(
            rank == _OF_RANK[mode],
            lambda: f"Got {rank}D input, but {mode} mode needs {_OF_RANK[mode]}D input",
            NotImplementedError,
        )
    check(
        rank in ((_OF_RANK[mode],) if mode in _OF_RANK else (3, 4, 5) if mode in _UNALIGNED else ()),
        lambda: (
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        ),
        NotImplementedError,
    )


def _output_sizes(input: Any, sizes: Any, scales: Any, name: str) -> tuple[Sizes, Scales]:
    """The output's sizes, and the scales that its positions go by (None: by the ratio of the sizes)."""
    if sizes is not None:
        if not all(map(_is_size, sizes)):
            _refuse_arguments(name, "output_size", sizes)
        return tuple(int(n) for n in sizes), (None,) * len(sizes)
    if not all(isinstance(s, int | float | numpy.number) and not isinstance(s, bool) for s in scales):
        _refuse_arguments(name, "scale_factors", scales)
    places = tuple(math.trunc(float(n) * float(s)) for n, s in zip(input.shape[2:], scales, strict=True))
    return places, tuple(map(float, scales))


def _check_sizes(input: Any, places: Sizes) -> None:
    def named(sizes: Any) -> str:
        return ", ".join(f"{letter}: {n}" for letter, n in zip("DHW"[-len(places) :], sizes, strict=True))

    check(
        all(n > 0 for n in (*input.shape[2:], *places)),
        lambda: (
            f"Input and output sizes should be greater than 0, but got input ({named(input.shape[2:])}) "
            f"output ({named(places)})"
        ),
    )
    check(
        input.shape[1] > 0,
        lambda: f"Non-empty {input.dim()}D data tensor expected but got a tensor with sizes {list(input.shape)}",
    )


def _check_dtype(input: Any, mode: str, antialias: bool, name: str) -> None:
    kind = input.dtype.name
    if antialias:
        fits = kind in ("float32", "float64", "uint8")
    else:
        fits = input.is_floating_point() or (
            kind == "uint8" and mode in ("nearest", "nearest-exact", "bilinear", "bicubic")
        )
    check(fits, lambda: f"\"{name}\" not implemented for '{type_name(input.dtype)}'", NotImplementedError)


# --- tables -------------------------------------------------------------------------------------------------------

_SMALL = 128  # torch's plain kernel for images takes over where height + width of the output exceed this


def _seeks_by_whole_scale(input: Any, places: Sizes) -> bool:
    """Whether torch's kernel for this tensor seeks the nearest element in float32 whatever the type of the input."""
    channels_last = suggests_channels_last(input.shape, input.stride()) and input.shape[1] > 3
    return channels_last or (len(places) == 2 and sum(places) <= _SMALL)


def _nearest(input: Any, places: Sizes, scales: Scales, exact: bool) -> Any:
    each = list(zip(input.shape[2:], places, scales, strict=True))
    kind = _dtype.opmath(input._array.dtype) if input.is_floating_point() else numpy.dtype("float32")
    mirror = tuple(nearest_taps(size, m, scale, exact) for size, m, scale in each)
    if _seeks_by_whole_scale(input, places):
        taps = mirror
    else:
        taps = tuple(nearest_taps_by_position(spacing(size, m, scale, False, kind), exact) for size, m, scale in each)
    return resample(input, taps=taps, mirror=mirror)


def _taps(size: int, places: int, scale: float | None, mode: str, aligned: bool, antialias: bool, kind: Any) -> Taps:
    at = spacing(size, places, scale, aligned, kind)
    if antialias:
        return filter_taps(at, *FILTERS[mode])
    return cubic_taps(at) if mode == "bicubic" else linear_taps(at)


def _weighted(input: Any, places: Sizes, scales: Scales, mode: str, aligned: bool, antialias: bool) -> Any:
    bytes_ = not input.is_floating_point()
    kind = numpy.dtype("float64") if bytes_ else _dtype.opmath(input._array.dtype)
    taps: list[Taps | None] = []
    for size, m, scale in zip(input.shape[2:], places, scales, strict=True):
        same = size == m and (antialias or bytes_)
        taps.append(None if same else _taps(size, m, scale, mode, aligned, antialias, kind))
    if bytes_:
        return resample_bytes(input, taps=tuple(table and table.merged() for table in taps))
    same = tuple(Taps(numpy.arange(n)[None]) for n in places)
    tables = tuple(table or whole for table, whole in zip(taps, same, strict=True))
    # torch's gradient of the bicubic mode copies where no size changes, even if a scale moved the positions.
    unmoved = mode == "bicubic" and not antialias and tuple(input.shape[2:]) == places
    return resample(input, taps=tables, mirror=same if unmoved else tables)


# --- functions ----------------------------------------------------------------------------------------------------


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """input (N, C, [[D,] H,] W) with its last dimensions resized to `size`, or by `scale_factor` (rounded down).

    Place i of m lies at s (i + 1/2) - 1/2 of n elements, s = n / m, or one over the scale factor as it was given; with
    `recompute_scale_factor` n / m in any case. With `align_corners` it lies at i (n - 1) / (m - 1): the first and last
    elements keep their places.

    - "nearest" takes element floor(s i), "nearest-exact" floor(s (i + 1/2)); both take uint8 too.
    - "linear" (3D), "bilinear" (4D, uint8 too), "trilinear" (5D): a weighted mean of the two neighbours, per dimension.
    - "bicubic" (4D, uint8 too): four neighbours, by the cubic convolution kernel with a = -3/4.
    - "area": the mean of window floor(i n / m) .. ceil((i + 1) n / m), as `adaptive_avg_pool2d`.
    - `antialias` (bilinear, bicubic with a = -1/2, "lanczos"): when shrinking, the kernel is stretched by s.

    >>> import refnet
    >>> refnet.nn.functional.interpolate(refnet.tensor([[[0.0, 4.0]]]), scale_factor=2, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    check(hasattr(input, "dim"), lambda: f"'{type(input).__name__}' object has no attribute 'dim'", AttributeError)
    check(
        mode not in _UNALIGNED or align_corners is None,
        lambda: (
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear, "
            f"but got align_corners={align_corners} with {mode!r}"
        ),
        ValueError,
    )
    aligned = False if align_corners is None else align_corners
    sizes, scales = _each(input, size, scale_factor)
    check(
        not recompute_scale_factor or size is None,
        lambda: "recompute_scale_factor is not meaningful with an explicit size.",
        ValueError,
    )
    if scales is not None and (recompute_scale_factor or mode == "area"):
        sizes, scales = tuple(int(n * s) for n, s in zip(input.shape[2:], scales, strict=True)), None
    _check_mode(input, mode, antialias, aligned)
    if mode == "area":
        return _AREA[input.dim()](input, sizes)
    name = _kernel(mode, input.dim() - 2, antialias)
    check(
        isinstance(aligned, bool),
        lambda: f"{name}(): argument 'align_corners' must be bool, not {type(aligned).__name__}",
        TypeError,
    )
    places, known = _output_sizes(input, sizes, scales, name)
    _check_sizes(input, places)
    _check_dtype(input, mode, antialias, name)
    if mode in _UNALIGNED:
        out = _nearest(input, places, known, mode == "nearest-exact")
    else:
        out = _weighted(input, places, known, mode, aligned, antialias)
    return out.contiguous(memory_format=suggested(input) if input.dim() > 3 else contiguous_format)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning, stacklevel=3
    )


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The old name of `interpolate`; it warns."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """``interpolate(mode="nearest")`` by its old name; it warns."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """``interpolate(mode="bilinear", align_corners=True)`` by its old name; it warns."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
