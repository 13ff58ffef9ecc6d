"""The heat map follows the selection: where else is this? And a threshold on it. Knows neither Qt nor napari."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import AlignedCutError, InputError
from ...progress import ProgressCallback
from ..state.history import Selection, SelectionMode
from ..state.node_values import NodeValues
from ..state.similarity import EigenvectorSimilarity, FeatureSimilarity, SimilaritySettings
from ..state.view_state import ViewState
from .heat_map import HeatMap
from .node_selection import NodeSelection
from .shown import Shown

__all__ = ["Similarity", "Worker"]


class Worker(Protocol):
    """Runs the latest of some requests; :class:`~alignedcut_viewer.viewer.work.latest_task.LatestTask` is one."""

    @property
    def busy(self) -> bool:
        """Whether something is at work."""

    def start(self, work: Callable[[ProgressCallback], Any]) -> None:
        """Do this in the place of what is at work."""

    def stop(self) -> None:
        """Drop what is at work."""


class Similarity:
    """Similarity of the active selection to all other nodes, shown as it is computed.

    Parameters
    ----------
    shown, selection, heat_map, view
        Whose nodes are compared, which of them, where the result is shown, and which layer is looked at.
    worker
        Makes what compares features in the background, out of a title and of what is called at the end, on the way
        ``(done, total, text)``, and when it comes to rest.

    Attributes
    ----------
    settings
        How the selection is compared with all nodes.
    partial
        Signal (NodeValues): what is compared so far.
    progressed
        Signal (text): what the comparison of features does in the background; "" when it rests.
    failed
        Signal (error): the selection cannot be compared as the settings say.
    """

    partial = Signal(NodeValues)
    progressed = Signal(str)
    failed = Signal(Exception)

    def __init__(
        self,
        shown: Shown,
        selection: NodeSelection,
        heat_map: HeatMap,
        view: ViewState,
        worker: Callable[..., Worker],
    ) -> None:
        self._shown, self._selection, self._heat_map, self._view = shown, selection, heat_map, view
        self.settings = SimilaritySettings()
        self._worker = worker("Comparing features", self._on_found, on_progress=self._on_progress, on_rest=self._rest)
        self._eigenvectors: EigenvectorSimilarity | None = None
        self._found_so_far: NodeValues | None = None
        self._held = False
        selection.changed.connect(self._on_selection)
        selection.active_changed.connect(self.follow)
        for name in ("show", "space", "scope"):
            self.settings.events[name].connect(self.follow)

    @property
    def busy(self) -> bool:
        """Whether features are compared in the background."""
        return self._worker.busy

    @property
    def has_question(self) -> bool:
        """Whether something is selected that all else could be compared with."""
        return bool(len(self._selection.of().nodes))

    def _on_selection(self, which: str, selection: Selection) -> None:
        if which == self._selection.active and not self._held:
            self.follow()

    def follow(self) -> None:
        """Show the similarity to the active selection, as the settings say."""
        self._stop()
        nodes, settings = self._selection.of().nodes, self.settings
        if not len(nodes) or not settings.show:
            shown = self._heat_map.values
            if shown is not None and shown.kind == "similarity":
                self._heat_map.clear()
            return
        loaded, cut = self._shown.study_and_cut()
        if settings.space == "eigenvectors":
            if self._eigenvectors is None:
                self._eigenvectors = EigenvectorSimilarity(cut)
            self._heat_map.show(self._eigenvectors.values(nodes, settings.scope))
            return
        position = self._view.position
        first = None if position is None else position[:2]
        try:
            work = FeatureSimilarity(loaded.study, cut, nodes, settings.space, settings.scope, first)
        except AlignedCutError as error:
            self._heat_map.clear()
            self.failed.emit(error)
            return
        self._found_so_far = work.partial
        self.partial.emit(work.partial)
        self.progressed.emit("Comparing features…")
        self._worker.start(work)

    def _on_progress(self, done: int, total: int, text: str) -> None:
        self.progressed.emit(f"Comparing features: {100 * done // max(total, 1)} %")
        if self._found_so_far is not None:
            self.partial.emit(self._found_so_far)

    def _on_found(self, values: NodeValues) -> None:
        self._heat_map.show(values)

    def _rest(self) -> None:
        self._found_so_far = None
        self.progressed.emit("")

    def _stop(self) -> None:
        if self._found_so_far is not None:
            self._worker.stop()
            self._rest()

    def forget(self) -> None:
        """Nodes are numbered anew: what was computed of the old ones is void."""
        self._stop()
        self._eigenvectors = None

    # -- threshold -----------------------------------------------------------------------------------------------

    def nodes_above(self, threshold: float | None = None) -> NDArray[np.int64]:
        """Nodes whose shown value reaches a threshold, by default that of the settings.

        Raises
        ------
        InputError
            If no values are shown.
        """
        if self._heat_map.values is None:
            raise InputError("No values are shown; pick a place in a picture first.")
        least = self.settings.threshold if threshold is None else threshold
        return np.flatnonzero(self._heat_map.values.values >= np.float32(least))

    def move_threshold(self, steps: int) -> None:
        """Move the threshold by some hundredths of the range of values, and show the mask."""
        values = self._heat_map.values
        low, high = (0.0, 1.0) if values is None else values.limits
        value = self.settings.threshold + steps * (high - low) / 100
        self.settings.update(threshold=min(max(value, low), high), mask=True)

    def select_above(self, mode: SelectionMode = "replace") -> None:
        """Choose the nodes above the threshold; the heat map stays, so that the threshold can still be moved."""
        chosen = self.nodes_above()
        with self.held():
            self._selection.select(chosen, mode)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Leave the heat map as it is while something else than a pick changes the selection."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
