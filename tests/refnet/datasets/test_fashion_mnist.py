"""Fashion-MNIST: the packaged sample, where full copies are looked for, downloads, and what damaged copies say."""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refnet
from refnet.datasets import FashionMNIST, fashion_mnist
from refnet.datasets._download import download
from refnet.datasets.fashion_mnist import SAMPLE_FOLDER, SYSTEM_FOLDER, TEST, TRAIN, File, Split
from refnet.datasets.idx import format_idx, read_idx
from refnet.datasets.make_sample import make_sample

needs_full_data = pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason=f"no full data in {SYSTEM_FOLDER}")


# --- the packaged sample ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("train", "length"), [(True, 2000), (False, 500)])
def test_sample(train: bool, length: int) -> None:
    dataset = FashionMNIST.sample(train)
    assert len(dataset) == length and dataset.train is train
    assert dataset.data.shape == (length, 28, 28) and dataset.data.dtype is refnet.uint8
    assert dataset.targets.shape == (length,) and dataset.targets.dtype is refnet.int64
    assert set(dataset.targets.tolist()) == set(range(10))
    assert dataset.class_to_idx["Ankle boot"] == 9 and dataset.classes[0] == "T-shirt/top"
    assert str(length) in repr(dataset)


def test_first_labels_are_the_published_ones() -> None:
    assert FashionMNIST.sample(True).targets[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert FashionMNIST.sample(False).targets[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]


def test_items() -> None:
    dataset = FashionMNIST.sample()
    image, target = dataset[-1]
    assert image.shape == (1, 28, 28) and image.dtype is refnet.float32 and type(target) is int
    raw = dataset.data[-1].numpy()
    np.testing.assert_array_equal(image.numpy()[0], raw.astype(np.float32) / np.float32(255))
    assert 0 <= image.min().item() < image.max().item() <= 1
    image.zero_()
    assert dataset.data[-1].numpy().any()  # an item is a copy
    with pytest.raises(IndexError):
        dataset[2000]


def test_scaling_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    ours = np.arange(256, dtype=np.uint8).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(ours, torch.arange(256, dtype=torch.uint8).float().div(255).numpy())


def test_transforms() -> None:
    dataset = FashionMNIST.sample(transform=lambda x: (x - 0.5) / 0.5, target_transform=lambda c: c * 10)
    plain = FashionMNIST.sample()
    image, target = dataset[3]
    np.testing.assert_array_equal(image.numpy(), ((plain[3][0] - 0.5) / 0.5).numpy())
    assert target == plain[3][1] * 10


def test_sample_carries_its_licence() -> None:
    assert "Zalando SE" in (SAMPLE_FOLDER / "LICENSE").read_text()
    assert "make_sample" in (SAMPLE_FOLDER / "README.md").read_text()


def test_sample_feeds_a_loader() -> None:
    images, targets = next(iter(refnet.utils.data.DataLoader(FashionMNIST.sample(), batch_size=16)))
    assert images.shape == (16, 1, 28, 28) and targets.dtype is refnet.int64


@needs_full_data
def test_sample_is_the_beginning_of_the_full_data(tmp_path: Path) -> None:
    make_sample(SYSTEM_FOLDER, tmp_path)
    for split in (TRAIN, TEST):
        for file in (split.images, split.labels):
            name = f"{file.name}.gz"
            np.testing.assert_array_equal(read_idx(tmp_path / name), read_idx(SAMPLE_FOLDER / name))


# --- where copies are looked for: with two small made-up splits in place of the real ones -------------------------

MIRROR_FILES: dict[str, bytes] = {}


def _file(name: str, array: Any) -> File:
    content = format_idx(array)
    MIRROR_FILES[name] = gzip.compress(content, mtime=0)
    return File(name, hashlib.md5(MIRROR_FILES[name]).hexdigest(), hashlib.md5(content).hexdigest())


def _split(prefix: str, length: int) -> Split:
    rng = np.random.default_rng(length)
    images = rng.integers(0, 256, (length, 28, 28), np.uint8)
    labels = rng.integers(0, 10, length, np.uint8)
    return Split(_file(prefix + "-images", images), _file(prefix + "-labels", labels), length, 1)


SMALL_TRAIN, SMALL_TEST = _split("train", 12), _split("t10k", 5)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty system folder, with small files expected everywhere."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", folder)
    monkeypatch.setattr(fashion_mnist, "TRAIN", SMALL_TRAIN)
    monkeypatch.setattr(fashion_mnist, "TEST", SMALL_TEST)
    return folder


def put(folder: Path, split: Split, *, plain: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in (split.images, split.labels):
        content = MIRROR_FILES[file.name]
        if plain:
            (folder / file.name).write_bytes(gzip.decompress(content))
        else:
            (folder / f"{file.name}.gz").write_bytes(content)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("place", ["root", "root/FashionMNIST/raw", "system"])
@pytest.mark.parametrize("train", [True, False])
def test_places(system: Path, tmp_path: Path, place: str, plain: bool, train: bool) -> None:
    split = SMALL_TRAIN if train else SMALL_TEST
    put(tmp_path / place, split, plain=plain)
    dataset = FashionMNIST(str(tmp_path / "root"), train)
    assert dataset.folder == tmp_path / place and len(dataset) == split.length
    assert dataset.targets.tolist() == list(gzip.decompress(MIRROR_FILES[split.labels.name])[8:])


def test_order_of_places(system: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in (system, root / "FashionMNIST" / "raw", root):
        put(folder, SMALL_TRAIN)
        assert FashionMNIST(root).folder == folder
    assert FashionMNIST().folder == system


def test_missing_data_names_every_place_and_remedy(system: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, SMALL_TRAIN)
    (root / "train-labels.gz").unlink()
    with pytest.raises(RuntimeError) as caught:
        FashionMNIST(root)
    message = str(caught.value)
    for expected in (
        f"{root}: no train-labels,",
        f"{root / 'FashionMNIST' / 'raw'}: no train-images and no train-labels",
        str(system),
        "download=True",
        "dataset-fashion-mnist",
        "FashionMNIST.sample(train=True)",
    ):
        assert expected in message


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip_a_pixel(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))


def _other_count(path: Path) -> None:
    path.write_bytes(gzip.compress(format_idx(np.zeros((11, 28, 28), np.uint8))))


def _other_type(path: Path) -> None:
    path.write_bytes(gzip.compress(format_idx(np.zeros((12, 28, 28), np.int32))))


def _web_page(path: Path) -> None:
    path.write_bytes(b"<html>404</html>")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "damaged gzip file"),
        (_flip_a_pixel, f"expected {SMALL_TRAIN.images.content_md5}: the file is damaged"),
        (_other_count, r"got uint8 of shape \[11, 28, 28\], expected uint8 of shape \[12, 28, 28\]"),
        (_other_type, r"got int32 of shape \[12, 28, 28\], expected uint8"),
        (_web_page, "not an IDX file: it starts with 3c68746d"),
    ],
)
def test_damaged_copy_is_named(system: Path, tmp_path: Path, damage: Any, message: str) -> None:
    root = tmp_path / "root"
    put(root, SMALL_TRAIN)
    put(system, SMALL_TRAIN)  # a sound copy further down does not hide the damage
    damage(root / "train-images.gz")
    with pytest.raises(RuntimeError, match=message) as caught:
        FashionMNIST(root)
    assert str(root / "train-images.gz") in str(caught.value)


# --- download -----------------------------------------------------------------------------------------------------


class _Mirror(http.server.BaseHTTPRequestHandler):
    served: dict[str, bytes]
    asked: list[str]
    announce_more = 0

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.asked.append(name)
        if name not in self.served:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.served[name]) + self.announce_more))
        self.end_headers()
        self.wfile.write(self.served[name])

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Mirror]]:
    """A mirror on this machine, the second of two: the first has nothing."""
    handler = type("Handler", (_Mirror,), {"asked": []})
    handler.served = {f"{name}.gz": content for name, content in MIRROR_FILES.items()}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:1/", base])
        yield handler
        server.shutdown()


def test_download(system: Path, tmp_path: Path, mirror: type[_Mirror]) -> None:
    root = tmp_path / "root"
    dataset = FashionMNIST(root, download=True)
    assert len(dataset) == 12 and dataset.folder == root / "FashionMNIST" / "raw"
    assert sorted(path.name for path in dataset.folder.iterdir()) == ["train-images.gz", "train-labels.gz"]
    assert mirror.asked == ["train-images.gz", "train-labels.gz"]
    FashionMNIST(root, download=True)
    assert len(mirror.asked) == 2  # nothing is fetched twice


def test_download_is_the_last_resort(system: Path, tmp_path: Path, mirror: type[_Mirror]) -> None:
    put(system, SMALL_TRAIN)
    assert FashionMNIST(tmp_path / "root", download=True).folder == system
    assert mirror.asked == []


def test_download_replaces_a_damaged_file_only(system: Path, tmp_path: Path, mirror: type[_Mirror]) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    put(raw, SMALL_TRAIN, plain=True)
    (raw / "train-labels").write_bytes(b"junk")
    assert len(FashionMNIST(tmp_path, download=True)) == 12
    assert mirror.asked == ["train-labels.gz"]


@pytest.mark.parametrize("fault", ["wrong content", "cut short", "not there"])
def test_failed_download_leaves_nothing(system: Path, tmp_path: Path, mirror: type[_Mirror], fault: str) -> None:
    if fault == "wrong content":
        mirror.served["train-images.gz"] = b"something else"
        expected = f"got MD5 {hashlib.md5(b'something else').hexdigest()}, expected {SMALL_TRAIN.images.md5}"
    elif fault == "cut short":
        mirror.announce_more = 10
        expected = "the connection ended early"
    else:
        del mirror.served["train-images.gz"]
        expected = "HTTP Error 404"
    with pytest.raises(RuntimeError, match="could not download train-images.gz") as caught:
        FashionMNIST(tmp_path, download=True)
    assert expected in str(caught.value) and "127.0.0.1:1/" in str(caught.value)
    assert list((tmp_path / "FashionMNIST" / "raw").iterdir()) == []


def test_failed_download_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="could not download"):
        download(["http://127.0.0.1:1/file"], path, "0" * 32)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_download_needs_a_root() -> None:
    with pytest.raises(ValueError, match="needs a root"):
        FashionMNIST(download=True)


# --- the real full data -------------------------------------------------------------------------------------------


@needs_full_data
def test_full_data() -> None:
    dataset = FashionMNIST(train=False)
    assert len(dataset) == 10_000 and dataset.folder == SYSTEM_FOLDER
    np.testing.assert_array_equal(np.bincount(dataset.targets.numpy()), np.full(10, 1000))


@needs_full_data
@pytest.mark.parametrize("file", [TEST.images, TEST.labels], ids=lambda file: file.name)
def test_published_and_repacked_files_differ_in_the_header_only(file: File) -> None:
    """The repacked gzip stream under the published header (name, time of packing) has the published checksum."""
    repacked = (SYSTEM_FOLDER / f"{file.name}.gz").read_bytes()
    header = b"\x1f\x8b\x08\x08" + (1504176627).to_bytes(4, "little") + b"\x00\x03" + file.name.encode() + b"\0"
    assert hashlib.md5(header + repacked[10:]).hexdigest() == file.md5
