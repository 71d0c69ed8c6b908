"""Small families of elementwise functions: logarithms with limits, signs, the floating-point format, divisors."""

from conformance.cases import (
    CHECKS,
    FLOATS,
    FORWARD,
    INTEGERS,
    SECOND,
    Case,
    args,
    away_from,
    integers,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
    uniform,
    values,
)

INF, NAN = float("inf"), float("nan")


def logarithms() -> list[Case]:
    """xlogy and its kind, logaddexp2, the tails of the normal distribution, sinc."""
    cases: list[Case] = []
    for name in ("xlogy", "special.xlog1py"):
        cases += ops(name, [args(normal(3, 4), positive(4)), args(2.0, positive(5)), args(normal(5), 0.5)])
        cases += ops(name, [args(normal(9), positive(9))], dtypes=FLOATS[1:])
        edges = (values([0.0, 0.0, 0.0, 1.0, 1.0, NAN]), values([0.0, NAN, -2.0, 0.0, -2.0, 1.0]))
        cases += ops(name, [args(*edges)], checks=CHECKS - {SECOND}, layouts=(), exact=True)
        cases += refuses(name, [args(2.0, 3.0)])
    cases += ops("special.entr", [args(positive(3, 4)), args(values([0.0, -0.0, -1.0, 1.0, INF, NAN]).fixed())])
    cases += ops("special.entr", [args(positive(9))], dtypes=FLOATS[1:])
    cases += ops("logaddexp2", [args(normal(3, 4), normal(4)), args(normal(5, scale=40), normal(5, scale=40))])
    cases += ops("logaddexp2", [args(normal(9), normal(9))], dtypes=FLOATS[1:])
    cases += refuses("logaddexp2", [args(normal(2), 1.0), args(values([1]).to("int64"), values([1]).to("int64"))])
    cases += ops("special.erfcx", [args(normal(3, 5)), args(uniform(9, low=5, high=60))])
    cases += ops("special.log_ndtr", [args(normal(3, 5)), args(uniform(9, low=-40, high=-5))])
    cases += ops("special.ndtri", [args(uniform(3, 5, low=0.01, high=0.99))])
    cases += ops("special.ndtri", [args(values([0.0, 1.0, 1.5, -0.5, NAN]))], checks=FORWARD, layouts=(), exact=True)
    for name in ("special.erfcx", "special.log_ndtr", "special.ndtri"):
        cases += ops(name, [args(uniform(9, low=0.1, high=0.9))], dtypes=("float64",))
        cases += refuses(name, [args(normal(2).to("float16"))])
    cases += ops("sinc", [args(away_from(3, 5)), args(values([0.0, 1.0, -2.0]))], checks=CHECKS - {SECOND})
    cases += ops("sinc", [args(away_from(9))], dtypes=FLOATS[1:])
    return cases


def signs() -> list[Case]:
    """The sign of one number given to another, steps, infinities, and what complex numbers have."""
    cases = ops("copysign", [args(away_from(3, 4), away_from(4)), args(away_from(5), -1.0), args(normal(5), 2)])
    cases += ops("copysign", [args(away_from(9), away_from(9))], dtypes=FLOATS[1:])
    cases += ops(
        "copysign",
        [args(values([0.0, -0.0, 1.0, NAN]), values([-0.0, 0.0, -0.0, 1.0]))],
        checks=CHECKS - {SECOND},
        layouts=(),
        exact=True,
    )
    cases += ops("copysign", [args(normal(5), normal(5))], dtypes=("int64",), checks=FORWARD)
    cases += refuses("copysign", [args(2.0, normal(3)), args(normal(2), normal(3))])
    cases += ops("heaviside", [args(tied(3, 4).fixed(), normal(4).fixed())], dtypes=(*FLOATS, "int64"), checks=FORWARD)
    cases += ops("heaviside", [args(special().fixed(), values([0.5]).fixed())], checks=FORWARD, layouts=(), exact=True)
    cases += refuses("heaviside", [args(normal(2), normal(2).to("float64")), args(normal(2), 1.0)])
    cases += ops("sgn", [args(special())], checks=FORWARD, layouts=(), exact=True)
    cases += ops("angle", [args(special())], checks=FORWARD, layouts=(), exact=True)
    cases += ops("angle", [args(away_from(3, 4))], dtypes=FLOATS, checks=CHECKS - {SECOND})
    for name in ("isposinf", "isneginf", "isreal"):
        cases += ops(name, [args(special())], dtypes=FLOATS, checks=FORWARD, layouts=())
        cases += ops(name, [args(normal(5))], dtypes=("int64", "bool"), checks=FORWARD)
    for name in ("real", "conj", "resolve_conj", "resolve_neg"):
        cases += ops(name, [args(normal(3, 4))], checks=CHECKS - {SECOND})
    cases += refuses("imag", [args(normal(3))])
    return cases


def numbers() -> list[Case]:
    """Mantissas, neighbours, powers of two and of anything, divisors."""
    cases = ops("frexp", [args(normal(3, 4)), args(normal(5, scale=100))], dtypes=FLOATS, checks=CHECKS - {SECOND})
    cases += refuses("frexp", [args(values([1]).to("int64"))])
    cases += ops("nextafter", [args(normal(3, 4), normal(4))], dtypes=FLOATS, checks=CHECKS - {SECOND})
    cases += ops("nextafter", [args(special().fixed(), values([1.0]).fixed())], checks=FORWARD, layouts=(), exact=True)
    cases += refuses("nextafter", [args(normal(2), 1.0), args(values([1]).to("int64"), values([1]).to("int64"))])
    # torch's gradient is 0 where an integer exponent is negative: it takes 2^exponent in integers
    cases += ops("ldexp", [args(normal(3, 4), integers(4, high=6)), args(normal(5), normal(5))])
    cases += ops("ldexp", [args(normal(5), integers(5, high=6))], dtypes=FLOATS[1:])
    cases += ops("ldexp", [args(normal(5).fixed(), integers(5, low=-5, high=6))], checks=FORWARD)
    cases += ops("ldexp", [args(values([1e-30, 1e30]), values([140, -140]).to("int64"))], checks=FORWARD, label="far")
    cases += refuses("ldexp", [args(normal(2), 1), args(2.0, normal(2))])
    cases += ops("float_power", [args(positive(3, 4), normal(4)), args(positive(5), 2), args(2.0, normal(5))])
    cases += ops("float_power", [args(normal(5), 3)], dtypes=("int64", "float64", "float16"), checks=FORWARD)
    cases += refuses("float_power", [args(2.0, 3.0)])
    for name in ("gcd", "lcm"):
        cases += ops(
            name,
            [args(normal(3, 4), normal(4)), args(values([0, 0, 6]), values([0, 4, 9]))],
            dtypes=INTEGERS,
            checks=FORWARD,
        )
        cases += refuses(name, [args(normal(2), normal(2)), args(values([1]).to("int64"), 2)])
    return cases


CASES = [*logarithms(), *signs(), *numbers()]
