"""Checks of arguments that several families share."""

from typing import Any

import numpy

from refnet import _dtype, _tape
from refnet._check import check
from refnet._ops._args import expect_floating as expect_floating
from refnet._ops._args import expect_tensor, type_name
from refnet._ops._args import in_type as in_type
from refnet._ops._args import number as number


def widened(x: Any) -> Any:
    """x in the type computed in: float32 for float16 and bfloat16."""
    return x.float() if x._array.itemsize == 2 and x.is_floating_point() else x


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


def expect_bool(value: Any, name: str, argument: str, position: int) -> None:
    """A flag: torch takes nothing else for true or false."""
    check(
        isinstance(value, bool | numpy.bool_),
        lambda: f"{name}(): argument '{argument}' (position {position}) must be bool, not {type(value).__name__}",
        TypeError,
    )


def expect_matching_parameters(input: Any, given: dict[str, Any], name: str) -> None:
    """Parameters and statistics all of input's type, or all float32 with an input of a half type."""
    check_matching(
        input.dtype, {parameter: value.dtype for parameter, value in given.items() if value is not None}, name
    )


def check_matching(dtype: Any, kinds: dict[str, Any], name: str) -> None:
    """`expect_matching_parameters`, by dtypes."""
    mixed = bool(kinds) and next(iter(kinds.values())) is not dtype
    wanted = _dtype.float32 if mixed else dtype
    for parameter, kind in kinds.items():
        check(
            kind is wanted,
            lambda parameter=parameter, kind=kind: (
                (  # type: ignore[misc]
                    "mixed dtype (CPU): expect parameter to have scalar type of Float"
                    if mixed
                    else f"expected scalar type {type_name(wanted)} but found {type_name(kind)}"
                )
                + f" ({name}: input {type_name(dtype)}, {parameter} {type_name(kind)})"
            ),
        )
    check(
        not mixed or (dtype.itemsize == 2 and dtype.is_floating_point),
        lambda: f"mixed dtype (CPU): all inputs must share same datatype. ({name}: input {type_name(dtype)})",
    )
