"""The cortex of one data set at one size: what recolouring needs, computed once. Knows neither Qt nor napari.

Computing a scene takes about a second and happens in the background; from then on new values cost one indexing step.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...brain.centring import Centring
from ...progress import ProgressCallback, report
from ..frames.brain_regions import FADED, regions_in_groups

if TYPE_CHECKING:
    from ...brain import ColourScale, CortexPanel, CortexRaster, RoiOutline, RoiTable
    from ...study.brain_activation import BrainActivation

__all__ = [
    "LAYOUT",
    "CortexScene",
    "CortexSurface",
    "build_scene",
    "build_surface",
    "cortex_limit",
    "is_sampled",
    "values_of",
]

LAYOUT: tuple[tuple[str, ...], ...] = (
    ("lh lateral", "rh lateral"),
    ("lh medial", "rh medial"),
    ("lh ventral", "rh ventral"),
)
WIDE_LAYOUT: tuple[tuple[str, ...], ...] = (
    ("lh lateral", "lh medial", "lh ventral"),
    ("rh lateral", "rh medial", "rh ventral"),
)
BACK = 0.0
"""Millimetres: only what lies further back is drawn where the visual cortex is to fill the picture."""
GAP = 0.05
"""Between views as a share of the smaller side: room for their titles."""
OUTLINE = (0.08, 0.08, 0.08)
MOST_NODES = 1_000
"""Nodes whose features are averaged for the cortex; of a larger selection, so many at even steps."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CortexSurface:
    """Both hemispheres in three dimensions.

    Attributes
    ----------
    vertices, faces
        As napari takes them.
    tone
        (n,) grey of each vertex from 0 to 1, darker in sulci.
    outlined
        (n,) whether a vertex lies on the boundary of a region.
    faded
        (n,) whether a vertex lies in a region that is hardly predicted.
    """

    vertices: FloatArray
    faces: NDArray[np.int64]
    tone: FloatArray
    outlined: NDArray[np.bool_]
    faded: NDArray[np.bool_]

    def colours(self, values: Mapping[str, FloatArray], scale: "ColourScale") -> FloatArray:
        """(n, 4) colours of values, pale where they are hardly predicted; anatomy without a voxel, black boundaries."""
        numbers = np.concatenate([np.asarray(one, dtype=np.float32) for one in values.values()])
        colours = np.ones((len(numbers), 4), dtype=np.float32)
        colours[:, :3] = scale.rgb(numbers) / np.float32(255)
        unknown = ~np.isfinite(numbers)
        colours[unknown, :3] = self.tone[unknown, None]
        weak = self.faded & ~unknown
        colours[weak, :3] = FADED * colours[weak, :3] + np.float32(1 - FADED) * self.tone[weak, None]
        colours[self.outlined, :3] = OUTLINE
        return colours


@dataclass(frozen=True, eq=False)
class CortexScene:
    """Views of both hemispheres with the regions of a data set.

    Attributes
    ----------
    raster
        Pixel → vertex map.
    names
        Regions, as numbered by :attr:`regions`.
    masks
        Hemisphere to the regions that are drawn.
    regions
        (height, width) int16: number of the region that a pixel shows, the smallest where several overlap; -1 for none.
    outlines
        Boundaries of the regions in each view.
    """

    raster: "CortexRaster"
    names: tuple[str, ...]
    masks: "Mapping[str, RoiTable]"
    regions: NDArray[np.int16]
    outlines: "tuple[RoiOutline, ...]"
    all_outlines: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.raster.shape

    @property
    def panels(self) -> "tuple[CortexPanel, ...]":
        """The views."""
        return self.raster.panels

    def picture(
        self,
        values: Mapping[str, ArrayLike] | None,
        scale: "ColourScale",
        background: tuple[int, int, int],
        faded: Collection[int] = (),
    ) -> NDArray[np.uint8]:
        """The cortex with its outlines in the colours of some values, uint8 (height, width, 4).

        Regions with the numbers `faded` are hardly predicted, and let the anatomy shine through.
        """
        seen: NDArray[np.uint8] = self.raster.render(values, scale, outline=self.all_outlines, background=background)
        if values is not None and faded:
            weak = np.isin(self.regions, list(faded))
            bare = self.raster.render(None, scale, outline=self.all_outlines, background=background)
            seen[weak] = np.rint(FADED * seen[weak] + (1 - FADED) * bare[weak]).astype(np.uint8)
        return seen

    def outline_of(self, region: int) -> NDArray[np.int64]:
        """Flat numbers of the pixels around a region in all views."""
        own = [outline.pixels for outline in self.outlines if outline.name == self.names[region]]
        return np.concatenate(own) if own else np.empty(0, dtype=np.int64)

    def region_at(self, row: int, column: int) -> int:
        """Number of the region that a pixel shows, -1 for none."""
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return int(self.regions[row, column]) if inside else -1


def build_scene(
    activation: "BrainActivation",
    height: int,
    width: int,
    *,
    back_only: bool = False,
    top_margin: int = 0,
    thickness: int = 2,
    progress: ProgressCallback | None = None,
) -> CortexScene:
    """Compute the scene of a data set.

    Parameters
    ----------
    activation
        Knows its voxels' places and regions.
    height, width
        Size in pixels; decides whether views stand in two rows or in three.
    back_only
        Leave out what lies in front of the middle of the hemispheres, so that the visual cortex is larger.
    top_margin
        Pixels to leave free above.
    thickness
        Of the outlines in pixels.
    progress
        Told between the steps.

    Raises
    ------
    AlignmentError
        If the data set does not know the places of its voxels.
    """
    from ...brain import outline_pixels, roi_outlines

    report(progress, 0, 3, "placing voxels on the cortex")
    shown = regions_in_groups(activation)
    masks = {side: table.select(n for n in shown if n in table) for side, table in activation.cortex_masks().items()}
    report(progress, 1, 3, "drawing the cortex")
    raster = activation.raster(
        layout=best_layout(height, width, back_only=back_only),
        height=height,
        width=width,
        front=BACK if back_only else None,
        gap=GAP,
        top_margin=top_margin,
    )
    report(progress, 2, 3, "drawing regions on the cortex")
    outlines = tuple(roi_outlines(raster, masks, thickness=thickness))
    regions = np.full(raster.shape, -1, dtype=np.int16)
    for number in reversed(range(len(activation.names))):
        name = activation.names[number]
        regions[raster.paint({side: table.mask(name) for side, table in masks.items() if name in table})] = number
    report(progress, 3, 3, "the cortex is ready")
    return CortexScene(raster, activation.names, masks, regions, outlines, outline_pixels(outlines))


def build_surface(
    values: Mapping[str, FloatArray],
    masks: "Mapping[str, RoiTable]",
    weak: Collection[str] = (),
    progress: ProgressCallback | None = None,
) -> CortexSurface:
    """The inflated hemispheres with sulci and the outlines of regions; about a second.

    Parameters
    ----------
    values
        Hemisphere to one value per vertex of fsaverage.
    masks
        Hemisphere to its regions.
    weak
        Names of the regions that are hardly predicted.
    progress
        Told after each hemisphere.
    """
    from ...brain.cortex import anatomy_tone
    from ...brain.surface import load_surface, surface_layer

    vertices, faces, _ = surface_layer(values)
    tones, lines, pale = [], [], []
    for number, (side, one) in enumerate(values.items()):
        surface = load_surface(side, geometry="inflated", mesh="fsaverage")
        tones.append(anatomy_tone(surface))
        line = np.zeros(len(one), dtype=bool)
        faded = np.zeros(len(one), dtype=bool)
        # Of regions that overlap, the first is the one that is seen, as in the flat views.
        for name in reversed(masks[side].names if side in masks else ()):
            mask = masks[side].mask(name)
            inside = mask[surface.faces]
            rim = surface.faces[inside.any(axis=1) & ~inside.all(axis=1)]
            line[rim[mask[rim]]] = True
            faded[mask] = name in weak
        lines.append(line)
        pale.append(faded)
        report(progress, number + 1, len(values), "preparing the cortex")
    tone = np.concatenate(tones).astype(np.float32)
    return CortexSurface(vertices, faces, tone, np.concatenate(lines), np.concatenate(pale))


def best_layout(height: int, width: int, *, back_only: bool = False) -> tuple[tuple[str, ...], ...]:
    """Two rows of three views where they are larger so, else three rows of two."""
    return WIDE_LAYOUT if width > (0.9 if back_only else 1.75) * height else LAYOUT


def is_sampled(nodes: NDArray[np.int64]) -> bool:
    """Whether :func:`values_of` averages only some of the nodes."""
    return len(nodes) > MOST_NODES


def values_of(
    activation: "BrainActivation", nodes: NDArray[np.int64], *, about: Centring = "zero"
) -> dict[str, FloatArray]:
    """Values of the cortex for the mean of some nodes: hemisphere to (163,842,), NaN where there is no voxel."""
    step = -(-len(nodes) // MOST_NODES)
    return activation.cortex_values(nodes[::step], about=about)


def cortex_limit(maps: Sequence[Mapping[str, FloatArray]], quantile: float = 0.99) -> float:
    """One limit for the colours of some maps: few voxels lie beyond it.

    The quantile is taken of every 16th vertex, which is as good and much quicker.
    """
    parts = [np.abs(values[::16]) for one in maps for values in one.values()]
    finite = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
    finite = finite[np.isfinite(finite)]
    limit = float(np.quantile(finite, quantile)) if finite.size else 0.0
    return limit if limit > 0 else 1.0
