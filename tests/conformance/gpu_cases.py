"""Cases in which devices differ: `--cases gpu_cases --family gpu_cases`."""

from conformance.cases import BITS, GRADIENT, OUTPUT, args, integers, normal, ops, refuses

CASES = [
    *ops("sin", [args(normal(17))], checks={OUTPUT}, layouts=(), label="gpu"),
    *ops("tanh", [args(normal(17)), args(normal(5))], checks={OUTPUT}, layouts=(), label="gpu"),
    *ops("nn.functional.dropout", [args(normal(64))], checks={OUTPUT, GRADIENT}, layouts=(), label="gpu"),
    *ops("nn.functional.dropout", [args(normal(64))], checks={BITS}, layouts=(), label="gpu bits"),
    *refuses("nn.functional.linear", [args(normal(2, 3), normal(2, 4))], label="gpu"),
    *refuses("nn.functional.embedding", [args(integers(3, low=7, high=9), normal(5, 4))], label="gpu"),
]
