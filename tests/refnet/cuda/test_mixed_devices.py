"""Tensors on two devices, where one has to be told that it is on the wrong one: in torch's words, whatever the function."""

from collections.abc import Callable
from typing import Any

import pytest

import refnet
from refnet import cuda, nn
from refnet.nn import functional as F

Tensors = dict[str, Any]


def tensors(device: str) -> Tensors:
    """Arguments of all kinds on a device; small whole numbers, for indices too."""
    return {
        "x": refnet.arange(12.0, device=device).reshape(3, 4) / 8,
        "row": refnet.arange(4.0, device=device),
        "at": refnet.tensor([[0, 1, 0, 1]] * 3, device=device),
        "some": refnet.tensor([0, 1], device=device),
        "labels": refnet.tensor([0, 1, 2], device=device),
        "one label": refnet.tensor([1], device=device),
        "mask": refnet.ones(3, 4, dtype=refnet.bool, device=device),
        "plane": refnet.zeros(1, 1, 2, 2, dtype=refnet.int64, device=device),
    }


MIXED: dict[str, Callable[[Tensors, Tensors], Any]] = {
    "add_": lambda a, b: a["x"].add_(b["x"]),
    "add_ to a number": lambda a, b: refnet.tensor(1.0).add_(refnet.tensor(1.0, device="cuda")),
    "add out": lambda a, b: refnet.add(a["x"], a["x"], out=b["x"]),
    "max out": lambda a, b: refnet.max(a["x"], 0, out=(b["row"], a["labels"])),
    "equal": lambda a, b: a["x"].equal(b["x"]),
    "gather": lambda a, b: a["x"].gather(1, b["at"]),
    "scatter": lambda a, b: a["x"].scatter(1, b["at"], 1.0),
    "scatter_add": lambda a, b: a["x"].scatter_add(1, b["at"], a["x"]),
    "scatter_reduce": lambda a, b: a["x"].scatter_reduce(1, b["at"], a["x"], "sum"),
    "take_along_dim": lambda a, b: refnet.take_along_dim(a["x"], b["at"], 1),
    "index_select": lambda a, b: a["x"].index_select(1, b["some"]),
    "index_add": lambda a, b: a["x"].index_add(0, b["some"], a["x"][:2]),
    "index_copy": lambda a, b: a["x"].index_copy(0, b["some"], a["x"][:2]),
    "index_fill": lambda a, b: a["x"].index_fill(0, b["some"], 0.0),
    "index_reduce": lambda a, b: a["x"].index_reduce(0, b["some"], a["x"][:2], "prod"),
    "take": lambda a, b: a["x"].take(b["some"]),
    "put": lambda a, b: a["x"].put(b["some"], a["row"][:2]),
    "masked_fill": lambda a, b: a["x"].masked_fill(b["mask"], 0.0),
    "masked_select": lambda a, b: a["x"].masked_select(b["mask"]),
    "masked_scatter": lambda a, b: a["x"].masked_scatter(b["mask"], a["x"]),
    "where": lambda a, b: refnet.where(b["mask"], a["x"], a["x"]),
    "searchsorted": lambda a, b: refnet.searchsorted(a["row"], b["row"]),
    "isin": lambda a, b: refnet.isin(a["x"], b["row"]),
    "bincount": lambda a, b: refnet.bincount(a["labels"], weights=b["row"][:3]),
    "repeat_interleave": lambda a, b: refnet.repeat_interleave(a["labels"], b["labels"]),
    "bernoulli_": lambda a, b: a["row"].bernoulli_(b["row"] / 4),
    "cross_entropy": lambda a, b: F.cross_entropy(a["x"], b["labels"]),
    "cross_entropy of one": lambda a, b: F.cross_entropy(a["x"][:1], b["one label"]),
    "cross_entropy with weights": lambda a, b: F.cross_entropy(a["x"], a["labels"], weight=b["row"]),
    "nll_loss": lambda a, b: F.nll_loss(a["x"], b["labels"]),
    "multi_margin_loss": lambda a, b: F.multi_margin_loss(a["x"], b["labels"]),
    "multilabel_margin_loss": lambda a, b: F.multilabel_margin_loss(a["x"], b["at"]),
    "ctc_loss": lambda a, b: F.ctc_loss(a["x"][:, None], b["one label"][None], (3,), (1,)),
    "embedding": lambda a, b: F.embedding(b["some"], a["x"]),
    "embedding_bag": lambda a, b: F.embedding_bag(b["some"][None], a["x"]),
    "batch_norm": lambda a, b: F.batch_norm(a["x"], b["row"], b["row"]),
    "grid_sample": lambda a, b: F.grid_sample(a["x"][None, None], b["x"][None, :, :2, None].mT, align_corners=False),
    "max_unpool2d": lambda a, b: F.max_unpool2d(a["x"][None, None, :2, :2], b["plane"], 2),
    "Linear": lambda a, b: nn.Linear(4, 2).to(a["x"].device)(b["x"]),
}


@pytest.mark.parametrize("here", ["cuda", "cpu"])
@pytest.mark.parametrize("name", MIXED)
def test_an_argument_on_another_device(gpu: None, name: str, here: str) -> None:
    there = "cpu" if here == "cuda" else "cuda"
    with pytest.raises(RuntimeError, match="^Expected all tensors to be on the same device, but found at least two"):
        MIXED[name](tensors(here), tensors(there))


def test_subscripts_may_be_on_the_cpu(gpu: None) -> None:
    """torch takes indices and masks of the CPU for a tensor of a GPU, but not the other way round."""
    a, b = tensors("cuda"), tensors("cpu")
    assert a["x"][b["some"]].equal(a["x"][:2]) and a["x"][b["mask"]].equal(a["x"].flatten())
    assert a["x"].index_put((b["some"],), a["row"])[:2].tolist() == [[0.0, 1.0, 2.0, 3.0]] * 2
    a["x"][b["some"]] = 7.0
    a["x"][2] = b["row"]
    assert a["x"].tolist() == [[7.0] * 4, [7.0] * 4, [0.0, 1.0, 2.0, 3.0]]
    message = r"indices should be either on cpu or on the same device as the indexed tensor \(cpu\)"
    for index in ("some", "mask"):
        with pytest.raises(RuntimeError, match=message):
            b["x"][a[index]]
        with pytest.raises(RuntimeError, match=message):
            b["x"][a[index]] = 0.0


def test_gradients_are_where_their_tensor_is(gpu: None) -> None:
    w = refnet.ones(2, requires_grad=True)
    g = refnet.ones(2, device="cuda")
    with pytest.raises(RuntimeError, match="located on a different device: got cuda:0, expected cpu"):
        w.grad = g
    with pytest.raises(RuntimeError, match="expected device cpu but got cuda:0"):
        (w * 2).backward(g)
    with pytest.raises(RuntimeError, match="expected device cpu but got cuda:0"):
        refnet.autograd.grad(w * 2, w, g)


def test_norms_of_gradients_on_two_gpus(gpus: None) -> None:
    """The norm is on the GPU of the first gradient, as in torch."""
    first, second = (refnet.zeros(1, device=f"cuda:{index}", requires_grad=True) for index in (1, 0))
    first.grad, second.grad = refnet.full((1,), 3.0, device="cuda:1"), refnet.full((1,), 4.0, device="cuda:0")
    total = nn.utils.clip_grad_norm_([first, second], 1.0)
    assert (total.item(), str(total.device)) == (5.0, "cuda:1")
    assert [first.grad.item(), second.grad.item()] == pytest.approx([0.6, 0.8])


ABSENT: dict[str, Callable[[], Any]] = {
    "current_stream": lambda: cuda.current_stream(9),
    "default_stream": lambda: cuda.default_stream("cuda:9"),
    "Stream": lambda: cuda.Stream(9),
    "synchronize": lambda: cuda.synchronize(9),
    "memory_allocated": lambda: cuda.memory_allocated(9),
    "mem_get_info": lambda: cuda.mem_get_info(9),
    "get_device_properties": lambda: cuda.get_device_properties(9),
    "can_device_access_peer": lambda: cuda.can_device_access_peer(0, 9),
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_gpu_that_is_not_there(gpu: None, name: str) -> None:
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        ABSENT[name]()
