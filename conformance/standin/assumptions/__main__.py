"""The command: a table of all assumptions, and what does not hold."""

import sys
from importlib import import_module

import numpy

from conformance.standin.assumptions import check
from conformance.standin.assumptions.listing import stand_in

HOLDS, FAILS = "holds", "DOES NOT HOLD"


def main(arguments: list[str]) -> int:
    """Print the table; the exit status."""
    if "--stand-in" in arguments:
        import_module("conformance.standin").install()
    cupy = import_module("cupy")
    results = check(cupy, "--metadata" in arguments)
    print(f"cupy {cupy.__version__}{' (the stand-in)' if stand_in(cupy) else ''}, numpy {numpy.__version__}")
    for assumption, wrong in results:
        print(f"{FAILS if wrong else HOLDS:14}{assumption.statement}" + (f"\n{'':14}{wrong}" if wrong else ""))
    failed = sum(bool(wrong) for _, wrong in results)
    print(f"{len(results) - failed} of {len(results)} assumptions hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
