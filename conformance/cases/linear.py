"""The affine map."""

from typing import Any

from conformance.cases import FLOATS, SIZES, args, normal, ops, refuses

NAME = "nn.functional.linear"
ROWS = [
    args(normal(4, 3), normal(5, 3)),
    args(normal(4, 3), normal(5, 3), normal(5)),
    args(normal(3), normal(5, 3), normal(5)),
    args(normal(2, 4, 3), normal(5, 3), normal(5)),
    args(normal(2, 2, 4, 3), normal(1, 3), normal(1)),
    args(normal(4, 3), normal(3)),
    args(normal(0, 3), normal(5, 3), normal(5)),
    args(normal(64, 120), normal(84, 120), normal(84)),
]
WIDTHS = [args(normal(2, n), normal(3, n), normal(3)) for n in SIZES[:10]]
ERRORS = [
    args(normal(4, 3), normal(5, 4)),
    args(normal(3), normal(5, 4)),
    args(normal(2, 4, 3), normal(5, 4)),
    args(normal(4, 3), normal(5, 3).to("float64")),
    args(normal(4, 3), normal(5, 3), normal(3)),
    args(normal(), normal(5, 3)),
]

ERRORS += [
    args([1.0], normal(5, 3)).naming("list"),
    args(normal(4, 3), [1.0]).naming("list"),
    args(normal(4, 3), normal(5, 3), [1.0]).naming("list"),
    args(normal(4, 3), normal(2, 5, 3)),
    args(normal(4, 3), normal(3), normal(1)),
    args(normal(4, 3), normal()),
    args(normal(4, 3), normal(5, 3).to("float64"), normal(5)),
    args(normal(4, 3), normal(5, 4), normal(5)),
    args(normal(2, 4, 3), normal(5, 3), normal(4, 5, 5)),
    args(normal(2, 4, 3), normal(5, 3), normal(7)),
]
# A bias of other shapes is broadcast.
BIASES = [args(normal(4, 3), normal(5, 3), normal(*shape)) for shape in ((4, 5), (4, 1), (1,), ())]
BIASES += [args(normal(2, 4, 3), normal(5, 3), normal(*shape)) for shape in ((1,), (4, 5), (2, 1, 5), (2, 4, 5), ())]
BIASES += [
    args(normal(3), normal(5, 3), normal(1)),
    args(normal(2, 0, 3), normal(5, 3), normal(5)),
    args(normal(3), normal(3)),
]


def gradient_of_weight(torch: Any, x: Any, weight: Any) -> Any:
    """Laid out as torch lays it out."""
    return torch.autograd.grad(torch.nn.functional.linear(x, weight).square().sum(), weight)


PROGRAM = ops(
    "linear: gradient of the weight", [args(normal(4, 3), normal(5, 3))], program=gradient_of_weight, layouts=()
)
CASES = [
    *PROGRAM,
    *ops(NAME, BIASES),
    *ops(NAME, ROWS + WIDTHS),
    *ops(NAME, ROWS[:4], dtypes=FLOATS[1:]),
    *refuses(NAME, ERRORS),
]
