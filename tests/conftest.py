"""What all tests share: one thread a process, a seeded generator, and hypothesis without a clock."""

import os

# Tests run side by side, one process a core; numpy and torch read these once, when they are first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

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
