"""The loss of sequences without alignment."""

from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host, to_numpy
from refnet._ops import ctc as ctc_ops
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet._ops.pointwise import where
from refnet._tape import TensorBase, wrap
from refnet.nn.functional._reduction import reduced, reduction_of

Array = Any


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the probability that T frames spell the target: see `refnet._ops.ctc` for the recursion.

    log_probs (T, N, C) or (T, C), the result of log_softmax; targets (N, S), padded, or the labels of all samples one
    after the other; lengths (N,), both as tensors of integers or both as sequences of ints. A target that its frames are
    too few for has infinite loss; `zero_infinity` makes loss and gradient 0. The mean is that of the losses divided by
    the lengths of their targets (at least 1).

    >>> import refnet
    >>> log_p = refnet.zeros(2, 1, 3).log_softmax(2)
    >>> refnet.nn.functional.ctc_loss(log_p, refnet.tensor([[1]]), (2,), (1,))  # -log 3/9: "1 1", "- 1", "1 -"
    tensor(1.0986)
    """
    name = "ctc_loss"
    reduction = reduction_of(reduction)
    expect_tensor(log_probs, name, "log_probs")
    expect_tensor(targets, name, "targets", 2)
    expect_one_device(name, log_probs, targets)
    xp = log_probs.device.xp
    frames, wanted = _lengths(input_lengths, target_lengths)
    batched = log_probs.ndim == 3
    log_p = log_probs if batched else log_probs.unsqueeze(1)
    check(log_p.numel() > 0, lambda: f"log_probs tensor must not be empty (got {list(log_probs.shape)})")
    check(
        log_p.ndim == 3,
        lambda: f"Expected 3-dimensional tensor, but got {log_p.ndim}-dimensional tensor for argument #1 'log_probs'",
    )
    check(
        targets.ndim in (1, 2),
        lambda: f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets'",
    )
    check(
        log_p.dtype in (_dtype.float32, _dtype.float64),
        lambda: f"\"ctc_loss_cpu\" not implemented for '{type_name(log_p.dtype)}'",
        NotImplementedError,
    )
    longest, samples, classes = log_p.shape
    check(0 <= blank < classes, lambda: f"blank must be in label range: got {blank} with {classes} classes")
    _check_lengths(frames, "input_lengths", samples)
    _check_lengths(wanted, "target_lengths", samples)
    check(
        frames.max() <= longest,
        lambda: f"Expected input_lengths to have value at most {longest}, but got value {frames.max()}",
    )
    labels = _labels(xp, targets._array, wanted, blank)
    check(
        not on_host(labels) or bool(((labels >= 0) & (labels < classes)).all()),
        lambda: f"targets must be classes 0 to {classes - 1}, but got {labels.min()} to {labels.max()}",
    )
    frames, wanted = xp.asarray(frames), xp.asarray(wanted)
    loss, _ = ctc_ops.ctc(
        log_p, labels=labels, input_lengths=frames, target_lengths=wanted, blank=blank, zero_infinity=zero_infinity
    )
    if zero_infinity:
        loss = where(loss == float("inf"), 0, loss)
    if reduction == "mean":
        loss = loss / wrap(xp.maximum(wanted, 1).astype(log_p._array.dtype), log_p.device)
    return reduced(loss, reduction) if reduction != "none" or batched else loss.squeeze(0)


def _lengths(input_lengths: Any, target_lengths: Any) -> tuple[Array, Array]:
    """Both as arrays of int64 on the host, which has to know them, and waits for those that are on a GPU."""
    given = {"input_lengths": input_lengths, "target_lengths": target_lengths}
    if all(isinstance(value, TensorBase) for value in given.values()):
        for argument, value in given.items():
            check(
                not value.is_floating_point() and value.dtype is not _dtype.bool_,
                lambda argument=argument, value=value: f"{argument} must be integral, got {value.dtype}",  # type: ignore[misc]
            )
    else:
        check(
            all(isinstance(v, list | tuple) and all(isinstance(i, int) for i in v) for v in given.values()),
            lambda: (
                "ctc_loss() received an invalid combination of arguments - input_lengths and target_lengths must be two "
                f"tensors or two tuples of ints, not {type(input_lengths).__name__} and {type(target_lengths).__name__}"
            ),
            TypeError,
        )
    arrays = [
        to_numpy(value._array).reshape(-1) if isinstance(value, TensorBase) else value for value in given.values()
    ]
    return numpy.asarray(arrays[0], "int64"), numpy.asarray(arrays[1], "int64")


def _check_lengths(lengths: Array, argument: str, samples: int) -> None:
    check(
        lengths.size == samples,
        lambda: f"{argument} must be of size batch_size: got {lengths.size} with a batch of {samples}",
    )
    check(
        lengths.min() >= 0,
        lambda: f"Expected {argument} to have value at least 0, but got value {lengths.min()}",
    )


def _labels(xp: Any, targets: Array, lengths: Array, blank: int) -> Array:
    """The targets as (N, S), blank after each one's end."""
    longest = int(lengths.max())
    inside = lengths[:, None] > numpy.arange(longest)
    if targets.ndim == 2:
        check(
            targets.shape[0] == len(lengths),
            lambda: (
                f"Expected tensor to have size {len(lengths)} at dimension 0, but got size {targets.shape[0]} for "
                "argument #2 'targets'"
            ),
        )
        check(
            targets.shape[1] >= longest,
            lambda: (
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for "
                "argument #2 'targets'"
            ),
        )
        listed = targets[:, :longest]
    else:
        check(
            len(targets) == lengths.sum(),
            lambda: (
                f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size {len(targets)} for argument "
                "#2 'targets'"
            ),
        )
        first = lengths.cumsum() - lengths
        places = numpy.where(inside, first[:, None] + numpy.arange(longest), 0)
        listed = targets[xp.asarray(places)] if len(targets) else xp.zeros(inside.shape, "int64")
    return xp.where(xp.asarray(inside), listed, blank).astype("int64", copy=False)  # (N, S)
