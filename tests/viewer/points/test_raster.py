"""The raster of points: what is drawn where, what is found where, beside reference libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from scipy.spatial import cKDTree

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.points.grid import PointGrid, Viewport
from alignedcut_viewer.viewer.points.raster import Cloud, Marks, PointRaster, compile_loops, density_table, point_size

pytestmark = pytest.mark.quick

RED, BLUE = (255, 0, 0), (0, 0, 255)


def scattered(n, seed=0):
    """Points as on a map: some groups, some single ones, some on the same place."""
    rng = np.random.default_rng(seed)
    places = np.concatenate([rng.normal(0, 1, (n // 2, 2)), rng.normal((20, 5), 0.2, (n // 4, 2))])
    places = np.concatenate([places, rng.uniform(-30, 30, (n - len(places), 2))]).astype(np.float32)
    places[: n // 10] = places[n // 2]
    return places


def pixel_view(n_pixels=64):
    """One unit a pixel, with (0.5, 0.5) in the middle of the lowest pixel on the left."""
    return Viewport(0.0, float(n_pixels), 1.0)


# -- drawing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 3])
def test_pixels_count_the_points_in_them(n_threads):
    rng = np.random.default_rng(1)
    places = (rng.integers(0, 640, (300_000, 2)) / 10 + 0.05).astype(np.float32)  # none on an edge between pixels
    raster = PointRaster(PointGrid(places), n_threads)
    raster.draw(pixel_view(), 64, 64)
    counts = np.histogram2d(places[:, 1], places[:, 0], bins=64, range=[[0, 64], [0, 64]])[0][::-1]
    np.testing.assert_array_equal(raster._buffer[..., 3], counts)


def test_a_pixel_has_the_mean_colour_of_its_points():
    places = np.array([[10.5, 20.5]] * 3 + [[40.5, 20.5]], dtype=np.float32)
    places = np.concatenate([places, np.random.default_rng(0).uniform(0, 5, (400_000, 2)).astype(np.float32)])
    colours = np.zeros((len(places), 3), dtype=np.uint8)
    colours[:4] = [RED, RED, BLUE, BLUE]
    raster = PointRaster(PointGrid(places))
    raster.set_colours(colours)
    image = raster.draw(pixel_view(), 64, 64)
    np.testing.assert_array_equal(image[63 - 20, 10, :3], (170, 0, 85))
    np.testing.assert_array_equal(image[63 - 20, 40, :3], BLUE)
    assert image[63 - 20, 10, 3] > image[63 - 20, 40, 3] > 0
    assert image[63 - 40, 40, 3] == 0


def test_points_that_are_not_shown_are_neither_drawn_nor_found():
    places = np.array([[10.5, 10.5], [50.5, 50.5]], dtype=np.float32)
    grid = PointGrid(places)
    raster = PointRaster(grid)
    grid.show(np.array([True, False]))
    raster.follow_shown()
    image = raster.draw(pixel_view(), 64, 64)
    assert image[63 - 10, 10, 3] > 0
    assert image[63 - 50, 50, 3] == 0
    assert grid.nearest(50, 50, 5) is None
    np.testing.assert_array_equal(grid.inside([(0, 0), (64, 0), (64, 64), (0, 64)]), [0])


def test_few_points_are_discs_and_many_are_pixels():
    assert point_size(1_000_000) == 1
    assert 1.5 < point_size(100_000) < 3
    assert point_size(100) > 8
    image = PointRaster(PointGrid([[32.5, 32.5]])).draw(pixel_view(), 64, 64)
    rows, columns = np.nonzero(image[..., 3])
    assert (rows.min() + rows.max()) / 2 == 31
    assert (columns.min() + columns.max()) / 2 == 32
    assert 8 <= np.ptp(columns) + 1 <= 13
    area = (image[..., 3] / image[..., 3].max()).sum()
    assert abs(area - np.pi * (point_size(1) / 2) ** 2) < 0.1 * area


def test_density_grows_with_the_logarithm_of_the_count():
    at = np.repeat([[8.5, 8.5], [24.5, 8.5], [40.5, 8.5]], [99_999, 999, 9], axis=0)
    places = np.concatenate([at, np.random.default_rng(0).uniform(50, 64, (200_000, 2))]).astype(np.float32)
    image = PointRaster(PointGrid(places)).draw(pixel_view(), 64, 64, shading="density", table=density_table(True))
    table = density_table(True).astype(int)
    shares = [np.abs(table - image[63 - 8, column, :3]).sum(axis=1).argmin() / 255 for column in (8, 24, 40)]
    np.testing.assert_allclose(shares, [1.0, 0.6, 0.2], atol=0.02)


def test_zooming_keeps_every_point_where_it_belongs():
    places = scattered(50_000)
    raster = PointRaster(PointGrid(places))
    view = Viewport.around(raster.grid.bounds, 80, 80).zoomed(6, 50, 30)
    image = raster.draw(view, 80, 80)
    pixels = np.floor(view.to_pixels(places)).astype(int)
    inside = ((pixels >= 0) & (pixels < 80)).all(axis=1)
    assert inside.sum() > 100
    assert (image[pixels[inside, 1], pixels[inside, 0], 3] > 0).all()


def test_marks_and_clouds_lie_above():
    places = np.random.default_rng(0).uniform(0, 64, (5000, 2)).astype(np.float32)
    raster = PointRaster(PointGrid(places))
    marked = Marks(np.array([30.5], np.float32), np.array([20.5], np.float32), RED, 4)
    moving = Cloud(np.array([50.5], np.float32), np.array([50.5], np.float32), np.array([[0, 0, 255, 255]], np.uint8))
    image = raster.draw(pixel_view(), 64, 64, marks=[marked], cloud=moving, dim=0.2)
    np.testing.assert_array_equal(image[63 - 20, 30], (*RED, 255))
    assert image[63 - 50, 50, 2] > 200
    assert image[63 - 50, 50, 3] > 200
    assert np.median(image[..., 3]) < 60


@pytest.mark.parametrize("slope", [(50, 0), (0, 50), (50, 20), (-30, 45)])
def test_lines_cross_the_pixels_between_their_ends(slope):
    start = np.array([32.5, 10.5]) if slope[0] < 0 else np.array([5.5, 5.5])
    path = np.stack([start, start + slope])[None]
    raster = PointRaster(PointGrid([[0.0, 0.0]]))
    raster.draw_lines(path, np.array([RED], np.uint8), pixel_view(), 64, 64)
    drawn = np.argwhere(raster._buffer[..., 3] > 0)
    assert len(drawn) - max(abs(slope[0]), abs(slope[1])) in (0, 1)
    along = (drawn[:, ::-1] * (1, -1) + (0.5, 63.5) - start) @ np.array(slope) / np.dot(slope, slope)
    distance = np.abs((drawn[:, ::-1] * (1, -1) + (0.5, 63.5) - start) @ (-slope[1], slope[0])) / np.hypot(*slope)
    assert distance.max() <= 0.75
    assert along.min() >= -0.05
    assert along.max() <= 1.05


def test_lines_far_outside_cost_nothing_and_draw_nothing():
    path = np.array([[[-1e7, 32.5], [1e7, 32.5]], [[-1e7, 1e6], [1e7, 1e6]]])
    raster = PointRaster(PointGrid([[0.0, 0.0]]))
    raster.draw_lines(path, np.array([RED], np.uint8), pixel_view(), 64, 64)
    expected = np.zeros((64, 64))
    expected[31] = raster._buffer[31, :, 3]
    np.testing.assert_array_equal(raster._buffer[..., 3], expected)
    assert expected[31].min() >= 1


# -- finding -------------------------------------------------------------------------------------------------------


def test_the_nearest_point_is_that_of_a_tree():
    places = scattered(20_000)
    grid, tree = PointGrid(places), cKDTree(places)
    rng = np.random.default_rng(3)
    for x, y in rng.uniform(-32, 32, (200, 2)):
        distance, _ = tree.query((x, y))
        found = grid.nearest(x, y, 3.0)
        if distance >= 3.0:
            assert found is None
        else:
            assert np.hypot(*(places[found] - (x, y))) == pytest.approx(distance, abs=1e-5)


def test_of_points_on_one_place_the_first_is_the_nearest():
    assert PointGrid(np.ones((50, 2))).nearest(1.1, 1.0, 1.0) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 40), st.integers(0, 10_000), st.sampled_from([7, 500, 30_000]))
def test_a_lasso_holds_what_matplotlib_says(n_corners, seed, n_points):
    places = scattered(n_points, seed)
    corners = np.random.default_rng(seed).uniform(-35, 35, (n_corners, 2))  # crosses itself
    expected = Path(np.concatenate([corners, corners[:1]])).contains_points(places)
    np.testing.assert_array_equal(PointGrid(places).inside(corners), np.flatnonzero(expected))


def test_a_lasso_around_everything_holds_everything():
    places = scattered(1000)
    grid = PointGrid(places)
    np.testing.assert_array_equal(grid.inside([(-99, -99), (99, -99), (99, 99), (-99, 99)]), np.arange(1000))
    assert not len(grid.inside([(0, 0), (1, 1)]))
    assert not len(grid.inside([(90, 90), (99, 90), (99, 99)]))


@settings(max_examples=30, deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.01, 40))
def test_a_brush_holds_all_within_its_radius(x, y, radius):
    places = scattered(3000)
    chosen = np.zeros(3000, dtype=bool)
    new = PointGrid(places).brush(x, y, radius, chosen)
    distance = np.hypot(places[:, 0].astype(float) - x, places[:, 1].astype(float) - y)
    clear = np.abs(distance - radius) > 1e-4
    np.testing.assert_array_equal(chosen[clear], (distance <= radius)[clear])
    assert new == chosen.sum()
    assert PointGrid(places).brush(x, y, radius, chosen) == 0


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 100), st.floats(0, 500), st.floats(0, 500), st.floats(-300, 300))
def test_the_place_under_the_cursor_stays_there(factor, column, row, by):
    view = Viewport(-3.0, 8.0, 12.5)
    place = view.to_plane(column, row)
    np.testing.assert_allclose(view.zoomed(factor, column, row).to_pixels(place), (column, row), atol=1e-6)
    np.testing.assert_allclose(view.panned(by, -by).to_pixels(place), (column + by, row - by), atol=1e-6)


def test_all_points_on_one_place_or_line_are_fine():
    for places in (np.zeros((5, 2)), np.stack([np.arange(5.0), np.zeros(5)], axis=1)):
        grid = PointGrid(places)
        view = Viewport.around(grid.bounds, 50, 50)
        assert PointRaster(grid).draw(view, 50, 50)[..., 3].any()
        assert grid.nearest(*places[3], 1e-3) is not None
    with pytest.raises(InputError, match="NaN or infinite"):
        PointGrid([[0.0, np.nan]])
    with pytest.raises(InputError, match="must be"):
        PointGrid(np.zeros((0, 2)))


def test_loops_compile_from_any_thread():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: compile_loops(), range(3)))
