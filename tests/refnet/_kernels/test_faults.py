"""Faults planted in the kernels are caught by the tests of their families."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from on_host import HostModule, needs_compiler

from refnet._kernels import conv, launch
from refnet._kernels.layer_norm import layer_norm
from refnet._ops import exponential

pytestmark = needs_compiler
FAMILIES = ("batch_norm", "conv", "elementwise", "embedding", "layer_norm", "pool", "softmax")
test_batch_norm, test_conv, test_elementwise, test_embedding, test_layer_norm, test_pool, test_softmax = (
    SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"test_{family}.py")))) for family in FAMILIES
)


def by_columns(test: Callable[[], None]) -> Callable[[], None]:
    """The test with convolutions that go by columns and a GEMM."""

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conv, "_DIRECT", 0)
            patch.setattr(conv, "_NARROW", 0)
            test()

    return run


def convolution() -> None:
    test_conv.test_convolution("", *test_conv.CONVOLUTIONS[2], "float64")


def losses() -> None:
    test_softmax.test_cross_entropy((5, 200), 1, False, "counted", "float64")


#: source, a line of it, what it becomes, the test that fails
FAULTS: list[tuple[str, str, str, Callable[[], None]]] = [
    (
        "elementwise",
        "(T(1) - out_value * out_value) * g",
        "(T(1) - out_value) * g",
        lambda: test_elementwise.test_backward(exponential.tanh, {}, 2, "float64"),
    ),
    (
        "softmax",
        "along += double(g",
        "along -= double(g",
        lambda: test_softmax.test_rows("softmax", (5, 10), 1, "float64"),
    ),
    ("softmax", "if (!kept) return T(0);", "", losses),
    ("softmax", "k == wanted ? e - share : e", "e", losses),
    (
        "softmax",
        "if (wanted < 0 || wanted >= n) return T(NAN);",
        "",
        test_softmax.test_a_class_that_there_is_not_gives_nan,
    ),
    (
        "batch_norm",
        "squares += partial[2 * part + 1] + distance * distance * (count * more / all);",
        "squares += partial[2 * part + 1];",
        lambda: test_batch_norm.test_training((2, 2, 70, 70), "float64", True),
    ),
    (
        "batch_norm",
        "g[i] - shift - (x[i] - mean) * slope",
        "g[i] - (x[i] - mean) * slope",
        lambda: test_batch_norm.test_training((5, 6, 4), "float64", True),
    ),
    (
        "layer_norm",
        "along = team.sum(along) / n;",
        "along = along / n;",
        lambda: test_layer_norm.test_rows((3, 300), "float64", True),
    ),
    (
        "pool",
        "winner < 0 || value > best || value != value",
        "winner < 0 || value >= best || value != value",
        lambda: test_pool.test_maximum(*test_pool.MAXIMA[0], True, "float64"),
    ),
    (
        "pool",
        "winner < 0 || value > best || value != value",
        "winner < 0 || value > best",
        lambda: test_pool.test_maximum(*test_pool.MAXIMA[0], True, "float64"),
    ),
    (
        "pool",
        "return min((j + w.padding[d]) / w.stride[d], w.places[d] - 1);",
        "return min(j / w.stride[d], w.places[d] - 1);",
        lambda: test_pool.test_maximum(*test_pool.MAXIMA[1], False, "float64"),
    ),
    ("conv", "k += beyond * step;", "", convolution),
    ("conv", "o / O * C + c)", "c)", convolution),
    ("conv", "inside ? from", "true ? from", by_columns(convolution)),
    ("conv", "if (parts == 1) out[c] = T(sum);", "if (parts == 1) out[c] = T(sum) + T(1);", convolution),
    (
        "embedding",
        "(first && sorted[first - 1] == row)",
        "false",
        lambda: test_embedding.test_rows(4, (3, 20), 300, False, "float64"),
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{number} {fault[0]}" for number, fault in enumerate(FAULTS)])
def test_a_fault_is_caught(fault: tuple[str, str, str, Callable[[], None]], monkeypatch: pytest.MonkeyPatch) -> None:
    family, line, wrong, test = fault
    true = launch.source
    assert true(family).count(line) == 1, f"{family}.cu has {true(family).count(line)} times {line!r}"
    test()
    monkeypatch.setattr(
        launch, "source", lambda name: true(name).replace(line, wrong) if name == family else true(name)
    )
    with pytest.raises(AssertionError):
        test()


def test_a_missing_barrier_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads run in several orders between barriers; without one some of them see what is not yet there."""
    true = launch.source
    without = re.sub(r"(part\[threadIdx.x\] = value;\s+)__syncthreads\(\);", r"\1", true("layer_norm"))
    assert without != true("layer_norm")
    monkeypatch.setattr(launch, "source", lambda name: without)
    with pytest.raises(AssertionError):
        test_layer_norm.test_rows((3, 300), "float64", True)


def test_a_barrier_that_some_threads_miss_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    true = launch.source("layer_norm")
    divided = true.replace(
        "if (threadIdx.x < half) part", "if (threadIdx.x == 1) return 0; if (threadIdx.x < half) part"
    )
    assert divided != true
    monkeypatch.setattr(launch, "source", lambda name: divided)
    xp = HostModule()
    with pytest.raises(RuntimeError, match="a barrier that not all threads of a block reach"):
        layer_norm(xp, xp.zeros((3, 300)), eps=1e-5, moments=xp.empty((2, 3)))
