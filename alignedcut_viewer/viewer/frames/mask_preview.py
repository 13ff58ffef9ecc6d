"""How masks will look, one picture at a time, before they are written. Knows neither Qt nor napari."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback, report
from ..state.node_values import NodeValues
from .loading import LoadedStudy

if TYPE_CHECKING:
    from ...segmentation import Segmentation

__all__ = ["MaskPreview", "Preview", "laid_over", "segments_preview", "threshold_preview"]

SIDE = 340
"""Pixels of the longer side."""
OPACITY = 0.55
DIMMED = 0.6
"""Brightness of what is in no mask."""
INSIDE = (230, 159, 0)

Colours = Mapping[int, tuple[int, int, int]]


@dataclass(frozen=True, eq=False)
class MaskPreview:
    """A picture with its mask.

    Attributes
    ----------
    image
        uint8 (h, w, 3).
    words
        What is in it.
    """

    image: NDArray[np.uint8]
    words: str


Preview = Callable[[int, ProgressCallback], MaskPreview]
"""Gives the preview of the picture at a position; reads files, so not for the window's thread."""


def laid_over(picture: NDArray[np.uint8], labels: NDArray[np.integer], colours: Colours) -> NDArray[np.uint8]:
    """A picture with a mask over it: segments in their colours, each with a rim, and all else dimmed.

    Parameters
    ----------
    picture
        uint8 (h, w, 3), of any size.
    labels
        Whole numbers (H, W), 0 where no segment is, of any size.
    colours
        Of the numbers, red, green, blue from 0 to 255.
    """
    height, width = picture.shape[:2]
    rows = np.arange(height) * labels.shape[0] // height
    columns = np.arange(width) * labels.shape[1] // width
    here = labels[rows[:, None], columns[None, :]]
    table = np.zeros((max(int(labels.max(initial=0)), 0) + 1, 3), dtype=np.float32)
    for number, colour in colours.items():
        if 0 < number < len(table):
            table[number] = colour
    inside = (here > 0)[..., None]
    mixed = np.where(inside, OPACITY * table[here] + (1 - OPACITY) * picture, DIMMED * picture)
    rim = np.zeros(here.shape, dtype=bool)
    rim[:, 1:] |= here[:, 1:] != here[:, :-1]
    rim[1:] |= here[1:] != here[:-1]
    mixed[rim] = 255
    return np.rint(mixed).astype(np.uint8)


def segments_preview(shown: LoadedStudy, name: str, edits: "Segmentation | None") -> Preview:
    """Of segments, as they are now.

    Parameters
    ----------
    shown
        The study.
    name
        What the segments are called.
    edits
        Their list where they are open, else they are read from the study.
    """
    held = [] if edits is None else [copy.copy(edits)]  # changes replace maps and lists, never write into them

    def preview(position: int, progress: ProgressCallback) -> MaskPreview:
        report(progress, 0, 0, "reading the picture")
        if not held:
            held.append(shown.study.segments(name).segmentation())
        segments, image = held[0], shown.images[position]
        picture = _picture(shown, position)
        if image not in segments.images:
            return MaskPreview(laid_over(picture, np.zeros((1, 1), dtype=np.int32), {}), "no mask: it has no segments")
        labels = segments.map_of(image)
        seen = segments.segments if segments.joint else segments.of_image(image)
        here = np.unique(labels[labels > 0])
        words = f"{len(here)} segment{'s' * (len(here) != 1)} on {_share(labels > 0)} of it"
        return MaskPreview(laid_over(picture, labels, {one.key.number: one.colour for one in seen}), words)

    return preview


def threshold_preview(
    shown: LoadedStudy, values: NodeValues, threshold: float, *, network: str, layer: int, smooth: bool
) -> Preview:
    """Of where a number per node reaches a threshold; parameters as for :func:`.exports.reaching_work`."""

    def preview(position: int, progress: ProgressCallback) -> MaskPreview:
        from ...pipeline.mask_export import threshold_mask

        report(progress, 0, 0, "reading the picture")
        cut, image = shown.cut, shown.images[position]
        picture = _picture(shown, position)
        if cut is None or image not in cut.index.images:
            return MaskPreview(laid_over(picture, np.zeros((1, 1), dtype=np.int32), {}), "no mask: it is in no result")
        mask = threshold_mask(
            shown.study, cut, values.part, threshold, network=network, layer=layer, image=image, smooth=smooth
        )
        return MaskPreview(laid_over(picture, mask, {1: INSIDE}), f"{_share(mask > 0)} of it inside")

    return preview


def _picture(shown: LoadedStudy, position: int) -> NDArray[np.uint8]:
    picture = shown.pictures.small(position, SIDE)
    if picture is not None:
        return picture
    box = shown.pictures.layout.box(position)  # grey, where the file cannot be read any more
    return np.full((box.height, box.width, 3), 128, dtype=np.uint8)


def _share(inside: NDArray[np.bool_]) -> str:
    percent = 100 * float(inside.mean())
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else "less than 1 %"
