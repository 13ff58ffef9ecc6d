"""Scores of a whole data set: one set of segments, one matching."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, PictureError
from ...images.benchmark_sets import IGNORE, BenchmarkSet
from ...progress import ProgressCallback, report, span
from ...segmentation import class_iou, confusion_matrix, segment_tokens, upsample_labels
from ...segmentation.benchmark_metrics import matched_confusion
from ...study.study import Study
from ..segment_stage import MOST_EIGENVECTORS, SegmentSettings, segmented
from .methods import ncut_pytorch_eigenvectors
from .settings import BenchmarkSettings

__all__ = ["ALL", "joint_rows"]

ALL = "(all pictures)"


def _truths(study: Study, found: BenchmarkSet) -> tuple[list[int], list[NDArray[np.int32]], int]:
    """Pictures that can be scored, their truth in numbers from 0, and how many classes there are."""
    images, truths = [], []
    for image, picture in enumerate(found.pictures):
        if image in study.skipped:
            continue
        try:
            truths.append(picture.truth())
        except PictureError:
            continue
        images.append(image)
    if not images:
        raise InputError("The ground truth labels no pixel of any picture; nothing can be scored.")
    classes = np.unique(np.concatenate([np.unique(truth) for truth in truths]))
    classes = classes[classes != IGNORE]
    moved = [np.where(truth == IGNORE, IGNORE, np.searchsorted(classes, truth)).astype(np.int32) for truth in truths]
    return images, moved, len(classes)


def joint_rows(
    study: Study,
    found: BenchmarkSet,
    settings: BenchmarkSettings,
    known: Collection[tuple[str, str]],
    progress: ProgressCallback,
) -> Iterator[dict[str, Any]]:
    """One row a method: as many segments as classes over all pictures, matched once."""
    images, truths, n_classes = _truths(study, found)
    if "alignedcut" in settings.methods and ("alignedcut", ALL) not in known:
        maps = _ours(study, images, n_classes, settings, span(progress, 0.0, 0.6))
        yield _row("alignedcut", "alignedcut", maps, truths, n_classes, {})
    sets = [s for s in study.networks.values() if s.tap == "attention"]
    peers = {"k-means": _k_means, "ncut-pytorch": _ncut_pytorch}
    for i, features in enumerate(sets):
        n = max(features.layers) + 1
        chosen = settings.peer_layers or sorted({2 * n // 3, n - 2})
        for layer in (number for number in chosen if number in features.layers):
            tokens, first = features.tokens(layer), int(features.class_token)
            for family, labelled in peers.items():
                name = f"{family} {features.network}.attention/{layer}"
                if family not in settings.methods or (name, ALL) in known:
                    continue
                stacked = np.concatenate([np.asarray(tokens[image], dtype=np.float32)[first:] for image in images])
                grids = labelled(stacked, n_classes, settings.seed).reshape(-1, features.rows, features.columns)
                maps = [upsample_labels(grid, truth.shape) for grid, truth in zip(grids, truths, strict=True)]
                yield _row(name, family, maps, truths, n_classes, {"network": features.network, "layer": layer})
        report(span(progress, 0.6, 1.0), i + 1, len(sets), "Peers on all pictures")


def _k_means(tokens: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int32]:
    return segment_tokens(tokens, count, n_starts=5, seed=seed).labels


def _ncut_pytorch(tokens: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int32]:
    vectors = ncut_pytorch_eigenvectors(tokens, min(count, MOST_EIGENVECTORS))
    return segment_tokens(vectors, count, n_starts=5, seed=seed).labels


def _ours(
    study: Study, images: Sequence[int], n_classes: int, settings: BenchmarkSettings, progress: ProgressCallback
) -> list[NDArray[np.int32]]:
    chosen = SegmentSettings(
        scope="joint", gamma=settings.gamma, choice=replace(settings.choice, segments=max(n_classes, 2))
    )
    return [labels.labels for _, labels in segmented(study, chosen, images, progress)]


def _row(
    name: str,
    family: str,
    maps: Sequence[NDArray[np.int32]],
    truths: Sequence[NDArray[np.int32]],
    n_classes: int,
    settings: dict[str, Any],
) -> dict[str, Any]:
    n_labels = max(int(labels.max()) for labels in maps) + 1
    counts = np.zeros((n_classes, n_labels), dtype=np.int64)
    for labels, truth in zip(maps, truths, strict=True):
        inside = truth != IGNORE
        counts += confusion_matrix(truth[inside], labels[inside], n_classes=n_classes, n_labels=n_labels)
    row: dict[str, Any] = {
        "method": name,
        "family": family,
        "settings": settings,
        "picture": ALL,
        "half": "all",
        "segments": n_labels,
        "asked": n_classes,
    }
    for column, protocol in (("miou", "hungarian"), ("many_to_one", "many-to-one")):
        square = matched_confusion(counts, protocol)  # type: ignore[arg-type]
        row[column] = float(np.nanmean(class_iou(square)[:-1]))
    square = matched_confusion(counts, "hungarian")
    row["accuracy"] = float(np.trace(square) / square.sum())
    return row
