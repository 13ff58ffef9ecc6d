"""Which pictures and which study are shown. Knows neither Qt nor napari."""

from typing import TYPE_CHECKING

from psygnal import Signal

from ...errors import InputError

if TYPE_CHECKING:
    from ...nodes import NodeIndex
    from ...study.cut import Cut
    from ..frames.loading import LoadedPictures, LoadedStudy

__all__ = ["Shown"]


class Shown:
    """What the window shows.

    Attributes
    ----------
    pictures
        Pictures that are shown, or None.
    study
        The study that is shown, or None.
    changed
        Signal: another study, another cut, or other pictures are shown.
    concepts_changed
        Signal: the concepts of the cut that is shown were changed: discovered, renamed, merged, pinned.
    """

    changed = Signal()
    concepts_changed = Signal()

    def __init__(self, pictures: "LoadedPictures | None" = None, study: "LoadedStudy | None" = None) -> None:
        self.pictures, self.study = pictures, study

    @property
    def cut(self) -> "Cut | None":
        """The cut that is shown, or None."""
        return None if self.study is None else self.study.cut

    def study_and_cut(self) -> "tuple[LoadedStudy, Cut]":
        """The study and the cut that are shown.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.study is None or self.study.cut is None:
            raise InputError("There is no result yet; run the study in the Study panel, or open one.")
        return self.study, self.study.cut

    @property
    def index(self) -> "NodeIndex":
        """The nodes of the cut that is shown.

        Raises
        ------
        InputError
            If there is no cut.
        """
        if self.cut is None:
            raise InputError("Nothing can be selected before a study with a cut is shown.")
        return self.cut.index

    def tell_unreadable(self, image: int, reason: str) -> None:
        """Keep why a picture cannot be read, and tell."""
        if self.pictures is not None:
            self.pictures.unreadable[image] = reason
            self.changed.emit()
