"""The same number of threads for everybody: torch, the candidate, and the BLAS libraries under numpy."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def limited(number: int, libraries: Sequence[Any]) -> Iterator[None]:
    """`number` threads for the libraries that can be told (`set_num_threads`, torch's name) and for every BLAS."""
    from threadpoolctl import threadpool_limits

    told = [library for library in libraries if hasattr(library, "set_num_threads")]
    before = [library.get_num_threads() for library in told]
    with threadpool_limits(number, user_api="blas"):
        try:
            for library in told:
                library.set_num_threads(number)
            yield
        finally:
            for library, count in zip(told, before, strict=True):
                library.set_num_threads(count)


def blas() -> list[str]:
    """The BLAS libraries that are loaded, with the threads each would use now."""
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [f"{library['internal_api']} {library['version']}: {library['num_threads']} threads" for library in found]
