"""Which feature sets of a study a graph takes where nobody names any."""

from __future__ import annotations

from collections.abc import Mapping

from ..choices import PATHWAY_TAPS
from .feature_set import FeatureSet

__all__ = ["default_sets"]


def default_sets(sets: Mapping[str, FeatureSet]) -> list[str]:
    """Names of all sets that hold something, but queries, keys and values only of networks without another tap.

    Beside attention or block outputs they were extracted for joint cuts of many layers.

    Parameters
    ----------
    sets
        Feature sets by name.
    """
    parts = PATHWAY_TAPS["both"]
    held = {name: features for name, features in sets.items() if not features.is_empty}
    others = {features.network for features in held.values() if features.tap not in parts}
    return [name for name, features in held.items() if features.tap not in parts or features.network not in others]
