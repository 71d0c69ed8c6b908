"""What all tests share: one thread a process, bytecode on disk, a seeded generator, and hypothesis without a clock."""

import gc
import os
import sys
from collections.abc import Iterator

# Tests run side by side, one process a core; numpy and torch read these once, when they are first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# Tests start some two hundred processes, and where no bytecode is kept each of them compiles the packages anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run, and no deadline: how long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("refnet", deadline=None, derandomize=True)
hypothesis.settings.load_profile("refnet")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts from the same seed in every test."""
    return np.random.default_rng(0)


@pytest.fixture
def small_heap() -> Iterator[None]:
    """For what asks the garbage collector often: what is there before the test need not be looked through each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
