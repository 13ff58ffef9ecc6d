from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.brain import (
    CortexRaster,
    RoiTable,
    cortex_raster,
    draw_labels,
    load_surface,
    outline_pixels,
    roi_outlines,
)
from alignedcut_viewer.brain.outlines import place_labels

N = 163_842


@pytest.fixture(scope="module")
def raster() -> CortexRaster:
    return cortex_raster()


@pytest.fixture(scope="module")
def patch() -> dict[str, RoiTable]:
    """A disc on the lateral side of the left hemisphere, and a smaller one inside it."""
    surface = load_surface("lh")
    centre = surface.vertices[surface.vertices[:, 0].argmin()]
    distance = np.linalg.norm(surface.vertices - centre, axis=1)
    return {"lh": RoiTable({"large": distance < 30, "small": distance < 8})}


def test_outlines_are_the_rim_of_what_is_painted(raster: CortexRaster, patch: dict[str, RoiTable]) -> None:
    large = roi_outlines(raster, patch, names=["large"], smooth=1)
    lateral = next(outline for outline in large if outline.panel.view == "lateral")
    inside = raster.paint({"lh": patch["lh"].mask("large")})
    rows, columns = np.divmod(lateral.pixels, raster.shape[1])
    assert inside[rows, columns].all()
    neighbours = inside[rows - 1, columns] & inside[rows + 1, columns] & inside[rows, columns - 1]
    assert not (neighbours & inside[rows, columns + 1]).any()
    assert lateral.area == inside[lateral.panel.window].sum()
    assert lateral.labelled
    # a disc's rim is a circle about its middle
    distance = np.hypot(rows - rows.mean(), columns - columns.mean())
    assert distance.std() < 0.15 * distance.mean()
    assert inside[lateral.anchor]
    assert np.hypot(lateral.anchor[0] - rows.mean(), lateral.anchor[1] - columns.mean()) < 0.4 * distance.mean()


def test_smoothing_removes_specks_and_fills_holes(raster: CortexRaster, patch: dict[str, RoiTable]) -> None:
    rng = np.random.default_rng(0)
    noisy = RoiTable({"large": patch["lh"].mask("large") ^ (rng.random(N) < 0.05)})
    rough = roi_outlines(raster, {"lh": noisy}, smooth=1)
    smooth = roi_outlines(raster, {"lh": noisy}, smooth=7)
    clean = roi_outlines(raster, patch, names=["large"], smooth=1)
    lengths = [sum(len(o.pixels) for o in outlines if o.panel.view == "lateral") for outlines in (rough, smooth, clean)]
    assert lengths[1] < 0.5 * lengths[0]
    assert lengths[1] == pytest.approx(lengths[2], rel=0.25)


def test_outlines_are_drawn(raster: CortexRaster, patch: dict[str, RoiTable]) -> None:
    pixels = outline_pixels(roi_outlines(raster, patch))
    picture = raster.render(outline=pixels, outline_colour=(1, 2, 3))
    assert (picture.reshape(-1, 4)[pixels] == [1, 2, 3, 255]).all()
    assert len(outline_pixels([])) == 0


def test_labels_do_not_overlap(raster: CortexRaster, atlas: dict[str, RoiTable]) -> None:
    outlines = [outline for outline in roi_outlines(raster, atlas) if outline.labelled]
    assert {outline.name for outline in outlines} == set(atlas["lh"].names)
    sizes = [(12, 8 * len(outline.name)) for outline in outlines]
    places = place_labels(outlines, sizes, raster.shape)
    overlaps = 0
    for i in range(len(places)):
        for j in range(i):
            rows = abs(places[i][0] - places[j][0]) < (sizes[i][0] + sizes[j][0]) / 2
            columns = abs(places[i][1] - places[j][1]) < (sizes[i][1] + sizes[j][1]) / 2
            overlaps += rows and columns
    assert overlaps == 0


def test_labels_are_written_near_their_regions(raster: CortexRaster, patch: dict[str, RoiTable]) -> None:
    outlines = roi_outlines(raster, patch, names=["large"])
    bare = raster.render()
    named = draw_labels(bare, outlines, titles=raster.panels)
    assert named.shape == bare.shape
    changed = np.argwhere((named != bare).any(axis=2))
    anchor = next(outline.anchor for outline in outlines if outline.labelled)
    assert np.abs(changed - anchor).sum(axis=1).min() < 8
    # titles stand above their panels
    assert (changed[:, 0] < raster.panels[0].top).any()
