"""The findings as text, as Markdown (a job summary) and as JUnit XML (what continuous integration shows per test)."""

from collections.abc import Sequence
from xml.etree import ElementTree

from conformance.gate.change import AREAS, FLAKY, SPEED, VERDICTS, Change, Findings

SHOWN = 25  # rows of one kind; the JUnit file has all that fail
WIDE = 90  # characters of a name in the text


def verdict(found: Findings, *, partial: bool = False) -> str:
    """The whole in one line."""
    counts = ", ".join(f"{number} {kind}" for kind, number in found.counts().items()) or "nothing changed"
    head = {0: "passes", 1: "FAILS", 3: "is INCOMPLETE"}[found.status(partial=partial)]
    return f"gate {head}: {counts}"


def text(found: Findings, *, partial: bool = False) -> str:
    """For a terminal or a log."""
    lines = []
    for kind, changes in _by_kind(found):
        for change in changes[:SHOWN]:
            moved = f"{change.then} -> {change.now}" if change.then else change.now
            lines.append(f"{kind:<9} {_short(change.name)}: {moved}")
            if change.detail:
                lines.append(f"{'':<9}   {change.detail}")
        if len(changes) > SHOWN:
            lines.append(f"{kind:<9} and {len(changes) - SHOWN} more")
    lines += [f"not comparable: {reason}" for reason in found.incomparable]
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join([*lines, _compared(found), verdict(found, partial=partial)])


def markdown(found: Findings, *, partial: bool = False) -> str:
    """For a job summary."""
    lines = [f"## {verdict(found, partial=partial).capitalize()}", "", _compared(found), ""]
    if found.changes:
        lines += ["| change | what | baseline | now | evidence |", "|:--|:--|:--|:--|:--|"]
    for kind, changes in _by_kind(found):
        shown = [(kind, change.name, change.then, change.now, change.detail) for change in changes[:SHOWN]]
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in shown]
        if len(changes) > SHOWN:
            lines.append(f"| {kind} | and {len(changes) - SHOWN} more | | | |")
    remarks = [f"- **not comparable**: {reason}" for reason in found.incomparable] + [
        f"- {note}" for note in found.notes
    ]
    return "\n".join([*lines, *([""] if found.changes and remarks else []), *remarks]) + "\n"


def junit(found: Findings, *, partial: bool = False) -> str:
    """A suite for each area: a test for each change that fails, and one for each family or table that was compared."""
    top = ElementTree.Element("testsuites", name="conform gate")
    for area in AREAS:
        suite = ElementTree.SubElement(top, "testsuite", name=area)
        shown = [change for change in found.changes if change.area == area and (change.failing or change.kind == FLAKY)]
        for change in shown:
            test = ElementTree.SubElement(suite, "testcase", classname=f"gate.{area}", name=_clean(change.name))
            moved = _clean(f"{change.kind}: {change.then or 'nothing'} -> {change.now}")
            tag = ElementTree.SubElement(test, "failure" if change.failing else "skipped", message=moved)
            tag.text = _clean(change.detail)
        for what, number in found.compared.items():
            if what.partition(" ")[0] == area:
                name = f"{what}: {number} compared"
                ElementTree.SubElement(suite, "testcase", classname=f"gate.{area}", name=_clean(name))
        for reason in found.incomparable:
            if reason.partition(":")[0] == area:
                test = ElementTree.SubElement(suite, "testcase", classname=f"gate.{area}", name="comparable")
                tag = ElementTree.SubElement(test, "skipped" if partial else "failure", message=_clean(reason))
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(sum(test.find("failure") is not None for test in suite)))
        suite.set("skipped", str(sum(test.find("skipped") is not None for test in suite)))
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def _by_kind(found: Findings) -> list[tuple[str, Sequence[Change]]]:
    return [(kind, [change for change in found.changes if change.kind == kind]) for kind in found.counts()]


def _compared(found: Findings) -> str:
    cases = sum(number for what, number in found.compared.items() if what.startswith(VERDICTS))
    parts = [
        f"{cases} cases",
        f"{found.compared.get('accuracy', 0)} rounding errors",
        f"{found.compared.get(SPEED, 0)} timings",
    ]
    return "compared: " + ", ".join(parts)


def _short(name: str) -> str:
    return name if len(name) <= WIDE else name[: WIDE - 3] + "..."


def _cell(value: str) -> str:
    """Text inside a Markdown table: no line ends, no column ends, no markup."""
    plain = " ".join(value.split())
    for character in "\\|*_`<>":
        plain = plain.replace(character, {"<": "&lt;", ">": "&gt;"}.get(character, "\\" + character))
    return plain


def _clean(value: str) -> str:
    """Text without what XML cannot hold."""
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe") else "?" for c in value
    )
