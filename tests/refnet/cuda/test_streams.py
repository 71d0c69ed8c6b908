"""Streams, events and memory that several of them use. The stand-in raises where an order is missing."""

from typing import Any

import pytest

import refnet
from conformance import standin
from conformance.standin.runtime import UnorderedAccess
from refnet import cuda

N = 1000


def test_a_stream_is_current_inside_its_block(gpu: None) -> None:
    side = cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream() and side != cuda.default_stream()
    with cuda.stream(side):
        assert cuda.current_stream() == side and hash(cuda.current_stream()) == hash(side)
        with cuda.stream(None):
            assert cuda.current_stream() == side
        with cuda.stream(cuda.default_stream()):
            assert cuda.current_stream() == cuda.default_stream()
        assert cuda.current_stream() == side
    assert cuda.current_stream() == cuda.default_stream()
    assert "cuda_stream=0x0" in repr(cuda.default_stream())


def test_a_stream_is_a_block_of_its_own(gpu: None) -> None:
    outer, inner, default = cuda.Stream(), cuda.Stream(), cuda.current_stream()
    with outer as entered:
        with inner:
            assert cuda.current_stream() == inner
        assert cuda.current_stream() == entered == outer
    assert cuda.current_stream() == default


def test_priorities_are_for_those_who_know_them(gpu: None) -> None:
    """cupy 13, and so the stand-in, has none."""
    with pytest.warns(UserWarning, match="knows no priorities; got -1"):
        stream = cuda.Stream(priority=-1)
    assert stream.priority == 0


def test_a_stream_brings_its_gpu(gpus: None) -> None:
    side = cuda.Stream("cuda:1")
    with cuda.stream(side):
        assert cuda.current_device() == 1 and str(refnet.ones(1, device="cuda").device) == "cuda:1"
    assert cuda.current_device() == 0 and cuda.current_stream(1) == cuda.default_stream(1)


def test_work_on_two_streams_needs_an_order(gpu: None) -> None:
    x, side = refnet.ones(N, device="cuda"), cuda.Stream()
    with cuda.stream(side), pytest.raises(UnorderedAccess):
        x + 1
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        y = x + 1
    with pytest.raises(UnorderedAccess):
        y * 2
    cuda.current_stream().wait_event(side.record_event())
    assert (y * 2).tolist() == [4.0] * N


def test_events_measure_and_order(gpu: None) -> None:
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert start.query() and "uninitialized" in repr(start)
    with pytest.raises(ValueError, match="must be recorded before calculating elapsed time"):
        start.elapsed_time(end)
    start.record()
    refnet.ones(N, device="cuda").sum()
    end.record()
    with pytest.raises(ValueError, match="must be completed before calculating elapsed time"):
        start.elapsed_time(end)
    end.synchronize()
    assert end.query() and start.elapsed_time(end) >= 0
    with pytest.raises(ValueError, match="'enable_timing=True'"):
        start.elapsed_time(cuda.Event())
    with pytest.raises(RuntimeError, match="not supported"):
        cuda.Event(interprocess=True)


@pytest.mark.parametrize("recorded", [False, True])
def test_record_stream_keeps_memory_from_being_used_too_early(gpu: None, recorded: bool) -> None:
    """A tensor of the default stream is read on another, and freed before that has run."""
    side = cuda.Stream()
    cuda.empty_cache()
    x = refnet.ones(N * N, device="cuda")
    side.wait_stream(cuda.current_stream())
    if recorded:
        x.record_stream(side)
    with cuda.stream(side):
        y = x + 1
    address = x.data_ptr()
    del x
    if recorded:
        z = refnet.ones(N * N, device="cuda")
        assert z.data_ptr() != address
        cuda.synchronize()
        refnet.ones(1, device="cuda").record_stream(side)  # whoever comes by next lets go of what is done
        refnet.ones(1, device="cuda").record_stream(side)
        assert y.sum().item() == 2 * N * N
    else:
        with pytest.raises(UnorderedAccess):
            refnet.ones(N * N, device="cuda")


def test_record_stream_is_for_gpus() -> None:
    with pytest.raises(RuntimeError, match="expects a tensor on a GPU"):
        refnet.ones(2).record_stream(None)


def test_a_pinned_tensor_stays_until_its_copy_is_done(gpu: None) -> None:
    from refnet import _gpu

    x = refnet.arange(4.0).pin_memory()
    assert x.is_pinned() and x[1:].is_pinned() and x.pin_memory() is x and not refnet.arange(4.0).is_pinned()
    there = x.to("cuda", non_blocking=True)
    assert any(kept is not None for kept, _ in _gpu._in_use)
    cuda.synchronize()
    assert there.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert there.to("cpu", non_blocking=True).is_pinned()
    assert not there.to("cpu").is_pinned()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        there.pin_memory()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_pins_its_batches(gpu: None, num_workers: int) -> None:
    data = [({"x": refnet.full((2,), float(i)), "name": "a"}, i) for i in range(6)]
    loader = refnet.utils.data.DataLoader(data, batch_size=3, pin_memory=True, num_workers=num_workers)
    total = refnet.zeros(2, device="cuda")
    for batch, labels in loader:
        assert batch["x"].is_pinned() and labels.is_pinned() and batch["name"] == ["a"] * 3
        total += batch["x"].to("cuda", non_blocking=True).sum(0)
    assert total.tolist() == [15.0, 15.0]


# --- memory ---------------------------------------------------------------------------------------------------------


def test_memory_is_counted(gpu: None) -> None:
    cuda.empty_cache()
    cuda.reset_peak_memory_stats()
    before, held = cuda.memory_allocated(), cuda.memory_reserved()
    x: Any = refnet.zeros(1 << 20, device="cuda")
    assert cuda.memory_allocated() - before == x.nbytes
    del x
    assert cuda.memory_allocated() == before and cuda.memory_reserved() - held == 4 << 20
    cuda.empty_cache()
    assert cuda.memory_reserved() == held and cuda.max_memory_reserved() == held + (4 << 20)
    stats = cuda.memory_stats()
    assert stats["reserved_bytes.all.peak"] == cuda.max_memory_allocated() == held + (4 << 20)
    cuda.reset_max_memory_allocated()
    assert cuda.max_memory_reserved() == held


def test_a_limit_on_memory(gpu: None) -> None:
    with pytest.raises(ValueError, match="Invalid fraction value"):
        cuda.set_per_process_memory_fraction(2)
    try:
        cuda.set_per_process_memory_fraction(0.001)
        with pytest.raises(MemoryError):
            refnet.zeros(1 << 22, device="cuda")
    finally:
        cuda.set_per_process_memory_fraction(0)


# --- other libraries ------------------------------------------------------------------------------------------------


def test_dlpack_and_the_array_interface_share_memory(gpu: None) -> None:
    x = refnet.arange(4.0, device="cuda")
    assert x.__dlpack_device__() == (2, 0)
    y = refnet.from_dlpack(x)
    y += 1
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0] and str(y.device) == "cuda:0"
    assert x.__cuda_array_interface__["data"][0] == x.data_ptr()
    with pytest.raises(BufferError, match="require gradient"):
        x.clone().requires_grad_().__dlpack__()
    with pytest.raises(RuntimeError, match="Variable that requires grad"):
        x.clone().requires_grad_().__cuda_array_interface__  # noqa: B018
    assert not hasattr(refnet.ones(2), "__cuda_array_interface__")
    assert refnet.from_dlpack(refnet.ones(2)).tolist() == [1.0, 1.0]


def test_arrays_of_other_libraries_on_a_gpu(gpu: None) -> None:
    """As in torch they come to the CPU, unless a device is given: then `as_tensor` shares their memory."""
    array = standin.cupy().arange(3.0)
    shared, copied = (make(array, device="cuda") for make in (refnet.as_tensor, refnet.tensor))
    array += 1
    assert (shared.tolist(), copied.tolist()) == ([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    assert refnet.as_tensor(array).device.type == refnet.tensor(array).device.type == "cpu"


def test_nothing_can_be_pinned(gpu: None) -> None:
    assert refnet.zeros(0, 3).pin_memory().shape == (0, 3)


def test_generators_of_gpus(gpu: None) -> None:
    refnet.manual_seed(3)
    assert cuda.initial_seed() == 3 and refnet.Generator(device="cuda").device == refnet.device("cuda:0")
    state = cuda.get_rng_state()
    first = refnet.rand(3, device="cuda").tolist()
    assert refnet.rand(3, device="cuda").tolist() != first
    cuda.set_rng_state(state)
    assert refnet.rand(3, device="cuda").tolist() == first
    cuda.manual_seed(3)
    assert refnet.rand(3, device="cuda").tolist() == first
    cuda.set_rng_state_all(cuda.get_rng_state_all())
    cuda.seed_all()
    assert cuda.initial_seed() != 3
    cuda.manual_seed_all(3)
    assert refnet.rand(3, device="cuda").tolist() == first


def test_switches_of_precision(gpu: None) -> None:
    import cupy

    matmul, cudnn = refnet.backends.cuda.matmul, refnet.backends.cudnn
    refnet.ones(1, device="cuda")
    assert (matmul.allow_tf32, cudnn.allow_tf32, matmul.allow_fp16_reduced_precision_reduction) == (False, False, False)
    assert cupy._core.get_compute_type("float32") == 1
    try:
        matmul.allow_tf32 = True
        assert cudnn.allow_tf32 and cupy._core.get_compute_type("float32") == 7
        matmul.allow_fp16_reduced_precision_reduction = True
        assert cupy._core.get_compute_type("float16") == 3
    finally:
        cudnn.allow_tf32 = matmul.allow_fp16_reduced_precision_reduction = False
    assert not matmul.allow_tf32 and cupy._core.get_compute_type("float32") == 1
    with pytest.raises(RuntimeError, match="expects a bool, but got str"):
        matmul.allow_tf32 = "yes"
    with pytest.raises(AttributeError, match="Unknown attribute fast"):
        matmul.fast  # noqa: B018
    assert refnet.backends.cuda.is_built() and not refnet.backends.cudnn.is_available()
