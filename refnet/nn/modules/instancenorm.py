"""Instance normalization layers."""

import warnings
from typing import Any

from refnet._check import check
from refnet.nn.functional.normalization import instance_norm
from refnet.nn.modules.batchnorm import _LazyNorm, _NormBase


class _InstanceNorm(_NormBase):
    """What the instance norms share: without parameters and running statistics unless asked for."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        single = input.ndim == self._ranks[0]  # one sample, without a batch dimension
        dim = 0 if single else 1
        if input.shape[dim] != self.num_features:
            check(
                not self.affine,
                lambda: (
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), "
                    f"but got: {input.shape[dim]}."
                ),
                ValueError,
            )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
                "num_features, which is not used because affine=False",
                stacklevel=2,
            )
        out = instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if single else out

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if found:
                kind = type(self).__name__
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {' and '.join(map(repr, found))} for {kind} with "
                    "track_running_stats=False: a state without a version number was saved when they were kept by "
                    f"default. Take these keys out of the state_dict, or make the {kind} with "
                    "track_running_stats=True."
                )
            for name in found:
                state_dict.pop(prefix + name)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalizes each channel of each sample of (N, C, L), or of one (C, L): see `refnet.nn.functional.instance_norm`.

    >>> import refnet
    >>> refnet.nn.InstanceNorm1d(1)(refnet.tensor([[[1.0, 3.0]], [[10.0, 50.0]]]))
    tensor([[[-1.0000,  1.0000]],
    <BLANKLINE>
            [[-1.0000,  1.0000]]])
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalizes each channel of each image of (N, C, H, W), or of one (C, H, W); see `InstanceNorm1d`."""

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalizes each channel of each volume of (N, C, D, H, W), or of one (C, D, H, W); see `InstanceNorm1d`."""

    _ranks = (4, 5)


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An `InstanceNorm1d` that takes the number of channels from its first input; affine and tracking by default."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An `InstanceNorm2d` that takes the number of channels from its first input; affine and tracking by default."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An `InstanceNorm3d` that takes the number of channels from its first input; affine and tracking by default."""

    cls_to_become = InstanceNorm3d
