"""What a layer is to the graphs: two sides of tokens that are compared, or its attention as the network has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ...errors import FeatureError, InputError
from .token_grid import Grid

__all__ = ["PATHWAYS", "AttentionMaps", "LayerInput", "LayerTokens", "TokenSource", "check_layers", "pathway_layers"]

PATHWAYS: dict[str, tuple[str, str]] = {
    "what": ("v", "v"),
    "where": ("q", "k"),
    "value-value": ("v", "v"),
    "query-key": ("q", "k"),
    "key-key": ("k", "k"),
    "query-query": ("q", "q"),
}
"""Which tap is compared with which. "What" and "where" are the names that the paper gives to two of them."""


class TokenSource(Protocol):
    """An array (pictures, tokens, channels) that is read by slices of pictures: NumPy, torch, zarr, a memory map."""

    @property
    def shape(self) -> Sequence[int]:
        """Pictures, tokens, channels."""

    def __getitem__(self, pictures: slice, /) -> Any:
        """All tokens of some neighbouring pictures."""


@dataclass(frozen=True)
class LayerTokens:
    """Tokens of one layer, the two sides of its graph.

    Parameters
    ----------
    left
        (pictures, tokens, channels): values, or queries.
    rows, columns
        The token grid.
    right
        What `left` is compared with, of the same shape; None is `left` itself.
    heads
        Attention heads that the channels divide into.
    leading
        Tokens before the patches, such as a class token; they are no places and take no part.
    name
        Name for messages and tables.
    """

    left: TokenSource
    rows: int
    columns: int
    right: TokenSource | None = None
    heads: int = 1
    leading: int = 0
    name: str = "layer"

    def __post_init__(self) -> None:
        shape = tuple(self.left.shape)
        if len(shape) != 3:
            raise FeatureError(f"Tokens of {self.name} must be (pictures, tokens, channels); got {shape}.")
        if self.right is not None and tuple(self.right.shape) != shape:
            raise FeatureError(
                f"Both sides of {self.name} must have one shape; got {shape} and {tuple(self.right.shape)}."
            )
        if shape[1] != len(self.grid) + self.leading:
            raise FeatureError(
                f"{self.name} has {shape[1]} tokens a picture where its {self.grid} grid and {self.leading} leading "
                f"tokens make {len(self.grid) + self.leading}."
            )
        if self.heads < 1 or shape[2] % self.heads:
            raise InputError(f"The {shape[2]} channels of {self.name} do not divide into {self.heads} heads.")

    @property
    def grid(self) -> Grid:
        """The token grid."""
        return Grid(self.rows, self.columns)

    @property
    def n_pictures(self) -> int:
        """Number of pictures."""
        return int(self.left.shape[0])

    @property
    def n_channels(self) -> int:
        """Channels of a token."""
        return int(self.left.shape[2])

    @property
    def symmetric(self) -> bool:
        """Whether tokens are compared with themselves."""
        return self.right is None or self.right is self.left

    @property
    def on_disk(self) -> bool:
        """Whether this names what is read, so that another process can read it, too."""
        return all(getattr(side, "on_disk", False) for side in (self.left, self.right) if side is not None)

    def sides(self, pictures: slice, device: torch.device, *, leading: bool = False) -> list[torch.Tensor]:
        """Both sides of some pictures, float32 (pictures, tokens, channels); one tensor where they are the same.

        Raises
        ------
        FeatureError
            If a value is NaN or infinite.
        """
        read = [self.left] if self.symmetric or self.right is None else [self.left, self.right]
        return [self._read(source, pictures, device, leading) for source in read]

    def _read(self, source: TokenSource, pictures: slice, device: torch.device, leading: bool) -> torch.Tensor:
        values = source[pictures]
        tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.array(values))
        tensor = tensor.to(device=device, dtype=torch.float32)
        if not bool(torch.isfinite(tensor).all()):
            raise FeatureError(f"Tokens of {self.name} hold NaN or infinite values; extract them again.")
        return tensor if leading else tensor[:, self.leading :]


@dataclass(frozen=True)
class AttentionMaps:
    """Attention probabilities of one layer, as the network has them.

    Parameters
    ----------
    probabilities
        (pictures, heads, tokens, tokens), not negative.
    rows, columns
        The token grid.
    leading
        Tokens before the patches; their rows and columns take no part.
    name
        Name for messages and tables.
    """

    probabilities: TokenSource
    rows: int
    columns: int
    leading: int = 0
    name: str = "layer"

    def __post_init__(self) -> None:
        shape = tuple(self.probabilities.shape)
        tokens = len(self.grid) + self.leading
        if len(shape) != 4 or shape[2:] != (tokens, tokens):
            raise FeatureError(
                f"Attention of {self.name} must be (pictures, heads, {tokens}, {tokens}) for its {self.grid} grid and "
                f"{self.leading} leading tokens; got {shape}."
            )

    @property
    def grid(self) -> Grid:
        """The token grid."""
        return Grid(self.rows, self.columns)

    @property
    def n_pictures(self) -> int:
        """Number of pictures."""
        return int(self.probabilities.shape[0])

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self.probabilities.shape[1])

    @property
    def on_disk(self) -> bool:
        """Whether this names what is read, so that another process can read it, too."""
        return bool(getattr(self.probabilities, "on_disk", False))

    def maps(self, pictures: slice, device: torch.device) -> torch.Tensor:
        """Probabilities between patches of some pictures, float32 (pictures, heads, patches, patches).

        Raises
        ------
        FeatureError
            If a value is NaN, infinite or negative.
        """
        values = self.probabilities[pictures]
        tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.array(values))
        tensor = tensor.to(device=device, dtype=torch.float32)[:, :, self.leading :, self.leading :]
        if not bool(torch.isfinite(tensor).all()) or bool((tensor < 0).any()):
            raise FeatureError(f"Attention of {self.name} holds NaN, infinite or negative values.")
        return tensor


LayerInput = LayerTokens | AttentionMaps


def pathway_layers(
    pathway: str,
    taps: Sequence[Mapping[str, TokenSource]],
    grids: Sequence[tuple[int, int]],
    *,
    heads: int | Sequence[int] = 1,
    leading: int = 0,
    names: Sequence[str] | None = None,
) -> list[LayerTokens]:
    """Layers as one pathway sees them.

    Parameters
    ----------
    pathway
        A name of :data:`PATHWAYS`, such as ``"what"`` (value against value) or ``"where"`` (query against key).
    taps
        For each layer its tokens (pictures, tokens, channels) by tap: ``"q"``, ``"k"``, ``"v"``, those needed.
    grids
        Rows and columns of each layer's tokens.
    heads
        Attention heads, of all layers or of each.
    leading
        Tokens before the patches.
    names
        Names of the layers; None counts them.

    Raises
    ------
    InputError
        If the pathway is unknown or a tap is missing.
    """
    if pathway not in PATHWAYS:
        raise InputError(f"Unknown pathway {pathway!r}; use one of {', '.join(PATHWAYS)}.")
    first, second = PATHWAYS[pathway]
    each = [heads] * len(taps) if isinstance(heads, int) else list(heads)
    found = []
    for number, (layer, (rows, columns), n_heads) in enumerate(zip(taps, grids, each, strict=True)):
        name = f"layer {number}" if names is None else names[number]
        for tap in (first, second):
            if tap not in layer:
                raise InputError(f"The {pathway} pathway needs the tap {tap!r}, which {name} lacks.")
        right = None if first == second else layer[second]
        found.append(LayerTokens(layer[first], rows, columns, right, n_heads, leading, name))
    return found


def check_layers(layers: Sequence[LayerInput]) -> int:
    """Number of pictures of some layers, once it is clear that they are of the same ones.

    Raises
    ------
    InputError
        If there is no layer or no picture, or their numbers of pictures differ.
    """
    if not layers:
        raise InputError("A layered cut needs at least one layer; none was given.")
    counts = {layer.n_pictures for layer in layers}
    if len(counts) > 1:
        raise InputError(f"All layers must be of the same pictures; they have {', '.join(map(str, sorted(counts)))}.")
    if 0 in counts:
        raise InputError("A layered cut needs at least one picture; none was given.")
    return counts.pop()
