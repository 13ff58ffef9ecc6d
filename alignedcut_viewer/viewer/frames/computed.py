"""What is computed for a cut after it was made, and kept with it where the study may be written. No Qt."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from ...errors import StorageError, StudyError
from ...places import Location
from ...progress import ProgressCallback, report

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ...study.study import Study
    from .loading import LoadedStudy

__all__ = ["Computed"]

Value = TypeVar("Value")
MOST_UNKEPT = 4


class Computed(Generic[Value]):
    """One kind of result: the map of a cut, its activation of brain regions.

    Parameters
    ----------
    read
        Gives what is kept with a cut, or None.
    """

    def __init__(self, read: "Callable[[Cut], Value | None]") -> None:
        self._read = read
        # Of studies that may not be written, for as long as the program runs; the latest ones.
        self._unkept: dict[tuple[Location, str], Value] = {}

    def known(self, shown: "LoadedStudy") -> Value | None:
        """What was computed for the cut that is shown, or None."""
        kept = None if shown.cut is None else self._read(shown.cut)
        return self._unkept.get(shown.identity) if kept is None else kept

    def work(
        self, shown: "LoadedStudy", compute: "Callable[[Study, str, ProgressCallback], Value]"
    ) -> Callable[[ProgressCallback], Value]:
        """The work of computing it.

        Parameters
        ----------
        shown
            The study, open for reading, with the cut.
        compute
            Called with the study, open for writing where that is possible, the name of the cut, and the progress; it
            keeps what it finds in the study if that may be written.
        """
        opened, cut, identity = shown.study, shown.cut, shown.identity
        name = "" if cut is None else cut.name

        def work(progress: ProgressCallback) -> Value:
            from ...study.study import Study

            report(progress, 0, 0, "loading the libraries")
            try:
                writing = Study.open(opened.path, writable=True)
            except (StudyError, StorageError):
                pass  # read-only, or being written by another run
            else:
                with writing:
                    compute(writing, name, progress)
                kept = None if cut is None else self._read(cut)
                if kept is not None:  # else the cut was made anew meanwhile
                    return kept
            value = self._unkept[identity] = compute(opened, name, progress)
            while len(self._unkept) > MOST_UNKEPT:
                del self._unkept[next(iter(self._unkept))]
            return value

        return work
