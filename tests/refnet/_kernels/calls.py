"""Calls that launch every kernel, with sizes that fill no block: for what has to hold for all of them.

``python calls.py KEYWORD`` runs them on memory with fences, behind the arrays or, with "before", before them.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from on_host import HostArray, HostModule, drawn

from conformance.standin import kernels as host
from refnet._kernels import batch_norm, conv, embedding, layer_norm, optim, pool, softmax
from refnet._kernels.elementwise import elementwise
from refnet._kernels.launch import find, names

Array = Any
Call = Callable[[Any, str], Any]


class FencedModule(HostModule):
    """What it makes ends, or begins, where memory ends or begins."""

    def __init__(self, before: bool) -> None:
        super().__init__()
        self._before = before

    def empty(self, shape: Any, dtype: Any = "float64") -> Array:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return host.fenced(shape, dtype, self._before).view(HostArray)


def each(xp: Any, kind: str) -> Iterator[Any]:
    """Every elementwise kernel, by as many operands as it takes."""
    for name in names("elementwise"):
        signature = host._entry(*_instance(xp, "elementwise", name, kind))[1]
        operands = [xp.array(drawn(301, dtype=kind, seed=s)) for s in range(sum(s.startswith("*") for s in signature))]
        yield elementwise(xp, name, *operands, numbers=(0.5, 1.0, 0.25))


def _instance(xp: Any, family: str, name: str, kind: str) -> tuple[Any, int]:
    kernel = find(xp, family, name, np.dtype(kind).char)
    return host._library(kernel.code, kernel.options, kernel._instances), kernel._instances.index(kernel.name)


def rows(xp: Any, kind: str) -> Iterator[Any]:
    """Softmax and cross entropy: a thread for a row, a block for a row, rows side by side."""
    for shape in ((5, 7), (3, 301), (2, 70, 3), (2, 5, 300)):
        x, g = xp.array(drawn(*shape, dtype=kind)), xp.array(drawn(*shape, dtype=kind, seed=1))
        for kernel in ("softmax", "log_softmax"):
            yield getattr(softmax, kernel)(xp, x, dim=1)
            yield getattr(softmax, f"{kernel}_gradient")(xp, g, (True,), x, 1)
        places = shape[:1] + shape[2:]
        index = np.random.default_rng(0).integers(0, shape[1], places)
        index.reshape(-1)[-1] = shape[1]  # a class that there is not
        target = {"index": xp.array(index), "kept": xp.array(index >= 0), "factor": xp.array(np.ones(places, kind))}
        counted = xp.array(np.array(3.0))
        for divisor, factor in ((None, None), (2.0, target["factor"]), (counted, None)):
            given = {**target, "factor": factor, "divisor": divisor}
            out = softmax.cross_entropy(xp, x, **given)
            yield out
            yield softmax.cross_entropy_gradient(xp, xp.array(np.ones(out.shape, kind)), (True,), x, **given)


def normalized(xp: Any, kind: str) -> Iterator[Any]:
    """Batch and layer normalization."""
    for shape in ((5, 3), (2, 3, 71, 67)):
        x, g = xp.array(drawn(*shape, dtype=kind)), xp.array(drawn(*shape, dtype=kind, seed=1))
        w, b = (xp.array(drawn(shape[1], dtype=kind, seed=s)) for s in (2, 3))
        moments = xp.empty((2, shape[1]))
        yield batch_norm.batch_norm(xp, x, w, b, eps=1e-5, moments=moments)
        yield batch_norm.batch_norm_gradients(xp, g, (True, True, True), x, w, 1e-5, moments)
        yield batch_norm.normalize_by(xp, x, w, b, mean=b, variance=xp.array(w * w), eps=1e-5)
        yield batch_norm.move_statistics(xp, w, b, moments, momentum=0.1, unbiased=1.5)
    for shape in ((5, 7), (70, 301)):
        x, g = xp.array(drawn(*shape, dtype=kind)), xp.array(drawn(*shape, dtype=kind, seed=1))
        w, moments = xp.array(drawn(shape[1], dtype=kind, seed=2)), xp.empty((2, shape[0]))
        yield layer_norm.layer_norm(xp, x, w, w, eps=1e-5, moments=moments)
        yield layer_norm.layer_norm_gradients(xp, g, (True, True, True), x, w, 1e-5, moments)


def windows(xp: Any, kind: str) -> Iterator[Any]:
    """Pools, and convolutions both ways, with padding, stride and dilation."""
    size, kernel, stride, padding, dilation = (9, 11), (3, 2), (2, 3), (1, 1), (2, 3)
    places = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    x, g = xp.array(drawn(3, 4, *size, dtype=kind)), xp.array(drawn(3, 4, *places, dtype=kind, seed=1))
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "places": places}
    index = xp.empty(g.shape, "int64")
    yield pool.max_pool(xp, x, index=index, **geometry)
    yield pool.max_pool_gradient(xp, g, (True,), x.shape, index, *geometry.values())
    del geometry["dilation"]
    geometry["places"] = places = (5, 5)
    g = xp.array(drawn(3, 4, *places, dtype=kind))
    for divisor in (6, xp.array(np.full(places, 6))):
        yield pool.window_mean(xp, x, **geometry, divisor=divisor)
        yield pool.window_mean_gradient(xp, g, (True,), x.shape, *geometry.values(), divisor)
    before = conv._DIRECT, conv._NARROW
    for conv._DIRECT, conv._NARROW in ((1 << 30, 1 << 30), (0, 0)):
        for groups in (1, 2):
            w, b = xp.array(drawn(6, 4 // groups, *kernel, dtype=kind)), xp.array(drawn(6, dtype=kind))
            out = conv.conv(xp, x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
            yield out
            arrays = (xp.array(out), (True, True, True), x, x.shape, w, w.shape)
            yield conv.conv_gradients(xp, *arrays, stride, padding, dilation, groups)
    conv._DIRECT, conv._NARROW = before
    yield conv.channel_sums(xp, xp.array(drawn(2, 3, 71, 67, dtype=kind)))


def tables(xp: Any, kind: str) -> Iterator[Any]:
    """Rows of a table, and steps of optimizers."""
    index = xp.array(np.array([4, 0, 4, 7, -1]))
    share = xp.array(np.array([1, 0.5, 0, 1, 1]))
    yield embedding.add_rows(xp, xp.array(drawn(5, 301, dtype=kind)), index=index, share=share, rows=5)
    numbers = {"lr": 0.1, "maximize": False, "weight_decay": 0.1}
    for steps in (1.0, None):
        tensors = [
            {role: xp.array(np.abs(drawn(n, dtype=kind, seed=s))) for s, role in enumerate(optim.ROLES[:5])}
            | {"step": xp.array(np.array(1.0, "float32"))}
            for n in (1, 1025, 0, 7)
        ]
        betas = {"betas": (0.9, 0.99), "eps": 1e-8, "decoupled": False, "amsgrad": True}
        optim.adam(xp, tensors, steps=steps, **betas, **numbers)
        yield [tensor["parameter"] for tensor in tensors]
    optim.sgd(xp, tensors, begins=False, nesterov=True, momentum=0.9, dampening=0.0, **numbers)
    yield [tensor["parameter"] for tensor in tensors]


CALLS: dict[str, Call] = {call.__name__: call for call in (each, rows, normalized, windows, tables)}


def results(xp: Any, kind: str) -> Iterator[Any]:
    """What every call gives."""
    for call in CALLS.values():
        yield from call(xp, kind)


if __name__ == "__main__":
    for kind in ("float32", "float64"):
        for found in results(FencedModule("before" in sys.argv), kind):
            if found is NotImplemented:
                sys.exit("a call was left to the array form")
