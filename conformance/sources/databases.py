"""The databases by name, and the names in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from conformance.sources.database import Database, LeftOut

DATABASES = ("op_db", "module_db", "optim_db")


@lru_cache(maxsize=6)  # what a run has listed is asked for again when the report says what was left out
def database(name: str, operations: tuple[str, ...] = (), dtypes: tuple[str, ...] = ()) -> Database:
    """The cases of a database. Nothing is drawn before cases are listed or looked up."""
    if name == "op_db":
        from conformance.sources.op_db import OpDb

        return OpDb(operations, dtypes)
    if name == "module_db":
        from conformance.sources.module_db import ModuleDb

        return ModuleDb(operations, dtypes)
    if name == "optim_db":
        from conformance.sources.optim_db import OptimDb

        return OptimDb(operations, dtypes)
    raise ValueError(f"no database is called {name!r}; there are {', '.join(DATABASES)}")


def left_out(sources: Sequence[str], operations: Sequence[str], dtypes: Sequence[str]) -> list[LeftOut]:
    """What the databases among the sources have and the chosen cases have not, each with the reason."""
    found: list[LeftOut] = []
    for name in sources:
        if name in DATABASES:
            found += database(name, tuple(operations), tuple(dtypes)).left_out()
    return found


# --- names ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A name that a database tests: where it stands in the namespace, and what its cases call."""

    source: str
    name: str  # as the namespace has it: nn.functional.conv2d, Tensor.view, optim.Adam
    operations: frozenset[str]  # names of the operations of its cases
    reason: str = ""  # why it has no cases

    @property
    def namespace(self) -> str:
        """nn.functional, linalg, Tensor ...; torch itself for what stands there."""
        return self.name.rpartition(".")[0] or "torch"


def names(source: str) -> Iterator[Listed]:
    """The names of a database, in its order; entries that share one (they are variants) give one."""
    if source == "op_db":
        yield from _operations()
    elif source == "module_db":
        from conformance.sources import module_samples

        yield from (Listed(source, name, frozenset({name})) for name in module_samples.entries())
    elif source == "optim_db":
        from conformance.sources import op_names, optim_samples

        for name, info in optim_samples.entries().items():
            sparse = getattr(info, "only_supports_sparse_grads", False)
            yield Listed(source, name, frozenset({name}), op_names.SPARSE if sparse else "")


def _operations() -> Iterator[Listed]:
    from conformance.sources.op_names import IN_PLACE, PROGRAMS, Call, call_of, full_name
    from conformance.sources.op_samples import entries

    calls: dict[str, list[Call | str]] = {}
    shown: dict[str, str] = {}
    for info in entries().values():
        call = call_of(info)
        calls.setdefault(info.name, []).append(call)
        if isinstance(call, Call) and full_name(info) not in PROGRAMS:
            shown.setdefault(info.name, call.operation.name)
    for name, found in calls.items():
        operations = frozenset(call.operation.name for call in found if isinstance(call, Call))
        reason = "" if operations else next(call for call in found if isinstance(call, str))
        called = f"Tensor.{name}_" if name in IN_PLACE else str(name)
        yield Listed("op_db", shown.get(name, called), operations, reason)
