"""What lies over the points of the map: paths with arrows, rings, the legend, the picture of what is pointed at."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QLinearGradient, QPainter, QPainterPath, QPen, QPolygonF

from ..points.grid import Viewport
from ..state.history import SELECTION_COLOURS, SELECTIONS
from ..widgets.painting import Colours, halo_text
from ..widgets.painting import image_of as pixels_image
from .atlas import Tile
from .colours import LegendRow
from .labels import Label
from .paths import PathBundle
from .thumbnails import Thumbnail

__all__ = [
    "image_of",
    "paint_arrows",
    "paint_contours",
    "paint_count",
    "paint_labels",
    "paint_legend",
    "paint_paths",
    "paint_ring",
    "paint_strands",
    "paint_thumbnail",
    "paint_tiles",
]

ARROW = 7.0
LONGEST_SCALE = 84.0
PADDING = 6.0
LABEL_CROP = 30.0
"""Logical pixels a side of the crop beside the name of a concept."""
RIM = 2.0
NEAR = 16.0
"""Places on the screen that are nearer than this do not get arrows and numbers of their own."""


def image_of(pixels: NDArray[np.uint8], ratio: float) -> QImage:
    """RGBA pixels as Qt paints them; the array must live as long as the image.

    Parameters
    ----------
    pixels
        uint8 (h, w, 4), contiguous.
    ratio
        Pixels a logical pixel.
    """
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGBA8888)
    image.setDevicePixelRatio(ratio)
    return image


def _line(points: NDArray[np.float64]) -> QPainterPath:
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:]:
        path.lineTo(QPointF(*point))
    return path


def paint_arrows(painter: QPainter, points: NDArray[np.float64], colour: QColor, size: float = ARROW) -> None:
    """A head in the middle of every step of a path, pointing on; none where a step is too short to see.

    Parameters
    ----------
    painter
        Where to.
    points
        (L, 2) logical pixels.
    colour, size
        Of the heads.
    """
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    for begin, end in itertools.pairwise(points):
        step = end - begin
        length = math.hypot(*step)
        if length < max(NEAR, 1.5 * size):
            continue
        along = step / length
        across = np.array([-along[1], along[0]])
        tip = begin + step / 2 + along * size / 2
        back = tip - along * size
        head = [tip, back + across * size * 0.45, back - across * size * 0.45]
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in head]))


def paint_paths(
    painter: QPainter, places: NDArray[np.float32], view: Viewport, colour: QColor, *, arrows: bool
) -> None:
    """Paths in one colour, fainter in early layers than in late ones.

    Parameters
    ----------
    painter, view
        Where to, in logical pixels.
    places
        (P, L, 2) on the map.
    colour
        Of the paths.
    arrows
        Whether each step has a head.
    """
    pixels = view.to_pixels(places)
    n_steps = pixels.shape[1] - 1
    strength = max(0.05, 0.8 * min(1.0, 2 / len(pixels)) ** 0.75)
    for step in range(n_steps):
        shade = QColor(colour)
        shade.setAlphaF(strength * (0.45 + 0.55 * (step + 1) / n_steps))
        painter.setPen(QPen(shade, 1.3))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        lines = QPainterPath()
        for begin, end in pixels[:, step : step + 2]:
            lines.moveTo(QPointF(*begin))
            lines.lineTo(QPointF(*end))
        painter.drawPath(lines)
    if arrows:
        for points in pixels:
            paint_arrows(painter, points, colour)


def paint_strands(painter: QPainter, bundles: Sequence[PathBundle], view: Viewport, halo: QColor) -> None:
    """The few paths of each bundle that stand for all of them; those of the ground are broken lines.

    Parameters
    ----------
    painter, view
        Where to, in logical pixels.
    bundles
        Paths; those of no selection have no strands.
    halo
        Of the rims.
    """
    for bundle in bundles:
        for strand in reversed(bundle.strands):
            path, dashed = bundle.places[strand.position], bundle.which == SELECTIONS[1]
            colour = QColor(SELECTION_COLOURS[bundle.which])
            _paint_strand(painter, path, bundle.layers, view, colour, halo, share=strand.share, dashed=dashed)


def _paint_strand(
    painter: QPainter,
    places: NDArray[np.float32],
    layers: Sequence[int],
    view: Viewport,
    colour: QColor,
    halo: QColor,
    *,
    share: float = 1.0,
    dashed: bool = False,
) -> None:
    """A path that stands for many: thick, with a rim, heads, and the number of each layer where there is room.

    The greater its share of the paths, the thicker it is. A broken line tells ground from figure without colours.
    """
    points = view.to_pixels(places)
    width = 1.5 + 2.5 * share**0.5
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for across, shade in ((width + 3.0, halo), (width, colour)):
        style = Qt.PenStyle.DashLine if dashed and shade is colour else Qt.PenStyle.SolidLine
        painter.setPen(QPen(shade, across, style, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPath(_line(points))
    paint_arrows(painter, points, colour, 2 * ARROW)
    taken: list[NDArray[np.float64]] = []
    order = [0, len(points) - 1, *range(1, len(points) - 1)]
    for position in order:
        at = points[position]
        if any(math.hypot(*(at - other)) < NEAR for other in taken):
            continue
        taken.append(at)
        painter.setPen(QPen(halo, 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(*at), 4, 4)
        halo_text(painter, QPointF(at[0], at[1] - 11), str(layers[position]), colour=colour, halo=halo)


def paint_contours(
    painter: QPainter, contours: Sequence[NDArray[np.float32]], view: Viewport, colours: Colours
) -> None:
    """Lines of equal density, thin."""
    shade = QColor(colours.text)
    shade.setAlphaF(0.55)
    painter.setPen(QPen(shade, 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line in contours:
        painter.drawPath(_line(view.to_pixels(line)))


def paint_count(painter: QPainter, at: QPointF, count: int, colours: Colours, width: int) -> None:
    """How many tokens a lasso or a stroke holds, beside where it is, inside a widget of some width."""
    words = f"{count:,} token" + ("" if count == 1 else "s")
    place = QPointF(min(max(at.x(), 40), width - 40), max(at.y() - 14, 10))
    halo_text(painter, place, words, colour=colours.text, halo=colours.back)


def paint_tiles(painter: QPainter, tiles: Sequence[Tile], view: Viewport) -> None:
    """The cells of an atlas, a hair apart."""
    for tile in tiles:
        side = tile.side * view.scale
        corner = view.to_pixels((tile.left, tile.top))
        height, width = tile.image.shape[:2]
        image = QImage(tile.image.data, width, height, tile.image.strides[0], QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(corner[0], corner[1], side - 1, side - 1), image)


def paint_labels(
    painter: QPainter, labels: Sequence[Label], places: NDArray[np.float64], colours: Colours, frame: QRectF
) -> list[int]:
    """Crops with names where there is room for them, the first ones first; so more are seen the more one zooms in.

    Parameters
    ----------
    painter, frame
        Where to.
    labels, places
        What to paint, and where the middle of each crop lies, (n, 2) logical pixels.
    colours
        Of the words and their rim.

    Returns
    -------
    list of int
        Which were painted.
    """
    metrics = QFontMetricsF(painter.font())
    taken: list[QRectF] = []
    painted = []
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    for number, (label, at) in enumerate(zip(labels, places, strict=True)):
        wide = metrics.horizontalAdvance(label.name) + PADDING
        crop = QRectF(at[0] - LABEL_CROP / 2, at[1] - LABEL_CROP / 2, LABEL_CROP, LABEL_CROP)
        word = QRectF(crop.right() + RIM, crop.top(), wide, LABEL_CROP)
        if word.right() > frame.right():  # the name stands at the other side
            word.moveRight(crop.left() - RIM)
        box = crop.united(word).adjusted(-RIM, -RIM, RIM, RIM)
        if not frame.contains(box) or any(box.intersects(other) for other in taken):
            continue
        taken.append(box)
        painted.append(number)
        painter.fillRect(crop.adjusted(-RIM, -RIM, RIM, RIM), QColor(*label.colour))
        painter.drawImage(crop, pixels_image(label.crop))
        halo_text(painter, word.center(), label.name, colour=colours.text, halo=colours.back)
    return painted


def paint_ring(painter: QPainter, place: QPointF, colour: QColor, halo: QColor, radius: float = 7.0) -> None:
    """A ring around what is pointed at."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for width, shade in ((4.5, halo), (2.0, colour)):
        painter.setPen(QPen(shade, width))
        painter.drawEllipse(place, radius, radius)


def paint_legend(painter: QPainter, rows: Sequence[LegendRow], colours: Colours, frame: QRectF) -> QRectF:
    """The legend in the lower left corner of a frame, as wide as it has to be; the box that it fills."""
    metrics = QFontMetricsF(painter.font())
    line, room = metrics.height(), frame.width() - 2 * PADDING - 8
    titles = [metrics.elidedText(row.title, Qt.TextElideMode.ElideMiddle, room - LONGEST_SCALE / 2) for row in rows]
    scales = [_scale_width(row, metrics) for row in rows]
    beside = max((metrics.horizontalAdvance(t) for t in titles), default=0) + PADDING + max(scales, default=0) <= room
    width = 0.0
    for title, scale in zip(titles, scales, strict=True):
        own = metrics.horizontalAdvance(title)
        width = max(width, own + (PADDING + scale if scale and beside else 0), 0 if beside else scale)
    height = sum(line if beside or not scale else 2 * line for scale in scales)
    box = QRectF(frame.left() + 4, frame.bottom() - 4 - height - 2 * PADDING, width + 2 * PADDING, height + 2 * PADDING)
    ground = QColor(colours.back)
    ground.setAlphaF(0.82)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 4, 4)
    y = box.top() + PADDING
    start = box.left() + PADDING
    column = start + max((metrics.horizontalAdvance(t) for t in titles), default=0) + PADDING if beside else start
    for row, title, scale in zip(rows, titles, scales, strict=True):
        painter.setPen(colours.text)
        painter.drawText(QPointF(start, y + metrics.ascent()), title)
        if scale:
            _paint_scale(painter, row, QPointF(column, y if beside else y + line), colours, metrics)
        y += line if beside or not scale else 2 * line
    return box


def _scale_width(row: LegendRow, metrics: QFontMetricsF) -> float:
    if not len(row.colours):
        return 0.0
    if len(row.colours) == 1:
        return metrics.height()
    ends = metrics.horizontalAdvance(row.low) + metrics.horizontalAdvance(row.high)
    return LONGEST_SCALE + ends + 2 * PADDING


def _paint_scale(painter: QPainter, row: LegendRow, corner: QPointF, colours: Colours, metrics: QFontMetricsF) -> None:
    line = metrics.height()
    if len(row.colours) == 1:
        painter.fillRect(
            QRectF(corner.x(), corner.y() + 0.15 * line, 0.7 * line, 0.7 * line), QColor(*map(int, row.colours[0]))
        )
        return
    painter.setPen(colours.text)
    painter.drawText(QPointF(corner.x(), corner.y() + metrics.ascent()), row.low)
    left = corner.x() + metrics.horizontalAdvance(row.low) + PADDING
    bar = QRectF(left, corner.y() + 0.2 * line, LONGEST_SCALE, 0.6 * line)
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    for share in np.linspace(0, 1, 17):
        colour = row.colours[round(float(share) * (len(row.colours) - 1))]
        gradient.setColorAt(float(share), QColor(*map(int, colour)))
    painter.fillRect(bar, gradient)
    painter.drawText(QPointF(bar.right() + PADDING, corner.y() + metrics.ascent()), row.high)


def paint_thumbnail(
    painter: QPainter, thumbnail: Thumbnail, place: QPointF, colours: Colours, mark: QColor, frame: QRectF
) -> None:
    """The picture of what is pointed at, beside its place and inside the frame, with the token marked."""
    metrics = QFontMetricsF(painter.font())
    height, width = thumbnail.image.shape[:2]
    wide = max(float(width), *(metrics.horizontalAdvance(words) for words in thumbnail.lines))
    box = QRectF(0, 0, wide + 2 * PADDING, height + len(thumbnail.lines) * metrics.height() + 2.5 * PADDING)
    box.moveTopLeft(QPointF(place.x() + 18, place.y() + 18))
    if box.right() > frame.right():
        box.moveRight(max(place.x() - 18, box.width()))
    if box.bottom() > frame.bottom():
        box.moveBottom(max(place.y() - 18, box.height()))
    ground = QColor(colours.back)
    ground.setAlphaF(0.93)
    painter.setPen(QPen(colours.line, 1))
    painter.setBrush(ground)
    painter.drawRoundedRect(box, 4, 4)
    pixels = np.ascontiguousarray(thumbnail.image)
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    corner = QPointF(box.left() + PADDING, box.top() + PADDING)
    painter.drawImage(corner, image)
    if thumbnail.box is not None:
        top, left, tall, across = thumbnail.box
        token = QRectF(corner.x() + left * width, corner.y() + top * height, across * width, tall * height)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for thickness, shade in ((3.5, QColor(0, 0, 0)), (1.5, mark)):
            painter.setPen(QPen(shade, thickness))
            painter.drawRect(token.adjusted(-1, -1, 1, 1))
    painter.setPen(colours.text)
    y = corner.y() + height + PADDING / 2
    for words in thumbnail.lines:
        painter.drawText(QPointF(box.left() + PADDING, y + metrics.ascent()), words)
        y += metrics.height()
