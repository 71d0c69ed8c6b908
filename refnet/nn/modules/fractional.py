"""Fractional max pooling layers."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.nn.functional.fractional import fractional_max_pool2d, fractional_max_pool3d
from refnet.nn.modules.module import Module


class _FractionalMaxPool(Module):
    """Windows at random steps, in as many dimensions as the class says; `_random_samples` is a buffer."""

    _dims: ClassVar[int]
    _function: ClassVar[Any]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        self.kernel_size = self._each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        check(
            output_size is not None or output_ratio is not None,
            lambda: f"{type(self).__name__} requires specifying either an output size, or a pooling ratio",
            ValueError,
        )
        check(
            output_size is None or output_ratio is None,
            lambda: "only one of output_size and output_ratio may be specified",
            ValueError,
        )
        check(
            self.output_ratio is None or all(0 < ratio < 1 for ratio in self.output_ratio),
            lambda: f"output_ratio must be between 0 and 1 (got {output_ratio})",
            ValueError,
        )

    def _each(self, value: Any) -> tuple[Any, ...]:
        return tuple(value) if isinstance(value, list | tuple) else (value,) * self._dims

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Fractional max pooling of images: see `refnet.nn.functional.fractional_max_pool2d`.

    >>> import refnet
    >>> refnet.nn.FractionalMaxPool2d(2, output_ratio=0.5)(refnet.zeros(1, 1, 8, 6)).shape
    refnet.Size([1, 1, 4, 3])
    """

    _dims = 2
    _function = staticmethod(fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Fractional max pooling of volumes: see `refnet.nn.functional.fractional_max_pool3d`."""

    _dims = 3
    _function = staticmethod(fractional_max_pool3d)
