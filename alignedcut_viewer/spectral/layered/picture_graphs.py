r"""Graphs inside a picture: every token against every token of the same picture, as one matrix per picture.

Rows without an edge (a token that is like no other) stay zero under either normalisation: such a layer has no say on
where that token belongs, and nothing divides by zero.
"""

from __future__ import annotations

import torch

from ...errors import InputError
from .graph_settings import GraphSettings
from .layer_tokens import AttentionMaps, LayerInput, LayerTokens

__all__ = ["check_neighbours", "normalised", "picture_affinities", "walk_and_operator", "unit_rows"]

_TINY = 1e-12


def picture_affinities(
    layer: LayerInput, pictures: slice, settings: GraphSettings, device: torch.device
) -> torch.Tensor:
    """Affinities within some pictures at one layer.

    Parameters
    ----------
    layer
        Its tokens, or its attention.
    pictures
        Which.
    settings
        How. Neighbours in other pictures play no part.
    device
        Where.

    Returns
    -------
    torch.Tensor
        float32 (pictures, graphs, tokens, tokens), not negative: one graph, or one a head. Cosines and kernels are
        symmetrised; softmax and a network's attention are as they are.
    """
    if isinstance(layer, AttentionMaps):
        maps = layer.maps(pictures, device)
        return maps.mean(dim=1, keepdim=True) if settings.heads == "joined" else maps
    if settings.affinity == "softmax":
        return _softmax(layer, pictures, settings, device)
    check_neighbours(layer, settings)
    sides = [_heads(side, layer, settings) for side in layer.sides(pictures, device)]
    left, right = (unit_rows(side, settings.centred) for side in (sides[0], sides[-1]))
    cosine = left @ right.transpose(-1, -2)
    if settings.affinity == "kernel":
        affinity = cosine.sub_(1.0).div_(settings.gamma).exp_()
    else:
        affinity = torch.where(cosine >= settings.threshold, cosine, 0.0).clamp_(min=0.0)
        if settings.n_inside is not None:
            affinity = _nearest(affinity, settings.n_inside)
    return (affinity + affinity.transpose(-1, -2)) / 2


def check_neighbours(layer: LayerInput, settings: GraphSettings) -> None:
    """An InputError if tokens are to have more neighbours in their picture than there are."""
    if settings.affinity == "cosine" and settings.n_inside is not None and settings.n_inside >= len(layer.grid):
        raise InputError(
            f"A token cannot have {settings.n_inside} neighbours inside its picture: {layer.name} has a {layer.grid} "
            f"grid. Use n_inside={len(layer.grid) - 1} or fewer, or None for all."
        )


def _heads(side: torch.Tensor, layer: LayerTokens, settings: GraphSettings) -> torch.Tensor:
    """(pictures, tokens, channels) to (pictures, graphs, tokens, channels)."""
    if settings.heads == "joined":
        return side[:, None]
    return side.reshape(*side.shape[:-1], layer.heads, -1).transpose(1, 2)


def unit_rows(tokens: torch.Tensor, centred: bool) -> torch.Tensor:
    """Tokens (…, tokens, channels) of length one, their mean taken away first if asked; zero stays zero."""
    if centred:
        tokens = tokens - tokens.mean(dim=-2, keepdim=True)
    unit: torch.Tensor = tokens / torch.linalg.vector_norm(tokens, dim=-1, keepdim=True).clamp(min=_TINY)
    return unit


def _softmax(layer: LayerTokens, pictures: slice, settings: GraphSettings, device: torch.device) -> torch.Tensor:
    sides = layer.sides(pictures, device, leading=settings.leading_tokens)
    apart = [side.reshape(*side.shape[:-1], layer.heads, -1).transpose(1, 2) for side in sides]
    if settings.centred:
        apart = [side - side.mean(dim=-2, keepdim=True) for side in apart]
    scale = settings.scale or (layer.n_channels / layer.heads) ** -0.5
    probabilities = torch.softmax(scale * apart[0] @ apart[-1].transpose(-1, -2), dim=-1)
    if settings.leading_tokens:
        probabilities = probabilities[..., layer.leading :, layer.leading :]
    return probabilities.mean(dim=1, keepdim=True) if settings.heads == "joined" else probabilities


def _nearest(affinity: torch.Tensor, count: int) -> torch.Tensor:
    """Only the largest entries of every row, itself and `count` others."""
    values, places = affinity.topk(count + 1, dim=-1)
    return torch.zeros_like(affinity).scatter_(-1, places, values)


def normalised(affinity: torch.Tensor, normalisation: str) -> torch.Tensor:
    """A normalised graph.

    Parameters
    ----------
    affinity
        (…, n, n), not negative.
    normalisation
        ``"symmetric"``: of ``A = (A + A^T) / 2``, ``D^-1/2 A D^-1/2``; ``"row-stochastic"``: ``D^-1 A``.

    Returns
    -------
    torch.Tensor
        (…, n, n); rows without an edge are zero.
    """
    if normalisation == "symmetric":
        affinity = (affinity + affinity.transpose(-1, -2)) / 2
    degrees = affinity.sum(dim=-1)
    inverse = torch.where(degrees > _TINY, degrees.clamp(min=_TINY).reciprocal(), 0.0)
    if normalisation == "symmetric":
        inverse = inverse.sqrt()
        return affinity * inverse[..., :, None] * inverse[..., None, :]
    return affinity * inverse[..., :, None]


def walk_and_operator(
    layer: LayerInput, pictures: slice, settings: GraphSettings, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The graphs of some pictures at one layer in both forms, each float32 (pictures, graphs, tokens, tokens).

    Returns
    -------
    walk
        Row-stochastic ``P``, which the objective takes.
    operator
        Symmetric, its leading eigenvectors are the layer's own cut: ``D^-1/2 A D^-1/2``, or ``(P + P^T) / 2``.
    """
    affinities = picture_affinities(layer, pictures, settings, device)
    walk = normalised(affinities, "row-stochastic")
    if settings.normalisation == "symmetric":
        return walk, normalised(affinities, "symmetric")
    return walk, (walk + walk.transpose(-1, -2)) / 2
