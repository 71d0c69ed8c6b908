"""Make a module whose parameters are about to be overwritten."""

import inspect
from typing import Any

from refnet._check import check
from refnet.nn.modules.module import Module
from refnet.random import fork_rng


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """``module_cls(*args, **kwargs)`` with parameters that hold anything; the generators draw nothing.

    RuntimeError for what is no module, or takes no argument `device`.

    >>> import refnet
    >>> before = refnet.get_rng_state()
    >>> skip_init(refnet.nn.Linear, 5, 1)
    Linear(in_features=5, out_features=1, bias=True)
    >>> bool((refnet.get_rng_state() == before).all())
    True
    """
    check(issubclass(module_cls, Module), lambda: f"Expected a Module; got {module_cls}")
    check(
        "device" in inspect.signature(module_cls).parameters,
        lambda: "Module must support a 'device' arg to skip initialization",
    )
    with fork_rng():
        return module_cls(*args, **kwargs)
