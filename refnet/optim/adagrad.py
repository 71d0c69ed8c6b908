"""Adagrad: steps divided by the root of the sum of all squared gradients (Duchi, Hazan and Singer 2011)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import full_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, counted, counter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_implementation, check_lr, gradient_of, with_decay, written


class Adagrad(PerParameter):
    """Adaptive subgradients.

    At step t, counted from 1, with parameters theta and the gradient g_t of the loss at theta::

        g <- -g_t if maximize else g_t
        g <- g + weight_decay theta
        s <- s + g^2                                   (s starts at initial_accumulator_value)
        theta <- theta - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    The state is made with the optimizer, before the first step.

    - lr: learning rate, a number or a tensor of one element.
    - foreach, fused: accepted; there is one implementation. differentiable: NotImplementedError.

    Raises ValueError for negative options.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9
    """

    _newer: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check(lr_decay >= 0.0, lambda: f"Invalid lr_decay value: {lr_decay}", ValueError)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check(
            initial_accumulator_value >= 0.0,
            lambda: f"Invalid initial_accumulator_value value: {initial_accumulator_value}",
            ValueError,
        )
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check_implementation("Adagrad", foreach, fused, differentiable)
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        options |= {"initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "fused": fused})
        for group in self.param_groups:
            for parameter in group["params"]:
                self._start(parameter, group, initial_accumulator_value)

    def _start(self, parameter: Any, group: dict[str, Any], sum_of_squares: float) -> None:
        state = self.state[parameter]
        state["step"] = counter(0.0, group, parameter)
        state["sum"] = full_like(parameter.detach(), sum_of_squares)

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:  # of a group added later
            self._start(parameter, group, self.defaults["initial_accumulator_value"])
        theta, s = parameter._array, state["sum"]._array

        t = counted(state)
        g = with_decay(gradient_of(parameter, group["maximize"]), theta, group["weight_decay"])
        _updates.add_product(s, g, g, value=1)
        divisor = s.copy(order="K")
        _updates.root(divisor)
        _updates.shift(divisor, by=group["eps"])
        _updates.add_quotient(theta, g, divisor, value=-number(group["lr"] / (1 + (t - 1) * group["lr_decay"])))
        written(parameter, *state.values())
