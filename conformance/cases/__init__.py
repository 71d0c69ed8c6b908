"""The cases, one file per family, and the words family files are written in (see README.md beside this file)."""

import importlib
import pkgutil
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from conformance.case import ALL_LAYOUTS as ALL_LAYOUTS
from conformance.case import BITS as BITS
from conformance.case import CHANNELS_LAST as CHANNELS_LAST
from conformance.case import CHECKS as CHECKS
from conformance.case import EXPANDED as EXPANDED
from conformance.case import FORWARD as FORWARD
from conformance.case import GAPPED as GAPPED
from conformance.case import GRADIENT as GRADIENT
from conformance.case import LAYOUTS as LAYOUTS
from conformance.case import MEMORY_FORMAT as MEMORY_FORMAT
from conformance.case import OUTPUT as OUTPUT
from conformance.case import REPEAT as REPEAT
from conformance.case import SECOND as SECOND
from conformance.case import TRANSPOSED as TRANSPOSED
from conformance.case import UNCHANGED as UNCHANGED
from conformance.case import Arguments as Arguments
from conformance.case import Case as Case
from conformance.case import args as args
from conformance.case import named as named
from conformance.case import ops as ops
from conformance.case import refuses as refuses
from conformance.draw import FLOATS as FLOATS
from conformance.draw import HALVES as HALVES
from conformance.draw import INTEGERS as INTEGERS
from conformance.draw import SIZES as SIZES
from conformance.draw import Draw as Draw
from conformance.draw import away_from as away_from
from conformance.draw import booleans as booleans
from conformance.draw import distinct as distinct
from conformance.draw import drawn as drawn
from conformance.draw import filled as filled
from conformance.draw import integers as integers
from conformance.draw import normal as normal
from conformance.draw import positive as positive
from conformance.draw import probabilities as probabilities
from conformance.draw import special as special
from conformance.draw import tied as tied
from conformance.draw import uniform as uniform
from conformance.draw import values as values
from conformance.sources.databases import DATABASES, database

SOURCES = ("own", *DATABASES)


def families() -> list[str]:
    """The family files of this package, by name."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__))


def catalogue(
    extra: Iterable[str] = (),
    sources: Iterable[str] = ("own",),
    operations: Sequence[str] = (),
    dtypes: Sequence[str] = (),
) -> Mapping[str, Case]:
    """Every case by its id.

    `sources`: "own", the family files, each with a list `CASES`, and the databases of samples that torch ships: "op_db",
    "module_db", "optim_db". The `extra` modules have a list `CASES` too. `operations` (patterns) and `dtypes` are what
    will be wanted of a database, which otherwise has to draw all its samples for a list of cases (at float32); what can
    be looked up by its id does not depend on them, nor does what the family files list.

    Raises ValueError when two cases have the same id, and for a source that there is not.
    """
    chosen = tuple(sources)
    unknown = [source for source in chosen if source not in SOURCES]
    if unknown:
        raise ValueError(f"no source of cases is called {unknown[0]!r}; there are {', '.join(SOURCES)}")
    modules = [(name, f"{__name__}.{name}") for name in families() if "own" in chosen]
    modules += [(path.rpartition(".")[2], path) for path in extra]
    cases: dict[str, Case] = {}
    for family, path in modules:
        for case in importlib.import_module(path).CASES:
            if case.id in cases:
                raise ValueError(f"two cases are called {case.id!r}: in {cases[case.id].family} and in {family}")
            cases[case.id] = replace(case, family=family)
    drawn = [database(name, tuple(operations), tuple(dtypes)) for name in DATABASES if name in chosen]
    return ChainMap(cases, *drawn) if drawn else cases  # type: ignore[arg-type]  # it writes to the first map at most
