"""Whether operations are recorded, per thread: no_grad, enable_grad, set_grad_enabled, inference_mode.

Each is a context manager and a decorator (of functions and generator functions).
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, Self

from refnet._tape import mode


class _Scope:
    """A context manager that is a decorator too: each call of the decorated function is a scope of its own."""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def scoped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return scoped

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """In force while the generator runs, not while its caller does."""

        @functools.wraps(function)
        def scoped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            try:
                with self._again():
                    value = generator.send(None)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        with self._again():
                            generator.close()
                        raise
                    except BaseException as error:
                        with self._again():
                            value = generator.throw(error)
                    else:
                        with self._again():
                            value = generator.send(sent)
            except StopIteration as stop:
                return stop.value

        return scoped

    def _again(self) -> Any:
        return type(self)()

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError


class no_grad(_Scope):
    """Do not record.

    >>> import refnet
    >>> x = refnet.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        scope = super().__new__(cls)
        return scope if function is None else scope(function)

    def __enter__(self) -> Self:
        self._before = mode.grad
        mode.grad = False
        return self

    def __exit__(self, *_: object) -> None:
        mode.grad = self._before


class enable_grad(no_grad):
    """Record, also inside `no_grad`."""

    def __enter__(self) -> Self:
        self._before = mode.grad
        mode.grad = not mode.inference
        return self


class set_grad_enabled(_Scope):
    """Record or not, as told: at once when called, until the end of the block when used with ``with``."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before = _set(mode)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _set(self._before)  # as a decorator it acts in the function alone
        return super().__call__(function)

    def __enter__(self) -> Self:
        _set(self.mode)
        return self

    def __exit__(self, *_: object) -> None:
        _set(self._before)

    def _again(self) -> Any:
        return set_grad_enabled(self.mode)


def _set(recording: bool) -> bool:
    before, mode.grad = mode.grad, recording
    return before


class inference_mode(_Scope):
    """Do not record, and do not even count versions: tensors made here can never take part in a graph."""

    def __new__(cls, mode: Any = True) -> Any:
        scope = super().__new__(cls)
        if callable(mode):
            scope.mode = True
            return scope(mode)
        return scope

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> Self:
        self._before = mode.grad, mode.inference
        mode.inference = self.mode
        if self.mode:
            mode.grad = False
        return self

    def __exit__(self, *_: object) -> None:
        mode.grad, mode.inference = self._before

    def _again(self) -> Any:
        return inference_mode(self.mode)
