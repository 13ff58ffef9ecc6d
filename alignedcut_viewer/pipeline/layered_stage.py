"""The stage that cuts the graphs of many layers together: "what", "where", or both.

The joint solution has one row for every place of every picture, whatever the layers. It becomes a cut of the study like
any other: its nodes are the places of one joint layer (a feature set of its own, ``joint.what``), and beside them every
layer's tokens with the joint solution as that layer passes it on, ``P_l X``, which is what changes from layer to layer.
All of them have the pseudo-eigenvectors as channels, so that similarity, concepts and paths compare them at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..choices import PATHWAY_TAPS
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report, span
from ..spectral import LayeredCut
from ..study.cut import Cut
from ..study.cut_names import CUTS
from ..study.feature_set import FeatureSet
from ..study.layered_record import GraphRecord, LayeredRecord
from ..study.study import Study
from ..versions import software_version, versions
from . import extraction
from .layered_rows import rows_of
from .layered_settings import LayeredSettings
from .layered_sources import LayeredSources, find_sources
from .settings import ExtractSettings
from .stages import check_cut_name, colour_engine, finish_cut, open_study, removed_if_empty

if TYPE_CHECKING:
    from ..images import PictureSet

__all__ = ["joint_group", "layered_cut", "layered_identity", "run_layered"]

_JOINT = "joint"
_CHUNK = 32


def layered_cut(
    study: Study,
    settings: LayeredSettings | None = None,
    name: str | None = "default",
    progress: ProgressCallback | None = None,
    *,
    on_update: Callable[[int, Any], None] | None = None,
) -> Cut:
    """Cut the graphs of many layers of a study together, and colour and map the result, as far as not done before.

    Until the new result is complete the cut of that name stays what it was.

    Parameters
    ----------
    study
        Opened for writing; holds queries, keys or values (taps ``q``, ``k``, ``v``).
    settings
        Which layers, and how.
    name
        Name of the cut in the study; None as for :func:`.stages.cut`.
    progress
        Called all along.
    on_update
        Called with the iteration and the landmarks' places while the colours settle.

    Returns
    -------
    Cut
        The result; :attr:`~alignedcut_viewer.study.cut.Cut.layered` tells of every layer.

    Raises
    ------
    InputError
        If a setting does not fit, or there are fewer pictures or tokens than neighbours.
    StudyError
        If features are missing, or the study was opened for reading.
    """
    settings = settings or LayeredSettings()
    study.store.require_writable()
    check_cut_name(name)
    engine, colours = settings.engine(), colour_engine(settings.colour)
    sources = find_sources(study, settings.pathway, settings.networks, settings.layers, settings.images)
    group = joint_group(study, sources, settings, engine, span(progress, 0.0, 0.6))
    result = finish_cut(study, name, group, settings, colours, span(progress, 0.6, 1.0), on_update)
    report(progress, 1000, 1000, "Finished")
    return result


def run_layered(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | PictureSet,
    study_path: str | os.PathLike[str],
    extract: ExtractSettings | None = None,
    settings: LayeredSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    name: str | None = "default",
    announce: Callable[[str], None] | None = None,
) -> Study:
    """From pictures to a joint cut of many layers, as :func:`.stages.run` goes to an AlignedCut.

    Parameters
    ----------
    source, study_path, progress, name, announce
        As for :func:`.stages.run`.
    extract
        Networks, layers and sizes; the taps are those that the pathway needs.
    settings
        How to cut; where they name no networks, layers or pictures, they take those extracted here.

    Returns
    -------
    Study
        Open for reading.

    Raises
    ------
    AlignedCutError
        If something does not fit; a study that was begun here and holds nothing yet is removed again.
    """
    settings = settings or LayeredSettings()
    extract = replace(extract or ExtractSettings(), tap=PATHWAY_TAPS[settings.pathway])
    study, images = open_study(study_path, source)
    with study, removed_if_empty(study):
        sets = extraction.extract(study, extract, span(progress, 0.0, 0.6), announce)
        if settings.networks is None:
            settings = replace(settings, networks=tuple(dict.fromkeys(study.network(s).network for s in sets)))
        if settings.layers is None:
            settings = replace(settings, layers=extract.layers)
        if settings.images is None:
            there = set(study.node_index(sets, extract.layers).images)
            settings = replace(settings, images=tuple(dict.fromkeys(image for image in images if image in there)))
        layered_cut(study, settings, name, span(progress, 0.6, 1.0))
    return Study.open(study_path)


def _pathways(pathway: str) -> tuple[str, ...]:
    return ("what", "where") if pathway == "both" else (pathway,)


def layered_identity(study: Study, sources: LayeredSources, settings: LayeredSettings) -> dict[str, Any]:
    """All that decides the result of a joint cut but its colours and map, JSON-ready."""
    return {
        "features": {s.name: s.digest for sets in sources.networks.values() for s in sets.values()},
        "layers": {network: list(layers) for network, layers in sources.layers.items()},
        "images": list(sources.images),
        "pictures": digest_of(study.picture_digests(sources.images)),
        "alignment": None,
        "settings": {
            key: value
            for key, value in settings.as_dict().items()
            if key not in ("networks", "layers", "images", "colour", "map")
        },
        "software": software_version(),
    }


def _rows_are_there(study: Study, names: Sequence[str], images: Sequence[int]) -> bool:
    every, n_images = FeatureSet.all_of(study.store), len(study.pictures)
    return all(
        name in every and all(every[name].complete(layer, n_images)[list(images)].all() for layer in every[name].layers)
        for name in names
    )


def joint_group(
    study: Study, sources: LayeredSources, settings: LayeredSettings, engine: LayeredCut, progress: ProgressCallback
) -> str:
    """Joint solution and projections, in a group named after all that decides them."""
    identity = layered_identity(study, sources, settings)
    group = f"cut-{digest_of(identity)[:16]}"
    path = f"{CUTS}/{group}"
    if study.store.intact(path) and _rows_are_there(study, study.store.attributes(path)["derived"], sources.images):
        report(progress, 1, 1, "Eigenvectors are there")
        return group
    apart = settings.heads == "apart"
    tokens = [(p, t) for p in _pathways(settings.pathway) for t in sources.tokens(p, heads_apart=apart)]
    report(progress, 0, 1, f"A joint cut of {len(tokens)} layers' graphs of {len(sources.images)} pictures")
    engine.fit([layer for _, layer in tokens], span(progress, 0.0, 0.95))
    joint, projections, values = rows_of(engine, [layer for _, layer in tokens])
    rows = _by_slot(sources, joint, projections)
    sets = _write_sets(study, sources, engine, group, settings, rows)
    networks = [sets[source].nodes(layers, False) for source, layers in ((_JOINT, (0,)), *sources.layers.items())]
    index = NodeIndex(networks, sources.images)
    record = _record(sources, engine, settings.pathway, {name: s.name for name, s in sets.items()})
    attributes = {
        "recipe": {
            **identity,
            "method": f"{settings.solver}, {settings.pathway}",
            "gamma": settings.affinity_gamma,
            "versions": versions("torch", "numpy", "scipy"),
        },
        "index": index.as_dict(),
        "alignment": None,
        "warnings": [],
        "derived": [features.name for features in sets.values()],
        "layered": record.as_dict(),
    }
    eigenvectors = np.concatenate([values.reshape(-1, values.shape[2]) for values in rows.values()])
    with study.store.building(path, attributes):
        study.store.save_array(f"{path}/eigenvectors", np.ascontiguousarray(eigenvectors, dtype="<f4"))
        study.store.save_array(f"{path}/eigenvalues", values)
    return group


_Rows = dict[tuple[str, int], NDArray[np.float32]]


def _by_slot(sources: LayeredSources, joint: NDArray[np.float32], projections: Sequence[NDArray[np.float32]]) -> _Rows:
    """Rows of the joint solution and of each layer's projection, (pictures, tokens, C), in the order of the nodes."""
    n_slots = len(sources.slots)
    rows: _Rows = {(_JOINT, 0): joint}
    for number, slot in enumerate(sources.slots):
        # of both pathways, a layer passes on the mean of what its two graphs do
        rows[slot] = np.mean(projections[number::n_slots], axis=0, dtype=np.float32)
    return rows


def _write_sets(
    study: Study, sources: LayeredSources, engine: LayeredCut, group: str, settings: LayeredSettings, rows: _Rows
) -> dict[str, FeatureSet]:
    """The joint solution and the projections as feature sets, which all that reads features can read."""
    sets: dict[str, FeatureSet] = {}
    n_images = len(study.pictures)
    for name, layers in ((_JOINT, (0,)), *sources.layers.items()):
        source = None if name == _JOINT else sources.any_set(name)
        grid = engine.grid_
        title = "Joint solution of all layers" if source is None else str(source.note.get("title", source.network))
        features = FeatureSet.create(
            study.store,
            {
                "network": name,
                "tap": settings.pathway,
                "input_size": [0, 0] if source is None else list(source.input_size),
                "default_size": True,
                "precision": "float32",
                "storage": "float32",
                "weights": group,
            },
            rows=grid.rows if source is None else source.rows,
            columns=grid.columns if source is None else source.columns,
            class_token=False,
            batch=_CHUNK,
            note={"title": title, "weights": "" if source is None else source.note.get("weights", "")},
            keep=[s.name for s in sets.values()],
            derived=True,
            grids=None if source is None else source.grids(layers),
        )
        sets[name] = features
        features.prepare(dict.fromkeys(layers, engine.n_components), n_images)
        images = np.asarray(sources.images)
        order = np.argsort(images, kind="stable")
        for chunk in np.unique(images // _CHUNK):
            here = order[images[order] // _CHUNK == chunk]
            values = {layer: rows[name, layer][here] for layer in layers}
            features.write(values, [int(image) for image in images[here]])
    return sets


def _record(sources: LayeredSources, engine: LayeredCut, pathway: str, names: dict[str, str]) -> LayeredRecord:
    slots = [(p, *slot) for p in _pathways(pathway) for slot in sources.slots]
    graphs = []
    # of single pictures: means over them
    agreement, weights = (np.atleast_2d(each).mean(axis=0) for each in (engine.agreement_, engine.weights_))
    for number, (layer, head) in enumerate(engine.graph_layers_):
        of, network, own = slots[layer]
        grid = engine.terms_.grids[number]
        graphs.append(
            GraphRecord(
                network=network,
                layer=own,
                head=head,
                pathway=of,
                agreement=float(agreement[number]),
                weight=float(weights[number]),
                eigen=float(engine.terms_.eigen[number]),
                orthogonality=float(engine.terms_.orthogonality[number]),
                rows=grid.rows,
                columns=grid.columns,
            )
        )
    sets = {name: network for network, name in names.items() if network != _JOINT}
    return LayeredRecord(pathway, names[_JOINT], sets, tuple(graphs))
