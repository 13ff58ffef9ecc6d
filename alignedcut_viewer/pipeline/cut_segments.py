"""Segments of a joint cut by the ways of Zhang, Yunis and Maire (2024): regions, instances, data-set semantics."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..choices import CUT_SEGMENT_METHODS
from ..errors import InputError
from ..images import PictureSet, find_masks, load_mask
from ..progress import ProgressCallback, report, span
from ..segmentation import RefineSettings, confusion_matrix, segment_colours
from ..segmentation.objects import ObjectSettings
from ..segmentation.semantics import ClassMatch, cluster_places, match_classes
from ..study.mask_labels import usual_unlabelled
from ..study.segment_set import SegmentSet, SegmentWriter
from ..study.study import Study
from ..versions import versions
from .cut_picture_segments import CutPicture, CutPlaces, SemanticPicture, instances_of, regions_of, semantics_of
from .spreading import in_order

__all__ = ["CutSegmentSettings", "segment_cut"]

_USUAL_CLASSES = 27


@dataclass(frozen=True)
class CutSegmentSettings:
    """How a joint cut becomes segments.

    Attributes
    ----------
    method
        ``"regions"``: k-means on the places of each picture, the number by silhouette. ``"instances"``: things in each
        picture that stand out, the rest is 0. ``"semantics"``: one k-means over all pictures, a number means the same
        in all of them.
    segments
        Number of regions, or of segments of all pictures; None chooses regions by silhouette, and takes as many
        segments of all pictures as there are classes in the masks, 27 (as in the paper's evaluation) without masks.
    classes
        Folder of masks, of semantics: segments are named after the classes that they match, and scored.
    objects
        Which things are kept.
    min_confidence
        What is surer than this is kept, the rest becomes 0, "nothing here".
    refine
        From places to pixels.
    seed
        Of k-means.
    """

    method: str = "regions"
    segments: int | None = None
    classes: str | None = None
    objects: ObjectSettings = field(default_factory=ObjectSettings)
    min_confidence: float = 0.0
    refine: RefineSettings = field(default_factory=RefineSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in CUT_SEGMENT_METHODS:
            raise InputError(f"Unknown method {self.method!r}; of a cut there are {', '.join(CUT_SEGMENT_METHODS)}.")
        if self.segments is not None and self.segments < 2:
            raise InputError(f"A picture is divided into at least 2 segments; got {self.segments}.")
        if self.segments is not None and self.method == "instances":
            raise InputError("How many instances a picture has is found, not asked for; leave the number out.")
        if self.classes is not None and self.method != "semantics":
            raise InputError(
                "Masks with classes are matched with semantics; say --method semantics, or leave them out."
            )
        if not 0 <= self.min_confidence <= 1:
            raise InputError(f"Confidence lies between 0 and 1; got a bound of {self.min_confidence}.")


def segment_cut(
    study: Study,
    cut_name: str,
    settings: CutSegmentSettings | None = None,
    name: str = "default",
    images: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
) -> SegmentSet:
    """Segment the pictures of a joint cut and keep the segments in the study.

    Parameters
    ----------
    study
        Opened for writing.
    cut_name
        Name of a joint cut, see :func:`~alignedcut_viewer.pipeline.layered_cut`.
    settings
        How.
    name
        What to call the segments; those of that name are replaced.
    images
        Which of the cut's pictures; None is all.
    progress
        Called once a picture; may cancel, which leaves the study as it was.

    Returns
    -------
    SegmentSet
        Confidence is the mean silhouette of a region or instance, of semantics that of its places in the picture as
        k-means sees it; below 0 counts as 0. With classes, ``recipe["scores"]`` holds ``miou``, ``accuracy`` and the
        intersection over union of each class.

    Raises
    ------
    StudyError
        If there is no cut of that name, or the study was opened for reading.
    InputError
        If it is no joint cut, a number does not fit, or of semantics the pictures were cut by themselves.
    PictureError
        If masks cannot be read or none fits.
    """
    settings = settings or CutSegmentSettings()
    study.store.require_writable()
    cut = study.cut(cut_name)
    if cut.layered is None:
        raise InputError(
            f"The cut {cut_name!r} is an AlignedCut; regions, instances and semantics are made of joint cuts: "
            "alignedcut cut STUDY --pathway what"
        )
    own = cut.recipe["cut"]["settings"]
    of_pictures = own.get("scope") == "picture"
    if of_pictures and settings.method == "semantics":
        raise InputError(
            f"The pictures of the cut {cut_name!r} were cut by themselves; semantics need one cut of all pictures "
            "(--scope data-set)."
        )
    chosen = cut.index.images if images is None else tuple(images)
    strange = [image for image in chosen if image not in cut.index.images]
    if strange:
        raise InputError(f"Picture {strange[0]} is not part of the cut {cut_name!r}.")
    source = CutPlaces(study, cut_name)
    recipe: dict[str, Any] = {
        "cut": {"name": cut_name, "identity": cut.identity},
        "layers": {network: sorted({g.layer for g in cut.layered.graphs if g.network == network})
                   for network in cut.layered.sources.values()},
        "settings": asdict(settings),
        "images": list(chosen),
        "pictures": study.picture_digests(chosen),
        "versions": versions(),
    }  # fmt: skip
    writer = SegmentWriter(settings.method == "semantics", recipe)
    if settings.method == "semantics":
        _semantics(source, settings, chosen, writer, progress)
    else:
        names = study.pictures.names
        task = CutPicture(source, settings.segments, settings.objects, settings.refine, settings.seed)
        made = in_order(regions_of if settings.method == "regions" else instances_of, task, chosen)
        with contextlib.closing(made):
            for number, image in enumerate(chosen):
                report(progress, number, len(chosen), f"Segments of {names[image]}")
                labels, confidence, reason = next(made)
                writer.add(image, *_sure(labels, confidence, settings.min_confidence), reason)
        report(progress, len(chosen), len(chosen), "Segments")
    return writer.publish(study.store, name)


def _sure(
    labels: NDArray[np.int32], confidence: dict[int, float], least: float
) -> tuple[NDArray[np.int32], dict[int, float]]:
    weak = [number for number, value in confidence.items() if value < least]
    kept = {number: value for number, value in confidence.items() if value >= least}
    return np.where(np.isin(labels, weak), 0, labels).astype(np.int32), kept


class _Truth:
    """Masks of the pictures, their classes numbered from 0; -1 is unlabelled."""

    def __init__(self, study: Study, images: Sequence[int], folder: str) -> None:
        found = find_masks(folder, PictureSet([study.picture_path(image) for image in images]))
        self._files = dict(zip(images, found, strict=True))
        masks = [load_mask(file) for file in found if file is not None]
        unlabelled = usual_unlabelled(masks)
        met: set[int] = set().union(*(np.unique(mask).tolist() for mask in masks))
        self.classes = np.array(sorted(met - unlabelled), dtype=np.int64)
        if not len(self.classes):
            raise InputError(f"The masks in {folder} label no pixel of these pictures.")

    def of(self, image: int, size: tuple[int, int]) -> NDArray[np.int64] | None:
        file = self._files[image]
        if file is None:
            return None
        mask = load_mask(file, size=size)
        at = np.searchsorted(self.classes, mask).clip(max=len(self.classes) - 1)
        return np.where(self.classes[at] == mask, at, -1)


def _semantics(
    source: CutPlaces,
    settings: CutSegmentSettings,
    images: Sequence[int],
    writer: SegmentWriter,
    progress: ProgressCallback | None,
) -> None:
    """One clustering of all places, its segments named after classes where masks are given."""
    truth = None if settings.classes is None else _Truth(source.study, images, settings.classes)
    wanted = settings.segments or (_USUAL_CLASSES if truth is None else max(len(truth.classes), 2))
    features = np.stack([source.features(image) for image in images])
    flat = features.reshape(-1, features.shape[-1])
    clusters = cluster_places(flat, wanted, seed=settings.seed, progress=span(progress, 0.0, 0.3))
    counts = None if truth is None else np.zeros((len(truth.classes), wanted), dtype=np.int64)
    task = SemanticPicture(source, clusters, settings.refine)
    names = source.study.pictures.names
    with contextlib.closing(in_order(semantics_of, task, zip(images, features, strict=True))) as made:
        for picture, image in enumerate(images):
            labels, confidence = next(made)
            own = truth.of(image, labels.shape) if truth is not None else None
            if counts is not None and own is not None:
                known = own >= 0
                counts += confusion_matrix(own[known], labels[known] - 1, n_classes=len(counts), n_labels=wanted)
            writer.add(image, *_sure(labels, confidence, settings.min_confidence), f"{wanted} segments of all pictures")
            report(span(progress, 0.3, 1.0), picture + 1, len(images), f"Segments of {names[image]}")
    if truth is not None and counts is not None:
        match = match_classes(counts)
        writer.recipe["scores"] = _scores(match, truth)
        writer.edited = _names(match, truth)


def _scores(match: ClassMatch, truth: _Truth) -> dict[str, Any]:
    iou = {str(label): round(float(value), 4) for label, value in zip(truth.classes, match.iou, strict=True)}
    return {"miou": round(match.mean_iou, 4), "accuracy": round(match.accuracy, 4), "iou": iou}


def _names(match: ClassMatch, truth: _Truth) -> list[dict[str, Any]]:
    colours = segment_colours(len(match.classes))
    return [
        {
            "image": None,
            "number": number,
            "name": f"class {truth.classes[own]}" if own >= 0 else f"segment {number}",
            "colour": [int(part) for part in colours[number][:3]],
            "locked": False,
        }
        for number, own in enumerate(match.classes.tolist(), start=1)
    ]
