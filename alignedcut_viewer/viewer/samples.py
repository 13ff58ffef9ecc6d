"""File > Open Sample."""

from typing import Any

from .reader import read_folder
from .settings import SAMPLES

__all__ = ["sample_pictures"]


def sample_pictures() -> list[tuple[Any, ...]]:
    """Photographs that come with scikit-image and scikit-learn."""
    layers = read_folder(SAMPLES)
    return [layer for layer in layers if layer[0] is not None]
