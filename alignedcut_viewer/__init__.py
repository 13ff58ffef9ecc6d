"""See how vision networks turn pixels into concepts, layer by layer, and which visual cortex each concept speaks to.

The public names below are imported when they are first used, so that ``import alignedcut_viewer`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "AlignedCutError": "errors",
    "Cancelled": "errors",
    "NodeIndex": "nodes",
    "NetworkNodes": "nodes",
    "Slot": "nodes",
    "PictureSet": "images",
    "open_pictures": "images",
    "sample_pictures": "images",
    "list_networks": "backbones",
    "load_backbone": "backbones",
    "NormalizedCut": "spectral",
    "SpectralTSNE": "spectral",
    "Hyperalignment": "alignment",
    "BrainAlignment": "alignment",
    "Study": "study",
    "run": "pipeline",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
