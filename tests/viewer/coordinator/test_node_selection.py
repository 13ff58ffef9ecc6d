"""Figure, ground, what is pointed at, and values over the pictures, without a window."""

import subprocess
import sys

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.coordinator.heat_map import HeatMap
from alignedcut_viewer.viewer.coordinator.node_selection import NodeSelection
from alignedcut_viewer.viewer.coordinator.shown import Shown

pytestmark = pytest.mark.quick


def test_figure_and_ground_are_told_and_undone_together(selection, heard):
    chosen = heard(selection.changed)
    active = heard(selection.active_changed)
    selection.select([3, 1])
    selection.set_active("ground")
    selection.set_active("ground")
    selection.select([5])
    selection.history.undo()
    selection.history.undo()
    assert [(which, nodes.nodes.tolist()) for which, nodes in chosen] == [
        ("figure", [1, 3]),
        ("ground", [5]),
        ("ground", []),
        ("figure", []),
    ]
    assert active == ["ground"]


def test_what_cannot_be_selected_is_refused_and_changes_nothing(shown, selection):
    with pytest.raises(InputError, match="between 0 and 287"):
        selection.select([len(shown.index)])
    with pytest.raises(InputError, match="figure and ground"):
        selection.set_active("neither")
    with pytest.raises(InputError, match="study with a cut"):
        NodeSelection(Shown()).select([0])
    assert len(selection.of()) == 0


def test_pointing_tells_once(selection, heard):
    told = heard(selection.hovered_changed)
    for node in (4, 4, None, None, 5):
        selection.hover(node)
    assert told == [4, None, 5]
    selection.forget()
    assert selection.hovered is None


def test_values_are_checked_and_told(shown, heat_map, heard):
    told = heard(heat_map.changed)
    heat_map.show(np.arange(len(shown.index)), "numbers")
    heat_map.clear()
    heat_map.clear()
    assert [values and values.title for values in told] == ["numbers", None]
    with pytest.raises(InputError, match="one value per node"):
        heat_map.show(heat_map_of_another_length(shown))
    with pytest.raises(InputError, match="study with a cut"):
        HeatMap(Shown()).show([1.0])


def heat_map_of_another_length(shown):
    from alignedcut_viewer.viewer.state.node_values import NodeValues

    return NodeValues(np.zeros(len(shown.index) + 1), "too long")


def test_the_parts_of_the_coordinator_load_no_window():
    parts = ("shown", "node_selection", "heat_map", "similarity", "selection_names", "picking", "sessions")
    names = ", ".join(f"alignedcut_viewer.viewer.coordinator.{part}" for part in parts)
    code = f"import sys, {names}; print(*sorted(set(sys.modules) & {{'qtpy', 'PyQt5', 'PyQt6', 'napari', 'vispy'}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == ""
