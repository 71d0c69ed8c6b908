"""Muon: momentum, with all singular values of the step made alike (Jordan et al. 2024)."""

import math
from typing import Any, ClassVar

import numpy

from refnet import _dtype
from refnet._check import check
from refnet.creation import zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_lr_size, written

MOST_STEPS = 100


class Muon(PerParameter):
    """Momentum orthogonalized by Newton-Schulz, for matrices; other parameters want another optimizer.

    At step t, with a parameter theta of shape (n, m) and the gradient g_t of the loss at theta::

        b     <- momentum b + (1 - momentum) g_t
        u      = (1 - momentum) g_t + momentum b if nesterov else b
        theta <- (1 - lr weight_decay) theta
        theta <- theta - lr scale O(u)

    O(u), computed in bfloat16, starts from X = u / max(|u|, eps) (transposed if n > m), and is what `ns_steps` steps of
    X <- a X + (b A + c A^2) X, with A = X X^T and (a, b, c) = ns_coefficients, make of it: for u = U S V^T about U V^T.

    - adjust_lr_fn: scale is sqrt(max(1, n / m)) for None and "original", 0.2 sqrt(max(n, m)) for "match_rms_adamw",
      which gives steps of the size of AdamW's.

    Raises ValueError for options out of range and for parameters that are no matrices.

    >>> import refnet
    >>> w = refnet.zeros(2, 2, requires_grad=True)
    >>> optimizer = Muon([w], lr=1.0)
    >>> (w * refnet.tensor([[3.0, 0.0], [0.0, -1.0]])).sum().backward()
    >>> optimizer.step()
    >>> (w[0, 0].item() < -0.5, w[1, 1].item() > 0.5, w[0, 1].item())
    (True, True, 0.0)
    """

    _counters: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr_size(lr)
        check(lr >= 0.0, lambda: f"Learning rate should be >= 0 but is: {lr}", ValueError)
        check(momentum >= 0.0, lambda: f"momentum should be >= 0 but is: {momentum}", ValueError)
        check(weight_decay >= 0.0, lambda: f"weight decay should be >= 0 but is: {weight_decay}", ValueError)
        check(
            adjust_lr_fn in (None, "original", "match_rms_adamw"),
            lambda: f"Adjust learning rate function {adjust_lr_fn} is not supported",
            ValueError,
        )
        options = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        options |= {"ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps}
        super().__init__(params, {**options, "adjust_lr_fn": adjust_lr_fn})
        for group in self.param_groups:
            for parameter in group["params"]:
                check(
                    parameter.ndim == 2,
                    lambda: (
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {parameter.size()}"  # noqa: B023
                    ),
                    ValueError,
                )

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        gradient, state, momentum = parameter.grad.detach(), self.state[parameter], group["momentum"]
        check(gradient.ndim == 2, lambda: "Param gradient must be a 2D matrix", ValueError)
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(gradient)
        velocity = state["momentum_buffer"].copy_(blended(state["momentum_buffer"], gradient, 1 - momentum))
        update = blended(gradient, velocity, momentum) if group["nesterov"] else velocity
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])

        n, m = parameter.shape
        scale = math.sqrt(max(1, n / m))
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(n, m))
        _updates.scale(parameter._array, factor=number(1 - group["lr"] * group["weight_decay"]))
        step = update.to(parameter.dtype)
        _updates.add(parameter._array, step._array, alpha=-number(group["lr"] * scale))
        written(parameter)


def blended(start: Any, end: Any, weight: float) -> Any:
    """start + weight (end - start), counted from the nearer end; at float32 with the one rounding of a fused multiply-add.

    As torch computes it. A last bit counts here: what comes next is rounded to bfloat16, where it decides between two
    numbers that are 2^16 times farther apart.
    """
    if start.dtype is not _dtype.float32:
        return start.lerp(end, weight)
    factor = numpy.float32(weight)
    span = (end - start).double()
    near = start.double() + float(factor) * span
    return (near if abs(factor) < 0.5 else end.double() - float(1 - factor) * span).float()


def orthogonalized(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """A matrix with the same singular vectors and singular values near 1, in bfloat16.

    As in torch, a matrix that is bfloat16 already is itself divided by its norm.
    """
    check(steps < MOST_STEPS, lambda: "Number of steps must be less than 100 for computational efficiency", ValueError)
    check(len(coefficients) == 3, lambda: "Coefficients must be a tuple of exactly 3 values", ValueError)
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(_dtype.bfloat16)
    x = x.T if tall else x
    x.div_(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = _combined(a, x, 1.0, _combined(b, gram, c, gram, gram), x)
    return x.T if tall else x


def _combined(beta: float, x: Any, alpha: float, y: Any, z: Any) -> Any:
    """beta x + alpha y z in bfloat16, from a float32 product, with the one rounding of a fused multiply-add before."""
    x, y, z = (each.to(_dtype.float32) for each in (x, y, z))
    return (beta * x.double() + alpha * (y @ z).double()).to(_dtype.float32).to(_dtype.bfloat16)
