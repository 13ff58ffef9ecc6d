"""Where the cells of a contact sheet lie: a picture in a row of its layers. Knows neither Qt nor napari."""

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Cell", "Rectangle", "SheetLayout"]

GAP = 3
BLOCK_GAP = 12


class Rectangle(NamedTuple):
    """Left, top, width and height in pixels of the sheet."""

    left: float
    top: float
    width: float
    height: float


class Cell(NamedTuple):
    """One cell: the row of a picture; column 0 is the picture itself, and column i the (i - 1)-th layer."""

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
        Number of layers, of all networks together.
    side
        Longer side of a picture in its cell, in pixels.
    caption
        Height of the line below each row, in pixels.
    blocks
        Rows that stand side by side, where there is room for several.
    """

    n_rows: int
    n_layers: int
    side: int
    caption: int = 0
    blocks: int = 1

    @classmethod
    def filling(cls, n_rows: int, n_layers: int, side: int, width: int, caption: int = 0) -> "SheetLayout":
        """The sheet that fills a width: as many rows side by side as fit, of cells as large as then fit.

        Parameters
        ----------
        n_rows, n_layers, caption
            As of the class.
        side
            Of the smallest cells.
        width
            In pixels.
        """
        least = cls(n_rows, n_layers, side, caption)
        blocks = min(max((width - GAP + BLOCK_GAP) // (least._block + BLOCK_GAP), 1), max(n_rows, 1))
        room = (width - GAP + BLOCK_GAP) // blocks - BLOCK_GAP
        return cls(n_rows, n_layers, max(room // (n_layers + 1) - GAP, side), caption, blocks)

    @property
    def pitch(self) -> int:
        """From one cell to the next in a row."""
        return self.side + GAP

    @property
    def line(self) -> int:
        """From one row to the one below."""
        return self.pitch + self.caption

    @property
    def _block(self) -> int:
        """Width of a row."""
        return (self.n_layers + 1) * self.pitch

    @property
    def width(self) -> int:
        """Width of the whole sheet."""
        return self.blocks * (self._block + BLOCK_GAP) - BLOCK_GAP + GAP

    @property
    def height(self) -> int:
        """Height of the whole sheet."""
        return -(-self.n_rows // self.blocks) * self.line + GAP

    def left_of(self, block: int) -> int:
        """Where a block of rows begins."""
        return GAP + block * (self._block + BLOCK_GAP)

    def visible_rows(self, top: float, height: float) -> range:
        """Rows that a window of the sheet touches."""
        first = max(int((top - GAP) // self.line), 0)
        last = int((top + height - GAP) // self.line)
        return range(first * self.blocks, min((last + 1) * self.blocks, self.n_rows))

    def visible_columns(self, left: float, width: float) -> range:
        """Columns that a window of the sheet touches; all where rows stand side by side."""
        if self.blocks > 1:
            return range(self.n_layers + 1)
        first = int((left - GAP) // self.pitch)
        last = int((left + width - GAP) // self.pitch)
        return range(max(first, 0), min(last + 1, self.n_layers + 1))

    def corner(self, cell: Cell) -> tuple[int, int]:
        """Left and top of a cell."""
        line, block = divmod(cell.row, self.blocks)
        return self.left_of(block) + cell.column * self.pitch, GAP + line * self.line

    def box(self, cell: Cell, aspect: float) -> Rectangle:
        """Where the picture of a cell lies; `aspect` is its width ÷ height."""
        width, height = (self.side, self.side / aspect) if aspect >= 1 else (self.side * aspect, self.side)
        left, top = self.corner(cell)
        return Rectangle(left + (self.side - width) / 2, top + (self.side - height) / 2, width, height)

    def cell_at(self, x: float, y: float) -> Cell | None:
        """The cell at a point of the sheet; None in a gap and outside."""
        block = int((x - GAP) // (self._block + BLOCK_GAP))
        across, down = x - self.left_of(block), y - GAP
        column, line = int(across // self.pitch), int(down // self.line)
        row = line * self.blocks + block
        inside = across % self.pitch < self.side and down % self.line < self.side
        inside &= 0 <= block < self.blocks and line >= 0 and row < self.n_rows and 0 <= column <= self.n_layers
        return Cell(row, column) if inside else None

    def fraction(self, cell: Cell, aspect: float, x: float, y: float) -> tuple[float, float] | None:
        """A point of the sheet as shares (y, x) of the picture in a cell; None outside the picture."""
        box = self.box(cell, aspect)
        down, right = (y - box.top) / box.height, (x - box.left) / box.width
        return (down, right) if 0 <= down < 1 and 0 <= right < 1 else None
