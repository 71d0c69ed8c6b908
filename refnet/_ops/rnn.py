"""Recurrences over time: the loops of RNN, LSTM and GRU, each one operation with a backward loop of its own.

A recurrence gets what the input says to the gates of every step, computed for all steps in one product outside, and
carries a hidden state h through the steps:

    rnn     h' = tanh(x + U h + b)  (or relu)
    lstm    i, f, g, o = x + U h + b;   c' = s(f) c + s(i) tanh(g);   h' = s(o) tanh(c'), times R^T where projected
    gru     r, z = s(x + U h + b);      n = tanh(x_n + r (U_n h + b_n));   h' = (1 - z) n + z h

with s the logistic function (Elman 1990; Hochreiter and Schmidhuber 1997, Gers et al. 1999; Cho et al. 2014, with the
reset gate after the product as in cuDNN).

Letters: T steps, N sequences, H hidden numbers, P of them after projection (P = H without), G gates.

Sequences may differ in length. They come longest first, and the rows of all that are alive at step 0 stand before those
of step 1, and so on, `sizes[t]` rows for step t. So the living ones are always the first rows of the state, forwards
(where the state of a sequence that ended stays as it is) and backwards (where it stays until the sequence begins).

As primitives on the tape the dozen operations of a step would cost more than their arithmetic. Hence `Recurrence`: a
whole loop is one node, its adjoint another plain loop over arrays. Where the gradient is itself to be differentiated,
the gradient of `definition`, the same loop in Tensor algebra, takes its place.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from refnet import _dtype, _tape
from refnet._ops._accumulate import tree_sum
from refnet._ops.shape import cat, chunk, view
from refnet._tape import Node, Primitive, run_backward, wrap

Array = Any
Definition = Callable[..., tuple[Any, ...]]  # on tensors: the results, without what is kept for the adjoint
Adjoint = Callable[..., tuple[Any, ...]]  # on arrays: from the results' gradients to those of the inputs


class Recurrence(Primitive):
    """A primitive whose gradients come all at once.

    Its kernel returns the results and, after them, what the adjoint wants kept. ``adjoint(xp, g, inputs, kept, **p)``
    turns the gradients of the results (None where there is none) into those of the inputs.
    """

    def __init__(self, forward: Callable[..., Any], definition: Definition, adjoint: Adjoint, results: int) -> None:
        super().__init__(forward)
        self.__name__ = forward.__name__.removeprefix("_")
        self.definition, self.adjoint, self.results = definition, adjoint, results
        everything = (*self.inputs, "out")
        self.rules = dict.fromkeys(range(len(self.inputs)), (self._alone, everything, True))

    def _alone(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"{self.__name__} has no rule for one input alone; see `pullback`")

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        return super().__call__(*inputs, **params)[: self.results]

    def pullback(self, node: Node, g: Any, edges: tuple[Any, ...]) -> list[Any]:
        """The gradient for each edge of `node`."""
        saved = node.saved
        inputs = [saved[name] for name in self.inputs]
        params = {name: saved[name] for name in self.params}
        cotangents = list(g)[: self.results]
        if _tape.mode.grad:
            return _differentiate(self.definition, inputs, cotangents, params)
        xp = node.device.xp
        compute = _dtype.opmath(inputs[0]._array.dtype)
        wide = [None if x is None else x._array.astype(compute, copy=False) for x in (*cotangents, *inputs)]
        kept = saved["out"][self.results :]
        gradients = _tape.mode.quiet.run(self.adjoint, xp, wide[: self.results], wide[self.results :], kept, **params)
        return [
            None if x is None or d is None else wrap(d.astype(x._array.dtype, copy=False), node.device)
            for x, d in zip(inputs, gradients, strict=True)
        ]


def _differentiate(definition: Definition, inputs: list[Any], cotangents: list[Any], params: Any) -> list[Any]:
    """The recorded gradients of <cotangents, definition(inputs)> with respect to each input, as it is used here."""
    # A view of each input, because an input may itself depend on another one: only what is used here counts.
    used = [None if x is None else view(x, shape=x.shape) for x in inputs]
    results = definition(*used, **params)
    roots = [
        (_tape.edge_of(r), g) for r, g in zip(results, cotangents, strict=True) if g is not None and r.requires_grad
    ]
    wanted = [x for x in used if x is not None and x.requires_grad]
    found = iter(run_backward(roots, captures=wanted, create_graph=True))
    return [next(found) if x is not None and x.requires_grad else None for x in used]


Step = tuple[slice, int]  # the rows of a step, and how many there are


def _steps(sizes: Sequence[int], reverse: bool) -> list[Step]:
    """The steps in the order in which they are computed."""
    starts = itertools.accumulate(sizes, initial=0)
    steps = [(slice(start, start + n), n) for start, n in zip(starts, sizes, strict=False)]
    return steps[::-1] if reverse else steps


def _rows(xp: Any, like: Array, rows: int, width: int) -> Array:
    return xp.empty((rows, width), like.dtype)


def _logistic(xp: Any, x: Array) -> None:
    """x <- 1 / (1 + e^-x)"""
    e = xp.exp(-x)
    e += 1
    xp.true_divide(1, e, out=x)


def _opened(xp: Any, x: Array, h: Array, u: Array, b: Array | None) -> tuple[Array, Array, Array, Array | None]:
    """A row of gates for every row, the state, U^T and b, in the type to compute in; the first two to write to."""
    compute = _dtype.opmath(x.dtype)
    return (
        xp.array(x, dtype=compute, order="C"),
        xp.array(h, dtype=compute, order="C"),
        u.T.astype(compute, copy=False),
        None if b is None else b.astype(compute, copy=False),
    )


def _closed(dtype: Any, results: tuple[Array, ...], *kept: Array) -> tuple[Array, ...]:
    return (*[r.astype(dtype, copy=False) for r in results], *kept)


def _start(xp: Any, g: Array | None, like: Array) -> Array:
    """The gradient of the last state, to write to."""
    return xp.zeros(like.shape, like.dtype) if g is None else xp.array(g, order="C")


def _bias_gradient(xp: Any, b: Array | None, d: Array) -> Array | None:
    return None if b is None else tree_sum(xp, d, (0,))[0]


# --- in Tensor algebra --------------------------------------------------------------------------------------------


def _along(sizes: Sequence[int], reverse: bool, x: Any, states: list[Any], cell: Callable[..., Any]) -> tuple[Any, ...]:
    """The outputs of all steps in order of time, and the last states. cell(x, *states) gives the new states."""
    outputs: list[Any] = []
    for span, n in _steps(sizes, reverse):
        new = cell(x[span], *[state[:n] for state in states])
        outputs.append(new[0])
        states = [cat([a, b[n:]]) if n < len(b) else a for a, b in zip(new, states, strict=True)]
    return (cat(outputs[::-1] if reverse else outputs), *states)


def _affine(h: Any, u: Any, b: Any) -> Any:
    return h @ u.t() if b is None else h @ u.t() + b


def _rnn_definition(x: Any, h: Any, u: Any, b: Any, *, sizes: Sequence[int], reverse: bool, relu: bool) -> Any:
    def cell(x: Any, h: Any) -> tuple[Any]:
        a = x + _affine(h, u, b)
        return (a.relu() if relu else a.tanh(),)

    return _along(sizes, reverse, x, [h], cell)


def _lstm_definition(
    x: Any, h: Any, c: Any, u: Any, b: Any, r: Any, *, sizes: Sequence[int], reverse: bool
) -> tuple[Any, ...]:
    def cell(x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        i, f, g, o = chunk(x + _affine(h, u, b), 4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h if r is None else h @ r.t(), c

    return _along(sizes, reverse, x, [h, c], cell)


def _gru_definition(x: Any, h: Any, u: Any, b: Any, *, sizes: Sequence[int], reverse: bool) -> tuple[Any, ...]:
    def cell(x: Any, h: Any) -> tuple[Any]:
        x_r, x_z, x_n = chunk(x, 3, 1)
        h_r, h_z, h_n = chunk(_affine(h, u, b), 3, 1)
        z = (x_z + h_z).sigmoid()
        n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
        return ((h - n) * z + n,)

    return _along(sizes, reverse, x, [h], cell)


# --- rnn ----------------------------------------------------------------------------------------------------------


def _rnn(xp: Any, x: Array, h: Array, u: Array, b: Array | None, *, sizes: Any, reverse: bool, relu: bool) -> Any:
    """out_t = h_t = tanh(x_t + U h_(t-1) + b), or relu: (out, last h), x (rows, H)"""
    out, h, u, b = _opened(xp, x, h, u, b)
    if b is not None:
        out += b
    before = xp.empty_like(out)
    for span, n in _steps(sizes, reverse):
        a = out[span]
        before[span] = h[:n]
        a += h[:n] @ u
        if relu:
            xp.maximum(a, 0, out=a)
        else:
            xp.tanh(a, out=a)
        h[:n] = a
    return _closed(x.dtype, (out, h), out, before)


def _rnn_adjoint(xp: Any, g: Any, inputs: Any, kept: Any, *, sizes: Any, reverse: bool, relu: bool) -> tuple[Any, ...]:
    """With a = x + U h + b and out = tanh a: da = dout (1 - out^2), dh = U^T da + what later steps send."""
    _, h, u, b = inputs
    out, before = kept
    d = (out > 0).astype(out.dtype) if relu else 1 - out * out
    dh = _start(xp, g[1], h)
    for span, n in reversed(_steps(sizes, reverse)):
        a = d[span]
        a *= dh[:n] if g[0] is None else dh[:n] + g[0][span]
        dh[:n] = a @ u
    return d, dh, d.T @ before, _bias_gradient(xp, b, d)


rnn = Recurrence(_rnn, _rnn_definition, _rnn_adjoint, 2)


# --- lstm ---------------------------------------------------------------------------------------------------------


def _lstm(
    xp: Any, x: Array, h: Array, c: Array, u: Array, b: Array | None, r: Array | None, *, sizes: Any, reverse: bool
) -> Any:
    """(out, last h, last c), x (rows, 4 H) with the gates i, f, g, o"""
    gates, h, u, b = _opened(xp, x, h, u, b)
    if b is not None:
        gates += b
    rows, size, compute = len(x), c.shape[1], gates.dtype
    c = xp.array(c, dtype=compute, order="C")
    hidden, before = _rows(xp, gates, rows, size), _rows(xp, gates, rows, h.shape[1])  # o tanh(c'), h
    held, bent = _rows(xp, gates, rows, size), _rows(xp, gates, rows, size)  # c, tanh(c')
    out = hidden if r is None else _rows(xp, gates, rows, h.shape[1])
    back = None if r is None else r.T.astype(compute, copy=False)
    for span, n in _steps(sizes, reverse):
        a = gates[span]
        before[span] = h[:n]
        held[span] = c[:n]
        a += h[:n] @ u
        _logistic(xp, a[:, : 2 * size])
        xp.tanh(a[:, 2 * size : 3 * size], out=a[:, 2 * size : 3 * size])
        _logistic(xp, a[:, 3 * size :])
        c[:n] *= a[:, size : 2 * size]
        c[:n] += a[:, :size] * a[:, 2 * size : 3 * size]
        xp.tanh(c[:n], out=bent[span])
        xp.multiply(a[:, 3 * size :], bent[span], out=hidden[span])
        if back is not None:
            out[span] = hidden[span] @ back
        h[:n] = out[span]
    return _closed(x.dtype, (out, h, c), gates, before, held, bent, hidden)


def _lstm_adjoint(xp: Any, g: Any, inputs: Any, kept: Any, *, sizes: Any, reverse: bool) -> tuple[Any, ...]:
    """With s' = s (1 - s), tanh' = 1 - tanh^2, for one step:

    dc' += dh' s(o) tanh'(c');   do = dh' tanh(c') s'(o);   di = dc' tanh(g) s'(i);   df = dc' c s'(f);
    dg = dc' s(i) tanh'(g);      dc = dc' s(f);             dh = U^T (di, df, dg, do)

    All factors that do not depend on the gradient are computed for all steps at once before the loop.
    """
    _, h, c, u, b, r = inputs
    gates, before, held, bent, hidden = kept
    rows, size = held.shape
    i, f, g_, o = (gates[:, k * size : (k + 1) * size] for k in range(4))
    factors = xp.empty((rows, 4, size), gates.dtype)  # of dc' for i, f, g, and of dh' for o
    factors[:, 0] = g_ * (i * (1 - i))
    factors[:, 1] = held * (f * (1 - f))
    factors[:, 2] = i * (1 - g_ * g_)
    factors[:, 3] = bent * (o * (1 - o))
    into_c = o * (1 - bent * bent)
    dh, dc = _start(xp, g[1], h), _start(xp, g[2], c)
    sent = None if r is None else xp.empty_like(before)  # the gradients of the projected outputs
    for span, n in reversed(_steps(sizes, reverse)):
        a = factors[span]
        d = dh[:n] if g[0] is None else dh[:n] + g[0][span]
        if sent is not None:
            sent[span] = d
            d = d @ r
        dc[:n] += d * into_c[span]
        a[:, :3] *= dc[:n, None]
        a[:, 3] *= d
        dh[:n] = a.reshape(n, len(u)) @ u
        dc[:n] *= f[span]
    d = factors.reshape(rows, 4 * size)
    return d, dh, dc, d.T @ before, _bias_gradient(xp, b, d), None if sent is None else sent.T @ hidden


lstm = Recurrence(_lstm, _lstm_definition, _lstm_adjoint, 3)


# --- gru ----------------------------------------------------------------------------------------------------------


def _gru(xp: Any, x: Array, h: Array, u: Array, b: Array | None, *, sizes: Any, reverse: bool) -> Any:
    """(out, last h), x (rows, 3 H) with the gates r, z, n"""
    gates, h, u, b = _opened(xp, x, h, u, b)
    rows, size = len(x), h.shape[1]
    out, before = _rows(xp, gates, rows, size), _rows(xp, gates, rows, size)
    inner = _rows(xp, gates, rows, size)  # U_n h + b_n
    for span, n in _steps(sizes, reverse):
        a = gates[span]
        before[span] = h[:n]
        given = h[:n] @ u
        if b is not None:
            given += b
        inner[span] = given[:, 2 * size :]
        a[:, : 2 * size] += given[:, : 2 * size]
        _logistic(xp, a[:, : 2 * size])
        a[:, 2 * size :] += a[:, :size] * inner[span]
        xp.tanh(a[:, 2 * size :], out=a[:, 2 * size :])
        h[:n] -= a[:, 2 * size :]
        h[:n] *= a[:, size : 2 * size]
        h[:n] += a[:, 2 * size :]
        out[span] = h[:n]
    return _closed(x.dtype, (out, h), gates, before, inner)


def _gru_adjoint(xp: Any, g: Any, inputs: Any, kept: Any, *, sizes: Any, reverse: bool) -> tuple[Any, ...]:
    """With s' = s (1 - s), tanh' = 1 - tanh^2 and m = U_n h + b_n, for one step:

    dn = dh' (1 - z) tanh'(n);   dr = dn m s'(r);   dz = dh' (h - n) s'(z);   dm = dn r;   dh = dh' z + U^T (dr, dz, dm)
    """
    _, h, u, b = inputs
    gates, before, inner = kept
    rows, size = inner.shape
    r, z, n_ = (gates[:, k * size : (k + 1) * size] for k in range(3))
    factors = xp.empty((rows, 3, size), gates.dtype)  # of dh' for r, z, n
    factors[:, 2] = (1 - z) * (1 - n_ * n_)
    factors[:, 1] = (before - n_) * (z * (1 - z))
    factors[:, 0] = factors[:, 2] * inner * (r * (1 - r))
    returned = xp.concatenate([factors[:, :2], (factors[:, 2] * r)[:, None]], axis=1)  # r, z, m
    dh = _start(xp, g[1], h)
    for span, n in reversed(_steps(sizes, reverse)):
        d = dh[:n] if g[0] is None else dh[:n] + g[0][span]
        factors[span] *= d[:, None]
        a = returned[span]
        a *= d[:, None]
        dh[:n] = d * z[span] + a.reshape(n, len(u)) @ u
    d, back = factors.reshape(rows, 3 * size), returned.reshape(rows, 3 * size)
    return d, dh, back.T @ before, _bias_gradient(xp, b, back)


gru = Recurrence(_gru, _gru_definition, _gru_adjoint, 2)
