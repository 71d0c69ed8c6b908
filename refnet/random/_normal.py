"""Normal values in torch's three ways: blocks of 16 in float32, the same in float64, and one pair at a time.

All are the transform of G. Box and M. Muller (1958): for independent u1, u2 uniform on (0, 1],

    r = sqrt(-2 log u1),  t = 2 pi u2,  r cos t and r sin t are independent standard normals.
"""

import math
from typing import Any

import numpy

from refnet.random import _cephes
from refnet.random._fma import fma32, fma64
from refnet.random.mt19937 import MT19937

Array = Any

BLOCK = 16  # values that torch's dense fill makes at a time, from 8 radii and 8 angles
_TAU32 = numpy.float32(2 * math.pi)


def blocks32(u: Array, mean: float, std: float) -> Array:
    """Normals from 16 k float32 uniforms in [0, 1): of each 16, eight are radii and eight angles."""
    pairs = u.reshape(-1, 2, BLOCK // 2)
    r = _cephes.log(numpy.float32(1) - pairs[:, 0])
    r *= numpy.float32(-2)
    numpy.sqrt(r, out=r)
    sin, cos = _cephes.sincos(pairs[:, 1] * _TAU32)
    out = numpy.empty_like(pairs)
    numpy.multiply(r, cos, out=out[:, 0])
    numpy.multiply(r, sin, out=out[:, 1])
    return fma32(out.reshape(-1), numpy.float32(std), numpy.float32(mean))


def blocks64(u: Array, mean: float, std: float) -> Array:
    """`blocks32` in float64, with the logarithm, sine and cosine of the system's C library."""
    pairs = u.reshape(-1, 2, BLOCK // 2)
    radius, angle = pairs[:, 0], pairs[:, 1]
    logs = numpy.fromiter(map(math.log, (1 - radius).ravel().tolist()), numpy.float64, radius.size)
    r = numpy.sqrt(-2 * logs).reshape(radius.shape)
    sin, cos = _sincos(2 * math.pi * angle)
    return fma64(numpy.stack((r * cos, r * sin), axis=1).reshape(-1), std, mean)


def pairwise(engine: MT19937, n: int) -> Array:
    """n standard normals in float64, two from each pair of uniforms; an odd one waits in the engine for the next draw."""
    out = numpy.empty(n)
    with engine.lock:
        start = 0
        if engine.normal is not None and n:
            out[0], engine.normal, start = engine.normal, None, 1
        pairs = (n - start + 1) // 2
        if pairs:
            angle, radius = ((engine.words64(2 * pairs) & (1 << 53) - 1) * 2.0**-53).reshape(-1, 2).T
            logs = numpy.fromiter(map(math.log1p, (-radius).tolist()), numpy.float64, pairs)
            r = numpy.sqrt(-2 * logs)
            sin, cos = _sincos(2 * math.pi * angle)
            values = numpy.stack((r * cos, r * sin), axis=1).reshape(-1)
            out[start:] = values[: n - start]
            if len(values) > n - start:
                engine.normal = float(values[-1])
    return out


def _sincos(t: Array) -> tuple[Array, Array]:
    """Sine and cosine by the C library, which numpy's own vectorised ones do not equal; its complex exp is the library's."""
    turned = numpy.exp(1j * t)
    return turned.imag, turned.real
