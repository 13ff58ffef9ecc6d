"""The cortex as a raster: every pixel shows the vertex it should, and recolouring is quick."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.brain import (
    VISUAL_LAYOUT,
    ColourScale,
    CortexRaster,
    RoiTable,
    antialias,
    cortex_raster,
    load_surface,
)
from alignedcut_viewer.errors import InputError

N = 163_842


@pytest.fixture(scope="module")
def raster() -> CortexRaster:
    return cortex_raster()


def test_every_view_is_there_and_none_overlap(raster: CortexRaster) -> None:
    assert raster.shape == (600, 800)
    assert [p.title for p in raster.panels][:2] == ["left lateral", "left posterior"]
    assert len(raster.panels) == 8
    covered = np.zeros(raster.shape, dtype=int)
    for panel in raster.panels:
        inside = raster.pixel_vertex[panel.window] >= 0
        covered[panel.window] += inside
        assert inside.mean() > 0.5
        expected = 0 if panel.hemisphere == "lh" else 1
        assert (raster.pixel_vertex[panel.window][inside] // N == expected).all()
    assert np.array_equal(covered, (raster.pixel_vertex >= 0).astype(int))


AXES = {
    # which coordinate grows to the right and which downwards, for the left hemisphere
    "lh lateral": (1, -1, 2, -1),
    "lh medial": (1, 1, 2, -1),
    "lh ventral": (1, -1, 0, 1),
    "lh posterior": (0, 1, 2, -1),
    "rh lateral": (1, 1, 2, -1),
    "rh medial": (1, -1, 2, -1),
    "rh ventral": (1, 1, 0, -1),
    "rh posterior": (0, 1, 2, -1),
    "lh dorsal": (1, -1, 0, -1),
    "rh anterior": (0, -1, 2, -1),
}


@pytest.mark.parametrize("view", AXES)
def test_pixels_show_the_vertices_that_lie_there(view: str) -> None:
    raster = cortex_raster(((view,),), height=200, width=200)
    surface = load_surface(view[:2])
    rows, columns = np.nonzero(raster.pixel_vertex >= 0)
    place = surface.vertices[raster.pixel_vertex[rows, columns] % N]
    across, across_sign, down, down_sign = AXES[view]
    for axis, sign, pixel in ((across, across_sign, columns), (down, down_sign, rows)):
        slope, offset = np.polyfit(pixel, place[:, axis], 1)
        assert np.sign(slope) == sign
        # the vertex is the nearest one: never farther than the triangles are large
        assert np.abs(slope * pixel + offset - place[:, axis]).max() < 3.5
    # and it faces the viewer
    toward = {"lateral": (0, -1), "medial": (0, 1), "ventral": (2, -1), "posterior": (1, -1), "dorsal": (2, 1)}
    axis, sign = toward.get(view[3:], (1, 1))
    sign = -sign if view.startswith("rh") and axis == 0 else sign
    assert (surface.normals()[raster.pixel_vertex[rows, columns] % N][:, axis] * sign > -0.2).mean() > 0.99


def test_values_reach_their_pixels(raster: CortexRaster) -> None:
    values = {"lh": np.full(N, np.nan), "rh": np.full(N, np.nan)}
    values["rh"][raster.pixel_vertex[raster.pixel_vertex >= N] - N] = 1.0
    picture = raster.render(values, ColourScale(-1, 1))
    assert picture.shape == (600, 800, 4)
    assert (picture[..., 3] == 255).all()
    red = (picture[..., 0].astype(int) - picture[..., 1]) > 40
    assert np.array_equal(red, raster.pixel_vertex >= N)
    assert (picture[raster.pixel_vertex < 0][:, :3] == 255).all()
    grey = picture[(raster.pixel_vertex >= 0) & (raster.pixel_vertex < N)]
    assert (grey[:, 0] == grey[:, 1]).all()


def test_colours_are_those_of_the_scale_under_full_light() -> None:
    raster = cortex_raster((("lh lateral",),), height=300, width=400)
    picture = raster.render({"lh": np.full(N, 0.5)}, ColourScale(-1, 1))
    brightest = picture.reshape(-1, 4)[(raster.pixel_vertex >= 0).ravel()].max(axis=0)
    assert np.abs(brightest[:3].astype(int) - ColourScale(-1, 1).rgb(0.5)).max() <= 3


def test_threshold_shows_anatomy(raster: CortexRaster) -> None:
    values = {"lh": np.full(N, 0.2), "rh": np.full(N, -0.9)}
    bare = raster.render()
    picture = raster.render(values, ColourScale(-1, 1), threshold=0.5)
    left = (raster.pixel_vertex >= 0) & (raster.pixel_vertex < N)
    assert np.array_equal(picture[left], bare[left])
    assert not np.array_equal(picture[~left], bare[~left])


def test_pointing_at_a_pixel(raster: CortexRaster) -> None:
    row, column = np.argwhere(raster.pixel_vertex >= N)[1000]
    assert raster.vertex_at(int(row), int(column)) == ("rh", int(raster.pixel_vertex[row, column]) - N)
    assert raster.vertex_at(0, 0) is None
    assert raster.vertex_at(-1, 5) is None


def test_the_back_of_the_brain_fills_the_picture(atlas: dict[str, RoiTable]) -> None:
    whole = cortex_raster(height=300, width=400)
    back = cortex_raster(VISUAL_LAYOUT, height=300, width=400, front=0.0)
    v1 = {h: table.mask("V1") for h, table in atlas.items()}
    assert back.paint(v1).sum() > 1.5 * whole.paint(v1).sum()
    with pytest.raises(InputError, match="behind -500 mm"):
        cortex_raster(height=300, width=400, front=-500)


def test_regions_are_seen_in_the_views_that_should_show_them(raster: CortexRaster, atlas: dict[str, RoiTable]) -> None:
    def seen(name: str) -> dict[str, int]:
        painted = raster.paint({h: table.mask(name) for h, table in atlas.items()})
        return {panel.view: int(painted[panel.window].sum()) for panel in raster.panels}

    assert seen("V1")["medial"] > 5 * seen("V1")["lateral"]
    assert seen("FFA")["ventral"] > 5 * seen("FFA")["medial"]
    assert seen("EBA")["lateral"] > 5 * seen("EBA")["medial"]
    assert seen("PPA")["lateral"] == 0


def test_the_same_raster_is_made_once() -> None:
    layout = (("rh ventral",),)
    assert cortex_raster(layout, height=50, width=60) is cortex_raster(layout, height=50, width=60)


def test_antialiasing_averages() -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    picture[:2, :2] = 100
    assert antialias(picture, 2)[:, :, 0].tolist() == [[100, 0], [0, 0]]
    assert antialias(picture, 4)[0, 0, 0] == 25
    with pytest.raises(InputError, match="shrunk 3 times"):
        antialias(picture, 3)


def test_faults_are_named(raster: CortexRaster) -> None:
    with pytest.raises(InputError, match="'lh sideways'"):
        cortex_raster((("lh sideways",),))
    with pytest.raises(InputError, match="at least one view"):
        cortex_raster(())
    with pytest.raises(InputError, match=r"got shape \(5,\) for 'lh'"):
        raster.render({"lh": np.zeros(5)})
