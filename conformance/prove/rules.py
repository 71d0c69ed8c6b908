"""What others decide by: fixed tolerances, side by side with the verdict."""

import numpy

from conformance.draw import Array


def assert_close(candidate: Array, reference: Array, gradient: bool) -> bool:
    """`torch.testing.assert_close` with its defaults: rtol and atol by dtype; NaN equals NaN."""
    from conformance.candidates.torch import assert_close as close

    return close(candidate, reference)


def tinygrad(candidate: Array, reference: Array, gradient: bool) -> bool:
    """As tinygrad's operator tests: rtol 1e-3, atol 1e-6 for outputs and 1e-4 for gradients; NaN equals NaN."""
    if candidate.shape != reference.shape:
        return False
    atol = 1e-4 if gradient else 1e-6
    mine, theirs = (array.astype(numpy.float64) for array in (candidate, reference))
    with numpy.errstate(all="ignore"):
        return bool(numpy.allclose(mine, theirs, rtol=1e-3, atol=atol, equal_nan=True))


RULES = {"torch.testing.assert_close": assert_close, "rtol/atol as tinygrad's": tinygrad}
