"""What GitHub's runner is told: an annotation for each failure, and the job's summary.

The runner says where it is by environment variables: GITHUB_ACTIONS is `true`, GITHUB_STEP_SUMMARY names the file of the
summary. Lines on standard output that begin with `::error` become annotations; it shows ten of a step.
"""

import os
from collections.abc import Iterable
from pathlib import Path

SUMMARY = "GITHUB_STEP_SUMMARY"
MOST = 10  # annotations of a step that are shown
LONGEST = 900_000  # bytes of a summary: the runner drops one beyond a megabyte


def annotations(failures: Iterable[tuple[str, str]]) -> list[str]:
    """The lines for failures, each a title and a message; none where no runner reads them."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    found = list(failures)
    lines = [f"::error title={_property(title)}::{_data(message)}" for title, message in found[:MOST]]
    if len(found) > MOST:
        lines[-1] = f"::error title=conformance::{len(found) - MOST + 1} more failures: see the report"
    return lines


def summarize(markdown: str) -> None:
    """Add to the job's summary, where there is one."""
    path = os.environ.get(SUMMARY)
    if not path:
        return
    raw = markdown.encode()
    if len(raw) > LONGEST:
        markdown = raw[:LONGEST].decode(errors="ignore") + "\n\n... the rest is in the report\n"
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(markdown.rstrip("\n") + "\n")


def _data(text: str) -> str:
    """A message in the runner's escapes."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A title, in which colons and commas mean something."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
