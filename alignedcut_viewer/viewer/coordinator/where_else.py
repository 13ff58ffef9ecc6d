"""Where else is this? Pictures ranked by what lies over them, in the background. Knows neither Qt nor napari."""

from collections.abc import Callable

from psygnal import Signal

from ...nodes import Slot
from ...progress import ProgressCallback
from ..frames.ranking import Ranking, rank_by_selection, rank_pictures
from ..state.view_state import ViewState
from .heat_map import HeatMap
from .node_selection import NodeSelection
from .shown import Shown
from .similarity import Similarity, Worker

__all__ = ["PLACES", "WhereElse"]

PLACES = {"shown": "in the layer shown", "all": "in all layers"}
"""Where the best place of each picture is sought, and its name for the user."""


class WhereElse:
    """Ranks the pictures by the heat map, or by the selection where there is none; only while somebody listens.

    Parameters
    ----------
    shown, selection, heat_map, similarity, view
        What is ranked, by what, above which threshold, and which layer is looked at.
    worker
        Makes what ranks in the background, out of a title and of what is called at the end.

    Attributes
    ----------
    ranking
        The latest, or None where nothing is selected and no values are shown.
    changed
        Signal (Ranking or None): there is another one.
    """

    changed = Signal(object)

    def __init__(
        self,
        shown: Shown,
        selection: NodeSelection,
        heat_map: HeatMap,
        similarity: Similarity,
        view: ViewState,
        worker: Callable[..., Worker],
    ) -> None:
        self._shown, self._selection, self._heat_map = shown, selection, heat_map
        self._similarity, self._view = similarity, view
        self.ranking: Ranking | None = None
        self._place = "shown"
        self._slot: tuple[str, int] | None = None
        self._worker = worker("Ranking pictures", self._on_ranked)
        heat_map.changed.connect(self.follow)
        selection.changed.connect(self.follow)
        selection.active_changed.connect(self.follow)
        similarity.settings.events["threshold"].connect(self.follow)
        view.events["position"].connect(self._on_position)

    @property
    def place(self) -> str:
        """A key of :data:`PLACES`."""
        return self._place

    @place.setter
    def place(self, place: str) -> None:
        if place != self._place:
            self._place = place
            self.follow()

    def _on_position(self) -> None:
        position = self._view.position
        slot = None if position is None else position[:2]
        if slot != self._slot:
            self._slot = slot
            if self._place == "shown":
                self.follow()

    def follow(self) -> None:
        """Rank anew, in the background; what was asked for before is dropped."""
        if not len(self.changed):
            return
        cut, values, nodes = self._shown.cut, self._heat_map.values, self._selection.of().nodes
        if cut is None or (values is None and not len(nodes)):
            self._worker.stop()
            self._on_ranked(None)
            return
        index, threshold = cut.index, self._similarity.settings.threshold
        slot = self._view.position
        slots = None if self._place == "all" or slot is None else [Slot(slot[0], slot[1])]

        def work(progress: ProgressCallback) -> Ranking:
            if values is None:
                return rank_by_selection(index, nodes)
            return rank_pictures(index, values, nodes, threshold, slots, progress)

        self._worker.start(work)

    def forget(self) -> None:
        """Nodes are numbered anew."""
        self._worker.stop()
        self._on_ranked(None)

    def _on_ranked(self, ranking: Ranking | None) -> None:
        if ranking is not None or self.ranking is not None:
            self.ranking = ranking
            self.changed.emit(ranking)
