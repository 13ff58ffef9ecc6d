"""Networks: a registry of specs, adapters to timm and transformers, weights from the hub or from disk, taps.

Public names are imported when they are first used: neither torch nor timm nor transformers is loaded before a network
is, so that listing networks costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backbone import Backbone
    from .families import NetworkFamily
    from .loading import WEIGHTS_VARIABLE, load_backbone
    from .registry import get_spec, list_networks
    from .spec import BUILT_IN, OFFLINE_NETWORK, TAPS, NetworkSpec, Tap
    from .taps import TapPoint

_PUBLIC = {
    "BUILT_IN": "spec",
    "OFFLINE_NETWORK": "spec",
    "TAPS": "spec",
    "TapPoint": "taps",
    "WEIGHTS_VARIABLE": "loading",
    "Backbone": "backbone",
    "NetworkFamily": "families",
    "NetworkSpec": "spec",
    "Tap": "spec",
    "get_spec": "registry",
    "list_networks": "registry",
    "load_backbone": "loading",
}

__all__ = [
    "BUILT_IN",
    "OFFLINE_NETWORK",
    "TAPS",
    "WEIGHTS_VARIABLE",
    "Backbone",
    "NetworkFamily",
    "NetworkSpec",
    "Tap",
    "TapPoint",
    "get_spec",
    "list_networks",
    "load_backbone",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
