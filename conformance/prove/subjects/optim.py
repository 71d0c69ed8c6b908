"""Optimizers, schedules and clipping: the conventions that ports get wrong, on given gradients."""

import functools
import math
from collections.abc import Callable
from typing import Any

from conformance.case import OUTPUT, Arguments, args
from conformance.draw import normal
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, as_class

STEPS = 5
ONCE = frozenset({OUTPUT})
# update(torch, parameter, its gradient, its state, the options of its group)
Update = Callable[..., None]


def written(update: Update, **defaults: Any) -> Any:
    """An optimizer class with torch's arguments whose step on one parameter is `update`."""

    def make(torch: Any) -> Any:
        class Written(torch.optim.Optimizer):  # type: ignore[misc]  # torch's class is not typed here
            """Options are torch's; state is a dict per parameter."""

            def __init__(self, parameters: Any, lr: float = 1e-3, **options: Any) -> None:
                super().__init__(parameters, {"lr": lr, **defaults, **options})

            @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is Any here
            def step(self, closure: Any = None) -> None:
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is not None:
                            update(torch, p, p.grad, self.state[p], group)

        return Written

    return as_class(make)


def trajectory(torch: Any, parameters: Any, gradients: Any, *, optimizer: str, **options: Any) -> Any:
    """The parameters after each step; the learning rate is halved before the third."""
    trained = [p.detach().clone().requires_grad_() for p in parameters]
    made = getattr(torch.optim, optimizer)(trained, **options)
    seen = []
    for number in range(gradients[0].shape[0]):
        if number == 2:
            for group in made.param_groups:
                group["lr"] = group["lr"] / 2
        for p, gradient in zip(trained, gradients, strict=True):
            p.grad = gradient[number].clone()
        made.step()
        seen.append(torch.stack([p.detach() for p in trained]))
    return torch.stack(seen)  # (step, parameter, element)


def given(
    make: Make, optimizer: str, *, steps: int = STEPS, shape: tuple[int, ...] = (3,), **options: Any
) -> Arguments:
    """Two parameters of one shape (so that mixed-up state fits) and their gradients."""
    parameters, gradients = ([make(*size).fixed() for _ in range(2)] for size in (shape, (steps, *shape)))
    return args(parameters, gradients, optimizer=optimizer, **options)


# --- SGD --------------------------------------------------------------------------------------------------------------


def sgd(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    decay: str = "gradient",
    first_dampened: bool = False,
    dampening: bool = True,
    nesterov: bool = True,
    rate_inside: bool = False,
    ascent: bool = True,
) -> None:
    """g' = g + w p;  v = m v + (1 - d) g' (at first v = g');  p -= lr v, or lr (g' + m v) after Nesterov.

    Spoiled: the decay added to the "velocity" or to the "parameter"; d at the first step too, or never; no Nesterov;
    lr inside the velocity (the same as long as lr stays); `maximize` ignored.
    """
    lr, m, w = group["lr"], group["momentum"], group["weight_decay"]
    d = group["dampening"] if dampening else 0.0
    if group["maximize"] and ascent:
        g = -g
    if decay == "gradient":
        g = g + w * p
    direction = g
    if m:
        scaled = lr * g if rate_inside else g
        if "v" in state:
            state["v"] = m * state["v"] + (1 - d) * scaled
        else:
            state["v"] = (1 - d if first_dampened else 1) * scaled
        direction = g + m * state["v"] if group["nesterov"] and nesterov else state["v"]
    if decay == "velocity":
        direction = direction + w * p
    if decay == "parameter":
        p.mul_(1 - lr * w)
    p.sub_(direction if rate_inside and m else lr * direction)


def sgd_averaged(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """v = m v + (1 - m) g: an average, as in Adam."""
    m = group["momentum"]
    g = (-g if group["maximize"] else g) + group["weight_decay"] * p
    state["v"] = m * state.get("v", 0.0) + (1 - m) * g
    p.sub_(group["lr"] * state["v"])


def sgd_shared(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """One velocity for all parameters of the group."""
    sgd(torch, p, g, group.setdefault("shared", {}), group)


def sgd_late(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """The gradient of the step before (at first its own)."""
    before = state.get("before", g)
    state["before"] = g.clone()
    sgd(torch, p, before, state, group)


def sgd_master(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """A float64 copy of the parameter takes the steps; the parameter is its rounding."""
    if "master" not in state:
        state["master"] = p.double()
    sgd(torch, state["master"], g.double(), state, group)
    p.copy_(state["master"])


def sgd_flat(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """In place on flat views: v *= m; v += (1 - d) g, as a BLAS would."""
    lr, m, d = group["lr"], group["momentum"], group["dampening"]
    flat = p.view(-1)
    g = torch.add(-g.view(-1) if group["maximize"] else g.view(-1), flat, alpha=group["weight_decay"])
    if m:
        if "v" in state:
            state["v"].mul_(m).add_(g, alpha=1 - d)
        else:
            state["v"] = g.clone()
        g = g.add(state["v"], alpha=m) if group["nesterov"] else state["v"]
    flat.add_(g, alpha=-lr)


SGD: dict[str, Any] = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}


def sgd_rows(make: Make) -> list[Arguments]:
    """Every option of SGD."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}]
    rows += [{"lr": 0.1, "momentum": 0.9, "dampening": 0.3}]
    rows += [{"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3}, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    rows += [{"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "nesterov": True}]
    return [given(make, "SGD", **row) for row in rows]


# --- Adam -------------------------------------------------------------------------------------------------------------


def adam(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    decoupled: bool = False,
    decay_last: bool = False,
    corrected: tuple[bool, bool] = (True, True),
    epsilon: str = "outside",
    swapped: bool = False,
    counted_from: int = 1,
    maximum: str = "raw",
    powers: str = "float64",
    squared: bool = True,
) -> None:
    """m = b m + (1 - b) g;  v = c v + (1 - c) g^2;  p -= lr (m / (1 - b^t)) / (sqrt(v / (1 - c^t)) + eps).

    With amsgrad v is replaced by the largest so far. Decay goes to the gradient (Adam) or to the parameter (AdamW).
    Spoiled: corrections left out; epsilon "inside" the root or added "before" the correction; b and c swapped; t off by
    one; the largest of corrected v; powers of b and c in float32; v of |g| instead of g^2; decay after the step.
    """
    lr, w, eps = group["lr"], group["weight_decay"], group["eps"]
    b, c = reversed(group["betas"]) if swapped else group["betas"]
    t = state["t"] = state.get("t", counted_from - 1) + 1
    if not decoupled:
        g = g + w * p
    elif not decay_last:
        p.mul_(1 - lr * w)
    m = state["m"] = b * state.get("m", 0.0) + (1 - b) * g
    v = state["v"] = c * state.get("v", 0.0) + (1 - c) * (g * g if squared else g.abs())
    first = second = 1.0
    if powers == "float32":
        first, second = (float(1 - torch.tensor(beta) ** t) for beta in (b, c))
    else:
        first, second = 1 - b**t, 1 - c**t
    first, second = first if corrected[0] else 1.0, second if corrected[1] else 1.0
    if group["amsgrad"]:
        scale = second if maximum == "corrected" else 1.0
        state["largest"] = torch.maximum(state.get("largest", torch.zeros_like(v)), v / scale)
        v = state["largest"] * scale
    if epsilon == "inside":
        root = torch.sqrt(v / second + eps)
    elif epsilon == "before":
        root = (torch.sqrt(v) + eps) / math.sqrt(second)
    else:
        root = torch.sqrt(v / second) + eps
    p.sub_(lr * (m / first) / root)
    if decoupled and decay_last:
        p.mul_(1 - lr * w)


def adam_step_size(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """In place, the corrections as scalars: p -= (lr / (1 - b^t)) m / (sqrt(v) / sqrt(1 - c^t) + eps)."""
    b, c = group["betas"]
    g = g.add(p, alpha=group["weight_decay"])
    if not state:
        state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p), largest=torch.zeros_like(p))
    state["t"] += 1
    state["m"].lerp_(g, 1 - b)
    state["v"].mul_(c).addcmul_(g, g, value=1 - c)
    torch.maximum(state["largest"], state["v"], out=state["largest"])
    v = state["largest"] if group["amsgrad"] else state["v"]
    root = v.sqrt().div_(math.sqrt(1 - c ** state["t"])).add_(group["eps"])
    p.addcdiv_(state["m"], root, value=-group["lr"] / (1 - b ** state["t"]))


def adam_running_powers(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """b^t and c^t as running products."""
    b, c = group["betas"]
    state["bt"], state["ct"] = state.get("bt", 1.0) * b, state.get("ct", 1.0) * c
    g = g + group["weight_decay"] * p
    state["m"] = state.get("m", 0.0) + (1 - b) * (g - state.get("m", 0.0))
    state["v"] = c * state.get("v", 0.0) + (1 - c) * g * g
    state["largest"] = torch.maximum(state.get("largest", torch.zeros_like(p)), state["v"])
    v = state["largest"] if group["amsgrad"] else state["v"]
    scale = math.sqrt(1 - state["ct"]) / (1 - state["bt"])
    p.sub_(group["lr"] * scale * state["m"] / (torch.sqrt(v) + group["eps"] * math.sqrt(1 - state["ct"])))


def adam_master(torch: Any, p: Any, g: Any, state: Any, group: Any, *, decoupled: bool = False) -> None:
    """A float64 copy of the parameter takes the steps."""
    if "master" not in state:
        state["master"] = p.double()
    adam(torch, state["master"], g.double(), state, group, decoupled=decoupled)
    p.copy_(state["master"])


ADAM: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}


def adam_rows(make: Make, optimizer: str = "Adam") -> list[Arguments]:
    """Every option of Adam and AdamW."""
    rows: list[dict[str, Any]] = [{}, {"lr": 0.1, "betas": (0.4, 0.6)}, {"lr": 0.1, "eps": 0.5}]
    rows += [{"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.1, "amsgrad": True, "betas": (0.5, 0.5)}]
    return [given(make, optimizer, **row) for row in rows]


def adam_like(**how: Any) -> Any:
    """Adam's class with one thing changed."""
    return written(functools.partial(adam, **how), **ADAM)


def adamw_like(**how: Any) -> Any:
    """AdamW's class with one thing changed."""
    return written(functools.partial(adam, **({"decoupled": True} | how)), **(ADAM | {"weight_decay": 0.01}))


# --- schedules --------------------------------------------------------------------------------------------------------


def scheduled(torch: Any, *, schedule: str, **options: Any) -> Any:
    """The learning rates of eight epochs."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    made = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **options)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    return torch.tensor(rates, dtype=torch.float64)


def rate(formula: Callable[..., float]) -> Any:
    """A scheduler class whose rate in epoch t is `formula(t, base, **options)`."""

    def make(torch: Any) -> Any:
        class Schedule(torch.optim.lr_scheduler.LRScheduler):  # type: ignore[misc]
            """Options are the formula's."""

            def __init__(self, optimizer: Any, **options: Any) -> None:
                self.options = options
                super().__init__(optimizer)

            def get_lr(self) -> list[float]:
                return [formula(self.last_epoch, base, **self.options) for base in self.base_lrs]

        return Schedule

    return as_class(make)


def staircase(t: int, base: float, *, step_size: int, gamma: float, early: int = 0) -> float:
    """base gamma^floor(t / step_size)."""
    return base * gamma ** ((t + early) // step_size)


def smooth_decay(t: int, base: float, *, step_size: int, gamma: float) -> float:
    """base gamma^(t / step_size), without the stairs."""
    return float(base * gamma ** (t / step_size))


def cosine(t: int, base: float, *, T_max: int, eta_min: float, floor: bool = True, period: int = 0) -> float:
    """eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2."""
    low = eta_min if floor else 0.0
    return low + (base - low) * (1 + math.cos(math.pi * t / (T_max + period))) / 2


# --- clipping ---------------------------------------------------------------------------------------------------------


def clipped(torch: Any, gradients: Any, *, max_norm: float) -> Any:
    """The norm, and the gradients after clipping."""
    parameters = [torch.zeros_like(gradient).requires_grad_() for gradient in gradients]
    for p, gradient in zip(parameters, gradients, strict=True):
        p.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return norm, [p.grad for p in parameters]


def clip(torch: Any, parameters: Any, max_norm: float, *, epsilon: float = 1e-6, always: bool = False) -> Any:
    """Gradients times min(1, max_norm / (norm + 1e-6)), with one norm over all of them."""
    norm = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in parameters)).to(parameters[0].dtype)
    factor = max_norm / (norm + epsilon)
    for p in parameters:
        p.grad.mul_(factor if always else factor.clamp(max=1.0))
    return norm


def clip_flat(torch: Any, parameters: Any, max_norm: float) -> Any:
    """The norm of all gradients in one vector; nothing is multiplied that need not be."""
    norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in parameters]))
    if norm + 1e-6 > max_norm:
        for p in parameters:
            p.grad.mul_(max_norm / (norm + 1e-6))
    return norm


def clip_each(torch: Any, parameters: Any, max_norm: float) -> Any:
    """Every gradient by its own norm."""
    return sum(clip(torch, [p], max_norm) for p in parameters)


def clip_rows(make: Make) -> list[Arguments]:
    """Above and below the limit, and so small that the 1e-6 counts."""
    large = [make(3, 5).fixed(), make(7).fixed()]
    return [args(large, max_norm=1.0), args(large, max_norm=1e3), args([normal(5, scale=1e-6).fixed()], max_norm=1e-6)]


SUBJECTS = [
    Subject(
        "steps of SGD",
        sgd_rows,
        program=trajectory,
        replaces="optim.SGD",
        checks=ONCE,
        legitimate={
            "written out": written(sgd, **SGD),
            "flat": written(sgd_flat, **SGD),
            "float64 copy": written(sgd_master, **SGD),
        },
        faults={
            "decay in the velocity's place": written(functools.partial(sgd, decay="velocity"), **SGD),
            "decay decoupled": written(functools.partial(sgd, decay="parameter"), **SGD),
            "first step dampened": written(functools.partial(sgd, first_dampened=True), **SGD),
            "dampening ignored": written(functools.partial(sgd, dampening=False), **SGD),
            "no Nesterov": written(functools.partial(sgd, nesterov=False), **SGD),
            "rate inside the velocity": written(functools.partial(sgd, rate_inside=True), **SGD),
            "maximize ignored": written(functools.partial(sgd, ascent=False), **SGD),
            "velocity averaged": written(sgd_averaged, **SGD),
            "velocity shared": written(sgd_shared, **SGD),
            "gradient one step late": written(sgd_late, **SGD),
        },
    ),
    Subject(
        "steps of Adam",
        adam_rows,
        program=trajectory,
        replaces="optim.Adam",
        checks=ONCE,
        legitimate={
            "written out": adam_like(),
            "step size": written(adam_step_size, **ADAM),
            "running powers": written(adam_running_powers, **ADAM),
            "float64 copy": written(adam_master, **ADAM),
        },
        faults={
            "no correction": adam_like(corrected=(False, False)),
            "first moment not corrected": adam_like(corrected=(False, True)),
            "second moment not corrected": adam_like(corrected=(True, False)),
            "epsilon inside the root": adam_like(epsilon="inside"),
            "epsilon before the correction": adam_like(epsilon="before"),
            "betas swapped": adam_like(swapped=True),
            "steps counted from two": adam_like(counted_from=2),
            "largest of corrected": adam_like(maximum="corrected"),
            "powers in float32": adam_like(powers="float32"),
            "gradient not squared": adam_like(squared=False),
            "decay decoupled": adam_like(decoupled=True),
        },
    ),
    Subject(
        "steps of AdamW",
        functools.partial(adam_rows, optimizer="AdamW"),
        program=trajectory,
        replaces="optim.AdamW",
        checks=ONCE,
        legitimate={
            "written out": adamw_like(),
            "float64 copy": written(functools.partial(adam_master, decoupled=True), **(ADAM | {"weight_decay": 0.01})),
        },
        faults={
            "decay coupled": adamw_like(decoupled=False),
            "decay after the step": adamw_like(decay_last=True),
            "no decay by default": written(functools.partial(adam, decoupled=True), **ADAM),
        },
    ),
    Subject(
        "StepLR",
        lambda make: [args(schedule="StepLR", step_size=3, gamma=0.5)],
        program=scheduled,
        replaces="optim.lr_scheduler.StepLR",
        checks=ONCE,
        regimes=("normal",),
        legitimate={"closed form": rate(staircase)},
        faults={"one step early": rate(functools.partial(staircase, early=1)), "no stairs": rate(smooth_decay)},
    ),
    Subject(
        "CosineAnnealingLR",
        lambda make: [args(schedule="CosineAnnealingLR", T_max=10, eta_min=0.01)],
        program=scheduled,
        replaces="optim.lr_scheduler.CosineAnnealingLR",
        checks=ONCE,
        regimes=("normal",),
        legitimate={"closed form": rate(cosine)},
        faults={
            "lowest rate ignored": rate(functools.partial(cosine, floor=False)),
            "period one longer": rate(functools.partial(cosine, period=1)),
        },
    ),
    Subject(
        "clip_grad_norm_",
        clip_rows,
        program=clipped,
        replaces="nn.utils.clip_grad_norm_",
        checks=ONCE,
        legitimate={"float64 norm": clip, "flat": clip_flat},
        faults={
            "no epsilon": functools.partial(clip, epsilon=0.0),
            "scaled up": functools.partial(clip, always=True),
            "each by its own norm": clip_each,
        },
        regimes=("normal", "positive", "offset", "huge", "ties"),
    ),
]
