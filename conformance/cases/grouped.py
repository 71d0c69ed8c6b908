"""Matrix products by groups."""

from typing import Any

from conformance.cases import CHECKS, LAYOUTS, args, normal, ops, refuses, values


def products(torch: Any, a: Any, b: Any, ends: Any = None) -> Any:
    """grouped_mm; group by group at float64, which torch has no kernel for."""
    if a.dtype is not torch.float64:
        return torch.nn.functional.grouped_mm(a, b, offs=ends)
    if ends is None:
        return a @ b
    last = ends.tolist()
    spans = [slice(start, end) for start, end in zip([0, *last], last, strict=False)]
    if a.dim() == b.dim():
        return torch.stack([a[:, span] @ b[span] for span in spans])
    if b.dim() == 3:
        return torch.cat([a[span] @ b[g] for g, span in enumerate(spans)])
    return torch.cat([a[g] @ b[:, span] for g, span in enumerate(spans)], 1)


# torch wants rows that begin at multiples of 16 bytes, which other layouts do not give.
ROWS = [
    args(normal(9, 8), normal(3, 8, 16), values([2, 2, 9], "int32")),
    args(normal(3, 5, 8), normal(8, 16), values([4, 5, 16], "int32")),
    args(normal(4, 16), normal(16, 8), values([0, 7, 16], "int32")),
    args(normal(2, 5, 8), normal(2, 8, 16)),
]
X, Y, ENDS = normal(4, 8), normal(2, 8, 16), values([1, 4], "int32")
CASES = [
    *ops(
        "products by groups",
        ROWS,
        program=products,
        dtypes=("float32", "float16", "bfloat16"),
        checks=CHECKS - {LAYOUTS},
    ),
    *refuses(
        "nn.functional.grouped_mm",
        [
            args(X, Y),
            args(Y, normal(2, 16, 8), offs=ENDS),
            args(X, Y, offs=ENDS.to("int64")),
            args(X, Y, offs=values([[1, 4]], "int32")),
            args(X, Y, offs=values([1, 2, 4], "int32")),
            args(X, normal(2, 16, 8), offs=ENDS),
            args(normal(3, 4, 8), Y),
            args(normal(8), Y, offs=ENDS),
            args(X, Y, offs=ENDS, bias=normal(16)),
            args(X.to("float64"), Y.to("float64"), offs=ENDS),
            args(X.to("int64"), Y.to("int64"), offs=ENDS),
            args([1.0], Y, offs=ENDS),
        ],
    ),
]
