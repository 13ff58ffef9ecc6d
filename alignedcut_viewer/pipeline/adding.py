"""New pictures join a cut: placed in it by what it has fitted, with nothing of it computed again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, PictureError
from ..nodes import NodeIndex, Slot
from ..progress import ProgressCallback, report, span
from ..study.cut import Cut
from ..study.cut_names import CUTS, current_cuts
from ..study.segment_names import segment_names
from ..study.segment_set import open_segments
from ..study.study import Study
from .coverage import USUAL
from .cut_placer import CutPlacer, PlacedRows
from .new_pictures import NewFeatures, NewPicture, decoded
from .placed_cut import publish, regroup
from .spreading import in_order

if TYPE_CHECKING:
    from ..images import PictureSet

__all__ = [
    "PLACED_TOGETHER",
    "AddedPictures",
    "KeptForAdding",
    "add_pictures",
    "covered_text",
    "images_of",
    "take_out_pictures",
]

PLACED_TOGETHER = 8
"""Pictures that go through the networks and into the cut in one step."""
_WELL = 0.7
"""Coverage of photographs like those of the cut was .77 to .99 where that of noise was .57."""


@dataclass
class KeptForAdding:
    """What adding pictures to a cut needs, kept from one time to the next so that it need not be read again.

    Attributes
    ----------
    networks
        Networks that are loaded.
    placer
        What the cut has fitted.
    """

    networks: dict[Any, Any] = field(default_factory=dict)
    placer: CutPlacer | None = None

    def placer_of(self, study: Study, name: str, progress: ProgressCallback | None) -> CutPlacer:
        """What a cut has fitted, taken up anew where it is another one than before."""
        if self.placer is None or not self.placer.is_of(study, name):
            self.placer = CutPlacer(study, name, progress)
        return self.placer


@dataclass(frozen=True)
class AddedPictures:
    """What became of pictures that were to be added.

    Attributes
    ----------
    cut
        The cut, with those that were placed.
    placed
        For each image that was placed the share of its tokens that the cut covers, 0 to 1; None where nobody can tell.
    already
        Images among those given that the cut had already.
    unusable
        Sentences about pictures that could not be placed.
    """

    cut: Cut
    placed: Mapping[int, float | None]
    already: tuple[int, ...]
    unusable: tuple[str, ...]

    def sentences(self, names: Sequence[str]) -> list[str]:
        """What to tell the user, one sentence a picture.

        Parameters
        ----------
        names
            Of all pictures of the study.
        """
        lines = [f"{names[image]} is placed: {covered_text(share)}." for image, share in self.placed.items()]
        lines += [f"{names[image]} is in the cut already." for image in self.already]
        return [*lines, *self.unusable]


def covered_text(share: float | None) -> str:
    """How well a cut covers a picture, in words."""
    if share is None:
        return "how well the cut covers it cannot be told, since it is of a single picture"
    text = f"{share:.0%} of its tokens have their like among those of the cut ({USUAL:.0%} is usual)"
    return text if share >= _WELL else f"only {text}; the cut may not tell its parts apart"


def add_pictures(
    study: Study,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | PictureSet,
    cut_name: str = "default",
    progress: ProgressCallback | None = None,
    *,
    weights: Mapping[str, str] | None = None,
    device: str = "auto",
    announce: Callable[[str], None] | None = None,
    kept: KeptForAdding | None = None,
) -> AddedPictures:
    """Place new pictures in a cut.

    They get eigenvectors, colours, places on the map, concepts and brain activation by what the cut has fitted to its
    own pictures; of these nothing changes. Only the features of the new pictures are computed. The study changes in the
    end, in one step: what was cancelled or killed before left it as it was.

    Parameters
    ----------
    study
        Open for writing.
    source
        A folder, a glob, a file, a list of these, or a picture set. A picture that the study has already, by its place
        or by its content, is the same picture.
    cut_name
        Name of the cut.
    progress
        Called all along; raises to cancel.
    weights
        Checkpoint files by network, where the study was extracted with such.
    device
        Where the networks run.
    announce
        Told where weights come from.
    kept
        What an earlier call needed, for the next.

    Returns
    -------
    AddedPictures
        Which were placed, and how well the cut covers them.

    Raises
    ------
    PictureError
        If none of the pictures can be placed.
    InputError
        If the cut is a joint one of many layers' graphs.
    StudyError
        If there is no such cut, or the study was opened for reading.
    WeightsUnavailableError
        If the weights that the study was computed with cannot be had.
    """
    from ..images import PictureSet, open_pictures

    study.store.require_writable()
    files = source if isinstance(source, PictureSet) else open_pictures(source)
    kept = KeptForAdding() if kept is None else kept
    placer = kept.placer_of(study, cut_name, span(progress, 0.0, 0.2))
    networks = NewFeatures(study, placer.slots, weights=weights, device=device, announce=announce, loaded=kept.networks)
    joining = _Joining(study, cut_name, networks)
    work = _Placing(networks, placer, span(progress, 0.2, 0.9))
    with contextlib.closing(in_order(_placed, work, joining.batches(files))) as batches:
        for batch in batches:
            joining.take(batch)
            report(work.progress, batch.new.done, len(files), "Placed")
    if not joining.images and not joining.already:
        raise PictureError(joining.unusable[0])
    report(progress, 100, 100, "Storing")  # the last word, so that whoever cancels has changed nothing
    cut = joining.publish() if joining.images else study.cut(cut_name)
    placed = dict(zip(joining.images, joining.coverage, strict=True))
    return AddedPictures(cut, placed, tuple(dict.fromkeys(joining.already)), tuple(joining.unusable))


@dataclass(frozen=True)
class _New:
    """Some pictures that are new to a cut.

    Attributes
    ----------
    images, pictures
        Their image numbers to be, and what was read.
    held
        Their features, where the study has them.
    done, part
        How many of the files are read with them, and from where to where in the whole.
    """

    images: list[int]
    pictures: list[NewPicture]
    held: dict[Slot, NDArray[np.floating[Any]]] | None
    done: int
    part: tuple[float, float]


@dataclass(frozen=True)
class _Placing:
    """What places pictures. Sent to another process, it takes the cut up again there, and reports nothing."""

    networks: NewFeatures
    placer: CutPlacer
    progress: ProgressCallback | None

    def __reduce__(self) -> tuple[Any, ...]:
        return _Placing, (self.networks, self.placer, None)


@dataclass(frozen=True)
class _Placed:
    """New pictures with their features and their rows of the cut."""

    new: _New
    features: dict[Slot, NDArray[np.floating[Any]]]
    rows: PlacedRows


def _placed(work: _Placing, new: _New) -> _Placed:
    features = new.held
    if features is None:
        features = work.networks.of(new.pictures, span(work.progress, *new.part))
    return _Placed(new, features, work.placer.place(features, span(work.progress, new.part[1], new.part[1])))


class _Joining:
    """Pictures on their way into a cut; the study shows nothing of them before :meth:`publish`."""

    def __init__(self, study: Study, name: str, networks: NewFeatures) -> None:
        self._study, self._name, self._networks = study, name, networks
        self._before = study.cut(name).index.images
        self._n_before = len(study.pictures)
        self._fresh: list[NewPicture] = []
        self._contents: dict[int, str] = {}
        self._rows: list[PlacedRows] = []
        self._updates: dict[int, dict[str, Any]] = {}
        self._stored: dict[str, dict[int, list[int]]] = {name: {} for name in networks.sets}
        self.images: list[int] = []
        self.coverage: list[float | None] = []
        self.already: list[int] = []
        self.unusable: list[str] = []

    def admitted(self, files: PictureSet) -> list[tuple[int, NewPicture]]:
        """Those of some pictures that are new to the cut, with their image numbers to be."""
        new: list[tuple[int, NewPicture]] = []
        for picture in decoded(files, self._networks.at_least):
            if isinstance(picture, PictureError):
                self.unusable.append(str(picture))
                continue
            same = next((image for image, digest in self._contents.items() if digest == picture.digest), None)
            image = self._study.picture_files.find(picture.path, picture.digest) if same is None else same
            if image is not None and (image in self._before or same is not None):
                if same is None and self._study.pictures[image].digest != picture.digest:
                    self.unusable.append(
                        f"{picture.path} has changed since it was cut; `alignedcut extract` and `alignedcut cut` take "
                        "it in as it is now."
                    )
                elif same is None:
                    self.already.append(image)
                continue
            if image is None:
                image = self._n_before + len(self._fresh)
                self._fresh.append(picture)
            else:
                self._updates[image] = {**picture.fields, "reason": None}
            self._contents[image] = picture.digest
            new.append((image, picture))
        return new

    def batches(self, files: PictureSet) -> Iterator[_New]:
        """Those of some files that are new to the cut, a few at a time."""
        for start in range(0, len(files), PLACED_TOGETHER):
            stop = min(start + PLACED_TOGETHER, len(files))
            new = self.admitted(files.subset(range(start, stop)))
            if new:
                images = [image for image, _ in new]
                part = (start / len(files), stop / len(files))
                yield _New(images, [picture for _, picture in new], self._held(images), stop, part)

    def _held(self, images: Sequence[int]) -> dict[Slot, NDArray[np.floating[Any]]] | None:
        """Features of some pictures, where the study has all of them."""
        if not all(self._has(image) for image in images):
            return None
        held = {slot: self._networks.sets[slot.network].tokens(slot.layer) for slot in self._networks.slots}
        return {slot: np.stack([tokens[image] for image in images]) for slot, tokens in held.items()}

    def _has(self, image: int) -> bool:
        """Whether the study has the features of an image, made of the content that it has now."""
        known = image < self._n_before and self._study.pictures[image].digest == self._contents[image]
        slots = self._networks.slots
        return known and all(self._networks.sets[s.network].complete(s.layer, image + 1)[image] for s in slots)

    def take(self, batch: _Placed) -> None:
        """Put features on disk, where they do not count yet, and remember the rest."""
        numbers = batch.new.images
        for name, features_of in self._networks.sets.items():
            values = {slot.layer: array for slot, array in batch.features.items() if slot.network == name}
            features_of.prepare({layer: array.shape[2] for layer, array in values.items()}, max(numbers) + 1)
            for chunk in dict.fromkeys(image // features_of.batch for image in numbers):
                at = [i for i in np.argsort(numbers) if numbers[i] // features_of.batch == chunk]
                here = [numbers[i] for i in at]
                features_of.put({layer: array[at] for layer, array in values.items()}, here)
                for layer in values:
                    self._stored[name].setdefault(layer, []).extend(here)
        self.images.extend(numbers)
        self.coverage.extend(batch.rows.coverage)
        self._rows.append(batch.rows)

    def publish(self) -> Cut:
        """Make them part of the study: results beside those that stand, then records, then the name, in one step."""
        groups = regroup(
            self._study,
            self._name,
            (*self._before, *self.images),
            self._rows,
            dict(zip(self.images, self.coverage, strict=True)),
            self._contents,
            [image for image in self.images if image >= self._n_before],
        )
        table = self._study.pictures
        changed = [i for i, fields in self._updates.items() if table[i].digest not in (None, fields["digest"])]
        if changed:
            self._study.forget_features(changed)
        self._study.picture_files.append([(p.path, p.name, p.fields) for p in self._fresh])
        self._study.update_pictures(self._updates)
        for name, layers in self._stored.items():
            self._networks.sets[name].mark(layers)
        return publish(self._study, self._name, groups)


def take_out_pictures(
    study: Study, images: Iterable[int], cut_name: str = "default", progress: ProgressCallback | None = None
) -> Cut:
    """Take pictures that were placed in a cut out of it again; nothing else of the cut changes.

    A picture that came into the study by being added goes from the study, too, unless another cut or segments hold it,
    or pictures come after it.

    Parameters
    ----------
    study
        Open for writing.
    images
        Image numbers.
    cut_name
        Name of the cut.
    progress
        Called at the beginning and at the end.

    Raises
    ------
    InputError
        If one of them was not placed in the cut, but cut with it.
    StudyError
        If there is no such cut, or the study was opened for reading.
    """
    study.store.require_writable()
    cut, leaving = study.cut(cut_name), list(dict.fromkeys(int(image) for image in images))
    placed = () if cut.placed is None else cut.placed.images
    strange = [image for image in leaving if image not in placed]
    if strange:
        table = study.pictures
        name = table[strange[0]].name if 0 <= strange[0] < len(table) else f"image {strange[0]}"
        raise InputError(
            f"{name} was not placed in the cut {cut_name!r} after it was made, so that it cannot be taken out; cut "
            "again without it."
        )
    report(progress, 0, 1, "Taking pictures out")
    brought = () if cut.placed is None else cut.placed.brought
    result = publish(study, cut_name, regroup(study, cut_name, [i for i in cut.index.images if i not in leaving]))
    still = _images_in_use(study)
    study.picture_files.drop_last([i for i in leaving if i in brought and i not in still], study.forget_features)
    report(progress, 1, 1, "Finished")
    return result


def images_of(study: Study, files: PictureSet) -> list[int]:
    """Image numbers of some files in a study, by place or by content.

    Raises
    ------
    PictureError
        If a file cannot be read, or is no picture of the study.
    """
    numbers = []
    for number, path in enumerate(files.paths):
        image = study.picture_files.find(path, "")  # a file that has changed, too
        image = study.picture_files.find(path, files.digest(number)) if image is None else image
        if image is None:
            raise PictureError(f"{path} is no picture of the study {study.path}.")
        numbers.append(image)
    return numbers


def _images_in_use(study: Study) -> set[int]:
    """Images that a cut or segments hold."""
    held: set[int] = set()
    for entry in current_cuts(study.store).values():
        held.update(NodeIndex.from_dict(study.store.attributes(f"{CUTS}/{entry['cut']}")["index"]).images)
    for name in segment_names(study.store):
        held.update(open_segments(study.store, name).images)
    return held
