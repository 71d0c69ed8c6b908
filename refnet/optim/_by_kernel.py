"""Steps of optimizers on a GPU by one launch for all parameters, with the formulas and the rounding of the array forms.

Each function updates the parameters that its kernel takes, and returns the others: those on the CPU, of a half type, or
with a gradient that lies otherwise. ``fused=False`` leaves all to the array forms.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

from refnet._kernels import optim as kernels
from refnet._tape import takes_kernels, wrap
from refnet.optim._per_parameter import counted
from refnet.optim._updates import number
from refnet.optim.optimizer import Group, written

State = MutableMapping[Any, Any]


def _sorted_out(parameters: list[Any], group: Group, state: State) -> tuple[list[Any], list[Any]]:
    """The parameters that a kernel takes, and the others."""
    taken: list[Any] = []
    left: list[Any] = []
    for parameter in parameters:
        fits = (
            parameter.device.type == "cuda"
            and group["fused"] is not False
            and takes_kernels(parameter.device.xp)
            and kernels.suits(parameter._array, [parameter.grad._array, *_buffers(state.get(parameter) or {})])
        )
        (taken if fits else left).append(parameter)
    return taken, left


def _buffers(own: dict[str, Any]) -> list[Any]:
    """The arrays of the state that have the parameter's shape."""
    return [value._array for name, value in own.items() if name != "step" and value is not None]


def _by_device(parameters: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """The array module of each GPU, which is then the current one, with its parameters."""
    for device in dict.fromkeys(parameter.device for parameter in parameters):
        yield device.xp, [parameter for parameter in parameters if parameter.device is device]


def sgd(parameters: list[Any], group: Group, state: State) -> list[Any]:
    """A step of `SGD`; the parameters that are left."""
    taken, left = _sorted_out(parameters, group, state)
    if not taken:
        return left
    numbers = {name: number(group[name]) for name in ("momentum", "dampening", "weight_decay")}
    if any(hasattr(x, "dtype") for x in numbers.values()):  # on the GPU; the kernel takes numbers of the host
        return parameters
    numbers["lr"] = number(group["lr"])
    flags = {name: bool(group[name]) for name in ("nesterov", "maximize")}
    for xp, here in _by_device(taken):
        begun: dict[bool, list[Any]] = {}
        for parameter in here:
            begun.setdefault(state[parameter].get("momentum_buffer") is None, []).append(parameter)
        for begins, some in begun.items():
            tensors = [{"parameter": p._array, "gradient": p.grad._array} for p in some]
            for parameter, tensor in zip(some, tensors, strict=True) if numbers["momentum"] != 0 else ():
                own = state[parameter]
                if begins:
                    own["momentum_buffer"] = wrap(xp.empty_like(parameter._array), parameter.device)
                tensor["first"] = own["momentum_buffer"]._array
                written(own["momentum_buffer"])
            kernels.sgd(xp, tensors, begins=begins, **flags, **numbers)
            written(*some)
    return left


def adam(parameters: list[Any], group: Group, state: State) -> list[Any]:
    """A step of `Adam`, whose state has begun; the parameters that are left."""
    taken, left = _sorted_out(parameters, group, state)
    if not taken:
        return left
    betas = (number(group["betas"][0]), number(group["betas"][1]))
    numbers = {name: number(group[name]) for name in ("eps", "weight_decay")}
    if any(
        hasattr(x, "dtype") for x in (*betas, *numbers.values())
    ):  # on the GPU; the kernel takes numbers of the host
        return parameters
    numbers["lr"] = number(group["lr"])
    flags = {"amsgrad": group["amsgrad"], "decoupled": group["decoupled_weight_decay"], "maximize": group["maximize"]}
    for xp, here in _by_device(taken):
        by_step: dict[float | None, list[Any]] = {}
        for parameter in here:
            on_host = state[parameter]["step"].device.type == "cpu"
            by_step.setdefault(counted(state[parameter]) if on_host else None, []).append(parameter)
        for steps, some in by_step.items():
            tensors = [_arrays(parameter, state[parameter], steps is None) for parameter in some]
            kernels.adam(xp, tensors, steps=steps, betas=betas, **flags, **numbers)
            for parameter in some:
                written(parameter, *state[parameter].values())
    return left


def _arrays(parameter: Any, own: dict[str, Any], counted_there: bool) -> dict[str, Any]:
    """The arrays of a parameter under the names of the kernel's table."""
    names = {"first": "exp_avg", "second": "exp_avg_sq", "largest": "max_exp_avg_sq"}
    arrays = {role: own[name]._array for role, name in names.items() if name in own}
    if counted_there:
        arrays["step"] = own["step"]._array
    return {"parameter": parameter._array, "gradient": parameter.grad._array, **arrays}
