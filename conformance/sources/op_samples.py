"""Samples of torch's operator database as arguments of our cases."""

import random
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import ml_dtypes
import numpy
import torch

from conformance.candidates.torch import Torch
from conformance.case import Named, Operation, Sample, Slot, show
from conformance.draw import Array
from conformance.sources.op_names import Built, full_name

LONGEST = 100  # characters of the arguments in a case's id
MOST_DIMENSIONS = 64  # of a numpy array
MOST_FOR_SECOND = 200  # numbers of a sample that is differentiated twice
ERRORS = "errors"  # in place of a dtype: the samples that have to be refused


class CannotUse(Exception):
    """The harness cannot take this sample; the message says why."""


# --- drawing -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def entries() -> dict[str, Any]:
    """The entries of the database (OpInfo) by their full names, in its own order.

    ImportError says what is missing: the database is part of torch, but wants the package `expecttest`.
    """
    from torch.testing._internal.common_methods_invocations import op_db

    return {full_name(info): info for info in op_db}


@dataclass(frozen=True)
class Drawn:
    """One sample, its tensors still torch's."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    differentiated: bool = False  # whether the database means it for gradients too
    select: Callable[[Any], Any] | None = None  # what of the result is defined: not the sign of a singular vector


# Two: the entry that a worker is at, and one that it comes back to. One entry's samples take 165 MB, most below 1 MB.
@lru_cache(maxsize=2)
def draw(entry: str, drawn_as: str) -> tuple[Drawn, ...]:
    """All samples of an entry at a dtype, or (`ERRORS`) those that it must refuse."""
    return tuple(_generate(entry, drawn_as, 0))


def draw_again(entry: str, drawn_as: str, index: int, number: int) -> Drawn:
    """The sample that stands at `index` when everything is drawn from another seed."""
    return next(islice(_generate(entry, drawn_as, number), index, None))


def _generate(entry: str, drawn_as: str, seed: int) -> Iterator[Drawn]:
    samples = _as_they_come(entry, drawn_as, seed)
    # The samples of meshgrid come in the order of a set of strings, which is another one in every process.
    return iter(sorted(samples, key=lambda drawn: text(drawn, False))) if entry.startswith("meshgrid.") else samples


def _as_they_come(entry: str, drawn_as: str, seed: int) -> Iterator[Drawn]:
    # The entry's own functions: its methods `sample_inputs` and `error_inputs` walk the call stack, with every loaded
    # module's source, to see which test is running. That would take ten times as long as drawing.
    info = entries()[entry]
    if drawn_as == ERRORS:
        yield from _drawn((error.sample_input for error in info.error_inputs_func(info, "cpu")), seed)
        return
    dtype = getattr(torch, drawn_as)
    count = 0
    if differentiates(info, drawn_as):
        for drawn in _drawn(info.sample_inputs_func(info, "cpu", dtype, True), seed, True):
            count += 1
            yield _with_places(info.name, drawn)
    # Some entries have samples that they do not want differentiated, and give them only to those who do not ask for
    # gradients, after the others or among them.
    plain = tuple(_drawn(info.sample_inputs_func(info, "cpu", dtype, False), seed))
    if len(plain) > count:
        yield from (_with_places(info.name, drawn) for drawn in plain)


def _drawn(samples: Iterable[Any], seed: int, differentiated: bool = False) -> Iterator[Drawn]:
    with seeded(seed):
        found = [Drawn((s.input, *s.args), s.kwargs, differentiated, _selection(s)) for s in samples]
    yield from found


def _selection(sample: Any) -> Callable[[Any], Any] | None:
    """The function that the database wants applied to the result, where it is not the one that returns it as it is."""
    found: Callable[[Any], Any] = sample.output_process_fn_grad
    return None if found.__qualname__.startswith("SampleInput.") else found


_WINDOWS = {"nn.functional.fractional_max_pool2d": 2, "nn.functional.fractional_max_pool3d": 3}


def _with_places(name: str, drawn: Drawn) -> Drawn:
    """Fractional pooling with its random places as an argument: torch draws other ones at float64 than at float32."""
    spatial = _WINDOWS.get(name)
    if spatial is None or drawn.kwargs.get("_random_samples") is not None:
        return drawn
    x = drawn.args[0]
    batch = x.shape[0] if x.dim() == spatial + 2 else 1
    generator = torch.Generator().manual_seed(0)
    places = torch.rand((batch, x.shape[-spatial - 1], spatial), generator=generator).to(x.dtype)
    return replace(drawn, kwargs=drawn.kwargs | {"_random_samples": places})


def differentiates(info: Any, dtype: str) -> bool:
    """Whether torch has gradients of the entry at this dtype."""
    return bool(info.supports_autograd and getattr(torch, dtype) in info.supported_backward_dtypes("cpu"))


def differentiates_twice(info: Any, dtype: str, drawn: Drawn) -> bool:
    """Whether the sample is for the second order too: torch has it, and the numbers are few and wide enough."""
    if not info.supports_gradgrad or dtype not in ("float32", "float64"):
        return False
    return sum(int(x.numel()) for x in _tensors((drawn.args, drawn.kwargs))) <= MOST_FOR_SECOND


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, list | tuple | dict):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(item)


def supports(info: Any, dtype: str) -> bool:
    """Whether the entry has samples of this dtype."""
    return getattr(torch, dtype) in info.supported_dtypes("cpu")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The streams that the database draws from, started afresh, and afterwards as they were."""
    before = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    numpy.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        numpy.random.set_state(before[1])
        torch.set_rng_state(before[2])


# --- arguments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DrawnArguments:
    """The arguments of a case: number `index` among the samples of an entry. Drawn anew whenever it is asked for.

    `shown` is what the case's id says about them.
    """

    entry: str
    drawn_as: str  # a dtype, or ERRORS
    index: int
    swapped: bool
    shown: str
    keywords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.shown

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """The sample, whatever the generator: the database draws from streams of its own, seeded with `number`."""
        if number:
            drawn = draw_again(self.entry, self.drawn_as, self.index, number)
        else:
            drawn = draw(self.entry, self.drawn_as)[self.index]
        return to_sample(drawn, self.swapped)


def arranged(drawn: Drawn, swapped: bool) -> tuple[Any, ...]:
    """The positional arguments in the order of the call."""
    return (drawn.args[1], drawn.args[0], *drawn.args[2:]) if swapped and len(drawn.args) > 1 else drawn.args


def to_sample(drawn: Drawn, swapped: bool = False) -> Sample:
    """Numpy arrays for tensors, names for dtypes and memory formats. CannotUse where there is no such form."""
    arrays: list[Array] = []
    differentiable: list[bool] = []
    names: list[str] = []

    def walk(value: Any, name: str) -> Any:
        if isinstance(value, torch.Tensor):
            arrays.append(to_array(value))
            differentiable.append(bool(value.requires_grad))
            names.append(name)
            return Slot(len(arrays) - 1)
        if isinstance(value, list | tuple):
            items = [walk(item, f"{name}[{i}]") for i, item in enumerate(value)]
            return items if isinstance(value, list) else tuple(items)  # a torch.Size is a tuple
        if isinstance(value, dict):
            return {key: walk(item, f"{name}[{key}]") for key, item in value.items()}
        return plain(value)

    args = tuple(walk(value, str(i)) for i, value in enumerate(arranged(drawn, swapped)))
    kwargs = {name: walk(value, name) for name, value in drawn.kwargs.items()}
    return Sample(args, kwargs, tuple(arrays), tuple(differentiable), tuple(names))


def plain(value: Any) -> Any:
    """An argument that is no tensor, free of torch."""
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return Named(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.nn.PairwiseDistance):
        keywords = (("p", value.norm), ("eps", value.eps), ("keepdim", value.keepdim))
        return Built("nn.PairwiseDistance", keywords)
    if isinstance(value, torch.nn.modules.LinearCrossEntropyOptions):
        if value.acc_dtype is not None:
            raise CannotUse("an option names the dtype to add in, which the oracle at float64 cannot follow")
        settings = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
        chosen = ((name, plain(part)) for name, part, default in settings if part != default)
        return Built("nn.modules.LinearCrossEntropyOptions", tuple(chosen))
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return _encoder_layer(value)
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
        return _function(value)
    if isinstance(value, bool | int | float | complex | str | slice | type(None) | type(Ellipsis)):
        return value
    if isinstance(value, numpy.generic):
        return value.item()
    raise CannotUse(f"an argument is a {type(value).__module__}.{type(value).__qualname__}")


def _encoder_layer(layer: torch.nn.TransformerEncoderLayer) -> Built:
    attention = layer.self_attn
    keywords = {
        "d_model": attention.embed_dim,
        "nhead": attention.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "activation": _function(layer.activation),
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": attention.batch_first,
        "norm_first": layer.norm_first,
        "bias": layer.linear1.bias is not None,
    }
    return Built("nn.TransformerEncoderLayer", tuple(keywords.items()))


def _function(value: Any) -> Named:
    """A function of torch's, by its name."""
    name = str(value.__name__)
    for path, namespace in (("nn.functional", torch.nn.functional), ("", torch)):
        if getattr(namespace, name, None) is value:
            return Named(f"{path}.{name}".lstrip("."))
    raise CannotUse(f"an argument is the function {name}, which torch has no name for")


def has_objects(drawn: Drawn) -> bool:
    """Whether an argument is an object that the namespace under test has to build."""
    return any(isinstance(value, _OBJECTS) for value in (*drawn.args, *drawn.kwargs.values()))


_OBJECTS = (torch.nn.PairwiseDistance, torch.nn.modules.LinearCrossEntropyOptions)


def has_equals(drawn: Drawn) -> bool:
    """Whether two elements of the first argument are the same number."""
    x = drawn.args[0]
    return bool(x.unique().numel() < x.numel())


def unusable(drawn: Drawn) -> str:
    """Why the harness cannot take the sample; "" when it can. Cheap: no array is copied."""

    def reason(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            if value.layout is not torch.strided:
                return f"an argument is a tensor of layout {value.layout}"
            if value.device.type != "cpu":
                return f"an argument is a tensor on device {value.device.type}"
            if value.dim() > MOST_DIMENSIONS:
                return f"an argument has {value.dim()} dimensions; numpy's arrays have up to {MOST_DIMENSIONS}"
            return "" if value.dtype in _NUMPY else f"an argument is a tensor of {value.dtype}"
        if isinstance(value, list | tuple):
            return next(filter(None, map(reason, value)), "")
        if isinstance(value, dict):
            return next(filter(None, map(reason, value.values())), "")
        try:
            plain(value)
        except CannotUse as cannot:
            return str(cannot)
        return ""

    return reason(drawn.args) or reason(drawn.kwargs)


def accepted(operation: Operation, drawn: Drawn, swapped: bool) -> bool:
    """Whether torch runs, on copies of the arguments, what the database says it refuses.

    Some calls are refused because arguments share memory, or the elements of one do: their copies do not. Torch also
    runs what it would but for memory of numpy's that it cannot make larger.
    """
    sample = to_sample(drawn, swapped)
    copies = sample.with_arrays([numpy.array(array, order="C", copy=True) for array in sample.arrays])
    raised = Torch().run(operation, copies).raised
    return not any(error.message != _FIXED_MEMORY for error in raised.values())


_FIXED_MEMORY = "Trying to resize storage that is not resizable"


_NUMPY = frozenset(
    getattr(torch, name)
    for name in [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
        "complex128",
    ]
)


def to_array(tensor: torch.Tensor) -> Array:
    """A copy with the same numbers, the same strides, and memory of its own; overlaps (expanded tensors) stay overlaps."""
    view = tensor.detach().resolve_conj().resolve_neg()
    array = view.view(torch.uint16).numpy().view(ml_dtypes.bfloat16) if view.dtype == torch.bfloat16 else view.numpy()
    if view.is_contiguous() or array.size == 0:
        return numpy.array(array, order="C", copy=True)
    span = (
        1 + sum((size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)) // array.itemsize
    )
    memory = numpy.lib.stride_tricks.as_strided(array, (span,), (array.itemsize,)).copy()
    return numpy.lib.stride_tricks.as_strided(memory, array.shape, array.strides)


def text(drawn: Drawn, swapped: bool) -> str:
    """The arguments as ids show them: shapes for tensors."""

    def shown(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            kind = "" if value.dtype in _PLAIN else f":{str(value.dtype).removeprefix('torch.')}"
            return _Shown(f"[{','.join(map(str, value.shape))}]{kind}")
        if isinstance(value, list):
            return [shown(item) for item in value]
        if isinstance(value, tuple):
            return tuple(shown(item) for item in value)
        if isinstance(value, dict):
            return {key: shown(item) for key, item in value.items()}
        return plain(value)

    parts = [show(shown(value)) for value in arranged(drawn, swapped)]
    parts += [f"{name}={show(shown(value))}" for name, value in drawn.kwargs.items()]
    whole = ", ".join(parts)
    return f"({whole})" if len(whole) <= LONGEST else f"({whole[: LONGEST - 3]}...)"


_PLAIN = (torch.float32, torch.int64, torch.bool)


class _Shown(str):
    """Text that shows as itself, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
