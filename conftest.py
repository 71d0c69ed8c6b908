"""Examples in the docstrings of `refnet.cuda` run on the stand-in for cupy: without a GPU, as everywhere else.

Nothing else is imported here: `tests/conftest.py` comes later, and has to be there before numpy is.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def gpu_for_examples(request: pytest.FixtureRequest) -> Iterator[None]:
    """One GPU, for a doctest of `refnet.cuda`; nothing for all else."""
    example = getattr(request.node, "dtest", None)
    if example is None or not example.name.startswith("refnet.cuda"):
        yield
        return
    import refnet
    from conformance import standin
    from tests.refnet.cuda.conftest import forget_array_modules

    with standin.installed():
        forget_array_modules()
        refnet.manual_seed(0)
        yield
    forget_array_modules()
