"""What the proof is about, one file per family, each with a list `SUBJECTS`."""

import importlib
import pkgutil
from dataclasses import replace

from conformance.prove.subject import Subject


def subjects() -> list[Subject]:
    """Every subject, family by family."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [
        replace(subject, family=name)
        for name, module in zip(names, modules, strict=True)
        for subject in module.SUBJECTS
    ]
