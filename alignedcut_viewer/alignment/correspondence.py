"""The same places of the same pictures in networks whose token grids differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..cluster.row_blocks import tasks_in_order
from ..errors import FeatureError, InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report

__all__ = [
    "Positions",
    "TokenGrid",
    "TokenSource",
    "class_share",
    "corresponding_features",
    "most_places",
    "picture_places",
    "places_a_picture",
    "sample_positions",
]

# Cells of the lattice that positions are drawn from; as fine as the finest grid of the usual networks at 224 px.
_LATTICE = 16
_PICTURES_OF_A_TASK = 4


class TokenSource(Protocol):
    """Features of one slot, picture by picture: an array (image, token, channel) in NumPy, zarr or a memory map."""

    def __getitem__(self, image: int, /) -> Any:
        """Tokens of one picture, (n_tokens, n_channels); the class token first where there is one."""


class TokenGrid(Protocol):
    """What is to be known of the tokens of a network."""

    @property
    def rows(self) -> int:
        """Rows of the grid."""

    @property
    def columns(self) -> int:
        """Columns of the grid."""

    @property
    def class_token(self) -> bool:
        """Whether a class token precedes the patches."""


@dataclass(frozen=True)
class Positions:
    """Places in pictures, independent of any token grid.

    Attributes
    ----------
    image
        Image number of each sample, int (n,), ascending.
    y, x
        Place as fractions of height and width in [0, 1), float (n,); NaN where the sample is the class token.
    """

    image: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.image)

    def part(self, which: slice) -> Positions:
        """Some of the places."""
        return Positions(self.image[which], self.y[which], self.x[which])

    def tokens(self, rows: int, columns: int, *, class_token: bool = True) -> NDArray[np.int64]:
        """Number of the token that covers each place on a grid.

        Parameters
        ----------
        rows, columns
            Size of the token grid.
        class_token
            Whether a class token precedes the patches.

        Returns
        -------
        array
            Token numbers, int (n,).

        Raises
        ------
        InputError
            If class tokens were sampled and the grid has none.
        """
        is_class = np.isnan(self.y)
        if is_class.any() and not class_token:
            raise InputError("Class tokens were sampled, but these features hold none; sample without class tokens.")
        row = np.minimum((np.nan_to_num(self.y) * rows).astype(np.int64), rows - 1)
        column = np.minimum((np.nan_to_num(self.x) * columns).astype(np.int64), columns - 1)
        return np.where(is_class, 0, row * columns + column + int(class_token))


def class_share(grids: Iterable[TokenGrid]) -> float:
    """Share of the class token among the tokens of a picture, mean over networks; 0 where one of them has none."""
    found = list(grids)
    if not all(grid.class_token for grid in found):
        return 0.0
    return float(np.mean([1.0 / (grid.rows * grid.columns + 1) for grid in found]))


def picture_places(
    image: int, count: int, *, class_share: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in one picture; they depend on nothing but its number and the seed, and fewer are the first of more.

    Parameters
    ----------
    image
        Image number.
    count
        How many; see :func:`most_places`.
    class_share, seed
        As for :func:`sample_positions`.

    Returns
    -------
    y, x
        As of :class:`Positions`, (count,).
    """
    rng = np.random.default_rng([parameters.seed(seed), image])
    draw = rng.random()
    # Distinct cells first, then a place inside the cell: no token of the finest grid is taken twice.
    row, column = np.divmod(rng.permutation(_LATTICE**2), _LATTICE)
    y, x = (np.stack([row, column]) + rng.random((2, _LATTICE**2))) / _LATTICE
    # The class token stands among the patches, at each place as probable as its share says.
    if class_share > 0 and (place := int(draw / class_share)) < min(count, _LATTICE**2 + 1):
        y, x = np.insert(y, place, np.nan), np.insert(x, place, np.nan)
    return y[:count], x[:count]


def most_places(class_share: float) -> int:
    """How many places a picture has: one a cell of a 16 × 16 lattice, and the class token where it is always drawn."""
    return _LATTICE**2 + int(round(class_share * (_LATTICE**2 + 1), 6) >= 1)


def places_a_picture(n_samples: int, n_pictures: int, class_share: float = 0.0) -> int:
    """How many places each picture gives, so that there are about `n_samples` in all."""
    return min(max(round(n_samples / n_pictures), 1), most_places(class_share))


def sample_positions(
    images: int | NDArray[np.integer[Any]],
    n_samples: int,
    *,
    class_share: float = 0.0,
    seed: int = 0,
    at_most: int | None = None,
) -> Positions:
    """Draw places evenly over pictures and over the tokens of each picture.

    Parameters
    ----------
    images
        Image numbers to draw from, or their count.
    n_samples
        Number of places wanted. Each picture gives the same number, at most one a cell of a 16 × 16 lattice and the
        class token, so that there may be somewhat more or fewer. Of more pictures than that, as many are drawn.
    class_share
        Share of the class token among the tokens of a picture, such as 1/197; the draw has the same, so that class
        tokens count no more than any other. 0 leaves them out.
    seed
        Seed of the draw.
    at_most
        Places that a picture can give; None is no bound but the lattice.

    Returns
    -------
    Positions
        The places, picture by picture, those of a picture as :func:`picture_places` has them.

    Raises
    ------
    InputError
        If there is no picture or no sample to draw, or the share does not lie between 0 and 1.
    """
    numbers = np.arange(images, dtype=np.int64) if isinstance(images, int) else np.unique(np.asarray(images, np.int64))
    if not len(numbers) or n_samples < 1:
        raise InputError(f"Cannot draw {n_samples} positions from {len(numbers)} pictures.")
    if not 0 <= class_share <= 1:
        raise InputError(f"The share of class tokens must lie between 0 and 1; got {class_share}.")
    if len(numbers) > n_samples:
        numbers = np.sort(np.random.default_rng(parameters.seed(seed)).choice(numbers, n_samples, replace=False))
    each = places_a_picture(n_samples, len(numbers), class_share)
    each = each if at_most is None else min(each, at_most)
    drawn = [picture_places(int(image), each, class_share=class_share, seed=seed) for image in numbers]
    y, x = (np.concatenate([places[axis] for places in drawn]) for axis in (0, 1))
    return Positions(np.repeat(numbers, each), y, x)


def corresponding_features(
    sources: Mapping[Slot, TokenSource],
    grids: Mapping[str, tuple[int, int]] | Mapping[Slot, tuple[int, int]],
    positions: Positions,
    *,
    progress: ProgressCallback | None = None,
) -> dict[Slot, NDArray[Any]]:
    """Features of every slot at the same places of the same pictures.

    Parameters
    ----------
    sources
        For each slot (network, layer) its features, picture by picture.
    grids
        Rows and columns of the token grid of each network, or of each slot where layers differ.
    positions
        The places, from :func:`sample_positions`.
    progress
        Called after every few pictures.

    Returns
    -------
    dict
        For each slot an array (n, D_i) in the type of the source, row by row as `positions`.

    Raises
    ------
    FeatureError
        If the number of tokens does not fit the grid.
    """
    import torch

    by_name: dict[Any, tuple[int, int]] = dict(grids.items())
    slots = {Slot(*key): source for key, source in sources.items()}
    shared = [(slot, source, by_name.get(slot) or by_name[slot.network]) for slot, source in slots.items()]
    _, starts = np.unique(positions.image, return_index=True)
    bounds = [*starts[::_PICTURES_OF_A_TASK].tolist(), len(positions)]
    parts = [positions.part(slice(start, stop)) for start, stop in pairwise(bounds)]
    on_disk = all(getattr(source, "on_disk", False) for source in slots.values())
    gathered: dict[Slot, NDArray[Any]] = {}
    found = tasks_in_order(_tokens_at, shared, parts, device=torch.device("cpu"), on_disk=on_disk)
    report(progress, 0, len(starts), "Sampling features")
    for step, (start, tokens) in enumerate(zip(bounds, found, strict=False)):
        for slot, rows in zip(slots, tokens, strict=True):
            if slot not in gathered:
                gathered[slot] = np.empty((len(positions), rows.shape[1]), rows.dtype)
            gathered[slot][start : start + len(rows)] = rows
        report(progress, min((step + 1) * _PICTURES_OF_A_TASK, len(starts)), len(starts), "Sampling features")
    return gathered


def _tokens_at(shared: Sequence[tuple[Slot, TokenSource, tuple[int, int]]], positions: Positions) -> list[NDArray[Any]]:
    """Tokens of every slot at places in some pictures, each (n, D_i)."""
    images, starts = np.unique(positions.image, return_index=True)
    stops = np.append(starts[1:], len(positions))
    gathered: list[list[NDArray[Any]]] = [[] for _ in shared]
    for image, start, stop in zip(images, starts, stops, strict=True):
        places = positions.part(slice(start, stop))
        for (slot, source, (rows, columns)), found in zip(shared, gathered, strict=True):
            features = np.asarray(source[int(image)])
            n_extra = len(features) - rows * columns
            if features.ndim != 2 or n_extra not in (0, 1):
                raise FeatureError(
                    f"Features of {slot}, picture {image}, have shape {features.shape}; expected "
                    f"{rows * columns} patches of a {rows} × {columns} grid, with or without a class token."
                )
            found.append(features[places.tokens(rows, columns, class_token=bool(n_extra))])
    return [np.concatenate(found) for found in gathered]
