"""Masks of others, or of an earlier export, as segments of a study; and segments without any pixel yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..images import find_masks, load_mask
from ..progress import ProgressCallback, report
from ..segmentation import ReadMask, read_masks, segment_colours
from ..study.segment_set import SegmentSet, SegmentWriter
from ..study.study import Study
from ..versions import versions

__all__ = ["empty_segments", "import_masks"]


def import_masks(
    study: Study, source: str | Path, name: str = "imported", progress: ProgressCallback | None = None
) -> SegmentSet:
    """Read masks and keep them in a study as segments.

    Parameters
    ----------
    study
        Opened for writing; its pictures are told by their file names.
    source
        A file that :func:`~alignedcut_viewer.segmentation.read_masks` reads, or a folder of masks named like their
        pictures (:func:`~alignedcut_viewer.images.find_masks`).
    name
        What to call the segments; those of that name are replaced.
    progress
        Called once a picture; may cancel, which leaves the study as it was.

    Returns
    -------
    SegmentSet
        Of the pictures that have a mask. Where the file names its labels, one number is one thing in all pictures.

    Raises
    ------
    InputError, PictureError
        If the file cannot be read, no mask belongs to a picture, or one has another size than its picture.
    StudyError
        If the study was opened for reading.
    """
    study.store.require_writable()
    path = Path(source).expanduser().absolute()
    images = [image for image in range(len(study.pictures)) if image not in study.skipped]
    found, names = _of_folder(study, path, images) if path.is_dir() else _of_file(study, path, images)
    joint = any(word != f"segment {number}" for number, word in names.items())
    recipe: dict[str, Any] = {
        "layers": {},
        "settings": {"imported from": path.name},
        "images": list(found),
        "pictures": study.picture_digests(found),
        "versions": versions(),
    }
    writer = SegmentWriter(joint, recipe)
    met: set[int] = set()
    for done, (image, load) in enumerate(found.items()):
        title = study.pictures.names[image]
        report(progress, done, len(found), f"Reading masks: {title}")
        mask, size = load(), study.picture_size(image)
        if mask.labels.shape != size:
            raise InputError(
                f"The mask of {title} is {mask.labels.shape[0]} × {mask.labels.shape[1]} pixels, but the picture "
                f"{size[0]} × {size[1]}."
            )
        writer.add(image, mask.labels, mask.confidence, f"read from {path.name}")
        here = set(np.unique(mask.labels).tolist())
        met |= here
        writer.edited += [_named(image, number, word) for number, word in mask.names.items() if number in here]
    if joint:
        writer.edited = [_named(None, number, word) for number, word in names.items() if number in met]
    return writer.publish(study.store, name)


def _named(image: int | None, number: int, name: str) -> dict[str, Any]:
    colour = segment_colours(number)[number].tolist()
    return {"image": image, "number": number, "name": name, "colour": colour, "locked": False}


def _of_file(
    study: Study, path: Path, images: Sequence[int]
) -> tuple[dict[int, Callable[[], ReadMask]], dict[int, str]]:
    masks = read_masks(path)
    stems = {Path(known).stem for known in masks.pictures} | set(masks.pictures)
    found: dict[int, Callable[[], ReadMask]] = {}
    for image in images:
        for title in (study.picture_path(image).name, study.pictures.names[image]):
            if title in stems or Path(title).stem in stems:
                found[image] = lambda title=title: masks.of_picture(title)  # type: ignore[misc]
                break
    if not found:
        raise InputError(
            f"No mask in {path.name} belongs to a picture of the study: the first picture is "
            f"{study.pictures.names[images[0]]}, the first mask {next(iter(masks.pictures), 'none')}."
        )
    return found, masks.names


def _of_folder(
    study: Study, path: Path, images: Sequence[int]
) -> tuple[dict[int, Callable[[], ReadMask]], dict[int, str]]:
    files = find_masks(path, study.picture_set().subset(images))

    def load(file: Path) -> Callable[[], ReadMask]:
        return lambda: ReadMask(file.name, load_mask(file))

    return {image: load(file) for image, file in zip(images, files, strict=True) if file is not None}, {}


def empty_segments(study: Study, name: str) -> SegmentSet:
    """Segments of all pictures, none of which holds any yet; for what is drawn or prompted by hand.

    Raises
    ------
    StudyError
        If the study was opened for reading.
    """
    study.store.require_writable()
    images = [image for image in range(len(study.pictures)) if image not in study.skipped]
    recipe: dict[str, Any] = {
        "layers": {},
        "settings": {"made by": "hand"},
        "images": images,
        "pictures": study.picture_digests(images),
        "versions": versions(),
    }
    writer = SegmentWriter(True, recipe)
    for image in images:
        nothing: NDArray[np.int32] = np.zeros(study.picture_size(image), dtype=np.int32)
        writer.add(image, nothing, {}, "made by hand")
    return writer.publish(study.store, name)
