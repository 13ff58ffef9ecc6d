"""Outlines and names of regions on a picture of the cortex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cortex import CortexPanel, CortexRaster
from .rois import RoiTable

__all__ = ["RoiOutline", "draw_labels", "outline_pixels", "place_labels", "roi_outlines"]


@dataclass(frozen=True, eq=False)
class RoiOutline:
    """One region in one panel.

    Attributes
    ----------
    name
        The region.
    panel
        Where it is seen.
    pixels
        Flat numbers (row · width + column in the whole raster) of its boundary.
    anchor
        (row, column) well inside its largest visible part.
    area
        Number of pixels it covers.
    labelled
        Whether its name belongs here: no other panel of the hemisphere shows much more of it.
    """

    name: str
    panel: CortexPanel
    pixels: NDArray[np.int64]
    anchor: tuple[int, int]
    area: int
    labelled: bool


def roi_outlines(
    raster: CortexRaster,
    masks: Mapping[str, RoiTable],
    *,
    names: Sequence[str] | None = None,
    smooth: int | None = None,
    thickness: int = 1,
    least_area: int = 12,
) -> list[RoiOutline]:
    """Find the boundaries of regions in every panel.

    Parameters
    ----------
    raster
        The picture's pixel → vertex map.
    masks
        Hemisphere to regions over its 163,842 vertices.
    names
        Which regions; all by default.
    smooth
        Side of the window in pixels over which membership is decided by majority; 1 leaves the regions as they are.
        By default it grows with the picture, 3 at a height of 600 pixels.
    thickness
        Of the line, in pixels, inwards.
    least_area
        Regions of fewer pixels in a panel are left out there.

    Returns
    -------
    list of RoiOutline
        By panel, then in the order of the regions.
    """
    from scipy import ndimage

    window = max(1, 2 * round(raster.shape[0] / 400) - 1) if smooth is None else smooth
    found: list[tuple[str, CortexPanel, NDArray[np.int64], tuple[int, int], int]] = []
    for panel in raster.panels:
        table = masks.get(panel.hemisphere)
        if table is None:
            continue
        for name in table.names if names is None else [n for n in names if n in table]:
            inside = raster.paint({panel.hemisphere: table.mask(name)})[panel.window]
            covered = raster.pixel_vertex[panel.window] >= 0
            if window > 1 and inside.any():
                share = ndimage.uniform_filter(inside.astype(np.float32), window, mode="nearest")
                weight = ndimage.uniform_filter(covered.astype(np.float32), window, mode="nearest")
                inside = (share > 0.5 * weight) & covered
            area = int(inside.sum())
            if area < least_area:
                continue
            edge = inside & ~ndimage.binary_erosion(inside, iterations=thickness)
            rows, columns = np.nonzero(edge)
            flat = (rows + panel.top) * raster.shape[1] + columns + panel.left
            row, column = _anchor(inside, ndimage)
            found.append((name, panel, flat, (row + panel.top, column + panel.left), area))
    largest: dict[tuple[str, str], int] = {}
    for name, panel, _, _, area in found:
        key = (name, panel.hemisphere)
        largest[key] = max(area, largest.get(key, 0))
    return [
        RoiOutline(name, panel, flat, anchor, area, area >= 0.7 * largest[name, panel.hemisphere])
        for name, panel, flat, anchor, area in found
    ]


def _anchor(inside: NDArray[np.bool_], ndimage: Any) -> tuple[int, int]:
    """The point farthest from the boundary in the largest connected part."""
    parts, count = ndimage.label(inside)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    depth = ndimage.distance_transform_edt(np.pad(parts == sizes.argmax(), 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row), int(column)


def outline_pixels(outlines: Sequence[RoiOutline]) -> NDArray[np.int64]:
    """All boundary pixels as flat numbers, for :meth:`CortexRaster.render`."""
    if not outlines:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.concatenate([outline.pixels for outline in outlines]))


def place_labels(
    outlines: Sequence[RoiOutline], sizes: Sequence[tuple[int, int]], shape: tuple[int, int]
) -> list[tuple[int, int]]:
    """Where to centre each name so that no two overlap.

    Small regions choose first, as large ones have room to give way.

    Parameters
    ----------
    outlines
        Regions to name.
    sizes
        (height, width) in pixels of each name.
    shape
        (height, width) of the raster.

    Returns
    -------
    list of (row, column)
        In the order of `outlines`.
    """
    placed: dict[int, tuple[int, int]] = {}
    for number in sorted(range(len(outlines)), key=lambda n: outlines[n].area):
        height, width = sizes[number]
        best, best_cost = outlines[number].anchor, np.inf
        for row_step, column_step in _OFFSETS:
            row = outlines[number].anchor[0] + row_step * (height // 2 + 1)
            column = outlines[number].anchor[1] + column_step * (width // 3 + 1)
            row = min(max(row, height // 2), shape[0] - height // 2 - 1)
            column = min(max(column, width // 2), shape[1] - width // 2 - 1)
            overlap = sum(
                max(0, (height + sizes[other][0]) / 2 - abs(row - at[0]))
                * max(0, (width + sizes[other][1]) / 2 - abs(column - at[1]))
                for other, at in placed.items()
            )
            away = np.hypot(row - outlines[number].anchor[0], column - outlines[number].anchor[1])
            cost = 10 * overlap + away
            if cost < best_cost:
                best, best_cost = (row, column), cost
        placed[number] = best
    return [placed[number] for number in range(len(outlines))]


_OFFSETS = [(row, column) for row in range(-5, 6) for column in range(-5, 6)]


def draw_labels(
    picture: NDArray[np.uint8],
    outlines: Sequence[RoiOutline],
    *,
    size: float = 11.0,
    colour: tuple[int, int, int] = (0, 0, 0),
    halo: tuple[int, int, int] = (255, 255, 255),
    titles: Sequence[CortexPanel] = (),
) -> NDArray[np.uint8]:
    """Write the names of regions, and of panels, onto a picture.

    Parameters
    ----------
    picture
        (height, width, 3 or 4) uint8; left as it is.
    outlines
        Regions; those with ``labelled`` are named.
    size
        Of the letters, in pixels.
    colour, halo
        Of the letters, and of the rim that keeps them legible on any colour.
    titles
        Panels to name as well.

    Returns
    -------
    ndarray
        A new picture of the same shape.
    """
    from matplotlib import font_manager
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
    image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    draw = ImageDraw.Draw(image)
    named = [outline for outline in outlines if outline.labelled]
    boxes = [draw.textbbox((0, 0), outline.name, font=font) for outline in named]
    sizes = [(round(box[3] - box[1]) + 2, round(box[2] - box[0]) + 2) for box in boxes]
    rim = max(1, round(size / 7))
    places = place_labels(named, sizes, (picture.shape[0], picture.shape[1]))
    for outline, (row, column), (height, width) in zip(named, places, sizes, strict=True):
        if abs(row - outline.anchor[0]) > height or abs(column - outline.anchor[1]) > width / 2 + 2:
            draw.line([(column, row), outline.anchor[::-1]], fill=colour, width=max(1, round(size / 14)))
    for outline, (row, column) in zip(named, places, strict=True):
        draw.text((column, row), outline.name, font=font, fill=colour, anchor="mm", stroke_width=rim, stroke_fill=halo)
    for panel in titles:
        place = (panel.left + panel.width / 2, panel.top - 1)
        draw.text(place, panel.title, font=font, fill=(90, 90, 90), anchor="mb")
    out = picture.copy()
    out[..., :3] = np.asarray(image)
    return out
