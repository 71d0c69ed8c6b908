"""Fractional max pooling in two and three dimensions."""

from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.fractional_pool import fractional_winners, window_starts
from refnet._ops.pool import take_winners
from refnet._tape import TensorBase
from refnet.random.functions import rand

Ints = tuple[int, ...]

_COUNT = {2: "Ints", 3: "three Ints"}
_AXES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _ints(value: Any, n: int, argument: str, position: int, name: str) -> Ints:
    """An int, or n of them."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    check(
        all(isinstance(v, int) for v in values),
        lambda: (
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {type(value).__name__}"
        ),
        TypeError,
    )
    single = not isinstance(value, list | tuple)
    check(
        single or len(values) == n,
        lambda: f"{name}: {argument} must either be a single Int or tuple of {_COUNT[n]}, got {values}",
    )
    return values * n if single else values


def _output_size(input: Any, n: int, size: Any, ratio: Any, name: str) -> Any:
    """What was asked for, or the input's sizes times the ratio, rounded down."""
    check(
        size is not None or ratio is not None,
        lambda: f"{name} requires specifying either an output_size or an output_ratio",
        ValueError,
    )
    if size is not None:
        return size
    if n == 2:
        check(
            hasattr(ratio, "__len__"),
            lambda: f"{name}: object of type '{type(ratio).__name__}' has no len(), output_ratio must be a tuple",
            TypeError,
        )
        check(
            len(ratio) <= 2,
            lambda: f"{name} requires output_ratio to either be a single Int or tuple of Ints.",
            ValueError,
        )
    ratios = tuple(ratio) if hasattr(ratio, "__len__") else (ratio,) * n
    check(
        len(ratios) >= n,
        lambda: f"{name}: tuple index out of range, output_ratio needs {n} numbers, got {ratios}",
        IndexError,
    )
    return tuple(int(input.shape[d - n] * ratios[d]) for d in range(n))


def _check_samples(samples: Any, input: Any, n: int, name: str) -> None:
    expect_tensor(samples, name, "random_samples", 4)
    check(samples.dtype is input.dtype, lambda: "Expect _random_samples to have the same dtype as input")
    check(samples.ndim == 3, lambda: f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    batch = 1 if input.ndim == n + 1 else input.shape[0]
    channels = input.shape[input.ndim - n - 1]
    check(
        samples.shape[0] >= batch,
        lambda: f"Expect _random_samples.size(0) no less then input batch size. (got {samples.shape[0]} and {batch})",
    )
    check(
        samples.shape[1] == channels,
        lambda: f"Expect _random_samples.size(1) equals to input channel size. (got {samples.shape[1]} and {channels})",
    )
    check(
        samples.shape[2] == n,
        lambda: f"Expect _random_samples.size(2) equals to {n}; got {samples.shape[2]}.",
    )


def _fractional_max_pool(
    n: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, return_indices: bool, samples: Any
) -> Any:
    name = f"fractional_max_pool{n}d"
    size = _output_size(input, n, output_size, output_ratio, name)
    if samples is None:
        check(
            isinstance(input, TensorBase),
            lambda: f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}; it has no 'dim'",
            AttributeError,
        )
        check(
            input.ndim > n,
            lambda: (
                f"{name}: Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got "
                f"{-n - 1})"
            ),
            IndexError,
        )
        batch = 1 if input.ndim == n + 1 else input.shape[0]
        samples = rand(batch, input.shape[-n - 1], n, dtype=input.dtype, device=input.device)
    expect_tensor(input, name)
    kernel, places = _ints(kernel_size, n, "kernel_size", 2, name), _ints(size, n, "output_size", 3, name)
    _check_geometry(input, n, kernel, places, name)
    _check_samples(samples, input, n, name)
    xp = input.device.xp
    planes = input.contiguous()._array.reshape(-1, *input.shape[input.ndim - n - 1 :])  # (N, C, *S)
    order = (1, 0) if n == 2 else (0, 1, 2)  # the first sample is the width's in two dimensions
    starts = tuple(
        window_starts(xp, samples._array[: len(planes), :, order[d]], planes.shape[2 + d], kernel[d], places[d])
        for d in range(n)
    )
    index = fractional_winners(xp, planes, starts, kernel)
    out, indices = take_winners(input.contiguous(), index.reshape(*input.shape[: input.ndim - n], *places), n)
    return (out, indices) if return_indices else out


def _check_geometry(input: Any, n: int, kernel: Ints, places: Ints, name: str) -> None:
    check(
        input.ndim in (n + 1, n + 2),
        lambda: f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: {list(input.shape)}",
    )
    for d in range(input.ndim - n - 1, input.ndim):
        check(
            input.shape[d] > 0,
            lambda d=d: (  # type: ignore[misc]
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got{list(input.shape)} "
                f"with dimension {d} being empty."
            ),
        )
    check(
        all(k > 0 for k in kernel),
        lambda: f"{name}(): kernel_size must be greater than zero, but got {kernel}",
    )
    for axis, m, k, size in zip(_AXES[n], places, kernel, input.shape[input.ndim - n :], strict=True):
        fits = m + k - 1 <= size if n == 2 else m + k - 1 < size  # in three dimensions one must be left over
        check(
            fits,
            lambda axis=axis, k=k, size=size: (  # type: ignore[misc]
                f"{name}(): pool {axis} {k} too large relative to input {axis} {size}"
            ),
        )


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The maximum of `kernel_size` windows of (N, C, H, W) or (C, H, W), at random steps that give `output_size` places.

    `output_ratio`, a pair in (0, 1), gives the size as a share of the input's. One uniform number for each plane and
    dimension decides the steps (Graham 2014): `_random_samples` (N, C, 2), width first, or drawn. With `return_indices`
    also the winners' positions in their planes.

    >>> import refnet
    >>> x = refnet.arange(16.0).reshape(1, 4, 4)
    >>> refnet.nn.functional.fractional_max_pool2d(x, 2, output_size=2, _random_samples=refnet.zeros(1, 1, 2))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _fractional_max_pool(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """`fractional_max_pool2d` of volumes (N, C, D, H, W) or (C, D, H, W); samples (N, C, 3) are depth first."""
    return _fractional_max_pool(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
