"""Label maps on the canvas: seen, painted on, and brought back to the size of the picture."""

import numpy as np
import pytest

from alignedcut_viewer.viewer.frames.picture_layout import PictureLayout
from alignedcut_viewer.viewer.frames.prompt_stack import INSIDE, OUTSIDE, PromptStack
from alignedcut_viewer.viewer.frames.segment_stack import SegmentStack, repainted
from alignedcut_viewer.viewer.state.prompt_marks import PromptMark

pytestmark = pytest.mark.quick

SIZES = [(300, 400), (2000, 1500)]


@pytest.fixture
def layout():
    return PictureLayout(SIZES)


@pytest.fixture
def maps():
    rng = np.random.default_rng(3)
    return {7: rng.integers(0, 5, SIZES[0]), 9: np.full(SIZES[1], 4)}


def test_frames_hold_the_maps_of_their_pictures(layout, maps):
    stack = SegmentStack(maps.get, [7, 9, 11], PictureLayout([*SIZES, (10, 10)]))
    assert stack.shape == (3, stack.layout.height, stack.layout.width)
    np.testing.assert_array_equal(stack.layout.crop_labels(0, stack[0]), maps[7])
    assert not stack[2].any()  # a picture without segments
    copy = stack[0]
    copy[:] = 9
    assert not (stack[0] == 9).any()


def test_strokes_stay_until_they_are_taken_over(layout, maps):
    stack = SegmentStack(maps.get, [7, 9], layout)
    rows, columns = slice(400, 420), slice(500, 530)
    stack[1:2, rows, columns] = np.full((1, 20, 30), 2)
    assert (stack[1][rows, columns] == 2).all()
    assert (stack[1] == 2).sum() == 600
    painted = stack.take_painted()
    assert list(painted) == [1]
    assert not (stack[1] == 2).any()
    after = repainted(maps[9], painted[1], layout, 1)
    assert after.shape == SIZES[1]
    scale = layout.box(1).height / SIZES[1][0]
    assert (after == 2).sum() == pytest.approx(600 / scale**2, rel=0.05)
    assert set(np.unique(after)) == {2, 4}


def test_what_was_not_painted_keeps_details_that_the_canvas_does_not_show(layout, maps):
    fine = maps[9].copy()
    fine[::7, ::7] = 1
    stack = SegmentStack({9: fine}.get, [7, 9], layout)
    stack[1:2, 10:11, :] = stack[1:2, 10:11, :]
    stack[1:2, 500:520, 500:520] = np.full((1, 20, 20), 3)
    after = repainted(fine, stack.take_painted()[1], layout, 1)
    np.testing.assert_array_equal(after[after != 3], fine[after != 3])


def test_single_pixels_and_index_arrays_can_be_written(layout, maps):
    stack = SegmentStack(maps.get, [7, 9], layout)
    stack[0, 3, 4] = 8
    stack[np.array([0, 1]), np.array([5, 6]), np.array([7, 8])] = np.array([8, 9])
    assert stack[0][3, 4] == stack[0][5, 7] == 8
    assert stack[1][6, 8] == 9
    stack.forget()
    assert not (stack[0] == 8).any()


def test_prompts_are_seen_where_they_are(layout):
    marks = [
        PromptMark(7, "scribble", ((0.25, 0.25), (0.25, 0.75))),
        PromptMark(7, "box", ((0.6, 0.1), (0.9, 0.4)), inside=False),
        PromptMark.of_labels(7, np.pad(np.ones((1, 1), dtype=int), ((3, 0), (3, 0)))),
        PromptMark(7, "point", ((0.8, 0.6),), inside=False),
    ]
    stack = PromptStack(lambda image: [m for m in marks if m.image == image], [7, 9], layout)
    frame, box = stack.frame(0), layout.box(0)
    assert not stack.frame(1).any()

    def at(down, right):
        return frame[box.top + round(down * box.height), box.left + round(right * box.width)]

    assert tuple(at(0.25, 0.5)[:3]) == INSIDE
    assert tuple(at(0.75, 0.25)[:3]) == OUTSIDE  # the diagonal of a box of what is not the thing
    assert tuple(at(0.9, 0.9)[:3]) == INSIDE
    assert at(0.8, 0.6)[3] == 255
    assert not at(0.5, 0.5).any()
