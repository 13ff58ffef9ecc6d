"""Selections spread over slots, and the activation of figure and ground by hand."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.concepts import group_activation, labels_of_selections, nodes_of
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick

INDEX = NodeIndex([NetworkNodes("fine", (0, 2), 4, 4, True), NetworkNodes("coarse", (1,), 2, 2, False)], [5, 9])


def test_selections_spread_over_every_slot() -> None:
    figure = [INDEX.node("fine", 2, 9, row=3, column=3), INDEX.node("coarse", 1, 9, row=0, column=0)]
    ground = [INDEX.node("fine", 0, 9, row=0, column=3), INDEX.class_token_node("fine", 0, 5)]
    labels = labels_of_selections(INDEX, figure, ground)
    for layer in (0, 2):
        assert labels[INDEX.patch_slice("fine", layer, 9)].reshape(4, 4).tolist() == [
            [1, 1, -1, 0],
            [1, 1, -1, -1],
            [-1, -1, -1, -1],
            [-1, -1, -1, 1],
        ]
        assert (labels[INDEX.patch_slice("fine", layer, 5)] == -1).all()
        assert labels[INDEX.class_token_node("fine", layer, 9)] == -1
    # A coarse token's centre is the corner of four fine ones; it counts as in the one after it.
    assert labels[INDEX.patch_slice("coarse", 1, 9)].tolist() == [1, -1, -1, 1]
    assert nodes_of(labels, INDEX, 0).tolist() == [INDEX.node("fine", n, 9, row=0, column=3) for n in (0, 2)]
    assert set(nodes_of(labels, INDEX, 1, network="fine", layer=2)) <= set(
        range(*INDEX.slot_slice("fine", 2).indices(99))
    )


def test_what_is_both_is_neither() -> None:
    both = INDEX.node("fine", 0, 5, row=1, column=1)
    labels = labels_of_selections(INDEX, [both, both + 1], [both])
    assert labels[both] == -1
    assert labels[both + 1] == 1
    with pytest.raises(InputError, match="ground has no patch"):
        labels_of_selections(INDEX, [both], [INDEX.class_token_node("fine", 0, 5)])


def test_activation_of_a_worked_example() -> None:
    values = np.array([[1, 0], [3, 0], [5, 2], [9, 9], [7, 2]], np.float16)
    found = group_activation(values, [1, 1, 0, -1, 0], [0, 0, 0, 1, 1])
    np.testing.assert_allclose(found.figure, [2, 0])
    np.testing.assert_allclose(found.ground, [6, 2])
    np.testing.assert_allclose(found.difference, [-4, -2])
    assert (found.n_figure, found.n_ground) == (2, 2)


def test_intervals_hold_the_truth_and_count_pictures(rng: np.random.Generator) -> None:
    images = np.repeat(np.arange(60), 40)
    labels = rng.integers(0, 2, len(images))
    of_picture = rng.normal(0, 1, (60, 3))  # shared by both groups: a difference is surer than either mean
    values = of_picture[images] + rng.normal(0, 0.5, (len(images), 3)) + np.outer(labels, [0.3, 0.0, -0.3])
    found = group_activation(values, labels, images)
    assert found.differs.tolist() == [True, False, True]
    for interval, mean in ((found.figure_interval, found.figure), (found.ground_interval, found.ground)):
        assert (interval[0] <= mean).all()
        assert (mean <= interval[1]).all()
    wide = found.figure_interval[1] - found.figure_interval[0]
    np.testing.assert_allclose(wide, 2 * 1.96 * of_picture.std(axis=0) / np.sqrt(60), rtol=0.25)
    assert (found.difference_interval[1] - found.difference_interval[0] < wide / 2).all()
    low, high = found.difference_interval
    assert (low[[0, 2]] < [0.3, -0.3]).all()
    assert (high[[0, 2]] > [0.3, -0.3]).all()
    with pytest.raises(InputError, match="at least one node"):
        group_activation(values, np.ones(len(values)), images)
    with pytest.raises(InputError, match="same nodes"):
        group_activation(values, labels[1:], images)
