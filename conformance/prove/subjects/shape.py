"""Moving numbers without changing them: roll, flip, cat, select, permute, repeat, triangles, diagonals, windows."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from conformance.case import args
from conformance.draw import normal
from conformance.prove.regimes import TAME
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient


def torch_s(name: str) -> Implementation:
    """torch's own, to plant gradients in."""
    return lambda torch, *given, **options: getattr(torch, name)(*given, **options)


# --- roll and flip ----------------------------------------------------------------------------------------------------------


def roll_by_index(torch: Any, x: Any, shifts: int, dims: int | None = None, *, sign: int = 1, wrap: bool = True) -> Any:
    """Position i comes from i - shift; without a dimension, of the flat numbers."""
    flat, dim = (x.flatten(), 0) if dims is None else (x, dims)
    source = torch.arange(flat.shape[dim]) - sign * shifts
    found = flat.index_select(dim, source % flat.shape[dim])
    if not wrap:
        shape = [-1 if d == dim else 1 for d in range(flat.ndim)]
        found = found * ((source >= 0) & (source < flat.shape[dim])).reshape(shape)
    return found.reshape(x.shape)


def roll_by_joining(torch: Any, x: Any, shifts: int, dims: int | None = None) -> Any:
    """The tail in front of the head."""
    flat, dim = (x.flatten(), 0) if dims is None else (x, dims)
    n = flat.shape[dim]
    cut = (n - shifts) % n
    return torch.cat([flat.narrow(dim, cut, n - cut), flat.narrow(dim, 0, cut)], dim).reshape(x.shape)


def roll_along_rows(torch: Any, x: Any, shifts: int, dims: int | None = None) -> Any:
    """Flat where rows were asked for, and the other way round."""
    return torch.roll(x, shifts, None if dims is not None else x.ndim - 1)


def _rolled_on(torch: Any, g: Any, _: Any, x: Any, shifts: int, dims: int | None = None) -> Any:
    """The gradient rolled on, not back."""
    return torch.roll(g, shifts, dims)


def flip_by_index(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Positions from the last to the first."""
    for dim in dims:
        x = x.index_select(dim, torch.arange(x.shape[dim] - 1, -1, -1))
    return x


def flip_by_stack(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Slices stacked from the last to the first."""
    for dim in dims:
        x = torch.stack(x.unbind(dim)[::-1], dim)
    return x


def flip_first_only(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Of several dimensions the first."""
    return torch.flip(x, dims[:1])


def flip_from_the_end(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Dimensions counted from the other end."""
    return torch.flip(x, [x.ndim - 1 - d % x.ndim for d in dims])


def flip_but_first(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Index -i for n - 1 - i: the first stays in place."""
    for dim in dims:
        x = x.index_select(dim, -torch.arange(x.shape[dim]) % x.shape[dim])
    return x


# --- cat, stack, select, narrow ---------------------------------------------------------------------------------------------


def cat_by_copies(torch: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    """Copied into an empty result."""
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    out, at = torch.empty(shape, dtype=parts[0].dtype), 0
    for part in parts:
        out.narrow(dim, at, part.shape[dim]).copy_(part)
        at += part.shape[dim]
    return out


def cat_by_slices(torch: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    """Taken apart and stacked again."""
    return torch.stack([piece for part in parts for piece in part.unbind(dim)], dim)


def cat_reversed(torch: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    """The last part first."""
    return torch.cat(list(parts)[::-1], dim)


def cat_by_turns(torch: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    """Pieces of the parts by turns, where they have the same length."""
    if len({part.shape[dim] for part in parts}) > 1:
        return torch.cat(parts, dim)
    return torch.stack(
        [piece for pieces in zip(*(part.unbind(dim) for part in parts), strict=True) for piece in pieces], dim
    )


def cat_gradient_of_the_first(torch: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    """Every part of the same shape gets the gradient of the first."""
    out, first = torch.cat([part.detach() for part in parts], dim), parts[0]
    stand_in = torch.cat([first, *[torch.zeros_like(part) for part in parts[1:]]], dim)
    for part in parts[1:]:
        same = part if part.shape == first.shape else torch.zeros_like(first) + 0 * part.sum()
        stand_in = stand_in + torch.cat([same, *[torch.zeros_like(other) for other in parts[1:]]], dim)
    return out + (stand_in - stand_in.detach())


def select_by_index(torch: Any, x: Any, dim: int, index: int, *, shift: int = 0) -> Any:
    """One position; `shift` is added to a negative one."""
    n = x.shape[dim]
    return x.index_select(dim, torch.tensor([(index + (shift if index < 0 else 0)) % n])).squeeze(dim)


def narrow_by_index(torch: Any, x: Any, dim: int, start: int, length: int, *, shift: int = 0) -> Any:
    """Positions start, start + 1, ..."""
    return x.index_select(dim, (torch.arange(start, start + length) + shift) % x.shape[dim])


def _spread_over_all(torch: Any, g: Any, _: Any, x: Any, dim: int, start: int, length: int) -> Any:
    """The gradient from position 0 on, wherever the slice began."""
    return torch.cat([g, g.new_zeros([x.shape[d] - length if d == dim else n for d, n in enumerate(g.shape)])], dim)


# --- permute, transpose, reshape --------------------------------------------------------------------------------------------


def permute_by_swaps(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """One transposition after the other."""
    wanted = [d % x.ndim for d in dims]
    now = list(range(x.ndim))
    for place, d in enumerate(wanted):
        other = now.index(d)
        x = x.transpose(place, other)
        now[place], now[other] = now[other], now[place]
    return x


def permute_inverted(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Where a dimension goes for where it comes from; the shape is forced to fit."""
    wanted = [d % x.ndim for d in dims]
    inverse = [wanted.index(d) for d in range(x.ndim)]
    return x.permute(inverse).reshape([x.shape[d] for d in wanted])


def permute_as_reshape(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """The right shape over numbers in the old order."""
    return x.reshape([x.shape[d] for d in dims])


def _not_permuted_back(torch: Any, g: Any, _: Any, x: Any, dims: Sequence[int]) -> Any:
    """The gradient with the shape of x, in the order of the result."""
    return g.contiguous().reshape(x.shape)


# --- repeat, triangles, diagonals -------------------------------------------------------------------------------------------


def tile_by_index(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Position i comes from i modulo n."""
    x = x.reshape(*[1] * (len(dims) - x.ndim), *x.shape)
    for dim, times_ in enumerate(dims):
        x = x.index_select(dim, torch.arange(times_ * x.shape[dim]) % x.shape[dim])
    return x


def tile_by_joining(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Joined so many times."""
    x = x.reshape(*[1] * (len(dims) - x.ndim), *x.shape)
    for dim, times_ in enumerate(dims):
        x = torch.cat([x] * times_, dim)
    return x


def tile_as_repeat_interleave(torch: Any, x: Any, dims: Sequence[int]) -> Any:
    """Every number so many times in a row."""
    x = x.reshape(*[1] * (len(dims) - x.ndim), *x.shape)
    for dim, times_ in enumerate(dims):
        x = x.repeat_interleave(times_, dim)
    return x


def _first_copy(torch: Any, g: Any, _: Any, x: Any, dims: Sequence[int]) -> Any:
    """The gradient of the first copy, not the sum."""
    for dim, n in zip(range(-x.ndim, 0), x.shape, strict=True):
        g = g.narrow(g.ndim + dim, 0, n)
    return g[(0,) * (g.ndim - x.ndim)]


def expanded_by_product(torch: Any, x: Any, shape: Sequence[int]) -> Any:
    """Times ones."""
    return x * torch.ones(shape, dtype=x.dtype)


def _one_row(torch: Any, g: Any, _: Any, x: Any, shape: Sequence[int]) -> Any:
    """The gradient of one copy."""
    for d in range(g.ndim - x.ndim):
        g = g.narrow(d, 0, 1)
    g = g.reshape(g.shape[g.ndim - x.ndim :])
    for d, n in enumerate(x.shape):
        g = g.narrow(d, 0, n)
    return g


def _mean_of_copies(torch: Any, g: Any, _: Any, x: Any, shape: Sequence[int]) -> Any:
    """The mean over the copies."""
    return g.sum_to_size(x.shape) * (x.numel() / g.numel())


def lower_by_mask(torch: Any, x: Any, diagonal: int = 0, *, shift: int = 0, upper: bool = False) -> Any:
    """Columns up to row + diagonal."""
    rows, columns = torch.arange(x.shape[-2]).unsqueeze(-1), torch.arange(x.shape[-1])
    keep = columns >= rows + diagonal if upper else columns <= rows + diagonal + shift
    return torch.where(keep, x, 0)


def lower_by_rows(torch: Any, x: Any, diagonal: int = 0) -> Any:
    """Row by row, zeros behind."""
    rows = []
    for i, row in enumerate(x.unbind(-2)):
        kept = min(max(i + 1 + diagonal, 0), x.shape[-1])
        rows.append(torch.cat([row[..., :kept], torch.zeros_like(row[..., kept:])], -1))
    return torch.stack(rows, -2)


def diagonal_by_index(torch: Any, x: Any, offset: int = 0, *, sign: int = 1) -> Any:
    """x[i, i + offset]."""
    offset *= sign
    row, column = max(-offset, 0), max(offset, 0)
    n = min(x.shape[0] - row, x.shape[1] - column)
    return x[torch.arange(n) + row, torch.arange(n) + column]


# --- windows ---------------------------------------------------------------------------------------------------------------


def windows_by_slices(torch: Any, x: Any, dim: int, size: int, step: int) -> Any:
    """A slice for each window."""
    count = (x.shape[dim] - size) // step + 1
    return torch.stack([x.narrow(dim, i * step, size).movedim(dim, -1) for i in range(count)], dim)


def _windows_overwrite(torch: Any, g: Any, _: Any, x: Any, dim: int, size: int, step: int) -> Any:
    """Windows that overlap write their gradients over one another."""
    grad = torch.zeros_like(x)
    for i in range(g.shape[dim]):
        grad.narrow(dim, i * step, size).copy_(g.select(dim, i).movedim(-1, dim))
    return grad


def two_rolls(torch: Any, x: Any, y: Any) -> Any:
    """Called twice: both results are looked at."""
    return torch.roll(x, 1), torch.roll(y, 1)


def stale(torch: Any, x: Any, shifts: int, *, results: dict[Any, Any]) -> Any:
    """The second call with the same shape returns what the first one found."""
    key = (x.shape, x.dtype, shifts)
    first = key not in results
    found = results.pop(key) if not first else torch.roll(x, shifts)
    if first:
        results[key] = found
    return found


def planted(name: str, backward: Callable[..., Any]) -> Implementation:
    """torch's own with this gradient."""
    return with_gradient(torch_s(name), backward)


SUBJECTS = [
    Subject(
        "roll",
        lambda make: [args(make(1), 1), args(make(9), -2), args(make(3, 4), 1, 1), args(make(3, 4), 5)],
        {"positions": roll_by_index, "joining": roll_by_joining},
        {
            "the other way": functools.partial(roll_by_index, sign=-1),
            "falls off the end": functools.partial(roll_by_index, wrap=False),
            "rows for flat": roll_along_rows,
            "gradient rolled on": planted("roll", _rolled_on),
            "gradient 1e-5 too large": altered(torch_s("roll"), times(1 + 1e-5)),
            "cotangent ignored": altered(torch_s("roll"), cotangent=ones),
        },
    ),
    Subject(
        "two rolls",
        lambda make: [args(make(5), make(5))],
        {"positions": roll_by_index},
        {"result of the call before": functools.partial(stale, results={})},
        program=two_rolls,
        replaces="roll",
        regimes=TAME,
    ),
    Subject(
        "flip",
        lambda make: [args(make(5), (0,)), args(make(2, 3), (0, 1)), args(make(2, 3, 4), (0,)), args(make(17), [0])],
        {"positions": flip_by_index, "stack": flip_by_stack},
        {
            "first dimension only": flip_first_only,
            "from the other end": flip_from_the_end,
            "first stays": flip_but_first,
        },
    ),
    Subject(
        "cat",
        lambda make: [
            args([make(2, 3), normal(2, 3)], 1),
            args([make(1), make(4), make(2)]),
            args([make(2, 2), make(2, 2)]),
        ],
        {"copies": cat_by_copies, "slices": cat_by_slices},
        {
            "last part first": cat_reversed,
            "by turns": cat_by_turns,
            "gradient of the first part": cat_gradient_of_the_first,
        },
    ),
    Subject(
        "select",
        lambda make: [args(make(4, 3), 0, 2), args(make(4, 3), 1, -1), args(make(5), 0, -5)],
        {"positions": select_by_index},
        {"negative index off by one": functools.partial(select_by_index, shift=-1)},
    ),
    Subject(
        "narrow",
        lambda make: [args(make(5, 4), 0, 1, 3), args(make(2, 9), 1, 4, 5)],
        {"positions": narrow_by_index},
        {
            "starts late": functools.partial(narrow_by_index, shift=1),
            "gradient from the start": planted("narrow", _spread_over_all),
        },
    ),
    Subject(
        "permute",
        lambda make: [args(make(2, 3), (1, 0)), args(make(2, 3, 4), (2, 0, 1)), args(make(3, 3, 3), (1, 2, 0))],
        {"transpositions": permute_by_swaps},
        {
            "inverse permutation": permute_inverted,
            "reshape": permute_as_reshape,
            "gradient not permuted back": planted("permute", _not_permuted_back),
        },
    ),
    Subject(
        "tile",
        lambda make: [args(make(3), (2,)), args(make(2, 3), (2, 1, 3)), args(make(2), (17,))],
        {"positions": tile_by_index, "joining": tile_by_joining},
        {"each number repeated": tile_as_repeat_interleave, "gradient of the first copy": planted("tile", _first_copy)},
    ),
    Subject(
        "broadcast_to",
        lambda make: [args(make(1), (1025,)), args(make(3, 1), (2, 3, 4)), args(make(4), (3, 4))],
        {"times ones": expanded_by_product},
        {
            "gradient of one copy": planted("broadcast_to", _one_row),
            "mean of the gradients": planted("broadcast_to", _mean_of_copies),
        },
    ),
    Subject(
        "tril",
        lambda make: [args(make(1, 1)), args(make(4, 4)), args(make(3, 5), 1), args(make(2, 4, 3), -1)],
        {"mask": lower_by_mask, "rows": lower_by_rows},
        {
            "one diagonal more": functools.partial(lower_by_mask, shift=1),
            "one diagonal less": functools.partial(lower_by_mask, shift=-1),
            "upper": functools.partial(lower_by_mask, upper=True),
            "gradient of all": planted("tril", lambda torch, g, *_: g),
        },
    ),
    Subject(
        "diagonal",
        lambda make: [args(make(4, 4)), args(make(4, 4), 1), args(make(3, 5), 1), args(make(4, 3), -1)],
        {"positions": diagonal_by_index},
        {"offset the other way": functools.partial(diagonal_by_index, sign=-1)},
    ),
    Subject(
        "Tensor.unfold",
        lambda make: [args(make(7), 0, 3, 2), args(make(2, 9), 1, 4, 1), args(make(5, 3), 0, 2, 3)],
        {"slices": windows_by_slices},
        {
            "gradients of windows overwrite": with_gradient(
                lambda torch, x, *window: x.unfold(*window), _windows_overwrite
            )
        },
    ),
]
