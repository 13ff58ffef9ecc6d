"""Label maps as runs are what their pixels say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.label_runs import LabelRuns, RecentMaps

pytestmark = pytest.mark.quick

MAPS = arrays.arrays(np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4))


@given(MAPS, st.sets(st.integers(0, 4)), st.integers(0, 4))
def test_they_say_what_the_pixels_say(labels: np.ndarray, numbers: set[int], to: int) -> None:
    runs = LabelRuns.of(labels)
    np.testing.assert_array_equal(runs.labels(), labels)
    assert runs.counts() == dict(zip(*(a.tolist() for a in np.unique(labels, return_counts=True)), strict=True))
    changed = runs.renumbered(numbers, to)
    expected = LabelRuns.of(np.where(np.isin(labels, list(numbers)), to, labels))
    np.testing.assert_array_equal(changed.labels(), expected.labels())
    np.testing.assert_array_equal(changed.lengths, expected.lengths)  # no two runs of one number side by side


def test_what_is_no_label_map_is_refused() -> None:
    for labels in ([[0.5]], [[-1]], [1, 2]):
        with pytest.raises(InputError, match="label map"):
            LabelRuns.of(labels)
    assert LabelRuns.of(np.zeros((0, 3), dtype=int)).labels().shape == (0, 3)


def test_only_the_last_few_are_spread_out() -> None:
    recent = RecentMaps(most=2)
    first, second, third = (LabelRuns.of(np.full((2, 2), number)) for number in range(3))
    kept = recent.of(first)
    assert recent.of(first) is kept
    recent.of(second)
    recent.of(first)
    recent.of(third)
    assert len(recent) == 2
    assert recent.of(first) is kept  # asked for after the second
    assert recent.of(LabelRuns.of(first.labels())) is not kept
