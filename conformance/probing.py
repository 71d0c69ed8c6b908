"""Probing: the scales of every tensor of a case, from runs on moved numbers and with disturbed arithmetic.

`evaluate(side, move)` runs torch (at the case's dtype, at float64, or with disturbed arithmetic) on the case's numbers
passed through `move`, and gives its arrays by check and name. `lower` takes the sample to the dtype whose rounding is
probed: float64 is probed at float32.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from conformance.candidates.protocol import Candidate
from conformance.draw import Array, is_floating
from conformance.moves import Move, move_by_steps, move_inside_rounding, upcast
from conformance.scale import Scale, find_jumps, real_jumps, unit

PROBES = 4
ARITHMETIC_PROBES = 12  # M decides most verdicts: with few probes some elements of a large tensor look too quiet

Key = tuple[str, str]  # check, name of the tensor
Arrays = dict[Key, Array | None]
Evaluate = Callable[[Candidate, Move], Arrays]
Scales = dict[Key, Scale]


def probe(
    evaluate: Evaluate,
    torch: Candidate,
    oracle: Candidate,
    dtype: Any,
    lower: Move,
    known: tuple[Arrays, Arrays] | None,
) -> Scales:
    """E, D, M and the jumps of every floating tensor; `known` is (torch's, the oracle's) of the unmoved sample."""
    from conformance.monte_carlo import MonteCarlo

    def raised(array: Array) -> Array:
        return upcast(lower(array))

    error, conditioning, arithmetic = MeanSquare(), MeanSquare(), MeanSquare()
    centre = evaluate(oracle, raised)
    values = [centre]  # at float64, near the sample: what the tensors may be
    moves: list[Move] = []
    if known is not None:
        error.add(*known)
    for k in range(0 if known is None else 1, PROBES):

        def moved(array: Array, k: int = k) -> Array:
            return move_by_steps(lower(array), k) if k else lower(array)

        def moved_up(array: Array, moved: Move = moved) -> Array:
            return upcast(moved(array))

        moves.append(moved_up)
        values.append(evaluate(oracle, moved_up))
        error.add(evaluate(torch, moved), values[-1])
    disturbed = []
    for k in range(1, PROBES):

        def jittered(array: Array, k: int = k) -> Array:
            return move_inside_rounding(lower(array), k)

        moves.append(jittered)
        disturbed.append(evaluate(oracle, jittered))
        conditioning.add(disturbed[-1], centre)

    # Undisturbed it must reproduce the oracle. Where it does not (a kernel that writes to an argument writes to the
    # disturbed copy: a running mean stays as it was), the spread would be a fault of its own: M is 0 there.
    undisturbed = evaluate(MonteCarlo(dtype, 1, amplitude=0.0), raised)
    faithful = {
        key: array
        for key, array in centre.items()
        if array is not None and _reproduces(undisturbed.get(key), array, error.root(key, array.shape))
    }
    for k in range(1, ARITHMETIC_PROBES + 1):
        run = evaluate(MonteCarlo(dtype, k), raised)
        disturbed.append({key: array for key, array in run.items() if key in faithful})
        arithmetic.add(disturbed[-1], faithful)

    floating = {key: array for key, array in centre.items() if array is not None and is_floating(array)}
    near = {key: [run.get(key) for run in values + disturbed] for key in floating}
    jumps = {key: _jumps(arrays, unit(dtype)) for key, arrays in near.items()}
    halves = [evaluate(oracle, halfway(raised, move)) for move in moves] if any(jumps.values()) else []
    found = {}
    for key, array in floating.items():
        e, d, m = (part.root(key, array.shape) for part in (error, conditioning, arithmetic))
        between = [half for run in halves if (half := run.get(key)) is not None and half.shape == array.shape]
        slope = _slope([run.get(key) for run in disturbed], array)
        found[key] = Scale(e, d, m, real_jumps(jumps[key], between, unit(dtype)), slope)
    return found


def halfway(one: Move, other: Move) -> Move:
    """The move to the middle between two."""

    def middle(array: Array) -> Array:
        if not is_floating(array):
            return one(array)
        a, b = one(array), other(array)
        with numpy.errstate(all="ignore"):
            return numpy.where(a == b, a, a + (b - a) / 2)

    return middle


def one_by_one(evaluate: Evaluate, dtype: Any, lower: Move) -> Scales:
    """N as `arithmetic`: how far results move when every sum on the way is added term after term."""
    from conformance.monte_carlo import MonteCarlo

    def raised(array: Array) -> Array:
        return upcast(lower(array))

    centre = evaluate(MonteCarlo(dtype, 1, amplitude=0.0), raised)
    total = MeanSquare()
    runs = [evaluate(MonteCarlo(dtype, k, sequential=True), raised) for k in range(1, PROBES + 1)]
    for run in runs:
        total.add(run, centre)
    found = {}
    for key, array in centre.items():
        if array is not None and is_floating(array):
            zero = numpy.zeros(array.shape)
            slope = _slope([run.get(key) for run in runs], array)
            found[key] = Scale(zero, zero, total.root(key, array.shape), slope=slope)
    return found


def _reproduces(array: Array | None, truth: Array, error: Array) -> bool:
    """Whether two float64 results are the same: up to float64's own rounding on the scale of the tensor, or up to what
    is nothing beside torch's error (a gradient that is zero but for rounding).
    """
    if array is None or array.shape != truth.shape:
        return False
    with numpy.errstate(all="ignore"):
        finite = numpy.abs(truth[numpy.isfinite(truth)])
        largest = float(finite.max()) if finite.size else 0.0
        typical = float(numpy.sqrt(numpy.mean(numpy.square(error, dtype=numpy.float64)))) if error.size else 0.0
        atol = max(2.0**-40 * largest, 2.0**-20 * typical if numpy.isfinite(typical) else 0.0)
        return bool(numpy.allclose(array, truth, rtol=0.0, atol=atol, equal_nan=True))


class MeanSquare:
    """Running mean square of differences, per tensor; what is missing, not finite or of another shape is left out."""

    def __init__(self) -> None:
        self.sums: dict[Key, Array] = {}
        self.counts: dict[Key, Array] = {}

    def add(self, left: Arrays, right: Arrays) -> None:
        for key, a in left.items():
            b = right.get(key)
            if a is None or b is None or a.shape != b.shape or not is_floating(b):
                continue
            with numpy.errstate(all="ignore"):
                squared = (a.astype(numpy.float64) - b.astype(numpy.float64)) ** 2
            good = numpy.isfinite(squared)
            if key in self.sums and self.sums[key].shape != squared.shape:
                continue
            self.sums[key] = self.sums.get(key, 0.0) + numpy.where(good, squared, 0.0)
            self.counts[key] = self.counts.get(key, 0) + good

    def root(self, key: Key, shape: tuple[int, ...]) -> Array:
        """At float32 where its range is enough: a scale needs no more digits, and there are many on disk."""
        if key not in self.sums:
            return numpy.zeros(shape, numpy.float32)
        with numpy.errstate(all="ignore"):
            found = numpy.sqrt(self.sums[key] / numpy.maximum(self.counts[key], 1))
            short = found.astype(numpy.float32)
        lost = (found != 0) & ((short == 0) | numpy.isinf(short))
        return found if lost.any() else short


def _jumps(values: Sequence[Array | None], u: float) -> dict[int, Array]:
    there = [array for array in values if array is not None]
    same = [array for array in there if array.shape == there[0].shape]
    return find_jumps(same, u) if same[0].size else {}


def _slope(values: Sequence[Array | None], centre: Array) -> float:
    """rms over the disturbed runs of the factor by which the whole tensor is off."""
    use = numpy.isfinite(centre) & (centre != 0)
    same = [array[use] for array in values if array is not None and array.shape == centre.shape]
    if not same or not use.any():
        return 0.0
    with numpy.errstate(all="ignore"):
        slopes = numpy.median(numpy.stack(same) / centre[use] - 1.0, axis=1)
    return float(numpy.sqrt(numpy.mean(numpy.square(numpy.nan_to_num(slopes, posinf=0.0, neginf=0.0)))))
