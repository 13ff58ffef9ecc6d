"""Where in the network a joint solution lives: agreement of every layer, head and pathway with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import InputError, StudyError
from ..progress import ProgressCallback, report, span
from ..spectral import LayerTokens
from ..spectral.layered.graph_groups import group_graphs
from ..study.cut import Cut
from ..study.cut_names import CUTS, attach_to_cut
from ..study.layered_record import AGREEMENT, GraphRecord, LayeredRecord
from ..study.study import Study
from ..versions import software_version
from .layered_settings import LayeredSettings
from .layered_sources import LayeredSources, find_sources

__all__ = ["layered_agreement"]


def layered_agreement(
    study: Study, name: str = "default", progress: ProgressCallback | None = None, *, heads: bool = True
) -> LayeredRecord:
    """Agreement of every layer, head and pathway that the study holds with the joint solution of a cut.

    It is kept with the cut, and found again as :attr:`~alignedcut_viewer.study.cut.Cut.agreement`.

    Parameters
    ----------
    study
        Opened for writing.
    name
        Name of a joint cut, see :func:`~alignedcut_viewer.pipeline.layered_cut`.
    progress
        Told about the graphs.
    heads
        Whether every head is a graph of its own; where the study does not say how many there are, layers are taken.

    Returns
    -------
    LayeredRecord
        All graphs, each with its agreement and the group of those that act alike.

    Raises
    ------
    InputError
        If the cut is none of many layers.
    StudyError
        If there is no cut of that name, or its features are gone.
    """
    study.store.require_writable()
    cut = study.cut(name)
    if cut.layered is None:
        raise InputError(
            f"The cut {name!r} is an AlignedCut; agreement is asked of joint cuts: alignedcut cut STUDY --pathway what"
        )
    settings = LayeredSettings.from_dict(cut.recipe["cut"]["settings"])
    part = f"{AGREEMENT}-{digest_of({'heads': heads, 'software': software_version()})[:16]}"
    path = f"{CUTS}/{cut.group}/{part}"
    if not study.store.exists(path):
        graphs = _graphs(study, cut.layered, settings, cut.index.images, _solution(cut, cut.layered), heads, progress)
        record = LayeredRecord(cut.layered.pathway, cut.layered.joint, cut.layered.sources, graphs)
        with study.store.building(path, {"layered": record.as_dict()}):
            pass
    attach_to_cut(study.store, name, AGREEMENT, part)
    found = study.cut(name).agreement
    assert found is not None
    return found


def _solution(cut: Cut, record: LayeredRecord) -> NDArray[np.float32]:
    rows = cut.eigenvectors[cut.index.slot_slice(record.joint, 0)]
    return np.asarray(rows).reshape(len(cut.index.images), -1, rows.shape[1])


def _graphs(
    study: Study,
    record: LayeredRecord,
    settings: LayeredSettings,
    images: Sequence[int],
    solution: NDArray[np.float32],
    heads: bool,
    progress: ProgressCallback | None,
) -> tuple[GraphRecord, ...]:
    networks = list(record.sources.values())
    weights = {(g.network, g.layer, g.pathway): g.weight for g in record.graphs if g.head < 0}
    found: list[tuple[GraphRecord, NDArray[np.float64]]] = []
    held = {p: sources for p in ("what", "where") if (sources := _sources(study, p, networks, images)) is not None}
    for number, (pathway, sources) in enumerate(held.items()):
        stage = span(progress, number / len(held), (number + 1) / len(held))
        apart = heads and all(sources.any_set(network).note.get("heads") for network in sources.networks)
        engine = replace(settings, heads="apart" if apart else "joined").engine()
        layers = sources.tokens(pathway, heads_apart=apart)
        agreement, signatures = engine.judge(layers, solution, stage)
        at = [(slot, own, h) for slot, own in zip(sources.slots, layers, strict=True) for h in _heads_of(own, apart)]
        for ((network, layer), own, head), value, signature in zip(at, agreement, signatures, strict=True):
            # a layer's weight belongs to its heads together
            weight = weights.get((network, layer, pathway), 0.0) / (own.heads if apart else 1)
            graph = GraphRecord(
                network, layer, head, pathway, float(value), weight, None, None, own.grid.rows, own.grid.columns
            )
            found.append((graph, signature))
    if not found:
        raise StudyError("The features of this joint cut are no longer in the study; extract them again.")
    groups = group_graphs(np.stack([signature for _, signature in found]))
    report(progress, 1, 1, "Agreement")
    return tuple(replace(graph, group=int(group)) for (graph, _), group in zip(found, groups, strict=True))


def _heads_of(layer: LayerTokens, apart: bool) -> range:
    return range(layer.heads) if apart else range(-1, 0)


def _sources(study: Study, pathway: str, networks: Sequence[str], images: Sequence[int]) -> LayeredSources | None:
    """The layers of a pathway; None where the study lacks its taps for these pictures."""
    try:
        return find_sources(study, pathway, networks, None, images)
    except (StudyError, InputError):
        return None
