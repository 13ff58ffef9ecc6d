"""The numbers behind figures as rows of a table, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..brain.centring import DEFAULT_CENTRING, Centring
from .concept_gallery import concepts_of
from .mosaic import chosen_images
from .roi_activation import brain_of
from .similarity import picked_nodes, similarity_of

if TYPE_CHECKING:
    from ..segmentation import LayerScore
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["concept_table", "figure_ground_table", "layer_score_table", "similarity_table"]

Rows = list[dict[str, Any]]


def concept_table(study: Study, cut: Cut, *, images: Iterable[int] | None = None) -> Rows:
    """Share of each concept in each picture.

    One row per picture and concept: ``tokens`` of the picture that belong to the concept, and their ``share`` of the
    picture's tokens in those layers that hold members of any concept.

    Raises
    ------
    StudyError
        If no concepts were discovered.
    InputError
        If an image is not part of the cut.
    """
    held, index = concepts_of(cut), cut.index
    numbers = chosen_images(index, images, len(index.images))
    counts = {}
    slots: set[tuple[int, int]] = set()
    for concept in held:
        place = index.locate(concept.members)
        counts[concept.id] = dict(zip(*np.unique(place.image, return_counts=True), strict=True))
        slots |= {(int(n), int(layer)) for n, layer in np.unique(np.stack([place.network, place.layer]), axis=1).T}
    total = sum(index.networks[network].n_tokens for network, _ in slots)
    return [
        {
            "image": number,
            "picture": study.picture_path(number).name,
            "concept": concept.id,
            "name": concept.name,
            "tokens": int(counts[concept.id].get(number, 0)),
            "share": counts[concept.id].get(number, 0) / total,
        }
        for number in numbers
        for concept in held
    ]


def figure_ground_table(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround,
    *,
    about: Centring = DEFAULT_CENTRING,
    networks: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    images: Iterable[int] | None = None,
) -> Rows:
    """Mean activation of each region by the figure and by the ground of each picture, layer by layer.

    A mean over no token is NaN; ``difference`` is figure minus ground.

    Raises
    ------
    StudyError
        If the cut holds no brain activation.
    InputError
        If an image, network or layer is not part of the cut.
    """
    brain, index = brain_of(cut), cut.index
    numbers = chosen_images(index, images, len(index.images))
    rows: Rows = []
    for network in index.networks if networks is None else [index.network(name) for name in networks]:
        for layer in network.layers:
            if layers is not None and layer not in layers:
                continue
            for number in numbers:
                part = index.patch_slice(network.name, layer, number)
                values = brain.rows(np.arange(part.start, part.stop), about=about)
                labels = figure_ground.labels[part]
                figure, ground = (
                    values[labels == label].mean(0) if (labels == label).any() else np.full(values.shape[1], np.nan)
                    for label in (1, 0)
                )
                rows += [
                    {
                        "image": number,
                        "picture": study.picture_path(number).name,
                        "network": network.name,
                        "layer": layer,
                        "region": region,
                        "about": about,
                        "figure": float(figure[i]),
                        "ground": float(ground[i]),
                        "difference": float(figure[i] - ground[i]),
                    }
                    for i, region in enumerate(brain.names)
                ]
    return rows


def similarity_table(
    study: Study,
    cut: Cut,
    *,
    figure_ground: FigureGround | None = None,
    features: Any = None,
    networks: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    images: Iterable[int] | None = None,
    query: Sequence[tuple[int, float, float]] | None = None,
) -> Rows:
    """Cosine similarity of each asked token to the tokens of each picture: mean, largest and where it lies.

    With figure and ground, the mean over either too. The parameters are those of
    :func:`~alignedcut_viewer.figures.similarity`; all pictures of the cut are listed where `images` is None.
    """
    index = cut.index
    numbers = chosen_images(index, images, len(index.images))
    rows: Rows = []
    for node in picked_nodes(study, cut, figure_ground, numbers[0], networks, layers, query):
        place = index.locate(node)
        network, layer = index.networks[int(place.network)], int(place.layer)
        values = similarity_of(cut, features, node, numbers)
        for number, own in zip(numbers, values, strict=True):
            best = int(own.argmax())
            row = {
                "network": network.name,
                "layer": layer,
                "asked_image": int(place.image),
                "asked_row": int(place.row),
                "asked_column": int(place.column),
                "image": number,
                "picture": study.picture_path(number).name,
                "mean": float(own.mean()),
                "largest": float(own.max()),
                "row": best // own.shape[1],
                "column": best % own.shape[1],
            }
            if figure_ground is not None:
                labels = figure_ground.labels[index.patch_slice(network.name, layer, number)]
                for name, label in (("figure", 1), ("ground", 0)):
                    inside = own.ravel()[labels == label]
                    row[name] = float(inside.mean()) if inside.size else float("nan")
            rows.append(row)
    return rows


def layer_score_table(study: Study, cut: Cut, oracle: Sequence[LayerScore]) -> Rows:
    """Score of each layer by the oracle protocol, raw and aligned."""
    return [score.as_row() for score in oracle]
