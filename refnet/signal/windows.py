"""Windows: M weights that rise and fall, by which a stretch of a signal is multiplied.

A symmetric window (`sym`) has its middle at (M - 1) / 2. A periodic one is the symmetric window of M + 1 weights without
its last, so that it continues itself when it is repeated. Below, k = 0, ..., M - 1, and L is M - 1 for a symmetric
window and M for a periodic one. The type is the default one unless it is said, float32 or float64.
"""

import math
from collections.abc import Iterable
from typing import Any

from refnet import _dtype, creation
from refnet._check import check
from refnet._ops.bessel import i0
from refnet._ops.pointwise import cos, exp, sin, sqrt


def _options(name: str, M: int, dtype: Any, device: Any, requires_grad: bool) -> dict[str, Any]:
    """What the tensors of a window are made with, checked."""
    dtype = _dtype.get_default_dtype() if dtype is None else dtype
    check(M >= 0, lambda: f"{name} requires non-negative window length, got M={M}", ValueError)
    check(
        dtype in (_dtype.float32, _dtype.float64),
        lambda: f"{name} expects float32 or float64 dtypes, got: {dtype}",
        ValueError,
    )
    return {"dtype": dtype, "device": device, "requires_grad": requires_grad}


def _spaced(start: float, step: float, M: int, options: dict[str, Any]) -> Any:
    """start + step k."""
    return creation.linspace(start, start + (M - 1) * step, M, **options)


def _span(M: int, sym: bool) -> int:
    """L."""
    return max(M - 1, 0) if sym or M <= 1 else M


# --- that fall off from the middle --------------------------------------------------------------------------------


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """exp(-|k - center| / tau), also known as Poisson's; the centre is L / 2 unless a periodic window says otherwise.

    >>> exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    options = _options("exponential", M, dtype, device, requires_grad)
    check(tau > 0, lambda: f"Tau must be positive, got: {tau} instead.", ValueError)
    check(not sym or center is None, lambda: "Center must be None for symmetric windows", ValueError)
    middle = _span(M, sym) / 2 if center is None else center
    return exp(-_spaced(-middle / tau, 1 / tau, M, options).abs())


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """exp(-((k - L / 2) / std)^2 / 2)

    >>> gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    options = _options("gaussian", M, dtype, device, requires_grad)
    check(std > 0, lambda: f"Standard deviation must be positive, got: {std} instead.", ValueError)
    step = 1 / (std * math.sqrt(2))
    return exp(-(_spaced(-_span(M, sym) / 2 * step, step, M, options) ** 2))


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """1 - |2 k / L - 1|: a triangle that ends in zeros.

    >>> bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    options = _options("bartlett", M, dtype, device, requires_grad)
    if M <= 1:
        return creation.ones(M, **options)
    return 1 - _spaced(-1.0, 2 / _span(M, sym), M, options).abs()


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """I0(beta sqrt(1 - (2 k / L - 1)^2)) / I0(beta), I0 the modified Bessel function.

    >>> kaiser(3, beta=1.0)
    tensor([0.7898, 1.0000, 0.7898])
    """
    options = _options("kaiser", M, dtype, device, requires_grad)
    check(beta >= 0, lambda: f"beta must be non-negative, got: {beta} instead.", ValueError)
    if M <= 1:
        return creation.ones(M, **options)
    steepness = creation.tensor(beta, dtype=options["dtype"], device=device)
    rounded = creation.tensor(
        beta, dtype=options["dtype"], device="cpu"
    ).item()  # so that beta^2 - k^2 is 0 at the ends, not below
    last = min(rounded, -rounded + (M - 1) * 2 * rounded / _span(M, sym))
    k = creation.linspace(-rounded, last, M, **options)
    return i0(sqrt(steepness * steepness - k**2)) / i0(steepness)


# --- of cosines ---------------------------------------------------------------------------------------------------


def cosine(M: int, *, sym: bool = True, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """sin(pi (k + 1/2) / (L + 1)): half a wave.

    >>> cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    options = _options("cosine", M, dtype, device, requires_grad)
    step = math.pi / (_span(M, sym) + 1)
    return sin(_spaced(step / 2, step, M, options))


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """sum_i (-1)^i a_i cos(2 pi i k / L)

    >>> general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    options = _options("general_cosine", M, dtype, device, requires_grad)
    if M <= 1:
        return creation.ones(M, **options)
    check(isinstance(a, Iterable), lambda: f"Coefficients must be a list/tuple, got {a!r}", TypeError)
    signed = [(-1) ** i * weight for i, weight in enumerate(a)]
    check(len(signed) > 0, lambda: "Coefficients cannot be empty", ValueError)
    k = _spaced(0.0, 2 * math.pi / _span(M, sym), M, options)
    weights = creation.tensor(signed, **options)
    order = creation.arange(len(signed), **options)
    return (weights[:, None] * cos(order[:, None] * k)).sum(0)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Any:
    """alpha - (1 - alpha) cos(2 pi k / L)

    >>> general_hamming(3, alpha=0.75)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Any:
    """0.54 - 0.46 cos(2 pi k / L): the first side lobe of its spectrum nearly vanishes.

    >>> hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Any:
    """(1 - cos(2 pi k / L)) / 2

    >>> hann(3)
    tensor([0., 1., 0.])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, dtype: Any = None, **options: Any) -> Any:
    """0.42 - 0.5 cos(2 pi k / L) + 0.08 cos(4 pi k / L)

    >>> blackman(4).sum()
    tensor(1.2600)
    """
    _options("blackman", M, dtype, None, False)
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Four cosines whose side lobes are the lowest that four can have (Nuttall 1981).

    >>> nuttall(3)
    tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)
