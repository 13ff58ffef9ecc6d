"""Grids of different sizes, brought to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.concepts import path_nodes
from alignedcut_viewer.concepts.places import area_weights, common_grid, nearest_patches, on_grid
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick

INDEX = NodeIndex([NetworkNodes("fine", (0, 2), 4, 6, True), NetworkNodes("coarse", (1,), 2, 3, False)], [5, 9])


@given(st.integers(1, 40), st.integers(1, 40))
def test_area_weights_keep_means_and_straight_lines(n_from: int, n_to: int) -> None:
    weights = area_weights(n_from, n_to)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.sum(axis=0), n_to / n_from)  # every cell counts by its area
    if n_from == n_to:
        np.testing.assert_array_equal(weights, np.eye(n_from))


def test_a_finer_grid_is_averaged_by_area() -> None:
    values = np.arange(len(INDEX), dtype=np.float32)
    found = on_grid(values, INDEX, "fine", 2, 2, 3)
    patches = values[INDEX.patch_slice("fine", 2, 9)].reshape(4, 6)
    np.testing.assert_allclose(found[1].reshape(2, 3), patches.reshape(2, 2, 3, 2).mean(axis=(1, 3)))
    same = on_grid(np.stack([values, -values], axis=1), INDEX, "coarse", 1, 2, 3)
    np.testing.assert_array_equal(same[0, :, 0], values[INDEX.patch_slice("coarse", 1, 5)])
    assert common_grid(INDEX, ("fine", "coarse")) == (2, 3)


def test_nearest_patches_hold_the_centre_of_the_cell() -> None:
    assert nearest_patches(2, 3, 2, 3).tolist() == list(range(6))
    assert nearest_patches(4, 6, 2, 3).tolist() == [7, 9, 11, 19, 21, 23]
    assert nearest_patches(1, 2, 2, 2).tolist() == [0, 1, 0, 1]


def test_path_nodes_follow_one_place_through_the_layers() -> None:
    every = path_nodes(INDEX, "fine")
    assert every.shape == (2 * 24, 2)
    for column, layer in enumerate((0, 2)):
        location = INDEX.locate(every[:, column])
        assert (location.layer == layer).all()
        assert location.image.tolist() == [5] * 24 + [9] * 24
        assert (location.row * 6 + location.column).tolist() == list(range(24)) * 2
    assert np.array_equal(path_nodes(INDEX, "fine", layers=(2,))[:, 0], every[:, 1])


def test_path_nodes_of_a_selection_at_any_layer_of_any_network() -> None:
    start = INDEX.node("fine", 2, 9, row=3, column=1)
    here = path_nodes(INDEX, "fine", np.array([start, INDEX.class_token_node("fine", 0, 5)]))
    assert here.tolist() == [[INDEX.node("fine", 0, 9, row=3, column=1), start]]
    there = path_nodes(INDEX, "coarse", np.array([start, INDEX.node("fine", 0, 9, row=2, column=0)]))
    assert there.tolist() == [[INDEX.node("coarse", 1, 9, row=1, column=0)]]  # both lie in one coarse patch
    back = path_nodes(INDEX, "fine", there[:, 0], layers=(0,))
    assert back.tolist() == [[INDEX.node("fine", 0, 9, row=3, column=1)]]
    with pytest.raises(InputError, match="at least one patch"):
        path_nodes(INDEX, "fine", np.array([INDEX.class_token_node("fine", 0, 5)]))
    with pytest.raises(InputError, match="not part of this graph"):
        path_nodes(INDEX, "fine", layers=(1,))
