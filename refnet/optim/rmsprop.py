"""RMSprop: steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, check_capturable, counted, counter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_implementation, check_lr, gradient_of, with_decay, written


class RMSprop(PerParameter):
    """Root mean square propagation.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g <- -g_t if maximize else g_t
        g <- g + weight_decay theta
        v <- alpha v + (1 - alpha) g^2
        a <- alpha a + (1 - alpha) g,  s <- sqrt(v - a^2)       (if centered; else s <- sqrt(v))
        b <- momentum b + g / (s + eps)                         (if momentum)
        theta <- theta - lr b                                   (else theta - lr g / (s + eps))

    Centered, the divisor is a running standard deviation (Graves 2013). TensorFlow adds eps inside the root.

    - lr: learning rate, a number or a tensor of one element.
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for negative options.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # v = 0.25 * 4, so the step is 0.1 * 2 / 1
    0.8
    """

    _newer: ClassVar[dict[str, Any]] = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check(momentum >= 0.0, lambda: f"Invalid momentum value: {momentum}", ValueError)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check(alpha >= 0.0, lambda: f"Invalid alpha value: {alpha}", ValueError)
        check_implementation("RMSprop", foreach, None, differentiable)
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered}
        options |= {"weight_decay": weight_decay, "capturable": capturable, "foreach": foreach}
        super().__init__(params, {**options, "maximize": maximize, "differentiable": differentiable})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state, momentum, alpha = self.state[parameter], group["momentum"], group["alpha"]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["square_avg"] = zeros_like(parameter.detach())
            if momentum > 0:
                state["momentum_buffer"] = zeros_like(parameter.detach())
            if group["centered"]:
                state["grad_avg"] = zeros_like(parameter.detach())
        theta, v = parameter._array, state["square_avg"]._array

        counted(state)
        g = with_decay(gradient_of(parameter, group["maximize"]), theta, group["weight_decay"])
        _updates.scale(v, factor=alpha)
        _updates.add_product(v, g, g, value=1 - alpha)
        divisor = v.copy(order="K")
        if group["centered"]:
            mean = state["grad_avg"]._array
            _updates.lerp(mean, g, weight=1 - alpha)
            _updates.add_product(divisor, mean, mean, value=-1)
        _updates.root(divisor)
        _updates.shift(divisor, by=group["eps"])
        if momentum > 0:
            velocity = state["momentum_buffer"]._array
            _updates.scale(velocity, factor=momentum)
            _updates.add_quotient(velocity, g, divisor, value=1)
            _updates.add(theta, velocity, alpha=-number(group["lr"]))
        else:
            _updates.add_quotient(theta, g, divisor, value=-number(group["lr"]))
        written(parameter, *state.values())
