"""torch.compile: forward and loss compiled together, as its documentation does it; the optimizer stays eager."""

import shutil
import warnings
from typing import Any

from conformance.timing import lenet
from conformance.timing.measure import Call
from conformance.timing.row import STEP, Row


def missing(threads: int) -> str:
    """Why it cannot run here; "" when it can."""
    if not any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++")):
        return "torch.compile needs a C++ compiler, and none is installed"
    return ""


def build(torch: Any, batch: int, what: str) -> Call:
    """A step or inference, compiled."""
    torch._dynamo.reset()  # limits how often one function is compiled for new shapes
    torch.manual_seed(0)
    row = next(row for row in lenet.rows((batch,)) if row.what == what)
    images, labels = (torch.from_numpy(array) for array in _arrays(row))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if what != STEP:
            run = lenet.inference(torch, (images, labels))
            run.model = torch.compile(run.model)
            run()
            return run
        step = lenet.step(torch, (images, labels))
        model, cross_entropy = step.model, step.cross_entropy
        loss_of = torch.compile(lambda images, labels: cross_entropy(model(images), labels))

        def compiled() -> Any:
            step.optimizer.zero_grad()
            loss = loss_of(images, labels)
            loss.backward()
            step.optimizer.step()
            return loss

        compiled()
        return compiled


def _arrays(row: Row) -> Any:
    return row.sample().arrays
