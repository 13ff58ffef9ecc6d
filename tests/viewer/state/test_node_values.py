import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.viewer.frames.picture_layout import PictureLayout
from alignedcut_viewer.viewer.frames.stacks import ValueStack
from alignedcut_viewer.viewer.state.node_values import NodeValues

pytestmark = pytest.mark.quick


def test_limits_follow_the_values_and_the_sign():
    assert NodeValues([0.5, 2.0, np.nan], "a").limits == (0.5, 2.0)
    assert NodeValues([0.5, -2.0], "a", signed=True).limits == (-2.0, 2.0)
    assert NodeValues([3.0, 3.0], "a").limits == (3.0, 4.0)
    assert NodeValues([np.nan], "a").limits == (0.0, 1.0)
    assert NodeValues([1.0, 2.0], "a", limits=(0, 5)).limits == (0.0, 5.0)


def test_values_are_read_only_and_a_copy():
    given = np.arange(3.0)
    values = NodeValues(given, "a")
    given[0] = 9
    assert values.values.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        values.values[0] = 1


def test_only_the_part_that_is_asked_for_is_computed():
    asked = []

    def part(nodes):
        asked.append((nodes.start, nodes.stop))
        return np.arange(nodes.start, nodes.stop, dtype=np.float32)

    values = NodeValues(part, "a", n_nodes=10, limits=(0, 10))
    assert values.part(slice(3, 5)).tolist() == [3, 4]
    assert not values.is_complete()
    assert values.values.tolist() == list(range(10))
    assert values.part(slice(3, 5)).tolist() == [3, 4]
    assert asked == [(3, 5), (0, 10)]


@pytest.mark.parametrize(
    ("values", "more", "says"),
    [
        (np.zeros((2, 2)), {}, "one value per node"),
        (np.zeros(2), {"n_nodes": 3}, "3 in all"),
        (np.zeros(2), {"limits": (1, 1)}, "must ascend"),
        (lambda nodes: nodes, {}, "number of nodes and limits"),
    ],
)
def test_what_cannot_be_values_is_told(values, more, says):
    with pytest.raises(InputError, match=says):
        NodeValues(values, "a", **more)


@pytest.fixture
def index():
    return NodeIndex([NetworkNodes("wide", (0, 2), 3, 5), NetworkNodes("few", (2,), 2, 2, False)], [4, 7])


def test_values_lie_over_the_pictures_where_their_nodes_are(index):
    layout = PictureLayout([(300, 400), (400, 300)])
    stack = ValueStack(index, layout, NodeValues(np.arange(len(index)), "numbers"))
    assert stack.shape == (2, 2, 2, layout.height, layout.width)
    assert stack.dtype == np.float32
    for picture, image in enumerate(index.images):
        for row, column in ((0, 0), (2, 4), (1, 3)):
            y, x = (round(v) for v in layout.token_centre(picture, row, column, 3, 5))
            assert stack[0, 1, picture][y, x] == index.node("wide", 2, image, row=row, column=column)
            assert stack[0, 1, picture, y, x] == stack[0, 1, picture][y, x]
    assert np.isnan(stack[1, 0, 0]).all()  # no such layer
    box = layout.box(0)
    outside = np.ones(stack.shape[-2:], dtype=bool)
    outside[box.slices] = False
    assert np.isnan(stack[0, 0, 0][outside]).all()
    assert np.isfinite(stack[0, 0, 0][~outside]).all()


def test_other_values_take_the_place_of_those_shown(index):
    layout = PictureLayout([(300, 400), (400, 300)])
    stack = ValueStack(index, layout, NodeValues(np.zeros(len(index)), "zeros"))
    y, x = layout.height // 2, layout.width // 2
    assert stack[0, 0, 0, y, x] == 0
    stack.values = NodeValues(np.ones(len(index)), "ones")
    assert stack[0, 0, 0, y, x] == 1
    stack.smooth = True
    assert stack[0, 0, 0, y, x] == pytest.approx(1)
