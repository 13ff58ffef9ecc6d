"""Before masks are written: how they look, and in which formats."""

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...choices import MASK_FORMATS
from ..frames.mask_preview import SIDE, MaskPreview, Preview
from ..work.latest_task import LatestTask
from .painting import image_of

__all__ = ["MaskDialog", "ask_formats"]

WAITING = "…"


class MaskDialog(QDialog):
    """A picture with its mask, which can be leafed through, and a box a format; a folder is asked for afterwards.

    Parameters
    ----------
    chosen
        Formats that are ticked at first.
    what
        What is written, in a few words.
    names
        Of the pictures.
    position
        Of the one that is shown first.
    preview
        Makes what is shown, in the background.
    """

    def __init__(
        self,
        chosen: Sequence[str],
        what: str,
        names: Sequence[str],
        position: int,
        preview: Preview,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export masks")
        self._names, self._preview = tuple(names), preview
        self.position = min(max(position, 0), max(len(names) - 1, 0))
        self.shown: MaskPreview | None = None
        self._looking = LatestTask("Looking at a mask", self._on_preview)
        self.picture = QLabel(WAITING)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedSize(QSize(SIDE, 3 * SIDE // 4))
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setFixedWidth(SIDE)
        self.earlier, self.later = QToolButton(), QToolButton()
        turns = ((self.earlier, Qt.ArrowType.LeftArrow, -1), (self.later, Qt.ArrowType.RightArrow, 1))
        for button, arrow, step in turns:
            button.setArrowType(arrow)
            button.setToolTip("The picture before" if step < 0 else "The next picture")
            button.clicked.connect(partial(self.turn, step))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText("Choose a folder…")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.boxes: dict[str, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.addWidget(QLabel(f"{what}, for all pictures at their own size"))
        sides = QHBoxLayout()
        sides.addLayout(self._left())
        sides.addSpacing(8)
        sides.addLayout(self._right(chosen))
        column.addLayout(sides)
        column.addWidget(self.buttons)
        self._on_toggled()
        self._look()

    def _left(self) -> QVBoxLayout:
        left, foot = QVBoxLayout(), QHBoxLayout()
        left.addWidget(self.picture)
        left.addWidget(self.words)
        foot.addWidget(self.earlier)
        foot.addWidget(self.later)
        foot.addStretch(1)
        left.addLayout(foot)
        left.addStretch(1)
        return left

    def _right(self, chosen: Sequence[str]) -> QVBoxLayout:
        right = QVBoxLayout()
        right.addWidget(QLabel("as"))
        for name, words in MASK_FORMATS.items():
            box = self.boxes[name] = QCheckBox(words)
            box.setChecked(name in chosen)
            box.toggled.connect(self._on_toggled)
            right.addWidget(box)
        right.addStretch(1)
        return right

    @property
    def formats(self) -> tuple[str, ...]:
        """Those that are ticked."""
        return tuple(name for name, box in self.boxes.items() if box.isChecked())

    def _on_toggled(self) -> None:
        self.ok.setEnabled(bool(self.formats))

    # -- the preview ---------------------------------------------------------------------------------------------

    def turn(self, step: int, *_: object) -> None:
        """Look at another picture."""
        position = min(max(self.position + step, 0), len(self._names) - 1)
        if position != self.position:
            self.position = position
            self._look()

    def _look(self) -> None:
        self.shown = None
        self._say(WAITING)
        self.earlier.setEnabled(self.position > 0)
        self.later.setEnabled(self.position < len(self._names) - 1)
        self._looking.start(partial(self._preview, self.position))

    def _say(self, words: str) -> None:
        self.words.setText(f"<b>{self._names[self.position]}</b> ({self.position + 1} of {len(self._names)}): {words}")

    def _on_preview(self, found: MaskPreview) -> None:
        self.shown = found
        room, ratio = self.picture.size(), self.devicePixelRatioF()
        image = image_of(found.image).scaled(
            room * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        image.setDevicePixelRatio(ratio)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self._say(found.words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """PageUp and PageDown leaf through the pictures."""
        steps = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}
        if event.key() in steps:
            self.turn(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def done(self, result: int) -> None:
        """Look at nothing more."""
        self._looking.stop()
        super().done(result)


def ask_formats(
    parent: QWidget | None, chosen: Sequence[str], what: str, names: Sequence[str], position: int, preview: Preview
) -> tuple[str, ...]:
    """Show how masks will look, and ask which formats to write; none if the user thought better of it.

    Parameters are those of :class:`MaskDialog`.
    """
    dialog = MaskDialog(chosen, what, names, position, preview, parent)
    try:
        return dialog.formats if dialog.exec() == QDialog.DialogCode.Accepted else ()
    finally:
        dialog.deleteLater()
