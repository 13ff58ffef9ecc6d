"""Where the study is written: seen before Run and after, with ways to get there."""

from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from ...errors import InputError
from ...places import Location, as_place
from ..coordinator.coordinator import Coordinator
from ..state.settings import shown_path
from .view import View

__all__ = ["StudyPlace"]


class StudyPlace(View):
    """One line: what Run will write, or has written, and where."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.words = QLabel()
        self.path = QElidingLabel()
        self.path.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.open = QToolButton()
        self.open.setText("Folder")
        self.open.setToolTip("Show the folder in the computer's own file manager")
        self.copy = QToolButton()
        self.copy.setText("Copy")
        self.copy.setToolTip("Copy the path, for a terminal or a script")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.path, 1)
        layout.addWidget(self.open)
        layout.addWidget(self.copy)
        self.open.clicked.connect(self._open)
        self.copy.clicked.connect(self._copy)

    def listen(self) -> None:
        """Follow the settings and what is shown."""
        self.follow(self.coordinator.settings.events, self._draw)
        self.follow(self.coordinator.shown.changed, self._draw)

    def redraw(self) -> None:
        """Say where the study is, or will be."""
        self._draw()

    @property
    def place(self) -> Location | None:
        """The folder of the study, or its URL; None where none was chosen yet, or what is typed is neither."""
        text = self.coordinator.settings.study.strip()
        try:
            return as_place(text) if text else None
        except InputError:  # a URL that is still being typed
            return None

    def _draw(self) -> None:
        place = self.place
        for widget in (self.open, self.copy):
            widget.setEnabled(place is not None)
        self.open.setEnabled(isinstance(place, Path))
        if place is None:
            self.words.setText("Results go into a study; choose pictures first.")
            self.path.setText("")
            return
        study = self.coordinator.shown.study
        is_shown = study is not None and study.path == place
        there = is_shown or (isinstance(place, Path) and (place / "zarr.json").is_file())
        self.words.setText("Written to" if is_shown else "Run adds to" if there else "Run will write")
        self.path.setText(shown_path(place))
        self.setToolTip(f"{self.words.text()} {place}")

    def _open(self) -> None:
        place = self.place
        if isinstance(place, Path):
            there = next(folder for folder in (place, *place.parents) if folder.is_dir())
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(there)))

    def _copy(self) -> None:
        if self.place is not None:
            QApplication.clipboard().setText(str(self.place))
