"""Spectral t-SNE: a two- or three-dimensional map of nodes from their eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..device import resolve_device
from ..errors import FeatureError, InputError
from ..farthest import farthest_points
from ..parameters import whole
from ..progress import ProgressCallback, report, span
from .estimator import NodeTransformer
from .features import FeatureChunks, as_tensor, raise_not_finite
from .neighbours import nearest, nearest_on_device
from .sampling import sample_rows
from .tsne_descent import Descent, UpdateCallback, exact_tsne, start_positions
from .tsne_parameters import check_tsne
from .tsne_placing import Placing

if TYPE_CHECKING:
    import torch

__all__ = ["SpectralTSNE"]

FloatArray = NDArray[np.float32]
_CHUNK_BYTES = 1 << 25  # of eigenvectors in single precision that are spread at a time
_CHUNK_BYTES_ON_DEVICE = 1 << 27
_CANDIDATES = 10  # of the landmarks, for each landmark
_REFINEMENTS = 12  # steps of a refined node; from its nearest landmark on it settles in ten
_NOT_FINITE = "Eigenvectors are NaN or infinite."


class SpectralTSNE(NodeTransformer):
    """Map of nodes by t-SNE on their eigenvectors (AlignedCut, section 3; three dimensions for colour, two for paths).

    t-SNE places landmarks only; every other node takes the place of its nearest landmark in the space of the
    eigenvectors (one neighbour, as in the paper), or a place between its nearest landmarks.

    Parameters
    ----------
    n_components
        Dimensions of the map, 2 or 3.
    n_landmarks
        Nodes that t-SNE places; all nodes where there are fewer.
    perplexity
        Effective number of neighbours; lowered to a third of the landmarks where there are too few.
    metric
        ``"euclidean"`` as in the paper, or ``"cosine"``: every node's eigenvector row is scaled to length one first.
    sampling
        ``"farthest"``: landmarks by farthest-point sampling among ten times as many random nodes, which gives rare
        concepts a colour of their own; ``"uniform"``: random nodes.
    init
        ``"pca"`` or ``"spectral"`` start: principal axes of the landmarks' eigenvectors, or the leading eigenvectors.
    spread
        ``"nearest"`` (paper) or ``"interpolated"``: a mean of the nearest landmarks with weights that fall smoothly to
        zero at the last of them and grow without bound at a landmark (modified Shepard weights). ``"refined"``: every
        node goes from its nearest landmark to where t-SNE's own objective draws it while the landmarks stand, on the
        CPU; with tens of thousands of landmarks more of its neighbours stay its neighbours than in the other ways.
    n_neighbors
        Landmarks that an interpolated place is made of, and effective number of those that attract a refined one.
    max_iter
        Iterations of t-SNE at most; it stops before when the divergence no longer falls.
    seed
        Of the random candidates and the start. The result is the same for a seed on one device.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.

    Attributes
    ----------
    landmarks_
        int64 (m,), numbers of the landmark nodes.
    embedding_landmarks_
        float32 (m, n_components), their places.
    kl_divergence_
        Kullback-Leibler divergence of the landmarks' map, in nats.
    perplexity_
        The perplexity that was used.
    """

    landmarks_: NDArray[np.int64]
    _points: FloatArray
    _placing: Placing | None

    def __init__(
        self,
        n_components: int = 3,
        *,
        n_landmarks: int = 2000,
        perplexity: float = 150.0,
        metric: Literal["euclidean", "cosine"] = "euclidean",
        sampling: Literal["farthest", "uniform"] = "farthest",
        init: Literal["pca", "spectral"] = "pca",
        spread: Literal["nearest", "interpolated", "refined"] = "nearest",
        n_neighbors: int = 8,
        max_iter: int = 1000,
        seed: int = 0,
        device: str | torch.device = "auto",
    ) -> None:
        self.n_components = n_components
        self.n_landmarks = n_landmarks
        self.perplexity = perplexity
        self.metric = metric
        self.sampling = sampling
        self.init = init
        self.spread = spread
        self.n_neighbors = n_neighbors
        self.max_iter = max_iter
        self.seed = seed
        self.device = device

    def _check_parameters(self) -> None:
        if whole("n_components", self.n_components, 2) > 3:
            raise InputError(f"The map has 2 or 3 dimensions; got n_components={self.n_components}.")
        whole("n_landmarks", self.n_landmarks, 1)
        check_tsne(self)

    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        progress: ProgressCallback | None = None,
        on_update: UpdateCallback | None = None,
    ) -> Self:
        """Choose landmarks and place them.

        Parameters
        ----------
        X
            Eigenvectors (N, C), finite: NumPy, torch, memory map, zarr array or a stream of chunks.
        y
            Not used; pipelines pass it.
        progress
            Called throughout; raises to cancel.
        on_update
            Called with the iteration and the landmarks' places, float32 (m, n_components), while they settle; in the
            order of :attr:`landmarks_`, which is set before the first call.

        Raises
        ------
        FeatureError
            If the eigenvectors are not finite numbers in a matrix.
        """
        self._placing = None
        # A fit that is cancelled must not leave the places of an earlier one beside new landmarks.
        for name in ("embedding_landmarks_", "n_features_in_"):
            self.__dict__.pop(name, None)
        self._check_parameters()
        features = self._read(X)
        device = resolve_device(self.device)
        report(progress, 0, 1000, "Choosing landmarks")
        points = self._choose(features, device)
        start = start_positions(points, int(self.n_components), self.init, self.seed)
        n = len(points)
        self.perplexity_ = max(1.0, min(float(self.perplexity), (n - 1) / 3))
        self.kl_divergence_ = 0.0
        moving = span(progress, 0.05, 1.0)
        if n < 4:
            # Too few for neighbourhoods: principal axes are the map.
            self.embedding_landmarks_ = _few(start)
        else:
            import torch

            on_device = torch.from_numpy(points).to(device)
            settings = Descent(iterations=int(self.max_iter))
            self.embedding_landmarks_, self.kl_divergence_ = exact_tsne(
                on_device, start, self.perplexity_, settings, moving, on_update
            )
        self._keep_channels(X, features)
        report(progress, 1000, 1000, "Landmarks placed")
        return self

    def resume(self, X: Any, places: NDArray[np.float32], landmarks: NDArray[np.int64] | None = None) -> Self:
        """Take up a map that was kept, so that :meth:`transform` places more nodes in it; nothing is fitted again.

        Parameters
        ----------
        X
            Eigenvectors (N, C) of the nodes that the map was fitted to.
        places
            float32 (N, n_components): their places, as :meth:`fit_transform` gave them, turned or not.
        landmarks
            As :attr:`landmarks_` was; None chooses them once more, which gives the same on the same device.

        Raises
        ------
        FeatureError
            If the eigenvectors are not finite numbers in a matrix.
        InputError
            If there are not as many places as nodes.
        """
        self._check_parameters()
        features = self._read(X)
        if places.shape != (features.shape[0], self.n_components):
            raise InputError(f"{features.shape[0]} nodes need as many places; got an array {places.shape}.")
        if landmarks is None:
            self._choose(features, resolve_device(self.device))
        else:
            self.landmarks_ = np.asarray(landmarks, dtype=np.int64)
            raw: FloatArray = as_tensor(features.rows(self.landmarks_)).float().cpu().numpy()
            self._set_scale(raw)
            self._points = np.ascontiguousarray(self._scaled(raw))
        self.embedding_landmarks_ = np.ascontiguousarray(places[self.landmarks_], dtype=np.float32)
        self._placing = None
        self._placing = self._begin_placing()  # once: of 100,000 landmarks it takes a second
        self._keep_channels(X, features)
        return self

    def _choose(self, features: FeatureChunks, device: torch.device) -> FloatArray:
        """Set the landmarks and the scaling; return the landmarks' scaled eigenvectors (m, C)."""
        rng = np.random.default_rng(self.seed)
        n_landmarks = int(self.n_landmarks)
        wanted = n_landmarks * (_CANDIDATES if self.sampling == "farthest" else 1)
        rows = sample_rows(features, wanted, rng)
        raw: FloatArray = as_tensor(features.rows(rows)).float().cpu().numpy()
        if not np.isfinite(raw).all():
            raise_not_finite(features)
        self._set_scale(raw)
        scaled = self._scaled(raw)
        if self.sampling == "farthest":
            import torch

            order = farthest_points(torch.from_numpy(scaled).to(device), n_landmarks)[0]
        else:
            _, order = np.unique(scaled, axis=0, return_index=True)
        self.landmarks_ = rows[order].astype(np.int64)
        self._points = np.ascontiguousarray(scaled[order])
        return self._points

    def _set_scale(self, raw: FloatArray) -> None:
        # Eigenvectors of a million nodes are of the order of 1e-3: bring them to one before squaring. A power of two
        # rounds nothing.
        size = float(np.sqrt(np.mean(np.square(raw, dtype=np.float64))))
        self._scale = np.float32(2.0 ** -np.clip(np.round(np.log2(size)), -100, 100) if size > 0 else 1.0)

    def _scaled(self, rows: NDArray[Any]) -> FloatArray:
        scaled = rows.astype(np.float32, copy=False) * self._scale
        if not np.isfinite(scaled.sum(dtype=np.float64)) and not np.isfinite(scaled).all():
            raise FeatureError(_NOT_FINITE)
        if self.metric == "cosine":
            length = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
            scaled /= np.where(length > 0, length, np.float32(1.0))[:, None]
        return scaled

    def transform(self, X: Any, *, progress: ProgressCallback | None = None) -> FloatArray:
        """Places of nodes, fitted or new, by their nearest landmarks.

        Parameters
        ----------
        X
            Eigenvectors (N, C), finite, with the columns and the scale of those that were fitted.
        progress
            Called after every chunk; raises to cancel.

        Returns
        -------
        NDArray
            float32 (N, n_components). Equal rows get equal places.

        Raises
        ------
        InputError
            If nothing was fitted.
        FeatureError
            If the eigenvectors are not finite or have other columns.
        """
        features = self._read_fitted(X)
        n, columns = features.shape
        device = resolve_device(self.device)
        places: FloatArray = np.empty((n, self.n_components), dtype=np.float32)
        placing = self._begin_placing()
        n_bytes = _CHUNK_BYTES if device.type == "cpu" else _CHUNK_BYTES_ON_DEVICE
        for start, rows in features.chunks(max(1, n_bytes // (4 * columns))):
            try:
                part = self._place(as_tensor(rows), device, placing)
            except FeatureError:
                raise_not_finite(features)
                raise
            places[start : start + len(part)] = part
            report(progress, start + len(part), n, "Placing all nodes")
        return places

    def _begin_placing(self) -> Placing | None:
        """What gives nodes places of their own, where that is wanted and there are landmarks enough."""
        if self.spread != "refined" or len(self._points) < 4:
            return None
        return self._placing or Placing(self._points, self.embedding_landmarks_, int(self.n_neighbors), _REFINEMENTS)

    def _place(self, rows: torch.Tensor, device: torch.device, placing: Placing | None) -> FloatArray:
        """Places of some rows.

        Raises
        ------
        FeatureError
            If they are not finite.
        """
        import torch

        if placing is not None:
            return placing(self._scaled(rows.float().cpu().numpy()))
        k = 1 if self.spread != "interpolated" else min(int(self.n_neighbors), len(self._points))
        if device.type == "cpu":
            here = rows.cpu()
            array = (here.float() if here.dtype == torch.bfloat16 else here).numpy()
            indices, squared = nearest(array, self._points, k, self._scaled)
            if k == 1:
                return self.embedding_landmarks_[indices[:, 0]]
            weights = _shepard(torch.from_numpy(squared)).numpy()
            between: FloatArray = np.einsum("nk,nkd->nd", weights, self.embedding_landmarks_[indices])
            return between
        on_device = rows.to(device=device, dtype=torch.float32) * float(self._scale)
        if not bool(torch.isfinite(on_device).all()):
            raise FeatureError(_NOT_FINITE)
        if self.metric == "cosine":
            on_device = torch.nn.functional.normalize(on_device, dim=1)
        found, distances = nearest_on_device(on_device, torch.from_numpy(self._points).to(device), k)
        landmarks = torch.from_numpy(self.embedding_landmarks_).to(device)
        weights_on_device = _shepard(distances)
        result: FloatArray = (weights_on_device[:, :, None] * landmarks[found]).sum(dim=1).cpu().numpy()
        return result

    def fit_transform(
        self,
        X: Any,
        y: None = None,
        *,
        progress: ProgressCallback | None = None,
        on_update: UpdateCallback | None = None,
    ) -> FloatArray:
        """:meth:`fit`, then :meth:`transform` of the same eigenvectors; parameters as there.

        Returns
        -------
        NDArray
            float32 (N, n_components).
        """
        self.fit(X, progress=span(progress, 0.0, 0.8), on_update=on_update)
        places: FloatArray = self.transform(X, progress=span(progress, 0.8, 1.0))
        return places


def _few(start: FloatArray) -> FloatArray:
    """A map of fewer than four landmarks: their start, widened; the origin for one."""
    if len(start) == 1:
        return np.zeros_like(start)
    return start * np.float32(1.0 / np.abs(start).max())


def _shepard(squared: torch.Tensor) -> torch.Tensor:
    """Weights ``(1/d - 1/d_last)²``, rows summing to one; (n, k) from squared distances in ascending order."""
    distance = squared.sqrt()
    if distance.shape[1] == 1:
        return distance.new_ones(distance.shape)
    # A node at a landmark has all of its weight; where all landmarks are equally far they share it.
    nearest_distance = distance[:, :1].clamp(min=1e-20)
    ratio = nearest_distance / distance.clamp(min=1e-20)
    weights = (ratio - ratio[:, -1:]).square()
    total = weights.sum(dim=1, keepdim=True)
    even = weights.new_full(weights.shape, 1.0 / weights.shape[1])
    return weights.div(total.clamp(min=1e-30)).where(total > 1e-12, even)
