"""The page of the Segments panel that holds the tools for prompts, and what becomes of their answer."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...errors import AlignedCutError, InputError
from ...places import Location
from ...progress import ProgressCallback, span
from ..coordinator.coordinator import Coordinator
from ..coordinator.segments import OpenSegments, load_segments
from ..frames.picture_layout import PictureLayout
from ..frames.segment_work import empty_work, free_name, prompt_masks
from ..widgets.commands import new_labels
from ..widgets.view import View
from ..work.task_runner import tell_error

if TYPE_CHECKING:
    pass

__all__ = ["PromptPage"]

TOOLS = (
    ("point", "Points", "Click on the thing (Alt-click: beside it)"),
    ("box", "Boxes", "Drag a box around the thing (with Alt: around what it is not)"),
    ("scribble", "Scribbles", "Draw on the thing (with Alt: beside it)"),
)
Masks = dict[int, NDArray[np.bool_]]


class PromptPage(View):
    """Tools, the level of the answer, and the button that keeps it."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.tools: dict[str, QPushButton] = {}
        tools = QHBoxLayout()
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)
        for tool, words, tip in TOOLS:
            self.tools[tool] = button = _tool(words, tip)
            button.clicked.connect(partial(self._take, tool))
            self._group.addButton(button)
            tools.addWidget(button)
        self.inside = _tool("+ thing", "What is drawn is on the thing")
        self.outside = _tool(
            "− not it", "What is drawn is not the thing (Alt-X swaps; Alt while drawing: the other one)"
        )
        self.inside.clicked.connect(lambda: coordinator.prompting.set_outside(False))
        self.outside.clicked.connect(lambda: coordinator.prompting.set_outside(True))
        signs = QHBoxLayout()
        signs.addWidget(self.inside)
        signs.addWidget(self.outside)
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take the last prompt back (Ctrl-Z takes back any last step)")
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Take all prompts away")
        self.labels = QPushButton("Take labels")
        self.labels.setToolTip(
            "Take what is painted on a layer of labels as prompt: 1 is the thing, 2 is not.\n"
            "Where there is no such layer yet, one is made, and the brush is in your hand"
        )
        self.level = QDoubleSpinBox()
        self.level.setRange(-1, 1)
        self.level.setSingleStep(0.05)
        self.level.setToolTip("Score above which a place belongs to the thing; lower takes in more")
        self.automatic = QCheckBox("automatic")
        self.automatic.setToolTip("The usual level, 0: what is like no prompt lies below it")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the segment")
        self.everywhere = QCheckBox("in all pictures")
        self.everywhere.setToolTip("The same thing is sought in every picture; else in those with prompts only")
        self.everywhere.setChecked(True)
        self.keep = QPushButton("Keep as segment")
        self.keep.setToolTip("Draw its edges to those of the pictures, and add it to the segments that are open")
        level = QHBoxLayout()
        level.addWidget(QLabel("level"))
        level.addWidget(self.level, 1)
        level.addWidget(self.automatic)
        grid = QGridLayout()
        for column, button in enumerate((self.undo, self.clear, self.labels)):
            grid.addWidget(button, 0, column)
        kept = QHBoxLayout()
        kept.addWidget(self.name, 1)
        kept.addWidget(self.everywhere)
        column_of = QVBoxLayout(self)
        column_of.setContentsMargins(4, 4, 4, 4)
        column_of.setSpacing(4)
        for part in (tools, signs, grid, level):
            column_of.addLayout(part)
        column_of.addWidget(self.status)
        column_of.addLayout(kept)
        column_of.addWidget(self.keep)
        column_of.addStretch(1)
        self.undo.clicked.connect(lambda: coordinator.timeline.undo(coordinator.prompting.marks))
        self.clear.clicked.connect(coordinator.prompting.marks.clear)
        self.labels.clicked.connect(self.take_labels)
        self.level.valueChanged.connect(self._on_level)
        self.automatic.toggled.connect(self._on_automatic)
        self.keep.clicked.connect(self.keep_segment)

    # -- listening -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Follow the prompts, the tool in hand, and the level."""
        coordinator = self.coordinator
        self.follow(coordinator.prompting.changed, self.draw)
        self.follow(coordinator.view.events["tool"], self.draw)
        self.follow(coordinator.similarity.settings.events["threshold"], self.draw)
        self.follow(coordinator.shown.changed, self.draw)
        self.follow(coordinator.tasks.changed, self.draw)

    def redraw(self) -> None:
        """Show everything as it is now."""
        self.draw()

    def draw(self, *_: Any) -> None:
        """Show the tool in hand, how many prompts there are, and whether they are answered."""
        prompting, view = self.coordinator.prompting, self.coordinator.view
        has_cut = self.coordinator.shown.cut is not None
        for tool, button in self.tools.items():
            button.setChecked(view.tool == tool)
            button.setEnabled(has_cut)
        self.inside.setChecked(not prompting.outside)
        self.outside.setChecked(prompting.outside)
        n_marks = len(prompting.marks)
        self.undo.setEnabled(n_marks > 0)
        self.clear.setEnabled(n_marks > 0)
        self.labels.setEnabled(has_cut)
        self.keep.setEnabled(prompting.values is not None and not self.coordinator.tasks.state.busy)
        for widget, value in ((self.level, prompting.level), (self.automatic, prompting.automatic)):
            widget.blockSignals(True)
            widget.setValue(value) if widget is self.level else self.automatic.setChecked(bool(value))
            widget.blockSignals(False)
        self.status.setText(self._words(n_marks, has_cut))

    def _words(self, n_marks: int, has_cut: bool) -> str:
        prompting = self.coordinator.prompting
        if not has_cut:
            return "Prompts are answered by a result: run the study in the Study panel first."
        if not n_marks:
            return "Take a tool and show the thing: every picture answers while you draw."
        images = prompting.marks.images
        words = f"{n_marks} prompt{'s' * (n_marks != 1)} on {len(images)} picture{'s' * (len(images) != 1)}. "
        return words + ("Nothing is said to be the thing yet." if prompting.values is None else "")

    # -- what the user does --------------------------------------------------------------------------------------

    def _take(self, tool: str) -> None:
        view = self.coordinator.view
        self.coordinator.segment_layers.put_down()
        view.update(tool="" if view.tool == tool else tool)
        self.draw()

    def _on_level(self, value: float) -> None:
        self.coordinator.prompting.automatic = False
        self.coordinator.similarity.settings.update(threshold=value, mask=True)
        self.draw()

    def _on_automatic(self, automatic: bool) -> None:
        self.coordinator.prompting.automatic = automatic
        self.coordinator.prompting.answer()

    def take_labels(self) -> None:
        """Take what is painted on a layer of labels over the pictures; where there is none, offer the brush."""
        try:
            layer = self._painted_layer()
            if layer is None:
                self._offer_brush()
                return
            study, image = self.coordinator.shown.study, self.coordinator.segments.image
            if study is None or image is None:
                return
            at = self.coordinator.view.picture
            frame = np.asarray(layer.data[at])
            self.coordinator.prompting.take_labels(image, study.pictures.layout.crop_labels(at, frame))
            layer.mode = "pan_zoom"
            layer.visible = False
        except AlignedCutError as error:
            tell_error(error)

    def _painted_layer(self) -> Any:
        """The layer of labels over the pictures that is in hand, else the topmost."""
        viewer, study = self.coordinator.viewer, self.coordinator.shown.study
        if viewer is None or study is None:
            raise InputError("Open a study first.")
        layout = study.pictures.layout
        fitting = [
            layer
            for layer in viewer.layers
            if isinstance(own := layer.metadata.get("layout"), PictureLayout)
            and (len(own), own.height, own.width) == (len(layout), layout.height, layout.width)
        ]
        active = viewer.layers.selection.active
        return active if active in fitting else (fitting[-1] if fitting else None)

    def _offer_brush(self) -> None:
        viewer: Any = self.coordinator.viewer
        new_labels(viewer)
        layer = viewer.layers[-1]
        layer.mode, layer.selected_label = "paint", 1
        layer.brush_size = max(layer.data.shape[-2:]) // 40
        viewer.layers.selection.active = layer
        self.status.setText("Paint 1 on the thing and 2 beside it, then press Take labels again.")

    def keep_segment(self) -> None:
        """Add the answer to the segments that are open, in the background; where none are, new ones are made."""
        coordinator = self.coordinator
        prompting, segments, study = coordinator.prompting, coordinator.segments, coordinator.shown.study
        values, position = prompting.values, coordinator.view.position
        if study is None or values is None or position is None:
            return
        level, slot, opened = prompting.level, position[:2], segments.edits is not None
        known = study.images if segments.edits is None else segments.edits.images
        wanted = study.images if self.everywhere.isChecked() else prompting.marks.images
        images = [image for image in wanted if image in known]
        new = free_name("by hand", segments.names)

        def work(progress: ProgressCallback) -> "tuple[OpenSegments | None, Masks]":
            masks = prompt_masks(study, values, level, slot, images, span(progress, 0.0, 0.9))
            if not masks:
                raise InputError("Nothing in these pictures is above the level; lower it, or prompt again.")
            return None if opened else _made_empty(study.path, new, span(progress, 0.9, 1.0)), masks

        coordinator.tasks.start("Keeping the prompt", work, self._on_kept)

    def _on_kept(self, found: "tuple[OpenSegments | None, Masks]") -> None:
        made, masks = found
        segments, name = self.coordinator.segments, self.name.text().strip()
        try:
            if made is not None:
                segments.adopt(made)
            keys = segments.edit(lambda edits: edits.add(masks, name or f"prompt {len(edits.segments) + 1}"))
        except AlignedCutError as error:
            tell_error(error)
            return
        self.name.clear()
        self.coordinator.prompting.marks.clear()
        self.coordinator.view.update(tool="")
        segments.choose([key for key in keys if key.image in (None, segments.image)])


def _made_empty(study: Location, name: str, progress: ProgressCallback) -> OpenSegments:
    return load_segments(study, empty_work(study, name)(progress), progress)


def _tool(words: str, tip: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.setCheckable(True)
    return button
