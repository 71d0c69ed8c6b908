"""Matrix products by groups: every group of rows has a matrix of its own."""

import functools
from typing import Any

from conformance.case import args
from conformance.cases.grouped import products
from conformance.draw import normal, values
from conformance.prove.subject import Subject


def by_masks(torch: Any, a: Any, b: Any, *, offs: Any, late: int = 0, shift: int = 0) -> Any:
    """All rows by all matrices, each row's own chosen: (M, K) by (G, K, N). At first `late` rows, `shift` matrices off."""
    rows = torch.arange(a.shape[0]) - late
    group = torch.searchsorted(offs.long(), rows.clamp(min=0), right=True)
    return (a @ b)[(group + shift) % b.shape[0], torch.arange(a.shape[0])]


def doubled(torch: Any, a: Any, b: Any, *, offs: Any) -> Any:
    """The rows gathered beside their own matrices."""
    group = torch.searchsorted(offs.long(), torch.arange(a.shape[0]), right=True)
    return (a.unsqueeze(1) @ b[group]).squeeze(1)


SUBJECTS = [
    Subject(
        "products by groups",
        lambda make: [args(make(9, 8), normal(3, 8, 16), values([2, 2, 9], "int32"))],
        {"all by all": by_masks, "row by row": doubled},
        {
            "groups begin a row late": functools.partial(by_masks, late=1),
            "matrix of the next group": functools.partial(by_masks, shift=1),
        },
        program=products,
        replaces="nn.functional.grouped_mm",
    )
]
