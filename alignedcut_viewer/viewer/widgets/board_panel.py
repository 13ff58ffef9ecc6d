"""Panels that are filled by one view, their board, which knows what is exported."""

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QPushButton, QWidget

from ..coordinator.coordinator import Coordinator
from .panel_base import Panel
from .panel_export import Table
from .view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

__all__ = ["Board", "BoardPanel"]


class Board(View):
    """The contents of a panel; :meth:`build` makes them.

    Parameters
    ----------
    coordinator
        Holds what is shown.
    state
        What was shown, and how; written whenever that changes.
    export
        The panel's button.
    """

    def __init__(
        self, coordinator: Coordinator, state: dict[str, Any], export: QPushButton, parent: QWidget | None = None
    ) -> None:
        super().__init__(coordinator, parent)
        self.state = state
        self.export = export
        self.build()

    def build(self) -> None:
        """Make the widgets."""
        raise NotImplementedError

    def figure(self) -> "Figure | Callable[[], Figure]":
        """What is seen, for print."""
        raise NotImplementedError

    def table(self) -> Table:
        """The numbers under it."""
        raise NotImplementedError


class BoardPanel(Panel):
    """A panel with a board in it."""

    kind: ClassVar[type[Board]]
    """What the board is."""
    board: Any

    def build(self) -> QWidget:
        """The board."""
        self.board = self.kind(self.coordinator, self.state, self.export)
        return self.board

    @property
    def parts(self) -> tuple[View, ...]:
        """The board."""
        return (self.board,)

    def figure(self) -> "Figure | Callable[[], Figure]":
        """What the board shows."""
        return self.board.figure()

    def table(self) -> Table:
        """The numbers on the board."""
        return self.board.table()

    def listen(self) -> None:
        """Follow what is shown."""
        self.follow(self.coordinator.shown.changed, self.redraw)
