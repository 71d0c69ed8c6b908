"""save and load: round trips, exchange with torch and numpy, damaged files, and that nothing is ever half written."""

import io
import os
import pickle
import stat
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import refnet
from refnet.nn.parameter import Parameter

DTYPES = [
    refnet.float64,
    refnet.float32,
    refnet.float16,
    refnet.bfloat16,
    refnet.int64,
    refnet.int32,
    refnet.int16,
    refnet.int8,
    refnet.uint8,
    refnet.bool,
]
FORMATS = ["npz", "safetensors"]


def tensor_of(dtype: Any, shape: tuple[int, ...] = (3, 4)) -> Any:
    values = np.random.default_rng(0).uniform(-9, 9, shape)
    return refnet.tensor(values).to(dtype)


def state() -> Any:
    named = OrderedDict((f"layer.{d.name}", tensor_of(d, shape)) for d in DTYPES for shape in [(2, 3)])
    named["scalar"] = refnet.tensor(5)
    named["empty"] = refnet.empty(0, 3)
    return named


OPTIMIZER_STATE = {
    "state": {
        0: {"step": refnet.tensor(3.0), "exp_avg": refnet.ones(2, 3), "max": None},
        1: {"step": refnet.tensor(4.0), "exp_avg": refnet.zeros(3, dtype=refnet.bfloat16), "max": None},
    },
    "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "name": "all", "params": [0, 1]}],
}
OBJECTS: dict[str, Any] = {
    "tensor": refnet.tensor([1.0, -0.0, float("nan"), float("inf")]),
    "none": None,
    "numbers": [True, 0, -(2**70), 1.5, -0.0, float("inf"), float("-inf"), 5e-324],
    "text": {"": "ä\0\U0001f600", "a/b": "\ud800", "c.d": "x"},
    "bytes": b"\x00\xff",
    "keys": {1: "int", "1": "str", None: "none", 1.5: "float", (1, "a"): "tuple", b"b": "bytes"},
    "colliding names": {"a": {"b": refnet.ones(1)}, "a.b": refnet.zeros(1), "a.b~2": refnet.tensor([7.0])},
    "odd names": {"refnet.json": refnet.ones(1), "x/../y": refnet.ones(2), "\0": refnet.ones(3)},
    "empty containers": [{}, [], (), OrderedDict()],
    "nesting": {"a": [({"b": (refnet.ones(2), [None])},)]},
    "descriptions": [refnet.float32, refnet.device("cpu"), refnet.ones(2, 3).shape],
    "numpy": [np.arange(3, dtype=np.int16), np.float32(1.5), np.array(2.0)],
    "optimizer": OPTIMIZER_STATE,
    "state": state(),
}


def assert_same(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, refnet.Tensor):
        assert got.dtype is expected.dtype and got.requires_grad is expected.requires_grad
        assert_same(got._array, expected._array)
    elif isinstance(expected, np.ndarray | np.generic):
        assert got.dtype == expected.dtype and got.shape == expected.shape
        assert got.tobytes() == np.ascontiguousarray(expected).tobytes()
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for left, right in zip(got, expected, strict=True):
            assert_same(left, right)
    else:
        assert repr(got) == repr(expected)


# --- round trips --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", OBJECTS)
def test_round_trip(tmp_path: Path, name: str, format: str) -> None:
    path = tmp_path / f"object.{format}"
    refnet.save(OBJECTS[name], path)
    assert_same(refnet.load(str(path)), OBJECTS[name])
    file = io.BytesIO()
    refnet.save(OBJECTS[name], file, format=format)
    assert file.getvalue() == path.read_bytes()
    assert_same(refnet.load(io.BytesIO(file.getvalue())), OBJECTS[name])


@pytest.mark.parametrize("format", FORMATS)
def test_layouts_and_flags(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"object.{format}"
    base = refnet.arange(24, dtype=refnet.float32).reshape(2, 3, 4)
    views = [base.permute(2, 0, 1), base[:, 1:, ::2], base[0, 0, 0].expand(5)]
    refnet.save(views, path)
    for got, expected in zip(refnet.load(path), views, strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.numpy())
    leaf, frozen = Parameter(refnet.ones(2)), Parameter(refnet.ones(2), requires_grad=False)
    refnet.save([leaf, frozen, refnet.ones(1, requires_grad=True)], path)
    loaded = refnet.load(path)
    assert [type(t) for t in loaded] == [Parameter, Parameter, refnet.Tensor]
    assert [t.requires_grad for t in loaded] == [True, False, True]
    loaded[1].add_(1)  # the memory is writable and its own
    np.testing.assert_array_equal(loaded[1].numpy(), [2, 2])


@pytest.mark.parametrize("format", FORMATS)
def test_module_versions_survive(tmp_path: Path, format: str) -> None:
    saved = state()
    saved._metadata = OrderedDict([("", {"version": 1}), ("bn", {"version": 2})])
    path = tmp_path / f"object.{format}"
    refnet.save(saved, path)
    assert_same(refnet.load(path)._metadata, saved._metadata)


def test_consecutive_use_of_a_file_object() -> None:
    file = io.BytesIO(b"prefix")
    file.seek(6)
    refnet.save([1], file)
    file.seek(6)
    assert refnet.load(file) == [1]


# --- exchange -----------------------------------------------------------------------------------------------------


def _bits(array: Any) -> Any:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def test_torch_reads_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors")
    from safetensors.torch import load_file

    path = tmp_path / "state.safetensors"
    expected = state()
    refnet.save(expected, path)
    got = load_file(path)
    assert set(got) == set(expected)
    for name, tensor in got.items():
        assert str(tensor.dtype).split(".")[-1] == expected[name].dtype.name
        assert tensor.shape == tuple(expected[name].shape)
        values = tensor.view(dtype=_torch_bits(tensor)).numpy() if tensor.dtype.itemsize == 2 else tensor.numpy()
        np.testing.assert_array_equal(_bits(values), _bits(expected[name]._array))
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["format"] == "pt"


def _torch_bits(tensor: Any) -> Any:
    import torch

    return torch.int16


def test_reads_safetensors_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    path = tmp_path / "state.safetensors"
    torch.manual_seed(0)
    saved = {d.name: (torch.randn(4, 5) * 9).to(getattr(torch, d.name)) for d in DTYPES}
    saved["scalar"], saved["empty"] = torch.tensor(2.5), torch.zeros(0, 3)
    save_file(saved, path, metadata={"made": "elsewhere"})
    got = refnet.load(path)
    assert type(got) is dict and set(got) == set(saved)
    for name, tensor in saved.items():
        assert got[name].dtype.name == str(tensor.dtype).split(".")[-1] and got[name].shape == tuple(tensor.shape)
        np.testing.assert_array_equal(got[name].double().numpy(), tensor.double().numpy())


def test_weights_travel_both_ways(tmp_path: Path) -> None:
    """A model's weights from torch, through a file, give the same numbers; and back again."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    path = tmp_path / "linear.safetensors"
    reference = torch.nn.Linear(3, 2)
    save_file(reference.state_dict(), path)
    refnet.save(refnet.load(path), path)
    again = load_file(path)
    for name, tensor in reference.state_dict().items():
        assert torch.equal(tensor, again[name])


def test_numpy_reads_and_writes_npz(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    refnet.save({"a.weight": refnet.ones(2, 3), "half": refnet.ones(1, dtype=refnet.bfloat16)}, path)
    with np.load(path) as archive:
        np.testing.assert_array_equal(archive["a.weight"], np.ones((2, 3), np.float32))
        np.testing.assert_array_equal(archive["half"].view(ml_dtypes.bfloat16), np.ones(1))
    for write in (np.savez, np.savez_compressed):
        write(path, x=np.asfortranarray(np.arange(6.0).reshape(2, 3)), y=np.array(1, ">i4"))
        got = refnet.load(path)
        np.testing.assert_array_equal(got["x"].numpy(), np.arange(6.0).reshape(2, 3))
        assert got["y"].dtype is refnet.int32 and got["y"].item() == 1


@pytest.mark.parametrize("format", FORMATS)
def test_training_resumes_where_it_was(tmp_path: Path, format: str) -> None:
    """Model and optimizer through a file: the next step is the same to the last bit."""

    def build() -> Any:
        refnet.manual_seed(0)
        model = refnet.nn.Sequential(refnet.nn.Linear(3, 4), refnet.nn.BatchNorm1d(4), refnet.nn.Linear(4, 1))
        return model, refnet.optim.Adam(model.parameters(), lr=0.1)

    def step(model: Any, optimizer: Any) -> None:
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()

    inputs = refnet.arange(15.0).reshape(5, 3)
    model, optimizer = build()
    step(model, optimizer)
    path = tmp_path / f"checkpoint.{format}"
    refnet.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}, path)
    step(model, optimizer)

    again, again_optimizer = build()
    loaded = refnet.load(path)
    again.load_state_dict(loaded["model"])
    again_optimizer.load_state_dict(loaded["optimizer"])
    step(again, again_optimizer)
    assert loaded["epoch"] == 1
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name].numpy(), tensor.numpy())


# --- map_location and the other arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "map_location",
    [None, "cpu", refnet.device("cpu"), {"cpu": "cpu"}, {"cuda:0": "cpu"}, lambda t, where: t, lambda t, where: None],
)
def test_map_location(tmp_path: Path, map_location: Any) -> None:
    path = tmp_path / "x.npz"
    refnet.save(refnet.ones(2), path)
    for weights_only in (None, True, False):
        loaded = refnet.load(path, map_location, weights_only=weights_only, mmap=False)
        assert loaded.device == refnet.device("cpu")


def test_map_location_function_sees_tensor_and_device(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    refnet.save({"a": refnet.ones(2)}, path)
    assert refnet.load(path, lambda tensor, where: tensor * 2 if where == "cpu" else None)["a"].sum().item() == 4


BAD_CALLS = [
    (lambda p: refnet.save({}, p / "model.pt"), ValueError, r"suffix '.pt'; expected .npz or .safetensors"),
    (lambda p: refnet.save({}, p / "model"), ValueError, "suffix ''"),
    (lambda p: refnet.save({}, p / "x.npz", format="zip"), ValueError, "format must be 'npz' or 'safetensors'"),
    (lambda p: refnet.save({}, 5), TypeError, "expected a path or a file object with write.., got int"),
    (lambda p: refnet.save({}, p / "none" / "x.npz"), FileNotFoundError, "none"),
    (lambda p: refnet.save({"a": [object()]}, p / "x.npz"), TypeError, r"obj\['a'\]\[0\] is a object"),
    (lambda p: refnet.save({"a": {1, 2}}, p / "x.npz"), TypeError, r"obj\['a'\] is a set"),
    (lambda p: refnet.save(1j, p / "x.npz"), TypeError, "obj is a complex"),
    (lambda p: refnet.save(np.array(["a"]), p / "x.npz"), TypeError, "obj: can't convert an array of numpy type"),
    (lambda p: refnet.save({object(): 1}, p / "x.npz"), TypeError, "a key of type object"),
    (lambda p: refnet.save(LOOP, p / "x.npz"), ValueError, r"obj\[0\] contains itself"),
    (
        lambda p: refnet.save({"__metadata__": refnet.ones(1)}, p / "x.safetensors"),
        ValueError,
        "'__metadata__' is no name",
    ),
    (lambda p: refnet.load(p / "missing.npz"), FileNotFoundError, "missing.npz"),
    (lambda p: refnet.load(io.BytesIO(), map_location=5), TypeError, "got int"),
    (lambda p: refnet.load(io.StringIO("text")), TypeError, "binary mode"),
]
LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_calls(tmp_path: Path, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- damage -------------------------------------------------------------------------------------------------------

SMALL = {"w": refnet.ones(2, 3), "b": refnet.zeros(2, dtype=refnet.bfloat16), "epoch": 3}


def _saved(format: str) -> bytes:
    file = io.BytesIO()
    refnet.save(SMALL, file, format=format)
    return file.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_every_truncation_is_refused(format: str) -> None:
    content = _saved(format)
    for length in range(len(content)):
        with pytest.raises(RuntimeError, match="cannot read"):
            refnet.load(io.BytesIO(content[:length]))


@pytest.mark.parametrize("format", FORMATS)
def test_no_flipped_bit_changes_what_is_loaded(format: str) -> None:
    """A damaged byte is refused, or (in a zip archive's dates and the like) changes nothing."""
    content = _saved(format)
    refused = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        try:
            loaded = refnet.load(io.BytesIO(bytes(damaged)))
        except RuntimeError:
            refused += 1
            continue
        assert_same(loaded, SMALL)
    assert refused == len(content) if format == "safetensors" else refused > len(content) // 2


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _header(text: str, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text.encode() + data


def _entry(**changes: Any) -> str:
    import json

    return json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}})


FOREIGN = {
    "empty": (b"", "it is empty"),
    "text": (b"hello world, this is text", "neither .npz nor .safetensors: it starts with b'hello"),
    "pickle": (pickle.dumps({"a": 1}), "it is a pickle"),
    "torch archive": (_zip(**{"model/data.pkl": b"", "model/data/0": b""}), "torch pickle archive"),
    "other zip": (_zip(**{"readme.txt": b"hi"}), "a member 'readme.txt'; expected .npy arrays only"),
    "object array": (_zip(**{"a.npy": _npy(np.array([{}], object))}), "array 'a': Object arrays cannot be loaded"),
    "text array": (_zip(**{"a.npy": _npy(np.array(["x"]))}), "array 'a': can't convert an array of numpy type <U1"),
    "long array": (_zip(**{"a.npy": _npy(np.ones(2)) + b"\0"}), "array 'a' has 1 bytes too many"),
    "short array": (_zip(**{"a.npy": _npy(np.ones(2))[:-1]}), "array 'a': "),
    "no json": (_zip(**{"refnet.json": b"{"}), "refnet.json is no valid JSON"),
    "wrong json": (_zip(**{"refnet.json": b"[]"}), "refnet.json is malformed"),
    "future version": (
        _zip(**{"refnet.json": b'{"arrays": {}, "document": {"version": 2, "content": 1}}'}),
        "version 2, expected 1",
    ),
    "unknown kind": (
        _zip(**{"refnet.json": b'{"arrays": {}, "document": {"version": 1, "content": {"call": "os.system"}}}'}),
        "unknown kind 'call'",
    ),
    "missing array": (
        _zip(**{"refnet.json": b'{"arrays": {}, "document": {"version": 1, "content": {"tensor": "a"}}}'}),
        "the array 'a' is missing",
    ),
    "recorded array missing": (
        _zip(**{"refnet.json": b'{"arrays": {"a": "float32"}, "document": {"version": 1, "content": 1}}'}),
        "the arrays a are missing",
    ),
    "bad pairs": (
        _zip(**{"refnet.json": b'{"arrays": {}, "document": {"version": 1, "content": {"dict": [[1]]}}}'}),
        "its structure is malformed",
    ),
    "header too long": ((2**40).to_bytes(8, "little") + b"{}", "its header should have 1099511627776 bytes"),
    "header no json": (_header("{ x }"), "its header is no valid JSON"),
    "twice": (_header('{"a": {}, "a": {}}'), "a key occurs twice"),
    "unknown type": (_header(_entry(dtype="F8_E4M3"), bytes(8)), "has type 'F8_E4M3'; supported are F64"),
    "negative size": (_header(_entry(shape=[-2]), bytes(8)), "entry of array 'a' is malformed"),
    "gap": (_header(_entry(data_offsets=[4, 12]), bytes(12)), "of 8 bytes should be at"),
    "wrong size": (_header(_entry(shape=[3]), bytes(8)), "of 12 bytes should be at"),
    "short data": (_header(_entry(), bytes(7)), "truncated: array 'a' ends at byte 8"),
    "long data": (_header(_entry(), bytes(9)), "got 9 bytes of data, expected 8"),
    "bool of 2": (_header(_entry(dtype="BOOL"), b"\0\2").replace(b"[0, 8]", b"[0, 2]"), "other than 0 and 1"),
    "metadata": (_header('{"__metadata__": {"a": 1}}'), "metadata is no JSON object of texts"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    content, message = FOREIGN[kind]
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(RuntimeError) as caught:
        refnet.load(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_header_length_that_looks_like_a_zip_archive() -> None:
    """19,280 is "PK" in little-endian bytes."""
    content = _header(_entry().ljust(19280), np.ones(2, np.float32).tobytes())
    assert content.startswith(b"PK") and refnet.load(io.BytesIO(content))["a"].tolist() == [1, 1]


def test_real_torch_checkpoint_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(RuntimeError, match="torch pickle archive"):
        refnet.load(path)


# --- saving is atomic ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("fails", ["encode", "open", "fsync", "replace"])
def test_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, fails: str) -> None:
    path = tmp_path / f"model.{format}"
    refnet.save(SMALL, path)
    before = path.read_bytes()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError("disk full")

    new: Any = {"w": refnet.zeros(5)}
    with monkeypatch.context() as patch:
        if fails == "encode":
            new["bad"] = object()
        elif fails == "open":
            patch.setattr("builtins.open", fail)
        else:
            patch.setattr(os, fails, fail)
        with pytest.raises((OSError, TypeError)):
            refnet.save(new, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "model.npz", tmp_path / "latest.npz"
    mask = os.umask(0o027)
    try:
        refnet.save([1], path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    link.symlink_to(path.name)
    refnet.save([2], link)
    assert link.is_symlink() and refnet.load(path) == [2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failing_file_object_gets_nothing() -> None:
    file = io.BytesIO()
    with pytest.raises(TypeError):
        refnet.save({"a": refnet.ones(3), "b": object()}, file)
    assert file.getvalue() == b""
