"""The adaptive optimizers, averaged and resilient descent: each formula with the mistakes that ports make in it."""

import functools
import math
from typing import Any

from conformance.case import OUTPUT, Arguments
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Subject
from conformance.prove.subjects.optim import given, trajectory, written

ONCE = frozenset({OUTPUT})


def pulled(p: Any, g: Any, group: Any, *, decay: str = "gradient", ascent: bool = True) -> Any:
    """The gradient of what is minimized: -g to maximize, plus w p; or p shrunk by 1 - lr w where `decay` is decoupled."""
    g = -g if group["maximize"] and ascent else g
    if decay == "gradient":
        return g + group["weight_decay"] * p
    p.mul_(1 - group["lr"] * group["weight_decay"])
    return g


# --- RMSprop ----------------------------------------------------------------------------------------------------------


def rmsprop(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    epsilon: str = "outside",
    decay: str = "gradient",
    ascent: bool = True,
    swapped: bool = False,
    centered: bool = True,
    corrected: bool = False,
    rate_inside: bool = False,
) -> None:
    """v = a v + (1 - a) g^2;  m = a m + (1 - a) g;  b = u b + g / (sqrt(v - m^2) + eps);  p -= lr b.

    Spoiled: epsilon "inside" the root; decay decoupled; `maximize` ignored; a and 1 - a swapped; never centered; the
    bias of v corrected; lr inside the velocity.
    """
    a, lr, eps = group["alpha"], group["lr"], group["eps"]
    a = 1 - a if swapped else a
    g = pulled(p, g, group, decay=decay, ascent=ascent)
    t = state["t"] = state.get("t", 0) + 1
    v = state["v"] = a * state.get("v", 0.0) + (1 - a) * g * g
    if group["centered"] and centered:
        m = state["m"] = a * state.get("m", 0.0) + (1 - a) * g
        v = v - m * m
    v = v / (1 - a**t) if corrected else v
    step = g / (torch.sqrt(v + eps) if epsilon == "inside" else torch.sqrt(v) + eps)
    if group["momentum"]:
        b = state["b"] = group["momentum"] * state.get("b", 0.0) + (lr * step if rate_inside else step)
        p.sub_(b if rate_inside else lr * b)
    else:
        p.sub_(lr * step)


def rmsprop_flat(torch: Any, p: Any, g: Any, state: Any, group: Any) -> None:
    """In place: v.lerp(g^2), a reciprocal root, one product."""
    g = torch.add(-g if group["maximize"] else g, p, alpha=group["weight_decay"])
    if not state:
        state.update(v=torch.zeros_like(p), m=torch.zeros_like(p), b=torch.zeros_like(p))
    state["v"].lerp_(g * g, 1 - group["alpha"])
    state["m"].lerp_(g, 1 - group["alpha"])
    v = torch.addcmul(state["v"], state["m"], state["m"], value=-1) if group["centered"] else state["v"]
    state["b"].mul_(group["momentum"]).add_(g * v.sqrt().add_(group["eps"]).reciprocal_())
    p.sub_(state["b"] * group["lr"])


RMSPROP: dict[str, Any] = {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
RMSPROP |= {"maximize": False}


def rmsprop_rows(make: Make) -> list[Arguments]:
    """Every option; alpha small enough that the variance does not cancel."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.1, "alpha": 0.6, "eps": 0.25}]
    rows += [{"lr": 0.1, "alpha": 0.6, "momentum": 0.9}, {"lr": 0.1, "alpha": 0.7, "centered": True, "eps": 0.5}]
    rows += [{"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "RMSprop", **row) for row in rows]


# --- Adagrad ----------------------------------------------------------------------------------------------------------


def adagrad(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    epsilon: str = "outside",
    decay: str = "gradient",
    initial: bool = True,
    counted_from: int = 0,
    decaying: bool = True,
    averaged: bool = False,
) -> None:
    """s += g^2;  p -= lr / (1 + (t - 1) d) g / (sqrt(s) + eps).

    Spoiled: epsilon "inside" the root; decay decoupled; s started at 0; the rate's t counted from 1; no decay of the
    rate; the mean of g^2 for the sum.
    """
    g = pulled(p, g, group, decay=decay)
    t = state["t"] = state.get("t", counted_from) + 1
    first = group["initial_accumulator_value"] if initial else 0.0
    s = state["s"] = state.get("s", torch.full_like(p, first)) + g * g
    s = s / t if averaged else s
    rate = group["lr"] / (1 + (t - 1) * group["lr_decay"] * decaying)
    eps = group["eps"]
    p.sub_(rate * g / (torch.sqrt(s + eps) if epsilon == "inside" else torch.sqrt(s) + eps))


ADAGRAD: dict[str, Any] = {"lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10}
ADAGRAD |= {"maximize": False}


def adagrad_rows(make: Make) -> list[Arguments]:
    """Every option."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.1, "lr_decay": 0.5}, {"lr": 0.1, "eps": 0.25}]
    rows += [{"lr": 0.1, "initial_accumulator_value": 0.5}, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "Adagrad", **row) for row in rows]


# --- Adadelta ---------------------------------------------------------------------------------------------------------


def adadelta(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    epsilon: str = "inside",
    swapped: bool = False,
    late: bool = False,
    of_gradient: bool = False,
    scaled: bool = False,
) -> None:
    """v = r v + (1 - r) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;  u = r u + (1 - r) d^2;  p -= lr d.

    Spoiled: epsilon "outside" the roots; r and 1 - r swapped; u updated before it is used; u of g instead of d; u of
    the steps with lr in them.
    """
    r, eps = group["rho"], group["eps"]
    r = 1 - r if swapped else r
    g = pulled(p, g, group)
    v = state["v"] = r * state.get("v", 0.0) + (1 - r) * g * g
    u = state.get("u", torch.zeros_like(p))
    if late:
        u = r * u + (1 - r) * g * g

    def root(x: Any) -> Any:
        return torch.sqrt(x + eps) if epsilon == "inside" else torch.sqrt(x) + eps

    d = root(u) / root(v) * g
    squared = g * g if of_gradient else (group["lr"] * d if scaled else d) ** 2
    state["u"] = r * state.get("u", torch.zeros_like(p)) + (1 - r) * squared
    p.sub_(group["lr"] * d)


ADADELTA: dict[str, Any] = {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0, "maximize": False}


def adadelta_rows(make: Make) -> list[Arguments]:
    """Every option."""
    rows: list[dict[str, Any]] = [{"lr": 1.0}, {"lr": 0.5, "rho": 0.3, "eps": 0.25}]
    rows += [{"lr": 1.0, "rho": 0.6, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "Adadelta", **row) for row in rows]


# --- Adamax -----------------------------------------------------------------------------------------------------------


def adamax(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    epsilon: str = "gradient",
    counted_from: int = 1,
    corrected: str = "first",
    swapped: bool = False,
    decayed: bool = True,
) -> None:
    """m = b m + (1 - b) g;  u = max(c u, |g| + eps);  p -= lr / (1 - b^t) m / u.

    Spoiled: epsilon added to u where it divides; t off by one; no correction, or one of u too; b and c swapped; u that
    does not decay.
    """
    b, c = reversed(group["betas"]) if swapped else group["betas"]
    g = pulled(p, g, group)
    t = state["t"] = state.get("t", counted_from - 1) + 1
    m = state["m"] = b * state.get("m", 0.0) + (1 - b) * g
    size = g.abs() + (group["eps"] if epsilon == "gradient" else 0.0)
    u = state["u"] = torch.maximum((c if decayed else 1.0) * state.get("u", torch.zeros_like(p)), size)
    u = u + (group["eps"] if epsilon == "divisor" else 0.0)
    u = u / (1 - c**t) if corrected == "both" else u
    p.sub_(group["lr"] / (1.0 if corrected == "none" else 1 - b**t) * m / u)


ADAMAX: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "maximize": False}


def adamax_rows(make: Make) -> list[Arguments]:
    """Every option."""
    rows: list[dict[str, Any]] = [{"lr": 0.002}, {"lr": 0.1, "betas": (0.6, 0.3)}]
    rows += [{"lr": 0.1, "betas": (0.4, 0.6), "eps": 0.25}]
    rows += [{"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "Adamax", **row) for row in rows]


# --- Rprop ------------------------------------------------------------------------------------------------------------


def rprop(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    direction: float = 1.0,
    skipped: bool = True,
    forgotten: bool = True,
    swapped: bool = False,
    bounded: tuple[bool, bool] = (True, True),
    back: bool = False,
) -> None:
    """Where g q > 0, s *= eta+; where g q < 0, s *= eta- and g = 0; s into its bounds; p -= s sign(g);  q = g.

    Spoiled: up the slope; a step also where the sign changed; the old g kept there; eta+ and eta- swapped; no bound
    below or above; the last step taken back where the sign changed (Rprop+).
    """
    low, high = reversed(group["etas"]) if swapped else group["etas"]
    least, most = group["step_sizes"]
    g = -g if group["maximize"] else g
    q, s = state.get("q", torch.zeros_like(p)), state.get("s", torch.full_like(p, group["lr"]))
    agreement = g * q
    s = torch.where(agreement > 0, s * high, torch.where(agreement < 0, s * low, s))
    s = s.clamp(min=least) if bounded[0] else s
    s = state["s"] = s.clamp(max=most) if bounded[1] else s
    used = torch.where(agreement < 0, 0.0, g) if skipped else g
    step = direction * s * used.sign()
    if back:
        step = torch.where(agreement < 0, -state["step"], step) if "step" in state else step
        state["step"] = step
    p.sub_(step)
    state["q"] = torch.where(agreement < 0, 0.0, g) if forgotten else g


RPROP: dict[str, Any] = {"etas": (0.5, 1.2), "step_sizes": (1e-6, 50), "maximize": False}


def rprop_rows(make: Make) -> list[Arguments]:
    """Every option, both bounds within reach."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.1, "etas": (0.3, 1.7), "maximize": True}]
    rows += [{"lr": 0.1, "step_sizes": (0.06, 0.13)}]
    return [given(make, "Rprop", steps=8, **row) for row in rows]


# --- ASGD -------------------------------------------------------------------------------------------------------------


def averages(torch: Any, parameters: Any, gradients: Any, *, optimizer: str, **options: Any) -> Any:
    """The parameters after each step, and the average of the path."""
    trained = [p.detach().clone().requires_grad_() for p in parameters]
    made = getattr(torch.optim, optimizer)(trained, **options)
    seen = []
    for number in range(gradients[0].shape[0]):
        for p, gradient in zip(trained, gradients, strict=True):
            p.grad = gradient[number].clone()
        made.step()
        seen += [p.detach().clone() for p in trained] + [made.state[p]["ax"].clone() for p in trained]
    return torch.stack(seen)


def asgd(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    start: float = 0.0,
    shrinking: bool = True,
    power: bool = True,
    late: bool = False,
    decay: str = "gradient",
) -> None:
    """p = (1 - l e) p - e g;  x += (p - x) / max(1, t - 1 - t0);  e = lr / (1 + l lr t)^a.

    Spoiled: the average begun `start` steps later; no shrinking of p; e without its power; e of this step for the one
    before; decay decoupled.
    """
    lr, lambd, t0 = group["lr"], group["lambd"], group["t0"] + start
    t = state["t"] = state.get("t", 0) + 1
    g = pulled(p, g, group, decay=decay)
    power_of = group["alpha"] if power else 1.0
    e = lr / (1 + lambd * lr * (t if late else t - 1)) ** power_of
    p.copy_((1 - lambd * e * shrinking) * p - e * g)
    share = 1 / max(1, t - 1 - t0)
    state["ax"] = p.clone() if share == 1 else state["ax"] + share * (p - state["ax"])


ASGD: dict[str, Any] = {"lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0, "maximize": False}


def asgd_rows(make: Make) -> list[Arguments]:
    """Every option, with an average that begins after a few steps."""
    rows: list[dict[str, Any]] = [{"lr": 0.1, "lambd": 0.3, "t0": 2}, {"lr": 0.1, "lambd": 0.3, "alpha": 0.4}]
    rows += [{"lr": 0.1, "lambd": 0.1, "t0": 0, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "ASGD", steps=8, **row) for row in rows]


# --- NAdam and RAdam --------------------------------------------------------------------------------------------------


def nadam(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    schedule: str = "both",
    product: bool = True,
    ahead: bool = True,
    counted_from: int = 1,
    epsilon: str = "outside",
    decay: str = "",
    base: float = 0.96,
) -> None:
    """mu_t = b (1 - 0.96^(t psi) / 2), and Adam with mu_{t+1} m / (1 - P_{t+1}) + (1 - mu_t) g / (1 - P_t) for its m.

    Spoiled: no schedule (mu = b), or one that lags; corrections by powers of b for the products P; no look ahead; t off
    by one; epsilon "inside" the root; decay of the other kind; another base than 0.96.
    """
    b, c = group["betas"]
    t = state["t"] = state.get("t", counted_from - 1) + 1
    g = pulled(p, g, group, decay=decay or ("parameter" if group["decoupled_weight_decay"] else "gradient"))

    def mu(step: int) -> float:
        return float(b * (1 - 0.5 * base ** (step * group["momentum_decay"])) if schedule != "none" else b)

    now, following = (mu(t - 1), mu(t)) if schedule == "late" else (mu(t), mu(t + 1))
    state["product"] = state.get("product", 1.0) * now
    done = state["product"] if product else b**t
    m = state["m"] = b * state.get("m", 0.0) + (1 - b) * g
    v = state["v"] = c * state.get("v", 0.0) + (1 - c) * g * g
    mean = following * m / (1 - done * following) + (1 - now) * g / (1 - done) if ahead else m / (1 - b**t)
    v = v / (1 - c**t)
    eps = group["eps"]
    p.sub_(group["lr"] * mean / (torch.sqrt(v + eps) if epsilon == "inside" else torch.sqrt(v) + eps))


NADAM: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "momentum_decay": 4e-3}
NADAM |= {"decoupled_weight_decay": False, "maximize": False}


def nadam_rows(make: Make) -> list[Arguments]:
    """Every option."""
    rows: list[dict[str, Any]] = [{"lr": 0.002}]
    rows += [{"lr": 0.1, "betas": (0.4, 0.6), "eps": 0.25, "momentum_decay": 0.5}]
    rows += [{"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    rows += [{"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}]
    return [given(make, "NAdam", **row) for row in rows]


def radam(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    threshold: float = 5.0,
    rectified: bool = True,
    adaptive: bool = False,
    counted_from: int = 1,
    epsilon: str = "outside",
    decay: str = "",
    corrected: bool = True,
) -> None:
    """Adam times r = sqrt((rho - 4) (rho - 2) R / ((R - 4) (R - 2) rho)) if rho > 5, else p -= lr m / (1 - b^t).

    rho = R - 2 t c^t / (1 - c^t), R = 2 / (1 - c) - 1. Spoiled: another threshold; no r; Adam's divisor also below the
    threshold; t off by one; epsilon "inside" the root, or "after" the correction; decay of the other kind; v not
    corrected.
    """
    b, c = group["betas"]
    t = state["t"] = state.get("t", counted_from - 1) + 1
    g = pulled(p, g, group, decay=decay or ("parameter" if group["decoupled_weight_decay"] else "gradient"))
    m = state["m"] = b * state.get("m", 0.0) + (1 - b) * g
    v = state["v"] = c * state.get("v", 0.0) + (1 - c) * g * g
    longest = 2 / (1 - c) - 1
    rho = longest - 2 * t * c**t / (1 - c**t)
    scale = math.sqrt(1 - c**t) if corrected else 1.0
    eps = group["eps"]
    divisor = torch.sqrt(v) + eps
    if epsilon != "outside":
        divisor = torch.sqrt(v + eps) if epsilon == "inside" else torch.sqrt(v) + scale * eps
    step = m / (1 - b**t)
    if rho > threshold:
        r = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
        step = step * (math.sqrt(abs(r)) if rectified else 1.0) * scale / divisor
    elif adaptive:
        step = step * scale / divisor
    p.sub_(group["lr"] * step)


RADAM: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "decoupled_weight_decay": False}
RADAM |= {"maximize": False}


def radam_rows(make: Make) -> list[Arguments]:
    """Every option, until the second moment is trusted: with c = 0.9 rho is 4.6 at step 5, and 5.4 at step 6."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.25}]
    rows += [{"lr": 0.1, "weight_decay": 0.3, "maximize": True}]
    rows += [{"lr": 0.1, "betas": (0.6, 0.9), "weight_decay": 0.3, "decoupled_weight_decay": True}]
    return [given(make, "RAdam", steps=8, **row) for row in rows]


# --- Adafactor --------------------------------------------------------------------------------------------------------


def adafactor(
    torch: Any,
    p: Any,
    g: Any,
    state: Any,
    group: Any,
    *,
    swapped: bool = False,
    factored: bool = True,
    clipping: bool = True,
    relative: bool = True,
    warm: bool = True,
    normalized: bool = True,
    power: float = 1.0,
    decay: str = "parameter",
) -> None:
    """r, c: running means of g^2 over columns and rows; v = r c / mean(r);  u = g / sqrt(v);  p -= a u / max(1, RMS(u) / d).

    a = max(eps2, RMS(p)) min(lr, 1 / sqrt(t)). Spoiled: r divided by the mean over the other dimension; v not factored;
    no clipping; a without RMS(p), or without 1 / sqrt(t); v not divided by the mean; another power of t in the averages;
    decay in the gradient.
    """
    eps1, eps2 = group["eps"]
    eps1 = torch.finfo(p.dtype).eps if eps1 is None else eps1
    g = -g if group["maximize"] else g
    t = state["t"] = state.get("t", 0) + 1
    fresh = t ** (power * group["beta2_decay"])
    rms = float(p.square().mean().sqrt())
    a = max(eps2, rms if relative else 1.0) * min(group["lr"], 1 / math.sqrt(t) if warm else group["lr"])
    if decay == "gradient":
        g = g + group["weight_decay"] * p
    else:
        p.mul_(1 - group["lr"] * group["weight_decay"])
    if p.ndim > 1 and factored:
        rows, columns = (g * g).mean(-1, keepdim=True), (g * g).mean(-2, keepdim=True)
        r = state["r"] = (1 - fresh) * state.get("r", 0.0) + fresh * rows
        c = state["c"] = (1 - fresh) * state.get("c", 0.0) + fresh * columns
        mean = (c.amax(-1, keepdim=True) if swapped else r.mean(-2, keepdim=True)).clamp(min=eps1)
        v = r * c / (mean if normalized else 1.0)
    else:
        v = state["v"] = (1 - fresh) * state.get("v", 0.0) + fresh * g * g
    u = g / v.clamp(min=eps1 * eps1).sqrt()
    p.sub_(a * u / max(1.0, float(u.square().mean().sqrt()) / group["d"] if clipping else 1.0))


ADAFACTOR: dict[str, Any] = {"beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0, "weight_decay": 0.0}
ADAFACTOR |= {"maximize": False}


def adafactor_rows(make: Make) -> list[Arguments]:
    """Every option, for matrices and vectors."""
    rows: list[dict[str, Any]] = [{"lr": 0.1}, {"lr": 0.9, "beta2_decay": -0.3}, {"lr": 0.1, "eps": (0.5, 2.0)}]
    rows += [{"lr": 0.1, "d": 1.25, "weight_decay": 0.3, "maximize": True}]
    return [given(make, "Adafactor", shape=shape, **row) for shape in ((3, 4), (5,)) for row in rows]


def likewise(update: Any, defaults: dict[str, Any], faults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """An optimizer class for each way to spoil an update."""
    return {name: written(functools.partial(update, **how), **defaults) for name, how in faults.items()}


SUBJECTS = [
    Subject(
        "steps of RMSprop",
        rmsprop_rows,
        program=trajectory,
        replaces="optim.RMSprop",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(rmsprop, **RMSPROP), "in place": written(rmsprop_flat, **RMSPROP)},
        faults=likewise(
            rmsprop,
            RMSPROP,
            {
                "epsilon inside the root": {"epsilon": "inside"},
                "decay decoupled": {"decay": "parameter"},
                "maximize ignored": {"ascent": False},
                "alpha swapped": {"swapped": True},
                "never centered": {"centered": False},
                "bias corrected": {"corrected": True},
                "rate inside the velocity": {"rate_inside": True},
            },
        ),
    ),
    Subject(
        "steps of Adagrad",
        adagrad_rows,
        program=trajectory,
        replaces="optim.Adagrad",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(adagrad, **ADAGRAD)},
        faults=likewise(
            adagrad,
            ADAGRAD,
            {
                "epsilon inside the root": {"epsilon": "inside"},
                "decay decoupled": {"decay": "parameter"},
                "started at zero": {"initial": False},
                "steps counted from two": {"counted_from": 1},
                "no decay of the rate": {"decaying": False},
                "mean for the sum": {"averaged": True},
            },
        ),
    ),
    Subject(
        "steps of Adadelta",
        adadelta_rows,
        program=trajectory,
        replaces="optim.Adadelta",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(adadelta, **ADADELTA)},
        faults=likewise(
            adadelta,
            ADADELTA,
            {
                "epsilon outside the roots": {"epsilon": "outside"},
                "rho swapped": {"swapped": True},
                "steps averaged too early": {"late": True},
                "gradients for steps": {"of_gradient": True},
                "rate in the average": {"scaled": True},
            },
        ),
    ),
    Subject(
        "steps of Adamax",
        adamax_rows,
        program=trajectory,
        replaces="optim.Adamax",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(adamax, **ADAMAX)},
        faults=likewise(
            adamax,
            ADAMAX,
            {
                "epsilon in the divisor": {"epsilon": "divisor"},
                "steps counted from two": {"counted_from": 2},
                "no correction": {"corrected": "none"},
                "norm corrected too": {"corrected": "both"},
                "betas swapped": {"swapped": True},
                "norm does not decay": {"decayed": False},
            },
        ),
    ),
    Subject(
        "steps of Rprop",
        rprop_rows,
        program=trajectory,
        replaces="optim.Rprop",
        checks=ONCE,
        regimes=("normal",),
        legitimate={"written out": written(rprop, **RPROP)},
        faults=likewise(
            rprop,
            RPROP,
            {
                "up the slope": {"direction": -1.0},
                "no step skipped": {"skipped": False},
                "gradient not forgotten": {"forgotten": False},
                "etas swapped": {"swapped": True},
                "no bound below": {"bounded": (False, True)},
                "no bound above": {"bounded": (True, False)},
                "step taken back": {"back": True},
            },
        ),
    ),
    Subject(
        "steps of ASGD",
        asgd_rows,
        program=averages,
        replaces="optim.ASGD",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(asgd, **ASGD)},
        faults=likewise(
            asgd,
            ASGD,
            {
                "average begun a step late": {"start": 1.0},
                "average begun a step early": {"start": -1.0},
                "parameters do not shrink": {"shrinking": False},
                "rate without its power": {"power": False},
                "rate a step early": {"late": True},
                "decay decoupled": {"decay": "parameter"},
            },
        ),
    ),
    Subject(
        "steps of NAdam",
        nadam_rows,
        program=trajectory,
        replaces="optim.NAdam",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(nadam, **NADAM)},
        faults=likewise(
            nadam,
            NADAM,
            {
                "no momentum schedule": {"schedule": "none"},
                "momentum a step late": {"schedule": "late"},
                "powers for products": {"product": False},
                "no look ahead": {"ahead": False},
                "steps counted from two": {"counted_from": 2},
                "epsilon inside the root": {"epsilon": "inside"},
                "decay decoupled": {"decay": "parameter"},
                "decay coupled": {"decay": "gradient"},
                "another base": {"base": 0.95},
            },
        ),
    ),
    Subject(
        "steps of RAdam",
        radam_rows,
        program=trajectory,
        replaces="optim.RAdam",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(radam, **RADAM)},
        faults=likewise(
            radam,
            RADAM,
            {
                "threshold of four": {"threshold": 4.0},
                "threshold of six": {"threshold": 6.0},
                "not rectified": {"rectified": False},
                "always adaptive": {"adaptive": True},
                "steps counted from two": {"counted_from": 2},
                "epsilon inside the root": {"epsilon": "inside"},
                "epsilon after the correction": {"epsilon": "after"},
                "second moment not corrected": {"corrected": False},
                "decay decoupled": {"decay": "parameter"},
                "decay coupled": {"decay": "gradient"},
            },
        ),
    ),
    Subject(
        "steps of Adafactor",
        adafactor_rows,
        program=trajectory,
        replaces="optim.Adafactor",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": written(adafactor, **ADAFACTOR)},
        faults=likewise(
            adafactor,
            ADAFACTOR,
            {
                "mean of the other factor": {"swapped": True},
                "not factored": {"factored": False},
                "not clipped": {"clipping": False},
                "not relative": {"relative": False},
                "rate does not fall": {"warm": False},
                "not divided by the mean": {"normalized": False},
                "averages forget faster": {"power": 0.5},
                "decay in the gradient": {"decay": "gradient"},
            },
        ),
    ),
]
