"""Layers that only reshape."""

from typing import Any

from refnet._check import check
from refnet.nn.modules.module import Module


class Flatten(Module):
    """Dimensions start_dim to end_dim as one: (N, C, H, W) -> (N, C H W) by default.

    >>> import refnet
    >>> refnet.nn.Flatten()(refnet.zeros(2, 3, 4)).shape
    refnet.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Any:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension `dim` split into `unflattened_size`, one of which may be -1.

    >>> import refnet
    >>> refnet.nn.Unflatten(1, (3, -1))(refnet.zeros(2, 12)).shape
    refnet.Size([2, 3, 4])
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        check(isinstance(dim, int), lambda: f"unflattened dim must be int, got {type(dim).__name__}", TypeError)
        check(
            isinstance(unflattened_size, tuple | list),
            lambda: f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}",
            TypeError,
        )
        for position, size in enumerate(unflattened_size):
            check(
                isinstance(size, int),
                lambda position=position, size=size: (
                    f"unflattened_size must be tuple of ints, but found element of type "  # type: ignore[misc]
                    f"{type(size).__name__} at pos {position}"
                ),
                TypeError,
            )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Any) -> Any:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
