"""Losses that are negative log-likelihoods, or divergences, of a distribution whose parameters a model gives."""

import math
import warnings
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.pointwise import where
from refnet._tape import TensorBase, set_grad
from refnet.creation import full_like
from refnet.nn.functional._arguments import expect_real
from refnet.nn.functional._reduction import reduced, reduction_of


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """y (log y - x), the terms of the Kullback-Leibler divergence, for log-probabilities x and probabilities y.

    With `log_target` the target is log y. The terms are 0 where y = 0. `reduction="batchmean"` divides their sum by the
    size of dimension 0, which is the mean of the divergences of a batch; "mean" divides by the number of all elements.

    >>> import refnet
    >>> refnet.nn.functional.kl_div(refnet.tensor([[-1.0, -2.0]]), refnet.tensor([[0.0, 1.0]]), reduction="batchmean")
    tensor(2.)
    """
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition. 'mean' will be changed to behave the "
            "same as 'batchmean' in the next major release.",
            UserWarning,
            stacklevel=2,
        )
    how = reduction_of("sum" if reduction == "batchmean" else reduction, size_average, reduce)
    expect_tensor(input, "kl_div")
    expect_tensor(target, "kl_div", "target", 2)
    check(
        input.is_floating_point() and target.is_floating_point(),
        lambda: f"kl_div: Integral inputs not supported. (got {input.dtype} and {target.dtype})",
    )
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = where(target == 0, 0, target * target.log()) - target * input
    loss = reduced(loss, how)
    return loss / input.shape[0] if reduction == "batchmean" and input.ndim else loss


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log v + (y - x)^2 / v) / 2: the negative log-likelihood of y under a normal law of mean x and variance v.

    `var`, a tensor or a float, counts as `eps` where it is less, but with the gradient of itself. It has input's shape,
    lacks the last dimension, or has size 1 in one. With `full` the constant log(2 pi) / 2 is added.

    >>> import refnet
    >>> refnet.nn.functional.gaussian_nll_loss(refnet.tensor([1.0]), refnet.tensor([3.0]), refnet.tensor([1.0]))
    tensor(2.)
    """
    name = "gaussian_nll_loss"
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    check(
        isinstance(var, float | TensorBase),
        lambda: f"{name}(): argument 'var' (position 3) must be Tensor or float, not {type(var).__name__}",
        TypeError,
    )
    negative = var < 0 if isinstance(var, float) else bool((var < 0).any())
    check(not negative, lambda: "var has negative entry/entries", ValueError)
    if isinstance(var, float):
        var = full_like(input, 1) * var
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        else:
            differing = [y for x, y in zip(input.shape, var.shape, strict=False) if x != y]
            check(
                input.ndim == var.ndim and sum(differing) == 1,
                lambda: f"var is of incorrect size (input: {list(input.shape)}, var: {list(var.shape)})",
                ValueError,
            )
    check(reduction in ("none", "mean", "sum"), lambda: f"{reduction} is not valid", ValueError)
    var = var.clone()
    with set_grad(False):  # the values only
        var.clamp_(min=eps)
    difference = input - target
    loss = (var.log() + difference * difference / var) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """e^x - y x: the negative log-likelihood of counts y under a Poisson law of rate e^x, less the constant log y!.

    Without `log_input` the rate is x, and the loss x - y log(x + eps). With `full`, Stirling's approximation of log y!,
    y log y - y + log(2 pi y) / 2, is added where y > 1.

    >>> import refnet
    >>> refnet.nn.functional.poisson_nll_loss(refnet.tensor([0.0, 1.0]), refnet.tensor([3.0, 1.0]))
    tensor(1.3591)
    """
    name = "poisson_nll_loss"
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    check(reduction in ("none", "mean", "sum"), lambda: f"{reduction} is not a valid value for reduction", ValueError)
    expect_tensor(input, name)
    expect_tensor(target, name, "target", 2)
    expect_real(eps, name, "eps", 5)
    loss = input.exp() - target * input if log_input else input - target * (input + float(eps)).log()
    if full:
        stirling = target * target.log() - target + (target * (2 * math.pi)).log() * 0.5
        loss = (loss + stirling.masked_fill(target <= 1, 0)).to(loss.dtype)
    return reduced(loss, reduction)
