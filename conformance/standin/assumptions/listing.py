"""The list of assumptions, and what their checks are written with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Assumption:
    """A statement about cupy; `check` gets the module and raises where it is false."""

    statement: str
    check: Callable[[Any], None]
    metadata: bool = False

    @property
    def name(self) -> str:
        """What the check is called."""
        return self.check.__name__


ASSUMPTIONS: list[Assumption] = []

Check = Callable[[Any], None]


def assume(metadata: bool = False) -> Callable[[Check], Check]:
    """Put a check on the list; its docstring is the statement."""

    def listed(check: Check) -> Check:
        ASSUMPTIONS.append(Assumption((check.__doc__ or "").strip().rstrip("."), check, metadata))
        return check

    return listed


class FalseAssumption(AssertionError):
    """What was found, and what was expected."""


def same(found: Any, expected: Any, what: str = "") -> None:
    """FalseAssumption unless both are equal."""
    if found != expected:
        raise FalseAssumption(f"{what or 'got'} {found!r}, but expected {expected!r}")


def raises(
    kinds: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], Any], word: str = ""
) -> None:
    """FalseAssumption unless the call raises one of these, with the word in its message."""
    try:
        result = call()
    except kinds as error:
        if word not in str(error):
            raise FalseAssumption(f"raised {error!r}, but expected the word {word!r}") from error
        return
    raise FalseAssumption(f"gave {type(result).__name__}, but expected {kinds}")


def stand_in(cupy: Any) -> bool:
    """Whether this is the stand-in, which is louder than cupy in places."""
    return bool(cupy.ndarray.__module__.startswith("conformance"))


def over(cupy: Any, shape: tuple[int, ...], dtype: str = "float32", strides: tuple[int, ...] | None = None) -> Any:
    """An array that nobody computes with: over made-up memory, so that no GPU is asked for any."""
    if stand_in(cupy):
        return cupy.ndarray(shape, dtype, cupy.cuda.alloc(4096), strides)
    pointer = cupy.cuda.MemoryPointer(cupy.cuda.UnownedMemory(1 << 20, 4096, None, 0), 0)
    return cupy.ndarray(shape, dtype, pointer, strides)


def check(cupy: Any, metadata_only: bool = False) -> list[tuple[Assumption, str]]:
    """Every assumption with what was found: "" where it holds."""
    found = []
    for assumption in ASSUMPTIONS:
        if metadata_only and not assumption.metadata:
            continue
        try:
            assumption.check(cupy)
            found.append((assumption, ""))
        except Exception as error:
            found.append((assumption, f"{type(error).__name__}: {error}"))
    return found
