"""What all settings share: a way to JSON and back, and the checks of single values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ..errors import InputError

__all__ = ["Settings", "numbers", "one_of", "real", "set_value", "texts", "whole"]


@dataclass(frozen=True)
class Settings:
    """What all settings share: a way to JSON and back."""

    FORMER: ClassVar[Mapping[str, str]] = {}
    """What settings were called in earlier versions, and are called now; "" for those that are gone."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description, for :meth:`from_dict`."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The settings that :meth:`as_dict` described; what is left out keeps its default.

        Raises
        ------
        InputError
            If a setting is unknown or its value does not fit.
        """
        values = {cls.FORMER.get(name, name): value for name, value in values.items()}
        values.pop("", None)
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f"Unknown setting {unknown[0]!r}; {cls.__name__} has: {', '.join(known)}.")
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value


def set_value(settings: Settings, name: str, value: Any) -> None:
    """Set a field of frozen settings, while they are made."""
    object.__setattr__(settings, name, value)


def texts(name: str, values: Any) -> tuple[str, ...]:
    """A list of names, as a tuple."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
        raise InputError(f"{name} must be a list of names; got {values!r}.")
    return tuple(values)


def numbers(name: str, values: Any) -> tuple[int, ...] | None:
    """Numbers from 0, each once and ascending; None stays."""
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise InputError(f"{name} must be a list of numbers from 0, or None for all; got {values!r}.")
    return tuple(sorted({whole(name, value, 0) for value in values}))


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return value


def real(name: str, value: Any, least: float, below: float) -> None:
    """Refuse what is no number from `least` to under `below`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < below:
        limit = "" if below == math.inf else f" and less than {below:g}"
        raise InputError(f"{name} must be a number of at least {least:g}{limit}; got {value!r}.")


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        raise InputError(f"Unknown {name} {value!r}; use {', '.join(choices)}.")
