"""What a prompt says about tokens."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.prompts import PicturePrompt, prompted_tokens

pytestmark = pytest.mark.quick

SIZE, GRID = (80, 120), (8, 12)


def tokens(**said: object) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    found = prompted_tokens(PicturePrompt(0, **said), SIZE, GRID)  # type: ignore[arg-type]
    inside, outside = ({divmod(int(number), GRID[1]) for number in numbers} for numbers in found)
    return inside, outside


def test_points() -> None:
    assert tokens(inside=[(0, 0), (79.9, 119.9)], outside=[(45, 61)]) == ({(0, 0), (7, 11)}, {(4, 6)})


def test_scribbles_and_points_before_them() -> None:
    painted = np.zeros(SIZE, dtype=int)
    painted[35, 10:40] = 1
    painted[35, 40:60] = 2
    assert tokens(scribbles=painted) == ({(3, 1), (3, 2), (3, 3)}, {(3, 4), (3, 5)})
    assert tokens(scribbles=painted, outside=[(35, 15)]) == ({(3, 2), (3, 3)}, {(3, 1), (3, 4), (3, 5)})
    painted[35, 40:45] = 1  # crosses a token that is also said to be outside
    assert (3, 4) in tokens(scribbles=painted)[0]


def test_a_box_is_middle_and_surroundings() -> None:
    inside, outside = tokens(boxes=[(20, 30, 60, 90)])
    # The middle half runs from row 30 to 50 and column 45 to 75: tokens 3 and 4, 4 (its middle at 45) to 6.
    assert inside == {(r, c) for r in (3, 4) for c in (4, 5, 6)}
    assert outside
    assert all(not (2 <= r < 6 and 3 <= c < 9) for r, c in outside)
    small, _ = tokens(boxes=[(21, 31, 24, 34)])
    assert small == {(2, 3)}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"inside": [(80, 0)]}, "lies outside the picture"),
        ({"boxes": [(5, 5, 5, 9)]}, "is empty or reaches beyond"),
        ({"scribbles": np.zeros((3, 3))}, "What was painted"),
    ],
)
def test_mistakes_are_sentences(said: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tokens(**said)
