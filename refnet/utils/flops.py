"""How much arithmetic a computation takes: multiply-accumulates, counted while it runs.

A multiply-accumulate (MAC) is one product added to a running sum; it is two floating-point operations. Products of
matrices and convolutions are counted, which is nearly all of the work of a network; sums, activations and
normalizations are not.

    matrix product   (n, k) @ (k, m)                                          n k m
    convolution      kw kh ic oc ow oh b for kernels kw x kh, ic input and oc output channels (ic of the group), an
                     output of ow x oh, and a batch of b

A transposed convolution costs what the convolution costs that it is the adjoint of.
"""

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from refnet import _tape
from refnet._ops.conv import conv, conv_input, conv_weight
from refnet._ops.matmul import affine, matrix_product
from refnet._tape import Primitive

Array = Any
Ints = tuple[int, ...]


def convolution(out: Ints, weight: Ints) -> int:
    """MACs of a convolution with result (N, O, *P) and kernels (O, C / groups, *K): all of them, times C / groups and K.

    The formula of kernels 3 x 3 from 1 to 16 channels on an output of 3 x 3 in a batch of 1:

    >>> convolution((1, 16, 3, 3), (16, 1, 3, 3))
    1296
    """
    return math.prod(out) * math.prod(weight[1:])


def product(left: Ints, right: Ints) -> int:
    """MACs of `left @ right`, stacks of matrices (..., n, k) @ (..., k, m), which broadcast.

    >>> product((5, 2, 3), (3, 4))
    120
    """
    rows, columns = (left[-2] if len(left) > 1 else 1), (right[-1] if len(right) > 1 else 1)
    stack = 1
    for one, other in zip(_stack(left, right), _stack(right, left), strict=True):
        stack *= one if other == 1 else other
    return stack * rows * left[-1] * columns


def _stack(shape: Ints, other: Ints) -> Ints:
    """The leading dimensions of `shape`, with ones in front up to those of `other`."""
    lead = shape[:-2]
    return (*(1,) * (max(len(shape), len(other), 2) - 2 - len(lead)), *lead)


# From the forward's arrays and its result to MACs. The gradients of a convolution are the two maps below it.
FORMULAS: dict[Primitive, Callable[..., int]] = {
    affine: lambda out, x, w, *bias: x.shape[0] * math.prod(w.shape),
    matrix_product: lambda out, x, y: product(x.shape, y.shape),
    conv: lambda out, x, w, *bias: convolution(out.shape, w.shape),
    conv_input: lambda out, g, w: convolution(g.shape, w.shape),
    conv_weight: lambda out, g, x: convolution(g.shape, out.shape),
}


class MacCounter:
    """Counts the multiply-accumulates of what runs forward inside a ``with`` block, in this thread.

    - counts: operation -> MACs so far. - total: their sum; torch's `FlopCounterMode` gives twice as much.

    A backward pass is not counted: per matrix product or convolution it costs twice its forward (once for each of the
    two operands), once where one operand needs no gradient.

    >>> import refnet
    >>> layer = refnet.nn.Conv2d(1, 6, kernel_size=5, padding=2)
    >>> with MacCounter() as counter:
    ...     out = layer(refnet.zeros(1, 1, 28, 28))
    >>> counter.total == 5 * 5 * 1 * 6 * 28 * 28 * 1, counter.counts
    (True, {'conv': 117600})
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._before: list[dict[Any, Any]] = []

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def __enter__(self) -> Self:
        before = _tape.mode.variants
        self._before.append(before)
        _tape.mode.variants = before | {
            primitive: self._counting(primitive, before.get(primitive, primitive.forward)) for primitive in FORMULAS
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _tape.mode.variants = self._before.pop()

    def _counting(self, primitive: Primitive, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The forward, with a count: it takes the place of the algorithm, as `refnet.backends` exchanges those."""
        name, formula = primitive.__name__, FORMULAS[primitive]

        def counted(xp: Any, *arrays: Array, **params: Any) -> Array:
            out = forward(xp, *arrays, **params)
            self.counts[name] = self.counts.get(name, 0) + formula(out, *arrays)
            return out

        return counted
