"""Pictures beside their segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..segmentation import segment_colours, upsample_labels
from .grid import Columns, draw_grid, kept_aspect
from .mosaic import chosen_images, pictures_of
from .provenance import cut_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["segments_figure", "segments_from_arrays"]

_LARGEST_SIDE = 400


def segments_from_arrays(
    pictures: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[np.integer]],
    *,
    names: Sequence[str] | None = None,
    colours: ArrayLike | None = None,
    opacity: float = 0.55,
    pairs: int = 4,
    note: str = "",
    width: float | None = None,
) -> Figure:
    """Draw pictures with their segments laid over them, in pairs.

    Parameters
    ----------
    pictures
        uint8 ``(H, W, 3)``.
    masks
        Labels of the same height and width; 0 means no segment and is left uncoloured.
    names
        Name of label 1, 2, … for the legend; by default ``segment 1``, ``segment 2``, ….
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``.
    opacity
        Of the colours over the picture, from 0 to 1; the edges of segments are drawn in full colour.
    pairs
        How many pairs stand side by side.
    note
        Small print at the bottom.
    width
        In inches; see :func:`~alignedcut_viewer.figures.grid.draw_grid`.

    Raises
    ------
    InputError
        If there is nothing to draw, or parts do not fit.
    """
    if len(pictures) != len(masks) or not len(pictures):
        raise InputError(f"Pictures and masks must be as many, and at least one; got {len(pictures)} and {len(masks)}.")
    if not 0 <= opacity <= 1 or pairs < 1:
        raise InputError("Opacity lies between 0 and 1, and at least one pair stands in a row.")
    for picture, mask in zip(pictures, masks, strict=True):
        if np.asarray(mask).shape != picture.shape[:2]:
            raise InputError(f"A mask of shape {np.asarray(mask).shape} does not fit a picture of {picture.shape[:2]}.")
    n_labels = int(max(np.asarray(mask).max() for mask in masks))
    table = segment_colours(n_labels, colours)
    shown = [_reduced(picture, np.asarray(mask)) for picture, mask in zip(pictures, masks, strict=True)]
    pairs = min(pairs, len(shown))
    rows = [shown[start : start + pairs] for start in range(0, len(shown), pairs)]
    # A row is as high as its tallest picture, but no higher than wide; the others stand in its middle.
    aspects = [kept_aspect(min(1.0, max(p.shape[0] / p.shape[1] for p, _ in row))) for row in rows]
    blank = np.full((8, 8, 3), 255, dtype=np.uint8)
    groups = []
    for place in range(pairs):
        cells = []
        for row, aspect in zip(rows, aspects, strict=True):
            tile = [blank, blank]
            if place < len(row):
                picture, mask = row[place]
                tile = [_boxed(picture, aspect), _boxed(_overlaid(picture, mask, table, opacity), aspect)]
            cells.append(tile)
        groups.append(Columns("", ("picture", "segments"), cells, "picture"))
    called = list(names) if names is not None else [f"segment {i + 1}" for i in range(n_labels)]
    if len(called) < n_labels:
        raise InputError(f"{n_labels} segments need as many names; got {len(called)}.")
    legend = [(called[i], (int(r), int(g), int(b))) for i, (r, g, b) in enumerate(table[1:])]
    return draw_grid(groups, aspects, legend=legend, note=note, width=width)


def segments_figure(
    study: Study,
    network: str,
    layer: int,
    n_segments: int = 2,
    cut: str | Cut = "default",
    images: Iterable[int] | None = None,
    smooth: bool = True,
    *,
    one_layer: bool = True,
    max_images: int = 16,
    opacity: float = 0.55,
    width: float | None = None,
) -> Figure:
    """Draw the segments of a study's pictures at one layer beside the pictures.

    Parameters
    ----------
    study, cut, images, max_images, width
        As for :func:`~alignedcut_viewer.figures.mosaic.mosaic`.
    network, layer
        Where.
    n_segments
        Number of segments.
    smooth
        Whether edges are interpolated between tokens.
    one_layer
        Whether this layer's nodes are segmented alone; else all nodes of the cut together, so that a segment means the
        same at all layers.
    opacity
        See :func:`segments_from_arrays`.

    Raises
    ------
    StudyError
        If the study has no such cut.
    InputError
        If images, network or layer are not part of it.
    """
    chosen = study.cut(cut) if isinstance(cut, str) else cut
    numbers = chosen_images(chosen.index, images, max_images)
    pictures, problems = pictures_of(study, chosen, numbers)
    kept = [(image, picture) for image, picture in zip(numbers, pictures, strict=True) if picture is not None]
    if not kept:
        raise InputError("There is nothing to draw: none of the pictures can be read any more.")
    masks = [
        upsample_labels(
            chosen.label_map(network, layer, image, n_segments, one_layer=one_layer),
            picture.shape[:2],
            smooth=smooth,
        )
        for image, picture in kept
    ]
    extent = "of this layer" if one_layer else "of all layers together"
    lines = [f"{n_segments} segments {extent}, shown at layer {layer} of {network}."]
    lines += [cut_provenance(study, chosen, [network], colours=False), *problems]
    return segments_from_arrays(
        [picture for _, picture in kept],
        masks,
        opacity=opacity,
        note="\n".join(lines),
        width=width,
    )


def _reduced(picture: NDArray[np.uint8], mask: NDArray[np.integer]) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """A picture and its mask at a size that figures can show."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = min(1.0, _LARGEST_SIDE / max(height, width))
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    if size == (height, width):
        return picture, mask
    small = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.LANCZOS))
    rows, columns = np.arange(size[0]) * height // size[0], np.arange(size[1]) * width // size[1]
    return small, mask[rows[:, None], columns[None, :]]


def _overlaid(
    picture: NDArray[np.uint8], mask: NDArray[np.integer], table: NDArray[np.uint8], opacity: float
) -> NDArray[np.uint8]:
    """Lay colours over a picture, opaque along the edges of segments."""
    edges = np.zeros(mask.shape, dtype=bool)
    edges[:-1] |= mask[:-1] != mask[1:]
    edges[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    share = np.where(edges, 1.0, opacity)[..., None] * (mask > 0)[..., None]
    grey = picture.mean(-1, keepdims=True)  # so that the picture's own colours do not mix with those of segments
    below = np.where(mask[..., None] > 0, grey, picture)
    return np.asarray(np.rint(share * table[mask] + (1 - share) * below), dtype=np.uint8)


def _boxed(picture: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """A picture in the middle of a white box of that height to width."""
    height, width = picture.shape[:2]
    box = max(height, round(width * aspect)), max(width, round(height / aspect))
    white = np.full((*box, 3), 255, dtype=np.uint8)
    y, x = (box[0] - height) // 2, (box[1] - width) // 2
    white[y : y + height, x : x + width] = picture
    return white
