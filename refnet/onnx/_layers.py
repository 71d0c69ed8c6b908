"""Functions of `nn.functional` that ONNX has as operators: linear, convolutions, pools, padding, embedding."""

from collections.abc import Sequence
from typing import Any

from refnet._ops.pool import adaptive_bounds
from refnet.onnx._graph import Graph, Operand
from refnet.onnx._table import translates

_DIMS = {"1d": 1, "2d": 2, "3d": 3}


def _spread(value: Any, n: int) -> list[int]:
    """One int per spatial dimension."""
    values = list(value) if isinstance(value, tuple | list) else [value]
    return values * n if len(values) == 1 else values


def _dims_of(g: Graph) -> int:
    """The number of spatial dimensions, from the function's name."""
    return _DIMS[g.operation[-2:]]


def _batched(g: Graph, x: Operand, n: int) -> tuple[str, bool]:
    """x with a batch dimension, and whether it had one."""
    if x.rank == n + 2:
        return x.name, True
    return g.node("Unsqueeze", [x.name, g.integers([0])]), False


def _unbatched(g: Graph, name: str, batched: bool) -> str:
    return name if batched else g.node("Squeeze", [name, g.integers([0])])


# --- affine maps ------------------------------------------------------------------------------------------------------


@translates("nn.functional.linear")
def _linear(g: Graph, out: Operand, input: Operand, weight: Operand, bias: Any) -> str:
    if input.rank == 2 and weight.rank == 2:
        return g.node("Gemm", [input.name, weight.name, "" if bias is None else bias.name], transB=1)
    columns = g.node("Transpose", [weight.name], perm=[1, 0]) if weight.rank == 2 else weight.name
    product = g.node("MatMul", [input.name, columns])
    return product if bias is None else g.node("Add", [product, bias.name])


@translates("Tensor.matmul")
def _matmul(g: Graph, out: Operand, input: Operand, other: Operand, **_: Any) -> str:
    return g.node("MatMul", [input.name, other.name])


@translates("nn.functional.conv1d", "nn.functional.conv2d", "nn.functional.conv3d")
def _conv(
    g: Graph,
    out: Operand,
    input: Operand,
    weight: Operand,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> str:
    n = _dims_of(g)
    x, batched = _batched(g, input, n)
    dilations = _spread(dilation, n)
    if isinstance(padding, str):  # "same" puts the odd one at the end
        total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilations, weight.shape[2:], strict=True)]
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
    else:
        pads = _spread(padding, n) * 2
    name = g.node(
        "Conv",
        [x, weight.name, "" if bias is None else bias.name],
        kernel_shape=list(weight.shape[2:]),
        strides=_spread(stride, n),
        pads=pads,
        dilations=dilations,
        group=groups,
    )
    return _unbatched(g, name, batched)


@translates("nn.functional.conv_transpose1d", "nn.functional.conv_transpose2d", "nn.functional.conv_transpose3d")
def _conv_transpose(
    g: Graph,
    out: Operand,
    input: Operand,
    weight: Operand,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> str:
    n = _dims_of(g)
    x, batched = _batched(g, input, n)
    name = g.node(
        "ConvTranspose",
        [x, weight.name, "" if bias is None else bias.name],
        kernel_shape=list(weight.shape[2:]),
        strides=_spread(stride, n),
        pads=_spread(padding, n) * 2,
        output_padding=_spread(output_padding, n),
        dilations=_spread(dilation, n),
        group=groups,
    )
    return _unbatched(g, name, batched)


# --- pools ------------------------------------------------------------------------------------------------------------


def _overflow(
    g: Graph, x: Operand, out: Operand, kernel: list[int], stride: list[int], padding: list[int], dilation: list[int]
) -> list[int]:
    """How far the last window reaches beyond the padded input, per dimension; what `ceil_mode` allows."""
    n = len(kernel)
    sizes = g.static(x.shape[-n:], "with ceil_mode, the size of the input")
    places = g.static(out.shape[-n:], "with ceil_mode, the size of the result")
    ends = [(p - 1) * s + d * (k - 1) + 1 for p, s, d, k in zip(places, stride, dilation, kernel, strict=True)]
    return [max(0, end - size - 2 * pad) for end, size, pad in zip(ends, sizes, padding, strict=True)]


@translates("nn.functional.max_pool1d", "nn.functional.max_pool2d", "nn.functional.max_pool3d")
def _max_pool(
    g: Graph,
    out: Operand,
    input: Operand,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    n = _dims_of(g)
    kernel, pads, dilations = _spread(kernel_size, n), _spread(padding, n), _spread(dilation, n)
    strides = _spread(kernel_size if stride in (None, ()) else stride, n)
    extra = _overflow(g, input, out, kernel, strides, pads, dilations) if ceil_mode else [0] * n
    x, batched = _batched(g, input, n)
    names = g.nodes_of(
        "MaxPool",
        [x],
        2 if return_indices else 1,
        kernel_shape=kernel,
        strides=strides,
        pads=pads + [p + e for p, e in zip(pads, extra, strict=True)],
        dilations=dilations,
    )
    result = _unbatched(g, names[0], batched)
    if not return_indices:
        return result
    plane = 1
    for size in g.static(input.shape[-n:], "for indices, the size of the input"):
        plane *= size
    within = g.node("Mod", [names[1], g.constant(plane, "int64")])  # ONNX counts through the whole tensor
    return result, _unbatched(g, within, batched)


@translates("nn.functional.avg_pool1d", "nn.functional.avg_pool2d", "nn.functional.avg_pool3d")
def _avg_pool(
    g: Graph,
    out: Operand,
    input: Operand,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> str:
    """Padding that counts is put on as zeros beforehand; what `ceil_mode` lets a window see beyond never counts."""
    n = _dims_of(g)
    kernel, pads = _spread(kernel_size, n), _spread(padding, n)
    strides = _spread(kernel_size if stride in (None, ()) else stride, n)
    extra = _overflow(g, input, out, kernel, strides, pads, [1] * n) if ceil_mode else [0] * n
    x, batched = _batched(g, input, n)
    counted = [0] * n
    if divisor_override is not None:
        before, after = pads, [p + e for p, e in zip(pads, extra, strict=True)]
        pads, extra = [0] * n, [0] * n
    elif count_include_pad:
        before, after = pads, pads
        pads = [0] * n
    else:
        before = after = counted
    if any(before) or any(after):
        sides = [0, 0, *before, 0, 0, *after]
        x = g.node("Pad", [x, g.integers(sides), g.constant(0, input.dtype)], mode="constant")
    name = g.node(
        "AveragePool",
        [x],
        kernel_shape=kernel,
        strides=strides,
        pads=pads + [p + e for p, e in zip(pads, extra, strict=True)],
        count_include_pad=0,
    )
    if divisor_override is not None:
        volume = 1
        for k in kernel:
            volume *= k
        name = g.node("Mul", [name, g.constant(volume / divisor_override, input.dtype)])
    return _unbatched(g, name, batched)


@translates(*[f"nn.functional.lp_pool{n}d" for n in (1, 2, 3)])
def _lp_pool(
    g: Graph, out: Operand, input: Operand, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> str:
    """(sum of x^p)^(1/p), 0 where the sum is negative; ONNX's LpPool sums |x|^p, and takes whole p only."""
    power = g.node("Pow", [input.name, g.constant(norm_type, input.dtype)])
    powers = Operand(power, input.shape, input.dtype)
    mean = _avg_pool(g, out, powers, kernel_size, stride, 0, ceil_mode, True)
    volume = 1
    for k in _spread(kernel_size, _dims_of(g)):
        volume *= k
    total = g.node("Mul", [g.node("Relu", [mean]), g.constant(volume, input.dtype)])
    return g.node("Pow", [total, g.constant(1 / norm_type, input.dtype)])


def _adaptive(g: Graph, x: Operand, out: Operand, n: int, whole: str, pool: str, reduce: str) -> str:
    """One window for all, windows of one size, or else each by itself: dimensions are reduced one after another."""
    name, batched = _batched(g, x, n)
    places = g.static(out.shape[-n:], "the size of the result")
    if all(p == 1 for p in places):
        return _unbatched(g, g.node(whole, [name]), batched)
    sizes = g.static(x.shape[-n:], "the size of the input of an adaptive pool")
    if all(size % p == 0 for size, p in zip(sizes, places, strict=True)):
        kernel = [size // p for size, p in zip(sizes, places, strict=True)]
        return _unbatched(g, g.node(pool, [name], kernel_shape=kernel, strides=kernel), batched)
    for dim, (size, p) in enumerate(zip(sizes, places, strict=True), 2):
        windows = []
        for bounds in adaptive_bounds(size, p):
            ends = [g.integers([end]) for end in (bounds.start, bounds.stop)]
            window = g.node("Slice", [name, *ends, g.integers([dim])])
            windows.append(g.node(reduce, [window, g.integers([dim])], keepdims=1))
        name = windows[0] if len(windows) == 1 else g.node("Concat", windows, axis=dim)
    return _unbatched(g, name, batched)


@translates(*[f"nn.functional.adaptive_avg_pool{n}d" for n in (1, 2, 3)])
def _adaptive_avg(g: Graph, out: Operand, input: Operand, output_size: Any) -> str:
    return _adaptive(g, input, out, _dims_of(g), "GlobalAveragePool", "AveragePool", "ReduceMean")


@translates(*[f"nn.functional.adaptive_max_pool{n}d" for n in (1, 2, 3)])
def _adaptive_max(g: Graph, out: Operand, input: Operand, output_size: Any, return_indices: bool) -> Any:
    name = _adaptive(g, input, out, _dims_of(g), "GlobalMaxPool", "MaxPool", "ReduceMax")
    return (name, None) if return_indices else name


# --- padding and tables -----------------------------------------------------------------------------------------------

_PADDING = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@translates("nn.functional.pad")
def _pad(g: Graph, out: Operand, input: Operand, pad: Sequence[Any], mode: str, value: Any) -> str:
    """Pairs of sides from the last dimension on; ONNX wants all begins, then all ends."""
    if mode == "circular" and g.opset < 19:
        raise g.unsupported("circular padding needs opset_version 19 or higher")
    begins, ends = [0] * input.rank, [0] * input.rank
    for position in range(len(pad) // 2):
        begins[-1 - position], ends[-1 - position] = pad[2 * position], pad[2 * position + 1]
    filled = g.constant(0 if value is None else value, input.dtype) if mode == "constant" else ""
    return g.node("Pad", [input.name, g.sizes(begins + ends), filled], mode=_PADDING[mode])


@translates("nn.functional.embedding")
def _embedding(g: Graph, out: Operand, input: Operand, weight: Operand, max_norm: Any = None, **_: Any) -> str:
    if max_norm is not None:
        raise g.unsupported("max_norm writes into the weight; ONNX graphs cannot")
    return g.node("Gather", [weight.name, input.name], axis=0)


@translates("nn.functional.embedding_bag")
def _embedding_bag(
    g: Graph,
    out: Operand,
    input: Operand,
    weight: Operand,
    offsets: Any,
    max_norm: Any,
    mode: str,
    per_sample_weights: Any,
    padding_idx: Any,
    **_: Any,
) -> str:
    """Bags of one size, the rows of input (N, size)."""
    if input.rank != 2 or max_norm is not None or padding_idx is not None:
        raise g.unsupported("only bags of one size (a 2-d input), without max_norm and padding_idx, can be exported")
    rows = g.node("Gather", [weight.name, input.name], axis=0)
    if per_sample_weights is not None:
        rows = g.node("Mul", [rows, g.node("Unsqueeze", [per_sample_weights.name, g.integers([-1])])])
    reduce = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}[mode]
    return g.node(reduce, [rows, g.integers([1])], keepdims=0)


@translates("nn.functional.one_hot")
def _one_hot(g: Graph, out: Operand, tensor: Operand, num_classes: int) -> str:
    if num_classes == -1:
        raise g.unsupported("num_classes must be given; -1 depends on the values")
    column = g.node("Unsqueeze", [tensor.name, g.integers([-1])])
    return g.cast_to(g.node("Equal", [column, g.integers(range(num_classes))]), "int64")


# --- other sizes ------------------------------------------------------------------------------------------------------

_SAMPLING = {
    "nearest": ("nearest", "asymmetric", "floor"),
    "nearest-exact": ("nearest", "half_pixel", "round_prefer_ceil"),
    "linear": ("linear", "half_pixel", None),
    "bilinear": ("linear", "half_pixel", None),
    "trilinear": ("linear", "half_pixel", None),
    "bicubic": ("cubic", "half_pixel", None),
}


@translates("nn.functional.interpolate")
def _interpolate(
    g: Graph,
    out: Operand,
    input: Operand,
    size: Any,
    scale_factor: Any,
    mode: str,
    align_corners: Any,
    recompute_scale_factor: Any,
    antialias: bool,
) -> str:
    n = input.rank - 2
    if mode == "area":
        return _adaptive(g, input, out, n, "GlobalAveragePool", "AveragePool", "ReduceMean")
    if antialias or mode not in _SAMPLING:
        raise g.unsupported(f"antialiased interpolation, and mode {mode!r}, cannot be exported")
    kind, places, rounding = _SAMPLING[mode]
    sizes = scales = ""
    if scale_factor is None or recompute_scale_factor:
        sizes = g.integers(g.static(out.shape[2:], "the size to interpolate to"))
    else:
        scales = g.constant(_spread(scale_factor, n), "float32")
    return g.node(
        "Resize",
        [input.name, "", scales, sizes],
        axes=list(range(2, input.rank)),
        mode=kind,
        coordinate_transformation_mode="align_corners" if align_corners else places,
        nearest_mode=rounding,
        cubic_coeff_a=-0.75 if kind == "cubic" else None,
    )
