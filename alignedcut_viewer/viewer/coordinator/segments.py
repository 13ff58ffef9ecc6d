"""The segments that are open: their list, what is chosen of it, changes and saving. Knows neither Qt nor napari."""

import contextlib
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import AlignedCutError, InputError
from ...places import Location
from ...progress import ProgressCallback, report
from ..frames.picture_layout import Place
from ..frames.segment_stack import repainted
from ..state.history import SelectionMode
from ..state.timeline import Step, Timeline
from ..state.view_state import ViewState
from .node_selection import NodeSelection
from .shown import Shown
from .similarity import Similarity, Worker

if TYPE_CHECKING:
    from ...segmentation import Segmentation, SegmentKey
    from ...study.segment_set import SegmentSet

__all__ = ["OpenSegments", "Segments", "load_segments", "store_segments"]

Result = TypeVar("Result")
SAMPLES = 4
"""Places along each side of a token at which its segment is looked up."""


@dataclass(frozen=True)
class OpenSegments:
    """Segments of a study with the list to work with."""

    study: Location
    kept: "SegmentSet"
    edits: "Segmentation"


class Segments:
    """Segments of the study that is shown, as a person works with them.

    Parameters
    ----------
    shown, selection, similarity, view
        Whose segments, where the tokens of those chosen go, what must not follow them there, and which picture is seen.
    timeline
        Learns of every change.
    worker
        Runs the latest request in the background, as for :class:`~.similarity.Similarity`.

    Attributes
    ----------
    changed
        Signal: other segments are open, or their list or pixels changed.
    chosen_changed
        Signal: others of them are chosen.
    failed
        Signal (error): segments cannot be opened, renamed or deleted.
    """

    changed = Signal()
    chosen_changed = Signal()
    failed = Signal(Exception)

    def __init__(
        self,
        shown: Shown,
        selection: NodeSelection,
        similarity: Similarity,
        view: ViewState,
        timeline: Timeline,
        worker: Callable[..., Worker],
    ) -> None:
        self._shown, self._selection, self._similarity, self._view = shown, selection, similarity, view
        self._timeline = timeline
        self._worker = worker("Opening segments", self._on_opened)
        self._open: OpenSegments | None = None
        self._saved = 0
        self._chosen: tuple[SegmentKey, ...] = ()
        self._deletions: list[Step] = []
        self._touched: set[Location] = set()

    # -- which ---------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all segments that the study holds."""
        study = self._shown.study
        return () if study is None else study.study.segmentations

    @property
    def name(self) -> str:
        """Name of those that are open; "" where none are."""
        return "" if self._open is None else self._open.kept.name

    @property
    def kept(self) -> "SegmentSet | None":
        """Those that are open as they are in the study."""
        return None if self._open is None else self._open.kept

    @property
    def edits(self) -> "Segmentation | None":
        """The list of those that are open, with what was changed since."""
        return None if self._open is None else self._open.edits

    @property
    def study_path(self) -> Location | None:
        """The study whose segments are open."""
        return None if self._open is None else self._open.study

    @property
    def image(self) -> int | None:
        """Number of the picture in view."""
        study, at = self._shown.study, self._view.picture
        return study.images[at] if study is not None and at < len(study.images) else None

    def opened(self) -> OpenSegments:
        """Those that are open.

        Raises
        ------
        InputError
            If none are.
        """
        if self._open is None:
            raise InputError("No segments are open; make some in the Segments panel, or import masks there.")
        return self._open

    def open(self, name: str) -> None:
        """Open segments of the study that is shown, in the background."""
        study = self._shown.study
        if study is not None:
            self._worker.start(partial(load_segments, study.path, name))

    def _on_opened(self, opened: OpenSegments) -> None:
        if self._shown.study is not None and self._shown.study.path == opened.study:
            self.adopt(opened)

    def adopt(self, opened: OpenSegments) -> None:
        """Show segments that were read or made in the background; unsaved changes of others must be saved by then."""
        self._timeline.forget(self)
        self._open, self._saved, self._chosen = opened, opened.edits.revision, ()
        self.changed.emit()
        self.chosen_changed.emit()

    def close(self) -> None:
        """Show no segments."""
        self._worker.stop()
        if self._open is not None:
            self._timeline.forget(self)
            self._open, self._chosen = None, ()
            self.changed.emit()
            self.chosen_changed.emit()

    # -- names ---------------------------------------------------------------------------------------------------

    def rename_set(self, old: str, new: str) -> None:
        """Call segments of the study otherwise; a step that can be undone."""
        name = " ".join(new.split())
        if name != old and self._rename_set(old, name):
            again = partial(self._rename_set, old, name)
            self._timeline.add(Step(partial(self._rename_set, name, old), again, lasting=True))

    def _rename_set(self, old: str, new: str) -> bool:
        study = self._shown.study
        if study is None or not self._told(lambda: study.study.names.rename_segments(old, new)):
            return False
        if self._open is not None and self.name == old:  # the list stays, with its past
            self._open = replace(self._open, kept=study.study.segments(new))
        self.changed.emit()
        return True

    def delete_set(self, name: str) -> None:
        """Take segments out of the study; a step that can be undone until the window closes."""
        if self._delete_set(name):
            step = Step(self._bring_back, partial(self._delete_set, name), lasting=True)
            self._deletions.append(step)
            self._timeline.add(step)

    @property
    def last_deleted(self) -> str:
        """Name of the segments that :meth:`restore_deleted` would bring back; "" where there are none."""
        study = self._shown.study
        gone = [] if study is None else study.study.names.deleted_segments
        return gone[-1] if gone else ""

    def restore_deleted(self) -> None:
        """Bring back the segments deleted last, and open them."""
        if not any(self._timeline.undo(step) for step in reversed(self._deletions)):
            self._bring_back()  # longer ago than the timeline remembers

    def _delete_set(self, name: str) -> bool:
        study = self._shown.study
        if name == self.name:
            self.save_now()
        if study is None or not self._told(lambda: study.study.names.delete_segments(name)):
            return False
        self._touched.add(study.path)
        if name == self.name:
            self.close()
            if self.names:
                self.open(self.names[0])
        self.changed.emit()
        return True

    def _bring_back(self) -> None:
        study, found = self._shown.study, list[str]()
        if study is not None and self._told(lambda: found.append(study.study.names.restore_segments())):
            self.save_now()
            self.open(found[0])
            self.changed.emit()

    def let_go(self) -> None:
        """Before the window closes: save, and remove for good what was deleted; it stays in a study that is locked."""
        from ...study.study import Study

        self.save_now()
        while self._touched:
            with contextlib.suppress(AlignedCutError, OSError):
                Study.open(self._touched.pop()).names.let_go()

    def _told(self, change: Callable[[], object]) -> bool:
        try:
            change()
        except AlignedCutError as error:
            self.failed.emit(error)
            return False
        return True

    # -- changes -------------------------------------------------------------------------------------------------

    def edit(self, change: "Callable[[Segmentation], Result]") -> Result:
        """Change the list or the pixels; a step that can be undone.

        Raises
        ------
        InputError
            If nothing is open, or what was asked for is not possible: a segment is locked, for example.
        """
        edits = self.opened().edits
        before = edits.revision
        result = change(edits)
        if edits.revision != before:
            self._timeline.add(self)
            self._on_changed()
        return result

    def undo(self) -> bool:
        """Take back the latest change; False where there is none."""
        return self._travelled(self.edits is not None and self.edits.undo())

    def redo(self) -> bool:
        """Make again what was taken back; False where there is nothing."""
        return self._travelled(self.edits is not None and self.edits.redo())

    def _travelled(self, moved: bool) -> bool:
        if moved:
            self._on_changed()
        return moved

    def _on_changed(self) -> None:
        known = {segment.key for segment in self.opened().edits.segments}
        left = tuple(key for key in self._chosen if key in known)
        lost = left != self._chosen
        self._chosen = left
        self.changed.emit()
        if lost:
            self.chosen_changed.emit()

    def paint(self, position: int, frame: NDArray[np.integer]) -> None:
        """Take over what was painted on the frame of a picture.

        Raises
        ------
        InputError
            If all of it lies on locked segments, or the picture has no segments.
        """
        study, edits = self._shown.study, self.opened().edits
        assert study is not None
        image = study.images[position]
        if image not in edits.images:
            raise InputError(f"The segments {self.name!r} leave out {study.study.pictures.names[image]}.")
        before = edits.map_of(image)
        after = repainted(before, frame, study.pictures.layout, position)
        touched = after != before
        if not touched.any():
            return
        locked = [segment for segment in edits.of_image(image) if segment.locked]
        numbers = [segment.key.number for segment in locked]
        if (np.isin(before[touched], numbers) | np.isin(after[touched], numbers)).all():
            names = ", ".join(segment.name for segment in locked)
            raise InputError(f"Nothing was painted: {names} {'is' if len(locked) == 1 else 'are'} locked.")
        self.edit(lambda edits: edits.paint(image, after))

    # -- saving --------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether there are changes that the study does not have yet."""
        return self._open is not None and self._open.edits.revision != self._saved

    def save_work(self) -> Callable[[ProgressCallback], tuple[OpenSegments, int]]:
        """The work of putting the changes into the study; what it gives is for :meth:`on_saved`."""
        opened = self.opened()
        # Maps and list are replaced by changes, never written into: a copy stays as it is now.
        snapshot = OpenSegments(opened.study, opened.kept, copy.copy(opened.edits))

        def work(progress: ProgressCallback) -> tuple[OpenSegments, int]:
            report(progress, 0, 0, f"saving the segments {opened.kept.name!r}")
            kept = store_segments(snapshot)
            return OpenSegments(opened.study, kept, opened.edits), snapshot.edits.revision

        return work

    def on_saved(self, saved: tuple[OpenSegments, int]) -> None:
        """The changes are in the study."""
        if self._open is not None and saved[0].edits is self._open.edits:
            self._open, self._saved = saved
            self.changed.emit()

    def save_now(self) -> None:
        """Put the changes into the study before something else is shown or the window closes; says what fails."""
        if self.unsaved:
            try:
                self.on_saved(self.save_work()(lambda done, total, text: None))
            except AlignedCutError as error:
                self.failed.emit(error)

    # -- choosing ------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> "tuple[SegmentKey, ...]":
        """Those that are chosen, in the order in which they were."""
        return self._chosen

    def choose(self, keys: "Iterable[SegmentKey]") -> None:
        """Choose segments, and their tokens at the layer that is shown."""
        known = set() if self.edits is None else {segment.key for segment in self.edits.segments}
        chosen = tuple(key for key in dict.fromkeys(keys) if key in known)
        if chosen == self._chosen:
            return
        self._chosen = chosen
        self.chosen_changed.emit()
        if self._shown.cut is not None:
            with self._similarity.held():
                self._selection.select(self.tokens(chosen))

    def click(self, place: Place, mode: SelectionMode = "replace") -> None:
        """Choose the segment at a place of the picture in view; with ``add`` and ``remove`` several."""
        study, image = self._shown.study, self.image
        if study is None or image is None or self.edits is None or image not in self.edits.images:
            return
        labels = self.edits.map_of(image)
        fraction = study.pictures.layout.fraction(self._view.picture, place.y, place.x)
        if fraction is None:
            return
        number = int(labels[int(fraction[0] * labels.shape[0]), int(fraction[1] * labels.shape[1])])
        here = (self.edits.key(number, image),) if number else ()
        if mode == "add":
            self.choose((*self._chosen, *here))
        elif mode == "remove":
            self.choose(key for key in self._chosen if key not in here)
        else:
            self.choose(here)

    def drag(self, begin: Place, end: Place, mode: SelectionMode, ended: bool) -> None:
        """A drag with a key held is a click where it began."""
        if ended:
            self.click(begin, mode)

    def tokens(self, keys: "Iterable[SegmentKey]") -> NDArray[np.int64]:
        """Nodes of segments at the network and layer that are shown: tokens that lie in them at least by half.

        Of a segment that fills no token by half, the one that it fills most.
        """
        position, cut, edits = self._view.position, self._shown.cut, self.edits
        found = [np.empty(0, dtype=np.int64)]
        if position is None or cut is None or edits is None:
            return found[0]
        network, layer, _ = position
        if layer not in cut.index.network(network).layers:
            return found[0]
        grid = cut.index.grid(network, layer)
        for key in keys:
            images = edits.images if key.image is None else (key.image,)
            for image in images:
                if image not in cut.index.images:
                    continue
                share = _shares(edits.map_of(image), key.number, grid.rows, grid.columns)
                if share.max(initial=0) > 0:
                    tokens = np.flatnonzero(share >= min(0.5, float(share.max())))
                    found.append(tokens + cut.index.patch_slice(network, layer, image).start)
        return np.unique(np.concatenate(found))


def _shares(labels: NDArray[np.integer], number: int, rows: int, columns: int) -> NDArray[np.float64]:
    """Share of each token of a grid that a number fills, looked up at some places of each."""
    down = (np.arange(rows * SAMPLES) + 0.5) * labels.shape[0] / (rows * SAMPLES)
    right = (np.arange(columns * SAMPLES) + 0.5) * labels.shape[1] / (columns * SAMPLES)
    inside = labels[down.astype(np.intp)[:, None], right.astype(np.intp)[None, :]] == number
    return np.asarray(inside.reshape(rows, SAMPLES, columns, SAMPLES).mean((1, 3)).ravel())


def load_segments(study: Location, name: str, progress: ProgressCallback) -> OpenSegments:
    """Read segments of a study, with the list to work with."""
    from ...study.study import Study

    report(progress, 0, 0, f"opening the segments {name!r}")
    kept = Study.open(study).segments(name)
    return OpenSegments(study, kept, kept.segmentation())


def store_segments(opened: OpenSegments) -> "SegmentSet":
    """Put changed segments into their study, in the place of those of the same name.

    Raises
    ------
    StudyError
        If the study may not be written, or is being written by another run.
    StorageError
        If the disk is full.
    """
    from ...study.segment_set import SegmentWriter
    from ...study.study import Study

    with Study.open(opened.study, writable=True) as study:
        SegmentWriter.of_edits(opened.kept, opened.edits).publish(study.store, opened.kept.name)
    return Study.open(opened.study).segments(opened.kept.name)
