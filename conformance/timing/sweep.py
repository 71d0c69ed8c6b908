"""Sweeps: how time grows with batch, channels, image size and threads, as an exponent with its interval.

A convolution's work grows with batch to the first power, with channels (in and out together) and with image size to the
second. Where the fitted exponent is lower, fixed costs or unused lanes are being filled; where it is higher, a cache is
being left. Of threads the ideal is -1.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from conformance.timing.operations import convolution
from conformance.timing.row import SWEEP, Row

BATCH, CHANNELS, SIZE, THREADS = "batch", "channels", "size", "threads"
DEFAULT = {BATCH: (1, 64), CHANNELS: (4, 64), SIZE: (7, 112)}
BASE = {BATCH: 8, CHANNELS: 16, SIZE: 28}


@dataclass(frozen=True)
class Sweep:
    """One axis, and the sizes along it."""

    axis: str
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Sweep":
        """From AXIS or AXIS=LOW..HIGH, doubling from LOW to HIGH. ValueError for anything else.

        >>> Sweep.of("batch=1..10")
        Sweep(axis='batch', sizes=(1, 2, 4, 8, 10))
        """
        axis, equals, span = text.partition("=")
        processors = os.cpu_count() or 1
        default = DEFAULT | {THREADS: (1, processors)}
        if axis not in default:
            raise ValueError(f"the axes of sweeps are {', '.join(default)}; got {text!r}")
        low, high = default[axis]
        if equals:
            first, dots, last = span.partition("..")
            if not (dots and first.isdecimal() and last.isdecimal() and 1 <= int(first) < int(last)):
                raise ValueError(f"expected {axis}=LOW..HIGH with 1 <= LOW < HIGH, got {text!r}")
            low, high = int(first), int(last)
        return cls(axis, doubling(low, high))


def doubling(low: int, high: int) -> tuple[int, ...]:
    """low, 2 low, 4 low, ... up to and with high."""
    sizes = [low]
    while sizes[-1] * 2 < high:
        sizes.append(sizes[-1] * 2)
    return (*sizes, high) if high > low else tuple(sizes)


def rows(sweeps: Sequence[Sweep]) -> Iterator[tuple[Row, int | None]]:
    """(row, number of threads; None where the axis is another) of a 3 x 3 convolution."""
    for sweep in sweeps:
        for value in sweep.sizes:
            at = BASE | ({sweep.axis: value} if sweep.axis != THREADS else {SIZE: 56})
            made = convolution(at[BATCH], at[CHANNELS], at[SIZE], at[CHANNELS], 3, padding=1, group=SWEEP)
            for row in made:
                name = f"sweep of {sweep.axis}: {row.name}"
                yield replace(row, name=name, axes={sweep.axis: value}), value if sweep.axis == THREADS else None
