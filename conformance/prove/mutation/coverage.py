"""Which lines of which functions run, in the files that are going to be mutated."""

import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance.prove.mutation.plant import function_name

Lines = set[tuple[str, int]]  # function, line


class Recorder:
    """Notes the lines that run while it is on, per file. Everything else in the process runs at its usual speed."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.found: dict[str, Lines] = {str(path): set() for path in files}
        self._names: dict[types.CodeType, str] = {}

    def _call(self, frame: types.FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        lines = self.found.get(code.co_filename)
        if lines is None:
            return None
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = function_name(code)
        add = lines.add

        def line(frame: types.FrameType, event: str, argument: Any) -> Callable[..., Any]:
            if event == "line":
                add((name, frame.f_lineno))
            return line

        add((name, frame.f_lineno))
        return line

    @contextmanager
    def on(self) -> Iterator[None]:
        """Record for the time of the block."""
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)

    def take(self) -> dict[str, frozenset[tuple[str, int]]]:
        """What ran since the last time, by file; files where nothing ran are left out."""
        taken = {file: frozenset(lines) for file, lines in self.found.items() if lines}
        for lines in self.found.values():
            lines.clear()
        return taken
