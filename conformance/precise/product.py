"""Products of vectors and matrices: one element of the result from a row and a column."""

from typing import Any

import numpy

from conformance.draw import Array
from conformance.precise.blocks import Blocks, Operand, numbered, operation
from conformance.precise.jet import Jet, dot


def _contracted(a: Operand, b: Operand, left: Array, right: Array, bias: Any = None) -> Blocks:
    """out[...] = sum over k of left[..., k] right[..., k], plus an element of the bias."""
    writes = numbered(left.shape[:-1])[..., None]
    rows, columns = a.with_places(left), b.with_places(right)
    if bias is None:
        return Blocks((rows, columns), writes, lambda x, y: [dot(x, y)])
    added = bias.with_places(numpy.broadcast_to(bias.places, left.shape[:-1])[..., None])
    one = [Jet(1)]
    return Blocks((rows, columns, added), writes, lambda x, y, z: [dot([*x, *one], [*y, *z])])


def _product(a: Operand, b: Operand, bias: Any = None) -> Blocks:
    """As matmul: vectors on either side, and all leading dimensions broadcast."""
    left, right = a.places, b.places
    row, column = left.ndim == 1, right.ndim == 1
    left = left[None] if row else left
    right = right[:, None] if column else right
    right = numpy.swapaxes(right, -1, -2)  # (..., N, K)
    shape = (*numpy.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], *right.shape[-2:])
    wide = numpy.broadcast_to(left[..., :, None, :], shape), numpy.broadcast_to(right[..., None, :, :], shape)
    drop = ([-3] if row else []) + ([-2] if column else [])
    wide_left, wide_right = (numpy.squeeze(side, axis=tuple(drop)) for side in wide)
    return _contracted(a, b, wide_left, wide_right, bias)


@operation("matmul", "mm", "bmm", "mv", "dot")
def matmul(input: Operand, other: Operand) -> Blocks:
    """The matrix product."""
    return _product(input, other)


@operation("linear")
def linear(input: Operand, weight: Operand, bias: Any = None) -> Blocks:
    """x W^T + b."""
    return _product(input, weight.with_places(weight.places.T), bias)


@operation("outer")
def outer(input: Operand, vec2: Operand) -> Blocks:
    """Every product of two elements."""
    shape = (*input.shape, *vec2.shape, 1)
    left = numpy.broadcast_to(input.places[:, None, None], shape)
    return _contracted(input, vec2, left, numpy.broadcast_to(vec2.places[None, :, None], shape))
