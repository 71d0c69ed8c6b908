"""Modules that hold modules or parameters: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any, Self

from refnet._check import check
from refnet._tape import TensorBase
from refnet.nn.modules.module import Module, indented
from refnet.nn.parameter import Parameter
from refnet.tensor import Tensor


class _Numbered(Module):
    """What Sequential and ModuleList share: submodules named "0", "1", ... in order."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, self._key(idx), module)

    def __delitem__(self, idx: int | slice) -> None:
        for key in list(self._modules)[idx] if isinstance(idx, slice) else [self._key(idx)]:
            delattr(self, key)
        self._renumber(self._modules.values())

    def _key(self, idx: int) -> str:
        return list(self._modules)[position(idx, len(self))]

    def _renumber(self, modules: Iterable[Any]) -> None:
        object.__setattr__(self, "_modules", {str(i): module for i, module in enumerate(modules)})

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Take out and return what ``self[key]`` gives."""
        taken = self[key]  # type: ignore[index]
        del self[key]
        return taken


def position(idx: int, size: int) -> int:
    """A list position, counted from the front, or an IndexError."""
    idx = operator.index(idx)
    check(-size <= idx < size, lambda: f"index {idx} is out of range", IndexError)
    return idx % size


class Sequential(_Numbered):
    """Modules in a row: the output of each is the input of the next.

    Takes the modules, or one OrderedDict of named modules. Indexing gives a module, a slice a Sequential of the same
    modules; ``+``, ``*`` with a number, `append`, `insert`, `extend` and `pop` work as on lists.

    >>> import refnet
    >>> from refnet import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name) if isinstance(name, int) else name, module)

    def forward(self, input: Any) -> Any:
        """The last module's output."""
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._key(idx)]

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before position `index`; names behind it move on by one. Returns self."""
        check(isinstance(module, Module), lambda: f"module should be of type: {Module}", AssertionError)
        size = len(self)
        check(-size <= index <= size, lambda: f"Index out of range: {index}", IndexError)
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Append every module of an iterable; returns self."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other: Any) -> "Sequential":
        _check_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Self:
        _check_sequential(other)
        return self.extend(other)

    def __mul__(self, other: int) -> "Sequential":
        self._check_factor(other)
        return Sequential(*(list(self) * other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        self._check_factor(other)
        return self.extend(list(self) * (other - 1))

    def _check_factor(self, factor: Any) -> None:
        check(
            isinstance(factor, int),
            lambda: f"unsupported operand type(s) for *: {type(self)} and {type(factor)}",
            TypeError,
        )
        check(factor > 0, lambda: f"Non-positive multiplication factor {factor} for {type(self)}", ValueError)


def _check_sequential(other: Any) -> None:
    check(
        isinstance(other, Sequential),
        lambda: f"add operator supports only objects of Sequential class, but {type(other)} is given.",
        ValueError,
    )


class ModuleList(_Numbered):
    """A list of modules that are registered: their parameters are this module's. It has no forward.

    >>> import refnet
    >>> layers = refnet.nn.ModuleList([refnet.nn.Linear(2, 2) for _ in range(3)])
    >>> layers
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self._modules[self._key(idx)]

    def insert(self, index: int, module: Module) -> None:
        """Put a module before position `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Append every module of an iterable; returns self."""
        check(
            isinstance(modules, Iterable),
            lambda: f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}",
            TypeError,
        )
        for module in list(modules):
            self.append(module)
        return self

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Neighbours that read the same are shown once, with their number."""
        if not len(self):
            return f"{self._get_name()}()"
        lines = []
        start = 0
        for text, run in groupby(map(repr, self)):
            count = len(list(run))
            end = start + count - 1
            lines.append(indented(f"({start}): {text}" if count == 1 else f"({start}-{end}): {count} x {text}"))
            start += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules that are registered, in the order of insertion. It has no forward.

    >>> import refnet
    >>> choices = refnet.nn.ModuleDict({"tanh": refnet.nn.Tanh(), "relu": refnet.nn.ReLU()})
    >>> choices["relu"](refnet.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove everything."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take out and return the module of a key."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules from a mapping or from pairs, replacing those of the same name."""
        for key, module in pairs(modules, "ModuleDict", isinstance(modules, ModuleDict)):
            self[key] = module


def pairs(source: Any, name: str, has_items: bool) -> Iterable[tuple[str, Any]]:
    """The pairs of a mapping, or of an iterable of pairs, checked."""
    check(
        isinstance(source, Iterable),
        lambda: f"{name}.update should be called with an iterable of key/value pairs, but got {type(source).__name__}",
        TypeError,
    )
    if has_items or isinstance(source, Mapping):
        yield from source.items()
        return
    for number, pair in enumerate(source):
        where = f"{name} update sequence element #{number}"
        check(
            isinstance(pair, Iterable),
            lambda: f"{where} should be Iterable; is {type(pair).__name__}",  # noqa: B023  # used at once
            TypeError,
        )
        check(
            len(pair) == 2,
            lambda: f"{where} has length {len(pair)}; 2 is required",  # noqa: B023
            ValueError,
        )
        yield pair[0], pair[1]


class ParameterList(Module):
    """A list whose tensors are registered as parameters (plain tensors become parameters); other values are kept.

    >>> import refnet
    >>> weights = refnet.nn.ParameterList([refnet.ones(2), refnet.ones(3)])
    >>> [name for name, _ in weights.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(self[i] for i in range(len(self))[idx])
        return getattr(self, str(position(idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(position(idx, len(self))), _as_parameter(param))

    def append(self, value: Any) -> Self:
        """Add a value at the end; returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Append every value of an iterable, which must not be a tensor; returns self."""
        check(
            isinstance(values, Iterable) and not isinstance(values, TensorBase),
            lambda: f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}",
            TypeError,
        )
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        """A line per value."""
        return "\n".join(_line(str(k), p, str(getattr(p, "dtype", ""))) for k, p in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary whose tensors are registered as parameters (plain ones become parameters); other values are kept.

    The order is that of insertion; a plain dict given to `update` or the constructor is inserted by sorted key, as
    torch does.

    >>> import refnet
    >>> params = refnet.nn.ParameterDict({"left": refnet.ones(2)})
    >>> [name for name, _ in params.named_parameters()]
    ['left']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _text_key(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, _text_key(key), _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, _text_key(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> "ParameterDict":
        """Another ParameterDict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, which is first set to `default` if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out and return the value of a key."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take out and return the pair inserted last."""
        key = next(reversed(self._keys)) if self._keys else self._keys.popitem()[0]  # the latter raises KeyError
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return getattr(self, key) if key in self else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """A new ParameterDict with `default` under every key."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of name and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values from a mapping or from pairs, replacing those of the same name."""
        found = pairs(parameters, "ParameterDict", isinstance(parameters, ParameterDict))
        ordered = isinstance(parameters, OrderedDict) or not isinstance(parameters, Mapping)
        for key, value in found if ordered else sorted(found, key=operator.itemgetter(0)):
            self[key] = value

    def extra_repr(self) -> str:
        """A line per value."""
        return "\n".join(_line(k, p, str(getattr(p, "dtype", ""))) for k, p in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: "ParameterDict") -> "ParameterDict":
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: "ParameterDict") -> "ParameterDict":
        merged = other.copy()
        merged.update(self)
        return merged

    def __ior__(self, other: "ParameterDict") -> Self:
        self.update(other)
        return self


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _text_key(key: Any) -> str:
    check(
        isinstance(key, str),
        lambda: (
            f"Index given to ParameterDict cannot be used as a key as it is not a string (type is "
            f"'{type(key).__name__}')."
        ),
        TypeError,
    )
    return key  # type: ignore[no-any-return]


def _line(name: str, value: Any, kind: str) -> str:
    if not isinstance(value, TensorBase):
        return f"  ({name}): Object of type: {type(value).__name__}"
    what = "Parameter" if isinstance(value, Parameter) else "Tensor"
    where = f" ({value.device})" if value.device.type == "cuda" else ""
    return f"  ({name}): {what} containing: [{kind} of size {'x'.join(map(str, value.shape))}{where}]"
