"""Names, merges and pins of concepts, each a step that can be undone."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..coordinator.shown import Shown
from ..state.timeline import Step
from ..work.task_runner import tell_error

if TYPE_CHECKING:
    from ...study.concept_set import ConceptSet

__all__ = ["edit_concepts"]


def edit_concepts(coordinator: Coordinator, concepts: "ConceptSet", change: "Callable[[ConceptSet], object]") -> None:
    """Change concepts on disk and show them; what is wrong is told.

    Parameters
    ----------
    coordinator
        Has the history, and tells who shows concepts.
    concepts
        What is changed.
    change
        Does it.
    """
    before = concepts.edits
    try:
        change(concepts)
    except AlignedCutError as error:
        tell_error(error)
    after = concepts.edits
    if after != before:
        step = partial(_restore, concepts, coordinator.shown)
        coordinator.timeline.add(Step(partial(step, before), partial(step, after)))
    coordinator.shown.concepts_changed.emit()


def _restore(concepts: "ConceptSet", shown: Shown, edits: list[dict[str, Any]]) -> None:
    try:
        concepts.restore(edits)
    except AlignedCutError as error:
        tell_error(error)
    shown.concepts_changed.emit()
