"""Classification by margins: the score of a right class should exceed those of the wrong ones (Crammer, Singer 2001)."""

from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._device import on_host
from refnet._ops import margin as margin_ops
from refnet._ops._args import expect_one_device, expect_tensor, type_name
from refnet.nn.functional._arguments import expect_constant, expect_floating, expect_optional_tensor
from refnet.nn.functional._reduction import reduced, reduction_of
from refnet.nn.functional.activation import logsigmoid


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """l_n = sum over c != y_n of w[y_n] max(0, margin - x[n, y_n] + x[n, c])^p / C, with p 1 or 2.

    input (N, C) or (C,), class indices y (N) or a single one, weight (C,).

    >>> import refnet
    >>> refnet.nn.functional.multi_margin_loss(refnet.tensor([[0.5, 0.0, 1.0]]), refnet.tensor([0]))
    tensor(0.6667)
    """
    name = "multi_margin_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    check(p in (1, 2), lambda: "only p == 1 and p == 2 supported", ValueError)
    expect_optional_tensor(weight, name, "weight", 5)
    check(weight is None or weight.ndim == 1, lambda: "weight must be one-dimensional", ValueError)
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_one_device(name, input, target)
    expect_constant(weight, name, "weight")
    _check_scores(input)
    rows, classes = _rows_of(input)
    check(
        weight is None or weight.shape == (classes,),
        lambda: f"inconsistent weight size, expected {classes} but got {list(weight.shape)}",
    )
    check(
        target.ndim <= 1 and target.numel() == rows,
        lambda: (
            f"{name}: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected "
            f"target size [{rows}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        ),
    )
    expect_floating(input, name, "multi_margin_loss_cpu_kernel")
    _check_kernel(input, target, "multi_margin_loss_cpu_kernel")
    check(
        weight is None or weight.dtype is input.dtype,
        lambda: f"expected scalar type {type_name(input.dtype)} but found {type_name(weight.dtype)} ({name}: weight)",
    )
    right = target._array.reshape(rows)
    check(
        not on_host(right) or bool(((right >= 0) & (right < classes)).all()),
        lambda: f"target out of range: {right.min()} to {right.max()}, with {classes} classes",
    )
    factor = None if weight is None else weight._array[right]
    loss = margin_ops.multi_margin(input.reshape(rows, classes), right=right, factor=factor, margin=float(margin), p=p)
    return reduced(loss.reshape(target.shape) if reduction == "none" else loss, _of_rows(reduction, rows))


def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """l_n = sum over right classes y and wrong classes c of max(0, 1 - x[n, y] + x[n, c]) / C.

    input (N, C) or (C,). A row of target, of input's shape, lists the indices of right classes, closed by -1 unless all
    places are taken.

    >>> import refnet
    >>> x = refnet.tensor([0.5, 0.0, 1.0])
    >>> refnet.nn.functional.multilabel_margin_loss(x, refnet.tensor([2, 0, -1]))
    tensor(0.1667)
    """
    name = "multilabel_margin_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_one_device(name, input, target)
    _check_scores(input)
    rows, classes = _rows_of(input)
    check(
        target.ndim <= 2 and _rows_of(target) == (rows, classes),
        lambda: f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}",
    )
    _check_kernel(input, target, "multilabel_margin_loss_forward_out_frame")
    labels = target._array.reshape(rows, classes)
    check(
        not on_host(labels) or bool(((labels >= -1) & (labels < classes)).all()),
        lambda: f"argument #2 'target' is out of range: {labels.min()} to {labels.max()}, with {classes} classes",
    )
    loss = margin_ops.multilabel_margin(input.reshape(rows, classes), labels=labels)
    return reduced(loss.reshape(()) if input.ndim < 2 else loss, _of_rows(reduction, rows))


def _rows_of(x: Any) -> tuple[int, int]:
    """The sizes N and C of a tensor (N, C), (C,) or ()."""
    return (1, x.numel()) if x.ndim < 2 else (x.shape[0], x.shape[1])


def _check_scores(input: Any) -> None:
    check(
        input.ndim <= 2 and (input.ndim == 0 or input.shape[-1] > 0),
        lambda: f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}",
    )


def _check_kernel(input: Any, target: Any, kernel: str) -> None:
    check(
        input.dtype in (_dtype.float32, _dtype.float64),
        lambda: f"\"{kernel}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )
    check(
        target.dtype is _dtype.int64, lambda: f"expected scalar type Long but found {type_name(target.dtype)} (target)"
    )


def _of_rows(reduction: str, rows: int) -> str:
    """The reduction of so many losses: without any, the mean is 0 as the sum is."""
    return "sum" if reduction == "mean" and not rows else reduction


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """-w (y log s(x) + (1 - y) log s(-x)), its mean over the last dimension C, s the sigmoid.

    Shapes: input and target (*, C), the loss (*).

    >>> import refnet
    >>> refnet.nn.functional.multilabel_soft_margin_loss(refnet.zeros(1, 3), refnet.tensor([[1.0, 0.0, 1.0]]))
    tensor(0.6931)
    """
    name = "multilabel_soft_margin_loss"
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_one_device(name, input, target)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    check(input.ndim > 0, lambda: f"Dimension specified as -1 but tensor has no dimensions ({name})", IndexError)
    loss = loss.sum(input.ndim - 1) / input.shape[-1]
    check(reduction in ("none", "mean", "sum"), lambda: f"{reduction} is not valid", ValueError)
    return reduced(loss, reduction)


def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """log(1 + exp(-y x)) for scores x and targets y of 1 or -1, which have no gradient.

    As in torch the loss is infinite, and its gradient nan, where exp(-y x) overflows.

    >>> import refnet
    >>> refnet.nn.functional.soft_margin_loss(refnet.tensor([0.0]), refnet.tensor([1.0]))
    tensor(0.6931)
    """
    name = "soft_margin_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_one_device(name, input, target)
    expect_constant(target, name, "target")
    check(
        input.is_floating_point(),
        lambda: f"result type Float can't be cast to the desired output type {type_name(input.dtype)}",
    )
    exponent = -target.to(input.dtype) * input
    loss = margin_ops.soft_hinge(exponent, exponent.detach().exp())
    check(
        loss.shape == input.shape,
        lambda: f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(loss.shape)}",
    )
    return reduced(loss, reduction)
