"""Convolutions and transposed convolutions in one, two and three dimensions, and `pad`, which they rest on.

Each is one function of `_ops.conv`: here are the arguments as torch takes them, and the errors.
"""

import functools
import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._ops._args import c_name, expect_tensor, type_name
from refnet._ops.conv import conv, conv_input, output_size
from refnet._ops.pad import pad as pad
from refnet._tape import TensorBase
from refnet.nn.functional._arguments import widened

Ints = tuple[int, ...]


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over length: out[n,o,i] = b[o] + sum_ck x[n, c, i s + k d - p] w[o,c,k].

    input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,). `padding` is an int, "valid" (0) or "same" (as
    much as keeps L; stride 1 only). RuntimeError for shapes that do not fit.

    >>> import refnet
    >>> refnet.nn.functional.conv1d(refnet.tensor([[1.0, 2.0, 4.0]]), refnet.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over an image: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,).

    See `conv1d`; stride, padding and dilation are an int or one per dimension. The output is
    floor((H + 2 p - d (KH - 1) - 1) / s) + 1 high, and likewise wide.

    >>> import refnet
    >>> refnet.nn.functional.conv2d(refnet.ones(1, 1, 3, 3), refnet.ones(1, 1, 3, 3), padding="same").shape
    refnet.Size([1, 1, 3, 3])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over a volume: input (N, C, D, H, W) or (C, D, H, W); see `conv1d`."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of `conv1d` with the same weight (C, O / groups, K), plus a bias (O,).

    The output is (L - 1) s - 2 p + d (K - 1) + output_padding + 1 long.

    >>> import refnet
    >>> refnet.nn.functional.conv_transpose1d(refnet.tensor([[1.0, 2.0]]), refnet.tensor([[[1.0, 10.0]]]))
    tensor([[ 1., 12., 20.]])
    """
    return _transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of `conv2d`: input (N, C, H, W), weight (C, O / groups, KH, KW); see `conv_transpose1d`."""
    return _transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of `conv3d`: input (N, C, D, H, W), weight (C, O / groups, KD, KH, KW); see `conv_transpose1d`."""
    return _transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """`conv1d` over time of input (T, N, C), with weight (K, C, O), bias (O,) and `pad` zeros at both ends: (T', N, O).

    >>> import refnet
    >>> x = refnet.tensor([1.0, 2.0, 4.0]).reshape(3, 1, 1)
    >>> refnet.nn.functional.conv_tbc(x, refnet.tensor([-1.0, 1.0]).reshape(2, 1, 1), refnet.zeros(1)).flatten()
    tensor([1., 2.])
    """
    name = "conv_tbc"
    for position, (what, value) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
        expect_tensor(value, name, what, position)
    check(input.ndim == 3, lambda: "Input must have 3 dims: time, batch, in_channel")
    check(weight.ndim == 3, lambda: "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    check(bias.ndim == 1, lambda: "Bias must be 1-D")
    check(
        input.shape[2] == weight.shape[1],
        lambda: (
            f"Input dim 2 (input channels) is not == dim 1 in the weight tensor: {input.shape[2]}, {weight.shape[1]}"
        ),
    )
    check(
        weight.shape[2] == bias.shape[0],
        lambda: (
            f"Bias size must equal dim 2 in the weight tensor (output channels): {bias.shape[0]}, {weight.shape[2]}"
        ),
    )
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)  # (N, C, T), (O, C, K)
    return out.permute(2, 0, 1).contiguous()  # (N, O, T') -> (T', N, O)


# --- arguments ----------------------------------------------------------------------------------------------------


def _ints(value: Any, n: int, what: str, name: str) -> Ints:
    """An int, or a sequence of 1 or n ints, as n ints."""
    if type(value) is int:
        return (value,) * n
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    for v in values:
        check(
            isinstance(v, int) and not isinstance(v, bool),
            lambda v=v: f"{name}(): argument '{what}' must be tuple of ints, not {type(v).__name__}",  # type: ignore[misc]
            TypeError,
        )
    if len(values) == 1:
        values *= n
    check(
        len(values) == n,
        lambda: (
            f"expected {what} to be a single integer value or a list of {n} values to match the convolution "
            f"dimensions, but got {what}={list(values)}"
        ),
    )
    return values


def _check_operands(name: str, n: int, input: Any, weight: Any, bias: Any) -> None:
    """Tensors, of ranks that fit, of one dtype."""
    for what, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, TensorBase) and not (what == "bias" and value is None):
            raise TypeError(
                f"{name}() received an invalid combination of arguments: '{what}' must be Tensor, "
                f"not {type(value).__name__}"
            )
    check(weight.ndim >= 3, lambda: f"weight should have at least three dimensions, got {list(weight.shape)} ({name})")
    check(
        input.ndim in (n + 1, n + 2),
        lambda: (
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        ),
    )
    check(
        weight.ndim == n + 2,
        lambda: (
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {list(weight.shape)}, but got "
            f"{input.ndim}-dimensional input of size {list(input.shape)} instead ({name} takes a weight of {n + 2} "
            f"dimensions; of this one, it expected stride to be a single integer value or a list of {weight.ndim - 2} "
            "values to match the convolution dimensions)"
        ),
    )
    check(
        input.dtype is weight.dtype,
        lambda: (
            f"expected scalar type {type_name(input.dtype)} but found {type_name(weight.dtype)} ({name}: input and weight)"
        ),
    )
    check(
        bias is None or bias.dtype is input.dtype,
        lambda: f"Input type ({c_name(input.dtype)}) and bias type ({c_name(bias.dtype)}) should be the same ({name})",
    )


def _check_geometry(stride: Ints, padding: Ints, dilation: Ints, groups: int) -> None:
    check(
        isinstance(groups, int) and not isinstance(groups, bool),
        lambda: f"argument 'groups' must be int, not {type(groups).__name__}",
        TypeError,
    )
    check(groups > 0, lambda: f"non-positive groups is not supported: got groups={groups}")
    check(min(stride) > 0, lambda: f"non-positive stride is not supported: got stride={list(stride)}")
    check(min(padding) >= 0, lambda: f"negative padding is not supported: got padding={list(padding)}")
    check(min(dilation) > 0, lambda: f"non-positive dilation is not supported: got dilation={list(dilation)}")


def _check_kind(x: Any, name: str, dilation: Ints, transposed: bool) -> None:
    """The types that torch's kernels know; an empty batch reaches none of them."""
    n, kind = max(len(dilation), 2), x.dtype  # one dimension runs as two
    if transposed:
        kernel, known = f"slow_conv_transpose{n}d_out_cpu", kind is _dtype.int64
    elif max(dilation) > 1:
        kernel, known = "slow_conv_dilated<>", kind is _dtype.int64
    else:
        kernel, known = f"slow_conv{n}d_cpu", kind is not _dtype.bool_
    check(
        kind.is_floating_point or known or not x.numel(),
        lambda: f"\"{kernel}\" not implemented for '{type_name(kind)}' ({name})",
        NotImplementedError,
    )


def _check_bias(bias: Ints | None, weight: Ints, outputs: int, transposed: str) -> None:
    """The shapes of a bias, if there is one, and the weight."""
    check(
        bias is None or bias == (outputs,),
        lambda: (
            f"Given {transposed}weight of size {list(weight)}, expected bias to be 1-dimensional with {outputs} "
            f"elements, but got bias of size {list(bias or ())} instead"
        ),
    )


def _with_bias(out: Any, bias: Any, n: int, batched: bool) -> Any:
    if bias is not None:
        out = out + bias.reshape(-1, *(1,) * n)  # (O,) -> (O, 1, ...), against (N, O, *P)
    return out if batched else out.squeeze(0)


def _convolve(
    name: str, n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    _check_operands(name, n, input, weight, bias)
    stride, dilation = _ints(stride, n, "stride", name), _ints(dilation, n, "dilation", name)
    if isinstance(padding, str):
        _check_geometry(stride, (0,) * n, dilation, groups)
        input, padding = _named_padding(input, weight.shape[2:], stride, padding, dilation)
    padding = _ints(padding, n, "padding", name)
    if not isinstance(groups, int):
        _check_geometry(stride, padding, dilation, groups)  # raises
    batched = input.ndim == n + 2
    x = input if batched else input.unsqueeze(0)
    biases = None if bias is None else bias._array.shape
    _check_sizes(name, input._held.shape, weight._array.shape, biases, stride, padding, dilation, groups)
    _check_kind(x, name, dilation, transposed=False)
    operands = (x, weight) if bias is None else (x, weight, bias)
    out = conv(*operands, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out if batched else out.squeeze(0)


@functools.lru_cache(maxsize=1024, typed=True)
def _check_sizes(
    name: str,
    input: Ints,
    weight: Ints,
    bias: Ints | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> None:
    """Shapes and geometry of a convolution, in torch's order of complaints; what has passed once passes at once."""
    _check_geometry(stride, padding, dilation, groups)
    outputs = weight[0]
    check(
        outputs >= groups,
        lambda: (
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(weight)} instead"
        ),
    )
    check(
        outputs % groups == 0,
        lambda: (
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"{list(weight)} instead"
        ),
    )
    spatial = len(weight) - 2
    channels = weight[1] * groups
    check(
        input[-spatial - 1] == channels,
        lambda: (
            f"Given groups={groups}, weight of size {list(weight)}, expected input{list(input)} to have "
            f"{channels} channels, but got {input[-spatial - 1]} channels instead"
        ),
    )
    _check_bias(bias, weight, outputs, "")
    sizes = input[-spatial:]
    have = tuple(size + 2 * p for size, p in zip(sizes, padding, strict=True))
    need = tuple(d * (k - 1) + 1 for k, d in zip(weight[2:], dilation, strict=True))
    check(
        all(h >= k for h, k in zip(have, need, strict=True)),
        lambda: (
            f"Calculated padded input size per channel: ({_times(have)}). Kernel size: ({_times(need)}). Kernel size "
            "can't be greater than actual input size"
        ),
    )
    batched = input if len(input) > spatial + 1 else (1, *input)
    check(
        0 not in sizes,
        lambda: f"Only zero batch or zero channel inputs are supported, but got input shape: {list(batched)}",
    )
    check(0 not in weight[2:], lambda: f"{name}: kernel sizes must be positive, got {list(weight)}")


def _times(sizes: Ints) -> str:
    return " x ".join(map(str, sizes))


def _named_padding(input: Any, kernel: Ints, stride: Ints, padding: str, dilation: Ints) -> tuple[Any, Ints]:
    """What "valid" and "same" mean: an int a side, after padding the input itself where the sides differ."""
    check(padding in ("valid", "same"), lambda: f"Invalid padding string: '{padding}'")
    n = len(kernel)
    if padding == "valid":
        return input, (0,) * n
    check(all(s == 1 for s in stride), lambda: "padding='same' is not supported for strided convolutions")
    total = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    if any(t % 2 for t in total):
        warnings.warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input "
            "be created",
            UserWarning,
            stacklevel=4,
        )
        sides = [side for t in reversed(total) for side in (0, t % 2)]
        input = pad(input, sides)
    return input, tuple(t // 2 for t in total)


def _transpose(
    name: str,
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    _check_operands(name, n, input, weight, bias)
    stride, dilation = _ints(stride, n, "stride", name), _ints(dilation, n, "dilation", name)
    padding, extra = _ints(padding, n, "padding", name), _ints(output_padding, n, "output_padding", name)
    _check_geometry(stride, padding, dilation, groups)
    check(all(e >= 0 for e in extra), lambda: f"negative output_padding is not supported: got {list(extra)}")
    check(
        weight.shape[0] % groups == 0 and weight.shape[0] >= groups,
        lambda: (
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"{list(weight.shape)} instead"
        ),
    )
    batched = input.ndim == n + 2
    g = input if batched else input.unsqueeze(0)
    check(
        g.shape[1] == weight.shape[0],
        lambda: (
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{weight.shape[0]} channels, but got {g.shape[1]} channels instead"
        ),
    )
    outputs = weight.shape[1] * groups
    _check_bias(None if bias is None else bias.shape, weight.shape, outputs, "transposed=1, ")
    check(
        all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)),
        lambda: (
            f"output padding must be smaller than either stride or dilation, but got output_padding: {list(extra)} "
            f"stride: {list(stride)} dilation: {list(dilation)}"
        ),
    )
    sizes = tuple(
        (i - 1) * s - 2 * p + d * (k - 1) + e + 1
        for i, s, p, d, k, e in zip(g.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True)
    )
    check(
        all(size > 0 for size in sizes),
        lambda: (
            f"Given input size per channel: ({_times(g.shape[2:])}). Calculated output size per channel: "
            f"({_times(sizes)}). Output size is too small"
        ),
    )
    _check_kind(g, name, dilation, transposed=True)
    back = tuple(map(output_size, sizes, weight.shape[2:], stride, padding, dilation))
    if back != g.shape[2:]:  # output_padding beyond the stride: windows that no input position fills
        g = pad(g, [side for b, i in zip(reversed(back), reversed(g.shape[2:]), strict=True) for side in (0, b - i)])
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if bias is not None:  # the half types are rounded once, the bias added
        g, weight, bias = widened(g), widened(weight), widened(bias)
    out = conv_input(g, weight, shape=(g.shape[0], outputs, *sizes), **geometry)
    return _with_bias(out, bias, n, batched).to(input.dtype)
