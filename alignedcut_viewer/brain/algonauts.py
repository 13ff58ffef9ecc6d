"""The Algonauts 2023 release of the Natural Scenes Dataset, read exactly as it is unpacked.

::

    subj01/
      training_split/training_images/train-0001_nsd-00013.png …
      training_split/training_fmri/{lh,rh}_training_fmri.npy                 images × vertices, float32
      roi_masks/{lh,rh}.<family>_{challenge,fsaverage}_space.npy             label of each vertex
      roi_masks/{lh,rh}.all-vertices_fsaverage_space.npy                     1 where a vertex is in challenge space
      roi_masks/mapping_<family>.npy                                         label number to ROI name

The number of vertices differs between subjects and hemispheres (subject 1: 19,004 and 20,544).
Gifford et al. 2023, arXiv 2301.03198; Allen et al. 2022.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback, span
from .arrays import Problem, SideBySide, VoxelFaults, find_faults, map_npy, raise_fatal, read_label_mapping
from .dataset import HEMISPHERES, BrainDataset, PictureTable
from .rois import ROI_FAMILIES, RoiTable

__all__ = ["FSAVERAGE_VERTICES", "check_algonauts", "is_algonauts_folder", "open_algonauts"]

FSAVERAGE_VERTICES = 163_842
METADATA_FILE = "simulated.json"
_PICTURE_NAME = re.compile(r"train-(\d+)_nsd-(\d+)\.png", re.IGNORECASE)


@dataclass
class _Contents:
    """What was found in a subject's folder, and what is wrong with it."""

    folder: Path
    pictures: list[Path] = field(default_factory=list)
    responses: dict[str, NDArray[Any]] = field(default_factory=dict)
    labels: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    mappings: dict[str, dict[int, str]] = field(default_factory=dict)
    vertices: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fault(self, file: Path, message: str, *, fatal: bool = True) -> None:
        self.problems.append(Problem(str(file), message, fatal))

    def map(self, path: Path, n_dimensions: int, *, fatal: bool = True) -> NDArray[Any] | None:
        """The array in a file, or None with the fault written down."""
        try:
            array = map_npy(path)
        except InputError as error:
            self.problems.append(Problem(str(path), str(error).removeprefix(f"{path}: "), fatal))
            return None
        if array.ndim != n_dimensions or array.dtype.kind not in "fiub":
            what = "images × vertices" if n_dimensions == 2 else "one number a vertex"
            self.fault(path, f"it should hold {what}, but holds {array.dtype} of shape {array.shape}.", fatal=fatal)
            return None
        return array


def responses_file(folder: Path, hemisphere: str) -> Path:
    """Where the responses of one hemisphere lie."""
    return folder / "training_split" / "training_fmri" / f"{hemisphere}_training_fmri.npy"


def roi_file(folder: Path, hemisphere: str, family: str, space: str) -> Path:
    """Where the labels of one ROI family lie."""
    return folder / "roi_masks" / f"{hemisphere}.{family}_{space}_space.npy"


def mapping_file(folder: Path, family: str) -> Path:
    """Where the names of one ROI family lie."""
    return folder / "roi_masks" / f"mapping_{family}.npy"


def pictures_folder(folder: Path) -> Path:
    """Where the training pictures lie."""
    return folder / "training_split" / "training_images"


def is_algonauts_folder(folder: Path) -> bool:
    """Whether a folder looks like one subject of the release."""
    return (folder / "training_split").is_dir()


def check_algonauts(
    folder: str | Path, *, responses: bool = True, progress: ProgressCallback | None = None
) -> list[Problem]:
    """Say precisely what is missing or misshapen in a subject's folder.

    Parameters
    ----------
    folder
        ``subj01`` and so on.
    responses
        Also read all responses for NaN and all-zero voxels (one pass over the files).
    progress
        Progress callback.

    Returns
    -------
    list of Problem
        Each with its file; empty where all is well.
    """
    contents = _look(Path(folder))
    if responses:
        _faults(contents, progress)
    return contents.problems


def open_algonauts(
    folder: str | Path,
    *,
    families: tuple[str, ...] = ROI_FAMILIES,
    unusable: Literal["raise", "drop", "keep"] = "raise",
    progress: ProgressCallback | None = None,
) -> BrainDataset:
    """Open one subject of the Algonauts 2023 release; responses stay on disk until they are read.

    Parameters
    ----------
    folder
        ``subj01`` and so on.
    families
        ROI families to read.
    unusable
        What to do about voxels with NaN, with zero or with constant responses: ``"raise"``, ``"drop"`` (leave them
        out) or ``"keep"`` (do not even look, which saves one pass over the files).
    progress
        Progress callback for the pass over the responses.

    Returns
    -------
    BrainDataset
        Left hemisphere first, then right, each in challenge space; regions as the release labels them (``V1v``,
        ``FFA-1``; :meth:`RoiTable.merged` unites them).

    Raises
    ------
    InputError
        If anything is missing or misshapen; every fault is named with its file.
    """
    root = Path(folder)
    contents = _look(root, families)
    raise_fatal(contents.problems)
    columns = None
    if unusable != "keep":
        faults = _faults(contents, progress)
        if unusable == "raise":
            raise_fatal(contents.problems)
        columns = _usable(contents, faults)

    sizes = [contents.responses[h].shape[1] for h in HEMISPHERES]
    table = _roi_table(contents, "lh", families).beside(_roi_table(contents, "rh", families))
    vertex = None
    if len(contents.vertices) == 2:
        vertex = np.concatenate([contents.vertices[h] for h in HEMISPHERES])
    simulated = bool(contents.metadata.get("simulated", False))
    source = contents.metadata.get("source", "Natural Scenes Dataset, Algonauts 2023 release")
    dataset = BrainDataset.build(
        root.resolve().name,
        _picture_table(contents),
        SideBySide([contents.responses[h] for h in HEMISPHERES]),
        rois=table,
        subject=root.resolve().name,
        hemisphere=np.repeat(HEMISPHERES, sizes),
        voxel=np.concatenate([np.arange(size) for size in sizes]),
        fsaverage_vertex=vertex,
        noise_ceiling=_noise_ceiling(contents, sizes),
        simulated=simulated,
        source=f"{source} ({root})",
    )
    return dataset if columns is None else dataset.select(voxels=columns)


def _look(folder: Path, families: tuple[str, ...] = ROI_FAMILIES) -> _Contents:
    contents = _Contents(folder)
    if not folder.is_dir():
        contents.fault(folder, "there is no such folder.")
        return contents
    _read_metadata(contents)
    _look_at_pictures(contents)
    for hemisphere in HEMISPHERES:
        array = contents.map(responses_file(folder, hemisphere), 2)
        if array is not None:
            contents.responses[hemisphere] = array
            if contents.pictures and array.shape[0] != len(contents.pictures):
                contents.fault(
                    responses_file(folder, hemisphere),
                    f"it holds responses to {array.shape[0]:,} pictures, but {pictures_folder(folder)} holds "
                    f"{len(contents.pictures):,}; they must be equal.",
                )
    for family in families:
        _look_at_family(contents, family)
    for hemisphere in HEMISPHERES:
        _look_at_vertices(contents, hemisphere)
    return contents


def _read_metadata(contents: _Contents) -> None:
    path = contents.folder / METADATA_FILE
    if not path.is_file():
        return
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        contents.metadata = dict(metadata)
    except (ValueError, TypeError, OSError, RecursionError) as error:
        contents.fault(path, f"the description of the simulated data cannot be read ({error}).")


def _look_at_pictures(contents: _Contents) -> None:
    folder = pictures_folder(contents.folder)
    if not folder.is_dir():
        contents.fault(folder, "the folder of training pictures is missing.")
        return
    found = {path: _PICTURE_NAME.fullmatch(path.name) for path in folder.glob("*.[pP][nN][gG]")}
    strange = sorted(path for path, match in found.items() if match is None)
    if strange:
        contents.fault(
            strange[0],
            f"{len(strange)} pictures are not named like train-0001_nsd-00013.png, so that their row is not known.",
        )
    numbered = sorted((int(match.group(1)), path) for path, match in found.items() if match is not None)
    contents.pictures = [path for _, path in numbered]
    if not numbered and not strange:
        contents.fault(folder, "it holds no training pictures (train-0001_nsd-00013.png, …).")
    numbers = [number for number, _ in numbered]
    if numbers and numbers != list(range(1, len(numbers) + 1)):
        gap = next(n for n, number in enumerate(numbers, start=1) if n != number)
        contents.fault(folder, f"training picture number {gap} is missing, or is there twice.")


def _look_at_family(contents: _Contents, family: str) -> None:
    path = mapping_file(contents.folder, family)
    try:
        contents.mappings[family] = read_label_mapping(path)
    except InputError as error:
        contents.fault(path, str(error).removeprefix(f"{path}: "))
    sizes = {h: array.shape[1] for h, array in contents.responses.items()}
    for hemisphere in HEMISPHERES:
        path = roi_file(contents.folder, hemisphere, family, "challenge")
        labels = contents.map(path, 1)
        if labels is not None and _has_length(contents, path, labels, hemisphere, sizes):
            known = contents.mappings.get(family)
            unknown = (
                set() if known is None else set(np.unique(np.asarray(labels, dtype=np.int64)).tolist()) - set(known)
            )
            if unknown:
                contents.fault(path, f"label {min(unknown)} has no name in {mapping_file(contents.folder, family)}.")
            contents.labels.setdefault(family, {})[hemisphere] = labels
        path = roi_file(contents.folder, hemisphere, family, "fsaverage")
        labels = contents.map(path, 1, fatal=False)
        if labels is not None and len(labels) != FSAVERAGE_VERTICES:
            contents.fault(
                path,
                f"it labels {len(labels):,} vertices, but fsaverage has {FSAVERAGE_VERTICES:,} a hemisphere.",
                fatal=False,
            )


def _has_length(contents: _Contents, path: Path, labels: NDArray[Any], hemisphere: str, sizes: dict[str, int]) -> bool:
    """Whether an ROI file is as long as its hemisphere's responses; says so if it fits the other hemisphere."""
    wanted = sizes.get(hemisphere)
    if wanted is None or len(labels) == wanted:
        return True
    other = "rh" if hemisphere == "lh" else "lh"
    if len(labels) == sizes.get(other):
        message = (
            f"it labels {len(labels):,} vertices, as many as the other hemisphere ({other}) has; {hemisphere} has "
            f"{wanted:,}. It looks like the ROI file of the other hemisphere."
        )
    else:
        message = f"it labels {len(labels):,} vertices, but the responses of {hemisphere} have {wanted:,}."
    contents.fault(path, message)
    return False


def _look_at_vertices(contents: _Contents, hemisphere: str) -> None:
    path = roi_file(contents.folder, hemisphere, "all-vertices", "fsaverage")
    mask = contents.map(path, 1, fatal=False)
    if mask is None:
        return
    if len(mask) != FSAVERAGE_VERTICES:
        contents.fault(path, f"it covers {len(mask):,} vertices, but fsaverage has {FSAVERAGE_VERTICES:,}.")
        return
    vertices = np.flatnonzero(np.asarray(mask) != 0)
    responses = contents.responses.get(hemisphere)
    if responses is not None and len(vertices) != responses.shape[1]:
        other = contents.responses.get("rh" if hemisphere == "lh" else "lh")
        hint = (
            " It looks like the file of the other hemisphere."
            if (other is not None and len(vertices) == other.shape[1])
            else ""
        )
        contents.fault(
            path,
            f"it marks {len(vertices):,} vertices, but the responses of {hemisphere} have "
            f"{responses.shape[1]:,}.{hint}",
        )
        return
    contents.vertices[hemisphere] = vertices


def _picture_table(contents: _Contents) -> PictureTable:
    table = PictureTable.from_paths(contents.pictures)
    originals = contents.metadata.get("originals", [])
    if len(originals) != len(table):
        return table
    return PictureTable(table.names, table.paths, tuple(Path(file) for file in originals))


def _faults(contents: _Contents, progress: ProgressCallback | None) -> dict[str, VoxelFaults]:
    faults = {}
    for number, (hemisphere, array) in enumerate(contents.responses.items()):
        stage = span(progress, number / 2, (number + 1) / 2)
        faults[hemisphere] = find_faults(array, progress=stage, text=f"checking responses of {hemisphere}")
        contents.problems += faults[hemisphere].problems(str(responses_file(contents.folder, hemisphere)))
    return faults


def _usable(contents: _Contents, faults: dict[str, VoxelFaults]) -> NDArray[np.bool_]:
    keep = []
    for hemisphere in HEMISPHERES:
        usable = np.ones(contents.responses[hemisphere].shape[1], dtype=bool)
        usable[faults[hemisphere].unusable] = False
        keep.append(usable)
    return np.concatenate(keep)


def _roi_table(contents: _Contents, hemisphere: str, families: tuple[str, ...]) -> RoiTable:
    masks: dict[str, NDArray[np.bool_]] = {}
    for family in families:
        labels = np.asarray(contents.labels[family][hemisphere])
        for number, name in sorted(contents.mappings[family].items()):
            if number != 0:
                masks[name] = labels == number
    return RoiTable(masks, contents.responses[hemisphere].shape[1])


def _noise_ceiling(contents: _Contents, sizes: list[int]) -> NDArray[np.float32] | None:
    """Noise ceilings beside the responses (``{lh,rh}_noise_ceiling.npy``, percent); the release itself has none."""
    parts = []
    for hemisphere, size in zip(HEMISPHERES, sizes, strict=True):
        path = contents.folder / f"{hemisphere}_noise_ceiling.npy"
        if not path.is_file():
            return None
        ceiling = map_npy(path)
        if ceiling.shape != (size,):
            raise InputError(f"{path}: it has shape {ceiling.shape}, but {hemisphere} has {size:,} vertices.")
        parts.append(np.asarray(ceiling, dtype=np.float32))
    return np.concatenate(parts)
