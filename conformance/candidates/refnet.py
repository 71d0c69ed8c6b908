"""refnet as a candidate: public names only. The only file that imports refnet."""

import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy

from conformance.candidates.namespace import Namespace
from conformance.candidates.protocol import Result
from conformance.case import Operation
from conformance.draw import Array


class Refnet(Namespace):
    """refnet on arrays; bfloat16 leaves it as 16 bits, because `numpy()` refuses it as torch's does."""

    def to_array(self, tensor: Any) -> Array:
        tensor = tensor.detach().cpu()
        if tensor.dtype is self.torch.bfloat16:
            return tensor.view(self.torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def variants(self, operation: str) -> tuple[str, ...]:
        """The algorithms that an operation can be computed by; "default" is what it chooses itself."""
        return tuple(getattr(self.torch.backends, operation).variants)

    def using(self, operation: str, variant: str) -> AbstractContextManager[None]:
        """The operation by one of its algorithms, inside a ``with`` block."""
        found: AbstractContextManager[None] = getattr(self.torch.backends, operation).using(variant)
        return found


class OnStandIn(Refnet):
    """refnet on device "cuda" without a GPU: cupy is the strict stand-in on numpy, for the time of a run.

    Every operation takes its GPU path. Where that asks cupy for what it does not have, mixes it with numpy, or relies
    on what only numpy does, it fails here; so it does where an operation lets the host wait for the device, unless
    `conformance/standin/waiting.toml` has it with a reason. Random numbers are the CPU's, so that results made of them
    can be judged beside torch on the CPU.
    """

    may_wait = False
    draws_on_device = False
    limits = (
        "cupy is the stand-in on numpy: its results are numpy's, so no rounding of a GPU is judged",
        "the memory format of results is not compared: on a GPU elementwise results are C-contiguous",
    )

    @contextmanager
    def context(self) -> Iterator[None]:
        from conformance import standin

        with standin.installed():
            yield

    def run(self, operation: Operation, *args: Any, **kwargs: Any) -> Result:
        self.may_wait = operation.program is not None or operation.name in waiting()
        with self.torch.random.draws_from_cpu():
            return super().run(operation, *args, **kwargs)

    def _call(self, *args: Any) -> Any:
        with self._not_waiting():
            return super()._call(*args)

    def _gradients(self, *args: Any, **kwargs: Any) -> Any:
        with self._not_waiting():
            return super()._gradients(*args, **kwargs)

    def _not_waiting(self) -> AbstractContextManager[None]:
        from conformance import standin

        return nullcontext() if self.may_wait else standin.forbidden()

    @contextmanager
    def reached(self) -> Iterator[None]:
        with self.context():
            yield

    def strides(self, tensor: Any) -> None:
        return None

    def _unsupported(self, error: Exception) -> str:
        """What cupy lacks is a failure here, not something that refnet does not have."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        inside = trace is not None and "standin" in trace.tb_frame.f_code.co_filename
        return "" if inside or "cupy" in str(error) else super()._unsupported(error)


@cache
def waiting() -> dict[str, str]:
    """The operations during which the host may wait for the device, with the reason."""
    path = Path(__file__).parents[1] / "standin" / "waiting.toml"
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["operations"]
    return {name: entry["reason"] for entry in listed for name in entry["names"]}


def load(device: str = "cpu", name: str = "refnet") -> Refnet:
    """refnet on a device, or with ``refnet:cupy=stand-in`` on the stand-in for a GPU.

    Raises ValueError that says what is missing where refnet cannot use the device.
    """
    import refnet

    if name == "refnet:cupy=stand-in":
        return OnStandIn(refnet, name, "cuda" if device == "cpu" else device)
    if name != "refnet":
        raise ValueError(f"no refnet variant {name!r}; there are refnet and refnet:cupy=stand-in")
    made = Refnet(refnet, "refnet", device)
    if made.on_gpu:
        try:
            made.to_array(made.to_tensor(numpy.zeros(1, numpy.float32)) + 1)
        except (RuntimeError, ImportError) as error:
            raise ValueError(f"device {device!r}: refnet cannot use it here: {error}") from error
    return made
