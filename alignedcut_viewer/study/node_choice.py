"""Which layers and images of a study become nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, StudyError
from ..parameters import wholes
from .feature_set import FeatureSet

__all__ = ["LayerChoice", "chosen_images", "chosen_layers"]

LayerChoice = Iterable[int] | Mapping[str, Iterable[int]] | None


def chosen_layers(features: FeatureSet, layers: LayerChoice, name_of: Callable[[str], str]) -> list[int]:
    """Layers of a feature set that are meant.

    Parameters
    ----------
    features
        The feature set.
    layers
        Layer numbers, for all networks or by network; None takes all that were extracted. Of one list for all networks,
        each takes those that it has.
    name_of
        Gives the name of the feature set that somebody named.

    Raises
    ------
    StudyError
        If a layer named for this network was not extracted.
    InputError
        If none is left.
    """
    held = features.layers
    if isinstance(layers, Mapping):
        chosen = {name_of(name): numbers for name, numbers in layers.items()}.get(features.name)
        wanted = list(held) if chosen is None else sorted(set(wholes("layers", chosen)))
        for layer in wanted:
            features.array(layer)  # says what is missing
    else:
        given: set[int] = set() if layers is None else set(wholes("layers", layers))
        wanted = list(held) if layers is None else [layer for layer in held if layer in given]
    if not wanted:
        raise InputError(f"None of the chosen layers of {features.name} is in the study; it holds layers {list(held)}.")
    return wanted


def chosen_images(images: Iterable[int] | None, complete: NDArray[np.bool_], skipped: Mapping[int, str]) -> list[int]:
    """Images that are meant: all whose features are complete, or those that are named.

    Parameters
    ----------
    images
        Image numbers; None takes all that are complete.
    complete
        For every image of the study whether its features are there.
    skipped
        Why images could not be read.

    Raises
    ------
    InputError
        If there is no such image.
    StudyError
        If the features of one are not there, or there are none at all.
    """
    if images is None:
        numbers = [int(image) for image in np.flatnonzero(complete)]
    else:
        numbers = list(wholes("images", images))
        for image in numbers:
            if not 0 <= image < len(complete):
                raise InputError(f"There is no image {image}; the study holds {len(complete)}, counted from 0.")
            if not complete[image] and image in skipped:
                raise StudyError(f"Image {image} is skipped: {skipped[image]}")
            if not complete[image]:
                raise StudyError(f"The features of image {image} are not complete; extract them first.")
    if not numbers:
        raise StudyError("No picture has features at all the layers that were chosen; extract them first.")
    return numbers
