"""Settings that say when they change. Knows neither Qt nor napari."""

from contextlib import ExitStack
from dataclasses import fields, replace
from typing import Any, ClassVar, Self

from psygnal import SignalGroupDescriptor

__all__ = ["Evented"]


class Evented:
    """Base of dataclasses of settings: assigning a field tells who listens.

    ``settings.events.threshold`` is the signal of one field, emitted with its new and its old value where they differ;
    ``settings.events`` itself is emitted when any field changes. Copies made by :func:`dataclasses.replace` have
    listeners of their own.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def snapshot(self) -> Self:
        """A copy that stays as it is now, for work in the background."""
        return replace(self)  # type: ignore[type-var]  # subclasses are dataclasses

    def update(self, **values: Any) -> None:
        """Assign several fields, then tell: nobody sees half of them.

        Raises
        ------
        TypeError
            If there is no such field.
        """
        unknown = set(values) - {field.name for field in fields(self)}  # type: ignore[arg-type]  # subclasses are
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        with ExitStack() as told_together:
            for name in values:
                told_together.enter_context(self.events[name].paused())
            for name, value in values.items():
                setattr(self, name, value)
