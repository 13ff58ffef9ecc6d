"""Prompts that are answered while they are drawn: prepared rows, and blocks of them that stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .features import as_features, as_tensor, raise_not_finite
from .prompted import GROUND, prompt_coefficients

__all__ = ["LivePrompt"]

_CHUNK = 65_536
_BLOCK = 8_192
_MOST = 24


class LivePrompt:
    """Grades all nodes by their likeness to prompted ones, fast enough to follow a hand.

    The score is that of :func:`.prompted.prompted_cut`: the smoothest function of the kernel ``exp((cos - 1) / gamma)``
    that is 1 at positive and -1 at negative nodes; what scores above 0 is the thing. Rows are scaled to unit length
    once. Of a stroke over many nodes :data:`MOST` are taken that represent it (farthest-point sampling).

    Parameters
    ----------
    eigenvectors
        (N, C) finite: NumPy, torch, memory map, zarr array or a stream.
    eigenvalues
        (C,); if given, each eigenvector weighs by the square root of its own.
    gamma
        Width of the kernel.
    ground
        Score of what is like no prompt.

    Raises
    ------
    FeatureError
        If eigenvectors are not finite.
    """

    MOST = _MOST
    """Nodes of either sign that take part in an answer."""

    def __init__(
        self, eigenvectors: Any, *, eigenvalues: ArrayLike | None = None, gamma: float = 0.3, ground: float = GROUND
    ) -> None:
        prompt_coefficients(torch.ones(1, 1), torch.ones(1), gamma, ground)  # says what is wrong with them
        features = as_features(eigenvectors)
        n, columns = features.shape
        self.gamma, self.ground = gamma, ground
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
            Near 1 at positive nodes, near -1 at negative ones, `ground` far from all.

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
        inside, outside = self._few(inside), self._few(outside)
        answers = torch.ones(len(inside) + len(outside), dtype=torch.float64)
        answers[len(inside) :] = -1
        examples = self._rows[torch.from_numpy(np.concatenate([inside, outside]))]
        coefficients = prompt_coefficients(examples, answers, self.gamma, self.ground)
        rows = self._rows if nodes is None else self._rows[nodes]
        result = torch.empty(len(rows), dtype=torch.float32)
        # Kernels of some rows at a time: what is made of them never leaves the processor's cache.
        kernel = torch.empty((min(_BLOCK, len(rows)), len(examples)), dtype=torch.float32)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            columns = torch.matmul(part, examples.T, out=kernel[: len(part)]).sub_(1).div_(self.gamma).exp_()
            torch.mv(columns, coefficients, out=result[start : start + len(part)])
        return np.asarray(result.add_(self.ground).numpy())

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
