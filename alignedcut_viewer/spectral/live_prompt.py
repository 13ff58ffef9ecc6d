"""Prompts that are answered while they are drawn: prepared rows, and a kernel of which only what is new is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .features import as_features, as_tensor, raise_not_finite

__all__ = ["LivePrompt"]

_CHUNK = 65_536
_JITTER = 1e-3
_MOST = 24


class LivePrompt:
    """Grades all nodes by their likeness to prompted ones, fast enough to follow a hand.

    The score is that of :func:`.prompted.prompted_cut`: the smoothest function of the kernel ``exp((cos - 1) / gamma)``
    that is 1 at positive and -1 at negative nodes. Rows are scaled to unit length once; the kernel's columns of
    prompted nodes are kept from stroke to stroke. Of a stroke over many nodes :data:`MOST` are taken that represent it
    (farthest-point sampling).

    Parameters
    ----------
    eigenvectors
        (N, C) finite: NumPy, torch, memory map, zarr array or a stream.
    eigenvalues
        (C,); if given, each eigenvector weighs by the square root of its own.
    gamma
        Width of the kernel.

    Raises
    ------
    FeatureError
        If eigenvectors are not finite.
    """

    MOST = _MOST
    """Nodes of either sign that take part in an answer."""

    def __init__(self, eigenvectors: Any, *, eigenvalues: ArrayLike | None = None, gamma: float = 0.5) -> None:
        if not gamma > 0:
            raise InputError(f"gamma must be positive; got {gamma}.")
        features = as_features(eigenvectors)
        n, columns = features.shape
        self.gamma = gamma
        self._rows = torch.empty((n, columns), dtype=torch.float32)
        weights = torch.ones(columns)
        if eigenvalues is not None:
            given = np.asarray(eigenvalues, dtype=np.float64)
            if given.shape != (columns,):
                raise InputError(f"{columns} eigenvectors need {columns} eigenvalues; got shape {given.shape}.")
            weights = torch.from_numpy(np.sqrt(np.clip(given, 0, None))).float()
        for start, block in features.chunks(_CHUNK):
            part = as_tensor(block).cpu().float() * weights
            if not bool(torch.isfinite(part.sum())):
                raise_not_finite(features)
            self._rows[start : start + len(part)] = torch.nn.functional.normalize(part, dim=1)
        self._columns: dict[int, torch.Tensor] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def score(self, positive: ArrayLike, negative: ArrayLike = (), nodes: slice | None = None) -> NDArray[np.float32]:
        """Score of every node, or of a slice of them such as the picture in view, for an answer at once.

        Parameters
        ----------
        positive, negative
            Numbers of nodes; at least one positive, none in both.
        nodes
            Which nodes are wanted; None is all.

        Returns
        -------
        ndarray of float32
            Near 1 at positive nodes, near -1 at negative ones, 0 far from all.

        Raises
        ------
        InputError
            If there is no positive node, a number is outside, or a node is both.
        """
        inside, outside = self._checked(positive), self._checked(negative)
        if not len(inside):
            raise InputError("A prompt needs at least one positive node.")
        both = np.intersect1d(inside, outside)
        if len(both):
            raise InputError(f"Node {both[0]} is prompted as positive and as negative; remove one of the two.")
        chosen = np.concatenate([self._few(inside), self._few(outside)])
        signs = torch.ones(len(chosen), dtype=torch.float64)
        signs[len(chosen) - len(self._few(outside)) :] = -1
        examples = self._rows[torch.from_numpy(chosen)]
        kernel = ((examples.double() @ examples.double().T - 1) / self.gamma).exp_()
        kernel.diagonal().add_(_JITTER)
        coefficients = torch.linalg.solve(kernel, signs).float()
        rows = self._rows if nodes is None else self._rows[nodes]
        if nodes is not None:
            similarity = (rows @ examples.T).sub_(1).div_(self.gamma).exp_()
            return np.asarray((similarity @ coefficients).numpy())
        for number in [n for n in self._columns if n not in set(chosen.tolist())]:
            del self._columns[number]
        missing = [int(n) for n in chosen if int(n) not in self._columns]
        if missing:
            fresh = torch.empty((len(missing), len(rows)), dtype=torch.float32)
            torch.matmul(self._rows[torch.tensor(missing)], rows.T, out=fresh)
            fresh.sub_(1).div_(self.gamma).exp_()
            self._columns |= {number: fresh[i] for i, number in enumerate(missing)}
        total = torch.zeros(len(rows), dtype=torch.float32)
        for number, coefficient in zip(chosen.tolist(), coefficients.tolist(), strict=True):
            total.add_(self._columns[number], alpha=coefficient)
        return np.asarray(total.numpy())

    def _checked(self, nodes: ArrayLike) -> NDArray[np.int64]:
        numbers = np.asarray(nodes).ravel()
        if not numbers.size:
            return np.empty(0, dtype=np.int64)
        if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= len(self):
            raise InputError(f"Prompted nodes must be numbers between 0 and {len(self) - 1}.")
        return np.unique(numbers.astype(np.int64))

    def _few(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """At most :data:`MOST` nodes that represent all; which, does not depend on their order."""
        if len(nodes) <= self.MOST:
            return nodes
        rows = self._rows[torch.from_numpy(nodes)].numpy()
        kept = [0]
        nearest = rows @ rows[0]
        while len(kept) < self.MOST:
            kept.append(int(nearest.argmin()))
            np.maximum(nearest, rows @ rows[kept[-1]], out=nearest)
        return nodes[np.unique(kept)]
