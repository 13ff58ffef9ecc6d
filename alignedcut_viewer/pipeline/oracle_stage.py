"""How well each layer tells apart what masks tell apart, before and after alignment (AlignedCut, figure 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report, span
from ..segmentation import UNLABELLED, LayerScore, OracleScore, oracle_score
from ..study.cut import Cut
from ..study.cut_names import CUTS
from ..study.mask_labels import mask_labels
from ..study.study import Study
from .alignment_stage import load_alignment

__all__ = ["CATEGORIES", "FIGURE_GROUND", "PAPER_EIGENVECTORS", "mask_tasks", "oracle_scores"]

FIGURE_GROUND, CATEGORIES = "figure and ground", "categories"
PAPER_EIGENVECTORS = 10


def mask_tasks(
    study: Study,
    index: NodeIndex,
    folder: str | Path,
    *,
    figure: Collection[int] | None = None,
    unlabelled: Collection[int] | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[dict[str, NDArray[np.int32]], str]:
    """The paper's two tasks from masks: figure and ground, and categories where the masks name more than one.

    Parameters
    ----------
    study, index, folder, figure, unlabelled
        As for :func:`~alignedcut_viewer.study.mask_labels.mask_labels`; each label of the figure is a category, all
        else is background.
    progress
        Called after every picture.

    Returns
    -------
    tasks : dict
        Name to (N,) class of each node, 0 the background, -1 unknown.
    source : str
        Where they come from, as the end of a sentence.
    """
    common: dict[str, Any] = {"figure": figure, "unlabelled": unlabelled}
    two = mask_labels(study, index, folder, two_classes=True, progress=span(progress, 0.0, 0.5), **common)
    many = mask_labels(study, index, folder, progress=span(progress, 0.5, 1.0), **common)
    tasks = {FIGURE_GROUND: two.labels}
    if len(np.unique(many.labels[many.labels > 0])) > 1:
        tasks[CATEGORIES] = many.labels
    return tasks, two.source


def oracle_scores(
    study: Study,
    tasks: Mapping[str, ArrayLike],
    cut_name: str = "default",
    *,
    n_eigenvectors: int = PAPER_EIGENVECTORS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> list[LayerScore]:
    """Score every layer of a cut by the oracle protocol of appendix C.4, with raw and with aligned features.

    Each layer has a graph of its own over the patches of all pictures, with the kernel of the cut; its leading
    eigenvectors are scored. Kept with the cut where the study may be written.

    Parameters
    ----------
    study
        The study.
    tasks
        Name to (N,) true class of each node of the cut, 0 the background, -1 unknown; see :func:`mask_tasks`.
    cut_name
        Which cut; it says which layers, and how they are aligned.
    n_eigenvectors
        How many of each layer; the paper takes 10.
    seed
        Of the landmarks.
    progress
        Called after each layer.

    Returns
    -------
    list of LayerScore
        Task by task, layer by layer; aligned ones where the cut was made with an alignment.

    Raises
    ------
    InputError
        If classes do not fit the nodes, or a layer has no labelled patch beside the background.
    """
    cut = study.cut(cut_name)
    truth = {name: np.asarray(values) for name, values in tasks.items()}
    for name, values in truth.items():
        if values.shape != (len(cut.index),):
            raise InputError(f"The cut has {len(cut.index)} nodes, but classes for {name} have shape {values.shape}.")
    recipe = _recipe(truth, n_eigenvectors, seed)
    path = f"{CUTS}/{cut.group}/oracle-{recipe['digest'][:12]}"
    if study.store.exists(path):
        kept = study.store.attributes(path)
        if kept.get("recipe") == recipe:
            report(progress, 1, 1, "Scores of layers are there")
            return [_from_dict(entry) for entry in kept["scores"]]
    found = _computed(study, cut, truth, n_eigenvectors, seed, progress)
    if study.store.writable:
        with study.store.building(path, {"recipe": recipe, "scores": [_as_dict(score) for score in found]}):
            pass
    return found


def _computed(
    study: Study,
    cut: Cut,
    truth: Mapping[str, NDArray[Any]],
    n_eigenvectors: int,
    seed: int,
    progress: ProgressCallback | None,
) -> list[LayerScore]:
    from ..spectral import NormalizedCut

    recipe = cut.recipe["cut"]
    alignment = None if recipe["alignment"] is None else load_alignment(study, recipe["alignment"])
    settings = recipe.get("settings", {})
    options = {name: settings[name] for name in ("kernel", "gamma", "balance", "memory", "device") if name in settings}
    variants = [(False, None)] if alignment is None else [(False, None), (True, alignment)]
    by_task: dict[str, list[LayerScore]] = {name: [] for name in truth}
    slots: list[Slot] = cut.index.slots
    for number, slot in enumerate(slots):
        patches = cut.index.select(networks=[slot.network], layers=[slot.layer], patches_only=True)
        index = cut.index.subset(networks=[slot.network], layers=[slot.layer], class_token=False)
        stage = span(progress, number / len(slots), (number + 1) / len(slots))
        for part, (aligned, maps) in enumerate(variants):
            own = span(stage, part / len(variants), (part + 1) / len(variants))
            engine = NormalizedCut(n_eigenvectors, seed=seed, **options)
            eigenvectors = engine.fit_transform(study.node_features(index, maps), progress=own)
            for name, values in truth.items():
                score = oracle_score(eigenvectors, values[patches])
                by_task[name].append(LayerScore(name, slot.network, slot.layer, aligned, score))
    report(progress, 1, 1, "Scores of layers")
    return [score for scores in by_task.values() for score in scores]


def _recipe(truth: Mapping[str, NDArray[Any]], n_eigenvectors: int, seed: int) -> dict[str, Any]:
    digest = hashlib.sha256(f"{n_eigenvectors} {seed}".encode())
    for name, values in truth.items():
        digest.update(name.encode() + np.ascontiguousarray(values, dtype=np.int32).tobytes())
    labelled = {name: int((values != UNLABELLED).sum()) for name, values in truth.items()}
    return {"digest": digest.hexdigest(), "eigenvectors": n_eigenvectors, "seed": seed, "labelled": labelled}


def _as_dict(score: LayerScore) -> dict[str, Any]:
    place = {"task": score.task, "network": score.network, "layer": score.layer, "aligned": score.aligned}
    return place | {"score": score.score.as_dict()}


def _from_dict(entry: Mapping[str, Any]) -> LayerScore:
    score = OracleScore.from_dict(entry["score"])
    return LayerScore(str(entry["task"]), str(entry["network"]), int(entry["layer"]), bool(entry["aligned"]), score)
