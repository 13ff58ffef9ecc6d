"""From what a method fitted to eigenvectors of all nodes: orthonormal, with signs chosen, and written out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..cluster.threads import in_order
from ..progress import ProgressCallback, report, span
from .columns import Scratch, Spare, Writer
from .extension import Extension
from .features import FeatureChunks
from .machine import solver_device, trim_memory
from .node_pass import columns_of
from .problem import NULL, CutFit, Problem

__all__ = ["FittedCut", "finish_cut", "in_turn", "rayleigh_ritz"]

_DEPENDENT = 1e-2
"""Columns of which less than this (of the squares) is new are dropped: single precision does not hold their rest."""


@dataclass(frozen=True)
class FittedCut:
    """A map from features to eigenvectors that is complete.

    Attributes
    ----------
    extension
        From features to columns.
    spare
        How columns are held.
    rotation
        From columns to eigenvectors.
    eigenvalues
        (C,) float64, descending, zero beyond what the graph has.
    """

    extension: Extension
    spare: Spare
    rotation: torch.Tensor
    eigenvalues: NDArray[np.float64]

    def write(
        self, features: FeatureChunks, target: Any, *, memory: int, progress: ProgressCallback | None = None
    ) -> None:
        """Write the eigenvectors (n, C) of nodes into `target`."""
        writer = Writer(target)

        for start, _, rows in columns_of(
            features,
            self.extension,
            _rotated,
            (self.spare, self.rotation),
            memory=memory,
            device=self.rotation.device,
            progress=progress,
        ):
            writer.put(start, rows)
        writer.flush()


def finish_cut(
    problem: Problem, fit: CutFit, target: Any, *, orthonormal: bool, progress: ProgressCallback | None
) -> FittedCut:
    """Complete a cut, and write the eigenvectors of its nodes.

    Parameters
    ----------
    problem, fit
        The graph and what a method found out about it.
    target
        Array (N, C) of any kind, or None if only the map is wanted.
    orthonormal
        Whether columns are to be made orthonormal over all nodes, which takes a pass over them.
    progress
        Called during the pass.

    Returns
    -------
    FittedCut
        For the nodes of the graph it gives exactly what was written.
    """
    count = fit.extension.n_columns
    spare = Spare(min(problem.n_components, count), math.sqrt(problem.features.shape[0]))
    if fit.turn == "none" or not orthonormal:
        fitted = _fitted(problem, fit, spare, np.eye(count), fit.eigenvalues)
        if target is not None:
            fitted.write(problem.features, target, memory=problem.memory, progress=progress)
        return fitted

    trim_memory()  # what the fit took is not to add to what the pass takes
    scratch = None
    if target is not None:
        beside = problem.memory // 2
        shape = (problem.features.shape[0], count)
        scratch = Scratch(*shape, spare, target, memory=beside, device=problem.device)
    gram = torch.zeros((count, count), dtype=torch.float64, device=solver_device(problem.device))
    bounds: list[tuple[int, int]] = []
    try:
        for start, stop, (part, columns) in columns_of(
            problem.features,
            fit.extension,
            _kept,
            (spare, scratch is not None),
            memory=problem.memory,
            device=problem.device,
            progress=span(progress, 0.0, 0.9),
        ):
            gram += part.to(gram.device)  # without a wait for CUDA, which is to be kept busy
            bounds.append((start, stop))
            if scratch is not None and columns is not None:
                scratch.put(start, *columns)
        if fit.turn == "ritz":
            fitted = _fitted(problem, fit, spare, *rayleigh_ritz(gram.cpu().numpy(), fit.eigenvalues))
        else:
            fitted = _fitted(problem, fit, spare, in_turn(gram.cpu().numpy()), fit.eigenvalues)
        if scratch is not None:
            _rotate(scratch, bounds, fitted.rotation, target, span(progress, 0.9, 1.0))
    finally:
        if scratch is not None:
            scratch.close()
    return fitted


def _rotated(shared: tuple[Spare, torch.Tensor], columns: torch.Tensor) -> torch.Tensor:
    """Eigenvectors of a block from its columns."""
    spare, rotation = shared
    return spare.rotate(*spare.split(columns), rotation)


def _kept(
    shared: tuple[Spare, bool], columns: torch.Tensor
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor] | None]:
    """The Gram matrix of a block of columns as they are held, and the columns where they are wanted."""
    spare, wanted = shared
    main, few = spare.split(columns)
    joined = spare.join(main, few)
    return joined.T @ joined, (main.contiguous(), few) if wanted else None


def _rotate(
    scratch: Scratch,
    bounds: list[tuple[int, int]],
    rotation: torch.Tensor,
    target: Any,
    progress: ProgressCallback | None,
) -> None:
    writer = Writer(target)

    def work(bound: tuple[int, int]) -> torch.Tensor | None:
        rows = scratch.rotated(*bound, rotation)
        if isinstance(target, np.ndarray):
            target[bound[0] : bound[1]] = rows.cpu().numpy()
            return None
        return rows

    results = map(work, bounds) if scratch.in_file else in_order(work, bounds, rotation.device)
    for (start, stop), rows in zip(bounds, results, strict=True):
        if rows is not None:
            writer.put(start, rows)
        report(progress, stop, bounds[-1][1], "writing eigenvectors")
    writer.flush()


def _fitted(
    problem: Problem, fit: CutFit, spare: Spare, rotation: NDArray[np.float64], values: NDArray[np.float64]
) -> FittedCut:
    """The complete map: padded with zeros, columns with a positive sum of cubes at the anchor nodes."""
    n_components = problem.n_components
    full = np.zeros((rotation.shape[0], n_components))
    full[:, : spare.n_main] = rotation[:, : spare.n_main]
    cubes = ((fit.anchor @ full) ** 3).sum(axis=0)
    full *= np.where(cubes < 0, -1.0, 1.0)
    eigenvalues = np.zeros(n_components)
    eigenvalues[: spare.n_main] = values[: spare.n_main]
    return FittedCut(fit.extension, spare, torch.from_numpy(full).float().to(problem.device), eigenvalues)


def rayleigh_ritz(
    gram: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Turn columns that are eigenvectors on a sample into orthonormal ones of the whole graph.

    The operator restricted to the columns ``U`` is ``T = S diag(lambda) S`` in the metric ``S = U^T U``, up to the
    square of the sampling error. With ``S^{1/2} diag(lambda) S^{1/2} = Y diag(theta) Y^T`` the eigenvectors are
    ``U S^{-1/2} Y``.

    Parameters
    ----------
    gram
        ``S`` (C, C).
    values
        ``lambda`` (C,), the eigenvalues on the sample.

    Returns
    -------
    rotation : numpy.ndarray
        ``S^{-1/2} Y`` (C, C); columns of directions that ``U`` does not have are zero.
    eigenvalues : numpy.ndarray
        ``theta`` (C,), descending, in units of the first, which is 1 for every graph.
    """
    metric = torch.from_numpy(gram)
    squares, axes = torch.linalg.eigh(metric)
    present = squares > _DEPENDENT * squares.max().clamp(min=1e-300)
    root = torch.where(present, squares, 0.0).sqrt()
    inverse = torch.where(present, root.reciprocal(), 0.0)
    half = (axes * root) @ axes.T
    theta, directions = torch.linalg.eigh((half * torch.from_numpy(values)) @ half)
    theta, directions = theta.flip(0), directions.flip(1)
    kept = theta > NULL
    rotation = ((axes * inverse) @ axes.T) @ directions * kept
    return rotation.numpy(), (torch.where(kept, theta, 0.0) / theta[0].clamp(min=NULL)).numpy()


def in_turn(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The triangular matrix (C, C) that makes columns with this Gram matrix orthonormal, each after those before it.

    Columns that add nothing to those before them become zero.
    """
    count = len(gram)
    rotation = np.zeros((count, count))
    for i in range(count):
        column = np.zeros(count)
        column[i] = 1.0 / math.sqrt(max(float(gram[i, i]), 1e-300))
        for _ in range(2):  # once more for what rounding leaves
            column -= rotation @ (rotation.T @ (gram @ column))
        square = float(column @ gram @ column)
        if square > _DEPENDENT:
            rotation[:, i] = column / math.sqrt(square)
    return rotation
