"""Concepts: what recurs in the features of pictures, layers and networks. Arrays in, arrays out.

The public names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "PicturePlaces": "similarity",
    "best_per_image": "similarity",
    "cosine_similarity": "similarity",
    "feature_norms": "similarity",
    "top_nodes": "similarity",
    "Concepts": "discovery",
    "channel_statistics": "members",
    "discover": "discovery",
    "match_ids": "discovery",
    "representatives": "members",
    "Consistency": "consistency",
    "channel_consistency": "consistency",
    "path_nodes": "places",
    "Bifurcation": "trajectories",
    "PaceCurve": "trajectories",
    "bifurcation_layer": "trajectories",
    "length": "trajectories",
    "pace": "trajectories",
    "pace_curve": "trajectories",
    "paths": "trajectories",
    "TransitionComparison": "transitions",
    "compare_transitions": "transitions",
    "transition_counts": "transitions",
    "transition_matrix": "transitions",
    "Recurrence": "recurrence",
    "labels_by_slot": "recurrence",
    "overlap_matrix": "recurrence",
    "find_recurrence": "recurrence",
    "FIGURE": "figure_ground",
    "GROUND": "figure_ground",
    "GroupActivation": "figure_ground",
    "group_activation": "figure_ground",
    "labels_of_selections": "figure_ground",
    "nodes_of": "figure_ground",
    "Counterparts": "comparison",
    "counterparts": "comparison",
    "layer_matrix": "comparison",
    "linear_cka": "comparison",
    "mutual_knn": "comparison",
    "nearest_layers": "comparison",
    "subspace_agreement": "comparison",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
