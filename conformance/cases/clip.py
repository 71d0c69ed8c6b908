"""Gradients and parameters as a whole: norms, clipping, vectors, and the stateless call."""

import warnings
from typing import Any

from conformance.cases import FORWARD, LAYOUTS, args, filled, normal, ops, refuses, values

PLAIN = FORWARD - {LAYOUTS}
GRADIENTS = [normal(3, 5).fixed(), normal(7, scale=10).fixed(), normal().fixed()]


def with_gradients(torch: Any, gradients: Any) -> list[Any]:
    """Parameters with these gradients, and one that has none."""
    parameters = [torch.zeros_like(gradient).requires_grad_() for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    return [*parameters, torch.zeros(2, requires_grad=True)]


def clipped(torch: Any, gradients: Any, *, name: str, **options: Any) -> Any:
    """What the function returns, and the gradients after it."""
    parameters = with_gradients(torch, gradients)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = getattr(torch.nn.utils, name)(parameters, **options)
    seen = [warning.category.__name__ for warning in caught]
    return found, [parameter.grad for parameter in parameters[:-1]], parameters[-1].grad is None, str(seen)


def total(torch: Any, tensors: Any, **options: Any) -> Any:
    """The norm of all, of one alone, of a generator, and of none."""
    norm = torch.nn.utils.get_total_norm
    return norm(tensors, **options), norm(tensors[0], **options), norm(iter(tensors), **options), norm([], **options)


def clipped_by_total(torch: Any, gradients: Any, norm: Any, *, max_norm: float, **options: Any) -> Any:
    """The gradients, clipped as if their norm were this."""
    parameters = with_gradients(torch, gradients)
    torch.nn.utils.clip_grads_with_norm_(parameters, max_norm, norm, **options)
    return [parameter.grad for parameter in parameters[:-1]]


class Chain:
    """Two layers of given weights, in either library."""

    def __init__(self, torch: Any, weight: Any) -> None:
        rows = weight.shape[0]
        self.model = torch.nn.Sequential(torch.nn.Linear(rows, rows), torch.nn.BatchNorm1d(rows)).to(weight.dtype)
        with torch.no_grad():
            self.model[0].weight.copy_(weight)
            self.model[0].bias.zero_()


def called(torch: Any, x: Any, weight: Any, other: Any) -> Any:
    """Another weight for one call: the output, the gradient of what was given, the buffers, and the layer as before."""
    model = Chain(torch, weight).model
    given = {"0.weight": other, "1.running_mean": torch.ones_like(other[0])}
    out = torch.func.functional_call(model, given, (x,))
    again = torch.func.functional_call(model, [given, {"0.bias": other[0]}], x)
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return out, again, given["1.running_mean"], state, sorted(given)


def tied(torch: Any, x: Any, weight: Any, *, tie_weights: bool) -> Any:
    """A weight that stands twice in the model, given once."""
    layer = Chain(torch, weight).model[0]
    model = torch.nn.Sequential(layer, torch.nn.Tanh(), torch.nn.Linear(*weight.shape[::-1]).to(weight.dtype))
    model[2].weight, model[2].bias = layer.weight, layer.bias
    return torch.func.functional_call(model, {"0.weight": 2 * weight}, x, tie_weights=tie_weights)


def called_wrongly(torch: Any, x: Any, *, names: tuple[str, ...], strict: bool = False) -> Any:
    """What `functional_call` refuses."""
    layer = torch.nn.Linear(2, 2)
    model = torch.nn.Sequential(layer, layer) if "1.weight" in names else torch.nn.Sequential(layer)
    given = {name: torch.full((2, 2), float(i)) for i, name in enumerate(names)}
    return torch.func.functional_call(model, given, x, strict=strict)


def transformed(torch: Any, x: Any, y: Any, *, name: str) -> Any:
    """`grad`, `vjp` and `jvp` of functions of arrays."""
    func = torch.func
    if name == "grad":
        one = func.grad(lambda x, y: (x * y.tanh()).sum(), argnums=1)(x, y)
        both = func.grad(lambda x, y: (x * y.tanh()).sum(), argnums=(0, 1))(x, y)
        twice = func.grad(lambda x: func.grad(lambda x: (x**3).sum())(x).sum())(x)
        with_value = func.grad_and_value(lambda x: ((x**2).sum(), x.exp()), has_aux=True)(x)
        return one, both, twice, with_value
    if name == "vjp":
        out, pull = func.vjp(lambda x, y: {"sum": x + y, "product": x * y}, x, y)
        return out, pull({"sum": x, "product": y})
    return func.jvp(lambda x, y: (x * y, x.sin()), (x, y), (y, x))


SQUARE = [normal(4, 3).fixed(), normal(3, 3).fixed(), normal(3, 3).fixed()]

CASES = [
    *ops(
        "gradients clipped",
        [
            args(GRADIENTS, name="clip_grad_norm_", max_norm=1.0, foreach=True),
            args(GRADIENTS, name="clip_grad_norm_", max_norm=1.0, foreach=False, norm_type=0.5),
            args(GRADIENTS, name="clip_grad_norm_", max_norm=3, norm_type=float("inf"), error_if_nonfinite=True),
            args(GRADIENTS, name="clip_grad_norm", max_norm=1.0),
            args(GRADIENTS, name="clip_grad_value_", clip_value=0.5, foreach=True),
            args(GRADIENTS, name="clip_grad_value_", clip_value=2, foreach=False),
        ],
        program=clipped,
        checks=PLAIN,
    ),
    *ops(
        "total norm",
        [args(GRADIENTS), args(GRADIENTS, norm_type=1.0, foreach=True), args(GRADIENTS, norm_type=float("inf"))],
        program=total,
        checks=PLAIN,
    ),
    *ops(
        "clipped by a norm",
        [
            args(GRADIENTS, filled(value=4.0).fixed(), max_norm=2.0),
            args(GRADIENTS, filled(value=0.5).fixed(), max_norm=2.0, foreach=False),
            args(GRADIENTS, values(0.0).fixed(), max_norm=0.0),
        ],
        program=clipped_by_total,
        checks=PLAIN,
    ),
    *refuses(
        "gradients clipped",
        [
            args(
                [filled(3, value=float("nan")).fixed()], name="clip_grad_norm_", max_norm=1.0, error_if_nonfinite=True
            ),
            args(
                [filled(3, value=float("inf")).fixed()], name="clip_grad_norm_", max_norm=1.0, error_if_nonfinite=True
            ),
        ],
        program=clipped,
    ),
    *ops("functional call", [args(*SQUARE)], program=called, checks=PLAIN),
    *ops(
        "functional call of tied weights",
        [args(*SQUARE[:2], tie_weights=True), args(*SQUARE[:2], tie_weights=False)],
        program=tied,
        checks=PLAIN,
    ),
    *refuses(
        "functional call",
        [
            args(normal(2, 2).fixed(), names=("0.weight", "1.weight")),
            args(normal(2, 2).fixed(), names=("0.weight",), strict=True),
            args(normal(2, 2).fixed(), names=("0.weight", "extra"), strict=True),
            args(normal(2, 2).fixed(), names=("3.weight",)),
        ],
        program=called_wrongly,
    ),
    *[
        case
        for name in ("grad", "vjp", "jvp")
        for case in ops(
            f"func.{name}", [args(normal(3).fixed(), normal(3).fixed(), name=name)], program=transformed, checks=PLAIN
        )
    ],
]
