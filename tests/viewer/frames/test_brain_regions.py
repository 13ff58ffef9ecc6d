"""Which region each token drives most, on activations that are planted."""

import numpy as np
import pytest

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study.brain_activation import BrainActivation
from alignedcut_viewer.viewer.frames.brain_regions import by_group, is_weak, region_labels, regions_in_groups

pytestmark = pytest.mark.quick

INDEX = NodeIndex([NetworkNodes("a", (0, 1), 4, 5, False)], 3)


def activation(names, table):
    arrays = {"table": table, "roi_voxels": np.full(len(names), 10), "slot_offsets": np.zeros((2, len(names)))}
    return BrainActivation({"rois": names, "source": "planted", "simulated": True}, arrays, INDEX, {})


def planted(names, winners):
    """Activation where each node drives its winner by twice as much as usual, on a scale and level of each region."""
    rng = np.random.default_rng(0)
    table = rng.normal(scale=0.1, size=(len(INDEX), len(names)))
    table[np.arange(len(INDEX)), winners] += 2
    scale = 10.0 ** np.arange(len(names))
    level = np.repeat([[5.0], [-40.0]], len(INDEX) // 2, axis=0)
    return (table * scale + level).astype(np.float32)


def test_the_region_that_a_token_drives_most_whatever_the_scale_of_the_regions():
    names = ["V1", "V2", "FFA", "PPA"]
    winners = np.random.default_rng(1).integers(0, 4, len(INDEX))
    labels = region_labels(activation(names, planted(names, winners)), {})
    assert labels.names == ("V1", "V2", "FFA", "PPA")
    np.testing.assert_array_equal(labels.labels, winners)
    assert len(np.unique(labels.colours, axis=0)) == 4


def test_weak_regions_win_no_token():
    names = ["V1", "FFA", "PPA"]
    winners = np.random.default_rng(1).integers(0, 3, len(INDEX))
    made = activation(names, planted(names, winners))
    scores = {"V1": 0.3, "FFA": 0.01, "all": 0.1}
    assert [is_weak(name, scores) for name in names] == [False, True, False]
    labels = region_labels(made, scores)
    assert labels.names == ("V1", "PPA")
    strong = winners != 1
    np.testing.assert_array_equal(labels.labels[strong], np.where(winners == 0, 0, 1)[strong])
    assert region_labels(made, dict.fromkeys(names, 0.0)) is None


def test_a_token_below_the_mean_everywhere_belongs_to_no_region():
    table = np.ones((len(INDEX), 2), dtype=np.float32)
    table[7] = 0
    labels = region_labels(activation(["V1", "PPA"], table), {}).labels
    assert labels[7] == -1
    assert (np.delete(labels[: len(INDEX) // 2], 7) >= 0).all()


def test_coarse_streams_are_left_out_where_regions_are_known():
    names = ["V1", "EBA", "midventral"]
    made = activation(names, np.zeros((len(INDEX), 3), dtype=np.float32))
    assert regions_in_groups(made) == ("V1", "EBA")
    only = activation(["midventral"], np.zeros((len(INDEX), 1), dtype=np.float32))
    assert regions_in_groups(only) == ("midventral",)
    assert by_group(["V1", "V2", "EBA", "FBA", "PPA"]) == [["V1", "V2"], ["EBA", "FBA"], ["PPA"]]
