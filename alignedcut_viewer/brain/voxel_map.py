"""From voxels to the vertices of fsaverage, through the vertex numbers that a data set brings with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .algonauts import FSAVERAGE_VERTICES
from .dataset import HEMISPHERES, BrainDataset
from .icosphere import IntArray
from .rois import RoiTable
from .surface import load_surface

__all__ = ["VoxelMap", "roi_masks_on_fsaverage", "roi_values_to_fsaverage", "to_fsaverage"]

_EDGE = 0.9  # mm between neighbours of fsaverage on the sphere of radius 100, about


class VoxelMap:
    """Where the voxels of a data set lie on fsaverage; made once, then one indexing step a map.

    Parameters
    ----------
    dataset
        Data with ``fsaverage_vertex`` and ``hemisphere``.
    fill
        How far, in mm on the sphere of radius 100, a vertex without a voxel may lie from one whose value it takes. 0
        leaves such vertices empty. None chooses: nothing for data as dense as the mesh, else the distance between
        voxels.

    Raises
    ------
    InputError
        If the data set does not know its vertices.
    """

    def __init__(self, dataset: BrainDataset, *, fill: float | None = None) -> None:
        if dataset.fsaverage_vertex is None:
            raise InputError(f"{dataset.title} does not say on which vertices of fsaverage its voxels lie.")
        self._title, self._n_voxels, self._rois = dataset.title, dataset.n_voxels, dataset.rois
        self._voxels: dict[str, IntArray] = {}
        self._vertices: dict[str, IntArray] = {}
        self._source: dict[str, IntArray] = {}
        for hemisphere in HEMISPHERES:
            here = np.flatnonzero((dataset.hemisphere == hemisphere) & (dataset.fsaverage_vertex >= 0))
            self._voxels[hemisphere] = here
            self._vertices[hemisphere] = dataset.fsaverage_vertex[here]
            self._source[hemisphere] = _sources(hemisphere, self._vertices[hemisphere], fill)

    def __call__(self, values: ArrayLike) -> dict[str, NDArray[np.float32]]:
        """Values on fsaverage.

        Parameters
        ----------
        values
            (n_voxels,); NaN counts as no value.

        Returns
        -------
        dict
            Hemisphere to (163,842,) float32, NaN where there is no voxel; the mean where several voxels (of several
            people) share a vertex.
        """
        numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
        if numbers.shape != (self._n_voxels,):
            raise InputError(f"{self._title} has {self._n_voxels} voxels, but the values have shape {numbers.shape}.")
        out = {}
        for hemisphere, voxels in self._voxels.items():
            known = np.isfinite(numbers[voxels])
            vertices = self._vertices[hemisphere][known]
            total = np.bincount(vertices, numbers[voxels[known]], minlength=FSAVERAGE_VERTICES)
            count = np.bincount(vertices, minlength=FSAVERAGE_VERTICES)
            mean = np.full(FSAVERAGE_VERTICES + 1, np.nan, dtype=np.float32)  # the last is what -1 finds
            np.divide(total, count, out=mean[:-1], where=count > 0, casting="unsafe")
            out[hemisphere] = mean[self._source[hemisphere]]
        return out

    def masks(self, rois: RoiTable | None = None) -> dict[str, RoiTable]:
        """Regions as masks over fsaverage, hemisphere to table of 163,842 vertices.

        Parameters
        ----------
        rois
            Regions over the voxels; the data set's own, united as the paper does, by default.
        """
        table = self._rois.merged() if rois is None else rois
        out = {}
        for hemisphere, voxels in self._voxels.items():
            masks = {}
            for name in table.names:
                mask = np.zeros(FSAVERAGE_VERTICES + 1, dtype=bool)
                mask[self._vertices[hemisphere][table.mask(name)[voxels]]] = True
                masks[name] = mask[self._source[hemisphere]]
            out[hemisphere] = RoiTable(masks, FSAVERAGE_VERTICES)
        return out


def _sources(hemisphere: str, vertices: IntArray, fill: float | None) -> IntArray:
    """(163,842,) vertex that each vertex takes its value from, -1 for none."""
    source = np.full(FSAVERAGE_VERTICES, -1, dtype=np.int64)
    source[vertices] = vertices
    if len(vertices) < 2 or fill == 0:
        return source
    from scipy.spatial import cKDTree

    sphere = load_surface(hemisphere).sphere
    known, empty = np.flatnonzero(source >= 0), np.flatnonzero(source < 0)
    tree = cKDTree(sphere[known])
    if fill is None:
        spacing = float(np.median(tree.query(sphere[known], k=min(2, len(known)))[0][:, -1])) if len(known) > 1 else 0
        if spacing < 1.5 * _EDGE:
            return source
        fill = 1.1 * spacing
    far, nearest = tree.query(sphere[empty], distance_upper_bound=fill)
    found = np.isfinite(far)
    source[empty[found]] = known[nearest[found]]
    return source


def to_fsaverage(
    dataset: BrainDataset, values: ArrayLike, *, fill: float | None = 0.0
) -> dict[str, NDArray[np.float32]]:
    """Values of voxels on fsaverage, once; see :class:`VoxelMap` for many maps of one data set."""
    return VoxelMap(dataset, fill=fill)(values)


def roi_masks_on_fsaverage(
    dataset: BrainDataset, rois: RoiTable | None = None, *, fill: float | None = 0.0
) -> dict[str, RoiTable]:
    """The data set's regions as masks over fsaverage; see :meth:`VoxelMap.masks`."""
    return VoxelMap(dataset, fill=fill).masks(rois)


def roi_values_to_fsaverage(
    values: Mapping[str, float], masks: Mapping[str, RoiTable]
) -> dict[str, NDArray[np.float32]]:
    """Paint one value a region: for data whose voxels have no place on the surface.

    Parameters
    ----------
    values
        Region name to value; regions without a mask are passed over.
    masks
        Hemisphere to regions over its vertices.

    Returns
    -------
    dict
        Hemisphere to values, NaN outside all regions; the mean where regions overlap.
    """
    out = {}
    for hemisphere, table in masks.items():
        total, count = np.zeros(table.n_voxels), np.zeros(table.n_voxels)
        for name, value in values.items():
            if name in table:
                total[table.mask(name)] += value
                count[table.mask(name)] += 1
        mean = np.full(table.n_voxels, np.nan, dtype=np.float32)
        np.divide(total, count, out=mean, where=count > 0, casting="unsafe")
        out[hemisphere] = mean
    return out
