"""Layers that take images apart into sliding blocks, and put them together."""

from typing import Any

from refnet.nn.functional.vision import fold, unfold
from refnet.nn.modules.module import Module


class Fold(Module):
    """Columns (N, C K, L) added up to images (N, C, H, W): see `refnet.nn.functional.fold`.

    >>> import refnet
    >>> refnet.nn.Fold(output_size=(4, 5), kernel_size=(2, 2))(refnet.zeros(1, 12, 12)).shape
    refnet.Size([1, 3, 4, 5])
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """The sliding blocks of images (N, C, H, W) as columns (N, C K, L): see `refnet.nn.functional.unfold`.

    >>> import refnet
    >>> refnet.nn.Unfold(kernel_size=(2, 3))(refnet.zeros(2, 5, 3, 4)).shape
    refnet.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
