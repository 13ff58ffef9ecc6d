"""What painted widgets share: colours that follow napari's theme, legible text, focus, tooltips."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QIcon, QImage, QPainter, QPainterPath, QPen, QPixmap
from qtpy.QtWidgets import QComboBox, QSizePolicy, QToolTip, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = [
    "Colours",
    "PaintedWidget",
    "between",
    "choice",
    "halo_text",
    "image_of",
    "legible",
    "shown_number",
    "swatch",
]

SIMULATED = "#8B1A1A"


@dataclass(frozen=True)
class Colours:
    """Colours of a painted widget.

    Attributes
    ----------
    back, text, faint, line, current
        Background, letters, letters and lines of less weight, hairlines, and the ground of what the keys are at.
    dark
        Whether letters are bright on dark.
    """

    back: QColor
    text: QColor
    faint: QColor
    line: QColor
    current: QColor
    dark: bool

    @classmethod
    def of(cls, viewer: "ViewerModel | None") -> "Colours":
        """Those of the viewer's theme."""
        from napari.utils.theme import get_theme

        theme = get_theme("dark" if viewer is None else viewer.theme)
        back, text = (QColor(*_rgb(colour)) for colour in (theme.background, theme.text))
        return cls(
            back=back,
            text=text,
            faint=between(back, text, 0.62),
            line=between(back, text, 0.25),
            current=between(back, text, 0.13),
            dark=back.lightness() < text.lightness(),
        )


def _rgb(colour: Any) -> tuple[int, int, int]:
    red, green, blue = colour.as_rgb_tuple()[:3]
    return int(red), int(green), int(blue)


def between(a: QColor, b: QColor, share: float) -> QColor:
    """A colour on the way from one to another."""
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x + share * (y - x)) for x, y in pairs))


def legible(colour: QColor, colours: Colours) -> QColor:
    """A colour, mixed with that of the letters as far as it needs to stand out from the background."""
    for share in (0.0, 0.3, 0.5, 0.7):
        mixed = between(colour, colours.text, share)
        if abs(_brightness(mixed) - _brightness(colours.back)) > 70:
            return mixed
    return colours.text


def _brightness(colour: QColor) -> float:
    return 0.299 * colour.red() + 0.587 * colour.green() + 0.114 * colour.blue()


class PaintedWidget(QWidget):
    """A widget that paints itself, takes keys, and tells what is under the cursor.

    Subclasses override :meth:`paint` and :meth:`words_at`.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.update()

    def paint(self, painter: QPainter) -> None:
        """Paint everything; background and focus frame are there already."""

    def words_at(self, place: QPointF) -> str:
        """Text of the tooltip at a place, empty for none."""
        return ""

    @property
    def metrics(self) -> QFontMetricsF:
        """Sizes of letters."""
        return QFontMetricsF(self.font())

    def small_font(self) -> QFont:
        """A font a little smaller than that of the window."""
        font = QFont(self.font())
        if font.pixelSize() > 0:
            font.setPixelSize(max(round(0.87 * font.pixelSize()), 8))
        else:
            font.setPointSizeF(max(0.87 * font.pointSizeF(), 6.5))
        return font

    def paintEvent(self, event: Any) -> None:
        """Paint background, contents and focus frame."""
        painter = QPainter(self)
        try:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), self.colours.back)
            self.paint(painter)
            if self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(self.colours.faint, 1, Qt.PenStyle.DotLine))
                painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        finally:
            painter.end()

    def event(self, event: QEvent) -> bool:
        """Show the tooltip of what is under the cursor."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.words_at(QPointF(event.pos()))
            if words:
                QToolTip.showText(event.globalPos(), words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def focusInEvent(self, event: Any) -> None:
        """Show the focus frame."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        """Hide it."""
        super().focusOutEvent(event)
        self.update()


def choice(entries: dict[str, str], chosen: str, tooltip: str) -> QComboBox:
    """A box that chooses one of some keys by their words, as wide as the longest."""
    box = QComboBox()
    for key, words in entries.items():
        box.addItem(words, key)
    box.setCurrentIndex(max(box.findData(chosen), 0))
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return box


def halo_text(
    painter: QPainter, place: QPointF, words: str, *, colour: QColor, halo: QColor, width: float = 3.0
) -> None:
    """Write words centred on a place, with a rim that keeps them legible on any ground."""
    metrics = QFontMetricsF(painter.font())
    path = QPainterPath()
    baseline = QPointF(
        place.x() - metrics.horizontalAdvance(words) / 2, place.y() + (metrics.ascent() - metrics.descent()) / 2
    )
    path.addText(baseline, painter.font(), words)
    painter.setPen(QPen(halo, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.fillPath(path, colour)


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """An image that shares its memory with an array, for as long as that lives."""
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    kind = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    image = QImage(pixels.data, width, height, channels * width, kind)
    image.pixels = pixels
    return image


def shown_number(value: float) -> str:
    """A number of three digits with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def swatch(colour: str, size: int = 14) -> QIcon:
    """A small square of a colour."""
    pixels = QPixmap(size, size)
    pixels.fill(QColor(colour))
    return QIcon(pixels)
