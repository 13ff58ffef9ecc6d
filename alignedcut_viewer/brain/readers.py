"""Anybody's brain data: one array of responses a subject, a table of pictures, a table of voxels.

Five shapes are read by :func:`open_brain_data`:

- a folder of the Algonauts 2023 release (:mod:`.algonauts`);
- a folder of betas of the Natural Scenes Dataset (:mod:`.nsd`);
- a folder with ``pictures.csv`` (column ``picture``: file names, one a row of responses; or a folder ``pictures`` whose
  files count in alphabetical order), ``responses.npy`` or one ``responses_<subject>.npy`` a person, and optionally
  ``voxels.csv`` or ``voxels_<subject>.csv`` (one line per voxel; columns ``roi`` (several set apart by ``;``),
  ``hemisphere``, ``noise_ceiling`` (percent), ``fsaverage_vertex``; all optional) and ``dataset.json`` (``name``,
  ``source``, ``simulated``);
- an ``.npz`` file with ``responses`` (images × voxels), optionally ``files``, ``roi``, ``subject``, ``hemisphere``,
  ``noise_ceiling``, ``fsaverage_vertex``, ``simulated``, ``source``; or one array of images × voxels for each region;
- a ``.csv`` file whose first column names the pictures and whose other columns are voxels or regions.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..foreign_files import reading_foreign
from ..progress import ProgressCallback, span
from .algonauts import is_algonauts_folder, open_algonauts
from .arrays import SideBySide, find_faults, map_npy, raise_fatal
from .dataset import BrainDataset, PictureTable
from .nsd import is_nsd_folder, open_nsd
from .rois import RoiTable
from .subjects import join_subjects

__all__ = ["open_brain_csv", "open_brain_data", "open_brain_folder", "open_brain_npz", "says_simulated"]

Unusable = Literal["raise", "drop", "keep"]
_PICTURE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def open_brain_data(
    path: str | Path | Sequence[str | Path],
    *,
    pictures: str | Path | None = None,
    unusable: Unusable = "raise",
    progress: ProgressCallback | None = None,
) -> BrainDataset:
    """Open brain data of any of the shapes above.

    Parameters
    ----------
    path
        Folder, ``.npz`` or ``.csv`` file; or several, of different people, see
        :func:`~alignedcut_viewer.brain.join_subjects`.
    pictures
        Folder that picture names are relative to; by default the folder of the data, or the one above it.
    unusable
        What to do about voxels with NaN, with zero or with constant responses: ``"raise"``, ``"drop"`` or ``"keep"``.
    progress
        Progress callback.

    Raises
    ------
    InputError
        If the data cannot be read; the file and its fault are named.
    """
    if not isinstance(path, str | Path):
        return join_subjects(
            [
                open_brain_data(
                    one,
                    pictures=pictures,
                    unusable=unusable,
                    progress=span(progress, number / len(path), (number + 1) / len(path)),
                )
                for number, one in enumerate(path)
            ]
        )
    source = Path(path)
    if source.is_dir():
        if is_algonauts_folder(source):
            return open_algonauts(source, unusable=unusable, progress=progress)
        if is_nsd_folder(source):
            return _checked(open_nsd(source, pictures=pictures, progress=progress), source, unusable)
        return open_brain_folder(source, pictures=pictures, unusable=unusable, progress=progress)
    if not source.exists():
        raise InputError(f"{source}: there is no such file or folder.")
    if source.suffix.lower() == ".npz":
        return open_brain_npz(source, pictures=pictures, unusable=unusable)
    if source.suffix.lower() == ".csv":
        return open_brain_csv(source, pictures=pictures, unusable=unusable)
    raise InputError(f"{source}: brain data are a folder, an .npz or a .csv file; this is neither.")


def says_simulated(path: str | Path | Sequence[str | Path]) -> bool:
    """Whether brain data say of themselves that they are simulated, without opening them; False where nothing says so.

    Parameters
    ----------
    path
        Folder or file, as for :func:`open_brain_data`; need not exist.
    """
    if not isinstance(path, str | Path):
        return any(says_simulated(one) for one in path)
    source = Path(path).expanduser()
    try:
        if source.is_dir():
            names = ("simulated.json", "dataset.json")
            found = [json.loads((source / name).read_text("utf-8")) for name in names if (source / name).is_file()]
            return any(bool(content.get("simulated", False)) for content in found)
        if source.suffix.lower() == ".npz" and source.is_file():
            with np.load(source, allow_pickle=False) as archive:
                return "simulated" in archive.files and bool(archive["simulated"])
    except Exception:  # opening the data will say what is wrong with them
        return False
    return False


def open_brain_folder(
    folder: str | Path,
    *,
    pictures: str | Path | None = None,
    unusable: Unusable = "raise",
    progress: ProgressCallback | None = None,
) -> BrainDataset:
    """Open a folder with ``pictures.csv``, ``responses*.npy`` and ``voxels*.csv``; responses stay on disk.

    The voxels of several subjects stand side by side, in the alphabetical order of their files.

    Raises
    ------
    InputError
        If files are missing or do not fit one another.
    """
    root = Path(folder)
    files = sorted(root.glob("responses*.npy"))
    if not files:
        raise InputError(f"{root}: there is neither responses.npy nor responses_<subject>.npy in this folder.")
    table = _folder_pictures(root, pictures)
    metadata = _json(root / "dataset.json")
    blocks, subjects, columns = [], [], []
    for file in files:
        array = map_npy(file)
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            raise InputError(f"{file}: it should hold images × voxels, but holds {array.dtype} of shape {array.shape}.")
        if array.shape[0] != len(table):
            raise InputError(
                f"{file}: it holds responses to {array.shape[0]:,} pictures, but the table of pictures in {root} has "
                f"{len(table):,}; they must be equal."
            )
        subject = file.stem.removeprefix("responses").lstrip("_") or str(metadata.get("subject", ""))
        blocks.append(array)
        subjects.append(np.full(array.shape[1], subject))
        columns.append(_voxel_table(root / file.name.replace("responses", "voxels").replace(".npy", ".csv"), array))
    merged = _joined(columns, [block.shape[1] for block in blocks])
    dataset = _assemble(
        str(metadata.get("name", root.resolve().name)),
        table,
        SideBySide(blocks),
        {**merged, "subject": np.concatenate(subjects)},
        simulated=bool(metadata.get("simulated", False)),
        source=str(metadata.get("source", root)),
        voxel=np.concatenate([np.arange(block.shape[1]) for block in blocks]),
    )
    if unusable == "keep":
        return dataset
    faults = [(file, find_faults(block, progress=progress)) for file, block in zip(files, blocks, strict=True)]
    if unusable == "raise":
        raise_fatal([problem for file, fault in faults for problem in fault.problems(str(file))])
    starts = np.concatenate([[0], np.cumsum([block.shape[1] for block in blocks])])
    bad = np.concatenate([start + fault.unusable for start, (_, fault) in zip(starts[:-1], faults, strict=True)])
    return _without(dataset, bad)


def open_brain_npz(
    path: str | Path, *, pictures: str | Path | None = None, unusable: Unusable = "raise"
) -> BrainDataset:
    """Open an ``.npz`` file of responses; see the top of this file for its keys.

    Raises
    ------
    InputError
        If the file is damaged, or its arrays do not fit one another.
    """
    file = Path(path)
    content = _npz(file)
    if "responses" in content:
        responses = content.pop("responses")
        per_voxel = ("roi", "subject", "hemisphere", "noise_ceiling", "fsaverage_vertex")
        columns: dict[str, NDArray[Any]] = {key: content[key] for key in per_voxel if key in content}
    else:
        regions = {key: array for key, array in content.items() if array.ndim == 2 and array.dtype.kind == "f"}
        if len({array.shape[0] for array in regions.values()}) != 1:
            raise InputError(
                f"{file}: it holds no array 'responses' (images × voxels), nor one such array for each region; "
                f"it holds: {', '.join(f'{k} {v.shape}' for k, v in content.items())}."
            )
        responses = np.concatenate(list(regions.values()), axis=1)
        columns = {"roi": np.repeat(list(regions), [array.shape[1] for array in regions.values()])}
    if responses.ndim != 2:
        raise InputError(f"{file}: responses should be images × voxels, but have shape {responses.shape}.")
    if responses.dtype.kind not in "fiu":
        raise InputError(f"{file}: responses should be real numbers, but are of the type {responses.dtype}.")
    for key, values in columns.items():
        if values.ndim != 1:
            raise InputError(f"{file}: {key} should be one value a voxel, but has shape {values.shape}.")
        if key in ("noise_ceiling", "fsaverage_vertex") and values.dtype.kind not in "fiu":
            raise InputError(f"{file}: {key} should be numbers, but is of the type {values.dtype}.")
        if len(values) != responses.shape[1]:
            raise InputError(f"{file}: {key} is for {len(values)} voxels, but responses have {responses.shape[1]}.")
    for key in ("files", "simulated", "source"):
        if key in content and content[key].ndim != int(key == "files"):
            raise InputError(f"{file}: {key} should not have shape {content[key].shape}.")
    if "files" in content:
        table = _located([str(name) for name in content["files"]], file.parent, pictures)
    else:
        table = _pictures_in(Path(pictures) if pictures else file.parent / "images", file)
    _same_number(file, len(table), responses.shape[0])
    dataset = _assemble(
        file.parent.resolve().name if file.stem == "responses" else file.stem,
        table,
        responses,
        columns,
        simulated=bool(content.get("simulated", np.array(False))),
        source=str(content["source"]) if "source" in content else str(file),
    )
    return _checked(dataset, file, unusable)


def open_brain_csv(
    path: str | Path, *, pictures: str | Path | None = None, unusable: Unusable = "raise"
) -> BrainDataset:
    """Open a ``.csv`` file: the first column names the pictures, each further column is a voxel or a region.

    Raises
    ------
    InputError
        If a line is short or a value is no number; the line is named.
    """
    file = Path(path)
    lines = _csv(file)
    if len(lines) < 2 or len(lines[0]) < 2:
        raise InputError(f"{file}: it needs a header, a column of picture names, and a column of responses.")
    header = lines[0][1:]
    responses = np.empty((len(lines) - 1, len(header)), dtype=np.float32)
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            raise InputError(
                f"{file}: line {number} holds {len(line) - 1} values, but there are {len(header)} columns."
            )
        try:
            responses[number - 2] = [float(value) for value in line[1:]]
        except ValueError as error:
            raise InputError(f"{file}: line {number} holds something other than numbers ({error}).") from None
    table = _located([line[0] for line in lines[1:]], file.parent, pictures)
    dataset = _assemble(file.stem, table, responses, {"roi": np.asarray(header)}, source=str(file))
    return _checked(dataset, file, unusable)


def _assemble(
    name: str, table: PictureTable, responses: Any, columns: dict[str, NDArray[Any]], **more: Any
) -> BrainDataset:
    n_voxels = responses.shape[1]
    labels = columns.get("roi")
    ceiling, vertex = columns.get("noise_ceiling"), columns.get("fsaverage_vertex")
    return BrainDataset.build(
        name,
        table,
        responses,
        rois=RoiTable({}, n_voxels) if labels is None else RoiTable.from_labels(labels).ordered(),
        subject=columns.get("subject", np.array("")),
        hemisphere=columns.get("hemisphere", np.array("")),
        noise_ceiling=None if ceiling is None else np.asarray(ceiling, dtype=np.float32),
        fsaverage_vertex=None if vertex is None else np.asarray(vertex, dtype=np.int64),
        **more,
    )


def _checked(dataset: BrainDataset, file: Path, unusable: Unusable) -> BrainDataset:
    if unusable == "keep":
        return dataset
    faults = find_faults(dataset.responses)
    if unusable == "raise":
        raise_fatal(faults.problems(str(file)))
    return _without(dataset, faults.unusable)


def _without(dataset: BrainDataset, bad: NDArray[np.int64]) -> BrainDataset:
    if len(bad) == 0:
        return dataset
    return dataset.select(voxels=np.setdiff1d(np.arange(dataset.n_voxels), bad))


def _same_number(file: Path, n_pictures: int, n_rows: int) -> None:
    if n_pictures != n_rows:
        raise InputError(
            f"{file}: it holds responses to {n_rows:,} pictures, but there are {n_pictures:,} pictures; "
            "they must be equal."
        )


def _npz(file: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file}: this is no .npz file, whatever its name says; save it with numpy.savez.")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (Exception, MemoryError) as error:  # a hostile header may raise anything
        raise InputError(f"{file}: this is not a readable .npz file of numbers and texts ({error}).") from None


def _csv(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return [[cell.strip() for cell in line] for line in csv.reader(stream) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: this is not a readable table ({error}).") from None


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    with reading_foreign(file, "a readable description"):
        return dict(json.loads(file.read_text(encoding="utf-8")))


def _folder_pictures(root: Path, pictures: str | Path | None) -> PictureTable:
    listing = root / "pictures.csv"
    if not listing.is_file():
        return _pictures_in(Path(pictures) if pictures else root / "pictures", root)
    lines = _csv(listing)
    if not lines or "picture" not in lines[0]:
        raise InputError(f"{listing}: its first line must name a column 'picture'.")
    column = lines[0].index("picture")
    try:
        names = [line[column] for line in lines[1:]]
    except IndexError:
        raise InputError(f"{listing}: a line has no value in the column 'picture'.") from None
    return _located(names, root, pictures)


def _located(names: Sequence[str], folder: Path, pictures: str | Path | None) -> PictureTable:
    """Picture names with the files they stand for, looked for in `pictures`, or else near the data."""
    folders = [Path(pictures)] if pictures else [folder, folder / "pictures", folder / "images", folder.parent]
    paths: list[Path | None] = []
    for name in names:
        candidates = [base / name for base in folders]
        if pictures is None and name:
            # data sets that lie beside one another keep their pictures in <set>/images
            first, _, rest = name.partition("/")
            candidates += [folder.parent / first / "images" / rest] if rest else []
        paths.append(next((path for path in candidates if path.is_file()), None))
    if pictures is not None and None in paths:
        raise InputError(_which_are_missing(folders[0], names, paths))
    return PictureTable(tuple(names), tuple(paths))


def _which_are_missing(folder: Path, names: Sequence[str], paths: Sequence[Path | None]) -> str:
    """How many pictures a folder lacks, and where else they may be."""
    first = folder / names[paths.index(None)]
    n_missing = paths.count(None)
    if not folder.is_dir():
        return f"{first}: the picture is missing, for there is no folder {folder}; give the folder of the pictures."
    sentence = f"{first}: the picture is missing; the folder lacks {n_missing:,} of {len(names):,} that the data name."
    near = [folder.parent, *(child for child in folder.iterdir() if child.is_dir())]
    below = next((found for base in near if (found := base / first.relative_to(folder)).is_file()), None)
    if below is not None:
        return f"{sentence} There is one in {below.parent}, however; give that folder."
    if n_missing == len(names):
        return f"{sentence} It seems to be another folder; give the one that the names are relative to."
    return sentence


def _pictures_in(folder: Path, data: Path) -> PictureTable:
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURE_SUFFIXES)
    if not files:
        raise InputError(f"{data}: its pictures are neither listed nor in {folder}; give their folder.")
    return PictureTable.from_paths(files)


def _joined(columns: Sequence[dict[str, NDArray[Any]]], sizes: Sequence[int]) -> dict[str, NDArray[Any]]:
    """One table from one a subject; what a subject's table lacks is NaN (ceiling) or -1 (vertex)."""
    filling = {"roi": "", "hemisphere": "", "noise_ceiling": np.nan, "fsaverage_vertex": -1.0}
    merged = {}
    for key, blank in filling.items():
        if any(key in part for part in columns):
            parts = [part.get(key, np.full(size, blank)) for part, size in zip(columns, sizes, strict=True)]
            merged[key] = np.concatenate(parts)
    return merged


def _voxel_table(file: Path, responses: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Columns of ``voxels.csv``, as many lines as there are voxels; none where there is no such file."""
    n_voxels = responses.shape[1]
    table: dict[str, NDArray[Any]] = {}
    if not file.is_file():
        return table
    lines = _csv(file)
    if not lines or len(lines) - 1 != n_voxels:
        raise InputError(
            f"{file}: it describes {max(len(lines) - 1, 0):,} voxels, but the responses have {n_voxels:,}."
        )
    for name, cells in zip(lines[0], zip(*lines[1:], strict=False), strict=False):
        if name in ("roi", "hemisphere"):
            table[name] = np.asarray(cells)
        elif name in ("noise_ceiling", "fsaverage_vertex"):
            try:
                table[name] = np.asarray([float(cell) for cell in cells])
            except ValueError as error:
                raise InputError(f"{file}: column {name} must hold numbers ({error}).") from None
    return table
