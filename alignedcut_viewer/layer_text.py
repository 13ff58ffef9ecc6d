"""Layer numbers as people write them: ``4, 8-11``."""

from __future__ import annotations

import re

from .errors import InputError

__all__ = ["parse_layers"]


_HIGHEST = 9999


def parse_layers(text: str) -> tuple[int, ...] | None:
    """Layer numbers from a text.

    Parameters
    ----------
    text
        Numbers from 0 and ranges, separated by commas, semicolons or white space.

    Returns
    -------
    tuple of int or None
        The numbers, each once, in ascending order; None, for all layers, where the text is empty or ``all``.

    Raises
    ------
    InputError
        If the text is something else.
    """
    stripped = text.strip().lower()
    if stripped in {"", "all"}:
        return None
    layers: set[int] = set()
    for part in re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", stripped).strip(",; ")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise InputError(f"{text!r} does not name layers; write for example 'all', '11' or '4, 8-11'.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"The range of layers {part!r} runs backwards; write '{last}-{first}'.")
        if last > _HIGHEST:
            raise InputError(f"No network has a layer {last}; the highest number that is taken is {_HIGHEST}.")
        layers.update(range(first, last + 1))
    return tuple(sorted(layers))
