"""Normalised cuts of large graphs of tokens, their maps, colours and segments. Arrays in, arrays out.

The public names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "FeatureChunks": "features",
    "AttentionMaps": "layered.layer_tokens",
    "GraphSettings": "layered.graph_settings",
    "Kernel": "affinity",
    "LayerTokens": "layered.layer_tokens",
    "LayerWeights": "layered.layer_weights",
    "LayeredCut": "layered.layered_cut",
    "NormalizedCut": "normalized_cut",
    "as_features": "features",
    "PromptedCut": "prompted",
    "SpectralTSNE": "tsne",
    "discretise": "discretisation",
    "hierarchical_cut": "hierarchy",
    "pathway_layers": "layered.layer_tokens",
    "prompted_cut": "prompted",
    "rgb": "colour",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
