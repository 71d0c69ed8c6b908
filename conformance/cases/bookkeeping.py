"""What nn.Module keeps in its books: names, registration, state dicts, moving and casting, and what it refuses."""

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from conformance.cases import FORWARD, LAYOUTS, Case, args, normal, ops

X = normal(2, 3).fixed()


def attempt(call: Callable[[], Any]) -> str:
    """What comes of a call: the exception's type, or the result's."""
    try:
        return type(call()).__name__
    except Exception as error:
        return type(error).__name__


def shared(torch: Any) -> Any:
    """A tree in which a module, a parameter and a buffer each stand twice, and one place is empty."""
    nn = torch.nn
    root, inner = nn.Module(), nn.Module()
    inner.weight = nn.Parameter(torch.ones(2))
    inner.register_buffer("count", torch.zeros(3))
    root.first = inner
    root.second = inner
    root.again = inner.weight
    root.counts = inner.count
    root.register_buffer("kept", inner.count)
    root.register_parameter("none", None)
    root.register_buffer("nothing", None)
    root.register_buffer("passing", torch.zeros(1), persistent=False)
    root.add_module("empty", None)
    return root


def names(torch: Any, x: Any) -> dict[str, Any]:
    """Every walk over the tree, with and without duplicates, deep and flat, with a prefix."""
    root = shared(torch)
    return {
        "modules": [len(list(root.modules())), len(list(root.modules(remove_duplicate=False)))],
        "named modules": [name for name, _ in root.named_modules(prefix="p", remove_duplicate=False)],
        "children": [name for name, _ in root.named_children()],
        "count": len(list(root.children())),
        "parameters": [name for name, _ in root.named_parameters()],
        "all parameters": [name for name, _ in root.named_parameters(prefix="p", remove_duplicate=False)],
        "own parameters": [name for name, _ in root.named_parameters(recurse=False)],
        "buffers": [name for name, _ in root.named_buffers()],
        "all buffers": [name for name, _ in root.named_buffers(prefix="p", remove_duplicate=False)],
        "own buffers": [name for name, _ in root.named_buffers(recurse=False)],
        "counts": [len(list(root.buffers())), len(list(root.buffers(recurse=False))), len(list(root.parameters()))],
        "state": list(root.state_dict()),
    }


def registration_hooks(torch: Any, x: Any) -> dict[str, Any]:
    """Hooks on every registration, wherever it comes from, until they are removed; they may replace what is registered."""
    module = torch.nn.modules.module
    seen: list[tuple[str, str, str]] = []

    def note(kind: str) -> Callable[..., Any]:
        def hook(owner: Any, name: str, value: Any) -> None:
            seen.append((kind, name, type(owner).__name__))

        return hook

    handles = [
        module.register_module_parameter_registration_hook(note("parameter")),
        module.register_module_buffer_registration_hook(note("buffer")),
        module.register_module_module_registration_hook(note("module")),
    ]
    replaced = module.register_module_buffer_registration_hook(lambda owner, name, value: x + 1)
    root = torch.nn.Module()
    root.register_parameter("a", torch.nn.Parameter(x.clone()))
    root.b = torch.nn.Parameter(x.clone())
    root.register_buffer("c", x)
    root.add_module("d", torch.nn.Module())
    root.e = torch.nn.Module()
    root.register_module("f", None)
    for handle in (*handles, replaced):
        handle.remove()
    root.g = torch.nn.Module()
    return {"seen": seen, "replaced": root.c}


def refusals(torch: Any, x: Any) -> list[str]:
    """Types of what Module raises."""
    nn = torch.nn

    class Early(nn.Module):  # type: ignore[misc, name-defined]  # torch is Any here
        def __init__(self, what: str) -> None:
            if what == "module":
                self.inner = nn.Module()
            elif what == "parameter":
                self.weight = nn.Parameter(x.clone())
            elif what == "buffer":
                self.register_buffer("kept", x)
            super().__init__()

    layer = nn.Linear(3, 2)
    root = nn.Sequential(OrderedDict(first=nn.Linear(3, 2)))
    calls: list[Callable[[], Any]] = [
        lambda: nn.Module(1),
        lambda: nn.Module(size=1),
        *(lambda what=what: Early(what) for what in ("module", "parameter", "buffer", "")),
        lambda: layer.register_parameter("a.b", nn.Parameter(x.clone())),
        lambda: layer.register_parameter("", nn.Parameter(x.clone())),
        lambda: layer.register_parameter("bias_", x),
        lambda: layer.register_parameter("late", nn.Parameter(x.clone()) * 2),
        lambda: layer.register_parameter("forward", nn.Parameter(x.clone())),
        lambda: layer.register_parameter(1, None),
        lambda: layer.register_buffer("kept.x", x),
        lambda: layer.register_buffer("kept", 1),
        lambda: layer.register_buffer("weight", x),
        lambda: layer.add_module("a.b", nn.Module()),
        lambda: layer.add_module("sub", 1),
        lambda: layer.add_module("weight", nn.Module()),
        lambda: setattr(layer, "weight", x),
        lambda: setattr(root, "first", 1),
        lambda: layer.nothing,
        lambda: delattr(layer, "nothing"),
        lambda: root.get_submodule("first.x"),
        lambda: root.get_submodule("first.weight"),
        lambda: root.get_submodule(""),
        lambda: root.get_parameter("first.x"),
        lambda: root.get_parameter("first.weight"),
        lambda: root.get_parameter("first"),
        lambda: root.get_buffer("first.weight"),
        lambda: root.set_submodule("", nn.Module()),
        lambda: root.set_submodule("first", 1),
        lambda: root.set_submodule("first", nn.ReLU()),
        lambda: root.set_submodule("second", nn.ReLU(), strict=True),
        lambda: root.set_submodule("second", nn.ReLU()),
        lambda: root.set_submodule("third.x", nn.ReLU()),
        lambda: layer.to(torch.int64),
        lambda: layer.load_state_dict([1]),
        lambda: layer.load_state_dict({"weight": x}),
        lambda: layer.load_state_dict({"weight": layer.weight, "bias": layer.bias, "more": x}),
        lambda: layer.load_state_dict({"weight": 1, "bias": layer.bias}),
        lambda: layer.apply(1),
        lambda: layer(x, x),
    ]
    return [attempt(call) for call in calls] + [name for name, _ in root.named_modules()]


def reassigned(torch: Any, x: Any) -> dict[str, Any]:
    """A name that is a parameter, then a module, a buffer, a number, and gone."""
    nn = torch.nn
    books, root = [], nn.Module()
    root.register_buffer("b", x, persistent=False)
    for value in (
        nn.Parameter(x.clone()),
        None,
        nn.Parameter(x.clone()),
        "gone",
        nn.Linear(3, 2),
        None,
        nn.Linear(3, 2),
    ):
        if value == "gone":
            del root.a
            continue
        root.a = value
        books.append([sorted(d for d, _ in root.named_parameters()), [c for c, _ in root.named_children()]])
    root.b = None
    books.append([list(root.state_dict()), [name for name, _ in root.named_buffers()]])
    root.b = x + 1
    books.append([list(root.state_dict()), [name for name, _ in root.named_buffers()]])
    kept = root.b
    del root.a, root.b
    root.register_buffer("b", x)
    books.append([list(root.state_dict()), sorted(name for name in dir(root) if name in ("a", "b"))])
    root.b = nn.Parameter(x.clone()) if attempt(lambda: setattr(root, "c", 1)) == "NoneType" else None
    return {"books": books, "kept": kept, "state": list(root.state_dict()), "c": root.c}


def states(torch: Any, x: Any) -> dict[str, Any]:
    """state_dict and load_state_dict: positional arguments, prefixes, what is kept, assigned, missing and unexpected."""
    nn = torch.nn
    layer = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        layer[0].weight.copy_(torch.ones_like(layer[0].weight) * 2)
    given: Any = OrderedDict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        positional = layer.state_dict(given, "p.", True)
    keyword = layer.state_dict(destination=OrderedDict(), prefix="q.", keep_vars=True)
    plain = layer.state_dict()
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    loose = other.load_state_dict({"0.weight": plain["0.weight"], "more": x, "0.more": x}, strict=False)
    weight, new = other[0].weight, x.clone()
    other.load_state_dict({**plain, "0.weight": new}, assign=True)
    third = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    for parameter in third.parameters():
        parameter.requires_grad_(False)
    third.load_state_dict(plain, assign=True)
    old = {name: tensor for name, tensor in plain.items() if "tracked" not in name}  # batch norm of version 1
    return {
        "positional": [positional is given, list(positional), [t.requires_grad for t in positional.values()]],
        "keyword": [list(keyword), [t.requires_grad for t in keyword.values()]],
        "plain": [t.requires_grad for t in plain.values()],
        "metadata": [(name, value.get("version")) for name, value in plain._metadata.items()],
        "loose": [list(loose.missing_keys), list(loose.unexpected_keys)],
        "assigned": [other[0].weight is weight, other[0].weight.requires_grad, type(other[0].weight).__name__],
        "kept": [parameter.requires_grad for parameter in third.parameters()],
        "numbers": other[0].weight.detach(),
        "old": attempt(lambda: third.load_state_dict(old)),
    }


def state_hooks(torch: Any, x: Any) -> dict[str, Any]:
    """Hooks around state_dict and load_state_dict, and what they may return."""
    layer = torch.nn.Linear(3, 2)
    seen: list[tuple[Any, ...]] = []
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("before", prefix, keep)))
    post = layer.register_state_dict_post_hook(lambda m, state, prefix, local: state.update({"post": x}))
    first = list(layer.state_dict(prefix="p."))
    post.remove()
    private = layer._register_state_dict_hook(lambda m, state, prefix, local: OrderedDict(only=x))
    second = list(layer.state_dict())
    private.remove()
    wrong = layer.register_state_dict_post_hook(lambda m, state, prefix, local: OrderedDict())
    raised = attempt(layer.state_dict)
    wrong.remove()
    plain = layer.state_dict()

    def inward(*received: Any) -> None:
        seen.append(("load", len(received), received[-7 + 1] if len(received) == 7 else type(received[0]).__name__))

    handles = [layer._register_load_state_dict_pre_hook(inward)]
    handles.append(layer._register_load_state_dict_pre_hook(inward, with_module=True))
    handles.append(layer.register_load_state_dict_pre_hook(inward))
    handles.append(
        layer.register_load_state_dict_post_hook(lambda m, keys: seen.append(("after", len(keys.missing_keys))))
    )
    layer.load_state_dict(plain)
    for handle in handles:
        handle.remove()
    layer.load_state_dict(plain)
    return {"first": first, "second": second, "raised": raised, "seen": [str(entry) for entry in seen]}


def lazy_states(torch: Any, x: Any) -> dict[str, Any]:
    """A lazy layer that takes its shape from a state dict, or keeps waiting; one that met its input is lazy no more."""
    made, lazy, fresh = torch.nn.Linear(3, 2), torch.nn.LazyLinear(2), torch.nn.LazyLinear(2)
    before = [lazy.has_uninitialized_params(), list(lazy.state_dict()), type(lazy.weight).__name__]
    fresh.load_state_dict(lazy.state_dict())
    between = [fresh.has_uninitialized_params(), type(fresh.weight).__name__]
    with torch.no_grad():
        made.weight.copy_(torch.ones_like(made.weight))
    lazy.load_state_dict(made.state_dict())
    after = [lazy.has_uninitialized_params(), lazy.weight.requires_grad, lazy.weight.grad_fn is None]
    result = lazy(x)
    left = [hasattr(lazy, name) for name in ("_initialize_hook", "_load_hook")]
    return {
        "before": before,
        "between": between,
        "after": after,
        "left": [*left, type(lazy).__name__, len(lazy._forward_pre_hooks), len(lazy._load_state_dict_pre_hooks)],
        "weight": lazy.weight.detach(),
        "shape": list(result.shape),
    }


def moved(torch: Any, x: Any) -> dict[str, Any]:
    """Casting and moving: what changes, what stays, and that each returns the module itself."""
    nn = torch.nn

    def layer() -> Any:
        found = nn.Sequential(nn.Conv2d(2, 3, (3, 2)), nn.Conv3d(2, 3, (3, 2, 2)), nn.BatchNorm2d(3), nn.Linear(3, 2))
        return found.requires_grad_(False).requires_grad_()

    def described(module: Any) -> list[Any]:
        return [
            (str(t.dtype).rpartition(".")[2], list(t.stride()), t.requires_grad)
            for t in module.state_dict(keep_vars=True).values()
        ]

    same = [
        layer().to(torch.float64),
        layer().half(),
        layer().bfloat16(),
        layer().float().double(),
        layer().type(torch.float16),
    ]
    one = layer()
    returned = [
        one.to("cpu") is one,
        one.cpu() is one,
        one.train(False) is one,
        one.eval() is one,
        one.zero_grad() is None,
    ]
    returned += [
        one.requires_grad_(False) is one,
        one.float() is one,
        one.apply(lambda m: None) is one,
    ]
    empty = layer().to_empty(device="cpu")
    return {
        "dtypes": [described(module) for module in same],
        "channels": described(layer()[0].to(memory_format=torch.channels_last)),
        "volumes": described(layer()[1].to(memory_format=torch.channels_last_3d)),
        "both": described(nn.Linear(3, 2).to(torch.float64, memory_format=torch.channels_last)),
        "other": described(nn.Conv2d(2, 3, 2).to(torch.zeros(1, dtype=torch.float64))),
        "keyword": described(nn.Conv2d(2, 3, 2).to(device="cpu", dtype=torch.float64)),
        "returned": returned,
        "empty": [(list(t.shape), t.requires_grad) for t in empty.parameters()],
        "copied": described(copy.deepcopy(same[0])),
    }


CASES: list[Case] = [
    case
    for name, program in {
        "module names": names,
        "registration hooks": registration_hooks,
        "module refusals": refusals,
        "reassigned names": reassigned,
        "module states": states,
        "state hooks": state_hooks,
        "lazy states": lazy_states,
        "moved modules": moved,
    }.items()
    for case in ops(name, [args(X)], program=program, checks=FORWARD - {LAYOUTS})
]
