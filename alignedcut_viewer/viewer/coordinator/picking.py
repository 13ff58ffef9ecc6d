"""Picking: chosen nodes, their similarity to all others over the pictures, a threshold, a mask. Knows no Qt."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import AlignedCutError, InputError
from ..state.history import Selection, SelectionMode
from ..state.node_values import NodeValues
from ..state.similarity import EigenvectorSimilarity, FeatureSimilarity, SimilaritySettings
from .node_selection import NodeSelection

__all__ = ["Picking"]


class Picking(NodeSelection):
    """The part of a coordinator whose heat map follows the selection.

    Attributes
    ----------
    similarity
        How the selection is compared with all nodes.
    similarity_changed
        Signal (settings).
    stream_changed
        Signal (text): what the comparison of features does in the background; "" when it rests.
    """

    similarity_changed = Signal(SimilaritySettings)
    stream_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.similarity = SimilaritySettings()
        self._eigenvectors: EigenvectorSimilarity | None = None
        self._held = False

    # -- by mouse and key ----------------------------------------------------------------------------------------

    def pick(self, nodes: NDArray[np.int64] | list[int], mode: SelectionMode = "replace") -> None:
        """Choose nodes with the active selection, as a click does."""
        self.select(nodes, mode)

    def nodes_at(self, network: str, layer: int, image: int, rows: slice, columns: slice) -> NDArray[np.int64]:
        """Patch nodes of a rectangle of the token grid of one picture, ascending."""
        index = self._index()
        grid = index.network(network)
        patches = index.patch_slice(network, layer, image)
        numbers = np.arange(patches.start, patches.stop, dtype=np.int64).reshape(grid.rows, grid.columns)
        return numbers[rows, columns].ravel()

    def step(self, down: int, right: int) -> None:
        """Move what is pointed at by some tokens on the picture that is shown, starting in its middle."""
        position = self.position
        if position is None:
            return
        index = self._index()
        grid = index.network(position[0])
        if position[1] not in grid.layers:
            return
        row, column = grid.rows // 2, grid.columns // 2
        if self.hovered is not None:
            place = index.locate(self.hovered)
            # On another layer or picture the pointer stays where it is on the picture.
            if index.networks[int(place.network)].name == position[0] and place.row >= 0:
                row, column = int(place.row) + down, int(place.column) + right
        row, column = min(max(row, 0), grid.rows - 1), min(max(column, 0), grid.columns - 1)
        self.hover(index.node(*position, row=row, column=column))

    def pick_hovered(self, mode: SelectionMode = "replace") -> None:
        """Choose what is pointed at."""
        if self.hovered is not None:
            self.pick([self.hovered], mode)

    # -- similarity ----------------------------------------------------------------------------------------------

    def change_similarity(self, **fields: Any) -> None:
        """Replace some of the settings of similarity; what is shown follows."""
        new = replace(self.similarity, **fields)
        old, self.similarity = self.similarity, new
        if new == old:
            return
        if (new.show, new.space, new.scope) != (old.show, old.space, old.scope):
            self._follow_selection()
        if (new.mask, new.threshold) != (old.mask, old.threshold):
            self._draw_mask()
        self._tell(self.similarity_changed, new)

    def _tell_selection(self, which: str, selection: Selection) -> None:
        super()._tell_selection(which, selection)
        self._draw_selections()
        if which == self.active and not self._held:
            self._follow_selection()

    def set_active(self, which: str) -> None:
        """Let picking change that selection; the heat map follows it."""
        if which != self.active:
            super().set_active(which)
            self._follow_selection()

    def _follow_selection(self) -> None:
        """Show the similarity to the active selection, as the settings say."""
        self._stop_stream()
        selection = self.selection()
        if not len(selection) or not self.similarity.show:
            self.clear_values()
            return
        loaded, cut = self.shown_cut()
        if self.similarity.space == "eigenvectors":
            if self._eigenvectors is None:
                self._eigenvectors = EigenvectorSimilarity(cut)
            self.show_values(self._eigenvectors.values(selection.nodes, self.similarity.scope))
            return
        position = self.position
        try:
            work = FeatureSimilarity(
                loaded.study,
                cut,
                selection.nodes,
                self.similarity.space,
                self.similarity.scope,
                None if position is None else position[:2],
            )
        except AlignedCutError as error:
            self.clear_values()
            self._tell_error(error)
            return
        partial = work.partial
        self._draw_values(partial)
        self._stream(work, lambda: self._draw_values(partial), self.show_values)

    def _forget_nodes(self) -> None:
        self._stop_stream()
        self._eigenvectors = None
        super()._forget_nodes()

    # -- threshold -----------------------------------------------------------------------------------------------

    def nodes_above(self, threshold: float | None = None) -> NDArray[np.int64]:
        """Nodes whose shown value reaches a threshold, by default that of the settings.

        Raises
        ------
        InputError
            If no values are shown.
        """
        if self.values is None:
            raise InputError("No values are shown; pick a place in a picture first.")
        least = self.similarity.threshold if threshold is None else threshold
        return np.flatnonzero(self.values.values >= np.float32(least))

    def move_threshold(self, steps: int) -> None:
        """Move the threshold by some hundredths of the range of values, and show the mask."""
        low, high = (0.0, 1.0) if self.values is None else self.values.limits
        value = self.similarity.threshold + steps * (high - low) / 100
        self.change_similarity(threshold=min(max(value, low), high), mask=True)

    def select_above(self, mode: SelectionMode = "replace") -> None:
        """Choose the nodes above the threshold; the heat map stays, so that the threshold can still be moved."""
        chosen = self.nodes_above()
        self._held = True
        try:
            self.select(chosen, mode)
        finally:
            self._held = False

    # -- what the window adds ------------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[str, int, int] | None:
        """Network, layer and image that are shown."""
        raise NotImplementedError

    def _draw_selections(self) -> None:
        """Bring the layer of outlines up to date."""

    def _draw_mask(self) -> None:
        """Bring the layer of the mask up to date."""

    def _set_values(self, values: NodeValues | None) -> None:
        super()._set_values(values)
        self._draw_mask()

    def _stream(self, work: FeatureSimilarity, on_part: Callable[[], None], then: Callable[[NodeValues], None]) -> None:
        """Run the comparison in the background, in the place of an earlier one."""

    def _stop_stream(self) -> None:
        """End the comparison in the background."""

    def _tell_error(self, error: Exception) -> None:
        """Tell the user."""
