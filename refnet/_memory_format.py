"""Memory formats: the order in which a tensor's elements lie in memory, under torch's names."""

from typing import Any


class memory_format:
    """One of the four constants of this module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"refnet.{self.name}"


contiguous_format = memory_format("contiguous_format")  # row-major
preserve_format = memory_format("preserve_format")  # as the input, where it is dense
channels_last = memory_format("channels_last")  # N, H, W, C in memory, for N, C, H, W tensors
channels_last_3d = memory_format("channels_last_3d")  # N, D, H, W, C in memory


ORDER = {
    contiguous_format: "C",
    preserve_format: "K",
    channels_last: "channels_last",
    channels_last_3d: "channels_last",
}
NDIM = {channels_last: 4, channels_last_3d: 5}


def suggests_channels_last(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether strides of 4 or 5 dimensions are those of a channels-last tensor: what operations go by for their results.

    Stricter than `is_contiguous`: where dimensions of size 1 leave it open, the strides must really say it. Strides
    in any unit.

    >>> suggests_channels_last((2, 3, 4, 4), (48, 1, 12, 3)), suggests_channels_last((2, 1, 4, 4), (16, 16, 4, 1))
    (True, False)
    """
    if len(shape) not in (4, 5) or 0 in shape or strides[1] == 0:
        return False
    least = 0
    for d in (1, *range(len(shape) - 1, 1, -1), 0):
        if strides[d] < least or (d == 0 and least == strides[1]):
            return False  # the second: N111, which either order describes
        least = strides[d] * max(shape[d], 1)
    return True


def lies_channels_last(array: Any) -> bool:
    """`suggests_channels_last` of an array; most are row-major, which is seen at once."""
    shape = array.shape
    if len(shape) not in (4, 5) or (array.flags.c_contiguous and shape[1] != 1 and shape[-1] != 1):
        return False
    return suggests_channels_last(shape, array.strides)


def suggested(x: Any) -> memory_format:
    """The format that torch gives results computed from the tensor x."""
    if x._batch_last is None and lies_channels_last(x._array):
        return channels_last if x.ndim == 4 else channels_last_3d
    return contiguous_format
