"""Random tensors on a GPU, under the stand-in for cupy: right generator, right words, memory order, and no transfer."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import refnet
from conformance import standin
from refnet.nn import functional as F
from refnet.random import draws_from_cpu, philox_draws
from refnet.random.generator import gpu_generator
from refnet.random.philox import Launch, Philox
from refnet.random.philox_values import UNIT32
from refnet.random.philox_words import in_vectors
from refnet.train.checkpoint import generator_states, restore_generators

DEVICE = "cuda"
F32, F64, F16, I64 = (np.dtype(name) for name in ("float32", "float64", "float16", "int64"))


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with standin.installed():
        refnet.manual_seed(7)
        yield


def reference(seed: int = 7, offset: int = 0) -> Philox:
    """The array form, in numpy, for the GPU that the stand-in plays."""
    attributes = standin.cupy().cuda.Device(0).attributes
    launch = Launch(attributes["MultiProcessorCount"], attributes["MaxThreadsPerMultiProcessor"])
    engine = Philox(seed, launch=launch, xp=np)
    engine.offset = offset
    return engine


def values(x: Any) -> Any:
    return x.cpu().numpy()


def empty(*shape: int, dtype: Any = refnet.float32) -> Any:
    return refnet.empty(*shape, dtype=dtype, device=DEVICE)


N = 3000
FILLS: list[tuple[str, Callable[[], Any], Callable[[Philox], Any], float]] = [  # ..., tolerance in ulp
    ("rand", lambda: refnet.rand(N, device=DEVICE), lambda e: philox_draws.uniform(e, N, F32), 0),
    (
        "rand float64",
        lambda: refnet.rand(N, device=DEVICE, dtype=refnet.float64),
        lambda e: philox_draws.uniform(e, N, F64),
        0,
    ),
    (
        "rand float16",
        lambda: refnet.rand(N, device=DEVICE, dtype=refnet.float16),
        lambda e: philox_draws.uniform(e, N, F16),
        0,
    ),
    ("uniform_", lambda: empty(N).uniform_(-0.3, 2), lambda e: philox_draws.uniform(e, N, F32, -0.3, 2), 0),
    ("randn", lambda: refnet.randn(N, device=DEVICE), lambda e: philox_draws.normal(e, N, F32), 64),
    ("normal_", lambda: empty(N).normal_(1, 3), lambda e: philox_draws.normal(e, N, F32, 1, 3), 4096),
    (
        "normal_ float64",
        lambda: empty(N, dtype=refnet.float64).normal_(1, 3),
        lambda e: philox_draws.normal(e, N, F64, 1, 3),
        4096,
    ),
    (
        "randint",
        lambda: refnet.randint(-5, 100, (N,), device=DEVICE),
        lambda e: philox_draws.integers(e, N, I64, -5, 105),
        0,
    ),
    (
        "randint of 64-bit words",
        lambda: refnet.randint(0, 1 << 40, (N,), device=DEVICE),
        lambda e: philox_draws.integers(e, N, I64, 0, 1 << 40),
        0,
    ),
    (
        "random_",
        lambda: empty(N, dtype=refnet.int32).random_(),
        lambda e: philox_draws.bits(e, N, np.dtype("int32")),
        0,
    ),
    ("random_ float16", lambda: empty(N, dtype=refnet.float16).random_(), lambda e: philox_draws.bits(e, N, F16), 0),
    ("bernoulli_", lambda: empty(N).bernoulli_(0.3), lambda e: philox_draws.bernoulli(e, N, 0.3, F32), 0),
    (
        "bernoulli_ float64",
        lambda: empty(N, dtype=refnet.float64).bernoulli_(0.3),
        lambda e: philox_draws.bernoulli(e, N, 0.3, F64),
        0,
    ),
    ("exponential_", lambda: empty(N).exponential_(2), lambda e: philox_draws.exponential(e, N, F32, 2), 8),
    ("cauchy_", lambda: empty(N).cauchy_(1, 2), lambda e: philox_draws.cauchy(e, N, F32, 1, 2), 4096),
    ("log_normal_", lambda: empty(N).log_normal_(0, 1), lambda e: philox_draws.log_normal(e, N, F32, 0, 1), 64),
    ("geometric_", lambda: empty(N).geometric_(0.2), lambda e: philox_draws.geometric(e, N, F32, 0.2), 0),
    ("randperm", lambda: refnet.randperm(N, device=DEVICE), lambda e: philox_draws.permutation(e, N), 0),
]


@pytest.mark.parametrize("fill, expected, ulp", [row[1:] for row in FILLS], ids=[row[0] for row in FILLS])
def test_fills_are_torchs_and_stay_on_the_gpu(fill: Any, expected: Any, ulp: float) -> None:
    engine = reference()
    with standin.forbidden(writes=True):
        drawn = fill()
    right = expected(engine).astype(values(drawn).dtype)
    if ulp:
        spacing = np.spacing(np.abs(right))
        assert (np.abs(values(drawn) - right) <= ulp * spacing).all()
    else:
        assert np.array_equal(values(drawn), right)
    assert gpu_generator(0).get_offset() == engine.offset > 0
    assert refnet.default_generator.get_state().equal(refnet.Generator().manual_seed(7).get_state())


LAYOUTS: list[tuple[str, Callable[[], Any], list[int]]] = [  # and the dimensions by falling stride
    ("channels last", lambda: empty(2, 3, 4, 5).to(memory_format=refnet.channels_last), [0, 2, 3, 1]),
    ("transposed", lambda: empty(30, 40).t(), [1, 0]),
    ("with gaps", lambda: empty(30, 40)[:, ::2], [0, 1]),
]


@pytest.mark.parametrize("make, order", [row[1:] for row in LAYOUTS], ids=[row[0] for row in LAYOUTS])
def test_fills_run_through_memory(make: Any, order: list[int]) -> None:
    x = make()
    right = philox_draws.uniform(reference(), x.numel(), F32)
    got = values(x.uniform_()).transpose(order).reshape(-1)
    assert np.array_equal(got, right)


def test_probabilities_of_a_tensor() -> None:
    p = refnet.linspace(0, 1, 3000, device=DEVICE)
    right = philox_draws.bernoulli_each(reference(), values(p))
    with standin.counted() as seen:
        drawn = refnet.bernoulli(p)
    assert np.array_equal(values(drawn) != 0, right)
    assert seen.synchronisations == 0  # probabilities on a GPU are not checked
    assert gpu_generator(0).get_offset() == 12
    refnet.manual_seed(7)
    square = values(empty(60, 50).t().bernoulli_(p.view(60, 50).t()))  # both lie transposed
    assert np.array_equal(square.T.reshape(-1) != 0, right)
    refnet.manual_seed(7)
    mixed = values(empty(50, 60).bernoulli_(p.view(60, 50).t()))  # one of them does: logical order
    words = philox_draws.bernoulli_each(reference(), values(p).reshape(60, 50).T.copy())
    assert np.array_equal(mixed != 0, words)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: refnet.poisson(refnet.tensor([0.5, 20.0, 200.0, 9000.0], device=DEVICE)),
        lambda: refnet.binomial(refnet.tensor([10.0, 1000.0], device=DEVICE), refnet.tensor([0.2, 0.7], device=DEVICE)),
        lambda: refnet.multinomial(refnet.tensor([[1.0, 2, 0], [0, 1, 1]], device=DEVICE), 5, replacement=True),
        lambda: refnet.multinomial(refnet.tensor([1.0, 2, 3], device=DEVICE), 2),
        lambda: refnet.normal(refnet.tensor([1.0, 2], device=DEVICE), refnet.tensor([1.0, 2], device=DEVICE)),
    ],
    ids=["poisson", "binomial", "multinomial", "multinomial without replacement", "normal"],
)
def test_draws_that_ask_a_question_transfer_no_array(draw: Any) -> None:
    with standin.counted() as seen:
        first = draw()
    assert set(seen.reads) <= {"bool", "ndarray.__bool__"} and first.device.type == "cuda"
    assert gpu_generator(0).get_offset() > 0
    refnet.manual_seed(7)
    assert first.equal(draw())


# --- dropout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [4096, 4098, 4097])
@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_fused_dropout(n: int, kind: str) -> None:
    dtype = np.dtype(kind)
    x = np.random.default_rng(0).normal(size=n).astype(dtype)
    noise = philox_draws.fused_dropout_noise(reference(), np.zeros(n, dtype), 0.3)
    right = (x.astype(noise.dtype) * noise).astype(dtype)  # half precision is rounded once
    tensor = refnet.from_numpy(x).to(DEVICE).requires_grad_()
    with standin.forbidden(writes=True):
        out = F.dropout(tensor, 0.3)
        out.sum().backward()
    assert np.array_equal(values(out.detach()), right)
    assert np.array_equal(values(tensor.grad), noise.astype(dtype))


def test_fused_dropout_of_a_misaligned_view_takes_fewer_neighbours() -> None:
    base = refnet.ones(4100, device=DEVICE)
    aligned, shifted = F.dropout(base[:4096]), F.dropout(base[2:4098])
    engine = reference()
    for out, vector in ((aligned, 4), (shifted, 2)):
        assert np.array_equal(values(out) != 0, in_vectors(engine, 4096, vector, UNIT32) < np.float32(0.5))


def test_other_dropout_fills_as_bernoulli() -> None:
    x = refnet.ones(4, 3, 5, 5, device=DEVICE)
    draws: list[tuple[Callable[[], Any], int]] = [
        (lambda: F.dropout(x.clone(), 0.3, inplace=True), 300),
        (lambda: F.dropout2d(x, 0.3), 12),
        (lambda: F.alpha_dropout(x, 0.3, training=True), 300),
        (lambda: F.feature_alpha_dropout(x, 0.3, training=True), 12),
    ]
    for draw, n in draws:
        refnet.manual_seed(7)
        kept = philox_draws.bernoulli(reference(), n, 0.7, F32)
        with standin.forbidden(writes=True):
            out = draw()
        seen = values(out).reshape(n, -1)
        assert np.array_equal(seen.max(axis=1) == seen.max(), kept)
        assert gpu_generator(0).get_offset() == 4


def test_rrelu_draws_for_every_element() -> None:
    x = refnet.linspace(-1, 1, 1000, device=DEVICE)
    slopes = philox_draws.slopes(reference(), 1000, F32, 0.1, 0.3)
    with standin.forbidden(writes=True):
        out = F.rrelu(x, 0.1, 0.3, training=True)
    before = values(x)
    assert np.array_equal(values(out), np.where(before <= 0, before * slopes, before))


# --- generators -----------------------------------------------------------------------------------------------------


def test_modules_take_weights_from_their_device() -> None:
    layer = refnet.nn.Linear(20, 30, device=DEVICE)
    engine, bound = reference(), 1 / np.sqrt(20)
    for parameter in (layer.weight, layer.bias):
        right = philox_draws.uniform(engine, parameter.numel(), F32, -bound, bound)
        assert np.allclose(values(parameter.detach()).reshape(-1), right, rtol=0, atol=2e-8)


def test_a_generator_of_its_own() -> None:
    generator = refnet.Generator(device=DEVICE).manual_seed(3)
    assert str(generator.device) == "cuda:0" and generator.initial_seed() == 3
    first = refnet.rand(5, device=DEVICE, generator=generator)
    assert np.array_equal(values(first), philox_draws.uniform(reference(3), 5, F32))
    assert gpu_generator(0).get_offset() == 0 and generator.get_offset() == 4
    state = generator.get_state()
    assert values(state).tobytes() == (3).to_bytes(8, "little") + (4).to_bytes(8, "little")
    second = refnet.rand(5, device=DEVICE, generator=generator)
    for other in (
        refnet.Generator(device=DEVICE).set_state(state),
        refnet.Generator(device=DEVICE).manual_seed(3).set_offset(4),
        pickle.loads(pickle.dumps(refnet.Generator(device=DEVICE).set_state(state))),
        refnet.Generator(device=DEVICE).set_state(state).clone_state(),
    ):
        assert second.equal(refnet.rand(5, device=DEVICE, generator=other))


def test_errors() -> None:
    on_gpu, on_cpu = refnet.Generator(device=DEVICE), refnet.Generator()
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        refnet.rand(3, device=DEVICE, generator=on_cpu)
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        refnet.rand(3, generator=on_gpu)
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        on_gpu.set_state(on_cpu.get_state())
    with pytest.raises(RuntimeError, match="multiple of 4"):
        on_gpu.set_offset(6)
    with pytest.raises(RuntimeError, match="does not use offset"):
        on_cpu.get_offset()


def test_seeds_go_to_all_devices() -> None:
    refnet.rand(3, device=DEVICE)
    refnet.manual_seed(11)
    assert gpu_generator(0).initial_seed() == refnet.initial_seed() == 11 and gpu_generator(0).get_offset() == 0
    assert refnet.seed() == gpu_generator(0).initial_seed()
    refnet.manual_seed(-1)
    assert gpu_generator(0).initial_seed() == 2**64 - 1


def test_fork_rng() -> None:
    refnet.rand(3, device=DEVICE)
    before = gpu_generator(0).get_state()
    for devices in (None, [0], ["cuda:0"]):
        with refnet.random.fork_rng(devices):
            refnet.manual_seed(5)
            refnet.rand(30, device=DEVICE)
        assert gpu_generator(0).get_state().equal(before)
    with refnet.random.fork_rng(devices=[]):
        refnet.manual_seed(5)
    assert gpu_generator(0).initial_seed() == 5


class Counted:
    """What a captured graph's draws take offsets from: numbers on the GPU."""

    def __init__(self, seed: int, start: int) -> None:
        self.seed, self.next = standin.cupy().asarray(np.uint64(seed)), start

    def take(self, count: int) -> Any:
        offset, self.next = standin.cupy().asarray(np.uint64(self.next)), self.next + -(-count // 4) * 4
        return offset


@pytest.mark.parametrize("n", [5, N])
def test_seed_and_offset_may_be_on_the_gpu(n: int) -> None:
    """While a graph is captured: a kernel reads them when it runs."""
    engine = gpu_generator(0).engine
    draws = [
        lambda: refnet.rand(n, device=DEVICE),
        lambda: refnet.randperm(n, device=DEVICE),
        lambda: F.dropout(refnet.ones(n, device=DEVICE)),
        lambda: refnet.poisson(refnet.full((n,), 5.0, device=DEVICE)),
    ]
    plain = [draw() for draw in draws]
    refnet.manual_seed(8)  # what is captured has its own
    engine.captured = Counted(7, 0)
    try:
        captured = [draw() for draw in draws]
    finally:
        engine.captured = None
    assert all(a.equal(b) for a, b in zip(plain, captured, strict=True))


def test_replays_of_a_graph_draw_anew() -> None:
    """Each goes on in the stream where the generator stands, as the draws outside of graphs do, also after a new seed."""

    def draw() -> list[Any]:
        return [F.dropout(x), refnet.rand(4, device=DEVICE)]

    x, graph, side = refnet.ones(64, device=DEVICE), refnet.cuda.CUDAGraph(), refnet.cuda.Stream()
    side.wait_stream(refnet.cuda.current_stream())
    with refnet.cuda.stream(side):
        draw()
    refnet.cuda.synchronize()
    with refnet.cuda.graph(graph):
        captured = draw()

    def replay() -> list[Any]:
        graph.replay()
        return captured

    def three(run: Callable[[], list[Any]]) -> list[Any]:
        found = []
        for seed in (3, None, 9):
            if seed is not None:
                refnet.manual_seed(seed)
            found += [values(y).copy() for y in run()]
        refnet.cuda.synchronize()
        return found

    assert all(np.array_equal(a, b) for a, b in zip(three(replay), three(draw), strict=True))


def test_checkpoints_keep_the_streams_of_gpus() -> None:
    refnet.rand(3, device=DEVICE)
    states = generator_states(refnet, [])
    draw = refnet.rand(3, device=DEVICE)
    restore_generators(states, refnet, [])
    assert draw.equal(refnet.rand(3, device=DEVICE))


# --- the stream of the CPU on a GPU -----------------------------------------------------------------------------------


def test_draws_from_cpu() -> None:
    def run(device: str) -> list[Any]:
        refnet.manual_seed(7)
        x = refnet.ones(20, 33, device=device)
        return [
            refnet.randn(40, device=device),
            refnet.empty(2, 3, 4, 5, device=device).to(memory_format=refnet.channels_last).uniform_(),
            refnet.randperm(50, device=device),
            F.dropout(x, 0.3),
            F.dropout2d(x.view(20, 33, 1, 1), 0.3),
            F.rrelu(-x, training=True),
            refnet.bernoulli(x * 0.3),
            refnet.multinomial(x, 3),
            refnet.poisson(x),
            refnet.nn.LSTM(3, 4, num_layers=2, dropout=0.5).to(device)(refnet.ones(5, 2, 3, device=device))[0].detach(),
            refnet.rand(4, device=device, generator=refnet.Generator().manual_seed(1)),
        ]

    right = run("cpu")
    with draws_from_cpu():
        got = run(DEVICE)
    assert gpu_generator(0).get_offset() == 0
    for a, b in zip(right, got, strict=True):
        assert b.device.type == "cuda" and np.allclose(values(b), values(a), rtol=1e-6, atol=1e-7)
    assert all(values(b).tobytes() == values(a).tobytes() for a, b in zip(right[:5], got[:5], strict=True))
    assert not refnet.rand(4, device=DEVICE).equal(got[-1])
