"""A study on disk: pictures, features, alignments and cuts, as one object over the store.

The public names below are imported when they are first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
