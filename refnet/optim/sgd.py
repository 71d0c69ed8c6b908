"""Stochastic gradient descent, with momentum."""

from typing import Any, ClassVar

from refnet._check import check
from refnet._tape import wrap
from refnet.optim import _by_kernel
from refnet.optim._per_parameter import PerParameter
from refnet.optim._updates import add, number, scale
from refnet.optim.optimizer import Group, Params, check_implementation, check_lr, gradient_of, with_decay, written


class SGD(PerParameter):
    """Stochastic gradient descent.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g <- -g_t if maximize else g_t
        g <- g + weight_decay theta
        b <- g at the first step, else momentum b + (1 - dampening) g         (if momentum)
        g <- g + momentum b if nesterov else b                                (if momentum)
        theta <- theta - lr g

    The learning rate multiplies the velocity b when it is applied; texts that put it into the velocity,
    v = momentum v - lr g, agree as long as lr does not change.

    - lr: learning rate, a number or a tensor of one element.
    - foreach, fused: accepted; there is one implementation. differentiable: NotImplementedError.

    Raises ValueError for negative options, and for nesterov without momentum or with dampening.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> round(w.item(), 4)  # 1 - 0.2 = 0.8, then 0.8 - 0.1 (0.9 * 2 + 1.6)
    0.46
    """

    _newer: ClassVar[dict[str, Any]] = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }
    _counters = ()

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check(not momentum < 0.0, lambda: f"Invalid momentum value: {momentum}", ValueError)
        check(not weight_decay < 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check(
            not nesterov or (momentum > 0 and dampening == 0),
            lambda: "Nesterov momentum requires a momentum and zero dampening",
            ValueError,
        )
        check_implementation("SGD", foreach, fused, differentiable)
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        options |= {"nesterov": nesterov, "maximize": maximize}
        super().__init__(params, {**options, "foreach": foreach, "differentiable": differentiable, "fused": fused})

    def _update_all(self, parameters: list[Any], group: Group) -> None:
        parameters = _by_kernel.sgd(parameters, group, self.state)
        momentum, maximize = group["momentum"], group["maximize"]
        decay, step = number(group["weight_decay"]), -number(group["lr"])
        for parameter in parameters:
            g = with_decay(gradient_of(parameter, maximize), parameter._array, decay)
            if momentum != 0:
                g = self._with_momentum(parameter, g, group)
            add(parameter._array, g, alpha=step)
            written(parameter)

    def _with_momentum(self, parameter: Any, g: Any, group: Group) -> Any:
        """The velocity after g, or with Nesterov's momentum g and what the velocity will add next."""
        momentum, state = group["momentum"], self.state[parameter]
        velocity = state.get("momentum_buffer")
        if velocity is None:
            velocity = state["momentum_buffer"] = wrap(g.copy(order="K"), parameter.device)
        else:
            scale(velocity._array, factor=momentum)
            add(velocity._array, g, alpha=1 - group["dampening"])
            written(velocity)
        if not group["nesterov"]:
            return velocity._array
        g = g.copy(order="K")
        add(g, velocity._array, alpha=momentum)
        return g
