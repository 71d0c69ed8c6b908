"""What an entry of torch's operator database calls, by a name that any namespace like torch's resolves.

Most entries are called what they call: `nn.functional.conv2d`. Others wrap it: they set a seed first (the harness does
that itself), call a method, or take the arguments in another order, because the database wants the differentiable one
first. A few compute something around the call: those become programs.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.case import Named, Operation, Program

SWAPPED = frozenset({"einsum", "polygamma", "special.polygamma", "where", "nn.functional.embedding", "nn.functional.embedding_bag", "normal.number_mean"})  # fmt: skip
"""Entries that want the first two positional arguments the other way round."""

IN_PLACE = frozenset({"cauchy", "exponential", "geometric", "log_normal", "uniform"})
"""Entries that fill their first argument with random numbers: `Tensor.cauchy_` and so on."""

# Methods whose name stands in the namespace too, for something else (`torch.bool`), or not at all.
METHODS = frozenset(
    [
        "bfloat16",
        "bool",
        "byte",
        "cdouble",
        "cfloat",
        "chalf",
        "char",
        "contiguous",
        "double",
        "expand",
        "expand_as",
        "float",
        "half",
        "int",
        "item",
        "long",
        "new_empty",
        "new_empty_strided",
        "new_full",
        "new_ones",
        "new_zeros",
        "repeat",
        "reshape_as",
        "short",
        "sum_to_size",
        "to",
        "to_sparse",
        "unfold",
        "view",
        "view_as",
        "__getitem__",
        "__radd__",
        "__rand__",
        "__rdiv__",
        "__rmatmul__",
        "__rmod__",
        "__rmul__",
        "__ror__",
        "__rpow__",
        "__rsub__",
        "__rxor__",
    ]
)

UNINITIALIZED = "its numbers are whatever the memory held"
OTHER_STREAM = "draws other random numbers at float64 than at float32, so there is nothing to hold its results against"
SPARSE = "its arguments or results are sparse tensors, which the harness cannot look into"
LEFT_OUT = {
    **dict.fromkeys(
        ("bernoulli", "normal", "normal.in_place", "normal.number_mean", "rand_like", "randn", "randn_like", "uniform"),
        OTHER_STREAM,
    ),
    "as_strided.partial_views": "looks at memory around its argument, which is not there around a copy",
    **dict.fromkeys(
        ("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_"),
        UNINITIALIZED,
    ),
    "chalf": "gives complex numbers of two half-precision parts, which have no numpy type",
    **dict.fromkeys(("to_sparse", "sparse.mm", "sparse.mm.reduce", "sparse.sampled_addmm"), SPARSE),
    **dict.fromkeys(
        ("jiterator_unary", "jiterator_binary", "jiterator_4inputs_with_extra_args", "jiterator_binary_return_by_ref",
         "jiterator_2inputs_2outputs"),
        "compiles its argument, CUDA source text, and runs on CUDA devices only",
    ),
}  # fmt: skip
"""Entries without cases, and why."""


# --- programs ------------------------------------------------------------------------------------------------------


def _svd_lowrank(torch: Any, a: Any, b: Any, **keywords: Any) -> Any:
    return torch.svd_lowrank(a @ b.mT, **keywords)


def _pca_lowrank(torch: Any, a: Any, b: Any, **keywords: Any) -> Any:
    return torch.pca_lowrank(a @ b.mT, **keywords)


def _lstsq(torch: Any, a: Any, b: Any, driver: str) -> Any:
    """The solution and the residuals, which are what a gradient is taken of."""
    return tuple(torch.linalg.lstsq(a, b, driver=driver)[:2])


def _singular_pinv(torch: Any, a: Any, b: Any) -> Any:
    return torch.linalg.pinv(a @ b.mT)


def _max_pool2d_backward(torch: Any, x: Any, **keywords: Any) -> Any:
    """The gradient of max pooling, from the winners that the forward pass found."""
    keywords = {name: value for name, value in keywords.items() if name != "return_indices"}
    out, indices = torch.nn.functional.max_pool2d(x, **keywords, return_indices=True)
    window = [keywords.get(name) for name in ("kernel_size", "stride", "padding", "dilation")]
    window[1] = window[0] if window[1] is None else window[1]
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    return backward(torch.ones_like(out), x, *window, keywords.get("ceil_mode", False), indices)


def _attribute(name: str) -> Program:
    def program(torch: Any, x: Any) -> Any:
        return getattr(x, name)

    return program


def _zero(torch: Any, x: Any) -> Any:
    return torch.zero_(x.clone())


def _cov(torch: Any, x: Any, *, aweights: Any = None, **keywords: Any) -> Any:
    """Weights as precise as the observations: those of the samples are float32, and so would their sum be rounded."""
    if x.dtype == torch.float64 and aweights is not None:
        aweights = aweights.to(x.dtype)
    return torch.cov(x, aweights=aweights, **keywords)


# What follows the input in a call, up to the dimension. Torch does not say which of several equal numbers these choose.
CHOOSING = {
    "sort": ("dim",), "argsort": ("dim",), "topk": ("k", "dim"), "kthvalue": ("k", "dim"), "mode": ("dim",),
    "median": ("dim",), "nanmedian": ("dim",), "msort": (),
}  # fmt: skip


def _choosing(name: str) -> Program:
    """Positions as the numbers that they point at: where no two are equal, that says as much."""
    before = CHOOSING[name]

    def program(torch: Any, x: Any, *given: Any, **keywords: Any) -> Any:
        found = getattr(torch, name)(x, *given, **keywords)
        values, positions = found if isinstance(found, tuple) else (None, found)
        if keywords.get("stable") or (values is None and name != "argsort"):
            return found
        dim = dict(zip(before, given, strict=False)).get("dim", keywords.get("dim", -1))
        at = positions if positions.ndim == x.ndim else positions.unsqueeze(dim)
        numbers = x.detach().gather(dim, at).reshape(positions.shape)
        return numbers if values is None else (values, numbers)

    return program


PROGRAMS: dict[str, Program] = {
    **{name: _choosing(name) for name in CHOOSING if name != "msort"},
    "cov": _cov,
    "svd_lowrank": _svd_lowrank,
    "pca_lowrank": _pca_lowrank,
    "linalg.lstsq.grad_oriented": _lstsq,
    "linalg.pinv.singular": _singular_pinv,
    "max_pool2d_with_indices_backward": _max_pool2d_backward,
    "zero_": _zero,
    **{name: _attribute(name) for name in ("T", "H", "mT", "mH")},
}


# Entries with complex results. The verdict is about real numbers: it sees real and imaginary parts side by side.
COMPLEX = frozenset(
    [
        "Tensor.cdouble", "Tensor.cfloat", "complex", "fft.fft", "fft.fft2", "fft.fftn", "fft.ifft", "fft.ifft2",
        "fft.ifftn", "fft.ihfft", "fft.ihfft2", "fft.ihfftn", "fft.rfft", "fft.rfft2", "fft.rfftn", "linalg.eig",
        "linalg.eigvals", "polar", "stft", "view_as_complex",
    ]
)  # fmt: skip


def _parts(name: str) -> Program:
    """A program that calls `name` and gives complex results as pairs of real numbers."""

    def program(torch: Any, *args: Any, **keywords: Any) -> Any:
        def real(value: Any) -> Any:
            return torch.view_as_real(value.resolve_conj()) if value.is_complex() else value

        result = functools.reduce(getattr, name.split("."), torch)(*args, **keywords)
        return tuple(real(value) for value in result) if isinstance(result, tuple) else real(result)

    return program


@dataclass(frozen=True)
class Built:
    """An object of the namespace's own, as an argument: `nn.PairwiseDistance()`."""

    name: str
    keywords: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.keywords)})"


@functools.cache
def building(name: str) -> Program:
    """A program that calls `name` with every `Built` among the arguments made by the namespace."""

    def program(torch: Any, *args: Any, **keywords: Any) -> Any:
        def resolve(path: str) -> Any:
            return functools.reduce(getattr, path.split("."), torch)

        def made(value: Any) -> Any:
            if isinstance(value, Built):
                return resolve(value.name)(**{key: made(part) for key, part in value.keywords})
            return resolve(value.name) if isinstance(value, Named) else value

        return resolve(name)(*map(made, args), **{key: made(value) for key, value in keywords.items()})

    return program


def selecting(operation: Operation, select: Callable[[Any], Any]) -> Operation:
    """The operation, and of its result what `select` takes: absolute values where signs are arbitrary."""
    call = operation.program or building(operation.name)

    def program(torch: Any, *args: Any, **keywords: Any) -> Any:
        return select(call(torch, *args, **keywords))

    return Operation(operation.name, program)


# --- entries -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """What an entry calls: the operation, and whether its first two arguments change places."""

    operation: Operation
    swapped: bool = False


def full_name(info: Any) -> str:
    """The entry's name, with its variant: `polygamma.polygamma_n_0`. No two entries share it."""
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else str(info.name)


def call_of(info: Any) -> Call | str:
    """What the entry calls; or, as text, why it has no cases."""
    name = full_name(info)
    for known in (name, info.name):
        if known in LEFT_OUT:
            return LEFT_OUT[known]
    if name in PROGRAMS:
        return Call(Operation(name, PROGRAMS[name]))
    plain = str(info.name).removeprefix("torch.")
    if name in IN_PLACE:
        return Call(Operation(f"Tensor.{plain}_"))
    if plain in METHODS:
        plain = f"Tensor.{plain}"
    if plain in COMPLEX:
        return Call(Operation(plain, _parts(plain)))
    if plain in ("slice", "native_dropout_backward", "_softmax_backward_data", "_batch_norm_with_update", "_upsample_bilinear2d_aa"):  # fmt: skip
        return Call(Operation(f"ops.aten.{plain}" + {"slice": ".Tensor"}.get(plain, "")))
    return Call(Operation(plain), name in SWAPPED or plain in SWAPPED)
