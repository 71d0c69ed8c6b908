"""Parameters as one flat vector, and back."""

from collections.abc import Iterable
from typing import Any

from refnet._check import check
from refnet._ops.shape import cat
from refnet._tape import TensorBase
from refnet.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """All parameters, flattened in order, in one vector; gradients flow to them.

    Raises TypeError when they live on different devices.

    >>> import refnet
    >>> parameters_to_vector([refnet.ones(2, 2), refnet.zeros(1)])
    tensor([1., 1., 1., 1., 0.])
    """
    listed = list(parameters)
    _check_devices(listed)
    return cat([parameter.view(-1) for parameter in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make each parameter a view of its piece of `vec`, in the order of `parameters_to_vector`.

    Raises TypeError when `vec` is no tensor, or the parameters live on different devices.
    """
    check(isinstance(vec, TensorBase), lambda: f"expected refnet.Tensor, but got: {type(vec).__name__}", TypeError)
    listed = list(parameters)
    _check_devices(listed)
    start = 0
    for parameter in listed:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
        start = end


def _check_devices(parameters: list[Any]) -> None:
    check(
        len({parameter.device for parameter in parameters}) <= 1,
        lambda: "Found two parameters on different devices, this is currently not supported.",
        TypeError,
    )
