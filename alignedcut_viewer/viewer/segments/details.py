"""What the list of segments shows beside names: area, and a small picture of each. Knows neither Qt nor napari."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback, report

if TYPE_CHECKING:
    from ...segmentation import Segmentation, SegmentKey
    from ..frames.loading import LoadedStudy

__all__ = ["SegmentDetails", "detail_mark", "segment_details"]

THUMBNAIL = 48
AROUND = 0.15
DIMMED = 0.35


class SegmentDetails(NamedTuple):
    """Of one segment.

    Attributes
    ----------
    area
        Share of its picture, or of all pictures together where it means the same in all.
    pictures
        Number of pictures that hold it.
    thumbnail
        uint8 (48, 48, 3), the segment in its picture; None where the picture cannot be read.
    """

    area: float
    pictures: int
    thumbnail: NDArray[np.uint8] | None


def detail_mark(edits: "Segmentation", key: "SegmentKey", shown: int | None) -> tuple[Any, ...]:
    """Changes when the details of a segment do."""
    return key, edits.runs_of(key.image) if key.image is not None else (edits.revision, shown)


def segment_details(
    loaded: "LoadedStudy",
    edits: "Segmentation",
    keys: "Sequence[SegmentKey]",
    shown: int | None,
    progress: ProgressCallback,
) -> "dict[SegmentKey, SegmentDetails]":
    """Details of some segments.

    Parameters
    ----------
    loaded
        The study that is shown.
    edits
        A snapshot of the segments.
    keys
        Which.
    shown
        Number of the picture in view, from which the thumbnails of segments of many pictures are taken where they are
        in it.
    progress
        Called once a picture; may cancel.
    """
    images = edits.images if any(key.image is None for key in keys) else sorted({k.image for k in keys if k.image})
    if any(key.image == 0 for key in keys):
        images = sorted({0, *images})
    counts: dict[int, dict[int, int]] = {}
    for done, image in enumerate(images):
        report(progress, done, 2 * len(images), "measuring segments")
        counts[image] = edits.runs_of(image).counts()
    pictures: dict[int, NDArray[np.uint8] | None] = {}
    found = {}
    for done, key in enumerate(keys):
        report(progress, len(keys) + done, 2 * len(keys), "making thumbnails")
        own = tuple(counts) if key.image is None else (key.image,)
        shares = {image: _share(counts[image], key.number) for image in own}
        holding = [image for image, share in shares.items() if share > 0]
        thumbnail = None
        if holding:
            best = shown if shown in holding else max(holding, key=shares.__getitem__)
            assert best is not None
            if best not in pictures:
                at = loaded.images.index(best) if best in loaded.images else None
                pictures[best] = None if at is None else loaded.pictures.small(at, 4 * THUMBNAIL)
            picture = pictures[best]
            if picture is not None:
                thumbnail = _thumbnail(picture, edits.map_of(best) == key.number)
        found[key] = SegmentDetails(float(np.mean([*shares.values()])), len(holding), thumbnail)
    return found


def _share(counts: dict[int, int], number: int) -> float:
    return counts.get(number, 0) / max(sum(counts.values()), 1)


def _thumbnail(picture: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The square around a segment, with what is not in it dimmed."""
    from PIL import Image

    height, width = picture.shape[:2]
    rows = np.arange(height) * inside.shape[0] // height
    columns = np.arange(width) * inside.shape[1] // width
    here = inside[rows[:, None], columns[None, :]]
    down, right = np.nonzero(here)
    if not len(down):  # smaller than a pixel of the small picture
        down, right = (
            np.nonzero(inside)[axis] * n // m for axis, n, m in zip((0, 1), (height, width), inside.shape, strict=True)
        )
    side = min(int(max(np.ptp(down), np.ptp(right)) * (1 + 2 * AROUND)) + 8, height, width)
    top = int(np.clip((down.min() + down.max() - side) // 2, 0, height - side))
    left = int(np.clip((right.min() + right.max() - side) // 2, 0, width - side))
    cut = (slice(top, top + side), slice(left, left + side))
    shown = np.where(here[cut][..., None], picture[cut], (picture[cut] * DIMMED).astype(np.uint8))
    return np.asarray(Image.fromarray(shown).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR))
