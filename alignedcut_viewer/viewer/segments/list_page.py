"""The page of the Segments panel that lists segments, and what can be done to those that are chosen."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..widgets.painting import Colours
from ..widgets.view import View
from ..work.task_runner import tell_error
from .details import SegmentDetails, detail_mark, segment_details
from .segment_list import SegmentList

if TYPE_CHECKING:
    from ...segmentation import Segment, SegmentKey

__all__ = ["ListPage"]

AT_A_TIME = 24
WHICH = {"picture": "of the picture in view", "all": "of all pictures"}


class ListPage(View):
    """The list with a filter, and a row of buttons.

    Parameters
    ----------
    coordinator
        Holds the segments.
    state
        Gives the place where its settings are kept, JSON-ready.
    """

    def __init__(
        self, coordinator: Coordinator, state: Callable[[], dict[str, Any]], parent: QWidget | None = None
    ) -> None:
        super().__init__(coordinator, parent)
        self._state = state
        self._details: dict[tuple[Any, ...], SegmentDetails] = {}
        self._looking = self.latest_task("Looking at segments", self._on_details)
        self.which = QComboBox()
        for key, words in WHICH.items():
            self.which.addItem(words, key)
        self.which.setCurrentIndex(max(self.which.findData(state().get("which", "picture")), 0))
        self.which.setToolTip("Which segments are listed")
        self.words = QLineEdit()
        self.words.setPlaceholderText("filter by name")
        self.words.setClearButtonEnabled(True)
        self.list = SegmentList(Colours.of(coordinator.viewer))
        self.rename = _button("Rename", "Rename (F2, or double-click)", self.list.edit_name)
        self.colour = _button("Colour…", "Another colour (double-click on it)", self.ask_colour)
        self.lock = _button("Lock", "Locked segments keep their pixels (Ctrl-L, or the padlock)", self.toggle_locks)
        self.merge = _button("Merge", "Make one of those chosen; the first gives number and name (Ctrl-M)", self.unite)
        self.split = _button("Split", "Make its connected pieces in this picture segments of their own", self.divide)
        self.delete = _button("Delete", "Its pixels belong to no segment then (Delete)", self.remove)
        self.paint = _button("Paint", "Paint the chosen segment, or a new one, with the brush", self.take_brush)
        self.paint.setCheckable(True)
        self.erase = _button("Erase", "Erase with the brush", partial(self.take_brush, erase=True))
        self.erase.setCheckable(True)
        head = QHBoxLayout()
        head.addWidget(self.which)
        head.addWidget(self.words, 1)
        buttons = QGridLayout()
        buttons.setSpacing(3)
        all_buttons = (
            self.rename, self.colour, self.lock, self.paint, self.merge, self.split, self.delete, self.erase
        )  # fmt: skip
        for number, button in enumerate(all_buttons):
            buttons.addWidget(button, number // 4, number % 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(3)
        column.addLayout(head)
        column.addWidget(self.list, 1)
        column.addLayout(buttons)
        self.which.currentIndexChanged.connect(self._on_which)
        self.words.textChanged.connect(self.draw_list)
        self.list.chosen.connect(self._on_chosen)
        self.list.renamed.connect(lambda key, name: self._change(lambda edits: edits.rename(key, name)))
        self.list.sign_clicked.connect(self._toggle_lock)
        self.list.colour_clicked.connect(self._ask_colour_of)
        self.list.actions_of_keys = {
            (Qt.Key.Key_M, True): self.unite,
            (Qt.Key.Key_L, True): self.toggle_locks,
            (Qt.Key.Key_Delete, False): self.remove,
        }

    # -- listening -----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Follow the segments, the picture in view, and the theme."""
        coordinator = self.coordinator
        self.follow(coordinator.segments.changed, self.draw_list)
        self.follow(coordinator.segments.chosen_changed, self._draw_chosen)
        self.follow(coordinator.view.events["picture"], self.draw_list)
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._on_theme()
        self.draw_list()

    def _on_theme(self, *_: Any) -> None:
        self.list.set_colours(Colours.of(self.coordinator.viewer))

    def _on_which(self) -> None:
        self._state()["which"] = self.which.currentData()
        self.draw_list()

    # -- the list ------------------------------------------------------------------------------------------------

    def draw_list(self, *_: Any) -> None:
        """List the segments as they are now."""
        segments, study = self.coordinator.segments, self.coordinator.shown.study
        edits, image = segments.edits, segments.image
        listed: Sequence[Segment] = ()
        if edits is not None:
            if self.which.currentData() == "all" or image is None:
                listed = edits.segments
            elif image in edits.images:
                listed = edits.of_image(image)
        words = self.words.text().casefold().strip()
        if words:
            listed = [segment for segment in listed if words in segment.name.casefold()]
        names = (
            {} if study is None or self.which.currentData() != "all" else dict(enumerate(study.study.pictures.names))
        )
        self.list.show_segments(listed, names)
        self._show_details()
        self._draw_chosen()
        self._look_at_more()

    def _known(self) -> "dict[SegmentKey, SegmentDetails]":
        edits, image = self.coordinator.segments.edits, self.coordinator.segments.image
        if edits is None:
            return {}
        keys = [segment.key for segment in self.list.rows]
        marks = {key: detail_mark(edits, key, image) for key in keys}
        return {key: self._details[mark] for key, mark in marks.items() if mark in self._details}

    def _show_details(self) -> None:
        self.list.show_details(self._known())

    def _look_at_more(self) -> None:
        """Compute details of the next few rows that have none."""
        study, edits = self.coordinator.shown.study, self.coordinator.segments.edits
        if study is None or edits is None or not self._listening:
            return
        image, known = self.coordinator.segments.image, self._known()
        missing = [segment.key for segment in self.list.rows if segment.key not in known][:AT_A_TIME]
        if not missing:
            return
        snapshot = copy.copy(edits)

        def work(progress: Any) -> dict[tuple[Any, ...], SegmentDetails]:
            found = segment_details(study, snapshot, missing, image, progress)
            return {detail_mark(snapshot, key, image): one for key, one in found.items()}

        self._looking.start(work)

    def _on_details(self, found: dict[tuple[Any, ...], SegmentDetails]) -> None:
        self._details.update(found)
        while len(self._details) > 4000:
            del self._details[next(iter(self._details))]
        self._show_details()
        if self._known().keys() & {mark[0] for mark in found}:
            self._look_at_more()

    def _draw_chosen(self) -> None:
        segments = self.coordinator.segments
        self.list.choose(segments.chosen)
        edits, chosen = segments.edits, self._chosen()
        layer: Any = self.coordinator.segment_layers.segments
        mode = "" if layer is None else str(layer.mode)
        one = len(chosen) == 1
        self.rename.setEnabled(one)
        self.split.setEnabled(one)
        self.colour.setEnabled(bool(chosen))
        self.delete.setEnabled(bool(chosen))
        self.lock.setEnabled(bool(chosen))
        self.merge.setEnabled(len(chosen) > 1 and len({key.image for key in chosen}) == 1)
        self.lock.setText("Unlock" if edits is not None and chosen and all(edits[k].locked for k in chosen) else "Lock")
        for button, own in ((self.paint, "paint"), (self.erase, "erase")):
            button.setEnabled(edits is not None)
            button.setChecked(mode == own)

    def _chosen(self) -> "list[SegmentKey]":
        return list(self.coordinator.segments.chosen)

    # -- what the user does --------------------------------------------------------------------------------------

    def _on_chosen(self) -> None:
        try:
            keys = self.list.chosen_keys
            self._go_to(keys)
            self.coordinator.segments.choose(keys)
            self._take_number()
        except AlignedCutError as error:
            tell_error(error)

    def _go_to(self, keys: "Sequence[SegmentKey]") -> None:
        """Show a picture that holds one of them, where the picture in view does not."""
        study, segments = self.coordinator.shown.study, self.coordinator.segments
        images = {key.image for key in keys}
        if study is None or not keys or None in images or segments.image in images:
            return
        image = keys[-1].image
        if image in study.images:
            network, layer, _ = self.coordinator.display.position()
            self.coordinator.display.move_to(network, layer, study.images.index(image))

    def _change(self, change: Callable[[Any], Any]) -> Any:
        """Change the segments; what is wrong is told."""
        try:
            return self.coordinator.segments.edit(change)
        except AlignedCutError as error:
            tell_error(error)
            return None

    def _toggle_lock(self, key: "SegmentKey") -> None:
        self._change(lambda edits: edits.lock(key, not edits[key].locked))

    def toggle_locks(self) -> None:
        """Lock those chosen, or unlock them where all are locked."""
        edits, chosen = self.coordinator.segments.edits, self._chosen()
        if edits is not None and chosen:
            locked = not all(edits[key].locked for key in chosen)
            for key in chosen:
                if edits[key].locked != locked:
                    self._change(partial(_lock, key=key, locked=locked))

    def _ask_colour_of(self, key: "SegmentKey") -> None:
        self._give_colour([key])

    def ask_colour(self) -> None:
        """Ask for a colour of those chosen."""
        self._give_colour(self._chosen())

    def _give_colour(self, keys: "Sequence[SegmentKey]") -> None:
        edits = self.coordinator.segments.edits
        if edits is None or not keys:
            return
        colour = QColorDialog.getColor(QColor(*edits[keys[0]].colour), self, "Colour of the segment")
        if colour.isValid():
            for key in keys:
                self._change(partial(_recolour, key=key, colour=(colour.red(), colour.green(), colour.blue())))

    def unite(self) -> None:
        """Merge those chosen."""
        chosen = self._chosen()
        if len(chosen) > 1:
            kept = self._change(lambda edits: edits.merge(chosen))
            if kept is not None:
                self.coordinator.segments.choose([kept])

    def divide(self) -> None:
        """Split the chosen one into its pieces."""
        chosen = self._chosen()
        if len(chosen) == 1:
            parts = self._change(lambda edits: edits.split(chosen[0], self._pieces(chosen[0], edits)))
            if parts is not None:
                self.coordinator.segments.choose(parts)

    def _pieces(self, key: "SegmentKey", edits: Any) -> dict[int, Any] | None:
        """Of a segment that lies in many pictures, its pieces in the picture in view; None for all pieces."""
        image = self.coordinator.segments.image
        if key.image is not None or image is None or image not in edits.images:
            return None
        from scipy.ndimage import label

        return {image: label(edits.map_of(image) == key.number)[0]}

    def remove(self) -> None:
        """Delete those chosen."""
        for key in self._chosen():
            self._change(partial(_delete, key=key))

    def take_brush(self, *_: Any, erase: bool = False) -> None:
        """Paint the chosen segment, or a new one where none is; pressed again, the brush is put down."""
        layers, edits = self.coordinator.segment_layers, self.coordinator.segments.edits
        button = self.erase if erase else self.paint
        if edits is None or not button.isChecked():
            layers.put_down()
        else:
            self.coordinator.view.update(tool="")
            chosen = self._chosen()
            new = max((segment.key.number for segment in edits.segments), default=0) + 1
            layers.take_in_hand(chosen[0].number if chosen else new, erase=erase)
        self._draw_chosen()

    def _take_number(self) -> None:
        """What is chosen is what the brush paints."""
        layer: Any = self.coordinator.segment_layers.segments
        chosen = self._chosen()
        if layer is not None and chosen:
            layer.selected_label = chosen[0].number


def _lock(edits: Any, key: "SegmentKey", locked: bool) -> None:
    edits.lock(key, locked)


def _recolour(edits: Any, key: "SegmentKey", colour: tuple[int, int, int]) -> None:
    edits.recolour(key, colour)


def _delete(edits: Any, key: "SegmentKey") -> None:
    edits.delete(key)


def _button(words: str, tip: str, act: Callable[..., None]) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.clicked.connect(act)
    return button
