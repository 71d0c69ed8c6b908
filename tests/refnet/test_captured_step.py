"""A captured step does what the step does, bit for bit, or says that it cannot."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import refnet
from refnet._recording import notes
from refnet._recording.notes import Recorder

pytestmark = pytest.mark.usefixtures("small_heap")
nn, F, optim = refnet.nn, refnet.nn.functional, refnet.optim
Step = Callable[..., Any]


def lenet5(pool: Any, activation: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), activation(), pool(2)),
        *(nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), activation(), pool(2)),
        *(nn.Conv2d(16, 120, 5), activation(), nn.Flatten(), nn.Linear(120, 84), nn.Dropout(0.3)),
        *(activation(), nn.Linear(84, 10)),
    )


def batches(count: int, size: int = 3) -> list[tuple[Any, Any]]:
    rng = numpy.random.default_rng(5)
    images = rng.random((count, size, 1, 28, 28), numpy.float32)
    labels = rng.integers(0, 10, (count, size))
    return [(refnet.from_numpy(x), refnet.from_numpy(y)) for x, y in zip(images, labels, strict=True)]


def arrays_of(state: Any) -> list[Any]:
    return [x.detach().numpy().copy() for x in state]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a.dtype == b.dtype and a.shape == b.shape, number
        assert a.tobytes() == b.tobytes(), f"array {number}, {a.dtype}{list(a.shape)}, differs"


TRAININGS = {
    "SGD, tanh, average pooling": (optim.SGD, {"lr": 0.05, "momentum": 0.9}, nn.AvgPool2d, nn.Tanh),
    "SGD, Nesterov, decay": (
        optim.SGD,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        nn.MaxPool2d,
        nn.ReLU,
    ),
    "SGD, dampening, maximize": (
        optim.SGD,
        {"lr": 0.01, "momentum": 0.5, "dampening": 0.1, "maximize": True},
        nn.AvgPool2d,
        nn.ReLU,
    ),
    "Adam, max pooling": (optim.Adam, {"lr": 0.003}, nn.MaxPool2d, nn.ReLU),
    "Adam, amsgrad, decay": (optim.Adam, {"lr": 0.003, "weight_decay": 0.01, "amsgrad": True}, nn.AvgPool2d, nn.Tanh),
    "AdamW": (optim.AdamW, {"lr": 0.003}, nn.MaxPool2d, nn.Tanh),
    "RMSprop": (optim.RMSprop, {"lr": 0.003, "momentum": 0.5}, nn.MaxPool2d, nn.ReLU),
    "NAdam": (optim.NAdam, {"lr": 0.003}, nn.AvgPool2d, nn.ReLU),
}


@pytest.mark.parametrize("lr_in_tensor", [False, True], ids=["", "lr in a tensor"])
@pytest.mark.parametrize("name", TRAININGS)
def test_training_of_lenet5_is_the_eager_one(name: str, lr_in_tensor: bool) -> None:
    kind, options, pool, activation = TRAININGS[name]
    data = batches(20)

    def trained(captured: bool) -> list[Any]:
        refnet.manual_seed(3)
        model = lenet5(pool, activation)
        settings = {**options, "lr": refnet.tensor(options["lr"])} if lr_in_tensor else options
        optimizer = kind(model.parameters(), **settings)

        def step(images: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

        run: Any = refnet.captured_step(step, *data[0]) if captured else step
        losses = []
        for number, batch in enumerate(data):
            if lr_in_tensor and number % 6 == 5:
                settings["lr"].mul_(0.5)
            losses.append(run(*batch).detach().clone())
        assert not captured or run.recorded
        state = [x for own in optimizer.state.values() for x in own.values() if x is not None]
        gradients = [parameter.grad for parameter in model.parameters()]
        return arrays_of([*losses, *model.state_dict().values(), *gradients, *state, refnet.get_rng_state()])

    assert_same(trained(True), trained(False))


def test_threads_share_the_parts_of_a_replay() -> None:
    images = refnet.from_numpy(numpy.random.default_rng(0).random((96, 1, 28, 28), numpy.float32))
    labels = refnet.arange(96) % 10
    before = refnet.get_num_threads()

    def trained(captured: bool) -> list[Any]:
        refnet.manual_seed(1)
        model = lenet5(nn.AvgPool2d, nn.Tanh)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(images: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

        run = refnet.captured_step(step, images, labels, warmup=2) if captured else step
        losses = [run(images, labels).detach().clone() for _ in range(6)]
        return arrays_of([*losses, *model.state_dict().values()])

    try:
        refnet.set_num_threads(2)
        assert_same(trained(True), trained(False))
    finally:
        refnet.set_num_threads(before)


def test_inference_follows_the_weights_and_gives_the_same_tensor() -> None:
    refnet.manual_seed(0)
    model = lenet5(nn.MaxPool2d, nn.ReLU).eval()

    def logits(images: Any) -> Any:
        with refnet.no_grad():
            return model(images)

    data = batches(8)
    captured = refnet.captured_step(logits, data[0][0])
    results = []
    for images, _ in data:
        results.append(captured(images))
        assert_same(arrays_of(results[-1:]), arrays_of([logits(images)]))
        with refnet.no_grad():
            model[0].weight.mul_(1.25)
    assert captured.recorded and results[-1] is results[-2]
    assert not results[-1].requires_grad


def test_nested_results_and_none() -> None:
    def step(x: Any) -> Any:
        return {"sum": x.sum(), "parts": [x[:1] * 2, (x.exp(), None)]}

    captured = refnet.captured_step(step, refnet.zeros(3), warmup=1)
    for value in range(4):
        x = refnet.full((3,), float(value))
        found = captured(x)
    assert captured.recorded
    assert found["sum"].item() == 9 and found["parts"][1][1] is None
    assert found["parts"][0].tolist() == [6.0] and found["parts"][1][0].tolist() == x.exp().tolist()


# --- what changes from call to call ---------------------------------------------------------------------------------


class Fitted:
    """One parameter, fitted to inputs, with everything that a test wants to turn."""

    def __init__(self, warmup: int = 2, **options: Any) -> None:
        self.w = nn.Parameter(refnet.zeros(3))
        self.optimizer = optim.SGD([self.w], lr=0.25, **options)
        self.dropout = nn.Dropout(0.5).eval()
        self.captured = refnet.captured_step(self.step, refnet.zeros(3), warmup=warmup)
        self.calls = 0

    def step(self, x: Any) -> Any:
        self.calls += 1
        self.optimizer.zero_grad()
        loss = self.dropout((self.w - x).square()).sum()
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, times: int) -> None:
        for number in range(times):
            self.captured(refnet.full((3,), float(number)))


def new_rate(fitted: Fitted) -> None:
    fitted.optimizer.param_groups[0]["lr"] = 0.125


def other_mode(fitted: Fitted) -> None:
    fitted.dropout.train()


def other_memory(fitted: Fitted) -> None:
    fitted.w.data = refnet.ones(3)


@pytest.mark.parametrize("change", [new_rate, other_mode, other_memory])
def test_a_change_that_is_known_is_recorded_again(change: Callable[[Fitted], None]) -> None:
    plain, fitted = Fitted(warmup=100), Fitted()
    for one in (plain, fitted):
        refnet.manual_seed(0)
        one.run(5)
        change(one)
        one.run(5)
    assert fitted.captured.recorded and (plain.calls, fitted.calls) == (10, 5)
    assert_same(arrays_of([fitted.w]), arrays_of([plain.w]))


def test_grad_mode_is_part_of_what_was_recorded() -> None:
    w = refnet.ones(2, requires_grad=True)
    captured = refnet.captured_step(lambda x: refnet.tensor(float(x.mul(w).requires_grad)), refnet.ones(2), warmup=1)
    assert [captured(refnet.ones(2)).item() for _ in range(4)] == [1.0] * 4
    with refnet.no_grad():
        assert [captured(refnet.ones(2)).item() for _ in range(3)] == [0.0] * 3


def test_gradients_come_back_after_they_were_set_to_none() -> None:
    w = refnet.zeros(2, requires_grad=True)

    def gradient(x: Any) -> None:
        w.grad = None
        (w * x).sum().backward()

    captured = refnet.captured_step(gradient, refnet.zeros(2), warmup=2)
    for value in (1.0, 2.0, 3.0, 4.0):
        captured(refnet.full((2,), value))
        assert w.grad is not None and w.grad.tolist() == [value, value]
        w.grad = None


def test_gradients_that_add_up_are_looked_for() -> None:
    w = refnet.zeros(2, requires_grad=True)
    captured = refnet.captured_step(lambda x: (w * x).sum().backward(), refnet.zeros(2), warmup=2)
    for _ in range(5):
        captured(refnet.ones(2))
    assert captured.recorded and w.grad is not None and w.grad.tolist() == [5.0, 5.0]
    w.grad = refnet.zeros(2)
    for _ in range(4):
        captured(refnet.ones(2))
    assert captured.recorded and w.grad.tolist() == [4.0, 4.0]


def test_a_replay_is_a_write_that_autograd_notices() -> None:
    fitted = Fitted()
    fitted.run(4)
    loss = (fitted.w * fitted.w).sum()
    fitted.run(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_draws_go_on_and_follow_the_seed() -> None:
    captured = refnet.captured_step(lambda x: F.dropout(x, 0.5) + refnet.rand(8), refnet.ones(8), warmup=1)
    for _ in range(3):
        captured(refnet.ones(8))
    refnet.manual_seed(11)
    found = [captured(refnet.ones(8)).tolist() for _ in range(2)]
    refnet.manual_seed(11)
    assert found == [(F.dropout(refnet.ones(8), 0.5) + refnet.rand(8)).tolist() for _ in range(2)]
    assert found[0] != found[1]


# --- what is refused ------------------------------------------------------------------------------------------------


def counting() -> Step:
    count = iter(range(100))
    return lambda x: x * float(next(count))


def branching() -> Step:
    count = iter(range(100))
    return lambda x: x.exp() if next(count) % 2 else x.sin()


def longer() -> Step:
    count = iter(range(1, 100))

    def step(x: Any) -> Any:
        for _ in range(next(count)):
            x = x + 1
        return x

    return step


def replacing() -> Step:
    state = {"x": refnet.zeros(2)}

    def step(x: Any) -> Any:
        state["x"] = state["x"] + x
        return state["x"].sum()

    return step


def from_outside() -> Step:
    draw = numpy.random.default_rng().random
    return lambda x: x + refnet.from_numpy(draw(2, numpy.float32))


def computed_outside() -> Step:
    from scipy.linalg import inv

    return lambda x: x * refnet.from_numpy(inv(x.numpy().reshape(2, 1) * numpy.float32([[1, 2]]) + numpy.eye(2)))


REFUSED = {
    "item": (lambda: lambda x: x * x.sum().item(), "cannot depend on the values of a tensor.*`item`"),
    "float": (lambda: lambda x: x * float(x[0]), "cannot depend on the values of a tensor.*`item`"),
    "tolist": (lambda: lambda x: refnet.tensor(x.tolist()), "cannot depend on the values.*`tolist`"),
    "nonzero": (lambda: lambda x: x.nonzero().sum(), "cannot depend on the values.*`nonzero`"),
    "mask": (lambda: lambda x: x[x > 0].sum(), "cannot depend on the values.*nonzero|mask"),
    "a number that changes": (counting, r"an operand was 1\.0 before and is 2\.0 now"),
    "a branch": (branching, "went another way: exp|went another way: sin"),
    "more of the same": (longer, "calls before and .* now"),
    "state that is replaced": (replacing, "replaced at each call instead of written in place"),
    "memory from elsewhere": (from_outside, "recording did not see"),
    "a library": (computed_outside, "recording did not see|other memory for the same operand"),
    "no tensor": (lambda: lambda x: 3.0, "returns tensors, or nothing; got float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, message = REFUSED[name]
    captured = refnet.captured_step(make(), refnet.ones(2), warmup=2)
    with pytest.raises((RuntimeError, TypeError), match=message):
        for _ in range(4):
            captured(refnet.ones(2))
    assert not captured.recorded


def test_state_that_begins_in_the_first_step_needs_a_larger_warmup() -> None:
    fitted = Fitted(warmup=1, momentum=0.9)
    with pytest.raises(RuntimeError, match="larger `warmup`"):
        fitted.run(2)
    fitted.run(2)  # the recordings since agree
    assert fitted.captured.recorded


def test_a_step_that_goes_another_way_for_good_is_recorded_again() -> None:
    captured = refnet.captured_step(lambda x: x.exp() if (x.sum() > 0).item() else x.sin(), refnet.ones(3), warmup=1)
    for number in range(40):
        x = refnet.full((3,), 1.0 if number < 10 else -1.0)
        assert captured(x).tolist() == (x.exp() if number < 10 else x.sin()).tolist()
    assert captured.recorded and captured.reruns == 8


def test_an_index_out_of_range_is_the_error_of_the_step() -> None:
    captured = refnet.captured_step(
        lambda x, y: F.cross_entropy(x, y), refnet.zeros(2, 3), refnet.tensor([0, 1]), warmup=1
    )
    for _ in range(3):
        captured(refnet.zeros(2, 3), refnet.tensor([2, 1]))
    assert captured.recorded
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        captured(refnet.zeros(2, 3), refnet.tensor([2, 3]))
    assert captured(refnet.zeros(2, 3), refnet.tensor([2, 0])).item() == pytest.approx(numpy.log(3))


def test_a_condition_that_is_not_what_it_was_runs_the_step() -> None:
    """Draws and writes come before it, and are put back."""

    class Branching:
        def __init__(self) -> None:
            refnet.manual_seed(4)
            self.total, self.calls = refnet.zeros(3), 0

        def step(self, x: Any) -> Any:
            self.calls += 1
            x = F.dropout(x, 0.5)
            self.total += x
            if (self.total.sum() > 20).item():
                self.total *= 0.5
                return self.total * 2
            return self.total + 1

    plain, branching = Branching(), Branching()
    captured = refnet.captured_step(branching.step, refnet.ones(3), warmup=2)

    def results(owner: Branching, run: Step) -> list[Any]:
        refnet.manual_seed(4)
        found = [run(refnet.full((3,), 1.0 + number % 3)).clone() for number in range(25)]
        return arrays_of([*found, owner.total, refnet.get_rng_state()])

    assert_same(results(branching, captured), results(plain, plain.step))
    assert captured.recorded and 0 < captured.reruns == branching.calls - 3


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ((), TypeError, "expected 1 inputs, got 0"),
        ((refnet.zeros(3),), ValueError, "input 0 must be a tensor like its sample"),
        ((refnet.zeros(2, dtype=refnet.float64),), ValueError, "input 0 must be a tensor like its sample"),
        ((1.0,), ValueError, "got float"),
    ],
)
def test_inputs_unlike_the_samples(inputs: Any, error: type[Exception], message: str) -> None:
    captured = refnet.captured_step(lambda x: x, refnet.zeros(2))
    with pytest.raises(error, match=message):
        captured(*inputs)


@pytest.mark.parametrize(
    ("samples", "options", "error", "message"),
    [
        ((), {}, ValueError, "needs sample inputs"),
        ((1.0,), {}, TypeError, "sample input 0 must be a tensor, got float"),
        ((refnet.zeros(1),), {"warmup": 0}, ValueError, "needs a call before it records"),
    ],
)
def test_arguments(samples: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        refnet.captured_step(lambda x: x, *samples, **options)


# --- planted faults -------------------------------------------------------------------------------------------------


def small_step() -> tuple[Step, Any]:
    refnet.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Tanh(), nn.Linear(3, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, model


def dropped(call: list[Any]) -> None:
    call.clear()


def by_value(call: list[Any]) -> None:
    """The first operand that is read as a copy of what it was."""
    if call and call[0].function is not notes.same:
        reads = {id(x) for x in call[0].reads}
        args = list(call[0].args)
        for place, x in enumerate(args):
            if id(x) in reads and not any(x is y for y in call[0].writes):
                args[place] = x.copy(order="K")
                break
        call[0].args = tuple(args)


@pytest.mark.parametrize("fault", [dropped, by_value])
def test_a_call_that_is_noted_wrong_is_found(
    fault: Callable[[list[Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every seventh call: either the recordings or the first replay show it, or it is a call that changes nothing."""
    x, y = refnet.rand(5, 4), refnet.tensor([0, 1, 1, 0, 1])
    note = Recorder.note
    step, _ = small_step()
    captured = refnet.captured_step(step, x, y, warmup=2)
    for _ in range(3):
        captured(x, y)
    expected = [captured(x, y).item() for _ in range(3)]
    found = harmless = 0
    for wrong in range(0, captured.noted, 7):

        def faulty(recorder: Recorder, *args: Any, _wrong: int = wrong, **kwargs: Any) -> None:
            note(recorder, *args, **kwargs)
            if len(recorder.calls) == _wrong + 1 and not recorder.planted:  # type: ignore[attr-defined]
                recorder.planted = True  # type: ignore[attr-defined]
                last = recorder.calls[_wrong:]
                fault(last)
                recorder.calls[_wrong:] = last

        monkeypatch.setattr(Recorder, "note", faulty)
        monkeypatch.setattr(Recorder, "planted", False, raising=False)
        step, _ = small_step()
        captured = refnet.captured_step(step, x, y, warmup=2)
        try:
            for _ in range(3):
                captured(x, y)
        except RuntimeError:
            found += 1
        else:
            harmless += 1
            assert [captured(x, y).item() for _ in range(3)] == expected, (
                f"call {wrong} was noted wrong, and nobody saw it"
            )
        monkeypatch.setattr(Recorder, "note", note)
    assert found > 3 * harmless, (found, harmless)


# --- documentation --------------------------------------------------------------------------------------------------


def test_the_example_of_the_documentation_runs() -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs/captured.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python save=captured_step.py\n(.*?)```", text, re.DOTALL)
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", example], env=environment, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr


def test_what_a_step_leaves_behind_is_new_at_every_call() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    left: dict[str, Any] = {}

    def step(x: Any) -> Any:
        y = model[0](x)
        y.retain_grad()
        left["y"], left["act"] = y, y.relu()
        left["act"].square().sum().backward()
        return left["act"].sum()

    images = [x for x, _ in batches(8, 9)]
    captured = refnet.captured_step(step, images[0], warmup=1)
    for x in images:
        model.zero_grad()
        captured(x)
        found = [left["act"].detach().numpy().copy(), left["y"].grad.numpy().copy()]
        y = model[0](x)
        expected = y.relu().detach().numpy()
        assert_same(found, [expected, 2 * expected])
