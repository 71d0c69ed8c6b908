"""Dropout: of elements, of whole channels, and the self-normalizing kind. Masks are torch's, bit for bit.

A mask holds 1 / (1 - p) with probability 1 - p and 0 else, so that the mean is kept. Nothing is drawn in evaluation,
for p = 0 and p = 1, or for an empty input.

On a GPU, `dropout` that is not in place draws as torch's fused kernel, with several neighbours for each thread; all other
masks are filled as `bernoulli_` fills a tensor.
"""

import warnings
from typing import Any

from refnet import _dtype
from refnet._check import check
from refnet._inplace import update
from refnet._ops._args import expect_tensor, type_name
from refnet._ops.pointwise import mul
from refnet._tape import wrap
from refnet.nn.functional._arguments import expect_bool
from refnet.random import philox_draws
from refnet.random.distributions import dropout_noise
from refnet.random.generator import default_generator, philox_of
from refnet.random.philox import Philox

_ALPHA = 1.7580993408473766  # SELU's scale times its alpha: minus the value that a dropped unit is set to


def _check(input: Any, p: float, training: bool, name: str) -> None:
    expect_tensor(input, name)
    expect_bool(training, name, "train", 3)
    outside = p < 0.0 or p > 1.0
    error = ValueError if outside else RuntimeError  # nan
    check(not outside and p == p, lambda: f"dropout probability has to be between 0 and 1, but got {p}", error)


def _noise(input: Any, p: float, feature: bool) -> Any:
    """The mask for input, one value a channel for feature dropout."""
    xp = input.device.xp
    check(input.ndim >= 2 or not feature, lambda: "Feature dropout requires at least 2 dimensions in the input")
    kind = input._array.dtype
    like = xp.empty((*input.shape[:2], *(1,) * (input.ndim - 2)), kind) if feature else input._array
    engine = philox_of(like)
    if engine is not None:
        return wrap(philox_draws.dropout_noise(engine, like, p), input.device)
    return wrap(xp.asarray(dropout_noise(default_generator, like, p)), input.device)


def _fused(input: Any, p: float, engine: Philox) -> Any:
    """input m / (1 - p) as one kernel of torch's computes it: for the half types in float32, rounded once."""
    noise = wrap(philox_draws.fused_dropout_noise(engine, input._array, p), input.device)
    if input._array.dtype in _dtype.HALF:
        return (input.to(_dtype.float32) * noise).to(input.dtype)
    return input * noise


def _multiply(input: Any, factor: Any, inplace: bool) -> Any:
    return update(input, mul, factor) if inplace else input * factor


def _drop(input: Any, p: float, training: bool, inplace: bool, feature: bool) -> Any:
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return _multiply(input, _zero(input), inplace)
    _check_kind(input)
    engine = None if inplace or feature else philox_of(input._array)
    if engine is not None:
        return _fused(input, p, engine)
    return _multiply(input, _noise(input, p, feature), inplace)


def _zero(input: Any) -> Any:
    """What everything is multiplied by where all is dropped: nan and infinities become nan, as in torch."""
    return wrap(input.device.xp.zeros((), input._array.dtype), input.device)


def _check_kind(input: Any) -> None:
    check(
        input.is_floating_point(),
        lambda: f"dropout(): result type Float can't be cast to the desired output type {type_name(input.dtype)}",
    )


def _batched(input: Any, p: float, training: bool, inplace: bool) -> Any:
    """Feature dropout of one sample without a batch dimension."""
    out = _drop(input.unsqueeze_(0) if inplace else input.unsqueeze(0), p, training, inplace, feature=True)
    return out.squeeze_(0) if inplace else out.squeeze(0)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """x m with m = 0 with probability p, else 1 / (1 - p), drawn for every element; x itself in evaluation.

    >>> import refnet
    >>> _ = refnet.manual_seed(0)
    >>> refnet.nn.functional.dropout(refnet.ones(5))
    tensor([0., 0., 2., 0., 0.])
    """
    _check(input, p, training, "dropout")
    return _drop(input, p, training, inplace, feature=False)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels of (N, C, L) or (C, L)."""
    _check(input, p, training, "dropout1d")
    check(
        input.ndim in (2, 3),
        lambda: (
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        ),
    )
    if input.ndim == 2:
        return _batched(input, p, training, inplace)
    return _drop(input, p, training, inplace, feature=True)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels of (N, C, H, W); of (N, C, ...) in general, with torch's warnings."""
    _check(input, p, training, "dropout2d")
    if input.ndim not in (3, 4):
        _warn_rank("dropout2d", input.ndim, 2)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            UserWarning,
            stacklevel=2,
        )
    return _drop(input, p, training, inplace, feature=True)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W); of (C, ...) in general, with torch's warning."""
    _check(input, p, training, "dropout3d")
    if input.ndim not in (4, 5):
        _warn_rank("dropout3d", input.ndim, 3)
    if input.ndim == 5:
        return _drop(input, p, training, inplace, feature=True)
    return _batched(input, p, training, inplace)


def _warn_rank(name: str, rank: int, dims: int) -> None:
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an error in a future release. "
        f"To retain the behavior and silence this warning, please use dropout instead. Note that {name} exists to provide "
        f"channel-wise dropout on inputs with {dims} spatial dimensions, a channel dimension, and an optional batch "
        f"dimension (i.e. {dims + 1}D or {dims + 2}D inputs).",
        UserWarning,
        stacklevel=3,
    )


def _alpha_drop(input: Any, p: float, training: bool, inplace: bool, feature: bool) -> Any:
    """x m a + b: dropped units take SELU's lower limit, and a and b restore mean and variance."""
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return _multiply(input, _zero(input), inplace)
    _check_kind(input)
    kept = _kept(input, p, feature)
    a = 1 / ((_ALPHA**2 * p + 1) * (1 - p)) ** 0.5
    shift = (kept - 1) * (_ALPHA * a) + _ALPHA * a * p
    out = _multiply(input, kept * a, inplace)
    return out.add_(shift) if inplace else out + shift


def _kept(input: Any, p: float, feature: bool) -> Any:
    """1 where an element (or channel) is kept, 0 where it is dropped."""
    noise = _noise(input, p, feature)
    return (noise != 0).to(input.dtype)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean 0 and variance 1 of SELU activations (Klambauer et al. 2017)."""
    _check(input, p, training, "alpha_dropout")
    return _alpha_drop(input, p, training, inplace, feature=False)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    _check(input, p, training, "feature_alpha_dropout")
    return _alpha_drop(input, p, training, inplace, feature=True)
