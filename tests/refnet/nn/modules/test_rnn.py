"""Recurrent and embedding layers: what a comparison with torch does not show."""

import copy
import pickle
from typing import Any

import numpy
import pytest

import refnet
from refnet import nn
from refnet.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_copies_load_and_compute_the_same(kind: Any) -> None:
    layer = kind(3, 4, 2, bidirectional=True)
    x = refnet.randn(5, 2, 3)
    want = layer(x)[0].detach().numpy()
    loaded = kind(3, 4, 2, bidirectional=True)
    loaded.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), loaded):
        numpy.testing.assert_array_equal(other(x)[0].detach().numpy(), want)


def test_a_weight_that_is_replaced_is_used() -> None:
    layer = nn.GRU(3, 4)
    with refnet.no_grad():
        for name in [name for name, _ in layer.named_parameters()]:
            setattr(layer, name, nn.Parameter(refnet.zeros_like(getattr(layer, name))))
    assert layer(refnet.ones(2, 1, 3))[0].abs().sum().item() == 0


def test_conversion_reaches_every_weight() -> None:
    layer = nn.LSTM(3, 4, proj_size=2).double()
    assert {weight.dtype for weights in layer.all_weights for weight in weights} == {refnet.float64}
    assert layer(refnet.zeros(2, 1, 3, dtype=refnet.float64))[0].dtype is refnet.float64


def test_padded_rows_do_not_reach_the_state() -> None:
    """Packed, a short sequence ends as it does alone, in both directions."""
    layer = nn.LSTM(3, 4, bidirectional=True)
    sequences = [refnet.randn(n, 3) for n in (2, 5, 1)]
    out, (h, _) = layer(pack_sequence(sequences, enforce_sorted=False))
    assert isinstance(out, PackedSequence)
    for n, (sequence, mine) in enumerate(zip(sequences, unpack_sequence(out), strict=True)):
        alone, (last, _) = layer(sequence)
        numpy.testing.assert_allclose(mine.detach().numpy(), alone.detach().numpy(), rtol=1e-5, atol=1e-6)
        numpy.testing.assert_allclose(h[:, n].detach().numpy(), last.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: nn.Embedding(3, 2, sparse=True),
        lambda: nn.EmbeddingBag(3, 2, sparse=True),
        lambda: nn.Embedding.from_pretrained(refnet.zeros(3, 2), sparse=True),
        lambda: nn.functional.embedding(refnet.tensor([0]), refnet.zeros(3, 2), sparse=True),
        lambda: nn.functional.embedding_bag(refnet.tensor([[0]]), refnet.zeros(3, 2), sparse=True),
    ],
)
def test_sparse_gradients_are_refused(call: Any) -> None:
    with pytest.raises(NotImplementedError, match="sparse=True.*expected sparse=False"):
        call()


def test_the_gradient_of_a_bag_scaled_by_use_counts_every_row_by_its_own_uses() -> None:
    """torch on the CPU divides row 2 by the uses of row 1 here."""
    table = refnet.ones(4, 1, requires_grad=True)
    index = refnet.tensor([0, 1, 1, 2, 2, 2])
    bags = nn.functional.embedding_bag(index, table, refnet.tensor([0]), mode="sum", scale_grad_by_freq=True)
    bags.sum().backward()
    numpy.testing.assert_allclose(table.grad.flatten().numpy(), [1, 1, 1, 0], rtol=1e-6)


def test_offsets_that_fall_are_refused() -> None:
    with pytest.raises(RuntimeError, match="offsets must not fall.*0, 3, 2"):
        nn.functional.embedding_bag(refnet.arange(4), refnet.zeros(4, 2), refnet.tensor([0, 3, 2]))
