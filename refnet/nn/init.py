"""Initial values of parameters: every function fills a tensor in place, unrecorded, and returns it.

fan_in and fan_out, for a weight of shape (out, in, *kernel): in x prod(kernel) and out x prod(kernel), the numbers of
terms that go into one output and that one input goes into. Random fills take a `generator`; without one they draw
from the default generator, and for the same seed they give torch's values bit for bit (`orthogonal_`: up to rounding
of the QR factorisation).

References: X. Glorot and Y. Bengio, AISTATS 2010 (xavier); K. He et al., ICCV 2015 (kaiming); A. Saxe et al., ICLR
2014, and F. Mezzadri, Notices of the AMS 54(5), 2007 (orthogonal); J. Martens, ICML 2010 (sparse).
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

from refnet import _tape, creation
from refnet._check import check
from refnet._device import to_numpy
from refnet._inplace import fill
from refnet._ops.pointwise import where
from refnet.random.functions import randperm

Tensor = Any
_Generator = Any

_LINEAR = ("linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)))


def calculate_gain(nonlinearity: str, param: int | float | None = None) -> float:
    """The factor by which weights should be larger so that a nonlinearity keeps the variance of its input.

    | nonlinearity | gain |
    |---|---|
    | linear, conv{1,2,3}d, conv_transpose{1,2,3}d, sigmoid | 1 |
    | tanh | 5/3 |
    | relu | sqrt(2) |
    | leaky_relu with slope `param` (0.01) | sqrt(2 / (1 + param^2)) |
    | selu | 3/4 |

    ValueError for another name, or a slope that is no number.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        check(
            isinstance(slope, int | float) and not isinstance(slope, bool),
            lambda: f"negative_slope {param} not a valid number",
            ValueError,
        )
        return math.sqrt(2.0 / (1 + slope**2))
    check(nonlinearity == "selu", lambda: f"Unsupported nonlinearity {nonlinearity}", ValueError)
    return 3.0 / 4


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform on [a, b)."""
    with _tape.set_grad(False):
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal with the given mean and standard deviation."""
    with _tape.set_grad(False):
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: _Generator = None,
) -> Tensor:
    """Normal with the given mean and standard deviation, conditioned on lying in [a, b].

    By rejection: all elements are drawn again and again, each until it fits. The proposals are normal where more than
    three in ten fit, otherwise uniform on [a, b] and accepted in proportion to the density. A warning where the mean
    lies more than two standard deviations outside [a, b].
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    with _tape.set_grad(False):
        if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
            return _reject_normals(tensor, mean, std, a, b, generator)
        return _reject_uniforms(tensor, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _reject_normals(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: _Generator) -> Tensor:
    low, high = (tensor.new_tensor(bound).item() for bound in (a, b))  # as the dtype rounds them
    result = tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (result < low).logical_or(result > high)
        if not outside.any().item():
            break
        result = where(outside, creation.empty_like(result).normal_(mean, std, generator=generator), result)
    if result is not tensor:
        tensor.copy_(result)
    return tensor


def _reject_uniforms(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: _Generator) -> Tensor:
    mode = max(a, min(mean, b))  # where on [a, b] the density is highest
    log_peak = -0.5 * ((mode - mean) / std) ** 2

    def propose() -> tuple[Tensor, Tensor]:
        proposed = creation.empty_like(tensor).uniform_(a, b, generator=generator)
        log_density = proposed.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(log_peak)
        return proposed, creation.empty_like(tensor).uniform_(generator=generator).log_() > log_density

    result, pending = propose()
    while pending.any().item():
        proposed, rejected = propose()
        result = where(pending, proposed, result)
        pending = pending.logical_and(rejected)
    return tensor.copy_(result)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`."""
    with _tape.set_grad(False):
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0."""
    with _tape.set_grad(False):
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, cut or padded with zeros to the tensor's shape; ValueError unless it has 2 dimensions."""
    check(tensor.ndim == 2, lambda: "Only tensors with 2 dimensions are supported", ValueError)
    with _tape.set_grad(False):
        return tensor.copy_(creation.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Kernels that copy input channel d to output channel d, as far as there are both; in each group of channels.

    The one sits at size // 2 of each kernel dimension. ValueError unless the tensor has 3 to 5 dimensions and its
    first is divisible by `groups`.

    >>> import refnet
    >>> dirac_(refnet.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    check(tensor.ndim in (3, 4, 5), lambda: "Only tensors with 3, 4, or 5 dimensions are supported", ValueError)
    out_channels, in_channels, *kernel = tensor.shape
    check(out_channels % groups == 0, lambda: "dim 0 must be divisible by groups", ValueError)
    per_group = out_channels // groups
    xp = tensor.device.xp
    values = xp.zeros(tensor.shape, tensor.dtype.numpy)
    d = xp.arange(min(per_group, in_channels))
    for group in range(groups):
        values[(group * per_group + d, d, *(size // 2 for size in kernel))] = 1
    with _tape.set_grad(False):
        return fill(tensor, values, "dirac")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    check(
        tensor.ndim >= 2,
        lambda: "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
        ValueError,
    )
    out_channels, in_channels, *kernel = tensor.shape
    return in_channels * math.prod(kernel), out_channels * math.prod(kernel)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    valid_modes = ["fan_in", "fan_out"]
    check(mode in valid_modes, lambda: f"Mode {mode} not supported, please use one of {valid_modes}", ValueError)
    return _calculate_fan_in_and_fan_out(tensor)[valid_modes.index(mode)]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform on [-a, a) with a = gain sqrt(6 / (fan_in + fan_out)). ValueError for fewer than 2 dimensions."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    a = math.sqrt(3.0) * std
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal with std = gain sqrt(2 / (fan_in + fan_out)). ValueError for fewer than 2 dimensions."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: _Generator = None,
) -> Tensor:
    """Uniform on [-bound, bound) with bound = gain sqrt(3 / fan), for the gain of a leaky ReLU of slope a.

    - mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass.
    - nonlinearity: any name that `calculate_gain` takes.

    An empty tensor is left alone, with a warning. ValueError for fewer than 2 dimensions or another mode or name.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: _Generator = None,
) -> Tensor:
    """Normal with std = gain / sqrt(fan); arguments and errors are those of `kaiming_uniform_`."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: _Generator = None) -> Tensor:
    """gain times a uniformly random matrix with orthonormal rows, or columns if it is taller than wide.

    Dimensions after the first count as one. Q of the QR factorisation of a normal matrix, with the columns' signs
    such that R's diagonal is positive. ValueError for fewer than 2 dimensions.
    """
    check(tensor.ndim >= 2, lambda: "Only tensors with 2 or more dimensions are supported", ValueError)
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    cols = tensor.numel() // rows
    with _tape.set_grad(False):
        flattened = tensor.new_empty((rows, cols)).normal_(0, 1, generator=generator)._array
        check(
            flattened.dtype.itemsize >= 4,
            lambda: f"orthogonal_(): the QR factorisation needs float32 or float64, got {tensor.dtype}",
            NotImplementedError,
        )
        xp = tensor.device.xp
        q, r = xp.linalg.qr(flattened.T if rows < cols else flattened)
        q = q * xp.sign(xp.diagonal(r))
        fill(tensor, (q.T if rows < cols else q).reshape(tensor.shape), "orthogonal")
        return tensor.mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: _Generator = None) -> Tensor:
    """Normal with mean 0 and the given std, of which ceil(sparsity x rows) elements of each column become 0.

    The rows to be zeroed come from the default generator whatever `generator` is, as in torch. ValueError unless the
    tensor has 2 dimensions.
    """
    check(tensor.ndim == 2, lambda: "Only tensors with 2 dimensions are supported", ValueError)
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with _tape.set_grad(False):
        tensor.normal_(0, std, generator=generator)
        values = tensor._array.copy()
        for col in range(cols):
            values[to_numpy(randperm(rows)._array)[:zeros], col] = 0
        return fill(tensor, values, "sparse")


# --- torch's names from before the underscore ---------------------------------------------------------------------


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    new_name = function.__name__
    old_name = new_name[:-1]

    @functools.wraps(function)
    def alias(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    alias.__name__ = alias.__qualname__ = old_name
    alias.__doc__ = f"Deprecated name of `{new_name}`."
    return alias


uniform, normal, constant = _deprecated(uniform_), _deprecated(normal_), _deprecated(constant_)
eye = _deprecated(eye_)
dirac, orthogonal, sparse = _deprecated(dirac_), _deprecated(orthogonal_), _deprecated(sparse_)
xavier_uniform, xavier_normal = _deprecated(xavier_uniform_), _deprecated(xavier_normal_)
kaiming_uniform, kaiming_normal = _deprecated(kaiming_uniform_), _deprecated(kaiming_normal_)
