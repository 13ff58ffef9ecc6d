"""Colours stay what they were: the embedding of a cut is turned onto that of an earlier cut."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import StudyError
from ..node_ranges import counterparts
from ..nodes import NodeIndex
from ..study.cut import CUTS
from ..study.study import Study

__all__ = ["Turn", "turn_onto_earlier"]

_MOST = 100_000
"""Tokens that are compared, evenly spread."""
_FEWEST = 10
_LARGEST_SHIFT = 0.5
"""Share of the variance that a turn leaves unexplained at most; else the two have too little in common."""


@dataclass(frozen=True)
class Turn:
    """How an embedding was turned.

    Attributes
    ----------
    onto
        Where the study keeps the colours that it was turned onto.
    matrix
        (3, 3) orthogonal, a reflection allowed; rows of the centred embedding are multiplied by it.
    shared
        Number of tokens that were compared.
    unexplained
        Share of the earlier embedding's variance that the turned and scaled one does not explain, 0 to 1.
    """

    onto: str
    matrix: NDArray[np.float64]
    shared: int
    unexplained: float

    def as_dict(self) -> dict[str, Any]:
        """As recipes hold it."""
        return {**asdict(self), "matrix": self.matrix.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The turn that a recipe holds."""
        return cls(**{**values, "matrix": np.array(values["matrix"], dtype=np.float64)})


def turn_onto_earlier(
    study: Study, name: str | None, group: str, part: str, embedding: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Turn | None]:
    """Turn an embedding so that the tokens that an earlier cut also has keep their colours.

    t-SNE knows no directions: computed again with a few more pictures, blue and red may change places although
    neighbours are the same. The turn is the orthogonal matrix that brings shared tokens closest to where they were
    (Schönemann 1966).

    Parameters
    ----------
    study
        Still holds the earlier cut, if there is one.
    name
        Name of the cut. Where none of that name is there yet, colours follow the first cut of the study.
    group, part
        Groups of the new eigenvectors, inside the group of all cuts, and of its colours inside that one. Where colours
        are there already and are being repaired, they are turned as they were before, to the bit.
    embedding
        (N, 3) of the new cut.

    Returns
    -------
    embedding
        float32 (N, 3); the same where there is no earlier cut, or one with too little in common.
    turn
        What was done; None if nothing.
    """
    recipe = _recipe(study, f"{CUTS}/{group}/{part}")
    if "turned" in recipe:
        made = None if recipe["turned"] is None else Turn.from_dict(recipe["turned"])
        return embedding if made is None else _turned(embedding, made.matrix), made
    earlier = name if name in study.cuts else next(iter(study.cuts), None)
    if earlier is None:
        return embedding, None
    try:
        old = study.cut(earlier)
        before = old.embedding
    except StudyError:
        return embedding, None  # damaged, and about to be replaced
    index = NodeIndex.from_dict(study.store.attributes(f"{CUTS}/{group}")["index"])
    nodes = np.linspace(0, len(old.index) - 1, min(_MOST, len(old.index))).astype(np.int64)
    found = counterparts(nodes, old.index, index)
    kept = found >= 0
    if np.count_nonzero(kept) < _FEWEST:
        return embedding, None
    there = np.asarray(before[nodes[kept]], dtype=np.float64)
    here = np.asarray(embedding[found[kept]], dtype=np.float64)
    there, here = there - there.mean(axis=0), here - here.mean(axis=0)
    left, values, right = np.linalg.svd(here.T @ there)
    sizes = float(np.square(here).sum() * np.square(there).sum())
    unexplained = 1.0 - float(values.sum()) ** 2 / sizes if sizes > 0 else 1.0
    if not unexplained <= _LARGEST_SHIFT:
        return embedding, None
    matrix = left @ right
    return _turned(embedding, matrix), Turn(old.identity, matrix, int(np.count_nonzero(kept)), unexplained)


def _turned(embedding: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    centred = embedding - embedding.mean(axis=0, dtype=np.float64).astype(np.float32)
    turned: NDArray[np.float32] = (centred @ matrix.astype(np.float32)).astype(np.float32)
    return turned


def _recipe(study: Study, path: str) -> dict[str, Any]:
    """The recipe of some colours; empty where there are none, or where it cannot be read."""
    try:
        return dict(study.store.attributes(path)["recipe"])
    except (StudyError, KeyError):
        return {}
