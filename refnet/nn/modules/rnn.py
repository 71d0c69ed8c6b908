"""Recurrent layers: RNN, LSTM and GRU over whole sequences, and their cells for one step.

Letters: T steps, N sequences, I input numbers, H hidden numbers, P of them after projection (P = H without), L layers,
D directions (2 if bidirectional). The math is in `refnet._ops.rnn`, the stack of layers in `refnet.nn.functional.rnn`.
"""

import numbers
import warnings
from typing import Any, ClassVar

from refnet._check import check
from refnet.creation import empty, zeros
from refnet.nn import init
from refnet.nn.functional import rnn as functional
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter
from refnet.nn.utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_FUNCTIONS: dict[str, Any] = {
    "LSTM": functional.lstm,
    "GRU": functional.gru,
    "RNN_TANH": functional.rnn_tanh,
    "RNN_RELU": functional.rnn_relu,
}


class RNNBase(Module):
    """What the layers over sequences share.

    Parameters, for layer k, and again with the suffix ``_reverse`` if bidirectional: weight_ih_l{k} (G H, I; D P in
    layers above the first), weight_hh_l{k} (G H, P), bias_ih_l{k} and bias_hh_l{k} (G H) if `bias`, weight_hr_l{k}
    (P, H) if projected, with G gates. All start uniform in +-1 / sqrt(H).

    input (T, N, I), or (N, T, I) with `batch_first`, or (T, I), or a `PackedSequence`; hx (L D, N, H), zeros if left
    out, without N where the input has none. Gives the last layer's output at every step, both directions side by side
    (T, N, D P), as input is laid out, and the last state of every layer and direction, as hx is.
    """

    _takes: ClassVar[str] = "tensor "  # a word in RNN's error that the others' do not have

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check_arguments(dropout)
        directions = 2 if bidirectional else 1
        gates, out = _GATES[mode] * hidden_size, proj_size or hidden_size
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * directions
            for suffix in ("", "_reverse")[:directions]:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, width), "weight_hh": (gates, out)}
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                named = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
                for name, shape in named.items():
                    self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._names.append(list(named))
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        check(
            isinstance(dropout, numbers.Number) and not isinstance(dropout, bool) and 0 <= self.dropout <= 1,
            lambda: (
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, got "
                f"{dropout!r}"
            ),
            ValueError,
        )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=3,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            check(
                isinstance(value, kind),
                lambda name=name, kind=kind, value=value: (  # type: ignore[misc]
                    f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
                ),
                TypeError,
            )
        for name in ("input_size", "hidden_size", "num_layers"):
            value = getattr(self, name)
            check(
                value > 0,
                lambda name=name, value=value: f"{name} must be greater than zero, got {value}",  # type: ignore[misc]
                ValueError,
            )
        check(
            self.proj_size >= 0,
            lambda: f"proj_size should be a positive integer or zero to disable projections, got {self.proj_size}",
            ValueError,
        )
        check(
            self.proj_size < self.hidden_size,
            lambda: f"proj_size has to be smaller than hidden_size, got {self.proj_size} and {self.hidden_size}",
            ValueError,
        )
        check(self.mode in _GATES, lambda: f"Unrecognized RNN mode: {self.mode}", ValueError)

    def reset_parameters(self) -> None:
        """Draw every parameter uniformly from +-1 / sqrt(hidden_size), in the order they are listed."""
        bound = 1 / self.hidden_size**0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: where each parameter's memory lies makes no difference here."""

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    # --- the state ------------------------------------------------------------------------------------------------

    def _widths(self) -> tuple[int, ...]:
        """The size of each part of the state."""
        return (self.hidden_size,)

    def _parts(self, hx: Any) -> tuple[Any, ...]:
        """The parts of a state as the user gives it."""
        return (hx,)

    def _joined(self, states: tuple[Any, ...]) -> Any:
        """The state as the user gets it, from its parts."""
        return states[0]

    def _check_state_dim(self, states: tuple[Any, ...], batched: bool) -> None:
        wanted = 3 if batched else 2
        kind = "batched 3-D" if batched else "unbatched 2-D"
        check(
            states[0].dim() == wanted,
            lambda: f"For {kind} input, hx should also be {wanted}-D but got {states[0].dim()}-D tensor",
        )

    def _check_state(self, states: tuple[Any, ...], batch: int) -> None:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        for number, (state, width) in enumerate(zip(states, self._widths(), strict=True)):
            expected, which = (rows, batch, width), f"[{number}]" if len(states) > 1 else ""
            check(
                state.shape == expected,
                lambda state=state, expected=expected, which=which: (  # type: ignore[misc]
                    f"Expected hidden{which} size {expected}, got {list(state.shape)}"
                ),
            )

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raise torch's errors for an input of another dtype, number of dimensions or width."""
        weight = self.all_weights[0][0]
        check(
            input.dtype is weight.dtype,
            lambda: (
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            ),
            ValueError,
        )
        wanted = 3 if batch_sizes is None else 2
        check(input.dim() == wanted, lambda: f"input must have {wanted} dimensions, got {input.dim()}")
        check(
            input.size(-1) == self.input_size,
            lambda: f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}",
        )

    # --- forward --------------------------------------------------------------------------------------------------

    def _start(self, x: Any, batch: int) -> tuple[Any, ...]:
        """A state of zeros."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        return tuple([zeros(rows, batch, width, dtype=x.dtype, device=x.device) for width in self._widths()])

    def _run(self, *operands: Any, layout: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
        *inputs, states = operands
        weights = [weight for weights in self.all_weights for weight in weights]
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        state = states if len(states) > 1 else states[0]
        out, *last = _FUNCTIONS[self.mode](*inputs, state, weights, *settings, *layout)
        return out, tuple(last)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[Any, Any]:
        x, batch_sizes, order, back = input
        batch = int(batch_sizes[0])
        states = self._start(x, batch) if hx is None else self._parts(hx)
        self._check_state(states, batch)
        if hx is not None and order is not None:
            states = tuple([state.index_select(1, order) for state in states])
        out, states = self._run(x, batch_sizes, states)
        if back is not None:
            states = tuple([state.index_select(1, back) for state in states])
        return PackedSequence(out, batch_sizes, order, back), self._joined(states)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            if self.mode != "LSTM":  # as in torch, where for an LSTM the product with the weight speaks
                self.check_input(input.data, input.batch_sizes)
            return self._forward_packed(input, hx)
        check(
            input.dim() in (2, 3),
            lambda: f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D {self._takes}instead",
            ValueError,
        )
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        x = input if batched else input.unsqueeze(batch_dim)
        if hx is None:
            states = self._start(x, x.shape[batch_dim])
        else:
            states = self._parts(hx)
            self._check_state_dim(states, batched)
            if not batched:
                states = tuple([state.unsqueeze(1) for state in states])
        self.check_input(x, None)
        self._check_state(states, x.shape[batch_dim])
        out, states = self._run(x, states, layout=(self.batch_first,))
        if not batched:
            out, states = out.squeeze(batch_dim), tuple([state.squeeze(1) for state in states])
        return out, self._joined(states)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        parts += [f"proj_size={self.proj_size}"] if self.proj_size != 0 else []
        parts += [f"num_layers={self.num_layers}"] if self.num_layers != 1 else []
        parts += [f"bias={self.bias}"] if self.bias is not True else []
        parts += [f"batch_first={self.batch_first}"] if self.batch_first is not False else []
        parts += [f"dropout={self.dropout}"] if self.dropout != 0 else []
        parts += [f"bidirectional={self.bidirectional}"] if self.bidirectional is not False else []
        return ", ".join(parts)


def _refuse_projection(options: dict[str, Any]) -> None:
    check(
        "proj_size" not in options,
        lambda: "proj_size argument is only supported for LSTM, not RNN or GRU",
        ValueError,
    )


class RNN(RNNBase):
    """h' = tanh(W x + b + U h + b') (or relu) at every step: -> (output, h). See `RNNBase`.

    ``RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None)``

    >>> import refnet
    >>> output, h = refnet.nn.RNN(3, 4, num_layers=2)(refnet.zeros(5, 2, 3))
    >>> output.shape, h.shape
    (refnet.Size([5, 2, 4]), refnet.Size([2, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        check(
            nonlinearity in ("tanh", "relu"),
            lambda: f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.",
            ValueError,
        )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: -> (output, (h, c)), hx = (h, c). See `RNNBase`; c is (L D, N, H) also if h is projected.

    ``LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0, device=None, dtype=None)``

    >>> import refnet
    >>> output, (h, c) = refnet.nn.LSTM(3, 4, bidirectional=True)(refnet.zeros(5, 2, 3))
    >>> output.shape, h.shape, c.shape
    (refnet.Size([5, 2, 8]), refnet.Size([2, 2, 4]), refnet.Size([2, 2, 4]))
    """

    _takes = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _widths(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _parts(self, hx: Any) -> tuple[Any, ...]:
        check(len(hx) <= 2 or hasattr(hx, "dim"), lambda: f"lstm expects two hidden states, got {len(hx)}")
        return (hx[0], hx[1])

    def _joined(self, states: tuple[Any, ...]) -> Any:
        return states

    def _check_state_dim(self, states: tuple[Any, ...], batched: bool) -> None:
        wanted = 3 if batched else 2
        kind = "batched 3-D" if batched else "unbatched 2-D"
        h, c = states
        check(
            h.dim() == c.dim() == wanted,
            lambda: f"For {kind} input, hx and cx should also be {wanted}-D but got ({h.dim()}-D, {c.dim()}-D) tensors",
        )


class GRU(RNNBase):
    """Gated recurrent units: -> (output, h). See `RNNBase`.

    ``GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    device=None, dtype=None)``

    >>> import refnet
    >>> output, h = refnet.nn.GRU(3, 4, batch_first=True)(refnet.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (refnet.Size([2, 5, 4]), refnet.Size([1, 2, 4]))
    """

    _takes = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


# --- cells --------------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells share: weight_ih (G H, I), weight_hh (G H, H), bias_ih and bias_hh (G H) if `bias`.

    All start uniform in +-1 / sqrt(H). input (N, I) or (I,); the state (N, H) or (H,), zeros if left out.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates, options = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((gates, input_size), **options))
        self.weight_hh = Parameter(empty((gates, hidden_size), **options))
        self.bias_ih = Parameter(empty(gates, **options)) if bias else None
        self.bias_hh = Parameter(empty(gates, **options)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter uniformly from +-1 / sqrt(hidden_size), in the order they are listed."""
        bound = 1 / self.hidden_size**0.5 if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _run(self, step: Any, input: Any, states: tuple[Any, ...] | None, names: tuple[str, ...]) -> tuple[Any, ...]:
        """The new states, by step(input, states, weights...); with a batch of one where there is none."""
        name = type(self).__name__
        check(
            input.dim() in (1, 2),
            lambda: f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead",
            ValueError,
        )
        for what, state in zip(names, states or (), strict=False):
            check(
                state.dim() in (1, 2),
                lambda what=what, state=state: (  # type: ignore[misc]
                    f"{name}: Expected {what} to be 1D or 2D, got {state.dim()}D instead"
                ),
                ValueError,
            )
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if states is None:
            states = (zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device),) * len(names)
        elif not batched:
            states = tuple([state.unsqueeze(0) for state in states])
        new = step(x, states, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return new if batched else tuple([state.squeeze(0) for state in new])

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (f", bias={self.bias}" if self.bias is not True else "")


class RNNCell(RNNCellBase):
    """One step of an `RNN`: (input, h) -> h'.

    >>> import refnet
    >>> refnet.nn.RNNCell(3, 4)(refnet.zeros(2, 3)).shape
    refnet.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        steps = {"tanh": functional.rnn_tanh_cell, "relu": functional.rnn_relu_cell}
        check(self.nonlinearity in steps, lambda: f"Unknown nonlinearity: {self.nonlinearity}")
        step = steps[self.nonlinearity]
        states = None if hx is None else (hx,)
        return self._run(lambda x, states, *w: (step(x, states[0], *w),), input, states, ("hidden",))[0]

    def extra_repr(self) -> str:
        extra = f", nonlinearity={self.nonlinearity}" if self.nonlinearity != "tanh" else ""
        return super().extra_repr() + extra


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: (input, (h, c)) -> (h', c').

    >>> import refnet
    >>> h, c = refnet.nn.LSTMCell(3, 4)(refnet.zeros(2, 3))
    >>> h.shape, c.shape
    (refnet.Size([2, 4]), refnet.Size([2, 4]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        return self._run(functional.lstm_cell, input, hx, ("hx[0]", "hx[1]"))


class GRUCell(RNNCellBase):
    """One step of a `GRU`: (input, h) -> h'.

    >>> import refnet
    >>> refnet.nn.GRUCell(3, 4)(refnet.zeros(2, 3)).shape
    refnet.Size([2, 4])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        states = None if hx is None else (hx,)
        return self._run(lambda x, states, *w: (functional.gru_cell(x, states[0], *w),), input, states, ("hidden",))[0]
