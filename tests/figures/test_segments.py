"""Segments over pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.figures import segments_figure, segments_from_arrays
from alignedcut_viewer.segmentation import segment_colours
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.segment_set import SegmentSet


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


@pytest.mark.parametrize("joint", [True, False])
def test_it_draws_what_the_window_shows_and_files_hold(
    kept_discs: Callable[[bool], tuple[Study, SegmentSet]], joint: bool
) -> None:
    study, kept = kept_discs(joint)
    figure = segments_figure(study, "discs", opacity=1.0)
    said = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "Segments 'discs'" in said
    assert "simulated features" in said
    assert "Layers 2." in said
    assert "/home/somebody" not in said
    # The legend names what is the same in all pictures, and nothing where each picture has its own.
    named = {text.get_text() for text in figure.texts} & {"segment 1", "disc None", "disc 0"}
    assert named == ({"segment 1", "disc None"} if joint else set())
    for place, image in enumerate(range(3)):
        composed = np.asarray(figure.axes[place].images[0].get_array()).astype(int)
        cell = composed.shape[0]
        np.testing.assert_allclose(composed[cell // 2, -cell // 2], kept.colours(image)[1], atol=2)
    assert tuple(kept.colours(0)[1]) == (250, 0, 0)
    assert (tuple(kept.colours(1)[1]) == (250, 0, 0)) == joint
    alone = segments_figure(study, kept, images=[1])
    assert len(alone.axes) == 1
    with pytest.raises(InputError, match="not part of the segments"):
        segments_figure(study, kept, images=[9])
    with pytest.raises(StudyError, match="no segments"):
        segments_figure(study, "others")
    Path(study.picture_path(1)).unlink()
    assert "cannot be read any more" in " ".join(text.get_text() for text in segments_figure(study, kept).texts)
