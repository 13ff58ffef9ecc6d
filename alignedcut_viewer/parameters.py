"""Checks of single parameters, for estimators and settings alike: whole numbers, numbers, choices, seeds."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from .errors import InputError

__all__ = ["one_of", "real", "seed", "whole", "wholes"]

_LARGEST_SEED = 2**63 - 1  # torch takes no larger ones


def whole(name: str, value: Any, least: int, *, unless: str | None = "") -> Any:
    """A whole number of at least `least`.

    Parameters
    ----------
    name
        What the user calls the parameter.
    value
        What was given.
    least
        The smallest number that is accepted.
    unless
        A value that is accepted beside numbers, such as None or ``"auto"``; ``""`` accepts none.

    Returns
    -------
    int or type of `unless`
        The value.

    Raises
    ------
    InputError
        If it is something else.
    """
    if _is_the_other(value, unless):
        return value
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise _refused(name, f"a whole number of at least {least}", value, unless)
    return int(value)


def wholes(name: str, values: Any) -> tuple[int, ...]:
    """Whole numbers, such as those of layers or images.

    Parameters
    ----------
    name
        What the user calls them.
    values
        Anything that gives them one after another; integers of any type.

    Returns
    -------
    tuple of int
        The numbers.

    Raises
    ------
    InputError
        If one of them is no whole number, or a single value was given.
    """
    try:
        if isinstance(values, str | bytes):  # their letters and bytes are not what was meant
            raise TypeError
        return tuple(map(operator.index, values))
    except TypeError:
        raise InputError(f"{name} must be whole numbers in a list, such as [0, 3]; got {values!r}.") from None


def real(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    unless: str | None = "",
) -> Any:
    """A finite number within bounds: at least `least` or above `above`, at most `most` or below `below`.

    Parameters
    ----------
    name, value, unless
        As for :func:`whole`.
    least, above, most, below
        The bounds.

    Returns
    -------
    float or type of `unless`
        The value.

    Raises
    ------
    InputError
        If it is something else.
    """
    if _is_the_other(value, unless):
        return value
    number: Any = value
    is_inside = (
        not isinstance(value, bool)
        and isinstance(value, Real)
        and -math.inf < number < math.inf
        and (least is None or number >= least)
        and (above is None or number > above)
        and (most is None or number <= most)
        and (below is None or number < below)
    )
    if not is_inside:
        bounds = (("at least", least), ("above", above), ("at most", most), ("below", below))
        limits = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
        raise _refused(name, f"a number {'of ' if limits.startswith('at') else ''}{limits}".strip(), value, unless)
    return value


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices.

    Raises
    ------
    InputError
        Names the choices.
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"Unknown {name} {value!r}; use {', '.join(choices)}.")


def seed(value: Any) -> int:
    """A seed: a whole number from 0 that every generator takes.

    Raises
    ------
    InputError
        If it is none.
    """
    if whole("seed", value, 0) > _LARGEST_SEED:
        raise InputError(f"seed must be at most {_LARGEST_SEED}; got {value}.")
    return int(value)


def _is_the_other(value: Any, unless: str | None) -> bool:
    return unless != "" and (value is None if unless is None else isinstance(value, str) and value == unless)


def _refused(name: str, wanted: str, value: Any, unless: str | None) -> InputError:
    other = "" if unless == "" else f", or {unless!r}"
    return InputError(f"{name} must be {wanted}{other}; got {value!r}.")
