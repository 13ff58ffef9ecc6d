"""Two cuts of one study, places of one found in the other, without a window."""

import numpy as np
import pytest

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick


def test_same_places_in_another_index() -> None:
    here = NodeIndex([NetworkNodes("fine", (0, 3), 4, 4)], (5, 2))
    there = NodeIndex([NetworkNodes("other", (1,), 2, 2, False), NetworkNodes("fine", (3,), 4, 4)], (2, 9, 5))
    node = here.node("fine", 3, 5, row=3, column=1)
    assert there.same_places([node], "fine", 3, numbered_by=here).tolist() == [
        there.node("fine", 3, 5, row=3, column=1)
    ]
    assert there.same_places([node], "other", 1, numbered_by=here).tolist() == [
        there.node("other", 1, 5, row=1, column=0)
    ]
    # class tokens only where there are some, and pictures that the other lacks are left out
    assert len(there.same_places([here.class_token_node("fine", 0, 2)], "other", 1, numbered_by=here)) == 0
    assert here.same_places([there.node("fine", 3, 9, row=0, column=0)], "fine", 0, numbered_by=there).size == 0
    every = np.arange(len(here))
    kept = there.same_places(every, "fine", 3, numbered_by=here)
    assert len(kept) == len(here)
