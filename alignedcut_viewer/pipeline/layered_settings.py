"""The settings of a joint cut of many layers' graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..choices import PATHWAYS
from ..parameters import one_of, real, whole
from .setting_values import Settings, numbers, set_nodes, set_value
from .settings import ColourSettings, MapSettings, set_result

if TYPE_CHECKING:
    from ..spectral import LayeredCut

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
        set_nodes(self, self.networks, numbers("layers", self.layers))
        set_result(self, self.images, self.colour, self.map)
        whole("n_inside", self.n_inside, 1)
        if not isinstance(self.weights, str):
            set_value(self, "weights", tuple(float(weight) for weight in self.weights))
        self.engine()

    def engine(self) -> LayeredCut:
        """The engine that these settings ask for.

        Raises
        ------
        InputError
            If one of them does not fit.
        """
        from ..spectral import GraphSettings, LayeredCut, LayerWeights

        graph = {**self.arguments(GraphSettings), "gamma": real("affinity_gamma", self.affinity_gamma, above=0)}
        return LayeredCut(
            **{
                **self.arguments(LayeredCut),
                "graph": GraphSettings(**graph),
                "weights": LayerWeights(self.weights, self.temperature, self.rounds),
                "projections": True,
            }
        )
