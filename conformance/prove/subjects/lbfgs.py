"""L-BFGS: the two loops, the memory and the step, with the mistakes that ports make in them."""

from typing import Any

from conformance.case import OUTPUT, Arguments, args
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, as_class

STEPS = 3  # of two iterations each


def path(torch: Any, x: Any, centre: Any, **options: Any) -> Any:
    """The parameters after each step into a bowl that is steeper along every next axis."""
    point = x.detach().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([point], max_iter=2, max_eval=9, **options)
    steepness = 3.0 ** torch.arange(x.numel(), dtype=x.dtype)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (steepness * (point - centre) ** 2).sum() / 8
        loss.backward()
        return loss

    seen = []
    for _ in range(STEPS):
        optimizer.step(closure)
        seen.append(point.detach().clone())
    return torch.stack(seen)


def direction(torch: Any, gradient: Any, pairs: Any, *, order: str, scaled: bool, twice: bool) -> Any:
    """-H g by the two loops, the first from the newest pair to the oldest, the second back.

    Spoiled: both from the "oldest" or both from the "newest"; the first H not y.s / y.y but 1; b left out.
    """
    q, a = -gradient, {}
    numbers = list(range(len(pairs)))
    for i in numbers if order == "oldest" else reversed(numbers):
        y, s = pairs[i]
        a[i] = s.dot(q) / y.dot(s)
        q = q - a[i] * y
    y, s = pairs[-1]
    q = q * (y.dot(s) / y.dot(y)) if scaled else q
    for i in reversed(numbers) if order == "newest" else numbers:
        y, s = pairs[i]
        q = q + s * (a[i] - (y.dot(q) / y.dot(s) if twice else 0.0))
    return q


def matrix_direction(torch: Any, gradient: Any, pairs: Any) -> Any:
    """-H g with H as a matrix, updated pair by pair: (1 - r s y') H (1 - r y s') + r s s'."""
    one = torch.eye(gradient.numel(), dtype=gradient.dtype)
    y, s = pairs[-1]
    inverse = one * (y.dot(s) / y.dot(y))
    for y, s in pairs:
        r = 1 / y.dot(s)
        left = one - r * torch.outer(s, y)
        inverse = left @ inverse @ left.T + r * torch.outer(s, s)
    return -(inverse @ gradient)


def quasi_newton(
    *,
    order: str = "both",
    scaled: bool = True,
    twice: bool = True,
    forgets: str = "oldest",
    first: str = "norm",
    kept: bool = True,
    late: bool = False,
    matrix: bool = False,
) -> Any:
    """L-BFGS without line search.

    Spoiled, besides the direction: the "newest" pair dropped when there are too many; the first step of length lr, or
    lr over the "largest" gradient; memory lost between steps; the pair added after it is used.
    """

    def make(torch: Any) -> Any:
        class QuasiNewton(torch.optim.Optimizer):  # type: ignore[misc]  # torch's class is not typed here
            """For one parameter that is a vector, and as many evaluations as it takes."""

            def __init__(
                self, parameters: Any, max_iter: int, max_eval: int, lr: float = 1.0, history_size: int = 100
            ) -> None:
                super().__init__(parameters, {})
                self.lr, self.max_iter, self.size = lr, max_iter, history_size
                self.pairs: list[Any] = []
                self.before: Any = None

            def step(self, closure: Any) -> Any:
                """Some iterations."""
                if not kept:
                    self.pairs, self.before = [], None
                (point,) = self.param_groups[0]["params"]
                for _ in range(self.max_iter):
                    closure()
                    with torch.no_grad():
                        point.add_(self.next_step(point.grad.clone()))

            def next_step(self, gradient: Any) -> Any:
                """t d, and what is remembered of it."""
                pairs = list(self.pairs)
                if self.before is None:
                    size = gradient.abs().max() if first == "largest" else gradient.abs().sum()
                    step = -gradient * self.lr * (1.0 if first == "none" else min(1.0, 1.0 / float(size)))
                    self.before = gradient, step
                    return step
                old, taken = self.before
                pairs.append((gradient - old, taken))
                if len(pairs) > self.size:
                    pairs.pop(0 if forgets == "oldest" else -2)
                used = (self.pairs or pairs) if late else pairs
                if matrix:
                    step = self.lr * matrix_direction(torch, gradient, used)
                else:
                    step = self.lr * direction(torch, gradient, used, order=order, scaled=scaled, twice=twice)
                self.pairs, self.before = pairs, (gradient, step)
                return step

        return QuasiNewton

    return as_class(make)


def rows(make: Make) -> list[Arguments]:
    """Whole memory and short memory, short steps."""
    options: list[dict[str, Any]] = [{}, {"lr": 0.5}, {"lr": 0.5, "history_size": 2}]
    return [args(make(4).fixed(), make(4).fixed(), **row) for row in options]


FAULTS: dict[str, dict[str, Any]] = {
    "both loops from the oldest": {"order": "oldest"},
    "both loops from the newest": {"order": "newest"},
    "first Hessian not scaled": {"scaled": False},
    "second loop corrects nothing": {"twice": False},
    "newest pair dropped": {"forgets": "newest"},
    "first step of length lr": {"first": "none"},
    "first step by the largest gradient": {"first": "largest"},
    "memory lost between steps": {"kept": False},
    "pair remembered too late": {"late": True},
}

SUBJECTS = [
    Subject(
        "steps of L-BFGS",
        rows,
        program=path,
        replaces="optim.LBFGS",
        checks=frozenset({OUTPUT}),
        regimes=("normal", "positive"),
        legitimate={"written out": quasi_newton(), "with a matrix": quasi_newton(matrix=True)},
        faults={name: quasi_newton(**how) for name, how in FAULTS.items()},
    ),
]
