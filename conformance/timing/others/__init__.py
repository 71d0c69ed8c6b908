"""LeNet-5 in other libraries, timed beside the candidate where they are installed.

Each runs the same network from the same weights on the same images: torch.compile, jax.jit and tinygrad's jit. They are
there for orientation and decide nothing. One that is not installed, or does not work here, is left out with its reason.
"""

import importlib
from typing import Any

from conformance.timing.measure import Call
from conformance.timing.row import Untimed

MODULES = {"torch.compile": "compiled", "jax.jit": "jax_jit", "tinygrad": "tinygrad_jit"}
ALL = tuple(MODULES)
CLOSE = 1e-3  # of the logits: another network, or another rounding?


def build(name: str, torch: Any, batch: int, what: str, threads: int) -> Call:
    """LeNet-5 in another library, checked and ready to be timed. Raises Untimed with the reason where that cannot be."""
    module = importlib.import_module(f"conformance.timing.others.{MODULES[name]}")
    reason = module.missing(threads)
    if reason:
        raise Untimed(reason)
    try:
        call: Call = module.build(torch, batch, what)
        call()
    except Untimed:
        raise
    except Exception as error:  # a compiler that fails is no fault of what is measured
        raise Untimed(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}") from error
    return call


def agree(name: str, logits: Any, expected: Any) -> None:
    """Raises Untimed when two networks that should be the same are not."""
    error = float(abs(logits - expected).max())
    if not error < CLOSE:
        raise Untimed(f"{name} computes other logits than torch: they differ by {error:.2g}")
