"""Results side by side: which cut and which concepts are shown, what they are called, deleting and taking it back."""

from collections.abc import Callable
from functools import partial

from psygnal import Signal

from ...errors import AlignedCutError, StudyError
from ...places import Location
from ..state.timeline import Step, Timeline
from .cut_steps import CutSteps
from .shown import Shown

__all__ = ["Results"]


class Results:
    """What the user does with the names of results; each is a step that can be undone.

    Parameters
    ----------
    shown
        The study that is shown.
    open_study
        Shows a study, and a cut of it, anew.
    cut_steps
        Is told which cut is shown as part of such a step.
    timeline
        Learns of every step.

    Attributes
    ----------
    failed
        Signal (error): what was wanted cannot be done.
    deleted
        Signal (sentence): something was deleted, and can be brought back.
    """

    failed = Signal(Exception)
    deleted = Signal(str)

    def __init__(
        self,
        shown: Shown,
        open_study: Callable[[Location, str | None], None],
        cut_steps: CutSteps,
        timeline: Timeline,
    ) -> None:
        self._shown, self._open_study = shown, open_study
        self._cut_steps, self._timeline = cut_steps, timeline
        self._deletions: list[Step] = []
        self._touched: set[Location] = set()

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

    def _show(self, cut: str | None) -> None:
        """Show the study anew, with a cut of it."""
        study = self._shown.study
        if study is not None:
            self._cut_steps.expect(cut or "")
            self._open_study(study.path, cut)

    def _remember(self, back: Callable[[], object], again: Callable[[], object]) -> None:
        self._timeline.add(Step(back, again, lasting=True))

    # -- cuts ----------------------------------------------------------------------------------------------------

    def rename_cut(self, old: str, new: str) -> None:
        """Call a cut otherwise."""
        name = " ".join(new.split())
        if name != old and self._rename_cut(old, name):
            self._remember(partial(self._rename_cut, name, old), partial(self._rename_cut, old, name))

    def _rename_cut(self, old: str, new: str) -> bool:
        study, cut = self._shown.study, self._shown.cut
        if study is None or not self._told(lambda: study.study.names.rename_cut(old, new)):
            return False
        shown = None if cut is None else cut.name
        self._show(new if shown == old else shown)
        return True

    def delete_cut(self, name: str) -> None:
        """Move a cut aside, and show another one where it was shown."""
        if self._delete_cut(name):
            self._remember_deletion(partial(self._delete_cut, name))
            self.deleted.emit(f"{name} is deleted; Ctrl-Z brings it back until the window is closed.")

    def _delete_cut(self, name: str) -> bool:
        study, cut = self._shown.study, self._shown.cut
        if study is None or not self._told(lambda: study.study.names.delete_cut(name)):
            return False
        self._touched.add(study.path)
        left = [other for other in study.cuts if other != name]
        shown = None if cut is None or cut.name == name else cut.name
        self._show(shown or next(iter(left), None))
        return True

    # -- concepts ------------------------------------------------------------------------------------------------

    def show_concepts(self, name: str) -> None:
        """Show other concepts of the cut that is shown."""
        cut = self._shown.cut
        before = None if cut is None else cut.concept_set_name
        if name != before and self._show_concepts(name) and before is not None:
            self._remember(partial(self._show_concepts, before), partial(self._show_concepts, name))

    def _show_concepts(self, name: str) -> bool:
        return self._of_cut(lambda study, cut: study.names.show_concepts(cut, name))

    def rename_concepts(self, old: str, new: str) -> None:
        """Call concepts otherwise."""
        name = " ".join(new.split())
        if name != old and self._rename_concepts(old, name):
            self._remember(partial(self._rename_concepts, name, old), partial(self._rename_concepts, old, name))

    def _rename_concepts(self, old: str, new: str) -> bool:
        return self._of_cut(lambda study, cut: study.names.rename_concepts(cut, old, new))

    def delete_concepts(self, name: str) -> None:
        """Move concepts aside."""
        if self._delete_concepts(name):
            self._remember_deletion(partial(self._delete_concepts, name))
            self.deleted.emit(f"{name} are deleted; Ctrl-Z brings them back until the window is closed.")

    def _delete_concepts(self, name: str) -> bool:
        return self._of_cut(lambda study, cut: study.names.delete_concepts(cut, name))

    def _of_cut(self, change: Callable[..., None]) -> bool:
        study, cut = self._shown.study, self._shown.cut
        if study is None or cut is None or not self._told(lambda: change(study.study, cut.name)):
            return False
        self._touched.add(study.path)
        self._shown.changed.emit()
        return True

    # -- undo ----------------------------------------------------------------------------------------------------

    def _remember_deletion(self, again: Callable[[], bool]) -> None:
        """What was deleted last is brought back first, by the timeline as by :meth:`restore`."""
        step = Step(self._bring_back, again, lasting=True)
        self._deletions.append(step)
        self._timeline.add(step)

    def restore(self) -> None:
        """Bring back what was deleted last, and show it."""
        if not any(self._timeline.undo(step) for step in reversed(self._deletions)):
            self._bring_back()  # longer ago than the timeline remembers

    def _bring_back(self) -> None:
        study, cut = self._shown.study, self._shown.cut
        if study is None:
            return
        found: list[tuple[str, str]] = []
        if self._told(lambda: found.append(study.study.names.restore())):
            kind, name = found[0]
            self._show(name if kind == "cut" else None if cut is None else cut.name)

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
