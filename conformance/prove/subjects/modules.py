"""Layers as objects: modes, buffers, the order and layout of parameters, defaults, gates.

Each program makes a layer, fills its parameters from arrays, runs it, and gives back what it computed, what its
parameters' gradients are and what its state lists. An implementation is a class that takes the layer's place.
"""

import functools
from collections.abc import Callable
from typing import Any

from conformance.case import args
from conformance.draw import normal, positive
from conformance.prove.regimes import TAME, Make
from conformance.prove.subject import Implementation, Subject, as_class

Members = Callable[[Any], dict[str, Any]]  # members(torch): what the class has of its own


def like(name: str, members: Members) -> Implementation:
    """torch's class with some members replaced."""
    implementation: Implementation = as_class(
        lambda torch: type(name, (getattr(torch.nn, name),), members(torch)),
    )
    return implementation


def forward(name: str, compute: Callable[..., Any]) -> Implementation:
    """torch's class with `forward` as `compute(torch, self, *inputs)`."""
    return like(name, lambda torch: {"forward": lambda self, *inputs: compute(torch, self, *inputs)})


def made_with(name: str, **forced: Any) -> Implementation:
    """torch's class, made with these options whatever was asked for."""

    def members(torch: Any) -> dict[str, Any]:
        base = getattr(torch.nn, name)
        return {"__init__": lambda self, *given, **options: base.__init__(self, *given, **{**options, **forced})}

    return like(name, members)


# --- programs ---------------------------------------------------------------------------------------------------------------


def filled(torch: Any, layer: Any, arrays: Any) -> Any:
    """The layer with these numbers as its parameters, in order."""
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), arrays, strict=True):
            parameter.copy_(array)
    return layer


def reported(torch: Any, layer: Any, out: Any, seed: Any) -> dict[str, Any]:
    """The output, the gradient of every parameter under `seed`, and the names of the state."""
    named = dict(layer.named_parameters())
    grads = torch.autograd.grad(out, list(named.values()), seed, retain_graph=True)
    return {"out": out, "state": list(layer.state_dict())} | {f"grad {n}": g for n, g in zip(named, grads, strict=True)}


def one_layer(torch: Any, x: Any, seed: Any, *arrays: Any, kind: str, sizes: tuple[Any, ...], **options: Any) -> Any:
    """A layer of this kind."""
    layer = filled(torch, getattr(torch.nn, kind)(*sizes, **options, dtype=x.dtype), arrays)
    return reported(torch, layer, layer(x), seed)


def two_modes(torch: Any, x: Any, weight: Any, bias: Any, **options: Any) -> Any:
    """Batch norm trained on a batch and on its double, then evaluated; buffers after each.

    Evaluation comes last: torch differentiates it with the running variance that it finds at the time of the backward
    pass, so training in between makes torch's gradient wrong.
    """
    layer = filled(torch, torch.nn.BatchNorm2d(x.shape[1], dtype=x.dtype, **options), (weight, bias))
    found: dict[str, Any] = {"state": list(layer.state_dict())}
    for step, (mode, batch) in enumerate((("train", x), ("train", 2 * x), ("eval", x))):
        getattr(layer, mode)()
        found[f"{step} {mode}"] = layer(batch)
        found |= {f"{step} {name}": buffer.clone() for name, buffer in layer.named_buffers()}
    return found


def cell(torch: Any, x: Any, h: Any, c: Any, *arrays: Any, kind: str) -> Any:
    """One step of a recurrent cell."""
    layer = filled(torch, getattr(torch.nn, kind)(x.shape[1], h.shape[1], dtype=x.dtype), arrays)
    return layer(x, (h, c)) if kind == "LSTMCell" else layer(x, h)


def chain(torch: Any, x: Any, first: Any, second: Any) -> Any:
    """Two layers and batch norm in a container, trained and evaluated; its names and its parameters."""
    nn = torch.nn
    width = x.shape[1]
    body = nn.Sequential(
        nn.Linear(width, width, bias=False, dtype=x.dtype),
        nn.BatchNorm1d(width, affine=False, dtype=x.dtype),
        nn.Linear(width, width, bias=False, dtype=x.dtype),
    )
    filled(torch, body, (first, second))
    trained = body.train()(x)
    return {
        "trained": trained,
        "evaluated": body.eval()(x),
        "state": list(body.state_dict()),
        "sizes": [parameter.numel() for parameter in body.parameters()],
        "modes": [module.training for module in body.modules()],
    }


# --- linear, conv, embedding, layer norm ------------------------------------------------------------------------------------


def bias_first(torch: Any) -> dict[str, Any]:
    """The bias listed before the weight."""

    def initialise(self: Any, n: int, m: int, bias: bool = True, dtype: Any = None) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = n, m
        self.bias = torch.nn.Parameter(torch.zeros(m, dtype=dtype))
        self.weight = torch.nn.Parameter(torch.zeros(m, n, dtype=dtype))

    return {"__init__": initialise}


def bias_as_buffer(torch: Any) -> dict[str, Any]:
    """The bias takes no gradient and is no parameter."""

    def initialise(self: Any, n: int, m: int, bias: bool = True, dtype: Any = None) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = n, m
        self.weight = torch.nn.Parameter(torch.zeros(m, n, dtype=dtype))
        self.register_buffer("bias", torch.zeros(m, dtype=dtype))

    return {"__init__": initialise}


def conv_by_unfold(torch: Any, self: Any, x: Any) -> Any:
    """im2col by torch's unfold; padding by the mode."""
    p = self.padding[0]
    mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
    x = torch.nn.functional.pad(x, (p, p, p, p), mode=mode) if p else x
    rows, columns = (
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(x.shape[2:], self.dilation, self.kernel_size, self.stride, strict=True)
    )
    seen = torch.nn.functional.unfold(x, self.kernel_size, self.dilation, 0, self.stride)
    return (self.weight.flatten(1) @ seen).unflatten(2, (rows, columns)) + self.bias.reshape(-1, 1, 1)


def layer_norm(torch: Any, self: Any, x: Any) -> Any:
    """(x - mean) / sqrt(var + eps) w + b."""
    mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias


# --- batch norm -------------------------------------------------------------------------------------------------------------


def batch_norm(
    torch: Any, self: Any, x: Any, *, count: bool = True, batch_in_eval: bool = False, always_train: bool = False,
    evaluate_first: bool = False,
) -> Any:  # fmt: skip
    """Batch moments in training, running ones in evaluation; every training batch is counted."""
    training = self.training or always_train
    if training and count:
        self.num_batches_tracked.add_(1)
    momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
    mean, var = self.running_mean, self.running_var
    if training or batch_in_eval:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    if evaluate_first and training:
        mean, var = self.running_mean.clone(), self.running_var.clone()
    if training:
        n = x.numel() / x.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(x.mean((0, 2, 3)), momentum)
            self.running_var.lerp_(x.var((0, 2, 3), correction=0) * n / (n - 1), momentum)
    shape = (1, -1, 1, 1)
    xhat = (x - mean.reshape(shape)) / torch.sqrt(var.reshape(shape) + self.eps)
    return xhat * self.weight.reshape(shape) + self.bias.reshape(shape)


def buffers_not_saved(torch: Any) -> dict[str, Any]:
    """Running moments are left out of the state."""

    def initialise(self: Any, *given: Any, **options: Any) -> None:
        torch.nn.BatchNorm2d.__init__(self, *given, **options)
        self._non_persistent_buffers_set.update({"running_mean", "running_var"})

    return {"__init__": initialise}


# --- recurrent cells ----------------------------------------------------------------------------------------------------------


def lstm_cell(torch: Any, self: Any, x: Any, state: Any, *, order: str = "ifgo", tanh: bool = True) -> Any:
    """i, f, g, o = W x + b + U h + b'; c' = sigma(f) c + sigma(i) tanh(g), h' = sigma(o) tanh(c')."""
    h, c = state
    gates = x @ self.weight_ih.T + self.bias_ih + h @ self.weight_hh.T + self.bias_hh
    part = dict(zip(order, gates.chunk(4, 1), strict=True))
    c = torch.sigmoid(part["f"]) * c + torch.sigmoid(part["i"]) * torch.tanh(part["g"])
    return torch.sigmoid(part["o"]) * (torch.tanh(c) if tanh else c), c


def gru_cell(
    torch: Any, self: Any, x: Any, h: Any, *, order: str = "rzn", early: bool = False, turned: bool = False
) -> Any:
    """n = tanh(W x + b + r (U h + b')), h' = (1 - z) n + z h. `early`: r meets h before the product."""
    given = dict(zip(order, (x @ self.weight_ih.T + self.bias_ih).chunk(3, 1), strict=True))
    kept = dict(zip(order, (h @ self.weight_hh.T + self.bias_hh).chunk(3, 1), strict=True))
    r, z = torch.sigmoid(given["r"] + kept["r"]), torch.sigmoid(given["z"] + kept["z"])
    inner = r * kept["n"]
    if early:
        inner = (r * h) @ self.weight_hh.chunk(3)[2].T + self.bias_hh.chunk(3)[2]
    n = torch.tanh(given["n"] + inner)
    return z * n + (1 - z) * h if turned else (1 - z) * n + z * h


# --- containers -----------------------------------------------------------------------------------------------------------------


def run_in_order(torch: Any, self: Any, x: Any, *, step: int = 1) -> Any:
    """One child after the other."""
    return functools.reduce(lambda value, child: child(value), list(self)[::step], x)


def mode_stays_here(torch: Any) -> dict[str, Any]:
    """train and eval do not reach the children."""

    def train(self: Any, mode: bool = True) -> Any:
        self.training = mode
        return self

    return {"train": train}


def parameters_backwards(torch: Any) -> dict[str, Any]:
    """The last layer's parameters first."""

    def parameters(self: Any, recurse: bool = True) -> Any:
        return reversed(list(torch.nn.Module.parameters(self, recurse)))

    return {"parameters": parameters}


def _cell_rows(make: Make, gates: int) -> list[Any]:
    def row(n: int, inputs: int, hidden: int) -> Any:
        weights = normal(gates * hidden, inputs).fixed(), normal(gates * hidden, hidden).fixed()
        biases = normal(gates * hidden).fixed(), normal(gates * hidden, scale=0.5).fixed()
        return args(make(n, inputs), make(n, hidden), normal(n, hidden, scale=2), *weights, *biases)

    return [row(1, 1, 1), row(3, 4, 2)]


LINEAR: dict[str, Any] = {"kind": "Linear", "sizes": (4, 4)}
CONV: dict[str, Any] = {"kind": "Conv2d", "sizes": (2, 3, 3), "padding": 1, "padding_mode": "circular"}
SUBJECTS = [
    Subject(
        "linear layer",
        lambda make: [args(make(3, 4), normal(3, 4).fixed(), normal(4, 4).fixed(), normal(4).fixed())],
        {
            "x W' + b": forward("Linear", lambda torch, self, x: x @ self.weight.T + self.bias),
            "addmm": forward("Linear", lambda torch, self, x: torch.addmm(self.bias, x, self.weight.T)),
        },
        {
            "weight laid out as inputs x outputs": forward(
                "Linear", lambda torch, self, x: x @ self.weight + self.bias
            ),
            "bias listed first": like("Linear", bias_first),
            "bias a buffer": like("Linear", bias_as_buffer),
            "weight without gradient": forward(
                "Linear", lambda torch, self, x: x @ self.weight.detach().T + 0 * self.weight.sum() + self.bias
            ),
        },
        program=functools.partial(one_layer, **LINEAR),
        replaces="nn.Linear",
    ),
    Subject(
        "convolution layer",
        lambda make: [
            args(make(2, 2, 4, 5), normal(2, 3, 4, 5).fixed(), normal(3, 2, 3, 3).fixed(), normal(3).fixed())
        ],
        {"im2col": forward("Conv2d", conv_by_unfold)},
        {
            "padding mode ignored": made_with("Conv2d", padding_mode="zeros"),
            "reflect for circular": made_with("Conv2d", padding_mode="reflect"),
            "kernel rows and columns swapped": forward(
                "Conv2d", lambda torch, self, x: self._conv_forward(x, self.weight.mT, self.bias)
            ),
            "bias ignored": forward("Conv2d", lambda torch, self, x: self._conv_forward(x, self.weight, 0 * self.bias)),
        },
        program=functools.partial(one_layer, **CONV),
        replaces="nn.Conv2d",
    ),
    Subject(
        "layer norm layer",
        lambda make: [args(make(3, 5), normal(3, 5).fixed(), normal(5).fixed(), normal(5).fixed())],
        {"formula": forward("LayerNorm", layer_norm)},
        {
            "another eps by default": made_with("LayerNorm", eps=1e-6),
            "no affine part": made_with("LayerNorm", elementwise_affine=False),
        },
        program=functools.partial(one_layer, kind="LayerNorm", sizes=(5,)),
        replaces="nn.LayerNorm",
    ),
    Subject(
        "batch norm in two modes",
        lambda make: [
            args(make(3, 2, 2, 2), normal(2).fixed(), normal(2).fixed()),
            args(make(2, 1, 1, 2), positive(1).fixed(), normal(1).fixed(), momentum=None),
        ],
        {"formula": forward("BatchNorm2d", batch_norm)},
        {
            "batches not counted": forward(
                "BatchNorm2d",
                lambda torch, self, x: torch.nn.functional.batch_norm(
                    x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum or 0.1
                ),
            ),
            "batch moments in evaluation": forward("BatchNorm2d", functools.partial(batch_norm, batch_in_eval=True)),
            "training all the time": forward("BatchNorm2d", functools.partial(batch_norm, always_train=True)),
            "running moments in training": forward("BatchNorm2d", functools.partial(batch_norm, evaluate_first=True)),
            "buffers not saved": like("BatchNorm2d", buffers_not_saved),
            "another eps by default": made_with("BatchNorm2d", eps=1e-3),
            "another momentum by default": made_with("BatchNorm2d", momentum=0.01),
        },
        program=two_modes,
        replaces="nn.BatchNorm2d",
        regimes=("normal", "positive", "offset", "ties", "tiny", "subnormal"),
    ),
    Subject(
        "LSTM cell",
        lambda make: _cell_rows(make, 4),
        {"formula": forward("LSTMCell", lstm_cell)},
        {
            "gates in another order": forward("LSTMCell", functools.partial(lstm_cell, order="igfo")),
            "output gate last but one": forward("LSTMCell", functools.partial(lstm_cell, order="ifog")),
            "state without tanh": forward("LSTMCell", functools.partial(lstm_cell, tanh=False)),
        },
        program=functools.partial(cell, kind="LSTMCell"),
        replaces="nn.LSTMCell",
        regimes=TAME,
    ),
    Subject(
        "GRU cell",
        lambda make: _cell_rows(make, 3),
        {"formula": forward("GRUCell", gru_cell)},
        {
            "reset and update swapped": forward("GRUCell", functools.partial(gru_cell, order="zrn")),
            "reset before the product": forward("GRUCell", functools.partial(gru_cell, early=True)),
            "update gate turned": forward("GRUCell", functools.partial(gru_cell, turned=True)),
        },
        program=lambda torch, x, h, _, *arrays: cell(torch, x, h, None, *arrays, kind="GRUCell"),
        replaces="nn.GRUCell",
        regimes=TAME,
    ),
    Subject(
        "layers in a container",
        lambda make: [args(make(4, 3), normal(3, 3).fixed(), normal(3, 3).fixed())],
        {"one after the other": forward("Sequential", run_in_order)},
        {
            "last layer first": forward("Sequential", functools.partial(run_in_order, step=-1)),
            "mode stays in the container": like("Sequential", mode_stays_here),
            "parameters backwards": like("Sequential", parameters_backwards),
        },
        program=chain,
        replaces="nn.Sequential",
        regimes=TAME,
    ),
]
