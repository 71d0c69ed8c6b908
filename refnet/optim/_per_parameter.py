"""What optimizers share that update parameters one by one: the loop of a step, and the counters in the state."""

from collections.abc import Callable
from typing import Any, ClassVar

from refnet import _dtype
from refnet._check import check
from refnet._gpu import capturing
from refnet._tape import TensorBase
from refnet.creation import full
from refnet.optim._updates import number, quiet
from refnet.optim.optimizer import Group, Optimizer


class PerParameter(Optimizer):
    """An optimizer whose step is one update for each parameter that has a gradient.

    A subclass defines `_update`, and names what older versions of torch did not yet save: options (`_newer`, with the
    values they take), and numbers in the state that are tensors since (`_counters`).
    """

    _newer: ClassVar[dict[str, Any]] = {}
    _counters: ClassVar[tuple[str, ...]] = ("step",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._newer.items():
                group.setdefault(name, value)
            for parameter in group["params"]:
                own: dict[str, Any] = self.state.get(parameter) or {}
                for name in self._counters if own else ():
                    if not isinstance(own[name], TensorBase):
                        own[name] = counter(float(own[name]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what `closure` returned."""
        loss = self._evaluate(closure)
        for group in self.param_groups:
            self._check_capture(group)
            with quiet():
                self._update_all([parameter for parameter in group["params"] if parameter.grad is not None], group)
        return loss

    def _check_capture(self, group: Group) -> None:
        """RuntimeError for steps that are counted on the host while a graph is captured, whose replays do not count."""
        check(
            group.get("capturable", True) or not capturing(),
            lambda: (
                f"Attempting CUDA graph capture of step() for an instance of {type(self).__name__} but param_groups' "
                "capturable is False."
            ),
        )

    def _update_all(self, parameters: list[Any], group: Group) -> None:
        """Update the parameters of a group that have gradients."""
        for parameter in parameters:
            self._update(parameter, group)

    def _update(self, parameter: Any, group: Group) -> None:
        """Update one parameter, and its state."""
        raise NotImplementedError


def counter(value: float, group: Group | None = None, parameter: Any = None) -> Any:
    """A number in the state, a 0-d tensor as in torch's: float64 where that is the default, else float32.

    It is on the CPU, unless the group is `capturable` or `fused`: then beside the parameter.
    """
    fused = group is not None and bool(group.get("fused"))
    beside = fused or (group is not None and group.get("capturable"))
    double = _dtype.get_default_dtype() is _dtype.float64 and not fused
    kind = _dtype.float64 if double else _dtype.float32
    return full((), value, dtype=kind, device=parameter.device if beside else "cpu")


def counted(state: dict[str, Any]) -> Any:
    """One step more; the number of this one: a float, or where it is counted on a GPU a 0-d array of float64."""
    step = state["step"]._array
    step += 1
    return number(state["step"])


def check_capturable(parameter: Any, group: Group, numbers: str = "params and state_steps") -> None:
    """Capturing a step in a graph is for GPUs; `numbers` are what torch wants to have there."""
    check(
        not group["capturable"] or parameter.device.type == "cuda",
        lambda: (
            f"If capturable=True, {numbers} must be on supported devices: ['cuda'], but a parameter is on "
            f"{parameter.device}."
        ),
        AssertionError,
    )
