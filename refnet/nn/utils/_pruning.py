"""The ways to choose what is pruned, each the hook that multiplies its mask in. See `prune`."""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from refnet._check import check
from refnet._ops.order_statistics import kthvalue
from refnet._ops.sort import topk
from refnet.creation import ones_like, zeros_like
from refnet.nn.modules.module import Module
from refnet.random.functions import rand, rand_like

Amount = int | float  # so many, or this share of all


class BasePruningMethod(ABC):
    """A way to choose what is pruned, and the hook that multiplies its mask in.

    Subclasses define `compute_mask` and `PRUNING_TYPE`: "unstructured" (it is given the elements that are left),
    "structured" (the channels along `self.dim` that are left) or "global" (everything).
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask for a tensor of importances `t`, within what `default_mask` leaves."""

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Any:
        """The original times the mask."""
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prune the parameter `name` of `module`, by the importances or else its values; returns the hook."""
        method = cls._joined(module, name, cls(*args, **kwargs))
        again = isinstance(method, PruningContainer)
        original = getattr(module, name)
        _check_scores(importance_scores, original, f"parameter {name} of {module}")
        scores = original if importance_scores is None else importance_scores
        if again:
            default = getattr(module, name + "_mask").detach().clone()
        else:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            default = ones_like(original)
        try:
            module.register_buffer(name + "_mask", method.compute_mask(scores, default_mask=default))
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if not again:
                module.register_parameter(name, getattr(module, name + "_orig"))
                del module._parameters[name + "_orig"]
            raise
        return method

    @staticmethod
    def _joined(module: Module, name: str, method: "BasePruningMethod") -> "BasePruningMethod":
        """`method` alone or, with the one that prunes this parameter already, in a container."""
        method._tensor_name = name
        places = list(hooks_on(module, name))
        check(
            len(places) <= 1,
            lambda: (
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
                "PruningContainer."
            ),
            AssertionError,
        )
        if not places:
            return method
        old = module._forward_pre_hooks.pop(places[0]).function
        container = old if isinstance(old, PruningContainer) else PruningContainer(old)  # type: ignore[arg-type]
        container.add_pruning_method(method)
        return container

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """The tensor `t` times the mask for it."""
        _check_scores(importance_scores, t, "tensor t")
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor the parameter: what is pruned stays 0 until it is trained."""
        weight = self.apply_mask(module)
        if hasattr(module, self._tensor_name):
            delattr(module, self._tensor_name)
        original: Any = module._parameters.pop(self._tensor_name + "_orig")
        original.data = weight.data
        del module._buffers[self._tensor_name + "_mask"]
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Methods that were applied to one parameter in turn."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method that prunes the same parameter."""
        check(
            method is None or isinstance(method, BasePruningMethod),
            lambda: f"{type(method)} is not a BasePruningMethod subclass",
            TypeError,
        )
        if method is None:
            return
        check(
            method._tensor_name == self._tensor_name,
            lambda: (
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            ),
            ValueError,
        )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The last method's mask for what `default_mask` leaves, put into a copy of that."""
        method: Any = self._pruning_methods[-1]
        left = _what_is_left(method, t, default_mask)
        mask = default_mask.to(t.dtype).clone()
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(mask.dtype)
        return mask


def _what_is_left(method: Any, t: Any, mask: Any) -> Any:
    """The index of what a method may still prune."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    check(
        method.PRUNING_TYPE in ("structured", "global"),
        lambda: f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}",
        ValueError,
    )
    key: list[Any] = [slice(None)] * t.ndim
    if method.PRUNING_TYPE == "structured":
        check(
            hasattr(method, "dim"),
            lambda: 'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.',
            AttributeError,
        )
        dim = method.dim + t.ndim if method.dim < 0 else method.dim
        check(dim >= 0, lambda: f"Index is out of bounds for tensor with dimensions {t.ndim}", IndexError)
        key[dim] = mask.sum([d for d in range(t.ndim) if d != dim]) != 0
    return tuple(key)


class Identity(BasePruningMethod):
    """Prunes nothing: the mask is all ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return default_mask


class _OfAmount(BasePruningMethod):
    """Prunes an amount: a number, or a share of all."""

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def _number(self, size: int) -> int:
        """How many of `size` to prune."""
        number = self.amount if isinstance(self.amount, numbers.Integral) else round(self.amount * size)
        check(
            number <= size,
            lambda: f"amount={number} should be smaller than the number of parameters to prune={size}",
            ValueError,
        )
        return number


class RandomUnstructured(_OfAmount):
    """Prunes elements at random."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        number = self._number(t.numel())
        mask = default_mask.clone()
        if number:
            mask.view(-1)[topk(rand_like(t).view(-1), number)[1]] = 0
        return mask


class L1Unstructured(_OfAmount):
    """Prunes the elements of least magnitude."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        number = self._number(t.numel())
        mask = default_mask.clone()
        if number:
            mask.view(-1)[topk(t.abs().reshape(-1), number, largest=False)[1]] = 0
        return mask


class _OfChannels(_OfAmount):
    """Prunes whole channels: slices along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Any, number: int) -> Any:
        """The channels that stay, as positions or as a mask."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        check(
            t.ndim > 1,
            lambda: (
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.ndim} dims"
            ),
            ValueError,
        )
        check(self.dim < t.ndim, lambda: f"Invalid index {self.dim} for tensor of size {t.shape}", IndexError)
        number = self._number(t.shape[self.dim])
        if not number:
            return default_mask
        key: list[Any] = [slice(None)] * t.ndim
        key[self.dim] = self._kept(t, number)
        mask = zeros_like(t)
        mask[tuple(key)] = 1
        return mask * default_mask.to(mask.dtype)


class RandomStructured(_OfChannels):
    """Prunes channels at random."""

    def _kept(self, t: Any, number: int) -> Any:
        drawn = rand(t.shape[self.dim])
        return drawn > kthvalue(drawn, number)[0]


class LnStructured(_OfChannels):
    """Prunes the channels of least norm of order n."""

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Any, number: int) -> Any:
        dims = [d for d in range(t.ndim) if d != self.dim % t.ndim]
        return topk(t.norm(self.n, dims), t.shape[self.dim] - number)[1]


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        check(
            default_mask.shape == self.mask.shape,
            lambda: f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}",
            AssertionError,
        )
        return default_mask * self.mask.to(default_mask.dtype)


def _check_amount(amount: Any) -> None:
    check(
        isinstance(amount, numbers.Real),
        lambda: f"Invalid type for amount: {amount}. Must be int or float.",
        TypeError,
    )
    whole = isinstance(amount, numbers.Integral)
    check(
        amount >= 0 and (whole or amount <= 1),
        lambda: f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer",
        ValueError,
    )


def _check_scores(scores: Any, tensor: Any, what: str) -> None:
    check(
        scores is None or scores.shape == tensor.shape,
        lambda: f"importance_scores should have the same shape as {what}, got {scores.shape} vs {tensor.shape}",
        AssertionError,
    )


def hooks_on(module: Module, name: str) -> Iterator[int]:
    """The positions of the pruning hooks on a parameter."""
    for position, entry in enumerate(module._forward_pre_hooks):
        if isinstance(entry.function, BasePruningMethod) and entry.function._tensor_name == name:
            yield position
