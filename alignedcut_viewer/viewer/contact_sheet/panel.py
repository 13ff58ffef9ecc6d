"""The Contact sheet panel: many pictures × all layers of one or two networks at a glance."""

from ..widgets.board_panel import BoardPanel
from .board import SheetBoard

__all__ = ["ContactSheetPanel"]


class ContactSheetPanel(BoardPanel):
    """A row a picture, a column a layer; click a token to pick it and to go there."""

    title = "Contact sheet"
    purpose = "This panel then shows many pictures in all layers of one network at a glance."
    keys = (
        ("Arrows, PageUp, PageDown, Home, End", "move from cell to cell"),
        ("Enter", "go to the picture and the layer of the cell"),
        ("+ −, Ctrl-wheel", "larger or smaller cells"),
    )
    margin = 2
    exported = "contact-sheet"
    kind = SheetBoard
    board: SheetBoard

    def redraw(self) -> None:
        """Show the sheet, or that there is nothing on it."""
        if self.coordinator.shown.cut is None:
            self.say_no_result()
        else:
            self.show_contents()
