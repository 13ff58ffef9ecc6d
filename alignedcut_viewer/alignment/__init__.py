"""Channel alignment: one linear map a (network, layer) into a common channel space."""

from __future__ import annotations

from .channel_alignment import ChannelAlignment
from .correspondence import corresponding_features, sample_positions
from .hyperalignment import Hyperalignment
from .shipped import shipped_alignment, shipped_alignments

__all__ = [
    "ChannelAlignment",
    "Hyperalignment",
    "corresponding_features",
    "sample_positions",
    "shipped_alignment",
    "shipped_alignments",
]
