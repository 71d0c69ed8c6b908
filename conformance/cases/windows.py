"""Windows of a signal, symmetric and periodic, and those of one weight and of none."""

from conformance.cases import FORWARD, args, named, ops, refuses

PLAIN = ("bartlett", "blackman", "cosine", "exponential", "gaussian", "hamming", "hann", "kaiser", "nuttall")
DOUBLE = named("float64")

CASES = [
    *[
        case
        for name in PLAIN
        for case in (
            *ops(
                f"signal.windows.{name}",
                [args(8), args(7, sym=False), args(1), args(0), args(9, dtype=DOUBLE)],
                checks=FORWARD,
                layouts=(),
            ),
            *refuses(f"signal.windows.{name}", [args(-1), args(3, dtype=named("int64"))]),
        )
    ],
    *ops("signal.windows.general_cosine", [args(9, a=[0.4, 0.3, 0.2, 0.1])], checks=FORWARD, layouts=()),
    *ops("signal.windows.general_hamming", [args(9, alpha=0.6, sym=False)], checks=FORWARD, layouts=()),
    *ops("signal.windows.kaiser", [args(9, beta=b) for b in (0.0, 3.5)], checks=FORWARD, layouts=()),
    *ops("signal.windows.gaussian", [args(9, std=0.7)], checks=FORWARD, layouts=()),
    *ops("signal.windows.exponential", [args(9, tau=2.5), args(9, center=1.0, sym=False)], checks=FORWARD, layouts=()),
    *refuses("signal.windows.kaiser", [args(3, beta=-1.0)]),
    *refuses("signal.windows.gaussian", [args(3, std=0.0)]),
    *refuses("signal.windows.exponential", [args(3, tau=0.0), args(3, center=1.0)]),
    *refuses("signal.windows.general_cosine", [args(3, a=[])]),
]
