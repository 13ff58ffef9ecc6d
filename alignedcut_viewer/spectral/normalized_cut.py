r"""Normalised cut: the eigenvectors that bring similar nodes together.

Notes
-----
The affinity ``A`` of equation 3 of the AlignedCut paper has the degrees ``d = A 1``. The returned columns ``U`` are the
top eigenvectors of ``D^-1/2 A D^-1/2``, in descending order of their eigenvalues ``1 = lambda_1 >= lambda_2 …``:

- **scale**: columns are orthonormal over all nodes of the fit, ``U^T U = I``; an entry is therefore of size
  ``1/sqrt(N)``. Those of ``method="knn"`` are averages as equation 4 has them, and shrink from column to column;
- **first column**: ``u_1 = d^1/2 / |d^1/2|``, positive and nearly constant; it holds the degrees, not a partition;
- **random walk**: ``D^-1/2 U``, that is ``U`` with every row divided by its first entry up to a constant, are the
  eigenvectors of ``D^-1 A``, the relaxed indicator vectors of Shi and Malik's normalised cut;
- **sign**: every column has a positive sum of cubes over an evenly spread set of nodes (all, where they are few), so
  that its longer tail points up.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
import torch

from ..choices import CUT_SAMPLINGS, KERNELS
from ..device import parse_memory, physical_memory, resolve_device, resolve_precision
from ..errors import InputError
from ..parameters import one_of, real, seed, whole
from ..progress import ProgressCallback, report, span
from .affinity import Kernel
from .bandwidth import automatic_gamma
from .estimator import NodeTransformer, NotFitted
from .features import FeatureChunks
from .fitted import FittedCut, finish_cut
from .fitted_state import FittedState, fitted_from, state_of
from .knn import PAPER_NEIGHBOURS
from .methods import method_names, solver
from .problem import NULL, Approximation, Problem, too_sharp

__all__ = ["NormalizedCut"]

EXACT_UP_TO = 2048
"""``method="auto"`` solves graphs of up to this many nodes exactly; it takes no longer than the approximation there."""
_LEAST_EXPLAINED = 0.95
_SHARPER = 8.0
"""How many times narrower than the kernel of the graph the one is that measures density."""


class NormalizedCut(NodeTransformer):
    """Top eigenvectors of the normalised affinity of all nodes.

    Parameters
    ----------
    n_components
        Number of eigenvectors C. Where the graph has fewer (fewer nodes, or all nodes alike), the rest of the columns
        and of the eigenvalues are zero.
    kernel
        ``"cosine"``: ``exp((cos(v_i, v_j) - 1) / gamma)``; ``"rbf"``: ``exp(-|v_i - v_j|^2 / (2 gamma))``.
    gamma
        Width of the kernel (1 in the paper), or ``"auto"``.
    method
        ``"exact"``; ``"nystrom"``, one-shot and within .999 of the exact eigenvectors; ``"knn"``, the paper's
        approximation; ``"auto"``, exact up to 2,048 nodes and Nyström above.
    n_landmarks
        Landmarks of ``"nystrom"`` (512, or 1,024 where these do not explain 99 % of the affinities), sampled nodes of
        ``"knn"`` (50,000 as in the paper, or what the memory allows).
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
        (none more in :meth:`fit_transform`). None does so for all methods but ``"knn"``, whose columns it would make
        other ones than those of the paper's equation 4.
    seed
        Seed of every random choice. The same seed on the same device gives the same eigenvectors, signs and order.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``…
    precision
        ``"auto"``: half precision on CUDA, single elsewhere. Or ``"float32"``, ``"float16"``, ``"bfloat16"``: the type
        of the factors of the products over all nodes of ``"nystrom"``. What is solved is solved in single and double
        precision always, and the eigenvectors hardly differ; where they would, single precision is used instead.
        ``"bfloat16"`` doubles the speed on CPUs that have it (AMX, AVX512-BF16); ``"float16"`` gains nothing on CPUs.
    memory
        Bound on the working set: all that is held beside the features and the returned eigenvectors.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray
        (n_components,) float64, descending.
    explained_ : float
        Share of the affinities between nodes, beyond their mean, that the landmarks reproduce: near 1 for eigenvectors
        like the exact ones; 1 for ``"exact"``, NaN for ``"knn"``. Below .95 a warning is given.
    gamma_ : float
        Width that the last fit used.
    method_ : str
        Method that the last fit used.
    n_features_in_ : int
        Channels of the last fit.
    """

    _fitted: FittedCut

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
        orthonormal: bool | None = None,
        seed: int = 0,
        device: str | torch.device = "auto",
        precision: str = "auto",
        memory: int | float | str = "4GiB",
    ) -> None:
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

    def fit(self, X: Any, y: None = None, *, progress: ProgressCallback | None = None) -> Self:
        """Find the eigenvectors of the graph of all nodes.

        Parameters
        ----------
        X
            Features (N, D): NumPy, torch, memory map, zarr array or :class:`~.features.FeatureChunks`.
        y
            Not used; pipelines pass it.
        progress
            Called with each step; raises ``Cancelled`` to stop.

        Raises
        ------
        FeatureError
            If features are NaN or infinite, or not a matrix.
        InputError
            If a parameter is outside what it may be.
        """
        self._check_parameters()
        features = self._read(X)
        self._run(features, None, progress)
        self._keep_channels(X, features)
        return self

    def fit_transform(
        self, X: Any, y: None = None, *, progress: ProgressCallback | None = None, out: Any = None
    ) -> Any:
        """Find the eigenvectors and return them for all nodes.

        Parameters
        ----------
        X, y, progress
            As for :meth:`fit`.
        out
            Where to write them: anything (N, n_components) with slice assignment - an array of any floating-point type,
            a memory map, a zarr array. None makes a new array.

        Returns
        -------
        numpy.ndarray or type of `out`
            Eigenvectors (N, n_components), float32 unless `out` says otherwise.
        """
        self._check_parameters()
        features = self._read(X)
        target = self._target(features, out)
        self._run(features, target, progress)
        self._keep_channels(X, features)
        return target

    def transform(self, X: Any, *, progress: ProgressCallback | None = None, out: Any = None) -> Any:
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
        features = self._read_fitted(X)
        target = self._target(features, out)
        self._fitted.write(features, target, memory=parse_memory(self.memory), progress=progress)
        return target

    def state(self) -> FittedState:
        """What the fit consists of, to be kept; :meth:`restore` takes it up again.

        Raises
        ------
        InputError
            If nothing was fitted yet.
        """
        if not hasattr(self, "n_features_in_"):
            raise NotFitted("This NormalizedCut is not fitted yet; call fit or fit_transform first.")
        state = state_of(self._fitted)
        told = {"n_channels": self.n_features_in_, "gamma_fitted": self.gamma_, "method": self.method_}
        told["explained"] = None if math.isnan(self.explained_) else self.explained_
        return FittedState({**state.description, **told}, state.arrays)

    def restore(self, state: FittedState) -> Self:
        """Take up a fit that was kept; :meth:`transform` then gives what it gave before, computed on the CPU.

        Parameters
        ----------
        state
            Of :meth:`state`.

        Raises
        ------
        StudyError
            If a part of it is missing.
        """
        fitted, told = fitted_from(state), state.description
        self.n_components = int(fitted.rotation.shape[1])
        self._fitted = fitted
        self.eigenvalues_ = fitted.eigenvalues
        self.explained_ = math.nan if told.get("explained") is None else float(told["explained"])
        self.gamma_, self.method_ = float(told["gamma_fitted"]), str(told["method"])
        self.n_features_in_ = int(told["n_channels"])
        return self

    def _check_parameters(self) -> None:
        one_of("method", self.method, method_names())
        one_of("kernel", self.kernel, KERNELS)
        one_of("sampling", self.sampling, ("auto", *CUT_SAMPLINGS))
        whole("n_components", self.n_components, 1)
        whole("n_neighbors", self.n_neighbors, 1)
        whole("n_landmarks", self.n_landmarks, 1, unless="auto")
        if real("gamma", self.gamma, above=0, unless="auto") != "auto":
            Kernel(self.kernel, float(self.gamma))
        real("balance", self.balance, least=0, most=1)
        seed(self.seed)
        resolve_precision(self.precision, torch.device("cpu"))
        parse_memory(self.memory)

    def _target(self, features: FeatureChunks, out: Any) -> Any:
        shape = (features.shape[0], int(self.n_components))
        if out is None:
            if shape[0] * shape[1] * 4 > physical_memory():
                raise InputError(
                    f"{shape[1]} eigenvectors of {shape[0]} nodes take more memory than this machine has; use a "
                    "smaller n_components, or say with out= where to write them."
                )
            return np.empty(shape, np.float32)
        if tuple(out.shape) != shape:
            raise InputError(f"out must have shape {shape}; got {tuple(out.shape)}.")
        return out

    def _run(self, features: FeatureChunks, target: Any, progress: ProgressCallback | None) -> None:
        """Fit, and write the eigenvectors into `target` unless that is None."""
        method = self.method
        if method == "auto":
            method = "exact" if features.shape[0] <= EXACT_UP_TO else "nystrom"
        device = resolve_device(self.device)
        chosen, solve = solver(method)
        if chosen.double and device.type == "mps":
            device = torch.device("cpu")
        if isinstance(self.gamma, str):
            gamma = automatic_gamma(
                features, self.kernel, int(self.n_components), np.random.default_rng(self.seed), device
            )
        else:
            gamma = float(self.gamma)
        problem = Problem(
            features=features,
            kernel=Kernel(self.kernel, gamma),
            n_components=int(self.n_components),
            balance=float(self.balance),
            sharper=_SHARPER,
            memory=parse_memory(self.memory),
            rng=np.random.default_rng(self.seed),
            device=device,
            progress=span(progress, 0.0, 0.2),
        )
        precision = resolve_precision(self.precision, device)
        wanted = Approximation(
            n_landmarks=None if isinstance(self.n_landmarks, str) else int(self.n_landmarks),
            n_neighbors=int(self.n_neighbors),
            sampling=self.sampling,
            half=None if precision == torch.float32 or device.type == "mps" else precision,
        )
        fit = solve(problem, wanted)
        if not fit.eigenvalues[0] > NULL:
            raise too_sharp(gamma)
        orthonormal = chosen.orthonormal if self.orthonormal is None else self.orthonormal
        fitted = finish_cut(problem, fit, target, orthonormal=orthonormal, progress=span(progress, 0.2, 1.0))
        report(progress, 1, 1, "eigenvectors are ready")
        if fit.explained < _LEAST_EXPLAINED:
            warnings.warn(
                f"The landmarks reproduce only {fit.explained:.0%} of the affinities: gamma={gamma:.3g} makes the "
                "kernel too sharp for them. Use a larger gamma (or 'auto'), more n_landmarks or method='exact'.",
                stacklevel=3,
            )
        if self.n_components > 1 and features.shape[0] > 1 and not (fitted.eigenvalues[1:] > NULL).any():
            warnings.warn(
                f"All nodes look alike to this graph (gamma={gamma:.3g}): it has one eigenvector, and the others are "
                "zero. Use a smaller gamma (or 'auto'), or check that the features differ from node to node.",
                stacklevel=3,
            )
        # All at once and last, so that a fit that is cancelled or fails leaves the one before as it was.
        self._fitted = fitted
        self.eigenvalues_ = fitted.eigenvalues
        self.explained_ = fit.explained
        self.gamma_, self.method_ = gamma, method
