from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.brain import RoiTable, load_surface
from alignedcut_viewer.brain.icosphere import coarsen, n_vertices, spread_midpoints, subdivide
from alignedcut_viewer.errors import InputError


def test_fsaverage5_is_rebuilt_number_for_number_from_every_coarser_mesh() -> None:
    """FreeSurfer's own mesh is the answer: from 12 vertices up to its 10,242."""
    faces = load_surface("lh", mesh="fsaverage5").faces
    meshes = [faces]
    for _ in range(5):
        meshes.append(coarsen(meshes[-1]))
    assert [int(mesh.max()) + 1 for mesh in meshes] == [n_vertices(level) for level in (5, 4, 3, 2, 1, 0)]
    grown = meshes[-1]
    for _ in range(5):
        grown, _ = subdivide(grown)
    assert np.array_equal(grown, faces)


def test_new_vertices_lie_where_freesurfer_has_them() -> None:
    surface = load_surface("rh", mesh="fsaverage5")
    _, parents = subdivide(coarsen(surface.faces))
    grown = spread_midpoints(surface.sphere[: n_vertices(4)], parents, radius=100)
    assert np.abs(grown - surface.sphere).max() < 0.02


def test_the_fine_mesh_is_closed() -> None:
    surface = load_surface("lh")
    assert surface.vertices.shape == (163_842, 3)
    assert surface.faces.shape == (327_680, 3)
    edges = np.sort(surface.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges[:, 0] * 163_842 + edges[:, 1], return_counts=True)[1] == 2).all()


def test_measured_regions_hang_together_on_the_fine_mesh(atlas: dict[str, RoiTable]) -> None:
    """Masks drawn on FreeSurfer's fsaverage are compact only if our vertices bear the same numbers."""
    faces = load_surface("lh").faces
    for name in ("V1", "PPA", "EBA"):
        mask = atlas["lh"].mask(name)
        crossing = (mask[faces[:, 0]] != mask[faces[:, 1]]).sum()
        by_chance = 2 * len(faces) * mask.mean() * (1 - mask.mean())
        assert crossing < 0.25 * by_chance


@pytest.mark.quick
def test_other_meshes_are_refused() -> None:
    with pytest.raises(InputError, match="no subdivision"):
        coarsen(np.array([[0, 1, 2]]))
    with pytest.raises(InputError, match="order of vertices"):
        coarsen(np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]])[::-1])
