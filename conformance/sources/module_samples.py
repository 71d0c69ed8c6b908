"""Samples of torch's module database as arguments of our programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy
import torch

from conformance.case import Named, Sample
from conformance.draw import Array, is_floating
from conformance.sources.database import because
from conformance.sources.op_samples import CannotUse, Drawn, seeded, text, to_array
from conformance.sources.trees import Slots

TRAIN, EVAL, STATE, REFUSED = "train", "eval", "state", "refused"
NO_STATE = "torch cannot make a module of it"


@lru_cache(maxsize=1)
def entries() -> dict[str, Any]:
    """The entries of the database (ModuleInfo) by name, in its own order."""
    from torch.testing._internal.common_modules import module_db

    return {str(info.name): info for info in module_db}


@dataclass(frozen=True)
class DrawnModule:
    """One sample, its tensors still torch's: what the module is made with, and what it is given."""

    made_with: Drawn
    given: Drawn | None
    fails_when_called: bool = False  # of a sample that has to be refused: not already when it is made


@lru_cache(maxsize=4)  # the two modes of an entry, the refusals, and the mode that a worker comes back to
def draw(entry: str, drawn_as: str, mode: str) -> tuple[DrawnModule, ...]:
    """All samples of an entry at a dtype in a mode, or (`REFUSED`) those that it must refuse."""
    return tuple(_generate(entry, drawn_as, mode, 0))


def draw_again(entry: str, drawn_as: str, mode: str, index: int, number: int) -> DrawnModule:
    """The sample that stands at `index` when everything is drawn from another seed."""
    return next(islice(_generate(entry, drawn_as, mode, number), index, None))


def _generate(entry: str, drawn_as: str, mode: str, seed: int) -> Iterator[DrawnModule]:
    info = entries()[entry]
    asked: dict[str, Any] = {"device": "cpu", "dtype": getattr(torch, drawn_as), "requires_grad": mode != REFUSED}
    asked["training"] = mode != EVAL
    with seeded(seed):
        if mode == REFUSED:
            found = list(info.module_error_inputs_func(info, **asked))
        else:
            found = list(info.module_inputs_func(info, **asked, with_packed_sequence=True))
    for sample in found:
        if mode == REFUSED:
            yield _drawn(sample.module_error_input, sample.error_on.name == "FORWARD_ERROR")
        else:
            yield _drawn(sample)


def _drawn(sample: Any, fails_when_called: bool = False) -> DrawnModule:
    made_with, given = (
        None if part is None else Drawn(tuple(part.args), dict(part.kwargs), True)
        for part in (sample.constructor_input, sample.forward_input)
    )
    if made_with is None:
        raise AttributeError("a sample has no constructor_input")
    return DrawnModule(made_with, given, fails_when_called)


# --- arguments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModuleArguments:
    """The arguments of a case: number `index` among the samples of an entry. Drawn anew whenever it is asked for.

    `shown` is what the case's id says about them.
    """

    entry: str
    drawn_as: str  # a dtype
    mode: str  # TRAIN, EVAL, STATE or REFUSED
    index: int
    shown: str
    keywords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.shown

    def sample(self, rng: numpy.random.Generator, dtype: str, number: int = 0) -> Sample:
        """The sample: arguments from the database, which has streams of its own, and a state from the generator."""
        mode = TRAIN if self.mode == STATE else self.mode
        if number:
            drawn = draw_again(self.entry, self.drawn_as, mode, self.index, number)
        else:
            drawn = draw(self.entry, self.drawn_as, mode)[self.index]
        return to_sample(entries()[self.entry].module_cls, drawn, self.drawn_as, self.mode, rng)


def to_sample(module: type, drawn: DrawnModule, dtype: str, mode: str, rng: numpy.random.Generator) -> Sample:
    """Numpy arrays for tensors, names for what the namespace has to resolve. CannotUse where there is no such form."""
    slots = Slots()
    given = drawn.given or Drawn((), {})
    trees: dict[str, Any] = {
        "module": Named(name_of(module)),
        "made_with": (
            tuple(slots.tree(value, f"constructor {i}") for i, value in enumerate(drawn.made_with.args)),
            {name: slots.tree(value, f"constructor {name}") for name, value in drawn.made_with.kwargs.items()},
        ),
        "given": (
            tuple(slots.tree(value, str(i)) for i, value in enumerate(given.args)),
            {name: slots.tree(value, name) for name, value in given.kwargs.items()},
        ),
    }
    if mode == REFUSED:
        return slots.sample(**trees, fails_when_called=drawn.fails_when_called)
    parameters, state = initial(module, drawn, dtype)
    trees["state"] = {
        name: slots.add(stirred(array, rng, name in parameters), f"parameter {name}", name in parameters)
        if name in parameters
        else slots.add(stirred(array, rng, False), f"buffer {name}", False)
        for name, array in state.items()
    }
    if mode == STATE:
        slots.differentiable = [False] * len(slots.differentiable)  # numbers and names only
        return slots.sample(**trees)
    return slots.sample(**trees, training=mode == TRAIN)


def name_of(module: type) -> str:
    """Where the namespace has the class. CannotUse where it does not."""
    name = module.__name__
    if getattr(torch.nn, name, None) is not module:
        raise CannotUse(f"{module.__module__}.{name} is not in torch.nn")
    return f"nn.{name}"


def initial(module: type, drawn: DrawnModule, dtype: str) -> tuple[set[str], dict[str, Array]]:
    """The names of a new module's parameters, and its whole state. CannotUse where torch cannot make it."""
    given = drawn.given or Drawn((), {})
    try:
        with seeded(0), torch.no_grad():
            layer: Any = module(*drawn.made_with.args, **drawn.made_with.kwargs).to(getattr(torch, dtype))
            if isinstance(layer, torch.nn.modules.lazy.LazyModuleMixin):
                layer(*given.args, **given.kwargs)
            state = layer.state_dict()
            trained = {name for name, parameter in layer.named_parameters() if parameter.requires_grad}
            return trained, {name: to_array(tensor) for name, tensor in state.items()}
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise CannotUse(f"{NO_STATE}: {type(error).__name__}: {str(error).partition(chr(10))[0]}") from error


def stirred(array: Array, rng: numpy.random.Generator, trained: bool) -> Array:
    """A state off its initial numbers: ones and zeros would hide a factor or a term that is missing.

    What is trained moves by up to 1/4. Buffers keep their sign and do not grow: variances, class weights, places.
    """
    if not is_floating(array):
        return array
    noise = rng.uniform(-0.25, 0.25, array.shape)
    wide = array.astype(numpy.float64)
    moved = wide + noise if trained or not wide.any() else wide * (0.875 + noise / 2)
    return moved.astype(array.dtype)


def shown(drawn: DrawnModule, called: bool = True) -> str:
    """The arguments as ids show them: the constructor's, then the call's."""
    constructor = text(drawn.made_with, False)
    return constructor + text(drawn.given, False) if called and drawn.given is not None else constructor


def unusable(module: type, drawn: DrawnModule, dtype: str, mode: str) -> str:
    """Why the harness cannot take the sample; "" when it can."""
    try:
        to_sample(module, drawn, dtype, mode, numpy.random.default_rng(0))
    except CannotUse as cannot:
        return str(cannot)
    except Exception as error:  # whatever an entry of another release holds
        return because(error)
    return ""
