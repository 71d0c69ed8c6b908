"""L-BFGS: its iterations with and without a line search, what it remembers, when it stops."""

from typing import Any

from conformance.cases import FORWARD, LAYOUTS, args, ops, refuses, values

PLAIN = FORWARD - {LAYOUTS}
POINT = values([-0.5, 0.75, 0.25, 0.5]).fixed()
MATRIX = values([[0.5, -0.25], [0.75, 1.5]]).fixed()


def loss_of(point: Any, matrix: Any, *, valley: bool) -> Any:
    """A curved valley (Rosenbrock's), or a bowl that is three times as steep along every next axis."""
    if valley:
        return (1 - point[0]) ** 2 + 10 * (point[1] - point[0] ** 2) ** 2 + (matrix**2).sum()
    return point[0] ** 2 + 3 * point[1] ** 2 + 9 * (point[2:] - 1).pow(2).sum() + ((matrix - 1) ** 4).sum()


def minimized(
    torch: Any, x: Any, y: Any, *, calls: int, valley: bool = False, unused: bool = False, **options: Any
) -> dict[str, Any]:
    """The losses of all evaluations of some steps, where they lead, and the optimizer's state."""
    point, matrix = (leaf.detach().clone().requires_grad_() for leaf in (x, y))
    idle = torch.ones_like(x).requires_grad_()
    optimizer = torch.optim.LBFGS([point, idle, matrix] if unused else [point, matrix], **options)
    losses = []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(point, matrix, valley=valley)
        loss.backward()
        losses.append(loss.detach())
        return loss

    returned = [optimizer.step(closure).detach() for _ in range(calls)]
    state = optimizer.state_dict()["state"][0]
    return {
        "losses": losses,
        "returned": returned,
        "parameters": [point.detach(), matrix.detach(), idle.detach()],
        **{name: state[name] for name in ("n_iter", "func_evals", "old_dirs", "old_stps", "ro", "d") if name in state},
        "step size": torch.as_tensor(state.get("t", 0.0), dtype=x.dtype),
        "curvature": torch.as_tensor(state.get("H_diag", 0.0), dtype=x.dtype),
        "names": list(state),
    }


def resumed(torch: Any, x: Any, y: Any, **options: Any) -> dict[str, Any]:
    """A second optimizer that goes on from the first one's state."""
    leaves = [leaf.detach().clone().requires_grad_() for leaf in (x, y)]
    first, second = (torch.optim.LBFGS(leaves, max_iter=2, **options) for _ in range(2))

    def closure() -> Any:
        second.zero_grad()
        loss = loss_of(*leaves, valley=False)
        loss.backward()
        return loss

    first.step(closure)
    second.load_state_dict(first.state_dict())
    second.step(closure)
    state = second.state_dict()["state"][0]
    return {"parameters": [leaf.detach() for leaf in leaves], "n_iter": state["n_iter"], "pairs": len(state["ro"])}


def refused(torch: Any, x: Any, *, how: str) -> Any:
    """What L-BFGS does not take."""
    leaf = x.detach().clone().requires_grad_()
    if how == "groups":
        return torch.optim.LBFGS([{"params": [leaf]}, {"params": [x.detach().clone().requires_grad_()]}])
    if how == "search":
        optimizer = torch.optim.LBFGS([leaf], line_search_fn="armijo")

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (leaf**2).sum()
            loss.backward()
            return loss

        return optimizer.step(closure)
    raise LookupError(how)


SEARCH: dict[str, Any] = {"line_search_fn": "strong_wolfe"}
ROWS: list[dict[str, Any]] = [
    {"calls": 1, "max_iter": 1},
    {"calls": 1, "max_iter": 4},
    {"calls": 2, "max_iter": 3, "lr": 0.5},
    {"calls": 3, "max_iter": 2, "history_size": 2},
    {"calls": 2, "max_iter": 5, "max_eval": 3, "lr": 0.1},
    {"calls": 1, "max_iter": 6, "tolerance_grad": 1.0},
    {"calls": 2, "tolerance_grad": 1000.0},
    {"calls": 1, "max_iter": 6, "tolerance_change": 0.25, "lr": 0.5},
    {"calls": 1, "max_iter": 3, "unused": True},
    {"calls": 1, "max_iter": 4, "valley": True, "lr": 0.25},
    {"calls": 1, "max_iter": 3, "lr": values(0.5).fixed()},
    {"calls": 1, "max_iter": 1, **SEARCH},
    {"calls": 1, "max_iter": 4, **SEARCH},
    {"calls": 2, "max_iter": 2, "history_size": 1, **SEARCH},
    {"calls": 1, "max_iter": 3, "valley": True, **SEARCH},
    # so short that the bracket has to grow, so long that it has to shrink
    {"calls": 1, "max_iter": 2, "lr": 1e-3, **SEARCH},
    {"calls": 1, "max_iter": 2, "lr": 64.0, "valley": True, **SEARCH},
    {"calls": 1, "max_iter": 2, "lr": 512.0, **SEARCH},
    {"calls": 1, "max_iter": 4, "max_eval": 4, "lr": 16.0, "valley": True, **SEARCH},
]

CASES = [
    *ops(
        "LBFGS",
        [args(POINT, MATRIX, **options) for options in ROWS],
        program=minimized,
        dtypes=("float32", "float64"),
        checks=PLAIN,
    ),
    *ops("LBFGS resumed", [args(POINT, MATRIX), args(POINT, MATRIX, **SEARCH)], program=resumed, checks=PLAIN),
    *refuses("LBFGS", [args(POINT, how=how) for how in ("groups", "search")], program=refused),
]
