"""Convolution layers in one, two and three dimensions, transposed and lazy ones included."""

from collections.abc import Callable
from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import empty
from refnet.nn import init
from refnet.nn.functional.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    pad,
)
from refnet.nn.modules.lazy import LazyModuleMixin
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter, UninitializedParameter

Ints = tuple[int, ...]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def _tuple(value: Any, n: int) -> Ints:
    """An int as n ints; a sequence as it is."""
    return tuple(value) if isinstance(value, list | tuple) else (value,) * n


class _ConvNd(Module):
    """What all convolution layers share: their arguments, parameters, start values and printed form."""

    _dims: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]
    _transposed: ClassVar[bool] = False

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        n = self._dims
        check(groups > 0, lambda: f"groups must be a positive integer, got {groups}", ValueError)
        check(in_channels % groups == 0, lambda: "in_channels must be divisible by groups", ValueError)
        check(out_channels % groups == 0, lambda: "out_channels must be divisible by groups", ValueError)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _tuple(kernel_size, n), _tuple(stride, n)
        self.dilation, self.output_padding = _tuple(dilation, n), _tuple(output_padding, n)
        self.padding: Any = padding if isinstance(padding, str) else _tuple(padding, n)
        self.padding_mode = padding_mode
        self._check_padding()
        options = {"device": device, "dtype": dtype}
        self.weight = self._new_parameter(self._weight_shape(), options)
        if bias:
            self.bias = self._new_parameter((out_channels,), options)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check_padding(self) -> None:
        if isinstance(self.padding, str):
            check(
                self.padding in ("same", "valid"),
                lambda: f"Invalid padding string {self.padding!r}, should be one of 'same', 'valid'",
                ValueError,
            )
            check(
                self.padding == "valid" or all(s == 1 for s in self.stride),
                lambda: "padding='same' is not supported for strided convolutions",
                ValueError,
            )
        check(
            self.padding_mode in _PADDING_MODES,
            lambda: f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode={self.padding_mode!r}",
            ValueError,
        )

    def _weight_shape(self) -> Ints:
        inner, outer = self.in_channels, self.out_channels
        first, second = (inner, outer) if self._transposed else (outer, inner)
        return (first, second // self.groups, *self.kernel_size)

    def _new_parameter(self, shape: Ints, options: dict[str, Any]) -> Parameter:
        return Parameter(empty(shape, **options))

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from +-1 / sqrt(fan_in), as torch does (Kaiming-uniform with a = sqrt 5)."""
        init.kaiming_uniform_(self.weight, a=5**0.5)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / fan_in**0.5
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        n = self._dims
        parts = [
            f"{self.in_channels}",
            f"{self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != (0,) * n:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * n:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * n:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution; n dimensions by subclass."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device, dtype
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        function = type(self)._function
        if self.padding_mode == "zeros":
            return function(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        input = pad(input, self._sides(), mode=self.padding_mode)
        return function(input, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _sides(self) -> list[int]:
        """(before, after) from the last dimension to the first, as `pad` takes them."""
        if self.padding == "valid":
            return [0, 0] * self._dims
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [side for t in reversed(total) for side in (t // 2, t - t // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L) or (C, L) with learned kernels: see `refnet.nn.functional.conv1d`.

    Weight (out, in / groups, K) and bias (out,) start uniform in +-1 / sqrt(fan_in). `padding_mode` "reflect",
    "replicate" or "circular" fills the padding from the input. ValueError where channels and groups do not fit.

    >>> import refnet
    >>> refnet.nn.Conv1d(3, 4, 5, padding="same")(refnet.zeros(2, 3, 9)).shape
    refnet.Size([2, 4, 9])
    """

    _dims, _function = 1, staticmethod(conv1d)


class Conv2d(_Conv):
    """Cross-correlation of images (N, C, H, W) or (C, H, W) with learned kernels; see `Conv1d`.

    >>> import refnet
    >>> refnet.nn.Conv2d(3, 4, 3, stride=2, padding=1)
    Conv2d(3, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """

    _dims, _function = 2, staticmethod(conv2d)


class Conv3d(_Conv):
    """Cross-correlation of volumes (N, C, D, H, W) or (C, D, H, W) with learned kernels; see `Conv1d`."""

    _dims, _function = 3, staticmethod(conv3d)


class _ConvTranspose(_ConvNd):
    """A transposed convolution; n dimensions by subclass."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check(
            padding_mode == "zeros",
            lambda: f'Only "zeros" padding mode is supported for {type(self).__name__}',
            ValueError,
        )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Any = None) -> Any:
        extra = self.output_padding if output_size is None else self._output_padding(input, list(output_size))
        function = type(self)._function
        return function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )  # fmt: skip

    def _output_padding(self, input: Any, wanted: list[int]) -> Ints:
        """The output padding that gives the wanted size, which the stride leaves open."""
        n = self._dims
        batched = input.ndim == n + 2
        if len(wanted) == n + 1 + batched:
            wanted = wanted[-n:]
        check(
            len(wanted) == n,
            lambda: (
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {n} or {n + 1 + batched} elements "
                f"(got {len(wanted)})"
            ),
            ValueError,
        )
        numbers = zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(i - 1) * s - 2 * p + d * (k - 1) + 1 for i, s, p, d, k in numbers]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        check(
            all(low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)),
            lambda: (
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{list(input.shape[-n:])})"
            ),
            ValueError,
        )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of a `Conv1d` as a layer: see `refnet.nn.functional.conv_transpose1d`.

    ``forward(input, output_size=None)`` may name the output's size among those that the stride leaves open.

    >>> import refnet
    >>> layer = refnet.nn.ConvTranspose1d(2, 3, 3, stride=2)
    >>> layer(refnet.zeros(1, 2, 4)).shape, layer(refnet.zeros(1, 2, 4), output_size=[10]).shape
    (refnet.Size([1, 3, 9]), refnet.Size([1, 3, 10]))
    """

    _dims, _function = 1, staticmethod(conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of a `Conv2d` as a layer; see `ConvTranspose1d`."""

    _dims, _function = 2, staticmethod(conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """The adjoint of a `Conv3d` as a layer; see `ConvTranspose1d`."""

    _dims, _function = 3, staticmethod(conv_transpose3d)


# --- lazy: in_channels comes from the first input -------------------------------------------------------------------


class _LazyConv(LazyModuleMixin, _ConvNd):
    """Waits for the first input to learn `in_channels`."""

    def __init__(self, out_channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, out_channels, *args, **kwargs)

    def _new_parameter(self, shape: Ints, options: dict[str, Any]) -> Parameter:
        waiting: Parameter = UninitializedParameter(**options)
        return waiting

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take `in_channels` from an input (N, C, ...) or (C, ...) and initialize."""
        if not self.has_uninitialized_params():
            return
        n = self._dims
        check(
            input.ndim in (n + 1, n + 2),
            lambda: (
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but got input of "
                f"size: {list(input.shape)}"
            ),
        )
        self.in_channels = input.shape[-n - 1]
        check(self.in_channels % self.groups == 0, lambda: "in_channels must be divisible by groups", ValueError)
        weight: Any = self.weight
        weight.materialize(self._weight_shape())
        bias: Any = self.bias
        if bias is not None:
            bias.materialize((self.out_channels,))
        self.reset_parameters()


class LazyConv1d(_LazyConv, _Conv):
    """A `Conv1d` that takes `in_channels` from its first input."""

    _dims, _function, cls_to_become = 1, staticmethod(conv1d), Conv1d


class LazyConv2d(_LazyConv, _Conv):
    """A `Conv2d` that takes `in_channels` from its first input.

    >>> import refnet
    >>> layer = refnet.nn.LazyConv2d(4, 3)
    >>> _ = layer(refnet.zeros(1, 2, 5, 5))
    >>> layer
    Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1))
    """

    _dims, _function, cls_to_become = 2, staticmethod(conv2d), Conv2d


class LazyConv3d(_LazyConv, _Conv):
    """A `Conv3d` that takes `in_channels` from its first input."""

    _dims, _function, cls_to_become = 3, staticmethod(conv3d), Conv3d


class LazyConvTranspose1d(_LazyConv, _ConvTranspose):
    """A `ConvTranspose1d` that takes `in_channels` from its first input."""

    _dims, _function, cls_to_become = 1, staticmethod(conv_transpose1d), ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, _ConvTranspose):
    """A `ConvTranspose2d` that takes `in_channels` from its first input."""

    _dims, _function, cls_to_become = 2, staticmethod(conv_transpose2d), ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, _ConvTranspose):
    """A `ConvTranspose3d` that takes `in_channels` from its first input."""

    _dims, _function, cls_to_become = 3, staticmethod(conv_transpose3d), ConvTranspose3d
