"""Optimizers on given gradients: every option, the state they keep, schedules, clipping, and what they refuse."""

from collections.abc import Iterable
from typing import Any

from conformance.cases import (
    FORWARD,
    LAYOUTS,
    Arguments,
    Case,
    args,
    normal,
    ops,
    refuses,
    values,
)

STEPS = 6
SHAPES = ((3, 5), (7,), ())


def given(*shapes: tuple[int, ...], steps: int = STEPS, **options: Any) -> Arguments:
    """Parameters of these shapes, their gradients at every step, stacked, and an optimizer's options."""
    parameters = [normal(*shape).fixed() for shape in shapes]
    gradients = [normal(steps, *shape).fixed() for shape in shapes]
    return args(parameters, gradients, **options)


def stepped(optimizer: Any, parameters: Any, gradients: Any, numbers: Iterable[int]) -> None:
    """The steps of these numbers."""
    for number in numbers:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient[number].clone()
        optimizer.step()


def leaves(parameters: Any) -> list[Any]:
    """Trainable copies: a case's inputs stay as they are."""
    return [parameter.detach().clone().requires_grad_() for parameter in parameters]


def seen(optimizer: Any, parameters: Any) -> dict[str, Any]:
    """The parameters, and everything the optimizer remembers of them."""
    result = {f"parameter {i}": p.detach() for i, p in enumerate(parameters)}
    for number, state in optimizer.state_dict()["state"].items():
        result |= {f"{key} {number}": value for key, value in state.items() if value is not None}
    return result


def steps(torch: Any, parameters: Any, gradients: Any, *, optimizer: str, **options: Any) -> dict[str, Any]:
    """All steps with one optimizer."""
    trained = leaves(parameters)
    made = getattr(torch.optim, optimizer)(trained, **options)
    stepped(made, trained, gradients, range(gradients[0].shape[0]))
    return seen(made, trained)


def groups(torch: Any, parameters: Any, gradients: Any, *, optimizer: str, **options: Any) -> dict[str, Any]:
    """A group of its own for the last parameter; the middle one gets a gradient at every other step only."""
    trained = leaves(parameters)
    made = getattr(torch.optim, optimizer)([{"params": trained[:2]}], **options)
    made.add_param_group({"params": trained[2], "lr": 0.5, "weight_decay": 0.25})
    for number in range(STEPS):
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.grad = gradient[number].clone()
        if number % 2 == 0:
            trained[1].grad = None
        made.step()
    return seen(made, trained) | {"groups": str([group["lr"] for group in made.param_groups])}


def resumed(torch: Any, parameters: Any, gradients: Any, *, optimizer: str, **options: Any) -> dict[str, Any]:
    """Half of the steps, then a new optimizer that loads the first one's state and does the rest."""
    trained = leaves(parameters)
    first = getattr(torch.optim, optimizer)(trained, **options)
    stepped(first, trained, gradients, range(STEPS // 2))
    second = getattr(torch.optim, optimizer)(trained, lr=1.0)
    second.load_state_dict(first.state_dict())
    stepped(second, trained, gradients, range(STEPS // 2, STEPS))
    options_now = second.state_dict()["param_groups"]
    return seen(second, trained) | {
        "options": [[name, str(group[name])] for group in options_now for name in sorted(group)]
    }


def minimized(torch: Any, x: Any, *, optimizer: str, **options: Any) -> dict[str, Any]:
    """Gradients from backward, by a closure: the Rosenbrock valley."""
    (point,) = leaves([x])
    made = getattr(torch.optim, optimizer)([point], **options)

    def closure() -> Any:
        made.zero_grad()
        loss = (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2
        loss.backward()
        return loss

    losses = [made.step(closure).detach() for _ in range(STEPS)]
    return {"losses": losses, "point": point.detach(), "gradient": point.grad}


def scheduled(torch: Any, parameters: Any, gradients: Any, *, schedule: str, **options: Any) -> dict[str, Any]:
    """SGD whose learning rate follows a schedule; the rates are compared as they are."""
    trained = leaves(parameters)
    optimizer = torch.optim.SGD(trained, lr=0.5, momentum=0.5)
    if "power" in options:
        power = options.pop("power")
        options["lr_lambda"] = lambda epoch: power**epoch
    made = getattr(torch.optim.lr_scheduler, schedule)(optimizer, **options)
    rates = []
    for number in range(2 * STEPS):
        stepped(optimizer, trained, gradients, [number])
        if schedule == "ReduceLROnPlateau":
            made.step(METRICS[number % len(METRICS)])
        else:
            made.step()
        rates.append(list(made.get_last_lr()))
    return seen(optimizer, trained) | {"rates": rates, "epoch": made.last_epoch}


METRICS = (3.0, 2.0, 2.0, 2.1, 1.99999, 2.5, 1.0, 1.0)


def clipped(torch: Any, gradients: Any, *, clip: str, **options: Any) -> dict[str, Any]:
    """The gradients after clipping, and the norm before."""
    parameters = [torch.zeros_like(gradient).requires_grad_() for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    norm = getattr(torch.nn.utils, clip)(parameters, **options)
    return {"norm": norm, "gradients": [parameter.grad for parameter in parameters]}


def flattened(torch: Any, first: Any, second: Any) -> Any:
    """Parameters to a vector and back, twice as large."""
    vector = torch.nn.utils.parameters_to_vector([first, second])
    copies = [torch.zeros_like(first), torch.zeros_like(second)]
    torch.nn.utils.vector_to_parameters(2 * vector.detach(), copies)
    return vector, copies


def constructed(torch: Any, parameter: Any, *, optimizer: str, **options: Any) -> Any:
    """What the constructor refuses."""
    return getattr(torch.optim, optimizer)([parameter.detach().requires_grad_()], **options)


def misused(torch: Any, parameter: Any, *, how: str) -> Any:
    """What the base class refuses."""
    leaf = parameter.detach().requires_grad_()
    other = parameter.detach().clone().requires_grad_()
    if how == "tensor":
        return torch.optim.SGD(leaf, lr=0.1)
    if how == "empty":
        return torch.optim.SGD([], lr=0.1)
    if how == "number":
        return torch.optim.SGD([1], lr=0.1)
    if how == "set":
        return torch.optim.SGD([{"params": {leaf}}], lr=0.1)
    if how == "non-leaf":
        return torch.optim.SGD([leaf * 2], lr=0.1)
    if how == "twice":
        return torch.optim.SGD([{"params": [leaf]}, {"params": [leaf]}], lr=0.1)
    if how == "half named":
        return torch.optim.SGD([("a", leaf), other], lr=0.1)
    optimizer = torch.optim.SGD([leaf], lr=0.1)
    if how == "other groups":
        return optimizer.load_state_dict(
            torch.optim.SGD([{"params": [leaf]}, {"params": [other]}], lr=0.1).state_dict()
        )
    if how == "other size":
        return optimizer.load_state_dict(torch.optim.SGD([leaf, other], lr=0.1).state_dict())
    if how == "group no dict":
        return optimizer.add_param_group([leaf])
    raise LookupError(how)


SGD: tuple[dict[str, Any], ...] = (
    {"lr": 0.1},
    {"lr": 0.0},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "weight_decay": 0.3},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "maximize": True},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "nesterov": True, "maximize": True},
    {"lr": values(0.1).fixed(), "momentum": 0.5},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "foreach": True},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "foreach": False},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3, "fused": True},
)
ADAM: tuple[dict[str, Any], ...] = (
    {},
    {"lr": 0.1},
    {"lr": 0.1, "betas": (0.4, 0.6)},
    {"lr": 0.1, "betas": (0.0, 0.0)},
    {"lr": 0.1, "eps": 0.5},
    {"lr": 0.1, "weight_decay": 0.3},
    {"lr": 0.1, "amsgrad": True, "betas": (0.5, 0.5)},
    {"lr": 0.1, "maximize": True, "weight_decay": 0.3},
    {"lr": 0.1, "amsgrad": True, "maximize": True, "weight_decay": 0.3, "eps": 0.01},
    {"lr": values(0.1).fixed(), "weight_decay": 0.3},
    {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "foreach": True},
    {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "foreach": False},
    {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "fused": True},
)
ROWS = [given(*SHAPES, optimizer="SGD", **options) for options in SGD]
ROWS += [given(*SHAPES, optimizer=name, **options) for name in ("Adam", "AdamW") for options in ADAM]
ROWS += [given(*SHAPES, optimizer="Adam", lr=0.1, weight_decay=0.3, decoupled_weight_decay=True)]

MOMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"lr": 0.1, "betas": (0.4, 0.6), "eps": 0.01},
    {"lr": 0.1, "betas": (0.0, 0.0)},
    {"lr": 0.1, "weight_decay": 0.3, "maximize": True},
    {"lr": values(0.1).fixed(), "weight_decay": 0.3},
    {"lr": 0.1, "weight_decay": 0.3, "foreach": True},
)
DECOUPLED: tuple[dict[str, Any], ...] = (
    {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True},
    {"lr": values(0.1).fixed(), "weight_decay": 0.3, "decoupled_weight_decay": True},
    {"lr": 0.1, "decoupled_weight_decay": True, "foreach": False},
)
OTHERS: dict[str, tuple[dict[str, Any], ...]] = {
    "RMSprop": (
        {},
        {"lr": 0.1, "alpha": 0.5, "eps": 0.25},
        {"lr": 0.1, "alpha": 1.5, "eps": 0.25, "centered": True, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.3},
        {"lr": 0.1, "alpha": 0.6, "centered": True, "eps": 0.01},
        {"lr": 0.1, "alpha": 0.6, "centered": True, "momentum": 0.5, "weight_decay": 0.3, "maximize": True},
        {"lr": values(0.1).fixed(), "momentum": 0.5},
        {"lr": 0.1, "momentum": 0.5, "foreach": True},
    ),
    "Adagrad": (
        {},
        {"lr": 0.1, "lr_decay": 0.5},
        {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.25},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.3, "maximize": True},
        {"lr": values(0.1).fixed(), "lr_decay": 0.5},
        {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.3, "foreach": True},
        {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.3, "fused": True},
    ),
    "Adadelta": (
        {},
        {"lr": 0.5, "rho": 0.3, "eps": 0.25},
        {"rho": 0.0},
        {"rho": 1.0, "eps": 0.01},
        {"rho": 0.5, "weight_decay": 0.3, "maximize": True},
        {"lr": values(0.5).fixed(), "weight_decay": 0.3},
        {"weight_decay": 0.3, "foreach": True},
    ),
    "Adamax": MOMENTS,
    "Rprop": (
        {},
        {"lr": 0.1, "etas": (0.3, 1.7)},
        {"lr": 0.1, "step_sizes": (0.06, 0.13)},
        {"lr": 0.1, "maximize": True},
        {"lr": values(0.1).fixed()},
        {"lr": 0.1, "foreach": True},
    ),
    "ASGD": (
        {},
        {"lr": 0.1, "lambd": 0.3, "alpha": 0.4},
        {"lr": 0.1, "lambd": 0.3, "t0": 0},
        {"lr": 0.1, "lambd": 0.3, "t0": 2.5, "weight_decay": 0.3},
        {"lr": 0.1, "t0": 1, "maximize": True},
        {"lr": values(0.1).fixed(), "lambd": 0.3, "t0": 2},
        {"lr": 0.1, "lambd": 0.3, "t0": 2, "foreach": True},
    ),
    "NAdam": MOMENTS + DECOUPLED + ({"lr": 0.1, "momentum_decay": 0.0}, {"lr": 0.1, "momentum_decay": 3.0}),
    "RAdam": MOMENTS + DECOUPLED + ({"lr": 0.1, "betas": (0.9, 0.75)}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1}),
    "Adafactor": (
        {},
        {"lr": 0.5, "beta2_decay": -0.3},
        {"lr": 0.5, "eps": (0.5, 2.0)},
        {"lr": 0.5, "d": 1.25, "weight_decay": 0.3, "maximize": True},
        {"lr": values(0.1).fixed(), "weight_decay": 0.3},
        {"lr": 0.5, "foreach": True},
    ),
}
ROWS += [given(*SHAPES, optimizer=name, **options) for name, rows in OTHERS.items() for options in rows]
ROWS += [given((2, 3, 4), (4, 1, 2, 2), optimizer="Adafactor", lr=0.1)]
# twice as many steps, so that the second moment comes to be trusted, and the average of ASGD has begun
LONG = [given(*SHAPES, steps=2 * STEPS, optimizer="RAdam", lr=0.1)]
LONG += [given(*SHAPES, steps=2 * STEPS, optimizer="RAdam", lr=0.1, betas=(0.5, 0.9), decoupled_weight_decay=True)]
LONG += [given(*SHAPES, steps=2 * STEPS, optimizer="ASGD", lr=0.1, lambd=0.1, t0=5)]
LONG += [given(*SHAPES, steps=2 * STEPS, optimizer="NAdam", lr=0.1, momentum_decay=0.5)]
MATRICES = ((3, 5), (5, 3), (4, 4), (1, 3))
MUON: tuple[dict[str, Any], ...] = (
    {},
    {"lr": 0.1, "nesterov": False},
    {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.0},
    {"lr": 0.1, "adjust_lr_fn": "original", "ns_steps": 2},
    {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": (2.0, -1.5, 0.5)},
    {"lr": 0.1, "eps": 10.0},
    {"lr": values(0.1).fixed()},
)
# a single parameter and two steps: everything is rounded to bfloat16 inside, and an error of one of its units stays
MUONS = [given(shape, steps=2, optimizer="Muon", **MUON[0]) for shape in MATRICES]
MUONS += [given((3, 5), steps=2, optimizer="Muon", **options) for options in MUON[1:]]
EMPTY = [given((0, 3), (2,), optimizer=name) for name in ("SGD", "Adam", "AdamW", *OTHERS) if name != "Adafactor"]

TYPICAL: tuple[dict[str, Any], ...] = (
    {"optimizer": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
    {"optimizer": "Adam", "lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
    {"optimizer": "AdamW", "lr": 0.1},
    {"optimizer": "RMSprop", "lr": 0.1, "alpha": 0.6, "centered": True, "momentum": 0.5},
    {"optimizer": "Adagrad", "lr": 0.1, "lr_decay": 0.5},
    {"optimizer": "Adadelta", "rho": 0.5, "weight_decay": 0.1},
    {"optimizer": "Adamax", "lr": 0.1, "weight_decay": 0.1},
    {"optimizer": "Rprop", "lr": 0.1},
    {"optimizer": "ASGD", "lr": 0.1, "lambd": 0.1, "t0": 2},
    {"optimizer": "NAdam", "lr": 0.1, "weight_decay": 0.1},
    {"optimizer": "RAdam", "lr": 0.1, "weight_decay": 0.1},
    {"optimizer": "Adafactor", "lr": 0.5},
)
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"schedule": "LambdaLR", "power": 0.5},
    {"schedule": "StepLR", "step_size": 2, "gamma": 0.5},
    {"schedule": "MultiStepLR", "milestones": [1, 3, 3, 6]},
    {"schedule": "ExponentialLR", "gamma": 0.7},
    {"schedule": "CosineAnnealingLR", "T_max": 5, "eta_min": 0.01},
    {"schedule": "CosineAnnealingLR", "T_max": 3},
    {"schedule": "ReduceLROnPlateau", "patience": 1, "factor": 0.5},
    {
        "schedule": "ReduceLROnPlateau",
        "patience": 0,
        "mode": "max",
        "threshold_mode": "abs",
        "cooldown": 1,
        "min_lr": 0.1,
    },
)
GRADIENTS = [normal(3, 5).fixed(), normal(7, scale=10).fixed()]
CLIPS: tuple[dict[str, Any], ...] = (
    {"clip": "clip_grad_norm_", "max_norm": 1.0},
    {"clip": "clip_grad_norm_", "max_norm": 1000.0},
    {"clip": "clip_grad_norm_", "max_norm": 2.0, "norm_type": 1},
    {"clip": "clip_grad_norm_", "max_norm": 2.0, "norm_type": 3.5},
    {"clip": "clip_grad_norm_", "max_norm": 2.0, "norm_type": "inf"},
    {"clip": "clip_grad_norm_", "max_norm": 0.0, "error_if_nonfinite": True, "foreach": False},
    {"clip": "clip_grad_value_", "clip_value": 0.5},
)
SMALL = normal(2).fixed()
REFUSED = [
    args(SMALL, optimizer="SGD", lr=-0.1),
    args(SMALL, optimizer="SGD", momentum=-0.5),
    args(SMALL, optimizer="SGD", weight_decay=-0.5),
    args(SMALL, optimizer="SGD", nesterov=True),
    args(SMALL, optimizer="SGD", nesterov=True, momentum=0.9, dampening=0.5),
    args(SMALL, optimizer="SGD", lr=SMALL),
    args(SMALL, optimizer="SGD", fused=True, foreach=True),
    *[args(SMALL, optimizer=name, lr=-1.0) for name in ("Adam", "AdamW")],
    *[args(SMALL, optimizer=name, betas=(1.0, 0.9)) for name in ("Adam", "AdamW")],
    *[args(SMALL, optimizer=name, betas=(0.9, -0.1)) for name in ("Adam", "AdamW")],
    *[args(SMALL, optimizer=name, eps=-1e-8) for name in ("Adam", "AdamW")],
    *[args(SMALL, optimizer=name, weight_decay=-0.1) for name in ("Adam", "AdamW")],
    args(SMALL, optimizer="Adam", lr=values(0.1).fixed(), foreach=True),
    args(SMALL, optimizer="Adam", betas=(0.9, values(0.9).fixed())),
    args(SMALL, optimizer="Adam", fused=True, foreach=True),
    args(SMALL, optimizer="Adagrad", fused=True, foreach=True),
    *[args(SMALL, optimizer=name, lr=-1.0) for name in (*OTHERS, "LBFGS", "Muon", "SparseAdam")],
    *[args(SMALL, optimizer=name, lr=SMALL) for name in (*OTHERS, "LBFGS", "Muon", "SparseAdam")],
    *[args(SMALL, optimizer=name, weight_decay=-0.5) for name in (*OTHERS, "Muon") if name != "Rprop"],
    *[
        args(SMALL, optimizer=name, eps=-0.5)
        for name in ("RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "SparseAdam")
    ],
    *[args(SMALL, optimizer=name, betas=(1.0, 0.9)) for name in ("Adamax", "NAdam", "RAdam", "SparseAdam")],
    *[args(SMALL, optimizer=name, betas=(0.9, -0.5)) for name in ("Adamax", "NAdam", "RAdam", "SparseAdam")],
    args(SMALL, optimizer="RMSprop", alpha=-0.5),
    args(SMALL, optimizer="RMSprop", momentum=-0.5),
    args(SMALL, optimizer="Adagrad", lr_decay=-0.5),
    args(SMALL, optimizer="Adagrad", initial_accumulator_value=-0.5),
    args(SMALL, optimizer="Adadelta", rho=1.5),
    args(SMALL, optimizer="Adadelta", rho=-0.5),
    args(SMALL, optimizer="Rprop", etas=(0.0, 1.2)),
    args(SMALL, optimizer="Rprop", etas=(0.5, 1.0)),
    args(SMALL, optimizer="Rprop", etas=(1.0, 1.2)),
    args(SMALL, optimizer="NAdam", momentum_decay=-0.5),
    args(SMALL, optimizer="Adafactor", beta2_decay=0.5),
    args(SMALL, optimizer="Adafactor", eps=(-0.5, 0.001)),
    args(SMALL, optimizer="Adafactor", eps=(None, -0.5)),
    args(SMALL, optimizer="Adafactor", d=0.5),
    args(SMALL, optimizer="Muon", momentum=-0.5),
    args(SMALL, optimizer="Muon", adjust_lr_fn="other"),
    args(SMALL, optimizer="Muon"),
    args(SMALL, optimizer="SparseAdam", lr=0.0),
    args(SMALL, optimizer="SparseAdam", eps=0.0),
]
MISUSES: tuple[str, ...] = ("tensor", "empty", "number", "set", "non-leaf", "twice", "half named")
MISUSES += ("other groups", "other size", "group no dict")


def doubled(rows: list[Arguments]) -> list[Arguments]:
    """The rows for float64 parameters.

    Not those of ASGD and NAdam, whose state has numbers in float32 also for those: the oracle's, in float64 throughout,
    are others, and torch itself is then as far from it as float32 is.
    """
    return [row for row in rows if row.kwargs["optimizer"] not in ("ASGD", "NAdam")]


DOUBLE = ("float32", "float64")
PLAIN = FORWARD - {LAYOUTS}

CASES: list[Case] = [
    *ops("optimizer steps", [*ROWS, *LONG], program=steps, checks=PLAIN),
    *ops("optimizer steps", doubled([*ROWS, *LONG]), program=steps, dtypes=("float64",), checks=PLAIN),
    *ops("optimizer steps", MUONS, program=steps, dtypes=DOUBLE, checks=PLAIN),
    *ops("optimizer steps", EMPTY, program=steps, checks=PLAIN, label="empty"),
    *ops(
        "optimizer steps",
        [given(*SHAPES, **options) for options in TYPICAL],
        program=steps,
        dtypes=("float16", "bfloat16"),
        checks=PLAIN,
    ),
    # transposed and gapped parameters: state takes their layout
    *ops("optimizer steps", [given((4, 6), **options) for options in TYPICAL], program=steps, checks=FORWARD),
    *ops("optimizer groups", [given(*SHAPES, **o) for o in TYPICAL], program=groups, checks=PLAIN),
    *ops(
        "optimizer groups",
        doubled([given(*SHAPES, **o) for o in TYPICAL]),
        program=groups,
        dtypes=("float64",),
        checks=PLAIN,
    ),
    *ops("optimizer resumed", [given(*SHAPES, **o) for o in TYPICAL], program=resumed, checks=PLAIN),
    *ops(
        "optimizer resumed",
        doubled([given(*SHAPES, **o) for o in TYPICAL]),
        program=resumed,
        dtypes=("float64",),
        checks=PLAIN,
    ),
    *ops(
        "optimizer closure",
        [
            args(values([-0.5, 0.75]).fixed(), optimizer="SGD", lr=1e-3),
            args(values([-0.5, 0.75]).fixed(), optimizer="Adam", lr=0.1),
        ],
        program=minimized,
        dtypes=DOUBLE,
        checks=PLAIN,
    ),
    *ops(
        "schedule",
        [given((3,), steps=2 * STEPS, **o) for o in SCHEDULES],
        program=scheduled,
        dtypes=DOUBLE,
        checks=PLAIN,
    ),
    *ops("clip", [args(GRADIENTS, **options) for options in CLIPS], program=clipped, dtypes=DOUBLE, checks=PLAIN),
    # so small that the 1e-6 in the divisor counts
    *ops(
        "clip",
        [args([normal(5, scale=1e-6).fixed()], clip="clip_grad_norm_", max_norm=1e-6)],
        program=clipped,
        checks=PLAIN,
    ),
    # no other layouts: flattening is by `view`, which wants contiguous parameters
    *ops("parameters_to_vector", [args(normal(3, 5), normal(7))], program=flattened, layouts=()),
    *refuses("optimizer", REFUSED, program=constructed),
    *refuses("optimizer", [args(SMALL, how=how) for how in MISUSES], program=misused, label="use"),
]
