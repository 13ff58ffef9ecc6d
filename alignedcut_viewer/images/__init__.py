"""Pictures in: folders, globs and lists of files read lazily, masks beside them, and sample pictures."""

from __future__ import annotations

from .decoding import SUFFIXES, decode, read_size
from .masks import find_masks, load_mask
from .pictures import PictureSet, open_pictures
from .samples import sample_pictures

__all__ = [
    "SUFFIXES",
    "PictureSet",
    "decode",
    "find_masks",
    "load_mask",
    "open_pictures",
    "read_size",
    "sample_pictures",
]
