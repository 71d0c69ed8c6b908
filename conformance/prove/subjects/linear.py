"""linear and bilinear."""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.subjects.matmul import in_numpy, one_after_the_other, pairwise, tensor_float

# y = x W' + b, with x (..., in), W (out, in), b (out)


def by_product(multiply: Callable[[Any, Any, Any], Any]) -> Implementation:
    """x W' by the given product, then b."""

    def linear(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        y = multiply(torch, x, weight)
        return y if bias is None else y + bias

    return linear


def by_addmm(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """One product over all leading dimensions together, b as what it is added to."""
    rows = x.reshape(-1, x.shape[-1])
    start = x.new_zeros(weight.shape[0]) if bias is None else bias
    return torch.addmm(start, rows, weight.T).reshape(*x.shape[:-1], weight.shape[0])


def bias_as_column(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """[x 1] [W b]'."""
    if bias is None:
        return x @ weight.T
    return torch.cat([x, torch.ones_like(x[..., :1])], -1) @ torch.cat([weight, bias[:, None]], 1).T


def row_by_row(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """A matrix-vector product for each row of x."""
    rows = [weight @ row if bias is None else torch.addmv(bias, weight, row) for row in x.reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(*x.shape[:-1], weight.shape[0])


def without_mkldnn(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """torch's other kernels."""
    with torch.backends.mkldnn.flags(enabled=False):
        return torch.nn.functional.linear(x, weight, bias)


def in_type(change: Callable[[Any], Any]) -> Implementation:
    """Everything in another precision."""

    def linear(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        bias = None if bias is None else change(bias)
        return torch.nn.functional.linear(change(x), change(weight), bias).to(x.dtype)

    return linear


def _linear(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    return torch.nn.functional.linear(x, weight, bias)


def by_formula(torch: Any, g: Any, _: Any, x: Any, weight: Any, bias: Any = None) -> tuple[Any, ...]:
    """g W, g' x and g, the last two summed over all rows."""
    rows, g_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return (g_rows @ weight).reshape(x.shape), g_rows.T @ rows, None if bias is None else g_rows.sum(0)


# --- faults ---------------------------------------------------------------------------------------------------------


def square_not_transposed(torch: Any, x: Any, weight: Any) -> Any:
    """x W where W is square."""
    return x @ (weight if weight.shape[0] == weight.shape[1] else weight.T)


def without_tail(torch: Any, x: Any, weight: Any) -> Any:
    """The inputs that do not fill a vector of 8 are left out."""
    whole = x.shape[-1] // 8 * 8 or x.shape[-1]
    return x[..., :whole] @ weight[:, :whole].T


def bias_scaled(factor: float) -> Implementation:
    """The bias so many times."""
    return lambda torch, x, weight, bias=None: _linear(torch, x, weight, None if bias is None else factor * bias)


def last_output_without_bias(torch: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """The loop that adds the bias ends one early."""
    return _linear(torch, x, weight, None if bias is None else torch.cat([bias[:-1], bias[-1:] * 0]))


def planted(change: Callable[[Any, Any, Any, Any], tuple[Any, Any]]) -> Implementation:
    """Gradients from `change(x rows, g rows, weight gradient, bias gradient)`; that of x is right."""

    def backward(torch: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        grad_x, grad_weight, grad_bias = by_formula(torch, g, out, x, weight, bias)
        rows, g_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        grad_weight, grad_bias = change(rows, g_rows, grad_weight, grad_bias)
        return grad_x, grad_weight, None if bias is None else grad_bias

    return with_gradient(_linear, backward)


def stale(torch: Any, x: Any, weight: Any, bias: Any = None, *, buffers: dict[Any, Any]) -> Any:
    """The result lives in a buffer that the next call of the same size overwrites."""
    y = _linear(torch, x, weight, bias)
    buffer = buffers.setdefault((y.shape, y.dtype), torch.empty_like(y).detach())
    with torch.no_grad():
        buffer.copy_(y)
    return buffer.view_as(buffer)


def two_layers(torch: Any, x: Any, weight: Any) -> Any:
    """A layer used twice: both results are looked at."""
    return torch.nn.functional.linear(x, weight), torch.nn.functional.linear(x + x, weight)


def _rows(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1), make(1, 1), make(1)),
        args(make(3, 4), make(4, 4), make(4)),
        args(make(2, 3, 7), normal(5, 7), make(5)),
        args(make(2, 301), normal(3, 301)),
    ]


# --- bilinear ----------------------------------------------------------------------------------------------------------


def by_einsum(equation: str) -> Implementation:
    """x1 W x2 by indices; right with `bi,oij,bj->bo`."""

    def bilinear(torch: Any, x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
        y = torch.einsum(equation, x1, weight, x2)
        return y if bias is None else y + bias

    return bilinear


def by_output(torch: Any, x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    """A matrix product and a row-wise dot product for each output."""
    y = torch.stack([((x1 @ w) * x2).sum(-1) for w in weight], -1)
    return y if bias is None else y + bias


def of_outer_products(torch: Any, x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    """A linear layer over all pairs x1[i] x2[j]."""
    pairs = (x1.unsqueeze(-1) * x2.unsqueeze(-2)).flatten(-2)
    return torch.nn.functional.linear(pairs, weight.flatten(1), bias)


SUBJECTS = [
    Subject(
        "nn.functional.linear",
        _rows,
        {
            "x W' + b": by_product(lambda torch, x, w: x @ w.T),
            "addmm": by_addmm,
            "einsum": by_product(lambda torch, x, w: torch.einsum("...i,oi->...o", x, w)),
            "all products": by_product(lambda torch, x, w: (x.unsqueeze(-2) * w).sum(-1)),
            "(W x')'": by_product(lambda torch, x, w: (w @ x.mT).mT),
            "rows reversed": by_product(lambda torch, x, w: (x.flip(0) @ w.T).flip(0)),
            "bias as a column": bias_as_column,
            "row by row": row_by_row,
            "convolution of width 1": by_product(
                lambda torch, x, w: torch.nn.functional.conv1d(x.mT, w.unsqueeze(-1)).mT
            ),
            "without mkldnn": without_mkldnn,
            "float64 inside": in_type(lambda x: x.double()),
            "numpy, running sum": by_product(lambda torch, x, w: in_numpy(one_after_the_other)(torch, x, w.T)),
            "numpy, pairwise": by_product(lambda torch, x, w: in_numpy(pairwise)(torch, x, w.T)),
            "gradients by formula": with_gradient(_linear, by_formula),
        },
        {
            "square weight not transposed": by_product(square_not_transposed),
            "tail of inputs dropped": by_product(without_tail),
            "bias twice": bias_scaled(2),
            "bias over sqrt 2": bias_scaled(0.7071),
            "no bias at the last output": last_output_without_bias,
            "bfloat16 inside": in_type(lambda x: x.bfloat16()),
            "TensorFloat-32 inside": in_type(tensor_float),
            "bias gradient of the last row": planted(lambda x, g, weight, bias: (weight, g[-1])),
            "bias gradient averaged": planted(lambda x, g, weight, bias: (weight, g.mean(0))),
            "weight gradient of the first row": planted(lambda x, g, weight, bias: (g[:1].T @ x[:1], bias)),
            "weight gradient transposed": planted(
                lambda x, g, weight, bias: (weight.T if weight.shape[0] == weight.shape[1] else weight, bias)
            ),
            "weight gradient doubled": altered(_linear, None, times(2)),
            "weight gradient 1e-5 too large": altered(_linear, None, times(1 + 1e-5)),
            "gradient of x 1e-3 too small": altered(_linear, times(1 - 1e-3)),
            "cotangent ignored": altered(_linear, cotangent=ones),
        },
    ),
    Subject(
        "two linear layers",
        lambda make: [args(make(2, 3).fixed(), make(2, 3).fixed())],
        {"(W x')'": by_product(lambda torch, x, w: (w @ x.mT).mT)},
        {"result in a buffer used again": functools.partial(stale, buffers={})},
        program=two_layers,
        replaces="nn.functional.linear",
        regimes=TAME,
    ),
    Subject(
        "nn.functional.bilinear",
        lambda make: [
            args(make(1, 1), make(1, 1), make(1, 1, 1), make(1)),
            args(make(3, 4), make(3, 4), normal(5, 4, 4), make(5)),
            args(make(2, 9), make(2, 17), normal(3, 9, 17)),
        ],
        {
            "einsum": by_einsum("bi,oij,bj->bo"),
            "output by output": by_output,
            "outer products": of_outer_products,
        },
        {
            "inputs swapped where that fits": lambda torch, x1, x2, *rest: torch.nn.functional.bilinear(
                *((x2, x1) if x1.shape == x2.shape else (x1, x2)), *rest
            ),
            "bias twice": lambda torch, x1, x2, weight, bias=None: torch.nn.functional.bilinear(
                x1, x2, weight, None if bias is None else 2 * bias
            ),
        },
        regimes=("normal", "positive", "offset", "ties"),  # three factors: the others under- or overflow
    ),
]
