"""How well a cut covers pictures that took no part in it: are there tokens like theirs?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..nodes import NodeIndex
from ..study.node_features import NodeFeatures

__all__ = ["USUAL", "Coverage"]

USUAL = 0.95
"""Share of the tokens of the cut's own pictures that count as covered, each judged by the other pictures."""

_SAMPLE = 256
"""Tokens of each layer that stand for all of them."""


class Coverage:
    """Tokens of a cut's pictures at each layer, and how near they are to one another.

    The nearness of a token is the largest cosine between its features, in the common channel space, and those of a
    sample of the cut's tokens of the same layer. A token of the cut is compared with those of other pictures only, so
    that a new picture of the same kind is as near as the cut's own.

    Parameters
    ----------
    features
        Aligned features of the cut's nodes.
    seed
        Of the sample.
    """

    def __init__(self, features: NodeFeatures, seed: int = 0) -> None:
        index, rng = features.index, np.random.default_rng(seed)
        drawn = []
        for _, nodes in index.iter_slots():
            length = nodes.stop - nodes.start
            drawn.append(np.sort(rng.choice(length, min(_SAMPLE, length), replace=False)) + nodes.start)
        every = _unit(features.rows(np.concatenate(drawn)))
        ends = np.cumsum([len(part) for part in drawn])[:-1]
        self._samples = np.split(every, ends)
        self._least: list[float | None] = []
        for part, sample in zip(drawn, self._samples, strict=True):
            image = index.locate(part).image
            near = np.where(image[:, None] == image[None, :], -np.inf, sample @ sample.T).max(axis=1)
            near = near[np.isfinite(near)]
            self._least.append(float(np.quantile(near, 1 - USUAL)) if len(near) else None)

    def of(self, rows: NDArray[np.float32], index: NodeIndex) -> list[float | None]:
        """Share of each picture's tokens that are covered, 0 to 1; None where the cut is of a single picture.

        Parameters
        ----------
        rows
            (n, D) aligned features of new nodes, at the same slots as the cut's.
        index
            These nodes.
        """
        covered = np.zeros(len(index.images))
        total = 0
        for (_, nodes), sample, least in zip(index.iter_slots(), self._samples, self._least, strict=True):
            if least is None:
                return [None] * len(index.images)
            near = (_unit(rows[nodes]) @ sample.T).max(axis=1) >= least
            each = near.reshape(len(index.images), -1)
            covered += each.sum(axis=1)
            total += each.shape[1]
        return [float(share) for share in covered / total]


def _unit(rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    values = np.asarray(rows, dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", values, values))
    return (values / np.where(length > 0, length, 1.0)[:, None]).astype(np.float32)
