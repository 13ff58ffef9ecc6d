"""The Natural Scenes Dataset as it is published: single-trial betas of one person in the person's own volume.

::

    nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR/
      betas_session01.hdf5 …  or  betas_session01.nii.gz …      int16, percent signal change × 300, 750 trials each
      ncsnr.nii.gz                                               signal over noise of each voxel
    nsddata/ppdata/subj01/behav/responses.tsv                    which picture each trial showed (73KID, from 1)
    nsddata/ppdata/subj01/func1pt8mm/roi/nsdgeneral.nii.gz       1 where a voxel counts; lh. and rh. by hemisphere
    nsddata/ppdata/subj01/func1pt8mm/roi/prf-visualrois.nii.gz, floc-*.nii.gz    label of each voxel
    nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5                 all 73,000 pictures

Named by the folder of the betas. Responses are z-scored in each session and averaged over the trials of a picture, as
the authors of the data advise (Allen et al. 2022).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .dataset import BrainDataset, PictureTable
from .noise_ceiling import ceiling_percent
from .rois import ROI_FAMILIES, RoiTable, family_labels

__all__ = ["is_nsd_folder", "open_nsd", "write_nsd_pictures"]

_SESSION = re.compile(r"betas_session(\d+)\.(hdf5|nii\.gz)")
_PICTURE = re.compile(r"nsd(-?)(\d+)\.(?:png|jpg|jpeg)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Places:
    """Where the files of one person lie."""

    betas: Path
    root: Path
    subject: str
    space: str

    @classmethod
    def of(cls, folder: Path) -> _Places:
        betas = Path(os.path.realpath(folder))  # which a link to itself does not stop
        parts = betas.parts
        if "nsddata_betas" not in parts or len(parts) - parts.index("nsddata_betas") != 5:
            raise InputError(
                f"{folder}: this folder of betas does not lie in nsddata_betas/ppdata/SUBJECT/SPACE/, so that neither "
                "the trials nor the regions that belong to it are known."
            )
        at = parts.index("nsddata_betas")
        return cls(betas, Path(*parts[:at]), parts[at + 2], parts[at + 3])

    @property
    def trials(self) -> Path:
        return self.root / "nsddata" / "ppdata" / self.subject / "behav" / "responses.tsv"

    @property
    def regions(self) -> Path:
        return self.root / "nsddata" / "ppdata" / self.subject / self.space / "roi"

    @property
    def stimuli(self) -> Path:
        return self.root / "nsddata_stimuli" / "stimuli" / "nsd" / "nsd_stimuli.hdf5"


def is_nsd_folder(folder: Path) -> bool:
    """Whether a folder holds betas of NSD sessions."""
    return any(_SESSION.fullmatch(path.name) for path in folder.glob("betas_session*"))


def open_nsd(
    folder: str | Path,
    *,
    pictures: str | Path | None = None,
    sessions: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
) -> BrainDataset:
    """Open the betas of one person; they are read, and held as one number a picture and voxel.

    Of 10,000 pictures and the 15,724 voxels of subject 1 that is .6 GB, and 1 GB more while a NIfTI session is read.

    Parameters
    ----------
    folder
        Of the betas, such as ``nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR``.
    pictures
        Folder of picture files whose names end in the number of the picture: ``nsd02951.png`` counts from 1 as NSD
        does, ``nsd-02950.png`` from 0 as Algonauts does; see :func:`write_nsd_pictures`. None leaves it open where they
        lie.
    sessions
        Which sessions, from 1; None takes all that are there.
    progress
        Called after each session.

    Returns
    -------
    BrainDataset
        Voxels of ``nsdgeneral``, with visual and functional regions where their files are, and noise ceilings where
        ``ncsnr.nii.gz`` is. Voxels without a value in some session are NaN.

    Raises
    ------
    InputError
        If a file is missing or misshapen; it is named.
    """
    places = _Places.of(Path(folder))
    files = _sessions(places.betas, sessions)
    shown = _trials(places.trials)
    mask = _volume(places.regions / "nsdgeneral.nii.gz") > 0
    if not mask.any():
        raise InputError(f"{places.regions / 'nsdgeneral.nii.gz'}: it marks no voxel.")
    used = np.concatenate([shown.get(number, np.zeros(0, np.int64)) for number in files])
    numbers, place = np.unique(used, return_inverse=True)
    total = np.zeros((len(numbers), int(mask.sum())), dtype=np.float32)
    start = 0
    for done, (number, file) in enumerate(files.items(), start=1):
        if number not in shown:
            raise InputError(
                f"{places.trials}: it lists no trials of session {number}, whose betas are in {file.name}."
            )
        values = _betas(file, mask)
        if len(values) != len(shown[number]):
            raise InputError(
                f"{file}: it holds {len(values)} trials, but {places.trials} lists {len(shown[number])} of session "
                f"{number}."
            )
        spread = values.std(axis=0, ddof=1)
        values -= values.mean(axis=0)
        values /= np.where(spread > 0, spread, np.nan)
        np.add.at(total, place[start : start + len(values)], values)
        start += len(values)
        report(progress, done, len(files), f"Reading betas of {places.subject}")
    repeats = np.bincount(place)
    total /= repeats[:, None]
    return BrainDataset.build(
        places.subject,
        _table(numbers, None if pictures is None else Path(pictures)),
        total,
        rois=_regions(places.regions, mask),
        subject=places.subject,
        hemisphere=_hemispheres(places.regions, mask),
        noise_ceiling=_ceiling(places.betas / "ncsnr.nii.gz", mask, repeats),
        source=f"Natural Scenes Dataset ({places.betas})",
        details={"space": places.space, "betas": places.betas.name, "sessions": list(files)},
    )


def write_nsd_pictures(folder: str | Path, out: str | Path, progress: ProgressCallback | None = None) -> list[Path]:
    """Write the pictures that a person saw as files, out of ``nsd_stimuli.hdf5``; those that are there stay.

    Parameters
    ----------
    folder
        Of the betas, as for :func:`open_nsd`.
    out
        Folder for ``nsd00001.png`` and so on; made where it is not there.
    progress
        Called after each picture.

    Raises
    ------
    InputError
        If a file is missing or misshapen; it is named.
    StorageError
        If a picture cannot be written.
    """
    from PIL import Image

    from ..atomic_files import replacing, writing

    places = _Places.of(Path(folder))
    shown = _trials(places.trials)
    numbers = np.unique(np.concatenate([shown[n] for n in _sessions(places.betas, None) if n in shown]))
    target = Path(out)
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
    files = [target / f"nsd{number:05d}.png" for number in numbers]
    with _hdf5(places.stimuli) as stimuli:
        stored = stimuli.get("imgBrick")
        if stored is None or stored.ndim != 4 or stored.shape[3] != 3 or len(stored) < numbers[-1]:
            raise InputError(f"{places.stimuli}: it holds no 'imgBrick' of {numbers[-1]:,} RGB pictures.")
        for done, (number, file) in enumerate(zip(numbers, files, strict=True), start=1):
            if not file.exists():
                with replacing(file) as unfinished:
                    Image.fromarray(stored[int(number) - 1]).save(unfinished, format="PNG")
            report(progress, done, len(files), "Writing pictures")
    return files


def _sessions(folder: Path, wanted: Sequence[int] | None) -> dict[int, Path]:
    """File of each session, HDF5 before NIfTI, in the order of the sessions."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("betas_session*")):
        match = _SESSION.fullmatch(path.name)
        if match is not None:
            found.setdefault(int(match[1]), path)
    missing = [number for number in wanted or () if number not in found]
    if missing or not found:
        raise InputError(f"{folder}: there are no betas of session {missing[0] if missing else 1}.")
    return {number: found[number] for number in sorted(wanted or found)}


def _trials(file: Path) -> dict[int, NDArray[np.int64]]:
    """Pictures of the trials of each session in their order, numbered from 1."""
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        pairs = [(int(float(row["SESSION"])), int(float(row["73KID"]))) for row in rows]
    except FileNotFoundError:
        raise InputError(f"{file}: the file is missing; it says which picture each trial showed.") from None
    except KeyError as error:
        raise InputError(f"{file}: it has no column {error}.") from None
    except (OSError, ValueError, TypeError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: this is not a readable table of trials ({error}).") from None
    sessions: dict[int, list[int]] = {}
    for session, number in pairs:
        sessions.setdefault(session, []).append(number)
    return {session: np.array(numbers, dtype=np.int64) for session, numbers in sessions.items()}


def _volume(file: Path) -> NDArray[Any]:
    """A volume of one number a voxel."""
    image = _nifti(file)
    try:
        values = np.asarray(image.dataobj)
    except Exception as error:  # a damaged file may raise anything
        raise InputError(f"{file}: it cannot be read to its end ({error}); download it again.") from None
    if values.ndim != 3:
        raise InputError(f"{file}: it should hold one number a voxel, but has shape {values.shape}.")
    return values


def _nifti(file: Path) -> Any:
    import nibabel

    if not file.is_file():
        raise InputError(f"{file}: the file is missing.")
    try:
        return nibabel.load(file)
    except Exception as error:  # a damaged file may raise anything
        raise InputError(f"{file}: this is not a readable NIfTI file ({error}); download it again.") from None


def _hdf5(file: Path) -> Any:
    import h5py

    if not file.is_file():
        raise InputError(f"{file}: the file is missing.")
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise InputError(f"{file}: this is not a readable HDF5 file ({error}); download it again.") from None


def _betas(file: Path, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Betas of the voxels of a mask, (trials, voxels), in percent signal change."""
    if file.name.endswith(".nii.gz"):
        stored = _nifti(file)
        if stored.shape[:-1] != mask.shape:
            raise InputError(f"{file}: its volume is {stored.shape[:-1]}, that of nsdgeneral.nii.gz is {mask.shape}.")
        try:
            values = stored.dataobj.get_unscaled()[mask].T
        except Exception as error:
            raise InputError(f"{file}: it cannot be read to its end ({error}); download it again.") from None
        return np.asarray(values, dtype=np.float32) / np.float32(300)
    with _hdf5(file) as content:
        stored = content.get("betas")
        # MATLAB wrote it, whose first axis is our last
        turned = mask.transpose()
        if stored is None or stored.ndim != 4 or stored.shape[1:] != turned.shape:
            shape = "no 'betas'" if stored is None else f"betas of shape {stored.shape}"
            raise InputError(f"{file}: it holds {shape}; trials × {turned.shape} are needed, as nsdgeneral.nii.gz has.")
        order = np.full(mask.shape, -1, dtype=np.int64)
        order[mask] = np.arange(mask.sum())
        places = order.transpose()
        result = np.empty((len(stored), int(mask.sum())), dtype=np.float32)
        try:
            for z in np.flatnonzero(turned.any(axis=(1, 2))):
                slab = stored[:, int(z)]
                result[:, places[z][turned[z]]] = slab[:, turned[z]]
        except OSError as error:
            raise InputError(f"{file}: it cannot be read to its end ({error}); download it again.") from None
    result /= 300
    return result


def _regions(folder: Path, mask: NDArray[np.bool_]) -> RoiTable:
    masks: dict[str, NDArray[np.bool_]] = {}
    for family in ROI_FAMILIES:
        file = folder / f"{family}.nii.gz"
        if family == "streams" or not file.is_file():
            continue
        labels = _volume(file)
        if labels.shape != mask.shape:
            raise InputError(f"{file}: its volume is {labels.shape}, that of nsdgeneral.nii.gz is {mask.shape}.")
        inside = labels[mask]
        for number, name in enumerate(family_labels(family), start=1):
            if (inside == number).any():
                masks[name] = inside == number
    return RoiTable(masks, int(mask.sum()))


def _hemispheres(folder: Path, mask: NDArray[np.bool_]) -> NDArray[np.str_]:
    sides = np.full(int(mask.sum()), "", dtype="<U2")
    for side in ("lh", "rh"):
        file = folder / f"{side}.nsdgeneral.nii.gz"
        if file.is_file():
            marked = _volume(file)
            if marked.shape != mask.shape:
                raise InputError(f"{file}: its volume is {marked.shape}, that of nsdgeneral.nii.gz is {mask.shape}.")
            sides[marked[mask] > 0] = side
    return sides


def _ceiling(file: Path, mask: NDArray[np.bool_], repeats: NDArray[np.int64]) -> NDArray[np.float32] | None:
    if not file.is_file():
        return None
    values = _volume(file)
    if values.shape != mask.shape:
        raise InputError(f"{file}: its volume is {values.shape}, that of nsdgeneral.nii.gz is {mask.shape}.")
    return ceiling_percent(values[mask], repeats)


def _table(numbers: NDArray[np.int64], folder: Path | None) -> PictureTable:
    names = tuple(f"nsd{number:05d}.png" for number in numbers)
    if folder is None:
        return PictureTable(names, (None,) * len(names))
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of pictures.")
    known: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        match = _PICTURE.search(path.name)
        if match is not None:
            known[int(match[2]) + (match[1] == "-")] = path
    paths = tuple(known.get(int(number)) for number in numbers)
    if not any(paths):
        raise InputError(f"{folder}: none of its pictures is named like {names[0]}.")
    return PictureTable(names, paths)
