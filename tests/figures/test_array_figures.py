"""Figures on plain arrays: what is drawn is what was given, words neither overlap nor leave the page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from alignedcut_viewer.brain import paper_rois
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.figures.beside import beside
from alignedcut_viewer.figures.brain_scores import brain_scores_from_arrays, brain_scores_table_from_arrays
from alignedcut_viewer.figures.comparison import comparison_from_arrays
from alignedcut_viewer.figures.concept_gallery import ConceptRow, concept_gallery_from_arrays, crop_around
from alignedcut_viewer.figures.concept_voxels import concept_voxels_from_arrays
from alignedcut_viewer.figures.consistency import consistency_from_arrays
from alignedcut_viewer.figures.flow import flow_from_arrays
from alignedcut_viewer.figures.layer_scores import layer_scores_from_arrays
from alignedcut_viewer.figures.pace import Pace, pace_from_arrays
from alignedcut_viewer.figures.page import COLUMN_WIDTH, FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, Page, shortened
from alignedcut_viewer.figures.provenance import made_with_simulated_data
from alignedcut_viewer.figures.roi_activation import figure_ground_activation_from_arrays, roi_activation_from_arrays
from alignedcut_viewer.figures.roi_bars import symmetric_limit
from alignedcut_viewer.figures.roi_maps import roi_maps_from_arrays
from alignedcut_viewer.figures.save import figure_pixels
from alignedcut_viewer.figures.similarity import heat_over, similarity_from_arrays
from alignedcut_viewer.figures.text import text_width
from alignedcut_viewer.figures.trajectories import NetworkPaths, trajectories_from_arrays
from alignedcut_viewer.figures.transitions import ConceptPlaces, transitions_from_arrays
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

ROIS = paper_rois()
NETWORKS = ("vit-tiny-p16-augreg", "dinov2-vit-s14-saliency", "a $costly$ network")
NOTE = "1,089,600 nodes of 200 pictures; layers aligned by hyperalignment fitted to these pictures. " * 2
RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (40, 60, 3)).astype(np.uint8) for _ in range(8)]


def layers_of(n_networks: int, n_layers: int) -> dict[str, range]:
    return {name: range(n_layers) for name in NETWORKS[:n_networks]}


def paths(n_networks: int, n_layers: int, labels: tuple[int, ...] = (0, 1)) -> list[NetworkPaths]:
    figure = np.resize(labels, 40)
    return [
        NetworkPaths(name, range(n_layers), RNG.normal(size=(40, n_layers, 2)), figure)
        for name in NETWORKS[:n_networks]
    ]


def flows(n_stages: int, n_concepts: int) -> list[np.ndarray]:
    return [RNG.integers(0, 50, (n_concepts, n_concepts)) for _ in range(n_stages - 1)]


def rows(n: int) -> list[ConceptRow]:
    return [
        ConceptRow(
            f"concept {i} with a long name that goes on",
            (200, 30 * i, 90),
            PICTURES,
            "12,345 nodes\n87 pictures",
            RNG.normal(size=12),
            np.full(12, 0.2),
            np.full((60, 200, 3), 230, dtype=np.uint8),
        )
        for i in range(n)
    ]


def colours(n: int) -> list[str]:
    return [f"C{i % 10}" for i in range(n)]


FIGURES: dict[str, Callable[[], Figure]] = {
    "bars": lambda: roi_activation_from_arrays(
        ROIS, RNG.normal(size=(2, 12)), ["figure", "ground"], spreads=np.ones((2, 12)), title="Bars " * 20, note=NOTE
    ),
    "bars, few": lambda: roi_activation_from_arrays(("EarlyVis", "LOC"), [[0.0, 0.0]], ["all"], simulated=True),
    **{
        f"figure and ground, {n} networks": lambda n=n: figure_ground_activation_from_arrays(
            ROIS,
            {name: 0.02 * RNG.normal(size=(12, 2, 12)) for name in NETWORKS[:n]},
            layers_of(n, 12),
            note=NOTE,
            simulated=True,
        )
        for n in (1, 2, 3)
    },
    "figure and ground, few": lambda: figure_ground_activation_from_arrays(
        ("EarlyVis",), {"net": np.zeros((1, 2, 1))}, {"net": (5,)}
    ),
    "scores": lambda: brain_scores_from_arrays(
        (*ROIS, "all"),
        [Slot(name, layer) for name in NETWORKS for layer in range(12)],
        RNG.random((36, 13)),
        total=dict.fromkeys(ROIS, 0.2),
        note=NOTE,
        simulated=True,
    ),
    "scores, few": lambda: brain_scores_from_arrays(("all",), [Slot("net", 3)], [[np.nan]]),
    "table": lambda: brain_scores_table_from_arrays((*ROIS[:5], "all"), (1, 0.1, 0), RNG.random((3, 6)), note=NOTE),
    "table over seeds": lambda: brain_scores_table_from_arrays(
        (*ROIS[:5], "all"), (1, 0.1, 0), RNG.random((3, 6)), spreads=RNG.random((3, 6)), simulated=True
    ),
    "table with intervals": lambda: brain_scores_table_from_arrays(
        ("V1", "all"), (1,), [[0.3, -0.2]], intervals=([[0.2, -0.3]], [[0.4, np.nan]]), note=NOTE
    ),
    "figure and ground with intervals": lambda: figure_ground_activation_from_arrays(
        ROIS,
        {NETWORKS[0]: np.zeros((3, 2, 12))},
        layers_of(1, 3),
        intervals={NETWORKS[0]: (np.full((3, 2, 12), -0.3), np.full((3, 2, 12), 0.7))},
    ),
    "voxels of concepts": lambda: concept_voxels_from_arrays(
        RNG.normal(size=(12, 400)),
        RNG.random((12, 400)),
        np.repeat(["lh", "rh"], 200),
        colours=[(20 * i, 100, 200) for i in range(12)],
        note=NOTE,
        simulated=True,
    ),
    "voxels of concepts, few": lambda: concept_voxels_from_arrays(np.zeros((1, 3)), np.zeros((1, 3))),
    "gallery": lambda: concept_gallery_from_arrays(rows(6), rois=ROIS, title="Concepts", note=NOTE, simulated=True),
    "gallery, bare": lambda: concept_gallery_from_arrays([ConceptRow("one", (0, 0, 0), [])]),
    "consistency": lambda: consistency_from_arrays(
        RNG.normal(size=(20, 1200)),
        RNG.random((20, 1200)),
        curve=(np.linspace(-2, 2, 9), np.linspace(0, 1, 9)),
        fit_words="a fit with words that take most of the column and more",
        note=NOTE,
    ),
    **{f"trajectories, {n}": lambda n=n: trajectories_from_arrays(paths(n, 12), note=NOTE) for n in (1, 3)},
    "trajectories, unlabelled": lambda: trajectories_from_arrays(paths(1, 2, (-1,))),
    **{
        f"transitions, {n}": lambda n=n: transitions_from_arrays(
            {name: RNG.dirichlet(np.ones(n), n) for name in ("all", "figure", "ground")},
            from_names=[f"concept {i}" for i in range(n)],
            to_names=[f"concept {i}" for i in range(n)],
            from_title="layer 3",
            to_title="layer 4",
            counts={"all": 123_456, "figure": 3, "ground": 0},
            note=NOTE,
        )
        for n in (1, 5, 20)
    },
    "flow": lambda: flow_from_arrays(
        {"figure": flows(12, 9), "ground": flows(12, 9)},
        stages=[f"layer {i}" for i in range(12)],
        names=[[f"concept {i}" for i in range(9)]] * 12,
        colours=[colours(9)] * 12,
        title="Flow",
        note=NOTE,
    ),
    "flow, two stages": lambda: flow_from_arrays(
        {"all": flows(2, 1)}, stages=["first", "last"], names=[["a"], ["b"]], colours=[["red"], ["blue"]]
    ),
    **{
        f"comparison, {n} networks": lambda n=n: comparison_from_arrays(
            {name: RNG.random((12 * n, 12 * n)) for name in ("linear CKA", "mutual kNN", "subspace agreement")},
            [Slot(name, layer) for name in NETWORKS[:n] for layer in range(12)],
            chance={"mutual kNN": 0.2},
            note=NOTE,
        )
        for n in (1, 2, 3)
    },
    "pace": lambda: pace_from_arrays(
        [
            Pace(name, range(12), {g: np.ones((3, 11)) for g in ("all", "figure", "ground")}, (5, 4, 6))
            for name in NETWORKS
        ],
        note=NOTE,
    ),
    "similarity": lambda: similarity_from_arrays(
        PICTURES, [[RNG.random((4, 6))] * 8] * 2, ["layer 4\nfigure", "layer 11\nground"], [(0, 0.5, 0.5), (7, 0, 1)]
    ),
    "layer scores": lambda: layer_scores_from_arrays(
        {
            task: {name: (range(24), RNG.random(24)) for name in NETWORKS}
            for task in ("figure and ground", "categories")
        },
        before={"categories": {name: (range(24), RNG.random(24)) for name in NETWORKS}},
        chance={"figure and ground": 0.3, "categories": 0.05},
        note=NOTE,
    ),
    "layer scores, one task": lambda: layer_scores_from_arrays({"figure and ground": {"net": ((0, 1), (0.1, 0.2))}}),
}


def words_of(figure: Figure) -> list[Text]:
    """All words that are seen: ticks beyond the axes' limits are not."""
    figure.draw_without_rendering()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9 or not axes.axison:
                    hidden |= {tick.label1, tick.label2}
        if not axes.axison:
            hidden |= {axes.xaxis.label, axes.yaxis.label}
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]


@pytest.mark.parametrize("name", FIGURES)
def test_words_can_be_read(name: str) -> None:
    """At least 6 points, inside the page, none over another."""
    figure = FIGURES[name]()
    assert figure.get_figwidth() <= PAGE_WIDTH + 0.01
    renderer = figure.canvas.get_renderer()
    texts = words_of(figure)
    boxes = [text.get_window_extent(renderer) for text in texts]
    for i, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        assert text.get_fontsize() >= 6, text.get_text()
        assert min(box.x0, box.y0, figure.bbox.x1 - box.x1, figure.bbox.y1 - box.y1) >= -1, text.get_text()
        for other, place in zip(texts[:i], boxes[:i], strict=True):
            overlap = min(box.x1, place.x1) - max(box.x0, place.x0), min(box.y1, place.y1) - max(box.y0, place.y0)
            assert min(overlap) <= 3, (text.get_text(), other.get_text(), overlap)


def test_users_styles_and_other_figures_are_left_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"figure.facecolor": "black", "text.color": "red", "axes.grid": True, "font.size": 30}):
        figure = FIGURES["pace"]()
    assert dict(matplotlib.rcParams) == before
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert {text.get_color() for text in words_of(figure)} <= {"black", "0.35", "#000000", FIGURE_COLOUR, GROUND_COLOUR}
    assert "a $costly$ network" in [text.get_text() for text in figure.findobj(Text)]  # a $ is no formula


@pytest.mark.parametrize("name", ["bars, few", "figure and ground, 1 networks", "scores", "gallery"])
def test_simulated_data_say_so(name: str) -> None:
    assert "simulated brain data" in [text.get_text() for text in FIGURES[name]().texts]
    assert "simulated brain data" not in [text.get_text() for text in FIGURES["bars"]().texts]


def test_bars_are_the_means_in_groups() -> None:
    values = RNG.normal(size=(2, 12))
    axes = roi_activation_from_arrays(ROIS, values, ["figure", "ground"], spreads=0.1 * abs(values)).axes[0]
    heights = np.array([bar.get_height() for bar in axes.patches]).reshape(2, 12)
    np.testing.assert_allclose(heights, values)
    places = np.array([bar.get_x() for bar in axes.patches]).reshape(2, 12)[0]
    steps = dict(zip(ROIS[1:], np.diff(places), strict=True))
    assert steps["EBA"] > steps["V2"] == pytest.approx(steps["FBA"])  # a group is set apart
    low, high = axes.get_ylim()
    assert low == -high
    assert (1.1 * np.abs(values)).max() <= high


@pytest.mark.parametrize(("value", "limit"), [(0, 1), (0.94, 1), (1.2, 1.5), (-0.023, 0.025), (9.5, 10), (np.nan, 1)])
def test_limits_are_round(value: float, limit: float) -> None:
    assert symmetric_limit([value]) == pytest.approx(limit)


def test_figure_and_ground_show_each_network_at_its_most_different_layer() -> None:
    table = np.zeros((3, 2, 12))
    table[1, 0, 0], table[1, 1, 0] = 0.5, -0.5
    figure = figure_ground_activation_from_arrays(ROIS, {"net": table}, {"net": (4, 6, 8)})
    assert "layer 6" in [text.get_text() for text in figure.texts]
    shown = {axes.get_label(): axes for axes in figure.axes}
    assert shown["net bars"].patches[0].get_height() == 0.5
    np.testing.assert_array_equal(shown["net figure"].images[0].get_array(), table[:, 0].T)
    np.testing.assert_array_equal(shown["net ground"].images[0].get_array(), table[:, 1].T)
    assert shown["net figure"].images[0].get_clim() == (-0.5, 0.5)


def test_the_best_layer_of_each_region_is_marked_once() -> None:
    slots = [Slot("a", 0), Slot("a", 1), Slot("b", 0)]
    figure = brain_scores_from_arrays(("V1", "all"), slots, [[0.1, 0.4], [0.3, 0.2], [0.2, 0.1]])
    marks = [(axes.get_label(), *line.get_xydata()[0]) for axes in figure.axes for line in axes.lines]
    assert sorted(marks) == [("a", 0, 1), ("a", 1, 0)]


def test_the_papers_table_has_its_best_in_bold() -> None:
    scores = [[0.170, 0.181, 0.295, 0.196], [0.167, 0.179, 0.294, 0.193], [0.155, 0.166, 0.296, 0.188]]
    figure = brain_scores_table_from_arrays(("V1", "V4", "EBA", "all"), (1, 0.1, 0), scores)
    bold = {text.get_text() for text in figure.texts if text.get_weight() == "bold"}
    assert {"0.170", "0.181", "0.296", "0.196"} <= bold
    assert "0.295" not in bold


def test_crops_hold_their_token_and_pale_the_rest() -> None:
    picture = np.zeros((80, 120, 3), dtype=np.uint8)
    picture[20:30, 100:110] = 255, 0, 0
    members = np.zeros((8, 12), dtype=bool)
    members[2, 10] = True
    crop = crop_around(picture, members, 2, 10, size=80)
    assert crop.shape == (80, 80, 3)
    kept = crop.min(-1) < 120
    assert kept.mean() == pytest.approx(1 / 16, abs=0.01)  # one token of 10 × 10 in a square of 40 × 40
    assert (crop[kept][:, 0] > 200).mean() > 0.7
    corner = crop_around(picture, members, 0, 0, size=80)
    assert corner.shape == (80, 80, 3)


def test_paths_go_where_the_data_go() -> None:
    places = np.zeros((2, 3, 2))
    places[0, :, 0], places[1, :, 1] = (0, 1, 2), (0, 3, 6)
    figure = trajectories_from_arrays([NetworkPaths("net", (0, 1, 2), places, np.array([1, 0]))])
    axes = figure.axes[2]
    means = {line.get_color(): line.get_xydata() for line in axes.lines if len(line.get_xydata()) == 3}
    np.testing.assert_array_equal(means[FIGURE_COLOUR], places[0])
    np.testing.assert_array_equal(means[GROUND_COLOUR], places[1])
    dots = figure.axes[0].collections[0]
    brightness = dots.get_facecolors()[:, :3].sum(1)
    layer = [np.flatnonzero((places.reshape(-1, 2) == xy).all(1))[0] % 3 for xy in dots.get_offsets()]
    assert brightness[np.array(layer) == 2].min() > brightness[np.array(layer) == 0].max()


def test_flow_bands_are_as_high_as_what_flows() -> None:
    step = np.array([[30.0, 10.0], [0.0, 60.0]])
    figure = flow_from_arrays(
        {"all": [step]}, stages=["0", "1"], names=[["a", "b"]] * 2, colours=[["red", "blue"]] * 2, least=0
    )
    bands = [p for p in figure.axes[0].patches if type(p).__name__ == "PathPatch"]
    boxes = [p for p in figure.axes[0].patches if type(p).__name__ == "Rectangle"]
    heights = np.array([band.get_path().vertices[7, 1] - band.get_path().vertices[0, 1] for band in bands])
    np.testing.assert_allclose(heights / heights.sum(), [0.3, 0.1, 0.0, 0.6], atol=1e-12)
    high = np.array([box.get_height() for box in boxes])
    np.testing.assert_allclose(high / high[:2].sum(), [0.4, 0.6, 0.3, 0.7])


def test_the_most_alike_layer_is_ringed() -> None:
    table = np.eye(4)
    table[0, 3] = table[3, 0] = 0.9
    table[1, 2] = table[2, 1] = 0.8
    figure = comparison_from_arrays({"CKA": table}, [Slot("a", 0), Slot("a", 1), Slot("b", 0), Slot("b", 1)])
    rings = {
        tuple(map(int, xy)) for line in figure.axes[0].lines if line.get_marker() == "o" for xy in line.get_xydata()
    }
    assert rings == {(3, 0), (2, 1), (1, 2), (0, 3)}


def test_heat_is_brightest_where_values_are_highest() -> None:
    values = np.zeros((4, 4))
    values[1, 2] = 1
    heat = heat_over(np.zeros((40, 40, 3), dtype=np.uint8), values, 0, 1).astype(int).sum(-1)
    assert np.unravel_index(heat.argmax(), heat.shape)[0] in range(10, 20)
    assert np.unravel_index(heat.argmax(), heat.shape)[1] in range(20, 30)


def test_roi_maps_stand_in_their_groups() -> None:
    figure = roi_maps_from_arrays(PICTURES[:2], [RNG.normal(size=(4, 6, 12))] * 2, ROIS, simulated=True)
    shown = " ".join(text.get_text() for text in figure.texts)
    assert "SIMULATED BRAIN DATA" in shown
    assert all(name in shown for name in ("V1", "EBA", "VWFA"))
    assert len(figure.axes) > 4


def test_names_are_cut_in_their_middle() -> None:
    assert shortened("short", 6, 5) == "short"
    cut = shortened("dinov2-vit-s14-saliency", 6, 0.6)
    assert text_width(cut, 6) <= 0.6
    assert cut.startswith("din")
    assert cut.endswith("cy")


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(InputError, match="too small"):
        Page(1, width=0.5)
    with pytest.raises(InputError, match="2 selections in 12 ROIs"):
        roi_activation_from_arrays(ROIS, np.zeros((1, 12)), ["a", "b"])
    with pytest.raises(InputError, match="at least one network"):
        figure_ground_activation_from_arrays(ROIS, {}, {})
    with pytest.raises(InputError, match="layers × \\(figure, ground\\)"):
        figure_ground_activation_from_arrays(ROIS, {"a": np.zeros((2, 12))}, {"a": (0, 1)})
    with pytest.raises(InputError, match="1 layers in 1 ROIs"):
        brain_scores_from_arrays(("V1",), [Slot("a", 0)], np.zeros((2, 1)))
    with pytest.raises(InputError, match="do not fit into 3 inches"):
        brain_scores_table_from_arrays(ROIS, (1,), np.zeros((1, 12)), width=3)
    with pytest.raises(InputError, match="at least one concept"):
        concept_gallery_from_arrays([])
    with pytest.raises(InputError, match="differ in number"):
        consistency_from_arrays([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="finite"):
        consistency_from_arrays([np.nan], [1.0])
    with pytest.raises(InputError, match="at least one path"):
        trajectories_from_arrays([])
    with pytest.raises(InputError, match="no probabilities"):
        transitions_from_arrays({"a": [[2.0]]}, from_names="a", to_names="b", from_title="0", to_title="1")
    with pytest.raises(InputError, match="at least two stages"):
        flow_from_arrays({"a": []}, stages=["0"], names=[["a"]], colours=[["red"]])
    with pytest.raises(InputError, match="negative"):
        flow_from_arrays({"a": [[[-1.0]]]}, stages="01", names=[["a"]] * 2, colours=[["red"]] * 2)
    with pytest.raises(InputError, match="must be 1 × 1"):
        comparison_from_arrays({"a": np.zeros((2, 2))}, [Slot("a", 0)])
    with pytest.raises(InputError, match="must be 3 × 1"):
        pace_from_arrays([Pace("a", (0, 1), {"all": np.zeros((2, 1))})])
    with pytest.raises(InputError, match="8 maps"):
        similarity_from_arrays(PICTURES, [[np.zeros((2, 2))]], ["a"], [(0, 0, 0)])
    with pytest.raises(InputError, match="at least one network"):
        layer_scores_from_arrays({})
    with pytest.raises(InputError, match="12 ROIs"):
        roi_maps_from_arrays(PICTURES[:1], [np.zeros((2, 2, 3))], ROIS)


def test_data_are_called_simulated_only_where_they_are() -> None:
    assert not made_with_simulated_data({"brain_data": {"name": "bold5000", "simulated": False}})
    assert not made_with_simulated_data({"slots": [["wide-simulated", 0]]})  # the name of a network
    assert made_with_simulated_data({"made": {"brain_data": {"simulated": True}}})
    assert made_with_simulated_data({"made": [{"source": "simulated responses to real pictures"}]})


def test_column_width_is_the_papers() -> None:
    assert FIGURES["pace"]().get_figwidth() == pytest.approx(COLUMN_WIDTH)


@pytest.mark.parametrize("apart", [0.0, 100.0])
def test_layers_that_lie_far_apart_on_the_map_are_enlarged(apart: float) -> None:
    islands = [
        ConceptPlaces(name, RNG.normal(size=(300, 2)) + at, np.ones(300, int), np.zeros((1, 2)) + at, 1.0, [name])
        for name, at in (("A", 0.0), ("B", apart))
    ]
    figure = transitions_from_arrays(
        {"all": [[1.0]]}, from_names="A", to_names="B", from_title="1", to_title="2", places=islands
    )
    boxes = [axes for axes in figure.axes if str(axes.get_label()).startswith("places")]
    assert len(boxes) == 2
    limits = [axes.get_xlim() for axes in boxes]
    for (low, high), place in zip(limits, islands, strict=True):
        assert low < place.centres[0, 0] < high
        assert high - low < 12  # both are as large as the panel, wherever they lie
    assert (limits[0] == limits[1]) == (apart == 0)
    said = [text.get_text() for text in figure.texts if "enlarged" in text.get_text()]
    assert len(said) == (2 if apart else 0)


def test_thin_lines_stay_where_two_figures_stand_side_by_side() -> None:
    def lines(colour: str) -> Figure:
        page = Page(2.0)
        axes = page.axes(0, 0, page.width, 2.0)
        axes.set_axis_off()
        axes.vlines(np.linspace(0, 1, 101), 0, 1, color=colour, linewidth=0.5)
        return page.finished()

    both = beside(lines("black"), lines("blue"), ("one", "other"))
    assert both is not None
    dark = 255 - figure_pixels(both, dpi=150)[200, :, 0].astype(float)
    for half in np.array_split(dark, 2):
        blots = np.add.reduceat(half, np.flatnonzero(np.diff((half > 8).astype(int), prepend=0) == 1))
        assert len(blots) == 101
        assert blots.min() > 0.5 * blots.max()
