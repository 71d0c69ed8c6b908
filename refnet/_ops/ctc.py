"""Connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber 2006), in log space.

A path gives each of T frames a label or a blank; it spells the labels that are left when repeated ones are merged and
blanks dropped. The loss is -log p, p the sum over all paths that spell the target. Paths walk through the target with
blanks around its labels, l' = (blank, l_1, blank, l_2, ..., blank) of length 2 S + 1, one place a frame at most two on:

    alpha_t(s) = y_t(l'_s) (alpha_{t-1}(s) + alpha_{t-1}(s-1) + [l'_s != l'_{s-2}] alpha_{t-1}(s-2))
    beta_t(s)  = y_t(l'_s) (beta_{t+1}(s)  + beta_{t+1}(s+1)  + [l'_s != l'_{s+2}] beta_{t+1}(s+2))
    p = alpha_T(2 S) + alpha_T(2 S - 1)        gamma_t(s) = alpha_t(s) beta_t(s) / (y_t(l'_s) p)

gamma_t(s) is the share of paths that stand at s in frame t, and the gradient of the loss

    dL/d log y_t(c) = g (y_t(c) - sum over s with l'_s = c of gamma_t(s)).

It is the gradient of the scores that y is the softmax of: the term y_t(c) belongs to the softmax, and log_softmax's own
gradient leaves it unchanged.

Indices: t < T frames, n < N samples, c < C classes, s < 2 S + 1 places.
"""

from typing import Any

from refnet._ops._arrays import fill_where
from refnet._tape import Primitive

Array = Any


@Primitive
def ctc(
    xp: Any,
    log_p: Array,
    *,
    labels: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int,
    zero_infinity: bool,
) -> tuple[Array, Array]:
    """out = (-log p (N,), log alpha (T, N, 2 S + 1))        dL/dlog_p = `ctc_gradient`; log alpha has none

    log_p (T, N, C) are logarithms of probabilities, labels (N, S) padded with blanks, lengths (N,). A sample without
    frames has loss 0 if its target is empty, otherwise infinity. `zero_infinity` is for the gradient alone.
    """
    places = _with_blanks(xp, labels, blank)
    emitted = _emitted(xp, log_p, places)
    alpha = xp.full(emitted.shape, -xp.inf, log_p.dtype)
    alpha[0, :, :2] = emitted[0, :, :2]
    skips = _skips(xp, places, log_p.dtype)
    for t in range(1, len(alpha)):
        alpha[t] = _step(xp, alpha[t - 1], skips) + emitted[t]
    rows = xp.arange(len(places))
    last = alpha[input_lengths - 1, rows]  # (N, 2 S + 1); of a sample without frames it is not used
    on_blank = last[rows, 2 * target_lengths]
    on_label = xp.where(target_lengths > 0, last[rows, 2 * target_lengths - 1], -xp.inf)
    log_total = _log_sum(xp, on_blank, on_label.astype(log_p.dtype, copy=False))
    without_frames = xp.where(target_lengths > 0, -xp.inf, 0)
    return -xp.where(input_lengths > 0, log_total, without_frames).astype(log_p.dtype, copy=False), alpha


@Primitive
def ctc_gradient(
    xp: Any,
    g: Array,
    log_p: Array,
    loss: Array,
    alpha: Array,
    *,
    labels: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int,
    zero_infinity: bool,
) -> Array:
    """dL/dlog_p (T, N, C), from the gradient g of the loss (N,). It is not differentiable.

    0 in frames after the last, and with `zero_infinity` in samples whose loss is infinite; without it nan in those.
    """
    frames, samples, _ = log_p.shape
    places = _with_blanks(xp, labels, blank)
    emitted = _emitted(xp, log_p, places)
    rows, last = xp.arange(samples), 2 * target_lengths[:, None]
    at = xp.arange(places.shape[1])
    final = (at == last) | ((at == last - 1) & (last > 0))  # (N, 2 S + 1): where a path may end
    ending = (input_lengths - 1 == xp.arange(frames)[:, None])[:, :, None] & final
    ends = xp.where(ending, emitted, log_p.dtype.type(-xp.inf))
    skips = _skips(xp, places, log_p.dtype)[:, ::-1]  # backwards, s + 2 is what s - 2 is forwards
    beta = ends  # of the last frame; before it the paths that go on, where none end
    for t in reversed(range(frames - 1)):
        later = _step(xp, beta[t + 1, :, ::-1], skips)[:, ::-1] + emitted[t]
        beta[t] = xp.where(ending[t], ends[t], later)
    share = xp.exp(alpha + beta - emitted + loss[:, None])  # gamma
    out = xp.exp(log_p)
    out[:, :, blank] -= share[:, :, ::2].sum(2)
    for s in range(labels.shape[1]):  # a label may come twice in a row of labels, but not in a column's rows
        out[:, rows, labels[:, s]] -= share[:, :, 2 * s + 1]
    out *= g[:, None]
    fill_where(xp, out, (log_p == -xp.inf) | (loss == xp.inf)[:, None], xp.nan)
    ended = xp.arange(frames)[:, None] >= input_lengths
    fill_where(xp, out, ended | (zero_infinity & (loss == xp.inf)), 0)
    return out


def _with_blanks(xp: Any, labels: Array, blank: int) -> Array:
    """l' (N, 2 S + 1)."""
    places = xp.full((labels.shape[0], 2 * labels.shape[1] + 1), blank)
    places[:, 1::2] = labels
    return places


def _emitted(xp: Any, log_p: Array, places: Array) -> Array:
    """log y_t(l'_s) as (T, N, 2 S + 1)."""
    return xp.take_along_axis(log_p, places[None], 2)


def _skips(xp: Any, places: Array, kind: Any) -> Array:
    """Whether s >= 2 may be reached from s - 2, as what to add to a logarithm: 0 or -infinity. (N, 2 S - 1)."""
    return xp.where(places[:, 2:] != places[:, :-2], kind.type(0), kind.type(-xp.inf))


def _step(xp: Any, before: Array, skips: Array) -> Array:
    """log(e^before(s) + e^before(s-1) + e^(before(s-2) + skip(s)))."""
    top = before.copy()
    xp.maximum(top[:, 1:], before[:, :-1], out=top[:, 1:])
    skipped = before[:, :-2] + skips
    xp.maximum(top[:, 2:], skipped, out=top[:, 2:])
    fill_where(xp, top, top == -xp.inf, 0)
    total = xp.exp(before - top)
    total[:, 1:] += xp.exp(before[:, :-1] - top[:, 1:])
    total[:, 2:] += xp.exp(skipped - top[:, 2:])
    return xp.log(total) + top


def _log_sum(xp: Any, a: Array, b: Array) -> Array:
    """log(e^a + e^b), -infinity of two."""
    top = xp.maximum(a, b)
    top = xp.where(top == -xp.inf, top.dtype.type(0), top)
    return xp.log(xp.exp(a - top) + xp.exp(b - top)) + top


def _no_second_order(g: Any) -> Any:
    raise RuntimeError("derivative for the gradient of ctc_loss is not implemented")


ctc_gradient.vjp(g=_no_second_order, log_p=_no_second_order)
ctc.vjp(log_p=lambda g, log_p, out, **p: ctc_gradient(g[0], log_p, *out, **p))
