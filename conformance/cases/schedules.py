"""Schedules in every mode, restarted and with every argument; hooks, states and groups of optimizers."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

from conformance.cases import FORWARD, LAYOUTS, args, normal, ops, refuses, values

PLAIN = FORWARD - {LAYOUTS}
SMALL = normal(3).fixed()
RATE: dict[str, dict[str, Any]] = {"LambdaLR": {"lr_lambda": lambda epoch: 0.5**epoch}, "StepLR": {"step_size": 2}}
RATE |= {"MultiStepLR": {"milestones": [1, 3, 3]}, "ExponentialLR": {"gamma": 0.7}, "CosineAnnealingLR": {"T_max": 4}}


def optimizer_of(torch: Any, x: Any, kind: str = "SGD", **options: Any) -> tuple[Any, Any]:
    """A leaf with a gradient, and an optimizer with two groups."""
    first, second = (x.detach().clone().requires_grad_() for _ in range(2))
    made = getattr(torch.optim, kind)([{"params": [first]}, {"params": [second], "lr": 0.25}], **{"lr": 0.5, **options})
    for parameter in (first, second):
        parameter.grad = torch.ones_like(parameter)
    return made, (first, second)


def rates_of(optimizer: Any) -> list[float]:
    """The rates of all groups, as numbers."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def quietly(call: Callable[[], Any]) -> list[str]:
    """The kinds of warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [warning.category.__name__ for warning in caught]


def walked(torch: Any, x: Any, *, schedule: str, **options: Any) -> Any:
    """The rates of ten steps; then to an epoch of one's own, with a warning, and the state."""
    optimizer, _ = optimizer_of(torch, x)
    given = RATE.get(schedule, {}) | options
    made = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **given)
    found: list[Any] = [rates_of(optimizer), made.last_epoch, made._step_count, list(made.base_lrs)]
    for _ in range(10):
        optimizer.step()
        found.append(quietly(made.step))
        found += [rates_of(optimizer), made.get_last_lr(), made.last_epoch]
    for epoch in (3, 0, 8):
        found.append(quietly(functools.partial(made.step, epoch)))
        found += [rates_of(optimizer), made.last_epoch]
    return found


def restarted(torch: Any, x: Any, *, schedule: str, **options: Any) -> Any:
    """A state that another schedule goes on with, and a schedule that starts at a later epoch."""
    given = RATE.get(schedule, {}) | options
    optimizer, _ = optimizer_of(torch, x)
    first = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **given)
    for _ in range(3):
        optimizer.step()
        first.step()
    state = first.state_dict()
    other, _ = optimizer_of(torch, x)
    second = getattr(torch.optim.lr_scheduler, schedule)(other, **given)
    second.load_state_dict(state)
    found: list[Any] = [
        sorted(key for key in state if not key.startswith("_")),
        second.last_epoch,
        second.get_last_lr(),
    ]
    for _ in range(2):
        other.step()
        second.step()
        found += [rates_of(other), second.last_epoch]
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.5
    third = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **given, last_epoch=4)
    found += [rates_of(optimizer), third.last_epoch]
    optimizer.step()
    third.step()
    return [*found, rates_of(optimizer), third.last_epoch]


class Rule:
    """A rule with a state of its own, which a LambdaLR saves."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, epoch: int) -> float:
        return self.factor**epoch


def ruled(torch: Any, x: Any) -> Any:
    """LambdaLR with a rule for each group, and its state."""
    optimizer, _ = optimizer_of(torch, x)
    made = torch.optim.lr_scheduler.LambdaLR(optimizer, [Rule(0.5), lambda epoch: 1.0 / (epoch + 1)])
    optimizer.step()
    made.step()
    state = made.state_dict()
    other, _ = optimizer_of(torch, x)
    second = torch.optim.lr_scheduler.LambdaLR(other, [Rule(0.9), lambda epoch: 1.0 / (epoch + 1)])
    second.load_state_dict(state)
    other.step()
    second.step()
    return (
        rates_of(optimizer),
        rates_of(other),
        str(state["lr_lambdas"]),
        second.lr_lambdas[0].factor,
        "lr_lambdas" in state,
    )


def plateau(torch: Any, x: Any, *, metrics: list[float], **options: Any) -> Any:
    """ReduceLROnPlateau: rates, counters and best value after every metric, and its state."""
    optimizer, _ = optimizer_of(torch, x)
    made = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    found: list[Any] = []
    for metric in metrics:
        made.step(metric)
        found += [rates_of(optimizer), made.num_bad_epochs, made.cooldown_counter, float(made.best), made.in_cooldown]
        found[-1] = bool(found[-1]() if callable(found[-1]) else found[-1])
    found.append(quietly(lambda: made.step(1.0, 3)))
    other, _ = optimizer_of(torch, x)
    second = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    second.load_state_dict(made.state_dict())
    second.step(metrics[0])
    return [
        *found,
        made.last_epoch,
        rates_of(optimizer),
        second.num_bad_epochs,
        second.last_epoch,
        rates_of(other),
        made.get_last_lr(),
    ]


DOWN = [
    3.0,
    2.0,
    2.0,
    1.9999,
    1.9998,
    2.5,
    2.5,
    2.5,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
    1.0,
]
UP = [-value for value in DOWN]
PLATEAUS: list[dict[str, Any]] = [
    {"metrics": DOWN},
    {"metrics": DOWN, "patience": 1, "factor": 0.5},
    {"metrics": DOWN, "patience": 0, "cooldown": 2},
    {"metrics": DOWN, "patience": 1, "threshold": 0.25},
    {"metrics": DOWN, "patience": 1, "threshold": 0.25, "threshold_mode": "abs"},
    {"metrics": [3.0, 2.75, 2.5, 2.25, 2.0, 1.5], "patience": 0, "threshold": 0.25, "threshold_mode": "abs"},
    {"metrics": [4.0, 3.0, 2.25, 1.0, 1.0], "patience": 0, "threshold": 0.25},
    {"metrics": UP, "mode": "max", "patience": 1},
    {"metrics": DOWN[::-1], "mode": "max", "patience": 1, "threshold": 0.25},
    {"metrics": DOWN[::-1], "mode": "max", "patience": 1, "threshold": 0.25, "threshold_mode": "abs"},
    {"metrics": [1.0, 1.25, 1.5, 2.0, 3.0], "mode": "max", "patience": 0, "threshold": 0.25},
    {"metrics": [1.0, 1.25, 1.5, 2.0, 3.0], "mode": "max", "patience": 0, "threshold": 0.25, "threshold_mode": "abs"},
    {"metrics": DOWN, "patience": 0, "min_lr": 0.1},
    {"metrics": DOWN, "patience": 0, "min_lr": [0.2, 0.05]},
    {"metrics": DOWN, "patience": 0, "factor": 0.5, "eps": 0.03},
    {"metrics": DOWN, "patience": 0, "factor": 0.5, "eps": 0.0625},
]


def out_of_order(torch: Any, x: Any) -> Any:
    """A schedule that steps before the optimizer does warns once."""
    optimizer, _ = optimizer_of(torch, x)
    made = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    return quietly(made.step), quietly(made.step), quietly(optimizer.step), quietly(made.step), rates_of(optimizer)


def tensor_rate(torch: Any, x: Any) -> Any:
    """A learning rate that is a tensor is written to."""
    parameter = x.detach().clone().requires_grad_()
    rate = torch.tensor(0.5)
    optimizer = torch.optim.SGD([parameter], lr=rate)
    made = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    made.step()
    return rate, optimizer.param_groups[0]["lr"], parameter.detach(), made.get_last_lr()


def hooks(torch: Any, x: Any, *, kind: str) -> Any:
    """Every hook of an optimizer, in order, taken back, and what they may replace."""
    optimizer, parameters = optimizer_of(torch, x, kind)
    seen: list[Any] = []

    def closure() -> float:
        seen.append("closure")
        return 7.0

    handles = [
        optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before")),
        optimizer.register_step_post_hook(lambda o, a, k: seen.append("after")),
        optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving")),
        optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving first"), prepend=True),
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1}),
        optimizer.register_state_dict_post_hook(lambda o, s: seen.append("saved first"), prepend=True),
        optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append("loading")),
        optimizer.register_load_state_dict_pre_hook(
            lambda o, s: {k: v for k, v in s.items() if k != "more"}, prepend=True
        ),
        optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded")),
        optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded first"), prepend=True),
    ]
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    seen.append(sorted(state))
    for handle in handles:
        handle.remove()
    optimizer.step()
    seen.append(sorted(optimizer.state_dict()))
    optimizer.register_step_pre_hook(lambda o, a, k: ((o, closure), {}))
    seen.append(optimizer.step())
    return seen, [parameter.detach() for parameter in parameters]


def global_hooks(torch: Any, x: Any) -> Any:
    """Hooks of all optimizers."""
    from importlib import import_module

    module = import_module(f"{torch.__name__}.optim.optimizer")
    optimizer, _ = optimizer_of(torch, x)
    seen: list[Any] = []
    handles = [
        module.register_optimizer_step_pre_hook(lambda o, a, k: seen.append(type(o).__name__)),
        module.register_optimizer_step_post_hook(lambda o, a, k: seen.append("after")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    return seen, x * 1


def zeroed(torch: Any, x: Any, *, to_none: bool | None) -> Any:
    """zero_grad in both ways, also of a gradient that is part of a graph, and of none."""
    optimizer, (first, second) = optimizer_of(torch, x)
    kept = first.grad
    second.grad = None
    if to_none is None:
        optimizer.zero_grad()
    else:
        optimizer.zero_grad(set_to_none=to_none)
    found = [first.grad is None, second.grad is None, kept, first.grad is kept]
    leaf = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad((leaf**3).sum(), leaf, create_graph=True)
    leaf.grad = gradient
    torch.optim.SGD([leaf], lr=0.1).zero_grad(set_to_none=False)
    return [*found, leaf.grad, leaf.grad.requires_grad, leaf.grad.grad_fn is None]


def defaults(torch: Any, x: Any, *, kind: str, **options: Any) -> Any:
    """What an optimizer's groups hold when nothing is given, its text, and one step with it."""
    parameter = x.detach().clone().requires_grad_()
    made = getattr(torch.optim, kind)([parameter], **options)
    parameter.grad = torch.ones_like(parameter)
    made.step()
    group = made.param_groups[0]
    return (
        [[name, str(group[name])] for name in sorted(group) if name != "params"],
        repr(made),
        sorted(made.defaults),
        parameter.detach(),
    )


def named(torch: Any, x: Any) -> Any:
    """Parameters with names, kept in groups and in the state."""
    first, second = (x.detach().clone().requires_grad_() for _ in range(2))
    made = torch.optim.SGD([("a", first), ("b", second)], lr=0.1, momentum=0.5)
    other = torch.optim.SGD([("c", first), ("d", second)], lr=0.1)
    state = made.state_dict()
    other.load_state_dict(state)
    more = x.detach().clone().requires_grad_()
    made.add_param_group({"params": [("e", more)]})
    return (
        [group["param_names"] for group in (*made.param_groups, *other.param_groups)],
        state["param_groups"][0]["param_names"],
        x * 1,
    )


def versions(torch: Any, x: Any, *, kind: str, **options: Any) -> Any:
    """A step counts as a write: what was saved for a backward before it is stale."""
    parameter = x.detach().clone().requires_grad_()
    made = getattr(torch.optim, kind)([parameter], **options)
    parameter.grad = torch.ones_like(parameter)
    before = parameter._version
    made.step()
    loss = (parameter * parameter).sum()
    parameter.grad = torch.ones_like(parameter)
    made.step()
    try:
        loss.backward()
        stale = "not noticed"
    except RuntimeError:
        stale = "noticed"
    return parameter._version > before, stale, x * 1


def unpickled(torch: Any, x: Any, *, kind: str, **options: Any) -> Any:
    """A state without the newer options gets their defaults."""
    import copy

    optimizer, parameters = optimizer_of(torch, x, kind, **options)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    state = twin.__getstate__()
    for group in state["param_groups"]:
        for name in ("maximize", "foreach", "differentiable", "fused", "amsgrad", "capturable", "nesterov"):
            group.pop(name, None)
    twin.__setstate__(state)
    twin.step()
    found = [[name, str(group[name])] for group in twin.param_groups for name in sorted(group) if name != "params"]
    return found, [p.detach() for group in twin.param_groups for p in group["params"]], [p.detach() for p in parameters]


def refused_schedule(torch: Any, x: Any, *, how: str) -> Any:
    """What schedules do not take."""
    schedules = torch.optim.lr_scheduler
    optimizer, _ = optimizer_of(torch, x)
    calls: dict[str, Callable[[], Any]] = {
        "optimizer": lambda: schedules.StepLR(3, 2),
        "plateau optimizer": lambda: schedules.ReduceLROnPlateau(3),
        "later start": lambda: schedules.StepLR(optimizer, 2, last_epoch=3),
        "lambdas": lambda: schedules.LambdaLR(optimizer, [lambda epoch: 1.0]),
        "factor": lambda: schedules.ReduceLROnPlateau(optimizer, factor=1.0),
        "large factor": lambda: schedules.ReduceLROnPlateau(optimizer, factor=1.0005),
        "mode": lambda: schedules.ReduceLROnPlateau(optimizer, mode="up"),
        "threshold mode": lambda: schedules.ReduceLROnPlateau(optimizer, threshold_mode="both"),
        "rates": lambda: schedules.ReduceLROnPlateau(optimizer, min_lr=[0.1]),
    }
    return calls[how]()


def refused_optimizer(torch: Any, x: Any, *, how: str) -> Any:
    """What optimizers do not take."""
    leaf = x.detach().clone().requires_grad_()
    made = torch.optim.SGD([leaf], lr=0.1)
    calls: dict[str, Callable[[], Any]] = {
        "group": lambda: made.add_param_group(3),
        "again": lambda: made.add_param_group({"params": leaf}),
        "names in part": lambda: made.add_param_group({"params": [("a", x.detach().clone().requires_grad_())]}),
        "capturable": lambda: _step(torch, torch.optim.Adam([leaf], capturable=True), leaf),
        "fused and differentiable": lambda: torch.optim.Adam([leaf], fused=True, differentiable=True),
        "betas": lambda: torch.optim.Adam([leaf], betas=(0.9, 1.0)),
        "first beta": lambda: torch.optim.Adam([leaf], betas=(1.0, 0.9)),
        "large beta": lambda: torch.optim.Adam([leaf], betas=(0.9, 1.0005)),
        "tensor rate": lambda: torch.optim.SGD([leaf], lr=torch.tensor([0.1, 0.2])),
    }
    return calls[how]()


def _step(torch: Any, optimizer: Any, parameter: Any) -> None:
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()


ALL = ("LambdaLR", "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR")
KINDS = ("SGD", "Adam", "AdamW")
SCHEDULES_REFUSED = (
    "optimizer",
    "plateau optimizer",
    "later start",
    "lambdas",
    "factor",
    "large factor",
    "mode",
    "threshold mode",
    "rates",
)
OPTIMIZERS_REFUSED = (
    "group",
    "again",
    "names in part",
    "capturable",
    "fused and differentiable",
    "betas",
    "first beta",
    "large beta",
    "tensor rate",
)

CASES = [
    *ops("walked schedule", [args(SMALL, schedule=name) for name in ALL], program=walked, checks=PLAIN),
    *ops("walked schedule", [args(SMALL, schedule="StepLR", step_size=3, gamma=0.3)], program=walked, checks=PLAIN),
    *ops(
        "walked schedule",
        [args(SMALL, schedule="MultiStepLR", milestones=[2, 2, 5], gamma=0.3)],
        program=walked,
        checks=PLAIN,
    ),
    *ops(
        "walked schedule",
        [args(SMALL, schedule="CosineAnnealingLR", T_max=t, eta_min=0.1) for t in (1, 3, 20)],
        program=walked,
        checks=PLAIN,
    ),
    *ops("restarted schedule", [args(SMALL, schedule=name) for name in ALL], program=restarted, checks=PLAIN),
    *ops("ruled schedule", [args(SMALL)], program=ruled, checks=PLAIN),
    *ops("plateau", [args(SMALL, **options) for options in PLATEAUS], program=plateau, checks=PLAIN),
    *ops("schedule out of order", [args(SMALL)], program=out_of_order, checks=PLAIN),
    *ops("rate that is a tensor", [args(SMALL)], program=tensor_rate, checks=PLAIN),
    *ops("optimizer hooks", [args(SMALL, kind=kind) for kind in KINDS], program=hooks, checks=PLAIN),
    *ops("hooks of all optimizers", [args(SMALL)], program=global_hooks, checks=PLAIN),
    *ops("zeroed gradients", [args(SMALL, to_none=flag) for flag in (None, True, False)], program=zeroed, checks=PLAIN),
    *ops("optimizer defaults", [args(SMALL, kind=kind) for kind in KINDS], program=defaults, checks=PLAIN),
    *ops("optimizer defaults", [args(SMALL, kind=kind, eps=0.0) for kind in KINDS[1:]], program=defaults, checks=PLAIN),
    *ops(
        "optimizer defaults", [args(SMALL, kind=kind, foreach=True) for kind in KINDS], program=defaults, checks=PLAIN
    ),
    *ops("optimizer defaults", [args(SMALL, kind=kind, fused=True) for kind in KINDS], program=defaults, checks=PLAIN),
    *ops(
        "optimizer defaults",
        [args(SMALL, kind="Adam", betas=(0.0, 0.5)), args(SMALL, kind="SGD", lr=values([0.5]).fixed())],
        program=defaults,
        checks=PLAIN,
    ),
    *ops("named parameters", [args(SMALL)], program=named, checks=PLAIN),
    *ops("stale after a step", [args(SMALL, kind=kind, lr=0.1) for kind in KINDS], program=versions, checks=PLAIN),
    *ops("stale after a step", [args(SMALL, kind="SGD", lr=0.1, momentum=0.9)], program=versions, checks=PLAIN),
    *ops("older optimizer", [args(SMALL, kind=kind) for kind in KINDS], program=unpickled, checks=PLAIN),
    *ops("older optimizer", [args(SMALL, kind="SGD", momentum=0.9)], program=unpickled, checks=PLAIN),
    *refuses("schedule", [args(SMALL, how=how) for how in SCHEDULES_REFUSED], program=refused_schedule),
    *refuses(
        "optimizer", [args(SMALL, how=how) for how in OPTIMIZERS_REFUSED], program=refused_optimizer, label="more"
    ),
]
