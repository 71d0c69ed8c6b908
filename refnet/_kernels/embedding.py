"""The gradient of an embedding: rows added up in the order of their uses, by a sort and one kernel."""

from typing import Any

from refnet._kernels.launch import blocks, dense, find, packed

Array = Any


def add_rows(xp: Any, g: Array, *, index: Array, share: Array | None, rows: int) -> Array:
    """out[index[i]] = the sum of share[i] g[i]"""
    width = g.shape[-1]
    given = dense(xp, g)
    if given is None or index.dtype != "int64" or (share is not None and share.dtype != "float64") or not width:
        return NotImplemented
    (g,), share = given, packed(xp, share)
    out = xp.zeros((rows, width), g.dtype)
    uses = index.reshape(-1)
    order = xp.argsort(uses, kind="stable")
    kernel = find(xp, "embedding", "add_rows", g.dtype.char)
    blocks(kernel, uses.size, g, uses[order], order, share, out, uses.size, width, rows)
    return out
