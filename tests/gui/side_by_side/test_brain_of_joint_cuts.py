"""The Brain panel on a joint cut: bars through the AlignedCut of the same study."""

import shutil

import numpy as np

from alignedcut_viewer.pipeline import (
    ColourSettings,
    ExtractSettings,
    LayeredSettings,
    MapSettings,
    extract,
    layered_cut,
)
from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.coordinator.docks import show_panel
from tests.gui.conftest import OFFLINE


def test_a_joint_cut_has_bars_where_its_study_leads_to_the_brain(
    qtbot, viewer, coordinator, brain_study, tmp_path, wait_idle, click_canvas
):
    path = shutil.copytree(brain_study, tmp_path / "joint.zarr")
    with Study.open(path, writable=True) as study:
        extract(study, ExtractSettings((OFFLINE,), (2, 7, 8), tap=("v",), input_size=70, device="cpu"))
        colour, spread = (kind(n_landmarks=40, perplexity=8, device="cpu") for kind in (ColourSettings, MapSettings))
        settings = LayeredSettings(n_components=4, n_inside=4, n_across=6, colour=colour, map=spread, device="cpu")
        layered_cut(study, settings, "what")
    coordinator.open_study(path, "what")
    wait_idle()
    panel = show_panel(viewer, "Brain")
    qtbot.waitUntil(lambda: panel.pages.currentIndex() == 1)
    wait_idle()
    box = coordinator.shown.pictures.layout.box(coordinator.view.picture)
    click_canvas((box.top + box.height / 2, box.left + box.width / 2))
    wait_idle()
    assert coordinator.shown.cut.brain_activation.simulated
    nodes = coordinator.selection.of().nodes
    assert len(nodes)
    summary = coordinator.shown.cut.brain_activation.summarise(nodes)
    assert np.isfinite(summary.mean).all()
    assert summary.mean.any()
