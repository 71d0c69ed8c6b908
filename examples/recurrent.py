"""Recurrent layers and convolutions in one and three dimensions, with torch's own weights if torch is there."""

from importlib.util import find_spec
from typing import Any

import refnet
from refnet import nn

refnet.manual_seed(0)
sequence = refnet.randn(7, 2, 3)  # (length, batch, features)

# An LSTM by hand: the layer runs its cell along the sequence.
layer, cell = nn.LSTM(3, 4), nn.LSTMCell(3, 4)
cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
h = c = refnet.zeros(2, 4)
steps = []
for x in sequence:
    h, c = cell(x, (h, c))
    steps.append(h)
out, (last_h, last_c) = layer(sequence)
assert refnet.allclose(refnet.stack(steps), out, atol=1e-6) and refnet.allclose(last_c[0], c, atol=1e-6)
print("the LSTM layer is its cell, seven times")

# Convolutions slide along a sequence, over an image, through a volume.
assert tuple(nn.Conv1d(3, 6, 3)(refnet.rand(2, 3, 10)).shape) == (2, 6, 8)
assert tuple(nn.MaxPool3d(2)(nn.Conv3d(1, 2, 3, padding=1)(refnet.rand(2, 1, 4, 6, 8))).shape) == (2, 2, 2, 3, 4)

# name, arguments, input shape
LAYERS: list[tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]]] = [
    ("RNN", (3, 4), {"num_layers": 2}, (7, 2, 3)),
    ("LSTM", (3, 4), {"bidirectional": True}, (7, 2, 3)),
    ("GRU", (3, 4), {"batch_first": True}, (2, 7, 3)),
    ("RNNCell", (3, 4), {}, (2, 3)),
    ("GRUCell", (3, 4), {}, (2, 3)),
    ("Conv1d", (3, 6, 3), {}, (2, 3, 10)),
    ("Conv3d", (2, 3, 3), {"padding": 1}, (2, 2, 4, 5, 6)),
    ("AvgPool1d", (2,), {}, (2, 3, 10)),
    ("MaxPool3d", (2,), {}, (2, 2, 4, 5, 6)),
]


def largest_difference(
    torch: Any, name: str, args: tuple[int, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> float:
    """Between the outputs of torch's layer and of this engine's with torch's weights, in float64."""
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(nn, name)(*args, **options).double()
    ours.load_state_dict(theirs.state_dict())  # the same names in both
    x = torch.randn(shape, dtype=torch.float64)
    expected, got = theirs(x), ours(refnet.from_numpy(x.numpy()))
    if isinstance(expected, tuple):  # recurrent layers give their last state too
        expected, got = expected[0], got[0]
    return float((got - refnet.from_numpy(expected.detach().numpy())).abs().max().item())


if find_spec("torch"):
    import torch

    torch.manual_seed(0)
    for name, args, options, shape in LAYERS:
        difference = largest_difference(torch, name, args, options, shape)
        print(f"{name:10} differs from torch's by {difference:.1e}")
        assert difference < 1e-12
