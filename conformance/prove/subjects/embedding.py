"""embedding and embedding_bag: rows of a table, and their sums, means and maxima."""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import distinct, integers, normal, values
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Implementation, Subject, altered, ones, times, with_gradient

# --- embedding ------------------------------------------------------------------------------------------------------------


def gradient_of_rows(torch: Any, rows: Any, index: Any, padding_idx: int | None) -> Any:
    """The table as it is, without a gradient in row `padding_idx`."""
    if padding_idx is None:
        return rows
    return torch.where((index == padding_idx).unsqueeze(-1), rows.detach(), rows)


def positive_row(padding_idx: int | None, table: Any) -> int | None:
    """Counted from the front."""
    return None if padding_idx is None else padding_idx % len(table)


def looked_up(take: Callable[[Any, Any, Any], Any], guard: bool = True) -> Implementation:
    """Rows by `take(torch, index, table)`; `guard` keeps the gradient from the padding row."""

    def embedding(torch: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
        rows = take(torch, index, table)
        return gradient_of_rows(torch, rows, index, positive_row(padding_idx, table)) if guard else rows

    return embedding


def by_product(torch: Any, index: Any, table: Any) -> Any:
    """One-hot rows times the table."""
    return torch.nn.functional.one_hot(index, len(table)).to(table.dtype) @ table


def by_selection(torch: Any, index: Any, table: Any) -> Any:
    """index_select over the flat index."""
    return table.index_select(0, index.flatten()).reshape(*index.shape, -1)


def row_after_row(torch: Any, index: Any, table: Any) -> Any:
    """A row for each index, stacked."""
    return torch.stack([table[i] for i in index.flatten().tolist()]).reshape(*index.shape, -1)


def _embedding(torch: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    return torch.nn.functional.embedding(index, table, padding_idx)


def padding_row_zero(torch: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    """The padding row read as zeros, whatever the table holds."""
    rows = _embedding(torch, index, table, padding_idx)
    return rows if padding_idx is None else rows * (index != padding_idx % len(table)).unsqueeze(-1)


def clamped(torch: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    """The last row is never reached."""
    return _embedding(torch, index.clamp_max(max(len(table) - 2, 0)), table, padding_idx)


def _summed(torch: Any, g: Any, index: Any, table: Any, padding_idx: int | None) -> Any:
    """Rows of g added up by index: the right gradient."""
    grad = torch.zeros_like(table).index_add(0, index.flatten(), g.reshape(-1, table.shape[1]))
    if padding_idx is not None:
        grad[padding_idx % len(table)] = 0
    return grad


def _sorted_sum(torch: Any, g: Any, _: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    """The same sum, row by row of the table."""
    flat, rows = index.flatten(), g.reshape(-1, table.shape[1])
    sums = [rows[flat == i].sum(0) for i in range(len(table))]
    grad = torch.stack(sums)
    if padding_idx is not None:
        grad[padding_idx % len(table)] = 0
    return None, grad


def _overwritten(torch: Any, g: Any, _: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    """Of a row used twice, the gradient of the last use."""
    grad = torch.zeros_like(table)
    for i, row in zip(index.flatten().tolist(), g.reshape(-1, table.shape[1]), strict=True):
        grad[i] = row
    if padding_idx is not None:
        grad[padding_idx % len(table)] = 0
    return None, grad


def _averaged(torch: Any, g: Any, _: Any, index: Any, table: Any, padding_idx: int | None = None) -> Any:
    """Divided by how often a row is used, unasked."""
    count = torch.bincount(index.flatten(), minlength=len(table)).clamp_min(1)
    return None, _summed(torch, g, index, table, padding_idx) / count.unsqueeze(-1)


def _rows(make: Make) -> list[Arguments]:
    return [
        args(integers(1, high=1), make(1, 1)),
        args(integers(2, 7, high=5), make(5, 3)),
        args(values([[3, 0, 2], [2, 2, 4]], "int64"), make(5, 4), 2),
        args(values([1, 4, 4], "int64"), make(5, 2), -1),
    ]


# --- max_norm, scale_grad_by_freq ---------------------------------------------------------------------------------------


def renormed(
    torch: Any, index: Any, table: Any, padding_idx: int | None, max_norm: float, norm_type: float = 2.0, *,
    everywhere: bool = False, kind: float = 0.0, write: bool = True,
) -> Any:  # fmt: skip
    """Rows that are used and longer than `max_norm` are shortened to it, in the table itself."""
    with torch.no_grad():
        norms = torch.linalg.vector_norm(table, kind or norm_type, 1, keepdim=True)
        used = torch.ones_like(norms, dtype=torch.bool)
        if not everywhere:
            used = torch.zeros_like(used).index_fill(0, index.flatten(), True)
        short = torch.where(used & (norms > max_norm), table * (max_norm / (norms + 1e-7)), table)
        if write:
            table.copy_(short)
    return (table if write else table + (short - table).detach())[index]


def without_max_norm(torch: Any, index: Any, table: Any, *_: Any, **__: Any) -> Any:
    """The limit ignored."""
    return table[index]


def by_frequency(
    torch: Any, index: Any, table: Any, *, scale_grad_by_freq: bool, count: Callable[[Any, Any, int], Any]
) -> Any:
    """The gradient of every use over `count(torch, index, rows)` of its row."""
    rows = table[index]
    share = 1 / count(torch, index, len(table))[index].to(table.dtype).unsqueeze(-1)
    return rows.detach() + (rows - rows.detach()) * share


def _uses(torch: Any, index: Any, rows: int) -> Any:
    return torch.bincount(index.flatten(), minlength=rows)


# --- embedding_bag --------------------------------------------------------------------------------------------------------

Combine = Callable[[Any, Any, str], Any]  # combine(torch, rows of a bag, mode)


def combined(torch: Any, rows: Any, mode: str) -> Any:
    """Sum, mean or maximum (of equal numbers the first); zeros for an empty bag."""
    if mode == "sum" or not len(rows):
        return rows.sum(0)
    return rows.mean(0) if mode == "mean" else rows.max(0).values


def embedding_bag(
    torch: Any, index: Any, table: Any, offsets: Any, *, mode: str = "mean", per_sample_weights: Any = None,
    include_last_offset: bool = False, combine: Combine = combined, late: int = 0,
) -> Any:  # fmt: skip
    """Bag after bag: the rows from one offset to the next, each times its weight."""
    rows = table[index]
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    starts = [*offsets.tolist(), *([] if include_last_offset else [len(index)])]
    ends = [min(stop + late, len(index)) for stop in starts[1:]]
    return torch.stack([combine(torch, rows[a:b], mode) for a, b in zip(starts, ends, strict=False)])


def bag_by_product(
    torch: Any, index: Any, table: Any, offsets: Any, *, mode: str = "mean", per_sample_weights: Any = None,
    include_last_offset: bool = False,
) -> Any:  # fmt: skip
    """A matrix of bags times the rows; maxima bag by bag."""
    if mode == "max":
        return embedding_bag(torch, index, table, offsets, mode=mode, include_last_offset=include_last_offset)
    ends = offsets[1:] if include_last_offset else torch.cat([offsets[1:], torch.tensor([len(index)])])
    starts = offsets[: len(ends)]
    places = torch.arange(len(index))
    member = ((places >= starts[:, None]) & (places < ends[:, None])).to(table.dtype)
    if mode == "mean":
        member = member / member.sum(1, keepdim=True).clamp_min(1)
    return (member if per_sample_weights is None else member * per_sample_weights) @ table[index]


def mean_over_all(torch: Any, rows: Any, mode: str) -> Any:
    """The mean over one number more than the bag has."""
    return rows.sum(0) / (len(rows) + 1) if mode == "mean" else combined(torch, rows, mode)


def sums_only(torch: Any, rows: Any, mode: str) -> Any:
    """Sums for means."""
    return rows.sum(0) if mode == "mean" else combined(torch, rows, mode)


def winners_share(torch: Any, rows: Any, mode: str) -> Any:
    """At a tie all winners share the gradient."""
    return rows.amax(0) if mode == "max" else combined(torch, rows, mode)


def at_least_zero(torch: Any, rows: Any, mode: str) -> Any:
    """The maximum taken with 0, where the accumulator starts."""
    return combined(torch, rows, mode).clamp_min(0) if mode == "max" else combined(torch, rows, mode)


def weights_ignored(torch: Any, *given: Any, per_sample_weights: Any = None, **options: Any) -> Any:
    """Every row counts once."""
    found = embedding_bag(torch, *given, **options)
    return found if per_sample_weights is None else found + 0 * per_sample_weights.sum()


def padded_bag(
    torch: Any, index: Any, table: Any, offsets: Any, *, padding_idx: int, mode: str = "mean", counted: bool = False,
    zeroed: bool = False, read: bool = False, front: bool = False,
) -> Any:  # fmt: skip
    """Bag after bag without the indices of the padding row.

    `counted`: means divide by them too; `zeroed`: they count as rows of zeros; `read`: as all others, but without a
    gradient; `front`: a row counted from behind is not found.
    """
    row = padding_idx if front else positive_row(padding_idx, table)
    ends = [*offsets.tolist()[1:], len(index)]
    bags = []
    for start, end in zip(offsets.tolist(), ends, strict=True):
        bag = index[start:end]
        real = bag != row
        if read:
            rows = gradient_of_rows(torch, table[bag], bag, row)
        elif zeroed:
            rows = table[bag] * real.unsqueeze(-1)
        else:
            rows = table[bag[real]]
        out = combined(torch, rows, mode) if len(rows) else rows.sum(0)
        bags.append(out * (len(rows) / max(end - start, 1)) if counted and mode == "mean" else out)
    return torch.stack(bags)


def _padded_bags(make: Make) -> list[Arguments]:
    index, offsets = values([1, 4, 2, 4, 4, 0, 3], "int64"), values([0, 3, 5], "int64")  # the second bag is all padding
    return [
        args(index, make(5, 3), offsets, mode="sum", padding_idx=4),
        args(index, make(5, 3), offsets, mode="mean", padding_idx=-1),
        args(index, distinct(5, 3), offsets, mode="max", padding_idx=4),
    ]


def _bags(make: Make) -> list[Arguments]:
    index, offsets = integers(7, high=5), values([0, 3, 3], "int64")  # the second bag is empty
    return [
        args(values([0], "int64"), make(1, 1), values([0], "int64")),
        args(index, make(5, 3), offsets, mode="mean"),
        args(index, make(5, 3), offsets, mode="sum", per_sample_weights=normal(7)),
        args(values([0, 1, 2, 3, 4], "int64"), make(5, 2), values([0, 2], "int64"), mode="max"),
        args(index, make(5, 2), values([0, 3, 7], "int64"), mode="mean", include_last_offset=True),
    ]


SUBJECTS = [
    Subject(
        "nn.functional.embedding",
        _rows,
        {
            "subscript": looked_up(lambda torch, index, table: table[index]),
            "one-hot product": looked_up(by_product),
            "selection": looked_up(by_selection),
            "row after row": looked_up(row_after_row),
            "gradient row by row": with_gradient(_embedding, _sorted_sum),
        },
        {
            "gradient for the padding row": looked_up(lambda torch, index, table: table[index], guard=False),
            "padding row read as zero": padding_row_zero,
            "last row never reached": clamped,
            "gradient of the last use": with_gradient(_embedding, _overwritten),
            "gradient over the uses": with_gradient(_embedding, _averaged),
            "gradient 1e-5 too large": altered(_embedding, None, times(1 + 1e-5)),
            "cotangent ignored": altered(_embedding, cotangent=ones),
        },
    ),
    Subject(
        "nn.functional.embedding",
        lambda make: [
            args(values([0, 2, 2], "int64"), normal(4, 3, scale=3), None, 1.0),
            args(values([[1, 3]], "int64"), normal(4, 5, scale=3), None, 2.0, 1.0),
            args(values([1], "int64"), normal(2, 1), None, 100.0),
        ],
        {"rows shortened": renormed},
        {
            "limit ignored": without_max_norm,
            "unused rows shortened": functools.partial(renormed, everywhere=True),
            "norm always Euclidean": functools.partial(renormed, kind=2.0),
            "table not written": functools.partial(renormed, write=False),
        },
        regimes=("normal",),  # the table is given
    ),
    Subject(
        "nn.functional.embedding",
        lambda make: [args(values([0, 2, 2, 2, 1, 0], "int64"), make(4, 3), scale_grad_by_freq=True)],
        {"gradient over the uses": functools.partial(by_frequency, count=_uses)},
        {
            "over all uses": functools.partial(
                by_frequency, count=lambda torch, index, rows: _uses(torch, index, rows) * 0 + 6
            ),
            "not scaled": functools.partial(by_frequency, count=lambda torch, index, rows: torch.ones(rows)),
        },
    ),
    Subject(
        "nn.functional.embedding_bag",
        _bags,
        {"bag after bag": embedding_bag, "matrix of bags": bag_by_product},
        {
            "mean over one more": functools.partial(embedding_bag, combine=mean_over_all),
            "sum for mean": functools.partial(embedding_bag, combine=sums_only),
            "maximum starts at zero": functools.partial(embedding_bag, combine=at_least_zero),
            "winners share at a tie": functools.partial(embedding_bag, combine=winners_share),
            "bags end late": functools.partial(embedding_bag, late=1),
            "weights ignored": weights_ignored,
        },
    ),
    Subject(
        "nn.functional.embedding_bag",
        _padded_bags,
        {"without the padding": padded_bag},
        {
            "mean counts the padding": functools.partial(padded_bag, counted=True),
            "padding is a row of zeros": functools.partial(padded_bag, zeroed=True),
            "padding only without gradient": functools.partial(padded_bag, read=True),
            "padding from behind not found": functools.partial(padded_bag, front=True),
        },
        regimes=TAME,
    ),
]
