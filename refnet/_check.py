"""One-line validation that survives ``python -O``: every public error of refnet is raised through here."""

from collections.abc import Callable


def check(condition: object, message: Callable[[], str], error: type[Exception] = RuntimeError) -> None:
    """Raise ``error(message())`` unless ``condition`` holds.

    The message is a function, so that a check that passes costs no formatting.

    >>> check(1 + 1 == 2, lambda: "arithmetic broke")
    >>> check(False, lambda: "linear(): got 3 features, expected 4")
    Traceback (most recent call last):
    RuntimeError: linear(): got 3 features, expected 4
    """
    if not condition:
        raise error(message())


def typename(value: object) -> str:
    """The full name of a value's class as errors show it, without the module for built-in ones.

    >>> typename(1), typename(check)
    ('int', 'function')
    """
    cls = value.__class__
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
