"""What must hold of a study after a run on it was stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from alignedcut_viewer.errors import StorageError, StudyError
from alignedcut_viewer.study import Study
from tests.torture.homes import Home, Tree
from tests.torture.stages import USERS, Stage

__all__ = ["different", "faults_of", "readings"]


def faults_of(home: Home, stage: Stage, folder: Path, before: Tree, wanted: Tree) -> list[str]:
    """What is wrong with what a stopped run left.

    Parameters
    ----------
    home, stage, folder
        What was stopped, and where.
    before
        What the stage began from.
    wanted
        What it leaves when nobody stops it.
    """
    held = home.tree(folder)
    faults = []
    for name, digest in held.items():
        if not name.startswith("study/") and not _is_partial(name) and digest != wanted.get(name):
            faults.append(f"{name} is half-written")
    if "study/session.json" in held:
        faults += _session_faults(folder / "study" / "session.json")
    if "study/zarr.json" not in held:
        return [*faults, "the study is gone"] if "study/zarr.json" in before else faults
    first: Tree | None = None
    for place in home.views(folder):
        try:
            study = Study.open(place)
            faults += _faults_of_features(study, held, before, wanted)
            faults += _faults_of_cuts(study, held, before, wanted)
            seen = readings(study)
            first = seen if first is None else first
            faults += [f"{name} is read otherwise from another copy" for name in _names(seen, first)]
        except (StudyError, KeyError) as error:
            if stage.sound:
                faults.append(f"cannot be read: {error}")
    return faults


def _faults_of_features(study: Study, held: Tree, before: Tree, wanted: Tree) -> list[str]:
    faults = []
    for name, features in study.networks.items():
        for layer in features.layers:
            done = np.flatnonzero(features.complete(layer, len(study.pictures)))
            for chunk in np.unique(done // features.batch):
                key = f"study/features/{name}/layer_{layer:03d}/c/{chunk}/0/0"
                if held.get(key) not in (wanted[key], before.get(key)):
                    faults.append(f"{key} is not what it should be")
    return faults


def _faults_of_cuts(study: Study, held: Tree, before: Tree, wanted: Tree) -> list[str]:
    faults = []
    for name in study.cuts:
        cut = study.cut(name)
        arrays = {"map": cut.map2d, "vectors": cut.eigenvectors, "rgb": cut.rgb, "embedding": cut.embedding}
        faults += [f"{name} has no {key}" for key, values in arrays.items() if values is None]
        names = [] if cut.concepts is None else [concept.name for concept in cut.concepts]
        faults += [f"the concept {user} is gone" for user in USERS if user not in names]
        for key in (key for key in held if key.startswith(f"study/cuts/{cut.group}/")):
            if key.endswith("zarr.json") or _is_partial(key):
                continue
            if held[key] not in (wanted.get(key, held[key]), before.get(key)):
                faults.append(f"{key} is neither old nor new")
    return faults


def readings(study: Study) -> Tree:
    """Digests of all values that can be read: features of pictures that are done, and arrays of cuts."""
    read: dict[str, Any] = {}
    for name, features in study.networks.items():
        for layer in features.layers:
            done = np.flatnonzero(features.complete(layer, len(study.pictures)))
            values = np.asarray(features.array(layer)[:])
            read |= {f"picture {image} of {name}, layer {layer}": values[image] for image in done}
    for name in study.cuts:
        cut = study.cut(name)
        arrays = {"vectors": cut.eigenvectors, "map": cut.map2d, "rgb": cut.rgb, "embedding": cut.embedding}
        read |= {f"{key} of {name}": values for key, values in arrays.items() if values is not None}
    return {name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest() for name, values in read.items()}


def different(one: Tree, other: Tree) -> str:
    """Names of files that are not the same, the first six."""
    names = _names(one, other)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _names(one: Tree, other: Tree) -> list[str]:
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]


def _is_partial(name: str) -> bool:
    return ".partial" in name


def _session_faults(path: Path) -> list[str]:
    from alignedcut_viewer.viewer.state.session_file import read_session

    try:
        return [] if read_session(path).cut == "default" else ["the session is of another cut"]
    except StorageError as error:
        return [f"the session cannot be read: {error}"]
