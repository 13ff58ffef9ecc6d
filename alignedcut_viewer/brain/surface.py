"""Cortical surfaces.

Geometry is nilearn's copy of fsaverage5 (part of its wheel, nothing is downloaded), refined to fsaverage's 163,842
vertices a hemisphere by :mod:`.icosphere`. Positions of the vertices in between are interpolated, which the inflated
surface hides; data keep their full resolution. fsaverage itself can be asked for, and is downloaded only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, StorageError
from .algonauts import FSAVERAGE_VERTICES
from .dataset import HEMISPHERES
from .icosphere import IntArray, spread_midpoints, subdivide

__all__ = ["Surface", "load_surface", "surface_layer", "to_fsaverage5"]

Geometry = Literal["inflated", "pial", "white"]
_NILEARN_KEYS = {"inflated": "infl", "pial": "pial", "white": "white"}


@dataclass(frozen=True, eq=False)
class Surface:
    """One hemisphere.

    Attributes
    ----------
    hemisphere
        ``"lh"`` or ``"rh"``.
    vertices
        (n, 3) float32 positions in mm: right, anterior, superior.
    faces
        (m, 3) int64 triangles.
    sphere
        (n, 3) float32 positions on the sphere of radius 100 that registration uses.
    sulcal_depth
        (n,) float32, positive in sulci, negative on gyri.
    """

    hemisphere: str
    vertices: NDArray[np.float32]
    faces: IntArray
    sphere: NDArray[np.float32]
    sulcal_depth: NDArray[np.float32]

    def normals(self) -> NDArray[np.float32]:
        """(n, 3) unit normals that point outwards, averaged over the triangles of each vertex."""
        corners = self.vertices[self.faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals: NDArray[np.float64] = np.stack(
            [
                np.bincount(self.faces.ravel(), np.repeat(across[:, axis], 3), minlength=len(self.vertices))
                for axis in range(3)
            ],
            axis=1,
        )
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        # FreeSurfer's triangles turn one way on every surface; compare with the sphere, where outwards is plain.
        ball = self.sphere[self.faces]
        outwards = np.einsum("fi,fi->f", np.cross(ball[:, 1] - ball[:, 0], ball[:, 2] - ball[:, 0]), ball[:, 0])
        result: NDArray[np.float32] = (normals * np.sign(np.median(outwards))).astype(np.float32)
        return result


@lru_cache(maxsize=8)
def load_surface(
    hemisphere: str,
    *,
    geometry: Geometry = "inflated",
    mesh: Literal["fsaverage5", "fsaverage"] = "fsaverage",
    download: bool = False,
    announce: Callable[[str], None] | None = None,
) -> Surface:
    """One hemisphere of fsaverage.

    Parameters
    ----------
    hemisphere
        ``"lh"`` or ``"rh"``.
    geometry
        Which surface.
    mesh
        10,242 or 163,842 vertices. Without `download`, the finer mesh is refined from the coarser one.
    download
        Fetch the measured positions of fsaverage's 163,842 vertices through nilearn (some 80 MB, once).
    announce
        Told what is downloaded before it is.

    Raises
    ------
    InputError
        If the hemisphere or the geometry is unknown.
    StorageError
        If a download fails.
    """
    if hemisphere not in HEMISPHERES or geometry not in _NILEARN_KEYS:
        raise InputError(f"Unknown surface {geometry!r} of hemisphere {hemisphere!r}; use lh or rh, inflated or pial.")
    if mesh not in ("fsaverage5", "fsaverage"):
        raise InputError(f"Unknown mesh {mesh!r}; use fsaverage or fsaverage5.")
    name = "fsaverage" if download and mesh == "fsaverage" else "fsaverage5"
    files = _nilearn_files(name, announce)
    side = {"lh": "left", "rh": "right"}[hemisphere]
    vertices, faces = _read_mesh(files[f"{_NILEARN_KEYS[geometry]}_{side}"])
    sphere, _ = _read_mesh(files[f"sphere_{side}"])
    depth = _read_values(files[f"sulc_{side}"])
    if mesh == "fsaverage" and name == "fsaverage5":
        for _ in range(2):
            faces, parents = subdivide(faces)
            vertices = spread_midpoints(vertices, parents)
            sphere = spread_midpoints(sphere, parents, radius=100)
            depth = spread_midpoints(depth, parents)
    return Surface(hemisphere, vertices, faces, sphere, depth)


def _nilearn_files(name: str, announce: Callable[[str], None] | None) -> Mapping[str, Any]:
    datasets = import_module("nilearn.datasets")
    if name != "fsaverage5" and announce is not None:
        announce("Downloading the fsaverage surfaces (about 80 MB) through nilearn, unless they are there already.")
    try:
        files: Mapping[str, Any] = datasets.fetch_surf_fsaverage(name)
    except Exception as error:  # network faults come in many classes
        raise StorageError(f"The {name} surfaces could not be obtained through nilearn ({error}).") from error
    return files


def _read_mesh(file: Any) -> tuple[NDArray[np.float32], IntArray]:
    mesh = import_module("nilearn.surface").load_surf_mesh(str(file))
    return np.asarray(mesh.coordinates, dtype=np.float32), np.asarray(mesh.faces, dtype=np.int64)


def _read_values(file: Any) -> NDArray[np.float32]:
    return np.asarray(import_module("nilearn.surface").load_surf_data(str(file)), dtype=np.float32).ravel()


@lru_cache(maxsize=4)
def _nearest_coarse(hemisphere: str) -> IntArray:
    """(163,842,) fsaverage5 vertex nearest to each vertex of fsaverage on the sphere."""
    from scipy.spatial import cKDTree

    sphere = load_surface(hemisphere).sphere
    return np.asarray(cKDTree(sphere[:10_242]).query(sphere)[1], dtype=np.int64)


def to_fsaverage5(values: ArrayLike, hemisphere: str) -> NDArray[np.float32]:
    """Values of fsaverage on fsaverage5: the mean over the vertices that are nearest to each, NaN left out.

    Parameters
    ----------
    values
        (163,842,).
    hemisphere
        ``"lh"`` or ``"rh"``.

    Returns
    -------
    ndarray
        (10,242,) float32; NaN where no near vertex has a value.
    """
    numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if numbers.shape != (FSAVERAGE_VERTICES,):
        raise InputError(f"Values on fsaverage must be {FSAVERAGE_VERTICES:,}; got shape {numbers.shape}.")
    home, known = _nearest_coarse(hemisphere), np.isfinite(numbers)
    total = np.bincount(home[known], numbers[known], minlength=10_242)
    with np.errstate(invalid="ignore"):
        return (total / np.bincount(home[known], minlength=10_242)).astype(np.float32)


def surface_layer(
    values: Mapping[str, ArrayLike], *, geometry: Geometry = "inflated", gap: float = 20.0
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Both hemispheres as (vertices, faces, values) of one napari Surface layer.

    Parameters
    ----------
    values
        Hemisphere to (163,842,) or (10,242,) values; the mesh is chosen by their number.
    geometry
        Which surface.
    gap
        Space between the hemispheres in mm.

    Returns
    -------
    vertices
        (n, 3) in napari's order: superior (downwards), anterior, right.
    faces
        (m, 3).
    values
        (n,), NaN where there is none.
    """
    points, triangles, numbers, start = [], [], [], 0
    for hemisphere, one in values.items():
        data: NDArray[np.float32] = np.asarray(one, dtype=np.float32)
        mesh: Literal["fsaverage5", "fsaverage"] = "fsaverage" if len(data) == FSAVERAGE_VERTICES else "fsaverage5"
        surface = load_surface(hemisphere, geometry=geometry, mesh=mesh)
        if len(data) != len(surface.vertices):
            raise InputError(f"Values of {hemisphere} must be {FSAVERAGE_VERTICES:,} or 10,242; got {len(data):,}.")
        place = surface.vertices.copy()
        # Inflated hemispheres are centred each on its own; set them beside one another.
        place[:, 0] += (-gap / 2 - place[:, 0].max()) if hemisphere == "lh" else (gap / 2 - place[:, 0].min())
        points.append(place[:, ::-1] * np.array([-1, 1, 1], dtype=np.float32))
        triangles.append(surface.faces + start)
        numbers.append(data)
        start += len(place)
    if not points:
        raise InputError("A surface layer needs the values of at least one hemisphere.")
    return np.concatenate(points), np.concatenate(triangles), np.concatenate(numbers)
