"""The cortex as a picture for print: views of both hemispheres with the outlines and names of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain.centring import DEFAULT_CENTRING, Centring, centring_info
from ..errors import InputError
from .page import PAGE_WIDTH, SMALL, TEXT, Page
from .provenance import brief_provenance
from .roi_activation import brain_of, shown_rois

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..brain import ColourScale, CortexRaster, RoiOutline, RoiTable
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["SMALL_LAYOUT", "cortex_from_arrays", "cortex_picture", "figure_ground_cortex"]

SMALL_LAYOUT = (("lh lateral", "lh ventral"),)
"""Two views of the left hemisphere, for small pictures beside bars."""
_FACTOR = 2
_FRONT = -20.0  # mm: only what is behind is drawn, so that the visual regions fill the picture


def cortex_picture(
    values: Mapping[str, ArrayLike],
    scale: ColourScale,
    *,
    masks: Mapping[str, RoiTable] | None = None,
    height: int,
    width: int,
    layout: tuple[tuple[str, ...], ...] | None = None,
    letters: float = 0.0,
    titles: bool = False,
) -> NDArray[np.uint8]:
    """Draw values on the back of the brain.

    Parameters
    ----------
    values
        Hemisphere to (163,842,) values on fsaverage, NaN where there is none.
    scale
        Colours.
    masks
        Hemisphere to regions on fsaverage, whose outlines are drawn.
    height, width
        Of the picture in pixels.
    layout
        Rows of views; :data:`~alignedcut_viewer.brain.VISUAL_LAYOUT` by default.
    letters
        Height of the regions' names in pixels; 0 leaves them out.
    titles
        Whether the views are named, which takes room above them.

    Returns
    -------
    ndarray
        (height, width, 3) uint8.
    """
    from ..brain import VISUAL_LAYOUT, antialias, cortex_raster, draw_labels

    factor = _FACTOR
    raster = cortex_raster(
        layout or VISUAL_LAYOUT,
        height=factor * height,
        width=factor * width,
        front=_FRONT,
        gap=0.06 if titles else 0.03,
        top_margin=round(factor * letters * 1.5) if titles else 0,
    )
    outlines: list[RoiOutline] = []
    pixels: NDArray[np.int64] | None = None
    if masks is not None:
        outlines, pixels = _outlines(raster, _Masks(masks))
    picture = raster.render(values, scale, outline=pixels)
    if letters:
        picture = draw_labels(picture, outlines, size=factor * letters, titles=raster.panels if titles else ())
    shrunk: NDArray[np.uint8] = antialias(picture[..., :3], factor)
    return shrunk


class _Masks:
    """Masks that can be the key of a cache: outlines take longer than colours, and are the same for many pictures."""

    def __init__(self, masks: Mapping[str, RoiTable]) -> None:
        self.masks = masks
        self._key = tuple((side, id(table)) for side, table in masks.items())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Masks) and self._key == other._key


@lru_cache(maxsize=4)
def _outlines(raster: CortexRaster, masks: _Masks) -> tuple[list[RoiOutline], NDArray[np.int64]]:
    from ..brain import outline_pixels, roi_outlines

    found = roi_outlines(raster, masks.masks, thickness=_FACTOR)
    return found, outline_pixels(found)


def figure_ground_cortex(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround,
    *,
    network: str | None = None,
    layer: int | None = None,
    about: Centring = DEFAULT_CENTRING,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw what figure and ground of one layer do to the cortex (figure 6).

    Parameters
    ----------
    study, cut
        The study and one of its cuts, which holds brain activation with voxels.
    figure_ground
        Which nodes are figure and which ground.
    network, layer
        Where; by default the first network, two thirds up.
    about
        What activation is shown about.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut holds no brain activation.
    AlignmentError
        If it does not say where voxels lie.
    """
    brain = brain_of(cut)
    held = cut.index.network(network or cut.index.networks[0].name)
    chosen = held.layers[2 * len(held.layers) // 3] if layer is None else layer
    place = brain.voxel_map
    maps = []
    for name, label in (("figure", 1), ("ground", 0)):
        nodes = figure_ground.nodes(cut.index, label, network=held.name, layer=chosen)
        if not len(nodes):
            raise InputError(f"No token is known to be {name}.")
        maps.append((f"{name}: {len(nodes):,} tokens", place(brain.voxels(nodes, about=about))))
    masks = {side: table.select(shown_rois(table.names)) for side, table in brain.cortex_masks().items()}
    centring = centring_info(about)
    note = [f"Brain data: {brain.title}.", centring.figure_ground_note, figure_ground.source]
    note.append(brief_provenance(study, cut))
    return cortex_from_arrays(
        maps,
        masks=masks,
        unit=f"activation {centring.title}",
        title=f"What figure and ground do to visual cortex: layer {chosen} of {held.name}",
        note="\n".join(note),
        simulated=brain.simulated,
        width=width,
    )


def cortex_from_arrays(
    maps: Sequence[tuple[str, Mapping[str, ArrayLike]]],
    *,
    masks: Mapping[str, RoiTable] | None = None,
    unit: str = "mean activation",
    title: str = "",
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw one or more maps of the visual cortex, under one another, on one scale about zero.

    Parameters
    ----------
    maps
        Title and values of each: hemisphere to (163,842,) on fsaverage, NaN where there is none.
    masks
        Hemisphere to regions on fsaverage, whose outlines and names are drawn.
    unit
        What the values are, for the colour bar.
    title, note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if not maps:
        raise InputError("There is nothing to draw: a figure of the cortex needs at least one map.")
    from ..brain import ColourScale

    everything = np.concatenate([np.asarray(v, dtype=np.float32) for _, sides in maps for v in sides.values()])
    scale = ColourScale.diverging(everything)
    wide = width - 0.14
    high = 0.54 * wide
    each = high + 0.22
    page = Page(each * len(maps) + 0.36, width=width, title=title, note=note, simulated=simulated)
    dots = 220
    for number, (name, values) in enumerate(maps):
        page.text(0, number * each, name, TEXT, weight="bold")
        picture = cortex_picture(
            values,
            scale,
            masks=masks,
            height=round(high * dots),
            width=round(wide * dots),
            letters=SMALL / 72 * dots,
            titles=True,
        )
        page.picture(picture, 0, number * each + 0.12, wide, high, label=name)
    bar = scale.bar(3)
    span = scale.high - scale.low
    ticks = [((tick - scale.low) / span, words) for tick, words in zip(bar.ticks, bar.labels, strict=True)]
    y = each * len(maps) + 0.14
    page.colour_bar(page.width * 0.35, y, page.width * 0.3, 0.07, bar.rgb, ticks)
    page.text(page.width * 0.35 - 0.08, y + 0.035, unit, SMALL, ha="right", va="center")
    return page.finished()
