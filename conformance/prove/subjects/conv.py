"""Convolutions.

out[n, o, y, x] = b[o] + sum over c, i, j of W[o, c, i, j] in[n, c, s y + d i - p, s x + d j - p], group by group, with
stride s, padding p and dilation d.

Winograd's and FFT products in float32 are left out: like Strassen's they are accurate beside the largest element only.
"""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.subjects.matmul import tensor_float
from conformance.prove.wrappers import flushing

# --- windows: every input number beside the weight it meets ---------------------------------------------------------


def windows(torch: Any, x: Any, size: Any, stride: int, padding: int, dilation: int) -> Any:
    """(N, C, H, W) -> (N, C, rows, columns, kernel rows, kernel columns), a view of the padded input."""
    x = torch.nn.functional.pad(x, (padding,) * 4)
    for axis, length in zip((2, 3), size, strict=True):
        x = x.unfold(axis, dilation * (length - 1) + 1, stride)
    return x[..., ::dilation, ::dilation]


def with_bias(y: Any, bias: Any) -> Any:
    """(N, O, ...) + (O)."""
    return y if bias is None else y + bias.reshape(-1, *[1] * (y.ndim - 2))


def by_windows(product: Callable[[Any, Any, Any], Any]) -> Implementation:
    """`product(torch, windows, weight)` with windows (N, G, C, rows, columns, kh, kw) and weight (G, O, C, kh, kw)."""

    def conv2d(
        torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, dilation: int = 1,
        groups: int = 1,
    ) -> Any:  # fmt: skip
        seen = windows(torch, x, weight.shape[2:], stride, padding, dilation).unflatten(1, (groups, -1))
        return with_bias(product(torch, seen, weight.unflatten(0, (groups, -1))).flatten(1, 2), bias)

    return conv2d


def im2col(torch: Any, seen: Any, weight: Any) -> Any:
    """One matrix product a group: (O, C kh kw) (C kh kw, rows columns)."""
    columns = seen.permute(0, 1, 2, 5, 6, 3, 4).flatten(2, 4).flatten(3)  # (N, G, C kh kw, rows columns)
    return (weight.flatten(2) @ columns).unflatten(-1, seen.shape[3:5])


def all_products(torch: Any, seen: Any, weight: Any) -> Any:
    """Every product in memory, then one sum."""
    return (seen.unsqueeze(2) * weight[:, :, :, None, None]).sum((3, 6, 7))


def kernel_offsets(torch: Any, seen: Any, weight: Any) -> Any:
    """A running sum over the kernel's offsets, each a product over channels."""
    offsets = [(i, j) for i in range(weight.shape[3]) for j in range(weight.shape[4])]
    return sum(torch.einsum("ngcyx,goc->ngoyx", seen[..., i, j], weight[..., i, j]) for i, j in offsets)


def channel_by_channel(torch: Any, seen: Any, weight: Any) -> Any:
    """A running sum over the input channels."""
    channels = range(weight.shape[2])
    return sum(torch.einsum("ngyxij,goij->ngoyx", seen[:, :, c], weight[:, :, c]) for c in channels)


def _conv2d(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    return torch.nn.functional.conv2d(x, weight, bias, **options)


def sample_by_sample(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """A call for each sample of the batch."""
    return torch.cat([_conv2d(torch, sample, weight, bias, **options) for sample in x.split(1)])


def batch_reversed(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """The batch in another order, and back."""
    return _conv2d(torch, x.flip(0), weight, bias, **options).flip(0)


def group_by_group(torch: Any, x: Any, weight: Any, bias: Any = None, groups: int = 1, **options: Any) -> Any:
    """A call for each group."""
    parts = zip(x.chunk(groups, 1), weight.chunk(groups), strict=True)
    return with_bias(torch.cat([_conv2d(torch, xs, ws, **options) for xs, ws in parts], 1), bias)


def without_mkldnn(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """torch's own kernels."""
    with torch.backends.mkldnn.flags(enabled=False):
        return _conv2d(torch, x, weight, bias, **options)


def channels_last(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """The kernels for another memory format."""
    x = x.contiguous(memory_format=torch.channels_last)
    return _conv2d(torch, x, weight.contiguous(memory_format=torch.channels_last), bias, **options).contiguous()


def in_type(change: Callable[[Any], Any]) -> Implementation:
    """Everything in another precision."""

    def conv2d(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        bias = None if bias is None else change(bias)
        return _conv2d(torch, change(x), change(weight), bias, **options).to(x.dtype)

    return conv2d


def as_conv3d(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, dilation: int = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """A volume of depth 1."""
    each = [(1, stride, stride), (0, padding, padding), (1, dilation, dilation)]
    return torch.nn.functional.conv3d(x.unsqueeze(2), weight.unsqueeze(2), bias, *each, groups).squeeze(2)


def fourier(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, dilation: int = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """A product of spectra at float64, whose error is far below float32's."""
    x64 = torch.nn.functional.pad(x, (padding,) * 4).double()
    kernel = weight.new_zeros(*weight.shape[:2], *[dilation * (n - 1) + 1 for n in weight.shape[2:]]).double()
    kernel[..., ::dilation, ::dilation] = weight.double()
    size, valid = x64.shape[2:], [n - k + 1 for n, k in zip(x64.shape[2:], kernel.shape[2:], strict=True)]
    spectrum = torch.fft.rfft2(x64).unflatten(1, (groups, -1))
    weights = torch.fft.rfft2(kernel, s=size).conj().unflatten(0, (groups, -1))  # conj: correlation
    y = torch.fft.irfft2(torch.einsum("ngcyx,gocyx->ngoyx", spectrum, weights).flatten(1, 2), s=size)
    return with_bias(y[..., : valid[0] : stride, : valid[1] : stride].to(x.dtype), bias)


# --- faults of the forward ------------------------------------------------------------------------------------------


def on_weight(change: Callable[[Any], Any]) -> Implementation:
    """Another weight."""
    return lambda torch, x, weight, bias=None, **options: _conv2d(torch, x, change(weight), bias, **options)


def on_bias(change: Callable[[Any], Any]) -> Implementation:
    """Another bias."""

    def conv2d(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        return _conv2d(torch, x, weight, None if bias is None else change(bias), **options)

    return conv2d


def on_output(change: Callable[[Any, Any], Any]) -> Implementation:
    """Another result."""
    return lambda torch, *args, **options: change(torch, _conv2d(torch, *args, **options))


def channels_swapped(weight: Any) -> Any:
    """(O, C, ...) read as (C, O, ...), where both are the same number."""
    return weight.transpose(0, 1) if weight.shape[0] == weight.shape[1] else weight


def kernel_transposed(weight: Any) -> Any:
    """Rows for columns: a square kernel transposed, another one read in the wrong order."""
    return weight.transpose(2, 3).reshape(weight.shape)


def padded_by(pad: Callable[[int], tuple[int, ...]], mode: str = "constant", value: float = 0.0) -> Implementation:
    """Padding of another kind; `pad(p)` is left, right, top, bottom."""

    def conv2d(torch: Any, x: Any, weight: Any, bias: Any = None, padding: int = 0, **options: Any) -> Any:
        extra = {"value": value} if mode == "constant" else {}
        x = torch.nn.functional.pad(x, pad(padding), mode=mode, **extra) if padding else x
        return _conv2d(torch, x, weight, bias, **options)

    return conv2d


def groups_interleaved(torch: Any, x: Any, weight: Any, bias: Any = None, groups: int = 1, **options: Any) -> Any:
    """Channel c belongs to group c % groups."""
    return _conv2d(
        torch, x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2), weight, bias, groups=groups, **options
    )


def strided_late(torch: Any, x: Any, weight: Any, bias: Any = None, stride: int = 1, **options: Any) -> Any:
    """The strided result starts at the second position, where there is one."""
    y = _conv2d(torch, x, weight, bias, **options)
    size = _conv2d(torch, x, weight, bias, stride=stride, **options).shape[2:]
    start = [min(stride - 1, n - 1 - stride * (k - 1)) for n, k in zip(y.shape[2:], size, strict=True)]
    return y[:, :, start[0] :: stride, start[1] :: stride]


def read_as_contiguous(torch: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """The memory of a channels-last image read as if channels came first."""
    return _conv2d(torch, x.as_strided(x.shape, torch.empty(x.shape, device="meta").stride()), weight, bias, **options)


def last_column_again(torch: Any, y: Any) -> Any:
    """The last column is a copy of the one before."""
    return torch.cat([y[..., :-1], y[..., -2:-1] if y.shape[-1] > 1 else 0 * y], -1)


# --- faults of the gradient -----------------------------------------------------------------------------------------


def gradients(torch: Any, g: Any, x: Any, weight: Any, bias: Any, options: dict[str, int]) -> tuple[Any, ...]:
    """What torch gives: the base that faults start from."""
    pair = {name: [options.get(name, other)] * 2 for name, other in (("stride", 1), ("padding", 0), ("dilation", 1))}
    sizes = None if bias is None else list(bias.shape)
    grads = torch.ops.aten.convolution_backward(
        g, x, weight, sizes, *pair.values(), False, [0, 0], options.get("groups", 1), [True, True, bias is not None]
    )
    return tuple(grads)


def planted(change: Callable[..., tuple[Any, ...]]) -> Implementation:
    """Gradients (input, weight, bias) from `change(torch, right ones, g, x, weight, bias, options)`."""

    def backward(torch: Any, g: Any, _: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        right = gradients(torch, g, x, weight, bias, options)
        grad_x, grad_weight, grad_bias = change(torch, right, g, x, weight, bias, options)
        return grad_x, grad_weight, None if bias is None else grad_bias

    return with_gradient(_conv2d, backward)


def bias_of_the_first_sample(torch: Any, right: tuple[Any, ...], g: Any, *_: Any) -> tuple[Any, ...]:
    """The gradient of the bias not summed over the batch."""
    return right[0], right[1], g[0].sum((1, 2))


def bias_averaged(torch: Any, right: tuple[Any, ...], g: Any, *_: Any) -> tuple[Any, ...]:
    """The gradient of the bias divided by the batch."""
    return right[0], right[1], g.sum((2, 3)).mean(0)


def weight_of_the_last_sample(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """The gradient of the weight overwritten sample by sample."""
    return right[0], gradients(torch, g[-1:], x[-1:], weight, bias, options)[1], right[2]


def weight_of_another_group(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """With a stride, the gradient of a grouped weight meets the input of the next group."""
    groups = options.get("groups", 1)
    if groups == 1 or options.get("stride", 1) == 1:
        return right
    shifted = x.roll(x.shape[1] // groups, 1)
    return right[0], gradients(torch, g, shifted, weight, bias, options)[1], right[2]


def weight_without_border(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """The gradient of the weight misses the last row of the cotangent."""
    return (
        right[0],
        gradients(torch, torch.cat([g[:, :, :-1], g[:, :, -1:] * 0], 2), x, weight, bias, options)[1],
        right[2],
    )


def weight_flipped(torch: Any, right: tuple[Any, ...], *_: Any) -> tuple[Any, ...]:
    """The gradient of the weight for a convolution, not a correlation."""
    return right[0], right[1].flip(2, 3), right[2]


def input_unflipped(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """The gradient of the input with a kernel that is not turned."""
    return gradients(torch, g, x, weight.flip(2, 3), bias, options)[0], right[1], right[2]


def input_overwritten(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """col2im that writes where it should add: the last window over a position wins."""
    stride, padding, dilation = (options.get(n, d) for n, d in (("stride", 1), ("padding", 0), ("dilation", 1)))
    groups = options.get("groups", 1)
    columns = torch.einsum("ngoyx,gocij->ngcijyx", g.unflatten(1, (groups, -1)), weight.unflatten(0, (groups, -1)))
    padded = torch.nn.functional.pad(torch.zeros_like(x), (padding,) * 4)
    rows, cols = g.shape[2:]
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            top, left = dilation * i, dilation * j
            place = (..., slice(top, top + stride * rows, stride), slice(left, left + stride * cols, stride))
            padded[place] = columns[:, :, :, i, j].flatten(1, 2)[
                ..., : padded[place].shape[-2], : padded[place].shape[-1]
            ]
    h, w = x.shape[2:]
    return padded[:, :, padding : padding + h, padding : padding + w], right[1], right[2]


def dilation_ignored(
    torch: Any, right: tuple[Any, ...], g: Any, x: Any, weight: Any, bias: Any, options: Any
) -> tuple[Any, ...]:
    """The gradient of the input as if the kernel had no holes."""
    dilation = options.get("dilation", 1)
    inner = options.get("padding", 0) - (dilation - 1) * (weight.shape[2] - 1) // 2
    if dilation == 1 or inner < 0:
        return right
    dense = {**options, "dilation": 1, "padding": inner}
    return gradients(torch, g, x, weight, bias, dense)[0], right[1], right[2]


LEGITIMATE: dict[str, Implementation] = {
    "im2col": by_windows(im2col),
    "all products": by_windows(all_products),
    "kernel offsets": by_windows(kernel_offsets),
    "channel by channel": by_windows(channel_by_channel),
    "einsum over windows": by_windows(lambda torch, seen, w: torch.einsum("ngcyxij,gocij->ngoyx", seen, w)),
    "sample by sample": sample_by_sample,
    "batch reversed": batch_reversed,
    "group by group": group_by_group,
    "without mkldnn": without_mkldnn,
    "channels last": channels_last,
    "float64 inside": in_type(lambda x: x.double()),
    "as conv3d": as_conv3d,
    "Fourier at float64": fourier,
    "subnormal results flushed": flushing(_conv2d),
    "subnormal inputs flushed": flushing(_conv2d, inputs=True),
}
FAULTS: dict[str, Implementation] = {
    "kernel flipped": on_weight(lambda w: w.flip(2, 3)),
    "kernel transposed": on_weight(kernel_transposed),
    "in and out swapped": on_weight(channels_swapped),
    "output channels rolled": on_weight(lambda w: w.roll(1, 0)),
    "padding top left only": padded_by(lambda p: (2 * p, 0, 2 * p, 0)),
    "padding repeats the border": padded_by(lambda p: (p,) * 4, "replicate"),
    "padding of ones": padded_by(lambda p: (p,) * 4, value=1.0),
    "groups interleaved": groups_interleaved,
    "stride starts late": strided_late,
    "bias twice": on_bias(lambda b: 2 * b),
    "no bias on the last channel": on_bias(lambda b: b * (b.cumsum(0) * 0 + 1).cumsum(0).lt(len(b))),
    "last column again": on_output(last_column_again),
    "last row zero": on_output(lambda torch, y: torch.cat([y[:, :, :-1], 0 * y[:, :, -1:]], 2)),
    "bfloat16 inside": in_type(lambda x: x.bfloat16()),
    "TensorFloat-32 inside": in_type(tensor_float),
    "bias gradient of the first sample": planted(bias_of_the_first_sample),
    "bias gradient averaged": planted(bias_averaged),
    "weight gradient of the last sample": planted(weight_of_the_last_sample),
    "grouped strided weight gradient": planted(weight_of_another_group),
    "weight gradient without the last row": planted(weight_without_border),
    "weight gradient flipped": planted(weight_flipped),
    "input gradient not flipped": planted(input_unflipped),
    "input gradient overwritten": planted(input_overwritten),
    "input gradient without dilation": planted(dilation_ignored),
    "weight gradient 1e-5 too large": altered(_conv2d, None, times(1 + 1e-5)),
    "input gradient 1e-3 too small": altered(_conv2d, times(1 - 1e-3)),
    "cotangent ignored": altered(_conv2d, cotangent=ones),
}


def _images(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1, 2, 2), normal(1, 1, 2, 2), make(1)),
        args(make(2, 3, 4, 5), normal(4, 3, 3, 3), make(4), padding=1),
        args(make(2, 4, 6, 7), normal(6, 2, 3, 2), make(6), stride=2, padding=1, groups=2),
        args(make(2, 4, 5, 5), normal(4, 4, 3, 3), None, dilation=2, padding=2),
        args(make(1, 40, 3, 3), make(2, 40, 3, 3)),
    ]


# --- one dimension, and the transposed convolution --------------------------------------------------------------------


def conv1d_as_conv2d(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0) -> Any:
    """An image of height 1."""
    both = [(1, stride), (0, padding)]
    return torch.nn.functional.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, *both).squeeze(2)


def conv1d_by_windows(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0) -> Any:
    """Windows times weights."""
    seen = torch.nn.functional.pad(x, (padding, padding)).unfold(2, weight.shape[2], stride)
    return with_bias(torch.einsum("nctk,ock->not", seen, weight), bias)


def conv1d_as_band(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0) -> Any:
    """One matrix of weights at shifted places."""
    x = torch.nn.functional.pad(x, (padding, padding))
    length, size = x.shape[2], weight.shape[2]
    starts = range(0, length - size + 1, stride)
    shifted = [torch.nn.functional.pad(weight, (start, length - size - start)).flatten(1) for start in starts]
    return with_bias((x.flatten(1) @ torch.stack(shifted).mT).transpose(0, 1).mT, bias)


def conv1d_without_tail(torch: Any, *args: Any, **options: Any) -> Any:
    """Positions that do not fill a vector of 8 stay zero."""
    y = torch.nn.functional.conv1d(*args, **options)
    whole = y.shape[-1] // 8 * 8
    return torch.cat([y[..., :whole], 0 * y[..., whole:]], -1)


def conv1d_padded_right(torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0) -> Any:
    """All the padding behind."""
    return torch.nn.functional.conv1d(torch.nn.functional.pad(x, (0, 2 * padding)), weight, bias, stride)


def _transposed(torch: Any, *args: Any, **options: Any) -> Any:
    return torch.nn.functional.conv_transpose2d(*args, **options)


def spread(torch: Any, x: Any, stride: int) -> Any:
    """stride - 1 zeros between neighbours."""
    n, c, h, w = x.shape
    rows = torch.stack([x, *[torch.zeros_like(x)] * (stride - 1)], 3).reshape(n, c, h * stride, w)
    columns = torch.stack([rows, *[torch.zeros_like(rows)] * (stride - 1)], 4).reshape(n, c, h * stride, w * stride)
    return columns[:, :, : (h - 1) * stride + 1, : (w - 1) * stride + 1]


def zeros_between(
    torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, output_padding: int = 0,
    flip: bool = True, before: int = 0,
) -> Any:  # fmt: skip
    """The spread input convolved with the turned kernel."""
    kernel = weight.transpose(0, 1).flip(2, 3) if flip else weight.transpose(0, 1)
    top, left = (size - 1 - padding for size in weight.shape[2:])
    after = output_padding - before
    sides = (left + before, left + after, top + before, top + after)
    return torch.nn.functional.conv2d(torch.nn.functional.pad(spread(torch, x, stride), sides), kernel, bias)


def stamped(
    torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, output_padding: int = 0,
    accumulate: bool = True,
) -> Any:  # fmt: skip
    """Every input number stamps the kernel onto the result: col2im. `accumulate=False`: the last stamp wins."""
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    out = x.new_zeros(
        x.shape[0], weight.shape[1], (h - 1) * stride + kh + output_padding, (w - 1) * stride + kw + output_padding
    )
    stamps = torch.einsum("ncyx,coij->noyxij", x, weight)
    for i in range(kh):
        for j in range(kw):
            place = (..., slice(i, i + (h - 1) * stride + 1, stride), slice(j, j + (w - 1) * stride + 1, stride))
            layer = torch.zeros_like(out)
            layer[place] = stamps[..., i, j]
            out = out + layer if accumulate else torch.where(layer != 0, layer, out)
    return with_bias(out[..., padding : out.shape[2] - padding, padding : out.shape[3] - padding], bias)


def as_gradient(
    torch: Any, x: Any, weight: Any, bias: Any = None, *, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Any:
    """The gradient of a convolution with respect to its input."""
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    size = [(n - 1) * stride + k + output_padding - 2 * padding for n, k in ((h, kh), (w, kw))]
    return with_bias(torch.nn.grad.conv2d_input([x.shape[0], weight.shape[1], *size], weight, x, stride, padding), bias)


SUBJECTS = [
    Subject("nn.functional.conv2d", _images, LEGITIMATE, FAULTS),
    Subject(
        "nn.functional.conv2d",
        lambda make: [args(make(2, 3, 4, 5), normal(4, 3, 3, 3), make(4), padding=1)],
        {"im2col": by_windows(im2col), "float32 inside": in_type(lambda x: x.float())},
        {
            "kernel flipped": on_weight(lambda w: w.flip(2, 3)),
            "last column again": on_output(last_column_again),
            "bias twice": on_bias(lambda b: 2 * b),
        },
        regimes=TAME,
        dtypes=("float16", "bfloat16"),
    ),
    Subject(
        "convolution of a channels-last image",
        lambda make: [args(make(2, 3, 4, 5), make(4, 3, 3, 3))],
        {"im2col": by_windows(im2col)},
        {"memory read as contiguous": read_as_contiguous},
        program=lambda torch, x, weight: torch.nn.functional.conv2d(
            x.contiguous(memory_format=torch.channels_last), weight, None
        ),
        replaces="nn.functional.conv2d",
    ),
    Subject(
        "nn.functional.conv1d",
        lambda make: [
            args(make(1, 1, 1), make(1, 1, 1)),
            args(make(2, 3, 11), normal(4, 3, 3), make(4), padding=1),
            args(make(1, 2, 20), normal(3, 2, 4), stride=3),
        ],
        {"as conv2d": conv1d_as_conv2d, "windows": conv1d_by_windows, "band matrix": conv1d_as_band},
        {"tail of the vector zero": conv1d_without_tail, "all padding behind": conv1d_padded_right},
    ),
    Subject(
        "nn.functional.conv_transpose2d",
        lambda make: [
            args(make(1, 1, 1, 1), make(1, 1, 2, 2), make(1)),
            args(make(2, 3, 3, 4), normal(3, 2, 3, 3), make(2), padding=1),
            args(make(2, 2, 3, 3), normal(2, 3, 3, 3), make(3), stride=2, padding=1, output_padding=1),
        ],
        {"zeros between": zeros_between, "col2im": stamped, "gradient of conv2d": as_gradient},
        {
            "kernel not turned": functools.partial(zeros_between, flip=False),
            "output padding before": functools.partial(zeros_between, before=1),
            "col2im overwrites": functools.partial(stamped, accumulate=False),
            "bias twice": lambda torch, x, weight, bias, **options: _transposed(torch, x, weight, 2 * bias, **options),
            "gradient of x 1e-5 too large": altered(_transposed, times(1 + 1e-5)),
        },
    ),
]
