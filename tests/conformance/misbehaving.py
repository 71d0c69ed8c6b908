"""Candidates that do to the harness what broken implementations do: die, hang, eat memory, stop the whole run."""

import os
import signal
import time
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy
import torch
from planted import Planted


def exits(x: Any) -> Any:
    os._exit(3)


def killed(x: Any) -> Any:
    """What Linux does to a process when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(x: Any) -> Any:
    time.sleep(600)


def takes_memory_in_torch(x: Any) -> Any:
    return torch.ones(2**30, 64)[0, :17] * x  # 256 GiB


def takes_memory_in_numpy(x: Any) -> Any:
    return torch.from_numpy(numpy.ones((2**30, 32))[0, :17]) * x  # 256 GiB


class Unsound(Planted):
    """Besides its faults it raises where the harness does not expect it: in saying what it supports."""

    def supports(self, operation: Any, sample: Any) -> str:
        if operation.name == "atan":
            raise RuntimeError("supports() itself is broken")
        return super().supports(operation, sample)


def everything() -> Unsound:
    """A different disaster in each of six operations."""
    return Unsound(
        sin=exits,
        cos=hangs,
        asinh=killed,
        sinh=takes_memory_in_torch,
        square=takes_memory_in_numpy,
    )


def _stop_the_run(signal_number: int) -> None:
    """Send the run a signal, once; a file in $MISBEHAVED tells that it has happened."""
    flag = Path(os.environ["MISBEHAVED"], str(int(signal_number)))
    run = parent_process()
    if run is not None and run.pid and run.is_alive() and not flag.exists():
        flag.touch()
        os.kill(run.pid, signal_number)
        if signal_number == signal.SIGKILL:
            run.join(30)  # until it is dead: the cases in flight must not take it for alive, and use up their signal


def _erf(x: Any) -> Any:
    _stop_the_run(signal.SIGKILL)
    return torch.erf(x)


def _exp(x: Any) -> Any:
    if x.dim() == 2:
        _stop_the_run(signal.SIGINT)
    return torch.exp(x)


def stopping() -> Planted:
    """torch, but the run is killed with kill -9 in the first erf, and the user presses Ctrl-C in exp of a matrix.

    Three cases go to a worker at once: before a fourth, such as erf, the run has written down the first.
    """
    return Planted(erf=_erf, exp=_exp)


def wrong_in_exp() -> Planted:
    """torch, with one operation wrong by a thousandth."""
    return Planted(exp=lambda x: torch.exp(x) * 1.001)
