"""One library training: the loop that a user writes, cut into steps so that several libraries can advance side by side.

Every run has its own generator state: it is put into the library before a step and taken out after it, so that several
runs of one library do not see each other's draws.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy

from conformance.candidates.namespace import Namespace
from conformance.draw import Array
from conformance.gpus import CPU
from conformance.trajectory.plan import Plan
from conformance.trajectory.recipes import with_host_masks

# What is compared, in the order in which a step computes it.
BATCH, RATE, GENERATOR, BUFFER, LOSS, GRADIENT, OPTIMIZER, PARAMETER, EVALUATION = (
    "batch", "learning rate", "generator", "buffer", "loss", "gradient", "optimizer", "parameter", "evaluation",
)  # fmt: skip
KINDS = (BATCH, RATE, GENERATOR, BUFFER, LOSS, GRADIENT, OPTIMIZER, PARAMETER, EVALUATION)
CHANNELS_LAST = "torch:channels-last"
EXACT = frozenset({BATCH, GENERATOR})

Key = tuple[str, str]  # (kind, name of the tensor)
Snapshot = dict[Key, Array | None]  # None: a parameter without a gradient


@dataclass(frozen=True)
class State:
    """What a step starts from, as arrays: the model's state_dict and the optimizer's state."""

    model: dict[str, Array]
    optimizer: Any


@dataclass
class Run:
    """A library that follows a plan. `double` widens the float32 weights and data to float64 after they are drawn."""

    name: str
    library: Namespace
    plan: Plan
    double: bool = False
    seconds: float = 0.0
    accuracy: list[float] = field(default_factory=list)  # on the test examples, after each epoch

    def start(self) -> None:
        """Seed, build the model, the data loader, the optimizer and the schedule."""
        torch, plan = self.library.torch, self.plan
        before = torch.get_rng_state()
        try:
            torch.manual_seed(plan.seed)
            self.model = plan.made.model(torch)
            if plan.host_masks:
                self.model = with_host_masks(torch, self.model)
            if self.double:
                self.model = self.model.double()
            if self.library.device != CPU:  # drawn on the CPU, so that all start from the same weights
                self.model = self.model.to(self.library.device)
            if self.library.name == CHANNELS_LAST:
                self.model = self.model.to(memory_format=torch.channels_last)
            self.criterion = torch.nn.CrossEntropyLoss()
            self.optimizer = plan.make_optimizer(torch, self.model.parameters())
            self.scheduler = plan.make_scheduler(torch, self.optimizer)
            utils = torch.utils.data
            self.loader = utils.DataLoader(
                utils.TensorDataset(self._host(plan.data.inputs), self._host(plan.data.labels)),  # batches are copies
                batch_size=plan.batch_size,
                shuffle=True,
                drop_last=plan.drop_last,
            )
            self.generator = torch.get_rng_state()
        finally:
            torch.set_rng_state(before)
        self.batches: Iterator[Any] = iter(())
        self.position = self.length = 0

    def _host(self, array: Array) -> Any:
        tensor = self.library.from_array(array)
        return tensor.double() if self.double and tensor.is_floating_point() else tensor

    def _tensor(self, array: Array) -> Any:
        return self._moved(self._host(array))

    def _moved(self, tensor: Any) -> Any:
        return tensor if self.library.device == CPU else tensor.to(self.library.device)

    @contextmanager
    def _active(self) -> Iterator[None]:
        """This run's generator and settings, for a while."""
        torch, began = self.library.torch, time.perf_counter()
        before = torch.get_rng_state()
        try:
            torch.set_rng_state(self.generator)
            with self.library.context():
                yield
            self.generator = torch.get_rng_state()
        finally:
            torch.set_rng_state(before)
            self.seconds += time.perf_counter() - began

    # --- a step ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Draw a batch and learn from it; evaluate after the last batch of an epoch."""
        with self._active():
            if self.position == self.length:
                self.position, self.length = 0, len(self.loader)
                self.model.train()
                self.batches = iter(self.loader)
            self.inputs, self.labels = (self._moved(tensor) for tensor in next(self.batches))
            self.position += 1
            self.drawn = self.library.torch.get_rng_state()
            self.rates = self._rates()
            self._learn()
            if self.scheduler is not None:
                self.scheduler.step()
            self._evaluate()

    def replay(self, state: State) -> None:
        """The last step once more, with the same batch, draws and learning rates, from another state."""
        accuracy = len(self.accuracy)
        self.load(state)
        self.generator = self.drawn
        afterwards = self._rates()
        with self._active():
            self._set_rates(self.rates)
            self._learn()
            self._set_rates(afterwards)
            if accuracy and self.position == self.length:
                self.accuracy.pop()
            self._evaluate()

    def _learn(self) -> None:
        self.model.train()
        if self.plan.optimizer == "lbfgs":
            self.loss = self.optimizer.step(self._closure)
            return
        self.optimizer.zero_grad()
        self.loss = self.criterion(self.model(self.inputs), self.labels)
        self.loss.backward()
        self.optimizer.step()

    def _closure(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.inputs), self.labels)
        loss.backward()
        return loss

    def _evaluate(self) -> None:
        """Loss and scores on the test examples, in evaluation mode."""
        self.scores: list[Array] = []
        if self.position < self.length:
            return
        torch, data = self.library.torch, self.plan.data
        self.model.eval()
        total, right = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(data.test_labels), 500):
                part = slice(start, start + 500)
                scores = self.model(self._tensor(data.test_inputs[part].copy()))
                loss = self.criterion(scores, self._tensor(data.test_labels[part].copy()))
                self.scores.append(self.library.to_array(scores).copy())
                total += float(loss) * len(data.test_labels[part])
                right += int((self.scores[-1].argmax(1) == data.test_labels[part]).sum())
        self.test_loss = total / len(data.test_labels)
        self.accuracy.append(right / len(data.test_labels))
        self.model.train()

    # --- what it looks like ------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything that a step has made, over live memory: it is to be looked at before the next step."""
        array = self.library.to_array
        found: Snapshot = {(BATCH, "inputs"): array(self.inputs), (BATCH, "labels"): array(self.labels)}
        for i, options in enumerate(self._rates()):
            found |= {(RATE, f"{key}[{i}]"): numpy.asarray(value, numpy.float64) for key, value in options.items()}
        found[GENERATOR, "state"] = array(self.generator)
        found |= {(BUFFER, name): array(buffer) for name, buffer in self.model.named_buffers()}
        found[LOSS, "loss"] = array(self.loss)
        parameters = list(self.model.named_parameters())
        for name, parameter in reversed(parameters):  # as backward comes to them
            found[GRADIENT, name] = None if parameter.grad is None else array(parameter.grad)
        names = [name for name, _ in parameters]
        for i, state in self.optimizer.state_dict()["state"].items():
            found |= {(OPTIMIZER, f"{names[i]} {key}"): value for key, value in self._numbers(state)}
        found |= {(PARAMETER, name): array(parameter) for name, parameter in parameters}
        if self.scores:
            found[EVALUATION, "test scores"] = numpy.concatenate(self.scores)
            found[EVALUATION, "test loss"] = numpy.asarray(self.test_loss, numpy.float32)
        return found

    def _numbers(self, state: Any, prefix: str = "") -> Iterator[tuple[str, Array]]:
        """Tensors and numbers of an optimizer's state, by name."""
        items = state.items() if isinstance(state, dict) else enumerate(state)
        for key, value in items:
            name = f"{prefix}{key}" if isinstance(state, dict) else f"{prefix}[{key}]"
            if isinstance(value, self.library.torch.Tensor):
                yield name, self.library.to_array(value)
            elif isinstance(value, dict | list | tuple):
                yield from self._numbers(value, name)
            elif isinstance(value, bool | int | float):
                yield name, numpy.asarray(value)

    def _rates(self) -> list[dict[str, Any]]:
        """Numbers among the options of every parameter group: learning rates, and the momenta that schedules move."""
        return [
            {
                key: value
                for key, value in group.items()
                if key in ("lr", "momentum", "betas") and (isinstance(value, float | int | tuple))
            }
            for group in self.optimizer.param_groups
        ]

    def _set_rates(self, rates: list[dict[str, Any]]) -> None:
        for group, options in zip(self.optimizer.param_groups, rates, strict=True):
            group.update(options)

    # --- state -------------------------------------------------------------------------------------------------------

    def save(self) -> State:
        """A copy of the parameters, buffers and optimizer state."""
        array = self.library.to_array
        model = {name: array(tensor).copy() for name, tensor in self.model.state_dict().items()}
        return State(
            model, self._converted(self.optimizer.state_dict()["state"], self.library.torch.Tensor, _copied(array))
        )

    def load(self, state: State) -> None:
        """Go on from another run's state."""
        tensor = self._same
        self.model.load_state_dict({name: tensor(array) for name, array in state.model.items()})
        self.optimizer.load_state_dict(
            {
                "state": self._converted(state.optimizer, numpy.ndarray, tensor),
                "param_groups": self.optimizer.state_dict()["param_groups"],
            }
        )

    def _same(self, array: Array) -> Any:
        """A tensor of the array's own type, on the host: loading casts and moves it."""
        return self.library.from_array(numpy.array(array))

    def _converted(self, value: Any, leaf: Any, convert: Any) -> Any:
        """Nested dicts and lists with their leaves converted."""
        if isinstance(value, leaf):
            return convert(value)
        if isinstance(value, dict):
            return {key: self._converted(item, leaf, convert) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._converted(item, leaf, convert) for item in value)
        return value


def _copied(array: Any) -> Any:
    return lambda tensor: array(tensor).copy()
