"""The convolution over time, batch, channels: time comes first, and the weight lies as it does."""

from conformance.cases import FLOATS, args, normal, ops, refuses

ROWS = [
    args(normal(7, 2, 3), normal(2, 3, 4), normal(4)),
    args(normal(7, 2, 3), normal(3, 3, 1), normal(1), 2),
    args(normal(3, 1, 5), normal(5, 5, 4), normal(4), pad=1),
    args(normal(4, 0, 3), normal(2, 3, 4), normal(4), 1),
]
CASES = [
    *ops("nn.functional.conv_tbc", ROWS),
    *ops("nn.functional.conv_tbc", ROWS[:1], dtypes=FLOATS[1:]),
    *refuses(
        "nn.functional.conv_tbc",
        [
            args(normal(7, 2), normal(2, 3, 4), normal(4)),
            args(normal(7, 2, 3), normal(2, 3), normal(4)),
            args(normal(7, 2, 3), normal(2, 3, 4), normal(4, 1)),
            args(normal(7, 2, 3), normal(2, 2, 4), normal(4)),
            args(normal(7, 2, 3), normal(2, 3, 4), normal(5)),
            args(normal(7, 2, 3), normal(2, 3, 4), None),
            args([1.0], normal(2, 3, 4), normal(4)),
        ],
    ),
]
