"""Modules: what they list and print, their state, hooks, containers, conversion, and what they refuse."""

from collections.abc import Callable
from typing import Any

from conformance.cases import CHECKS, FORWARD, LAYOUTS, Case, args, named, normal, ops, refuses

# --- programs -----------------------------------------------------------------------------------------------------


def network(torch: Any, dtype: Any) -> Any:
    """Nested containers with a shared layer, batch norm's buffers, a ParameterList and a plain attribute."""
    nn = torch.nn

    class Gate(nn.Module):  # type: ignore[misc,name-defined]  # torch is Any here
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.full((3,), 0.5))
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
            self.register_buffer("cache", torch.ones(3), persistent=False)
            self.extra = nn.ParameterList([torch.ones(3), torch.zeros(3)])
            self.note = "text"

        def forward(self, x: Any) -> Any:
            self.seen += 1
            return x * self.scale * self.extra[0] + self.extra[1] * self.cache

    shared = nn.Linear(3, 3)
    body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), Gate())
    model = nn.ModuleDict({"body": body, "tail": nn.ModuleList([shared, nn.Sequential(shared, nn.ReLU())])}).to(dtype)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(
                torch.linspace(-1, 1, parameter.numel(), dtype=dtype).reshape(parameter.shape) + 0.1 * number
            )
    return model


def run(model: Any, x: Any) -> Any:
    """The forward of `network`."""
    x = model["body"](x)
    for layer in model["tail"]:
        x = layer(x)
    return x


def listed(torch: Any, x: Any) -> dict[str, Any]:
    """Every listing of a nested network, and its text."""
    model = network(torch, x.dtype)
    return {
        "parameters": [name for name, _ in model.named_parameters()],
        "all parameters": [name for name, _ in model.named_parameters(remove_duplicate=False)],
        "buffers": [name for name, _ in model.named_buffers(prefix="net")],
        "modules": [name for name, _ in model.named_modules()],
        "children": [name for name, _ in model.named_children()],
        "state": list(model.state_dict(prefix="net.")),
        "versions": [[name, data["version"]] for name, data in model.state_dict()._metadata.items()],
        "text": repr(model).replace(f"{torch.__name__}.", ""),
    }


def through(torch: Any, x: Any) -> Any:
    """Forward only; gradients of the input pass through containers and a shared layer."""
    return run(network(torch, x.dtype), x)


def learned(torch: Any, x: Any) -> dict[str, Any]:
    """Every parameter's gradient and every buffer after one backward, in training and then in evaluation mode."""
    model = network(torch, x.dtype)
    result: dict[str, Any] = {}
    for mode in ("train", "eval"):
        getattr(model, mode)()
        model.zero_grad()
        out = run(model, x)
        out.square().mean().backward()
        result |= {f"{mode} {name}": parameter.grad.clone() for name, parameter in model.named_parameters()}
        result |= {f"{mode} {name}": buffer.clone() for name, buffer in model.named_buffers()}
        result[f"{mode} output"] = out.detach()
    return result


def moved(torch: Any, x: Any, *, dtype: Any) -> dict[str, Any]:
    """Parameters, buffers and gradients after a conversion; the numbers are exact in every type, integers stay."""
    model = network(torch, x.dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) / 8)
    for parameter in model.parameters():
        parameter.grad = parameter.detach() / 2
    model.to(dtype)
    result = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    return result | {f"gradient {name}": parameter.grad for name, parameter in model.named_parameters()}


def loaded(torch: Any, x: Any, *, strict: bool, assign: bool) -> dict[str, Any]:
    """A state into another network, with a key missing and one too many if not strict."""
    source, target = network(torch, x.dtype), network(torch, x.dtype)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.mul_(0.5)
    state = source.state_dict()
    if not strict:
        del state["body.0.weight"]
        state["body.0.more"] = x.detach()
    keys = target.load_state_dict(state, strict=strict, assign=assign)
    found = {
        "missing": list(keys.missing_keys),
        "unexpected": list(keys.unexpected_keys),
        "text": repr(keys).replace(f"{torch.__name__}.", ""),
    }
    return found | {name: tensor.detach() for name, tensor in target.state_dict().items()}


def scaled(gradients: Any, factor: float) -> tuple[Any, ...]:
    """Every gradient there is, times a factor."""
    return tuple(None if g is None else g * factor for g in gradients)


def hooked(torch: Any, x: Any, y: Any) -> Any:
    """Hooks that change arguments, outputs and gradients; the input's gradient shows them all."""

    class Product(torch.nn.Module):  # type: ignore[misc]  # torch is Any here
        def forward(self, a: Any, b: Any, *, power: int = 1) -> Any:
            return (a * b) ** power, a + b

    module = Product()
    module.register_forward_pre_hook(lambda m, inputs: (inputs[0] * 2, inputs[1]))
    module.register_forward_pre_hook(lambda m, inputs, kwargs: (inputs, {"power": 2}), with_kwargs=True)
    module.register_forward_hook(lambda m, inputs, outputs: (outputs[0] + inputs[0], outputs[1]))
    module.register_full_backward_pre_hook(lambda m, out: scaled(out, 3))
    module.register_full_backward_hook(lambda m, into, out: scaled(into, 0.5))
    first, second = module(x, y)
    return first.tanh(), second


def lazily(torch: Any, x: Any, *, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Layers that infer their input size."""
    layers = [torch.nn.LazyLinear(size) for size in sizes]
    model = torch.nn.Sequential(*layers).to(x.dtype)
    before = [bool(layer.has_uninitialized_params()) for layer in layers]
    model(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    return {
        "before": before,
        "text": repr(model).replace(f"{torch.__name__}.", ""),
        "output": model(x).detach(),
        "state": list(model.state_dict()),
    }


def misloaded(torch: Any, x: Any, *, how: str) -> Any:
    """States that do not fit."""
    model = network(torch, x.dtype)
    state = model.state_dict()
    if how == "missing":
        del state["body.0.weight"], state["body.1.running_mean"]
    elif how == "unexpected":
        state["body.0.more"] = state["more"] = x
    elif how == "size":
        state["body.0.weight"] = torch.zeros(3, 7)
    elif how == "number":
        state["body.0.weight"] = 3
    elif how == "list":
        return model.load_state_dict([state])
    return model.load_state_dict(state)


def misused(torch: Any, x: Any, *, how: str) -> Any:
    """What modules and containers refuse."""
    nn = torch.nn
    module = nn.Sequential(nn.Linear(4, 3))
    calls: dict[str, Callable[[], Any]] = {
        "no forward": lambda: nn.Module()(x),
        "no attribute": lambda: module.weight,
        "number as parameter": lambda: setattr(module[0], "weight", 3),
        "number as module": lambda: setattr(module, "0", 3),
        "non-leaf": lambda: module.register_parameter("w", nn.Parameter(x) * 2),
        "name with a dot": lambda: module.register_buffer("a.b", x),
        "name taken": lambda: module.register_parameter("forward", nn.Parameter(x)),
        "to integers": lambda: module.to(torch.int64),
        "mode": lambda: module.train(1),
        "path": lambda: module.get_submodule("0.bias.deeper"),
        "index": lambda: module[1],
        "no module": lambda: nn.Sequential(3),
        "list call": lambda: nn.ModuleList([nn.Tanh()])(x),
        "uninitialized": lambda: nn.Linear(4, 3).load_state_dict(nn.LazyLinear(3).state_dict()),
    }
    return calls[how]()


MISUSES: tuple[str, ...] = ("no forward", "no attribute", "number as parameter", "number as module")
MISUSES += ("non-leaf", "name with a dot")
MISUSES += ("name taken", "to integers", "mode", "path", "index", "no module", "list call", "uninitialized")
X = normal(5, 4)
TEXTS = FORWARD - {LAYOUTS}  # names and texts do not depend on strides

CASES: list[Case] = [
    *ops("module listing", [args(X.fixed())], program=listed, checks=TEXTS),
    *ops("module", [args(X)], program=through, dtypes=("float32", "float64"), checks=CHECKS),
    *ops("module gradients", [args(X.fixed())], program=learned, dtypes=("float32", "float64"), checks=FORWARD),
    *ops(
        "module conversion",
        [args(X.fixed(), dtype=named(name)) for name in ("float64", "float32", "float16", "bfloat16")],
        program=moved,
        checks=TEXTS,
    ),
    *ops(
        "module loading",
        [args(X.fixed(), strict=strict, assign=assign) for strict in (True, False) for assign in (True, False)],
        program=loaded,
        checks=TEXTS,
    ),
    *ops("module hooks", [args(normal(3, 4), normal(3, 4))], program=hooked, dtypes=("float32", "float64")),
    *ops("module lazy", [args(X.fixed(), sizes=(3,)), args(X.fixed(), sizes=(6, 3, 1))], program=lazily, checks=TEXTS),
    *refuses(
        "module loading",
        [args(X.fixed(), how=how) for how in ("missing", "unexpected", "size", "number", "list")],
        program=misloaded,
    ),
    *refuses("module", [args(X.fixed(), how=how) for how in MISUSES], program=misused),
]
