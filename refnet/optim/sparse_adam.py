"""SparseAdam: Adam for sparse gradients, which refnet does not have."""

from typing import Any

from refnet._check import check
from refnet.optim._per_parameter import PerParameter
from refnet.optim.optimizer import Params, check_betas, check_lr_size


class SparseAdam(PerParameter):
    """Adam that updates only the rows that a sparse gradient names.

    All gradients of refnet are dense: the optimizer can be made, and its step refuses them with torch's RuntimeError.

    Raises ValueError for options out of range.
    """

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr_size(lr)
        check(lr > 0.0, lambda: f"Invalid learning rate: {lr}", ValueError)
        check(eps > 0.0, lambda: f"Invalid epsilon value: {eps}", ValueError)
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
