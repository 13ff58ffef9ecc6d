"""Whether a study still holds what was put into it: pictures, weights, features and results, by their digests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ..array_files import ARRAYS
from ..errors import AlignedCutError, PictureError, StudyError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report
from ..store import ALIGNMENTS
from ..study.cut_names import CUTS
from ..study.feature_set import FeatureSet
from ..study.picture_table import file_digest
from ..study.placed_pictures import PLACED
from ..study.segment_names import SEGMENTATIONS
from ..study.study import Study

__all__ = ["SEALED", "Finding", "check_study", "missing_features"]

SEALED = "sealed as it is"
"""The remedy for a result that is sound as far as can be told, and has no checksums yet."""

Kind = Literal["picture", "weights", "features", "alignment", "cut", "segments"]


@dataclass(frozen=True)
class Finding:
    """One thing in a study that is not as it was put there.

    Attributes
    ----------
    kind
        What sort of thing it is.
    name
        Which: a picture, a feature set, an alignment, segments, or the cut it belongs to.
    part
        What of it, such as the path of an array inside the study; "" where it is the whole.
    fault
        What it is instead, in a few words.
    remedy
        What :func:`~alignedcut_viewer.pipeline.repair_study` does about it; "" where it can do nothing, and for what is
        no damage (a picture that was moved away, weights that are not at hand).
    harmless
        Whether results stay right all the same.
    """

    kind: Kind
    name: str
    part: str
    fault: str
    remedy: str = ""
    harmless: bool = False

    def __str__(self) -> str:
        where = f"{self.kind} {self.name}" + (f", {self.part}" if self.part else "")
        return f"{where}: {self.fault}" + (f"; can be {self.remedy}" if self.remedy else "")


def check_study(study: Study, progress: ProgressCallback | None = None, *, weights: bool = True) -> list[Finding]:
    """Read all that a study holds, and compare it with the digests that were taken when it was put there.

    Nothing is changed, and nothing is downloaded.

    Parameters
    ----------
    study
        The study; reading is enough.
    progress
        Told after every picture and every result.
    weights
        Whether networks whose weights are on this machine are loaded and compared, too.

    Returns
    -------
    list of Finding
        What is not as it was; empty where all is well.
    """
    study.store.files.read_anew()
    results = _results(study)
    sets = list(study.networks.values())
    derived = _derived(study)
    total = len(study.pictures) + 2 * len(sets) + len(derived) + len(results)
    found: list[Finding] = []
    done = 0
    for image in range(len(study.pictures)):
        report(progress, done, total, "Pictures")
        found += _picture(study, image)
        done += 1
    for features in sets:
        report(progress, done, total, f"Features of {features.name}")
        found += _features(features, len(study.pictures))
        report(progress, done + 1, total, f"Weights of {features.network}")
        found += _weights(features) if weights else []
        done += 2
    for cut, features in derived:
        report(progress, done, total, f"Rows of the joint cut {cut}")
        lost = _features(features, len(study.pictures))
        found += [replace(one, kind="cut", name=cut, part=features.name, remedy=_remedy("cut", "")) for one in lost]
        done += 1
    found += _missing(study)
    for kind, name, group in results:
        report(progress, done, total, f"{kind} {name}")
        found += _result(study, kind, name, group)
        done += 1
    report(progress, total, total, "Checked")
    return found


def _derived(study: Study) -> list[tuple[str, FeatureSet]]:
    """The rows that joint cuts keep as features of their own, by the name of the cut."""
    every, found = FeatureSet.all_of(study.store), []
    for name, entry in sorted(study.store.attributes(CUTS)["current"].items()):
        with contextlib.suppress(StudyError):
            names = study.store.attributes(f"{CUTS}/{entry['cut']}").get("derived", ())
            found += [(name, every[one]) for one in names if one in every]
    return found


def _picture(study: Study, image: int) -> list[Finding]:
    record = study.pictures[image]
    if record.digest is None:
        return []
    try:
        same = file_digest(study.picture_path(image)) == record.digest
    except PictureError as error:
        return [Finding("picture", record.name, "", f"not available ({error})", harmless=True)]
    return [] if same else [Finding("picture", record.name, "", "its file has changed", "extracted again")]


def _features(features: FeatureSet, n_images: int) -> list[Finding]:
    try:
        lost = features.damaged(n_images, thoroughly=True)
    except StudyError as error:
        return [Finding("features", features.name, "", str(error))]
    return [
        Finding(
            "features",
            features.name,
            f"layer {layer}",
            f"chunks of {len(images)} pictures are missing or not what was written",
            "extracted again",
        )
        for layer, images in lost.items()
    ]


def _missing(study: Study) -> list[Finding]:
    """Features of unchanged pictures that a cut was made of and that are not there: a repair was stopped, perhaps."""
    every = FeatureSet.all_of(study.store)
    found: dict[Finding, None] = {}
    for name, group in _cut_groups(study):
        with contextlib.suppress(StudyError):
            index = NodeIndex.from_dict(study.store.attributes(group)["index"])
            for (network, layer), images in missing_features(study, index).items():
                fault = f"features of {len(images)} pictures are missing that the cut {name} was made of"
                if every[network].derived:
                    found[Finding("cut", name, network, fault, _remedy("cut", ""))] = None
                else:
                    found[Finding("features", network, f"layer {layer}", fault, "extracted again")] = None
    return list(found)


def missing_features(study: Study, index: NodeIndex) -> dict[tuple[str, int], list[int]]:
    """Images of a cut whose features are not there although their pictures are what they were.

    Parameters
    ----------
    study
        The study; reading is enough.
    index
        Nodes of the cut.

    Returns
    -------
    dict
        Image numbers by the name of the feature set and the layer.
    """
    every, n_images = FeatureSet.all_of(study.store), len(study.pictures)
    unchanged = [i for i in index.images if study.pictures[i].digest is not None and i not in study.skipped]
    found: dict[tuple[str, int], list[int]] = {}
    for network in index.networks:
        for layer in network.layers if network.name in every else ():
            done = every[network.name].complete(layer, n_images)
            if lost := [image for image in unchanged if not done[image]]:
                found[network.name, layer] = lost
    return found


def _weights(features: FeatureSet) -> list[Finding]:
    from ..backbones import load_backbone

    try:
        with _offline():
            size = features.key.get("window", features.input_size)  # which position embeddings are resampled to
            backbone = load_backbone(
                features.network, input_size=size, device="cpu", precision="float32", fallback=False
            )
    except AlignedCutError as error:
        return [Finding("weights", features.name, "", f"not at hand to be compared ({error})", harmless=True)]
    if backbone.digest == features.key["weights"]:
        return []
    held = f"those at hand now have the digest {str(backbone.digest)[:12]}, not {str(features.key['weights'])[:12]}"
    return [Finding("weights", features.name, "", f"{held}; extracting begins another set", harmless=True)]


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Take weights from this machine only."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before


def _cut_groups(study: Study) -> list[tuple[str, str]]:
    """Name and group of every cut, also of those that pictures were placed in."""
    named = sorted(study.store.attributes(CUTS)["current"].items())
    return [(name, f"{CUTS}/{entry['cut']}") for name, now in named for entry in _entries(study, now)]


def _results(study: Study) -> list[tuple[Kind, str, str]]:
    """Kind, name and group of every result that a cut refers to, the groups inside it included."""
    found: list[tuple[Kind, str, str]] = []
    seen: set[str] = set()
    named = sorted(study.store.attributes(CUTS)["current"].items())
    for name, entry in [(name, each) for name, now in named for each in _entries(study, now)]:
        group = f"{CUTS}/{entry['cut']}"
        inside = [f"{group}/{part}" for part in sorted(set(entry.values()) - {entry["cut"]})]
        others = [f"{group}/{part}" for part in study.store.groups(group)]
        with contextlib.suppress(StudyError):
            alignment = study.store.attributes(group).get("alignment")
            if alignment is not None and alignment not in seen:
                seen.add(alignment)
                found.append(("alignment", alignment, f"{ALIGNMENTS}/{alignment}"))
        for path in dict.fromkeys([group, *inside, *others]):
            if path not in seen and not _is_array(study, path):
                seen.add(path)
                found.append(("cut", name, path))
    if study.store.exists(SEGMENTATIONS):
        for name, own in sorted(study.store.attributes(SEGMENTATIONS)["current"].items()):
            found.append(("segments", name, f"{SEGMENTATIONS}/{own}"))
    return found


def _entries(study: Study, entry: dict[str, str]) -> list[dict[str, str]]:
    """What a name stands for, and before it the cut that pictures were placed in, where some were."""
    with contextlib.suppress(StudyError):
        placed = study.store.attributes(f"{CUTS}/{entry['cut']}").get(PLACED)
        if placed is not None:
            return [placed["of"], entry]
    return [entry]


def _is_array(study: Study, path: str) -> bool:
    group, _, name = path.rpartition("/")
    with contextlib.suppress(StudyError):
        return name in study.store.attributes(group).get(ARRAYS, {}) or "data_type" in study.store.description(path)
    return False


def _result(study: Study, kind: Kind, name: str, group: str) -> list[Finding]:
    store, part = study.store, group.rpartition("/")[2]
    remedy = _remedy(kind, part)
    try:
        attributes = store.attributes(group)
        if ARRAYS not in attributes:
            why = "made by a version that took no checksums, so that only lengths can be compared"
            return [Finding(kind, name, group, why, SEALED, harmless=True)]
        return [Finding(kind, name, f"{group}/{array}", fault, remedy) for array, fault in store.faults(group).items()]
    except StudyError as error:
        return [Finding(kind, name, group, str(error), remedy if part.split("-")[0] in ("colour", "map") else "")]


def _remedy(kind: Kind, part: str) -> str:
    if kind == "cut" and part.split("-")[0] == "concepts":
        return "taken from its copy or computed again"
    return "computed again" if kind != "segments" else ""  # they hold what a person corrected
