"""Placing new pictures in the cut that is shown, as work for the background. Knows neither Qt nor napari."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ReadOnlyError
from ...images import SUFFIXES
from ...places import Location
from ...progress import ProgressCallback, span
from ...study.study import Study
from ...study.temporary_copy import temporary_copy
from .loading import LoadedStudy, load_study

if TYPE_CHECKING:
    from ...pipeline import KeptForAdding

__all__ = ["Adding", "Joined", "are_pictures"]


@dataclass(frozen=True)
class Joined:
    """What became of pictures that were to be added.

    Attributes
    ----------
    study
        The study with them.
    sentences
        What to tell the user.
    placed
        Image numbers of those that were placed.
    show
        The one to go to; None where none is in the cut.
    """

    study: LoadedStudy
    sentences: tuple[str, ...]
    placed: tuple[int, ...]
    show: int | None


@dataclass
class Adding:
    """Places pictures in cuts, and keeps from one time to the next what it loaded for that.

    A study that cannot be written is copied for the time being, as far as it changes; see
    :func:`~alignedcut_viewer.study.temporary_copy.temporary_copy`.
    """

    _kept: "KeptForAdding | None" = None
    _copies: "dict[Path, tempfile.TemporaryDirectory[str]]" = field(default_factory=dict)

    def add(
        self, path: Location, cut: str, sources: Sequence[str], weights: dict[str, str], device: str
    ) -> Callable[[ProgressCallback], Joined]:
        """The work of placing pictures in a cut.

        Parameters
        ----------
        path, cut
            The study, and the name of the cut.
        sources
            Files and folders.
        weights, device
            As for :func:`~alignedcut_viewer.pipeline.add_pictures`.
        """

        def work(progress: ProgressCallback) -> Joined:
            from ... import pipeline

            if self._kept is None:
                self._kept = pipeline.KeptForAdding()
            study, told = self._writable(path)
            with study:
                added = pipeline.add_pictures(
                    study, sources, cut, span(progress, 0.0, 0.97), weights=weights, device=device, kept=self._kept
                )
                names = study.pictures.names
            loaded = load_study(study.path, cut, span(progress, 0.97, 1.0))
            show = next(iter((*added.placed, *added.already)), None)
            return Joined(loaded, (*added.sentences(names), *told), tuple(added.placed), show)

        return work

    def take_out(self, path: Location, cut: str, images: Sequence[int]) -> Callable[[ProgressCallback], Joined]:
        """The work of taking pictures out of a cut again."""

        def work(progress: ProgressCallback) -> Joined:
            from ... import pipeline

            with Study.open(path, writable=True) as study:
                names = [study.pictures[image].name for image in images]
                pipeline.take_out_pictures(study, images, cut, progress)
            return Joined(load_study(path, cut), tuple(f"{name} is taken out again." for name in names), (), None)

        return work

    def _writable(self, path: Location) -> tuple[Study, tuple[str, ...]]:
        """The study, open for writing, or a copy of it for the time being; and what the user should know of that."""
        try:
            return Study.open(path, writable=True), ()
        except ReadOnlyError:
            if not isinstance(path, Path):
                raise  # to copy all of it here would be a surprise
            folder = tempfile.TemporaryDirectory(prefix="alignedcut-", ignore_cleanup_errors=True)
            copy = temporary_copy(Study.open(path), Path(folder.name) / path.name)
            self._copies[copy] = folder
            told = f"{path} is read-only: what is added is shown in a copy until the window is closed, and not kept."
            return Study.open(copy, writable=True), (told,)


def are_pictures(paths: Sequence[str]) -> bool:
    """Whether all of some paths are files with the ending of a picture."""
    return bool(paths) and all(os.path.isfile(path) and Path(path).suffix.lower() in SUFFIXES for path in paths)
