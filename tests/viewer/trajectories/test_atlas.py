"""Cells of the atlas and what they show, without a window."""

import numpy as np
import pytest

from alignedcut_viewer.viewer.points.grid import PointGrid, Viewport
from alignedcut_viewer.viewer.trajectories.atlas import CELL, CROP, MOST_CROPS, atlas_cells, mean_crop
from alignedcut_viewer.viewer.trajectories.thumbnails import Thumbnail

pytestmark = pytest.mark.quick


def test_cells_hold_what_lies_in_them_and_are_finer_when_zoomed_in():
    places = np.random.default_rng(0).uniform(0, 10, (20_000, 2)).astype(np.float32)
    grid = PointGrid(places)
    view = Viewport(0.0, 10.0, 48.0)  # a cell is one unit
    cells = atlas_cells(grid, view, 10 * CELL, 10 * CELL)
    assert len(cells) == 100
    for (left, top, side), nodes in cells:
        assert side == 1.0
        assert 3 <= len(nodes) <= MOST_CROPS
        inside = (places[nodes] >= (left, top - side)) & (places[nodes] <= (left + side, top))
        assert inside.all()
    zoomed = atlas_cells(grid, view.zoomed(4, 240, 240), 10 * CELL, 10 * CELL)
    assert len(zoomed) == 100
    assert {side for (_, _, side), _ in zoomed} == {0.25}
    grid.reach(places[:, 0] < 5)
    half = atlas_cells(grid, view, 10 * CELL, 10 * CELL)
    assert len(half) == 50
    assert max(left for (left, _, _), _ in half) == 4.0
    assert atlas_cells(grid, Viewport(50.0, 10.0, 48.0), 480, 480) == []


def test_a_crop_is_the_mean_of_what_tokens_show():
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[:, 20:] = (200, 100, 50)
    boxes = {0: (0.5, 0.0, 0.1, 0.1), 1: (0.5, 0.8, 0.1, 0.1), 2: None}
    crop = mean_crop(np.array([0, 1]), lambda node: Thumbnail(image, boxes[node], ()))
    assert crop.shape == (CROP, CROP, 3)
    np.testing.assert_array_equal(crop, np.broadcast_to((100, 50, 25), crop.shape))
    whole = mean_crop(np.array([2]), lambda node: Thumbnail(image, boxes[node], ()))
    np.testing.assert_array_equal(whole[:, :12], 0)
    np.testing.assert_array_equal(whole[0, -1], (200, 100, 50))
