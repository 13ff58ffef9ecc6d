from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.brain.rasteriser import _fill_triangles, rasterise

pytestmark = pytest.mark.quick


def literal(points: np.ndarray, faces: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every pixel against every triangle."""
    out = np.full((height, width), -1)
    for row in range(height):
        for column in range(width):
            best = np.inf
            for face in faces:
                corners = points[face]
                system = np.vstack([corners[:, :2].T, np.ones(3)])
                weights = np.linalg.solve(system, [column, row, 1])
                depth = weights @ corners[:, 2]
                if (weights >= -1e-9).all() and depth < best:
                    best, out[row, column] = depth, face[weights.argmax()]
    return out


@pytest.mark.parametrize("seed", range(4))
def test_against_the_literal_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform([-3, -3, 0], [19, 15, 9], (12, 3))
    faces = np.array([rng.choice(12, 3, replace=False) for _ in range(6)])
    expected = literal(points, faces, 12, 16)
    assert np.array_equal(rasterise(points, faces, 12, 16), expected)
    place = np.ascontiguousarray(points.T)
    assert np.array_equal(_fill_triangles.py_func(*place, faces, 12, 16), expected)


def test_nearer_triangles_hide_farther_ones_whatever_their_order() -> None:
    points = np.array([[0, 0, 5], [9, 0, 5], [0, 9, 5], [0, 0, 1], [9, 0, 1], [0, 9, 1]], dtype=float)
    for faces in ([[0, 1, 2], [3, 4, 5]], [[5, 4, 3], [2, 1, 0]]):
        shown = rasterise(points, np.array(faces), 10, 10)
        assert set(np.unique(shown)) == {-1, 3, 4, 5}


def test_neighbouring_triangles_leave_no_hole() -> None:
    points = np.array([[0, 0, 0], [20, 0, 0], [20, 20, 0], [0, 20, 0]], dtype=float)
    assert (rasterise(points, np.array([[0, 1, 2], [0, 2, 3]]), 21, 21) >= 0).all()


def test_triangles_without_area_are_passed_over() -> None:
    points = np.array([[0, 0, 0], [5, 5, 0], [9, 9, 0]], dtype=float)
    assert (rasterise(points, np.array([[0, 1, 2]]), 10, 10) == -1).all()
