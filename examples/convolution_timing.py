"""How long do seven loops take, and im2col? 100 calls each, with torch beside them if it is there.

The order of the algorithms is the point; the seconds are this machine's. The first image is as small as can be, so that
seven loops end at all: next to nothing is computed, the call itself is what the fast columns show, and a call of torch,
compiled code throughout, costs the least. The second is the last convolution of LeNet-5 on 64 images, where the
arithmetic counts; its kernels cover the whole input, which the fast algorithm makes a single matrix product.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import refnet


def seconds(call: Callable[[], Any], tries: int = 3) -> float:
    """For 100 calls: the best of a few tries, since whatever disturbs a measurement makes it longer."""
    call()
    measured = []
    for _ in range(tries):
        start = time.perf_counter()
        for _ in range(100):
            call()
        measured.append(time.perf_counter() - start)
    return min(measured)


def times(x: refnet.Tensor, kernels: refnet.Tensor, padding: int, *, loops: bool) -> dict[str, float]:
    """Seconds by algorithm; "fast" is what runs if none is chosen."""
    found = {}
    if loops:
        with refnet.backends.conv2d.using("naive"):
            found["naive"] = seconds(lambda: refnet.conv2d(x, kernels, padding=padding), tries=1)
    with refnet.backends.conv2d.using("im2col"):
        found["im2col"] = seconds(lambda: refnet.conv2d(x, kernels, padding=padding))
    found["fast"] = seconds(lambda: refnet.conv2d(x, kernels, padding=padding))
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        x_torch, kernels_torch = torch.from_numpy(x.numpy()), torch.from_numpy(kernels.numpy())
        found["torch"] = seconds(lambda: torch.conv2d(x_torch, kernels_torch, padding=padding))
    return found


refnet.set_num_threads(1)
refnet.manual_seed(0)
small = times(refnet.rand(1, 1, 3, 3), refnet.rand(16, 1, 3, 3), padding=1, loops=True)
lenet = times(refnet.rand(64, 16, 5, 5), refnet.rand(120, 16, 5, 5), padding=0, loops=False)
for title, found in (("1x1x3x3, sixteen kernels of 3x3", small), ("64x16x5x5, 120 kernels of 5x5", lenet)):
    print(f"{title}, 100 calls:")
    for name, taken in found.items():
        print(f"  {name:7} {taken:.4f} s")
assert small["naive"] > small["im2col"] and small["naive"] > small["fast"]
