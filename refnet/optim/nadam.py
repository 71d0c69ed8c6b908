"""NAdam: Adam with Nesterov's momentum (Dozat 2016)."""

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


class NAdam(PerParameter):
    """Adam that looks one step ahead, with a momentum mu that rises from beta1 / 2 to beta1.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        mu_t   = beta1 (1 - 0.96^(t momentum_decay) / 2)
        m     <- beta1 m + (1 - beta1) g
        v     <- beta2 v + (1 - beta2) g^2
        mhat   = mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        theta <- theta - lr mhat / (sqrt(v / (1 - beta2^t)) + eps)

    With `decoupled_weight_decay` the second line becomes theta <- (1 - lr weight_decay) theta.

    - lr: learning rate, a number or a tensor of one element. betas: two numbers in [0, 1).
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = NAdam([w], lr=0.1, betas=(0.5, 0.5), momentum_decay=0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # 1 - 0.1 (0.25 / (1 - 0.25^2) * 1 + 0.75 / (1 - 0.25) * 2) / 2
    0.8867
    """

    _newer: ClassVar[dict[str, Any]] = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    _counters = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check(momentum_decay >= 0.0, lambda: f"Invalid momentum_decay value: {momentum_decay}", ValueError)
        check_implementation("NAdam", foreach, None, differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        options |= {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        options |= {"maximize": maximize, "foreach": foreach, "capturable": capturable}
        super().__init__(params, {**options, "differentiable": differentiable})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group, "params, mu_products and state_steps")
        state, lr, (beta1, beta2) = self.state[parameter], rate(group["lr"]), group["betas"]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["mu_product"] = counter(1.0, group, parameter)
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
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * group["momentum_decay"]))
        _updates.scale(state["mu_product"]._array, factor=mu)
        product = number(state["mu_product"])

        _updates.lerp(m, g, weight=1 - beta1)
        _updates.scale(v, factor=beta2)
        _updates.add_product(v, g, g, value=1 - beta2)
        divisor = v.copy(order="K")
        _updates.divide(divisor, divisor=1 - beta2**t)
        _updates.root(divisor)
        _updates.shift(divisor, by=group["eps"])
        _updates.add_quotient(theta, g, divisor, value=number(-lr * (1.0 - mu) / (1.0 - product)))
        _updates.add_quotient(theta, m, divisor, value=number(-lr * mu_next / (1.0 - product * mu_next)))
        written(parameter, *state.values())
