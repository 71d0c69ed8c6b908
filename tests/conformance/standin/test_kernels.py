"""Kernels in CUDA C on the host: what they compute, what is refused, and what is noticed."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import standin
from conformance.standin import kernels

pytestmark = pytest.mark.skipif(
    kernels.compiler() is None, reason="kernels on the host need g++, which is not installed"
)

SOURCE = """
struct Pair { long long n; double factor; };

template <typename T>
__global__ void scaled(const T* x, T* out, Pair pair) {
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < pair.n; i += (long long)gridDim.x * blockDim.x)
        out[i] = x[i] * T(pair.factor);
}

__global__ void rows_reversed(double* x, int barrier) {
    __shared__ double row[64];
    row[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    if (barrier) __syncthreads();
    x[blockIdx.x * blockDim.x + threadIdx.x] = row[blockDim.x - 1 - threadIdx.x];
}

__global__ void last_block(double* x) { x[0] = blockIdx.x + 10 * blockIdx.y + 100 * threadIdx.y; }

__global__ void divided(long long* x, long long by) { x[0] = x[0] / by; }

extern "C" __global__ void plain(float* x) { x[threadIdx.x] = sqrt(x[threadIdx.x]); }
"""
NAMES = ("scaled<float>", "scaled<double>", "rows_reversed", "last_block", "divided", "plain")
PAIR = np.dtype([("n", "int64"), ("factor", "float64")])


def kernel(name: str) -> Any:
    return standin.cupy().RawModule(code=SOURCE, name_expressions=NAMES).get_function(name)


def device(values: Any, dtype: str = "float64") -> Any:
    return standin.cupy().asarray(np.asarray(values, dtype))


def pair(n: int, factor: float) -> Any:
    return np.array((n, factor), PAIR)


@pytest.mark.parametrize(("name", "kind"), [("scaled<float>", "float32"), ("scaled<double>", "float64")])
def test_a_template_with_a_structure_by_value(name: str, kind: str) -> None:
    x, out = device(np.arange(1000), kind), standin.cupy().empty(1000, kind)
    kernel(name)((3,), (64,), (x, out, pair(999, 0.5)))
    np.testing.assert_array_equal(out.get()[:999], np.arange(999) / 2)
    assert np.isnan(out.get()[999]), "the one that no thread came to"


def test_a_kernel_by_itself() -> None:
    x = device([4.0, 9.0], "float32")
    source = 'extern "C" __global__ void root(float* x) { x[threadIdx.x] = sqrt(x[threadIdx.x]); }'
    standin.cupy().RawKernel(source, "root")((1,), (2,), (x,))
    assert x.get().tolist() == [2.0, 3.0]


@pytest.mark.parametrize("threads", [range, kernels.reversed_order, kernels.shuffled(3)])
def test_barriers(threads: Any) -> None:
    x = device(np.arange(3 * 64).reshape(3, 64))
    with kernels.order(threads=threads):
        kernel("rows_reversed")((3,), (64,), (x, np.int32(1)))
    np.testing.assert_array_equal(x.get(), np.arange(3 * 64).reshape(3, 64)[:, ::-1])


@pytest.mark.parametrize("threads", [range, kernels.reversed_order, kernels.shuffled(3)])
def test_without_a_barrier_the_order_shows(threads: Any) -> None:
    for start in (0, 1000):  # what the first launch left in shared memory is wrong for the second
        x = device(np.arange(64) + start)
        with kernels.order(threads=threads):
            kernel("rows_reversed")((1,), (64,), (x, np.int32(0)))
    assert x.get().tolist() != list(range(1063, 999, -1))


@pytest.mark.parametrize(("blocks", "last"), [(range, 21.0), (kernels.reversed_order, 0.0)])
def test_blocks_run_in_the_order_asked_for(blocks: Any, last: float) -> None:
    x = device([0.0])
    with kernels.order(blocks=blocks):
        kernel("last_block")((2, 3), (1, 1), (x,))
    assert x.get()[0] == last


REFUSED: list[tuple[str, tuple[int, ...], tuple[int, ...], tuple[Any, ...], type[Exception], str]] = [
    (
        "scaled<float>",
        (1,),
        (1,),
        ("f8", "f4", pair(1, 2)),
        TypeError,
        r"argument 0 must be '\*f4', got an array of float64",
    ),
    ("scaled<float>", (1,), (1,), ("f4", None), TypeError, "takes 3 arguments, got 2"),
    ("scaled<float>", (1,), (1,), ("f4", "f4", 7), TypeError, r"argument 2 must be 's16', got int"),
    (
        "scaled<float>",
        (1,),
        (1,),
        ("f4", "f4", np.zeros(2, PAIR)),
        TypeError,
        r"shape \(2,\); only one value is passed",
    ),
    ("divided", (1,), (1,), ("i8", 2.0), TypeError, "argument 1 must be 'i8', got float"),
    ("rows_reversed", (1,), (1,), ("f8", 1), TypeError, "argument 1 must be 'i4', got int"),
    ("divided", (1,), (1,), (None, 1), TypeError, r"argument 0 must be '\*i8', got None"),
    ("divided", (1,), (1,), ("i8", np.uintp(0)), TypeError, "argument 1 must be 'i8', got uint64"),
    ("plain", (0,), (1,), ("f4",), ValueError, r"no grid of \[0, 1, 1\]"),
    ("plain", (1,), (32, 33), ("f4",), ValueError, r"blocks of \[32, 33, 1\] threads"),
    ("plain", (1, 65536), (1,), ("f4",), ValueError, "no grid of"),
]


@pytest.mark.parametrize("row", REFUSED, ids=[row[-1] for row in REFUSED])
def test_what_cuda_would_not_launch_or_read_as_something_else(row: Any) -> None:
    name, grid, block, arguments, error, message = row
    given = [device([1], x) if isinstance(x, str) else x for x in arguments]
    with pytest.raises(error, match=message):
        kernel(name)(grid, block, tuple(given))


def test_a_host_array_is_no_pointer() -> None:
    with pytest.raises(TypeError, match="argument 0"):
        kernel("plain")((1,), (1,), (np.ones(1, "float32"),))


def test_a_name_that_was_not_asked_for() -> None:
    with pytest.raises(ValueError, match="none of the name_expressions"):
        standin.cupy().RawModule(code=SOURCE, name_expressions=NAMES).get_function("scaled<int>")


def test_what_does_not_compile_is_said() -> None:
    with pytest.raises(RuntimeError, match="g\\+\\+ does not compile the kernels:(.|\n)*undeclared_name"):
        broken = 'extern "C" __global__ void f(float* x) { x[0] = undeclared_name; }'
        standin.cupy().RawKernel(broken, "f")((1,), (1,), (device([1.0], "float32"),))


def test_libraries_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = 'extern "C" __global__ void f(float* x) { x[0] = 42; }'
    first = kernels._compiled(f"{kernels._HEADER.read_text()}\n{source}", ())
    monkeypatch.setattr(kernels.subprocess, "run", lambda *a, **k: pytest.fail("compiled again"))
    assert kernels._compiled(f"{kernels._HEADER.read_text()}\n{source}", ()) == first


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="needs g\\+\\+"):
        kernels._compiled("", ())


def test_options_that_it_does_not_have() -> None:
    for options in ({"path": "kernel.cubin"}, {"code": "", "jitify": True}, {"code": "", "backend": "nvcc"}):
        with pytest.raises(NotImplementedError, match="RawModule"):
            standin.cupy().RawModule(**options)
