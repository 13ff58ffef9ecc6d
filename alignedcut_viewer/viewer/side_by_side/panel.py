"""The Side by side panel: another cut of the study over the same picture, linked with the one that is shown."""

from ..widgets.board_panel import BoardPanel
from .board import PaneBoard

__all__ = ["SideBySidePanel"]


class SideBySidePanel(BoardPanel):
    """Another cut of the study over the picture that is shown; a click in either answers in both."""

    title = "Side by side"
    purpose = "Then this panel shows a second cut beside it, such as “where” beside “what”."
    keys = (
        ("Arrows, Enter", "move over the tokens, and pick"),
        ("PageUp, PageDown, wheel", "go through the layers"),
    )
    margin = 2
    exported = "side-by-side"
    kind = PaneBoard
    board: PaneBoard

    def redraw(self) -> None:
        """Show the other cut, or say why there is none."""
        study = self.coordinator.shown.study
        if study is None or study.cut is None:
            self.say_no_result()
        elif len(study.cuts) < 2:
            self.say(
                "<b>The study has one cut only.</b> Run it once more in the Study panel under another name, with other "
                "settings or as another kind of cut, such as “what” or “where”; then both can be compared here.",
                study=True,
            )
        else:
            self.show_contents()
