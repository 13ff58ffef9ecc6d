"""The Brain panel: which parts of visual cortex the selected pixels activate."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea

from ..frames.brain_regions import ACTIVATION, region_scores
from ..widgets.board_panel import BoardPanel
from .board import BrainBoard
from .source import HOW_TO_GET_ONE, OF_JOINT_CUTS, activation_work, leads_to_the_brain

__all__ = ["BrainPanel"]

COMPUTING = "<b>Working.</b> The activation of every brain region by every pixel is computed once for this result."
STOPPED = "The activation of brain regions has not been computed for this result yet."


class BrainPanel(BoardPanel):
    """Bars, curves over layers and the cortex for the selection; without brain data, how to get some."""

    title = "Brain"
    purpose = "This panel then shows which brain regions its pixels activate."
    keys = (
        ("Left, Right", "next region; Up and Down among the plots over layers"),
        ("Home, End", "first and last region"),
        ("Enter", "show what activates the region, in all pictures"),
        ("Escape", "remove the heat map"),
    )
    minimum_width = 320
    exported = "brain-regions"
    kind = BrainBoard
    board: BrainBoard
    usual_size = (400, 680)
    asks = ("Brain activation",)

    def build(self) -> QScrollArea:
        """The board, which scrolls."""
        self._asked: Any = None
        area = QScrollArea()
        area.setWidget(super().build())
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def leave(self) -> None:
        """Close the cortex in three dimensions too."""
        self.board.lower.window_3d.close()

    def listen(self) -> None:
        """Follow what is shown and what is at work."""
        super().listen()
        self.follow(self.coordinator.tasks.changed, self.look_again_after)

    def redraw(self) -> None:
        """Show the board, or what is missing for it."""
        study = self.coordinator.shown.study
        activation = None if study is None else ACTIVATION.known(study)
        scores = None
        if study is not None and study.cut is not None and activation is not None:
            scores = region_scores(study.study, study.cut)
        self.board.set_activation(activation, scores)
        if activation is not None:
            self.show_contents()
        elif study is None or study.cut is None:
            self.say_no_result()
        elif not leads_to_the_brain(study):
            self.say(HOW_TO_GET_ONE if study.cut.layered is None else OF_JOINT_CUTS, study=True)
        elif self._asked == study.identity:
            self.say(STOPPED, compute="Compute")
        elif self.coordinator.tasks.state.busy:
            self.say(COMPUTING)  # begun when what is at work has ended
        else:
            self.compute_now()

    def compute_now(self) -> None:
        """Compute the activation of brain regions, in the background."""
        study = self.coordinator.shown.study
        if study is None or study.cut is None:
            return
        self._asked = study.identity
        self.say(COMPUTING)
        if not self.coordinator.tasks.start("Brain activation", activation_work(study), self._computed):
            self.say(STOPPED, compute="Compute")

    def _computed(self, activation: Any) -> None:
        if self._listening:
            self.redraw()
