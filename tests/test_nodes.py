"""The node index against a spelled-out enumeration, and as a bijection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex, Slot

pytestmark = pytest.mark.quick


@st.composite
def indices(draw: st.DrawFn) -> NodeIndex:
    networks = []
    for i in range(draw(st.integers(1, 3))):
        layers = tuple(sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=3))))
        size = st.integers(1, 4)
        grids = draw(st.just(()) | st.tuples(*[st.tuples(size, size)] * len(layers)))
        networks.append(NetworkNodes(f"net{i}", layers, draw(size), draw(size), draw(st.booleans()), grids))
    return NodeIndex(networks, draw(st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=4)))


def enumerate_nodes(index: NodeIndex) -> list[tuple[int, int, int, int, int]]:
    """(network, layer, image, row, column) of every node, by the documented order, in plain loops."""
    places = []
    for n, network in enumerate(index.networks):
        for layer in network.layers:
            for image in index.images:
                if network.class_token:
                    places.append((n, layer, image, -1, -1))
                for row in range(network.grid(layer).rows):
                    for column in range(network.grid(layer).columns):
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
            grid = index.grid(*slot)
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
                    own = index.networks[here.network[node]].grid(int(here.layer[node]))
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


# -- layers of different grids -----------------------------------------------------------------------------------------


def test_layers_may_have_different_grids() -> None:
    unet = NetworkNodes("unet", (1, 4, 6), 1, 1, False, ((4, 4), (2, 2), (4, 4)))
    assert (unet.rows, unet.columns) == (4, 4)
    index = NodeIndex([NetworkNodes("vit", (0,), 3, 3), unet], [5, 8])
    assert len(index) == 2 * (10 + 16 + 4 + 16)
    assert index.grid("unet", 4).n_tokens == 4
    assert index.slot_slice("unet", 4) == slice(52, 60)
    rows, columns = index.grids_of([0, 19, 20, 52, 59, 60])
    assert rows.tolist() == columns.tolist() == [3, 3, 4, 2, 2, 4]
    assert index.node_at("unet", 4, 8, y=0.9, x=0.1) == 58
    assert index.node_at("unet", 1, 8, y=0.9, x=0.1) == 20 + 16 + 12
    with pytest.raises(InputError, match="different token grids; ask for that of one layer"):
        _ = unet.n_tokens
    with pytest.raises(InputError, match="3 layers, but 2 token grids"):
        NetworkNodes("unet", (1, 4, 6), 1, 1, False, ((4, 4), (2, 2)))


def test_same_places_on_the_grid_of_a_layer() -> None:
    index = NodeIndex([NetworkNodes("unet", (0, 1), 1, 1, False, ((4, 4), (2, 2)))], 2)
    fine = index.slot_slice("unet", 0).start + 16 + np.arange(16)
    coarse = index.slot_slice("unet", 1).start + 4
    expected = [coarse + 2 * (y // 2) + x // 2 for y in range(4) for x in range(4)]
    assert index.same_places(fine, "unet", 1).tolist() == expected
    assert index.same_places(fine, "unet", 0).tolist() == fine.tolist()


def test_equal_grids_are_no_grids_of_their_own() -> None:
    plain = NetworkNodes("vit", (0, 2), 3, 5)
    assert NetworkNodes("vit", (0, 2), 1, 1, True, ((3, 5), (3, 5))) == plain
    assert "grids" not in plain.as_dict(), "what was stored before layers could differ keeps its digest"
    mixed = NetworkNodes("unet", (0, 1, 2), 1, 1, False, ((4, 4), (2, 2), (2, 2)))
    index = NodeIndex([plain, mixed], 1).subset(networks=["unet"], layers=[1, 2])
    assert index.networks == (NetworkNodes("unet", (1, 2), 2, 2, False),)


ODD = [2.5, float("nan"), None, "3", "", b"3", [], 1j, object, np.float64(2.0), np.array([1, 2])]
"""What is no whole number, nor to be made one in silence."""


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_whole_number_is_refused(odd: Any) -> None:
    index = NodeIndex([NetworkNodes("vit", (0, 1), 2, 3)], 4)
    with pytest.raises(InputError):
        NetworkNodes("vit", (0,), odd, 3)
    with pytest.raises(InputError):
        NetworkNodes("vit", (odd,), 2, 3)
    with pytest.raises(InputError):
        NodeIndex([NetworkNodes("vit", (0,), 2, 3)], (odd,))
    for place in ((odd, 0, 0), (0, odd, 0), (0, 0, odd)):
        layer, image, row = place
        with pytest.raises(InputError):
            index.node("vit", layer, image, row=row, column=0)
    if not isinstance(odd, list | np.ndarray):
        with pytest.raises(InputError):
            index.locate(odd)
        with pytest.raises(InputError):
            NetworkNodes("vit", odd, 2, 3)
        with pytest.raises(InputError):
            NodeIndex([NetworkNodes("vit", (0,), 2, 3)], odd)


@pytest.mark.parametrize("count", [-1, True, False])
def test_a_count_of_images_is_a_number_from_zero(count: int) -> None:
    with pytest.raises(InputError, match="images must be a whole number"):
        NodeIndex([NetworkNodes("vit", (0,), 2, 3)], count)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_integers_of_numpy_are_whole_numbers(kind: type[np.integer[Any]]) -> None:
    plain = NodeIndex([NetworkNodes("vit", (0, 3), 20, 20)], 3)
    index = NodeIndex([NetworkNodes("vit", (kind(0), kind(3)), kind(20), kind(20))], kind(3))  # type: ignore[arg-type]
    assert index == plain
    assert len(index) == 2 * 3 * 401, "small types would overflow"
    assert index.node("vit", kind(3), kind(2), row=kind(19), column=kind(19)) == len(index) - 1
    assert index.locate(kind(100)) == plain.locate(100)
