"""Mending a study: what is damaged and can be computed again is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from ..array_files import ARRAYS
from ..atomic_files import digest_of
from ..errors import AlignedCutError, StudyError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, span
from ..store import ALIGNMENTS
from ..study.brain_activation import BRAIN_ACTIVATION
from ..study.concept_set import COPY
from ..study.cut import Cut
from ..study.cut_names import COLOUR, CONCEPTS, CUTS, MAP, current_cuts
from ..study.feature_set import FeatureSet
from ..study.study import Study
from . import alignment_stage
from .activation_stage import activation_of
from .adding import PLACED_TOGETHER
from .checking import SEALED, Finding, check_study, missing_features
from .concept_stage import aligned_features, save_concepts
from .cut_placer import CutPlacer
from .extraction import extract
from .kept_fits import FIT
from .layered_settings import LayeredSettings
from .layered_sources import find_sources
from .layered_stage import joint_group, layered_identity
from .map_stage import build_map
from .placed_cut import write_rows_again
from .settings import AlignSettings, ColourSettings, CutSettings, ExtractSettings, MapSettings
from .stages import colour_engine, colour_stage, cut_identity, cut_stage, finish_cut

__all__ = ["repair_study"]


class _Step(NamedTuple):
    """One thing that is mended as a whole."""

    kind: Literal["features", "alignment", "cut"]
    name: str
    mend: Callable[[ProgressCallback], None]


def repair_study(
    study: Study,
    findings: list[Finding],
    progress: ProgressCallback | None = None,
    announce: Callable[[str], None] | None = None,
) -> list[Finding]:
    """Compute again what is damaged and can be.

    Parameters
    ----------
    study
        Open for writing.
    findings
        What :func:`~alignedcut_viewer.pipeline.check_study` found.
    progress
        Told all along.
    announce
        Told in one sentence of each thing that could not be mended, and why.

    Returns
    -------
    list of Finding
        What is still damaged afterwards, from a second check.
    """
    study.store.require_writable()
    steps: list[_Step] = []
    for finding in findings:
        if finding.remedy == SEALED:
            _seal(study, finding.part)
    findings = [finding for finding in findings if finding.remedy not in ("", SEALED)]
    if any(finding.kind == "picture" for finding in findings):
        study.check_pictures()
    sets = {f.name for f in findings if f.kind == "features"}
    if any(f.kind == "picture" for f in findings):
        sets |= set(study.networks)
    steps += [_Step("features", name, partial(_extract, study, name)) for name in sorted(sets)]
    names = {f.name for f in findings if f.kind == "alignment"}
    steps += [_Step("alignment", name, partial(_align, study, name)) for name in sorted(names)]
    cuts = {f.name for f in findings if f.kind == "cut"}
    for name in sorted(cuts):
        own = [f for f in findings if f.kind == "cut" and f.name == name]
        steps.append(_Step("cut", name, partial(_cut, study, name, own)))
    broken: set[str] = set()
    for number, step in enumerate(steps):
        try:
            if lost := _made_of(study, step) & broken:
                raise StudyError(f"its features {', '.join(sorted(lost))} are to be mended first.")
            step.mend(span(progress, 0.8 * number / len(steps), 0.8 * (number + 1) / len(steps)))
        except AlignedCutError as error:
            if step.kind == "features":
                broken.add(step.name)
            if announce is not None:
                announce(f"{step.kind} {step.name} could not be mended: {error}")
    return check_study(study, span(progress, 0.8, 1.0), weights=False)


def _extract(study: Study, name: str, progress: ProgressCallback) -> None:
    features = study.network(name)
    features.forget_at(features.damaged(len(study.pictures), thoroughly=True))
    settings = ExtractSettings(
        networks=(features.network,),
        layers=features.layers,
        tap=features.tap,
        input_size=features.input_size,
        window=features.key["window"][0] if "window" in features.key else None,
        precision=str(features.key["precision"]),
        storage=str(features.key["storage"]),
        batch_size=features.batch,
        fallback=False,
    )
    extract(study, settings, progress)


def _align(study: Study, name: str, progress: ProgressCallback) -> None:
    recipe = study.store.attributes(f"{ALIGNMENTS}/{name}")["recipe"]
    method = str(recipe["method"])
    users = _users(study, name)
    if method not in ("hyperalignment", "shipped") or not users:
        raise StudyError(f"it was made by the method {method!r}; cut again with the file or the data it came from.")
    _require_features(study, users[0])
    settings = AlignSettings.from_dict({"method": method, **recipe.get("settings", {})})
    again = alignment_stage.align(study, users[0], settings, progress)
    if again != name:
        raise StudyError("its pictures, features or this program's version have changed since; cut again.")


def _users(study: Study, alignment: str) -> list[NodeIndex]:
    """Nodes of the cuts that an alignment leads to."""
    attributes = (study.store.attributes(f"{CUTS}/{group}") for group in study.store.groups(CUTS))
    return [NodeIndex.from_dict(one["index"]) for one in attributes if one.get("alignment") == alignment]


def _made_of(study: Study, step: _Step) -> set[str]:
    """Feature sets that are read to mend something."""
    if step.kind == "features":
        return set()
    if step.kind == "alignment":
        return {network.name for index in _users(study, step.name)[:1] for network in index.networks}
    attributes = study.store.attributes(f"{CUTS}/{current_cuts(study.store)[step.name]['cut']}")
    own = {network.name for network in NodeIndex.from_dict(attributes["index"]).networks}
    return own | set(attributes["recipe"]["layers"] if "layered" in attributes else ())


def _cut(study: Study, name: str, findings: list[Finding], progress: ProgressCallback) -> None:
    cut = study.cut(name)
    if cut.placed is None:
        _made_cut(study, cut, current_cuts(study.store)[name], findings, progress)
        return
    # All is mended in its place: whoever stops this finds the pictures where they were.
    made = Cut(study.store, name, f"{CUTS}/{cut.placed.of['cut']}", cut.placed.of[COLOUR])
    of_made = [f for f in findings if f"{f.part}/".startswith(f"{CUTS}/{made.group}/")]
    rows = _made_cut(study, made, cut.placed.of, of_made, span(progress, 0.0, 0.5))
    damaged = _damaged_parts(cut, [f for f in findings if f not in of_made])
    _mend_parts(study, cut, damaged, progress)
    if rows or any(part.split("-")[0] in ("", COLOUR, MAP, BRAIN_ACTIVATION) for part in damaged):
        _place_again(study, name, cut.placed.images, span(progress, 0.5, 1.0))


def _made_cut(
    study: Study, cut: Cut, entry: Mapping[str, str], findings: list[Finding], progress: ProgressCallback
) -> bool:
    """Mend a cut as it was made; whether anything was that has one row a node."""
    damaged = _damaged_parts(cut, findings)
    if FIT in damaged:
        study.store.remove(f"{CUTS}/{cut.group}/{FIT}")  # the cut is fitted once more when a picture is added
    if again := bool(damaged & {"", entry[COLOUR], entry.get(MAP)}):
        _cut_again(study, cut.name, entry, progress)
    _mend_parts(study, cut, damaged, progress)
    if activation := BRAIN_ACTIVATION in damaged or (again and cut.brain_activation is not None):
        _require_features(study, cut.index)
        activation_of(study, Cut(study.store, cut.name, f"{CUTS}/{cut.group}", entry[COLOUR]), progress)
    return again or activation


def _damaged_parts(cut: Cut, findings: list[Finding]) -> set[str]:
    """Names of all that is damaged inside a cut, "" for arrays of its own."""
    return {_part_of(finding.part, f"{CUTS}/{cut.group}") for finding in findings}


def _mend_parts(study: Study, cut: Cut, damaged: set[str], progress: ProgressCallback) -> None:
    """Mend concepts and segments of a cut whose features are sound."""
    group = f"{CUTS}/{cut.group}"
    for part in sorted(damaged):
        if part.split("-")[0] == CONCEPTS:
            _copy_back(study, f"{group}/{part}")
            _statistics_again(study, cut, f"{group}/{part}", progress)
        elif part.startswith("segments"):
            study.store.remove(f"{group}/{part}")  # they are computed again when somebody looks at them


def _require_features(study: Study, index: NodeIndex) -> None:
    """Nothing is computed from features that were given up, whose bytes may lie there still."""
    for (name, layer), images in missing_features(study, index).items():
        raise StudyError(f"the features of {len(images)} of its pictures are missing in {name}, layer {layer}.")


def _place_again(study: Study, name: str, images: Sequence[int], progress: ProgressCallback) -> None:
    """Place pictures of a cut in it once more, by the features that the study has of them."""
    _require_features(study, study.cut(name).index)
    placer = CutPlacer(study, name, span(progress, 0.0, 0.3))
    held = {slot: study.network(slot.network).tokens(slot.layer) for slot in placer.slots}
    rows = []
    for start in range(0, len(images), PLACED_TOGETHER):
        batch = images[start : start + PLACED_TOGETHER]
        features = {slot: np.stack([tokens[image] for image in batch]) for slot, tokens in held.items()}
        part = span(progress, 0.3 + 0.6 * start / len(images), 0.3 + 0.6 * (start + len(batch)) / len(images))
        rows.append(placer.place(features, part))
    write_rows_again(study, name, rows)


def _part_of(path: str, group: str) -> str:
    """Name of the group inside a cut that a damaged path lies in; "" for the cut's own arrays, and rows it keeps."""
    if not path.startswith(group):
        return ""
    inside = path.removeprefix(group).strip("/").split("/")
    first = inside[0]
    return first if len(inside) > 1 or "-" in first or first in (BRAIN_ACTIVATION, FIT) else ""


def _cut_again(study: Study, name: str, entry: Mapping[str, str], progress: ProgressCallback) -> None:
    from ..spectral import NormalizedCut

    store = study.store
    group = f"{CUTS}/{entry['cut']}"
    attributes = store.attributes(group)
    recipe, index = attributes["recipe"], NodeIndex.from_dict(attributes["index"])
    if "layered" in attributes:
        _joint_cut_again(study, name, entry, attributes, progress)
        return
    if "settings" not in recipe or not entry["cut"].startswith("cut-"):
        raise StudyError("it was made in a way that cannot be repeated from its recipe; make it again as before.")
    known = {key: value for key, value in recipe["settings"].items() if key in CutSettings.__dataclass_fields__}
    colour = _settings_of(study, group, entry["colour"], ColourSettings)
    place = _settings_of(study, group, entry[MAP], MapSettings) if MAP in entry else None
    settings = CutSettings.from_dict({**known, "colour": colour, "map": place})
    alignment = attributes.get("alignment")
    identity = cut_identity(study, index, settings, alignment)
    if f"cut-{digest_of(identity)[:16]}" != entry["cut"]:
        raise StudyError("its pictures, features or this program's version have changed since; cut again.")
    _require_features(study, index)
    engine, colours = NormalizedCut(**settings.arguments(NormalizedCut)), colour_engine(settings.colour)
    cut_stage(study, index, settings, alignment, engine, span(progress, 0.0, 0.5))
    if entry["cut"] == current_cuts(store)[name]["cut"]:
        finish_cut(study, name, entry["cut"], settings, colours, span(progress, 0.5, 1.0))
        return
    colour_stage(study, name, entry["cut"], settings.colour, colours, span(progress, 0.5, 0.8))
    if settings.map is not None:
        build_map(study, entry["cut"], settings.map, span(progress, 0.8, 1.0))


def _joint_cut_again(
    study: Study, name: str, entry: Mapping[str, str], attributes: dict[str, Any], progress: ProgressCallback
) -> None:
    recipe = attributes["recipe"]
    group, every = f"{CUTS}/{entry['cut']}", FeatureSet.all_of(study.store)
    for features in (every[one] for one in attributes["derived"] if one in every):
        features.forget_at(features.damaged(len(study.pictures), thoroughly=True))
    known = {key: value for key, value in recipe["settings"].items() if key in LayeredSettings.__dataclass_fields__}
    colour = _settings_of(study, group, entry["colour"], ColourSettings)
    place = _settings_of(study, group, entry[MAP], MapSettings) if MAP in entry else None
    settings = LayeredSettings.from_dict({**known, "colour": colour, "map": place})
    layers = sorted({layer for own in recipe["layers"].values() for layer in own})
    sources = find_sources(study, settings.pathway, tuple(recipe["layers"]), layers, recipe["images"])
    if f"cut-{digest_of(layered_identity(study, sources, settings))[:16]}" != entry["cut"]:
        raise StudyError("its pictures, features or this program's version have changed since; cut again.")
    joint_group(study, sources, settings, settings.engine(), span(progress, 0.0, 0.6))
    finish_cut(study, name, entry["cut"], settings, colour_engine(settings.colour), span(progress, 0.6, 1.0))


def _settings_of(study: Study, group: str, part: str, kind: Any) -> dict[str, Any]:
    """Settings of a part of a cut from its recipe; the usual ones where that is damaged, too, and they fit its name."""
    try:
        settings: dict[str, Any] = study.store.attributes(f"{group}/{part}")["recipe"]["settings"]
    except (StudyError, KeyError):
        settings = kind().as_dict()
    return settings


def _copy_back(study: Study, group: str) -> None:
    """Take damaged arrays of concepts from their copies; the copies from the originals."""
    store = study.store
    entries = store.attributes(group)[ARRAYS]
    for array in store.faults(group).keys() - {"means", "stds", "counts"}:
        other = array.removesuffix(COPY) if array.endswith(COPY) else array + COPY
        if other not in entries or other in store.faults(group):
            raise StudyError("its concepts are damaged in both places where they are kept; discover them anew.")
        store.copy_chunk(f"{group}/{other}", f"{group}/{array}")


def _statistics_again(study: Study, cut: Cut, group: str, progress: ProgressCallback) -> None:
    """Compute the statistics of the channels of a cut's concepts again, where they are damaged."""
    from ..concepts import Concepts, channel_statistics

    store = study.store
    if not store.faults(group).keys() & {"means", "stds", "counts"}:
        return
    _require_features(study, cut.index)
    settings = store.attributes(group)["recipe"]["settings"]
    order, starts = store.view(f"{group}/order"), store.view(f"{group}/starts")
    sizes = np.diff(starts)
    labels = np.full(len(cut.index), -1, dtype=np.int32)
    labels[order] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    none = np.zeros(len(sizes), dtype=np.int64)
    parts = Concepts(none, none, np.zeros((len(sizes), 3), dtype=np.float32), 1.0, labels)
    statistics = channel_statistics(
        aligned_features(study, cut),
        parts,
        most=settings["statistics_nodes"],
        seed=int(settings["seed"]),
        progress=progress,
    )
    with store.building(group, dict(store.attributes(group))):
        save_concepts(store, group, parts, statistics)


def _seal(study: Study, group: str) -> None:
    """Take the checksums of a result that a version before them made."""
    store = study.store
    with store.building(group, dict(store.attributes(group))):
        for name in store.groups(group):
            if "data_type" in store.description(f"{group}/{name}"):
                store.note(f"{group}/{name}")
