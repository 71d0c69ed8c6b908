"""Tables as Markdown has them. Reports are written where nothing but numpy, torch and pandas may be installed."""

from collections.abc import Iterable, Sequence
from typing import Any


def grid(rows: Iterable[Sequence[Any]], heads: Sequence[str]) -> str:
    """Rows under their heads, columns of equal width; a column of numbers stands at the right.

    >>> print(grid([("tanh", 3), ("conv2d", 12)], ["operation", "cases"]))
    | operation | cases |
    |:----------|------:|
    | tanh      |     3 |
    | conv2d    |    12 |
    """
    lines = [list(row) for row in rows]
    numbers = [bool(lines) and all(_is_number(line[k]) for line in lines) for k in range(len(heads))]
    cells = [list(map(str, heads)), *([_text(value) for value in line] for line in lines)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(heads))]
    rule = "|".join(
        "-" * (width + 1) + ":" if right else ":" + "-" * (width + 1) for width, right in _zip(widths, numbers)
    )
    shown = [
        " | ".join(
            cell.rjust(width) if right else cell.ljust(width) for cell, width, right in _zip(line, widths, numbers)
        )
        for line in cells
    ]
    head, *body = (f"| {line} |" for line in shown)
    return "\n".join([head, f"|{rule}|", *body])


def of_frame(frame: Any) -> str:
    """A DataFrame, its index in the first column."""
    heads = [frame.index.name or "", *map(str, frame.columns)]
    return grid(([index, *values] for index, values in _zip(frame.index, frame.to_numpy(dtype=object).tolist())), heads)


def _zip(*columns: Any) -> Any:
    return zip(*columns, strict=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
