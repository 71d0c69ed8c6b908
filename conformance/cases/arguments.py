"""What stands in the place of a tensor and is none: every function says so."""

from conformance.cases import Arguments, Case, args, refuses
from conformance.cases.out import ROWS

# Wrappers and composites: the error comes from whatever they call first.
WRAPPED = ("norm", "tensordot", "where", "cat", "stack", "nan_to_num", "logit")
MORE: dict[str, Arguments] = {
    name: args([1.0])
    for name in ("count_nonzero", "var", "std", "var_mean", "std_mean", "linalg.vector_norm", "relu", "exp", "round")
}
MORE |= {name: args([1.0]) for name in ("isnan", "logical_not", "floor", "sign", "abs", "neg", "sqrt")}
MORE |= {
    "floor_divide": args([1.0], 2.0),
    "masked_fill": args([1.0], [True], 2.0),
    "index_fill": args([1.0], 0, [0], 2.0),
    "scatter": args([1.0], 0, [0], [1.0]),
}


def first_operand() -> list[Case]:
    """A list of numbers as the first operand. torch names the list, in one of two ways of putting it."""
    rows = {name: Arguments(([1.0], *row.args[1:]), row.kwargs) for name, (row, *_) in ROWS.items()} | MORE
    return [
        case
        for function, row in rows.items()
        if function not in WRAPPED
        for case in refuses(function, [row.naming("list")], label="not a tensor")
    ]


CASES = first_operand()
