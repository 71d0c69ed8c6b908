"""Samples of torch's optimizer database as arguments of our programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy
import torch

from conformance.case import Named, Sample
from conformance.draw import Array, numpy_dtype
from conformance.sources import optim_programs
from conformance.sources.op_samples import CannotUse, Drawn, seeded, text
from conformance.sources.trees import Slots

STEPS, RESUMED, REFUSED, CAPTURED = "steps", "resumed", "refused", "captured"
COUNT, START = 5, 3  # steps in all, and before torch's state is saved
FEW, START_OF_FEW = 2, 1
ITERATIONS = {"max_iter": 5}  # of an optimizer that evaluates the loss itself, in each of few steps
SHAPES = ((3, 5), (7,), ())
# For an optimizer that takes nothing else (Muon): it rounds to bfloat16 inside, and an error of one of its units stays.
# One parameter and few steps, or every comparison has some element that such an error has moved.
MATRICES = ((3, 5),)


@lru_cache(maxsize=1)
def entries() -> dict[str, Any]:
    """The entries of the database (OptimizerInfo) by the names of the optimizers, in its own order."""
    from torch.testing._internal.common_optimizers import optim_db

    return {f"optim.{info.optim_cls.__name__}": info for info in optim_db}


@dataclass(frozen=True)
class DrawnOptimizer:
    """One sample, its tensors still torch's: the options, and of a refusal the parameters."""

    options: dict[str, Any]
    parameters: Any = None
    stepping: bool = False  # refused by the step, not already by the constructor
    warning: bool = False  # refused with a warning
    cause: str = ""  # what the message of a warning has to contain


@lru_cache(maxsize=4)
def draw(entry: str, drawn_as: str, kind: str) -> tuple[DrawnOptimizer, ...]:
    """All samples of an entry at a dtype and of a kind."""
    info = entries()[entry]
    dtype = getattr(torch, drawn_as)
    with seeded(0):
        if kind == REFUSED:
            return tuple(map(_refused, info.optim_error_inputs_func("cpu", dtype)))
        if kind == CAPTURED:
            return tuple(_captured(info, dtype))
        more = ITERATIONS if info.step_requires_closure else {}
        plain = [DrawnOptimizer(more | sample.kwargs) for sample in info.optim_inputs_func("cpu", dtype)]
        flags = [DrawnOptimizer({**plain[0].options, name: True}) for name in info.supported_impls]
        return (*plain, *flags)


def _refused(error: Any) -> DrawnOptimizer:
    sample = error.optimizer_error_input
    parameters = [torch.nn.Parameter(torch.randn(2, 3))] if sample.params is None else sample.params
    warning = issubclass(error.error_type, Warning)
    cause = error.error_regex.strip(".*") if warning else ""
    return DrawnOptimizer(dict(sample.kwargs), parameters, error.error_on.name == "STEP_ERROR", warning, cause)


def _captured(info: Any, dtype: torch.dtype) -> Iterator[DrawnOptimizer]:
    """The samples for capturing a step in a CUDA graph: on the CPU they have to be refused."""
    for sample in info.optim_inputs_func("cuda", dtype):
        if sample.kwargs.get("capturable"):
            yield DrawnOptimizer(dict(sample.kwargs), [torch.nn.Parameter(torch.randn(2, 3))], stepping=True)


# --- arguments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OptimizerArguments:
    """The arguments of a case: number `index` among the samples of an entry. Drawn anew whenever it is asked for.

    `shown` is what the case's id says about them.
    """

    entry: str
    drawn_as: str  # a dtype
    kind: str  # STEPS, RESUMED, REFUSED or CAPTURED
    index: int
    shown: str
    keywords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.shown

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """The sample: options from the database; parameters and gradients from the generator, where it has none."""
        drawn = draw(self.entry, self.drawn_as, STEPS if self.kind == RESUMED else self.kind)[self.index]
        return to_sample(entries()[self.entry], drawn, self.drawn_as, self.kind, rng)


def to_sample(info: Any, drawn: DrawnOptimizer, dtype: str, kind: str, rng: numpy.random.Generator) -> Sample:
    """Numpy arrays for tensors, names for what the namespace has to resolve. CannotUse where there is no such form."""
    slots = Slots()
    optimizer = info.optim_cls
    trees: dict[str, Any] = {"optimizer": Named(name_of(optimizer))}
    if kind in (REFUSED, CAPTURED):
        trees["parameters"] = slots.tree(drawn.parameters, "parameters")
        trees["options"] = slots.tree(drawn.options, "options")
        slots.differentiable = [False] * len(slots.differentiable)
        return slots.sample(**trees, stepping=drawn.stepping, warning=drawn.warning)
    trees["options"] = slots.tree(at(drawn.options, dtype), "options")
    shapes = shapes_for(optimizer)
    few = info.step_requires_closure or shapes is MATRICES
    count, start = (FEW, START_OF_FEW) if few else (COUNT, START)
    parameters = [_normal(rng, shape, dtype) for shape in shapes]
    gradients = [_normal(rng, (count, *shape), dtype) for shape in shapes]
    if kind == RESUMED:
        parameters, saved = halfway(optimizer, drawn, dtype, parameters, [array[:start] for array in gradients])
        trees["start"] = start
        trees["saved"] = slots.tree(saved, "saved")
    trees["parameters"] = [slots.add(array, f"parameter {i}", False) for i, array in enumerate(parameters)]
    trees["gradients"] = [slots.add(array, f"gradient {i}", False) for i, array in enumerate(gradients)]
    return slots.sample(**trees)


def at(options: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The options of parameters of float64 with tensors of that dtype: what the oracle computes with, too."""
    if dtype != "float64":
        return options
    return {key: value.double() if isinstance(value, torch.Tensor) else value for key, value in options.items()}


def _normal(rng: numpy.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return numpy.asarray(rng.standard_normal(shape)).astype(numpy_dtype(dtype))


def name_of(optimizer: type) -> str:
    """Where the namespace has the class. CannotUse where it does not."""
    name = optimizer.__name__
    if getattr(torch.optim, name, None) is not optimizer:
        raise CannotUse(f"{optimizer.__module__}.{name} is not in torch.optim")
    return f"optim.{name}"


@lru_cache(maxsize=32)
def shapes_for(optimizer: Any) -> tuple[tuple[int, ...], ...]:
    """Shapes of parameters that the optimizer takes."""
    try:
        optimizer([torch.zeros(shape, requires_grad=True) for shape in SHAPES])
    except ValueError:
        return MATRICES
    return SHAPES


def halfway(
    optimizer: Any, drawn: DrawnOptimizer, dtype: str, parameters: list[Array], gradients: list[Array]
) -> tuple[list[Array], dict[str, Any]]:
    """torch's parameters and saved state after these steps. CannotUse where it cannot take them."""
    from conformance.candidates.torch import Torch

    side = Torch()
    trained = [side.to_tensor(array).clone().requires_grad_() for array in parameters]
    given = [side.to_tensor(array) for array in gradients]
    with optim_programs.precision(torch, trained):
        made = optimizer(trained, **at(drawn.options, dtype))
        try:
            optim_programs.walked(torch, made, trained, given, 0)
        except RuntimeError as error:
            raise CannotUse(f"torch cannot run it: {str(error).partition(chr(10))[0]}") from error
    return [side.to_array(leaf) for leaf in trained], made.state_dict()


def shown(drawn: DrawnOptimizer) -> str:
    """The arguments as ids show them."""
    parts = [] if drawn.parameters is None else [f"params={_shown(drawn.parameters)}"]
    options = text(Drawn((), drawn.options), False)[1:-1]
    return f"({', '.join([*parts, *filter(None, [options])])})"


def _shown(parameters: Any) -> str:
    whole = text(Drawn((parameters,), {}), False)
    return whole[1:-1]
