"""Which streams a torch has: simulated variants are named, real ones too, and hold only those who draw as they do."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from conformance.prove.subject import Overlay
from conformance.streams import Stream
from conformance.variant import (
    ASPECTS,
    BERNOULLI,
    EXPONENTIAL,
    INTEGERS,
    NAMES,
    NORMAL,
    PAIRS,
    REFERENCE,
    TRUNCATED,
    UNIFORM,
    UNKNOWN,
    WORDS,
    described,
    incomparable,
    variants,
)

AVX2 = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def word(generator: torch.Generator) -> int:
    words, after = Stream.of_state(generator.get_state().numpy()).words32(1)
    generator.set_state(torch.from_numpy(after.state))
    return int(words[0])


def mcg31(x: Any, p: float, *, generator: torch.Generator, first: int = 1) -> Any:
    """MKL's Bernoulli of torch up to 2.6."""
    state, values = word(generator), []
    for _ in range(x.numel() + first):
        values.append(state / (2**31 - 1) < p)
        state = state * 1132489760 % (2**31 - 1)
    return x.copy_(torch.tensor(values[first:]))


def one_word(high: int, size: Any, *, generator: torch.Generator) -> Any:
    """randint that takes two words from 2^32 on only."""
    return torch.tensor([word(generator) % high for _ in range(*size)])


def twice_rounded(x: Any, low: float, high: float, *, generator: torch.Generator) -> Any:
    return x.uniform_(generator=generator).mul_(torch.tensor(high) - torch.tensor(low)).add_(low)


def by_erfinv(x: Any, mean: float, std: float, a: float, b: float, generator: torch.Generator) -> Any:
    return x.uniform_(-1, 1, generator=generator).erfinv_()


def shifted(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A draw whose values are none that is known."""
    return lambda *arguments, **options: draw(*arguments, **options) + 2**-20


def raises(*arguments: Any, **options: Any) -> Any:
    raise RuntimeError("not on this machine")


SIMULATED: tuple[tuple[str, Callable[..., Any], str, str], ...] = (
    ("Tensor.bernoulli_", mcg31, BERNOULLI, "by MKL's MCG31 (torch <= 2.6 on Intel)"),
    ("Tensor.bernoulli_", lambda *a, **o: mcg31(*a, first=0, **o), BERNOULLI, "by MKL's MCG31 (torch <= 2.6 on Intel)"),
    ("randint", one_word, INTEGERS, "two words from 2^32 on (older torch)"),
    ("Tensor.uniform_", twice_rounded, UNIFORM, "without multiply-add contraction"),
    ("nn.init.trunc_normal_", by_erfinv, TRUNCATED, "by erfinv (torch < 2.12)"),
    ("randn", shifted(torch.randn), NORMAL, UNKNOWN),
    ("Tensor.normal_", shifted(torch.Tensor.normal_), PAIRS, UNKNOWN),
    ("Tensor.exponential_", shifted(torch.Tensor.exponential_), EXPONENTIAL, UNKNOWN),
    ("rand", shifted(torch.rand), WORDS, UNKNOWN),
    ("randint", raises, INTEGERS, UNKNOWN),
)


@pytest.mark.skipif(not AVX2, reason="this processor has no AVX2: torch is another variant")
def test_torch_is_the_reference() -> None:
    found = variants(torch)
    assert tuple(found) == NAMES == tuple(aspect.name for aspect in ASPECTS)
    assert described(found) == REFERENCE and incomparable(NAMES, torch, None) == ""


@pytest.mark.parametrize(
    ("name", "fake", "aspect", "variant"), SIMULATED, ids=[f"{k} {row[0]}" for k, row in enumerate(SIMULATED)]
)
def test_simulated_variants_are_named(name: str, fake: Callable[..., Any], aspect: str, variant: str) -> None:
    other = Overlay(torch, name, fake)
    found = variants(other)
    assert found == {**variants(torch), aspect: variant}
    assert f"{aspect} {variant}" in described(found)
    # Only what hangs on this aspect cannot be compared, and one that draws alike can.
    assert variant in incomparable([aspect], other, torch) and variant in incomparable(NAMES, other, None)
    assert incomparable([n for n in NAMES if n != aspect], other, torch) == ""
    if variant is not UNKNOWN or fake is not raises:
        assert incomparable([aspect], other, Overlay(torch, name, fake)) == ""


def test_the_probe_leaves_the_stream_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    variants(Overlay(torch, "nothing", None))
    assert torch.equal(before, torch.get_rng_state())


WITHOUT_AVX2 = """
import torch, refnet
from conformance.candidates import load
from conformance.cases.random import CASES
from conformance.comparison import compare
from conformance.variant import described, variants

print(torch.backends.cpu.get_cpu_capability(), "|", described(variants(torch)))
first = {}
for case in CASES:
    if "bits" in case.checks:
        first.setdefault((case.operation.name, case.arguments.kwargs.get("draw")), case)
for case in first.values():
    for candidate in ("refnet", "torch"):
        record = compare(case, load(candidate))[0]
        print(candidate, "|", record.status, "|", case.id, "|", record.message)
"""


@pytest.mark.skipif(not AVX2, reason="this processor has no AVX2 to be switched off")
def test_torch_without_avx2_is_named_and_judges_only_what_it_draws_alike() -> None:
    """The real thing: torch's kernels for processors without AVX2, which do not contract multiplications and additions."""
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_AVX2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    head, *lines = ran.stdout.splitlines()
    assert head == (
        f"DEFAULT | {REFERENCE}, except uniform without multiply-add contraction; normal by scalar functions (no AVX2); "
        "normal pairs without multiply-add contraction"
    )
    rows = [line.split(" | ") for line in lines]
    assert {status for candidate, status, *_ in rows if candidate == "torch"} == {"PASS"}
    ours = {case: (status, message) for candidate, status, case, message in rows if candidate == "refnet"}
    assert {status for status, _ in ours.values()} == {"PASS", "UNSUPPORTED"}
    for case, (status, message) in ours.items():
        if "'normal_'" in case or "randn" in case:
            assert status == "UNSUPPORTED" and "the installed torch draws normal" in message, case
        if "randint" in case or "permutations" in case or "'rand'" in case:
            assert status == "PASS", case
