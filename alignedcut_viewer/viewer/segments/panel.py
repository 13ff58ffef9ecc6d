"""The Segments panel: masks of the pictures, made, looked over, corrected, prompted, exported and imported."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ...errors import AlignedCutError
from ...progress import ProgressCallback
from ..coordinator.segments import OpenSegments, load_segments
from ..frames.segment_work import Keep, PictureScore, empty_work, free_name, import_work, score_segments, segment_work
from ..widgets.commands import export_masks
from ..widgets.forms import narrow_box, scrolled
from ..widgets.panel_base import Panel
from ..widgets.view import View
from ..work.dialogs import ask_existing_file, ask_folder, ask_text, window_of
from ..work.task_runner import TaskState, tell_error
from .list_page import ListPage
from .making_form import MakingForm
from .prompt_page import PromptPage

if TYPE_CHECKING:
    from ..frames.loading import LoadedStudy

__all__ = ["SegmentsPanel"]

MASK_FILES = "Masks (*.npz *.json *.xml *.png *.tif *.tiff)"
NONE_YET = "No segments yet. Make some, show a thing by prompts, or import masks."


class SegmentsPanel(Panel):
    """Which segments, their list, prompts, and how more are made."""

    title = "Segments"
    purpose = "This panel then divides the pictures into segments, which can be corrected and exported as masks."
    keys = (
        ("Up, Down", "choose the next segment, with Shift several"),
        ("F2", "rename"),
        ("Ctrl-M, Ctrl-L, Delete", "merge, lock or unlock, delete those chosen"),
        ("Ctrl-Z, Ctrl-Shift-Z", "undo, redo"),
    )
    minimum_width = 320
    usual_size = (380, 640)

    # -- layout --------------------------------------------------------------------------------------------------

    def build(self) -> QWidget:
        """What is open, three pages, and what can be done with all of it."""
        self._scoring = self.latest_task("Scoring segments", self._on_scores)
        self._scores: dict[int, PictureScore] = {}
        self._scored: tuple[Any, ...] | None = None
        self.sets = QComboBox()
        narrow_box(self.sets, 10)
        self.sets.setToolTip("Segments that the study holds")
        self.select = QPushButton("Click to choose")
        self.select.setCheckable(True)
        self.select.setToolTip("A click on the pictures chooses the segment there, and its tokens (Alt-S)")
        self.more = QPushButton("More")
        self.more.setToolTip("These segments renamed or deleted; masks written, read, scored; segments to draw by hand")
        menu = QMenu(self.more)
        self.rename_action = menu.addAction("Rename these segments…", self.rename_set)
        self.delete_action = menu.addAction("Delete these segments", self.delete_set)
        self.restore_action = menu.addAction("Undo delete", self.coordinator.segments.restore_deleted)
        menu.addSeparator()
        self.export_action = menu.addAction("Export masks…", self.export_masks)
        self.import_action = menu.addAction("Import masks from a file…", self.import_file)
        self.import_folder_action = menu.addAction("Import a folder of masks…", self.import_folder)
        self.truth_action = menu.addAction("Score by a folder of masks…", self.ask_truth)
        self.empty_action = menu.addAction("New, to draw by hand", self.make_empty)
        self.more.setMenu(menu)
        self.summary = QLabel(NONE_YET)
        self.summary.setWordWrap(True)
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.list_page = ListPage(self.coordinator, lambda: self.state)
        self.list = self.list_page.list
        self.prompts = PromptPage(self.coordinator)
        self.form = MakingForm(lambda: self.state.setdefault("making", {}))
        self.tabs = QTabWidget()
        self.tabs.addTab(self.list_page, "List")
        self.tabs.addTab(scrolled(self.prompts), "Prompts")
        self.tabs.addTab(scrolled(self.form), "Make")
        self.tabs.setCurrentIndex(int(self.state.get("tab", 0)))
        self.save = QPushButton("Save")
        self.save.setToolTip(
            "Keep the changes in the study; they are kept, too, when the study or the window is closed"
        )
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("export_panel")
        self.export_button.setToolTip("Write masks of all pictures, in any of the formats")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop at the next step; the study stays as it was")
        self.busy = QLabel()
        self.busy.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head = QHBoxLayout()
        for widget, stretch in ((self.sets, 1), (self.select, 0), (self.more, 0)):
            head.addWidget(widget, stretch)
        foot = QHBoxLayout()
        foot.addWidget(self.busy, 1)
        for button in (self.cancel, self.save, self.export_button):
            foot.addWidget(button)
        contents = QWidget()
        column = QVBoxLayout(contents)
        column.setContentsMargins(4, 10, 4, 4)  # the dock's title covers the first few pixels
        column.setSpacing(3)
        column.addLayout(head)
        column.addWidget(self.summary)
        column.addWidget(self.tabs, 1)
        column.addLayout(foot)
        coordinator = self.coordinator
        self.sets.activated.connect(self._on_set)
        self.select.clicked.connect(self._on_select)
        self.tabs.currentChanged.connect(lambda number: self.state.update(tab=number))
        self.form.make.clicked.connect(self.make)
        self.save.clicked.connect(self.save_changes)
        self.export_button.clicked.connect(self.export_masks)
        self.cancel.clicked.connect(coordinator.tasks.cancel)
        return contents

    @property
    def parts(self) -> tuple[View, ...]:
        """Two of the pages."""
        return self.list_page, self.prompts

    # -- listening -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Follow what is shown, the segments, the tool in hand, and what is at work."""
        coordinator = self.coordinator
        self.follow(coordinator.shown.changed, self.redraw)
        self.follow(coordinator.segments.changed, self._on_segments)
        self.follow(coordinator.view.events["tool"], self._on_tool)
        self.follow(coordinator.view.events["picture"], self._draw_summary)
        self.follow(coordinator.tasks.changed, self._on_task)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo and redo, wherever in the panel the focus is."""
        modifiers = event.modifiers()
        if event.key() == Qt.Key.Key_Z and modifiers & Qt.KeyboardModifier.ControlModifier:
            timeline = self.coordinator.timeline
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                timeline.redo()
            else:
                timeline.undo()
        else:
            super().keyPressEvent(event)

    def leave(self) -> None:
        """Without the panel, the mouse picks as ever."""
        self.coordinator.view.update(tool="")
        self.coordinator.segment_layers.put_down()

    def redraw(self) -> None:
        """Show everything as it is now; open what was open, or the first there is."""
        study, segments = self.coordinator.shown.study, self.coordinator.segments
        if study is None:
            self.say_no_result()
            return
        self.show_contents()
        self.form.show_networks([name for name, features in study.study.networks.items() if not features.is_empty])
        if segments.edits is None and segments.names:
            kept = self.state.get("open")
            segments.open(kept if kept in segments.names else segments.names[0])
        self._draw_sets()
        self._on_segments()
        self._on_tool()
        self._on_task(self.coordinator.tasks.state)

    def _draw_sets(self) -> None:
        names = self.coordinator.segments.names
        if [self.sets.itemText(row) for row in range(self.sets.count())] != [*names]:
            self.sets.clear()
            self.sets.addItems(names)
        self.sets.setCurrentIndex(self.sets.findText(self.coordinator.segments.name))

    def _on_segments(self) -> None:
        segments = self.coordinator.segments
        if segments.edits is not None:
            self.state["open"] = segments.name
        self._draw_sets()
        self.save.setEnabled(segments.unsaved)
        self.export_button.setEnabled(segments.edits is not None)
        for action in (self.export_action, self.rename_action, self.delete_action):
            action.setEnabled(segments.edits is not None)
        last = segments.last_deleted
        self.restore_action.setEnabled(bool(last))
        self.restore_action.setText(f"Undo: bring back {last}" if last else "Undo delete")
        self.truth_action.setEnabled(segments.edits is not None)
        self._draw_summary()
        self._score()

    def _draw_summary(self, *_: Any) -> None:
        segments = self.coordinator.segments
        edits, image, kept = segments.edits, segments.image, segments.kept
        if edits is None or kept is None:
            self.summary.setText("Opening…" if segments.names else NONE_YET)
            return
        if image is None or image not in edits.images:
            words = "This picture has no segments here."
        else:
            n, why = len(edits.of_image(image)), kept.reason(image)
            words = f"{why}." if why.startswith(f"{n} ") else f"{n} segment{'s' * (n != 1)} now; made as {why}."
            if image in self._scores:
                one = self._scores[image]
                words += f" IoU {one.hungarian:.2f}, many to one {one.many_to_one:.2f}."
        if self._scores:
            both = np.mean([*self._scores.values()], axis=0)
            words += f" mIoU of {len(self._scores)} pictures {both[0]:.3f}, many to one {both[1]:.3f}."
        self.summary.setText(words + (" Not saved yet." if segments.unsaved else ""))

    def _on_tool(self, *_: Any) -> None:
        self.select.setChecked(self.coordinator.view.tool == "segment")

    def _on_select(self, checked: bool) -> None:
        self.coordinator.segment_layers.put_down()
        self.coordinator.view.update(tool="segment" if checked else "")

    def _on_task(self, task: TaskState) -> None:
        idle, there = not task.busy, self.coordinator.shown.study is not None
        self.form.make.setEnabled(idle and there)
        for action in (self.import_action, self.import_folder_action, self.empty_action):
            action.setEnabled(idle and there)
        self.cancel.setVisible(task.busy)
        self.cancel.setEnabled(not task.stopping)
        percent = f" {100 * task.done // task.total} %" if task.total > 0 else ""
        self.busy.setText(f"{task.title}{percent}: {task.text}" if task.busy else "")
        self.busy.setToolTip(self.busy.text())

    def _on_set(self, row: int) -> None:
        name = self.sets.itemText(row)
        if name != self.coordinator.segments.name:
            self._then_saved(lambda: self.coordinator.segments.open(name))

    def rename_set(self) -> None:
        """Ask for another name of the segments that are open."""
        segments = self.coordinator.segments
        name = ask_text(self, "Rename segments", "Name of these segments:", segments.name)
        if name is not None:
            segments.rename_set(segments.name, name)

    def delete_set(self) -> None:
        """Take the segments that are open out of the study; Ctrl-Z brings them back."""
        segments = self.coordinator.segments
        name = segments.name
        segments.delete_set(name)
        if name not in segments.names:
            show_info(f"{name} are deleted; Ctrl-Z brings them back until the window is closed.")

    # -- making, saving ------------------------------------------------------------------------------------------

    def _then_saved(self, then: Any) -> None:
        """Save what is not saved, then go on."""
        segments = self.coordinator.segments
        if not segments.unsaved:
            then()
            return

        def go_on(saved: Any) -> None:
            segments.on_saved(saved)
            then()

        self.coordinator.tasks.start("Saving segments", segments.save_work(), go_on)

    def save_changes(self) -> None:
        """Put the changes into the study, in the background."""
        segments = self.coordinator.segments
        if segments.unsaved:
            self.coordinator.tasks.start("Saving segments", segments.save_work(), segments.on_saved)

    def make(self) -> None:
        """Divide the pictures as the form says, in the background."""
        study = self.coordinator.shown.study
        if study is None:
            return
        try:
            settings = self.form.settings()
        except AlignedCutError as error:
            tell_error(error)
            return
        name = free_name(self.form.name.text() or "segments", self.coordinator.segments.names)
        self._keep("Making segments", study, lambda: segment_work(study.path, settings, name), spreads=True)

    def make_empty(self) -> None:
        """Make segments without pixels, to be painted or prompted."""
        study = self.coordinator.shown.study
        if study is not None:
            name = free_name("by hand", self.coordinator.segments.names)
            self._keep("Making empty segments", study, lambda: empty_work(study.path, name))

    def _keep(self, title: str, study: "LoadedStudy", make: Any, *, spreads: bool = False) -> None:
        """Make segments in the background, and open them."""

        def begin() -> None:
            keep: Keep = make()

            def work(progress: ProgressCallback) -> OpenSegments:
                return load_segments(study.path, keep(progress), progress)

            self.coordinator.tasks.start(title, work, self._on_made, spreads=spreads)

        self._then_saved(begin)

    def _on_made(self, made: OpenSegments) -> None:
        self.coordinator.segments.adopt(made)
        if self._listening:
            self.form.name.clear()
            self.tabs.setCurrentIndex(0)

    # -- files ---------------------------------------------------------------------------------------------------

    def export_masks(self) -> None:
        """Show how the masks look, ask for formats and a folder, and write them."""
        if self.coordinator.viewer is not None:
            export_masks(self.coordinator.viewer)

    def import_file(self) -> None:
        """Ask for a file of masks and read it as segments."""
        self._import(ask_existing_file(window_of(self.coordinator.viewer), "Import masks", self._beside(), MASK_FILES))

    def import_folder(self) -> None:
        """Ask for a folder of masks and read it as segments."""
        self._import(ask_folder(window_of(self.coordinator.viewer), "Import a folder of masks", self._beside()))

    def _import(self, source: Path | None) -> None:
        study = self.coordinator.shown.study
        if source is not None and study is not None:
            name = free_name(source.stem, self.coordinator.segments.names)
            self._keep("Importing masks", study, lambda: import_work(study.path, source, name))

    def _beside(self) -> Path | str:
        study = self.coordinator.shown.study
        return "" if study is None else study.around

    # -- scores --------------------------------------------------------------------------------------------------

    def ask_truth(self) -> None:
        """Ask for a folder of masks that people drew, and score the segments by them."""
        folder = ask_folder(window_of(self.coordinator.viewer), "Masks to score by", self._beside())
        if folder is not None:
            self.state["truth"] = str(folder)
            self._scored = None
            self._score()

    def _score(self) -> None:
        segments, study, folder = self.coordinator.segments, self.coordinator.shown.study, self.state.get("truth")
        edits = segments.edits
        if edits is None or study is None or not folder or not Path(folder).is_dir():
            self._scores, self._scored = {}, None
            return
        wanted = (study.path, segments.name, edits.revision, folder)
        if wanted != self._scored:
            self._scored = wanted
            snapshot, opened = copy.copy(edits), study.study
            self._scoring.start(lambda progress: score_segments(opened, snapshot, folder, progress))

    def _on_scores(self, scores: dict[int, PictureScore]) -> None:
        self._scores = scores
        if not scores:
            show_info("None of these masks labels a pixel of these pictures.")
        self._draw_summary()
