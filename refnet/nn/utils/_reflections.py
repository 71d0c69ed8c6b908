"""Products of reflections H_i = I - tau_i v_i v_i^T, the form in which LAPACK's QR decomposition gives Q.

Column i of a lower trapezoidal matrix holds v_i below its diagonal; v_i is 0 above row i and 1 at it.
"""

from typing import Any

from refnet._ops.shape import cat
from refnet._tape import mode, wrap
from refnet.creation import eye


def decompose(a: Any) -> tuple[Any, Any]:
    """(packed, tau) of a (.., n, k): R on and above the diagonal of `packed`, the reflections below it."""
    xp = a.device.xp
    packed, tau = mode.quiet.run(xp.linalg.qr, a._array, "raw")
    return wrap(xp.ascontiguousarray(xp.swapaxes(packed, -1, -2)), a.device), wrap(tau, a.device)


def product(packed: Any, tau: Any) -> Any:
    """The first k columns of H_0 H_1 ... H_(k-1), for k reflections of n elements: (.., n, k)."""
    n, k = packed.shape[-2:]
    q = eye(n, k, dtype=packed.dtype, device=packed.device).expand(*packed.shape[:-2], n, k)
    for i in reversed(range(k)):
        # rows above i are left alone, and columns left of i are still unit vectors that v_i is normal to
        v = cat([q[..., i : i + 1, i : i + 1] * 0 + 1, packed[..., i + 1 :, i : i + 1]], -2)  # (.., n - i, 1)
        rows = q[..., i:, :]
        reflected = rows - tau[..., i : i + 1, None] * (v @ (v.mT @ rows))
        q = cat([q[..., :i, :], reflected], -2)
    return q.mT.contiguous().mT  # column by column in memory, as LAPACK leaves it


def nearest_with_positive_diagonal(a: Any) -> Any:
    """Q of the decomposition a = Q R whose R has a diagonal of positive numbers."""
    packed, tau = decompose(a)
    return product(packed, tau) * packed.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
