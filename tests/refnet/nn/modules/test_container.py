"""Containers behave as torch's: every probe runs with torch and with refnet, and both must tell the same."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch

import refnet

Probe = Callable[[Any], Any]


def plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor | refnet.Tensor):
        return [list(value.shape), numpy.round(value.detach().double().numpy(), 4).tolist()]
    if isinstance(value, torch.nn.Module | refnet.nn.Module):
        return repr(value).replace("torch.", "refnet.")
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def outcome(probe: Probe, library: Any) -> Any:
    try:
        return plain(probe(library))
    except Exception as error:
        return type(error).__name__, str(error).replace("torch.", "refnet.").replace("ParametersDict", "ParameterDict")


def three(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh(), t.nn.Linear(3, 1))


def named(t: Any) -> Any:
    return t.nn.Sequential(OrderedDict([("first", t.nn.Linear(2, 3)), ("act", t.nn.Tanh())]))


def after(make: Probe, change: Callable[[Any, Any], Any]) -> Probe:
    """What a container is after a change, and what the change returned."""

    def probe(t: Any) -> Any:
        container = make(t)
        result = change(t, container)
        keys = list(container.state_dict())
        return [container, keys, result if not isinstance(result, t.nn.Module) else [result is container, result]]

    return probe


def listed(t: Any) -> Any:
    return t.nn.ModuleList([t.nn.Linear(2, 2), t.nn.Linear(2, 2), t.nn.Tanh()])


def mapped(t: Any) -> Any:
    return t.nn.ModuleDict({"lin": t.nn.Linear(2, 2), "act": t.nn.Tanh()})


def weights(t: Any) -> Any:
    return t.nn.ParameterList([t.ones(2), t.nn.Parameter(t.zeros(3, 2)), "text"])


def params(t: Any) -> Any:
    return t.nn.ParameterDict({"right": t.zeros(3), "left": t.ones(2), "note": "text"})


def names(container: Any) -> list[str]:
    return [name for name, _ in container.named_parameters()]


PROBES: dict[str, Probe] = {
    "forward": lambda t: t.nn.Sequential(t.nn.Identity(), t.nn.Tanh(), t.nn.Tanh())(t.linspace(-1, 1, 5)),
    "empty forward": lambda t: t.nn.Sequential()(t.ones(2)),
    "empty": lambda t: [t.nn.Sequential(), t.nn.ModuleList(), t.nn.ModuleDict(), t.nn.ParameterList()],
    "index": lambda t: [three(t)[0], three(t)[-1], three(t)[1:], three(t)[::2], named(t)[:1], len(three(t))],
    "iterate": lambda t: list(three(t)),
    "set item": after(three, lambda t, s: s.__setitem__(1, t.nn.ReLU())),
    "set named item": after(named, lambda t, s: s.__setitem__(-1, t.nn.ReLU())),
    "delete item": after(three, lambda t, s: s.__delitem__(0)),
    "delete slice": after(three, lambda t, s: s.__delitem__(slice(0, 2))),
    "pop": after(three, lambda t, s: s.pop(-2)),
    "append": after(three, lambda t, s: s.append(t.nn.ReLU())),
    "insert": after(three, lambda t, s: s.insert(1, t.nn.ReLU())),
    "insert back": after(three, lambda t, s: s.insert(-1, t.nn.ReLU())),
    "extend": after(three, lambda t, s: s.extend([t.nn.ReLU(), t.nn.Tanh()])),
    "add": lambda t: [three(t) + three(t), type(three(t) + three(t)).__name__],
    "add in place": after(three, lambda t, s: s.__iadd__(t.nn.Sequential(t.nn.ReLU()))),
    "multiply": lambda t: [
        three(t) * 2,
        2 * three(t),
        [m is n for m, n in zip(*[iter(three(t) * 2)] * 2, strict=True)],
    ],
    "multiply in place": after(three, lambda t, s: s.__imul__(2)),
    "nested repr": lambda t: t.nn.Sequential(three(t), t.nn.Sequential(named(t), t.nn.Sequential())),
    "list": lambda t: [listed(t), listed(t)[0], listed(t)[-1], listed(t)[1:], len(listed(t)), list(listed(t))],
    "list nested repr": lambda t: t.nn.ModuleList([three(t), three(t), t.nn.ModuleList()]),
    "list set": after(listed, lambda t, s: s.__setitem__(0, t.nn.ReLU())),
    "list delete": after(listed, lambda t, s: s.__delitem__(1)),
    "list delete slice": after(listed, lambda t, s: s.__delitem__(slice(None, None, 2))),
    "list insert": after(listed, lambda t, s: s.insert(1, t.nn.ReLU())),
    "list append": after(listed, lambda t, s: s.append(t.nn.ReLU())),
    "list extend": after(listed, lambda t, s: s.extend(m for m in (t.nn.ReLU(), t.nn.Tanh()))),
    "list pop": after(listed, lambda t, s: s.pop(0)),
    "list add": lambda t: listed(t) + [t.nn.ReLU()],  # the operator is the point
    "list add in place": after(listed, lambda t, s: s.__iadd__([t.nn.ReLU()])),
    "dict": lambda t: [
        mapped(t),
        mapped(t)["act"],
        len(mapped(t)),
        list(mapped(t)),
        list(mapped(t).keys()),
        [name for name, _ in mapped(t).items()],
        list(mapped(t).values()),
        "act" in mapped(t),
        "x" in mapped(t),
    ],
    "dict set": after(mapped, lambda t, s: s.__setitem__("act", t.nn.ReLU())),
    "dict add": after(mapped, lambda t, s: s.__setitem__("more", t.nn.ReLU())),
    "dict delete": after(mapped, lambda t, s: s.__delitem__("lin")),
    "dict pop": after(mapped, lambda t, s: s.pop("lin")),
    "dict clear": after(mapped, lambda t, s: s.clear()),
    "dict update pairs": after(mapped, lambda t, s: s.update([["b", t.nn.ReLU()], ("a", t.nn.Tanh())])),
    "dict update dict": after(mapped, lambda t, s: s.update({"b": t.nn.ReLU(), "a": t.nn.Tanh()})),
    "dict update module": after(mapped, lambda t, s: s.update(t.nn.ModuleDict({"b": t.nn.ReLU()}))),
    "parameters": lambda t: [weights(t)[0], weights(t)[-1], len(weights(t)), names(weights(t)), list(weights(t))],
    "parameters slice": lambda t: [names(weights(t)[1:]), len(weights(t)[1:])],
    "parameters set": lambda t: after(weights, lambda t, s: s.__setitem__(2, t.ones(1)))(t)[1:],
    "parameters append": lambda t: after(weights, lambda t, s: s.append(t.ones(1)) is s)(t)[1:],
    "parameters extend": lambda t: after(weights, lambda t, s: s.__iadd__([t.ones(1), 3]) is s)(t)[1:],
    "parameters repr": lambda t: weights(t),
    "parameter dict": lambda t: [
        params(t)["left"],
        list(params(t)),
        list(reversed(params(t))),
        len(params(t)),
        names(params(t)),
        params(t).get("x", 3),
        params(t).setdefault("left"),
        "left" in params(t),
        names(params(t).copy()),
        params(t).pop("note"),
        params(t).popitem()[0],
        names(params(t).fromkeys(["q", "r"], t.ones(1))),
        list(params(t).keys()),
        [k for k, _ in params(t).items()],
        len(list(params(t).values())),
    ],
    "parameter dict order": lambda t: [
        list(t.nn.ParameterDict(OrderedDict([("b", t.ones(1)), ("a", t.ones(1))]))),
        list(t.nn.ParameterDict([("b", t.ones(1)), ("a", t.ones(1))])),
        list(t.nn.ParameterDict({"b": t.ones(1), "a": t.ones(1)})),
    ],
    "parameter dict or": lambda t: [
        list(params(t) | t.nn.ParameterDict({"new": t.ones(1)})),
        names(params(t).__ior__(t.nn.ParameterDict({"new": t.ones(1)}))),
    ],
    "parameter dict delete": lambda t: after(params, lambda t, s: s.__delitem__("left"))(t)[1],
    "parameter dict clear": lambda t: after(params, lambda t, s: s.clear())(t)[1],
}
ERRORS: dict[str, Probe] = {
    "index": lambda t: three(t)[3],
    "index back": lambda t: three(t)[-4],
    "index text": lambda t: three(t)["a"],
    "not a module": lambda t: t.nn.Sequential(3),
    "add": lambda t: three(t) + [t.nn.Tanh()],
    "add in place": lambda t: three(t).__iadd__(3),
    "multiply": lambda t: three(t) * 0,
    "multiply float": lambda t: three(t) * 1.5,
    "insert": lambda t: three(t).insert(5, t.nn.Tanh()),
    "list index": lambda t: listed(t)[3],
    "list extend": lambda t: listed(t).extend(3),
    "list call": lambda t: listed(t)(t.ones(1)),
    "dict key": lambda t: mapped(t)["x"],
    "dict update": lambda t: mapped(t).update(3),
    "dict pairs": lambda t: mapped(t).update([("a", t.nn.Tanh(), 3)]),
    "dict dot": lambda t: mapped(t).update({"a.b": t.nn.Tanh()}),
    "parameters index": lambda t: weights(t)[3],
    "parameters extend": lambda t: weights(t).extend(t.ones(2)),
    "parameters call": lambda t: weights(t)(1),
    "parameter dict key": lambda t: params(t)["x"],
    "parameter dict update": lambda t: params(t).update(3),
    "parameter dict call": lambda t: params(t)(1),
    "parameter dict popitem": lambda t: t.nn.ParameterDict().popitem(),
}


@pytest.mark.parametrize("name", PROBES)
def test_same_as_torch(name: str) -> None:
    expected = outcome(PROBES[name], torch)
    assert not isinstance(expected, tuple), expected
    assert outcome(PROBES[name], refnet) == expected


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch(name: str) -> None:
    expected = outcome(ERRORS[name], torch)
    assert isinstance(expected, tuple), expected
    assert outcome(ERRORS[name], refnet) == expected


def test_lazy_layer_becomes_the_ordinary_one() -> None:
    for library in (torch, refnet):
        layer = library.nn.LazyLinear(3)
        assert layer.has_uninitialized_params()
        assert list(layer.state_dict()) == ["weight", "bias"]
        with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
            layer.weight.shape  # noqa: B018  # the property raises
        layer.double()
        out = layer(library.ones(5, 4, dtype=library.float64))
        assert type(layer) is library.nn.Linear
        assert tuple(layer.weight.shape) == (3, 4) and layer.weight.dtype == library.float64
        assert out.shape == (5, 3) and isinstance(layer.weight, library.nn.Parameter)


def test_lazy_layer_loads_a_state() -> None:
    for library in (torch, refnet):
        layer, source = library.nn.LazyLinear(3), library.nn.Linear(4, 3)
        layer.load_state_dict(source.state_dict())
        assert plain(layer.weight) == plain(source.weight)
        x = library.ones(2, 4)
        assert plain(layer(x)) == plain(source(x))
        with pytest.raises(RuntimeError, match="uninitialized"):
            library.nn.Linear(4, 3).load_state_dict(library.nn.LazyLinear(3).state_dict())
