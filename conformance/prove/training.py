"""Training with one thing wrong, and training that is merely done another way: the trials of `prove.trajectories`."""

import functools
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from conformance.prove.subjects.dropout import dropout, dropout_by_choice, dropout_scaled_mask
from conformance.prove.subjects.optim import ADAM, SGD, adam, adam_step_size, cosine, rate, sgd, sgd_averaged
from conformance.prove.subjects.optim import staircase as staircase_rate

Make = Callable[[Any], Any]  # from torch to what takes the name's place


@dataclass(frozen=True)
class Trial:
    """torch with the name `replaces` replaced by `make(torch)`; or, with `library`, a candidate or "monte-carlo N"."""

    name: str
    replaces: str = ""
    make: Make | None = None
    library: str = ""
    recipe: str = "mlp"
    optimizer: str = "sgd"
    scheduler: str = ""
    fault: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    below_rounding: str = ""  # why a fault may pass: its effect is below the error of legitimate training


# --- optimizers -------------------------------------------------------------------------------------------------------


class TorchNames(MutableMapping[str, Any]):
    """The state of a parameter under the short names of the written rules, kept under torch's own.

    A wrong rule then shows by its numbers, not by the names of what it keeps. `ahead` shows the rule a step count that
    is ahead of the one that is kept.
    """

    _NAMES = {"v": "momentum_buffer"}  # noqa: RUF012

    def __init__(self, torch: Any, state: dict[str, Any], ahead: int = 0) -> None:
        self.torch, self.state, self.ahead = torch, state, ahead

    def __getitem__(self, key: str) -> Any:
        found = self.state[self._NAMES[key]]
        return int(found) + self.ahead if key == "t" else found

    def __setitem__(self, key: str, value: Any) -> None:
        self.state[self._NAMES[key]] = self.torch.tensor(float(value - self.ahead)) if key == "t" else value

    def __delitem__(self, key: str) -> None:
        del self.state[self._NAMES[key]]

    def __iter__(self) -> Iterator[str]:
        return (short for short, name in self._NAMES.items() if name in self.state)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, key: str, default: Any = None) -> Any:
        """The default also counts from `ahead`."""
        if self._NAMES[key] in self.state:
            return self[key]
        return default + self.ahead if key == "t" else default


class AdamNames(TorchNames):
    """Adam's."""

    _NAMES = {"t": "step", "m": "exp_avg", "v": "exp_avg_sq", "largest": "max_exp_avg_sq"}  # noqa: RUF012


def _written(update: Callable[..., None], names: type[TorchNames], defaults: dict[str, Any], **how: Any) -> Make:
    """An optimizer whose step on one parameter is `update`, with torch's names for its state."""

    def make(torch: Any) -> Any:
        class Written(torch.optim.Optimizer):  # type: ignore[misc]
            def __init__(self, parameters: Any, lr: float = 1e-3, **options: Any) -> None:
                super().__init__(parameters, {"lr": lr, **defaults, **options})

            @torch.no_grad()  # type: ignore[untyped-decorator]
            def step(self, closure: Any = None) -> None:
                for group in self.param_groups:
                    for p in group["params"]:
                        update(torch, p, p.grad, names(torch, self.state[p], **how), group)

        return Written

    return make


def _sgd(**how: Any) -> Make:
    return _written(functools.partial(sgd, **how), TorchNames, SGD)


def _adam(ahead: int = 0, **how: Any) -> Make:
    return _written(functools.partial(adam, **how), AdamNames, ADAM, ahead=ahead)


def _with_options(name: str, **changed: Any) -> Make:
    """The optimizer of this name, made with other options than it was asked for."""

    def make(torch: Any) -> Any:
        return lambda parameters, **options: getattr(torch.optim, name)(
            parameters, **{**options, **{key: change(options.get(key)) for key, change in changed.items()}}
        )

    return make


def _step_replaced(before: Callable[[Any], Any], name: str = "SGD", *, zeroes: bool = True, steps: int = 1) -> Make:
    """The optimizer with something done to it before each step."""

    def make(torch: Any) -> Any:
        class Replaced(getattr(torch.optim, name)):  # type: ignore[misc]
            def zero_grad(self, set_to_none: bool = True) -> None:
                if zeroes:
                    super().zero_grad(set_to_none)

            def step(self, closure: Any = None) -> Any:
                before(self)
                for _ in range(steps):
                    super().step()

        return Replaced

    return make


def _nothing(optimizer: Any) -> None:
    pass


def _forget(optimizer: Any) -> None:
    optimizer.state.clear()


def _hide_last(optimizer: Any) -> None:
    optimizer.param_groups[0]["params"][-1].grad.zero_()


# --- layers -----------------------------------------------------------------------------------------------------------


def _norm(
    *,
    name: str = "BatchNorm1d",
    biased: bool = False,
    swapped: bool = False,
    normalizes_unbiased: bool = False,
    eps: str = "inside",
    lost: bool = False,
    detached: bool = False,
    always_batch: bool = False,
) -> Make:
    """Batch norm written out: (x - mean) / sqrt(var + eps) w + b, running statistics by the unbiased variance.

    Spoiled: the running variance biased; momentum for its complement; normalized by the unbiased variance; eps added to
    the root, or left out; running statistics lost; the gradient not passing through the statistics; batch statistics in
    evaluation.
    """

    def make(torch: Any) -> Any:
        class Norm(getattr(torch.nn, name)):  # type: ignore[misc]
            def forward(self, x: Any) -> Any:
                axes = [0, *range(2, x.dim())]
                shape = [1, -1, *[1] * (x.dim() - 2)]
                n = x.numel() // x.shape[1]
                batch = self.training or always_batch
                mean = x.mean(axes) if batch else self.running_mean
                var = ((x - mean.view(shape)) ** 2).mean(axes) if batch else self.running_var
                if self.training and not lost:
                    with torch.no_grad():
                        self.num_batches_tracked += 1
                        part = 1 - self.momentum if swapped else self.momentum
                        self.running_mean.lerp_(mean, part)
                        self.running_var.lerp_(var if biased else var * (n / (n - 1)), part)
                if normalizes_unbiased and batch:
                    var = var * (n / (n - 1))
                if detached:
                    mean, var = mean.detach(), var.detach()
                root = (
                    torch.sqrt(var) + self.eps if eps == "outside" else torch.sqrt(var + self.eps * (eps == "inside"))
                )
                scaled = (x - mean.view(shape)) / root.view(shape)
                return scaled * self.weight.view(shape) + self.bias.view(shape)

        return Norm

    return make


def _dropout(function: Callable[..., Any], **how: Any) -> Make:
    """A Dropout module that calls the function."""

    def make(torch: Any) -> Any:
        class Dropout(torch.nn.Dropout):  # type: ignore[misc]
            def forward(self, x: Any) -> Any:
                return function(torch, x, self.p, self.training, **how)

        return Dropout

    return make


def _dropout_by_rand(torch: Any, x: Any, p: float, training: bool) -> Any:
    """Kept where a uniform number exceeds p: other draws than torch's."""
    return x * (torch.rand_like(x) > p) / (1 - p) if training else x


def _dropout_of_generator(torch: Any, x: Any, p: float, training: bool) -> Any:
    """A generator of its own: the default one does not move."""
    if not training:
        return x
    return x * torch.empty_like(x).bernoulli_(1 - p, generator=torch.Generator().manual_seed(1)) / (1 - p)


def _always(torch: Any, x: Any, p: float, training: bool) -> Any:
    return dropout(torch, x, p, True)


def _linear(
    *, permuted: bool = False, bias_cut: bool = False, factor: float = 1.0, gain: float = 1.0, half: bool = False
) -> Make:
    """A linear layer; spoiled: the bias without a gradient, the gradient of the weight off by a factor, initial weights
    off by a gain, products of bfloat16. Legitimate: the sum in another order.
    """

    def make(torch: Any) -> Any:
        class Linear(torch.nn.Linear):  # type: ignore[misc]
            def reset_parameters(self) -> None:
                super().reset_parameters()
                with torch.no_grad():
                    self.weight.mul_(gain)

            def forward(self, x: Any) -> Any:
                weight, bias = self.weight, self.bias
                if factor != 1.0:
                    weight = weight * factor - weight.detach() * (factor - 1)
                if bias_cut:
                    bias = bias.detach() + 0 * bias
                if half:
                    return (x.bfloat16() @ weight.bfloat16().T).float() + bias
                if permuted:
                    parts = zip(x.flip(1).split(7, 1), weight.flip(1).split(7, 1), strict=True)
                    return sum((a @ b.T for a, b in parts), torch.zeros(())) + bias
                return torch.nn.functional.linear(x, weight, bias)

        return Linear

    return make


def _conv_unfolded(torch: Any) -> Any:
    class Conv2d(torch.nn.Conv2d):  # type: ignore[misc]
        """Patches times the weight, as im2col does."""

        def forward(self, x: Any) -> Any:
            patches = torch.nn.functional.unfold(x, self.kernel_size, padding=self.padding)  # (N, C K K, L)
            side = x.shape[2] + 2 * self.padding[0] - self.kernel_size[0] + 1
            out = torch.einsum("oc,ncl->nol", self.weight.flatten(1), patches) + self.bias[:, None]
            return out.view(len(x), -1, side, side)

    return Conv2d


def _pool_to_one(torch: Any) -> Any:
    class AvgPool2d(torch.nn.AvgPool2d):  # type: ignore[misc]
        """The gradient goes to the first of the four alone, times four: right on average only."""

        def forward(self, x: Any) -> Any:
            first = x[:, :, ::2, ::2]
            return first + (super().forward(x) - first).detach()

    return AvgPool2d


def _wrapped(name: str, **changed: Any) -> Make:
    """A module of `nn` made with other options."""

    def make(torch: Any) -> Any:
        class Module(getattr(torch.nn, name)):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **{**kwargs, **changed})

        return Module

    return make


def _scores_unscaled(torch: Any) -> Any:
    class MultiheadAttention(torch.nn.MultiheadAttention):  # type: ignore[misc]
        """Queries times 1.01: a wrong scale of the scores."""

        def forward(self, query: Any, key: Any, value: Any, **options: Any) -> Any:
            return super().forward(query * 1.01, key, value, **options)

    return MultiheadAttention


def _forget_bias(torch: Any) -> Any:
    class LSTM(torch.nn.LSTM):  # type: ignore[misc]
        """The forget gate's bias starts at one, as in other frameworks."""

        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                self.bias_ih_l0[self.hidden_size : 2 * self.hidden_size] = 1.0

    return LSTM


# --- the loss and the data --------------------------------------------------------------------------------------------


def _loss(formula: Callable[[Any, Any, Any], Any]) -> Make:
    """A criterion."""

    def make(torch: Any) -> Any:
        return lambda: functools.partial(formula, torch)

    return make


def _picked(torch: Any, scores: Any, labels: Any) -> Any:
    """The mean of logsumexp minus the label's score."""
    return (torch.logsumexp(scores, 1) - scores.gather(1, labels[:, None])[:, 0]).mean()


def _loader(change: Callable[..., Any]) -> Make:
    """A DataLoader made by `change(torch, dataset, options)`."""

    def make(torch: Any) -> Any:
        return lambda dataset, **options: change(torch, dataset, options)

    return make


def _with_sampler(reorder: Callable[[Any, list[int]], list[int]]) -> Make:
    """The shuffled order changed."""

    def change(torch: Any, dataset: Any, options: dict[str, Any]) -> Any:
        class Sampler(torch.utils.data.RandomSampler):  # type: ignore[misc]
            def __iter__(self) -> Any:
                return iter(reorder(self, list(super().__iter__())))

        return torch.utils.data.DataLoader(dataset, **{**options, "shuffle": False, "sampler": Sampler(dataset)})

    return _loader(change)


def _first_order(sampler: Any, order: list[int]) -> list[int]:
    """The order of the first epoch in every epoch."""
    sampler.order = getattr(sampler, "order", order)
    return list(sampler.order)


def _swapped(sampler: Any, order: list[int]) -> list[int]:
    """Two examples of the tenth batch change places."""
    order[1200], order[1201] = order[1201], order[1200]
    return order


def _options_changed(**changed: Any) -> Make:
    """A DataLoader with other options."""
    return _loader(lambda torch, dataset, options: torch.utils.data.DataLoader(dataset, **{**options, **changed}))


def _rate(formula: Callable[..., float], **how: Any) -> Make:
    made: Make = rate(functools.partial(formula, **how)).make
    return made


# --- the trials -------------------------------------------------------------------------------------------------------

SGD_CLASS, ADAM_CLASS, LOADER = "optim.SGD", "optim.Adam", "utils.data.DataLoader"
NORM, DROP, LOSS = "nn.BatchNorm1d", "nn.Dropout", "nn.CrossEntropyLoss"

FAULTS = [
    Trial("velocity averaged", SGD_CLASS, _written(sgd_averaged, TorchNames, SGD)),
    Trial("first step dampened", SGD_CLASS, _sgd(first_dampened=True), optimizer="sgd-dampened"),
    Trial("dampening ignored", SGD_CLASS, _sgd(dampening=False), optimizer="sgd-dampened"),
    Trial("Nesterov ignored", SGD_CLASS, _sgd(nesterov=False), optimizer="sgd-nesterov"),
    Trial("rate inside the velocity", SGD_CLASS, _sgd(rate_inside=True), scheduler="step"),
    Trial("velocity lost", SGD_CLASS, _step_replaced(_forget)),
    Trial("decay decoupled", SGD_CLASS, _sgd(decay="parameter")),
    Trial("decay in the velocity's place", SGD_CLASS, _sgd(decay="velocity")),
    Trial("decay twice", SGD_CLASS, _with_options("SGD", weight_decay=lambda w: 2 * w)),
    Trial("decay ignored", SGD_CLASS, _with_options("SGD", weight_decay=lambda w: 0.0)),
    Trial("momentum 0.901", SGD_CLASS, _with_options("SGD", momentum=lambda m: 0.901)),
    Trial("gradients not zeroed", SGD_CLASS, _step_replaced(_nothing, zeroes=False)),
    Trial("every step twice", SGD_CLASS, _step_replaced(_nothing, steps=2)),
    Trial("last parameter without a gradient", SGD_CLASS, _step_replaced(_hide_last)),
    Trial("Adam: exponents one ahead", ADAM_CLASS, _adam(ahead=1), optimizer="adam"),
    Trial("Adam: no correction", ADAM_CLASS, _adam(corrected=(False, False)), optimizer="adam"),
    Trial("Adam: second moment not corrected", ADAM_CLASS, _adam(corrected=(True, False)), optimizer="adam"),
    Trial("Adam: epsilon inside the root", ADAM_CLASS, _adam(epsilon="inside"), optimizer="adam"),
    Trial("Adam: epsilon before the correction", ADAM_CLASS, _adam(epsilon="before"), optimizer="adam"),
    Trial("Adam: betas swapped", ADAM_CLASS, _adam(swapped=True), optimizer="adam"),
    Trial("Adam: decay decoupled", ADAM_CLASS, _adam(decoupled=True), optimizer="adam"),
    Trial("Adam: largest of corrected", ADAM_CLASS, _adam(maximum="corrected"), optimizer="adam-amsgrad"),
    Trial("AdamW: decay coupled", "optim.AdamW", lambda torch: torch.optim.Adam, optimizer="adamw"),
    Trial("AdamW: decay after the step", "optim.AdamW", _adam(decoupled=True, decay_last=True), optimizer="adamw"),
    Trial("StepLR one step early", "optim.lr_scheduler.StepLR", _rate(staircase_rate, early=1), scheduler="step"),
    Trial(
        "cosine one step longer",
        "optim.lr_scheduler.CosineAnnealingLR",
        _rate(cosine, period=1, eta_min=0.0),
        scheduler="cosine",
    ),
    Trial("running variance biased", NORM, _norm(biased=True)),
    Trial(
        "LeNet-5: running variance biased", "nn.BatchNorm2d", _norm(name="BatchNorm2d", biased=True), recipe="lenet5"
    ),
    Trial("batch norm's momentum swapped", NORM, _norm(swapped=True)),
    Trial("normalized by the unbiased variance", NORM, _norm(normalizes_unbiased=True)),
    Trial("epsilon outside the root", NORM, _norm(eps="outside")),
    Trial("no epsilon", NORM, _norm(eps="none")),
    Trial("running statistics lost", NORM, _norm(lost=True)),
    Trial("no gradient through the statistics", NORM, _norm(detached=True)),
    Trial("batch statistics in evaluation", NORM, _norm(always_batch=True)),
    Trial("dropout scaled by 1 / p", DROP, _dropout(dropout, scale="1/p")),
    Trial("dropout not scaled", DROP, _dropout(dropout, scale="1")),
    Trial("dropout keeps p", DROP, _dropout(dropout, swapped=True)),
    Trial("dropout by uniform numbers", DROP, _dropout(_dropout_by_rand)),
    Trial("dropout of a generator of its own", DROP, _dropout(_dropout_of_generator)),
    Trial("dropout in evaluation", DROP, _dropout(_always)),
    Trial("weights initialized 0.1% too large", "nn.Linear", _linear(gain=1.001)),
    Trial("bias without a gradient", "nn.Linear", _linear(bias_cut=True)),
    Trial("gradient of the weight off by 1e-4", "nn.Linear", _linear(factor=1 + 1e-4)),
    Trial("products of bfloat16", "nn.Linear", _linear(half=True)),
    Trial("LeNet-5: pooling's gradient to one", "nn.AvgPool2d", _pool_to_one, recipe="lenet5"),
    Trial("attention: scores scaled wrongly", "nn.MultiheadAttention", _scores_unscaled, recipe="attention"),
    Trial("attention: layer norm's epsilon 1e-3", "nn.LayerNorm", _wrapped("LayerNorm", eps=1e-3), recipe="attention"),
    Trial(
        "attention: layer norm's epsilon 1e-6",
        "nn.LayerNorm",
        _wrapped("LayerNorm", eps=1e-6),
        recipe="attention",
        below_rounding="2e-6 of the normalized numbers: within eight times torch's own error in the gradients",
    ),
    Trial("LSTM: forget bias one", "nn.LSTM", _forget_bias, recipe="lstm"),
    Trial("LSTM: no dropout between layers", "nn.LSTM", _wrapped("LSTM", dropout=0.0), recipe="lstm"),
    Trial("loss averaged twice", LOSS, _loss(lambda torch, x, y: _picked(torch, x, y) / len(y))),
    Trial("loss off by 1e-4", LOSS, _loss(lambda torch, x, y: _picked(torch, x, y) * (1 + 1e-4))),
    Trial("labels smoothed", LOSS, lambda torch: lambda: torch.nn.CrossEntropyLoss(label_smoothing=1e-3)),
    Trial("shuffle reversed", LOADER, _with_sampler(lambda sampler, order: order[::-1])),
    Trial("not shuffled", LOADER, _options_changed(shuffle=False)),
    Trial("shuffled once", LOADER, _with_sampler(_first_order)),
    Trial("two examples change places", LOADER, _with_sampler(_swapped)),
    Trial("last partial batch dropped", LOADER, _options_changed(drop_last=True)),
    Trial("batches one larger", LOADER, _options_changed(batch_size=129)),
    Trial("another seed", "manual_seed", lambda torch: lambda seed: torch.manual_seed(seed + 1)),
]

LEGITIMATE = [
    Trial("torch:mkldnn=off", library="torch:mkldnn=off", fault=False),
    Trial("torch:threads=2", library="torch:threads=2", fault=False),
    Trial("LeNet-5: torch:mkldnn=off", library="torch:mkldnn=off", recipe="lenet5", fault=False),
    Trial("LeNet-5: torch:channels-last", library="torch:channels-last", recipe="lenet5-no-norm", fault=False),
    Trial("other roundings", library="monte-carlo 101", fault=False),
    Trial("other roundings, one by one", library="monte-carlo 102", fault=False),
    Trial("LeNet-5: other roundings", library="monte-carlo 103", recipe="lenet5", fault=False),
    Trial("LeNet-5: other roundings, one by one", library="monte-carlo 104", recipe="lenet5", fault=False),
    Trial("LeNet-5, Adam: other roundings", library="monte-carlo 105", recipe="lenet5", optimizer="adam", fault=False),
    Trial("LSTM: other roundings", library="monte-carlo 107", recipe="lstm", optimizer="adam", fault=False),
    Trial("attention: other roundings", library="monte-carlo 109", recipe="attention", optimizer="adamw", fault=False),
    Trial("SGD written out", SGD_CLASS, _sgd(), fault=False),
    Trial("Adam written out", ADAM_CLASS, _adam(), optimizer="adam", fault=False),
    Trial(
        "Adam by step sizes",
        ADAM_CLASS,
        _written(adam_step_size, AdamNames, ADAM),
        optimizer="adam-amsgrad",
        fault=False,
    ),
    Trial("batch norm written out", NORM, _norm(), fault=False),
    Trial("LeNet-5: batch norm written out", "nn.BatchNorm2d", _norm(name="BatchNorm2d"), recipe="lenet5", fault=False),
    Trial("dropout by choice", DROP, _dropout(dropout_by_choice), fault=False),
    Trial("dropout with a scaled mask", DROP, _dropout(dropout_scaled_mask), fault=False),
    Trial("linear in pieces of seven", "nn.Linear", _linear(permuted=True), fault=False),
    Trial("Adam: linear in pieces", "nn.Linear", _linear(permuted=True), optimizer="adam", fault=False),
    Trial("LeNet-5: convolution by patches", "nn.Conv2d", _conv_unfolded, recipe="lenet5", fault=False),
    Trial("cross-entropy through logsumexp", LOSS, _loss(_picked), fault=False),
]

TRIALS = [*FAULTS, *LEGITIMATE]
