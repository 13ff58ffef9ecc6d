"""Bars and curves of selections as numbers, over two networks of different grids and layers."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study.brain_activation import BrainActivation
from alignedcut_viewer.viewer.brain import roi_values as brain_values
from alignedcut_viewer.viewer.brain.roi_values import (
    corresponding_nodes,
    layer_series,
    layer_table,
    network_series,
    selection_series,
    series_table,
    spans,
)
from alignedcut_viewer.viewer.concepts.details import spelled_layers

pytestmark = pytest.mark.quick

INDEX = NodeIndex(
    [NetworkNodes("a", (0, 2, 5), 4, 4), NetworkNodes("b", (0, 1, 2, 3), 2, 2, class_token=False)], [3, 8]
)
COLOURS = {"figure": "#E69F00", "ground": "#56B4E9"}
NONE = np.empty(0, dtype=np.int64)


@pytest.fixture(scope="module")
def activation() -> BrainActivation:
    table = np.random.default_rng(0).standard_normal((len(INDEX), 3)).astype(np.float32)
    description = {"rois": ["V1", "FFA", "mystery"], "source": "made up", "simulated": True}
    arrays = {"table": table, "roi_voxels": np.array([5, 6, 7]), "slot_offsets": np.zeros((7, 3), np.float32)}
    return BrainActivation(description, arrays, INDEX, {})


def node(network: str, layer: int, image: int, row: int, column: int) -> int:
    return INDEX.node(network, layer, image, row=row, column=column)


def test_selections_are_their_means_and_spreads(activation: BrainActivation) -> None:
    nodes = np.array([1, 5, 9])
    (one,) = selection_series(activation, {"figure": NONE, "ground": nodes}, COLOURS)
    assert (one.label, one.colour, one.counts) == ("ground", "#56B4E9", (3,))
    np.testing.assert_allclose(one.means, activation.table[nodes].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(one.spreads, activation.table[nodes].std(axis=0), rtol=1e-5)
    (less,) = selection_series(activation, {"ground": nodes}, COLOURS, about="all")
    np.testing.assert_allclose(less.means, one.means - activation.table.mean(axis=0), atol=1e-6)
    assert spans([one]) == pytest.approx(float((np.abs(one.means) + one.spreads).max()))


def test_places_correspond_across_networks_as_deep_and_under_the_same_part_of_the_picture() -> None:
    # layer 5 is the last of a, layer 3 the last of b; layer 2 is in both
    chosen = np.array([node("a", 5, 8, 0, 0), node("a", 5, 8, 1, 1), node("a", 2, 3, 3, 2)])
    expected = {node("b", 3, 8, 0, 0), node("b", 2, 3, 1, 1)}
    assert set(corresponding_nodes(INDEX, chosen, "b")) == expected
    np.testing.assert_array_equal(corresponding_nodes(INDEX, chosen, "a"), np.sort(chosen))
    back = corresponding_nodes(INDEX, np.array([node("b", 1, 3, 1, 0)]), "a")
    assert [int(layer) for layer in INDEX.locate(back).layer] == [2]


def test_a_class_token_has_no_place_in_a_network_without_any(activation: BrainActivation) -> None:
    chosen = np.array([INDEX.class_token_node("a", 2, 3)])
    assert not len(corresponding_nodes(INDEX, chosen, "b"))
    assert [one.network for one in network_series(activation, "figure", chosen, ["#000000"])] == ["a"]
    assert [one.network for one in layer_series(activation, {"figure": chosen}, COLOURS)] == ["a"]


def test_curves_follow_places_through_every_network(activation: BrainActivation) -> None:
    chosen = np.array([node("a", 2, 3, 0, 0), node("a", 2, 3, 3, 3)])
    first, second = layer_series(activation, {"figure": chosen, "ground": NONE}, COLOURS)
    assert (first.layers, second.layers) == ((0, 2, 5), (0, 1, 2, 3))
    assert (first.dashed, second.dashed) == (False, True)
    there = [node("b", 1, 3, 0, 0), node("b", 1, 3, 1, 1)]
    np.testing.assert_allclose(second.means[1], activation.table[there].mean(axis=0), rtol=1e-5)
    header, rows = layer_table(activation, [first, second], "activation")
    found = list(rows)
    assert len(found) == (3 + 4) * 3
    assert {len(row) for row in found} == {len(header)}
    assert {row[header.index("simulated")] for row in found} == {"true"}


def test_large_selections_are_followed_by_some_of_their_places(
    activation: BrainActivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brain_values, "MOST_PLACES", 4)
    chosen = INDEX.select(networks=["a"], layers=[0], images=[3], patches_only=True)
    one = layer_series(activation, {"figure": chosen}, COLOURS)[0]
    assert one.counts == (4, 4, 4)


def test_tables_of_bars_name_network_region_and_unit(activation: BrainActivation) -> None:
    series = network_series(activation, "figure", np.array([node("a", 5, 8, 0, 0)]), ["#000000", "#111111"])
    header, rows = series_table(activation, series, "activation")
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["network"], row["region"]) for row in found] == [
        (network, region) for network in "ab" for region in ("V1", "FFA", "mystery")
    ]
    assert found[0]["mean"] == series[0].means[0]


def test_layers_in_words() -> None:
    assert spelled_layers([4]) == "layer 4"
    assert spelled_layers([0, 1, 2, 5, 7, 8]) == "layers 0–2, 5, 7–8"
