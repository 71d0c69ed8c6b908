"""Adadelta: steps in the units of the parameters, without a learning rate of their own (Zeiler 2012)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, check_capturable, counted, counter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_implementation, check_lr, gradient_of, with_decay, written


class Adadelta(PerParameter):
    """Adaptive steps from running averages of squared gradients v and of squared steps u.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        v     <- rho v + (1 - rho) g^2
        delta <- sqrt(u + eps) / sqrt(v + eps) g
        u     <- rho u + (1 - rho) delta^2
        theta <- theta - lr delta

    - lr: a factor on the steps, a number or a tensor of one element.
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([w], rho=0.75, eps=1.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # 1 - sqrt(0 + 1) / sqrt(0.25 * 4 + 1) * 2
    -0.4142
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
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(0.0 <= rho <= 1.0, lambda: f"Invalid rho value: {rho}", ValueError)
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check_implementation("Adadelta", foreach, None, differentiable)
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(
            params, {**options, "capturable": capturable, "foreach": foreach, "differentiable": differentiable}
        )

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state, rho, eps = self.state[parameter], group["rho"], group["eps"]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["square_avg"] = zeros_like(parameter.detach())
            state["acc_delta"] = zeros_like(parameter.detach())
        theta, v, u = parameter._array, state["square_avg"]._array, state["acc_delta"]._array

        counted(state)
        g = with_decay(gradient_of(parameter, group["maximize"]), theta, group["weight_decay"])
        _updates.scale(v, factor=rho)
        _updates.add_product(v, g, g, value=1 - rho)
        divisor, delta = v.copy(order="K"), u.copy(order="K")
        for average in (divisor, delta):
            _updates.shift(average, by=eps)
            _updates.root(average)
        _updates.divide_by(delta, divisor)
        _updates.multiply(delta, g)
        _updates.scale(u, factor=rho)
        _updates.add_product(u, delta, delta, value=1 - rho)
        _updates.add(theta, delta, alpha=-number(group["lr"]))
        written(parameter, *state.values())
