"""The settings of a joint cut of many layers' graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..choices import LAYERED_SCOPES, PATHWAYS
from ..device import parse_memory
from ..errors import InputError
from .setting_values import Settings, numbers, one_of, real, set_value, texts, whole
from .settings import ColourSettings, MapSettings

__all__ = ["LayeredSettings"]


@dataclass(frozen=True)
class LayeredSettings(Settings):
    """Which layers' graphs are cut together, and how; see :class:`alignedcut_viewer.spectral.LayeredCut`.

    Parameters
    ----------
    pathway
        ``"what"`` compares values with values, ``"where"`` queries with keys; ``"both"`` takes the graphs of both.
    networks
        Names of networks of the study; None takes all that have the taps.
    layers
        Layer numbers from 0, for all networks; None takes all that were extracted.
    images
        Image numbers; None takes all that were extracted.
    scope
        ``"data set"``: one cut of all pictures; ``"picture"``: every picture is cut by itself, and its columns are
        turned to agree with those of the others (:mod:`alignedcut_viewer.spectral.layered.turning`).
    n_components
        Number of pseudo-eigenvectors.
    solver
        See :class:`~alignedcut_viewer.spectral.LayeredCut`.
    affinity, heads, normalisation, centred, n_inside, n_across, threshold
        See :class:`~alignedcut_viewer.spectral.GraphSettings`.
    affinity_gamma
        Width of the kernel where `affinity` is ``"kernel"``.
    weights
        ``"agreement"``, ``"uniform"``, ``"resolution"``, or a number for each layer of each network, one after the
        other (of both pathways, those of "what" first).
    temperature, rounds
        Of weights by agreement, see :class:`~alignedcut_viewer.spectral.LayerWeights`.
    power, metric, n_landmarks, n_shared, seed, device, memory
        See :class:`~alignedcut_viewer.spectral.LayeredCut`.
    colour
        How the result is coloured.
    map
        How the plane for paths over the layers is made; None leaves it out.
    """

    pathway: str = "what"
    networks: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    images: tuple[int, ...] | None = None
    scope: str = "data set"
    n_components: int = 20
    solver: str = "direct"
    affinity: str = "cosine"
    heads: str = "joined"
    normalisation: str = "symmetric"
    centred: bool = False
    affinity_gamma: float = 0.1
    n_inside: int = 50
    n_across: int = 50
    threshold: float = 0.1
    weights: str | tuple[float, ...] = "agreement"
    temperature: float = 0.05
    rounds: int = 3
    power: float = 1.0
    metric: str = "pooled"
    n_landmarks: int | None = None
    n_shared: int = 10
    seed: int = 0
    device: str = "auto"
    memory: str = "4GiB"
    colour: ColourSettings = field(default_factory=ColourSettings)
    map: MapSettings | None = field(default_factory=MapSettings)

    def __post_init__(self) -> None:
        one_of("pathway", self.pathway, PATHWAYS)
        one_of("scope", self.scope, LAYERED_SCOPES)
        if self.networks is not None:
            set_value(self, "networks", texts("networks", self.networks))
        set_value(self, "layers", numbers("layers", self.layers))
        if self.images is not None:
            set_value(self, "images", tuple(whole("images", image, 0) for image in self.images))
        for name, least in (("n_components", 1), ("n_inside", 1), ("n_across", 0), ("rounds", 0), ("n_shared", 1)):
            whole(name, getattr(self, name), least)
        whole("seed", self.seed, 0)
        if self.n_landmarks is not None:
            whole("n_landmarks", self.n_landmarks, 1)
        real("affinity_gamma", self.affinity_gamma, 0, math.inf)
        real("threshold", self.threshold, 0, 1)
        real("temperature", self.temperature, 0, math.inf)
        if not isinstance(self.weights, str):
            set_value(self, "weights", tuple(float(weight) for weight in self.weights))
        parse_memory(self.memory)
        if isinstance(self.colour, Mapping):
            set_value(self, "colour", ColourSettings.from_dict(self.colour))
        if not isinstance(self.colour, ColourSettings):
            raise InputError("colour must be ColourSettings, or a mapping of them.")
        described: Any = self.map  # from JSON it comes as a mapping
        if isinstance(described, Mapping):
            set_value(self, "map", MapSettings.from_dict(described))
        if self.map is not None and not isinstance(self.map, MapSettings):
            raise InputError("map must be MapSettings, a mapping of them, or None.")
