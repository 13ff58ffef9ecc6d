"""How the tokens of a layer become a graph."""

from __future__ import annotations

from dataclasses import dataclass

from ...parameters import one_of, real, whole

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
        one_of("affinity", self.affinity, ("cosine", "kernel", "softmax"))
        one_of("treatment of heads", self.heads, ("joined", "apart"))
        one_of("normalisation", self.normalisation, ("symmetric", "row-stochastic"))
        real("gamma", self.gamma, above=0)
        whole("n_inside", self.n_inside, 1, unless=None)
        whole("n_across", self.n_across, 0)
        real("threshold", self.threshold, least=0, below=1)
        real("scale", self.scale, above=0, unless=None)
