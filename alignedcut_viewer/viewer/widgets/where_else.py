"""Where else is this? How much is selected, and crops of the pictures, the most similar first."""

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..coordinator.where_else import PLACES
from ..frames.node_crops import NodeCrop, NodeCrops
from ..frames.ranking import Ranking
from ..work.task_runner import tell_error
from .crop_strip import CropStrip
from .forms import narrow_box
from .painting import Colours, choice, shown_number
from .view import View

__all__ = ["WhereElseView"]

HINT = "Click into a picture: the pictures that hold the same appear here, the most similar first."
BATCH = 6


class WhereElseView(View):
    """A sentence, and a strip of crops that one goes to by a click.

    Parameters
    ----------
    coordinator
        Ranks the pictures.
    rows
        Rows of crops that it is high.
    """

    def __init__(self, coordinator: Coordinator, rows: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.place = choice(PLACES, coordinator.where_else.place, "Where the best place of each picture is sought")
        narrow_box(self.place)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.strip = CropStrip(Colours.of(coordinator.viewer), rows)
        self._reader = self.latest_task("Reading crops", self._keep)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(QLabel("<b>Where else?</b>"))
        head.addWidget(self.place, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 2)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.sentence)
        layout.addWidget(self.strip, 1)
        self.place.currentIndexChanged.connect(self._choose_place)
        self.strip.wants.connect(self._read)
        self.strip.pointed.connect(self._point)
        self.strip.chosen.connect(self._go)

    def listen(self) -> None:
        """Follow the ranking and the theme."""
        self.follow(self.coordinator.where_else.changed, self._draw)
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Rank what is shown now."""
        self._on_theme()
        self._draw(self.coordinator.where_else.ranking)
        self.coordinator.where_else.follow()

    def _on_theme(self, *_: Any) -> None:
        self.strip.set_colours(Colours.of(self.coordinator.viewer))

    def _draw(self, ranking: Ranking | None) -> None:
        self.place.setCurrentIndex(self.place.findData(self.coordinator.where_else.place))
        study = self.coordinator.shown.study
        if ranking is None or study is None or study.cut is None:
            self.sentence.setText("")
            self.strip.show_nodes(None, [], [], HINT)
            return
        parts = [] if not ranking.selected.tokens else [f"Selected: {ranking.selected}"]
        if ranking.found.tokens:
            parts.append(f"At least {shown_number(ranking.threshold)}: {ranking.found}")
        self.sentence.setText(". ".join(parts) + "." * bool(parts))
        self.sentence.setToolTip(f"Pictures by {ranking.title}. The threshold is that of the Selection panel.")
        crops, index = self.strip.crops, study.cut.index
        if crops is None or crops.index is not index or crops.pictures is not study.pictures:
            crops = NodeCrops(study.pictures, index)
        words = [shown_number(float(value)) for value in ranking.values]
        self.strip.show_nodes(crops, ranking.nodes.tolist(), words, "No picture has any of it here.")

    def _choose_place(self, *_: Any) -> None:
        self.coordinator.where_else.place = str(self.place.currentData())

    # -- crops ---------------------------------------------------------------------------------------------------

    def _read(self, nodes: list[int]) -> None:
        crops = self.strip.crops
        if crops is not None and not self._reader.busy and self._listening:
            wanted = nodes[:BATCH]
            self._reader.start(lambda progress: (crops, crops.read(wanted, progress)))

    def _keep(self, found: tuple[NodeCrops, dict[int, NodeCrop]]) -> None:
        found[0].keep(found[1])
        self.strip.viewport().update()  # which asks for those that are still missing

    # -- what the user does --------------------------------------------------------------------------------------

    def _point(self, node: int | None) -> None:
        if node != self.coordinator.selection.hovered:
            self.coordinator.selection.hover(node)

    def _go(self, node: int, add: bool) -> None:
        try:
            self.coordinator.go_to(node)
            self.coordinator.selection.hover(node)
            if add:
                self.coordinator.selection.select([node], "add")
        except AlignedCutError as error:
            tell_error(error)
