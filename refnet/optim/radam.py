"""RAdam: Adam that waits until its second moment can be trusted (Liu et al. 2020)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, check_capturable, counted, counter
from refnet.optim._updates import number, rate
from refnet.optim.optimizer import (
    Params,
    check_betas,
    check_implementation,
    check_lr,
    gradient_of,
    with_decay,
    written,
)


class RAdam(PerParameter):
    """Rectified Adam.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        m     <- beta1 m + (1 - beta1) g
        v     <- beta2 v + (1 - beta2) g^2
        rho   <- rho_inf - 2 t beta2^t / (1 - beta2^t)    with rho_inf = 2 / (1 - beta2) - 1
        r     <- sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))
        theta <- theta - lr m / (1 - beta1^t) r sqrt(1 - beta2^t) / (sqrt(v) + eps)    if rho > 5
        theta <- theta - lr m / (1 - beta1^t)                                          else

    rho is the number of gradients that a simple average would need to be as variable as v is.
    With `decoupled_weight_decay` the second line becomes theta <- (1 - lr weight_decay) theta.

    - lr: learning rate, a number or a tensor of one element. betas: two numbers in [0, 1).
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # the first steps are those of momentum: 1 - 0.1 * 2
    0.8
    """

    _newer: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check_betas(betas)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check_implementation("RAdam", foreach, None, differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        options |= {"foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {**options, "differentiable": differentiable})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state, lr, (beta1, beta2) = self.state[parameter], rate(group["lr"]), group["betas"]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["exp_avg"] = zeros_like(parameter.detach())
            state["exp_avg_sq"] = zeros_like(parameter.detach())
        theta, m, v = parameter._array, state["exp_avg"]._array, state["exp_avg_sq"]._array

        t = counted(state)
        g = gradient_of(parameter, group["maximize"])
        if group["decoupled_weight_decay"]:
            if group["weight_decay"] != 0:
                _updates.scale(theta, factor=number(1 - lr * group["weight_decay"]))
        else:
            g = with_decay(g, theta, group["weight_decay"])
        _updates.lerp(m, g, weight=1 - beta1)
        _updates.scale(v, factor=beta2)
        _updates.add_product(v, g, g, value=1 - beta2)

        direction = m.copy(order="K")
        _updates.divide(direction, divisor=1 - beta1**t)
        _updates.scale(direction, factor=number(lr))
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        counted_there = not isinstance(rho, float)  # on a GPU both are computed, and one is taken
        if counted_there or rho > 5.0:
            plain = direction.copy(order="K") if counted_there else None
            adaptive = v.copy(order="K")
            _updates.root(adaptive)
            _updates.shift(adaptive, by=group["eps"])
            _updates.invert(adaptive)
            _updates.scale(adaptive, factor=(1 - beta2**t) ** 0.5)
            _updates.multiply(direction, adaptive)
            rectification = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            _updates.scale(direction, factor=rectification**0.5)
            if counted_there:
                direction = parameter.device.xp.where(rho > 5.0, direction, plain)
        _updates.add(theta, direction, alpha=-1)
        written(parameter, *state.values())
