"""Brain data of any origin as one object: which pictures were seen, how each voxel responded, which region it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError
from ..progress import ProgressCallback
from .arrays import ArrayLike2D, Problem, SideBySide, find_faults
from .rois import RoiTable

__all__ = ["HEMISPHERES", "BrainDataset", "PictureTable", "SubjectPart"]

HEMISPHERES = ("lh", "rh")


@dataclass(frozen=True)
class PictureTable:
    """The pictures that responses belong to, in the order of the response rows.

    Attributes
    ----------
    names
        Display names.
    paths
        Where each picture lies, or None where only its name is known.
    originals
        Files that the pictures are copies of, where that is known (simulated subjects); else empty.
    """

    names: tuple[str, ...]
    paths: tuple[Path | None, ...]
    originals: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.originals and len(self.originals) != len(self.names):
            raise InputError(f"A picture table holds {len(self.names)} names but {len(self.originals)} originals.")
        if len(self.names) != len(self.paths):
            raise InputError(f"A picture table holds {len(self.names)} names but {len(self.paths)} paths.")

    @classmethod
    def from_paths(cls, paths: Iterable[Path | str]) -> PictureTable:
        """A table of picture files, named by their file names."""
        files = tuple(Path(path) for path in paths)
        return cls(tuple(path.name for path in files), files)

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: ArrayLike) -> PictureTable:
        """Some of the pictures, in this order."""
        numbers = np.arange(len(self))[np.asarray(rows)]
        originals = tuple(self.originals[i] for i in numbers) if self.originals else ()
        return PictureTable(tuple(self.names[i] for i in numbers), tuple(self.paths[i] for i in numbers), originals)

    def missing(self) -> list[Path]:
        """Files of the table that are not on disk."""
        return [path for path in self.paths if path is not None and not path.is_file()]


class SubjectPart(NamedTuple):
    """What is known of one person.

    Attributes
    ----------
    name
        Of the person.
    voxels
        Ascending numbers of the person's voxels.
    rows
        Ascending numbers of the pictures that the person saw.
    """

    name: str
    voxels: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BrainDataset:
    """Responses of voxels (or cortical vertices) to pictures.

    Attributes
    ----------
    name
        Name of the data set.
    pictures
        What was seen, one entry a row of `responses`.
    responses
        (n_pictures, n_voxels); may be memory-mapped, reads give float.
    rois
        Regions, over the same voxels.
    subject
        (n_voxels,) name of the person each voxel belongs to.
    hemisphere
        (n_voxels,) ``"lh"``, ``"rh"``, or an empty text where it is not known.
    noise_ceiling
        (n_voxels,) explainable variance in percent, as NSD publishes it, or None.
    fsaverage_vertex
        (n_voxels,) vertex number on fsaverage (163,842 a hemisphere), -1 where there is none; or None.
    voxel
        (n_voxels,) number of each voxel in its own file, before any were left out.
    simulated
        Whether the responses were made up; window and figures say so.
    source
        One line: where the data come from.
    details
        Further JSON-ready facts, for the recipe.
    seen
        (n_pictures, n_subjects), in the order of :attr:`subjects`: who saw which picture; responses to others are NaN.
        None where everybody saw all of them.
    """

    name: str
    pictures: PictureTable
    responses: ArrayLike2D
    rois: RoiTable
    subject: NDArray[np.str_]
    hemisphere: NDArray[np.str_]
    voxel: NDArray[np.int64]
    noise_ceiling: NDArray[np.float32] | None = None
    fsaverage_vertex: NDArray[np.int64] | None = None
    simulated: bool = False
    source: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    seen: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.responses.shape)
        if len(shape) != 2:
            raise InputError(f"{self.name}: responses must be images × voxels; got an array of shape {shape}.")
        if len(self.pictures) != shape[0]:
            raise InputError(
                f"{self.name}: there are {len(self.pictures)} pictures but responses to {shape[0]}; "
                "each picture needs one row of responses."
            )
        lengths: dict[str, int] = {"ROI table": self.rois.n_voxels}
        for label in ("subject", "hemisphere", "voxel", "noise_ceiling", "fsaverage_vertex"):
            values = getattr(self, label)
            if values is not None:
                lengths[label] = len(values)
        for label, length in lengths.items():
            if length != shape[1]:
                raise InputError(f"{self.name}: {label} is for {length} voxels, but responses have {shape[1]}.")
        if self.seen is not None and self.seen.shape != (shape[0], len(self.subjects)):
            raise InputError(
                f"{self.name}: who saw what is for {self.seen.shape}, but there are {shape[0]} pictures and "
                f"{len(self.subjects)} subjects."
            )

    @classmethod
    def build(
        cls,
        name: str,
        pictures: PictureTable | Sequence[Path | str],
        responses: ArrayLike2D,
        *,
        rois: RoiTable | None = None,
        subject: str | ArrayLike = "",
        hemisphere: str | ArrayLike = "",
        **more: Any,
    ) -> BrainDataset:
        """A data set from arrays, with what is left out filled in.

        Parameters
        ----------
        name
            Name of the data set.
        pictures
            Picture table, or picture files in the order of the rows.
        responses
            (n_pictures, n_voxels).
        rois
            Regions; none by default.
        subject, hemisphere
            One text for all voxels, or (n_voxels,) texts.
        **more
            Other attributes of the data set.
        """
        table = pictures if isinstance(pictures, PictureTable) else PictureTable.from_paths(pictures)
        if len(responses.shape) != 2:
            raise InputError(f"{name}: responses must be images × voxels; got an array of shape {responses.shape}.")
        n_voxels = int(responses.shape[1])
        more.setdefault("voxel", np.arange(n_voxels))
        return cls(
            name=name,
            pictures=table,
            responses=responses,
            rois=RoiTable({}, n_voxels) if rois is None else rois,
            subject=_texts(subject, n_voxels),
            hemisphere=_texts(hemisphere, n_voxels),
            **more,
        )

    @property
    def n_pictures(self) -> int:
        """Number of pictures."""
        return int(self.responses.shape[0])

    @property
    def n_voxels(self) -> int:
        """Number of voxels, over all subjects and both hemispheres."""
        return int(self.responses.shape[1])

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the people, in the order of their voxels."""
        return tuple(dict.fromkeys(str(name) for name in self.subject))

    def parts(self) -> tuple[SubjectPart, ...]:
        """Voxels and pictures of each person, in the order of :attr:`subjects`."""
        everything = np.arange(self.n_pictures)
        return tuple(
            SubjectPart(
                name,
                np.flatnonzero(self.subject == name),
                everything if self.seen is None else np.flatnonzero(self.seen[:, number]),
            )
            for number, name in enumerate(self.subjects)
        )

    @property
    def title(self) -> str:
        """Name for window and figures; it says so where the data are simulated."""
        return f"{self.name} (simulated)" if self.simulated and "simulated" not in self.name.lower() else self.name

    def __repr__(self) -> str:
        return f"BrainDataset({self.title}: {self.n_pictures} pictures × {self.n_voxels} voxels, {len(self.rois)} ROIs)"

    def read(self, rows: ArrayLike | slice | None = None, voxels: ArrayLike | slice | None = None) -> NDArray[Any]:
        """Responses as float32, (rows, voxels); None reads all."""
        row_key = slice(None) if rows is None else rows
        values = SideBySide([self.responses])[row_key, slice(None) if voxels is None else voxels]
        return np.asarray(values, dtype=np.float32)

    def select(
        self,
        *,
        pictures: ArrayLike | None = None,
        subjects: Iterable[str] | None = None,
        rois: Iterable[str] | None = None,
        hemisphere: str | None = None,
        voxels: ArrayLike | None = None,
    ) -> BrainDataset:
        """A smaller data set; nothing is read or copied before it is used.

        Parameters
        ----------
        pictures
            Row numbers, in this order.
        subjects
            Keep the voxels of these people.
        rois
            Keep the voxels that lie in any of these regions.
        hemisphere
            ``"lh"`` or ``"rh"``.
        voxels
            Voxel numbers, or a boolean array, applied before the other conditions.

        Raises
        ------
        InputError
            If no picture or no voxel is left.
        """
        keep = np.arange(self.n_voxels) if voxels is None else np.arange(self.n_voxels)[np.asarray(voxels)]
        if subjects is not None:
            keep = keep[np.isin(self.subject[keep], list(subjects))]
        if hemisphere is not None:
            keep = keep[self.hemisphere[keep] == hemisphere]
        if rois is not None:
            members = np.zeros(self.n_voxels, dtype=bool)
            for name in rois:
                members |= self.rois.mask(name)
            keep = keep[members[keep]]
        rows = None if pictures is None else np.arange(self.n_pictures)[np.asarray(pictures)]
        if len(keep) == 0 or (rows is not None and len(rows) == 0):
            raise InputError(f"{self.name}: the selection leaves no {'voxels' if len(keep) == 0 else 'pictures'}.")
        base = self.responses if isinstance(self.responses, SideBySide) else SideBySide([self.responses])
        seen = self.seen
        if seen is not None:
            left = tuple(dict.fromkeys(str(name) for name in self.subject[keep]))
            seen = seen[:, [self.subjects.index(name) for name in left]]
            seen = seen if rows is None else seen[rows]
        return replace(
            self,
            pictures=self.pictures if rows is None else self.pictures.take(rows),
            responses=base.select(rows, None if len(keep) == self.n_voxels and voxels is None else keep),
            rois=self.rois.take(keep),
            subject=self.subject[keep],
            hemisphere=self.hemisphere[keep],
            voxel=self.voxel[keep],
            noise_ceiling=None if self.noise_ceiling is None else self.noise_ceiling[keep],
            fsaverage_vertex=None if self.fsaverage_vertex is None else self.fsaverage_vertex[keep],
            seen=seen,
        )

    def split(self, test: float | int = 0.2, *, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row numbers of pictures to train on and to test on, each ascending.

        Parameters
        ----------
        test
            Share (below 1) or number of test pictures.
        seed
            Seed of the random choice.

        Raises
        ------
        InputError
            If either part would be empty.
        """
        n_test = round(test * self.n_pictures) if test < 1 else int(test)
        if not 0 < n_test < self.n_pictures:
            raise InputError(f"{n_test} of {self.n_pictures} pictures cannot be set aside for testing.")
        order = np.random.default_rng(parameters.seed(seed)).permutation(self.n_pictures)
        return np.sort(order[n_test:]), np.sort(order[:n_test])

    def check(self, progress: ProgressCallback | None = None) -> list[Problem]:
        """Read everything once and say what is wrong: missing pictures, NaN, all-zero and constant voxels.

        Returns
        -------
        list of Problem
            Empty where all is well.
        """
        problems = []
        missing = self.pictures.missing()
        if missing:
            problems.append(
                Problem(str(missing[0]), f"the picture is missing ({len(missing)} of {self.n_pictures} are).")
            )
        problems += find_faults(self.responses, progress=progress).problems(self.source or self.name)
        return problems

    def describe(self) -> dict[str, Any]:
        """JSON-ready summary for the recipe of an alignment."""
        return {
            "name": self.name,
            "simulated": self.simulated,
            "source": self.source,
            "pictures": self.n_pictures,
            "voxels": self.n_voxels,
            "subjects": list(self.subjects),
            "rois": self.rois.counts(),
            **self.details,
        }


def _texts(values: str | ArrayLike, n_voxels: int) -> NDArray[np.str_]:
    texts = np.asarray(values).astype(str)
    return np.full(n_voxels, values, dtype=texts.dtype) if texts.ndim == 0 else texts
