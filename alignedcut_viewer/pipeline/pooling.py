"""Of the tokens of a picture what alignments are trained on: their mean, and a few of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..nodes import NetworkNodes, TokenGrid
from ..study.pooled_features import PooledFeatures
from ..study.study import Study
from .brain_settings import DEFAULT_SAMPLES

if TYPE_CHECKING:
    import torch

__all__ = ["HeldPlaces", "pooled_kind", "pooled_rows"]


@dataclass(frozen=True)
class HeldPlaces:
    """Which tokens of a picture are held.

    Attributes
    ----------
    places
        Places of a picture.
    class_share
        With which share of class tokens they were drawn.
    grids
        The tokens of a picture at each layer.
    """

    places: int
    class_share: float
    grids: Mapping[int, TokenGrid]

    @classmethod
    def of(cls, features: PooledFeatures, layers: Iterable[int]) -> HeldPlaces:
        """Those of a feature set."""
        return cls(features.places, features.class_share, {layer: features.grid(layer) for layer in layers})


def pooled_kind(study: Study, rows: int, columns: int, class_token: bool) -> dict[str, Any]:
    """How many places of a picture are held, and the share of class tokens among them.

    All networks of a study hold the same places, so that nodes correspond: those that the first one chose by the number
    of pictures.
    """
    from ..alignment.correspondence import class_share, places_a_picture

    for there in PooledFeatures.all_of(study.store).values():
        if not there.is_empty:
            return {"places": there.places, "class_share": there.class_share}
    share = class_share([NetworkNodes("", (0,), rows, columns, class_token)])
    return {"places": places_a_picture(DEFAULT_SAMPLES, len(study.pictures), share), "class_share": share}


def pooled_rows(
    tokens: torch.Tensor, held: HeldPlaces, layer: int, images: Sequence[int], storage: torch.dtype
) -> torch.Tensor:
    """What is held of some pictures at one layer.

    Parameters
    ----------
    tokens
        All tokens of the pictures, (n, token, channel).
    held
        What is held of a picture.
    layer
        Number of the layer.
    images
        Their image numbers.
    storage
        Type on disk.

    Returns
    -------
    torch.Tensor
        (n, 2 + places, channel) in that type.
    """
    import torch

    from ..alignment.correspondence import Positions, picture_places

    mean = tokens.float().mean(dim=1)
    high = mean.to(storage)
    rows = [high, (mean - high.float()).to(storage)]
    drawn = [picture_places(image, held.places, class_share=held.class_share) for image in images]
    y, x = (np.concatenate([places[axis] for places in drawn]) for axis in (0, 1))
    grid = held.grids[layer]
    if not grid.class_token:
        y, x = np.nan_to_num(y), np.nan_to_num(x)  # a patch stands in, which no training takes
    places = Positions(np.repeat(np.arange(len(images)), held.places), y, x)
    which = torch.from_numpy(places.tokens(grid.rows, grid.columns, class_token=grid.class_token))
    which = which.view(len(images), held.places).to(tokens.device)
    chosen = tokens.gather(1, which[:, :, None].expand(-1, -1, tokens.shape[2]))
    return torch.cat([torch.stack(rows, dim=1), chosen.to(storage)], dim=1)
