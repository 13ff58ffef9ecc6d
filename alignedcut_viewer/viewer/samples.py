"""File > Open Sample."""

from typing import Any

from .frames.loading import load_pictures
from .reader import coordinator_in_front, picture_layer
from .state.settings import SAMPLES

__all__ = ["sample_pictures"]


def sample_pictures() -> list[tuple[Any, ...]]:
    """Photographs that come with scikit-image and scikit-learn."""
    loaded = load_pictures(SAMPLES)
    coordinator = coordinator_in_front()
    # napari wants layers from a sample and adds them itself; the coordinator takes them over.
    return [picture_layer(loaded, None if coordinator is None else coordinator.adopt_pictures(loaded))]
