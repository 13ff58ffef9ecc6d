"""Concepts: what recurs in the features of pictures, layers and networks. Arrays in, arrays out.

The public names below are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
