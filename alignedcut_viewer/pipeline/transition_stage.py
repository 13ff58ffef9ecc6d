"""What becomes of pixels from layer to layer: concepts of each layer in the plane, and the transitions between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from ..study.cut import Cut
from ..study.study import Study
from .concept_stage import cut_map

if TYPE_CHECKING:
    from ..concepts import Bifurcation, Recurrence, TransitionComparison

__all__ = ["LayerTransitions", "concept_recurrence", "group_bifurcation", "labels_by_layer", "layer_transitions"]


@dataclass(frozen=True, eq=False)
class LayerTransitions:
    """Concepts of each layer of a network, and how pixels pass between them.

    Attributes
    ----------
    network
        Name of the feature set.
    layers
        Layer numbers (L).
    centres
        For each layer the node numbers of its concepts' centres, the largest concept first.
    places
        For each layer where its centres lie in the plane, float32 (concepts, 2).
    radii
        For each layer the radius of its circles.
    nodes
        int64 (P, L): the node of each pixel at each layer.
    labels
        int32 (P, L): the concept of each pixel at each layer, -1 for none.
    matrices
        For each set of pixels (``"all"``, and ``"selection"``, ``"figure"`` and ``"ground"`` where they were given)
        the L - 1 matrices ``P(A → B)``.
    comparisons
        Figure against ground, for each of the L - 1 steps; empty without them.
    """

    network: str
    layers: tuple[int, ...]
    centres: list[NDArray[np.int64]]
    places: list[NDArray[np.float32]]
    radii: list[float]
    nodes: NDArray[np.int64]
    labels: NDArray[np.int32]
    matrices: dict[str, list[NDArray[np.float64]]]
    comparisons: list[TransitionComparison]

    def counts(self, position: int) -> NDArray[np.int64]:
        """Pixels in each concept of the layer at a position, (concepts,)."""
        labels = self.labels[:, position]
        return np.bincount(labels[labels >= 0], minlength=len(self.centres[position])).astype(np.int64)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description; shares that are not known are null."""

        def plain(values: NDArray[Any]) -> Any:
            return [[None if np.isnan(v) else round(float(v), 6) for v in row] for row in values]

        return {
            "network": self.network,
            "layers": list(self.layers),
            "concepts": [
                [
                    {"centre": int(node), "place": [float(v) for v in place], "radius": radius, "pixels": int(count)}
                    for node, place, count in zip(nodes, places, self.counts(i), strict=True)
                ]
                for i, (nodes, places, radius) in enumerate(zip(self.centres, self.places, self.radii, strict=True))
            ],
            "transitions": {name: [plain(matrix) for matrix in found] for name, found in self.matrices.items()},
            "figure_less_ground": [
                {"difference": plain(c.difference), "low": plain(c.low), "high": plain(c.high)}
                for c in self.comparisons
            ],
        }


def layer_transitions(
    study: Study,
    cut_name: str = "default",
    network: str | None = None,
    *,
    layers: tuple[int, ...] | None = None,
    n_concepts: int = 5,
    radius: float | str = "auto",
    selection: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> LayerTransitions:
    """Transitions between the concepts of successive layers (AlignedCut, section 3.4 and Fig. 10).

    Concepts of a layer are circles in the plane of 2-D spectral t-SNE, around farthest-point centres among the layer's
    patches; see :func:`alignedcut_viewer.concepts.discover`.

    Parameters
    ----------
    study
        The study; its map is computed where it is not there yet.
    cut_name
        Which cut.
    network
        Name of a feature set; None takes the first of the cut.
    layers
        Layer numbers, ascending, at least two; None takes all of the cut.
    n_concepts
        Concepts a layer; 5 in the paper.
    radius
        Of the circles in units of the map, or ``"auto"``, for each layer its own.
    selection
        Nodes anywhere whose places are counted by themselves as well.
    groups
        (N,) 1 figure, 0 ground, -1 neither, for each node.
    seed
        Of all draws.
    progress
        Called all along.

    Returns
    -------
    LayerTransitions
        Concepts, labels and matrices.

    Raises
    ------
    InputError
        If network or layers are not part of the cut, or there are fewer than two layers.
    """
    from ..concepts import compare_transitions, discover, path_nodes, transition_matrix
    from ..concepts.places import finest_nodes

    cut = study.cut(cut_name)
    name, chosen = _network_layers(cut, network, layers)
    plane = cut_map(study, cut_name, span(progress, 0.0, 0.6))
    nodes = path_nodes(cut.index, name, layers=chosen)
    found = []
    for position in range(len(chosen)):
        found.append(
            discover(
                np.asarray(plane[nodes[:, position]]),
                radius="auto" if radius == "auto" else float(radius),
                n_concepts=n_concepts,
                seed=seed,
            )
        )
        report(progress, 600 + round(300 * (position + 1) / len(chosen)), 1000, "Concepts of each layer")
    labels = np.stack([concepts.labels for concepts in found], axis=1)
    sets: dict[str, NDArray[np.bool_]] = {"all": np.ones(len(nodes), dtype=bool)}
    if selection is not None:
        own = path_nodes(cut.index, name, np.asarray(selection, dtype=np.int64), chosen)
        sets["selection"] = np.isin(finest_nodes(cut.index, nodes), finest_nodes(cut.index, own))
    group = None
    if groups is not None:
        group = _group_of_places(groups, cut, nodes)
        sets |= {"figure": group == 1, "ground": group == 0}
    matrices: dict[str, list[NDArray[np.float64]]] = {title: [] for title in sets}
    comparisons = []
    image = cut.index.locate(nodes[:, 0]).image
    for step in range(len(chosen) - 1):
        a, b = labels[:, step], labels[:, step + 1]
        n_a, n_b = len(found[step]), len(found[step + 1])
        for title, members in sets.items():
            matrices[title].append(transition_matrix(a[members], b[members], n_a, n_b))
        if group is not None:
            comparisons.append(compare_transitions(a, b, n_a, n_b, group, image, seed=seed))
        report(progress, 900 + round(100 * (step + 1) / (len(chosen) - 1)), 1000, "Transitions")
    return LayerTransitions(
        name,
        chosen,
        [nodes[concepts.centres, position] for position, concepts in enumerate(found)],
        [concepts.places for concepts in found],
        [concepts.radius for concepts in found],
        nodes,
        labels,
        matrices,
        comparisons,
    )


def _network_layers(cut: Cut, network: str | None, layers: tuple[int, ...] | None) -> tuple[str, tuple[int, ...]]:
    name = cut.index.networks[0].name if network is None else network
    held = cut.index.network(name).layers
    chosen = held if layers is None else tuple(sorted({int(layer) for layer in layers}))
    for layer in chosen:
        cut.index.slot_slice(name, layer)  # says which there are
    if len(chosen) < 2:
        raise InputError(f"Transitions need at least two layers; the cut {cut.name!r} holds {list(held)} of {name}.")
    return name, chosen


def _group_of_places(groups: ArrayLike, cut: Cut, nodes: NDArray[np.int64]) -> NDArray[np.int8]:
    from ..concepts.places import finest_nodes

    known = np.asarray(groups, dtype=np.int8)
    if known.shape != (len(cut.index),):
        raise InputError(f"The cut has {len(cut.index)} nodes, but groups have shape {known.shape}.")
    return known[finest_nodes(cut.index, nodes)]


def group_bifurcation(
    study: Study,
    groups: ArrayLike,
    cut_name: str = "default",
    network: str | None = None,
    *,
    space: str = "eigenvectors",
    most_paths: int = 20_000,
    n_permutations: int = 200,
    threshold: float = 0.75,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> tuple[tuple[int, ...], Bifurcation]:
    """The layer at which the paths of figure and ground part, for one network of a cut.

    Parameters
    ----------
    study
        The study.
    groups
        (N,) 1 figure, 0 ground, -1 neither, for each node.
    cut_name, network
        Which cut; name of a feature set, None takes the first.
    space
        ``"eigenvectors"`` or ``"map"`` (the plane of 2-D spectral t-SNE, where a straight boundary may be hard to
        find).
    most_paths
        Places that are looked at, at most: the same number in every picture, drawn.
    n_permutations, threshold, seed
        As for :func:`alignedcut_viewer.concepts.bifurcation_layer`.
    progress
        Called all along.

    Returns
    -------
    layers : tuple of int
        Layer numbers.
    Bifurcation
        By their positions.
    """
    from ..concepts import bifurcation_layer, path_nodes

    if space not in ("eigenvectors", "map"):
        raise InputError(f"Unknown space {space!r}; use 'eigenvectors' or 'map'.")
    cut = study.cut(cut_name)
    name, layers = _network_layers(cut, network, None)
    nodes = path_nodes(cut.index, name, layers=layers)
    group = _group_of_places(groups, cut, nodes)
    image = cut.index.locate(nodes[:, 0]).image
    # Pictures of which nothing is known take no part.
    labelled = np.unique(image[group >= 0])
    kept = np.isin(image, labelled)
    nodes, group, image = nodes[kept], group[kept], image[kept]
    n_pictures = max(len(labelled), 1)
    each, wanted = len(nodes) // n_pictures, max(1, most_paths // n_pictures)
    if wanted < each:
        # The same patches in every picture, so that pictures can be exchanged.
        patches = np.sort(np.random.default_rng(seed).choice(each, wanted, replace=False))
        drawn = (np.arange(n_pictures)[:, None] * each + patches).reshape(-1)
        nodes, group, image = nodes[drawn], group[drawn], image[drawn]
    values = cut.eigenvectors if space == "eigenvectors" else cut_map(study, cut_name, span(progress, 0.0, 0.3))
    found = bifurcation_layer(
        np.asarray(values[nodes]),
        group,
        image,
        threshold=threshold,
        n_permutations=n_permutations,
        seed=seed,
        progress=span(progress, 0.3, 1.0),
    )
    return layers, found


def labels_by_layer(
    cut: Cut,
    *,
    n_concepts: int | None = 20,
    radius: float | str = "auto",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> NDArray[np.int32]:
    """Concepts of every slot by itself, discovered among its patches alone.

    Parameters
    ----------
    cut
        The cut.
    n_concepts, radius, seed
        As for :func:`alignedcut_viewer.concepts.discover`.
    progress
        Called after every slot.

    Returns
    -------
    array
        int32 (N,): position of each node's concept among those of its own slot, -1 for none. Equal positions in two
        slots mean nothing; :func:`concept_recurrence` finds which belong together.
    """
    from ..concepts import discover

    labels = np.full(len(cut.index), -1, dtype=np.int32)
    slots = cut.index.slots
    for number, slot in enumerate(slots):
        nodes = cut.index.select(networks=[slot.network], layers=[slot.layer], patches_only=True)
        labels[nodes] = discover(
            np.asarray(cut.embedding[nodes]),
            radius="auto" if radius == "auto" else float(radius),
            n_concepts=n_concepts,
            seed=seed,
        ).labels
        report(progress, number + 1, len(slots), "Concepts of each layer")
    return labels


def concept_recurrence(
    cut: Cut,
    labels: ArrayLike,
    reference: tuple[str, int],
    *,
    n_permutations: int = 199,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> dict[Slot, Recurrence]:
    """At which layers and networks the concepts of one slot recur at the same places of the same pictures.

    Parameters
    ----------
    cut
        The cut.
    labels
        (N,) concept of each node from 0, -1 for none: of one discovery over all slots, or of several side by side.
    reference
        The (network, layer) whose concepts are looked for elsewhere.
    n_permutations, seed
        As for :func:`alignedcut_viewer.concepts.find_recurrence`.
    progress
        Called after every slot.

    Returns
    -------
    dict
        For each slot that holds a concept its :class:`~alignedcut_viewer.concepts.Recurrence`.
    """
    from ..concepts import find_recurrence, labels_by_slot

    by_slot = labels_by_slot(labels, cut.index)
    own = Slot(*reference)
    if own not in by_slot:
        cut.index.slot_slice(*own)  # says which there are
    count = int(max((values.max() for values in by_slot.values()), default=-1)) + 1
    found: dict[Slot, Recurrence] = {}
    for number, (slot, values) in enumerate(by_slot.items()):
        if (values >= 0).any() and count:
            found[Slot(*slot)] = find_recurrence(
                by_slot[own], values, count, count, n_permutations=n_permutations, seed=seed
            )
        report(progress, number + 1, len(by_slot), "Where concepts recur")
    return found
