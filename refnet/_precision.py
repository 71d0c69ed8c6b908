"""Whether matrix products on a GPU may round more than their type: torch's switches, off at the start.

cupy has one setting for each element type, the "compute type" of its products (`cupy._core.set_compute_type`), which
every call of cuBLAS takes. It is read and set here, and nowhere else.
"""

from types import ModuleType
from typing import Any

from refnet import _gpu
from refnet._check import check

_DEFAULT, _FLOAT16, _TENSOR_FLOAT_32 = 1, 3, 7  # cupy's COMPUTE_TYPE_DEFAULT, _FP16, _TF32


class _Wanted:
    """What was asked for; cupy is told when it is there."""

    tf32 = False
    half_sums = False


_wanted = _Wanted()


def apply(module: ModuleType) -> None:
    """Tell cupy what is wanted, whatever its environment variables say."""
    core: Any = module._core
    core.set_compute_type("float32", _TENSOR_FLOAT_32 if _wanted.tf32 else _DEFAULT)
    core.set_compute_type("float16", _FLOAT16 if _wanted.half_sums else _DEFAULT)


_gpu.at_first_use.append(apply)


def _set(name: str, value: Any, setter: str) -> None:
    check(isinstance(value, bool), lambda: f"{setter} expects a bool, but got {type(value).__name__}")
    setattr(_wanted, name, value)
    if _gpu.is_loaded():
        apply(_gpu.cupy())


class Matmul:
    """``refnet.backends.cuda.matmul``: how products of matrices may round."""

    __slots__ = ()

    @property
    def allow_tf32(self) -> bool:
        """Whether products of float32 may read their operands as TF32, with 10 bits of the mantissa instead of 23.

        GPUs since Ampere do so several times as fast; older ones ignore it. It applies to what cupy multiplies with
        cuBLAS (`matmul`, `linear`, and convolutions that are products of matrices), not to kernels of refnet's own.
        """
        return _wanted.tf32

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        _set("tf32", value, "set_allow_tf32_cublas")

    @property
    def allow_fp16_reduced_precision_reduction(self) -> bool:
        """Whether products of float16 may be summed in float16. False here, True in torch.

        cupy offers it for the whole sum, where torch's switch is about partial sums. `matmul` of refnet multiplies
        half types in float32 and rounds once, so that only products that cupy is handed in float16 follow it.
        """
        return _wanted.half_sums

    @allow_fp16_reduced_precision_reduction.setter
    def allow_fp16_reduced_precision_reduction(self, value: bool) -> None:
        _set("half_sums", value, "set_allow_fp16_reduction_cublas")

    @property
    def allow_bf16_reduced_precision_reduction(self) -> bool:
        """False: products of bfloat16 are summed in float32, and cupy offers nothing else."""
        return False

    @allow_bf16_reduced_precision_reduction.setter
    def allow_bf16_reduced_precision_reduction(self, value: bool) -> None:
        check(
            value is False,
            lambda: "allow_bf16_reduced_precision_reduction: cupy has no such setting; sums are in float32",
        )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"Unknown attribute {name}")


class Cuda:
    """``refnet.backends.cuda``: settings of GPUs."""

    __slots__ = ()

    matmul = Matmul()

    def is_built(self) -> bool:
        """Whether refnet could use a GPU, if there was one: always, by way of cupy."""
        return True


class Cudnn:
    """``refnet.backends.cudnn``: cuDNN is not used; convolutions are products of matrices and kernels of refnet's own.

    `enabled`, `benchmark` and `deterministic` can be set as in torch, without effect: nothing is chosen by its speed, and
    results are the same in every run.
    """

    __slots__ = ("benchmark", "deterministic", "enabled")

    def __init__(self) -> None:
        self.enabled, self.benchmark, self.deterministic = True, False, False

    def is_available(self) -> bool:
        """False."""
        return False

    def version(self) -> None:
        """None."""
        return

    @property
    def allow_tf32(self) -> bool:
        """Whether convolutions may use TF32: as ``cuda.matmul.allow_tf32`` says, since they are products of matrices.

        False at the start, where torch has True. Setting it sets that one.
        """
        return _wanted.tf32

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        _set("tf32", value, "set_allow_tf32_cudnn")


cuda, cudnn = Cuda(), Cudnn()
