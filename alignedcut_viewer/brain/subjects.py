"""Several people as one data set, whichever pictures each of them saw."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .arrays import ArrayLike2D, release_pages
from .dataset import BrainDataset, PictureTable, SubjectPart

__all__ = ["join_subjects", "kept_apart"]


def join_subjects(datasets: Sequence[BrainDataset]) -> BrainDataset:
    """The voxels of several data sets side by side, over the union of their pictures.

    Nothing is read or copied. A response to a picture that somebody did not see is NaN, and ``seen`` says so. Pictures
    are one where their files are, or their names where no file is at hand.

    Parameters
    ----------
    datasets
        One or more, each of one or several people.

    Raises
    ------
    InputError
        If there is none, a person is in two of them, or measured and simulated data would be mixed.
    """
    if not datasets:
        raise InputError("There are no brain data to join; name at least one folder or file.")
    if len(datasets) == 1:
        return datasets[0]
    named = [_named(dataset) for dataset in datasets]
    names = [name for dataset in named for name in dataset.subjects]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"The subject {doubled[0]!r} is in two of the data sets; name each person's data once.")
    if len({dataset.simulated for dataset in named}) > 1:
        first, second = (next(d.name for d in named if d.simulated is state) for state in (True, False))
        raise InputError(f"{first} is simulated and {second} is measured; they cannot be trained on together.")
    keys: dict[str, int] = {}
    rows: list[NDArray[np.int64]] = []
    for dataset in named:
        entries = zip(dataset.pictures.names, dataset.pictures.paths, strict=True)
        rows.append(np.array([keys.setdefault(_key(*entry), len(keys)) for entry in entries], dtype=np.int64))
    for dataset, own in zip(named, rows, strict=True):
        if len(np.unique(own)) < len(own):
            raise InputError(f"{dataset.name} lists a picture twice; average its responses first.")
    table = _union(named, rows, len(keys))
    seen = np.zeros((len(keys), len(names)), dtype=bool)
    column = 0
    for dataset, own in zip(named, rows, strict=True):
        for number in range(len(dataset.subjects)):
            held = own if dataset.seen is None else own[dataset.seen[:, number]]
            seen[held, column] = True
            column += 1
    rois = named[0].rois
    for dataset in named[1:]:
        rois = rois.beside(dataset.rois)
    return BrainDataset(
        " + ".join(dataset.name for dataset in named),
        table,
        _Union([dataset.responses for dataset in named], rows, len(keys)),
        rois,
        np.concatenate([dataset.subject for dataset in named]),
        np.concatenate([dataset.hemisphere for dataset in named]),
        np.concatenate([dataset.voxel for dataset in named]),
        noise_ceiling=_filled(named, "noise_ceiling", np.nan, np.float32),
        fsaverage_vertex=_filled(named, "fsaverage_vertex", -1, np.int64),
        simulated=named[0].simulated,
        source="; ".join(dataset.source for dataset in named),
        details={"data_sets": [dataset.describe() for dataset in named]},
        seen=None if seen.all() else seen,
    )


def kept_apart(
    pictures: NDArray[np.int64],
    share: float,
    seed: Sequence[int],
    subjects: Sequence[SubjectPart] = (),
    least: int = 0,
) -> NDArray[np.bool_]:
    """Rows of a random share of the pictures, (n_rows,); rows of one picture are never parted.

    Where people saw different pictures, it is that share of each person's.

    Parameters
    ----------
    pictures
        (n_rows,) which picture each row is of.
    share
        Of the pictures.
    seed
        Of the choice.
    subjects
        Who saw which rows; empty where everybody saw all.
    least
        Pictures that each person has at least among them.
    """
    distinct, numbers = np.unique(pictures, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    chosen = np.zeros(len(distinct), dtype=bool)
    for rows in [part.rows for part in subjects] or [np.arange(len(numbers))]:
        own = order[np.isin(order, numbers[rows])]
        chosen[own[: max(least, round(share * len(own)))]] = True
    return chosen[numbers]


def _named(dataset: BrainDataset) -> BrainDataset:
    """With a name for its person, where the data do not say it."""
    if "" not in dataset.subjects:
        return dataset
    from dataclasses import replace

    names = np.where(dataset.subject == "", dataset.name, dataset.subject)
    return replace(dataset, subject=names)


def _key(name: str, path: Path | None) -> str:
    return f"name {name}" if path is None else f"file {os.path.realpath(path)}"


def _union(datasets: Sequence[BrainDataset], rows: Sequence[NDArray[np.int64]], count: int) -> PictureTable:
    names = [""] * count
    paths: list[Path | None] = [None] * count
    originals: list[Path | None] = [None] * count
    for dataset, own in zip(datasets, rows, strict=True):
        table = dataset.pictures
        for number, row in enumerate(own):
            names[row], paths[row] = table.names[number], table.paths[number]
            if table.originals:
                originals[row] = table.originals[number]
    known = [path for path in originals if path is not None]
    return PictureTable(tuple(names), tuple(paths), tuple(known) if len(known) == count else ())


def _filled(datasets: Sequence[BrainDataset], name: str, blank: float, dtype: Any) -> NDArray[Any] | None:
    """Values of all voxels, `blank` for those of data sets that have none; None where none has."""
    values = [getattr(dataset, name) for dataset in datasets]
    if all(value is None for value in values):
        return None
    parts = [
        np.full(dataset.n_voxels, blank) if value is None else value
        for dataset, value in zip(datasets, values, strict=True)
    ]
    return np.concatenate(parts).astype(dtype)


class _Union:
    """Responses of several data sets to the union of their pictures, NaN where nobody looked; read lazily."""

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, blocks: Sequence[ArrayLike2D], rows: Sequence[NDArray[np.int64]], count: int) -> None:
        self._blocks = tuple(blocks)
        self._places = [np.full(count, -1, dtype=np.int64) for _ in blocks]
        for places, own in zip(self._places, rows, strict=True):
            places[own] = np.arange(len(own))
        self._starts = np.concatenate([[0], np.cumsum([block.shape[1] for block in blocks])])
        self.shape = (count, int(self._starts[-1]))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        row_key, column_key = key if isinstance(key, tuple) else (key, slice(None))
        rows = np.atleast_1d(np.arange(self.shape[0])[row_key])
        columns = np.atleast_1d(np.arange(self.shape[1])[column_key])
        out = np.full((len(rows), len(columns)), np.nan, dtype=np.float32)
        home = np.searchsorted(self._starts, columns, side="right") - 1
        for number, (block, places) in enumerate(zip(self._blocks, self._places, strict=True)):
            here = np.flatnonzero(home == number)
            held = np.flatnonzero(places[rows] >= 0)
            if not len(here) or not len(held):
                continue
            wanted = places[rows[held]]
            ascending = np.argsort(wanted, kind="stable")
            values = np.asarray(block[wanted[ascending]], dtype=np.float32)[:, columns[here] - self._starts[number]]
            out[np.ix_(held[ascending], here)] = values
        return out

    def release(self) -> None:
        """Give back the pages of mapped blocks."""
        for block in self._blocks:
            release_pages(block)
