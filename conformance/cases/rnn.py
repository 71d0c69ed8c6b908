"""Recurrent networks: stacks of layers and single steps as functions, layers with their initial values and states,
packed sequences.

The functions (`lstm`, `gru`, ...) take every weight as an argument, so that the gradient of each one is compared. What
the layers add is compared as programs: what they draw, list and print, and the forms in which a state may come.
"""

import functools
from collections.abc import Callable
from typing import Any

from conformance.cases import (
    BITS,
    CHECKS,
    FORWARD,
    HALVES,
    LAYOUTS,
    MEMORY_FORMAT,
    SECOND,
    TRANSPOSED,
    Arguments,
    Case,
    Draw,
    args,
    integers,
    named,
    normal,
    ops,
    refuses,
    values,
)
from conformance.variant import UNIFORM

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
LAYERS = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}

# --- stacks of layers -----------------------------------------------------------------------------------------------------


def weights(kind: str, width: int, hidden: int, layers: int, bias: bool, two: bool, proj: int) -> list[Draw]:
    """w_ih, w_hh, b_ih, b_hh, w_hr of every layer and direction, in the order of the functions."""
    found: list[Draw] = []
    gates, out = GATES[kind] * hidden, proj or hidden
    for layer in range(layers):
        for _ in range(2 if two else 1):
            found += [normal(gates, width if layer == 0 else out * (2 if two else 1), scale=0.5)]
            found += [normal(gates, out, scale=0.5)]
            found += [normal(gates, scale=0.5), normal(gates, scale=0.5)] if bias else []
            found += [normal(proj, hidden, scale=0.5)] if proj else []
    return found


def state(kind: str, rows: int, batch: int, hidden: int, proj: int, scale: float = 1.0) -> Any:
    """h, or (h, c)."""
    h = normal(rows, batch, proj or hidden, scale=scale)
    return (h, normal(rows, batch, hidden, scale=scale)) if kind == "lstm" else h


def stack(
    kind: str, time: int = 4, batch: int = 2, width: int = 3, hidden: int = 4, *, layers: int = 1, bias: bool = True,
    two: bool = False, batch_first: bool = False, proj: int = 0, dropout: float = 0.0, train: bool = False,
    scale: float = 1.0, sizes: tuple[int, ...] = (), draw: Callable[..., Draw] | None = None,
) -> Arguments:  # fmt: skip
    """The arguments of one of the functions, the input by `draw`; with `sizes` in the form for packed sequences."""
    draw = draw or functools.partial(normal, scale=scale)
    hx = state(kind, layers * (2 if two else 1), sizes[0] if sizes else batch, hidden, proj, scale)
    params = weights(kind, width, hidden, layers, bias, two, proj)
    if sizes:
        x, lengths = draw(sum(sizes), width), values(list(sizes), "int64")
        return args(x, lengths, hx, params, bias, layers, dropout, train, two)
    x = draw(*((batch, time) if batch_first else (time, batch)), width)
    return args(x, hx, params, bias, layers, dropout, train, two, batch_first)


def stacks() -> list[Case]:
    """Every option of every function."""
    found: list[Case] = []
    for kind in GATES:
        base = stack(kind)
        wide = [stack(kind, layers=2, two=True, batch_first=True), stack(kind, 1, 3, 2, 5, two=True)]
        once = [
            stack(kind, bias=False),
            stack(kind, layers=2),
            stack(kind, two=True),
            stack(kind, batch_first=True, bias=False, two=True),
            stack(kind, 1, 1, 1, 1),
            stack(kind, 2, 0),
            stack(kind, 5, 1, 2, 2, layers=3),
            stack(kind, 7, 2, 2, 1),
            # In evaluation nothing is dropped, after the last layer never.
            stack(kind, layers=2, dropout=0.5),
            stack(kind, dropout=0.5, train=True),
        ]
        packed = [
            stack(kind, sizes=(3, 2, 2, 1)),
            stack(kind, sizes=(2, 2, 1), two=True, layers=2),
            stack(kind, sizes=(1, 1, 1), bias=False, two=True),
            stack(kind, sizes=(4,), two=True),
        ]
        if kind == "lstm":
            wide += [stack(kind, proj=2)]
            once += [stack(kind, proj=3, layers=2, two=True, bias=False)]
            packed += [stack(kind, proj=2, sizes=(3, 1))]
        # Wider than a vector register, longer than a rounding error forgives; gates that are wide open or shut.
        large = [stack(kind, 12, 2, 3, 17, two=True), stack(kind, 2, 5, 33, 9), stack(kind, 3, scale=30, two=True)]
        # Gradients of gradients take by far the longest: of the plain forms only.
        found += ops(kind, [base])
        found += ops(kind, wide, checks=CHECKS - {SECOND})
        found += ops(kind, once[:1], checks=CHECKS - {LAYOUTS})
        found += ops(kind, once[1:], checks=CHECKS - {SECOND, LAYOUTS})
        # torch reads the sizes as if they lay side by side: other strides go wrong there.
        found += ops(kind, packed[:1], layouts=(TRANSPOSED,))
        found += ops(kind, packed[1:], layouts=(TRANSPOSED,), checks=CHECKS - {SECOND})
        found += ops(kind, large, checks=CHECKS - {SECOND, LAYOUTS})
        found += ops(kind, [base], dtypes=("float64",), checks=CHECKS - {LAYOUTS})
        found += ops(kind, [packed[1]], dtypes=("float64",), checks=CHECKS - {SECOND, LAYOUTS})
        found += ops(kind, [base], dtypes=HALVES, checks=CHECKS - {SECOND, LAYOUTS})
        found += refuses(kind, [stack(kind, 0, 2)])
    return found


# --- one step ---------------------------------------------------------------------------------------------------------------


def step(
    kind: str, batch: int = 2, width: int = 3, hidden: int = 4, *, bias: bool = True, scale: float = 1.0
) -> Arguments:
    """The arguments of a cell."""
    h = normal(batch, hidden, scale=scale)
    hx = (h, normal(batch, hidden, scale=scale)) if kind == "lstm" else h
    params = weights(kind, width, hidden, 1, bias, False, 0)
    return args(normal(batch, width, scale=scale), hx, *params)


def steps() -> list[Case]:
    """The cells."""
    found: list[Case] = []
    for kind in GATES:
        name = f"{kind}_cell"
        rows = [step(kind), step(kind, bias=False), step(kind, 1, 1, 1), step(kind, 0), step(kind, 5, 9, 17)]
        # torch computes a GRU's step in the order of h in memory.
        checks = CHECKS - {MEMORY_FORMAT} if kind == "gru" else CHECKS
        found += ops(name, [*rows, step(kind, scale=30)], checks=checks)
        found += ops(name, rows[:1], dtypes=("float64", *HALVES), checks=checks - {SECOND})
        hx = (normal(3, 4), normal(3, 4)) if kind == "lstm" else normal(3, 4)
        wide = (normal(2, 5), normal(2, 5)) if kind == "lstm" else normal(2, 5)
        good = step(kind)
        x, h, *params = good.args
        double = tuple(p.to("float64") for p in h) if isinstance(h, tuple) else h.to("float64")
        found += refuses(
            name,
            [
                args(x, hx, *params),
                args(x, wide, *params),
                args(normal(2, 5), h, *params),
                args(x, double, *params),
                args(x.to("float64"), h, *params),
            ],
        )
    found += refuses("lstm_cell", [args(normal(2, 3), normal(2, 4), *weights("lstm", 3, 4, 1, True, False, 0))])
    return found


# --- layers -----------------------------------------------------------------------------------------------------------------


def drawn(torch: Any, *, kind: str, arguments: tuple[Any, ...], dtype: Any = None, **options: Any) -> dict[str, Any]:
    """A layer as it is made: every parameter, its name and place, its text, and what is drawn next."""
    torch.manual_seed(3)
    made = getattr(torch.nn, kind)(*arguments, dtype=dtype, **options)
    found: dict[str, Any] = {name: value.detach() for name, value in made.named_parameters()}
    found |= {"text": repr(made), "state": list(made.state_dict()), "next": torch.rand(3)}
    if hasattr(made, "all_weights"):
        found["grouped"] = [[list(weight.shape) for weight in weights] for weights in made.all_weights]
    return found


OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}, {"num_layers": 3, "dropout": 0.25},
)  # fmt: skip
MADE = [args(kind=kind, arguments=(3, 4), **options) for kind in LAYERS for options in OPTIONS]
MADE += [
    args(kind="LSTM", arguments=(3, 4), proj_size=2, num_layers=2, bidirectional=True),
    args(kind="LSTM", arguments=(3, 4, 2, False, True, 0.5, True, 3)),
    args(kind="RNN", arguments=(3, 4, 2, "relu", False, True, 0.5, True)),
    args(kind="RNN", arguments=(3, 4), nonlinearity="relu"),
    args(kind="GRU", arguments=(3, 4, 2, False, True, 0.5, True)),
    args(kind="GRU", arguments=(1, 1), dtype=named("float64")),
    args(kind="LSTM", arguments=(3, 70)),
    *[args(kind=f"{kind}Cell", arguments=(3, 4), bias=bias) for kind in LAYERS for bias in (True, False)],
    args(kind="RNNCell", arguments=(3, 4, True, "relu")),
    args(kind="RNNCell", arguments=(3, 4), nonlinearity="relu", bias=False),
    args(kind="GRUCell", arguments=(2, 20), dtype=named("float64")),
]


def whole(
    torch: Any, x: Any, *states: Any, kind: str, lengths: tuple[int, ...] = (), train: bool = True, **options: Any
) -> dict[str, Any]:
    """A layer on a batch, on one sequence or, with `lengths`, on packed ones; its parameters' gradients."""
    torch.manual_seed(4)
    made = getattr(torch.nn, kind)(x.shape[-1], 4, dtype=torch.float32, **options)  # drawn so at every precision
    layer = made.to(x.dtype)
    layer.train(train)
    hx = None if not states else states if kind == "LSTM" else states[0]
    given = x
    if lengths:
        pack = torch.nn.utils.rnn.pack_padded_sequence
        given = pack(x, lengths, batch_first=layer.batch_first, enforce_sorted=False)
    out, last = layer(given, hx) if states else layer(given)
    if lengths:
        out = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=layer.batch_first)[0]
    last = last if isinstance(last, tuple) else (last,)
    total = sum((part * part.detach().cos()).sum() for part in (out, *last))
    gradients = torch.autograd.grad(total, list(layer.parameters()), retain_graph=True)
    named_ = {f"gradient {n}": g.contiguous() for (n, _), g in zip(layer.named_parameters(), gradients, strict=True)}
    return {"out": out, "last": list(last)} | named_


def next_drawn(torch: Any, x: Any, **options: Any) -> Any:
    """What the generator gives after `whole`."""
    whole(torch, x, **options)
    return torch.rand(3)


def cell(torch: Any, x: Any, *states: Any, kind: str, **options: Any) -> Any:
    """A cell on a batch or on one vector, from a state or from zeros, two steps."""
    torch.manual_seed(4)
    made = getattr(torch.nn, kind)(x.shape[-1], 4, **options, dtype=torch.float32).to(x.dtype)
    hx = None if not states else states if kind == "LSTMCell" else states[0]
    first = made(x, hx) if states else made(x)
    second = made(x, first)
    return first, second


def wholes() -> list[Case]:
    """Forms of input and state; dropout between layers, drawn from the default generator."""
    rows: list[Arguments] = []
    dropped: list[Arguments] = []
    cells: list[Arguments] = []
    for kind in LAYERS:
        two = {"bidirectional": True, "num_layers": 2}
        pair = kind == "LSTM"

        def states(*shape: int, pair: bool = pair) -> tuple[Draw, ...]:
            return (normal(*shape), normal(*shape)) if pair else (normal(*shape),)

        rows += [
            args(normal(3, 2, 3), kind=kind),
            args(normal(3, 2, 3), *states(1, 2, 4), kind=kind),
            args(normal(2, 3, 3), kind=kind, batch_first=True),
            args(normal(2, 3, 3), *states(4, 2, 4), kind=kind, batch_first=True, **two),
            args(normal(3, 3), kind=kind),
            args(normal(3, 3), *states(4, 4), kind=kind, **two),
            args(normal(3, 3), *states(1, 4), kind=kind, batch_first=True),
            args(normal(4, 3, 3), kind=kind, lengths=(2, 4, 1)),
            args(normal(4, 3, 3), *states(4, 3, 4), kind=kind, lengths=(2, 4, 1), **two),
            args(normal(3, 4, 3), *states(2, 3, 4), kind=kind, lengths=(3, 3, 2), batch_first=True, bidirectional=True),
        ]
        dropped += [
            args(normal(3, 2, 3), kind=kind, num_layers=3, dropout=0.5),
            args(normal(2, 3, 3), kind=kind, num_layers=2, dropout=0.25, batch_first=True, bidirectional=True),
            args(normal(3, 3), kind=kind, num_layers=2, dropout=0.4),
            args(normal(4, 3, 3), kind=kind, num_layers=2, dropout=0.5, lengths=(2, 4, 1)),
            args(normal(3, 2, 3), kind=kind, num_layers=2, dropout=0.5, train=False),
            args(normal(3, 2, 3), kind=kind, num_layers=2, dropout=1.0),
        ]
        single = f"{kind}Cell"
        cells += [
            args(normal(2, 3), kind=single),
            args(normal(2, 3), *states(2, 4), kind=single, bias=False),
            args(normal(3), kind=single),
            args(normal(3), *states(4), kind=single),
        ]
    rows += [
        args(normal(3, 2, 3), kind="RNN", nonlinearity="relu", bidirectional=True),
        args(normal(3, 2, 3), kind="LSTM", proj_size=2, bidirectional=True, num_layers=2),
        args(normal(3, 3), normal(1, 2), normal(1, 4), kind="LSTM", proj_size=2),
        args(normal(4, 2, 3), normal(2, 2, 2), normal(2, 2, 4), kind="LSTM", proj_size=2, num_layers=2, lengths=(1, 4)),
    ]
    cells += [args(normal(2, 3), normal(2, 4), kind="RNNCell", nonlinearity="relu")]
    # Gradients are those of the functions; of the layers, those of some rows.
    return [
        *ops("recurrent layer", rows[::8], program=whole, checks=CHECKS - {SECOND}),
        *ops("recurrent layer", [r for n, r in enumerate(rows) if n % 8], program=whole, checks=FORWARD - {LAYOUTS}),
        *ops("recurrent layer", dropped[::3], program=whole, checks=CHECKS - {SECOND, LAYOUTS}),
        *ops("recurrent layer", [r for n, r in enumerate(dropped) if n % 3], program=whole, checks=FORWARD - {LAYOUTS}),
        *ops("recurrent layer and what is drawn next", dropped, program=next_drawn, checks={BITS}, streams=(UNIFORM,)),
        *ops("recurrent cell", cells, program=cell, checks=CHECKS - {MEMORY_FORMAT}),
    ]


# --- what layers refuse -------------------------------------------------------------------------------------------------------


def called(torch: Any, x: Any, *states: Any, kind: str, alone: bool = False, **options: Any) -> Any:
    """A layer of 3 and 4 numbers on something."""
    layer = getattr(torch.nn, kind)(3, 4, **options)
    if not states:
        return layer(x)
    return layer(x, states if kind.startswith("LSTM") and not alone else states[0])


def packed_call(torch: Any, x: Any, *states: Any, kind: str) -> Any:
    """A layer of 3 and 4 numbers on packed sequences."""
    given = torch.nn.utils.rnn.pack_padded_sequence(x, [3, 2])
    return getattr(torch.nn, kind)(3, 4)(given, states if len(states) > 1 else states[0] if states else None)


def constructed(torch: Any, *, kind: str, arguments: tuple[Any, ...], **options: Any) -> Any:
    """A layer that cannot be made."""
    return getattr(torch.nn, kind)(*arguments, **options)


WRONG: tuple[dict[str, Any], ...] = (
    {"dropout": 2}, {"dropout": -0.1}, {"dropout": True}, {"bias": 1}, {"batch_first": 1}, {"num_layers": 0},
    {"nonsense": 1},
)  # fmt: skip


def refusals() -> list[Case]:
    """Wrong sizes, dimensions, dtypes, options."""
    calls: list[Arguments] = []
    made: list[Arguments] = []
    for kind in LAYERS:

        def states(*shape: int, pair: bool = kind == "LSTM") -> tuple[Draw, ...]:
            return (normal(*shape), normal(*shape)) if pair else (normal(*shape),)

        calls += [
            args(normal(3), kind=kind),
            args(normal(1, 3, 2, 3), kind=kind),
            args(normal(3, 2, 5), kind=kind),
            args(normal(3, 2, 3).to("float64"), kind=kind).naming("float64", "float32"),
            args(normal(3, 2, 3).to("int64"), kind=kind).naming("int64", "float32"),
            args(normal(3, 2, 3), *states(1, 3, 4), kind=kind),
            args(normal(3, 2, 3), *states(1, 2, 5), kind=kind),
            args(normal(3, 2, 3), *states(2, 2, 4), kind=kind),
            args(normal(3, 2, 3), *states(2, 4), kind=kind),
            args(normal(3, 3), *states(1, 1, 4), kind=kind),
            args(normal(0, 2, 3), kind=kind),
            args(normal(2, 3, 3), *states(1, 3, 4), kind=kind, batch_first=True),
        ]
        made += [args(kind=kind, arguments=(3, 4), **options) for options in WRONG]
        made += [args(kind=kind, arguments=sizes) for sizes in ((0, 4), (3, 0), (3.0, 4), (3, 4.0), (3,))]
    calls += [
        args(normal(3, 2, 3), normal(1, 2, 4), normal(1, 2, 5), kind="LSTM"),
        args(normal(3, 2, 3), normal(1, 2, 4), normal(1, 2, 4), normal(1, 2, 4), kind="LSTM"),
        args(normal(3, 2, 3), normal(1, 2, 4), kind="LSTM", alone=True).naming("index"),
        args(normal(3, 2, 3), normal(1, 2, 4).to("float64"), kind="GRU"),
        args(normal(3, 2, 3), normal(1, 2, 4), normal(1, 2, 4), kind="LSTM", proj_size=2),
        *[args(normal(1, 2, 3), kind=f"{kind}Cell") for kind in LAYERS],
        *[args(normal(2, 3), normal(1, 2, 4), normal(2, 4), kind=f"{kind}Cell") for kind in LAYERS],
        args(normal(2, 3), kind="RNNCell", nonlinearity="sine"),
    ]
    made += [
        args(kind="LSTM", arguments=(3, 4), proj_size=-1),
        args(kind="LSTM", arguments=(3, 4), proj_size=4),
        args(kind="GRU", arguments=(3, 4), proj_size=2),
        args(kind="RNN", arguments=(3, 4), proj_size=2),
        args(kind="RNN", arguments=(3, 4), nonlinearity="sine"),
        args(kind="GRU", arguments=(3, 4, 1, "bias")),
    ]
    packed = [
        args(normal(3, 2, 5), kind="LSTM").naming("5", "3"),
        args(normal(3, 2, 5), kind="GRU"),
        args(normal(3, 2, 3).to("float64"), kind="GRU").naming("float64", "float32"),
        args(normal(3, 2, 3), normal(1, 3, 4), kind="GRU"),
        args(normal(3, 2, 3), normal(1, 2, 5), kind="RNN"),
    ]
    return [
        *refuses("recurrent layer", calls, program=called),
        *refuses("recurrent layer made", made, program=constructed),
        *refuses("recurrent layer on packed sequences", packed, program=packed_call),
    ]


# --- sequences of different lengths -------------------------------------------------------------------------------------------


def on_host(lengths: Any) -> Any:
    """Lengths where they have to be, also when the rows are on a GPU."""
    return lengths.cpu() if hasattr(lengths, "cpu") else lengths


def packed(torch: Any, x: Any, lengths: Any, **options: Any) -> dict[str, Any]:
    """A padded batch packed: its rows, and where they came from."""
    pack = torch.nn.utils.rnn.pack_padded_sequence(x, on_host(lengths), **options)
    return {"fields": list(pack), "double": pack.double().data, "same": pack.to(x.dtype) is pack}


def padded(torch: Any, x: Any, lengths: Any, *, sort: bool = False, **options: Any) -> Any:
    """Packed, scaled, and padded again."""
    rnn = torch.nn.utils.rnn
    pack = rnn.pack_padded_sequence(x, on_host(lengths), enforce_sorted=not sort)
    pack = rnn.PackedSequence(pack.data * 2, *pack[1:])
    return rnn.pad_packed_sequence(pack, **options)


def in_a_row(torch: Any, *sequences: Any, enforce_sorted: bool = True) -> dict[str, Any]:
    """Sequences packed and unpacked."""
    rnn = torch.nn.utils.rnn
    pack = rnn.pack_sequence(list(sequences), enforce_sorted=enforce_sorted)
    parts = rnn.unpack_sequence(rnn.PackedSequence(pack.data * 3, *pack[1:]))
    return {"data": pack.data, "sizes": pack.batch_sizes, "parts": parts}


def unpadded(torch: Any, x: Any, lengths: Any, *, batch_first: bool = True) -> Any:
    """The sequences of a padded batch. torch turns a batch that is not `batch_first` in place: it gets one of its own."""
    return torch.nn.utils.rnn.unpad_sequence(x if batch_first else x * 1, lengths, batch_first)


LENGTHS = values([4, 2, 1], "int64")
MIXED = values([1, 4, 2], "int64")
LISTS = (normal(3, 2), normal(1, 2), normal(2, 2))


def sequences() -> list[Case]:
    """torch.nn.utils.rnn."""
    pad, pack = "nn.utils.rnn.pad_sequence", "nn.utils.rnn.pack_padded_sequence"
    return [
        *ops(
            "pack_padded_sequence",
            [
                args(normal(4, 3, 2), LENGTHS),
                args(normal(4, 3, 2), [4, 2, 1]),
                args(normal(3, 4, 2), LENGTHS, batch_first=True),
                args(normal(4, 3), LENGTHS),
                args(normal(4, 3, 2, 2), MIXED, enforce_sorted=False),
                args(normal(5, 3, 2), (2, 2, 2)),
                args(
                    normal(3, 5, 2), values([3.0, 5.0, 5.0], "float32").fixed(), batch_first=True, enforce_sorted=False
                ),
            ],
            program=packed,
        ),
        *ops(
            "pad_packed_sequence",
            [
                args(normal(4, 3, 2), LENGTHS),
                args(normal(4, 3, 2), LENGTHS, batch_first=True),
                args(normal(4, 3, 2), MIXED, sort=True, padding_value=-1.5),
                args(normal(4, 3), MIXED, sort=True, batch_first=True, total_length=6),
            ],
            program=padded,
        ),
        *ops(
            pad,
            [
                args(list(LISTS)),
                args(list(LISTS), batch_first=True),
                args(list(LISTS), padding_value=2.5),
                args(list(LISTS), batch_first=True, padding_value=-1.0, padding_side="left"),
                args(list(LISTS), padding_side="left"),
                args([normal(4), normal(2)]),
                args([normal(2, 3, 2), normal(0, 3, 2)]),
                args([normal(2, 3), normal(1, 1)]),
                args([normal(2), normal(1).to("float64")]),
                args(normal(3, 2, 2)),
            ],
        ),
        *ops(pad, [args([integers(3, high=9), integers(1, high=9)], True, -1.5)], checks=FORWARD),
        *ops(
            "pack_sequence",
            [args(*LISTS, enforce_sorted=False), args(normal(3), normal(3), normal(1))],
            program=in_a_row,
        ),
        *ops(
            "unpad_sequence",
            [args(normal(3, 4, 2), MIXED), args(normal(4, 3), MIXED, batch_first=False)],
            program=unpadded,
        ),
        *ops("nn.utils.rnn.invert_permutation", [args(values([2, 0, 1], "int64")), args(None)], checks=FORWARD),
        *refuses(
            pack,
            [
                args(normal(4, 3, 2), [2, 4, 1]),
                args(normal(4, 3, 2), [2, 1, 0]),
                args(normal(4, 3, 2), [2, 1]),
                args(normal(4, 0, 2), []),
                args(normal(4, 3, 2), values([[4, 2, 1]], "int64")),
            ],
        ),
        *refuses("pad_packed_sequence", [args(normal(4, 3, 2), LENGTHS, total_length=3)], program=padded),
        *refuses(
            pad,
            [
                args([]),
                args(3),
                args([normal(2), 3]),
                args([normal(2)], padding_side="top"),
                args([normal(2, 3), normal(2, 2)]),
            ],
        ),
        *refuses("pack_sequence", [args(normal(1), normal(3)), args(normal(3), normal(0))], program=in_a_row),
        *refuses("unpad_sequence", [args(normal(3, 4), values([1, 4], "int64"))], program=unpadded),
    ]


CASES: list[Case] = [
    *stacks(),
    *steps(),
    *ops("recurrent layer made", MADE, program=drawn, checks={BITS}, streams=(UNIFORM,)),
    *wholes(),
    *refusals(),
    *sequences(),
]
