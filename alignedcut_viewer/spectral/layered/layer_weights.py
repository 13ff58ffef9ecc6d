r"""How much each layer's graph counts.

Some layers hold what is asked and most do not. The weights ``w ~ exp(agreement / temperature)`` are found together with
the joint solution, in a few rounds from equal weights: layers that the joint solution satisfies count more, so that it
settles where the matter lives without being told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...errors import InputError
from ...parameters import real, whole
from .token_grid import Grid

__all__ = ["LayerWeights", "agreement_of"]

_CHOICES = ("agreement", "uniform", "resolution")


@dataclass(frozen=True)
class LayerWeights:
    """How much each graph counts.

    Parameters
    ----------
    choice
        ``"agreement"`` with the joint solution, ``"uniform"``, ``"resolution"`` (the paper's, 32 over the rows of the
        grid), or a weight for each layer, not negative.
    temperature
        How much better a layer must agree to count e times more.
    rounds
        How often weights and solution are found anew from one another; 0 leaves the weights equal.
    """

    choice: str | tuple[float, ...] = "agreement"
    temperature: float = 0.05
    rounds: int = 3

    def __post_init__(self) -> None:
        if isinstance(self.choice, str):
            if self.choice not in _CHOICES:
                raise InputError(
                    f"Unknown weights {self.choice!r}; use {', '.join(_CHOICES)}, or a number for each layer."
                )
        else:
            object.__setattr__(self, "choice", tuple(float(weight) for weight in self.choice))
            if not all(math.isfinite(w) and w >= 0 for w in self.choice) or not any(self.choice):
                raise InputError(f"Weights must not be negative, and one must be above 0; got {self.choice}.")
        real("temperature", self.temperature, above=0)
        whole("rounds", self.rounds, 0)

    @property
    def updates(self) -> int:
        """Rounds in which the weights change."""
        return self.rounds if self.choice == "agreement" else 0

    def first(self, grids: Sequence[Grid], graphs_of: Sequence[int]) -> torch.Tensor:
        """The weights to begin with, float64 (graphs,), their sum 1.

        Parameters
        ----------
        grids
            Token grid of each layer.
        graphs_of
            Number of graphs of each layer (its heads, where these are apart), which share its weight.

        Raises
        ------
        InputError
            If weights are given by hand, but not one a layer.
        """
        if isinstance(self.choice, tuple):
            if len(self.choice) != len(grids):
                raise InputError(f"{len(self.choice)} weights are given for {len(grids)} layers.")
            each = list(self.choice)
        elif self.choice == "resolution":
            each = [32.0 / grid.rows for grid in grids]
        else:
            each = [1.0] * len(grids)
        flat = [w / count for w, count in zip(each, graphs_of, strict=True) for _ in range(count)]
        weights = torch.tensor(flat, dtype=torch.float64)
        return weights / weights.sum()

    def update(self, agreement: torch.Tensor) -> torch.Tensor:
        """Weights from agreement (…, graphs), of sum 1 over the graphs."""
        return torch.softmax(agreement.double() / self.temperature, dim=-1)


def agreement_of(basis: torch.Tensor, moved: torch.Tensor, together: bool) -> torch.Tensor:
    """How well a graph keeps the space of the joint solution: ``trace(Q^T S Q) / C``, ``Q`` an orthonormal basis of it.

    It is the mean eigenvalue that the graph would give the joint solution: 1 where parts of the joint solution are
    parts of the graph, near 0 where they have nothing to do with it.

    Parameters
    ----------
    basis
        The joint solution on the layer's grid, (pictures, tokens, C).
    moved
        ``S`` times that.
    together
        Whether the columns run over all pictures.

    Returns
    -------
    torch.Tensor
        float64: a scalar, or (pictures,).
    """
    if together:
        basis, moved = basis.reshape(1, -1, basis.shape[-1]), moved.reshape(1, -1, moved.shape[-1])
    basis, moved = basis.double(), moved.double()
    gram, moved_gram = basis.transpose(1, 2) @ basis, basis.transpose(1, 2) @ moved
    size = torch.diagonal(gram, dim1=1, dim2=2).mean(dim=1)[:, None, None].clamp(min=1e-30)
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    solved = torch.linalg.solve(gram / size + 1e-9 * identity, moved_gram / size)
    trace = torch.diagonal(solved, dim1=1, dim2=2).mean(dim=1)
    return trace[0] if together else trace
