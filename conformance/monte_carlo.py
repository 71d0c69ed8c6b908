"""Monte-Carlo arithmetic: torch at float64 with every rounded result disturbed as if it had been rounded to less.

A result x of an operation that rounds becomes x (1 + u h), with h in [-1, 1] a hash of x: what one rounding to a type
of unit u does at most. Operations that add many terms (sums, products of matrices, convolutions, normalizations) also
see inputs disturbed by u sqrt(1 + log2 n), the error of adding n terms in a tree. What is exact (views, copies,
comparisons, maxima, indexing) is left alone. Equal numbers are disturbed equally, so ties and zeros survive.

The spread of a few such runs, M, is the error that legitimate implementations have: unlike torch's own error E, which
can be zero by luck for one input, it does not depend on how torch happened to round.
(D. S. Parker, "Monte Carlo arithmetic", 1997.)
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from conformance.candidates.torch import Oracle

# aten operations whose result is one of their inputs' numbers, or no number at all.
EXACT = frozenset(
    [
        "abs",
        "alias",
        "amax",
        "amin",
        "any",
        "all",
        "arange",
        "argmax",
        "argmin",
        "as_strided",
        "bernoulli",
        "bernoulli_",
        "broadcast_to",
        "cat",
        "clone",
        "constant_pad_nd",
        "contiguous",
        "copy",
        "copy_",
        "detach",
        "diagonal",
        "embedding",
        "empty",
        "empty_like",
        "empty_strided",
        "eq",
        "expand",
        "fill",
        "fill_",
        "flip",
        "full",
        "full_like",
        "gather",
        "ge",
        "gt",
        "index",
        "index_fill",
        "index_put",
        "index_select",
        "isfinite",
        "isinf",
        "isnan",
        "le",
        "leaky_relu_",
        "lift_fresh",
        "logical_and",
        "logical_not",
        "logical_or",
        "lt",
        "masked_fill",
        "masked_fill_",
        "masked_scatter",
        "max",
        "max_pool2d_with_indices",
        "max_pool3d_with_indices",
        "maximum",
        "min",
        "minimum",
        "narrow",
        "ne",
        "neg",
        "new_empty",
        "new_empty_strided",
        "new_full",
        "new_ones",
        "new_zeros",
        "nonzero",
        "normal_",
        "one_hot",
        "ones",
        "ones_like",
        "permute",
        "random_",
        "relu",
        "relu_",
        "repeat",
        "reshape",
        "roll",
        "scatter",
        "select",
        "select_backward",
        "set_",
        "sign",
        "slice",
        "slice_backward",
        "sort",
        "split",
        "split_with_sizes",
        "squeeze",
        "stack",
        "t",
        "threshold_backward",
        "topk",
        "transpose",
        "tril",
        "triu",
        "unbind",
        "unfold",
        "uniform_",
        "unsqueeze",
        "unsqueeze_",
        "view",
        "where",
        "zero_",
        "zeros",
        "zeros_like",
        "clamp",
        "clamp_min",
        "clamp_max",
        "hardtanh",
        "hardtanh_backward",
        "threshold",
        "_unsafe_view",
        "_reshape_alias",
        "_to_copy",
        "lift_fresh_copy",
        "squeeze_",
        "resize_",
        "floor",
        "ceil",
        "round",
        "trunc",
    ]
)
# aten operations that add many terms.
SUMMING = (
    "sum", "mean", "mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addmv", "conv", "batch_norm", "softmax", "norm", "var",
    "std", "cumsum", "logsumexp", "nll_loss", "mse_loss", "prod", "avg_pool", "linear", "index_add", "scatter_add", "layer_norm",
)  # fmt: skip


class Disturbed(TorchDispatchMode):  # type: ignore[misc]  # torch's class is not typed
    """Disturbs every float64 result by up to `u`, and the inputs of sums by more."""

    def __init__(self, u: float, seed: int) -> None:
        super().__init__()
        self.u, self.seed = u, seed

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if name in EXACT:
            return func(*args, **(kwargs or {}))
        if any(part in name for part in SUMMING):
            # Batch norm writes to its running statistics: they have to stay the tensors they are.
            args = (*self._spread(args[:1]), *args[1:]) if "batch_norm" in name else self._spread(args)
        result = func(*args, **(kwargs or {}))
        if name.endswith("_") and not name.startswith("_"):
            if _rounds(result):
                result.mul_(1 + self.u * self._noise(result))
            return result
        if isinstance(result, tuple | list):
            return type(result)([self._disturb(item) for item in result])
        return self._disturb(result)

    def _disturb(self, x: Any) -> Any:
        return x * (1 + self.u * self._noise(x)) if _rounds(x) else x

    def _spread(self, args: Any) -> Any:
        """The arguments of a sum, disturbed by the error of adding their terms in a tree."""
        terms = max([2, *(a.numel() for a in args if _rounds(a))])
        amplitude = self.u * math.sqrt(1 + math.log2(terms))
        return tuple(a * (1 + amplitude * self._noise(a)) if _rounds(a) else a for a in args)

    def _noise(self, x: Any) -> Any:
        """Numbers in [-1, 1], a function of |x| and the seed."""
        bits = x.abs().contiguous().view(torch.int64)
        z = bits + self.seed * 0x1E3779B97F4A7C15
        z = (z ^ (z >> 30)) * -0x40A7B892E31B1A47
        z = (z ^ (z >> 27)) * -0x6B2FB644ECCEEE15
        return (z >> 11).to(torch.float64) / 2.0**52


def _rounds(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.dtype == torch.float64 and x.numel() > 0 and not x._is_zerotensor()


class MonteCarlo(Oracle):
    """The oracle, with disturbed arithmetic."""

    def __init__(self, u: float, seed: int) -> None:
        super().__init__()
        self.mode = Disturbed(u, seed)

    @contextmanager
    def context(self) -> Iterator[None]:
        with super().context(), self.mode:
            yield
