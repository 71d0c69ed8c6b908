"""Small timing tables for tests of the gate."""

from typing import Any

import pandas

from conformance.gate import snapshot


def timings(
    ratios: dict[str, float], wide: float = 0.02, null: tuple[float, float] = (0.99, 1.01), what: str = "step"
) -> Any:
    """A table of one process with these ratios, on two threads; `wide` is half of the interval."""
    return pandas.DataFrame(
        [
            [name, what, 2, "float32", r, r * (1 - wide), r * (1 + wide), *null, r * 1e-3, 1e-3, False, 40]
            for name, r in ratios.items()
        ],
        columns=[*snapshot.KEY, *snapshot.MEASURED],
    )


TABLE = {f"LeNet-5 {i}": 0.5 + i / 10 for i in range(10)}


def slower(row: str, factor: float) -> dict[str, float]:
    """`TABLE` with one row slower."""
    return TABLE | {row: TABLE[row] * factor}
