"""Fetch a file whose checksum is known, without ever leaving a partial one under its name."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

_BLOCK = 1 << 16
_TIMEOUT = 30.0  # seconds without an answer or a byte


def md5_of(content: bytes) -> str:
    """The MD5 checksum in hexadecimal: it detects damage, it is no protection against malice."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(urls: Sequence[str], path: Path, md5: str) -> None:
    """Store at `path` what the first working URL delivers, if its MD5 checksum is `md5`.

    The bytes go to a temporary name beside `path`, which is renamed in one step once they are complete and correct.
    Raises RuntimeError that lists what went wrong with every URL.
    """
    import http.client  # these two take as long to import as the rest of refnet

    path.parent.mkdir(parents=True, exist_ok=True)
    problems = []
    for url in urls:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            got = _fetch(url, partial)
            if got == md5:
                os.replace(partial, path)
                return
            problems.append(f"{url}: got MD5 {got}, expected {md5}")
        except (OSError, http.client.HTTPException) as reason:
            problems.append(f"{url}: {reason or type(reason).__name__}")
        finally:
            partial.unlink(missing_ok=True)
    raise RuntimeError(f"could not download {path.name}:\n  " + "\n  ".join(problems))


def _fetch(url: str, path: Path) -> str:
    """Write what `url` delivers to the new file `path`, through to the disk, and return its checksum."""
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "refnet"})
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, open(path, "xb") as file:
        announced = answer.headers.get("Content-Length")
        while block := answer.read(_BLOCK):
            digest.update(block)
            file.write(block)
        if announced is not None and file.tell() != int(announced):
            raise OSError(f"the connection ended early: got {file.tell()} bytes, expected {announced}")
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
