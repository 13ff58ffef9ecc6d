from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.brain import (
    BrainDataset,
    RoiTable,
    VoxelMap,
    load_surface,
    open_algonauts,
    roi_masks_on_fsaverage,
    roi_values_to_fsaverage,
    to_fsaverage,
)
from alignedcut_viewer.errors import InputError


def test_challenge_space_goes_through_the_releases_own_mapping(simulated_folder: Path) -> None:
    dataset = open_algonauts(simulated_folder)
    values = np.arange(dataset.n_voxels, dtype=float)
    maps = to_fsaverage(dataset, values)
    start = 0
    for hemisphere in ("lh", "rh"):
        inside = np.load(simulated_folder / "roi_masks" / f"{hemisphere}.all-vertices_fsaverage_space.npy") == 1
        assert np.array_equal(maps[hemisphere][inside], values[start : start + inside.sum()])
        assert np.isnan(maps[hemisphere][~inside]).all()
        start += int(inside.sum())


def test_regions_agree_with_the_releases_own_masks(simulated_folder: Path) -> None:
    masks = roi_masks_on_fsaverage(open_algonauts(simulated_folder))
    for hemisphere in ("lh", "rh"):
        labels = np.load(simulated_folder / "roi_masks" / f"{hemisphere}.prf-visualrois_fsaverage_space.npy")
        assert np.array_equal(masks[hemisphere].mask("V1"), (labels == 1) | (labels == 2))


def test_sparse_voxels_are_spread_to_their_neighbours_only(simulated_folder: Path) -> None:
    dataset = open_algonauts(simulated_folder)
    exact, filled = VoxelMap(dataset, fill=0), VoxelMap(dataset)
    values = np.random.default_rng(0).standard_normal(dataset.n_voxels)
    before, after = exact(values)["lh"], filled(values)["lh"]
    known = np.isfinite(before)
    assert np.array_equal(before[known], after[known])
    assert 20 * known.sum() < np.isfinite(after).sum() < 25_000
    # each filled vertex has the value of the voxel nearest to it
    sphere = load_surface("lh").sphere
    for vertex in np.flatnonzero(np.isfinite(after) & ~known)[::997]:
        nearest = np.flatnonzero(known)[np.linalg.norm(sphere[known] - sphere[vertex], axis=1).argmin()]
        assert after[vertex] == before[nearest]
    assert filled.masks()["lh"].mask("PPA").sum() > 20 * exact.masks()["lh"].mask("PPA").sum()


def test_dense_voxels_are_left_as_they_are() -> None:
    """A patch of cortex with a voxel at every vertex, as the Algonauts release has it."""
    patch = np.flatnonzero(load_surface("lh").sphere[:, 1] < -70)
    responses = np.ones((1, len(patch)))
    dataset = BrainDataset.build("dense", ["a"], responses, hemisphere="lh", fsaverage_vertex=patch)
    assert np.isfinite(VoxelMap(dataset)(np.ones(len(patch)))["lh"]).sum() == len(patch)


@pytest.mark.quick
def test_people_who_share_a_vertex_are_averaged() -> None:
    vertex = np.array([5, 5, 6, -1])
    dataset = BrainDataset.build("two", ["a"], np.ones((1, 4)), hemisphere=["lh"] * 4, fsaverage_vertex=vertex)
    left = to_fsaverage(dataset, [1.0, 3.0, np.nan, 9.0])["lh"]
    assert left[5] == 2
    assert np.isfinite(left).sum() == 1


@pytest.mark.quick
def test_values_of_regions() -> None:
    table = RoiTable({"V1": [True, True, False], "V2": [False, True, False]})
    painted = roi_values_to_fsaverage({"V1": 1.0, "V2": 3.0, "FFA": 7.0}, {"lh": table})["lh"]
    assert painted[:2].tolist() == [1, 2]
    assert np.isnan(painted[2])


@pytest.mark.quick
def test_data_without_vertices_are_refused() -> None:
    dataset = BrainDataset.build("volume", ["a"], np.ones((1, 2)))
    with pytest.raises(InputError, match="volume does not say on which vertices"):
        VoxelMap(dataset)
