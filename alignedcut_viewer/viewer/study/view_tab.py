"""The part of the Study panel that says how the result is shown."""

from typing import Any

from magicgui.widgets import CheckBox, FloatSlider
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..widgets.forms import note, scrolled, section
from ..widgets.view import View
from .runs_list import RunsList

__all__ = ["ViewTab"]


class ViewTab(View):
    """Which result, smooth or blocky, how opaque; and what is known of the networks behind it.

    Opacity and visibility are those of the layer of colours: changed here or in napari's own controls, both follow.
    """

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.runs = RunsList(coordinator, self)
        self.visible = CheckBox(
            name="visible", text="show colours", value=True, tooltip="AlignedCut colours over the pictures"
        )
        self.smooth = CheckBox(
            name="smooth", text="smooth", tooltip="Interpolate colours between tokens, or one colour per token"
        )
        self.opacity = FloatSlider(name="opacity", label="opacity", min=0, max=1, step=0.01, value=0.7)
        self.facts = note(name="facts")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            scrolled(
                section("Results of this study"),
                self.runs,
                section("Colours", self.visible, self.smooth, self.opacity),
                section("About this result", self.facts),
            )
        )
        self._layer: Any = None
        self.smooth.changed.connect(lambda on: coordinator.view.update(smooth=bool(on)))
        self.visible.changed.connect(self._set_visible)
        self.opacity.changed.connect(self._set_opacity)

    @property
    def parts(self) -> tuple[RunsList]:
        """The list of results."""
        return (self.runs,)

    def listen(self) -> None:
        """Follow what is shown."""
        self.follow(self.coordinator.shown.changed, self.redraw)
        self.follow(self.coordinator.view.events.smooth, self._draw_smooth)

    def rest(self) -> None:
        """Follow the layer no longer."""
        self._follow_layer(None)

    def redraw(self) -> None:
        """Show what is known of the study and the state of the layer of colours."""
        study = self.coordinator.shown.study
        self.facts.value = "No study is open yet." if study is None else "\n".join(f"• {fact}" for fact in study.facts)
        self._draw_smooth(self.coordinator.view.smooth)
        self._follow_layer(self.coordinator.display.colours)
        for widget in (self.visible, self.smooth, self.opacity):
            widget.enabled = self._layer is not None

    def _draw_smooth(self, smooth: bool) -> None:
        with self.smooth.changed.blocked():
            self.smooth.value = smooth

    def _follow_layer(self, layer: Any) -> None:
        if self._layer is not None:
            self._layer.events.opacity.disconnect(self._draw_layer)
            self._layer.events.visible.disconnect(self._draw_layer)
        self._layer = layer
        if layer is not None:
            layer.events.opacity.connect(self._draw_layer)
            layer.events.visible.connect(self._draw_layer)
            self._draw_layer()

    def _draw_layer(self, event: Any = None) -> None:
        if self._layer is not None:
            with self.visible.changed.blocked(), self.opacity.changed.blocked():
                self.visible.value = bool(self._layer.visible)
                self.opacity.value = float(self._layer.opacity)

    def _set_visible(self, visible: bool) -> None:
        if self._layer is not None:
            self._layer.visible = visible

    def _set_opacity(self, opacity: float) -> None:
        if self._layer is not None:
            self._layer.opacity = opacity
