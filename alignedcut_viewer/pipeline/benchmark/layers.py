"""The paper's oracle protocol (AlignedCut, figure 5): what each layer tells apart, before and after alignment."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, PictureError
from ...images.benchmark_sets import IGNORE, BenchmarkSet
from ...progress import ProgressCallback, report, span
from ...segmentation import UNLABELLED, oracle_score
from ...study.study import Study
from ..alignment_stage import align, load_alignment
from ..oracle_stage import CATEGORIES, FIGURE_GROUND, PAPER_EIGENVECTORS
from ..settings import AlignSettings
from .joint import ALL

__all__ = ["oracle_rows"]

_TAP = "attention"


def oracle_rows(
    study: Study, found: BenchmarkSet, known: Collection[tuple[str, str]], progress: ProgressCallback | None = None
) -> Iterator[dict[str, Any]]:
    """One row per task and layer, raw and aligned, on the leading eigenvectors of that layer's cut of all pictures.

    Alignment is hyperalignment of all layers and networks, fitted to the pictures themselves without their masks.

    Parameters
    ----------
    study
        Opened for writing, with features at the tap attention.
    found
        The data set.
    known
        (method, picture) of rows that are there.
    progress
        Called after every layer.
    """
    from ...spectral import NormalizedCut

    sets = [features for features in study.networks.values() if features.tap == _TAP]
    slots = [(features, layer) for features in sets for layer in features.layers]
    wanted = {
        (features.name, layer, aligned): [
            (task, f"oracle {task}, {features.name}/{layer}, {'aligned' if aligned else 'raw'}")
            for task in (FIGURE_GROUND, CATEGORIES)
        ]
        for features, layer in slots
        for aligned in (False, True)
    }
    if all((name, ALL) in known for names in wanted.values() for _, name in names):
        return
    images, tasks = _tasks(study, found)
    index = study.node_index([features.name for features in sets], None, images, class_token=False)
    fitted = align(study, index, AlignSettings(method="hyperalignment"), span(progress, 0.0, 0.2))
    maps = None if fitted is None else load_alignment(study, fitted)
    for number, (features, layer) in enumerate(slots):
        truth = {
            task: np.concatenate([_at_tokens(one, features.rows, features.columns).ravel() for one in truths])
            for task, truths in tasks.items()
        }
        nodes = study.node_index([features.name], [layer], images, class_token=False)
        for aligned in (False, True):
            left = [
                (task, name)
                for task, name in wanted[features.name, layer, aligned]
                if task in truth and (name, ALL) not in known
            ]
            if not left:
                continue
            stream = study.node_features(nodes, maps if aligned else None)
            vectors = NormalizedCut(min(PAPER_EIGENVECTORS, len(nodes)), device="cpu").fit_transform(stream)
            for task, name in left:
                score = oracle_score(np.asarray(vectors, dtype=np.float32), truth[task])
                yield {
                    "method": name,
                    "family": "oracle",
                    "settings": {
                        "task": task,
                        "network": features.network,
                        "layer": layer,
                        "features": "aligned" if aligned else "raw",
                        "eigenvectors": PAPER_EIGENVECTORS,
                    },
                    "picture": ALL,
                    "half": "all",
                    "miou": score.mean_iou,
                    "chance": score.chance,
                    "threshold": score.threshold,
                }
        report(span(progress, 0.2, 1.0), number + 1, len(slots), f"{features.network}, layer {layer}")


def _tasks(study: Study, found: BenchmarkSet) -> tuple[list[int], dict[str, list[NDArray[np.int32]]]]:
    """Pictures that can be scored; what figure is, and which kinds of things there are, 0 being the background."""
    images: list[int] = []
    tasks: dict[str, list[NDArray[np.int32]]] = {}
    for image, picture in enumerate(found.pictures):
        if image in study.skipped:
            continue
        try:
            truth = picture.truth()
        except PictureError:
            continue
        images.append(image)
        kinds = truth if picture.kinds is None else picture.kinds()
        figure = np.where(truth == IGNORE, IGNORE, (truth >= (found.figure or 1)).astype(np.int32))
        tasks.setdefault(FIGURE_GROUND, []).append(figure.astype(np.int32))
        tasks.setdefault(CATEGORIES, []).append(kinds.astype(np.int32))
    if not images:
        raise InputError("The ground truth labels no pixel of any picture; nothing can be scored.")
    if max(int(kinds.max()) for kinds in tasks[CATEGORIES]) < 2:
        del tasks[CATEGORIES]
    return images, tasks


def _at_tokens(truth: NDArray[np.int32], rows: int, columns: int) -> NDArray[np.int64]:
    """Truth at the middle of each token."""
    height, width = truth.shape
    y = (2 * np.arange(rows) + 1) * height // (2 * rows)
    x = (2 * np.arange(columns) + 1) * width // (2 * columns)
    labels = truth[y[:, None], x[None, :]].astype(np.int64)
    return np.asarray(np.where(labels == IGNORE, UNLABELLED, labels))
