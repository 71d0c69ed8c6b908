"""A whole mutation run on a small package of functions, and what can happen to a trial."""

import os
import signal
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cases import CHECKS, FORWARD, SECOND, args, normal, ops
from conformance.prove.mutation import plant, report, survivors, trial
from conformance.prove.mutation.campaign import Campaign
from conformance.prove.mutation.journal import Journal
from conformance.prove.mutation.survivors import Reason
from conformance.prove.mutation.targets import Target
from conformance.prove.mutation.trial import Outcome

# --- trials -------------------------------------------------------------------------------------------------------


def spin():
    with trial.cpu_limit(0.1):
        while True:
            pass


def spin_and_catch():
    with trial.cpu_limit(0.1):
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass


def greedy():
    return bytearray(trial.MEMORY + (1 << 30))


def fail():
    raise ValueError("wrong")


STEPS = {
    "nothing": (lambda: None, trial.SURVIVED, ""),
    "an outcome": (lambda: Outcome(trial.KILLED, "case", "output", "bound"), trial.KILLED, "bound"),
    "for ever": (spin, trial.HANG, ""),
    "for ever, catching errors": (spin_and_catch, trial.HANG, ""),
    "asleep": (lambda: time.sleep(60), trial.HANG, ""),
    "too much memory": (greedy, trial.KILLED, "harness"),
    "an error": (fail, trial.KILLED, "harness"),
    "exit": (lambda: sys.exit(3), trial.KILLED, "harness"),
    "death": (lambda: os.kill(os.getpid(), signal.SIGKILL), trial.CRASH, ""),
}


@pytest.mark.parametrize(("step", "status", "category"), STEPS.values(), ids=STEPS)
def test_trial(monkeypatch, step, status, category):
    """Whatever a mutant does, its trial ends and says how."""
    monkeypatch.setattr(trial, "LEAST_CPU", 0.1)
    monkeypatch.setattr(trial, "LEAST_WALL", 3.0)

    def work():
        yield None
        yield step()
        yield None

    child = trial.start(work, 0.0)
    done = []
    while not done:
        done = trial.finished([child], 0.2)
    assert [(outcome.status, outcome.category) for _, outcome in done] == [(status, category)]


# --- a run --------------------------------------------------------------------------------------------------------

SOURCE = '''
import numpy

SCALE = 1.0


def tanh(x):
    """An odd function, computed on positive numbers."""
    magnitude = numpy.abs(x)
    e = numpy.exp(numpy.float32(-2.0) * magnitude, dtype=numpy.float64)
    y = (1.0 - e) / (1.0 + e)
    return (numpy.sign(x) * y * SCALE).astype(x.dtype)


def tanh_backward(g, x):
    y = tanh(x)
    count = 0
    while count < 1:
        count += 1
    return [(g * (1 - y.astype("float64") ** 2)).astype(x.dtype)]


def unused(x):
    return x + x
'''


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Makes campaigns over the package, with one journal."""
    folder = tmp_path_factory.mktemp("mutation")
    package = folder / "mutated_kernels"
    package.mkdir()
    (package / "__init__.py").write_text("from mutated_kernels.pointwise import tanh, tanh_backward\n")
    path = package / "pointwise.py"
    path.write_text(textwrap.dedent(SOURCE))
    cases = ops("tanh", [args(normal(5, 7))], checks=CHECKS - {SECOND}, layouts=())
    cases += ops("tanh", [args(normal(9))], checks=FORWARD, layouts=())
    catalogue = {case.id: replace(case, family="pointwise") for case in cases}

    def make(journal="journal.jsonl", **options):
        target = Target(("*",), ("pointwise",))
        return Campaign("mutated_kernels", [(path, target)], catalogue, Journal(folder / journal), folder, 2, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("CONFORM_CACHE", str(folder / "cache"))
        patch.setattr(trial, "LEAST_CPU", 0.2)
        yield make
    plant.forget("mutated_kernels")


@pytest.fixture(scope="module")
def finished(campaign):
    """A campaign that has run, and its results."""
    one = campaign()
    return one, list(one.run())


def test_run(finished):
    """Faults are caught, those in dead code are not covered."""
    first, results = finished
    source = next(iter(first.sources.values()))
    assert sorted(result.mutant.id for result in results) == sorted(mutant.id for mutant in source.mutants)
    found = {f"{r.mutant.line} {r.mutant.operator} {r.mutant.old!r} -> {r.mutant.new!r}": r for r in results}
    status = {name: result.outcome.status for name, result in found.items()}
    assert status["4 constant '1.0' -> '1.001'"] == trial.KILLED
    assert status["11 arithmetic '1.0 - e' -> '1.0 + e'"] == trial.KILLED
    assert status["19 removed 'count += 1' -> 'pass'"] == trial.HANG
    assert status["18 comparison 'count < 1' -> 'count <= 1'"] == trial.SURVIVED
    assert status["24 arithmetic 'x + x' -> 'x - x'"] == trial.UNCOVERED
    assert len(found["18 comparison 'count < 1' -> 'count <= 1'"].cases) == 1
    caught = found["20 constant '2' -> '3'"].outcome
    assert (caught.status, caught.check) == (trial.KILLED, "gradient")


def test_a_second_run_has_nothing_left(campaign, finished):
    again = campaign()
    tried = []
    again.tick = lambda result, done, total: tried.append(result)
    assert {result.mutant.id: result.outcome.status for result in again.run()} == {
        result.mutant.id: result.outcome.status for result in finished[1]
    }
    assert tried == []


def test_survivors_are_tried_again_with_other_cases(campaign, finished):
    """Unless they have a reason."""
    for explained, wanted in ((False, {trial.SURVIVED, trial.UNCOVERED}), (True, set())):
        again = campaign(most=1, explained=lambda mutant, source, explained=explained: explained)
        again.journal.path = again.journal.path.with_name("elsewhere.jsonl")
        tried = []
        again.tick = lambda result, done, total, tried=tried: tried.append(result.outcome.status)
        list(again.run())
        assert set(tried) == wanted


def test_sample_is_stable(campaign, finished):
    """The same seed chooses the same mutants, another seed others."""
    chosen = [sorted(r.mutant.id for r in campaign(sample=4, seed=seed).run()) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 4
    assert chosen[0] != chosen[2]


# --- the report ---------------------------------------------------------------------------------------------------


def test_report(finished, tmp_path):
    """Reasons excuse survivors, what is left is a missing case, and the score counts the rest."""
    one, results = finished
    lines = {source.file: source.text.splitlines() for source in one.sources.values()}
    reasons = [
        Reason("equivalent", "nothing calls it", "mutated_kernels/*", function="unused"),
        Reason("equivalent", "of another world", "mutated_kernels/*", function="nowhere"),
    ]
    rows = report.judged(results, lines, reasons)
    missed = [row.result.mutant.id for row in rows if row.missed]
    assert len(missed) >= 1
    assert any("count <= 1" in name for name in missed)
    counted = [row for row in rows if not row.excused]
    assert report.score(rows) == sum(row.caught for row in rows) / len(counted) < 1
    report.write(rows, reasons, tmp_path / "out")
    text = (tmp_path / "out" / "mutation.md").read_text()
    assert "`while count < 1:`" in text
    assert "equivalent: nothing calls it" in text
    assert "nowhere" in text.partition("explained nothing")[2]
    table = (tmp_path / "out" / "mutation.csv").read_text().splitlines()
    assert len(table) == len(rows) + 1


BAD_REASONS = ('kind = "lucky"\nwhy = "w"\nfile = "f"', 'kind = "speed"\nfile = "f"', 'kind = "speed"\nwhy = "w"')


@pytest.mark.parametrize("text", BAD_REASONS)
def test_reasons_are_checked(tmp_path, text):
    path = tmp_path / "survivors.toml"
    path.write_text(f"[[survivor]]\n{text}\n")
    with pytest.raises(ValueError, match="every survivor has"):
        survivors.load(path)


def test_the_checked_in_tables_load():
    """What the repository says about its own survivors and targets can be read."""
    from conformance.prove.mutation import targets

    assert all(reason.why for reason in survivors.load())
    root = Path(__file__).resolve().parents[3]
    mutated = {path for path, _ in targets.load().chosen([], root)}
    for folder in ("_ops", "nn/functional", "nn/modules", "optim", "optim/lr_scheduler", "random"):
        files = {path for path in (root / "refnet" / folder).glob("*.py") if path.name != "__init__.py"}
        files -= set((root / "refnet" / "random").glob("philox*.py"))  # the streams of a GPU, which need one
        files -= {root / "refnet" / "optim" / "_by_kernel.py"}  # the steps on one
        files -= {root / "refnet" / "_ops" / "transfer.py"}  # copies to and from one
        assert files <= mutated, f"in no target: {[path.name for path in files - mutated]}"
