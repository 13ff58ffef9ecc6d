"""A study on disk: pictures, features, alignments and cuts, as one object over the store.

The public names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Study": "study",
    "Cut": "cut",
    "Concept": "concept_set",
    "ConceptSet": "concept_set",
    "FeatureSet": "feature_set",
    "NodeFeatures": "node_features",
    "LinearAlignment": "node_features",
    "PictureTable": "picture_table",
    "PictureRecord": "picture_table",
    "TokenArray": "token_array",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
