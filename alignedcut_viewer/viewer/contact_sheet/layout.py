"""Where the cells of a contact sheet lie: one row per picture, one column per layer. Knows neither Qt nor napari."""

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Cell", "Rectangle", "SheetLayout"]

GAP = 3


class Rectangle(NamedTuple):
    """Left, top, width and height in pixels of the sheet."""

    left: float
    top: float
    width: float
    height: float


class Cell(NamedTuple):
    """One cell; column 0 is the picture itself, and column i the (i - 1)-th layer."""

    row: int
    column: int


@dataclass(frozen=True)
class SheetLayout:
    """A sheet of equal cells, each with a picture of its own shape in its middle.

    Parameters
    ----------
    n_rows
        Number of pictures.
    n_layers
        Number of layers.
    side
        Longer side of a picture in its cell, in pixels.
    """

    n_rows: int
    n_layers: int
    side: int

    @property
    def pitch(self) -> int:
        """From one cell to the next."""
        return self.side + GAP

    @property
    def width(self) -> int:
        """Width of the whole sheet."""
        return (self.n_layers + 1) * self.pitch + GAP

    @property
    def height(self) -> int:
        """Height of the whole sheet."""
        return self.n_rows * self.pitch + GAP

    def visible_rows(self, top: float, height: float) -> range:
        """Rows that a window of the sheet touches."""
        first = int((top - GAP) // self.pitch)
        last = int((top + height - GAP) // self.pitch)
        return range(max(first, 0), min(last + 1, self.n_rows))

    def visible_columns(self, left: float, width: float) -> range:
        """Columns that a window of the sheet touches."""
        first = int((left - GAP) // self.pitch)
        last = int((left + width - GAP) // self.pitch)
        return range(max(first, 0), min(last + 1, self.n_layers + 1))

    def box(self, cell: Cell, aspect: float) -> Rectangle:
        """Where the picture of a cell lies; `aspect` is its width ÷ height."""
        width, height = (self.side, self.side / aspect) if aspect >= 1 else (self.side * aspect, self.side)
        left = GAP + cell.column * self.pitch + (self.side - width) / 2
        top = GAP + cell.row * self.pitch + (self.side - height) / 2
        return Rectangle(left, top, width, height)

    def cell_at(self, x: float, y: float) -> Cell | None:
        """The cell at a point of the sheet; None in a gap and outside."""
        column, row = int((x - GAP) // self.pitch), int((y - GAP) // self.pitch)
        inside = (x - GAP) % self.pitch < self.side and (y - GAP) % self.pitch < self.side
        return Cell(row, column) if inside and 0 <= row < self.n_rows and 0 <= column <= self.n_layers else None

    def fraction(self, cell: Cell, aspect: float, x: float, y: float) -> tuple[float, float] | None:
        """A point of the sheet as shares (y, x) of the picture in a cell; None outside the picture."""
        box = self.box(cell, aspect)
        down, right = (y - box.top) / box.height, (x - box.left) / box.width
        return (down, right) if 0 <= down < 1 and 0 <= right < 1 else None
