"""A batch norm in evaluation mode is affine: it can be folded into the layer before it.

With s = gamma / sqrt(var + eps), per channel: (W x + b - mean) s + beta = (s W) x + ((b - mean) s + beta).
"""

import copy
from functools import partial
from typing import Any

from refnet._check import check
from refnet._ops.pointwise import rsqrt
from refnet.creation import ones_like, zeros_like
from refnet.nn.parameter import Parameter


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of `conv` that does what `conv` and `bn` do one after the other, both in evaluation mode.

    transpose: whether it is a transposed convolution, whose output channels are dimension 1 of the weight.

    >>> import refnet
    >>> conv, bn = refnet.nn.Conv2d(1, 2, 3).eval(), refnet.nn.BatchNorm2d(2).eval()
    >>> x = refnet.ones(1, 1, 4, 4)
    >>> refnet.allclose(fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
    True
    """
    return _fused(conv, bn, partial(fuse_conv_bn_weights, transpose=transpose))


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of `linear` that does what `linear` and `bn` do one after the other, both in evaluation mode.

    Raises AssertionError unless `bn` has as many features as `linear` has outputs, or one.
    """
    outputs, features = getattr(linear, "out_features", None), getattr(bn, "num_features", None)
    check(
        features in (outputs, 1),
        lambda: (
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, "
            f"got linear.out_features={outputs} and bn.num_features={features}"
        ),
        AssertionError,
    )
    return _fused(linear, bn, fuse_linear_bn_weights)


def _fused(layer: Any, bn: Any, fuse: Any) -> Any:
    check(not (layer.training or bn.training), lambda: "Fusion only for eval!", AssertionError)
    made = copy.deepcopy(layer)
    check(
        bn.running_mean is not None and bn.running_var is not None,
        lambda: "bn.running_mean and bn.running_var must not be None",
        AssertionError,
    )
    moments = (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    made.weight, made.bias = fuse(made.weight, made.bias, *moments)
    return made


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of a convolution with a batch norm of these statistics, scale and shift folded in."""
    weight_dtype = conv_w.dtype
    bias_dtype = weight_dtype if conv_b is None else conv_b.dtype
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    scale = ones_like(bn_rm) if bn_w is None else bn_w
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    inverse = rsqrt(bn_rv + bn_eps)
    along = [1, -1] if transpose else [-1, 1]
    along += [1] * (conv_w.ndim - 2)
    weight = (conv_w * (scale * inverse).reshape(along)).to(weight_dtype)
    bias_fused = ((bias - bn_rm) * inverse * scale + shift).to(bias_dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(bias_fused, bias.requires_grad)


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """The weight and bias of a linear layer with a batch norm of these statistics, scale and shift folded in."""
    weight_dtype = linear_w.dtype
    bias_dtype = weight_dtype if linear_b is None else linear_b.dtype
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * rsqrt(bn_rv + bn_eps)
    weight = linear_w * scale.unsqueeze(-1).to(weight_dtype)
    bias_fused = ((bias - bn_rm) * scale + bn_b).to(bias_dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(bias_fused, bias.requires_grad)
