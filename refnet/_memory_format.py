"""Memory formats: the order in which a tensor's elements lie in memory, under torch's names."""


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
