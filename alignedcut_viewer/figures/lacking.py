"""What a study has no data for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Lacking"]


@dataclass(frozen=True)
class Lacking:
    """Stands in the place of a figure that cannot be drawn.

    Attributes
    ----------
    reason
        One sentence: what is missing, and how to get it.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason
