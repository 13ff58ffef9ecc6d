import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.frames.picture_layout import PictureLayout

pytestmark = pytest.mark.quick
sizes = st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=8)


def test_pictures_of_one_size_fill_the_canvas():
    layout = PictureLayout([(300, 400)] * 3)
    assert (layout.height, layout.width) == (300, 400)
    assert layout.box(1) == (0, 0, 300, 400)


def test_large_pictures_are_shown_smaller_and_tiny_ones_larger():
    assert (PictureLayout([(4000, 3000)]).height, PictureLayout([(4000, 3000)]).width) == (1024, 768)
    assert (PictureLayout([(32, 32)]).height, PictureLayout([(32, 32)]).width) == (256, 256)


@settings(max_examples=60, deadline=None)
@given(sizes)
def test_boxes_lie_inside_touch_two_edges_and_keep_the_aspect_ratio(sizes):
    layout = PictureLayout(sizes)
    for image, (height, width) in enumerate(sizes):
        box = layout.box(image)
        assert box.top >= 0
        assert box.top + box.height <= layout.height
        assert box.left >= 0
        assert box.left + box.width <= layout.width
        assert box.height == layout.height or box.width == layout.width
        if min(box.height, box.width) > 1:
            scale = min(layout.height / height, layout.width / width)
            assert abs(box.height - scale * height) <= 0.5
            assert abs(box.width - scale * width) <= 0.5


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_centre_of_a_token_is_in_that_token(sizes, rows, columns, data):
    layout = PictureLayout(sizes)
    image = data.draw(st.integers(0, len(sizes) - 1))
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    assert layout.token(image, *layout.token_centre(image, row, column, rows, columns), rows, columns) == (row, column)


def test_points_beside_a_picture_belong_to_nothing():
    layout = PictureLayout([(100, 400), (400, 100)])
    box = layout.box(0)
    assert box.top > 0
    assert layout.fraction(0, 0, 10) is None
    assert layout.pixel(0, box.top - 0.51, 10) is None
    assert layout.pixel(0, box.top - 0.49, 10) == (0, 10)
    assert layout.token(0, box.top + box.height - 0.51, 399, 2, 2) == (1, 1)
    assert layout.token(0, box.top + box.height - 0.49, 399, 2, 2) is None


@pytest.mark.parametrize("shape", [(14, 14), (7, 20), (1, 3)])
def test_the_token_read_under_the_cursor_is_the_token_painted_there(rng, shape):
    layout = PictureLayout([(301, 467), (467, 200), (64, 64)])
    for image in range(3):
        tokens = np.zeros((*shape, 3), dtype=np.uint8)
        tokens[..., 0], tokens[..., 1] = np.indices(shape)
        frame = layout.place_tokens(image, tokens, smooth=False)
        for y, x in zip(rng.integers(0, layout.height, 300), rng.integers(0, layout.width, 300), strict=True):
            token = layout.token(image, int(y), int(x), *shape)
            if token is None:
                assert frame[y, x].tolist() == [0, 0, 0, 0]
            else:
                assert frame[y, x].tolist() == [*token, 0, 255]


def test_smooth_colours_agree_with_the_tokens_at_their_centres(rng):
    layout = PictureLayout([(300, 420)])
    tokens = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    frame = layout.place_tokens(0, tokens, smooth=True)
    for row in range(5):
        for column in range(7):
            y, x = layout.token_centre(0, row, column, 5, 7)
            assert np.abs(frame[round(y), round(x), :3].astype(int) - tokens[row, column]).max() <= 8


def test_a_picture_lands_in_its_box_and_nothing_beside_it(rng):
    layout = PictureLayout([(128, 256), (256, 128)])
    picture = rng.integers(0, 256, (128, 256, 3), dtype=np.uint8)
    frame = layout.place_picture(0, picture)
    np.testing.assert_array_equal(frame[layout.box(0).slices][..., :3], picture)
    assert (frame[..., 3] > 0).sum() == 128 * 256


def test_labels_drawn_on_the_canvas_come_back_at_the_size_of_the_picture(rng):
    layout = PictureLayout([(512, 1000), (300, 300)], longest_side=500)
    labels = np.zeros((layout.height, layout.width), dtype=np.int32)
    box = layout.box(0)
    labels[box.top : box.top + box.height // 2, box.left : box.left + box.width] = 3
    cropped = layout.crop_labels(0, labels)
    assert cropped.shape == (512, 1000)
    assert (cropped == 3).mean() == pytest.approx(0.5, abs=0.01)
    assert (cropped[:250] == 3).all()


def test_labels_of_pixels_on_the_canvas_and_back():
    layout = PictureLayout([(300, 400), (64, 32)])
    rng = np.random.default_rng(0)
    for image in (0, 1):
        labels = rng.integers(0, 5, layout.size(image)).astype(np.uint16)
        placed = layout.place_labels(image, labels)
        assert placed.shape == (layout.height, layout.width)
        assert placed.dtype == np.uint16
        # No picture is larger than the canvas, so that nothing is lost.
        np.testing.assert_array_equal(layout.crop_labels(image, placed), labels)
        outside = np.ones(placed.shape, dtype=bool)
        outside[layout.box(image).slices] = False
        assert not placed[outside].any()


def test_ten_thousand_pictures_are_not_measured_one_by_one():
    asked = []
    layout = PictureLayout(lambda i: asked.append(i) or (480, 640), 10_000)
    assert len(asked) <= 256
    assert (layout.height, layout.width) == (480, 640)
    layout.box(5)
    layout.box(5)
    assert asked.count(5) == 1


def test_an_empty_canvas_is_an_error():
    with pytest.raises(InputError, match="no picture"):
        PictureLayout([])
