"""Batch normalization layers."""

from typing import Any, ClassVar

from refnet import _dtype
from refnet._check import check
from refnet._inplace import fill
from refnet.creation import empty, ones, tensor, zeros
from refnet.nn import init
from refnet.nn.functional.normalization import batch_norm
from refnet.nn.modules.lazy import LazyModuleMixin
from refnet.nn.modules.module import Module
from refnet.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter


class _NormBase(Module):
    """Parameters and running statistics of batch and instance norms; the layers differ in the ranks they take."""

    _version = 2  # of the state: 2 added num_batches_tracked
    _ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        options = {"device": device, "dtype": dtype}
        self.register_parameter("weight", self._new_parameter(options) if affine else None)
        self.register_parameter("bias", self._new_parameter(options) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", self._new_buffer(zeros, options) if tracked else None)
        self.register_buffer("running_var", self._new_buffer(ones, options) if tracked else None)
        count = tensor(0, dtype=_dtype.int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def _new_parameter(self, options: dict[str, Any]) -> Parameter:
        return Parameter(empty(self.num_features, **options))

    def _new_buffer(self, fill: Any, options: dict[str, Any]) -> Any:
        return fill(self.num_features, **options)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Reset the running statistics; weight 1 and bias 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        wanted = " or ".join(f"{rank}D" for rank in self._ranks)
        check(input.ndim in self._ranks, lambda: f"expected {wanted} input (got {input.ndim}D input)", ValueError)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = tensor(0, dtype=_dtype.int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def _count(batches: Any) -> None:
    batches += 1


class _BatchNorm(_NormBase):
    """What the batch norms share."""

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            fill(self.num_batches_tracked, _count, "add")
            if self.momentum is None:  # the mean over all batches so far
                momentum = 1.0 / float(self.num_batches_tracked)
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        moved = not self.training or self.track_running_stats
        mean, variance = (self.running_mean, self.running_var) if moved else (None, None)
        return batch_norm(input, mean, variance, self.weight, self.bias, use_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalizes each channel of (N, C) or (N, C, L): see `refnet.nn.functional.batch_norm`.

    Weight and bias (C,) if `affine`; buffers running_mean, running_var and num_batches_tracked if
    `track_running_stats`. `momentum` None averages over all batches alike.

    >>> import refnet
    >>> layer = refnet.nn.BatchNorm1d(1)
    >>> _ = layer(refnet.tensor([[1.0], [3.0]]))
    >>> layer.running_mean, layer.running_var
    (tensor([0.2000]), tensor([1.1000]))
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalizes each channel of images (N, C, H, W); see `BatchNorm1d`."""

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalizes each channel of volumes (N, C, D, H, W); see `BatchNorm1d`."""

    _ranks = (5,)


class _LazyNorm(LazyModuleMixin, _NormBase):
    """Waits for the first input to learn the number of channels."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _new_parameter(self, options: dict[str, Any]) -> Parameter:
        waiting: Parameter = UninitializedParameter(**options)
        return waiting

    def _new_buffer(self, fill: Any, options: dict[str, Any]) -> Any:
        return UninitializedBuffer(**options)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Any) -> None:
        """Take the number of channels from dimension 1 of an input and initialize."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for waiting in (self.weight, self.bias, self.running_mean, self.running_var):
                if waiting is not None:
                    waiting.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` that takes the number of channels from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A `BatchNorm2d` that takes the number of channels from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A `BatchNorm3d` that takes the number of channels from its first input."""

    cls_to_become = BatchNorm3d
