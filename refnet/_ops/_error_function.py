"""The error function and its complement on float64 arrays, to about one and two units in the last place.

Five intervals of |x|, each with a rational approximation. The divisions and coefficients are those that K. C. Ng found
for Sun's FDLIBM (1993), which most C libraries use; its documentation derives them.
"""

from typing import Any

Array = Any

# |x| < 27/32: erf x = x + x P(x^2) / Q(x^2). Coefficients from the constant one on.
_NEAR = 0.84375
_NEAR_P = (
    1.28379167095512558561e-1, -3.25042107247001499370e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
    -2.37630166566501626084e-5,
)  # fmt: skip
_NEAR_Q = (
    1.0, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
    -3.96022827877536812320e-6,
)  # fmt: skip
# |x| < 5/4: erf |x| = c + P(s) / Q(s), s = |x| - 1, c close to erf 1 and of few digits.
_ONE = 1.25
_AT_ONE = 8.45062911510467529297e-1
_ONE_P = (
    -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
    -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.16637559486879084300e-3,
)  # fmt: skip
_ONE_Q = (
    1.0, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
    1.36370839120290507362e-2, 1.19844998467991074170e-2,
)  # fmt: skip
# Beyond: erfc |x| = e^(-x^2 - 9/16 + P(s) / Q(s)) / |x|, s = 1 / x^2, below and from 1 / 0.35 on.
_FAR = 1 / 0.35
_FAR_P = (
    -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
    -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592e0,
)  # fmt: skip
_FAR_Q = (
    1.0, 1.96512716674392571292e1, 1.37657754143519042600e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
    4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135e0, -6.04244152148580987438e-2,
)  # fmt: skip
_TAIL_P = (
    -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
    -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2,
)  # fmt: skip
_TAIL_Q = (
    1.0, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
    2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
)  # fmt: skip
_LAST = 28.0  # erfc is 0 in float64 from 27.3 on


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Horner's rule; the constant coefficient comes first."""
    value: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


def _ratio(x: Array, p: tuple[float, ...], q: tuple[float, ...]) -> Array:
    return _polynomial(x, p) / _polynomial(x, q)


def _tail(xp: Any, y: Array) -> Array:
    """erfc y for y >= 5/4. e^(-y^2) is split at the float32 h next to y, whose square is exact."""
    y = xp.clip(y, _ONE, _LAST)
    s = 1 / (y * y)
    ratio = xp.where(y < _FAR, _ratio(s, _FAR_P, _FAR_Q), _ratio(s, _TAIL_P, _TAIL_Q))
    h = y.astype(xp.float32).astype(xp.float64)
    return xp.exp(-h * h - 0.5625) * xp.exp((h - y) * (h + y) + ratio) / y


def _parts(xp: Any, x: Array) -> tuple[Array, Array, Array, Array]:
    """|x|, and what the three intervals need: P / Q near 0, P / Q near 1, and erfc beyond."""
    y = xp.abs(x)
    near = xp.clip(x, -_NEAR, _NEAR)
    at_one = xp.clip(y, _NEAR, _ONE) - 1
    return y, _ratio(near * near, _NEAR_P, _NEAR_Q), _ratio(at_one, _ONE_P, _ONE_Q), _tail(xp, y)


def erf(xp: Any, x: Array) -> Array:
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, for a float64 array."""
    y, near, one, tail = _parts(xp, x)
    beyond = xp.where(y < _ONE, _AT_ONE + one, 1 - tail)
    return xp.where(y < _NEAR, x + x * near, xp.copysign(beyond, x))


def erfc(xp: Any, x: Array) -> Array:
    """1 - erf(x), for a float64 array, without cancellation."""
    y, near, one, tail = _parts(xp, x)
    left = 1 - (x + x * near)
    right = 0.5 - ((x - 0.5) + x * near)  # for x >= 1/4, where 1 - x would lose a digit
    at_one = xp.where(x < 0, 1 + (_AT_ONE + one), (1 - _AT_ONE) - one)
    beyond = xp.where(x < 0, 2 - tail, tail)
    return xp.where(y < _NEAR, xp.where(x < 0.25, left, right), xp.where(y < _ONE, at_one, beyond))
