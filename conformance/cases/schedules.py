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
RATE |= {"MultiplicativeLR": {"lr_lambda": lambda epoch: 1.0 - 0.5 / (epoch + 1)}, "ConstantLR": {}, "LinearLR": {}}
RATE |= {"PolynomialLR": {"power": 1.5}, "CosineAnnealingWarmRestarts": {"T_0": 3}, "OneCycleLR": {"max_lr": 0.75}}
RATE |= {"CyclicLR": {"base_lr": 0.125, "max_lr": 0.75, "step_size_up": 3}}
RATE["OneCycleLR"]["total_steps"] = 12


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
    other, _ = optimizer_of(torch, x)
    without, _ = optimizer_of(torch, x, "Adagrad")

    def beyond() -> None:
        made = schedules.OneCycleLR(optimizer, 0.1, 2)
        for _ in range(3):
            quietly(made.step)

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
        "no function": lambda: schedules.MultiplicativeLR(optimizer, 0.5),
        "multiplicative lambdas": lambda: schedules.MultiplicativeLR(optimizer, [abs]),
        "constant factor": lambda: schedules.ConstantLR(optimizer, 1.5),
        "negative factor": lambda: schedules.ConstantLR(optimizer, -0.5),
        "start factor": lambda: schedules.LinearLR(optimizer, 0.0),
        "large start": lambda: schedules.LinearLR(optimizer, 1.5),
        "end factor": lambda: schedules.LinearLR(optimizer, 0.5, -0.5),
        "large end": lambda: schedules.LinearLR(optimizer, 0.5, 1.5),
        "T_0": lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 0),
        "fraction T_0": lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 2.5),
        "T_mult": lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 2, 0),
        "eta_min": lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 2, eta_min="0"),
        "epoch": lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 2).step(-1),
        "no schedules": lambda: schedules.SequentialLR(optimizer, [], []),
        "nothing chained": lambda: schedules.ChainedScheduler([]),
        "milestones": lambda: schedules.SequentialLR(optimizer, [schedules.StepLR(optimizer, 1)], [2]),
        "other optimizer": lambda: schedules.SequentialLR(optimizer, [schedules.StepLR(other, 1)], []),
        "other chained": lambda: schedules.ChainedScheduler(
            [schedules.StepLR(optimizer, 1), schedules.StepLR(other, 1)]
        ),
        "plateau in sequence": lambda: schedules.SequentialLR(optimizer, [schedules.ReduceLROnPlateau(optimizer)], []),
        "plateau in chain": lambda: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(optimizer)]),
        "no schedule": lambda: schedules.SequentialLR(optimizer, [3], []),
        "cycle": lambda: schedules.CyclicLR(3, 0.1, 0.2),
        "cycle mode": lambda: schedules.CyclicLR(optimizer, 0.1, 0.2, mode="square"),
        "cycle rates": lambda: schedules.CyclicLR(optimizer, [0.1], 0.2),
        "cycle limits": lambda: schedules.CyclicLR(optimizer, 0.1, [0.2, 0.3, 0.4]),
        "cycle momentum": lambda: schedules.CyclicLR(without, 0.1, 0.2),
        "one cycle": lambda: schedules.OneCycleLR(3, 0.1, 10),
        "no steps": lambda: schedules.OneCycleLR(optimizer, 0.1),
        "no epochs": lambda: schedules.OneCycleLR(optimizer, 0.1, steps_per_epoch=3),
        "negative steps": lambda: schedules.OneCycleLR(optimizer, 0.1, -3),
        "part of a step": lambda: schedules.OneCycleLR(optimizer, 0.1, 2.5),
        "epochs": lambda: schedules.OneCycleLR(optimizer, 0.1, epochs=0, steps_per_epoch=3),
        "steps per epoch": lambda: schedules.OneCycleLR(optimizer, 0.1, epochs=2, steps_per_epoch=-3),
        "start": lambda: schedules.OneCycleLR(optimizer, 0.1, 10, pct_start=1.5),
        "strategy": lambda: schedules.OneCycleLR(optimizer, 0.1, 10, anneal_strategy="step"),
        "one cycle momentum": lambda: schedules.OneCycleLR(without, 0.1, 10),
        "beyond the end": beyond,
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


def cycled(torch: Any, x: Any, *, schedule: str, kind: str = "SGD", **options: Any) -> Any:
    """Rates and momenta of a schedule that sets both, and what it keeps in the groups and in its state."""
    optimizer, _ = optimizer_of(torch, x, kind)
    given = RATE[schedule] | options
    made = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **given)
    found: list[Any] = []
    for _ in range(12):
        found.append([[group["lr"], group.get("momentum"), group.get("betas")] for group in optimizer.param_groups])
        optimizer.step()
        made.step()
    kept = [[name, str(group[name])] for group in optimizer.param_groups for name in sorted(group) if name != "params"]
    # the function behind a mode is found again from its name: torch alone keeps it in the object
    state = [[name, str(value)] for name, value in made.state_dict().items() if name != "_scale_fn_custom"]
    return found, kept, state


class Halving:
    """A scale of one's own, with a state."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, x: float) -> float:
        return float(self.base**x)


def own_scale(torch: Any, x: Any, *, kind: str) -> Any:
    """CyclicLR with a scale that is a function or an object, and its state in another schedule."""
    schedules = torch.optim.lr_scheduler
    optimizer, _ = optimizer_of(torch, x)
    scale: Any = Halving(0.5) if kind == "object" else lambda x: 0.5**x
    options: dict[str, Any] = {"base_lr": 0.125, "max_lr": 0.75, "step_size_up": 2, "scale_mode": "iterations"}
    made = schedules.CyclicLR(optimizer, **options, scale_fn=scale, cycle_momentum=False)
    found = [made.get_last_lr()]
    for _ in range(6):
        optimizer.step()
        made.step()
        found.append(made.get_last_lr())
    other, _ = optimizer_of(torch, x)
    options["scale_fn"] = Halving(0.25) if kind == "object" else scale
    second = schedules.CyclicLR(other, **options, cycle_momentum=False)
    state = made.state_dict()
    second.load_state_dict(dict(state))
    other.step()
    second.step()
    return found, second.get_last_lr(), str(state["_scale_fn_custom"]), second.scale_fn(2.0)


def composed(torch: Any, x: Any, *, how: str) -> Any:
    """Schedules of schedules: rates, epochs of the parts, and the state, which another one goes on with."""
    found: list[Any] = []

    def make() -> tuple[Any, Any]:
        schedules = torch.optim.lr_scheduler
        optimizer, _ = optimizer_of(torch, x)
        if how == "chained":
            parts = [schedules.ConstantLR(optimizer, 0.5, 4), schedules.ExponentialLR(optimizer, 0.75)]
            return optimizer, schedules.ChainedScheduler(parts)
        parts = [schedules.LinearLR(optimizer, 0.25, total_iters=3), schedules.ExponentialLR(optimizer, 0.75)]
        if how == "sequential":
            return optimizer, schedules.SequentialLR(optimizer, parts, [3])
        if how == "from the second":
            return optimizer, schedules.SequentialLR(optimizer, parts, [0])
        if how == "restarts":
            parts.append(schedules.CosineAnnealingWarmRestarts(optimizer, 2))
            return optimizer, schedules.SequentialLR(optimizer, parts, [2, 5])
        inner = schedules.ChainedScheduler([parts[0], schedules.StepLR(optimizer, 2)])
        return optimizer, schedules.SequentialLR(optimizer, [inner, parts[1]], [4])

    both: list[Any] = []
    found.append(quietly(lambda: both.extend(make())))  # a chain that is the first part steps twice at once, and warns
    optimizer, made = both
    found.append([rates_of(optimizer), made.get_last_lr()])
    for _ in range(8):
        optimizer.step()
        made.step()
        found.append([rates_of(optimizer), made.get_last_lr(), [getattr(s, "last_epoch", 0) for s in made._schedulers]])
    quietly(lambda: both.extend(make()))
    other, second = both[2:]
    second.load_state_dict(made.state_dict())
    for group in other.param_groups:
        group["lr"] = 0.5
    other.step()
    found.append(quietly(second.step))
    return [*found, rates_of(other), sorted(made.state_dict()), [sorted(s) for s in made.state_dict()["_schedulers"]]]


def restarts(torch: Any, x: Any, **options: Any) -> Any:
    """Warm restarts by fractions of epochs, forth and back."""
    optimizer, _ = optimizer_of(torch, x)
    made = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, **options)
    found: list[Any] = []
    for epoch in (0.25, 0.5, 1, 2.75, 3, 7.5, 13, 2, None, None):
        optimizer.step()
        made.step(epoch)
        found.append([rates_of(optimizer), made.last_epoch, made.T_cur, made.T_i])
    return found


def outside(torch: Any, x: Any, *, schedule: str) -> Any:
    """get_lr is for step alone: a warning, and the rates of the next epoch."""
    optimizer, _ = optimizer_of(torch, x)
    made = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **RATE[schedule])
    return quietly(made.get_lr), made.last_epoch, rates_of(optimizer)


def overridden(torch: Any, x: Any) -> Any:
    """A step replaced after the schedule was made, a schedule made after a step, and two schedules."""
    steps = torch.optim.lr_scheduler
    first, _ = optimizer_of(torch, x)
    made = steps.StepLR(first, 1)
    first.step = functools.partial(type(first).step, first)
    first.step()
    second, _ = optimizer_of(torch, x)
    second.step()
    late = steps.StepLR(second, 1)
    third, _ = optimizer_of(torch, x)
    one, other = steps.StepLR(third, 1), steps.ExponentialLR(third, 0.5)
    third.step()
    return quietly(made.step), quietly(late.step), quietly(one.step), quietly(other.step), rates_of(third)


def shared(torch: Any, x: Any) -> Any:
    """What a loaded state shares with the one it was loaded from: tensors that need no conversion, but not groups."""
    first, _ = optimizer_of(torch, x, "Adam")
    first.step()
    state = first.state_dict()
    second, _ = optimizer_of(torch, x, "Adam")
    second.load_state_dict(state)
    loaded = second.state_dict()
    same = [loaded["state"][0][name] is value for name, value in state["state"][0].items()]
    second.param_groups[0]["lr"] = 2.0
    converted = torch.optim.Adam(
        [p.detach().to(torch.float16).requires_grad_() for p in first.param_groups[0]["params"]]
    )
    one = torch.optim.Adam([first.param_groups[0]["params"][0]])
    one.step()
    converted.load_state_dict(one.state_dict())
    found = converted.state_dict()["state"][0]
    return same, rates_of(first), [str(found[name].dtype).rpartition(".")[2] for name in sorted(found)]


ALL: tuple[str, ...] = (
    "LambdaLR",
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "CosineAnnealingLR",
    "MultiplicativeLR",
    "ConstantLR",
)
ALL += ("LinearLR", "PolynomialLR", "CosineAnnealingWarmRestarts", "OneCycleLR", "CyclicLR")
KINDS: tuple[str, ...] = (
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Rprop",
    "ASGD",
    "NAdam",
    "RAdam",
)
KINDS += ("Adafactor",)
MOMENTA = ("SGD", "Adam", "NAdam")
WITH_EPS = tuple(kind for kind in KINDS if kind not in ("SGD", "Rprop", "ASGD", "Adafactor"))
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")
CYCLES: list[dict[str, Any]] = [
    {"schedule": "CyclicLR", "mode": "triangular2"},
    {"schedule": "CyclicLR", "mode": "exp_range", "gamma": 0.75},
    {"schedule": "CyclicLR", "step_size_down": 2, "base_momentum": 0.5, "max_momentum": [0.75, 0.875]},
    {"schedule": "CyclicLR", "base_lr": [0.125, 0.25], "max_lr": [0.5, 0.75], "cycle_momentum": False},
    {"schedule": "OneCycleLR", "pct_start": 0.5, "anneal_strategy": "linear"},
    {"schedule": "OneCycleLR", "three_phase": True},
    {"schedule": "OneCycleLR", "three_phase": True, "pct_start": 0.25, "total_steps": 16, "anneal_strategy": "linear"},
    {"schedule": "OneCycleLR", "total_steps": None, "epochs": 3, "steps_per_epoch": 5, "max_lr": [0.5, 0.75]},
    {"schedule": "OneCycleLR", "cycle_momentum": False, "div_factor": 4.0, "final_div_factor": 8.0},
    {"schedule": "OneCycleLR", "base_momentum": [0.5, 0.625], "max_momentum": 0.75},
]
COMPOSED = ("chained", "sequential", "from the second", "restarts", "nested")
SCHEDULES_REFUSED: tuple[str, ...] = (
    "optimizer",
    "plateau optimizer",
    "later start",
    "lambdas",
    "factor",
    "large factor",
    "mode",
)
SCHEDULES_REFUSED += ("threshold mode", "rates", "no function", "multiplicative lambdas", "constant factor")
SCHEDULES_REFUSED += (
    "negative factor",
    "start factor",
    "large start",
    "end factor",
    "large end",
    "T_0",
    "fraction T_0",
)
SCHEDULES_REFUSED += ("T_mult", "eta_min", "epoch", "no schedules", "nothing chained", "milestones", "other optimizer")
SCHEDULES_REFUSED += ("other chained", "plateau in sequence", "plateau in chain", "no schedule", "cycle", "cycle mode")
SCHEDULES_REFUSED += ("cycle rates", "cycle limits", "cycle momentum", "one cycle", "no steps", "no epochs")
SCHEDULES_REFUSED += ("negative steps", "part of a step", "epochs", "steps per epoch", "start", "strategy")
SCHEDULES_REFUSED += ("one cycle momentum", "beyond the end")
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
    *ops(
        "walked schedule",
        [
            args(SMALL, schedule="ConstantLR", factor=0.75, total_iters=3),
            args(SMALL, schedule="LinearLR", start_factor=0.1, end_factor=0.7, total_iters=4),
            args(SMALL, schedule="LinearLR", start_factor=1.0, end_factor=0.0, total_iters=8),
            args(SMALL, schedule="PolynomialLR", total_iters=8, power=0.9),
            args(SMALL, schedule="CosineAnnealingWarmRestarts", T_0=2, T_mult=2, eta_min=0.1),
        ],
        program=walked,
        checks=PLAIN,
    ),
    *ops("cycled", [args(SMALL, **options) for options in CYCLES], program=cycled, checks=PLAIN),
    *ops(
        "cycled",
        [args(SMALL, schedule=name, kind=kind) for name in ("CyclicLR", "OneCycleLR") for kind in MOMENTA],
        program=cycled,
        checks=PLAIN,
    ),
    *ops(
        "scale of one's own",
        [args(SMALL, kind=kind) for kind in ("object", "function")],
        program=own_scale,
        checks=PLAIN,
    ),
    *ops("composed schedule", [args(SMALL, how=how) for how in COMPOSED], program=composed, checks=PLAIN),
    *ops(
        "restarts",
        [args(SMALL, T_0=3), args(SMALL, T_0=2, T_mult=2), args(SMALL, T_0=1, T_mult=3)],
        program=restarts,
        checks=PLAIN,
    ),
    *ops("rates asked outside", [args(SMALL, schedule=name) for name in ALL], program=outside, checks=PLAIN),
    *ops("schedule of a replaced step", [args(SMALL)], program=overridden, checks=PLAIN),
    *ops("shared state", [args(SMALL)], program=shared, checks=PLAIN),
    *ops("ruled schedule", [args(SMALL)], program=ruled, checks=PLAIN),
    *ops("plateau", [args(SMALL, **options) for options in PLATEAUS], program=plateau, checks=PLAIN),
    *ops("schedule out of order", [args(SMALL)], program=out_of_order, checks=PLAIN),
    *ops("rate that is a tensor", [args(SMALL)], program=tensor_rate, checks=PLAIN),
    *ops("optimizer hooks", [args(SMALL, kind=kind) for kind in KINDS], program=hooks, checks=PLAIN),
    *ops("hooks of all optimizers", [args(SMALL)], program=global_hooks, checks=PLAIN),
    *ops("zeroed gradients", [args(SMALL, to_none=flag) for flag in (None, True, False)], program=zeroed, checks=PLAIN),
    *ops("optimizer defaults", [args(SMALL, kind=kind) for kind in KINDS], program=defaults, checks=PLAIN),
    *ops("optimizer defaults", [args(SMALL, kind=kind, eps=0.0) for kind in WITH_EPS], program=defaults, checks=PLAIN),
    *ops(
        "optimizer defaults", [args(SMALL, kind=kind, foreach=True) for kind in KINDS], program=defaults, checks=PLAIN
    ),
    *ops("optimizer defaults", [args(SMALL, kind=kind, fused=True) for kind in FUSED], program=defaults, checks=PLAIN),
    *ops(
        "optimizer defaults",
        [args(SMALL, kind="Adam", betas=(0.0, 0.5)), args(SMALL, kind="SGD", lr=values([0.5]).fixed())],
        program=defaults,
        checks=PLAIN,
    ),
    *ops("named parameters", [args(SMALL)], program=named, checks=PLAIN),
    *ops("stale after a step", [args(SMALL, kind=kind, lr=0.1) for kind in KINDS], program=versions, checks=PLAIN),
    *ops("stale after a step", [args(SMALL, kind="SGD", lr=0.1, momentum=0.9)], program=versions, checks=PLAIN),
    # torch's Adafactor does not complete its older states
    *ops("older optimizer", [args(SMALL, kind=kind) for kind in KINDS[:-1]], program=unpickled, checks=PLAIN),
    *ops("older optimizer", [args(SMALL, kind="SGD", momentum=0.9)], program=unpickled, checks=PLAIN),
    *refuses("schedule", [args(SMALL, how=how) for how in SCHEDULES_REFUSED], program=refused_schedule),
    *refuses(
        "optimizer", [args(SMALL, how=how) for how in OPTIMIZERS_REFUSED], program=refused_optimizer, label="more"
    ),
]
