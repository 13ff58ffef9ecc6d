"""Sample pictures without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..errors import PictureError
from .pictures import PictureSet

__all__ = ["sample_pictures"]

_SAMPLES = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/ihc.png"),
)
"""Colour photographs inside the wheels; ``motorcycle_right`` is the left one seen by the other camera of a pair."""


def sample_pictures() -> PictureSet:
    """Colour photographs that lie inside the installed scikit-image and scikit-learn.

    A temple, a flower, a cat, an astronaut, a cup, a motorcycle, a rocket, galaxies, a retina and stained tissue, the
    everyday scenes first. The two packages give their sources and licences: public domain, CC0 or CC BY, the two
    of scikit-learn in the ``README.txt`` beside them.

    Raises
    ------
    PictureError
        If neither package is installed with its pictures.
    """
    files = [path for package, name in _SAMPLES if (path := _inside(package, name)) is not None]
    if not files:
        raise PictureError("No sample pictures are installed; install scikit-image and scikit-learn from their wheels.")
    return PictureSet(files)


def _inside(package: str, name: str) -> Path | None:
    """A file of an installed package, which is not imported for it."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    return None
