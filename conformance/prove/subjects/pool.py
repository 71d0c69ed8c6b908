"""Pooling: the largest, the mean or the p-norm of each window."""

import functools
import math
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import values
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import flushing

NAN = math.nan

# --- windows ----------------------------------------------------------------------------------------------------------


def output_size(n: int, size: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> int:
    """How many windows: with `ceil_mode` also one that hangs over the end, if it starts inside input or left padding."""
    room = n + 2 * padding - dilation * (size - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    return count - (ceil_mode and (count - 1) * stride >= n + padding)


def windows(
    torch: Any, x: Any, kernel: Any, stride: Any, padding: int, dilation: int = 1, ceil_mode: bool = False, *,
    value: float,
) -> Any:  # fmt: skip
    """(N, C, H, W) -> (N, C, rows, columns, kh kw), `value` wherever a window hangs over."""
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    steps = [stride or size for size in kernel]
    spans = [dilation * (size - 1) + 1 for size in kernel]
    counts = [
        output_size(x.shape[axis], size, step, padding, dilation, ceil_mode)
        for axis, size, step in zip((2, 3), kernel, steps, strict=True)
    ]
    needed = [(count - 1) * step + span for count, step, span in zip(counts, steps, spans, strict=True)]
    below, right = (max(length - n - padding, 0) for length, n in zip(needed, x.shape[2:], strict=True))
    x = torch.nn.functional.pad(x, (padding, right, padding, below), value=value)[..., : needed[0], : needed[1]]
    x = x.unfold(2, spans[0], steps[0]).unfold(3, spans[1], steps[1])
    return x[..., ::dilation, ::dilation].flatten(-2)


# --- max pooling ------------------------------------------------------------------------------------------------------


def max_by_windows(
    torch: Any, x: Any, kernel: Any, stride: Any = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False, *,
    choose: Callable[[Any, Any], Any] = lambda torch, seen: seen.max(-1).values, value: float = -math.inf,
) -> Any:  # fmt: skip
    """`choose(torch, windows)` picks from the last dimension; padding is `value`."""
    return choose(torch, windows(torch, x, kernel, stride, padding, dilation, ceil_mode, value=value))


def by_position(torch: Any, seen: Any) -> Any:
    """The position of the first largest, then a gather."""
    return seen.gather(-1, seen.argmax(-1, keepdim=True)).squeeze(-1)


def running_maximum(torch: Any, seen: Any) -> Any:
    """A loop over the window: a later number wins only when it is larger, or NaN."""
    best = seen[..., 0]
    for k in range(1, seen.shape[-1]):
        best = torch.where((seen[..., k] > best) | seen[..., k].isnan(), seen[..., k], best)
    return best


def later_wins(torch: Any, seen: Any) -> Any:
    """At a tie the last one gets the gradient."""
    return seen.flip(-1).max(-1).values


def all_share(torch: Any, seen: Any) -> Any:
    """At a tie all winners share the gradient."""
    return seen.amax(-1)


def without_nan(torch: Any, seen: Any) -> Any:
    """A comparison with NaN is false, so NaN never wins."""
    best = seen[..., 0]
    for k in range(1, seen.shape[-1]):
        best = torch.where((seen[..., k] > best) | best.isnan(), seen[..., k], best)
    return best


def _max(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    return torch.nn.functional.max_pool2d(x, *options, **named)


def max_batch_reversed(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The batch in another order, and back."""
    return _max(torch, x.flip(0), *options, **named).flip(0)


def max_channels_last(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The kernel for another memory format."""
    return _max(torch, x.contiguous(memory_format=torch.channels_last), *options, **named).contiguous()


def changed_options(**changes: Any) -> Implementation:
    """Some options other than asked for, where the result keeps its shape."""

    def max_pool2d(torch: Any, x: Any, kernel: Any, **named: Any) -> Any:
        right = _max(torch, x, kernel, **named)
        other = _max(torch, x, kernel, **{**named, **{key: value for key, value in changes.items() if key in named}})
        return torch.nn.functional.pad(other, (0, 64, 0, 64))[..., : right.shape[2], : right.shape[3]] + 0 * right

    return max_pool2d


def kernel_turned(torch: Any, x: Any, kernel: Any, **named: Any) -> Any:
    """Rows for columns in a window that is not square; the shape is made to fit."""
    right = _max(torch, x, kernel, **named)
    turned = (kernel, kernel) if isinstance(kernel, int) else kernel[::-1]
    other = _max(torch, x, turned, **named)
    return torch.nn.functional.pad(other, (0, 64, 0, 64))[..., : right.shape[2], : right.shape[3]]


def _largest_overwrites(torch: Any, g: Any, out: Any, x: Any, *options: Any, **named: Any) -> Any:
    """A number that wins in several windows gets the gradient of the last one alone."""
    _, index = torch.nn.functional.max_pool2d(x, *options, **named, return_indices=True)
    grad = torch.zeros_like(x).flatten(2)
    flat, seeds = index.flatten(2), g.flatten(2)
    for k in range(flat.shape[2]):
        grad.scatter_(2, flat[..., k : k + 1], seeds[..., k : k + 1])
    return grad.reshape(x.shape)


def _with_positions(change: Callable[[Any, Any, Any], Any]) -> Implementation:
    """Values as they are, positions changed by `change(torch, positions, x)`."""

    def max_pool2d(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
        found, index = torch.nn.functional.max_pool2d(x, *options, **named)
        return found, change(torch, index, x)

    return max_pool2d


def positions_by_windows(torch: Any, x: Any, kernel: int, stride: int, padding: int, *, return_indices: bool) -> Any:
    """The positions themselves through the same windows."""
    plane = torch.arange(x.shape[2] * x.shape[3], dtype=x.dtype).reshape(1, 1, *x.shape[2:])
    seen = windows(torch, x, kernel, stride, padding, value=-math.inf)
    places = windows(torch, plane, kernel, stride, padding, value=0.0).expand(seen.shape)
    found, index = seen.max(-1)
    return found, places.gather(-1, index.unsqueeze(-1)).squeeze(-1).long()


def _maxima(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1, 2, 2), 2),
        args(make(2, 3, 5, 6), 3, stride=2, padding=1),
        args(make(2, 2, 7, 8), (2, 3), stride=2, ceil_mode=True),
        args(make(1, 2, 6, 7), 2, stride=1, dilation=2),
    ]


MAX_LEGITIMATE: dict[str, Implementation] = {
    "windows": max_by_windows,
    "position, then gather": functools.partial(max_by_windows, choose=by_position),
    "running maximum": functools.partial(max_by_windows, choose=running_maximum),
    "batch reversed": max_batch_reversed,
    "channels last": max_channels_last,
}

# --- mean pooling -----------------------------------------------------------------------------------------------------


def mean_by_windows(
    torch: Any, x: Any, kernel: Any, stride: Any = None, padding: int = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *,
    add: Callable[[Any], Any] = lambda seen: seen.sum(-1), count: str = "", value: float = 0.0,
) -> Any:  # fmt: skip
    """The sum of each window over how many numbers it holds: padding counts, what hangs over it does not.

    `count` counts otherwise: "all" the whole window, "inside" never padding, "one less".
    """
    shape = x[:1, :1]
    inside = windows(torch, torch.ones_like(shape), kernel, stride, padding, 1, ceil_mode, value=0.0).sum(-1)
    padded = torch.nn.functional.pad(torch.ones_like(shape), (padding,) * 4, value=1.0)
    with_padding = windows(torch, padded, kernel, stride, 0, 1, ceil_mode, value=0.0).sum(-1)
    divisor = with_padding[..., : inside.shape[2], : inside.shape[3]] if count_include_pad else inside
    seen = windows(torch, x, kernel, stride, padding, 1, ceil_mode, value=value)
    if count == "all":
        divisor = torch.full_like(inside, seen.shape[-1])
    elif count:
        divisor = inside if count == "inside" else with_padding - 1
    return add(seen) / (divisor if divisor_override is None or count == "all" else divisor_override)


def running_sum(seen: Any) -> Any:
    """One number of the window after the other."""
    return sum(seen.unbind(-1)[1:], seen[..., 0])


def _mean(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    return torch.nn.functional.avg_pool2d(x, *options, **named)


def mean_in_double(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    """float64 inside."""
    return _mean(torch, x.double(), *options, **named).to(x.dtype)


def mean_in_bfloat16(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    """bfloat16 inside."""
    return _mean(torch, x.bfloat16(), *options, **named).to(x.dtype)


def mean_channels_last(torch: Any, x: Any, *options: Any, **named: Any) -> Any:
    """The kernel for another memory format."""
    return _mean(torch, x.contiguous(memory_format=torch.channels_last), *options, **named).contiguous()


def summed_area(torch: Any, x: Any, kernel: int) -> Any:
    """Differences of a running sum over the whole image: right in exact numbers, cancelling in float32."""
    table = torch.nn.functional.pad(x, (1, 0, 1, 0))
    for axis in (2, 3):
        table = torch.stack(list(_running(table.unbind(axis))), axis)
    edge = table[:, :, ::kernel, ::kernel]
    return (edge[..., 1:, 1:] - edge[..., :-1, 1:] - edge[..., 1:, :-1] + edge[..., :-1, :-1]) / kernel**2


def _running(items: Any) -> Any:
    total = 0 * items[0]
    for item in items:
        total = total + item
        yield total


def mean_as_convolution(torch: Any, x: Any, kernel: int) -> Any:
    """A depthwise convolution with equal weights."""
    weight = torch.full((x.shape[1], 1, kernel, kernel), 1 / kernel**2, dtype=x.dtype)
    return torch.nn.functional.conv2d(x, weight, stride=kernel, groups=x.shape[1])


def mean_by_reshape(torch: Any, x: Any, kernel: int) -> Any:
    """Windows that do not overlap are a view."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // kernel, kernel, w // kernel, kernel).mean((3, 5))


def _means(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1, 2, 2), 2),
        args(make(2, 3, 5, 6), 3, stride=2, padding=1),
        args(make(2, 3, 5, 6), (3, 2), stride=2, padding=1, count_include_pad=False),
        args(make(1, 2, 6, 7), 3, stride=2, ceil_mode=True),
        args(make(1, 2, 4, 6), 2, divisor_override=3),
    ]


# --- adaptive and p-norm ------------------------------------------------------------------------------------------------


def adaptive(
    torch: Any, x: Any, size: tuple[int, int], *,
    bounds: Callable[[int, int, int], tuple[int, int]] = lambda i, n, m: (i * n // m, -(-(i + 1) * n // m)),
) -> Any:  # fmt: skip
    """Output i of m takes inputs [floor(i n / m), ceil((i + 1) n / m)), axis by axis."""
    rows = [slice(*bounds(i, x.shape[2], size[0])) for i in range(size[0])]
    columns = [slice(*bounds(j, x.shape[3], size[1])) for j in range(size[1])]
    return torch.stack([torch.stack([x[:, :, r, c].mean((2, 3)) for c in columns], -1) for r in rows], -2)


def adaptive_by_products(torch: Any, x: Any, size: tuple[int, int]) -> Any:
    """Averaging matrices from both sides."""

    def averaging(n: int, m: int) -> Any:
        rows = torch.zeros(m, n, dtype=x.dtype)
        for i in range(m):
            start, stop = i * n // m, -(-(i + 1) * n // m)
            rows[i, start:stop] = 1 / (stop - start)
        return rows

    return averaging(x.shape[2], size[0]) @ x @ averaging(x.shape[3], size[1]).T


def _adaptive(torch: Any, x: Any, size: Any) -> Any:
    return torch.nn.functional.adaptive_avg_pool2d(x, size)


def _evenly(torch: Any, g: Any, out: Any, x: Any, size: Any) -> Any:
    """The gradient spread as if all windows had the same size."""
    right = torch.ops.aten._adaptive_avg_pool2d_backward(g, x)
    return torch.nn.functional.interpolate(g * g[0, 0].numel() / x[0, 0].numel(), x.shape[2:]) + 0 * right


def power_mean(torch: Any, x: Any, p: float, kernel: int, *, scale: bool = True, root: bool = True) -> Any:
    """(sum of x^p)^(1/p) over windows that do not overlap. `scale=False`: the mean of x^p; `root=False`: no root."""
    seen = windows(torch, x, kernel, None, 0, value=0.0) ** p
    total = seen.sum(-1) if scale else seen.mean(-1)
    return total ** (1 / p) if root else total


def scaled_power_mean(torch: Any, x: Any, p: float, kernel: int) -> Any:
    """The largest taken out first, so that no power overflows."""
    seen = windows(torch, x, kernel, None, 0, value=0.0)
    largest = seen.amax(-1, keepdim=True)
    return largest.squeeze(-1) * ((seen / largest) ** p).sum(-1) ** (1 / p)


SUBJECTS = [
    Subject(
        "nn.functional.max_pool2d",
        _maxima,
        MAX_LEGITIMATE,
        {
            "last winner at a tie": functools.partial(max_by_windows, choose=later_wins),
            "winners share at a tie": functools.partial(max_by_windows, choose=all_share),
            "padding of zeros": functools.partial(max_by_windows, value=0.0),
            "stride 1": changed_options(stride=1),
            "no ceil mode": changed_options(ceil_mode=False),
            "no dilation": changed_options(dilation=1),
            "kernel turned": kernel_turned,
            "gradient overwritten": with_gradient(_max, _largest_overwrites),
            "gradient 1e-5 too large": altered(_max, times(1 + 1e-5)),
            "cotangent ignored": altered(_max, cotangent=ones),
        },
    ),
    Subject(
        "nn.functional.max_pool2d",
        lambda make: [args(values([[[[1.0, NAN, 2.0, 0.0], [3.0, 4.0, -1.0, 5.0]]]]), 2)],
        MAX_LEGITIMATE,
        {"NaN never wins": functools.partial(max_by_windows, choose=without_nan)},
        regimes=("normal",),  # the numbers are given
    ),
    Subject(
        "nn.functional.max_pool2d",
        lambda make: [args(make(2, 2, 5, 6), 3, 2, 1, return_indices=True)],
        {"positions through windows": positions_by_windows},
        {
            "positions off by one": _with_positions(lambda torch, index, x: index + 1),
            "positions in the batch": _with_positions(
                lambda torch, index, x: index + torch.arange(len(index)).reshape(-1, 1, 1, 1) * x[0].numel()
            ),
            "positions by columns": _with_positions(
                lambda torch, index, x: index % x.shape[3] * x.shape[2] + index // x.shape[3]
            ),
        },
        regimes=("normal", "positive", "ties"),
    ),
    Subject(
        "nn.functional.avg_pool2d",
        _means,
        {
            "windows": mean_by_windows,
            "running sum": functools.partial(mean_by_windows, add=running_sum),
            "running sum backwards": functools.partial(mean_by_windows, add=lambda seen: running_sum(seen.flip(-1))),
            "float64 inside": mean_in_double,
            "channels last": mean_channels_last,
            "subnormal results flushed": flushing(_mean),
            "subnormal inputs flushed": flushing(_mean, inputs=True),
        },
        {
            "padding never counted": functools.partial(mean_by_windows, count="inside"),
            "whole window always counted": functools.partial(mean_by_windows, count="all"),
            "one less": functools.partial(mean_by_windows, count="one less"),
            "padding of ones": functools.partial(mean_by_windows, value=1.0),
            "bfloat16 inside": mean_in_bfloat16,
            "last of the window left out": functools.partial(mean_by_windows, add=lambda seen: seen[..., :-1].sum(-1)),
            "gradient not divided": altered(_mean, times(4)),
            "gradient 1e-5 too large": altered(_mean, times(1 + 1e-5)),
            "cotangent ignored": altered(_mean, cotangent=ones),
        },
    ),
    Subject(
        "nn.functional.avg_pool2d",
        lambda make: [args(make(1, 1, 2, 2), 2), args(make(1, 2, 32, 32), 2)],
        {"convolution": mean_as_convolution, "reshape": mean_by_reshape},
        {"summed-area table in float32": summed_area},
        regimes=("normal", "offset"),  # integers and powers of two add up exactly in the table
    ),
    Subject(
        "nn.functional.adaptive_avg_pool2d",
        lambda make: [args(make(1, 1, 1, 1), (1, 1)), args(make(2, 3, 5, 7), (3, 4))],
        {"means of slices": adaptive, "averaging matrices": adaptive_by_products},
        {
            "windows end early": functools.partial(
                adaptive, bounds=lambda i, n, m: (i * n // m, max((i + 1) * n // m, i * n // m + 1))
            ),
            "windows start late": functools.partial(
                adaptive, bounds=lambda i, n, m: (-(-i * n // m), -(-(i + 1) * n // m))
            ),
            "gradient spread evenly": with_gradient(_adaptive, _evenly),
        },
    ),
    Subject(
        "nn.functional.lp_pool2d",
        lambda make: [args(make(1, 1, 2, 2), 3.0, 2), args(make(2, 3, 4, 6), 3.0, 2)],
        {"power of a sum of powers": power_mean, "largest taken out": scaled_power_mean},
        {
            "mean of powers": functools.partial(power_mean, scale=False),
            "no root": functools.partial(power_mean, root=False),
        },
        regimes=("positive", "offset"),  # odd powers of negative numbers have no root; elsewhere the cube overflows
    ),
]
