"""Folders of reports, replaced as a whole: a reader never sees half a report."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` to write into, which takes its place when everything is written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield made
        made.chmod(0o755)
        _replace(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def can_draw() -> bool:
    """Whether figures can be drawn: a report without them is still a report, and says it once."""
    there = find_spec("matplotlib") is not None
    if not there:
        print("no figures: matplotlib is not installed", file=sys.stderr)
    return there


def _replace(made: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        os.replace(folder, old / folder.name)
        os.replace(made, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(made, folder)
