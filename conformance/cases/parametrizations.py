"""Weights that are computed from other tensors: parametrize, weight norm, spectral norm, orthogonal; and fused layers."""

import copy
import warnings
from typing import Any

from conformance.cases import BITS, FORWARD, LAYOUTS, args, normal, ops, positive, refuses

PLAIN = FORWARD - {LAYOUTS}


def layer_of(torch: Any, kind: str, weight: Any, bias: bool = False) -> Any:
    """A layer with this weight, without bias or with one of zeros."""
    sizes = weight.shape[1::-1] if kind in ("Linear", "Conv1d", "Conv2d") else weight.shape[:2]
    layer = getattr(torch.nn, kind)(*sizes, *weight.shape[2:3], bias=bias, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias:
            layer.bias.zero_()
    return layer


def reported(torch: Any, layer: Any, seed: Any) -> dict[str, Any]:
    """The weight, the gradients of what it is computed from, the state, and how the layer shows itself."""
    named = dict(layer.named_parameters())
    weight = layer.weight
    grads = torch.autograd.grad(weight, list(named.values()), seed, retain_graph=True)
    state = {name: value.detach().clone() for name, value in layer.state_dict().items()}
    return {"weight": weight, "grads": list(grads), "state": state, "names": list(state), "repr": repr(layer)}


def weight_normed(torch: Any, weight: Any, seed: Any, *, kind: str = "Linear", dim: int | None = 0) -> Any:
    """Weight norm: made, assigned to, in a copy, loaded from the older form's state, and removed."""
    utils = torch.nn.utils
    layer = utils.parametrizations.weight_norm(layer_of(torch, kind, weight), dim=dim)
    first = reported(torch, layer, seed)
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(2)
    doubled = reported(torch, copy.deepcopy(layer), seed)
    layer.weight = 3 * weight
    assigned = reported(torch, layer, seed)
    older = {"weight_g": first["state"]["parametrizations.weight.original0"], "weight_v": weight}
    layer.load_state_dict(older)
    loaded = reported(torch, layer, seed)
    utils.parametrize.remove_parametrizations(layer, "weight")
    return first, doubled, assigned, loaded, layer.weight.detach(), type(layer).__name__, list(layer.state_dict())


def older_weight_norm(torch: Any, weight: Any, x: Any, *, dim: int | None = 0) -> Any:
    """The hook: gradients through forward, the state, a second hook refused, and the weight after it is removed."""
    utils = torch.nn.utils
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer = utils.weight_norm(layer_of(torch, "Linear", weight, True), dim=dim)
        try:
            utils.weight_norm(layer)
        except RuntimeError as error:
            refused = str(error)
    with torch.no_grad():
        layer.weight_g.mul_(2)
    out = layer(x)
    grads = torch.autograd.grad(out.sum(), list(layer.parameters()))
    names, shown = list(layer.state_dict()), repr(layer)
    utils.remove_weight_norm(layer)
    kinds = [warning.category.__name__ for warning in caught]
    return out, list(grads), names, shown, str(kinds), refused, layer.weight.detach(), list(layer.state_dict())


def singular_vectors(torch: Any, weight: Any) -> list[Any]:
    """Vectors to start from, the same in every library and type."""
    return [torch.linspace(0.25, 1, size, dtype=weight.dtype) for size in weight.shape]


def spectral_normed(torch: Any, weight: Any, seed: Any, *, kind: str = "Linear", **options: Any) -> Any:
    """Spectral norm: in training each access takes a step, in evaluation none; assigned to, and removed."""
    utils = torch.nn.utils
    layer = utils.parametrizations.spectral_norm(layer_of(torch, kind, weight), **options)
    matrix = layer.parametrizations.weight[0]
    for name, size in (("_u", len(matrix._u)), ("_v", len(matrix._v))):
        setattr(matrix, name, torch.linspace(0.25, 1, size, dtype=weight.dtype))
    trained = reported(torch, layer, seed)
    again = layer.weight.detach()
    layer.eval()
    evaluated = reported(torch, layer, seed)
    layer.weight = 2 * weight
    assigned = reported(torch, layer, seed)
    utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    return trained, again, evaluated, assigned, layer.weight.detach(), list(layer.state_dict())


def older_spectral_norm(torch: Any, weight: Any, x: Any, **options: Any) -> Any:
    """The hook: a step each forward in training, none in evaluation, the metadata, and the weight after."""
    utils = torch.nn.utils
    layer = utils.spectral_norm(layer_of(torch, "Linear", weight, True), **options)
    for name, size in (("weight_u", weight.shape[0]), ("weight_v", weight.shape[1])):
        setattr(layer, name, torch.linspace(0.25, 1, size, dtype=weight.dtype))
    out = layer(x)
    grads = torch.autograd.grad(out.sum(), list(layer.parameters()))
    state = layer.state_dict()
    kept = {name: value.detach().clone() for name, value in state.items()}
    evaluated = layer.eval()(x).detach()
    layer.load_state_dict(state)
    names = list(state)
    utils.remove_spectral_norm(layer)
    last = layer.weight.detach(), list(layer.state_dict()), repr(layer)
    return out, list(grads), kept, names, str(state._metadata[""]["spectral_norm"]), evaluated, last


def vectors_drawn(torch: Any, *, form: str, sizes: tuple[int, int]) -> Any:
    """The generator after spectral norm drew its vectors, and the vectors' largest position."""
    layer = torch.nn.Linear(*sizes)
    if form == "older":
        torch.nn.utils.spectral_norm(layer)
        first, second = layer.weight_u, layer.weight_v
    else:
        torch.nn.utils.parametrizations.spectral_norm(layer)
        first, second = layer.parametrizations.weight[0]._u, layer.parametrizations.weight[0]._v
    return torch.get_rng_state(), first.abs().argmax(), second.abs().argmax()


def custom(torch: Any, weight: Any, seed: Any, *, several: bool) -> Any:
    """One's own parametrizations: two of one tensor, or of two originals; cached, assigned to, transferred, removed."""
    parametrize = torch.nn.utils.parametrize
    calls: list[int] = []

    class Symmetric(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            calls.append(1)
            return x.triu() + x.triu(1).mT

        def right_inverse(self, a: Any) -> Any:
            return a.triu()

    class Scaled(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return 2 * x

        def right_inverse(self, a: Any) -> Any:
            return a / 2

    class Product(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, y: Any) -> Any:
            calls.append(1)
            return x * y

        def right_inverse(self, a: Any) -> Any:
            return a.abs(), a.sign()

    layer = layer_of(torch, "Linear", weight)
    for parametrization in (Product(), Scaled()) if several else (Symmetric(), Scaled()):
        parametrize.register_parametrization(layer, "weight", parametrization)
    first = reported(torch, layer, seed)
    counts = [len(calls)]
    with parametrize.cached():
        counts += [layer.weight is layer.weight, len(calls)]
    layer.weight = weight + weight.mT
    assigned = reported(torch, layer, seed)
    other = parametrize.transfer_parametrizations_and_params(layer, torch.nn.Linear(*weight.shape, bias=False))
    known = [
        parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias"),
        parametrize.type_before_parametrizations(layer).__name__, type(layer).__name__, layer.parametrizations.weight.ntensors,
    ]  # fmt: skip
    moved = other.weight.detach()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return first, str(counts), assigned, moved, str(known), layer.weight.detach(), layer.weight.requires_grad


def misused(torch: Any, weight: Any, *, how: str) -> Any:
    """What registration, assignment and removal refuse."""
    parametrize, parametrizations = torch.nn.utils.parametrize, torch.nn.utils.parametrizations

    def function(forward: Any, **members: Any) -> Any:
        made: Any = type("Function", (torch.nn.Module,), {"forward": lambda self, *x: forward(*x), **members})
        return made()

    layer = torch.nn.Linear(3, 2)
    ways: dict[str, Any] = {
        "no such name": lambda: parametrize.register_parametrization(layer, "extra", torch.nn.Identity()),
        "other shape": lambda: parametrize.register_parametrization(layer, "weight", function(lambda x: x[0])),
        "other dtype": lambda: parametrize.register_parametrization(layer, "weight", function(lambda x: x.double())),
        "no tensor": lambda: parametrize.register_parametrization(layer, "weight", function(lambda x: 3)),
        "inverse of other dtype": lambda: parametrize.register_parametrization(
            layer, "weight", function(lambda x: x, right_inverse=lambda self, x: x.double())
        ),
        "inverse no tensor": lambda: parametrize.register_parametrization(
            layer, "weight", function(lambda x: x, right_inverse=lambda self, x: 3)
        ),
        "no inverse": lambda: setattr(
            parametrize.register_parametrization(layer, "weight", function(lambda x: x)), "weight", weight
        ),
        "second of other shape": lambda: parametrize.register_parametrization(
            parametrize.register_parametrization(layer, "weight", torch.nn.Identity()),
            "weight",
            function(lambda x: x[0]),
        ),
        "not parametrized": lambda: parametrize.remove_parametrizations(layer, "weight"),
        "several originals": lambda: parametrize.remove_parametrizations(
            parametrizations.weight_norm(layer), "weight", leave_parametrized=False
        ),
        "map": lambda: parametrizations.orthogonal(layer, orthogonal_map="rotation"),
        "vector": lambda: parametrizations.orthogonal(layer, "bias"),
        "not assignable": lambda: setattr(
            parametrizations.orthogonal(layer, orthogonal_map="cayley", use_trivialization=False), "weight", weight
        ),
        "dimension": lambda: parametrizations.spectral_norm(layer, dim=2),
        "iterations": lambda: parametrizations.spectral_norm(layer, n_power_iterations=0),
        "missing": lambda: parametrizations.spectral_norm(layer, "extra"),
        "older iterations": lambda: torch.nn.utils.spectral_norm(layer, n_power_iterations=0),
        "older twice": lambda: torch.nn.utils.spectral_norm(torch.nn.utils.spectral_norm(layer)),
        "no hook": lambda: torch.nn.utils.remove_spectral_norm(layer),
        "no older hook": lambda: torch.nn.utils.remove_weight_norm(layer),
        "training": lambda: torch.nn.utils.fuse_conv_bn_eval(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1)),
        "features": lambda: torch.nn.utils.fuse_linear_bn_eval(layer.eval(), torch.nn.BatchNorm1d(5).eval()),
        "statistics": lambda: torch.nn.utils.fuse_linear_bn_eval(
            layer.eval(), torch.nn.BatchNorm1d(2, track_running_stats=False).eval()
        ),
        "no device": lambda: torch.nn.utils.skip_init(torch.nn.ReLU),
    }
    return ways[how]()


MISUSES = (
    "no such name", "other shape", "other dtype", "no tensor", "inverse of other dtype", "inverse no tensor", "no inverse",
    "second of other shape", "not parametrized", "several originals", "map", "vector", "not assignable", "dimension", "iterations", "missing",
    "older iterations", "older twice", "no hook", "no older hook", "training", "features", "statistics", "no device",
)  # fmt: skip


def fused(torch: Any, x: Any, weight: Any, moments: Any, *, kind: str, affine: bool = True, bias: bool = True) -> Any:
    """A layer and a batch norm as one layer."""
    utils, nn = torch.nn.utils, torch.nn
    transposed = kind.startswith("ConvTranspose")
    sizes = weight.shape[:2] if transposed else weight.shape[1::-1]
    layer = getattr(nn, kind)(*sizes, *weight.shape[2:3], bias=bias, dtype=x.dtype)
    norm = getattr(nn, "BatchNorm1d" if kind == "Linear" else "BatchNorm2d")(
        len(moments[0]), affine=affine, dtype=x.dtype
    )
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias:
            layer.bias.copy_(moments[0])
        norm.running_mean.copy_(moments[0])
        norm.running_var.copy_(moments[1])
        if affine:
            norm.weight.copy_(moments[1])
            norm.bias.copy_(moments[0])
    fuse = utils.fuse_linear_bn_eval if kind == "Linear" else utils.fuse_conv_bn_eval
    made = fuse(layer.eval(), norm.eval(), *([True] if transposed else []))
    return made(x), made.weight, made.bias, made.weight.requires_grad, made.bias.requires_grad


def skipped(torch: Any) -> Any:
    """The generator takes no draws."""
    layer = torch.nn.utils.skip_init(torch.nn.Linear, 3, 2, bias=False)
    return torch.get_rng_state(), list(layer.state_dict()), layer.weight.shape, layer.weight.requires_grad


def orthogonalized(torch: Any, weight: Any, x: Any, *, form: str | None = None, trivial: bool = True) -> Any:
    """An orthogonal weight, moved off its start; gradients, state, and what assigning the weight to it gives."""
    layer = layer_of(torch, "Linear", weight)
    torch.nn.utils.parametrizations.orthogonal(layer, orthogonal_map=form, use_trivialization=trivial)
    inner = layer.parametrizations.weight
    first = layer.weight.detach().clone() if weight.shape[0] == weight.shape[1] else None
    if trivial:  # random columns complete a base of other shapes
        size = max(weight.shape)
        inner[0].base = torch.linspace(-1, 1, size * size, dtype=weight.dtype).reshape(size, size)
    with torch.no_grad():
        diagonal = torch.eye(*weight.shape, dtype=weight.dtype) if form == "householder" else 0
        inner.original.copy_(x * (1 - torch.eye(*weight.shape, dtype=weight.dtype)) - diagonal)
    found = layer.weight
    grad = torch.autograd.grad(found, inner.original, x)[0]
    names = list(layer.state_dict())
    if form == "householder" and not trivial:
        layer.weight = found.detach()
    again = layer.weight.detach()
    return [] if first is None else first, found, grad, names, repr(layer), again


MATRIX = [normal(4, 3).fixed(), normal(4, 3).fixed()]
SQUARE = [normal(3, 3).fixed(), normal(3, 3).fixed()]
KERNEL = [normal(4, 2, 3).fixed(), normal(4, 2, 3).fixed()]
MOMENTS = [normal(4).fixed(), positive(4).fixed()]

CASES = [
    *ops(
        "weight norm",
        [
            args(*MATRIX),
            args(*MATRIX, dim=1),
            args(*MATRIX, dim=None),
            args(*KERNEL, kind="Conv1d"),
            args(*KERNEL, kind="ConvTranspose1d", dim=1),
        ],
        program=weight_normed,
        checks=PLAIN,
    ),
    *ops(
        "older weight norm",
        [args(*MATRIX[:1], normal(2, 3).fixed(), dim=dim) for dim in (0, 1, None)],
        program=older_weight_norm,
        checks=PLAIN,
    ),
    *ops(
        "spectral norm",
        [
            args(*MATRIX),
            args(*MATRIX, n_power_iterations=3, dim=1),
            args(*KERNEL, kind="Conv1d", eps=1e-3),
            args(*KERNEL, kind="ConvTranspose1d"),
        ],
        program=spectral_normed,
        checks=PLAIN,
    ),
    *ops(
        "older spectral norm",
        [args(*MATRIX[:1], normal(2, 3).fixed(), n_power_iterations=n) for n in (1, 2)],
        program=older_spectral_norm,
        checks=PLAIN,
    ),
    *ops(
        "orthogonal",
        [
            args(*SQUARE),
            args(*SQUARE, form="cayley"),
            args(*SQUARE, form="householder", trivial=False),
            args(*MATRIX, form="householder"),
            args(*MATRIX, form="matrix_exp"),
            args(normal(3, 4).fixed(), normal(3, 4).fixed(), form="householder", trivial=False),
            args(normal(3, 5).fixed(), normal(3, 5).fixed(), form="cayley", trivial=False),
        ],
        program=orthogonalized,
        checks=PLAIN,
    ),
    *ops(
        "vectors of spectral norm",
        [args(form=form, sizes=sizes) for form in ("older", "newer") for sizes in ((3, 4), (20, 33))],
        program=vectors_drawn,
        checks={BITS},
    ),
    *ops(
        "parametrizations of one's own",
        [args(*SQUARE, several=False), args(*SQUARE, several=True)],
        program=custom,
        checks=PLAIN,
    ),
    *refuses("parametrizations", [args(normal(2, 3).fixed(), how=how) for how in MISUSES], program=misused),
    *ops(
        "fused with batch norm",
        [
            args(normal(5, 3).fixed(), MATRIX[0], MOMENTS, kind="Linear"),
            args(normal(2, 2, 5, 5).fixed(), normal(4, 2, 3, 3).fixed(), MOMENTS, kind="Conv2d", bias=False),
            args(normal(2, 2, 5, 5).fixed(), normal(4, 2, 3, 3).fixed(), MOMENTS, kind="Conv2d", affine=False),
            args(normal(2, 2, 5, 5).fixed(), normal(2, 4, 3, 3).fixed(), MOMENTS, kind="ConvTranspose2d"),
        ],
        program=fused,
        checks=PLAIN,
    ),
    *ops("skip_init", [args()], program=skipped, checks={BITS}),
]
