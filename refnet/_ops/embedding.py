"""Rows of a table by number, and their sums and maxima over bags.

Letters: V rows in the table, d numbers a row, n indices, B bags. With S the (n, V) matrix that has a 1 where an index
meets its row, `embedding` is S w. Its gradient is S^T D g, where the diagonal D says how much each use of a row counts
in the gradient: 0 for the padding row, one over the number of uses where gradients are scaled by frequency.
"""

from typing import Any

from refnet import _dtype
from refnet._kernels import embedding as kernels
from refnet._ops._arrays import combine_at
from refnet._tape import Primitive

Array = Any


@Primitive
def embedding(xp: Any, w: Array, *, index: Array, share: Array | None) -> Array:
    """out[i] = w[index[i]]        dL/dw = the sum of share[i] g[i] in row index[i]"""
    return xp.take(w, index, axis=0)


@Primitive
def add_rows(xp: Any, g: Array, *, index: Array, share: Array | None, rows: int) -> Array:
    """out[index[i]] = the sum of share[i] g[i], a table of so many rows        dL/dg[i] = share[i] h[index[i]]"""
    width = g.shape[-1]
    total = xp.zeros((rows, width), _dtype.opmath(g.dtype))
    places = index.reshape(-1, 1) * width + xp.arange(width)  # one by one: many times faster than row by row
    shares = _shared(xp, g, share).reshape(-1).astype(total.dtype, copy=False)
    combine_at(xp, xp.add, total.reshape(-1), places.reshape(-1), shares)
    return total.astype(g.dtype, copy=False)


@Primitive
def shared_rows(xp: Any, h: Array, *, index: Array, share: Array | None) -> Array:
    """out[i] = share[i] h[index[i]]        dL/dh = the sum of share[i] g[i] in row index[i]"""
    return _shared(xp, xp.take(h, index, axis=0), share)


def _shared(xp: Any, g: Array, share: Array | None) -> Array:
    """share[i] g[i]; nothing at all where the share is 0, not even nan."""
    if share is None:
        return g
    share = share[..., None]
    return xp.where(share == 0, g.dtype.type(0), g * share.astype(g.dtype))


embedding.vjp(w=lambda g, w_shape, index, share: add_rows(g, index=index, share=share, rows=w_shape[0]))
add_rows.vjp(g=lambda h, index, share: shared_rows(h, index=index, share=share))
shared_rows.vjp(h=lambda g, h_shape, index, share: add_rows(g, index=index, share=share, rows=h_shape[0]))
add_rows.on_gpu(kernels.add_rows)


def winners(xp: Any, rows: Array, bag: Array, bags: int) -> Array:
    """Where each bag's maximum stands, column by column: (B, d) positions in rows (n, d), n for an empty bag.

    Of equal numbers the first wins. A nan wins if it comes first in its bag and is passed over elsewhere, as in torch,
    where the first row stands until a greater one comes.
    """
    n, width = rows.shape
    rows = rows.astype(_dtype.opmath(rows.dtype), copy=False)
    first = xp.full(bags, n)
    combine_at(xp, xp.minimum, first, bag, xp.arange(n))
    leads = (first[bag] == xp.arange(n))[:, None]
    rank = xp.where(xp.isnan(rows), xp.where(leads, xp.inf, -xp.inf), rows)
    highest = xp.full((bags, width), -xp.inf, rows.dtype)
    combine_at(xp, xp.maximum, highest, bag, rank)
    place = xp.where(rank == highest[bag], xp.arange(n)[:, None], n)
    won = xp.full((bags, width), n)
    combine_at(xp, xp.minimum, won, bag, place)
    return xp.where(xp.isnan(rows[xp.minimum(first, n - 1)]) & (first < n)[:, None], first[:, None], won)
