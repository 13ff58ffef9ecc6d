"""Statistics behind bars against plain loops, and mean and spread of voxels against all nodes held whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.figures import FigureGround
from alignedcut_viewer.figures.concept_voxels import voxel_statistics
from alignedcut_viewer.figures.picture_statistics import figure_ground_statistics, member_interval
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.brain_activation import BrainActivation


@pytest.fixture(scope="module")
def brain(brain_study: Path) -> BrainActivation:
    return pipeline.brain_activation(Study.open(brain_study))


def split(brain: BrainActivation, share: float = 0.5) -> FigureGround:
    """Figure and ground by chance; the first picture has no figure."""
    labels = (np.random.default_rng(0).random(len(brain)) < share).astype(np.int8)
    place = brain.index.locate(np.arange(len(brain)))
    labels[place.row < 0] = -1
    labels[(place.image == brain.index.images[0]) & (labels == 1)] = 0
    return FigureGround(labels, "by chance")


def test_means_and_differences_are_those_of_plain_loops(brain: BrainActivation) -> None:
    known, index = split(brain), brain.index
    found = figure_ground_statistics(brain, known, ["PPA", "V1"], about="zero")
    assert list(found) == [network.name for network in index.networks]
    table = brain.rows(np.arange(len(brain)))[:, [brain.names.index("PPA"), brain.names.index("V1")]]
    for name, one in found.items():
        assert one.n_pictures == len(index.images) - 1
        for at, layer in enumerate(one.layers):
            differences = []
            for image in index.images[1:]:
                part = index.patch_slice(name, layer, image)
                values, labels = table[part.start : part.stop], known.labels[part]
                differences.append(values[labels == 1].mean(axis=0) - values[labels == 0].mean(axis=0))
            np.testing.assert_allclose(one.difference[at], np.mean(differences, axis=0), atol=1e-4)
            nodes = known.nodes(index, 1, network=name, layer=layer)
            np.testing.assert_allclose(one.means[at, 0], table[nodes].mean(axis=0), atol=1e-4)
            assert (one.ends.low[at, 0] <= one.means[at, 0]).all()
            assert (one.means[at, 0] <= one.ends.high[at, 0]).all()
        assert (one.q_values >= one.p_values - 1e-12).all()


def test_a_figure_by_chance_is_not_significant(brain: BrainActivation) -> None:
    found = figure_ground_statistics(brain, split(brain), list(brain.names), about="layer")
    assert min(one.q_values.min() for one in found.values()) > 0.05
    with pytest.raises(InputError, match="No token of"):
        figure_ground_statistics(brain, FigureGround(np.zeros(len(brain), np.int8), ""), ["V1"], about="zero")


def test_voxels_have_mean_and_spread_over_all_nodes(brain: BrainActivation) -> None:
    nodes = np.random.default_rng(1).choice(len(brain), 300, replace=False)
    for about in ("zero", "layer", "all"):
        mean, std = voxel_statistics(brain, nodes, about=about)  # type: ignore[arg-type]
        whole = brain.aligned(nodes, about=about) @ brain.beta  # type: ignore[arg-type]
        np.testing.assert_allclose(mean, whole.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(std, whole.std(axis=0), atol=1e-3)
        np.testing.assert_allclose(mean, brain.voxels(nodes, about=about), atol=1e-3)  # type: ignore[arg-type]
    assert brain.hemisphere is not None
    assert set(brain.hemisphere) == {"lh", "rh"}


def test_the_interval_of_members_narrows_with_pictures(brain: BrainActivation) -> None:
    index = brain.index
    network = index.networks[0]
    every = index.select(networks=[network.name], layers=[network.layers[0]], patches_only=True)
    column = [brain.names.index("V1")]
    low, high = member_interval(brain, every, column, about="zero")
    assert low[0] <= brain.rows(every)[:, column].mean() <= high[0]
    one = every[index.locate(every).image == index.images[0]]
    assert np.isnan(member_interval(brain, one, column, about="zero").low).all()
