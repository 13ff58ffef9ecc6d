"""Concepts side by side: what their nodes look like, and what they do to regions and cortex (figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..brain.centring import DEFAULT_CENTRING, Centring, centring_info
from ..errors import InputError, PictureError, StudyError
from .cortex import SMALL_LAYOUT, cortex_picture
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened
from .picture_statistics import member_interval
from .provenance import brief_provenance
from .roi_activation import shown_rois
from .roi_bars import draw_roi_bars, symmetric_limit
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..brain import ColourScale
    from ..nodes import NodeLocation
    from ..study.brain_activation import BrainActivation
    from ..study.concept_set import ConceptSet
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["ConceptRow", "concept_gallery", "concept_gallery_from_arrays", "concepts_of", "crop_around"]


@dataclass(frozen=True, eq=False)
class ConceptRow:
    """One concept of a gallery.

    Attributes
    ----------
    name
        What it is called.
    colour
        Its AlignedCut colour, RGB of 8 bits.
    crops
        Pictures (h, w, 3) uint8, the most typical first.
    caption
        A few words below the name, such as its size.
    activation
        (R,) mean activation of each region, or None without brain data.
    spread
        (R,) standard deviation over members, or None.
    cortex
        (h, w, 3) uint8 picture of the cortex, or None.
    interval
        Both ends (R,) of error bars, instead of `spread`, or None.
    """

    name: str
    colour: tuple[int, int, int]
    crops: Sequence[NDArray[np.uint8]]
    caption: str = ""
    activation: NDArray[np.floating] | None = None
    spread: NDArray[np.floating] | None = None
    cortex: NDArray[np.uint8] | None = None
    interval: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None


def concept_gallery(
    study: Study,
    cut: Cut,
    *,
    concepts: Sequence[int] | None = None,
    max_concepts: int = 8,
    max_crops: int = 6,
    with_cortex: bool = True,
    about: Centring = DEFAULT_CENTRING,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the concepts of a cut: crops around their most typical tokens, and their brain activation if it is known.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose concepts were discovered.
    concepts
        Ids, from top to bottom; by default the largest.
    max_concepts
        How many where `concepts` is None.
    max_crops
        How many pictures each has at most.
    with_cortex
        Whether the cortex is drawn where voxels are known.
    about
        What activation is shown about.
    width
        In inches.

    Raises
    ------
    StudyError
        If no concepts were discovered.
    InputError
        If one is not there.
    """
    held = concepts_of(cut)
    chosen = [held[id] for id in concepts] if concepts is not None else held.concepts[:max_concepts]
    brain = cut.brain_activation
    names = shown_rois(brain.names) if brain is not None else []
    rows = []
    pictures: dict[int, NDArray[np.uint8]] = {}
    cortical = brain is not None and brain.has_cortex and with_cortex
    maps = _cortex_maps(brain, [concept.members for concept in chosen], about) if cortical and brain is not None else []
    scale = _common_scale(maps)
    for number, concept in enumerate(chosen):
        location = cut.index.locate(concept.members)
        activation = interval = None
        if brain is not None:
            found = brain.summarise(concept.members, about=about)
            columns = [brain.names.index(name) for name in names]
            activation = found.mean[columns]
            interval = member_interval(brain, concept.members, columns, about=about)
        rows.append(
            ConceptRow(
                concept.name,
                concept.colour,
                _crops(study, cut, concept.members, max_crops, pictures),
                f"{concept.size:,} nodes\n{len(np.unique(location.image))} pictures\n{_layers(cut, location)}",
                activation,
                None,
                cortex_picture(maps[number], scale, height=220, width=480, layout=SMALL_LAYOUT) if cortical else None,
                interval,
            )
        )
    note = [f"{len(chosen)} of {len(held)} concepts. Crops: tokens most like the concept's mean; the rest is paled."]
    if brain is not None:
        note.append(f"{centring_info(about).note} Bars: means over nodes; lines: 95 % intervals, pictures drawn anew.")
        if cortical:
            note.append("Cortex: the same, voxel by voxel; the left hemisphere from the side and from below.")
        note.append(f"Brain data: {brain.title}.")
    return concept_gallery_from_arrays(
        rows,
        rois=names,
        title=f"Concepts: what their tokens look like{', and what they do to the brain' if names else ''}",
        note="\n".join([*note, brief_provenance(study, cut)]),
        simulated=brain is not None and brain.simulated,
        width=width,
    )


def concepts_of(cut: Cut) -> ConceptSet:
    """Concepts of a cut.

    Raises
    ------
    StudyError
        If none were discovered; the sentence says how to get them.
    """
    found = cut.concepts
    if found is None or not len(found):
        raise StudyError(
            f"No concepts were discovered in the cut {cut.name!r}; `alignedcut figures STUDY --all` discovers them, "
            "and so does `alignedcut concepts STUDY`."
        )
    return found


def _cortex_maps(
    brain: BrainActivation, selections: Sequence[NDArray[np.int64]], about: Centring
) -> list[dict[str, NDArray[np.float32]]]:
    # of a hundred thousand members a few thousand tell the mean
    rng = np.random.default_rng(0)
    chosen = [np.sort(rng.choice(nodes, min(len(nodes), 4000), replace=False)) for nodes in selections]
    return [brain.cortex_values(nodes, about=about) for nodes in chosen]


def _common_scale(maps: Sequence[dict[str, NDArray[np.float32]]]) -> ColourScale:
    from ..brain import ColourScale

    if not maps:
        return ColourScale()
    return ColourScale.diverging(np.concatenate([values for sides in maps for values in sides.values()]))


def _crops(
    study: Study, cut: Cut, members: NDArray[np.int64], count: int, pictures: dict[int, NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    """Crops around the most typical members, one a picture; pictures that are gone are passed over."""
    from ..concepts import representatives

    location = cut.index.locate(members)
    patches = location.row >= 0
    best = representatives(cut.eigenvectors, members[patches], location.image[patches], 2 * count)
    crops: list[NDArray[np.uint8]] = []
    for node in best:
        at = cut.index.locate(node)
        network, image = cut.index.networks[int(at.network)], int(at.image)
        try:
            if image not in pictures:
                pictures[image] = study.picture(image)
        except PictureError:
            continue
        tokens = cut.index.patch_slice(network.name, int(at.layer), image)
        grid = cut.index.grid(network.name, int(at.layer))
        inside = np.zeros(grid.rows * grid.columns, dtype=bool)
        first, last = np.searchsorted(members, [tokens.start, tokens.stop])
        inside[members[first:last] - tokens.start] = True
        shape = inside.reshape(grid.rows, grid.columns)
        crops.append(crop_around(pictures[image], shape, int(at.row), int(at.column)))
        if len(crops) == count:
            break
    return crops


def _layers(cut: Cut, location: NodeLocation) -> str:
    """Where most of a concept lies: the layers that hold nine tenths of it, network by network in short."""
    shares = []
    for number, network in enumerate(cut.index.networks):
        own = location.layer[location.network == number]
        if len(own):
            low, high = np.quantile(own, [0.05, 0.95], method="nearest")
            words = f"layer {low}" if low == high else f"layers {low}–{high}"
            shares.append((len(own) / len(location.layer), f"{network.name.split('-')[0]}, {words}"))
    shown = [words for share, words in sorted(shares, reverse=True) if share >= 0.1]
    return "\n".join(shown[:2])


def _reach(row: ConceptRow) -> NDArray[np.float64]:
    """How far bars and their spread go."""
    ends = np.abs(np.asarray(row.activation, dtype=np.float64))
    if row.interval is not None:
        reached: NDArray[np.float64] = np.abs(np.asarray(row.interval, dtype=np.float64)).max(axis=0)
        return np.where(reached > ends, reached, ends)  # NaN, of a single picture, is no interval
    return ends if row.spread is None else ends + np.asarray(row.spread, dtype=np.float64)


def crop_around(
    picture: NDArray[np.uint8],
    members: NDArray[np.bool_],
    row: int,
    column: int,
    *,
    share: float = 0.5,
    size: int = 160,
) -> NDArray[np.uint8]:
    """A square part of a picture around one token, with all that does not belong to the concept paled.

    Parameters
    ----------
    picture
        uint8 (H, W, 3).
    members
        bool (rows, columns): which tokens belong.
    row, column
        The token in the middle.
    share
        Side of the square as a share of the picture's shorter side.
    size
        Side of the result in pixels.
    """
    from PIL import Image

    high, wide = picture.shape[:2]
    side = max(round(share * min(high, wide)), 8)
    y = (row + 0.5) / members.shape[0] * high
    x = (column + 0.5) / members.shape[1] * wide
    top = int(np.clip(round(y - side / 2), 0, max(high - side, 0)))
    left = int(np.clip(round(x - side / 2), 0, max(wide - side, 0)))
    part = picture[top : top + side, left : left + side]
    image = np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.LANCZOS), dtype=np.float32)
    rows = ((top + (np.arange(size) + 0.5) * part.shape[0] / size) / high * members.shape[0]).astype(int)
    columns = ((left + (np.arange(size) + 0.5) * part.shape[1] / size) / wide * members.shape[1]).astype(int)
    inside = members[rows.clip(max=members.shape[0] - 1)[:, None], columns.clip(max=members.shape[1] - 1)[None, :]]
    paled = 255 - 0.45 * (255 - image.mean(-1, keepdims=True))
    return np.asarray(np.rint(np.where(inside[..., None], image, paled)), dtype=np.uint8)


def concept_gallery_from_arrays(
    rows: Sequence[ConceptRow],
    *,
    rois: Sequence[str] = (),
    title: str = "",
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw concepts under one another: name, crops, bars by region, cortex.

    Parameters
    ----------
    rows
        The concepts.
    rois
        Regions of the bars in their order, R of them; none leaves bars out.
    title, note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if not rows:
        raise InputError("There is nothing to draw: a gallery needs at least one concept.")
    names = 1.0
    barred = bool(rois) and any(row.activation is not None for row in rows)
    cortical = any(row.cortex is not None for row in rows)
    bars = 1.38 if barred else 0.0
    cortex = 1.45 if cortical else 0.0
    n_crops = max(max(len(row.crops) for row in rows), 1)
    page_width = width - 0.14
    room = page_width - names - (bars + 0.45 if barred else 0.0) - (cortex + 0.08 if cortical else 0.0)
    n_shown = max(1, min(n_crops, int((room + 0.04) / 0.46)))
    crop = min((room + 0.04) / n_shown - 0.04, 0.85)
    each = max(crop, 0.62) + 0.08
    below = (max(text_width(name, SMALL) for name in rois) + 0.1) if barred else 0.0
    page = Page(each * len(rows) + below, width=width, title=title, note=note, simulated=simulated)
    limit = (
        symmetric_limit(np.concatenate([_reach(row) for row in rows if row.activation is not None])) if barred else 1.0
    )
    for number, row in enumerate(rows):
        y = number * each
        swatch = page.axes(0, y + 0.02, 0.1, each - 0.14, label="swatch")
        red, green, blue = (c / 255 for c in row.colour)
        swatch.set_facecolor((red, green, blue))
        swatch.set_xticks([])
        swatch.set_yticks([])
        for spine in swatch.spines.values():
            spine.set_visible(False)
        page.text(0.15, y, shortened(row.name, TEXT, names - 0.2), TEXT, weight="bold")
        for line, words in enumerate(row.caption.splitlines()):
            page.text(0.15, y + (line + 1) * line_height(TEXT), shortened(words, SMALL, names - 0.2), SMALL)
        for place, pixels in enumerate(row.crops[:n_shown]):
            page.picture(pixels, names + place * (crop + 0.04), y, crop, crop, label=row.name)
        x = page.width - bars - (cortex + 0.08 if cortical else 0.0)
        if barred and row.activation is not None:
            axes = page.axes(x, y + 0.02, bars, each - 0.12, label=f"{row.name} bars")
            last = number == len(rows) - 1
            draw_roi_bars(
                axes,
                rois,
                row.activation,
                [(red, green, blue)],
                spreads=None if row.spread is None else np.asarray(row.spread)[None],
                intervals=row.interval,
                limit=limit,
                named=last,
            )
            for bar in axes.patches:
                bar.set(edgecolor="0.3", linewidth=0.3)
            if last:
                axes.tick_params(axis="x", rotation=90)
        if row.cortex is not None:
            # in the middle of its box, in its own shape
            high = min(cortex * row.cortex.shape[0] / row.cortex.shape[1], each - 0.06)
            wide = high * row.cortex.shape[1] / row.cortex.shape[0]
            page.picture(
                row.cortex,
                page.width - cortex + (cortex - wide) / 2,
                y + (each - 0.06 - high) / 2,
                wide,
                high,
                label=f"{row.name} cortex",
            )
    return page.finished()
