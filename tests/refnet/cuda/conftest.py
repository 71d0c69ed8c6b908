"""The tests of refnet.cuda run on the stand-in for cupy, with as many GPUs as they ask for."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

import refnet
from conformance import standin
from conformance.standin.runtime import machine


def forget_array_modules() -> None:
    """Let devices look for their array module again."""
    for name in ("cuda", "cuda:0", "cuda:1", "cuda:2"):
        with suppress(AttributeError):
            del refnet.device(name).xp


@pytest.fixture
def gpu() -> Iterator[None]:
    """One GPU."""
    with standin.installed():
        forget_array_modules()
        yield
        refnet.cuda.synchronize()
    forget_array_modules()


@pytest.fixture
def gpus() -> Iterator[None]:
    """Two GPUs."""
    with standin.installed(), machine.pretend(devices=2):
        forget_array_modules()
        yield
        refnet.cuda.synchronize()
        refnet.cuda.set_device(0)
    forget_array_modules()
