"""Checks of arguments that several families share."""

from typing import Any

import numpy

from refnet import _dtype, _tape
from refnet._check import check
from refnet._ops._args import expect_tensor, type_name
from refnet._tape import TensorBase


def number(value: Any, name: str, argument: str, position: int) -> Any:
    """`value` as a Python number; torch's TypeError for what is none. A 0-d tensor without history counts as one."""
    if isinstance(value, TensorBase) and not value.shape and not value.requires_grad:  # type: ignore[attr-defined]
        return value.item()  # type: ignore[attr-defined]
    check(
        isinstance(value, int | float | numpy.number),
        lambda: f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}",
        TypeError,
    )
    return value


def expect_floating(input: Any, name: str, kernel: str) -> None:
    """A floating tensor, or torch's TypeError or NotImplementedError, which names its kernel."""
    expect_tensor(input, name)
    check(
        input.is_floating_point(),
        lambda: f"\"{kernel}\" not implemented for '{type_name(input.dtype)}'",
        NotImplementedError,
    )


def expect_constant(value: Any, function: str, argument: str) -> None:
    """Refuse a tensor that requires a gradient for an argument that has none."""
    check(
        value is None or not (_tape.mode.grad and value.requires_grad),
        lambda: (
            f"The function '{function}' is not differentiable with respect to argument '{argument}'. This input cannot have "
            "requires_grad True."
        ),
    )


def expect_optional_tensor(value: Any, name: str, argument: str, position: int) -> None:
    """A tensor or None."""
    if value is not None:
        expect_tensor(value, name, argument, position)


def expect_real(value: Any, name: str, argument: str, position: int) -> None:
    """A Python number where torch takes a float."""
    check(
        isinstance(value, int | float),
        lambda: f"{name}(): argument '{argument}' (position {position}) must be float, not {type(value).__name__}",
        TypeError,
    )


def expect_matching_parameters(input: Any, given: dict[str, Any], name: str) -> None:
    """Parameters and statistics all of input's type, or all float32 with an input of a half type."""
    kinds = {parameter: value.dtype for parameter, value in given.items() if value is not None}
    mixed = bool(kinds) and next(iter(kinds.values())) is not input.dtype
    wanted = _dtype.float32 if mixed else input.dtype
    for parameter, kind in kinds.items():
        check(
            kind is wanted,
            lambda parameter=parameter, kind=kind: (
                (  # type: ignore[misc]
                    "mixed dtype (CPU): expect parameter to have scalar type of Float"
                    if mixed
                    else f"expected scalar type {type_name(wanted)} but found {type_name(kind)}"
                )
                + f" ({name}: input {type_name(input.dtype)}, {parameter} {type_name(kind)})"
            ),
        )
    check(
        not mixed or input.itemsize == 2,
        lambda: f"mixed dtype (CPU): all inputs must share same datatype. ({name}: input {type_name(input.dtype)})",
    )
