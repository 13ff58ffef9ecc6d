"""Segments as a person works with them: a list with names, colours and locks over label maps, and every step undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .label_runs import LabelRuns, RecentMaps
from .palette import segment_colours

__all__ = ["Segment", "SegmentKey", "Segmentation"]


@dataclass(frozen=True, order=True)
class SegmentKey:
    """Which segment: its number in masks, and its picture where each picture has segments of its own.

    Attributes
    ----------
    number
        From 1; the same in the window, in masks and in tables.
    image
        Number of the picture; None where a number means the same in all pictures.
    """

    number: int
    image: int | None = None


@dataclass(frozen=True)
class Segment:
    """One entry of the list.

    Attributes
    ----------
    key
        Which segment.
    name, colour
        What it is called and shown in, RGB.
    confidence
        Between 0 and 1; NaN where it is not known.
    locked
        A locked segment keeps its pixels, whatever is done to others.
    """

    key: SegmentKey
    name: str
    colour: tuple[int, int, int]
    confidence: float = float("nan")
    locked: bool = False


@dataclass(frozen=True)
class _State:
    segments: dict[SegmentKey, Segment]
    maps: tuple[LabelRuns, ...]
    what: str


class Segmentation:
    """Label maps of some pictures and the list of their segments, with undo.

    Knows nothing of windows: a list shows :attr:`segments`, a labels layer :meth:`map_of`, and both are stale when
    :attr:`revision` has grown. Maps are held as runs of equal numbers, and only the few that were looked at last as
    pixels, too; edits copy only the maps that they change.

    Parameters
    ----------
    images
        Numbers of the pictures, each once.
    maps
        One label map a picture, whole numbers ``(rows, columns)`` of tokens or of pixels, or its runs; 0 is no segment.
    joint
        Whether a number means the same in all pictures.
    confidence
        One mapping a picture, from number to a value between 0 and 1.
    names
        Names of numbers; others are called ``segment 1``, ….

    Raises
    ------
    InputError
        If maps and pictures do not fit, or a map holds numbers below 0.
    """

    def __init__(
        self,
        images: Iterable[int],
        maps: Iterable[ArrayLike | LabelRuns],
        *,
        joint: bool = False,
        confidence: Sequence[Mapping[int, float]] | None = None,
        names: Mapping[int, str] | None = None,
    ) -> None:
        self.images = tuple(int(image) for image in images)
        self.joint = joint
        own = tuple(labels if isinstance(labels, LabelRuns) else LabelRuns.of(labels) for labels in maps)
        if len(own) != len(self.images) or len(set(self.images)) != len(self.images):
            raise InputError(f"{len(self.images)} different pictures need as many label maps; got {len(own)}.")
        if confidence is not None and len(confidence) != len(own):
            raise InputError(f"{len(own)} pictures need as many mappings of confidence; got {len(confidence)}.")
        self._place = {image: i for i, image in enumerate(self.images)}
        self.confidence: tuple[dict[int, float], ...] = tuple(
            dict(known) for known in (confidence if confidence is not None else [{} for _ in own])
        )
        self._state = _State(self._listed(own, dict(names or {})), own, "")
        self._recent = RecentMaps()
        self._done: list[_State] = []
        self._undone: list[_State] = []
        self.revision = 0

    def _listed(self, maps: Sequence[LabelRuns], names: Mapping[int, str]) -> dict[SegmentKey, Segment]:
        sums: dict[SegmentKey, list[float]] = {}
        for i, labels in enumerate(maps):
            for number, share in _shares(labels).items():
                if number:
                    total = sums.setdefault(self.key(number, self.images[i]), [0.0, 0.0])
                    total[0] += share
                    total[1] += share * self.confidence[i].get(number, float("nan"))
        table = segment_colours(max((key.number for key in sums), default=0))
        return {
            key: Segment(
                key,
                names.get(key.number, f"segment {key.number}"),
                _rgb(table[key.number]),
                sums[key][1] / sums[key][0],
            )
            for key in sorted(sums, key=_order)
        }

    # -- looking -------------------------------------------------------------------------------------------------

    def key(self, number: int, image: int) -> SegmentKey:
        """The segment that a number means in a picture."""
        return SegmentKey(int(number), None if self.joint else image)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The list, by picture and number."""
        return tuple(self._state.segments.values())

    def of_image(self, image: int) -> tuple[Segment, ...]:
        """Segments that a picture holds."""
        return tuple(self[self.key(number, image)] for number in self.runs_of(image).counts() if number)

    def __getitem__(self, key: SegmentKey) -> Segment:
        try:
            return self._state.segments[key]
        except KeyError:
            where = "" if key.image is None else f" of picture {key.image}"
            raise InputError(f"There is no segment {key.number}{where}.") from None

    def map_of(self, image: int) -> NDArray[np.int32]:
        """Label map of a picture; not to be written to."""
        return self._recent.of(self.runs_of(image))

    def runs_of(self, image: int) -> LabelRuns:
        """Label map of a picture as runs; another object after every change of the picture."""
        return self._state.maps[self._at(image)]

    def area(self, key: SegmentKey) -> float:
        """Share of its picture that a segment covers; of all pictures together where it means the same in all."""
        self[key]
        chosen = self.images if key.image is None else (key.image,)
        return float(np.mean([_shares(self.runs_of(image)).get(key.number, 0.0) for image in chosen]))

    def names_of(self, image: int) -> dict[int, str]:
        """Name of each number in a picture, as exports want it."""
        return {segment.key.number: segment.name for segment in self.of_image(image)}

    def colours_of(self, image: int) -> NDArray[np.uint8]:
        """RGB of number 1, 2, … in a picture, uint8 ``(k, 3)``."""
        found = self.of_image(image)
        largest = max((segment.key.number for segment in found), default=0)
        table = segment_colours(largest)[1:]
        for segment in found:
            table[segment.key.number - 1] = segment.colour
        return table

    def _at(self, image: int) -> int:
        if image not in self._place:
            raise InputError(f"Picture {image} is not part of these segments.")
        return self._place[image]

    def restore(self, key: SegmentKey, *, name: str, colour: Sequence[int], locked: bool) -> None:
        """Give a segment the name, colour and lock that it had when it was stored; no step to be undone."""
        known = replace(self[key], name=name, colour=_rgb(colour), locked=locked)
        self._state = _State({**self._state.segments, key: known}, self._state.maps, self._state.what)

    # -- editing -------------------------------------------------------------------------------------------------

    def rename(self, key: SegmentKey, name: str) -> None:
        """Give a segment a name."""
        if not name.strip():
            raise InputError("A segment needs a name.")
        self._alter(key, f"Rename {self[key].name}", name=name.strip())

    def recolour(self, key: SegmentKey, colour: Sequence[int]) -> None:
        """Give a segment a colour, RGB from 0 to 255."""
        if len(colour) != 3 or not all(0 <= int(value) <= 255 for value in colour):
            raise InputError(f"A colour is three numbers from 0 to 255; got {tuple(colour)}.")
        self._alter(key, f"Recolour {self[key].name}", colour=_rgb(colour))

    def lock(self, key: SegmentKey, locked: bool = True) -> None:
        """Protect the pixels of a segment, or no longer."""
        self._alter(key, f"{'Lock' if locked else 'Unlock'} {self[key].name}", locked=locked)

    def merge(self, keys: Sequence[SegmentKey]) -> SegmentKey:
        """Make one segment of several; the first gives name, number and colour.

        Raises
        ------
        InputError
            If there are fewer than two, they are of different pictures, or one is locked.
        """
        chosen = list(dict.fromkeys(keys))
        if len(chosen) < 2:
            raise InputError("Choose at least two segments to merge.")
        if len({key.image for key in chosen}) > 1:
            raise InputError("Segments of different pictures cannot be merged.")
        parts = [self._unlocked(key) for key in chosen]
        areas = np.array([self.area(key) for key in chosen])
        first, others = chosen[0], chosen[1:]
        weighted = float(np.dot(areas, [part.confidence for part in parts]) / areas.sum())
        numbers = [key.number for key in others]
        segments = {key: value for key, value in self._state.segments.items() if key not in others}
        segments[first] = replace(parts[0], confidence=weighted)
        maps = self._changed(first, lambda _, runs: runs.renumbered(numbers, first.number))
        self._push(segments, maps, f"Merge {len(chosen)} segments")
        return first

    def split(self, key: SegmentKey, parts: Mapping[int, ArrayLike] | None = None) -> tuple[SegmentKey, ...]:
        """Make several segments of one.

        Parameters
        ----------
        key
            The segment; it keeps the part that is numbered lowest.
        parts
            For each picture that it lies in an array of the map's shape that numbers the parts inside the segment, for
            example by a cut of its own. By default its connected components, the largest first, in one picture.

        Returns
        -------
        tuple of SegmentKey
            The parts.

        Raises
        ------
        InputError
            If there is only one part, shapes do not fit, or the segment is locked.
        """
        old = self._unlocked(key)
        given = self._components(key) if parts is None else {image: np.asarray(part) for image, part in parts.items()}
        for image, part in given.items():
            if part.shape != self.runs_of(image).shape:
                raise InputError(f"The parts of picture {image} are {part.shape}, its map {self.runs_of(image).shape}.")
        inside = {image: self.map_of(image) == key.number for image in given}
        values = sorted({int(v) for image, part in given.items() for v in np.unique(part[inside[image]])})
        if len(values) < 2:
            raise InputError(f"{old.name} is in one piece; there is nothing to split.")
        largest = max(k.number for k in self._state.segments if k.image == key.image)
        keys = [key, *(SegmentKey(largest + i, key.image) for i in range(1, len(values)))]
        table = segment_colours(keys[-1].number)
        segments = dict(self._state.segments)
        for i, own in enumerate(keys[1:], start=2):
            segments[own] = replace(old, key=own, name=f"{old.name} ({i})", colour=_rgb(table[own.number]))

        def changed(image: int, runs: LabelRuns) -> LabelRuns:
            if image not in given:
                return runs
            result = self.map_of(image).copy()
            for value, own in zip(values, keys, strict=True):
                result[inside[image] & (given[image] == value)] = own.number
            return LabelRuns.of(result)

        self._push(_sorted(segments), self._changed(key, changed), f"Split {old.name}")
        return tuple(keys)

    def add(
        self, masks: Mapping[int, ArrayLike], name: str, confidence: float = float("nan")
    ) -> tuple[SegmentKey, ...]:
        """Make a new segment of the pixels of some masks, in one step; pixels of locked segments stay.

        Parameters
        ----------
        masks
            For some pictures an array of the map's shape that is true inside.
        name
            What it is called.
        confidence
            Between 0 and 1, or NaN.

        Returns
        -------
        tuple of SegmentKey
            One a picture where each has segments of its own, else one.

        Raises
        ------
        InputError
            If shapes do not fit, or there is no pixel that is free to take.
        """
        taken = {}
        for image, mask in masks.items():
            inside, here = np.asarray(mask, dtype=bool), self.map_of(image)
            if inside.shape != here.shape:
                raise InputError(f"The mask of picture {image} is {inside.shape}, its map {here.shape}.")
            inside = inside & ~np.isin(here, [s.key.number for s in self.of_image(image) if s.locked])
            if inside.any():
                taken[image] = inside
        if not taken:
            raise InputError("The new segment is empty, or lies on locked segments only.")
        largest: dict[int | None, int] = {}
        for key in self._state.segments:
            largest[key.image] = max(largest.get(key.image, 0), key.number)
        segments, maps = dict(self._state.segments), list(self._state.maps)
        made: list[SegmentKey] = []
        for image, inside in taken.items():
            key = self.key(largest.get(None if self.joint else image, 0) + 1, image)
            maps[self._at(image)] = LabelRuns.of(np.where(inside, np.int32(key.number), self.map_of(image)))
            if key not in made:
                made.append(key)
                segments[key] = Segment(key, name, _rgb(segment_colours(key.number)[key.number]), confidence)
        self._push(_sorted(segments), tuple(maps), f"Add {name}")
        return tuple(made)

    def delete(self, key: SegmentKey) -> None:
        """Remove a segment; its pixels belong to none afterwards."""
        old = self._unlocked(key)
        segments = {other: value for other, value in self._state.segments.items() if other != key}
        self._push(segments, self._changed(key, lambda _, runs: runs.renumbered([key.number], 0)), f"Delete {old.name}")

    def paint(self, image: int, labels: ArrayLike) -> None:
        """Take over a label map that was painted on; pixels of locked segments stay, new numbers become segments.

        Raises
        ------
        InputError
            If the map has another shape.
        """
        before, after = self.map_of(image), LabelRuns.of(labels).labels()
        if after.shape != before.shape:
            raise InputError(f"The map of picture {image} is {before.shape}; got {after.shape}.")
        locked = [s.key.number for s in self.of_image(image) if s.locked]
        kept = np.isin(before, locked) | np.isin(after, locked)
        result = LabelRuns.of(np.where(kept, before, after))
        segments = dict(self._state.segments)
        numbers = result.counts()
        table = segment_colours(max(numbers, default=0))
        for number in numbers:
            key = self.key(number, image)
            if number and key not in segments:
                segments[key] = Segment(key, f"segment {number}", _rgb(table[number]))
        maps = list(self._state.maps)
        maps[self._at(image)] = result
        self._push(_sorted(segments), tuple(maps), f"Paint on picture {image}")

    # -- undo ----------------------------------------------------------------------------------------------------

    @property
    def undo_text(self) -> str:
        """What :meth:`undo` would take back; empty where there is nothing."""
        return self._state.what if self._done else ""

    @property
    def redo_text(self) -> str:
        """What :meth:`redo` would do again; empty where there is nothing."""
        return self._undone[-1].what if self._undone else ""

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        return self._travel(self._done, self._undone)

    def redo(self) -> bool:
        """Do again what was taken back; False where there is nothing."""
        return self._travel(self._undone, self._done)

    def _travel(self, source: list[_State], target: list[_State]) -> bool:
        if not source:
            return False
        target.append(self._state)
        self._state = source.pop()
        self.revision += 1
        return True

    def _push(self, segments: dict[SegmentKey, Segment], maps: tuple[LabelRuns, ...], what: str) -> None:
        self._done.append(self._state)
        self._undone.clear()
        self._state = _State(segments, maps, what)
        self.revision += 1

    def _alter(self, key: SegmentKey, what: str, **values: Any) -> None:
        segments = dict(self._state.segments)
        segments[key] = replace(self[key], **values)
        self._push(segments, self._state.maps, what)

    def _unlocked(self, key: SegmentKey) -> Segment:
        segment = self[key]
        if segment.locked:
            raise InputError(f"{segment.name} is locked; unlock it first.")
        return segment

    def _changed(self, key: SegmentKey, change: Callable[[int, LabelRuns], LabelRuns]) -> tuple[LabelRuns, ...]:
        chosen = self.images if key.image is None else (key.image,)
        maps = list(self._state.maps)
        for image in chosen:
            maps[self._at(image)] = change(image, maps[self._at(image)])
        return tuple(maps)

    def _components(self, key: SegmentKey) -> dict[int, NDArray[np.int64]]:
        from scipy.ndimage import label

        if key.image is None:
            raise InputError("Say how to split a segment that lies in many pictures.")
        numbered, _ = label(self.map_of(key.image) == key.number)
        order = np.argsort(-np.bincount(numbered.ravel())[1:], kind="stable")
        ranks = np.zeros(len(order) + 1, dtype=np.int64)
        ranks[order + 1] = np.arange(1, len(order) + 1)
        return {key.image: ranks[numbered]}


def _shares(runs: LabelRuns) -> dict[int, float]:
    """Share of a picture that each number covers."""
    size = max(runs.shape[0] * runs.shape[1], 1)
    return {number: pixels / size for number, pixels in runs.counts().items()}


def _rgb(values: Any) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def _order(key: SegmentKey) -> tuple[int, int]:
    return (-1 if key.image is None else key.image, key.number)


def _sorted(segments: dict[SegmentKey, Segment]) -> dict[SegmentKey, Segment]:
    return {key: segments[key] for key in sorted(segments, key=_order)}
