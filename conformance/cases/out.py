"""`out=`: the result is written into a tensor that is given, and that tensor is returned."""

from typing import Any

from conformance.cases import (
    FORWARD,
    GAPPED,
    MEMORY_FORMAT,
    TRANSPOSED,
    Arguments,
    Case,
    args,
    booleans,
    distinct,
    integers,
    normal,
    ops,
    positive,
    refuses,
    special,
    uniform,
    values,
)


def _like(torch: Any, found: Any, kind: str) -> Any:
    """Something to write a result into: of its shape, empty (and then resized), or in column-major order."""
    if isinstance(found, tuple):
        return tuple(_like(torch, part, kind) for part in found)
    if kind == "empty":
        return torch.empty(0, dtype=found.dtype)
    if kind == "transposed" and found.dim() > 1:
        return torch.full(tuple(found.shape[::-1]), 7, dtype=found.dtype).permute(*range(found.dim())[::-1])
    return torch.full(tuple(found.shape), 7, dtype=found.dtype)


def into_out(torch: Any, *operands: Any, function: str, **parameters: Any) -> Any:
    """Three outs of the result's dtype; whether what is returned is the out, and whether a view of it sees the result."""
    call = getattr(torch, function)
    plain = call(*operands, **parameters)
    found: list[Any] = []
    for kind in ("full", "empty", "transposed"):
        out = _like(torch, tuple(plain) if isinstance(plain, tuple) else plain, kind)
        returned = call(*operands, out=out, **parameters)
        parts = zip(returned, out, strict=True) if isinstance(out, tuple) else [(returned, out)]
        for one, given in parts:
            found += [one.data_ptr() == given.data_ptr(), given]
    return found


def wider(torch: Any, *operands: Any, function: str, **parameters: Any) -> Any:
    """An out of a wider dtype: the result is converted on its way in."""
    call = getattr(torch, function)
    plain = call(*operands, **parameters)
    out = torch.zeros(tuple(plain.shape), dtype=torch.float64)
    returned = call(*operands, out=out, **parameters)
    return returned is out, out.dtype, out.to(plain.dtype)  # the numbers are those of the narrower dtype


MATRIX = normal(3, 4)
ROWS: dict[str, list[Arguments]] = {
    # element by element
    "tanh": [args(MATRIX)],
    "add": [args(MATRIX, normal(4)), args(MATRIX, normal(4), alpha=2)],
    "mul": [args(MATRIX, 2.0)],
    "div": [args(MATRIX, positive(4)), args(MATRIX, positive(4), rounding_mode="floor")],
    "pow": [args(positive(3, 4), 1.5)],
    "frac": [args(MATRIX)],
    "deg2rad": [args(MATRIX)],
    "rad2deg": [args(MATRIX)],
    "logit": [args(uniform(3, 4, low=0.1, high=0.9)), args(uniform(3, 4), eps=0.2)],
    "nan_to_num": [args(special()), args(normal(3, 4).to("int64"))],
    "clamp": [args(MATRIX, -0.5, 0.5), args(MATRIX, min=0.1), args(MATRIX, max=0.1)],
    "where": [args(booleans(3, 4), MATRIX, normal(4))],
    "lerp": [args(MATRIX, MATRIX, 0.3), args(MATRIX, MATRIX, uniform(3, 4))],
    "addcmul": [args(MATRIX, MATRIX, MATRIX, value=2)],
    "addcdiv": [args(MATRIX, MATRIX, positive(3, 4), value=2)],
    "eq": [args(MATRIX, 0.0)],
    "logical_and": [args(MATRIX, booleans(3, 4))],
    "bitwise_and": [args(booleans(3, 4), booleans(3, 4))],
    # along dimensions
    "sum": [args(MATRIX, 1), args(MATRIX, (0, 1), keepdim=True)],
    "nansum": [args(MATRIX, 1)],
    "mean": [args(MATRIX, 1), args(MATRIX, 0, keepdim=True)],
    "prod": [args(MATRIX, 1)],
    "amax": [args(MATRIX, 1), args(MATRIX)],
    "amin": [args(MATRIX, 1)],
    "aminmax": [args(distinct(3, 4), dim=1)],
    "max": [args(distinct(3, 4), 1), args(MATRIX, MATRIX)],
    "min": [args(distinct(3, 4), 1), args(MATRIX, MATRIX)],
    "argmax": [args(distinct(3, 4), 1), args(distinct(3, 4))],
    "argmin": [args(distinct(3, 4), 1)],
    "all": [args(booleans(3, 4), 1), args(booleans(3, 4))],
    "any": [args(booleans(3, 4), 1), args(booleans(3, 4))],
    "logsumexp": [args(MATRIX, 1)],
    "norm": [args(MATRIX, 2, 1)],
    "cumsum": [args(MATRIX, 1)],
    "cumprod": [args(MATRIX, 0)],
    "softmax": [args(MATRIX, 1)],
    "log_softmax": [args(MATRIX, 1)],
    "sort": [args(distinct(3, 4), 1), args(distinct(3, 4), 0, True)],
    "argsort": [args(distinct(3, 4), dim=1, stable=True)],
    "topk": [args(distinct(3, 4), 2, 1)],
    # products
    "mm": [args(normal(3, 4), normal(4, 2))],
    "bmm": [args(normal(2, 3, 4), normal(2, 4, 2))],
    "mv": [args(normal(3, 4), normal(4))],
    "dot": [args(normal(4), normal(4))],
    "outer": [args(normal(3), normal(4))],
    "matmul": [args(normal(3, 4), normal(4, 2)), args(normal(4), normal(4, 2))],
    "addmm": [args(normal(2), normal(3, 4), normal(4, 2), beta=0.5, alpha=2)],
    "addmv": [args(normal(3), normal(3, 4), normal(4), beta=0.5, alpha=2)],
    "baddbmm": [args(normal(2, 3, 2), normal(2, 3, 4), normal(2, 4, 2), beta=0.5, alpha=2)],
    "tensordot": [args(normal(3, 4), normal(4, 2), dims=1)],
    # indices and shapes
    "gather": [args(MATRIX, 1, integers(3, 2, high=4))],
    "scatter_add": [args(MATRIX, 1, values([[0, 1], [2, 3], [1, 0]], "int64"), normal(3, 2))],
    "index_select": [args(MATRIX, 1, values([3, 0], "int64"))],
    "index_add": [args(MATRIX, 1, values([3, 0], "int64"), normal(3, 2), alpha=2)],
    "index_copy": [args(MATRIX, 1, values([3, 0], "int64"), normal(3, 2))],
    "masked_select": [args(normal(5), values([1, 0, 1, 1, 0], "bool"))],
    "nonzero": [args(booleans(3, 4))],
    "take": [args(MATRIX, values([[0, 11], [5, 5]], "int64"))],
    "take_along_dim": [args(MATRIX, integers(3, 2, high=4), 1)],
    "cat": [args([normal(2, 3), normal(1, 3)])],
    "stack": [args([normal(2, 3), normal(2, 3)], 1)],
}


def _fixed(row: Arguments, function: str) -> Arguments:
    """The row as the program takes it."""
    return Arguments(row.args, row.kwargs | {"function": function})


def written() -> list[Case]:
    """Every function that takes `out=`."""
    # torch's out-functions have no gradient, and the strides of a resized out are an accident of its kernels.
    return [
        case
        for function, rows in ROWS.items()
        for case in ops(
            "into out",
            [_fixed(row, function) for row in rows],
            program=into_out,
            checks=FORWARD - {MEMORY_FORMAT},
            layouts=(TRANSPOSED, GAPPED),
        )
    ]


WIDER = ops(
    "into a wider out",
    [_fixed(ROWS[name][0], name) for name in ("tanh", "add", "deg2rad", "addcmul")],
    program=wider,
    checks=FORWARD,
    layouts=(),
)


def refused_out(torch: Any, x: Any, out: Any, *, function: str, grad: str = "") -> Any:
    """`function(x, out=out)`, where `grad` names who requires a gradient."""
    if "x" in grad:
        x.requires_grad_()
    if "out" in grad:
        out.requires_grad_()
    return getattr(torch, function)(x, out=out)


ERRORS = [
    *[
        case
        for function in ("tanh", "deg2rad", "frac")
        for case in refuses(
            "refused out",
            [
                args(normal(3), 1.0, function=function).naming("out", "Tensor", "float"),
                args(normal(3), normal(3), function=function, grad="x").naming("out=", "requires grad"),
                args(normal(3), normal(3), function=function, grad="out").naming("out=", "requires grad"),
            ],
            program=refused_out,
        )
    ],
    *refuses(
        "refused out",
        [args(normal(3), normal(3).to("int64"), function=function) for function in ("tanh", "deg2rad")],
        program=refused_out,
    ),
    *refuses(
        "refused out", [args(normal(3).to("float64"), normal(3).to("bool"), function="tanh")], program=refused_out
    ),
]

CASES = [*written(), *WIDER, *ERRORS]
