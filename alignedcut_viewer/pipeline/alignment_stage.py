"""The alignment stage: which maps a cut uses, fitted or fetched once and kept in the study."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import digest_of
from ..errors import AlignmentError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report, span
from ..store import ALIGNMENTS
from ..study.picture_table import file_digest
from ..study.study import Study
from ..versions import software_version, versions
from .brain_pictures import BrainData, read_brain_data
from .brain_stage import BrainTraining
from .settings import AlignSettings

if TYPE_CHECKING:
    from ..alignment import ChannelAlignment

__all__ = ["ENOUGH_PICTURES", "align", "load_alignment", "portable_alignment"]

ENOUGH_PICTURES = 100
"""From this many pictures on, maps that are fitted to a study's own pictures can be trusted."""


def align(
    study: Study,
    index: NodeIndex,
    settings: AlignSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> str | None:
    """Make sure that the study holds the alignment that some nodes need.

    Parameters
    ----------
    study
        Opened for writing.
    index
        The nodes to be aligned.
    settings
        Which alignment.
    progress
        Called after each step.
    on_epoch
        Called with the record of each epoch of a training on brain data, for live curves.

    Returns
    -------
    str or None
        Name under which :func:`load_alignment` finds it; None where the nodes stay as they are.

    Raises
    ------
    AlignmentError
        If there is no alignment for these networks, or it does not fit.
    """
    settings = settings or AlignSettings()
    study.store.require_writable()
    if settings.brain is not None:
        study = study.for_training()
    method = _choose(study, index, settings)
    if method == "none":
        report(progress, 1, 1, "No alignment")
        return None
    identity: dict[str, Any] = {"method": method, "slots": [[s.network, s.layer] for s in index.slots]}
    if method == "file":
        if not Path(str(settings.file)).is_file():
            raise AlignmentError(f"There is no alignment file {settings.file}; make one with `alignedcut align`.")
        identity["file"] = file_digest(str(settings.file))
    if method == "hyperalignment":
        identity["settings"] = {
            key: value for key, value in settings.as_dict().items() if key not in ("method", "file", "brain")
        }
        identity["images"] = list(index.images)
        identity["pictures"] = digest_of(study.picture_digests(index.images))
        identity["class_token"] = [network.class_token for network in index.networks]
    if method in ("hyperalignment", "brain"):
        identity["nodes"] = "every token alike"
    brain: BrainData | None = None
    if settings.brain is not None:
        brain = read_brain_data(study, index.slots, settings.brain, span(progress, 0.0, 0.02))
        named = {key: value for key, value in settings.brain.as_dict().items() if key not in ("data", "pictures")}
        identity["brain"] = {**named, "data": brain.digest, "images": [int(image) for image in brain.images]}
        if settings.brain.maps is not None and Path(settings.brain.maps).is_file():
            identity["brain"]["maps"] = file_digest(settings.brain.maps)
        identity["settings"] = {"seed": settings.seed, "n_channels": settings.n_channels}
        identity["held"] = {network.name: study.network(network.name).n_held for network in index.networks}
    identity["features"] = {network.name: study.network(network.name).digest for network in index.networks}
    identity["software"] = software_version()
    name = f"alignment-{digest_of(identity)[:16]}"
    group = f"{ALIGNMENTS}/{name}"
    if study.store.intact(group):
        report(progress, 1, 1, "Alignment is there")
        return name
    warning: str | None = None
    training: BrainTraining | None = None
    if brain is not None:
        training = BrainTraining(study, index.slots, settings, brain)
        alignment, warning = training.train(progress=span(progress, 0.02, 1.0), on_epoch=on_epoch)
    elif method == "hyperalignment":
        alignment, warning = _fit(study, index, settings, progress)
    else:
        alignment = _fetch(study, index, settings, method)
    attributes = {
        "recipe": {**identity, "made": dict(alignment.recipe), "versions": versions("torch", "numpy")},
        "scores": dict(alignment.scores),
        "warning": warning,
    }
    with tempfile.TemporaryDirectory() as folder:
        data = alignment.save(Path(folder) / "alignment.safetensors").read_bytes()
    with study.store.building(group, attributes):
        # The chunk of this array is the safetensors file, byte by byte.
        study.store.save_array(f"{group}/safetensors", np.frombuffer(data, dtype=np.uint8))
    if training is not None:
        training.clean()
    return name


def load_alignment(study: Study, name: str) -> ChannelAlignment:
    """An alignment that the study holds; its slots are those of the study's feature sets.

    Raises
    ------
    StudyError
        If there is none of that name.
    DamagedError
        If it is not what was written.
    """
    from ..alignment import ChannelAlignment

    path = f"{ALIGNMENTS}/{name}/safetensors"
    study.store.require_intact(f"{ALIGNMENTS}/{name}")
    return ChannelAlignment.load(study.store.chunk(path))


def portable_alignment(study: Study, name: str) -> ChannelAlignment:
    """An alignment that the study holds as other studies know it: slots under the networks' own names.

    Raises
    ------
    AlignmentError
        If two feature sets of one network would get one name.
    """
    alignment = load_alignment(study, name)
    sets = study.for_training()
    own = {Slot(sets.network(slot.network).network, slot.layer): slot for slot in alignment.slots}
    if len(own) != len(alignment.slots):
        raise AlignmentError("Two feature sets of one network cannot share a file; align them one by one.")
    return alignment.renamed(own)


def _choose(study: Study, index: NodeIndex, settings: AlignSettings) -> str:
    if settings.method != "auto":
        return settings.method
    if len(index.slots) < 2:
        return "none"
    if len(index.images) >= ENOUGH_PICTURES:
        return "hyperalignment"
    return "shipped" if _shipped(study, index) is not None else "hyperalignment"


def _shipped(study: Study, index: NodeIndex) -> ChannelAlignment | None:
    """The alignment that travels with the package, where it covers all slots of the index."""
    from ..alignment import shipped_alignment

    sets = [study.network(network.name) for network in index.networks]
    taps = {features.tap for features in sets}
    networks = [features.network for features in sets]
    if len(taps) != 1 or len(set(networks)) != len(networks):
        return None
    alignment = shipped_alignment(networks, tap=taps.pop())
    if alignment is None or set(_known_as(study, index).values()) - set(alignment.slots):
        return None
    return alignment


def _known_as(study: Study, index: NodeIndex) -> dict[Slot, Slot]:
    """For each slot of the study what an alignment from elsewhere calls it: by the network's own name."""
    return {slot: Slot(study.network(slot.network).network, slot.layer) for slot in index.slots}


def _fetch(study: Study, index: NodeIndex, settings: AlignSettings, method: str) -> ChannelAlignment:
    from ..alignment import ChannelAlignment

    known_as = _known_as(study, index)
    if method == "shipped":
        found = _shipped(study, index)
        if found is None:
            names = ", ".join(dict.fromkeys(slot.network for slot in known_as.values()))
            raise AlignmentError(
                f"No alignment travels with the package for {names} at these layers; fit one to your own pictures "
                "with method 'hyperalignment', or leave the features unaligned with 'none'."
            )
    else:
        found = ChannelAlignment.load(Path(str(settings.file)))
        missing = [slot for slot in known_as.values() if slot not in found.slots]
        if missing:
            raise AlignmentError(f"The alignment {settings.file} holds no map for {missing[0]}.")
        taps = {study.network(network.name).tap for network in index.networks}
        if found.tap is not None and taps != {found.tap}:
            raise AlignmentError(
                f"The alignment {settings.file} was made for the tap {found.tap!r}, but the features are of "
                f"{', '.join(sorted(taps))}."
            )
    return found.renamed(known_as)


def _fit(
    study: Study, index: NodeIndex, settings: AlignSettings, progress: ProgressCallback | None
) -> tuple[ChannelAlignment, str | None]:
    from ..alignment import Hyperalignment, corresponding_features, sample_positions
    from ..alignment.correspondence import class_share

    positions = sample_positions(
        np.asarray(index.images, dtype=np.int64),
        settings.n_samples,
        class_share=class_share(index.networks),
        seed=settings.seed,
    )
    features = corresponding_features(
        {slot: study.network(slot.network).tokens(slot.layer) for slot in index.slots},
        {slot: (index.grid(*slot).rows, index.grid(*slot).columns) for slot in index.slots},
        positions,
        progress=span(progress, 0.0, 0.5),
    )
    hyperalignment = Hyperalignment(**settings.arguments(Hyperalignment))
    hyperalignment.fit(features, positions.image, progress=span(progress, 0.5, 1.0))
    taps = {study.network(network.name).tap for network in index.networks}
    alignment = hyperalignment.to_alignment(tap=taps.pop() if len(taps) == 1 else None)
    return alignment, hyperalignment.warning_
