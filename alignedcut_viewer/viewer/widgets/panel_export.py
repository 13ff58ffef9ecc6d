"""What a panel shows, as a file: PNG, SVG or PDF drawn anew by matplotlib, or the numbers under it as CSV.

Every panel exports through the :func:`export_button` of the base of panels.
"""

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QPushButton, QWidget

from ...atomic_files import replacing, safe_name, writing
from ...choices import FIGURE_SUFFIXES
from ...errors import AlignedCutError, InputError
from ...progress import ProgressCallback, report
from ...tables import plain_cell
from ..coordinator.coordinator import Coordinator
from ..work.dialogs import ask_new_file
from ..work.task_runner import tell_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawing", "Table", "export_button", "export_panel", "save_panel", "write_table"]

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]
"""Names of the columns, and the rows; a row's entries are texts, numbers or None."""
Drawing = Callable[[], "Figure | Callable[[], Figure]"]
"""Gives a figure, or a function that does."""

KINDS = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf);;CSV, the numbers (*.csv)"
PRINT_DPI = 200
_ROWS_BETWEEN_REPORTS = 4096

_last_folder: Path | None = None


def export_panel(parent: QWidget, figure: Drawing, table: Callable[[], Table], name: str) -> Path | None:
    """Ask for a file and write what a panel shows to it, in the background.

    Parameters
    ----------
    parent
        The panel; where it knows a coordinator, the file dialog starts beside the study that is shown.
    figure
        Gives a matplotlib figure of what is seen, on white. Called in the window's thread after the user has chosen a
        picture; must not use pyplot. It is drawn and written in the background, so it must hold copies, not views, of
        what may change. Where making the figure takes longer than a moment, gives a function instead, which makes it
        in the background and knows no widget.
    table
        Gives the numbers under it. Called in the window's thread; the rows may be a generator, which is then consumed
        in the background.
    name
        Name of the file that is suggested, without ending.

    Returns
    -------
    Path or None
        The file that is being written; None if the user thought better of it, or nothing could be begun. What goes
        wrong is told as a notification.
    """
    global _last_folder
    coordinator: Coordinator | None = getattr(parent, "coordinator", None)
    study = None if coordinator is None else coordinator.shown.study
    folder = _last_folder or (Path.home() if study is None else study.around)
    path = ask_new_file(parent.window(), f"Export {name.replace('-', ' ')}", folder / f"{safe_name(name)}.png", KINDS)
    if path is None:
        return None
    _last_folder = path.parent
    try:
        work = save_panel(path, figure, table)
        if coordinator is None:
            work(lambda done, total, text: None)
            _tell_written(path)
        elif not coordinator.tasks.start(f"Exporting {path.name}", work, _tell_written):
            return None
    except AlignedCutError as error:
        tell_error(error)
        return None
    return path


def export_button(parent: QWidget, figure: Drawing, table: Callable[[], Table], name: str) -> QPushButton:
    """A button for a panel that exports what it shows; parameters as for :func:`export_panel`."""
    button = QPushButton("Export…", parent)
    button.setObjectName("export_panel")
    button.setToolTip("Write what this panel shows: PNG, SVG or PDF for print, CSV for the numbers")
    button.clicked.connect(lambda: export_panel(parent, figure, table, name))
    return button


def save_panel(path: Path, figure: Drawing, table: Callable[[], Table]) -> Callable[[ProgressCallback], Path]:
    """The work of writing one file; its ending tells what is written.

    Raises
    ------
    InputError
        If the file has another ending than .png, .svg, .pdf or .csv.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        header, rows = table()

        def write(progress: ProgressCallback) -> Path:
            return write_table(path, header, rows, progress)

        return write
    if kind not in FIGURE_SUFFIXES:
        raise InputError(
            f"{path.name} must end in .png, .svg or .pdf for a picture of the panel, or in .csv for its numbers."
        )
    drawn = figure()

    def draw(progress: ProgressCallback) -> Path:
        from ...figures.save import save_figure

        report(progress, 0, 1, f"drawing {path.name}")
        return save_figure(drawn() if callable(drawn) else drawn, path, dpi=PRINT_DPI)

    return draw


def write_table(
    path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]], progress: ProgressCallback | None = None
) -> Path:
    """Write a CSV file in one step (UTF-8, commas, one line of column names).

    Parameters
    ----------
    path
        File to write; an older one is replaced, folders that are missing are made.
    header
        Names of the columns.
    rows
        Texts, numbers and None (an empty entry). Numbers are written so that they read back the same; NaN is empty.
    progress
        Called with the number of rows; may cancel, which leaves no file behind.

    Raises
    ------
    InputError
        If a row is longer or shorter than the header.
    StorageError
        If the file cannot be written.
    """
    target = Path(path).expanduser().absolute()
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([plain_cell(name) for name in header])
        for number, row in enumerate(rows):
            if len(row) != len(header):
                raise InputError(f"Row {number + 1} has {len(row)} entries, but there are {len(header)} columns.")
            writer.writerow([plain_cell(_entry(value)) for value in row])
            if number % _ROWS_BETWEEN_REPORTS == 0:
                report(progress, 0, 0, f"writing {target.name}: {number:,} rows")
    return target


def _entry(value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ""
    return str(value)


def _tell_written(path: Path) -> None:
    show_info(f"Written to {path}.")
