"""Random draws made by hand from the words of torch's own generator, rightly and wrongly.

w32 is one word of the generator, w64 = first << 32 | second; u24 and u53 are the uniforms that their lower bits give.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy

from conformance.case import Arguments, args
from conformance.cases import init as of_init
from conformance.cases import random as of_random
from conformance.cases.random import DRAWN, LIKE
from conformance.draw import Array, probabilities
from conformance.prove.regimes import Make
from conformance.prove.subject import Implementation, Subject, as_class
from conformance.streams import Stream

BLOCK = 16  # normals are drawn so many at a time


# --- words ----------------------------------------------------------------------------------------------------------


def words(torch: Any, generator: Any, n: int, *, wide: bool = False) -> Array:
    """The next n words (or pairs of words) of a generator, None being the default one, which goes on behind them."""
    source = generator or torch.default_generator
    stream = Stream.of_state(source.get_state().numpy())
    found, after = stream.words64(n) if wide else stream.words32(n)
    source.set_state(torch.from_numpy(after.state))
    return found


def u24(torch: Any, generator: Any, n: int) -> Array:
    """(w32 mod 2^24) 2^-24."""
    return (words(torch, generator, n) & numpy.uint64((1 << 24) - 1)) * 2.0**-24


def u53(torch: Any, generator: Any, n: int) -> Array:
    """(w64 mod 2^53) 2^-53."""
    return (words(torch, generator, n, wide=True) & numpy.uint64((1 << 53) - 1)) * 2.0**-53


def fill(torch: Any, x: Any, numbers: Array, *, logical: bool = False) -> Any:
    """Write numbers into x in the order of its memory, or in the order of its indices."""
    order = list(range(x.dim())) if logical else sorted(range(x.dim()), key=lambda d: -x.stride(d))
    drawn = torch.from_numpy(numpy.ascontiguousarray(numbers)).to(x.dtype)
    x.permute(order).copy_(drawn.reshape([x.shape[d] for d in order]))
    return x


def rounded(numbers: Array, x: Any) -> Array:
    """From float64 to x's type; to the half types by way of float32."""
    return numbers if x.element_size() == 8 else numbers.astype(numpy.float32)


# --- discrete draws -------------------------------------------------------------------------------------------------


def bernoulli_(
    torch: Any,
    x: Any,
    p: Any = 0.5,
    *,
    generator: Any = None,
    closed: bool = False,
    single: bool = False,
    narrow: bool = False,
    logical: bool = False,
) -> Any:
    """u53 < p; spoiled: u <= p, u24 for u53, p rounded to float32, indices for memory."""
    if isinstance(p, torch.Tensor):
        return x.bernoulli_(p, generator=generator)
    u = (u24 if single else u53)(torch, generator, x.numel())
    edge = float(numpy.float32(p)) if narrow else p
    return fill(torch, x, u <= edge if closed else u < edge, logical=logical)


def bernoulli(torch: Any, p: Any, *, generator: Any = None, closed: bool = False, double: bool = False) -> Any:
    """u < p with a u of p's precision; spoiled: u <= p, u53 whatever p is."""
    u = (u53 if double or p.dtype == torch.float64 else u24)(torch, generator, p.numel()).reshape(p.shape)
    q = p.double().numpy()
    return torch.from_numpy(numpy.asarray(u <= q if closed else u < q)).to(p.dtype)


def randint(
    torch: Any, low: int, high: int, size: Any, *, dtype: Any = None, generator: Any = None, out: Any = None,
    requires_grad: bool = False, how: str = "modulo", threshold: int = 1 << 28,
) -> Any:  # fmt: skip
    """A word modulo the range, plus low; spoiled: multiplied and shifted, another threshold for two words, high included."""
    span, n = high - low + (how == "closed"), math.prod(size)
    w = words(torch, generator, n, wide=span >= threshold)
    numbers = w * numpy.uint64(span) >> numpy.uint64(32) if how == "shifted" else w % numpy.uint64(span)
    made = torch.zeros(size, dtype=dtype or torch.int64) if out is None else out
    return made.copy_(torch.from_numpy(numbers.astype(numpy.int64) + low).reshape(size))


def randint_of(torch: Any, *arguments: Any, spoiled: Implementation = randint, **options: Any) -> Any:
    """randint(high, size) as well as randint(low, high, size)."""
    return spoiled(torch, *([0] if len(arguments) == 2 else []), *arguments, **options)


def randperm(
    torch: Any, n: int, *, dtype: Any = None, generator: Any = None, out: Any = None, how: str = "forward"
) -> Any:
    """For i < n - 1: swap i with i + w32 mod (n - i); spoiled: from the end, one word more, w64, the order of uniforms."""
    order = numpy.arange(n)
    if how == "sorted":
        order = numpy.argsort(u24(torch, generator, n), kind="stable")
    elif n:
        drawn = words(torch, generator, n - (how != "one more"), wide=how == "wide").tolist()
        for i, word in enumerate(drawn[: n - 1]):
            a, b = (n - 1 - i, word % (n - i)) if how == "backward" else (i, i + word % (n - i))
            order[[a, b]] = order[[b, a]]
    made = torch.zeros(n, dtype=dtype or torch.int64) if out is None else out
    return made.copy_(torch.from_numpy(order))


# --- continuous draws -----------------------------------------------------------------------------------------------


def uniform_(
    torch: Any,
    x: Any,
    a: float = 0.0,
    b: float = 1.0,
    *,
    generator: Any = None,
    kept: bool = False,
    twice: bool = False,
    swapped: bool = False,
    double: bool = False,
    logical: bool = False,
) -> Any:
    """u (b - a) + a rounded once, b becoming a; spoiled: b kept, rounded twice, a and b swapped, u53, indices."""
    kind = numpy.float64 if x.dtype == torch.float64 else numpy.float32
    u = (u53 if double or kind is numpy.float64 else u24)(torch, generator, x.numel())
    low, high = (kind(b), kind(a)) if swapped else (kind(a), kind(b))
    if twice:
        numbers = u.astype(kind) * (high - low) + low
    elif kind is numpy.float64:
        return x.uniform_(a, b) if generator is None else x.uniform_(a, b, generator=generator)
    else:
        numbers = (u * float(high - low) + float(low)).astype(kind)
    if not kept:
        numbers = numpy.where(numbers == kind(b), kind(a), numbers)
    return fill(torch, x, numbers, logical=logical)


def exponential_(torch: Any, x: Any, rate: float = 1.0, *, generator: Any = None, how: str = "log1p") -> Any:
    """-log1p(-u53) / rate; spoiled: -log(u), float32 inside, u24."""
    u = (u24 if how == "u24" else u53)(torch, generator, x.numel())
    if how == "log":
        numbers = -numpy.log(numpy.maximum(u, 2.0**-53)) / rate
    elif how == "float32":
        numbers = -numpy.log1p(-u.astype(numpy.float32)) / numpy.float32(rate)
    else:
        numbers = numpy.array([-1 / rate * math.log1p(-v) for v in u.tolist()], numpy.float64)
    return fill(torch, x, rounded(numbers, x))


def pairs(
    torch: Any, x: Any, mean: float, std: float, generator: Any, *, sine_first: bool = False, logical: bool = False
) -> Any:
    """Two normals from two u53 by Box and Muller; the second one is not kept for the next draw."""
    numbers: list[float] = []
    while len(numbers) < x.numel():
        v, u = u53(torch, generator, 2).tolist()
        r, t = math.sqrt(-2 * math.log1p(-u)), 2 * math.pi * v
        pair = [r * math.cos(t), r * math.sin(t)]
        numbers += pair[::-1] if sine_first else pair
    spread = numpy.array(numbers[: x.numel()], numpy.float64) * std + mean
    return fill(torch, x, rounded(spread, x), logical=logical)


def normal_(
    torch: Any, x: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None, how: str = "right"
) -> Any:
    """Normals as torch draws them, but for one thing (`how`)."""
    short = x.numel() < BLOCK or not x.is_contiguous()
    remainder = x.numel() % BLOCK
    if how == "no waiting" and short:
        return pairs(torch, x, mean, std, generator)
    if how == "sine first" and short:
        return pairs(torch, x, mean, std, generator, sine_first=True)
    if how == "logical" and x.numel() >= BLOCK:
        return x.copy_(torch.empty(x.shape, dtype=x.dtype).normal_(mean, std, generator=generator))
    if how == "remainder from more" and not short and remainder:
        more = torch.empty(x.numel() - remainder + BLOCK, dtype=x.dtype).normal_(mean, std, generator=generator)
        return x.copy_(more[: x.numel()].reshape(x.shape))
    if how == "remainder not redrawn" and not short and remainder:
        torch.Tensor.normal_(x.view(-1)[: x.numel() - remainder], mean, std, generator=generator)
        tail = x.view(-1)[x.numel() - remainder :]
        tail.normal_(mean, std, generator=generator)
        return x
    if how == "rounded twice":
        return x.normal_(generator=generator).mul_(std).add_(mean)
    if how == "float32 inside" and x.dtype == torch.float64:
        return x.copy_(torch.empty(x.shape).normal_(mean, std, generator=generator))
    if how == "halves as floats" and x.element_size() == 2:
        return x.copy_(torch.empty(x.shape).normal_(mean, std, generator=generator))
    return x.normal_(mean, std, generator=generator)


def randn(torch: Any, *size: Any, how: str, **options: Any) -> Any:
    """`normal_`, in a new tensor."""
    generator, tracked = options.pop("generator", None), options.pop("requires_grad", False)
    made = torch.empty(*size, **options) if "out" not in options else options["out"]
    return normal_(torch, made, generator=generator, how=how).requires_grad_(tracked)


def dropout(torch: Any, x: Any, p: float, training: bool, *, how: str) -> Any:
    """x noise with noise = bernoulli(1 - p) / (1 - p); spoiled: the scale in float64, p compared, another mask order."""
    if how == "p compared":
        kept = torch.empty_like(x).bernoulli_(p).logical_not()
    else:
        kept = torch.empty_like(x).bernoulli_(1 - p)
    if how == "scale in float64":
        return (x.double() * kept.double() / (1 - p)).to(x.dtype)
    return x * kept.to(x.dtype).div(1 - p)


def multinomial(torch: Any, weights: Any, num_samples: int, replacement: bool = False, *, generator: Any = None, how: str) -> Any:  # fmt: skip
    """Draws from weights; spoiled: one sample by running sums, without replacement by repeated draws, the first instead."""
    if how == "by running sums" and num_samples == 1:
        u = torch.from_numpy(u53(torch, generator, weights.reshape(-1, weights.shape[-1]).shape[0]))
        sums = weights.double().cumsum(-1)
        return (sums / sums[..., -1:] < u.reshape(*weights.shape[:-1], 1)).sum(-1, keepdim=True)
    if how == "in order of size" and not replacement:
        return torch.multinomial(weights, num_samples, generator=generator).sort(-1).values
    return torch.multinomial(weights, num_samples, replacement, generator=generator)


# --- generators -----------------------------------------------------------------------------------------------------


def generator_class(how: str) -> Callable[[Any], Any]:
    """torch's Generator with one method spoiled."""

    def make(torch: Any) -> Any:
        class Generator(torch.Generator):  # type: ignore[misc]  # torch's class is not typed
            def manual_seed(self, seed: int) -> Any:
                before = Stream.of_state(self.get_state().numpy())
                super().manual_seed(seed & 0x7FFFFFFF if how == "31 bits" else seed)
                if how == "normal kept":
                    after = Stream.of_seed(seed)
                    normal = Stream(after.seed, after.key, after.position, before.normal, after.fresh)
                    super().set_state(torch.from_numpy(normal.state))
                return self

            def set_state(self, state: Any) -> Any:
                if how == "normal lost":
                    stream = Stream.of_state(state.numpy())
                    bare = Stream(stream.seed, stream.key, stream.position, None, stream.fresh)
                    return super().set_state(torch.from_numpy(bare.state))
                return super().set_state(state)

            def initial_seed(self) -> int:
                seed: int = super().initial_seed()
                return seed & 0xFFFFFFFF if how == "seed of 32 bits" else seed

        return Generator

    return make


def forks(torch: Any, devices: Any = None, enabled: bool = True) -> Any:
    """fork_rng that puts nothing back after an error."""
    from contextlib import contextmanager

    @contextmanager
    def fork() -> Any:
        before = torch.get_rng_state()
        yield
        if enabled:
            torch.set_rng_state(before)

    return fork()


# --- initial values -------------------------------------------------------------------------------------------------


def trunc_normal_(torch: Any, tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None, *, how: str) -> Any:  # fmt: skip
    """A normal between a and b; spoiled: by the inverse of the error function, clamped, only misses drawn again."""
    with torch.no_grad():
        if how == "erfinv":
            low, high = (math.erf((bound - mean) / std / math.sqrt(2)) for bound in (a, b))
            tensor.uniform_(low, high, generator=generator).erfinv_().mul_(std * math.sqrt(2)).add_(mean)
            return tensor.clamp_(a, b)
        tensor.normal_(mean, std, generator=generator)
        while how == "misses only" and (outside := (tensor < a) | (tensor > b)).any():
            fresh = torch.empty(int(outside.sum()), dtype=tensor.dtype).normal_(mean, std, generator=generator)
            tensor[outside] = fresh
        return tensor.clamp_(a, b)


def kaiming_uniform_(torch: Any, tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None, *, how: str = "right") -> Any:  # fmt: skip
    """Uniform within gain sqrt(3 / fan); spoiled: the other fan, the bound rounded to float32 on the way."""
    init = torch.nn.init
    if tensor.numel() == 0:
        return tensor
    other = {"fan_in": "fan_out", "fan_out": "fan_in"}[mode]
    fan = init._calculate_correct_fan(tensor, other if how == "other fan" else mode)
    bound = init.calculate_gain(nonlinearity, a) / math.sqrt(fan) * math.sqrt(3.0)
    if how == "bound in float32":
        kind = numpy.float32
        bound = float(kind(math.sqrt(3.0)) * kind(init.calculate_gain(nonlinearity, a)) / kind(math.sqrt(fan)))
    with torch.no_grad():
        return tensor.uniform_(-bound, bound, generator=generator)


def orthogonal_(torch: Any, tensor: Any, gain: float = 1.0, generator: Any = None, *, how: str = "right") -> Any:
    """Q of a random matrix by Gram and Schmidt at float64; spoiled: signs as they come, transposed draws, float16 inside."""
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    a = torch.empty(rows, columns, dtype=tensor.dtype).normal_(generator=generator)
    if how == "columns drawn":
        generator.manual_seed(13)
        a = torch.empty(columns, rows, dtype=tensor.dtype).normal_(generator=generator).t()
    a = a.double().t() if rows < columns else a.double()
    q, r = torch.linalg.qr(a)
    if how != "signs":
        q = q * r.diagonal().sign()
    if how == "float16":
        q = q.half().double()
    return tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape) * gain)


def linear_class(torch: Any) -> Any:
    """Linear that draws its bias first."""

    class Linear(torch.nn.Linear):  # type: ignore[misc]  # torch's class is not typed
        def reset_parameters(self) -> None:
            bound = 1 / math.sqrt(self.in_features)
            if self.bias is not None:
                torch.nn.init.uniform_(self.bias, -bound, bound)
            torch.nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    return Linear


def embedding_class(torch: Any) -> Any:
    """Embedding that leaves its padding row drawn."""

    class Embedding(torch.nn.Embedding):  # type: ignore[misc]  # torch's class is not typed
        def _fill_padding_idx_with_zero(self) -> None:
            pass

    return Embedding


# --- the subjects ---------------------------------------------------------------------------------------------------


def rows(*choices: tuple[Any, ...], **options: Any) -> Callable[[Make], list[Arguments]]:
    """One row for each choice of arguments; what is drawn does not hang on a regime."""
    return lambda make: [args(LIKE, *choice, **options) for choice in choices or ((),)]


Spoil = functools.partial
NORMALS = {
    "the remainder drawn from more": Spoil(normal_, how="remainder from more"),
    "the remainder not redrawn": Spoil(normal_, how="remainder not redrawn"),
    "no value waits": Spoil(normal_, how="no waiting"),
    "the sine first": Spoil(normal_, how="sine first"),
    "indices for memory": Spoil(normal_, how="logical"),
    "rounded twice": Spoil(normal_, how="rounded twice"),
}


def subject(operation: str, program: Any, replaces: str, made: Any, **options: Any) -> Subject:
    """A subject of the draws: one program, one name."""
    settings: dict[str, Any] = {"checks": DRAWN, "regimes": ("normal",), **options}
    return Subject(operation, made, program=program, replaces=replaces, **settings)


SUBJECTS = [
    subject(
        "draws", of_random.in_place, "Tensor.bernoulli_", rows((0.3,), draw="bernoulli_"),
        legitimate={"by words": bernoulli_},
        faults={
            "24 bits for 53": Spoil(bernoulli_, single=True),
            "indices for memory": Spoil(bernoulli_, logical=True),
        },
    ),
    subject(
        "bernoulli at the edge", of_random.at_the_edge, "Tensor.bernoulli_", rows(),
        legitimate={"by words": bernoulli_},
        faults={"<= for <": Spoil(bernoulli_, closed=True), "p in float32": Spoil(bernoulli_, narrow=True)},
    ),
    subject(
        "bernoulli at the edge", of_random.at_the_edge, "bernoulli", rows(),
        legitimate={"by words": bernoulli},
        faults={"<= for <": Spoil(bernoulli, closed=True), "53 bits for 24": Spoil(bernoulli, double=True)},
    ),
    subject(
        "created draws", of_random.created, "randint", rows((3, 101), (3 << 28,), draw="randint"),
        legitimate={"by words": randint_of}, dtypes=("int64",),
        faults={
            "multiply and shift": Spoil(randint_of, spoiled=Spoil(randint, how="shifted")),
            "one word up to 2^32": Spoil(randint_of, spoiled=Spoil(randint, threshold=1 << 32)),
            "high included": Spoil(randint_of, spoiled=Spoil(randint, how="closed")),
        },
    ),
    subject(
        "permutations", of_random.permutations, "randperm", rows(), dtypes=("int64",),
        legitimate={"by words": randperm},
        faults={
            "from the other end": Spoil(randperm, how="backward"),
            "a word too many": Spoil(randperm, how="one more"),
            "two words a swap": Spoil(randperm, how="wide"),
            "the order of uniforms": Spoil(randperm, how="sorted"),
        },
    ),
    subject(
        "draws", of_random.in_place, "Tensor.uniform_", rows((-2.0, 5.0), (1.0, 1.0009765625), draw="uniform_"),
        legitimate={"by words": uniform_},
        faults={
            "bounds swapped": Spoil(uniform_, swapped=True),
            "rounded twice": Spoil(uniform_, twice=True),
            "53 bits for 24": Spoil(uniform_, double=True),
            "indices for memory": Spoil(uniform_, logical=True),
        },
    ),
    subject(
        "uniform to the next number", of_random.never_the_bound, "Tensor.uniform_", rows(),
        legitimate={"by words": uniform_}, faults={"gives its bound": Spoil(uniform_, kept=True)},
    ),
    subject(
        "draws", of_random.in_place, "Tensor.exponential_", rows((2.5,), draw="exponential_"),
        legitimate={"by words": exponential_},
        faults={
            "log for log1p": Spoil(exponential_, how="log"),
            "float32 inside": Spoil(exponential_, how="float32"),
            "24 bits for 53": Spoil(exponential_, how="u24"),
        },
    ),
    subject("draws", of_random.in_place, "Tensor.normal_", rows((0.3, 1.7), draw="normal_"), faults=NORMALS),
    subject(
        "draws", of_random.in_place, "Tensor.normal_", rows((0.3, 1.7), draw="normal_"), dtypes=("float64",),
        faults={"float32 inside": Spoil(normal_, how="float32 inside"), "no value waits": NORMALS["no value waits"]},
    ),
    subject(
        "draws", of_random.in_place, "Tensor.normal_", rows((0.3, 1.7), draw="normal_"), dtypes=("bfloat16",),
        faults={"the remainder as floats draw it": Spoil(normal_, how="halves as floats")},
    ),
    subject(
        "created draws", of_random.created, "randn", rows(draw="randn"),
        faults={
            "the remainder drawn from more": Spoil(randn, how="remainder from more"),
            "the remainder not redrawn": Spoil(randn, how="remainder not redrawn"),
        },
    ),
    subject(
        "dropped", of_random.dropped, "nn.functional.dropout",
        lambda make: [args(make(2, 3, 11).fixed(), function="dropout")],
        legitimate={"scaled noise": Spoil(dropout, how="right")},
        faults={
            "the scale in float64": Spoil(dropout, how="scale in float64"),
            "p compared, not 1 - p": Spoil(dropout, how="p compared"),
        },
    ),
    subject(
        "draws by", of_random.of_tensors, "multinomial",
        lambda make: [
            args(probabilities(4, 9, dim=1).fixed(), draw="multinomial", num_samples=n, replacement=False)
            for n in (1, 5)
        ],
        faults={
            "one sample by running sums": Spoil(multinomial, how="by running sums"),
            "samples in order of size": Spoil(multinomial, how="in order of size"),
        },
    ),
    subject(
        "waiting normal", of_random.waiting, "Generator", rows(),
        faults={
            "a seed keeps the waiting normal": as_class(generator_class("normal kept")),
        },
    ),
    subject(
        "seeding", of_random.seeding, "Generator", rows(),
        faults={
            "31 bits of the seed": as_class(generator_class("31 bits")),
            "the seed as 32 bits": as_class(generator_class("seed of 32 bits")),
        },
    ),
    subject(
        "state taken over", of_random.taken_over, "Generator",
        lambda make: [args(of_random.state_after(5, 623, 0.25), default=False)],
        faults={"a state loses the waiting normal": as_class(generator_class("normal lost"))},
    ),
    subject(
        "forked stream", of_random.forked, "random.fork_rng", rows(), faults={"not put back after an error": forks}
    ),
    subject(
        "interleaved draws", of_random.interleaved, "randperm", rows(first=0, seeds=6, length=10),
        legitimate={"by words": randperm}, faults={"a word too many": Spoil(randperm, how="one more")},
    ),
    subject(
        "nn.init", of_init.initialized, "nn.init.trunc_normal_", rows(init="trunc_normal_", a=-1.0, b=1.0),
        faults={
            "by erfinv": Spoil(trunc_normal_, how="erfinv"),
            "only misses drawn again": Spoil(trunc_normal_, how="misses only"),
            "clamped": Spoil(trunc_normal_, how="clamped"),
        },
    ),
    subject(
        "nn.init", of_init.initialized, "nn.init.kaiming_uniform_", rows(init="kaiming_uniform_"),
        legitimate={"written out": kaiming_uniform_},
        faults={
            "the other fan": Spoil(kaiming_uniform_, how="other fan"),
            "the bound in float32": Spoil(kaiming_uniform_, how="bound in float32"),
        },
    ),
    subject(
        "orthogonal", of_init.orthogonal, "nn.init.orthogonal_",
        lambda make: [args(LIKE, shape=shape, gain=1.0) for shape in ((5, 2), (2, 7), (16, 16))],
        legitimate={"at float64": orthogonal_},
        faults={
            "signs as they come": Spoil(orthogonal_, how="signs"),
            "columns drawn first": Spoil(orthogonal_, how="columns drawn"),
            "float16 inside": Spoil(orthogonal_, how="float16"),
        },
    ),
    subject(
        "new module", of_init.built, "nn.Linear", rows((5, 3), module="Linear"),
        faults={"the bias drawn first": as_class(linear_class)},
    ),
    subject(
        "new module", of_init.built, "nn.Embedding", rows((9, 4), module="Embedding", padding_idx=2),
        faults={"the padding row drawn": as_class(embedding_class)},
    ),
]  # fmt: skip
