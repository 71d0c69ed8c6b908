"""Layers that trade channels for pixels, or channels for channels."""

from typing import Any

from refnet.nn.functional.vision import channel_shuffle, pixel_shuffle, pixel_unshuffle
from refnet.nn.modules.module import Module


class PixelShuffle(Module):
    """(.., C r^2, H, W) -> (.., C, H r, W r): see `refnet.nn.functional.pixel_shuffle`.

    >>> import refnet
    >>> refnet.nn.PixelShuffle(3)(refnet.zeros(1, 9, 4, 4)).shape
    refnet.Size([1, 1, 12, 12])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Any:
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(.., C, H r, W r) -> (.., C r^2, H, W): see `refnet.nn.functional.pixel_unshuffle`.

    >>> import refnet
    >>> refnet.nn.PixelUnshuffle(3)(refnet.zeros(1, 1, 12, 12)).shape
    refnet.Size([1, 9, 4, 4])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Any:
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out again over `groups`: see `refnet.nn.functional.channel_shuffle`."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Any:
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
