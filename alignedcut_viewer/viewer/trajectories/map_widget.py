"""The painted map of nodes: mouse and keys on a million points, without the graphics card.

A raster of the CPU is shown as an image. Canvases of the graphics card go black in docks that float.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF, QResizeEvent, QWheelEvent
from qtpy.QtWidgets import QWidget

from ..frames.mark_stacks import rgb_of
from ..points.grid import Viewport
from ..points.raster import Cloud, Marks, PointRaster, Shading, density_table
from ..state.history import SELECTION_COLOURS
from ..widgets.painting import Colours, halo_text
from .atlas import Tile
from .colours import LegendRow
from .labels import Label
from .painting import (
    image_of,
    paint_contours,
    paint_count,
    paint_labels,
    paint_legend,
    paint_paths,
    paint_ring,
    paint_strands,
    paint_thumbnail,
    paint_tiles,
)
from .paths import PathBundle
from .thumbnails import Thumbnail
from .tools import BRUSH_RADII, ZOOM_STEP, MapTools, mode_of

__all__ = ["MapWidget"]

REACH = 9.0
"""Logical pixels between the cursor and a point that it still points at."""
CLICK_DISTANCE = 4.0
MOST_PAINTED = 200
"""Paths of one bundle that are painted one by one; more become a raster."""
WITH_ARROWS = 6
DIMMED = 0.35


class MapWidget(MapTools):
    """Points, paths and what is chosen of them.

    Attributes
    ----------
    viewed
        Signal: another part of the plane is seen.
    """

    viewed = Signal()

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.setMinimumSize(200, 180)
        self.setAccessibleName("Map of tokens over the layers")
        self.caption = ""
        self.hint = ""
        self.hovered: int | None = None
        self.thumbnail: Thumbnail | None = None
        self.legend: Sequence[LegendRow] = ()
        self._shading: Shading = "colour"
        self._yields = True
        self._marks: dict[str, Marks] = {}
        self._places: NDArray[np.float32] | None = None
        self._bundles: Sequence[PathBundle] = ()
        self._ramps: Mapping[str, NDArray[np.uint8]] = {}
        self.contours: Sequence[NDArray[np.float32]] = ()
        self.labels: Sequence[Label] = ()
        self._painted: Sequence[int] = ()
        self._tiles: Sequence[Tile] = ()
        self._cloud: Cloud | None = None
        self._image: NDArray[np.uint8] | None = None
        self._lines: NDArray[np.uint8] | None = None
        self._fitted = True
        self._pressed: QPointF | None = None
        self._moved = False
        self._cursor: QPointF | None = None

    def sizeHint(self) -> QSize:
        """Nearly square."""
        return QSize(420, 420)

    # -- what is shown -------------------------------------------------------------------------------------------

    def show_points(self, raster: PointRaster | None, places: NDArray[np.float32] | None = None) -> None:
        """Show other points; the view becomes all of them.

        Parameters
        ----------
        raster
            Draws them; None for none.
        places
            (N, 2), by point number.
        """
        self.raster, self._places = raster, places
        self.hovered = self.thumbnail = None
        self._marks, self._bundles, self._cloud = {}, (), None
        self.contours, self.labels, self._tiles = (), (), ()
        self.stop_tool()
        if raster is None:
            self.view = None
        else:
            self.fit()
        self.changed()

    def set_shading(self, shading: Shading, *, yields: bool = True) -> None:
        """Mean colours of points, or their density; `yields` is whether points step back behind what is chosen."""
        self._shading, self._yields = shading, yields
        self.changed()

    def mark(self, which: str, points: NDArray[np.int64]) -> None:
        """Let points stand out in the colour of a selection."""
        if self.raster is not None and len(points):
            x, y = self.raster.grid.places(points)
            self._marks[which] = Marks(x, y, rgb_of(SELECTION_COLOURS[which]))
        else:
            self._marks.pop(which, None)
        self.changed()

    def show_paths(self, bundles: Sequence[PathBundle], ramps: Mapping[str, NDArray[np.uint8]] | None = None) -> None:
        """Draw paths; those without a selection by the colours of their network's steps, uint8 (L - 1, 3)."""
        self._bundles, self._ramps = tuple(bundles), ramps or {}
        self.changed()

    def set_contours(self, contours: Sequence[NDArray[np.float32]]) -> None:
        """Draw lines of equal density (K, 2) of the plane, or none."""
        self.contours = tuple(contours)
        self.update()

    def set_labels(self, labels: Sequence[Label]) -> None:
        """Name concepts at points, the most important first, or none."""
        self.labels, self._painted = tuple(labels), ()
        self.update()

    def set_tiles(self, tiles: Sequence[Tile]) -> None:
        """Lay the cells of an atlas over the points, or none."""
        self._tiles = tuple(tiles)
        self.update()

    def seen_labels(self) -> list[Label]:
        """Names for which there was room when they were painted."""
        return [self.labels[number] for number in self._painted if number < len(self.labels)]

    def show_cloud(self, cloud: Cloud | None) -> None:
        """Draw points on their way above the others, or none."""
        self._cloud = cloud
        self.changed()

    def set_hovered(self, point: int | None) -> None:
        """Draw a ring around a point, or around none."""
        if point != self.hovered:
            self.hovered, self.thumbnail = point, None
            self.update()

    def set_thumbnail(self, thumbnail: Thumbnail | None) -> None:
        """Show the picture of what is pointed at, if the cursor is there."""
        self.thumbnail = thumbnail
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.changed()

    def changed(self) -> None:
        """Draw anew: points, colours or view are others."""
        self._image = self._lines = None
        self.update()

    @property
    def dimmed(self) -> bool:
        """Whether points step back, because something else is to be seen."""
        return self._cloud is not None or (self._yields and bool(self._marks or self._bundles))

    # -- view ----------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """See all points, above the legend."""
        if self.raster is not None:
            self.view = self._whole()
            self._fitted = True
            self.changed()
            self.viewed.emit()

    def _whole(self) -> Viewport:
        assert self.raster is not None
        foot = len(self.legend) * self.metrics.height()
        return Viewport.around(self.raster.grid.bounds, max(self.width(), 1), max(round(self.height() - foot), 1))

    def set_legend(self, rows: Sequence[LegendRow]) -> None:
        """Explain the colours; points that were all in sight stay above it."""
        self.legend = tuple(rows)
        if self._fitted:
            self.fit()
        self.changed()

    def pan(self, right: float, down: float) -> None:
        """Move what is seen by logical pixels."""
        if self.view is not None:
            self._set_view(self.view.panned(right, down))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge, with a place of the widget staying where it is; by default the middle."""
        if self.view is not None and self.raster is not None:
            at = at or QPointF(self.width() / 2, self.height() / 2)
            widest = self._whole().scale
            factor = min(max(factor, 0.2 * widest / self.view.scale), 1e5 * widest / self.view.scale)
            self._set_view(self.view.zoomed(factor, at.x(), at.y()))

    def _set_view(self, view: Viewport) -> None:
        self.view, self._fitted = view, False
        self.changed()
        self.viewed.emit()

    def place_of(self, point: int) -> QPointF:
        """Where a point is on the widget."""
        assert self.view is not None
        assert self._places is not None
        return QPointF(*self.view.to_pixels(self._places[point]))

    def point_at(self, place: QPointF) -> int | None:
        """The point nearest to a place of the widget, within reach."""
        if self.raster is None or self.view is None:
            return None
        return self.raster.grid.nearest(*self.view.to_plane(place.x(), place.y()), REACH / self.view.scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See the same part at another size."""
        super().resizeEvent(event)
        before, now = event.oldSize(), event.size()
        if self.view is not None and self.raster is not None:
            if self._fitted or before.isEmpty():
                self.fit()
            else:
                ratio = min(now.width(), now.height()) / max(min(before.width(), before.height()), 1)
                middle = self.view.to_plane(before.width() / 2, before.height() / 2)
                scale = self.view.scale * ratio
                left, top = middle[0] - now.width() / 2 / scale, middle[1] + now.height() / 2 / scale
                self.view = Viewport(left, top, scale)
        self.changed()

    # -- painting ------------------------------------------------------------------------------------------------

    def draw_points(self) -> NDArray[np.uint8] | None:
        """The points as they are seen now, RGBA at the screen's resolution; drawn anew where something changed."""
        if self.raster is None or self.view is None:
            return None
        ratio = self.devicePixelRatioF()
        width, height = max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)
        if self._image is None or self._image.shape[:2] != (height, width):
            view = self.view.resized(ratio)
            back = self.colours.back
            provisional = self.provisional_marks()
            self._image = self.raster.draw(
                view,
                width,
                height,
                shading=self._shading,
                table=density_table(self.colours.dark),
                dim=DIMMED if self.dimmed or provisional else 1.0,
                cloud=self._cloud,
                marks=[*self._marks.values(), *provisional],
                halo=(back.red(), back.green(), back.blue()),
                pixel=ratio,
            )
            self._lines = self._draw_lines(view, width, height)
        return self._image

    def _draw_lines(self, view: Viewport, width: int, height: int) -> NDArray[np.uint8] | None:
        """Bundles of too many paths to be painted one by one, as one raster."""
        lines: NDArray[np.uint8] | None = None
        for bundle in self._bundles:
            if self.raster is None or (bundle.which and len(bundle.places) <= MOST_PAINTED):
                continue
            if bundle.which:
                colour = np.array(rgb_of(SELECTION_COLOURS[bundle.which]))
                steps = np.linspace(0.6, 1.0, len(bundle.layers) - 1)[:, None]
                ramp = (colour * steps).astype(np.uint8)
            else:
                ramp = self._ramps[bundle.network]
            drawn = self.raster.draw_lines(bundle.places, ramp, view, width, height)
            if lines is None:
                lines = drawn
            else:
                above = drawn[..., 3] >= lines[..., 3]
                lines[above] = drawn[above]
        return lines

    def paint(self, painter: QPainter) -> None:
        """Points, paths, marks, legend."""
        image = self.draw_points()
        if image is None or self.view is None:
            painter.setPen(self.colours.faint)
            words = QRectF(self.rect()).adjusted(12, 12, -12, -12)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)
            return
        ratio = self.devicePixelRatioF()
        painter.drawImage(QPointF(0, 0), image_of(image, ratio))
        if self._lines is not None:
            painter.drawImage(QPointF(0, 0), image_of(self._lines, ratio))
        halo = QColor(self.colours.back)
        paint_tiles(painter, self._tiles, self.view)
        if self.contours:
            paint_contours(painter, self.contours, self.view, self.colours)
        for bundle in self._bundles:
            if bundle.which:
                colour = QColor(SELECTION_COLOURS[bundle.which])
                if len(bundle.places) <= MOST_PAINTED:
                    paint_paths(painter, bundle.places, self.view, colour, arrows=1 < len(bundle.places) <= WITH_ARROWS)
        paint_strands(painter, self._bundles, self.view, halo)
        if self.labels and self._places is not None:
            painter.setFont(self.small_font())
            at = self.view.to_pixels(self._places[[label.node for label in self.labels]])
            self._painted = paint_labels(painter, self.labels, at, self.colours, QRectF(self.rect()))
        self.paint_tool(painter)
        if self.legend:
            painter.setFont(self.small_font())
            paint_legend(painter, self.legend, self.colours, QRectF(self.rect()))
        self._paint_hovered(painter)
        if self.caption:
            painter.setFont(self.font())
            halo_text(
                painter, QPointF(self.width() / 2, 14), self.caption, colour=self.colours.text, halo=self.colours.back
            )

    def _paint_hovered(self, painter: QPainter) -> None:
        if self.hovered is None or self._places is None or not self.interactive:
            return
        place = self.place_of(self.hovered)
        if not QRectF(self.rect()).contains(place):
            return
        paint_ring(painter, place, self.colours.text, self.colours.back)
        if self.thumbnail is not None and self._cursor is not None:
            painter.setFont(self.small_font())
            mark = QColor(255, 255, 255)
            paint_thumbnail(painter, self.thumbnail, place, self.colours, mark, QRectF(self.rect()))

    def paint_tool(self, painter: QPainter) -> None:
        """The outline of the lasso or the brush, the number of points it holds, and the crosshair of the keys."""
        colour = QColor(SELECTION_COLOURS[self.active])
        if len(self.lasso) > 1:
            ground = QColor(colour)
            ground.setAlphaF(0.15)
            painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
            painter.setBrush(ground)
            painter.drawPolygon(QPolygonF(self.lasso))
            paint_count(painter, self.lasso[-1], len(self.in_lasso()), self.colours, self.width())
        if self.stroke is not None:
            paint_count(painter, self.brush_at, int(np.count_nonzero(self.stroke)), self.colours, self.width())
        centre = self.crosshair or self._cursor
        if self.tool == "brush" and centre is not None:
            painter.setPen(QPen(colour, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, self.radius, self.radius)
        if self.crosshair is not None:
            x, y = self.crosshair.x(), self.crosshair.y()
            for width, shade in ((3.5, self.colours.back), (1.5, self.colours.text)):
                painter.setPen(QPen(shade, width))
                painter.drawLine(QPointF(x - 9, y), QPointF(x + 9, y))
                painter.drawLine(QPointF(x, y - 9), QPointF(x, y + 9))

    # -- mouse ---------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a click, a drag, a lasso or a stroke."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self.raster is None or event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        self._pressed = self._last = QPointF(event.pos())
        self._moved = False
        self.crosshair = None
        self.begin_drag(self._pressed, event.modifiers(), event.button() == Qt.MouseButton.MiddleButton)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with it; without a button, point at what is under the cursor."""
        place = QPointF(event.pos())
        self._cursor = place
        if self._pressed is None:
            if self.interactive and self.raster is not None:
                self.pointed.emit(self.point_at(place))
            if self.tool == "brush":
                self.update()
            return
        moved = place - self._pressed
        self._moved = self._moved or max(abs(moved.x()), abs(moved.y())) >= CLICK_DISTANCE
        moved = place - self._last
        self._last = place
        if self.dragging == "move":
            self.pan(moved.x(), moved.y())
        else:
            self.go_on_drag(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it: choose points, or pick the one that was clicked."""
        if self._pressed is None:
            return
        place, self._pressed = QPointF(event.pos()), None
        # Not by where it ends: a lasso ends where it began.
        if not self._moved and self.dragging != "brush":
            self.stop_tool()
            point = self.point_at(place)
            if point is not None and self.interactive:
                self.picked.emit(point, mode_of(event.modifiers()))
        else:
            self.end_drag()
        self.changed()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the cursor; with Ctrl, change the brush."""
        turns = event.angleDelta().y() / 120
        if self.tool == "brush" and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_radius(self.radius * 1.2**turns)
        else:
            self.zoom(ZOOM_STEP**turns, QPointF(event.position()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._cursor = None
        if self._pressed is None:
            self.pointed.emit(None)
        self.update()
        super().leaveEvent(event)

    # -- keys ----------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Everything the mouse does; see ``MAP_KEYS``."""
        if not self.press_key(Qt.Key(event.key()), event.modifiers()):
            super().keyPressEvent(event)

    def words_at(self, place: QPointF) -> str:
        """What can be done here."""
        return "" if self.hovered is not None or self.raster is None else self.help_of_tool()

    def set_radius(self, radius: float) -> None:
        """Another radius of the brush, in logical pixels."""
        self.radius = min(max(radius, BRUSH_RADII[0]), BRUSH_RADII[1])
        self.update()
