"""Where else is this? Cosine similarity from a node or a region to all nodes, and the best places over pictures."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FeatureError, InputError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report
from .chunks import CHUNK, chunks_in_order, shape_of

__all__ = ["PicturePlaces", "best_per_image", "cosine_similarity", "feature_norms", "top_nodes"]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def cosine_similarity(
    features: Any,
    query: ArrayLike,
    *,
    reduce: Literal["mean", "max"] | None = "mean",
    norms: ArrayLike | None = None,
    chunk: int = CHUNK,
    progress: ProgressCallback | None = None,
) -> FloatArray:
    """Cosine similarity of every node to a query (AlignedCut, section 3.2 and Fig. 6).

    Parameters
    ----------
    features
        (N, D) real: an array, a memory map, or a stream with ``shape`` and ``chunks(size)``, such as
        :class:`alignedcut_viewer.study.NodeFeatures`; read once, `chunk` nodes at a time.
    query
        (D,) features of one node, or (k, D) of the nodes of a region.
    reduce
        What becomes of a region: the ``"mean"`` or the ``"max"`` over its k nodes, or None for one column per node.
    norms
        (N,) lengths of the features' rows where they are known already, see :func:`feature_norms`.
    chunk
        Nodes at a time.
    progress
        Called after every chunk.

    Returns
    -------
    array
        float32 (N,), between -1 and 1; (N, k) for a region with `reduce` None. Zero where a vector has no length.

    Raises
    ------
    FeatureError
        If shapes do not fit or the query is not finite.
    InputError
        If `chunk` is below 1, or `reduce` is unknown.
    """
    n_nodes, n_channels = shape_of(features)
    wanted = np.asarray(query, dtype=np.float32)
    single = wanted.ndim == 1
    wanted = wanted[None] if single else wanted
    if wanted.ndim != 2 or wanted.shape[1] != n_channels or not len(wanted):
        raise FeatureError(
            f"The query must have the {n_channels} channels of the features; got an array of shape {np.shape(query)}."
        )
    if not np.isfinite(wanted).all():
        raise FeatureError("The query holds NaN or infinite values.")
    if chunk < 1:
        raise InputError(f"A chunk must hold at least one node; got {chunk}.")
    if reduce not in ("mean", "max", None):
        raise InputError(f"Unknown reduction {reduce!r}; use 'mean', 'max' or None.")
    lengths = None if norms is None else np.asarray(norms, dtype=np.float32)
    if lengths is not None and lengths.shape != (n_nodes,):
        raise FeatureError(f"There are {n_nodes} nodes, but norms have shape {lengths.shape}.")
    directions = _unit(wanted)
    if reduce == "mean":
        # The mean of cosines is the product with the mean of the directions: one column whatever the region's size.
        directions = directions.mean(axis=0, keepdims=True)
    columns = np.ascontiguousarray(directions.T)
    keep_columns = reduce is None and not single
    out = np.empty((n_nodes, columns.shape[1]) if keep_columns else n_nodes, dtype=np.float32)
    for start, values in chunks_in_order(_cosines, (columns, lengths), features, chunk):
        stop = start + len(values)
        out[start:stop] = values if keep_columns else values.max(axis=1) if reduce == "max" else values[:, 0]
        report(progress, stop, n_nodes, "Similarity")
    np.clip(out, -1, 1, out=out)
    return out


def feature_norms(features: Any, *, chunk: int = CHUNK, progress: ProgressCallback | None = None) -> FloatArray:
    """Length of every node's features, float32 (N,), for repeated calls of :func:`cosine_similarity`."""
    n_nodes, _ = shape_of(features)
    out = np.empty(n_nodes, dtype=np.float32)
    for start, lengths in chunks_in_order(_lengths, None, features, chunk):
        out[start : start + len(lengths)] = lengths
        report(progress, start + len(lengths), n_nodes, "Lengths of features")
    return out


def _cosines(shared: tuple[FloatArray, FloatArray | None], item: tuple[int, FloatArray]) -> tuple[int, FloatArray]:
    """Cosines (n, k) of some rows to k directions, which are columns."""
    columns, lengths = shared
    start, rows = item
    values: FloatArray = rows @ columns
    values *= _inverse(_norms(rows) if lengths is None else lengths[start : start + len(rows)])[:, None]
    return start, values


def _lengths(shared: None, item: tuple[int, FloatArray]) -> tuple[int, FloatArray]:
    start, rows = item
    return start, _norms(rows)


def _norms(rows: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("nd,nd->n", rows, rows)
    return cast(FloatArray, np.sqrt(squares))


def _inverse(length: FloatArray) -> FloatArray:
    return np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)


def _unit(rows: FloatArray) -> FloatArray:
    return rows * _inverse(_norms(rows))[:, None]


def top_nodes(similarity: ArrayLike, k: int, *, among: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
    """The k most similar nodes, best first; of equal ones the lower number comes first.

    Parameters
    ----------
    similarity
        (N,) one value a node.
    k
        How many; all where there are fewer.
    among
        Node numbers to choose from; None is all.

    Returns
    -------
    nodes
        int64 (k,).
    values
        float32 (k,), descending.
    """
    values = np.asarray(similarity, dtype=np.float32)
    if values.ndim != 1:
        raise InputError(f"Similarity must be one value a node; got an array of shape {values.shape}.")
    if k < 1:
        raise InputError(f"Ask for at least one node; got {k}.")
    nodes = np.arange(len(values), dtype=np.int64) if among is None else np.unique(np.asarray(among, dtype=np.int64))
    chosen = values[nodes]
    if k < len(nodes):
        # All that tie with the k-th stay in until the order is settled.
        least = -np.partition(-chosen, k - 1)[k - 1]
        near = np.flatnonzero(chosen >= least)
        nodes, chosen = nodes[near], chosen[near]
    order = np.argsort(-chosen, kind="stable")[:k]
    return nodes[order], chosen[order]


class PicturePlaces(NamedTuple):
    """The best place in each of some pictures, best picture first; arrays of one length.

    Attributes
    ----------
    images
        Image numbers.
    nodes
        The most similar node of each.
    similarity
        Its value, descending.
    """

    images: IntArray
    nodes: IntArray
    similarity: FloatArray


def best_per_image(
    similarity: ArrayLike,
    index: NodeIndex,
    k: int | None = None,
    *,
    networks: tuple[str, ...] | None = None,
    layers: tuple[int, ...] | None = None,
    images: tuple[int, ...] | None = None,
    patches_only: bool = True,
) -> PicturePlaces:
    """The pictures where something is found again, each with its best place ("where else is this?").

    Parameters
    ----------
    similarity
        (N,) one value a node of `index`.
    index
        The nodes.
    k
        How many pictures; None is all.
    networks, layers, images
        Where to look; None is everywhere.
    patches_only
        Leave class tokens out, which lie nowhere in the picture.

    Returns
    -------
    PicturePlaces
        Of equal places in one picture the one with the lowest node number.
    """
    values = np.asarray(similarity, dtype=np.float32)
    if values.shape != (len(index),):
        raise InputError(f"The index has {len(index)} nodes, but similarity has shape {values.shape}.")
    nodes = index.select(networks=networks, layers=layers, images=images, patches_only=patches_only)
    if not len(nodes):
        raise InputError("No node of the graph fits this choice of networks, layers and pictures.")
    image = index.locate(nodes).image
    chosen = values[nodes]
    order = np.lexsort((nodes, -chosen, image))
    first = np.flatnonzero(np.diff(image[order], prepend=image[order[0]] - 1))
    best = order[first]
    best = best[np.lexsort((image[best], -chosen[best]))][:k]
    return PicturePlaces(image[best], nodes[best], chosen[best])
