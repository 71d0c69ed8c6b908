"""Adamax: Adam with the infinity norm in the second moment's place (Kingma and Ba 2015, section 7.1)."""

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


class Adamax(PerParameter):
    """Steps of the running gradient m over the largest recent gradient u.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        m     <- beta1 m + (1 - beta1) g
        u     <- max(beta2 u, |g| + eps)
        theta <- theta - lr / (1 - beta1^t) m / u

    u needs no correction of its bias towards zero.

    - lr: learning rate, a number or a tensor of one element. betas: two numbers in [0, 1).
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9
    """

    _newer: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check_betas(betas)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check_implementation("Adamax", foreach, None, differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach}
        super().__init__(
            params, {**options, "maximize": maximize, "differentiable": differentiable, "capturable": capturable}
        )

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["exp_avg"] = zeros_like(parameter.detach())
            state["exp_inf"] = zeros_like(parameter.detach())
        theta, m, u = parameter._array, state["exp_avg"]._array, state["exp_inf"]._array

        t = counted(state)
        g = with_decay(gradient_of(parameter, group["maximize"]), theta, group["weight_decay"])
        _updates.lerp(m, g, weight=1 - beta1)
        size = g.copy(order="K")
        parameter.device.xp.absolute(g, out=size)
        _updates.shift(size, by=group["eps"])
        _updates.scale(u, factor=beta2)
        _updates.maximum(u, size)
        _updates.add_quotient(theta, m, u, value=-number(rate(group["lr"]) / (1 - beta1**t)))
        written(parameter, *state.values())
