"""Order: medians, quantiles and their like, distinct elements, positions among edges, counts."""

from conformance.cases import (
    CHECKS,
    FORWARD,
    GAPPED,
    HALVES,
    INTEGERS,
    LAYOUTS,
    MEMORY_FORMAT,
    TRANSPOSED,
    Case,
    args,
    distinct,
    integers,
    normal,
    ops,
    positive,
    refuses,
    special,
    tied,
    values,
)

# Repeated rows make ties, and which of equal numbers is chosen torch leaves open.
KEEPING = (TRANSPOSED, GAPPED)
NAN = float("nan")


def statistics() -> list[Case]:
    """kthvalue, median, mode, quantile."""
    cases = ops(
        "kthvalue",
        [
            args(distinct(1), 1),
            args(distinct(9), 3),
            args(distinct(4, 5), 4, 0),
            args(distinct(4, 5), 2, -1, True),
            args(distinct(4, 5), 1, keepdim=True),
            args(normal(), 1),
        ],
        layouts=KEEPING,
    )
    cases += ops("kthvalue", [args(values([2.0, NAN, 1.0]), k) for k in (1, 2, 3)], checks=FORWARD)
    cases += refuses("kthvalue", [args(normal(3), 0), args(normal(3), 4), args(normal(3, 0), 1), args(normal(3), 1, 2)])
    for name in ("median", "nanmedian"):
        cases += ops(
            name,
            [
                args(distinct(9)),
                args(distinct(2, 4)),
                args(distinct(4, 5), 0),
                args(distinct(4, 5), 1, True),
                args(normal()),
            ],
            layouts=KEEPING,
        )
        cases += ops(
            name, [args(values([[1.0, NAN, 3.0], [2.0, 5.0, 4.0]]), *dim) for dim in ((), (1,), (0,))], layouts=KEEPING
        )
        cases += ops(name, [args(values([NAN, NAN])), args(values([NAN, NAN]), 0)], checks=FORWARD)
        cases += ops(name, [args(tied(4, 4))])  # all that are equal share the gradient
        cases += ops(name, [args(distinct(9)), args(distinct(3, 5), 1)], dtypes=(*HALVES, "float64"), layouts=KEEPING)
        cases += ops(name, [args(integers(3, 5, high=9))], dtypes=INTEGERS, checks=FORWARD)
        cases += refuses(name, [args(normal(3, 0), 1), args(normal(3), 2)])
    cases += ops(
        "mode",
        [
            args(values([2.0, 1.0, 2.0, 1.0, 3.0])),
            args(values([[3.0, 1.0, 1.0], [3.0, 1.0, 2.0]]), 0),
            args(values([[3.0, 1.0, 1.0], [3.0, 3.0, 2.0]]), 1, True),
            args(normal()),
        ],
        layouts=KEEPING,
    )
    cases += ops("mode", [args(integers(4, 6, high=3))], dtypes=INTEGERS, checks=FORWARD)
    cases += refuses("mode", [args(normal(3, 0)), args(normal(3), 2)])
    cases += ops(
        "msort",
        [args(distinct(5, 3)), args(distinct(7)), args(normal())],
        layouts=KEEPING,
        checks=CHECKS - {MEMORY_FORMAT},
    )
    return cases


def quantiles() -> list[Case]:
    """Interpolated, over all or along a dimension, for one q or several."""
    several = values([0.0, 0.3, 1.0]).fixed()
    cases: list[Case] = []
    for name in ("quantile", "nanquantile"):
        cases += ops(
            name,
            [
                args(distinct(7), 0.4),
                args(distinct(3, 5), several),
                args(distinct(3, 5), several, 1),
                args(distinct(3, 5), several, 0, True),
                args(distinct(3, 5), 0.25, -1, True),
                args(distinct(3, 5), 0.6, None, True),
                args(normal(), 0.5),
            ],
            layouts=KEEPING,
        )
        for interpolation in ("lower", "higher", "midpoint", "nearest"):
            cases += ops(name, [args(distinct(6), several, interpolation=interpolation)], layouts=KEEPING)
        cases += ops(name, [args(values([[1.0, NAN, 3.0, 2.0], [2.0, 5.0, 4.0, 1.0]]), 0.4, 1)], checks=FORWARD)
        cases += ops(name, [args(distinct(6), values([0.2, 0.7]).fixed())], dtypes=("float64",), layouts=KEEPING)
        cases += refuses(
            name,
            [
                args(normal(3), 1.5),
                args(normal(0), 0.5),
                args(normal(3), values([[0.5]])),
                args(normal(3), values([2.0])),
                args(normal(3), 0.5, interpolation="cubic"),
                args(integers(3, high=5), 0.5),
            ],
        )
    return cases


def distinct_elements() -> list[Case]:
    """unique and unique_consecutive."""
    rows = values([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 1.0]])
    options = {"return_inverse": True, "return_counts": True}
    cases = ops("unique", [args(tied(3, 4)), args(tied(9), **options), args(rows, dim=0, **options)], checks=FORWARD)
    cases += ops("unique", [args(rows, return_inverse=True, dim=1), args(normal(0)), args(normal())], checks=FORWARD)
    cases += ops("unique", [args(values([NAN, 1.0, NAN, 1.0]), **options)], checks=FORWARD)
    cases += ops("unique", [args(integers(9, high=4), **options)], dtypes=(*INTEGERS, "bool"), checks=FORWARD)
    row = values([1.0, 1.0, 2.0, 2.0, 2.0, 1.0])
    cases += ops(
        "unique_consecutive", [args(row), args(row, **options), args(normal(0)), args(normal())], checks=FORWARD
    )
    cases += ops(
        "unique_consecutive", [args(rows, dim=0, **options), args(rows, return_inverse=True, dim=1)], checks=FORWARD
    )
    cases += refuses("unique", [args(normal(3), dim=1), args(normal(2, 0), dim=0)])
    return cases


def places() -> list[Case]:
    """Among edges, among elements, in bins."""
    edges = values([-1.0, 0.0, 0.0, 1.5])
    found = values([[-2.0, -1.0, 0.0], [0.5, 1.5, 9.0]])
    cases = ops(
        "searchsorted",
        [args(edges, found), args(edges, found, right=True), args(edges, found, side="right")],
        checks=FORWARD,
    )
    cases += ops(
        "searchsorted", [args(edges, found, out_int32=True), args(edges, 0.0), args(edges, special())], checks=FORWARD
    )
    table = values([[1.0, 3.0, 5.0], [0.0, 0.0, 2.0]])
    cases += ops(
        "searchsorted", [args(table, values([[3.0, 6.0], [0.0, -1.0]]), right=r) for r in (False, True)], checks=FORWARD
    )
    order = values([2, 0, 1], "int64")
    cases += ops("searchsorted", [args(values([2.0, 3.0, 1.0]), values([2.0, 2.5]), sorter=order)], checks=FORWARD)
    cases += ops(
        "searchsorted", [args(edges, values([1, 0], "int64")), args(order, values([0.5, 1.0]))], checks=FORWARD
    )
    cases += ops("searchsorted", [args(values([1, 3, 5]), values([3, 4]))], dtypes=INTEGERS, checks=FORWARD)
    cases += refuses(
        "searchsorted",
        [
            args(table, values([[3.0]])),
            args(table, 1.0),
            args(edges, found, side="middle"),
            args(edges, found, right=True, side="left"),
            args(values([2.0, 3.0, 1.0]), values([2.0]), sorter=values([0, 1], "int64")),
        ],
    )
    cases += ops("bucketize", [args(found, edges), args(found, edges, right=True), args(0.5, edges)], checks=FORWARD)
    cases += refuses("bucketize", [args(found, table)])
    three = integers(3, 4, high=5)
    cases += ops("isin", [args(three, integers(3, high=5)), args(three, 2), args(3, three)], checks=FORWARD)
    cases += ops(
        "isin", [args(three, integers(2, high=5), invert=True), args(values([1.0, NAN]), values([NAN]))], checks=FORWARD
    )
    cases += ops("bincount", [args(integers(9, high=5)), args(integers(4, high=3), minlength=6)], checks=FORWARD)
    cases += ops("bincount", [args(integers(9, high=5), normal(9).fixed()), args(values([], "int64"))], checks=FORWARD)
    cases += ops(
        "bincount", [args(integers(9, high=5), normal(9).fixed())], dtypes=("float64", "int32"), checks=FORWARD
    )
    cases += refuses(
        "bincount", [args(values([-1], "int64")), args(integers(2, 2, high=3)), args(integers(3, high=3), normal(2))]
    )
    cases += ops(
        "histc", [args(normal(40), 7), args(normal(40), 5, -1, 1), args(positive(9), bins=3, max=2)], checks=FORWARD
    )
    cases += ops(
        "histc", [args(values([1.0, 1.0]), 4), args(normal(9), 4, -2, 2)], dtypes=("float32", "float64"), checks=FORWARD
    )
    cases += refuses("histc", [args(normal(3), 0), args(normal(3), 4, 2, 1)])
    return cases


def positions() -> list[Case]:
    """Where elements are not 0, with a size that does not depend on them; flat positions as positions."""
    x = values([[0.0, 2.0], [3.0, 0.0]])
    cases = ops("argwhere", [args(x), args(normal()), args(values([0.0, 0.0]))], checks=FORWARD - {MEMORY_FORMAT})
    cases += ops(
        "nonzero_static",
        [args(x, size=1), args(x, size=4), args(x, size=3, fill_value=7)],
        checks=FORWARD - {MEMORY_FORMAT, LAYOUTS},
    )
    cases += refuses("nonzero_static", [args(x, size=-1)])
    flat = integers(2, 3, high=24)
    cases += ops(
        "unravel_index", [args(flat, (2, 3, 4)), args(flat, 24), args(flat.to("int32"), (4, 6))], checks=FORWARD
    )
    cases += refuses("unravel_index", [args(normal(2), (2, 3)), args(flat, (2, -1)), args(flat, (2.5,))])
    cases += ops("unravel_index", [args(flat.to("uint8"), [5, 5])], checks=FORWARD)
    return cases


CASES = [*statistics(), *quantiles(), *distinct_elements(), *places(), *positions()]
