"""Averages of models: `AveragedModel` with each kind of average, `update_bn`, `SWALR`."""

from typing import Any

from conformance.cases import FORWARD, LAYOUTS, args, normal, ops, refuses, values

PLAIN = FORWARD - {LAYOUTS}
WEIGHTS = [normal(4, 3).fixed(), normal(4, 3).fixed(), normal(4, 3).fixed(), normal(4, 3).fixed()]
BATCHES = [normal(5, 3).fixed(), normal(4, 3).fixed(), normal(6, 3).fixed()]


def network(torch: Any, weight: Any) -> Any:
    """A layer with these weights, and a normalization that has buffers."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).to(weight.dtype)
    with torch.no_grad():
        model[0].weight.copy_(weight)
        model[0].bias.copy_(weight[:, 0])
    return model


def averaged(torch: Any, weights: Any, *, kind: str = "", decay: float = 0.999, use_buffers: bool = False) -> Any:
    """The state after every update by a model with new weights and statistics, and what the average computes."""
    swa, options = torch.optim.swa_utils, {}
    if kind.endswith("multi_avg_fn"):
        options["multi_avg_fn"] = getattr(swa, kind)(*([decay] if "ema" in kind else []))
    elif kind:
        options["avg_fn"] = getattr(swa, kind)(*([decay] if "ema" in kind else []))
    model = network(torch, weights[0])
    average = swa.AveragedModel(model, use_buffers=use_buffers, **options)
    seen = []
    for number, weight in enumerate(weights):
        with torch.no_grad():
            model[0].weight.copy_(weight)
            model[1].running_mean.copy_(weight[:, 1])
        average.update_parameters(model)
        seen.append({name: value.clone() for name, value in average.state_dict().items()})
        seen.append({"count": int(average.n_averaged), "number": number})
    average.eval()
    return seen, average(weights[0]).detach(), list(average.state_dict()), average.training


def custom(torch: Any, weights: Any, *, multi: bool) -> Any:
    """Averages of one's own: the largest of all, with the count that they are given."""
    counts: list[Any] = []

    def largest(averaged: Any, current: Any, count: Any) -> Any:
        counts.append(int(count))
        return torch.maximum(averaged, current)

    def all_largest(averaged: Any, current: Any, count: Any) -> None:
        counts.append((len(averaged), int(count)))
        for one, other in zip(averaged, current, strict=True):
            one.copy_(torch.maximum(one, other))

    model = network(torch, weights[0])
    options = {"multi_avg_fn": all_largest} if multi else {"avg_fn": largest}
    average = torch.optim.swa_utils.AveragedModel(model, **options)
    for weight in weights:
        with torch.no_grad():
            model[0].weight.copy_(weight)
        average.update_parameters(model)
    return [p.detach() for p in average.parameters()], str(counts)


def renewed(torch: Any, weight: Any, batches: Any, *, pairs: bool, momentum: float | None = 0.25) -> Any:
    """Statistics from all batches, as they would be without momentum; the modes come back."""
    model = network(torch, weight)
    model[1].momentum = momentum
    model[1].running_mean.fill_(9.0)
    model.eval()
    given = [(batch, 1) for batch in batches] if pairs else batches
    torch.optim.swa_utils.update_bn(given, model)
    plain = torch.nn.Linear(3, 4)
    torch.optim.swa_utils.update_bn([], plain)
    return dict(model[1].named_buffers()), model.training, model[1].momentum, plain.training


def annealed(torch: Any, x: Any, *, changed: bool = False, **options: Any) -> Any:
    """SWALR's rates and state, also where another hand changes the rate."""
    first, second = (x.detach().clone().requires_grad_() for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": 0.25}], lr=0.75)
    schedule = torch.optim.swa_utils.SWALR(optimizer, **options)
    rates = [schedule.get_last_lr()]
    for number in range(8):
        optimizer.step()
        if changed and number == 2:
            optimizer.param_groups[0]["lr"] *= 0.5
        schedule.step()
        rates.append(schedule.get_last_lr())
    return rates, str(schedule.state_dict())


def refused(torch: Any, x: Any, *, how: str) -> Any:
    """What the averages do not take."""
    swa = torch.optim.swa_utils
    optimizer = torch.optim.SGD([x.detach().clone().requires_grad_()], lr=0.5)
    calls = {
        "decay": lambda: swa.get_ema_avg_fn(1.5),
        "multi decay": lambda: swa.get_ema_multi_avg_fn(-0.5),
        "two functions": lambda: swa.AveragedModel(
            torch.nn.Linear(1, 1), avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn()
        ),
        "strategy": lambda: swa.SWALR(optimizer, 0.1, anneal_strategy="step"),
        "epochs": lambda: swa.SWALR(optimizer, 0.1, anneal_epochs=-2),
        "fraction": lambda: swa.SWALR(optimizer, 0.1, anneal_epochs=2.5),
        "rates": lambda: swa.SWALR(optimizer, [0.1, 0.2]),
        "no optimizer": lambda: swa.SWALR(torch.optim.lr_scheduler.StepLR(optimizer, 1), 0.1),
    }
    return calls[how]()


KINDS: list[dict[str, Any]] = [
    {},
    {"kind": "get_swa_avg_fn"},
    {"kind": "get_swa_multi_avg_fn"},
    {"kind": "get_ema_avg_fn", "decay": 0.75},
    {"kind": "get_ema_multi_avg_fn", "decay": 0.75},
    {"kind": "get_ema_multi_avg_fn", "decay": 0.25},
    {"kind": "get_ema_avg_fn"},
    {"use_buffers": True},
    {"kind": "get_ema_avg_fn", "decay": 0.75, "use_buffers": True},
    {"kind": "get_ema_multi_avg_fn", "decay": 0.75, "use_buffers": True},
]
ANNEALED: list[dict[str, Any]] = [
    {"swa_lr": 0.05},
    {"swa_lr": 0.05, "anneal_epochs": 4},
    {"swa_lr": [0.05, 1.5], "anneal_epochs": 5, "anneal_strategy": "linear"},
    {"swa_lr": 0.05, "anneal_epochs": 0},
    {"swa_lr": 0.05, "anneal_epochs": 1, "anneal_strategy": "linear"},
    {"swa_lr": 0.05, "anneal_epochs": 6, "changed": True},
]
REFUSED = ("decay", "multi decay", "two functions", "strategy", "epochs", "fraction", "rates", "no optimizer")
DTYPES = ("float32", "float64")

CASES = [
    *ops("averaged model", [args(WEIGHTS, **options) for options in KINDS], program=averaged, checks=PLAIN),
    # the weight 1 / n of the mean over lists is a float32 number also for float64 parameters, but not for the oracle
    *ops(
        "averaged model",
        [args(WEIGHTS, **options) for options in KINDS if options.get("kind") != "get_swa_multi_avg_fn"],
        program=averaged,
        dtypes=("float64",),
        checks=PLAIN,
    ),
    *ops("average of one's own", [args(WEIGHTS, multi=m) for m in (False, True)], program=custom, checks=PLAIN),
    *ops(
        "update_bn",
        [args(WEIGHTS[0], BATCHES, pairs=p) for p in (False, True)]
        + [args(WEIGHTS[0], BATCHES, pairs=False, momentum=None)],
        program=renewed,
        dtypes=DTYPES,
        checks=PLAIN,
    ),
    *ops("SWALR", [args(normal(2).fixed(), **options) for options in ANNEALED], program=annealed, checks=PLAIN),
    *refuses("swa", [args(values([1.0]).fixed(), how=how) for how in REFUSED], program=refused),
]
