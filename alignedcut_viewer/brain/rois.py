"""Regions of interest: which there are, in which order they are shown, and which voxels belong to them.

Order and functions are those of the paper's appendix B: V1 V2 V3 V4 | EBA FBA | OFA FFA | OPA PPA | OWFA VWFA; regions
that the paper does not show (RSC, and coarse ones such as EarlyVis, LOC, IT) stand beside those they belong with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..resource_files import resource_path

__all__ = ["ROI_FAMILIES", "RoiInfo", "RoiTable", "paper_rois", "roi_catalogue", "roi_info"]

ROI_FAMILIES = ("prf-visualrois", "floc-bodies", "floc-faces", "floc-places", "floc-words", "streams")


@dataclass(frozen=True)
class RoiInfo:
    """What is known about one region.

    Attributes
    ----------
    name, full_name
        Short name as shown on axes (``"FFA"``), and what it stands for.
    group
        Regions of one group stand together in bar plots (``"face"``).
    function
        Known function or selectivity (paper, appendix B).
    parts
        Labels of the Algonauts release that together make up the region (``FFA-1``, ``FFA-2``).
    paper
        Whether the paper's figures show the region.
    """

    name: str
    full_name: str
    group: str
    function: str
    parts: tuple[str, ...] = ()
    paper: bool = False


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(resource_path("rois.json").read_text(encoding="utf-8"))
    return content


@cache
def roi_catalogue() -> tuple[RoiInfo, ...]:
    """All regions the package knows by name, in the order in which they are shown."""
    return tuple(
        RoiInfo(r["name"], r["full_name"], r["group"], r["function"], tuple(r["parts"]), bool(r["paper"]))
        for r in _table()["rois"]
    )


@cache
def _by_label() -> dict[str, str]:
    """Every spelling of a region (its own name, its parts, other names) to the name it is shown by."""
    known: dict[str, str] = {}
    for entry in _table()["rois"]:
        for label in (entry["name"], *entry["parts"], *entry["aliases"]):
            known[label.lower()] = entry["name"]
    return known


def family_labels(family: str) -> tuple[str, ...]:
    """Labels of one ROI family of the Algonauts release, in the order of its mapping file (from 1 on)."""
    return tuple(_table()["families"][family])


def simulated_places() -> dict[str, dict[str, Any]]:
    """Rough places (``lh``, ``rh``: point on the sphere; ``radius`` in degrees; ``stream``) for simulated subjects."""
    places: dict[str, dict[str, Any]] = _table()["places"]
    return places


def paper_rois() -> tuple[str, ...]:
    """Names of the twelve regions of the paper's bars, in their order."""
    return tuple(info.name for info in roi_catalogue() if info.paper)


def roi_info(name: str) -> RoiInfo:
    """What is known about the region called `name`; part names (``V1d``) and other names (``hV4``) are understood.

    An unknown region is its own group, with an empty function.
    """
    shown = _by_label().get(name.lower())
    for info in roi_catalogue():
        if info.name == shown:
            return info
    return RoiInfo(name, name, name, "")


def _position(name: str) -> tuple[int, str]:
    info = roi_info(name)
    for position, known in enumerate(roi_catalogue()):
        if known.name == info.name:
            return position, name
    return len(roi_catalogue()), name


def display_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Regions in the order in which they are shown.

    Where all twelve of the paper are there, they come first: V1 V2 V3 V4 | EBA FBA | OFA FFA | OPA PPA | OWFA VWFA;
    the others follow in the order of the catalogue, unknown ones last, by name.
    """
    known = [info.name for info in roi_catalogue()]
    paper = paper_rois()
    first = paper if set(paper) <= set(names) else ()

    def place(name: str) -> tuple[int, str]:
        if name in first:
            return first.index(name), name
        return len(paper) + (known.index(name) if name in known else len(known)), name

    return tuple(sorted(names, key=place))


class RoiTable:
    """Which voxels belong to which region; regions may overlap, and voxels may belong to none.

    Parameters
    ----------
    masks
        Region name to a boolean array of shape (n_voxels,).
    n_voxels
        Needed only where `masks` is empty.

    Raises
    ------
    InputError
        If masks differ in length.
    """

    def __init__(self, masks: Mapping[str, ArrayLike], n_voxels: int | None = None) -> None:
        self.names: tuple[str, ...] = tuple(masks)
        columns = [np.asarray(mask, dtype=bool).ravel() for mask in masks.values()]
        lengths = {len(column) for column in columns}
        if n_voxels is not None:
            lengths.add(n_voxels)
        if len(lengths) > 1:
            raise InputError(f"ROI masks must all be as long as there are voxels; got lengths {sorted(lengths)}.")
        self.n_voxels = lengths.pop() if lengths else 0
        self._masks: NDArray[np.bool_] = np.stack(columns) if columns else np.zeros((0, self.n_voxels), dtype=bool)

    @classmethod
    def from_labels(cls, labels: Sequence[str] | NDArray[np.str_], *, separator: str = ";") -> RoiTable:
        """A table from one text a voxel.

        Parameters
        ----------
        labels
            Region of each voxel; several are set apart by `separator`, an empty text is none.
        """
        members: dict[str, list[int]] = {}
        for voxel, text in enumerate(labels):
            for name in filter(None, (part.strip() for part in str(text).split(separator))):
                members.setdefault(name, []).append(voxel)
        masks = {}
        for name, voxels in members.items():
            mask = np.zeros(len(labels), dtype=bool)
            mask[voxels] = True
            masks[name] = mask
        return cls(masks, len(labels))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        return f"RoiTable({', '.join(f'{n}: {c}' for n, c in self.counts().items())}; {self.n_voxels} voxels)"

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Membership of every voxel in one region, shape (n_voxels,).

        Raises
        ------
        InputError
            If there is no such region.
        """
        if name not in self.names:
            raise InputError(f"There is no ROI {name!r} here; there are: {', '.join(self.names) or 'none'}.")
        mask: NDArray[np.bool_] = self._masks[self.names.index(name)]
        return mask

    def voxels(self, name: str) -> NDArray[np.int64]:
        """Ascending voxel numbers of one region."""
        return np.flatnonzero(self.mask(name))

    def counts(self) -> dict[str, int]:
        """Number of voxels of each region."""
        return {name: int(count) for name, count in zip(self.names, self._masks.sum(axis=1), strict=True)}

    def averaging(self) -> NDArray[np.float32]:
        """The (n_voxels, n_rois) matrix whose product with voxel activations is their mean over each region.

        The columns of empty regions are zero.
        """
        count = np.maximum(self._masks.sum(axis=1, keepdims=True), 1)
        return np.ascontiguousarray((self._masks / count).T.astype(np.float32))

    def select(self, names: Iterable[str]) -> RoiTable:
        """Only the regions of these names, in this order."""
        return RoiTable({name: self.mask(name) for name in names}, self.n_voxels)

    def take(self, voxels: ArrayLike) -> RoiTable:
        """The same regions over some of the voxels, which are numbered anew; regions left empty are dropped."""
        chosen = self._masks[:, np.asarray(voxels)]
        masks = {name: mask for name, mask in zip(self.names, chosen, strict=True) if mask.any()}
        return RoiTable(masks, chosen.shape[1])

    def ordered(self) -> RoiTable:
        """The same regions in the order in which they are shown; unknown ones last, by name."""
        return self.select(sorted(self.names, key=_position))

    def merged(self) -> RoiTable:
        """Regions as the paper's bars have them: V1 of V1v and V1d, FFA of FFA-1 and FFA-2, V4 for hV4, and so on.

        Regions that the package does not know stay as they are. Empty regions are dropped.
        """
        masks: dict[str, NDArray[np.bool_]] = {}
        for name, mask in zip(self.names, self._masks, strict=True):
            if not mask.any():
                continue
            shown = _by_label().get(name.lower(), name)
            masks[shown] = masks[shown] | mask if shown in masks else mask
        return RoiTable(masks, self.n_voxels).ordered()

    def beside(self, other: RoiTable) -> RoiTable:
        """The table of the voxels of this one followed by those of `other`; regions of one name are united."""
        masks: dict[str, NDArray[np.bool_]] = {}
        for name in dict.fromkeys((*self.names, *other.names)):
            first = self.mask(name) if name in self else np.zeros(self.n_voxels, dtype=bool)
            second = other.mask(name) if name in other else np.zeros(other.n_voxels, dtype=bool)
            masks[name] = np.concatenate([first, second])
        return RoiTable(masks, self.n_voxels + other.n_voxels)
