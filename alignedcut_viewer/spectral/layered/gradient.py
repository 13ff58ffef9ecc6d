r"""The paper's own solver: gradient descent on the objective, with orthogonality as a penalty.

Of a single picture the pseudo-eigenvectors are the softmax over channels of a small convolutional generator; of a data
set, of a learned table of maps a picture, trained in mini-batches and averaged over time. Afterwards a singular value
decomposition gives orthonormal columns.

The number of generator channels, the start of the table and the order of normalisation and softmax are not published;
they are settings here, with our defaults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from ...parameters import real, whole
from ...progress import ProgressCallback, report
from .objective import term_pair
from .set_graphs import SetGraph
from .token_grid import Grid, Pooling

__all__ = ["GradientSettings", "descend_picture", "descend_table", "orthonormal_columns"]


@dataclass(frozen=True)
class GradientSettings:
    """Settings of the paper's solver; :meth:`paper` gives the published ones.

    Parameters
    ----------
    n_channels
        Maps X, before the singular value decomposition.
    learning_rate
        Of Adam (a picture) or AdamW (a data set).
    n_updates
        Updates of a picture. The paper makes 2,000 passes and accumulates the gradients of 20; where the graphs do not
        change between passes that is one gradient, which Adam does not scale, so that 100 updates are the same.
    eigen_weight, orthogonality_weight
        Of the two terms.
    generator_width
        Channels inside the generator. Not published.
    batch, n_inner, n_epochs, decay
        Of a data set: pictures a batch (those left over are dropped), updates a batch, passes over the pictures, and
        the share of the running average that stays at each batch.
    start_scale
        Standard deviation of the table at the start. Not published.
    """

    n_channels: int = 20
    learning_rate: float = 2e-3
    n_updates: int = 100
    eigen_weight: float = 2.0
    orthogonality_weight: float = 2.0
    generator_width: int = 64
    batch: int = 40
    n_inner: int = 5
    n_epochs: int = 200
    decay: float = 0.99
    start_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("n_channels", "n_updates", "generator_width", "batch", "n_inner", "n_epochs"):
            whole(name, getattr(self, name), 1)
        for name in ("learning_rate", "eigen_weight", "start_scale"):
            real(name, getattr(self, name), above=0)
        real("orthogonality_weight", self.orthogonality_weight, least=0)
        real("decay", self.decay, least=0, below=1)

    @classmethod
    def paper(cls, scope: str) -> GradientSettings:
        """The published settings, of ``"picture"`` or ``"data set"``."""
        if scope == "picture":
            return cls()
        return cls(n_channels=100, learning_rate=1e-2, eigen_weight=1.0, orthogonality_weight=1.0)


class _Walk(torch.autograd.Function):
    """``P X`` with its gradient ``P^T G``, for graphs of any kind."""

    @staticmethod
    def forward(ctx: object, values: torch.Tensor, graph: SetGraph) -> torch.Tensor:
        ctx.graph = graph  # type: ignore[attr-defined]
        return graph.walk(values)

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.graph.walk_transposed(gradient), None  # type: ignore[attr-defined]


def _walk(graph: SetGraph, values: torch.Tensor) -> torch.Tensor:
    moved: torch.Tensor = _Walk.apply(values, graph)
    return moved


class _Generator(nn.Module):
    """A learned input and three 3 × 3 convolutions with batch normalisation."""

    def __init__(self, grid: Grid, settings: GradientSettings) -> None:
        super().__init__()
        width = settings.generator_width
        self.start = nn.Parameter(torch.randn(1, width, grid.rows, grid.columns))
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, settings.n_channels, 3, padding=1),
            nn.BatchNorm2d(settings.n_channels),
        )

    def forward(self) -> torch.Tensor:
        maps: torch.Tensor = self.layers(self.start).softmax(dim=1)
        return maps.flatten(2).transpose(1, 2)


def _loss(
    values: torch.Tensor,
    graphs: Sequence[SetGraph],
    poolings: Sequence[Pooling],
    weights: Sequence[float],
    settings: GradientSettings,
) -> torch.Tensor:
    total = values.new_zeros(())
    for graph, pooling, weight in zip(graphs, poolings, weights, strict=True):
        eigen, orthogonality = term_pair(values, partial(_walk, graph), pooling, together=True)
        total = total + weight * (settings.eigen_weight * eigen + settings.orthogonality_weight * orthogonality)
    return total


def descend_picture(
    graphs: Sequence[SetGraph],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    settings: GradientSettings,
    *,
    seed: int,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> tuple[torch.Tensor, list[tuple[float, float]]]:
    """Maps of one picture.

    Returns
    -------
    maps
        (1, places, n_channels), rows of sum one.
    history
        Seconds and loss after each update.
    """
    with _seeded(seed):
        generator = _Generator(poolings[0].common, settings)
    generator.to(device)
    optimiser = torch.optim.Adam(generator.parameters(), lr=settings.learning_rate)
    each, started, history = weights.tolist(), time.perf_counter(), []
    for update in range(settings.n_updates):
        report(progress, update, settings.n_updates, "Gradient descent")
        loss = _loss(generator(), graphs, poolings, each, settings)
        history.append((time.perf_counter() - started, loss.item()))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        maps = generator()
        history.append((time.perf_counter() - started, _loss(maps, graphs, poolings, each, settings).item()))
    return maps, history


def descend_table(
    graphs_of: Callable[[Sequence[int]], Sequence[SetGraph]],
    n_pictures: int,
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    settings: GradientSettings,
    *,
    seed: int,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> tuple[torch.Tensor, list[tuple[float, float]]]:
    """Maps of all pictures of a data set.

    Parameters
    ----------
    graphs_of
        The graphs of a batch, given its picture numbers.
    n_pictures
        Number of pictures.
    poolings, weights, settings, seed, device, progress
        As for :func:`descend_picture`.

    Returns
    -------
    maps
        (pictures, places, n_channels), rows of sum one, of the running average.
    history
        Seconds and the batch's loss after each update.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (n_pictures, len(poolings[0].common), settings.n_channels)
    table = nn.Parameter((settings.start_scale * torch.randn(shape, generator=generator)).to(device))
    average = table.detach().clone()
    optimiser = torch.optim.AdamW([table], lr=settings.learning_rate)
    size, each = min(settings.batch, n_pictures), weights.tolist()
    n_batches = n_pictures // size
    history: list[tuple[float, float]] = []
    spent = 0.0
    for epoch in range(settings.n_epochs):
        order = torch.randperm(n_pictures, generator=generator)
        for number in range(n_batches):
            report(progress, epoch * n_batches + number, settings.n_epochs * n_batches, "Gradient descent")
            batch = order[number * size : (number + 1) * size].sort().values
            graphs = graphs_of(batch.tolist())
            started = time.perf_counter()
            for _ in range(settings.n_inner):
                values = table[batch.to(device)].softmax(dim=-1)
                loss = _loss(values, graphs, poolings, each, settings)
                history.append((spent + time.perf_counter() - started, loss.item()))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            with torch.no_grad():
                average.mul_(settings.decay).add_(table, alpha=1 - settings.decay)
            spent += time.perf_counter() - started
    return average.softmax(dim=-1), history


def orthonormal_columns(maps: torch.Tensor, count: int, *, rows: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Orthonormal columns from maps by singular value decomposition.

    Parameters
    ----------
    maps
        (pictures, places, n_channels).
    count
        Columns wanted.
    rows
        Whether every row is brought to length one first, as for a data set; else every channel is, as for a picture.

    Returns
    -------
    vectors
        (pictures, places, count).
    values
        Singular values, float64 (count,) descending.
    """
    flat = maps.reshape(-1, maps.shape[-1]).double()
    flat = flat / torch.linalg.vector_norm(flat, dim=1 if rows else 0, keepdim=True).clamp(min=1e-12)
    squares, rotation = torch.linalg.eigh(flat.T @ flat)
    squares, rotation = squares.flip(0)[:count].clamp(min=0), rotation.flip(1)[:, :count]
    vectors = flat @ rotation / squares.sqrt().clamp(min=1e-12)
    return vectors.reshape(*maps.shape[:2], count).float(), squares.sqrt().cpu()


class _seeded:
    """Draw from torch's global generator with a seed, and give its state back."""

    def __init__(self, seed: int) -> None:
        self._fork = torch.random.fork_rng(devices=[])
        self._seed = seed

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed)

    def __exit__(self, *details: object) -> None:
        self._fork.__exit__(*details)  # type: ignore[arg-type]
