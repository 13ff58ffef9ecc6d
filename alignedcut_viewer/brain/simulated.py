"""Simulated subjects: the layout of the Algonauts release, real pictures and real features, responses made up.

Responses are ``features @ beta + intercept + noise`` with a known map and known noise, so that training, scores and
brain space can be held against the truth. Every such folder says ``"simulated": true``, and readers, figures and the
window repeat it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError, PictureError, StorageError
from ..progress import ProgressCallback, report, span
from .algonauts import (
    FSAVERAGE_VERTICES,
    METADATA_FILE,
    mapping_file,
    pictures_folder,
    responses_file,
    roi_file,
)
from .dataset import HEMISPHERES
from .rois import ROI_FAMILIES, family_labels, roi_info, simulated_places
from .surface import load_surface

__all__ = ["TrueMap", "read_true_map", "write_simulated_subject"]

TRUE_MAP_FILE = "true_map.npz"
_REGION = 19_500  # vertices of visual cortex a hemisphere, about as many as the release has


@dataclass(frozen=True, eq=False)
class TrueMap:
    """What a simulated subject's responses were made with.

    Attributes
    ----------
    beta
        (D, n_voxels) float32, left hemisphere first.
    intercept
        (n_voxels,) float32.
    r2
        (n_voxels,) share of the variance of each voxel that the map explains; the noise is the rest.
    """

    beta: NDArray[np.float32]
    intercept: NDArray[np.float32]
    r2: NDArray[np.float32]

    def predict(self, features: ArrayLike) -> NDArray[np.float32]:
        """Responses without noise, (n, n_voxels)."""
        return np.asarray(features, dtype=np.float32) @ self.beta + self.intercept


def write_simulated_subject(
    folder: str | Path,
    pictures: Sequence[str | Path],
    features: ArrayLike,
    *,
    n_vertices: tuple[int, int] = (300, 320),
    explained: float | tuple[float, float] = (0.2, 0.6),
    roi_directions: Mapping[str, ArrayLike] | None = None,
    shared: float = 0.7,
    picture_size: int = 256,
    note: str = "",
    seed: int = 0,
    memory: int = 256 * 2**20,
    progress: ProgressCallback | None = None,
) -> Path:
    """Write a simulated subject in the layout of the Algonauts 2023 release.

    Parameters
    ----------
    folder
        ``…/subj01``; must not exist.
    pictures
        Picture files, one a row of features; a file may occur more than once. They are cut to a square and stored as
        PNG.
    features
        (n_pictures, D) real features of these pictures, for example pooled over tokens and summed over layers.
    n_vertices
        Vertices of the left and of the right hemisphere; subject 1 of NSD has (19,004, 20,544).
    explained
        Share of each voxel's variance that the true map explains: one number, or the ends of a range it is drawn from.
    roi_directions
        Region name (``"FFA"`` or ``"FFA-1"``) to a direction (D,) in standardised features that its voxels share;
        random for the others.
    shared
        How much the voxels of a region have in common, 0 (nothing) to 1 (they are all alike).
    picture_size
        Side of the stored pictures.
    note
        Where the features come from, for the description.
    seed
        Seed of map and noise.
    memory
        Bytes that a block of responses may take.
    progress
        Progress callback; a cancelled run leaves nothing behind.

    Returns
    -------
    Path
        The folder. Beside the layout of the release it holds ``true_map.npz`` (:func:`read_true_map`),
        ``{lh,rh}_noise_ceiling.npy`` (percent, the true ones) and ``simulated.json``.

    Raises
    ------
    InputError
        If the folder exists, or pictures and features differ in number.
    PictureError
        If a picture cannot be read.
    StorageError
        If the disk refuses.
    """
    target = Path(folder)
    values: NDArray[np.float32] = np.asarray(features, dtype=np.float32)
    if target.exists():
        raise InputError(f"{target} exists already; choose another folder for the simulated subject.")
    if values.ndim != 2 or len(values) != len(pictures) or len(values) < 2:
        raise InputError(f"There are {len(pictures)} pictures, but features of shape {values.shape}.")
    if not np.isfinite(values).all():
        raise InputError("Features for a simulated subject must be finite.")
    low, high = (explained, explained) if isinstance(explained, int | float) else explained
    if not 0 <= low <= high <= 1 or not 0 <= shared <= 1:
        raise InputError("`explained` and `shared` are shares between 0 and 1.")
    if any(not 0 < n <= FSAVERAGE_VERTICES for n in n_vertices):
        raise InputError(f"A hemisphere has between 1 and {FSAVERAGE_VERTICES:,} vertices; got {n_vertices}.")

    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        labels = _write_rois(partial, n_vertices)
        truth = _make_map(values, labels, (low, high), roi_directions or {}, shared, seed)
        _write_responses(partial, values, truth, n_vertices, seed, memory, span(progress, 0.0, 0.5))
        _write_pictures(partial, [Path(p) for p in pictures], picture_size, span(progress, 0.5, 1.0))
        np.savez(partial / TRUE_MAP_FILE, beta=truth.beta, intercept=truth.intercept, r2=truth.r2)
        description = {
            "simulated": True,
            "source": "simulated responses to real pictures" + (f"; {note}" if note else ""),
            "seed": seed,
            "explained": [low, high],
            "vertices": list(n_vertices),
            "channels": int(values.shape[1]),
            "true_map": TRUE_MAP_FILE,
            "originals": [str(Path(picture).absolute()) for picture in pictures],
        }
        (partial / METADATA_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        partial.rename(target)
    except OSError as error:
        raise StorageError(f"The simulated subject cannot be written to {target} ({error}).") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def read_true_map(folder: str | Path) -> TrueMap:
    """The map that a simulated subject was made with.

    Raises
    ------
    InputError
        If the folder is no simulated subject.
    """
    file = Path(folder) / TRUE_MAP_FILE
    try:
        with np.load(file, allow_pickle=False) as archive:
            return TrueMap(archive["beta"], archive["intercept"], archive["r2"])
    except Exception as error:  # damaged archives raise many things
        raise InputError(f"{file}: there is no readable true map; is this a simulated subject? ({error})") from None


def _write_rois(folder: Path, n_vertices: tuple[int, int]) -> NDArray[np.str_]:
    """Write masks and mappings; give each voxel the label that shapes its response (its first, or none)."""
    (folder / "roi_masks").mkdir()
    for family in ROI_FAMILIES:
        names = {0: "Unknown"} | dict(enumerate(family_labels(family), start=1))
        np.save(mapping_file(folder, family), np.array(names, dtype=object), allow_pickle=True)
    places = simulated_places()
    parts = []
    for hemisphere, count in zip(HEMISPHERES, n_vertices, strict=True):
        centres = np.array([place[hemisphere] for place in places.values()], dtype=np.float64)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        radii = np.array([place["radius"] for place in places.values()], dtype=np.float64)
        sphere = load_surface(hemisphere).sphere.astype(np.float64) / 100
        angle = np.degrees(np.arccos(np.clip(sphere @ centres.T, -1, 1))) / radii
        order = np.argsort(angle.min(axis=1), kind="stable")
        # Few vertices are spread over the region: those of coarser meshes have the lower numbers. Many leave no gap.
        vertices = np.sort(order[:count] if count > _REGION // 2 else np.sort(order[:_REGION])[:count])
        inside = np.zeros(FSAVERAGE_VERTICES, dtype=np.uint8)
        inside[vertices] = 1
        np.save(roi_file(folder, hemisphere, "all-vertices", "fsaverage"), inside)
        label_of_voxel = np.full(count, "", dtype="<U16")
        for family in ROI_FAMILIES:
            numbers = _family_numbers(family, angle[vertices])
            np.save(roi_file(folder, hemisphere, family, "challenge"), numbers)
            everywhere = np.zeros(FSAVERAGE_VERTICES, dtype=np.uint8)
            everywhere[vertices] = numbers
            np.save(roi_file(folder, hemisphere, family, "fsaverage"), everywhere)
            if family != "streams":
                names_of = np.array(["", *family_labels(family)])
                label_of_voxel = np.where(label_of_voxel == "", names_of[numbers], label_of_voxel)
        parts.append(label_of_voxel)
    return np.concatenate(parts)


def _family_numbers(family: str, angle: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Label number of each vertex from its distance to every place, in radii of the place."""
    places, labels = simulated_places(), family_labels(family)
    nearest = angle.argmin(axis=1)
    if family == "streams":
        streams = [labels.index(place["stream"]) + 1 for place in places.values()]
        return np.array([streams[place] for place in nearest], dtype=np.uint8)
    columns = [number for number, name in enumerate(places) if name in labels]
    own = angle[:, columns]
    numbers = np.array([labels.index(list(places)[c]) + 1 for c in columns], dtype=np.uint8)
    inside = np.where(own.min(axis=1) <= 1, numbers[own.argmin(axis=1)], 0)
    return np.asarray(inside, dtype=np.uint8)


def _make_map(
    features: NDArray[np.float32],
    labels: NDArray[np.str_],
    explained: tuple[float, float],
    directions: Mapping[str, ArrayLike],
    shared: float,
    seed: int,
) -> TrueMap:
    rng = np.random.default_rng([parameters.seed(seed), 0])
    n_channels, n_voxels = features.shape[1], len(labels)
    centre = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    alive = spread > 1e-6 * max(float(spread.max()), 1e-30)
    inverse = np.where(alive, 1 / np.where(alive, spread, 1), 0)
    beta = rng.standard_normal((n_channels, n_voxels), dtype=np.float32) * np.float32(np.sqrt(1 - shared))
    for name in sorted(set(labels.tolist())):
        given = directions.get(name, directions.get(roi_info(name).name)) if name else None
        random = np.asarray(rng.standard_normal(n_channels))
        direction: NDArray[np.float64] = random if given is None else np.asarray(given, dtype=np.float64).reshape(-1)
        if len(direction) != n_channels:
            raise InputError(f"The direction of {name} has {len(direction)} channels, the features {n_channels}.")
        # as long as a random one; voxels outside all regions have nothing in common
        length = np.sqrt(n_channels * shared) / max(float(np.linalg.norm(direction)), 1e-30) if name else 0.0
        beta[:, labels == name] += (length * direction).astype(np.float32)[:, None]
    beta *= inverse.astype(np.float32)[:, None]
    centred = features - centre.astype(np.float32)
    covariance = (centred.T @ centred) / len(features)
    r2 = rng.uniform(*explained, size=n_voxels).astype(np.float32)
    for start in range(0, n_voxels, 4096):
        columns = beta[:, start : start + 4096]
        variance = np.einsum("dv,dv->v", columns, covariance @ columns)
        columns *= np.sqrt(r2[start : start + 4096] / np.maximum(variance, 1e-30))
    return TrueMap(beta, (-centre.astype(np.float32) @ beta).astype(np.float32), r2)


def _write_responses(
    folder: Path,
    features: NDArray[np.float32],
    truth: TrueMap,
    n_vertices: tuple[int, int],
    seed: int,
    memory: int,
    progress: ProgressCallback,
) -> None:
    responses_file(folder, "lh").parent.mkdir(parents=True)
    start = 0
    for number, (hemisphere, count) in enumerate(zip(HEMISPHERES, n_vertices, strict=True)):
        columns = slice(start, start + count)
        start += count
        beta, intercept = truth.beta[:, columns], truth.intercept[columns]
        noise = np.sqrt(1 - truth.r2[columns])
        rng = np.random.default_rng([parameters.seed(seed), 1 + number])
        step = max(1, memory // (8 * count))
        stage = span(progress, number / 2, (number + 1) / 2)
        with responses_file(folder, hemisphere).open("wb") as file:
            header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (len(features), count)}
            np.lib.format.write_array_header_1_0(file, header)
            for row in range(0, len(features), step):
                part = features[row : row + step]
                block = rng.standard_normal((len(part), count), dtype=np.float32) * noise
                block += part @ beta
                block += intercept
                file.write(block.astype("<f4").tobytes())
                report(stage, row + len(part), len(features), f"simulated responses of {hemisphere}")
        np.save(folder / f"{hemisphere}_noise_ceiling.npy", 100 * truth.r2[columns])


def _write_pictures(folder: Path, pictures: Sequence[Path], size: int, progress: ProgressCallback) -> None:
    from PIL import Image, ImageOps, UnidentifiedImageError

    out = pictures_folder(folder)
    out.mkdir(parents=True, exist_ok=True)
    written: dict[Path, Path] = {}
    for number, source in enumerate(pictures, start=1):
        path = out / f"train-{number:04d}_nsd-{number - 1:05d}.png"
        if source in written:
            shutil.copyfile(written[source], path)
        else:
            try:
                with Image.open(source) as opened:
                    upright = ImageOps.exif_transpose(opened).convert("RGB")
                    ImageOps.fit(upright, (size, size)).save(path, compress_level=3)
            except (UnidentifiedImageError, OSError, ValueError) as error:
                raise PictureError(f"{source}: the picture cannot be read ({error}).") from None
            written[source] = path
        report(progress, number, len(pictures), "pictures of the simulated subject")
