"""Brain space: what each node would do to each voxel, ``U = V' · beta``, without ever holding nodes × voxels.

``V'`` are aligned features and ``beta`` the linear map from the universal channels to voxels (section 1, equation 2 of
the paper). As averaging is linear, a region's mean needs only beta's mean over the region, D' × ROIs; its spread over
voxels needs only the covariance of beta's columns in the region, D' × D' a region; and the mean over nodes needs one
product with beta.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .rois import RoiTable

__all__ = ["BrainSpace", "RoiActivation"]

FloatArray = NDArray[np.float32]
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class RoiActivation:
    """Activation of each region by a set of nodes, in the units of the responses that beta was fitted to.

    Attributes
    ----------
    names
        Regions.
    mean
        (n_rois,) mean over nodes and voxels.
    node_spread
        (n_rois,) standard deviation over nodes of the region's mean.
    voxel_spread
        (n_rois,) standard deviation over the region's voxels of the mean over nodes, or None where it was not asked
        for.
    n_nodes
        Number of nodes.
    """

    names: tuple[str, ...]
    mean: FloatArray
    node_spread: FloatArray
    voxel_spread: FloatArray | None
    n_nodes: int


class BrainSpace:
    """The map from universal channels to voxels, with what makes it quick precomputed.

    Parameters
    ----------
    beta
        (D', n_voxels), any float dtype.
    rois
        Regions over the same voxels.
    intercept
        (n_voxels,) added to predictions (not to activations of single nodes, which add up to the prediction without
        it); zero by default.

    Raises
    ------
    InputError
        If shapes do not fit, or beta is not finite.
    """

    def __init__(self, beta: ArrayLike, rois: RoiTable, *, intercept: ArrayLike | None = None) -> None:
        self.beta: FloatArray = np.ascontiguousarray(beta, dtype=np.float32)
        if self.beta.ndim != 2:
            raise InputError(f"beta must be channels × voxels; got an array of shape {self.beta.shape}.")
        if not np.isfinite(self.beta).all():
            raise InputError("beta holds NaN or infinite values.")
        if rois.n_voxels != self.beta.shape[1]:
            raise InputError(f"The ROI table is for {rois.n_voxels} voxels, but beta maps to {self.beta.shape[1]}.")
        self.rois = rois
        self.intercept: FloatArray = np.zeros(self.n_voxels, dtype=np.float32)
        if intercept is not None:
            self.intercept = np.asarray(intercept, dtype=np.float32).reshape(-1)
            if len(self.intercept) != self.n_voxels:
                raise InputError(
                    f"The intercept is for {len(self.intercept)} voxels, but beta maps to {self.n_voxels}."
                )
        self.roi_beta: FloatArray = np.ascontiguousarray(self.beta @ rois.averaging())

    @property
    def n_channels(self) -> int:
        """D', the number of universal channels."""
        return int(self.beta.shape[0])

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(self.beta.shape[1])

    @cached_property
    def roi_covariance(self) -> FloatArray:
        """(n_rois, D', D') covariance of beta's columns over the voxels of each region."""
        covariance = np.zeros((len(self.rois), self.n_channels, self.n_channels), dtype=np.float32)
        for number, name in enumerate(self.rois.names):
            columns = self.beta[:, self.rois.voxels(name)]
            if columns.shape[1]:
                columns = columns - self.roi_beta[:, number : number + 1]
                covariance[number] = columns @ columns.T / columns.shape[1]
        return covariance

    def roi_activations(self, features: Any, *, block: int = 65_536, progress: ProgressCallback | None = None) -> Any:
        """Mean activation of each region by each node: ``features @ roi_beta``, streamed.

        Computed once for all nodes of a study, the result answers any selection of nodes through
        :meth:`summarise_activations`.

        Parameters
        ----------
        features
            (n_nodes, D') aligned features: an array, or a stream with ``shape`` and ``chunks(size)``.
        block
            Nodes at a time.
        progress
            Progress callback.

        Returns
        -------
        ndarray
            (n_nodes, n_rois) float32; all zero in the column of an empty region.
        """
        n_nodes = self._check(features)
        out = np.empty((n_nodes, len(self.rois)), dtype=np.float32)
        for start, chunk in _chunks(features, block):
            np.matmul(chunk, self.roi_beta, out=out[start : start + len(chunk)])
            report(progress, start + len(chunk), n_nodes, "brain space")
        return out

    def summarise(self, features: Any, *, voxel_spread: bool = True) -> RoiActivation:
        """Mean and spread of each region's activation by a set of nodes.

        Parameters
        ----------
        features
            (n_nodes, D') aligned features of the nodes: an array or a stream.
        voxel_spread
            Also give the spread over voxels (its first use takes one product of beta with itself).

        Raises
        ------
        InputError
            If there is no node, or the channels do not fit.
        """
        n_nodes = self._check(features)
        activations = np.empty((n_nodes, len(self.rois)), dtype=np.float32)
        total = np.zeros(self.n_channels, dtype=np.float64)
        ones = np.ones(_BLOCK, dtype=np.float32)
        # BLAS is quicker on a width that is a multiple of 16.
        beta = np.pad(self.roi_beta, ((0, 0), (0, -len(self.rois) % 16)))
        for start, chunk in _chunks(features, _BLOCK):
            # both products read the features while they lie in the processor's cache
            activations[start : start + len(chunk)] = (chunk @ beta)[:, : len(self.rois)]
            total += ones[: len(chunk)] @ chunk
        mean = (total / n_nodes).astype(np.float32)
        return self.summarise_activations(activations, mean if voxel_spread else None)

    def summarise_activations(self, activations: ArrayLike, mean_features: ArrayLike | None = None) -> RoiActivation:
        """The same from activations that are known already.

        Parameters
        ----------
        activations
            (n_nodes, n_rois), rows of what :meth:`roi_activations` gave.
        mean_features
            (D',) mean of the nodes' features, for the spread over voxels.
        """
        values = np.asarray(activations)
        if values.ndim != 2 or values.shape[1] != len(self.rois) or len(values) == 0:
            raise InputError(
                f"Activations of at least one node in {len(self.rois)} ROIs are needed; got {values.shape}."
            )
        # Deviations from one node keep the variance accurate where the mean is large against the spread. einsum, as
        # reductions over so few columns are slow and BLAS threads stall on a busy machine.
        deviations: NDArray[np.float64] = values.astype(np.float64)
        deviations -= values[0]
        mean = np.einsum("nr->r", deviations) / len(values)
        variance = np.einsum("nr,nr->r", deviations, deviations) / len(values) - mean**2
        spread = None
        if mean_features is not None:
            centre: FloatArray = np.asarray(mean_features, dtype=np.float32)
            along = self.roi_covariance.reshape(-1, self.n_channels) @ centre
            spread = np.sqrt(np.maximum(along.reshape(-1, self.n_channels) @ centre, 0))
        return RoiActivation(
            self.rois.names,
            (mean + values[0]).astype(np.float32),
            np.sqrt(np.maximum(variance, 0)).astype(np.float32),
            spread,
            len(values),
        )

    def mean_features(self, features: Any, *, block: int = 65_536) -> FloatArray:
        """(D',) mean over nodes of their features."""
        n_nodes = self._check(features)
        total = np.zeros(self.n_channels, dtype=np.float64)
        ones = np.ones(block, dtype=np.float32)
        for _, chunk in _chunks(features, block):
            # a product with ones is what BLAS sums columns by, several times quicker than a reduction
            total += ones[: len(chunk)] @ chunk
        return (total / n_nodes).astype(np.float32)

    def voxel_means(self, features: Any) -> FloatArray:
        """(n_voxels,) mean activation of every voxel by a set of nodes: one product with the mean feature."""
        return self.mean_features(features) @ self.beta

    def voxel_spread(self, features: Any, *, block: int = 4096) -> FloatArray:
        """(n_voxels,) standard deviation over nodes of every voxel's activation.

        Computed from the nodes' covariance (D' × D'), some voxels at a time.
        """
        n_nodes = self._check(features)
        mean = self.mean_features(features)
        covariance = np.zeros((self.n_channels, self.n_channels), dtype=np.float64)
        for _, chunk in _chunks(features, 16_384):
            centred = chunk - mean
            covariance += centred.T @ centred
        small = (covariance / n_nodes).astype(np.float32)
        variance = np.empty(self.n_voxels, dtype=np.float32)
        for start in range(0, self.n_voxels, block):
            columns = self.beta[:, start : start + block]
            variance[start : start + block] = np.einsum("dv,dv->v", columns, small @ columns)
        spread: FloatArray = np.sqrt(np.maximum(variance, 0))
        return spread

    def stream(
        self, features: Any, *, memory: int = 256 * 2**20, voxels: ArrayLike | None = None
    ) -> Iterator[tuple[int, FloatArray]]:
        """The whole of ``U``, some nodes at a time, for export.

        Parameters
        ----------
        features
            (n_nodes, D') aligned features: an array or a stream.
        memory
            Bytes that one block may take.
        voxels
            Which voxels; None is all.

        Yields
        ------
        (int, ndarray)
            Number of the first node, and (n, n_voxels) activations.
        """
        self._check(features)
        beta = self.beta if voxels is None else np.ascontiguousarray(self.beta[:, np.asarray(voxels)])
        block = max(1, memory // (4 * max(beta.shape[1], 1)))
        for start, chunk in _chunks(features, block):
            yield start, chunk @ beta

    def predict(self, pooled: ArrayLike, voxels: slice | ArrayLike | None = None) -> FloatArray:
        """Predicted responses, ``pooled @ beta + intercept``.

        Parameters
        ----------
        pooled
            (n_images, D') mean over tokens of the sum over slots of aligned features.
        voxels
            Which voxels; None is all.
        """
        values: FloatArray = np.asarray(pooled, dtype=np.float32)
        self._check(values)
        if voxels is None:
            return values @ self.beta + self.intercept
        key = voxels if isinstance(voxels, slice) else np.asarray(voxels)
        predicted: FloatArray = values @ self.beta[:, key] + self.intercept[key]
        return predicted

    def _check(self, features: Any) -> int:
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[1] != self.n_channels:
            raise InputError(f"Features must be nodes × {self.n_channels} universal channels; got shape {shape}.")
        if shape[0] == 0:
            raise InputError("Brain space needs at least one node.")
        return int(shape[0])


def _chunks(features: Any, size: int) -> Iterator[tuple[int, FloatArray]]:
    if hasattr(features, "chunks") and callable(features.chunks):
        for start, chunk in features.chunks(size):
            yield start, np.asarray(chunk, dtype=np.float32)
        return
    for start in range(0, features.shape[0], size):
        yield start, np.asarray(features[start : start + size], dtype=np.float32)
