"""Recurrent networks as functions: stacks of layers in one or two directions, and single steps.

Letters: T steps, N sequences, H hidden numbers, L layers, D directions. Names, arguments and checks are those of
torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu and their cells. The math is in `refnet._ops.rnn`.

`params` lists, for each layer and each direction in it, w_ih, w_hh, then b_ih, b_hh if there are biases, then w_hr if
the hidden state is projected.
"""

from collections.abc import Callable, Sequence
from typing import Any

from refnet._check import check
from refnet._ops import rnn
from refnet._ops._args import type_name
from refnet._ops.shape import cat, stack
from refnet.nn.functional.dropout import dropout as drop
from refnet.nn.functional.linear import linear

States = tuple[Any, ...]
Recur = Callable[..., tuple[Any, ...]]  # (gates, states, w_hh, b_hh, w_hr, sizes=, reverse=) -> (out, *last states)


def _recur_lstm(x: Any, states: States, u: Any, b: Any, r: Any, **how: Any) -> tuple[Any, ...]:
    return rnn.lstm(x, *states, u, b, r, **how)  # type: ignore[no-any-return]


def _recur_gru(x: Any, states: States, u: Any, b: Any, _: Any, **how: Any) -> tuple[Any, ...]:
    return rnn.gru(x, *states, u, b, **how)  # type: ignore[no-any-return]


def _recur_tanh(x: Any, states: States, u: Any, b: Any, _: Any, **how: Any) -> tuple[Any, ...]:
    return rnn.rnn(x, *states, u, b, relu=False, **how)  # type: ignore[no-any-return]


def _recur_relu(x: Any, states: States, u: Any, b: Any, _: Any, **how: Any) -> tuple[Any, ...]:
    return rnn.rnn(x, *states, u, b, relu=True, **how)  # type: ignore[no-any-return]


def run_layers(
    recur: Recur,
    input: Any,
    states: States,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    sizes: Sequence[int],
) -> tuple[Any, ...]:
    """(output, *last states) of a stack of layers over the rows of all steps, `sizes[t]` rows for step t.

    input (rows, I); each of `states` (L D, N, H); output (rows, D H). A layer reads the output of the one below, both
    directions side by side; in training, `dropout` of it, drawn once for each layer but the last.
    """
    directions = 2 if bidirectional else 1
    each = len(params) // (num_layers * directions)
    last: list[States] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            w_ih, w_hh, *rest = params[place * each : (place + 1) * each]
            b_ih, b_hh = rest[:2] if has_biases else (None, None)
            w_hr = rest[-1] if len(rest) % 2 else None
            gates = linear(input, w_ih, b_ih)
            out, *final = recur(
                gates, tuple([s[place] for s in states]), w_hh, b_hh, w_hr, sizes=tuple(sizes), reverse=direction == 1
            )
            outputs.append(out)
            last.append(tuple(final))
        input = cat(outputs, -1) if bidirectional else outputs[0]
        if dropout and train and layer < num_layers - 1:
            input = drop(input, dropout, training=True)
    return (input, *[stack(state) for state in zip(*last, strict=True)])


def _padded(
    recur: Recur,
    input: Any,
    states: States,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, ...]:
    """`run_layers` over sequences of one length: (T, N, I), or (N, T, I) with `batch_first`, and the output alike."""
    x = input.transpose(0, 1) if batch_first else input
    length, batch = x.shape[:2]
    check(length > 0, lambda: "Expected sequence length to be larger than 0 in RNN")
    _expect_one_dtype(input, states)
    options = (has_biases, num_layers, dropout, train, bidirectional)
    out, *last = run_layers(recur, x.reshape(length * batch, x.shape[2]), states, params, *options, (batch,) * length)
    out = out.reshape(length, batch, out.shape[1])
    return (out.transpose(0, 1) if batch_first else out, *last)


def _expect_one_dtype(input: Any, states: States) -> None:
    for state in states:
        check(
            state.dtype is input.dtype,
            lambda state=state: (  # type: ignore[misc]
                f"mat1 and mat2 must have the same dtype, but got {type_name(state.dtype)} and {type_name(input.dtype)} "
                "(hidden state and input of a recurrent layer)"
            ),
        )


def _packed(
    recur: Recur,
    data: Any,
    batch_sizes: Any,
    states: States,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Any, ...]:
    """`run_layers` over packed sequences: data (rows, I), batch_sizes (T,) of falling numbers of rows."""
    _expect_one_dtype(data, states)
    options = (has_biases, num_layers, dropout, train, bidirectional)
    return run_layers(recur, data, states, params, *options, batch_sizes.tolist())


def lstm(input: Any, *rest: Any) -> tuple[Any, Any, Any]:
    """(output, h, c) of a stack of LSTM layers.

    ``lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or for packed
    sequences ``lstm(data, batch_sizes, (h, c), params, has_biases, num_layers, dropout, train, bidirectional)``.
    """
    packed = not isinstance(rest[0], list | tuple)
    states = rest[1] if packed else rest[0]
    check(len(states) == 2, lambda: f"lstm expects two hidden states, got {len(states)}")
    if packed:
        found = _packed(_recur_lstm, input, rest[0], tuple(states), *rest[2:])
    else:
        found = _padded(_recur_lstm, input, tuple(states), *rest[1:])
    return found


def _with_one_state(recur: Recur, input: Any, rest: tuple[Any, ...]) -> tuple[Any, Any]:
    """Both forms of gru, rnn_tanh and rnn_relu: the packed one has batch_sizes before the state."""
    packed = not isinstance(rest[1], list | tuple)
    if packed:
        found = _packed(recur, input, rest[0], (rest[1],), *rest[2:])
    else:
        found = _padded(recur, input, (rest[0],), *rest[1:])
    return found


def gru(input: Any, *rest: Any) -> tuple[Any, Any]:
    """(output, h) of a stack of GRU layers; arguments as for `lstm`, with h in place of (h, c)."""
    return _with_one_state(_recur_gru, input, rest)


def rnn_tanh(input: Any, *rest: Any) -> tuple[Any, Any]:
    """(output, h) of a stack of Elman layers with tanh; arguments as for `lstm`, with h in place of (h, c)."""
    return _with_one_state(_recur_tanh, input, rest)


def rnn_relu(input: Any, *rest: Any) -> tuple[Any, Any]:
    """(output, h) of a stack of Elman layers with relu; arguments as for `lstm`, with h in place of (h, c)."""
    return _with_one_state(_recur_relu, input, rest)


# --- one step -----------------------------------------------------------------------------------------------------


def _cell(recur: Recur, input: Any, states: States, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
    """The new states (N, H) after one step on input (N, I)."""
    check(
        input.shape[1] == w_ih.shape[1],
        lambda: f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}",
    )
    for number, state in enumerate(states):
        check(
            input.shape[0] == state.shape[0],
            lambda number=number, state=state: (  # type: ignore[misc]
                f"Input batch size {input.shape[0]} doesn't match hidden{number} batch size {state.shape[0]}"
            ),
        )
        check(
            state.shape[1] == w_hh.shape[1],
            lambda number=number, state=state: (  # type: ignore[misc]
                f"hidden{number} has inconsistent hidden_size: got {state.shape[1]}, expected {w_hh.shape[1]}"
            ),
        )
    gates = linear(input, w_ih, b_ih)
    _expect_one_dtype(input, states)
    return recur(gates, states, w_hh, b_hh, None, sizes=(input.shape[0],), reverse=False)[1:]


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """(h', c') after one step of an LSTM from hx = (h, c)."""
    check(
        isinstance(hx, list | tuple),
        lambda: f"lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not {type(hx).__name__}",
        TypeError,
    )
    check(len(hx) == 2, lambda: f"lstm_cell expects two hidden states, got {len(hx)}")
    return _cell(_recur_lstm, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """h' after one step of a GRU."""
    return _cell(_recur_gru, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """h' after one step of an Elman network with tanh."""
    return _cell(_recur_tanh, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """h' after one step of an Elman network with relu."""
    return _cell(_recur_relu, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
