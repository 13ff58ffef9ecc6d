"""The direct solver: the averaged operator and its eigenvectors, of each picture or of all together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...cluster.row_blocks import tasks_in_order
from ...errors import InputError
from ...progress import ProgressCallback, report, span
from .fit_parts import LayeredFit, LayeredProblem, mean_projections, terms_of, with_signs
from .layer_tokens import AttentionMaps, LayerInput
from .objective import LayerTerms
from .picture_graphs import walk_and_operator
from .picture_solver import solve_pictures
from .set_graphs import DenseGraph, SetGraph, landmark_graph, neighbour_graph
from .set_solver import solve_set

__all__ = [
    "EXACT_UP_TO",
    "each_set_graph",
    "fit_pictures",
    "fit_set",
    "picture_graphs",
    "_pictures_at_once",
    "set_graphs",
]

EXACT_UP_TO = 20_480
"""Where landmarks are not named, graphs of up to this many tokens a layer are of exact nearest neighbours."""
DEFAULT_LANDMARKS = 2048
_PICTURES_OF_A_CORE = 4
"""Pictures that a core cuts at once."""


def picture_graphs(problem: LayeredProblem, pictures: slice) -> list[DenseGraph]:
    """The graphs of some pictures, one a layer or head."""
    graphs: list[DenseGraph] = []
    for layer in problem.layers:
        walk, operator = walk_and_operator(layer, pictures, problem.graph, problem.device)
        graphs.extend(DenseGraph(w, s, layer.grid) for w, s in zip(walk.unbind(1), operator.unbind(1), strict=True))
    return graphs


def fit_pictures(problem: LayeredProblem, progress: ProgressCallback | None) -> LayeredFit:
    """Cut every picture by itself."""
    n, n_graphs = problem.n_pictures, len(problem.graph_layers)
    vectors = np.empty((n, len(problem.grid), problem.n_components), np.float32)
    values = np.empty((n, problem.n_components))
    weights = np.empty((n, n_graphs))
    agreement, eigen, orthogonality = np.empty_like(weights), np.empty_like(weights), np.empty_like(weights)
    projections = [np.empty((n, len(layer.grid), problem.n_components), np.float32) for layer in problem.layers]
    parts = _parts(problem)
    report(progress, 0, n, "Joint cuts")
    for part, found in zip(parts, _each_part(problem, parts), strict=True):
        vectors[part], values[part] = found.vectors, found.values
        weights[part], agreement[part] = found.weights, found.agreement
        eigen[part], orthogonality[part] = found.eigen, found.orthogonality
        for moved, kept in zip(found.projections, projections, strict=problem.projections):
            kept[part] = moved
        report(progress, part.stop, n, "Joint cuts")
    terms = LayerTerms(eigen.mean(axis=0), orthogonality.mean(axis=0), problem.grids, problem.names)
    return LayeredFit(vectors, values, weights, agreement, terms, projections if problem.projections else None)


@dataclass(frozen=True)
class _Part:
    """The joint cuts of some pictures, each of its own; arrays as those of :class:`.fit_parts.LayeredFit`."""

    vectors: NDArray[np.float32]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    agreement: NDArray[np.float64]
    eigen: NDArray[np.float64]
    orthogonality: NDArray[np.float64]
    projections: list[NDArray[np.float32]]


def _parts(problem: LayeredProblem) -> list[slice]:
    """Pictures that are cut at once: few where every core has its own, as many as fit into the memory elsewhere."""
    n, size = problem.n_pictures, _pictures_at_once(problem)
    if _on_many_cores(problem):
        size = min(_PICTURES_OF_A_CORE, size // torch.get_num_threads())
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _on_many_cores(problem: LayeredProblem) -> bool:
    """Whether the memory holds the graphs of a picture for every core."""
    return problem.device.type == "cpu" and _pictures_at_once(problem) >= torch.get_num_threads()


def _each_part(problem: LayeredProblem, parts: list[slice]) -> Iterator[_Part]:
    if not _on_many_cores(problem):
        return (_cut_pictures(problem, part) for part in parts)
    on_disk = all(layer.on_disk for layer in problem.layers)
    return tasks_in_order(_cut_pictures, problem, parts, device=problem.device, on_disk=on_disk)


def _cut_pictures(problem: LayeredProblem, part: slice) -> _Part:
    """Cut some pictures, each by itself."""
    graphs = picture_graphs(problem, part)
    found = solve_pictures(
        [graph.operators for graph in graphs],
        problem.poolings(problem.metric),
        problem.first_weights(),
        problem.rule,
        problem.n_components,
        metric=problem.metric,
        power=problem.power,
    )
    signed = with_signs(found.vectors, together=False).float()
    pictures = range(part.stop - part.start)
    terms = [terms_of(problem, [graph.picture(i) for graph in graphs], signed[i : i + 1]) for i in pictures]
    return _Part(
        signed.cpu().numpy(),
        found.values.cpu().numpy(),
        found.weights.cpu().numpy(),
        found.agreement.cpu().numpy(),
        np.stack([of_picture.eigen for of_picture in terms]),
        np.stack([of_picture.orthogonality for of_picture in terms]),
        [moved.cpu().numpy() for moved in mean_projections(problem, graphs, signed)] if problem.projections else [],
    )


def _pictures_at_once(problem: LayeredProblem) -> int:
    """Pictures whose graphs fit into the memory together, at least one."""
    single, double, places = 4, 8, len(problem.grid)
    # of each graph: its walk, its operator and its lifted form; beside them a few matrices on the common grid
    held = sum(2 * len(grid) ** 2 + (places**2 if grid != problem.grid else 0) for grid in problem.grids) * single
    held += 6 * places**2 * double
    if problem.power != 1:
        held += 2 * len(problem.grids) * places**2 * double
    widest = max(_widest(layer) for layer in problem.layers)
    return max(int(problem.memory // (held + 4 * widest * single)), 1)


def _widest(layer: LayerInput) -> int:
    """Numbers that making a layer's graphs takes for one picture."""
    return layer.heads * len(layer.grid) ** 2


def each_set_graph(problem: LayeredProblem, progress: ProgressCallback | None) -> Iterator[SetGraph]:
    """The graphs of all pictures together one by one, a layer's heads apart or joined.

    Raises
    ------
    InputError
        If layers are given as attention, which knows nothing of other pictures, or by softmax; if there are fewer
        tokens than neighbours.
    """
    if problem.graph.affinity == "softmax" or any(isinstance(layer, AttentionMaps) for layer in problem.layers):
        raise InputError(
            "Attention (softmax) knows nothing of other pictures; cut a data set by affinity='cosine' or 'kernel', or "
            "each picture by itself (scope='picture')."
        )
    rng = np.random.default_rng(problem.seed)
    for number, (index, head) in enumerate(problem.graph_layers):
        layer = problem.layers[index]
        assert not isinstance(layer, AttentionMaps)
        stage = span(progress, number / len(problem.graph_layers), (number + 1) / len(problem.graph_layers))
        n_landmarks = problem.n_landmarks
        if n_landmarks is None and problem.n_pictures * len(layer.grid) > EXACT_UP_TO:
            n_landmarks = DEFAULT_LANDMARKS
        if n_landmarks is None:
            yield neighbour_graph(layer, head, problem.graph, problem.device, stage)
        else:
            yield landmark_graph(layer, head, problem.graph, n_landmarks, problem.n_shared, rng, problem.device, stage)


def set_graphs(problem: LayeredProblem, progress: ProgressCallback | None) -> list[SetGraph]:
    """The graphs of all pictures together, one a layer or head; see :func:`each_set_graph`.

    Raises
    ------
    InputError
        Also if the graphs do not fit into the memory.
    """
    graphs: list[SetGraph] = []
    for graph in each_set_graph(problem, progress):
        graphs.append(graph)
        held = sum(other.n_bytes for other in graphs)
        if held > problem.memory:
            raise InputError(
                f"The graphs of {len(graphs)} of {len(problem.graph_layers)} layers take {held / 2**30:.1f} GiB, more "
                "than the memory bound; allow more, or take fewer pictures, layers or neighbours."
            )
    return graphs


def fit_set(problem: LayeredProblem, progress: ProgressCallback | None) -> LayeredFit:
    """Cut all pictures together."""
    graphs = set_graphs(problem, span(progress, 0.0, 0.6))
    found = solve_set(
        graphs,
        problem.poolings(problem.metric),
        problem.first_weights(),
        problem.rule,
        problem.n_components,
        metric=problem.metric,
        power=problem.power,
        seed=problem.seed,
        device=problem.device,
        progress=span(progress, 0.6, 1.0),
    )
    signed = with_signs(found.vectors, together=True)
    moved = [p.cpu().numpy() for p in mean_projections(problem, graphs, signed)] if problem.projections else None
    return LayeredFit(
        signed.cpu().numpy(),
        found.values.cpu().numpy(),
        found.weights.cpu().numpy(),
        found.agreement.cpu().numpy(),
        terms_of(problem, graphs, signed),
        moved,
    )
