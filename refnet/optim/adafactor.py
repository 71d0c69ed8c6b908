"""Adafactor: the second moment of a matrix from the means of its rows and columns (Shazeer and Stern 2018)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet._dtype import finfo
from refnet.creation import zeros_like
from refnet.optim import _updates
from refnet.optim._per_parameter import PerParameter, counted, counter
from refnet.optim._updates import number
from refnet.optim.optimizer import Params, check_lr_size, written


class Adafactor(PerParameter):
    """Adaptive steps with little memory: for a matrix of n rows and m columns, n + m numbers instead of n m.

    At step t, with parameters theta, the gradient g_t of the loss at theta, and RMS the root mean square of an array::

        g     <- -g_t if maximize else g_t
        b      = 1 - t^beta2_decay
        alpha  = max(eps2, RMS(theta)) min(lr, 1 / sqrt(t))
        theta <- (1 - lr weight_decay) theta
        r     <- b r + (1 - b) row means of g^2,  c <- b c + (1 - b) column means of g^2
        v      = r c / max(mean of r, eps1)                      (the outer product)
        u      = g / max(sqrt(v), eps1)
        theta <- theta - alpha u / max(1, RMS(u) / d)

    over the last two dimensions of a parameter; one of fewer dimensions keeps v <- b v + (1 - b) g^2 itself.

    - lr: the largest relative step, a number or a tensor of one element. d: the largest RMS of u.
    - eps: (eps1, eps2); eps1 of None is the machine epsilon of the group's first parameter.
    - foreach: accepted; there is one implementation.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.ones(2, 3, requires_grad=True)
    >>> optimizer = Adafactor([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w[0, 0].item(), 4), optimizer.state_dict()["state"][0]["row_var"].shape
    (0.9, refnet.Size([2, 1]))
    """

    _newer: ClassVar[dict[str, Any]] = {"foreach": None}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr_size(lr)
        check(lr >= 0.0, lambda: f"Learning rate should be >= 0 but is: {lr}", ValueError)
        check(beta2_decay <= 0.0, lambda: f"beta2_decay should be <= 0 but is: {beta2_decay}", ValueError)
        check(eps[0] is None or eps[0] >= 0.0, lambda: f"epsilon1 should be >= 0 but is: {eps[0]}", ValueError)
        check(eps[1] >= 0.0, lambda: f"epsilon2 should be >= 0 but is: {eps[1]}", ValueError)
        check(d >= 1.0, lambda: f"Clipping threshold d should be >= 1 but is: {d}", ValueError)
        check(weight_decay >= 0.0, lambda: f"weight_decay should be >= 0 but is: {weight_decay}", ValueError)
        options = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, {**options, "foreach": foreach, "maximize": maximize})

    def _update_all(self, parameters: list[Any], group: dict[str, Any]) -> None:
        eps1, eps2 = group["eps"]
        if eps1 is None and parameters:
            eps1 = finfo(parameters[0].dtype).eps
        for parameter in parameters:
            self._adapt(parameter, group, eps1, eps2)

    def _adapt(self, parameter: Any, group: dict[str, Any], eps1: float, eps2: float) -> None:
        gradient, state = parameter.grad.detach(), self.state[parameter]
        shape = gradient.shape
        if not state:
            state["step"] = counter(0.0)
            if len(shape) > 1:
                state["row_var"] = gradient.new_zeros((*shape[:-1], 1))
                state["col_var"] = gradient.new_zeros((*shape[:-2], 1, shape[-1]))
            else:
                state["variance"] = zeros_like(gradient)
        lr = group["lr"]

        t = counted(state)
        g = -gradient if group["maximize"] else gradient
        fresh = t ** group["beta2_decay"]  # 1 - b
        alpha = max(eps2, _root_mean_square(parameter.detach())) * min(lr, 1 / t**0.5)
        if group["weight_decay"] != 0:
            _updates.scale(parameter._array, factor=number(1 - lr * group["weight_decay"]))
        if len(shape) > 1:
            rows, columns = state["row_var"], state["col_var"]
            rows.lerp_(g.norm(dim=-1, keepdim=True).square_().div_(shape[-1]), fresh)
            columns.lerp_(g.norm(dim=-2, keepdim=True).square_().div_(shape[-2]), fresh)
            v = rows @ columns  # (..., n, 1), (..., 1, m) -> (..., n, m)
            v.div_(rows.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            v = state["variance"].lerp_(g * g, fresh).clone()
        update = v.clamp_(min=eps1 * eps1).rsqrt_().mul_(g)
        clipping = max(1.0, _root_mean_square(update) / group["d"])
        _updates.add(parameter._array, update._array, alpha=-number(alpha / clipping))
        written(parameter)


def _root_mean_square(x: Any) -> float:
    return float(x.norm(2).item() / x.numel() ** 0.5)
