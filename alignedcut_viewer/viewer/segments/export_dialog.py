"""Which formats masks are written in."""

from collections.abc import Sequence

from qtpy.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from ...choices import MASK_FORMATS

__all__ = ["FormatsDialog", "ask_formats"]


class FormatsDialog(QDialog):
    """A box a format; a folder is asked for afterwards.

    Parameters
    ----------
    chosen
        Formats that are ticked at first.
    """

    def __init__(self, chosen: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export masks")
        column = QVBoxLayout(self)
        column.addWidget(QLabel("Masks of all pictures, at their own size, as"))
        self.boxes: dict[str, QCheckBox] = {}
        for name, words in MASK_FORMATS.items():
            box = self.boxes[name] = QCheckBox(words)
            box.setChecked(name in chosen)
            box.toggled.connect(self._on_toggled)
            column.addWidget(box)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText("Choose a folder…")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column.addWidget(self.buttons)
        self._on_toggled()

    @property
    def formats(self) -> tuple[str, ...]:
        """Those that are ticked."""
        return tuple(name for name, box in self.boxes.items() if box.isChecked())

    def _on_toggled(self) -> None:
        self.ok.setEnabled(bool(self.formats))


def ask_formats(parent: QWidget | None, chosen: Sequence[str]) -> tuple[str, ...]:
    """Ask which formats to write; none if the user thought better of it."""
    dialog = FormatsDialog(chosen, parent)
    return dialog.formats if dialog.exec() == QDialog.DialogCode.Accepted else ()
