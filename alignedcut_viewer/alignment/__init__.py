"""Channel alignment: one linear map a (network, layer) into a common channel space.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .brain_alignment import BrainAlignment
    from .brain_readout import BrainReadout
    from .brain_samples import BrainSamples
    from .brain_scores import SlotScores, score_slots
    from .channel_alignment import ChannelAlignment
    from .correspondence import corresponding_features, sample_positions
    from .hyperalignment import Hyperalignment
    from .matrix_import import import_matrices
    from .shipped import shipped_alignment, shipped_alignments

_PUBLIC = {
    "BrainAlignment": "brain_alignment",
    "BrainReadout": "brain_readout",
    "BrainSamples": "brain_samples",
    "ChannelAlignment": "channel_alignment",
    "Hyperalignment": "hyperalignment",
    "SlotScores": "brain_scores",
    "score_slots": "brain_scores",
    "corresponding_features": "correspondence",
    "import_matrices": "matrix_import",
    "sample_positions": "correspondence",
    "shipped_alignment": "shipped",
    "shipped_alignments": "shipped",
}

__all__ = [
    "BrainAlignment",
    "BrainReadout",
    "BrainSamples",
    "ChannelAlignment",
    "Hyperalignment",
    "SlotScores",
    "score_slots",
    "corresponding_features",
    "import_matrices",
    "sample_positions",
    "shipped_alignment",
    "shipped_alignments",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
