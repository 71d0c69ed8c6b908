"""Monte-Carlo arithmetic for training: sums err by the number of terms that they really have.

For one operation it is enough to bound the number of terms by all that goes in. Along a trajectory this slack would be
multiplied step by step, until a wrong epsilon hides in it. The shapes tell the number:

    product of matrices (m, k) (k, n)                       k
    convolution with weights (O, C, K, K)                   C K K
    its gradients, of (N, O, H, W)                          N H W for the weights and the bias; O K K for the input
    sums, means and variances over some axes                the product of their sizes
"""

import math
from collections.abc import Sequence
from typing import Any

from torch._decomp import decomposition_table

from conformance.monte_carlo import Disturbed, MonteCarlo

_PRODUCTS = frozenset({"mm", "bmm", "mv", "dot", "linear"})  # the last axis of the first argument is summed
_OVER_AXES = frozenset({"sum", "mean", "var", "std", "var_mean"})


class Counted(Disturbed):
    """Disturbs sums by their true number of terms, and shows the sums inside batch norm: its statistics are kept."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "batch_norm" in func._schema.name and "backward" not in func._schema.name and func in decomposition_table:
            with self:
                return decomposition_table[func](*args, **(kwargs or {}))
        return super().__torch_dispatch__(func, types, args, kwargs)

    def terms(self, name: str, args: Any) -> int:
        first, axes = args[0], args[1] if len(args) > 1 else None
        found = super().terms(name, args)
        if name in _PRODUCTS:
            found = first.shape[-1]
        elif name == "convolution":
            found = math.prod(args[1].shape[1:])
        elif name == "convolution_backward":
            weight = args[2].shape
            found = max(weight[0] * math.prod(weight[2:]), first.numel() // first.shape[1])
        elif name in _OVER_AXES and isinstance(axes, Sequence) and axes:
            found = math.prod(first.shape[axis] for axis in axes)
        return max(2, int(found))


class TrainingArithmetic(MonteCarlo):
    """`MonteCarlo` with true numbers of terms."""

    def __init__(self, dtype: Any, seed: int, *, amplitude: float = 1.0, sequential: bool = False) -> None:
        super().__init__(dtype, seed, amplitude=amplitude, sequential=sequential)
        self.mode = Counted(dtype, seed, amplitude, sequential)
