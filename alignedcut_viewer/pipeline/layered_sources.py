"""The layers of a study as a joint cut sees them: queries, keys and values of the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..choices import PATHWAY_TAPS
from ..errors import InputError, StudyError
from ..spectral import LayerTokens, pathway_layers
from ..study.feature_set import FeatureSet
from ..study.study import Study
from ..study.token_array import TokenArray

__all__ = ["LayeredSources", "find_sources"]


@dataclass(frozen=True)
class LayeredSources:
    """Where the graphs of a joint cut come from.

    Attributes
    ----------
    networks
        For each network its feature sets by tap.
    layers
        For each network the layers that take part.
    images
        The pictures.
    """

    networks: dict[str, dict[str, FeatureSet]]
    layers: dict[str, tuple[int, ...]]
    images: tuple[int, ...]

    @property
    def slots(self) -> list[tuple[str, int]]:
        """Network and layer, in the order of the graphs of one pathway."""
        return [(network, layer) for network, layers in self.layers.items() for layer in layers]

    def any_set(self, network: str) -> FeatureSet:
        """One of the feature sets of a network; they share the token grid."""
        return next(iter(self.networks[network].values()))

    def tokens(self, pathway: str, *, heads_apart: bool = False) -> list[LayerTokens]:
        """The layers of all networks as one pathway sees them.

        Raises
        ------
        StudyError
            If heads are wanted apart, but their number was not recorded.
        """
        found: list[LayerTokens] = []
        for network, layer in self.slots:
            sets = self.networks[network]
            taps = {tap: _Pictures(features.tokens(layer), self.images) for tap, features in sets.items()}
            own = self.any_set(network)
            grid = own.grid(layer)
            found += pathway_layers(
                pathway,
                [taps],
                [(grid.rows, grid.columns)],
                heads=_heads(own, layer) if heads_apart else 1,
                leading=int(grid.class_token),
                names=[f"layer {layer} of {network}"],
            )
        return found


def _heads(features: FeatureSet, layer: int) -> int:
    heads = features.note.get("heads")
    if isinstance(heads, list):  # one a layer, where they differ
        heads = heads[layer]
    if not heads:
        raise StudyError(
            f"The study does not say how many attention heads {features.network} has; extract its features again into "
            "another study, or join the heads."
        )
    return int(heads)


class _Pictures:
    """Some pictures of a token array, as an array of their own."""

    on_disk = True

    def __init__(self, tokens: TokenArray, images: Sequence[int]) -> None:
        self._tokens, self._images = tokens, np.asarray(images, dtype=np.int64)
        self.shape = (len(images), *tokens.shape[1:])

    def __getitem__(self, pictures: slice) -> NDArray[Any]:
        images = self._images[pictures]
        breaks = np.flatnonzero(np.diff(images) != 1) + 1
        runs = [self._tokens[int(run[0]) : int(run[-1]) + 1] for run in np.split(images, breaks) if len(run)]
        return np.concatenate(runs) if runs else np.empty((0, *self.shape[1:]), self._tokens.dtype)


def find_sources(
    study: Study,
    pathway: str,
    networks: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    images: Sequence[int] | None = None,
) -> LayeredSources:
    """The feature sets of a study that a pathway needs.

    Parameters
    ----------
    study
        Holds queries, keys or values of some networks.
    pathway
        ``"what"``, ``"where"`` or ``"both"``.
    networks, layers, images
        What to take; None takes all that have what is needed.

    Raises
    ------
    StudyError
        If a tap is missing, or of several kinds, or no picture is complete.
    InputError
        If no layer is left.
    """
    needed = PATHWAY_TAPS[pathway]
    every = [features for features in study.networks.values() if not features.is_empty]
    names = list(dict.fromkeys(features.network for features in every)) if networks is None else list(networks)
    chosen: dict[str, dict[str, FeatureSet]] = {}
    for name in names:
        sets = {tap: [f for f in every if f.tap == tap and name in (f.network, f.name)] for tap in needed}
        missing = [tap for tap in needed if not sets[tap]]
        if missing and networks is None:
            continue
        if missing:
            raise StudyError(_lacking(study, pathway, name, missing))
        several = [tap for tap in needed if len(sets[tap]) > 1]
        if several:
            known = ", ".join(features.name for features in sets[several[0]])
            raise StudyError(f"The study holds several feature sets of {name} at tap {several[0]}: {known}.")
        chosen[name] = {tap: found[0] for tap, found in sets.items()}
        if len({(f.rows, f.columns) for f in chosen[name].values()}) > 1:
            raise StudyError(f"Queries, keys and values of {name} were extracted at different sizes.")
    if not chosen:
        raise StudyError(_lacking(study, pathway, "any network", list(needed)))
    of_network: dict[str, tuple[int, ...]] = {}
    for name, by_tap in chosen.items():
        held = set.intersection(*(set(features.layers) for features in by_tap.values()))
        of_network[name] = tuple(sorted(held if layers is None else held & set(layers)))
        if not of_network[name]:
            raise InputError(f"None of the chosen layers of {name} is in the study; it holds layers {sorted(held)}.")
    return LayeredSources(chosen, of_network, _complete(study, chosen, of_network, images))


def _lacking(study: Study, pathway: str, name: str, taps: Sequence[str]) -> str:
    what = {"q": "queries", "k": "keys", "v": "values"}
    needed = " and ".join(what[tap] for tap in taps)
    return (
        f"The pathway {pathway!r} needs the {needed} of {name}, which the study {study.path} does not hold. Extract "
        f"them first: alignedcut extract PICTURES --study {study.path.name} --tap {' '.join(taps)}"
    )


def _complete(
    study: Study,
    chosen: dict[str, dict[str, FeatureSet]],
    layers: dict[str, tuple[int, ...]],
    images: Sequence[int] | None,
) -> tuple[int, ...]:
    n_images = len(study.pictures)
    complete = np.ones(n_images, dtype=bool)
    complete[list(study.skipped)] = False
    for name, sets in chosen.items():
        for features in sets.values():
            for layer in layers[name]:
                complete &= features.complete(layer, n_images)
    if images is None:
        found = tuple(int(image) for image in np.flatnonzero(complete))
        if not found:
            raise StudyError("No picture has features at all the layers that were chosen; extract them first.")
        return found
    for image in images:
        if not 0 <= image < n_images:
            raise InputError(f"There is no image {image}; the study holds {n_images}, counted from 0.")
        if not complete[image]:
            raise StudyError(f"The features of image {image} are not complete; extract them first.")
    return tuple(dict.fromkeys(int(image) for image in images))
