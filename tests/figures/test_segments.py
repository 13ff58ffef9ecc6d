"""Segments over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.figures import segments_figure, segments_from_arrays
from alignedcut_viewer.segmentation import segment_colours
from alignedcut_viewer.study import Study


@pytest.mark.quick
def test_colours_lie_on_their_segments_and_pictures_shine_through() -> None:
    picture = np.full((80, 80, 3), 100, dtype=np.uint8)
    mask = np.zeros((80, 80), dtype=int)
    mask[:, 40:] = 2
    figure = segments_from_arrays([picture], [mask], opacity=0.5)
    composed = np.asarray(figure.axes[0].images[0].get_array()).astype(int)
    height, cell = composed.shape[0], composed.shape[0]
    red, green, blue = segment_colours(2)[2].astype(int)
    overlay = composed[height // 2, -cell // 4]
    np.testing.assert_allclose(overlay, [(100 + c) / 2 for c in (red, green, blue)], atol=2)
    np.testing.assert_allclose(composed[height // 2, -3 * cell // 4], 100, atol=2)  # no segment, no colour
    np.testing.assert_allclose(composed[height // 2, cell // 2], 100, atol=2)  # the picture itself
    shown = [text.get_text() for text in figure.texts]
    assert "segment 1" in shown
    assert "segment 2" in shown


@pytest.mark.quick
def test_pairs_fill_rows_and_keep_their_shape() -> None:
    sizes = [(60, 120), (120, 60), (80, 80), (500, 900), (30, 30)]
    pictures = [np.full((*size, 3), 10 + 40 * i, dtype=np.uint8) for i, size in enumerate(sizes)]
    masks = [np.ones(size, dtype=int) for size in sizes]
    figure = segments_from_arrays(pictures, masks, pairs=2, names=["all"])
    assert len(figure.axes) == 2
    left = np.asarray(figure.axes[0].images[0].get_array())
    cell = (left.shape[1] - 4) // 2
    assert (left[: cell // 4, cell // 2] < 250).any()
    narrow = np.asarray(figure.axes[1].images[0].get_array())[cell // 2, :cell]
    assert 0.4 < (narrow != 255).any(-1).mean() < 0.6  # 120 × 60 in a square


@pytest.mark.quick
def test_parts_that_do_not_fit_are_refused() -> None:
    picture, mask = np.zeros((4, 4, 3), dtype=np.uint8), np.ones((4, 4), dtype=int)
    for pictures, masks, options, words in (
        ([], [], {}, "at least one"),
        ([picture], [], {}, "as many"),
        ([picture], [mask[:2]], {}, "does not fit"),
        ([picture], [mask], {"opacity": 2}, "Opacity"),
        ([picture], [mask], {"pairs": 0}, "pair"),
        ([picture], [mask * 3], {"names": ["a"]}, "3 segments need"),
    ):
        with pytest.raises(InputError, match=words):
            segments_from_arrays(pictures, masks, **options)


def test_planted_disc_is_one_of_two_segments(study: Study) -> None:
    figure = segments_figure(study, "wide-simulated", 2, 2)
    shown = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "2 segments of this layer, shown at layer 2 of wide-simulated." in shown
    assert "simulated" in shown
    # Numbered like the values of exported masks, in which 0 is no segment.
    named = {text.get_text() for text in figure.texts if text.get_text().startswith("segment ")}
    assert named <= {"segment 1", "segment 2"}
    assert named
    table = segment_colours(2)[1:].astype(int)
    composed = np.asarray(figure.axes[2].images[0].get_array()).astype(int)  # the square picture
    cell = composed.shape[0]
    centre, corner = composed[cell // 2, -cell // 2], composed[cell // 10, -9 * cell // 10]
    of_centre = np.abs(table - centre).sum(1).argmin()
    of_corner = np.abs(table - corner).sum(1).argmin()
    assert of_centre != of_corner
    together = segments_figure(study, "wide-simulated", 2, 2, one_layer=False, smooth=False, images=[0])
    assert "of all layers together" in " ".join(text.get_text() for text in together.texts)
