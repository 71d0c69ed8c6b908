"""Layers that put borders around sequences, images and volumes: see `refnet.nn.functional.pad`.

`padding` is one number for all sides, or a pair for each dimension from the last one on: (left, right, top, bottom,
front, back). A negative number crops.
"""

from typing import Any, ClassVar

from refnet._check import check
from refnet.nn.functional.conv import pad
from refnet.nn.modules.module import Module


class _Pad(Module):
    """Borders in as many dimensions as the class says."""

    _dims: ClassVar[int]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self._dims) if not hasattr(padding, "__iter__") else tuple(padding)

    def extra_repr(self) -> str:
        return f"{self.padding}"


# --- a constant ---------------------------------------------------------------------------------------------------


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` on both sides of a sequence.

    >>> import refnet
    >>> refnet.nn.ConstantPad1d((1, 2), 9.0)(refnet.zeros(1, 2))
    tensor([[9., 0., 0., 9., 9.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """`value` around an image."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """`value` around a volume."""

    _dims = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Zeros on both sides of a sequence."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Zeros around an image.

    >>> import refnet
    >>> refnet.nn.ZeroPad2d((1, 0, 1, 0))(refnet.ones(1, 1, 1))
    tensor([[[0., 0.],
             [0., 1.]]])
    """


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Zeros around a volume."""


# --- the input itself ---------------------------------------------------------------------------------------------


class _ReflectionPad(_Pad):
    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, "reflect")


class ReflectionPad1d(_ReflectionPad):
    """A sequence mirrored at its first and last elements.

    >>> import refnet
    >>> refnet.nn.ReflectionPad1d(2)(refnet.tensor([[0.0, 1.0, 2.0]]))
    tensor([[2., 1., 0., 1., 2., 1., 0.]])
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPad):
    """An image mirrored at its border elements."""

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """A volume mirrored at its border elements."""

    _dims = 3


class _ReplicationPad(_Pad):
    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, "replicate")


class ReplicationPad1d(_ReplicationPad):
    """A sequence whose first and last elements are repeated.

    >>> import refnet
    >>> refnet.nn.ReplicationPad1d(2)(refnet.tensor([[0.0, 1.0]]))
    tensor([[0., 0., 0., 1., 1., 1.]])
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPad):
    """An image whose border elements are repeated."""

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """A volume whose border elements are repeated."""

    _dims = 3


class _CircularPad(_Pad):
    def forward(self, input: Any) -> Any:
        least = self._dims + 1
        check(
            input.dim() in (least, least + 1),
            lambda: f"expected {least}D or {least + 1}D input (got {input.dim()}D input)",
            ValueError,
        )
        return pad(input, self.padding, "circular")


class CircularPad1d(_CircularPad):
    """A sequence that goes on at its other end.

    >>> import refnet
    >>> refnet.nn.CircularPad1d(1)(refnet.tensor([[0.0, 1.0, 2.0]]))
    tensor([[2., 0., 1., 2., 0.]])
    """

    _dims = 1


class CircularPad2d(_CircularPad):
    """An image that goes on at its other sides."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """A volume that goes on at its other sides."""

    _dims = 3
