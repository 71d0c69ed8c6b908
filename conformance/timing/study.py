"""The study text's comparison: 100 calls of a convolution of (1, 1, 3, 3) with sixteen 3 x 3 kernels.

The text has three columns, loops (0.405 s), im2col (0.0180 s) and torch (0.0085 s); here every algorithm that the
candidate has is a row beside torch.
"""

from collections.abc import Iterator
from dataclasses import replace

from conformance.candidates.protocol import Candidate
from conformance.timing.operations import convolution
from conformance.timing.row import FORWARD, STUDY, Row

CALLS = 100
PRIMITIVE = "conv2d"
ALGORITHMS = ("naive", "im2col", "default")  # of the text; others that a candidate has are no part of it
TITLES = {"default": "fast"}  # what the candidate chooses by itself


def rows(candidate: Candidate) -> Iterator[Row]:
    """A row for each algorithm; one for a candidate that lets nobody choose."""
    variants = getattr(candidate, "variants", None)
    there = variants(PRIMITIVE) if variants is not None else ("default",)
    for algorithm in (name for name in ALGORITHMS if name in there):
        title = TITLES.get(algorithm, algorithm)
        for row in convolution(1, 1, 3, 16, 3, group=STUDY, name=f"conv2d 1x1x3x3 16 of 3x3: {title}"):
            if row.what == FORWARD or algorithm == "default":
                yield replace(row, variant=None if algorithm == "default" else (PRIMITIVE, algorithm))
