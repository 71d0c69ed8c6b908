"""gradcheck and gradgradcheck: gradient rules against central differences.

For each output o and input x, column by column, (o(x + eps e_j) - o(x - eps e_j)) / (2 eps) has to agree with the
Jacobian that backward gives, to atol + rtol |numerical|. The error of the difference is O(eps^2) + O(u / eps), so
inputs should be float64.
"""

from collections.abc import Callable
from typing import Any

import numpy

from refnet._device import to_numpy
from refnet._engine import grad
from refnet._tape import TensorBase


class GradcheckError(RuntimeError):
    """The gradient rules and the differences disagree."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of `func` with respect to every floating input that requires one match differences.

    Also checks that backward repeats itself to `nondet_tol`, that gradients have their inputs' types
    (`check_grad_dtypes`), and that a missing output gradient counts as zero (`check_undefined_grad`). `fast_mode`
    compares along random directions only. Raises GradcheckError with the two Jacobians, or returns False.

    >>> import refnet
    >>> x = refnet.tensor([0.5, 2.0], dtype=refnet.float64, requires_grad=True)
    >>> gradcheck(lambda x: x.tanh(), x)
    True
    """
    args = inputs if isinstance(inputs, tuple | list) else (inputs,)
    wanted = [p for p, x in enumerate(args) if isinstance(x, TensorBase) and x.requires_grad]  # type: ignore[attr-defined]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    try:
        for number, out in enumerate(_outputs(func, args)):
            if not out.requires_grad:
                _check_constant(func, args, wanted, number, eps, atol)
                continue
            for position in wanted:
                if fast_mode:
                    _check_direction(func, args, position, number, eps, atol, rtol)
                else:
                    _check_jacobian(func, args, position, number, eps, atol, rtol, nondet_tol, check_grad_dtypes)
        if check_undefined_grad:
            _check_undefined(func, args, wanted)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """`gradcheck` of the gradient: second derivatives with respect to the inputs and to `grad_outputs` (random if None).

    >>> import refnet
    >>> x = refnet.tensor([0.5, 2.0], dtype=refnet.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x**3, x)
    True
    """
    args = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    outputs = [out for out in _outputs(func, args) if out.requires_grad]
    if grad_outputs is None:
        rng = numpy.random.default_rng(0)
        cotangents = tuple(_random(rng, out, gen_non_contig_grad_outputs) for out in outputs)
    else:
        cotangents = tuple(grad_outputs) if isinstance(grad_outputs, tuple | list) else (grad_outputs,)
    count = len(args)

    def gradient(*values: Any) -> Any:
        xs = values[:count]
        outs = [out for out in _outputs(func, xs) if out.requires_grad]
        wanted = [x for x in xs if isinstance(x, TensorBase) and x.requires_grad]  # type: ignore[attr-defined]
        return grad(outs, wanted, values[count:], create_graph=True, allow_unused=True, materialize_grads=True)

    return gradcheck(
        gradient,
        (*args, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
    )


def _outputs(func: Callable[..., Any], args: Any) -> tuple[Any, ...]:
    out = func(*args)
    outs = out if isinstance(out, tuple | list) else (out,)
    return tuple(o for o in outs if isinstance(o, TensorBase) and o.dtype.is_floating_point)


def _random(rng: Any, like: Any, gapped: bool) -> Any:
    values = like.new_tensor(rng.standard_normal((*like.shape, 2) if gapped else like.shape))
    return (values[..., 0] if gapped else values).detach().requires_grad_()


def _moved(func: Callable[..., Any], args: Any, position: int, number: int, step: Any) -> Any:
    """Output `number` with input `position` moved by `step`, as a float64 array."""
    x = args[position]
    moved = x.detach().clone()
    moved._array += x.device.xp.asarray(step)
    changed = [*args[:position], moved.requires_grad_(), *args[position + 1 :]]
    return to_numpy(_outputs(func, changed)[number]._array).astype("float64")


def _numerical(func: Callable[..., Any], args: Any, position: int, number: int, eps: float) -> Any:
    """d output / d input by central differences, shape (inputs, outputs)."""
    x = args[position]
    rows = []
    for j in range(x.numel()):
        step = numpy.zeros(x.numel(), x._array.dtype)
        step[j] = eps
        step = step.reshape(x.shape)
        ahead = _moved(func, args, position, number, step)
        behind = _moved(func, args, position, number, -step)
        rows.append(((ahead - behind) / (2 * eps)).ravel())
    return numpy.array(rows).reshape(x.numel(), -1)


def _analytical(func: Callable[..., Any], args: Any, position: int, number: int, check_types: bool) -> Any:
    """The same by backward, one output element at a time."""
    out, x = _outputs(func, args)[number], args[position]
    columns = numpy.zeros((x.numel(), out.numel()))
    for i in range(out.numel()):
        one = numpy.zeros(out.numel())
        one[i] = 1
        cotangent = out.new_tensor(one.reshape(out.shape))
        (g,) = grad(out, x, cotangent, retain_graph=True, allow_unused=True)
        if g is None:
            continue
        if check_types and g.dtype is not x.dtype:
            raise GradcheckError(f"Gradient has dtype mismatch: got {g.dtype}, expected {x.dtype}")
        columns[:, i] = to_numpy(g._array).astype("float64").ravel()
    return columns


def _check_jacobian(
    func: Callable[..., Any],
    args: Any,
    position: int,
    number: int,
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_types: bool,
) -> None:
    analytical = _analytical(func, args, position, number, check_types)
    again = _analytical(func, args, position, number, check_types)
    if numpy.abs(again - analytical).max(initial=0) > nondet_tol:
        raise GradcheckError(
            "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
            f"different values, although analytical gradient matches numerical gradient (tolerance {nondet_tol})."
        )
    numerical = _numerical(func, args, position, number, eps)
    if not numpy.allclose(analytical, numerical, rtol, atol, equal_nan=True):
        raise GradcheckError(
            f"Jacobian mismatch for output {number} with respect to input {position},\n"
            f"numerical:{numerical}\nanalytical:{analytical}\n"
        )


def _check_direction(
    func: Callable[..., Any], args: Any, position: int, number: int, eps: float, atol: float, rtol: float
) -> None:
    """Compare u^T J v for random unit vectors u and v."""
    rng = numpy.random.default_rng(0)
    x, out = args[position], _outputs(func, args)[number]
    v = rng.standard_normal(x.shape)
    v /= max(numpy.linalg.norm(v), 1e-300)
    u = rng.standard_normal(out.shape)
    u /= max(numpy.linalg.norm(u), 1e-300)
    step = (eps * v).astype(x._array.dtype)
    numerical = ((_moved(func, args, position, number, step) - _moved(func, args, position, number, -step)) * u).sum()
    numerical /= 2 * eps
    (g,) = grad(out, x, out.new_tensor(u), allow_unused=True, materialize_grads=True)
    analytical = (to_numpy(g._array) * v).sum()
    if not numpy.allclose(analytical, numerical, rtol, atol):
        raise GradcheckError(
            f"Jacobian mismatch for output {number} with respect to input {position} along a random direction: "
            f"numerical {numerical}, analytical {analytical}"
        )


def _check_constant(
    func: Callable[..., Any], args: Any, wanted: list[int], number: int, eps: float, atol: float
) -> None:
    for position in wanted:
        if numpy.abs(_numerical(func, args, position, number, eps)).max(initial=0) > atol:
            raise GradcheckError(
                f"Numerical gradient for function expected to be zero: output {number} does not require grad but changes "
                f"with input {position}"
            )


def _check_undefined(func: Callable[..., Any], args: Any, wanted: list[int]) -> None:
    """A gradient of zeros for one of several outputs has to give the same as none for it."""
    outs = [out for out in _outputs(func, args) if out.requires_grad]
    if len(outs) < 2:
        return
    xs = [args[p] for p in wanted]
    for missing in range(len(outs)):
        kept = [out for i, out in enumerate(outs) if i != missing]
        zeros = [out.new_zeros(out.shape) if i == missing else out.new_ones(out.shape) for i, out in enumerate(outs)]
        with_zeros = grad(outs, xs, zeros, retain_graph=True, allow_unused=True, materialize_grads=True)
        ones = [out.new_ones(out.shape) for out in kept]
        without = grad(kept, xs, ones, retain_graph=True, allow_unused=True, materialize_grads=True)
        for a, b in zip(with_zeros, without, strict=True):
            if not numpy.array_equal(to_numpy(a._array), to_numpy(b._array), equal_nan=True):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads: got a different result"
                )
