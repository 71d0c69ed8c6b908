"""Bessel functions, and Airy's. Those that torch differentiates, and those that it does not."""

from conformance.cases import FORWARD, Case, args, normal, ops, positive, refuses, uniform, values

WITH_GRADIENT = ("i0", "special.i0e", "special.i1", "special.i1e")
EVERYWHERE = ("bessel_j0", "bessel_j1", "modified_bessel_i0", "modified_bessel_i1", "spherical_bessel_j0", "airy_ai")
POSITIVE = (
    "bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
)  # fmt: skip
EDGES = values([0.0, -0.0, float("nan")])


def cases() -> list[Case]:
    """Both sides of the places where the approximations meet (4.5, 5 and 8), and the edges."""
    found: list[Case] = []
    for name in WITH_GRADIENT:
        found += ops(name, [args(normal(3, 5)), args(uniform(9, low=6, high=12)), args(uniform(7, low=-12, high=-6))])
        found += ops(name, [args(normal(9))], dtypes=("float64",))
        found += ops(name, [args(EDGES)], checks=FORWARD, layouts=(), exact=True)
        found += refuses(name, [args([1.0])])
    found += ops("i0", [args(normal(9))], dtypes=("float16", "bfloat16"), checks=FORWARD)
    for name in EVERYWHERE:
        found += ops(f"special.{name}", [args(normal(3, 5)), args(uniform(17, low=-12, high=12))], checks=FORWARD)
        found += ops(f"special.{name}", [args(uniform(9, low=-4, high=4))], dtypes=("float64",), checks=FORWARD)
        found += ops(f"special.{name}", [args(EDGES)], checks=FORWARD, layouts=(), exact=True)
        found += refuses(f"special.{name}", [args(normal(2).to("float16")), args([1.0])])
    for name in POSITIVE:
        found += ops(f"special.{name}", [args(positive(3, 5)), args(uniform(17, low=2, high=12))], checks=FORWARD)
        found += ops(
            f"special.{name}", [args(values([0.0, -1.0, float("nan")]))], checks=FORWARD, layouts=(), exact=True
        )
        found += refuses(f"special.{name}", [args(positive(2).to("bfloat16")), args([1.0])])
    return found


CASES = cases()
