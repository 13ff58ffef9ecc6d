"""The cortex, painted: views of both hemispheres in the colours of a selection, with regions that can be clicked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, halo_text, shown_number
from .cortex_scene import CortexScene
from .region_widget import RegionWidget

if TYPE_CHECKING:
    from ...brain import ColourScale

__all__ = ["CortexView"]

SUPERSAMPLING = 2.0
LARGEST = 1800
RESIZE_PAUSE = 250
LEAST_HEIGHT = 220
UNIT = "units of the responses"
ROOM_FOR_NAMES = 5.0
"""Heights of a letter that the lowest view needs before all regions are named; else only the marked one is."""


class CortexView(RegionWidget):
    """Views of the cortex.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    scene_wanted
        Signal (height, width, top margin): a scene of that many pixels would fit the widget; whoever computes it gives
        it to :meth:`show_scene`.
    """

    scene_wanted = Signal(int, int, int)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.scene: CortexScene | None = None
        self.values: Mapping[str, NDArray[np.float32]] | None = None
        self.scale: ColourScale | None = None
        self.title = ""
        self.hint = ""
        self._picture: QImage | None = None
        self._labels: list[tuple[QPointF, QPointF, str]] | None = None
        self._marked = ""
        self._rims: dict[int, QImage] = {}
        self._wanted: tuple[int, int, int] | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(RESIZE_PAUSE)
        self._pause.timeout.connect(self._ask_for_scene)
        self.setAccessibleName("Cortex")
        self.setMinimumHeight(LEAST_HEIGHT)

    def sizeHint(self) -> QSize:
        """About as wide as high."""
        return QSize(360, 330)

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme: the ground of the picture changes too."""
        self._picture = None
        super().set_colours(colours)

    # -- what is shown -------------------------------------------------------------------------------------------

    def set_scores(self, scores: Mapping[str, float]) -> None:
        """Other regions may be hardly predicted: they are painted pale, and names bear their scores."""
        self._picture, self._labels = None, None
        super().set_scores(scores)

    def show_scene(self, scene: CortexScene | None) -> None:
        """Show another scene, or none."""
        self.scene, self._picture, self._labels = scene, None, None
        self._rims.clear()
        if scene is None:
            self._wanted = None
        self.update()

    def show_values(
        self, values: Mapping[str, NDArray[np.float32]] | None, scale: "ColourScale | None", title: str, hint: str = ""
    ) -> None:
        """Colour the cortex; None shows bare anatomy and the hint."""
        self.values, self.scale, self.title, self.hint = values, scale, title, hint
        self._picture = None
        self.update()

    def want_scene(self) -> None:
        """Ask for a scene of the widget's size, now."""
        self._wanted = None
        self._ask_for_scene()

    def _ask_for_scene(self) -> None:
        box = self._box()
        ratio = self.devicePixelRatioF() * SUPERSAMPLING
        ratio = min(ratio, LARGEST / max(box.width(), box.height(), 1))
        # sizes in steps, so that a window that is dragged asks seldom and is answered from the cache
        height, width = (max(32, round(side * ratio / 32) * 32) for side in (box.height(), box.width()))
        if self.isVisible() and min(box.height(), box.width()) > 60 and self._wanted != (height, width, 0):
            self._wanted = (height, width, 0)
            self.scene_wanted.emit(*self._wanted)

    def resizeEvent(self, event: Any) -> None:
        """Ask for a scene of the new size after a pause; until then the old one is scaled."""
        super().resizeEvent(event)
        self._picture, self._labels = None, None
        self._rims.clear()
        self._pause.start()

    def showEvent(self, event: Any) -> None:
        """Ask for a scene where there is none of this size."""
        super().showEvent(event)
        self._pause.start()

    @property
    def waits(self) -> bool:
        """Whether a scene of another size will be asked for soon."""
        return self._pause.isActive()

    # -- geometry ------------------------------------------------------------------------------------------------

    def _row_height(self) -> float:
        return QFontMetricsF(self.small_font()).height() + 3

    def _box(self) -> QRectF:
        """Where the views stand: below the title, above the colour bar."""
        row = self._row_height()
        return QRectF(self.rect()).adjusted(2, row + 2, -2, -(2 * row + 4))

    def _image_box(self) -> QRectF:
        box = self._box()
        if self.scene is None:
            return box
        height, width = self.scene.shape
        scale = min(box.width() / width, box.height() / height)
        size = (width * scale, height * scale)
        return QRectF(box.center().x() - size[0] / 2, box.center().y() - size[1] / 2, *size)

    def _pixel(self, place: QPointF) -> tuple[int, int] | None:
        box = self._image_box()
        if self.scene is None or not box.contains(place):
            return None
        height, width = self.scene.shape
        row = int((place.y() - box.top()) / box.height() * height)
        column = int((place.x() - box.left()) / box.width() * width)
        return min(row, height - 1), min(column, width - 1)

    def place_of(self, region: int) -> QPointF | None:
        """A place well inside a region, in the widget's coordinates; None where it is not seen."""
        if self.scene is None:
            return None
        own = [outline for outline in self.scene.outlines if outline.name == self.scene.names[region]]
        if not own:
            return None
        return self._from_raster(*max(own, key=lambda outline: outline.area).anchor)

    def _from_raster(self, row: float, column: float) -> QPointF:
        assert self.scene is not None
        box, (height, width) = self._image_box(), self.scene.shape
        return QPointF(
            box.left() + (column + 0.5) / width * box.width(), box.top() + (row + 0.5) / height * box.height()
        )

    def region_at(self, place: QPointF) -> int:
        """The region under a place."""
        at = self._pixel(place)
        return -1 if at is None or self.scene is None else self.scene.region_at(*at)

    def words_at(self, place: QPointF) -> str:
        """Region, function, and the value of the vertex under the cursor."""
        at = self._pixel(place)
        vertex = None if at is None or self.scene is None else self.scene.raster.vertex_at(*at)
        if vertex is None:
            return ""
        region = self.region_at(place)
        lines = [self.title_of(region)] if region >= 0 else ["<b>outside of all regions</b>"]
        side, number = vertex
        if self.values is not None and side in self.values:
            value = float(self.values[side][number])
            lines.append("no voxel here" if np.isnan(value) else f"{self.title}: {shown_number(value)}")
        if region >= 0:
            lines.append("<i>Click: show what activates it, in all pictures</i>")
        return "<br>".join(lines)

    # -- painting ------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """Views, outlines, names, colour bar."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(self.small_font())
        painter.setPen(self.colours.text)
        metrics = QFontMetricsF(painter.font())
        painter.drawText(QPointF(8, metrics.ascent() + 2), self.title)
        if self.scene is None:
            painter.setFont(self.font())
            painter.setPen(self.colours.faint)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self._box().adjusted(16, 0, -16, 0), flags, self.hint)
            return
        box = self._image_box()
        painter.drawImage(box, self._scaled_picture(box))
        for region, colour in ((self.driving, QColor("#F0E442")), (self.current, QColor("#F0E442"))):
            if region >= 0:
                painter.drawImage(box, self._rim(region, colour, box))
        self._paint_titles(painter)
        self._paint_labels(painter)
        if self.values is None and self.hint:
            painter.setFont(self.font())
            painter.setPen(self.colours.faint)
            row = 2 * self._row_height()
            foot = QRectF(8, self.height() - row - 2, self.width() - 16, row)
            painter.drawText(foot, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)
        elif self.scale is not None:
            self._paint_bar(painter)

    def _scaled_picture(self, box: QRectF) -> QImage:
        if self._picture is None:
            assert self.scene is not None
            back = self.colours.back
            from ...brain import ColourScale

            pixels = self.scene.picture(
                self.values, self.scale or ColourScale(), (back.red(), back.green(), back.blue()), self.weak
            )
            self._picture = self._scaled(pixels, box)
        return self._picture

    def _scaled(self, pixels: NDArray[np.uint8], box: QRectF) -> QImage:
        """An image of the box's physical size: shrunk once, not at every painting."""
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
        ratio = self.devicePixelRatioF()
        scaled = image.scaled(
            max(round(box.width() * ratio), 1),
            max(round(box.height() * ratio), 1),
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        scaled = scaled.copy()  # of the same size, Qt would share the array's memory
        scaled.setDevicePixelRatio(ratio)
        return scaled

    def _rim(self, region: int, colour: QColor, box: QRectF) -> QImage:
        if region not in self._rims:
            assert self.scene is not None
            from scipy import ndimage

            height, width = self.scene.shape
            edge = np.zeros((height, width), dtype=bool)
            edge.ravel()[self.scene.outline_of(region)] = True
            wide = ndimage.binary_dilation(edge, iterations=1)
            pixels = np.zeros((height, width, 4), dtype=np.uint8)
            pixels[wide] = (colour.red(), colour.green(), colour.blue(), 255)
            self._rims[region] = self._scaled(pixels, box)
        return self._rims[region]

    def _paint_titles(self, painter: QPainter) -> None:
        assert self.scene is not None
        painter.setFont(self.small_font())
        painter.setPen(self.colours.faint)
        metrics = QFontMetricsF(painter.font())
        for panel in self.scene.panels:
            corner = self._from_raster(panel.top, panel.left)
            words = f"{panel.title.split()[0][0].upper()} {panel.view}"
            painter.drawText(
                QPointF(corner.x(), max(corner.y() - 1, self._box().top() + metrics.ascent() * 0.8)), words
            )

    def _paint_labels(self, painter: QPainter) -> None:
        marked = self.current if self.current >= 0 else self.driving
        name = self.names[marked] if marked >= 0 else ""
        if self._labels is None or name != self._marked:
            self._marked = name
            self._labels = self._placed_labels()
        dark, bright = QColor(20, 20, 20), QColor(255, 255, 255, 210)
        painter.setFont(self.small_font())
        for place, anchor, _ in self._labels:
            if (place - anchor).manhattanLength() > 1.2 * QFontMetricsF(painter.font()).height():
                painter.setPen(QPen(dark, 1))
                painter.drawLine(place, anchor)
        for place, _, name in self._labels:
            halo_text(painter, place, name, colour=dark, halo=bright)

    def _placed_labels(self) -> list[tuple[QPointF, QPointF, str]]:
        assert self.scene is not None
        from ...brain.outlines import place_labels

        metrics = QFontMetricsF(self.small_font())
        lowest = min(panel.height for panel in self.scene.panels) / self.scene.shape[0] * self._image_box().height()
        named = [outline for outline in self.scene.outlines if outline.labelled]
        if lowest < ROOM_FOR_NAMES * metrics.height():
            named = [outline for outline in named if outline.name == self._marked]
        ratio = self.scene.shape[1] / max(self._image_box().width(), 1)
        words = [self.label_of(self.names.index(outline.name)) for outline in named]
        sizes = [
            (round((metrics.height() - 1) * ratio), round((metrics.horizontalAdvance(each) + 3) * ratio))
            for each in words
        ]
        places = place_labels(named, sizes, self.scene.shape)
        return [
            (self._from_raster(*place), self._from_raster(*outline.anchor), each)
            for place, outline, each in zip(places, named, words, strict=True)
        ]

    def _paint_bar(self, painter: QPainter) -> None:
        assert self.scale is not None
        bar, row = self.scale.bar(3), self._row_height()
        width = min(200.0, self.width() * 0.55)
        box = QRectF((self.width() - width) / 3, self.height() - 2 * row, width, row * 0.6)
        strip = np.ascontiguousarray(np.dstack([bar.rgb[None], np.full((1, len(bar.rgb), 1), 255, np.uint8)]))
        image = QImage(strip.data, len(bar.rgb), 1, 4 * len(bar.rgb), QImage.Format.Format_RGBA8888)
        painter.drawImage(box, image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.colours.faint, 1))
        painter.drawRect(box)
        painter.setFont(self.small_font())
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.colours.text)
        room = self.width() - box.right() - 12
        unit = metrics.elidedText(UNIT, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(box.right() + 8, box.center().y() + (metrics.ascent() - metrics.descent()) / 2), unit)
        for value in (self.scale.low, 0.0, self.scale.high):
            words = shown_number(value) if value else "0"
            share = (value - self.scale.low) / (self.scale.high - self.scale.low)
            x = box.left() + share * box.width() - metrics.horizontalAdvance(words) / 2
            painter.drawText(QPointF(x, box.bottom() + metrics.ascent() + 1), words)
