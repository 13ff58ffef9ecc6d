import numpy as np
import pytest

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.viewer.frames.mark_stacks import MaskStack, SelectionStack, rgb_of
from alignedcut_viewer.viewer.frames.picture_layout import PictureLayout
from alignedcut_viewer.viewer.state.history import SELECTION_COLOURS
from alignedcut_viewer.viewer.state.node_values import NodeValues

pytestmark = pytest.mark.quick
ORANGE, BLUE = (rgb_of(SELECTION_COLOURS[which]) for which in ("figure", "ground"))


@pytest.fixture
def index():
    return NodeIndex([NetworkNodes("wide", (0, 2), 4, 4), NetworkNodes("few", (2,), 2, 2, False)], [4, 7])


@pytest.fixture
def layout():
    return PictureLayout([(256, 256), (256, 256)])


def colours(frame):
    """Colours of the lines of a frame."""
    return {tuple(pixel[:3]) for pixel in frame[frame[..., 3] == 255].tolist()} - {(16, 16, 16)}


def test_chosen_nodes_are_outlined_where_they_are(index, layout):
    stack = SelectionStack(index, layout)
    node = index.node("wide", 2, 7, row=1, column=2)
    stack.mark("figure", np.array([node]))
    frame = stack[0, 1, 1]
    assert colours(frame) == {ORANGE}
    rows, columns = np.nonzero(frame[..., 3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (64, 127, 128, 191)
    assert frame[96, 160, 3] == 60  # a tint inside
    assert not stack[0, 1, 0].any()
    assert not stack[1, 1, 1].any()
    elsewhere = stack[0, 0, 1]  # the same place at another layer: faint
    assert set(np.unique(elsewhere[..., 3])) == {0, 110}
    assert (np.nonzero(elsewhere[..., 3])[0].min(), np.nonzero(elsewhere[..., 3])[0].max()) == (64, 127)
    stack.mark("ground", np.array([index.node("wide", 2, 7, row=3, column=0)]))
    assert colours(stack[0, 1, 1]) == {ORANGE, BLUE}
    stack.mark("figure", np.array([], dtype=np.int64))
    assert colours(stack[0, 1, 1]) == {BLUE}


def test_what_is_pointed_at_and_dragged_over_is_outlined(index, layout):
    stack = SelectionStack(index, layout)
    assert stack.is_empty
    assert stack.point(index.node("few", 2, 4, row=0, column=0))
    assert not stack.point(index.node("few", 2, 4, row=0, column=0))
    assert colours(stack[1, 1, 0]) == {(255, 255, 255)}
    stack.point(None)
    stack.preview("ground", np.array([index.node("few", 2, 4, row=1, column=1)]))
    assert colours(stack[1, 1, 0]) == {BLUE}
    stack.preview("ground", None)
    assert stack.is_empty
    assert not stack[1, 1, 0].any()


def test_the_mask_is_where_values_reach_the_threshold(index, layout):
    numbers = np.arange(len(index), dtype=np.float32)
    numbers[index.node("wide", 0, 4, row=0, column=1)] = np.nan
    stack = MaskStack(index, layout, NodeValues(numbers, "numbers"), 8)
    assert stack.dtype == np.uint8
    frame = stack[0, 0, 0]
    first = index.patch_slice("wide", 0, 4).start
    tokens = frame[32::64, 32::64].ravel()
    np.testing.assert_array_equal(tokens, (np.arange(first, first + 16) >= 8))
    stack.set(NodeValues(numbers, "numbers"), 1, smooth=False)
    assert stack[0, 0, 0][32, 96] == 0  # no number, no mask
    assert stack[0, 0, 0][32, 160] == 1
    assert not stack[1, 0, 0].any()  # no such layer


def test_the_type_of_labels_is_told_without_making_them(index, layout):
    stack = MaskStack(index, layout, NodeValues(np.zeros(len(index)), "zeros", limits=(0, 1)), 0)
    made = []
    stack.make_frame = lambda *position: made.append(position)
    assert stack[0].dtype == np.uint8
    assert stack[0].shape == stack.shape[1:]
    assert not made
