"""A simulated subject who looked at the pictures of a study: brain data for trying everything that needs them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from ..study.study import Study

__all__ = ["simulate_brain"]

_LEAST_PICTURES = 10
_MOST_COMPONENTS = 16
_BREADTH = 0.15
# Depth in the network, from 0 (first layer) to 1 (last), that a group of regions follows in the simulation.
_DEPTH = {"V1": 0.0, "V2": 0.15, "V3": 0.3, "V4": 0.45, "OFA": 0.6, "OWFA": 0.6, "OPA": 0.6, "EBA": 0.75}
_LATE = 0.9


def simulate_brain(
    study: Study,
    folder: str | os.PathLike[str],
    *,
    networks: Iterable[str] | None = None,
    layers: Iterable[int] | Mapping[str, Iterable[int]] | None = None,
    n_vertices: int | tuple[int, int] = 4000,
    explained: float | tuple[float, float] = (0.3, 0.6),
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Path:
    """Write a simulated subject in the layout of the Algonauts 2023 release, who looked at a study's own pictures.

    The responses are made up: a linear map of the study's pooled features, reduced to the leading principal components
    of each layer, and noise. Early regions follow early layers and late regions late ones, because the simulation says
    so; nothing about brains or networks can be read from it. It serves to try training, bars and cortex.

    Parameters
    ----------
    study
        The study; pictures with features at all the layers count.
    folder
        ``…/subj01``; must not exist.
    networks, layers
        Which features shape the responses; all by default.
    n_vertices
        Vertices of each hemisphere, or of the left and the right one.
    explained
        Share of each voxel's variance that is no noise, or the ends of the range it is drawn from.
    seed
        Seed of map and noise.
    progress
        Called all along; a cancelled run leaves nothing behind.

    Returns
    -------
    Path
        The folder; :func:`alignedcut_viewer.brain.read_true_map` reads the map from it.

    Raises
    ------
    InputError
        If the folder exists, or fewer than ten pictures have features.
    StudyError
        If the features are not there.
    """
    from ..brain.rois import paper_rois
    from ..brain.simulated import write_simulated_subject

    target = Path(folder)
    if target.exists():
        raise InputError(f"{target} exists already; choose another folder for the simulated subject.")
    index = study.node_index(networks, layers)
    images = [int(image) for image in index.images]
    if len(images) < _LEAST_PICTURES:
        raise InputError(
            f"A simulated subject needs at least {_LEAST_PICTURES} pictures with features; {study.path} holds "
            f"{len(images)}."
        )
    slots = index.slots
    n_components = int(np.clip(len(images) // (2 * len(slots)), 1, _MOST_COMPONENTS))
    parts = []
    for number, slot in enumerate(slots):
        pooled = _pooled(study, slot, images)
        parts.append(_principal_components(pooled, n_components))
        report(progress, number + 1, 2 * len(slots), f"Pooling features of {slot}")
    depth = np.repeat(_depths(slots), [part.shape[1] for part in parts])
    rng = np.random.default_rng([seed, 7])
    directions = {}
    for name in paper_rois():
        follows = np.exp(-0.5 * ((depth - _DEPTH.get(name, _LATE)) / _BREADTH) ** 2)
        directions[name] = rng.standard_normal(len(depth)) * follows
    named = ", ".join(dict.fromkeys(slot.network for slot in slots))
    both = (n_vertices, n_vertices) if isinstance(n_vertices, int) else n_vertices
    written: Path = write_simulated_subject(
        target,
        [study.picture_path(image) for image in images],
        np.concatenate(parts, axis=1),
        n_vertices=both,
        explained=explained,
        roi_directions=directions,
        note=f"made from features of {named}",
        seed=seed,
        progress=span(progress, 0.5, 1.0),
    )
    return written


def _pooled(study: Study, slot: Slot, images: Sequence[int]) -> NDArray[np.float32]:
    """Mean over tokens of the features of one slot, read a chunk at a time."""
    tokens = study.network(slot.network).tokens(slot.layer)
    means = np.empty((len(images), tokens.shape[2]), dtype=np.float32)
    for row, image in enumerate(images):
        means[row] = tokens[image].mean(axis=0, dtype=np.float32)
    return means


def _principal_components(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Scores (rows, count) of the leading principal components."""
    centred = (values - values.mean(axis=0)).astype(np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    scores: NDArray[np.float32] = (left[:, :count] * singular[:count]).astype(np.float32)
    return scores


def _depths(slots: Sequence[Slot]) -> NDArray[np.float64]:
    """Of each slot its place among the layers of its network, from 0 to 1."""
    last = {slot.network: max(s.layer for s in slots if s.network == slot.network) for slot in slots}
    return np.array([slot.layer / max(last[slot.network], 1) for slot in slots])
