import numpy as np
import pytest

from alignedcut_viewer.errors import InputError, PictureError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.viewer.frames import stacks
from alignedcut_viewer.viewer.frames.captions import caption, describe_point
from alignedcut_viewer.viewer.frames.picture_layout import PictureLayout
from alignedcut_viewer.viewer.frames.stacks import ColourStack, PictureStack

pytestmark = pytest.mark.quick
SIZES = [(60, 80), (80, 40), (50, 50), (30, 90)]


class PlainCut:
    """Colours that tell network, layer and image; the kind of thing a cut is to the stack."""

    def __init__(self):
        networks = [NetworkNodes("wide", (0, 1, 2, 3), 3, 5), NetworkNodes("few", (1, 7), 2, 2)]
        self.index = NodeIndex(networks, [4, 9, 11, 20])
        self.asked = []

    def colour_map(self, network, layer, image):
        self.asked.append((network, layer, image))
        nodes = self.index.network(network)
        value = [["wide", "few"].index(network) * 100, layer * 10, image]
        return np.broadcast_to(np.array(value, dtype=np.uint8), (nodes.rows, nodes.columns, 3))


@pytest.fixture
def layout():
    return PictureLayout(SIZES, longest_side=100)


@pytest.fixture
def pictures(layout):
    loaded = []

    def load(image):
        loaded.append(image)
        return np.full((*SIZES[image], 3), image * 10, dtype=np.uint8)

    stack = PictureStack(load, layout)
    stack.loaded = loaded
    return stack


@pytest.mark.parametrize(
    "key",
    [
        2,
        (2,),
        (slice(1, 3),),
        (Ellipsis, 0),
        (slice(None, None, 2), slice(10, 20), 5),
        (-1, ..., slice(0, 3)),
        ([0, 3], 4, 4),
        (slice(0, 0),),
    ],
)
def test_a_stack_is_indexed_like_the_array_it_stands_for(pictures, key):
    whole = np.asarray(pictures)
    np.testing.assert_array_equal(pictures[key], whole[key])


def test_colours_are_indexed_like_the_array_they_stand_for(layout):
    stack = ColourStack(PlainCut(), layout)
    whole = np.asarray(stack)
    assert whole.shape == stack.shape == (2, 5, 4, layout.height, layout.width, 4)
    for key in [(1, 1, 2), (slice(None), 4, 0), (0, slice(1, 3), 3, 50), (..., 3)]:
        np.testing.assert_array_equal(stack[key], whole[key])


def test_only_the_frames_that_are_looked_at_are_made_and_then_kept(pictures):
    pictures[1]
    pictures[1, :10]
    pictures[3]
    assert pictures.loaded == [1, 3]
    pictures.forget()
    pictures[1]
    assert pictures.loaded == [1, 3, 1]


def test_the_cache_has_an_end(pictures, monkeypatch):
    monkeypatch.setattr(stacks, "CACHE_BYTES", 2 * pictures[0].nbytes)
    for image in (0, 1, 2, 0):
        pictures[image]
    assert pictures.loaded == [0, 1, 2, 0]


def test_reading_the_whole_of_a_large_stack_is_refused_but_any_frame_is_not(pictures, monkeypatch):
    monkeypatch.setattr(stacks, "LARGEST_READ", 1000)
    assert pictures[2].shape == pictures.shape[1:]
    with pytest.raises(InputError, match="4 pictures at once"):
        np.asarray(pictures)


def test_a_picture_that_cannot_be_read_is_transparent_and_told(layout):
    told = {}

    def load(image):
        raise PictureError("it is broken")

    stack = PictureStack(load, layout, told.__setitem__)
    assert not stack[2].any()
    assert told == {2: "it is broken"}


def test_colours_come_from_the_right_node_slice(layout):
    cut = PlainCut()
    stack = ColourStack(cut, layout)
    assert stack.networks == ("wide", "few")
    assert stack.layers == (0, 1, 2, 3, 7)
    box = layout.box(2)
    assert stack[0, 3, 2][box.top, box.left].tolist() == [0, 30, 11, 255]
    assert stack[1, 4, 2][box.top, box.left].tolist() == [100, 70, 11, 255]


def test_layers_that_a_network_lacks_are_transparent_and_never_asked_for(layout):
    cut = PlainCut()
    stack = ColourStack(cut, layout)
    assert not stack[1, 0, 0].any()
    assert not stack[0, 4, 1].any()
    assert cut.asked == []
    assert stack.slot(1, 0) is None
    assert stack.slot(1, 4) == ("few", 7)


def test_smooth_and_blocky_are_not_mixed_up_by_the_cache(layout):
    class Checkered(PlainCut):
        def colour_map(self, network, layer, image):
            nodes = self.index.network(network)
            return np.indices((nodes.rows, nodes.columns, 3)).sum(0).astype(np.uint8) % 2 * 255

    stack = ColourStack(Checkered(), layout)
    blocky = stack[0, 0, 0]
    assert set(np.unique(blocky)) == {0, 255}
    stack.smooth = True
    assert len(np.unique(stack[0, 0, 0])) > 50
    stack.smooth = False
    np.testing.assert_array_equal(stack[0, 0, 0], blocky)


NAMES = ("cat", "dog", "owl", "bee")


def test_the_caption_names_picture_network_and_layer(layout):
    stack = ColourStack(PlainCut(), layout)
    assert caption(NAMES, None, 0, 0, 2) == "owl"
    assert caption(NAMES, stack, 0, 3, 1) == "dog · wide · layer 3"
    assert caption(NAMES, stack, 1, 0, 0) == "cat · few has no layer 0 here (it has layers 1, 7)"
    assert caption(NAMES, stack, 0, 4, 0) == "cat · wide has no layer 7 here (it has layers 0 to 3)"
    assert caption(NAMES, stack, 0, 0, 9) == ""


def test_the_point_under_the_cursor_is_named_by_its_node(layout):
    cut = PlainCut()
    stack = ColourStack(cut, layout)
    for image, number in enumerate(cut.index.images):
        y, x = layout.token_centre(image, 1, 4, 3, 5)
        node = cut.index.node("wide", 2, number, row=1, column=4)
        line = describe_point(NAMES, stack, 0, 2, image, y, x)
        assert line == f"{NAMES[image]} · wide · layer 2 · row 1, column 4 · node {node}"
    assert describe_point(NAMES, stack, 0, 2, 1, 5, 0).endswith("outside the picture")
    assert "has no layer" in describe_point(NAMES, stack, 1, 0, 2, 50, 50)
