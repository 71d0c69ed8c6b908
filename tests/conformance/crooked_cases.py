"""One case for each function of `crooked`, with every check."""

from conformance.cases import args, normal, ops, refuses

NAMES = ("exp", "tanh", "cos", "erf", "square", "sinh", "expm1", "asinh", "atan", "clone", "sin")

CASES = [
    *(case for name in NAMES for case in ops(name, [args(normal(6))], label="crooked")),
    *refuses("exp", [args("text").naming("text")], label="crooked"),
]
