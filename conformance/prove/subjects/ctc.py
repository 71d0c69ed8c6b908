"""CTC: which paths are summed, and over what the mean is."""

import functools
from itertools import groupby, product
from typing import Any

from conformance.case import Arguments, args
from conformance.draw import normal, values
from conformance.prove.regimes import Make
from conformance.prove.subject import Subject, altered, times

LABELS = values([[1, 2, 2], [2, 1, 0]], "int64")  # the first repeats a label; the second has two


def ctc(torch: Any, x: Any, *rest: Any, **options: Any) -> Any:
    """The loss of the scores that a network gives."""
    return torch.nn.functional.ctc_loss(x.log_softmax(2), *rest, **options)


def every_path(
    torch: Any, log_p: Any, targets: Any, frames: Any, wanted: Any, blank: int = 0, reduction: str = "mean", *,
    merged: bool = True, blanks: bool = True, divided: bool = True,
) -> Any:  # fmt: skip
    """-log of the sum over all paths that spell the target, found by trying them all.

    Spoiled: repeated labels not `merged`; paths without `blanks` only; the mean not `divided` by the targets' lengths.
    """
    losses = []
    classes = [c for c in range(log_p.shape[2]) if blanks or c != blank]
    for n, (length, count) in enumerate(zip(frames, wanted, strict=True)):
        spelled = targets[n, :count].tolist()
        paths = []
        for path in product(classes, repeat=length):
            seen = [c for c, _ in groupby(path)] if merged else list(path)
            if [c for c in seen if c != blank] == spelled:
                paths.append(sum((log_p[t, n, c] for t, c in enumerate(path)), log_p.new_zeros(())))
        losses.append(-torch.logsumexp(torch.stack(paths), 0) if paths else log_p.sum() * 0 + float("inf"))
    loss = torch.stack(losses)
    if reduction == "mean" and divided:
        loss = loss / torch.tensor([max(count, 1) for count in wanted])
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


def one_for_no_frames(torch: Any, log_p: Any, targets: Any, frames: Any, *rest: Any, **options: Any) -> Any:
    """A loss of 1 for an empty target in no frames."""
    loss = torch.nn.functional.ctc_loss(log_p, targets, frames, *rest, **options)
    return loss + (torch.tensor(frames) == 0) if loss.ndim else loss


def _rows(make: Make) -> list[Arguments]:
    return [
        args(normal(5, 2, 3), LABELS, (5, 4), (3, 2)),
        args(normal(4, 2, 3), LABELS, (4, 3), (3, 2), reduction="none"),
        args(normal(4, 2, 3), LABELS, (0, 4), (0, 2), reduction="none"),
    ]


SUBJECTS = [
    Subject(
        "CTC of scores",
        _rows,
        {"every path": every_path},
        {
            "repeats not merged": functools.partial(every_path, merged=False),
            "no blanks": functools.partial(every_path, blanks=False),
            "mean over samples alone": functools.partial(every_path, divided=False),
            "a frame counted where there is none": one_for_no_frames,
            "gradient 1e-5 too large": altered(
                lambda torch, *given, **options: torch.nn.functional.ctc_loss(*given, **options), times(1 + 1e-5)
            ),
        },
        regimes=("normal",),
        program=ctc,
        replaces="nn.functional.ctc_loss",
    ),
]
