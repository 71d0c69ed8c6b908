"""Devices: which there are, what is said when there is none, and where tensors go."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import refnet
from conformance import standin
from conformance.standin.runtime import machine
from refnet import cuda
from tests.refnet.cuda.conftest import forget_array_modules

WITHOUT: dict[str, tuple[Callable[[], Any], Any]] = {
    "is_available": (cuda.is_available, False),
    "device_count": (cuda.device_count, 0),
    "is_initialized": (cuda.is_initialized, False),
    "memory_allocated": (cuda.memory_allocated, 0),
    "max_memory_allocated": (cuda.max_memory_allocated, 0),
    "memory_reserved": (cuda.memory_reserved, 0),
    "memory_stats": (lambda: dict(cuda.memory_stats()), {}),
    "empty_cache": (cuda.empty_cache, None),
    "reset_peak_memory_stats": (cuda.reset_peak_memory_stats, None),
    "is_current_stream_capturing": (cuda.is_current_stream_capturing, False),
    "is_bf16_supported": (cuda.is_bf16_supported, False),
    "manual_seed": (lambda: cuda.manual_seed(3), None),
    "manual_seed_all": (lambda: cuda.manual_seed_all(3), None),
    "get_rng_state_all": (cuda.get_rng_state_all, []),
    "is_pinned": (lambda: refnet.zeros(2).is_pinned(), False),
    "naming a device": (lambda: str(refnet.device("cuda:1")), "cuda:1"),
    "cpu to cpu": (lambda: refnet.zeros(1).cpu().device.type, "cpu"),
}

NEEDS_ONE: dict[str, Callable[[], Any]] = {
    "zeros": lambda: refnet.zeros(2, device="cuda"),
    "to": lambda: refnet.zeros(2).to("cuda:1"),
    "cuda": lambda: refnet.zeros(2).cuda(),
    "Module.cuda": lambda: refnet.nn.Linear(1, 1).cuda(),
    "synchronize": cuda.synchronize,
    "current_device": cuda.current_device,
    "Stream": cuda.Stream,
    "get_device_name": cuda.get_device_name,
    "mem_get_info": cuda.mem_get_info,
    "initial_seed": cuda.initial_seed,
    "init": cuda.init,
    "set_default_device": lambda: refnet.set_default_device("cuda"),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_questions_have_answers_without_a_gpu(what: str) -> None:
    function, answer = WITHOUT[what]
    cuda.reset_peak_memory_stats()  # other tests of this process had a GPU
    assert function() == answer


@pytest.mark.parametrize("what", NEEDS_ONE)
def test_without_cupy_the_first_use_says_so(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    forget_array_modules()
    with pytest.raises(RuntimeError, match="device 'cuda' needs cupy, "):
        NEEDS_ONE[what]()


MACHINES: list[tuple[dict[str, Any], str]] = [
    ({"driver": False}, "Found no NVIDIA driver on your system"),
    ({"devices": 0}, "No CUDA GPUs are available"),
]


@pytest.mark.parametrize(("options", "message"), MACHINES)
def test_without_a_driver_or_a_gpu_torch_s_words(options: dict[str, Any], message: str) -> None:
    """In a process of its own: what a machine has is asked once."""
    program = (
        "from conformance import standin; from conformance.standin.runtime import machine; import refnet; standin.install()\n"
        f"with machine.pretend(**{options!r}):\n"
        "    assert not refnet.cuda.is_available() and refnet.cuda.device_count() == 0\n"
        "    assert not refnet.zeros(2).is_pinned()\n"
        "    refnet.zeros(2, device='cuda')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"RuntimeError: {message}" in done.stderr, done.stderr


def test_import_does_not_look_for_a_gpu() -> None:
    program = "import sys, refnet, refnet.cuda; print('cupy' in sys.modules, 'ctypes.util' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


NAMES: list[tuple[tuple[Any, ...], str]] = [
    (("cuda", -1), "Device index must not be negative"),
    (("cuda:-1",), "Invalid device string: 'cuda:-1'"),
    (("cuda:01",), "Invalid device string: 'cuda:01'"),
    (("cuda:",), "Invalid device string: 'cuda:'"),
    (("tpu",), "Invalid device string: 'tpu'"),
    (("cuda:1", 1), r"type \(string\) must not include an index"),
    ((0,), "Cannot access accelerator device when none is available."),
]


@pytest.mark.parametrize(("arguments", "message"), NAMES)
def test_what_is_no_device(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        refnet.device(*arguments)


# --- with one -------------------------------------------------------------------------------------------------------

MAKERS: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda d: refnet.zeros(2, 3, device=d),
    "ones": lambda d: refnet.ones(2, device=d),
    "empty": lambda d: refnet.empty(2, device=d),
    "full": lambda d: refnet.full((2,), 1.5, device=d),
    "eye": lambda d: refnet.eye(2, device=d),
    "arange": lambda d: refnet.arange(4, device=d),
    "linspace": lambda d: refnet.linspace(0, 1, 3, device=d),
    "tensor": lambda d: refnet.tensor([1, 2], device=d),
    "scalar": lambda d: refnet.tensor(1.0, device=d),
    "as_tensor": lambda d: refnet.as_tensor([1, 2], device=d),
    "rand": lambda d: refnet.rand(3, device=d),
    "randint": lambda d: refnet.randint(0, 5, (3,), device=d),
    "randperm": lambda d: refnet.randperm(3, device=d),
    "tril_indices": lambda d: refnet.tril_indices(2, 2, device=d),
    "empty_strided": lambda d: refnet.empty_strided((2, 3), (1, 2), device=d),
    "zeros_like": lambda d: refnet.zeros_like(refnet.ones(2), device=d),
    "rand_like": lambda d: refnet.rand_like(refnet.ones(2), device=d),
    "new_zeros": lambda d: refnet.ones(1).new_zeros(2, device=d),
    "to": lambda d: refnet.ones(2).to(d),
    "Linear": lambda d: refnet.nn.Linear(2, 3, device=d).weight,
    "BatchNorm": lambda d: refnet.nn.BatchNorm1d(2, device=d).running_mean,
    "to_empty": lambda d: refnet.nn.Linear(2, 3).to_empty(device=d).weight,
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ["cuda", "cuda:0", 0, "device", "default"])
def test_tensors_are_made_on_a_numbered_gpu(gpu: None, maker: str, name: Any) -> None:
    if name == "default":
        with refnet.device("cuda"):
            made = MAKERS[maker](None if maker != "to" else refnet.get_default_device())
    else:
        made = MAKERS[maker](refnet.device("cuda") if name == "device" else name)
    assert made.device == refnet.device("cuda:0") and str(made.device) == "cuda:0"
    assert made.is_cuda and made.get_device() == 0
    assert refnet.zeros(1).device.type == "cpu", "the default is back"


def test_the_index_of_a_named_device_is_open(gpu: None) -> None:
    assert refnet.device("cuda").index is None
    assert refnet.device("cuda") != refnet.device("cuda:0")
    assert refnet.device(0) == refnet.device("cuda:0")


LAYOUTS: dict[str, Callable[[], Any]] = {
    "row-major": lambda: refnet.arange(6.0).reshape(2, 3),
    "transposed": lambda: refnet.arange(6.0).reshape(2, 3).t(),
    "channels last": lambda: refnet.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=refnet.channels_last),
    "with gaps": lambda: refnet.arange(12.0).reshape(3, 4)[:, ::2],
    "broadcast": lambda: refnet.arange(3.0).expand(2, 3),
    "a number": lambda: refnet.tensor(2.0),
    "empty": lambda: refnet.zeros(0, 3),
    "int8": lambda: refnet.tensor([1, -2], dtype=refnet.int8),
    "bool": lambda: refnet.tensor([True, False]),
    "half": lambda: refnet.tensor([1.5, 2.5], dtype=refnet.float16),
    "bfloat16": lambda: refnet.tensor([1.5, 2.5], dtype=refnet.bfloat16),
}


@pytest.mark.parametrize("non_blocking", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back(gpu: None, layout: str, non_blocking: bool) -> None:
    x = LAYOUTS[layout]()
    there = x.to("cuda", non_blocking=non_blocking)
    back = there.to("cpu", non_blocking=non_blocking)
    cuda.synchronize()
    assert there.dtype is back.dtype is x.dtype
    assert back.tolist() == x.tolist()
    if layout in ("row-major", "transposed", "channels last"):
        assert there.stride() == back.stride() == x.stride()


def test_to_converts_on_the_way_and_shares_where_nothing_changes(gpu: None) -> None:
    x = refnet.ones(2).cuda()
    assert x.to("cuda") is x and x.cuda() is x and x.cuda(0) is x
    assert x.to("cuda", copy=True) is not x
    assert x.to("cpu", refnet.float64).dtype is refnet.float64
    assert x.to(refnet.zeros(1)).device.type == "cpu"
    with pytest.raises(RuntimeError, match="Invalid device, must be cuda device"):
        x.cuda("cpu")


def test_gradients_come_back_to_where_they_are_wanted(gpu: None) -> None:
    w = refnet.tensor([2.0, 3.0], requires_grad=True)
    there = w.to("cuda")
    (there * there).sum().to("cpu").backward()
    assert w.grad.device.type == "cpu" and w.grad.tolist() == [4.0, 6.0]


def test_operands_on_two_devices(gpu: None) -> None:
    x = refnet.ones(2, 2).cuda()
    message = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    for mixed in (
        lambda: x + refnet.ones(2, 2),
        lambda: x @ refnet.ones(2, 2),
        lambda: refnet.cat([x, refnet.ones(2, 2)]),
    ):
        with pytest.raises(RuntimeError, match=message):
            mixed()


def test_a_number_on_the_cpu_is_taken_as_a_number(gpu: None) -> None:
    x, two = refnet.ones(3, device="cuda"), refnet.tensor(2.0, dtype=refnet.float64, requires_grad=True)
    y = x * two
    assert (y.device.type, y.dtype, y.tolist()) == ("cuda", refnet.float32, [2.0, 2.0, 2.0])
    y.sum().backward()
    assert two.grad.item() == 3.0 and two.grad.device.type == "cpu"
    x += two.detach()
    assert x.tolist() == [3.0, 3.0, 3.0]
    with pytest.raises(RuntimeError, match="two devices, cpu and cuda:0"):
        refnet.ones(3) * refnet.tensor(2.0, device="cuda")


def test_modules_move_with_gradients_and_buffers(gpu: None) -> None:
    model = refnet.nn.Sequential(refnet.nn.Linear(2, 3), refnet.nn.BatchNorm1d(3))
    model(refnet.randn(4, 2)).sum().backward()
    parameters = list(model.parameters())
    assert model.cuda() is model
    assert [p is q for p, q in zip(parameters, model.parameters(), strict=True)] == [True] * 4
    assert {t.device.type for t in [*parameters, *model.buffers(), *(p.grad for p in parameters)]} == {"cuda"}
    assert model(refnet.randn(4, 2, device="cuda")).device.type == "cuda"
    model.to("cpu", non_blocking=True)
    assert {t.device.type for t in model.state_dict().values()} == {"cpu"}


def test_state_of_optimizers_follows_the_parameters(gpu: None) -> None:
    def trained(device: str) -> Any:
        w = refnet.ones(2, device=device, requires_grad=True)
        optimizer = refnet.optim.Adam([w], lr=0.1)
        (w * w).sum().backward()
        optimizer.step()
        return optimizer

    there = trained("cuda")
    there.load_state_dict(trained("cpu").state_dict())
    (state,) = there.state.values()
    assert {name: t.device.type for name, t in state.items()} == {
        "step": "cpu",
        "exp_avg": "cuda",
        "exp_avg_sq": "cuda",
    }


MAPS: list[tuple[Any, str]] = [
    (None, "cuda"),
    ("cpu", "cpu"),
    ("cuda", "cuda"),
    (refnet.device("cuda"), "cuda"),
    ({"cuda:0": "cpu"}, "cpu"),
    (lambda tensor, where: tensor, "cpu"),
    (lambda tensor, where: tensor.cuda() if where == "cuda:0" else None, "cuda"),
]


@pytest.mark.parametrize(("map_location", "expected"), MAPS)
def test_load_puts_tensors_where_they_were_or_where_it_is_told(
    gpu: None, map_location: Any, expected: str, tmp_path: Any
) -> None:
    refnet.save({"w": refnet.arange(3.0, device="cuda")}, tmp_path / "w.npz")
    found = refnet.load(tmp_path / "w.npz", map_location=map_location)["w"]
    assert (found.device.type, found.tolist()) == (expected, [0.0, 1.0, 2.0])


def test_the_default_device(gpu: None) -> None:
    try:
        refnet.set_default_device("cuda")
        assert refnet.get_default_device() == refnet.device("cuda:0")
        assert refnet.zeros(2).device.type == refnet.nn.Linear(1, 1).weight.device.type == "cuda"
        with refnet.device("cpu"):
            assert refnet.rand(2).device.type == "cpu"
    finally:
        refnet.set_default_device(None)
    assert refnet.zeros(2).device.type == "cpu"


def test_bfloat16_needs_cupy_14() -> None:
    with standin.installed(13):
        forget_array_modules()
        for make in (
            lambda: refnet.zeros(2, dtype=refnet.bfloat16, device="cuda"),
            lambda: refnet.zeros(2, device="cuda").to(refnet.bfloat16),
            lambda: refnet.zeros(2, dtype=refnet.bfloat16).cuda(),
        ):
            with pytest.raises(RuntimeError, match="dtype bfloat16 on device 'cuda' needs cupy 14 or newer"):
                make()
    forget_array_modules()


def test_properties(gpu: None) -> None:
    assert cuda.get_device_name() == "Stand-in on numpy"
    assert cuda.get_device_capability(0) == machine.CAPABILITY
    assert cuda.get_device_properties("cuda").total_memory == machine.MEMORY
    assert cuda.mem_get_info()[1] == machine.MEMORY
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.get_device_properties("cpu")
    with pytest.raises(RuntimeError, match="CUDA error: invalid device ordinal"):
        refnet.zeros(1, device="cuda:7")


# --- with two -------------------------------------------------------------------------------------------------------


def test_work_runs_where_the_tensors_are(gpus: None) -> None:
    x, y = refnet.ones(2, 3, device="cuda:1"), refnet.ones(2, 3, device="cuda")
    assert (str(x.device), str(y.device)) == ("cuda:1", "cuda:0")
    assert str((x * 2).relu().sum().device) == "cuda:1"
    with pytest.raises(RuntimeError, match="two devices, cuda:1 and cuda:0"):
        x + y
    assert (x.to("cuda:0") + y).tolist() == (x + y.to(x.device)).tolist()
    with cuda.device(1):
        assert str(refnet.zeros(1, device="cuda").device) == "cuda:1" and cuda.current_device() == 1
        with cuda.device_of(y):
            assert cuda.current_device() == 0
    assert cuda.current_device() == 0


def test_a_module_trains_on_the_other_gpu(gpus: None) -> None:
    model = refnet.nn.Linear(2, 1).cuda(1)
    optimizer = refnet.optim.Adam(model.parameters())
    before = model.weight.tolist()
    model(refnet.ones(3, 2, device="cuda:1")).sum().backward()
    optimizer.step()
    assert model.weight.tolist() != before and str(model.weight.grad.device) == "cuda:1"


def test_gradients_cross_gpus(gpus: None) -> None:
    w = refnet.ones(2, device="cuda:0", requires_grad=True)
    (w.to("cuda:1") * 3).sum().backward()
    assert (str(w.grad.device), w.grad.tolist()) == ("cuda:0", [3.0, 3.0])


def test_a_model_on_two_gpus_trains_as_on_one(gpus: None) -> None:
    def trained(*places: str) -> Any:
        refnet.manual_seed(0)
        layers = [refnet.nn.Linear(2, 3), refnet.nn.Linear(3, 1)]
        for layer, place in zip(layers, places, strict=True):
            layer.to(place)
        optimizer = refnet.optim.AdamW([p for layer in layers for p in layer.parameters()], lr=0.1, maximize=True)
        for _ in range(2):
            optimizer.zero_grad()
            hidden = layers[0](refnet.ones(4, 2, device=places[0])).tanh()
            layers[1](hidden.to(places[1])).sum().backward()
            optimizer.step()
        return [p.tolist() for layer in layers for p in layer.parameters()]

    assert trained("cuda:0", "cuda:1") == trained("cuda:1", "cuda:1")


ON_THE_OTHER: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "clone": lambda x: x.clone(),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(2),
    "normal_": lambda x: x.normal_(),
    "copy_": lambda x: x.copy_(refnet.ones(3, 3)),
    "copy_ across": lambda x: x.copy_(refnet.ones(3, 3, device="cuda:0")),
    "setitem": lambda x: x.__setitem__(0, 1.0),
    "mask": lambda x: x[x > 0],
    "half": lambda x: x.half() + 1,
    "view": lambda x: x.view(refnet.int32) + 1,
    "new_tensor": lambda x: x.new_tensor([1.0, 2.0]),
    "sort": lambda x: x.sort().values,
    "dropout": lambda x: refnet.nn.functional.dropout(x),
    "conv": lambda x: refnet.nn.functional.conv2d(x[None, None], x[None, None, :2, :2]),
    "gradient": lambda x: refnet.autograd.grad((x.requires_grad_() ** 2).sum(), x)[0],
    "norm": lambda x: x.norm(),
    "tensor": refnet.tensor,
    "dlpack": refnet.from_dlpack,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "item": lambda x: x.sum().item(),
    "repr": repr,
}


@pytest.mark.parametrize("name", ON_THE_OTHER)
def test_whatever_was_used_last_work_runs_where_the_tensor_is(gpus: None, name: str) -> None:
    """The stand-in refuses an operation on memory of another GPU than the current one."""
    x = refnet.ones(3, 3, device="cuda:1")
    refnet.ones(1, device="cuda:0")
    found = ON_THE_OTHER[name](x)
    if isinstance(found, refnet.Tensor):
        assert str(found.device) == "cuda:1" and found._array.data.device_id == 1
