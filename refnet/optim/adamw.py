"""AdamW: Adam with weight decay applied to the parameters, not to the gradient (Loshchilov and Hutter 2019)."""

from typing import Any

from refnet.optim.adam import Adam
from refnet.optim.optimizer import Params


class AdamW(Adam):
    """Adam with decoupled weight decay.

    At step t, with parameters theta and the gradient g_t of the loss at theta::

        theta <- (1 - lr weight_decay) theta
        then Adam's step, without weight_decay in the gradient

    Options are those of `Adam`; the default `weight_decay` is 0.01.

    >>> import refnet
    >>> w = refnet.tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)  # (1 - 0.1 * 0.5) 1 - 0.1
    0.85
    """

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # states saved before the option existed lack it
            group["decoupled_weight_decay"] = True
