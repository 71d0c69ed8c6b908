"""File formats for named arrays, from and to bytes: what `refnet.save` and `refnet.load` stand on.

Each module has ``write(arrays, document, ...) -> bytes`` and ``read(content) -> (arrays, document)``. `arrays` maps
names to arrays; `document` is any JSON value that travels with them, None in files that others wrote. Reading checks
everything and raises `Refused` with the reason.
"""

import json
from typing import Any


class Refused(Exception):
    """The content is not what it should be; the message is the reason."""


def parse_json(text: bytes | str, what: str) -> Any:
    """The value of a JSON text in which no object has a key twice."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as reason:
        raise Refused(f"{what} is no valid JSON ({reason})") from reason


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found
