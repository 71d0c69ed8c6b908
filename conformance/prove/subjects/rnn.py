"""Recurrent layers unrolled step by step: gates, biases, directions, states, dropout, sequences of different lengths."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from conformance.case import BITS, Arguments, args
from conformance.cases.rnn import drawn, stack, weights
from conformance.draw import normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, altered, as_class, ones, times

Step = Callable[..., tuple[Any, ...]]  # step(torch, given, states, u, b): the new states, h first

# --- one step -----------------------------------------------------------------------------------------------------------------


def rnn_step(torch: Any, given: Any, states: Any, u: Any, b: Any, *, act: str = "tanh") -> tuple[Any, ...]:
    """h' = act(x + U h + b)."""
    return (getattr(torch, act)(given + torch.nn.functional.linear(states[0], u, b)),)


def lstm_step(
    torch: Any,
    given: Any,
    states: Any,
    u: Any,
    b: Any,
    *,
    order: str = "ifgo",
    tanh: bool = True,
    coupled: bool = False,
) -> tuple[Any, ...]:
    """c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c'). `coupled`: 1 - s(f) in place of s(i)."""
    h, c = states
    gates = given + torch.nn.functional.linear(h, u, b)
    part = dict(zip(order, gates.chunk(4, -1), strict=True))
    forget = torch.sigmoid(part["f"])
    c = forget * c + (1 - forget if coupled else torch.sigmoid(part["i"])) * torch.tanh(part["g"])
    return torch.sigmoid(part["o"]) * (torch.tanh(c) if tanh else c), c


def gru_step(
    torch: Any, given: Any, states: Any, u: Any, b: Any, *, order: str = "rzn", early: bool = False, turned: bool = False,
    loose: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """n = tanh(x + r (U h + b)), h' = (1 - z) n + z h. `early`: r meets h before the product; `loose`: r misses b."""
    (h,) = states
    linear = torch.nn.functional.linear
    x = dict(zip(order, given.chunk(3, -1), strict=True))
    kept = dict(zip(order, linear(h, u, b).chunk(3, -1), strict=True))
    r, z = torch.sigmoid(x["r"] + kept["r"]), torch.sigmoid(x["z"] + kept["z"])
    inner = r * kept["n"]
    last = (u.chunk(3)[2], None if b is None else b.chunk(3)[2])
    if early:
        inner = linear(r * h, *last)
    if loose and b is not None:
        inner = r * linear(h, last[0]) + last[1]
    n = torch.tanh(x["n"] + inner)
    return (z * n + (1 - z) * h if turned else (1 - z) * n + z * h,)


# --- layers -------------------------------------------------------------------------------------------------------------------


def unrolled(
    torch: Any, x: Any, hx: Any, params: Sequence[Any], biases: bool, layers: int, p: float, train: bool, two: bool,
    batch_first: bool = False, *, step: Step, second_bias: bool = True, backwards: bool = True, turned_back: bool = True,
    sides: int = 1, last_in_time: bool = False, one_start: bool = False, drop: str = "between", detached: bool = False,
    returned: int = 0,
) -> tuple[Any, ...]:  # fmt: skip
    """Layer after layer, direction after direction, step after step.

    `drop`: between the layers, "always" (in evaluation too), or "last" (after the last one as well).
    """
    states = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
    directions, each = (2 if two else 1), len(params) // (layers * (2 if two else 1))
    x = x.transpose(0, 1) if batch_first else x
    ends: list[tuple[Any, ...]] = []
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            w, u, *rest = params[place * each : (place + 1) * each]
            b, second = rest[:2] if biases else (None, None)
            given = torch.nn.functional.linear(x, w, b)
            state = tuple(s[0 if one_start else place] for s in states)
            turned = direction == 1 and backwards
            seen = []
            for t in reversed(range(len(x))) if turned else range(len(x)):
                state = tuple(s.detach() for s in state) if detached else state
                state = step(torch, given[t], state, u, second if second_bias else None)
                if len(rest) % 2:
                    state = (torch.nn.functional.linear(state[0], rest[-1]), *state[1:])
                seen.append(state[0])
            seen = seen[::-1] if turned and turned_back else seen
            outputs.append(torch.stack(seen))
            ends.append((seen[-1], *state[1:]) if last_in_time else state)
        x = torch.cat(outputs[::sides], -1)
        if p and (train or drop == "always") and (layer < layers - 1 or drop == "last"):
            x = torch.dropout(x, p, True)
    last = [torch.stack(part) for part in zip(*ends, strict=True)]
    if returned:
        last = last[::-1]
    return (x.transpose(0, 1) if batch_first else x, *last)


def one_by_one(
    torch: Any, data: Any, sizes: Any, hx: Any, params: Sequence[Any], *rest: Any, step: Step, padded: bool = False
) -> tuple[Any, ...]:
    """Packed sequences, each on its own. `padded`: each with as many steps as the longest, of zeros."""
    states = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
    rows = torch.split(data, sizes.tolist())
    outputs: list[list[Any]] = [[] for _ in rows]
    ends = []
    for n in range(int(sizes[0])):
        x = torch.stack([row[n] for row in rows if len(row) > n])
        length = len(x)
        if padded:
            x = torch.cat([x, x.new_zeros(len(rows) - length, x.shape[1])])
        start = tuple(s[:, n : n + 1] for s in states)
        out, *last = unrolled(torch, x.unsqueeze(1), start, params, *rest, step=step)
        for t in range(length):
            outputs[t].append(out[t, 0])
        ends.append(last)
    last = [torch.cat(part, 1) for part in zip(*ends, strict=True)]
    return (torch.stack([row for step_ in outputs for row in step_]), *last)


def by(step: Step, **options: Any) -> Implementation:
    """`unrolled` with this step."""
    return functools.partial(unrolled, step=step, **options)


def _torch(kind: str) -> Implementation:
    return lambda torch, *given: getattr(torch, kind)(*given)


def rows_of(kind: str) -> Callable[[Make], list[Arguments]]:
    """One layer in one direction, two in both."""
    return lambda make: [
        stack(kind, 3, 2, 2, 3, draw=make),
        stack(kind, 2, 2, 1, 2, two=True, layers=2, batch_first=True, draw=make),
    ]


SHARED: dict[str, dict[str, Any]] = {
    "second bias left out": {"second_bias": False},
    "reverse direction reads forwards": {"backwards": False},
    "reverse outputs not turned back": {"turned_back": False},
    "directions side by side the other way": {"sides": -1},
    "reverse state of the last step in time": {"last_in_time": True},
    "every layer starts from the first state": {"one_start": True},
    "gradient cut between steps": {"detached": True},
}


def faults(kind: str, step: Step, **more: Implementation) -> dict[str, Implementation]:
    """What can go wrong in any of them, and what only here."""
    shared = {name: by(step, **options) for name, options in SHARED.items()}
    named = {name.replace("_", " "): implementation for name, implementation in more.items()}
    return {
        **shared,
        **named,
        "gradient 1e-5 too large": altered(_torch(kind), times(1 + 1e-5)),
        "output's cotangent ignored": _ignoring(kind),
    }


def _ignoring(kind: str) -> Implementation:
    """The output's gradient taken as ones."""

    def call(torch: Any, *given: Any) -> Any:
        out, *last = getattr(torch, kind)(*given)
        return (altered(lambda _, x: x, None, cotangent=ones)(torch, out * 1), *last)

    return call


# --- dropout ------------------------------------------------------------------------------------------------------------------


def unscaled(torch: Any, *given: Any, **options: Any) -> Any:
    """Dropout that does not scale what it keeps."""
    x, hx, params, biases, layers, p, train, two, first = given
    half = len(params) // layers
    out, *last = unrolled(torch, x, hx[:1], params[:half], biases, 1, p, train, two, first, step=rnn_step)
    out = torch.dropout(out, p, train) * ((1 - p) if train else 1)
    out, *more = unrolled(torch, out, hx[1:], params[half:], biases, 1, p, train, two, first, step=rnn_step)
    return out, torch.cat([*last, *more])


# --- initial values -----------------------------------------------------------------------------------------------------------


def drawing(members: Callable[[Any], dict[str, Any]]) -> Implementation:
    """torch's LSTM with other members."""
    made: Implementation = as_class(lambda torch: type("LSTM", (torch.nn.LSTM,), members(torch)))
    return made


def wider(torch: Any) -> dict[str, Any]:
    """Bounds by the size of the input."""

    def reset_parameters(self: Any) -> None:
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -(self.input_size**-0.5), self.input_size**-0.5)

    return {"reset_parameters": reset_parameters}


def ordered(torch: Any, key: Callable[[str], Any], zeros: bool = False) -> dict[str, Any]:
    """Parameters drawn in another order; with `zeros` biases are not drawn."""

    def reset_parameters(self: Any) -> None:
        bound = self.hidden_size**-0.5
        for name, parameter in sorted(self.named_parameters(), key=lambda pair: key(pair[0])):
            if zeros and name.startswith("bias"):
                torch.nn.init.zeros_(parameter)
            else:
                torch.nn.init.uniform_(parameter, -bound, bound)

    return {"reset_parameters": reset_parameters}


# --- padding ------------------------------------------------------------------------------------------------------------------


def pad(
    torch: Any, sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right", *,
    other_side: bool = False, value: float | None = None, turned: bool = False,
) -> Any:  # fmt: skip
    """Every sequence with rows of the padding value before or after it."""
    longest = max(len(s) for s in sequences)
    left = (padding_side == "left") != other_side
    padded = []
    for s in sequences:
        filler = s.new_full((longest - len(s), *s.shape[1:]), padding_value if value is None else value)
        padded.append(torch.cat([filler, s] if left else [s, filler]))
    return torch.stack(padded, 0 if batch_first != turned else 1)


SEQUENCES = [normal(3, 2), normal(1, 2), normal(2, 2)]

SUBJECTS = [
    Subject(
        "rnn_tanh",
        rows_of("rnn_tanh"),
        {"unrolled": by(rnn_step)},
        faults("rnn_tanh", rnn_step, relu_for_tanh=by(functools.partial(rnn_step, act="relu"))),
        regimes=("normal",),
    ),
    Subject(
        "lstm",
        rows_of("lstm"),
        {"unrolled": by(lstm_step)},
        faults(
            "lstm",
            lstm_step,
            gates_in_another_order=by(functools.partial(lstm_step, order="igfo")),
            state_without_tanh=by(functools.partial(lstm_step, tanh=False)),
            input_gate_coupled_to_forget_gate=by(functools.partial(lstm_step, coupled=True)),
            cell_for_hidden=by(lstm_step, returned=1),
        ),
        regimes=("normal",),
    ),
    Subject(
        "gru",
        rows_of("gru"),
        {"unrolled": by(gru_step)},
        faults(
            "gru",
            gru_step,
            reset_and_update_swapped=by(functools.partial(gru_step, order="zrn")),
            reset_before_the_product=by(functools.partial(gru_step, early=True)),
            reset_misses_the_bias=by(functools.partial(gru_step, loose=True)),
            update_gate_turned=by(functools.partial(gru_step, turned=True)),
        ),
        regimes=("normal",),
    ),
    Subject(
        "gru",
        lambda make: [
            args(
                normal(6, 3),
                values([3, 2, 1], "int64"),
                normal(2, 3, 4),
                weights("gru", 3, 4, 1, True, True, 0),
                True,
                1,
                0.0,
                False,
                True,
            )
        ],
        {"one by one": functools.partial(one_by_one, step=gru_step)},
        {"padding is read": functools.partial(one_by_one, step=gru_step, padded=True)},
        regimes=("normal",),
    ),
    Subject(
        "rnn_tanh",
        lambda make: [
            stack("rnn_tanh", layers=2, dropout=0.5, train=True),
            stack("rnn_tanh", layers=2, dropout=0.5, train=False),
        ],
        {"dropout between layers": by(rnn_step)},
        {
            "dropout after the last layer": by(rnn_step, drop="last"),
            "dropout in evaluation": by(rnn_step, drop="always"),
            "what is kept not scaled": unscaled,
        },
        regimes=("normal",),
    ),
    Subject(
        "LSTM drawn",
        lambda make: [
            args(kind="LSTM", arguments=(3, 4), num_layers=2),
            args(kind="LSTM", arguments=(3, 4), bidirectional=True),
        ],
        {"in order of the listing": drawing(lambda torch: ordered(torch, lambda name: 0))},
        {
            "bounds by the input": drawing(wider),
            "biases last": drawing(lambda torch: ordered(torch, lambda name: name.startswith("bias"))),
            "biases zero": drawing(lambda torch: ordered(torch, lambda name: 0, zeros=True)),
        },
        program=drawn,
        replaces="nn.LSTM",
        checks=frozenset({BITS}),
        regimes=("normal",),
    ),
    Subject(
        "nn.utils.rnn.pad_sequence",
        lambda make: [
            args(SEQUENCES),
            args(SEQUENCES, True, -1.5),
            args([make(2), make(4)], padding_side="left"),
        ],
        {"filled up": pad},
        {
            "on the other side": functools.partial(pad, other_side=True),
            "with zeros": functools.partial(pad, value=0.0),
            "time and batch swapped": functools.partial(pad, turned=True),
        },
        regimes=("normal",),
    ),
]
