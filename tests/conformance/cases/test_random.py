"""The cases of random draws: how much they cover, and that the engine gives torch's bits in a cross-section of them."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest
import torch

from conformance.candidates import load
from conformance.cases import BITS, Case, data, init, random
from conformance.comparison import compare
from conformance.record import PASS, UNSUPPORTED
from conformance.streams import is_state
from conformance.variant import NAMES, described, variants

CASES = [*random.CASES, *init.CASES, *data.CASES]
DRAWS = [case for case in CASES if BITS in case.checks]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(before)


def draw_of(case: Case) -> str:
    named = re.search(r"(?:draw|init|module|sampler)='(\w+)'", case.id)
    return named[1] if named else case.operation.name


def test_every_draw_is_there() -> None:
    found = Counter(map(draw_of, DRAWS))
    wanted = """rand randn randint randint_like randperm rand_like randn_like uniform_ normal_ bernoulli_ bernoulli
        exponential_ geometric_ cauchy_ log_normal_ multinomial random_ normal poisson rrelu xavier_uniform_ xavier_normal_
        kaiming_uniform_ kaiming_normal_ trunc_normal_ sparse_ orthogonal Linear LSTM MultiheadAttention RandomSampler
        SubsetRandomSampler random_split DataLoader"""
    aliases = {"randperm": "permutations"}
    assert [name for name in wanted.split() if not found[aliases.get(name, name)]] == []
    assert {aspect for case in DRAWS for aspect in case.streams} < set(NAMES)


def test_sequences_are_many_and_mixed() -> None:
    sequences = [case for case in DRAWS if case.operation.name == "interleaved draws"]
    covered = [case.arguments.kwargs for case in sequences]
    seeds = {seed for row in covered for seed in range(row["first"], row["first"] + row["seeds"])}
    assert len(seeds) >= 2000
    results = random.interleaved(torch, torch.zeros(1), first=0, seeds=100, length=10)
    drawn = [name.partition(": ")[2] for name in results if ": " in name]
    assert {name.rsplit(" ", 3)[0].strip() for name in drawn} >= {"randn", "normal_", "multinomial", "dropout"}
    assert len(drawn) == 1000 and len(set(drawn)) > 600
    states = [x.numpy() for name, x in results.items() if name.endswith("state")]
    assert len(states) == 100 and all(map(is_state, states)) and len({state.tobytes() for state in states}) == 100


# A cross-section: every 6th case, and the first of each operation. All of them are what `conform run` is for.
SECTION = [
    case
    for i, case in enumerate(CASES)
    if i % 6 == 0 or case.operation.name not in {c.operation.name for c in CASES[:i]}
]


@pytest.mark.skipif("except" in described(variants(torch)), reason="this torch has other streams")
def test_the_engine_has_torchs_bits() -> None:
    candidate = load("refnet")
    records = [record for case in SECTION for record in compare(case, candidate)]
    assert {r.case: r.message for r in records if r.status not in (PASS, UNSUPPORTED)} == {}
    assert Counter(r.status for r in records)[PASS] > 100


def test_states_are_written_as_torch_writes_them() -> None:
    generator = torch.Generator().manual_seed(5)
    torch.empty(623, dtype=torch.int32).random_(generator=generator)
    (array,) = next(case for case in CASES if "state(5, 623, 0.25)" in case.id).sample().arrays
    state = generator.get_state().numpy()
    assert (array[:5024] == state[:5024]).all() and array[5024:5032].view("float64") == 0.25


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.operation.name == "orthogonal"], ids=lambda case: case.id
)
def test_torchs_own_factorization_is_within_the_bound(case: Case) -> None:
    like = torch.zeros(1, dtype=getattr(torch, case.dtype))
    assert init.orthogonal(torch, like, **case.arguments.kwargs)["within"] is True
