"""Accuracy: did an operation's rounding errors grow by more than chance makes them?

The rms z of one tensor is a noisy number: draw the roundings again (another sample, another order of summation, another
machine's SIMD width) and it comes out anew. So no single number is held against another. The rule:

1. A tensor's change is d = log((z' + f) / (z + f)), z' and z its rms error now and in the baseline in the same unit, and
   f = 0.1: errors below a tenth of the unit are none. (The unit is A of `conformance/verdict.py` where the tensor was
   probed and u |t| where it was not; where the two runs differ in that, torch's own error, which both runs measured,
   converts one into the other.)
2. A case's change is the mean over its tensors of one kind (output, gradient, second-order), layouts left out: they are
   the same numbers again. Its noise, for n elements and two independent draws, is sqrt(2) s(n), with
   s(n)^2 = SPREAD_ALL^2 + SPREAD_ONE^2 / n, fitted to what refnet's own errors do from seed to seed
   (`python benchmarks/gate.py accuracy`).
3. An operation's change, at one dtype and kind, is the mean of its cases' changes, each weighted by 1 / s(n)^2: many small
   tensors say together what none says alone.
4. Worse is an operation whose errors grew by more than `FACTOR` (the same 1.5 by which `Closeness` calls somebody closer;
   of 1,500 operations, dtypes and kinds torch with channels-last inputs or two threads moves none so far, and torch without
   oneDNN eight, which do sum otherwise), or a single case of it whose errors grew by more than `ALONE` (3: a wrong
   accumulation at one size drowns in a mean), where in either case the change is also beyond `CHANCE` standard deviations.
   The extreme tail of d is heavier than normal, so that is not the last word:
5. Whatever looks worse is measured again on other numbers, `SEEDS` draws of the same cases, and is called worse only if it
   is so there too, by the same rule. Chance does not strike the same operation twice.

An operation whose tensors are few and tiny can lose accuracy unseen by this rule; the verdict itself bounds how much.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from conformance.gate.change import ACCURACY, FIXED, FLAKY, WORSE, Change
from conformance.gate.snapshot import TENSOR
from conformance.record import PASS
from conformance.verdict import CLOSER

FLOOR = 0.1  # in units of A or u |t|
FACTOR = CLOSER  # an operation's errors may grow by so much
ALONE = 3.0  # and a single case's
CHANCE = 4.0  # standard deviations; one in 30,000, of a few thousand groups and cases
SPREAD_ALL, SPREAD_ONE = 0.1, 1.2  # s(n)^2 = SPREAD_ALL^2 + SPREAD_ONE^2 / n
SEEDS = (1, 2, 3)  # of the draws that have to confirm it
CASES = 8  # of an operation are measured again, those with the most elements
MOST = 40  # operations: so many are no chance, and each takes seconds

GROUP = ["operation", "dtype", "kind"]
Redraw = Callable[[Sequence[str], Sequence[int]], Sequence[Any]]  # (cases, seeds) -> a frame of records a seed


def compare(then: Any, now: Any, redraw: Redraw | None = None) -> list[Change]:
    """The operations that became less accurate, and those that became more so.

    `redraw` measures cases again on other numbers; without it the first look decides, at twice the standard deviations.
    """
    base = tensors(then)
    cases = changes_of_cases(base, tensors(now))
    chance = CHANCE if redraw else 2 * CHANCE
    suspects = worse(cases, chance)
    found = [_better(row) for row in _improved(cases)]
    if not suspects:
        return found
    if redraw is None or len(suspects) > MOST:
        why = "" if redraw is None else f": {len(suspects)} operations look worse"
        return found + [_change(WORSE, row, f"not measured again{why}") for row in suspects]
    names = sorted({name for row in suspects for name in row["cases"][:CASES]})
    again = changes_of_cases(base, *(tensors(frame) for frame in redraw(names, SEEDS)))
    confirmed = {_label(row): row for row in worse(again, CHANCE, log_share=0.75)}
    for row in suspects:
        other = confirmed.get(_label(row))
        note = f"on {len(SEEDS)} other draws {other['factor']:.2g} times" if other else "not on other numbers"
        found.append(_change(WORSE if other else FLAKY, row, note))
    return found


def tensors(frame: Any) -> Any:
    """The tensors of a frame of records that have a measured rounding error, by case, kind and name."""
    check = frame["check"]
    chosen = frame[
        (frame["status"].astype(str) == PASS) & frame["rms_z"].notna() & ~check.astype(str).str.startswith("layout")
    ]
    found = chosen[[*TENSOR, "operation", "dtype", "elements", "probed", "rms_z", "torch_rms_z"]].copy()
    for column in (*TENSOR, "operation", "dtype"):
        found[column] = found[column].astype(str)
    for column in ("rms_z", "torch_rms_z", "elements"):
        found[column] = found[column].astype("float64")
    return found.drop_duplicates(TENSOR).rename(columns={"check": "kind"})


def changes_of_cases(then: Any, *draws: Any) -> Any:
    """A frame with one row for each case and kind: its change d, and the variance that chance gives it.

    Several draws of now are averaged: their share of the variance shrinks with their number.
    """
    import numpy
    import pandas

    key = ["case", "kind", "tensor"]
    pairs = [
        then.merge(draw[[*key, "rms_z", "torch_rms_z", "probed"]], on=key, suffixes=("", "_now")) for draw in draws
    ]
    paired = _in_one_unit(pandas.concat(pairs, ignore_index=True))
    paired["d"] = numpy.log((paired["after"] + FLOOR) / (paired["before"] + FLOOR))
    grouped = paired.groupby([*GROUP, "case"], sort=False)
    cases = grouped.agg(d=("d", "mean"), n=("elements", "max")).reset_index()
    cases["variance"] = (1 + 1 / len(draws)) * (SPREAD_ALL**2 + SPREAD_ONE**2 / cases["n"].clip(lower=1.0))
    return cases


def _in_one_unit(paired: Any) -> Any:
    """The pairs that can be compared, with then's rms z in the unit of now (`before`) and now's (`after`).

    An error over torch's own is a number without unit. Where it would have to convert, and torch's error is zero, there
    is no telling. At float64 an oracle that was not asked for more digits is torch itself, so that the error is the
    distance from torch; and such pairs are left out as well.
    """
    import numpy

    both = (paired["torch_rms_z"] > 0) & (paired["torch_rms_z_now"] > 0)
    converted = paired["probed"].astype(bool) != paired["probed_now"].astype(bool)
    chosen = paired[both | ~(converted | (paired["dtype"] == "float64"))].copy()
    share = numpy.where(converted[chosen.index], chosen["torch_rms_z_now"] / chosen["torch_rms_z"], 1.0)
    chosen["before"], chosen["after"] = chosen["rms_z"] * share, chosen["rms_z_now"]
    return chosen


def worse(cases: Any, chance: float, log_share: float = 1.0) -> list[dict[str, Any]]:
    """The operations, and the cases of other operations, that are worse beyond chance and the least effect.

    `log_share` shrinks the least effect where a first look has picked what is tested: what is picked for being large
    comes out smaller the second time, even when it is real.
    """
    found = []
    for group in _groups(cases):
        if group["d"] > log_share * math.log(FACTOR) and group["d"] > chance * group["deviation"]:
            found.append(group)
            continue
        alone = group["frame"]
        alone = alone[(alone["d"] > log_share * math.log(ALONE)) & (alone["d"] > chance * alone["variance"] ** 0.5)]
        if len(alone):
            row = alone.sort_values("d").iloc[-1]
            only = {"d": row["d"], "deviation": row["variance"] ** 0.5, "factor": math.exp(row["d"])}
            found.append(
                {
                    **group,
                    **only,
                    "cases": list(alone.sort_values("variance", kind="stable")["case"]),
                    "of": len(group["frame"]),
                }
            )
    return found


def _improved(cases: Any) -> list[dict[str, Any]]:
    """The operations whose errors shrank as much."""
    return [
        group
        for group in _groups(cases)
        if group["d"] < -math.log(FACTOR) and group["d"] < -CHANCE * group["deviation"]
    ]


def _groups(cases: Any) -> list[dict[str, Any]]:
    """Every operation, dtype and kind with its weighted mean change, and its standard deviation."""
    found = []
    for key, frame in cases.groupby(GROUP, sort=False):
        weight = 1 / frame["variance"]
        mean = float((weight * frame["d"]).sum() / weight.sum())
        names = list(frame.sort_values("variance", kind="stable")["case"])
        found.append(
            {
                "key": key,
                "frame": frame,
                "d": mean,
                "deviation": float(weight.sum()) ** -0.5,
                "factor": math.exp(mean),
                "cases": names,
                "of": len(names),
            }
        )
    return found


def _label(row: dict[str, Any]) -> str:
    operation, dtype, kind = row["key"]
    return f"{operation} {dtype}: {kind}"


def _change(kind: str, row: dict[str, Any], note: str) -> Change:
    which = f"{len(row['cases'])} of {row['of']} cases" if len(row["cases"]) < row["of"] else f"{row['of']} cases"
    detail = f"rounding errors {row['factor']:.2g} times larger in {which}, {row['d'] / row['deviation']:.1f} standard deviations"
    return Change(
        kind, ACCURACY, _label(row), "1", f"{row['factor']:.2g}", f"{detail}; {note}; such as {row['cases'][0]}"
    )


def _better(row: dict[str, Any]) -> Change:
    detail = f"rounding errors {1 / row['factor']:.2g} times smaller in {row['of']} cases"
    return Change(FIXED, ACCURACY, _label(row), "1", f"{row['factor']:.2g}", detail)
