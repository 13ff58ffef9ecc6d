"""What the members of a concept have in common: their mean activation, and those that show it best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..cluster.row_blocks import tasks_in_order
from ..errors import FeatureError, InputError
from ..progress import ProgressCallback, report
from .chunks import rows_of, shape_of
from .discovery import Concepts

__all__ = ["channel_statistics", "representatives"]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def channel_statistics(
    features: Any,
    concepts: Concepts,
    *,
    most: int | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of every channel over the members of each concept (AlignedCut, Fig. 8).

    Parameters
    ----------
    features
        (N, D): an array, or a stream with ``rows(nodes)`` such as :class:`alignedcut_viewer.study.NodeFeatures`; or
        activations of brain regions by every node.
    concepts
        The concepts.
    most
        Members that are read of each concept, at most, drawn without replacement; None reads all.
    seed
        Of the draw.
    progress
        Called after every concept.

    Returns
    -------
    means, stds
        float32 (K, D); the standard deviation divides by the number of members.
    """
    import torch

    n_nodes, n_channels = shape_of(features)
    if n_nodes != len(concepts.labels):
        raise FeatureError(f"The concepts are over {len(concepts.labels)} nodes, but features hold {n_nodes}.")
    means = np.zeros((len(concepts), n_channels), dtype=np.float32)
    stds = np.zeros_like(means)
    rng = np.random.default_rng(parameters.seed(seed))

    def drawn() -> Iterator[IntArray]:
        for i in range(len(concepts)):
            members = concepts.members(i)
            if most is not None and len(members) > most:
                members = np.sort(rng.choice(members, most, replace=False))
            yield members

    on_disk = bool(getattr(features, "on_disk", False))
    found = tasks_in_order(_mean_and_spread, features, drawn(), device=torch.device("cpu"), on_disk=on_disk)
    for i, (mean, spread) in enumerate(found):
        means[i], stds[i] = mean, spread
        report(progress, i + 1, len(concepts), "Channels of concepts")
    return means, stds


def _mean_and_spread(features: Any, members: IntArray) -> tuple[FloatArray, FloatArray]:
    rows = rows_of(features, members)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = np.sqrt(np.square(rows - mean).mean(axis=0, dtype=np.float64)).astype(np.float32)
    return mean, spread


def representatives(
    values: Any,
    members: ArrayLike,
    images: ArrayLike,
    count: int,
    *,
    most: int = 20_000,
    seed: int = 0,
) -> IntArray:
    """The members that show a concept best: nearest in direction to its mean, one a picture.

    Parameters
    ----------
    values
        (N, C) eigenvectors or features: an array, or a stream with ``rows(nodes)``.
    members
        Nodes of the concept.
    images
        Image number of each member.
    count
        How many, at most; there are never more than pictures.
    most, seed
        Members that are looked at, at most, and the seed of their draw.

    Returns
    -------
    array
        int64 node numbers, best first.
    """
    nodes = np.asarray(members, dtype=np.int64)
    pictures = np.asarray(images, dtype=np.int64)
    if nodes.shape != pictures.shape:
        raise InputError(f"There are {len(nodes)} members, but image numbers of shape {pictures.shape}.")
    if len(nodes) > most:
        drawn = np.sort(np.random.default_rng(parameters.seed(seed)).choice(len(nodes), most, replace=False))
        nodes, pictures = nodes[drawn], pictures[drawn]
    if not len(nodes):
        return nodes
    rows = rows_of(values, nodes)
    mean = rows.mean(axis=0)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    likeness = rows @ mean / np.maximum(lengths, np.float32(1e-30))
    order = np.argsort(-likeness, kind="stable")
    _, first = np.unique(pictures[order], return_index=True)
    best: IntArray = nodes[order[np.sort(first)]][:count].astype(np.int64)
    return best
