"""Where the windows of fractional pools start, and which element wins."""

import numpy as np
import pytest

from refnet._ops.fractional_pool import fractional_winners, window_starts


@pytest.mark.parametrize("sample", [0.0, 0.3, 0.999])
@pytest.mark.parametrize(("size", "kernel", "places"), [(7, 2, 3), (9, 3, 7), (5, 5, 1), (12, 1, 12)])
def test_windows_cover_the_dimension_in_order(sample, size, kernel, places) -> None:
    starts = window_starts(np, np.float32([[sample]]), size, kernel, places)[0, 0]
    assert starts[-1] == size - kernel
    assert (np.diff(starts) >= 0).all()
    assert starts.min() >= 0
    assert places == 1 or starts[0] == 0


def test_the_first_of_equals_wins_and_the_last_nan_over_all() -> None:
    x = np.array([[[[1.0, 1.0, np.nan, 0.0, np.nan]]]])
    starts = (np.array([[[0]]]), np.array([[[0, 2]]]))
    assert fractional_winners(np, x, starts, (1, 2)).tolist() == [[[[0, 2]]]]
    assert fractional_winners(np, x, (starts[0], np.array([[[2]]])), (1, 3)).tolist() == [[[[4]]]]
