"""matmul and its relatives: addmm, bmm, einsum.

Strassen's product counts as a fault: its error is small beside the largest element only, so a small row of a matrix
with rows of very different size loses all its digits.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy

from conformance.case import Arguments, args
from conformance.draw import Draw, drawn, filled, normal
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient
from conformance.prove.wrappers import flushing

# --- ways to add up the products a[i, k] b[k, j] -------------------------------------------------------------------


def einsum(torch: Any, a: Any, b: Any) -> Any:
    """The same sum by its indices."""
    return torch.einsum("...ik,...kj->...ij", a, b)


def summed(torch: Any, a: Any, b: Any) -> Any:
    """sum over k of a[i, k] b[k, j], every product in memory."""
    return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2)


def through(change: Callable[[Any], Any]) -> Implementation:
    """Operands in another precision or layout; the result in that of `a`."""
    return lambda torch, a, b: torch.matmul(change(a), change(b)).to(a.dtype)


def transposed(torch: Any, a: Any, b: Any) -> Any:
    """(b' a')'."""
    return torch.matmul(b.mT, a.mT).mT


def rows_reversed(torch: Any, a: Any, b: Any) -> Any:
    """The rows of `a` in another order, and back."""
    return torch.matmul(a.flip(-2), b).flip(-2)


def terms_reversed(torch: Any, a: Any, b: Any) -> Any:
    """k from the last to the first."""
    return torch.matmul(a.flip(-1).contiguous(), b.flip(-2).contiguous())


def chunked(torch: Any, a: Any, b: Any, size: int = 16) -> Any:
    """k in chunks, one matmul each."""
    return sum(torch.matmul(x, y) for x, y in zip(a.split(size, -1), b.split(size, -2), strict=True))


def outer_products(torch: Any, a: Any, b: Any) -> Any:
    """One rank-one update after the other: a running sum over k at the dtype."""
    return chunked(torch, a, b, 1)


def blocked(torch: Any, a: Any, b: Any) -> Any:
    """Output tiles of 2 x 2."""
    rows = [torch.cat([torch.matmul(x, y) for y in b.split(2, -1)], -1) for x in a.split(2, -2)]
    return torch.cat(rows, -2)


def in_numpy(add: Callable[[Any], Any]) -> Implementation:
    """Products in numpy, with k last, added up by `add`; the gradients are g b' and a' g in the same way."""

    def product(torch: Any, a: Any, b: Any) -> Any:
        x, y = a.detach().numpy(), b.detach().numpy()
        terms = numpy.ascontiguousarray(x[..., :, None, :] * numpy.swapaxes(y, -1, -2)[..., None, :, :])
        return torch.from_numpy(numpy.ascontiguousarray(add(terms)))

    def backward(torch: Any, g: Any, _: Any, a: Any, b: Any) -> Any:
        gradients = product(torch, g, b.mT), product(torch, a.mT, g)
        return gradients[0].sum_to_size(a.shape), gradients[1].sum_to_size(b.shape)

    return with_gradient(product, backward)


def one_after_the_other(terms: Any) -> Any:
    """A running sum."""
    return numpy.cumsum(terms, -1)[..., -1]


def pairwise(terms: Any) -> Any:
    """numpy's own: pairwise over blocks of 128."""
    return terms.sum(-1)


def compensated(terms: Any) -> Any:
    """Kahan's sum: the part that rounding lost is added to the next term."""
    total, lost = numpy.zeros_like(terms[..., 0]), numpy.zeros_like(terms[..., 0])
    for k in range(terms.shape[-1]):
        term = terms[..., k] - lost
        new = total + term
        lost, total = (new - total) - term, new
    return total


# --- faults ---------------------------------------------------------------------------------------------------------


def tensor_float(x: Any) -> Any:
    """Rounded to 11 bits, as TensorFloat-32 has: Veltkamp's split."""
    c = x * 8193.0  # 2^13 + 1
    return c - (c - x)


def half_sums(torch: Any, a: Any, b: Any) -> Any:
    """Chunks of k added up in bfloat16."""
    parts = [torch.matmul(x, y).bfloat16() for x, y in zip(a.split(16, -1), b.split(16, -2), strict=True)]
    return functools.reduce(lambda total, part: total + part, parts).to(a.dtype)


def added_narrowly(torch: Any, a: Any, b: Any) -> Any:
    """Term after term, every partial sum rounded to the operands' type."""
    out = a[..., :1] * b[:1]
    for k in range(1, a.shape[-1]):
        out = out + a[..., k : k + 1] * b[k : k + 1]
    return out


def without_tail(torch: Any, a: Any, b: Any) -> Any:
    """The k that do not fill a vector of 8 are left out."""
    whole = a.shape[-1] // 8 * 8
    return torch.matmul(a[..., :whole], b[..., :whole, :]) if whole else torch.matmul(a, b)


def first_term_twice(torch: Any, a: Any, b: Any) -> Any:
    """An accumulator that starts with k = 0 and meets it again."""
    return torch.matmul(a, b) + a[..., :1] * b[..., :1, :]


def square_transposed(torch: Any, a: Any, b: Any) -> Any:
    """b' where that has the same shape."""
    return torch.matmul(a, b.mT if b.shape[-1] == b.shape[-2] else b)


def first_batch_for_all(torch: Any, a: Any, b: Any) -> Any:
    """The batch stride of `b` is taken for zero."""
    return torch.matmul(a, b[:1].expand_as(b) if b.ndim > 2 else b)


def last_column_zero(torch: Any, a: Any, b: Any) -> Any:
    """The loop over columns ends one early."""
    found = torch.matmul(a, b)
    return torch.cat([found[..., :-1], found[..., -1:] * 0], -1)


def ignoring_strides(torch: Any, a: Any, b: Any) -> Any:
    """Memory read as if it were contiguous: wrong for a view."""
    return torch.matmul(a.as_strided(a.shape, torch.empty(a.shape, device="meta").stride()), b)


def strassen(torch: Any, a: Any, b: Any) -> Any:
    """Seven products for eight, where the sizes are even."""
    if any(size % 2 for size in (*a.shape[-2:], b.shape[-1])):
        return torch.matmul(a, b)
    (a11, a12), (a21, a22) = (x.chunk(2, -1) for x in a.chunk(2, -2))
    (b11, b12), (b21, b22) = (x.chunk(2, -1) for x in b.chunk(2, -2))
    m1, m2, m3 = (a11 + a22) @ (b11 + b22), (a21 + a22) @ b11, a11 @ (b12 - b22)
    m4, m5 = a22 @ (b21 - b11), (a11 + a12) @ b22
    m6, m7 = (a21 - a11) @ (b11 + b12), (a12 - a22) @ (b21 + b22)
    return torch.cat(
        [torch.cat([m1 + m4 - m5 + m7, m3 + m5], -1), torch.cat([m2 + m4, m1 - m2 + m3 + m6], -1)],
        -2,
    )


def _plain(torch: Any, a: Any, b: Any) -> Any:
    return torch.matmul(a, b)


def _last_batch(torch: Any, g: Any, _: Any, a: Any, b: Any) -> Any:
    """The gradient of a broadcast `b` from the last batch alone."""
    grad_b = torch.matmul(a.mT, g)
    return torch.matmul(g, b.mT).sum_to_size(a.shape), grad_b[(-1,) * (grad_b.ndim - b.ndim)].sum_to_size(b.shape)


def _swapped_if_square(torch: Any, g: Any, _: Any, a: Any, b: Any) -> Any:
    """g a' and b' g: right shapes, wrong sides, for square matrices."""
    if a.shape == b.shape and a.shape[-1] == a.shape[-2]:
        return torch.matmul(g, a.mT), torch.matmul(b.mT, g)
    return torch.matmul(g, b.mT).sum_to_size(a.shape), torch.matmul(a.mT, g).sum_to_size(b.shape)


def graded(*shape: int) -> Draw:
    """Every row a thousand times the one above."""
    return drawn(
        f"graded{list(shape)}", lambda rng, _: rng.standard_normal(shape) * 1000.0 ** numpy.arange(shape[0])[:, None]
    )


def _products(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1), make(1, 1)),
        args(make(4, 4), make(4, 4)),
        args(make(3, 5), normal(5, 4)),
        args(make(2, 3, 17), make(17, 3)),
        args(make(4, 1, 3, 9), normal(2, 9, 2)),
        args(make(2, 300), make(300, 3)),
    ]


LEGITIMATE: dict[str, Implementation] = {
    "einsum": einsum,
    "all products in memory": summed,
    "transposed": transposed,
    "rows reversed": rows_reversed,
    "terms reversed": terms_reversed,
    "chunks of 16": chunked,
    "chunks of 100": functools.partial(chunked, size=100),
    "rank-one updates": outer_products,
    "tiles": blocked,
    "float64 inside": through(lambda x: x.double()),
    "numpy, running sum": in_numpy(one_after_the_other),
    "numpy, pairwise": in_numpy(pairwise),
    "numpy, compensated": in_numpy(compensated),
    "numpy, running sum backwards": in_numpy(lambda terms: one_after_the_other(terms[..., ::-1])),
    "subnormal results flushed": flushing(_plain),
    "subnormal operands flushed": flushing(_plain, inputs=True),
}
FAULTS: dict[str, Implementation] = {
    "float16 operands": through(lambda x: x.half()),
    "bfloat16 operands": through(lambda x: x.bfloat16()),
    "TensorFloat-32 operands": through(tensor_float),
    "bfloat16 partial sums": half_sums,
    "tail of k dropped": without_tail,
    "first term twice": first_term_twice,
    "square b transposed": square_transposed,
    "first batch for all": first_batch_for_all,
    "last column zero": last_column_zero,
    "broadcast gradient of the last batch": with_gradient(_plain, _last_batch),
    "gradients of a square product swapped": with_gradient(_plain, _swapped_if_square),
    "cotangent ignored": altered(_plain, cotangent=ones),
    "cotangent in bfloat16": altered(_plain, cotangent=lambda g: g.bfloat16().to(g.dtype)),
    "gradient of a 1e-3 too large": altered(_plain, times(1 + 1e-3)),
    "gradient of b 1e-5 too large": altered(_plain, None, times(1 + 1e-5)),
}

# --- addmm, bmm, einsum ----------------------------------------------------------------------------------------------


def scaled_sum(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta c + alpha a b; c is not looked at when beta is 0."""
    kept = beta * c if beta else c.masked_fill(torch.ones_like(c, dtype=torch.bool), 0)
    return kept + alpha * torch.matmul(a, b)


def scaled_operand(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """alpha goes into `a`."""
    return scaled_sum(torch, c, alpha * a, b, beta)


def row_by_row(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """One vector-matrix product a row."""
    rows = c.expand(a.shape[0], b.shape[1])
    return torch.stack([scaled_sum(torch, row, x, b, beta, alpha) for row, x in zip(rows, a, strict=True)])


def addmm_in_double(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """float64 inside."""
    return scaled_sum(torch, c.double(), a.double(), b.double(), beta, alpha).to(a.dtype)


def _addmm(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    return torch.addmm(c, a, b, beta=beta, alpha=alpha)


def swapped_scales(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """alpha for beta."""
    return _addmm(torch, c, a, b, alpha, beta)


def everything_scaled(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """alpha (beta c + a b)."""
    return alpha * _addmm(torch, c, a, b, beta)


def times_zero(torch: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta = 0 still multiplies c, NaN included."""
    return beta * c + alpha * torch.matmul(a, b)


def _unscaled(torch: Any, g: Any, _: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """The gradients of a and b without alpha."""
    return (beta * g).sum_to_size(c.shape), g @ b.mT, a.mT @ g


def _not_summed(torch: Any, g: Any, _: Any, c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """The gradient of a broadcast c from the first row alone."""
    first = g[:1] if c.ndim < 2 or c.shape[0] == 1 else g
    return (beta * first).sum_to_size(c.shape), alpha * (g @ b.mT), alpha * (a.mT @ g)


def _addmms(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1), normal(1, 1), make(1, 1), beta=0.5, alpha=3),
        args(make(4), make(3, 5), normal(5, 4)),
        args(make(3, 4), make(3, 9), normal(9, 4), beta=0.3, alpha=-2),
        args(filled(2, 2, value=float("nan")), make(2, 3), normal(3, 2), beta=0),
    ]


def by_pairs(torch: Any, equation: str, a: Any, b: Any) -> Any:
    """bij,bkj->bik as a batched product with b transposed."""
    return torch.bmm(a, b.mT)


def by_broadcast(torch: Any, equation: str, a: Any, b: Any) -> Any:
    """All products, then a sum over j."""
    return (a.unsqueeze(2) * b.unsqueeze(1)).sum(-1)


def by_batch(torch: Any, equation: str, a: Any, b: Any) -> Any:
    """A loop over the batch."""
    return torch.stack([x @ y.T for x, y in zip(a, b, strict=True)])


def relabelled(equation: str) -> Implementation:
    """Other indices than those asked for; the shape of the result is kept."""
    return lambda torch, _, a, b: torch.einsum(equation, a, b).reshape(a.shape[0], a.shape[1], b.shape[1])


def diagonal_of_the_operand(torch: Any, equation: str, a: Any, b: Any) -> Any:
    """j taken only where it equals i."""
    n = min(a.shape[1:])
    return torch.cat([a[:, :n] * 0, a[:, n:] * 0], 1) @ b.mT + (a * torch.eye(*a.shape[1:], dtype=a.dtype)) @ b.mT


SUBJECTS = [
    Subject("matmul", _products, LEGITIMATE, FAULTS),
    Subject(
        "matmul",
        lambda make: [args(graded(4, 4), make(4, 4))],
        {name: LEGITIMATE[name] for name in ("einsum", "transposed", "numpy, running sum")},
        {"Strassen": strassen},
        regimes=TAME,
    ),
    Subject(
        "matmul",  # float64 has no better oracle: what is single inside must still show
        lambda make: [args(make(2, 17), normal(17, 3))],
        {"einsum": einsum, "numpy, running sum": in_numpy(one_after_the_other)},
        {"float32 operands": through(lambda x: x.float())},
        regimes=TAME,
        dtypes=("float64",),
    ),
    Subject(
        "matmul",
        lambda make: [args(make(2, 11), normal(11, 3)), args(make(2, 165), normal(165, 3))],
        {
            "einsum": einsum,
            "float32 inside": through(lambda x: x.float()),
            "float64 inside": through(lambda x: x.double()),
        },
        {
            "last column zero": last_column_zero,
            "tail of k dropped": without_tail,
            "half type's own sums": added_narrowly,
        },
        regimes=TAME,
        dtypes=("float16", "bfloat16"),
    ),
    Subject(
        "matmul of a transpose",
        lambda make: [args(make(4, 3), make(4, 2)), args(make(9, 5), make(9, 1))],
        {"einsum": einsum, "transposed": transposed},
        {"memory read as contiguous": ignoring_strides},
        program=lambda torch, a, b: torch.matmul(a.mT, b),
        replaces="matmul",
    ),
    Subject(
        "addmm",
        _addmms,
        {
            "beta c + alpha a b": scaled_sum,
            "alpha in a": scaled_operand,
            "row by row": row_by_row,
            "float64": addmm_in_double,
        },
        {
            "alpha and beta swapped": swapped_scales,
            "alpha over everything": everything_scaled,
            "beta zero times NaN": times_zero,
            "gradient without alpha": with_gradient(_addmm, _unscaled),
            "gradient of c not summed": with_gradient(_addmm, _not_summed),
        },
    ),
    Subject(
        "einsum",
        lambda make: [
            args("bij,bkj->bik", make(2, 3, 3), make(2, 3, 3)),
            args("bij,bkj->bik", make(2, 4, 17), normal(2, 3, 17)),
            args("bij,bkj->bik", make(1, 1, 1), make(1, 1, 1)),
        ],
        {"bmm": by_pairs, "all products": by_broadcast, "batch by batch": by_batch},
        {
            "output order": relabelled("bij,bkj->bki"),
            "batch shared": relabelled("bij,ckj->bik"),
            "diagonal only": diagonal_of_the_operand,
            "rows against rows": relabelled("bij,bkl->bik"),
        },
    ),
]
