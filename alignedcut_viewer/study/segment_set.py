"""Segments kept in a study: label maps at the size of the pictures, confidence, recipe, and a person's changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of, safe_name
from ..errors import InputError
from ..segmentation import Segmentation, SegmentKey, segment_colours
from ..segmentation.label_runs import LabelRuns
from ..store import Store
from .segment_names import SEGMENTATIONS, remove_unused, segment_group

__all__ = ["SegmentSet", "SegmentWriter", "open_segments"]


def open_segments(store: Store, name: str) -> SegmentSet:
    """A segmentation of a study; a StudyError if there is none of that name."""
    return SegmentSet(store, name, segment_group(store, name))


class SegmentSet:
    """Segments of the pictures of a study.

    Obtained from :meth:`alignedcut_viewer.study.Study.segments` or :func:`alignedcut_viewer.pipeline.segment`.

    Attributes
    ----------
    name : str
        What they are called.
    images : tuple of int
        Numbers of the pictures.
    joint : bool
        Whether a number means the same in all pictures.
    """

    def __init__(self, store: Store, name: str, group: str) -> None:
        self._group = group
        self.name = name
        attributes = self._attributes = store.attributes(group)
        self.images: tuple[int, ...] = tuple(attributes["images"])
        self.joint = bool(attributes["joint"])
        self._place = {image: i for i, image in enumerate(self.images)}
        self._starts = store.view(f"{group}/starts")
        self._sizes = store.view(f"{group}/sizes")
        self._lengths = store.view(f"{group}/lengths")
        self._values = store.view(f"{group}/values")

    def __repr__(self) -> str:
        return f"SegmentSet({self.name!r}, {len(self.images)} pictures)"

    @property
    def identity(self) -> str:
        """Names what is stored; other after every change."""
        return self._group

    @property
    def recipe(self) -> dict[str, Any]:
        """Every setting, layers, versions and digests."""
        recipe: dict[str, Any] = self._attributes["recipe"]
        return recipe

    def labels(self, image: int) -> NDArray[np.int32]:
        """Label map of a picture at its own size, int32 ``(H, W)`` from 1; 0 where nothing is."""
        return self.runs(image).labels()

    def runs(self, image: int) -> LabelRuns:
        """The same as runs of equal numbers, which take little memory."""
        at = self._at(image)
        stored = slice(int(self._starts[at]), int(self._starts[at + 1]))
        height, width = (int(n) for n in self._sizes[at])
        # copies: the files may be removed while somebody still works on the list
        return LabelRuns((height, width), np.array(self._lengths[stored]), np.array(self._values[stored]))

    def confidence(self, image: int) -> dict[int, float]:
        """Confidence of each number in a picture."""
        known = self._attributes["confidence"][self._at(image)]
        return {int(number): float(value) for number, value in known.items()}

    def reason(self, image: int) -> str:
        """One line that says how many segments a picture has, and why."""
        return str(self._attributes["reasons"][self._at(image)])

    def names(self, image: int) -> dict[int, str]:
        """Names that were given to numbers of a picture."""
        return {int(entry["number"]): str(entry["name"]) for entry in self._edited(image)}

    def colours(self, image: int) -> NDArray[np.uint8]:
        """RGB of number 1, 2, … in a picture as they are shown, uint8 ``(k, 3)``.

        Where a number means the same in all pictures the table is the same in all; it never has more than 255 entries,
        as many as a palette holds.
        """
        known = {int(entry["number"]): entry["colour"] for entry in self._edited(image)}
        met = self._values if self.joint else self.runs(image).values
        largest = int(max(np.max(np.asarray(met), initial=0), *known, 0))
        table = segment_colours(largest)[1:]
        for number, colour in known.items():
            table[number - 1] = colour
        return table[:255]

    def _edited(self, image: int) -> list[dict[str, Any]]:
        return [entry for entry in self._attributes["edited"] if entry["image"] in (None, image)]

    def segmentation(self, images: Iterable[int] | None = None) -> Segmentation:
        """The list of segments to work with; :func:`SegmentWriter.of_edits` keeps what was made of it."""
        chosen = self.images if images is None else tuple(images)
        result = Segmentation(
            chosen,
            [self.runs(image) for image in chosen],
            joint=self.joint,
            confidence=[self.confidence(image) for image in chosen],
        )
        listed = {segment.key for segment in result.segments}
        for entry in self._attributes["edited"]:
            key = SegmentKey(int(entry["number"]), entry["image"])
            if key in listed:
                result.restore(key, name=entry["name"], colour=entry["colour"], locked=bool(entry["locked"]))
        return result

    def _at(self, image: int) -> int:
        if image not in self._place:
            raise InputError(f"Picture {image} is not part of the segments {self.name!r}.")
        return self._place[image]


@dataclass
class SegmentWriter:
    """Gathers label maps picture by picture, and puts them into a study in one step.

    Attributes
    ----------
    joint
        Whether a number means the same in all pictures.
    recipe
        How they are made.
    """

    joint: bool
    recipe: dict[str, Any]
    _images: list[int] = field(default_factory=list)
    _sizes: list[tuple[int, int]] = field(default_factory=list)
    _runs: list[tuple[NDArray[np.uint32], NDArray[np.uint16]]] = field(default_factory=list)
    _confidence: list[dict[str, float]] = field(default_factory=list)
    _reasons: list[str] = field(default_factory=list)
    edited: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, image: int, labels: NDArray[np.integer] | LabelRuns, confidence: dict[int, float], reason: str
    ) -> None:
        """Append a picture."""
        runs = labels if isinstance(labels, LabelRuns) else LabelRuns.of(labels)
        if runs.values.max(initial=0) > 65535:
            raise InputError(f"Segments are numbered from 0 to 65,535; got {runs.values.max()}.")
        self._images.append(int(image))
        self._sizes.append(runs.shape)
        self._runs.append((np.asarray(runs.lengths, dtype=np.uint32), np.asarray(runs.values, dtype=np.uint16)))
        self._confidence.append({str(n): round(float(v), 6) for n, v in confidence.items() if v == v})
        self._reasons.append(reason)

    @classmethod
    def of_edits(cls, kept: SegmentSet, edited: Segmentation) -> SegmentWriter:
        """What to store after a person worked on some of the pictures."""
        writer = cls(kept.joint, kept.recipe)
        for image in kept.images:
            if image in edited.images:
                segments = edited.of_image(image)
                sure = {segment.key.number: segment.confidence for segment in segments}
                writer.add(image, edited.runs_of(image), sure, kept.reason(image))
            else:
                writer.add(image, kept.runs(image), kept.confidence(image), kept.reason(image))
        writer.edited = [
            {
                "image": segment.key.image,
                "number": segment.key.number,
                "name": segment.name,
                "colour": list(segment.colour),
                "locked": segment.locked,
            }
            for segment in edited.segments
        ]
        return writer

    def publish(self, store: Store, name: str) -> SegmentSet:
        """Make them the segments of that name in one step; those of that name before are removed.

        Raises
        ------
        StudyError
            If the study was opened for reading.
        StorageError
            If the disk is full.
        """
        store.require_writable()
        if not name.strip():
            raise InputError("Segments need a name.")
        content = digest_of([self.recipe, self.edited, self._confidence, self._images, self._digests()])
        own = f"{safe_name(name)}-{content[:10]}"
        group = f"{SEGMENTATIONS}/{own}"
        before = dict(store.attributes(SEGMENTATIONS)["current"]) if store.exists(SEGMENTATIONS) else {}
        if not store.exists(SEGMENTATIONS):
            store.set_attributes(SEGMENTATIONS, {"current": {}})
        attributes = {
            "images": self._images,
            "joint": self.joint,
            "recipe": self.recipe,
            "confidence": self._confidence,
            "reasons": self._reasons,
            "edited": self.edited,
        }
        with store.building(group, attributes):
            counts = [len(lengths) for lengths, _ in self._runs]
            store.save_array(f"{group}/starts", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
            store.save_array(f"{group}/sizes", np.array(self._sizes, dtype=np.int32).reshape(-1, 2))
            store.save_array(f"{group}/lengths", _joined([lengths for lengths, _ in self._runs], np.uint32))
            store.save_array(f"{group}/values", _joined([values for _, values in self._runs], np.uint16))
        held = store.attributes(SEGMENTATIONS)
        store.set_attributes(SEGMENTATIONS, {**held, "current": {**before, name: own}})
        if name in before:
            remove_unused(store, {before[name]})
        return open_segments(store, name)

    def _digests(self) -> list[str]:
        import hashlib

        return [hashlib.sha256(lengths.tobytes() + values.tobytes()).hexdigest() for lengths, values in self._runs]


def _joined(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)
