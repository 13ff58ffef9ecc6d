"""Two networks side by side: how alike their layers are, and how fast they go through the aligned space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..choices import COMPARISON_MEASURES
from ..errors import InputError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report, span
from ..study.study import Study
from .concept_stage import cut_map

if TYPE_CHECKING:
    from ..concepts import Counterparts, PaceCurve

__all__ = ["NetworkComparison", "compare_networks"]

MEASURES = COMPARISON_MEASURES


@dataclass(frozen=True, eq=False)
class NetworkComparison:
    """How alike the layers of two networks are.

    Attributes
    ----------
    networks
        Names of both.
    layers
        Layer numbers of either.
    matrices
        By measure float64 (layers of the first, layers of the second):
        ``"cka"`` linear CKA and ``"mutual_knn"`` mutual nearest neighbours in other pictures, of the features as the
        networks give them, and ``"subspace"`` agreement of what the cut's eigenvectors span: 1 for the same, 0 for
        chance; ``"nearest"`` share of the places of a layer of the first whose nearest in the space of the cut's
        eigenvectors lies at each layer of the second.
    paces
        For each network its pace in the plane of 2-D spectral t-SNE.
    grid
        Rows and columns that both were brought to.
    n_places
        Number of places that were compared.
    """

    networks: tuple[str, str]
    layers: tuple[tuple[int, ...], tuple[int, ...]]
    matrices: dict[str, NDArray[np.float64]]
    paces: dict[str, PaceCurve]
    grid: tuple[int, int]
    n_places: int

    def counterparts(self, measure: str = "cka", *, of: int = 0) -> Counterparts:
        """The most alike layer of the other network for each layer of one.

        Parameters
        ----------
        measure
            Which matrix.
        of
            0 for layers of the first network in the second, 1 for the other way round; positions, not layer numbers.
        """
        from ..concepts import counterparts

        if measure not in self.matrices:
            raise InputError(f"These networks were not compared by {measure!r}; by: {', '.join(self.matrices)}.")
        matrix = self.matrices[measure]
        return counterparts(matrix.T if of else matrix)

    def where_lives(self, layer: int, measure: str = "cka") -> int:
        """The layer number of the second network that is most like a layer of the first."""
        if layer not in self.layers[0]:
            raise InputError(f"{self.networks[0]} has no layer {layer} here; it has {list(self.layers[0])}.")
        position = self.counterparts(measure).layers[self.layers[0].index(layer)]
        return self.layers[1][int(position)]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description."""
        return {
            "networks": list(self.networks),
            "layers": [list(layers) for layers in self.layers],
            "grid": list(self.grid),
            "places": self.n_places,
            "matrices": {
                name: [[None if np.isnan(v) else round(float(v), 6) for v in row] for row in matrix]
                for name, matrix in self.matrices.items()
            },
            "pace": {
                name: {"mean": curve.mean.tolist(), "low": curve.low.tolist(), "high": curve.high.tolist()}
                for name, curve in self.paces.items()
            },
        }


def compare_networks(
    study: Study,
    first: str,
    second: str,
    cut_name: str = "default",
    *,
    measures: Sequence[str] = MEASURES,
    n_places: int = 2000,
    k: int = 10,
    paces: bool = True,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> NetworkComparison:
    """Compare all layers of two networks of a cut on the same places of the same pictures.

    Token grids of different sizes are averaged, by area, to the coarser number of rows and of columns.

    Parameters
    ----------
    study
        The study.
    first, second
        Names of feature sets of the cut; the same twice compares a network's layers with one another.
    cut_name
        Which cut.
    measures
        Which of ``"cka"``, ``"mutual_knn"``, ``"subspace"`` and ``"nearest"``.
    n_places
        Places that are compared, at most, drawn evenly from all pictures.
    k
        Neighbours of ``"mutual_knn"``; those in the same picture do not count.
    paces
        Whether the pace of both is computed, which needs the map.
    seed
        Of the draw.
    progress
        Called all along.

    Returns
    -------
    NetworkComparison
        The matrices and paces.

    Raises
    ------
    InputError
        If a network is not part of the cut, or a measure is unknown.
    """
    from ..concepts import layer_matrix, nearest_layers, pace_curve, path_nodes
    from ..concepts.places import common_grid, on_grid

    unknown = [measure for measure in measures if measure not in MEASURES]
    if unknown or not measures:
        raise InputError(f"Unknown measure {unknown[0] if unknown else ''!r}; use {', '.join(MEASURES)}.")
    cut = study.cut(cut_name)
    index = cut.index
    names = (first, second)
    slots = {name: [Slot(name, layer) for layer in index.network(name).layers] for name in names}
    rows, columns = common_grid(index, names)
    places = _drawn_places(len(index.images), rows * columns, n_places, seed)
    picture, cell = np.divmod(places, rows * columns)
    matrices: dict[str, NDArray[np.float64]] = {}
    done = 0.0
    if {"cka", "mutual_knn"} & set(measures):
        features = _features_at(study, index, slots, rows, columns, picture, cell, span(progress, 0.0, 0.4))
        done = 0.4
        for measure in ("cka", "mutual_knn"):
            if measure in measures:
                part = span(progress, done, done + 0.2)
                matrices[measure] = layer_matrix(
                    features[first], features[second], measure, k=k, groups=picture, progress=part
                )
                done += 0.2
    if {"subspace", "nearest"} & set(measures):
        vectors = {
            name: [
                on_grid(cut.eigenvectors, index, name, slot.layer, rows, columns)[picture, cell] for slot in slots[name]
            ]
            for name in dict.fromkeys(names)
        }
        if "subspace" in measures:
            matrices["subspace"] = layer_matrix(vectors[first], vectors[second], "subspace")
        if "nearest" in measures:
            matrices["nearest"] = np.stack([nearest_layers(one, vectors[second]) for one in vectors[first]])
    curves: dict[str, PaceCurve] = {}
    if paces:
        plane = cut_map(study, cut_name, span(progress, done, 0.98))
        for name in dict.fromkeys(names):
            nodes = path_nodes(index, name)
            if nodes.shape[1] > 1:
                curves[name] = pace_curve(np.asarray(plane[nodes]), index.locate(nodes[:, 0]).image, seed=seed)
    report(progress, 1, 1, "Finished")
    layers = (index.network(first).layers, index.network(second).layers)
    ordered = {measure: matrices[measure] for measure in measures}
    return NetworkComparison(names, layers, ordered, curves, (rows, columns), len(places))


def _drawn_places(n_pictures: int, n_cells: int, count: int, seed: int) -> NDArray[np.int64]:
    """Place numbers (picture · cells + cell), ascending: as many in every picture as in any other, but for one."""
    if count < 4:
        raise InputError(f"At least 4 places must be compared; got {count}.")
    if n_pictures * n_cells <= count:
        return np.arange(n_pictures * n_cells, dtype=np.int64)
    rng = np.random.default_rng(seed)
    each, more = divmod(count, n_pictures)
    extra = set(rng.permutation(n_pictures)[:more].tolist())
    drawn = [
        picture * n_cells + rng.choice(n_cells, each + (picture in extra), replace=False)
        for picture in range(n_pictures)
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def _features_at(
    study: Study,
    index: NodeIndex,
    slots: dict[str, list[Slot]],
    rows: int,
    columns: int,
    picture: NDArray[np.int64],
    cell: NDArray[np.int64],
    progress: ProgressCallback,
) -> dict[str, list[NDArray[np.float32]]]:
    """Features as the networks give them, at some cells of a common grid: for each layer (places, D)."""
    from ..concepts.places import area_weights

    found: dict[str, list[NDArray[np.float32]]] = {}
    total = sum(len(of_network) for of_network in slots.values())
    for name, of_network in slots.items():
        held = study.network(name)
        found[name] = []
        for slot in of_network:
            grid = index.grid(*slot)
            down, across = area_weights(grid.rows, rows), area_weights(grid.columns, columns)
            # One row of weights over a picture's patches for each cell.
            weights = np.einsum("ay,bx->abyx", down, across).reshape(rows * columns, -1).astype(np.float32)
            tokens = held.tokens(slot.layer)
            values = np.empty((len(picture), tokens.shape[2]), dtype=np.float32)
            for number in np.unique(picture):
                here = picture == number
                patches = tokens[index.images[int(number)]][int(held.class_token) :].astype(np.float32)
                values[here] = weights[cell[here]] @ patches
            found[name].append(values)
            report(progress, sum(map(len, found.values())), total, "Features at the same places")
    return found
