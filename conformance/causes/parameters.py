"""Causes among the arguments: what the oracle gives when one parameter is another.

Parameters are those that the call has, by name, and for torch's own functions also those it leaves at the default
(`signatures.py`). `ALTERNATIVES` says for each name what else it may have been taken for.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from conformance.case import Sample, Slot
from conformance.causes.evidence import Evidence, Guess
from conformance.causes.signatures import signature
from conformance.draw import is_floating

Options = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a call: its value, or its default, and the sample with another value."""

    name: str
    value: Any
    change: Callable[[Any], Sample]


# --- what else a parameter may have been taken for -----------------------------------------------------------------


def _flip(value: Any) -> list[Any]:
    return [not value] if isinstance(value, bool) else []


def _others(*known: Any) -> Options:
    return lambda value: [other for other in known if other != value or type(other) is not type(value)]


def _numbers(*known: float) -> Options:
    return lambda value: [other for other in known if other != value] if _is_number(value) else []


def _nothing(value: Any) -> list[Any]:
    """Left out."""
    return [None] if isinstance(value, Slot) else []


def _sizes(*known: int) -> Options:
    """Sizes per dimension, or one for all: other constants in the same form; of a mixed tuple also reversed."""

    def options(value: Any) -> list[Any]:
        found: list[Any] = []
        if isinstance(value, int) and not isinstance(value, bool):
            found = [size for size in known if size != value]
        elif isinstance(value, tuple | list) and value and all(isinstance(size, int) for size in value):
            found = [type(value)([size] * len(value)) for size in known]
            found += [type(value)(reversed(value))]
        return [other for other in found if other != value]

    return options


def _padding(value: Any) -> list[Any]:
    """One more, one less, none."""
    if isinstance(value, int) and not isinstance(value, bool):
        found: list[Any] = [value + 1, value - 1, 0]
    elif isinstance(value, tuple | list) and value and all(isinstance(size, int) for size in value):
        kind = type(value)
        found = [kind(size + 1 for size in value), kind(size - 1 for size in value), kind(0 for _ in value)]
        found += [kind(reversed(value))]
    else:
        found = [0] if value == "same" else []
    return [other for i, other in enumerate(found) if other != value and other not in found[:i] and _positive(other)]


def _positive(value: Any) -> bool:
    return all(size >= 0 for size in (value if isinstance(value, tuple | list) else [value]))


def _dimension(value: Any) -> list[Any]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [dim for dim in (-1, 0, 1, 2, -2) if dim != value]
    return [0, -1] if value is None else []


def _complement(*known: float) -> Options:
    """1 - p, and constants."""

    def options(value: Any) -> list[Any]:
        return [1 - value, *_numbers(*known)(value)] if _is_number(value) else []

    return options


def _near(value: Any) -> list[Any]:
    """One more, one less, the other sign."""
    return [value + 1, value - 1, *([-value] if value else [])] if _is_number(value) else []


def _scaled(*known: float) -> Options:
    """Other constants, the inverse, the other sign."""

    def options(value: Any) -> list[Any]:
        if not _is_number(value):
            return []
        return [
            *_numbers(*known)(value),
            *([1 / value] if value not in (0, 1, -1) else []),
            *([-value] if value else []),
        ]

    return options


def _reversed(value: Any) -> list[Any]:
    return [value[::-1]] if isinstance(value, tuple | list) and len(value) > 1 and value[::-1] != value else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


ALTERNATIVES: dict[str, Options] = {
    # the likelier, the earlier
    "correction": _numbers(0, 1),
    "unbiased": _flip,
    "approximate": _others("tanh", "none"),
    "reduction": _others("mean", "sum", "none", "batchmean"),
    "eps": lambda value: [] if isinstance(value, Slot) else _others(1e-5, 0.0, 1e-6, 1e-8, 1e-12, 1e-3, 1e-7)(value),
    "training": _flip,
    "use_input_stats": _flip,
    "align_corners": lambda value: [not value],
    "count_include_pad": _flip,
    "ceil_mode": _flip,
    "divisor_override": _others(None),
    "padding": _padding,
    "output_padding": _padding,
    "stride": lambda value: _sizes(1, 2)(value) if value is not None else [1],
    "dilation": _sizes(1, 2),
    "groups": _sizes(1),
    "kernel_size": _reversed,
    "momentum": _complement(0.0),
    "dampening": _complement(0.0),
    "label_smoothing": _numbers(0.0),
    "ignore_index": _numbers(-100),
    "weight": _nothing,
    "bias": _nothing,
    "pos_weight": _nothing,
    "attn_mask": _nothing,
    "log_target": _flip,
    "log_input": _flip,
    "full": _flip,
    "p": _complement(1.0, 2.0, 0.0),
    "ord": _numbers(1, 2),
    "norm_type": _numbers(1.0, 2.0),
    "alpha": _scaled(1.0, 0.0),
    "beta": _scaled(1.0, 0.0),
    "value": _scaled(1.0, 0.0),
    "gamma": _complement(1.0),
    "k": _near,
    "negative_slope": _scaled(0.01, 0.0, 0.1, 0.2),
    "lambd": _scaled(0.5, 1.0),
    "threshold": _scaled(0.0, 1.0),
    "delta": _scaled(1.0),
    "margin": _scaled(0.0, 1.0),
    "min_val": _scaled(0.0, -1.0),
    "max_val": _scaled(1.0, 6.0),
    "largest": _flip,
    "descending": _flip,
    "keepdim": _flip,
    "dim": _dimension,
    "diagonal": _near,
    "offset": _near,
    "decimals": _numbers(0),
    "shifts": lambda value: [-value] if _is_number(value) and value else [],
    "rounding_mode": _others("floor", "trunc", None),
    "mode": _others("bilinear", "nearest", "nearest-exact", "bicubic", "linear", "reflect", "replicate", "circular"),
    "padding_mode": _others("zeros", "border", "reflection"),
    "antialias": _flip,
    "is_causal": _flip,
    "scale": _numbers(1.0),
    "swap": _flip,
    "accumulate": _flip,
    "upper": _flip,
    "weight_decay": _numbers(0.0, 1e-2),
    "decoupled_weight_decay": _flip,
    "nesterov": _flip,
    "amsgrad": _flip,
    "maximize": _flip,
    "betas": _reversed,
    "kind": lambda value: [],
}

PAIRS = (("beta", "alpha"), ("stride", "dilation"), ("stride", "padding"), ("min_val", "max_val"), ("lower", "upper"))

MEANINGS: dict[tuple[str, Any], str] = {
    ("correction", 0): "biased variance",
    ("correction", 1): "unbiased variance",
    ("unbiased", False): "biased variance",
    ("unbiased", True): "unbiased variance",
    ("approximate", "tanh"): "the tanh approximation",
    ("approximate", "none"): "the exact form",
    ("training", True): "the statistics of the batch",
    ("training", False): "the running statistics",
    ("count_include_pad", True): "padding counted",
    ("count_include_pad", False): "padding not counted",
    ("bias", None): "without the bias",
    ("weight", None): "without the weight",
    ("pos_weight", None): "without the weight of positives",
    ("attn_mask", None): "without the mask",
    ("eps", 0.0): "without epsilon",
    ("label_smoothing", 0.0): "without smoothing",
    ("weight_decay", 0.0): "without weight decay",
    ("divisor_override", None): "without the override",
}


def changed(evidence: Evidence) -> Iterator[Guess]:
    """The oracle's value with one parameter changed, the likelier first."""
    order = {name: place for place, name in enumerate(ALTERNATIVES)}
    found = [parameter for parameter in parameters(evidence) if parameter.name in order]
    for parameter in sorted(found, key=lambda parameter: order[parameter.name]):
        for other in ALTERNATIVES[parameter.name](parameter.value):
            value = evidence.rerun(parameter.change(other))
            if value is None:
                continue
            yield Guess(_sentence(parameter, other), value, math.log2(len(ALTERNATIVES)))
    yield from _exchanged(evidence, {parameter.name: parameter for parameter in found})


def _exchanged(evidence: Evidence, found: dict[str, Parameter]) -> Iterator[Guess]:
    """Two parameters in each other's place."""
    for pair in PAIRS:
        left, right = (evidence.sample.kwargs.get(name, ...) for name in pair)
        if left is ... or right is ... or left == right or not set(pair) <= set(found):
            continue
        exchanged = evidence.sample.kwargs | dict(zip(pair, (right, left), strict=True))
        value = evidence.rerun(replace(evidence.sample, kwargs=exchanged))
        if value is not None:
            yield Guess(f"equals the result with {pair[0]} and {pair[1]} exchanged", value, 2.0)


def _sentence(parameter: Parameter, other: Any) -> str:
    name, value = parameter.name, parameter.value
    given = "a tensor" if isinstance(value, Slot) else repr(value)
    hashable = other if not isinstance(other, list) else tuple(other)
    meaning = MEANINGS.get((name, hashable), "")
    if not meaning and isinstance(value, float) and 0 < value < 1 and other == 1 - value:
        meaning = f"1 - {name}"
    reverse = isinstance(other, tuple | list) and isinstance(value, tuple | list) and other == value[::-1]
    meaning = meaning or ("in reverse order" if reverse else "")
    return f"equals the result with {name}={other!r}{f' ({meaning})' if meaning else ''}, not {given}"


# --- the parameters of a call --------------------------------------------------------------------------------------


def parameters(evidence: Evidence) -> Iterator[Parameter]:
    """Every parameter: by name, by position, within a dictionary of options, left at its default."""
    sample, operation = evidence.sample, evidence.operation
    known = signature(operation) or signature(str(sample.kwargs.get("optimizer")))
    positions = [name for name, _, by_position in known if by_position]
    seen = set(sample.kwargs) | set(positions[: len(sample.args)])
    for name, value in sample.kwargs.items():
        yield Parameter(name, value, partial(_with_keyword, sample, name))
        if isinstance(value, dict):
            for option, inner in value.items():
                yield Parameter(option, inner, partial(_with_option, sample, name, option))
    if operation in VARIANCES:
        yield from _variance(sample)
        return
    for place, (name, value) in enumerate(zip(positions, sample.args, strict=False)):
        yield Parameter(name, value, partial(_with_position, sample, place))
    for name, default, _ in known:
        if name not in seen and default is not ... and _applies(name, sample):
            yield Parameter(name, default, partial(_with_keyword, sample, name))


VARIANCES = ("var", "std", "var_mean", "std_mean")


def _variance(sample: Sample) -> Iterator[Parameter]:
    """The divisor of a variance has two names and several places."""
    flags = [place for place, value in enumerate(sample.args) if isinstance(value, bool)]
    if flags:
        yield Parameter("unbiased", sample.args[flags[0]], partial(_with_position, sample, flags[0]))
    elif not {"unbiased", "correction"} & set(sample.kwargs):
        yield Parameter("correction", 1, partial(_with_keyword, sample, "correction"))


def _applies(name: str, sample: Sample) -> bool:
    """An absent dimension or weight has nothing else that it may be; keeping dimensions needs one."""
    if name == "keepdim":
        return len(sample.args) > 1 or "dim" in sample.kwargs
    return bool(sample.arrays) and is_floating(sample.arrays[0])


def _with_keyword(sample: Sample, name: str, value: Any) -> Sample:
    return replace(sample, kwargs=sample.kwargs | {name: value})


def _with_option(sample: Sample, name: str, option: str, value: Any) -> Sample:
    return _with_keyword(sample, name, sample.kwargs[name] | {option: value})


def _with_position(sample: Sample, place: int, value: Any) -> Sample:
    return replace(sample, args=(*sample.args[:place], value, *sample.args[place + 1 :]))
