"""How the tokens of a layer become a graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import InputError

__all__ = ["GraphSettings"]


@dataclass(frozen=True)
class GraphSettings:
    r"""How the tokens of a layer become a graph.

    Parameters
    ----------
    affinity
        ``"cosine"``: the cosine, nothing below `threshold`, between nearest neighbours (the paper's graphs of a data
        set); ``"kernel"``: ``exp((cos - 1) / gamma)`` between all; ``"softmax"``: ``softmax(scale · left right^T)``
        within a picture, the network's own attention where left and right are queries and keys (the paper's graphs of a
        single picture).
    heads
        ``"joined"``: one graph of all heads (their channels side by side, of softmax the mean of their probabilities);
        ``"apart"``: a graph of every head.
    normalisation
        ``"symmetric"``: ``D^-1/2 A D^-1/2``. ``"row-stochastic"``: ``P = D^-1 A``, as in the paper's objective; an
        eigenproblem takes the mean of ``P`` and its transpose, whose eigenvalues can exceed 1.
    centred
        Take the mean over a picture's tokens away before the cosine, so that it compares parts of a picture.
    gamma
        Width of the kernel.
    n_inside
        Nearest neighbours of a token inside its picture; None joins it to all.
    n_across
        Nearest neighbours of a token in other pictures, for graphs of a data set.
    threshold
        Cosines below this are no edges.
    scale
        Factor of softmax; None is one over the root of a head's channels, as networks have it.
    leading_tokens
        Whether softmax runs over the leading tokens (class token) too before they are dropped, as in the network;
        False leaves them out before, as in the paper.
    """

    affinity: str = "cosine"
    heads: str = "joined"
    normalisation: str = "symmetric"
    centred: bool = False
    gamma: float = 0.1
    n_inside: int | None = 50
    n_across: int = 50
    threshold: float = 0.1
    scale: float | None = None
    leading_tokens: bool = False

    def __post_init__(self) -> None:
        _one_of("affinity", self.affinity, ("cosine", "kernel", "softmax"))
        _one_of("treatment of heads", self.heads, ("joined", "apart"))
        _one_of("normalisation", self.normalisation, ("symmetric", "row-stochastic"))
        if not (self.gamma > 0 and math.isfinite(self.gamma)):
            raise InputError(f"gamma must be a positive number; got {self.gamma}.")
        if self.n_inside is not None and self.n_inside < 1:
            raise InputError(f"n_inside must be at least 1, or None for all; got {self.n_inside}.")
        if self.n_across < 0:
            raise InputError(f"n_across must not be negative; got {self.n_across}.")
        if not 0 <= self.threshold < 1:
            raise InputError(f"threshold must be at least 0 and below 1; got {self.threshold}.")
        if self.scale is not None and not (self.scale > 0 and math.isfinite(self.scale)):
            raise InputError(f"scale must be a positive number, or None; got {self.scale}.")


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"Unknown {what} {value!r}; use {', '.join(choices[:-1])} or {choices[-1]}.")
