"""A step that is run once, noted down, and from then on made by its list of calls: `captured_step`."""

import operator
from collections.abc import Callable
from typing import Any

import numpy

from refnet import _tape
from refnet._check import check
from refnet._recording.active import active
from refnet._recording.compare import difference
from refnet._recording.notes import Otherwise
from refnet._recording.program import Program, engines_of
from refnet._recording.results import tensors_in, without_history
from refnet._recording.run import Run
from refnet._tape import TensorBase
from refnet.creation import empty_like

Array = Any


def captured_step(step: Callable[..., Any], *sample_inputs: Any, warmup: int = 3) -> Any:
    """``step`` as a function that computes the same, without the Python that it takes to find out what to compute.

    Every call is a step. The first ``warmup`` run `step` as it is, the last of them noting down every call of numpy that
    it makes; the next notes them once more, and replays them. From there on a call is a replay: the same functions on
    the same memory, in the same order. A training that uses it goes the same way as one that does not, bit for bit.
    For tensors on a GPU it is `refnet.cuda.captured_step`, which records a graph.

    - step: takes tensors, returns tensors in any nesting of tuples, lists and dicts (or None). Typically it is the
      forward, the backward and the optimizer's step, or the forward alone under `no_grad`.
    - sample_inputs: tensors on one device, of the shapes and dtypes that calls will have. Their values are not used.
    - warmup: at least 1; 2 where an optimizer begins its state in the first step.

    Inputs of a call are copied to where the program reads them. Results are without history, and from the recording on
    always the same tensors: the next call overwrites them, so copy what is to be kept. Gradients stay, as the step left
    them, in ``grad`` of the parameters, the same tensors at every call.

    Frozen at the recording are Python numbers, branches and shapes. What is known to change is looked at in each call,
    which begins again, with a recording, where it did: options of optimizers (a learning rate that a schedule set), the
    mode of modules (`train`, `eval`), grad mode, parameters and buffers that were given other memory. Counts that
    optimizers keep in their state are computed with. Draws are new at every call, and those of the step itself.

    Raises RuntimeError, before or instead of the first replay, for what is not captured: `item`, `float`, `tolist`, and shapes
    that depend on values; anything that two recordings do not have in common; and a replay that does not give the bits of the
    step. A condition on values (an index that must be in range, a branch of a kernel) is looked at in each replay; where it is
    not what it was, what was written is put back, and the call runs `step` itself; `reruns` counts these calls.

    >>> import refnet
    >>> w = refnet.zeros(2, requires_grad=True)
    >>> optimizer = refnet.optim.SGD([w], lr=0.5)
    >>> def step(x):
    ...     optimizer.zero_grad()
    ...     loss = (w - x).square().sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> x = refnet.ones(2)
    >>> captured = captured_step(step, x, warmup=2)
    >>> losses = [captured(x).item() for _ in range(3)]
    >>> losses, captured.recorded
    ([2.0, 0.0, 0.0], True)
    """
    if any(isinstance(sample, TensorBase) and sample.device.type == "cuda" for sample in sample_inputs):
        from refnet import cuda

        return cuda.captured_step(step, *sample_inputs, warmup=warmup)
    return CapturedStep(step, sample_inputs, warmup)


class CapturedStep:
    """What `captured_step` returns for tensors on the CPU."""

    def __init__(self, step: Callable[..., Any], sample_inputs: tuple[Any, ...], warmup: int = 3) -> None:
        check(
            len(sample_inputs) > 0,
            lambda: "captured_step() needs sample inputs: one tensor for each argument",
            ValueError,
        )
        check(warmup >= 1, lambda: f"captured_step() needs a call before it records; got warmup={warmup}", ValueError)
        for position, sample in enumerate(sample_inputs):
            check(
                isinstance(sample, TensorBase),
                lambda position=position, sample=sample: (  # type: ignore[misc]
                    f"captured_step(): sample input {position} must be a tensor, got {type(sample).__name__}"
                ),
                TypeError,
            )
        self._step, self._left = step, warmup - 1
        self._inputs = tuple([empty_like(sample.detach()) for sample in sample_inputs])
        self._first: Run | None = None  # the recording that the next one must agree with
        self._program: Program | None = None
        self.reruns = 0  # calls that a replay could not make, because a condition on values was not what it was

    @property
    def recorded(self) -> bool:
        """Whether the next call is a replay, if nothing that it depends on changes."""
        return self._program is not None

    @property
    def calls(self) -> int:
        """How many calls a replay makes; 0 before the recording."""
        return 0 if self._program is None else len(self._program)

    @property
    def noted(self) -> int:
        """How many calls the step itself makes; 0 before the recording."""
        return 0 if self._program is None else self._program.noted

    def __call__(self, *inputs: Any) -> Any:
        self._take(inputs)
        if active.recorder is not None:  # part of a step that is being captured itself
            return without_history(self._step(*self._inputs))
        if self._program is not None:
            if self._holds():
                try:
                    _tape.mode.quiet.run(self._program.replay)
                except Otherwise:
                    return self._rerun()
                self._in_a_row = 0
                for cell in self._cells:
                    cell[0] += 1
                for tensor, gradient in self._gradients:
                    tensor._grad = gradient
                return self._results
            self._program = self._first = None
        if self._left > 0:
            self._left -= 1
            return without_history(self._step(*self._inputs))
        if self._first is None:
            self._first = self._record()
        else:
            self._settle()
        return self._results

    def _rerun(self) -> Any:
        """The step itself, where a replay could not go on; its results where those of replays are."""
        results = without_history(self._step(*self._inputs))
        self.reruns += 1
        self._in_a_row += 1
        if self._in_a_row == _PATIENCE:  # the step goes another way by now
            self._program = self._first = None
        own, found = list(tensors_in(self._results)), list(tensors_in(results))
        if [(x._array.shape, x._array.dtype) for x in own] != [(x._array.shape, x._array.dtype) for x in found]:
            return results
        for target, result in zip(own, found, strict=True):
            numpy.copyto(target._array, result._array)
            target._version_cell[0] += 1
        return self._results

    def _take(self, inputs: tuple[Any, ...]) -> None:
        """Copy the inputs of a call to where the program reads them."""
        check(
            len(inputs) == len(self._inputs),
            lambda: f"captured step: expected {len(self._inputs)} inputs, got {len(inputs)}",
            TypeError,
        )
        for position, (own, given) in enumerate(zip(self._inputs, inputs, strict=True)):
            if given is own:
                continue
            array = given._array if isinstance(given, TensorBase) else None
            target = own._array
            check(
                array is not None and array.shape == target.shape and array.dtype == target.dtype,
                lambda position=position, own=own, given=given: (  # type: ignore[misc]
                    f"captured step: input {position} must be a tensor like its sample, {own.dtype} of shape "
                    f"{list(own.shape)}; got "
                    f"{f'{given.dtype} of shape {list(given.shape)}' if isinstance(given, TensorBase) else type(given).__name__}"
                ),
                ValueError,
            )
            if isinstance(array, numpy.ndarray):
                numpy.copyto(target, array)
            else:
                own.copy_(given.detach())

    # --- recording ------------------------------------------------------------------------------------------------

    def _record(self) -> Run:
        self._results = None  # what only the recording before it looked at is no result of this one
        run = Run(lambda *inputs: without_history(self._step(*inputs)), self._inputs)
        self._results = run.results
        return run

    def _settle(self) -> None:
        """Record once more, compare, and let the first replay show that it does the same. Both start from the same state."""
        first: Any = self._first
        before = _State(first.recorder.lasting, [], engines_of(first.recorder.calls))
        run = self._record()
        self._first = None
        found = difference(first.recorder, run.recorder)
        if found is not None:
            self._first = run
            raise RuntimeError(
                f"captured_step: the step is not the same at every call, so that no list of calls could replace it: {found}. "
                "A Python number that changes belongs into a tensor, which the step writes in place; a state that the first "
                "steps make needs a larger `warmup`"
            )
        program = Program(run.recorder, run.kept)
        after = _State(run.recorder.lasting, run.visible(), program.engines)
        for each in (Program(run.recorder, run.kept, as_noted=True), program):
            before.restore()
            each.spoil()
            try:
                _tape.mode.quiet.run(each.replay)
                wrong = after.differing()
            except Exception as error:
                wrong = f"{type(error).__name__}: {error}"
            if wrong is not None:
                after.restore()
                raise RuntimeError(
                    f"captured_step: the first replay gave other numbers than the step: {wrong}. The step does something that "
                    "its recording did not see, as a function of a library that works on the memory of tensors"
                )
        self._program, self._in_a_row = program, 0
        self._bind(run)

    def _bind(self, run: Run) -> None:
        """What each replay has to look at, and to count."""
        met = [(tensor(), array, version) for tensor, array, version in run.met]
        lasting = [(tensor, array, version) for tensor, array, version in met if tensor is not None]
        self._tensors = [vars(tensor) for tensor, _, _ in lasting]
        self._arrays = [array for _, array, _ in lasting]
        left = {id(tensor) for tensor in run.left_behind()}
        gradients = [(tensor, tensor._grad) for tensor, _, _ in lasting if tensor._grad is not None]
        self._gradients = [(tensor, gradient) for tensor, gradient in gradients if id(gradient) in left]
        self._added_to = [(tensor, gradient) for tensor, gradient in gradients if id(gradient) not in left]
        self._depends = run.depends
        self._mode = _mode()
        cells = [tensor._version_cell for tensor, _, version in lasting if tensor._version_cell[0] != version]
        cells += [tensor._version_cell for tensor in run.left_behind()]
        self._cells = list({id(cell): cell for cell in cells}.values())

    def _holds(self) -> bool:
        """Whether everything that the program took for granted is as it was."""
        return (
            all(map(operator.is_, map(_ARRAY, self._tensors), self._arrays))
            and all(value(owner) == before for value, owner, before in self._depends)
            and all(tensor._grad is gradient for tensor, gradient in self._added_to)
            and _mode() == self._mode
        )


_PATIENCE = 8  # calls in a row that run the step, after which it is recorded again
_ARRAY = operator.itemgetter("_array")


def _mode() -> tuple[Any, ...]:
    mode = _tape.mode
    return mode.grad, mode.inference, dict(mode.variants)


class _State:
    """What a step may write, at one moment: lasting memory, noted as written or not, results, streams of random numbers."""

    def __init__(self, owners: dict[int, Array], results: list[Array], engines: list[Any]) -> None:
        arrays = [array for array in (*owners.values(), *results) if array.flags.writeable]
        self._memory = [(array, array.copy("K")) for array in arrays]
        self._engines = [(engine, engine.state()) for engine in engines]

    def restore(self) -> None:
        """Put everything back."""
        for array, values in self._memory:
            numpy.copyto(array, values)
        for engine, state in self._engines:
            engine.restore(state)

    def differing(self) -> str | None:
        """What is not as it was then, in words; None where all is."""
        for array, values in self._memory:
            if array.tobytes() != values.tobytes() and not _same_numbers(array, values):
                wrong = int(numpy.count_nonzero(~((array == values) | ((array != array) & (values != values)))))
                return f"{wrong} of {array.size} elements of an array of {array.dtype} and shape {list(array.shape)} differ"
        for engine, state in self._engines:
            if engine.state() != state:
                return "the stream of random numbers does not stand where it stood"
        return None


def _same_numbers(array: Array, values: Array) -> bool:
    """Whether arrays agree bit for bit but for the bits of nan."""
    return array.dtype.kind == "f" and bool(
        (
            ((array == values) & (numpy.signbit(array) == numpy.signbit(values)))
            | ((array != array) & (values != values))
        ).all()
    )
