"""What lies over the pictures: one switch, and one list of what can be chosen. Knows neither Qt nor napari."""

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from psygnal import Signal

from ...brain.centring import Centring
from ...errors import InputError
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from .heat_map import HeatMap
from .shown import Shown
from .similarity import Similarity

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation

__all__ = ["VIEWS", "Canvas", "CanvasView", "region_title"]


class CanvasView(NamedTuple):
    """One entry of the switch: its name, its title, and what to do where it has nothing to show."""

    name: str
    title: str
    lacking: str


VIEWS: tuple[CanvasView, ...] = (
    CanvasView("colours", "Colours", "Run a study, or open one; its colours appear over the pictures."),
    CanvasView("similarity", "Similarity", "Click into a picture; what is similar to that place appears."),
    CanvasView("concepts", "Concepts", "Discover concepts in the Concepts panel; all of them appear at once."),
    CanvasView("segments", "Segments", "Make segments in the Segments panel; they appear over the pictures."),
    CanvasView("region", "Region", "Click a region in the Brain panel; what drives it appears."),
)
"""All entries, in their order. To add one, add it here, and give what it shows to :meth:`Canvas.offer` or
:meth:`Canvas.attach`."""


class Canvas:
    """Colours, values or groups over the pictures, one of them at a time.

    Parameters
    ----------
    shown, heat_map, similarity
        What the pictures are of, values over them, and what makes them follow the selection.

    Attributes
    ----------
    changed
        Signal (name): another entry of :data:`VIEWS` is shown.
    labels_changed
        Signal (NodeLabels or None): other groups, or none, lie over the pictures.
    """

    changed = Signal(str)
    labels_changed = Signal(object)

    def __init__(self, shown: Shown, heat_map: HeatMap, similarity: Similarity) -> None:
        self._shown, self._heat_map, self._similarity = shown, heat_map, similarity
        self._labels: NodeLabels | None = None
        self._labels_of = ""
        self._region: NodeValues | None = None
        self._region_of: tuple[str, Centring] | None = None
        self._makers: dict[str, Callable[[], NodeLabels | None]] = {"concepts": self._concepts}
        self._layers: dict[str, tuple[Callable[[], bool], Callable[[], None]]] = {}
        self._layer = self._covered = ""
        self._told = ""
        heat_map.changed.connect(self._on_values)
        shown.concepts_changed.connect(self.refresh)

    @property
    def labels(self) -> NodeLabels | None:
        """The groups that lie over the pictures."""
        return self._labels

    @property
    def current(self) -> str:
        """Which entry of :data:`VIEWS` is shown."""
        if self._labels is not None or self._layer:
            return self._labels_of or self._layer
        values = self._heat_map.values
        return "colours" if values is None else values.kind

    def offer(self, name: str, make: Callable[[], NodeLabels | None]) -> None:
        """Let an entry show groups; `make` gives them, or None where there are none.

        Raises
        ------
        InputError
            If there is no such entry.
        """
        self._check(name)
        self._makers[name] = make

    def attach(self, name: str, show: Callable[[], bool], hide: Callable[[], None]) -> None:
        """Let an entry show a layer of its own; `show` says whether there is one.

        Raises
        ------
        InputError
            If there is no such entry.
        """
        self._check(name)
        self._layers[name] = (show, hide)

    def show(self, name: str) -> None:
        """Show an entry.

        Raises
        ------
        InputError
            If there is no such entry, or it has nothing to show; the sentence says what to do.
        """
        view = self._check(name)
        if self._shown.cut is None:
            raise InputError(VIEWS[0].lacking)
        try:
            if not self._show(name):
                raise InputError(view.lacking)
        finally:
            self._tell()

    def came(self, name: str) -> None:
        """Show a layer because there is something new on it, until something is picked; needs a result."""
        if self._shown.cut is not None and self._show_layer(name):
            self._tell()

    def gone(self, name: str) -> None:
        """Show a layer no longer, because nothing is left on it."""
        if self._covered == name:
            self._covered = ""
        if self._layer == name:
            self._leave_layer()
            self._tell()

    def _show_layer(self, name: str) -> bool:
        show, _ = self._layers[name]
        if not show():
            return False
        self._set(None)
        show()  # what was there before has brought the colours back
        self._layer = name
        return True

    def _show(self, name: str) -> bool:
        """Show an entry; whether it has something to show."""
        settings = self._similarity.settings
        if name in self._makers:
            labels = self._makers[name]()
            if labels is None:
                return False
            settings.update(show=False)
            self._set(labels, name)
        elif name in self._layers:
            if not self._show_layer(name):
                return False
            settings.update(show=False)
        elif name == "colours":
            settings.update(show=False)
            self._set(None)
        elif name == "similarity":
            self._set(None)
            if settings.show:
                self._similarity.follow()
            else:
                settings.update(show=True)
            return self._similarity.has_question
        elif name == "region" and self._region is not None:
            settings.update(show=False)
            self._set(None)
            self._heat_map.show(self._region)
        else:
            return False
        return True

    def show_region(self, name: str, about: Centring) -> None:
        """Show over the pictures how much every token activates a brain region.

        Parameters
        ----------
        name
            The region.
        about
            What activation is measured from.

        Raises
        ------
        InputError
            If the cut that is shown has no such region.
        """
        cut = self._shown.cut
        activation = None if cut is None else cut.brain_activation
        if activation is None:
            raise InputError(self._check("region").lacking)
        values = activation.values(name, about=about)
        limit = float(np.quantile(np.abs(values[:: max(len(values) // 65_536, 1)]), 0.99)) or 1.0
        title = region_title(activation, name)
        self._region_of = (name, about)
        self._heat_map.show(values, title, limits=(-limit, limit), signed=True, kind="region")

    @property
    def state(self) -> dict[str, Any]:
        """What is shown, JSON-ready, for :meth:`restore`."""
        return {"view": self.current, "region": self._region_of}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Show a region or concepts again, as far as the cut has them; other entries follow the selection."""
        with contextlib.suppress(InputError, TypeError, ValueError):
            if state.get("view") == "region":
                name, about = state["region"]
                self.show_region(str(name), about)
            elif state.get("view") == "concepts":
                self.show("concepts")

    def refresh(self) -> None:
        """Groups that are shown became others: concepts were renamed, merged or discovered anew."""
        if self._labels is not None:
            labels = self._makers[self._labels_of]()
            self._set(labels, self._labels_of)
            self._tell()

    def clear(self) -> None:
        """Show the colours, until something is selected."""
        self._set(None)
        self._similarity.settings.update(show=True)
        self._tell()

    def forget(self) -> None:
        """Nodes are numbered anew."""
        self._region = self._region_of = None
        self._set(None)
        self._tell()

    def _check(self, name: str) -> CanvasView:
        for view in VIEWS:
            if view.name == name:
                return view
        raise InputError(f"The pictures can be shown by {', '.join(view.name for view in VIEWS)}; not by {name!r}.")

    def _concepts(self) -> NodeLabels | None:
        cut = self._shown.cut
        concepts = None if cut is None else cut.concepts
        if concepts is None or not len(concepts):
            return None
        everything = concepts.concepts
        return NodeLabels(
            concepts.labels, [one.name for one in everything], [one.colour for one in everything], "Concepts"
        )

    def _set(self, labels: NodeLabels | None, name: str = "") -> None:
        before = self._labels
        self._leave_layer()
        self._covered = ""
        self._labels, self._labels_of = labels, name if labels is not None else ""
        self._heat_map.clear()
        if labels is not before:
            self.labels_changed.emit(labels)

    def _on_values(self, values: NodeValues | None) -> None:
        if values is not None:
            if values.kind == "region":
                self._region = values
            self._covered = self._layer or self._covered
            self._leave_layer()
            if self._labels is not None:
                self._labels, self._labels_of = None, ""
                self.labels_changed.emit(None)
        elif self._covered:  # by what was picked, which was taken away again
            covered, self._covered = self._covered, ""
            self._show_layer(covered)
        self._tell()

    def _leave_layer(self) -> None:
        left, self._layer = self._layer, ""
        if left:
            self._layers[left][1]()

    def _tell(self) -> None:
        if self.current != self._told:
            self._told = self.current
            self.changed.emit(self._told)


def region_title(activation: "BrainActivation", name: str) -> str:
    """What the values of a region are called; it says so where brain data are simulated."""
    return f"drives {name}" + (" (simulated)" if activation.simulated else "")
