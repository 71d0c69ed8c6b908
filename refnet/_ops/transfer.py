"""Copies from one device to another: the one operation whose result lives elsewhere than its input."""

from typing import Any

from refnet import _tape
from refnet._device import Array, device, moved
from refnet._tape import Primitive, TensorBase


class Transfer(Primitive):
    """A primitive that runs between two devices, the input's and the one `where`."""

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        (x,), where = inputs, params["where"]
        out = _tape.wrap(self.forward(None, x._array, **params), where)
        if _tape.mode.grad:
            self._record(inputs, {**params, "origin": x.device}, out)
        return out


@Transfer
def transfer(xp: Any, x: Array, *, where: device, non_blocking: bool = False) -> Array:
    """out = x, at `where`        dL/dx = g, back where x is

    Strides are kept where memory is dense. Between the host and a GPU the host waits, unless `non_blocking`: see
    `Tensor.to`.
    """
    return moved(x, where, non_blocking)


transfer.vjp(x=lambda g, origin: transfer(g, where=origin))


def with_numbers_moved(inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Operands with the 0-d tensors of the CPU moved to the one GPU that the others are on; None where that is not so.

    Elementwise operations take such a tensor as if it were a number, in its own dtype.
    """
    tensors = [x for x in inputs if isinstance(x, TensorBase)]
    gpus = {x.device for x in tensors if x.device.type == "cuda"}
    hosted = [x for x in tensors if x.device.type == "cpu"]
    if len(gpus) != 1 or not hosted or any(x._array.ndim for x in hosted):
        return None
    (gpu,) = gpus
    return tuple(transfer(x, where=gpu) if isinstance(x, TensorBase) and x.device is not gpu else x for x in inputs)
