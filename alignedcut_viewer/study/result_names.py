"""What a user does with the names of results: cuts, concepts and segments stand side by side until one is deleted."""

from __future__ import annotations

from ..store import Store
from . import cut_names, segment_names
from .concept_set import writing_store

__all__ = ["ResultNames"]


class ResultNames:
    """Names of the cuts of a study, of their concepts, and of its segments; those of :attr:`.Study.names`.

    Nothing is overwritten: what is deleted is moved aside, and :meth:`restore`, or :meth:`restore_segments`, brings it
    back until :meth:`let_go`.
    A study that is open for reading is locked for the moment of the change. Where that is not possible, all methods
    that change something raise a StudyError; names that are empty or taken are an InputError.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def newest(self) -> str | None:
        """Name of the cut that was computed last, where it is still there."""
        return cut_names.newest_cut(self._store)

    @property
    def suggested(self) -> str:
        """A name for the next cut that none has."""
        return cut_names.free_name("cut", cut_names.current_cuts(self._store))

    @property
    def deleted(self) -> list[str]:
        """Cuts and concepts that were deleted and can be brought back, in words, the latest last."""
        return cut_names.moved_aside(self._store)

    def rename_cut(self, old: str, new: str) -> None:
        """Call a cut otherwise."""
        with writing_store(self._store) as store:
            cut_names.rename_cut(store, old, new)

    def delete_cut(self, name: str) -> None:
        """Move a cut aside, with all that belongs to it."""
        with writing_store(self._store) as store:
            cut_names.set_cut_aside(store, name)

    def show_concepts(self, cut: str, name: str) -> None:
        """Let these concepts be those of the cut, :attr:`.Cut.concepts`."""
        with writing_store(self._store) as store:
            cut_names.show_concepts(store, cut, name)

    def rename_concepts(self, cut: str, old: str, new: str) -> None:
        """Call concepts otherwise."""
        with writing_store(self._store) as store:
            cut_names.rename_concepts(store, cut, old, new)

    def delete_concepts(self, cut: str, name: str) -> None:
        """Move concepts aside."""
        with writing_store(self._store) as store:
            cut_names.set_concepts_aside(store, cut, name)

    def restore(self) -> tuple[str, str]:
        """Bring back the cut or concepts deleted last; the kind (``"cut"`` or ``"concepts"``) and the name."""
        with writing_store(self._store) as store:
            return cut_names.restore_last(store)

    @property
    def deleted_segments(self) -> list[str]:
        """Names of segments that were deleted and can be brought back, the latest last."""
        return segment_names.segments_aside(self._store)

    def rename_segments(self, old: str, new: str) -> None:
        """Call segments otherwise."""
        with writing_store(self._store) as store:
            segment_names.rename_segments(store, old, new)

    def delete_segments(self, name: str) -> None:
        """Move segments aside."""
        with writing_store(self._store) as store:
            segment_names.set_segments_aside(store, name)

    def restore_segments(self) -> str:
        """Bring back the segments deleted last; their name."""
        with writing_store(self._store) as store:
            return segment_names.restore_segments(store)

    def let_go(self) -> None:
        """Remove for good what was deleted."""
        if self.deleted or self.deleted_segments:
            with writing_store(self._store) as store:
                cut_names.empty_aside(store)
                segment_names.empty_segments_aside(store)
