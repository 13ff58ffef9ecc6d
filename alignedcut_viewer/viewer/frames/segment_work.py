"""What is done with segments in the background: made, read, written, scored, prompted. Knows neither Qt nor napari."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...places import Location
from ...progress import ProgressCallback, report, span
from ..state.node_values import NodeValues
from .loading import LoadedStudy

if TYPE_CHECKING:
    from ...nodes import NodeIndex
    from ...segmentation import Segmentation
    from ...study.study import Study

__all__ = ["PictureScore", "free_name", "import_work", "prompt_masks", "score_segments", "segment_work"]

Keep = Callable[[ProgressCallback], str]
"""Makes segments in a study and gives their name."""
SHARPNESS = 8.0


def free_name(wanted: str, names: Sequence[str]) -> str:
    """A name that none of some has: `wanted`, or that with a number."""
    word = wanted.strip() or "segments"
    number, free = 2, word
    while free in names:
        free = f"{word} {number}"
        number += 1
    return free


def segment_work(study: Location, settings: dict[str, Any], name: str) -> Keep:
    """The work of segmenting the pictures of a study.

    Parameters
    ----------
    study
        Its folder.
    settings
        Of :class:`~alignedcut_viewer.pipeline.SegmentSettings`, with those of its choice and refinement in place.
    name
        What to call the segments.
    """

    def work(progress: ProgressCallback) -> str:
        from ...pipeline.segment_stage import SegmentSettings, segment
        from ...segmentation import RefineSettings, SegmentChoice
        from ...study.study import Study

        report(progress, 0, 0, "loading the libraries")
        given = dict(settings)
        choice = SegmentChoice(refine=RefineSettings(filter=given.pop("refine")), **given.pop("choice"))
        with Study.open(study, writable=True) as opened:
            return segment(opened, SegmentSettings(choice=choice, **given), name, progress=progress).name

    return work


def import_work(study: Location, source: Path, name: str) -> Keep:
    """The work of reading masks as segments of a study."""

    def work(progress: ProgressCallback) -> str:
        from ...pipeline.mask_import import import_masks
        from ...study.study import Study

        with Study.open(study, writable=True) as opened:
            return import_masks(opened, source, name, progress).name

    return work


def empty_work(study: Location, name: str) -> Keep:
    """The work of making segments that are drawn by hand."""

    def work(progress: ProgressCallback) -> str:
        from ...pipeline.mask_import import empty_segments
        from ...study.study import Study

        report(progress, 0, 0, "making empty segments")
        with Study.open(study, writable=True) as opened:
            return empty_segments(opened, name).name

    return work


def prompt_masks(
    shown: LoadedStudy,
    values: NodeValues,
    level: float,
    slot: tuple[str, int],
    images: Sequence[int],
    progress: ProgressCallback,
    *,
    refine: bool = True,
) -> dict[int, NDArray[np.bool_]]:
    """Where pictures answer a prompt, at their own size, with edges of their pixels.

    Parameters
    ----------
    shown
        The study with the cut whose nodes answer.
    values
        One score a node.
    level
        Score above which a pixel is inside.
    slot
        Network and layer whose tokens are taken.
    images
        Numbers of the pictures.
    progress
        Called once a picture.
    refine
        Whether edges are drawn to those of the picture (bilateral solver), or are interpolated between tokens.

    Returns
    -------
    dict
        For each picture where anything is inside, bool (h, w).
    """
    from ...segmentation import upsample_scores
    from ...segmentation.bilateral import bilateral_solve

    if shown.cut is None:
        raise InputError("Prompts are answered by a result; run the study in the Study panel first.")
    index: NodeIndex = shown.cut.index
    grid = index.grid(*slot)
    masks = {}
    for done, image in enumerate(images):
        report(progress, done, len(images), f"Prompt: {shown.study.pictures.names[image]}")
        scores = values.part(index.patch_slice(*slot, image)).reshape(grid.rows, grid.columns)
        if not (scores > level).any():
            continue
        size = shown.study.picture_size(image)
        inside = upsample_scores(scores, size) - np.float32(level)
        if refine:
            soft = 1 / (1 + np.exp(-SHARPNESS * inside))
            mask = np.asarray(bilateral_solve(soft, shown.study.picture(image))) > 0.5
        else:
            mask = inside > 0
        if mask.any():
            masks[image] = mask
    return masks


class PictureScore(NamedTuple):
    """How well segments fit what people drew, by both ways of matching; between 0 and 1."""

    hungarian: float
    many_to_one: float


def score_segments(
    study: "Study", edits: "Segmentation", folder: str | Path, progress: ProgressCallback
) -> dict[int, PictureScore]:
    """Mean IoU of each picture with a mask.

    Parameters
    ----------
    study
        The study of the pictures.
    edits
        Their segments; a snapshot.
    folder
        Masks, named like their pictures; 255, and 0 under COCO's stuff, are not scored.
    progress
        Called once a picture.

    Raises
    ------
    PictureError, InputError
        If no mask fits a picture by its name, or one by its size.
    """
    from ...images import find_masks, load_mask
    from ...segmentation.benchmark_metrics import segmentation_iou
    from ...study.mask_labels import usual_unlabelled

    images = list(edits.images)
    files = find_masks(folder, study.picture_set().subset(images))
    there = [(image, file) for image, file in zip(images, files, strict=True) if file is not None]
    ignored = usual_unlabelled(load_mask(file) for _, file in there[:50])
    scores = {}
    for done, (image, file) in enumerate(there):
        report(span(progress, 0.0, 1.0), done, len(there), f"Scoring {study.pictures.names[image]}")
        labels = edits.map_of(image)
        truth = load_mask(file, size=(labels.shape[0], labels.shape[1]))
        truth = np.where(np.isin(truth, list(ignored)), -1, truth)
        if (truth >= 0).any():
            scores[image] = PictureScore(
                segmentation_iou(truth, labels, "hungarian"), segmentation_iou(truth, labels, "many-to-one")
            )
    return scores
