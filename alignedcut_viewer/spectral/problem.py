"""What every method of the cut is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback
from .affinity import Kernel
from .extension import Extension
from .features import FeatureChunks

__all__ = ["NULL", "CutFit", "Approximation", "Problem", "too_sharp"]

NULL = 1e-10
"""Eigenvalues below this belong to directions that the graph does not have."""


@dataclass(frozen=True)
class Problem:
    """A graph to cut, and the means to do it.

    Attributes
    ----------
    features
        Features of N nodes.
    kernel
        The affinity.
    n_components
        Eigenvectors wanted.
    balance, sharper
        Exponent that evens out the density (0 for not at all), and how many times narrower than the kernel of the graph
        the one is that measures it.
    memory
        Bytes to stay within.
    rng
        Draws every sample.
    device
        Where to compute.
    progress
        Called with each step.
    """

    features: FeatureChunks
    kernel: Kernel
    n_components: int
    balance: float
    sharper: float
    memory: int
    rng: np.random.Generator
    device: torch.device
    progress: ProgressCallback | None = None


@dataclass(frozen=True)
class Approximation:
    """What the user asked of a method, as far as it approximates; each method takes what concerns it.

    Attributes
    ----------
    n_landmarks
        Landmarks or sampled nodes; None leaves it to the method.
    n_neighbors
        Nearest samples.
    sampling
        ``"kmeans"``, ``"farthest"`` or ``"uniform"``; ``"auto"`` leaves it to the method.
    half
        Type of half precision for products over all nodes; None for single.
    """

    n_landmarks: int | None = None
    n_neighbors: int = 100
    sampling: str = "auto"
    half: torch.dtype | None = None


@dataclass(frozen=True)
class CutFit:
    """What a method finds out about a graph.

    Attributes
    ----------
    extension
        From features to columns (n, C') that hold the eigenvectors, up to a rotation that is still to be found.
    eigenvalues
        (C',) float64, descending.
    anchor
        Those columns (n, C') float64 at some nodes, for choosing signs.
    turn
        What makes the columns orthonormal over all nodes: ``"none"``, they are; ``"ritz"``, a Rayleigh-Ritz step, as
        they are eigenvectors up to the error of a sample; ``"order"``, each is freed of those before it.
    explained
        Share of the affinities beyond their mean that an approximation of them reproduces; 1 for an exact one, NaN
        where the method approximates none.
    """

    extension: Extension
    eigenvalues: NDArray[np.float64]
    anchor: NDArray[np.float64]
    turn: Literal["none", "ritz", "order"]
    explained: float


def too_sharp(gamma: float) -> InputError:
    """What to say where a kernel is so narrow that no node shares affinity with others."""
    return InputError(
        f"gamma={gamma:.3g} makes the affinity so narrow that no node is like any other; use a larger gamma, or 'auto'."
    )
