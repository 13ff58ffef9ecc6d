"""Nodes chosen, pointed at and valued: the coordinator and its layers in a real window."""

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError

NETWORK = "dinov2-vit-s14-saliency@70x70"


@pytest.fixture
def shown(viewer, coordinator, small_study, wait_idle):
    coordinator.open_study(small_study)
    wait_idle()
    return coordinator.shown.study


def test_figure_and_ground_are_checked_and_undone_together(shown, coordinator):
    seen = []
    coordinator.selection.changed.connect(lambda which, selection: seen.append((which, selection.nodes.tolist())))
    coordinator.selection.active_changed.connect(lambda which: seen.append(which))
    coordinator.selection.select([3, 1])
    coordinator.selection.set_active("ground")
    coordinator.selection.select([5])
    coordinator.selection.select([5], "add", "figure")
    assert coordinator.selection.of().nodes.tolist() == [5]
    assert coordinator.selection.of("figure").nodes.tolist() == [1, 3, 5]
    coordinator.selection.history.undo()
    coordinator.selection.history.undo()
    assert seen == [
        ("figure", [1, 3]),
        "ground",
        ("ground", [5]),
        ("figure", [1, 3, 5]),
        ("figure", [1, 3]),
        ("ground", []),
    ]
    with pytest.raises(InputError, match="Node numbers"):
        coordinator.selection.select([10**9])
    with pytest.raises(InputError, match="figure and ground"):
        coordinator.selection.set_active("neither")


def test_sliders_tell_where_they_are_and_go_to_a_node(viewer, shown, coordinator):
    seen = []
    coordinator.view.events.position.connect(lambda position: seen.append(position))
    assert coordinator.view.position == (NETWORK, 8, 0)
    viewer.dims.set_current_step(2, 2)
    node = shown.cut.index.node(NETWORK, 7, 1, row=2, column=3)
    coordinator.go_to(node)
    assert seen[0] == (NETWORK, 8, 2)
    assert seen[-1] == coordinator.view.position == (NETWORK, 7, 1)
    assert viewer.dims.current_step[:3] == (0, 1, 1)


def test_pointing_tells_once(shown, coordinator):
    seen = []
    coordinator.selection.hovered_changed.connect(seen.append)
    for node in (4, 4, None, None, 5):
        coordinator.selection.hover(node)
    assert seen == [4, None, 5]
    with pytest.raises(InputError, match="Node numbers"):
        coordinator.selection.hover(-1)


def test_values_lie_over_the_pictures_and_go_again(viewer, shown, coordinator, canvas_colour):
    colours = viewer.layers[1]
    seen = []
    coordinator.heat_map.changed.connect(seen.append)
    index = shown.cut.index
    values = np.zeros(len(index), dtype=np.float32)
    values[index.node(NETWORK, 8, 0, row=1, column=2)] = 1
    coordinator.heat_map.show(values, "one node", limits=(0, 1))
    layer = viewer.layers[-1]
    assert layer.name == "one node"
    assert not colours.visible
    layer.opacity = 1.0
    layout = shown.pictures.layout
    bright, dark = (canvas_colour(*layout.token_centre(0, 1, column, 5, 5)) for column in (2, 3))
    assert bright[0] > 200 > 100 > dark[0]  # viridis ends in yellow and begins in violet
    viewer.dims.set_current_step(1, 0)
    assert canvas_colour(*layout.token_centre(0, 1, 2, 5, 5))[0] < 100
    coordinator.heat_map.show(values, "signed", signed=True)
    assert [kept for kept in viewer.layers if kept.metadata.get("alignedcut") == "values"] == [layer]
    assert tuple(layer.contrast_limits) == (-1, 1)
    assert [given.title for given in seen] == ["one node", "signed"]
    coordinator.heat_map.clear()
    assert seen[-1] is None
    assert not layer.visible
    assert colours.visible
    with pytest.raises(InputError, match="one value per node"):
        coordinator.heat_map.show(values[:5], "short")


def test_what_was_said_of_nodes_goes_with_the_study(viewer, shown, coordinator, picture_folder, wait_idle):
    coordinator.selection.select([1, 2])
    coordinator.selection.hover(3)
    coordinator.heat_map.show(np.zeros(len(shown.cut.index)), "zeros")
    coordinator.open_pictures(picture_folder)
    wait_idle()
    assert [layer.name for layer in viewer.layers] == ["Pictures"]
    assert len(coordinator.selection.of()) == 0
    assert coordinator.selection.hovered is None
    assert coordinator.heat_map.values is None
    assert coordinator.view.position is None
    with pytest.raises(InputError, match="before a study"):
        coordinator.selection.select([1])
