"""Random draws, bit for bit: values and words taken are torch's, in every size, dtype and layout, from every state.

Nothing is judged by rounding here: a draw is a function of the generator's state. Each program goes through many sizes
or seeds on one stream, so that a word too many shows in all that follows, and returns every draw under the name of the
place where it happened. The state of the default generator is compared after each case by the harness itself.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy

from conformance.cases import (
    BITS,
    FLOATS,
    INTEGERS,
    MEMORY_FORMAT,
    REPEAT,
    Arguments,
    Case,
    Draw,
    args,
    drawn,
    named,
    normal,
    ops,
    probabilities,
    refuses,
    uniform,
    values,
)
from conformance.draw import Array
from conformance.streams import Stream
from conformance.variant import BERNOULLI, EXPONENTIAL, NORMAL, PAIRS, UNIFORM
from conformance.variant import INTEGERS as WIDE_INTEGERS

DRAWN = frozenset({BITS, MEMORY_FORMAT})
TWICE = DRAWN | {REPEAT}
LIKE = normal(1).fixed()  # says the dtype
SEEDS = (0, 1, 42, 2**31 - 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**63))

# --- room to draw in ------------------------------------------------------------------------------------------------

# By name, a tensor of n elements or somewhat more. Values go to dense tensors in the order of their memory, to others in
# the order of their elements with the largest stride first.
ROOMS: dict[str, Callable[[Any, int, Any], Any]] = {
    "row": lambda torch, n, dtype: torch.zeros(n, dtype=dtype),
    "transposed": lambda torch, n, dtype: torch.zeros(-(-n // 3), 3, dtype=dtype).t(),
    "permuted": lambda torch, n, dtype: torch.zeros(2, -(-n // 6), 3, dtype=dtype).permute(2, 0, 1),
    "channels last": lambda torch, n, dtype: torch.zeros(2, 3, -(-n // 12), 2, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    ),
    "gapped": lambda torch, n, dtype: torch.zeros(n, 2, dtype=dtype)[:, 0],
    "gapped rows": lambda torch, n, dtype: torch.zeros(-(-n // 3), 5, dtype=dtype)[:, 1:4],
    "gapped, transposed": lambda torch, n, dtype: torch.zeros(-(-n // 2), 4, dtype=dtype)[:, ::2].t(),
    "every other row": lambda torch, n, dtype: torch.zeros(-(-n // 3) * 2, 3, dtype=dtype)[::2],
    "further on": lambda torch, n, dtype: torch.zeros(n + 1, dtype=dtype)[1:],
    "between ones": lambda torch, n, dtype: torch.zeros(1, n, 1, dtype=dtype).permute(2, 1, 0),
}
SIZES = (0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 100, 1000, 4097)
PLACES = (
    *[("row", n) for n in SIZES],
    *[(room, n) for room in list(ROOMS)[1:] for n in (0, 1, 5, 15, 16, 24, 36, 150)],
)
PLAIN_PLACES = tuple(("row", n) for n in (0, 1, 15, 16, 17, 33, 300))


def new_generator(torch: Any) -> Any:
    """A generator for tensors that are made without saying where: on a GPU, when the run is there."""
    return torch.Generator(torch.zeros(0).device)


def own_generator(torch: Any, seed: int) -> Any:
    """A generator beside the default one."""
    generator = new_generator(torch)
    generator.manual_seed(seed)
    return generator


@contextmanager
def silent() -> Iterator[None]:
    """Without warnings: they are not the subject."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- every draw in every place --------------------------------------------------------------------------------------


def in_place(torch: Any, like: Any, *arguments: Any, draw: str, everywhere: bool = True) -> dict[str, Any]:
    """x.draw_(...) on tensors of all sizes and layouts, by turns from the default generator and from another one."""
    generator = own_generator(torch, 7)
    results: dict[str, Any] = {}
    fill = getattr(torch.Tensor, draw)
    with silent():
        for turn, (room, n) in enumerate(PLACES if everywhere else PLAIN_PLACES):
            x = ROOMS[room](torch, n, like.dtype)
            results[f"{room} {n}"] = fill(x, *arguments, **({"generator": generator} if turn % 2 else {}))
        results["scalar"] = fill(torch.zeros((), dtype=like.dtype), *arguments)
    return results | {"state": generator.get_state()}


IN_PLACE: tuple[tuple[str, tuple[tuple[Any, ...], ...], tuple[str, ...]], ...] = (
    ("uniform_", ((), (-2.0, 5.0), (0.1, 0.7), (1.0, 1.0009765625), (3.0, 3.0), (-1e-30, 1e-30)), (UNIFORM,)),
    ("normal_", ((), (0.3, 1.7), (-5.0, 0.001), (2.0, 0.0)), (NORMAL, PAIRS)),
    ("exponential_", ((), (2.5,), (0.01,)), (EXPONENTIAL,)),
    ("bernoulli_", ((), (0.3,), (0.0,), (1.0,), (1e-4,), (0.9999,)), (BERNOULLI,)),
    ("geometric_", ((0.3,), (0.999,), (0.01,)), ()),
    ("cauchy_", ((), (1.5, 0.25)), ()),
    ("log_normal_", ((), (0.3, 0.5)), ()),
    ("random_", ((), (10,), (1,), (-5, 7)), ()),
)
# Bounds that need a wide type, below and above the ranges where one word is enough.
WIDE = ((2**28 - 1,), (2**28,), (2**28 + 1,), (-(2**28), 3), (-(2**31), 2**31 - 1), (5, 2**31 - 1), (3 << 28,))
WIDEST = ((2**32 - 1,), (2**32,), (2**40 + 3,), (-(2**62), 2**62), (-(2**63), 2**63 - 1), (0, None), (-(2**63), None))


def in_place_cases() -> list[Case]:
    """Everything that fills a tensor: all floating types everywhere, integers where they can be drawn."""
    found: list[Case] = []
    for draw, choices, streams in IN_PLACE:
        rows = [args(LIKE, *choice, draw=draw) for choice in choices]
        found += ops("draws", rows, program=in_place, dtypes=FLOATS, checks=DRAWN, streams=streams)
    for draw, choices in (("bernoulli_", ((0.3,),)), ("geometric_", ((0.3,),)), ("random_", ((), (10,), (3, 101)))):
        streams = (BERNOULLI,) if draw == "bernoulli_" else ()
        rows = [args(LIKE, *choice, draw=draw, everywhere=False) for choice in choices]
        types = (*INTEGERS, "bool") if draw == "bernoulli_" else INTEGERS
        found += ops("draws", rows, program=in_place, dtypes=types, checks=DRAWN, streams=streams)
    wide = [args(LIKE, *choice, draw="random_", everywhere=False) for choice in WIDE]
    found += ops("draws", wide, program=in_place, dtypes=("int64", "float64"), checks=DRAWN, streams=(WIDE_INTEGERS,))
    widest = [args(LIKE, *choice, draw="random_", everywhere=False) for choice in WIDEST]
    found += ops("draws", widest, program=in_place, dtypes=("int64",), checks=DRAWN, streams=(WIDE_INTEGERS,))
    return [
        *found,
        *ops("draws", [args(LIKE, draw="random_", everywhere=False)], program=in_place, dtypes=("bool",), checks=DRAWN),
    ]


def created(torch: Any, like: Any, *arguments: Any, draw: str) -> dict[str, Any]:
    """Functions that make a tensor of a size: positional, as a tuple, into `out=`, from another generator."""
    make, dtype, generator = getattr(torch, draw), like.dtype, own_generator(torch, 8)
    results: dict[str, Any] = {}
    for n in SIZES:
        results[f"{n}"] = make(*arguments, (n,), dtype=dtype)
        results[f"{n} of another"] = make(*arguments, (n,), dtype=dtype, generator=generator)
    for shape in ((3, 5), (2, 3, 4), (0, 3), (1, 1), ()):
        results[f"{shape}"] = make(*arguments, shape, dtype=dtype)
    results["out"] = make(*arguments, (6,), out=torch.zeros(2, 3, dtype=dtype).reshape(6), generator=generator)
    tracked = make(*arguments, (3,), dtype=dtype, requires_grad=dtype.is_floating_point)
    return results | {"tracked": tracked, "state": generator.get_state()}


def like_others(torch: Any, like: Any, *arguments: Any, draw: str) -> dict[str, Any]:
    """Functions that take shape, dtype and layout from a tensor."""
    make, generator = getattr(torch, draw), own_generator(torch, 9)
    results: dict[str, Any] = {}
    for turn, (room, n) in enumerate(PLACES):
        x = ROOMS[room](torch, n, like.dtype)
        results[f"{room} {n}"] = make(x, *arguments, **({"generator": generator} if turn % 2 else {}))
    x = ROOMS["permuted"](torch, 30, like.dtype)
    results["other dtype"] = make(x, *arguments, dtype=torch.float64)
    results["contiguous"] = make(x, *arguments, memory_format=torch.contiguous_format)
    image = ROOMS["row"](torch, 48, like.dtype).reshape(2, 3, 4, 2)
    results["channels last"] = make(image, *arguments, memory_format=torch.channels_last)
    return results | {"state": generator.get_state()}


def permutations(torch: Any, like: Any) -> dict[str, Any]:
    """randperm of every size, twice, and into another tensor."""
    generator = own_generator(torch, 10)
    sizes = [n for n in (*SIZES, 4, 5, 6, 8, 9, 10, 255, 256, 257) if n <= 127 or like.dtype.itemsize > 1]
    sizes = [n for n in sizes if n <= 2048 or like.dtype.itemsize > 2]
    results = {f"{n}": torch.randperm(n, dtype=like.dtype) for n in sizes}
    results |= {f"{n} of another": torch.randperm(n, dtype=like.dtype, generator=generator) for n in sizes}
    results["out"] = torch.randperm(9, out=torch.zeros(9, dtype=like.dtype))
    results["gapped"] = torch.randperm(9, out=torch.zeros(9, 2, dtype=like.dtype)[:, 1])
    return results | {"state": generator.get_state()}


def created_cases() -> list[Case]:
    """rand, randn, randint, their `_like`s, randperm."""
    found = [
        *ops("created draws", [args(LIKE, draw="rand")], program=created, dtypes=FLOATS, checks=TWICE),
        *ops("created draws", [args(LIKE, draw="randn")], program=created, dtypes=FLOATS, checks=TWICE, streams=(NORMAL, PAIRS)),
        *ops("draws like", [args(LIKE, draw="rand_like")], program=like_others, dtypes=FLOATS, checks=DRAWN),
        *ops("draws like", [args(LIKE, draw="randn_like")], program=like_others, dtypes=FLOATS, checks=DRAWN, streams=(NORMAL, PAIRS)),
        *ops("permutations", [args(LIKE)], program=permutations, dtypes=(*INTEGERS, "float32", "float64"), checks=TWICE),
    ]  # fmt: skip
    for bounds in ((10,), (1,), (-5, 7), (3, 101)):
        types = [t for t in (*FLOATS, *INTEGERS) if t != "uint8" or bounds[0] >= 0]
        rows = [args(LIKE, *bounds, draw="randint")]
        found += ops("created draws", rows, program=created, dtypes=types, checks=DRAWN)
        rows = [args(LIKE, *bounds, draw="randint_like")]
        found += ops("draws like", rows, program=like_others, dtypes=types, checks=DRAWN)
    rows = [args(LIKE, *bounds, draw="randint") for bounds in (*WIDE, *WIDEST) if None not in bounds]
    return found + ops(
        "created draws", rows, program=created, dtypes=("int64",), checks=DRAWN, streams=(WIDE_INTEGERS,)
    )


# --- draws whose parameters are tensors -----------------------------------------------------------------------------


def of_tensors(torch: Any, *tensors: Any, draw: str, **options: Any) -> dict[str, Any]:
    """The draw by the default generator and another one, from the parameters as they are, transposed and gapped."""
    make, generator = getattr(torch, draw), own_generator(torch, 11)

    def gapped(x: Any) -> Any:
        return torch.stack([x, x], -1)[..., 0]

    results = {
        "plain": make(*tensors, **options),
        "another": make(*tensors, **options, generator=generator),
        "gapped": make(*map(gapped, tensors), **options),
        "next": torch.rand(3, generator=generator),
    }
    if all(x.dim() == 2 for x in tensors):
        results["transposed"] = make(*[x.t().contiguous().t() for x in tensors], **options)
    return results | {"state": generator.get_state()}


def bernoulli_by_tensor(torch: Any, like: Any, p: Any) -> dict[str, Any]:
    """x.bernoulli_(p) with a p of x's shape, and with one that is expanded."""
    results = {}
    for room in ROOMS:
        x = ROOMS[room](torch, 24, like.dtype)
        q = p[: x.numel()].reshape(x.shape)
        results[room] = torch.Tensor.bernoulli_(x, q)
        results[f"{room}, expanded"] = torch.Tensor.bernoulli_(x.clone(), p[0])
    return results


def at_the_edge(torch: Any, like: Any) -> dict[str, Any]:
    """Probabilities that are equal to the uniform numbers to come: the outcome is 0, since u < p is false."""
    uniforms = torch.rand(20, generator=own_generator(torch, 5), dtype=like.dtype)
    results = {"tensor": torch.bernoulli(uniforms, generator=own_generator(torch, 5))}
    for seed in range(20):
        p = torch.rand(1, generator=own_generator(torch, seed), dtype=torch.float64).item()
        x = torch.zeros(3, dtype=like.dtype)
        results[f"number {seed}"] = torch.Tensor.bernoulli_(x, p, generator=own_generator(torch, seed))
    return results


def tensor_cases() -> list[Case]:
    """bernoulli, normal, multinomial and poisson of tensors."""
    found: list[Case] = []
    chances = [args(uniform(*shape).fixed(), draw="bernoulli") for shape in ((1,), (17,), (5, 7), (2, 3, 4), (0,), ())]
    found += ops("draws by", chances, program=of_tensors, dtypes=FLOATS, checks=DRAWN)
    sure = values([0.0, 1.0, 1.0, 0.0]).fixed()
    found += ops("draws by", [args(sure, draw="bernoulli")], program=of_tensors, checks=DRAWN, label="certain")
    number = [args(normal(2, 9).fixed(), draw="bernoulli", p=0.3)]
    found += ops("draws by", number, program=of_tensors, dtypes=FLOATS, checks=DRAWN, streams=(BERNOULLI,))
    found += ops("bernoulli by tensor", [args(LIKE, uniform(48).fixed())], program=bernoulli_by_tensor, dtypes=FLOATS, checks=DRAWN)  # fmt: skip
    found += ops("bernoulli by tensor", [args(LIKE.to("int32"), uniform(48).fixed())], program=bernoulli_by_tensor, checks=DRAWN)  # fmt: skip
    found += ops("bernoulli at the edge", [args(LIKE)], program=at_the_edge, dtypes=FLOATS[:2], checks=DRAWN, streams=(BERNOULLI,))  # fmt: skip

    deviation = uniform
    pairs = [
        args(normal(*shape).fixed(), deviation(*shape).fixed(), draw="normal")
        for shape in ((1,), (5,), (15,), (16,), (17,), (4, 9), (0,))
    ]
    pairs += [args(normal(3, 7).fixed(), deviation(7).fixed(), draw="normal")]
    pairs += [args(normal(20).fixed(), draw="normal"), args(normal(20).fixed(), draw="normal", std=0.5)]
    found += ops("draws by", pairs, program=of_tensors, dtypes=FLOATS[:2], checks=DRAWN, streams=(NORMAL, PAIRS))

    for weights in (probabilities(6, dim=0), probabilities(4, 9, dim=1), values([0.0, 3.0, 0.0, 1.0]), uniform(2, 40)):
        for count, replacement in ((1, False), (1, True), (2, False), (2, True), (33, True)):
            rows = [args(weights.fixed(), draw="multinomial", num_samples=count, replacement=replacement)]
            streams = () if replacement and count > 1 else (EXPONENTIAL,)
            found += ops("draws by", rows, program=of_tensors, dtypes=FLOATS[:2], checks=DRAWN, streams=streams)
    rates = [
        args(uniform(*shape, low=0.0, high=high).fixed(), draw="poisson")
        for shape, high in (((7,), 1.0), ((40,), 5.0), ((4, 9), 30.0), ((33,), 1e4), ((0,), 1.0))
    ]
    rates += [args(values([0.0, 0.0, 9.999, 10.0, 10.001]).fixed(), draw="poisson")]
    found += ops("draws by", rates, program=of_tensors, dtypes=FLOATS, checks=DRAWN)
    # Below 10 expected successes by geometric gaps, from there on by rejection.
    trials = [
        args(uniform(*shape, low=1.0, high=high).fixed(), uniform(*shape).fixed(), draw="binomial")
        for shape, high in (((40,), 9.0), ((4, 9), 60.0), ((300,), 400.0), ((33,), 1e6), ((0,), 5.0))
    ]
    trials += [args(values([10.0, 20.0, 20.0, 0.0]).fixed(), values([0.0, 1.0, 0.5, 0.3]).fixed(), draw="binomial")]
    return found + ops("draws by", trials, program=of_tensors, dtypes=FLOATS[:2], checks=DRAWN)


def leaky(torch: Any, x: Any, *, lower: float, upper: float) -> dict[str, Any]:
    """rrelu: a slope per negative number; none is drawn in evaluation."""
    functional = torch.nn.functional
    module = torch.nn.RReLU(lower, upper)
    results = {
        "training": functional.rrelu(x, lower, upper, True),
        "evaluation": functional.rrelu(x, lower, upper),
        "module": module(x),
        "evaluated module": module.eval()(x),
        "in place": functional.rrelu_(x.clone(), lower, upper, True),
    }
    y = x.detach().clone().requires_grad_()
    functional.rrelu(y, lower, upper, True).sum().backward()
    return results | {"gradient": y.grad}


def dropped(torch: Any, x: Any, *, function: str) -> dict[str, Any]:
    """What dropout multiplies by, at every probability: also the scale 1 / (1 - p) has torch's bits."""
    apply = getattr(torch.nn.functional, function)
    return {f"p = {k}/16": apply(x, k / 16 if k % 2 else k / 16 + 0.03, True) for k in range(1, 16)}


def fractional(torch: Any, x: Any, *, dims: int, **options: Any) -> dict[str, Any]:
    """Fractional pooling: the regions are drawn, the values are picked."""
    pool = getattr(torch.nn.functional, f"fractional_max_pool{dims}d")
    module = getattr(torch.nn, f"FractionalMaxPool{dims}d")(2, **options)
    out, indices = pool(x, 2, **options, return_indices=True)
    return {"out": out, "indices": indices, "again": pool(x, 2, **options), "module": module(x)}


def layer_cases() -> list[Case]:
    """Functions of nn.functional that draw (dropout has a family of its own, where gradients and errors are)."""
    rows = [
        args(normal(*shape).fixed(), lower=a, upper=b) for shape in ((7,), (3, 11)) for a, b in ((0.1, 0.3), (0, 1))
    ]
    found = ops("rrelu", rows, program=leaky, dtypes=FLOATS[:2], checks=DRAWN, streams=(UNIFORM,))
    masked = [args(normal(2, 3, 11).fixed(), function=name) for name in ("dropout", "dropout1d")]
    found += ops("dropped", masked, program=dropped, dtypes=FLOATS, checks=DRAWN, streams=(BERNOULLI,))
    pooled = [
        args(normal(2, 3, *[7] * dims).fixed(), dims=dims, **options)
        for dims in (2, 3)
        for options in ({"output_size": 4}, {"output_ratio": (0.6,) * dims})
    ]
    return found + ops("fractional pools", pooled, program=fractional, dtypes=FLOATS[:2], checks=DRAWN)


# --- programs of draws ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """One of the draws that programs mix: `draw(torch, room, n, generator)`, and the dtypes of the room."""

    name: str
    draw: Callable[[Any, Any, int, dict[str, Any]], Any]
    dtypes: tuple[str, ...] = FLOATS


def filling(method: str, *arguments: Any) -> Callable[[Any, Any, int, dict[str, Any]], Any]:
    """An in-place draw as a kind."""
    return lambda torch, x, n, options: getattr(torch.Tensor, method)(x, *arguments, **options)


KINDS = (
    Kind("rand", lambda torch, x, n, options: torch.rand(n, dtype=x.dtype, **options)),
    Kind("randn", lambda torch, x, n, options: torch.randn(n, dtype=x.dtype, **options)),
    Kind("randn_like", lambda torch, x, n, options: torch.randn_like(x, **options)),
    Kind("randint", lambda torch, x, n, options: torch.randint(3, 100, (n,), **options), ("float32",)),
    Kind("wide randint", lambda torch, x, n, options: torch.randint(2**40, (n,), **options), ("float32",)),
    Kind("randperm", lambda torch, x, n, options: torch.randperm(n, **options), ("float32",)),
    Kind("uniform_", filling("uniform_", -0.3, 1.1)),
    Kind("normal_", filling("normal_", 0.3, 1.7)),
    Kind("bernoulli_", filling("bernoulli_", 0.3), (*FLOATS, "int64", "bool")),
    Kind("bernoulli", lambda torch, x, n, options: torch.bernoulli(x * 0 + 0.4, **options)),
    Kind("exponential_", filling("exponential_", 1.5)),
    Kind("geometric_", filling("geometric_", 0.2)),
    Kind("cauchy_", filling("cauchy_")),
    Kind("log_normal_", filling("log_normal_", 0.1, 0.4)),
    Kind("random_", filling("random_"), (*FLOATS, *INTEGERS)),
    Kind("multinomial", lambda torch, x, n, options: torch.multinomial(torch.ones(5), 3, **options), ("float32",)),
    Kind("poisson", lambda torch, x, n, options: torch.poisson(x * 0 + 2.5, **options)),
    Kind("dropout", lambda torch, x, n, options: torch.nn.functional.dropout(x * 0 + 1, 0.3), FLOATS),
)
SHORT = (0, 1, 2, 3, 5, 8, 15, 16, 17, 20, 31, 32, 33, 50)


def hand_over(torch: Any, generator: Any, way: int) -> Any:
    """The generator, or another one in its state; None is the default generator."""
    if generator is None:
        if way == 0:
            torch.set_rng_state(torch.get_rng_state())
        elif way == 1:
            with torch.random.fork_rng(devices=[]):
                torch.randn(3)
        else:
            torch.default_generator.set_state(torch.default_generator.clone_state().get_state())
        return None
    if way == 0:
        return torch.Generator(generator.device).set_state(generator.get_state())
    if way == 1:
        state = generator.get_state()
        torch.randn(5, generator=generator)
        return generator.set_state(state)
    return generator.clone_state()


def interleaved(torch: Any, like: Any, *, first: int, seeds: int, length: int) -> dict[str, Any]:
    """For each seed a sequence of draws, the choice of which hangs on the seed, and the state after it.

    Odd seeds use a generator of their own. Now and then the stream goes on in another generator.
    """
    results: dict[str, Any] = {}
    for seed in range(first, first + seeds):
        plan = numpy.random.default_rng(seed).integers(0, 1 << 30, (length, 5)).tolist()
        if seed < len(SEEDS):
            torch.default_generator.manual_seed(SEEDS[seed])
        else:
            torch.default_generator.manual_seed(seed * 0x9E3779B97F4A7C15 % (1 << 64))
        generator = own_generator(torch, seed) if seed % 2 else None
        for turn, (kind_number, size, room_number, type_number, luck) in enumerate(plan):
            kind, n = KINDS[kind_number % len(KINDS)], SHORT[size % len(SHORT)]
            dtype = kind.dtypes[type_number % len(kind.dtypes)]
            room = ROOM_NAMES[room_number % len(ROOM_NAMES)]
            x = ROOMS[room](torch, n, getattr(torch, dtype))
            options = {} if generator is None else {"generator": generator}
            results[f"seed {seed}, draw {turn}: {kind.name} {room} {n} {dtype}"] = kind.draw(torch, x, n, options)
            if luck % 32 < 3:
                generator = hand_over(torch, generator, luck % 32)
        results[f"seed {seed}, state"] = (generator or torch.default_generator).get_state()
    return results


ROOM_NAMES = ("row", "row", "row", *ROOMS)  # most tensors are contiguous


def taken_over(torch: Any, state: Any, *, default: bool) -> dict[str, Any]:
    """Draws that go on from a state that torch's generator may be in anywhere."""
    if default:
        torch.set_rng_state(state)
    generator = torch.default_generator if default else torch.Generator().set_state(state)
    options = {} if default else {"generator": generator}
    return {
        "before": generator.get_state(),
        "seed": generator.initial_seed(),
        "pair": torch.randn(3, **options),
        "block": torch.randn(21, **options),
        "uniform": torch.rand(5, dtype=torch.float64, **options),
        "permutation": torch.randperm(7, **options),
        "after": generator.get_state(),
    }


def state_after(seed: int, words: int, waiting: float | None = None) -> Draw:
    """A recipe for the state after so many words, with or without a normal value that waits."""

    def make(rng: numpy.random.Generator, _: str) -> Array:
        _, stream = Stream.of_seed(seed).words32(words)
        return replace(stream, normal=waiting).state

    label = f"state({seed}, {words}{'' if waiting is None else f', {waiting}'})"
    return drawn(label, make).to("uint8").fixed()


def seeding(torch: Any, like: Any) -> dict[str, Any]:
    """Every way to seed and to ask for the seed, with seeds at the ends of their range."""
    results: dict[str, Any] = {}
    for seed in SEEDS:
        generator = new_generator(torch)
        returned = generator.manual_seed(seed)
        results[f"{seed}"] = [generator.get_state(), generator.initial_seed(), returned is generator]
        torch.manual_seed(seed)
        results[f"{seed} by default"] = [torch.initial_seed(), torch.get_rng_state(), torch.rand(2)]
    generator = new_generator(torch)
    results["unseeded"] = [generator.initial_seed(), generator.get_state(), torch.rand(2, generator=generator)]
    fresh = generator.seed()
    results["seed"] = [fresh == generator.initial_seed(), 0 <= fresh < 1 << 64]
    torch.seed()
    torch.manual_seed(3)
    results["module"] = [
        torch.random.initial_seed(),
        torch.random.get_rng_state(),
        torch.default_generator.initial_seed(),
    ]
    return results


def forked(torch: Any, like: Any) -> dict[str, Any]:
    """fork_rng puts the stream back, also after an error, and not when told so; a clone goes its own way."""
    torch.manual_seed(9)
    torch.randn(3)  # leaves a normal value waiting
    results: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        results["inside"] = torch.randn(4)
    results["after"] = torch.randn(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.rand(5)
            raise ValueError
    except ValueError:
        results["after an error"] = torch.get_rng_state()
    with torch.random.fork_rng(devices=[], enabled=False):
        torch.rand(1)
    results["not forked"] = torch.get_rng_state()
    clone = torch.default_generator.clone_state()
    results["clone"] = [torch.randn(3, generator=clone), torch.randn(3), clone.get_state()]
    return results


def waiting(torch: Any, like: Any) -> dict[str, Any]:
    """The second value of a pair of normals waits for the next short draw; seeding and states deal with it."""
    generator = own_generator(torch, 4)
    results = {"one": torch.randn(1, generator=generator), "waits": generator.get_state()}
    results["long"] = torch.randn(16, generator=generator)  # whole blocks do not touch it
    results["other draws"] = torch.rand(3, generator=generator)
    results["taken"] = torch.randn(1, generator=generator, dtype=torch.float64)
    torch.randn(1, generator=generator)
    generator.manual_seed(4)
    results["cleared by a seed"] = torch.randn(1, generator=generator)
    torch.default_generator.set_state(generator.get_state())
    results["passed on by a state"] = torch.randn(2)
    results["gapped"] = torch.Tensor.normal_(torch.zeros(20, 2)[:, 0])
    return results


def never_the_bound(torch: Any, like: Any) -> dict[str, Any]:
    """uniform_ between a number and the next one: what rounds to the upper bound becomes the lower one."""
    unit = torch.finfo(like.dtype).eps
    results = {}
    for low in (1.0, -1.0, 100.0):
        for ulps in (1, 2, 3):
            x = torch.zeros(200, dtype=like.dtype)
            results[f"{low} {ulps}"] = torch.Tensor.uniform_(x, low, low + ulps * unit * abs(low))
    return results


def refused(torch: Any, like: Any, *, how: str) -> Any:
    """What generators do not take."""
    generator = new_generator(torch)
    state = generator.get_state()
    calls: dict[str, Callable[[], Any]] = {
        "large seed": lambda: generator.manual_seed(1 << 64),
        "small seed": lambda: generator.manual_seed(-(1 << 63) - 1),
        "short state": lambda: generator.set_state(state[:100]),
        "state of another type": lambda: generator.set_state(state.to(torch.int32)),
        "no state": lambda: torch.set_rng_state(3),
    }
    return calls[how]()


def program_cases() -> list[Case]:
    """Sequences of draws, states that come from elsewhere, seeds, forks."""
    everything = (UNIFORM, NORMAL, PAIRS, BERNOULLI, EXPONENTIAL, WIDE_INTEGERS)
    sequences = [args(LIKE, first=first, seeds=SEEDS_EACH, length=10) for first in range(0, ALL_SEEDS, SEEDS_EACH)]
    found = ops("interleaved draws", sequences, program=interleaved, checks=DRAWN, streams=everything)
    states = [
        state_after(seed, words, value)
        for seed, words, value in ((0, 0, None), (5, 1, None), (5, 623, 0.25), (2**63 + 7, 624, None), (1, 625, -1.5), (77, 5000, None))
    ]  # fmt: skip
    rows = [args(state, default=default) for state in states for default in (True, False)]
    found += ops("state taken over", rows, program=taken_over, checks=TWICE, streams=(NORMAL, PAIRS))
    for name, program in (("seeding", seeding), ("forked stream", forked), ("waiting normal", waiting)):
        found += ops(name, [args(LIKE)], program=program, checks=TWICE, streams=(NORMAL, PAIRS))
    found += ops("uniform to the next number", [args(LIKE)], program=never_the_bound, dtypes=FLOATS, checks=DRAWN, streams=(UNIFORM,))  # fmt: skip
    refusals = ("large seed", "small seed", "short state", "state of another type", "no state")
    return found + refuses("generator", [args(LIKE, how=how) for how in refusals], program=refused)


SEEDS_EACH, ALL_SEEDS = 50, 2000

REFUSED: tuple[tuple[str, Arguments], ...] = (
    ("Tensor.uniform_", args(normal(3).fixed(), 2.0, 1.0)),
    ("Tensor.normal_", args(normal(3).fixed(), 0.0, -1.0)),
    ("Tensor.exponential_", args(normal(3).fixed(), 0.0)),
    ("Tensor.bernoulli_", args(normal(3).fixed(), 1.5)),
    ("Tensor.geometric_", args(normal(3).fixed(), 0.0)),
    ("Tensor.geometric_", args(normal(3).fixed(), 1.0)),
    ("Tensor.cauchy_", args(normal(3).fixed(), 0.0, 0.0)),
    ("Tensor.log_normal_", args(normal(3).fixed(), 0.0, 0.0)),
    ("Tensor.random_", args(normal(3).fixed(), 5, 5)),
    ("Tensor.random_", args(normal(3).to("uint8").fixed(), 300)),
    ("randint", args(5, 5, (2,))),
    ("randint", args(0, 300, (2,), dtype=named("uint8"))),
    ("randperm", args(-1)),
    ("rand", args((-2,))),
    ("bernoulli", args(values([1.5]).fixed())),
    ("poisson", args(values([-1.0]).fixed())),
    ("multinomial", args(values([0.5, 0.5]).fixed(), 3)),
    ("multinomial", args(values([0.5, -0.5]).fixed(), 1)),
    ("multinomial", args(values([0.0, 0.0]).fixed(), 1)),
    ("multinomial", args(values([0.5, 0.5]).fixed(), 0)),
)

CASES = [
    *in_place_cases(),
    *created_cases(),
    *tensor_cases(),
    *layer_cases(),
    *program_cases(),
    *[case for name, row in REFUSED for case in refuses(name, [row])],
]
