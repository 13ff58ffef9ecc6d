"""What the window shows, read from disk away from the window's thread. Knows neither Qt nor napari."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import AlignedCutError, PictureError, StorageError
from ...images import PictureSet, open_pictures, sample_pictures
from ...places import Location, as_place, folder_around
from ...progress import ProgressCallback, report
from ..state.session_file import AUTOSAVE, SessionState, read_session
from ..state.settings import SAMPLES
from .picture_layout import PictureLayout
from .run_differences import run_differences
from .stacks import ColourStack, PictureStack

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["LoadedPictures", "LoadedStudy", "list_skipped", "load_pictures", "load_study", "prepare_study"]

UNKNOWN_SIZE = (1, 1)
_STANDS_IN = "it stands in for"


@dataclass
class LoadedPictures:
    """Pictures that can be shown.

    Attributes
    ----------
    source
        The folder, or the word for the sample pictures.
    files
        The pictures in slider order.
    layout
        Where they lie.
    unreadable
        Positions of pictures that could not be read, each with the reason.
    """

    source: str
    files: PictureSet
    layout: PictureLayout
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Display names in slider order."""
        return self.files.names

    @property
    def suggested_study(self) -> Path:
        """Where a study of these pictures goes if the user says nothing."""
        home = Path.home() / "alignedcut"
        if self.source == SAMPLES:
            return home / "sample-pictures.zarr"
        path = Path(self.source).expanduser().absolute()
        # Many folders are called "images"; their studies must not meet.
        return home / f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}.zarr"

    def small(self, position: int, longest_side: int) -> NDArray[np.uint8] | None:
        """A picture whose longer side has that many pixels, uint8 (h, w, 3); None where it cannot be read.

        Reads the file: not for the window's thread.
        """
        from PIL import Image

        try:
            picture = Image.fromarray(np.asarray(self.files.load(position, at_least=(longest_side, longest_side))))
        except (AlignedCutError, OSError):
            return None
        ratio = longest_side / max(picture.size)
        size = max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))
        return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))

    def stack(self, on_unreadable: Callable[[int, str], None] | None = None) -> PictureStack:
        """The pictures as napari slices them."""

        def load(position: int) -> Any:
            box = self.layout.box(position)
            return self.files.load(position, at_least=(box.height, box.width))

        return PictureStack(load, self.layout, on_unreadable)


@dataclass
class LoadedStudy:
    """A study that can be shown.

    Attributes
    ----------
    study
        The study, open for reading.
    cut
        The cut that is shown; None where the study has none yet.
    cuts
        Names of all cuts.
    pictures
        The pictures of the cut in its order, or all readable ones.
    skipped
        Names of pictures that take no part, each with the reason.
    networks
        One line per network: its name and where its weights came from.
    warnings
        What the user should know of the cut.
    differences
        In which settings each cut differs from the others, in words, by name.
    announcements
        What the run said that computed it just now.
    session
        How the study was last looked at, where that is known.
    """

    study: "Study"
    cut: "Cut | None"
    cuts: tuple[str, ...]
    pictures: LoadedPictures
    skipped: dict[str, str]
    networks: dict[str, str]
    warnings: tuple[str, ...]
    differences: dict[str, str] = field(default_factory=dict)
    announcements: tuple[str, ...] = ()
    session: SessionState | None = None

    @property
    def path(self) -> Location:
        """The study's folder, or its URL."""
        return self.study.path

    @property
    def around(self) -> Path:
        """The folder of this machine in which its exports are put first."""
        return folder_around(self.path)

    @property
    def images(self) -> tuple[int, ...]:
        """Numbers of the pictures in the study, in slider order."""
        if self.cut is not None:
            return tuple(self.cut.index.images)
        return tuple(image for image in range(len(self.study.pictures)) if image not in self.study.skipped)

    @property
    def identity(self) -> tuple[Location, str]:
        """Changes whenever nodes are numbered anew."""
        return self.path, "" if self.cut is None else self.cut.identity

    @property
    def layer_name(self) -> str:
        """Name of the layer of colours: the networks themselves, as far as there is room."""
        if self.cut is None:
            return ""
        record = self.cut.layered
        names = [network.name for network in self.cut.index.networks]
        if record is not None:
            return f"{record.pathway} · " + " + ".join(dict.fromkeys(record.sources.values()))
        return "AlignedCut · " + (" + ".join(names) if len(names) <= 2 else f"{len(names)} networks")

    @property
    def facts(self) -> list[str]:
        """What a user should know of the result, one line each."""
        lines = [f"Study: {self.path}"]
        lines += [f"{name}: {source}" for name, source in self.networks.items()]
        if self.cut is None:
            return [*lines, "No cut is computed yet; press Run."]
        index, recipe = self.cut.index, self.cut.recipe["cut"]
        lines.append(f"{len(index):,} nodes: {len(index.images)} pictures, {len(index.slots)} layers in all")
        found = f"{self.cut.eigenvectors.shape[1]} eigenvectors"
        if self.cut.layered is None:
            lines.append(f"{found}, gamma {recipe['gamma']:.3g}, {recipe['method']} solver")
        else:
            lines.append(f"{found} of a joint cut of {len(self.cut.layered.graphs)} layers' graphs: {recipe['method']}")
        lines += self._placed
        if self.skipped:
            lines.append(f"{len(self.skipped)} pictures were skipped:")
            lines += list_skipped(self.skipped)
        return [*lines, *(f"Note: {sentence}" for sentence in self.warnings)]

    @property
    def _placed(self) -> list[str]:
        """One line a picture that was placed in the cut after it was made."""
        if self.cut is None or self.cut.placed is None:
            return []
        from ...pipeline.adding import covered_text

        names, shares = self.study.pictures.names, self.cut.placed.coverage
        return [f"Placed afterwards: {names[image]}; {covered_text(share)}" for image, share in shares.items()]

    @property
    def stand_ins(self) -> list[str]:
        """A sentence a network of the cut that was computed in the place of another."""
        if self.cut is None:
            return []
        notes = {name: self.networks.get(name, "") for name in self.cut.recipe["cut"].get("features", ())}
        return [f"{name}: {note[note.index(_STANDS_IN) :]}." for name, note in notes.items() if _STANDS_IN in note]

    @property
    def metadata(self) -> dict[str, Any]:
        """What the layer of colours carries with it."""
        if self.cut is None:
            return {}
        return {
            "study": str(self.path),
            "cut": self.cut.name,
            "networks": {network.name: self.networks.get(network.name, "") for network in self.cut.index.networks},
            "recipe": self.cut.recipe,
        }

    def colours(self, *, smooth: bool) -> ColourStack | None:
        """The colours of the cut as napari slices them."""
        return None if self.cut is None else ColourStack(self.cut, self.pictures.layout, smooth=smooth)


def load_pictures(source: str, progress: ProgressCallback | None = None) -> LoadedPictures:
    """List pictures and measure enough of them to lay out the canvas.

    Parameters
    ----------
    source
        A folder, a file, a glob, or ``"sample pictures"``.
    progress
        Called with a text at the beginning.

    Raises
    ------
    PictureError
        If there is no picture.
    """
    report(progress, 0, 1, "listing pictures")
    files = sample_pictures() if source == SAMPLES else open_pictures(source)
    unreadable: dict[int, str] = {}

    def size(position: int) -> tuple[int, int]:
        try:
            return files.size(position)
        except PictureError as error:
            unreadable[position] = str(error)
            return UNKNOWN_SIZE

    return LoadedPictures(source, files, PictureLayout(size, len(files)), unreadable)


def load_study(
    path: str | os.PathLike[str], cut: str | None = None, progress: ProgressCallback | None = None
) -> LoadedStudy:
    """Open a study for reading.

    Parameters
    ----------
    path
        The study's folder.
    cut
        Name of the cut to show; by default the one that was looked at last, ``"default"``, else the first.
    progress
        Called with a text at the beginning.

    Raises
    ------
    StudyError
        If there is no such study or cut.
    PictureError
        If none of its pictures can be read.
    """
    from ...study.study import Study

    report(progress, 0, 1, f"opening {as_place(path).name}")
    study = Study.open(path)
    session: SessionState | None = None
    warnings: tuple[str, ...] = ()
    kept = study.store.files.own(AUTOSAVE)
    if kept.is_file():
        try:
            session = read_session(kept)
        except StorageError as error:
            warnings = (str(error),)
    if cut is None and session is not None and session.cut in study.cuts:
        cut = session.cut
    loaded = prepare_study(study, cut)
    return replace(loaded, session=session, warnings=(*loaded.warnings, *warnings))


def prepare_study(study: "Study", cut: str | None = None) -> LoadedStudy:
    """What the window needs to know of an open study; parameters as for :func:`load_study`."""
    cuts = tuple(study.cuts)
    name = cut or ("default" if "default" in cuts else next(iter(cuts), None))
    shown = None if name is None else study.cut(name)
    if shown is not None:
        shown.bring()
    table = study.pictures
    skipped = {table[image].name: reason for image, reason in study.skipped.items()}
    images = [i for i in range(len(table)) if i not in study.skipped] if shown is None else list(shown.index.images)
    if not images:
        raise PictureError(f"None of the {len(table)} pictures of the study {study.path} can be read.")
    sizes = [table.sizes[image] for image in images]
    files = study.picture_set().subset(images)
    layout = PictureLayout(lambda position: sizes[position] or _size(files, position), len(images))
    return LoadedStudy(
        study=study,
        cut=shown,
        cuts=cuts,
        pictures=LoadedPictures(str(study.path), files, layout),
        skipped=skipped,
        networks={name: _source(features) for name, features in study.networks.items()},
        warnings=() if shown is None else tuple(shown.warnings),
        differences=run_differences(study),
    )


def _size(files: PictureSet, position: int) -> tuple[int, int]:
    try:
        return files.size(position)
    except AlignedCutError:
        return UNKNOWN_SIZE


def _source(features: Any) -> str:
    return str(features.note.get("weights", ""))


def list_skipped(skipped: dict[str, str], limit: int = 20) -> Sequence[str]:
    """One line a skipped picture; reasons name the file."""
    lines = list(skipped.values())
    return lines if len(lines) <= limit else [*lines[:limit], f"… and {len(lines) - limit} more"]
