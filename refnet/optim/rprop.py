"""Rprop: steps of a size of their own, in the direction of the gradient's sign (Riedmiller and Braun 1993)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import full_like, zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, check_capturable, counted, counter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_implementation, check_lr, gradient_of, written


class Rprop(PerParameter):
    """Resilient backpropagation, for gradients of the whole data set.

    At step t, for every element of the parameters theta, with the gradient g_t of the loss at theta, the gradient p
    used before (0 at first) and the step size s (lr at first)::

        g <- -g_t if maximize else g_t
        s <- min(etaplus s, largest)   if g p > 0
             max(etaminus s, smallest) if g p < 0, and then g <- 0
             s                         otherwise
        theta <- theta - s sign(g)
        p <- g

    where (etaminus, etaplus) = etas and (smallest, largest) = step_sizes.

    - lr: the first step size, a number or a tensor of one element.
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for a negative lr, and unless 0 < etaminus < 1 < etaplus.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = Rprop([w], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> round(w.item(), 4)  # 1 - 0.5 - 1.2 * 0.5
    -0.1
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
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(0.0 < etas[0] < 1.0 < etas[1], lambda: f"Invalid eta values: {etas[0]}, {etas[1]}", ValueError)
        check_implementation("Rprop", foreach, None, differentiable)
        options = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "capturable": capturable})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state = self.state[parameter]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["prev"] = zeros_like(parameter.detach())
            state["step_size"] = full_like(parameter.grad.detach(), number(group["lr"]))
        theta, previous, size = parameter._array, state["prev"]._array, state["step_size"]._array

        counted(state)
        g = gradient_of(parameter, group["maximize"]).copy(order="K")
        agreement = g.copy(order="K")
        _updates.multiply(agreement, previous)
        (etaminus, etaplus), (smallest, largest) = group["etas"], group["step_sizes"]
        xp = parameter.device.xp
        factor = xp.ones_like(agreement)
        xp.copyto(factor, etaplus, where=agreement > 0)
        xp.copyto(factor, etaminus, where=agreement < 0)
        _updates.multiply(size, factor)
        _updates.limit(size, low=smallest, high=largest)
        xp.copyto(g, 0, where=agreement < 0)
        previous[...] = g
        _updates.sign(g)
        _updates.add_product(theta, g, size, value=-1)
        written(parameter, *state.values())
