"""sort, topk, argmax, kthvalue, searchsorted: orders, positions and who wins a tie."""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import FORWARD, LAYOUTS, REPEAT, UNCHANGED, Arguments, args
from conformance.draw import distinct, drawn, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject

VALUES_ONLY = FORWARD - {LAYOUTS, REPEAT, UNCHANGED}  # integer results: nothing to differentiate

# --- sort ---------------------------------------------------------------------------------------------------------------


def _sort(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    return tuple(torch.sort(x, dim=dim, descending=descending, stable=True))


def by_positions(torch: Any, x: Any, **options: Any) -> Any:
    """The order first, then a gather."""
    order = _sort(torch, x.detach(), **options)[1]
    return x.gather(options.get("dim", -1), order), order


def by_ranks(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The place of a number is how many come before it: smaller ones, and equal ones from further left."""
    rows = x.detach().movedim(dim, -1)
    n = rows.shape[-1]
    left, right = rows.unsqueeze(-2), rows.unsqueeze(-1)  # left[..., j], right[..., i, 0]
    before = left > right if descending else left < right
    earlier = (left == right) & (torch.arange(n) < torch.arange(n).unsqueeze(-1))
    place = (before | earlier).sum(-1)
    order = torch.zeros_like(place).scatter(-1, place, torch.arange(n).expand(place.shape)).movedim(-1, dim)
    return x.gather(dim, order), order


def in_numpy(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """numpy's stable order; of the negated numbers where it descends."""
    key = -x.detach().numpy() if descending else x.detach().numpy()
    order = torch.from_numpy(key.argsort(axis=dim, kind="stable"))
    return x.gather(dim, order), order


def by_exchange(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Odd-even transposition: neighbours change places until none has to."""
    numbers, order = x.movedim(dim, 0).unbind(0), torch.arange(x.shape[dim])
    numbers, n = list(numbers), x.shape[dim]
    places = [order[i].expand(numbers[i].shape) for i in range(n)]
    for turn in range(n):
        for i in range(turn % 2, n - 1, 2):
            swap = numbers[i] < numbers[i + 1] if descending else numbers[i] > numbers[i + 1]
            numbers[i], numbers[i + 1] = (
                torch.where(swap, numbers[i + 1], numbers[i]),
                torch.where(swap, numbers[i], numbers[i + 1]),
            )
            places[i], places[i + 1] = (
                torch.where(swap, places[i + 1], places[i]),
                torch.where(swap, places[i], places[i + 1]),
            )
    return torch.stack(numbers, dim), torch.stack(places, dim)


def ties_reversed(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Of equal numbers the last comes first: the ascending order of the reversed row."""
    found, order = _sort(torch, x.flip(dim), dim, descending)
    return found, x.shape[dim] - 1 - order


def flipped_for_descending(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Descending as ascending read backwards, ties with it."""
    found = _sort(torch, x, dim)
    return tuple(part.flip(dim) for part in found) if descending else found


def order_inverted(torch: Any, x: Any, dim: int = -1, **options: Any) -> Any:
    """Where each number went, for where it came from."""
    found, order = _sort(torch, x, dim, **options)
    return found, order.argsort(dim)


def gradient_inverted(torch: Any, x: Any, dim: int = -1, **options: Any) -> Any:
    """The gradient permuted with the order once more, not back."""
    found, order = _sort(torch, x.detach(), dim, **options)
    wrong = x.gather(dim, order.argsort(dim))
    return found + wrong - wrong.detach(), order


def gradient_in_place(torch: Any, x: Any, dim: int = -1, **options: Any) -> Any:
    """The gradient as if nothing had moved."""
    found, order = _sort(torch, x.detach(), dim, **options)
    return found + x - x.detach(), order


def nan_first(torch: Any, x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """NaN below everything, where torch has it above."""
    order = _sort(torch, x.detach().nan_to_num(nan=-float("inf")), dim, descending)[1]
    return x.gather(dim, order), order


def _rows(make: Make) -> list[Arguments]:
    return [
        args(make(1), stable=True),
        args(make(9), stable=True, descending=True),
        args(make(3, 5), dim=0, stable=True),
        args(make(2, 33), dim=-1, stable=True),
    ]


# --- topk, kthvalue, argmax ---------------------------------------------------------------------------------------------


def top_of_sorted(torch: Any, x: Any, k: int, dim: int = -1, largest: bool = True, *, start: int = 0) -> Any:
    """The first k of the sorted row, from `start` on."""
    found = torch.sort(x, dim=dim, descending=largest, stable=True)
    start = min(start, x.shape[dim] - k)
    return tuple(part.narrow(dim, start, k) for part in found)


def top_in_turn(torch: Any, x: Any, k: int, dim: int = -1, largest: bool = True) -> Any:
    """The largest, taken out, k times."""
    rest, places = x.detach().clone(), []
    for _ in range(k):
        place = (rest if largest else -rest).argmax(dim, keepdim=True)
        places.append(place)
        rest = rest.scatter(dim, place, -float("inf") if largest else float("inf"))
    index = torch.cat(places, dim)
    return x.gather(dim, index), index


def _topk(torch: Any, x: Any, k: int, dim: int = -1, largest: bool = True) -> Any:
    return tuple(torch.topk(x, k, dim, largest))


def top_reversed(torch: Any, *given: Any, **options: Any) -> Any:
    """The smallest of the chosen first."""
    found = _topk(torch, *given, **options)
    return tuple(part.flip(options.get("dim", -1)) for part in found)


def top_by_magnitude(torch: Any, x: Any, k: int, dim: int = -1, largest: bool = True) -> Any:
    """The sign left out of the comparison."""
    index = torch.topk(x.abs(), k, dim, largest).indices
    return x.gather(dim, index), index


def top_gradient_in_front(torch: Any, x: Any, k: int, dim: int = -1, largest: bool = True) -> Any:
    """The gradient to the first k places."""
    found, index = _topk(torch, x.detach(), k, dim, largest)
    front = x.narrow(dim, 0, k)
    return found + front - front.detach(), index


def kth_of_sorted(torch: Any, x: Any, k: int, dim: int = -1, *, offset: int = -1) -> Any:
    """Number k of the sorted row, counted from one."""
    found = torch.sort(x, dim=dim, stable=True)
    return tuple(part.select(dim, min(k + offset, x.shape[dim] - 1)) for part in found)


def argmax_by_comparison(torch: Any, x: Any, dim: int | None = None, *, last: bool = False) -> Any:
    """The first place that equals the largest number (or the last)."""
    row, axis = (x.flatten(), 0) if dim is None else (x, dim)
    n = row.shape[axis]
    shape = [n if d == axis else 1 for d in range(row.ndim)]
    places = torch.arange(n).reshape(shape).expand(row.shape)
    wins = row == row.amax(axis, keepdim=True)
    if last:
        return torch.where(wins, places, -1).amax(axis)
    return torch.where(wins, places, n).amin(axis)


def argmax_by_halves(torch: Any, x: Any, dim: int | None = None) -> Any:
    """The winner of the first half keeps a tie with that of the second."""
    row, axis = (x.flatten(), 0) if dim is None else (x, dim)
    half = row.shape[axis] // 2
    if not half:
        return torch.zeros_like(row.select(axis, 0), dtype=torch.int64)
    first, second = row.split([half, row.shape[axis] - half], axis)
    later = second.amax(axis) > first.amax(axis)
    return torch.where(later, second.argmax(axis) + half, first.argmax(axis))


def argmax_elsewhere(torch: Any, x: Any, dim: int | None = None) -> Any:
    """The place inside the row where that in flat memory is asked for."""
    return torch.argmax(x, dim) if dim is not None else torch.argmax(x) % x.shape[-1]


def argmax_without_tail(torch: Any, x: Any, dim: int | None = None) -> Any:
    """Numbers that do not fill a vector of 8 are not looked at."""
    row, axis = (x.flatten(), 0) if dim is None else (x, dim)
    whole = row.shape[axis] // 8 * 8
    return torch.argmax(row.narrow(axis, 0, whole) if whole else row, axis)


# --- searchsorted -----------------------------------------------------------------------------------------------------------


def searched(compare: Callable[[Any, Any, bool], Any]) -> Implementation:
    """How many edges compare with the number."""

    def searchsorted(torch: Any, edges: Any, x: Any, right: bool = False) -> Any:
        return compare(edges, x.unsqueeze(-1), right).sum(-1)

    return searchsorted


def edges(n: int) -> Any:
    """Sorted whole numbers, some of them twice."""
    return drawn(f"edges[{n}]", lambda rng, _: sorted(rng.integers(-3, 4, n)))


SUBJECTS = [
    Subject(
        "sort",
        _rows,
        {"order, then gather": by_positions, "ranks": by_ranks, "numpy": in_numpy, "exchange": by_exchange},
        {
            "ties reversed": ties_reversed,
            "descending by flipping": flipped_for_descending,
            "order inverted": order_inverted,
            "gradient permuted twice": gradient_inverted,
            "gradient in place": gradient_in_place,
        },
    ),
    Subject(
        "sort",
        lambda make: [args(values([2.0, float("nan"), -1.0, 3.0]), stable=True)],
        {"order, then gather": by_positions},
        {"NaN first": nan_first},
        regimes=("normal",),  # the numbers are given
    ),
    Subject(
        "topk",
        lambda make: [
            args(distinct(1), 1),
            args(distinct(9), 3),
            args(distinct(4, 5), 2, dim=0, largest=False),
            args(distinct(2, 33), 8),
        ],
        {"sorted": top_of_sorted, "one in turn": top_in_turn},
        {
            "without the first": functools.partial(top_of_sorted, start=1),
            "smallest of them first": top_reversed,
            "by magnitude": top_by_magnitude,
            "gradient to the front": top_gradient_in_front,
        },
        regimes=("normal",),  # no ties: torch does not say which of them it takes
    ),
    Subject(
        "kthvalue",
        lambda make: [args(distinct(1), 1), args(distinct(9), 3), args(distinct(4, 5), 4, dim=0)],
        {"sorted": kth_of_sorted},
        {"counted from zero": functools.partial(kth_of_sorted, offset=0)},
        regimes=("normal",),  # no ties: torch does not say which of them it takes
    ),
    Subject(
        "argmax",
        lambda make: [args(make(1)), args(make(17), 0), args(make(3, 5), 1), args(make(3, 5)), args(make(9, 2), 0)],
        {"comparison": argmax_by_comparison, "halves": argmax_by_halves},
        {
            "last at a tie": functools.partial(argmax_by_comparison, last=True),
            "place in the row": argmax_elsewhere,
            "tail of the vector not seen": argmax_without_tail,
        },
        checks=VALUES_ONLY,
    ),
    Subject(
        "searchsorted",
        lambda make: [args(edges(7), make(9)), args(edges(16), make(4, 5), right=True)],
        {"count": searched(lambda edges, x, right: edges <= x if right else edges < x)},
        {
            "sides swapped": searched(lambda edges, x, right: edges < x if right else edges <= x),
            "last edge forgotten": searched(lambda edges, x, right: (edges <= x if right else edges < x)[..., :-1]),
        },
        checks=VALUES_ONLY,
        regimes=("normal", "ties", "offset"),
    ),
]
