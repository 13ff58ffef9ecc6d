"""A few real paths that stand for many: medoids, each with its share. Knows no Qt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Strand", "strands_of"]

MOST_STRANDS = 3
MOST_COMPARED = 240
"""Paths that are compared with one another; more are drawn from evenly."""
WORTH = 0.2
"""Share of the mean distance to the nearest strand by which one more strand must lower it."""


@dataclass(frozen=True, eq=False)
class Strand:
    """One path that stands for those around it.

    Attributes
    ----------
    position
        Its row among the paths.
    share
        Part of all paths that is nearer to this strand than to others, 0 to 1.
    """

    position: int
    share: float


def strands_of(places: NDArray[np.float32]) -> list[Strand]:
    """Medoids of paths: each is one of them, where tokens really lie, as a mean of different ways is not.

    Parameters
    ----------
    places
        (P, L, 2); the distance of two paths is the mean over the layers of the distance on the map.

    Returns
    -------
    list of Strand
        One to three, the largest share first; one more only where it is worth it.
    """
    taken = np.linspace(0, len(places) - 1, min(len(places), MOST_COMPARED)).astype(np.int64)
    held = places[taken].astype(np.float32)
    apart = np.zeros((len(held), len(held)), dtype=np.float32)
    for layer in range(held.shape[1]):
        at = held[:, layer]
        apart += np.sqrt(np.square(at[:, None] - at[None]).sum(axis=2))
    chosen = [int(apart.sum(axis=1).argmin())]
    while len(chosen) < min(MOST_STRANDS, len(held)):
        gain = np.maximum(apart[:, chosen].min(axis=1)[None] - apart, 0).sum(axis=1)
        more = _settled(apart, [*chosen, int(gain.argmax())])
        if apart[:, more].min(axis=1).sum() >= (1 - WORTH) * apart[:, chosen].min(axis=1).sum():
            break
        chosen = more
    nearest = apart[:, chosen].argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(chosen)) / len(held)
    order = np.argsort(-shares, kind="stable")
    return [Strand(int(taken[chosen[i]]), float(shares[i])) for i in order]


def _settled(apart: NDArray[np.float32], chosen: list[int]) -> list[int]:
    """Medoids moved to the middle of what is nearest to them, until they stay (Park and Jun 2009)."""
    for _ in range(10):
        nearest = apart[:, chosen].argmin(axis=1)
        moved = []
        for number, medoid in enumerate(chosen):
            members = np.flatnonzero(nearest == number)
            within = apart[np.ix_(members, members)].sum(axis=1) if len(members) else None
            moved.append(medoid if within is None else int(members[within.argmin()]))
        if moved == chosen:
            break
        chosen = moved
    return chosen
