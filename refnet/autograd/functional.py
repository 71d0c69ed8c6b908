"""Derivatives of functions of tensors: jacobian, hessian, vjp, jvp, vhp, hvp.

Inputs and outputs are a tensor or a tuple of tensors; results are nested accordingly, as in torch.
"""

from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._engine import grad
from refnet._ops.shape import stack
from refnet._tape import TensorBase, set_grad


def _as_tuple(value: Any, what: str, where: str) -> tuple[tuple[Any, ...], bool]:
    """A tensor or tuple of tensors as a tuple, and whether it was a tuple."""
    many = isinstance(value, tuple)
    values = value if many else (value,)
    for position, t in enumerate(values):
        check(
            isinstance(t, TensorBase),
            lambda t=t, position=position: (
                f"The {what} given to {where} must be either a Tensor or a tuple of Tensors but the "  # type: ignore[misc]
                f"value at index {position} has type {type(t)}."
            ),
            TypeError,
        )
    return values, many


def _inputs(inputs: Any, create_graph: bool, where: str) -> tuple[tuple[Any, ...], bool]:
    """The inputs as differentiable tensors: linked to the caller's when a graph is wanted, else detached."""
    values, many = _as_tuple(inputs, "inputs", where)
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in values), many
    return tuple(x.detach().requires_grad_() for x in values), many


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...], where: str) -> tuple[tuple[Any, ...], bool]:
    with set_grad(True):
        return _as_tuple(func(*inputs), "outputs of the user-provided function", where)


def _gradients(outputs: tuple[Any, ...], inputs: tuple[Any, ...], v: Any, create_graph: bool) -> tuple[Any, ...]:
    """One gradient per input, zeros (or None under a graph) where the outputs do not depend on it."""
    pairs = [(out, w) for out, w in zip(outputs, v, strict=True) if out.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    outs, weights = zip(*pairs, strict=True)
    with set_grad(True):
        return grad(outs, inputs, weights, create_graph=create_graph, retain_graph=True, allow_unused=True)


def _fill(gradients: tuple[Any, ...], like: tuple[Any, ...], strict: bool, where: str, what: str) -> tuple[Any, ...]:
    """Zeros for the missing gradients, or an error when independence is not allowed."""
    for position, g in enumerate(gradients):
        check(
            g is not None or not strict,
            lambda position=position: (
                f"The output of the user-provided function is independent of input {position}. This is "  # type: ignore[misc]
                f"not allowed in strict mode ({where}: {what})."
            ),
        )
    return tuple(x.new_zeros(x.shape) if g is None else g for g, x in zip(gradients, like, strict=True))


def _check_v(v: Any, like: tuple[Any, ...], many: bool, where: str, of: str) -> tuple[Any, ...]:
    """The vector of a product, checked against what it multiplies; 1 for a single element when omitted."""
    if v is None:
        check(
            len(like) == 1 and like[0].numel() == 1,
            lambda: f"The vector v can only be None if {of} contains a single element ({where}).",
        )
        return (like[0].new_ones(like[0].shape),)
    values, _ = _as_tuple(v, "v", where)
    check(
        len(values) == len(like),
        lambda: f"v is a tuple of invalid length: should be {len(like)} but got {len(values)} ({where}).",
    )
    for position, (w, x) in enumerate(zip(values, like, strict=True)):
        check(
            w.shape == x.shape,
            lambda w=w, x=x, position=position: (
                f"Entry {position} in v has invalid size: should be {x.shape} but got {w.shape} ({where})."
            ),  # type: ignore[misc]
        )
    return values


def _finish(values: tuple[Any, ...], many: bool, create_graph: bool) -> Any:
    if not create_graph:
        values = tuple(v.detach() for v in values)
    return values if many else values[0]


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), v^T J): the product of a vector with the Jacobian J = d func / d inputs.

    >>> import refnet
    >>> vjp(lambda x: x * x, refnet.tensor([1.0, 2.0]), refnet.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    xs, many = _inputs(inputs, create_graph, "vjp")
    outs, many_out = _outputs(func, xs, "vjp")
    weights = _check_v(v, outs, many_out, "vjp", "the output of the user-provided function")
    products = _fill(_gradients(outs, xs, weights, create_graph), xs, strict, "vjp", "v")
    return _finish(outs, many_out, create_graph), _finish(products, many, create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), J v), by reverse mode twice: u -> u^T J is linear in u, and its gradient along v is J v.

    >>> import refnet
    >>> jvp(lambda x: x * x, refnet.tensor([1.0, 2.0]), refnet.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    xs, many = _inputs(inputs, create_graph, "jvp")
    weights = _check_v(v, xs, many, "jvp", "the input to the user-provided function")
    outs, many_out = _outputs(func, xs, "jvp")
    dummies = tuple(out.new_zeros(out.shape).requires_grad_() for out in outs)
    linear = _fill(_gradients(outs, xs, dummies, True), xs, strict, "jvp", "inputs")
    products = _fill(_gradients(linear, dummies, weights, create_graph), outs, strict, "jvp", "inputs")
    return _finish(outs, many_out, create_graph), _finish(products, many_out, create_graph)


def _scalar(outs: tuple[Any, ...], many: bool, where: str) -> None:
    check(not many, lambda: f"The function given to {where} should return a single Tensor")
    check(
        outs[0].numel() == 1,
        lambda: (
            f"The Tensor returned by the function given to {where} should contain a single element, got "
            f"{outs[0].numel()}"
        ),
    )


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), v^T H) for a scalar function with Hessian H."""
    xs, many = _inputs(inputs, create_graph, "vhp")
    weights = _check_v(v, xs, many, "vhp", "the input to the user-provided function")
    outs, many_out = _outputs(func, xs, "vhp")
    _scalar(outs, many_out, "vhp")
    ones = (outs[0].new_ones(outs[0].shape),)
    first = _fill(_gradients(outs, xs, ones, True), xs, strict, "vhp", "inputs")
    products = _fill(_gradients(first, xs, weights, create_graph), xs, strict, "vhp", "inputs")
    return _finish(outs, many_out, create_graph), _finish(products, many, create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), H v) for a scalar function; H is symmetric, so this is `vhp` (torch computes it the long way).

    >>> import refnet
    >>> hvp(lambda x: (x**3).sum(), refnet.tensor([1.0, 2.0]), refnet.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """J[i][j] = d func(inputs)[i] / d inputs[j], of shape out.shape + in.shape, one backward per output element.

    A tensor for a single output and input, a tuple for one of them, a tuple of tuples for tuples of both.
    `vectorize` and `strategy` choose only how torch computes; they are accepted and change nothing here.

    >>> import refnet
    >>> jacobian(lambda x: x * x, refnet.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    check(
        strategy in ("reverse-mode", "forward-mode"),
        lambda: (
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            f'than inputs, "forward-mode" tends to be more performant; got {strategy!r}'
        ),
        ValueError,
    )
    xs, many = _inputs(inputs, create_graph, "jacobian")
    outs, many_out = _outputs(func, xs, "jacobian")
    rows = []
    for out in outs:
        columns: list[list[Any]] = [[] for _ in xs]
        for position in range(out.numel()):
            one = out.new_zeros(out.numel())
            one[position] = 1
            found = _gradients((out,), xs, (one.reshape(out.shape),), create_graph)
            for column, g in zip(columns, _fill(found, xs, strict, "jacobian", "inputs"), strict=True):
                column.append(g)
        row = tuple(
            stack(column).reshape((*out.shape, *x.shape)) if column else x.new_zeros((*out.shape, *x.shape))
            for column, x in zip(columns, xs, strict=True)
        )
        rows.append(_finish(row, many, create_graph))
    return tuple(rows) if many_out else rows[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """H[i][j] = d^2 func / d inputs[i] d inputs[j] of a scalar function: the Jacobian of its gradient.

    >>> import refnet
    >>> hessian(lambda x: (x**3).sum(), refnet.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    many = isinstance(inputs, tuple)

    def gradient(*xs: Any) -> Any:
        outs, many_out = _as_tuple(func(*xs), "outputs of the user-provided function", "hessian")
        _scalar(outs, many_out, "hessian")
        ones = (outs[0].new_ones(outs[0].shape),)
        found = _fill(_gradients(outs, xs, ones, True), xs, strict, "hessian", "inputs")
        return found if many else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
