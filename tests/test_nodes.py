"""The node index against a spelled-out enumeration, and as a bijection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot

pytestmark = pytest.mark.quick


@st.composite
def indices(draw: st.DrawFn) -> NodeIndex:
    networks = [
        NetworkNodes(
            f"net{i}",
            tuple(sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=3)))),
            draw(st.integers(1, 4)),
            draw(st.integers(1, 4)),
            draw(st.booleans()),
        )
        for i in range(draw(st.integers(1, 3)))
    ]
    return NodeIndex(networks, draw(st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=4)))


def enumerate_nodes(index: NodeIndex) -> list[tuple[int, int, int, int, int]]:
    """(network, layer, image, row, column) of every node, by the documented order, in plain loops."""
    places = []
    for n, network in enumerate(index.networks):
        for layer in network.layers:
            for image in index.images:
                if network.class_token:
                    places.append((n, layer, image, -1, -1))
                for row in range(network.rows):
                    for column in range(network.columns):
                        places.append((n, layer, image, row, column))
    return places


@given(indices())
def test_locate_agrees_with_enumeration(index: NodeIndex) -> None:
    expected = enumerate_nodes(index)
    assert len(index) == len(expected)
    located = index.locate(np.arange(len(index)))
    assert list(zip(*(a.tolist() for a in located), strict=True)) == expected


@given(indices())
def test_node_inverts_locate(index: NodeIndex) -> None:
    for flat, (n, layer, image, row, column) in enumerate(enumerate_nodes(index)):
        name = index.networks[n].name
        if row < 0:
            assert index.class_token_node(name, layer, image) == flat
        else:
            assert index.node(name, layer, image, row=row, column=column) == flat


@given(indices())
def test_slices_partition_the_nodes(index: NodeIndex) -> None:
    stops = [0]
    for slot, nodes in index.iter_slots():
        assert nodes.start == stops[-1]
        for image in index.images:
            tokens = index.image_slice(*slot, image)
            assert nodes.start <= tokens.start < tokens.stop <= nodes.stop
            patches = index.patch_slice(*slot, image)
            grid = index.network(slot.network)
            assert patches.stop - patches.start == grid.rows * grid.columns
        stops.append(nodes.stop)
    assert stops[-1] == len(index)


@given(indices(), st.data())
def test_select_agrees_with_locate(index: NodeIndex, data: st.DataObject) -> None:
    images = data.draw(st.sets(st.sampled_from(index.images)))
    layers = data.draw(st.sets(st.integers(0, 12)))
    place = index.locate(np.arange(len(index)))
    expected = np.flatnonzero(
        np.isin(place.image, list(images)) & np.isin(place.layer, list(layers)) & (place.row >= 0)
    )
    found = index.select(images=images, layers=layers, patches_only=True)
    # Images keep the order of the index, so the order is ascending in flat numbers.
    np.testing.assert_array_equal(np.sort(found), expected)


@given(indices())
def test_round_trip_through_a_dictionary(index: NodeIndex) -> None:
    again = NodeIndex.from_dict(index.as_dict())
    assert again == index
    assert hash(again) == hash(index)


def test_subset_renumbers() -> None:
    index = NodeIndex([NetworkNodes("a", (0, 1, 2), 2, 2), NetworkNodes("b", (5,), 3, 1, False)], [4, 7])
    small = index.subset(layers=[1, 5], images=[7], class_token=False)
    assert small.slots == [Slot("a", 1), Slot("b", 5)]
    assert small.images == (7,)
    assert len(small) == 4 + 3


def test_node_at_covers_the_whole_picture() -> None:
    index = NodeIndex([NetworkNodes("a", (0,), 2, 4)], 1)
    assert index.node_at("a", 0, 0, y=0.0, x=0.0) == index.node("a", 0, 0, row=0, column=0)
    assert index.node_at("a", 0, 0, y=1.0, x=1.0) == index.node("a", 0, 0, row=1, column=3)


@given(indices())
def test_same_places_are_those_of_the_picture(index: NodeIndex) -> None:
    here = index.locate(np.arange(len(index)))
    for network in index.networks:
        for layer in network.layers:
            kept = np.flatnonzero((here.row >= 0) | network.class_token)
            found = index.same_places(np.arange(len(index)), network.name, layer)
            for node, other in zip(kept, found, strict=True):
                image = int(here.image[node])
                if here.row[node] < 0:
                    assert other == index.class_token_node(network.name, layer, image)
                else:
                    own = index.networks[here.network[node]]
                    y, x = (here.row[node] + 0.5) / own.rows, (here.column[node] + 0.5) / own.columns
                    assert other == index.node_at(network.name, layer, image, y=y, x=x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i: i.node("c", 0, 0, row=0, column=0), "not part of this graph"),
        (lambda i: i.node("a", 9, 0, row=0, column=0), "Layer 9"),
        (lambda i: i.node("a", 0, 9, row=0, column=0), "Image 9"),
        (lambda i: i.node("a", 0, 0, row=2, column=0), "outside the 2 × 2"),
        (lambda i: i.locate([len(i)]), "Node numbers"),
        (lambda i: NodeIndex([i.networks[0], i.networks[0]], 1), "different names"),
        (lambda i: NetworkNodes("a", (1, 0), 1, 1), "ascending"),
    ],
)
def test_mistakes_are_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call(NodeIndex([NetworkNodes("a", (0,), 2, 2)], 1))
