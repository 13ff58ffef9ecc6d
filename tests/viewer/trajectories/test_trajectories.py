"""What of the map is shown, in which colours, and where pixels are on their way; without a window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study.concept_set import Concept
from alignedcut_viewer.viewer.frames.node_crops import NodeCrops
from alignedcut_viewer.viewer.points.contours import density_contours
from alignedcut_viewer.viewer.points.grid import PointGrid, Viewport
from alignedcut_viewer.viewer.points.raster import PointRaster
from alignedcut_viewer.viewer.state.node_labels import NodeLabels
from alignedcut_viewer.viewer.state.node_values import NodeValues
from alignedcut_viewer.viewer.trajectories.colours import COLOUR_BY, colours_of_nodes, layer_ramp, legend_of
from alignedcut_viewer.viewer.trajectories.export import HEADER, map_figure, map_rows
from alignedcut_viewer.viewer.trajectories.labels import Label, labels_of
from alignedcut_viewer.viewer.trajectories.paths import (
    MOST_PATHS,
    MapChoice,
    all_paths,
    moving_points,
    paths_of_selections,
    shown_nodes,
)
from alignedcut_viewer.viewer.trajectories.source import scattered
from alignedcut_viewer.viewer.trajectories.strands import strands_of

pytestmark = pytest.mark.quick

INDEX = NodeIndex([NetworkNodes("a", (0, 1, 2), 2, 3), NetworkNodes("b", (1, 5), 2, 2, False)], (4, 7))
MAP = np.random.default_rng(0).normal(size=(len(INDEX), 2)).astype(np.float32)


class Cut:
    """What the map wants to know of a cut."""

    index = INDEX
    rgb = np.random.default_rng(1).integers(0, 256, (len(INDEX), 3), dtype=np.uint8)
    concepts = None


def luminance(colours):
    return colours.astype(float) @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("position", range(8))
def test_layers_go_from_dark_to_bright(position, dark):
    steps = luminance(layer_ramp(position, 12, dark))
    assert (np.diff(steps) > 0).all()
    assert steps[-1] - steps[0] > 70
    ground = 38 if dark else 232
    assert (np.abs(steps - ground) > 10).mean() > 0.7


def test_colours_by_layer_network_and_value():
    cut = Cut()
    by_layer = colours_of_nodes(cut, "layer")
    for slot, part in INDEX.iter_slots():
        assert len(np.unique(by_layer[part], axis=0)) == 1, slot
    assert len(np.unique(by_layer, axis=0)) == 5
    assert len(np.unique(colours_of_nodes(cut, "network"), axis=0)) == 2
    np.testing.assert_array_equal(colours_of_nodes(cut, "alignedcut"), cut.rgb)
    values = np.linspace(-1, 1, len(INDEX), dtype=np.float32)
    values[3] = np.nan
    colours = colours_of_nodes(cut, "values", values=NodeValues(values, "v", signed=True)).astype(int)
    assert colours[0, 2] > colours[0, 0]
    assert colours[-1, 0] > colours[-1, 2]
    np.testing.assert_array_equal(colours[3], (128, 128, 128))
    for by in COLOUR_BY:
        assert legend_of(cut, by, ["a", "b"])
    assert [row.title for row in legend_of(cut, "layer", ["b"])] == ["b"]


def test_colours_by_concept():
    def concept(number, members, colour):
        return Concept(number, f"c{number}", members[0], np.array(members), colour, 1.0, False, (number,))

    class WithConcepts(Cut):
        concepts = (concept(0, [3, 4], (255, 0, 0)), concept(1, [1, 2, 3, 5], (0, 0, 255)))

    colours = colours_of_nodes(WithConcepts(), "concept")
    np.testing.assert_array_equal(colours[[3, 4]], [(255, 0, 0)] * 2, "the smaller of two that share a token is seen")
    np.testing.assert_array_equal(colours[[1, 2, 5]], [(0, 0, 255)] * 3)
    np.testing.assert_array_equal(colours[6:], np.full((len(INDEX) - 6, 3), 128))
    rows = legend_of(WithConcepts(), "concept", ["a"])
    assert [row.title for row in rows] == ["c1", "c0", "none"]
    assert "discover" in legend_of(Cut(), "concept", ["a"])[0].title


def test_colours_by_region():
    labels = np.arange(len(INDEX)) % 4 - 1
    regions = NodeLabels(labels, ("V1", "V2", "FFA"), [(9, 9, 9), (50, 50, 50), (200, 0, 0)], "regions")
    colours = colours_of_nodes(Cut(), "region", regions=regions)
    np.testing.assert_array_equal(colours[:4], [(128, 128, 128), (9, 9, 9), (50, 50, 50), (200, 0, 0)])
    rows = legend_of(Cut(), "region", ["a"], regions=regions)
    assert [row.title for row in rows] == ["V1 · V2", "FFA", "none more than its layer does"]
    np.testing.assert_array_equal(rows[0].colours, regions.colours[:2])
    assert "Brain panel" in legend_of(Cut(), "region", ["a"])[0].title
    assert (colours_of_nodes(Cut(), "region") == 128).all()


def test_labels_stand_at_tokens_that_are_seen_with_a_crop_of_each():
    class Files:
        def load(self, position, at_least):
            picture = np.zeros((40, 60, 3), dtype=np.uint8)
            picture[:, 30:] = (200, 10, 10)
            return picture

    pictures = type("Pictures", (), {"files": Files(), "names": ("one", "two")})()
    left, right = (INDEX.node("a", 1, 4, row=1, column=column) for column in (0, 2))
    members = np.sort(np.append(INDEX.select(networks=["b"]), [left]))
    concepts = [
        Concept(0, "everywhere", int(members[0]), members, (1, 2, 3), 1.0, False, (0,)),
        Concept(1, "right", right, np.array([right]), (4, 5, 6), 1.0, False, (1,)),
        Concept(2, "elsewhere", 0, np.array([0]), (7, 8, 9), 1.0, False, (2,)),
    ]
    crops = NodeCrops(pictures, INDEX)
    seen = np.zeros(len(INDEX), dtype=bool)
    seen[[left, right]] = True
    labels = labels_of(concepts, MAP, seen, crops)
    assert [(label.name, label.node, label.count) for label in labels] == [("everywhere", left, 1), ("right", right, 1)]
    assert labels[0].crop[:, :8].max() == 0
    assert (labels[1].crop[:, -8:, 0] == 200).all()
    seen[:] = True
    (first, *_) = labels_of(concepts, MAP, seen, crops)
    assert (first.name, first.count) == ("everywhere", len(members))
    apart = np.linalg.norm(MAP[members] - np.median(MAP[members], axis=0), axis=1)
    assert first.node == members[apart.argmin()]


def test_filters_hide_networks_and_layers():
    assert shown_nodes(INDEX, MapChoice()) is None
    choice = MapChoice(hidden=("b",), first_layer=1)
    np.testing.assert_array_equal(
        np.flatnonzero(shown_nodes(INDEX, choice)), INDEX.select(networks=["a"], layers=[1, 2])
    )
    assert [n.name for n in MapChoice(first_layer=3).networks(INDEX)] == ["b"]
    assert not shown_nodes(INDEX, MapChoice(first_layer=9)).any()


@given(
    st.dictionaries(
        st.sampled_from(["colour_by", "hidden", "first_layer", "paths", "other"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=3)), st.booleans()),
    )
)
def test_a_session_of_any_kind_gives_a_choice(values):
    choice = MapChoice.from_dict(values)
    assert choice.colour_by in COLOUR_BY
    assert MapChoice.from_dict(choice.as_dict()) == choice


def test_points_on_one_place_are_scattered_around_it_and_stay_nearest_to_it():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 2)).astype(np.float32)
    own = np.concatenate([np.arange(40), rng.integers(0, 30, 2000)])  # ten are alone
    drawn = scattered(centres[own])
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    np.testing.assert_array_equal(np.linalg.norm(drawn[:, None] - centres, axis=2).argmin(axis=1), own)
    np.testing.assert_array_equal(drawn[30:40], centres[30:])
    np.testing.assert_array_equal(scattered(centres[own]), drawn)
    np.testing.assert_array_equal(scattered(centres), centres)


def test_paths_stay_at_the_place_of_the_pixel():
    chosen = np.array([INDEX.node("a", 1, 7, row=1, column=2), INDEX.class_token_node("a", 0, 4)])
    (bundle,) = paths_of_selections(Cut(), MAP, {"figure": chosen, "ground": np.empty(0, np.int64)}, MapChoice())
    expected = [[INDEX.node("a", layer, 7, row=1, column=2) for layer in (0, 1, 2)]]
    np.testing.assert_array_equal(bundle.nodes, expected)
    np.testing.assert_array_equal(bundle.places, MAP[np.array(expected)])
    class_tokens = {"figure": chosen[1:]}
    assert paths_of_selections(Cut(), MAP, class_tokens, MapChoice()) == []
    assert paths_of_selections(Cut(), MAP, {"figure": chosen}, MapChoice(first_layer=2)) == []
    both = all_paths(Cut(), MAP, MapChoice())
    assert [(b.network, b.count, len(b.layers)) for b in both] == [("a", 12, 3), ("b", 8, 2)]


def test_many_paths_are_drawn_from_evenly_and_stood_for_by_some_of_them():
    index = NodeIndex([NetworkNodes("a", (0, 1), 100, 100, False)], 1)
    rng = np.random.default_rng(0)
    # Three quarters of the tokens go right, one quarter up; nothing lies between.
    at = rng.normal(scale=0.2, size=(2, 10_000, 2))
    at[1] += np.where((np.arange(10_000) % 4 == 0)[:, None], (0, 10), (10, 0))
    places = at.reshape(-1, 2).astype(np.float32)
    cut = type("Cut", (), {"index": index})()
    (bundle,) = paths_of_selections(cut, places, {"ground": np.arange(10_000)}, MapChoice())
    assert (len(bundle.places), bundle.count) == (MOST_PATHS, 10_000)
    assert [strand.share for strand in bundle.strands] == pytest.approx([0.75, 0.25], abs=0.08)
    ends = np.array([bundle.places[strand.position, 1] for strand in bundle.strands])
    np.testing.assert_allclose(ends, [(10, 0), (0, 10)], atol=0.3)
    (alone,) = strands_of(bundle.places[:1])
    assert (alone.position, alone.share) == (0, 1.0)
    same = np.zeros((50, 3, 2), dtype=np.float32)
    assert len(strands_of(same)) == 1, "equal paths need one"


def test_contours_lie_where_the_density_falls():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(50_000, 2)).astype(np.float32)
    places[40_000:, 0] += 12
    half = density_contours(places, shares=(0.5,))
    around = [line for line in half if np.abs(line.mean(axis=0)).max() < 1]
    assert around, "around the large group"
    radius = np.linalg.norm(around[0], axis=1)
    # Half of all is 5 of 8 of the large group while the small one is thinner: a circle of radius 1.4.
    assert 1.1 < radius.mean() < 1.7
    assert radius.std() < 0.2
    outer = density_contours(places, shares=(0.95,))
    assert any(line.mean(axis=0)[0] > 10 for line in outer), "and around the small one"
    assert density_contours(places[:1]) == []
    assert density_contours(np.zeros((9, 2), dtype=np.float32)) == []


def test_what_is_out_of_reach_is_drawn_but_not_found():
    grid = PointGrid(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    square = [(-1, -1), (3, -1), (3, 1), (-1, 1)]
    grid.reach(np.array([False, True, True]))
    assert grid.nearest(0, 0, 5) == 1
    assert grid.inside(square).tolist() == [1, 2]
    assert grid.brush(0, 0, 1.5, np.zeros(3, dtype=bool)) == 1
    assert grid.shown.all()
    grid.show(np.array([True, True, False]))
    assert grid.inside(square).tolist() == [0, 1]
    grid.reach(np.array([False, True, True]))
    assert grid.inside(square).tolist() == [1]
    grid.reach(None)
    assert grid.inside(square).tolist() == [0, 1]


def test_pixels_move_in_straight_lines_between_layers():
    nodes, places = moving_points(INDEX, MAP, MapChoice(), 1.0)
    np.testing.assert_array_equal(nodes, INDEX.select(layers=[1]))
    np.testing.assert_array_equal(places, MAP[nodes])
    nodes, places = moving_points(INDEX, MAP, MapChoice(hidden=("a",)), 2.0)
    there = MAP[INDEX.slot_slice("b", 5)]
    np.testing.assert_allclose(places, MAP[nodes] + 0.25 * (there - MAP[nodes]), atol=1e-6)
    assert not len(moving_points(INDEX, MAP, MapChoice(hidden=("a",)), 0.5)[0])


def test_print_and_table_hold_what_is_seen():
    cut, grid = Cut(), PointGrid(MAP)
    chosen = {"figure": np.array([INDEX.node("a", 1, 7, row=1, column=2)]), "ground": np.empty(0, np.int64)}
    bundles = paths_of_selections(cut, MAP, chosen, MapChoice())
    view = Viewport.around(grid.bounds, 300, 200)
    label = Label("ears", (200, 0, 0), 3, 12, np.zeros((16, 16, 3), dtype=np.uint8))
    contour = np.array([(0, 0), (1, 0), (1, 1)], dtype=np.float32)
    figure = map_figure(
        PointRaster(grid),
        cut,
        MapChoice("layer"),
        view,
        (200, 300),
        chosen,
        bundles,
        contours=[contour],
        labels=[label],
    )
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.get_xlim(), (view.left, view.left + 300 / view.scale))
    for wanted in (bundles[0].places[0], contour):
        assert any(np.array_equal(line.get_xydata(), wanted) for line in axes.lines)
    (name,) = (text for text in axes.texts if text.get_text() == "ears")
    np.testing.assert_allclose(name.xy, MAP[3])
    assert {text.get_text() for text in figure.texts} >= {"a", "b", "layer 0", "figure: 1 token"}
    rows = list(map_rows(cut, ("one", "two"), MAP, shown_nodes(INDEX, MapChoice(hidden=("b",))), chosen))
    assert len(rows) == INDEX.slot_slice("a", 2).stop
    row = dict(zip(HEADER, rows[chosen["figure"][0]], strict=True))
    assert row == {
        "node": int(chosen["figure"][0]), "network": "a", "layer": 1, "image": 7, "picture": "two",
        "row": 1, "column": 2,
        "x": float(MAP[chosen["figure"][0], 0]), "y": float(MAP[chosen["figure"][0], 1]), "selection": "figure",
    }  # fmt: skip
    assert rows[0][5:7] == (None, None)
