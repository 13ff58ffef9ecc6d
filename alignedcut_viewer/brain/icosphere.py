"""The family of fsaverage meshes, built from one another.

FreeSurfer's meshes are subdivisions of an icosahedron: fsaverage5 has 10,242 vertices a hemisphere, fsaverage6 40,962
and fsaverage 163,842, and the vertices of a coarser mesh are the first of a finer one. nilearn's wheel holds fsaverage5
only. The order in which FreeSurfer numbers the new vertices can be read off fsaverage5 itself (its 10,242 vertices
contain the meshes of 2,562, 642, 162, 42 and 12), and :func:`subdivide` follows it, so that data on fsaverage find
their vertex without a download; the test rebuilds fsaverage5 from each coarser mesh, number for number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

__all__ = ["coarsen", "n_vertices", "spread_midpoints", "subdivide"]

IntArray = NDArray[np.int64]


def n_vertices(level: int) -> int:
    """Number of vertices of an icosahedron subdivided `level` times: 12, 42, 162, …, 10,242 (5), 163,842 (7)."""
    return int(10 * 4**level + 2)


def subdivide(faces: IntArray) -> tuple[IntArray, IntArray]:
    """Split each triangle into four, numbering the new vertices as FreeSurfer does.

    Parameters
    ----------
    faces
        (n_faces, 3) vertex numbers in the order of FreeSurfer's files.

    Returns
    -------
    faces
        (4 · n_faces, 3), again in FreeSurfer's order.
    parents
        (n_new, 2) the two vertices that each new vertex lies between; new vertices are numbered after the old ones.
    """
    # FreeSurfer splits triangles turned the other way round from how its files list them.
    turned = np.asarray(faces, dtype=np.int64)[:, [0, 2, 1]]
    count = int(turned.max()) + 1
    edges = np.sort(np.stack([turned[:, [0, 1]], turned[:, [1, 2]], turned[:, [2, 0]]], axis=1).reshape(-1, 2), axis=1)
    _, first, inverse = np.unique(edges[:, 0] * count + edges[:, 1], return_index=True, return_inverse=True)
    order = np.argsort(first)  # new vertices are numbered when their edge is first met
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    middle = (count + rank[inverse]).reshape(-1, 3)
    (a, b, c), (ab, bc, ca) = turned.T, middle.T
    n_faces = len(turned)
    out = np.empty((4 * n_faces, 3), dtype=np.int64)
    out[:n_faces] = np.stack([a, ab, ca], axis=1)  # the corner at the first vertex keeps the place of its parent
    out[n_faces::3] = np.stack([ab, b, bc], axis=1)
    out[n_faces + 1 :: 3] = np.stack([ca, ab, bc], axis=1)
    out[n_faces + 2 :: 3] = np.stack([ca, bc, c], axis=1)
    return out[:, [0, 2, 1]], edges[first[order]]


def coarsen(faces: IntArray) -> IntArray:
    """The triangles that :func:`subdivide` made these of.

    Raises
    ------
    InputError
        If the triangles are no subdivision in FreeSurfer's order.
    """
    n_coarse = len(faces) // 4
    if n_coarse * 4 != len(faces):
        raise InputError("This mesh is no subdivision of a coarser one.")
    turned = np.asarray(faces, dtype=np.int64)[:, [0, 2, 1]]
    corners = [turned[:n_coarse, 0], turned[n_coarse::3, 1], turned[n_coarse + 2 :: 3, 2]]
    coarse = np.stack(corners, axis=1)[:, [0, 2, 1]]
    if not np.array_equal(subdivide(coarse)[0], faces):
        raise InputError("This mesh is no subdivision of a coarser one in FreeSurfer's order of vertices.")
    return coarse


def spread_midpoints(
    values: NDArray[np.floating], parents: IntArray, *, radius: float | None = None
) -> NDArray[np.float32]:
    """Values (positions, curvature, …) on a finer mesh: new vertices take the mean of the two they lie between.

    Parameters
    ----------
    values
        (n_old, …).
    parents
        (n_new, 2) from :func:`subdivide`.
    radius
        Put new positions on a sphere of this radius.

    Returns
    -------
    ndarray
        (n_old + n_new, …) float32.
    """
    old = np.asarray(values, dtype=np.float32)
    new = old[parents].mean(axis=1, dtype=np.float32)
    if radius is not None:
        new *= radius / np.linalg.norm(new, axis=1, keepdims=True)
    return np.concatenate([old, new.astype(np.float32)])
