"""From classes to things: connected pieces of segments, merged and split as the graph of the picture says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .token_graph import TokenGraph, by_size

__all__ = ["Instances", "find_instances"]


class Instances:
    """Instances of one picture.

    Attributes
    ----------
    labels
        int32 ``(rows, columns)``, from 0, the largest first; -1 where the segments were -1.
    segment
        Segment that each instance is part of, ``(n,)``.
    """

    def __init__(self, labels: NDArray[np.int32], segment: NDArray[np.int64]) -> None:
        self.labels, self.segment = labels, segment

    def __len__(self) -> int:
        return len(self.segment)


def find_instances(
    labels: ArrayLike,
    graph: TokenGraph,
    *,
    smallest: int = 4,
    split_below: float = 0.15,
    merge_above: float = 1.0,
) -> Instances:
    """Tell apart the things of one segment.

    Each connected piece of a segment is a candidate. A piece is split as long as the normalised cut of the split is
    below `split_below` (things that touch); two pieces of a segment are merged where their tokens are bound to one
    another as strongly as to their own (a thing that something lies in front of); what is smaller than `smallest` joins
    the neighbour that it is bound to most.

    Parameters
    ----------
    labels
        Segments of tokens ``(rows, columns)``, from 0; -1 is none.
    graph
        The picture's graph, tokens row by row.
    smallest
        Tokens that an instance has at least.
    split_below
        Largest normalised cut of a split.
    merge_above
        Mean affinity between two pieces over the smaller of their mean affinities within, from which they are one.

    Raises
    ------
    InputError
        If the graph has not as many tokens as the labels.
    """
    from scipy.ndimage import label

    segments = np.asarray(labels)
    if segments.ndim != 2 or segments.size != len(graph):
        raise InputError(f"Labels {segments.shape} and a graph of {len(graph)} tokens do not fit.")
    flat = segments.ravel()
    pieces = np.full(flat.shape, -1, dtype=np.int64)
    count = 0
    for segment in np.unique(flat[flat >= 0]).tolist():
        components, n = label(segments == segment)
        for component in range(1, n + 1):
            inside = components.ravel() == component
            parts = graph.recursive(threshold=split_below, smallest=smallest, inside=inside)
            for part in range(int(parts.max()) + 1):
                # A split can leave crumbs on both sides: every connected crumb stands by itself.
                crumbs, m = label((parts == part).reshape(segments.shape))
                pieces[crumbs.ravel() > 0] = count + crumbs.ravel()[crumbs.ravel() > 0] - 1
                count += m
    pieces = _without_crumbs(pieces, segments.shape, graph, smallest)
    pieces = _merged(pieces, flat, graph, merge_above)
    result = np.full(flat.shape, -1, dtype=np.int32)
    known = pieces >= 0
    if known.any():
        result[known] = by_size(pieces[known])
    owners = np.array(
        [np.bincount(flat[result == number]).argmax() for number in range(int(result.max(initial=-1)) + 1)],
        dtype=np.int64,
    )
    return Instances(result.reshape(segments.shape), owners)


def _without_crumbs(
    pieces: NDArray[np.int64], shape: tuple[int, ...], graph: TokenGraph, smallest: int
) -> NDArray[np.int64]:
    """Pieces below a size given to the touching piece that they are bound to most; the smallest first."""
    pieces = pieces.copy()
    while True:
        sizes = np.bincount(pieces[pieces >= 0]) if (pieces >= 0).any() else np.zeros(0, dtype=np.int64)
        small = [int(i) for i in np.argsort(sizes, kind="stable") if 0 < sizes[i] < smallest]
        for number in small:
            inside = pieces == number
            touching = _touching(pieces.reshape(shape), number)
            if len(touching):
                bonds = [graph.affinity[np.ix_(inside, pieces == other)].mean() for other in touching]
                pieces[inside] = touching[int(np.argmax(bonds))]
                break
        else:
            return pieces


def _touching(pieces: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    inside = np.pad(pieces == number, 1)
    around = np.zeros_like(inside)
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        around |= np.roll(inside, shift, axis)
    found = np.unique(pieces[(around & ~inside)[1:-1, 1:-1]])
    return np.asarray(found[(found >= 0) & (found != number)])


def _merged(
    pieces: NDArray[np.int64], segments: NDArray[np.integer], graph: TokenGraph, merge_above: float
) -> NDArray[np.int64]:
    """Pieces of one segment made one where they are bound to one another as to themselves."""
    if not (pieces >= 0).any():
        return pieces
    numbers = np.unique(pieces[pieces >= 0])
    indicator = (pieces[:, None] == numbers).astype(np.float32)
    sizes = indicator.sum(0)
    mean = (indicator.T @ graph.affinity @ indicator) / (sizes[:, None] * sizes[None, :])
    within = np.diagonal(mean)
    owner = [int(np.bincount(segments[pieces == number]).argmax()) for number in numbers]
    leader = np.arange(len(numbers))
    for i in range(len(numbers)):
        for j in range(i + 1, len(numbers)):
            bound = mean[i, j] >= merge_above * min(within[i], within[j])
            if owner[i] == owner[j] and bound:
                leader[leader == leader[j]] = leader[i]
    result = pieces.copy()
    for i, number in enumerate(numbers):
        result[pieces == number] = numbers[leader[i]]
    return result
