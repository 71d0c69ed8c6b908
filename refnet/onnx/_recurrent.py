"""RNN, LSTM and GRU: one ONNX operator per layer, both directions in it.

The gates stand in another order there (an LSTM's: input, output, forget, cell; a GRU's: update, reset, new), so the rows
of the weights are gathered in that order; the weights themselves stay initializers under their own names. A GRU's reset
gate acts after the product with the hidden weights: ``linear_before_reset``.
"""

from typing import Any, NamedTuple

import numpy

from refnet.onnx._graph import Graph, Operand
from refnet.onnx._table import translates


class _Kind(NamedTuple):
    op: str
    order: tuple[int, ...]  # of the engine's gates, as ONNX wants them
    activation: str | None = None


_KINDS = {
    "lstm": _Kind("LSTM", (0, 3, 1, 2)),
    "gru": _Kind("GRU", (1, 0, 2)),
    "rnn_tanh": _Kind("RNN", (0,), "Tanh"),
    "rnn_relu": _Kind("RNN", (0,), "Relu"),
}


def _kind(g: Graph) -> _Kind:
    name = g.operation.rpartition(".")[2]
    return _KINDS[name.removesuffix("_cell")]


def _gates(g: Graph, kind: _Kind, x: Operand) -> str:
    """The rows of a weight, or a bias, gate by gate in ONNX's order, with a leading dimension for the direction."""
    hidden = x.shape[0] // len(kind.order)
    rows = numpy.concatenate([numpy.arange(hidden) + gate * hidden for gate in kind.order])
    name = x.name if len(kind.order) == 1 else g.node("Gather", [x.name, g.integers(rows.tolist())], axis=0)
    return g.node("Unsqueeze", [name, g.integers([0])])


def _joined(g: Graph, parts: list[str], axis: int) -> str:
    return parts[0] if len(parts) == 1 else g.node("Concat", parts, axis=axis)


def _layer(g: Graph, kind: _Kind, x: str, weights: list[list[Any]], states: list[str]) -> tuple[str, ...]:
    """(output (T, D, N, H), *last states (D, N, H)) of one layer; weights w_ih, w_hh, b_ih, b_hh for each direction."""
    directions = len(weights)
    w, u = (_joined(g, [_gates(g, kind, each[i]) for each in weights], 0) for i in (0, 1))
    bias = ""
    if weights[0][2] is not None:
        rows = [g.node("Concat", [_gates(g, kind, each[2]), _gates(g, kind, each[3])], axis=1) for each in weights]
        bias = _joined(g, rows, 0)
    return g.nodes_of(
        kind.op,
        [x, w, u, bias, "", *states],
        1 + len(states),
        hidden_size=weights[0][1].shape[1],
        direction="bidirectional" if directions == 2 else "forward",
        activations=[kind.activation] * directions if kind.activation else None,
        linear_before_reset=1 if kind.op == "GRU" else None,
    )


@translates("lstm", "gru", "rnn_tanh", "rnn_relu")
def _recurrent(g: Graph, out: Operand, input: Operand, rest: tuple[Any, ...]) -> tuple[str, ...]:
    kind = _kind(g)
    if len(rest) != 8:
        raise g.unsupported("packed sequences cannot be exported; pad them")
    states, params, biased, layers, _, _, bidirectional, batch_first = rest
    states = list(states) if isinstance(states, tuple) else [states]
    directions = 2 if bidirectional else 1
    each = len(params) // (layers * directions)
    if each != (4 if biased else 2):
        raise g.unsupported("an LSTM with proj_size has no ONNX operator")
    x = g.node("Transpose", [input.name], perm=[1, 0, 2]) if batch_first else input.name
    last: list[list[str]] = [[] for _ in states]
    for layer in range(layers):
        places = range(layer * directions, (layer + 1) * directions)
        weights = [[*params[p * each : (p + 1) * each], None, None][:4] for p in places]
        starts = [_rows(g, state, places) for state in states]
        y, *ends = _layer(g, kind, x, weights, starts)
        for found, end in zip(last, ends, strict=True):
            found.append(end)
        side_by_side = g.node("Transpose", [y], perm=[0, 2, 1, 3])  # (T, D, N, H) -> (T, N, D, H)
        x = g.node("Reshape", [side_by_side, g.integers([0, 0, -1])])
    result = g.node("Transpose", [x], perm=[1, 0, 2]) if batch_first else x
    return (result, *[_joined(g, ends, 0) for ends in last])


def _rows(g: Graph, state: Operand, places: range) -> str:
    """The initial state of one layer out of that of all."""
    if state.shape[0] == len(places):
        return state.name
    ends = [g.integers([places.start]), g.integers([places.stop])]
    return g.node("Slice", [state.name, *ends, g.integers([0])])


@translates("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def _cell(g: Graph, out: Operand, input: Operand, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """One step: a sequence of length one."""
    first = g.integers([0])
    x = g.node("Unsqueeze", [input.name, first])
    states = [g.node("Unsqueeze", [state.name, first]) for state in (hx if isinstance(hx, tuple) else (hx,))]
    _, *ends = _layer(g, _kind(g), x, [[w_ih, w_hh, b_ih, b_hh]], states)
    found = tuple([g.node("Squeeze", [end, first]) for end in ends])
    return found if len(found) > 1 else found[0]
