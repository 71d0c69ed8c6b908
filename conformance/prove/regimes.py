"""Regimes of inputs: where on the number line an operation is tried."""

from collections.abc import Callable

from conformance.draw import Draw, normal, positive, tied

Make = Callable[..., Draw]  # make(*shape): an array of this regime


def _scaled(scale: float, offset: float = 0.0) -> Make:
    return lambda *shape: normal(*shape, scale=scale, offset=offset)


REGIMES: dict[str, Make] = {
    "normal": normal,
    "positive": positive,
    "offset": _scaled(1.0, 1000.0),  # cancellation: variances and differences lose digits
    "tiny": _scaled(1e-20),  # squares underflow
    "huge": _scaled(1e15),  # squares near the top of the range
    "ties": tied,
    "subnormal": _scaled(1e-39),
}
ALL = tuple(REGIMES)
TAME = ("normal", "positive", "ties")  # for operations that overflow or lose everything elsewhere
