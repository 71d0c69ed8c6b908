"""The fused loops against their definitions in Tensor algebra, and what a case cannot see of them."""

from typing import Any

import numpy
import pytest

import refnet
from refnet._ops import rnn
from refnet._ops.rnn import Recurrence
from refnet.autograd import gradcheck, gradgradcheck

KINDS: dict[str, tuple[Recurrence, int, int, dict[str, Any]]] = {  # gates, states, options
    "tanh": (rnn.rnn, 1, 1, {"relu": False}),
    "relu": (rnn.rnn, 1, 1, {"relu": True}),
    "lstm": (rnn.lstm, 4, 2, {}),
    "gru": (rnn.gru, 3, 1, {}),
}
SIZES = [(1,), (2, 2, 2), (3, 2, 2, 1), (0,)]


def operands(kind: str, sizes: tuple[int, ...], *, hidden: int = 3, proj: int = 0) -> list[Any]:
    """x, the states, U, b and R of a recurrence of so many hidden numbers."""
    _, gates, states, _ = KINDS[kind]
    rng = numpy.random.default_rng(len(sizes))
    out = proj or hidden
    shapes: list[tuple[int, ...]] = [(sum(sizes), hidden * gates), (sizes[0], out), (sizes[0], hidden)][: 1 + states]
    shapes += [(hidden * gates, out), (hidden * gates,)]
    shapes += [(proj, hidden)] if proj else []
    found = [refnet.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    return found if kind != "lstm" or proj else [*found, None]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_loop_and_definition_agree(kind: str, sizes: tuple[int, ...], reverse: bool) -> None:
    recurrence, _, _, options = KINDS[kind]
    given = operands(kind, sizes)
    wanted = [x for x in given if x is not None]
    results = [f(*given, sizes=sizes, reverse=reverse, **options) for f in (recurrence, recurrence.definition)]
    gradients = [refnet.autograd.grad(sum((r * r).sum() for r in found), wanted) for found in results]
    for fused, plain in (results, gradients):
        for mine, theirs in zip(fused, plain, strict=True):
            numpy.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
def test_gradients_of_both_orders_are_differences(kind: str) -> None:
    recurrence, _, _, options = KINDS[kind]

    def f(*inputs: Any) -> Any:
        return recurrence(*inputs, sizes=(2, 1), reverse=True, **options)

    assert gradcheck(f, tuple(operands(kind, (2, 1), proj=2 if kind == "lstm" else 0)))
    # A second derivative for each pair of elements: of two hidden numbers there are less than half as many.
    assert gradgradcheck(f, tuple(operands(kind, (2, 1), hidden=2, proj=1 if kind == "lstm" else 0)))


def test_an_operand_that_depends_on_another_is_counted_once() -> None:
    """With create_graph the definition is differentiated: only through its own use of each operand."""
    x, h, u, b = operands("tanh", (2, 2))
    start = h * u.sum()  # the state depends on the weight

    def loss() -> Any:
        out, last = rnn.rnn(x, start, u, b, sizes=(2, 2), reverse=False, relu=False)
        return (out * out).sum() + last.sum()

    plain = refnet.autograd.grad(loss(), [u, h])
    start = h * u.sum()
    recorded = refnet.autograd.grad(loss(), [u, h], create_graph=True)
    for mine, theirs in zip(plain, recorded, strict=True):
        numpy.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_one_hidden_number_in_float32(kind: str) -> None:
    """Gates one column wide: numpy 2.4 negates such float32 columns wrongly in place."""
    recurrence, gates, states, options = KINDS[kind]
    rng = numpy.random.default_rng(0)
    shapes = [(10, gates), *[(2, 1)] * states, (gates, 1), (gates,)]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    found = []
    for dtype in (refnet.float32, refnet.float64):
        given = [refnet.tensor(array, dtype=dtype) for array in arrays] + ([None] if kind == "lstm" else [])
        found.append(recurrence(*given, sizes=(2,) * 5, reverse=False, **options))
    for narrow, wide in zip(*found, strict=True):
        numpy.testing.assert_allclose(narrow.numpy(), wide.numpy(), rtol=1e-5, atol=1e-6)


def test_writing_to_the_output_before_backward_is_refused() -> None:
    x, h, u, b = operands("tanh", (2,))
    out, _ = rnn.rnn(x, h, u, b, sizes=(2,), reverse=False, relu=False)
    loss = out.sum()
    out.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
