"""einsum: read the equation, align every operand's dimensions with its letters, contract pair by pair."""

import string
from typing import Any

from refnet._check import check
from refnet._device import strided
from refnet._ops import shape
from refnet._ops._args import expect_tensor
from refnet._ops.matmul import contract_pair
from refnet._tape import Primitive, View

_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # in the order of an output that is not given
_DOTS = "."  # the dimensions that "..." stands for are named ".0", ".1", ... counted from the last


def einsum(equation: str, *operands: Any) -> Any:
    """Sums of products named by letters: "ij,jk->ik" is the matrix product, "ii" the trace, "...i->..." a sum.

    A letter that the output lacks is summed over; without "->" the output has the letters that occur once, in
    alphabetical order (capitals first), after the dimensions that "..." stands for. Sizes of 1 broadcast. Operands
    are contracted from left to right.

    >>> import refnet
    >>> refnet.einsum("bij,bjk->bik", refnet.ones(2, 3, 4), refnet.ones(2, 4, 5)).shape
    refnet.Size([2, 3, 5])
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return _contract(equation, operands)


def _contract(equation: str, operands: tuple[Any, ...]) -> Any:
    """The value of an einsum equation; torch's RuntimeErrors for one that does not fit the operands."""
    check(
        isinstance(equation, str),
        lambda: f"einsum(): the first argument must be the equation, a string, not {type(equation).__name__}",
        TypeError,
    )
    check(len(operands) > 0, lambda: "einsum(): must provide at least one operand", ValueError)
    for position, operand in enumerate(operands, 1):
        expect_tensor(operand, "einsum", "operands", position)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    check(len(terms) <= len(operands), lambda: "einsum(): fewer operands were provided than specified in the equation")
    check(len(terms) >= len(operands), lambda: "einsum(): more operands were provided than specified in the equation")
    names = [
        _names(term, x, position, equation) for position, (term, x) in enumerate(zip(terms, operands, strict=True))
    ]
    dots = sorted({n for row in names for n in row if n[0] == _DOTS}, key=lambda n: -int(n[1:]))
    counts = {n: sum(row.count(n) for row in names) for row in names for n in row}
    if arrow:
        output = _output_names(right, dots, counts)
    else:
        output = [*dots, *(c for c in _LETTERS if counts.get(c) == 1)]
    return _evaluate([_align(x, row, p) for p, (x, row) in enumerate(zip(operands, names, strict=True))], output)


def _names(term: str, x: Any, position: int, equation: str) -> list[str]:
    """The name of each dimension of operand number `position`."""
    before, ellipsis, after = term.partition("...")
    check(
        _DOTS not in before + after,
        lambda: f"einsum(): found '.' for operand {position} that is not part of any ellipsis",
    )
    for c in before + after:
        check(
            c in _LETTERS,
            lambda c=c: (
                f"einsum(): invalid subscript given at index {equation.index(c)} in the equation string, subscripts "  # type: ignore[misc]
                "must be in [a-zA-Z]"
            ),
        )
    given, have = len(before + after), x.ndim
    check(
        given <= have if ellipsis else given == have,
        lambda: (
            f"einsum(): the number of subscripts in the equation ({given}) "
            + ("is more than the number of dimensions" if ellipsis else "does not match the number of dimensions")
            + f" ({have}) for operand {position}"
            + ("" if ellipsis else " and no ellipsis was given")
        ),
    )
    return [*before, *(f"{_DOTS}{i}" for i in reversed(range(have - given))), *after]


def _output_names(right: str, dots: list[str], counts: dict[str, int]) -> list[str]:
    before, ellipsis, after = right.partition("...")
    letters = before + after
    for c in letters:
        check(
            c in _LETTERS,
            lambda c=c: f"einsum(): invalid subscript {c!r} in the output, subscripts must be in [a-zA-Z]",  # type: ignore[misc]
        )
        check(letters.count(c) == 1, lambda c=c: f"einsum(): output subscript {c} appears more than once in the output")  # type: ignore[misc]
        check(
            c in counts,
            lambda c=c: f"einsum(): output subscript {c} does not appear in the equation for any input operand",  # type: ignore[misc]
        )
    return [*before, *(dots if ellipsis else []), *after]


def _align(x: Any, names: list[str], position: int) -> tuple[Any, list[str]]:
    """Diagonals taken: every name once."""
    names = list(names)
    while (twice := next((n for n in names if names.count(n) > 1), None)) is not None:
        i = names.index(twice)
        j = names.index(twice, i + 1)
        n, m = x.shape[i], x.shape[j]
        check(
            n == m,
            lambda twice=twice, n=n, m=m: (
                f"einsum(): subscript {twice} is repeated for operand {position} but the sizes don't "  # type: ignore[misc]
                f"match, {m} != {n}"
            ),
        )
        x = _diagonal(x, i=i, j=j)
        names = [name for d, name in enumerate(names) if d not in (i, j)] + [twice]
    return x, names


@View
def _diagonal(xp: Any, x: Any, *, i: int, j: int) -> Any:
    """The elements with equal positions in dimensions i and j, which go; the new one is last    dL/dx = zeros with g there"""
    kept = [d for d in range(x.ndim) if d not in (i, j)]
    sizes = (*(x.shape[d] for d in kept), x.shape[i])
    return strided(x, sizes, (*(x.strides[d] for d in kept), x.strides[i] + x.strides[j]))


@Primitive
def _undiagonal(xp: Any, g: Any, *, i: int, j: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with g on the diagonal of dimensions i and j        dL/dg = the diagonal of h"""
    out = xp.zeros(shape, g.dtype)
    _diagonal.forward(xp, out, i=i, j=j)[...] = g
    return out


_diagonal.vjp(x=lambda g, x_shape, i, j: _undiagonal(g, i=i, j=j, shape=x_shape))
_undiagonal.vjp(g=lambda h, i, j: _diagonal(h, i=i, j=j))


def _evaluate(terms: list[tuple[Any, list[str]]], output: list[str]) -> Any:
    sizes: dict[str, int] = {}
    for position, (x, names) in enumerate(terms):
        for n, name in zip(x.shape, names, strict=True):
            seen = sizes.setdefault(name, n)
            check(
                n == seen or 1 in (n, seen),
                lambda name=name, n=n, seen=seen, position=position: (
                    f"einsum(): subscript {name} has size {n} for operand "  # type: ignore[misc]
                    f"{position} which does not broadcast with previously seen size {seen}"
                ),
            )
            sizes[name] = n if seen == 1 else seen
    x, names = _sum_away(*terms[0], {*output, *(n for _, row in terms[1:] for n in row)})
    for position in range(1, len(terms)):
        y, others = terms[position]
        later = {*output, *(n for _, row in terms[position + 1 :] for n in row)}
        y, others = _sum_away(y, others, {*names, *later})
        x, names = _times(x, names, y, others, later)
    return shape.permute(x, tuple(names.index(n) for n in output)) if names else x


def _sum_away(x: Any, names: list[str], needed: set[str]) -> tuple[Any, list[str]]:
    """x summed over the dimensions that nothing later names."""
    gone = [d for d, n in enumerate(names) if n not in needed]
    return (x.sum(gone), [n for n in names if n in needed]) if gone else (x, names)


def _times(x: Any, names: list[str], y: Any, others: list[str], later: set[str]) -> tuple[Any, list[str]]:
    """The product of two operands, summed over what they share and nothing later needs."""
    shared = [n for n in names if n in others]
    summed = [n for n in shared if n not in later]
    for name in summed:  # a size of 1 meets any size: sum the other first
        i, j = names.index(name), others.index(name)
        if x.shape[i] != y.shape[j]:
            x = x.sum(i, keepdim=True) if y.shape[j] == 1 else x
            y = y.sum(j, keepdim=True) if x.shape[i] == 1 else y
    batch = [n for n in shared if n in later]
    left, right = [n for n in names if n not in shared], [n for n in others if n not in shared]
    a = shape.permute(x, tuple(names.index(n) for n in (*batch, *left, *summed)))
    b = shape.permute(y, tuple(others.index(n) for n in (*batch, *right, *summed)))
    if not summed:  # an outer or elementwise product
        a = a[(...,) + (None,) * len(right)]
        b = b[(slice(None),) * len(batch) + (None,) * len(left)]
        return a * b, [*batch, *left, *right]
    return contract_pair(a, b, len(batch), len(left), len(right), len(summed)), [*batch, *left, *right]
