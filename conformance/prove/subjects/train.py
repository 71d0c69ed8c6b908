"""A training step put together from parts, one of which is wrong."""

import functools
from typing import Any

from conformance.case import OUTPUT, Arguments, args
from conformance.draw import integers, normal
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, as_class, times
from conformance.prove.wrappers import inside, tf32

ONCE = frozenset({OUTPUT})
TAME = ("normal", "positive", "ties")  # scores of order one: elsewhere the units saturate
STEPS = 4


def trained(torch: Any, inputs: Any, labels: Any, vector: Any) -> dict[str, Any]:
    """Linear, batch norm, tanh, dropout, linear; cross-entropy; SGD with momentum; then an evaluation."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.25), nn.Linear(5, 3))
    model = model.to(inputs.dtype)
    with torch.no_grad():
        start = 0
        for p in model.parameters():
            p.copy_(vector[start : start + p.numel()].view_as(p))
            start += p.numel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(3)
    losses = []
    for batch in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    model.eval()
    scores = model(inputs[0]).detach()
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    # A bias before batch norm has a gradient of rounding errors only.
    del state["0.bias"]
    return {"losses": torch.stack(losses), "scores": scores} | state


def accumulated(torch: Any, inputs: Any, targets: Any, weight: Any) -> dict[str, Any]:
    """Gradients of two batches added up before one step, the weight used twice in each."""
    w = weight.detach().clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=0.1)
    for batch in range(2):
        hidden = torch.tanh(inputs[batch] @ w)
        loss = torch.nn.functional.mse_loss(torch.tanh(hidden @ w), targets[batch])
        (loss / 2).backward()
    gradient = w.grad.clone()
    optimizer.step()
    return {"gradient": gradient, "weight": w.detach()}


def rows(make: Make) -> list[Arguments]:
    """Batches, labels and all 4 * 5 + 5 + 5 + 5 + 5 * 3 + 3 parameters."""
    return [args(make(STEPS, 8, 4).fixed(), integers(STEPS, 8, high=3), normal(53).fixed())]


def pairs(make: Make) -> list[Arguments]:
    """Two batches of a square network."""
    return [args(make(2, 8, 4).fixed(), make(2, 8, 4).fixed(), normal(4, 4, scale=0.5).fixed())]


# --- the optimizer's part ---------------------------------------------------------------------------------------------


def _zeroes_nothing(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]  # torch is Any here
        """Gradients pile up from step to step."""

        def zero_grad(self, set_to_none: bool = True) -> None:
            pass

    return SGD


def _misses_last(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]  # torch is Any here
        """The last parameter is never moved."""

        def __init__(self, parameters: Any, **options: Any) -> None:
            super().__init__(list(parameters)[:-1], **options)

    return SGD


def _steps_twice(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]  # torch is Any here
        """Every step is taken twice."""

        def step(self, closure: Any = None) -> Any:
            super().step()
            return super().step()

    return SGD


def _forgets(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]  # torch is Any here
        """The velocity is lost after each step."""

        def step(self, closure: Any = None) -> Any:
            self.state.clear()
            return super().step()

    return SGD


def _foreach(torch: Any) -> Any:
    class SGD(torch.optim.SGD):  # type: ignore[misc]  # torch is Any here
        """All parameters in one call."""

        def __init__(self, parameters: Any, **options: Any) -> None:
            super().__init__(parameters, foreach=True, **options)

    return SGD


# --- the layers' part -------------------------------------------------------------------------------------------------


def _mode_fixed(module: str, training: bool) -> Any:
    """A layer that is always in training, or always in evaluation."""

    def make(torch: Any) -> Any:
        class Fixed(getattr(torch.nn, module)):  # type: ignore[misc]  # torch is Any here
            """`train()` and `eval()` do nothing."""

            def forward(self, x: Any) -> Any:
                self.training = training
                return super().forward(x)

        return Fixed

    return as_class(make)


def _buffers_lost(torch: Any) -> Any:
    class BatchNorm1d(torch.nn.BatchNorm1d):  # type: ignore[misc]  # torch is Any here
        """Running statistics stay as they were made."""

        def forward(self, x: Any) -> Any:
            if not self.training:
                return super().forward(x)
            self.num_batches_tracked += 1
            return torch.nn.functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.1, self.eps)

    return BatchNorm1d


def _norm_by_hand(torch: Any) -> Any:
    class BatchNorm1d(torch.nn.BatchNorm1d):  # type: ignore[misc]  # torch is Any here
        """Written out: (x - mean) / sqrt(var + eps), times the weight, plus the bias."""

        def forward(self, x: Any) -> Any:
            mean, var = self.running_mean, self.running_var
            if self.training:
                n = x.shape[0]
                mean = x.mean(0)
                var = ((x - mean) ** 2).mean(0)
                with torch.no_grad():
                    self.num_batches_tracked += 1
                    self.running_mean.lerp_(mean, self.momentum)
                    self.running_var.lerp_(var * (n / (n - 1)), self.momentum)
            return (x - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias

    return BatchNorm1d


def _linear_tf32(torch: Any) -> Any:
    class Linear(torch.nn.Linear):  # type: ignore[misc]  # torch is Any here
        """Products of TensorFloat-32."""

        def forward(self, x: Any) -> Any:
            return tf32(torch, x) @ tf32(torch, self.weight).T + self.bias

    return Linear


def _linear_without_bias_gradient(torch: Any) -> Any:
    class Linear(torch.nn.Linear):  # type: ignore[misc]  # torch is Any here
        """The bias takes no part in the gradient."""

        def forward(self, x: Any) -> Any:
            return x @ self.weight.T + self.bias.detach() + 0 * self.bias

    return Linear


def _linear_by_rows(torch: Any) -> Any:
    class Linear(torch.nn.Linear):  # type: ignore[misc]  # torch is Any here
        """Sums of products, one term after another."""

        def forward(self, x: Any) -> Any:
            out = self.bias
            for i in range(self.in_features):
                out = out + x[:, i : i + 1] * self.weight[:, i]
            return out

    return Linear


# --- the loss's part --------------------------------------------------------------------------------------------------


def cross_entropy(torch: Any, scores: Any, labels: Any, *, times: float = 1.0) -> Any:
    """The mean of logsumexp minus the label's score; `times` 1 / n averages it twice."""
    loss = torch.logsumexp(scores, 1) - scores.gather(1, labels[:, None])[:, 0]
    return loss.mean() * times


def squared_over_batch(torch: Any, x: Any, y: Any) -> Any:
    """The mean over the batch of sums."""
    return ((x - y) ** 2).sum() / x.shape[0]


def squared(torch: Any, x: Any, y: Any) -> Any:
    """The mean of squares."""
    d = x - y
    return (d * d).sum() / d.numel()


def _tanh(torch: Any, x: Any) -> Any:
    return torch.tanh(x)


def tanh_by_expm1(torch: Any, x: Any) -> Any:
    """m / (m + 2) with m = expm1(2x); sound for x of order one."""
    m = torch.expm1(2 * x)
    return m / (m + 2)


def tanh_detached(torch: Any, x: Any) -> Any:
    """Every other path of the gradient is cut: nothing reaches the layers before."""
    return torch.tanh(x.detach()) + 0 * x


SUBJECTS = [
    Subject(
        "training",
        rows,
        program=trained,
        replaces="optim.SGD",
        checks=ONCE,
        regimes=TAME,
        legitimate={"all parameters in one call": as_class(_foreach)},
        faults={
            "gradients not zeroed": as_class(_zeroes_nothing),
            "last parameter missed": as_class(_misses_last),
            "every step twice": as_class(_steps_twice),
            "velocity lost": as_class(_forgets),
        },
    ),
    Subject(
        "training",
        rows,
        program=trained,
        replaces="nn.BatchNorm1d",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": as_class(_norm_by_hand)},
        faults={
            "batch norm always trains": _mode_fixed("BatchNorm1d", True),
            "batch norm always evaluates": _mode_fixed("BatchNorm1d", False),
            "running statistics lost": as_class(_buffers_lost),
        },
    ),
    Subject(
        "training",
        rows,
        program=trained,
        replaces="nn.Dropout",
        checks=ONCE,
        regimes=TAME,
        faults={
            "dropout always trains": _mode_fixed("Dropout", True),
            "dropout always evaluates": _mode_fixed("Dropout", False),
        },
    ),
    Subject(
        "training",
        rows,
        program=trained,
        replaces="nn.Linear",
        checks=ONCE,
        regimes=TAME,
        legitimate={"term by term": as_class(_linear_by_rows)},
        faults={
            "TF32 products": as_class(_linear_tf32),
            "no gradient for the bias": as_class(_linear_without_bias_gradient),
        },
    ),
    Subject(
        "training",
        rows,
        program=trained,
        replaces="nn.functional.cross_entropy",
        checks=ONCE,
        regimes=TAME,
        legitimate={"through logsumexp": cross_entropy, "float64 inside": inside(cross_entropy, "float64")},
        faults={
            "loss averaged twice": functools.partial(cross_entropy, times=1 / 8),
            "loss summed": functools.partial(cross_entropy, times=8),
            "loss off by 1e-3": functools.partial(cross_entropy, times=1 + 1e-3),
        },
    ),
    Subject(
        "accumulated gradients",
        pairs,
        program=accumulated,
        replaces="nn.functional.mse_loss",
        checks=ONCE,
        regimes=TAME,
        legitimate={"written out": squared, "float64 inside": inside(squared, "float64")},
        faults={"mean over the batch": squared_over_batch},
    ),
    Subject(
        "accumulated gradients",
        pairs,
        program=accumulated,
        replaces="tanh",
        checks=ONCE,
        regimes=TAME,
        legitimate={"by expm1": tanh_by_expm1, "float64 inside": inside(_tanh, "float64")},
        faults={
            "gradient cut": tanh_detached,
            "gradient off by 1e-3": altered(_tanh, times(1 + 1e-3)),
        },
    ),
]
