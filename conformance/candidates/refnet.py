"""refnet as a candidate: public names only. The only file that imports refnet."""

from contextlib import AbstractContextManager
from typing import Any

import ml_dtypes

from conformance.candidates.namespace import Namespace
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


def load(device: str = "cpu") -> Refnet:
    """refnet on a device."""
    import refnet

    return Refnet(refnet, "refnet", device)
