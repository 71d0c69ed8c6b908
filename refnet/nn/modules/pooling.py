"""Pooling layers; each forward is one call of the function of the same name in `refnet.nn.functional`."""

from typing import Any, ClassVar

from refnet.nn.functional import pooling as functions
from refnet.nn.modules.module import Module

Ints = tuple[int, ...]


def _tuple(value: Any, n: int) -> Ints:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * n


class _MaxPool(Module):
    _function: ClassVar[Any]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window of (N, C, L) or (C, L): see `refnet.nn.functional.max_pool1d`."""

    _function = staticmethod(functions.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window of an image: see `refnet.nn.functional.max_pool2d`.

    >>> import refnet
    >>> refnet.nn.MaxPool2d(2)(refnet.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    _function = staticmethod(functions.max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of each window of a volume: see `refnet.nn.functional.max_pool3d`."""

    _function = staticmethod(functions.max_pool3d)


class _MaxUnpool(Module):
    _dims: ClassVar[int]
    _function: ClassVar[Any]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, self._dims)
        self.stride = _tuple(kernel_size if stride is None else stride, self._dims)
        self.padding = _tuple(padding, self._dims)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        return type(self)._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back where they came from: see `refnet.nn.functional.max_unpool1d`."""

    _dims, _function = 1, staticmethod(functions.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima back where they came from: see `refnet.nn.functional.max_unpool2d`."""

    _dims, _function = 2, staticmethod(functions.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima back where they came from: see `refnet.nn.functional.max_unpool3d`."""

    _dims, _function = 3, staticmethod(functions.max_unpool3d)


class AvgPool1d(Module):
    """The mean of each window of (N, C, L) or (C, L): see `refnet.nn.functional.avg_pool1d`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, 1)
        self.stride = _tuple(kernel_size if stride is None else stride, 1)
        self.padding = _tuple(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        return functions.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    _function: ClassVar[Any]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of an image: see `refnet.nn.functional.avg_pool2d`.

    >>> import refnet
    >>> refnet.nn.AvgPool2d(2)(refnet.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    _function = staticmethod(functions.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume: see `refnet.nn.functional.avg_pool3d`."""

    _function = staticmethod(functions.avg_pool3d)


class _AdaptivePool(Module):
    _function: ClassVar[Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means over as many windows as asked for: see `refnet.nn.functional.adaptive_avg_pool1d`."""

    _function = staticmethod(functions.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means over as many windows as asked for: see `refnet.nn.functional.adaptive_avg_pool2d`."""

    _function = staticmethod(functions.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptivePool):
    """Means over as many windows as asked for: see `refnet.nn.functional.adaptive_avg_pool3d`."""

    _function = staticmethod(functions.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over as many windows as asked for: see `refnet.nn.functional.adaptive_max_pool1d`."""

    _function = staticmethod(functions.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over as many windows as asked for: see `refnet.nn.functional.adaptive_max_pool2d`."""

    _function = staticmethod(functions.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over as many windows as asked for: see `refnet.nn.functional.adaptive_max_pool3d`."""

    _function = staticmethod(functions.adaptive_max_pool3d)


class _LPPool(Module):
    _function: ClassVar[Any]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPool):
    """(sum of x^p over each window)^(1/p): see `refnet.nn.functional.lp_pool1d`."""

    _function = staticmethod(functions.lp_pool1d)


class LPPool2d(_LPPool):
    """(sum of x^p over each window)^(1/p): see `refnet.nn.functional.lp_pool2d`."""

    _function = staticmethod(functions.lp_pool2d)


class LPPool3d(_LPPool):
    """(sum of x^p over each window)^(1/p): see `refnet.nn.functional.lp_pool3d`."""

    _function = staticmethod(functions.lp_pool3d)
