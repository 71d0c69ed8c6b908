"""`Optimizer`: parameter groups, state, hooks. A subclass adds its defaults and `step`."""

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy

from refnet import _dtype
from refnet._check import check, typename
from refnet._device import Array
from refnet._recording.active import active, depend
from refnet._tape import RemovableHandle, TensorBase, set_grad
from refnet.creation import as_tensor
from refnet.optim._updates import add
from refnet.tensor import Tensor

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()  # the default of an option that every group must give

_global_pre_hooks: list[Callable[..., Any]] = []
_global_post_hooks: list[Callable[..., Any]] = []


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer."""
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return RemovableHandle(_global_post_hooks, hook)


class Optimizer:
    """Updates parameters by their gradients.

    - params: tensors; (name, tensor) pairs; or dicts, one per group, with the key "params" and options of its own.
    - defaults: the options of groups that do not give their own.

    Raises TypeError when `params` is a tensor, a set, or has what is no tensor; ValueError when it is empty, has a
    non-leaf, or gives a parameter to two groups.
    """

    state: "defaultdict[Any, Any]"
    param_groups: list[Group]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        check(
            not isinstance(params, TensorBase),
            lambda: (
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{typename(params)}"
            ),
            TypeError,
        )
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._make_hook_lists()
        given: list[Any] = list(params)
        check(given, lambda: "optimizer got an empty parameter list", ValueError)
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def _make_hook_lists(self) -> None:
        self._step_pre_hooks: list[Any] = []
        self._step_post_hooks: list[Any] = []
        self._state_dict_pre_hooks: list[Any] = []
        self._state_dict_post_hooks: list[Any] = []
        self._load_state_dict_pre_hooks: list[Any] = []
        self._load_state_dict_post_hooks: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_step_pre_hooks" not in self.__dict__:
            self._make_hook_lists()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # --- the step -------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        `closure`, if given, is called first, with gradients enabled: it computes the loss and its gradients anew;
        what it returns is returned.
        """
        raise NotImplementedError

    def _evaluate(self, closure: Callable[[], Any] | None) -> Any:
        """Call the closure of a step."""
        if closure is None:
            return None
        with set_grad(True):
            return closure()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; fill them with zeros instead if not `set_to_none`."""
        for parameter in chain.from_iterable(group["params"] for group in self.param_groups):
            gradient = parameter.grad
            if set_to_none or gradient is None:
                parameter.grad = None
                continue
            if gradient.grad_fn is not None:
                gradient.detach_()
            else:
                gradient.requires_grad_(False)
            gradient.zero_()

    # --- groups ---------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Take on more parameters, with options of their own; what they do not give comes from `defaults`."""
        check(
            isinstance(param_group, dict),
            lambda: f"param_group must be a dict, but got {type(param_group)}",
            TypeError,
        )
        params = param_group["params"]
        check(
            not isinstance(params, set),
            lambda: (
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            ),
            TypeError,
        )
        listed: list[Any] = [params] if isinstance(params, TensorBase) else list(params)
        names = [entry[0] for entry in listed if isinstance(entry, tuple)]
        check(
            len(names) in (0, len(listed)),
            lambda: "all optimizer params should be with/without names. Some param names are missing",
            ValueError,
        )
        tensors = [entry[1] for entry in listed] if names else listed
        param_group["params"] = tensors
        if names:
            param_group["param_names"] = names
        for tensor in tensors:
            check(
                isinstance(tensor, TensorBase),
                lambda: f"optimizer can only optimize Tensors, but one of the params is {typename(tensor)}",  # noqa: B023
                TypeError,
            )
            check(tensor.is_leaf or tensor.retains_grad, lambda: "can't optimize a non-leaf Tensor", ValueError)
        self._complete(param_group)
        self._check_distinct(param_group)
        self.param_groups.append(param_group)

    def _complete(self, group: Group) -> None:
        for name, default in self.defaults.items():
            check(
                default is not required or name in group,
                lambda: f"parameter group didn't specify a value of required optimization parameter {name}",  # noqa: B023
                ValueError,
            )
            group.setdefault(name, default)

    def _check_distinct(self, group: Group) -> None:
        own = {id(p) for p in group["params"]}
        if len(own) != len(group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=4,
            )
        for other in self.param_groups:
            check(
                ("param_names" in group) == ("param_names" in other),
                lambda: (
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with names' if 'param_names' in group else 'without names'} to the optimizer"
                ),
                ValueError,
            )
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        check(own.isdisjoint(taken), lambda: "some parameters appear in more than one parameter group", ValueError)

    # --- state ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and groups in torch's layout: parameters are numbered through the groups.

        ``{"state": {0: {"momentum_buffer": tensor, ...}, ...}, "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}]}``
        """
        for before in tuple(self._state_dict_pre_hooks):
            before(self)
        numbers: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            for number, parameter in enumerate(group["params"], start):
                numbers.setdefault(id(parameter), number)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, TensorBase) else k: v for k, v in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for after in tuple(self._state_dict_post_hooks):
            replaced = after(self, result)
            result = result if replaced is None else replaced
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over groups, copied, and state, with tensors in the parameters' dtype and on their device.

        As in torch, a tensor of the state that needs no conversion is not copied: two optimizers that load the same
        state share it. Give one of them a deep copy.

        A state of torch's optimizer of the same name loads too. Raises ValueError when the groups or their
        sizes differ.
        """
        state_dict = state_dict.copy()
        for before in tuple(self._load_state_dict_pre_hooks):
            replaced = before(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved = [{key: _own(value) for key, value in group.items()} for group in state_dict["param_groups"]]
        check(
            len(saved) == len(self.param_groups),
            lambda: "loaded state dict has a different number of parameter groups",
            ValueError,
        )
        check(
            all(len(a["params"]) == len(b["params"]) for a, b in zip(saved, self.param_groups, strict=True)),
            lambda: "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
            ValueError,
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        owner: dict[int, Any] = {}
        on_device: set[int] = set()  # whose steps are counted beside them, in float32
        for old, current in zip(saved, self.param_groups, strict=True):
            owner.update(zip(old["params"], current["params"], strict=True))
            if old.get("capturable") or old.get("fused"):
                on_device.update(old["params"])
            old["params"] = current["params"]
            if "param_names" in current:
                old.setdefault("param_names", current["param_names"])
        for key, value in state_dict["state"].items():
            if key in owner:
                state[owner[key]] = _suited(value, owner[key], key in on_device)
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": saved})
        for after in tuple(self._load_state_dict_post_hooks):
            after(self)

    # --- hooks ----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; a pair returned replaces args and kwargs."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before `state_dict`."""
        return _registered(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after `state_dict`; what it returns is returned instead."""
        return _registered(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; what it returns is loaded instead."""
        return _registered(self._load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return _registered(self._load_state_dict_post_hooks, hook, prepend)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step of a class with the hooks around it; a step called through `super()` runs them only once."""

    @functools.wraps(step)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        if type(self).step is not hooked:
            return step(*args, **kwargs)
        for before in (*_global_pre_hooks, *self._step_pre_hooks):
            replaced = before(self, args, kwargs)
            if replaced is not None:
                check(
                    isinstance(replaced, tuple) and len(replaced) == 2,
                    lambda: f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}.",  # noqa: B023
                )
                args, kwargs = replaced
        if active.recorder is not None:
            depend(self, _fixed)
        with set_grad(False):
            result = step(*args, **kwargs)
        self._opt_called = True  # schedules set it to False, and ask whether a step came before theirs
        for after in (*self._step_post_hooks, *_global_post_hooks):
            after(self, args, kwargs)
        return result

    return hooked


def _fixed(optimizer: Optimizer) -> list[Any]:
    """What a captured step takes for granted of an optimizer: its numbers, and which tensors it has."""
    return [
        [id(x) if isinstance(x, TensorBase) else x for x in group.values() if type(x) is not list]
        + list(map(id, group["params"]))
        for group in optimizer.param_groups
    ]


def _registered(hooks: list[Any], hook: Any, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.insert(0, hooks.pop())
    return handle


def _own(value: Any) -> Any:
    """A copy of an option of a group, as refnet's tensor if it was another library's."""
    return as_tensor(value).clone() if hasattr(value, "__torch_function__") else deepcopy(value)


def _suited(value: Any, parameter: Any, on_device: bool, key: Any = None) -> Any:
    """A piece of state with its tensors in the parameter's dtype and device; "step" stays as it is unless `on_device`."""
    if isinstance(value, TensorBase) or hasattr(value, "__torch_function__"):
        tensor: Any = value if isinstance(value, TensorBase) else as_tensor(value).detach().clone()
        if key == "step":
            return tensor.to(parameter.device, _dtype.float32) if on_device else tensor
        return tensor.to(parameter.device, parameter.dtype if parameter.is_floating_point() else tensor.dtype)
    if isinstance(value, dict):
        return {k: _suited(v, parameter, on_device, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_suited(v, parameter, on_device) for v in value)  # type: ignore[call-arg]
    return value


# --- what the algorithms share ------------------------------------------------------------------------------------


def check_lr_size(lr: Any) -> None:
    """A learning rate is a number or a tensor of one element."""
    check(not isinstance(lr, TensorBase) or lr._array.size == 1, lambda: "Tensor lr must be 1-element", ValueError)


def check_lr(lr: Any) -> None:
    """A learning rate that is not negative."""
    check_lr_size(lr)
    check(lr >= 0.0, lambda: f"Invalid learning rate: {lr}", ValueError)


def check_betas(betas: tuple[Any, Any]) -> None:
    """Decay rates of the moments, in [0, 1)."""
    for position, beta in enumerate(betas):
        check(
            0.0 <= beta < 1.0,
            lambda: f"Invalid beta parameter at index {position}: {beta}",  # noqa: B023
            ValueError,
        )


def check_implementation(name: str, foreach: bool | None, fused: bool | None, differentiable: bool) -> None:
    """The options by which torch picks among implementations of one formula.

    Here is one implementation: `foreach` and `fused` are accepted and change nothing. A differentiable step is not
    offered, because parameters are updated outside the tape.
    """
    check(not (fused and differentiable), lambda: "`fused` does not support `differentiable`")
    check(not (fused and foreach), lambda: "`fused` and `foreach` cannot be `True` together.")
    check(
        not differentiable,
        lambda: f"{name}: differentiable=True is not supported: parameters are updated in place, outside the tape",
        NotImplementedError,
    )


def gradient_of(parameter: Any, maximize: bool) -> Array:
    """The bare gradient, that of -loss to maximize."""
    xp = parameter.device.xp  # asked for in any case: of several GPUs, the update runs on the parameter's
    gradient = parameter.grad._array
    # with `out`, because without it a 0-d array gives a number, which cannot be updated in place
    return numpy.negative(gradient, out=xp.empty_like(gradient)) if maximize else gradient


def with_decay(gradient: Array, parameter: Array, weight_decay: float) -> Array:
    """g + weight_decay theta: the gradient of the loss plus weight_decay/2 |theta|^2; a new array unless that is 0."""
    if weight_decay == 0:
        return gradient
    decayed = gradient.copy(order="K")
    add(decayed, parameter, alpha=weight_decay)
    return decayed


def written(*tensors: Any) -> None:
    """Note that tensors were written in place, so that a graph that saved them does not use them."""
    for tensor in tensors:
        tensor._version_cell[0] += 1
