"""The convolution over time, batch, channels: out[t, n, o] = b[o] + sum over k, c of x[t + k - p, n, c] W[k, c, o]."""

import functools
from typing import Any

from conformance.case import args
from conformance.draw import normal
from conformance.prove.subject import Subject


def by_offsets(
    torch: Any, x: Any, weight: Any, bias: Any, pad: int = 0, *, behind: bool = False, turned: bool = False
) -> Any:
    """One matrix product for each row of the kernel."""
    x = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, 2 * pad) if behind else (0, 0, 0, 0, pad, pad))
    length = x.shape[0] - weight.shape[0] + 1
    rows = weight.flip(0) if turned else weight
    return sum(x[k : k + length] @ row for k, row in enumerate(rows)) + bias


def by_windows(torch: Any, x: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """One product of all windows, (T', N, C K), with the weight, (C K, O)."""
    x = torch.nn.functional.pad(x, (0, 0, 0, 0, pad, pad))
    windows = x.unfold(0, weight.shape[0], 1).flatten(2)
    return windows @ weight.transpose(0, 1).reshape(-1, weight.shape[2]) + bias


def with_bias_of_samples(torch: Any, x: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """The bias by channel in the first sample of the batch only."""
    out = torch.nn.functional.conv_tbc(x, weight, bias, pad)
    return torch.cat([out[:, :1], out[:, 1:] - bias], 1)


SUBJECTS = [
    Subject(
        "nn.functional.conv_tbc",
        lambda make: [
            args(make(5, 2, 3), normal(2, 3, 4), make(4)),
            args(make(4, 3, 2), normal(3, 2, 3), make(3), 1),
        ],
        {"row by row of the kernel": by_offsets, "windows": by_windows},
        {
            "all padding behind": functools.partial(by_offsets, behind=True),
            "kernel turned": functools.partial(by_offsets, turned=True),
            "bias of the first sample": with_bias_of_samples,
        },
    )
]
