"""report.html: a report as one page that needs nothing but a browser.

The page holds its script, its style, its figures and its tables, and forbids itself any network. It is made of the files
that a run has left in a folder, so that it can be made again: `conform report FOLDER`. The tables sort, filter and page
with DataTables, which comes with the package `itables`.
"""

import importlib.metadata
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import report
from conformance.against import Against
from conformance.printing import again
from conformance.record import BAD, KNOWN, PASS, UNSUPPORTED
from conformance.report import beside, columns, tables
from conformance.report.embed import CODE, COUNT, Column, Table, compressed
from conformance.report.embed import tables as packed

NAME = "report.html"
TEMPLATES = Path(__file__).with_name("templates")
COMMANDS = ("explain", "repro")
LIBRARY, BUNDLE = "itables", "itables/html/dt_bundle.js"


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, words, figures and tables by their ids."""

    id: str
    title: str
    words: str = ""
    figures: tuple[Any, ...] = ()
    tables: tuple[Table, ...] = ()
    count: int | None = None  # beside the title, in the list of contents too
    warning: str = ""


def write(folder: Path) -> Path:
    """Write report.html into the folder of a report, from what is there. ValueError where there is no report.

    ImportError where a package that only the page needs is not installed.
    """
    path = folder / NAME
    text = page(folder)
    new = path.with_name(f".{NAME}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
    return path


def pictures(folder: Path) -> list[Path]:
    """The figures of the page as PNG files, for where there is no browser."""
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    sections = _sections(folder, report.about(folder), report.read(folder))
    return [figure.png(place) for section in sections for figure in section.figures]


def page(folder: Path) -> str:
    """The page on the report in a folder."""
    import jinja2

    about, frame = report.about(folder), report.read(folder)
    sections = _sections(folder, about, frame)
    surroundings = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    script, licences = _library()
    rendered: str = surroundings.get_template("report.html.j2").render(
        about=about,
        failing=int(frame["status"].isin(BAD).sum()),
        verdict=_verdict(about, frame),
        counts=_counts(frame),
        records=len(frame),
        duration=_duration(about.get("seconds")),
        packages=", ".join(f"{name} {version}" for name, version in about.get("packages", {}).items()),
        sections=sections,
        tables=packed([table for section in sections for table in section.tables]),
        library=compressed(script),
        licences=licences,
        settings=json.dumps({"commands": commands(about)}),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
    )
    return rendered


def commands(about: dict[str, Any]) -> list[str]:
    """What runs a case again and what writes it as a script; CASE stands for it."""
    held = Against.of(about.get("identity", {}))
    return [again(command, about["candidate"], about.get("extra cases", ()), "CASE", held) for command in COMMANDS]


def _library() -> tuple[str, str]:
    """The table library as one program, and the licences under which it may be part of the page."""
    try:
        distribution = importlib.metadata.distribution(LIBRARY)
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(f"the package {LIBRARY}, which has the tables of the page, is not installed") from error
    script = Path(str(distribution.locate_file(BUNDLE))).read_text(encoding="utf-8")
    notices = script.partition("Bundled license information:")[2].partition("*/")[0]
    texts = [path.read_text(encoding="utf-8") for path in distribution.files or () if path.name == "LICENSE"]
    return script, "\n\n".join([f"{LIBRARY} {distribution.version}", *texts, notices.strip()])


def _verdict(about: dict[str, Any], frame: Any) -> tuple[str, str]:
    """(how it is shown, the words on the whole)."""
    status = frame["status"].astype(str)
    failing = int(status.isin(BAD).sum())
    if failing:
        return "bad", f"{failing} failure{'s' * (failing > 1)}"
    if not about["complete"]:
        return "open", "incomplete"
    return ("open", "nothing compared") if len(status) and (status == UNSUPPORTED).all() else ("good", "conforms")


def _counts(frame: Any) -> list[tuple[str, str, int]]:
    """(class, word, number) for the cards on top."""
    status = frame["status"].astype(str)
    return [
        ("pass", "passed", int((status == PASS).sum())),
        ("fail", "failed", int(status.isin(BAD).sum())),
        ("known", "known differences", int((status == KNOWN).sum())),
        ("unsupported", "not supported", int((status == UNSUPPORTED).sum())),
    ]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:g} s"


# --- sections ------------------------------------------------------------------------------------------------------


def _sections(folder: Path, about: dict[str, Any], frame: Any) -> list[Section]:
    """What there is to show, in the order of the page."""
    there = [
        _failures(frame),
        _gate(folder),
        _operations(frame),
        _accuracy(frame),
        _comparisons(frame),
        _known(frame),
        _unsupported(frame),
        _coverage(folder),
        _timings(folder, about),
        *_trajectories(folder, about),
        _slowest(frame),
    ]
    return [section for section in there if section is not None]


def _failures(frame: Any) -> Section | None:
    failing = frame[frame["status"].isin(BAD)]
    if failing.empty:
        return None
    table = Table("failures", columns.RECORDS, failing, "-z", {"opens": "record", "unit": "failures"})
    words = (
        "First what is alike, counted; an operation's name shows its failures. Then one by one: open a row for its "
        "evidence, the likely cause and two commands: explain compares the case again, repro writes it as a script."
    )
    options = {"leads": {"column": "operation", "table": "failures"}, "unit": "groups"}
    alike = Table("groups", columns.GROUPS, tables.groups(frame), "-failures", options)
    return Section("failing", "Failures", words, tables=(alike, table), count=len(failing))


def _gate(folder: Path) -> Section | None:
    found = beside.gate(folder)
    if found is None:
        return None
    return Section("gate", "Gate", found.verdict, tables=(Table("gate-table", columns.GATE, found.table),))


def _operations(frame: Any) -> Section:
    operations, checks = tables.by_operation(frame), tables.by_check(frame)
    operations = operations.sort_values(["failed", "passed"], ascending=False, kind="stable")
    words = (
        "Output to error count comparisons of that kind; closer, tied and farther are tensors beside torch, measured "
        "from the oracle; rms z is the median over them. An operation's name shows its comparisons."
    )
    options = {"leads": {"column": "operation", "table": "records"}, "unit": "operations"}
    return Section(
        "operations",
        "Operations and checks",
        words,
        tables=(
            Table("by-operation", columns.OPERATIONS, operations, "-failed", options),
            Table("by-check", columns.CHECKS, checks, "-comparisons", {"unit": "checks"}),
        ),
        count=len(operations),
    )


def _accuracy(frame: Any) -> Section:
    from conformance.report import figures

    table = tables.by_family(frame)
    drawn = [figures.conditioning(frame), figures.accuracy(frame), figures.closer(table)]
    words = (
        "The oracle is torch at float64, or more digits where float64 is not enough. z is an error in units of what "
        "rounding explains for this result of these inputs; up to 8 passes."
        if not table.empty
        else "Every floating result has torch's own bits."
    )
    made = (Table("by-family", columns.FAMILIES, table, "-farther", {"unit": "families"}),) if not table.empty else ()
    return Section("accuracy", "Accuracy", words, tuple(figure for figure in drawn if figure), made)


def _comparisons(frame: Any) -> Section:
    table = Table("records", columns.RECORDS, frame, "-z", {"opens": "record", "unit": "comparisons"})
    return Section("comparisons", "All comparisons", tables=(table,), count=len(frame))


def _slowest(frame: Any) -> Section:
    table = Table("slowest", columns.SLOWEST, tables.slowest(frame), "-seconds", {"unit": "cases"})
    words = "Seconds of the whole case, torch and the oracle included."
    return Section("slow", "Slowest cases", words, tables=(table,))


def _known(frame: Any) -> Section | None:
    found = tables.reasons(frame, KNOWN)
    if found.empty:
        return None
    words = "Differences that are meant, from conformance/known_differences.toml. One that is gone is a failure."
    table = Table("known", columns.REASONS, found, "-comparisons", {"unit": "reasons"})
    return Section("differences", "Known differences", words, tables=(table,), count=int(found["comparisons"].sum()))


def _unsupported(frame: Any) -> Section | None:
    found = tables.reasons(frame, UNSUPPORTED)
    if found.empty:
        return None
    table = Table("unsupported", columns.REASONS, found, "-comparisons", {"unit": "reasons"})
    return Section("missing", "Not supported", tables=(table,), count=int(found["comparisons"].sum()))


def _coverage(folder: Path) -> Section | None:
    from conformance.report.coverage import by_namespace

    found = beside.coverage(folder)
    if found is None:
        return None
    spaces = by_namespace(found).reset_index()
    shown = (
        Column("namespace", CODE, "namespace", narrow=True),
        *(Column(name, COUNT, name, narrow=name in ("names", "implemented")) for name in spaces.columns[1:]),
    )
    return Section(
        "coverage",
        "Coverage of torch's databases",
        "Implemented: the name is there.",
        tables=(
            Table("by-namespace", shown, spaces, options={"unit": "namespaces"}),
            Table("names", columns.NAMES, found, options={"unit": "names"}),
        ),
        count=len(found),
    )


def _timings(folder: Path, about: dict[str, Any]) -> Section | None:
    from conformance.report import figures

    found = beside.timings(folder)
    if found is None:
        return None
    remarks = [
        ", ".join(word for word in ("wrong" * bool(t.wrong), "overhead" * t.overhead, "crowded" * t.crowded) if word)
        for t in found.itertuples()
    ]
    single = found[~found["name"].str.startswith("sweep of ")]
    words = (
        "Ratios of times in interleaved pairs. Overhead: a call on next to nothing takes half of the time. Crowded: "
        "other programs kept a processor busy."
    )
    warning = beside.timed_on(folder, about)
    drawn = [figures.ratios(single), figures.scaling(found)]
    table = Table("timing-rows", columns.TIMINGS, found.assign(remarks=remarks), options={"unit": "rows"})
    return Section(
        "timings", "Timings", words, tuple(figure for figure in drawn if figure), (table,), len(found), warning
    )


def _trajectories(folder: Path, about: dict[str, Any]) -> list[Section]:
    from conformance.report import figures

    made = []
    for found in beside.trajectories(folder, about):
        figure = figures.training(found.name, found.losses, found.steps)
        words = f"{found.plan}: {found.verdict}." if found.plan else found.verdict
        title, drawn = f"Training: {found.name}", (figure,) if figure else ()
        made.append(Section(f"training-{found.name}", title, words, drawn, warning=found.stale))
    return made
