"""The Selection panel: figure and ground, similarity over the pictures, threshold and mask, named selections."""

from collections.abc import Sequence

from magicgui.widgets import CheckBox, ComboBox, FloatSlider, PushButton
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..state.node_values import NodeValues
from ..state.similarity import SCOPES, SPACES
from ..widgets.forms import column, narrow, note, row, section
from ..widgets.panel_base import Panel
from ..widgets.view import View
from ..widgets.where_else import WhereElseView
from .named_selections_view import NamedView
from .selection_switch import SelectionSwitch

__all__ = ["SelectionPanel"]


class SelectionPanel(Panel):
    """Pick in the pictures, see where else it is, keep what was found."""

    title = "Selection"
    margin = 2

    def build(self) -> QWidget:
        """The sections, one above the other."""
        self.switch = SelectionSwitch(self.coordinator, self)
        self.similar = SimilarityView(self.coordinator, self)
        self.where_else = WhereElseView(self.coordinator, rows=2, parent=self)
        self.named = NamedView(self.coordinator, self)
        return column(self.switch, self.where_else, self.similar, self.named)

    @property
    def parts(self) -> Sequence[View]:
        """The sections."""
        return self.switch, self.where_else, self.similar, self.named


class SimilarityView(View):
    """How the selection is compared with all other nodes, and what is above a threshold."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.shown = CheckBox(
            name="similarity_shown",
            text="show similarity",
            tooltip="Show cosine similarity as a heat map over all pictures (Shift-H)",
        )
        self.space = ComboBox(
            name="space",
            label="space",
            choices=[(title, key) for key, title in SPACES.items()],
            tooltip="Eigenvectors are fast; features are read from disk, the shown layer first",
        )
        narrow(self.space)
        self.scope = ComboBox(
            name="scope",
            label="among",
            choices=[(title, key) for key, title in SCOPES.items()],
            tooltip="Which nodes the selection is compared with; the others stay uncoloured",
        )
        narrow(self.scope)
        self.progress = note(name="stream")
        self.mask = CheckBox(
            name="mask",
            text="show the mask above the threshold",
            tooltip="Fill everything at or above the threshold (Shift-M)",
        )
        self.threshold = FloatSlider(
            name="threshold",
            label="threshold",
            min=0.0,
            max=1.0,
            step=0.005,
            value=coordinator.similarity.settings.threshold,
            tooltip="Lowest value inside the mask",
        )
        self.count = note(name="count")
        self.select = PushButton(
            name="select_above",
            text="Select above threshold",
            tooltip="Make all nodes above the threshold the active selection, in all pictures, layers and networks",
        )
        self.export = PushButton(
            name="export_mask",
            text="Export masks…",
            tooltip="Write the mask of the network and layer that are shown, for all pictures at their original size",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(section("Similarity", self.shown, self.space, self.scope, self.progress))
        buttons = row(self.select, self.export)
        layout.addWidget(section("Mask", self.mask, self.threshold, self.count, buttons, wide=(buttons,)))
        self.shown.changed.connect(lambda on: coordinator.similarity.settings.update(show=bool(on)))
        self.space.changed.connect(lambda key: coordinator.similarity.settings.update(space=key))
        self.scope.changed.connect(lambda key: coordinator.similarity.settings.update(scope=key))
        self.mask.changed.connect(lambda on: coordinator.similarity.settings.update(mask=bool(on)))
        self.threshold.changed.connect(self._set_threshold)
        self.select.changed.connect(self._select)
        self.export.changed.connect(self._export)

    def listen(self) -> None:
        """Follow settings and values."""
        self.follow(self.coordinator.similarity.settings.events, self._draw)
        self.follow(self.coordinator.similarity.progressed, self._draw_progress)
        self.follow(self.coordinator.heat_map.changed, self._draw_values)

    def redraw(self) -> None:
        """Show the settings."""
        self._draw()
        self._draw_progress("")
        self._draw_values(self.coordinator.heat_map.values)

    def _draw(self) -> None:
        settings = self.coordinator.similarity.settings
        for widget, value in (
            (self.shown, settings.show),
            (self.space, settings.space),
            (self.scope, settings.scope),
            (self.mask, settings.mask),
            (self.threshold, settings.threshold),
        ):
            with widget.changed.blocked():
                if widget is self.threshold:
                    value = min(max(value, widget.min), widget.max)
                widget.value = value

    def _draw_progress(self, text: str) -> None:
        self.progress.value = text
        self.progress.native.setVisible(bool(text))

    def _draw_values(self, values: NodeValues | None) -> None:
        for widget in (self.mask, self.threshold, self.select, self.export):
            widget.enabled = values is not None
        if values is None:
            self.count.value = "Click in a picture to pick a place; drag with Ctrl for a region."
            return
        self.count.value = values.title
        low, high = values.limits
        with self.threshold.changed.blocked():
            if (self.threshold.min, self.threshold.max) != (low, high):
                self.threshold.step = (high - low) / 200
                self.threshold.min, self.threshold.max = min(low, self.threshold.value), max(high, self.threshold.value)
                self.threshold.value = min(max(self.coordinator.similarity.settings.threshold, low), high)
                self.threshold.min, self.threshold.max = low, high
        if self.threshold.value != self.coordinator.similarity.settings.threshold:
            self.coordinator.similarity.settings.update(threshold=float(self.threshold.value))

    def _set_threshold(self, value: float) -> None:
        self.coordinator.similarity.settings.update(threshold=float(value), mask=True)

    def _select(self) -> None:
        self.coordinator.similarity.select_above()

    def _export(self) -> None:
        from ..widgets.commands import export_mask

        if self.coordinator.viewer is not None:
            export_mask(self.coordinator.viewer)
