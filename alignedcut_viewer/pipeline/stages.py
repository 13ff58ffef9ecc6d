"""The stages in their order: extract, align, cut, colour, map. Each is kept, and none is done twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import digest_of
from ..device import physical_memory
from ..errors import InputError, StudyError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report, span
from ..study.cut import Cut
from ..study.cut_names import COLOUR, CUTS, MAP, name_of_cut
from ..study.study import Study
from ..versions import software_version, versions
from . import alignment_stage, extraction
from .activation_stage import brain_activation, has_readout
from .alignment_stage import align, load_alignment, portable_alignment
from .colour_keeping import turn_onto_earlier
from .concept_carrying import carry_concepts
from .extraction import extract
from .kept_fits import LANDMARKS, keep_fit
from .map_stage import build_map
from .settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings

if TYPE_CHECKING:
    from ..images import PictureSet
    from ..spectral import SpectralTSNE
    from .layered_settings import LayeredSettings

__all__ = [
    "AlignSettings",
    "ColourSettings",
    "check_cut_name",
    "CutSettings",
    "ExtractSettings",
    "align",
    "cut",
    "colour_engine",
    "extract",
    "cut_identity",
    "cut_stage",
    "finish_cut",
    "load_alignment",
    "open_study",
    "portable_alignment",
    "removed_if_empty",
    "run",
]

_Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def run(
    source: _Source | PictureSet,
    study_path: str | os.PathLike[str],
    extract: ExtractSettings | None = None,
    align: AlignSettings | None = None,
    cut: CutSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    name: str | None = "default",
    announce: Callable[[str], None] | None = None,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> Study:
    """From pictures to a coloured cut.

    Parameters
    ----------
    source
        A folder, a glob, a file, a list of these, or a picture set.
    study_path
        The study's folder; one that is there is gone on with.
    extract, align, cut
        How; None takes the defaults. Where the cut names no networks or images, it takes those extracted here.
    progress
        Called all along; to cancel, it raises :class:`~alignedcut_viewer.errors.Cancelled`.
    name
        Name of the cut; None as for :func:`cut`.
    announce
        Told what the user should know, one line at a time.
    on_epoch
        Called with the record of each epoch of a training on brain data, for live curves.

    Returns
    -------
    Study
        Open for reading.

    Raises
    ------
    AlignedCutError
        If something does not fit; a study that was begun here and holds nothing yet is removed again.
    """
    cut = cut or CutSettings()
    study, images = open_study(study_path, source)
    with study, removed_if_empty(study):
        networks = extraction.extract(study, extract, span(progress, 0.0, 0.6), announce)
        if cut.networks is None:
            cut = replace(cut, networks=networks)
        if cut.images is None:
            there = set(study.node_index(networks, None if extract is None else extract.layers).images)
            cut = replace(cut, images=tuple(dict.fromkeys(image for image in images if image in there)))
        _cut(study, cut, name, span(progress, 0.6, 1.0), align=align, on_epoch=on_epoch)
    return Study.open(study_path)


def open_study(path: str | os.PathLike[str], source: _Source | PictureSet) -> tuple[Study, list[int]]:
    """A study of some pictures, open for writing: the one that is there, with the pictures added, or a new one.

    Parameters
    ----------
    path
        The study's folder.
    source
        A folder, a glob, a file, a list of these, or a picture set.

    Returns
    -------
    study : Study
        Open for writing.
    images : list of int
        Image number of each of the pictures.
    """
    from ..images import PictureSet, open_pictures

    pictures = source if isinstance(source, PictureSet) else open_pictures(source)
    if Study.is_vacant(path):
        study = Study.create(path, pictures)
        return study, list(range(len(pictures)))
    study = Study.open(path, writable=True)
    return study, study.add_pictures(pictures)


@contextlib.contextmanager
def removed_if_empty(study: Study) -> Iterator[None]:
    """Remove a study that is new when an exception leaves it without any features."""
    try:
        yield
    except BaseException:
        n_images, sets = len(study.pictures), study.networks.values()
        if study.store.is_new and not any(s.complete(layer, n_images).any() for s in sets for layer in s.layers):
            study.store.discard()
        raise


def cut(
    study: Study,
    settings: CutSettings | None = None,
    name: str | None = "default",
    progress: ProgressCallback | None = None,
    *,
    align: AlignSettings | None = None,
    on_update: Callable[[int, Any], None] | None = None,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> Cut:
    """Align, cut, colour and map the nodes of a study, as far as that was not done before.

    Where the alignment was trained on brain data, each node's activation of brain regions is computed too.

    Until the new result is complete the cut of that name stays what it was. What a cancelled run finished (an
    alignment, eigenvectors) is found again by the next. Concepts that the user named, pinned or merged go over to the
    new result as far as their nodes are in it; where some are not, the earlier cut stays under another name, and
    :attr:`~alignedcut_viewer.study.Cut.warnings` says so.

    Parameters
    ----------
    study
        Opened for writing.
    settings
        Which nodes, and how.
    name
        Name of the cut in the study; an earlier one of that name is replaced. None lets all stay: a result that is
        there keeps its name, another one takes a name that is free, ``cut 2``, ``cut 3``, …
    progress
        Called all along.
    align
        How layers and networks get into one channel space.
    on_update
        Called with the iteration and the landmarks' places while the colours settle.
    on_epoch
        Called with the record of each epoch of a training on brain data, for live curves.

    Returns
    -------
    Cut
        The result.

    Raises
    ------
    InputError
        If a setting does not fit.
    StudyError
        If features are missing, or the study was opened for reading.
    """
    from ..spectral import NormalizedCut

    settings = settings or CutSettings()
    study.store.require_writable()
    check_cut_name(name)
    # Made before any work, because they check their parameters.
    engine = NormalizedCut(**settings.arguments(NormalizedCut))
    colours = colour_engine(settings.colour)
    index = study.node_index(settings.networks, settings.layers, settings.images, settings.class_token)
    if settings.n_components >= len(index):
        raise InputError(
            f"{settings.n_components:,} eigenvectors were asked for, but the graph has {len(index):,} nodes; ask for "
            "fewer, such as 20."
        )
    needed = 4 * len(index) * settings.n_components
    if needed > physical_memory():
        raise InputError(
            f"{settings.n_components:,} eigenvectors of {len(index):,} nodes take {needed / 2**30:.0f} GiB, more than "
            "this machine has; ask for fewer, such as 20."
        )
    alignment = alignment_stage.align(study, index, align, span(progress, 0.0, 0.2), on_epoch=on_epoch)
    group = cut_stage(study, index, settings, alignment, engine, span(progress, 0.2, 0.6))
    result = finish_cut(study, name, group, settings, colours, span(progress, 0.6, 0.97), on_update)
    if has_readout(study, alignment):
        brain_activation(study, result.name, span(progress, 0.97, 1.0))
    report(progress, 1000, 1000, "Finished")
    return result


_cut = cut  # a name that the parameter of run does not hide


def check_cut_name(name: str | None) -> None:
    """Raise an InputError if a cut cannot be called so."""
    if name is not None and (not name or name != name.strip()):
        raise InputError(f"A cut needs a name without blanks around it; got {name!r}.")


def finish_cut(
    study: Study,
    name: str | None,
    group: str,
    settings: CutSettings | LayeredSettings,
    colours: SpectralTSNE,
    progress: ProgressCallback | None = None,
    on_update: Callable[[int, Any], None] | None = None,
) -> Cut:
    """Colour and map eigenvectors that are on disk, carry the concepts over, and make it all the cut of a name.

    Parameters
    ----------
    study, name, progress, on_update
        As for :func:`cut`.
    group
        Group of the eigenvectors, inside the group of all cuts.
    settings
        How it is coloured and mapped.
    colours
        The engine of the colours; see :func:`colour_engine`.
    """
    part = colour_stage(study, name, group, settings.colour, colours, span(progress, 0.0, 0.67), on_update)
    places = None if settings.map is None else build_map(study, group, settings.map, span(progress, 0.67, 0.95))
    if name is None:
        name = name_of_cut(study.store, group, part)
    carried = carry_concepts(study, name, group, part, span(progress, 0.95, 1.0))
    return study.publish_cut(
        name, group, part, places, concepts=carried.part, earlier=carried.earlier, notes=carried.notes
    )


def colour_engine(settings: ColourSettings) -> SpectralTSNE:
    """The t-SNE that makes colours."""
    from ..spectral import SpectralTSNE

    return SpectralTSNE(3, **settings.arguments(SpectralTSNE))


def cut_identity(study: Study, index: NodeIndex, settings: CutSettings, alignment: str | None) -> dict[str, Any]:
    """All that decides the eigenvectors of a graph, which are called after its digest."""
    exactly = {"orthonormal": settings.orthonormal or False} if settings.method == "knn" else {}  # what None stands for
    return {
        "index": digest_of(index.as_dict()),
        "features": {network.name: study.network(network.name).digest for network in index.networks},
        "pictures": digest_of(study.picture_digests(index.images)),
        "alignment": alignment,
        "settings": {
            key: value
            for key, value in settings.as_dict().items()
            if key not in ("networks", "layers", "images", "class_token", "colour", "map")
        }
        | exactly,
        "software": software_version(),
    }


def cut_stage(
    study: Study,
    index: NodeIndex,
    settings: CutSettings,
    alignment: str | None,
    engine: Any,
    progress: ProgressCallback,
) -> str:
    """Eigenvectors of the graph, in a group named after all that decides them."""
    identity = cut_identity(study, index, settings, alignment)
    group = f"cut-{digest_of(identity)[:16]}"
    path = f"{CUTS}/{group}"
    if study.store.intact(path):
        report(progress, 1, 1, "Eigenvectors are there")
        return group
    damaged = study.store.checksum(f"{path}/eigenvectors") if study.store.exists(path) else None
    warnings: list[str] = []
    maps = None
    if alignment is not None:
        maps = load_alignment(study, alignment)
        warning = study.store.attributes(f"alignments/{alignment}").get("warning")
        if warning:
            warnings.append(warning)
    report(progress, 0, 1, f"Cutting a graph of {len(index)} nodes")
    features = study.node_features(index, maps)
    eigenvectors = engine.fit_transform(features, progress=progress)
    attributes = {
        "recipe": {
            **identity,
            "method": getattr(engine, "method_", settings.method),
            "gamma": getattr(engine, "gamma_", settings.gamma),
            "versions": versions("torch", "numpy", "scipy"),
        },
        "index": index.as_dict(),
        "alignment": alignment,
        "warnings": warnings,
    }
    values = np.ascontiguousarray(eigenvectors, dtype="<f4")
    if damaged not in (None, hashlib.sha256(values.data).hexdigest()):
        _remove_derived(study, path)  # of another machine or library than what was damaged
    with study.store.building(path, attributes):
        study.store.save_array(f"{path}/eigenvectors", values)
        study.store.save_array(f"{path}/eigenvalues", np.asarray(engine.eigenvalues_))
        keep_fit(study.store, path, engine)
    return group


def _remove_derived(study: Study, path: str) -> None:
    """Remove what was computed from eigenvectors, so that it is computed again; concepts stay as their nodes do.

    Colours and map keep their descriptions: whoever goes on after a kill learns from them how they were made.
    """
    for part in study.store.groups(path):
        if part.startswith("segments"):
            study.store.remove(f"{path}/{part}")
        elif part.split("-")[0] in (COLOUR, MAP):
            for array in study.store.groups(f"{path}/{part}"):
                study.store.remove(f"{path}/{part}/{array}")


def colour_stage(
    study: Study,
    name: str | None,
    group: str,
    settings: ColourSettings,
    engine: Any,
    progress: ProgressCallback,
    on_update: Callable[[int, Any], None] | None = None,
) -> str:
    """Embedding and colours of a cut, in a group inside it named after the settings."""
    from ..spectral import rgb

    identity = {"settings": settings.as_dict(), "software": software_version()}
    part = f"{COLOUR}-{digest_of(identity)[:16]}"
    path = f"{CUTS}/{group}/{part}"
    if study.store.intact(path):
        report(progress, 1, 1, "Colours are there")
        return part
    report(progress, 0, 1, "Colouring")
    eigenvectors = study.store.view(f"{CUTS}/{group}/eigenvectors")
    if not len(eigenvectors):
        raise StudyError("The graph has no nodes to colour.")
    embedding = np.asarray(engine.fit_transform(eigenvectors, progress=progress, on_update=on_update), dtype=np.float32)
    embedding, turn = turn_onto_earlier(study, name, group, part, embedding)
    colours = rgb(embedding, quantile=settings.quantile)
    attributes = {
        "recipe": {
            **identity,
            "turned": None if turn is None else turn.as_dict(),
            "perplexity": engine.perplexity_,
            "versions": versions("torch", "numpy"),
        }
    }
    with study.store.building(path, attributes):
        study.store.save_array(f"{path}/embedding", embedding)
        study.store.save_array(f"{path}/rgb", colours)
        study.store.save_array(f"{path}/{LANDMARKS}", engine.landmarks_)
    return part
