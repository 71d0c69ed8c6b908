"""What is done with a sample of the optimizer database: programs that torch and the candidate run alike.

Gradients are given, not computed: what is compared is the optimizer. One that evaluates the loss anew within a step
(LBFGS) gets a closure over a bowl that is a hundred times steeper one way than another: its steps neither reach the
bottom, where rounding alone would say when to stop, nor go through a bend that makes much of a little rounding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def steps(torch: Any, *, optimizer: Any, options: dict[str, Any], parameters: Any, gradients: Any) -> dict[str, Any]:
    """As many steps as there are gradients."""
    trained = [leaf.detach().clone().requires_grad_() for leaf in parameters]
    with precision(torch, trained):
        made = optimizer(trained, **options)
        return {"text": type(made).__name__, **walked(torch, made, trained, gradients, 0)}


def resumed(
    torch: Any,
    *,
    optimizer: Any,
    options: dict[str, Any],
    parameters: Any,
    gradients: Any,
    saved: dict[str, Any],
    start: int,
) -> dict[str, Any]:
    """The steps that are left after those of a saved state, which is torch's own."""
    trained = [leaf.detach().clone().requires_grad_() for leaf in parameters]
    with precision(torch, trained):
        made = optimizer(trained, **options)
        made.load_state_dict(saved)
        return {"loaded": listed(torch, made), **walked(torch, made, trained, gradients, start)}


def refused(
    torch: Any, *, optimizer: Any, options: dict[str, Any], parameters: Any, stepping: bool, warning: bool
) -> None:
    """An optimizer that cannot be made so, or cannot step so; or that warns of it."""
    trained = trainable(torch, parameters, {})
    with warnings.catch_warnings():
        if warning:
            warnings.simplefilter("error", UserWarning)
        made = optimizer(trained, **options)
    if stepping:
        for group in made.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        made.step()


# --- parts ---------------------------------------------------------------------------------------------------------


@contextmanager
def precision(torch: Any, trained: list[Any]) -> Iterator[None]:
    """Counters and rates in the state have the default dtype: float64 for parameters of float64, as in the oracle."""
    before = torch.get_default_dtype()
    if trained[0].dtype is torch.float64:
        torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def walked(torch: Any, made: Any, trained: list[Any], gradients: Any, start: int) -> dict[str, Any]:
    """What the optimizer has made of the parameters and remembers of them after its steps, from number `start` on."""
    losses = []
    for number in range(start, len(gradients[0])):
        if type(made).__name__ == "LBFGS":
            losses.append(made.step(lambda: evaluated(torch, made, trained)).detach())
            continue
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.grad = gradient[number].clone()
        made.step()
    found: dict[str, Any] = {f"parameter {i}": leaf.detach() for i, leaf in enumerate(trained)}
    for number, state in made.state_dict()["state"].items():
        found |= {f"{key} {number}": newest(torch, value) for key, value in state.items() if value is not None}
    return found | {"losses": losses, "listed": listed(torch, made)}


def newest(torch: Any, value: Any) -> Any:
    """Of a history (LBFGS keeps some) the last there is, and how long it is. A float becomes a tensor, to be judged so."""
    if isinstance(value, float):
        return torch.tensor(value)
    if not isinstance(value, list):
        return value
    there = [part for part in value if part is not None]
    return [len(value), len(there), *there[-1:]]


def evaluated(torch: Any, made: Any, trained: list[Any]) -> Any:
    """The loss 1/2 sum w x^2 over all numbers, w rising from 1 to 100, and its gradients."""
    made.zero_grad()
    x = torch.cat([leaf.reshape(-1) for leaf in trained])
    weights = torch.logspace(0, 2, x.numel(), dtype=x.dtype)
    loss = (weights * x * x).sum() / 2
    loss.backward()
    return loss


def listed(torch: Any, made: Any) -> str:
    """The state as a list of names, kinds and shapes, and the groups with their options: what another library reads."""
    saved = made.state_dict()
    state = [
        [number, [[key, *kind(torch, value)] for key, value in entry.items()]]
        for number, entry in saved["state"].items()
    ]
    groups = [[[key, *kind(torch, value)] for key, value in group.items()] for group in saved["param_groups"]]
    options = [[key, plain(torch, value)] for group in saved["param_groups"] for key, value in group.items()]
    return str([list(saved), state, groups, options])


def kind(torch: Any, value: Any) -> list[Any]:
    """The type of a value; of a tensor its dtype and shape."""
    if not isinstance(value, torch.Tensor):
        return [type(value).__name__]
    precision = "floating" if value.is_floating_point() else str(value.dtype)  # the oracle runs at another dtype
    return ["Tensor", precision, list(value.shape)]


def plain(torch: Any, value: Any) -> Any:
    """An option, with tensors as the numbers that they hold."""
    return [str(number) for number in value.reshape(-1).tolist()] if isinstance(value, torch.Tensor) else str(value)


def trainable(torch: Any, tree: Any, known: dict[int, Any]) -> Any:
    """The tree with parameters in place of tensors; one that comes twice stays one."""
    if isinstance(tree, torch.Tensor):
        return known.setdefault(id(tree), torch.nn.Parameter(tree))
    if isinstance(tree, list | tuple):
        return type(tree)(trainable(torch, item, known) for item in tree)
    return {key: trainable(torch, item, known) for key, item in tree.items()} if isinstance(tree, dict) else tree
