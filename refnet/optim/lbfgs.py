"""L-BFGS: Newton's method with a Hessian guessed from the last gradients (Liu and Nocedal 1989)."""

from collections.abc import Callable
from typing import Any

from refnet._check import check
from refnet._ops.shape import cat
from refnet.optim import _updates
from refnet.optim._line_search import Point, strong_wolfe
from refnet.optim._updates import number
from refnet.optim.optimizer import Optimizer, Params, check_lr, written

SMALLEST_CURVATURE = 1e-10  # of y . s, below which a pair is left out, so that the Hessian stays positive


class LBFGS(Optimizer):
    """Limited-memory BFGS, for deterministic losses. A step is up to `max_iter` iterations.

    In an iteration, with all parameters theta in one vector, its gradient g, and the last `history_size` pairs of a step
    s_i = theta_{i+1} - theta_i and its change of gradient y_i = g_{i+1} - g_i, rho_i = 1 / (y_i . s_i), newest last::

        q <- -g
        q <- q - a_i y_i      with a_i = rho_i s_i . q             (from the newest pair to the oldest)
        d <- q (y . s) / (y . y)                                   (of the newest pair; 1 without pairs)
        d <- d + s_i (a_i - b_i)   with b_i = rho_i y_i . d        (from the oldest to the newest)
        theta <- theta + t d

    t is lr (at the very first iteration min(1, 1 / |g|_1) lr), or what the strong Wolfe line search finds from there.

    - lr: a number or a tensor of one element. max_eval: the most evaluations of the closure, 5/4 max_iter by default.
    - tolerance_grad: a largest gradient at which to stop. tolerance_change: of the loss and the parameters, likewise.
    - line_search_fn: "strong_wolfe" or None.

    The step needs a closure, and returns its first loss. Raises ValueError for a negative lr or several groups.

    >>> import refnet
    >>> w = refnet.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (w[0] - 1) ** 2 + 10 * (w[1] - w[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(254., grad_fn=<AddBackward0>)
    >>> [round(x, 4) for x in w.tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        options = {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval}
        options |= {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(params, {**options, "history_size": history_size, "line_search_fn": line_search_fn})
        check(
            len(self.param_groups) == 1,
            lambda: "LBFGS doesn't support per-parameter options (parameter groups)",
            ValueError,
        )

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Lower the loss of `closure`, which computes it and its gradients; returns the loss before."""
        check(
            len(self.param_groups) == 1,
            lambda: f"Expected exactly one param_group, but got {len(self.param_groups)}",
            AssertionError,
        )
        group = self.param_groups[0]
        most, most_evaluations, smallest_change = group["max_iter"], group["max_eval"], group["tolerance_change"]
        # one state for all parameters, kept as the first one's, so that loading converts it
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = self._evaluate(closure)
        loss, gradient = float(first_loss), self._flat_gradient()
        state["func_evals"] += 1
        evaluations = 1
        if gradient.abs().max() <= group["tolerance_grad"]:
            return first_loss

        memory = {name: state.get(name) for name in MEMORY}
        for iteration in range(1, most + 1):
            state["n_iter"] += 1
            first = state["n_iter"] == 1
            if first:
                memory |= {"d": gradient.neg(), "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            else:
                _remember(memory, gradient, group["history_size"])
                memory["d"] = _direction(memory, gradient, state.setdefault("al", [None] * group["history_size"]))
            if memory.get("prev_flat_grad") is None:
                memory["prev_flat_grad"] = gradient.clone()
            else:  # in place, as torch: a state that was loaded follows the optimizer
                memory["prev_flat_grad"].copy_(gradient)
            memory["prev_loss"] = loss

            lr = group["lr"]
            memory["t"] = min(1.0, 1.0 / gradient.abs().sum()) * lr if first else lr
            slope = gradient.dot(memory["d"])
            if slope > -smallest_change:
                break
            count = 0
            if group["line_search_fn"] is not None:
                remaining = most_evaluations - evaluations
                point, count = self._searched(closure, memory, Point(0, loss, gradient, slope), remaining)
                memory["t"], loss, gradient = point.step, point.loss, point.gradient
                self._move(memory["t"], memory["d"])
            else:
                self._move(memory["t"], memory["d"])
                if iteration != most:  # the last one leaves it to the next step's first evaluation
                    loss, gradient, count = float(self._evaluate(closure)), self._flat_gradient(), 1
            evaluations += count
            state["func_evals"] += count
            if (
                iteration == most
                or evaluations >= most_evaluations
                or gradient.abs().max() <= group["tolerance_grad"]
                or memory["d"].mul(memory["t"]).abs().max() <= smallest_change
                or abs(loss - memory["prev_loss"]) < smallest_change
            ):
                break
        state.update(memory)
        return first_loss

    def _searched(
        self, closure: Callable[[], Any], memory: dict[str, Any], start: Point, most: int
    ) -> tuple[Point, int]:
        """The point that a line search finds, and how often it evaluated the closure; the parameters stay."""
        group, direction = self.param_groups[0], memory["d"]
        check(group["line_search_fn"] == "strong_wolfe", lambda: "only 'strong_wolfe' is supported")
        before = [parameter.detach().clone() for parameter in group["params"]]

        def evaluate(step: Any) -> Point:
            self._move(step, direction)
            loss, gradient = float(self._evaluate(closure)), self._flat_gradient()
            for parameter, value in zip(group["params"], before, strict=True):
                parameter.copy_(value)
            return Point(step, loss, gradient, gradient.dot(direction))

        return strong_wolfe(evaluate, start, memory["t"], direction, tolerance=group["tolerance_change"], most=most)

    def _flat_gradient(self) -> Any:
        """The gradients of all parameters in one vector, zeros where there is none."""
        parts = []
        for parameter in self.param_groups[0]["params"]:
            gradient = parameter.grad
            parts.append(parameter.new_zeros(parameter.numel()) if gradient is None else gradient.detach().reshape(-1))
        return cat(parts)

    def _move(self, step: Any, direction: Any) -> None:
        """theta <- theta + step direction"""
        offset = 0
        for parameter in self.param_groups[0]["params"]:
            part = direction[offset : offset + parameter.numel()].reshape(parameter.shape)
            with _updates.quiet():
                _updates.add(parameter._array, part._array, alpha=number(step))
            written(parameter)
            offset += parameter.numel()


MEMORY = (
    "d",
    "t",
    "old_dirs",
    "old_stps",
    "ro",
    "H_diag",
    "prev_flat_grad",
    "prev_loss",
)  # from iteration to iteration


def _remember(memory: dict[str, Any], gradient: Any, history_size: int) -> None:
    """Add the pair of the last iteration, and drop the oldest if there are too many."""
    y = gradient.sub(memory["prev_flat_grad"])
    s = memory["d"].mul(memory["t"])
    curvature = y.dot(s)
    if not curvature > SMALLEST_CURVATURE:
        return
    for name, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / curvature)):
        if len(memory[name]) == history_size:
            memory[name].pop(0)
        memory[name].append(value)
    memory["H_diag"] = curvature / y.dot(y)


def _direction(memory: dict[str, Any], gradient: Any, a: list[Any]) -> Any:
    """-H g by the two loops over the pairs; `a` is room for the numbers of the first loop."""
    pairs = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"], strict=True))
    q = gradient.neg()
    for i, (y, s, rho) in reversed(list(enumerate(pairs))):
        a[i] = s.dot(q) * rho
        q.add_(y, alpha=-number(a[i]))
    direction = q.mul(memory["H_diag"])
    for i, (y, s, rho) in enumerate(pairs):
        direction.add_(s, alpha=number(a[i] - y.dot(direction) * rho))
    return direction
