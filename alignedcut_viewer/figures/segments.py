"""Pictures beside their segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, PictureError
from ..segmentation import segment_colours
from .grid import Columns, draw_grid, kept_aspect
from .provenance import network_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.segment_set import SegmentSet
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
    called = list(names) if names is not None else [f"segment {i + 1}" for i in range(n_labels)]
    if len(called) < n_labels:
        raise InputError(f"{n_labels} segments need as many names; got {len(called)}.")
    legend = [(called[i], (int(r), int(g), int(b))) for i, (r, g, b) in enumerate(table[1:])]
    return _drawn(pictures, masks, [table] * len(masks), opacity, pairs, legend, note, width)


def _drawn(
    pictures: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[np.integer]],
    tables: Sequence[NDArray[np.uint8]],
    opacity: float,
    pairs: int,
    legend: Sequence[tuple[str, tuple[int, int, int]]],
    note: str,
    width: float | None,
) -> Figure:
    """Pairs of pictures, each with the colours of its own table, in which entry 0 is no segment."""
    shown = [
        (*_reduced(picture, np.asarray(mask)), table)
        for picture, mask, table in zip(pictures, masks, tables, strict=True)
    ]
    pairs = min(pairs, len(shown))
    rows = [shown[start : start + pairs] for start in range(0, len(shown), pairs)]
    # A row is as high as its tallest picture, but no higher than wide; the others stand in its middle.
    aspects = [kept_aspect(min(1.0, max(p.shape[0] / p.shape[1] for p, _, _ in row))) for row in rows]
    blank = np.full((8, 8, 3), 255, dtype=np.uint8)
    groups = []
    for place in range(pairs):
        cells = []
        for row, aspect in zip(rows, aspects, strict=True):
            tile = [blank, blank]
            if place < len(row):
                picture, mask, table = row[place]
                tile = [_boxed(picture, aspect), _boxed(_overlaid(picture, mask, table, opacity), aspect)]
            cells.append(tile)
        groups.append(Columns("", ("picture", "segments"), cells, "picture"))
    return draw_grid(groups, aspects, legend=legend, note=note, width=width)


def segments_figure(
    study: Study,
    segments: str | SegmentSet = "default",
    images: Iterable[int] | None = None,
    *,
    max_images: int = 16,
    opacity: float = 0.55,
    pairs: int = 4,
    width: float | None = None,
) -> Figure:
    """Draw segments that a study keeps beside its pictures, as the window shows them and files hold them.

    Parameters
    ----------
    study
        The study.
    segments
        Some of its segments, or their name.
    images
        Which pictures; by default the first `max_images` of them.
    opacity, pairs, width
        As for :func:`segments_from_arrays`.

    Raises
    ------
    StudyError
        If the study holds no such segments.
    InputError
        If a picture is not part of them, or none can be read any more.
    """
    kept = study.segments(segments) if isinstance(segments, str) else segments
    chosen = list(kept.images[:max_images]) if images is None else [int(image) for image in images]
    pictures, masks, tables, problems = [], [], [], []
    for image in chosen:
        labels, colours = kept.labels(image), kept.colours(image)
        try:
            pictures.append(study.picture(image))
        except PictureError:
            problems.append(f"Note: the file of {study.pictures.names[image]} cannot be read any more.")
            continue
        masks.append(labels)
        table = segment_colours(int(labels.max(initial=0)))
        table[1 : len(colours) + 1] = colours[: len(table) - 1]
        tables.append(table)
    if not pictures:
        raise InputError("There is nothing to draw: none of the pictures can be read any more.")
    extent = "one number means the same in all pictures" if kept.joint else "each picture has its own"
    lines = [f"Segments {kept.name!r}: {extent}.", *_how(study, kept), *problems]
    legend = _legend(kept, chosen, masks) if kept.joint else []
    return _drawn(pictures, masks, tables, opacity, min(pairs, len(pictures)), legend, "\n".join(lines), width)


def _legend(
    kept: SegmentSet, images: Sequence[int], masks: Sequence[NDArray[np.integer]]
) -> list[tuple[str, tuple[int, int, int]]]:
    """Names and colours of the numbers that are shown; of more than a palette holds only the first."""
    names, colours = kept.names(images[0]), kept.colours(images[0])
    met = sorted({int(number) for mask in masks for number in np.unique(mask)} - {0})
    listed = []
    for number in met[: len(colours)]:
        red, green, blue = (int(value) for value in colours[number - 1])
        listed.append((names.get(number, f"segment {number}"), (red, green, blue)))
    return listed


def _how(study: Study, kept: SegmentSet) -> list[str]:
    """Which layers were cut together and how, as far as the recipe tells, and of which weights."""
    recipe = kept.recipe
    settings = recipe.get("settings", {})
    lines = []
    if settings.get("gamma") is not None:
        choice = settings.get("choice", {})
        number = choice.get("segments") or f"number by {choice.get('count_by', 'the graph')}"
        lines.append(f"One cut of all layers with γ = {settings['gamma']:g}, {number}.")
    if "cut" in recipe:
        lines.append(f"{settings.get('method', 'segments').capitalize()} of the joint cut {recipe['cut']['name']!r}.")
    for name, layers in recipe.get("layers", {}).items():
        said = network_provenance(study, name) if name in study.networks else f"{name}."
        lines.append(f"{said} Layers {', '.join(map(str, layers))}.")
    return lines


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
