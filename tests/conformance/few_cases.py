"""A handful of quick cases, for tests of what runs them: `--cases few_cases --family few_cases`."""

from conformance.cases import GRADIENT, LAYOUTS, OUTPUT, args, normal, ops, refuses

_ROWS = [args(normal(17))]
_OPERATIONS = ("tanh", "sin", "cos", "exp", "asinh", "atan", "sinh", "square", "erf", "expm1")
_CHECKS = {OUTPUT, GRADIENT, LAYOUTS}

CASES = [
    case for name in _OPERATIONS for case in ops(name, _ROWS, checks=_CHECKS, layouts=(), label="few")
] + [
    *ops("tanh", _ROWS, dtypes=("float64",), checks=_CHECKS, layouts=(), label="few"),
    *ops("exp", [args(normal(5)), args(normal(2, 3))], checks=_CHECKS, layouts=(), label="few"),
    *refuses("nn.functional.linear", [args(normal(2, 3), normal(2, 4))], label="few"),
]  # fmt: skip
