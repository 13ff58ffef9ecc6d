"""The readout that travels beside brain-guided maps, and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment
from alignedcut_viewer.brain import BrainDataset, RoiTable, VoxelMap
from alignedcut_viewer.errors import AlignmentError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

N_VOXELS, N_CHANNELS = 21, 5


@pytest.fixture
def dataset(rng: np.random.Generator) -> BrainDataset:
    labels = np.array(["V1v", "V1d", "FFA-1", "", "V1v;EBA"])[rng.integers(5, size=N_VOXELS)]
    labels[:3] = ["V1v", "V1d", "FFA-1"]
    return BrainDataset.build(
        "somebody",
        [f"{i}.png" for i in range(4)],
        rng.standard_normal((4, N_VOXELS)).astype(np.float32),
        rois=RoiTable.from_labels(labels),
        hemisphere=np.array(["lh", "rh", ""])[rng.integers(3, size=N_VOXELS)],
        fsaverage_vertex=rng.choice(163_842, N_VOXELS, replace=False),
        noise_ceiling=rng.uniform(0, 60, N_VOXELS).astype(np.float32),
        simulated=True,
    )


@pytest.fixture
def beta(rng: np.random.Generator) -> np.ndarray:
    # Units of responses that half precision could not hold by itself.
    units = 10.0 ** rng.integers(-7, 7, N_VOXELS)
    return (rng.standard_normal((N_CHANNELS, N_VOXELS)) * units).astype(np.float32)


@pytest.fixture
def alignment(beta: np.ndarray, dataset: BrainDataset, rng: np.random.Generator) -> ChannelAlignment:
    intercept = rng.standard_normal(N_VOXELS)
    readout = BrainReadout.of(beta, dataset, intercept=intercept, scores={"V1": {"r2": 0.25}})
    slots = (Slot("a", 0), Slot("a", 1))
    return ChannelAlignment(
        {slot: rng.standard_normal((3, N_CHANNELS)) for slot in slots}, kind="brain", simulated=True, readout=readout
    )


def test_regions_are_those_of_the_paper_with_their_means(beta: np.ndarray, dataset: BrainDataset) -> None:
    readout = BrainReadout.of(beta, dataset)
    assert readout.roi_names[0] == "V1"
    assert "FFA" in readout.roi_names
    mask = dataset.rois.mask("V1v") | dataset.rois.mask("V1d")
    np.testing.assert_allclose(readout.roi_beta[0], beta[:, mask].mean(axis=1), rtol=1e-5)
    assert readout.roi_voxels[0] == mask.sum()
    assert readout.title == "somebody (simulated)"
    np.testing.assert_allclose(readout.roi_activations(np.eye(N_CHANNELS)), readout.roi_beta.T, rtol=1e-6)


def test_the_file_gives_brain_space_and_cortex_back(alignment: ChannelAlignment, tmp_path: Path) -> None:
    loaded = ChannelAlignment.load(alignment.save(tmp_path / "a.safetensors"))
    before, after = alignment.readout, loaded.readout
    assert before is not None
    assert after is not None
    assert loaded.simulated
    assert (after.roi_names, after.n_voxels, after.scores) == (before.roi_names, before.n_voxels, before.scores)
    assert after.dataset == before.dataset
    assert after.simulated
    largest = np.abs(before.beta).max(axis=0)
    np.testing.assert_allclose(after.beta / largest, before.beta / largest, atol=1e-3)
    np.testing.assert_array_equal(after.roi_beta, before.roi_beta)
    np.testing.assert_array_equal(after.hemisphere, before.hemisphere)
    space = after.space()
    for name in before.roi_names:
        np.testing.assert_array_equal(space.rois.mask(name), before.rois.mask(name))
    np.testing.assert_array_equal(space.intercept, before.intercept)
    np.testing.assert_array_equal(after.voxel_table().noise_ceiling, before.noise_ceiling)
    values = np.arange(N_VOXELS, dtype=np.float32)
    first = VoxelMap(before.voxel_table(), fill=0)(values)
    second = VoxelMap(after.voxel_table(), fill=0)(values)
    for side in ("lh", "rh"):
        here = (before.hemisphere == side).nonzero()[0]
        np.testing.assert_array_equal(first[side], second[side])
        np.testing.assert_array_equal(second[side][before.fsaverage_vertex[here]], values[here])


def test_regions_alone_make_a_small_brain_space(beta: np.ndarray, dataset: BrainDataset, tmp_path: Path) -> None:
    readout = BrainReadout.of(beta, dataset, voxels=False)
    alignment = ChannelAlignment({Slot("a", 0): np.eye(N_CHANNELS)}, kind="brain", readout=readout)
    loaded = ChannelAlignment.load(alignment.save(tmp_path / "a.safetensors")).readout
    assert loaded is not None
    assert loaded.beta is None
    features = np.random.default_rng(1).standard_normal((30, N_CHANNELS)).astype(np.float32)
    whole = BrainReadout.of(beta, dataset).space().summarise(features)
    np.testing.assert_allclose(loaded.space().summarise(features).mean, whole.mean, rtol=1e-3)
    with pytest.raises(AlignmentError, match="regions only"):
        loaded.voxel_table()


def test_no_regions_at_all(beta: np.ndarray, tmp_path: Path) -> None:
    dataset = BrainDataset.build("plain", ["a.png"], np.zeros((1, N_VOXELS), np.float32))
    readout = BrainReadout.of(beta, dataset)
    alignment = ChannelAlignment({Slot("a", 0): np.eye(N_CHANNELS)}, readout=readout)
    loaded = ChannelAlignment.load(alignment.save(tmp_path / "a.safetensors")).readout
    assert loaded is not None
    assert loaded.space().n_voxels == N_VOXELS


def test_readout_stays_with_some_of_the_slots(alignment: ChannelAlignment) -> None:
    part = alignment.subset([("a", 1)])
    assert part.readout is alignment.readout
    renamed = alignment.renamed({Slot("mine", 7): Slot("a", 0)})
    assert renamed.slots == (Slot("mine", 7),)
    assert renamed.simulated
    np.testing.assert_array_equal(renamed.matrix(("mine", 7)), alignment.matrix(("a", 0)))


def test_parts_that_do_not_fit_are_named(alignment: ChannelAlignment, beta: np.ndarray, dataset: BrainDataset) -> None:
    with pytest.raises(AlignmentError, match="21 voxels"):
        BrainReadout.of(beta[:, :-1], dataset)
    with pytest.raises(AlignmentError, match="5 channels; the maps lead to 3"):
        replace(alignment, matrices={Slot("a", 0): np.eye(3)}, offsets={})
    broken = beta.copy()
    broken[0, 0] = np.nan
    with pytest.raises(AlignmentError, match="NaN"):
        BrainReadout.of(broken, dataset)
    assert alignment.readout is not None
    with pytest.raises(AlignmentError, match="intercept is for 3 voxels"):
        replace(alignment.readout, intercept=np.zeros(3, np.float32))
