"""What the graph of a picture says about parts of it: nested merging, recursive splitting, how well a part holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["TokenGraph"]


class TokenGraph:
    """A picture's normalised affinity as its leading eigenvectors know it, ``sum_c lambda_c u_c u_c^T``.

    Parameters
    ----------
    eigenvectors, eigenvalues
        ``(N, C)`` and ``(C,)`` of a normalised cut. Entries of the affinity below 0, which come of leaving eigenvectors
        out, count as 0.

    Raises
    ------
    InputError
        If shapes do not fit.
    """

    def __init__(self, eigenvectors: ArrayLike, eigenvalues: ArrayLike) -> None:
        vectors = np.asarray(eigenvectors, dtype=np.float32)
        values = np.asarray(eigenvalues, dtype=np.float32)
        if vectors.ndim != 2 or values.shape != vectors.shape[1:]:
            raise InputError(f"Eigenvectors {vectors.shape} and eigenvalues {values.shape} do not fit.")
        self._take((vectors * np.clip(values, 0, None)) @ vectors.T)

    def _take(self, affinity: NDArray[np.float32]) -> None:
        self.affinity: NDArray[np.float32] = np.maximum(affinity, 0)
        self.degree: NDArray[np.float64] = self.affinity.sum(1, dtype=np.float64)

    @classmethod
    def of_affinity(cls, affinity: ArrayLike) -> TokenGraph:
        """A graph given by its affinity, symmetric ``(N, N)``, itself."""
        given = np.asarray(affinity, dtype=np.float32)
        if given.ndim != 2 or given.shape[0] != given.shape[1]:
            raise InputError(f"An affinity is a square matrix; got {given.shape}.")
        graph = cls.__new__(cls)
        graph._take(given)
        return graph

    def __len__(self) -> int:
        return len(self.degree)

    def keep(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Share of each segment's affinity that stays inside it, ``(k,)`` for labels from 0 to k - 1; NaN if empty."""
        within = self.between(labels)
        total = within.sum(1)
        kept: NDArray[np.float64] = np.divide(
            np.diagonal(within), total, out=np.full(len(total), np.nan), where=total > 0
        )
        return kept

    def between(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Sum of the affinity between every two segments, ``(k, k)``."""
        numbers = np.asarray(labels)
        indicator = (numbers[:, None] == np.arange(int(numbers.max(initial=-1)) + 1)).astype(np.float32)
        total: NDArray[np.float64] = (indicator.T @ (self.affinity @ indicator)).astype(np.float64)
        return total

    def nested(self, labels: ArrayLike) -> NDArray[np.int32]:
        """Levels from 2 segments up to those given, each nested in the one before.

        From the finest level on, the two segments are merged that are bound most strongly for their size (the
        largest affinity between them, divided by the root of the product of their degrees).

        Parameters
        ----------
        labels
            ``(N,)``, the finest level, from 0 to k - 1.

        Returns
        -------
        ndarray of int32, shape (N, k - 1)
            Column ``i`` has ``i + 2`` segments, the largest first.

        Raises
        ------
        InputError
            If there are fewer than two segments.
        """
        current = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
        if current.max(initial=0) < 1:
            raise InputError("Levels need at least two segments.")
        levels = [current]
        while current.max() > 1:
            between = self.between(current)
            degree = between.sum(1)
            bond = between / np.sqrt(np.maximum(degree[:, None] * degree[None, :], 1e-30))
            np.fill_diagonal(bond, -np.inf)
            first, second = sorted(np.unravel_index(int(bond.argmax()), bond.shape))
            current = np.where(current == second, first, current)
            current = np.where(current > second, current - 1, current)
            levels.append(current)
        return np.stack([by_size(level) for level in reversed(levels)], axis=1)

    def recursive(
        self, *, threshold: float = 0.5, smallest: int = 4, largest_count: int = 32, inside: ArrayLike | None = None
    ) -> NDArray[np.int32]:
        """Split again and again as long as the normalised cut of the split stays below a threshold.

        Parameters
        ----------
        threshold
            Largest normalised cut (Shi and Malik 2000) that is taken, from 0 to 2.
        smallest
            Tokens that a part must have.
        largest_count
            Most segments.
        inside
            ``(N,)`` bool: only these tokens are split. By default all.

        Returns
        -------
        ndarray of int32, shape (N,)
            Segments from 0, the largest first; -1 outside of `inside`.
        """
        chosen = np.ones(len(self), dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
        labels = np.where(chosen, 0, -1).astype(np.int32)
        waiting, count = ([0] if chosen.any() else []), 1
        while waiting and count < largest_count:
            number = waiting.pop(0)
            members = np.flatnonzero(labels == number)
            found = self._split(members, smallest)
            if found is None or found[0] > threshold:
                continue
            labels[members[found[1]]] = count
            waiting += [number, count]
            count += 1
        result = np.full(len(self), -1, dtype=np.int32)
        result[chosen] = by_size(labels[chosen])
        return result

    def divided(self, count: int, *, smallest: int = 4) -> NDArray[np.int32]:
        """Split the part whose best split has the lowest normalised cut, until there are so many.

        Parameters
        ----------
        count
            Number of segments; fewer where no part can be split any more.
        smallest
            Tokens that a part must have.

        Returns
        -------
        ndarray of int32, shape (N,)
            Segments from 0, the largest first.
        """
        labels = np.zeros(len(self), dtype=np.int32)
        splits = {0: self._split(np.arange(len(self)), smallest)}
        while len(splits) < count:
            possible = [(split[0], number) for number, split in splits.items() if split is not None]
            if not possible:
                break
            number = min(possible)[1]
            best = splits[number]
            assert best is not None
            new = len(splits)
            labels[np.flatnonzero(labels == number)[best[1]]] = new
            for part in (number, new):
                splits[part] = self._split(np.flatnonzero(labels == part), smallest)
        return by_size(labels)

    def _split(self, members: NDArray[np.int64], smallest: int) -> tuple[float, NDArray[np.bool_]] | None:
        """Best threshold on the second eigenvector of a part, and its normalised cut; None if it is too small."""
        if len(members) < 2 * smallest:
            return None
        part = self.affinity[np.ix_(members, members)].astype(np.float64)
        degree = part.sum(1)
        root = np.sqrt(np.maximum(degree, 1e-12))
        from scipy.linalg import eigh

        n = len(members)
        _, vectors = eigh(part / root[:, None] / root[None, :], subset_by_index=(n - 2, n - 1))
        order = np.argsort(vectors[:, 0] / root, kind="stable")
        ordered = part[np.ix_(order, order)]
        volume = np.cumsum(degree[order])
        # Cut of the first t against the others: their volume less twice what lies among them.
        inner = np.cumsum(2 * np.cumsum(ordered, axis=1).diagonal() - ordered.diagonal())
        at = np.arange(smallest - 1, n - smallest)
        cut = volume[at] - inner[at]
        score = cut / np.maximum(volume[at], 1e-12) + cut / np.maximum(volume[-1] - volume[at], 1e-12)
        best = int(score.argmin())
        second = np.zeros(n, dtype=bool)
        second[order[at[best] + 1 :]] = True
        return float(score[best]), second


def by_size(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The same segments, numbered from 0 by size, the largest first."""
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), dtype=np.int32)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts), dtype=np.int32)
    result: NDArray[np.int32] = ranks[numbers.ravel()]
    return result
