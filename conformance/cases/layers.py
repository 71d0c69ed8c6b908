"""Layers with few or no parameters: activations, losses, dropout, reshaping, linear; containers and state by name."""

import warnings
from collections import OrderedDict
from typing import Any

from conformance.cases import (
    CHECKS,
    FORWARD,
    LAYOUTS,
    SECOND,
    Arguments,
    args,
    away_from,
    integers,
    normal,
    ops,
    positive,
    probabilities,
    refuses,
    uniform,
)

FIRST = CHECKS - {SECOND}


def layer(torch: Any, *operands: Any, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A layer made with these arguments: its result, its text, and the kinds of warnings that came."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = getattr(torch.nn, kind)(*arguments, **options)
        out = made(*operands)
    return out, repr(made), [warning.category.__name__ for warning in caught]


X = away_from(3, 4, points=(-1.0, -0.5, 0.0, 0.4, 0.5, 1.0, 6.0))
ACTIVATIONS = [
    *[args(X, kind=kind) for kind in ("ReLU", "SiLU", "Tanh", "Sigmoid", "LogSigmoid", "LeakyReLU", "ELU", "Hardtanh")],
    *[args(X, kind=kind) for kind in ("ReLU6", "Softplus")],
    args(X, kind="LeakyReLU", arguments=(0.3,)),
    args(X, kind="LeakyReLU", negative_slope=0.2),
    args(X, kind="ELU", arguments=(0.7,)),
    args(X, kind="ELU", alpha=2.0),
    args(X, kind="Hardtanh", arguments=(-0.5, 0.5)),
    args(X, kind="Hardtanh", min_val=-1.0, max_val=0.4),
    args(X, kind="Threshold", arguments=(0.4, -2.0)),
    args(X, kind="Threshold", threshold=0.5, value=3.0),
    args(X, kind="Softplus", arguments=(2.0, 1.5)),
    args(X, kind="Softplus", beta=0.5, threshold=3.0),
    *[args(normal(3, 4), kind=kind, arguments=(1,)) for kind in ("Softmax", "Softmin", "LogSoftmax")],
    *[args(normal(3, 4), kind=kind, dim=0) for kind in ("Softmax", "Softmin", "LogSoftmax")],
    *[args(normal(3, 4), kind=kind) for kind in ("Softmax", "Softmin", "LogSoftmax")],
    args(normal(2, 3, 2, 2), kind="Softmax2d"),
    args(normal(3, 2, 2), kind="Softmax2d"),
]


def in_place(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = ()) -> Any:
    """A layer that writes to its argument: the result, the argument, the text."""
    made = getattr(torch.nn, kind)(*arguments, inplace=True)
    z = x * 1
    return made(z), z, repr(made)


INPLACE = [args(X, kind=kind) for kind in ("ReLU", "SiLU", "LeakyReLU", "ELU", "Hardtanh", "ReLU6")]
INPLACE += [args(X, kind="Threshold", arguments=(0.4, -2.0))]

CLASSES = integers(5, high=3)
LOSSES: list[Arguments] = []
for reduction in ("none", "mean", "sum"):
    for kind in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
        LOSSES += [args(normal(3, 4), normal(3, 4, offset=3), kind=kind, reduction=reduction)]
    LOSSES += [
        args(normal(5, 3), CLASSES, kind="NLLLoss", reduction=reduction),
        args(normal(5, 3), CLASSES, kind="CrossEntropyLoss", reduction=reduction),
        args(uniform(3, 4, low=0.1, high=0.9), uniform(3, 4), kind="BCELoss", reduction=reduction),
        args(normal(3, 4), uniform(3, 4), kind="BCEWithLogitsLoss", reduction=reduction),
    ]
LOSSES += [
    args(normal(3, 4), normal(3, 4, offset=3), kind="SmoothL1Loss", beta=2.5),
    args(normal(3, 4), normal(3, 4, offset=3), kind="SmoothL1Loss", arguments=(None, None, "sum", 0.5)),
    args(normal(3, 4), normal(3, 4, offset=3), kind="HuberLoss", delta=2.5),
    args(normal(3, 4), normal(3, 4, offset=3), kind="HuberLoss", arguments=("sum", 0.5)),
    args(normal(5, 3), CLASSES, kind="NLLLoss", ignore_index=1),
    args(normal(5, 3), CLASSES, kind="CrossEntropyLoss", ignore_index=1),
    args(normal(5, 3), CLASSES, kind="CrossEntropyLoss", label_smoothing=0.3),
    args(normal(5, 3), probabilities(5, 3), kind="CrossEntropyLoss", label_smoothing=0.3, reduction="sum"),
    args(normal(3, 4), normal(3, 4), kind="MSELoss", size_average=False),
    args(normal(3, 4), normal(3, 4), kind="MSELoss", reduce=False),
    args(normal(3, 4), normal(3, 4), kind="MSELoss", arguments=(False, None)),
    args(normal(3, 4), normal(3, 4), kind="MSELoss", arguments=(None, False)),
    args(normal(3, 4), normal(3, 4, offset=3), kind="L1Loss", arguments=(None, False)),
    args(normal(5, 3), CLASSES, kind="NLLLoss", arguments=(None, False, 1)),
    args(normal(5, 3), CLASSES, kind="NLLLoss", arguments=(None, None, 1, False)),
    args(normal(5, 3), CLASSES, kind="CrossEntropyLoss", arguments=(None, False, 1)),
    args(normal(5, 3), CLASSES, kind="CrossEntropyLoss", arguments=(None, None, 1, False, "mean", 0.1)),
    args(uniform(3, 4, low=0.1, high=0.9), uniform(3, 4), kind="BCELoss", arguments=(None, False)),
    args(normal(3, 4), uniform(3, 4), kind="BCEWithLogitsLoss", arguments=(None, None, False)),
]


def weighted(torch: Any, x: Any, y: Any, weight: Any, *, kind: str, name: str = "weight", **options: Any) -> Any:
    """A loss with a weight: a buffer that is part of its state."""
    made = getattr(torch.nn, kind)(**{name: weight.detach()}, **options)
    return made(x, y), list(made.state_dict()), [n for n, _ in made.named_buffers()], repr(made)


WEIGHTED = [
    args(normal(5, 3), CLASSES, positive(3).fixed(), kind="NLLLoss"),
    args(normal(5, 3), CLASSES, positive(3).fixed(), kind="CrossEntropyLoss", reduction="sum"),
    args(uniform(3, 4, low=0.1, high=0.9), uniform(3, 4), positive(4).fixed(), kind="BCELoss"),
    args(normal(3, 4), uniform(3, 4), positive(4).fixed(), kind="BCEWithLogitsLoss"),
    args(normal(3, 4), uniform(3, 4), positive(4).fixed(), kind="BCEWithLogitsLoss", name="pos_weight"),
]

DROPOUTS = [("Dropout", (4, 5)), ("Dropout1d", (2, 3, 5)), ("Dropout2d", (2, 3, 4, 5)), ("Dropout3d", (2, 3, 2, 2, 2))]
DROPOUTS += [("AlphaDropout", (4, 5)), ("FeatureAlphaDropout", (2, 3, 4))]


def dropped(torch: Any, x: Any, *, kind: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """A dropout layer in training, in place and in evaluation, from one seed."""
    made = getattr(torch.nn, kind)(*arguments, **options)
    z = x * 1
    first = made(z)
    return first, z, made(x * 1), made.eval()(x * 1), repr(made)


DROPPED = [
    args(normal(*shape), kind=kind, **options)
    for kind, shape in DROPOUTS
    for options in (
        {},
        {"arguments": (0.3,)},
        {"p": 0.7, "inplace": True},
        {"arguments": (0.2, True)},
        {"p": 0.0},
        {"p": 1.0},
    )
]
RESHAPED = [
    args(normal(2, 3, 4), kind="Flatten"),
    args(normal(2, 3, 4), kind="Flatten", arguments=(0,)),
    args(normal(2, 3, 4, 5), kind="Flatten", arguments=(1, 2)),
    args(normal(2, 3, 4), kind="Flatten", start_dim=0, end_dim=1),
    args(normal(2, 12), kind="Unflatten", arguments=(1, (3, 4))),
    args(normal(2, 12), kind="Unflatten", dim=-1, unflattened_size=(2, -1)),
    args(normal(2, 3), kind="Identity"),
    args(normal(2, 3), kind="Identity", arguments=(54, "anything"), more=1),
]


def affine(torch: Any, x: Any, weight: Any, bias: Any, *, kind: str = "Linear", **options: Any) -> Any:
    """A linear layer with given parameters."""
    first = (weight.shape[0],) if kind.startswith("Lazy") else (weight.shape[1], weight.shape[0])
    made = getattr(torch.nn, kind)(*first, bias=bias is not None, dtype=x.dtype, **options)
    made(x)  # a lazy layer learns its sizes here
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)
    return made(x), made.in_features, made.out_features, list(made.state_dict()), repr(made)


def initialised(torch: Any, *, arguments: tuple[Any, ...], kind: str = "Linear", **options: Any) -> Any:
    """Parameters as the seed draws them, at float32 also where the rest is computed at float64: other draws prove nothing."""
    made = getattr(torch.nn, kind)(*arguments, dtype=torch.float32, **options)
    return dict(made.state_dict()), [p.requires_grad for p in made.parameters()], repr(made)


AFFINE = [
    *ops(
        "affine layer",
        [args(normal(4, 3), normal(5, 3).fixed(), normal(5).fixed()), args(normal(4, 3), normal(5, 3).fixed(), None)],
        program=affine,
        checks=FIRST,
    ),
    *ops(
        "affine layer",
        [args(normal(4, 3), normal(5, 3).fixed(), normal(5).fixed(), kind="LazyLinear")],
        program=affine,
        checks=FORWARD - {LAYOUTS},
    ),
    *ops(
        "affine layer",
        [args(normal(4, 3), normal(5, 3).fixed(), None, kind="LazyLinear")],
        program=affine,
        checks=FORWARD - {LAYOUTS},
    ),
    *ops(
        "drawn parameters",
        [
            args(arguments=(4, 3)),
            args(arguments=(4, 3, False)),
            args(arguments=(1, 1)),
            args(arguments=(7, 2), bias=True),
        ],
        program=initialised,
        checks=FORWARD - {LAYOUTS},
    ),
    *ops(
        "drawn parameters",
        [
            args(arguments=(3,), kind=f"BatchNorm{n}d", affine=flag, track_running_stats=not flag)
            for n in (1, 2, 3)
            for flag in (True, False)
        ],
        program=initialised,
        checks=FORWARD - {LAYOUTS},
    ),
]

# --- containers -------------------------------------------------------------------------------------------------------


def sequence(torch: Any, x: Any) -> Any:
    """Everything a Sequential does as a list."""
    nn = torch.nn
    made = nn.Sequential(nn.Tanh(), nn.ReLU(), nn.Sigmoid())
    found: list[Any] = [made(x), len(made), repr(made), type(made[0]).__name__, type(made[-1]).__name__, repr(made[1:])]
    made.append(nn.SiLU())
    made.insert(0, nn.Identity())
    made.insert(-1, nn.Flatten())
    made.extend([nn.Tanh(), nn.Identity()])
    found += [list(made.state_dict()), [name for name, _ in made.named_children()], repr(made), made(x)]
    made[1] = nn.Sigmoid()
    del made[0]
    del made[-2:]
    found += [repr(made), [type(m).__name__ for m in made], type(made.pop(1)).__name__, repr(made), made(x)]
    both = made + nn.Sequential(nn.Tanh())
    made += nn.Sequential(nn.ELU())
    found += [repr(both), repr(made), repr(made * 2), repr(2 * made), len(made)]
    made *= 2
    named = nn.Sequential(OrderedDict([("first", nn.Tanh()), ("second", nn.ReLU())]))
    return [
        *found,
        len(made),
        repr(named),
        named(x),
        type(named.second).__name__,
        bool(nn.Sequential()),
        repr(nn.Sequential()),
    ]


def module_list(torch: Any, x: Any) -> Any:
    """Everything a ModuleList does."""
    nn = torch.nn
    made = nn.ModuleList([nn.Tanh(), nn.ReLU()])
    made.append(nn.Sigmoid()).insert(1, nn.SiLU())
    made.extend(nn.ModuleList([nn.ELU()]))
    found: list[Any] = [
        len(made),
        repr(made),
        type(made[-1]).__name__,
        repr(made[1:3]),
        [n for n, _ in made.named_children()],
    ]
    made[0] = nn.Identity()
    del made[1]
    made += [nn.Tanh()]
    found += [repr(made), type(made.pop(0)).__name__, repr(made), repr(made + nn.ModuleList([nn.ReLU()]))]
    del made[-2:]
    return [*found, repr(made), [type(m).__name__ for m in made], len(dir(made)) > 3, x * 1]


def module_dict(torch: Any, x: Any) -> Any:
    """Everything a ModuleDict does."""
    nn = torch.nn
    made = nn.ModuleDict({"b": nn.Tanh(), "a": nn.ReLU()})
    made["c"] = nn.Sigmoid()
    made.update({"a": nn.ELU(), "d": nn.SiLU()})
    made.update([["e", nn.Tanh()]])
    found: list[Any] = [
        list(made),
        list(made.keys()),
        [k for k, _ in made.items()],
        len(made),
        "a" in made,
        "z" in made,
    ]
    found += [[type(m).__name__ for m in made.values()], repr(made), type(made.pop("b")).__name__, list(made)]
    del made["e"]
    found += [repr(made), made["a"](x)]
    made.clear()
    return [*found, len(made), repr(made)]


def parameter_containers(torch: Any, x: Any) -> Any:
    """ParameterList and ParameterDict."""
    nn = torch.nn

    def text(shown: str) -> str:
        return shown.replace(f"{torch.__name__}.", "")

    several = nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(3)), "text"])
    several.append(torch.full((1,), 2.0)).extend([torch.ones(1)])
    several[0] = nn.Parameter(torch.full((2,), 3.0))
    found: list[Any] = [
        len(several),
        text(repr(several)),
        list(several.state_dict()),
        several[-1],
        several[0],
        several[1:3][0],
        several[2],
    ]
    found += [[name for name, _ in several.named_parameters()]]
    named = nn.ParameterDict({"b": torch.ones(2), "a": nn.Parameter(torch.zeros(1))})
    named["c"] = torch.full((2,), 5.0)
    named.update({"d": torch.ones(1)})
    found += [
        list(named),
        list(named.keys()),
        len(named),
        "a" in named,
        named["c"],
        list(named.state_dict()),
    ]
    found += [[key for key, _ in named.items()], len(list(named.values())), named.get("z"), named.get("a")]
    found += [named.pop("b"), named.setdefault("e", torch.ones(1)), list(named), named.popitem()[0], list(named.copy())]
    found += [list(named | nn.ParameterDict({"q": torch.ones(1)})), list(nn.ParameterDict().fromkeys(["u", "v"]))]
    del named["a"]
    named.clear()
    return [*found, len(named), x * 1]


def refused_container(torch: Any, x: Any, *, how: str) -> Any:
    """What containers do not take."""
    nn = torch.nn
    made, listed, mapped = nn.Sequential(nn.Tanh()), nn.ModuleList([nn.Tanh()]), nn.ModuleDict({"a": nn.Tanh()})
    calls: dict[str, Any] = {
        "index": lambda: made[1],
        "low index": lambda: made[-2],
        "insert": lambda: made.insert(5, nn.Tanh()),
        "append": lambda: made.append(3),
        "add": lambda: made + 3,
        "times": lambda: made * -1,
        "times text": lambda: made * "a",
        "list index": lambda: listed[1],
        "list low index": lambda: listed[-2],
        "list extend": lambda: listed.extend(3),
        "list number": lambda: listed.append(3),
        "dict key": lambda: mapped["z"],
        "dict number": lambda: mapped.update({"b": 3}),
        "dict update": lambda: mapped.update(3),
        "dict pairs": lambda: mapped.update([["a", nn.Tanh(), 3]]),
        "dict pop": lambda: mapped.pop("z"),
        "parameters index": lambda: nn.ParameterList([torch.ones(1)])[1],
        "parameters extend": lambda: nn.ParameterList([torch.ones(1)]).extend(3),
        "parameters key": lambda: nn.ParameterDict()["a"],
    }
    return calls[how]()


HOWS = [
    "index",
    "low index",
    "insert",
    "append",
    "add",
    "times",
    "times text",
    "list index",
    "list low index",
    "list extend",
]
HOWS += ["list number", "dict key", "dict number", "dict update", "dict pairs", "dict pop", "parameters index"]
HOWS += ["parameters extend", "parameters key"]

CASES = [
    *ops("layer of one function", [*ACTIVATIONS, *RESHAPED], program=layer, checks=FIRST),
    *ops("layer in place", INPLACE, program=in_place, checks=FIRST, layouts=()),
    *ops("layer of a loss", LOSSES, program=layer, checks=FIRST, layouts=()),
    *ops("weighted loss", WEIGHTED, program=weighted, checks=FIRST, layouts=()),
    *ops("layer of dropout", DROPPED, program=dropped, checks=FIRST, layouts=()),
    *AFFINE,
    *[
        case
        for name, program in (
            ("sequence", sequence),
            ("module list", module_list),
            ("module dict", module_dict),
            ("parameter containers", parameter_containers),
        )
        for case in ops(name, [args(normal(3, 4).fixed())], program=program, checks=FORWARD - {LAYOUTS})
    ],
    *refuses("container", [args(normal(1), how=how) for how in HOWS], program=refused_container),
]
