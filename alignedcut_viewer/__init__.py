"""See how vision networks turn pixels into concepts, layer by layer, and which visual cortex each concept activates.

The public names below are imported when they are first used, so that ``import alignedcut_viewer`` costs nothing.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *__all__]
