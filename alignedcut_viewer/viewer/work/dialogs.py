"""Questions to the user: which folder, which file."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QWidget

from ...places import Location, Url, as_place

__all__ = [
    "ask_choice",
    "ask_existing_file",
    "ask_existing_files",
    "ask_folder",
    "ask_new_file",
    "ask_study",
    "ask_text",
    "ask_whether",
    "is_open",
    "window_of",
]


def window_of(viewer: object) -> QWidget | None:
    """The main window of a viewer, so that dialogs stand in front of it; None without a window."""
    window = getattr(getattr(viewer, "__wrapped__", viewer), "window", None)
    return getattr(window, "_qt_window", None)


def is_open(viewer: object) -> bool:
    """Whether a viewer is there and its window, if it is one with a window, has not been closed."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer is None:
        return False
    if not hasattr(viewer, "window"):  # a model without a window
        return True
    window = window_of(viewer)
    return window is not None and isalive(window)


def ask_folder(parent: QWidget | None, title: str, start: str | Path = "") -> Path | None:
    """Ask for a folder, which may be a new one; None if the user thought better of it."""
    chosen = QFileDialog.getExistingDirectory(parent, title, _start(start))
    return Path(chosen) if chosen else None


def ask_study(parent: QWidget | None, typed: str, shown: Location | None) -> Location | None:
    """The study to open: at the URL that was typed, unless it is shown already; else ask for a folder.

    Raises
    ------
    InputError
        If what was typed begins like a URL and is none.
    """
    place = as_place(typed) if typed.strip() else None
    if isinstance(place, Url) and place != shown:
        return place
    return ask_folder(parent, "Open study", typed)


def ask_existing_file(parent: QWidget | None, title: str, start: str | Path = "", kinds: str = "") -> Path | None:
    """Ask for a file that is there; `kinds` as for Qt: ``Images (*.png *.jpg);;All files (*)``."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, _start(start), kinds)
    return Path(chosen) if chosen else None


def ask_existing_files(parent: QWidget | None, title: str, start: str | Path = "", kinds: str = "") -> list[Path]:
    """Ask for files that are there; `kinds` as for Qt. None at all if the user thought better of it."""
    chosen, _ = QFileDialog.getOpenFileNames(parent, title, _start(start), kinds)
    return [Path(each) for each in chosen]


def ask_new_file(parent: QWidget | None, title: str, start: str | Path, kinds: str) -> Path | None:
    """Ask for a file to write; one without an ending takes that of the chosen kind."""
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(Path(start).expanduser()), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if "*." in kind:
        ending = "." + kind.partition("*.")[2].split(")")[0].split(" ")[0]
        if not path.suffix or (ending.count(".") > 1 and not path.name.endswith(ending)):
            path = path.with_name(path.name.removesuffix(Path(ending).suffix) + ending)
    return path


def ask_whether(parent: QWidget | None, title: str, question: str) -> bool:
    """Ask a question that is answered by Yes or No; No where the user just closes it."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(parent, title, question, buttons.Yes | buttons.No, buttons.No)
    return bool(answer == buttons.Yes)


def ask_choice(parent: QWidget | None, title: str, question: str, choices: Sequence[str]) -> str | None:
    """Ask a question that is answered by one of some words; None where the user presses Cancel or just closes it."""
    box = QMessageBox(QMessageBox.Icon.Question, title, question, QMessageBox.StandardButton.Cancel, parent)
    buttons = {choice: box.addButton(choice, QMessageBox.ButtonRole.AcceptRole) for choice in choices}
    box.exec()
    clicked = box.clickedButton()
    return next((choice for choice, button in buttons.items() if button is clicked), None)


def ask_text(parent: QWidget | None, title: str, question: str, text: str = "") -> str | None:
    """Ask for a line of text; None if the user thought better of it."""
    answer, done = QInputDialog.getText(parent, title, question, text=text)
    return str(answer) if done else None


def _start(path: str | Path) -> str:
    """The nearest folder that exists."""
    if not str(path):
        return str(Path.home())
    there = Path(path).expanduser().absolute()
    return str(next((p for p in (there, *there.parents) if p.exists()), Path.home()))
