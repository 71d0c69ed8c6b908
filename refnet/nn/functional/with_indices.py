"""Max pools that always give the winners' positions too, under the names torch has for them."""

from collections.abc import Callable
from typing import Any

from refnet.nn.functional import fractional, pooling


def _sliding(pool: Callable[..., Any], dims: int) -> Callable[..., Any]:
    def function(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    return _named(function, f"max_pool{dims}d")


def _adaptive(pool: Callable[..., Any], dims: int) -> Callable[..., Any]:
    def function(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        return pool(input, output_size, True)

    return _named(function, f"adaptive_max_pool{dims}d")


def _fractional(pool: Callable[..., Any], dims: int) -> Callable[..., Any]:
    def function(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        return pool(input, kernel_size, output_size, output_ratio, True, _random_samples)

    return _named(function, f"fractional_max_pool{dims}d")


def _named(function: Callable[..., Any], pool: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = f"{pool}_with_indices"
    function.__doc__ = f"`{pool}` and the winners' positions in their planes, whatever `return_indices` says."
    return function


max_pool1d_with_indices = _sliding(pooling.max_pool1d, 1)
max_pool2d_with_indices = _sliding(pooling.max_pool2d, 2)
max_pool3d_with_indices = _sliding(pooling.max_pool3d, 3)
adaptive_max_pool1d_with_indices = _adaptive(pooling.adaptive_max_pool1d, 1)
adaptive_max_pool2d_with_indices = _adaptive(pooling.adaptive_max_pool2d, 2)
adaptive_max_pool3d_with_indices = _adaptive(pooling.adaptive_max_pool3d, 3)
fractional_max_pool2d_with_indices = _fractional(fractional.fractional_max_pool2d, 2)
fractional_max_pool3d_with_indices = _fractional(fractional.fractional_max_pool3d, 3)
