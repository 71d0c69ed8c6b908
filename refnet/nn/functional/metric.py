"""Losses of metric learning: what belongs together should be near, or ranked first, and the rest far, by a margin."""

from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._ops._args import expect_tensor
from refnet._ops.pointwise import where
from refnet.creation import full_like, zeros_like
from refnet.nn.functional._reduction import reduced, reduction_of
from refnet.nn.functional.distance import pairwise_distance


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """x where y = 1, max(0, margin - x) where y = -1, for distances x; for any other y the sum of both.

    >>> import refnet
    >>> refnet.nn.functional.hinge_embedding_loss(refnet.tensor([0.25, 0.25]), refnet.tensor([1, -1]), reduction="none")
    tensor([0.2500, 0.7500])
    """
    reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input, "hinge_embedding_loss")
    expect_tensor(target, "hinge_embedding_loss", "target", 2)
    zero = zeros_like(input)
    apart = (full_like(input, margin) - input).clamp_min(0)  # the margin in input's type, whatever it is
    return reduced(where(target != 1, apart, zero) + where(target != -1, input, zero), reduction)


_EPSILON = 1e-12  # added to squared lengths


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1; 0 for any other y.

    x1, x2 (N, D) and y (N), or x1, x2 (D) and y a single number.

    >>> import refnet
    >>> x = refnet.tensor([[3.0, 4.0], [3.0, 4.0]])
    >>> refnet.nn.functional.cosine_embedding_loss(x, x, refnet.tensor([1, -1]), margin=0.5, reduction="none")
    tensor([0.0000, 0.5000])
    """
    name = "cosine_embedding_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    expect_tensor(input1, name, "input1")
    expect_tensor(input2, name, "input2", 2)
    expect_tensor(target, name, "target", 3)
    dim = target.ndim
    check(dim <= 1, lambda: f"0D or 1D target tensor expected, multi-target not supported ({name}: got {dim}D)")
    check(
        input1.ndim == input2.ndim == dim + 1,
        lambda: (
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes {list(input1.shape)} "
            f"and {list(input2.shape)}."
        ),
    )
    lengths = ((input1 * input1).sum(dim) + _EPSILON) * ((input2 * input2).sum(dim) + _EPSILON)
    cosine = (input1 * input2).sum(dim) / lengths.sqrt()
    zero = zeros_like(cosine)
    alike, unlike = 1 - cosine, (cosine - float(margin)).clamp_min(0)
    return reduced(where(target == 1, alike, zero) + where(target == -1, unlike, zero), reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, -y (x1 - x2) + margin): for y = 1, x1 should exceed x2 by the margin, for y = -1 the reverse.

    >>> import refnet
    >>> x = refnet.tensor([3.0, 1.0])
    >>> refnet.nn.functional.margin_ranking_loss(x, x.flip(0), refnet.tensor([1, 1]), reduction="none")
    tensor([0., 2.])
    """
    name = "margin_ranking_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    for position, (argument, value) in enumerate((("input1", input1), ("input2", input2), ("target", target)), 1):
        expect_tensor(value, name, argument, position)
    check(
        input1.ndim == input2.ndim == target.ndim,
        lambda: (
            f"{name} : All input tensors should have same dimension but got sizes: input1: {input1.shape}, input2: "
            f"{input2.shape}, target: {target.shape} "
        ),
    )
    return reduced((-target * (input1 - input2) + float(margin)).clamp_min(0), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + d(a, p) - d(a, n)) for anchors, positives and negatives (N, D), d the p-norm of the difference.

    `eps` is added to every difference. With `swap` the negative's distance is the lesser of d(a, n) and d(p, n)
    (Balntas et al. 2016).

    >>> import refnet
    >>> a, n = refnet.tensor([[0.0, 0.0]]), refnet.tensor([[3.0, 4.0]])
    >>> refnet.nn.functional.triplet_margin_loss(a, a, n, margin=7.0)
    tensor(2.0000)
    """
    name = "triplet_margin_loss"
    reduction = reduction_of(reduction, size_average, reduce)
    _check_margin(margin)
    _check_triplet(anchor, positive, negative, name)

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return reduced(_triplet(anchor, positive, negative, distance, margin, swap), reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """`triplet_margin_loss` with any function of two tensors for the distance; the default is the Euclidean one.

    >>> import refnet
    >>> a, n = refnet.tensor([[0.0, 0.0]]), refnet.tensor([[3.0, 4.0]])
    >>> function = refnet.nn.functional.triplet_margin_with_distance_loss
    >>> function(a, a, n, distance_function=lambda x, y: (x - y).abs().sum(1), margin=8.0)
    tensor(1.)
    """
    check(reduction in ("none", "mean", "sum"), lambda: f"{reduction} is not a valid value for reduction", ValueError)
    _check_margin(margin)
    _check_triplet(anchor, positive, negative, "triplet_margin_with_distance_loss")
    distance = pairwise_distance if distance_function is None else distance_function
    return reduced(_triplet(anchor, positive, negative, distance, margin, swap), reduction)


def _check_margin(margin: float) -> None:
    check(margin > 0, lambda: f"margin must be greater than 0, got {margin}", ValueError)


def _check_triplet(anchor: Any, positive: Any, negative: Any, name: str) -> None:
    given = {"anchor": anchor, "positive": positive, "negative": negative}
    for position, (argument, value) in enumerate(given.items(), 1):
        expect_tensor(value, name, argument, position)
    check(
        anchor.ndim == positive.ndim == negative.ndim,
        lambda: (
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        ),
    )


def _triplet(
    anchor: Any, positive: Any, negative: Any, distance: Callable[[Any, Any], Any], margin: float, swap: bool
) -> Any:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return (float(margin) + near - far).clamp_min(0)
