"""A run: files, their mutants, and the processes that try them.

    for each file     record which lines each case executes, and what the unharmed candidate gives (in a forked process)
    for each mutant   fork; plant it; run the cases that execute its line, one per operation first; stop at the first
                      comparison that fails

The process that forks never runs the candidate: what a candidate remembers from call to call cannot hide a mutant.
"""

import functools
import gc
import hashlib
import importlib
import os
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.candidates import load
from conformance.case import Case
from conformance.prove.mutation import plant, trial
from conformance.prove.mutation.coverage import Recorder
from conformance.prove.mutation.journal import Journal
from conformance.prove.mutation.mutants import Mutant, Source, read
from conformance.prove.mutation.targets import Target
from conformance.prove.mutation.trial import Outcome
from conformance.prove.mutation.warm import Baseline, WarmCase, notices

Lines = dict[str, frozenset[tuple[str, int]]]  # by file: (function, line)
LONG_IMPORT = 30.0  # seconds of CPU that importing the candidate may take
MANY_TIMES = 20.0  # a mutant may take this many times as long as the unharmed candidate


@dataclass(frozen=True)
class Result:
    """A mutant and what came of it; `cases` are those that execute it."""

    mutant: Mutant
    outcome: Outcome
    cases: tuple[str, ...]


@dataclass
class Prepared:
    """The cases of a group of files, ready for trials."""

    warm: dict[str, WarmCase]
    baseline: dict[str, Baseline]
    digest: str


@dataclass
class Campaign:
    """Everything a run needs to know, and its results so far."""

    candidate: str
    chosen: list[tuple[Path, Target]]
    catalogue: Mapping[str, Case]
    journal: Journal
    root: Path
    workers: int = 2
    sample: int | None = None
    seed: int = 0
    most: int | None = None  # cases per mutant
    explained: Callable[[Mutant, Source], bool] = lambda mutant, source: False  # has a reason to survive
    say: Callable[[str], None] = lambda text: None
    tick: Callable[[Result, int, int], None] = lambda result, done, total: None
    sources: dict[Path, Source] = field(default_factory=dict)
    modules: dict[Path, plant.Module] = field(default_factory=dict)
    imported: Lines = field(default_factory=dict)
    live: dict[Path, plant.LiveFunctions] = field(default_factory=dict)

    def run(self) -> Iterator[Result]:
        """Every chosen mutant once, file by file."""
        for path, _ in self.chosen:
            self.sources[path] = read(path, path.relative_to(self.root).as_posix())
            self.modules[path] = plant.module_of(path)
        wanted = self._sampled()
        self._import()
        total, done = len(wanted), 0
        targets = {target.families + target.operations: target for _, target in self.chosen}
        for group, target in targets.items():
            paths = [path for path, other in self.chosen if other.families + other.operations == group]
            mutants = [(path, m) for path in paths for m in self.sources[path].mutants if m.id in wanted]
            if not mutants:
                continue
            prepared: Prepared | None = None
            digest = self._digest(target)
            waiting = []
            for path, mutant in mutants:
                source = self.sources[path]
                known = self.journal.known(mutant.id, source.digest, digest, self.explained(mutant, source))
                if known is None:
                    waiting.append((path, mutant))
                else:
                    done += 1
                    yield Result(mutant, known[0], known[1])
            if waiting:
                prepared = self._prepare(target, digest)
                for result in self._trials(waiting, prepared):
                    done += 1
                    self.journal.add(
                        result.mutant.id,
                        self.sources[self.root / result.mutant.file].digest,
                        digest,
                        result.outcome,
                        result.cases,
                    )
                    self.tick(result, done, total)
                    yield result

    def _sampled(self) -> frozenset[str]:
        """All mutants, or as many as asked for: those whose names hash lowest, so that a sample is stable."""
        names = [mutant.id for path, _ in self.chosen for mutant in self.sources[path].mutants]
        if self.sample is not None:
            names.sort(key=lambda name: hashlib.sha256(f"{self.seed} {name}".encode()).digest())
            names = names[: self.sample]
        return frozenset(names)

    # --- preparing --------------------------------------------------------------------------------------------

    def _digest(self, target: Target) -> str:
        """What tells whether the cases have changed: their names, and the files that they come from."""
        cases = target.cases(self.catalogue.values())
        digest = hashlib.sha256("\n".join([f"at most {self.most}", *(case.id for case in cases)]).encode())
        for family in sorted({case.family for case in cases}):
            file = importlib.import_module(f"conformance.cases.{family}").__file__
            digest.update(Path(str(file)).read_bytes())
        return digest.hexdigest()[:16]

    def _import(self) -> None:
        """Record what importing the candidate executes, then import it here."""
        import torch

        torch.set_num_threads(1)

        def traced() -> Lines:
            recorder = Recorder(self.modules[path].path for path in self.modules)
            with recorder.on():
                self._load()
            return recorder.take()

        self.imported = in_a_fork(traced)
        self._load()
        self.live = {path: plant.LiveFunctions(module.path) for path, module in self.modules.items()}

    def _load(self) -> Any:
        candidate = load(self.candidate)
        for module in self.modules.values():
            importlib.import_module(module.name)
        return candidate

    def _prepare(self, target: Target, digest: str) -> Prepared:
        """Torch's side of the target's cases, and what the unharmed candidate does on them."""
        began = time.monotonic()
        cases = target.cases(self.catalogue.values())
        warm = {case.id: WarmCase(case) for case in cases}
        self.say(f"{'+'.join(target.families)}: {len(warm)} cases, torch's side took {time.monotonic() - began:.0f} s")
        began = time.monotonic()

        def measured() -> dict[str, Baseline]:
            candidate = self._load()
            recorder = Recorder(module.path for module in self.modules.values())
            return {name: case.measured(candidate, recorder) for name, case in warm.items()}

        baseline = in_a_fork(measured)
        gc.collect()
        gc.freeze()  # children do not walk, and so do not copy, what was made here
        self.say(f"the unharmed candidate took {time.monotonic() - began:.0f} s, traced and again")
        return Prepared(warm, baseline, digest)

    # --- trials -----------------------------------------------------------------------------------------------

    def _trials(self, waiting: Sequence[tuple[Path, Mutant]], prepared: Prepared) -> Iterator[Result]:
        running: dict[int, tuple[Mutant, tuple[str, ...]]] = {}
        children: list[trial.Child] = []
        killers: dict[tuple[str, str], list[str]] = {}  # by function: the cases that noticed its last mutants
        queue = iter(waiting)
        exhausted = False
        while not exhausted or children:
            while not exhausted and len(children) < self.workers:
                item = next(queue, None)
                if item is None:
                    exhausted = True
                    break
                path, mutant = item
                names = self.covering(path, mutant, prepared.baseline)
                if not names:
                    yield Result(mutant, Outcome(trial.UNCOVERED), ())
                    continue
                recent = killers.get((mutant.file, mutant.function), [])
                first = [name for name in recent if name in names]
                ordered = [*first, *(name for name in names if name not in first)]
                limit = MANY_TIMES * sum(prepared.baseline[name].seconds for name in ordered)
                work = functools.partial(self._work, path, mutant, ordered, prepared)
                child = trial.start(work, limit)
                running[child.pid] = (mutant, tuple(names))
                children.append(child)
            if not children:
                continue
            for child, outcome in trial.finished(children, 0.2):
                children.remove(child)
                mutant, names = running.pop(child.pid)
                if outcome.status == trial.KILLED and outcome.case:
                    recent = killers.setdefault((mutant.file, mutant.function), [])
                    recent[:] = [outcome.case, *(name for name in recent if name != outcome.case)][:5]
                yield Result(mutant, outcome, names)

    def covering(self, path: Path, mutant: Mutant, baseline: dict[str, Baseline]) -> tuple[str, ...]:
        """The cases that execute a mutant, the different ones first.

        Cases differ when they are of another operation or dtype, or execute other lines of the file. What runs at import
        is executed by every case that enters the file. At most `most` cases are given.
        """
        file = str(self.modules[path].path)
        places = {(mutant.function, line) for line in range(mutant.first, mutant.last + 1)}
        at_import = bool(places & self.imported.get(file, frozenset()))
        found = []
        for name, run in baseline.items():
            lines = run.lines.get(file, frozenset())
            if lines and (at_import or places & lines):
                found.append(name)
        found.sort(key=lambda name: baseline[name].seconds)
        rank: Counter[Any] = Counter()
        order: dict[str, tuple[bool, int, float]] = {}
        for name in found:
            case, run = self.catalogue[name], baseline[name]
            kind = (case.operation.name, case.dtype, run.lines[file])
            far = all(function != mutant.near for function, _ in run.lines[file])
            order[name] = (far, rank[kind], run.seconds)
            rank[kind] += 1
        return tuple(sorted(found, key=order.__getitem__)[: self.most])

    def _work(self, path: Path, mutant: Mutant, names: Sequence[str], prepared: Prepared) -> Iterator[Outcome | None]:
        """The steps of a trial, run in a child: plant the mutant, then case after case."""
        source, module = self.sources[path], self.modules[path]
        before = plant.compiled(source.tree, module.path)
        with source.planted(mutant) as tree:
            after = plant.compiled(tree, module.path)
        changes = plant.changes(before, after)
        if not changes:
            yield Outcome(trial.IDENTICAL)
            return
        at_import = frozenset(function for function, _ in self.imported.get(str(module.path), frozenset()))
        swapped = plant.swap(changes, self.live[path], at_import)
        how = "swap" if swapped else "import"
        try:
            with trial.cpu_limit(LONG_IMPORT):
                if not swapped:
                    plant.import_with(module, after)
                candidate = trial.Limited(load(self.candidate))
        except Exception as error:
            yield Outcome(trial.KILLED, check="import", category="exception", message=repr(error), how=how)
            return
        yield Outcome(trial.SURVIVED, how=how)
        for name in names:
            baseline = prepared.baseline[name]
            candidate.seconds = MANY_TIMES * baseline.seconds
            for record in prepared.warm[name].records(candidate, baseline.judged):
                if notices(record, baseline):
                    category = record.category or record.status
                    message = record.message.partition("\n")[0][:300]
                    yield Outcome(trial.KILLED, name, record.check, category, message, how=how)
                    return
            yield None


def in_a_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns, from a process that is then gone. RuntimeError where it fails there."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as file:
                pickle.dump(work(), file)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"preparing failed in a forked process (exit code {os.waitstatus_to_exitcode(status)})")
    return pickle.loads(data)
