"""A cut by example: nodes that belong to a thing, nodes that do not, and a graded answer for all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FeatureError, InputError
from ..progress import ProgressCallback, report
from .features import FeatureChunks, as_features, as_tensor, raise_not_finite

__all__ = ["GROUND", "PromptedCut", "prompt_coefficients", "prompted_cut"]

GROUND = -0.2
"""Score of what is like no prompt: below 0, so that a click takes in what is like it and no more, whether or not there
are clicks on the ground (docs/segmentation.md)."""

_CHUNK = 32_768
_JITTER = 1e-3


@dataclass(frozen=True)
class PromptedCut:
    """Answer to a prompt.

    Attributes
    ----------
    score
        float32 (N,): near 1 at and around positive nodes, near -1 around negative ones, `ground` far from all.
    mask
        bool (N,): where the score is above the threshold.
    threshold
        The threshold.
    """

    score: NDArray[np.float32]
    mask: NDArray[np.bool_]
    threshold: float


def prompted_cut(
    eigenvectors: Any,
    positive: ArrayLike,
    negative: ArrayLike = (),
    *,
    eigenvalues: ArrayLike | None = None,
    gamma: float = 0.3,
    ground: float = GROUND,
    threshold: float = 0.0,
    progress: ProgressCallback | None = None,
) -> PromptedCut:
    """Grade all nodes by their likeness to positive and their unlikeness to negative nodes.

    The score is the smoothest function that is 1 at the positive and -1 at the negative nodes: Gaussian-process (kernel
    ridge) interpolation with the kernel ``exp((cos - 1) / gamma)`` between rows of eigenvectors, about a mean that says
    "not the thing" of what nobody spoke of.

    Parameters
    ----------
    eigenvectors
        (N, C) finite: NumPy, torch, memory map, zarr array or a stream of chunks. Each row is scaled to unit length.
    positive
        Numbers of nodes inside; at least one.
    negative
        Numbers of nodes outside; may be empty.
    eigenvalues
        (C,) of the cut; if given, every eigenvector weighs by the square root of its own, so that fine structure counts
        less. Helps where there is only one prompt, or where there are many eigenvectors.
    gamma
        Width of the kernel: the smaller, the more local the effect of a prompt.
    ground
        Score of what is like no prompt, from -1 to 1.
    threshold
        Score above which a node is in the mask.
    progress
        Called after every chunk; raises to cancel.

    Returns
    -------
    PromptedCut
        Scores and mask.

    Raises
    ------
    InputError
        If there is no positive node, a number is outside the graph, or a node is both positive and negative.
    FeatureError
        If the eigenvectors are not finite.
    """
    import torch

    features = as_features(eigenvectors)
    n, columns = features.shape
    inside, outside = _numbers(positive, n, "positive"), _numbers(negative, n, "negative")
    if len(inside) == 0:
        raise InputError("A prompted cut needs at least one positive node.")
    both = np.intersect1d(inside, outside)
    if len(both):
        raise InputError(f"Node {both[0]} is prompted as positive and as negative; remove one of the two.")
    if not gamma > 0:
        raise InputError(f"gamma must be positive; got {gamma}.")
    weights = _column_weights(eigenvalues, columns)
    prompts = np.union1d(inside, outside)
    answers = torch.from_numpy(np.where(np.isin(prompts, inside), 1.0, -1.0))
    examples = _rows(features, prompts, weights)
    coefficients = prompt_coefficients(examples, answers, gamma, ground)

    score: NDArray[np.float32] = np.empty(n, dtype=np.float32)
    for start, rows in features.chunks(_CHUNK):
        part = as_tensor(rows)
        here = part.device
        weighted = _weighted(part, weights)
        length = torch.linalg.vector_norm(weighted, dim=1, keepdim=True).clamp_(min=1e-30)
        cosine = (weighted @ examples.T.to(here)).div_(length)
        values = cosine.sub_(1.0).div_(gamma).exp_() @ coefficients.to(here) + ground
        if not np.isfinite(float(values.sum())):
            raise_not_finite(features)
        score[start : start + len(part)] = values.cpu().numpy()
        report(progress, start + len(part), n, "Prompted cut")
    return PromptedCut(score, score > threshold, threshold)


def prompt_coefficients(examples: Any, answers: Any, gamma: float, ground: float) -> Any:
    """Coefficients of the kernel's columns: with them, and `ground` added, the score is the answer at every example.

    Parameters
    ----------
    examples
        Unit rows of prompted nodes, float32 tensor (m, C).
    answers
        Wanted scores, tensor (m,).
    gamma
        Width of the kernel.
    ground
        Score of what is like no example.

    Returns
    -------
    torch.Tensor
        float32 (m,).

    Raises
    ------
    InputError
        If gamma or ground is no such number.
    """
    import torch

    if not gamma > 0:
        raise InputError(f"gamma must be positive; got {gamma}.")
    if not -1 <= ground <= 1:
        raise InputError(f"The score of what is like no prompt lies between -1 and 1; got {ground}.")
    exact = examples.double()
    kernel = ((exact @ exact.T - 1) / gamma).exp_()
    kernel.diagonal().add_(_JITTER)
    return torch.linalg.solve(kernel, answers.double() - ground).float()


def _numbers(nodes: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    numbers = np.asarray(nodes).ravel()
    if numbers.size == 0:
        return np.empty(0, dtype=np.int64)
    if numbers.dtype.kind not in "iu":
        raise InputError(f"{name.capitalize()} nodes must be given by their numbers; got {numbers.dtype}.")
    if numbers.min() < 0 or numbers.max() >= n:
        raise InputError(
            f"{name.capitalize()} nodes must lie between 0 and {n - 1}; got {numbers.min()} to {numbers.max()}."
        )
    return np.unique(numbers.astype(np.int64))


def _column_weights(eigenvalues: ArrayLike | None, columns: int) -> Any:
    """Square roots of the eigenvalues as a float32 tensor, or None."""
    import torch

    if eigenvalues is None:
        return None
    values = np.asarray(eigenvalues, dtype=np.float64)
    if values.shape != (columns,):
        raise InputError(f"{columns} eigenvectors need {columns} eigenvalues; got shape {values.shape}.")
    return torch.from_numpy(np.sqrt(np.clip(values, 0.0, None))).float()


def _weighted(rows: Any, weights: Any) -> Any:
    return rows.float() if weights is None else rows.float() * weights.to(rows.device)


def _rows(features: FeatureChunks, nodes: NDArray[np.int64], weights: Any) -> Any:
    """Unit rows of the prompted nodes, on the CPU."""
    import torch

    rows = _weighted(as_tensor(features.rows(nodes)).cpu(), weights)
    if not bool(torch.isfinite(rows).all()):
        raise FeatureError("The eigenvectors of the prompted nodes are NaN or infinite; recompute the cut.")
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / length.clamp(min=1e-30)
