"""Export from a panel: the button, the file dialog, and what the files hold."""

import csv

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.viewer.coordinator.docks import panel_classes
from alignedcut_viewer.viewer.widgets import panel_export
from alignedcut_viewer.viewer.widgets.panel_base import Panel
from alignedcut_viewer.viewer.widgets.panel_export import write_table

VALUES = np.array([0.1, -2.5, 1 / 3], dtype=np.float32)
ROWS = [(name, value, None) for name, value in zip(("V1", "FFA, right", "größe"), VALUES, strict=True)]
HEADER = ("region", "mean", "spread")


class Bars(Panel):
    """The least that is a panel with something to export."""

    title = "Exporting"
    exported = "three-bars"

    def build(self):
        return self.export

    def redraw(self):
        self.show_contents()

    def table(self):
        return HEADER, iter(ROWS)

    def figure(self):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3, 2))
        figure.add_subplot().bar([row[0] for row in ROWS], VALUES)
        figure.suptitle("Three bars")
        return figure


@pytest.fixture
def exporting(viewer, coordinator):
    panel_export._last_folder = None
    panel = Bars(viewer)
    viewer.window.add_dock_widget(panel, name="Exporting")
    return panel


@pytest.fixture
def answer(qtbot):
    """Answer the file dialog that is about to open: by a file name typed and Save, or by None and Escape."""

    def soon(path):
        def act():
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog):
                QTimer.singleShot(50, act)
            elif path is None:
                qtbot.keyClick(dialog, Qt.Key.Key_Escape)
            else:
                dialog.findChild(QLineEdit).setText(str(path))
                save = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save)
                qtbot.mouseClick(save, Qt.MouseButton.LeftButton)

        QTimer.singleShot(50, act)

    return soon


def click_export(qtbot, panel):
    qtbot.mouseClick(panel.export, Qt.MouseButton.LeftButton)


def test_all_kinds_are_written_from_the_button(qtbot, exporting, answer, tmp_path, wait_idle, notifications):
    for kind in ("png", "svg", "pdf", "csv"):
        answer(tmp_path / f"bars.{kind}")
        click_export(qtbot, exporting)
        wait_idle()
        assert f"bars.{kind}" in notifications[-1][1]
    with Image.open(tmp_path / "bars.png") as picture:
        assert picture.size == (600, 400)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    drawing = (tmp_path / "bars.svg").read_text(encoding="utf-8")
    assert "FFA, right" in drawing
    assert "<image" not in drawing
    assert (tmp_path / "bars.pdf").read_bytes().startswith(b"%PDF")
    with open(tmp_path / "bars.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    assert [row[0] for row in rows] == [row[0] for row in ROWS]
    np.testing.assert_array_equal(np.array([row[1] for row in rows], dtype=np.float32), VALUES)
    assert {row[2] for row in rows} == {""}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.csv", "bars.pdf", "bars.png", "bars.svg"]


def test_what_cannot_be_written_is_said_in_a_sentence(qtbot, exporting, answer, tmp_path, wait_idle, notifications):
    answer(tmp_path / "bars.bmp")
    click_export(qtbot, exporting)
    assert ".csv for its numbers" in notifications[-1][1]
    (tmp_path / "file").write_text("no folder")
    for kind in ("png", "csv"):
        shown = len(notifications)
        # Typed here, as the file dialog itself refuses folders that are none.
        work = panel_export.save_panel(tmp_path / "file" / f"x.{kind}", exporting.figure, lambda: (HEADER, ROWS))
        exporting.coordinator.tasks.start("Exporting", work)
        wait_idle()
        assert len(notifications) == shown + 1
        assert f"x.{kind}" in notifications[-1][1]
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_thinking_better_of_it_writes_nothing(qtbot, exporting, answer, tmp_path, coordinator):
    answer(None)
    click_export(qtbot, exporting)
    assert not coordinator.tasks.state.busy


def test_a_table_that_is_cancelled_or_crooked_leaves_no_file(tmp_path):
    def cancel(done, total, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        write_table(tmp_path / "a.csv", ("x",), ((n,) for n in range(10)), cancel)
    with pytest.raises(InputError, match="Row 2 has 2 entries"):
        write_table(tmp_path / "a.csv", ("x",), [(1,), (1, 2)])
    assert list(tmp_path.iterdir()) == []


def test_every_panel_exports_what_it_shows_but_those_that_show_no_data():
    silent = {name for name, panel in panel_classes().items() if not panel.exported}
    assert silent == {"Study", "Selection", "Segments", "Help"}
    for name, panel in panel_classes().items():
        assert name in silent or (panel.figure is not Panel.figure and panel.table is not Panel.table)
