"""The register of what a candidate leaves out on purpose: patterns of names, each with the reason."""

import tomllib
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

REGISTER = Path(__file__).with_name("missing.toml")


@lru_cache(maxsize=2)
def load(path: Path = REGISTER) -> tuple[tuple[str, str], ...]:
    """(pattern, reason). ValueError for an entry without names or a reason."""
    found: list[tuple[str, str]] = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("missing", []):
        if set(entry) != {"names", "reason"} or not entry["names"] or not entry["reason"]:
            raise ValueError(f"{path.name}: every entry has names and a reason, and nothing else: {entry}")
        found += [(pattern, entry["reason"]) for pattern in entry["names"]]
    return tuple(found)


def reason_for(name: str) -> str:
    """The reason registered for a name; "" where there is none."""
    return next((reason for pattern, reason in load() if fnmatchcase(name, pattern)), "")
