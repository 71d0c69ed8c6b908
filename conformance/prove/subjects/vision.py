"""interpolate, grid_sample, unfold and pixel_shuffle: images resized, sampled, taken apart and rearranged."""

import functools
import math
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import uniform
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Subject, altered, ones, times

# --- interpolate: a matrix for each dimension ---------------------------------------------------------------------


def linear(t: float) -> dict[int, float]:
    """Weights of the elements around a position, t beyond the lower one."""
    return {0: 1 - t, 1: t}


def cubic(t: float, a: float = -0.75) -> dict[int, float]:
    """Those of the cubic convolution kernel."""

    def near(d: float) -> float:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: float) -> float:
        return a * (d - 1) * (2 - d) ** 2

    return {-1: far(1 + t), 0: near(t), 1: near(1 - t), 2: far(2 - t)}


def centers(i: int, n: int, m: int, aligned: bool) -> float:
    """Where place i of m lies among n elements."""
    if aligned:
        return i * (n - 1) / (m - 1) if m > 1 else 0.0
    return (i + 0.5) * n / m - 0.5


def matrix(
    torch: Any, n: int, m: int, mode: str, aligned: bool, position: Callable[..., float],
    kernels: dict[str, Callable[[float], dict[int, float]]], clamped: bool,
) -> Any:  # fmt: skip
    """(m, n) at float64: what each place takes of each element."""
    rows = torch.zeros(m, n, dtype=torch.float64)
    for i in range(m):
        if mode == "nearest":
            rows[i, min(math.floor(i * n / m), n - 1)] = 1
            continue
        at = position(i, n, m, aligned)
        if mode == "bilinear" and clamped:
            at = max(at, 0.0)
        low = math.floor(at)
        for k, weight in kernels[mode](at - low).items():
            rows[i, min(max(low + k, 0), n - 1)] += weight
    return rows


KERNELS: dict[str, Callable[[float], dict[int, float]]] = {"bilinear": linear, "bicubic": cubic}


def by_matrices(
    torch: Any, x: Any, size: tuple[int, int], mode: str = "nearest", align_corners: bool | None = None, *,
    position: Callable[..., float] = centers, kernels: dict[str, Any] = KERNELS, clamped: bool = True, dims: int = 2,
) -> Any:  # fmt: skip
    """A product with a matrix from either side."""
    for d in range(-dims, 0):
        rows = matrix(torch, x.shape[d], size[d], mode, bool(align_corners), position, kernels, clamped).to(x.dtype)
        x = (x.movedim(d, -1) @ rows.T).movedim(-1, d)
    return x


def rows_then_columns(torch: Any, x: Any, size: tuple[int, int], **options: Any) -> Any:
    """torch's own function, one dimension at a time."""
    resize = torch.nn.functional.interpolate
    return resize(resize(x, (size[0], x.shape[-1]), **options), tuple(size), **options)


def _interpolate(torch: Any, x: Any, size: tuple[int, int], **options: Any) -> Any:
    return torch.nn.functional.interpolate(x, tuple(size), **options)


def _resized(make: Make) -> list[Arguments]:
    return [
        args(make(1, 2, 5, 4), size=(8, 7), mode="nearest"),
        args(make(1, 2, 5, 4), size=(3, 7), mode="bilinear"),
        args(make(2, 1, 4, 6), size=(7, 4), mode="bilinear", align_corners=True),
        args(make(1, 2, 5, 4), size=(8, 3), mode="bicubic"),
        args(make(1, 1, 4, 6), size=(5, 9), mode="bicubic", align_corners=True),
    ]


def sizes_given(implementation: Callable[..., Any]) -> Callable[..., Any]:
    """`size` is a keyword of the samples."""
    return lambda torch, x, *, size, **options: implementation(torch, x, size, **options)


# --- grid_sample: gather ------------------------------------------------------------------------------------------


def unnormalized(x: Any, n: int, aligned: bool) -> Any:
    """A coordinate of -1 .. 1 as a position among n elements."""
    return (x + 1) * (n - 1) / 2 if aligned else ((x + 1) * n - 1) / 2


def folded(torch: Any, x: Any, n: int, aligned: bool) -> Any:
    """Reflected at the border elements' centers if aligned, else at their edges."""
    low, span = (0.0, n - 1.0) if aligned else (-0.5, float(n))
    phase = torch.remainder(x - low, 2 * span)
    return torch.where(phase > span, 2 * span - phase, phase) + low


def by_gather(
    torch: Any, x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False, *,
    place: Callable[..., Any] = unnormalized, reflect: Callable[..., Any] = folded, order: tuple[int, int] = (1, 0),
    cut: bool = True,
) -> Any:  # fmt: skip
    """The four corners by number, weighted."""
    batch, channels, *sizes = x.shape
    flat = x.reshape(batch, channels, -1)
    at = []
    for d, n in enumerate(sizes):
        position = place(grid[..., order[d]], n, align_corners)
        if padding_mode == "reflection":
            position = reflect(torch, position, n, align_corners)
        if padding_mode != "zeros" and cut:
            position = position.clamp(0, n - 1)
        at.append(position)

    def read(i: Any, j: Any) -> Any:
        inside = (i >= 0) & (i < sizes[0]) & (j >= 0) & (j < sizes[1])
        where = i.clamp(0, sizes[0] - 1).long() * sizes[1] + j.clamp(0, sizes[1] - 1).long()
        found = flat.gather(2, where.reshape(batch, 1, -1).expand(-1, channels, -1))
        return torch.where(inside[:, None], found.reshape(batch, channels, *i.shape[1:]), 0.0)

    if mode == "nearest":
        return read(at[0].round(), at[1].round())
    low = [p.detach().floor() for p in at]
    far = [p - f for p, f in zip(at, low, strict=True)]
    total: Any = 0
    for a in (0, 1):
        for b in (0, 1):
            weight = (far[0] if a else 1 - far[0]) * (far[1] if b else 1 - far[1])
            total = total + read(low[0] + a, low[1] + b) * weight[:, None]
    return total


def _sample(torch: Any, x: Any, grid: Any, **options: Any) -> Any:
    return torch.nn.functional.grid_sample(x, grid, **options)


def other_padding(torch: Any, x: Any, grid: Any, *, padding_mode: str = "zeros", **options: Any) -> Any:
    """The border repeated where zeros should be."""
    return _sample(torch, x, grid, padding_mode="border" if padding_mode == "zeros" else padding_mode, **options)


def _sampled(make: Make) -> list[Arguments]:
    grid = uniform(1, 4, 3, 2, low=-1.6, high=1.6)
    return [
        args(make(1, 2, 5, 4), grid, mode="bilinear", padding_mode=padding, align_corners=aligned)
        for padding in ("zeros", "border", "reflection")
        for aligned in (False, True)
    ] + [args(make(1, 2, 5, 4), grid.fixed(), mode="nearest", padding_mode="border", align_corners=False)]


# --- unfold, pixel_shuffle ----------------------------------------------------------------------------------------


def by_slices(
    torch: Any, x: Any, kernel: tuple[int, int], dilation: int = 1, padding: int = 0, stride: int = 1, *,
    channels_first: bool = True, offset: int = 0,
) -> Any:  # fmt: skip
    """A slice of the padded image for each element of the blocks."""
    x = torch.nn.functional.pad(x, (padding,) * 4)
    places = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    parts = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = (
                slice(k * dilation, k * dilation + stride * (m - 1) + 1, stride)
                for k, m in zip((i, (j + offset) % kernel[1]), places, strict=True)
            )
            parts.append(x[:, :, rows, columns].flatten(2))
    return torch.stack(parts, 2 if channels_first else 1).reshape(x.shape[0], -1, places[0] * places[1])


def by_convolution(
    torch: Any, x: Any, kernel: tuple[int, int], dilation: int = 1, padding: int = 0, stride: int = 1
) -> Any:
    """A convolution that picks one element of the block for each of its channels."""
    channels, count = x.shape[1], kernel[0] * kernel[1]
    picks = torch.eye(count, dtype=x.dtype).reshape(count, 1, *kernel).repeat(channels, 1, 1, 1)
    out = torch.nn.functional.conv2d(x, picks, None, stride, padding, dilation, channels)
    return out.flatten(2)


def shuffled(torch: Any, x: Any, r: int, *, order: tuple[int, ...] = (0, 1, 4, 2, 5, 3)) -> Any:
    """Blocks laid out by reshaping and permuting."""
    n, c, h, w = x.shape
    return x.reshape(n, c // (r * r), r, r, h, w).permute(order).reshape(n, c // (r * r), h * r, w * r)


def by_strides(torch: Any, x: Any, r: int) -> Any:
    """Every channel written to every r-th pixel."""
    n, c, h, w = x.shape
    out = torch.zeros(n, c // (r * r), h * r, w * r, dtype=x.dtype)
    for i in range(r):
        for j in range(r):
            out[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return out


SUBJECTS = [
    Subject(
        "nn.functional.interpolate",
        _resized,
        {"matrices": sizes_given(by_matrices), "a dimension at a time": sizes_given(rows_then_columns)},
        {
            "half a pixel forgotten": sizes_given(
                functools.partial(by_matrices, position=lambda i, n, m, aligned: i * n / m)
            ),
            "corners always aligned": sizes_given(
                functools.partial(by_matrices, position=lambda i, n, m, aligned: centers(i, n, m, True))
            ),
            "corners never aligned": sizes_given(
                functools.partial(by_matrices, position=lambda i, n, m, aligned: centers(i, n, m, False))
            ),
            "weights of the neighbours swapped": sizes_given(
                functools.partial(by_matrices, kernels=KERNELS | {"bilinear": lambda t: {0: t, 1: 1 - t}})
            ),
            "cubic with a = -1/2": sizes_given(
                functools.partial(by_matrices, kernels=KERNELS | {"bicubic": functools.partial(cubic, a=-0.5)})
            ),
            "cubic without its outer taps": sizes_given(
                functools.partial(by_matrices, kernels=KERNELS | {"bicubic": linear})
            ),
            "gradient 1e-5 too large": sizes_given(altered(_interpolate, times(1 + 1e-5))),
            "cotangent ignored": sizes_given(altered(_interpolate, cotangent=ones)),
        },
        regimes=TAME,
    ),
    Subject(
        "nn.functional.grid_sample",
        _sampled,
        {"gather": by_gather},
        {
            "x and y swapped": functools.partial(by_gather, order=(0, 1)),
            "corners always aligned": functools.partial(by_gather, place=lambda x, n, aligned: unnormalized(x, n, True)),
            "corners never aligned": functools.partial(by_gather, place=lambda x, n, aligned: unnormalized(x, n, False)),
            "reflected at centers, not at edges": functools.partial(
                by_gather, reflect=lambda torch, x, n, aligned: folded(torch, x, n, True)
            ),
            "border for zeros": other_padding,
            "zeros for the border": functools.partial(by_gather, cut=False),
            "gradient of the grid in pixels": altered(_sample, None, times(0.5)),
            "gradient of the input 1e-5 too large": altered(_sample, times(1 + 1e-5)),
            "cotangent ignored": altered(_sample, cotangent=ones),
        },
        regimes=("normal", "positive"),
    ),
    Subject(
        "nn.functional.unfold",
        lambda make: [args(make(2, 3, 5, 4), (2, 3)), args(make(1, 2, 5, 6), (3, 2), 1, 1, 2), args(make(1, 2, 5, 5), (2, 2), 2)],
        {"slices": by_slices, "convolution": by_convolution},
        {
            "channels last": functools.partial(by_slices, channels_first=False),
            "columns of a block turned": functools.partial(by_slices, offset=1),
            "dilation ignored": lambda torch, x, kernel, dilation=1, padding=0, stride=1: by_slices(
                torch, x[:, :, dilation - 1 :, dilation - 1 :], kernel, 1, padding, stride
            ),
            "gradient doubled": altered(by_slices, times(2.0)),
        },
        regimes=TAME,
    ),
    Subject(
        "nn.functional.pixel_shuffle",
        lambda make: [args(make(2, 8, 3, 2), 2), args(make(1, 9, 2, 2), 3)],
        {"permuted": shuffled, "strides": by_strides},
        {
            "rows and columns of a block swapped": functools.partial(shuffled, order=(0, 1, 4, 3, 5, 2)),
            "blocks side by side": functools.partial(shuffled, order=(0, 1, 2, 4, 3, 5)),
            "gradient 1e-5 too large": altered(shuffled, times(1 + 1e-5)),
        },
        regimes=TAME,
    ),
]  # fmt: skip
