r"""Graphs of a layer over all pictures together: nearest neighbours, or shared landmarks where there are many tokens.

The graph of nearest neighbours is the paper's: cosines of a token with its nearest inside its picture and with its
nearest in other pictures, symmetrised. With landmarks (Liu, He and Chang 2010) a token is joined to a few of m tokens
drawn as landmarks, and tokens are as alike as the landmarks that they share: ``W = Z L^-1 Z^T`` with ``Z`` the
row-stochastic affinities (tokens × m, sparse) and ``L`` the column sums of ``Z``. It takes no pass over pairs of
tokens, is positive semi-definite, and symmetric and row-stochastic at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse
import torch

from ...errors import InputError
from ...progress import ProgressCallback, report
from .graph_settings import GraphSettings
from .layer_tokens import LayerTokens
from .picture_graphs import check_neighbours, unit_rows
from .token_grid import Grid

__all__ = ["DenseGraph", "LandmarkGraph", "NeighbourGraph", "SetGraph", "landmark_graph", "neighbour_graph"]

_TINY = 1e-12


class SetGraph(ABC):
    """A graph over the tokens of all pictures at one layer.

    Attributes
    ----------
    grid
        The layer's token grid.
    n_pictures
        Number of pictures.
    n_bytes
        Memory that the graph takes.
    """

    grid: Grid
    n_pictures: int
    n_bytes: int

    @abstractmethod
    def walk(self, values: torch.Tensor) -> torch.Tensor:
        """``P X``, row-stochastic, for (pictures, tokens, C)."""

    @abstractmethod
    def walk_transposed(self, values: torch.Tensor) -> torch.Tensor:
        """``P^T X``, for gradients."""

    @abstractmethod
    def operator(self, values: torch.Tensor) -> torch.Tensor:
        """``S X``, symmetric, for (pictures, tokens, C)."""


class DenseGraph(SetGraph):
    """A graph inside each picture, as matrices.

    Parameters
    ----------
    walk, operator
        ``P`` and ``S`` of each picture, (pictures, tokens, tokens).
    grid
        The token grid.
    """

    def __init__(self, walk: torch.Tensor, operator: torch.Tensor, grid: Grid) -> None:
        self.grid, self.n_pictures = grid, len(walk)
        self._walk, self._operator = walk, operator
        self.n_bytes = 2 * walk.numel() * walk.element_size()

    def walk(self, values: torch.Tensor) -> torch.Tensor:
        """``P X``."""
        return self._walk.to(values.dtype) @ values

    def walk_transposed(self, values: torch.Tensor) -> torch.Tensor:
        """``P^T X``."""
        return self._walk.transpose(1, 2).to(values.dtype) @ values

    def operator(self, values: torch.Tensor) -> torch.Tensor:
        """``S X``."""
        return self._operator.to(values.dtype) @ values

    @property
    def operators(self) -> torch.Tensor:
        """``S`` of each picture, (pictures, tokens, tokens)."""
        return self._operator

    def picture(self, number: int) -> DenseGraph:
        """The graph of one picture."""
        part = slice(number, number + 1)
        return DenseGraph(self._walk[part], self._operator[part], self.grid)


class NeighbourGraph(SetGraph):
    """A sparse, symmetric graph.

    Parameters
    ----------
    affinity
        Affinities between all tokens of all pictures, symmetric, (N, N).
    grid
        The token grid; N is its size times the number of pictures.
    normalisation
        ``"symmetric"`` or ``"row-stochastic"``, of the operator.
    device
        Where to compute.
    """

    def __init__(self, affinity: scipy.sparse.csr_matrix, grid: Grid, normalisation: str, device: torch.device) -> None:
        self.grid, self.n_pictures = grid, affinity.shape[0] // len(grid)
        degrees = torch.from_numpy(np.asarray(affinity.sum(axis=1)).ravel().astype(np.float32)).to(device)
        self._inverse = torch.where(degrees > _TINY, degrees.clamp(min=_TINY).reciprocal(), 0.0)[:, None]
        self._matrix = _on_device(affinity, device)
        self._symmetric = normalisation == "symmetric"
        self.n_bytes = _bytes_of(affinity)

    def walk(self, values: torch.Tensor) -> torch.Tensor:
        """``D^-1 A X``."""
        flat = values.reshape(-1, values.shape[-1])
        return (self._inverse.to(flat.dtype) * _product(self._matrix, flat)).reshape(values.shape)

    def walk_transposed(self, values: torch.Tensor) -> torch.Tensor:
        """``A D^-1 X``."""
        flat = values.reshape(-1, values.shape[-1])
        return _product(self._matrix, self._inverse.to(flat.dtype) * flat).reshape(values.shape)

    def operator(self, values: torch.Tensor) -> torch.Tensor:
        """``D^-1/2 A D^-1/2 X``, or the mean of ``P`` and its transpose times ``X``."""
        flat = values.reshape(-1, values.shape[-1])
        inverse = self._inverse.to(flat.dtype)
        if self._symmetric:
            root = inverse.sqrt()
            return (root * _product(self._matrix, root * flat)).reshape(values.shape)
        both = (inverse * _product(self._matrix, flat) + _product(self._matrix, inverse * flat)) / 2
        return both.reshape(values.shape)


class LandmarkGraph(SetGraph):
    """A graph of tokens that share landmarks.

    Parameters
    ----------
    memberships
        ``Z``, (N, m) sparse; its rows sum to one or are empty.
    grid
        The token grid.
    device
        Where to compute.
    """

    def __init__(self, memberships: scipy.sparse.csr_matrix, grid: Grid, device: torch.device) -> None:
        self.grid, self.n_pictures = grid, memberships.shape[0] // len(grid)
        sizes = torch.from_numpy(np.asarray(memberships.sum(axis=0)).ravel().astype(np.float32)).to(device)
        self._inverse = torch.where(sizes > _TINY, sizes.clamp(min=_TINY).reciprocal(), 0.0)[:, None]
        self._matrix = _on_device(memberships, device)
        self._transpose = _on_device(memberships.T.tocsr(), device)
        self.n_bytes = 2 * _bytes_of(memberships)

    def walk(self, values: torch.Tensor) -> torch.Tensor:
        """``Z L^-1 Z^T X``."""
        flat = values.reshape(-1, values.shape[-1])
        at_landmarks = self._inverse.to(flat.dtype) * _product(self._transpose, flat)
        return _product(self._matrix, at_landmarks).reshape(values.shape)

    def walk_transposed(self, values: torch.Tensor) -> torch.Tensor:
        """The same as :meth:`walk`, which is symmetric."""
        return self.walk(values)

    def operator(self, values: torch.Tensor) -> torch.Tensor:
        """The same as :meth:`walk`, which is symmetric."""
        return self.walk(values)


def neighbour_graph(
    layer: LayerTokens, head: int, settings: GraphSettings, device: torch.device, progress: ProgressCallback | None
) -> NeighbourGraph:
    """The graph of nearest neighbours inside and across pictures, exactly.

    Parameters
    ----------
    layer
        Tokens; all of them are held in single precision.
    head
        The head to take; -1 for all heads joined.
    settings
        Neighbours, threshold, and the affinity, ``"cosine"`` or ``"kernel"``.
    device, progress
        Where to compute, and whom to tell.
    """
    check_neighbours(layer, settings)
    grid, n_pictures = layer.grid, layer.n_pictures
    n = n_pictures * len(grid)
    if settings.n_across > n - len(grid):
        raise InputError(
            f"A token cannot have {settings.n_across} neighbours in other pictures: {n_pictures} pictures of a {grid} "
            f"grid leave {n - len(grid)}. Use more pictures, or n_across={n - len(grid)} or fewer."
        )
    left, right = _unit_sides(layer, head, slice(None), settings, device)
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    size = max((1 << 25) // (n * len(grid)), 1)
    inside = min(settings.n_inside if settings.n_inside is not None else len(grid) - 1, len(grid) - 1)
    for start in range(0, n_pictures, size):
        stop = min(start + size, n_pictures)
        part = slice(start * len(grid), stop * len(grid))
        affinity = _affinity(left[part] @ right.T, settings)
        for picture in range(start, stop):
            first = (picture - start) * len(grid)
            own = affinity[first : first + len(grid), picture * len(grid) : (picture + 1) * len(grid)]
            found, places = own.topk(inside + 1, dim=1)
            _keep(rows, columns, values, picture * len(grid), places + picture * len(grid), found)
            own.zero_()
        if settings.n_across:
            found, places = affinity.topk(settings.n_across, dim=1)
            _keep(rows, columns, values, part.start, places, found)
        report(progress, stop, n_pictures, f"Neighbours at {layer.name}")
    directed = scipy.sparse.coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)
    ).tocsr()
    return NeighbourGraph((directed + directed.T) / 2, grid, settings.normalisation, device)


def landmark_graph(
    layer: LayerTokens,
    head: int,
    settings: GraphSettings,
    n_landmarks: int,
    n_shared: int,
    rng: np.random.Generator,
    device: torch.device,
    progress: ProgressCallback | None,
) -> LandmarkGraph:
    """The graph of tokens that share landmarks; tokens are read a few pictures at a time.

    Parameters
    ----------
    layer, head, settings, device, progress
        As for :func:`neighbour_graph`.
    n_landmarks
        Tokens m drawn as landmarks, as many from each picture as possible.
    n_shared
        Landmarks that a token is joined to.
    rng
        Draws them.
    """
    grid, n_pictures = layer.grid, layer.n_pictures
    n_landmarks = min(n_landmarks, n_pictures * len(grid))
    n_shared = min(n_shared, n_landmarks)
    size = max((1 << 24) // (len(grid) * max(n_landmarks, layer.n_channels)), 1)
    chosen = _spread_sample(n_pictures, len(grid), n_landmarks, rng)
    landmarks = torch.cat(
        [
            _both(layer, head, part, settings, device)[local]
            for part, local in _by_part(chosen, n_pictures, len(grid), size)
        ]
    )
    if not layer.symmetric:
        # With [l; r] of a token and [r; l] of a landmark, one product is both cosines, of l with r and of r with l.
        half = landmarks.shape[1] // 2
        landmarks = torch.cat([landmarks[:, half:], landmarks[:, :half]], dim=1) / 2
    columns, values = [], []
    for start in range(0, n_pictures, size):
        stop = min(start + size, n_pictures)
        sides = _both(layer, head, slice(start, stop), settings, device)
        found, places = _affinity(sides @ landmarks.T, settings).topk(n_shared, dim=1)
        values.append((found / found.sum(dim=1, keepdim=True).clamp(min=_TINY)).cpu().numpy())
        columns.append(places.int().cpu().numpy())
        report(progress, stop, n_pictures, f"Landmarks at {layer.name}")
    n = n_pictures * len(grid)
    pointer = np.arange(0, n * n_shared + 1, n_shared)
    memberships = scipy.sparse.csr_matrix(
        (np.concatenate(values).ravel(), np.concatenate(columns).ravel(), pointer), shape=(n, n_landmarks)
    )
    memberships.eliminate_zeros()
    memberships.sort_indices()
    return LandmarkGraph(memberships, grid, device)


def _unit_sides(
    layer: LayerTokens, head: int, pictures: slice, settings: GraphSettings, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides of all tokens of some pictures, of length one, (tokens, channels)."""
    sides = layer.sides(pictures, device)
    if head >= 0:
        width = layer.n_channels // layer.heads
        sides = [side[..., head * width : (head + 1) * width] for side in sides]
    flat = [unit_rows(side, settings.centred).reshape(-1, side.shape[-1]) for side in sides]
    return flat[0], flat[-1]


def _both(
    layer: LayerTokens, head: int, pictures: slice, settings: GraphSettings, device: torch.device
) -> torch.Tensor:
    """Both sides next to one another, or the one that there is."""
    left, right = _unit_sides(layer, head, pictures, settings, device)
    return left if layer.symmetric else torch.cat([left, right], dim=1)


def _affinity(cosine: torch.Tensor, settings: GraphSettings) -> torch.Tensor:
    if settings.affinity == "kernel":
        return cosine.sub_(1.0).div_(settings.gamma).exp_()
    return cosine.masked_fill_(cosine < settings.threshold, 0.0).clamp_(min=0.0)


def _keep(
    rows: list[np.ndarray],
    columns: list[np.ndarray],
    values: list[np.ndarray],
    first: int,
    places: torch.Tensor,
    found: torch.Tensor,
) -> None:
    """Note the edges above zero of consecutive rows."""
    some = found > 0
    own = torch.arange(first, first + len(found), device=found.device)[:, None].expand_as(places)
    rows.append(own[some].int().cpu().numpy())
    columns.append(places[some].int().cpu().numpy())
    values.append(found[some].cpu().numpy())


def _spread_sample(n_pictures: int, n_tokens: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Ascending numbers of `count` tokens, as many from each picture as possible."""
    each, more = divmod(count, n_pictures)
    extra = set(rng.permutation(n_pictures)[:more].tolist())
    parts = [
        picture * n_tokens + rng.permutation(n_tokens)[: each + (picture in extra)] for picture in range(n_pictures)
    ]
    return np.sort(np.concatenate(parts))


def _by_part(chosen: np.ndarray, n_pictures: int, n_tokens: int, size: int) -> Iterator[tuple[slice, torch.Tensor]]:
    """Slices of pictures that hold chosen tokens, and the tokens' numbers within them."""
    for start in range(0, n_pictures, size):
        stop = min(start + size, n_pictures)
        inside = chosen[(chosen >= start * n_tokens) & (chosen < stop * n_tokens)]
        if len(inside):
            yield slice(start, stop), torch.from_numpy(inside - start * n_tokens)


def _on_device(matrix: scipy.sparse.csr_matrix, device: torch.device) -> torch.Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that compressed sparse rows are new in torch
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            size=matrix.shape,
            device=device,
        )


def _product(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = (matrix @ values.float()).to(values.dtype)
    return result


def _bytes_of(matrix: scipy.sparse.csr_matrix) -> int:
    return int(matrix.nnz * 12 + 8 * matrix.shape[0])
