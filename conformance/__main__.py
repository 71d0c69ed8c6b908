"""`python -m conformance` is the command `conform`, from a checkout too: `PYTHONPATH=. python -m conformance`."""

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

# What nothing works without, with the oldest release that is known to do.
NEEDED = {
    "numpy": "2.1",
    "torch": "2.6",
    "scipy": "1.14",
    "ml_dtypes": "0.4",
    "pandas": "2.2",
    "pyarrow": "15",
    "mpmath": "1.3",
    "jinja2": "3.1",
    "threadpoolctl": "3.1",
}


def lacking() -> list[str]:
    """What is missing or too old, in words. Nothing is imported."""
    found = []
    for name, oldest in NEEDED.items():
        if find_spec(name) is None:
            found.append(f"{name} is not installed")
            continue
        try:
            here = version(name)
        except PackageNotFoundError:  # a copy that no installer put there: nobody can tell
            continue
        if _numbers(here) < _numbers(oldest):
            found.append(f"{name} {here} is installed, {oldest} or newer is needed")
    return found


def _numbers(release: str) -> tuple[int, ...]:
    """The release as numbers.

    >>> _numbers("2.13.0+cpu"), _numbers("2.6") <= _numbers("2.13.0")
    ((2, 13, 0), True)
    """
    digits = (part for part in release.partition("+")[0].split("."))
    return tuple(int(part) for part in digits if part.isdecimal())


def main() -> int:
    """Say what is missing, or run the command."""
    missing = lacking()
    if missing:
        print(f"conform: {'; '.join(missing)}. pip install {' '.join(NEEDED)}", file=sys.stderr)
        return 2
    from conformance import cli  # not before everything that it imports is known to be there

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
