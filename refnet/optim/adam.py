"""Adam: steps scaled by running moments of the gradient (Kingma and Ba 2015)."""

from typing import Any, ClassVar

from refnet._check import check
from refnet._tape import TensorBase
from refnet.creation import zeros_like
from refnet.optim import _by_kernel, _updates
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


class Adam(PerParameter):
    """Adaptive moments.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        g     <- -g_t if maximize else g_t
        g     <- g + weight_decay theta
        m     <- beta1 m + (1 - beta1) g
        v     <- beta2 v + (1 - beta2) g^2
        vhat  <- max(vhat, v) if amsgrad else v
        theta <- theta - lr / (1 - beta1^t) m / (sqrt(vhat) / sqrt(1 - beta2^t) + eps)

    With `decoupled_weight_decay` the second line becomes theta <- (1 - lr weight_decay) theta, as in `AdamW`.

    - lr: learning rate, a number or a tensor of one element. betas: two floats, or two tensors of one element.
    - amsgrad: divide by the largest second moment so far (Reddi et al. 2018).
    - foreach, fused: accepted; there is one implementation. capturable: for parameters on a GPU only.
      differentiable: NotImplementedError.

    Raises ValueError for options out of range.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # the first step is lr in the direction of the gradient's sign
    0.9
    """

    _newer: ClassVar[dict[str, Any]] = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
            check(
                not (isinstance(value, TensorBase) and foreach and not capturable),
                lambda: f"{name} as a Tensor is not supported for capturable=False and foreach=True",  # noqa: B023
                ValueError,
            )
        check_lr(lr)
        check(eps >= 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check_betas(betas)
        check(
            all(isinstance(beta, float) for beta in betas) or all(isinstance(beta, TensorBase) for beta in betas),
            lambda: "betas must be either both floats or both Tensors",
            ValueError,
        )
        check(weight_decay >= 0.0, lambda: f"Invalid weight_decay value: {weight_decay}", ValueError)
        check_implementation(type(self).__name__, foreach, fused, differentiable)
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        options |= {"maximize": maximize, "foreach": foreach, "capturable": capturable}
        options |= {"differentiable": differentiable, "fused": fused}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay})

    def _update_all(self, parameters: list[Any], group: dict[str, Any]) -> None:
        for parameter in parameters:
            self._begin(parameter, group)
        super()._update_all(_by_kernel.adam(parameters, group, self.state), group)

    def _begin(self, parameter: Any, group: dict[str, Any]) -> None:
        check_capturable(parameter, group)
        state = self.state[parameter]
        if not state:
            state["step"] = counter(0.0, group, parameter)
            for name in ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ())):
                state[name] = zeros_like(parameter.detach())

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        lr, weight_decay = rate(group["lr"]), group["weight_decay"]
        theta, m, v = parameter._array, state["exp_avg"]._array, state["exp_avg_sq"]._array

        g = gradient_of(parameter, group["maximize"])
        t = counted(state)
        if group["decoupled_weight_decay"]:
            if weight_decay != 0:
                _updates.scale(theta, factor=number(1 - lr * weight_decay))
        else:
            g = with_decay(g, theta, number(weight_decay))
        _updates.lerp(m, g, weight=1 - beta1)
        _updates.scale(v, factor=beta2)
        _updates.add_product(v, g, g, value=1 - beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]._array
            _updates.maximum(largest, v)
            v = largest

        denominator = v.copy(order="K")
        _updates.root(denominator)
        _updates.divide(denominator, divisor=(1 - beta2**t) ** 0.5)
        _updates.shift(denominator, by=group["eps"])
        _updates.add_quotient(theta, m, denominator, value=-number(lr / (1 - beta1**t)))
        written(parameter, *state.values())
