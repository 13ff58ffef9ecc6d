"""The settings with which the Concepts panel discovers concepts."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QSizePolicy, QSpinBox, QWidget

__all__ = ["DiscoveryForm"]

SCOPES = {
    "layer": "the layer shown",
    "pair": "this layer and the next",
    "network": "the network shown",
    "all": "all layers",
}


class DiscoveryForm(QWidget):
    """How many concepts, of which radius, among which pixels; and the button that begins.

    Parameters
    ----------
    state
        Gives the place where the settings are kept, JSON-ready.
    """

    def __init__(self, state: Callable[[], dict[str, Any]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.count = QSpinBox()
        self.count.setRange(0, 200)
        self.count.setSpecialValueText("auto")
        self.count.setToolTip("Maximum number of concepts; auto lets the data decide")
        self.radius = QDoubleSpinBox()
        self.radius.setRange(0, 10_000)
        self.radius.setDecimals(2)
        self.radius.setSingleStep(0.5)
        self.radius.setSpecialValueText("auto")
        self.radius.setToolTip(
            "Radius of the spheres in units of the 3-D map that gives the colours.\n"
            "Smaller: purer concepts of fewer pixels. auto: the largest that keeps spheres apart."
        )
        self.scope = QComboBox()
        for key, words in SCOPES.items():
            self.scope.addItem(words, key)
        self.scope.setToolTip(
            "Which pixels take part. Categories are best sought in one late layer: over all layers, groups are\n"
            "the layers themselves unless the alignment brings them together."
        )
        self.discover = QPushButton("Discover")
        self.discover.setToolTip(
            "Find groups of pixels that lie together in the space of the colours: in the background.\n"
            "Pinned concepts are kept, and names carry over to concepts with mostly the same pixels."
        )
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(3)
        for column, (words, widget) in enumerate((("number", self.count), ("radius", self.radius))):
            label = QLabel(words)
            label.setToolTip(widget.toolTip())
            layout.addWidget(label, 0, 2 * column)
            layout.addWidget(widget, 0, 2 * column + 1)
        among = QLabel("among")
        among.setToolTip(self.scope.toolTip())
        layout.addWidget(among, 1, 0)
        layout.addWidget(self.scope, 1, 1, 1, 2)
        layout.addWidget(self.discover, 1, 3)
        layout.setColumnStretch(1, 1)
        layout.setColumnStretch(3, 1)
        kept = state()
        self.count.setValue(int(kept.get("count", 0)))
        self.radius.setValue(float(kept.get("radius", 0)))
        self.scope.setCurrentIndex(max(self.scope.findData(kept.get("scope", "layer")), 0))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.count.valueChanged.connect(self._keep)
        self.radius.valueChanged.connect(self._keep)
        self.scope.currentIndexChanged.connect(self._keep)

    def showEvent(self, event: Any) -> None:
        """Ask for room anew: the theme makes spin boxes higher than they were when they were laid out."""
        super().showEvent(event)
        boxes = (self.count, self.radius, self.scope, self.discover)
        for box in boxes:
            box.ensurePolished()
        height = max(box.sizeHint().height() for box in boxes)
        for box in boxes:
            box.setMinimumHeight(height)

    def _keep(self, *_: Any) -> None:
        self._state().update(count=self.count.value(), radius=self.radius.value(), scope=str(self.scope.currentData()))

    def settings(self, position: tuple[str, int, int] | None) -> dict[str, Any]:
        """What to discover, where the sliders show a network, a layer and an image.

        Fields of :class:`~alignedcut_viewer.pipeline.concept_stage.ConceptSettings`, which takes a while to import.
        """
        scope = self.scope.currentData()
        layer = 0 if position is None else position[1]
        layers = {"layer": (layer,), "pair": (layer, layer + 1)}
        return {
            "networks": None if scope == "all" or position is None else (position[0],),
            "layers": None if position is None else layers.get(scope),
            "radius": self.radius.value() or "auto",
            "n_concepts": self.count.value() or None,
        }
