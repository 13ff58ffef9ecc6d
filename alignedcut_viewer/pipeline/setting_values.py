"""What all settings share: a way to JSON and back, and lists of names and numbers."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import InputError
from ..parameters import whole

__all__ = ["Settings", "numbers", "set_nodes", "set_value", "texts"]


@dataclass(frozen=True)
class Settings:
    """What all settings share: a way to JSON and back."""

    FORMER: ClassVar[Mapping[str, str]] = {}
    """What settings were called in earlier versions, and are called now; "" for those that are gone."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description, for :meth:`from_dict`."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def arguments(self, of: Callable[..., Any]) -> dict[str, Any]:
        """Those settings that a function or class takes under the same names; its own default stands for None."""
        names = (f.name for f in dataclasses.fields(self) if f.name in inspect.signature(of).parameters)
        return {name: value for name in names if (value := getattr(self, name)) is not None}

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
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value


def set_value(settings: Settings, name: str, value: Any) -> None:
    """Set a field of frozen settings, while they are made."""
    object.__setattr__(settings, name, value)


def set_nodes(settings: Settings, networks: Any, layers: Any) -> None:
    """Set which networks and layers (for all networks, or by network) the nodes are of, while settings are made."""
    if networks is not None:
        set_value(settings, "networks", texts("networks", networks))
    by_network = isinstance(layers, Mapping)
    chosen = (
        {str(name): numbers("layers", of) for name, of in layers.items()} if by_network else numbers("layers", layers)
    )
    set_value(settings, "layers", chosen)


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
