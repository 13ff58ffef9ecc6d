"""Networks: a registry of specs, adapters to timm and transformers, weights from the hub or from disk, taps.

Public names are imported when they are first used: neither torch nor timm nor transformers is loaded before a network
is, so that listing networks costs nothing.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
