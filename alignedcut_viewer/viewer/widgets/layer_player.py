"""A slider over the layers with play, pause and steps."""

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from .painting import Colours

__all__ = ["LayerPlayer"]

ICON = 12
PARTS = 20
"""Steps of the slider from one layer to the next."""
INTERVAL_MS = 40
REST = 14
"""Ticks that a layer is shown before the points move on."""


_NO_HANDLE = "QSlider::handle:horizontal { background: transparent; border: none; }"


class LayerPlayer(QWidget):
    """Walks through layers; between two of them, continuously.

    Attributes
    ----------
    moved
        Signal (layer or None): the layer number, with a fraction between layers; None when it is put away.
    """

    moved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[int, ...] = ()
        self._waited = 0
        self._colour = QColor(128, 128, 128)
        self.play = self._button("play", "Play the layers: every token moves on the map (Space)")
        self.back = self._button("back", "Previous layer (PageDown)")
        self.on = self._button("on", "Next layer (PageUp)")
        self.off = self._button("stop", "Show all layers again")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Layer that is shown; drag to see tokens move from layer to layer")
        self.slider.setAccessibleName("Layer")
        self.slider.setMinimumWidth(60)
        self.label = QLabel("all layers")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.play, self.back, self.on, self.off):
            layout.addWidget(widget)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.label)
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)
        self.play.clicked.connect(self.toggle)
        self.back.clicked.connect(lambda: self.step(-1))
        self.on.clicked.connect(lambda: self.step(1))
        self.off.clicked.connect(self.put_away)
        self.slider.valueChanged.connect(self._tell)
        self.put_away()

    def _button(self, shape: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(shape)
        button.setIconSize(QSize(ICON, ICON))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self._colour = colours.text
        self._draw_icons()

    def _draw_icons(self) -> None:
        self.play.setObjectName("pause" if self.playing else "play")
        for button in (self.play, self.back, self.on, self.off):
            button.setIcon(_icon(button.objectName(), self._colour, self.devicePixelRatioF()))

    @property
    def playing(self) -> bool:
        """Whether layers go by."""
        return self._timer.isActive()

    @property
    def layer(self) -> float | None:
        """Where it is; None while all layers are shown."""
        if not self._shown or not self._layers:
            return None
        position, part = divmod(self.slider.value(), PARTS)
        before = self._layers[position]
        after = self._layers[min(position + 1, len(self._layers) - 1)]
        return before + (after - before) * part / PARTS

    def set_layers(self, layers: Sequence[int]) -> None:
        """Walk through these layer numbers, ascending; what was shown is put away if they are others."""
        if tuple(layers) != self._layers:
            self.put_away()
            self._layers = tuple(layers)
            self.slider.blockSignals(True)
            self.slider.setRange(0, max(len(layers) - 1, 0) * PARTS)
            self.slider.setSingleStep(PARTS)
            self.slider.setPageStep(PARTS)
            self.slider.setValue(0)
            self.slider.blockSignals(False)
        self.setEnabled(len(self._layers) > 1)

    def show_layer(self, layer: int) -> None:
        """Stay at a layer, or at the nearest of those there are."""
        if not self._layers:
            return
        self.pause()
        value = self._value_of(layer)
        if self.slider.value() == value:
            self._tell()
        else:
            self.slider.setValue(value)

    def wait_at(self, layer: int) -> None:
        """While all layers are shown: the layer that the next step or play begins with."""
        if not self._shown and self._layers:
            self.slider.blockSignals(True)
            self.slider.setValue(self._value_of(layer))
            self.slider.blockSignals(False)

    def _value_of(self, layer: int) -> int:
        return PARTS * min(range(len(self._layers)), key=lambda position: abs(self._layers[position] - layer))

    def toggle(self) -> None:
        """Play, or pause."""
        if self.playing:
            self.pause()
        elif self.isEnabled():
            if self.slider.value() == self.slider.maximum():
                self.slider.setValue(0)
            self._waited = 0
            self._timer.start()
            self._draw_icons()
            self._tell()

    def pause(self) -> None:
        """Stay where it is."""
        self._timer.stop()
        self._draw_icons()

    def step(self, by: int) -> None:
        """Go to a neighbouring layer."""
        if not self.isEnabled():
            return
        self.pause()
        if not self._shown:
            self._tell()
            return
        position = self.slider.value()
        on = (position // PARTS + 1) * PARTS if by > 0 else (position - 1) // PARTS * PARTS
        self.slider.setValue(min(max(on, 0), self.slider.maximum()))

    def put_away(self) -> None:
        """Show all layers again."""
        self.pause()
        self._shown = False
        self.label.setText("all layers")
        self.slider.setStyleSheet(_NO_HANDLE)  # it stands at no layer
        self.moved.emit(None)

    def _tick(self) -> None:
        if self.slider.value() % PARTS == 0 and self._waited < REST:
            self._waited += 1
            return
        self._waited = 0
        if self.slider.value() >= self.slider.maximum():
            self.pause()
        else:
            self.slider.setValue(self.slider.value() + 1)

    def _tell(self) -> None:
        if not self._shown:
            self.slider.setStyleSheet("")
        self._shown = True
        layer = self.layer
        if layer is not None:
            self.label.setText(f"layer {int(layer)}")
            self.moved.emit(layer)


def _icon(shape: str, colour: QColor, ratio: float) -> QIcon:
    """A sign of a player: the style's own signs are dark on dark themes."""
    pixels = QPixmap(round(ICON * ratio), round(ICON * ratio))
    pixels.setDevicePixelRatio(ratio)
    pixels.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixels)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if shape == "back":
        painter.translate(ICON, 0)
        painter.scale(-1, 1)
    if shape in ("play", "on", "back"):
        tip = 9.0 if shape != "play" else 11.0
        painter.drawPolygon(QPolygonF([QPointF(1.5, 1), QPointF(tip, 6), QPointF(1.5, 11)]))
    bars = {"on": [9.0], "back": [9.0], "pause": [2.0, 7.5]}.get(shape, [])
    for left in bars:
        painter.drawRect(QRectF(left, 1, 2.5 if shape == "pause" else 2.0, 10))
    if shape == "stop":
        painter.drawRect(QRectF(1.5, 1.5, 9, 9))
    painter.end()
    return QIcon(pixels)
