"""Colours of segments differ and start with black for none."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import segment_colours

pytestmark = pytest.mark.quick


def test_colours_differ_and_do_not_depend_on_their_number() -> None:
    table = segment_colours(255)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert table[0].tolist() == [0, 0, 0]
    assert len(np.unique(table, axis=0)) == 256
    np.testing.assert_array_equal(segment_colours(20), table[:21])


def test_the_first_colours_are_far_apart_and_visible() -> None:
    table = segment_colours(12)[1:].astype(int)
    distances = np.linalg.norm(table[:, None] - table[None], axis=-1) + 999 * np.eye(12)
    assert distances.min() > 50
    assert table.max(1).min() > 100


def test_own_colours() -> None:
    own = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    np.testing.assert_array_equal(segment_colours(2, own), [[0, 0, 0], [1, 2, 3], [4, 5, 6]])
    with pytest.raises(InputError, match=r"\(3, 3\)"):
        segment_colours(3, own)
