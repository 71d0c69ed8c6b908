"""Hooks of modules in every order, state with versions and extras, lazy layers, and the methods of a module."""

import warnings
from collections.abc import Callable
from typing import Any

from conformance.cases import FORWARD, LAYOUTS, args, normal, ops, refuses

PLAIN = FORWARD - {LAYOUTS}
X = normal(3, 2)


def linear(torch: Any, x: Any, inputs: int = 2, outputs: int = 2) -> Any:
    """A layer with known parameters."""
    made = torch.nn.Linear(inputs, outputs).to(x.dtype)
    with torch.no_grad():
        made.weight.copy_(torch.linspace(-1, 1, inputs * outputs, dtype=x.dtype).reshape(outputs, inputs))
        made.bias.copy_(torch.linspace(0, 1, outputs, dtype=x.dtype))
    return made


def twofold(torch: Any) -> Any:
    """A module with a keyword and two results."""

    class Twofold(torch.nn.Module):  # type: ignore[misc]  # torch is Any here
        def forward(self, x: Any, y: Any = None, *, scale: float = 1.0) -> Any:
            return x * scale, (x if y is None else y) * 2

    return Twofold()


def forward_hooks(torch: Any, x: Any) -> Any:
    """What every hook sees, in order; what it replaces; taken back."""
    module = linear(torch, x)
    seen: list[Any] = []
    handles = [
        module.register_forward_pre_hook(lambda m, a: seen.append("pre")),
        module.register_forward_pre_hook(lambda m, a: seen.append("pre first"), prepend=True),
        module.register_forward_pre_hook(lambda m, a: a[0] * 2),
        module.register_forward_pre_hook(lambda m, a: (a[0] + 1,)),
        module.register_forward_pre_hook(lambda m, a, k: seen.append(sorted(k)), with_kwargs=True),
        module.register_forward_hook(lambda m, a, o: seen.append("post")),
        module.register_forward_hook(lambda m, a, o: seen.append("post first"), prepend=True),
        module.register_forward_hook(lambda m, a, o: o * 3),
        module.register_forward_hook(lambda m, a, k, o: seen.append(len(a)), with_kwargs=True),
        module.register_forward_hook(lambda m, a, o: seen.append("always"), always_call=True),
    ]
    out = module(x)
    found = [out, list(seen)]
    for handle in handles[::2]:
        handle.remove()
    seen.clear()
    return [*found, module(x), list(seen)]


def keyword_hooks(torch: Any, x: Any) -> Any:
    """Hooks that see and replace keywords."""
    module = twofold(torch)
    seen: list[Any] = []
    module.register_forward_pre_hook(lambda m, a, k: (a, {**k, "scale": 3.0}), with_kwargs=True)
    module.register_forward_hook(lambda m, a, k, o: seen.append([len(a), sorted(k.items(), key=str)]), with_kwargs=True)
    return (
        module(x, scale=2.0),
        module(x),
        module(x, x + 1),
        str([s[0] for s in seen]),
        [sorted(dict(s[1])) for s in seen],
    )


def always_called(torch: Any, x: Any) -> Any:
    """A hook that is called although the forward fails."""
    module = linear(torch, x)
    seen: list[str] = []
    module.register_forward_hook(lambda m, a, o: seen.append("normal"))
    module.register_forward_hook(lambda m, a, o: seen.append(f"always {o is None}"), always_call=True)
    try:
        module(x[:, :1])
    except RuntimeError as error:
        seen.append(type(error).__name__)
    module(x)
    return seen, x * 1


def backward_hooks(torch: Any, x: Any) -> Any:
    """Full backward hooks: what they see, what they replace, their order; for inputs with and without gradient."""
    module = linear(torch, x)
    seen: list[Any] = []
    module.register_full_backward_pre_hook(lambda m, g: seen.append(("pre", len(g))))
    module.register_full_backward_pre_hook(lambda m, g: (g[0] * 2,))
    module.register_full_backward_pre_hook(lambda m, g: seen.append("pre first"), prepend=True)
    module.register_full_backward_hook(lambda m, i, o: seen.append(("post", i[0] is None, len(o))))
    module.register_full_backward_hook(lambda m, i, o: (i[0] * 3,) if i[0] is not None else None)
    handle = module.register_full_backward_hook(lambda m, i, o: seen.append("post first"), prepend=True)
    leaf = x.detach().clone().requires_grad_()
    module(leaf).sum().backward()
    found: list[Any] = [leaf.grad, module.weight.grad.clone(), str(seen)]
    handle.remove()
    seen.clear()
    module.zero_grad()
    module(x.detach()).sum().backward()
    found += [module.weight.grad.clone(), str(seen)]
    pair = twofold(torch)
    shown: list[Any] = []
    pair.register_full_backward_hook(
        lambda m, i, o: shown.append([g is None for g in i] + ["|"] + [g is None for g in o])
    )
    other = x.detach().clone().requires_grad_()
    pair(leaf, other)[0].sum().backward()
    pair(leaf * 1, other)[1].sum().backward()
    pair(leaf, x.detach())[0].sum().backward()
    with torch.no_grad():
        quiet = pair(leaf)[0]
    return [*found, leaf.grad, other.grad, str(shown), quiet.requires_grad]


def hooks_of_all(torch: Any, x: Any) -> Any:
    """Hooks of every module: called before a module's own."""
    from importlib import import_module

    shared = import_module(f"{torch.__name__}.nn.modules.module")
    module = torch.nn.Sequential(linear(torch, x), torch.nn.Tanh())
    seen: list[str] = []
    module[1].register_forward_hook(lambda m, a, o: seen.append("own"))
    handles = [
        shared.register_module_forward_pre_hook(lambda m, a: seen.append(f"pre {type(m).__name__}")),
        shared.register_module_forward_hook(lambda m, a, o: seen.append(f"post {type(m).__name__}")),
        shared.register_module_full_backward_hook(lambda m, i, o: seen.append(f"back {type(m).__name__}")),
        shared.register_module_full_backward_pre_hook(lambda m, o: seen.append(f"before {type(m).__name__}")),
    ]
    leaf = x.detach().clone().requires_grad_()
    out = module(leaf)
    out.sum().backward()
    for handle in handles:
        handle.remove()
    before = len(seen)
    module(leaf)
    return out.detach(), leaf.grad, seen, len(seen) - before


def wrong_hook(torch: Any, x: Any, *, how: str) -> Any:
    """Hooks that return what does not fit."""
    module = linear(torch, x)
    leaf = x.detach().clone().requires_grad_()
    if how == "keywords":
        module.register_forward_pre_hook(lambda m, a, k: a, with_kwargs=True)
    elif how == "three":
        module.register_forward_pre_hook(lambda m, a, k: (a, k, 1), with_kwargs=True)
    elif how == "inputs":
        module.register_full_backward_hook(lambda m, i, o: (*i, None))
    elif how == "outputs":
        module.register_full_backward_pre_hook(lambda m, o: (*o, None))
    return module(leaf).sum().backward()


# --- state ------------------------------------------------------------------------------------------------------------


def state_hooks(torch: Any, x: Any) -> Any:
    """Hooks around saving and loading."""
    module = torch.nn.Sequential(linear(torch, x))
    seen: list[Any] = []
    module.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("saving", prefix, keep)))
    module[0].register_state_dict_post_hook(
        lambda m, s, prefix, data: seen.append(("saved", prefix, sorted(s), sorted(data)))
    )
    module.register_load_state_dict_pre_hook(
        lambda m, s, prefix, data, strict, missing, more, errors: seen.append(("loading", prefix, strict))
    )
    module.register_load_state_dict_post_hook(
        lambda m, keys: seen.append(("loaded", list(keys.missing_keys), list(keys.unexpected_keys)))
    )
    state = module.state_dict()
    module.load_state_dict(state)
    del state["0.bias"]
    state["more"] = x.detach()
    module.load_state_dict(state, strict=False)
    module.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    found = module.load_state_dict(state, strict=False)
    named = torch.nn.Sequential(linear(torch, x)).state_dict(prefix="net.", keep_vars=True)
    return str(seen), list(found.missing_keys), list(named), [v.requires_grad for v in named.values()], x * 1


def extra_state(torch: Any, x: Any) -> Any:
    """State that is no tensor."""

    class Counter(torch.nn.Module):  # type: ignore[misc]  # torch is Any here
        def __init__(self) -> None:
            super().__init__()
            self.count = 1

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

        def forward(self, x: Any) -> Any:
            return x * self.count

    first, second = torch.nn.Sequential(Counter()), torch.nn.Sequential(Counter())
    first[0].count = 5
    state = first.state_dict()
    second.load_state_dict(state)
    missing = second.load_state_dict({}, strict=False)
    plain = torch.nn.Sequential(torch.nn.Tanh()).load_state_dict(state, strict=False)
    return list(state), second(x), list(missing.missing_keys), list(plain.unexpected_keys)


def older_state(torch: Any, x: Any) -> Any:
    """A state of batch norm without a counter, without versions; a number saved with one dimension; assigned tensors."""
    norm = torch.nn.BatchNorm1d(2).to(x.dtype)
    norm(x)
    state = norm.state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    other = torch.nn.BatchNorm1d(2).to(x.dtype)
    found: list[Any] = [str(other.load_state_dict(state)), other.num_batches_tracked, other.running_mean]
    bare = torch.nn.BatchNorm1d(2).to(x.dtype)
    found += [bare.load_state_dict(dict(state), strict=False).missing_keys, bare.num_batches_tracked]

    class Scalar(torch.nn.Module):  # type: ignore[misc]  # torch is Any here
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones((), dtype=x.dtype))
            self.fixed = torch.nn.Parameter(torch.ones(1, dtype=x.dtype), requires_grad=False)

    scalar = Scalar()
    scalar.load_state_dict(
        {"scale": torch.full((1,), 3.0, dtype=x.dtype), "fixed": torch.full((1,), 4.0, dtype=x.dtype)}
    )
    given = {"scale": torch.full((), 7.0, dtype=torch.float64), "fixed": torch.full((1,), 8.0, dtype=x.dtype)}
    assigned = Scalar()
    assigned.load_state_dict(given, assign=True)
    found += [scalar.scale.detach(), scalar.fixed, assigned.scale.dtype, assigned.scale.requires_grad]
    return [
        *found,
        assigned.fixed.requires_grad,
        isinstance(assigned.scale, torch.nn.Parameter),
        assigned.fixed.detach(),
    ]


def lazy_norms(torch: Any, x: Any, *, n: int, **options: Any) -> Any:
    """Batch norm that learns its size from the first input."""
    made = getattr(torch.nn, f"LazyBatchNorm{n}d")(**options)
    before = [
        made.num_features,
        type(made).__name__,
        made.has_uninitialized_params() if hasattr(made, "has_uninitialized_params") else None,
    ]
    y = x.reshape(*x.shape, *(1,) * n) if n > 1 else x
    out = made(y) if n == 1 else made(torch.cat([y, y * 2], 2))
    return (
        before,
        out.detach(),
        made.num_features,
        type(made).__name__,
        list(made.state_dict()),
        repr(made),
        made.training,
    )


def norm_options(torch: Any, x: Any, *, momentum: Any, affine: bool, track: bool) -> Any:
    """Batch norm in three steps of training and one of evaluation, then reset."""
    made = torch.nn.BatchNorm1d(2, momentum=momentum, affine=affine, track_running_stats=track).to(x.dtype)
    outs = [made(x * k + k).detach() for k in (1, 2, 3)]
    made.eval()
    outs.append(made(x).detach())
    buffers = [b.clone() for b in made.buffers()]
    made.reset_running_stats()
    after = [b.clone() for b in made.buffers()]
    made.reset_parameters()
    return (
        outs,
        buffers,
        after,
        [p.detach() for p in made.parameters()],
        made.extra_repr(),
        [b.dtype for b in made.buffers()],
    )


# --- methods ----------------------------------------------------------------------------------------------------------


def methods(torch: Any, x: Any) -> Any:
    """Finding, adding, applying, freezing, converting."""
    nn = torch.nn
    model = nn.Sequential(linear(torch, x), nn.Sequential(nn.Tanh(), nn.BatchNorm1d(2).to(x.dtype)))
    visited: list[str] = []
    applied = model.apply(lambda m: visited.append(type(m).__name__))
    found: list[Any] = [
        visited,
        applied is model,
        model.get_parameter("0.weight").detach(),
        model.get_buffer("1.1.running_var"),
    ]
    found += [type(model.get_submodule("1.0")).__name__, model.get_submodule("") is model, len(list(model.buffers()))]
    found += [
        [n for n, _ in model.named_modules(prefix="p")],
        [n for n, _ in model.named_parameters("p", recurse=False)],
    ]
    found += [
        [n for n, _ in model.named_buffers("p")],
        len(list(model.parameters(recurse=False))),
        len(list(model.modules())),
    ]
    model.add_module("added", nn.ReLU())
    found += [[n for n, _ in model.named_children()], list(model.state_dict()), "added" in dir(model)]
    model.requires_grad_(False)
    found += [[p.requires_grad for p in model.parameters()]]
    model.requires_grad_()
    found += [
        model.training,
        model.eval().training,
        model[1].training,
        model.train()[1].training,
        model.train(False)[1].training,
    ]
    model.train()
    model(x).sum().backward()
    found += [[p.grad is None for p in model.parameters()]]
    model.zero_grad(set_to_none=False)
    found += [[p.grad for p in model.parameters()]]
    model.zero_grad()
    found += [[p.grad is None for p in model.parameters()]]
    for name in ("double", "half", "bfloat16", "float"):
        getattr(model, name)()
        found += [
            [str(p.dtype).rpartition(".")[2] for p in model.parameters()],
            [str(b.dtype).rpartition(".")[2] for b in model.buffers()],
        ]
    model.to(torch.float64).to(torch.zeros(1, dtype=torch.float32)).to("cpu", torch.float64)
    found += [str(model[0].weight.dtype).rpartition(".")[2], model.type(torch.float32)[0].bias.dtype]
    return found


def registered(torch: Any, x: Any) -> Any:
    """Parameters and buffers by attribute, replaced, removed, set to None, not persistent."""
    nn = torch.nn

    class Empty(nn.Module):  # type: ignore[misc,name-defined]  # torch is Any here
        pass

    made = Empty()
    made.weight = nn.Parameter(x.detach().clone())
    made.register_buffer("kept", torch.ones(2))
    made.register_buffer("passing", torch.ones(2), persistent=False)
    made.register_buffer("nothing", None)
    made.register_parameter("none", None)
    made.child = nn.Tanh()
    found: list[Any] = [
        list(made.state_dict()),
        [n for n, _ in made.named_parameters()],
        [n for n, _ in made.named_buffers()],
    ]
    made.kept = torch.zeros(2)
    made.weight = None
    made.child = None
    found += [list(made.state_dict()), made.kept, made.weight is None, [n for n, _ in made.named_children()]]
    made.weight = nn.Parameter(torch.ones(1))
    del made.kept
    del made.weight
    made.passing = None
    found += [list(made.state_dict()), hasattr(made, "kept"), hasattr(made, "weight"), made.nothing is None, repr(made)]
    made.plain = torch.ones(1)
    made.plain = nn.Parameter(torch.ones(1))
    return [*found, [n for n, _ in made.named_parameters()], x * 1]


def refused_method(torch: Any, x: Any, *, how: str) -> Any:
    """What a module's methods refuse."""
    nn = torch.nn
    made = nn.Sequential(linear(torch, x))
    calls: dict[str, Callable[[], Any]] = {
        "parameter": lambda: made.get_parameter("0.nothing"),
        "module as parameter": lambda: made.get_parameter("0"),
        "buffer": lambda: made.get_buffer("0.weight"),
        "submodule": lambda: made.get_submodule("3"),
        "not a submodule": lambda: made.get_submodule("0.weight"),
        "add no module": lambda: made.add_module("a", 3),
        "add number name": lambda: made.add_module(3, nn.Tanh()),
        "add dotted": lambda: made.add_module("a.b", nn.Tanh()),
        "add empty": lambda: made.add_module("", nn.Tanh()),
        "add taken": lambda: made.add_module("forward", nn.Tanh()),
        "parameter name": lambda: made.register_parameter(3, None),
        "parameter empty": lambda: made.register_parameter("", None),
        "parameter dotted": lambda: made.register_parameter("a.b", None),
        "parameter tensor": lambda: made.register_parameter("a", torch.ones(1)),
        "buffer name": lambda: made.register_buffer(3, None),
        "buffer empty": lambda: made.register_buffer("", None),
        "buffer taken": lambda: made.register_buffer("forward", None),
        "buffer number": lambda: made.register_buffer("a", 3),
        "buffer attribute": lambda: setattr(nn.BatchNorm1d(2), "running_mean", 3),
        "delete": lambda: delattr(made, "nothing"),
        "before init": lambda: setattr(object.__new__(nn.Module), "weight", nn.Parameter(torch.ones(1))),
        "train text": lambda: made.train("yes"),
        "forward": lambda: nn.Module()(x),
        "norm rank": lambda: nn.BatchNorm2d(2)(x),
        "norm rank 3": lambda: nn.BatchNorm3d(2)(x),
        "norm vector": lambda: nn.BatchNorm1d(2)(x[0]),
        "hardtanh": lambda: nn.Hardtanh(1.0, 1.0),
        "softmax2d": lambda: nn.Softmax2d()(x),
        "dropout": lambda: nn.Dropout(1.5),
        "low dropout": lambda: nn.Dropout(-0.0005),
    }
    return calls[how]()


REFUSALS = [
    "parameter", "module as parameter", "buffer", "submodule", "not a submodule", "add no module", "add number name",
    "add dotted", "add empty", "add taken", "parameter name", "parameter empty", "parameter dotted", "parameter tensor",
    "buffer name", "buffer empty", "buffer taken", "buffer number", "buffer attribute", "delete", "before init",
    "train text", "forward", "norm rank", "norm rank 3", "norm vector", "softmax2d", "dropout", "low dropout",
]  # fmt: skip


def warned(torch: Any, x: Any) -> Any:
    """Layers that warn when they are made."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.nn.Linear(0, 2)
        torch.nn.LazyLinear(2)
    return [warning.category.__name__ for warning in caught], x * 1


PROGRAMS: dict[str, Callable[..., Any]] = {
    "forward hooks": forward_hooks,
    "keyword hooks": keyword_hooks,
    "hook that is always called": always_called,
    "backward hooks": backward_hooks,
    "hooks of all modules": hooks_of_all,
    "state hooks": state_hooks,
    "extra state": extra_state,
    "older state": older_state,
    "module methods": methods,
    "registered": registered,
    "layers that warn": warned,
}

CASES = [
    *[
        case
        for name, program in PROGRAMS.items()
        for case in ops(name, [args(X.fixed())], program=program, checks=PLAIN)
    ],
    *ops("lazy norm", [args(X.fixed(), n=n) for n in (1, 2, 3)], program=lazy_norms, checks=PLAIN),
    *ops(
        "lazy norm",
        [
            args(X.fixed(), n=1, **options)
            for options in ({"affine": False}, {"track_running_stats": False}, {"eps": 0.5, "momentum": 0.3})
        ],
        program=lazy_norms,
        checks=PLAIN,
    ),
    *ops(
        "norm options",
        [
            args(X.fixed(), momentum=m, affine=a, track=t)
            for m in (0.1, None, 0.0)
            for a in (True, False)
            for t in (True, False)
        ],
        program=norm_options,
        checks=PLAIN,
    ),
    *refuses(
        "wrong hook",
        [args(X.fixed(), how=how) for how in ("keywords", "three", "inputs", "outputs")],
        program=wrong_hook,
    ),
    *refuses("module method", [args(X.fixed(), how=how) for how in REFUSALS], program=refused_method),
    *refuses("module method", [args(X.fixed(), how="hardtanh").naming("max_val")], program=refused_method),
]
