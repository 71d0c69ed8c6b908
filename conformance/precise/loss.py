"""Losses: a loss and a weight for each position, then nothing, the sum, or the sum over the sum of weights."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from conformance.precise import elementary as e
from conformance.precise.blocks import Blocks, NoFormError, Operand, numbered, operation
from conformance.precise.jet import Jet, exactly, jet, mp, total
from conformance.precise.pointwise import absolute
from conformance.precise.reduction import log_softmax_of

ZERO, ONE = Jet(mp.zero), Jet(mp.one)
Position = Callable[..., tuple[Jet, Jet]]  # the loss of one position, and what it counts in the mean


def _collected(position: Position, operands: Sequence[Operand], reduction: str) -> Blocks:
    """`operands` have places (grid ..., reads of one position)."""
    grid = operands[0].shape[:-1]
    if reduction == "none":
        return Blocks(tuple(operands), numbered(grid)[..., None], lambda *read: [position(*read)[0]])
    if reduction not in ("sum", "mean"):
        raise NoFormError(f"the reduction {reduction!r}")
    sizes = [operand.shape[-1] for operand in operands]
    flat = tuple(operand.with_places(operand.places.reshape(-1)) for operand in operands)

    def formula(*read: Sequence[Jet]) -> list[Jet]:
        count = int(numpy.prod(grid))
        pairs = [
            position(*(part[i * size : (i + 1) * size] for part, size in zip(read, sizes, strict=True)))
            for i in range(count)
        ]
        loss = total(pair[0] for pair in pairs)
        return [loss if reduction == "sum" else loss / total(pair[1] for pair in pairs)]

    return Blocks(flat, numpy.arange(1), formula)


def _refuse_legacy(size_average: Any, reduce: Any) -> None:
    """The arguments that `reduction` replaced."""
    if size_average is not None or reduce is not None:
        raise NoFormError("size_average and reduce")


# --- of numbers -----------------------------------------------------------------------------------------------------


def _elementwise(formula: Callable[[Jet, Jet], Jet], x: Operand, y: Operand, reduction: str, weight: Any) -> Blocks:
    """The loss of each pair of elements; a weight multiplies it, and counts in the mean."""
    operands = [x, y] if weight is None else [x, y, weight]
    shape = numpy.broadcast_shapes(*(operand.shape for operand in operands))
    spread = [operand.with_places(numpy.broadcast_to(operand.places, shape)[..., None]) for operand in operands]

    def position(a: Sequence[Jet], b: Sequence[Jet], *w: Sequence[Jet]) -> tuple[Jet, Jet]:
        factor = w[0][0] if w else ONE
        return formula(a[0], b[0]) * factor, factor

    return _collected(position, spread, reduction)


@operation("mse_loss")
def mse_loss(
    input: Operand,
    target: Operand,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Blocks:
    """(x - y)^2."""
    _refuse_legacy(size_average, reduce)
    return _elementwise(lambda x, y: (x - y) * (x - y), input, target, reduction, weight)


@operation("l1_loss")
def l1_loss(
    input: Operand,
    target: Operand,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Blocks:
    """|x - y|."""
    _refuse_legacy(size_average, reduce)
    return _elementwise(lambda x, y: absolute(x - y), input, target, reduction, weight)


def _huber(x: Jet, y: Jet, delta: Any, scale: Any) -> Jet:
    """scale d^2 / 2 within delta, else scale delta (|d| - delta / 2)."""
    gap = x - y
    loss = gap * gap / 2 if abs(gap.x) < delta else (absolute(gap) - delta / 2) * jet(delta)
    return loss * jet(scale)


@operation("huber_loss")
def huber_loss(
    input: Operand, target: Operand, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Blocks:
    """d^2 / 2 within delta, then straight."""
    edge = exactly(float(delta))
    return _elementwise(lambda x, y: _huber(x, y, edge, 1), input, target, reduction, weight)


@operation("smooth_l1_loss")
def smooth_l1_loss(
    input: Operand,
    target: Operand,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Blocks:
    """d^2 / (2 beta) within beta, then |d| - beta / 2."""
    _refuse_legacy(size_average, reduce)
    edge = exactly(float(beta))
    if not edge:
        return l1_loss(input, target, reduction=reduction)
    return _elementwise(lambda x, y: _huber(x, y, edge, 1 / edge), input, target, reduction, None)


def _unweighted_mean(
    formula: Callable[..., Jet], operands: Sequence[Operand], shape: tuple[int, ...], reduction: str
) -> Blocks:
    """As `_elementwise`, where the mean is over the number of elements whatever the weight is."""
    spread = [operand.with_places(numpy.broadcast_to(operand.places, shape)[..., None]) for operand in operands]
    return _collected(lambda *read: (formula(*(part[0] for part in read)), ONE), spread, reduction)


@operation("binary_cross_entropy")
def binary_cross_entropy(
    input: Operand,
    target: Operand,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Blocks:
    """-w (y log x + (1 - y) log(1 - x)), each logarithm at least -100."""
    _refuse_legacy(size_average, reduce)

    def held(value: Jet) -> Jet:
        if value.x == 0:
            raise ValueError("torch's logarithm of 0 is -100")
        found = e.log(value)
        return found if found.x >= -100 else Jet(mp.mpf(-100))

    def formula(x: Jet, y: Jet, w: Jet = ONE) -> Jet:
        return -w * (y * held(x) + (1 - y) * held(1 - x))

    operands = [input, target] if weight is None else [input, target, weight]
    return _unweighted_mean(formula, operands, input.shape, reduction)


@operation("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Blocks:
    """-w (p y log sigma(x) + (1 - y) log sigma(-x)), p the weight of positives."""
    _refuse_legacy(size_average, reduce)
    extra = [operand for operand in (weight, pos_weight) if operand is not None]

    def formula(x: Jet, y: Jet, *factors: Jet) -> Jet:
        rest = list(factors)
        w = rest.pop(0) if weight is not None else ONE
        p = rest.pop(0) if pos_weight is not None else ONE
        return w * (p * y * e.softplus(-x) + (1 - y) * e.softplus(x))

    return _unweighted_mean(formula, [input, target, *extra], input.shape, reduction)


# --- of classes -----------------------------------------------------------------------------------------------------


def _by_position(x: Operand) -> Operand:
    """The classes, dimension 1 (0 without a batch), at the end: (positions ..., C)."""
    return x.with_places(numpy.moveaxis(x.places, 1 if x.places.ndim > 1 else 0, -1))


def _of_classes(
    log_probabilities: Callable[[Sequence[Jet]], Sequence[Jet]],
    input: Operand,
    target: Operand,
    weight: Any,
    ignore_index: int,
    reduction: str,
    smoothing: float = 0.0,
) -> Blocks:
    """-(1 - s) w_y log p_y - s / C sum_c w_c log p_c, where y is the class; it counts w_y, nothing where ignored."""
    x = _by_position(input)
    count = x.shape[-1]
    share = exactly(float(smoothing))
    operands = [x, target.with_places(target.places[..., None])]
    if weight is not None:
        operands.append(weight.with_places(numpy.broadcast_to(weight.places, x.shape)))

    def position(scores: Sequence[Jet], label: Sequence[Jet], *weights: Sequence[Jet]) -> tuple[Jet, Jet]:
        y = int(label[0].x)
        if y == ignore_index:
            return ZERO, ZERO
        w = list(weights[0]) if weights else [ONE] * count
        logs = log_probabilities(scores)
        loss = -(1 - share) * (w[y] * logs[y])
        if share:
            loss = loss - share / count * total(a * b for a, b in zip(w, logs, strict=True))
        return loss, w[y]

    return _collected(position, operands, reduction)


@operation("nll_loss")
def nll_loss(
    input: Operand,
    target: Operand,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Blocks:
    """-w_y x_y, where y is the class."""
    _refuse_legacy(size_average, reduce)
    return _of_classes(lambda x: x, input, target, weight, ignore_index, reduction)


@operation("cross_entropy")
def cross_entropy(
    input: Operand,
    target: Operand,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Blocks:
    """nll_loss of log_softmax; or of probabilities q: -sum_c w_c ((1 - s) q_c + s / C) log p_c, counting one each."""
    _refuse_legacy(size_average, reduce)
    if target.whole:
        return _of_classes(log_softmax_of, input, target, weight, ignore_index, reduction, label_smoothing)
    x, q = _by_position(input), _by_position(target)
    count, share = x.shape[-1], exactly(float(label_smoothing))
    operands = [x, q] if weight is None else [x, q, weight.with_places(numpy.broadcast_to(weight.places, x.shape))]

    def position(scores: Sequence[Jet], shares: Sequence[Jet], *weights: Sequence[Jet]) -> tuple[Jet, Jet]:
        w = list(weights[0]) if weights else [ONE] * count
        wanted = [(1 - share) * value + share / count for value in shares]
        logs = log_softmax_of(scores)
        return -total(a * b * c for a, b, c in zip(w, wanted, logs, strict=True)), ONE

    return _collected(position, operands, reduction)


@operation("kl_div")
def kl_div(
    input: Operand,
    target: Operand,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Blocks:
    """y (log y - x), or e^y (y - x) where the target is a logarithm."""
    _refuse_legacy(size_average, reduce)

    def formula(x: Jet, y: Jet) -> Jet:
        if log_target:
            return e.exp(y) * (y - x)
        return ZERO if y.x == 0 and y.constant else y * (e.log(y) - x)

    shape = numpy.broadcast_shapes(input.shape, target.shape)
    return _unweighted_mean(formula, [input, target], shape, reduction)
