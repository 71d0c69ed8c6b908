"""Dropout layers: active in training, the identity in evaluation."""

from typing import Any, ClassVar

from refnet._check import check
from refnet.nn.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from refnet.nn.modules.module import Module


class _Dropout(Module):
    _function: ClassVar[Any]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check(0 <= p <= 1, lambda: f"dropout probability has to be between 0 and 1, but got {p}", ValueError)
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeroes elements with probability p and scales the rest by 1 / (1 - p): see `refnet.nn.functional.dropout`.

    >>> import refnet
    >>> refnet.nn.Dropout(0.5).eval()(refnet.ones(3))
    tensor([1., 1., 1.])
    """

    _function = staticmethod(dropout)


class Dropout1d(_Dropout):
    """Zeroes whole channels of (N, C, L): see `refnet.nn.functional.dropout1d`."""

    _function = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """Zeroes whole channels of (N, C, H, W): see `refnet.nn.functional.dropout2d`."""

    _function = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """Zeroes whole channels of (N, C, D, H, W): see `refnet.nn.functional.dropout3d`."""

    _function = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """Dropout for SELU networks: see `refnet.nn.functional.alpha_dropout`."""

    def forward(self, input: Any) -> Any:
        return alpha_dropout(input, self.p, self.training)  # never in place, as in torch


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: see `refnet.nn.functional.feature_alpha_dropout`."""

    def forward(self, input: Any) -> Any:
        return feature_alpha_dropout(input, self.p, self.training)  # never in place, as in torch
