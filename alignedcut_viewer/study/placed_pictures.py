"""Which pictures of a cut took no part in its graph, but were placed in it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["PLACED", "PlacedPictures"]

PLACED = "placed"
"""Key of the attributes of a group of eigenvectors, and beginning of its name."""


@dataclass(frozen=True)
class PlacedPictures:
    """Pictures that were placed in a cut.

    Attributes
    ----------
    of
        What the name of the cut stood for before: groups of its eigenvectors (``"cut"``), colours, map and concepts.
    coverage
        For each image the share of its tokens, 0 to 1, that are as near to tokens of the cut's pictures as 95 in 100
        of those are to tokens of one another; None where the cut is of a single picture, so that nobody can tell.
    brought
        Those of the images that the study did not have before.
    """

    of: Mapping[str, str]
    coverage: Mapping[int, float | None] = field(default_factory=dict)
    brought: tuple[int, ...] = ()

    @property
    def images(self) -> tuple[int, ...]:
        """Numbers of these images in the order in which they were placed."""
        return tuple(self.coverage)

    def as_dict(self) -> dict[str, Any]:
        """As a study keeps it."""
        shares = [[image, share] for image, share in self.coverage.items()]
        return {"of": dict(self.of), "coverage": shares, "brought": list(self.brought)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What a study keeps."""
        shares = {int(image): None if share is None else float(share) for image, share in values["coverage"]}
        of = {str(key): str(part) for key, part in values["of"].items()}
        return cls(of, shares, tuple(int(image) for image in values["brought"]))
