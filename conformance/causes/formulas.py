"""Causes in the formula: an epsilon outside the root, the other variance, a form that overflows or cancels.

Each formula is written out in numpy, for the output only; forms that fail by rounding or overflow are computed in the
candidate's own dtype, because that is where they fail.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from conformance.case import GRADIENT, OUTPUT, Slot
from conformance.causes.evidence import Evidence, Guess
from conformance.causes.parameters import parameters
from conformance.causes.signatures import signature
from conformance.draw import Array, is_floating

Values = dict[str, Any]
Formula = Callable[[Values], Array]


def arguments(evidence: Evidence) -> Values:
    """The call's arguments by name: arrays in their own dtype, defaults where nothing is given."""
    arrays = evidence.sample.arrays

    def plain(value: Any) -> Any:
        return arrays[value.index] if isinstance(value, Slot) else value

    known = signature(evidence.operation)
    names = [name for name, _, by_position in known if by_position]
    found = {name: default for name, default, _ in known if default is not ...}
    found |= {name: plain(value) for name, value in zip(names, evidence.sample.args, strict=False)}
    found |= {name: plain(value) for name, value in evidence.sample.kwargs.items()}
    for place, name in enumerate(("input", "other")):
        if name not in found and len(evidence.sample.args) > place:
            found[name] = plain(evidence.sample.args[place])
    return found


# --- normalisation -------------------------------------------------------------------------------------------------


def _axes(operation: str, a: Values) -> tuple[Array, tuple[int, ...], tuple[int, ...]]:
    """The input with the axes that one mean runs over, and the shape that weight and bias are seen in."""
    x = a["input"].astype(numpy.float64)
    if operation in ("layer_norm", "rms_norm"):
        shape = tuple(a["normalized_shape"]) if not isinstance(a["normalized_shape"], int) else (a["normalized_shape"],)
        return x, tuple(range(x.ndim - len(shape), x.ndim)), shape
    channels = (-1, *[1] * (x.ndim - 2))
    if operation == "group_norm":
        grouped = x.reshape(x.shape[0], a["num_groups"], -1)  # (N, C, ...) -> (N, G, C / G ...)
        return grouped, (2,), channels
    if operation == "instance_norm":
        return x, tuple(range(2, x.ndim)), channels
    return x, (0, *range(2, x.ndim)), channels


def normalisations(evidence: Evidence) -> Iterator[Guess]:
    """(x - mean) / sqrt(var + eps), with another epsilon, divisor or mean."""
    operation = evidence.operation.rpartition(".")[2]
    if operation not in ("layer_norm", "rms_norm", "group_norm", "instance_norm", "batch_norm"):
        return
    if not signature(evidence.operation):  # somebody's own function of that name
        return
    a = arguments(evidence)
    if "input" not in a or (operation == "batch_norm" and not a["training"]):
        return
    x, axes, shape = _axes(operation, a)
    n = math.prod(x.shape[axis] for axis in axes)
    if evidence.check == OUTPUT and evidence.t.shape == a["input"].shape:
        yield from _normalised(a, x, axes, shape, n, operation == "rms_norm")
    if evidence.check == OUTPUT and operation == "batch_norm" and n > 1:
        yield from _running_variance(evidence, a, n)
    if evidence.check == GRADIENT and operation != "rms_norm" and n > 1:
        yield from _unbiased_gradient(evidence, n)


def _normalised(
    a: Values, x: Array, axes: tuple[int, ...], shape: tuple[int, ...], n: int, plain_mean: bool
) -> Iterator[Guess]:
    eps = a["eps"] if a["eps"] is not None else float(numpy.finfo(numpy.float32).eps)
    mean = 0.0 * x if plain_mean else x.mean(axes, keepdims=True)
    var = ((x - mean) ** 2).mean(axes, keepdims=True)

    def affine(normalised: Array) -> Array:
        y = normalised.reshape(a["input"].shape)
        for name, apply in (("weight", numpy.multiply), ("bias", numpy.add)):
            if a.get(name) is not None:
                y = apply(y, numpy.asarray(a[name]).astype(numpy.float64).reshape(shape))
        return y

    with numpy.errstate(all="ignore"):
        yield Guess(
            "equals the result with eps outside the root: (x - mean)/(sqrt(var) + eps)",
            affine((x - mean) / (numpy.sqrt(var) + eps)),
        )
        if n > 1 and not plain_mean:
            unbiased = var * n / (n - 1)
            yield Guess(
                "equals the result with the unbiased variance (divided by n - 1)",
                affine((x - mean) / numpy.sqrt(unbiased + eps)),
            )
        if not plain_mean:
            yield Guess("equals the result without subtracting the mean", affine(x / numpy.sqrt(var + eps)))
            square = (x**2).mean(axes, keepdims=True)
            yield Guess(
                "equals the result with the mean square for the variance", affine((x - mean) / numpy.sqrt(square + eps))
            )
        else:
            centred = x - x.mean(axes, keepdims=True)
            yield Guess(
                "equals the result with the mean subtracted",
                affine(centred / numpy.sqrt((centred**2).mean(axes, keepdims=True) + eps)),
            )
        yield Guess("equals the result without the division", affine(x - mean))
        yield Guess("equals the result without the root: (x - mean)/(var + eps)", affine((x - mean) / (var + eps)))
        if a.get("weight") is not None and a.get("bias") is not None:
            weight, bias = (numpy.asarray(a[name]).astype(numpy.float64).reshape(shape) for name in ("weight", "bias"))
            plain = ((x - mean) / numpy.sqrt(var + eps)).reshape(a["input"].shape)
            yield Guess(
                "equals the result with the bias added before the weight is multiplied", (plain + bias) * weight
            )
        if not plain_mean and x.shape == a["input"].shape:
            for other in _other_axes(x.ndim, axes):
                mean, var = x.mean(other, keepdims=True), x.var(other, keepdims=True)
                shown = ", ".join(map(str, other))
                value = affine((x - mean) / numpy.sqrt(var + eps))
                yield Guess(f"equals the result with mean and variance over dimension {shown}", value, 2.0)


def _other_axes(ndim: int, axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The batch, the channels, the last, all but one of them, all."""
    every = tuple(range(ndim))
    found = [(0,), (1,), (ndim - 1,), every[1:], every[2:], (0, *every[2:]), every]
    return [other for other in dict.fromkeys(found) if other and other != axes and max(other) < ndim]


def _running_variance(evidence: Evidence, a: Values, n: int) -> Iterator[Guess]:
    """Torch keeps the unbiased variance: new = (1 - m) old + m var n / (n - 1)."""
    old, momentum = a.get("running_var"), a["momentum"]
    if old is None or evidence.t.shape != old.shape or not evidence.tensor.endswith(" after"):
        return
    kept = (1 - momentum) * old.astype(numpy.float64)
    biased = kept + (evidence.t - kept) * (n - 1) / n
    yield Guess("equals the running variance with the biased variance (divided by n, not n - 1)", biased)


def _unbiased_gradient(evidence: Evidence, n: int) -> Iterator[Guess]:
    """1 / sqrt(k var + eps) = k^-1/2 / sqrt(var + eps / k): a run with another epsilon gives the gradient."""
    k = n / (n - 1)
    for parameter in parameters(evidence):
        if parameter.name == "eps" and isinstance(parameter.value, float):
            value = evidence.rerun(parameter.change(parameter.value / k))
            if value is not None:
                yield Guess("equals the gradient with the unbiased variance (divided by n - 1)", value / math.sqrt(k))


# --- other ways to write the same, and what they are mistaken for ---------------------------------------------------


def _exp(x: Array) -> Array:
    """Correctly rounded in the dtype of x, as libraries nearly are."""
    return numpy.exp(x.astype(numpy.float64)).astype(x.dtype)


def _log(x: Array) -> Array:
    return numpy.log(x.astype(numpy.float64)).astype(x.dtype)


def _naive_softmax(a: Values) -> Array:
    e = _exp(a["input"])
    return e / e.sum(a["dim"], keepdims=True)


def _softmax(a: Values) -> Array:
    return _naive_softmax(a | {"input": a["input"] - a["input"].max(a["dim"], keepdims=True)})


def _divided_in_line(a: Values) -> Array:
    x, y = a["input"], a["other"]
    return numpy.trunc(numpy.asarray(x).astype(numpy.float64) / y)


def _norm(a: Values) -> Array:
    dim = a.get("dim")
    axes = tuple(dim) if isinstance(dim, list | tuple) else dim
    return numpy.sqrt((a["input"] ** 2).sum(axes, keepdims=bool(a.get("keepdim", False))))


def _normalised_plus(a: Values) -> Array:
    x = a["input"].astype(numpy.float64)
    norm = (numpy.abs(x) ** a["p"]).sum(a["dim"], keepdims=True) ** (1 / a["p"])
    return x / (norm + a["eps"])


def _summed_first(a: Values) -> Array:
    x, dim = a["input"], a.get("dim")
    axes = tuple(dim) if isinstance(dim, list | tuple) else dim
    total = x.sum(axes, keepdims=bool(a.get("keepdim", False)))
    return total / numpy.asarray(x.size // max(total.size, 1), x.dtype)


FORMULAS: dict[str, list[tuple[str, Formula]]] = {
    "softmax": [("exp(x)/sum exp(x) without subtracting the maximum", _naive_softmax)],
    "log_softmax": [
        ("log of the softmax", lambda a: _log(_softmax(a))),
        ("log of exp(x)/sum exp(x) without subtracting the maximum", lambda a: _log(_naive_softmax(a))),
        (
            "x - log sum exp(x) without subtracting the maximum",
            lambda a: a["input"] - _log(_exp(a["input"]).sum(a["dim"], keepdims=True)),
        ),
    ],
    "logsumexp": [
        (
            "log sum exp(x) without subtracting the maximum",
            lambda a: _log(_exp(a["input"]).sum(a["dim"], keepdims=bool(a["keepdim"]))),
        ),
    ],
    "logaddexp": [("log(exp(x) + exp(y)) written out", lambda a: _log(_exp(a["input"]) + _exp(a["other"])))],
    "log1p": [("log(1 + x) written out", lambda a: _log(1 + a["input"]))],
    "expm1": [("exp(x) - 1 written out", lambda a: _exp(a["input"]) - 1)],
    "softplus": [("log(1 + exp(x)) written out", lambda a: _log(1 + _exp(a["beta"] * a["input"])) / a["beta"])],
    "logsigmoid": [
        ("log(1/(1 + exp(-x))) written out", lambda a: _log(1 / (1 + _exp(-a["input"])))),
        ("-log(1 + exp(-x)) written out", lambda a: -_log(1 + _exp(-a["input"]))),
    ],
    "sigmoid": [("exp(x)/(1 + exp(x)) written out", lambda a: _exp(a["input"]) / (1 + _exp(a["input"])))],
    "silu": [
        (
            "x exp(x)/(1 + exp(x)) written out",
            lambda a: a["input"] * _exp(a["input"]) / (1 + _exp(a["input"])),
        )
    ],
    "tanh": [
        (
            "(exp(2x) - 1)/(exp(2x) + 1) written out",
            lambda a: (_exp(2 * a["input"]) - 1) / (_exp(2 * a["input"]) + 1),
        ),
        (
            "(exp(x) - exp(-x))/(exp(x) + exp(-x)) written out",
            lambda a: (_exp(a["input"]) - _exp(-a["input"])) / (_exp(a["input"]) + _exp(-a["input"])),
        ),
    ],
    "elu": [
        (
            "alpha (exp(x) - 1) written out",
            lambda a: numpy.where(a["input"] > 0, a["input"], a["alpha"] * (_exp(a["input"]) - 1)),
        )
    ],
    "pow": [("exp(y log x)", lambda a: _exp(a["other"] * _log(a["input"])))],
    "prod": [("exp(sum log x)", lambda a: _exp(_log(a["input"]).sum(a["dim"], keepdims=bool(a["keepdim"]))))],
    "cumprod": [("exp(cumsum log x)", lambda a: _exp(numpy.cumsum(_log(a["input"]), a["dim"])))],
    "logcumsumexp": [("log cumsum exp(x), unshifted", lambda a: _log(numpy.cumsum(_exp(a["input"]), a["dim"])))],
    "xlogy": [("x log(y) written out", lambda a: a["input"] * _log(a["other"]))],
    "atan2": [("atan(y/x), two quadrants", lambda a: numpy.arctan(a["input"] / a["other"].astype(numpy.float64)))],
    "sinh": [("(exp(x) - exp(-x))/2 written out", lambda a: (_exp(a["input"]) - _exp(-a["input"])) / 2)],
    "asinh": [("log(x + sqrt(x^2 + 1)) written out", lambda a: _log(a["input"] + numpy.sqrt(a["input"] ** 2 + 1)))],
    "hypot": [("sqrt(x^2 + y^2) written out", lambda a: numpy.sqrt(a["input"] ** 2 + a["other"] ** 2))],
    "gelu": [("x sigmoid(1.702 x)", lambda a: a["input"] / (1 + _exp(-1.702 * a["input"].astype(numpy.float64))))],
    "vector_norm": [("sqrt(sum x^2) without scaling", lambda a: _norm(a | {"input": a.get("x", a.get("input"))}))],
    "norm": [("sqrt(sum x^2) without scaling", _norm)],
    "mean": [("sum x / n with the sum in the narrow type", _summed_first)],
    "normalize": [("x/(norm + eps)", _normalised_plus)],
    "remainder": [("the remainder with the sign of the dividend (fmod)", lambda a: numpy.fmod(a["input"], a["other"]))],
    "fmod": [("the remainder with the sign of the divisor", lambda a: numpy.mod(a["input"], a["other"]))],
    "floor_divide": [("the quotient rounded towards zero", _divided_in_line)],
    "round": [("floor(x + 1/2)", lambda a: numpy.floor(a["input"] + 0.5))],
    "trunc": [("the floor", lambda a: numpy.floor(a["input"]))],
    "floor": [("the truncation towards zero", lambda a: numpy.trunc(a["input"]))],
    "frac": [("x - floor(x)", lambda a: a["input"] - numpy.floor(a["input"]))],
}


def written_out(evidence: Evidence) -> Iterator[Guess]:
    """Another formula for the same operation, or the formula of its neighbour."""
    if evidence.check != OUTPUT or evidence.tensor != "out":
        return
    for what, formula in FORMULAS.get(evidence.operation.rpartition(".")[2], []):
        a = arguments(evidence)
        first = a.get("input", a.get("x"))
        if not isinstance(first, numpy.ndarray):
            continue
        try:
            with numpy.errstate(all="ignore"):
                value = formula(a)
        except (TypeError, ValueError, KeyError):  # a call in a form that the formula does not cover
            continue
        yield Guess(f"equals {what}", numpy.asarray(value))


# --- indices -------------------------------------------------------------------------------------------------------


def indices(evidence: Evidence) -> Iterator[Guess]:
    """Indices one off: inputs of integers moved by one, clamped into range by the oracle's refusal."""
    for place, array in enumerate(evidence.sample.arrays):
        if is_floating(array) or array.dtype == bool or not array.size:
            continue
        for step in (1, -1):
            value = evidence.with_array(place, array + numpy.asarray(step, array.dtype))
            if value is not None:
                name = evidence.sample.names[place]
                yield Guess(
                    f"equals the result with the indices {name!r} {'plus' if step > 0 else 'minus'} one", value, 1.0
                )
