import numpy as np
import pytest

from alignedcut_viewer.concepts import best_per_image
from alignedcut_viewer.images.crops import token_crop
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot, TokenGrid
from alignedcut_viewer.viewer.frames.ranking import count_nodes, rank_by_selection, rank_pictures
from alignedcut_viewer.viewer.state.node_values import NodeValues

pytestmark = pytest.mark.quick

INDEX = NodeIndex([NetworkNodes("a", (2, 5), 4, 4), NetworkNodes("b", (1, 2, 3), 2, 2, class_token=False)], (3, 8, 9))
NONE = np.empty(0, dtype=np.int64)


def values_of(seed=0):
    numbers = np.random.default_rng(seed).random(len(INDEX)).astype(np.float32)
    numbers[INDEX.slot_slice("b", 1)] = np.nan
    return numbers


@pytest.mark.parametrize("slots", [None, [Slot("a", 5)], [Slot("b", 2)]])
def test_pictures_are_ranked_by_their_best_patch(slots):
    numbers = values_of()
    found = rank_pictures(INDEX, NodeValues(numbers, "numbers"), NONE, 0.9, slots)
    where = {} if slots is None else {"networks": (slots[0].network,), "layers": (slots[0].layer,)}
    truth = best_per_image(np.nan_to_num(numbers, nan=-1), INDEX, **where)
    np.testing.assert_array_equal(found.nodes, truth.nodes)
    np.testing.assert_array_equal(found.values, truth.similarity)
    assert [INDEX.images[position] for position in found.positions] == truth.images.tolist()
    reached = np.flatnonzero(numbers >= np.float32(0.9))
    assert (found.found, found.found_pictures.tolist()) == (lambda c: (c[0], c[1].tolist()))(
        count_nodes(INDEX, reached)
    )


def test_a_layer_without_values_is_left_for_all_others():
    numbers = values_of()
    anywhere = rank_pictures(INDEX, NodeValues(numbers, "numbers"), NONE, 0.9)
    found = rank_pictures(INDEX, NodeValues(numbers, "numbers"), NONE, 0.9, [Slot("b", 1)])
    np.testing.assert_array_equal(found.nodes, anywhere.nodes)


def test_counts_are_those_of_the_nodes():
    nodes = np.random.default_rng(1).choice(len(INDEX), 9, replace=False)
    counts, pictures = count_nodes(INDEX, np.sort(nodes))
    place = INDEX.locate(nodes)
    assert counts.tokens == 9
    assert [INDEX.images[p] for p in pictures] == np.unique(place.image).tolist()
    assert counts.pictures == len(np.unique(place.image))
    assert counts.layers == len(np.unique(np.stack([place.network, place.layer]), axis=1).T)
    assert str(count_nodes(INDEX, nodes[:1])[0]) == "1 token in 1 picture, 1 layer"


def test_without_values_pictures_are_ranked_by_what_is_selected():
    selection = np.sort([INDEX.node("a", 2, 8, row=0, column=c) for c in range(3)])
    selection = np.sort(
        np.append(selection, [INDEX.node("b", 2, 3, row=1, column=1), INDEX.class_token_node("a", 5, 9)])
    )
    found = rank_by_selection(INDEX, selection)
    assert found.positions.tolist() == [1, 0]  # a class token lies nowhere
    assert found.values.tolist() == [3, 1]
    assert found.nodes.tolist() == [INDEX.node("a", 2, 8, row=0, column=0), INDEX.node("b", 2, 3, row=1, column=1)]
    assert found.selected.tokens == 5


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 7), (2, 4)])
def test_a_crop_marks_the_token_that_it_is_around(row, column):
    grid = TokenGrid(4, 8)
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[row * 16 : row * 16 + 16, column * 12 : column * 12 + 12] = 255
    crop, (left, top, width, height) = token_crop(picture, grid, row, column, 100, 3.0)
    inside = np.zeros((100, 100), dtype=bool)
    begin, end = (round(100 * top), round(100 * left)), (round(100 * (top + height)), round(100 * (left + width)))
    inside[begin[0] : end[0], begin[1] : end[1]] = True
    white = crop[..., 0] > 127
    assert (white == inside).mean() > 0.97
    assert white.any()
