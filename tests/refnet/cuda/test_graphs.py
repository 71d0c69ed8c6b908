"""Captured graphs: what a replay computes, what cannot be captured, and whose memory it is."""

from collections.abc import Callable
from typing import Any

import pytest

import refnet
from conformance import standin
from conformance.standin.runtime import UnorderedAccess
from refnet import cuda


def warmed(work: Callable[[], Any]) -> None:
    """Run some work aside, as before a capture."""
    side = cuda.Stream()
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        for _ in range(2):
            work()
    cuda.current_stream().wait_stream(side)


def test_a_graph_computes_anew_from_what_is_in_its_inputs(gpu: None) -> None:
    x = refnet.ones(1000, device="cuda")

    def work() -> Any:
        return ((x * 2 + 1).relu() ** 2).sum() / 4

    warmed(work)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        assert cuda.is_current_stream_capturing()
        out = work()
    assert not cuda.is_current_stream_capturing()
    for value in (1.0, 2.0, -1.0):
        x.fill_(value)
        graph.replay()
        assert out.item() == work().item()


def test_gradients_and_in_place_updates_are_captured(gpu: None) -> None:
    w, x = refnet.ones(3, device="cuda", requires_grad=True), refnet.arange(3.0, device="cuda")

    def work() -> None:
        w.grad = None
        (w * x).square().sum().backward()
        with refnet.no_grad():
            w.sub_(w.grad * 0.1)

    warmed(work)
    graph = cuda.CUDAGraph()
    before = w.tolist()
    with cuda.graph(graph):
        work()
    assert w.tolist() == before, "a capture runs nothing"
    other = refnet.tensor(before, device="cuda", requires_grad=True)
    graph.replay()
    graph.replay()
    w, captured = other, w
    work()
    work()
    assert captured.tolist() == w.tolist()


DRAWS: dict[str, Callable[[], Any]] = {
    "rand": lambda: refnet.rand(5, device="cuda"),
    "randn": lambda: refnet.randn(5, device="cuda"),
    "dropout": lambda: refnet.nn.functional.dropout(refnet.ones(20, device="cuda")),
    "bernoulli": lambda: refnet.full((20,), 0.5, device="cuda").bernoulli(),
    "randint": lambda: refnet.randint(0, 100, (5,), device="cuda"),
    "two": lambda: refnet.rand(5, device="cuda") + refnet.rand(5, device="cuda"),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_are_new_at_every_replay(gpu: None, draw: str) -> None:
    warmed(DRAWS[draw])
    refnet.manual_seed(5)
    expected = [DRAWS[draw]().tolist() for _ in range(3)]
    refnet.manual_seed(5)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        out = DRAWS[draw]()
    drawn = []
    for _ in range(2):
        graph.replay()
        drawn.append(out.tolist())
    assert [*drawn, DRAWS[draw]().tolist()] == expected
    refnet.manual_seed(5)
    graph.replay()
    assert out.tolist() == expected[0]


def test_other_generators_are_registered(gpu: None) -> None:
    own = refnet.Generator(device="cuda").manual_seed(3)
    expected = [refnet.rand(3, device="cuda", generator=own).tolist() for _ in range(2)]
    own.manual_seed(3)
    with pytest.raises(RuntimeError, match="not in capture mode"), cuda.graph(cuda.CUDAGraph()):
        refnet.rand(3, device="cuda", generator=own)
    graph = cuda.CUDAGraph()
    graph.register_generator_state(own)
    with cuda.graph(graph):
        out = refnet.rand(3, device="cuda", generator=own)
    drawn = []
    for _ in range(2):
        graph.replay()
        drawn.append(out.tolist())
    assert drawn == expected
    with pytest.raises(RuntimeError, match="expected a generator of a GPU"):
        graph.register_generator_state(refnet.Generator())


FORBIDDEN: dict[str, Callable[[Any], Any]] = {
    "item": lambda x: x.sum().item(),
    "if": lambda x: bool((x > 0).all()),
    "print": repr,
    "cpu": lambda x: x.cpu(),
    "numpy": lambda x: x.numpy(force=True),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "from the host": lambda x: x + refnet.ones(1000).cuda(),
    "from a list": lambda x: refnet.tensor([1.0, 2.0], device="cuda"),
    "synchronize": lambda x: cuda.synchronize(),
    "more memory": lambda x: refnet.zeros(1 << 23, device="cuda"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_cannot_be_captured_says_so(gpu: None, what: str) -> None:
    x = refnet.ones(1000, device="cuda")
    graph = cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"), cuda.graph(graph):
        FORBIDDEN[what](x)
    assert not cuda.is_current_stream_capturing() and cuda.current_stream() == cuda.default_stream()
    with pytest.raises(RuntimeError, match="replay without a preceding successful capture"):
        graph.replay()
    cuda.synchronize()
    assert refnet.ones(2, device="cuda").sum().item() == 2, "everything works again"


def test_misuse_is_named(gpu: None) -> None:
    graph = cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="must be captured on a non-default stream"):
        graph.capture_begin()
    with cuda.stream(cuda.Stream()):
        with pytest.raises(RuntimeError, match="Expected `global`, `thread_local`, or `relaxed`, got fast"):
            graph.capture_begin(capture_error_mode="fast")
        with pytest.raises(RuntimeError, match="without capture_begin"):
            graph.capture_end()
        graph.capture_begin()
        graph.capture_end()
        with pytest.raises(RuntimeError, match="already owns a captured graph"):
            graph.capture_begin()
    with pytest.raises(RuntimeError, match="nothing was captured"):
        cuda.CUDAGraph().pool()


def test_results_outlive_their_graph(gpu: None) -> None:
    """The pool owns the memory of what it gave out, so it stays until that is gone."""
    from refnet.cuda import pools

    x = refnet.ones(1000, device="cuda")
    warmed(lambda: x + 1)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        out = x + 1
    graph.replay()
    pool = graph.pool()
    graph.reset()
    assert pool in pools._given_up and out.tolist() == [2.0] * 1000
    del out
    pools.give_up(cuda.graph_pool_handle())
    assert pool not in pools._given_up


def test_nothing_else_gets_the_memory_of_a_graph(gpu: None) -> None:
    x = refnet.ones(1000, device="cuda")
    warmed(lambda: (x + 1) * 2)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        out = (x + 1) * 2
    held = cuda.memory_reserved()
    others = [refnet.full((1000,), 7.0, device="cuda") for _ in range(20)]
    graph.replay()
    cuda.empty_cache()
    assert out.tolist() == [4.0] * 1000 and all(other.tolist() == [7.0] * 1000 for other in others)
    assert cuda.memory_reserved() >= held


def test_graphs_share_a_pool(gpu: None) -> None:
    pool = cuda.graph_pool_handle()
    pool.reserve(1 << 16)
    x = refnet.ones(10, device="cuda")
    warmed(lambda: (x + 1) * 2)
    first, second = cuda.CUDAGraph(), cuda.CUDAGraph()
    side = cuda.Stream()
    with cuda.stream(side):
        pool.reserve(1 << 16)
    with cuda.graph(first, pool=pool, stream=side):
        y = x + 1
    with cuda.graph(second, pool=first.pool(), stream=side):
        z = y * 2
    first.replay()
    second.replay()
    assert z.tolist() == [4.0] * 10 and second.pool() is pool


def test_a_graph_joins_streams(gpu: None) -> None:
    """What waits for captured work is captured, on whichever stream; each stream has free memory of its own."""
    x, main, side = refnet.ones(1000, device="cuda"), cuda.Stream(), cuda.Stream()
    warmed(lambda: x + x * 3 + 1)
    pool, graph = cuda.graph_pool_handle(), cuda.CUDAGraph()
    for stream in (main, side):
        with cuda.stream(stream):
            pool.reserve(1 << 16)
    with cuda.graph(graph, pool=pool, stream=main):
        side.wait_stream(main)
        with cuda.stream(side):
            y = x + 1
        z = x * 3
        main.wait_stream(side)
        out = y + z
    for value in (1.0, 5.0):
        x.fill_(value)
        graph.replay()
        assert out.tolist() == [4 * value + 1] * 1000


def test_a_capture_loads_no_kernel(gpu: None) -> None:
    """What it launches has been launched before, unless it is relaxed."""
    x = refnet.ones(1000, device="cuda")
    with pytest.raises(RuntimeError, match="not launched before"), cuda.graph(cuda.CUDAGraph()):
        _ = x - 1
    graph = cuda.CUDAGraph()
    with cuda.graph(graph, capture_error_mode="relaxed"):
        out = x - 1
    graph.replay()
    assert out.tolist() == [0.0] * 1000


@pytest.mark.parametrize("release", [13, 14])
def test_sorts_are_captured_with_cupy_14(gpu: None, release: int) -> None:
    with standin.installed(release):
        x = refnet.tensor([3.0, 1.0, 2.0], device="cuda")
        warmed(lambda: x.argsort())
        graph = cuda.CUDAGraph()
        if release == 13:
            with pytest.raises(RuntimeError, match="a sort of cupy 13 makes the host wait"), cuda.graph(graph):
                x.argsort()
            return
        with cuda.graph(graph):
            order = x.argsort()
        graph.replay()
        assert order.tolist() == [1, 2, 0]


def test_a_replay_on_another_stream_needs_an_order(gpu: None) -> None:
    x = refnet.ones(1000, device="cuda")
    warmed(lambda: x + 1)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        out = x + 1
    x.fill_(2)
    side = cuda.Stream()
    with cuda.stream(side), pytest.raises(UnorderedAccess):
        graph.replay()
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        graph.replay()
    side.synchronize()
    assert out.tolist() == [3.0] * 1000


def test_a_module_in_graphs_takes_part_in_a_training(gpu: None) -> None:
    def run(graphed: bool) -> Any:
        refnet.manual_seed(0)
        body = refnet.nn.Sequential(refnet.nn.Linear(3, 4), refnet.nn.Tanh()).cuda()
        head = refnet.nn.Linear(4, 1).cuda()
        optimizer = refnet.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
        if graphed:
            sample = refnet.randn(5, 3, device="cuda")
            assert cuda.make_graphed_callables(body, (sample,)) is body
        losses = []
        for k in range(3):
            x = refnet.full((5, 3), 0.5 * k, device="cuda")
            optimizer.zero_grad()
            loss = (head(body(x)) - 1).square().sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        body.eval()
        return losses, body(refnet.ones(2, 3, device="cuda")).tolist()

    assert run(True) == run(False)


def test_functions_in_graphs_have_gradients(gpu: None) -> None:
    def double(x: Any, y: Any) -> Any:
        return x * 2 + y, x.detach() * 3

    def square(x: Any) -> Any:
        return x * x

    x, y = refnet.ones(3, device="cuda", requires_grad=True), refnet.ones(3, device="cuda")
    first, second = cuda.make_graphed_callables((double, square), ((x, y), (x,)))
    for value in (1.0, 2.0):
        given = refnet.full((3,), value, device="cuda", requires_grad=True)
        a, b = first(given, y)
        out = second(a)
        out.sum().backward()
        assert out.tolist() == [(2 * value + 1) ** 2] * 3 and b.tolist() == [3 * value] * 3
        assert given.grad.tolist() == [4 * (2 * value + 1)] * 3
    with pytest.raises(RuntimeError, match="must contain only Tensors"):
        cuda.make_graphed_callables(square, (3,))
    module = refnet.nn.Linear(1, 1).cuda()
    module.register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="must not have hooks registered"):
        cuda.make_graphed_callables(module, (refnet.ones(1, device="cuda"),))
