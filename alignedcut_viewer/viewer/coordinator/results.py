"""Results side by side: which cut and which concepts are shown, what they are called, deleting and taking it back."""

from collections.abc import Callable
from pathlib import Path

from psygnal import Signal

from ...errors import AlignedCutError, StudyError
from .shown import Shown

__all__ = ["Results"]


class Results:
    """What the user does with the names of results.

    Parameters
    ----------
    shown
        The study that is shown.
    open_study
        Shows a study, and a cut of it, anew.

    Attributes
    ----------
    failed
        Signal (error): what was wanted cannot be done.
    deleted
        Signal (sentence): something was deleted, and can be brought back.
    """

    failed = Signal(Exception)
    deleted = Signal(str)

    def __init__(self, shown: Shown, open_study: Callable[[Path, str | None], None]) -> None:
        self._shown, self._open_study = shown, open_study
        self._touched: set[Path] = set()

    @property
    def can_restore(self) -> bool:
        """Whether something was deleted from the study that is shown."""
        study = self._shown.study
        return study is not None and bool(study.study.names.deleted)

    @property
    def last_deleted(self) -> str:
        """What :meth:`restore` would bring back, in words; "" where there is nothing."""
        study = self._shown.study
        gone = [] if study is None else study.study.names.deleted
        return gone[-1] if gone else ""

    # -- cuts ----------------------------------------------------------------------------------------------------

    def rename_cut(self, old: str, new: str) -> None:
        """Call a cut otherwise."""
        study, cut = self._shown.study, self._shown.cut
        if study is None:
            return
        shown = None if cut is None else cut.name
        name = " ".join(new.split())
        if self._told(lambda: study.study.names.rename_cut(old, new)):
            self._open_study(study.path, name if shown == old else shown)

    def delete_cut(self, name: str) -> None:
        """Move a cut aside, and show another one where it was shown."""
        study, cut = self._shown.study, self._shown.cut
        if study is None:
            return
        if self._told(lambda: study.study.names.delete_cut(name)):
            self._touched.add(study.path)
            left = [other for other in study.cuts if other != name]
            shown = None if cut is None or cut.name == name else cut.name
            self._open_study(study.path, shown or next(iter(left), None))
            self.deleted.emit(f"{name} is deleted; Undo brings it back until the window is closed.")

    # -- concepts ------------------------------------------------------------------------------------------------

    def show_concepts(self, name: str) -> None:
        """Show other concepts of the cut that is shown."""
        self._of_cut(lambda study, cut: study.names.show_concepts(cut, name))

    def rename_concepts(self, old: str, new: str) -> None:
        """Call concepts otherwise."""
        self._of_cut(lambda study, cut: study.names.rename_concepts(cut, old, new))

    def delete_concepts(self, name: str) -> None:
        """Move concepts aside."""
        if self._of_cut(lambda study, cut: study.names.delete_concepts(cut, name)):
            self.deleted.emit(f"{name} are deleted; Undo brings them back until the window is closed.")

    def _of_cut(self, change: Callable[..., None]) -> bool:
        study, cut = self._shown.study, self._shown.cut
        if study is None or cut is None or not self._told(lambda: change(study.study, cut.name)):
            return False
        self._touched.add(study.path)
        self._shown.changed.emit()
        return True

    # -- undo ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Bring back what was deleted last, and show it."""
        study, cut = self._shown.study, self._shown.cut
        if study is None:
            return
        found: list[tuple[str, str]] = []
        if self._told(lambda: found.append(study.study.names.restore())):
            kind, name = found[0]
            self._open_study(study.path, name if kind == "cut" else None if cut is None else cut.name)

    def let_go(self) -> None:
        """Remove for good what was deleted in this window; where a study cannot be written now, it stays."""
        from ...study.study import Study

        while self._touched:
            path = self._touched.pop()
            try:
                Study.open(path).names.let_go()
            except (StudyError, OSError):
                continue

    def _told(self, change: Callable[[], object]) -> bool:
        try:
            change()
        except AlignedCutError as error:
            self.failed.emit(error)
            return False
        return True
