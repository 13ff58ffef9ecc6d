"""The cortex as a flat picture: views of both hemispheres in one raster that is recoloured by one indexing step.

Which vertex each pixel shows, how it is lit and how deep it lies is computed once (:func:`cortex_raster`); new values
then cost one look-up a visible vertex and one a pixel, a few milliseconds, without OpenGL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .algonauts import FSAVERAGE_VERTICES
from .colours import N_LEVELS, ColourScale
from .dataset import HEMISPHERES
from .surface import Geometry, Surface, load_surface

__all__ = ["DEFAULT_LAYOUT", "VIEWS", "VISUAL_LAYOUT", "CortexPanel", "CortexRaster", "antialias", "cortex_raster"]

Layout = Sequence[Sequence[str]]

# Looking along, and upwards on the screen, in the coordinates right, anterior, superior of a left hemisphere; the right
# hemisphere is mirrored. The ventral view lies on its side, below the lateral one, as if that were tilted backwards.
VIEWS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "lateral": ((1, 0, 0), (0, 0, 1)),
    "medial": ((-1, 0, 0), (0, 0, 1)),
    "ventral": ((0, 0, 1), (-1, 0, 0)),
    "dorsal": ((0, 0, -1), (1, 0, 0)),
    "posterior": ((0, 1, 0), (0, 0, 1)),
    "anterior": ((0, -1, 0), (0, 0, 1)),
}
DEFAULT_LAYOUT: tuple[tuple[str, ...], ...] = (
    ("lh lateral", "lh posterior", "rh posterior", "rh lateral"),
    ("lh medial", "rh medial"),
    ("lh ventral", "rh ventral"),
)
# Wider than high, for pictures of the back of the brain only (``front=0``).
VISUAL_LAYOUT: tuple[tuple[str, ...], ...] = (
    ("lh lateral", "lh posterior", "rh posterior", "rh lateral"),
    ("lh medial", "lh ventral", "rh ventral", "rh medial"),
)
_LIGHT_LEVELS = 32


@dataclass(frozen=True)
class CortexPanel:
    """One view of one hemisphere in a raster.

    Attributes
    ----------
    hemisphere, view
        What is shown.
    top, left, height, width
        Where, in pixels.
    """

    hemisphere: str
    view: str
    top: int
    left: int
    height: int
    width: int

    @property
    def title(self) -> str:
        """Text for the panel, ``"left lateral"``."""
        return f"{'left' if self.hemisphere == 'lh' else 'right'} {self.view}"

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the panel."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class CortexRaster:
    """Views of the cortex with their pixel → vertex map.

    Made by :func:`cortex_raster`.

    Attributes
    ----------
    panels
        The views, row by row.
    pixel_vertex
        (height, width) int32 vertex that each pixel shows; those of the right hemisphere follow those of the left one
        (+ 163,842); -1 is background.
    """

    def __init__(
        self,
        panels: Sequence[CortexPanel],
        pixel_vertex: NDArray[np.int32],
        light: NDArray[np.float32],
        grey: NDArray[np.float32],
    ) -> None:
        """Take the panels, the map, and brightness and anatomical grey (0 to 1) of each pixel."""
        self.panels = tuple(panels)
        self.pixel_vertex = pixel_vertex
        inside = pixel_vertex >= 0
        panel_number = np.zeros(pixel_vertex.shape, dtype=np.int64)
        for number, panel in enumerate(self.panels):
            panel_number[panel.window] = number
        # A vertex seen in two panels is lit differently in each, and has an entry for each.
        key = panel_number[inside] * (2 * FSAVERAGE_VERTICES) + pixel_vertex[inside]
        entries, first, place = np.unique(key, return_index=True, return_inverse=True)
        self._entry_vertex: NDArray[np.int64] = entries % (2 * FSAVERAGE_VERTICES)
        self._pixel_entry = np.zeros(pixel_vertex.shape, dtype=np.int32)
        self._pixel_entry[inside] = place + 1
        brightness = light[inside][first]
        self._entry_light: NDArray[np.uint16] = np.round(brightness * (_LIGHT_LEVELS - 1)).astype(np.uint16)
        tone = np.clip(255 * grey[inside][first] * brightness, 0, 255).astype(np.uint8)
        self._entry_grey = _packed(np.repeat(tone[:, None], 3, axis=1))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.pixel_vertex.shape[0]), int(self.pixel_vertex.shape[1])

    def render(
        self,
        values: Mapping[str, ArrayLike] | None = None,
        scale: ColourScale | None = None,
        *,
        threshold: float = 0.0,
        outline: NDArray[np.int64] | None = None,
        outline_colour: tuple[int, int, int] = (20, 20, 20),
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> NDArray[np.uint8]:
        """The picture for some values.

        Parameters
        ----------
        values
            Hemisphere to (163,842,) values; NaN, and hemispheres left out, show grey anatomy.
        scale
            Colours; symmetric about 0 and fitted to the values by default.
        threshold
            Values nearer to 0 than this show anatomy too.
        outline
            Flat numbers of pixels to draw in `outline_colour`, from :func:`~.outlines.outline_pixels`.
        outline_colour, background
            Colours.

        Returns
        -------
        ndarray
            (height, width, 4) uint8 RGBA.
        """
        table = np.empty(len(self._entry_vertex) + 1, dtype=np.uint32)
        table[0] = _packed(np.array([background], dtype=np.uint8))[0]
        table[1:] = self._entry_grey
        if values:
            numbers = self._joined(values)[self._entry_vertex]
            shown = np.abs(numbers) >= threshold  # False for NaN
            colours = ColourScale.diverging(numbers) if scale is None else scale
            levels = colours.levels(numbers).astype(np.uint16)
            lit = _lit_table(colours)[levels * np.uint16(_LIGHT_LEVELS) + self._entry_light]
            np.copyto(table[1:], lit, where=shown)
        picture = table[self._pixel_entry]
        if outline is not None:
            picture.ravel()[outline] = _packed(np.array([outline_colour], dtype=np.uint8))[0]
        return picture.view(np.uint8).reshape(*self.shape, 4)

    def vertex_at(self, row: int, column: int) -> tuple[str, int] | None:
        """Hemisphere and vertex under a pixel, or None for the background."""
        if not (0 <= row < self.shape[0] and 0 <= column < self.shape[1]):
            return None
        number = int(self.pixel_vertex[row, column])
        if number < 0:
            return None
        return HEMISPHERES[number // FSAVERAGE_VERTICES], number % FSAVERAGE_VERTICES

    def paint(self, masks: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """(height, width) pixels that show a vertex of the masks (hemisphere to (163,842,) bool)."""
        joined = np.zeros(2 * FSAVERAGE_VERTICES + 1, dtype=bool)  # the last is what -1, the background, finds
        for hemisphere, mask in masks.items():
            joined[_offset(hemisphere) : _offset(hemisphere) + FSAVERAGE_VERTICES] = np.asarray(mask, dtype=bool)
        painted: NDArray[np.bool_] = joined[self.pixel_vertex]
        return painted

    def _joined(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
        joined = np.full(2 * FSAVERAGE_VERTICES, np.nan, dtype=np.float32)
        for hemisphere, numbers in values.items():
            data = np.asarray(numbers)
            if hemisphere not in HEMISPHERES or data.shape != (FSAVERAGE_VERTICES,):
                raise InputError(
                    f"The cortex takes {FSAVERAGE_VERTICES:,} values for lh and rh; got shape {data.shape} for "
                    f"{hemisphere!r}."
                )
            joined[_offset(hemisphere) : _offset(hemisphere) + FSAVERAGE_VERTICES] = data
        return joined


@lru_cache(maxsize=8)
def cortex_raster(
    layout: tuple[tuple[str, ...], ...] = DEFAULT_LAYOUT,
    *,
    height: int = 600,
    width: int = 800,
    geometry: Geometry = "inflated",
    front: float | None = None,
    gap: float = 0.03,
    top_margin: int = 0,
) -> CortexRaster:
    """Lay out views of the cortex in one raster, all at one scale, and find the vertex of every pixel.

    Takes about a second for the first raster of a process; the same arguments give the same object again.

    Parameters
    ----------
    layout
        Rows of views, each a hemisphere and one of :data:`VIEWS`, such as ``(("lh lateral", "rh lateral"),)``.
    height, width
        Size in pixels.
    geometry
        Surface to show.
    front
        Leave out what lies further forward than this, in mm of the surface, so that the visual cortex fills the
        picture; 0 is the middle of the hemisphere, None shows all.
    gap
        Space between panels as a share of the smaller side.
    top_margin
        Pixels to leave free above.

    Raises
    ------
    InputError
        If a view is unknown or the raster too small.
    """
    from .rasteriser import rasterise

    wanted = [[_parse(text) for text in row] for row in layout]
    if not wanted or not all(wanted) or height < 16 or width < 16:
        raise InputError("A cortex picture needs at least one view and 16 × 16 pixels.")
    surfaces = {hemi: load_surface(hemi, geometry=geometry) for hemi in {h for row in wanted for h, _ in row}}
    normals = {hemi: surface.normals() for hemi, surface in surfaces.items()}
    limit = np.inf if front is None else front
    kept = {hemi: surface.vertices[:, 1] <= limit for hemi, surface in surfaces.items()}
    if not all(mask.any() for mask in kept.values()):
        raise InputError(f"Nothing of the cortex lies behind {front} mm.")
    # triangles across the limit are drawn too, and cut straight by the edge of their panel
    faces = {hemi: surface.faces[kept[hemi][surface.faces].any(axis=1)] for hemi, surface in surfaces.items()}
    projected = [[_project(surfaces[h], v) for h, v in row] for row in wanted]
    corners = [
        [points[kept[h]].min(axis=0) for (h, _), points in zip(row, of_row, strict=True)]
        for row, of_row in zip(wanted, projected, strict=True)
    ]
    extents = [
        [np.ptp(points[kept[h], :2], axis=0) for (h, _), points in zip(row, of_row, strict=True)]
        for row, of_row in zip(wanted, projected, strict=True)
    ]
    space = round(gap * min(height, width))
    row_widths = [sum(e[0] for e in row) for row in extents]
    row_heights = [max(e[1] for e in row) for row in extents]
    scale = min(
        min((width - space * (len(row) + 1)) / total for row, total in zip(extents, row_widths, strict=True)),
        (height - top_margin - space * (len(wanted) + 1)) / sum(row_heights),
    )
    if scale <= 0:
        raise InputError(f"{height} × {width} pixels are too few for this layout.")
    vertex = np.full((height, width), -1, dtype=np.int32)
    light = np.zeros((height, width), dtype=np.float32)
    grey = np.zeros((height, width), dtype=np.float32)
    panels = []
    free = height - top_margin - scale * sum(row_heights)
    top = top_margin + free / (len(wanted) + 1)
    for row, points_of_row, lowest, sizes, row_height in zip(
        wanted, projected, corners, extents, row_heights, strict=True
    ):
        between = (width - scale * sum(e[0] for e in sizes)) / (len(row) + 1)
        left = between
        for (hemisphere, view), points, corner, size in zip(row, points_of_row, lowest, sizes, strict=True):
            above = top + scale * (row_height - size[1]) / 2
            panel = CortexPanel(
                hemisphere, view, int(above), int(left), int(scale * size[1]) + 2, int(scale * size[0]) + 2
            )
            place = (points - corner) * scale
            place[:, :2] += [left - panel.left, above - panel.top]
            rows, columns = panel.window
            inside = vertex[rows, columns]
            found = rasterise(place, faces[hemisphere], *inside.shape)
            covered = found >= 0
            inside[covered] = found[covered] + _offset(hemisphere)
            facing = -normals[hemisphere] @ _axes(hemisphere, view)[0]
            light[rows, columns][covered] = _brightness(facing)[found[covered]]
            grey[rows, columns][covered] = anatomy_tone(surfaces[hemisphere])[found[covered]]
            panels.append(panel)
            left += scale * size[0] + between
        top += scale * row_height + free / (len(wanted) + 1)
    return CortexRaster(panels, vertex, light, grey)


def antialias(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Mean over blocks of `factor` × `factor` pixels: render large, then shrink, for print.

    Raises
    ------
    InputError
        If the size of the picture is no multiple of `factor`.
    """
    height, width, channels = picture.shape
    if factor < 1 or height % factor or width % factor:
        raise InputError(f"A picture of {height} × {width} pixels cannot be shrunk {factor} times.")
    blocks = picture.reshape(height // factor, factor, width // factor, factor, channels)
    shrunk: NDArray[np.uint8] = np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return shrunk


def _parse(text: str) -> tuple[str, str]:
    hemisphere, _, view = text.partition(" ")
    if hemisphere not in HEMISPHERES or view not in VIEWS:
        raise InputError(f"Unknown view {text!r}; write for example 'lh lateral'. Views: {', '.join(VIEWS)}.")
    return hemisphere, view


def _offset(hemisphere: str) -> int:
    return HEMISPHERES.index(hemisphere) * FSAVERAGE_VERTICES


def _axes(hemisphere: str, view: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors into the screen, to its right, and upwards."""
    forward, up = (np.array(axis, dtype=np.float64) for axis in VIEWS[view])
    right = np.cross(forward, up)
    if hemisphere == "rh":
        mirror = np.array([-1.0, 1.0, 1.0])
        forward, up = forward * mirror, up * mirror
        right = np.cross(forward, up)
    return forward, right, up


def _project(surface: Surface, view: str) -> NDArray[np.float64]:
    """(n, 3) column, row and depth in mm."""
    forward, right, up = _axes(surface.hemisphere, view)
    place: NDArray[np.float64] = surface.vertices.astype(np.float64) @ np.stack([right, -up, forward], axis=1)
    return place


def _brightness(facing: NDArray[np.floating]) -> NDArray[np.float32]:
    """Light from the viewer: full where the surface faces it, 60 % where it turns away."""
    light: NDArray[np.float32] = (0.6 + 0.4 * np.clip(facing, 0, 1) ** 0.8).astype(np.float32)
    return light


def anatomy_tone(surface: Surface) -> NDArray[np.float32]:
    """(n,) grey of each vertex from 0 to 1: light for gyri, darker for sulci, with a short ramp between."""
    steepness = np.clip(surface.sulcal_depth / (0.3 * surface.sulcal_depth.std()), -1, 1)
    tone: NDArray[np.float32] = (0.76 - 0.11 * steepness).astype(np.float32)
    return tone


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RGBA of opaque colours in one number each, in memory order, so that a pixel is moved in one step."""
    rgba = np.full((len(rgb), 4), 255, dtype=np.uint8)
    rgba[:, :3] = rgb
    return rgba.view(np.uint32).ravel()


@lru_cache(maxsize=32)
def _lit_table(scale: ColourScale) -> NDArray[np.uint32]:
    """Each colour under each brightness, packed: (256 · 32,)."""
    light = np.linspace(0, 1, _LIGHT_LEVELS)
    lit = scale.table[:, None, :] * light[None, :, None]
    return _packed(np.round(lit).astype(np.uint8).reshape(N_LEVELS * _LIGHT_LEVELS, 3))
