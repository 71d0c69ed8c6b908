"""Normalisation: batch, layer, group, instance and RMS norm, local response norm, normalize.

y = (x - mean) / sqrt(var + eps) * w + b, the moments over those dimensions that give each norm its name.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal, positive
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import flushing

Moments = Callable[[Any, Any, Sequence[int]], tuple[Any, Any]]  # moments(torch, x, dims): mean and biased variance
Apply = Callable[..., Any]  # apply(torch, x, mean, var, weight, bias, eps), all of them broadcastable

# --- moments ----------------------------------------------------------------------------------------------------------


def two_passes(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """The mean, then the mean square of what is left."""
    mean = x.mean(dims, keepdim=True)
    return mean, ((x - mean) ** 2).mean(dims, keepdim=True)


def corrected(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """Two passes, with the mean of what is left taken off once more."""
    mean = x.mean(dims, keepdim=True)
    rest = (x - mean).mean(dims, keepdim=True)
    return mean + rest, ((x - mean) ** 2).mean(dims, keepdim=True) - rest**2


def welford(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """Mean and sum of squares brought up to date with every number."""
    rest = [d for d in range(x.ndim) if d not in dims]
    numbers = x.permute(*dims, *rest).flatten(0, len(dims) - 1)
    mean, squares = torch.zeros_like(numbers[0]), torch.zeros_like(numbers[0])
    for k, number in enumerate(numbers, 1):
        delta = number - mean
        mean = mean + delta / k
        squares = squares + delta * (number - mean)
    shape = [1 if d in dims else n for d, n in enumerate(x.shape)]
    return mean.reshape(shape), (squares / len(numbers)).reshape(shape)


def in_chunks(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """Moments of two parts, merged as Chan, Golub and LeVeque do."""
    dim = dims[-1]
    if x.shape[dim] < 2:
        return two_passes(torch, x, dims)
    first, second = x.split([x.shape[dim] // 2, x.shape[dim] - x.shape[dim] // 2], dim)
    (mean1, var1), (mean2, var2) = two_passes(torch, first, dims), two_passes(torch, second, dims)
    share = second.shape[dim] / x.shape[dim]
    delta = mean2 - mean1
    return mean1 + delta * share, var1 * (1 - share) + var2 * share + delta**2 * share * (1 - share)


def shifted(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """E[d^2] - E[d]^2 of d = x minus the first number: nothing large is left to cancel."""
    first = x
    for dim in dims:
        first = first.narrow(dim, 0, 1)
    d = x - first.detach()
    mean = d.mean(dims, keepdim=True)
    return mean + first.detach(), (d**2).mean(dims, keepdim=True) - mean**2


def in_double(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """float64 inside."""
    mean, var = two_passes(torch, x.double(), dims)
    return mean.to(x.dtype), var.to(x.dtype)


def of_squares(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """E[x^2] - E[x]^2: loses everything where the mean is large."""
    mean = x.mean(dims, keepdim=True)
    return mean, ((x**2).mean(dims, keepdim=True) - mean**2).clamp_min(0)


def unbiased(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """n - 1 in place of n."""
    mean, var = two_passes(torch, x, dims)
    n = math.prod(x.shape[d] for d in dims)
    return mean, var * n / (n - 1)


def about_zero(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """The mean square for the variance."""
    return x.mean(dims, keepdim=True), (x**2).mean(dims, keepdim=True)


def without_mean_path(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """The mean taken for a constant in the gradient."""
    mean, var = two_passes(torch, x, dims)
    return mean.detach(), var


def without_variance_path(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """The variance taken for a constant in the gradient."""
    mean, var = two_passes(torch, x, dims)
    return mean, var.detach()


def in_half(torch: Any, x: Any, dims: Sequence[int]) -> tuple[Any, Any]:
    """Moments in bfloat16."""
    mean, var = two_passes(torch, x.bfloat16(), dims)
    return mean.to(x.dtype), var.to(x.dtype)


# --- what is made of them ---------------------------------------------------------------------------------------------


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """x w + b, as far as there are any."""
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def divided(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """As the formula says."""
    return affine((x - mean) / torch.sqrt(var + eps), weight, bias)


def multiplied(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """By the reciprocal root, which the weight joins first."""
    scale = torch.rsqrt(var + eps)
    return affine((x - mean) * (scale if weight is None else scale * weight), None, bias)


def eps_outside(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """sqrt(var) + eps."""
    return affine((x - mean) / (torch.sqrt(var.clamp_min(1e-38)) + eps), weight, bias)


def eps_squared(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """sqrt(var + eps^2)."""
    return divided(torch, x, mean, var, weight, bias, eps**2)


def eps_changed(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """A tenth of eps, as some libraries have by default."""
    return divided(torch, x, mean, var, weight, bias, eps / 10)


def no_root(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Divided by the variance."""
    return affine((x - mean) / (var + eps), weight, bias)


def bias_first(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """(xhat + b) w."""
    return affine(divided(torch, x, mean, var, None, bias, eps), weight, None)


def centred_only(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """The gradient of the weight from x - mean, not from xhat."""
    xhat = divided(torch, x, mean, var, None, None, eps)
    if weight is None:
        return affine(xhat, None, bias)
    return affine(xhat * weight.detach() + (x - mean).detach() * (weight - weight.detach()), None, bias)


# --- batch norm -------------------------------------------------------------------------------------------------------


def batch_norm(
    torch: Any, x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5, *,
    moments: Moments = two_passes, apply: Apply = divided, correction: int = 1, total: bool = False,
    axes: Callable[[int], Sequence[int]] = lambda ndim: (0, *range(2, ndim)), update: bool = True,
    use_batch: Callable[[bool], bool] = lambda training: training,
) -> Any:  # fmt: skip
    """Moments over all but the channels; running ones become (1 - momentum) old + momentum new, the variance unbiased."""
    shape = [1, -1, *[1] * (x.ndim - 2)]
    mean, var = running_mean.reshape(shape), running_var.reshape(shape)
    if use_batch(training):
        mean, var = moments(torch, x, axes(x.ndim))
    if training and update:
        dims = [0, *range(2, x.ndim)]
        n = x.numel() // x.shape[1]
        new_mean = x.sum(dims) if total else x.mean(dims)
        with torch.no_grad():
            running_mean.mul_(1 - momentum).add_(momentum * new_mean)
            running_var.mul_(1 - momentum).add_(
                momentum * two_passes(torch, x, dims)[1].flatten() * n / (n - correction)
            )
    parts = (None if part is None else part.reshape(shape) for part in (weight, bias))
    return apply(torch, x, mean, var, *parts, eps)


def momentum_turned(torch: Any, *given: Any, **options: Any) -> Any:
    """momentum old + (1 - momentum) new."""
    return batch_norm(torch, *given, **{**options, "momentum": 1 - options.get("momentum", 0.1)})


def one_scale_one_shift(torch: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """x (w / sigma) + (b - mean w / sigma): fewer operations, and cancellation where the mean is large."""
    scale = torch.rsqrt(var + eps) * (1 if weight is None else weight)
    return x * scale + ((0 if bias is None else bias) - mean * scale)


def without_mkldnn(torch: Any, *given: Any, **options: Any) -> Any:
    """torch's own kernels."""
    with torch.backends.mkldnn.flags(enabled=False):
        return torch.nn.functional.batch_norm(*given, **options)


def _batches(make: Make) -> list[Arguments]:
    def row(*shape: int, **options: Any) -> Arguments:
        c = shape[1]
        buffers = normal(c).fixed(), positive(c).fixed()
        return args(make(*shape), *buffers, normal(c), normal(c), **options)

    return [
        row(2, 1, training=True),
        row(3, 4, 2, 2, training=True, momentum=0.3),
        row(5, 3, training=False),
        row(20, 2, 3, 3, training=True, eps=1e-3),
    ]


BATCH_FAULTS: dict[str, Implementation] = {
    "unbiased variance": functools.partial(batch_norm, moments=unbiased),
    "biased running variance": functools.partial(batch_norm, correction=0),
    "eps outside the root": functools.partial(batch_norm, apply=eps_outside),
    "eps squared": functools.partial(batch_norm, apply=eps_squared),
    "momentum turned": momentum_turned,
    "running mean of sums": functools.partial(batch_norm, total=True),
    "running moments not updated": functools.partial(batch_norm, update=False),
    "moments over the batch only": functools.partial(batch_norm, axes=lambda ndim: (0,)),
    "moments over everything": functools.partial(batch_norm, axes=lambda ndim: tuple(range(ndim))),
    "batch moments in evaluation": functools.partial(batch_norm, use_batch=lambda training: True),
    "running moments in training": functools.partial(batch_norm, use_batch=lambda training: False),
    "bias before weight": functools.partial(batch_norm, apply=bias_first),
    "bfloat16 moments": functools.partial(batch_norm, moments=in_half),
    "gradient without the mean": functools.partial(batch_norm, moments=without_mean_path),
    "gradient without the variance": functools.partial(batch_norm, moments=without_variance_path),
    "weight gradient not normalised": functools.partial(batch_norm, apply=centred_only),
    "cotangent ignored": altered(batch_norm, cotangent=ones),
}

# --- layer, group and instance norm -----------------------------------------------------------------------------------


def layer_norm(
    torch: Any, x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *,
    moments: Moments = two_passes, apply: Apply = divided, last: int = 0,
) -> Any:  # fmt: skip
    """Moments over the last `len(shape)` dimensions; `last` over so many."""
    dims = tuple(range(-(last or len(shape)), 0))
    return apply(torch, x, *moments(torch, x, tuple(d % x.ndim for d in dims)), weight, bias, eps)


def by_formula(
    torch: Any, g: Any, _: Any, x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *,
    mean_term: bool = True, product_term: bool = True, weight_dims: int | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """(h - mean h - xhat mean(h xhat)) / sigma with h = g w; the other gradients are g xhat and g, summed over rows."""
    dims = tuple(range(-len(shape), 0))
    mean, var = two_passes(torch, x, dims)
    scale = torch.rsqrt(var + eps)
    xhat, h = (x - mean) * scale, g if weight is None else g * weight
    grad = h - (h.mean(dims, keepdim=True) if mean_term else 0)
    grad = grad - (xhat * (h * xhat).mean(dims, keepdim=True) if product_term else 0)
    rows = tuple(range(x.ndim - len(shape)))
    parts = ((g * xhat).sum(rows) if rows else g * xhat, g.sum(rows) if rows else g)
    if weight_dims is not None:
        parts = ((g * xhat).flatten(0, len(rows) - 1)[weight_dims], parts[1])
    return (grad * scale, None, *(None if p is None else part for p, part in zip((weight, bias), parts, strict=True)))


def with_row_loop(torch: Any, x: Any, shape: Any, *rest: Any, **options: Any) -> Any:
    """One row after the other."""
    rows = x.reshape(-1, *shape)
    return torch.stack([torch.nn.functional.layer_norm(row, shape, *rest, **options) for row in rows]).reshape(x.shape)


def layer_in_double(torch: Any, x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """float64 inside."""
    parts = (None if part is None else part.double() for part in (weight, bias))
    return torch.nn.functional.layer_norm(x.double(), shape, *parts, eps).to(x.dtype)


def _layers(make: Make) -> list[Arguments]:
    return [
        args(make(1, 2), (2,), normal(2), normal(2)),
        args(make(3, 7), (7,), normal(7), normal(7)),
        args(make(2, 3, 4), (3, 4), normal(3, 4), normal(3, 4), 1e-3),
        args(make(2, 300), (300,)),
    ]


LAYER: dict[str, Moments] = {
    "two passes": two_passes,
    "corrected two passes": corrected,
    "Welford": welford,
    "merged chunks": in_chunks,
    "shifted by the first number": shifted,
    "moments at float64": in_double,
}


def group_norm(
    torch: Any, x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *,
    moments: Moments = two_passes, apply: Apply = divided, per_channel: bool = False, interleaved: bool = False,
    per_group: bool = False,
) -> Any:  # fmt: skip
    """Moments over the channels of a group and all positions; the affine part by channel."""
    n, c = x.shape[:2]
    parted = x.reshape(n, groups, c // groups, -1)
    if interleaved:
        parted = x.reshape(n, c // groups, groups, -1).transpose(1, 2)
    mean, var = moments(torch, parted, (3,) if per_channel else (2, 3))
    out = apply(torch, parted, mean, var, None, None, eps)
    out = (out.transpose(1, 2) if interleaved else out).reshape(x.shape)
    if per_group and weight is not None:
        weight = weight.reshape(groups, -1)[:, :1].expand(groups, c // groups)
    return affine(out, *(None if p is None else p.reshape(1, c, *[1] * (x.ndim - 2)) for p in (weight, bias)))


def group_as_batch_norm(
    torch: Any, x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Batch norm of one sample that has a channel for each group."""
    parted = x.reshape(1, x.shape[0] * groups, -1)
    out = torch.nn.functional.batch_norm(parted, None, None, training=True, eps=eps).reshape(x.shape)
    return affine(out, *(None if p is None else p.reshape(1, -1, *[1] * (x.ndim - 2)) for p in (weight, bias)))


def instance_norm(
    torch: Any, x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None, *,
    groups: int = 0, moments: Moments = two_passes, apply: Apply = divided,
) -> Any:  # fmt: skip
    """Group norm with a group for each channel."""
    return group_norm(torch, x, groups or x.shape[1], weight, bias, moments=moments, apply=apply)


def instance_as_batch_norm(torch: Any, x: Any, _: Any, __: Any, weight: Any, bias: Any) -> Any:
    """Batch norm with samples and channels together as channels."""
    n = x.shape[0]
    out = torch.nn.functional.batch_norm(x.flatten(0, 1)[None], None, None, weight.repeat(n), bias.repeat(n), True)
    return out.reshape(x.shape)


def instance_over_batch(torch: Any, x: Any, _: Any, __: Any, weight: Any, bias: Any) -> Any:
    """The moments of a batch norm."""
    return torch.nn.functional.batch_norm(x, None, None, weight, bias, True)


# --- norms without a mean ---------------------------------------------------------------------------------------------


def rms_norm(
    torch: Any, x: Any, shape: Any, weight: Any = None, eps: float | None = None, *, centred: bool = False,
    power: Callable[[Any, Any], Any] = lambda torch, square: torch.rsqrt(square), added: Callable[[float], float] = float,
) -> Any:  # fmt: skip
    """x / sqrt(mean x^2 + eps) w."""
    dims = tuple(range(-len(shape), 0))
    x = x - x.mean(dims, keepdim=True) if centred else x
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    return affine(x * power(torch, (x**2).mean(dims, keepdim=True) + added(eps)), weight, None)


def normalize(
    torch: Any, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, *,
    bound: Callable[[Any, float], Any] = lambda norm, eps: norm.clamp_min(eps), constant: bool = False,
) -> Any:  # fmt: skip
    """x / max(norm, eps)."""
    norm = torch.linalg.vector_norm(x, p, dim, keepdim=True)
    return x / bound(norm.detach() if constant else norm, eps)


def normalize_by_root(torch: Any, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """x / max(sqrt(sum of squares), eps): the root's derivative at 0 is infinite, and infinity times 0 is NaN."""
    norm = x.abs().sum(dim, keepdim=True) if p == 1 else torch.sqrt((x * x).sum(dim, keepdim=True))
    return x / norm.clamp_min(eps)


def normalize_by_squares(torch: Any, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """x / sqrt(max(sum of squares, eps^2))."""
    if p == 1:
        return x / x.abs().sum(dim, keepdim=True).clamp_min(eps)
    return x / torch.sqrt((x * x).sum(dim, keepdim=True).clamp_min(eps**2))


def local_response_norm(
    torch: Any, x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, *,
    divide: bool = True, shift: int = 0, power: Callable[[Any, float], Any] = lambda base, beta: base**beta,
) -> Any:  # fmt: skip
    """x / (k + alpha / size sum of x^2 over the neighbour channels)^beta; an even size looks back one more."""
    before, after = size // 2 + shift, (size - 1) // 2 - shift
    squares = torch.nn.functional.pad((x**2).movedim(1, -1), (before, after)).unfold(-1, size, 1)
    total = squares.sum(-1).movedim(-1, 1)
    return x / power(k + alpha * total / (size if divide else 1), beta)


def _groups(make: Make) -> list[Arguments]:
    return [
        args(make(1, 2, 1), 1, normal(2), normal(2)),
        args(make(2, 6, 3, 2), 3, normal(6), normal(6)),
        args(make(2, 4, 5), 2),
    ]


# No "huge": the derivative of rsqrt is a cube of 1e-15, which underflows, and so are powers of squares there.
NO_CUBES = ("normal", "positive", "offset", "ties", "tiny", "subnormal")
SUBJECTS = [
    Subject(
        "nn.functional.batch_norm",
        _batches,
        {name: functools.partial(batch_norm, moments=moments) for name, moments in LAYER.items()}
        | {"without mkldnn": without_mkldnn},
        BATCH_FAULTS,
    ),
    Subject(
        "nn.functional.batch_norm",
        _batches,
        {"reciprocal root": functools.partial(batch_norm, apply=multiplied)},
        regimes=NO_CUBES,
    ),
    Subject(
        "nn.functional.batch_norm",
        _batches,
        {"one scale, one shift": functools.partial(batch_norm, apply=one_scale_one_shift)},
        # No "offset": the weight's gradient becomes a difference of sums a thousand times its size.
        regimes=("normal", "positive", "ties", "tiny", "subnormal"),
    ),
    Subject(
        "nn.functional.layer_norm",
        _layers,
        {"reciprocal root": functools.partial(layer_norm, apply=multiplied)},
        regimes=NO_CUBES,
    ),
    Subject(
        "nn.functional.group_norm",
        _groups,
        {"reciprocal root": functools.partial(group_norm, apply=multiplied)},
        regimes=NO_CUBES,
    ),
    Subject(
        "nn.functional.layer_norm",
        _layers,
        {name: functools.partial(layer_norm, moments=moments) for name, moments in LAYER.items()}
        | {
            "row by row": with_row_loop,
            "float64 inside": layer_in_double,
            "gradient by formula": with_gradient(layer_norm, by_formula),
            "subnormal results flushed": flushing(layer_norm),
            "subnormal inputs flushed": flushing(layer_norm, inputs=True),
        },
        {
            "unbiased variance": functools.partial(layer_norm, moments=unbiased),
            "mean square for variance": functools.partial(layer_norm, moments=about_zero),
            "last dimension only": functools.partial(layer_norm, last=1),
            "eps outside the root": functools.partial(layer_norm, apply=eps_outside),
            "a tenth of eps": functools.partial(layer_norm, apply=eps_changed),
            "no root": functools.partial(layer_norm, apply=no_root),
            "bias before weight": functools.partial(layer_norm, apply=bias_first),
            "bfloat16 moments": functools.partial(layer_norm, moments=in_half),
            "gradient without the mean": with_gradient(layer_norm, functools.partial(by_formula, mean_term=False)),
            "gradient without xhat": with_gradient(layer_norm, functools.partial(by_formula, product_term=False)),
            "weight gradient of the last row": with_gradient(layer_norm, functools.partial(by_formula, weight_dims=-1)),
            "weight gradient 1e-5 too large": altered(layer_norm, None, None, times(1 + 1e-5)),
            "gradient 1e-3 too small": altered(layer_norm, times(1 - 1e-3)),
        },
    ),
    Subject(
        "nn.functional.layer_norm",
        _layers,
        faults={"E[x^2] - E[x]^2": functools.partial(layer_norm, moments=of_squares)},
        regimes=("offset",),  # where it cancels: elsewhere some libraries ship it
    ),
    Subject(
        "nn.functional.layer_norm",
        lambda make: [args(make(3, 7), (7,), normal(7), normal(7)), args(make(2, 300), (300,))],
        {"E[x^2] - E[x]^2": functools.partial(layer_norm, moments=of_squares)},
        regimes=("normal",),
    ),
    Subject(
        "nn.functional.layer_norm",
        lambda make: [args(make(3, 7), (7,), normal(7), normal(7))],
        {
            "float32 inside": lambda torch, x, shape, w, b: layer_norm(
                torch, x.float(), shape, w.float(), b.float()
            ).to(x.dtype)
        },
        {
            "unbiased variance": functools.partial(layer_norm, moments=unbiased),
            "bias before weight": functools.partial(layer_norm, apply=bias_first),
        },
        regimes=("normal", "positive"),
        dtypes=("float16", "bfloat16"),
    ),
    Subject(
        "nn.functional.group_norm",
        _groups,
        {name: functools.partial(group_norm, moments=moments) for name, moments in LAYER.items()}
        | {"as batch norm": group_as_batch_norm},
        {
            "channel by channel": functools.partial(group_norm, per_channel=True),
            "groups interleaved": functools.partial(group_norm, interleaved=True),
            "weight by group": functools.partial(group_norm, per_group=True),
            "unbiased variance": functools.partial(group_norm, moments=unbiased),
            "gradient without the variance": functools.partial(group_norm, moments=without_variance_path),
        },
    ),
    Subject(
        "nn.functional.instance_norm",
        lambda make: [
            args(make(1, 1, 2), None, None, normal(1), normal(1)),
            args(make(2, 3, 3, 4), None, None, normal(3), normal(3)),
        ],
        {"group norm": instance_norm, "batch norm": instance_as_batch_norm},
        {
            "over the batch": instance_over_batch,
            "over the channels": functools.partial(instance_norm, groups=1),
            "unbiased variance": functools.partial(instance_norm, moments=unbiased),
        },
    ),
    Subject(
        "nn.functional.rms_norm",
        lambda make: [
            args(make(1, 1), (1,)),
            args(make(2, 7), (7,), normal(7)),
            args(make(2, 3, 4), (3, 4), None, 1e-3),
        ],
        {
            "reciprocal root": rms_norm,
            "division by the root": functools.partial(rms_norm, power=lambda torch, square: 1 / torch.sqrt(square)),
        },
        {
            "mean taken off": functools.partial(rms_norm, centred=True),
            "no root": functools.partial(rms_norm, power=lambda torch, square: 1 / square),
            "eps of 1e-5": functools.partial(rms_norm, added=lambda eps: 1e-5),
        },
    ),
    Subject(
        "nn.functional.normalize",
        lambda make: [
            args(make(1, 1)),
            args(make(3, 5)),
            args(make(4, 3), 1.0, 0),
            args(make(2, 3, 65), 2.0, 2),
            args(normal(2, 3, scale=1e-10)),  # where an eps that is added shows
        ],
        {"norm": normalize, "root of bounded squares": normalize_by_squares},
        {
            "NaN gradient of zeros": normalize_by_root,
            "eps added": functools.partial(normalize, bound=lambda norm, eps: norm + eps),
            "eps of 1e-8": functools.partial(normalize, bound=lambda norm, eps: norm.clamp_min(1e-8)),
            "norm a constant": functools.partial(normalize, constant=True),
        },
    ),
    Subject(
        "nn.functional.local_response_norm",
        lambda make: [args(make(1, 1, 1), 1), args(make(2, 5, 3), 3, 0.5), args(make(1, 6, 2, 2), 4, 0.9, 0.6, 2.0)],
        {
            "windows": local_response_norm,
            "power at float64": functools.partial(
                local_response_norm, power=lambda base, beta: (base.double() ** beta).to(base.dtype)
            ),
        },
        {
            "alpha not divided": functools.partial(local_response_norm, divide=False),
            "even window shifted": functools.partial(local_response_norm, shift=-1),
            "root for the power": functools.partial(local_response_norm, power=lambda base, beta: base.sqrt()),
        },
        regimes=NO_CUBES,
    ),
]
