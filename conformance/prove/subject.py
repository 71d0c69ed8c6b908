"""Subjects of the proof: an operation, the samples it is tried on, and other ways to compute it.

An implementation is a function `implementation(torch, *args, **kwargs)` with torch's arguments, written with torch's own
operations (or with `with_gradient`, where the gradient is to be planted). It runs as a candidate whose namespace is
torch with that one name replaced, so programs (modules, optimizers, training steps) can be given wrong parts too.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.case import GRADIENT, OUTPUT, Arguments, Case, Program, ops
from conformance.prove.regimes import ALL, REGIMES, Make

Implementation = Callable[..., Any]  # implementation(torch, *args, **kwargs)


@dataclass(frozen=True)
class Subject:
    """An operation with its samples, its legitimate implementations and its faults, each under a name that says what.

    `rows(make)` gives the argument rows; `make(*shape)` draws in the regime at hand. `replaces` is the name in torch's
    namespace that implementations stand for, when it is not the operation itself: a program `"batch norm step"` may
    replace `nn.BatchNorm2d`. `below_rounding` says why a fault may pass within the bound: its effect is below the error
    of legitimate implementations.
    """

    operation: str
    rows: Callable[[Make], Sequence[Arguments]]
    legitimate: Mapping[str, Implementation] = field(default_factory=dict)
    faults: Mapping[str, Implementation] = field(default_factory=dict)
    regimes: tuple[str, ...] = ALL
    dtypes: tuple[str, ...] = ("float32",)
    checks: frozenset[str] = frozenset({OUTPUT, GRADIENT})
    program: Program | None = None
    replaces: str = ""
    below_rounding: Mapping[str, str] = field(default_factory=dict)
    family: str = ""

    @property
    def replaced(self) -> str:
        """The name that implementations stand for."""
        return self.replaces or self.operation

    def cases(self, regimes: Sequence[str] = ()) -> list[Case]:
        """The samples as cases: every row in every regime."""
        return [
            case
            for regime in regimes or self.regimes
            for case in ops(
                self.operation,
                self.rows(REGIMES[regime]),
                program=self.program,
                dtypes=self.dtypes,
                checks=self.checks,
                label=regime,
            )
        ]


class Overlay:
    """A namespace with one name replaced; everything else is the namespace's own.

    >>> import types
    >>> base = types.SimpleNamespace(optim=types.SimpleNamespace(SGD=1, Adam=2))
    >>> changed = Overlay(base, "optim.SGD", 3)
    >>> changed.optim.SGD, changed.optim.Adam, base.optim.SGD
    (3, 2, 1)
    """

    def __init__(self, base: Any, path: str, value: Any) -> None:
        self._base, self._value = base, value
        self._head, _, self._rest = path.partition(".")

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._base, name, self._value) if name == self._head else getattr(self._base, name)
        if name != self._head:
            return found
        return Overlay(found, self._rest, self._value) if self._rest else self._value

    def __instancecheck__(self, instance: Any) -> bool:
        """A class with one method replaced, such as Tensor, still has the class's instances."""
        return isinstance(instance, self._base)


def variant(subject: Subject, name: str, implementation: Implementation) -> Any:
    """A candidate: torch, with the subject's operation computed by the implementation."""
    import torch

    from conformance.candidates.torch import Torch

    class Variant(Torch):
        """torch with one operation replaced."""

        def resolve(self, name: str) -> Any:
            return replacement if name == subject.replaced else super().resolve(name)

    replacement: Any = functools.partial(implementation, torch)
    if subject.program is not None and isinstance(implementation, type | _Class):
        replacement = implementation(torch) if isinstance(implementation, _Class) else implementation
    candidate = Variant(f"torch with {subject.replaced}: {name}")
    if subject.program is not None:
        candidate.torch = Overlay(torch, subject.replaced, replacement)
    return candidate


@dataclass(frozen=True)
class _Class:
    make: Callable[[Any], Any]

    def __call__(self, torch: Any) -> Any:
        return self.make(torch)


def as_class(make: Callable[[Any], Any]) -> Any:
    """For programs: `make(torch)` gives the class (a module, an optimizer) that takes the name's place."""
    return _Class(make)


def with_gradient(forward: Implementation, backward: Callable[..., Any]) -> Implementation:
    """An implementation whose gradient is `backward(torch, g, output, *args, **kwargs)`.

    It returns one gradient for each positional argument, None where there is none (a single gradient may stand alone
    for the first argument).
    """

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        class Function(torch.autograd.Function):  # type: ignore[misc]  # torch's class is not typed
            @staticmethod
            def forward(ctx: Any, *inputs: Any) -> Any:
                output = forward(torch, *inputs, **kwargs)
                ctx.save_for_backward(*[x for x in (*inputs, output) if isinstance(x, torch.Tensor)])
                ctx.plain = [None if isinstance(x, torch.Tensor) else x for x in inputs]
                ctx.tensors = [isinstance(x, torch.Tensor) for x in inputs]
                return output

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                saved = list(ctx.saved_tensors)
                output = saved.pop()
                inputs = [saved.pop(0) if t else plain for t, plain in zip(ctx.tensors, ctx.plain, strict=True)]
                found = backward(torch, g, output, *inputs, **kwargs)
                found = found if isinstance(found, tuple) else (found,)
                return (*found, *[None] * (len(inputs) - len(found)))

        return Function.apply(*args)

    return call


def altered(
    implementation: Implementation, *rules: Callable[[Any], Any] | None, cotangent: Callable[[Any], Any] | None = None
) -> Implementation:
    """The implementation with wrong gradients: `rules[i]` changes that of argument i, `cotangent` the one it starts from."""

    def hooked(tensor: Any, rule: Callable[[Any], Any] | None) -> Any:
        if rule is None or not getattr(tensor, "requires_grad", False):
            return tensor
        alias = tensor.view_as(tensor)
        alias.register_hook(rule)
        return alias

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = (*rules, *[None] * (len(args) - len(rules)))
        output = implementation(torch, *map(hooked, args, wanted), **kwargs)
        return hooked(output, cotangent)

    return call


def times(factor: float) -> Callable[[Any], Any]:
    """The gradient times a factor."""
    return lambda g: g * factor


def ones(g: Any) -> Any:
    """The cotangent ignored: as if the loss were a sum."""
    return g * 0 + 1
