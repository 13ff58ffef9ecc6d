"""Discovery of concepts: farthest-point centres in 3-D spectral t-SNE, and the nodes in a sphere around each.

AlignedCut, section 3.3 and Fig. 8. Farthest-point sampling (Gonzalez 1985) finds candidates at the rim of what is
there; here each candidate may climb to where nodes are densest within a radius (mean shift with a flat kernel, Fukunaga
and Hostetler 1975), so that a sphere holds the concept and not its edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import FeatureError, InputError
from ..farthest import farthest_points
from ..kmeans import lloyd
from ..progress import ProgressCallback, report

__all__ = ["Concepts", "discover", "match_ids"]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_SAMPLE = 20_000  # nodes among which centres are looked for; the density of a million is the same to a few per cent
_TRIMMED = 0.05  # share of the sample, the most isolated, that are no candidates
_NEIGHBOURS = 10  # whose distance tells how isolated a node is
_USUAL_NUMBER = 20  # of concepts, where the data do not fall into clear clusters
_MOST = 256  # concepts at all
_MOST_CLUSTERS = 40  # that are tried
_CLEAR = 0.7  # silhouette from which a structure is called strong (Kaufman and Rousseeuw 1990)


@dataclass(frozen=True, eq=False)
class Concepts:
    """Concepts among nodes; position i of every array is one concept, the largest first.

    Attributes
    ----------
    ids
        int64 (K,): stable names, see :func:`match_ids`; 1 to K after a first discovery.
    centres
        int64 (K,): node number of each centre.
    places
        float32 (K, d): where the centres lie in the embedding.
    radius
        Radius of the spheres, in units of the embedding.
    labels
        int32 (N,): position of each node's concept, -1 where it lies in no sphere.
    """

    ids: IntArray
    centres: IntArray
    places: FloatArray
    radius: float
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def sizes(self) -> IntArray:
        """Number of members of each concept, (K,)."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self)).astype(np.int64)

    @cached_property
    def starts(self) -> IntArray:
        """Where each concept begins in :attr:`order`, (K + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)

    @cached_property
    def order(self) -> IntArray:
        """Members of all concepts, concept by concept, ascending within each."""
        inside = np.flatnonzero(self.labels >= 0)
        sorted_nodes: IntArray = inside[np.argsort(self.labels[inside], kind="stable")]
        return sorted_nodes

    def members(self, position: int) -> IntArray:
        """Nodes of the concept at a position, ascending."""
        if not 0 <= position < len(self):
            raise InputError(f"There is no concept {position}; there are {len(self)}, counted from 0.")
        return self.order[self.starts[position] : self.starts[position + 1]]


def discover(
    embedding: ArrayLike,
    *,
    radius: float | Literal["auto"] = "auto",
    n_concepts: int | None = None,
    nodes: ArrayLike | None = None,
    climb: bool = True,
    min_size: int = 10,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Concepts:
    """Concepts by farthest-point centres and Euclidean spheres (AlignedCut, section 3.3).

    Parameters
    ----------
    embedding
        (N, d) finite; 3-D spectral t-SNE, or any other map.
    radius
        Of the spheres, in units of the embedding; or ``"auto"``: half the least distance between two of the
        `n_concepts` farthest-point centres, the largest spheres that would not overlap.
    n_concepts
        How many, at most. None with a number for the radius: as many as it takes for every node to be within the
        radius of a candidate (256 at most). None with ``"auto"``: the number of clusters between 2 and 40 whose
        silhouette (of three k-means steps from the farthest points) is best, where it is at least 0.7; else 20.
    nodes
        Node numbers that take part (one layer, say); None is all. The others belong to no concept.
    climb
        Whether candidates climb to where nodes are densest; without, spheres lie around the farthest points
        themselves, as written in the paper.
    min_size
        Members that a concept has at least; smaller ones are dropped.
    seed
        Draws the nodes among which centres are looked for where there are more than 20,000.
    progress
        Told now and then.

    Returns
    -------
    Concepts
        By descending size. A node in several spheres belongs to the nearest centre. Centres are at least a radius
        apart (where they climb).

    Raises
    ------
    FeatureError
        If the embedding is not a finite matrix.
    InputError
        If a setting does not fit or no node is left.

    Notes
    -----
    The 5 % of nodes that are farthest from their tenth neighbour are no candidates, because farthest-point sampling
    would otherwise pick the outliers first. Apart from the draw, the result depends on distances alone: a rotated or
    shifted embedding gives the same concepts.
    """
    points = np.asarray(embedding, dtype=np.float32)
    if points.ndim != 2 or not points.shape[1]:
        raise FeatureError(f"The embedding must be nodes × dimensions; got an array of shape {points.shape}.")
    part = None if nodes is None else np.unique(np.asarray(nodes, dtype=np.int64))
    if part is not None and len(part) and not 0 <= part[0] <= part[-1] < len(points):
        raise InputError(f"Node numbers must lie between 0 and {len(points) - 1}.")
    columns = np.ascontiguousarray((points if part is None else points[part]).T)
    n_nodes = columns.shape[1]
    if not n_nodes:
        raise InputError("There is no node to discover concepts among.")
    if not np.isfinite(columns).all():
        raise FeatureError("The embedding holds NaN or infinite values.")
    wanted = _check(radius, n_concepts, min_size)
    report(progress, 0, 10, "Seeking concepts")

    rng = np.random.default_rng(parameters.seed(seed))
    drawn = np.arange(n_nodes) if n_nodes <= _SAMPLE else np.sort(rng.choice(n_nodes, _SAMPLE, replace=False))
    sample = np.ascontiguousarray(columns[:, drawn].T)
    candidates = np.flatnonzero(_not_isolated(sample))
    most = min(len(candidates), max(4 * wanted, 64) if wanted else _MOST)
    among = sample[candidates]
    outermost = int(np.square(among - among.mean(axis=0, dtype=np.float64)).sum(axis=1).argmax())
    chosen, distances = farthest_points(among, most, outermost)
    chosen = candidates[chosen]
    report(progress, 3, 10, "Seeking concepts")
    if wanted is None:
        wanted = _number_of_clusters(sample, chosen) if radius == "auto" else int((distances > radius).sum())
    reach = _disjoint_radius(distances, wanted) if radius == "auto" else float(radius)
    places = sample[chosen]
    if climb:
        places = np.concatenate([_climb(sample, places, reach), places])
        places = _densest_apart(sample, places, reach, wanted)
    else:
        places = places[:wanted]
    report(progress, 5, 10, "Seeking concepts")
    return _with_members(columns, part, len(points), places, reach, min_size, progress)


def _check(radius: float | str, n_concepts: int | None, min_size: int) -> int | None:
    if isinstance(radius, str):
        if radius != "auto":
            raise InputError(f"The radius must be a number or 'auto'; got {radius!r}.")
    elif not 0 < radius < np.inf:
        raise InputError(f"The radius must be greater than 0; got {radius}.")
    if n_concepts is not None and not 1 <= n_concepts <= _MOST:
        raise InputError(f"The number of concepts must lie between 1 and {_MOST}; got {n_concepts}.")
    if min_size < 1:
        raise InputError(f"A concept has at least one member; got {min_size}.")
    return n_concepts


def _not_isolated(sample: FloatArray) -> NDArray[np.bool_]:
    """All but the nodes that are farthest from their tenth neighbour."""
    from scipy.spatial import cKDTree

    if len(sample) <= 2 * _NEIGHBOURS:
        return np.ones(len(sample), dtype=bool)
    # t-SNE puts many nodes at one place; a tree of the places alone stays balanced and quick.
    places, inverse, counts = np.unique(sample, axis=0, return_inverse=True, return_counts=True)
    k = min(_NEIGHBOURS + 1, len(places))
    distances, neighbours = cKDTree(places).query(places, k=k)
    if k == 1:
        return np.ones(len(sample), dtype=bool)
    enough = np.cumsum(counts[neighbours], axis=1) > _NEIGHBOURS
    column = np.where(enough.any(axis=1), enough.argmax(axis=1), k - 1)
    isolation = distances[np.arange(len(places)), column][inverse.reshape(-1)]
    kept: NDArray[np.bool_] = isolation <= np.quantile(isolation, 1 - _TRIMMED)
    return kept


def _squared_distances(columns: FloatArray, place: FloatArray, out: FloatArray, part: FloatArray) -> None:
    np.subtract(columns[0], place[0], out=out)
    out *= out
    for column, coordinate in zip(columns[1:], place[1:], strict=True):
        np.subtract(column, coordinate, out=part)
        part *= part
        out += part


def _disjoint_radius(distances: FloatArray, count: int) -> float:
    known = distances[1 : max(count, 2)]
    if not len(known):
        return 1.0  # all nodes at one place: any sphere holds them
    return float(known[-1]) / 2


def _number_of_clusters(sample: FloatArray, chosen: IntArray) -> int:
    """The number of clusters of the best silhouette, or the usual number of concepts where none is clear."""
    from scipy.spatial.distance import cdist

    around = sample - sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    points = around[:: max(1, len(sample) // 4000)]
    best, best_score = _USUAL_NUMBER, _CLEAR
    for count in range(2, min(_MOST_CLUSTERS, len(chosen)) + 1):
        centres = lloyd(points, around[chosen[:count]], "euclidean", 3)[0]
        two = np.partition(cdist(points, centres), 1, axis=1)[:, :2]
        # the simplified silhouette: distances to centres, not to all members
        score = float(np.mean(1 - two[:, 0] / np.maximum(two[:, 1], 1e-12)))
        if score > best_score + 1e-9:
            best, best_score = count, score
    return best


def _climb(sample: FloatArray, places: FloatArray, radius: float, steps: int = 30) -> FloatArray:
    """Mean shift with a flat kernel: each place moves to the mean of what lies within the radius, until it rests."""
    moved = places.copy()
    moving = np.arange(len(places))
    for _ in range(steps):
        inside, counts = _inside(sample, moved[moving], radius)
        means = inside @ sample / np.maximum(counts, 1)[:, None]
        means[counts == 0] = moved[moving[counts == 0]]
        shifts = np.sqrt(np.square(means - moved[moving]).sum(axis=1))
        moved[moving] = means
        moving = moving[shifts > 1e-3 * radius]
        if not len(moving):
            break
    return moved


def _inside(sample: FloatArray, places: FloatArray, radius: float) -> tuple[FloatArray, FloatArray]:
    """1 where a node of the sample lies within the radius of a place, (places, nodes), and how many do."""
    # Distances by a matrix product lose digits far from the origin; the sample is brought around it.
    centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    nodes, at = sample - centre, places - centre
    squares = np.einsum("nd,nd->n", nodes, nodes) - np.float32(radius**2 * (1 + 1e-6))
    reach = np.einsum("nd,nd->n", at, at)
    inside = (squares[None, :] <= 2 * (at @ nodes.T) - reach[:, None]).astype(np.float32)
    return inside, inside.sum(axis=1)


def _densest_apart(sample: FloatArray, places: FloatArray, radius: float, count: int) -> FloatArray:
    """The places with most nodes within the radius, each at least a radius from those before."""
    sizes = _inside(sample, places, radius)[1]
    kept: list[int] = []
    for i in np.argsort(-sizes, kind="stable"):
        apart = np.square(places[kept] - places[i]).sum(axis=1) >= radius**2 if kept else np.ones(1, dtype=bool)
        if apart.all():
            kept.append(int(i))
        if len(kept) == count:
            break
    return places[kept]


def _with_members(
    columns: FloatArray,
    part: IntArray | None,
    n_all: int,
    places: FloatArray,
    radius: float,
    min_size: int,
    progress: ProgressCallback | None,
) -> Concepts:
    """Every node to its nearest centre within the radius; centres become the nodes nearest to the places."""
    n = columns.shape[1]
    labels = np.full(n, -1, dtype=np.int32)
    # A node exactly on the sphere belongs to it, whichever way the last digit was rounded.
    nearest = np.full(n, np.float32(radius * radius * (1 + 1e-6)), dtype=np.float32)
    fresh, spare = np.empty(n, np.float32), np.empty(n, np.float32)
    centres = np.empty(len(places), dtype=np.int64)
    for i, place in enumerate(places):
        _squared_distances(columns, place, fresh, spare)
        centres[i] = int(fresh.argmin())
        nearer = fresh < nearest
        if i == 0:
            nearer |= fresh == nearest
        np.copyto(labels, np.int32(i), where=nearer)
        np.minimum(nearest, fresh, out=nearest)
        report(progress, 5 * len(places) + 5 * (i + 1), 10 * len(places), "Members of concepts")
    sizes = np.bincount(labels[labels >= 0], minlength=len(places))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] >= min_size]
    rank = np.full(len(places) + 1, -1, dtype=np.int32)  # the last entry is that of nodes without a concept
    rank[order] = np.arange(len(order), dtype=np.int32)
    labels = rank[labels]
    everyone = labels
    if part is not None:
        everyone = np.full(n_all, -1, dtype=np.int32)
        everyone[part] = labels
        centres = part[centres]
    return Concepts(np.arange(1, len(order) + 1, dtype=np.int64), centres[order], places[order], radius, everyone)


def match_ids(
    new: NDArray[np.integer[Any]],
    old: NDArray[np.integer[Any]],
    old_ids: ArrayLike,
    *,
    next_id: int | None = None,
    least: float = 0.5,
) -> IntArray:
    """Ids for concepts that are discovered again, so that what stayed the same keeps its name.

    Parameters
    ----------
    new, old
        (N,) position of each node's concept now and before, -1 for none.
    old_ids
        Ids of the old positions.
    next_id
        First id that was never given; None is one above the highest of `old_ids`.
    least
        Overlap (members in common by members in either) above which two concepts are the same; from 0.5 on a concept
        has at most one such partner.

    Returns
    -------
    array
        int64, one id a new position: the old one where a concept is the same, else a fresh one.
    """
    known = np.asarray(old_ids, dtype=np.int64)
    n_new = int(new.max(initial=-1)) + 1
    fresh = int(known.max(initial=0)) + 1 if next_id is None else next_id
    ids = np.zeros(n_new, dtype=np.int64)
    if len(known) and n_new:
        both = (new >= 0) & (old >= 0)
        shared = np.bincount(new[both].astype(np.int64) * len(known) + old[both], minlength=n_new * len(known))
        shared = shared.reshape(n_new, len(known))
        of_new = np.bincount(new[new >= 0], minlength=n_new)
        of_old = np.bincount(old[old >= 0], minlength=len(known))
        overlap = shared / np.maximum(of_new[:, None] + of_old[None, :] - shared, 1)
        for i in range(n_new):
            j = int(overlap[i].argmax())
            if overlap[i, j] > least and known[j] not in ids:
                ids[i] = known[j]
    unnamed = ids == 0
    ids[unnamed] = fresh + np.arange(unnamed.sum())
    return ids
