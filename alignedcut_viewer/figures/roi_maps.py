"""What each region of the brain answers to in pictures: its activation by every token (figure 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .grid import Columns, draw_grid
from .mosaic import chosen_images, pictures_of, spread_images
from .provenance import brief_provenance
from .roi_activation import brain_of, shown_rois

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["roi_maps", "roi_maps_from_arrays"]


def roi_maps(
    study: Study,
    cut: Cut,
    *,
    network: str | None = None,
    layer: int | None = None,
    images: Iterable[int] | None = None,
    max_images: int = 8,
    width: float | None = None,
) -> Figure:
    """Draw what each region answers to in some pictures, at one layer (figure 2).

    Parameters
    ----------
    study, cut
        The study and one of its cuts, which holds brain activation.
    network, layer
        Where; by default the first network, two thirds up.
    images
        Image numbers; by default some spread over the cut.
    max_images
        How many pictures where `images` is None.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut holds no brain activation.
    """
    brain = brain_of(cut)
    index = cut.index
    held = index.network(network or index.networks[0].name)
    chosen = held.layers[2 * len(held.layers) // 3] if layer is None else layer
    grid = index.grid(held.name, chosen)
    numbers = spread_images(index, max_images) if images is None else chosen_images(index, images, max_images)
    pictures, problems = pictures_of(study, cut, numbers)
    names = shown_rois(brain.names)
    columns = [brain.names.index(name) for name in names]
    maps = [
        brain.rows(np.arange(len(index))[index.patch_slice(held.name, chosen, image)])[:, columns].reshape(
            grid.rows, grid.columns, len(names)
        )
        for image in numbers
    ]
    note = [f"Layer {chosen} of {held.name}. Brain data: {brain.title}.", brief_provenance(study, cut), *problems]
    return roi_maps_from_arrays(pictures, maps, names, note="\n".join(note), simulated=brain.simulated, width=width)


def roi_maps_from_arrays(
    pictures: Sequence[NDArray[np.uint8] | None],
    maps: Sequence[NDArray[np.floating]],
    names: Sequence[str],
    *,
    note: str = "",
    simulated: bool = False,
    width: float | None = None,
) -> Figure:
    """Draw pictures with one map per region beside them: blue is below zero, white zero, red above.

    Parameters
    ----------
    pictures
        One a row, uint8 (H, W, 3); None leaves the place grey.
    maps
        For each picture (rows, columns, R) activation. A region has one scale for all pictures.
    names
        Regions in their order, R of them; regions of one group stand under one title.
    note
        Small print at the bottom.
    simulated
        Whether the brain data were made up; the figure then says so.
    width
        In inches; see :func:`~alignedcut_viewer.figures.grid.draw_grid`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    from ..brain import roi_info

    if not pictures or len(pictures) != len(maps):
        raise InputError(f"Maps of {len(pictures)} pictures are needed, at least one; got {len(maps)}.")
    if any(values.ndim != 3 or values.shape[2] != len(names) for values in maps):
        raise InputError(f"Each map must be rows × columns × {len(names)} ROIs.")
    # each region about its own mean: what is shown is where in a picture it answers more, and where less
    every = np.concatenate([values.reshape(-1, len(names)) for values in maps]).astype(np.float64)
    centre = every.mean(0)
    reach = np.maximum(np.quantile(np.abs(every - centre), 0.99, axis=0), 1e-12)
    groups: list[Columns] = [Columns("", ("picture",), [[picture] for picture in pictures], "picture")]
    kinds = [roi_info(name).group for name in names]
    for kind in dict.fromkeys(kinds):
        columns = [i for i, other in enumerate(kinds) if other == kind]
        cells = [[_blue_white_red((v[..., i] - centre[i]) / reach[i]) for i in columns] for v in maps]
        groups.append(Columns(kind, tuple(names[i] for i in columns), cells, "smooth"))
    aspects = [1.0 if picture is None else picture.shape[0] / picture.shape[1] for picture in pictures]
    words = "Red: more than the region's mean over these pictures; blue: less. Each region has its own scale."
    stamp = "SIMULATED BRAIN DATA. " if simulated else ""
    return draw_grid(
        groups, aspects, note="\n".join(part for part in (stamp + words, note) if part), width=width, note_size=6.0
    )


def _blue_white_red(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    share = np.clip(np.abs(values), 0, 1)[..., None]
    ends = np.where((values < 0)[..., None], np.array([33, 102, 172]), np.array([178, 24, 43]))
    return np.asarray(np.rint(247 + share * (ends - 247.0)), dtype=np.uint8)
