"""`Module` behaves as torch's: every probe runs once with torch and once with refnet, and both must tell the same."""

import copy
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch

import refnet

Probe = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """A result as nested plain values, in the same words for both libraries."""
    if isinstance(value, torch.Tensor | refnet.Tensor):
        return (
            str(value.dtype).split(".")[1],
            tuple(value.shape),
            numpy.round(value.detach().double().numpy(), 4).tolist(),
        )
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.replace("torch.", "").replace("refnet.", "").replace("(torch Tensor", "(refnet Tensor")
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, torch.nn.Module | refnet.nn.Module):
        return repr(value)
    return value


def outcome(probe: Probe, library: Any) -> Any:
    """What a probe returns, or how it fails; warnings are part of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(probe(library))
        except Exception as error:
            message = error.args[0] if error.args else ""
            result = (type(error).__name__, plain(message) if isinstance(message, str) else "")
    return result, [warning.category.__name__ for warning in caught]


def pair_of_scales(torch: Any) -> Any:
    """A module with parameters, buffers, a plain attribute and children, one of them shared."""
    nn = torch.nn

    class Scale(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(factor))
            self.register_buffer("calls", torch.tensor(0))
            self.register_buffer("scratch", torch.zeros(1), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("absent", None)

        def forward(self, x: Any, times: Any = 1) -> Any:
            self.calls += 1
            return self.factor * x * times

        def extra_repr(self) -> str:
            return "scale"

    class Pair(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = Scale(2.0)
            self.weight = nn.Parameter(torch.ones(2, 3))
            self.second = Scale(3.0)
            self.again = self.first
            self.missing = None
            self.register_module("none", None)
            self.note = "text"

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x)) + self.weight.sum()

    return Pair()


def x_of(torch: Any, *shape: int) -> Any:
    count = int(numpy.prod(shape))
    return torch.linspace(-1, 1, count).reshape(shape)


# --- listings -----------------------------------------------------------------------------------------------------


def listings(torch: Any) -> Any:
    m = pair_of_scales(torch)
    return {
        "parameters": [n for n, _ in m.named_parameters()],
        "own": [n for n, _ in m.named_parameters(recurse=False)],
        "prefixed": [n for n, _ in m.named_parameters(prefix="net")],
        "all": [n for n, _ in m.named_parameters(remove_duplicate=False)],
        "buffers": [n for n, _ in m.named_buffers()],
        "own buffers": [n for n, _ in m.named_buffers(recurse=False)],
        "modules": [n for n, _ in m.named_modules()],
        "all modules": [n for n, _ in m.named_modules(prefix="a", remove_duplicate=False)],
        "children": [n for n, _ in m.named_children()],
        "counts": [len(list(m.parameters())), len(list(m.buffers())), len(list(m.modules())), len(list(m.children()))],
        "state": list(m.state_dict()),
        "prefixed state": list(m.state_dict(prefix="net.")),
        "metadata": dict(m.state_dict()._metadata),
        "repr": repr(m),
        "dir": [n for n in ("first", "weight", "calls", "training") if n in dir(m)],
    }


def attribute_rules(torch: Any) -> Any:
    m = pair_of_scales(torch)
    seen = []
    m.weight = None
    seen.append(list(m.state_dict()))
    m.weight = torch.nn.Parameter(torch.zeros(1))
    m.note = torch.nn.Parameter(torch.ones(1))  # an attribute becomes a parameter
    seen.append([n for n, _ in m.named_parameters()])
    m.second = None
    seen.append([n for n, _ in m.named_children()])
    del m.first, m.note, m.weight
    seen.append(list(m.state_dict()))
    seen.append(hasattr(m, "first"))
    m.kept = torch.nn.Buffer(torch.ones(2))
    m.dropped = torch.nn.Buffer(torch.ones(2), persistent=False)
    m.kept = torch.zeros(2)  # stays a buffer
    seen.append([list(m.state_dict()), [n for n, _ in m.named_buffers(recurse=False)]])
    seen.append([isinstance(m.dropped, torch.nn.Buffer), isinstance(torch.ones(1), torch.nn.Buffer)])
    m.kept = torch.nn.Parameter(torch.ones(1))
    seen.append([n for n, _ in m.named_buffers(recurse=False)])
    return seen


def paths(torch: Any) -> Any:
    m = torch.nn.Sequential(pair_of_scales(torch))
    m.set_submodule("0.second", torch.nn.Identity())
    m.set_submodule("0.third", torch.nn.Identity())
    return [
        m.get_submodule("") is m,
        m.get_submodule("0.first"),
        m.get_parameter("0.first.factor"),
        m.get_buffer("0.first.calls"),
        m,
    ]


def modes(torch: Any) -> Any:
    m = pair_of_scales(torch)
    seen = [m.training, m.eval() is m, m.first.training, m.train().first.training]
    m.requires_grad_(False)
    seen.append([p.requires_grad for p in m.parameters()])
    m.requires_grad_()
    m(x_of(torch, 2)).sum().backward()
    seen.append([plain(p.grad) for p in m.parameters()])
    m.zero_grad(set_to_none=False)
    seen.append([plain(p.grad) for p in m.parameters()])
    m.zero_grad()
    seen.append([plain(p.grad) for p in m.parameters()])
    order: list[str] = []
    m.apply(lambda module: order.append(type(module).__name__))
    return [*seen, order]


def conversions(torch: Any) -> Any:
    m = pair_of_scales(torch)
    m(x_of(torch, 2)).sum().backward()
    before = m.weight
    seen = []
    for convert in (
        lambda: m.double(),
        lambda: m.half(),
        lambda: m.bfloat16(),
        lambda: m.float(),
        lambda: m.to(torch.float64),
        lambda: m.to("cpu", torch.float32),
        lambda: m.to(device="cpu", dtype=torch.float16),
        lambda: m.to(torch.ones(1, dtype=torch.float64)),
        lambda: m.cpu(),
        lambda: m.type(torch.float32),
    ):
        same = [convert() is m, m.weight is before, m.first.calls.dtype == torch.int64]
        seen.append([same, plain(m.weight), plain(m.weight.grad)])
    shapes = [tuple(p.shape) for p in m.to_empty(device="cpu").parameters()]
    return [*seen, shapes]


def channels_last(torch: Any) -> Any:
    m = torch.nn.Sequential(pair_of_scales(torch))
    m.register_parameter("kernel", torch.nn.Parameter(x_of(torch, 2, 3, 4, 5)))
    m.to(memory_format=torch.channels_last)
    return [m.kernel, list(m.kernel.stride())]


def copies(torch: Any) -> Any:
    m = pair_of_scales(torch)
    m(x_of(torch, 2)).sum().backward()
    twin = copy.deepcopy(m)
    with torch.no_grad():
        twin.weight.mul_(5)
    shared = copy.copy(m)
    return [
        twin.state_dict(),
        twin.weight.grad is None,
        m.state_dict(),
        twin.again is twin.first,
        twin.weight.requires_grad,
        shared.weight is m.weight,
    ]


def registration_hooks(torch: Any) -> Any:
    names: list[str] = []
    registry = torch.nn.modules.module
    handles = [
        registry.register_module_parameter_registration_hook(lambda m, name, p: names.append(f"p {name}")),
        registry.register_module_buffer_registration_hook(lambda m, name, b: names.append(f"b {name}")),
        registry.register_module_module_registration_hook(lambda m, name, c: names.append(f"m {name}")),
    ]
    pair_of_scales(torch)
    for handle in handles:
        handle.remove()
    pair_of_scales(torch)
    return names


# --- state --------------------------------------------------------------------------------------------------------


def loading(torch: Any) -> Any:
    m = pair_of_scales(torch)
    state = OrderedDict((key, value * 0 + 7) for key, value in m.state_dict().items())
    before = m.weight
    keys = m.load_state_dict(state)
    seen = [repr(keys), m.weight is before, m.state_dict()]
    state.pop("weight")
    state["extra"] = torch.ones(1)
    keys = m.load_state_dict(state, strict=False)
    return [*seen, list(keys.missing_keys), list(keys.unexpected_keys), repr(keys)]


def assigning(torch: Any) -> Any:
    m = pair_of_scales(torch)
    m.first.factor.requires_grad_(False)
    state = {
        key: (value * 0 + 7).double() if value.is_floating_point() else value for key, value in m.state_dict().items()
    }
    m.load_state_dict(state, assign=True)
    return [m.state_dict(), m.first.factor.requires_grad, m.weight.requires_grad, type(m.weight)]


def state_shares_memory(torch: Any) -> Any:
    m = pair_of_scales(torch)
    state = m.state_dict()
    with torch.no_grad():
        m.weight.fill_(9)
    kept = m.state_dict(keep_vars=True)
    target: dict[str, Any] = {}
    returned = m.state_dict(destination=target, prefix="p.")
    return [
        state["weight"],
        state["weight"].requires_grad,
        kept["weight"] is m.weight,
        returned is target,
        list(target),
    ]


def scalar_from_one_element(torch: Any) -> Any:
    m = pair_of_scales(torch)
    state = m.state_dict()
    state["first.factor"] = torch.full((1,), 4.0)
    m.load_state_dict(state)
    return m.first.factor


def extra_state(torch: Any) -> Any:
    class Counting(torch.nn.Module):  # type: ignore[misc,name-defined]
        count = 3

        def get_extra_state(self) -> Any:
            return self.count

        def set_extra_state(self, state: Any) -> None:
            self.count = state

    m = torch.nn.Sequential(Counting(), torch.nn.Identity())
    state = m.state_dict()
    other = torch.nn.Sequential(Counting(), torch.nn.Identity())
    other[0].count = 0
    other.load_state_dict(state)
    return [dict(state), other[0].count, repr(other.load_state_dict({}, strict=False))]


def versions(torch: Any) -> Any:
    class Newer(torch.nn.Module):  # type: ignore[misc,name-defined]
        _version = 3

        def __init__(self) -> None:
            super().__init__()
            self.new = torch.nn.Parameter(torch.zeros(1))
            self.seen: Any = None

        def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *rest: Any) -> None:
            self.seen = metadata.get("version")
            if prefix + "old" in state:
                state[prefix + "new"] = state.pop(prefix + "old")
            super()._load_from_state_dict(state, prefix, metadata, *rest)

    m = torch.nn.Sequential(Newer())
    m.load_state_dict({"0.old": torch.ones(1)})
    first = m[0].seen
    m.load_state_dict(m.state_dict())
    return [first, m[0].seen, m[0].new]


def state_hooks(torch: Any) -> Any:
    m = pair_of_scales(torch)
    seen: list[Any] = []
    m.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append(("pre", prefix, keep)))
    m.first.register_state_dict_post_hook(lambda module, state, prefix, meta: state.pop(prefix + "calls"))
    m.first.register_state_dict_post_hook(lambda module, state, prefix, meta: None)
    m.second._register_state_dict_hook(lambda module, state, prefix, meta: None)

    def rename(
        module: Any, state: Any, prefix: str, meta: Any, strict: bool, missing: Any, unexpected: Any, errors: Any
    ) -> None:
        seen.append(("load", prefix, strict, type(module).__name__))
        state.setdefault(prefix + "calls", torch.tensor(5))

    def forgive(module: Any, keys: Any) -> None:
        seen.append(("loaded", len(keys.missing_keys)))
        keys.missing_keys.clear()

    m.first.register_load_state_dict_pre_hook(rename)
    m.register_load_state_dict_post_hook(forgive)
    try:
        m.state_dict()
    except RuntimeError as error:  # a public post-hook must return None
        seen.append(str(error))
    m.load_state_dict({})
    return seen


# --- hooks --------------------------------------------------------------------------------------------------------


def forward_hooks(torch: Any) -> Any:
    m = pair_of_scales(torch).first
    order: list[Any] = []
    handles = [
        m.register_forward_pre_hook(lambda module, args: order.append("pre 1")),
        m.register_forward_pre_hook(lambda module, args: args[0] + 1),
        m.register_forward_pre_hook(lambda module, args: order.append("pre 0"), prepend=True),
        m.register_forward_pre_hook(lambda module, args, kwargs: (args, {**kwargs, "times": 10}), with_kwargs=True),
        m.register_forward_hook(lambda module, args, output: order.append(("post", len(args)))),
        m.register_forward_hook(lambda module, args, output: output * 2),
        m.register_forward_hook(
            lambda module, args, kwargs, output: order.append(sorted(kwargs)), with_kwargs=True, prepend=True
        ),
    ]
    with_all = m(x_of(torch, 3), times=2)
    for handle in handles:
        handle.remove()
    handles[0].remove()
    return [with_all, order, m(x_of(torch, 3))]


def always_called(torch: Any) -> Any:
    class Failing(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: Any) -> Any:
            raise ValueError("no")

    m = Failing()
    seen: list[Any] = []
    m.register_forward_hook(lambda module, args, output: seen.append("never"))
    m.register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    m.register_forward_hook(lambda module, args, output: 1 / 0, always_call=True)
    try:
        m(x_of(torch, 3))
    except ValueError as error:
        seen.append(str(error))
    return seen


def global_hooks(torch: Any) -> Any:
    registry = torch.nn.modules.module
    seen: list[str] = []
    handles = [
        registry.register_module_forward_pre_hook(lambda m, args: seen.append("before " + type(m).__name__)),
        registry.register_module_forward_hook(lambda m, args, out: seen.append("after " + type(m).__name__)),
        registry.register_module_full_backward_pre_hook(lambda m, go: seen.append("back " + type(m).__name__)),
        registry.register_module_full_backward_hook(lambda m, gi, go: seen.append("done " + type(m).__name__)),
    ]
    pair_of_scales(torch)(x_of(torch, 2).requires_grad_()).sum().backward()
    for handle in handles:
        handle.remove()
    pair_of_scales(torch)(x_of(torch, 2))
    return seen


def backward_hooks(torch: Any) -> Any:
    m = pair_of_scales(torch)
    seen: list[Any] = []
    x = x_of(torch, 3).requires_grad_()
    m.first.register_full_backward_hook(lambda module, gi, go: seen.append(("first", gi, go)))
    m.second.register_full_backward_hook(lambda module, gi, go: (gi[0] * 10,))
    m.second.register_full_backward_hook(lambda module, gi, go: seen.append(("second", gi, go)))
    m.second.register_full_backward_hook(lambda module, gi, go: seen.append("first of all"), prepend=True)
    m.second.register_full_backward_pre_hook(lambda module, go: (go[0] + 1,))
    m(x).sum().backward()
    return [seen, x.grad, m.first.factor.grad, m.second.factor.grad]


def backward_hooks_many(torch: Any) -> Any:
    class Two(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: Any, y: Any, z: Any, flag: Any) -> Any:
            return x * 2, y * x, x.detach(), "text"

    m = Two()
    seen: list[Any] = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    x, y = x_of(torch, 2).requires_grad_(), x_of(torch, 2)
    out = m(x, y, x_of(torch, 2).requires_grad_(), True)
    out[0].sum().backward()
    out = m(x, y, x_of(torch, 2).requires_grad_(), True)
    (out[0].sum() + out[1].sum()).backward()
    return [seen, x.grad]


def backward_hooks_without_input_gradient(torch: Any) -> Any:
    m = pair_of_scales(torch).first
    seen: list[Any] = []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    m(x_of(torch, 2)).sum().backward()
    return [seen, m.factor.grad]


def backward_hooks_second_order(torch: Any) -> Any:
    m = pair_of_scales(torch).first
    m.register_full_backward_hook(lambda module, gi, go: (gi[0] * 2,))
    x = x_of(torch, 3).requires_grad_()
    (g,) = torch.autograd.grad((m(x) ** 3).sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    return [g, gg]


# --- what fails ---------------------------------------------------------------------------------------------------


def before_init(torch: Any, kind: str) -> Any:
    class Early(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            if kind == "parameter":
                self.p = torch.nn.Parameter(torch.ones(1))
            elif kind == "module":
                self.m = torch.nn.Identity()
            else:
                self.register_buffer("b", torch.ones(1))

    return Early()


def state_with(torch: Any, **changes: Any) -> Any:
    m = pair_of_scales(torch)
    state = m.state_dict()
    for key, value in changes.items():
        key = key.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return m.load_state_dict(state)


def hooked(torch: Any, how: str, hook: Any, *, kwargs: bool = False) -> Any:
    m = pair_of_scales(torch).first
    options = {"with_kwargs": True} if kwargs else {}
    getattr(m, f"register_{how}")(hook, **options)
    return m(x_of(torch, 2).requires_grad_()).sum().backward()


PROBES: dict[str, Probe] = {
    f.__name__: f
    for f in (
        listings,
        attribute_rules,
        paths,
        modes,
        conversions,
        channels_last,
        copies,
        registration_hooks,
        loading,
        assigning,
        state_shares_memory,
        scalar_from_one_element,
        extra_state,
        versions,
        state_hooks,
        forward_hooks,
        always_called,
        global_hooks,
        backward_hooks,
        backward_hooks_many,
        backward_hooks_without_input_gradient,
        backward_hooks_second_order,
    )
}
ERRORS: dict[str, Probe] = {
    "no forward": lambda t: t.nn.Module()(1),
    "unknown attribute": lambda t: t.nn.Module().weight,
    "delete unknown": lambda t: t.nn.Module().__delattr__("weight"),
    "argument": lambda t: t.nn.Module(1),
    "keyword": lambda t: t.nn.Module(size=1),
    "parameter early": lambda t: before_init(t, "parameter"),
    "module early": lambda t: before_init(t, "module"),
    "buffer early": lambda t: before_init(t, "buffer"),
    "number as parameter": lambda t: setattr(pair_of_scales(t), "weight", 3),
    "number as module": lambda t: setattr(pair_of_scales(t), "first", 3),
    "number as buffer": lambda t: setattr(pair_of_scales(t).first, "calls", 3),
    "parameter number": lambda t: t.nn.Module().register_parameter("a", 3),
    "parameter non-leaf": lambda t: t.nn.Module().register_parameter("a", t.nn.Parameter(t.ones(1)) * 2),
    "parameter dot": lambda t: t.nn.Module().register_parameter("a.b", None),
    "parameter empty": lambda t: t.nn.Module().register_parameter("", None),
    "parameter name": lambda t: t.nn.Module().register_parameter(3, None),
    "parameter taken": lambda t: t.nn.Module().register_parameter("forward", None),
    "buffer number": lambda t: t.nn.Module().register_buffer("a", 3),
    "buffer dot": lambda t: t.nn.Module().register_buffer("a.b", None),
    "buffer empty": lambda t: t.nn.Module().register_buffer("", None),
    "buffer name": lambda t: t.nn.Module().register_buffer(3, None),
    "buffer taken": lambda t: t.nn.Module().register_buffer("train", None),
    "module number": lambda t: t.nn.Module().add_module("a", 3),
    "module dot": lambda t: t.nn.Module().add_module("a.b", None),
    "module empty": lambda t: t.nn.Module().add_module("", None),
    "module name": lambda t: t.nn.Module().add_module(3, None),
    "module taken": lambda t: t.nn.Module().add_module("train", None),
    "train": lambda t: t.nn.Module().train(1),
    "to integer": lambda t: t.nn.Module().to(t.int64),
    "no submodule": lambda t: pair_of_scales(t).get_submodule("first.deeper"),
    "no module": lambda t: pair_of_scales(t).get_submodule("first.factor"),
    "no parameter": lambda t: pair_of_scales(t).get_parameter("first.q"),
    "not a parameter": lambda t: pair_of_scales(t).get_parameter("first.calls"),
    "no buffer": lambda t: pair_of_scales(t).get_buffer("first.q"),
    "not a buffer": lambda t: pair_of_scales(t).get_buffer("first.factor"),
    "set nothing": lambda t: t.nn.Module().set_submodule("", t.nn.Identity()),
    "set number": lambda t: t.nn.Module().set_submodule("a", 3),
    "set strict": lambda t: t.nn.Module().set_submodule("a", t.nn.Identity(), strict=True),
    "set over parameter": lambda t: pair_of_scales(t).set_submodule("weight", t.nn.Identity()),
    "state list": lambda t: t.nn.Module().load_state_dict([1]),
    "state missing": lambda t: state_with(t, weight=None, first__factor=None),
    "state unexpected": lambda t: state_with(t, more=t.ones(1), first__deeper__more=t.ones(1)),
    "state size": lambda t: state_with(t, weight=t.ones(3, 2)),
    "state all": lambda t: state_with(t, weight=t.ones(3, 2), first__factor=None, more=t.ones(1)),
    "state number": lambda t: state_with(t, weight=3),
    "pre-hook result": lambda t: hooked(t, "forward_pre_hook", lambda m, a, k: 3, kwargs=True),
    "backward hook count": lambda t: hooked(t, "full_backward_hook", lambda m, gi, go: (gi[0], gi[0])),
    "backward pre-hook count": lambda t: hooked(t, "full_backward_pre_hook", lambda m, go: ()),
    "integer parameter": lambda t: t.nn.Parameter(t.ones(2, dtype=t.int64)),
}


@pytest.mark.parametrize("name", PROBES)
def test_same_as_torch(name: str) -> None:
    expected, got = outcome(PROBES[name], torch), outcome(PROBES[name], refnet)
    assert not (isinstance(expected[0], tuple) and expected[0][0].endswith("Error")), expected
    assert got == expected


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch(name: str) -> None:
    (kind, message), _ = outcome(ERRORS[name], torch)
    (got_kind, got_message), _ = outcome(ERRORS[name], refnet)
    assert kind.endswith("Error")
    assert got_kind == kind
    if name not in DIFFERENT_WORDS:
        assert got_message == message


DIFFERENT_WORDS = {
    "parameter non-leaf",  # torch calls a tensor torch.FloatTensor
    "integer parameter",  # torch's message speaks of complex types
    "state number",  # refnet says refnet.Tensor where torch says torch.Tensor, and the class of a number
}


class Picklable(refnet.nn.Module):
    """Pickling finds classes by name, so this one is at the top of the file."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = refnet.nn.Linear(2, 3)
        self.register_buffer("count", refnet.tensor(3))

    def forward(self, x: Any) -> Any:
        return self.layer(x)


def test_pickle() -> None:
    module = Picklable().eval()
    module.layer.weight.requires_grad_(False)
    twin = pickle.loads(pickle.dumps(module))
    x = x_of(refnet, 4, 2)
    assert plain(twin(x)) == plain(module(x))
    assert plain(twin.state_dict()) == plain(module.state_dict())
    assert not twin.training and not twin.layer.weight.requires_grad and twin.layer.bias.requires_grad
    assert isinstance(twin.layer.weight, refnet.nn.Parameter)


def test_loads_torchs_tensors() -> None:
    source, target = torch.nn.Linear(2, 3), refnet.nn.Linear(2, 3)
    target.load_state_dict(source.state_dict())
    assert plain(target.state_dict()) == plain(source.state_dict())


def test_hooks_leave_no_cycle() -> None:
    import gc
    import weakref

    layer = refnet.nn.Linear(2, 3)
    layer.register_full_backward_hook(lambda module, gi, go: None)
    gc.disable()
    try:
        out = layer(x_of(refnet, 4, 2).requires_grad_())
        node = weakref.ref(out.grad_fn)
        del out
        assert node() is None
    finally:
        gc.enable()


def test_parameter_is_a_leaf_over_the_same_memory() -> None:
    for library in (torch, refnet):
        data = library.zeros(3)
        with library.no_grad():
            parameter = library.nn.Parameter(data)
        data[0] = 5
        assert parameter.requires_grad and parameter.is_leaf and parameter[0].item() == 5
        assert library.nn.Parameter().shape == (0,)
        assert isinstance(library.nn.Parameter(parameter, requires_grad=False), library.nn.Parameter)
        assert repr(parameter).startswith("Parameter containing:\ntensor([5., 0., 0.], requires_grad=True)")
