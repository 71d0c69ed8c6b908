"""pad: constant, reflect, replicate and circular borders.

The pairs of `pad` begin with the last dimension: left, right, top, bottom.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from conformance.case import Arguments, args
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient

Source = Callable[[int, int], int]  # source(i, n): where position i of the padded row comes from

SOURCES: dict[str, Source] = {
    "reflect": lambda i, n: (n - 1) - abs((n - 1) - abs(i)) if n > 1 else 0,
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}


def symmetric(i: int, n: int) -> int:
    """The border itself reflected too."""
    return min(i if i >= 0 else -1 - i, 2 * n - 1 - i)


def pairs(pad: Sequence[int]) -> list[tuple[int, int]]:
    """Before and after, from the last dimension on."""
    return list(zip(pad[::2], pad[1::2], strict=True))


def by_index(
    torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0, *,
    sources: dict[str, Source] = SOURCES,
) -> Any:  # fmt: skip
    """A selection along each dimension; for a constant, a joined block."""
    if mode == "constant":
        return by_blocks(torch, x, pad, mode, value)
    for k, (before, after) in enumerate(pairs(pad)):
        n = x.shape[-1 - k]
        x = x.index_select(-1 - k, torch.tensor([sources[mode](i, n) for i in range(-before, n + after)]))
    return x


def by_blocks(torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """The border joined on, side by side; negative padding cuts off."""
    for k, (before, after) in enumerate(pairs(pad)):
        dim = x.ndim - 1 - k
        x = x.narrow(dim, max(-before, 0), x.shape[dim] + min(before, 0) + min(after, 0))
        n = x.shape[dim]
        sides = []
        for places in (range(-before, 0), range(n, n + after)):
            if mode == "constant":
                shape = [len(places) if d == dim else size for d, size in enumerate(x.shape)]
                sides.append(torch.full(shape, value, dtype=x.dtype))
            else:
                source = SOURCES[mode]
                columns = [x.narrow(dim, source(i, n), 1) for i in places]
                sides.append(torch.cat(columns, dim) if columns else x.narrow(dim, 0, 0))
        x = torch.cat([sides[0], x, sides[1]], dim)
    return x


def by_product(torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """A matrix with a one in every row, from both sides."""
    if mode == "constant":
        return by_blocks(torch, x, pad, mode, value)
    for k, (before, after) in enumerate(pairs(pad)):
        n = x.shape[-1 - k]
        rows = torch.eye(n, dtype=x.dtype)[[SOURCES[mode](i, n) for i in range(-before, n + after)]]
        x = (x.movedim(-1 - k, -1) @ rows.T).movedim(-1, -1 - k)
    return x


def _pad(torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    return torch.nn.functional.pad(x, tuple(pad), mode, value if mode == "constant" else None)


# --- faults ---------------------------------------------------------------------------------------------------------------


def other_modes(**other: Source) -> Implementation:
    """Another border for a mode."""
    return functools.partial(by_index, sources={**SOURCES, **other})


def on_pad(change: Callable[[Sequence[int]], Sequence[int]]) -> Implementation:
    """Other amounts of the same total."""
    return lambda torch, x, pad, mode="constant", value=0.0: _pad(torch, x, change(pad), mode, value)


def ends_swapped(pad: Sequence[int]) -> Sequence[int]:
    """After before before."""
    return [side for before, after in pairs(pad) for side in (after, before)]


def dims_swapped(torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """The pairs from the first dimension on, where the shape allows it."""
    swapped = [side for pair in reversed(pairs(pad)) for side in pair]
    wrong = _pad(torch, x, swapped, mode, value)
    right = _pad(torch, x, pad, mode, value)
    return wrong if wrong.shape == right.shape else right


def value_ignored(torch: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Any:
    """Zeros whatever the value."""
    return _pad(torch, x, pad, mode)


def last_wins(
    torch: Any, g: Any, _: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Any:
    """The gradient of a number that was copied is that of its last copy."""
    before, after = pad[0], pad[1]
    if mode == "constant" or len(pad) > 2:
        return times_shown(torch, g, x, pad, mode)
    grad = torch.zeros_like(x)
    n = x.shape[-1]
    for column, i in enumerate(range(-before, n + after)):
        grad[..., SOURCES[mode](i, n)] = g[..., column]
    return grad


def times_shown(torch: Any, g: Any, x: Any, pad: Sequence[int], mode: str) -> Any:
    """The right gradient."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(_pad(torch, leaf, pad, mode), leaf, g)[0]


def middle_only(
    torch: Any, g: Any, _: Any, x: Any, pad: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Any:
    """The gradient that falls on the border is lost."""
    if mode == "constant":
        return times_shown(torch, g, x, pad, mode)
    for k, (before, _after) in enumerate(pairs(pad)):
        g = g.narrow(g.ndim - 1 - k, before, x.shape[-1 - k])
    return g


def _rows(make: Make) -> list[Arguments]:
    rows = [
        args(make(1), (1, 2)),
        args(make(2, 3), (2, 0), "constant", 1.5),
        args(make(3, 3), (1, 2, 2, 1)),
        args(make(2, 5), (-1, 2)),
    ]
    for mode in SOURCES:
        rows += [args(make(1, 2, 5), (2, 1), mode), args(make(1, 1, 4, 4), (1, 2, 2, 1), mode)]
    return rows


SUBJECTS = [
    Subject(
        "nn.functional.pad",
        _rows,
        {"selection": by_index, "blocks": by_blocks, "products": by_product},
        {
            "border reflected too": other_modes(reflect=symmetric),
            "replicate for reflect": other_modes(reflect=SOURCES["replicate"]),
            "reflect for circular": other_modes(circular=SOURCES["reflect"]),
            "circular for replicate": other_modes(replicate=SOURCES["circular"]),
            "circular off by one": other_modes(circular=lambda i, n: (i + 1 if i < 0 else i) % n),
            "ends swapped": on_pad(ends_swapped),
            "dimensions swapped": dims_swapped,
            "value ignored": value_ignored,
            "gradient of the last copy": with_gradient(_pad, last_wins),
            "gradient of the border lost": with_gradient(_pad, middle_only),
            "gradient 1e-5 too large": altered(_pad, times(1 + 1e-5)),
            "cotangent ignored": altered(_pad, cotangent=ones),
        },
    ),
]
