"""Reading and writing at positions: gather, index_select, scatter, index_add, index_put, masks, where."""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import booleans, drawn, integers, normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient


def one_hot(torch: Any, index: Any, size: int, like: Any) -> Any:
    """(..., size) with a one at every index."""
    return (index.unsqueeze(-1) == torch.arange(size)).to(like.dtype)


def grid(torch: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """The full position that each entry of `index` along `dim` stands for."""
    axes = [
        torch.arange(n).reshape([-1 if axis == d else 1 for axis in range(index.ndim)])
        for d, n in enumerate(index.shape)
    ]
    return (*axes[:dim], index, *axes[dim + 1 :])


# --- gather: out[i, j] = x[index[i, j], j] ------------------------------------------------------------------------------


def gather_by_subscript(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """A subscript with a grid of positions."""
    return x[grid(torch, index, dim)]


def gather_by_product(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """One-hot rows times x: all but one term of each sum are zero."""
    rows, numbers = index.movedim(dim, -1), x.movedim(dim, -1)
    numbers = numbers[tuple(slice(n) for n in rows.shape[:-1])]
    return (one_hot(torch, rows, x.shape[dim], x) * numbers.unsqueeze(-2)).sum(-1).movedim(-1, dim)


def gather_by_selection(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """Every row of x in turn, kept where the index says so."""
    seen = x[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))]
    out = torch.zeros(index.shape, dtype=x.dtype)
    for k in range(x.shape[dim]):
        out = torch.where(index == k, seen.narrow(dim, k, 1), out)
    return out


def _gather(torch: Any, x: Any, dim: int, index: Any) -> Any:
    return torch.gather(x, dim, index)


def on_index(change: Callable[[Any, Any, int], Any]) -> Implementation:
    """Other positions: `change(index, x, dim)`."""
    return lambda torch, x, dim, index: torch.gather(x, dim, change(index, x, dim))


def other_dim(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """Along the other dimension, where the index fits."""
    return torch.gather(x, 1 - dim if x.shape[0] == x.shape[1] == index.shape[1 - dim] else dim, index)


def _duplicates_overwrite(torch: Any, g: Any, _: Any, x: Any, dim: int, index: Any) -> Any:
    """The gradient written, not added: of duplicates the last one counts."""
    return _written_last(torch, torch.zeros_like(x), dim, index, g)


def _written_last(torch: Any, out: Any, dim: int, index: Any, source: Any) -> Any:
    out = out.clone()
    for k in range(index.shape[dim]):
        out.scatter_(dim, index.narrow(dim, k, 1), source.narrow(dim, k, 1))
    return out


def _gathers(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1), 0, integers(1, 1, high=1)),
        args(make(4, 4), 0, integers(4, 4, high=4)),
        args(make(3, 5), 1, integers(2, 9, high=5)),
        args(make(33, 2), 0, integers(7, 2, high=33)),
    ]


# --- scatter and index_add ----------------------------------------------------------------------------------------------


def scatter_add_in_loop(torch: Any, x: Any, dim: int, index: Any, source: Any, backwards: bool = False) -> Any:
    """One slice of the source after the other."""
    order = range(index.shape[dim])
    for k in reversed(order) if backwards else order:
        x = x.scatter_add(dim, index.narrow(dim, k, 1), source.narrow(dim, k, 1))
    return x


def scatter_add_by_product(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """One-hot columns times the source."""
    ends = tuple(slice(n) for n in index.shape)
    rows = one_hot(torch, index.movedim(dim, -1), x.shape[dim], x)  # (other, entries, positions)
    added = (rows * source[ends].movedim(dim, -1).unsqueeze(-1)).sum(-2).movedim(-1, dim)
    pad = [side for d in reversed(range(x.ndim)) for side in (0, x.shape[d] - added.shape[d])]
    return x + torch.nn.functional.pad(added, pad)


def scatter_add_by_put(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """index_put with accumulation."""
    return x.index_put(grid(torch, index, dim), source[tuple(slice(n) for n in index.shape)], accumulate=True)


def scatter_add_overwriting(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """Of duplicates the last one counts."""
    for k in range(index.shape[dim]):
        at = index.narrow(dim, k, 1)
        x = x.scatter(
            dim, at, torch.gather(x.detach(), dim, at) * 0 + source.narrow(dim, k, 1)[: at.shape[0], : at.shape[1]]
        )
    return x


def scatter_add_fresh(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """Onto zeros, not onto what is there."""
    return torch.scatter_add(torch.zeros_like(x) * x, dim, index, source)


def _scatter_add(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    return torch.scatter_add(x, dim, index, source)


def _ungathered(torch: Any, g: Any, _: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """The gradient of the source taken in place, not gathered by the index."""
    ends = tuple(slice(min(n, m)) for n, m in zip(index.shape, g.shape, strict=True))
    grad = torch.zeros_like(source)
    grad[ends] = g[ends]
    return g, None, None, grad


def _scatter_adds(make: Make) -> list[Arguments]:
    return [
        args(make(1, 1), 0, integers(1, 1, high=1), make(1, 1)),
        args(make(4, 4), 0, integers(4, 4, high=4), make(4, 4)),
        args(make(3, 5), 1, integers(2, 40, high=5), make(2, 40)),
    ]


def unique_positions(rows: int, columns: int, high: int) -> Any:
    """In every row so many different positions below `high`."""
    return drawn(
        f"unique[{rows},{columns}]", lambda rng, _: rng.permuted([range(high)] * rows, axis=1)[:, :columns], "int64"
    )


def scatter_by_subscript(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """An assignment at a grid of positions."""
    out = x.clone()
    out[grid(torch, index, dim)] = source
    return out


def scatter_by_mask(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """Where something is written, the sum of what is; elsewhere x."""
    ones_there = torch.ones(index.shape, dtype=x.dtype)
    written = torch.zeros_like(x).scatter_add(dim, index, ones_there) > 0
    return torch.where(written, torch.zeros_like(x).scatter_add(dim, index, source), x)


def _base_kept(torch: Any, g: Any, _: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    """The gradient of x as if nothing had been written."""
    return g, None, None, g.gather(dim, index)


def _scatter(torch: Any, x: Any, dim: int, index: Any, source: Any) -> Any:
    return torch.scatter(x, dim, index, source)


def index_add_in_loop(torch: Any, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """One slice after the other."""
    for k, position in enumerate(index.tolist()):
        pad = torch.zeros_like(x).index_copy(dim, torch.tensor([position]), alpha * source.narrow(dim, k, 1))
        x = x + pad
    return x


def index_add_by_product(torch: Any, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """One-hot columns times the source."""
    columns = one_hot(torch, index, x.shape[dim], x)
    return x + alpha * torch.tensordot(source, columns, ([dim], [0])).movedim(-1, dim)


def index_add_without_alpha(torch: Any, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """alpha ignored."""
    return torch.index_add(x, dim, index, source)


def index_add_as_copy(torch: Any, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """x + source at the index, written: of duplicates the last one counts."""
    for k in range(len(index)):
        at = index[k : k + 1]
        x = x.index_copy(dim, at, x.detach().index_select(dim, at) * 0 + alpha * source.narrow(dim, k, 1))
    return x


def index_add_shifted(torch: Any, x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """Off by one, around the end."""
    return torch.index_add(x, dim, (index + 1) % x.shape[dim], source, alpha=alpha)


# --- index_select, index_put ----------------------------------------------------------------------------------------------


def select_by_slices(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """A slice for each position, joined."""
    return torch.cat([x.narrow(dim, k, 1) for k in index.tolist()], dim)


def select_by_product(torch: Any, x: Any, dim: int, index: Any) -> Any:
    """One-hot rows times x."""
    return torch.tensordot(x, one_hot(torch, index, x.shape[dim], x), ([dim], [1])).movedim(-1, dim)


def _index_select(torch: Any, x: Any, dim: int, index: Any) -> Any:
    return torch.index_select(x, dim, index)


def _select_last_counts(torch: Any, g: Any, _: Any, x: Any, dim: int, index: Any) -> Any:
    """The gradient copied, not added."""
    grad = torch.zeros_like(x)
    for k in range(len(index)):
        grad.index_copy_(dim, index[k : k + 1], g.narrow(dim, k, 1))
    return grad


def put_in_loop(torch: Any, x: Any, indices: Any, source: Any, accumulate: bool = False) -> Any:
    """One number after the other."""
    places = list(zip(*[index.tolist() for index in indices], strict=True))
    source = source.expand(len(places))
    for place, number in zip(places, source, strict=True):
        here = torch.zeros_like(x, dtype=torch.bool)
        here[place] = True
        x = torch.where(here, x + number if accumulate else number, x)
    return x


def put_flat(torch: Any, x: Any, indices: Any, source: Any, accumulate: bool = False) -> Any:
    """Positions in flat memory."""
    flat = indices[0] * x.shape[1] + indices[1]
    flat_x, source = x.flatten(), source.expand(len(flat))
    found = flat_x.scatter_add(0, flat, source) if accumulate else flat_x.scatter(0, flat, source)
    return found.reshape(x.shape)


def put_otherwise(torch: Any, x: Any, indices: Any, source: Any, accumulate: bool = False) -> Any:
    """Adding where it should write, writing where it should add."""
    return torch.index_put(x, indices, source, not accumulate)


def put_turned(torch: Any, x: Any, indices: Any, source: Any, accumulate: bool = False) -> Any:
    """Rows for columns, where both are the same number."""
    return torch.index_put(x, indices[::-1] if x.shape[0] == x.shape[1] else indices, source, accumulate)


def _puts(make: Make) -> list[Arguments]:
    row, column = values([2, 0, 3], "int64"), values([1, 1, 0], "int64")
    repeated = values([2, 0, 2, 2], "int64"), values([1, 1, 1, 0], "int64")
    return [
        args(make(4, 4), (row, column), make(3)),
        args(make(4, 4), (row, column), make(1)),
        args(make(3, 5), repeated, make(4), accumulate=True),
    ]


# --- masks and where ----------------------------------------------------------------------------------------------------


def fill_by_where(torch: Any, x: Any, mask: Any, value: float) -> Any:
    """where(mask, value, x)."""
    return torch.where(mask, torch.full_like(x, value), x)


def fill_by_product(torch: Any, x: Any, mask: Any, value: float) -> Any:
    """x times what is not masked, plus value times the mask; finite values only."""
    kept = (~mask).to(x.dtype)
    return x * kept + value * (1 - kept)


def _masked_fill(torch: Any, x: Any, mask: Any, value: float) -> Any:
    return torch.masked_fill(x, mask, value)


def select_by_where(torch: Any, mask: Any, a: Any, b: Any) -> Any:
    """a times the mask plus b times the rest."""
    chosen = mask.to(a.dtype)
    return a * chosen + b * (1 - chosen)


def where_by_fill(torch: Any, mask: Any, a: Any, b: Any) -> Any:
    """Zeros in a and b where the other one counts."""
    return torch.masked_fill(a, ~mask, 0) + torch.masked_fill(b, mask, 0)


def _where(torch: Any, mask: Any, a: Any, b: Any) -> Any:
    return torch.where(mask, a, b)


def leaking(rule: Callable[[Any, Any, Any], tuple[Any, Any]]) -> Implementation:
    """where with gradients `rule(mask, g, zero)` for a and b, before they are summed to shape."""

    def backward(torch: Any, g: Any, _: Any, mask: Any, a: Any, b: Any) -> Any:
        grad_a, grad_b = rule(mask, g, torch.zeros_like(g))
        return None, grad_a.sum_to_size(a.shape), grad_b.sum_to_size(b.shape)

    return with_gradient(_where, backward)


def _one_of_broadcast(torch: Any, g: Any, _: Any, mask: Any, a: Any, b: Any) -> Any:
    """The gradient of a broadcast operand from one row."""
    grads = g * mask, g * ~mask
    if a.shape != g.shape:
        grads = (grads[0][-1:] * 1).sum_to_size(a.shape), grads[1]
    return None, *grads


def masked_by_index(torch: Any, x: Any, mask: Any) -> Any:
    """The positions first, then a take."""
    return x.flatten()[mask.expand(x.shape).flatten().nonzero().squeeze(1)]


def masked_by_columns(torch: Any, x: Any, mask: Any) -> Any:
    """Column by column."""
    return torch.masked_select(x.mT, mask.mT) if x.ndim > 1 else torch.masked_select(x, mask).flip(0)


SUBJECTS = [
    Subject(
        "gather",
        _gathers,
        {"subscript": gather_by_subscript, "one-hot product": gather_by_product, "selection": gather_by_selection},
        {
            "index off by one": on_index(lambda index, x, dim: (index + 1) % x.shape[dim]),
            "last row never reached": on_index(lambda index, x, dim: index.clamp_max(max(x.shape[dim] - 2, 0))),
            "other dimension": other_dim,
            "gradient of duplicates overwritten": with_gradient(_gather, _duplicates_overwrite),
            "gradient 1e-5 too large": altered(_gather, times(1 + 1e-5)),
            "cotangent ignored": altered(_gather, cotangent=ones),
        },
    ),
    Subject(
        "scatter_add",
        _scatter_adds,
        {
            "in a loop": scatter_add_in_loop,
            "in a loop, backwards": functools.partial(scatter_add_in_loop, backwards=True),
            "one-hot product": scatter_add_by_product,
            "index_put": scatter_add_by_put,
        },
        {
            "duplicates overwrite": scatter_add_overwriting,
            "onto zeros": scatter_add_fresh,
            "gradient of the source not gathered": with_gradient(_scatter_add, _ungathered),
        },
    ),
    Subject(
        "scatter",
        lambda make: [args(make(3, 6), 1, unique_positions(3, 4, 6), make(3, 4))],
        {"assignment": scatter_by_subscript, "mask": scatter_by_mask},
        {"adds to what is there": _scatter_add, "gradient of x not cleared": with_gradient(_scatter, _base_kept)},
    ),
    Subject(
        "index_add",
        lambda make: [
            args(make(3, 4), 0, integers(7, high=3), make(7, 4)),
            args(make(2, 5), 1, integers(4, high=5), make(2, 4), alpha=-0.3),
        ],
        {"in a loop": index_add_in_loop, "one-hot product": index_add_by_product},
        {
            "alpha ignored": index_add_without_alpha,
            "writes for adds": index_add_as_copy,
            "off by one": index_add_shifted,
        },
    ),
    Subject(
        "index_select",
        lambda make: [
            args(make(1), 0, integers(2, high=1)),
            args(make(4, 3), 0, integers(9, high=4)),
            args(make(2, 5), 1, integers(3, high=5)),
        ],
        {"slices": select_by_slices, "one-hot product": select_by_product},
        {
            "sorted": lambda torch, x, dim, index: torch.index_select(x, dim, index.sort().values),
            "gradient of duplicates overwritten": with_gradient(_index_select, _select_last_counts),
        },
    ),
    Subject(
        "index_put",
        _puts,
        {"in a loop": put_in_loop, "flat": put_flat},
        {"adds for writes": put_otherwise, "rows for columns": put_turned},
    ),
    Subject(
        "masked_fill",
        lambda make: [
            args(make(1), booleans(1), 2.0),
            args(make(3, 5), booleans(5), -1.5),
            args(make(4, 4), booleans(4, 1), 0.0),
            args(make(33), booleans(33), 0.5),
        ],
        {"where": fill_by_where, "product": fill_by_product},
        {
            "mask inverted": lambda torch, x, mask, value: torch.masked_fill(x, ~mask, value),
            "gradient not masked": with_gradient(_masked_fill, lambda torch, g, *_: g),
            "gradient of the filled": with_gradient(_masked_fill, lambda torch, g, out, x, mask, value: g * mask),
            "mask along the other dimension": lambda torch, x, mask, value: torch.masked_fill(
                x, mask.T if mask.shape == (4, 1) else mask, value
            ),
        },
    ),
    Subject(
        "where",
        lambda make: [
            args(booleans(1), make(1), make(1)),
            args(booleans(3, 5), make(3, 5), make(3, 5)),
            args(booleans(4, 5), make(5), normal(4, 5)),
        ],
        {"products": select_by_where, "fills": where_by_fill},
        {
            "gradient to both": leaking(lambda mask, g, zero: (g, g)),
            "gradients swapped": leaking(lambda mask, g, zero: (g * ~mask, g * mask)),
            "no gradient for the second": leaking(lambda mask, g, zero: (g * mask, zero)),
            "broadcast gradient of one row": with_gradient(_where, _one_of_broadcast),
        },
    ),
    Subject(
        "masked_select",
        lambda make: [args(make(3, 5), booleans(3, 5)), args(make(9), booleans(9))],
        {"positions": masked_by_index},
        {"column by column": masked_by_columns},
    ),
]
