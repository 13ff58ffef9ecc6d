r"""Normalised cut: the eigenvectors that bring similar nodes together.

Notes
-----
The affinity ``A`` of equation 3 of the AlignedCut paper has the degrees ``d = A 1``. The returned columns ``U`` are the
top eigenvectors of ``D^-1/2 A D^-1/2``, in descending order of their eigenvalues ``1 = lambda_1 >= lambda_2 …``:

- **scale**: columns are orthonormal over all nodes of the fit, ``U^T U = I``; an entry is therefore of size ``1/sqrt(N)``;
- **first column**: ``u_1 = d^1/2 / |d^1/2|``, positive and nearly constant; it holds the degrees, not a partition;
- **random walk**: ``D^-1/2 U``, that is ``U`` with every row divided by its first entry up to a constant, are the
  eigenvectors of ``D^-1 A``, the relaxed indicator vectors of Shi and Malik's normalised cut;
- **sign**: every column has a positive sum of cubes over an evenly spread set of nodes (all, where they are few), so that
  its longer tail points up.
"""

from __future__ import annotations

import math
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..device import parse_memory, resolve_device
from ..errors import FeatureError, InputError
from ..progress import ProgressCallback, report, span
from .affinity import Kernel, check_kernel
from .exact import graph_eigenvectors, stored_affinity_bytes
from .extension import Coordinates, Extension, KernelExtension, gather, node_weights, stream
from .features import FeatureChunks, as_features, raise_not_finite
from .knn import PAPER_NEIGHBOURS, fit_knn, paper_samples
from .nystrom import fit_nystrom
from .sampling import check_sampling

__all__ = ["METHODS", "NormalizedCut"]

METHODS = ("auto", "exact", "knn", "nystrom")
EXACT_UP_TO = 2048
"""``method="auto"`` solves graphs of up to this many nodes exactly; it takes no longer than the approximation there."""
DEFAULT_LANDMARKS = 512
_CHUNK_ROWS = 4096
_CHUNK_ROWS_ON_DEVICE = 32_768
_NULL = 1e-10
"""Eigenvalues below this belong to directions that the graph does not have."""


class NormalizedCut:
    """Top eigenvectors of the normalised affinity of all nodes.

    Parameters
    ----------
    n_components
        Number of eigenvectors C. Where the graph has fewer (fewer nodes, or all nodes alike), the rest of the columns and
        of the eigenvalues are zero.
    kernel
        ``"cosine"``: ``exp((cos(v_i, v_j) - 1) / gamma)``; ``"rbf"``: ``exp(-|v_i - v_j|^2 / (2 gamma))``.
    gamma
        Width of the kernel (1 in the paper), or ``"auto"``.
    method
        ``"exact"``; ``"nystrom"``, one-shot and within .999 of the exact eigenvectors; ``"knn"``, the paper's
        approximation; ``"auto"``, exact up to 2,048 nodes and Nyström above.
    n_landmarks
        Landmarks of ``"nystrom"`` (512), sampled nodes of ``"knn"`` (50,000 as in the paper, or what the memory allows).
    n_neighbors
        Nearest samples of ``"knn"``; 100 as in the paper.
    sampling
        How landmarks or samples are chosen: ``"kmeans"``, ``"farthest"`` or ``"uniform"``; ``"auto"`` is k-means for
        ``"nystrom"`` and the authors' farthest points for ``"knn"``.
    balance
        0 cuts the graph as it is. Up to 1 evens out the density: nodes are weighted by their degree under a sharper
        kernel to the power ``-balance``, so that small groups count as much as large ones.
    orthonormal
        Make the columns orthonormal over all nodes of the fit. It takes one pass over the nodes in :meth:`fit`
        (none more in :meth:`fit_transform`).
    seed
        Seed of every random choice. The same seed on the same device gives the same eigenvectors, signs and order.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``…
    precision
        ``"auto"`` or ``"float32"``.
    memory
        Bound on the working set: all that is held beside the features and the returned eigenvectors.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray
        (n_components,) float64, descending.
    gamma_ : float
        Width that the last fit used.
    method_ : str
        Method that the last fit used.
    n_features_in_ : int
        Channels of the last fit.
    """

    def __init__(
        self,
        n_components: int = 20,
        *,
        kernel: str = "cosine",
        gamma: float | str = 1.0,
        method: str = "auto",
        n_landmarks: int | str = "auto",
        n_neighbors: int = PAPER_NEIGHBOURS,
        sampling: str = "auto",
        balance: float = 0.0,
        orthonormal: bool = True,
        seed: int = 0,
        device: str | torch.device = "auto",
        precision: str = "auto",
        memory: int | float | str = "4GiB",
    ) -> None:
        if method not in METHODS:
            raise InputError(f"Unknown method {method!r}; use {', '.join(METHODS[:-1])} or {METHODS[-1]}.")
        check_kernel(kernel)
        check_sampling(sampling)
        if n_components < 1:
            raise InputError(f"n_components must be at least 1; got {n_components}.")
        if n_neighbors < 1:
            raise InputError(f"n_neighbors must be at least 1; got {n_neighbors}.")
        if n_landmarks != "auto" and not (isinstance(n_landmarks, int) and n_landmarks >= 1):
            raise InputError(f"n_landmarks must be 'auto' or at least 1; got {n_landmarks!r}.")
        if gamma != "auto" and not (isinstance(gamma, int | float) and gamma > 0 and math.isfinite(gamma)):
            raise InputError(f"gamma must be 'auto' or a positive number; got {gamma!r}.")
        if not 0 <= balance <= 1:
            raise InputError(f"balance must lie between 0 and 1; got {balance}.")
        if precision not in ("auto", "float32"):
            raise InputError(f"Unknown precision {precision!r}; use auto or float32.")
        parse_memory(memory)
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.method = method
        self.n_landmarks = n_landmarks
        self.n_neighbors = n_neighbors
        self.sampling = sampling
        self.balance = balance
        self.orthonormal = orthonormal
        self.seed = seed
        self.device = device
        self.precision = precision
        self.memory = memory

    def fit(self, X: Any, progress: ProgressCallback | None = None) -> Self:
        """Find the eigenvectors of the graph of all nodes.

        Parameters
        ----------
        X
            Features (N, D): NumPy, torch, memory map, zarr array or :class:`~.features.FeatureChunks`.
        progress
            Told about the steps; raises ``Cancelled`` to stop.

        Raises
        ------
        FeatureError
            If features are NaN or infinite, or not a matrix.
        """
        features = as_features(X)
        self._run(features, None, progress)
        return self

    def fit_transform(self, X: Any, progress: ProgressCallback | None = None, *, out: Any = None) -> Any:
        """Find the eigenvectors and return them for all nodes.

        Parameters
        ----------
        X, progress
            As for :meth:`fit`.
        out
            Where to write them: anything (N, n_components) with slice assignment - an array of any floating-point type,
            a memory map, a zarr array. None makes a new array.

        Returns
        -------
        numpy.ndarray or type of `out`
            Eigenvectors (N, n_components), float32 unless `out` says otherwise.
        """
        features = as_features(X)
        result = self._result(features, out)
        self._run(features, result, progress)
        return result

    def transform(self, X: Any, progress: ProgressCallback | None = None, *, out: Any = None) -> Any:
        """Eigenvectors of nodes, those of the fit or others; for the former they are what :meth:`fit_transform` gave.

        Parameters
        ----------
        X
            Features (n, D) with the channels of the fit.
        progress, out
            As for :meth:`fit_transform`.

        Raises
        ------
        InputError
            If nothing was fitted yet.
        FeatureError
            If features are NaN or infinite, or have another number of channels.
        """
        features = as_features(X)
        if not hasattr(self, "_extension"):
            raise InputError("This NormalizedCut is not fitted yet; call fit or fit_transform first.")
        if features.shape[1] != self.n_features_in_:
            raise FeatureError(
                f"Features have {features.shape[1]} channels; the cut was fitted to {self.n_features_in_}."
            )
        result = self._result(features, out)
        for start, columns in self._pass(features, self._extension, progress):
            self._write(result, start, columns @ self._rotation)
        return result

    def _result(self, features: FeatureChunks, out: Any) -> Any:
        shape = (features.shape[0], self.n_components)
        if out is None:
            return np.empty(shape, np.float32)
        if tuple(out.shape) != shape:
            raise InputError(f"out must have shape {shape}; got {tuple(out.shape)}.")
        return out

    @staticmethod
    def _write(result: Any, start: int, columns: torch.Tensor) -> None:
        stop = start + len(columns)
        if isinstance(result, torch.Tensor):
            result[start:stop] = columns.to(result.device, result.dtype)
        else:
            result[start:stop] = columns.cpu().numpy()

    def _fit_sample(self, features: FeatureChunks, progress: ProgressCallback | None) -> None:
        """Fit the extension, which for most methods looks at a sample of the nodes only."""
        n_nodes, n_channels = features.shape
        memory = parse_memory(self.memory)
        rng = np.random.default_rng(self.seed)
        method = self.method
        if method == "auto":
            method = "exact" if n_nodes <= EXACT_UP_TO else "nystrom"
        device = resolve_device(self.device)
        if method == "exact" and device.type == "mps":
            device = torch.device("cpu")  # MPS has no double precision
        self._device = device
        gamma = 1.0 if isinstance(self.gamma, str) else float(self.gamma)
        kernel = Kernel(self.kernel, gamma)
        sharper = 8.0
        extension: Extension
        if method == "exact":
            extension, values, anchor = self._fit_exact(features, kernel, sharper, device, memory, progress)
        elif method == "nystrom":
            wanted = DEFAULT_LANDMARKS if isinstance(self.n_landmarks, str) else self.n_landmarks
            fit = fit_nystrom(
                features,
                kernel,
                self.n_components,
                n_landmarks=min(wanted, n_nodes),
                sampling="kmeans" if self.sampling == "auto" else self.sampling,
                balance=self.balance,
                sharper=sharper,
                rng=rng,
                device=device,
                progress=progress,
            )
            extension, values, anchor = fit.extension, fit.eigenvalues, fit.anchor
        else:
            extension, values, anchor = fit_knn(
                features,
                kernel,
                self.n_components,
                n_samples=paper_samples(n_nodes, memory) if isinstance(self.n_landmarks, str) else self.n_landmarks,
                n_neighbors=self.n_neighbors,
                sampling="farthest" if self.sampling == "auto" else self.sampling,
                balance=self.balance,
                sharper=sharper,
                memory=memory,
                rng=rng,
                device=device,
                progress=progress,
            )
        self._extension: Extension = extension
        self._values = values
        self._anchor = anchor
        self.gamma_ = gamma
        self.method_ = method
        self.n_features_in_ = n_channels
        self._finish(np.eye(len(values)), values)

    def _fit_exact(
        self,
        features: FeatureChunks,
        kernel: Kernel,
        sharper: float,
        device: torch.device,
        memory: int,
        progress: ProgressCallback | None,
    ) -> tuple[KernelExtension, NDArray[np.float64], NDArray[np.float64]]:
        n_nodes = features.shape[0]
        dtype = torch.float64 if stored_affinity_bytes(n_nodes, 8) <= memory else torch.float32
        report(progress, 0, 1, "solving the whole graph")
        points = kernel.points(gather(features, np.arange(n_nodes, dtype=np.int64), device), dtype)
        if not bool(torch.isfinite(points).all()):
            raise_not_finite(features)
        density = None
        weights = None
        if self.balance > 0:
            masses = torch.full((n_nodes,), 1.0 / n_nodes, dtype=dtype, device=device)
            density = (masses, sharper, self.balance)
            weights = torch.cat([node_weights(kernel.between(part, points), *density) for part in points.split(1024)])
        values, vectors, degrees = graph_eigenvectors(points, kernel, self.n_components, memory=memory, weights=weights)
        present = values > _NULL
        inverse = np.where(present, 1.0 / np.where(present, values, 1.0), 0.0)
        vectors = vectors * present
        # u(x) = w(x)^1/2 / (sum_j k(x, x_j) w_j)^1/2 · sum_j k(x, x_j) w_j d_j^-1/2 u_j / lambda: itself at every node
        scale = torch.ones_like(degrees) if weights is None else weights
        columns = torch.from_numpy(vectors * inverse).to(points) * (scale * degrees.rsqrt())[:, None]
        extension = KernelExtension(
            Coordinates(kernel, None, dtype),
            points,
            torch.cat([columns, scale[:, None]], dim=1),
            float(torch.finfo(dtype).tiny),
            density,
        )
        report(progress, 1, 1, "solving the whole graph")
        return extension, values * present, vectors

    def _pass(self, features: FeatureChunks, extension: Extension, progress: ProgressCallback | None) -> Any:
        """Columns of every chunk on the device; raises FeatureError after the pass if a node was not finite."""
        n_nodes, n_channels = features.shape
        device = self._device
        rows = max(1, parse_memory(self.memory) // (2 * extension.row_bytes(n_channels)))
        rows = min(rows, _CHUNK_ROWS if device.type == "cpu" else _CHUNK_ROWS_ON_DEVICE)
        report(progress, 0, n_nodes, "computing eigenvectors")
        for start, chunk in stream(features, rows, device):
            columns = extension(chunk)
            if not bool(torch.isfinite(columns).all()):
                raise_not_finite(features)
            yield start, columns
            report(progress, start + len(chunk), n_nodes, "computing eigenvectors")

    def _run(self, features: FeatureChunks, result: Any, progress: ProgressCallback | None) -> None:
        self._fit_sample(features, span(progress, 0.0, 0.3))
        count = self._extension.n_columns
        correct = self.orthonormal and self.method_ != "exact"  # exact eigenvectors are orthonormal as they are
        if result is None and not correct:
            return
        gram = torch.zeros((count, count), dtype=torch.float64)
        wide = np.empty((features.shape[0], count), np.float32) if result is not None else None
        for start, columns in self._pass(features, self._extension, span(progress, 0.3, 0.95)):
            if correct:
                gram += (columns.T @ columns).double().cpu()
            if wide is not None:
                self._write(wide, start, columns)
        if correct:
            self._finish(*rayleigh_ritz(gram.numpy(), self._values))
        if result is not None and wide is not None:
            rotation = self._rotation.cpu()
            for start in range(0, len(wide), _CHUNK_ROWS):
                self._write(result, start, torch.from_numpy(wide[start : start + _CHUNK_ROWS]) @ rotation)
        report(progress, 1, 1, "eigenvectors are ready")

    def _finish(self, rotation: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Keep the rotation from the extension's columns to eigenvectors, padded with zeros, with signs chosen."""
        kept = min(self.n_components, rotation.shape[1])
        full = np.zeros((rotation.shape[0], self.n_components))
        full[:, :kept] = rotation[:, :kept]
        cubes = ((self._anchor @ full) ** 3).sum(axis=0)
        full *= np.where(cubes < 0, -1.0, 1.0)
        eigenvalues = np.zeros(self.n_components)
        eigenvalues[:kept] = values[:kept]
        self.eigenvalues_: NDArray[np.float64] = eigenvalues
        self._rotation = torch.from_numpy(full).to(torch.float32).to(self._device)


def rayleigh_ritz(
    gram: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Turn columns that are eigenvectors on a sample into orthonormal ones of the whole graph.

    The operator restricted to the columns ``U`` is ``T = S diag(lambda) S`` in the metric ``S = U^T U`` up to the square
    of the sampling error, so that ``S^{-1/2} Y`` with ``S^{1/2} diag(lambda) S^{1/2} = Y diag(theta) Y^T`` is wanted.

    Parameters
    ----------
    gram
        ``S`` (C, C).
    values
        ``lambda`` (C,), the eigenvalues on the sample.

    Returns
    -------
    rotation : numpy.ndarray
        (C, C); columns of directions that ``U`` does not have are zero.
    eigenvalues : numpy.ndarray
        ``theta`` (C,), descending.
    """
    squares, axes = np.linalg.eigh(gram)
    present = squares > 1e-6 * max(float(squares.max(initial=0.0)), 1e-300)
    root = np.sqrt(np.where(present, squares, 0.0))
    inverse = np.where(present, 1.0 / np.where(present, root, 1.0), 0.0)
    half = (axes * root) @ axes.T
    theta, directions = np.linalg.eigh(half @ np.diag(values) @ half)
    theta, directions = theta[::-1], directions[:, ::-1]
    kept = theta > _NULL
    rotation = ((axes * inverse) @ axes.T) @ directions * kept
    return cast("NDArray[np.float64]", rotation), np.where(kept, theta, 0.0)
