"""Losses."""

import functools
import math
import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops import loss as loss_ops
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops.pointwise import where
from refnet._ops.softmax import log_softmax
from refnet._tape import wrap
from refnet.nn.functional._arguments import expect_constant, expect_optional_tensor
from refnet.nn.functional._reduction import reduced, reduction_of

Ints = tuple[int, ...]

# --- classification -----------------------------------------------------------------------------------------------


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """l_n = -w[y_n] x[n, y_n]: the negative log-likelihood of class indices y, for log-probabilities x.

    input (N, C), (C,) or (N, C, d1, ...), target int64 of the shape without C, weight (C,). Targets equal to
    `ignore_index` count nothing. The mean is sum_n l_n / sum_n w[y_n]. IndexError for a target that is no class.

    >>> import refnet
    >>> refnet.nn.functional.nll_loss(refnet.tensor([[-1.0, -2.0], [-3.0, -4.0]]), refnet.tensor([0, 1]))
    tensor(2.5000)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _expect_tensors(input, target, weight, "nll_loss_nd")
    _check_classes(input, target, weight, "nll_loss")
    return _nll(loss_ops.picked, input, target, weight, ignore_index, reduction)


def _expect_tensors(input: Any, target: Any, weight: Any, name: str) -> None:
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_optional_tensor(weight, name, "weight", 3)
    expect_one_device(name, input, target, weight)


def _check_classes(input: Any, target: Any, weight: Any, name: str) -> None:
    """Shapes and types of class-index losses."""
    expect_constant(weight, "nll_loss_forward", "weight")
    weights = None if weight is None else (weight._array.shape, weight.dtype)
    _check_shapes(input._array.shape, input.dtype, target._array.shape, target.dtype, weights, name)


@functools.lru_cache(maxsize=1024)
def _check_shapes(
    input: Ints, kind: Any, target: Ints, target_kind: Any, weight: tuple[Ints, Any] | None, name: str
) -> None:
    """The same, in torch's order of complaints; what has passed once passes at once."""
    count = math.prod(target)
    check(len(input) > 0, lambda: f"{name}: Expected 1 or more dimensions (got 0)", ValueError)
    check(
        len(input) != 1 or len(target) != 1 or count == 1,
        lambda: f"For 1D input, 1D target must have size 1, but got target size: {count} ({name})",
        ValueError,
    )
    if len(input) > 1:
        batch = target[0] if target else 0
        check(
            input[0] == batch,
            lambda: f"Expected input batch_size ({input[0]}) to match target batch_size ({batch}). ({name})",
            ValueError,
        )
    check(
        kind.is_floating_point,
        lambda: f"\"nll_loss_out_frame\" not implemented for '{type_name(kind)}' ({name})",
        NotImplementedError,
    )
    classes = input[1] if len(input) > 1 else input[0]
    if len(input) <= 2:
        check(len(target) <= 1, lambda: f"0D or 1D target tensor expected, multi-target not supported ({name})")
    else:
        check(
            len(input) != 4 or len(target) == 3,
            lambda: (
                f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(target)} ({name})"
            ),
        )
        expected = [input[0], *input[2:]]
        check(
            list(target) == expected,
            lambda: (
                f"Expected target size {expected}, got {list(target)}: size mismatch (got input: "
                f"{list(input)} , target: {list(target)}) ({name})"
            ),
        )
    check(
        target_kind in (_dtype.int64, _dtype.uint8),
        lambda: f"expected target dtype to be Long or Byte, but got {type_name(target_kind)} ({name})",
    )
    if weight is not None:
        shape, weight_kind = weight
        check(
            shape == (classes,),
            lambda: (
                f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
                f"shape: {list(shape)} ({name})"
            ),
        )
        check(
            weight_kind is kind,
            lambda: f"expected scalar type {type_name(kind)} but found {type_name(weight_kind)} ({name}: weight)",
        )


def _nll(loss: Any, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """The loss itself, `picked` of log-probabilities or `cross_entropy` of logits: pick, weigh, reduce."""
    xp = input.device.xp
    shape = input._array.shape
    x = input if len(shape) > 1 else input.unsqueeze(0)
    classes = shape[1] if len(shape) > 1 else shape[0]
    index = target._array.reshape(shape[:1] + shape[2:] if len(shape) > 1 else (1,)).astype("int64", copy=False)
    kept = None  # all of them
    if not (on_host(index) and _all_classes(xp, index, classes, ignore_index)):
        kept = index != ignore_index
        index = xp.where(kept, index, 0)
        if on_host(index):
            _expect_classes(index, classes)
    factor = None if weight is None else weight._array[index]
    if factor is not None and kept is not None:
        factor = xp.where(kept, factor, 0)
    divisor = None
    if reduction == "sum":
        divisor = xp.float64(1) if on_host(index) else xp.ones(())
    elif reduction == "mean":
        counted = kept if factor is None else factor
        divisor = xp.float64(index.size) if counted is None else counted.sum(dtype="float64")
    more = {"powers": loss_ops.room(x)} if loss is loss_ops.cross_entropy else {}
    out = loss(x, index=index, kept=kept, factor=factor, divisor=divisor, **more)
    return out.reshape(()) if reduction == "none" and input.ndim == 1 else out


def _expect_classes(index: Any, classes: int) -> None:
    wrong = index[(index < 0) | (index >= classes)]
    if wrong.size:
        raise IndexError(f"Target {int(wrong[0])} is out of bounds.")


def _all_classes(xp: Any, index: Any, classes: int, ignore_index: int) -> bool:
    """Whether every target is a class, and none to be ignored; as numbers without sign, negative ones are large."""
    return not 0 <= ignore_index < classes and (
        index.size == 0 or bool(xp.maximum.reduce(index.view("uint64"), axis=None) < classes)
    )


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-sum_c w_c y_c log softmax(x)_c, for logits x and classes y given as indices or as probabilities.

    input (N, C), (C,) or (N, C, d1, ...). Class indices: see `nll_loss` for shapes, `ignore_index` and the mean.
    Probabilities: target of input's shape and floating; the mean is over N. `label_smoothing` e replaces y by
    (1 - e) y + e / C.

    >>> import refnet
    >>> refnet.nn.functional.cross_entropy(refnet.tensor([[0.0, 0.0]]), refnet.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _expect_tensors(input, target, weight, "cross_entropy_loss")
    e = label_smoothing
    check(e <= 1, lambda: f"label_smoothing must be between 0.0 and 1.0. Got: {e}")
    if input.shape == target.shape:
        check(
            target.is_floating_point(),
            lambda: "Expected floating point type for target with class probabilities, got " + type_name(target.dtype),
        )
        check(ignore_index < 0, lambda: "ignore_index is not supported for floating point target")
        return _cross_entropy_of_probabilities(input, target, weight, reduction, e)
    if e <= 0 and input.ndim and input._array.dtype.char in "fd":
        _check_classes(input, target, weight, "cross_entropy")
        return _nll(loss_ops.cross_entropy, input, target, weight, ignore_index, reduction)
    log_p = _log_probabilities(input, 0 if input.ndim == 1 else 1)
    _check_classes(input, target, weight, "cross_entropy")
    loss = _nll(loss_ops.picked, log_p, target, weight, ignore_index, reduction)
    if e <= 0:
        return loss
    return (1 - e) * loss + (e / log_p.shape[0 if input.ndim == 1 else 1]) * _smooth(
        log_p, target, weight, ignore_index, reduction
    )


def _log_probabilities(input: Any, dim: int) -> Any:
    """log softmax(x); of half types by way of float32, for a gradient g - p sum g that is rounded once."""
    if input.itemsize == 2 and input.is_floating_point():
        return log_softmax(input, dim, _dtype.float32).to(input.dtype)
    return log_softmax(input, dim)


def _smooth(log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """The loss of the uniform part of smoothed labels: -sum_c w_c log p_c, for targets that are not ignored."""
    dim = 0 if log_p.ndim == 1 else 1
    weighted = log_p if weight is None else log_p * weight.reshape(-1, *(1,) * (log_p.ndim - dim - 1))
    kept = target != ignore_index
    kept = kept.reshape(()) if log_p.ndim == 1 else kept
    loss = where(kept, -weighted.sum(dim), 0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if weight is None:
        return loss.sum() / kept.sum().to(log_p.dtype)
    index = wrap(log_p.device.xp.where(kept._array, target._array, 0), log_p.device)
    return loss.sum() / where(kept, weight[index], 0).sum()


def _cross_entropy_of_probabilities(input: Any, target: Any, weight: Any, reduction: str, e: float) -> Any:
    dim = 0 if input.ndim == 1 else 1
    check(input.ndim > 0, lambda: f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    classes = input.shape[dim]
    check(
        weight is None or weight.shape == (classes,),
        lambda: (
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        ),
    )
    if e > 0:
        target = target * (1 - e) + e / classes
    log_p = _log_probabilities(input, dim)
    terms = log_p * target
    if weight is not None:
        terms = terms * weight.reshape(-1, *(1,) * (input.ndim - dim - 1))
    if reduction == "none":
        return -terms.sum(dim)
    if reduction == "sum":
        return -terms.sum()
    count = input.numel() // max(classes, 1)  # rows; 1 for an unbatched input
    return (
        -terms.sum() / count
        if count
        else -terms.sum() / wrap(input.device.xp.zeros((), input._array.dtype), input.device)
    )


# --- regression ---------------------------------------------------------------------------------------------------


def _pair(input: Any, target: Any, name: str) -> tuple[Any, Any]:
    """Both operands broadcast, with torch's warning where their shapes differ."""
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )
    return input, target


def _weighted(loss: Any, weight: Any, input: Any, reduction: str) -> Any:
    """The reduction; with weights, the weighted mean sum w l / sum w."""
    if weight is None:
        return reduced(loss, reduction)
    check(weight.shape == input.shape, lambda: "Weights and input must have the same size.", ValueError)
    if reduction == "mean":
        return (loss * weight).sum() / weight.sum()
    return reduced(loss * weight, reduction)


def _reduction_with(weight: Any, reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction; with a weight the deprecated name of the mean is refused, as torch does."""
    check(
        weight is None or reduction != "elementwise_mean" or size_average is not None or reduce is not None,
        lambda: f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.",
        ValueError,
    )
    return reduction_of(reduction, size_average, reduce)


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """(x - y)^2, elementwise, summed, or its mean; with `weight` the weighted mean.

    >>> import refnet
    >>> refnet.nn.functional.mse_loss(refnet.tensor([1.0, 2.0]), refnet.tensor([0.0, 4.0]))
    tensor(2.5000)
    """
    reduction = _reduction_with(weight, reduction, size_average, reduce)
    x, y = _pair(input, target, "mse_loss")
    _floating(x, y, "mse_cpu")
    return _weighted((x - y).square(), weight, input, reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """|x - y|, elementwise, summed, or its mean; with `weight` the weighted mean.

    >>> import refnet
    >>> refnet.nn.functional.l1_loss(refnet.tensor([1.0, 2.0]), refnet.tensor([0.0, 4.0]))
    tensor(1.5000)
    """
    reduction = _reduction_with(weight, reduction, size_average, reduce)
    x, y = _pair(input, target, "l1_loss")
    return _weighted((x - y).abs(), weight, input, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """d^2 / (2 beta) where d = |x - y| < beta, else d - beta / 2 (Girshick 2015)."""
    reduction = reduction_of(reduction, size_average, reduce)
    check(not beta < 0, lambda: f"smooth_l1_loss does not support negative values for beta. Got: {beta}")
    x, y = _pair(input, target, "smooth_l1_loss")
    if beta == 0:
        return reduced((x - y).abs(), reduction)
    _floating(x, y, "smooth_l1_cpu")
    return reduced(loss_ops.smooth_l1(x, y, beta=beta), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """d^2 / 2 where d = |x - y| <= delta, else delta (d - delta / 2) (Huber 1964). The result has input's type."""
    reduction = _reduction_with(weight, reduction)
    check(delta > 0, lambda: f"huber_loss does not support non-positive values for delta. Got: {delta}")
    x, y = _pair(input, target, "huber_loss")
    _floating(x, y, "huber_cpu")
    check(
        x.is_floating_point(),
        lambda: f"result type {type_name(y.dtype)} can't be cast to the desired output type {type_name(x.dtype)}",
    )
    loss = loss_ops.huber(x, y, delta=delta).to(x.dtype)
    if weight is not None:  # the mean is over all elements, not a weighted one as in mse_loss and l1_loss
        check(weight.shape == input.shape, lambda: "Weights and input must have the same size.", ValueError)
        loss = loss * weight
    return reduced(loss, reduction)


def _floating(x: Any, y: Any, name: str) -> None:
    check(
        x.is_floating_point() or y.is_floating_point(),
        lambda: f"\"{name}\" not implemented for '{type_name(x.dtype)}'",
        NotImplementedError,
    )


# --- binary cross-entropy -----------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """-w (y log p + (1 - y) log(1 - p)) for probabilities p, with the logarithms limited to -100 from below.

    RuntimeError for p or y outside [0, 1]. The gradient (p - y) / max(p (1 - p), 1e-12) stays finite at 0 and 1.

    >>> import refnet
    >>> refnet.nn.functional.binary_cross_entropy(refnet.tensor([0.5, 1.0]), refnet.tensor([1.0, 0.0]))
    tensor(50.3466)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input, "binary_cross_entropy")
    expect_tensor(target, "binary_cross_entropy", "target", 2)
    check(
        input.shape == target.shape,
        lambda: (
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        ),
        ValueError,
    )
    expect_optional_tensor(weight, "binary_cross_entropy", "weight", 3)
    expect_constant(weight, "binary_cross_entropy", "weight")
    check(
        weight is None or _broadcasts(weight.shape, target.shape),
        lambda: (
            f"Attempting to broadcast a dimension of the weight, of shape {list(weight.shape)}; but expected shape should "
            f"be broadcastable to {list(target.shape)}"
        ),
    )
    check(
        target.dtype is input.dtype,
        lambda: f"Found dtype {type_name(target.dtype)} but expected {type_name(input.dtype)}",
    )
    check(
        input.is_floating_point(),
        lambda: f"\"binary_cross_entropy\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    for name, value in (("input", input), ("target", target)):
        check(
            not on_host(value._array) or bool(((value._array >= 0) & (value._array <= 1)).all()),
            lambda name=name: f"all elements of {name} should be between 0 and 1",  # type: ignore[misc]
        )
    loss = loss_ops.binary_cross_entropy(input, target)
    if weight is not None:
        loss = _times(loss, weight)
    return reduced(loss, reduction)


def _broadcasts(a: Any, b: Any) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(a), reversed(b), strict=False))


def _times(loss: Any, weight: Any) -> Any:
    """loss weight in the shape and type of the loss, which weight must broadcast to."""
    product = loss * weight
    check(
        product.shape == loss.shape,
        lambda: f"output with shape {list(loss.shape)} doesn't match the broadcast shape {list(product.shape)}",
    )
    return product.to(loss.dtype)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """-w (q y log s(x) + (1 - y) log(1 - s(x))) for logits x, s the sigmoid and q = `pos_weight`, without overflow.

    The result has target's type. Neither weight has a gradient.

    >>> import refnet
    >>> refnet.nn.functional.binary_cross_entropy_with_logits(refnet.tensor([0.0]), refnet.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    name = "binary_cross_entropy_with_logits"
    _expect_tensors(input, target, weight, name)
    expect_optional_tensor(pos_weight, name, "pos_weight", 4)
    check(
        target.shape == input.shape,
        lambda: f"Target size ({target.shape}) must be the same as input size ({input.shape})",
        ValueError,
    )
    expect_constant(weight, name, "weight")
    expect_constant(pos_weight, name, "pos_weight")
    check(
        input.is_floating_point(),
        lambda: f"\"log_sigmoid_cpu\" not implemented for '{type_name(input.dtype)}' ({name})",
        NotImplementedError,
    )
    check(
        target.is_floating_point(),
        lambda: (
            f"result type {type_name(input.dtype)} can't be cast to the desired output type {type_name(target.dtype)}"
        ),
    )
    loss = loss_ops.binary_cross_entropy_with_logits(input, target, 1.0 if pos_weight is None else pos_weight)
    check(
        loss.shape == input.shape,
        lambda: f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(loss.shape)}",
    )
    loss = loss.to(target.dtype)
    return reduced(loss if weight is None else _times(loss, weight), reduction)
