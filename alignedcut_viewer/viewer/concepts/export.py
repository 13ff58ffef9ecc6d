"""The list of concepts for print and as numbers. Knows neither Qt nor napari."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...brain.centring import DEFAULT_CENTRING, centring_info
from .details import ConceptDetails, concept_details, detail_key, spelled_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.concept_set import Concept, ConceptSet
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["concepts_figure", "concepts_table"]


def concepts_figure(
    study: "Study", cut: "Cut", concepts: "Sequence[Concept]", details: Mapping[int, ConceptDetails]
) -> "Figure":
    """Concepts with their pictures, and with bars by brain region where the study has them.

    Parameters
    ----------
    study, cut
        Where they were discovered.
    concepts
        Which, in which order.
    details
        Details by id as far as they are known; the others are computed.
    """
    from ...figures.concept_gallery import ConceptRow, concept_gallery_from_arrays

    missing = [concept for concept in concepts if concept.id not in details]
    found = concept_details(study, cut, missing)
    known = {**details, **{concept.id: found[detail_key(cut, concept)] for concept in missing}}
    brain = cut.brain_activation
    rows = []
    for concept in concepts:
        one = known[concept.id]
        activation = None if brain is None else brain.summarise(concept.members, about=DEFAULT_CENTRING)
        rows.append(
            ConceptRow(
                concept.name,
                concept.colour,
                one.crops,
                caption=f"{concept.size:,} pixels\n{one.pictures:,} pictures\n{spelled_layers(one.layers)}",
                activation=None if activation is None else activation.mean,
                spread=None if activation is None else activation.node_spread,
            )
        )
    note = "Pictures: the members nearest to the mean of each concept."
    if brain is not None:
        note += f" Bars: mean and standard deviation. {centring_info(DEFAULT_CENTRING).note} Brain data: {brain.title}."
    return concept_gallery_from_arrays(
        rows,
        rois=() if brain is None else brain.names,
        title="Concepts",
        note=note,
        simulated=brain is not None and brain.simulated,
    )


def concepts_table(concepts: "ConceptSet", ids: Sequence[int]) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
    """Header and rows for a CSV file, one row per concept."""
    header = (
        *("id", "name", "pixels", "pictures", "layers", "networks", "radius", "colour", "pinned"),
        *("centre node", "centre network", "centre layer", "centre image", "centre row", "centre column"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        known = {row["id"]: row for row in concepts.as_rows()}
        for row in (known[id] for id in ids if id in known):
            centre = row["centre"]
            layers = np.unique([layer for held in row["layers"].values() for layer in held])
            yield (
                *(row["id"], row["name"], row["nodes"], row["pictures"], " ".join(map(str, layers))),
                *(" ".join(row["layers"]), row["radius"], row["colour"], str(row["pinned"]).lower()),
                *(centre[key] for key in ("node", "network", "layer", "image", "row", "column")),
            )

    return header, rows()
