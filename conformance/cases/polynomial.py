"""Orthogonal polynomials. Degrees are numbers or tensors; there are no gradients."""

from conformance.cases import FORWARD, args, integers, ops, refuses, uniform, values

FAMILIES = (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
)  # fmt: skip

CASES = [
    case
    for name in FAMILIES
    for case in (
        *ops(f"special.{name}", [args(uniform(7, low=-0.9, high=0.9), n) for n in (0, 1, 2, 7, 12)], checks=FORWARD),
        *ops(
            f"special.{name}",
            [args(uniform(3, 5, low=-2, high=2), integers(5, low=-1, high=9)), args(0.25, integers(4, high=8))],
            checks=FORWARD,
        ),
        *ops(f"special.{name}", [args(uniform(7, low=0.1, high=0.9), 5)], dtypes=("float64",), checks=FORWARD),
        *ops(
            f"special.{name}",
            [args(values([1.0, -1.0, 0.0, 1.0, -1.0, 0.0]), values([3.0, 3.7, 5.0, 12.0, 11.0, -2.0]).fixed())],
            checks=FORWARD,
            layouts=(),
            label="ends",
        ),
        *refuses(f"special.{name}", [args(uniform(2).to("float16"), uniform(2).to("float16"))]),
    )
]
