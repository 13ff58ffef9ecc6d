"""The part of the Study panel that writes figures and masks."""

from collections.abc import Callable
from typing import Any

from magicgui.widgets import PushButton, Select, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...choices import MASK_FORMATS
from ..coordinator.coordinator import Coordinator
from ..widgets.commands import export_figure, export_masks
from ..widgets.forms import SettingsForm, listing, note, scrolled, section
from ..widgets.view import View

__all__ = ["ExportTab"]


class ExportTab(View):
    """Export figure and Export masks, with what they need to know."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.figure_pictures = SpinBox(
            name="figure_pictures", label="pictures", min=1, max=200, tooltip="How many pictures the figure shows"
        )
        self.export_figure = PushButton(
            name="export_figure",
            text="Export figure…",
            tooltip="Pictures × layers × networks in AlignedCut colours, as PNG, SVG or PDF",
        )
        self.mask_formats = Select(
            name="mask_formats",
            label="formats",
            choices=[(title, key) for key, title in MASK_FORMATS.items()],
            tooltip="Click to choose one or more",
        )
        listing(self.mask_formats)
        self.export_masks = PushButton(
            name="export_masks",
            text="Export masks…",
            tooltip="The segments that are open in the Segments panel as masks, at the size of the original pictures",
        )
        self.form = SettingsForm(
            coordinator,
            {name: getattr(self, name) for name in ("figure_pictures", "mask_formats")},
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            scrolled(
                section(
                    "Figure",
                    note("All layers and networks of the cut in their colours, smooth or blocky as shown."),
                    self.figure_pictures,
                    self.export_figure,
                ),
                section(
                    "Masks",
                    note("The segments of the Segments panel, for all their pictures, at the size of these."),
                    self.mask_formats,
                    self.export_masks,
                ),
            )
        )
        self.export_figure.changed.connect(lambda: self._do(export_figure))
        self.export_masks.changed.connect(lambda: self._do(export_masks))

    def _do(self, command: Callable[[Any], None]) -> None:
        viewer = self.coordinator.viewer
        if viewer is not None:
            command(viewer)

    def listen(self) -> None:
        """Follow settings and what is shown."""
        self.follow(self.coordinator.settings.events, self._draw_settings)
        self.follow(self.coordinator.shown.changed, self._draw_shown)
        self.follow(self.coordinator.segments.changed, self._draw_shown)

    def redraw(self) -> None:
        """Show the settings; without a cut, or segments, there is nothing to export."""
        self._draw_settings()
        self._draw_shown()

    def _draw_settings(self) -> None:
        self.form.show(self.coordinator.settings)

    def _draw_shown(self) -> None:
        study = self.coordinator.shown.study
        self.export_figure.enabled = study is not None and study.cut is not None
        self.export_masks.enabled = bool(self.coordinator.segments.names)
