"""What one network contributes to the nodes: its layers and the token grid of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .errors import InputError
from .parameters import whole, wholes

__all__ = ["NetworkNodes", "TokenGrid"]


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of one picture at one layer.

    Parameters
    ----------
    rows, columns
        Size of the grid of patches.
    class_token
        Whether a class token precedes the patches.
    """

    rows: int
    columns: int
    class_token: bool = True

    @property
    def n_tokens(self) -> int:
        """Number of tokens, the class token included."""
        return self.rows * self.columns + int(self.class_token)


@dataclass(frozen=True)
class NetworkNodes:
    """The nodes that one network contributes.

    Parameters
    ----------
    name
        Name of the network.
    layers
        Layer numbers in ascending order, from 0.
    rows, columns
        Size of the token grid; of the finest, where layers differ.
    class_token
        Whether a class token precedes the patches.
    grids
        Rows and columns of every layer, in their order, where they differ as in a U-Net; `rows` and `columns` then
        follow from them. Empty where all layers have the same grid.
    """

    name: str
    layers: tuple[int, ...]
    rows: int
    columns: int
    class_token: bool = True
    grids: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        layers = wholes(f"Layers of {self.name}", self.layers)
        object.__setattr__(self, "layers", layers)
        if not layers or min(layers) < 0 or any(b <= a for a, b in itertools.pairwise(layers)):
            raise InputError(f"Layers of {self.name} must be ascending and not negative; got {layers}.")
        if self.grids:
            if len(self.grids) != len(layers):
                raise InputError(f"{self.name} has {len(layers)} layers, but {len(self.grids)} token grids.")
            sizes = [wholes(f"The token grid of {self.name}", grid) for grid in self.grids]
            if any(len(size) != 2 for size in sizes):
                raise InputError(f"Every token grid of {self.name} is rows and columns; got {self.grids}.")
            grids = tuple((rows, columns) for rows, columns in sizes)
            object.__setattr__(self, "rows", max(rows for rows, _ in grids))
            object.__setattr__(self, "columns", max(columns for _, columns in grids))
            object.__setattr__(self, "grids", () if len(set(grids)) == 1 else grids)
        for side in ("rows", "columns"):
            object.__setattr__(self, side, whole(f"{side} of the token grid of {self.name}", getattr(self, side), 1))
        for rows, columns in self.grids:
            if rows < 1 or columns < 1:
                raise InputError(f"The token grid of {self.name} must be at least 1 × 1; got {rows} × {columns}.")

    def grid(self, layer: int) -> TokenGrid:
        """The tokens of one picture at one of the layers."""
        rows, columns = self.grids[self.layers.index(layer)] if self.grids else (self.rows, self.columns)
        return TokenGrid(rows, columns, self.class_token)

    @property
    def n_tokens(self) -> int:
        """Number of tokens of one picture at any layer, the class token included.

        Raises
        ------
        InputError
            If layers have different grids; ask :meth:`grid` then.
        """
        if self.grids:
            raise InputError(f"The layers of {self.name} have different token grids; ask for that of one layer.")
        return self.grid(self.layers[0]).n_tokens

    def keeping(self, layers: Iterable[int], class_token: bool) -> NetworkNodes:
        """The same network with some of its layers, in its own order."""
        kept = set(layers)
        left = tuple(layer for layer in self.layers if layer in kept)
        grids = tuple(grid for grid, layer in zip(self.grids, self.layers, strict=False) if layer in kept)
        return replace(self, layers=left, class_token=class_token, grids=grids)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description, for :meth:`from_dict`; the grids of layers only where they differ."""
        description: dict[str, Any] = {
            "name": self.name,
            "layers": list(self.layers),
            "rows": self.rows,
            "columns": self.columns,
            "class_token": self.class_token,
        }
        return description | ({"grids": [list(grid) for grid in self.grids]} if self.grids else {})

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> NetworkNodes:
        """The nodes that :meth:`as_dict` described."""
        grids = tuple((int(rows), int(columns)) for rows, columns in description.get("grids", ()))
        size = int(description["rows"]), int(description["columns"])
        return cls(description["name"], tuple(description["layers"]), *size, bool(description["class_token"]), grids)
