"""Fashion-MNIST: 70,000 grey images of clothing, 28 x 28, in ten classes (Xiao, Rasul, Vollgraf 2017)."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy

from refnet._check import check
from refnet.creation import from_numpy
from refnet.datasets._download import download as fetch
from refnet.datasets._download import md5_of
from refnet.datasets.idx import parse_idx, read_bytes
from refnet.utils.data import Dataset

SAMPLE_FOLDER = Path(__file__).parent / "data" / "fashion-mnist"
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


class File(NamedTuple):
    """One of the four files: its name without ``.gz``, and two MD5 checksums.

    `md5` is that of the compressed file as published (and as torchvision checks it), `content_md5` that of the IDX
    data inside. Repacked copies, such as Debian's, differ in the gzip header only: with the published name and time
    put back into the header they have the published checksum. So the content's checksum identifies every copy.
    """

    name: str
    md5: str
    content_md5: str


class Split(NamedTuple):
    """The files of a split, the number of its images, and how many of them the packaged sample has."""

    images: File
    labels: File
    length: int
    sample_length: int


TRAIN = Split(
    File("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    File("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
    60_000,
    2_000,
)
TEST = Split(
    File("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
    File("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
    10_000,
    500,
)


class FashionMNIST(Dataset[tuple[Any, Any]]):
    """Fashion-MNIST, with the constructor and attributes of torchvision's class of that name.

    An item is a pair (image, class). The image is a float32 tensor of shape (1, 28, 28) with values from 0 to 1: what
    torchvision's class gives with ``transform=ToTensor()``; no imaging library is needed. `transform`
    gets this tensor, `target_transform` gets the class, a Python int from 0 to 9.

    The files are looked for, plain or compressed, in this order:

    1. in `root` itself, then in ``root/FashionMNIST/raw``, where torchvision puts them;
    2. in ``/usr/share/datasets/fashion-mnist``, Debian's package dataset-fashion-mnist;
    3. with ``download=True`` they are fetched into ``root/FashionMNIST/raw``.

    Every copy is checked: format, sizes, and the checksum of its content. A damaged copy is an error, not a reason to
    look elsewhere; only in ``root/FashionMNIST/raw`` and with ``download=True`` it is replaced. `FashionMNIST.sample`
    needs none of this: 2,000 training and 500 test images come with the package.

    Args:
        root: folder to look in first, and to download to; None for none.
        train: the 60,000 training images, or the 10,000 test images.
        transform: applied to every image that is taken out.
        target_transform: applied to every class that is taken out.
        download: fetch the files if no copy was found.

    Attributes:
        data: the raw images, uint8 of shape (N, 28, 28), values from 0 to 255.
        targets: their classes, int64 of shape (N,).
        classes: the ten names, by class.
        class_to_idx: the classes, by name.

    Raises RuntimeError that lists every place looked at if there is no copy, and one that names the file, what was
    found and what was expected if a copy is damaged.

    >>> dataset = FashionMNIST.sample()
    >>> image, target = dataset[0]
    >>> len(dataset), image.shape, dataset.classes[target]
    (2000, refnet.Size([1, 28, 28]), 'Ankle boot')
    """

    mirrors: ClassVar[list[str]] = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        check(
            root is not None or not download,
            lambda: "FashionMNIST(): download=True needs a root to download to",
            ValueError,
        )
        self.root = None if root is None else Path(root).expanduser()
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
        split = TRAIN if train else TEST
        folder = self._find(split, download)
        self._load(folder, split, split.length, verify=True)

    @classmethod
    def sample(
        cls,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> Self:
        """The packaged sample of the real data: its first 2,000 training or first 500 test images.

        >>> FashionMNIST.sample(train=False).targets[:5]
        tensor([9, 2, 1, 1, 6])
        """
        dataset = cls.__new__(cls)
        dataset.root = SAMPLE_FOLDER
        dataset.train = train
        dataset.transform = transform
        dataset.target_transform = target_transform
        split = TRAIN if train else TEST
        dataset._load(SAMPLE_FOLDER, split, split.sample_length, verify=False)
        return dataset

    @property
    def raw_folder(self) -> Path | None:
        """Where downloads go, and where torchvision's are found."""
        return None if self.root is None else self.root / type(self).__name__ / "raw"

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The class of every name."""
        return {name: index for index, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = from_numpy(self._images[index][None].astype(numpy.float32) / numpy.float32(255))
        target: Any = int(self._labels[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"    Number of datapoints: {len(self)}",
            f"    Location: {self.folder}",
            f"    Split: {'Train' if self.train else 'Test'}",
        ]
        if self.transform is not None:
            lines.append(f"    Transform: {self.transform!r}")
        if self.target_transform is not None:
            lines.append(f"    Target transform: {self.target_transform!r}")
        return "\n".join(lines)

    @property
    def _images(self) -> Any:
        return self.data.numpy()

    @property
    def _labels(self) -> Any:
        return self.targets.numpy()

    def _places(self) -> Iterator[Path]:
        if self.root is not None and self.raw_folder is not None:
            yield self.root
            yield self.raw_folder
        yield SYSTEM_FOLDER

    def _find(self, split: Split, download: bool) -> Path:
        """The first folder with both files of `split`, after a download if that is wanted and needed."""
        looked_at = []
        for folder in self._places():
            missing = [file.name for file in (split.images, split.labels) if _locate(folder, file) is None]
            if not missing:
                if download and folder == self.raw_folder:
                    self._download(split)
                return folder
            looked_at.append(f"{folder}: no {' and no '.join(missing)}, plain or .gz")
        if download:
            return self._download(split)
        raise RuntimeError(
            "FashionMNIST: dataset not found. Looked at:\n  "
            + "\n  ".join(looked_at)
            + "\nTo get it: pass download=True with a root; or install Debian's package dataset-fashion-mnist; or put "
            f"{split.images.name}.gz and {split.labels.name}.gz into root. FashionMNIST.sample(train={self.train}) "
            f"gives the first {split.sample_length} images, which are packaged."
        )

    def _download(self, split: Split) -> Path:
        """Fetch the files of `split` that are not there or damaged."""
        folder = self.raw_folder
        if folder is None:
            raise ValueError("FashionMNIST(): download=True needs a root to download to")
        for file in (split.images, split.labels):
            if not _is_sound(_locate(folder, file), file):
                compressed = f"{file.name}.gz"
                fetch([mirror + compressed for mirror in self.mirrors], folder / compressed, file.md5)
                (folder / file.name).unlink(missing_ok=True)  # a damaged plain copy would be found first
        return folder

    def _load(self, folder: Path, split: Split, length: int, *, verify: bool) -> None:
        self.folder = folder
        images = _read(folder, split.images, (length, 28, 28), verify)
        labels = _read(folder, split.labels, (length,), verify)
        self.data = from_numpy(images)
        self.targets = from_numpy(labels.astype(numpy.int64))


def _locate(folder: Path, file: File) -> Path | None:
    """The path of a file, plain or compressed, or None."""
    for path in (folder / file.name, folder / f"{file.name}.gz"):
        if path.is_file():
            return path
    return None


def _is_sound(path: Path | None, file: File) -> bool:
    if path is None:
        return False
    try:
        return md5_of(read_bytes(path)) == file.content_md5
    except RuntimeError:
        return False


def _read(folder: Path, file: File, shape: tuple[int, ...], verify: bool) -> Any:
    """The uint8 array of a file after every check: format, type, shape, and with `verify` the checksum."""
    path = _locate(folder, file)
    check(path is not None, lambda: f"{folder / file.name}: missing, and {file.name}.gz too")
    content = read_bytes(path or folder)
    array = parse_idx(content, str(path))
    check(
        array.dtype == numpy.uint8 and array.shape == shape,
        lambda: f"{path}: got {array.dtype} of shape {list(array.shape)}, expected uint8 of shape {list(shape)}",
    )
    if verify:
        got = md5_of(content)
        check(
            got == file.content_md5,
            lambda: (
                f"{path}: got content with MD5 {got}, expected {file.content_md5}: "
                "the file is damaged or is not Fashion-MNIST"
            ),
        )
    return array
