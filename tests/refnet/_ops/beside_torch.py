"""Run one program in torch and in refnet, and compare everything a user can see of the result.

A row is an expression, evaluated twice: with `torch` (and `T`, its tensor function, and tensors made by a family's
`names`) bound to torch, and to refnet. Or a function of the library and its inputs, whose gradients of first and second
order are compared too.
"""

import re
import warnings
from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np
import torch

import refnet

# Where that package is installed, torch's einsum takes the factors in another order.
torch.backends.opt_einsum.enabled = False

Names = Callable[[Any], dict[str, Any]]


def shown(value: Any) -> str:
    """repr, without what must differ: the library's name, and line breaks of columns."""
    text = repr(value).replace("refnet.", "torch.")
    text = re.sub(r"torch\.return_types\.?\w*\(", "return_types(", text)
    return re.sub(r"\s+", " ", text)


def outcome(library: Any, source: str, names: Names) -> tuple[str, str]:
    """("ok", what it is) or (the exception's type, its message)."""

    def assigned(x: Any, key: Any, value: Any) -> Any:
        copy = x.clone()
        copy[key] = value
        return copy

    scope = {"torch": library, "T": library.tensor, "nan": nan, "inf": inf, "np": np, "assigned": assigned}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch warns of what it gives nan for
            value = eval(source, scope | {"F": library.nn.functional} | names(library))
    except Exception as error:
        return type(error).__name__, str(error).replace("refnet.", "torch.")
    text = shown(value)
    if hasattr(value, "stride"):
        text += f" {shown(value.dtype)} {tuple(value.stride())}"
    return "ok", text


def check_same(source: str, names: Names, message: bool = True, within: bool = False) -> None:
    """The same value, dtype and strides; or the same exception, and (if `message`) the same words.

    `within`: refnet's words may say more than torch's.
    """
    theirs, ours = outcome(torch, source, names), outcome(refnet, source, names)
    assert ours[0] == theirs[0], f"{source}\ntorch:  {theirs}\nrefnet: {ours}"
    combination = "received an invalid combination of arguments" in theirs[1]  # lists torch's C++ overloads
    if message and not combination:
        same = theirs[1].rstrip(".") in ours[1] if within and theirs[0] != "ok" else ours[1] == theirs[1]
        assert same, f"{source}\ntorch:  {theirs[1]}\nrefnet: {ours[1]}"


def derivatives(
    library: Any, function: Callable[..., Any], arrays: tuple[Any, ...], indices: tuple[Any, ...], dtype: str
) -> dict[str, Any]:
    """The result, its gradients under a fixed cotangent, and the gradients of a fixed combination of those."""
    kind = getattr(library, dtype)
    inputs = [library.tensor(a, dtype=kind, requires_grad=True) for a in arrays]
    out = function(library, *inputs, *[library.tensor(i) for i in indices])
    found = {"result": out.detach().double().numpy(), "strides": tuple(out.stride())}
    rng = np.random.default_rng(1)

    def random(shape: Any) -> Any:
        return library.tensor(rng.standard_normal(tuple(shape)), dtype=kind)

    gradients = library.autograd.grad(out, inputs, random(out.shape), create_graph=True, allow_unused=True)
    for k, g in enumerate(gradients):
        found[f"gradient {k}"] = None if g is None else g.detach().double().numpy(force=True)
    total: Any = 0
    for g in gradients:
        weight = random(out.shape if g is None else g.shape)
        if g is not None and g.requires_grad:
            total = total + (g * weight).sum()
    second = [None] * len(inputs)
    if not isinstance(total, int) and total.requires_grad:
        second = library.autograd.grad(total, inputs, allow_unused=True)
    for k, (g, a) in enumerate(zip(second, arrays, strict=True)):
        found[f"second gradient {k}"] = np.zeros(np.shape(a)) if g is None else g.double().numpy(force=True)
    return found


def check_gradients(
    function: Callable[..., Any], *arrays: Any, indices: tuple[Any, ...] = (), strides: bool = True
) -> None:
    """torch's result, first and second derivatives, at float64, to a few ulp."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theirs = derivatives(torch, function, arrays, indices, "float64")
    ours = derivatives(refnet, function, arrays, indices, "float64")
    for name, expected in theirs.items():
        got = ours[name]
        if name == "strides":
            assert got == expected or not strides, f"strides {got}, torch's {expected}"
        elif expected is None or got is None:
            assert got is expected, f"{name}: {got}, torch's {expected}"
        else:
            assert got.shape == expected.shape, f"{name}: shape {got.shape}, torch's {expected.shape}"
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12, err_msg=name)
