"""Optimizers behave as torch's: probes run with both libraries, states go from one to the other, steps agree."""

import copy
import importlib
import inspect
import itertools
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch

import refnet
from refnet.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

Probe = Callable[[Any], Any]
ROUNDING = 32 * 2.0**-53  # a few operations of float64 a step: torch fuses multiply and add, numpy does not


def plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor | refnet.Tensor):
        rounded = numpy.array([float(f"{x:.4g}") for x in value.detach().double().reshape(-1).tolist()])
        return [str(value.dtype).split(".")[1], list(value.shape), rounded.tolist()]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.replace("torch.", "").replace("refnet.", "")
    return value


def outcome(probe: Probe, library: Any) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(probe(library))
        except Exception as error:
            result = (type(error).__name__, plain(str(error)))
    return result, [warning.category.__name__ for warning in caught]


def weights(t: Any) -> list[Any]:
    made = [t.linspace(-1, 1, 6).reshape(2, 3), t.ones(2)]
    for number, weight in enumerate(made):
        weight.requires_grad_()
        weight.grad = (weight.detach() * 0.5 + number).clone()
    return made


def sgd(t: Any, **options: Any) -> Any:
    return t.optim.SGD(weights(t), **{"lr": 0.1, "momentum": 0.9, **options})


def parameters_of(optimizer: Any) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]


# --- probes -------------------------------------------------------------------------------------------------------


def representation(t: Any) -> Any:
    return [repr(sgd(t)), repr(t.optim.Adam(weights(t))), repr(t.optim.AdamW(weights(t), lr=0.5))]


def defaults(t: Any) -> Any:
    made = [t.optim.SGD(weights(t)), t.optim.Adam(weights(t)), t.optim.AdamW(weights(t))]
    return [[dict(o.defaults), {k: v for k, v in o.param_groups[0].items() if k != "params"}] for o in made]


def groups(t: Any) -> Any:
    a, b = weights(t)
    o = t.optim.SGD([{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.1}], lr=0.1)
    c = t.zeros(3, requires_grad=True)
    o.add_param_group({"params": iter([c])})
    o.step()
    return [o.state_dict(), [len(g["params"]) for g in o.param_groups], a, b, c]


def names(t: Any) -> Any:
    o = t.optim.SGD(zip(["a", "b"], weights(t), strict=True), lr=0.1)
    o.step()
    return [o.param_groups[0]["param_names"], o.state_dict()]


def state_after_steps(t: Any) -> Any:
    seen = []
    for o in (sgd(t), t.optim.Adam(weights(t), amsgrad=True), t.optim.AdamW(weights(t))):
        o.step()
        o.step()
        seen.append([o.state_dict(), parameters_of(o)])
    return seen


def zero_grad(t: Any) -> Any:
    o = sgd(t)
    o.zero_grad(set_to_none=False)
    kept = [p.grad for p in parameters_of(o)]
    o.zero_grad()
    before = [p.detach().clone() for p in parameters_of(o)]
    o.step()
    return [kept, [p.grad for p in parameters_of(o)], before, parameters_of(o), o.state_dict()["state"]]


def closure(t: Any) -> Any:
    (w, _) = weights(t)
    o = t.optim.SGD([w], lr=0.1)

    def evaluate() -> Any:
        o.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with t.no_grad():
        loss = o.step(evaluate)
    return [loss, loss.requires_grad, w, o.step()]


def hooks(t: Any) -> Any:
    o = sgd(t)
    seen: list[Any] = []
    handles = [
        o.register_step_pre_hook(lambda opt, args, kwargs: seen.append(["pre", len(args), kwargs])),
        o.register_step_post_hook(lambda opt, args, kwargs: seen.append("post")),
        o.register_state_dict_pre_hook(lambda opt: seen.append("saving")),
        o.register_state_dict_post_hook(lambda opt, state: {**state, "more": 1}),
        o.register_load_state_dict_pre_hook(lambda opt, state: seen.append(sorted(state))),
        o.register_load_state_dict_post_hook(lambda opt: seen.append("loaded")),
    ]
    o.step()
    o.load_state_dict(o.state_dict())
    for handle in handles:
        handle.remove()
    o.step()
    return [seen, sorted(o.state_dict())]


def subclass(t: Any) -> Any:
    class Doubled(t.optim.SGD):  # type: ignore[misc,name-defined]
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step(closure)

    class Plain(t.optim.Optimizer):  # type: ignore[misc,name-defined]
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> Any:
            with t.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad, alpha=-group["lr"])

    a, b = Doubled(weights(t), lr=0.1), Plain(weights(t), lr=0.1)
    a.step()
    b.step()
    return [parameters_of(a), parameters_of(b), isinstance(b, t.optim.Optimizer)]


def loading(t: Any) -> Any:
    a, b = sgd(t, weight_decay=0.5), sgd(t)
    a.step()
    b.load_state_dict(a.state_dict())
    b.step()
    return [b.state_dict(), b.param_groups[0]["weight_decay"], b.param_groups[0]["params"][0] is parameters_of(b)[0]]


def loading_converts(t: Any) -> Any:
    a = t.optim.Adam(weights(t))
    a.step()
    double = [w.detach().double().requires_grad_() for w in weights(t)]
    for w in double:
        w.grad = t.ones_like(w).detach()
    b = t.optim.Adam(double)
    b.load_state_dict(a.state_dict())
    b.step()
    return b.state_dict()["state"]


def tensor_rate(t: Any) -> Any:
    seen = []
    for name in ("SGD", "Adam", "AdamW"):
        o = getattr(t.optim, name)(weights(t), lr=t.tensor(0.1), weight_decay=0.5)
        o.step()
        seen.append([parameters_of(o), o.param_groups[0]["lr"]])
    o = t.optim.Adam(weights(t), lr=t.tensor([0.1]), betas=(t.tensor(0.5), t.tensor(0.5)))
    o.step()
    return [*seen, parameters_of(o)]


def duplicates(t: Any) -> Any:
    w = weights(t)[0]
    return len(t.optim.SGD([w, w], lr=0.1).param_groups[0]["params"])


def stale_graph(t: Any) -> Any:
    (w, _) = weights(t)
    loss = (w * w).sum()
    t.optim.SGD([w], lr=0.1).step()
    try:
        loss.backward()
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return "no error"


def clipping(t: Any) -> Any:
    utils = t.nn.utils
    seen = []
    for norm in (2.0, 1, 0.5, 3, "inf", float("-inf"), 0):
        ws = weights(t)
        seen.append([utils.clip_grad_norm_(ws, 0.5, norm_type=norm), [w.grad for w in ws]])
    ws = weights(t)
    utils.clip_grad_value_(ws[0], 0.25)
    unused = t.zeros(2, requires_grad=True)
    seen.append([ws[0].grad, utils.clip_grad_norm_(unused, 1.0), utils.clip_grad_norm_(iter([]), 1.0)])
    total = utils.get_total_norm([w.grad for w in ws])
    utils.clip_grads_with_norm_(ws, 0.1, total)
    return [*seen, total, [w.grad for w in ws]]


def vectors(t: Any) -> Any:
    ws = weights(t)
    vector = t.nn.utils.parameters_to_vector(ws)
    vector.sum().backward()
    t.nn.utils.vector_to_parameters(t.arange(8.0), ws)
    return [vector, [w.grad for w in ws], ws]


PROBES: dict[str, Probe] = {
    f.__name__: f
    for f in (
        representation,
        defaults,
        groups,
        names,
        state_after_steps,
        zero_grad,
        closure,
        hooks,
        subclass,
        loading,
        loading_converts,
        tensor_rate,
        duplicates,
        stale_graph,
        clipping,
        vectors,
    )
}
ERRORS: dict[str, Probe] = {
    "no step": lambda t: t.optim.Optimizer(weights(t), {}).step(),
    "tensor": lambda t: t.optim.SGD(t.ones(2)),
    "empty": lambda t: t.optim.SGD([]),
    "number": lambda t: t.optim.SGD([3]),
    "set": lambda t: t.optim.SGD([{"params": set(weights(t))}]),
    "non-leaf": lambda t: t.optim.SGD([weights(t)[0] * 2]),
    "twice": lambda t: t.optim.SGD([{"params": w} for w in weights(t)[:1] * 2]),
    "group": lambda t: sgd(t).add_param_group(weights(t)),
    "half named": lambda t: t.optim.SGD([("a", weights(t)[0]), weights(t)[1]]),
    "named group": lambda t: sgd(t).add_param_group({"params": [("a", t.ones(1, requires_grad=True))]}),
    "required": lambda t: t.optim.Optimizer([{"params": weights(t)}], {"lr": required_of(t)}),
    "lr": lambda t: t.optim.SGD(weights(t), lr=-1),
    "lr size": lambda t: t.optim.SGD(weights(t), lr=t.ones(2)),
    "momentum": lambda t: t.optim.SGD(weights(t), momentum=-1),
    "decay": lambda t: t.optim.SGD(weights(t), weight_decay=-1),
    "nesterov": lambda t: t.optim.SGD(weights(t), nesterov=True),
    "fused and foreach": lambda t: t.optim.SGD(weights(t), fused=True, foreach=True),
    "fused and differentiable": lambda t: t.optim.SGD(weights(t), fused=True, differentiable=True),
    "adam lr": lambda t: t.optim.Adam(weights(t), lr=-1.0),
    "adam lr size": lambda t: t.optim.Adam(weights(t), lr=t.ones(2)),
    "adam lr foreach": lambda t: t.optim.Adam(weights(t), lr=t.ones(1), foreach=True),
    "adam eps": lambda t: t.optim.Adam(weights(t), eps=-1.0),
    "adam beta 0": lambda t: t.optim.Adam(weights(t), betas=(1.0, 0.5)),
    "adam beta 1": lambda t: t.optim.Adam(weights(t), betas=(0.5, -1.0)),
    "adam mixed betas": lambda t: t.optim.Adam(weights(t), betas=(0.5, t.tensor(0.5))),
    "adam beta size": lambda t: t.optim.Adam(weights(t), betas=(t.full((2,), 0.5), t.tensor(0.5))),
    "adam decay": lambda t: t.optim.AdamW(weights(t), weight_decay=-1.0),
    "load groups": lambda t: sgd(t).load_state_dict({"state": {}, "param_groups": []}),
    "load size": lambda t: sgd(t).load_state_dict({"state": {}, "param_groups": [{"params": [0]}]}),
    "nonfinite norm": lambda t: t.nn.utils.clip_grad_norm_(_nan_gradient(t), 1.0, error_if_nonfinite=True),
}


def required_of(t: Any) -> Any:
    return importlib.import_module(f"{t.__name__}.optim.optimizer").required


def _nan_gradient(t: Any) -> Any:
    w = t.ones(2, requires_grad=True)
    w.grad = t.full((2,), float("nan"))
    return w


@pytest.mark.parametrize("name", PROBES)
def test_same_as_torch(name: str) -> None:
    expected = outcome(PROBES[name], torch)
    assert not isinstance(expected[0], tuple), expected
    assert outcome(PROBES[name], refnet) == expected


@pytest.mark.parametrize("name", ERRORS)
def test_same_error_as_torch(name: str) -> None:
    (expected, _), (got, _) = outcome(ERRORS[name], torch), outcome(ERRORS[name], refnet)
    assert isinstance(expected, tuple), expected
    if name in ("tensor", "lr size", "adam lr size", "adam beta size"):  # torch's tensors are called FloatTensor
        assert got[0] == expected[0]
    else:
        assert got == expected


NAMES = ("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam")
NAMES += ("RMSprop", "Rprop", "SGD", "SparseAdam")
CAPTURABLE = ("ASGD", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop")


def test_all_of_torchs_optimizers_are_here() -> None:
    classes = {name for name in dir(torch.optim) if name[0].isupper() and name != "Optimizer"}
    assert classes == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_torchs(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(library.optim, name).__init__) for library in (refnet, torch))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]
    made = [getattr(library.optim, name)([weights(library)[0]]) for library in (refnet, torch)]
    assert list(made[0].defaults.items()) == list(made[1].defaults.items())
    assert repr(made[0]) == repr(made[1])


def test_sparse_adam_refuses_what_is_dense() -> None:
    for library in (torch, refnet):
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam"):
            library.optim.SparseAdam(weights(library)).step()


# --- numbers ------------------------------------------------------------------------------------------------------

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.25, "weight_decay": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.7), "eps": 0.01, "weight_decay": 0.5}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.6, "momentum": 0.5, "centered": True, "weight_decay": 0.5, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "eps": 0.01}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.5, "initial_accumulator_value": 0.25}),
    ("Adadelta", {"lr": 0.5, "rho": 0.6, "weight_decay": 0.5, "maximize": True}),
    ("Adamax", {"lr": 0.1, "betas": (0.3, 0.7), "eps": 0.01, "weight_decay": 0.5, "maximize": True}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.05, 0.2), "maximize": True}),
    ("ASGD", {"lr": 0.1, "lambd": 0.3, "alpha": 0.5, "t0": 2, "weight_decay": 0.5, "maximize": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.5, "momentum_decay": 0.5, "maximize": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.5, "maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.5, "d": 1.5, "maximize": True}),
]


def twins(name: str, options: dict[str, Any], seed: int = 0) -> tuple[Any, Any, numpy.random.Generator]:
    """The same optimizer over the same float64 parameters, in torch and in refnet."""
    rng = numpy.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (5,), ())]
    ours = [refnet.tensor(numpy.array(a)).requires_grad_() for a in arrays]
    theirs = [torch.tensor(a).requires_grad_() for a in arrays]
    made = getattr(torch.optim, name)(theirs, foreach=False, **options)
    return made, getattr(refnet.optim, name)(ours, **options), rng


def step_both(theirs: Any, ours: Any, rng: numpy.random.Generator, count: int) -> None:
    for _ in range(count):
        for p, q in zip(parameters_of(theirs), parameters_of(ours), strict=True):
            gradient = rng.normal(size=tuple(p.shape))
            p.grad, q.grad = torch.tensor(gradient), refnet.tensor(numpy.array(gradient))
        theirs.step()
        ours.step()


def assert_close(theirs: Any, ours: Any) -> None:
    for p, q in zip(parameters_of(theirs), parameters_of(ours), strict=True):
        numpy.testing.assert_allclose(q.detach().numpy(), p.detach().numpy(), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_ten_steps(name: str, options: dict[str, Any]) -> None:
    theirs, ours, rng = twins(name, options)
    step_both(theirs, ours, rng, 10)
    assert_close(theirs, ours)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_state_goes_both_ways(name: str, options: dict[str, Any]) -> None:
    theirs, ours, rng = twins(name, options)
    step_both(theirs, ours, rng, 3)
    fresh_theirs, fresh_ours, _ = twins(name, {"lr": 9.0})
    fresh_ours.load_state_dict(theirs.state_dict())
    state = copy.deepcopy(ours.state_dict())
    for entry in state["state"].values():
        for key, value in entry.items():
            entry[key] = torch.tensor(value.numpy())
    fresh_theirs.load_state_dict(state)
    step_both(fresh_theirs, fresh_ours, rng, 3)
    assert_close(fresh_theirs, fresh_ours)


def test_loading_shares_what_needs_no_conversion() -> None:
    first = refnet.optim.Adam(weights(refnet))
    first.step()
    same, other = refnet.optim.Adam(weights(refnet)), refnet.optim.Adam([w.detach().double() for w in weights(refnet)])
    for optimizer in (same, other):
        optimizer.load_state_dict(first.state_dict())
    for name, value in first.state_dict()["state"][0].items():
        assert same.state_dict()["state"][0][name] is value
        assert (other.state_dict()["state"][0][name] is value) == (name == "step")


def test_differentiable_is_refused() -> None:
    differentiable = [
        name for name in NAMES if "differentiable" in getattr(torch.optim, name)([weights(torch)[0]]).defaults
    ]
    assert len(differentiable) == 11
    for name in differentiable:
        with pytest.raises(NotImplementedError, match="differentiable=True is not supported"):
            getattr(refnet.optim, name)(weights(refnet), differentiable=True)


def test_capturable_needs_a_gpu() -> None:
    for library, name in itertools.product((torch, refnet), CAPTURABLE):
        optimizer = getattr(library.optim, name)(weights(library), capturable=True, foreach=False)
        with pytest.raises(AssertionError, match="If capturable=True, params.* must be on supported devices"):
            optimizer.step()


def test_global_hooks() -> None:
    seen: list[str] = []
    before = register_optimizer_step_pre_hook(lambda o, a, k: seen.append("before"))
    after = register_optimizer_step_post_hook(lambda o, a, k: seen.append("after"))
    with before, after:
        sgd(refnet).step()
    sgd(refnet).step()
    assert seen == ["before", "after"]


def test_pickle_keeps_state() -> None:
    optimizer = refnet.optim.Adam(weights(refnet), lr=0.5)
    optimizer.step()
    twin = pickle.loads(pickle.dumps(optimizer))
    for p, q in zip(parameters_of(optimizer), parameters_of(twin), strict=True):
        q.grad = p.grad
    optimizer.step()
    twin.step()
    assert plain(parameters_of(twin)) == plain(parameters_of(optimizer))
    assert plain(twin.state_dict()) == plain(optimizer.state_dict())


def test_state_is_kept_in_the_layout_of_the_parameter() -> None:
    w = refnet.ones(3, 4).t().requires_grad_()
    w.grad = refnet.ones(4, 3)
    optimizer = refnet.optim.Adam([w])
    optimizer.step()
    assert optimizer.state_dict()["state"][0]["exp_avg"].stride() == w.stride()
