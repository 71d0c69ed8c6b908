"""Everything that needs a GPU, in one command: run it on a machine that has one.

    PYTHONPATH=. python benchmarks/gpu.py --quick      within ten minutes
    PYTHONPATH=. python benchmarks/gpu.py              everything
    PYTHONPATH=. python benchmarks/gpu.py --plan       the steps, without running them
    PYTHONPATH=. python benchmarks/gpu.py --rehearse   the same steps without a GPU: the stand-in for cupy, torch on the CPU

From a checkout, without an installation step. Each step is a process of its own with a time limit; the next one runs
whatever came of it. A step that reaches its limit is interrupted and leaves what it has. What was found is in
`reports/<date>-<GPU>/`: summary.md names the machine, the driver and the versions; the tables are CSV. Steps that are run
again (`--steps conformance,timings`) replace their rows there.

Exit status: 0 all steps passed, 1 one failed, 2 there is no GPU to run them on, 3 one was cut short by its limit.
"""

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gpu_report import Row, summary, write_tables
from gpu_steps import Step, plan, rehearsal

ROOT = Path(__file__).resolve().parents[1]
GRACE = 45.0  # seconds for a step to write down what it has
VERDICT = re.compile(r"comparisons in|geometric mean|LeNet-5 captured|kernels of|envelope for|FAIL: |assumptions? ")
PASSED, FAILED, CUT = "passed", "FAILED", "cut short"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


# --- running --------------------------------------------------------------------------------------------------------


def carry_out(step: Step, work: Path, quick: bool) -> Row:
    """Run a step; returns its row of the table."""
    log = work / f"{step.name}.log"
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH", ""))))
    if step.out:
        shutil.rmtree(work / step.out, ignore_errors=True)
    began, cut = time.monotonic(), False
    with log.open("wb") as output:
        process = subprocess.Popen(
            step.command(work, quick),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(step.limit(quick))
        except subprocess.TimeoutExpired:
            cut = True
            process.send_signal(signal.SIGINT)  # to it alone: its workers finish their cases
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        except KeyboardInterrupt:
            end(process)
            raise
        end(process)
    status = CUT if cut else PASSED if process.returncode in step.passes else FAILED
    said = last_line(log)
    return {
        "step": step.name,
        "what": step.title,
        "status": status,
        "exit": process.returncode,
        "seconds": round(time.monotonic() - began, 1),
        "said": said,
        "command": " ".join(["python", *step.command(work, quick)[1:]]).replace(str(work), "OUT"),
    }


def end(process: "subprocess.Popen[bytes]") -> None:
    """Nothing of a step outlives it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_line(log: Path) -> str:
    """What a step said in the end: its verdict where there is one, else its last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if VERDICT.search(line)] or lines
    return told[-1][:300] if told else ""


# --- steps of this file ---------------------------------------------------------------------------------------------


def probe(device: str) -> int:
    """Print what is here as JSON; exit status 2 where the device is not to be had."""
    sys.path.insert(0, str(ROOT))
    from conformance.__main__ import lacking
    from conformance.gpus import found, packages

    facts: Row = {"python": sys.version.split()[0]}
    missing = lacking()
    for name in ("numpy", "torch"):
        try:
            facts[name] = __import__(name).__version__
        except ImportError:
            facts[name] = "missing"
    facts |= packages()
    seen = found()
    if seen:
        facts |= {"gpu": seen[0].name, "gpus": len(seen), "driver": seen[0].driver}
        facts |= {"gpu memory": f"{seen[0].memory_mib / 1024:.0f} GiB", "celsius": seen[0].celsius}
    if device != "cpu" and not missing:
        missing += unusable(device, facts)
    print(json.dumps(facts | ({"missing": "; ".join(missing)} if missing else {})))
    return 2 if missing else 0


def unusable(device: str, facts: Row) -> list[str]:
    """Why a GPU cannot be used, by torch and by refnet; what the two see goes into `facts`."""
    from conformance.candidates import load

    missing = []
    for name in ("torch", "refnet"):
        try:
            load(name, device)
        except (ValueError, ImportError, RuntimeError) as error:
            missing.append(str(error))
    if not missing:
        from conformance.candidates.torch import facts as of_torch

        facts |= of_torch(device)
    return missing


def compile_kernels(rehearsed: bool) -> int:
    """Compile every instance of every kernel; exit status 1 when one does not compile."""
    sys.path.insert(0, str(ROOT))
    if rehearsed:
        from conformance import standin

        standin.install()
    import cupy  # type: ignore[import-not-found]  # a GPU's machine has it, or the stand-in takes its place

    from refnet._kernels import launch

    wrong, count, began = [], 0, time.monotonic()
    for family in launch.families():
        for kind in launch.C_TYPES:
            for name in launch.names(family):
                count += 1
                try:
                    launch.find(cupy, family, name, kind)
                except Exception as error:
                    wrong.append(f"{family}.{name}<{kind}>: {type(error).__name__}: {error}")
                    print(wrong[-1][:2000])
    print(
        f"{count} kernels of {len(launch.families())} families, {len(wrong)} not compiled, {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


# --- the command ----------------------------------------------------------------------------------------------------


def probed(step: Step, work: Path, quick: bool) -> tuple[Row, Row]:
    """(the step's row, what the machine is)."""
    row = carry_out(step, work, quick)
    lines = (work / f"{step.name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    told = next((line for line in reversed(lines) if line.startswith("{")), "{}")
    return row | {"said": ""}, json.loads(told)


def slug(text: str) -> str:
    """A name for a folder.

    >>> slug("NVIDIA H200 (PCIe)")
    'nvidia-h200-pcie'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def chosen(steps: list[Step], names: str) -> list[Step]:
    """The steps of these names, "machine" always among them. SystemExit for a name that there is not."""
    if not names:
        return steps
    wanted = {"machine", *(part.strip() for part in names.split(","))}
    unknown = wanted - {step.name for step in steps}
    if unknown:
        raise SystemExit(f"the steps are {', '.join(step.name for step in steps)}; got {', '.join(sorted(unknown))}")
    return [step for step in steps if step.name in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="within ten minutes")
    parser.add_argument("--plan", action="store_true", help="print the steps with their limits")
    parser.add_argument("--steps", default="", metavar="NAME,...", help="only these")
    parser.add_argument("--device", default="cuda", help="cuda or cuda:<number> (%(default)s)")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, to see that everything runs")
    parser.add_argument(
        "--reports", type=Path, default=ROOT / "reports", help="where the dated folder goes (%(default)s)"
    )
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "gpu", help="logs and whole reports (%(default)s)"
    )
    parser.add_argument("--probe", metavar="DEVICE", help=argparse.SUPPRESS)
    parser.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        return probe(options.probe)
    if options.compile:
        return compile_kernels(options.rehearse)
    steps = chosen(rehearsal() if options.rehearse else plan(options.device), options.steps)
    if options.plan:
        for step in steps:
            words = " ".join(step.command(Path("OUT"), options.quick)[1:])
            print(f"{step.name:<12} {step.limit(options.quick):>5.0f} s  {step.title}\n{'':<22}python {words}")
        print(f"{sum(step.limit(options.quick) for step in steps):.0f} s at most")
        return 0
    return carry_out_all(steps, options)


def carry_out_all(steps: Sequence[Step], options: argparse.Namespace) -> int:
    """Run the steps, with the tables and the summary renewed after each; returns the exit status."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it, and so would its steps
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    first, *others = steps
    row, machine = probed(first, work, options.quick)
    if row["status"] != PASSED:
        print(f"nothing was run: {machine.get('missing') or last_line(work / f'{first.name}.log')}", file=sys.stderr)
        return 2
    date = datetime.date.today().isoformat()
    name = "rehearsal" if options.rehearse else slug(str(machine.get("gpu", "gpu")))
    folder = options.reports / f"{date}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"date": date, **machine, "mode": "quick" if options.quick else "full"}
    write_tables(folder, first, work, row)
    statuses = []
    for step in others:
        print(f"{step.name}: {step.title} ({step.limit(options.quick):.0f} s at most)", flush=True)
        row = carry_out(step, work, options.quick)
        statuses.append(row["status"])
        print(f"  {row['status']} in {row['seconds']:.0f} s: {row['said']}", flush=True)
        write_tables(folder, step, work, row)
        (folder / "summary.md").write_text(summary(folder, machine, options.rehearse), encoding="utf-8")
    (folder / "machine.json").write_text(json.dumps(machine, indent=2) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(summary(folder, machine, options.rehearse), encoding="utf-8")
    print(f"report: {folder / 'summary.md'}; logs: {work}")
    return 1 if FAILED in statuses else 3 if CUT in statuses else 0


if __name__ == "__main__":
    sys.exit(main())
