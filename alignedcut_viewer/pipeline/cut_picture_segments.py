"""Segments of one picture of a joint cut: what every process computes of it, here or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..segmentation import Clusters, RefineSettings, class_probabilities, refine, upsample_scores
from ..segmentation.objects import ObjectSettings, find_objects
from ..segmentation.regions import find_regions
from ..segmentation.semantics import unit_places
from ..study.study import Study

__all__ = ["CutPicture", "CutPlaces", "SemanticPicture", "instances_of", "regions_of", "semantics_of"]

Made = tuple[NDArray[np.int32], dict[int, float], str]
"""Labels at the size of the picture, how sure each is, and why there are so many."""


class CutPlaces:
    """Features of the places of a cut's pictures: the joint solution times what its columns are worth.

    Parameters
    ----------
    study
        Opened again for reading where this is sent to.
    cut_name
        Name of a joint cut.

    Raises
    ------
    InputError
        If it is no joint cut.
    """

    def __init__(self, study: Study, cut_name: str) -> None:
        self.study, self._name = study, cut_name
        self._cut = study.cut(cut_name)
        if self._cut.layered is None:
            raise InputError(f"The cut {cut_name!r} is no joint cut.")
        self._joint = self._cut.layered.joint
        grid = self._cut.index.grid(self._joint, 0)
        self.grid = (grid.rows, grid.columns)
        values = self._cut.eigenvalues
        # rows of single pictures are scaled already, see layered_rows
        scaled = self._cut.recipe["cut"]["settings"].get("scope") == "picture"
        self._worth = (np.ones(len(values)) if scaled else np.clip(values, 0, None)).astype(np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        return CutPlaces, (self.study, self._name)

    def features(self, image: int) -> NDArray[np.float32]:
        """float32 (places, C)."""
        rows = self._cut.eigenvectors[self._cut.index.patch_slice(self._joint, 0, image)]
        return np.asarray(rows, dtype=np.float32) * self._worth


@dataclass(frozen=True)
class CutPicture:
    """What is the same for all pictures that are segmented by themselves.

    Attributes
    ----------
    places
        Of the cut.
    segments
        Number of regions; None chooses it by silhouette.
    objects
        Which instances are kept.
    refine
        From places to pixels.
    seed
        Of k-means.
    """

    places: CutPlaces
    segments: int | None
    objects: ObjectSettings
    refine: RefineSettings
    seed: int


@dataclass(frozen=True)
class SemanticPicture:
    """What is the same for all pictures whose segments mean the same everywhere: places, their clusters, refinement."""

    places: CutPlaces
    clusters: Clusters
    refine: RefineSettings


def regions_of(task: CutPicture, image: int) -> Made:
    """Regions of a picture."""
    counts = range(2, 10) if task.segments is None else [task.segments]
    features, grid = task.places.features(image), task.places.grid
    found = find_regions(features, grid, counts=counts, seed=task.seed)
    clusters = Clusters.from_labels(features, found.labels.ravel(), metric="euclidean")
    picture = task.places.study.picture(image)
    scores = clusters.scores(features).reshape(*grid, -1)
    labels, _ = refine(class_probabilities(scores, picture.shape[:2]), picture, task.refine)
    return _numbered(labels, found.silhouettes, found.reason)


def instances_of(task: CutPicture, image: int) -> Made:
    """Things in a picture that stand out."""
    found = find_objects(task.places.features(image), task.places.grid, task.objects)
    picture = task.places.study.picture(image)
    # One channel for what is no thing, then one a thing: what is nowhere else is nobody's.
    inside = (found.labels[..., None] == np.arange(len(found.scores) + 1)).astype(np.float32)
    labels, _ = refine(upsample_scores(inside, picture.shape[:2]), picture, task.refine)
    confidence = {
        i: float(np.clip(score, 0, 1)) for i, score in enumerate(found.scores, start=1) if (labels == i).any()
    }
    reason = f"{len(found.scores)} instances of {found.n_candidates} parts that were looked at"
    return labels.astype(np.int32), confidence, reason


def semantics_of(
    task: SemanticPicture, item: tuple[int, NDArray[np.float32]]
) -> tuple[NDArray[np.int32], dict[int, float]]:
    """Segments of a picture from clusters of all, and how sure they are; of its number and its places' features."""
    image, rows = item
    scores = task.clusters.scores(unit_places(rows, len(task.clusters.centres)))
    nearest = np.sort(np.sqrt(np.clip(-scores, 0, None)), axis=1)[:, :2]
    margin = np.divide(nearest[:, 1] - nearest[:, 0], nearest[:, 1], out=np.zeros(len(rows)), where=nearest[:, 1] > 0)
    places = scores.argmax(axis=1)
    picture = task.places.study.picture(image)
    probabilities = class_probabilities(scores.reshape(*task.places.grid, -1), picture.shape[:2])
    labels, _ = refine(probabilities, picture, task.refine)
    numbers = np.unique(labels).tolist()
    sure = {n + 1: float(margin[places == n].mean()) if (places == n).any() else 0.0 for n in numbers}
    return labels.astype(np.int32) + 1, sure


def _numbered(labels: NDArray[np.int32], silhouettes: NDArray[np.float64], reason: str) -> Made:
    """Regions numbered from 1 by their pixels."""
    counts = np.bincount(labels.ravel(), minlength=len(silhouettes))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    numbers = np.zeros(len(silhouettes), dtype=np.int32)
    numbers[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    sure = np.clip(np.nan_to_num(silhouettes, nan=0.0), 0, 1)
    return numbers[labels], {int(numbers[i]): float(sure[i]) for i in order}, reason
