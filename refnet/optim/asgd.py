"""ASGD: stochastic gradient descent with a decaying rate, and the average of its path (Polyak and Juditsky 1992)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet._tape import TensorBase
from refnet.creation import as_tensor, zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, check_capturable, counted, counter
from refnet.optim._updates import number, rate
from refnet.optim.optimizer import Params, check_implementation, check_lr, gradient_of, with_decay, written


class ASGD(PerParameter):
    """Averaged stochastic gradient descent.

    At step t, with parameters theta and the gradient g_t of the loss at theta, from eta = lr and mu = 1::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        theta <- (1 - lambd eta) theta - eta g
        ax    <- theta if mu = 1 else ax + mu (theta - ax)
        eta   <- lr / (1 + lambd lr t)^alpha
        mu    <- 1 / max(1, t - t0)

    The average ax, kept in the state, begins after step t0; until then it is theta.

    - lr: the first learning rate, a number or a tensor of one element. lambd: decay of the parameters and of the rate.
    - foreach: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for a negative lr or weight_decay.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = ASGD([w], lr=0.25, lambd=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # (1 - 0.5 * 0.25) 1 - 0.25 * 2
    0.375
    """

    _newer: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
    _counters = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check_implementation("ASGD", foreach, None, differentiable)
        options = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        options |= {"foreach": foreach, "maximize": maximize}
        super().__init__(params, {**options, "differentiable": differentiable, "capturable": capturable})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group, "params, mus, etas, and state_steps")
        state, lr, lambd = self.state[parameter], rate(group["lr"]), group["lambd"]
        if not (group["capturable"] or isinstance(lr, float | int | TensorBase)):
            lr = float(lr)  # eta is on the CPU: the host waits for a rate that is on a GPU
        if not state:
            state["step"] = counter(0.0, group, parameter)
            state["eta"] = counter(0.0, group, parameter)
            given = group["lr"]
            state["eta"].copy_(given.reshape(())) if hasattr(given, "reshape") else state["eta"].fill_(given)
            state["mu"] = counter(1.0, group, parameter)
            state["ax"] = zeros_like(parameter.detach())
        theta, average = parameter._array, state["ax"]._array
        eta, mu = number(state["eta"]), number(state["mu"])

        t = counted(state)
        g = with_decay(gradient_of(parameter, group["maximize"]), theta, group["weight_decay"])
        _updates.scale(theta, factor=1 - lambd * eta)
        _updates.add(theta, g, alpha=-eta)
        if isinstance(mu, float):
            average[...] = theta if mu == 1 else _nearer(average, theta, mu)
        else:  # on a GPU both are computed, and one is taken
            average[...] = parameter.device.xp.where(mu == 1, theta, _nearer(average, theta, mu))
        # rounded to the default type on the way, also where loading a state made them float64
        if isinstance(t, float):
            state["eta"].copy_(as_tensor(lr / ((1 + lambd * lr * t) ** group["alpha"]), device="cpu").reshape(()))
            state["mu"].copy_(as_tensor(1 / max(1, t - group["t0"]), device="cpu"))
        else:
            state["eta"]._array[...] = lr / ((1 + lambd * lr * t) ** group["alpha"])
            state["mu"]._array[...] = 1 / (t - group["t0"]).clip(1, None)
        written(parameter, *state.values())


def _nearer(average: Any, theta: Any, mu: Any) -> Any:
    """average + mu (theta - average)"""
    distance = theta.copy(order="K")
    _updates.add(distance, average, alpha=-1)
    _updates.scale(distance, factor=mu)
    _updates.add(distance, average, alpha=1)
    return distance
