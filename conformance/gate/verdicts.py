"""Verdicts and coverage: case by case, what got worse and what got better.

A case is one row, however many of its tensors changed. It is a

- `new-fail` when a comparison fails that did not, or a new comparison fails;
- `worse` when what passed is now not supported or a listed difference;
- `stale` when a listed difference does not differ any more (the run finds that; see `conformance/known.py`);
- `vanished` when it is not there any more, or some of its comparisons are not. A case that still exists and merely was
  not run makes the run a partial one, which is not the same thing;
- `fixed` when nothing got worse and something that did not pass now passes. A case that still fails is no change.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from conformance.gate.change import FIXED, NEW, NEW_FAIL, STALE, VANISHED, VERDICTS, WORSE, Change
from conformance.record import BAD, KNOWN, PASS, UNSUPPORTED

_LEDGER = "known"  # the check of the records that the ledger of known differences adds
_ORDER = {PASS: 0, KNOWN: 1, UNSUPPORTED: 2} | dict.fromkeys(BAD, 3)

Key = tuple[str, str]  # check, tensor
Statuses = dict[Key, str]


def compare(then: Any, now: Any, existing: Callable[[], Collection[str]]) -> tuple[list[Change], list[str]]:
    """The changes between two frames of records, and the cases that exist, are in the baseline, and were not run.

    `existing` lists the ids of the cases that there are today; it is asked only when cases are missing.
    """
    before, after = by_case(then), by_case(now)
    families = dict(zip(then["case"], then["family"], strict=True)) | dict(zip(now["case"], now["family"], strict=True))
    messages = _messages(now)
    missing = [case for case in before if case not in after]
    there = set(existing()) if missing else set()
    changes = [
        Change(VANISHED, VERDICTS, case, _said(before[case]), "no such case", family=families[case])
        for case in missing
        if case not in there
    ]
    for case, statuses in after.items():
        changes += _case(case, before.get(case), statuses, families[case], messages)
    return [*changes, *_new(before, after, families)], [case for case in missing if case in there]


def by_case(frame: Any) -> dict[str, Statuses]:
    """The status of every comparison, by case; of equal names the worst."""
    found: dict[str, Statuses] = {}
    rows = zip(frame["case"], frame["check"], frame["tensor"], frame["status"], strict=True)
    for case, check, tensor, status in rows:
        statuses = found.setdefault(case, {})
        if _ORDER[status] >= _ORDER[statuses.get((check, tensor), PASS)]:
            statuses[check, tensor] = status
    return found


def failing(frame: Any) -> set[str]:
    """The cases with a failure."""
    return set(frame[frame["status"].isin(BAD) & (frame["check"] != _LEDGER)]["case"])


def _case(
    case: str, before: Statuses | None, after: Statuses, family: str, messages: dict[tuple[str, Key], str]
) -> Iterator[Change]:
    """What changed about one case: nothing or one row, and one more for a difference that is gone."""
    then = before or {}
    for key in after:
        if key[0] == _LEDGER and after[key] in BAD and then.get(key) not in BAD:
            yield Change(STALE, VERDICTS, case, KNOWN, PASS, messages.get((case, key), ""), family)
    compared = {key: status for key, status in after.items() if key[0] != _LEDGER}
    then = {key: status for key, status in then.items() if key[0] != _LEDGER}
    fails = [key for key, status in compared.items() if status in BAD and then.get(key) not in BAD]
    gone = [key for key in then if key not in compared and then[key] == PASS]
    # A refusal stands where results stood; one under a new name, with nothing gone, is a new comparison.
    lost = [
        key
        for key, s in compared.items()
        if s in (UNSUPPORTED, KNOWN) and (_ORDER[s] > _ORDER[then[key]] if key in then else bool(gone))
    ]
    better = [key for key, s in then.items() if s != PASS and compared.get(key, PASS) == PASS]
    if fails:
        yield _row(NEW_FAIL, case, fails, then, compared, family, messages)
    elif before is None:
        return  # counted by `_new`
    elif lost:
        yield _row(WORSE, case, lost, then, compared, family, messages)
    elif gone and not any(status in BAD for status in compared.values()):
        yield _row(VANISHED, case, gone, then, compared, family, messages)
    elif better:
        yield _row(FIXED, case, better, then, compared, family, messages)


def _row(
    kind: str,
    case: str,
    keys: list[Key],
    then: Statuses,
    now: Statuses,
    family: str,
    messages: dict[tuple[str, Key], str],
) -> Change:
    """One row for the comparisons `keys` of a case; the first of them is written out."""
    check, tensor = keys[0]
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    message = messages.get((case, keys[0]), "").strip().partition("\n")[0]
    detail = f"{check} {tensor}".strip() + more + (f": {message}" if message else "")
    absent = "not compared"
    return Change(kind, VERDICTS, case, then.get(keys[0], absent), now.get(keys[0], absent), detail, family)


def _new(before: dict[str, Statuses], after: dict[str, Statuses], families: dict[str, str]) -> Iterator[Change]:
    """One row a family for the cases that are new."""
    count = Counter(families[case] for case in after if case not in before)
    for family, number in sorted(count.items()):
        yield Change(NEW, VERDICTS, family, "", f"{number} case{'s' if number > 1 else ''}", family=family)


def _messages(frame: Any) -> dict[tuple[str, Key], str]:
    """What was said about comparisons that did not pass; a baseline keeps no words."""
    if "message" not in frame.columns:
        return {}
    chosen = frame[frame["status"] != PASS]
    rows = zip(chosen["case"], chosen["check"], chosen["tensor"], chosen["message"], strict=True)
    return {(case, (check, tensor)): str(message) for case, check, tensor, message in rows}


def _said(statuses: Statuses) -> str:
    """A whole case in words."""
    counts = Counter(statuses.values())
    return ", ".join(f"{count} {status}" for status, count in counts.items())
